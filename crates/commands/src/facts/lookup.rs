//! Finding a command by its name, in any case: the first thing every request does.
//!
//! A hash table with open addressing over a name's length, its first eight and its last eight bytes,
//! loaded as two words without a loop. Case never has to be folded: the hash leaves out bit 5 of
//! every byte, and the comparison ignores it in those bytes where the registered name has a letter.
//! So a hit costs two loads, a multiplication and one branch for names of up to 16 bytes; longer
//! ones are compared byte by byte on top. `build` picks the multiplier that leaves the fewest names
//! outside their own bucket, from a fixed sequence: the same names always give the same table.

/// Bit 5 of every byte: what ASCII upper and lower case differ in.
const CASE: u64 = 0x2020_2020_2020_2020;
/// How many multipliers `build` tries.
const TRIES: usize = 64;

/// Names to their positions in the list they were built from.
#[derive(Debug)]
pub struct Lookup {
    multiplier: u64,
    shift: u32,
    buckets: Box<[Bucket]>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    words: Words,
    /// Bits of the words that must agree: all but bit 5 of letters.
    care: [u64; 2],
    /// Empty buckets have the empty name, which is never registered.
    name: &'static str,
    position: u16,
}

/// First and last eight bytes of a name; of a name of up to eight bytes, all of them and zeros.
type Words = [u64; 2];

impl Lookup {
    /// Builds the table; called once per process.
    ///
    /// # Panics
    /// If a name is empty or registered twice: the command table is wrong.
    pub fn build(names: &[&'static str]) -> Lookup {
        assert!(names.len() < usize::from(u16::MAX), "positions are 16 bits");
        assert!(!names.contains(&""), "a command has no name");
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let candidates = (0..TRIES).map(|_| {
            seed = seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x6a09_e667_f3bc_c909);
            Lookup::with(seed | 1, names)
        });
        candidates.min_by_key(|lookup| lookup.displaced(names)).expect("several candidates")
    }

    /// The table under one multiplier; a quarter of the buckets or less is in use.
    fn with(multiplier: u64, names: &[&'static str]) -> Lookup {
        let bits = (names.len() * 4).next_power_of_two().trailing_zeros().max(1);
        let empty = Bucket { words: [0; 2], care: [u64::MAX; 2], name: "", position: 0 };
        let buckets = vec![empty; 1 << bits].into_boxed_slice();
        let mut lookup = Lookup { multiplier, shift: 64 - bits, buckets };
        for (position, name) in names.iter().enumerate() {
            assert!(lookup.find(name.as_bytes()).is_none(), "{name} is registered twice");
            let words = words(name.as_bytes());
            let care = words.map(|word| !(letters(word) >> 2));
            let mut index = lookup.home(words, name.len());
            while !lookup.buckets[index].name.is_empty() {
                index = lookup.next(index);
            }
            lookup.buckets[index] = Bucket { words, care, name, position: position as u16 };
        }
        lookup
    }

    /// The position of a name, whatever its case; `None` if it is not registered. O(1).
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<u16> {
        let words = words(name);
        let mut index = self.home(words, name.len());
        loop {
            let bucket = &self.buckets[index];
            let differ = ((words[0] ^ bucket.words[0]) & bucket.care[0])
                | ((words[1] ^ bucket.words[1]) & bucket.care[1])
                | (name.len() ^ bucket.name.len()) as u64;
            if differ == 0 && (name.len() <= 16 || name.eq_ignore_ascii_case(bucket.name.as_bytes())) {
                return if name.is_empty() { None } else { Some(bucket.position) };
            }
            if bucket.name.is_empty() {
                return None;
            }
            index = self.next(index);
        }
    }

    /// The bucket a name belongs into.
    #[inline]
    fn home(&self, words: Words, len: usize) -> usize {
        let mixed = (words[0] & !CASE) ^ (words[1] & !CASE).rotate_left(29) ^ len as u64;
        (mixed.wrapping_mul(self.multiplier) >> self.shift) as usize
    }

    #[inline]
    fn next(&self, index: usize) -> usize {
        (index + 1) & (self.buckets.len() - 1)
    }

    /// How many of the names are not in the bucket they belong into.
    fn displaced(&self, names: &[&'static str]) -> usize {
        let away =
            |name: &&&'static str| self.buckets[self.home(words(name.as_bytes()), name.len())].name != **name;
        names.iter().filter(away).count()
    }
}

/// Loads a name without a loop, by reads that may overlap. Together with the length the words say
/// all of a name of up to 16 bytes.
#[inline]
fn words(name: &[u8]) -> Words {
    let len = name.len();
    if let (Some(head), Some(tail)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            let last = if len == 8 { 0 } else { u64::from_le_bytes(*last) };
            return [u64::from_le_bytes(*first), last];
        }
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        return [u64::from(head) | u64::from(tail) << ((len - 4) * 8), 0];
    }
    // `GET` and `SET` are most of all traffic.
    let word = match *name {
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        [a, b] => u32::from_le_bytes([a, b, 0, 0]),
        [a] => a.into(),
        _ => 0,
    };
    [word.into(), 0]
}

/// The high bit of every byte that is an ASCII letter.
const fn letters(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let lower = (word | CASE) & !HIGH;
    let from_a = lower + (0x80 - b'a' as u64) * ONES;
    let above_z = lower + (0x80 - b'z' as u64 - 1) * ONES;
    from_a & !above_z & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Vec<&'static str> {
        super::super::CATALOGUE.iter().copied().flatten().map(|facts| facts.name).collect()
    }

