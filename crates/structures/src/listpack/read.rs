//! Reading a listpack: by position, by content, from either end.

use super::encoding::{Element, backlen_size, decode, decode_int, shape, start_before};
use super::{HEADER_BYTES, Listpack};

impl Listpack {
    /// The element at `offset`, which an iterator or a search gave.
    ///
    /// # Panics
    /// If no element can begin there.
    #[inline]
    pub fn get(&self, offset: usize) -> Element<'_> {
        decode(&self.as_slice()[offset..]).0
    }

    /// Where the first element begins, also if there is none.
    #[inline]
    pub fn start(&self) -> usize {
        HEADER_BYTES
    }

    /// Where the last element ends: the offset to insert at for appending.
    #[inline]
    pub fn end(&self) -> usize {
        self.bytes() - 1
    }

    /// Where the element after the one at `offset` begins, `None` after the last and at the end.
    #[inline]
    pub fn next(&self, offset: usize) -> Option<usize> {
        let next = offset + span(&self.as_slice()[offset..])?;
        (next < self.end()).then_some(next)
    }

    /// Where the element before `offset` begins, `None` before the first. From [`Listpack::end`] it is the last.
    #[inline]
    pub fn prev(&self, offset: usize) -> Option<usize> {
        (offset > HEADER_BYTES).then(|| start_before(self.as_slice(), offset))
    }

    /// All elements with their offsets, from either end.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { pack: self.as_slice(), front: HEADER_BYTES, back: self.end() }
    }

    /// The elements from `offset` on.
    #[inline]
    pub fn iter_from(&self, offset: usize) -> Iter<'_> {
        Iter { pack: self.as_slice(), front: offset, back: self.end() }
    }

    /// The elements before `offset`; reversed, they begin with the one just before it.
    #[inline]
    pub fn iter_until(&self, offset: usize) -> Iter<'_> {
        Iter { pack: self.as_slice(), front: HEADER_BYTES, back: offset }
    }

    /// The offset of the element at `index`; negative ones count from the end, -1 being the last. Walks from the nearer
    /// end: O(n).
    pub fn seek(&self, index: isize) -> Option<usize> {
        let (mut from_end, mut steps) = (index < 0, index.unsigned_abs());
        if let Some(len) = self.known_len() {
            let position = if from_end { len.checked_sub(steps)? } else { steps };
            if position >= len {
                return None;
            }
            from_end = position > len / 2;
            steps = if from_end { len - position } else { position };
        }
        let pack = self.as_slice();
        if from_end {
            let mut at = self.end();
            for _ in 0..steps {
                if at == HEADER_BYTES {
                    return None;
                }
                at = start_before(pack, at);
            }
            return Some(at);
        }
        let mut at = HEADER_BYTES;
        for _ in 0..steps {
            at += span(&pack[at..])?;
        }
        (pack[at] != super::END).then_some(at)
    }

    /// The element at `index` with its offset, as [`Listpack::seek`].
    pub fn get_index(&self, index: isize) -> Option<(usize, Element<'_>)> {
        self.seek(index).map(|offset| (offset, self.get(offset)))
    }

    /// The offset of the first element equal to `bytes`, with `skip` elements passed over after each comparison: 1 to
    /// look at fields and not at values. O(n); a comparison of bytes only where lengths are equal.
    pub fn find(&self, bytes: &[u8], skip: usize) -> Option<usize> {
        self.find_from(HEADER_BYTES, bytes, skip)
    }

    /// As [`Listpack::find`], from the element at `offset` on.
    pub fn find_from(&self, offset: usize, bytes: &[u8], skip: usize) -> Option<usize> {
        self.find_telling(offset, bytes, skip, |_| ())
    }

    /// As [`Listpack::find_from`], and tells `passed` the offset of each element that was compared and is not equal.
    #[inline]
    pub fn find_telling(
        &self,
        offset: usize,
        bytes: &[u8],
        skip: usize,
        mut passed: impl FnMut(usize),
    ) -> Option<usize> {
        let pack = self.as_slice();
        let mut at = offset;
        match Element::of(bytes) {
            Element::Int(wanted) => loop {
                let (is_string, head, content) = shape(&pack[at..])?;
                let len = head + content;
                // A listpack from elsewhere may keep digits as a string.
                let found = if is_string {
                    content == bytes.len() && pack[at + head..at + len] == *bytes
                } else {
                    decode_int(&pack[at..at + len]) == wanted
                };
                if found {
                    return Some(at);
                }
                passed(at);
                at = skip_over(pack, at + len + backlen_size(len), skip)?;
            },
            Element::Bytes(_) => {
                // Neighbours in order differ at their ends.
                let last = bytes.last();
                loop {
                    let (is_string, head, content) = shape(&pack[at..])?;
                    let len = head + content;
                    if content == bytes.len() && is_string {
                        let own = &pack[at + head..at + len];
                        if own.last() == last && own == bytes {
                            return Some(at);
                        }
                    }
                    passed(at);
                    at = skip_over(pack, at + len + backlen_size(len), skip)?;
                }
            }
        }
    }

    /// Tells `passed` the offset of each element from the one at `offset` on, with `skip` elements passed over after each.
    #[inline]
    pub fn each_offset(&self, offset: usize, skip: usize, mut passed: impl FnMut(usize)) {
        let (pack, end) = (self.as_slice(), self.end());
        let mut at = offset;
        while at < end {
            passed(at);
            match skip_over(pack, at, skip + 1) {
                Some(next) => at = next,
                None => return,
            }
        }
    }
}

/// [`span`] by the first byte, 0 where that does not say all.
static SPANS: [u8; 256] = {
    let mut spans = [0; 256];
    let mut first = 0;
    while first < 256 {
        spans[first] = match first {
            0x00..=0x7f => 2,
            0x80..=0xbf => 2 + (first as u8 & 63),
            0xc0..=0xdf => 3,
            0xf1 => 4,
            0xf2 => 5,
            0xf3 => 6,
            0xf4 => 10,
            _ => 0,
        };
        first += 1;
    }
    spans
};

/// Bytes that the element at the start of `at` takes, `None` at the end.
#[inline]
pub(crate) fn span(at: &[u8]) -> Option<usize> {
    let known = SPANS[*at.first()? as usize];
    if known > 0 {
        return Some(known as usize);
    }
    let (_, head, content) = shape(at)?;
    Some(head + content + backlen_size(head + content))
}

#[inline]
fn skip_over(pack: &[u8], mut at: usize, skip: usize) -> Option<usize> {
    for _ in 0..skip {
        at += span(&pack[at..])?;
    }
    Some(at)
}

/// Elements of a listpack with their offsets.
#[derive(Clone)]
pub struct Iter<'a> {
    pack: &'a [u8],
    front: usize,
    back: usize,
}

impl Iter<'_> {
    /// The offset of the element that `next` gives.
    pub fn offset(&self) -> usize {
        self.front
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (usize, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let at = self.front;
        let (element, size) = decode(&self.pack[at..]);
        self.front += size;
        Some((at, element))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = start_before(self.pack, self.back);
        Some((self.back, decode(&self.pack[self.back..]).0))
    }
}
