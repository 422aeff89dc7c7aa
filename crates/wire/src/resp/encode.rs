//! Writes replies. Which bytes a value becomes depends on the connection's protocol version, and only here.
//!
//! Types RESP2 lacks fall back as valkey-server's do: a map becomes an array of twice the length, a double or a
//! verbatim text a bulk string, a boolean an integer. Format: <https://valkey.io/topics/protocol/>.

use super::Resp;
use super::parse::ProtocolError;
use crate::long_double::LongDouble;
use crate::number::{DoubleBuf, IntBuf, format_f64, format_i64, format_u64};

/// Appends replies to a connection's output.
///
/// The writer keeps no state besides the bytes: whoever opens an array of n owes it n replies.
#[derive(Debug)]
pub struct ReplyWriter<'a> {
    /// What has been written, possibly behind earlier replies.
    pub out: &'a mut Vec<u8>,
    /// The protocol version to write.
    pub resp: Resp,
}

/// An aggregate opened before its length was known; every mark must be finished.
#[derive(Debug)]
#[must_use = "the aggregate has no length until it is finished"]
pub struct Mark(usize);

/// What a mark reserves: most deferred aggregates are short, and nine replies fit without moving the body.
const DEFERRED_HEADER: &[u8] = b"*0\r\n";

impl<'a> ReplyWriter<'a> {
    /// A writer that appends to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, resp: Resp) -> Self {
        Self { out, resp }
    }

    /// Bytes in the output, for [`ReplyWriter::truncate`].
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a position to return to, not a size")]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Takes back everything written since the output was `len` bytes long.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// Appends bytes that are already a reply (or part of one).
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A simple string. `text` must not contain CR or LF.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        debug_assert!(!text.contains(['\r', '\n']), "a simple string is one line");
        self.line(b'+', text.as_bytes());
    }

    /// An error: `text` begins with its code, `ERR syntax error`. CR and LF become blanks.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// [`ReplyWriter::error`] for texts that quote what a client sent.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(b'-');
        self.out.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.raw(b"\r\n");
    }

    /// The last reply of a connection that stopped making sense.
    pub fn protocol_error(&mut self, error: &ProtocolError) {
        self.error_bytes(&[b"ERR ", error.text().as_slice()].concat());
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if (0..10).contains(&value) {
            self.raw(&[b':', b'0' + value as u8, b'\r', b'\n']);
        } else {
            self.line(b':', format_i64(value, &mut IntBuf::new()));
        }
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 16);
        self.header(b'$', bytes.len());
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    /// An integer as a bulk string, as `GET` answers for a stored integer.
    #[inline]
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(format_i64(value, &mut IntBuf::new()));
    }

    /// The absence of a value.
    #[inline]
    pub fn null(&mut self) {
        self.raw(match self.resp {
            Resp::V2 => b"$-1\r\n",
            Resp::V3 => b"_\r\n",
        });
    }

    /// The absence of an array.
    #[inline]
    pub fn null_array(&mut self) {
        self.raw(match self.resp {
            Resp::V2 => b"*-1\r\n",
            Resp::V3 => b"_\r\n",
        });
    }

    /// Opens an array of `count` replies.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count);
    }

    /// Opens a map of `pairs`: a key and a value each.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        match self.resp {
            Resp::V2 => self.header(b'*', pairs * 2),
            Resp::V3 => self.header(b'%', pairs),
        }
    }

    /// Opens a set of `count` replies.
    #[inline]
    pub fn set(&mut self, count: usize) {
        self.header(if self.resp == Resp::V2 { b'*' } else { b'~' }, count);
    }

    /// Opens a push message of `count` replies; in RESP2 an array, as `SUBSCRIBE` needs it.
    #[inline]
    pub fn push(&mut self, count: usize) {
        self.header(if self.resp == Resp::V2 { b'*' } else { b'>' }, count);
    }

    /// Opens attributes of `pairs` for the reply that follows. Returns false, having written nothing, in
    /// RESP2, which has no attributes: leave them out then.
    #[must_use]
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.resp == Resp::V3 {
            self.header(b'|', pairs);
        }
        self.resp == Resp::V3
    }

    /// A double; in RESP2 a bulk string of the same digits.
    pub fn double(&mut self, value: f64) {
        let mut buf = DoubleBuf::new();
        let text = format_f64(value, &mut buf);
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => self.line(b',', text),
        }
    }

    /// A double with up to 17 decimals and no exponent, as geo commands answer coordinates.
    pub fn double_human(&mut self, value: f64) {
        let mut text = Vec::with_capacity(32);
        LongDouble::from_f64(value).format_human(&mut text);
        match self.resp {
            Resp::V2 => self.bulk(&text),
            Resp::V3 => self.line(b',', &text),
        }
    }

    /// A boolean; in RESP2 the integer 1 or 0.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.raw(match (self.resp, value) {
            (Resp::V2, false) => b":0\r\n",
            (Resp::V2, true) => b":1\r\n",
            (Resp::V3, false) => b"#f\r\n",
            (Resp::V3, true) => b"#t\r\n",
        });
    }

    /// An integer of any size, given in decimal; in RESP2 a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        match self.resp {
            Resp::V2 => self.bulk(digits.as_bytes()),
            Resp::V3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// A text with a three-letter format (`txt`, `mkd`); in RESP2 a bulk string without the format.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => {
                self.out.reserve(text.len() + 24);
                self.header(b'=', text.len() + 4);
                self.raw(format);
                self.raw(b":");
                self.raw(text);
                self.raw(b"\r\n");
            }
        }
    }

    /// Opens an array whose length is told later, to [`ReplyWriter::array_finish`].
    #[inline]
    pub fn array_deferred(&mut self) -> Mark {
        let mark = Mark(self.out.len());
        self.raw(DEFERRED_HEADER);
        mark
    }

    /// Gives an array its length. O(1) up to 9 replies, beyond that the body moves: O(bytes since the mark).
    #[inline]
    pub fn array_finish(&mut self, mark: Mark, count: usize) {
        self.aggregate_finish(mark, b'*', count);
    }

    /// Finishes a mark as a map of `pairs`.
    pub fn map_finish(&mut self, mark: Mark, pairs: usize) {
        match self.resp {
            Resp::V2 => self.aggregate_finish(mark, b'*', pairs * 2),
            Resp::V3 => self.aggregate_finish(mark, b'%', pairs),
        }
    }

    /// Finishes a mark as a set of `count`.
    pub fn set_finish(&mut self, mark: Mark, count: usize) {
        self.aggregate_finish(mark, if self.resp == Resp::V2 { b'*' } else { b'~' }, count);
    }

    fn aggregate_finish(&mut self, Mark(at): Mark, marker: u8, count: usize) {
        self.out[at] = marker;
        if count < 10 {
            self.out[at + 1] = b'0' + count as u8;
        } else {
            let mut buf = IntBuf::new();
            self.out.splice(at + 1..at + 2, format_u64(count as u64, &mut buf).iter().copied());
        }
    }

    #[inline]
    fn header(&mut self, marker: u8, count: usize) {
        if count < 10 {
            self.raw(&[marker, b'0' + count as u8, b'\r', b'\n']);
        } else if count < 100 {
            self.raw(&[marker, b'0' + (count / 10) as u8, b'0' + (count % 10) as u8, b'\r', b'\n']);
        } else {
            self.line(marker, format_u64(count as u64, &mut IntBuf::new()));
        }
    }

    #[inline]
    fn line(&mut self, marker: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(marker);
        self.raw(text);
        self.raw(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resp: Resp, write: impl FnOnce(&mut ReplyWriter)) -> String {
        let mut out = Vec::new();
        write(&mut ReplyWriter::new(&mut out, resp));
        String::from_utf8(out).expect("test replies are text")
    }

    #[track_caller]
    fn check(write: impl Fn(&mut ReplyWriter), v2: &str, v3: &str) {
        assert_eq!(written(Resp::V2, &write), v2);
        assert_eq!(written(Resp::V3, &write), v3);
    }

    #[test]
    fn types_both_versions_share() {
        check(|w| w.ok(), "+OK\r\n", "+OK\r\n");
        check(|w| w.simple("PONG"), "+PONG\r\n", "+PONG\r\n");
        check(|w| w.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n");
        for value in [0, 9, 10, -1, i64::MAX, i64::MIN] {
            let expected = format!(":{value}\r\n");
            check(|w| w.int(value), &expected, &expected);
        }
        for len in [0, 1, 9, 10, 11, 99, 100, 101, 1000, 12345] {
            let text = "x".repeat(len);
            let expected = format!("${len}\r\n{text}\r\n");
            check(|w| w.bulk(text.as_bytes()), &expected, &expected);
        }
        check(|w| w.bulk_int(-12), "$3\r\n-12\r\n", "$3\r\n-12\r\n");
        check(|w| w.array(0), "*0\r\n", "*0\r\n");
        check(|w| w.array(123), "*123\r\n", "*123\r\n");
    }

    #[test]
    fn types_that_differ() {
        check(|w| w.null(), "$-1\r\n", "_\r\n");
        check(|w| w.null_array(), "*-1\r\n", "_\r\n");
        check(|w| w.map(5), "*10\r\n", "%5\r\n");
        check(|w| w.set(3), "*3\r\n", "~3\r\n");
        check(|w| w.push(3), "*3\r\n", ">3\r\n");
        check(|w| w.double(0.5), "$3\r\n0.5\r\n", ",0.5\r\n");
        check(|w| w.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
        check(|w| w.double(f64::NAN), "$3\r\nnan\r\n", ",nan\r\n");
        check(
            |w| w.double_human(13.361389338970184),
            "$20\r\n13.36138933897018433\r\n",
            ",13.36138933897018433\r\n",
        );
        check(|w| w.bool(true), ":1\r\n", "#t\r\n");
        check(|w| w.bool(false), ":0\r\n", "#f\r\n");
        check(|w| w.big_number("-123"), "$4\r\n-123\r\n", "(-123\r\n");
        check(|w| w.verbatim(b"txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
        check(|w| assert_eq!(w.attribute(1), w.resp == Resp::V3), "", "|1\r\n");
    }

    #[test]
    fn protocol_error_passes_the_byte_on() {
        let mut out = Vec::new();
        ReplyWriter::new(&mut out, Resp::V2).protocol_error(&ProtocolError::ExpectedDollar(0xff));
        assert_eq!(out, b"-ERR Protocol error: expected '$', got '\xff'\r\n");
        out.clear();
        ReplyWriter::new(&mut out, Resp::V2).protocol_error(&ProtocolError::ExpectedDollar(b'\n'));
        assert_eq!(out, b"-ERR Protocol error: expected '$', got ' '\r\n");
    }

    #[test]
    fn deferred_lengths_of_any_width_nest() {
        for count in [0, 1, 9, 10, 99, 100, 1234] {
            let write = |w: &mut ReplyWriter| {
                let outer = w.array_deferred();
                for n in 0..count {
                    let inner = w.array_deferred();
                    w.int(n);
                    w.array_finish(inner, 1);
                }
                w.array_finish(outer, count as usize);
            };
            let body: String = (0..count).map(|n| format!("*1\r\n:{n}\r\n")).collect();
            assert_eq!(written(Resp::V2, write), format!("*{count}\r\n{body}"));
        }
        let map = |w: &mut ReplyWriter| {
            let mark = w.array_deferred();
            w.map_finish(mark, 12);
            let mark = w.array_deferred();
            w.set_finish(mark, 3);
        };
        check(map, "*24\r\n*3\r\n", "%12\r\n~3\r\n");
    }

    #[test]
    fn rollback_leaves_earlier_replies() {
        let write = |w: &mut ReplyWriter| {
            w.ok();
            let len = w.len();
            w.array(2);
            w.int(1);
            w.truncate(len);
            w.error("ERR no");
        };
        check(write, "+OK\r\n-ERR no\r\n", "+OK\r\n-ERR no\r\n");
    }
}
