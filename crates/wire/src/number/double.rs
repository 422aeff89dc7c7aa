//! Doubles as clients write and read them: sorted-set scores, RESP3 doubles, geo coordinates.
//!
//! Accepted spellings are those valkey-server 9.1 accepts for a score (`ZADD`): decimal, with an optional sign
//! and exponent, and `inf`/`infinity` in any case. Not accepted: hexadecimal, `nan`, blanks, numbers whose
//! magnitude a double cannot hold. Printed is a spelling that reads back as the same double.

use super::grisu::shortest;
use super::{IntBuf, format_i64};

/// Longest text [`format_f64`] writes, in bytes: sign, leading `0.` and zeros, 17 digits or an exponent.
pub const F64_TEXT_MAX: usize = 32;

/// Parses a double, or `None` if the text is not a valid float.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    // All accepted spellings are ASCII; what is not UTF-8 is not a number.
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_nan() {
        return None;
    }
    // Overflow and underflow are errors, the infinities and zeros that were written out are not.
    let significand = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let spelled_inf = || text.iter().any(|byte| matches!(byte, b'n' | b'N'));
    let spelled_zero = || significand.iter().all(|byte| !matches!(byte, b'1'..=b'9'));
    let out_of_range = (value.is_infinite() && !spelled_inf()) || (value == 0.0 && !spelled_zero());
    (!out_of_range).then_some(value)
}

/// Room for the text of one double, so that formatting allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct DoubleBuf {
    text: [u8; F64_TEXT_MAX],
    len: usize,
}

