//! Numbers as clients write and read them.
//!
//! Integers are strict: only the one canonical spelling of a number counts, because a value that is stored as
//! an integer must come back byte for byte (`SET k 007` must answer `007`). Doubles live in [`double`],
//! x87 extended doubles in [`crate::long_double`].

pub mod double;
mod grisu;

pub use double::{DoubleBuf, format_f64, format_f64_17, format_f64_shortest, parse_f64};

/// Longest canonical spelling of an `i64`, in bytes: `-9223372036854775808`.
pub const I64_TEXT_MAX: usize = 20;

/// Parses a canonical decimal integer: no `+`, no leading zero, no blank, not `-0`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (&first, rest) = digits.split_first()?;
    if first == b'0' {
        return (rest.is_empty() && !negative).then_some(0);
    }
    if !first.is_ascii_digit() || digits.len() > 19 {
        return None;
    }
    // 19 digits stay below 10^19 < 2^64, so the sum itself cannot overflow.
    let mut magnitude = u64::from(first - b'0');
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Whether `text` is the canonical spelling of some `i64`, so that storing the integer loses nothing.
#[inline]
pub fn is_canonical_i64(text: &[u8]) -> bool {
    parse_i64(text).is_some()
}

/// Room for the text of one integer, so that formatting allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct IntBuf([u8; I64_TEXT_MAX]);

impl IntBuf {
    /// An empty buffer.
    #[inline]
    pub const fn new() -> Self {
        Self([0; I64_TEXT_MAX])
    }
}

impl Default for IntBuf {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the canonical spelling of `value` into `buf` and returns it.
#[inline]
pub fn format_i64(value: i64, buf: &mut IntBuf) -> &[u8] {
    let mut start = write_u64(value.unsigned_abs(), &mut buf.0);
    if value < 0 {
        start -= 1;
        buf.0[start] = b'-';
    }
    &buf.0[start..]
}

/// Writes the canonical spelling of `value` into `buf` and returns it.
#[inline]
pub fn format_u64(value: u64, buf: &mut IntBuf) -> &[u8] {
    let start = write_u64(value, &mut buf.0);
    &buf.0[start..]
}

/// `00` to `99`: two digits per division halve the divisions.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Fills `buf` from its end and returns where the digits begin.
#[inline]
fn write_u64(mut value: u64, buf: &mut [u8; I64_TEXT_MAX]) -> usize {
    let mut start = buf.len();
    while value >= 100 {
        start -= 2;
        buf[start..start + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        start -= 2;
        buf[start..start + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        start -= 1;
        buf[start] = b'0' + value as u8;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Prng;

    #[test]
    fn canonical_spellings_parse() {
        for value in [0, 1, 9, 10, 99, 100, 101, 999, 1000, i64::MAX, i64::MIN, i64::MIN + 1, -1, -10] {
            assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1a",
            "a",
            "1.0",
            "0x1",
            "--1",
            "1-",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "-99999999999999999999",
            "\u{663}",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
            assert!(!is_canonical_i64(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn format_then_parse_is_identity() {
        let mut rng = Prng::new(1);
        let mut buf = IntBuf::new();
        for _ in 0..20_000 {
            let value = (rng.next() as i64) >> rng.below(64);
            assert_eq!(format_i64(value, &mut buf), value.to_string().as_bytes());
            assert_eq!(parse_i64(format_i64(value, &mut buf)), Some(value));
            assert_eq!(format_u64(value as u64, &mut buf), (value as u64).to_string().as_bytes());
        }
    }
}
