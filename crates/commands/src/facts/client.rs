//! Subcommands of `CLIENT` (<https://valkey.io/commands/#connection>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{flag, integer, oneof, string};
use super::{Facts, Flags, Group};

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Connection, name, arity, since, complexity)
}

pub static CLIENT_CACHING: Facts = row("client|caching", 3, "6.0.0", "O(1)")
    .summary("Decides for the next command whether its keys are tracked.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .args(&[oneof("mode", &[flag("yes", "YES"), flag("no", "NO")])]);

pub static CLIENT_CAPA: Facts = row("client|capa", -3, "8.0.0", "O(1)")
    .summary("Declares capabilities of this client.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .args(&[string("capability").multiple()]);

pub static CLIENT_GETNAME: Facts = row("client|getname", 2, "2.6.9", "O(1)")
    .summary("Gives this connection's name.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY]);

pub static CLIENT_GETREDIR: Facts = row("client|getredir", 2, "6.0.0", "O(1)")
    .summary("Gives the ID of the client that receives this connection's invalidations.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY]);

pub static CLIENT_HELP: Facts = row("client|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static CLIENT_ID: Facts = row("client|id", 2, "5.0.0", "O(1)")
    .summary("Gives this connection's ID.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY]);

pub static CLIENT_IMPORT_SOURCE: Facts = row("client|import-source", 3, "8.1.0", "O(1)")
    .summary("Declares this connection the source of an import.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[oneof("enabled", &[flag("on", "ON"), flag("off", "OFF")])]);

pub static CLIENT_INFO: Facts = row("client|info", 2, "6.2.0", "O(1)")
    .summary("Describes this connection.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output"]);

pub static CLIENT_KILL: Facts = row("client|kill", -3, "2.4.0", "O(N), N: connections")
    .summary("Closes the connections that match all filters.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .history(&[
        ("2.8.12", "Filters given as option and value."),
        ("2.8.12", "Filter `ID`."),
        ("3.2.0", "Type `master` for filter `TYPE`."),
        ("5.0.0", "Type `replica`; `slave` still means the same."),
        ("6.2.0", "Filter `LADDR`."),
        ("8.0.0", "Filter `MAXAGE`."),
        ("8.0.0", "Type `primary`; `master` still means the same."),
        ("8.1.0", "More than one ID for filter `ID`."),
        ("9.0.0", "More filters; negated ones begin with `NOT-`."),
    ])
    .args(&[oneof(
        "filter",
        &[
            string("old-format").display("ip:port").deprecated("2.8.12"),
            oneof(
                "new-format",
                &[
                    integer("client-id").token("ID").since("2.8.12").optional().multiple(),
                    oneof(
                        "client-type",
                        &[
                            flag("normal", "NORMAL"),
                            flag("master", "MASTER").since("3.2.0"),
                            flag("primary", "PRIMARY").since("8.0.0"),
                            flag("slave", "SLAVE"),
                            flag("replica", "REPLICA").since("5.0.0"),
                            flag("pubsub", "PUBSUB"),
                        ],
                    )
                    .token("TYPE")
                    .since("2.8.12")
                    .optional(),
                    string("username").token("USER").optional(),
                    string("addr").token("ADDR").display("ip:port").optional(),
                    string("laddr").token("LADDR").display("ip:port").since("6.2.0").optional(),
                    oneof("skipme", &[flag("yes", "YES"), flag("no", "NO")]).token("SKIPME").optional(),
                    integer("maxage").token("MAXAGE").since("8.0.0").optional(),
                    string("name").token("NAME").since("9.0.0").optional(),
                    integer("idle").token("IDLE").since("9.0.0").optional(),
                    string("flags").token("FLAGS").since("9.0.0").optional(),
                    string("lib-name").token("LIB-NAME").since("9.0.0").optional(),
                    string("lib-ver").token("LIB-VER").since("9.0.0").optional(),
                    integer("db").token("DB").since("9.0.0").optional(),
                    string("capa").token("CAPA").since("9.0.0").optional(),
                    string("ip").token("IP").since("9.0.0").optional(),
                    oneof(
                        "not-client-type",
                        &[
                            flag("normal", "NORMAL"),
                            flag("master", "MASTER"),
                            flag("primary", "PRIMARY"),
                            flag("slave", "SLAVE"),
                            flag("replica", "REPLICA"),
                            flag("pubsub", "PUBSUB"),
                        ],
                    )
                    .token("NOT-TYPE")
                    .since("9.0.0")
                    .optional(),
                    integer("not-client-id").token("NOT-ID").since("9.0.0").optional().multiple(),
                    string("not-username").token("NOT-USER").since("9.0.0").optional(),
                    string("not-addr").token("NOT-ADDR").display("ip:port").since("9.0.0").optional(),
                    string("not-laddr").token("NOT-LADDR").display("ip:port").since("9.0.0").optional(),
                    string("not-name").token("NOT-NAME").since("9.0.0").optional(),
                    string("not-flags").token("NOT-FLAGS").since("9.0.0").optional(),
                    string("not-lib-name").token("NOT-LIB-NAME").since("9.0.0").optional(),
                    string("not-lib-ver").token("NOT-LIB-VER").since("9.0.0").optional(),
                    integer("not-db").token("NOT-DB").since("9.0.0").optional(),
                    string("not-capa").token("NOT-CAPA").since("9.0.0").optional(),
                    string("not-ip").token("NOT-IP").since("9.0.0").optional(),
                ],
            )
            .multiple(),
        ],
    )]);

pub static CLIENT_LIST: Facts = row("client|list", -2, "2.4.0", "O(N), N: connections")
    .summary("Describes connections, one per line.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output"])
    .history(&[
        ("2.8.12", "Field `id`."),
        ("5.0.0", "Filter `TYPE`."),
        ("6.0.0", "Field `user`."),
        ("6.2.0", "Fields `argv-mem`, `tot-mem`, `laddr` and `redir`; filter `ID`."),
        ("7.0.0", "Fields `resp`, `multi-mem`, `rbs` and `rbp`."),
        ("7.0.3", "Field `ssub`."),
        ("8.0.0", "Type `primary`; `master` still means the same."),
        ("8.1.0", "Filters `USER`, `ADDR`, `LADDR`, `SKIPME` and `MAXAGE`."),
        ("9.0.0", "More filters; negated ones begin with `NOT-`."),
    ])
    .args(&[
        oneof(
            "client-type",
            &[
                flag("normal", "NORMAL"),
                flag("master", "MASTER"),
                flag("replica", "REPLICA"),
                flag("pubsub", "PUBSUB"),
            ],
        )
        .token("TYPE")
        .since("5.0.0")
        .optional(),
        integer("client-id").token("ID").since("6.2.0").optional().multiple(),
        string("username").token("USER").since("8.1.0").optional(),
        string("addr").token("ADDR").display("ip:port").since("8.1.0").optional(),
        string("laddr").token("LADDR").display("ip:port").since("8.1.0").optional(),
        oneof("skipme", &[flag("yes", "YES"), flag("no", "NO")]).token("SKIPME").since("8.1.0").optional(),
        integer("maxage").token("MAXAGE").since("8.1.0").optional(),
        string("name").token("NAME").since("9.0.0").optional(),
        integer("idle").token("IDLE").since("9.0.0").optional(),
        string("flags").token("FLAGS").since("9.0.0").optional(),
        string("lib-name").token("LIB-NAME").since("9.0.0").optional(),
        string("lib-ver").token("LIB-VER").since("9.0.0").optional(),
        integer("db").token("DB").since("9.0.0").optional(),
        string("capa").token("CAPA").since("9.0.0").optional(),
        string("ip").token("IP").since("9.0.0").optional(),
        oneof(
            "not-client-type",
            &[
                flag("normal", "NORMAL"),
                flag("master", "MASTER"),
                flag("replica", "REPLICA"),
                flag("pubsub", "PUBSUB"),
            ],
        )
        .token("NOT-TYPE")
        .since("9.0.0")
        .optional(),
        integer("not-client-id").token("NOT-ID").since("9.0.0").optional().multiple(),
        string("not-username").token("NOT-USER").since("9.0.0").optional(),
        string("not-addr").token("NOT-ADDR").display("ip:port").since("9.0.0").optional(),
        string("not-laddr").token("NOT-LADDR").display("ip:port").since("9.0.0").optional(),
        string("not-name").token("NOT-NAME").since("9.0.0").optional(),
        string("not-flags").token("NOT-FLAGS").since("9.0.0").optional(),
        string("not-lib-name").token("NOT-LIB-NAME").since("9.0.0").optional(),
        string("not-lib-ver").token("NOT-LIB-VER").since("9.0.0").optional(),
        integer("not-db").token("NOT-DB").since("9.0.0").optional(),
        string("not-capa").token("NOT-CAPA").since("9.0.0").optional(),
        string("not-ip").token("NOT-IP").since("9.0.0").optional(),
    ]);

pub static CLIENT_NO_EVICT: Facts = row("client|no-evict", 3, "7.0.0", "O(1)")
    .summary("Exempts this connection from client eviction, or stops doing so.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .args(&[oneof("enabled", &[flag("on", "ON"), flag("off", "OFF")])]);

pub static CLIENT_NO_TOUCH: Facts = row("client|no-touch", 3, "7.2.0", "O(1)")
    .summary("Decides whether this connection's commands count as accesses for eviction.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .args(&[oneof("enabled", &[flag("on", "ON"), flag("off", "OFF")])]);

pub static CLIENT_PAUSE: Facts = row("client|pause", -3, "3.0.0", "O(1)")
    .summary("Holds back the commands of clients for a while.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .history(&[("6.2.0", "Argument `mode`; mode `WRITE`.")])
    .args(&[
        integer("timeout"),
        oneof("mode", &[flag("write", "WRITE"), flag("all", "ALL")]).since("6.2.0").optional(),
    ]);

pub static CLIENT_REPLY: Facts = row("client|reply", 3, "3.2.0", "O(1)")
    .summary("Turns replies on this connection on, off or off for one command.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::NO_MULTI, Flags::ALLOW_BUSY])
    .args(&[oneof("action", &[flag("on", "ON"), flag("off", "OFF"), flag("skip", "SKIP")])]);

pub static CLIENT_SETINFO: Facts = row("client|setinfo", 4, "7.2.0", "O(1)")
    .summary("Records name or version of the client library.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .args(&[oneof("attr", &[string("libname").token("LIB-NAME"), string("libver").token("LIB-VER")])]);

pub static CLIENT_SETNAME: Facts = row("client|setname", 3, "2.6.9", "O(1)")
    .summary("Names this connection.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .args(&[string("connection-name")]);

pub static CLIENT_TRACKING: Facts = row("client|tracking", -3, "6.0.0", "O(1), more with some options")
    .summary("Turns invalidation messages for client-side caches on or off.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[
        oneof("status", &[flag("on", "ON"), flag("off", "OFF")]),
        integer("client-id").token("REDIRECT").optional(),
        string("prefix").token("PREFIX").optional().multiple().multiple_token(),
        flag("bcast", "BCAST").optional(),
        flag("optin", "OPTIN").optional(),
        flag("optout", "OPTOUT").optional(),
        flag("noloop", "NOLOOP").optional(),
    ]);

pub static CLIENT_TRACKINGINFO: Facts = row("client|trackinginfo", 2, "6.2.0", "O(1)")
    .summary("Describes the state of tracking on this connection.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE]);

pub static CLIENT_UNBLOCK: Facts = row("client|unblock", -3, "5.0.0", "O(log N), N: connections")
    .summary("Ends another connection's blocking command early.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[
        integer("client-id"),
        oneof("unblock-type", &[flag("timeout", "TIMEOUT"), flag("error", "ERROR")]).optional(),
    ]);

pub static CLIENT_UNPAUSE: Facts = row("client|unpause", 2, "6.2.0", "O(N), N: clients held back")
    .summary("Lets held-back clients go on.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE]);
