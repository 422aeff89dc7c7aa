//! Bitwise operations between strings: `BITOP`, the four operations that 9.1 has.
//!
//! A source that is shorter than the longest counts as if zeros followed it.

use crate::big_string::{BigString, CHUNK_BYTES};

/// What `BITOP` does with its sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOp {
    /// Bits that all sources have.
    And,
    /// Bits that any source has.
    Or,
    /// Bits that an odd number of sources has.
    Xor,
    /// The complement of the only source.
    Not,
}

impl BitOp {
    /// The operation that a client names, in any case.
    pub fn parse(name: &[u8]) -> Option<BitOp> {
        const NAMES: [(&[u8], BitOp); 4] =
            [(b"and", BitOp::And), (b"or", BitOp::Or), (b"xor", BitOp::Xor), (b"not", BitOp::Not)];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|&(_, op)| op)
    }
}

/// A string to read from, whichever way it is stored.
#[derive(Clone, Copy, Debug)]
pub enum BitSource<'a> {
    /// Contiguous bytes.
    Flat(&'a [u8]),
    /// A value in chunks.
    Big(&'a BigString),
}

impl<'a> BitSource<'a> {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            BitSource::Flat(bytes) => bytes.len(),
            BitSource::Big(string) => string.len(),
        }
    }

    /// Whether the string has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the block at `offset`, a multiple of the chunk size; fewer at the end.
    fn block(&self, offset: usize) -> &'a [u8] {
        match self {
            BitSource::Flat(bytes) => {
                let rest = bytes.get(offset..).unwrap_or(&[]);
                &rest[..rest.len().min(CHUNK_BYTES)]
            }
            BitSource::Big(string) => string.slice_from(offset),
        }
    }
}

/// Combines `sources` into `out`, which is replaced; the result is as long as the longest source. `Not` takes
/// the first source. O(sources × length).
pub fn bitop(op: BitOp, sources: &[BitSource<'_>], out: &mut Vec<u8>) {
    let len = result_len(sources);
    out.clear();
    out.resize(len, 0);
    for (index, block) in out.chunks_mut(CHUNK_BYTES).enumerate() {
        combine(op, sources, index * CHUNK_BYTES, block);
    }
}

/// [`bitop`] into a chunked string, without the result in one piece. Chunks of zeros become holes.
pub fn bitop_big(op: BitOp, sources: &[BitSource<'_>]) -> BigString {
    let len = result_len(sources);
    let mut result = BigString::new();
    let mut buffer = vec![0; CHUNK_BYTES.min(len)];
    let Some(last) = len.checked_sub(1) else { return result };
    // Sets the length at once, all holes but the last chunk.
    result.set_range(last, &[0]);
    for offset in (0..len).step_by(CHUNK_BYTES) {
        let block = &mut buffer[..CHUNK_BYTES.min(len - offset)];
        block.fill(0);
        combine(op, sources, offset, block);
        if block.iter().fold(0, |any, &byte| any | byte) != 0 {
            result.set_range(offset, block);
        }
    }
    result
}

fn result_len(sources: &[BitSource<'_>]) -> usize {
    sources.iter().map(BitSource::len).max().unwrap_or(0)
}

/// One block of the result, which starts at `offset`; `out` holds zeros before.
fn combine(op: BitOp, sources: &[BitSource<'_>], offset: usize, out: &mut [u8]) {
    let Some((first, others)) = sources.split_first() else { return };
    let block = first.block(offset);
    out[..block.len()].copy_from_slice(block);
    if op == BitOp::Not {
        out.iter_mut().for_each(|byte| *byte = !*byte);
        return;
    }
    for source in others {
        let block = source.block(offset);
        let (covered, beyond) = out.split_at_mut(block.len());
        match op {
            BitOp::And => {
                zip_apply(covered, block, |a, b| a & b);
                beyond.fill(0);
            }
            BitOp::Or => zip_apply(covered, block, |a, b| a | b),
            BitOp::Xor | BitOp::Not => zip_apply(covered, block, |a, b| a ^ b),
        }
    }
}

/// Plain enough for the compiler to vectorise.
#[inline(always)]
fn zip_apply(out: &mut [u8], with: &[u8], apply: impl Fn(u8, u8) -> u8) {
    out.iter_mut().zip(with).for_each(|(a, &b)| *a = apply(*a, b));
}
