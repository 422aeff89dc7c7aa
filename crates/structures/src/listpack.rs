//! Listpack: strings and integers one after another in one block, readable from both ends. Small collections are one of
//! these, large lists many.
//!
//! The format is that of Redis and Valkey (`listpack.md` by Salvatore Sanfilippo, 2017), byte for byte: dumps and
//! snapshots carry listpacks as they are, and the limits that clients set (`list-max-listpack-size` and others) count
//! these bytes.
//!
//! ```text
//! total bytes u32 | elements u16 (65535: not known) | element ... | ff
//! element: kind and length | content | length of both, backwards
//! ```
//!
//! An element is named by its *offset* in bytes; an edit moves the elements behind it. Strings that are the canonical
//! text of a 64-bit integer are kept as that integer.
//!
//! **Invariant:** the bytes are a valid listpack. What comes from elsewhere passes [`Listpack::validate`].

pub(crate) mod encoding;
pub mod fuzzing;
pub(crate) mod read;
#[cfg(test)]
mod tests;

use crate::blob::Blob;
pub use encoding::{Element, Needle};
use encoding::{Encoded, backlen_size, shape};
pub use read::Iter;
use read::span;
/// Room for the text of an integer element.
pub use wire::number::IntBuf;

const HEADER_BYTES: usize = 6;
const COUNT_UNKNOWN: u16 = u16::MAX;
const END: u8 = 0xff;
/// A listpack of no elements.
const EMPTY: [u8; 7] = [7, 0, 0, 0, 0, 0, END];

/// What is wrong with bytes that claim to be a listpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// A packed sequence of strings and integers, one pointer wide. A clone shares the bytes until one of both changes.
#[derive(Clone, Default)]
pub struct Listpack(Blob);

impl Listpack {
    /// Starts loading it.
    #[inline]
    pub(crate) fn prefetch(&self) {
        self.0.prefetch_all();
    }

    /// An empty listpack. Allocates nothing.
    pub const fn new() -> Listpack {
        Listpack(Blob::new())
    }

    /// An empty listpack with room for `bytes` bytes in total, header and end included.
    pub fn with_capacity(bytes: usize) -> Listpack {
        let mut blob = Blob::with_capacity(bytes.max(EMPTY.len()));
        blob.push(&EMPTY);
        Listpack(blob)
    }

