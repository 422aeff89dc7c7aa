//! Finding a command by its name, in any case: the first thing every request does.
//!
//! A perfect hash: the name, at most 32 bytes, is folded to lower case in 8-byte words, multiplied
//! and shifted; `build` searches a multiplier under which no two registered names share a bucket.
//! One probe and one comparison of words decide, and a hit is a handful of cycles. Building tries
//! multipliers of a fixed sequence, so the same names always give the same table.

/// Longest name that can be registered, in bytes.
const NAME_BYTES_MAX: usize = 32;
/// A name in lower case, zero-padded.
type Folded = [u64; NAME_BYTES_MAX / 8];

/// Names to their positions in the list they were built from.
#[derive(Debug)]
pub struct Lookup {
    multiplier: u64,
    shift: u32,
    buckets: Box<[Bucket]>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    name: Folded,
    /// Position plus one; 0: empty. Empty buckets never match: no name folds to zeros.
    position: u16,
}

impl Lookup {
    /// Builds the table; called once per process. Names differ in more than case and have 1 to 32
    /// bytes without NUL.
    ///
    /// # Panics
    /// If a name is registered twice or breaks the rules above: the command table is wrong.
    pub fn build(names: &[&'static str]) -> Lookup {
        assert!(names.len() < usize::from(u16::MAX), "positions are 16 bits");
        let folded: Vec<Folded> = names.iter().map(|name| folded_name(name)).collect();
        let mut sorted = folded.clone();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]), "a command name is registered twice");

        // Four buckets per name are collision-free within a few hundred tries; grow rather than
        // search for long.
        let mut bits = (names.len().max(1) * 4).next_power_of_two().trailing_zeros().max(1);
        loop {
            let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
            for _ in 0..4096 {
                seed = seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x6a09_e667_f3bc_c909);
                if let Some(lookup) = Lookup::with(seed | 1, 64 - bits, &folded) {
                    return lookup;
                }
            }
            bits += 1;
        }
    }

    /// The table under one multiplier, unless names collide.
    fn with(multiplier: u64, shift: u32, names: &[Folded]) -> Option<Lookup> {
        let empty = Bucket { name: [0; NAME_BYTES_MAX / 8], position: 0 };
        let buckets = vec![empty; 1 << (64 - shift)].into_boxed_slice();
        let mut lookup = Lookup { multiplier, shift, buckets };
        for (position, name) in names.iter().enumerate() {
            let index = lookup.index(name);
            let bucket = &mut lookup.buckets[index];
            if bucket.position != 0 {
                return None;
            }
            *bucket = Bucket { name: *name, position: position as u16 + 1 };
        }
        Some(lookup)
    }

    /// The position of a name, whatever its case; `None` if it is not registered.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<u16> {
        if name.len() > NAME_BYTES_MAX || name.is_empty() {
            return None;
        }
        let folded = fold(name);
        let bucket = &self.buckets[self.index(&folded)];
        if bucket.name == folded && bucket.position != 0 { Some(bucket.position - 1) } else { None }
    }

    #[inline]
    fn index(&self, name: &Folded) -> usize {
        let mixed = (name[0] ^ name[1].rotate_left(23) ^ name[2].rotate_left(41) ^ name[3].rotate_left(11))
            .wrapping_mul(self.multiplier);
        (mixed >> self.shift) as usize
    }
}

fn folded_name(name: &'static str) -> Folded {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.as_bytes().contains(&0);
    assert!(fits, "command name {name:?} cannot be registered");
    fold(name.as_bytes())
}

/// Lower-cases ASCII letters in words of eight bytes. At most `NAME_BYTES_MAX` bytes.
#[inline]
fn fold(name: &[u8]) -> Folded {
    let mut words = [0; NAME_BYTES_MAX / 8];
    if name.len() <= 8 {
        words[0] = lower(load(name));
        return words;
    }
    for (word, bytes) in words.iter_mut().zip(name.chunks(8)) {
        *word = lower(load(bytes));
    }
    words
}

/// Up to eight bytes as a little-endian word, zero-padded, by overlapping reads of fixed size.
#[inline]
fn load(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    if let Some(whole) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*whole);
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        return u64::from(head) | u64::from(tail) << ((len - 4) * 8);
    }
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        _ => 0,
    }
}

/// Sets bit 5 of every byte in `A..=Z`, eight bytes at a time.
#[inline]
const fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low7 = word & (0x7f * ONES);
    let from_a = low7 + (0x80 - b'A' as u64) * ONES;
    let above_z = low7 + (0x80 - b'Z' as u64 - 1) * ONES;
    let letters = from_a & !above_z & !word & (0x80 * ONES);
    word | letters >> 2
}
