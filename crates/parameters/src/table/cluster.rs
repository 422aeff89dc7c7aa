//! Cluster membership and slots.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{
    INT_MAX, LONG_MAX, LONG_MIN, PORT_MAX, Row, TextCheck, ULONG_MAX, Unit, choice, int, memory,
    signed_memory, switch, text,
};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    text("availability-zone", "").binary().keeps_empty(),
    switch("cluster-allow-pubsubshard-when-down", "yes"),
    switch("cluster-allow-reads-when-down", "no"),
    switch("cluster-allow-replica-migration", "yes"),
    int("cluster-announce-bus-port", 0, PORT_MAX, "0"),
    text("cluster-announce-client-ipv4", "").check(TextCheck::Ipv4),
    text("cluster-announce-client-ipv6", "").check(TextCheck::Ipv6),
    int("cluster-announce-client-port", 0, PORT_MAX, "0"),
    int("cluster-announce-client-tls-port", 0, PORT_MAX, "0"),
    text("cluster-announce-hostname", "").check(TextCheck::Hostname),
    text("cluster-announce-human-nodename", "").check(TextCheck::NodeName).binary(),
    text("cluster-announce-ip", "").check(TextCheck::AnnounceIp).binary(),
    int("cluster-announce-port", 0, PORT_MAX, "0"),
    int("cluster-announce-tls-port", 0, PORT_MAX, "0"),
    int("cluster-blacklist-ttl", LONG_MIN, LONG_MAX, "60").unit(Unit::Seconds),
    text("cluster-config-file", "nodes.conf").check(TextCheck::NotEmpty).immutable(),
    choice("cluster-config-save-behavior", &[("sync", 0), ("best-effort", 1)], "sync"),
    int("cluster-databases", 1, INT_MAX, "1").immutable(),
    switch("cluster-enabled", "no").immutable(),
    memory("cluster-link-sendbuf-limit", 0, ULONG_MAX, "0"),
    int("cluster-manual-failover-timeout", 1, INT_MAX, "5000").unit(Unit::Milliseconds),
    int("cluster-message-gossip-perc", 1, 100, "10").unit(Unit::Percent).hidden(),
    int("cluster-migration-barrier", 0, INT_MAX, "1"),
    int("cluster-node-timeout", 0, LONG_MAX, "15000").unit(Unit::Milliseconds),
    int("cluster-ping-interval", 0, LONG_MAX, "0").unit(Unit::Milliseconds).hidden(),
    int("cluster-port", 0, PORT_MAX, "0").immutable(),
    choice("cluster-preferred-endpoint-type", &[("ip", 0), ("hostname", 1), ("unknown-endpoint", 2)], "ip"),
    switch("cluster-replica-no-failover", "no").alias("cluster-slave-no-failover"),
    int("cluster-replica-validity-factor", 0, INT_MAX, "10").alias("cluster-slave-validity-factor"),
    switch("cluster-require-full-coverage", "yes"),
    int("cluster-slot-migration-log-max-len", 0, LONG_MAX, "1000"),
    switch("cluster-slot-stats-enabled", "no"),
    signed_memory("slot-migration-max-failover-repl-bytes", -1, LONG_MAX, "0"),
];
