//! The queues of one shard: a doubly linked list per key, database and kind, its nodes in one array, so that a ticket
//! leaves from anywhere in O(1).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::ticket::NONE;
use super::{KINDS, Ticket};
use crate::key::Key;

/// A queue: first and last node.
#[derive(Clone, Copy)]
pub(super) struct Line {
    first: u32,
    last: u32,
    pub(super) len: u32,
}

const EMPTY: Line = Line { first: NONE, last: NONE, len: 0 };

struct Node {
    ticket: Option<Arc<Ticket>>,
    before: u32,
    after: u32,
}

/// A key's order is part of a secret hash already: it only has to be spread over the bits that the map looks at.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only orders are hashed");
    }

    fn write_u32(&mut self, order: u32) {
        self.0 = u64::from(order).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// The queues of one key in one database.
pub(super) struct Place {
    pub(super) bytes: Box<[u8]>,
    pub(super) db: u16,
    /// It stands in some unit's list of ready keys.
    pub(super) is_ready: bool,
    /// Tickets that want to know when the key goes away.
    pub(super) nokey: u32,
    /// Tickets that other shards too are needed for.
    pub(super) wide: u32,
    pub(super) lines: [Line; KINDS],
}

/// The queues of one shard.
#[derive(Default)]
pub(crate) struct Queues {
    /// By the keys' order.
    keys: HashMap<u32, SmallVec<[Place; 1]>, BuildHasherDefault<Spread>>,
    nodes: Vec<Node>,
    /// Head of the list of free nodes, linked by `after`.
    free: Option<u32>,
}

impl Queues {
    pub(super) fn place_mut(&mut self, db: u16, key: Key<'_>) -> Option<&mut Place> {
        self.keys.get_mut(&key.order)?.iter_mut().find(|place| place.db == db && *place.bytes == *key.bytes)
    }

    /// Puts a ticket at the end of the queue of its key number `at`.
    pub(super) fn push(&mut self, ticket: &Arc<Ticket>, at: usize) {
        let named = &ticket.keys[at];
        debug_assert_eq!(named.node.load(Ordering::Relaxed), NONE, "it stands there already");
        let Queues { keys, nodes, free } = self;
        let places = keys.entry(named.order).or_default();
        let found = places.iter().position(|place| place.db == ticket.db && place.bytes == named.bytes);
        let at = found.unwrap_or_else(|| {
            places.push(Place {
                bytes: named.bytes.clone(),
                db: ticket.db,
                is_ready: false,
                nokey: 0,
                wide: 0,
                lines: [EMPTY; KINDS],
            });
            places.len() - 1
        });
        let place = &mut places[at];
        let line = &mut place.lines[ticket.kind as usize];
        let node = Node { ticket: Some(ticket.clone()), before: line.last, after: NONE };
        let number = match *free {
            Some(number) => {
                let spare = &mut nodes[number as usize];
                *free = (spare.after != NONE).then_some(spare.after);
                *spare = node;
                number
            }
            None => {
                nodes.push(node);
                nodes.len() as u32 - 1
            }
        };
        match line.last {
            NONE => line.first = number,
            last => nodes[last as usize].after = number,
        }
        line.last = number;
        line.len += 1;
        place.nokey += u32::from(ticket.on_nokey);
        place.wide += u32::from(ticket.shards().len() > 1);
        named.node.store(number, Ordering::Relaxed);
    }

    /// Takes a ticket out of the queue of its key number `at`. `false` when it does not stand there.
    pub(super) fn remove(&mut self, ticket: &Ticket, at: usize) -> bool {
        let named = &ticket.keys[at];
        let number = named.node.swap(NONE, Ordering::Relaxed);
        if number == NONE {
            return false;
        }
        let Queues { keys, nodes, free } = self;
        let next = free.unwrap_or(NONE);
        let Node { before, after, .. } =
            std::mem::replace(&mut nodes[number as usize], Node { ticket: None, before: NONE, after: next });
        *free = Some(number);
        let places = keys.get_mut(&named.order).expect("it stands in this key's queue");
        let at = places.iter().position(|place| place.db == ticket.db && place.bytes == named.bytes);
        let at = at.expect("likewise");
        let place = &mut places[at];
        let line = &mut place.lines[ticket.kind as usize];
        match before {
            NONE => line.first = after,
            before => nodes[before as usize].after = after,
        }
        match after {
            NONE => line.last = before,
            after => nodes[after as usize].before = before,
        }
        line.len -= 1;
        place.nokey -= u32::from(ticket.on_nokey);
        place.wide -= u32::from(ticket.shards().len() > 1);
        if place.lines.iter().all(|line| line.len == 0) {
            places.swap_remove(at);
            if places.is_empty() {
                keys.remove(&named.order);
            }
        }
        if keys.is_empty() {
            self.rest();
        }
        true
    }

    /// Nobody waits: what many needed is given back.
    fn rest(&mut self) {
        const KEPT: usize = 64;
        if self.nodes.capacity() > KEPT || self.keys.capacity() > KEPT {
            *self = Queues::default();
        }
    }

    /// All queues.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.keys.values().flatten()
    }

    /// The queues of a key in all databases.
    pub(super) fn places_of(&self, key: Key<'_>) -> impl Iterator<Item = &Place> {
        let places = self.keys.get(&key.order).into_iter().flatten();
        places.filter(move |place| *place.bytes == *key.bytes)
    }

    /// The keys somebody waits for in a database.
    pub(super) fn keys(&self, db: u16) -> Vec<Box<[u8]>> {
        self.places().filter(|place| place.db == db).map(|place| place.bytes.clone()).collect()
    }

    /// The tickets of a queue, in order.
    pub(super) fn tickets(&self, line: Line) -> impl Iterator<Item = &Arc<Ticket>> {
        let mut at = line.first;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize)?;
            at = node.after;
            node.ticket.as_ref()
        })
    }
}
