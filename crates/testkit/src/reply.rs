//! Replies of the RESP2 and RESP3 protocols, kept as the bytes they arrived in.
//!
//! [`Scanner`] finds where a reply ends without building anything; [`Value::parse`] builds a tree of borrowed
//! slices for the few replies that are not compared byte for byte.
//! Protocol: <https://valkey.io/topics/protocol/>.

use std::fmt::Write as _;

/// The peer sent bytes that are no RESP reply. Holds the offset in the buffer where the offending line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a RESP reply, at byte {0}")]
pub struct Malformed(pub usize);

/// Finds the end of one reply in a growing buffer; remembers how far it got, so each byte is read once.
#[derive(Debug, Clone)]
pub struct Scanner {
    position: usize,
    pending: u64,
}

impl Scanner {
    /// A scanner for the reply that begins at `start` of the buffer.
    pub fn new(start: usize) -> Self {
        Scanner { position: start, pending: 1 }
    }

    /// The offset after the reply, or `None` when more bytes are needed.
    ///
    /// Push messages and attributes in front of a reply belong to it: their order is part of what is compared.
    pub fn end(&mut self, buffer: &[u8]) -> Result<Option<usize>, Malformed> {
        while self.pending > 0 {
            let Some((line, after)) = line_at(buffer, self.position) else { return Ok(None) };
            let malformed = Malformed(self.position);
            let (&kind, text) = line.split_first().ok_or(malformed)?;
            let mut next = after;
            match kind {
                b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => self.pending -= 1,
                b'$' | b'=' | b'!' => {
                    if let Some(length) = count(text).ok_or(malformed)? {
                        next = after + length as usize + 2;
                        if next > buffer.len() {
                            return Ok(None);
                        }
                    }
                    self.pending -= 1;
                }
                b'*' | b'~' => self.pending = self.pending - 1 + count(text).ok_or(malformed)?.unwrap_or(0),
                b'%' => self.pending = self.pending - 1 + 2 * count(text).ok_or(malformed)?.unwrap_or(0),
                b'>' => self.pending += count(text).ok_or(malformed)?.unwrap_or(0),
                b'|' => self.pending += 2 * count(text).ok_or(malformed)?.unwrap_or(0),
                _ => return Err(malformed),
            }
            self.position = next;
        }
        Ok(Some(self.position))
    }
}

/// The line that begins at `start` without its CRLF, and the offset after it.
fn line_at(buffer: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let rest = buffer.get(start..)?;
    let length = rest.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&rest[..length], start + length + 2))
}

/// A length: `Some(None)` is the null of RESP2 (`-1`), `None` is no length at all.
fn count(text: &[u8]) -> Option<Option<u64>> {
    if text == b"-1" {
        return Some(None);
    }
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten().map(Some)
}

/// One reply as a tree over the bytes it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value<'a> {
    /// The type byte of the wire: `+ - : $ * _ # , ( = ! % ~ > |`.
    pub kind: u8,
    /// True for `$-1`, `*-1` and `_`.
    pub null: bool,
    /// The payload of a scalar.
    pub text: &'a [u8],
    /// Elements of an aggregate; a map's keys and values alternate.
    pub items: Vec<Value<'a>>,
    /// Attributes and pushes that arrived in front of this reply.
    pub before: Vec<Value<'a>>,
}

impl<'a> Value<'a> {
    /// Parses one whole reply, as delimited by [`Scanner::end`]. `None` when the bytes are not exactly one.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut position = 0;
        let value = parse_at(bytes, &mut position)?;
        (position == bytes.len()).then_some(value)
    }

    /// True for `-` and for RESP3's `!`.
    pub fn is_error(&self) -> bool {
        matches!(self.kind, b'-' | b'!')
    }

    /// True for arrays, sets, maps and pushes that are not null.
    pub fn is_aggregate(&self) -> bool {
        matches!(self.kind, b'*' | b'~' | b'%' | b'>') && !self.null
    }

    /// The payload as an integer: of an integer reply, or of a string of digits.
    pub fn integer(&self) -> Option<i64> {
        std::str::from_utf8(self.text).ok()?.parse().ok()
    }

    /// The key-value pairs of a map, or of a flat array as RESP2 sends it.
    pub fn pairs(&self) -> impl Iterator<Item = (&Value<'a>, &Value<'a>)> {
        self.items.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }

    /// The payload of a bulk string, without the three letters and the colon of a verbatim one.
    pub fn body(&self) -> &'a [u8] {
        if self.kind == b'=' { self.text.get(4..).unwrap_or_default() } else { self.text }
    }
}

