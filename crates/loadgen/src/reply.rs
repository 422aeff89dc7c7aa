//! Counts RESP replies in a byte stream without decoding them.
//!
//! The generator only needs to know when a reply is complete, whether it was an error, and whether it was null. Most
//! replies of a run look alike (`+OK`, a bulk string of the value size), so two memory comparisons settle them; the
//! general path understands all of RESP2 and RESP3, nested aggregates included:
//! <https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md>.

use std::collections::HashMap;

/// Most distinct error texts kept; further ones are counted together.
const ERROR_TEXTS_MAX: usize = 64;
/// Bytes of an error text that are kept.
const ERROR_TEXT_BYTES_MAX: usize = 160;
/// A header line longer than this is no RESP.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Complete top-level replies, errors included.
    pub replies: u64,
    /// Replies that were null, such as GET of a missing key.
    pub nulls: u64,
    /// Error replies by text.
    pub errors: HashMap<Vec<u8>, u64>,
}

impl Tally {
    /// Error replies in total.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Tally) {
        self.replies += other.replies;
        self.nulls += other.nulls;
        for (text, count) in &other.errors {
            self.add_error(text, *count);
        }
    }

    fn add_error(&mut self, text: &[u8], count: u64) {
        let text = &text[..text.len().min(ERROR_TEXT_BYTES_MAX)];
        if let Some(known) = self.errors.get_mut(text) {
            *known += count;
        } else if self.errors.len() < ERROR_TEXTS_MAX {
            self.errors.insert(text.to_vec(), count);
        } else {
            *self.errors.entry(b"(other errors)".to_vec()).or_default() += count;
        }
    }
}

/// A reply whose first bytes and whole length are known beforehand.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedForm {
    /// How it begins.
    pub prefix: Vec<u8>,
    /// Its length with the final CRLF.
    pub reply_bytes: usize,
}

impl FixedForm {
    /// The status reply `+text`.
    pub fn status(text: &str) -> FixedForm {
        let prefix = format!("+{text}\r\n").into_bytes();
        FixedForm { reply_bytes: prefix.len(), prefix }
    }

    /// A bulk string of `value_bytes`.
    pub fn bulk(value_bytes: usize) -> FixedForm {
        let prefix = format!("${value_bytes}\r\n").into_bytes();
        FixedForm { reply_bytes: prefix.len() + value_bytes + 2, prefix }
    }

    #[inline]
    fn matches(&self, rest: &[u8]) -> bool {
        rest.len() >= self.reply_bytes
            && rest.starts_with(&self.prefix)
            && rest[self.reply_bytes - 2..self.reply_bytes] == *b"\r\n"
    }
}

/// Why a stream is not RESP.
#[derive(Debug, PartialEq)]
pub struct BadReply(pub String);

impl std::fmt::Display for BadReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server's reply is not RESP: {}", self.0)
    }
}

impl std::error::Error for BadReply {}

/// Where one connection's reply stream stands.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    forms: Vec<FixedForm>,
    /// Payload bytes (CRLF included) of the current bulk that are still to come.
    skip: usize,
    /// Elements that the current aggregate still lacks; 0 between replies.
    lacking: u64,
    /// The current reply counts as null already, or is an aggregate.
    nested: bool,
}

impl Scanner {
    /// A scanner that tries `forms` before the general path.
    pub fn new(forms: Vec<FixedForm>) -> Scanner {
        Scanner { forms, ..Scanner::default() }
    }

    /// Reads what is complete in `bytes` and returns how many bytes it used; the caller presents the rest again,
    /// with more behind it. Amortized O(bytes); payloads that continue in the next call are used up at once.
    pub fn scan(&mut self, bytes: &[u8], tally: &mut Tally) -> Result<usize, BadReply> {
        let mut at = 0;
        while at < bytes.len() {
            if self.skip > 0 {
                let step = self.skip.min(bytes.len() - at);
                self.skip -= step;
                at += step;
                if self.skip == 0 {
                    self.complete(tally);
                }
                continue;
            }
            let rest = &bytes[at..];
            if !self.nested
                && let Some(form) = self.forms.iter().find(|form| form.matches(rest))
            {
                at += form.reply_bytes;
                tally.replies += 1;
                continue;
            }
            let Some(line_bytes) = line_end(rest) else {
                if rest.len() > LINE_BYTES_MAX {
                    return Err(BadReply("a line without end".to_owned()));
                }
                break;
            };
            self.element(&rest[..line_bytes - 2], tally)?;
            at += line_bytes;
        }
        Ok(at)
    }

