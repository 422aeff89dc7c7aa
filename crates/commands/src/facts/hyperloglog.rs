//! HyperLogLog commands (<https://valkey.io/commands/#hyperloglog>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{key, string};
use super::key_spec::{ro, rw};
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[&PFADD, &PFCOUNT, &PFDEBUG, &PFMERGE, &PFSELFTEST];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Hyperloglog, name, arity, since, complexity)
}

pub static PFADD: Facts = row("pfadd", -2, "2.8.9", "O(1) per element")
    .summary("Counts elements into a HyperLogLog.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .args(&[key("key", 0), string("element").optional().multiple()]);

pub static PFCOUNT: Facts =
    row("pfcount", -2, "2.8.9", "O(1) for one key, O(N) with a large constant for N keys")
        .summary("Estimates how many distinct elements HyperLogLogs have counted together.")
        .flags(&[Flags::READONLY, Flags::MAY_REPLICATE])
        .keys(&[rw(1)
            .access()
            .to(-1, 1)
            .notes("The cached count inside the value may change, and is replicated.")])
        .args(&[key("key", 0).multiple()]);

pub static PFDEBUG: Facts = row("pfdebug", 3, "2.8.9", "N/A")
    .summary("Inspects a HyperLogLog; for tests.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::ADMIN])
    .keys(&[rw(2).access()])
    .syscmd()
    .args(&[string("subcommand"), key("key", 0)]);

pub static PFMERGE: Facts = row("pfmerge", -2, "2.8.9", "O(N) with a large constant, N: HyperLogLogs")
    .summary("Merges HyperLogLogs into one.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).access().insert(), ro(2).access().to(-1, 1)])
    .args(&[key("destkey", 0), key("sourcekey", 1).optional().multiple()]);

pub static PFSELFTEST: Facts = row("pfselftest", 1, "2.8.9", "N/A")
    .summary("Checks the HyperLogLog implementation; for tests.")
    .flags(&[Flags::ADMIN])
    .syscmd();
