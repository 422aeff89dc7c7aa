//! How the compact form writes a string: a first byte that says what follows, and the content. Text of a 64-bit integer
//! is kept as that integer.
//!
//! | first byte | content |
//! | --- | --- |
//! | `00` to `bf` | a string of that many bytes |
//! | `c0` to `ef` | nothing: an integer, 0 to 47 |
//! | `f0 + n` | an integer of `n` bytes, 1 to 8, little-endian |
//! | `f9` | an instant of 8 bytes; a pair whose field has a TTL begins with one |
//! | `fe` | a length of 2 bytes and a string |
//!
//! There is one way to write a string, so strings are equal when their codes are.

use crate::listpack::Element;

/// The first byte of an instant.
const INSTANT: u8 = 0xf9;
/// The first byte of a string whose length takes two more.
const LONG: u8 = 0xfe;
/// Bytes of an instant with its first byte.
pub(super) const INSTANT_BYTES: usize = 9;
const SHORT_MAX_BYTES: usize = 0xbf;
const SMALL_INTS: i64 = 0x30;

/// A string ready to be written or compared.
pub(super) struct Code<'a> {
    head: [u8; 9],
    head_len: u8,
    data: &'a [u8],
}

impl<'a> Code<'a> {
    /// # Panics
    /// Above 65,535 bytes.
    #[inline]
    pub(super) fn of(string: &'a [u8]) -> Code<'a> {
        let mut head = [0; 9];
        let (head_len, data) = match Element::of(string) {
            Element::Bytes(data) if data.len() <= SHORT_MAX_BYTES => {
                head[0] = data.len() as u8;
                (1, data)
            }
            Element::Bytes(data) => {
                let len = u16::try_from(data.len()).expect("longer strings are not kept in this form");
                head[0] = LONG;
                head[1..3].copy_from_slice(&len.to_le_bytes());
                (3, data)
            }
            Element::Int(n) => (encode_int(n, &mut head), &[][..]),
        };
        Code { head, head_len, data }
    }

    /// Bytes of the code.
    #[inline]
    pub(super) fn size(&self) -> usize {
        usize::from(self.head_len) + self.data.len()
    }

    /// Writes the code to the front of `out` and returns the rest.
    #[inline]
    pub(super) fn write<'b>(&self, out: &'b mut [u8]) -> &'b mut [u8] {
        let (head, rest) = out.split_at_mut(usize::from(self.head_len));
        head.copy_from_slice(&self.head[..head.len()]);
        let (data, rest) = rest.split_at_mut(self.data.len());
        data.copy_from_slice(self.data);
        rest
    }

    /// Whether `bytes` begins with this code.
    #[inline(always)]
    pub(super) fn is_at(&self, bytes: &[u8]) -> bool {
        // Most strings differ in length, which is the first byte, or in their ends.
        if bytes.first() != Some(&self.head[0]) {
            return false;
        }
        let head = usize::from(self.head_len);
        bytes[..head] == self.head[..head] && bytes[head..].starts_with(self.data)
    }
}

fn encode_int(n: i64, head: &mut [u8; 9]) -> u8 {
    if (0..SMALL_INTS).contains(&n) {
        head[0] = 0xc0 + n as u8;
        return 1;
    }
    // Bytes that two's complement needs, its sign included.
    let bits = 65 - (n ^ (n >> 63)).leading_zeros();
    let bytes = bits.div_ceil(8);
    head[0] = 0xf0 | bytes as u8;
    head[1..].copy_from_slice(&n.to_le_bytes());
    1 + bytes as u8
}

/// Bytes of the code at the start of `at`.
#[inline(always)]
pub(super) fn size_at(at: &[u8]) -> usize {
    match at[0] {
        short @ 0..0xc0 => 1 + usize::from(short),
        0xc0..0xf0 => 1,
        LONG => 3 + usize::from(u16::from_le_bytes([at[1], at[2]])),
        int => 1 + usize::from(int & 15),
    }
}

/// The string whose code is at the start of `at`, and the code's bytes.
#[inline(always)]
pub(super) fn decode(at: &[u8]) -> (Element<'_>, usize) {
    match at[0] {
        short @ 0..0xc0 => {
            let size = 1 + usize::from(short);
            (Element::Bytes(&at[1..size]), size)
        }
        small @ 0xc0..0xf0 => (Element::Int(i64::from(small - 0xc0)), 1),
        LONG => {
            let size = 3 + usize::from(u16::from_le_bytes([at[1], at[2]]));
            (Element::Bytes(&at[3..size]), size)
        }
        int => {
            let bytes = usize::from(int & 15);
            let mut full = [0; 8];
            full[8 - bytes..].copy_from_slice(&at[1..=bytes]);
            (Element::Int(i64::from_le_bytes(full) >> (64 - 8 * bytes)), 1 + bytes)
        }
    }
}

/// The instant at the start of `at`, if one is there.
#[inline(always)]
pub(super) fn instant_at(at: &[u8]) -> Option<i64> {
    (at[0] == INSTANT).then(|| i64::from_le_bytes(at[1..INSTANT_BYTES].try_into().expect("eight bytes")))
}

/// Writes an instant to the front of `out` and returns the rest.
#[inline]
pub(super) fn write_instant(at_ms: i64, out: &mut [u8]) -> &mut [u8] {
    let (instant, rest) = out.split_at_mut(INSTANT_BYTES);
    instant[0] = INSTANT;
    instant[1..].copy_from_slice(&at_ms.to_le_bytes());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut strings: Vec<Vec<u8>> = [0, 1, 5, 63, 64, 190, 191, 192, 193, 300, 4096, 65_535]
            .iter()
            .map(|&len| vec![b'x'; len])
            .collect();
        let mut ints = vec![i64::MIN, i64::MAX, 0, 47, 48, -1];
        for bits in 0..63 {
            let power = 1i64 << bits;
            ints.extend([power - 1, power, power + 1, -power - 1, -power, 1 - power]);
        }
        strings.extend(ints.iter().map(|n| n.to_string().into_bytes()));
        strings.extend([&b"007"[..], b"-0", b"+1", b"1 ", b"-", b"9223372036854775808"].map(<[u8]>::to_vec));
        for string in &strings {
            let code = Code::of(string);
            let mut out = vec![0xaa; code.size() + 2];
            assert_eq!(code.write(&mut out), [0xaa, 0xaa]);
            let (element, size) = decode(&out);
            assert_eq!((element, size), (Element::of(string), code.size()), "{}", string.escape_ascii());
            assert_eq!(size_at(&out), size);
            assert_eq!(instant_at(&out), None);
            for other in &strings {
                assert_eq!(Code::of(other).is_at(&out), other == string);
            }
        }
    }

    #[test]
    fn integers_take_as_few_bytes_as_they_need() {
        for (n, size) in [(0, 1), (47, 1), (48, 2), (-1, 2), (127, 2), (128, 3), (-128, 2), (-129, 3)] {
            assert_eq!(Code::of(n.to_string().as_bytes()).size(), size, "{n}");
        }
        assert_eq!(Code::of(i64::MIN.to_string().as_bytes()).size(), 9);
    }

    #[test]
    fn instants() {
        for at in [0, 1, i64::MAX, -5] {
            let mut out = [7; 10];
            assert_eq!(write_instant(at, &mut out), [7]);
            assert_eq!(instant_at(&out), Some(at));
        }
    }
}
