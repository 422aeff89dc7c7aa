//! Bounds on what clients may use.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{Kind, LONG_MAX, Row, UINT_MAX, Unit, int, memory, memory_or_percent, special};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    int("acllog-max-len", 0, LONG_MAX, "128"),
    int("busy-reply-threshold", 0, LONG_MAX, "5000").alias("lua-time-limit").unit(Unit::Milliseconds),
    special(
        "client-output-buffer-limit",
        Kind::OutputBufferLimits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    ),
    memory("client-query-buffer-limit", 1048576, LONG_MAX as u64, "1073741824"),
    int("maxclients", 1, UINT_MAX, "10000"),
    memory_or_percent("maxmemory-clients", "0"),
    memory("proto-max-bulk-len", 1048576, LONG_MAX as u64, "536870912"),
    int("tracking-table-max-keys", 0, LONG_MAX, "1000000"),
];