    /// One header line, without its CRLF.
    fn element(&mut self, line: &[u8], tally: &mut Tally) -> Result<(), BadReply> {
        let Some((&kind, text)) = line.split_first() else {
            return Err(BadReply("an empty line".to_owned()));
        };
        match kind {
            b'+' | b':' | b',' | b'#' | b'(' => self.complete(tally),
            b'_' => self.null(tally),
            b'-' => {
                if !self.nested {
                    tally.add_error(text, 1);
                }
                self.complete(tally);
            }
            b'$' | b'=' | b'!' => match length(text)? {
                None => self.null(tally),
                Some(payload_bytes) => self.skip = payload_bytes as usize + 2,
            },
            b'*' | b'~' | b'>' => match length(text)? {
                None => self.null(tally),
                Some(0) => self.complete(tally),
                Some(elements) => self.open(elements),
            },
            b'%' => match length(text)? {
                None => self.null(tally),
                Some(0) => self.complete(tally),
                Some(pairs) => self.open(pairs * 2),
            },
            _ => return Err(BadReply(String::from_utf8_lossy(line).chars().take(80).collect())),
        }
        Ok(())
    }

    fn open(&mut self, elements: u64) {
        // An inner aggregate stands for one element of the outer one.
        self.lacking = if self.nested { self.lacking - 1 + elements } else { elements };
        self.nested = true;
    }

    fn null(&mut self, tally: &mut Tally) {
        if !self.nested {
            tally.nulls += 1;
        }
        self.complete(tally);
    }

    fn complete(&mut self, tally: &mut Tally) {
        if self.nested {
            self.lacking -= 1;
            if self.lacking > 0 {
                return;
            }
            self.nested = false;
        }
        tally.replies += 1;
    }
}

/// Length of the first line with its CRLF, if it is complete.
#[inline]
fn line_end(bytes: &[u8]) -> Option<usize> {
    let newline = bytes.iter().position(|&byte| byte == b'\n')?;
    (newline > 0 && bytes[newline - 1] == b'\r').then_some(newline + 1)
}

/// A length field; `None` for the null form `-1`.
fn length(text: &[u8]) -> Result<Option<u64>, BadReply> {
    if text == b"-1" {
        return Ok(None);
    }
    let digits = !text.is_empty() && text.len() <= 10 && text.iter().all(u8::is_ascii_digit);
    if !digits {
        return Err(BadReply(format!("length '{}'", String::from_utf8_lossy(text))));
    }
    Ok(Some(text.iter().fold(0, |sum, &digit| sum * 10 + u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_in_pieces(stream: &[u8], piece_bytes: usize, forms: Vec<FixedForm>) -> Tally {
        let mut scanner = Scanner::new(forms);
        let mut tally = Tally::default();
        let mut held: Vec<u8> = Vec::new();
        for piece in stream.chunks(piece_bytes) {
            held.extend_from_slice(piece);
            let used = scanner.scan(&held, &mut tally).expect("the stream is RESP");
            held.drain(..used);
        }
        assert!(held.is_empty(), "left over: {:?}", String::from_utf8_lossy(&held));
        assert_eq!((scanner.skip, scanner.lacking, scanner.nested), (0, 0, false));
        tally
    }

    #[test]
    fn counts_every_kind_at_every_split() {
        let stream = b"+OK\r\n$3\r\nabc\r\n$-1\r\n:42\r\n-ERR no\r\n*3\r\n$1\r\na\r\n*2\r\n:1\r\n-ERR in\r\n$-1\r\n*0\r\n*-1\r\n\
            %1\r\n+k\r\n~2\r\n:1\r\n:2\r\n_\r\n,1.5\r\n#t\r\n(123\r\n=7\r\ntxt:abc\r\n!5\r\nERR x\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n-ERR no\r\n";
        for forms in [vec![], vec![FixedForm::status("OK"), FixedForm::bulk(3)]] {
            for piece_bytes in 1..=stream.len() {
                let tally = scan_in_pieces(stream, piece_bytes, forms.clone());
                assert_eq!(tally.replies, 18, "pieces of {piece_bytes}");
                assert_eq!(tally.nulls, 3);
                assert_eq!(tally.errors.get(&b"ERR no"[..]), Some(&2));
                assert_eq!(tally.error_count(), 2, "errors inside arrays are elements");
            }
        }
    }

    #[test]
    fn fixed_forms_do_not_swallow_a_different_reply() {
        // A bulk of the expected size inside an array, and a status with the expected beginning.
        let tally = scan_in_pieces(
            b"*1\r\n$3\r\nabc\r\n+OKAY\r\n+OK\r\n",
            1000,
            vec![FixedForm::status("OK"), FixedForm::bulk(3)],
        );
        assert_eq!(tally.replies, 3);
    }

    #[test]
    fn refuses_what_is_not_resp() {
        let mut tally = Tally::default();
        for bad in [&b"HTTP/1.1 200 OK\r\n"[..], b"\r\n", b"$x\r\n", b"$-2\r\n", b"*99999999999\r\n"] {
            assert!(Scanner::default().scan(bad, &mut tally).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn error_texts_are_bounded() {
        let mut tally = Tally::default();
        let mut scanner = Scanner::default();
        for i in 0..500 {
            let line = format!("-ERR number {i}\r\n");
            scanner.scan(line.as_bytes(), &mut tally).expect("an error line");
        }
        assert!(tally.errors.len() <= ERROR_TEXTS_MAX + 1);
        assert_eq!(tally.error_count(), 500);
    }
}
