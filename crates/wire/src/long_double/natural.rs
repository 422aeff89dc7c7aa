//! Natural numbers of any size: just the operations that exact decimal conversion needs.
//!
//! A cold path (numbers beyond 19 digits), so simplicity wins over speed; quadratic algorithms are fine because
//! callers bound the length of their text.

use std::cmp::Ordering;

/// Largest power of ten in a limb.
const CHUNK: u32 = 1_000_000_000;
const CHUNK_DIGITS: u32 = 9;

/// A natural number: 32-bit limbs, least significant first, no zero limb at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Natural(Vec<u32>);

impl Natural {
    pub(crate) fn from_u128(value: u128) -> Self {
        let mut natural = Self((0..4).map(|limb| (value >> (32 * limb)) as u32).collect());
        natural.trim();
        natural
    }

    /// Reads ASCII digits. O(digits^2).
    pub(crate) fn from_digits(digits: impl Iterator<Item = u8>) -> Self {
        let mut natural = Self::default();
        let (mut chunk, mut scale) = (0, 1);
        for digit in digits {
            chunk = chunk * 10 + u32::from(digit - b'0');
            scale *= 10;
            if scale == CHUNK {
                natural.mul_add(scale, chunk);
                (chunk, scale) = (0, 1);
            }
        }
        natural.mul_add(scale, chunk);
        natural
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of bits, 0 for zero.
    pub(crate) fn bits(&self) -> u32 {
        self.0.last().map_or(0, |top| self.0.len() as u32 * 32 - top.leading_zeros())
    }

    fn mul_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
    }

    pub(crate) fn mul_pow10(&mut self, exponent: u32) {
        for _ in 0..exponent / CHUNK_DIGITS {
            self.mul_add(CHUNK, 0);
        }
        self.mul_add(10u32.pow(exponent % CHUNK_DIGITS), 0);
    }