    #[test]
    fn every_name_is_found_in_any_case() {
        let names = catalogue();
        let lookup = Lookup::build(&names);
        for (position, name) in names.iter().enumerate() {
            let upper = name.to_ascii_uppercase();
            let mixed = format!("{}{}", &upper[..1], &name[1..]);
            for spelling in [*name, &upper, &mixed] {
                assert_eq!(lookup.find(spelling.as_bytes()), Some(position as u16), "{spelling}");
            }
        }
    }

    #[test]
    fn other_names_are_not_found() {
        let names = catalogue();
        let lookup = Lookup::build(&names);
        for name in &names {
            for end in 0..name.len() {
                let start = &name[..end];
                assert_eq!(lookup.find(start.as_bytes()).is_some(), names.contains(&start), "{start}");
            }
            for byte in 0..=255 {
                let mut longer = name.as_bytes().to_vec();
                longer.push(byte);
                let known = names.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(&longer));
                assert_eq!(lookup.find(&longer).is_some(), known, "{name} and {byte}");
                for place in 0..name.len() {
                    let mut other = name.as_bytes().to_vec();
                    other[place] = byte;
                    let known = names.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(&other));
                    assert_eq!(lookup.find(&other).is_some(), known, "{name} with {byte} at {place}");
                }
            }
        }
        assert_eq!(lookup.find(&[b'a'; 300]), None);
        assert_eq!((lookup.find(b""), lookup.find(&[0; 8])), (None, None));
    }

    #[test]
    fn an_empty_table_and_long_names() {
        assert_eq!(Lookup::build(&[]).find(b"get"), None);
        // Alike in length, beginning and end: only the middle tells them apart.
        let lookup = Lookup::build(&["beginning-one-ending.", "beginning-two-ending."]);
        assert_eq!(lookup.find(b"BEGINNING-TWO-ENDING."), Some(1));
        assert_eq!(lookup.find(b"beginning-one-ending."), Some(0));
        assert_eq!(lookup.find(b"beginning-six-ending."), None);
    }

    #[test]
    fn most_names_are_in_their_own_bucket() {
        let names = catalogue();
        let lookup = Lookup::build(&names);
        assert!(lookup.displaced(&names) * 10 <= names.len(), "{}", lookup.displaced(&names));
    }

    #[test]
    #[should_panic(expected = "registered twice")]
    fn a_name_registered_twice_is_refused() {
        Lookup::build(&["get", "set", "GET"]);
    }
}
