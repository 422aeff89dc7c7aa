//! The client's side of RESP: reads replies of both versions, writes requests.
//!
//! For test kits, the load generator and the replica's link. Format: <https://valkey.io/topics/protocol/>.
//! Non-goal: streamed types (`$?`), which no released server sends.

use memchr::memchr;

use crate::number::{IntBuf, format_u64, parse_f64, parse_i64};

/// Aggregates inside aggregates beyond this are refused, so that a peer cannot exhaust the stack.
pub const REPLY_DEPTH_MAX: usize = 128;

/// A reply, one variant per type on the wire: what a test compares must not lose how a value was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// `+`
    Simple(Vec<u8>),
    /// `-`, with its code.
    Error(Vec<u8>),
    /// `:`
    Int(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    /// `*`
    Array(Vec<Reply>),
    /// `%`, in the order sent.
    Map(Vec<(Reply, Reply)>),
    /// `~`, in the order sent.
    Set(Vec<Reply>),
    /// `>`
    Push(Vec<Reply>),
    /// `,`
    Double(f64),
    /// `#`
    Bool(bool),
    /// `(`, in decimal.
    BigNumber(Vec<u8>),
    /// `=`
    Verbatim {
        /// `txt`, `mkd`.
        format: [u8; 3],
        /// What follows the format and its colon.
        text: Vec<u8>,
    },
    /// `!`
    BulkError(Vec<u8>),
    /// `|` and the reply it belongs to.
    Attributed {
        /// In the order sent.
        attributes: Vec<(Reply, Reply)>,
        /// The reply proper.
        reply: Box<Reply>,
    },
}

impl Reply {
    /// Whether this is an error, in either form.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_) | Self::BulkError(_))
    }

    /// The bytes of a string of any kind, errors included.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text) | Self::Error(text) | Self::Bulk(text) | Self::BulkError(text) => Some(text),
            Self::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// Why bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// No type begins with this byte.
    #[error("unknown reply type {:?}", char::from(*.0))]
    UnknownType(u8),
    /// A length, integer or other value that its type does not allow.
    #[error("malformed value in a reply of type {:?}", char::from(*.0))]
    Malformed(u8),
    /// A line or a bulk string does not end with CR LF.
    #[error("missing CRLF in a reply")]
    MissingCrlf,
    /// More than [`REPLY_DEPTH_MAX`] aggregates inside each other.
    #[error("reply nested too deeply")]
    TooDeep,
}

/// What stops a parser: an error, or the end of the bytes.
enum Stop {
    Incomplete,
    Invalid(ReplyError),
}

impl From<ReplyError> for Stop {
    fn from(error: ReplyError) -> Self {
        Self::Invalid(error)
    }
}

/// Parses the reply at the beginning of `bytes`: it and its length, or `None` if it has not arrived whole.
///
/// Starts over at each call; ask [`reply_len`] first where replies are large and arrive in many pieces.
pub fn parse_reply(bytes: &[u8]) -> Result<Option<(Reply, usize)>, ReplyError> {
    let mut cursor = Cursor { bytes, at: 0 };
    finish(cursor.reply(0)).map(|reply| reply.map(|reply| (reply, cursor.at)))
}

/// The length of the reply at the beginning of `bytes`, or `None` if it has not arrived whole.
///
/// Allocates nothing and does not look into values, so it may pass what [`parse_reply`] refuses.
pub fn reply_len(bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
    let mut cursor = Cursor { bytes, at: 0 };
    finish(cursor.skip(0)).map(|done| done.map(|()| cursor.at))
}

