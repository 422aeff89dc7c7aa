//! Values too large or too structured for an entry's own bytes: an entry holds one pointer to an [`Object`].

use crate::big_string::BigString;

/// A value behind a pointer. Collections join as variants.
pub enum Object {
    /// A string above [`INLINE_MAX_BYTES`].
    String(BigString),
}

/// Strings up to this length stand inside their entry; longer ones are chunked.
pub const INLINE_MAX_BYTES: usize = 4096;

impl Object {
    /// Heap bytes that the object owns, itself included. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Object>()
            + match self {
                Object::String(s) => s.byte_len_allocated(),
            }
    }
}
