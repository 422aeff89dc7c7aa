//! Cluster commands (<https://valkey.io/commands/#cluster>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, flag, integer, oneof, pattern, string};
use super::key_spec::not_key;
use super::{AclCategories, Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[&ASKING, &CLUSTER, &CLUSTERSCAN, &READONLY, &READWRITE];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Cluster, name, arity, since, complexity)
}

pub static ASKING: Facts = row("asking", 1, "3.0.0", "O(1)")
    .summary("Lets the next command use a slot that is being imported.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::FAST]);

pub static CLUSTER: Facts = row("cluster", -2, "3.0.0", "That of the subcommand")
    .summary("Groups commands about the cluster.")
    .subcommands(&[
        &CLUSTER_ADDSLOTS,
        &CLUSTER_ADDSLOTSRANGE,
        &CLUSTER_BUMPEPOCH,
        &CLUSTER_CANCELSLOTMIGRATIONS,
        &CLUSTER_COUNT_FAILURE_REPORTS,
        &CLUSTER_COUNTKEYSINSLOT,
        &CLUSTER_DELSLOTS,
        &CLUSTER_DELSLOTSRANGE,
        &CLUSTER_FAILOVER,
        &CLUSTER_FLUSHSLOT,
        &CLUSTER_FLUSHSLOTS,
        &CLUSTER_FORGET,
        &CLUSTER_GETKEYSINSLOT,
        &CLUSTER_GETSLOTMIGRATIONS,
        &CLUSTER_HELP,
        &CLUSTER_INFO,
        &CLUSTER_KEYSLOT,
        &CLUSTER_LINKS,
        &CLUSTER_MEET,
        &CLUSTER_MIGRATESLOTS,
        &CLUSTER_MYID,
        &CLUSTER_MYSHARDID,
        &CLUSTER_NODES,
        &CLUSTER_REPLICAS,
        &CLUSTER_REPLICATE,
        &CLUSTER_RESET,
        &CLUSTER_SAVECONFIG,
        &CLUSTER_SET_CONFIG_EPOCH,
        &CLUSTER_SETSLOT,
        &CLUSTER_SHARDS,
        &CLUSTER_SLAVES,
        &CLUSTER_SLOT_STATS,
        &CLUSTER_SLOTS,
        &CLUSTER_SYNCSLOTS,
    ]);

pub static CLUSTER_ADDSLOTS: Facts = row("cluster|addslots", -3, "3.0.0", "O(N), N: slots given")
    .summary("Assigns slots to this node.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .args(&[integer("slot").multiple()]);

pub static CLUSTER_ADDSLOTSRANGE: Facts =
    row("cluster|addslotsrange", -4, "7.0.0", "O(N), N: slots in the ranges")
        .summary("Assigns ranges of slots to this node.")
        .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
        .args(&[block("range", &[integer("start-slot"), integer("end-slot")]).multiple()]);

pub static CLUSTER_BUMPEPOCH: Facts = row("cluster|bumpepoch", 2, "3.0.0", "O(1)")
    .summary("Raises this node's configuration epoch above all others.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .tips(&["nondeterministic_output"]);

pub static CLUSTER_CANCELSLOTMIGRATIONS: Facts =
    row("cluster|cancelslotmigrations", 2, "9.0.0", "O(N), N: migrations aborted")
        .summary("Aborts all slot migrations that are under way.")
        .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING]);

pub static CLUSTER_COUNT_FAILURE_REPORTS: Facts =
    row("cluster|count-failure-reports", 3, "3.0.0", "O(N), N: failure reports")
        .summary("Counts the nodes that report a node as failing.")
        .flags(&[Flags::ADMIN, Flags::STALE])
        .tips(&["nondeterministic_output"])
        .history(&[("9.0.0", "No more reports once a node counts as failed.")])
        .args(&[string("node-id")]);

pub static CLUSTER_COUNTKEYSINSLOT: Facts = row("cluster|countkeysinslot", 3, "3.0.0", "O(1)")
    .summary("Counts the keys of a slot.")
    .flags(&[Flags::STALE])
    .args(&[integer("slot")]);

pub static CLUSTER_DELSLOTS: Facts = row("cluster|delslots", -3, "3.0.0", "O(N), N: slots given")
    .summary("Takes slots away from their owner in this node's view.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .args(&[integer("slot").multiple()]);

pub static CLUSTER_DELSLOTSRANGE: Facts =
    row("cluster|delslotsrange", -4, "7.0.0", "O(N), N: slots in the ranges")
        .summary("Takes ranges of slots away from their owner in this node's view.")
        .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
        .args(&[block("range", &[integer("start-slot"), integer("end-slot")]).multiple()]);

pub static CLUSTER_FAILOVER: Facts = row("cluster|failover", -2, "3.0.0", "O(1)")
    .summary("Makes this replica take over from its primary.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .args(&[oneof("options", &[flag("force", "FORCE"), flag("takeover", "TAKEOVER")]).optional()]);

pub static CLUSTER_FLUSHSLOT: Facts = row("cluster|flushslot", -3, "9.0.0", "O(N), N: keys of the slot")
    .summary("Deletes all keys of a slot.")
    .acl(&[AclCategories::KEYSPACE])
    .flags(&[Flags::WRITE, Flags::ADMIN, Flags::NO_ASYNC_LOADING])
    .args(&[
        integer("slot"),
        oneof("flush-type", &[flag("async", "ASYNC"), flag("sync", "SYNC")]).optional(),
    ]);

pub static CLUSTER_FLUSHSLOTS: Facts = row("cluster|flushslots", 2, "3.0.0", "O(1)")
    .summary("Forgets the owners of all slots.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING]);

pub static CLUSTER_FORGET: Facts = row("cluster|forget", 3, "3.0.0", "O(1)")
    .summary("Makes this node drop another one from its view.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .args(&[string("node-id")]);

pub static CLUSTER_GETKEYSINSLOT: Facts = row("cluster|getkeysinslot", 4, "3.0.0", "O(N), N: keys asked for")
    .summary("Lists keys of a slot.")
    .flags(&[Flags::STALE])
    .tips(&["nondeterministic_output"])
    .args(&[integer("slot"), integer("count")]);

pub static CLUSTER_GETSLOTMIGRATIONS: Facts =
    row("cluster|getslotmigrations", 2, "9.0.0", "O(N), N: migrations")
        .summary("Describes slot migrations under way and recent ones.")
        .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING]);

pub static CLUSTER_HELP: Facts = row("cluster|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static CLUSTER_INFO: Facts = row("cluster|info", 2, "3.0.0", "O(1)")
    .summary("Reports the cluster's state as this node sees it.")
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output"]);

pub static CLUSTER_KEYSLOT: Facts = row("cluster|keyslot", 3, "3.0.0", "O(N), N: bytes of the key")
    .summary("Gives the slot a key hashes to.")
    .flags(&[Flags::STALE])
    .args(&[string("key")]);

pub static CLUSTER_LINKS: Facts = row("cluster|links", 2, "7.0.0", "O(N), N: nodes")
    .summary("Describes the links between this node and the others.")
    .flags(&[Flags::STALE])
    .tips(&["nondeterministic_output"]);

pub static CLUSTER_MEET: Facts = row("cluster|meet", -4, "3.0.0", "O(1)")
    .summary("Introduces this node to another one.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .history(&[("4.0.0", "Argument `cluster_bus_port`.")])
    .args(&[string("ip"), integer("port"), integer("cluster-bus-port").since("4.0.0").optional()]);

pub static CLUSTER_MIGRATESLOTS: Facts =
    row("cluster|migrateslots", -4, "9.0.0", "O(N), N: slots in the ranges")
        .summary("Starts to move slots from this node to others.")
        .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
        .args(&[block(
            "migration-group",
            &[
                flag("slotsrange-token", "SLOTSRANGE"),
                block("range", &[integer("start-slot"), integer("end-slot")]).multiple(),
                flag("node-token", "NODE"),
                string("node-id"),
            ],
        )
        .multiple()]);

pub static CLUSTER_MYID: Facts = row("cluster|myid", 2, "3.0.0", "O(1)")
    .summary("Gives this node's ID.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static CLUSTER_MYSHARDID: Facts = row("cluster|myshardid", 2, "7.2.0", "O(1)")
    .summary("Gives the ID of this node's shard.")
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output"]);

pub static CLUSTER_NODES: Facts = row("cluster|nodes", 2, "3.0.0", "O(N), N: nodes")
    .summary("Describes all nodes this node knows, one per line.")
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output"]);

pub static CLUSTER_REPLICAS: Facts = row("cluster|replicas", 3, "5.0.0", "O(N), N: replicas")
    .summary("Describes the replicas of a primary.")
    .flags(&[Flags::ADMIN, Flags::STALE])
    .tips(&["nondeterministic_output"])
    .args(&[string("node-id")]);

pub static CLUSTER_REPLICATE: Facts = row("cluster|replicate", -3, "3.0.0", "O(1)")
    .summary("Makes this node a replica of another one, or detaches it.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .history(&[("9.0.0", "`NO ONE` in place of the node detaches the replica.")])
    .args(&[oneof(
        "args",
        &[string("node-id"), block("no-one", &[flag("no", "NO"), flag("one", "ONE")]).since("9.0.0")],
    )]);

pub static CLUSTER_RESET: Facts =
    row("cluster|reset", -2, "3.0.0", "O(N), N: nodes known; deletes all keys of a replica on top")
        .summary("Returns this node to the state of a new one.")
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::STALE])
        .args(&[oneof("reset-type", &[flag("hard", "HARD"), flag("soft", "SOFT")]).optional()]);

pub static CLUSTER_SAVECONFIG: Facts = row("cluster|saveconfig", 2, "3.0.0", "O(1)")
    .summary("Writes this node's view of the cluster to disk.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING]);

pub static CLUSTER_SET_CONFIG_EPOCH: Facts = row("cluster|set-config-epoch", 3, "3.0.0", "O(1)")
    .summary("Gives a new node its first configuration epoch.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .args(&[integer("config-epoch")]);

pub static CLUSTER_SETSLOT: Facts = row("cluster|setslot", -4, "3.0.0", "O(1)")
    .summary("Changes the owner or the migration state of a slot.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .history(&[("8.0.0", "Option `TIMEOUT`.")])
    .args(&[
        integer("slot"),
        oneof(
            "subcommand",
            &[
                string("importing").token("IMPORTING").display("node-id"),
                string("migrating").token("MIGRATING").display("node-id"),
                string("node").token("NODE").display("node-id"),
                flag("stable", "STABLE"),
            ],
        ),
        integer("timeout").token("TIMEOUT").since("8.0.0").optional(),
    ]);

pub static CLUSTER_SHARDS: Facts = row("cluster|shards", 2, "7.0.0", "O(N), N: nodes")
    .summary("Describes the shards with their slots and nodes.")
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output"])
    .history(&[("9.1.0", "Fields `id` of shards and `availability-zone` of nodes.")]);

pub static CLUSTER_SLAVES: Facts = row("cluster|slaves", 3, "3.0.0", "O(N), N: replicas")
    .summary("Describes the replicas of a primary; the old name of CLUSTER REPLICAS.")
    .flags(&[Flags::ADMIN, Flags::STALE])
    .tips(&["nondeterministic_output"])
    .deprecated("5.0.0", "`CLUSTER REPLICAS`")
    .args(&[string("node-id")]);

pub static CLUSTER_SLOT_STATS: Facts =
    row("cluster|slot-stats", -4, "8.0.0", "O(N), N: slots described; O(N*log(N)) with ORDERBY")
        .summary("Gives usage counters of this node's slots.")
        .flags(&[Flags::LOADING, Flags::STALE])
        .tips(&["nondeterministic_output", "request_policy:all_shards"])
        .args(&[oneof(
            "filter",
            &[
                block("slotsrange", &[integer("start-slot"), integer("end-slot")]).token("SLOTSRANGE"),
                block(
                    "orderby",
                    &[
                        string("metric"),
                        integer("limit").token("LIMIT").optional(),
                        oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
                    ],
                )
                .token("ORDERBY"),
            ],
        )]);

pub static CLUSTER_SLOTS: Facts = row("cluster|slots", 2, "3.0.0", "O(N), N: nodes")
    .summary("Describes the ranges of slots with their nodes.")
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output"])
    .history(&[
        ("4.0.0", "Node IDs in the reply."),
        ("7.0.0", "Field with network details."),
        ("9.1.0", "`availability-zone` among the network details."),
    ]);

pub static CLUSTER_SYNCSLOTS: Facts = row("cluster|syncslots", -3, "9.0.0", "That of the subcommand")
    .summary("Groups commands that cluster nodes exchange during slot migration.")
    .flags(&[Flags::ADMIN, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .syscmd();

pub static CLUSTERSCAN: Facts = row("clusterscan", -2, "9.1.0", "O(N), N: keys returned")
    .summary("Walks through the keys of the whole cluster, a batch per call.")
    .acl(&[AclCategories::KEYSPACE])
    .flags(&[Flags::READONLY])
    .keys(&[not_key(1)])
    .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
    .args(&[
        string("cursor"),
        pattern("match-pattern").token("MATCH").optional(),
        integer("count").token("COUNT").optional(),
        string("type").token("TYPE").optional(),
        integer("slot").token("SLOT").optional(),
    ]);

pub static READONLY: Facts = row("readonly", 1, "3.0.0", "O(1)")
    .summary("Lets this connection read from a replica.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST]);

pub static READWRITE: Facts = row("readwrite", 1, "3.0.0", "O(1)")
    .summary("Sends this connection's reads back to the primary.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST]);
