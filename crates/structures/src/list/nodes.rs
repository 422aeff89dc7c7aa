//! The nodes of a long list in order, found by the positions of their elements. A clone shares them all.
//!
//! The first and the last node stand outside the tree: pushes and pops need no way through it, and only these two keep
//! room to grow.

use std::ops::Range;

use super::pack::{End, Pack};
use crate::tree::{Leaf, Place, Tree};

/// A leaf that stays as it is put into the tree: nodes begin and end where [`super::quick`] wants it.
impl Leaf for Pack {
    type Key = ();

    fn len(&self) -> usize {
        Pack::len(self)
    }

    fn memory_bytes(&self) -> usize {
        Pack::memory_bytes(self)
    }

    fn is_too_big(&self) -> bool {
        false
    }

    fn split(&mut self, _place: Place) -> ((), Self) {
        let middle = Pack::len(self) / 2;
        ((), Pack::split_off(self, middle))
    }

    fn split_off(&mut self, index: usize) -> ((), Self) {
        ((), Pack::split_off(self, index))
    }

    fn is_too_small(&self) -> bool {
        false
    }

    fn merge(&mut self, _next: &Self) -> bool {
        false
    }
}

/// A sequence of nodes, none of them empty. The only one is in front; the last of several at the back.
#[derive(Clone, Default)]
pub(super) struct Nodes {
    front: Pack,
    middle: Tree<Pack>,
    back: Pack,
}

impl Nodes {
    /// Number of elements. O(1).
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.front.len() + self.middle.len() + self.back.len()
    }

    /// The only node, if there is no other. O(1).
    #[inline]
    pub(super) fn only(&self) -> Option<&Pack> {
        (self.back.len() == 0 && self.front.len() > 0).then_some(&self.front)
    }

    /// Heap bytes. O(1).
    pub(super) fn memory_bytes(&self) -> usize {
        self.front.memory_bytes() + self.middle.memory_bytes() + self.back.memory_bytes()
    }

    /// Allocations to free, roughly. O(1).
    pub(super) fn free_effort(&self) -> usize {
        self.middle.free_effort() + 2
    }

    /// Whether both are the same nodes. O(1).
    pub(super) fn is_same(&self, other: &Nodes) -> bool {
        self.front.is_same(&other.front)
            && self.middle.is_same(&other.middle)
            && self.back.is_same(&other.back)
    }

    /// The node at an end, which is empty if there is none. O(1).
    #[inline]
    pub(super) fn end(&self, end: End) -> &Pack {
        if end == End::Back && self.back.len() > 0 { &self.back } else { &self.front }
    }

    /// The node at an end, to be pushed to. O(1).
    #[inline]
    pub(super) fn end_mut(&mut self, end: End) -> &mut Pack {
        if end == End::Back && self.back.len() > 0 { &mut self.back } else { &mut self.front }
    }

    /// Drops the element at an end; there is one. O(1) amortised.
    #[inline]
    pub(super) fn drop_end(&mut self, end: End) {
        let pack = self.end_mut(end);
        pack.drop_end(end);
        if pack.len() == 0 {
            self.refill();
        }
    }

    /// Where the node of the element `index` begins, and the node. O(log n).
    pub(super) fn at(&self, index: usize) -> (usize, &Pack) {
        let Some(inner) = index.checked_sub(self.front.len()) else { return (0, &self.front) };
        match self.middle.leaf_at_index(inner) {
            Some((pack, within)) => (index - within, pack),
            None => (self.front.len() + self.middle.len(), &self.back),
        }
    }

    /// Edits the node of the element `index`; the closure is told where in it that stands. A node that becomes empty
    /// goes. O(log n) beside the edit.
    pub(super) fn edit<R>(&mut self, index: usize, edit: impl FnOnce(&mut Pack, usize) -> R) -> R {
        let inner = index.checked_sub(self.front.len());
        let result = match inner {
            None => edit(&mut self.front, index),
            Some(inner) if inner < self.middle.len() => {
                return self.middle.edit_at_index(inner, edit).expect("the index lies in the tree");
            }
            Some(inner) => edit(&mut self.back, inner - self.middle.len()),
        };
        self.refill();
        result
    }

    /// Puts a node where the node of the element `index` begins, or behind all others. O(log n).
    pub(super) fn insert(&mut self, index: usize, mut pack: Pack) {
        let (front, middle) = (self.front.len(), self.middle.len());
        if index == self.len() {
            let mut before = std::mem::replace(self.end_mut(End::Back), pack);
            if self.back.len() > 0 {
                before.seal();
                self.middle.push_last((), before);
            } else if before.len() > 0 {
                before.seal();
                self.back = std::mem::replace(&mut self.front, before);
            }
        } else if index == 0 {
            let mut behind = std::mem::replace(&mut self.front, pack);
            behind.seal();
            if self.back.len() > 0 {
                self.middle.push_first((), behind);
            } else {
                self.back = behind;
            }
        } else {
            pack.seal();
            let behind = self.middle.split_off(index - front);
            debug_assert_eq!(behind.len(), front + middle - index);
            self.middle.push_last((), pack);
            self.middle.append(behind);
        }
    }

    /// Takes the node out that begins with the element `index`. O(log n).
    pub(super) fn remove(&mut self, index: usize) -> Pack {
        self.edit(index, |pack, _| std::mem::take(pack))
    }

    /// Takes the nodes out that hold the elements of a range, none of which holds others. O(log n).
    pub(super) fn remove_range(&mut self, range: Range<usize>) -> Nodes {
        let (front, middle) = (self.front.len(), self.middle.len());
        let mut removed = Nodes::default();
        if range.end > front + middle {
            removed.back = std::mem::take(&mut self.back);
        }
        let inner = range.start.saturating_sub(front)..range.end.saturating_sub(front).min(middle);
        if !inner.is_empty() {
            removed.middle = self.middle.remove_range(inner);
        }
        if range.start < front {
            removed.front = std::mem::take(&mut self.front);
        }
        self.refill();
        removed
    }

    /// After a node at an end became empty: the next one takes its place.
    #[inline]
    fn refill(&mut self) {
        if self.front.len() == 0 || self.back.len() == 0 {
            self.refill_ends();
        }
    }

    #[inline(never)]
    fn refill_ends(&mut self) {
        if self.front.len() == 0 {
            self.front = match self.middle.edit_first(std::mem::take) {
                Some(pack) => pack,
                None => std::mem::take(&mut self.back),
            };
        }
        if self.back.len() == 0
            && let Some(pack) = self.middle.edit_last(std::mem::take)
        {
            self.back = pack;
        }
    }
}
