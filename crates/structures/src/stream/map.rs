//! Values by id: fixed-size records in the leaves of a counted tree. What is pending in a group is one of these.

use std::marker::PhantomData;

use super::id::StreamId;
use crate::blob::Blob;
use crate::tree::{Leaf, Place, Tree};

/// A value of fixed size.
pub(super) trait Value: Copy {
    /// Bytes of a value.
    const BYTES: usize;
    /// Reads what `write` wrote.
    fn read(bytes: &[u8]) -> Self;
    /// Writes the value; `bytes` are as many.
    fn write(self, bytes: &mut [u8]);
}

impl Value for () {
    const BYTES: usize = 0;
    fn read(_bytes: &[u8]) {}
    fn write(self, _bytes: &mut [u8]) {}
}

/// Bytes of a leaf at most: with its header a size class of 2 KiB. Records are mostly taken from the front, which moves
/// the rest.
const LEAF_BYTES_MAX: usize = 2048 - 12;
/// Leaves with less are merged where that is possible.
const SMALL_BYTES: usize = LEAF_BYTES_MAX / 8;
const ID_BYTES: usize = 16;

/// Records in the order of their ids: id and value.
struct Records<V> {
    bytes: Blob,
    _value: PhantomData<V>,
}

impl<V> Clone for Records<V> {
    fn clone(&self) -> Self {
        Records { bytes: self.bytes.clone(), _value: PhantomData }
    }
}

impl<V: Value> Records<V> {
    const BYTES: usize = ID_BYTES + V::BYTES;

    fn of(bytes: Blob) -> Self {
        Records { bytes, _value: PhantomData }
    }

    #[inline(always)]
    fn id(&self, i: usize) -> StreamId {
        let at = i * Self::BYTES;
        let part = |at: usize| self.bytes[at..at + 8].try_into().expect("eight bytes");
        StreamId { ms: u64::from_le_bytes(part(at)), seq: u64::from_le_bytes(part(at + 8)) }
    }

    fn value(&self, i: usize) -> V {
        let at = i * Self::BYTES;
        V::read(&self.bytes[at + ID_BYTES..at + Self::BYTES])
    }

    fn record(&self, i: usize) -> (StreamId, V) {
        (self.id(i), self.value(i))
    }

    fn write(bytes: &mut [u8], id: StreamId, value: V) {
        bytes[..8].copy_from_slice(&id.ms.to_le_bytes());
        bytes[8..ID_BYTES].copy_from_slice(&id.seq.to_le_bytes());
        value.write(&mut bytes[ID_BYTES..]);
    }