/// Appends a request: an array of bulk strings.
pub fn encode_command(out: &mut Vec<u8>, args: &[&[u8]]) {
    out.reserve(args.iter().map(|arg| arg.len() + 16).sum::<usize>() + 16);
    let header = |out: &mut Vec<u8>, marker: u8, count: usize| {
        out.push(marker);
        out.extend_from_slice(format_u64(count as u64, &mut IntBuf::new()));
        out.extend_from_slice(b"\r\n");
    };
    header(out, b'*', args.len());
    for arg in args {
        header(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

fn finish<T>(result: Result<T, Stop>) -> Result<Option<T>, ReplyError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Invalid(error)) => Err(error),
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The type and the rest of the line at the cursor.
    fn line(&mut self) -> Result<(u8, &'a [u8]), Stop> {
        let rest = &self.bytes[self.at..];
        let kind = *rest.first().ok_or(Stop::Incomplete)?;
        if !b"+-:$*%~>,#(=!|_".contains(&kind) {
            return Err(ReplyError::UnknownType(kind).into());
        }
        let end = memchr(b'\n', rest).ok_or(Stop::Incomplete)?;
        let line = rest[1..end].strip_suffix(b"\r").ok_or(ReplyError::MissingCrlf)?;
        self.at += end + 1;
        Ok((kind, line))
    }

    /// A bulk string's bytes, its length line having been read. `None`: the null bulk string.
    fn bulk(&mut self, kind: u8, line: &[u8]) -> Result<Option<&'a [u8]>, Stop> {
        if line == b"-1" && kind == b'$' {
            return Ok(None);
        }
        let len =
            parse_i64(line).and_then(|len| usize::try_from(len).ok()).ok_or(ReplyError::Malformed(kind))?;
        let rest = &self.bytes[self.at..];
        let end = len.checked_add(2).ok_or(ReplyError::Malformed(kind))?;
        let body = rest.get(..end).ok_or(Stop::Incomplete)?;
        let body = body.strip_suffix(b"\r\n").ok_or(ReplyError::MissingCrlf)?;
        self.at += end;
        Ok(Some(body))
    }

    /// An aggregate's length. `None`: the null array.
    fn count(kind: u8, line: &[u8], depth: usize) -> Result<Option<usize>, Stop> {
        if line == b"-1" && kind == b'*' {
            return Ok(None);
        }
        if depth >= REPLY_DEPTH_MAX {
            return Err(ReplyError::TooDeep.into());
        }
        let count = parse_i64(line).and_then(|count| u32::try_from(count).ok());
        Ok(Some(count.ok_or(ReplyError::Malformed(kind))? as usize))
    }

    fn reply(&mut self, depth: usize) -> Result<Reply, Stop> {
        let (kind, line) = self.line()?;
        let malformed = ReplyError::Malformed(kind);
        Ok(match kind {
            b'+' => Reply::Simple(line.to_vec()),
            b'-' => Reply::Error(line.to_vec()),
            b':' => Reply::Int(parse_i64(line).ok_or(malformed)?),
            b'_' if line.is_empty() => Reply::Null,
            b'#' if line == b"t" => Reply::Bool(true),
            b'#' if line == b"f" => Reply::Bool(false),
            b',' if line == b"nan" => Reply::Double(f64::NAN),
            b',' => Reply::Double(parse_f64(line).ok_or(malformed)?),
            b'(' => {
                let digits = line.strip_prefix(b"-").unwrap_or(line);
                if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                    return Err(malformed.into());
                }
                Reply::BigNumber(line.to_vec())
            }
            b'$' => self.bulk(kind, line)?.map_or(Reply::NullBulk, |body| Reply::Bulk(body.to_vec())),
            b'!' => Reply::BulkError(self.bulk(kind, line)?.ok_or(malformed)?.to_vec()),
            b'=' => match self.bulk(kind, line)?.ok_or(malformed)? {
                &[a, b, c, b':', ref text @ ..] => Reply::Verbatim { format: [a, b, c], text: text.to_vec() },
                _ => return Err(malformed.into()),
            },
            b'*' => match Self::count(kind, line, depth)? {
                None => Reply::NullArray,
                Some(count) => Reply::Array(self.replies(count, depth)?),
            },
            b'~' => Reply::Set(self.aggregate(kind, line, depth)?),
            b'>' => Reply::Push(self.aggregate(kind, line, depth)?),
            b'%' => Reply::Map(self.pairs(kind, line, depth)?),
            b'|' => {
                let attributes = self.pairs(kind, line, depth)?;
                Reply::Attributed { attributes, reply: Box::new(self.reply(depth + 1)?) }
            }
            _ => return Err(malformed.into()),
        })
    }

    fn aggregate(&mut self, kind: u8, line: &[u8], depth: usize) -> Result<Vec<Reply>, Stop> {
        let count = Self::count(kind, line, depth)?.ok_or(ReplyError::Malformed(kind))?;
        self.replies(count, depth)
    }

    fn replies(&mut self, count: usize, depth: usize) -> Result<Vec<Reply>, Stop> {
        // Grown by what arrives, not by what was announced.
        let mut replies = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            replies.push(self.reply(depth + 1)?);
        }
        Ok(replies)
    }

    fn pairs(&mut self, kind: u8, line: &[u8], depth: usize) -> Result<Vec<(Reply, Reply)>, Stop> {
        let count = Self::count(kind, line, depth)?.ok_or(ReplyError::Malformed(kind))?;
        let mut pairs = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            pairs.push((self.reply(depth + 1)?, self.reply(depth + 1)?));
        }
        Ok(pairs)
    }

    fn skip(&mut self, depth: usize) -> Result<(), Stop> {
        let (kind, line) = self.line()?;
        let replies = match kind {
            b'$' | b'!' | b'=' => return self.bulk(kind, line).map(drop),
            b'*' | b'~' | b'>' => Self::count(kind, line, depth)?.unwrap_or(0) as u64,
            b'%' => Self::count(kind, line, depth)?.unwrap_or(0) as u64 * 2,
            b'|' => Self::count(kind, line, depth)?.unwrap_or(0) as u64 * 2 + 1,
            _ => 0,
        };
        for _ in 0..replies {
            self.skip(depth + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::fuzz_reply;
    use crate::prng::Prng;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn every_type_parses_and_no_prefix_does() {
        let cases: Vec<(&str, Reply)> = vec![
            ("+OK\r\n", Reply::Simple(b"OK".to_vec())),
            ("-ERR no\r\n", Reply::Error(b"ERR no".to_vec())),
            (":-12\r\n", Reply::Int(-12)),
            ("$3\r\na\r\n\r\n", bulk("a\r\n")),
            ("$0\r\n\r\n", bulk("")),
            ("$-1\r\n", Reply::NullBulk),
            ("*-1\r\n", Reply::NullArray),
            ("_\r\n", Reply::Null),
            ("*0\r\n", Reply::Array(vec![])),
            (
                "*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
                Reply::Array(vec![Reply::Int(1), Reply::Array(vec![bulk("x")])]),
            ),
            ("%1\r\n+a\r\n:1\r\n", Reply::Map(vec![(Reply::Simple(b"a".to_vec()), Reply::Int(1))])),
            ("~1\r\n:1\r\n", Reply::Set(vec![Reply::Int(1)])),
            (">1\r\n:1\r\n", Reply::Push(vec![Reply::Int(1)])),
            (",1.5e3\r\n", Reply::Double(1500.0)),
            (",-inf\r\n", Reply::Double(f64::NEG_INFINITY)),
            ("#t\r\n", Reply::Bool(true)),
            ("#f\r\n", Reply::Bool(false)),
            ("(-123456789012345678901\r\n", Reply::BigNumber(b"-123456789012345678901".to_vec())),
            ("=7\r\ntxt:abc\r\n", Reply::Verbatim { format: *b"txt", text: b"abc".to_vec() }),
            ("!5\r\nERR x\r\n", Reply::BulkError(b"ERR x".to_vec())),
            (
                "|1\r\n+k\r\n+v\r\n:5\r\n",
                Reply::Attributed {
                    attributes: vec![(Reply::Simple(b"k".to_vec()), Reply::Simple(b"v".to_vec()))],
                    reply: Box::new(Reply::Int(5)),
                },
            ),
        ];
        for (text, expected) in cases {
            let bytes = text.as_bytes();
            for end in 0..bytes.len() {
                assert_eq!(parse_reply(&bytes[..end]), Ok(None), "{text:?} to {end}");
                assert_eq!(reply_len(&bytes[..end]), Ok(None), "{text:?} to {end}");
            }
            let followed = [bytes, b"+next\r\n"].concat();
            assert_eq!(parse_reply(&followed), Ok(Some((expected, bytes.len()))), "{text:?}");
            assert_eq!(reply_len(&followed), Ok(Some(bytes.len())), "{text:?}");
        }
        assert!(matches!(parse_reply(b",nan\r\n"), Ok(Some((Reply::Double(value), 6))) if value.is_nan()));
    }

    #[test]
    fn malformed_replies_are_told_apart() {
        for (text, expected) in [
            ("x", ReplyError::UnknownType(b'x')),
            ("+a\n", ReplyError::MissingCrlf),
            ("$1\r\nabc", ReplyError::MissingCrlf),
            (":x\r\n", ReplyError::Malformed(b':')),
            ("$-2\r\n", ReplyError::Malformed(b'$')),
            ("*-2\r\n", ReplyError::Malformed(b'*')),
            ("%-1\r\n", ReplyError::Malformed(b'%')),
            ("#x\r\n", ReplyError::Malformed(b'#')),
            ("_x\r\n", ReplyError::Malformed(b'_')),
            ("(1.5\r\n", ReplyError::Malformed(b'(')),
            ("=3\r\nabc\r\n", ReplyError::Malformed(b'=')),
            ("$9223372036854775807\r\n", ReplyError::Malformed(b'$')),
        ] {
            let expected = if text.starts_with("$9") && usize::BITS == 64 { None } else { Some(expected) };
            assert_eq!(parse_reply(text.as_bytes()).err(), expected, "{text:?}");
        }
        let deep = "*1\r\n".repeat(REPLY_DEPTH_MAX + 1);
        assert_eq!(parse_reply(deep.as_bytes()), Err(ReplyError::TooDeep));
        assert_eq!(reply_len(deep.as_bytes()), Err(ReplyError::TooDeep));
    }

    #[test]
    fn declared_lengths_allocate_nothing() {
        assert_eq!(parse_reply(b"*4294967295\r\n:1\r\n"), Ok(None));
        assert_eq!(parse_reply(b"$4294967295\r\nabc"), Ok(None));
    }

    #[test]
    fn garbage_never_panics() {
        let mut rng = Prng::new(6);
        for _ in 0..100_000 {
            fuzz_reply(&rng.bytes_of(b"+-:$*%~>,#(=!|_\r\n\r\n\r\n0123-tfx:", 24));
        }
    }

    #[test]
    fn command_is_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        encode_command(&mut out, &[b"SET", b"", b"0123456789"]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$10\r\n0123456789\r\n");
    }
}
