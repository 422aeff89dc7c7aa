//! Memcached's operations on the keyspace, whatever the protocol that asks for them (text, meta or binary).
//!
//! Items are strings with client flags, a CAS number and marks (`keyspace::Item`); everything else about them is as for
//! strings of RESP clients. Rules and results follow memcached 1.6, doc/protocol.txt and what the server does:
//! <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>.

use keyspace::{INLINE_MAX_BYTES, Item, Key, Marks, NewValue, Object, Space};
use structures::big_string::BigString;
use wire::memcached::parse_u64;
use wire::number::{IntBuf, format_i64};

use crate::CommandError;
use crate::ctx::Text;

/// Seconds up to which an expiry counts from now; greater ones are Unix time.
pub const RELATIVE_MAX_S: i64 = 60 * 60 * 24 * 30;

/// How long an item lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is evicted.
    Endless,
    /// Until this Unix time in ms.
    Until(i64),
    /// It is over already.
    Over,
}

impl Lifetime {
    /// What an `exptime` means at `now_ms`: 0 endless, up to 30 days from now in seconds, beyond that Unix time;
    /// negative ones have passed.
    pub fn of(exptime: i64, now_ms: i64) -> Lifetime {
        match exptime {
            0 => Lifetime::Endless,
            i64::MIN..0 => Lifetime::Over,
            1..=RELATIVE_MAX_S => Lifetime::Until(now_ms + exptime * 1000),
            at if at > now_ms / 1000 => Lifetime::Until(at.saturating_mul(1000)),
            _ => Lifetime::Over,
        }
    }

    /// Unix time in ms, if it ends.
    fn until_ms(self, now_ms: i64) -> Option<i64> {
        match self {
            Lifetime::Endless => None,
            Lifetime::Until(at) => Some(at),
            Lifetime::Over => Some(now_ms - 1),
        }
    }
}

/// What an item has left in seconds, as it is shown: -1 for one that is endless. Begun seconds count.
pub fn seconds_left(expire_at_ms: Option<i64>, now_ms: i64) -> i64 {
    expire_at_ms.map_or(-1, |at| ((at - now_ms).max(0) + 999) / 1000)
}

/// When an item is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Always.
    Set,
    /// If there is none.
    Add,
    /// If there is one.
    Replace,
    /// Behind the one there is.
    Append,
    /// Before the one there is.
    Prepend,
    /// If the one there is has the given CAS.
    Cas,
}

/// An item to store.
#[derive(Clone, Copy, Debug)]
pub struct Store<'a> {
    /// When.
    pub mode: Mode,
    /// The value.
    pub data: &'a [u8],
    /// Client flags. Appending keeps those there are.
    pub flags: u32,
    /// Its lifetime. Appending keeps the one there is.
    pub lifetime: Lifetime,
    /// The CAS that the item there is must have; 0 asks for none.
    pub compare: u64,
    /// The CAS it gets; 0 stands for a new one.
    pub cas: u64,
    /// An item with a greater CAS than `compare` is replaced too, but is stale then (meta flag `I`).
    pub or_stale: bool,
    /// Appending to nothing stores an item with this lifetime (meta flag `N`).
    pub create: Option<Lifetime>,
}

/// What became of an item to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored, with this CAS and so many bytes.
    Stored {
        /// Its CAS.
        cas: u64,
        /// Bytes of its value.
        bytes: usize,
    },
    /// The mode's condition does not hold.
    NotStored,
    /// Another CAS.
    Exists,
    /// No item to compare the CAS with.
    NotFound,
    /// Together with what is there it is longer than an item may be.
    TooLarge,
}

