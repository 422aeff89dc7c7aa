//! Memcached's protocols: <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>, and where that is silent,
//! what memcached 1.6.18 does.

pub mod meta;
pub mod text;

use crate::resp::parse::Span;

/// The longest key, in bytes.
pub const KEY_MAX_BYTES: usize = 250;

/// The words of a line, where they are in `input`.
pub fn words(input: &[u8], line: Span) -> impl Iterator<Item = Span> + '_ {
    let (mut at, end) = (line.start as usize, line.end());
    std::iter::from_fn(move || {
        while at < end && input[at] == b' ' {
            at += 1;
        }
        if at >= end {
            return None;
        }
        let len = memchr::memchr(b' ', &input[at..end]).unwrap_or(end - at);
        let word = Span { start: at as u32, len: len as u32 };
        at += len;
        Some(word)
    })
}

/// Sign, magnitude: what C's `strtol` makes of a word that ends, or goes on with white space, behind its digits.
fn integer(word: &[u8]) -> Option<(bool, u64)> {
    let start = word.iter().position(|byte| !is_space(*byte))?;
    let word = &word[start..];
    let (negative, digits) = match word.first()? {
        b'-' => (true, &word[1..]),
        b'+' => (false, &word[1..]),
        _ => (false, word),
    };
    let count = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    if count == 0 || digits.get(count).is_some_and(|byte| !is_space(*byte)) {
        return None;
    }
    let mut value = 0u64;
    for digit in &digits[..count] {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some((negative, value))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// An unsigned number of 64 bits.
pub fn parse_u64(word: &[u8]) -> Option<u64> {
    let (negative, value) = integer(word)?;
    let number = if negative { value.wrapping_neg() } else { value };
    // As in memcached, where a sign is looked for only in what would be negative.
    (!negative || number <= i64::MAX as u64).then_some(number)
}

/// An unsigned number of which the lower 32 bits count, as in memcached.
pub fn parse_u32(word: &[u8]) -> Option<u32> {
    parse_u64(word).map(|value| value as u32)
}

/// A signed number of which the lower 32 bits count, as in memcached.
pub fn parse_i32(word: &[u8]) -> Option<i32> {
    let (negative, value) = integer(word)?;
    let most = i64::MAX as u64 + u64::from(negative);
    (value <= most).then(|| if negative { (value as i64).wrapping_neg() as i32 } else { value as i32 })
}

#[cfg(test)]
mod tests;
