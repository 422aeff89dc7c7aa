//! Growable bytes behind one thin pointer, shared by counting references: the storage of every packed collection.
//!
//! A `Vec<u8>` is three words, and an `Arc<Vec<u8>>` is two allocations. Here one allocation holds everything:
//!
//! ```text
//! Blob ──► count u32 | length u32 | capacity u32 | bytes ... | slack
//! ```
//!
//! * `clone` raises the count. An edit of a shared blob copies it first, so no clone ever changes.
//! * An edit of an unshared blob costs no locked instruction: whoever holds the only reference needs none.
//! * Capacities fill the allocator's size classes ([`sys::alloc::class_bytes`], four to a doubling). So slack is an
//!   eighth on average, and appending byte by byte still copies every byte only a few times.
//! * The empty blob allocates nothing.
//!
//! Not for strings of the user that grow large: those are chunked, see [`crate::big_string`].

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ops::{Bound, Deref, RangeBounds};
use std::ptr::{NonNull, copy, copy_nonoverlapping};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use sys::alloc::class_bytes;

/// What stands before the bytes.
#[repr(C)]
struct Header {
    /// Blobs that point here.
    count: AtomicU32,
    len: u32,
    capacity: u32,
}

const HEADER_BYTES: usize = size_of::<Header>();

/// The most bytes of one blob.
pub const BLOB_MAX_BYTES: usize = u32::MAX as usize - (1 << 20);

/// From this allocation on, size classes are pages and too fine to grow by.
const LARGE_BYTES: usize = 512 * 1024;

/// Where every empty blob without an allocation points. Its count is never touched.
static EMPTY: Header = Header { count: AtomicU32::new(1), len: 0, capacity: 0 };

/// A growable byte string, one pointer wide (also as an `Option`). Clones share the bytes until one is edited.
pub struct Blob {
    header: NonNull<Header>,
}

// SAFETY: the bytes are written through a unique reference of a blob whose count is 1 only, and the count is atomic.
unsafe impl Send for Blob {}
// SAFETY: as above; shared references only read bytes.
unsafe impl Sync for Blob {}

impl Blob {
    /// The empty blob. Allocates nothing.
    #[inline]
    pub const fn new() -> Blob {
        // SAFETY: the address of a static is not null.
        Blob { header: unsafe { NonNull::new_unchecked((&raw const EMPTY).cast_mut()) } }
    }

    /// An empty blob with room for `capacity` bytes, or the few more that fill the size class. No allocation for 0.
    ///
    /// # Panics
    /// Above [`BLOB_MAX_BYTES`].
    #[inline]
    pub fn with_capacity(capacity: usize) -> Blob {
        if capacity == 0 { Blob::new() } else { Blob::allocate(full_capacity(capacity)) }
    }

    /// A copy of `bytes`. O(n).
    #[inline]
    pub fn from_slice(bytes: &[u8]) -> Blob {
        let mut blob = Blob::with_capacity(bytes.len());
        blob.push(bytes);
        blob
    }

