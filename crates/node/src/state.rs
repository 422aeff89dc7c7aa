//! One I/O thread's own state. Its thread holds the lock for the whole of a batch; others take it under the gate.

use std::collections::BTreeSet;

use keyspace::blocked::Ready;
use keyspace::evict::{Evictor, Relocation};
use keyspace::expire::ExpireCycle;
use keyspace::space::Local;
use structures::lock::Guard;
use sys::random::Rng;

use crate::aside::Prepared;
use crate::blocked::Served;
use crate::client::Clients;
use crate::leftovers::Leftover;
use crate::stats::Stats;

/// One I/O thread's own state.
pub struct ThreadState {
    /// Its connections.
    pub clients: Clients,
    /// Room of a transaction that has ended, for the next one.
    pub spare_multi: Option<Box<commands::session::Multi>>,
    /// Allocator, effects, counters.
    pub local: Local,
    /// Its statistics.
    pub stats: Stats,
    /// Randomness.
    pub rng: Rng,
    /// Candidates for eviction.
    pub evictor: Evictor,
    /// Active expiry.
    pub expire: ExpireCycle,
    /// Clock ticks (see `sys::clock::tsc`) at the end of the last command.
    pub last_tick: u64,
    /// Clock ticks spent on eviction in this tick of the event loop.
    pub evicting_ticks: u64,
    /// A transaction is running: its effects are committed together at its end.
    pub in_unit: bool,
    /// Work for the worker threads that commands of this batch left, each with its client's token.
    pub jobs: Vec<(u64, commands::table::Job)>,
    /// When its waiting clients give up: ns of the monotonic clock, and token.
    pub timeouts: BTreeSet<(u64, u64)>,
    /// Its waiting clients that commands of this thread served in this tick.
    pub served: Vec<Served>,
    /// Commands that were worked out aside and are to be put in place.
    #[allow(clippy::vec_box, reason = "as they came by mail")]
    pub prepared: Vec<Box<Prepared>>,
    /// Keys that are ready for clients which could not be served at the end of a unit.
    pub unserved: Vec<Ready>,
    /// What ended waits and connections left in shards that were busy.
    pub leftovers: Vec<Leftover>,
    /// Emptying of sparse slab pages.
    pub relocation: Relocation,
    /// Its clients that listen to channels.
    pub listeners: crate::pubsub::Listeners,
    /// What it counts for memcached's `stats`.
    pub memcached: crate::memcached::Counters,
    /// The turn of scripts, while this thread has it: see `scripting::store::Scripts::turn`.
    pub turn: Option<Guard<'static, ()>>,
}
