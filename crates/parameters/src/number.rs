//! The number grammars of the configuration, each a little different.
//!
//! Plain integers are strict (no sign `+`, no leading zero, no blanks). Elements of lists follow C's `strtoll`
//! instead, which skips leading blanks and takes the empty text for 0. Memory sizes are digits and a unit.

/// A strict decimal integer.
pub fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let negative = digits.len() != text.len();
    match digits {
        [] => return None,
        [b'0'] if negative => return None,
        [b'0', _, ..] => return None,
        _ if !digits.iter().all(u8::is_ascii_digit) => return None,
        _ => {}
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A C integer of the whole text in `radix` (8 or 10): saturates, skips leading blanks, takes `+`, and
/// reads nothing at all as 0.
pub fn c_integer(text: &[u8], radix: u32) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = i64::from(char::from(*byte).to_digit(radix)?);
        let digit = if negative { -digit } else { digit };
        let limit = if negative { i64::MIN } else { i64::MAX };
        value = value.checked_mul(i64::from(radix)).and_then(|v| v.checked_add(digit)).unwrap_or(limit);
    }
    Some(value)
}

/// A memory size in bytes: digits, then nothing or one of `b k kb m mb g gb` in any case. No digits mean 0;
/// products beyond 64 bits wrap, as they do in the server whose files we read.
pub fn memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let mut value: u64 = 0;
    for byte in number {
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(value.wrapping_mul(factor))
}

/// A finite decimal fraction, as `strtod` reads it; no blanks, no hexadecimal. Infinities by name are numbers
/// here, overflow and "not a number" are not.
pub fn fraction(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    let named = text.to_ascii_lowercase().contains("inf");
    let vanished =
        value == 0.0 && text.split(['e', 'E']).next()?.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    (!value.is_nan() && (value.is_finite() || named) && !vanished).then_some(value)
}

/// Bytes in the largest unit that divides them, as `CONFIG REWRITE` writes them.
pub fn memory_text(bytes: i64) -> String {
    for (unit, factor) in [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes % factor == 0 {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

/// A percentile without trailing zeros, six digits after the point at most.
pub fn percentile_text(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_strict() {
        for bad in ["", "+5", "05", " 5", "5 ", "-0", "0x10", "1e3", "-", "9223372036854775808"] {
            assert_eq!(integer(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(integer(b"0"), Some(0));
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
    }

    #[test]
    fn c_integers_are_lenient() {
        assert_eq!(c_integer(b"", 10), Some(0));
        assert_eq!(c_integer(b" +05", 10), Some(5));
        assert_eq!(c_integer(b"99999999999999999999", 10), Some(i64::MAX));
        assert_eq!(c_integer(b"-99999999999999999999", 10), Some(i64::MIN));
        assert_eq!(c_integer(b"777", 8), Some(0o777));
        for bad in ["8", "1x", "-", "7 "] {
            assert_eq!(c_integer(bad.as_bytes(), 8), None, "{bad}");
        }
    }

    #[test]
    fn memory_units() {
        for (text, bytes) in [
            ("", 0),
            ("kb", 0),
            ("01", 1),
            ("1K", 1000),
            ("1Kb", 1024),
            ("2gb", 2 << 30),
            ("17179869184gb", 0),
        ] {
            assert_eq!(memory(text.as_bytes()), Some(bytes), "{text}");
        }
        for bad in ["-1", "+1", " 1", "1 kb", "1t", "1kbb", "1.5gb", "18446744073709551616"] {
            assert_eq!(memory(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(memory_text(1536 << 20), "1536mb");
        assert_eq!(memory_text(1_000_000), "1000000");
        assert_eq!(memory_text(0), "0");
    }

    #[test]
    fn fractions() {
        for bad in ["nan", "0x10", "1e400", "1e-400", "5 ", "12.5e", ""] {
            assert_eq!(fraction(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(fraction(b"infinity"), Some(f64::INFINITY));
        assert_eq!(percentile_text(99.123456789), "99.123457");
        assert_eq!(percentile_text(1e-10), "0");
        assert_eq!(percentile_text(-0.0), "-0");
        assert_eq!(percentile_text(100.0), "100");
    }
}
