//! Splits an inline request (a line typed by hand) into arguments, unescaping quotes in place.
//!
//! Inline requests are described at <https://valkey.io/topics/protocol/#inline-commands>; the quoting rules
//! were established by differential tests against valkey-server 9.1. Two of them surprise:
//! * a backslash escapes only if at least two bytes of the line follow it, so `"a\"` ends with a backslash;
//! * a literal byte 0xFF is dropped (`\xff` inside double quotes is the way to send one).
//!
//! An argument is never longer than its source text, which is what makes unescaping in place possible.

/// A quote that was opened and not closed before the end of the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

/// Rewrites `line` and calls `found(start, len)` for each argument; ranges refer to the rewritten line.
///
/// O(line). The line must not contain its terminator.
pub(super) fn split(line: &mut [u8], mut found: impl FnMut(usize, usize)) -> Result<(), Unbalanced> {
    let mut read = 0;
    loop {
        while read < line.len() && is_blank(line[read]) {
            read += 1;
        }
        if read == line.len() {
            return Ok(());
        }
        let start = read;
        let mut write = read;
        let mut quote = Quote::None;
        while read < line.len() {
            let byte = line[read];
            let (consumed, out) = match quote {
                Quote::None => match byte {
                    b' ' | b'\t' | b'\r' | b'\n' => break,
                    b'"' => {
                        quote = Quote::Double;
                        (1, None)
                    }
                    b'\'' => {
                        quote = Quote::Single;
                        (1, None)
                    }
                    _ => literal(byte, 1),
                },
                Quote::Double if byte == b'"' => {
                    quote = Quote::None;
                    (1, None)
                }
                Quote::Double if byte == b'\\' => escape(&line[read..]),
                Quote::Double => literal(byte, 1),
                Quote::Single if byte == b'\'' => {
                    quote = Quote::None;
                    (1, None)
                }
                Quote::Single if line[read..].starts_with(b"\\'") && line.len() - read > 2 => {
                    (2, Some(b'\''))
                }
                Quote::Single => literal(byte, 1),
            };
            read += consumed;
            if let Some(out) = out {
                line[write] = out;
                write += 1;
            }
        }
        if quote != Quote::None {
            return Err(Unbalanced);
        }
        found(start, write - start);
    }
}

#[derive(PartialEq)]
enum Quote {
    None,
    Single,
    Double,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn literal(byte: u8, consumed: usize) -> (usize, Option<u8>) {
    (consumed, (byte != 0xff).then_some(byte))
}

/// One backslash sequence inside double quotes: the bytes it takes and the byte it means.
fn escape(text: &[u8]) -> (usize, Option<u8>) {
    match *text {
        [_, b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            (4, Some(hex_digit(high) << 4 | hex_digit(low)))
        }
        [_, b'n', _, ..] => (2, Some(b'\n')),
        [_, b'r', _, ..] => (2, Some(b'\r')),
        [_, b't', _, ..] => (2, Some(b'\t')),
        [_, b'b', _, ..] => (2, Some(0x08)),
        [_, b'a', _, ..] => (2, Some(0x07)),
        [_, other, _, ..] => literal(other, 2),
        _ => (1, Some(b'\\')),
    }
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &[u8], expected: Option<&[&[u8]]>) {
        let mut buffer = line.to_vec();
        let mut ranges = Vec::new();
        let result = split(&mut buffer, |start, len| ranges.push((start, len)));
        let found: Vec<&[u8]> = ranges.iter().map(|&(start, len)| &buffer[start..start + len]).collect();
        match expected {
            None => assert_eq!(result, Err(Unbalanced), "{}", line.escape_ascii()),
            Some(args) => {
                assert_eq!(result, Ok(()), "{}", line.escape_ascii());
                assert_eq!(found, args, "{}", line.escape_ascii());
            }
        }
    }

    #[test]
    fn plain_words_split_at_blanks() {
        check(b"", Some(&[]));
        check(b"  \t\x0b\x0c\r ", Some(&[]));
        check(b" SET  a\tb\rc ", Some(&[b"SET", b"a", b"b", b"c"]));
        // Vertical tab and form feed separate nothing once a word has begun.
        check(b"\x0ba\x0bb\x0c c", Some(&[b"a\x0bb\x0c", b"c"]));
    }

    #[test]
    fn quotes_join_with_what_surrounds_them() {
        check(b"a\"b c\"'d e'f", Some(&[b"ab cd ef"]));
        check(b"\"\" ''", Some(&[b"", b""]));
        check(b"'a\"b' \"c'd\"", Some(&[b"a\"b", b"c'd"]));
    }

    #[test]
    fn escapes_in_double_quotes() {
        check(br#""\x41\xfF\n\r\t\b\a\q\\\"" "#, Some(&[b"A\xff\n\r\t\x08\x07q\\\""]));
        check(br#""\x4g\x4""#, Some(&[b"x4gx4"]));
        check(br#""\xf""#, Some(&[b"xf"]));
    }

    #[test]
    fn escapes_in_single_quotes() {
        check(br"'a\'b' '\n\\'", Some(&[b"a'b", br"\n\\"]));
    }

    #[test]
    fn backslash_before_last_byte_is_literal() {
        check(br#""a\""#, Some(&[br"a\"]));
        check(br"'a\'", Some(&[br"a\"]));
        check(br#""a\" "#, None);
        check(br"'a\' ", None);
    }

    #[test]
    fn literal_0xff_is_dropped() {
        check(b"\xff a\xffb \"\xff\\\xff\xfe\" '\xff'", Some(&[b"", b"ab", b"\xfe", b""]));
    }

    #[test]
    fn open_quote_is_refused() {
        for line in [b"\"".as_slice(), b"'", b"a\"", b"\"a\" \"b", b"'a\\", b"\"a\\"] {
            check(line, None);
        }
    }
}
