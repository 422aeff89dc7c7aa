//! Stream commands (<https://valkey.io/commands/#stream>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, flag, integer, key, oneof, string, unix_time};
use super::key_spec::{ro, rw};
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &XACK,
    &XADD,
    &XAUTOCLAIM,
    &XCLAIM,
    &XDEL,
    &XGROUP,
    &XINFO,
    &XLEN,
    &XPENDING,
    &XRANGE,
    &XREAD,
    &XREADGROUP,
    &XREVRANGE,
    &XSETID,
    &XTRIM,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Stream, name, arity, since, complexity)
}

pub static XACK: Facts = row("xack", -4, "5.0.0", "O(1) per message")
    .summary("Marks messages as done by a consumer group.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .args(&[key("key", 0), string("group"), string("id").multiple()]);

pub static XADD: Facts = row("xadd", -5, "5.0.0", "O(1), plus O(N) for trimming, N: messages removed")
    .summary("Appends a message to a stream, optionally trimming it.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).update().notes("Trimming counts as an update.")])
    .tips(&["nondeterministic_output"])
    .history(&[
        ("6.2.0", "Options `NOMKSTREAM` and `LIMIT`; trimming by `MINID`."),
        ("7.0.0", "IDs with a given time and a generated sequence number."),
    ])
    .args(&[
        key("key", 0),
        flag("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
        block(
            "trim",
            &[
                oneof("strategy", &[flag("maxlen", "MAXLEN"), flag("minid", "MINID").since("6.2.0")]),
                oneof("operator", &[flag("equal", "="), flag("approximately", "~")]).optional(),
                string("threshold"),
                integer("count").token("LIMIT").since("6.2.0").optional(),
            ],
        )
        .optional(),
        oneof("id-selector", &[flag("auto-id", "*"), string("id")]),
        block("data", &[string("field"), string("value")]).multiple(),
    ]);

pub static XAUTOCLAIM: Facts = row("xautoclaim", -6, "6.2.0", "O(1) for a small COUNT")
    .summary("Hands messages that have been pending for long to another consumer.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).delete()])
    .tips(&["nondeterministic_output"])
    .history(&[("7.0.0", "Reply lists IDs of deleted messages that were pending.")])
    .args(&[
        key("key", 0),
        string("group"),
        string("consumer"),
        string("min-idle-time"),
        string("start"),
        integer("count").token("COUNT").optional(),
        flag("justid", "JUSTID").optional(),
    ]);

pub static XCLAIM: Facts = row("xclaim", -6, "5.0.0", "O(log N), N: pending messages of the group")
    .summary("Hands pending messages to another consumer.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).update()])
    .tips(&["nondeterministic_output"])
    .args(&[
        key("key", 0),
        string("group"),
        string("consumer"),
        string("min-idle-time"),
        string("id").multiple(),
        integer("ms").token("IDLE").optional(),
        unix_time("unix-time-milliseconds").token("TIME").optional(),
        integer("count").token("RETRYCOUNT").optional(),
        flag("force", "FORCE").optional(),
        flag("justid", "JUSTID").optional(),
        string("lastid").token("LASTID").optional(),
    ]);

pub static XDEL: Facts = row("xdel", -3, "5.0.0", "O(1) per message")
    .summary("Deletes messages from a stream.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).delete()])
    .args(&[key("key", 0), string("id").multiple()]);

pub static XGROUP: Facts = row("xgroup", -2, "5.0.0", "That of the subcommand")
    .summary("Groups commands about consumer groups.")
    .acl(&[])
    .subcommands(&[
        &XGROUP_CREATE,
        &XGROUP_CREATECONSUMER,
        &XGROUP_DELCONSUMER,
        &XGROUP_DESTROY,
        &XGROUP_HELP,
        &XGROUP_SETID,
    ]);

pub static XGROUP_CREATE: Facts = row("xgroup|create", -5, "5.0.0", "O(1)")
    .summary("Adds a consumer group to a stream.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(2).insert()])
    .history(&[("7.0.0", "Option `ENTRIESREAD`.")])
    .args(&[
        key("key", 0),
        string("group"),
        oneof("id-selector", &[string("id"), flag("new-id", "$")]),
        flag("mkstream", "MKSTREAM").optional(),
        integer("entriesread").token("ENTRIESREAD").display("entries-read").optional(),
    ]);

pub static XGROUP_CREATECONSUMER: Facts = row("xgroup|createconsumer", 5, "6.2.0", "O(1)")
    .summary("Creates a consumer.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(2).insert()])
    .args(&[key("key", 0), string("group"), string("consumer")]);

pub static XGROUP_DELCONSUMER: Facts = row("xgroup|delconsumer", 5, "5.0.0", "O(1)")
    .summary("Deletes a consumer together with its pending messages.")
    .flags(&[Flags::WRITE])
    .keys(&[rw(2).delete()])
    .args(&[key("key", 0), string("group"), string("consumer")]);

pub static XGROUP_DESTROY: Facts =
    row("xgroup|destroy", 4, "5.0.0", "O(N), N: pending messages of the group")
        .summary("Deletes a group with its consumers and pending messages.")
        .flags(&[Flags::WRITE])
        .keys(&[rw(2).delete()])
        .args(&[key("key", 0), string("group")]);

pub static XGROUP_HELP: Facts = row("xgroup|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static XGROUP_SETID: Facts = row("xgroup|setid", -5, "5.0.0", "O(1)")
    .summary("Sets the last ID that a consumer group was sent.")
    .flags(&[Flags::WRITE])
    .keys(&[rw(2).update()])
    .history(&[("7.0.0", "Option `ENTRIESREAD`.")])
    .args(&[
        key("key", 0),
        string("group"),
        oneof("id-selector", &[string("id"), flag("new-id", "$")]),
        integer("entriesread").token("ENTRIESREAD").display("entries-read").optional(),
    ]);

pub static XINFO: Facts = row("xinfo", -2, "5.0.0", "That of the subcommand")
    .summary("Groups commands that inspect streams.")
    .acl(&[])
    .subcommands(&[&XINFO_CONSUMERS, &XINFO_GROUPS, &XINFO_HELP, &XINFO_STREAM]);

pub static XINFO_CONSUMERS: Facts = row("xinfo|consumers", 4, "5.0.0", "O(1)")
    .summary("Describes the consumers of a group.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2).access()])
    .tips(&["nondeterministic_output"])
    .history(&[("7.2.0", "Field `inactive`; `idle` counts from the last attempt.")])
    .args(&[key("key", 0), string("group")]);

pub static XINFO_GROUPS: Facts = row("xinfo|groups", 3, "5.0.0", "O(1)")
    .summary("Describes a stream's consumer groups.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2).access()])
    .history(&[("7.0.0", "Fields `entries-read` and `lag`.")])
    .args(&[key("key", 0)]);

pub static XINFO_HELP: Facts = row("xinfo|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static XINFO_STREAM: Facts = row("xinfo|stream", -3, "5.0.0", "O(1)")
    .summary("Describes a stream.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2).access()])
    .history(&[
        ("6.0.0", "Option `FULL`."),
        ("7.0.0", "Fields on entries added and deleted and on the progress of groups."),
        ("7.2.0", "Field `active-time`; `seen-time` is the last attempt."),
    ])
    .args(&[
        key("key", 0),
        block("full-block", &[flag("full", "FULL"), integer("count").token("COUNT").optional()]).optional(),
    ]);

pub static XLEN: Facts = row("xlen", 2, "5.0.0", "O(1)")
    .summary("Counts the messages of a stream.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0)]);

pub static XPENDING: Facts = row(
    "xpending",
    -3,
    "5.0.0",
    "O(N), N: messages returned, with IDLE: looked at; the summary O(N), N: consumers",
)
.summary("Summarises or lists the pending messages of a consumer group.")
.flags(&[Flags::READONLY])
.keys(&[ro(1).access()])
.tips(&["nondeterministic_output"])
.history(&[("6.2.0", "Option `IDLE`; exclusive ends of the range.")])
.args(&[
    key("key", 0),
    string("group"),
    block(
        "filters",
        &[
            integer("min-idle-time").token("IDLE").since("6.2.0").optional(),
            string("start"),
            string("end"),
            integer("count"),
            string("consumer").optional(),
        ],
    )
    .optional(),
]);

pub static XRANGE: Facts = row("xrange", -4, "5.0.0", "O(N), N: messages returned")
    .summary("Gives the messages in a range of IDs.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .history(&[("6.2.0", "Exclusive ends of the range.")])
    .args(&[key("key", 0), string("start"), string("end"), integer("count").token("COUNT").optional()]);

pub static XREAD: Facts = row("xread", -4, "5.0.0", "")
    .summary("Gives the messages behind the given IDs, waiting for one if need be.")
    .flags(&[Flags::READONLY, Flags::BLOCKING])
    .keys(&[ro(0).access().after("STREAMS", 1).part_to(-1, 1, 2)])
    .args(&[
        integer("count").token("COUNT").optional(),
        integer("milliseconds").token("BLOCK").optional(),
        block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS"),
    ]);

pub static XREADGROUP: Facts = row(
    "xreadgroup",
    -7,
    "5.0.0",
    "O(M) per stream, M: messages returned; with N waiting clients each new message costs O(N)",
)
.summary("Gives a consumer new messages or its pending ones, waiting for one if need be.")
.flags(&[Flags::WRITE, Flags::BLOCKING])
.keys(&[ro(0).access().after("STREAMS", 4).part_to(-1, 1, 2)])
.args(&[
    block("group-block", &[string("group"), string("consumer")]).token("GROUP"),
    integer("count").token("COUNT").optional(),
    integer("milliseconds").token("BLOCK").optional(),
    flag("noack", "NOACK").optional(),
    block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS"),
]);

pub static XREVRANGE: Facts = row("xrevrange", -4, "5.0.0", "O(N), N: messages returned")
    .summary("Gives the messages in a range of IDs, newest first.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .history(&[("6.2.0", "Exclusive ends of the range.")])
    .args(&[key("key", 0), string("end"), string("start"), integer("count").token("COUNT").optional()]);

pub static XSETID: Facts = row("xsetid", -3, "5.0.0", "O(1)")
    .summary("Sets the last ID and the counters of a stream; sent by primaries.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).update()])
    .history(&[("7.0.0", "Options `ENTRIESADDED` and `MAXDELETEDID`.")])
    .args(&[
        key("key", 0),
        string("last-id"),
        integer("entries-added").token("ENTRIESADDED").since("7.0.0").optional(),
        string("max-deleted-id").token("MAXDELETEDID").since("7.0.0").optional(),
    ]);

pub static XTRIM: Facts = row("xtrim", -4, "5.0.0", "O(N) with a small constant, N: messages removed")
    .summary("Removes the oldest messages of a stream.")
    .flags(&[Flags::WRITE])
    .keys(&[rw(1).delete()])
    .tips(&["nondeterministic_output"])
    .history(&[("6.2.0", "Trimming by `MINID`; option `LIMIT`.")])
    .args(&[
        key("key", 0),
        block(
            "trim",
            &[
                oneof("strategy", &[flag("maxlen", "MAXLEN"), flag("minid", "MINID").since("6.2.0")]),
                oneof("operator", &[flag("equal", "="), flag("approximately", "~")]).optional(),
                string("threshold"),
                integer("count").token("LIMIT").since("6.2.0").optional(),
            ],
        ),
    ]);
