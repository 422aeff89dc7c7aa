//! `maxmemory-clients`: when all connections together hold more than it allows, the largest ones are closed.
//!
//! While it is set, each thread keeps the sum of what its connections hold: whoever was read from or written to in a tick
//! is measured again at its end. A thread that finds the sum of all threads over the limit takes the gate, measures
//! everybody and marks the largest clients of all threads, one after the other, until the rest is below. Clients with
//! `CLIENT NO-EVICT` count and stay.
//!
//! Limit and order: <https://valkey.io/topics/clients/#client-eviction>.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::IoThread;
use crate::blocked;
use crate::client::{Client, Clients};
use crate::commands::client::view::View;
use crate::mailbox::Mail;
use crate::node::Node;
use crate::state::ThreadState;

/// How long the next look waits when those that may not be closed hold too much, ns.
const RETRY_NS: u64 = 10_000_000;

/// The limit under which all threads' clients were measured last: under another one, the sums say nothing.
#[derive(Default)]
pub struct MeasuredUnder(AtomicU64);

impl MeasuredUnder {
    /// Whether sums are up to date under `limit`.
    pub(super) fn is(&self, limit: u64) -> bool {
        self.0.load(Relaxed) == limit
    }
}

/// The one who would go.
struct Candidate {
    bytes: u64,
    thread: usize,
    slot: u32,
}

impl IoThread {
    /// Whether clients that do something are to be measured at the end of the tick.
    #[inline(always)]
    pub(super) fn counts_clients(&self) -> bool {
        self.node.settings.maxmemory_clients.load(Relaxed) > 0
    }

    /// Measures those who did something since the last look. `true` when all clients together hold too much.
    fn clients_hold_too_much(&mut self, state: &mut ThreadState) -> bool {
        let limit = self.node.settings.maxmemory_clients.load(Relaxed);
        if limit == 0 {
            self.touched.clear();
            self.node.clients_measured.0.store(0, Relaxed);
            return false;
        }
        let mine = &self.node.threads[self.index].client_bytes;
        let mut held = mine.load(Relaxed);
        for slot in self.touched.drain(..) {
            let Some(client) = state.clients.get_mut(slot).filter(|client| !client.meta.killed) else {
                continue;
            };
            let bytes = client.memory_bytes() as u64;
            held = held.saturating_sub(client.meta.counted_bytes) + bytes;
            client.meta.counted_bytes = bytes;
        }
        mine.store(held, Relaxed);
        let total: u64 = self.node.threads.iter().map(|thread| thread.client_bytes.load(Relaxed)).sum();
        total >= limit || !self.node.clients_measured.is(limit)
    }

    /// Closes the largest clients while all together hold too much. Before the commands of a tick, and at its end.
    #[inline]
    pub(super) fn evict_clients<'s>(
        &mut self,
        mut state: MutexGuard<'s, ThreadState>,
    ) -> MutexGuard<'s, ThreadState> {
        if self.node.clients_measured.is(0) && !self.counts_clients() {
            return state;
        }
        if !self.clients_hold_too_much(&mut state) {
            return state;
        }
        let now_ns = sys::clock::mono_ns();
        if now_ns < self.next_eviction_ns {
            return state;
        }
        drop(state);
        let gate = self.node.gate.take(self.index);
        let mut state = self.node.threads[self.index].lock_state();
        let (is_below, evicted) = mark_largest(self.node, self.index, &mut state);
        drop(state);
        drop(gate);
        if !is_below {
            self.next_eviction_ns = now_ns + RETRY_NS;
        }
        tell(is_below, &evicted);
        self.node.threads[self.index].lock_state()
    }

    /// A client leaves this thread.
    pub(super) fn uncount(&self, client: &Client) {
        if client.meta.counted_bytes > 0 {
            let held = &self.node.threads[self.index].client_bytes;
            held.store(held.load(Relaxed).saturating_sub(client.meta.counted_bytes), Relaxed);
        }
    }

    /// What [`IoThread::evict_clients`] does, for a thread that has the gate, before and after a command that needs it: CONFIG SET may have changed the
    /// limit, CLIENT LIST shows nobody who should be gone.
    pub(super) fn evict_clients_gated(&mut self, state: &mut ThreadState) {
        if (self.counts_clients() || !self.node.clients_measured.is(0)) && self.clients_hold_too_much(state) {
            let (is_below, evicted) = mark_largest(self.node, self.index, state);
            tell(is_below, &evicted);
        }
    }
}

/// Under the gate: measures all clients, marks the largest ones as killed until the rest is below the limit, and tells
/// their threads. Returns whether it is, and the lines of those who go. O(clients).
fn mark_largest(node: &'static Node, me: usize, state: &mut ThreadState) -> (bool, Vec<Vec<u8>>) {
    let limit = node.settings.maxmemory_clients.load(Relaxed);
    node.clients_measured.0.store(limit, Relaxed);
    let mut others: Vec<Option<MutexGuard<'_, ThreadState>>> =
        node.threads.iter().enumerate().map(|(n, thread)| (n != me).then(|| thread.lock_state())).collect();
    let mut candidates = Vec::new();
    let mut total = 0;
    for (thread, other) in others.iter_mut().enumerate() {
        let clients = other.as_mut().map_or(&mut state.clients, |other| &mut other.clients);
        let held = measure(clients, thread, &mut candidates);
        node.threads[thread].client_bytes.store(held, Relaxed);
        total += held;
    }
    candidates.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.bytes));
    let now_ms = sys::clock::wall_ms() as i64;
    let mut lines = Vec::new();
    let mut concerned = vec![false; node.threads.len()];
    for Candidate { bytes, thread, slot } in candidates {
        if limit == 0 || total < limit {
            break;
        }
        let state = others[thread].as_deref_mut().unwrap_or(state);
        let Some(client) = state.clients.get_mut(slot) else { continue };
        let mut line = Vec::new();
        View::of(client).write_line(&mut line, node, now_ms);
        lines.push(line);
        (client.meta.killed, client.meta.counted_bytes) = (true, 0);
        blocked::kill(node, client);
        state.stats.evicted_clients += 1;
        concerned[thread] = true;
        node.threads[thread].client_bytes.fetch_sub(bytes, Relaxed);
        total -= bytes;
    }
    for (thread, _) in concerned.iter().enumerate().filter(|(_, concerned)| **concerned) {
        node.threads[thread].mailbox.send(Mail::CloseMarked);
    }
    (limit == 0 || total < limit, lines)
}

/// Measures the clients of a thread: what they hold together, and which of them may be closed.
fn measure(clients: &mut Clients, thread: usize, candidates: &mut Vec<Candidate>) -> u64 {
    let mut held = 0;
    for slot in 0..clients.slot_count() {
        let Some(client) = clients.get_mut(slot).filter(|client| !client.meta.killed) else { continue };
        let bytes = client.memory_bytes() as u64;
        client.meta.counted_bytes = bytes;
        held += bytes;
        if !client.session.no_evict {
            candidates.push(Candidate { bytes, thread, slot });
        }
    }
    held
}

/// Says in the log who was closed.
#[cold]
fn tell(is_below: bool, evicted: &[Vec<u8>]) {
    for line in evicted {
        crate::log::notice(&format!("Evicting client: {}", String::from_utf8_lossy(line).trim_end()));
    }
    if !is_below && !evicted.is_empty() {
        crate::log::warning("Over client maxmemory after evicting all evictable clients");
    }
}
