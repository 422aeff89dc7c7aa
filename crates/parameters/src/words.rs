//! Words and quotes of configuration lines.
//!
//! Words are separated by blanks. Double quotes know `\n \r \t \a \b \xHH` and take any other escaped byte as
//! it is; single quotes know `\'` only. A quoted part may touch other parts of the same word. The format is
//! described at the top of valkey.conf (<https://valkey.io/topics/valkey.conf/>).

/// Takes a line apart; `None` if a quote stays open. The line ends at a zero byte.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        rest = &rest[blanks..];
        if rest.first().is_none_or(|byte| *byte == 0) {
            return Some(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t' | 0, ..] => return Some((word, rest)),
            [b'"', inside @ ..] => rest = double_quoted(inside, &mut word)?,
            [b'\'', inside @ ..] => rest = single_quoted(inside, &mut word)?,
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).map_or(0, |digit| digit as u8);
                word.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] if *escaped != 0 => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 0x07,
                    b'b' => 0x08,
                    other => *other,
                });
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// The text in double quotes, with everything escaped that [`split`] would not read back otherwise.
pub fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in text {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            other => out.extend(format!("\\x{other:02x}").bytes()),
        }
    }
    out.push(b'"');
    out
}

/// The line without blanks at either end.
pub fn trim(line: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let Some(start) = line.iter().position(is_end) else { return &[] };
    let end = line.iter().rposition(is_end).map_or(start, |last| last + 1);
    &line[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_quotes() {
        type Case = (&'static [u8], Option<&'static [&'static [u8]]>);
        let cases: &[Case] = &[
            (b"", Some(&[])),
            (b"  a\tb ", Some(&[b"a", b"b"])),
            (b"\"10\"x", Some(&[b"10x"])),
            (b"a\"b c\"", Some(&[b"ab c"])),
            (b"'a\\'b\"c'", Some(&[b"a'b\"c"])),
            (b"\"a\\n\\r\\t\\a\\b\\\\\\\"\\q\\x41\\xzz\"", Some(&[b"a\n\r\t\x07\x08\\\"qAxzz"])),
            (b"a\\ b", Some(&[b"a\\", b"b"])),
            (b"\"\" ''", Some(&[b"", b""])),
            (b"'a\\nb'", Some(&[b"a\\nb"])),
            (b"a\0b", Some(&[b"a"])),
            (b"a\x0bb", Some(&[b"a\x0bb"])),
            (b"\"\\x00\"", Some(&[b"\0"])),
            (b"\"a", None),
            (b"a'", None),
            (b"\"x\\", None),
            (b"\"\0a\"", None),
            (b"a\\\"b", None),
        ];
        for (line, words) in cases {
            let found = split(line);
            let found = found.as_ref().map(|words| words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), *words, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn quoting_round_trips_every_byte() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(split(&quoted(&all)), Some(vec![all]));
        assert_eq!(quoted(b"a b\"c\n\xe9"), b"\"a b\\\"c\\n\\xe9\"");
    }

    #[test]
    fn trimming() {
        assert_eq!(trim(b" \t a b\r\n"), b"a b");
        assert_eq!(trim(b" \r\n"), b"");
    }
}
