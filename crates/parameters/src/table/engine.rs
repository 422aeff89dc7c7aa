//! Parameters that only this engine has.

use crate::row::{Row, choice, int, switch, text};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    switch("effect-log", "no").immutable(),
    text("effect-log-dir", "").immutable(),
    choice("io-poller", &[("auto", 0), ("epoll", 1), ("io_uring", 2)], "auto").immutable(),
    choice("key-sharding", &[("hash", 0), ("slot", 1)], "hash").immutable(),
    int("shards", 0, 1024, "0").zero_or_power_of_two().immutable(),
    choice("transit-encryption-mode", &[("required", 0), ("preferred", 1)], "required"),
];
