//! Keys that clients watch (`WATCH`), per shard.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A client's mark: set when a key it watches changed.
pub type Dirty = Arc<AtomicBool>;

/// The watched keys of one shard.
#[derive(Default)]
pub struct Watches {
    /// By physical database and key: the clients, with their marks.
    keys: HashMap<u16, HashMap<Box<[u8]>, Vec<(u64, Dirty)>>>,
}

impl Watches {
    /// `client` watches a key.
    pub fn add(&mut self, db: u16, key: &[u8], client: u64, dirty: &Dirty) {
        let watchers = self.keys.entry(db).or_default().entry(key.into()).or_default();
        if !watchers.iter().any(|(id, _)| *id == client) {
            watchers.push((client, dirty.clone()));
        }
    }

    /// `client` no longer watches a key.
    pub fn remove(&mut self, db: u16, key: &[u8], client: u64) {
        if let Some(keys) = self.keys.get_mut(&db)
            && let Some(watchers) = keys.get_mut(key)
        {
            watchers.retain(|(id, _)| *id != client);
            if watchers.is_empty() {
                keys.remove(key);
            }
        }
    }

    /// The key changed.
    pub fn touch(&mut self, db: u16, key: &[u8]) {
        if let Some(watchers) = self.keys.get(&db).and_then(|keys| keys.get(key)) {
            for (_, dirty) in watchers {
                dirty.store(true, Ordering::Relaxed);
            }
        }
    }

    /// All keys of a database changed.
    pub fn touch_all(&mut self, db: u16) {
        for (_, dirty) in self.keys.get(&db).into_iter().flat_map(|keys| keys.values()).flatten() {
            dirty.store(true, Ordering::Relaxed);
        }
    }
}

impl crate::Space<'_> {
    /// `WATCH`: `client` is told through `dirty` when the key changes.
    pub fn watch(&mut self, key: crate::Key<'_>, client: u64, dirty: &Dirty) {
        let physical = self.physical();
        self.keyspace.watchers.fetch_add(1, Ordering::Relaxed);
        self.shard(key.shard).cold_mut().watches.add(physical, key.bytes, client, dirty);
    }

    /// Ends a watch made by [`Self::watch`] in physical database `physical`.
    pub fn unwatch(&mut self, key: crate::Key<'_>, physical: u16, client: u64) {
        self.keyspace.watchers.fetch_sub(1, Ordering::Relaxed);
        if let Some(cold) = &mut self.shard(key.shard).cold {
            cold.watches.remove(physical, key.bytes, client);
        }
    }
}
