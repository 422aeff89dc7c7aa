//! The pseudo-random numbers of `math.random`: the 48-bit linear congruential generator of POSIX `lrand48`, the same
//! on every machine. It begins at the state that POSIX gives an unseeded one.

/// The generator.
#[derive(Clone, Copy, Debug)]
pub struct Lrand48(u64);

impl Default for Lrand48 {
    fn default() -> Self {
        Lrand48(0x1234_abcd_330e)
    }
}

impl Lrand48 {
    /// Begins anew.
    pub fn seed(&mut self, seed: i32) {
        self.0 = u64::from(seed as u32) << 16 | 0x330e;
    }

    /// The next number, 31 bits.
    pub fn next_i32(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
        (self.0 >> 17) as i32
    }

    /// A number from 0 up to but not 1.
    pub fn unit(&mut self) -> f64 {
        f64::from(self.next_i32() % i32::MAX) / f64::from(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_valkeys() {
        let mut rng = Lrand48::default();
        assert_eq!(format!("{:.14} {:.14}", rng.unit(), rng.unit()), "0.39646477363839 0.84048536971234");
        rng.seed(0);
        assert_eq!(format!("{:.14} {:.14}", rng.unit(), rng.unit()), "0.17082803611217 0.74990198051087");
    }
}
