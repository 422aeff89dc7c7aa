//! A keyspace, a clock and a model of it, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Mutex;

use effect_log::Effects;
use structures::big_string::BigString;

use crate::evict::Access;
use crate::space::{Local, Space};
use crate::{EntryRef, KeyHasher, Keyspace, KeyspaceOptions, Locked, NewValue, Object, Sharding, Ttl, Value};

/// Random numbers named by a seed (SplitMix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A value apart from its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Int(i64),
    Bytes(Vec<u8>),
    Object(Vec<u8>),
}

impl Plain {
    pub(crate) fn of(entry: EntryRef<'_>) -> Plain {
        match entry.value() {
            Value::Int(n) => Plain::Int(n),
            Value::Bytes(bytes) => Plain::Bytes(bytes.to_vec()),
            Value::Object(Object::String(s)) => Plain::Object(s.to_vec()),
            Value::Object(_) => panic!("these tests store strings"),
        }
    }

    pub(crate) fn random(rng: &mut Rng) -> Plain {
        let mark = rng.next() as u8;
        match rng.below(8) {
            0..=2 => Plain::Int(rng.next() as i64),
            3..=6 => Plain::Bytes(vec![mark; rng.below(300)]),
            _ => Plain::Object(vec![mark; 1 + rng.below(40_000)]),
        }
    }

    pub(crate) fn to_new(&self) -> NewValue<'_> {
        match self {
            Plain::Int(n) => NewValue::Int(*n),
            Plain::Bytes(bytes) => NewValue::Bytes { bytes, raw: false },
            Plain::Object(bytes) => NewValue::Object(Box::new(Object::String(BigString::from_slice(bytes)))),
        }
    }
}

/// Keyspaces live as long as the process; here they stay in sight of leak checkers.
static KEPT: Mutex<Vec<&'static Keyspace>> = Mutex::new(Vec::new());

/// Keys of one logical database: value and expiry.
pub(crate) type Keys = BTreeMap<Vec<u8>, (Plain, Option<i64>)>;

/// A keyspace and what it should hold, keys that expired and that nobody has met since included.
pub(crate) struct World {
    pub keyspace: &'static Keyspace,
    pub local: Local,
    pub now_ms: i64,
    pub access: Access,
    pub rng: Rng,
    /// Per logical database.
    pub model: Vec<Keys>,
    /// What the counters should say.
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    /// Effects that should have been pushed.
    pub effects: Vec<(u32, Vec<u8>)>,
}

impl World {
    pub fn new(seed: u64, bits: u32, databases: u16) -> World {
        let hasher = KeyHasher::new([seed, 5], Sharding::Hash { bits });
        let keyspace: &'static Keyspace =
            Box::leak(Box::new(Keyspace::new(KeyspaceOptions { hasher, databases })));
        KEPT.lock().unwrap_or_else(|e| e.into_inner()).push(keyspace);
        World {
            keyspace,
            local: Local::new(Effects::new(true)),
            now_ms: 1_800_000_000_000,
            access: Access::None,
            rng: Rng(seed),
            model: vec![Keys::new(); usize::from(databases)],
            hits: 0,
            misses: 0,
            expired: 0,
            effects: Vec::new(),
        }
    }

