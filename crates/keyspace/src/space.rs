//! What a handler sees of the keyspace: the locked shards of its keys, at one instant, in one database.
//!
//! Every change goes through here, so every change bumps the shard's version, dirties watching clients, keeps the
//! counters exact, respects a running snapshot and is counted in `changes`; the dispatcher refuses to end a unit that
//! changed something without leaving an effect.

use std::sync::atomic::{AtomicUsize, Ordering};

use effect_log::Effects;
use structures::entry::{EntryBox, EntryRef, Item, Meta, NewValue, Value};
use structures::object::{Object, Variant};
use structures::slab::Heap;
use structures::table::Slot;

use crate::blocked::{Kind, Ready};
use crate::evict::Access;
use crate::key::Key;
use crate::notify::{Class, Events};
use crate::shard::{Keyspace, Locked, Shard};
use crate::track::Broadcasts;

/// What a write does to the key's TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// The key has none afterwards.
    Clear,
    /// It stays as it is.
    Keep,
    /// It expires at this Unix time in ms.
    At(i64),
}

/// Whether Valkey 9.1 would keep a string in one piece with its key, at most 128 bytes: what clients see as `embstr`.
/// Longer ones are `raw`, and stay so under a shorter key.
pub fn is_embedded(key_len: usize, value_len: usize, has_ttl: bool) -> bool {
    const MAX_BYTES: usize = 128;
    const FIXED_BYTES: usize = 14;
    let key_header = if key_len < 32 { 1 } else { 3 };
    FIXED_BYTES + key_header + key_len + value_len + if has_ttl { 8 } else { 0 } <= MAX_BYTES
}

/// The key holds another type than asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

fn typed<T: Variant>(entry: Option<EntryRef<'_>>) -> Result<Option<&T>, WrongType> {
    match entry.map(|entry| entry.value()) {
        None => Ok(None),
        Some(Value::Object(object)) => T::of(object).map(Some).ok_or(WrongType),
        Some(_) => Err(WrongType),
    }
}

/// Counters of one thread, summed by INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpaceCounters {
    /// Successful look-ups of keys by reading commands.
    pub keyspace_hits: u64,
    /// Look-ups by reading commands that found no key.
    pub keyspace_misses: u64,
    /// Keys removed because their TTL had passed.
    pub expired_keys: u64,
    /// Fields of hashes that left, or gave way to new ones, because their TTL had passed.
    pub expired_fields: u64,
    /// Keys removed for want of memory.
    pub evicted_keys: u64,
    /// Changes since the start (`rdb_changes_since_last_save` derives from it).
    pub changes: u64,
}

/// What a thread brings to every unit of work.
pub struct Local {
    /// Its allocator of entries.
    pub heap: Heap,
    /// The effects of the unit under way.
    pub effects: Effects,
    /// Its end of the effect log, when something listens.
    pub log: Option<effect_log::Writer>,
    /// Its counters.
    pub counters: SpaceCounters,
    /// Places of the keys of the command under way, worked out when its shards were locked.
    pub places: PlaceCache,
    /// What happened to keys in the unit under way, for clients that want to hear of it.
    pub events: Events,
    /// Changed keys that clients want to hear of by how they begin.
    pub broadcasts: Broadcasts,
    /// Messages wait for clients of this thread.
    pub has_posts: bool,
    /// Keys that the unit under way made ready for clients that wait for them, oldest first.
    pub ready: Vec<Ready>,
    /// Entries with objects, to be freed once no lock is held.
    garbage: Vec<EntryBox>,
    /// What takes long to free.
    heavy: HeavyGarbage,
}

/// Allocations that a thread frees itself, per value: some microseconds.
const FREE_EFFORT_MAX: usize = 64;

/// Bytes of values that are on their way to be freed: as good as free, so eviction does not go on for their sake.
static DETACHED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Bytes of values that no key has any more and that a thread is going to free.
pub fn detached_bytes() -> usize {
    DETACHED_BYTES.load(Ordering::Relaxed)
}

/// Values on their way to the thread that frees them. Entries that are dropped with it leak.
#[derive(Default)]
pub struct HeavyGarbage {
    /// Each with the bytes it was counted with.
    entries: Vec<(EntryBox, usize)>,
    leftovers: Vec<Box<dyn Send>>,
}

impl HeavyGarbage {
    /// Number of values whose keys are gone.
    pub fn values(&self) -> usize {
        self.entries.len()
    }

    /// Frees all of it through `heap`; from any thread.
    pub fn free(self, heap: &mut Heap) {
        for (entry, bytes) in self.entries {
            heap.release(entry);
            DETACHED_BYTES.fetch_sub(bytes, Ordering::Relaxed);
        }
        drop(self.leftovers);
    }
}

