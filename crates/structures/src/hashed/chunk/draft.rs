//! Laying out a leaf's bytes anew: for more slots, for arrays it had not, and in two halves.
//!
//! A draft holds copies of words whose references nobody counted yet. [`Chunk::replace`] settles that.

use super::super::lanes::LANE;
use super::{Chunk, EXTERNAL, HEAD_BYTES, NEVER, ONE_HASH, OUTSIDE, Shape, TTL, VARIABLE, WORD, external};
use crate::blob::Blob;

/// The slots given to `count` elements.
pub(super) fn slots_for(count: usize) -> usize {
    count.next_multiple_of(LANE)
}

/// Bytes on their way to become a leaf's.
pub(super) struct Draft<const W: usize> {
    pub blob: Blob,
    pub shape: Shape<W>,
}

impl<const W: usize> Draft<W> {
    /// All of a leaf with other `slots`, with `flags` beside those that are still needed, with room for `bytes` more data.
    pub(super) fn lay_out(chunk: &Chunk<W>, slots: usize, flags: u8, bytes: usize) -> Draft<W> {
        let old = chunk.shape();
        let (external, first) = (chunk.wide(0), chunk.wide(1));
        let needed = if first != NEVER { TTL } else { 0 } | if external != 0 { EXTERNAL } else { 0 };
        let shape = Shape { count: old.count, slots, flags: flags | needed | old.flags & ONE_HASH };
        let data = chunk.blob.get(old.data()..).unwrap_or(&[]);
        let mut draft = Draft::blank(shape, data.len() + bytes);
        draft.blob.push(data);
        draft.copy_arrays(0, chunk, 0, old.count);
        draft.finish(external, first);
        draft
    }

    /// The elements of a leaf that `takes` says.
    pub(super) fn gather(chunk: &Chunk<W>, takes: impl Fn(usize) -> bool) -> Draft<W> {
        let old = chunk.shape();
        let size = |index| {
            let (name, value) = chunk.sizes(old, index);
            name + value
        };
        let taken = || (0..old.count).filter(|index| takes(*index));
        let slots = slots_for(taken().count() + 1);
        let flags = old.flags & (TTL | EXTERNAL);
        let mut draft = Draft::blank(Shape { count: 0, slots, flags }, taken().map(size).sum());
        let (mut at, mut external, mut first) = (old.data(), 0, NEVER);
        for index in 0..old.count {
            let end = at + size(index);
            if takes(index) {
                draft.blob.push(&chunk.blob[at..end]);
                draft.copy_arrays(draft.shape.count, chunk, index, 1);
                draft.shape.count += 1;
                first = first.min(chunk.expiry(old, index));
                external += outside_bytes(chunk, old, index, at);
            }
            at = end;
        }
        draft.finish(external, first);
        draft
    }

    /// Arrays of zeros and no data.
    fn blank(shape: Shape<W>, data_bytes: usize) -> Draft<W> {
        let mut blob = Blob::with_capacity(shape.data() + data_bytes);
        blob.open(0..0, shape.data());
        Draft { blob, shape }
    }

    /// Writes the head.
    pub(super) fn finish(&mut self, external_bytes: u64, first_expiry: u64) {
        let shape = self.shape;
        let half = |number: usize| u16::try_from(number).expect("few names have one hash").to_le_bytes();
        let bytes = self.blob.make_mut();
        bytes[..2].copy_from_slice(&half(shape.count));
        bytes[2..4].copy_from_slice(&half(shape.slots));
        bytes[4] = shape.flags;
        if shape.is_wide() {
            bytes[HEAD_BYTES..HEAD_BYTES + 8].copy_from_slice(&external_bytes.to_le_bytes());
            bytes[HEAD_BYTES + 8..HEAD_BYTES + 16].copy_from_slice(&first_expiry.to_le_bytes());
        }
    }

    /// Copies what the arrays say of `count` elements of a leaf from index `at` on, to index `to` here.
    pub(super) fn copy_arrays(&mut self, to: usize, from: &Chunk<W>, at: usize, count: usize) {
        if count == 0 {
            return;
        }
        let (new, old) = (self.shape, from.shape());
        let bytes = self.blob.make_mut();
        let mut copy = |target: usize, source: usize, width: usize| {
            bytes[target + to * width..][..count * width]
                .copy_from_slice(&from.blob[source + at * width..][..count * width]);
        };
        copy(new.tags(), old.tags(), 1);
        copy(new.names(), old.names(), 1);
        if W == VARIABLE {
            copy(new.values(), old.values(), 1);
        }
        if new.flags & old.flags & TTL != 0 {
            copy(new.expiries(), old.expiries(), 8);
        } else if new.flags & TTL != 0 {
            bytes[new.expiries() + to * 8..][..count * 8].fill(0xff);
        }
    }
}

/// Heap bytes that the element at `index`, whose data is at `at`, has outside.
fn outside_bytes<const W: usize>(chunk: &Chunk<W>, shape: Shape<W>, index: usize, at: usize) -> u64 {
    if shape.flags & EXTERNAL == 0 {
        return 0;
    }
    let mut bytes = 0;
    if chunk.blob[shape.names() + index] == OUTSIDE {
        // SAFETY: the length byte says that the word is a reference; it lives as long as the leaf.
        bytes += unsafe { external::memory_bytes(&chunk.blob[at..at + WORD]) };
    }
    if W == VARIABLE && chunk.blob[shape.values() + index] == OUTSIDE {
        let at = at + chunk.sizes(shape, index).0;
        // SAFETY: as above.
        bytes += unsafe { external::memory_bytes(&chunk.blob[at..at + WORD]) };
    }
    bytes as u64
}
