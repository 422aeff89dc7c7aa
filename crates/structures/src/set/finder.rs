//! Many look-ups in one set.

use crate::listpack::{Element, Listpack};

use super::{Form, Set};

/// Fewer members than this, or fewer look-ups, are not worth an index.
const INDEX_MIN: usize = 8;
/// A place of the index that is not taken. No element begins at this offset: the header is there.
const FREE: u32 = 0;

/// A set prepared to be asked often. A packed sequence gets an index, so that a look-up need not read all of it; the
/// other forms have none.
pub struct Finder {
    set: Set,
    /// Offsets of elements, by hash; where the place is taken, in the next free one. At least half are free.
    index: Box<[u32]>,
}

impl Finder {
    /// Prepares a set for about `lookups` look-ups. O(1), O(n) for a packed sequence.
    pub fn new(set: Set, lookups: usize) -> Finder {
        let index = match &set.form {
            Form::Packed(pack) if lookups >= INDEX_MIN && pack.len() >= INDEX_MIN => index(pack),
            _ => Box::default(),
        };
        Finder { set, index }
    }

    /// The set.
    pub fn set(&self) -> &Set {
        &self.set
    }

    /// Whether `member`, which another set has, is in this one too. O(log n), O(1) with an index.
    #[inline]
    pub fn contains(&self, member: Element<'_>) -> bool {
        let Form::Packed(pack) = &self.set.form else { return self.set.contains_element(member) };
        if self.index.is_empty() {
            return self.set.contains_element(member);
        }
        let member = canonical(member);
        let mask = self.index.len() - 1;
        let mut place = hash(member) as usize & mask;
        while self.index[place] != FREE {
            if canonical(pack.get(self.index[place] as usize)) == member {
                return true;
            }
            place = (place + 1) & mask;
        }
        false
    }
}

fn index(pack: &Listpack) -> Box<[u32]> {
    let places = (pack.len() * 2).next_power_of_two();
    let mut index = vec![FREE; places].into_boxed_slice();
    for (offset, element) in pack.iter() {
        let mut place = hash(canonical(element)) as usize & (places - 1);
        while index[place] != FREE {
            place = (place + 1) & (places - 1);
        }
        index[place] = offset as u32;
    }
    index
}

/// Integers as integers: trees keep their text, and so may a packed sequence that came from elsewhere.
#[inline]
fn canonical(element: Element<'_>) -> Element<'_> {
    match element {
        Element::Bytes(bytes) => Element::of(bytes),
        int => int,
    }
}

/// A hash for the life of one command; who finds members that collide gains the time of a search without index.
#[inline]
fn hash(element: Element<'_>) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(FACTOR);
        (product >> 64) as u64 ^ product as u64
    };
    match element {
        Element::Int(value) => mix(1, value as u64),
        Element::Bytes(bytes) => {
            let (words, tail) = bytes.as_chunks::<8>();
            let state =
                words.iter().fold(bytes.len() as u64, |state, word| mix(state, u64::from_le_bytes(*word)));
            let mut last = [0; 8];
            last[..tail.len()].copy_from_slice(tail);
            mix(state, u64::from_le_bytes(last))
        }
    }
}
