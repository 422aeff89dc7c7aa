//! Shortest decimal digits of a double by Grisu2.
//!
//! Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers", PLDI 2010,
//! sections 5 and 6. Grisu2 works in 64-bit integers with bounded error, so its result always reads back as
//! the same double, but for about one double in a thousand it is not the shortest, or not the nearest of the
//! shortest. valkey-server prints scores this way and clients see the digits: an exact algorithm would differ.

/// Decimal digits, most significant first; the value is the digits times 10^`exponent`.
pub(super) struct Digits {
    text: [u8; 20],
    len: usize,
    /// Power of ten of the last digit.
    pub(super) exponent: i32,
}

impl Digits {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    fn push(&mut self, digit: u64) {
        // Leading zeros are not digits of the result.
        if digit != 0 || self.len != 0 {
            self.text[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that brings the result nearer to the wanted value.
    ///
    /// All arguments are distances in the same unit: `rest` from the upper bound to the digits so far,
    /// `wanted` from it to the value, `delta` from it to the lower bound; `step` is one last digit.
    fn approach(&mut self, delta: u64, mut rest: u64, step: u64, wanted: u64) {
        while rest < wanted
            && delta - rest >= step
            && (rest.wrapping_add(step) < wanted
                || wanted - rest > rest.wrapping_add(step).wrapping_sub(wanted))
        {
            self.text[self.len - 1] -= 1;
            rest += step;
        }
    }
}

/// A floating-point number with a 64-bit significand: `significand` times 2^`exponent`.
#[derive(Clone, Copy)]
struct Wide {
    significand: u64,
    exponent: i32,
}

impl Wide {
    fn normalized(self) -> Self {
        let shift = self.significand.leading_zeros();
        Self { significand: self.significand << shift, exponent: self.exponent - shift as i32 }
    }

    /// The upper 64 bits of the product, rounded to nearest.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.significand) * u128::from(other.significand) + (1 << 63);
        Self { significand: (product >> 64) as u64, exponent: self.exponent + other.exponent + 64 }
    }
}

const HIDDEN_BIT: u64 = 1 << 52;

/// The digits of `value`, which must be finite and above zero.
pub(super) fn shortest(value: f64) -> Digits {
    let bits = value.to_bits();
    let fraction = bits & (HIDDEN_BIT - 1);
    let exact = match (bits >> 52) as i32 {
        0 => Wide { significand: fraction, exponent: -1074 },
        biased => Wide { significand: fraction | HIDDEN_BIT, exponent: biased - 1075 },
    };
    // Half-way to the neighbours. Below a power of two the lower neighbour is twice as near.
    let upper = Wide { significand: (exact.significand << 1) + 1, exponent: exact.exponent - 1 }.normalized();
    let lower_shift = if exact.significand == HIDDEN_BIT { 2 } else { 1 };
    let lower_exponent = exact.exponent - lower_shift;
    let lower = Wide {
        significand: ((exact.significand << lower_shift) - 1) << (lower_exponent - upper.exponent),
        exponent: upper.exponent,
    };
    let (power, power_exponent) = cached_power(upper.exponent);
    let wanted = exact.normalized().times(power);
    // Each product may be off by one; narrowing the interval by that keeps it inside the true one.
    let mut upper = upper.times(power);
    upper.significand -= 1;
    let lower = lower.times(power).significand + 1;
    generate(upper, upper.significand - wanted.significand, upper.significand - lower, -power_exponent)
}

/// Writes digits of `upper` until what is left of it is inside `delta`.
fn generate(upper: Wide, wanted: u64, mut delta: u64, exponent: i32) -> Digits {
    let mut digits = Digits { text: [0; 20], len: 0, exponent };
    let point = -upper.exponent as u32;
    let one = 1u64 << point;
    let mut whole = upper.significand >> point;
    let mut fraction = upper.significand & (one - 1);
    let mut divisor = 1_000_000_000u64;
    for kappa in (0..10).rev() {
        digits.push(whole / divisor);
        whole %= divisor;
        let rest = (whole << point) + fraction;
        if rest <= delta {
            digits.exponent += kappa;
            digits.approach(delta, rest, divisor << point, wanted);
            return digits;
        }
        divisor /= 10;
    }
    let mut unit = 1u64;
    loop {
        fraction *= 10;
        delta *= 10;
        unit *= 10;
        digits.exponent -= 1;
        digits.push(fraction >> point);
        fraction &= one - 1;
        if fraction < delta {
            digits.approach(delta, fraction, one, wanted.wrapping_mul(unit));
            return digits;
        }
    }
}

/// A power of ten whose product with a normalized number of binary exponent `exponent` has an exponent from
/// -60 to -32, so that its whole part fits 32 bits; and which power it is.
fn cached_power(exponent: i32) -> (Wide, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    let guess = (-f64::from(exponent + POWERS.len() as i32) * LOG10_OF_2) as i32;
    let mut index = (guess - FIRST_POWER) / POWER_STEP;
    loop {
        let power = FIRST_POWER + index * POWER_STEP;
        // floor(log2(10^power)) in fixed point, exact over the table's range.
        let power_exponent = ((power * 217_706) >> 16) - 63;
        match exponent + power_exponent + 64 {
            product if product < -60 => index += 1,
            product if product > -32 => index -= 1,
            _ => return (Wide { significand: POWERS[index as usize], exponent: power_exponent }, power),
        }
    }
}

const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;

/// 10^-348, 10^-340, ... 10^340: the upper 64 bits, rounded to nearest.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::long_double::Natural;

    /// Every entry against exact arithmetic: |10^k - m * 2^e| must not exceed half a unit of m.
    #[test]
    fn cached_powers_are_rounded_to_nearest() {
        for (index, &significand) in POWERS.iter().enumerate() {
            let power = FIRST_POWER + index as i32 * POWER_STEP;
            let exponent = ((power * 217_706) >> 16) - 63;
            assert!(significand >> 63 == 1);
            // Bring 10^k and (2m - 1) * 2^(e-1), (2m + 1) * 2^(e-1) to whole numbers.
            let scale = |mut number: Natural, tens: i32, twos: i32| {
                number.mul_pow10(tens.max(0) as u32);
                number.shl(twos.max(0) as u32);
                number
            };
            let doubled = u128::from(significand) * 2;
            let exact = scale(Natural::from_u128(1), power, 1 - exponent);
            let below = scale(Natural::from_u128(doubled - 1), -power, exponent - 1);
            let above = scale(Natural::from_u128(doubled + 1), -power, exponent - 1);
            assert!(below <= exact && exact <= above, "10^{power}");
        }
    }
}