/// Places of evenly spaced key arguments; empty outside a command with several keys.
#[derive(Default)]
pub struct PlaceCache {
    first: usize,
    step: usize,
    places: Vec<(u32, u32)>,
}

impl PlaceCache {
    /// Remembers the places of arguments `first`, `first + step`, ….
    pub fn fill(&mut self, first: usize, step: usize, keys: &[Key<'_>]) {
        (self.first, self.step) = (first, step);
        self.places.clear();
        self.places.extend(keys.iter().map(|k| (k.shard, k.order)));
    }

    /// Forgets them.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.places.clear();
    }

    /// Shard and order of argument `i`, if it is one of them.
    #[inline(always)]
    pub fn get(&self, i: usize) -> Option<(u32, u32)> {
        if self.places.is_empty() {
            return None;
        }
        let at = i.checked_sub(self.first)?;
        if at % self.step != 0 {
            return None;
        }
        self.places.get(at / self.step).copied()
    }
}

impl Local {
    /// A thread's resources, with an effects buffer that is on or off.
    pub fn new(effects: Effects) -> Self {
        Local {
            heap: Heap::new(),
            effects,
            log: None,
            places: PlaceCache::default(),
            ready: Vec::new(),
            events: Events::default(),
            broadcasts: Broadcasts::default(),
            has_posts: false,
            counters: SpaceCounters::default(),
            garbage: Vec::new(),
            heavy: HeavyGarbage::default(),
        }
    }

    /// Keeps a large part that left a value, to be freed by another thread.
    pub fn discard(&mut self, leftovers: impl Send + 'static) {
        self.heavy.leftovers.push(Box::new(leftovers));
    }

    /// Frees what units left behind, but for what takes long: see [`Self::take_heavy_garbage`]. Call with no lock held,
    /// at least once per batch.
    pub fn collect_garbage(&mut self) {
        while let Some(entry) = self.garbage.pop() {
            match entry.view().value() {
                Value::Object(object) if object.free_effort() > FREE_EFFORT_MAX => {
                    let bytes = object.memory_bytes();
                    DETACHED_BYTES.fetch_add(bytes, Ordering::Relaxed);
                    self.heavy.entries.push((entry, bytes));
                }
                _ => self.heap.release(entry),
            }
        }
        self.heap.drain_pending();
    }

    /// Large values, and large parts of values, that another thread is to free.
    pub fn take_heavy_garbage(&mut self) -> Option<HeavyGarbage> {
        if self.heavy.entries.is_empty() && self.heavy.leftovers.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut self.heavy))
    }

    /// Whether [`Self::collect_garbage`] has something to do.
    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }
}

/// The view. It owns its locks and lets go of them when dropped. The keyspace lives as long as the process (it is
/// leaked once at the start), which lets locks pass from one command of a transaction to the next.
pub struct Space<'a> {
    /// All shards.
    pub keyspace: &'static Keyspace,
    /// The thread's resources.
    pub local: &'a mut Local,
    /// The unit's instant, Unix ms; frozen for the whole unit.
    pub now_ms: i64,
    /// How reads mark entries, and what a fresh one carries.
    pub access: Access,
    db: u16,
    physical: u16,
    locked: Locked<'static>,
    /// Reads by clients with NO-TOUCH leave access marks alone.
    pub touch: bool,
    /// Expired keys are hidden, not removed: for commands that only read, while nothing may change.
    pub keep_expired: bool,
}

impl<'a> Space<'a> {
    /// A view of logical database `db` through the locks of `locked`.
    #[inline(always)]
    pub fn new(
        keyspace: &'static Keyspace,
        local: &'a mut Local,
        locked: Locked<'static>,
        db: u16,
        now_ms: i64,
        access: Access,
    ) -> Self {
        let physical = keyspace.physical(db);
        Space { keyspace, local, now_ms, access, db, physical, locked, touch: true, keep_expired: false }
    }

