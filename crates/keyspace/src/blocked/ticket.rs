//! A waiting client's ticket, and the one word that decides who ends its wait.

use std::any::Any;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use smallvec::SmallVec;

use super::Kind;
use crate::key::Key;

/// It stands in its queues.
const WAITING: u8 = 0;
/// Somebody runs its command (again), or has done so.
const CLAIMED: u8 = 1;
/// Nobody waits any more. A bit beside the others.
const ENDED: u8 = 2;
/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// Keys up to which comparing each with each is quicker than hashing them.
const FEW: usize = 8;

/// A key of a ticket.
pub(super) struct Named {
    pub(super) bytes: Box<[u8]>,
    pub(super) shard: u32,
    pub(super) order: u32,
    /// Its place in the shard's queues; looked at and changed under the shard's lock only.
    pub(super) node: AtomicU32,
}

/// A client's place in the queues of the keys it waits for. What it takes to serve it is in `request`: the node's
/// business.
pub struct Ticket<R: ?Sized = dyn Any + Send + Sync> {
    state: AtomicU8,
    /// What its keys must hold.
    pub kind: Kind,
    /// Logical database.
    pub db: u16,
    /// It is served too when a key goes away or gets another type.
    pub on_nokey: bool,
    /// Keys it waits for; those behind them are written when it is served.
    pub(super) awaited: usize,
    pub(super) keys: SmallVec<[Named; 1]>,
    /// Shards of all keys, ascending.
    shards: SmallVec<[u32; 2]>,
    /// What it takes to serve the client.
    pub request: R,
}

impl<R> Ticket<R> {
    /// A ticket for a client that waits for `awaited` in database `db` and will also need `others` when served.
    pub fn new(
        kind: Kind,
        db: u16,
        on_nokey: bool,
        awaited: &[Key<'_>],
        others: &[Key<'_>],
        request: R,
    ) -> Self {
        let mut keys: SmallVec<[Named; 1]> = SmallVec::new();
        let add = |keys: &mut SmallVec<[Named; 1]>, key: &Key<'_>| {
            keys.push(Named {
                bytes: key.bytes.into(),
                shard: key.shard,
                order: key.order,
                node: AtomicU32::new(NONE),
            });
        };
        // A key given twice is waited for once.
        if awaited.len() <= FEW {
            for key in awaited {
                if keys.iter().all(|k| *k.bytes != *key.bytes) {
                    add(&mut keys, key);
                }
            }
        } else {
            let mut seen = HashSet::with_capacity(awaited.len());
            awaited.iter().filter(|key| seen.insert(key.bytes)).for_each(|key| add(&mut keys, key));
        }
        let awaited = keys.len();
        others.iter().for_each(|key| add(&mut keys, key));
        let mut shards: SmallVec<[u32; 2]> = keys.iter().map(|k| k.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        Ticket { state: AtomicU8::new(WAITING), kind, db, on_nokey, awaited, keys, shards, request }
    }
}

impl Ticket {
    /// Whether its client waits.
    pub fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Relaxed) == WAITING
    }

    /// Shards that must be held to serve it, ascending.
    pub fn shards(&self) -> &[u32] {
        &self.shards
    }

    /// Keys waited for.
    pub fn awaited(&self) -> impl Iterator<Item = Key<'_>> {
        self.keys[..self.awaited].iter().map(|k| Key { bytes: &k.bytes, shard: k.shard, order: k.order })
    }

    /// Keys that are written, or looked at, when it is served.
    pub(super) fn others(&self) -> impl Iterator<Item = Key<'_>> {
        self.keys[self.awaited..].iter().map(|k| Key { bytes: &k.bytes, shard: k.shard, order: k.order })
    }

    /// Heap bytes of the ticket, `request` apart.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Ticket<()>>() + self.keys.iter().map(|k| size_of::<Named>() + k.bytes.len()).sum::<usize>()
    }

    /// Begins to serve it. `false` when its client no longer waits.
    pub(super) fn claim(&self) -> bool {
        self.state.compare_exchange(WAITING, CLAIMED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// It waits again, after an attempt that had nothing for it. `false` when its client is gone.
    pub(super) fn wait_again(&self) -> bool {
        self.state.compare_exchange(CLAIMED, WAITING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Ends the wait without serving it. `false` when somebody serves it at this moment, or the wait is over.
    pub(super) fn end(&self) -> bool {
        self.state.compare_exchange(WAITING, ENDED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The client of a ticket that no longer waits, or is being served, is gone: it shall not wait again. Returns
    /// whether it is being served, or has been.
    pub(super) fn abandon(&self) -> bool {
        self.state.fetch_or(ENDED, Ordering::AcqRel) & CLAIMED != 0
    }
}
