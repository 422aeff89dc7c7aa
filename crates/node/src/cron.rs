//! What a thread does ten times a second or `hz`: expiry, client limits, rates, memory.

use std::sync::atomic::Ordering;

use sys::clock::mono_ns;

use crate::dispatch::{Moment, commit, make_room};
use crate::node::{Node, used_memory_bytes};
use crate::pause::Paused;
use crate::state::ThreadState;
use crate::tracking::By;

/// Share of a processor below which a thread is so idle that memory may be given back.
const QUIET_SHARE: f64 = 0.1;
/// Share below which hardly anybody can notice a wait of some milliseconds.
const IDLE_SHARE: f64 = 0.02;
/// The longest that active expiry keeps requests waiting.
pub const EXPIRE_SLICE_NS: u64 = 500_000;
/// Time per call for moving entries out of sparse slab pages, and buckets looked at between two looks at the clock.
const RELOCATION_NS: u64 = 200_000;
const RELOCATION_BUCKETS: u32 = 8;

/// What a call found.
#[derive(Default)]
pub struct Outcome {
    /// Slots of clients to close.
    pub closing: Vec<u32>,
    /// Keys are due that there was no time for: come back soon.
    pub more_expired: bool,
}

/// One call.
pub fn run(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    thread: usize,
    ticks: u64,
    hz: u64,
) -> Outcome {
    if node.settings.cron_paused.load(Ordering::Relaxed) {
        return Outcome::default();
    }
    let mut more_expired = false;
    if node.settings.active_expire.load(Ordering::Relaxed) && moment.paused == Paused::No {
        more_expired = expire(node, state, moment, thread, hz);
    }
    if moment.has_maxmemory {
        // The limit may have come down, and nobody asks for anything.
        make_room(node, state, moment);
    }
    crate::effects::retry(node, &mut state.local, moment.now_ms);
    let mut closing = Vec::new();
    let timeout_ms = i64::from(node.settings.timeout_seconds.load(Ordering::Relaxed)) * 1000;
    for slot in 0..state.clients.slot_count() {
        let Some(client) = state.clients.get_mut(slot) else { continue };
        let idle_ms = moment.now_ms - client.meta.active_at_ms;
        let waits = !matches!(client.waiting, crate::client::Waiting::No);
        if client.meta.killed
            || (timeout_ms > 0 && idle_ms > timeout_ms && !waits)
            || crate::tls::is_late(client, moment.now_ms)
            || (client.unsent() > 0 && crate::limits::output_exceeded(node, client, moment.now_ms))
        {
            closing.push(slot);
        } else if idle_ms > 2000 && client.consumed == 0 && client.input.is_empty() {
            client.input = Vec::new();
        }
    }
    if crate::tracking::is_full(node) {
        crate::tracking::make_room(node, state, moment);
    }
    state.stats.sample(moment.now_ms);
    if thread == 0 {
        if ticks % hz == 0 {
            let cpu = state.stats.rates.cpu;
            sys::keeper::set_idle(cpu < IDLE_SHARE);
            if cpu < QUIET_SHARE {
                give_back_memory();
            }
        }
        ask_for_huge_pages(node);
        node.peak_memory_bytes.fetch_max(used_memory_bytes(), Ordering::Relaxed);
    }
    let ThreadState { relocation, local, .. } = state;
    if fragmented(local) {
        let started = mono_ns();
        while !relocation.run(&node.keyspace, local, RELOCATION_BUCKETS)
            && mono_ns() - started < RELOCATION_NS
        {}
    }
    Outcome { closing, more_expired }
}

/// Active expiry within its share of time: up to a quarter of the period at the usual effort.
fn expire(node: &'static Node, state: &mut ThreadState, moment: &Moment, thread: usize, hz: u64) -> bool {
    let started = mono_ns();
    let effort = u64::from(node.settings.active_expire_effort.load(Ordering::Relaxed)).clamp(1, 10);
    // Short slices, so that requests wait no longer for it.
    let budget_ns = (1_000_000_000 / hz * (25 + 2 * (effort - 1)) / 100).min(EXPIRE_SLICE_NS);
    let ThreadState { expire, local, .. } = state;
    let threads = node.threads.len() as u32;
    expire.run(
        &node.keyspace,
        local,
        thread as u32,
        threads,
        moment.now_ms,
        || mono_ns() - started > budget_ns,
        |local| commit(node, local, moment, By::NOBODY),
    );
    local.collect_garbage();
    let spent = mono_ns() - started;
    state.stats.expire_cycle_us += spent / 1000;
    if spent > budget_ns {
        state.stats.expire_time_cap_reached += 1;
    }
    let threshold = node.settings.latency_threshold_ms.load(Ordering::Relaxed);
    if threshold > 0 && spent / 1_000_000 >= threshold {
        node.latency.record("expire-cycle", moment.now_ms / 1000, spent / 1_000_000);
    }
    spent > budget_ns
}

/// Whether slab pages hold much more than the entries in them.
fn fragmented(_local: &keyspace::space::Local) -> bool {
    let stats = structures::slab::stats();
    stats.page_bytes > 16 << 20 && stats.live_bytes * 10 < stats.page_bytes * 7
}

/// Once a second in quiet times: tables that grew left their old arrays behind, deleted keys their pages; when those add
/// up, they go back to the kernel. With much traffic they will be needed again.
fn give_back_memory() {
    const SLACK_BYTES: u64 = 4 << 20;
    let used = used_memory_bytes();
    if sys::alloc::rss_bytes() as u64 > used + used / 20 + SLACK_BYTES {
        sys::keeper::purge_soon();
    }
}

/// Once there is data worth it, tables get huge pages (the slab decides for itself); an idle node stays small.
fn ask_for_huge_pages(node: &Node) {
    const FROM_BYTES: usize = 3 << 20;
    if !node.has_huge_pages.load(Ordering::Relaxed) && sys::alloc::allocated_bytes_estimate() > FROM_BYTES {
        node.has_huge_pages.store(true, Ordering::Relaxed);
        sys::alloc::want_huge_pages();
    }
}
