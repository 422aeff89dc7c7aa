//! Values too large or too structured for an entry's own bytes: an entry holds one pointer to an [`Object`].

use crate::big_string::BigString;
use crate::hash::Hash;
use crate::list::List;
use crate::set::Set;
use crate::stream::Stream;
use crate::zset::Zset;

/// A value behind a pointer. A clone shares what is large (chunks, subtrees) until one of the two changes it: O(1), or
/// O(bytes) up to the size of one chunk.
#[derive(Clone)]
pub enum Object {
    /// A string above [`INLINE_MAX_BYTES`].
    String(BigString),
    /// A hash.
    Hash(Hash),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    Zset(Zset),
    /// A stream.
    Stream(Stream),
}

/// Strings up to this length stand inside their entry; longer ones are chunked.
pub const INLINE_MAX_BYTES: usize = 4096;

impl Object {
    /// Heap bytes that the object owns, itself included. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Object>()
            + match self {
                Object::String(s) => s.byte_len_allocated(),
                Object::Hash(h) => h.memory_bytes(),
                Object::List(l) => l.memory_bytes(),
                Object::Set(s) => s.memory_bytes(),
                Object::Zset(z) => z.memory_bytes(),
                Object::Stream(s) => s.memory_bytes(),
            }
    }

    /// Allocations to free, roughly: beyond some tens of them, freeing is a worker's job. O(1).
    pub fn free_effort(&self) -> usize {
        match self {
            Object::String(s) => s.len() / crate::big_string::CHUNK_BYTES,
            Object::Hash(h) => h.free_effort(),
            Object::List(l) => l.free_effort(),
            Object::Set(s) => s.free_effort(),
            Object::Zset(z) => z.free_effort(),
            Object::Stream(s) => s.free_effort(),
        }
    }

    /// Starts loading what a command on the element called `name` reads: all of a small value, the leaf with the element of
    /// a large one.
    pub fn prefetch(&self, name: &[u8]) {
        match self {
            Object::String(_) | Object::Stream(_) => {}
            Object::Hash(h) => h.prefetch(name),
            Object::List(l) => l.prefetch(),
            Object::Set(s) => s.prefetch(name),
            Object::Zset(z) => z.prefetch(name),
        }
    }

    /// Starts loading the element called `name` of a large collection, some time after [`Object::prefetch`].
    pub fn prefetch_element(&self, name: &[u8]) {
        match self {
            Object::Hash(h) => h.prefetch_element(name),
            Object::Set(s) => s.prefetch_element(name),
            Object::Zset(z) => z.prefetch_element(name),
            Object::String(_) | Object::List(_) | Object::Stream(_) => {}
        }
    }

    /// Whether both are one value, a clone and its original since neither was changed. While a clone lives, every
    /// change of the original makes it another value. O(1), but for the groups of a stream.
    pub fn is_same(&self, other: &Object) -> bool {
        match (self, other) {
            (Object::String(s), Object::String(other)) => s.is_same(other),
            (Object::Hash(h), Object::Hash(other)) => h.is_same(other),
            (Object::List(l), Object::List(other)) => l.is_same(other),
            (Object::Set(s), Object::Set(other)) => s.is_same(other),
            (Object::Zset(z), Object::Zset(other)) => z.is_same(other),
            (Object::Stream(s), Object::Stream(other)) => s.is_same(other),
            _ => false,
        }
    }

    /// Unix time in ms at which the first part of the value expires: the first field of a hash. O(1).
    #[inline]
    pub fn due_at_ms(&self) -> Option<i64> {
        if let Object::Hash(hash) = self { hash.next_expiry_at_ms() } else { None }
    }

    /// What `TYPE` says. O(1).
    pub fn type_name(&self) -> &'static str {
        match self {
            Object::String(_) => "string",
            Object::Hash(_) => "hash",
            Object::List(_) => "list",
            Object::Set(_) => "set",
            Object::Zset(_) => "zset",
            Object::Stream(_) => "stream",
        }
    }

    /// What `OBJECT ENCODING` says. O(1).
    pub fn encoding(&self) -> &'static str {
        match self {
            Object::String(_) => "raw",
            Object::Hash(h) => h.encoding(),
            Object::List(l) => l.encoding(),
            Object::Set(s) => s.encoding(),
            Object::Zset(z) => z.encoding(),
            Object::Stream(s) => s.encoding(),
        }
    }
}

/// A type that is one variant of [`Object`], so that code may ask for it by type.
pub trait Variant: Sized {
    /// The value, if the object is of this type.
    fn of(object: &Object) -> Option<&Self>;
    /// The value to change, if the object is of this type.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
    /// The object around a value.
    fn into_object(self) -> Object;
}

/// The variants, each with its type.
macro_rules! variants {
    ($($name:ident($type:ty),)*) => {
        $(impl Variant for $type {
            fn of(object: &Object) -> Option<&Self> {
                if let Object::$name(value) = object { Some(value) } else { None }
            }
            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                if let Object::$name(value) = object { Some(value) } else { None }
            }
            fn into_object(self) -> Object {
                Object::$name(self)
            }
        })*
    };
}

variants! {
    String(BigString),
    Hash(Hash),
    List(List),
    Set(Set),
    Zset(Zset),
    Stream(Stream),
}

#[cfg(test)]
mod tests;
