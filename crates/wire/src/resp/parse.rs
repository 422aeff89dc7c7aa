//! The request parser: the first code every command meets, so the shape of a pipelined stream of small
//! commands decides how it is written.
//!
//! A command that lies whole in the buffer takes the fast path: no allocation, no state, no byte looked at
//! twice, argument bodies not looked at at all. What the fast path does not understand (long lengths, inline
//! commands, commands that arrived in part, errors) goes to a resumable state machine, which keeps its place
//! between reads: a million-element command fed a byte at a time still costs O(bytes).
//!
//! Format: <https://valkey.io/topics/protocol/>. Limits, the order of checks and the error texts follow
//! valkey-server 9.1. Non-goal: buffers; the connection owns them and decides how far they may grow.

use memchr::{memchr, memchr2};

use super::inline;
use crate::number::parse_i64;

/// An argument: a range of the connection's input buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// One past the last byte.
    #[inline]
    pub fn end(&self) -> usize {
        self.start as usize + self.len as usize
    }

    /// The bytes meant, in the buffer the span was parsed from. Panics if `buf` is shorter than that.
    #[inline]
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        &buf[self.start as usize..][..self.len as usize]
    }
}

/// What a connection may send at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest argument (`proto-max-bulk-len`), in bytes.
    pub max_bulk_bytes: u64,
    /// Whether the client passed authentication (or needs none). Until then a command may have
    /// [`UNAUTHENTICATED_ARGS_MAX`] arguments of [`UNAUTHENTICATED_BULK_BYTES_MAX`] bytes.
    pub authenticated: bool,
    /// Longest inline command, and longest length line of a multibulk command, in bytes.
    pub max_inline_bytes: usize,
    /// Most arguments of a command.
    pub max_multibulk: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bulk_bytes: 512 << 20,
            authenticated: true,
            max_inline_bytes: 64 << 10,
            max_multibulk: i32::MAX as i64,
        }
    }
}

/// Most arguments an unauthenticated client may send in one command.
pub const UNAUTHENTICATED_ARGS_MAX: i64 = 10;

/// Longest argument an unauthenticated client may send, in bytes.
pub const UNAUTHENTICATED_BULK_BYTES_MAX: u64 = 16 << 10;

/// What [`RequestParser::parse`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole command. Its arguments were pushed; none if the command was empty (`*0`, a blank line).
    Complete {
        /// Where the next command begins.
        next: usize,
    },
    /// The buffer ends inside a command; nothing was pushed.
    Incomplete {
        /// Bytes known to be missing, at least 1. A peer's claim: grow a buffer by it only up to a cap.
        wanted: usize,
    },
}

/// Why a byte stream is not RESP. The connection answers with the text and closes.
///
/// `Display` is the text after `-ERR `, as valkey-server sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// An inline command longer than [`Limits::max_inline_bytes`].
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// A `*` line longer than [`Limits::max_inline_bytes`].
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// A `$` line longer than [`Limits::max_inline_bytes`].
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// The number after `*` is malformed or above [`Limits::max_multibulk`].
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The number after `$` is malformed, negative or above [`Limits::max_bulk_bytes`].
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// More than [`UNAUTHENTICATED_ARGS_MAX`] arguments before authentication.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// An argument above [`UNAUTHENTICATED_BULK_BYTES_MAX`] before authentication.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An argument did not begin with `$`. Send it with [`ProtocolError::text`]: the byte may be any.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedDollar(u8),
    /// A carriage return, or an argument, was not followed by what must follow it.
    #[error("Protocol error: invalid CRLF in request")]
    InvalidCrlf,
    /// An inline command with an open quote.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// The command does not fit into 4 GiB, the reach of a [`Span`].
    #[error("Protocol error: request larger than 4 GiB")]
    RequestTooLarge,
}

impl ProtocolError {
    /// The text after `-ERR ` as bytes: `Display`, except that an offending byte is passed on unchanged.
    pub fn text(&self) -> Vec<u8> {
        match *self {
            Self::ExpectedDollar(byte) => {
                [b"Protocol error: expected '$', got '", &[byte][..], b"'"].concat()
            }
            _ => self.to_string().into_bytes(),
        }
    }
}

