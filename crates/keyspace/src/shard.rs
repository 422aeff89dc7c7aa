//! Shards, their locks, and sets of locked shards.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use smallvec::SmallVec;
use structures::lock::{Guard, TryMutex, Waiting};
use structures::slab::Heap;
use structures::table::{Table, WalkCursor};

use crate::blocked::{Blocked, Queues};
use crate::evict::S3Fifo;
use crate::key::{Key, KeyHasher};
use crate::snapshot::SnapshotState;
use crate::track::{Tracked, TrackedCounts};
use crate::watch::Watches;

/// The keys of one hash range or slot, in all databases. Database 0 comes first: see `structures::table::Table`.
#[repr(C)]
pub struct Shard {
    /// Database 0, in place: most keys of most users live there.
    first: Table,
    /// The other databases, made when first written.
    others: Vec<Option<Box<Table>>>,
    /// Bumped by every change of a key; lets long readers notice writers.
    pub version: u64,
    /// Lower bound of the earliest expiry in any table, Unix ms.
    pub(crate) next_expiry_at_ms: i64,
    pub(crate) cold: Option<Box<Cold>>,
    number: u32,
    /// Places of waiting clients in the queues of its keys.
    pub(crate) waiting: u32,
}

/// What few shards have at a time.
#[derive(Default)]
pub(crate) struct Cold {
    pub(crate) watches: Watches,
    pub(crate) tracked: Tracked,
    pub(crate) queues: Queues,
    pub(crate) snapshot: SnapshotState,
    pub(crate) expire_cursor: WalkCursor,
    pub(crate) expire_db: u16,
    /// The pass under way removed something.
    pub(crate) expire_found: bool,
    pub(crate) s3: Vec<(u16, S3Fifo)>,
}

impl Shard {
    pub(crate) fn new(number: u32) -> Self {
        Shard {
            first: Table::new(number),
            others: Vec::new(),
            version: 0,
            next_expiry_at_ms: i64::MAX,
            cold: None,
            number,
            waiting: 0,
        }
    }

    /// The table of a physical database, if it has been written.
    #[inline(always)]
    pub fn table(&self, db: u16) -> Option<&Table> {
        if db == 0 { Some(&self.first) } else { self.others.get(usize::from(db) - 1)?.as_deref() }
    }

    /// The table of a physical database, made when missing.
    #[inline(always)]
    pub fn table_mut(&mut self, db: u16) -> &mut Table {
        if db == 0 { &mut self.first } else { self.other_mut(db) }
    }

    #[inline(never)]
    fn other_mut(&mut self, db: u16) -> &mut Table {
        let at = usize::from(db) - 1;
        if self.others.len() <= at {
            self.others.resize_with(at + 1, || None);
        }
        let number = self.number;
        self.others[at].get_or_insert_with(|| Box::new(Table::new(number)))
    }

    /// Takes a database's table away, leaving an empty one.
    pub(crate) fn take_table(&mut self, db: u16) -> Option<Table> {
        if db == 0 {
            (!self.first.is_empty()).then(|| std::mem::replace(&mut self.first, Table::new(self.number)))
        } else {
            self.others.get_mut(usize::from(db) - 1)?.take().map(|t| *t)
        }
    }

    /// Gives back the memory of a database's table when it has no key any more. Writers leave it: the next key comes.
    pub(crate) fn release_empty(&mut self, db: u16) {
        if db == 0 {
            if self.first.is_empty() {
                self.first = Table::new(self.number);
            }
        } else if let Some(other) = self.others.get_mut(usize::from(db) - 1) {
            other.take_if(|table| table.is_empty());
        }
    }

    /// Physical databases that may have keys.
    pub fn databases(&self) -> u16 {
        self.others.len() as u16 + 1
    }

    pub(crate) fn cold_mut(&mut self) -> &mut Cold {
        self.cold.get_or_insert_default()
    }

    /// Bytes of tables, entries not included.
    pub fn table_bytes(&self) -> usize {
        self.first.memory_bytes() + self.others.iter().flatten().map(|t| t.memory_bytes()).sum::<usize>()
    }
}

