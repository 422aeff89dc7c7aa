//! Transport security.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{INT_MAX, PORT_MAX, Row, Unit, choice, int, switch, text};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    int("max-new-tls-connections-per-cycle", 1, 1000, "1"),
    choice("tls-auth-clients", &[("no", 0), ("yes", 1), ("optional", 2)], "yes"),
    choice("tls-auth-clients-user", &[("CN", 0), ("URI", 1), ("off", 2)], "off"),
    int("tls-auto-reload-interval", 0, INT_MAX, "0").unit(Unit::Seconds),
    text("tls-ca-cert-dir", ""),
    text("tls-ca-cert-file", ""),
    text("tls-cert-file", ""),
    text("tls-ciphers", ""),
    text("tls-ciphersuites", ""),
    text("tls-client-cert-file", ""),
    text("tls-client-key-file", ""),
    text("tls-client-key-file-pass", "").sensitive(),
    switch("tls-cluster", "no"),
    text("tls-dh-params-file", ""),
    text("tls-key-file", ""),
    text("tls-key-file-pass", "").sensitive(),
    int("tls-port", 0, PORT_MAX, "0"),
    switch("tls-prefer-server-ciphers", "no"),
    text("tls-protocols", ""),
    switch("tls-replication", "no"),
    int("tls-session-cache-size", 0, INT_MAX, "20480"),
    int("tls-session-cache-timeout", 0, INT_MAX, "300").unit(Unit::Seconds),
    switch("tls-session-caching", "yes"),
];
