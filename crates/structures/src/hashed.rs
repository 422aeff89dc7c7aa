//! Hash-ordered sets and maps of byte strings: what hashes, sets and sorted sets beyond the compact encodings are made of.
//!
//! A [`Tree`] of leaves of up to 128 elements. A leaf holds one range of a 64-bit hash of the names; within a leaf order
//! means nothing ([`chunk`]). So a hash table that
//!
//! * never resizes: a leaf splits when full, and that is all that ever moves at once;
//! * clones in O(1), and copies a leaf and a node or two where a clone is edited;
//! * finds a name with one search in the inner nodes, which stay in the cache, and two cache misses in the leaf;
//! * finds elements by position, so that a random one is really uniform, in O(log n);
//! * is scanned in hash order, which never changes: a `SCAN` cursor is a position in that order, and what stays is given
//!   exactly once, whatever is split or merged meanwhile;
//! * knows the earliest expiry under each node, so what expired is found in O(log n) without a second structure.
//!
//! **Hash.** SipHash-1-3 under one secret for the process ([`set_secret`]), since clients see the order. (Linear hashing and
//! spirals keep hash order as well; ordering leaves by hash is the "hash B-tree" of file systems, such as HTree of ext3.)
//!
//! **Invariant:** names of one hash stand in one leaf. A leaf that holds nothing else is never split.

mod chunk;
mod external;
mod lanes;
mod leaf;
mod read;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

pub use chunk::Element;
use chunk::{Chunk, Spot};
pub use read::{Iter, Walk};

use crate::blob::Blob;
use crate::siphash::SipKey;
use crate::tree::Tree;

/// The values' length in bytes, where values differ in length: what [`Hashed`] has as its parameter unless told.
pub const VARIABLE: usize = chunk::VARIABLE;

static SECRET: [AtomicU64; 2] =
    [AtomicU64::new(0x0706_0504_0302_0100), AtomicU64::new(0x0f0e_0d0c_0b0a_0908)];

/// Sets the secret of the hash. Once, before the first [`Hashed`] has an element: with another secret none would find its
/// elements any more. Until then it is a constant, for tests.
pub fn set_secret(secret: [u64; 2]) {
    SECRET[0].store(secret[0], Ordering::Relaxed);
    SECRET[1].store(secret[1], Ordering::Relaxed);
}

/// The hash of a name, which decides where it stands: to compute it once for a look-up in several sets.
#[inline]
pub fn hash_of(name: &[u8]) -> u64 {
    let key = SipKey::new(SECRET[0].load(Ordering::Relaxed), SECRET[1].load(Ordering::Relaxed));
    let hash = key.hash(name);
    #[cfg(test)]
    let hash = tests::weaken(hash);
    hash
}

#[inline(always)]
fn tag_of(hash: u64) -> u8 {
    hash as u8
}

/// A map from names to values, each with an expiry if it has one. One pointer wide; a clone shares everything until one of
/// both is edited.
///
/// `VALUE_BYTES` is the length of all values: 0 for a set, 8 for scores, [`VARIABLE`] for a hash. Fixed lengths take a byte
/// less for each element.
///
/// Nothing here looks at a clock: an expired element is an element until it is removed.
#[derive(Clone, Default)]
pub struct Hashed<const VALUE_BYTES: usize = VARIABLE> {
    tree: Tree<Chunk<VALUE_BYTES>>,
}

impl<const W: usize> Hashed<W> {
    /// An empty map. Allocates nothing.
    pub const fn new() -> Self {
        Hashed { tree: Tree::new() }
    }

    /// Number of elements. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there is no element. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Heap bytes. Clones count what they share each. O(1).
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    /// Allocations to free, roughly. O(1).
    pub fn free_effort(&self) -> usize {
        self.tree.free_effort()
    }

    /// Whether both are one map, a clone and its original since neither was edited. O(1).
    pub fn is_same(&self, other: &Self) -> bool {
        self.tree.is_same(&other.tree)
    }

    /// The earliest expiry of all elements, in Unix ms. O(1).
    pub fn first_expiry_ms(&self) -> Option<i64> {
        let first = self.tree.summary();
        (first != u64::MAX).then_some(first as i64)
    }

