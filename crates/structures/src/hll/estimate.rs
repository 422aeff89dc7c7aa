//! From registers to a cardinality: Ertl's improved raw estimator.

use super::{RANK_BITS, REGISTERS, Registers};

/// How many registers have each value.
pub(super) type Histogram = [u32; 64];

/// 1 / (2 ln 2), the limit of the bias factor for many registers.
const ALPHA_INFINITE: f64 = 0.721_347_520_444_481_7;

/// Counts registers two at a time, which halves the stores that bound the speed of a histogram. Two tables,
/// since equal pairs are often neighbours and each increment waits for the one before it.
pub(super) struct PairCounts([[u16; PAIRS]; 2]);

/// Values of two registers together.
const PAIRS: usize = 64 * 64;

impl PairCounts {
    pub(super) fn new() -> PairCounts {
        PairCounts([[0; PAIRS]; 2])
    }

    /// Counts two pairs, each `first | second << 6`; bits above are ignored. A value has few enough pairs
    /// for no counter to overflow.
    #[inline]
    pub(super) fn add(&mut self, one: u64, other: u64) {
        self.0[0][one as usize % PAIRS] += 1;
        self.0[1][other as usize % PAIRS] += 1;
    }

    pub(super) fn finish(&self) -> Histogram {
        let [ones, others] = &self.0;
        let mut histogram = [0; 64];
        let mut firsts = [0_u16; 64];
        let rows = ones.as_chunks::<64>().0.iter().zip(others.as_chunks::<64>().0);
        for ((one, other), second) in rows.zip(&mut histogram) {
            let mut row = 0_u16;
            for ((first, one), other) in firsts.iter_mut().zip(one).zip(other) {
                *first += one + other;
                row += one + other;
            }
            *second += u32::from(row);
        }
        histogram.iter_mut().zip(firsts).for_each(|(total, first)| *total += u32::from(first));
        histogram
    }
}

/// How many of `registers` have each value.
pub(super) fn histogram(registers: &Registers) -> Histogram {
    let mut counts = PairCounts::new();
    for eight in registers.as_chunks::<8>().0 {
        // Bytes to pairs of 12 bits, in lanes of 16.
        let bytes = u64::from_le_bytes(*eight);
        let pairs = bytes & 0x003f_003f_003f_003f | (bytes & 0x3f00_3f00_3f00_3f00) >> 2;
        counts.add(pairs, pairs >> 16);
        counts.add(pairs >> 32, pairs >> 48);
    }
    counts.finish()
}

/// The estimate, rounded half away from zero. The order of the operations matters for the last digit.
pub(super) fn cardinality(histogram: &Histogram) -> u64 {
    let m = REGISTERS as f64;
    let share = |rank: usize| f64::from(histogram[rank]);
    let mut z = m * tau((m - share(RANK_BITS + 1)) / m);
    for rank in (1..=RANK_BITS).rev() {
        z = 0.5 * (z + share(rank));
    }
    z += m * sigma(share(0) / m);
    let estimate = (ALPHA_INFINITE * m * m / z).round();
    // Registers that no set of elements leads to can take it past what a signed integer holds, or to infinity:
    // Valkey on x86 then replies, and caches, the least signed integer.
    if estimate < (1_u64 << 63) as f64 { estimate as u64 } else { 1 << 63 }
}

/// The contribution of registers that are at their greatest value.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        let before = z;
        x = x.sqrt();
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

/// The contribution of registers that are still zero.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        let before = z;
        x *= x;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}
