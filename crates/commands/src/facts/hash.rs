//! Hash commands (<https://valkey.io/commands/#hash>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, double, flag, integer, key, oneof, pattern, string, unix_time};
use super::key_spec::{ro, rw};
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &HDEL,
    &HEXISTS,
    &HEXPIRE,
    &HEXPIREAT,
    &HEXPIRETIME,
    &HGET,
    &HGETALL,
    &HGETDEL,
    &HGETEX,
    &HINCRBY,
    &HINCRBYFLOAT,
    &HKEYS,
    &HLEN,
    &HMGET,
    &HMSET,
    &HPERSIST,
    &HPEXPIRE,
    &HPEXPIREAT,
    &HPEXPIRETIME,
    &HPTTL,
    &HRANDFIELD,
    &HSCAN,
    &HSET,
    &HSETEX,
    &HSETNX,
    &HSTRLEN,
    &HTTL,
    &HVALS,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Hash, name, arity, since, complexity)
}

pub static HDEL: Facts = row("hdel", -3, "2.0.0", "O(N), N: fields given")
    .summary("Deletes fields of a hash.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).delete()])
    .history(&[("2.4.0", "More than one field per call.")])
    .args(&[key("key", 0), string("field").multiple()]);

pub static HEXISTS: Facts = row("hexists", 3, "2.0.0", "O(1)")
    .summary("Tells whether a hash has a field.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0), string("field")]);

pub static HEXPIRE: Facts = row("hexpire", -6, "9.0.0", "O(N), N: fields given")
    .summary("Sets fields' TTL in seconds.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[
        key("key", 0),
        integer("seconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .optional(),
        block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HEXPIREAT: Facts = row("hexpireat", -6, "9.0.0", "O(N), N: fields given")
    .summary("Sets the second at which fields expire, as Unix time.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[
        key("key", 0),
        integer("unix-time-seconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .since("9.0.0")
            .optional(),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HEXPIRETIME: Facts = row("hexpiretime", -5, "9.0.0", "O(N), N: fields given")
    .summary("Gives the second at which fields expire, as Unix time.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[
        key("key", 0),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HGET: Facts = row("hget", 3, "2.0.0", "O(1)")
    .summary("Gives the value of a field.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("field")]);

pub static HGETALL: Facts = row("hgetall", 2, "2.0.0", "O(N), N: fields of the hash")
    .summary("Gives all fields with their values.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output_order"])
    .args(&[key("key", 0)]);

pub static HGETDEL: Facts = row("hgetdel", -5, "9.1.0", "O(N), N: fields given")
    .summary("Gives the values of fields and deletes these.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().delete()])
    .args(&[
        key("key", 0),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HGETEX: Facts = row("hgetex", -5, "9.0.0", "O(N), N: fields given")
    .summary("Gives the values of fields and sets or removes their TTL.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().update()])
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
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HINCRBY: Facts = row("hincrby", 4, "2.0.0", "O(1)")
    .summary("Raises an integer in a field by the given amount; a missing field counts as 0.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), string("field"), integer("increment")]);

pub static HINCRBYFLOAT: Facts = row("hincrbyfloat", 4, "2.6.0", "O(1)")
    .summary("Raises a floating-point number in a field by the given amount; a missing field counts as 0.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), string("field"), double("increment")]);

pub static HKEYS: Facts = row("hkeys", 2, "2.0.0", "O(N), N: fields of the hash")
    .summary("Gives all fields.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output_order"])
    .args(&[key("key", 0)]);

pub static HLEN: Facts = row("hlen", 2, "2.0.0", "O(1)")
    .summary("Counts the fields of a hash.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0)]);

pub static HMGET: Facts = row("hmget", -3, "2.0.0", "O(N), N: fields given")
    .summary("Gives the values of several fields.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("field").multiple()]);

pub static HMSET: Facts = row("hmset", -4, "2.0.0", "O(N), N: fields given")
    .summary("Sets several fields of a hash.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[key("key", 0), block("data", &[string("field"), string("value")]).multiple()]);

pub static HPERSIST: Facts = row("hpersist", -5, "9.0.0", "O(N), N: fields given")
    .summary("Removes the TTL of fields.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[
        key("key", 0),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HPEXPIRE: Facts = row("hpexpire", -6, "9.0.0", "O(N), N: fields given")
    .summary("Sets fields' TTL in milliseconds.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[
        key("key", 0),
        integer("milliseconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .since("9.0.0")
            .optional(),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HPEXPIREAT: Facts = row("hpexpireat", -6, "9.0.0", "O(N), N: fields given")
    .summary("Sets the millisecond at which fields expire, as Unix time.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[
        key("key", 0),
        integer("unix-time-milliseconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .since("9.0.0")
            .optional(),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HPEXPIRETIME: Facts = row("hpexpiretime", -5, "9.0.0", "O(N), N: fields given")
    .summary("Gives the millisecond at which fields expire, as Unix time.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[
        key("key", 0),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HPTTL: Facts = row("hpttl", -5, "9.0.0", "O(N), N: fields given")
    .summary("Gives fields' remaining TTL in milliseconds.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[
        key("key", 0),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HRANDFIELD: Facts = row("hrandfield", -2, "6.2.0", "O(N), N: fields returned")
    .summary("Picks random fields.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output"])
    .args(&[
        key("key", 0),
        block("options", &[integer("count"), flag("withvalues", "WITHVALUES").optional()]).optional(),
    ]);

pub static HSCAN: Facts =
    row("hscan", -3, "2.8.0", "O(1) per call, O(N) for the whole walk, N: fields of the hash")
        .summary("Walks through the fields of a hash, a batch per call.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .tips(&["nondeterministic_output"])
        .args(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
            flag("novalues", "NOVALUES").optional(),
        ]);

pub static HSET: Facts = row("hset", -4, "2.0.0", "O(N), N: fields given")
    .summary("Sets fields of a hash.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).update()])
    .history(&[("4.0.0", "More than one field and value per call.")])
    .args(&[key("key", 0), block("data", &[string("field"), string("value")]).multiple()]);

pub static HSETEX: Facts = row("hsetex", -6, "9.0.0", "O(N), N: fields given")
    .summary("Sets fields of a hash, with an optional condition and a common TTL.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .args(&[
        key("key", 0),
        oneof("key-condition", &[flag("nx", "NX"), flag("xx", "XX")]).optional(),
        oneof("fields-condition", &[flag("fnx", "FNX"), flag("fxx", "FXX")]).optional(),
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
        block(
            "fields",
            &[integer("numfields").spec(0), block("data", &[string("field"), string("value")]).multiple()],
        )
        .token("FIELDS"),
    ]);

pub static HSETNX: Facts = row("hsetnx", 4, "2.0.0", "O(1)")
    .summary("Sets a field of a hash, provided that it does not exist.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .args(&[key("key", 0), string("field"), string("value")]);

pub static HSTRLEN: Facts = row("hstrlen", 3, "3.2.0", "O(1)")
    .summary("Gives the length of a field's value in bytes.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0), string("field")]);

pub static HTTL: Facts = row("httl", -5, "9.0.0", "O(N), N: fields given")
    .summary("Gives fields' remaining TTL in seconds.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[
        key("key", 0),
        block("fields", &[integer("numfields").spec(0), string("field").multiple()]).token("FIELDS"),
    ]);

pub static HVALS: Facts = row("hvals", 2, "2.0.0", "O(N), N: fields of the hash")
    .summary("Gives all values.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output_order"])
    .args(&[key("key", 0)]);
