//! The elements of a pack in order.

use std::ops::Range;

use super::{Element, Layout, Pack, decode, read, read_int, start_before};

/// Elements, from either end.
#[derive(Clone)]
pub(in crate::list) struct Iter<'a> {
    bytes: &'a [u8],
    left: usize,
    layout: Layout,
}

impl Pack {
    /// All elements.
    #[inline]
    pub(in crate::list) fn iter(&self) -> Iter<'_> {
        Iter { bytes: self.content(), left: self.len(), layout: self.layout() }
    }

    /// The elements of a range of indexes. O(1) in arrays, else O(elements beside the range).
    pub(in crate::list) fn iter_range(&self, range: Range<usize>) -> Iter<'_> {
        let bytes = &self.blob[self.seek(range.start)..self.seek(range.end)];
        Iter { bytes, left: range.len(), layout: self.layout() }
    }
}

impl<'a> Iter<'a> {
    /// No elements.
    pub(in crate::list) fn empty() -> Iter<'a> {
        Iter { bytes: &[], left: 0, layout: Layout::Mixed }
    }

    #[inline]
    fn take(&mut self, element: Element<'a>, rest: &'a [u8]) -> Option<Element<'a>> {
        self.left -= 1;
        self.bytes = rest;
        Some(element)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.left == 0 {
            return None;
        }
        match self.layout {
            Layout::Texts(len) => {
                let (text, rest) = self.bytes.split_at(len as usize);
                self.take(Element::Bytes(text), rest)
            }
            Layout::Ints(width) => {
                let value = read_int(self.bytes, width as usize);
                self.take(Element::Int(value), &self.bytes[width as usize..])
            }
            Layout::Mixed => {
                let (element, bytes) = decode(self.bytes);
                self.take(element, &self.bytes[bytes..])
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        if self.left == 0 {
            return None;
        }
        let bytes = match self.layout {
            Layout::Texts(stride) | Layout::Ints(stride) => stride as usize,
            Layout::Mixed => self.bytes.len() - start_before(self.bytes, self.bytes.len()),
        };
        let (rest, last) = self.bytes.split_at(self.bytes.len() - bytes);
        self.take(read(self.layout, last).0, rest)
    }
}

impl ExactSizeIterator for Iter<'_> {}
