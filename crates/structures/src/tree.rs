//! A counted tree of leaves that clones in O(1) and is edited by copying the path that clones share: what large lists,
//! hashes, sets, sorted sets and streams are made of.
//!
//! ```text
//! Tree ──► root ──► inner nodes (up to 127 children each) ──► leaves: packed elements, some kilobytes
//! ```
//!
//! * All leaves are at one depth. A node knows, for each child: how many elements are below, how many heap bytes, a
//!   lower bound of their keys, and the least *summary* (for hashes: the earliest TTL of a field).
//! * So a leaf is found by key, by the position of an element, or by summary in O(log n), and a key's rank as well.
//! * Nodes and leaves are counted references. An edit changes what only this tree refers to in place, without a locked
//!   instruction, and copies what a clone refers to as well: a clone is a snapshot and never changes. A reply of millions
//!   of elements is written from a clone, without the lock; a removed range is a tree that a worker can free.
//! * What a leaf looks like is the type's affair ([`Leaf`]). The tree asks it to split and to merge.
//!
//! Path copying is how persistent trees have been made since Driscoll, Sarnak, Sleator, Tarjan, "Making Data Structures
//! Persistent" (1989); counts in inner nodes are the order-statistic tree of Cormen et al.
//!
//! **Finding by key.** A search ends in the last leaf whose lower bound is not above the key. Where lower bounds equal the
//! key, elements with that key may stand on both sides of the bound; then the search asks its closure `reaches` about the
//! leaf behind the bound: whether what is sought stands at or after that leaf's first element. Callers whose keys say all
//! answer `true`.
//!
//! **Positions.** Elements count from 0 in the order of leaves and, within a leaf, in the leaf's own order.

mod cut;
mod edit;
mod iter;
mod node;
mod route;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

pub use iter::{Cursor, Leaves};
use node::NodeRef;
use route::{ByKey, Due, Index, Route};

/// A leaf: a packed, ordered run of elements, cheap to clone (a counted reference itself, such as a
/// [`crate::blob::Blob`]).
pub trait Leaf: Clone {
    /// What inner nodes know of a leaf to find it by: a few bytes. `()` where elements are found by position only.
    type Key: Copy + Ord;

    /// Number of elements. O(1).
    fn len(&self) -> usize;

    /// Whether there are no elements; the tree removes such leaves.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes behind the leaf, its own size not included. O(1).
    fn memory_bytes(&self) -> usize;

    /// What [`Tree::first_due`] compares, `u64::MAX` for never.
    fn summary(&self) -> u64 {
        u64::MAX
    }

    /// Whether the leaf should be split. Never of a leaf with one element.
    fn is_too_big(&self) -> bool;

    /// Removes the upper part of the elements and returns it, with a lower bound of its keys that no remaining key
    /// exceeds. Neither part may be empty. [`Place::Last`] and [`Place::First`] hint that elements are likely to be added
    /// at that end only, so that the other part should be left well filled.
    fn split(&mut self, place: Place) -> (Self::Key, Self);

    /// Removes the elements from position `index` on and returns them, as [`Leaf::split`] does; `0 < index < len`.
    fn split_off(&mut self, index: usize) -> (Self::Key, Self);

    /// Whether it is worth trying to merge the leaf with a neighbour.
    fn is_too_small(&self) -> bool;

    /// Adds the elements of the leaf after this one, unless both together would be (nearly) too big: then nothing changes
    /// and the result is false.
    fn merge(&mut self, next: &Self) -> bool;
}

/// Where a leaf stands in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before all others.
    First,
    /// Between others.
    Middle,
    /// After all others, also if there are none.
    Last,
}

/// The tree, one pointer wide. See the module's description.
pub struct Tree<L: Leaf> {
    root: Option<NodeRef<L>>,
}

impl<L: Leaf> Clone for Tree<L> {
    /// Shares everything. O(1).
    fn clone(&self) -> Self {
        Tree { root: self.root.clone() }
    }
}

impl<L: Leaf> Default for Tree<L> {
    fn default() -> Self {
        Tree::new()
    }
}

impl<L: Leaf> Tree<L> {
    /// A tree without leaves. Allocates nothing.
    pub const fn new() -> Tree<L> {
        Tree { root: None }
    }