/// Stores an item of at most `most_bytes`. Errors: the key holds something that is not a string. O(bytes).
pub fn store(
    space: &mut Space<'_>,
    key: Key<'_>,
    what: &Store<'_>,
    most_bytes: usize,
) -> Result<Stored, CommandError> {
    let mut item = Item { flags: what.flags, cas: what.cas, marks: Marks::default() };
    let mut lifetime = what.lifetime;
    let appends = matches!(what.mode, Mode::Append | Mode::Prepend);
    if matches!(what.mode, Mode::Set) && what.compare == 0 {
        return Ok(put(space, key, what.data, lifetime, item));
    }
    let now_ms = space.now_ms;
    let Some(entry) = space.read_for_write(key) else {
        return Ok(match what.mode {
            Mode::Set | Mode::Add => put(space, key, what.data, lifetime, item),
            Mode::Append | Mode::Prepend if what.create.is_some() => {
                put(space, key, what.data, what.create.unwrap_or(Lifetime::Endless), item)
            }
            Mode::Cas => Stored::NotFound,
            Mode::Replace | Mode::Append | Mode::Prepend => Stored::NotStored,
        });
    };
    let (old, old_until) = (entry.item(), entry.expire_at_ms());
    let matches = what.compare == old.cas;
    match what.mode {
        Mode::Add => return Ok(Stored::NotStored),
        Mode::Cas if matches => {}
        Mode::Cas if what.or_stale && what.compare < old.cas => {
            item.marks = Marks { fetched: false, stale: true, won: old.marks.won };
            lifetime = old_until.map_or(Lifetime::Endless, Lifetime::Until);
        }
        Mode::Cas => return Ok(Stored::Exists),
        Mode::Append | Mode::Prepend if what.compare != 0 && !matches => return Ok(Stored::Exists),
        Mode::Append | Mode::Prepend | Mode::Replace | Mode::Set => {}
    }
    if !appends {
        return Ok(put(space, key, what.data, lifetime, item));
    }
    let old_text = Text::of(entry)?;
    if old_text.len() + what.data.len() > most_bytes {
        return Ok(Stored::TooLarge);
    }
    let mut scratch = Vec::new();
    let both = match what.mode {
        Mode::Append => [old_text.bytes(&mut scratch), what.data].concat(),
        _ => [what.data, old_text.bytes(&mut scratch)].concat(),
    };
    item.flags = old.flags;
    lifetime = old_until.map_or(Lifetime::Endless, Lifetime::Until);
    debug_assert!(old_until.is_none_or(|at| at >= now_ms), "it is there");
    Ok(put(space, key, &both, lifetime, item))
}

/// Stores an item whatever there is. One whose life is over only removes what there is.
fn put(space: &mut Space<'_>, key: Key<'_>, data: &[u8], lifetime: Lifetime, item: Item) -> Stored {
    let value = if data.len() <= INLINE_MAX_BYTES {
        NewValue::Bytes { bytes: data, raw: false }
    } else {
        NewValue::Object(Box::new(Object::String(BigString::from_slice(data))))
    };
    let until_ms = lifetime.until_ms(space.now_ms);
    let cas = space.set_item(key, value, until_ms, item);
    let db = u32::from(space.db());
    if lifetime == Lifetime::Over {
        space.delete(key);
        space.local.effects.push(db, &[b"UNLINK", key.bytes]);
        return Stored::Stored { cas, bytes: data.len() };
    }
    match until_ms {
        None => space.local.effects.push(db, &[b"SET", key.bytes, data]),
        Some(at) => {
            let mut digits = IntBuf::new();
            let at = format_i64(at, &mut digits);
            space.local.effects.push(db, &[b"SET", key.bytes, data, b"PXAT", at]);
        }
    }
    Stored::Stored { cas, bytes: data.len() }
}

/// A number to count up or down.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// By how much.
    pub delta: u64,
    /// Down, not up.
    pub down: bool,
    /// The CAS the item must have; 0 asks for none.
    pub compare: u64,
    /// The CAS it gets; 0 stands for a new one.
    pub cas: u64,
    /// Without an item, one is stored with this value and lifetime.
    pub create: Option<(u64, Lifetime)>,
    /// The lifetime it gets.
    pub lifetime: Option<Lifetime>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The new number and CAS.
    Value {
        /// The number.
        value: u64,
        /// The item's CAS.
        cas: u64,
        /// Unix time in ms at which the item expires.
        expire_at_ms: Option<i64>,
    },
    /// No item.
    NotFound,
    /// Another CAS.
    Exists,
    /// The item is no number below 2^64.
    NotNumeric,
}

