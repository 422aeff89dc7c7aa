//! Set commands (<https://valkey.io/commands/#set>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{integer, key, pattern, string};
use super::key_spec::{ow, ro, rw};
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &SADD,
    &SCARD,
    &SDIFF,
    &SDIFFSTORE,
    &SINTER,
    &SINTERCARD,
    &SINTERSTORE,
    &SISMEMBER,
    &SMEMBERS,
    &SMISMEMBER,
    &SMOVE,
    &SPOP,
    &SRANDMEMBER,
    &SREM,
    &SSCAN,
    &SUNION,
    &SUNIONSTORE,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Set, name, arity, since, complexity)
}

pub static SADD: Facts = row("sadd", -3, "1.0.0", "O(1) per member")
    .summary("Adds members to a set.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .history(&[("2.4.0", "More than one member per call.")])
    .args(&[key("key", 0), string("member").multiple()]);

pub static SCARD: Facts = row("scard", 2, "1.0.0", "O(1)")
    .summary("Counts the members of a set.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0)]);

pub static SDIFF: Facts = row("sdiff", -2, "1.0.0", "O(N), N: members of all sets")
    .summary("Gives the members of the first set that no other set has.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access().to(-1, 1)])
    .tips(&["nondeterministic_output_order"])
    .args(&[key("key", 0).multiple()]);

pub static SDIFFSTORE: Facts = row("sdiffstore", -3, "1.0.0", "O(N), N: members of all sets")
    .summary("Stores the members of the first set that no other set has.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(1).update(), ro(2).access().to(-1, 1)])
    .args(&[key("destination", 0), key("key", 1).multiple()]);

pub static SINTER: Facts = row("sinter", -2, "1.0.0", "O(N*M), N: members of the smallest set, M: sets")
    .summary("Gives the members that all sets have.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access().to(-1, 1)])
    .tips(&["nondeterministic_output_order"])
    .args(&[key("key", 0).multiple()]);

pub static SINTERCARD: Facts =
    row("sintercard", -3, "7.0.0", "O(N*M), N: members of the smallest set, M: sets")
        .summary("Counts the members that all sets have, up to a limit.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access().keynum(0, 1, 1)])
        .args(&[integer("numkeys"), key("key", 0).multiple(), integer("limit").token("LIMIT").optional()]);

pub static SINTERSTORE: Facts =
    row("sinterstore", -3, "1.0.0", "O(N*M), N: members of the smallest set, M: sets")
        .summary("Stores the members that all sets have.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(&[ow(1).update(), ro(2).access().to(-1, 1)])
        .args(&[key("destination", 0), key("key", 1).multiple()]);

pub static SISMEMBER: Facts = row("sismember", 3, "1.0.0", "O(1)")
    .summary("Tells whether a set has a member.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0), string("member")]);

pub static SMEMBERS: Facts = row("smembers", 2, "1.0.0", "O(N), N: members of the set")
    .summary("Lists a set in full.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output_order"])
    .args(&[key("key", 0)]);

pub static SMISMEMBER: Facts = row("smismember", -3, "6.2.0", "O(N), N: members given")
    .summary("Tells which of the given members a set has.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("member").multiple()]);

pub static SMOVE: Facts = row("smove", 4, "1.0.0", "O(1)")
    .summary("Takes a member out of one set and puts it into another.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().delete(), rw(2).insert()])
    .args(&[key("source", 0), key("destination", 1), string("member")]);

pub static SPOP: Facts = row("spop", -2, "1.0.0", "O(1) for one member, O(N) with a count of N")
    .summary("Removes random members and gives them.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().delete()])
    .tips(&["nondeterministic_output"])
    .history(&[("3.2.0", "Argument `count`.")])
    .args(&[key("key", 0), integer("count").since("3.2.0").optional()]);

pub static SRANDMEMBER: Facts =
    row("srandmember", -2, "1.0.0", "O(1) for one member, O(N) with a count of N or -N")
        .summary("Picks random members.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .tips(&["nondeterministic_output"])
        .history(&[("2.6.0", "Argument `count`.")])
        .args(&[key("key", 0), integer("count").since("2.6.0").optional()]);

pub static SREM: Facts = row("srem", -3, "1.0.0", "O(N), N: members given")
    .summary("Removes members from a set.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).delete()])
    .history(&[("2.4.0", "More than one member per call.")])
    .args(&[key("key", 0), string("member").multiple()]);

pub static SSCAN: Facts =
    row("sscan", -3, "2.8.0", "O(1) per call, O(N) for the whole walk, N: members of the set")
        .summary("Walks through the members of a set, a batch per call.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .tips(&["nondeterministic_output"])
        .args(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]);

pub static SUNION: Facts = row("sunion", -2, "1.0.0", "O(N), N: members of all sets")
    .summary("Gives the members that any of the sets has.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access().to(-1, 1)])
    .tips(&["nondeterministic_output_order"])
    .args(&[key("key", 0).multiple()]);

pub static SUNIONSTORE: Facts = row("sunionstore", -3, "1.0.0", "O(N), N: members of all sets")
    .summary("Stores the members that any of the sets has.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(1).update(), ro(2).access().to(-1, 1)])
    .args(&[key("destination", 0), key("key", 1).multiple()]);
