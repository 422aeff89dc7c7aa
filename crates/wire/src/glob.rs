//! Glob patterns, as `KEYS`, `SCAN MATCH`, `PSUBSCRIBE`, `CONFIG GET` and ACL rules use them.
//!
//! Syntax: <https://valkey.io/commands/keys/>. `*` any bytes, `?` one byte, `[abc]`, `[^a]`, `[a-z]` one of a
//! class, `\x` the byte x itself. Corners that the page leaves open follow valkey-server 9.1:
//! * no pattern but the empty one matches the empty string, so callers treat `*` as "all" before they ask;
//! * a class that is not closed extends to the end of the pattern; inside a class `\` takes the next byte
//!   literally and without regard to `nocase`;
//! * ranges compare signed bytes, and a range given backwards is turned round;
//! * a pattern that has text behind its 1001st `*` matches nothing.

/// Stars that may be followed by more pattern.
const STARS_MAX: usize = 1000;

/// Whether the whole of `text` matches `pattern`; with `nocase`, ASCII letters match in either case.
///
/// Only the last `*` seen is ever retried (an earlier one could not match more than the later one already
/// does), so the cost is O(pattern * text) at worst, without recursion.
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the pattern fails: the pattern behind the last star, and the text it is tried at.
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    if text.is_empty() {
        return pattern.is_empty();
    }
    loop {
        let next = match pattern.get(p) {
            Some(b'*') => {
                while pattern.get(p) == Some(&b'*') {
                    p += 1;
                }
                if p == pattern.len() {
                    return true;
                }
                stars += 1;
                if stars > STARS_MAX {
                    return false;
                }
                retry = Some((p, t));
                continue;
            }
            Some(_) => match_one(&pattern[p..], text[t], nocase),
            None => None,
        };
        if let Some(consumed) = next {
            p += consumed;
            t += 1;
            if t < text.len() {
                continue;
            }
            if pattern[p..].iter().all(|&byte| byte == b'*') {
                return true;
            }
        }
        let Some((after_star, tried)) = &mut retry else { return false };
        *tried += 1;
        if *tried == text.len() {
            return false;
        }
        (p, t) = (*after_star, *tried);
    }
}

/// Matches one byte with the first element of `pattern` (which is no star): how much of the pattern it takes.
fn match_one(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => match_class(class, byte, nocase).map(|consumed| consumed + 1),
        [b'\\', escaped, ..] => same(*escaped, byte, nocase).then_some(2),
        [literal, ..] => same(*literal, byte, nocase).then_some(1),
        [] => None,
    }
}

/// Matches `byte` with a class whose `[` has been read: how much of the pattern the class takes.
fn match_class(class: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &class[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [low, b'-', high, ..] => {
                found |= in_range(*low, *high, byte, nocase);
                at += 3;
            }
            [literal, ..] => {
                found |= same(*literal, byte, nocase);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

fn in_range(low: u8, high: u8, byte: u8, nocase: bool) -> bool {
    let (low, high) = if low as i8 > high as i8 { (high, low) } else { (low, high) };
    let fold = |byte: u8| (if nocase { byte.to_ascii_lowercase() } else { byte }) as i8;
    (fold(low)..=fold(high)).contains(&fold(byte))
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || (nocase && a.eq_ignore_ascii_case(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Prng;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), false), expected, "{pattern} on {text}");
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "a", true),
            ("*", "", false),
            ("**", "", false),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("a*", "a", true),
            ("a**", "ab", true),
            ("*b", "ab", true),
            ("*b", "ba", false),
            ("h?llo", "hello", true),
            ("h*llo", "heeello", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("*a?", "aab", true),
            ("*ab", "aab", true),
        ] {
            check(pattern, text, expected);
        }
    }

    #[test]
    fn classes() {
        for (pattern, text, expected) in [
            ("h[ae]llo", "hello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("h[a-c]llo", "hdllo", false),
            ("[\\]]", "]", true),
            ("[]]", "]", false),
            ("[^]x", "ax", true),
            ("a[b", "ab", true),
            ("a[b-", "a-", true),
            ("a[^b", "ac", true),
            ("a[", "ab", false),
            ("a[^", "ab", true),
            ("a[\\", "a\\", true),
            ("[a-\\]b", "_b", true),
            ("[-b]", "-", true),
        ] {
            check(pattern, text, expected);
        }
        assert!(matches(b"[\x7f-\x80]", b"a", false), "signed bytes: -128 to 127");
        assert!(!matches(b"[\x80-\xff]", b"a", false));
    }

    #[test]
    fn escapes() {
        check("\\*", "*", true);
        check("\\*", "a", false);
        check("a\\", "a\\", true);
        check("\\[a]", "[a]", true);
    }

    #[test]
    fn case() {
        assert!(matches(b"MAX*[O]R?", b"maxmemory", true));
        assert!(matches(b"[N-P]", b"o", true));
        assert!(matches(b"\\ORY", b"ory", true));
        assert!(!matches(b"[\\O]", b"o", true), "escapes inside a class keep their case");
        assert!(!matches(b"A", b"a", false));
        assert!(!matches(b"[", b"{", true), "only letters have two cases");
    }

    #[test]
    fn stars_are_limited() {
        let text = b"aZ".repeat(1002);
        assert!(matches(&b"*Z".repeat(1000), &text, false));
        assert!(matches(&[b"*Z".repeat(1000), b"*".to_vec()].concat(), &text, false));
        assert!(!matches(&b"*Z".repeat(1001), &text, false));
        assert!(matches(&b"*".repeat(5000), b"a", false));
    }

    /// The definition, without any cleverness, for small patterns.
    fn by_definition(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            (_, []) => pattern.iter().all(|&byte| byte == b'*'),
            ([b'*', rest @ ..], _) => {
                (0..=text.len()).any(|skipped| by_definition(rest, &text[skipped..], nocase))
            }
            (_, [byte, text @ ..]) => match_one(pattern, *byte, nocase)
                .is_some_and(|consumed| by_definition(&pattern[consumed..], text, nocase)),
        }
    }

    #[test]
    fn agrees_with_the_definition() {
        let mut rng = Prng::new(5);
        let mut matched = 0;
        for _ in 0..100_000 {
            let pattern = rng.bytes_of(b"ab*?[]^-\\A*", 8);
            let mut text = rng.bytes_of(b"abA-]", 6);
            text.push(b'a');
            let nocase = rng.below(2) == 0;
            let expected = by_definition(&pattern, &text, nocase);
            matched += usize::from(expected);
            let found = matches(&pattern, &text, nocase);
            assert_eq!(found, expected, "{} on {}", pattern.escape_ascii(), text.escape_ascii());
        }
        assert!(matched > 5000, "{matched}");
    }

    #[test]
    fn hostile_pattern_is_not_exponential() {
        let text = b"a".repeat(20_000);
        let pattern = [b"a*".repeat(500), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &text, false));
    }
}
