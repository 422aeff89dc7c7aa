//! How an element of a listpack is written: a first byte that says what follows, the content, and the length of both
//! backwards, so that the listpack can be read from its end.
//!
//! | first byte | content | range |
//! | --- | --- | --- |
//! | `0xxxxxxx` | nothing more | integers 0 to 127 |
//! | `10llllll` | `l` bytes | strings below 64 bytes |
//! | `110xxxxx` | 1 byte | integers of 13 bits |
//! | `1110llll` | 1 more byte of `l`, `l` bytes | strings below 4096 bytes |
//! | `f0` | 4 bytes of length, bytes | longer strings |
//! | `f1` to `f4` | 2, 3, 4, 8 bytes | integers |
//! | `ff` | | the end |

use wire::number::{IntBuf, format_i64, parse_i64};

use crate::blob::Blob;

/// An element as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// A string that is the canonical decimal form of this number.
    Int(i64),
    /// Any other string.
    Bytes(&'a [u8]),
}

impl<'a> Element<'a> {
    /// The element that stands for a string: the integer if it is the canonical text of one.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Element<'a> {
        match parse_int(bytes) {
            Some(value) => Element::Int(value),
            None => Element::Bytes(bytes),
        }
    }

    /// Length of the string in bytes. O(1).
    pub fn len(&self) -> usize {
        match self {
            Element::Int(value) => {
                let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
                digits + usize::from(*value < 0)
            }
            Element::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether the string is empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Element::Bytes([]))
    }

    /// The string; `scratch` holds it if it must be written first.
    #[inline]
    pub fn as_bytes<'b>(&self, scratch: &'b mut IntBuf) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Element::Int(value) => format_i64(value, scratch),
            Element::Bytes(bytes) => bytes,
        }
    }

    /// Appends the string to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes(&mut IntBuf::new()));
    }

    /// A copy of the string.
    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut IntBuf::new()).to_vec()
    }

    /// Whether the string equals `bytes`. To compare many elements with one string, use [`Needle`].
    pub fn equals(&self, bytes: &[u8]) -> bool {
        match *self {
            Element::Int(value) => parse_int(bytes) == Some(value),
            Element::Bytes(own) => own == bytes,
        }
    }

    /// The integer that the string is the canonical text of, if it is.
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Element::Int(value) => Some(value),
            Element::Bytes(bytes) => parse_int(bytes),
        }
    }
}

/// A string to compare elements with, looked at once for whether it is an integer.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    pub(crate) bytes: &'a [u8],
    /// The integer whose canonical text the bytes are.
    pub(crate) int: Option<i64>,
}

impl<'a> Needle<'a> {
    /// Prepares `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Needle<'a> {
        Needle { bytes, int: parse_int(bytes) }
    }

    /// The string as an element.
    #[inline]
    pub(crate) fn element(&self) -> Element<'a> {
        match self.int {
            Some(value) => Element::Int(value),
            None => Element::Bytes(self.bytes),
        }
    }

    /// Whether `element` is this string.
    #[inline]
    pub fn matches(&self, element: Element<'_>) -> bool {
        match element {
            Element::Int(value) => self.int == Some(value),
            Element::Bytes(bytes) => bytes == self.bytes,
        }
    }
}

/// As `parse_i64`, with most strings that are no number refused by their first byte.
#[inline]
fn parse_int(bytes: &[u8]) -> Option<i64> {
    match bytes.first() {
        Some(b'0'..=b'9' | b'-') if bytes.len() <= wire::number::I64_TEXT_MAX => parse_i64(bytes),
        _ => None,
    }
}

/// An element ready to be written.
pub(crate) struct Encoded<'a> {
    head: [u8; 9],
    head_len: usize,
    data: &'a [u8],
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(crate) fn new(element: Element<'a>) -> Encoded<'a> {
        let mut head = [0; 9];
        let (head_len, data) = match element {
            Element::Int(value) => (encode_int(value, &mut head), &[][..]),
            Element::Bytes(bytes) => (encode_length(bytes.len(), &mut head), bytes),
        };
        Encoded { head, head_len, data }
    }

    /// Bytes that the element takes.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        let len = self.head_len + self.data.len();
        len + backlen_size(len)
    }

    /// Writes the element to the front of `out` and returns the rest.
    #[inline]
    pub(crate) fn write<'b>(&self, out: &'b mut [u8]) -> &'b mut [u8] {
        let (element, rest) = out.split_at_mut(self.size());
        let len = self.head_len + self.data.len();
        element[..self.head_len].copy_from_slice(&self.head[..self.head_len]);
        element[self.head_len..len].copy_from_slice(self.data);
        write_backlen(len, &mut element[len..]);
        rest
    }

    /// Appends the element to a listpack whose end is not written yet.
    #[inline]
    pub(crate) fn push(&self, out: &mut Blob) {
        let (head, len) = (&self.head[..self.head_len], self.head_len + self.data.len());
        if len <= 127 {
            out.push(head);
            out.push(self.data);
            out.push(&[len as u8]);
            return;
        }
        let mut backlen = [0; 5];
        let backlen = &mut backlen[..backlen_size(len)];
        write_backlen(len, backlen);
        out.push(head);
        out.push(self.data);
        out.push(backlen);
    }
}

