//! A leaf of a hash-ordered tree: up to 128 elements in one blob.
//!
//! ```text
//! count u16 | slots u16 | flags u8 | 0 x 3                   head
//! external bytes u64 | earliest expiry u64                   only with TTLs or external parts
//! tag x slots | name length x slots | value length x slots   a byte each; no value lengths where all are equal
//! expiry u64 x slots                                         only with TTLs
//! name value | name value | ...                              data, in the order of the arrays
//! ```
//!
//! * A tag is a byte of the element's hash: a look-up compares 16 at a time, and then names where tag and length match.
//! * Where an element's data begins is the sum of the lengths before it, which is a few vector instructions. So there are
//!   no offsets, an element costs 3 bytes beside its name and value (2 without value lengths), and removal leaves no hole.
//! * Names and values of 255 bytes and more stand outside, in a blob of their own ([`super::external`]); the data has the
//!   word that refers to it. Their length byte is 255.
//! * Slots are whole lanes of 16. A leaf without a free slot is laid out anew.
//!
//! The order of elements within a leaf is that of their insertion and means nothing.

mod draft;
mod edit;

use super::external::{self, WORD};
use super::lanes;
use crate::blob::Blob;

/// Values of different lengths, as the width of a [`Chunk`].
pub(super) const VARIABLE: usize = usize::MAX;

/// Values that are scores of a sorted set, as the width of a [`Chunk`].
pub(super) const SCORE: usize = 8;

/// Bytes of the longest name that stands in a leaf if values are scores.
pub(super) const SCORE_NAME_MAX: usize = 64;

/// The length byte of a part that stands outside.
const OUTSIDE: u8 = 255;

const HEAD_BYTES: usize = 8;
const WIDE_BYTES: usize = 16;

/// There is an array of expiries.
const TTL: u8 = 1;
/// Parts may stand outside.
const EXTERNAL: u8 = 2;
/// Too big, and cannot be split: all names have one hash.
const ONE_HASH: u8 = 4;

/// Never, in the array of expiries.
const NEVER: u64 = u64::MAX;

/// An element as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The name: field or member.
    pub name: &'a [u8],
    /// The value; empty in a set.
    pub value: &'a [u8],
    /// When the element expires, in Unix ms.
    pub expire_at_ms: Option<i64>,
}

/// Where an element stands in its leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub index: usize,
    /// Where its name begins in the blob.
    at: usize,
}

/// The leaf. Clones share the blob. `W` is the length of all values in bytes, or [`VARIABLE`].
#[derive(Default)]
pub struct Chunk<const W: usize> {
    blob: Blob,
}

/// What the head says, and where the arrays are.
#[derive(Clone, Copy)]
struct Shape<const W: usize> {
    count: usize,
    slots: usize,
    flags: u8,
}

impl<const W: usize> Shape<W> {
    /// What the head of a leaf's bytes says.
    #[inline(always)]
    fn of(bytes: &[u8]) -> Shape<W> {
        match bytes.first_chunk::<HEAD_BYTES>() {
            Some(head) => Shape {
                count: u16::from_le_bytes([head[0], head[1]]) as usize,
                slots: u16::from_le_bytes([head[2], head[3]]) as usize,
                flags: head[4],
            },
            None => Shape { count: 0, slots: 0, flags: 0 },
        }
    }

    #[inline(always)]
    fn is_wide(self) -> bool {
        self.flags & (TTL | EXTERNAL) != 0
    }

    #[inline(always)]
    fn tags(self) -> usize {
        HEAD_BYTES + if self.is_wide() { WIDE_BYTES } else { 0 }
    }

    #[inline(always)]
    fn names(self) -> usize {
        self.tags() + self.slots
    }

    #[inline(always)]
    fn values(self) -> usize {
        self.tags() + 2 * self.slots
    }

    #[inline(always)]
    fn expiries(self) -> usize {
        self.tags() + if W == VARIABLE { 3 } else { 2 } * self.slots
    }

    #[inline(always)]
    fn data(self) -> usize {
        self.expiries() + if self.flags & TTL != 0 { 8 * self.slots } else { 0 }
    }
}

/// The length byte of a part, and the bytes it takes in the data.
#[inline(always)]
fn code_of<const W: usize>(part: &[u8]) -> (u8, usize) {
    if part.len() <= inside_max::<W>() { (part.len() as u8, part.len()) } else { (OUTSIDE, WORD) }
}

/// Bytes of the longest part that stands in a leaf. Members of sorted sets are short there: their order refers to the
/// same blobs.
const fn inside_max<const W: usize>() -> usize {
    if W == SCORE { SCORE_NAME_MAX } else { OUTSIDE as usize - 1 }
}

