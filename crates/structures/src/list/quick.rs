//! The long form of a list: many nodes.
//!
//! Which elements share a node is visible to clients in one way: a list is a listpack again once a single small node
//! is left. So nodes begin, split, merge and end exactly where Valkey's do, by the sizes that listpacks would have.

use std::ops::Range;

use super::fill::{Fill, LISTPACK_EMPTY_BYTES};
use super::nodes::Nodes;
use super::pack::{self, End, Pack};
use crate::listpack::{Element, Needle};

/// A list of many nodes.
#[derive(Clone)]
pub(super) struct Quick {
    nodes: Nodes,
    /// The parameter as it was when the list took this form.
    fill: Fill,
}

/// What `DEBUG OBJECT` tells of a list in the long form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeFigures {
    /// Number of nodes.
    pub nodes: usize,
    /// Bytes of their listpacks, and of elements that have a node of their own.
    pub bytes: usize,
    /// The parameter that they follow.
    pub fill: Fill,
}

impl Quick {
    /// The long form of what was one node.
    pub(super) fn new(pack: Pack, fill: Fill) -> Quick {
        let mut nodes = Nodes::default();
        if pack.len() > 0 {
            nodes.insert(0, pack);
        }
        Quick { nodes, fill }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn figures(&self) -> NodeFigures {
        let (mut nodes, mut bytes, mut start) = (0, 0, 0);
        while start < self.len() {
            let (_, pack) = self.nodes.at(start);
            bytes += if pack.is_plain() { pack.end(End::Front).len() } else { pack.listpack_bytes() };
            start += pack.len();
            nodes += 1;
        }
        NodeFigures { nodes, bytes, fill: self.fill }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Quick>() + self.nodes.memory_bytes()
    }

    pub(super) fn free_effort(&self) -> usize {
        self.nodes.free_effort()
    }

    pub(super) fn is_same(&self, other: &Quick) -> bool {
        self.nodes.is_same(&other.nodes) && self.fill == other.fill
    }

    /// The only node, if it is small enough to be the whole list, taken out.
    #[inline]
    pub(super) fn take_small(&mut self, fill: Fill) -> Option<Pack> {
        let pack = self.nodes.only()?;
        if pack.is_plain() || !fill.is_half_empty(pack.listpack_bytes(), pack.len()) {
            return None;
        }
        Some(self.nodes.remove(0))
    }

    /// Whether the node takes one more element.
    #[inline]
    fn admits(&self, pack: &Pack, element: &Needle<'_>) -> bool {
        pack.len() > 0
            && !pack.is_plain()
            && !self.fill.is_large(element.bytes.len())
            && self.fill.admits(pack.listpack_bytes(), pack.len(), element.bytes.len())
    }

    #[inline]
    pub(super) fn push(&mut self, end: End, element: &Needle<'_>) {
        if self.admits(self.nodes.end(end), element) {
            self.nodes.end_mut(end).push(end, element);
        } else {
            self.push_node(end, element);
        }
    }

    #[inline(never)]
    fn push_node(&mut self, end: End, element: &Needle<'_>) {
        let large = self.fill.is_large(element.bytes.len());
        let pack = if large { Pack::plain(element) } else { Pack::of(element) };
        self.nodes.insert(if end == End::Front { 0 } else { self.len() }, pack);
    }

    #[inline]
    pub(super) fn end(&self, end: End) -> Option<Element<'_>> {
        let pack = self.nodes.end(end);
        (pack.len() > 0).then(|| pack.end(end))
    }

    #[inline]
    pub(super) fn drop_end(&mut self, end: End) {
        self.nodes.drop_end(end);
    }

