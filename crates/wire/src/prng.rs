//! A seeded generator for property tests, so a failing case can be named by its seed.

/// SplitMix64: full period, no state worth attacking, good enough to draw test inputs.
pub(crate) struct Prng(u64);

impl Prng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Up to `max_len` bytes drawn from `alphabet`.
    pub(crate) fn bytes_of(&mut self, alphabet: &[u8], max_len: usize) -> Vec<u8> {
        (0..self.below(max_len + 1)).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}
