//! Editing one leaf, and mending the tree afterwards: counts, splits, merges, empty leaves.

use super::node::{CHILDREN_MAX, Child, NodeMut, NodeRef, Sum};
use super::route::{ByKey, Due, First, Index, Last, Route};
use super::{Leaf, Place, Tree};

/// Nodes with fewer children are merged with a neighbour if both fit well into one.
const CHILDREN_FEW: usize = CHILDREN_MAX / 4;
const CHILDREN_MERGED_MAX: usize = CHILDREN_MAX * 3 / 4;

/// What an edit changed below a node, for its parent's figures.
struct Change {
    len: u64,
    bytes: u64,
    /// The new minimum of the node, if it may have changed.
    min: Option<u64>,
    /// Whether the number of the node's children changed.
    mend: bool,
}

impl<L: Leaf> Tree<L> {
    /// Edits the leaf where `key` belongs (see *Finding by key*) and mends the tree: afterwards its counts are right, the
    /// leaf split if too big, merged if too small, gone if empty. An element of this `key` may be inserted; all others must
    /// keep their order. `None` in an empty tree: then [`Tree::push_last`] the first leaf. O(log n), and copies what clones
    /// share of the path.
    #[inline]
    pub fn edit_at_key<R>(
        &mut self,
        key: L::Key,
        reaches: impl FnMut(&L) -> bool,
        f: impl FnOnce(&mut L) -> R,
    ) -> Option<R> {
        self.edit(&mut ByKey { key, reaches }, |leaf, _| f(leaf))
    }

    /// As [`Tree::edit_at_key`], of the leaf that holds the element at `index`; `f` also gets the element's position in the
    /// leaf. With an `index` of the tree's length it is the last leaf, and the position its length.
    #[inline]
    pub fn edit_at_index<R>(&mut self, index: usize, f: impl FnOnce(&mut L, usize) -> R) -> Option<R> {
        assert!(index <= self.len());
        self.edit(&mut Index(index as u64), |leaf, route| f(leaf, route.0 as usize))
    }

    /// As [`Tree::edit_at_key`], of the first leaf. What is inserted must not be below its lower bound.
    #[inline]
    pub fn edit_first<R>(&mut self, f: impl FnOnce(&mut L) -> R) -> Option<R> {
        self.edit(&mut First, |leaf, _| f(leaf))
    }

    /// As [`Tree::edit_at_key`], of the last leaf.
    #[inline]
    pub fn edit_last<R>(&mut self, f: impl FnOnce(&mut L) -> R) -> Option<R> {
        self.edit(&mut Last, |leaf, _| f(leaf))
    }

    /// As [`Tree::edit_at_key`], of the first leaf whose summary is at most `limit`; `None` if there is none.
    pub fn edit_due<R>(&mut self, limit: u64, f: impl FnOnce(&mut L) -> R) -> Option<R> {
        if self.summary() > limit {
            return None;
        }
        self.edit(&mut Due(limit), |leaf, _| f(leaf))
    }

    #[inline]
    fn edit<T: Route<L>, R>(&mut self, route: &mut T, f: impl FnOnce(&mut L, &mut T) -> R) -> Option<R> {
        let root = self.root.as_mut()?;
        let (result, change) = edit_node(root, route, f, Place::Last, true);
        let view = root.view();
        let len = view.total_len().wrapping_add(change.len);
        let bytes = view.total_bytes().wrapping_add(change.bytes);
        root.make_mut().set_totals(len, bytes);
        if change.mend {
            self.mend_root();
        }
        Some(result)
    }

    /// Makes the root one node of a right size again, whose totals were right, or are added up anew if it changes.
    #[cold]
    #[inline(never)]
    pub(super) fn mend_root(&mut self) {
        let Some(mut root) = self.root.take() else { return };
        if root.view().len() == 0 {
            return;
        }
        let mut changed = false;
        while root.view().len() > CHILDREN_MAX {
            let mut parent = NodeRef::with_room(root.view().level() + 1, 2);
            let key = root.view().keys()[0];
            parent.make_mut().insert(0, key, Child::Node(root));
            mend_child(&mut parent.make_mut(), 0, Place::Last);
            (root, changed) = (parent, true);
        }
        while root.view().len() == 1 && root.view().level() > 0 {
            let Child::Node(child) = root.make_mut().remove(0) else { unreachable!("above level 0") };
            (root, changed) = (child, true);
        }
        if changed {
            let sum = root.view().sum();
            root.make_mut().set_totals(sum.len, sum.bytes);
        }
        self.root = Some(root);
    }

    /// Adds the root's totals up anew.
    pub(super) fn refresh_totals(&mut self) {
        if let Some(root) = &mut self.root {
            let sum = root.view().sum();
            root.make_mut().set_totals(sum.len, sum.bytes);
        }
    }
}

/// Where the child at `index` of `count` stands, in a node that is the outermost on both sides as told.
fn place_of(first: bool, last: bool, index: usize, count: usize) -> Place {
    if last && index + 1 == count {
        Place::Last
    } else if first && index == 0 {
        Place::First
    } else {
        Place::Middle
    }
}