    /// A view of `db` that may touch any shard.
    pub fn space(&mut self, db: u16) -> Space<'_> {
        Space::new(self.keyspace, &mut self.local, Locked::gate(), db, self.now_ms, self.access)
    }

    pub fn db(&mut self) -> u16 {
        self.rng.below(self.model.len()) as u16
    }

    /// One of `many` names.
    pub fn name(&mut self, many: usize) -> Vec<u8> {
        format!("key:{}", self.rng.below(many)).into_bytes()
    }

    /// What a look-up of the key does to the model: an expired key goes. Returns whether the key is there.
    pub fn meet(&mut self, db: u16, name: &[u8]) -> bool {
        let keys = &mut self.model[usize::from(db)];
        match keys.get(name) {
            None => false,
            Some((_, Some(at))) if *at < self.now_ms => {
                keys.remove(name);
                self.expired += 1;
                self.effects.push((u32::from(db), name.to_vec()));
                false
            }
            Some(_) => true,
        }
    }

    pub fn set(&mut self, db: u16, name: &[u8], value: Plain, ttl: Ttl) {
        let there = self.meet(db, name);
        let mut space = self.space(db);
        let key = space.place(name);
        space.set(key, value.to_new(), ttl);
        drop(space);
        let keys = &mut self.model[usize::from(db)];
        let was = keys.get(name).and_then(|(_, at)| *at).filter(|_| there);
        let at = match ttl {
            Ttl::Clear => None,
            Ttl::Keep => was,
            Ttl::At(at) => Some(at),
        };
        keys.insert(name.to_vec(), (value, at));
    }

    pub fn delete(&mut self, db: u16, name: &[u8]) {
        let there = self.meet(db, name);
        let mut space = self.space(db);
        let key = space.place(name);
        assert_eq!(space.delete(key), there);
        drop(space);
        self.model[usize::from(db)].remove(name);
    }

    pub fn set_expiry(&mut self, db: u16, name: &[u8], at: Option<i64>) {
        let there = self.meet(db, name);
        let mut space = self.space(db);
        let key = space.place(name);
        assert_eq!(space.set_expiry(key, at), there);
        drop(space);
        if let Some((_, was)) = self.model[usize::from(db)].get_mut(name) {
            *was = at;
        }
    }

    /// Appends to a chunked string in place.
    pub fn edit(&mut self, db: u16, name: &[u8]) {
        self.meet(db, name);
        let tail = [self.rng.next() as u8; 3];
        let at = self.rng.below(1000);
        let mut space = self.space(db);
        let key = space.place(name);
        let object = space.object_mut(key);
        let is_object = object.is_some();
        if let Some(Object::String(s)) = object {
            s.append(&tail);
            s.set_range(at.min(s.len()), &tail);
        }
        drop(space);
        match self.model[usize::from(db)].get_mut(name) {
            Some((Plain::Object(bytes), _)) => {
                assert!(is_object);
                bytes.extend(tail);
                let at = at.min(bytes.len());
                bytes.resize(bytes.len().max(at + 3), 0);
                bytes[at..at + 3].copy_from_slice(&tail);
            }
            _ => assert!(!is_object, "only objects change in place"),
        }
    }

    pub fn rename(&mut self, db: u16, from: &[u8], to_db: u16, to: &[u8]) {
        if (db, from) == (to_db, to) {
            return;
        }
        let there = self.meet(db, from);
        if there {
            self.meet(to_db, to);
        }
        let mut space = self.space(db);
        let (from_key, to_key) = (space.place(from), space.place(to));
        assert_eq!(space.rename(from_key, to_db, to_key), there);
        assert_eq!(space.db(), db, "the view looks at its own database again");
        drop(space);
        if let Some(moved) = self.model[usize::from(db)].remove(from) {
            self.model[usize::from(to_db)].insert(to.to_vec(), moved);
        }
    }

    pub fn swap(&mut self, a: u16, b: u16) {
        self.keyspace.swap_databases(a, b);
        self.model.swap(usize::from(a), usize::from(b));
    }

    pub fn flush(&mut self, db: u16) {
        let physical = self.keyspace.physical(db);
        let detached = self.space(db).take_database(physical);
        let keys = std::mem::take(&mut self.model[usize::from(db)]);
        assert_eq!(detached.keys, keys.len() as u64);
        detached.free(&mut self.local.heap);
    }

    /// One random change, rarely of a whole database.
    pub fn change(&mut self, names: usize) {
        let (db, to_db) = (self.db(), self.db());
        let (name, to) = (self.name(names), self.name(names));
        let at = self.now_ms + self.rng.below(2000) as i64 - 2;
        match self.rng.below(1000) {
            0 => self.flush(db),
            1..=3 => self.swap(db, to_db),
            4..=150 => self.delete(db, &name),
            151..=250 => {
                let at = (self.rng.below(3) > 0).then_some(at);
                self.set_expiry(db, &name, at);
            }
            251..=400 => self.edit(db, &name),
            401..=500 => self.rename(db, &name, to_db, &to),
            n => {
                let ttl = [Ttl::Clear, Ttl::Keep, Ttl::At(at)][n % 3];
                let value = Plain::random(&mut self.rng);
                self.set(db, &name, value, ttl);
            }
        }
        self.local.collect_garbage();
    }

    /// Compares counters and effects with the model.
    pub fn check_counters(&mut self) {
        for (db, keys) in self.model.iter().enumerate() {
            assert_eq!(self.keyspace.len(db as u16), keys.len());
            let volatile = keys.values().filter(|(_, at)| at.is_some()).count();
            let counters = self.keyspace.counters(self.keyspace.physical(db as u16));
            assert_eq!(counters.volatile.load(std::sync::atomic::Ordering::Relaxed), volatile as i64);
        }
        let counters = self.local.counters;
        assert_eq!(
            (counters.keyspace_hits, counters.keyspace_misses, counters.expired_keys),
            (self.hits, self.misses, self.expired)
        );
        assert_eq!(self.take_effects(), std::mem::take(&mut self.effects));
    }

    /// Compares every key with the model.
    pub fn check(&mut self) {
        self.check_counters();
        for db in 0..self.model.len() as u16 {
            let keys = std::mem::take(&mut self.model[usize::from(db)]);
            let now_ms = self.now_ms;
            let mut space = self.space(db);
            for (name, (value, at)) in keys.iter().filter(|(_, (_, at))| at.is_none_or(|at| at >= now_ms)) {
                let key = space.place(name);
                let entry = space.peek(key).expect("the model has it");
                assert_eq!(entry.expire_at_ms(), *at);
                assert!(Plain::of(entry) == *value);
            }
            drop(space);
            self.model[usize::from(db)] = keys;
        }
    }

    /// Keys of the `UNLINK` effects pushed since the last call, with their databases.
    pub fn take_effects(&mut self) -> Vec<(u32, Vec<u8>)> {
        let keys = self.local.effects.iter().map(|(db, resp)| {
            let words = resp.strip_prefix(b"*2\r\n$6\r\nUNLINK\r\n").expect("an UNLINK of one key");
            let start = words.iter().position(|&b| b == b'\n').expect("a length") + 1;
            (db, words[start..words.len() - 2].to_vec())
        });
        let keys = keys.collect();
        self.local.effects.clear();
        keys
    }

    /// Frees everything; the slab must be as it was.
    pub fn end(mut self) {
        self.local.collect_garbage();
        self.keyspace.clear(&mut self.local.heap);
        assert_eq!(self.local.heap.live_bytes(), 0, "every entry is freed once");
    }
}
