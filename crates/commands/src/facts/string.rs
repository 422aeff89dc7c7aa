//! String commands (<https://valkey.io/commands/#string>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, double, flag, integer, key, oneof, string, unix_time};
use super::key_spec::{ow, rm, ro, rw};
use super::{Facts, Flags, Group, KeyRule};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &APPEND,
    &DECR,
    &DECRBY,
    &DELIFEQ,
    &GET,
    &GETDEL,
    &GETEX,
    &GETRANGE,
    &GETSET,
    &INCR,
    &INCRBY,
    &INCRBYFLOAT,
    &LCS,
    &MGET,
    &MSET,
    &MSETEX,
    &MSETNX,
    &PSETEX,
    &SET,
    &SETEX,
    &SETNX,
    &SETRANGE,
    &STRLEN,
    &SUBSTR,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::String, name, arity, since, complexity)
}

pub static APPEND: Facts =
    row("append", 3, "2.0.0", "O(1) amortised; copying the appended bytes comes on top")
        .summary("Adds bytes at the end of a string, starting from an empty one if the key is missing.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(&[rw(1).insert()])
        .args(&[key("key", 0), string("value")]);

pub static DECR: Facts = row("decr", 2, "1.0.0", "O(1)")
    .summary("Lowers an integer by one; a missing key counts as 0.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0)]);

pub static DECRBY: Facts = row("decrby", 3, "1.0.0", "O(1)")
    .summary("Lowers an integer by the given amount; a missing key counts as 0.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), integer("decrement")]);

pub static DELIFEQ: Facts = row("delifeq", 3, "9.0.0", "O(1)")
    .summary("Deletes a key if its string equals the given value.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rm(1).delete()])
    .args(&[key("key", 0), string("value")]);

pub static GET: Facts = row("get", 2, "1.0.0", "O(1)")
    .summary("Gives the string stored at a key.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0)]);

pub static GETDEL: Facts = row("getdel", 2, "6.2.0", "O(1)")
    .summary("Gives the string stored at a key and deletes the key.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().delete()])
    .args(&[key("key", 0)]);

pub static GETEX: Facts = row("getex", -2, "6.2.0", "O(1)")
    .summary("Gives the string stored at a key and sets or removes its TTL.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().update().notes("Setting the TTL counts as an update.")])
    .args(&[
        key("key", 0),
        oneof(
            "expiration",
            &[
                integer("seconds").token("EX"),
                integer("milliseconds").token("PX"),
                unix_time("unix-time-seconds").token("EXAT"),
                unix_time("unix-time-milliseconds").token("PXAT"),
                flag("persist", "PERSIST"),
            ],
        )
        .optional(),
    ]);

pub static GETRANGE: Facts = row("getrange", 4, "2.4.0", "O(N), N: bytes returned")
    .summary("Gives the bytes of a string between two offsets.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), integer("start"), integer("end")]);

pub static GETSET: Facts = row("getset", 3, "1.0.0", "O(1)")
    .summary("Stores a new string and gives the one it replaces.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), string("value")]);

pub static INCR: Facts = row("incr", 2, "1.0.0", "O(1)")
    .summary("Raises an integer by one; a missing key counts as 0.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0)]);

pub static INCRBY: Facts = row("incrby", 3, "1.0.0", "O(1)")
    .summary("Raises an integer by the given amount; a missing key counts as 0.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), integer("increment")]);

pub static INCRBYFLOAT: Facts = row("incrbyfloat", 3, "2.6.0", "O(1)")
    .summary("Raises a floating-point number by the given amount; a missing key counts as 0.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), double("increment")]);

pub static LCS: Facts = row("lcs", -3, "7.0.0", "O(N*M), N and M: lengths of the two strings")
    .summary(
        "Compares two strings and gives their longest common subsequence, its length or the matching ranges.",
    )
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access().to(1, 1)])
    .args(&[
        key("key1", 0),
        key("key2", 0),
        flag("len", "LEN").optional(),
        flag("idx", "IDX").optional(),
        integer("min-match-len").token("MINMATCHLEN").optional(),
        flag("withmatchlen", "WITHMATCHLEN").optional(),
    ]);

pub static MGET: Facts = row("mget", -2, "1.0.0", "O(N), N: keys asked for")
    .summary("Gives the strings of several keys at once.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access().to(-1, 1)])
    .tips(&["request_policy:multi_shard"])
    .args(&[key("key", 0).multiple()]);

pub static MSET: Facts = row("mset", -3, "1.0.1", "O(N), N: keys set")
    .summary("Sets several keys to strings in one step.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(1).update().to(-1, 2)])
    .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
    .args(&[block("data", &[key("key", 0), string("value")]).multiple()]);

pub static MSETEX: Facts = row("msetex", -4, "9.1.0", "O(N), N: keys set")
    .summary("Sets several keys to strings in one step, with an optional condition and a common TTL.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(1).update().keynum(0, 1, 2)])
    .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
    .args(&[
        integer("numkeys"),
        block("data", &[key("key", 0), string("value")]).multiple(),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX")]).optional(),
        oneof(
            "expiration",
            &[
                integer("seconds").token("EX"),
                integer("milliseconds").token("PX"),
                unix_time("unix-time-seconds").token("EXAT"),
                unix_time("unix-time-milliseconds").token("PXAT"),
                flag("keepttl", "KEEPTTL"),
            ],
        )
        .optional(),
    ]);

pub static MSETNX: Facts = row("msetnx", -3, "1.0.1", "O(N), N: keys set")
    .summary("Sets several keys to strings, provided that none of them exists.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(1).insert().to(-1, 2)])
    .args(&[block("data", &[key("key", 0), string("value")]).multiple()]);

pub static PSETEX: Facts = row("psetex", 4, "2.6.0", "O(1)")
    .summary("Sets a key to a string value together with a TTL in milliseconds.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(1).update()])
    .args(&[key("key", 0), integer("milliseconds"), string("value")]);

pub static SET: Facts = row("set", -3, "1.0.0", "O(1)")
    .summary("Sets a key to a string value, with an optional condition and TTL.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).access().update().variable_flags().notes("`GET` reads the old value.")])
    .key_rule(KeyRule::Set)
    .history(&[
        ("2.6.12", "Options `EX`, `PX`, `NX` and `XX`."),
        ("6.0.0", "Option `KEEPTTL`."),
        ("6.2.0", "Options `GET`, `EXAT` and `PXAT`."),
        ("7.0.0", "`NX` and `GET` may be combined."),
        ("8.1.0", "Option `IFEQ`."),
    ])
    .args(&[
        key("key", 0),
        string("value"),
        oneof(
            "condition",
            &[
                flag("nx", "NX").since("2.6.12"),
                flag("xx", "XX").since("2.6.12"),
                string("comparison-value")
                    .token("IFEQ")
                    .summary("Value that the key must hold.")
                    .since("8.1.0"),
            ],
        )
        .optional(),
        flag("get", "GET").since("6.2.0").optional(),
        oneof(
            "expiration",
            &[
                integer("seconds").token("EX").since("2.6.12"),
                integer("milliseconds").token("PX").since("2.6.12"),
                unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
                flag("keepttl", "KEEPTTL").since("6.0.0"),
            ],
        )
        .optional(),
    ]);

pub static SETEX: Facts = row("setex", 4, "2.0.0", "O(1)")
    .summary("Sets a key to a string value together with a TTL in seconds.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(1).update()])
    .args(&[key("key", 0), integer("seconds"), string("value")]);

pub static SETNX: Facts = row("setnx", 3, "1.0.0", "O(1)")
    .summary("Sets a key to a string value, provided that it does not exist.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[ow(1).insert()])
    .args(&[key("key", 0), string("value")]);

pub static SETRANGE: Facts =
    row("setrange", 4, "2.2.0", "O(1) for short values, O(M) otherwise, M: bytes written")
        .summary(
            "Overwrites bytes of a string from an offset on, padding with zero bytes where it is too short.",
        )
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(&[rw(1).update()])
        .args(&[key("key", 0), integer("offset"), string("value")]);

pub static STRLEN: Facts = row("strlen", 2, "2.2.0", "O(1)")
    .summary("Gives the length of a string in bytes.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0)]);

pub static SUBSTR: Facts = row("substr", 4, "1.0.0", "O(N), N: bytes returned")
    .summary("Gives the bytes of a string between two offsets; the old name of GETRANGE.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), integer("start"), integer("end")]);