fn encode_int(value: i64, head: &mut [u8; 9]) -> usize {
    match value {
        0..=127 => {
            head[0] = value as u8;
            1
        }
        -4096..=4095 => {
            head[0] = 0xc0 | ((value >> 8) & 0x1f) as u8;
            head[1] = value as u8;
            2
        }
        _ => {
            let bits = 65 - (value ^ (value >> 63)).leading_zeros();
            let (kind, size) = match bits {
                ..=16 => (0xf1, 2),
                17..=24 => (0xf2, 3),
                25..=32 => (0xf3, 4),
                _ => (0xf4, 8),
            };
            head[0] = kind;
            head[1..].copy_from_slice(&value.to_le_bytes());
            1 + size
        }
    }
}

fn encode_length(len: usize, head: &mut [u8; 9]) -> usize {
    if len < 64 {
        head[0] = 0x80 | len as u8;
        1
    } else if len < 4096 {
        head[0] = 0xe0 | (len >> 8) as u8;
        head[1] = len as u8;
        2
    } else {
        head[0] = 0xf0;
        head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
        5
    }
}

/// Bytes of the backward length of `len` bytes.
#[inline]
pub(super) fn backlen_size(len: usize) -> usize {
    match len {
        ..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        2_097_152..=268_435_455 => 4,
        _ => 5,
    }
}

/// Seven bits to a byte, most significant first; all bytes but the first carry the bit that says there is another
/// before them.
fn write_backlen(len: usize, out: &mut [u8]) {
    let mut rest = len;
    for (i, byte) in out.iter_mut().enumerate().rev() {
        *byte = (rest & 127) as u8 | if i > 0 { 128 } else { 0 };
        rest >>= 7;
    }
}

/// Where the element begins that ends before `end`.
#[inline]
pub(crate) fn start_before(pack: &[u8], end: usize) -> usize {
    let last = pack[end - 1];
    if last < 128 {
        return end - 1 - last as usize;
    }
    let (mut len, mut shift, mut at) = ((last & 127) as usize, 7, end - 2);
    while pack[at] >= 128 {
        len |= ((pack[at] & 127) as usize) << shift;
        (shift, at) = (shift + 7, at - 1);
    }
    len |= (pack[at] as usize) << shift;
    at - len
}

/// What the bytes at the start of an element say: whether it is a string, how long what precedes the content is, and
/// how long the content. `None` for the end, unknown kinds, and where bytes are missing to tell.
#[inline]
pub(super) fn shape(at: &[u8]) -> Option<(bool, usize, usize)> {
    Some(match *at.first()? {
        0x00..=0x7f => (false, 1, 0),
        first @ 0x80..=0xbf => (true, 1, (first & 63) as usize),
        0xc0..=0xdf => (false, 1, 1),
        first @ 0xe0..=0xef => (true, 2, ((first & 15) as usize) << 8 | *at.get(1)? as usize),
        0xf0 => (true, 5, u32::from_le_bytes(at.get(1..5)?.try_into().expect("four bytes")) as usize),
        0xf1 => (false, 1, 2),
        0xf2 => (false, 1, 3),
        0xf3 => (false, 1, 4),
        0xf4 => (false, 1, 8),
        _ => return None,
    })
}

/// The element at the start of `at`, and the bytes it takes.
#[inline]
pub(crate) fn decode(at: &[u8]) -> (Element<'_>, usize) {
    let (is_string, head, content) = shape(at).expect("an element of a valid listpack");
    let len = head + content;
    let element =
        if is_string { Element::Bytes(&at[head..len]) } else { Element::Int(decode_int(&at[..len])) };
    (element, len + backlen_size(len))
}

/// The integer whose first byte and content are `at`.
#[inline]
pub(super) fn decode_int(at: &[u8]) -> i64 {
    match *at {
        [first] => i64::from(first),
        [first, low] => i64::from(((first as i16) << 11 >> 3) | i16::from(low)),
        [_, ref content @ ..] => {
            let mut bytes = [0; 8];
            bytes[8 - content.len()..].copy_from_slice(content);
            i64::from_le_bytes(bytes) >> (64 - 8 * content.len())
        }
        [] => unreachable!("an element has a first byte"),
    }
}