impl DoubleBuf {
    /// An empty buffer.
    #[inline]
    pub const fn new() -> Self {
        Self { text: [0; F64_TEXT_MAX], len: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.text[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_zeros(&mut self, count: usize) {
        self.text[self.len..self.len + count].fill(b'0');
        self.len += count;
    }
}

impl Default for DoubleBuf {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes `value` as valkey-server prints doubles and returns the text.
///
/// Whole numbers up to 2^62 print as integers, others with the fewest digits that (nearly always) tell them
/// apart, in exponent form when that is much shorter: `3`, `0.1`, `0.000001`, `1e-7`, `1e+21`, `-inf`, `nan`.
pub fn format_f64(value: f64, buf: &mut DoubleBuf) -> &[u8] {
    buf.len = 0;
    const INTEGER_MAX: f64 = (1u64 << 62) as f64;
    if value.is_nan() {
        buf.push(b"nan");
    } else if value.is_infinite() {
        buf.push(if value < 0.0 { b"-inf" } else { b"inf" });
    } else if value == 0.0 {
        buf.push(if value.is_sign_negative() { b"-0" } else { b"0" });
    } else if value.abs() <= INTEGER_MAX && value.trunc() == value {
        buf.push(format_i64(value as i64, &mut IntBuf::new()));
    } else {
        push_shortest(value, buf);
    }
    &buf.text[..buf.len]
}

/// As [`format_f64`], but whole numbers get the fewest digits, too: `1152921504606847000`, `1e+17`. What Valkey's
/// digests are made of.
pub fn format_f64_shortest(value: f64, buf: &mut DoubleBuf) -> &[u8] {
    if value == 0.0 || !value.is_finite() {
        return format_f64(value, buf);
    }
    buf.len = 0;
    push_shortest(value, buf);
    &buf.text[..buf.len]
}

fn push_shortest(value: f64, buf: &mut DoubleBuf) {
    if value < 0.0 {
        buf.push(b"-");
    }
    let digits = shortest(value.abs());
    place_point(digits.as_bytes(), digits.exponent, value < 0.0, buf);
}

/// Writes `value` with 17 significant digits less the zeros at the end, as C's `%.17g`: `0.10000000000000001`, `1e+17`.
pub fn format_f64_17(value: f64, buf: &mut DoubleBuf) -> &[u8] {
    use std::io::Write;
    if value == 0.0 || !value.is_finite() {
        return format_f64(value, buf);
    }
    let mut text = [0; F64_TEXT_MAX];
    let mut rest = &mut text[..];
    write!(rest, "{:.16e}", value.abs()).expect("seventeen digits and an exponent fit");
    let len = F64_TEXT_MAX - rest.len();
    let (mantissa, exponent) =
        text[..len].split_at(text.iter().position(|&b| b == b'e').expect("the form has an exponent"));
    let exponent: i32 = std::str::from_utf8(&exponent[1..]).ok().and_then(|e| e.parse().ok()).unwrap_or(0);
    let mut digits = [b'0'; 17];
    (digits[0], _) = (mantissa[0], digits[1..].copy_from_slice(&mantissa[2..]));
    let count = 17 - digits.iter().rev().take_while(|&&digit| digit == b'0').count();
    let digits = &digits[..count];
    buf.len = 0;
    if value < 0.0 {
        buf.push(b"-");
    }
    match exponent {
        0..17 => {
            let whole = exponent as usize + 1;
            buf.push(&digits[..whole.min(count)]);
            buf.push_zeros(whole.saturating_sub(count));
            if whole < count {
                buf.push(b".");
                buf.push(&digits[whole..]);
            }
        }
        -4..0 => {
            buf.push(b"0.");
            buf.push_zeros(exponent.unsigned_abs() as usize - 1);
            buf.push(digits);
        }
        _ => {
            buf.push(&digits[..1]);
            if count > 1 {
                buf.push(b".");
                buf.push(&digits[1..]);
            }
            buf.push(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.abs() < 10 {
                buf.push(b"0");
            }
            buf.push(format_i64(i64::from(exponent.abs()), &mut IntBuf::new()));
        }
    }
    &buf.text[..buf.len]
}

/// Spells `digits` times 10^`exponent`.
fn place_point(digits: &[u8], exponent: i32, negative: bool, buf: &mut DoubleBuf) {
    let count = digits.len() as i32;
    // The exponent of the first digit.
    let magnitude = exponent + count - 1;
    if exponent >= 0 && magnitude < count + 7 {
        buf.push(digits);
        buf.push_zeros(exponent as usize);
    } else if exponent < 0 && (exponent > -7 || magnitude.abs() < 4) {
        let whole = count + exponent;
        if whole > 0 {
            let (whole, fraction) = digits.split_at(whole as usize);
            buf.push(whole);
            buf.push(b".");
            buf.push(fraction);
        } else {
            buf.push(b"0.");
            buf.push_zeros((-whole) as usize);
            buf.push(digits);
        }
    } else {
        // One digit is given up for the sign, where there are that many.
        let digits = &digits[..digits.len().min(18 - usize::from(negative))];
        let (first, rest) = digits.split_at(1);
        buf.push(first);
        if !rest.is_empty() {
            buf.push(b".");
            buf.push(rest);
        }
        buf.push(if magnitude < 0 { b"e-" } else { b"e+" });
        buf.push(format_i64(i64::from(magnitude.abs()), &mut IntBuf::new()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Prng;

    fn text(value: f64) -> String {
        String::from_utf8(format_f64(value, &mut DoubleBuf::new()).to_vec()).expect("ASCII")
    }

    #[test]
    fn spellings_seen_from_the_peer() {
        for (written, printed) in [
            ("3.0", "3"),
            ("-3.5", "-3.5"),
            ("0.1", "0.1"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+1", "1"),
            ("1e21", "1e+21"),
            ("1e17", "100000000000000000"),
            ("1e-5", "0.00001"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("0.00001234", "1.234e-5"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("4e-324", "5e-324"),
            ("1e-310", "1e-310"),
            ("123456.789e3", "123456789"),
            ("123456789012345678", "123456789012345680"),
            ("9007199254740993", "9007199254740992"),
            ("4611686018427387905e0", "4611686018427387904"),
            ("4.7e18", "4.7e+18"),
            ("12345678901234567890", "12345678901234567000"),
            // Not the nearest 17 digits: Grisu2 misses them for a few doubles, and so must we.
            ("123456789012345680000000", "123456789012345690000000"),
            ("1234567890123456800000000000", "1.2345678901234569e+27"),
            ("iNf", "inf"),
            ("+inf", "inf"),
            ("-Infinity", "-inf"),
            ("-0", "-0"),
            ("0e99999", "0"),
        ] {
            assert_eq!(text(parse_f64(written.as_bytes()).expect(written)), printed, "{written}");
        }
        assert_eq!(text(f64::NAN), "nan");
    }

    #[test]
    fn other_spellings_seen_from_the_peer() {
        for (value, digest, scan) in [
            (0.1, "0.1", "0.10000000000000001"),
            (-0.0, "-0", "-0"),
            (2.0, "2", "2"),
            (1e300, "1e+300", "1.0000000000000001e+300"),
            (2f64.powi(60), "1152921504606847000", "1.152921504606847e+18"),
            (1e17, "1e+17", "1e+17"),
            (1e16, "1e+16", "10000000000000000"),
            (-123456.75, "-123456.75", "-123456.75"),
            (0.000125, "0.000125", "0.000125"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "0.00001", "1.0000000000000001e-05"),
            (-5e-324, "-5e-324", "-4.9406564584124654e-324"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
            (99999999999999990.0, "99999999999999980", "99999999999999984"),
        ] {
            let mut buf = DoubleBuf::new();
            assert_eq!(std::str::from_utf8(format_f64_shortest(value, &mut buf)), Ok(digest));
            assert_eq!(std::str::from_utf8(format_f64_17(value, &mut buf)), Ok(scan));
        }
    }

    #[test]
    fn refused_spellings() {
        for refused in [
            "", " 1", "1 ", "nan", "-nan", "nan(1)", "1e400", "-1e400", "1e-400", "2e-324", "0x10", "0x1p3",
            "1e", "1.5e", "1_0", "infin", "--1", "1e5.0", "1d5", "1f", ".", "+", "-", "e5", ".e5", "\u{663}",
        ] {
            assert_eq!(parse_f64(refused.as_bytes()), None, "{refused:?}");
        }
        assert_eq!(parse_f64(b"1\0"), None);
        assert_eq!(parse_f64(b"\xff"), None);
    }

    #[test]
    fn every_double_reads_back() {
        let mut rng = Prng::new(2);
        for _ in 0..50_000 {
            let value = f64::from_bits(rng.next());
            if value.is_nan() {
                continue;
            }
            let printed = text(value);
            assert_eq!(parse_f64(printed.as_bytes()), Some(value), "{printed} {:x}", value.to_bits());
        }
    }
}
