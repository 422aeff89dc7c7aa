//! A node of a list: elements one behind another in one allocation, with room to grow at either end.
//!
//! ```text
//! Pack { start, count, listpack_bytes, layout } ──► [ gap | elements ............ | slack ]
//! ```
//!
//! Most lists hold elements of one kind: ids, tokens, records of one size. So there are three layouts.
//!
//! | Layout | An element is | Beside it |
//! | --- | --- | --- |
//! | texts of one length | its bytes | nothing |
//! | integers | as many bytes as the widest needs | nothing |
//! | mixed | an entry of a listpack ([`crate::listpack`]) | two bytes or more |
//!
//! The first two are arrays: any index is found by a multiplication. A pack is mixed for good once its elements
//! differ, or when an array would be larger.
//!
//! No layout takes more bytes than a listpack of the same elements when an element is added. That listpack's size,
//! which decides when a list changes its encoding, is kept in `listpack_bytes`.
//!
//! Popping in front leaves a gap and pushing in front uses it up, so both are O(1) amortised like their
//! counterparts at the end, and a queue does not move its elements for each of its commands.

mod edit;
mod iter;
mod room;
#[cfg(test)]
mod tests;

pub(super) use iter::Iter;

use super::fill::LISTPACK_EMPTY_BYTES;
use super::int::{int_width, read_int};
use crate::blob::Blob;
use crate::listpack::encoding::{Encoded, decode, start_before};
use crate::listpack::{Element, Needle};

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first element's.
    Front,
    /// The last element's.
    Back,
}

impl End {
    /// The other one.
    pub fn opposite(self) -> End {
        match self {
            End::Front => End::Back,
            End::Back => End::Front,
        }
    }
}

/// How the elements of a pack stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Entries of a listpack.
    Mixed,
    /// Texts of this length.
    Texts(u32),
    /// Integers of this many bytes.
    Ints(u32),
}

/// A layout in one word, and whether the pack is plain.
#[derive(Clone, Copy)]
struct Form(u32);

impl Form {
    const INTS: u32 = 1 << 31;
    const PLAIN: u32 = 1 << 30;
    /// Texts are at least one byte shorter than this if they stand in an array.
    const STRIDE_END: u32 = 1 << 30;

    #[inline(always)]
    fn layout(self) -> Layout {
        match self.0 & !Form::PLAIN {
            0 => Layout::Mixed,
            word if word & Form::INTS != 0 => Layout::Ints(word & !Form::INTS),
            word => Layout::Texts(word),
        }
    }

    #[inline(always)]
    fn set_layout(&mut self, layout: Layout) {
        let word = match layout {
            Layout::Mixed => 0,
            Layout::Texts(len) => len,
            Layout::Ints(width) => width | Form::INTS,
        };
        self.0 = word | self.0 & Form::PLAIN;
    }
}

/// Bytes that an element takes in a listpack.
#[inline]
fn entry_bytes(element: Element<'_>) -> usize {
    Encoded::new(element).size()
}

/// The element at the start of `bytes`, and how many of them it takes.
#[inline]
fn read(layout: Layout, bytes: &[u8]) -> (Element<'_>, usize) {
    match layout {
        Layout::Texts(len) => (Element::Bytes(&bytes[..len as usize]), len as usize),
        Layout::Ints(width) => (Element::Int(read_int(bytes, width as usize)), width as usize),
        Layout::Mixed => decode(bytes),
    }
}

/// A node.
#[derive(Clone)]
pub(super) struct Pack {
    blob: Blob,
    /// Where the first element begins; they end where the blob does.
    start: u32,
    count: u32,
    listpack_bytes: u32,
    form: Form,
}

impl Default for Pack {
    fn default() -> Self {
        Pack {
            blob: Blob::new(),
            start: 0,
            count: 0,
            listpack_bytes: LISTPACK_EMPTY_BYTES as u32,
            form: Form(0),
        }
    }
}