    /// Ends the view and hands its locks on, to the next command of the same unit.
    #[inline(always)]
    pub fn into_locked(self) -> Locked<'static> {
        self.locked
    }

    /// The logical database.
    pub fn db(&self) -> u16 {
        self.db
    }

    /// Turns the view to another logical database; the same shards stay locked (a lock spans all databases).
    pub fn select(&mut self, db: u16) {
        self.db = db;
        self.physical = self.keyspace.physical(db);
    }

    /// The place of a key that came as an argument.
    #[inline(always)]
    pub fn place<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.keyspace.hasher.place(bytes)
    }

    /// Whether the unit has every shard to itself.
    pub fn is_gate(&self) -> bool {
        self.locked.is_gate()
    }

    /// Locks one shard for a walk over the keyspace. `false` when it is busy. Outside the gate no other shard may be
    /// held: walkers take one at a time with [`Self::leave`] between.
    pub fn enter(&mut self, shard: u32) -> bool {
        self.locked.enter(self.keyspace, shard)
    }

    /// Lets go of the shards of a walk. Under the gate too: nobody else can take them meanwhile.
    pub fn leave(&mut self) {
        self.locked.release();
    }

    #[inline(always)]
    pub(crate) fn shard(&mut self, number: u32) -> &mut Shard {
        self.locked.shard(self.keyspace, number)
    }

    pub(crate) fn also_lock(&mut self, shard: u32) -> bool {
        self.locked.also_lock(self.keyspace, shard)
    }

    /// A shard held by the unit.
    pub fn locked_shard(&mut self, number: u32) -> &Shard {
        self.locked.shard(self.keyspace, number)
    }

    /// The physical database behind the current one.
    pub fn physical(&self) -> u16 {
        self.physical
    }

    /// The slot of a key that is there and not expired; an expired one is removed on the way.
    #[inline(always)]
    fn live_slot(&mut self, key: Key<'_>) -> Option<Slot> {
        let (now_ms, physical) = (self.now_ms, self.physical);
        let table = self.shard(key.shard).table(physical)?;
        let slot = table.find(key.order, key.bytes)?;
        let entry = table.entry(slot);
        if entry.is_volatile() && entry.expire_at_ms().is_some_and(|at| at < now_ms) {
            self.expire(key, slot);
            return None;
        }
        Some(slot)
    }

    #[cold]
    fn expire(&mut self, key: Key<'_>, slot: Slot) {
        if self.keep_expired {
            return;
        }
        self.local.counters.expired_keys += 1;
        self.drop_key(key, slot, Class::EXPIRED, "expired");
    }

    /// Removes a key because its TTL passed or memory is short, logs it and tells those who want to hear of it. Also for
    /// the cycles of `expire` and `evict`.
    pub(crate) fn drop_key(&mut self, key: Key<'_>, slot: Slot, class: Class, event: &'static str) {
        let noted = self.local.events.len();
        self.remove_slot(key, slot);
        self.local.events.disown(noted);
        self.notify(class, event, key.bytes);
        let db = u32::from(self.db);
        self.local.effects.push(db, &[b"UNLINK", key.bytes]);
    }

    /// Reads a key for a command that only reads: counts the hit or miss and marks the access.
    #[inline(always)]
    pub fn read(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let Some(slot) = self.live_slot(key) else {
            self.local.counters.keyspace_misses += 1;
            self.notify(Class::KEY_MISS, "keymiss", key.bytes);
            return None;
        };
        self.local.counters.keyspace_hits += 1;
        Some(self.touched(key, slot))
    }

    /// As [`Self::read`], but nobody hears of a miss: for commands that ask how a value is stored.
    pub fn read_unheard(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let mask = self.local.events.mask();
        if mask != 0 && !self.exists(key) {
            self.local.counters.keyspace_misses += 1;
            return None;
        }
        self.read(key)
    }

    /// Reads a key for a command that is about to change it: no hit or miss is counted.
    #[inline(always)]
    pub fn read_for_write(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let slot = self.live_slot(key)?;
        Some(self.touched(key, slot))
    }

    /// Looks at a key and leaves no trace (`OBJECT`, `EXISTS` style commands that do not count as use).
    pub fn peek(&mut self, key: Key<'_>) -> Option<EntryRef<'_>> {
        let slot = self.live_slot(key)?;
        let physical = self.physical;
        self.shard(key.shard).table(physical).map(|t| t.entry(slot))
    }

    #[inline(always)]
    fn touched(&mut self, key: Key<'_>, slot: Slot) -> EntryRef<'_> {
        let (physical, access, touch) = (self.physical, self.access, self.touch);
        let table =
            self.locked.shard(self.keyspace, key.shard).table(physical).expect("the slot came from it");
        let entry = table.entry(slot);
        if touch {
            access.mark(entry);
        }
        entry
    }

    /// Whether the key is there but its TTL has passed. Removes nothing.
    pub fn is_expired(&mut self, key: Key<'_>) -> bool {
        let (now_ms, physical) = (self.now_ms, self.physical);
        let entry = self.shard(key.shard).table(physical).and_then(|t| t.get(key.order, key.bytes));
        entry.and_then(|e| e.expire_at_ms()).is_some_and(|at| at < now_ms)
    }

    /// Whether the key exists.
    #[inline(always)]
    pub fn exists(&mut self, key: Key<'_>) -> bool {
        self.live_slot(key).is_some()
    }

    #[inline(always)]
    fn changed(&mut self, key: Key<'_>, exists: bool) {
        self.local.counters.changes += 1;
        self.touch_watchers(key, exists);
    }

    #[inline(always)]
    fn touch_watchers(&mut self, key: Key<'_>, exists: bool) {
        let watched = self.keyspace.watchers.load(Ordering::Relaxed) > 0;
        self.shard(key.shard).version += 1;
        if watched {
            self.tell_watchers(key, exists);
        }
    }

    /// Stores a value under a key, new or not. O(1).
    #[inline]
    pub fn set(&mut self, key: Key<'_>, value: NewValue<'_>, ttl: Ttl) {
        let slot = self.live_slot(key);
        self.set_at(key, slot, value, ttl, Item::default());
    }

    /// Stores an item of memcached under a key, new or not. A CAS of 0 stands for a new one, greater than any the key has
    /// had. Returns the item's CAS. O(1).
    pub fn set_item(
        &mut self,
        key: Key<'_>,
        value: NewValue<'_>,
        expire_at_ms: Option<i64>,
        item: Item,
    ) -> u64 {
        let slot = self.live_slot(key);
        let cas = match item.cas {
            0 => self.next_cas(key.shard),
            cas => cas,
        };
        let ttl = expire_at_ms.map_or(Ttl::Clear, Ttl::At);
        self.set_at(key, slot, value, ttl, Item { cas, ..item });
        cas
    }

    /// The number of a shard's next change among those of all shards.
    fn next_cas(&mut self, shard: u32) -> u64 {
        let shards = u64::from(self.keyspace.shard_count());
        (self.shard(shard).version + 1) * shards + u64::from(shard)
    }

    #[inline(always)]
    fn set_at(&mut self, key: Key<'_>, slot: Option<Slot>, value: NewValue<'_>, ttl: Ttl, item: Item) {
        let physical = self.physical;
        let epoch = (self.keyspace.epoch.load(Ordering::Relaxed) & 3) as u8;
        let fresh = self.access.fresh();
        match slot {
            Some(slot) => {
                let old = self.shard(key.shard).table(physical).expect("the slot came from it").entry(slot);
                let (was_at, was_access, frequency) = (old.expire_at_ms(), old.access(), old.frequency());
                let value = match value {
                    // Valkey sizes the new string with the old TTL, even when that TTL goes.
                    NewValue::Bytes { bytes, raw: false }
                        if was_at.is_some() && !is_embedded(key.bytes.len(), bytes.len(), true) =>
                    {
                        NewValue::Bytes { bytes, raw: true }
                    }
                    value => value,
                };
                let expire_at_ms = match ttl {
                    Ttl::Clear => None,
                    Ttl::Keep => was_at,
                    Ttl::At(at) => Some(at),
                };
                let access = self.access.inherited(was_access);
                let entry =
                    self.local.heap.entry(key.bytes, value, Meta { expire_at_ms, access, epoch, item });
                if self.access.is_s3() {
                    entry.view().set_frequency((frequency + 1).min(3));
                }
                self.note_due(key, &entry);
                self.put_back(key, slot, entry);
                self.count_volatile(i64::from(expire_at_ms.is_some()) - i64::from(was_at.is_some()));
            }
            None => {
                let expire_at_ms = if let Ttl::At(at) = ttl { Some(at) } else { None };
                let entry = self.local.heap.entry(
                    key.bytes,
                    value,
                    Meta { expire_at_ms, access: fresh, epoch, item },
                );
                self.insert(key, entry);
            }
        }
        self.changed(key, true);
    }

    fn insert(&mut self, key: Key<'_>, entry: EntryBox) {
        let physical = self.physical;
        let volatile = entry.view().is_volatile();
        let s3 = self.access.is_s3();
        self.note_due(key, &entry);
        let shard = self.shard(key.shard);
        shard.table_mut(physical).insert(key.order, entry);
        if s3 {
            crate::evict::note_insert(shard, physical, key.order);
        }
        if shard.waiting != 0 {
            self.signal(key);
        }
        self.keyspace.counters(physical).keys.fetch_add(1, Ordering::Relaxed);
        self.count_volatile(i64::from(volatile));
        self.notify(Class::NEW, "new", key.bytes);
    }

    #[inline(always)]
    fn count_volatile(&self, delta: i64) {
        if delta != 0 {
            self.keyspace.counters(self.physical).volatile.fetch_add(delta, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn note_expiry(&mut self, key: Key<'_>, expire_at_ms: Option<i64>) {
        if let Some(at) = expire_at_ms {
            let shard = self.shard(key.shard);
            shard.next_expiry_at_ms = shard.next_expiry_at_ms.min(at);
        }
    }

    /// An entry comes into a table: its shard hears of what expires in it.
    #[inline(always)]
    fn note_due(&mut self, key: Key<'_>, entry: &EntryBox) {
        self.note_expiry(key, entry.view().due_at_ms());
        self.count_volatile_items(entry, 1);
    }

    /// Keeps count of the keys in whose value something expires on its own.
    #[inline(always)]
    fn count_volatile_items(&self, entry: &EntryBox, delta: i64) {
        if let Value::Object(object) = entry.view().value()
            && object.due_at_ms().is_some()
        {
            self.keyspace.counters(self.physical).volatile_items.fetch_add(delta, Ordering::Relaxed);
        }
    }

    /// Says that the first part of an object's value to expire is another one, after a change in place: it expired
    /// at `was_at_ms`, if any did, and does so now at `at_ms`. O(1).
    pub fn due_changed(&mut self, key: Key<'_>, was_at_ms: Option<i64>, at_ms: Option<i64>) {
        if was_at_ms == at_ms {
            return;
        }
        let physical = self.physical;
        let delta = i64::from(at_ms.is_some()) - i64::from(was_at_ms.is_some());
        if delta != 0 {
            self.keyspace.counters(physical).volatile_items.fetch_add(delta, Ordering::Relaxed);
        }
        if at_ms.is_some() {
            self.note_expiry(key, at_ms);
            let table = self.shard(key.shard).table_mut(physical);
            if let Some(slot) = table.find(key.order, key.bytes) {
                table.note_due(slot);
            }
        }
    }

    /// Replaces the slot's entry and disposes of the old one.
    #[inline(always)]
    fn put_back(&mut self, key: Key<'_>, slot: Slot, entry: EntryBox) {
        let physical = self.physical;
        let old = self.shard(key.shard).table_mut(physical).replace(slot, entry);
        self.dispose(key.shard, old);
    }

    /// Lets go of an entry that left its table: to the snapshot that still needs it, to the garbage when freeing may
    /// take long, or back to the slab.
    #[inline(always)]
    fn dispose(&mut self, shard: u32, entry: EntryBox) {
        let is_object = matches!(entry.view().value(), Value::Object(_));
        if is_object {
            self.count_volatile_items(&entry, -1);
        }
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        let physical = self.physical;
        if self.shard(shard).waiting != 0 {
            self.note_gone(entry.view());
        }
        let Some(entry) = self.shard(shard).retain_for_snapshot(physical, entry, epoch) else { return };
        if is_object {
            self.local.garbage.push(entry);
        } else {
            self.local.heap.release(entry);
        }
    }

    fn remove_slot(&mut self, key: Key<'_>, slot: Slot) {
        self.local.counters.changes += 1;
        self.remove_uncounted(key, slot);
    }

    fn remove_uncounted(&mut self, key: Key<'_>, slot: Slot) {
        let physical = self.physical;
        let entry = self.shard(key.shard).table_mut(physical).remove(slot);
        self.keyspace.counters(physical).keys.fetch_sub(1, Ordering::Relaxed);
        self.count_volatile(-i64::from(entry.view().is_volatile()));
        self.touch_watchers(key, false);
        self.dispose(key.shard, entry);
    }

    /// Removes a key. Returns whether it was there.
    pub fn delete(&mut self, key: Key<'_>) -> bool {
        let Some(slot) = self.live_slot(key) else { return false };
        self.remove_slot(key, slot);
        true
    }

    /// Removes a key whose collection became empty, which was counted as a change already.
    pub fn delete_empty(&mut self, key: Key<'_>) {
        if let Some(slot) = self.live_slot(key) {
            self.remove_uncounted(key, slot);
        }
    }

    /// Gives a key a TTL, or takes it away. Returns whether the key was there.
    pub fn set_expiry(&mut self, key: Key<'_>, expire_at_ms: Option<i64>) -> bool {
        let Some(slot) = self.live_slot(key) else { return false };
        let physical = self.physical;
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        let shard = self.locked.shard(self.keyspace, key.shard);
        let Some(table) = shard.table(physical) else { return false };
        let old = table.entry(slot);
        let (was, frequency) = (old.is_volatile(), old.frequency());
        let meta = Meta { expire_at_ms, epoch: (epoch & 3) as u8, ..old.meta() };
        let value = match old.value() {
            Value::Int(n) => Some(NewValue::Int(n)),
            Value::Bytes(bytes) => Some(NewValue::Bytes { bytes, raw: old.is_raw() }),
            Value::Object(_) => None,
        };
        match value {
            Some(value) => {
                let entry = self.local.heap.entry(key.bytes, value, meta);
                entry.view().set_frequency(frequency);
                self.put_back(key, slot, entry);
            }
            None => {
                // The object moves to the new entry, so a snapshot keeps a clone of it.
                shard.retain_clone_for_snapshot(physical, slot, epoch, &mut self.local.heap);
                shard.swap_meta(physical, slot, meta, &mut self.local.heap);
            }
        }
        self.count_volatile(i64::from(expire_at_ms.is_some()) - i64::from(was));
        self.note_expiry(key, expire_at_ms);
        self.changed(key, true);
        true
    }

    /// Marks a short string as made by editing, though its bytes stay: a command took it apart to look into it. No
    /// change to anyone who watches. O(1).
    pub fn mark_raw(&mut self, key: Key<'_>) {
        let Some(slot) = self.live_slot(key) else { return };
        let physical = self.physical;
        let epoch = (self.keyspace.epoch.load(Ordering::Relaxed) & 3) as u8;
        let Some(table) = self.locked.shard(self.keyspace, key.shard).table(physical) else { return };
        let old = table.entry(slot);
        let digits;
        let bytes = match old.value() {
            Value::Bytes(bytes) if !old.is_raw() => bytes,
            Value::Int(n) => {
                digits = n.to_string();
                digits.as_bytes()
            }
            _ => return,
        };
        let meta = Meta { epoch, ..old.meta() };
        let entry = self.local.heap.entry(key.bytes, NewValue::Bytes { bytes, raw: true }, meta);
        entry.view().set_frequency(old.frequency());
        self.put_back(key, slot, entry);
    }

    /// Stores a value, its TTL kept: a change to the effect log, none to anyone who watches the key. O(1).
    pub fn recode(&mut self, key: Key<'_>, value: NewValue<'_>) {
        let physical = self.physical;
        let epoch = (self.keyspace.epoch.load(Ordering::Relaxed) & 3) as u8;
        let slot = self.live_slot(key);
        let old = slot.and_then(|slot| {
            let entry = self.locked.shard(self.keyspace, key.shard).table(physical)?.entry(slot);
            Some((slot, entry.expire_at_ms(), entry.access(), entry.frequency()))
        });
        match old {
            Some((slot, expire_at_ms, access, frequency)) => {
                let entry = self.local.heap.entry(
                    key.bytes,
                    value,
                    Meta { expire_at_ms, access, epoch, ..Meta::default() },
                );
                entry.view().set_frequency(frequency);
                self.put_back(key, slot, entry);
            }
            None => {
                let meta = Meta { access: self.access.fresh(), epoch, ..Meta::default() };
                let entry = self.local.heap.entry(key.bytes, value, meta);
                self.insert(key, entry);
            }
        }
        self.local.counters.changes += 1;
        self.shard(key.shard).version += 1;
    }

    /// Changes the object behind a key in place; a running snapshot keeps what it was (a clone shares all chunks).
    /// `None` when the key is missing or its value is not an object.
    pub fn object_mut(&mut self, key: Key<'_>) -> Option<&mut Object> {
        let slot = self.live_slot(key)?;
        let physical = self.physical;
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        self.touched(key, slot);
        let shard = self.locked.shard(self.keyspace, key.shard);
        if !matches!(shard.table(physical)?.entry(slot).value(), Value::Object(_)) {
            return None;
        }
        shard.retain_clone_for_snapshot(physical, slot, epoch, &mut self.local.heap);
        self.changed(key, true);
        self.locked.shard(self.keyspace, key.shard).table_mut(physical).object_mut(slot)
    }

    /// Puts another object in the place of the one behind a key, which must be there: as a change in place of all of it.
    /// Clients that watch the key are told if `watched`. The old object is freed by another thread. O(1).
    pub(crate) fn exchange(&mut self, key: Key<'_>, object: Object, watched: bool) {
        let Some(slot) = self.live_slot(key) else { return };
        let physical = self.physical;
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        let shard = self.locked.shard(self.keyspace, key.shard);
        shard.retain_clone_for_snapshot(physical, slot, epoch, &mut self.local.heap);
        let Some(place) = shard.table_mut(physical).object_mut(slot) else { return };
        let at_ms = object.due_at_ms();
        let old = std::mem::replace(place, object);
        let was_at_ms = old.due_at_ms();
        self.local.discard(old);
        self.due_changed(key, was_at_ms, at_ms);
        if watched {
            self.object_changed(key);
        } else {
            self.object_changed_unwatched(key, 1);
        }
    }

    /// Reads a collection (or a large string) for a command that only reads: counts the hit or miss, marks the access.
    #[inline]
    pub fn read_as<T: Variant>(&mut self, key: Key<'_>) -> Result<Option<&T>, WrongType> {
        typed(self.read(key))
    }

    /// As [`Self::read_as`] for a command that is about to change the key: no hit or miss is counted.
    #[inline]
    pub fn read_for_write_as<T: Variant>(&mut self, key: Key<'_>) -> Result<Option<&T>, WrongType> {
        typed(self.read_for_write(key))
    }

    /// A collection to look at and perhaps change in place. Whoever changes it calls [`Self::object_changed`]
    /// afterwards, once per changed element group as Valkey counts (`dirty`), and deletes the key when nothing is left
    /// in it. A running snapshot keeps what it was. No hit or miss is counted.
    #[inline]
    pub fn write_as<T: Variant>(&mut self, key: Key<'_>) -> Result<Option<&mut T>, WrongType> {
        match self.live_slot(key) {
            Some(slot) => self.object_at(key, slot).map(Some),
            None => Ok(None),
        }
    }

    /// The object in a slot, to change in place.
    #[inline(always)]
    fn object_at<T: Variant>(&mut self, key: Key<'_>, slot: Slot) -> Result<&mut T, WrongType> {
        let physical = self.physical;
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        let entry = self.touched(key, slot);
        match entry.value() {
            Value::Object(object) if T::of(object).is_some() => {}
            _ => return Err(WrongType),
        }
        let shard = self.locked.shard(self.keyspace, key.shard);
        shard.retain_clone_for_snapshot(physical, slot, epoch, &mut self.local.heap);
        shard.table_mut(physical).object_mut(slot).and_then(T::of_mut).ok_or(WrongType)
    }

    /// As [`Self::write_as`]; a missing key gets the value that `make` returns, to be filled by the caller.
    #[inline]
    pub fn write_or_insert<T: Variant>(
        &mut self,
        key: Key<'_>,
        make: impl FnOnce() -> T,
    ) -> Result<&mut T, WrongType> {
        let slot = match self.live_slot(key) {
            Some(slot) => slot,
            None => {
                let epoch = (self.keyspace.epoch.load(Ordering::Relaxed) & 3) as u8;
                let meta = Meta { access: self.access.fresh(), epoch, ..Meta::default() };
                let value = NewValue::Object(Box::new(make().into_object()));
                let entry = self.local.heap.entry(key.bytes, value, meta);
                self.insert(key, entry);
                let physical = self.physical;
                let table = self.shard(key.shard).table(physical);
                table.and_then(|table| table.find(key.order, key.bytes)).expect("it was just inserted")
            }
        };
        self.object_at(key, slot)
    }

    /// Says that the object behind a key was changed in place: the change is counted, the shard's version raised, and
    /// clients that watch the key are told. The key must still be there.
    #[inline]
    pub fn object_changed(&mut self, key: Key<'_>) {
        self.changed(key, true);
    }

    /// Says that the object behind a key was changed in place, as [`Self::object_changed`] does, and that Valkey would
    /// count this as `times` changes.
    #[inline]
    pub fn object_changed_times(&mut self, key: Key<'_>, times: usize) {
        self.local.counters.changes += times as u64;
        self.touch_watchers(key, true);
    }

    /// Removes at most `want` fields of a hash whose TTL has passed and logs that they went; with the last field the
    /// key goes. Clients that watch the key are told. No change that counts, as for keys. Returns fields removed.
    pub(crate) fn drop_expired_fields(&mut self, key: Key<'_>, slot: Slot, want: usize) -> usize {
        let (physical, now_ms) = (self.physical, self.now_ms);
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        let shard = self.locked.shard(self.keyspace, key.shard);
        shard.retain_clone_for_snapshot(physical, slot, epoch, &mut self.local.heap);
        let Some(Object::Hash(hash)) = shard.table_mut(physical).object_mut(slot) else { return 0 };
        let was_at_ms = hash.next_expiry_at_ms();
        let gone = hash.take_expired(now_ms, want);
        let (at_ms, is_empty) = (hash.next_expiry_at_ms(), hash.is_empty());
        let noted = self.local.events.len();
        if !gone.is_empty() {
            self.local.counters.expired_fields += gone.len() as u64;
            let words = [&b"HDEL"[..], key.bytes].into_iter().chain(gone.iter().map(|field| &field[..]));
            let words: Vec<&[u8]> = words.collect();
            self.local.effects.push(u32::from(self.db), &words);
            self.touch_watchers(key, !is_empty);
            self.notify(Class::HASH, "hexpired", key.bytes);
        }
        self.due_changed(key, was_at_ms, at_ms);
        if is_empty {
            self.remove_uncounted(key, slot);
            self.notify(Class::GENERIC, "del", key.bytes);
        }
        self.local.events.disown(noted);
        gone.len()
    }

    /// As [`Self::object_changed_times`], but clients that watch the key are not told: so it is with consumer groups.
    #[inline]
    pub fn object_changed_unwatched(&mut self, key: Key<'_>, times: usize) {
        self.local.counters.changes += times as u64;
        self.shard(key.shard).version += 1;
    }

    /// Moves a value, with its TTL and access mark, to another key and database, replacing what is there. Both keys'
    /// shards are held. Returns `false` when the source is missing.
    pub fn rename(&mut self, from: Key<'_>, to_db: u16, to: Key<'_>) -> bool {
        let Some(slot) = self.live_slot(from) else { return false };
        let (db, physical) = (self.db, self.physical);
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        let shard = self.locked.shard(self.keyspace, from.shard);
        shard.retain_clone_for_snapshot(physical, slot, epoch, &mut self.local.heap);
        let entry = shard.table_mut(physical).remove(slot);
        let awaited = if shard.waiting != 0 { Kind::of_entry(entry.view()) } else { None };
        self.keyspace.counters(physical).keys.fetch_sub(1, Ordering::Relaxed);
        self.count_volatile(-i64::from(entry.view().is_volatile()));
        self.count_volatile_items(&entry, -1);
        self.changed(from, false);
        let entry = self.local.heap.with_key(entry, to.bytes, (epoch & 3) as u8);
        self.select(to_db);
        if let Some(slot) = self.live_slot(to) {
            self.remove_slot(to, slot);
        }
        self.insert(to, entry);
        self.changed(to, true);
        self.select(db);
        if let Some(kind) = awaited {
            self.note_ready(from, kind, true);
        }
        true
    }

    /// Takes all keys of a physical database out of every shard. Under the gate. The tables are freed by the caller.
    pub fn take_database(&mut self, physical: u16) -> Detached {
        assert!(self.is_gate(), "a whole database changes under the gate");
        if self.keyspace.counters(physical).keys.load(Ordering::Relaxed) == 0 {
            self.local.counters.changes += 1;
            return Detached { tables: Vec::new(), keys: 0 };
        }
        let mut tables = Vec::new();
        let logical = self.keyspace.logical(physical);
        let epoch = self.keyspace.epoch.load(Ordering::Relaxed);
        for number in 0..self.keyspace.shard_count() {
            let shard = self.locked.shard(self.keyspace, number);
            if let Some(cold) = &mut shard.cold {
                cold.s3.retain(|(db, _)| *db != physical);
            }
            let watched = shard.cold.as_ref().map(|c| c.watches.keys(logical)).unwrap_or_default();
            for name in watched {
                let key = self.keyspace.hasher.place(&name);
                let there = shard.table(physical).is_some_and(|t| t.get(key.order, key.bytes).is_some());
                if let (true, Some(cold)) = (there, &mut shard.cold) {
                    cold.watches.touch(logical, &name, false);
                }
            }
            shard.version += 1;
            self.note_emptied(number, logical, physical);
            let shard = self.locked.shard(self.keyspace, number);
            if let Some(mut table) = shard.take_table(physical) {
                shard.retain_table_for_snapshot(physical, &mut table, epoch);
                tables.push(table);
            }
            self.locked.release();
        }
        let counters = self.keyspace.counters(physical);
        let keys = counters.keys.swap(0, Ordering::Relaxed).max(0) as u64;
        counters.volatile.store(0, Ordering::Relaxed);
        counters.volatile_items.store(0, Ordering::Relaxed);
        self.local.counters.changes += keys.max(1);
        Detached { tables, keys }
    }
}

/// Tables that left the keyspace.
pub struct Detached {
    tables: Vec<structures::table::Table>,
    /// Keys in them.
    pub keys: u64,
}

impl Detached {
    /// Frees everything through `heap`; from any thread. O(keys).
    pub fn free(mut self, heap: &mut Heap) {
        for table in &mut self.tables {
            table.clear(heap);
        }
    }

    /// Joins another set.
    pub fn extend(&mut self, other: Detached) {
        self.keys += other.keys;
        self.tables.extend(other.tables);
    }
}

#[cfg(test)]
mod tests;
