//! Streams: messages by id, and consumer groups that share the reading of them
//! (<https://valkey.io/topics/streams-intro/>).
//!
//! ```text
//! Stream ──► Entries: macro nodes (listpacks of some tens of messages) by id, the last one apart
//!        └─► Groups:  name ──► last id, pending messages by id, consumers ──► ids of their pending messages
//! ```
//!
//! A clone copies a few words and shares all chunks; a change afterwards copies the chunks that it touches. The macro nodes are byte for byte what Valkey keeps, see [`node`].

mod entries;
mod group;
mod id;
mod map;
mod node;
mod radix;
#[cfg(test)]
mod tests;
mod walk;

pub use entries::{Entries, Keep, Range, RangeBack, Trimmed};
pub use group::{Consumer, ConsumerRef, Deleted, Group, GroupMut, Groups, Pending};
pub use id::StreamId;
pub use node::{Entry, Fields, MESSAGE_MAX_BYTES, Message, NodeLimits};
pub use walk::Walk;

#[derive(Clone, Default)]
struct Inner {
    entries: Entries,
    groups: Groups,
}

/// The value behind a key of this type.
#[derive(Clone, Default)]
pub struct Stream {
    inner: Box<Inner>,
}

impl Stream {
    /// Number of messages. O(1).
    pub fn len(&self) -> usize {
        self.inner.entries.len() as usize
    }

    /// Whether there is no message. O(1).
    pub fn is_empty(&self) -> bool {
        self.inner.entries.is_empty()
    }

    /// The messages.
    #[inline]
    pub fn entries(&self) -> &Entries {
        &self.inner.entries
    }

    /// The messages, to change.
    #[inline]
    pub fn entries_mut(&mut self) -> &mut Entries {
        &mut self.inner.entries
    }

    /// The consumer groups.
    #[inline]
    pub fn groups(&self) -> &Groups {
        &self.inner.groups
    }

    /// The consumer groups to change, with the messages to read.
    #[inline]
    pub fn groups_mut(&mut self) -> (&Entries, &mut Groups) {
        let Inner { entries, groups } = &mut *self.inner;
        (entries, groups)
    }

    /// Sets what a stream that was made elsewhere knows of its past: the last id, and where given the number of
    /// messages ever added and the largest id deleted.
    pub fn set_past(&mut self, last_id: StreamId, added: Option<u64>, max_deleted_id: Option<StreamId>) {
        let entries = self.entries_mut();
        entries.last_id = last_id;
        entries.added = added.unwrap_or(entries.added);
        entries.max_deleted_id = max_deleted_id.unwrap_or(entries.max_deleted_id);
    }

    /// Heap bytes behind this value, the struct itself not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Inner>() + self.inner.entries.memory_bytes() + self.inner.groups.memory_bytes()
    }

    /// Allocations to free, roughly: what decides whether a worker frees the value. O(1).
    pub fn free_effort(&self) -> usize {
        self.inner.entries.nodes() + self.inner.groups.free_effort()
    }

    /// Whether both are one value, a clone and its original since neither was changed. O(groups).
    pub fn is_same(&self, other: &Stream) -> bool {
        self.inner.entries.is_same(&other.inner.entries) && self.inner.groups.is_same(&other.inner.groups)
    }

    /// What `OBJECT ENCODING` says. O(1).
    pub fn encoding(&self) -> &'static str {
        "stream"
    }
}