    /// The element called `name`. O(log n).
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Element<'_>> {
        self.get_hashed(hash_of(name), name)
    }

    /// As [`Hashed::get`], with the name's hash at hand.
    #[inline]
    pub fn get_hashed(&self, hash: u64, name: &[u8]) -> Option<Element<'_>> {
        let chunk = self.chunk(hash)?;
        chunk.find(tag_of(hash), name).map(|spot| chunk.get(spot))
    }

    /// Whether there is an element called `name`. O(log n).
    #[inline]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.contains_hashed(hash_of(name), name)
    }

    /// As [`Hashed::contains`], with the name's hash at hand.
    #[inline]
    pub fn contains_hashed(&self, hash: u64, name: &[u8]) -> bool {
        self.chunk(hash).is_some_and(|chunk| chunk.find(tag_of(hash), name).is_some())
    }

    /// Starts loading what a look-up of a name with this hash reads, so that several can be waited for together.
    pub fn prefetch(&self, hash: u64) {
        // The search itself reads inner nodes only.
        let _ = self.chunk(hash);
    }

    /// As [`Hashed::prefetch`], for a name.
    pub fn prefetch_name(&self, name: &[u8]) {
        self.prefetch(hash_of(name));
    }

    /// Starts loading the element called `name`, some time after [`Hashed::prefetch_name`].
    pub fn prefetch_element(&self, name: &[u8]) {
        let hash = hash_of(name);
        if let Some(chunk) = self.tree.leaf_at_key(hash, |_| true) {
            chunk.prefetch_element(tag_of(hash), name);
        }
    }

    /// Adds an element or gives the one of this name another value and expiry. True if it was not there. O(log n).
    pub fn insert(&mut self, name: &[u8], value: &[u8], expire_at_ms: Option<i64>) -> bool {
        self.insert_with(name, value, |_| expire_at_ms)
    }

    /// As [`Hashed::insert`], where `expiry` says the new expiry and sees the old element, if there is one: to keep its
    /// expiry, or to learn its value.
    pub fn insert_with(
        &mut self,
        name: &[u8],
        value: &[u8],
        expiry: impl FnOnce(Option<Element<'_>>) -> Option<i64>,
    ) -> bool {
        let hash = hash_of(name);
        if self.tree.is_empty() {
            let mut chunk = Chunk::default();
            chunk.push(tag_of(hash), name, value, expiry(None));
            self.tree.push_last(0, chunk);
            return true;
        }
        let inserted = self.edit(hash, |chunk| match chunk.find(tag_of(hash), name) {
            Some(spot) => {
                let old = chunk.get(spot);
                let (old_expiry, new_expiry) = (old.expire_at_ms, expiry(Some(old)));
                chunk.set_value(spot, value);
                if old_expiry != new_expiry {
                    chunk.set_expiry(spot.index, new_expiry);
                }
                false
            }
            None => {
                let expire_at_ms = expiry(None);
                chunk.add(hash, name, value, expire_at_ms);
                true
            }
        });
        inserted.expect("the tree is not empty")
    }

    /// Gives the element of this name another value and keeps its expiry. False if there is none. O(log n), without moving
    /// anything if the value is as long as the old one.
    pub fn set_value(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.edit_found(name, |chunk, spot| chunk.set_value(spot, value)).is_some()
    }

    /// Gives the element of this name another expiry, or none. False if there is no element. O(log n).
    pub fn set_expiry(&mut self, name: &[u8], expire_at_ms: Option<i64>) -> bool {
        self.edit_found(name, |chunk, spot| chunk.set_expiry(spot.index, expire_at_ms)).is_some()
    }

    /// Removes the element of this name. False if there is none. O(log n).
    pub fn remove(&mut self, name: &[u8]) -> bool {
        self.remove_with(name, |_| ()).is_some()
    }

    /// As [`Hashed::remove`], and hands the element to `f` first.
    pub fn remove_with<R>(&mut self, name: &[u8], f: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        self.edit_found(name, |chunk, spot| {
            let result = f(chunk.get(spot));
            chunk.remove(spot);
            result
        })
    }

    /// The element at `index` in the present order: any index below [`Hashed::len`] drawn at random is a uniform choice.
    /// O(log n).
    pub fn at_index(&self, index: usize) -> Option<Element<'_>> {
        let (chunk, within) = self.tree.leaf_at_index(index)?;
        Some(chunk.get(chunk.spot(within)))
    }

    /// Removes the element at `index`, and hands it to `f` first. O(log n).
    pub fn remove_at_index<R>(&mut self, index: usize, f: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        if index >= self.len() {
            return None;
        }
        self.tree.edit_at_index(index, |chunk, within| {
            let spot = chunk.spot(within);
            let result = f(chunk.get(spot));
            chunk.remove(spot);
            result
        })
    }

    /// Removes elements that expire at `now_ms` or before, at most `count_max` of them, each handed to `f` first. Returns
    /// how many: fewer than `count_max` means that no other is left. O(log n) for each leaf with such elements.
    pub fn remove_expired(&mut self, now_ms: i64, count_max: usize, mut f: impl FnMut(Element<'_>)) -> usize {
        let mut removed = 0;
        while removed < count_max {
            let due = self.tree.edit_due(now_ms as u64, |chunk| {
                let mut index = 0;
                while index < chunk.count() && removed < count_max {
                    let spot = chunk.spot(index);
                    let element = chunk.get(spot);
                    if element.expire_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                        f(element);
                        chunk.remove(spot);
                        removed += 1;
                    } else {
                        index += 1;
                    }
                }
            });
            if due.is_none() {
                break;
            }
        }
        removed
    }

    /// The blob with the name of an element, if it stands in one, being long: to refer to the same bytes. O(log n).
    pub fn name_blob(&self, name: &[u8]) -> Option<Blob> {
        let hash = hash_of(name);
        let chunk = self.chunk(hash)?;
        chunk.name_blob(chunk.find(tag_of(hash), name)?)
    }

    #[inline]
    fn chunk(&self, hash: u64) -> Option<&Chunk<W>> {
        let chunk = self.tree.leaf_at_key(hash, |_| true)?;
        chunk.prefetch();
        Some(chunk)
    }

    #[inline]
    fn edit<R>(&mut self, hash: u64, f: impl FnOnce(&mut Chunk<W>) -> R) -> Option<R> {
        self.tree.edit_at_key(
            hash,
            |_| true,
            |chunk| {
                chunk.prefetch();
                f(chunk)
            },
        )
    }

    /// Edits the leaf that holds `name`, if one does. Looks first if the tree is shared, so that nothing is copied for a name
    /// that is not there.
    fn edit_found<R>(&mut self, name: &[u8], f: impl FnOnce(&mut Chunk<W>, Spot) -> R) -> Option<R> {
        let hash = hash_of(name);
        if self.tree.is_shared() && !self.contains_hashed(hash, name) {
            return None;
        }
        self.edit(hash, |chunk| chunk.find(tag_of(hash), name).map(|spot| f(chunk, spot)))?
    }
}

