//! Streams: entries by id, consumer groups.

/// The value behind a key of this type.
#[derive(Clone, Default)]
pub struct Stream {}

impl Stream {
    /// Number of elements. O(1).
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there is no element. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes behind this value, the struct itself not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        0
    }

    /// Allocations to free, roughly: what decides whether a worker frees the value. O(1).
    pub fn free_effort(&self) -> usize {
        1
    }

    /// What `OBJECT ENCODING` says. O(1).
    pub fn encoding(&self) -> &'static str {
        "stream"
    }
}
