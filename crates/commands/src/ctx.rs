//! What a handler sees: the keyspace through its keys' locks, the reply, its session.

use keyspace::{Class, EntryRef, Key, NewValue, Space, Ttl, Value};
use structures::big_string::BigString;
use structures::object::{INLINE_MAX_BYTES, Object};
use sys::random::Rng;
use wire::number::{IntBuf, format_i64, parse_i64};
use wire::resp::encode::ReplyWriter;

use crate::{Args, CommandError, Session};

/// Up to where collections stay in their compact forms, which clients see through `OBJECT ENCODING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compact {
    /// `hash-max-listpack-entries`.
    pub hash_entries: usize,
    /// `hash-max-listpack-value`, bytes.
    pub hash_value_bytes: usize,
    /// `list-max-listpack-size`: elements, or -1 to -5 for 4 to 64 KiB.
    pub list_size: i64,
    /// `set-max-intset-entries`.
    pub set_intset_entries: usize,
    /// `set-max-listpack-entries`.
    pub set_entries: usize,
    /// `set-max-listpack-value`, bytes.
    pub set_value_bytes: usize,
    /// `zset-max-listpack-entries`.
    pub zset_entries: usize,
    /// `zset-max-listpack-value`, bytes.
    pub zset_value_bytes: usize,
    /// `stream-node-max-bytes`; 0 = no limit.
    pub stream_node_bytes: usize,
    /// `stream-node-max-entries`; 0 = no limit.
    pub stream_node_entries: usize,
}

impl Default for Compact {
    /// Valkey 9.1's defaults.
    fn default() -> Self {
        Compact {
            hash_entries: 512,
            hash_value_bytes: 64,
            list_size: -2,
            set_intset_entries: 512,
            set_entries: 128,
            set_value_bytes: 64,
            zset_entries: 128,
            zset_value_bytes: 64,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}

/// Parameters that handlers consult, copied from the node's configuration at each batch.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `cluster-enabled`: keys of one command belong to one slot.
    pub is_cluster: bool,
    /// Thresholds of collections.
    pub compact: Compact,
    /// `proto-max-bulk-len`: no string grows beyond it.
    pub string_max_bytes: u64,
    /// `hll-sparse-max-bytes`.
    pub hll_sparse_max_bytes: usize,
    /// `lfu-decay-time`, minutes.
    pub lfu_decay_minutes: u32,
    /// Whether `maxmemory-policy` is one of the LFU ones.
    pub policy_is_lfu: bool,
}

/// What a handler sees.
pub struct Ctx<'a> {
    /// The keyspace: locked shards, one instant, one database.
    pub space: Space<'a>,
    /// Where the reply goes.
    pub reply: ReplyWriter<'a>,
    /// The client's state.
    pub session: &'a mut Session,
    /// Randomness.
    pub rng: &'a mut Rng,
    /// Parameters.
    pub limits: &'a Limits,
    /// The first key's place, worked out when the command was read.
    pub first_key: Option<(u8, u32, u32)>,
}

/// A string as it is read.
#[derive(Clone, Copy)]
pub enum Text<'a> {
    /// In integer form.
    Int(i64),
    /// Short, contiguous.
    Bytes(&'a [u8]),
    /// Chunked.
    Big(&'a BigString),
}

impl<'a> Text<'a> {
    /// The string in an entry, or WRONGTYPE.
    #[inline(always)]
    pub fn of(entry: EntryRef<'a>) -> Result<Text<'a>, CommandError> {
        match entry.value() {
            Value::Bytes(bytes) => Ok(Text::Bytes(bytes)),
            Value::Int(n) => Ok(Text::Int(n)),
            Value::Object(Object::String(s)) => Ok(Text::Big(s)),
            Value::Object(_) => Err(CommandError::WrongType),
        }
    }

    /// Length in bytes.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        match self {
            Text::Int(n) => format_i64(n, &mut IntBuf::new()).len(),
            Text::Bytes(b) => b.len(),
            Text::Big(s) => s.len(),
        }
    }

    /// A contiguous copy.
    pub fn to_vec(self) -> Vec<u8> {
        match self {
            Text::Int(n) => format_i64(n, &mut IntBuf::new()).to_vec(),
            Text::Bytes(b) => b.to_vec(),
            Text::Big(s) => s.to_vec(),
        }
    }

    /// The contiguous bytes, in `scratch` where the form needs it.
    pub fn bytes(self, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match self {
            Text::Bytes(b) => b,
            other => {
                *scratch = other.to_vec();
                scratch
            }
        }
    }

    /// The integer that the string is, if it is one.
    pub fn as_int(self) -> Option<i64> {
        match self {
            Text::Int(n) => Some(n),
            Text::Bytes(b) => parse_i64(b),
            Text::Big(_) => None,
        }
    }
}