    /// The bytes of `parts` one after another, in one allocation. O(n).
    pub fn concat(parts: &[&[u8]]) -> Blob {
        let mut blob = Blob::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| blob.push(part));
        blob
    }

    /// Length in bytes. O(1).
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.head().len as usize
    }

    /// Whether there are no bytes. O(1).
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that fit before the next allocation. O(1).
    #[inline(always)]
    pub fn capacity(&self) -> usize {
        self.head().capacity as usize
    }

    /// Heap bytes, header and slack included, as the allocator counts them; 0 for the blob that did not allocate.
    /// Every clone counts what it shares. O(1).
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        if self.is_static() { 0 } else { class_bytes(HEADER_BYTES + self.capacity()) }
    }

    /// What [`Blob::memory_bytes`] would be of a fresh blob of `len` bytes. O(1).
    #[inline]
    pub fn memory_bytes_for(len: usize) -> usize {
        if len == 0 { 0 } else { class_bytes(HEADER_BYTES + len) }
    }

    /// Whether an edit would copy the bytes first, since a clone exists. O(1).
    #[inline(always)]
    pub fn is_shared(&self) -> bool {
        // Acquire, with the Release of the clones' ends: what they read was read before we write.
        self.head().count.load(Ordering::Acquire) != 1
    }

    /// Whether both are the same allocation, one a clone of the other. O(1).
    #[inline]
    pub fn is_same(&self, other: &Blob) -> bool {
        self.header == other.header
    }

    /// Starts loading the first `len` bytes into the cache.
    #[inline(always)]
    pub fn prefetch(&self, len: usize) {
        let address = self.header.as_ptr().addr();
        for line in (0..len + HEADER_BYTES).step_by(64) {
            sys::thread::prefetch_addr(address + line);
        }
    }

    /// Starts loading all of it, or the first part of a long one.
    #[inline]
    pub fn prefetch_all(&self) {
        const AT_ONCE_MAX: usize = 3072;
        self.prefetch(self.len().min(AT_ONCE_MAX));
    }

    /// The bytes to edit in place, unshared first. O(1), O(n) if shared.
    #[inline]
    pub fn make_mut(&mut self) -> &mut [u8] {
        if self.is_shared() {
            *self = Blob::from_slice(self);
        }
        // SAFETY: the first `len` bytes are initialised and no other blob points to them. (The static blob has
        // none, and a slice of none may have any aligned address.)
        unsafe { std::slice::from_raw_parts_mut(self.bytes_ptr(), self.len()) }
    }

    /// Adds `bytes` at the end. Amortised O(`bytes`), O(n) if shared.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        let (len, added) = (self.len(), bytes.len());
        if self.is_shared() || self.capacity() - len < added {
            if added == 0 {
                return;
            }
            self.grow(added);
        }
        // SAFETY: the blob is not shared and has room for `added` bytes behind its first `len`; `bytes` lies
        // elsewhere, since this blob is borrowed exclusively.
        unsafe { copy_nonoverlapping(bytes.as_ptr(), self.bytes_ptr().add(len), added) };
        self.set_len(len + added);
    }

    /// Replaces the bytes of `range` by `bytes`, moving what follows. O(n).
    ///
    /// # Panics
    /// If `range` does not lie in the blob.
    #[inline]
    pub fn splice(&mut self, range: impl RangeBounds<usize>, bytes: &[u8]) {
        self.open(range, bytes.len()).copy_from_slice(bytes);
    }

    /// Replaces the bytes of `range` by `len` others, which the caller fills in: they come back as a slice of zeros or
    /// old bytes. What follows moves. O(n).
    ///
    /// # Panics
    /// If `range` does not lie in the blob.
    pub fn open(&mut self, range: impl RangeBounds<usize>, gap: usize) -> &mut [u8] {
        let len = self.len();
        let start = match range.start_bound() {
            Bound::Included(at) => *at,
            Bound::Excluded(at) => *at + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(at) => *at + 1,
            Bound::Excluded(at) => *at,
            Bound::Unbounded => len,
        };
        assert!(start <= end && end <= len, "range {start}..{end} of {len} bytes");
        let new_len = len - (end - start) + gap;
        if self.is_shared() || new_len > self.capacity() {
            self.replace_opened(start, end, gap);
        } else {
            // SAFETY: not shared, and `new_len` bytes fit: the tail moves within the capacity. What it leaves between
            // `start` and its new place is initialised up to `len`, and zeroed behind.
            unsafe {
                let p = self.bytes_ptr();
                copy(p.add(end), p.add(start + gap), len - end);
                if start + gap > len {
                    p.add(len).write_bytes(0, start + gap - len);
                }
            }
            self.set_len(new_len);
        }
        // SAFETY: unshared by now, and the first `new_len` bytes are initialised; `start + gap <= new_len`.
        unsafe { std::slice::from_raw_parts_mut(self.bytes_ptr().add(start), gap) }
    }

    /// The part of [`Blob::open`] that moves to another allocation.
    #[cold]
    #[inline(never)]
    fn replace_opened(&mut self, start: usize, end: usize, gap: usize) {
        let new_len = self.len() - (end - start) + gap;
        let room = if new_len > self.capacity() { grown_capacity(new_len) } else { full_capacity(new_len) };
        let mut edited = if room == 0 { Blob::new() } else { Blob::allocate(room) };
        edited.push(&self[..start]);
        // SAFETY: `edited` is fresh and has room for `new_len` bytes, of which `start` are written.
        unsafe { edited.bytes_ptr().add(start).write_bytes(0, gap) };
        edited.set_len(start + gap);
        edited.push(&self[end..]);
        *self = edited;
    }

    /// Shortens to `len` bytes and keeps the capacity; no effect if there are not more. O(1), O(`len`) if shared.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        if self.is_shared() {
            *self = Blob::from_slice(&self[..len]);
        } else {
            self.set_len(len);
        }
    }

    /// Makes room for `additional` more bytes and unshares, so that appending them moves nothing. O(n) when it must
    /// allocate.
    pub fn reserve(&mut self, additional: usize) {
        if self.is_shared() || self.capacity() - self.len() < additional {
            self.grow(additional);
        }
    }

    /// Gives back slack that amounts to a smaller size class; a shared blob is left alone. O(n) when it moves.
    pub fn shrink_to_fit(&mut self) {
        let (len, room) = (self.len(), full_capacity(self.len()));
        if self.is_shared() || room >= self.capacity() {
            return;
        }
        if len == 0 {
            *self = Blob::new();
        } else {
            self.reallocate(room);
        }
    }

    /// As [`Blob::shrink_to_fit`], but only when half of a block of more than 64 bytes is slack: for removals, so
    /// that alternating insertion and removal does not move the bytes each time. O(1) amortised.
    #[inline]
    pub fn shrink_if_sparse(&mut self) {
        if self.capacity() > 64 && self.len() < self.capacity() / 2 {
            self.shrink_to_fit();
        }
    }

    /// Ends this reference. If it was the last, `last` sees the bytes before they are freed: for blobs whose bytes stand
    /// for references of their own.
    #[inline]
    pub fn drop_with(mut self, last: impl FnOnce(&[u8])) {
        if self.is_static() {
            return;
        }
        if self.is_shared() {
            let count = &self.head().count;
            if count.fetch_sub(1, Ordering::Release) != 1 {
                std::mem::forget(self);
                return;
            }
            // Nobody else is left: the reference given back above is this one's again.
            count.store(1, Ordering::Relaxed);
            fence(Ordering::Acquire);
        }
        last(self.make_mut());
    }

    /// Turns the blob into a number, for structures that keep raw words. Give it back with [`Blob::from_bits`], or it
    /// leaks.
    #[inline]
    pub fn into_bits(self) -> u64 {
        let address = self.header.as_ptr().expose_provenance();
        std::mem::forget(self);
        address as u64
    }

    /// Takes back what [`Blob::into_bits`] gave.
    ///
    /// # Safety
    /// `bits` must come from `into_bits` and be taken back once only. To look at a blob in place, wrap the result in
    /// `ManuallyDrop`.
    #[inline]
    pub unsafe fn from_bits(bits: u64) -> Blob {
        let header = std::ptr::with_exposed_provenance_mut::<Header>(bits as usize);
        // SAFETY: the caller vouches that the address is that of a live blob's header.
        Blob { header: unsafe { NonNull::new_unchecked(header) } }
    }

    #[inline(always)]
    fn head(&self) -> &Header {
        // SAFETY: points to the static or to a live allocation that begins with a header; only `set_len` and
        // `reallocate` write to it otherwise than atomically, through a unique reference of an unshared blob.
        unsafe { self.header.as_ref() }
    }

    #[inline(always)]
    fn is_static(&self) -> bool {
        self.capacity() == 0
    }

    #[inline(always)]
    fn bytes_ptr(&self) -> *mut u8 {
        // SAFETY: one past the header is inside the allocation, or one past the static.
        unsafe { self.header.as_ptr().add(1).cast() }
    }

    /// Writes the length of an unshared blob.
    #[inline(always)]
    fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity() && !self.is_shared());
        if self.is_static() {
            return;
        }
        // SAFETY: unshared and not the static, so this is the only access.
        unsafe { (*self.header.as_ptr()).len = len as u32 };
    }

    /// A fresh blob of no bytes; `capacity` is not 0.
    fn allocate(capacity: usize) -> Blob {
        debug_assert!(capacity > 0, "a blob of capacity 0 counts as the static one");
        let layout = layout_of(capacity);
        // SAFETY: the layout has the header's size at least.
        let Some(header) = NonNull::new(unsafe { alloc(layout) }.cast::<Header>()) else {
            handle_alloc_error(layout)
        };
        // SAFETY: fresh memory with the header's size and alignment.
        unsafe { header.write(Header { count: AtomicU32::new(1), len: 0, capacity: capacity as u32 }) };
        Blob { header }
    }

    /// Unshares with room for `additional` more bytes.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, additional: usize) {
        let needed = self.len().saturating_add(additional);
        let room = if needed <= self.capacity() { full_capacity(needed) } else { grown_capacity(needed) };
        if room == 0 {
            return;
        }
        if self.is_shared() || self.is_static() {
            let mut own = Blob::allocate(room);
            own.push(self);
            *self = own;
        } else {
            self.reallocate(room);
        }
    }

    /// Moves an unshared blob that has an allocation to one of `capacity`, which holds its bytes and is not 0.
    fn reallocate(&mut self, capacity: usize) {
        debug_assert!(!self.is_shared() && !self.is_static() && capacity >= self.len() && capacity > 0);
        let layout = layout_of(capacity);
        // SAFETY: the block came from `alloc` with the layout of its capacity, and nobody else points to it.
        let moved =
            unsafe { realloc(self.header.as_ptr().cast(), layout_of(self.capacity()), layout.size()) };
        let Some(header) = NonNull::new(moved.cast::<Header>()) else { handle_alloc_error(layout) };
        self.header = header;
        // SAFETY: the header moved with the bytes; this blob is its only owner.
        unsafe { (*header.as_ptr()).capacity = capacity as u32 };
    }
}

