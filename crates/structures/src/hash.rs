//! Hashes: fields with values, each field with a TTL of its own if it has one.
//!
//! A small hash is one block ([`compact`]); a large one is a tree in the order of hashed fields, whose leaves are shared
//! between clones ([`table`]). Which of the two it is follows its size. What clients see as its encoding follows
//! Valkey's rules: `listpack` until a field count, the length of a string or a TTL says `hashtable`, and never back.
//!
//! A field whose instant has passed stays until someone removes it; look-ups are told the time and do not see it.

mod code;
mod compact;
mod table;
#[cfg(test)]
mod tests;

pub use crate::listpack::Element as Item;
use compact::Compact;
use table::Table;

/// Up to where clients see the encoding `listpack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// The most fields.
    pub entries: usize,
    /// The most bytes of a field or value.
    pub value_bytes: usize,
}

/// A field found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its value.
    pub value: Item<'a>,
    /// When it expires, Unix ms.
    pub expire_at_ms: Option<i64>,
}

/// A field with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The field.
    pub field: Item<'a>,
    /// Its value.
    pub value: Item<'a>,
    /// When it expires, Unix ms.
    pub expire_at_ms: Option<i64>,
}

impl<'a> Pair<'a> {
    #[inline(always)]
    fn of((field, value, expire_at_ms): compact::Pair<'a>) -> Pair<'a> {
        Pair { field, value, expire_at_ms }
    }

    /// Whether its instant has passed.
    #[inline(always)]
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expire_at_ms.is_some_and(|at| at < now_ms)
    }
}

/// What a field replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// There was no such field.
    Nothing,
    /// A field with this instant, passed or not.
    Field(Option<i64>),
}

impl Replaced {
    /// Whether there was such a field, for those who see what has expired as gone.
    #[inline(always)]
    pub fn was_there(self, now_ms: i64) -> bool {
        self != Replaced::Nothing && !self.was_expired(now_ms)
    }

    /// Whether there was such a field, whose instant has passed.
    #[inline(always)]
    pub fn was_expired(self, now_ms: i64) -> bool {
        matches!(self, Replaced::Field(Some(at)) if at < now_ms)
    }
}

#[derive(Clone)]
enum Form {
    Compact(Compact),
    Table(Box<Table>),
}

/// The value behind a key of this type.
#[derive(Clone)]
pub struct Hash {
    form: Form,
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

impl Hash {
    /// A hash without fields. Allocates nothing.
    pub fn new() -> Hash {
        Hash { form: Form::Compact(Compact::default()) }
    }

    /// Number of fields, expired ones included. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Compact(compact) => compact.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// Whether there is no field. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Starts loading what a look-up of a field reads.
    #[inline]
    pub fn prefetch(&self, field: &[u8]) {
        match &self.form {
            Form::Compact(compact) => compact.prefetch(),
            Form::Table(table) => table.prefetch(field),
        }
    }

    /// Starts loading a field of a large hash, some time after [`Hash::prefetch`].
    #[inline]
    pub fn prefetch_element(&self, field: &[u8]) {
        if let Form::Table(table) = &self.form {
            table.prefetch_element(field);
        }
    }

