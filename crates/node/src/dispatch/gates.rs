//! What a command passes before it runs, and room for what it adds.

use std::sync::atomic::Ordering;

use acl::Context;
use commands::facts::Flags;
use commands::{Args, CommandError};
use sys::clock::{tsc, tsc_to_ns};
use wire::resp::Resp;

use super::{Moment, commit};
use crate::access;
use crate::client::Client;
use crate::node::{Node, used_memory_bytes};
use crate::pause::Paused;
use crate::registry::{Command, Run};
use crate::state::ThreadState;
use crate::tracking::By;

/// What a client that listens may run in RESP2, where messages cannot be told from replies.
const ALLOWED_SUBSCRIBED: [&str; 9] = [
    "ping",
    "subscribe",
    "ssubscribe",
    "unsubscribe",
    "psubscribe",
    "punsubscribe",
    "sunsubscribe",
    "quit",
    "reset",
];

/// Refusals before the body, in Valkey's order. `Ok(false)`: nothing to do (the command was queued).
pub(super) fn gates(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    command: &Command,
    args: &Args<'_>,
    moment: &Moment,
) -> Result<(), CommandError> {
    let session = &mut client.session;
    if !session.authenticated && !command.has(Flags::NO_AUTH) && !node.access.is_open() {
        return Err(CommandError::text("NOAUTH Authentication required."));
    }
    if !command.facts.accepts(args.len()) || matches!(command.run, Run::Container) {
        return Err(CommandError::Arity(command.facts.name.into()));
    }
    if session.multi.is_some() && command.has(Flags::NO_MULTI) {
        let name = command.facts.name;
        return Err(CommandError::owned(format!("ERR Command '{name}' not allowed inside a transaction")));
    }
    if command.has(Flags::PROTECTED) {
        match command.facts.name {
            "debug" => crate::commands::debug::allowed(node, &client.meta)?,
            _ => crate::commands::module::allowed(node, &client.meta)?,
        }
    }
    if session.is_restricted {
        let context = if session.multi.is_some() { Context::Multi } else { Context::TopLevel };
        access::check_command(node, client, command, args, context, moment.now_ms)
            .map_err(|denial| access::refusal(client, command, &denial))?;
    }
    let session = &mut client.session;
    if let Some(error) = log_refuses(command, moment) {
        return Err(error);
    }
    if node.scripts.is_busy() && !command.has(Flags::ALLOW_BUSY) {
        return Err(crate::scripting::busy(node));
    }
    if moment.has_maxmemory {
        let full = !make_room(node, state, moment);
        let inside = session.multi.is_some() && command.facts.name != "discard";
        if full
            && (denies_oom(node, command, args)
                || (inside
                    && command.facts.name == "exec"
                    && session.multi.as_ref().is_some_and(|m| m.denies_oom)))
        {
            return Err(CommandError::OutOfMemory);
        }
    }
    if crate::tracking::is_full(node) {
        crate::tracking::make_room(node, state, moment);
    }
    if session.subscriptions.is_some()
        && session.resp == Resp::V2
        && !ALLOWED_SUBSCRIBED.contains(&command.facts.name)
    {
        return Err(CommandError::owned(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
             context",
            command.facts.name
        )));
    }
    Ok(())
}

/// Whether a command is refused while memory is full.
pub fn denies_oom(node: &Node, command: &Command, args: &Args<'_>) -> bool {
    command.has(Flags::DENYOOM)
        || (matches!(command.run, Run::Script) && crate::scripting::needs_memory(node, command, args))
}

fn log_refuses(command: &Command, moment: &Moment) -> Option<CommandError> {
    (moment.log_failed && command.has(Flags::WRITE)).then_some(CommandError::text(
        "MISCONF The effect log cannot be written (disk full?): writes are refused until it can. See the log.",
    ))
}

/// Why a command that passed its gates, and then waited for keys, is refused now.
pub fn refuses_change(
    node: &'static Node,
    state: &mut ThreadState,
    command: &Command,
    moment: &Moment,
) -> Option<CommandError> {
    if moment.has_maxmemory && command.has(Flags::DENYOOM) && !make_room(node, state, moment) {
        return Some(CommandError::OutOfMemory);
    }
    log_refuses(command, moment)
}