#[inline(always)]
fn size_of_code(code: u8) -> usize {
    if code == OUTSIDE { WORD } else { code as usize }
}

impl<const W: usize> Chunk<W> {
    #[inline(always)]
    fn shape(&self) -> Shape<W> {
        Shape::of(&self.blob)
    }

    /// Number of elements.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.shape().count
    }

    /// Bytes in use, those outside not included.
    #[inline]
    pub(super) fn byte_len(&self) -> usize {
        self.blob.len()
    }

    /// Bytes that would fit into the blob.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.blob.capacity()
    }

    /// Heap bytes, those outside included. O(1).
    #[inline]
    pub(super) fn heap_bytes(&self) -> usize {
        self.blob.memory_bytes() + if self.shape().is_wide() { self.read_u64(HEAD_BYTES) as usize } else { 0 }
    }

    /// The earliest expiry, `u64::MAX` without any. O(1).
    #[inline]
    pub(super) fn first_expiry(&self) -> u64 {
        if self.shape().flags & TTL != 0 { self.read_u64(HEAD_BYTES + 8) } else { NEVER }
    }

    /// Whether the leaf is marked as one whose names have one hash.
    #[inline]
    pub(super) fn is_one_hash(&self) -> bool {
        self.shape().flags & ONE_HASH != 0
    }

    /// Starts loading what a look-up reads first.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.blob.prefetch(HEAD_BYTES + 3 * 128);
    }

    /// Starts loading the element that is probably called `name`; what [`Chunk::prefetch`] asked for is here.
    #[inline]
    pub(super) fn prefetch_element(&self, tag: u8, name: &[u8]) {
        let shape = self.shape();
        if shape.count == 0 {
            return;
        }
        let (code, _) = code_of::<W>(name);
        let tags = &self.blob[shape.tags()..shape.names()];
        let probable = |index: &usize| self.blob[shape.names() + index] == code;
        if let Some(index) = lanes::positions(tags, shape.count, tag).find(probable) {
            let at = self.offset(shape, index);
            sys::thread::prefetch_addr(self.blob[at..].as_ptr().addr());
        }
    }

    /// Finds the element called `name`, whose hash has the byte `tag`. O(count), 16 at a time.
    #[inline]
    pub(super) fn find(&self, tag: u8, name: &[u8]) -> Option<Spot> {
        let shape = self.shape();
        if shape.count == 0 {
            return None;
        }
        let bytes = &self.blob[..];
        let (code, size) = code_of::<W>(name);
        let tags = &bytes[shape.tags()..shape.names()];
        for index in lanes::positions(tags, shape.count, tag) {
            if bytes[shape.names() + index] != code {
                continue;
            }
            let at = self.offset(shape, index);
            let stored = &bytes[at..at + size];
            // SAFETY: a length byte of 255 says that the word is a reference, which lives as long as the leaf.
            let own = if code == OUTSIDE { unsafe { external::bytes(stored) } } else { stored };
            if own == name {
                return Some(Spot { index, at });
            }
        }
        None
    }

    /// The spot of the element at `index`, which exists.
    #[inline]
    pub(super) fn spot(&self, index: usize) -> Spot {
        let shape = self.shape();
        assert!(index < shape.count);
        Spot { index, at: self.offset(shape, index) }
    }

    /// The element at a spot.
    #[inline]
    pub(super) fn get(&self, spot: Spot) -> Element<'_> {
        self.read(self.shape(), spot).0
    }

    /// The blob of a name that stands outside.
    pub(super) fn name_blob(&self, spot: Spot) -> Option<Blob> {
        let code = self.blob[self.shape().names() + spot.index];
        // SAFETY: a length byte of 255 says that the word is a reference, which lives as long as the leaf.
        (code == OUTSIDE).then(|| unsafe { external::share(&self.blob[spot.at..spot.at + WORD]) })
    }

    /// All elements.
    pub(super) fn iter(&self) -> Iter<'_, W> {
        self.iter_from(0)
    }

    /// The elements from `index` on.
    pub(super) fn iter_from(&self, index: usize) -> Iter<'_, W> {
        let shape = self.shape();
        let index = index.min(shape.count);
        Iter { chunk: self, shape, spot: Spot { index, at: self.offset(shape, index) } }
    }

    /// Where the data of the element at `index` begins.
    #[inline(always)]
    fn offset(&self, shape: Shape<W>, index: usize) -> usize {
        let bytes = &self.blob[..];
        if shape.slots == 0 {
            return 0;
        }
        let names = &bytes[shape.names()..shape.values()];
        let mut at = shape.data() + lanes::sum(names, index);
        let values = if W == VARIABLE { &bytes[shape.values()..shape.expiries()] } else { &[] };
        at += if W == VARIABLE { lanes::sum(values, index) } else { W * index };
        if shape.flags & EXTERNAL != 0 {
            let outside = lanes::count_255(names, index)
                + if W == VARIABLE { lanes::count_255(values, index) } else { 0 };
            at -= outside * (OUTSIDE as usize - WORD);
        }
        at
    }

    /// Bytes of name and value in the data.
    #[inline(always)]
    fn sizes(&self, shape: Shape<W>, index: usize) -> (usize, usize) {
        let name = size_of_code(self.blob[shape.names() + index]);
        (name, if W == VARIABLE { size_of_code(self.blob[shape.values() + index]) } else { W })
    }

    /// The element, and where the next one's data begins.
    #[inline(always)]
    fn read(&self, shape: Shape<W>, spot: Spot) -> (Element<'_>, usize) {
        let bytes = &self.blob[..];
        let (name_size, value_size) = self.sizes(shape, spot.index);
        let value_at = spot.at + name_size;
        let end = value_at + value_size;
        let (mut name, mut value) = (&bytes[spot.at..value_at], &bytes[value_at..end]);
        if shape.flags & EXTERNAL != 0 {
            if bytes[shape.names() + spot.index] == OUTSIDE {
                // SAFETY: the length byte says that the word is a reference; it lives as long as the leaf.
                name = unsafe { external::bytes(name) };
            }
            if W == VARIABLE && bytes[shape.values() + spot.index] == OUTSIDE {
                // SAFETY: as above.
                value = unsafe { external::bytes(value) };
            }
        }
        let expiry = self.expiry(shape, spot.index);
        (Element { name, value, expire_at_ms: (expiry != NEVER).then_some(expiry as i64) }, end)
    }

    #[inline]
    fn read_u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.blob[at..at + 8].try_into().expect("eight bytes"))
    }

    #[inline(always)]
    fn expiry(&self, shape: Shape<W>, index: usize) -> u64 {
        if shape.flags & TTL != 0 { self.read_u64(shape.expiries() + 8 * index) } else { NEVER }
    }

    /// External bytes (0) or first expiry (1).
    fn wide(&self, which: usize) -> u64 {
        match (self.shape().is_wide(), which) {
            (true, _) => self.read_u64(HEAD_BYTES + 8 * which),
            (false, 0) => 0,
            (false, _) => NEVER,
        }
    }
}

