//! Sets: members without order.
//!
//! Three forms, of which clients see the names: a sorted array while all members are integers ([`Intset`]), a packed
//! sequence while there are few ([`Listpack`]), a tree in hash order otherwise ([`Hashed`]). When a set changes its
//! form follows Valkey 9.1 to the letter, including that it never goes back.

mod finder;
#[cfg(test)]
mod tests;

pub use finder::Finder;
use sys::random::Rng;

use crate::hashed::Hashed;
use crate::intset::Intset;
use crate::listpack::{Element, IntBuf, Listpack};

/// Up to where a set stays compact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members of a sorted array of integers.
    pub integers: usize,
    /// Members of a packed sequence.
    pub entries: usize,
    /// Bytes of the longest member of a packed sequence.
    pub member_bytes: usize,
}

/// No array of integers has more members than this, whatever the limits say.
const INTEGERS_MAX: usize = 1 << 30;
/// No packed sequence has more bytes than this, whatever the limits say.
const PACKED_BYTES_MAX: usize = 1 << 30;

impl Limits {
    fn integers(&self) -> usize {
        self.integers.min(INTEGERS_MAX)
    }
}

/// A set of byte strings. A clone shares what is large until one of the two changes: O(1).
#[derive(Clone)]
pub struct Set {
    form: Form,
}

#[derive(Clone)]
enum Form {
    Integers(Intset),
    Packed(Listpack),
    /// Behind a pointer, so that small values of all types stay small.
    Hashed(Box<Hashed<0>>),
}

impl Default for Set {
    fn default() -> Set {
        Set::of_integers(Intset::new())
    }
}

impl Set {
    /// An empty set in the form that suits `first` and `count` members in all. O(1).
    pub fn new(first: &[u8], count: usize, limits: &Limits) -> Set {
        let form = if count <= limits.integers && matches!(Element::of(first), Element::Int(_)) {
            Form::Integers(Intset::new())
        } else if count <= limits.entries {
            Form::Packed(Listpack::new())
        } else {
            Form::Hashed(Box::default())
        };
        Set { form }
    }

    /// Starts loading what a look-up of a member reads.
    #[inline]
    pub fn prefetch(&self, member: &[u8]) {
        match &self.form {
            Form::Integers(set) => set.prefetch(),
            Form::Packed(pack) => pack.prefetch(),
            Form::Hashed(set) => set.prefetch_name(member),
        }
    }

    /// Starts loading a member of a large set, some time after [`Set::prefetch`].
    #[inline]
    pub fn prefetch_element(&self, member: &[u8]) {
        if let Form::Hashed(set) = &self.form {
            set.prefetch_element(member);
        }
    }

    /// A set in the form of a sorted array.
    pub fn of_integers(set: Intset) -> Set {
        Set { form: Form::Integers(set) }
    }

    /// An empty set in the form of a packed sequence.
    pub fn packed() -> Set {
        Set { form: Form::Packed(Listpack::new()) }
    }

    /// Leaves the compact form for a command that brings `count` members, if it does not take that many. O(1), or
    /// O(n) to convert.
    pub fn expect(&mut self, count: usize, limits: &Limits) {
        let fits = match &self.form {
            Form::Integers(_) => count <= limits.integers,
            Form::Packed(_) => count <= limits.entries,
            Form::Hashed(_) => true,
        };
        if !fits {
            self.leave_compact();
        }
    }

