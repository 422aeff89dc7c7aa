//! Eviction: which key goes when memory is short, and how reads mark keys for that choice.
//!
//! LRU, LFU and TTL policies take the best of a few samples into a pool that lives on between calls, as Valkey does
//! (`evict.c` explains why the pool helps). `allkeys-s3fifo` keeps three queues per shard (Yang et al., "FIFO queues
//! are all you need for cache eviction", SOSP 2023): new keys enter a small one, those asked for again move to the
//! main one, and the names of evicted ones are remembered for a while.

use std::collections::{HashSet, VecDeque};

use structures::entry::EntryRef;
use structures::table::{Table, WalkCursor};

use crate::Key;
use crate::notify::Class;
use crate::shard::{Keyspace, Locked, Shard};
use crate::space::{Local, Space};

/// The policy's choice of victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Nothing is evicted: commands that need memory fail.
    NoEviction,
    /// The least recently used key.
    Lru {
        /// Among keys with a TTL only.
        volatile: bool,
    },
    /// The least frequently used key.
    Lfu {
        /// Among keys with a TTL only.
        volatile: bool,
    },
    /// Any key.
    Random {
        /// Among keys with a TTL only.
        volatile: bool,
    },
    /// The key that expires first.
    VolatileTtl,
    /// By S3-FIFO's queues.
    S3Fifo,
}

impl Policy {
    /// The policy named as in `maxmemory-policy`.
    pub fn from_name(name: &str) -> Option<Policy> {
        Some(match name {
            "noeviction" => Policy::NoEviction,
            "allkeys-lru" => Policy::Lru { volatile: false },
            "volatile-lru" => Policy::Lru { volatile: true },
            "allkeys-lfu" => Policy::Lfu { volatile: false },
            "volatile-lfu" => Policy::Lfu { volatile: true },
            "allkeys-random" => Policy::Random { volatile: false },
            "volatile-random" => Policy::Random { volatile: true },
            "volatile-ttl" => Policy::VolatileTtl,
            "allkeys-s3fifo" => Policy::S3Fifo,
            _ => return None,
        })
    }

    fn volatile_only(self) -> bool {
        matches!(
            self,
            Policy::Lru { volatile: true }
                | Policy::Lfu { volatile: true }
                | Policy::Random { volatile: true }
                | Policy::VolatileTtl
        )
    }
}

/// How an access marks an entry's 24-bit field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Leave it alone (background work).
    None,
    /// Seconds, modulo 2^24.
    Lru {
        /// The present second.
        clock: u32,
    },
    /// Sixteen bits of minutes and an 8-bit logarithmic counter.
    Lfu {
        /// The present minute, 16 bits.
        minute: u16,
        /// `lfu-log-factor`.
        log_factor: u32,
        /// `lfu-decay-time`, minutes.
        decay_minutes: u32,
        /// Random bits, new for each batch.
        random: u32,
    },
    /// S3-FIFO's 2-bit frequency, and seconds as for LRU.
    S3 {
        /// The present second.
        clock: u32,
    },
}

/// Counter of a new key under LFU.
const LFU_INIT: u32 = 5;

impl Access {
    /// The LRU clock of an instant.
    pub fn lru_clock(now_ms: i64) -> u32 {
        (now_ms / 1000) as u32 & 0xff_ffff
    }

    /// The LFU minute of an instant.
    pub fn lfu_minute(now_ms: i64) -> u16 {
        (now_ms / 60_000) as u16
    }

    pub(crate) fn is_s3(self) -> bool {
        matches!(self, Access::S3 { .. })
    }

    /// Marks an entry as used now.
    #[inline(always)]
    pub(crate) fn mark(self, entry: EntryRef<'_>) {
        match self {
            Access::None => {}
            Access::Lru { clock } => entry.set_access(clock),
            Access::S3 { clock } => {
                entry.set_access(clock);
                entry.set_frequency((entry.frequency() + 1).min(3));
            }
            Access::Lfu { minute, log_factor, decay_minutes, random } => {
                let counter = decayed(entry.access(), minute, decay_minutes);
                let mixed = (entry.key().as_ptr().addr() as u32).wrapping_mul(0x9e37_79b9) ^ random;
                let mixed = mixed.wrapping_mul(0x85eb_ca6b) >> 8;
                // Probability 1 / ((counter - init) * factor + 1), as in Valkey's LFULogIncr.
                let divisor = u64::from(counter.saturating_sub(LFU_INIT)) * u64::from(log_factor) + 1;
                let grows = counter < 255 && u64::from(mixed) * divisor < 1 << 24;
                entry.set_access(u32::from(minute) << 8 | (counter + u32::from(grows)));
            }
        }
    }

