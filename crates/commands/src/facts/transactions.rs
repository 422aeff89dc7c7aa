//! Transaction commands (<https://valkey.io/commands/#transactions>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::key;
use super::key_spec::ro;
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[&DISCARD, &EXEC, &MULTI, &UNWATCH, &WATCH];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Transactions, name, arity, since, complexity)
}

pub static DISCARD: Facts = row("discard", 1, "2.0.0", "O(N), N: commands queued")
    .summary("Drops the queued commands of a transaction.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::ALLOW_BUSY]);

pub static EXEC: Facts = row("exec", 1, "1.2.0", "That of the commands queued")
    .summary("Runs the queued commands of a transaction.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::SKIP_COMMANDLOG]);

pub static MULTI: Facts = row("multi", 1, "1.2.0", "O(1)").summary("Begins a transaction.").flags(&[
    Flags::NOSCRIPT,
    Flags::LOADING,
    Flags::STALE,
    Flags::FAST,
    Flags::NO_MULTI,
    Flags::ALLOW_BUSY,
]);

pub static UNWATCH: Facts = row("unwatch", 1, "2.2.0", "O(1)").summary("Forgets all watched keys.").flags(&[
    Flags::NOSCRIPT,
    Flags::LOADING,
    Flags::STALE,
    Flags::FAST,
    Flags::ALLOW_BUSY,
]);

pub static WATCH: Facts = row("watch", -2, "2.2.0", "O(1) per key")
    .summary("Makes the next transaction depend on keys staying unchanged.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::NO_MULTI, Flags::ALLOW_BUSY])
    .keys(&[ro(1).to(-1, 1)])
    .args(&[key("key", 0).multiple()]);
