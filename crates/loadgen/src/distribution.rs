//! Which key a request names: uniform, Zipf, one hot key, or in sequence.
//!
//! Zipf draws use rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from
//! monotone discrete distributions", ACM TOMACS 6(3), 1996): exact for any exponent, O(1) time and memory, so ten
//! million keys need no table. Ranks are then scattered over the key numbers: a sequential fill must not lay the
//! hot keys out side by side in the server's memory.

use std::{fmt, str::FromStr};

use crate::random::Random;

/// The `--distribution` option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Every key equally often.
    Uniform,
    /// Zipf's law with this exponent (> 0): key of rank r with probability proportional to r^-exponent.
    Zipf(f64),
    /// Key 0 only.
    Hot,
    /// Each connection walks the keys upwards from its own start and wraps.
    Sequential,
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Distribution, String> {
        match text.split_once(':') {
            None if text == "uniform" => Ok(Distribution::Uniform),
            None if text == "hot" => Ok(Distribution::Hot),
            None if text == "sequential" => Ok(Distribution::Sequential),
            None if text == "zipf" => Ok(Distribution::Zipf(0.99)),
            Some(("zipf", exponent)) => match exponent.parse::<f64>() {
                Ok(exponent) if exponent > 0.0 && exponent <= 10.0 => Ok(Distribution::Zipf(exponent)),
                _ => {
                    Err(format!("'{exponent}' is no Zipf exponent: write a number above 0, as in zipf:0.99"))
                }
            },
            _ => Err("write uniform, zipf:0.99, hot or sequential".to_owned()),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distribution::Uniform => f.write_str("uniform"),
            Distribution::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Distribution::Hot => f.write_str("hot"),
            Distribution::Sequential => f.write_str("sequential"),
        }
    }
}

/// Draws key numbers in `0..keys` for one connection.
#[derive(Clone, Debug)]
pub enum Sampler {
    /// See [`Distribution::Uniform`].
    Uniform {
        /// Number of keys.
        keys: u64,
    },
    /// See [`Distribution::Zipf`].
    Zipf(Zipf),
    /// See [`Distribution::Hot`].
    Hot,
    /// See [`Distribution::Sequential`].
    Sequential {
        /// Next key number.
        next: u64,
        /// Number of keys.
        keys: u64,
    },
}

impl Sampler {
    /// A sampler over `keys` keys (> 0); sequential ones begin at `start`.
    pub fn new(distribution: Distribution, keys: u64, start: u64) -> Sampler {
        match distribution {
            Distribution::Uniform => Sampler::Uniform { keys },
            Distribution::Zipf(exponent) => Sampler::Zipf(Zipf::new(keys, exponent)),
            Distribution::Hot => Sampler::Hot,
            Distribution::Sequential => Sampler::Sequential { next: start % keys, keys },
        }
    }

    /// The next key number.
    #[inline]
    pub fn draw(&mut self, random: &mut Random) -> u64 {
        match self {
            Sampler::Uniform { keys } => random.below(*keys),
            Sampler::Zipf(zipf) => zipf.scatter(zipf.rank(random)),
            Sampler::Hot => 0,
            Sampler::Sequential { next, keys } => {
                let key = *next;
                *next = if key + 1 == *keys { 0 } else { key + 1 };
                key
            }
        }
    }
}

/// The constants of one Zipf distribution.
#[derive(Clone, Debug)]
pub struct Zipf {
    keys: u64,
    exponent: f64,
    integral_first: f64,
    integral_last: f64,
    shortcut: f64,
    stride: u64,
}

