//! Which deletions may free memory in the background.
//!
//! Names, bounds and defaults: <https://valkey.io/topics/valkey.conf/>, checked against valkey-server 9.1.2.

use crate::row::{Row, switch};

/// The rows of this group.
pub const ROWS: &[Row] = &[
    switch("lazyfree-lazy-eviction", "yes"),
    switch("lazyfree-lazy-expire", "yes"),
    switch("lazyfree-lazy-server-del", "yes"),
    switch("lazyfree-lazy-user-del", "yes"),
    switch("lazyfree-lazy-user-flush", "yes"),
    switch("replica-lazy-flush", "yes").alias("slave-lazy-flush"),
];
