//! The log, the command logs, latency records and keyspace events.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{Kind, LONG_MAX, Row, Unit, choice, int, special, switch, text};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    switch("always-show-logo", "no").immutable(),
    int("commandlog-execution-slower-than", -1, LONG_MAX, "10000")
        .alias("slowlog-log-slower-than")
        .unit(Unit::Microseconds),
    int("commandlog-large-reply-max-len", 0, LONG_MAX, "128"),
    int("commandlog-large-request-max-len", 0, LONG_MAX, "128"),
    int("commandlog-reply-larger-than", -1, LONG_MAX, "1048576").unit(Unit::Bytes),
    int("commandlog-request-larger-than", -1, LONG_MAX, "1048576").unit(Unit::Bytes),
    int("commandlog-slow-execution-max-len", 0, LONG_MAX, "128").alias("slowlog-max-len"),
    switch("crash-log-enabled", "yes"),
    switch("crash-memcheck-enabled", "yes"),
    switch("hide-user-data-from-log", "yes"),
    int("latency-monitor-threshold", 0, LONG_MAX, "0").unit(Unit::Milliseconds),
    switch("latency-tracking", "yes"),
    special("latency-tracking-info-percentiles", Kind::Percentiles, "50 99 99.9"),
    choice("log-format", &[("legacy", 0), ("logfmt", 1), ("json", 2)], "legacy"),
    choice("log-timestamp-format", &[("legacy", 0), ("iso8601", 1), ("milliseconds", 2)], "legacy"),
    text("logfile", "").immutable().keeps_empty(),
    choice(
        "loglevel",
        &[("debug", 0), ("verbose", 1), ("notice", 2), ("warning", 3), ("nothing", 4)],
        "notice",
    ),
    special("notify-keyspace-events", Kind::EventLetters, ""),
    switch("syslog-enabled", "no").immutable(),
    choice(
        "syslog-facility",
        &[
            ("user", 0),
            ("local0", 1),
            ("local1", 2),
            ("local2", 3),
            ("local3", 4),
            ("local4", 5),
            ("local5", 6),
            ("local6", 7),
            ("local7", 8),
        ],
        "local0",
    )
    .immutable(),
    text("syslog-ident", "valkey").immutable(),
];
