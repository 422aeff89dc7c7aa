//! The x87 80-bit extended double in software: what `INCRBYFLOAT` and `HINCRBYFLOAT` compute with.
//!
//! valkey-server parses with `strtold`, adds in extended precision and prints with `%.17Lf`; its clients see
//! the difference to a 64-bit double (`0.1 + 0.2` is `0.3` here). The format: a sign, a 64-bit significand, a
//! 15-bit exponent, gradual underflow, rounding to nearest with ties to even (Intel SDM volume 1, section
//! 4.2.2; IEEE 754 double extended). Every conversion here is exact before its single rounding.
//!
//! Usual numbers (19 digits, up to 18 behind the point) are converted in 128-bit integers without allocating;
//! the rest goes through [`Natural`].

mod natural;

pub(crate) use natural::Natural;

/// Longest text [`LongDouble::parse`] accepts, in bytes, as in valkey-server.
pub const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;

/// An x87 extended double, not necessarily finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `significand` times 2^`exponent`. The top bit of the significand is set unless the exponent is
    /// [`EXPONENT_MIN`]; zero has that exponent too.
    Finite {
        significand: u64,
        exponent: i32,
    },
    Infinite,
    NotANumber,
}

const EXPONENT_MIN: i32 = -16445;
const EXPONENT_MAX: i32 = 16320;

/// Decimal digits behind the point in [`LongDouble::format_human`].
const HUMAN_DECIMALS: u32 = 17;

impl LongDouble {
    /// Positive zero.
    pub const ZERO: Self = Self::finite(false, 0, EXPONENT_MIN);

    const fn finite(negative: bool, significand: u64, exponent: i32) -> Self {
        Self { negative, kind: Kind::Finite { significand, exponent } }
    }

    /// Rounds `bits` (plus something below one unit, if `more`) times 2^`exponent`.
    ///
    /// With `more` set, `bits` must have at least 66 significant bits, or lie at the underflow threshold.
    fn rounded(negative: bool, bits: u128, more: bool, exponent: i32) -> Self {
        if bits == 0 {
            return Self::finite(negative, 0, EXPONENT_MIN);
        }
        let width = 128 - bits.leading_zeros() as i32;
        let mut target = (exponent + width - 64).max(EXPONENT_MIN);
        let shift = target - exponent;
        let mut significand = match shift {
            ..=0 => bits << -shift,
            1..128 => bits >> shift,
            _ => 0,
        };
        if shift > 0 {
            let lost = if shift < 128 { bits & ((1 << shift) - 1) } else { bits };
            // Beyond 128 bits of shift the value is below a quarter of the smallest number.
            let half = if shift <= 128 { 1 << (shift - 1) } else { u128::MAX };
            if lost > half || (lost == half && shift <= 128 && (more || significand & 1 == 1)) {
                significand += 1;
            }
            if significand == 1 << 64 {
                significand >>= 1;
                target += 1;
            }
        }
        if target > EXPONENT_MAX {
            return Self { negative, kind: Kind::Infinite };
        }
        Self::finite(negative, significand as u64, if significand == 0 { EXPONENT_MIN } else { target })
    }

    /// The same value; every double is an extended double.
    pub fn from_f64(value: f64) -> Self {
        let negative = value.is_sign_negative();
        if value.is_nan() {
            return Self { negative, kind: Kind::NotANumber };
        }
        if value.is_infinite() {
            return Self { negative, kind: Kind::Infinite };
        }
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        match (bits >> 52) as i32 & 0x7ff {
            0 => Self::rounded(negative, u128::from(fraction), false, -1074),
            biased => Self::rounded(negative, u128::from(fraction | 1 << 52), false, biased - 1075),
        }
    }

    /// The same value; every 64-bit integer is an extended double.
    pub fn from_i64(value: i64) -> Self {
        Self::rounded(value < 0, u128::from(value.unsigned_abs()), false, 0)
    }

