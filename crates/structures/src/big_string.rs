//! String values too large for a keyspace entry, as reference-counted chunks.
//!
//! One flat buffer makes `SETBIT` on a 64 MB value cheap but its snapshot, its growth and its reply dear:
//! each copies all of it. Here a value is a table of chunks of equal size:
//!
//! ```text
//! BigString ──► Root { len, table } ──► [ chunk | chunk | (hole) | chunk with slack ]
//! ```
//!
//! * `clone` shares the root. The first write afterwards copies the table, then only the chunks it touches.
//! * A reply clones out the chunks it needs and can be written later, without the lock and without a copy.
//! * A hole stands for a chunk of zeros, so that `SETBIT key 4000000000 1` allocates a table, not 500 MB.
//! * Only the last chunk has a capacity of its own. It grows by doubling, so that `APPEND` is amortised O(1)
//!   and the slack never reaches the size of one chunk.
//!
//! Commands served: <https://valkey.io/commands/?group=string> and `?group=bitmap`. Limits such as
//! `proto-max-bulk-len` are the caller's: nothing here refuses a length.

mod parts;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

pub use parts::{Chunks, SharedParts};

/// Bytes in every chunk but the last. With the reference counts before it, a chunk is one allocation of
/// exactly 16 KiB, which allocators serve without rounding.
pub const CHUNK_BYTES: usize = 16 * 1024 - ARC_HEADER_BYTES;

/// What an allocator is asked for beside the content of an `Arc`: the strong and the weak count.
const ARC_HEADER_BYTES: usize = 2 * size_of::<usize>();

/// The smallest capacity given to a last chunk that grows by appending.
const FRESH_BYTES_MIN: usize = 1024 - ARC_HEADER_BYTES;

/// The content of a chunk. Bytes between the end of the string and the end of its last chunk are zero.
pub type Chunk = [u8];

/// `None` is a hole: a whole chunk of zeros.
type Slot = Option<Arc<Chunk>>;

/// The bytes that holes lend out.
static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

#[derive(Clone, Default)]
struct Root {
    len: usize,
    /// Heap bytes of all chunks in `table`, counts included.
    chunk_bytes: usize,
    /// Slot `i` holds the bytes from `i * CHUNK_BYTES` on. Every present chunk but the last is full-sized.
    table: Vec<Slot>,
}

/// A byte string in chunks, cheap to clone and to edit. One pointer wide.
#[derive(Clone, Default)]
pub struct BigString {
    root: Arc<Root>,
}

impl BigString {
    /// The empty string.
    pub fn new() -> BigString {
        BigString::default()
    }

    /// A copy of `bytes`, without slack. O(n).
    pub fn from_slice(bytes: &[u8]) -> BigString {
        let table: Vec<Slot> = bytes.chunks(CHUNK_BYTES).map(|chunk| Some(Arc::from(chunk))).collect();
        let chunk_bytes = bytes.len() + table.len() * ARC_HEADER_BYTES;
        BigString { root: Arc::new(Root { len: bytes.len(), chunk_bytes, table }) }
    }

    /// Length in bytes. O(1).
    pub fn len(&self) -> usize {
        self.root.len
    }

    /// Whether the string has no bytes. O(1).
    pub fn is_empty(&self) -> bool {
        self.root.len == 0
    }

    /// Heap bytes requested for this string, slack and reference counts included. O(1).
    ///
    /// Chunks shared with clones are counted by every clone.
    pub fn byte_len_allocated(&self) -> usize {
        ARC_HEADER_BYTES
            + size_of::<Root>()
            + self.root.table.capacity() * size_of::<Slot>()
            + self.root.chunk_bytes
    }