/// The layout of a block with room for `capacity` bytes.
#[inline(always)]
fn layout_of(capacity: usize) -> Layout {
    assert!(capacity <= u32::MAX as usize - HEADER_BYTES, "callers bound the length of values");
    Layout::from_size_align(HEADER_BYTES + capacity, align_of::<Header>()).expect("bounded above")
}

/// The capacity of the block that holds `len` bytes: its size class filled.
#[inline(always)]
fn full_capacity(len: usize) -> usize {
    assert!(len <= BLOB_MAX_BYTES, "callers bound the length of values");
    if len == 0 { 0 } else { class_bytes(HEADER_BYTES + len) - HEADER_BYTES }
}

/// As [`full_capacity`], with an eighth more where classes do not grow with the size.
#[inline(always)]
fn grown_capacity(len: usize) -> usize {
    full_capacity(if len < LARGE_BYTES { len } else { len.max((len + len / 8).min(BLOB_MAX_BYTES)) })
}

impl Deref for Blob {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: the first `len` bytes are initialised, and nobody writes while a reference to the blob lives: an
        // edit needs the only blob that points here.
        unsafe { std::slice::from_raw_parts(self.bytes_ptr(), self.len()) }
    }
}

impl Clone for Blob {
    /// Shares the bytes. O(1).
    #[inline]
    fn clone(&self) -> Blob {
        if !self.is_static() {
            let before = self.head().count.fetch_add(1, Ordering::Relaxed);
            if before > u32::MAX / 2 {
                // As the standard library does: a count that wraps would free what is in use.
                std::process::abort();
            }
        }
        Blob { header: self.header }
    }
}

