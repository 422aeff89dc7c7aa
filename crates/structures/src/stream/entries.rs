//! The messages of a stream: macro nodes by the id of their first message, the last of them apart, since nearly every
//! message is added there.

use std::ops::ControlFlow;

use super::id::StreamId;
use super::node::{Entry, MESSAGE_MAX_BYTES, Message, Node, NodeLimits, View};
use super::radix;
use crate::tree::{Leaf, Tree};

/// What trimming removed. Freeing it takes O(nodes), anywhere.
pub struct Trimmed {
    /// Number of messages.
    pub count: u64,
    /// Nodes that were taken out at once.
    cut: Option<Tree<Node>>,
}

impl Trimmed {
    /// Allocations to free, roughly. O(1).
    pub fn free_effort(&self) -> usize {
        self.cut.as_ref().map_or(0, Tree::free_effort)
    }
}

/// What trimming leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// At most this many messages, the newest.
    Newest(u64),
    /// Messages with this id or a larger one.
    From(StreamId),
}

/// The messages of a stream and what is known of them.
#[derive(Clone, Default)]
pub struct Entries {
    /// All nodes but the last.
    full: Tree<Node>,
    /// The last node.
    tail: Option<Node>,
    nodes: usize,
    len: u64,
    pub(super) last_id: StreamId,
    first_id: StreamId,
    pub(super) max_deleted_id: StreamId,
    pub(super) added: u64,
}

impl Entries {
    /// Number of messages. O(1).
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no message. O(1).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The largest id that was ever added, or what was set. O(1).
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The id of the first message, `0-0` when there is none. O(1).
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The largest id that was deleted by itself, `0-0` when none was. Trimming does not count. O(1).
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// Messages ever added. O(1).
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Number of nodes. O(1).
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Whether both are one value, a clone and its original since neither was changed. O(1).
    pub fn is_same(&self, other: &Entries) -> bool {
        let facts = |entries: &Entries| (entries.last_id, entries.max_deleted_id, entries.added, entries.len);
        let is_same_tail = match (&self.tail, &other.tail) {
            (Some(tail), Some(other)) => tail.is_same(other),
            (tail, other) => tail.is_none() && other.is_none(),
        };
        facts(self) == facts(other) && is_same_tail && self.full.is_same(&other.full)
    }

    /// Nodes of the radix tree in which Valkey would keep the macro nodes. O(nodes).
    pub fn radix_nodes(&self) -> usize {
        let mut counter = radix::Counter::default();
        let _: ControlFlow<()> = self.full.try_for_each_leaf(|node| {
            counter.add(node.id);
            ControlFlow::Continue(())
        });
        self.tail.iter().for_each(|node| counter.add(node.id));
        counter.nodes()
    }

