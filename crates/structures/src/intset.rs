//! Sets of integers as one sorted array: the form `OBJECT ENCODING` calls `intset`, and its bytes in snapshots.
//!
//! ```text
//! width u32 (2, 4 or 8) | count u32 | integers, ascending, width bytes each        everything little-endian
//! ```
//!
//! All integers have the width that the widest one ever added needs; it never shrinks. The set without members has no
//! bytes at all in memory, and the header of an empty set when written out.
//!
//! Layout: the intset record of the RDB format.

pub mod fuzzing;

use crate::blob::Blob;

/// Bytes before the integers.
const HEADER_BYTES: usize = 8;
/// What an empty set is in snapshots.
const EMPTY: [u8; HEADER_BYTES] = [2, 0, 0, 0, 0, 0, 0, 0];

/// A set of `i64`. A clone shares the bytes until one of the two changes.
#[derive(Clone, Default)]
pub struct Intset {
    blob: Blob,
}

/// Bytes that each integer takes when `value` is among them.
#[inline]
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

/// The integer at index `i` of an array of `WIDTH` bytes each.
#[inline(always)]
fn read<const WIDTH: usize>(integers: &[u8], i: usize) -> i64 {
    let bytes = &integers[i * WIDTH..i * WIDTH + WIDTH];
    match WIDTH {
        2 => i64::from(i16::from_le_bytes(bytes.try_into().expect("two bytes"))),
        4 => i64::from(i32::from_le_bytes(bytes.try_into().expect("four bytes"))),
        _ => i64::from_le_bytes(bytes.try_into().expect("eight bytes")),
    }
}

/// Where `value` is, or where it would go. No branch depends on the comparisons.
#[inline]
fn search<const WIDTH: usize>(integers: &[u8], value: i64) -> Result<usize, usize> {
    let mut base = 0;
    let mut len = integers.len() / WIDTH;
    if len == 0 {
        return Err(0);
    }
    while len > 1 {
        let half = len / 2;
        base += if read::<WIDTH>(integers, base + half) <= value { half } else { 0 };
        len -= half;
    }
    match read::<WIDTH>(integers, base).cmp(&value) {
        std::cmp::Ordering::Equal => Ok(base),
        std::cmp::Ordering::Less => Err(base + 1),
        std::cmp::Ordering::Greater => Err(base),
    }
}

impl Intset {
    /// Starts loading it.
    #[inline]
    pub(crate) fn prefetch(&self) {
        self.blob.prefetch_all();
    }

    /// The set without members. Allocates nothing.
    pub const fn new() -> Intset {
        Intset { blob: Blob::new() }
    }

    /// The set of `values`, in any order and any number of times each. O(n log n).
    pub fn from_values(mut values: Vec<i64>) -> Intset {
        values.sort_unstable();
        values.dedup();
        Intset::from_ascending(&values)
    }