/// Keys that a command may evict when its tick's time for eviction is used up.
const EVICTIONS_BEYOND_BUDGET: u32 = 2;

/// Clock ticks that eviction may take of one tick of the event loop: half a millisecond.
fn budget_ticks() -> u64 {
    // The clock is linear: one million ticks in nanoseconds give the rate.
    const SAMPLE_TICKS: u64 = 1_000_000;
    500_000 * SAMPLE_TICKS / tsc_to_ns(SAMPLE_TICKS).max(1)
}

/// What other threads' slab pages may gain while a batch runs before this thread looks again.
const OTHERS_GAIN_BYTES: i64 = 4 << 20;

/// Bytes of the heap, and of this thread's slab pages.
#[inline(always)]
pub(super) fn held_bytes(local: &keyspace::space::Local) -> i64 {
    sys::alloc::allocated_bytes_estimate() as i64 + local.heap.live_bytes()
}

/// What [`held_bytes`] may come to before memory has to be looked at as a whole: `maxmemory` less what the slab pages of
/// other threads hold and may gain meanwhile.
pub(super) fn ample_bytes(node: &Node, state: &ThreadState) -> i64 {
    let limit = node.settings.maxmemory.load(Ordering::Relaxed).min(1 << 62) as i64;
    let of_others = structures::slab::stats().live_bytes as i64 - state.local.heap.live_bytes();
    limit - of_others - OTHERS_GAIN_BYTES * (node.threads.len() as i64 - 1)
}

/// Used bytes without pushes about keys that were evicted, which are sent at the end of the tick.
fn counted_bytes(node: &Node) -> u64 {
    used_memory_bytes().saturating_sub(node.tracking.untold_bytes())
}

/// Evicts until memory is below the limit or the time for it is over. `false` when memory stays full.
pub fn make_room(node: &'static Node, state: &mut ThreadState, moment: &Moment) -> bool {
    let limit = node.settings.maxmemory.load(Ordering::Relaxed);
    if limit == 0 || counted_bytes(node) <= limit || moment.paused != Paused::No {
        node.exceeded.note(false, sys::clock::mono_ns);
        return true;
    }
    let started = tsc();
    let has_room = evict(node, state, moment, limit);
    node.exceeded.note(!has_room, sys::clock::mono_ns);
    let threshold_ms = node.settings.latency_threshold_ms.load(Ordering::Relaxed);
    if threshold_ms > 0 {
        let ms = tsc_to_ns(tsc().saturating_sub(started)) / 1_000_000;
        if ms >= threshold_ms {
            node.latency.record("eviction-cycle", moment.now_ms / 1000, ms);
        }
    }
    has_room
}

/// See [`make_room`].
fn evict(node: &'static Node, state: &mut ThreadState, moment: &Moment, limit: u64) -> bool {
    let options = node.settings.evict_options();
    let started = tsc();
    let mut evicted = 0u32;
    loop {
        let ThreadState { evictor, local, rng, .. } = &mut *state;
        let ok = evictor.evict_one(
            &node.keyspace,
            local,
            options,
            moment.now_ms,
            &mut || rng.next_u64(),
            |local| commit(node, local, moment, By::NOBODY),
        );
        local.collect_garbage();
        if !ok {
            return counted_bytes(node) <= limit;
        }
        evicted += 1;
        if counted_bytes(node) <= limit {
            state.evicting_ticks += tsc().saturating_sub(started);
            return true;
        }
        // A bounded share of each tick, so that others are served meanwhile; beyond it every command still frees
        // more than it can add, so that memory comes down whatever the load.
        if evicted >= EVICTIONS_BEYOND_BUDGET
            && state.evicting_ticks + tsc().saturating_sub(started) > budget_ticks()
        {
            state.evicting_ticks += tsc().saturating_sub(started);
            return true;
        }
    }
}
