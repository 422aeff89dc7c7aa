//! Numbers as C's `printf("%.Ng")` writes them.

/// Powers of ten below which every whole number is exact.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// `value` with `precision` significant digits, as `%.{precision}g`.
pub fn format_g(value: f64, precision: usize) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() { "-nan" } else { "nan" }.into();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.into();
    }
    let precision = precision.max(1);
    // Whole numbers with no more digits than that need no rounding. Minus zero has a sign.
    if value.fract() == 0.0
        && value.abs() < POWERS[precision.min(15)]
        && (value != 0.0 || value.is_sign_positive())
    {
        return (value as i64).to_string();
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("a number");
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
    } else {
        trimmed(&format!("{value:.*}", (precision as i32 - 1 - exponent).max(0) as usize))
    }
}

/// The number at the beginning of `text`, as C's `strtod` reads it, and its length; 0 when there is none.
pub fn parse_prefix(text: &[u8]) -> (f64, usize) {
    let mut at = 0;
    let negative = match text.first() {
        Some(b'-') => {
            at = 1;
            true
        }
        Some(b'+') => {
            at = 1;
            false
        }
        _ => false,
    };
    let signed = |value: f64| if negative { -value } else { value };
    let rest = &text[at..];
    let starts =
        |word: &str| rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    if starts("infinity") {
        return (signed(f64::INFINITY), at + 8);
    }
    if starts("inf") {
        return (signed(f64::INFINITY), at + 3);
    }
    if starts("nan") {
        return (signed(f64::NAN), at + 3);
    }
    if starts("0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit) {
        let digits = rest[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let value = rest[2..2 + digits]
            .iter()
            .fold(0.0, |value, &b| value * 16.0 + f64::from((b as char).to_digit(16).unwrap_or(0)));
        return (signed(value), at + 2 + digits);
    }
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        if whole + fraction > 0 {
            at += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return (0.0, 0);
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    let value = std::str::from_utf8(&text[..at]).ok().and_then(|t| t.parse().ok()).unwrap_or(0.0);
    (value, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_printf() {
        for (value, precision, text) in [
            (1.0 / 3.0, 14, "0.33333333333333"),
            (1e15, 14, "1e+15"),
            (1e13, 14, "10000000000000"),
            (0.1, 17, "0.10000000000000001"),
            (-0.0, 14, "-0"),
            (1e-5, 14, "1e-05"),
            (100.0, 14, "100"),
            (100.0, 2, "1e+02"),
            (99.0, 2, "99"),
            (0.0, 14, "0"),
            (-12345.0, 14, "-12345"),
            (99999999999999.0, 14, "99999999999999"),
            (100000000000000.0, 14, "1e+14"),
            (-999999999999999.0, 17, "-999999999999999"),
            (1234567890123456.0, 17, "1234567890123456"),
            (9007199254740992.0, 14, "9.007199254741e+15"),
            (f64::INFINITY, 14, "inf"),
        ] {
            assert_eq!(format_g(value, precision), text);
        }
    }

    #[test]
    fn as_strtod() {
        for (text, value, len) in [
            ("1.5e3x", 1500.0, 5),
            ("01", 1.0, 2),
            ("0x10", 16.0, 4),
            ("-", 0.0, 0),
            ("1e", 1.0, 1),
            ("5.", 5.0, 2),
        ] {
            assert_eq!(parse_prefix(text.as_bytes()), (value, len), "{text}");
        }
    }
}
