//! Shell-style patterns over bytes: `*`, `?`, `[a-z]`, `[^a-z]` and `\` for the next byte as it is.
//!
//! The grammar is that of `KEYS` (<https://valkey.io/commands/keys/>). Two matchers share it: names in
//! `CONFIG GET` ignore case, file names in `include` do not.

/// Whether `pattern` matches all of `text`. Linear but for nested stars, where it backs up to the last one.
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, seen));
            at += 1;
            continue;
        }
        if seen == text.len() && at == pattern.len() {
            return true;
        }
        let step = if seen < text.len() { one(&pattern[at..], text[seen], ignore_case) } else { None };
        match (step, star) {
            (Some(length), _) => {
                at += length;
                seen += 1;
            }
            (None, Some((after_star, from))) if from < text.len() => {
                star = Some((after_star, from + 1));
                at = after_star;
                seen = from + 1;
            }
            (None, _) => return false,
        }
    }
}

/// Matches one byte against the start of `pattern`: how many pattern bytes that took, if it matched.
fn one(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    let fold = |byte: u8| if ignore_case { byte.to_ascii_lowercase() } else { byte };
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => class(pattern, fold(byte), fold),
        b'\\' if pattern.len() > 1 => (fold(pattern[1]) == fold(byte)).then_some(2),
        plain => (fold(plain) == fold(byte)).then_some(1),
    }
}

fn class(pattern: &[u8], byte: u8, fold: impl Fn(u8) -> u8) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    while at < pattern.len() && pattern[at] != b']' {
        if pattern[at] == b'\\' && at + 1 < pattern.len() {
            at += 1;
            found |= fold(pattern[at]) == byte;
        } else if pattern.get(at + 1) == Some(&b'-') && at + 2 < pattern.len() {
            let (one, other) = (fold(pattern[at]), fold(pattern[at + 2]));
            found |= (one.min(other)..=one.max(other)).contains(&byte);
            at += 2;
        } else {
            found |= fold(pattern[at]) == byte;
        }
        at += 1;
    }
    (found != negated).then_some((at + 1).min(pattern.len()))
}

/// Whether a name holds anything that makes it a pattern.
pub fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases: &[(&str, &str, bool)] = &[
            ("*", "", true),
            ("*", "hz", true),
            ("h*", "hz", true),
            ("*a*b", "xaybzb", true),
            ("*a*b", "xayb1", false),
            ("?z", "hz", true),
            ("?", "", false),
            ("[gh]z", "HZ", true),
            ("[^gh]z", "hz", false),
            ("[a-h]z", "hz", true),
            ("h[", "hz", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("hz", "hzz", false),
            ("hzz", "hz", false),
            ("", "", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), true), *expected, "{pattern} {text}");
        }
        assert!(!matches(b"A", b"a", false));
    }
}
