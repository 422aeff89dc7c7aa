//! What can be sorted.

use std::ops::Range;

use keyspace::{Key, Value};
use structures::list::{End, List};
use structures::listpack::Element;
use structures::object::Object;
use structures::set::Set;
use structures::zset::{self, Zset};

use crate::{CommandError, Ctx};

/// A clone of a value whose elements can be sorted.
pub(super) enum Source {
    /// No value: no elements.
    Missing,
    List(List),
    Set(Set),
    Zset(Zset),
}

impl Source {
    /// The value behind a key, or WRONGTYPE. O(1). As in Valkey, a sorted set leaves its compact form.
    pub fn read(ctx: &mut Ctx<'_>, key: Key<'_>) -> Result<Source, CommandError> {
        let Some(entry) = ctx.space.read(key) else { return Ok(Source::Missing) };
        match entry.value() {
            Value::Object(Object::List(list)) => Ok(Source::List(list.clone())),
            Value::Object(Object::Set(set)) => Ok(Source::Set(set.clone())),
            Value::Object(Object::Zset(_)) => {
                let zset = ctx.space.write_as::<Zset>(key)?.expect("it was just read");
                if zset.is_compact() {
                    zset.prepare(zset::Limits { entries: 0, member_bytes: 0 }, 1, 0);
                }
                Ok(Source::Zset(zset.clone()))
            }
            _ => Err(CommandError::WrongType),
        }
    }

    /// Number of elements. O(1).
    pub fn len(&self) -> usize {
        match self {
            Source::Missing => 0,
            Source::List(list) => list.len(),
            Source::Set(set) => set.len(),
            Source::Zset(zset) => zset.len(),
        }
    }

    /// Whether the elements have no order of their own.
    pub fn is_set(&self) -> bool {
        matches!(self, Source::Set(_))
    }

    /// Shows all elements in their own order. O(n).
    pub fn visit(&self, mut show: impl FnMut(Element<'_>)) {
        match self {
            Source::Missing => {}
            Source::List(list) => list.iter().for_each(show),
            Source::Set(set) => set.visit(show),
            Source::Zset(zset) => zset.visit(0..zset.len(), false, |member, _| show(Element::Bytes(member))),
        }
    }

    /// Shows the elements of a range, counted and shown from the end if `reverse`. O(log n + length). Shows none and
    /// returns `false` where there is no order to speak of.
    pub fn visit_range(
        &self,
        range: &Range<usize>,
        reverse: bool,
        mut show: impl FnMut(Element<'_>),
    ) -> bool {
        let len = self.len();
        let range = if reverse { len - range.end..len - range.start } else { range.clone() };
        match self {
            Source::Missing => {}
            Source::List(list) => {
                list.walk(range, if reverse { End::Back } else { End::Front }).for_each(show);
            }
            Source::Set(_) => return false,
            Source::Zset(zset) => zset.visit(range, reverse, |member, _| show(Element::Bytes(member))),
        }
        true
    }
}
