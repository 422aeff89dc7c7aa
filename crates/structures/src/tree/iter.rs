//! Walking over the leaves of a tree.

use super::{Leaf, Tree};

/// Leaves with the position of each one's first element, from either end. A step is a search by position: O(log n), little
/// beside the elements of a leaf.
pub struct Leaves<'a, L: Leaf> {
    tree: &'a Tree<L>,
    front: usize,
    /// One past the last element of the leaves still to come.
    back: usize,
}

impl<'a, L: Leaf> Leaves<'a, L> {
    pub(super) fn new(tree: &'a Tree<L>, index: usize) -> Self {
        let front = tree.leaf_at_index(index).map_or(tree.len(), |(_, within)| index - within);
        Leaves { tree, front, back: tree.len() }
    }

    pub(super) fn through(tree: &'a Tree<L>, index: usize) -> Self {
        let back = tree.leaf_at_index(index).map_or(tree.len(), |(leaf, within)| index - within + leaf.len());
        Leaves { tree, front: 0, back }
    }
}

impl<'a, L: Leaf> Iterator for Leaves<'a, L> {
    type Item = (usize, &'a L);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let start = self.front;
        let (leaf, _) = self.tree.leaf_at_index(start)?;
        self.front += leaf.len();
        Some((start, leaf))
    }
}

impl<L: Leaf> DoubleEndedIterator for Leaves<'_, L> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let (leaf, _) = self.tree.leaf_at_index(self.back - 1)?;
        self.back -= leaf.len();
        Some((self.back, leaf))
    }
}

/// A walk that owns what it walks over, so that it can go on after the lock on the original was let go and others have
/// changed it: it sees the elements as they were when it began. `Send`, if the leaves are.
pub struct Cursor<L: Leaf> {
    tree: Tree<L>,
    index: usize,
}

impl<L: Leaf> Cursor<L> {
    pub(super) fn new(tree: Tree<L>, index: usize) -> Self {
        Cursor { tree, index }
    }

    /// Position of the element that comes next; the tree's length at the end.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Elements from here to the end.
    pub fn remaining(&self) -> usize {
        self.tree.len().saturating_sub(self.index)
    }

    /// The leaf of the next element, and that element's position in it; `None` at the end. O(log n).
    pub fn leaf(&self) -> Option<(&L, usize)> {
        self.tree.leaf_at_index(self.index)
    }

    /// Goes on to the element at `index`, in either direction.
    pub fn move_to(&mut self, index: usize) {
        self.index = index;
    }

    /// Goes on by `elements`.
    pub fn advance(&mut self, elements: usize) {
        self.index += elements;
    }

    /// The tree as it was when the walk began.
    pub fn tree(&self) -> &Tree<L> {
        &self.tree
    }
}