    /// Divides by `divisor` and returns the remainder.
    fn div_rem(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for limb in self.0.iter_mut().rev() {
            rest = rest << 32 | u64::from(*limb);
            *limb = (rest / u64::from(divisor)) as u32;
            rest %= u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    /// Multiplies by 2^`by`.
    pub(crate) fn shl(&mut self, by: u32) {
        if self.is_zero() {
            return;
        }
        if !by.is_multiple_of(32) {
            self.mul_add(1 << (by % 32), 0);
        }
        self.0.splice(0..0, std::iter::repeat_n(0, (by / 32) as usize));
    }

    /// Subtracts `other`, which must not be greater.
    fn sub(&mut self, other: &Self) {
        let mut borrow = 0i64;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let difference = i64::from(*limb) - i64::from(other.0.get(index).copied().unwrap_or(0)) + borrow;
            *limb = difference as u32;
            borrow = difference >> 32;
        }
        debug_assert_eq!(borrow, 0, "subtracted a greater number");
        self.trim();
    }

    /// The highest 128 bits, how many bits below them were left out, and whether any of those is set.
    pub(crate) fn top(&self) -> (u128, u32, bool) {
        let dropped = self.bits().saturating_sub(128);
        let (limbs, bits) = ((dropped / 32) as usize, dropped % 32);
        let mut window = 0;
        for (index, &limb) in self.0[limbs..].iter().take(4).enumerate() {
            window |= u128::from(limb) << (32 * index);
        }
        if bits != 0 {
            window >>= bits;
            window |= u128::from(self.0[limbs + 4]) << (128 - bits);
        }
        let lost_partly = bits != 0 && self.0[limbs] << (32 - bits) != 0;
        (window, dropped, lost_partly || self.0[..limbs].iter().any(|&limb| limb != 0))
    }

    /// `self / divisor` as a quotient of 100 bits or one more, its power of two, and whether a rest remains.
    pub(crate) fn quotient(mut self, mut divisor: Self) -> (u128, i32, bool) {
        // Scale so that the quotient has its bits before the binary point, then divide bit by bit.
        let shift = 100 + divisor.bits() as i32 - self.bits() as i32;
        self.shl(shift.max(0) as u32);
        divisor.shl((-shift).max(0) as u32);
        const STEPS: u32 = 101;
        divisor.shl(STEPS);
        let mut quotient = 0u128;
        for _ in 0..=STEPS {
            quotient <<= 1;
            if self >= divisor {
                self.sub(&divisor);
                quotient |= 1;
            }
            self.shl(1);
        }
        (quotient, -shift, !self.is_zero())
    }

    /// Appends the decimal digits. O(digits^2).
    pub(crate) fn write_digits(mut self, out: &mut Vec<u8>) {
        let mut chunks = Vec::with_capacity(self.0.len() * 32 / 29 + 1);
        while !self.is_zero() {
            chunks.push(self.div_rem(CHUNK));
        }
        let first = chunks.pop().unwrap_or(0);
        out.extend_from_slice(first.to_string().as_bytes());
        for chunk in chunks.iter().rev() {
            out.extend_from_slice(format!("{chunk:09}").as_bytes());
        }
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Prng;

    #[test]
    fn digits_round_trip() {
        let mut rng = Prng::new(3);
        for len in 1..200 {
            let mut digits: Vec<u8> = (0..len).map(|_| b'0' + rng.below(10) as u8).collect();
            digits[0] = b'1' + rng.below(9) as u8;
            let mut out = Vec::new();
            Natural::from_digits(digits.iter().copied()).write_digits(&mut out);
            assert_eq!(out, digits);
        }
    }

    #[test]
    fn agrees_with_u128() {
        let mut rng = Prng::new(4);
        for _ in 0..2000 {
            let wide =
                |rng: &mut Prng| (u128::from(rng.next()) << 64 | u128::from(rng.next())) >> rng.below(120);
            let (a, b) = (wide(&mut rng), wide(&mut rng).max(1));
            let (natural_a, natural_b) = (Natural::from_u128(a), Natural::from_u128(b));
            assert_eq!(natural_a.cmp(&natural_b), a.cmp(&b));
            assert_eq!(natural_a.bits(), 128 - a.leading_zeros());
            assert_eq!(natural_a.top(), (a, 0, false));
            let by = rng.below(300) as u32;
            let mut shifted = natural_a.clone();
            shifted.shl(by);
            if a != 0 {
                let (top, dropped, lost) = shifted.top();
                assert_eq!(shifted.bits(), natural_a.bits() + by);
                assert!(!lost);
                assert_eq!(top, if dropped == 0 { a << by } else { a << (128 - natural_a.bits()) });
            }
            if a != 0 && b < 1 << 60 {
                // quotient * 2^exponent <= a / b < (quotient + 1) * 2^exponent, checked by multiplying out.
                let (quotient, exponent, rest) = natural_a.clone().quotient(natural_b);
                let bits = 128 - quotient.leading_zeros();
                assert!((100..=101).contains(&bits), "{bits}");
                let times_b = |q: u128| {
                    let mut product = Natural::from_u128(q >> 64).times_u64(b as u64);
                    product.shl(64);
                    product.add(&Natural::from_u128(q & u128::from(u64::MAX)).times_u64(b as u64));
                    product.shl(exponent.max(0) as u32);
                    product
                };
                let mut scaled = natural_a;
                scaled.shl((-exponent).max(0) as u32);
                assert!(times_b(quotient) <= scaled && scaled < times_b(quotient + 1));
                assert_eq!(rest, times_b(quotient) != scaled);
            }
        }
    }

    impl Natural {
        fn times_u64(self, factor: u64) -> Self {
            let mut high = self.clone();
            high.mul_add((factor >> 32) as u32, 0);
            high.trim();
            high.shl(32);
            let mut low = self;
            low.mul_add(factor as u32, 0);
            low.trim();
            high.add(&low);
            high
        }

        fn add(&mut self, other: &Self) {
            let mut carry = 0u64;
            self.0.resize(self.0.len().max(other.0.len()), 0);
            for (index, limb) in self.0.iter_mut().enumerate() {
                carry += u64::from(*limb) + u64::from(other.0.get(index).copied().unwrap_or(0));
                *limb = carry as u32;
                carry >>= 32;
            }
            if carry != 0 {
                self.0.push(carry as u32);
            }
        }
    }
}
