//! Keys that clients keep copies of (client-side caching), per shard, and what is to be told of them.
//!
//! A client that asked for it is *remembered* with every key that it reads, under the key's lock. Who changes the key
//! takes those clients out again and notes them; the node tells them while the unit still holds its locks. Databases do
//! not count: a key is its name. Clients are numbers, never used twice, so those of clients that are gone may stay.
//!
//! Other clients want to hear of all keys with some beginning. Each thread knows these beginnings ([`Broadcasts`]) and
//! collects the keys that it changed until the node sends them.
//!
//! Nobody tracks as a rule: a change then costs the one look at [`Keyspace::watchers`] that it costs anyway.
//!
//! What clients see: <https://valkey.io/topics/client-side-caching/>.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use smallvec::SmallVec;

use crate::key::Key;
use crate::notify::Note;
use crate::shard::Keyspace;
use crate::space::{Local, Space};

/// Clients by number, ascending.
pub type Readers = SmallVec<[u64; 2]>;

/// The remembered keys of one shard.
#[derive(Default)]
pub(crate) struct Tracked {
    keys: HashMap<Box<[u8]>, Readers>,
}

/// How much is remembered in all shards together.
#[derive(Default)]
pub struct TrackedCounts {
    /// Keys.
    pub keys: AtomicI64,
    /// Clients, once for each key.
    pub items: AtomicI64,
}

/// A key that changed, and who is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its name.
    pub key: Box<[u8]>,
    /// Clients that have read it.
    pub readers: Readers,
    /// It has a beginning that somebody wants to hear of.
    pub broadcast: bool,
    /// Its TTL passed, or memory was short: no client changed it.
    pub on_its_own: bool,
}

/// A thread's part in telling clients of all keys with some beginning.
#[derive(Default)]
pub struct Broadcasts {
    /// The beginnings that somebody wants to hear of; perhaps some that nobody does any more.
    pub prefixes: Arc<[Box<[u8]>]>,
    /// Changed keys that were not told yet, each with the client that changed it last; 0: none did.
    pub changed: BTreeMap<Box<[u8]>, u64>,
}

impl Broadcasts {
    fn concern(&self, key: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }
}

impl Tracked {
    fn take(&mut self, key: &[u8], keyspace: &Keyspace) -> Readers {
        if self.keys.is_empty() {
            return Readers::new();
        }
        let readers = self.keys.remove(key).unwrap_or_default();
        if !readers.is_empty() {
            keyspace.forgot(1, readers.len());
        }
        if self.keys.is_empty() {
            self.keys = HashMap::new();
        }
        readers
    }
}

impl Keyspace {
    fn forgot(&self, keys: usize, items: usize) {
        self.tracked.keys.fetch_sub(keys as i64, Ordering::Relaxed);
        self.tracked.items.fetch_sub(items as i64, Ordering::Relaxed);
        self.watchers.fetch_sub(keys as i64, Ordering::Relaxed);
    }

    /// Forgets one remembered key, whichever, and notes that its readers are to be told. `tell` does so before the
    /// shard is let go of. `false` when no shard that is free has one. O(shards).
    pub fn forget_one_tracked(
        &'static self,
        local: &mut Local,
        random: u64,
        tell: impl FnOnce(&mut Local),
    ) -> bool {
        let count = self.shard_count();
        let start = (random % u64::from(count)) as u32;
        for number in (start..count).chain(0..start) {
            let Some(mut shard) = self.shard(number).try_lock() else { continue };
            let Some(tracked) = shard.cold.as_mut().map(|cold| &mut cold.tracked) else { continue };
            let at = (random >> 32) as usize % tracked.keys.len().max(1);
            let Some(key) = tracked.keys.keys().nth(at).cloned() else { continue };
            let readers = tracked.take(&key, self);
            local.events.add(Note::Changed(Changed { key, readers, broadcast: false, on_its_own: true }));
            tell(local);
            return true;
        }
        false
    }
}

impl Space<'_> {
    /// Remembers that a client has read a key, there or not, whose shard is held. O(log(its readers)).
    pub fn track(&mut self, key: Key<'_>, client: u64) {
        let keyspace = self.keyspace;
        let tracked = &mut self.shard(key.shard).cold_mut().tracked;
        let readers = match tracked.keys.get_mut(key.bytes) {
            Some(readers) => readers,
            None => {
                keyspace.tracked.keys.fetch_add(1, Ordering::Relaxed);
                keyspace.watchers.fetch_add(1, Ordering::Relaxed);
                tracked.keys.entry(key.bytes.into()).or_default()
            }
        };
        if let Err(at) = readers.binary_search(&client) {
            readers.insert(at, client);
            keyspace.tracked.items.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A key changed while somebody watches or tracks keys.
    #[cold]
    pub(crate) fn tell_watchers(&mut self, key: Key<'_>, exists: bool) {
        let (db, keyspace) = (self.db(), self.keyspace);
        let mut readers = Readers::new();
        if let Some(cold) = &mut self.shard(key.shard).cold {
            cold.watches.touch(db, key.bytes, exists);
            readers = cold.tracked.take(key.bytes, keyspace);
        }
        let broadcast = self.local.broadcasts.concern(key.bytes);
        if broadcast || !readers.is_empty() {
            let key = key.bytes.into();
            self.local.events.add(Note::Changed(Changed { key, readers, broadcast, on_its_own: false }));
        }
    }

    /// All keys go: forgets what is remembered, and notes it for all who track. Under the gate. O(shards).
    pub fn forget_tracked(&mut self) {
        let keyspace = self.keyspace;
        if keyspace.tracked.keys.load(Ordering::Relaxed) > 0 {
            for number in 0..keyspace.shard_count() {
                if let Some(cold) = &mut self.shard(number).cold {
                    let keys = std::mem::take(&mut cold.tracked.keys);
                    keyspace.forgot(keys.len(), keys.values().map(|readers| readers.len()).sum());
                }
                self.leave();
            }
        }
        self.local.events.add(Note::Flushed);
    }
}

#[cfg(test)]
mod tests;
