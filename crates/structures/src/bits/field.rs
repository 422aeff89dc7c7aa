//! Integers of any width at any bit: `BITFIELD` (<https://valkey.io/commands/bitfield/>).
//!
//! A field is at most 64 bits, so at most 9 bytes hold it: a handler loads those, works on them here and
//! writes them back, however large the string is.

use std::ops::Range;

/// What to do with a value that the field cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Modular arithmetic, in two's complement for signed fields.
    #[default]
    Wrap,
    /// The nearest value that fits.
    Sat,
    /// No write; the reply is null.
    Fail,
}

impl Overflow {
    /// The behaviour that a client names, in any case.
    pub fn parse(name: &[u8]) -> Option<Overflow> {
        const NAMES: [(&[u8], Overflow); 3] =
            [(b"wrap", Overflow::Wrap), (b"sat", Overflow::Sat), (b"fail", Overflow::Fail)];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|&(_, overflow)| overflow)
    }
}

/// An integer type: `u1` to `u63` or `i1` to `i64`. Every value of every type fits an `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    signed: bool,
    bits: u32,
}

impl Field {
    /// The type that a client names, such as `i16`; `None` for what Valkey calls an invalid bitfield type.
    pub fn parse(name: &[u8]) -> Option<Field> {
        let (signed, digits) = match name {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return None,
        };
        // No leading zero and no sign, as with every integer argument.
        let bits = match digits {
            [a @ b'1'..=b'9'] => u32::from(a - b'0'),
            [a @ b'1'..=b'9', b @ b'0'..=b'9'] => 10 * u32::from(a - b'0') + u32::from(b - b'0'),
            _ => return None,
        };
        Field::new(signed, bits)
    }

    /// The type of `bits` bits; `None` when there is none.
    pub fn new(signed: bool, bits: u32) -> Option<Field> {
        let widest = if signed { 64 } else { 63 };
        (1..=widest).contains(&bits).then_some(Field { signed, bits })
    }

    /// Width in bits.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Whether values are in two's complement.
    pub fn is_signed(self) -> bool {
        self.signed
    }

    /// The bytes of the string that hold a field at `bit_offset`.
    pub fn byte_range(self, bit_offset: u64) -> Range<u64> {
        bit_offset / 8..(bit_offset + u64::from(self.bits)).div_ceil(8)
    }

    /// The value at `bit_offset` of `bytes`; bits after the end are zero. O(1).
    pub fn get(self, bytes: &[u8], bit_offset: u64) -> i64 {
        let raw = (self.window(bytes, bit_offset) >> self.shift(bit_offset)) as u64;
        // To the top and back down, which fills with zeros or with the sign.
        let spare = 64 - self.bits;
        if self.signed { ((raw << spare) as i64) >> spare } else { ((raw << spare) >> spare) as i64 }
    }

    /// Writes the low bits of `value` at `bit_offset`. Bits after the end of `bytes` are dropped: callers grow
    /// the string to [`Field::byte_range`] first. O(1).
    pub fn set(self, bytes: &mut [u8], bit_offset: u64, value: i64) {
        let shift = self.shift(bit_offset);
        let mask = u128::from(u64::MAX >> (64 - self.bits)) << shift;
        let window = (self.window(bytes, bit_offset) & !mask) | ((u128::from(value as u64) << shift) & mask);
        let span = span(bytes, bit_offset);
        bytes[span.clone()].copy_from_slice(&window.to_be_bytes()[..span.len()]);
    }

    /// What `SET value` stores, or `None` when it does not fit and must fail. Unsigned fields take a negative
    /// value as the large unsigned number of the same bits, as Valkey does.
    pub fn resolve_set(self, value: i64, overflow: Overflow) -> Option<i64> {
        // As unsigned the value is never below zero, so that saturation goes to the top.
        let exact = if self.signed { i128::from(value) } else { i128::from(value as u64) };
        // Valkey measures the room up to the greatest value in 64 bits. Far enough below zero that wraps, and
        // it saturates to the wrong end; a replica or a log replayed elsewhere must do the same.
        let (_, max) = self.bounds();
        if overflow == Overflow::Sat && self.bits < 64 && max - exact > i128::from(i64::MAX) {
            return Some(max as i64);
        }
        self.resolve(exact, overflow)
    }

    /// What `INCRBY increment` makes of `old`, a value of this type; `None` when it must fail.
    pub fn resolve_incr(self, old: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        self.resolve(i128::from(old) + i128::from(increment), overflow)
    }

    fn resolve(self, exact: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.bounds();
        let fitting = match overflow {
            _ if (min..=max).contains(&exact) => exact,
            Overflow::Fail => return None,
            Overflow::Sat => exact.clamp(min, max),
            Overflow::Wrap => min + (exact - min).rem_euclid(max - min + 1),
        };
        Some(fitting as i64)
    }

    /// Least and greatest value of the type.
    fn bounds(self) -> (i128, i128) {
        if self.signed {
            let half = 1_i128 << (self.bits - 1);
            (-half, half - 1)
        } else {
            (0, (1_i128 << self.bits) - 1)
        }
    }

    /// The 16 bytes from the field's first one on, big-endian, zeros after the end.
    fn window(self, bytes: &[u8], bit_offset: u64) -> u128 {
        let mut window = [0; 16];
        let span = span(bytes, bit_offset);
        window[..span.len()].copy_from_slice(&bytes[span]);
        u128::from_be_bytes(window)
    }

    /// How far the field's last bit is from the end of the window.
    fn shift(self, bit_offset: u64) -> u32 {
        128 - (bit_offset % 8) as u32 - self.bits
    }
}

/// The part of `bytes` that a window at `bit_offset` covers.
fn span(bytes: &[u8], bit_offset: u64) -> Range<usize> {
    let start = usize::try_from(bit_offset / 8).unwrap_or(usize::MAX).min(bytes.len());
    start..(start + 16).min(bytes.len())
}
