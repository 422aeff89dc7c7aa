//! Randomness: the kernel's for secrets and seeds, xoshiro256** for everything that only has to look random.
//!
//! The generator is Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2019), seeded through
//! splitmix64 as they advise. Same seed, same sequence, on every machine: simulation and tests rely on it.

use std::io;

/// Fills `into` from the kernel's generator, see getrandom(2). Blocks only in early boot.
pub fn fill_entropy(mut into: &mut [u8]) -> io::Result<()> {
    while !into.is_empty() {
        // SAFETY: `into` is writable for its length.
        match crate::check_len(unsafe { libc::getrandom(into.as_mut_ptr().cast(), into.len(), 0) }) {
            Ok(got) => into = &mut into[got..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A seed nobody can guess. Falls back on clock and addresses in a sandbox without getrandom.
pub fn seed() -> u64 {
    let mut bytes = [0; 8];
    match fill_entropy(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => {
            let place = std::ptr::from_ref(&bytes).addr() as u64;
            let mut state = crate::clock::wall_us() ^ crate::clock::mono_ns().rotate_left(32) ^ place;
            splitmix(&mut state)
        }
    }
}

/// `digits` hexadecimal digits from the kernel: run ids, replication ids, generated passwords.
pub fn hex_id(digits: usize) -> io::Result<String> {
    let mut bytes = vec![0; digits.div_ceil(2)];
    fill_entropy(&mut bytes)?;
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    Ok(text)
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A fast generator, not for secrets. 32 bytes of state, about a nanosecond per number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        let mut mixer = seed;
        // splitmix64 visits every value once, so at most one of four in a row is zero, never all.
        Rng { state: std::array::from_fn(|_| splitmix(&mut mixer)) }
    }

    /// A sequence nobody can foresee before its first numbers are seen.
    pub fn from_entropy() -> Self {
        let mut bytes = [0; 32];
        if fill_entropy(&mut bytes).is_err() || bytes == [0; 32] {
            return Rng::new(seed());
        }
        let (words, _) = bytes.as_chunks::<8>();
        Rng { state: std::array::from_fn(|index| u64::from_le_bytes(words[index])) }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// A number below `bound`, each equally likely (Lemire, "Fast Random Integer Generation in an Interval",
    /// 2019). Panics when `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below zero");
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let reject_below = bound.wrapping_neg() % bound;
            while (product as u64) < reject_below {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// As [`Rng::below`], for indices.
    #[inline]
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number in 0.0 ≤ x < 1.0, of 53 random bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Fills `into` with random bytes.
    pub fn fill(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// The outputs the definition gives for the state 1, 2, 3, 4.
    #[test]
    fn sequence_is_that_of_the_definition() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(first, [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
    }

    #[test]
    fn same_seed_same_sequence() {
        let (mut one, mut other) = (Rng::new(42), Rng::new(42));
        assert!((0..1000).all(|_| one.next_u64() == other.next_u64()));
        assert_ne!(Rng::new(42), Rng::new(43));
        assert_ne!(Rng::from_entropy(), Rng::from_entropy());
        assert_ne!(seed(), seed());
    }

    #[test]
    fn bounded_numbers_are_even() {
        let mut rng = Rng::new(1);
        let mut hits = [0u32; 7];
        for _ in 0..70_000 {
            hits[rng.index(7)] += 1;
        }
        assert!(hits.iter().all(|hits| hits.abs_diff(10_000) < 500), "{hits:?}");
        assert!((0..1000).all(|_| rng.below(u64::MAX / 2 + 2) < u64::MAX / 2 + 2));
        assert_eq!(rng.below(1), 0);
        let mean = (0..100_000).map(|_| rng.unit()).sum::<f64>() / 100_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn shuffling_keeps_the_items() {
        let mut rng = Rng::new(9);
        let mut items: Vec<u32> = (0..100).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        assert_eq!(items.iter().collect::<HashSet<_>>().len(), 100);
    }

    #[test]
    fn bytes_and_ids() {
        let mut bytes = [0u8; 1003];
        Rng::new(5).fill(&mut bytes);
        assert!(bytes.iter().collect::<HashSet<_>>().len() > 200);
        fill_entropy(&mut bytes).unwrap();
        let id = hex_id(40).unwrap();
        assert!(
            id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        );
        assert_ne!(id, hex_id(40).unwrap());
        assert_eq!(hex_id(7).unwrap().len(), 7);
    }
}
