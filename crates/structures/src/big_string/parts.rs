//! Reading a [`BigString`](super::BigString) piece by piece: borrowed for work under the lock, shared for
//! replies that leave later.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use super::{CHUNK_BYTES, Chunk, Root, ZEROS, slot_bytes};

/// What a hole hands out where a chunk to own is asked for.
static ZERO_CHUNK: LazyLock<Arc<Chunk>> = LazyLock::new(|| Arc::from(&ZEROS[..]));

/// Consecutive slices of a range of a string.
#[derive(Clone)]
pub struct Chunks<'a> {
    root: &'a Root,
    at: usize,
    end: usize,
}

/// The chunks of a range of a string, to own, each with the part of it that belongs to the range.
#[derive(Clone)]
pub struct SharedParts<'a>(Chunks<'a>);

impl<'a> Chunks<'a> {
    pub(super) fn new(root: &'a Root, range: Range<usize>) -> Chunks<'a> {
        let end = range.end.min(root.len);
        Chunks { root, at: range.start.min(end), end }
    }

    /// Bytes in the slices still to come.
    pub fn byte_len(&self) -> usize {
        self.end - self.at
    }

    /// The slot and the range inside it that come next.
    fn step(&mut self) -> Option<(usize, Range<usize>)> {
        if self.at == self.end {
            return None;
        }
        let (index, from) = (self.at / CHUNK_BYTES, self.at % CHUNK_BYTES);
        let to = CHUNK_BYTES.min(from + self.byte_len());
        self.at += to - from;
        Some((index, from..to))
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (index, range) = self.step()?;
        Some(&slot_bytes(&self.root.table[index])[range])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self.byte_len() {
            0 => 0,
            _ => self.end.div_ceil(CHUNK_BYTES) - self.at / CHUNK_BYTES,
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Chunks<'_> {}

impl<'a> SharedParts<'a> {
    pub(super) fn new(root: &'a Root, range: Range<usize>) -> SharedParts<'a> {
        SharedParts(Chunks::new(root, range))
    }

    /// Bytes in the parts still to come.
    pub fn byte_len(&self) -> usize {
        self.0.byte_len()
    }
}

impl Iterator for SharedParts<'_> {
    type Item = (Arc<Chunk>, Range<usize>);

    fn next(&mut self) -> Option<(Arc<Chunk>, Range<usize>)> {
        let (index, range) = self.0.step()?;
        let chunk = self.0.root.table[index].as_ref().unwrap_or_else(|| &ZERO_CHUNK);
        Some((Arc::clone(chunk), range))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for SharedParts<'_> {}