impl Drop for Blob {
    #[inline]
    fn drop(&mut self) {
        if self.is_static() {
            return;
        }
        if self.is_shared() {
            if self.head().count.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        // SAFETY: the last blob that points here ends now; the layout is the one it was allocated with.
        unsafe { dealloc(self.header.as_ptr().cast(), layout_of(self.capacity())) };
    }
}

impl Default for Blob {
    fn default() -> Blob {
        Blob::new()
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Blob {
        Blob::from_slice(bytes)
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Blob) -> bool {
        self.is_same(other) || self[..] == other[..]
    }
}

impl Eq for Blob {}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::random::Rng;

    #[test]
    fn a_pointer_wide_and_empty_for_nothing() {
        assert_eq!(size_of::<Blob>(), 8);
        assert_eq!(size_of::<Option<Blob>>(), 8);
        let mut empty = Blob::new();
        assert_eq!((empty.len(), empty.capacity(), empty.memory_bytes()), (0, 0, 0));
        assert!(empty.clone().is_same(&empty) && !empty.is_shared());
        empty.push(b"");
        empty.splice(0..0, b"");
        empty.truncate(0);
        empty.shrink_to_fit();
        assert_eq!(empty.make_mut(), b"");
        assert_eq!(empty.memory_bytes(), 0);
        empty.push(b"x");
        assert_eq!((&empty[..], empty.memory_bytes()), (&b"x"[..], 16));
    }

    #[test]
    fn blocks_fill_size_classes() {
        for len in [1, 3, 4, 5, 20, 100, 1000, 4084, 4085, 8180, 600_000] {
            let blob = Blob::from_slice(&vec![7; len]);
            assert_eq!(blob.memory_bytes(), class_bytes(len + HEADER_BYTES), "{len}");
            assert_eq!(blob.capacity() + HEADER_BYTES, blob.memory_bytes(), "{len}");
        }
    }

