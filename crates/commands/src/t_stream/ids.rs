//! Ids of messages as clients write them: `ms-seq`, `ms`, `-` and `+`, `(` before an end that is not included.

use structures::stream::StreamId;
use wire::number::{IntBuf, format_u64, parse_i64};
use wire::resp::encode::ReplyWriter;

use crate::CommandError;

const INVALID: CommandError =
    CommandError::text("ERR Invalid stream ID specified as stream command argument");
/// Longer arguments are no ids.
const ARG_BYTES_MAX: usize = 127;

/// A part of an id: a decimal number, after blanks and a sign that C's `strtoull` would take too.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(n) = parse_i64(text) {
        return u64::try_from(n).ok();
    }
    let blanks = text.iter().take_while(|b| matches!(b, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { number.wrapping_neg() } else { number })
}

/// The argument up to a zero byte; `None` when it is too long for an id.
fn text(arg: &[u8]) -> Option<&[u8]> {
    let end = arg.iter().position(|&b| b == 0).unwrap_or(arg.len());
    (arg.len() <= ARG_BYTES_MAX).then(|| &arg[..end])
}

/// Milliseconds, and the sequence number where there is one; `*` stands for one to be made.
fn parts(text: &[u8]) -> Option<(u64, Seq)> {
    match text.iter().position(|&b| b == b'-') {
        None => Some((number(text)?, Seq::Missing)),
        Some(at) => {
            let ms = number(&text[..at])?;
            let seq = match &text[at + 1..] {
                b"*" => Seq::Auto,
                seq => Seq::Given(number(seq)?),
            };
            Some((ms, seq))
        }
    }
}

enum Seq {
    Missing,
    Auto,
    Given(u64),
}

fn strict(arg: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    let (ms, seq) = text(arg).and_then(parts).ok_or(INVALID)?;
    match seq {
        Seq::Missing => Ok(StreamId::new(ms, missing_seq)),
        Seq::Given(seq) => Ok(StreamId::new(ms, seq)),
        Seq::Auto => Err(INVALID),
    }
}

/// An id that names a message; without a sequence number, 0 is meant.
pub(super) fn exact(arg: &[u8]) -> Result<StreamId, CommandError> {
    strict(arg, 0)
}

/// As [`exact`], and `-` and `+` for the smallest and the largest id.
pub(super) fn lenient(arg: &[u8], missing_seq: u64) -> Result<StreamId, CommandError> {
    match text(arg) {
        Some(b"-") => Ok(StreamId::MIN),
        Some(b"+") => Ok(StreamId::MAX),
        _ => strict(arg, missing_seq),
    }
}

/// The id of a message to add. `None` instead of the sequence number when one is to be made.
pub(super) fn new_id(arg: &[u8]) -> Result<(u64, Option<u64>), CommandError> {
    let (ms, seq) = text(arg).and_then(parts).ok_or(INVALID)?;
    Ok(match seq {
        Seq::Missing => (ms, Some(0)),
        Seq::Given(seq) => (ms, Some(seq)),
        Seq::Auto => (ms, None),
    })
}

/// The first id of a range.
pub(super) fn range_start(arg: &[u8]) -> Result<StreamId, CommandError> {
    match arg {
        [b'(', id @ ..] if !id.is_empty() => {
            strict(id, 0)?.next().ok_or(CommandError::text("ERR invalid start ID for the interval"))
        }
        _ => lenient(arg, 0),
    }
}

/// The last id of a range.
pub(super) fn range_end(arg: &[u8]) -> Result<StreamId, CommandError> {
    match arg {
        [b'(', id @ ..] if !id.is_empty() => {
            strict(id, u64::MAX)?.previous().ok_or(CommandError::text("ERR invalid end ID for the interval"))
        }
        _ => lenient(arg, u64::MAX),
    }
}

/// An id in decimal.
pub(super) struct IdText {
    bytes: [u8; 41],
    len: usize,
}

impl IdText {
    #[inline]
    pub(super) fn new(id: StreamId) -> IdText {
        let mut text = IdText { bytes: [0; 41], len: 0 };
        text.push(format_u64(id.ms, &mut IntBuf::new()));
        text.push(b"-");
        text.push(format_u64(id.seq, &mut IntBuf::new()));
        text
    }

    #[inline(always)]
    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }
}

impl std::ops::Deref for IdText {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Replies with an id.
#[inline]
pub(super) fn reply_id(reply: &mut ReplyWriter<'_>, id: StreamId) {
    reply.bulk(&IdText::new(id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_strtoull_reads_them() {
        // What valkey-server 9.1.2 takes and refuses.
        for (arg, expected) in [
            ("5-1", Some((5, 1))),
            ("5", Some((5, 0))),
            ("05-01", Some((5, 1))),
            ("+5-+1", Some((5, 1))),
            (" 5- 1", Some((5, 1))),
            ("5\0x-1", Some((5, 0))),
            ("18446744073709551615-18446744073709551615", Some((u64::MAX, u64::MAX))),
            ("5--01", Some((5, u64::MAX))),
            ("5--1", None),
            ("18446744073709551616-0", None),
            ("5-", None),
            ("-5", None),
            ("", None),
            ("-", None),
            ("+", None),
            ("5-1 ", None),
            ("5-*", None),
            ("*", None),
            ("x", None),
        ] {
            let id = exact(arg.as_bytes()).ok().map(|id| (id.ms, id.seq));
            assert_eq!(id, expected, "{arg:?}");
        }
        assert!(exact("0".repeat(127).as_bytes()).is_ok());
        assert!(exact("0".repeat(128).as_bytes()).is_err());
    }

    #[test]
    fn ends_of_ranges() {
        assert_eq!(range_start(b"-").ok(), Some(StreamId::MIN));
        assert_eq!(range_start(b"(5-1").ok(), Some(StreamId::new(5, 2)));
        assert_eq!(range_end(b"5").ok(), Some(StreamId::new(5, u64::MAX)));
        assert_eq!(range_end(b"(5-0").ok(), Some(StreamId::new(4, u64::MAX)));
        assert_eq!(range_end(b"(5").ok(), Some(StreamId::new(5, u64::MAX - 1)));
        assert!(range_start(b"(").is_err() && range_start(b"(-").is_err() && range_end(b"(0-0").is_err());
        assert_eq!(&*IdText::new(StreamId::MAX), b"18446744073709551615-18446744073709551615");
    }
}
