//! Commands set aside: what takes long is worked out without a lock and put in place if nobody has changed it meanwhile.
//!
//! 1. **Take.** Under the locks of a command's keys: clones of their values, which share everything ([`Space::take`]).
//! 2. **Make.** On any thread: the command's body runs as it always does, on a keyspace that holds nothing but the clones
//!    ([`Taken::make`]). What it changes are copies of the chunks that it changes.
//! 3. **Install.** Under the locks again: where every key still holds the very value that was taken, what the body made
//!    takes its place, and its effects are the unit's ([`Space::install`]). Otherwise nothing happens.
//!
//! So to everyone else the command happened at one instant, that of step 3: what it was given is what the keys hold then,
//! and so is what it made of it. A value counts as the same if it shares its root with the clone. As long as the clone
//! lives every change gives the original another root, so that a value that came back is not mistaken.
//!
//! A TTL is no part of a value: a key whose TTL was changed meanwhile is still the same, and one whose value is edited
//! keeps the TTL it has at step 3.

use std::sync::atomic::{AtomicBool, Ordering};

use effect_log::Effects;
use structures::big_string::BigString;
use structures::entry::{EntryRef, Meta, NewValue, Value};
use structures::object::Object;

use crate::Keyspace;
use crate::evict::Access;
use crate::key::Key;
use crate::notify::Note;
use crate::shard::{Locked, Shard};
use crate::space::{Local, Space, Ttl};
use crate::watch::Dirty;

/// A value apart from its entry.
enum Apart {
    Int(i64),
    Bytes { bytes: Box<[u8]>, raw: bool },
    Object(Object),
}

impl Apart {
    /// Shares what is large. O(1).
    fn of(entry: EntryRef<'_>) -> Apart {
        match entry.value() {
            Value::Int(n) => Apart::Int(n),
            Value::Bytes(bytes) => Apart::Bytes { bytes: bytes.into(), raw: entry.is_raw() },
            Value::Object(object) => Apart::Object(object.clone()),
        }
    }

    /// Whether it is what the entry holds. O(1).
    fn is_in(&self, entry: EntryRef<'_>) -> bool {
        match (self, entry.value()) {
            (Apart::Int(n), Value::Int(other)) => *n == other,
            (Apart::Bytes { bytes, .. }, Value::Bytes(other)) => **bytes == *other,
            (Apart::Object(object), Value::Object(other)) => object.is_same(other),
            _ => false,
        }
    }

    fn store<R>(self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Apart::Int(n) => store(NewValue::Int(n)),
            Apart::Bytes { bytes, raw } => store(NewValue::Bytes { bytes: &bytes, raw }),
            Apart::Object(object) => store(NewValue::Object(Box::new(object))),
        }
    }
}

/// A key and what it held, `None` where it was missing.
struct Held {
    name: Box<[u8]>,
    shard: u32,
    order: u32,
    value: Option<Apart>,
}

impl Held {
    fn key(&self) -> Key<'_> {
        Key { bytes: &self.name, shard: self.shard, order: self.order }
    }

    /// Whether it is what the key holds.
    fn is_in(&self, entry: Option<EntryRef<'_>>) -> bool {
        match (&self.value, entry) {
            (None, None) => true,
            (Some(value), Some(entry)) => value.is_in(entry),
            _ => false,
        }
    }
}

/// The values of a command's keys at one instant.
pub struct Taken {
    keyspace: &'static Keyspace,
    /// Logical database.
    db: u16,
    now_ms: i64,
    keys: Vec<Held>,
}

/// What became of a key.
enum Change {
    None,
    /// Its value was edited.
    Edited {
        object: Object,
        /// Clients that watch the key are told.
        watched: bool,
    },
    /// It has another value, and no TTL.
    Stored(Apart),
    Deleted,
}

/// What a command made of the values it was given.
pub struct Made {
    taken: Taken,
    changes: Vec<Change>,
    /// Changes as the body counted them.
    count: u64,
    effects: Effects,
    events: Vec<Note>,
}

impl Made {
    /// Whether anything is to be installed.
    pub fn has_changes(&self) -> bool {
        self.count > 0
            || !self.effects.is_empty()
            || !self.events.is_empty()
            || self.changes.iter().any(|c| !matches!(c, Change::None))
    }
}

impl Keyspace {
    /// The keyspace of commands that were set aside: the same places, no keys.
    fn aside(&'static self) -> &'static Keyspace {
        self.aside.get_or_init(|| {
            let aside = Keyspace::without_shards(self.hasher, self.databases());
            // So that changes are told to those who watch: we do.
            aside.watchers.store(1, Ordering::Relaxed);
            Box::new(aside)
        })
    }
}

impl Space<'_> {
    /// A key's entry unless it has expired. Nothing is removed, counted or marked.
    fn present(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let (now_ms, physical) = (self.now_ms, self.physical());
        let entry = self.shard(key.shard).table(physical)?.get(key.order, key.bytes)?;
        entry.expire_at_ms().is_none_or(|at| at >= now_ms).then_some(entry)
    }