    /// The field of a new key.
    #[inline(always)]
    pub(crate) fn fresh(self) -> u32 {
        match self {
            Access::None => 0,
            Access::Lru { clock } | Access::S3 { clock } => clock,
            Access::Lfu { minute, .. } => u32::from(minute) << 8 | LFU_INIT,
        }
    }

    /// The field of a key that is overwritten: a frequency survives, a time does not.
    #[inline(always)]
    pub(crate) fn inherited(self, was: u32) -> u32 {
        match self {
            Access::Lfu { .. } => was,
            _ => self.fresh(),
        }
    }
}

/// An LFU counter as it stands now.
pub fn decayed(access: u32, minute: u16, decay_minutes: u32) -> u32 {
    let counter = access & 0xff;
    let elapsed = u32::from(minute.wrapping_sub((access >> 8) as u16));
    match elapsed.checked_div(decay_minutes) {
        Some(periods) => counter.saturating_sub(periods),
        None => counter,
    }
}

/// Seconds since an entry's LRU mark.
pub fn idle_seconds(access: u32, now_ms: i64) -> u32 {
    Access::lru_clock(now_ms).wrapping_sub(access) & 0xff_ffff
}

const POOL: usize = 16;
/// Rounds of sampling before eviction gives up; others may hold the shards.
const ATTEMPTS: u32 = 8;

struct Candidate {
    score: u64,
    physical: u16,
    key: Vec<u8>,
}

/// One thread's memory of good candidates.
#[derive(Default)]
pub struct Evictor {
    pool: Vec<Candidate>,
}

/// The parameters of eviction.
#[derive(Clone, Copy, Debug)]
pub struct EvictOptions {
    /// Who goes.
    pub policy: Policy,
    /// `maxmemory-samples`.
    pub samples: usize,
    /// `lfu-decay-time`.
    pub lfu_decay_minutes: u32,
}

impl Evictor {
    /// Evicts one key. `false` when there is none to evict. `commit` logs it before its shard is released.
    pub fn evict_one(
        &mut self,
        keyspace: &'static Keyspace,
        local: &mut Local,
        options: EvictOptions,
        now_ms: i64,
        random: &mut impl FnMut() -> u64,
        mut commit: impl FnMut(&mut Local),
    ) -> bool {
        if options.policy == Policy::NoEviction {
            return false;
        }
        if options.policy == Policy::S3Fifo {
            return evict_s3(keyspace, local, now_ms, random, commit);
        }
        for attempt in 0..ATTEMPTS {
            // Volatile keys may be rare among the others: the last attempt looks until it finds one.
            let buckets = if attempt + 1 == ATTEMPTS { u32::MAX } else { 64 };
            self.fill(keyspace, options, buckets, now_ms, random);
            while let Some(victim) = self.pool.pop() {
                let place = keyspace.hasher.place(&victim.key);
                let Ok(locked) = keyspace.lock(&[place]) else { continue };
                let db = keyspace.logical(victim.physical);
                let mut space = Space::new(keyspace, local, locked, db, now_ms, Access::None);
                let found = space.shard(place.shard).table(victim.physical).and_then(|table| {
                    let slot = table.find(place.order, place.bytes)?;
                    (!options.policy.volatile_only() || table.entry(slot).is_volatile()).then_some(slot)
                });
                if let Some(slot) = found {
                    space.drop_key(place, slot, Class::EVICTED, "evicted");
                    space.local.counters.evicted_keys += 1;
                    commit(space.local);
                    // Many shards with a key each: their tables are what the memory went to.
                    space.shard(place.shard).release_empty(victim.physical);
                    return true;
                }
            }
            let left = (0..keyspace.databases()).any(|db| {
                let counters = keyspace.counters(db);
                let count = if options.policy.volatile_only() { &counters.volatile } else { &counters.keys };
                count.load(std::sync::atomic::Ordering::Relaxed) > 0
            });
            if !left {
                return false;
            }
        }
        false
    }