fn parse_at<'a>(bytes: &'a [u8], position: &mut usize) -> Option<Value<'a>> {
    let (line, after) = line_at(bytes, *position)?;
    let (&kind, text) = line.split_first()?;
    *position = after;
    let mut value = Value { kind, null: false, text, items: Vec::new(), before: Vec::new() };
    match kind {
        b'$' | b'=' | b'!' => match count(text)? {
            None => (value.null, value.text) = (true, b""),
            Some(length) => {
                value.text = bytes.get(after..after + length as usize)?;
                *position = after + length as usize + 2;
            }
        },
        b'_' => value.null = true,
        b'*' | b'~' | b'%' | b'>' | b'|' => {
            value.text = b"";
            let length = count(text)?;
            value.null = length.is_none();
            let factor = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
            for _ in 0..length.unwrap_or(0) * factor {
                value.items.push(parse_at(bytes, position)?);
            }
            if matches!(kind, b'|' | b'>') && *position < bytes.len() {
                let mut reply = parse_at(bytes, position)?;
                reply.before.insert(0, value);
                return Some(reply);
            }
        }
        _ => {}
    }
    Some(value)
}

/// Bytes as one readable line: printable ASCII as it is, the rest escaped; long ones are cut in the middle.
pub fn escape(bytes: &[u8], max: usize) -> String {
    let mut out = String::new();
    let cut = bytes.len() > max;
    let head = if cut { &bytes[..max / 2] } else { bytes };
    escape_into(head, &mut out);
    if cut {
        let _ = write!(out, " ...{} bytes... ", bytes.len() - 2 * (max / 2));
        escape_into(&bytes[bytes.len() - max / 2..], &mut out);
    }
    out
}

fn escape_into(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        match byte {
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            b'"' => out.push_str("\\\""),
            0x20..=0x7e => out.push(byte as char),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) {
        for cut in 0..bytes.len() {
            assert_eq!(Scanner::new(0).end(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
        assert_eq!(Scanner::new(0).end(bytes), Ok(Some(bytes.len())));
        // Resumed at every byte, the same scanner must come to the same end.
        let mut scanner = Scanner::new(0);
        for cut in 0..bytes.len() {
            assert_eq!(scanner.end(&bytes[..cut]), Ok(None));
        }
        assert_eq!(scanner.end(bytes), Ok(Some(bytes.len())));
        assert!(Value::parse(bytes).is_some());
    }

    #[test]
    fn replies_end_where_they_end() {
        whole(b"+OK\r\n");
        whole(b"$5\r\n\r\n\r\nx\r\n");
        whole(b"$-1\r\n");
        whole(b"*0\r\n");
        whole(b"*2\r\n*1\r\n:1\r\n$0\r\n\r\n");
        whole(b"%1\r\n+a\r\n~2\r\n_\r\n#t\r\n");
        whole(b"|1\r\n+k\r\n*1\r\n:1\r\n,1.5\r\n");
        whole(b">2\r\n+a\r\n+b\r\n$1\r\nx\r\n");
        whole(b"=8\r\ntxt:abcd\r\n");
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(Scanner::new(0).end(b"hello\r\n"), Err(Malformed(0)));
        assert_eq!(Scanner::new(0).end(b"*1\r\n$x\r\n"), Err(Malformed(4)));
        assert_eq!(Scanner::new(0).end(b"\r\n"), Err(Malformed(0)));
    }

    #[test]
    fn values_keep_structure() {
        let bytes = b"|1\r\n+k\r\n:1\r\n%1\r\n$1\r\na\r\n*-1\r\n";
        let value = Value::parse(bytes).unwrap();
        assert_eq!((value.kind, value.before.len()), (b'%', 1));
        let (key, null) = value.pairs().next().unwrap();
        assert_eq!((key.text, null.null), (b"a".as_slice(), true));
        assert_eq!(Value::parse(b"+OK\r\n+more\r\n"), None);
    }

    #[test]
    fn escapes_are_readable_and_bounded() {
        assert_eq!(escape(b"a\r\n\x00\"", 100), "a\\r\\n\\x00\\\"");
        assert!(escape(&[b'x'; 1000], 40).len() < 80);
    }
}
