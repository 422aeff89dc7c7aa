//! The node's end of the effect log: units are committed by the thread that ran them, merged by whoever comes first.

use keyspace::space::Local;

use crate::node::Node;

/// Publishes the unit's effects. The unit's shards are held, so the order of sequence numbers is the order of
/// conflicting writes.
pub fn commit(_node: &Node, _local: &mut Local, _thread: usize, _now_ms: i64) {}

/// Takes the merging role if it is free and there is something to merge.
#[inline]
pub fn merge(_node: &Node) {}