/// The state of one connection's input between reads; idle (and empty) between commands.
///
/// Offsets are relative to the beginning of the unfinished command, so draining the buffer costs nothing.
#[derive(Debug, Default)]
pub struct RequestParser {
    stage: Stage,
    /// Where in the buffer the unfinished command begins.
    start: u32,
    /// Where parsing continues.
    at: u32,
    /// How far the line at `at` has been searched for its end.
    scanned: u32,
    /// Arguments not yet complete.
    remaining: u32,
    /// The length of the argument at `at`, once its `$` line has been read.
    bulk_len: Option<u32>,
    /// Arguments complete so far.
    partial: Vec<Span>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// Inside an inline command or the `*` line.
    FirstLine,
    /// Inside the arguments.
    Bulks,
}

/// An argument's end beyond which a [`Span`] cannot reach.
const REACH_BYTES: usize = u32::MAX as usize;

/// Partial arguments kept allocated for the next partial command; more are given back.
const PARTIAL_KEPT: usize = 256;

impl RequestParser {
    /// Parses the command at `pos`, pushing its arguments onto `args`.
    ///
    /// After [`Parsed::Incomplete`] call again with the same `pos` and more bytes behind it. Inline arguments
    /// are unescaped in place, the only change made to `buf`. After an error the stream has no known
    /// boundaries any more; the parser is idle, `args` as before.
    #[inline]
    pub fn parse(
        &mut self,
        buf: &mut [u8],
        pos: usize,
        limits: &Limits,
        args: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        let before = args.len();
        if self.stage == Stage::Idle
            && buf.len() <= REACH_BYTES
            && let Some((count, mut at)) = short_header(buf, pos, b'*')
            && i64::from(count)
                <= if limits.authenticated { limits.max_multibulk } else { UNAUTHENTICATED_ARGS_MAX }
        {
            let mut remaining = count;
            while remaining > 0 {
                let Some((span, next)) = short_bulk(buf, at, limits) else {
                    self.pause(pos, at, remaining);
                    return self.finish(buf, pos, limits, args, before);
                };
                args.push(span);
                at = next;
                remaining -= 1;
            }
            return Ok(Parsed::Complete { next: at });
        }
        self.resume(buf, pos, limits, args)
    }

    /// Whether no command has arrived in part.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// Bytes of the unfinished command's arguments that are complete. O(arguments).
    pub fn taken_bytes(&self) -> usize {
        self.partial.iter().map(|span| span.len as usize).sum()
    }

    /// Bytes behind what has been taken in of the unfinished command, when the buffer is `buffered` bytes long: the
    /// part of an argument or line that is still incomplete.
    pub fn unparsed(&self, buffered: usize) -> usize {
        buffered.saturating_sub(self.start as usize + self.at as usize)
    }

    /// Tells the parser that `by` bytes were drained from the front of the buffer. O(1).
    ///
    /// Only bytes before the unfinished command may go: its arguments lie in the buffer.
    #[inline]
    pub fn rebase(&mut self, by: usize) {
        if self.stage != Stage::Idle {
            debug_assert!(by <= self.start as usize, "drained into an unfinished command");
            self.start -= by as u32;
        }
    }

    /// Enters the state machine between two arguments.
    fn pause(&mut self, pos: usize, at: usize, remaining: u32) {
        self.stage = Stage::Bulks;
        self.start = pos as u32;
        self.at = (at - pos) as u32;
        self.scanned = self.at;
        self.remaining = remaining;
        self.bulk_len = None;
    }

    fn reset(&mut self) {
        self.stage = Stage::Idle;
        self.bulk_len = None;
        self.partial.clear();
        if self.partial.capacity() > PARTIAL_KEPT {
            self.partial = Vec::new();
        }
    }

    /// Begins or continues a command the fast path left alone.
    #[cold]
    #[inline(never)]
    fn resume(
        &mut self,
        buf: &mut [u8],
        pos: usize,
        limits: &Limits,
        args: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        if buf.len() > REACH_BYTES {
            self.reset();
            return Err(ProtocolError::RequestTooLarge);
        }
        debug_assert!(self.is_idle() || self.start as usize == pos, "another position than before");
        let before = args.len();
        match self.stage {
            Stage::Bulks => {
                let mut partial = std::mem::take(&mut self.partial);
                let result = self.bulks(&buf[pos..], 0, limits, &mut partial);
                self.partial = partial;
                if let Ok(Parsed::Complete { next }) = result {
                    let start = pos as u32;
                    args.extend(self.partial.iter().map(|s| Span { start: s.start + start, len: s.len }));
                    self.reset();
                    return Ok(Parsed::Complete { next: pos + next });
                }
                if result.is_err() {
                    self.reset();
                }
                return result;
            }
            Stage::Idle => {
                self.start = pos as u32;
                self.at = 0;
                self.scanned = 0;
            }
            Stage::FirstLine => {}
        }
        let result = match buf.get(pos) {
            None => return Ok(Parsed::Incomplete { wanted: 1 }),
            Some(b'*') => match self.multibulk_header(&buf[pos..], limits) {
                Ok(None) => return self.finish(buf, pos, limits, args, before),
                Ok(Some(parsed)) => Ok(parsed),
                Err(error) => Err(error),
            },
            Some(_) => self.inline(&mut buf[pos..], pos as u32, limits, args),
        };
        match result {
            Ok(Parsed::Complete { next }) => {
                self.reset();
                Ok(Parsed::Complete { next: pos + next })
            }
            Ok(incomplete) => {
                self.stage = Stage::FirstLine;
                Ok(incomplete)
            }
            Err(error) => {
                self.reset();
                args.truncate(before);
                Err(error)
            }
        }
    }

