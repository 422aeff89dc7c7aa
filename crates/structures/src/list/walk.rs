//! A walk over a range of a list.

use std::ops::Range;

use super::pack::{self, End};
use super::{Form, List, Quick};
use crate::listpack::Element;

/// The elements of a range, from one of its ends to the other.
pub struct Walk<'a> {
    /// Of the node under way.
    elements: pack::Iter<'a>,
    from: End,
    /// The list, if it has several nodes, and the part of the range in nodes to come.
    rest: Option<(&'a Quick, Range<usize>)>,
    /// Elements to come.
    left: usize,
}

impl List {
    /// The elements of a range, from one of its ends to the other. O(log n) to begin, O(1) per element.
    ///
    /// # Panics
    /// If the range does not lie in the list.
    #[inline]
    pub fn walk(&self, range: Range<usize>, from: End) -> Walk<'_> {
        assert!(range.end <= self.len(), "{range:?} of {}", self.len());
        let left = range.len();
        match &self.form {
            Form::Short(pack) => Walk { elements: pack.iter_range(range), from, rest: None, left },
            Form::Long(quick) => {
                let (elements, rest) = quick.step(range, from);
                Walk { elements, from, rest: Some((quick, rest)), left }
            }
        }
    }

    /// All elements from the first to the last.
    pub fn iter(&self) -> Walk<'_> {
        self.walk(0..self.len(), End::Front)
    }
}

impl<'a> Walk<'a> {
    /// The first element of the next node.
    #[inline(never)]
    fn enter_next(&mut self) -> Option<Element<'a>> {
        let (quick, rest) = self.rest.take()?;
        let (elements, rest) = quick.step(rest, self.from);
        (self.elements, self.rest) = (elements, Some((quick, rest)));
        self.take()
    }

    #[inline]
    fn take(&mut self) -> Option<Element<'a>> {
        match self.from {
            End::Front => self.elements.next(),
            End::Back => self.elements.next_back(),
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        match self.take() {
            Some(element) => Some(element),
            None => self.enter_next(),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Walk<'_> {}