/// Elements that a body works through under its locks, at some hundred nanoseconds each: more are a reason to be set
/// aside.
pub const LOCKED_ELEMENTS_MAX: usize = 2000;

impl Ctx<'_> {
    /// Whether the body may end with [`Outcome::Aside`](crate::Outcome::Aside): not inside a transaction or under the
    /// gate, when others wait for what it does, or when it was set aside before.
    #[inline]
    pub fn may_set_aside(&self) -> bool {
        !self.session.at_once && self.session.executing.is_none() && !self.space.is_gate()
    }

    /// The key at argument `i`, with its place.
    #[inline(always)]
    pub fn key<'k>(&self, args: &Args<'k>, i: usize) -> Key<'k> {
        let bytes = args.get(i);
        match self.first_key {
            Some((at, shard, order)) if usize::from(at) == i => Key { bytes, shard, order },
            _ => match self.space.local.places.get(i) {
                Some((shard, order)) => Key { bytes, shard, order },
                None => self.space.place(bytes),
            },
        }
    }

    /// Replies with a string.
    #[inline(always)]
    pub fn reply_text(reply: &mut ReplyWriter<'_>, text: Text<'_>) {
        match text {
            Text::Bytes(bytes) => reply.bulk(bytes),
            Text::Int(n) => reply.bulk_int(n),
            Text::Big(big) => reply_big(reply, big, 0, big.len()),
        }
    }

    /// Stores a string that a client sent, in the form that suits it: integer, short or chunked.
    #[inline(always)]
    pub fn set_string(&mut self, key: Key<'_>, value: &[u8], ttl: Ttl) {
        let value = if value.len() <= 20
            && let Some(n) = parse_i64(value)
        {
            NewValue::Int(n)
        } else if value.len() <= INLINE_MAX_BYTES {
            NewValue::Bytes { bytes: value, raw: false }
        } else {
            NewValue::Object(Box::new(Object::String(BigString::from_slice(value))))
        };
        self.space.set(key, value, ttl);
    }

    /// Stores a string made by editing: clients see it as `raw`, never as an integer.
    pub fn set_edited(&mut self, key: Key<'_>, value: &[u8], ttl: Ttl) {
        let value = if value.len() <= INLINE_MAX_BYTES {
            NewValue::Bytes { bytes: value, raw: true }
        } else {
            NewValue::Object(Box::new(Object::String(BigString::from_slice(value))))
        };
        self.space.set(key, value, ttl);
    }

    /// Notes that something happened to a key of the current database, for clients that want to hear of it.
    #[inline(always)]
    pub fn notify(&mut self, class: Class, event: &'static str, key: Key<'_>) {
        self.space.notify(class, event, key.bytes);
    }

    /// Logs an effect of the unit in the current database.
    #[inline(always)]
    pub fn effect(&mut self, argv: &[&[u8]]) {
        let db = u32::from(self.space.db());
        self.space.local.effects.push(db, argv);
    }
}

/// Replies with a range of a chunked string.
pub fn reply_big(reply: &mut ReplyWriter<'_>, big: &BigString, start: usize, end: usize) {
    use std::io::Write;
    let _ = write!(reply.out, "${}\r\n", end - start);
    reply.out.reserve(end - start + 2);
    for chunk in big.chunks(start..end) {
        reply.raw(chunk);
    }
    reply.raw(b"\r\n");
}