    /// Number of elements. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.view().total_len() as usize)
    }

    /// Whether there is no element (and no leaf). O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Heap bytes of nodes and leaves. Clones count what they share each. O(1).
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.view().total_bytes() as usize)
    }

    /// Allocations to free, roughly. O(1).
    pub fn free_effort(&self) -> usize {
        self.memory_bytes() / 4096 + 1
    }

    /// Whether a clone shares the root: the next edit copies nodes. O(1).
    pub fn is_shared(&self) -> bool {
        self.root.as_ref().is_some_and(NodeRef::is_shared)
    }

    /// Whether both are one tree, a clone and its original since neither was edited. O(1).
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(root), Some(other)) => root.is_same(other),
            (root, other) => root.is_none() && other.is_none(),
        }
    }

    /// The least summary of all leaves, `u64::MAX` without leaves. O(children of the root).
    pub fn summary(&self) -> u64 {
        self.root.as_ref().map_or(u64::MAX, |root| root.view().min())
    }

    /// The leaf where `key` belongs (see *Finding by key* above), `None` in an empty tree. O(log n).
    #[inline]
    pub fn leaf_at_key(&self, key: L::Key, reaches: impl FnMut(&L) -> bool) -> Option<&L> {
        let mut route = ByKey { key, reaches };
        let mut node = self.root.as_ref()?.view();
        loop {
            let index = route.pick(node);
            if node.level() == 0 {
                return Some(&node.leaves()[index]);
            }
            node = node.nodes()[index].view();
        }
    }

    /// As [`Tree::leaf_at_key`], with the position of the leaf's first element: its rank. O(log n).
    pub fn ranked_leaf_at_key(&self, key: L::Key, reaches: impl FnMut(&L) -> bool) -> Option<(usize, &L)> {
        self.find(&mut ByKey { key, reaches }).map(|found| (found.start, found.leaf))
    }

    /// As [`Tree::leaf_at_key`], with the lower bound of the leaf after it, `None` at the last: the leaf's keys are not
    /// above it. What a scan goes on from. O(log n).
    pub fn bounded_leaf_at_key(
        &self,
        key: L::Key,
        reaches: impl FnMut(&L) -> bool,
    ) -> Option<(&L, Option<L::Key>)> {
        self.find(&mut ByKey { key, reaches }).map(|found| (found.leaf, found.high))
    }

    /// As [`Tree::leaf_at_key`], with all that the search came to know. O(log n).
    pub fn locate(&self, key: L::Key, reaches: impl FnMut(&L) -> bool) -> Option<Found<'_, L>> {
        self.find(&mut ByKey { key, reaches })
    }

    /// The leaf that holds the element at `index`, and the element's position in it; `None` if there are not as many.
    /// O(log n).
    #[inline]
    pub fn leaf_at_index(&self, index: usize) -> Option<(&L, usize)> {
        if index >= self.len() {
            return None;
        }
        let mut route = Index(index as u64);
        let found = self.find(&mut route)?;
        Some((found.leaf, route.0 as usize))
    }

    /// The first leaf in order. O(log n).
    pub fn first(&self) -> Option<&L> {
        Some(self.root.as_ref()?.view().first_leaf())
    }

    /// The last leaf in order. O(log n).
    pub fn last(&self) -> Option<&L> {
        self.find(&mut route::Last).map(|found| found.leaf)
    }

    /// The first leaf whose summary is at most `limit`, and the position of its first element. O(log n).
    pub fn first_due(&self, limit: u64) -> Option<(usize, &L)> {
        if self.summary() > limit {
            return None;
        }
        self.find(&mut Due(limit)).map(|found| (found.start, found.leaf))
    }

    /// All leaves in order, or in reverse with [`Iterator::rev`], each with the position of its first element.
    pub fn leaves(&self) -> Leaves<'_, L> {
        Leaves::new(self, 0)
    }

    /// As [`Tree::leaves`], from the leaf that holds the element at `index` on.
    pub fn leaves_from(&self, index: usize) -> Leaves<'_, L> {
        Leaves::new(self, index)
    }

    /// As [`Tree::leaves`], up to and with the leaf that holds the element at `index`. Reversed, it is the first.
    pub fn leaves_through(&self, index: usize) -> Leaves<'_, L> {
        Leaves::through(self, index)
    }

    /// A walk over the leaves of a clone of this tree as it is now, from the leaf with the element at `index`. O(1).
    pub fn cursor(&self, index: usize) -> Cursor<L> {
        Cursor::new(self.clone(), index)
    }

    /// Calls `f` with every leaf in order until it breaks.
    pub fn try_for_each_leaf<B>(&self, mut f: impl FnMut(&L) -> ControlFlow<B>) -> ControlFlow<B> {
        fn walk<L: Leaf, B>(
            node: node::NodeView<'_, L>,
            f: &mut impl FnMut(&L) -> ControlFlow<B>,
        ) -> ControlFlow<B> {
            match node.level() {
                0 => node.leaves().iter().try_for_each(f),
                _ => node.nodes().iter().try_for_each(|child| walk(child.view(), f)),
            }
        }
        match &self.root {
            Some(root) => walk(root.view(), &mut f),
            None => ControlFlow::Continue(()),
        }
    }

    #[inline]
    fn find<R: Route<L>>(&self, route: &mut R) -> Option<Found<'_, L>> {
        let mut node = self.root.as_ref()?.view();
        let (mut start, mut high) = (0, None);
        loop {
            let index = route.pick(node);
            start += node.lens()[..index].iter().sum::<u64>();
            high = node.keys().get(index + 1).copied().or(high);
            if node.level() == 0 {
                let (leaf, low) = (&node.leaves()[index], node.keys()[index]);
                return Some(Found { leaf, start: start as usize, low, high });
            }
            node = node.nodes()[index].view();
        }
    }
}

/// What a search found.
pub struct Found<'a, L: Leaf> {
    /// The leaf.
    pub leaf: &'a L,
    /// Position of its first element in the tree.
    pub start: usize,
    /// No key in the leaf is below this, and none in the leaves before it above.
    pub low: L::Key,
    /// The lower bound of the next leaf, if there is one.
    pub high: Option<L::Key>,
}