    /// Parses what valkey-server takes for a float argument: the spellings of C's `strtold` (decimal,
    /// hexadecimal, `inf`, `infinity`), whole, without blanks, inside the format's range, but not `nan`.
    ///
    /// O(1) for usual numbers, else O(length^2) with `text` bounded by [`TEXT_BYTES_MAX`].
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, body) = match text {
            [b'-', body @ ..] => (true, body),
            [b'+', body @ ..] => (false, body),
            body => (false, body),
        };
        if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
            return Some(Self { negative, kind: Kind::Infinite });
        }
        let (value, spelled_zero) = match body {
            [b'0', b'x' | b'X', hex @ ..] => parse_hexadecimal(negative, hex)?,
            decimal => parse_decimal(negative, decimal)?,
        };
        let out_of_range = !value.is_finite() || (value.is_zero() && !spelled_zero);
        (!out_of_range).then_some(value)
    }

    /// Whether this is neither an infinity nor NaN.
    pub fn is_finite(self) -> bool {
        matches!(self.kind, Kind::Finite { .. })
    }

    /// Whether its sign is minus, be it zero or not.
    pub fn is_negative(self) -> bool {
        self.negative
    }

    /// Whether this is NaN.
    pub fn is_nan(self) -> bool {
        self.kind == Kind::NotANumber
    }

    fn is_zero(self) -> bool {
        matches!(self.kind, Kind::Finite { significand: 0, .. })
    }

    /// The sum, rounded to nearest, ties to even. Overflow gives an infinity, opposite infinities NaN.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "rounding arithmetic reads better when it is named")]
    pub fn add(self, other: Self) -> Self {
        let (Kind::Finite { .. }, Kind::Finite { .. }) = (self.kind, other.kind) else {
            return match (self.kind, other.kind) {
                (Kind::NotANumber, _) => self,
                (_, Kind::NotANumber) => other,
                (Kind::Infinite, Kind::Infinite) if self.negative != other.negative => {
                    Self { negative: false, kind: Kind::NotANumber }
                }
                (Kind::Infinite, _) => self,
                _ => other,
            };
        };
        let magnitude = |value: Self| match value.kind {
            Kind::Finite { significand, exponent } => (exponent, significand),
            _ => unreachable!("infinities were handled above"),
        };
        let (large, small) = if magnitude(self) >= magnitude(other) { (self, other) } else { (other, self) };
        let ((exponent, large_bits), (small_exponent, small_bits)) = (magnitude(large), magnitude(small));
        // 62 guard bits below and one carry bit above: a digit lost below them only matters as "more".
        const GUARD: u32 = 62;
        let gap = exponent.abs_diff(small_exponent);
        let wide = u128::from(small_bits) << GUARD;
        let aligned = wide.checked_shr(gap).unwrap_or(0);
        let more = small_bits != 0 && (gap >= 128 || aligned << gap != wide);
        let large_wide = u128::from(large_bits) << GUARD;
        let sum = if large.negative == small.negative {
            large_wide + aligned
        } else {
            // large - (aligned + rest) = (large - aligned - 1) + (1 - rest).
            large_wide - aligned - u128::from(more)
        };
        // An exact zero is positive unless both were negative.
        let negative = large.negative && (sum != 0 || small.negative);
        Self::rounded(negative, sum, more, exponent - GUARD as i32)
    }

    /// The product with a small integer, rounded to nearest, ties to even.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        let Kind::Finite { significand, exponent } = self.kind else { return self };
        Self::rounded(self.negative, u128::from(significand) * u128::from(factor), false, exponent)
    }

    /// The smallest integer that is not below the value, within the range of the result; zero for NaN.
    pub fn ceil(self) -> i128 {
        let (significand, exponent) = match self.kind {
            Kind::Finite { significand, exponent } => (u128::from(significand), exponent),
            Kind::Infinite => (1, i32::MAX),
            Kind::NotANumber => (0, 0),
        };
        let limit = if self.negative { i128::MIN } else { i128::MAX };
        match exponent {
            // The significand has 64 bits at most.
            63.. => {
                if significand == 0 {
                    0
                } else {
                    limit
                }
            }
            0..63 => {
                let whole = (significand << exponent) as i128;
                if self.negative { -whole } else { whole }
            }
            _ => {
                let shift = exponent.unsigned_abs();
                let whole = significand.checked_shr(shift).unwrap_or(0);
                let has_rest = significand != 0 && (shift >= 128 || whole << shift != significand);
                if self.negative { -(whole as i128) } else { whole as i128 + i128::from(has_rest) }
            }
        }
    }

    /// Appends the value as `INCRBYFLOAT` prints it: `%.17Lf` without trailing zeros, point or sign of zero.
    pub fn format_human(self, out: &mut Vec<u8>) {
        let Kind::Finite { significand, exponent } = self.kind else {
            out.extend_from_slice(match (self.kind, self.negative) {
                (Kind::NotANumber, _) => b"nan",
                (_, true) => b"-inf",
                (_, false) => b"inf",
            });
            return;
        };
        let start = out.len();
        if self.negative {
            out.push(b'-');
        }
        if exponent > 0 {
            let mut whole = Natural::from_u128(u128::from(significand));
            whole.shl(exponent as u32);
            whole.write_digits(out);
            return;
        }
        let (whole, decimals) = split_point(significand, exponent.unsigned_abs());
        let mut buf = crate::number::IntBuf::new();
        out.extend_from_slice(crate::number::format_u64(whole, &mut buf));
        if decimals != 0 {
            let mut digits = [b'0'; HUMAN_DECIMALS as usize];
            let text = crate::number::format_u64(decimals, &mut buf);
            digits[HUMAN_DECIMALS as usize - text.len()..].copy_from_slice(text);
            let kept = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
            out.push(b'.');
            out.extend_from_slice(&digits[..kept]);
        } else if whole == 0 {
            out.truncate(start);
            out.push(b'0');
        }
    }
}