    /// Whether both are one value, a clone and its original since neither was changed. O(1).
    pub fn is_same(&self, other: &BigString) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// Whether a write would have to copy the chunk table first, since a clone exists.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.root) > 1
    }

    /// Byte at `index`, `None` at and after the end. O(1).
    pub fn get(&self, index: usize) -> Option<u8> {
        let root = &*self.root;
        if index >= root.len {
            return None;
        }
        Some(match &root.table[index / CHUNK_BYTES] {
            Some(chunk) => chunk[index % CHUNK_BYTES],
            None => 0,
        })
    }

    /// Bit at `bit`, the most significant of each byte first as `GETBIT` counts; false after the end. O(1).
    pub fn get_bit(&self, bit: usize) -> bool {
        self.get(bit / 8).is_some_and(|byte| byte & bit_mask(bit) != 0)
    }

    /// Sets the byte at `index`, zero-filling a gap before it. O(1) and one chunk copied at most, apart from
    /// growth of the table.
    pub fn set(&mut self, index: usize, byte: u8) {
        match self.get(index) {
            Some(old) if old == byte => {}
            _ => self.write_at(index, &[byte]),
        }
    }

    /// Sets the bit at `bit` and returns the previous one: `SETBIT`. Grows the string as `SETBIT` does, also
    /// for a zero bit; copies nothing when the bit does not change. O(1).
    pub fn set_bit(&mut self, bit: usize, on: bool) -> bool {
        let (index, mask) = (bit / 8, bit_mask(bit));
        if index >= self.len() {
            let root = Arc::make_mut(&mut self.root);
            root.grow_to(index + 1);
            if on {
                root.range_mut(index, 1)[0] |= mask;
            }
            return false;
        }
        let old = self.get_bit(bit);
        if old != on {
            Arc::make_mut(&mut self.root).range_mut(index, 1)[0] ^= mask;
        }
        old
    }

    /// Adds `bytes` at the end: `APPEND`. Amortised O(`bytes`).
    pub fn append(&mut self, bytes: &[u8]) {
        self.write_at(self.len(), bytes);
    }

    /// Overwrites from `offset` on, growing the string and zero-filling a gap: `SETRANGE`. Empty `bytes`
    /// change nothing, not even the length. O(`bytes`) apart from growth of the table.
    ///
    /// # Panics
    /// If `offset + bytes.len()` overflows; callers check the length limit first.
    pub fn set_range(&mut self, offset: usize, bytes: &[u8]) {
        self.write_at(offset, bytes);
    }

    /// Shortens to `len` bytes; no effect when the string is not longer. O(chunks dropped).
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            Arc::make_mut(&mut self.root).truncate(len);
        }
    }

    /// Drops at most `chunks_max` chunks from the end and returns true when nothing is left to free, so that
    /// a huge value can be freed in slices. A string shared with a clone has nothing to free.
    pub fn release(&mut self, chunks_max: usize) -> bool {
        let Some(root) = Arc::get_mut(&mut self.root) else { return true };
        let kept = root.table.len().saturating_sub(chunks_max);
        root.truncate(root.len.min(kept * CHUNK_BYTES));
        kept == 0
    }

    /// The whole value as one slice, when it fits a single chunk.
    pub fn as_single_chunk(&self) -> Option<&[u8]> {
        match self.root.table.as_slice() {
            [] => Some(&[]),
            [slot] => Some(&slot_bytes(slot)[..self.root.len]),
            _ => None,
        }
    }

    /// The whole value as one slice to edit in place, when it fits a single chunk: how a dense HyperLogLog
    /// is updated.
    pub fn as_single_chunk_mut(&mut self) -> Option<&mut [u8]> {
        if self.root.table.len() > 1 {
            return None;
        }
        let len = self.len();
        let root = Arc::make_mut(&mut self.root);
        if len == 0 {
            return Some(&mut []);
        }
        Some(root.range_mut(0, len))
    }

    /// The bytes of `range`, clamped to the string, as consecutive slices.
    pub fn chunks(&self, range: Range<usize>) -> Chunks<'_> {
        Chunks::new(&self.root, range)
    }

    /// The bytes of `range`, clamped to the string, as chunks to hold on to: each item is a chunk and the
    /// part of it that belongs to the range. Later writes to this string do not change them.
    pub fn shared_parts(&self, range: Range<usize>) -> SharedParts<'_> {
        SharedParts::new(&self.root, range)
    }

    /// Appends the bytes of `range`, clamped to the string, to `out`.
    pub fn read(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let chunks = self.chunks(range);
        out.reserve(chunks.byte_len());
        chunks.for_each(|chunk| out.extend_from_slice(chunk));
    }

    /// The bytes from `offset` to the end of the chunk that holds it, or of the string: what can be read
    /// from there without a copy. Empty at and after the end.
    pub fn slice_from(&self, offset: usize) -> &[u8] {
        self.chunks(offset..self.len()).next().unwrap_or(&[])
    }

    /// A flat copy. O(n).
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.read(0..self.len(), &mut out);
        out
    }

    /// Turns the string into one pointer, for a keyspace entry that stores raw words. Give it back with
    /// [`BigString::from_raw`], or it leaks.
    pub fn into_raw(self) -> *const () {
        Arc::into_raw(self.root).cast()
    }

    /// Takes back what [`BigString::into_raw`] gave.
    ///
    /// # Safety
    /// `raw` must come from `into_raw` and be taken back once only. To look at a string in place, wrap the
    /// result in `ManuallyDrop`.
    pub unsafe fn from_raw(raw: *const ()) -> BigString {
        // SAFETY: the caller vouches that `raw` is the pointer that `Arc::into_raw` gave for a `Root`, and
        // that its count is not given back twice.
        BigString { root: unsafe { Arc::from_raw(raw.cast::<Root>()) } }
    }

    fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset.checked_add(bytes.len()).expect("callers bound the length of strings");
        let root = Arc::make_mut(&mut self.root);
        if end > root.len {
            root.grow_to(end);
        }
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let here = rest.len().min(CHUNK_BYTES - at % CHUNK_BYTES);
            let (part, tail) = rest.split_at(here);
            root.write_in_chunk(at, part);
            (at, rest) = (at + here, tail);
        }
    }
}

impl Root {
    /// Makes the string `len` bytes long, longer than now; new bytes are zero.
    fn grow_to(&mut self, len: usize) {
        let slots = len.div_ceil(CHUNK_BYTES);
        if let Some(last) = self.table.len().checked_sub(1) {
            // One that stays the last gets slack, one that stops being it needs, and gets, the full size.
            let needed = (len - last * CHUNK_BYTES).min(CHUNK_BYTES);
            if let Some(chunk) = &self.table[last]
                && chunk.len() < needed
            {
                self.replace(last, zeros_with(grown_capacity(chunk.len(), needed), chunk));
            }
        }
        self.len = len;
        self.table.resize(slots, None);
    }