/// Calls `f` with every word in a leaf's bytes.
fn each_word<const W: usize>(bytes: &[u8], mut f: impl FnMut(&[u8])) {
    let shape = Shape::<W>::of(bytes);
    if shape.flags & EXTERNAL == 0 {
        return;
    }
    let mut at = shape.data();
    for index in 0..shape.count {
        let name_code = bytes[shape.names() + index];
        if name_code == OUTSIDE {
            f(&bytes[at..at + WORD]);
        }
        at += size_of_code(name_code);
        if W == VARIABLE {
            let value_code = bytes[shape.values() + index];
            if value_code == OUTSIDE {
                f(&bytes[at..at + WORD]);
            }
            at += size_of_code(value_code);
        } else {
            at += W;
        }
    }
}

impl<const W: usize> Clone for Chunk<W> {
    /// Shares the blob. O(1).
    fn clone(&self) -> Self {
        Chunk { blob: self.blob.clone() }
    }
}

impl<const W: usize> Drop for Chunk<W> {
    fn drop(&mut self) {
        if self.shape().flags & EXTERNAL != 0 {
            std::mem::take(&mut self.blob).drop_with(|bytes| {
                each_word::<W>(bytes, |word| {
                    // SAFETY: the reference lived as long as the bytes, which end now.
                    unsafe { external::release(word) };
                });
            });
        }
    }
}

/// Elements of a leaf in order.
pub(super) struct Iter<'a, const W: usize> {
    chunk: &'a Chunk<W>,
    shape: Shape<W>,
    spot: Spot,
}

impl<'a, const W: usize> Iterator for Iter<'a, W> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.spot.index == self.shape.count {
            return None;
        }
        let (element, end) = self.chunk.read(self.shape, self.spot);
        self.spot = Spot { index: self.spot.index + 1, at: end };
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.shape.count - self.spot.index;
        (rest, Some(rest))
    }
}