/// Adds to a number, modulo 2^64, or takes from it, down to 0. A shorter number is filled up with spaces to the length
/// there was, as in memcached. Errors: the key holds something that is not a string. O(1).
pub fn count(space: &mut Space<'_>, key: Key<'_>, what: &Count) -> Result<Counted, CommandError> {
    let now_ms = space.now_ms;
    let Some(entry) = space.read_for_write(key) else {
        let Some((value, lifetime)) = what.create else { return Ok(Counted::NotFound) };
        let item = Item { cas: what.cas, ..Item::default() };
        let Stored::Stored { cas, .. } = put(space, key, value.to_string().as_bytes(), lifetime, item) else {
            return Ok(Counted::NotFound);
        };
        return Ok(Counted::Value { value, cas, expire_at_ms: lifetime.until_ms(now_ms) });
    };
    let (old, old_until) = (entry.item(), entry.expire_at_ms());
    let text = Text::of(entry)?;
    let mut scratch = Vec::new();
    let Some((before, len)) = (match text {
        Text::Big(_) => None,
        text => Some(text.bytes(&mut scratch)).and_then(|bytes| Some((parse_u64(bytes)?, bytes.len()))),
    }) else {
        return Ok(Counted::NotNumeric);
    };
    if what.compare != 0 && what.compare != old.cas {
        return Ok(Counted::Exists);
    }
    let value = if what.down { before.saturating_sub(what.delta) } else { before.wrapping_add(what.delta) };
    let digits = format!("{value:<len$}");
    let lifetime = what.lifetime.unwrap_or(old_until.map_or(Lifetime::Endless, Lifetime::Until));
    // A number that takes more room than there was is a new item: neither stale nor read yet.
    let marks = if digits.len() > len { Marks::default() } else { old.marks };
    let item = Item { cas: what.cas, marks, ..old };
    let Stored::Stored { cas, .. } = put(space, key, digits.as_bytes(), lifetime, item) else {
        return Ok(Counted::NotFound);
    };
    Ok(Counted::Value { value, cas, expire_at_ms: lifetime.until_ms(now_ms) })
}

/// What became of an item to delete or to invalidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is done.
    Deleted,
    /// No item.
    NotFound,
    /// Another CAS.
    Exists,
}

/// An item to invalidate instead of deleting it (`md` with `I` or `x`).
#[derive(Clone, Copy, Debug)]
pub struct Invalidate {
    /// It is stale from now on, and the next who reads it is told to renew it.
    pub stale: bool,
    /// Its value goes.
    pub empty: bool,
    /// The lifetime it gets.
    pub lifetime: Option<Lifetime>,
    /// The CAS it gets; 0 stands for a new one.
    pub cas: u64,
}

/// Deletes an item, if it has the CAS `compare` (0 asks for none), or invalidates it. O(1), or O(bytes) to invalidate.
pub fn delete(space: &mut Space<'_>, key: Key<'_>, compare: u64, invalidate: Option<Invalidate>) -> Deleted {
    let Some(entry) = space.read_for_write(key) else { return Deleted::NotFound };
    let (old, old_until) = (entry.item(), entry.expire_at_ms());
    if compare != 0 && compare != old.cas {
        return Deleted::Exists;
    }
    let text = Text::of(entry);
    let (Some(how), Ok(text)) = (invalidate, text) else {
        space.delete(key);
        let db = u32::from(space.db());
        space.local.effects.push(db, &[b"UNLINK", key.bytes]);
        return Deleted::Deleted;
    };
    let data = if how.empty { Vec::new() } else { text.to_vec() };
    let marks = if how.stale { Marks { stale: true, won: false, ..old.marks } } else { old.marks };
    let flags = if how.empty { 0 } else { old.flags };
    let lifetime = how.lifetime.unwrap_or(old_until.map_or(Lifetime::Endless, Lifetime::Until));
    put(space, key, &data, lifetime, Item { flags, cas: how.cas, marks });
    Deleted::Deleted
}

/// Gives an item another lifetime; its CAS stays. Returns whether there is one. O(bytes).
pub fn touch(space: &mut Space<'_>, key: Key<'_>, lifetime: Lifetime) -> bool {
    if space.read_for_write(key).is_none() {
        return false;
    }
    let db = u32::from(space.db());
    match lifetime {
        Lifetime::Over => {
            space.delete(key);
            space.local.effects.push(db, &[b"UNLINK", key.bytes]);
        }
        Lifetime::Endless => {
            space.set_expiry(key, None);
            space.local.effects.push(db, &[b"PERSIST", key.bytes]);
        }
        Lifetime::Until(at) => {
            space.set_expiry(key, Some(at));
            let mut digits = IntBuf::new();
            space.local.effects.push(db, &[b"PEXPIREAT", key.bytes, format_i64(at, &mut digits)]);
        }
    }
    true
}

#[cfg(test)]
mod tests;
