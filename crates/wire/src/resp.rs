//! The RESP protocol, both versions and both directions.
//!
//! [`parse`] reads requests (the server's side), [`encode`] writes replies, [`reply`] reads replies and writes
//! requests (the client's side). Specification: <https://valkey.io/topics/protocol/>.

pub mod encode;
mod inline;
pub mod parse;
pub mod reply;

pub use encode::{Mark, ReplyWriter};
pub use parse::{Limits, Parsed, ProtocolError, RequestParser, Span};
pub use reply::{Reply, ReplyError, encode_command, parse_reply, reply_len};

/// The words of a line, unquoted as in inline requests; `None` where a quote stays open. O(line).
pub fn inline_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut line = line.to_vec();
    let mut ranges = Vec::new();
    inline::split(&mut line, |start, len| ranges.push(start..start + len)).ok()?;
    Some(ranges.into_iter().map(|range| line[range].to_vec()).collect())
}

/// The protocol version a connection chose with `HELLO`; a new connection speaks [`Resp::V2`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resp {
    /// RESP2: five types, no nulls or maps of their own.
    #[default]
    V2,
    /// RESP3: adds null, double, boolean, map, set, push, verbatim text, big numbers and attributes.
    V3,
}
