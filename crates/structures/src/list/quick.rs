//! The long form of a list: many nodes.
//!
//! Which elements share a node is visible to clients in one way: a list is a listpack again once a single small node
//! is left. So nodes begin, split, merge and end exactly where Valkey's do, by the sizes that listpacks would have.

use std::ops::Range;

use super::fill::Fill;
use super::nodes::Nodes;
use super::pack::{self, End, Pack};
use crate::listpack::{Element, Needle};

/// A list of many nodes. It has one at least, except between two steps of an edit.
#[derive(Clone)]
pub(super) struct Quick {
    nodes: Nodes,
    len: usize,
    /// The parameter as it was when the list took this form.
    fill: Fill,
}

impl Quick {
    /// The long form of what was one node.
    pub(super) fn new(pack: Pack, fill: Fill) -> Quick {
        let len = pack.len();
        let mut nodes = Nodes::default();
        if len > 0 {
            nodes.push(End::Back, pack);
        }
        Quick { nodes, len, fill }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Quick>() + self.nodes.memory_bytes()
    }

    /// The only node, if it is small enough to be the whole list, taken out.
    pub(super) fn take_small(&mut self, fill: Fill) -> Option<Pack> {
        if self.nodes.len() != 1 {
            return None;
        }
        let pack = self.nodes.get(0);
        if pack.is_plain() || !fill.is_half_empty(pack.listpack_bytes(), pack.len()) {
            return None;
        }
        self.nodes.pop(End::Front)
    }

    /// A node for an element that finds no room in one.
    fn node_of(&self, element: &Needle<'_>) -> Pack {
        if self.fill.is_large(element.bytes.len()) { Pack::plain(element) } else { Pack::of(element) }
    }

    /// Whether the node, if there is one, takes one more element.
    fn admits(&self, node: Option<&Pack>, element: &Needle<'_>) -> bool {
        node.is_some_and(|pack| {
            !pack.is_plain()
                && !self.fill.is_large(element.bytes.len())
                && self.fill.admits(pack.listpack_bytes(), pack.len(), element.bytes.len())
        })
    }

    #[inline]
    pub(super) fn push(&mut self, end: End, element: &Needle<'_>) {
        if self.admits(self.nodes.end(end), element) {
            self.nodes.end_mut(end).expect("it admits the element").push(end, element);
        } else {
            if let Some(pack) = self.nodes.end_mut(end) {
                pack.seal();
            }
            self.nodes.push(end, self.node_of(element));
        }
        self.len += 1;
    }