    /// Samples shards until the pool has something.
    fn fill(
        &mut self,
        keyspace: &Keyspace,
        options: EvictOptions,
        buckets: u32,
        now_ms: i64,
        random: &mut impl FnMut() -> u64,
    ) {
        let shards = keyspace.shard_count();
        let start = (random() % u64::from(shards)) as u32;
        let mut sampled = 0;
        for i in 0..shards {
            let Some(shard) = keyspace.shard((start + i) % shards).try_lock() else { continue };
            for physical in 0..shard.databases() {
                let Some(table) = shard.table(physical) else { continue };
                if table.is_empty() || (options.policy.volatile_only() && table.volatile_len() == 0) {
                    continue;
                }
                let mut taken = 0;
                let start = random() as u32;
                let offer = |entry: EntryRef<'_>| {
                    taken += 1;
                    self.offer(score(entry, options, now_ms, random), physical, entry.key());
                };
                if options.policy.volatile_only() {
                    table.sample_volatile(start, options.samples, buckets, offer);
                } else {
                    table.sample(start, options.samples, offer);
                }
                sampled += taken;
            }
            if sampled >= options.samples {
                return;
            }
        }
    }

    fn offer(&mut self, score: u64, physical: u16, key: &[u8]) {
        let at = self.pool.partition_point(|c| c.score < score);
        if self.pool.len() == POOL {
            if at == 0 {
                return;
            }
            self.pool.remove(0);
            self.pool.insert(at - 1, Candidate { score, physical, key: key.to_vec() });
        } else {
            self.pool.insert(at, Candidate { score, physical, key: key.to_vec() });
        }
    }
}

/// The higher, the sooner evicted.
fn score(entry: EntryRef<'_>, options: EvictOptions, now_ms: i64, random: &mut impl FnMut() -> u64) -> u64 {
    match options.policy {
        Policy::Lru { .. } => u64::from(idle_seconds(entry.access(), now_ms)),
        Policy::Lfu { .. } => {
            255 - u64::from(decayed(entry.access(), Access::lfu_minute(now_ms), options.lfu_decay_minutes))
        }
        Policy::VolatileTtl => u64::MAX - entry.expire_at_ms().map_or(u64::MAX, |at| at.max(0) as u64),
        Policy::Random { .. } => random() >> 1,
        Policy::NoEviction | Policy::S3Fifo => 0,
    }
}

/// S3-FIFO's queues over one table: positions in hash order, oldest first. An order whose key is gone is skipped.
#[derive(Default)]
pub struct S3Fifo {
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    ghost: VecDeque<u32>,
    ghosts: HashSet<u32>,
}

impl S3Fifo {
    fn remember(&mut self, order: u32, at_most: usize) {
        if self.ghosts.insert(order) {
            self.ghost.push_back(order);
        }
        while self.ghost.len() > at_most.max(1) {
            if let Some(old) = self.ghost.pop_front() {
                self.ghosts.remove(&old);
            }
        }
    }

    fn add(&mut self, order: u32) {
        if self.ghosts.remove(&order) {
            self.main.push_back(order);
        } else {
            self.small.push_back(order);
        }
    }

    /// The next position to look at, and whether it stood in the small queue, which holds a tenth of `count` keys.
    fn pop(&mut self, count: usize) -> Option<(u32, bool)> {
        if self.small.len() * 10 >= count || self.main.is_empty() {
            self.small.pop_front().map(|order| (order, true))
        } else {
            self.main.pop_front().map(|order| (order, false))
        }
    }

    /// Forgets positions whose keys are gone or that stand twice.
    fn compact(&mut self, table: &Table) {
        let mut seen = HashSet::with_capacity(table.len());
        let mut keeps = |order: &u32| table.first_of_order(*order).is_some() && seen.insert(*order);
        self.main.retain(&mut keeps);
        self.small.retain(&mut keeps);
    }

    /// Lets keys that stand in no queue join the main one, in hash order: those from before the policy was chosen.
    fn adopt(&mut self, table: &Table) {
        let known: HashSet<u32> = self.small.iter().chain(&self.main).copied().collect();
        table.scan_orders(0, usize::MAX, |order, _| {
            if !known.contains(&order) {
                self.main.push_back(order);
            }
        });
    }
}

/// A key was added while S3-FIFO is the policy.
pub(crate) fn note_insert(shard: &mut Shard, physical: u16, order: u32) {
    let keys = shard.table(physical).map_or(0, Table::len);
    let queues = queues_mut(shard, physical);
    queues.add(order);
    // Keys that come and go leave their positions behind, since only eviction takes them out.
    if queues.small.len() + queues.main.len() > keys * 2 + 256 {
        with_queues(shard, physical, S3Fifo::compact);
    }
}

