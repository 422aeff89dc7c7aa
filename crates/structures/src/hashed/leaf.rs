//! Chunks as leaves of the tree: when and where they are split and merged, and how many are made at once.

use super::chunk::{Chunk, VARIABLE};
use super::{Hashed, hash_of, tag_of};
use crate::tree::{Leaf, Place, Tree};

/// A leaf has at most this many elements: two vectors of tags to compare for short names, and seldom a false match.
const COUNT_MAX: usize = 128;
/// A leaf's blob has at most this many bytes: a block of 4 KiB with the blob's header.
const BYTES_MAX: usize = 4096 - 12;

/// What bulk building puts into a leaf: nearly what fits, and what fills a size class.
const COUNT_BUILT: usize = COUNT_MAX - 4;
const BYTES_BUILT: usize = 3584 - 12 - 32;

/// Bounds between leaves are multiples of this where the hashes allow it, which is always but for hashes made up by tests:
/// so the positions that scans show to clients have 48 bits.
pub(super) const BOUND_STEP: u64 = 1 << 16;

impl<const W: usize> Chunk<W> {
    /// Adds an element whose name is new.
    pub(super) fn add(&mut self, hash: u64, name: &[u8], value: &[u8], expire_at_ms: Option<i64>) {
        self.push(tag_of(hash), name, value, expire_at_ms);
        if self.exceeds_limits() {
            self.mark_one_hash(self.iter().all(|element| hash_of(element.name) == hash));
        }
    }

    fn exceeds_limits(&self) -> bool {
        self.count() > COUNT_MAX || self.byte_len() > BYTES_MAX
    }
}

impl<const W: usize> Leaf for Chunk<W> {
    /// The hash of names.
    type Key = u64;

    fn len(&self) -> usize {
        self.count()
    }

    fn memory_bytes(&self) -> usize {
        self.heap_bytes()
    }

    /// The earliest expiry.
    fn summary(&self) -> u64 {
        self.first_expiry()
    }

    fn is_too_big(&self) -> bool {
        self.exceeds_limits() && self.count() > 1 && !self.is_one_hash()
    }

    fn split(&mut self, _: Place) -> (u64, Self) {
        let hashes: Vec<u64> = self.iter().map(|element| hash_of(element.name)).collect();
        let mut sorted = hashes.clone();
        sorted.sort_unstable();
        let bound = middle_bound(&sorted);
        (bound, self.extract(|index| hashes[index] >= bound))
    }

    fn split_off(&mut self, _: usize) -> (u64, Self) {
        unreachable!("a hash-ordered tree is not cut by position")
    }

    fn is_too_small(&self) -> bool {
        self.count() < COUNT_MAX / 4 && self.byte_len() < BYTES_MAX / 4
    }

    fn merge(&mut self, next: &Self) -> bool {
        let fits = self.count() + next.count() <= COUNT_MAX * 3 / 4
            && self.byte_len() + next.byte_len() <= BYTES_MAX * 3 / 4;
        if fits {
            self.append(next);
        }
        fits
    }
}

/// A bound between two different hashes as near to the middle as there is. The hashes are ascending and not all equal.
fn middle_bound(sorted: &[u64]) -> u64 {
    let middle = sorted.len() / 2;
    let parts = |at: &usize| *at > 0 && *at < sorted.len() && sorted[at - 1] < sorted[*at];
    let at = (0..=middle)
        .flat_map(|distance| [middle + distance, middle - distance])
        .find(parts)
        .expect("hashes that differ, or the leaf would be marked");
    bound_between(sorted[at - 1], sorted[at])
}

/// A bound above `left` and not above `right`: the roundest if possible.
fn bound_between(left: u64, right: u64) -> u64 {
    let round = right / BOUND_STEP * BOUND_STEP;
    if round > left { round } else { right }
}

impl<const W: usize> Hashed<W> {
    /// A map of these elements, whose names all differ, made at once: leaves well filled, no search for each. O(n log n).
    pub fn from_elements<'a>(elements: impl IntoIterator<Item = (&'a [u8], &'a [u8], Option<i64>)>) -> Self {
        let mut all: Vec<_> = elements.into_iter().map(|element| (hash_of(element.0), element)).collect();
        all.sort_unstable_by_key(|(hash, _)| *hash);
        let mut leaves: Vec<(u64, Chunk<W>)> = Vec::new();
        let mut last_hash = None;
        for (hash, (name, value, expire_at_ms)) in all {
            let is_full = leaves
                .last()
                .is_none_or(|(_, chunk)| chunk.count() >= COUNT_BUILT || chunk.byte_len() >= BYTES_BUILT);
            if is_full && last_hash != Some(hash) {
                if let Some((_, full)) = leaves.last_mut() {
                    full.shrink_to_fit();
                }
                leaves.push((last_hash.map_or(0, |last| bound_between(last, hash)), Chunk::default()));
            }
            let (_, chunk) = leaves.last_mut().expect("the first is full");
            chunk.add(hash, name, value, expire_at_ms);
            if chunk.is_too_big() {
                // Many names of one hash came last.
                let right = Leaf::split(chunk, Place::Last);
                leaves.push(right);
            }
            last_hash = Some(hash);
        }
        Hashed { tree: Tree::from_leaves(leaves) }
    }
}

const _: () = assert!(VARIABLE > BYTES_MAX, "no value has this fixed length");