/// Keys and volatile keys of one database.
#[derive(Default)]
pub struct DbCounters {
    /// Keys.
    pub keys: AtomicI64,
    /// Keys with a TTL.
    pub volatile: AtomicI64,
    /// Keys in whose value something has a TTL of its own: hashes with such fields.
    pub volatile_items: AtomicI64,
}

/// How a keyspace is made.
#[derive(Clone, Copy, Debug)]
pub struct KeyspaceOptions {
    /// Places keys.
    pub hasher: KeyHasher,
    /// Logical databases.
    pub databases: u16,
}

#[repr(align(128))]
struct Padded<T>(T);

/// All shards, shared by all threads.
pub struct Keyspace {
    shards: Box<[Padded<TryMutex<Shard>>]>,
    /// Places keys.
    pub hasher: KeyHasher,
    /// Counters per physical database.
    counters: Box<[DbCounters]>,
    /// Logical to physical database: `SWAPDB` exchanges two of these. Changed under the gate only.
    physical: Box<[AtomicU8]>,
    /// Snapshot epoch, full width; entries carry its low two bits.
    pub(crate) epoch: AtomicU64,
    /// Whether any client watches or tracks keys: lets a write skip the look into the shard's watches. One for each
    /// watch, each remembered key, each client that wants to hear of all keys with some beginning.
    pub watchers: AtomicI64,
    /// Keys that clients have read and want to hear of.
    pub tracked: TrackedCounts,
    /// Clients that wait for keys.
    pub blocked: Blocked,
    /// Where commands that were set aside run.
    pub(crate) aside: OnceLock<Box<Keyspace>>,
}

impl Keyspace {
    /// An empty keyspace. At most 256 databases share the byte-wide map.
    pub fn new(options: KeyspaceOptions) -> Self {
        let shards = (0..options.hasher.shards()).map(|n| Padded(TryMutex::new(Shard::new(n)))).collect();
        Keyspace { shards, ..Keyspace::without_shards(options.hasher, options.databases) }
    }

    /// A keyspace to whose shards there are no locks: a unit brings its own ([`Locked::own`]).
    pub(crate) fn without_shards(hasher: KeyHasher, databases: u16) -> Self {
        Keyspace {
            shards: Box::default(),
            hasher,
            counters: (0..databases).map(|_| DbCounters::default()).collect(),
            physical: (0..databases).map(|n| AtomicU8::new(n as u8)).collect(),
            epoch: AtomicU64::new(0),
            watchers: AtomicI64::new(0),
            tracked: TrackedCounts::default(),
            blocked: Blocked::default(),
            aside: OnceLock::new(),
        }
    }

    /// Number of shards.
    pub fn shard_count(&self) -> u32 {
        self.shards.len() as u32
    }

    /// Number of logical databases.
    pub fn databases(&self) -> u16 {
        self.counters.len() as u16
    }

    /// The physical database behind a logical one.
    #[inline(always)]
    pub fn physical(&self, db: u16) -> u16 {
        u16::from(self.physical[usize::from(db)].load(Ordering::Relaxed))
    }

    /// The logical database that shows a physical one. O(databases).
    pub fn logical(&self, physical: u16) -> u16 {
        (0..self.databases()).find(|&db| self.physical(db) == physical).unwrap_or(physical)
    }

    /// `SWAPDB`: exchanges two databases in O(1). Under the gate.
    pub fn swap_databases(&self, a: u16, b: u16) {
        let (pa, pb) = (&self.physical[usize::from(a)], &self.physical[usize::from(b)]);
        let was = pa.load(Ordering::Relaxed);
        pa.store(pb.load(Ordering::Relaxed), Ordering::Relaxed);
        pb.store(was, Ordering::Relaxed);
    }

    /// Counters of a physical database.
    #[inline(always)]
    pub fn counters(&self, physical: u16) -> &DbCounters {
        &self.counters[usize::from(physical)]
    }

    /// Keys in a logical database, expired ones that nobody has removed yet included.
    pub fn len(&self, db: u16) -> usize {
        self.counters(self.physical(db)).keys.load(Ordering::Relaxed).max(0) as usize
    }