    /// A listpack of these strings, without slack beyond the size class. O(n).
    pub fn from_elements<'a>(elements: impl Iterator<Item = &'a [u8]> + Clone) -> Listpack {
        let bytes = elements.clone().map(Listpack::encoded_len).sum::<usize>() + EMPTY.len();
        let mut pack = Listpack::with_capacity(bytes);
        elements.for_each(|bytes| pack.push_back(bytes));
        pack
    }

    /// A listpack out of bytes from elsewhere.
    ///
    /// # Errors
    /// If they are not a valid listpack.
    pub fn from_bytes(bytes: &[u8]) -> Result<Listpack, Corrupt> {
        Listpack::validate(bytes).map(|_| Listpack(Blob::from_slice(bytes)))
    }

    /// Number of elements. O(1), O(n) from 65,535 elements on.
    #[inline]
    pub fn len(&self) -> usize {
        self.known_len().unwrap_or_else(|| self.iter().count())
    }

    /// Whether there are no elements. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes() == EMPTY.len()
    }

    /// Total bytes of the listpack: what limits count and dumps store. O(1).
    #[inline]
    pub fn bytes(&self) -> usize {
        if self.0.is_empty() { EMPTY.len() } else { self.0.len() }
    }

    /// The listpack as it is stored. O(1).
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        if self.0.is_empty() { &EMPTY } else { &self.0 }
    }

    /// Heap bytes, slack included. O(1).
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    /// Whether a clone exists, so that an edit copies the bytes first. O(1).
    pub fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    /// Whether both are one allocation, a clone and its original since neither was edited. O(1).
    pub fn is_same(&self, other: &Listpack) -> bool {
        self.0.is_same(&other.0)
    }

    /// Bytes that an element with this string takes in a listpack.
    #[inline]
    pub fn encoded_len(bytes: &[u8]) -> usize {
        Encoded::new(Element::of(bytes)).size()
    }

    /// As [`Listpack::encoded_len`] of an integer's text.
    pub fn encoded_len_int(value: i64) -> usize {
        Encoded::new(Element::Int(value)).size()
    }

    /// Inserts a string before the element at `offset`, or at the end with [`Listpack::end`]; it is found at `offset`
    /// afterwards. O(n).
    #[inline]
    pub fn insert_at(&mut self, offset: usize, bytes: &[u8]) {
        self.insert_element(offset, Element::of(bytes));
    }

    /// As [`Listpack::insert_at`], of the text of an integer.
    pub fn insert_int_at(&mut self, offset: usize, value: i64) {
        self.insert_element(offset, Element::Int(value));
    }

    /// Inserts several strings in order before the element at `offset`, moving what follows once. O(n).
    pub fn insert_all_at(&mut self, offset: usize, strings: &[&[u8]]) {
        let size = strings.iter().map(|bytes| Listpack::encoded_len(bytes)).sum();
        let mut gap = self.open(offset, offset, size);
        for bytes in strings {
            gap = Encoded::new(Element::of(bytes)).write(gap);
        }
        self.count_added(strings.len());
    }

    /// Appends a string. Amortised O(`bytes`).
    #[inline]
    pub fn push_back(&mut self, bytes: &[u8]) {
        self.insert_element(self.end(), Element::of(bytes));
    }

    /// Appends the text of an integer. Amortised O(1).
    #[inline]
    pub fn push_back_int(&mut self, value: i64) {
        self.insert_element(self.end(), Element::Int(value));
    }

    /// Prepends a string. O(n).
    #[inline]
    pub fn push_front(&mut self, bytes: &[u8]) {
        self.insert_element(HEADER_BYTES, Element::of(bytes));
    }

    /// Replaces the element at `offset` by a string. O(n), O(`bytes`) if it takes as much room.
    #[inline]
    pub fn replace(&mut self, offset: usize, bytes: &[u8]) {
        self.replace_element(offset, Element::of(bytes));
    }

    /// Replaces the element at `offset` by the text of an integer. O(n), O(1) if it takes as much room.
    pub fn replace_int(&mut self, offset: usize, value: i64) {
        self.replace_element(offset, Element::Int(value));
    }

    /// Removes the element at `offset`; the one after it is at `offset` then. O(n).
    #[inline]
    pub fn remove(&mut self, offset: usize) {
        self.remove_range(offset, 1);
    }

    /// Removes `count` elements from the one at `offset` on, or as many as there are, and says how many. O(n).
    pub fn remove_range(&mut self, offset: usize, count: usize) -> usize {
        let pack = self.as_slice();
        let (mut end, mut removed) = (offset, 0);
        while removed < count
            && let Some(size) = span(&pack[end..])
        {
            (end, removed) = (end + size, removed + 1);
        }
        if removed > 0 {
            self.cut(offset, end, removed);
        }
        removed
    }

    /// Removes all elements. O(1).
    pub fn clear(&mut self) {
        self.0 = Blob::new();
    }

    /// Appends the elements of another listpack. Amortised O(bytes of `other`).
    pub fn append_all(&mut self, other: &Listpack) {
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        let (end, added) = (self.end(), other.known_len());
        let elements = &other.as_slice()[HEADER_BYTES..other.end()];
        self.open(end, end, elements.len()).copy_from_slice(elements);
        match added {
            Some(count) => self.count_added(count),
            None => self.set_count(COUNT_UNKNOWN),
        }
    }

    /// Removes the elements from position `index` on and returns them. O(n).
    pub fn split_off(&mut self, index: usize) -> Listpack {
        let Some(offset) = self.seek(index as isize) else { return Listpack::new() };
        let (tail_bytes, end) = (self.end() - offset, self.end());
        let mut tail = Listpack::with_capacity(EMPTY.len() + tail_bytes);
        tail.open(HEADER_BYTES, HEADER_BYTES, tail_bytes).copy_from_slice(&self.as_slice()[offset..end]);
        let count = match self.known_len() {
            Some(len) => len - index,
            None => tail.iter().count(),
        };
        tail.count_added(count);
        self.cut(offset, end, count);
        tail
    }

    /// Gives back slack that amounts to a smaller size class. O(n) when it moves.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Checks bytes from elsewhere: every element lies inside and can be read from both ends, and the header is right.
    /// Says how many elements there are. O(n).
    ///
    /// # Errors
    /// If anything is wrong: such bytes must not become a listpack.
    pub fn validate(bytes: &[u8]) -> Result<usize, Corrupt> {
        if bytes.len() < EMPTY.len() || total_of(bytes) != bytes.len() {
            return Err(Corrupt);
        }
        let (mut at, end, mut count) = (HEADER_BYTES, bytes.len() - 1, 0);
        while at < end {
            let (_, head, content) = shape(&bytes[at..end]).ok_or(Corrupt)?;
            let len = head + content;
            let next = at + len + backlen_size(len);
            if next > end || backlen_before(bytes, next) != Some((len, backlen_size(len))) {
                return Err(Corrupt);
            }
            (at, count) = (next, count + 1);
        }
        let declared = count_of(bytes);
        let count_is_right = declared == COUNT_UNKNOWN || usize::from(declared) == count;
        if bytes[end] == END && count_is_right { Ok(count) } else { Err(Corrupt) }
    }

    /// Number of elements if the header says it.
    #[inline]
    fn known_len(&self) -> Option<usize> {
        let count = count_of(self.as_slice());
        (count != COUNT_UNKNOWN).then_some(usize::from(count))
    }

    fn insert_element(&mut self, offset: usize, element: Element<'_>) {
        let encoded = Encoded::new(element);
        encoded.write(self.open(offset, offset, encoded.size()));
        self.count_added(1);
    }

    fn replace_element(&mut self, offset: usize, element: Element<'_>) {
        let old = span(&self.as_slice()[offset..]).expect("an element at the offset");
        let encoded = Encoded::new(element);
        if encoded.size() == old {
            encoded.write(&mut self.0.make_mut()[offset..offset + old]);
        } else {
            encoded.write(self.open(offset, offset + old, encoded.size()));
            self.0.shrink_if_sparse();
        }
    }

    /// Replaces the bytes from `start` to `end` by a gap of `size` bytes and sets the total.
    fn open(&mut self, start: usize, end: usize, size: usize) -> &mut [u8] {
        if self.0.is_empty() {
            *self = Listpack::with_capacity(EMPTY.len() + size);
        }
        assert!(start >= HEADER_BYTES && end < self.0.len(), "an offset of this listpack");
        self.0.open(start..end, size);
        let total = self.0.len() as u32;
        let bytes = self.0.make_mut();
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        &mut bytes[start..start + size]
    }

    /// Removes the bytes of `count` elements.
    fn cut(&mut self, start: usize, end: usize, count: usize) {
        if start == HEADER_BYTES && end == self.end() {
            return self.clear();
        }
        self.open(start, end, 0);
        self.0.shrink_if_sparse();
        if let Some(len) = self.known_len() {
            self.set_count((len - count) as u16);
        }
    }

    fn count_added(&mut self, added: usize) {
        if let Some(len) = self.known_len() {
            self.set_count((len + added).min(usize::from(COUNT_UNKNOWN)) as u16);
        }
    }

    #[inline]
    fn set_count(&mut self, count: u16) {
        self.0.make_mut()[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    }
}

#[inline]
fn total_of(pack: &[u8]) -> usize {
    u32::from_le_bytes(pack[..4].try_into().expect("four bytes")) as usize
}

#[inline]
fn count_of(pack: &[u8]) -> u16 {
    u16::from_le_bytes([pack[4], pack[5]])
}

/// The backward length that ends before `end` in bytes nobody vouches for, and how many bytes it takes.
fn backlen_before(bytes: &[u8], end: usize) -> Option<(usize, usize)> {
    let mut len = 0;
    for size in 1..=5 {
        let byte = *bytes.get(end.checked_sub(size)?)?;
        len |= usize::from(byte & 127) << (7 * (size - 1));
        if byte < 128 {
            return Some((len, size));
        }
    }
    None
}

impl PartialEq for Listpack {
    fn eq(&self, other: &Listpack) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Listpack {}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(_, element)| element)).finish()
    }
}
