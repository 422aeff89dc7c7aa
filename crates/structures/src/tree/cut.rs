//! Cutting a tree in two and joining two: how ranges are removed and leaves added at the ends.

use std::ops::Range;

use super::edit::{mend_child, mend_leaf};
use super::node::{CHILDREN_MAX, Child, NodeRef};
use super::{Leaf, Place, Tree};

/// How full bulk building leaves nodes, so that later inserts do not split each.
const CHILDREN_BUILT: usize = CHILDREN_MAX * 7 / 8;

impl<L: Leaf> Tree<L> {
    /// A tree of these leaves in order, each with a lower bound of its keys. Empty leaves are left out. O(n).
    pub fn from_leaves(leaves: impl IntoIterator<Item = (L::Key, L)>) -> Tree<L> {
        let mut level = 0;
        let mut nodes = pack(level, leaves.into_iter().filter(|(_, leaf)| !leaf.is_empty()), Child::Leaf);
        while nodes.len() > 1 {
            level += 1;
            nodes = pack(level, nodes.into_iter().map(|node| (node.view().keys()[0], node)), Child::Node);
        }
        let mut tree = Tree { root: nodes.pop() };
        tree.refresh_totals();
        tree
    }

    /// Adds a leaf before all others, with a lower bound of its keys. An empty one is dropped. O(log n).
    pub fn push_first(&mut self, key: L::Key, leaf: L) {
        self.push(key, leaf, End::Front);
    }

    /// Adds a leaf after all others, with a lower bound of its keys that no key in the tree exceeds. An empty one is
    /// dropped. O(log n).
    pub fn push_last(&mut self, key: L::Key, leaf: L) {
        self.push(key, leaf, End::Back);
    }

    fn push(&mut self, key: L::Key, leaf: L, end: End) {
        if leaf.is_empty() {
            return;
        }
        match &mut self.root {
            Some(root) => {
                attach(root, 0, key, Child::Leaf(leaf), end);
                self.refresh_totals();
                self.mend_root();
            }
            None => *self = Tree::from_leaves([(key, leaf)]),
        }
    }

    /// Removes the elements from position `index` on and returns them as a tree. O(log n), whole subtrees change hands.
    pub fn split_off(&mut self, index: usize) -> Tree<L> {
        if index == 0 {
            return std::mem::take(self);
        }
        if index >= self.len() {
            return Tree::new();
        }
        let root = self.root.as_mut().expect("there are elements");
        let mut right = Tree { root: cut(root, index as u64) };
        for tree in [&mut *self, &mut right] {
            tree.refresh_totals();
            tree.mend_root();
        }
        right
    }

    /// Adds all elements of another tree after those of this one. O(log n).
    pub fn append(&mut self, other: Tree<L>) {
        let Some(right) = other.root else { return };
        let Some(mut left) = self.root.take() else {
            self.root = Some(right);
            return;
        };
        let (left_level, right_level) = (left.view().level(), right.view().level());
        let right_key = right.view().keys()[0];
        if left_level > right_level {
            attach(&mut left, right_level + 1, right_key, Child::Node(right), End::Back);
            self.root = Some(left);
        } else if left_level < right_level {
            let (mut root, left_key) = (right, left.view().keys()[0]);
            attach(&mut root, left_level + 1, left_key, Child::Node(left), End::Front);
            self.root = Some(root);
        } else {
            let mut root = NodeRef::with_room(left_level + 1, 2);
            let left_key = left.view().keys()[0];
            let mut edit = root.make_mut();
            edit.insert(0, left_key, Child::Node(left));
            edit.insert(1, right_key, Child::Node(right));
            mend_child(&mut edit, 1, Place::Last);
            self.root = Some(root);
        }
        self.refresh_totals();
        self.mend_root();
    }

    /// Removes the elements at these positions and returns them as a tree, which may be freed elsewhere. O(log n).
    pub fn remove_range(&mut self, range: Range<usize>) -> Tree<L> {
        let tail = self.split_off(range.end.min(self.len()));
        let removed = self.split_off(range.start.min(self.len()));
        self.append(tail);
        removed
    }
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Front,
    Back,
}

/// Puts children into as few nodes of `level` as they fit, evenly filled.
fn pack<L: Leaf, C>(
    level: u32,
    children: impl Iterator<Item = (L::Key, C)>,
    child_of: fn(C) -> Child<L>,
) -> Vec<NodeRef<L>> {
    let mut nodes: Vec<NodeRef<L>> = Vec::new();
    for (key, child) in children {
        if nodes.last().is_none_or(|node| node.view().len() == CHILDREN_BUILT) {
            nodes.push(NodeRef::with_room(level, 1));
        }
        let node = nodes.last_mut().expect("pushed above");
        let len = node.view().len();
        node.make_mut().insert(len, key, child_of(child));
    }
    nodes
}

/// Adds a child at one end of the nodes at `level` below `node`, whose figures are right afterwards. It may have too many
/// children then.
fn attach<L: Leaf>(node: &mut NodeRef<L>, level: u32, key: L::Key, child: Child<L>, end: End) {
    let mut edit = node.make_mut();
    let count = edit.view().len();
    if edit.view().level() == level {
        let (at, place) = if end == End::Back { (count, Place::Last) } else { (0, Place::First) };
        edit.insert(at, key, child);
        if level > 0 {
            mend_child(&mut edit, at, place);
        }
        return;
    }
    let (at, place) = if end == End::Back { (count - 1, Place::Last) } else { (0, Place::First) };
    attach(&mut edit.nodes_mut()[at], level, key, child, end);
    if end == End::Front {
        edit.keys_mut()[0] = key;
    }
    mend_child(&mut edit, at, place);
}

/// Cuts the subtree before the element at position `index` and returns the part from there on. What stays in `node` may be
/// nothing, and both may have few children.
fn cut<L: Leaf>(node: &mut NodeRef<L>, index: u64) -> Option<NodeRef<L>> {
    let mut edit = node.make_mut();
    let (mut at, mut within) = (0, index);
    for len in edit.view().lens() {
        if within < *len {
            break;
        }
        (at, within) = (at + 1, within - len);
    }
    if at == edit.view().len() {
        return None;
    }
    if within == 0 {
        return Some(edit.split_off(at));
    }
    let mut right = edit.split_off(at + 1);
    let mut right_edit = right.make_mut();
    if edit.view().level() == 0 {
        let (key, tail) = edit.leaves_mut()[at].split_off(within as usize);
        edit.refresh(at);
        mend_leaf(&mut edit, at, Place::Last);
        right_edit.insert(0, key, Child::Leaf(tail));
        mend_leaf(&mut right_edit, 0, Place::First);
    } else {
        let tail = cut(&mut edit.nodes_mut()[at], within).expect("the child has more elements");
        mend_child(&mut edit, at, Place::Last);
        right_edit.insert(0, tail.view().keys()[0], Child::Node(tail));
        mend_child(&mut right_edit, 0, Place::First);
    }
    Some(right)
}