    /// Whether no database has a key.
    pub fn is_empty(&self) -> bool {
        (0..self.databases()).all(|db| self.len(db) == 0)
    }

    /// A shard's lock.
    #[inline(always)]
    pub fn shard(&self, number: u32) -> &TryMutex<Shard> {
        &self.shards[number as usize].0
    }

    /// Bytes of the shards' own array.
    pub fn fixed_bytes(&self) -> usize {
        self.shards.len() * size_of::<Padded<TryMutex<Shard>>>()
    }

    /// Locks one shard, if it is free.
    #[inline(always)]
    pub fn lock_shard(&self, number: u32) -> Option<Locked<'_>> {
        let mut locked = Locked::none();
        locked.guards.push((number, self.shard(number).spin_lock()?));
        Some(locked)
    }

    /// Locks shards given in ascending order. On a busy one nothing stays locked and its number returns.
    pub fn lock_shards(&self, numbers: &[u32]) -> Result<Locked<'_>, u32> {
        debug_assert!(numbers.is_sorted_by(|a, b| a < b), "locks are taken in one order");
        let mut locked = Locked::none();
        for &n in numbers {
            locked.guards.push((n, self.shard(n).spin_lock().ok_or(n)?));
        }
        Ok(locked)
    }

    /// Locks the shards of `keys`, in ascending order. On a busy shard nothing stays locked and its number returns.
    #[inline]
    pub fn lock(&self, keys: &[Key<'_>]) -> Result<Locked<'_>, u32> {
        let mut locked = Locked::none();
        match keys {
            [] => {}
            [one] => locked.guards.push((one.shard, self.shard(one.shard).spin_lock().ok_or(one.shard)?)),
            many => {
                let mut numbers: SmallVec<[u32; 16]> = many.iter().map(|k| k.shard).collect();
                numbers.sort_unstable();
                numbers.dedup();
                for n in numbers {
                    locked.guards.push((n, self.shard(n).spin_lock().ok_or(n)?));
                }
            }
        }
        Ok(locked)
    }

    /// Asks for the memory of several keys at once, so that their cache misses overlap. Their shards are held.
    pub fn prefetch(&self, locked: &mut Locked<'_>, physical: u16, keys: &[Key<'_>]) {
        use sys::thread::prefetch_addr;
        for key in keys {
            if let Some(table) = locked.held(key.shard).and_then(|shard| shard.table(physical)) {
                prefetch_addr(table.bucket_address(key.order));
            }
        }
        for key in keys {
            let table = locked.held(key.shard).and_then(|shard| shard.table(physical));
            if let Some(entry) =
                table.and_then(|table| table.candidate(key.order)).map(|entry| entry.address())
            {
                prefetch_addr(entry);
                prefetch_addr(entry + 64);
            }
        }
    }

    /// Asks for `thread` to be woken when a busy shard comes free.
    pub fn wait_for(&self, shard: u32, thread: u32) -> Waiting {
        self.shard(shard).wait(thread)
    }

    /// Empties the keyspace through `heap`; for shutdown of tests and tools.
    pub fn clear(&self, heap: &mut Heap) {
        for shard in 0..self.shard_count() {
            let mut shard = self.shard(shard).lock_blocking();
            for db in 0..shard.databases() {
                if let Some(mut table) = shard.take_table(db) {
                    table.clear(heap);
                }
            }
        }
        for c in &self.counters {
            c.keys.store(0, Ordering::Relaxed);
            c.volatile.store(0, Ordering::Relaxed);
            c.volatile_items.store(0, Ordering::Relaxed);
        }
    }
}

