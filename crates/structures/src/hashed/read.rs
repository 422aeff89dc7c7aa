//! All elements of a hash-ordered map: in one go, in slices from a clone, and in scans of clients.

use super::chunk::{self, Chunk, Element};
use super::leaf::BOUND_STEP;
use super::{Hashed, hash_of};
use crate::tree::{Cursor, Leaves};

/// Cursors of scans are below this.
const CURSOR_END: u64 = u64::MAX / BOUND_STEP + 1;

impl<const W: usize> Hashed<W> {
    /// All elements in hash order, leaf by leaf. O(1) each.
    pub fn iter(&self) -> Iter<'_, W> {
        Iter { leaves: self.tree.leaves(), current: None }
    }

    /// As [`Hashed::iter`], from the element at `index` on. O(log n) to begin.
    pub fn iter_from(&self, index: usize) -> Iter<'_, W> {
        let mut leaves = self.tree.leaves_from(index);
        let first = leaves.next().filter(|_| index < self.len());
        Iter { leaves, current: first.map(|(start, chunk)| chunk.iter_from(index - start)) }
    }

    /// A walk over all elements as they are now, to go on with after the lock was let go. O(1).
    pub fn walk(&self) -> Walk<W> {
        Walk { cursor: self.tree.cursor(0) }
    }

    /// One step of a scan: gives elements from the position `cursor` on, 0 being the start, to `f`, at least `count` of them
    /// if there are as many, and returns the position to go on from, 0 at the end. Positions have 48 bits.
    ///
    /// Elements that are there from the first step to the last are given exactly once, whatever else is inserted and removed
    /// in between. O(log n + count).
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(Element<'_>)) -> u64 {
        if cursor >= CURSOR_END {
            return 0;
        }
        let (mut start, mut given) = (cursor * BOUND_STEP, 0);
        loop {
            let Some(found) = self.tree.locate(start, |_| true) else { return 0 };
            // A merge may have put the position into the middle of a leaf.
            let is_whole = found.low >= start || start == 0;
            for element in found.leaf.iter() {
                if is_whole || hash_of(element.name) >= start {
                    f(element);
                    given += 1;
                }
            }
            match found.high {
                None => return 0,
                Some(high) if given >= count && high % BOUND_STEP == 0 => return high / BOUND_STEP,
                Some(high) => start = high,
            }
        }
    }
}

/// Elements of a map, borrowed.
pub struct Iter<'a, const W: usize> {
    leaves: Leaves<'a, Chunk<W>>,
    current: Option<chunk::Iter<'a, W>>,
}

impl<'a, const W: usize> Iterator for Iter<'a, W> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some(element) = self.current.as_mut().and_then(Iterator::next) {
                return Some(element);
            }
            self.current = Some(self.leaves.next()?.1.iter());
        }
    }
}

/// A walk over the elements of a clone: others may edit the original meanwhile. `Send`.
pub struct Walk<const W: usize> {
    cursor: Cursor<Chunk<W>>,
}

impl<const W: usize> Walk<W> {
    /// Elements still to come. O(1).
    pub fn remaining(&self) -> usize {
        self.cursor.remaining()
    }

    /// Gives the next `count` elements, or as many as there are, to `f`, and says how many. O(log n + count).
    pub fn next(&mut self, count: usize, mut f: impl FnMut(Element<'_>)) -> usize {
        let mut given = 0;
        while given < count
            && let Some((chunk, within)) = self.cursor.leaf()
        {
            let here = (chunk.count() - within).min(count - given);
            chunk.iter_from(within).take(here).for_each(&mut f);
            self.cursor.advance(here);
            given += here;
        }
        given
    }
}
