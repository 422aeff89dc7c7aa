//! Sums over the threads, taken under the gate.

use std::collections::{BTreeMap, HashSet};

use keyspace::SpaceCounters;

use crate::client::{Client, Clients, Waiting};
use crate::ctx::NodeCtx;
use crate::node::used_memory_bytes;
use crate::stats::{CommandStats, Rates, Stats};

/// Counters of all threads together.
#[derive(Default)]
pub struct Totals {
    /// Memory in use before the reply was begun: its text is no part of what the node holds.
    pub used_memory_bytes: u64,
    /// Keyspace counters.
    pub space: SpaceCounters,
    /// Commands run.
    pub commands: u64,
    /// Connections taken.
    pub connections: u64,
    /// Bytes read.
    pub input_bytes: u64,
    /// Bytes written.
    pub output_bytes: u64,
    /// Reads of sockets.
    pub reads: u64,
    /// Writes of sockets.
    pub writes: u64,
    /// Reads, writes and connections taken by threads other than the first.
    pub others: [u64; 3],
    /// Clients cut off for their query buffer.
    pub query_buffer_disconnections: u64,
    /// Clients cut off for their output buffer.
    pub output_buffer_disconnections: u64,
    /// Connections closed for `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Connections given to other threads.
    pub moved_connections: u64,
    /// Error replies.
    pub error_replies: u64,
    /// Error replies by code.
    pub errors: BTreeMap<String, u64>,
    /// Batches.
    pub batches: u64,
    /// Time in batches, clock ticks.
    pub busy_ticks: u64,
    /// The longest batch, clock ticks.
    pub busy_max_ticks: u64,
    /// The most commands in a batch.
    pub batch_commands_max: u64,
    /// Time in commands, clock ticks.
    pub command_ticks: u64,
    /// Time in active expiry, µs.
    pub expire_us: u64,
    /// Times active expiry ran out of time.
    pub expire_capped: u64,
    /// Times a client was parked on a busy shard.
    pub parked: u64,
    /// Rates, summed; `batch_us` is the mean over busy threads.
    pub rates: Rates,
}

impl Totals {
    /// The sums. Under the gate.
    pub fn of(ctx: &NodeCtx<'_>) -> Totals {
        let mut totals = Totals { used_memory_bytes: used_memory_bytes(), ..Totals::default() };
        totals.add(ctx.thread, ctx.stats, &ctx.data.space.local.counters);
        for (thread, state) in ctx.other_threads() {
            totals.add(thread, &state.stats, &state.local.counters);
        }
        let threads = ctx.node.threads.len() as f64;
        totals.rates.batch_us /= threads;
        totals
    }

    fn add(&mut self, thread: usize, stats: &Stats, space: &SpaceCounters) {
        self.space.keyspace_hits += space.keyspace_hits;
        self.space.keyspace_misses += space.keyspace_misses;
        self.space.expired_keys += space.expired_keys;
        self.space.expired_fields += space.expired_fields;
        self.space.evicted_keys += space.evicted_keys;
        self.space.changes += space.changes;
        self.commands += stats.total_commands;
        self.connections += stats.total_connections;
        self.input_bytes += stats.net_input_bytes;
        self.output_bytes += stats.net_output_bytes;
        self.reads += stats.total_reads;
        self.writes += stats.total_writes;
        if thread > 0 {
            for (sum, n) in
                self.others.iter_mut().zip([stats.total_reads, stats.total_writes, stats.total_connections])
            {
                *sum += n;
            }
        }
        self.query_buffer_disconnections += stats.query_buffer_disconnections;
        self.output_buffer_disconnections += stats.output_buffer_disconnections;
        self.evicted_clients += stats.evicted_clients;
        self.moved_connections += stats.moved_connections;
        self.error_replies += stats.error_replies;
        for (code, count) in &stats.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
        self.batches += stats.ticks;
        self.busy_ticks += stats.busy_ticks;
        self.busy_max_ticks = self.busy_max_ticks.max(stats.busy_max_ticks);
        self.batch_commands_max = self.batch_commands_max.max(stats.batch_commands_max);
        self.command_ticks += stats.command_ticks();
        self.expire_us += stats.expire_cycle_us;
        self.expire_capped += stats.expire_time_cap_reached;
        self.parked += stats.parked;
        self.rates.ops += stats.rates.ops;
        self.rates.input += stats.rates.input;
        self.rates.output += stats.rates.output;
        self.rates.batches += stats.rates.batches;
        self.rates.batch_us += stats.rates.batch_us;
    }
}

