//! The form of large hashes: a hash-ordered map, with the encoding that clients see and the earliest instant at hand.

use crate::hashed::{self, Element, Hashed};

use super::compact::Compact;
use super::{Field, Item, Pair, Replaced};

/// A large hash. A clone is O(1) and shares everything until one of both changes.
#[derive(Clone)]
pub(super) struct Table {
    fields: Hashed,
    /// When the first field expires.
    next_expiry_at_ms: Option<i64>,
    /// Clients still see the encoding `listpack`.
    pub(super) is_listpack: bool,
}

fn pair(element: Element<'_>) -> Pair<'_> {
    Pair {
        field: Item::Bytes(element.name),
        value: Item::Bytes(element.value),
        expire_at_ms: element.expire_at_ms,
    }
}

impl Table {
    /// The table of a small hash's pairs. O(n log n).
    pub(super) fn of(small: &Compact) -> Table {
        let mut table = Table {
            fields: Hashed::new(),
            next_expiry_at_ms: small.next_expiry_at_ms(),
            is_listpack: !small.is_not_listpack(),
        };
        let mut scratch = [crate::listpack::IntBuf::new(); 2];
        for (field, value, expire_at_ms) in small.iter_from(0) {
            let [first, second] = &mut scratch;
            table.fields.insert(field.as_bytes(first), value.as_bytes(second), expire_at_ms);
        }
        table
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(super) fn prefetch(&self, field: &[u8]) {
        self.fields.prefetch_name(field);
    }

    pub(super) fn prefetch_element(&self, field: &[u8]) {
        self.fields.prefetch_element(field);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.fields.memory_bytes()
    }

    pub(super) fn free_effort(&self) -> usize {
        self.fields.free_effort()
    }

    pub(super) fn is_same(&self, other: &Table) -> bool {
        self.fields.is_same(&other.fields) && self.is_listpack == other.is_listpack
    }

    #[inline(always)]
    pub(super) fn next_expiry_at_ms(&self) -> Option<i64> {
        self.next_expiry_at_ms
    }

    /// A field, expired or not. O(log n).
    #[inline(always)]
    pub(super) fn get(&self, field: &[u8]) -> Option<Field<'_>> {
        let element = self.fields.get(field)?;
        Some(Field { value: Item::Bytes(element.value), expire_at_ms: element.expire_at_ms })
    }

    /// Sets a field. O(log n).
    #[inline]
    pub(super) fn set(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<i64>) -> Replaced {
        let mut replaced = Replaced::Nothing;
        self.fields.insert_with(field, value, |old| {
            if let Some(old) = old {
                replaced = Replaced::Field(old.expire_at_ms);
            }
            expire_at_ms
        });
        let was = if let Replaced::Field(was) = replaced { was } else { None };
        self.note_instants(was, expire_at_ms);
        replaced
    }

    /// Gives a field an instant or takes it away. O(log n).
    pub(super) fn set_expiry(&mut self, field: &[u8], expire_at_ms: Option<i64>) {
        let Some(Field { expire_at_ms: was, .. }) = self.get(field) else { return };
        self.fields.set_expiry(field, expire_at_ms);
        self.note_instants(was, expire_at_ms);
    }

    /// Removes a field. Returns whether it was there. O(log n).
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let was = self.fields.remove_with(field, |element| element.expire_at_ms);
        self.note_instants(was.flatten(), None);
        was.is_some()
    }

    /// A field expired at `was` and now does so at `is`.
    #[inline(always)]
    fn note_instants(&mut self, was: Option<i64>, is: Option<i64>) {
        if was == is {
            return;
        }
        if was.is_some() && was == self.next_expiry_at_ms {
            self.next_expiry_at_ms = self.fields.first_expiry_ms();
        } else if let Some(at) = is {
            self.next_expiry_at_ms = Some(self.next_expiry_at_ms.map_or(at, |next| next.min(at)));
        }
    }

    /// Removes up to `want` fields whose instants have passed and adds them to `gone`. O(`want` log n).
    pub(super) fn take_expired(&mut self, now_ms: i64, want: usize, gone: &mut Vec<Vec<u8>>) {
        self.fields.remove_expired(now_ms - 1, want, |element| gone.push(element.name.to_vec()));
        self.next_expiry_at_ms = self.fields.first_expiry_ms();
    }

    /// The pairs from position `index` on. O(log n).
    pub(super) fn iter_from(&self, index: usize) -> Iter<'_> {
        Iter(self.fields.iter_from(index))
    }

    /// The pair at a position. O(log n).
    pub(super) fn nth(&self, index: usize) -> Option<Pair<'_>> {
        self.fields.at_index(index).map(pair)
    }

    /// Visits `want` fields or some more, from a cursor on. O(`want` + log n).
    pub(super) fn scan(&self, cursor: u64, want: usize, mut visit: impl FnMut(Pair<'_>)) -> u64 {
        self.fields.scan(cursor, want, |element| visit(pair(element)))
    }
}

/// Pairs in the order of the map.
pub(super) struct Iter<'a>(hashed::Iter<'a, { hashed::VARIABLE }>);

impl<'a> Iterator for Iter<'a> {
    type Item = Pair<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Pair<'a>> {
        self.0.next().map(pair)
    }
}
