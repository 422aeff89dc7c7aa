//! Keys that become ready, and whom they serve.

use std::sync::Arc;

use structures::entry::EntryRef;

use super::{KINDS, Kind, Queues, Ticket};
use crate::key::Key;
use crate::shard::Shard;
use crate::space::Space;

/// A key that may serve somebody.
pub struct Ready {
    /// Logical database.
    pub db: u16,
    shard: u32,
    order: u32,
    bytes: Box<[u8]>,
}

impl Ready {
    /// The key.
    pub fn key(&self) -> Key<'_> {
        Key { bytes: &self.bytes, shard: self.shard, order: self.order }
    }
}

/// Who may still be served by a ready key: those that waited when its turn came. Whoever has to wait again stands
/// behind them.
pub struct Round {
    left: [u32; KINDS],
    /// Those that are told of the key's absence.
    nokey: Option<std::vec::IntoIter<Arc<Ticket>>>,
}

impl Space<'_> {
    /// Puts a client at the end of the queues of its keys, whose shards are held. O(keys).
    pub fn wait(&mut self, ticket: &Arc<Ticket>) {
        self.keyspace.blocked.count(ticket.kind, 1);
        self.enqueue(ticket);
    }

    fn enqueue(&mut self, ticket: &Arc<Ticket>) {
        for at in 0..ticket.awaited {
            let shard = self.shard(ticket.keys[at].shard);
            shard.waiting += 1;
            shard.cold_mut().queues.push(ticket, at);
        }
    }

    /// Takes a ticket out of the queue of one of its keys, by its number; its shard is held. O(1).
    pub fn leave_queue(&mut self, ticket: &Ticket, at: usize) {
        let shard = self.shard(ticket.keys[at].shard);
        if shard.queues_mut().is_some_and(|queues| queues.remove(ticket, at)) {
            shard.waiting -= 1;
        }
    }

    /// As [`Self::leave_queue`], by name. O(keys).
    pub fn leave_queue_of(&mut self, ticket: &Ticket, key: Key<'_>) {
        if let Some(at) = ticket.awaited().position(|awaited| awaited.bytes == key.bytes) {
            self.leave_queue(ticket, at);
        }
    }

    fn stop_waiting(&mut self, ticket: &Ticket) {
        (0..ticket.awaited).for_each(|at| self.leave_queue(ticket, at));
    }

    /// Whether all shards that serving a ticket takes are held. Tries to take those that are not: the unit was locked
    /// for those who were first then, and some may have given up since.
    pub fn can_serve(&mut self, ticket: &Ticket) -> bool {
        ticket.shards().iter().all(|&shard| self.also_lock(shard))
    }

    /// Begins to serve a client: takes its ticket out of all queues. `false` when it no longer waits. Its shards are
    /// held. O(keys).
    pub fn claim(&mut self, ticket: &Ticket) -> bool {
        let claimed = ticket.claim();
        if claimed {
            self.keyspace.blocked.count(ticket.kind, -1);
        }
        self.stop_waiting(ticket);
        claimed
    }

    /// There was nothing for a client after all: it waits again, behind all others. Not if it is gone. O(keys).
    pub fn wait_again(&mut self, ticket: &Arc<Ticket>) {
        if ticket.wait_again() {
            self.wait(ticket);
        }
    }

    /// Begins the turn of a ready key, whose shard is held. `None` when nobody waits for it.
    pub fn begin_round(&mut self, ready: &Ready) -> Option<Round> {
        self.select(ready.db);
        let place = self.shard(ready.shard).queues_mut()?.place_mut(ready.db, ready.key())?;
        place.is_ready = false;
        Some(Round { left: place.lines.map(|line| line.len), nokey: None })
    }

    /// The next ticket that a ready key may serve as it stands now; the one before was claimed, or waits no more. O(1).
    pub fn next_to_serve(&mut self, ready: &Ready, round: &mut Round) -> Option<Arc<Ticket>> {
        self.select(ready.db);
        let kind = self.kind_at(ready.key());
        let queues = self.shard(ready.shard).queues_mut()?;
        let place = queues.place_mut(ready.db, ready.key())?;
        let lines = place.lines;
        if let Some(kind) = kind
            && round.left[kind as usize] > 0
        {
            round.left[kind as usize] -= 1;
            return queues.tickets(lines[kind as usize]).next().cloned();
        }
        if kind == Some(Kind::Stream) || (place.nokey == 0 && round.nokey.is_none()) {
            return None;
        }
        let streams = lines[Kind::Stream as usize];
        round
            .nokey
            .get_or_insert_with(|| {
                let all = queues.tickets(streams).filter(|t| t.on_nokey).cloned();
                all.collect::<Vec<_>>().into_iter()
            })
            .next()
    }

    /// What clients may wait for at a key. Removes nothing, even if the key's TTL has passed.
    fn kind_at(&mut self, key: Key<'_>) -> Option<Kind> {
        let (now_ms, physical) = (self.now_ms, self.physical());
        let entry = self.shard(key.shard).table(physical)?.get(key.order, key.bytes)?;
        if entry.expire_at_ms().is_some_and(|at| at < now_ms) { None } else { Kind::of_entry(entry) }
    }

    /// Says that a collection that was there before has something new: a stream that got an entry, or lost a group.
    /// Keys that come to be are noted by themselves. O(1).
    #[inline]
    pub fn signal(&mut self, key: Key<'_>) {
        if self.shard(key.shard).waiting != 0
            && let Some(kind) = self.kind_at(key)
        {
            self.note_ready(key, kind, false);
        }
    }

    /// Notes a key that came to hold a collection (or, `gone`, lost one), if somebody wants to know.
    #[cold]
    pub(crate) fn note_ready(&mut self, key: Key<'_>, kind: Kind, gone: bool) {
        if !self.keyspace.blocked.any(kind) {
            return;
        }
        let db = self.db();
        let queues = self.shard(key.shard).queues_mut();
        let Some(place) = queues.and_then(|queues| queues.place_mut(db, key)) else { return };
        if (gone && place.nokey == 0) || std::mem::replace(&mut place.is_ready, true) {
            return;
        }
        self.local.ready.push(Ready { db, shard: key.shard, order: key.order, bytes: key.bytes.into() });
    }

    /// An entry leaves its table: whoever wants to know that its key is gone is told.
    #[cold]
    pub(crate) fn note_gone(&mut self, entry: EntryRef<'_>) {
        if let Some(kind) = Kind::of_entry(entry) {
            let key = self.keyspace.hasher.place(entry.key());
            self.note_ready(key, kind, true);
        }
    }

    /// Keys that clients wait for, and those of them where some want to know that the key is gone. Under the gate.
    /// O(shards) if anybody waits.
    pub fn awaited_keys(&mut self) -> (usize, usize) {
        let (mut keys, mut nokey) = (0, 0);
        if !self.keyspace.blocked.any_kind() {
            return (0, 0);
        }
        for number in 0..self.keyspace.shard_count() {
            for place in self.shard(number).queues().into_iter().flat_map(Queues::places) {
                keys += 1;
                nokey += usize::from(place.nokey > 0);
            }
            self.leave();
        }
        (keys, nokey)
    }

    /// The keys that clients in database `db` wait for in a shard.
    fn awaited_in(&mut self, shard: u32, db: u16) -> Vec<Box<[u8]>> {
        let Some(queues) = self.shard(shard).queues_mut() else { return Vec::new() };
        queues.keys(db)
    }

    /// A whole database is about to go: whoever wants to know that its key is gone is told. Under the gate.
    pub(crate) fn note_emptied(&mut self, shard: u32, db: u16, physical: u16) {
        if self.shard(shard).waiting == 0 {
            return;
        }
        let was = self.db();
        self.select(db);
        for name in self.awaited_in(shard, db) {
            let key = self.keyspace.hasher.place(&name);
            let entry = self.shard(shard).table(physical).and_then(|table| table.get(key.order, key.bytes));
            if let Some(kind) = entry.and_then(Kind::of_entry) {
                self.note_ready(key, kind, true);
            }
        }
        self.select(was);
    }

    /// `SWAPDB` (after the exchange): keys that are gone or of another type now, then keys that are there now. Under
    /// the gate. O(shards) if anybody waits.
    pub fn note_swapped(&mut self, a: u16, b: u16) {
        if !self.keyspace.blocked.any_kind() {
            return;
        }
        let was = self.db();
        for gone in [true, false] {
            for (db, other) in [(a, b), (b, a)] {
                self.select(db);
                let before = self.keyspace.physical(other);
                for number in 0..self.keyspace.shard_count() {
                    for name in self.awaited_in(number, db) {
                        let key = self.keyspace.hasher.place(&name);
                        let find = |shard: &Shard, physical| {
                            shard.table(physical)?.get(key.order, key.bytes).map(Kind::of_entry)
                        };
                        let after = self.physical();
                        let shard = self.shard(number);
                        let (old, new) = (find(shard, before), find(shard, after));
                        match (gone, old, new) {
                            (true, Some(Some(kind)), new) if new != old => self.note_ready(key, kind, true),
                            (false, _, Some(Some(kind))) => self.note_ready(key, kind, false),
                            _ => {}
                        }
                    }
                    self.leave();
                }
            }
        }
        self.select(was);
    }
}