    /// The set of `values`, which ascend strictly. O(n).
    ///
    /// # Panics
    /// With checks, if they do not.
    pub fn from_ascending(values: &[i64]) -> Intset {
        debug_assert!(values.is_sorted_by(|a, b| a < b), "members ascend");
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return Intset::new() };
        let width = width_of(min).max(width_of(max));
        let mut blob = Blob::with_capacity(HEADER_BYTES + values.len() * width);
        push_header(&mut blob, width, values.len());
        for value in values {
            blob.push(&value.to_le_bytes()[..width]);
        }
        Intset { blob }
    }

    /// The set that [`Self::as_bytes`] of another one shows, or `None` if `bytes` is no valid set: for untrusted
    /// input. O(n).
    pub fn from_bytes(bytes: &[u8]) -> Option<Intset> {
        let (header, integers) = bytes.split_at_checked(HEADER_BYTES)?;
        let width = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
        let count = u32::from_le_bytes(header[4..].try_into().ok()?) as usize;
        if !matches!(width, 2 | 4 | 8) || count == 0 || count.checked_mul(width)? != integers.len() {
            return None;
        }
        let set = Intset { blob: Blob::from_slice(bytes) };
        let ascends = set.iter().zip(set.iter().skip(1)).all(|(a, b)| a < b);
        ascends.then_some(set)
    }

    /// The set in the layout of snapshots. O(1).
    pub fn as_bytes(&self) -> &[u8] {
        if self.blob.is_empty() { &EMPTY } else { &self.blob }
    }

    /// Number of members. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        if self.blob.is_empty() { 0 } else { (self.blob.len() - HEADER_BYTES) / self.width() }
    }

    /// Whether there is no member. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are one allocation, a clone and its original since neither was changed. O(1).
    pub fn is_same(&self, other: &Intset) -> bool {
        self.blob.is_same(&other.blob)
    }

    /// Heap bytes behind the set. O(1).
    pub fn memory_bytes(&self) -> usize {
        self.blob.memory_bytes()
    }

    /// Bytes of each integer.
    #[inline(always)]
    fn width(&self) -> usize {
        self.blob.first().map_or(2, |&width| usize::from(width))
    }

    #[inline(always)]
    fn integers(&self) -> &[u8] {
        self.blob.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Where `value` is, or where it would go; the value fits the width.
    #[inline]
    fn find(&self, value: i64) -> Result<usize, usize> {
        let integers = self.integers();
        match self.width() {
            2 => search::<2>(integers, value),
            4 => search::<4>(integers, value),
            _ => search::<8>(integers, value),
        }
    }

    /// Whether `value` is a member. O(log n).
    #[inline]
    pub fn contains(&self, value: i64) -> bool {
        self.find(value).is_ok()
    }

    /// The member at a rank, from the least. O(1).
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn get(&self, rank: usize) -> i64 {
        let integers = self.integers();
        match self.width() {
            2 => read::<2>(integers, rank),
            4 => read::<4>(integers, rank),
            _ => read::<8>(integers, rank),
        }
    }

    /// The least and the greatest member. O(1).
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let len = self.len();
        (len > 0).then(|| (self.get(0), self.get(len - 1)))
    }

    /// Adds `value`; `false` if it was there. O(n), and O(1) at the end.
    pub fn insert(&mut self, value: i64) -> bool {
        let width = width_of(value);
        if self.blob.is_empty() {
            push_header(&mut self.blob, width, 0);
        } else if width > self.width() {
            self.widen(width, value);
            return true;
        }
        let Err(at) = self.find(value) else { return false };
        let (width, count) = (self.width(), self.len() + 1);
        let start = HEADER_BYTES + at * width;
        let bytes = &value.to_le_bytes()[..width];
        if start == self.blob.len() {
            self.blob.push(bytes);
        } else {
            self.blob.splice(start..start, bytes);
        }
        self.set_count(count);
        true
    }

    /// Makes room for wider integers and adds `value`, which needs it: so it is less or greater than all others.
    #[cold]
    fn widen(&mut self, width: usize, value: i64) {
        let mut blob = Blob::with_capacity(HEADER_BYTES + (self.len() + 1) * width);
        push_header(&mut blob, width, self.len() + 1);
        let mut push = |value: i64| blob.push(&value.to_le_bytes()[..width]);
        if value < 0 {
            push(value);
        }
        self.iter().for_each(&mut push);
        if value >= 0 {
            push(value);
        }
        self.blob = blob;
    }

    /// Removes `value`; `false` if it was not there. O(n).
    pub fn remove(&mut self, value: i64) -> bool {
        let Ok(rank) = self.find(value) else { return false };
        self.remove_at(rank);
        true
    }

    /// Removes and returns the member at a rank. O(n).
    ///
    /// # Panics
    /// If there is none.
    pub fn remove_at(&mut self, rank: usize) -> i64 {
        let (value, width, count) = (self.get(rank), self.width(), self.len() - 1);
        let start = HEADER_BYTES + rank * width;
        self.blob.splice(start..start + width, &[]);
        self.set_count(count);
        self.blob.shrink_if_sparse();
        value
    }

    /// Keeps the members for which `keep` holds, asked in ascending order. O(n).
    pub fn retain(&mut self, mut keep: impl FnMut(i64) -> bool) {
        let (width, len) = (self.width(), self.len());
        let mut kept = Blob::with_capacity(self.blob.len());
        push_header(&mut kept, width, 0);
        for rank in 0..len {
            let value = self.get(rank);
            if keep(value) {
                kept.push(&value.to_le_bytes()[..width]);
            }
        }
        kept.shrink_to_fit();
        self.blob = kept;
        self.set_count(self.len());
    }

    fn set_count(&mut self, count: usize) {
        self.blob.make_mut()[4..HEADER_BYTES].copy_from_slice(&(count as u32).to_le_bytes());
    }

    /// The members in ascending order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        (0..self.len()).map(|rank| self.get(rank))
    }
}

fn push_header(blob: &mut Blob, width: usize, count: usize) {
    blob.push(&(width as u32).to_le_bytes());
    blob.push(&(count as u32).to_le_bytes());
}