    /// Clones of the values of these keys, whose shards are held. O(keys).
    pub fn take(&mut self, keys: &[Key<'_>]) -> Taken {
        let mut taken =
            Taken { keyspace: self.keyspace, db: self.db(), now_ms: self.now_ms, keys: Vec::new() };
        for key in keys {
            if taken.keys.iter().all(|held| *held.name != *key.bytes) {
                let value = self.present(*key).map(Apart::of);
                let Key { bytes, shard, order } = *key;
                taken.keys.push(Held { name: bytes.into(), shard, order, value });
            }
        }
        taken
    }

    /// Puts what a command made in its place, with its effects, if the keys hold what they held. `false`, and nothing
    /// happens, if not. Their shards are held. O(keys); what is large is left to be freed by another thread.
    pub fn install(&mut self, made: Made) -> bool {
        let Made { taken, changes, count, effects, events } = made;
        let is_same =
            self.db() == taken.db && taken.keys.iter().all(|held| held.is_in(self.present(held.key())));
        if !is_same {
            self.local.discard((taken.keys, changes));
            return false;
        }
        let mask = self.local.events.mask();
        if mask != 0 {
            // What the body noted is not to be noted again; what expired meanwhile is.
            for held in &taken.keys {
                self.exists(held.key());
            }
            self.local.events.set_mask(0);
        }
        let before = self.local.counters.changes;
        for (held, change) in taken.keys.iter().zip(changes) {
            match change {
                Change::None => {}
                Change::Edited { object, watched } => self.exchange(held.key(), object, watched),
                Change::Stored(value) => value.store(|value| self.set(held.key(), value, Ttl::Clear)),
                Change::Deleted => _ = self.delete(held.key()),
            }
        }
        self.local.counters.changes = before + count;
        self.local.effects.extend(&effects);
        self.local.events.set_mask(mask);
        self.local.events.extend(events);
        self.local.discard(taken.keys);
        true
    }
}

impl Taken {
    /// Runs `body` on the values, which nobody else sees, and says what it made of them. It is given a view that holds
    /// all its keys, and gives back the view's locks. Whoever reads the view's effects is told of them with `local`'s.
    ///
    /// Entries come from the heap of `local`, whose garbage is collected.
    pub fn make<R>(
        self,
        local: &mut Local,
        body: impl FnOnce(Space<'_>) -> (R, Locked<'static>),
    ) -> (R, Made) {
        let (keyspace, db, now_ms) = (self.keyspace.aside(), self.db, self.now_ms);
        let mut shard = Box::new(Shard::new(0));
        let physical = keyspace.physical(db);
        for held in &self.keys {
            let Some(value) = &held.value else { continue };
            let value = match value {
                Apart::Int(n) => NewValue::Int(*n),
                Apart::Bytes { bytes, raw } => NewValue::Bytes { bytes, raw: *raw },
                Apart::Object(object) => NewValue::Object(Box::new(object.clone())),
            };
            let entry = local.heap.entry(&held.name, value, Meta::default());
            shard.table_mut(physical).insert(held.order, entry);
        }
        let mut space = Space::new(keyspace, local, Locked::own(shard), db, now_ms, Access::None);
        let told: Vec<Dirty> = self.keys.iter().map(|_| Dirty::new(AtomicBool::new(false))).collect();
        for (held, told) in self.keys.iter().zip(&told) {
            space.watch(held.key(), 0, told);
        }
        // Where each entry stands tells whether it is still the same one: what is replaced is freed later.
        let mut place = |held: &Held| space.present(held.key()).map(|entry| entry.key().as_ptr().addr());
        let places: Vec<Option<usize>> = self.keys.iter().map(&mut place).collect();
        let before = space.local.counters.changes;
        let (result, locked) = body(space);
        let mut space = Space::new(keyspace, local, locked, db, now_ms, Access::None);
        let changes = self.keys.iter().zip(&told).zip(places);
        let changes =
            changes.map(|((held, told), place)| space.change(held, place, told.load(Ordering::Relaxed)));
        let changes: Vec<Change> = changes.collect();
        let count = space.local.counters.changes - before;
        let own = space.into_locked().into_own();
        let active = local.effects.is_active();
        let effects = std::mem::replace(&mut local.effects, Effects::new(active));
        let events = local.events.take();
        if let Some(mut table) = own.and_then(|mut shard| shard.take_table(physical)) {
            table.clear(&mut local.heap);
        }
        local.collect_garbage();
        if let Some(heavy) = local.take_heavy_garbage() {
            heavy.free(&mut local.heap);
        }
        (result, Made { taken: self, changes, count, effects, events })
    }
}

impl Space<'_> {
    /// What became of a key whose entry stood at `place`.
    fn change(&mut self, held: &Held, place: Option<usize>, told: bool) -> Change {
        let (key, physical) = (held.key(), self.physical());
        let Some(entry) = self.present(key) else {
            return if held.value.is_some() { Change::Deleted } else { Change::None };
        };
        let is_same_entry = Some(entry.key().as_ptr().addr()) == place;
        if is_same_entry && held.is_in(Some(entry)) {
            return Change::None;
        }
        let apart = match entry.value() {
            // Moved, not cloned: a clone would make the next writer copy.
            Value::Object(_) => {
                let table = self.shard(key.shard).table_mut(physical);
                let slot = table.find(key.order, key.bytes).expect("it was just found");
                let object = table.object_mut(slot).expect("it is an object");
                Apart::Object(std::mem::replace(object, Object::String(BigString::new())))
            }
            _ => Apart::of(entry),
        };
        match apart {
            Apart::Object(object) if is_same_entry => Change::Edited { object, watched: told },
            value => Change::Stored(value),
        }
    }
}

#[cfg(test)]
mod tests;