/// The shards that a unit of work holds.
pub struct Locked<'k> {
    guards: SmallVec<[(u32, Guard<'k, Shard>); 2]>,
    /// Under the gate no other thread runs commands, so any shard may be taken when it is first needed.
    gate: bool,
    /// A shard that belongs to no keyspace, for keys of any shard.
    own: Option<Box<Shard>>,
}

impl<'k> Locked<'k> {
    /// No shard.
    #[inline(always)]
    pub fn none() -> Self {
        Locked { guards: SmallVec::new(), gate: false, own: None }
    }

    /// Every shard, taken when first needed: the caller holds the gate.
    pub fn gate() -> Self {
        Locked { guards: SmallVec::new(), gate: true, own: None }
    }

    /// A shard of the unit's own, which stands for all shards.
    pub(crate) fn own(shard: Box<Shard>) -> Self {
        Locked { guards: SmallVec::new(), gate: false, own: Some(shard) }
    }

    /// The unit's own shard, if it has one.
    pub(crate) fn into_own(mut self) -> Option<Box<Shard>> {
        self.own.take()
    }

    /// Whether the unit runs under the gate.
    pub fn is_gate(&self) -> bool {
        self.gate
    }

    /// Whether no shard is held.
    pub fn is_empty(&self) -> bool {
        self.guards.is_empty()
    }

    /// Whether a client waits for a key of one of the shards.
    #[inline(always)]
    pub fn is_waited_for(&self) -> bool {
        self.guards.iter().any(|(_, shard)| shard.waiting != 0)
    }

    /// The shards held, ascending outside the gate.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.guards.iter().map(|(n, _)| *n)
    }

    /// Whether a shard is held, or can be taken at any time.
    pub fn holds(&self, shard: u32) -> bool {
        self.gate || self.held(shard).is_some()
    }

    /// Adds a shard, in whatever order, if it is free at this moment. Nothing is waited for.
    pub fn also_lock(&mut self, keyspace: &'k Keyspace, shard: u32) -> bool {
        if self.gate {
            return true;
        }
        let Err(at) = self.guards.binary_search_by_key(&shard, |(n, _)| *n) else { return true };
        let Some(guard) = keyspace.shard(shard).spin_lock() else { return false };
        self.guards.insert(at, (shard, guard));
        true
    }

    /// A shard of the set.
    pub(crate) fn held(&self, shard: u32) -> Option<&Shard> {
        let at = self.guards.binary_search_by_key(&shard, |(n, _)| *n).ok()?;
        Some(&self.guards[at].1)
    }

    /// Lets go of all shards.
    pub fn release(&mut self) {
        self.guards.clear();
    }

    /// Adds a shard if it is free and the unit holds none (so that no order of locks is broken) or has the gate.
    pub(crate) fn enter(&mut self, keyspace: &'k Keyspace, shard: u32) -> bool {
        if self.guards.iter().any(|(n, _)| *n == shard) {
            return true;
        }
        assert!(self.gate || self.guards.is_empty(), "a shard beside locked ones needs the gate");
        match keyspace.shard(shard).spin_lock() {
            Some(guard) => {
                self.guards.push((shard, guard));
                true
            }
            None => false,
        }
    }

    #[inline(always)]
    pub(crate) fn shard(&mut self, keyspace: &'k Keyspace, shard: u32) -> &mut Shard {
        if let [(n, _), ..] = self.guards.as_slice()
            && *n == shard
        {
            return &mut self.guards[0].1;
        }
        self.shard_slow(keyspace, shard)
    }

    #[inline(never)]
    fn shard_slow(&mut self, keyspace: &'k Keyspace, shard: u32) -> &mut Shard {
        if let Some(own) = &mut self.own {
            return own;
        }
        let at = if self.gate {
            match self.guards.iter().position(|(n, _)| *n == shard) {
                Some(at) => at,
                None => {
                    // Background work (expiry) may hold it for microseconds; it never waits for the gate with a lock.
                    self.guards.push((shard, keyspace.shard(shard).lock_blocking()));
                    self.guards.len() - 1
                }
            }
        } else {
            self.guards
                .binary_search_by_key(&shard, |(n, _)| *n)
                .expect("a handler used a key its spec does not name")
        };
        &mut self.guards[at].1
    }
}

impl Drop for Locked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // A panic while shards are held may have left them half changed: that must not be served or spread.
        if !self.guards.is_empty() && std::thread::panicking() {
            abort_inside_lock();
        }
    }
}

#[cold]
fn abort_inside_lock() -> ! {
    eprintln!("panic while a shard was locked: its keys may be half changed, so the node stops");
    std::process::abort();
}