impl std::fmt::Debug for Intset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use sys::random::Rng;

    fn is(set: &Intset, expected: &[i64]) {
        assert_eq!(set.iter().collect::<Vec<_>>(), expected);
        assert_eq!(set.len(), expected.len());
    }

    #[test]
    fn bytes_are_those_of_snapshots() {
        let mut set = Intset::new();
        assert_eq!(set.as_bytes(), b"\x02\0\0\0\0\0\0\0");
        assert_eq!((set.memory_bytes(), set.bounds()), (0, None));
        for value in [5, -1, 5, 32767] {
            set.insert(value);
        }
        assert_eq!(set.as_bytes(), b"\x02\0\0\0\x03\0\0\0\xff\xff\x05\0\xff\x7f");
        assert!(set.insert(32768));
        assert_eq!(set.as_bytes(), b"\x04\0\0\0\x04\0\0\0\xff\xff\xff\xff\x05\0\0\0\xff\x7f\0\0\0\x80\0\0");
        assert!(set.insert(i64::MIN));
        is(&set, &[i64::MIN, -1, 5, 32767, 32768]);
        assert_eq!(set.as_bytes()[..8], *b"\x08\0\0\0\x05\0\0\0");
        // The width stays.
        assert!(set.remove(i64::MIN) && !set.remove(i64::MIN));
        assert_eq!(set.as_bytes()[0], 8);
        assert_eq!(set.bounds(), Some((-1, 32768)));
    }

    #[test]
    fn widths_change_at_their_edges() {
        for (value, width) in [
            (32767, 2),
            (32768, 4),
            (-32768, 2),
            (-32769, 4),
            (2147483647, 4),
            (2147483648, 8),
            (-2147483648, 4),
            (-2147483649, 8),
            (i64::MAX, 8),
        ] {
            let mut set = Intset::from_values(vec![7]);
            assert!(set.insert(value));
            assert_eq!(set.as_bytes()[0], width, "{value}");
            assert!(set.contains(value) && set.contains(7) && !set.contains(8));
            let mut both = [7, value];
            both.sort_unstable();
            is(&set, &both);
            is(&Intset::from_values(vec![value, 7, value]), &both);
        }
    }

    #[test]
    fn untrusted_bytes_are_checked() {
        let set = Intset::from_values(vec![1, 2, 70_000]);
        let good = set.as_bytes();
        is(&Intset::from_bytes(good).expect("its own bytes"), &[1, 2, 70_000]);
        assert!(Intset::from_bytes(Intset::new().as_bytes()).is_none(), "no key holds an empty set");
        for len in 0..good.len() {
            assert!(Intset::from_bytes(&good[..len]).is_none(), "{len} bytes");
        }
        assert!(Intset::from_bytes(&[good, &[0]].concat()).is_none());
        for (at, byte) in [(0, 3), (0, 2), (1, 1), (4, 2), (4, 4), (7, 0x80), (8, 2), (8, 3), (19, 0x80)] {
            let mut bad = good.to_vec();
            bad[at] = byte;
            assert!(Intset::from_bytes(&bad).is_none(), "byte {at} = {byte}");
        }
        assert!(Intset::from_bytes(b"\x08\0\0\0\0\0\0\x20").is_none());
    }

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut set = Intset::from_values((0..100).collect());
        let before = set.clone();
        set.insert(1000);
        set.insert(100_000);
        set.remove(5);
        set.retain(|value| value % 2 == 0);
        is(&before, &(0..100).collect::<Vec<_>>());
        assert_eq!((set.len(), set.contains(1000), set.contains(7)), (52, true, false));
        set.retain(|_| false);
        assert!(set.is_empty() && set.insert(3));
        is(&set, &[3]);
    }

    #[test]
    fn random_changes_match_a_model() {
        let mut rng = Rng::new(1);
        for shift in [50, 44, 30, 1] {
            let (mut set, mut model) = (Intset::new(), BTreeSet::new());
            for step in 0..4000 {
                let value = (rng.next_u64() as i64 >> shift) / if step % 3 == 0 { 16 } else { 1 };
                match rng.next_u64() % 4 {
                    0 => assert_eq!(set.remove(value), model.remove(&value)),
                    1 if !model.is_empty() => {
                        let rank = (rng.next_u64() % model.len() as u64) as usize;
                        let there = set.remove_at(rank);
                        assert!(model.remove(&there));
                    }
                    2 => assert_eq!(set.contains(value), model.contains(&value)),
                    _ => assert_eq!(set.insert(value), model.insert(value)),
                }
                assert_eq!(set.len(), model.len());
            }
            assert!(set.iter().eq(model.iter().copied()));
            assert!(set.iter().enumerate().all(|(rank, value)| set.get(rank) == value));
            assert_eq!(set.is_empty(), Intset::from_bytes(set.as_bytes()).is_none());
        }
    }
}
