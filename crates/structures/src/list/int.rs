//! Integers in as few bytes as they need, least significant first.

/// Bytes of an integer in two's complement, one at least.
#[inline]
pub(super) fn int_width(value: i64) -> u32 {
    let magnitude = if value < 0 { !value } else { value } as u64;
    (64 - magnitude.leading_zeros()) / 8 + 1
}

/// The integer in the first `width` bytes.
#[inline]
pub(super) fn read_int(bytes: &[u8], width: usize) -> i64 {
    let shift = 64 - 8 * width as u32;
    if let Some(word) = bytes.first_chunk() {
        return i64::from_le_bytes(*word) << shift >> shift;
    }
    let mut word = [0; 8];
    word[..width].copy_from_slice(&bytes[..width]);
    i64::from_le_bytes(word) << shift >> shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_hold_their_numbers() {
        for value in (0..64).flat_map(|bit| {
            let power = 1i64 << bit;
            [power, power.wrapping_sub(1), power.wrapping_neg(), power.wrapping_neg().wrapping_sub(1)]
        }) {
            let width = int_width(value) as usize;
            let bytes = value.to_le_bytes();
            assert_eq!(read_int(&bytes[..width], width), value);
            assert_eq!(read_int(&[&bytes[..width], b"behind it"].concat(), width), value);
            assert!(width == 1 || read_int(&bytes, width - 1) != value, "{value}");
        }
    }
}