    /// Heap bytes behind this value, the struct itself not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        match &self.form {
            Form::Compact(compact) => compact.memory_bytes(),
            Form::Table(table) => size_of::<Table>() + table.memory_bytes(),
        }
    }

    /// Allocations to free, roughly: what decides whether a worker frees the value. O(1).
    pub fn free_effort(&self) -> usize {
        match &self.form {
            Form::Compact(_) => 1,
            Form::Table(table) => table.free_effort(),
        }
    }

    /// Whether both are one value, a clone and its original since neither was changed. O(1).
    pub fn is_same(&self, other: &Hash) -> bool {
        match (&self.form, &other.form) {
            (Form::Compact(compact), Form::Compact(other)) => compact.is_same(other),
            (Form::Table(table), Form::Table(other)) => table.is_same(other),
            _ => false,
        }
    }

    /// What `OBJECT ENCODING` says. O(1).
    pub fn encoding(&self) -> &'static str {
        if self.is_listpack() { "listpack" } else { "hashtable" }
    }

    fn is_listpack(&self) -> bool {
        match &self.form {
            Form::Compact(compact) => !compact.is_not_listpack(),
            Form::Table(table) => table.is_listpack,
        }
    }

    /// From now on clients see the encoding `hashtable`. O(1).
    pub fn leave_listpack(&mut self) {
        match &mut self.form {
            Form::Compact(compact) => compact.set_not_listpack(),
            Form::Table(table) => table.is_listpack = false,
        }
    }

    /// When the first field expires, Unix ms; it may have passed. O(1).
    #[inline(always)]
    pub fn next_expiry_at_ms(&self) -> Option<i64> {
        match &self.form {
            Form::Compact(compact) => compact.next_expiry_at_ms(),
            Form::Table(table) => table.next_expiry_at_ms(),
        }
    }

    /// Whether there are fields whose instant has passed. O(1).
    #[inline]
    pub fn has_expired(&self, now_ms: i64) -> bool {
        self.next_expiry_at_ms().is_some_and(|at| at < now_ms)
    }

    /// A field that has not expired. O(1) in the compact form but for a byte a field, else O(log n).
    #[inline(always)]
    pub fn get(&self, field: &[u8], now_ms: i64) -> Option<Field<'_>> {
        let found = match &self.form {
            Form::Compact(compact) => {
                let place = compact.find(field)?;
                Field { value: compact.value(place), expire_at_ms: compact.instant(place) }
            }
            Form::Table(table) => table.get(field)?,
        };
        found.expire_at_ms.is_none_or(|at| at >= now_ms).then_some(found)
    }

    /// Sets a field, new or not, expired or not, and its instant. As [`Self::get`], and in the compact form O(bytes)
    /// when what follows must move.
    pub fn set(
        &mut self,
        field: &[u8],
        value: &[u8],
        expire_at_ms: Option<i64>,
        thresholds: Thresholds,
    ) -> Replaced {
        let is_long = field.len() > thresholds.value_bytes || value.len() > thresholds.value_bytes;
        if (is_long || expire_at_ms.is_some()) && self.is_listpack() {
            self.leave_listpack();
        }
        if let Form::Compact(compact) = &mut self.form {
            let place = compact.find(field);
            let len = compact.len() + usize::from(place.is_none());
            if len > thresholds.entries {
                compact.set_not_listpack();
            }
            let fits = compact.fits(len, compact.pair_bytes() + Compact::bytes_of(field, value));
            if fits {
                let Some(place) = place else {
                    compact.push(field, value, expire_at_ms);
                    return Replaced::Nothing;
                };
                let was = compact.instant(place);
                compact.set(place, value, expire_at_ms);
                return Replaced::Field(was);
            }
        }
        let table = self.make_table();
        let replaced = table.set(field, value, expire_at_ms);
        if table.is_listpack && table.len() > thresholds.entries {
            table.is_listpack = false;
        }
        replaced
    }

    /// The table, made of the compact form. O(n) then.
    fn make_table(&mut self) -> &mut Table {
        if let Form::Compact(compact) = &self.form {
            self.form = Form::Table(Box::new(Table::of(compact)));
        }
        match &mut self.form {
            Form::Table(table) => table,
            Form::Compact(_) => unreachable!("it was replaced"),
        }
    }

    /// Gives a field an instant or takes it away; nothing happens if there is no such field. As [`Self::set`].
    pub fn set_expiry(&mut self, field: &[u8], expire_at_ms: Option<i64>) {
        if expire_at_ms.is_some() && self.is_listpack() {
            self.leave_listpack();
        }
        if let Form::Compact(compact) = &mut self.form {
            let Some(place) = compact.find(field) else { return };
            let fits = compact.fits(compact.len(), compact.pair_bytes() + compact::INSTANT_BYTES);
            if expire_at_ms.is_none() || fits {
                compact.set_instant(place, expire_at_ms);
                return;
            }
        }
        self.make_table().set_expiry(field, expire_at_ms);
    }

    /// Removes a field; one that has expired stays. Returns whether there was one. As [`Self::set`].
    pub fn remove(&mut self, field: &[u8], now_ms: i64) -> bool {
        match &mut self.form {
            Form::Compact(compact) => {
                let Some(place) = compact.find(field) else { return false };
                if compact.instant(place).is_some_and(|at| at < now_ms) {
                    return false;
                }
                compact.remove(place);
                true
            }
            Form::Table(table) => {
                let has_expired = table.next_expiry_at_ms().is_some_and(|at| at < now_ms)
                    && table.get(field).is_some_and(|found| found.expire_at_ms.is_some_and(|at| at < now_ms));
                !has_expired && table.remove(field)
            }
        }
    }

    /// Removes up to `want` fields whose instants have passed and returns them. O(n) in the compact form, else
    /// O(`want` log n).
    pub fn take_expired(&mut self, now_ms: i64, want: usize) -> Vec<Vec<u8>> {
        let mut gone = Vec::new();
        if self.has_expired(now_ms) {
            match &mut self.form {
                Form::Compact(compact) => compact.take_expired(now_ms, want, &mut gone),
                Form::Table(table) => table.take_expired(now_ms, want, &mut gone),
            }
        }
        gone
    }

    /// The fields in their order: of arrival in the compact form, else that of a walk with [`Self::scan`].
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// As [`Self::iter`], from field number `index` on. O(log n) to begin.
    #[inline]
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        Iter(match &self.form {
            Form::Compact(compact) => Pairs::Compact(compact.iter_from(index)),
            Form::Table(table) => Pairs::Table(table.iter_from(index)),
        })
    }

    /// Field number `index` of [`Self::iter`]. O(log n).
    pub fn nth(&self, index: usize) -> Option<Pair<'_>> {
        match &self.form {
            Form::Compact(compact) => Some(Pair::of(compact.pair(compact.place(index)?))),
            Form::Table(table) => table.nth(index),
        }
    }

    /// Whether one call of [`Self::scan`] visits everything. O(1).
    pub fn is_scanned_at_once(&self) -> bool {
        matches!(self.form, Form::Compact(_)) || self.is_listpack()
    }

    /// Visits about `want` fields from a cursor on and returns the cursor to go on from, 0 at the end. A field that is
    /// there from a walk's first call to its last is visited exactly once. O(`want` + log n).
    pub fn scan(&self, cursor: u64, want: usize, mut visit: impl FnMut(Pair<'_>)) -> u64 {
        match &self.form {
            Form::Table(table) if !table.is_listpack => table.scan(cursor, want, visit),
            _ => {
                self.iter().for_each(&mut visit);
                0
            }
        }
    }
}

enum Pairs<'a> {
    Compact(compact::Iter<'a>),
    Table(table::Iter<'a>),
}

/// Fields with their values, see [`Hash::iter`].
pub struct Iter<'a>(Pairs<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = Pair<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Pair<'a>> {
        match &mut self.0 {
            Pairs::Compact(pairs) => pairs.next().map(Pair::of),
            Pairs::Table(pairs) => pairs.next(),
        }
    }
}
