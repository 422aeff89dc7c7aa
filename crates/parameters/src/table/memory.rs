//! Memory ceiling, eviction, expiry effort and defragmentation.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{INT_MAX, Kind, LONG_MAX, Row, ULONG_MAX, Unit, choice, int, memory, special, switch};

/// What clients are told who ask for active defragmentation: our allocator offers none.
const NO_DEFRAG: &str = "Active defragmentation cannot be enabled: it requires a server compiled with a modified \
                         Jemalloc like the one shipped by default with the source distribution";

/// The rows of this group.
pub const ROWS: &[Row] = &[
    int("active-defrag-cycle-max", 1, 99, "25").unit(Unit::Percent),
    int("active-defrag-cycle-min", 1, 99, "1").unit(Unit::Percent),
    int("active-defrag-cycle-us", 0, 100000, "500").unit(Unit::Microseconds),
    memory("active-defrag-ignore-bytes", 1, LONG_MAX as u64, "104857600"),
    int("active-defrag-max-scan-fields", 1, LONG_MAX, "1000"),
    int("active-defrag-threshold-lower", 0, 1000, "10").unit(Unit::Percent),
    int("active-defrag-threshold-upper", 0, 1000, "100").unit(Unit::Percent),
    int("active-expire-effort", 1, 10, "1"),
    switch("activedefrag", "no").refuses_yes(NO_DEFRAG),
    switch("activerehashing", "yes"),
    switch("disable-thp", "yes").immutable(),
    switch("jemalloc-bg-thread", "yes"),
    int("lfu-decay-time", 0, INT_MAX, "1").unit(Unit::Minutes),
    int("lfu-log-factor", 0, INT_MAX, "10"),
    memory("maxmemory", 0, ULONG_MAX, "0"),
    int("maxmemory-eviction-tenacity", 0, 100, "10"),
    choice(
        "maxmemory-policy",
        &[
            ("volatile-lru", 0),
            ("volatile-lfu", 1),
            ("volatile-random", 2),
            ("volatile-ttl", 3),
            ("allkeys-lru", 4),
            ("allkeys-lfu", 5),
            ("allkeys-random", 6),
            ("noeviction", 7),
            ("allkeys-s3fifo", 8),
        ],
        "noeviction",
    ),
    int("maxmemory-samples", 1, 64, "5"),
    choice("oom-score-adj", &[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)], "no"),
    special("oom-score-adj-values", Kind::OomScores, "0 200 800"),
];