    #[test]
    fn clones_never_change() {
        let mut blob = Blob::from_slice(b"hello");
        let seen = blob.clone();
        assert!(blob.is_shared() && blob.is_same(&seen));
        blob.push(b" world");
        assert!(!blob.is_shared() && !seen.is_shared());
        let longer = blob.clone();
        blob.make_mut()[0] = b'J';
        let third = blob.clone();
        blob.truncate(1);
        blob.splice(0..1, b"zz");
        assert_eq!(
            (&seen[..], &longer[..], &third[..], &blob[..]),
            (&b"hello"[..], &b"hello world"[..], &b"Jello world"[..], &b"zz"[..])
        );
        drop(third);
        assert!(!longer.is_shared());
    }

    #[test]
    fn edits_equal_a_vectors() {
        let mut rng = Rng::new(5);
        for round in 0..200 {
            let (mut blob, mut model) = (Blob::new(), Vec::new());
            let mut clones: Vec<(Blob, Vec<u8>)> = Vec::new();
            for step in 0..100u8 {
                let len = rng.below(if round % 10 == 0 { 3000 } else { 40 }) as usize;
                let bytes = vec![step; len];
                let a = rng.below(model.len() as u64 + 1) as usize;
                let b = a + rng.below((model.len() - a) as u64 + 1) as usize;
                match rng.below(8) {
                    0 | 1 => (blob.push(&bytes), model.extend_from_slice(&bytes)).0,
                    2 | 3 => {
                        blob.splice(a..b, &bytes);
                        model.splice(a..b, bytes);
                    }
                    4 => (blob.truncate(a), model.truncate(a)).0,
                    5 => (blob.shrink_if_sparse(), blob.reserve(len)).0,
                    6 => blob.shrink_to_fit(),
                    _ => {
                        blob.make_mut()[a..b].fill(step);
                        model[a..b].fill(step);
                    }
                }
                assert_eq!(&blob[..], &model[..]);
                assert!(blob.capacity() >= blob.len());
                if rng.below(4) == 0 {
                    clones.push((blob.clone(), model.clone()));
                }
                if rng.below(8) == 0 {
                    clones.clear();
                }
            }
            clones.iter().for_each(|(clone, then)| assert_eq!(&clone[..], &then[..]));
        }
    }

    #[test]
    fn the_last_reference_sees_the_bytes() {
        let blob = Blob::from_slice(b"bytes");
        let (one, two) = (blob.clone(), blob.clone());
        let mut seen = 0;
        one.drop_with(|_| seen += 1);
        Blob::new().drop_with(|_| seen += 1);
        // SAFETY: taken back once.
        unsafe { Blob::from_bits(two.into_bits()) }.drop_with(|_| seen += 1);
        assert_eq!(seen, 0);
        blob.drop_with(|bytes| seen += bytes.len());
        assert_eq!(seen, 5);
        // Of many threads, one is the last.
        let last = std::sync::atomic::AtomicU32::new(0);
        for _ in 0..200 {
            let blob = Blob::from_slice(b"bytes");
            let clones = [blob.clone(), blob.clone(), blob];
            std::thread::scope(|scope| {
                for clone in clones {
                    scope.spawn(|| {
                        clone.drop_with(|_| {
                            last.fetch_add(1, Ordering::Relaxed);
                        })
                    });
                }
            });
        }
        assert_eq!(last.into_inner(), 200);
    }

    #[test]
    fn appending_moves_rarely() {
        let mut blob = Blob::new();
        let mut moves = 0;
        for _ in 0..4_000_000 {
            let before = blob.capacity();
            blob.push(b"x");
            moves += u32::from(blob.capacity() != before);
            assert!(blob.capacity() <= 64 + blob.len() + blob.len() / 4);
        }
        assert!(moves < 100, "{moves} moves");
        blob.truncate(10);
        blob.shrink_if_sparse();
        assert_eq!(blob.memory_bytes(), 32);
    }

    #[test]
    fn counted_across_threads() {
        let blob = Blob::from_slice(&[9; 1000]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mut mine = blob.clone();
                scope.spawn(move || {
                    for _ in 0..1000 {
                        let other = mine.clone();
                        mine.make_mut()[0] ^= 1;
                        assert_eq!(other[1..], mine[1..]);
                    }
                });
            }
        });
        assert!(!blob.is_shared() && blob.iter().all(|byte| *byte == 9));
    }
}