    /// Number of members. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Integers(set) => set.len(),
            Form::Packed(pack) => pack.len(),
            Form::Hashed(set) => set.len(),
        }
    }

    /// Whether there is no member. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all of the set lies in one block. O(1).
    pub fn is_compact(&self) -> bool {
        !matches!(self.form, Form::Hashed(_))
    }

    /// The sorted array, if that is the form.
    pub fn integers(&self) -> Option<&Intset> {
        if let Form::Integers(set) = &self.form { Some(set) } else { None }
    }

    /// Heap bytes behind this value, the struct itself not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        match &self.form {
            Form::Integers(set) => set.memory_bytes(),
            Form::Packed(pack) => pack.memory_bytes(),
            Form::Hashed(set) => size_of::<Hashed<0>>() + set.memory_bytes(),
        }
    }

    /// Allocations to free, roughly: what decides whether a worker frees the value. O(1).
    pub fn free_effort(&self) -> usize {
        match &self.form {
            Form::Integers(_) | Form::Packed(_) => 1,
            Form::Hashed(set) => set.free_effort(),
        }
    }

    /// Whether both are one value, a clone and its original since neither was changed. O(1).
    pub fn is_same(&self, other: &Set) -> bool {
        match (&self.form, &other.form) {
            (Form::Integers(set), Form::Integers(other)) => set.is_same(other),
            (Form::Packed(pack), Form::Packed(other)) => pack.is_same(other),
            (Form::Hashed(set), Form::Hashed(other)) => set.is_same(other),
            _ => false,
        }
    }

    /// What `OBJECT ENCODING` says. O(1).
    pub fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Integers(_) => "intset",
            Form::Packed(_) => "listpack",
            Form::Hashed(_) => "hashtable",
        }
    }

    /// Whether `member` is in the set. O(log n); O(n) for a packed sequence.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.form {
            Form::Integers(set) => match Element::of(member) {
                Element::Int(value) => set.contains(value),
                Element::Bytes(_) => false,
            },
            Form::Packed(pack) => pack.find(member, 0).is_some(),
            Form::Hashed(set) => set.contains(member),
        }
    }

    /// As [`Self::contains`], of a member of another set.
    #[inline]
    pub fn contains_element(&self, member: Element<'_>) -> bool {
        match (&self.form, member) {
            (Form::Integers(set), Element::Int(value)) => set.contains(value),
            _ => self.contains(member.as_bytes(&mut IntBuf::new())),
        }
    }

    /// Adds `member`; `false` if it was there. O(log n), O(n) for compact forms.
    #[inline]
    pub fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        match &mut self.form {
            Form::Hashed(set) => set.insert(member, &[], None),
            Form::Packed(pack) => {
                if pack.find(member, 0).is_some() {
                    return false;
                }
                if pack.len() < limits.entries && packs(member, pack.bytes(), limits) {
                    pack.push_back(member);
                } else {
                    self.leave_compact().insert(member, &[], None);
                }
                true
            }
            Form::Integers(set) => match Element::of(member) {
                Element::Int(value) => self.insert_int(value, limits),
                Element::Bytes(bytes) => {
                    let longest = set
                        .bounds()
                        .map_or(0, |(min, max)| Element::Int(min).len().max(Element::Int(max).len()));
                    let room = set.len() < limits.entries && longest <= limits.member_bytes;
                    if room && packs(bytes, set.len() * (longest + 2), limits) {
                        let mut pack = Listpack::with_capacity(packed_bytes(set, bytes));
                        set.iter().for_each(|value| pack.push_back_int(value));
                        pack.push_back(bytes);
                        self.form = Form::Packed(pack);
                    } else {
                        self.leave_compact().insert(bytes, &[], None);
                    }
                    true
                }
            },
        }
    }

    /// As [`Self::insert`], of a member of another set.
    pub fn insert_element(&mut self, member: Element<'_>, limits: &Limits) -> bool {
        match (&self.form, member) {
            (Form::Integers(_), Element::Int(value)) => self.insert_int(value, limits),
            _ => self.insert(member.as_bytes(&mut IntBuf::new()), limits),
        }
    }

    fn insert_int(&mut self, value: i64, limits: &Limits) -> bool {
        let Form::Integers(set) = &mut self.form else { unreachable!("the caller looked") };
        let added = set.insert(value);
        if added && set.len() > limits.integers() {
            self.leave_compact();
        }
        added
    }

    /// Removes `member`; `false` if it was not there. O(log n), O(n) for compact forms.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.form {
            Form::Hashed(set) => set.remove(member),
            Form::Packed(pack) => match pack.find(member, 0) {
                Some(offset) => {
                    pack.remove(offset);
                    true
                }
                None => false,
            },
            Form::Integers(set) => match Element::of(member) {
                Element::Int(value) => set.remove(value),
                Element::Bytes(_) => false,
            },
        }
    }

    /// As [`Self::remove`], of a member of another set.
    pub fn remove_element(&mut self, member: Element<'_>) -> bool {
        match (&mut self.form, member) {
            (Form::Integers(set), Element::Int(value)) => set.remove(value),
            _ => self.remove(member.as_bytes(&mut IntBuf::new())),
        }
    }

    /// The member at a rank in the set's own order. O(log n), O(n) for a packed sequence.
    ///
    /// # Panics
    /// If there is none.
    pub fn get(&self, rank: usize) -> Element<'_> {
        match &self.form {
            Form::Integers(set) => Element::Int(set.get(rank)),
            Form::Packed(pack) => pack.get_index(rank as isize).expect("a rank of the set").1,
            Form::Hashed(set) => Element::Bytes(set.at_index(rank).expect("a rank of the set").name),
        }
    }

    /// A member, each as likely as any other. O(log n), O(n) for a packed sequence.
    ///
    /// # Panics
    /// If the set is empty.
    pub fn random(&self, rng: &mut Rng) -> Element<'_> {
        self.get(rng.index(self.len()))
    }

    /// Takes out the member at a rank and shows it. O(log n), O(n) for compact forms.
    ///
    /// # Panics
    /// If there is none.
    pub fn take(&mut self, rank: usize, show: impl FnOnce(Element<'_>)) {
        match &mut self.form {
            Form::Integers(set) => show(Element::Int(set.remove_at(rank))),
            Form::Packed(pack) => {
                let (offset, element) = pack.get_index(rank as isize).expect("a rank of the set");
                show(element);
                pack.remove(offset);
            }
            Form::Hashed(set) => {
                set.remove_at_index(rank, |member| show(Element::Bytes(member.name)))
                    .expect("a rank of the set");
            }
        }
    }

    /// Keeps the members for which `keep` holds; the form stays. O(n), O(n log n) in hash order.
    pub fn retain(&mut self, mut keep: impl FnMut(Element<'_>) -> bool) {
        match &mut self.form {
            Form::Integers(set) => set.retain(|value| keep(Element::Int(value))),
            Form::Packed(pack) => {
                let mut kept = Listpack::with_capacity(pack.bytes());
                for (_, element) in pack.iter().filter(|(_, element)| keep(*element)) {
                    match element {
                        Element::Int(value) => kept.push_back_int(value),
                        Element::Bytes(bytes) => kept.push_back(bytes),
                    }
                }
                kept.shrink_to_fit();
                *pack = kept;
            }
            Form::Hashed(set) => {
                let old = set.clone();
                for member in old.iter().filter(|member| !keep(Element::Bytes(member.name))) {
                    set.remove(member.name);
                }
            }
        }
    }

    /// Shows all members. O(n).
    pub fn visit(&self, mut show: impl FnMut(Element<'_>)) {
        self.visit_while(|member| {
            show(member);
            true
        });
    }

    /// Shows members until `show` says no; whether it never did. O(n).
    #[inline]
    pub fn visit_while(&self, mut show: impl FnMut(Element<'_>) -> bool) -> bool {
        match &self.form {
            Form::Integers(set) => set.iter().all(|value| show(Element::Int(value))),
            Form::Packed(pack) => pack.iter().all(|(_, element)| show(element)),
            Form::Hashed(set) => set.iter().all(|member| show(Element::Bytes(member.name))),
        }
    }

    /// Shows about `count` members, beginning where `from` says: 0 at first, then what the last call returned. Returns
    /// 0 after the last member. What is in the set from the first call to the last is shown, in a set in hash order
    /// exactly once whatever else changes; compact forms must not change meanwhile.
    pub fn walk(&self, from: u64, count: usize, mut show: impl FnMut(Element<'_>)) -> u64 {
        match &self.form {
            Form::Integers(set) => {
                let from = from as usize;
                let end = from.saturating_add(count).min(set.len());
                (from..end).for_each(|rank| show(Element::Int(set.get(rank))));
                if end < set.len() { end as u64 } else { 0 }
            }
            Form::Packed(pack) => {
                let mut rest = pack.iter_from((from as usize).max(pack.start()));
                rest.by_ref().take(count).for_each(|(_, element)| show(element));
                if rest.offset() < pack.end() { rest.offset() as u64 } else { 0 }
            }
            Form::Hashed(set) => set.scan(from, count, |member| show(Element::Bytes(member.name))),
        }
    }

    /// Becomes a sorted array if all members are integers and not too many. O(n).
    pub fn become_integers(&mut self, limits: &Limits) {
        if self.integers().is_some() || self.len() > limits.integers() {
            return;
        }
        let mut values = Vec::with_capacity(self.len());
        let all = self.visit_while(|member| match member {
            Element::Int(value) => {
                values.push(value);
                true
            }
            Element::Bytes(bytes) => match Element::of(bytes) {
                // A packed sequence that keeps an integer as a string came from elsewhere: Valkey leaves it.
                Element::Int(value) if matches!(self.form, Form::Hashed(_)) => {
                    values.push(value);
                    true
                }
                _ => false,
            },
        });
        if all {
            self.form = Form::Integers(Intset::from_values(values));
        }
    }

    /// Gives back what a packed sequence has allocated in advance.
    pub fn shrink_to_fit(&mut self) {
        if let Form::Packed(pack) = &mut self.form {
            pack.shrink_to_fit();
        }
    }

    /// Takes on hash order.
    #[cold]
    #[inline(never)]
    fn leave_compact(&mut self) -> &mut Hashed<0> {
        if self.is_compact() {
            let mut set = Hashed::new();
            self.visit(|member| {
                set.insert(member.as_bytes(&mut IntBuf::new()), &[], None);
            });
            self.form = Form::Hashed(Box::new(set));
        }
        let Form::Hashed(set) = &mut self.form else { unreachable!("just made") };
        set
    }
}

/// Whether a packed sequence of `bytes` bytes may take in `member`.
#[inline]
fn packs(member: &[u8], bytes: usize, limits: &Limits) -> bool {
    member.len() <= limits.member_bytes && bytes + member.len() <= PACKED_BYTES_MAX
}

/// Bytes of a packed sequence of the members of `set` and of `member`.
fn packed_bytes(set: &Intset, member: &[u8]) -> usize {
    const FRAME_BYTES: usize = 7;
    FRAME_BYTES + set.iter().map(Listpack::encoded_len_int).sum::<usize>() + Listpack::encoded_len(member)
}