    fn truncate(&mut self, len: usize) {
        let kept = len.div_ceil(CHUNK_BYTES);
        for slot in self.table.drain(kept..) {
            self.chunk_bytes -= slot_bytes_allocated(&slot);
        }
        if self.table.capacity() > 2 * kept {
            self.table.shrink_to(kept);
        }
        self.len = len;
        let in_last = len % CHUNK_BYTES;
        if in_last != 0
            && let Some(chunk) = &self.table[kept - 1]
        {
            // A fresh chunk rather than zeroed slack: what was cut off is to be freed.
            let shorter = Arc::from(&chunk[..in_last.min(chunk.len())]);
            self.replace(kept - 1, shorter);
        }
    }

    /// Writes `bytes`, which lie within one chunk and within the string.
    fn write_in_chunk(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.len() == CHUNK_BYTES {
            let index = offset / CHUNK_BYTES;
            // Cheaper than copying a shared chunk, or zeroing a hole, to overwrite it at once.
            match self.table[index].as_mut().and_then(Arc::get_mut) {
                Some(chunk) => chunk.copy_from_slice(bytes),
                None => self.replace(index, Arc::from(bytes)),
            }
            return;
        }
        self.range_mut(offset, bytes.len()).copy_from_slice(bytes);
    }

    /// The `len` bytes at `offset`, which lie within one chunk and within the string, unshared.
    fn range_mut(&mut self, offset: usize, len: usize) -> &mut [u8] {
        let (index, at) = (offset / CHUNK_BYTES, offset % CHUNK_BYTES);
        if self.table[index].is_none() {
            let start = index * CHUNK_BYTES;
            let capacity = match self.len - start {
                in_chunk if in_chunk >= CHUNK_BYTES => CHUNK_BYTES,
                in_chunk => fresh_capacity(start, in_chunk),
            };
            self.replace(index, zeros_with(capacity, &[]));
        }
        let chunk = self.table[index].as_mut().expect("filled above");
        &mut Arc::make_mut(chunk)[at..at + len]
    }

    fn replace(&mut self, index: usize, chunk: Arc<Chunk>) {
        self.chunk_bytes -= slot_bytes_allocated(&self.table[index]);
        self.chunk_bytes += ARC_HEADER_BYTES + chunk.len();
        self.table[index] = Some(chunk);
    }
}

/// Capacity of a last chunk that has to hold `needed` bytes and held `old`: at least doubled, counts
/// included, so that allocations stay powers of two.
fn grown_capacity(old: usize, needed: usize) -> usize {
    let target = needed.max(2 * old) + ARC_HEADER_BYTES;
    (target.next_power_of_two() - ARC_HEADER_BYTES).min(CHUNK_BYTES)
}

/// Capacity of a new last chunk with `needed` bytes behind `before` bytes of full chunks: a sixteenth of the
/// string, so that a string of a few chunks does not carry a whole empty one.
fn fresh_capacity(before: usize, needed: usize) -> usize {
    if before == 0 {
        return needed;
    }
    grown_capacity(FRESH_BYTES_MIN / 2, needed.max(before / 16).min(CHUNK_BYTES))
}

/// A chunk of `capacity` bytes that begins with `content` and goes on with zeros.
fn zeros_with(capacity: usize, content: &[u8]) -> Arc<Chunk> {
    let mut chunk: Arc<Chunk> = Arc::from(&ZEROS[..capacity]);
    if !content.is_empty() {
        Arc::get_mut(&mut chunk).expect("just made")[..content.len()].copy_from_slice(content);
    }
    chunk
}

fn slot_bytes(slot: &Slot) -> &[u8] {
    slot.as_deref().unwrap_or(&ZEROS)
}

fn slot_bytes_allocated(slot: &Slot) -> usize {
    slot.as_ref().map_or(0, |chunk| ARC_HEADER_BYTES + chunk.len())
}

fn bit_mask(bit: usize) -> u8 {
    0x80 >> (bit % 8)
}

impl PartialEq<[u8]> for BigString {
    fn eq(&self, other: &[u8]) -> bool {
        let mut rest = other;
        self.len() == other.len()
            && self.chunks(0..self.len()).all(|chunk| {
                let (head, tail) = rest.split_at(chunk.len());
                rest = tail;
                head == chunk
            })
    }
}

impl PartialEq for BigString {
    fn eq(&self, other: &BigString) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
            || self.len() == other.len()
                && self.chunks(0..self.len()).zip(other.chunks(0..other.len())).all(|(a, b)| a == b)
    }
}

impl Eq for BigString {}

impl std::fmt::Debug for BigString {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("BigString")
            .field("len", &self.root.len)
            .field("chunks", &self.root.table.len())
            .field("holes", &self.root.table.iter().filter(|slot| slot.is_none()).count())
            .finish()
    }
}
