//! Passwords, access lists and guarded commands.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{Row, choice, switch, text};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    choice("acl-pubsub-default", &[("allchannels", 0), ("resetchannels", 1)], "resetchannels"),
    text("aclfile", "").immutable().keeps_empty(),
    switch("enable-debug-assert", "no").immutable().hidden(),
    choice("enable-debug-command", &[("no", 0), ("yes", 1), ("local", 2)], "no").immutable(),
    choice("enable-module-command", &[("no", 0), ("yes", 1), ("local", 2)], "no").immutable(),
    choice("enable-protected-configs", &[("no", 0), ("yes", 1), ("local", 2)], "no").immutable(),
    text("requirepass", "").sensitive().binary(),
];