    #[inline]
    pub(super) fn end(&self, end: End) -> Option<Element<'_>> {
        self.nodes.end(end).map(|pack| pack.end(end))
    }

    #[inline]
    pub(super) fn drop_end(&mut self, end: End) {
        let pack = self.nodes.end_mut(end).expect("the list has elements");
        if pack.len() > 1 {
            pack.drop_end(end);
        } else {
            self.nodes.pop(end);
        }
        self.len -= 1;
    }

    pub(super) fn get(&self, index: usize) -> Option<Element<'_>> {
        if index >= self.len {
            return None;
        }
        let (node, at) = self.nodes.locate(index);
        self.nodes.get(node).get(at)
    }

    /// Puts an element in the place of the element `index`, which exists.
    pub(super) fn replace(&mut self, index: usize, element: &Needle<'_>) {
        let (node, at) = self.nodes.locate(index);
        let pack = self.nodes.get(node);
        let large = self.fill.is_large(element.bytes.len());
        if !pack.is_plain() && !large {
            self.nodes.edit(node, |pack| pack.replace(at, element));
            return;
        }
        if pack.is_plain() {
            if large {
                self.nodes.edit(node, |pack| *pack = Pack::plain(element));
            } else {
                self.insert_at(node, at, true, element);
                self.nodes.remove(node);
                self.len -= 1;
            }
            return;
        }
        // A large element among others: they part, and it stands between them.
        let right = (at + 1 < pack.len()).then(|| self.nodes.edit(node, |pack| pack.split_off(at + 1)));
        self.nodes.insert(node + 1, Pack::plain(element));
        if let Some(right) = right {
            self.nodes.insert(node + 2, right);
        }
        if self.nodes.get(node).len() == 1 {
            self.nodes.remove(node);
        } else {
            self.nodes.edit(node, |pack| pack.drop_end(End::Back));
            self.merge_around(node + 1);
        }
    }

    /// Puts an element beside the element `at` of a node.
    pub(super) fn insert_at(&mut self, node: usize, at: usize, after: bool, element: &Needle<'_>) {
        let pack = self.nodes.get(node);
        let last = pack.len() - 1;
        let at_end = if after { at == last } else { at == 0 };
        let (beside, neighbour) = if after { (node + 1, node + 1) } else { (node, node.wrapping_sub(1)) };
        self.len += 1;
        if self.fill.is_large(element.bytes.len()) {
            let plain = Pack::plain(element);
            if pack.is_plain() || at_end {
                self.nodes.insert(beside, plain);
            } else {
                let right = self.nodes.edit(node, |pack| pack.split_off(at + usize::from(after)));
                self.nodes.insert(node + 1, right);
                self.nodes.insert(node + 1, plain);
            }
        } else if self.admits(Some(pack), element) {
            self.nodes.edit(node, |pack| pack.insert(at + usize::from(after), element));
        } else if at_end {
            let neighbours = (neighbour < self.nodes.len()).then(|| self.nodes.get(neighbour));
            if self.admits(neighbours, element) {
                let end = if after { End::Front } else { End::Back };
                self.nodes.edit(neighbour, |pack| pack.push(end, element));
            } else {
                self.nodes.insert(beside, Pack::of(element));
            }
        } else {
            let mut right = self.nodes.edit(node, |pack| pack.split_off(at + usize::from(after)));
            // The element joins the part that does not hold the one it was put beside.
            let kept = if after {
                right.push(End::Front, element);
                node
            } else {
                self.nodes.edit(node, |pack| pack.push(End::Back, element));
                node + 1
            };
            self.nodes.insert(node + 1, right);
            self.merge_around(kept);
        }
    }

    /// Merges neighbours that fit into one node: the two in front of `center`, the two behind it, then it with
    /// either.
    fn merge_around(&mut self, center: usize) {
        let mut center = center;
        if center + 2 < self.nodes.len() {
            self.merge(center + 1);
        }
        if center >= 2 && self.merge(center - 2) {
            center -= 1;
        }
        if center >= 1 && self.merge(center - 1) {
            center -= 1;
        }
        self.merge(center);
    }

    /// Merges a node and the next one, if both fit into one.
    fn merge(&mut self, node: usize) -> bool {
        if node + 1 >= self.nodes.len() {
            return false;
        }
        let (left, right) = (self.nodes.get(node), self.nodes.get(node + 1));
        let bytes = left.listpack_bytes() + right.listpack_bytes() - super::fill::LISTPACK_EMPTY_BYTES;
        if left.is_plain() || right.is_plain() || self.fill.is_exceeded(bytes, left.len() + right.len()) {
            return false;
        }
        let right = self.nodes.remove(node + 1);
        self.nodes.edit(node, |pack| pack.append(right));
        true
    }

    /// Removes the elements of a range and returns the nodes that went as a whole.
    pub(super) fn remove_range(&mut self, range: Range<usize>) -> Option<Nodes> {
        if range.is_empty() {
            return None;
        }
        self.len -= range.len();
        let (mut first, from) = self.nodes.locate(range.start);
        let (last, to) = self.nodes.locate(range.end - 1);
        let to = to + 1;
        if first == last && (from > 0 || to < self.nodes.get(first).len()) {
            self.nodes.edit(first, |pack| pack.remove_range(from..to));
            return None;
        }
        if from > 0 {
            self.nodes.edit(first, |pack| pack.remove_range(from..pack.len()));
            first += 1;
        }
        let mut end = last + 1;
        if to < self.nodes.get(last).len() {
            self.nodes.edit(last, |pack| pack.remove_range(0..to));
            end = last;
        }
        (first < end).then(|| self.nodes.remove_range(first..end))
    }

    /// Removes up to `max` elements that equal `element`, those nearest to an end.
    pub(super) fn remove_equal(&mut self, element: &Needle<'_>, from: End, max: usize) -> usize {
        let mut removed = 0;
        let mut node = if from == End::Front { 0 } else { self.nodes.len() };
        while removed < max {
            match from {
                End::Front if node == self.nodes.len() => break,
                End::Back if node == 0 => break,
                End::Front => {}
                End::Back => node -= 1,
            }
            let pack = self.nodes.get(node);
            if pack.may_hold(element) && pack.iter().any(|other| element.matches(other)) {
                removed += self.nodes.edit(node, |pack| pack.remove_equal(element, from, max - removed));
                if self.nodes.get(node).len() == 0 {
                    self.nodes.remove(node);
                    continue;
                }
            }
            if from == End::Front {
                node += 1;
            }
        }
        self.len -= removed;
        removed
    }

    /// The place of the first element that equals `element`.
    pub(super) fn find(&self, element: &Needle<'_>) -> Option<(usize, usize)> {
        (0..self.nodes.len()).find_map(|node| {
            let pack = self.nodes.get(node);
            if !pack.may_hold(element) {
                return None;
            }
            pack.iter().position(|other| element.matches(other)).map(|at| (node, at))
        })
    }

    /// The elements of a range, from one of its ends, node by node.
    pub(super) fn walk(&self, range: Range<usize>, from: End) -> (usize, pack::Iter<'_>) {
        let (index, empty) = match from {
            End::Front => (range.start, range.is_empty()),
            End::Back => (range.end.wrapping_sub(1), range.is_empty()),
        };
        if empty {
            return (0, pack::Iter::empty());
        }
        let (node, at) = self.nodes.locate(index);
        let pack = self.nodes.get(node);
        let part = if from == End::Front { at..pack.len() } else { 0..at + 1 };
        (node, pack.iter_range(part))
    }

    /// The elements of a node.
    pub(super) fn node(&self, node: usize) -> &Pack {
        self.nodes.get(node)
    }
}
