//! Ranges that own what they read: for long replies, written after the lock was let go of.

use super::entries::Entries;
use super::id::StreamId;
use super::node::{Entry, Node};

/// Messages between two ids, in either direction, of a stream as it was when the walk began.
pub struct Walk {
    entries: Entries,
    node: Option<Node>,
    /// Where in the node the next entry begins, or ends when going back.
    at: usize,
    start: StreamId,
    end: StreamId,
    back: bool,
}

impl Walk {
    /// A walk from `start` to `end`, both included, or with `back` the other way. O(log nodes + entries of a node).
    pub fn new(entries: &Entries, start: StreamId, end: StreamId, back: bool) -> Walk {
        let (node, at) = if back { entries.place_behind(end) } else { entries.place_of(start) };
        Walk { entries: entries.clone(), node: node.cloned(), at, start, end, back }
    }

    /// The next message. O(1), O(log nodes) from one node to the next.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from the walk")]
    pub fn next(&mut self) -> Option<Entry<'_>> {
        let found = loop {
            let view = self.node.as_ref()?.view();
            let entry = if self.back { view.entry_before(self.at) } else { view.entry(self.at) };
            let Some(entry) = entry else {
                let id = view.id;
                let (node, at) =
                    if self.back { self.entries.end_before(id) } else { self.entries.start_after(id) };
                (self.node, self.at) = (node.cloned(), at);
                continue;
            };
            if if self.back { entry.id < self.start } else { entry.id > self.end } {
                self.node = None;
                return None;
            }
            self.at = if self.back { entry.at } else { entry.next_at() };
            if !entry.deleted {
                break entry.at;
            }
        };
        self.node.as_ref()?.view().entry(found)
    }
}
