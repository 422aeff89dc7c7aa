//! What ended waits and connections leave behind in shards that are busy at that moment.
//!
//! A shard is held for microseconds, but by a script it may be held for as long as that runs, and the script may even run
//! on the thread that closes the connection. So nobody waits for the shard: what is left in it is taken out later. It
//! does no harm until then: an ended ticket serves nobody, and the watches of a client that is gone tell nobody.

use std::sync::Arc;

use keyspace::Space;
use keyspace::blocked::Ticket;

use crate::client::Client;
use crate::dispatch::Moment;
use crate::node::Node;
use crate::state::ThreadState;

/// Something to be taken out of one shard.
pub enum Leftover {
    /// A ticket from the queue of the key with this number among its keys.
    Wait(Arc<Ticket>, usize),
    /// A watch of a client that is gone.
    Watch {
        /// The database.
        db: u16,
        /// The key.
        key: Vec<u8>,
        /// The client's id.
        client: u64,
    },
}

/// Takes an ended ticket out of its queues, now or later. O(its keys).
pub fn leave_queues(node: &'static Node, state: &mut ThreadState, moment: &Moment, ticket: &Arc<Ticket>) {
    for at in 0..ticket.awaited().count() {
        leave(node, state, moment, Leftover::Wait(ticket.clone(), at));
    }
}

/// Ends the watches of a client that is about to be gone, now or later.
pub fn end_watches(node: &'static Node, state: &mut ThreadState, moment: &Moment, client: &mut Client) {
    let Some(watch) = client.session.watch.take() else { return };
    for watched in watch.keys {
        let client = client.session.id;
        leave(node, state, moment, Leftover::Watch { db: watched.db, key: watched.key, client });
    }
}

/// Tries again what was left. The thread holds no shard.
#[cold]
pub fn clear(node: &'static Node, state: &mut ThreadState, moment: &Moment) {
    for leftover in std::mem::take(&mut state.leftovers) {
        leave(node, state, moment, leftover);
    }
}

fn leave(node: &'static Node, state: &mut ThreadState, moment: &Moment, leftover: Leftover) {
    let key = match &leftover {
        Leftover::Wait(ticket, at) => ticket.awaited().nth(*at),
        Leftover::Watch { key, .. } => Some(node.keyspace.hasher.place(key)),
    };
    let Some(key) = key else { return };
    let Ok(locked) = node.keyspace.lock(&[key]) else {
        state.leftovers.push(leftover);
        return;
    };
    let db = match &leftover {
        Leftover::Wait(ticket, _) => ticket.db,
        Leftover::Watch { .. } => 0,
    };
    let mut space = Space::new(&node.keyspace, &mut state.local, locked, db, moment.now_ms, moment.access);
    match &leftover {
        Leftover::Wait(ticket, at) => space.leave_queue(ticket, *at),
        Leftover::Watch { db, client, .. } => {
            space.unwatch(key, *db, *client);
        }
    }
}