    /// Parses the arguments that are here, straight into `args`; if some are missing, moves them to `partial`.
    fn finish(
        &mut self,
        buf: &[u8],
        pos: usize,
        limits: &Limits,
        args: &mut Vec<Span>,
        before: usize,
    ) -> Result<Parsed, ProtocolError> {
        match self.bulks(&buf[pos..], pos as u32, limits, args) {
            Ok(Parsed::Complete { next }) => {
                self.reset();
                Ok(Parsed::Complete { next: pos + next })
            }
            Ok(incomplete) => {
                let start = pos as u32;
                self.partial
                    .extend(args.drain(before..).map(|s| Span { start: s.start - start, len: s.len }));
                Ok(incomplete)
            }
            Err(error) => {
                self.reset();
                args.truncate(before);
                Err(error)
            }
        }
    }

    /// Reads the `*` line. `None`: arguments follow. `Some`: the command is empty or the line unfinished.
    fn multibulk_header(&mut self, text: &[u8], limits: &Limits) -> Result<Option<Parsed>, ProtocolError> {
        let too_big = ProtocolError::TooBigMultibulkCount;
        let Some(end) = self.line_end(text, limits.max_inline_bytes, too_big)? else {
            return Ok(Some(Parsed::Incomplete { wanted: 1 }));
        };
        if text[end + 1] != b'\n' {
            return Err(ProtocolError::InvalidCrlf);
        }
        let count =
            parse_i64(&text[1..end]).filter(|&count| count <= limits.max_multibulk.min(i64::from(u32::MAX)));
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?;
        if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        if count <= 0 {
            return Ok(Some(Parsed::Complete { next: end + 2 }));
        }
        self.stage = Stage::Bulks;
        self.at = (end + 2) as u32;
        self.scanned = self.at;
        self.remaining = count as u32;
        self.bulk_len = None;
        Ok(None)
    }

