//! The process itself: threads, start-up, shutdown, scripts.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{INT_MAX, Row, TextCheck, Unit, choice, cores, flags, int, switch, text};

/// What a signal may ask of a shutdown; `default` is no bit at all.
const SHUTDOWN: &[(&str, u32)] =
    &[("default", 0), ("save", 1), ("nosave", 2), ("now", 4), ("force", 8), ("safe", 16), ("failover", 32)];

/// The rows of this group.
pub const ROWS: &[Row] = &[
    text("bgsave-cpulist", "").alias("bgsave_cpulist").immutable(),
    text("bio-cpulist", "").alias("bio_cpulist").immutable(),
    switch("daemonize", "no").immutable(),
    int("databases", 1, INT_MAX, "16").immutable(),
    text("debug-context", "").hidden().keeps_empty(),
    switch("extended-redis-compatibility", "no"),
    text("hash-seed", "").check(TextCheck::AtMost256).immutable(),
    int("hz", 0, INT_MAX, "10").unit(Unit::PerSecond).clamped(1, 500),
    text("ignore-warnings", "").keeps_empty(),
    switch("import-mode", "no"),
    cores("io-threads", 1, 256),
    switch("io-threads-always-active", "no").hidden(),
    text("locale-collate", "").check(TextCheck::Locale).keeps_empty(),
    switch("lua-enable-deprecated-api", "no").protected().hidden(),
    switch("lua-enable-insecure-api", "no").protected().hidden(),
    int("min-io-threads-avoid-copy-reply", 0, INT_MAX, "7").hidden(),
    int("min-string-size-avoid-copy-reply", 0, INT_MAX, "16384").unit(Unit::Bytes).hidden(),
    int("min-string-size-avoid-copy-reply-threaded", 0, INT_MAX, "65536").unit(Unit::Bytes).hidden(),
    text("pidfile", "").immutable(),
    int("prefetch-batch-max-size", 0, 128, "16"),
    text("proc-title-template", "{title} {listen-addr} {server-mode}").check(TextCheck::TitleTemplate),
    choice("propagation-error-behavior", &[("ignore", 0), ("panic", 1), ("panic-on-replicas", 2)], "ignore"),
    text("server-cpulist", "").alias("server_cpulist").immutable(),
    switch("set-proc-title", "yes").immutable(),
    flags("shutdown-on-sigint", SHUTDOWN, "default"),
    flags("shutdown-on-sigterm", SHUTDOWN, "default"),
    int("shutdown-timeout", 0, INT_MAX, "10").unit(Unit::Seconds),
    choice("supervised", &[("upstart", 0), ("systemd", 1), ("auto", 2), ("no", 3)], "no").immutable(),
    switch("use-exit-on-panic", "no").hidden(),
    int("watchdog-period", 0, INT_MAX, "0").unit(Unit::Milliseconds).hidden(),
];
