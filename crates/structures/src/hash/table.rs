//! The form of large hashes: fields in the order of their hash, so that a walk's cursor is a place in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Field, Item, Pair, Replaced};
use crate::siphash::SipKey;

/// Bytes of a field's bookkeeping, roughly.
const NODE_BYTES: usize = 96;

/// A field's place: its hash, and the field itself where hashes are equal.
type Place = (u64, Box<[u8]>);

#[derive(Clone, Default)]
struct Fields {
    values: BTreeMap<Place, (Box<[u8]>, Option<i64>)>,
    due: BTreeSet<(i64, Box<[u8]>)>,
    bytes: usize,
}

/// A large hash. A clone shares everything until one of both changes.
#[derive(Clone)]
pub(super) struct Table {
    fields: Arc<Fields>,
    /// Clients still see the encoding `listpack`.
    pub(super) is_listpack: bool,
}

fn place(field: &[u8]) -> Place {
    (SipKey::new(1, 2).hash(field) >> 16, field.into())
}

impl Table {
    pub(super) fn new(is_listpack: bool) -> Table {
        Table { fields: Arc::default(), is_listpack }
    }

    pub(super) fn len(&self) -> usize {
        self.fields.values.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.fields.bytes
    }

    pub(super) fn next_expiry_at_ms(&self) -> Option<i64> {
        self.fields.due.first().map(|(at, _)| *at)
    }

    pub(super) fn get(&self, field: &[u8]) -> Option<Field<'_>> {
        let (value, expire_at_ms) = self.fields.values.get(&place(field))?;
        Some(Field { value: Item::of(value), expire_at_ms: *expire_at_ms })
    }

    pub(super) fn set(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<i64>) -> Replaced {
        let fields = Arc::make_mut(&mut self.fields);
        fields.bytes += value.len();
        if let Some(at) = expire_at_ms {
            fields.due.insert((at, field.into()));
        }
        match fields.values.insert(place(field), (value.into(), expire_at_ms)) {
            Some((old, was)) => {
                fields.bytes -= old.len();
                if let Some(at) = was.filter(|_| was != expire_at_ms) {
                    fields.due.remove(&(at, field.into()));
                }
                Replaced::Field(was)
            }
            None => {
                fields.bytes += field.len() + NODE_BYTES;
                Replaced::Nothing
            }
        }
    }

    pub(super) fn set_expiry(&mut self, field: &[u8], expire_at_ms: Option<i64>) {
        if let Some(found) = self.get(field) {
            let value = found.value.to_vec();
            self.set(field, &value, expire_at_ms);
        }
    }

    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let fields = Arc::make_mut(&mut self.fields);
        let Some((value, was)) = fields.values.remove(&place(field)) else { return false };
        fields.bytes -= field.len() + value.len() + NODE_BYTES;
        if let Some(at) = was {
            fields.due.remove(&(at, field.into()));
        }
        true
    }

    pub(super) fn first_expired(&self, now_ms: i64) -> Option<Vec<u8>> {
        self.fields.due.first().filter(|(at, _)| *at < now_ms).map(|(_, field)| field.to_vec())
    }

    pub(super) fn iter_from(&self, index: usize) -> impl Iterator<Item = Pair<'_>> {
        self.fields.values.iter().skip(index).map(|((_, field), (value, expire_at_ms))| Pair {
            field: Item::of(field),
            value: Item::of(value),
            expire_at_ms: *expire_at_ms,
        })
    }

    pub(super) fn nth(&self, index: usize) -> Option<Pair<'_>> {
        self.iter_from(index).next()
    }

    pub(super) fn scan<'h>(&'h self, cursor: u64, want: usize, mut visit: impl FnMut(Pair<'h>)) -> u64 {
        let mut last = None;
        for (seen, ((hash, field), (value, expire_at_ms))) in
            self.fields.values.range((cursor, Box::default())..).enumerate()
        {
            if seen >= want && last != Some(*hash) {
                return *hash;
            }
            last = Some(*hash);
            visit(Pair { field: Item::of(field), value: Item::of(value), expire_at_ms: *expire_at_ms });
        }
        0
    }
}
