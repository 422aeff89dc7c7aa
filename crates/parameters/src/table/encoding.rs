//! Sizes up to which small values keep a compact encoding.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{INT_MAX, INT_MIN, LONG_MAX, Row, Unit, int, memory};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    int("hash-max-listpack-entries", 0, LONG_MAX, "512").alias("hash-max-ziplist-entries"),
    memory("hash-max-listpack-value", 0, LONG_MAX as u64, "64").alias("hash-max-ziplist-value"),
    memory("hll-sparse-max-bytes", 0, LONG_MAX as u64, "3000"),
    int("list-compress-depth", 0, INT_MAX, "0"),
    int("list-max-listpack-size", INT_MIN, INT_MAX, "-2").alias("list-max-ziplist-size"),
    int("set-max-intset-entries", 0, LONG_MAX, "512"),
    int("set-max-listpack-entries", 0, LONG_MAX, "128"),
    int("set-max-listpack-value", 0, LONG_MAX, "64").unit(Unit::Bytes),
    memory("stream-node-max-bytes", 0, LONG_MAX as u64, "4096"),
    int("stream-node-max-entries", 0, LONG_MAX, "100"),
    int("zset-max-listpack-entries", 0, LONG_MAX, "128").alias("zset-max-ziplist-entries"),
    memory("zset-max-listpack-value", 0, LONG_MAX as u64, "64").alias("zset-max-ziplist-value"),
];
