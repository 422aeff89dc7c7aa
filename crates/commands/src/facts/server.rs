//! Server commands (<https://valkey.io/commands/#server>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, flag, integer, key, oneof, string};
use super::key_spec::ow;
use super::{AclCategories, Facts, Flags, Group, server_acl, server_sub};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &ACL,
    &BGREWRITEAOF,
    &BGSAVE,
    &COMMAND,
    &COMMANDLOG,
    &CONFIG,
    &DBSIZE,
    &DEBUG,
    &FAILOVER,
    &FLUSHALL,
    &FLUSHDB,
    &INFO,
    &LASTSAVE,
    &LATENCY,
    &LOLWUT,
    &MEMORY,
    &MODULE,
    &MONITOR,
    &PSYNC,
    &REPLCONF,
    &REPLICAOF,
    &RESTORE_ASKING,
    &ROLE,
    &SAVE,
    &SHUTDOWN,
    &SLAVEOF,
    &SLOWLOG,
    &SWAPDB,
    &SYNC,
    &TIME,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Server, name, arity, since, complexity)
}

pub static ACL: Facts = row("acl", -2, "6.0.0", "That of the subcommand")
    .summary("Groups commands about users and their permissions.")
    .subcommands(&[
        &server_acl::ACL_CAT,
        &server_acl::ACL_DELUSER,
        &server_acl::ACL_DRYRUN,
        &server_acl::ACL_GENPASS,
        &server_acl::ACL_GETUSER,
        &server_acl::ACL_HELP,
        &server_acl::ACL_LIST,
        &server_acl::ACL_LOAD,
        &server_acl::ACL_LOG,
        &server_acl::ACL_SAVE,
        &server_acl::ACL_SETUSER,
        &server_acl::ACL_USERS,
        &server_acl::ACL_WHOAMI,
    ]);