    /// Heap bytes, the struct itself not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        self.full.memory_bytes() + self.tail.as_ref().map_or(0, Leaf::memory_bytes)
    }

    /// Adds a message whose id is above all others. Its texts are at most [`MESSAGE_MAX_BYTES`] together. O(bytes of
    /// the message).
    pub fn add<'m>(&mut self, id: StreamId, message: &impl Message<'m>, limits: NodeLimits) {
        debug_assert!(id > self.last_id, "ids of a stream grow");
        let texts: usize = message.texts().map(<[u8]>::len).sum();
        if self.tail.as_ref().is_some_and(|tail| is_full(tail, texts, limits)) {
            self.finish_tail();
        }
        match &mut self.tail {
            Some(tail) => tail.append(id, message),
            None => {
                self.tail = Some(Node::new(id, message));
                self.nodes += 1;
            }
        }
        self.len += 1;
        self.added += 1;
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
    }

    /// The tail joins the other nodes.
    fn finish_tail(&mut self) {
        if let Some(mut tail) = self.tail.take() {
            tail.shrink();
            self.full.push_last(tail.id, tail);
        }
    }

    /// Deletes a message. O(log nodes + entries of a node).
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(view) = self.node_at(id) else { return false };
        let Some(entry) = view.entry(view.seek(id)).filter(|entry| entry.id == id && !entry.deleted) else {
            return false;
        };
        let (node, at) = (view.id, entry.at);
        if view.count == 1 {
            self.remove_node(node);
        } else {
            self.edit_node(node, |node| node.mark_deleted(&[at]));
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        if self.len == 0 {
            self.first_id = StreamId::MIN;
        } else if self.first_id == id {
            self.first_id = self.first().expect("there are messages").id;
        }
        true
    }

    /// Changes a node in place.
    fn edit_node(&mut self, id: StreamId, edit: impl FnOnce(&mut Node)) {
        match &mut self.tail {
            Some(tail) if tail.id == id => edit(tail),
            _ => self.full.edit_at_key(id, |_| true, edit).expect("callers found the node"),
        }
    }

    fn remove_node(&mut self, id: StreamId) {
        self.nodes -= 1;
        if self.tail.take_if(|tail| tail.id == id).is_some() {
            // The node before is the last now: messages may still fit into it.
            self.tail = self.full.edit_last(Node::take);
        } else {
            self.full.edit_at_key(id, |_| true, Node::take);
        }
    }

    /// Removes the oldest messages. With `whole_nodes` only as many as whole nodes hold, and with a `limit` above 0 no node
    /// that would bring their number above it. O(log nodes + entries of a node); what was removed is freed when the result
    /// is dropped, O(nodes removed).
    pub fn trim(&mut self, keep: Keep, whole_nodes: bool, limit: u64) -> Trimmed {
        let before = self.len;
        let cut = if limit == 0 { self.cut(keep) } else { None };
        while let Some(view) = self.first_node() {
            let (id, count) = (view.id, view.count as u64);
            if matches!(keep, Keep::Newest(max) if self.len <= max)
                || limit > 0 && before - self.len + count > limit
            {
                break;
            }
            let all = match keep {
                Keep::Newest(max) => self.len - count >= max,
                Keep::From(id) => view.last_id().is_none_or(|last| last < id),
            };
            if all {
                self.remove_node(id);
                self.len -= count;
                continue;
            }
            if !whole_nodes {
                self.trim_node(keep);
            }
            break;
        }
        if self.len == 0 {
            self.first_id = StreamId::MIN;
        } else if self.len < before {
            self.first_id = self.first().expect("there are messages").id;
        }
        Trimmed { count: before - self.len, cut }
    }

    /// Takes out many nodes at once: all that must go but the last of them, or few less.
    fn cut(&mut self, keep: Keep) -> Option<Tree<Node>> {
        let go = match keep {
            Keep::Newest(max) => self.len.saturating_sub(max).min(self.full.len() as u64) as usize,
            Keep::From(id) => self.floor(id)?.0,
        };
        // To the start of a node that holds a message to go, or the first that may stay.
        let whole = match keep {
            Keep::Newest(_) => go - self.full.leaf_at_index(go.checked_sub(1)?)?.1 - 1,
            Keep::From(_) => go,
        };
        if whole == 0 {
            return None;
        }
        let rest = self.full.split_off(whole);
        let cut = std::mem::replace(&mut self.full, rest);
        let mut nodes = 0;
        let _: ControlFlow<()> = cut.try_for_each_leaf(|_| {
            nodes += 1;
            ControlFlow::Continue(())
        });
        self.nodes -= nodes;
        self.len -= cut.len() as u64;
        Some(cut)
    }

    /// Removes the oldest messages of the first node, not all of its places.
    fn trim_node(&mut self, keep: Keep) {
        let view = self.first_node().expect("callers found the node");
        let mut gone = Vec::new();
        let mut at = view.start();
        while let Some(entry) = view.entry(at) {
            let stop = match keep {
                Keep::Newest(max) => self.len - gone.len() as u64 <= max,
                Keep::From(id) => entry.id >= id,
            };
            if stop {
                break;
            }
            if !entry.deleted {
                gone.push(entry.at);
            }
            at = entry.next_at();
        }
        if !gone.is_empty() {
            self.edit_node(view.id, |node| node.mark_deleted(&gone));
            self.len -= gone.len() as u64;
        }
    }

    fn first_node(&self) -> Option<View<'_>> {
        self.full.first().or(self.tail.as_ref()).map(Node::view)
    }

    /// The node in which a message with this id would be.
    fn node_at(&self, id: StreamId) -> Option<View<'_>> {
        self.node_named(id).map(Node::view)
    }

    fn node_named(&self, id: StreamId) -> Option<&Node> {
        match &self.tail {
            Some(tail) if tail.id <= id => Some(tail),
            _ => match self.full.leaf_at_key(id, |_| true) {
                Some(node) if node.id > id => self.floor(id).map(|(_, node)| node),
                found => found,
            },
        }
    }

    /// The last full node at or before `id`, and the number of messages before it. A node without messages may be
    /// passed over.
    fn floor(&self, id: StreamId) -> Option<(usize, &Node)> {
        let (start, node) = self.full.ranked_leaf_at_key(id, |_| true)?;
        if node.id <= id {
            return Some((start, node));
        }
        // The bounds of the tree are lower than what is left behind them.
        let (node, within) = self.full.leaf_at_index(start.checked_sub(1)?)?;
        Some((start - 1 - within, node))
    }

    /// The node behind the one at or before `id`.
    fn node_after(&self, id: StreamId) -> Option<&Node> {
        let full = match self.full.bounded_leaf_at_key(id, |_| true) {
            Some((node, _)) if node.id > id => Some(node),
            Some((_, Some(next))) => self.full.leaf_at_key(next, |_| true),
            _ => None,
        };
        full.or_else(|| self.tail.as_ref().filter(|tail| tail.id > id))
    }

    fn node_before(&self, id: StreamId) -> Option<&Node> {
        self.node_named(id.previous()?)
    }

    /// Where the first entry at or above `start` stands: a node, and an offset in it that may be its end.
    pub(super) fn place_of(&self, start: StreamId) -> (Option<&Node>, usize) {
        let node = self.node_named(start).or_else(|| self.full.first()).or(self.tail.as_ref());
        (node, node.map_or(0, |node| node.view().seek(start)))
    }

    /// Where the last entry at or below `end` ends.
    pub(super) fn place_behind(&self, end: StreamId) -> (Option<&Node>, usize) {
        let node = self.node_named(end);
        let at = node.map_or(0, |node| {
            let view = node.view();
            end.next().map_or(view.end(), |above| view.seek(above))
        });
        (node, at)
    }

    /// Where the first entry of the node after another one stands.
    pub(super) fn start_after(&self, id: StreamId) -> (Option<&Node>, usize) {
        let node = self.node_after(id);
        (node, node.map_or(0, |node| node.view().start()))
    }

    /// Where the last entry of the node before another one ends.
    pub(super) fn end_before(&self, id: StreamId) -> (Option<&Node>, usize) {
        let node = self.node_before(id);
        (node, node.map_or(0, |node| node.view().end()))
    }

    /// Number of messages below `id`. O(log nodes + entries of a node).
    fn rank(&self, id: StreamId) -> u64 {
        let (before, node) = match &self.tail {
            Some(tail) if tail.id <= id => (self.full.len(), tail),
            _ => match self.floor(id) {
                Some(found) => found,
                None => return 0,
            },
        };
        before as u64 + node.view().rank(id)
    }

    /// Number of messages from `start` to `end`, both included. O(log nodes + entries of a node).
    pub fn count(&self, start: StreamId, end: StreamId) -> u64 {
        let up_to_end = end.next().map_or(self.len, |above| self.rank(above));
        up_to_end.saturating_sub(self.rank(start))
    }

    /// Messages from `start` to `end`, both included, oldest first. O(log nodes + entries of a node) to begin.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        let (node, at) = self.place_of(start);
        Range { entries: self, view: node.map(Node::view), at, end }
    }

    /// Messages from `end` back to `start`, both included, newest first. O(log nodes + entries of a node) to begin.
    pub fn range_back(&self, end: StreamId, start: StreamId) -> RangeBack<'_> {
        let (node, at) = self.place_behind(end);
        RangeBack { entries: self, view: node.map(Node::view), at, start }
    }

    /// The oldest message.
    pub fn first(&self) -> Option<Entry<'_>> {
        self.range(StreamId::MIN, StreamId::MAX).next()
    }

    /// The newest message. O(entries of a node) at most.
    pub fn last(&self) -> Option<Entry<'_>> {
        let view = self.tail.as_ref()?.view();
        RangeBack { entries: self, view: Some(view), at: view.end(), start: StreamId::MIN }.next()
    }

    /// Whether the message is there. O(log nodes + entries of a node).
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// A message. O(log nodes + entries of a node).
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        let view = self.node_at(id)?;
        view.entry(view.seek(id)).filter(|entry| entry.id == id && !entry.deleted)
    }

    /// Whether a message was deleted by itself, not trimmed, at or above `start`. O(1).
    pub fn has_gaps_from(&self, start: StreamId) -> bool {
        !self.is_empty() && !self.max_deleted_id.is_zero() && start <= self.max_deleted_id
    }

    /// How many messages were ever added up to `id`; `None` where that cannot be known. O(1).
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last_id {
            return Some(self.added);
        }
        if !id.is_zero() && id < self.max_deleted_id {
            return None;
        }
        if id >= self.last_id {
            return (id == self.last_id).then_some(self.added);
        }
        if !self.max_deleted_id.is_zero() && self.max_deleted_id >= self.first_id {
            return None;
        }
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(self.added.wrapping_sub(self.len)),
            std::cmp::Ordering::Equal => Some(self.added.wrapping_sub(self.len).wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }
}

