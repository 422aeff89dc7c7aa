//! `DEBUG DIGEST` and `DEBUG DIGEST-VALUE`: one number for what databases hold, the same in every server that speaks
//! the protocol, whatever order it keeps its keys in.
//!
//! Two operations on 20 bytes make it, both with SHA-1 (RFC 3174). *Joining* data XORs the hash of the data in, so the
//! order of what is joined does not matter; *mixing* data joins it and then hashes the 20 bytes again, so the order
//! does. A value's digest mixes its type (a big-endian word) and its contents and joins a mark if the key expires; a
//! key's digest mixes the key first; the whole mixes each database's number and joins its keys' digests.

mod hash;
mod list;
mod set;
mod stream;
mod zset;

use keyspace::{EntryRef, Value};
use sha1::{Digest as _, Sha1};
use structures::object::Object;
use wire::number::{IntBuf, format_i64};

use crate::ctx::NodeCtx;

/// Joined to the digest of a value whose key expires.
const EXPIRES: &[u8] = b"!!expire!!";

/// The type word of a value.
fn type_word(entry: EntryRef<'_>) -> u32 {
    match entry.value() {
        Value::Int(_) | Value::Bytes(_) | Value::Object(Object::String(_)) => 0,
        Value::Object(Object::List(_)) => 1,
        Value::Object(Object::Set(_)) => 2,
        Value::Object(Object::Zset(_)) => 3,
        Value::Object(Object::Hash(_)) => 4,
        Value::Object(Object::Stream(_)) => 6,
    }
}

/// Twenty bytes that stand for contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; 20]);

impl Digest {
    fn join_hash(&mut self, hash: &[u8]) {
        for (mine, theirs) in self.0.iter_mut().zip(hash) {
            *mine ^= theirs;
        }
    }

    fn join(&mut self, data: &[u8]) {
        self.join_hash(&Sha1::digest(data));
    }

    fn mix_hash(&mut self, hash: &[u8]) {
        self.join_hash(hash);
        self.0 = Sha1::digest(self.0).into();
    }

    fn mix(&mut self, data: &[u8]) {
        self.mix_hash(&Sha1::digest(data));
    }

    /// Adds the value of an entry, without parts that have expired, and whether it expires.
    fn add_value(&mut self, entry: EntryRef<'_>, now_ms: i64) {
        self.mix(&type_word(entry).to_be_bytes());
        match entry.value() {
            Value::Int(n) => self.mix(format_i64(n, &mut IntBuf::new())),
            Value::Bytes(bytes) => self.mix(bytes),
            Value::Object(Object::String(big)) => {
                let mut hash = Sha1::new();
                for chunk in big.chunks(0..big.len()) {
                    hash.update(chunk);
                }
                self.mix_hash(&hash.finalize());
            }
            Value::Object(Object::Hash(value)) => hash::add(self, value, now_ms),
            Value::Object(Object::List(value)) => list::add(self, value),
            Value::Object(Object::Set(value)) => set::add(self, value),
            Value::Object(Object::Zset(value)) => zset::add(self, value),
            Value::Object(Object::Stream(value)) => stream::add(self, value),
        }
        if entry.is_volatile() {
            self.join(EXPIRES);
        }
    }

    /// The digest of a value.
    pub fn of_value(entry: EntryRef<'_>, now_ms: i64) -> Digest {
        let mut digest = Digest::default();
        digest.add_value(entry, now_ms);
        digest
    }

    fn of_entry(entry: EntryRef<'_>, now_ms: i64) -> Digest {
        let mut digest = Digest::default();
        digest.mix(entry.key());
        digest.add_value(entry, now_ms);
        digest
    }

    /// Forty hexadecimal digits.
    pub fn hex(self) -> String {
        use std::fmt::Write;
        self.0.iter().fold(String::with_capacity(40), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The digest of all databases, keys included whose TTL has passed but which nobody has removed yet. Under the gate.
/// O(bytes).
pub fn of_all(ctx: &mut NodeCtx<'_>) -> Digest {
    let (keyspace, now_ms) = (ctx.data.space.keyspace, ctx.data.space.now_ms);
    let mut all = Digest::default();
    for db in 0..keyspace.databases() {
        if keyspace.len(db) == 0 {
            continue;
        }
        all.mix(&u32::from(db).to_be_bytes());
        let physical = keyspace.physical(db);
        for number in 0..keyspace.shard_count() {
            if let Some(table) = ctx.data.space.locked_shard(number).table(physical) {
                let mut from = Some(0);
                while let Some(at) = from {
                    from = table.scan(at, usize::MAX, |entry| all.join(&Digest::of_entry(entry, now_ms).0));
                }
            }
            ctx.data.space.leave();
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use structures::entry::{Meta, NewValue};
    use structures::slab::Heap;

    use super::*;

    #[test]
    fn values_have_the_digests_that_valkey_gives_them() {
        let mut heap = Heap::new();
        // What valkey-server 9.1.2 answers to DEBUG DIGEST-VALUE after SET a 1.
        let entry = heap.entry(b"a", NewValue::Int(1), Meta::default());
        assert_eq!(Digest::of_value(entry.view(), 0).hex(), "b4fc66738120fba0b5aa500ab5c2bf89cea1c5da");
        let as_bytes = heap.entry(b"b", NewValue::Bytes { bytes: b"1", raw: true }, Meta::default());
        assert_eq!(Digest::of_value(entry.view(), 0), Digest::of_value(as_bytes.view(), 0));
        let volatile = heap.entry(b"a", NewValue::Int(1), Meta { expire_at_ms: Some(1), ..Meta::default() });
        assert_ne!(Digest::of_value(entry.view(), 0), Digest::of_value(volatile.view(), 0));
        // A database 0 with this key alone.
        let mut all = Digest::default();
        all.mix(&0u32.to_be_bytes());
        all.join(&Digest::of_entry(entry.view(), 0).0);
        assert_eq!(all.hex(), "943d800368fb9c0e951138f1bc0e313ac769d91f");
        for entry in [entry, as_bytes, volatile] {
            heap.release(entry);
        }
    }
}
