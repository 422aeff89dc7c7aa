//! Golden answers of the peer, and properties that hold for every number.

use super::golden::CASES;
use super::*;
use crate::prng::Prng;

/// What `INCRBYFLOAT` would answer.
fn increment(value: &str, by: &str) -> String {
    let (Some(value), Some(by)) = (LongDouble::parse(value.as_bytes()), LongDouble::parse(by.as_bytes()))
    else {
        return "ERR value is not a valid float".to_owned();
    };
    let sum = value.add(by);
    if !sum.is_finite() {
        return "ERR increment would produce NaN or Infinity".to_owned();
    }
    human(sum)
}

fn human(value: LongDouble) -> String {
    let mut out = b"kept".to_vec();
    value.format_human(&mut out);
    String::from_utf8(out.split_off(4)).expect("ASCII")
}

#[test]
fn golden_answers() {
    assert!(CASES.len() >= 200);
    for (value, by, expected) in CASES {
        assert_eq!(increment(value, by), *expected, "{value} + {by}");
    }
}

#[test]
fn longest_text() {
    let digits = |len: usize| [vec![b'0'; len - 1], vec![b'1']].concat();
    assert_eq!(LongDouble::parse(&digits(TEXT_BYTES_MAX)), Some(LongDouble::from_i64(1)));
    assert_eq!(LongDouble::parse(&digits(TEXT_BYTES_MAX + 1)), None);
    assert_eq!(LongDouble::parse(&[b'1'; TEXT_BYTES_MAX]), None);
}

#[test]
fn largest_number_has_4933_digits() {
    let largest = LongDouble::parse(b"0x1.fffffffffffffffep16383").expect("the largest finite number");
    let text = human(largest);
    assert!(text.starts_with("118973149535723176502126385303097020516906332229462420044032"), "{text}");
    assert_eq!(text.len(), 4933);
    assert_eq!(LongDouble::parse(text.as_bytes()), Some(largest));
    assert!(!largest.add(largest).is_finite());
    assert_eq!(LongDouble::parse(b"0x1.ffffffffffffffffp16383"), None, "rounds up to an infinity");
}

#[test]
fn smallest_numbers() {
    let smallest = LongDouble::parse(b"0x1p-16445").expect("the smallest number above zero");
    assert_eq!(LongDouble::parse(b"3.6e-4951"), Some(smallest));
    assert_eq!(LongDouble::parse(b"0x1.8p-16446"), Some(smallest));
    assert_eq!(LongDouble::parse(b"0x1p-16446"), None, "a tie goes to zero, which is underflow");
    assert_eq!(LongDouble::parse(b"0x1.8p-16445").expect("a tie"), smallest.add(smallest));
    assert_eq!(smallest.add(LongDouble::parse(b"-0x1p-16445").expect("its opposite")), LongDouble::ZERO);
}

#[test]
fn infinities_and_nan() {
    let infinity = LongDouble::parse(b"inf").expect("spelled out");
    let opposite = LongDouble::parse(b"-Infinity").expect("spelled out");
    assert!(infinity.add(opposite).is_nan());
    assert_eq!(infinity.add(LongDouble::ZERO), infinity);
    assert_eq!(LongDouble::ZERO.add(opposite), opposite);
    assert_eq!((human(infinity), human(opposite)), ("inf".to_owned(), "-inf".to_owned()));
    assert_eq!(human(infinity.add(opposite)), "nan");
    assert!(LongDouble::from_f64(f64::NAN).add(infinity).is_nan());
}

#[test]
fn doubles_and_integers_convert_exactly() {
    let mut rng = Prng::new(7);
    for _ in 0..5000 {
        let integer = rng.next() as i64;
        assert_eq!(human(LongDouble::from_i64(integer)), integer.to_string());
        let double = f64::from_bits(rng.next() & !(1 << 62) | (rng.next() & 1) << 62);
        if double.is_finite() {
            // Rust prints the exact value when asked for enough decimals.
            let exact = LongDouble::parse(format!("{double:.1100}").as_bytes());
            if double != 0.0 {
                assert_eq!(exact, Some(LongDouble::from_f64(double)), "{double:e}");
            }
        }
    }
}

#[test]
fn fast_and_slow_paths_agree() {
    let mut rng = Prng::new(8);
    for _ in 0..20_000 {
        let digits = rng.next() >> rng.below(64);
        let scale = rng.below(37) as i32 - 18;
        let short = format!("{digits}e{scale}");
        // Trailing zeros are no significant digits, however many.
        let long = format!("{digits}{}e{}", "0".repeat(40), scale - 40);
        let fast = LongDouble::parse(short.as_bytes());
        assert_eq!(fast, LongDouble::parse(long.as_bytes()), "{short}");
        if digits != 0 {
            let mut integer = Natural::from_u128(u128::from(digits));
            let slow = if scale >= 0 {
                integer.mul_pow10(scale as u32);
                let (bits, dropped, more) = integer.top();
                LongDouble::rounded(false, bits, more, dropped as i32)
            } else {
                let mut divisor = Natural::from_u128(1);
                divisor.mul_pow10(scale.unsigned_abs());
                let (bits, exponent, more) = integer.quotient(divisor);
                LongDouble::rounded(false, bits, more, exponent)
            };
            assert_eq!(fast, Some(slow), "{short}");
        }
    }
}

#[test]
fn addition_commutes_and_zero_is_neutral() {
    let mut rng = Prng::new(9);
    let mut random = || {
        let exponent = rng.below(300) as i32 - 150;
        LongDouble::rounded(rng.below(2) == 0, u128::from(rng.next()), false, exponent)
    };
    for _ in 0..20_000 {
        let (a, b) = (random(), random());
        assert_eq!(a.add(b), b.add(a));
        assert_eq!(a.add(LongDouble::ZERO), a);
    }
}