/// Bytes of the longest name that stands in a leaf of a map of scores. Longer ones have a blob ([`Hashed::name_blob`]).
pub const SCORE_NAME_MAX: usize = chunk::SCORE_NAME_MAX;

impl Hashed<{ chunk::SCORE }> {
    /// Gives the element of this name the value that `decide` makes of the present one (`None` if there is none), or leaves
    /// it alone if that is `None`. O(log n).
    #[inline]
    pub fn update(&mut self, name: &[u8], decide: impl FnOnce(Option<&[u8]>) -> Option<[u8; chunk::SCORE]>) {
        let hash = hash_of(name);
        if self.tree.is_empty() {
            if let Some(value) = decide(None) {
                self.insert(name, &value, None);
            }
            return;
        }
        if self.tree.is_shared() {
            let old = self.get_hashed(hash, name).map(|element| element.value);
            if let Some(value) = decide(old) {
                self.insert(name, &value, None);
            }
            return;
        }
        self.edit(hash, |chunk| match chunk.find(tag_of(hash), name) {
            Some(spot) => {
                if let Some(value) = decide(Some(chunk.get(spot).value)) {
                    chunk.set_value(spot, &value);
                }
            }
            None => {
                if let Some(value) = decide(None) {
                    chunk.add(hash, name, &value, None);
                }
            }
        });
    }
}