    /// Where the record of `id` is, or would be.
    fn place(&self, id: StreamId) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        // The ends first: records come at the end and go at the front.
        match high.checked_sub(1).map(|last| self.id(last)) {
            None => return Err(0),
            Some(last) if last < id => return Err(high),
            Some(last) if last == id => return Ok(high - 1),
            Some(_) => {}
        }
        if self.id(0) >= id {
            return if self.id(0) == id { Ok(0) } else { Err(0) };
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(middle).cmp(&id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn put(&mut self, id: StreamId, value: V) -> Option<V> {
        match self.place(id) {
            Ok(i) => {
                let before = self.value(i);
                let at = i * Self::BYTES;
                value.write(&mut self.bytes.make_mut()[at + ID_BYTES..at + Self::BYTES]);
                Some(before)
            }
            Err(i) => {
                let (at, len) = (i * Self::BYTES, self.bytes.len());
                if self.bytes.capacity() - len < Self::BYTES {
                    // More than the next size class: records come in numbers.
                    let room = (len / 2).min((LEAF_BYTES_MAX + Self::BYTES).saturating_sub(len));
                    self.bytes.reserve(room.max(Self::BYTES));
                }
                Self::write(self.bytes.open(at..at, Self::BYTES), id, value);
                None
            }
        }
    }

    fn remove(&mut self, id: StreamId) -> Option<V> {
        let i = self.place(id).ok()?;
        let before = self.value(i);
        let at = i * Self::BYTES;
        self.bytes.splice(at..at + Self::BYTES, &[]);
        self.bytes.shrink_if_sparse();
        Some(before)
    }
}

impl<V: Value> Leaf for Records<V> {
    type Key = StreamId;

    fn len(&self) -> usize {
        self.bytes.len() / Self::BYTES
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.memory_bytes()
    }

    fn is_too_big(&self) -> bool {
        self.bytes.len() > LEAF_BYTES_MAX
    }

    fn split(&mut self, place: Place) -> (StreamId, Self) {
        let len = self.len();
        self.split_off(match place {
            // Ids mostly grow. What remains is not too small.
            Place::Last => len - (SMALL_BYTES / Self::BYTES + 1),
            Place::First | Place::Middle => len / 2,
        })
    }

    fn split_off(&mut self, index: usize) -> (StreamId, Self) {
        let at = index * Self::BYTES;
        let mut right = Blob::from_slice(&self.bytes[at..]);
        right.shrink_to_fit();
        self.bytes.truncate(at);
        self.bytes.shrink_to_fit();
        let right = Records::of(right);
        (right.id(0), right)
    }

    fn is_too_small(&self) -> bool {
        self.bytes.len() < SMALL_BYTES
    }

    fn merge(&mut self, next: &Self) -> bool {
        let fits = self.bytes.len() + next.bytes.len() <= LEAF_BYTES_MAX * 3 / 4;
        if fits {
            self.bytes.push(&next.bytes);
        }
        fits
    }
}

/// Values by id, in order. A clone shares all of them: O(1).
pub(super) struct IdMap<V: Value> {
    tree: Tree<Records<V>>,
}

impl<V: Value> Clone for IdMap<V> {
    fn clone(&self) -> Self {
        IdMap { tree: self.tree.clone() }
    }
}

impl<V: Value> Default for IdMap<V> {
    fn default() -> Self {
        IdMap { tree: Tree::new() }
    }
}

impl<V: Value> IdMap<V> {
    /// Number of values. O(1).
    pub(super) fn len(&self) -> usize {
        self.tree.len()
    }

    /// Heap bytes. O(1).
    pub(super) fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes()
    }

    /// The value of an id. O(log n).
    pub(super) fn get(&self, id: StreamId) -> Option<V> {
        let leaf = self.tree.leaf_at_key(id, |_| true)?;
        leaf.place(id).ok().map(|i| leaf.value(i))
    }

    /// Stores a value, new or not; returns the old one. O(log n).
    #[inline]
    pub(super) fn insert(&mut self, id: StreamId, value: V) -> Option<V> {
        if let Some(before) = self.tree.edit_at_key(id, |_| true, |leaf| leaf.put(id, value)) {
            return before;
        }
        let mut leaf = Records::of(Blob::new());
        leaf.put(id, value);
        self.tree.push_last(id, leaf);
        None
    }

    /// Takes a value out. O(log n).
    #[inline]
    pub(super) fn remove(&mut self, id: StreamId) -> Option<V> {
        self.tree.edit_at_key(id, |_| true, |leaf| leaf.remove(id))?
    }

    /// The first id with its value. O(log n).
    pub(super) fn first(&self) -> Option<(StreamId, V)> {
        self.tree.first().map(|leaf| leaf.record(0))
    }

    /// The last id with its value. O(log n).
    pub(super) fn last(&self) -> Option<(StreamId, V)> {
        self.tree.last().map(|leaf| leaf.record(leaf.len() - 1))
    }

    /// From `id` on, in order. O(log n) to begin and from one leaf to the next.
    pub(super) fn range_from(&self, id: StreamId) -> RangeFrom<'_, V> {
        let mut range = RangeFrom { map: self, leaf: None, at: 0, next: None };
        if let Some((leaf, bound)) = self.tree.bounded_leaf_at_key(id, |_| true) {
            let at = leaf.place(id).unwrap_or_else(|at| at);
            range = RangeFrom { leaf: Some(leaf), at, next: bound, ..range };
        }
        range
    }
}

/// Ids with their values, see [`IdMap::range_from`].
pub(super) struct RangeFrom<'a, V: Value> {
    map: &'a IdMap<V>,
    leaf: Option<&'a Records<V>>,
    at: usize,
    /// Where the next leaf begins.
    next: Option<StreamId>,
}

impl<V: Value> Iterator for RangeFrom<'_, V> {
    type Item = (StreamId, V);

    #[inline]
    fn next(&mut self) -> Option<(StreamId, V)> {
        loop {
            let leaf = self.leaf?;
            if self.at < leaf.len() {
                self.at += 1;
                return Some(leaf.record(self.at - 1));
            }
            (self.leaf, self.at) = (None, 0);
            if let Some((leaf, bound)) = self.map.tree.bounded_leaf_at_key(self.next?, |_| true) {
                (self.leaf, self.next) = (Some(leaf), bound);
            }
        }
    }
}
