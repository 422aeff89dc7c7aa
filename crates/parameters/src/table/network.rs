//! Listening sockets and connection housekeeping.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{
    INT_MAX, Kind, PORT_MAX, Row, TextCheck, UINT_MAX, Unit, int, octal, special, switch, text,
};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    special("bind", Kind::Words, "* -::*"),
    text("bind-source-addr", ""),
    int("max-new-connections-per-cycle", 1, 1000, "10"),
    switch("mptcp", "no").immutable(),
    int("port", 0, PORT_MAX, "6379"),
    switch("protected-mode", "yes"),
    text("rdma-bind", "").check(TextCheck::Rdma),
    int("rdma-completion-vector", -1, 1024, "-1").immutable(),
    int("rdma-port", 0, PORT_MAX, "0"),
    int("rdma-rx-size", 65536, 16777216, "1048576").unit(Unit::Bytes).immutable(),
    int("socket-mark-id", 0, UINT_MAX, "0").immutable(),
    int("tcp-backlog", 0, INT_MAX, "511").immutable(),
    int("tcp-keepalive", 0, INT_MAX, "300").unit(Unit::Seconds),
    int("timeout", 0, INT_MAX, "0").unit(Unit::Seconds),
    text("unixsocket", "").immutable(),
    text("unixsocketgroup", "").immutable(),
    octal("unixsocketperm", 0o777, "0").immutable(),
];
