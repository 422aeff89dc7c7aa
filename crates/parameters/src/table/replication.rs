//! Primaries, replicas and the stream between them.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{INT_MAX, Kind, LONG_MAX, PORT_MAX, Row, Unit, choice, int, memory, special, switch, text};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    switch("dual-channel-replication-enabled", "no"),
    int("min-replicas-max-lag", 0, INT_MAX, "10").alias("min-slaves-max-lag").unit(Unit::Seconds),
    int("min-replicas-to-write", 0, INT_MAX, "0").alias("min-slaves-to-write"),
    text("primaryauth", "").alias("masterauth").sensitive().binary(),
    text("primaryuser", "").alias("masteruser").sensitive(),
    memory("repl-backlog-size", 1, LONG_MAX as u64, "10485760").clamped_at_run_time(16384, LONG_MAX),
    int("repl-backlog-ttl", 0, LONG_MAX, "3600").unit(Unit::Seconds),
    switch("repl-disable-tcp-nodelay", "no"),
    choice(
        "repl-diskless-load",
        &[("disabled", 0), ("on-empty-db", 1), ("swapdb", 2), ("flush-before-load", 3)],
        "disabled",
    ),
    switch("repl-diskless-sync", "yes"),
    int("repl-diskless-sync-delay", 0, INT_MAX, "5").unit(Unit::Seconds),
    int("repl-diskless-sync-max-replicas", 0, INT_MAX, "0"),
    switch("repl-mptcp", "no").immutable(),
    int("repl-ping-replica-period", 1, INT_MAX, "10").alias("repl-ping-slave-period").unit(Unit::Seconds),
    int("repl-timeout", 1, INT_MAX, "60").unit(Unit::Seconds),
    text("replica-announce-ip", "").alias("slave-announce-ip"),
    int("replica-announce-port", 0, PORT_MAX, "0").alias("slave-announce-port"),
    switch("replica-announced", "yes"),
    switch("replica-ignore-disk-write-errors", "no"),
    switch("replica-ignore-maxmemory", "yes").alias("slave-ignore-maxmemory"),
    int("replica-priority", 0, INT_MAX, "100").alias("slave-priority"),
    switch("replica-read-only", "yes").alias("slave-read-only"),
    switch("replica-serve-stale-data", "yes").alias("slave-serve-stale-data"),
    special("replicaof", Kind::ReplicaOf, "").alias("slaveof").immutable(),
];
