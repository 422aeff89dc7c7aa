//! Keys that clients watch (`WATCH`), per shard.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A client's mark: set when a key it watches changed.
pub type Dirty = Arc<AtomicBool>;

/// One client's watch of one key.
struct Watcher {
    client: u64,
    dirty: Dirty,
    /// The key had expired when the watch began: its removal is no change.
    was_expired: bool,
}

/// The watched keys of one shard, by logical database (a watch stays where it is when databases swap).
#[derive(Default)]
pub struct Watches {
    databases: HashMap<u16, HashMap<Box<[u8]>, Vec<Watcher>>>,
}

impl Watches {
    fn add(&mut self, db: u16, key: &[u8], watcher: Watcher) {
        self.databases.entry(db).or_default().entry(key.into()).or_default().push(watcher);
    }

    fn remove(&mut self, db: u16, key: &[u8], client: u64) -> Option<Watcher> {
        let keys = self.databases.get_mut(&db)?;
        let watchers = keys.get_mut(key)?;
        let at = watchers.iter().position(|w| w.client == client)?;
        let removed = watchers.swap_remove(at);
        if watchers.is_empty() {
            keys.remove(key);
        }
        Some(removed)
    }

    /// The key changed; `exists` says whether it is there afterwards.
    pub(crate) fn touch(&mut self, db: u16, key: &[u8], exists: bool) {
        for watcher in self.databases.get_mut(&db).and_then(|keys| keys.get_mut(key)).into_iter().flatten() {
            if watcher.was_expired && !exists {
                watcher.was_expired = false;
            } else {
                watcher.dirty.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Databases were exchanged: the key `was_there` before, and is now there, gone, or `stale` (its TTL has passed).
    /// One stale key for another, or for none, is no change that anybody can see.
    pub(crate) fn touch_swapped(
        &mut self,
        db: u16,
        key: &[u8],
        was_there: bool,
        is_there: bool,
        stale: bool,
    ) {
        for watcher in self.databases.get_mut(&db).and_then(|keys| keys.get_mut(key)).into_iter().flatten() {
            if watcher.was_expired && !is_there {
                watcher.was_expired = false;
            } else if stale && (watcher.was_expired || !was_there) {
                watcher.was_expired = true;
            } else {
                watcher.dirty.store(true, Ordering::Relaxed);
            }
        }
    }

    /// The watched keys of a database.
    pub(crate) fn keys(&self, db: u16) -> Vec<Vec<u8>> {
        self.databases.get(&db).into_iter().flat_map(|keys| keys.keys()).map(|k| k.to_vec()).collect()
    }
}

impl crate::Space<'_> {
    /// `WATCH`: `client` is told through `dirty` when the key changes.
    pub fn watch(&mut self, key: crate::Key<'_>, client: u64, dirty: &Dirty) {
        let db = self.db();
        let was_expired = self.is_expired(key);
        self.keyspace.watchers.fetch_add(1, Ordering::Relaxed);
        let watcher = Watcher { client, dirty: dirty.clone(), was_expired };
        self.shard(key.shard).cold_mut().watches.add(db, key.bytes, watcher);
    }

    /// Ends a watch made by [`Self::watch`] in database `db`. Returns whether the key has expired
    /// since: that is a change too, though nobody has removed it yet.
    pub fn unwatch(&mut self, key: crate::Key<'_>, db: u16, client: u64) -> bool {
        self.keyspace.watchers.fetch_sub(1, Ordering::Relaxed);
        let now_ms = self.now_ms;
        let physical = self.keyspace.physical(db);
        let shard = self.shard(key.shard);
        let watcher = shard.cold.as_mut().and_then(|cold| cold.watches.remove(db, key.bytes, client));
        let expired = shard
            .table(physical)
            .and_then(|table| table.get(key.order, key.bytes)?.expire_at_ms())
            .is_some_and(|at| at < now_ms);
        expired && watcher.is_some_and(|w| !w.was_expired)
    }

    /// `SWAPDB` (after the exchange) of two databases: whoever watches a key that either of them has is told.
    /// Under the gate.
    pub fn touch_swapped(&mut self, a: u16, b: u16) {
        if self.keyspace.watchers.load(Ordering::Relaxed) == 0 {
            return;
        }
        let (hasher, now_ms) = (self.keyspace.hasher, self.now_ms);
        let (physical_a, physical_b) = (self.keyspace.physical(a), self.keyspace.physical(b));
        for number in 0..self.keyspace.shard_count() {
            let shard = self.shard(number);
            for (db, was, is) in [(a, physical_b, physical_a), (b, physical_a, physical_b)] {
                let watched = shard.cold.as_ref().map(|c| c.watches.keys(db)).unwrap_or_default();
                for name in watched {
                    let key = hasher.place(&name);
                    let find =
                        |physical: u16| shard.table(physical).and_then(|t| t.get(key.order, key.bytes));
                    let (was_there, there) = (find(was).is_some(), find(is));
                    let live = there.is_some_and(|e| e.expire_at_ms().is_none_or(|at| at >= now_ms));
                    let there_is = there.is_some();
                    let stale = there_is && !live;
                    if (was_there || there_is)
                        && let Some(cold) = &mut shard.cold
                    {
                        cold.watches.touch_swapped(db, &name, was_there, there_is, stale);
                    }
                }
            }
            self.leave();
        }
    }
}