/// Splits `significand` / 2^`places` into its whole part and 17 decimals, rounded to nearest even.
fn split_point(significand: u64, places: u32) -> (u64, u64) {
    const SCALE: u128 = 10u128.pow(HUMAN_DECIMALS);
    // Below 2^-64, less than half of the last decimal: prints as zero.
    if places >= 128 {
        return (0, 0);
    }
    let whole = significand.checked_shr(places).unwrap_or(0);
    let fraction = if places < 64 { significand & ((1 << places) - 1) } else { significand };
    // Fits: the fraction is below 2^64 and the scale below 2^57.
    let scaled = u128::from(fraction) * SCALE;
    let mut decimals = scaled >> places;
    if places > 0 {
        let lost = scaled & ((1 << places) - 1);
        let half = 1 << (places - 1);
        if lost > half || (lost == half && decimals & 1 == 1) {
            decimals += 1;
        }
    }
    // Adding one cannot overflow: a whole part near 2^64 leaves no bits for a fraction.
    if decimals == SCALE { (whole + 1, 0) } else { (whole, decimals as u64) }
}

/// Parses `digits[.digits][e[sign]digits]`; also tells whether all digits were zero.
fn parse_decimal(negative: bool, text: &[u8]) -> Option<(LongDouble, bool)> {
    let number = Positional::split(text, |byte| byte.is_ascii_digit(), b'e')?;
    let digits = || number.whole.iter().chain(number.fraction).copied();
    let Some(first) = digits().position(|digit| digit != b'0') else {
        return Some((LongDouble::finite(negative, 0, EXPONENT_MIN), true));
    };
    let total = number.whole.len() + number.fraction.len();
    let trailing = digits().rev().take_while(|&digit| digit == b'0').count();
    let significant = total - first - trailing;
    let digits = || digits().skip(first).take(significant);
    // The value is the significant digits, as an integer, times 10^scale.
    let scale = number.exponent + trailing as i64 - number.fraction.len() as i64;
    let magnitude = scale + significant as i64;
    if magnitude > 4940 {
        return Some((LongDouble { negative, kind: Kind::Infinite }, false));
    }
    if magnitude < -4960 {
        return Some((LongDouble::finite(negative, 0, EXPONENT_MIN), false));
    }
    let scale = scale as i32;
    if significant <= 19 && (-18..=18).contains(&scale) {
        let integer = digits().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let power = 10u64.pow(scale.unsigned_abs());
        if scale >= 0 {
            let product = u128::from(integer) * u128::from(power);
            return Some((LongDouble::rounded(negative, product, false, 0), false));
        }
        // A dividend of 128 bits over a divisor of at most 60 leaves a quotient of at least 68.
        let shift = u128::from(integer).leading_zeros();
        let dividend = u128::from(integer) << shift;
        let (quotient, rest) = (dividend / u128::from(power), dividend % u128::from(power));
        return Some((LongDouble::rounded(negative, quotient, rest != 0, -(shift as i32)), false));
    }
    let mut integer = Natural::from_digits(digits());
    let value = if scale >= 0 {
        integer.mul_pow10(scale as u32);
        let (bits, dropped, more) = integer.top();
        LongDouble::rounded(negative, bits, more, dropped as i32)
    } else {
        let mut divisor = Natural::from_u128(1);
        divisor.mul_pow10(scale.unsigned_abs());
        let (bits, exponent, more) = integer.quotient(divisor);
        LongDouble::rounded(negative, bits, more, exponent)
    };
    Some((value, false))
}

/// Parses what follows `0x`: `hex[.hex][p[sign]digits]`.
fn parse_hexadecimal(negative: bool, text: &[u8]) -> Option<(LongDouble, bool)> {
    let number = Positional::split(text, |byte| byte.is_ascii_hexdigit(), b'p')?;
    let (mut bits, mut more, mut dropped) = (0u128, false, 0i64);
    for &byte in number.whole.iter().chain(number.fraction) {
        let digit =
            u128::from(char::from(byte).to_digit(16).expect("only hexadecimal digits were let through"));
        if bits >> 124 == 0 {
            bits = bits << 4 | digit;
        } else {
            more |= digit != 0;
            dropped += 4;
        }
    }
    // Far outside the format's range the exact exponent no longer matters.
    let exponent = (number.exponent + dropped - 4 * number.fraction.len() as i64).clamp(-100_000, 100_000);
    Some((LongDouble::rounded(negative, bits, more, exponent as i32), bits == 0))
}

/// The parts of a number with a point and an exponent.
struct Positional<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    /// Clamped so that sums with text lengths cannot overflow.
    exponent: i64,
}

impl<'a> Positional<'a> {
    fn split(text: &'a [u8], is_digit: impl Fn(&u8) -> bool, exponent_mark: u8) -> Option<Self> {
        let run = |text: &'a [u8]| text.split_at(text.iter().take_while(|byte| is_digit(byte)).count());
        let (whole, rest) = run(text);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => run(rest),
            rest => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [mark, rest @ ..] if mark.to_ascii_lowercase() == exponent_mark => parse_exponent(rest)?,
            _ => return None,
        };
        Some(Self { whole, fraction, exponent })
    }
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1 << 40));
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
