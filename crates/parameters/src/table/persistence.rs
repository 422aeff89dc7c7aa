//! Snapshots, the append-only file and where they live.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{
    INT_MAX, INT_MIN, Kind, LONG_MAX, Row, TextCheck, Unit, choice, directory, int, memory, special, switch,
    text,
};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    switch("aof-disable-auto-gc", "no").hidden(),
    switch("aof-load-truncated", "yes"),
    text("aof-rewrite-cpulist", "").alias("aof_rewrite_cpulist").immutable(),
    switch("aof-rewrite-incremental-fsync", "yes"),
    switch("aof-timestamp-enabled", "no"),
    switch("aof-use-rdb-preamble", "yes"),
    text("appenddirname", "appendonlydir").check(TextCheck::DirectoryName).immutable(),
    text("appendfilename", "appendonly.aof").check(TextCheck::FileName).immutable(),
    choice("appendfsync", &[("everysec", 0), ("always", 1), ("no", 2)], "everysec"),
    switch("appendonly", "no"),
    memory("auto-aof-rewrite-min-size", 0, LONG_MAX as u64, "67108864"),
    int("auto-aof-rewrite-percentage", 0, INT_MAX, "100").unit(Unit::Percent),
    text("dbfilename", "dump.rdb").check(TextCheck::FileName).protected(),
    directory("dir").protected(),
    int("key-load-delay", INT_MIN, INT_MAX, "0").unit(Unit::Microseconds).hidden(),
    int("loading-process-events-interval-bytes", 1024, INT_MAX, "2097152").unit(Unit::Bytes).hidden(),
    switch("no-appendfsync-on-rewrite", "no"),
    switch("rdb-del-sync-files", "no"),
    int("rdb-key-save-delay", INT_MIN, INT_MAX, "0").unit(Unit::Microseconds).hidden(),
    switch("rdb-save-incremental-fsync", "yes"),
    choice("rdb-version-check", &[("strict", 0), ("relaxed", 1)], "strict"),
    switch("rdbchecksum", "yes").immutable(),
    switch("rdbcompression", "yes"),
    special("save", Kind::SavePoints, "3600 1 300 100 60 10000"),
    switch("stop-writes-on-bgsave-error", "yes"),
];
