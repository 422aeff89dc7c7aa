//! Ways to find a leaf: which child a search goes on with.

use super::Leaf;
use super::node::NodeView;

/// A way from the root to a leaf.
pub(super) trait Route<L: Leaf> {
    /// The child to go on with, of a node that has children.
    fn pick(&mut self, node: NodeView<'_, L>) -> usize;

    /// The key that an edit on this way may insert.
    fn key(&self) -> Option<L::Key> {
        None
    }
}

/// To the leaf where a key belongs. The closure decides between leaves whose bounds equal the key.
pub(super) struct ByKey<K, F> {
    pub key: K,
    pub reaches: F,
}

impl<L: Leaf, F: FnMut(&L) -> bool> Route<L> for ByKey<L::Key, F> {
    #[inline]
    fn pick(&mut self, node: NodeView<'_, L>) -> usize {
        let keys = node.keys();
        let after = keys.partition_point(|key| *key <= self.key);
        if after > 0 && keys[after - 1] == self.key {
            self.pick_tie(node, after)
        } else {
            after.saturating_sub(1)
        }
    }

    #[inline]
    fn key(&self) -> Option<L::Key> {
        Some(self.key)
    }
}

impl<K: Copy + Ord, F> ByKey<K, F> {
    /// Among the children before `after` whose bound equals the key: the last that what is sought reaches, or else the
    /// one before all of them.
    #[inline(never)]
    fn pick_tie<L: Leaf<Key = K>>(&mut self, node: NodeView<'_, L>, after: usize) -> usize
    where
        F: FnMut(&L) -> bool,
    {
        let (mut low, mut high) = (node.keys()[..after].partition_point(|key| *key < self.key), after);
        while low < high {
            let middle = low + (high - low) / 2;
            let first = match node.level() {
                0 => &node.leaves()[middle],
                _ => node.nodes()[middle].view().first_leaf(),
            };
            if (self.reaches)(first) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }
}

/// To the leaf that holds the element at this position, or the last leaf if there are not as many. The rest that is left
/// is the position within the leaf.
pub(super) struct Index(pub u64);

impl<L: Leaf> Route<L> for Index {
    #[inline]
    fn pick(&mut self, node: NodeView<'_, L>) -> usize {
        let (_, lens) = node.lens().split_last().expect("a node has children");
        for (index, len) in lens.iter().enumerate() {
            if self.0 < *len {
                return index;
            }
            self.0 -= len;
        }
        lens.len()
    }
}

/// To the first leaf.
pub(super) struct First;

impl<L: Leaf> Route<L> for First {
    #[inline]
    fn pick(&mut self, _node: NodeView<'_, L>) -> usize {
        0
    }
}

/// To the last leaf.
pub(super) struct Last;

impl<L: Leaf> Route<L> for Last {
    #[inline]
    fn pick(&mut self, node: NodeView<'_, L>) -> usize {
        node.len() - 1
    }
}

/// To the first leaf whose summary is not above this, which exists.
pub(super) struct Due(pub u64);

impl<L: Leaf> Route<L> for Due {
    fn pick(&mut self, node: NodeView<'_, L>) -> usize {
        (0..node.len()).find(|child| node.min_of(*child) <= self.0).unwrap_or(0)
    }
}