    pub(super) fn get(&self, index: usize) -> Option<Element<'_>> {
        if index >= self.len() {
            return None;
        }
        let (start, pack) = self.nodes.at(index);
        pack.get(index - start)
    }

    /// Puts an element in the place of the element `index`, which exists.
    pub(super) fn replace(&mut self, index: usize, element: &Needle<'_>) {
        let (start, pack) = self.nodes.at(index);
        let (len, plain) = (pack.len(), pack.is_plain());
        match (plain, self.fill.is_large(element.bytes.len())) {
            (false, false) => self.nodes.edit(index, |pack, at| pack.replace(at, element)),
            (true, true) => self.nodes.edit(index, |pack, _| *pack = Pack::plain(element)),
            (true, false) => {
                self.insert_beside(index, true, element);
                self.nodes.remove(index);
            }
            // A large element among others: they part, and it stands between them.
            (false, true) => {
                if index + 1 < start + len {
                    let right = self.nodes.edit(index, |pack, at| pack.split_off(at + 1));
                    self.nodes.insert(index + 1, right);
                }
                self.nodes.insert(index + 1, Pack::plain(element));
                if index == start {
                    self.nodes.remove(index);
                } else {
                    self.nodes.edit(index, |pack, _| pack.drop_end(End::Back));
                    self.merge_around(index);
                }
            }
        }
    }

    /// Puts an element beside the element `index`, which exists.
    pub(super) fn insert_beside(&mut self, index: usize, after: bool, element: &Needle<'_>) {
        let (start, pack) = self.nodes.at(index);
        let end = start + pack.len();
        let at_end = if after { index + 1 == end } else { index == start };
        // Where the new element will stand.
        let place = index + usize::from(after);
        if self.admits(pack, element) {
            return self.nodes.edit(index, |pack, at| pack.insert(at + usize::from(after), element));
        }
        let large = self.fill.is_large(element.bytes.len());
        if at_end {
            let neighbour = if after { place } else { place.wrapping_sub(1) };
            if !large && neighbour < self.len() && self.admits(self.nodes.at(neighbour).1, element) {
                let near = if after { End::Front } else { End::Back };
                return self.nodes.edit(neighbour, |pack, _| pack.push(near, element));
            }
            let pack = if large { Pack::plain(element) } else { Pack::of(element) };
            return self.nodes.insert(place, pack);
        }
        let mut right = self.nodes.edit(index, |pack, at| pack.split_off(at + usize::from(after)));
        if large {
            self.nodes.insert(place, right);
            self.nodes.insert(place, Pack::plain(element));
            return;
        }
        // The element joins the part that does not hold the one it was put beside; then all look at that one.
        if after {
            right.push(End::Front, element);
            self.nodes.insert(place, right);
            self.merge_around(index);
        } else {
            self.nodes.edit(place - 1, |pack, _| pack.push(End::Back, element));
            self.nodes.insert(place + 1, right);
            self.merge_around(place + 1);
        }
    }

    /// Where the node in front of the one that begins at `start` begins.
    fn before(&self, start: usize) -> Option<usize> {
        Some(self.nodes.at(start.checked_sub(1)?).0)
    }

    /// Where the node behind the one that begins at `start` begins.
    fn behind(&self, start: usize) -> Option<usize> {
        let next = start + self.nodes.at(start).1.len();
        (next < self.len()).then_some(next)
    }

    /// Merges neighbours that fit into one node, about the node of the element `index`: the two in front of it, the two
    /// behind it, then it with either.
    fn merge_around(&mut self, index: usize) {
        let mut start = self.nodes.at(index).0;
        if let Some(first) = self.before(start).and_then(|before| self.before(before)) {
            self.merge(first);
        }
        if let Some(behind) = self.behind(start) {
            self.merge(behind);
        }
        if let Some(before) = self.before(start)
            && self.merge(before)
        {
            start = before;
        }
        self.merge(start);
    }

    /// Merges the node that begins at `start` and the next one, if both fit into one.
    fn merge(&mut self, start: usize) -> bool {
        let Some(next) = self.behind(start) else { return false };
        let (left, right) = (self.nodes.at(start).1, self.nodes.at(next).1);
        let bytes = left.listpack_bytes() + right.listpack_bytes() - LISTPACK_EMPTY_BYTES;
        if left.is_plain() || right.is_plain() || self.fill.is_exceeded(bytes, left.len() + right.len()) {
            return false;
        }
        let right = self.nodes.remove(next);
        self.nodes.edit(start, |pack, _| pack.append(right));
        true
    }

    /// Removes the elements of a range and returns the nodes that went as a whole.
    pub(super) fn remove_range(&mut self, range: Range<usize>) -> Option<Nodes> {
        if range.is_empty() {
            return None;
        }
        let Range { start, mut end } = range;
        let (first, pack) = self.nodes.at(start);
        let (first_end, (last, pack)) = (first + pack.len(), self.nodes.at(end - 1));
        let last_end = last + pack.len();
        if first == last && (first, first_end) != (start, end) {
            self.nodes.edit(start, |pack, at| pack.remove_range(at..at + end - start));
            return None;
        }
        if end < last_end {
            self.nodes.edit(last, |pack, _| pack.remove_range(0..end - last));
            end = last;
        }
        if first < start {
            self.nodes.edit(start, |pack, at| pack.remove_range(at..pack.len()));
            end -= first_end - start;
        }
        (start < end).then(|| self.nodes.remove_range(start..end))
    }

    /// Removes up to `max` elements that equal `element`, those nearest to an end.
    pub(super) fn remove_equal(&mut self, element: &Needle<'_>, from: End, max: usize) -> usize {
        let mut removed = 0;
        let mut place = if from == End::Front { 0 } else { self.len() };
        while removed < max {
            let index = match from {
                End::Front if place == self.len() => break,
                End::Front => place,
                End::Back if place == 0 => break,
                End::Back => place - 1,
            };
            let (start, pack) = self.nodes.at(index);
            let mut end = start + pack.len();
            if pack.may_hold(element) && pack.iter().any(|other| element.matches(other)) {
                let gone = self.nodes.edit(start, |pack, _| pack.remove_equal(element, from, max - removed));
                removed += gone;
                end -= gone;
            }
            place = if from == End::Front { end } else { start };
        }
        removed
    }

    /// The first element that equals `element`.
    pub(super) fn find(&self, element: &Needle<'_>) -> Option<usize> {
        let mut start = 0;
        while start < self.len() {
            let (_, pack) = self.nodes.at(start);
            if pack.may_hold(element)
                && let Some(at) = pack.iter().position(|other| element.matches(other))
            {
                return Some(start + at);
            }
            start += pack.len();
        }
        None
    }

    /// The elements of a range that share a node with its first or last element, and the range without them.
    pub(super) fn step(&self, range: Range<usize>, from: End) -> (pack::Iter<'_>, Range<usize>) {
        if range.is_empty() {
            return (pack::Iter::empty(), range);
        }
        match from {
            End::Front => {
                let (start, pack) = self.nodes.at(range.start);
                let end = range.end.min(start + pack.len());
                (pack.iter_range(range.start - start..end - start), end..range.end)
            }
            End::Back => {
                let (start, pack) = self.nodes.at(range.end - 1);
                let first = range.start.max(start);
                (pack.iter_range(first - start..range.end - start), range.start..first)
            }
        }
    }
}