pub static BGREWRITEAOF: Facts = row("bgrewriteaof", 1, "1.0.0", "O(1)")
    .summary("Rewrites the append-only file in the background.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING]);

pub static BGSAVE: Facts = row("bgsave", -1, "1.0.0", "O(1)")
    .summary("Saves a snapshot in the background.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING])
    .history(&[("3.2.2", "Option `SCHEDULE`."), ("8.1.0", "Option `CANCEL`.")])
    .args(&[oneof(
        "operation",
        &[flag("schedule", "SCHEDULE").since("3.2.2"), flag("cancel", "CANCEL").since("8.1.0")],
    )
    .optional()]);

pub static COMMAND: Facts = row("command", -1, "2.8.13", "O(N), N: commands")
    .summary("Describes every command.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output_order"])
    .subcommands(&[
        &server_sub::COMMAND_COUNT,
        &server_sub::COMMAND_DOCS,
        &server_sub::COMMAND_GETKEYS,
        &server_sub::COMMAND_GETKEYSANDFLAGS,
        &server_sub::COMMAND_HELP,
        &server_sub::COMMAND_INFO,
        &server_sub::COMMAND_LIST,
    ]);

pub static COMMANDLOG: Facts = row("commandlog", -2, "8.1.0", "That of the subcommand")
    .summary("Groups commands about the log of slow and large commands.")
    .subcommands(&[
        &server_sub::COMMANDLOG_GET,
        &server_sub::COMMANDLOG_HELP,
        &server_sub::COMMANDLOG_LEN,
        &server_sub::COMMANDLOG_RESET,
    ]);

pub static CONFIG: Facts = row("config", -2, "2.0.0", "That of the subcommand")
    .summary("Groups commands about configuration.")
    .subcommands(&[
        &server_sub::CONFIG_GET,
        &server_sub::CONFIG_HELP,
        &server_sub::CONFIG_RESETSTAT,
        &server_sub::CONFIG_REWRITE,
        &server_sub::CONFIG_SET,
    ]);

pub static DBSIZE: Facts = row("dbsize", 1, "1.0.0", "O(1)")
    .summary("Counts the keys of the database.")
    .acl(&[AclCategories::KEYSPACE])
    .flags(&[Flags::READONLY, Flags::FAST])
    .tips(&["request_policy:all_shards", "response_policy:agg_sum"]);

pub static DEBUG: Facts = row("debug", -2, "1.0.0", "That of the subcommand")
    .summary("Groups commands for tests and debugging.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::PROTECTED])
    .syscmd();

pub static FAILOVER: Facts = row("failover", -1, "6.2.0", "O(1)")
    .summary("Hands the role of primary over to a replica in an orderly way.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::STALE])
    .args(&[
        block("target", &[string("host"), integer("port"), flag("force", "FORCE").optional()])
            .token("TO")
            .optional(),
        flag("abort", "ABORT").optional(),
        integer("milliseconds").token("TIMEOUT").optional(),
    ]);

pub static FLUSHALL: Facts = row("flushall", -1, "1.0.0", "O(N), N: keys of all databases")
    .summary("Empties every database.")
    .acl(&[AclCategories::DANGEROUS, AclCategories::KEYSPACE])
    .flags(&[Flags::WRITE])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .history(&[("4.0.0", "Mode `ASYNC`."), ("6.2.0", "Mode `SYNC`.")])
    .args(&[oneof(
        "flush-type",
        &[flag("async", "ASYNC").since("4.0.0"), flag("sync", "SYNC").since("6.2.0")],
    )
    .optional()]);

pub static FLUSHDB: Facts = row("flushdb", -1, "1.0.0", "O(N), N: keys of the database")
    .summary("Empties the database.")
    .acl(&[AclCategories::DANGEROUS, AclCategories::KEYSPACE])
    .flags(&[Flags::WRITE])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .history(&[("4.0.0", "Mode `ASYNC`."), ("6.2.0", "Mode `SYNC`.")])
    .args(&[oneof(
        "flush-type",
        &[flag("async", "ASYNC").since("4.0.0"), flag("sync", "SYNC").since("6.2.0")],
    )
    .optional()]);

pub static INFO: Facts = row("info", -1, "1.0.0", "O(1)")
    .summary("Reports state and statistics of the server.")
    .acl(&[AclCategories::DANGEROUS])
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .history(&[("7.0.0", "More than one section per call.")])
    .args(&[string("section").optional().multiple()]);

pub static LASTSAVE: Facts = row("lastsave", 1, "1.0.0", "O(1)")
    .summary("Gives the Unix time of the last successful snapshot.")
    .acl(&[AclCategories::ADMIN, AclCategories::DANGEROUS])
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
    .tips(&["nondeterministic_output"]);

pub static LATENCY: Facts = row("latency", -2, "2.8.13", "That of the subcommand")
    .summary("Groups commands about latency spikes.")
    .subcommands(&[
        &server_sub::LATENCY_DOCTOR,
        &server_sub::LATENCY_GRAPH,
        &server_sub::LATENCY_HELP,
        &server_sub::LATENCY_HISTOGRAM,
        &server_sub::LATENCY_HISTORY,
        &server_sub::LATENCY_LATEST,
        &server_sub::LATENCY_RESET,
    ]);

pub static LOLWUT: Facts = row("lolwut", -1, "5.0.0", "")
    .summary("Draws a picture and tells the version.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .args(&[integer("version").token("VERSION").optional()]);

pub static MEMORY: Facts = row("memory", -2, "4.0.0", "That of the subcommand")
    .summary("Groups commands about memory.")
    .subcommands(&[
        &server_sub::MEMORY_DOCTOR,
        &server_sub::MEMORY_HELP,
        &server_sub::MEMORY_MALLOC_STATS,
        &server_sub::MEMORY_PURGE,
        &server_sub::MEMORY_STATS,
        &server_sub::MEMORY_USAGE,
    ]);

pub static MODULE: Facts = row("module", -2, "4.0.0", "That of the subcommand")
    .summary("Groups commands about modules.")
    .subcommands(&[
        &server_sub::MODULE_HELP,
        &server_sub::MODULE_LIST,
        &server_sub::MODULE_LOAD,
        &server_sub::MODULE_LOADEX,
        &server_sub::MODULE_UNLOAD,
    ]);

pub static MONITOR: Facts = row("monitor", 1, "1.0.0", "")
    .summary("Streams every command the server runs to this connection.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE]);

pub static PSYNC: Facts = row("psync", -3, "2.8.0", "")
    .summary("Starts replication, resuming where possible; sent by replicas.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::NO_MULTI])
    .args(&[string("replicationid"), integer("offset")]);

pub static REPLCONF: Facts = row("replconf", -1, "3.0.0", "O(1)")
    .summary("Exchanges details of a replication link; sent by replicas.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .syscmd();

pub static REPLICAOF: Facts = row("replicaof", 3, "5.0.0", "O(1)")
    .summary("Makes the server a replica of another one, or a primary.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .args(&[oneof(
        "args",
        &[
            block("host-port", &[string("host"), integer("port")]),
            block("no-one", &[flag("no", "NO"), flag("one", "ONE")]),
        ],
    )]);

pub static RESTORE_ASKING: Facts = row(
    "restore-asking",
    -4,
    "3.0.0",
    "O(1) for the key, O(N*M) for the value, N: elements, M: their mean size; sorted sets O(N*M*log(N))",
)
.summary("Creates a key from a serialised value during slot migration; sent by cluster nodes.")
.acl(&[AclCategories::DANGEROUS, AclCategories::KEYSPACE])
.flags(&[Flags::WRITE, Flags::DENYOOM, Flags::ASKING])
.keys(&[ow(1).update()])
.syscmd()
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

pub static ROLE: Facts = row("role", 1, "2.8.12", "O(1)")
    .summary("Tells the server's replication role and state.")
    .acl(&[AclCategories::ADMIN, AclCategories::DANGEROUS])
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST]);

pub static SAVE: Facts = row("save", 1, "1.0.0", "O(N), N: keys of all databases")
    .summary("Saves a snapshot and waits for it.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::NO_MULTI]);

pub static SHUTDOWN: Facts =
    row("shutdown", -1, "1.0.0", "O(N) when saving, N: keys of all databases; else O(1)")
        .summary("Saves a snapshot if configured and stops the server.")
        .flags(&[
            Flags::ADMIN,
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::NO_MULTI,
            Flags::ALLOW_BUSY,
        ])
        .history(&[
            ("7.0.0", "Options `NOW`, `FORCE` and `ABORT`."),
            ("9.0.0", "Options `SAFE` and `FAILOVER`."),
        ])
        .args(&[oneof(
            "abort-selector",
            &[
                block(
                    "save-selector-block",
                    &[
                        oneof("save-selector", &[flag("nosave", "NOSAVE"), flag("save", "SAVE")]).optional(),
                        flag("now", "NOW").since("7.0.0").optional(),
                        flag("force", "FORCE").since("7.0.0").optional(),
                        flag("safe", "SAFE").since("9.0.0").optional(),
                        flag("failover", "FAILOVER").since("9.0.0").optional(),
                    ],
                ),
                flag("abort", "ABORT").since("7.0.0"),
            ],
        )
        .optional()]);

pub static SLAVEOF: Facts = row("slaveof", 3, "1.0.0", "O(1)")
    .summary("Makes the server a replica of another one, or a primary; the old name of REPLICAOF.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .deprecated("5.0.0", "`REPLICAOF`")
    .args(&[oneof(
        "args",
        &[
            block("host-port", &[string("host"), integer("port")]),
            block("no-one", &[flag("no", "NO"), flag("one", "ONE")]),
        ],
    )]);

pub static SLOWLOG: Facts = row("slowlog", -2, "2.2.12", "That of the subcommand")
    .summary("Groups commands about the log of slow commands.")
    .subcommands(&[
        &server_sub::SLOWLOG_GET,
        &server_sub::SLOWLOG_HELP,
        &server_sub::SLOWLOG_LEN,
        &server_sub::SLOWLOG_RESET,
    ]);

pub static SWAPDB: Facts =
    row("swapdb", 3, "4.0.0", "O(N), N: clients watching or waiting for keys of either")
        .summary("Exchanges two databases.")
        .acl(&[AclCategories::DANGEROUS, AclCategories::KEYSPACE])
        .flags(&[Flags::WRITE, Flags::FAST])
        .args(&[integer("index1"), integer("index2")]);

pub static SYNC: Facts = row("sync", 1, "1.0.0", "")
    .summary("Starts replication with a full copy; sent by replicas.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::NO_MULTI]);

pub static TIME: Facts = row("time", 1, "2.6.0", "O(1)")
    .summary("Gives the server's clock in seconds and microseconds.")
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
    .tips(&["nondeterministic_output"]);