/// Whether a message of `texts` bytes needs a new node.
fn is_full(node: &Node, texts: usize, limits: NodeLimits) -> bool {
    let bytes = if limits.bytes == 0 { MESSAGE_MAX_BYTES } else { limits.bytes.min(MESSAGE_MAX_BYTES) };
    node.bytes() + texts >= bytes
        || limits.entries > 0 && node.view().places() >= i64::try_from(limits.entries).unwrap_or(i64::MAX)
}

/// Messages in order, see [`Entries::range`].
pub struct Range<'a> {
    entries: &'a Entries,
    view: Option<View<'a>>,
    at: usize,
    end: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let view = self.view?;
            match view.entry(self.at) {
                Some(entry) if entry.id > self.end => self.view = None,
                Some(entry) => {
                    self.at = entry.next_at();
                    if !entry.deleted {
                        return Some(entry);
                    }
                }
                None => {
                    let (node, at) = self.entries.start_after(view.id);
                    (self.view, self.at) = (node.map(Node::view), at);
                }
            }
        }
    }
}

/// Messages in reverse order, see [`Entries::range_back`].
pub struct RangeBack<'a> {
    entries: &'a Entries,
    view: Option<View<'a>>,
    /// Where the last entry given begins.
    at: usize,
    start: StreamId,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let view = self.view?;
            match view.entry_before(self.at) {
                Some(entry) if entry.id < self.start => self.view = None,
                Some(entry) => {
                    self.at = entry.at;
                    if !entry.deleted {
                        return Some(entry);
                    }
                }
                None => {
                    let (node, at) = self.entries.end_before(view.id);
                    (self.view, self.at) = (node.map(Node::view), at);
                }
            }
        }
    }
}

#[cfg(test)]
impl Entries {
    /// The last node's listpack.
    pub(super) fn tail_bytes(&self) -> &[u8] {
        self.tail.as_ref().map_or(&[], Node::listpack)
    }

    /// Number of nodes, counted anew.
    pub(super) fn nodes_counted(&self) -> usize {
        let mut nodes = usize::from(self.tail.is_some());
        let _: ControlFlow<()> = self.full.try_for_each_leaf(|_| {
            nodes += 1;
            ControlFlow::Continue(())
        });
        nodes
    }
}