impl Zipf {
    /// Prepares draws over ranks `1..=keys`. O(log keys).
    pub fn new(keys: u64, exponent: f64) -> Zipf {
        let mut zipf = Zipf {
            keys,
            exponent,
            integral_first: 0.0,
            integral_last: 0.0,
            shortcut: 0.0,
            stride: stride(keys),
        };
        zipf.integral_first = zipf.integral(1.5) - 1.0;
        zipf.integral_last = zipf.integral(keys as f64 + 0.5);
        zipf.shortcut = 2.0 - zipf.integral_inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    /// A rank in `0..keys`; 0 is the most frequent. O(1) expected: fewer than 1.1 rounds on average.
    #[inline]
    pub fn rank(&self, random: &mut Random) -> u64 {
        loop {
            let area = self.integral_last + random.unit() * (self.integral_first - self.integral_last);
            let x = self.integral_inverse(area);
            let rank = (x + 0.5).floor().clamp(1.0, self.keys as f64);
            // The first test accepts nearly always without computing the integral again.
            if rank - x <= self.shortcut || area >= self.integral(rank + 0.5) - self.weight(rank) {
                return rank as u64 - 1;
            }
        }
    }

    /// The key number of a rank: a bijection on `0..keys`.
    #[inline]
    pub fn scatter(&self, rank: u64) -> u64 {
        ((u128::from(rank) * u128::from(self.stride)) % u128::from(self.keys)) as u64
    }

    /// x^-exponent.
    fn weight(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// An antiderivative of `weight`; continuous in the exponent at 1, where it is ln x.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        exp_m1_over((1.0 - self.exponent) * log) * log
    }

    fn integral_inverse(&self, area: f64) -> f64 {
        let t = (area * (1.0 - self.exponent)).max(-1.0);
        (ln_1p_over(t) * area).exp()
    }
}

/// (e^x - 1) / x, also near 0.
fn exp_m1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.exp_m1() / x } else { 1.0 + x / 2.0 }
}

/// ln(1 + x) / x, also near 0.
fn ln_1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.ln_1p() / x } else { 1.0 - x / 2.0 }
}

/// A multiplier coprime to `keys`, near the golden section of it so that neighbouring ranks land far apart.
fn stride(keys: u64) -> u64 {
    let mut stride = ((keys as f64 * 0.618_033_988_75) as u64).max(1);
    while gcd(stride, keys) != 1 {
        stride += 1;
    }
    stride
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_frequencies_follow_the_law() {
        for exponent in [0.5, 0.99, 1.0, 1.3] {
            let keys = 1000;
            let zipf = Zipf::new(keys, exponent);
            let mut random = Random::new(11, 0);
            let draws = 400_000;
            let mut seen = vec![0u32; keys as usize];
            for _ in 0..draws {
                seen[zipf.rank(&mut random) as usize] += 1;
            }
            let total: f64 = (1..=keys).map(|r| (r as f64).powf(-exponent)).sum();
            for rank in [1u64, 2, 3, 10, 50] {
                let expected = f64::from(draws) * (rank as f64).powf(-exponent) / total;
                let got = f64::from(seen[rank as usize - 1]);
                // Six standard deviations of a binomial count.
                let tolerance = 6.0 * expected.sqrt();
                assert!((got - expected).abs() < tolerance, "{exponent} rank {rank}: {got} for {expected}");
            }
        }
    }

    #[test]
    fn zipf_ranks_stay_in_range_and_scatter_is_a_bijection() {
        for keys in [1u64, 2, 3, 10, 1000, 4096] {
            let zipf = Zipf::new(keys, 0.99);
            let mut random = Random::new(keys, 0);
            assert!((0..1000).all(|_| zipf.rank(&mut random) < keys));
            let mut hit = vec![false; keys as usize];
            (0..keys).for_each(|rank| hit[zipf.scatter(rank) as usize] = true);
            assert!(hit.iter().all(|&h| h), "{keys}");
        }
    }

    #[test]
    fn sequential_wraps_and_hot_stays() {
        let mut random = Random::new(1, 1);
        let mut walk = Sampler::new(Distribution::Sequential, 3, 2);
        let seen: Vec<u64> = (0..5).map(|_| walk.draw(&mut random)).collect();
        assert_eq!(seen, [2, 0, 1, 2, 0]);
        let mut hot = Sampler::new(Distribution::Hot, 3, 2);
        assert_eq!(hot.draw(&mut random), 0);
    }

    #[test]
    fn spellings() {
        assert_eq!("zipf:0.99".parse(), Ok(Distribution::Zipf(0.99)));
        assert_eq!("zipf".parse(), Ok(Distribution::Zipf(0.99)));
        assert_eq!("uniform".parse(), Ok(Distribution::Uniform));
        assert!("zipf:-1".parse::<Distribution>().is_err());
        assert!("gauss".parse::<Distribution>().is_err());
        assert_eq!(Distribution::Zipf(0.5).to_string(), "zipf:0.5");
    }
}