/// The calls of every command, by its number, over all threads. Under the gate. O(commands x threads).
pub fn command_stats(ctx: &NodeCtx<'_>) -> Vec<CommandStats> {
    let mut sum = ctx.stats.commands.clone();
    for (_, state) in ctx.other_threads() {
        for (mine, theirs) in sum.iter_mut().zip(&state.stats.commands) {
            mine.calls += theirs.calls;
            mine.ticks += theirs.ticks;
            mine.rejected += theirs.rejected;
            mine.failed += theirs.failed;
            if let Some(histogram) = &theirs.latency {
                mine.latency.get_or_insert_default().merge(histogram);
            }
        }
    }
    sum
}

/// Keys under WATCH: physical database and name.
type WatchedKeys = HashSet<(u16, Vec<u8>)>;

/// What all connections add up to.
#[derive(Default)]
pub struct ClientFigures {
    /// Largest input buffer, bytes.
    pub input_max: usize,
    /// Largest output buffer, bytes.
    pub output_max: usize,
    /// Memory of all clients, bytes.
    pub memory_bytes: usize,
    /// Clients with keys under WATCH.
    pub watching: usize,
    /// Clients that listen to channels.
    pub subscribed: usize,
    /// Distinct keys under WATCH.
    pub watched_keys: usize,
    /// Clients that wait for a busy shard.
    pub parked: usize,
    /// Clients that wait for keys, or that a pause holds.
    pub blocked: usize,
    /// Those of them that will give up.
    pub with_timeout: usize,
}

impl ClientFigures {
    /// The figures of all threads' clients. Under the gate. O(clients).
    pub fn of(ctx: &NodeCtx<'_>) -> ClientFigures {
        let mut figures = ClientFigures {
            input_max: ctx.buffers.input + ctx.buffers.input_free,
            output_max: ctx.buffers.output,
            memory_bytes: ctx.buffers.total,
            ..ClientFigures::default()
        };
        let mut keys = HashSet::new();
        figures.add_watches(ctx.data.session, &mut keys);
        figures.add(ctx.clients, &mut keys);
        for (_, state) in ctx.other_threads() {
            figures.add(&state.clients, &mut keys);
        }
        figures.watched_keys = keys.len();
        figures
    }

    fn add_watches(&mut self, session: &commands::Session, keys: &mut WatchedKeys) {
        self.subscribed += usize::from(session.subscriptions.is_some());
        let Some(watch) = session.watch.as_ref().filter(|w| !w.keys.is_empty() && !w.is_dirty()) else {
            return;
        };
        self.watching += 1;
        keys.extend(watch.keys.iter().map(|w| (w.db, w.key.clone())));
    }

    fn add(&mut self, clients: &Clients, keys: &mut WatchedKeys) {
        for client in clients.iter() {
            self.input_max = self.input_max.max(client.input.capacity());
            self.output_max = self.output_max.max(client.out.capacity());
            self.memory_bytes += Client::memory_bytes(client);
            self.add_watches(&client.session, keys);
            if !client.meta.killed && client.waiting.is_blocked() {
                self.blocked += 1;
                self.with_timeout += usize::from(
                    matches!(&client.waiting, Waiting::Blocked(blocked) if blocked.deadline_ns.is_some()),
                );
            }
            self.parked += usize::from(matches!(client.waiting, Waiting::Shard { .. } | Waiting::Turn));
        }
    }
}