impl Pack {
    /// Starts loading it.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.blob.prefetch_all();
    }

    /// A pack of one element.
    pub(super) fn of(element: &Needle<'_>) -> Pack {
        let mut pack = Pack::default();
        pack.push(End::Back, element);
        pack
    }

    /// A pack that is plain: for one element, too large to share a node with others.
    pub(super) fn plain(element: &Needle<'_>) -> Pack {
        let mut pack = Pack::of(element);
        pack.form.0 |= Form::PLAIN;
        pack
    }

    /// Whether the pack is plain. O(1).
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.form.0 & Form::PLAIN != 0
    }

    #[inline(always)]
    fn layout(&self) -> Layout {
        self.form.layout()
    }

    /// Number of elements. O(1).
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Bytes that a listpack of the same elements has. O(1).
    #[inline(always)]
    pub(super) fn listpack_bytes(&self) -> usize {
        self.listpack_bytes as usize
    }

    /// Whether both are the same part of one allocation. O(1).
    pub(super) fn is_same(&self, other: &Pack) -> bool {
        self.blob.is_same(&other.blob) && self.start == other.start && self.count == other.count
    }

    /// Heap bytes. O(1).
    pub(super) fn memory_bytes(&self) -> usize {
        self.blob.memory_bytes()
    }

    /// Bytes of the elements.
    #[inline(always)]
    fn content(&self) -> &[u8] {
        &self.blob[self.start as usize..]
    }

    /// Bytes of one element, in the layouts where that is one number.
    #[inline(always)]
    fn stride(&self) -> Option<usize> {
        match self.layout() {
            Layout::Mixed => None,
            Layout::Texts(stride) | Layout::Ints(stride) => Some(stride as usize),
        }
    }

    /// Adds an element at an end. O(its bytes), amortised.
    #[inline]
    pub(super) fn push(&mut self, end: End, element: &Needle<'_>) {
        self.admit(element);
        match self.layout() {
            Layout::Texts(_) => self.push_bytes(end, element.bytes),
            Layout::Ints(width) => {
                let bytes = element.int.unwrap_or_default().to_le_bytes();
                self.push_bytes(end, &bytes[..width as usize]);
            }
            Layout::Mixed => self.push_entry(end, element),
        }
        self.count += 1;
        self.listpack_bytes += entry_bytes(element.element()) as u32;
    }

    /// Brings the pack into a layout that takes the element.
    #[inline]
    fn admit(&mut self, element: &Needle<'_>) {
        if !self.fits(element) {
            self.reshape(element);
        }
    }

    /// Whether the layout takes the element.
    #[inline]
    fn fits(&self, element: &Needle<'_>) -> bool {
        match self.layout() {
            Layout::Mixed => self.count > 0,
            Layout::Texts(len) => {
                element.bytes.len() == len as usize
                    && (element.int.is_none() || self.array_pays(len, element))
            }
            Layout::Ints(width) => {
                element.int.is_some_and(|value| int_width(value) <= width) && self.array_pays(width, element)
            }
        }
    }

    /// Whether an array of these elements and one more takes no more than a listpack.
    #[inline]
    fn array_pays(&self, stride: u32, element: &Needle<'_>) -> bool {
        let entries = self.listpack_bytes() - LISTPACK_EMPTY_BYTES + entry_bytes(element.element());
        (self.len() + 1) * stride as usize <= entries
    }

    fn push_entry(&mut self, end: End, element: &Needle<'_>) {
        let encoded = Encoded::new(element.element());
        encoded.write(self.open_end(end, encoded.size()));
    }

    /// Bytes, in layout, of the element at an end.
    #[inline]
    fn end_bytes(&self, end: End) -> usize {
        match (self.stride(), end) {
            (Some(stride), _) => stride,
            (None, End::Front) => decode(self.content()).1,
            (None, End::Back) => self.blob.len() - start_before(&self.blob, self.blob.len()),
        }
    }

    /// The element at an end. The pack is not empty. O(1).
    #[inline]
    pub(super) fn end(&self, end: End) -> Element<'_> {
        let at = match end {
            End::Front => self.start as usize,
            End::Back => self.blob.len() - self.end_bytes(End::Back),
        };
        read(self.layout(), &self.blob[at..]).0
    }

    /// Bytes in a listpack of the element that stands at `at` and takes `bytes` here.
    #[inline]
    fn listpack_bytes_at(&self, at: usize, bytes: usize) -> usize {
        match self.layout() {
            Layout::Mixed => bytes,
            Layout::Texts(len) => entry_bytes(Element::of(&self.blob[at..at + len as usize])),
            Layout::Ints(width) => entry_bytes(Element::Int(read_int(&self.blob[at..], width as usize))),
        }
    }

    /// Drops the element at an end. The pack is not empty. O(1) amortised.
    #[inline]
    pub(super) fn drop_end(&mut self, end: End) {
        let bytes = self.end_bytes(end);
        let at = match end {
            End::Front => self.start as usize,
            End::Back => self.blob.len() - bytes,
        };
        self.listpack_bytes -= self.listpack_bytes_at(at, bytes) as u32;
        self.count -= 1;
        match end {
            End::Front => self.start += bytes as u32,
            End::Back => self.blob.truncate(at),
        }
        self.shrink_if_sparse();
    }

    /// Where in the blob the element `index` begins; for `len`, where the last one ends. O(1) in arrays, else
    /// O(elements to the nearer end).
    fn seek(&self, index: usize) -> usize {
        debug_assert!(index <= self.len());
        let start = self.start as usize;
        match self.stride() {
            Some(stride) => start + index * stride,
            None if index <= self.len() / 2 => {
                (0..index).fold(start, |at, _| at + decode(&self.blob[at..]).1)
            }
            None => (index..self.len()).fold(self.blob.len(), |end, _| start_before(&self.blob, end)),
        }
    }

    /// The element `index`, if there is one. O(1) in arrays, else O(elements to the nearer end).
    pub(super) fn get(&self, index: usize) -> Option<Element<'_>> {
        (index < self.len()).then(|| read(self.layout(), &self.blob[self.seek(index)..]).0)
    }
}
