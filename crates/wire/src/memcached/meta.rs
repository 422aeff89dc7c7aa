//! The flags of meta commands, and base64 of keys.

use super::{parse_i32, parse_u32, parse_u64, words};
use crate::resp::parse::Span;

/// Words of a meta command beyond which it is refused.
pub(super) const WORDS_MAX: usize = 19;
/// Bytes of an opaque token, its flag included.
const OPAQUE_MAX_BYTES: usize = 32;

/// What the flags of a meta command say. Those that only ask for something in the reply are read from the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `b`: the key is in base64.
    pub binary: bool,
    /// `N`: a missing item is made, to live so long.
    pub vivify: Option<i32>,
    /// `T`: the item is to live so long.
    pub ttl: Option<i32>,
    /// `R`: whoever finds less time left than this is told to renew the item.
    pub recache: Option<i32>,
    /// `v`: the value is asked for.
    pub value: bool,
    /// `u`: the access does not count.
    pub no_update: bool,
    /// `q`: nothing is said of the usual outcome.
    pub quiet: bool,
    /// `F`: client flags.
    pub client_flags: u32,
    /// `C`: the CAS that the item must have.
    pub cas: Option<u64>,
    /// `M`: another mode; 0 when there is none.
    pub mode: u8,
    /// `J`: the number that a missing one begins with.
    pub initial: u64,
    /// `D`: by how much to count; 1 when it is not said.
    pub delta: Option<u64>,
    /// `I`: the item is made stale.
    pub stale: bool,
}

/// Reads the flags of a line's rest. Errors: memcached's words.
pub fn parse(input: &[u8], rest: Span) -> Result<Flags, &'static str> {
    const BAD: &str = "CLIENT_ERROR bad token in command line format";
    let mut flags = Flags::default();
    let mut seen = 0u128;
    let mut error = None;
    for word in words(input, rest) {
        let word = word.of(input);
        let (flag, value) = (word[0], &word[1..]);
        if flag >= 127 || seen & 1 << flag != 0 {
            return Err("CLIENT_ERROR duplicate flag");
        }
        seen |= 1 << flag;
        let number = |error: &mut Option<&'static str>| {
            let number = parse_i32(value);
            if number.is_none() {
                *error = Some(BAD);
            }
            number
        };
        match flag {
            b'b' => flags.binary = true,
            b'N' => flags.vivify = number(&mut error),
            b'T' => flags.ttl = number(&mut error),
            b'R' => flags.recache = number(&mut error),
            b'v' => flags.value = true,
            b'u' => flags.no_update = true,
            b'q' => flags.quiet = true,
            b'F' => match parse_u32(value) {
                Some(number) => flags.client_flags = number,
                None => error = error.or(Some("CLIENT_ERROR bad command line format")),
            },
            b'C' => match parse_u64(value) {
                Some(number) => flags.cas = Some(number),
                None => error = Some(BAD),
            },
            b'M' => match value {
                [mode] => flags.mode = *mode,
                _ => error = Some("CLIENT_ERROR incorrect length for M token"),
            },
            b'J' => match parse_u64(value) {
                Some(number) => flags.initial = number,
                None => error = Some("CLIENT_ERROR invalid numeric initial value"),
            },
            b'D' => match parse_u64(value) {
                Some(number) => flags.delta = Some(number),
                None => error = Some("CLIENT_ERROR invalid numeric delta value"),
            },
            b'I' => flags.stale = true,
            b'O' | b'P' | b'L' | b'k' | b's' | b't' | b'c' | b'f' | b'l' | b'h' => {}
            _ => return Err("CLIENT_ERROR invalid flag"),
        }
    }
    error.map_or(Ok(flags), Err)
}

/// Whether an opaque token among the flags is longer than it may be.
pub fn has_long_opaque(input: &[u8], rest: Span) -> bool {
    words(input, rest).any(|word| word.of(input)[0] == b'O' && word.len as usize > OPAQUE_MAX_BYTES)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes base64 with padding (RFC 4648). `None` for anything else, and for nothing.
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text[..text.len() - padding].chunks(4) {
        let mut bits = 0u32;
        for byte in group {
            bits = bits << 6 | ALPHABET.iter().position(|letter| letter == byte)? as u32;
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

/// Encodes as base64 with padding.
pub fn encode_base64(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= group.len() { letter } else { b'=' });
        }
    }
}
