//! Edits inside a pack.

use std::ops::Range;

use super::room::push_filler;
use super::{
    Element, Encoded, End, LISTPACK_EMPTY_BYTES, Layout, Needle, Pack, entry_bytes, int_width, read,
};
use crate::blob::Blob;

impl Pack {
    /// Puts an element in front of the element `index`, or behind the last one. O(bytes to the nearer end).
    pub(in crate::list) fn insert(&mut self, index: usize, element: &Needle<'_>) {
        self.admit(element);
        let at = self.seek(index) - self.start as usize;
        match self.layout() {
            Layout::Texts(_) => self.open(at, element.bytes.len()).copy_from_slice(element.bytes),
            Layout::Ints(width) => {
                let bytes = element.int.unwrap_or_default().to_le_bytes();
                self.open(at, width as usize).copy_from_slice(&bytes[..width as usize]);
            }
            Layout::Mixed => {
                let encoded = Encoded::new(element.element());
                encoded.write(self.open(at, encoded.size()));
            }
        }
        self.count += 1;
        self.listpack_bytes += entry_bytes(element.element()) as u32;
    }

    /// Makes a hole of `len` bytes in front of what stands `at` bytes behind the first element's beginning.
    fn open(&mut self, at: usize, len: usize) -> &mut [u8] {
        let content = self.content().len();
        if at < content / 2 {
            self.make_room(End::Front, len);
            let start = self.start as usize;
            self.start = (start - len) as u32;
            let bytes = self.blob.make_mut();
            bytes.copy_within(start..start + at, start - len);
            &mut bytes[start - len + at..start + at]
        } else {
            self.make_room(End::Back, len);
            let at = self.start as usize + at;
            let end = self.blob.len();
            push_filler(&mut self.blob, len);
            let bytes = self.blob.make_mut();
            bytes.copy_within(at..end, at + len);
            &mut bytes[at..at + len]
        }
    }

    /// Puts an element in the place of the element `index`. O(1) in arrays that take it, else as removal and insertion.
    pub(in crate::list) fn replace(&mut self, index: usize, element: &Needle<'_>) {
        let digits;
        let bytes = match self.layout() {
            Layout::Texts(_) if self.fits(element) => element.bytes,
            Layout::Ints(width) if self.fits(element) => {
                digits = element.int.unwrap_or_default().to_le_bytes();
                &digits[..width as usize]
            }
            _ => {
                self.remove_range(index..index + 1);
                return self.insert(index, element);
            }
        };
        let (at, stride) = (self.seek(index), bytes.len());
        self.listpack_bytes -= self.listpack_bytes_at(at, stride) as u32;
        self.listpack_bytes += entry_bytes(element.element()) as u32;
        self.blob.make_mut()[at..at + stride].copy_from_slice(bytes);
    }

    /// Removes the elements of a range. O(bytes to the nearer end).
    pub(in crate::list) fn remove_range(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let (from, to) = (self.seek(range.start), self.seek(range.end));
        self.listpack_bytes -= self.entries_bytes(from, to, range.len()) as u32;
        self.count -= range.len() as u32;
        let (start, end) = (self.start as usize, self.blob.len());
        if from - start <= end - to {
            if from > start {
                self.blob.make_mut().copy_within(start..from, start + to - from);
            }
            self.start += (to - from) as u32;
        } else {
            if end > to {
                self.blob.make_mut().copy_within(to..end, from);
            }
            self.blob.truncate(end - (to - from));
        }
        self.shrink_if_sparse();
    }

    /// Bytes in a listpack of the `count` elements that stand in a range of the blob. O(count).
    fn entries_bytes(&self, from: usize, to: usize, count: usize) -> usize {
        let Some(stride) = self.stride() else { return to - from };
        if count == self.len() {
            return self.listpack_bytes() - LISTPACK_EMPTY_BYTES;
        }
        (0..count).map(|i| self.listpack_bytes_at(from + i * stride, stride)).sum()
    }

    /// Takes the elements from `index` on away, into a pack of their own. O(bytes behind).
    pub(in crate::list) fn split_off(&mut self, index: usize) -> Pack {
        let (at, end) = (self.seek(index), self.blob.len());
        let entries = self.entries_bytes(at, end, self.len() - index);
        let right = Pack {
            blob: Blob::from_slice(&self.blob[at..]),
            start: 0,
            count: self.count - index as u32,
            listpack_bytes: (LISTPACK_EMPTY_BYTES + entries) as u32,
            form: self.form,
        };
        self.blob.truncate(at);
        self.count = index as u32;
        self.listpack_bytes -= entries as u32;
        self.shrink_if_sparse();
        right
    }

    /// Adds all elements of another pack behind the last one. O(bytes of both).
    pub(in crate::list) fn append(&mut self, mut other: Pack) {
        if self.layout() != other.layout() {
            let layout = match (self.layout(), other.layout()) {
                (Layout::Ints(_), Layout::Ints(_)) => {
                    let entries = other.listpack_bytes() - LISTPACK_EMPTY_BYTES;
                    self.ints_layout(other.widest(), entries, other.len())
                }
                _ => Layout::Mixed,
            };
            for pack in [&mut *self, &mut other] {
                if pack.layout() != layout {
                    pack.rebuild(layout);
                }
            }
        }
        let bytes = other.content();
        self.make_room(End::Back, bytes.len());
        self.blob.push(bytes);
        self.count += other.count;
        self.listpack_bytes += other.listpack_bytes - LISTPACK_EMPTY_BYTES as u32;
    }

    /// The width that the widest integer needs.
    fn widest(&self) -> u32 {
        self.iter().fold(1, |widest, element| match element {
            Element::Int(value) => widest.max(int_width(value)),
            Element::Bytes(_) => widest,
        })
    }

    /// Whether an element may be there: `false` when the layout alone says no. O(1).
    #[inline]
    pub(in crate::list) fn may_hold(&self, element: &Needle<'_>) -> bool {
        match self.layout() {
            Layout::Texts(len) => element.bytes.len() == len as usize,
            Layout::Ints(width) => element.int.is_some_and(|value| int_width(value) <= width),
            Layout::Mixed => true,
        }
    }

    /// Removes up to `max` elements that equal `element`, those nearest to an end, and says how many. O(bytes).
    pub(in crate::list) fn remove_equal(&mut self, element: &Needle<'_>, from: End, max: usize) -> usize {
        if !self.may_hold(element) {
            return 0;
        }
        let found = self.iter().filter(|other| element.matches(*other)).count();
        if found == 0 {
            return 0;
        }
        let removed = found.min(max);
        let mut skip = if from == End::Back { found - removed } else { 0 };
        let mut left = removed;
        self.listpack_bytes -= (removed * entry_bytes(element.element())) as u32;
        self.count -= removed as u32;
        // What is kept moves forward over what is not.
        let (mut at, end, layout) = (self.start as usize, self.blob.len(), self.layout());
        let mut to = at;
        let bytes = self.blob.make_mut();
        while at < end {
            let (other, len) = read(layout, &bytes[at..]);
            let equal = element.matches(other);
            let goes = equal && skip == 0 && left > 0;
            if goes {
                left -= 1;
            } else {
                skip -= usize::from(equal && skip > 0);
                bytes.copy_within(at..at + len, to);
                to += len;
            }
            at += len;
        }
        self.blob.truncate(to);
        self.shrink_if_sparse();
        removed
    }
}