    /// Parses arguments until all are read or the text ends. Spans are pushed `offset` bytes further on.
    fn bulks(
        &mut self,
        text: &[u8],
        offset: u32,
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        let room = REACH_BYTES - offset as usize;
        while self.remaining > 0 {
            let at = self.at as usize;
            let (start, len) = match self.bulk_len {
                Some(len) => (at, len as usize),
                None => match short_header(text, at, b'$') {
                    Some((len, start)) if u64::from(len) <= limits.max_bulk_bytes => (start, len as usize),
                    _ => match self.bulk_header(text, limits)? {
                        Some(header) => header,
                        None => return Ok(Parsed::Incomplete { wanted: 1 }),
                    },
                },
            };
            // Not `start + len + 2 > room`: that sum may overflow where usize has 32 bits.
            if len > room.saturating_sub(start).saturating_sub(2) {
                return Err(ProtocolError::RequestTooLarge);
            }
            let end = start + len;
            match text.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(ProtocolError::InvalidCrlf),
                None => {
                    self.at = start as u32;
                    self.bulk_len = Some(len as u32);
                    return Ok(Parsed::Incomplete { wanted: end + 2 - text.len() });
                }
            }
            spans.push(Span { start: offset + start as u32, len: len as u32 });
            self.at = (end + 2) as u32;
            self.scanned = self.at;
            self.bulk_len = None;
            self.remaining -= 1;
        }
        Ok(Parsed::Complete { next: self.at as usize })
    }

    /// Reads the `$` line at `at`: where the argument starts and its length, or `None` if unfinished.
    fn bulk_header(&mut self, text: &[u8], limits: &Limits) -> Result<Option<(usize, usize)>, ProtocolError> {
        let Some(end) = self.line_end(text, limits.max_inline_bytes, ProtocolError::TooBigBulkCount)? else {
            return Ok(None);
        };
        let at = self.at as usize;
        if text[at] != b'$' {
            return Err(ProtocolError::ExpectedDollar(text[at]));
        }
        if text[end + 1] != b'\n' {
            return Err(ProtocolError::InvalidCrlf);
        }
        let len = parse_i64(&text[at + 1..end]).and_then(|len| u64::try_from(len).ok());
        let len = len.filter(|&len| len <= limits.max_bulk_bytes).ok_or(ProtocolError::InvalidBulkLength)?;
        if len > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        let len = usize::try_from(len).map_err(|_| ProtocolError::RequestTooLarge)?;
        Ok(Some((end + 2, len)))
    }

    /// The offset of the carriage return that ends the line at `at`, if the byte behind it is here too.
    fn line_end(
        &mut self,
        text: &[u8],
        max_bytes: usize,
        too_big: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let window = &text[..text.len().min(self.at as usize + max_bytes + 1)];
        match memchr(b'\r', window.get(self.scanned as usize..).unwrap_or_default()) {
            Some(found) => {
                let end = self.scanned as usize + found;
                self.scanned = end as u32;
                Ok((end + 1 < text.len()).then_some(end))
            }
            None if text.len() - self.at as usize > max_bytes => Err(too_big),
            None => {
                self.scanned = text.len() as u32;
                Ok(None)
            }
        }
    }

    /// Reads an inline command.
    fn inline(
        &mut self,
        text: &mut [u8],
        offset: u32,
        limits: &Limits,
        args: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        let window = &text[..text.len().min(limits.max_inline_bytes + 1)];
        // valkey-server searches with a C string function: behind a NUL byte no line end is ever found.
        let found = memchr2(b'\n', 0, window.get(self.scanned as usize..).unwrap_or_default())
            .map(|found| self.scanned as usize + found);
        let Some(end) = found.filter(|&end| text[end] == b'\n') else {
            if text.len() > limits.max_inline_bytes {
                return Err(ProtocolError::TooBigInline);
            }
            self.scanned = found.unwrap_or(text.len()) as u32;
            return Ok(Parsed::Incomplete { wanted: 1 });
        };
        let line = text[..end].strip_suffix(b"\r").map_or(end, <[u8]>::len);
        inline::split(&mut text[..line], |start, len| {
            args.push(Span { start: offset + start as u32, len: len as u32 });
        })
        .map_err(|inline::Unbalanced| ProtocolError::UnbalancedQuotes)?;
        Ok(Parsed::Complete { next: end + 1 })
    }
}

/// Reads `<marker><1 to 3 digits>\r\n` at `at`: the number, and where the line after it begins.
///
/// Six bytes hold every such line, and no whole command ends less than six bytes after a line begins (the
/// shortest tail is `$0\r\n\r\n`), so one bounds check serves. Anything else is the slow path's to judge.
#[inline(always)]
fn short_header(buf: &[u8], at: usize, marker: u8) -> Option<(u32, usize)> {
    let line: &[u8; 6] = buf.get(at..)?.first_chunk()?;
    let first = u32::from(line[1].wrapping_sub(b'0'));
    if line[0] != marker || first > 9 {
        return None;
    }
    if line[2] == b'\r' {
        return (line[3] == b'\n').then_some((first, at + 4));
    }
    let second = u32::from(line[2].wrapping_sub(b'0'));
    if first == 0 || second > 9 {
        return None;
    }
    if line[3] == b'\r' {
        return (line[4] == b'\n').then_some((first * 10 + second, at + 5));
    }
    let third = u32::from(line[3].wrapping_sub(b'0'));
    (third <= 9 && line[4] == b'\r' && line[5] == b'\n')
        .then_some((first * 100 + second * 10 + third, at + 6))
}

/// Reads a whole argument with a short length at `at`, and where the next one begins.
#[inline(always)]
fn short_bulk(buf: &[u8], at: usize, limits: &Limits) -> Option<(Span, usize)> {
    let (len, start) = short_header(buf, at, b'$')?;
    let end = start + len as usize;
    let whole = u64::from(len) <= limits.max_bulk_bytes && buf.get(end..end + 2)? == b"\r\n";
    whole.then_some((Span { start: start as u32, len }, end + 2))
}

#[cfg(test)]
mod tests;
