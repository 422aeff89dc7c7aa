//! Clients that wait for a key (`BLPOP`, `XREAD BLOCK`, …), and keys that have become ready for them.
//!
//! A waiting client has a [`Ticket`]: one place in a queue per key, in the shard of that key, in order of arrival.
//! [`Space`] notes in `Local::ready` the keys that may serve somebody, in the order in which that happened, once each.
//! At the end of the unit the node takes those keys one after the other and runs the waiting commands again, under the
//! locks of the unit: [`Keyspace::shards_to_serve`] says before the unit begins which ones that takes.
//!
//! A ticket is taken out of the queues under the locks of all its shards, but it can be *ended* (timeout, disconnect)
//! without any: [`Ticket`]'s state decides who was first. An ended ticket that still stands in a queue serves nobody.
//!
//! Rules as in valkey-server (`blocked.c`): a key is noted when it comes to hold a collection that somebody waits for,
//! or, for tickets that say so, when it goes away; not when a value replaces another one in place.

mod queues;
mod ready;
mod ticket;

use std::sync::atomic::{AtomicI64, Ordering};

use smallvec::SmallVec;
use structures::entry::{EntryRef, Value};
use structures::object::Object;

use crate::key::Key;
use crate::shard::{Keyspace, Locked, Shard};

pub(crate) use queues::Queues;
pub use ready::{Ready, Round};
pub use ticket::Ticket;

/// What a key must hold to be of interest to a waiting client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list.
    List = 0,
    /// A sorted set.
    Zset = 1,
    /// A stream.
    Stream = 2,
}

pub(crate) const KINDS: usize = 3;

impl Kind {
    const ALL: [Kind; KINDS] = [Kind::List, Kind::Zset, Kind::Stream];

    /// The kind of an object, if clients wait for such.
    pub(crate) fn of(object: &Object) -> Option<Kind> {
        match object {
            Object::List(_) => Some(Kind::List),
            Object::Zset(_) => Some(Kind::Zset),
            Object::Stream(_) => Some(Kind::Stream),
            Object::String(_) | Object::Hash(_) | Object::Set(_) => None,
        }
    }

    pub(crate) fn of_entry(entry: EntryRef<'_>) -> Option<Kind> {
        match entry.value() {
            Value::Object(object) => Kind::of(object),
            _ => None,
        }
    }
}

/// Counts of clients that wait, over all shards.
#[derive(Default)]
pub struct Blocked {
    by_kind: [AtomicI64; KINDS],
}

impl Blocked {
    fn count(&self, kind: Kind, delta: i64) {
        self.by_kind[kind as usize].fetch_add(delta, Ordering::Relaxed);
    }

    fn any_kind(&self) -> bool {
        Kind::ALL.iter().any(|kind| self.any(*kind))
    }

    fn any(&self, kind: Kind) -> bool {
        self.by_kind[kind as usize].load(Ordering::Relaxed) > 0
    }
}

/// Too many clients wait to say which shards it would take to serve them: all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// Tickets looked at to find the shards that a unit may need.
const LOOKED_AT_MAX: usize = 64;

impl Keyspace {
    /// The shards, in ascending order, that must be held when a unit ends to serve whoever waits for `keys`, and for
    /// the keys that serving them fills in turn. `locked` holds the unit's own; what waits in others is not seen yet,
    /// so ask again once they are held. `most` bounds how many clients each of the keys can serve.
    ///
    /// O(1) where every client waits for one key, whatever their number.
    pub fn shards_to_serve(
        &self,
        locked: &Locked<'_>,
        keys: &[Key<'_>],
        most: usize,
    ) -> Result<SmallVec<[u32; 16]>, TooMany> {
        let mut shards: SmallVec<[u32; 16]> = locked.numbers().collect();
        let mut looked_at = 0;
        let mut work: SmallVec<[Key<'_>; 8]> = keys.iter().copied().collect();
        let mut next = 0;
        while let Some(&key) = work.get(next) {
            next += 1;
            let Some(queues) = locked.held(key.shard).and_then(Shard::queues) else { continue };
            for place in queues.places_of(key).filter(|place| place.wide > 0) {
                for line in place.lines {
                    for ticket in queues.tickets(line).filter(|t| t.is_waiting()).take(most) {
                        looked_at += 1;
                        if looked_at > LOOKED_AT_MAX {
                            return Err(TooMany);
                        }
                        shards.extend_from_slice(ticket.shards());
                        for key in ticket.others() {
                            if work.iter().all(|known| known.bytes != key.bytes) {
                                work.push(key);
                            }
                        }
                    }
                }
            }
        }
        shards.sort_unstable();
        shards.dedup();
        Ok(shards)
    }

    /// Ends a wait, without locks: the ticket serves nobody from now on, and is to be taken out of its queues
    /// ([`Space::stop_waiting`]). `false` when it is being served.
    pub fn end_wait(&self, ticket: &Ticket) -> bool {
        let ended = ticket.end();
        if ended {
            self.blocked.count(ticket.kind, -1);
        }
        ended
    }

    /// As [`Self::end_wait`] for a client that is gone whether or not it is being served. `true` when the ticket may
    /// still stand in queues.
    pub fn abandon_wait(&self, ticket: &Ticket) -> bool {
        if ticket.end() {
            self.blocked.count(ticket.kind, -1);
            return true;
        }
        !ticket.abandon()
    }
}

impl Shard {
    /// The queues, where a client waits at all.
    fn queues(&self) -> Option<&Queues> {
        self.cold.as_ref().map(|cold| &cold.queues)
    }

    fn queues_mut(&mut self) -> Option<&mut Queues> {
        self.cold.as_mut().map(|cold| &mut cold.queues)
    }
}

#[cfg(test)]
mod tests;