/// `place` and `first` say where the node stands: a root is both last and first.
fn edit_node<L: Leaf, T: Route<L>, R>(
    node: &mut NodeRef<L>,
    route: &mut T,
    f: impl FnOnce(&mut L, &mut T) -> R,
    place: Place,
    first: bool,
) -> (R, Change) {
    let own_before = node.view().own_bytes();
    let count_before = node.view().len();
    let mut edit = node.make_mut();
    let index = route.pick(edit.view());
    if index == 0
        && let Some(key) = route.key()
        && key < edit.view().keys()[0]
    {
        // Only on the way to the first leaf: its bound must stay below what is inserted.
        edit.keys_mut()[0] = key;
    }
    let here = place_of(first, place == Place::Last, index, count_before);
    let old = edit.view().sum_of(index);
    let (result, mut change);
    if edit.view().level() == 0 {
        let leaf = &mut edit.leaves_mut()[index];
        result = f(leaf, route);
        let new = Sum::of_leaf(leaf);
        let mend = new.len == 0 || leaf.is_too_big() || (count_before > 1 && leaf.is_too_small());
        edit.set_sum(index, new);
        change = Change {
            len: new.len.wrapping_sub(old.len),
            bytes: new.bytes.wrapping_sub(old.bytes),
            min: (new.min != old.min).then(|| edit.view().min()),
            mend,
        };
        if mend {
            mend_leaf_and_add(&mut edit, index, here, &mut change);
        }
    } else {
        let child = &mut edit.nodes_mut()[index];
        (result, change) = edit_node(child, route, f, here, first && index == 0);
        let min = change.min.unwrap_or(old.min);
        let len = old.len.wrapping_add(change.len);
        edit.set_sum(index, Sum { len, bytes: old.bytes.wrapping_add(change.bytes), min });
        change.min = (min != old.min).then(|| edit.view().min());
        if change.mend {
            let bytes_before = bytes_below(&edit);
            mend_child(&mut edit, index, here);
            change.bytes = change.bytes.wrapping_add(bytes_below(&edit).wrapping_sub(bytes_before));
            change.min = Some(edit.view().min());
        }
    }
    let view = edit.view();
    change.mend = view.len() != count_before;
    change.bytes = change.bytes.wrapping_add(view.own_bytes().wrapping_sub(own_before));
    (result, change)
}

#[cold]
#[inline(never)]
fn mend_leaf_and_add<L: Leaf>(node: &mut NodeMut<'_, L>, index: usize, place: Place, change: &mut Change) {
    let bytes_before = bytes_below(node);
    mend_leaf(node, index, place);
    change.bytes = change.bytes.wrapping_add(bytes_below(node).wrapping_sub(bytes_before));
    change.min = Some(node.view().min());
}

/// Heap bytes below a node, without its own.
fn bytes_below<L: Leaf>(node: &NodeMut<'_, L>) -> u64 {
    node.view().sum().bytes - node.view().own_bytes()
}

/// Removes the leaf at `index` if empty, splits it while too big, merges it with a neighbour if too small. Its figures were
/// right.
pub(super) fn mend_leaf<L: Leaf>(node: &mut NodeMut<'_, L>, index: usize, place: Place) {
    if node.view().leaves()[index].is_empty() {
        node.remove(index);
        return;
    }
    let (mut at, mut end) = (index, index + 1);
    while at < end {
        if node.view().leaves()[at].is_too_big() {
            // What stands before a later part is no longer at the end.
            let place = if place == Place::Last && at + 1 < end { Place::Middle } else { place };
            let (key, right) = node.leaves_mut()[at].split(place);
            assert!(!right.is_empty() && !node.view().leaves()[at].is_empty(), "a split makes two leaves");
            node.refresh(at);
            node.insert(at + 1, key, Child::Leaf(right));
            end += 1;
        } else {
            at += 1;
        }
    }
    if end > index + 1 || !node.view().leaves()[index].is_too_small() {
        return;
    }
    if !merge_with_next(node, index) && index > 0 {
        merge_with_next(node, index - 1);
    }
}

/// Merges the leaf at `index` with the one after it, if there is one and both fit.
fn merge_with_next<L: Leaf>(node: &mut NodeMut<'_, L>, index: usize) -> bool {
    let (left, right) = node.leaves_mut().split_at_mut(index + 1);
    let merged = right.first().is_some_and(|next| left[index].merge(next));
    if merged {
        node.refresh(index);
        node.remove(index + 1);
    }
    merged
}

/// Splits the child at `index` while it has too many children, merges it with a neighbour if it has few, removes it if it
/// has none. Its figures need not be right before; they are afterwards.
pub(super) fn mend_child<L: Leaf>(node: &mut NodeMut<'_, L>, index: usize, place: Place) {
    let count = node.view().nodes()[index].view().len();
    if count == 0 {
        node.remove(index);
        return;
    }
    let mut at = index;
    let mut rest = count;
    while rest > CHILDREN_MAX {
        let kept = match place {
            Place::Last => CHILDREN_MAX - CHILDREN_MAX / 8,
            Place::First => rest - (CHILDREN_MAX - CHILDREN_MAX / 8),
            Place::Middle => rest / 2,
        };
        let kept = kept.clamp(1, CHILDREN_MAX);
        let right = node.nodes_mut()[at].make_mut().split_off(kept);
        rest = right.view().len();
        let key = right.view().keys()[0];
        node.refresh(at);
        node.insert(at + 1, key, Child::Node(right));
        at += 1;
    }
    node.refresh(at);
    if count >= CHILDREN_FEW {
        return;
    }
    let neighbours = [(index, index + 1), (index.wrapping_sub(1), index)];
    for (left, right) in neighbours {
        let nodes = node.view().nodes();
        if let (Some(one), Some(two)) = (nodes.get(left), nodes.get(right))
            && one.view().len() + two.view().len() <= CHILDREN_MERGED_MAX
        {
            let Child::Node(taken) = node.remove(right) else { unreachable!("above level 0") };
            node.nodes_mut()[left].make_mut().append(taken);
            node.refresh(left);
            return;
        }
    }
}
