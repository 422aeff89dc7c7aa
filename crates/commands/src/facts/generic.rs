//! Commands on keys of any type (<https://valkey.io/commands/#generic>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, flag, integer, key, oneof, pattern, string, unix_time};
use super::key_spec::{ow, rm, ro, rw};
use super::{AclCategories, Facts, Flags, Group, KeyRule};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &COPY,
    &DEL,
    &DUMP,
    &EXISTS,
    &EXPIRE,
    &EXPIREAT,
    &EXPIRETIME,
    &KEYS,
    &MIGRATE,
    &MOVE,
    &OBJECT,
    &PERSIST,
    &PEXPIRE,
    &PEXPIREAT,
    &PEXPIRETIME,
    &PTTL,
    &RANDOMKEY,
    &RENAME,
    &RENAMENX,
    &RESTORE,
    &SCAN,
    &SORT,
    &SORT_RO,
    &TOUCH,
    &TTL,
    &TYPE,
    &UNLINK,
    &WAIT,
    &WAITAOF,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Generic, name, arity, since, complexity)
}

pub static COPY: Facts = row("copy", -3, "6.2.0", "O(N), N: elements of the value; O(1) for strings")
    .summary("Duplicates a key's value under another name or in another database.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ro(1).access(), ow(2).update()])
    .args(&[
        key("source", 0),
        key("destination", 1),
        integer("destination-db").token("DB").optional(),
        flag("replace", "REPLACE").optional(),
    ]);

pub static DEL: Facts =
    row("del", -2, "1.0.0", "O(N), N: keys deleted; a collection adds O(M), M: its elements")
        .summary("Deletes keys.")
        .flags(&[Flags::WRITE])
        .keys(&[rm(1).delete().to(-1, 1)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[key("key", 0).multiple()]);

pub static DUMP: Facts = row(
    "dump",
    2,
    "2.6.0",
    "O(1) for finding the key, O(N*M) for serialising, N: elements, M: their mean size",
)
.summary("Gives a key's value in serialised form.")
.flags(&[Flags::READONLY])
.keys(&[ro(1).access()])
.tips(&["nondeterministic_output"])
.args(&[key("key", 0)]);

pub static EXISTS: Facts = row("exists", -2, "1.0.0", "O(N), N: keys checked")
    .summary("Counts how many of the given keys exist.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).to(-1, 1)])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .history(&[("3.0.3", "More than one key per call.")])
    .args(&[key("key", 0).multiple()]);

pub static EXPIRE: Facts = row("expire", -3, "1.0.0", "O(1)")
    .summary("Sets a key's TTL in seconds.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
    .args(&[
        key("key", 0),
        integer("seconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .since("7.0.0")
            .optional(),
    ]);

pub static EXPIREAT: Facts = row("expireat", -3, "1.2.0", "O(1)")
    .summary("Sets the second at which a key expires, as Unix time.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
    .args(&[
        key("key", 0),
        unix_time("unix-time-seconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .since("7.0.0")
            .optional(),
    ]);

pub static EXPIRETIME: Facts = row("expiretime", 2, "7.0.0", "O(1)")
    .summary("Gives the second at which a key expires, as Unix time.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0)]);

pub static KEYS: Facts = row("keys", 2, "1.0.0", "O(N), N: keys of the database")
    .summary("Lists the keys that match a glob pattern.")
    .acl(&[AclCategories::DANGEROUS, AclCategories::KEYSPACE])
    .flags(&[Flags::READONLY, Flags::TOUCHES_ARBITRARY_KEYS])
    .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
    .args(&[pattern("pattern")]);

pub static MIGRATE: Facts = row(
    "migrate",
    -6,
    "2.6.0",
    "That of DUMP and DEL here and of RESTORE there, plus O(N) bytes of transfer",
)
.summary("Moves keys to another server in one step.")
.acl(&[AclCategories::DANGEROUS, AclCategories::KEYSPACE])
.flags(&[Flags::WRITE])
.keys(&[rw(3).access().delete(), rw(0).access().delete().incomplete().after("KEYS", -2).to(-1, 1)])
.key_rule(KeyRule::Migrate)
.tips(&["nondeterministic_output"])
.history(&[
    ("3.0.0", "Options `COPY` and `REPLACE`."),
    ("3.0.6", "Option `KEYS`."),
    ("4.0.7", "Option `AUTH`."),
    ("6.0.0", "Option `AUTH2`."),
])
.args(&[
    string("host"),
    integer("port"),
    oneof("key-selector", &[key("key", 0), flag("empty-string", "")]),
    integer("destination-db"),
    integer("timeout"),
    flag("copy", "COPY").since("3.0.0").optional(),
    flag("replace", "REPLACE").since("3.0.0").optional(),
    oneof(
        "authentication",
        &[
            string("auth").token("AUTH").display("password").since("4.0.7"),
            block("auth2", &[string("username"), string("password")]).token("AUTH2").since("6.0.0"),
        ],
    )
    .optional(),
    key("keys", 1).token("KEYS").display("key").since("3.0.6").optional().multiple(),
]);

pub static MOVE: Facts = row("move", 3, "1.0.0", "O(1)")
    .summary("Takes a key out of this database and puts it into another one.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), integer("db")]);

pub static OBJECT: Facts = row("object", -2, "2.2.3", "That of the subcommand")
    .summary("Groups commands that inspect how a value is stored.")
    .acl(&[])
    .subcommands(&[&OBJECT_ENCODING, &OBJECT_FREQ, &OBJECT_HELP, &OBJECT_IDLETIME, &OBJECT_REFCOUNT]);

pub static OBJECT_ENCODING: Facts = row("object|encoding", 3, "2.2.3", "O(1)")
    .summary("Names the internal encoding of a value.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2)])
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

pub static OBJECT_FREQ: Facts = row("object|freq", 3, "4.0.0", "O(1)")
    .summary("Gives the logarithmic access counter that LFU eviction keeps for a key.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2)])
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

pub static OBJECT_HELP: Facts = row("object|help", 2, "6.2.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static OBJECT_IDLETIME: Facts = row("object|idletime", 3, "2.2.3", "O(1)")
    .summary("Gives the seconds since a key was last accessed.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2)])
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

pub static OBJECT_REFCOUNT: Facts = row("object|refcount", 3, "2.2.3", "O(1)")
    .summary("Gives the reference count of a value.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2)])
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

pub static PERSIST: Facts = row("persist", 2, "2.2.0", "O(1)")
    .summary("Removes a key's TTL.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[key("key", 0)]);

pub static PEXPIRE: Facts = row("pexpire", -3, "2.6.0", "O(1)")
    .summary("Sets a key's TTL in milliseconds.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
    .args(&[
        key("key", 0),
        integer("milliseconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .since("7.0.0")
            .optional(),
    ]);

pub static PEXPIREAT: Facts = row("pexpireat", -3, "2.6.0", "O(1)")
    .summary("Sets the millisecond at which a key expires, as Unix time.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT` and `LT`.")])
    .args(&[
        key("key", 0),
        unix_time("unix-time-milliseconds"),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX"), flag("gt", "GT"), flag("lt", "LT")])
            .since("7.0.0")
            .optional(),
    ]);

pub static PEXPIRETIME: Facts = row("pexpiretime", 2, "7.0.0", "O(1)")
    .summary("Gives the millisecond at which a key expires, as Unix time.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0)]);

pub static PTTL: Facts = row("pttl", 2, "2.6.0", "O(1)")
    .summary("Gives a key's remaining TTL in milliseconds.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output"])
    .history(&[("2.8.0", "Reply -2 for a missing key.")])
    .args(&[key("key", 0)]);

pub static RANDOMKEY: Facts = row("randomkey", 1, "1.0.0", "O(1)")
    .summary("Picks a random key of the database.")
    .flags(&[Flags::READONLY, Flags::TOUCHES_ARBITRARY_KEYS])
    .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]);

pub static RENAME: Facts = row("rename", 3, "1.0.0", "O(1)")
    .summary("Gives a key another name, replacing what was there.")
    .flags(&[Flags::WRITE])
    .keys(&[rw(1).access().delete(), ow(2).update()])
    .args(&[key("key", 0), key("newkey", 1)]);

pub static RENAMENX: Facts = row("renamenx", 3, "1.0.0", "O(1)")
    .summary("Gives a key another name, provided that it is free.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().delete(), ow(2).insert()])
    .history(&[("3.2.0", "A new name equal to the old one is not an error.")])
    .args(&[key("key", 0), key("newkey", 1)]);

pub static RESTORE: Facts = row(
    "restore",
    -4,
    "2.6.0",
    "O(1) for the key, O(N*M) for the value, N: elements, M: their mean size; sorted sets O(N*M*log(N))",
)
.summary("Creates a key from a value that DUMP serialised.")
.acl(&[AclCategories::DANGEROUS, AclCategories::KEYSPACE])
.flags(&[Flags::WRITE, Flags::DENYOOM])
.keys(&[ow(1).update()])
.history(&[
    ("3.0.0", "Option `REPLACE`."),
    ("5.0.0", "Option `ABSTTL`."),
    ("5.0.0", "Options `IDLETIME` and `FREQ`."),
])
.args(&[
    key("key", 0),
    integer("ttl"),
    string("serialized-value"),
    flag("replace", "REPLACE").since("3.0.0").optional(),
    flag("absttl", "ABSTTL").since("5.0.0").optional(),
    integer("seconds").token("IDLETIME").since("5.0.0").optional(),
    integer("frequency").token("FREQ").since("5.0.0").optional(),
]);

pub static SCAN: Facts =
    row("scan", -2, "2.8.0", "O(1) per call, O(N) for the whole walk, N: keys of the database")
        .summary("Walks through the keys of the database, a batch per call.")
        .flags(&[Flags::READONLY, Flags::TOUCHES_ARBITRARY_KEYS])
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .history(&[("6.0.0", "Option `TYPE`.")])
        .args(&[
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
            string("type").token("TYPE").since("6.0.0").optional(),
        ]);

pub static SORT: Facts =
    row("sort", -2, "1.0.0", "O(N+M*log(M)), N: elements, M: elements returned; O(N) without sorting")
        .summary("Sorts a list, set or sorted set and returns or stores the result.")
        .acl(&[AclCategories::DANGEROUS, AclCategories::LIST, AclCategories::SET, AclCategories::SORTEDSET])
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(&[
            ro(1).access(),
            ro(0)
                .access()
                .unknown()
                .notes("`BY` and `GET` name keys by patterns that the sorted elements complete."),
            ow(0).update().unknown().notes("`STORE` may stand anywhere among the options."),
        ])
        .key_rule(KeyRule::Sort)
        .args(&[
            key("key", 0),
            pattern("by-pattern").spec(1).token("BY").display("pattern").optional(),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
            pattern("get-pattern")
                .spec(1)
                .token("GET")
                .display("pattern")
                .optional()
                .multiple()
                .multiple_token(),
            oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
            flag("sorting", "ALPHA").optional(),
            key("destination", 2).token("STORE").optional(),
        ]);

pub static SORT_RO: Facts =
    row("sort_ro", -2, "7.0.0", "O(N+M*log(M)), N: elements, M: elements returned; O(N) without sorting")
        .summary("Sorts a list, set or sorted set and returns the result.")
        .acl(&[AclCategories::DANGEROUS, AclCategories::LIST, AclCategories::SET, AclCategories::SORTEDSET])
        .flags(&[Flags::READONLY])
        .keys(&[
            ro(1).access(),
            ro(0)
                .access()
                .unknown()
                .notes("`BY` and `GET` name keys by patterns that the sorted elements complete."),
        ])
        .key_rule(KeyRule::SortRo)
        .args(&[
            key("key", 0),
            pattern("by-pattern").spec(1).token("BY").display("pattern").optional(),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
            pattern("get-pattern")
                .spec(1)
                .token("GET")
                .display("pattern")
                .optional()
                .multiple()
                .multiple_token(),
            oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
            flag("sorting", "ALPHA").optional(),
        ]);

pub static TOUCH: Facts = row("touch", -2, "3.2.1", "O(N), N: keys touched")
    .summary("Marks keys as just accessed and counts those that exist.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).to(-1, 1)])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .args(&[key("key", 0).multiple()]);

pub static TTL: Facts = row("ttl", 2, "1.0.0", "O(1)")
    .summary("Gives a key's remaining TTL in seconds.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output"])
    .history(&[("2.8.0", "Reply -2 for a missing key.")])
    .args(&[key("key", 0)]);

pub static TYPE: Facts = row("type", 2, "1.0.0", "O(1)")
    .summary("Tells whether a key holds a string, list, set or another type.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0)]);

pub static UNLINK: Facts =
    row("unlink", -2, "4.0.0", "O(1) per key; the background frees in O(N), N: allocations of the values")
        .summary("Deletes keys and frees their memory in the background.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[rm(1).delete().to(-1, 1)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[key("key", 0).multiple()]);

pub static WAIT: Facts = row("wait", 3, "3.0.0", "O(1)")
    .summary("Waits until replicas have acknowledged this connection's writes.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::BLOCKING])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .args(&[integer("numreplicas"), integer("timeout")]);

pub static WAITAOF: Facts = row("waitaof", 4, "7.2.0", "O(1)")
    .summary("Waits until this connection's writes are on disk here, on replicas or both.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::BLOCKING])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .args(&[integer("numlocal"), integer("numreplicas"), integer("timeout")]);