fn queues_mut(shard: &mut Shard, physical: u16) -> &mut S3Fifo {
    let all = &mut shard.cold_mut().s3;
    let at = match all.iter().position(|(db, _)| *db == physical) {
        Some(at) => at,
        None => {
            all.push((physical, S3Fifo::default()));
            all.len() - 1
        }
    };
    &mut all[at].1
}

/// Works on a table's queues with the table in sight.
fn with_queues<R>(
    shard: &mut Shard,
    physical: u16,
    work: impl FnOnce(&mut S3Fifo, &Table) -> R,
) -> Option<R> {
    let mut queues = std::mem::take(queues_mut(shard, physical));
    let result = shard.table(physical).map(|table| work(&mut queues, table));
    *queues_mut(shard, physical) = queues;
    result
}

fn evict_s3(
    keyspace: &'static Keyspace,
    local: &mut Local,
    now_ms: i64,
    random: &mut impl FnMut() -> u64,
    mut commit: impl FnMut(&mut Local),
) -> bool {
    let shards = keyspace.shard_count();
    let start = (random() % u64::from(shards)) as u32;
    for i in 0..shards {
        let number = (start + i) % shards;
        let mut locked = Locked::none();
        if !locked.enter(keyspace, number) {
            continue;
        }
        let mut space = Space::new(keyspace, local, locked, 0, now_ms, Access::None);
        for physical in 0..space.shard(number).databases() {
            if let Some(key) = s3_victim(space.shard(number), physical) {
                let place = Key { shard: number, ..keyspace.hasher.place(&key) };
                space.select(keyspace.logical(physical));
                let slot = space.shard(number).table(physical).and_then(|t| t.find(place.order, place.bytes));
                let Some(slot) = slot else { continue };
                space.drop_key(place, slot, Class::EVICTED, "evicted");
                space.local.counters.evicted_keys += 1;
                commit(space.local);
                space.shard(number).release_empty(physical);
                return true;
            }
        }
    }
    false
}

/// Turns a shard's queues until a victim falls out.
fn s3_victim(shard: &mut Shard, physical: u16) -> Option<Vec<u8>> {
    if shard.table(physical)?.is_empty() {
        return None;
    }
    with_queues(shard, physical, s3_turn)?
}

fn s3_turn(queues: &mut S3Fifo, table: &Table) -> Option<Vec<u8>> {
    let count = table.len();
    let mut adopted = false;
    // A key leaves the small queue once and gets at most three rounds in the main one.
    for _ in 0..queues.small.len() + queues.main.len() + count * 8 + 64 {
        let Some((order, was_small)) = queues.pop(count) else {
            if adopted {
                return None;
            }
            queues.adopt(table);
            adopted = true;
            continue;
        };
        let Some(entry) = table.first_of_order(order) else { continue };
        let frequency = entry.frequency();
        if frequency > 0 {
            // A small-queue key that was asked for moves up; a main-queue key gets another round.
            entry.set_frequency(if was_small { 0 } else { frequency - 1 });
            queues.main.push_back(order);
            continue;
        }
        if was_small {
            queues.remember(order, count);
        }
        return Some(entry.key().to_vec());
    }
    None
}

/// Where a defragmentation pass stands; see [`Table::relocate_sparse`](structures::table::Table::relocate_sparse).
#[derive(Debug, Default)]
pub struct Relocation {
    shard: u32,
    db: u16,
    cursor: WalkCursor,
}

impl Relocation {
    /// Moves entries out of this thread's sparse pages, looking at up to `buckets` buckets. `true` after a full pass.
    pub fn run(&mut self, keyspace: &Keyspace, local: &mut Local, mut buckets: u32) -> bool {
        while buckets > 0 {
            if self.shard >= keyspace.shard_count() {
                *self = Relocation::default();
                return true;
            }
            let Some(mut shard) = keyspace.shard(self.shard).try_lock() else {
                self.shard += 1;
                continue;
            };
            let mut slice = buckets.min(64);
            let before = slice;
            if shard.table(self.db).is_some() {
                shard.table_mut(self.db).relocate_sparse(&mut self.cursor, &mut local.heap, &mut slice);
            }
            buckets -= (before - slice).max(1);
            if self.cursor == WalkCursor::default() {
                self.db += 1;
                if self.db >= shard.databases() {
                    self.db = 0;
                    self.shard += 1;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
