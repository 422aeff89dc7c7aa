//! The batch: one pipeline over the commands of all ready connections, prefetched and executed in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;

use commands::Args;
use commands::facts::Group;
use keyspace::gate::GateGuard;
use structures::entry::Value;
use structures::object::Object;
use sys::thread::prefetch_addr;
use wire::resp::ReplyWriter;
use wire::resp::parse::Span;

use super::IoThread;
use super::busy;
use crate::client::{Client, Waiting};
use crate::dispatch::{self, Done, Moment};
use crate::node::Node;
use crate::registry::Run;
use crate::scripting;
use crate::state::ThreadState;

/// How many commands ahead of execution a key's place is worked out, its bucket and its entry are asked for.
const PLACE_AHEAD: usize = 24;
const BUCKET_AHEAD: usize = 16;
const ENTRY_AHEAD: usize = 8;
/// The same for a collection behind an entry: the object that the entry points to, what that points to, the element.
const OBJECT_AHEAD: usize = 6;
const VALUE_AHEAD: usize = 4;
const ELEMENT_AHEAD: usize = 2;
/// Longer names are not looked for ahead: to hash one takes longer than the memory that is waited for.
const ELEMENT_NAME_MAX: u32 = 128;
/// How many commands ahead one is looked for that needs the gate too, and how long it is kept for those, in nanoseconds.
const GATE_AHEAD: usize = 16;
const GATE_SHARED_NS: u64 = 200_000;

/// The `key_arg` of a request of memcached's protocol: `first_span` is its number among those of the batch.
pub(super) const MEMCACHED: u8 = u8::MAX;

/// A parsed command of the batch.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) slot: u32,
    /// Of the client's token: another client may have the slot by the time the command runs.
    pub(super) generation: u32,
    /// Number in the registry, or `u16::MAX` when there is no such command.
    pub(super) command: u16,
    pub(super) first_span: u32,
    pub(super) span_count: u32,
    /// Where the next command of the connection begins.
    pub(super) next: u32,
    /// Place of the first key: argument (0 = none), shard, order.
    pub(super) key_arg: u8,
    /// The argument by which the command looks into the collection behind its first key; 0 = it has none.
    pub(super) element_arg: u32,
    pub(super) shard: u32,
    pub(super) order: u32,
}

impl Pending {
    #[inline(always)]
    fn is_of(&self, client: &Client) -> bool {
        (client.token >> 32) as u32 == self.generation
    }
}

/// The gate while a batch has it.
struct Passage {
    _gate: GateGuard<'static>,
    /// Ticks of the processor's counter when it was taken.
    since: u64,
    /// The command that needed it.
    command: u16,
}

/// Whether a command is among the next.
fn comes_again(command: u16, ahead: &[Pending]) -> bool {
    ahead.iter().take(GATE_AHEAD).any(|pending| pending.command == command)
}

impl Passage {
    /// Whether the gate stays with the batch: one that needs it as well is likely to follow soon (scripts with undeclared
    /// keys come in rows), and those who wait have not waited for long.
    fn goes_on(&self, ahead: &[Pending]) -> bool {
        comes_again(self.command, ahead)
            && sys::clock::tsc_to_ns(sys::clock::tsc().wrapping_sub(self.since)) < GATE_SHARED_NS
    }
}

impl IoThread {
    /// Executes the batch. Returns the moment under the parameters that hold after it.
    pub(super) fn run_batch<'s>(
        &mut self,
        mut state: MutexGuard<'s, ThreadState>,
        moment: &Moment,
    ) -> (MutexGuard<'s, ThreadState>, Moment) {
        state.last_tick = sys::clock::tsc();
        let mut moment = *moment;
        let mut batch = std::mem::take(&mut self.batch);
        let spans = std::mem::take(&mut self.spans);
        let count = batch.len();
        if count > 1 {
            self.place(&mut state, &mut batch[..count.min(PLACE_AHEAD)], &spans);
            self.prefetch_buckets(&batch[..count.min(BUCKET_AHEAD)]);
            self.prefetch_entries(&batch[..count.min(ENTRY_AHEAD)]);
        } else {
            self.place(&mut state, &mut batch, &spans);
        }
        let mut gate: Option<Passage> = None;
        for at in 0..count {
            // Each step asks for the memory that later commands need, so that their misses overlap with work.
            if let Some(ahead) = batch.get_mut(at + PLACE_AHEAD..at + PLACE_AHEAD + 1) {
                self.place(&mut state, ahead, &spans);
            }
            if let Some(ahead) = batch.get(at + BUCKET_AHEAD..at + BUCKET_AHEAD + 1) {
                self.prefetch_buckets(ahead);
            }
            if let Some(ahead) = batch.get(at + ENTRY_AHEAD..at + ENTRY_AHEAD + 1) {
                self.prefetch_entries(ahead);
            }
            if let Some(ahead) = batch.get(at + OBJECT_AHEAD)
                && ahead.element_arg > 0
            {
                self.prefetch_object(ahead);
            }
            if let Some(ahead) = batch.get(at + VALUE_AHEAD)
                && ahead.element_arg > 0
            {
                self.look_into(&mut state, ahead, &spans, Object::prefetch);
            }
            if let Some(ahead) = batch.get(at + ELEMENT_AHEAD)
                && ahead.element_arg > 0
            {
                self.look_into(&mut state, ahead, &spans, Object::prefetch_element);
            }
            let pending = &batch[at];
            let needs_gate = self.run_one(&mut state, pending, &spans, &moment, false);
            if self.abandoned {
                break;
            }
            if needs_gate {
                if gate.is_none() {
                    // Global commands: let go of our state, stop the others, run alone.
                    drop(state);
                    let taken = self.node.gate.take(self.index);
                    let since = sys::clock::tsc();
                    gate = Some(Passage { _gate: taken, since, command: pending.command });
                    state = self.node.threads[self.index].lock_state();
                    state.last_tick = since;
                    // Others may have had the gate before us: what CONFIG SET and CLIENT PAUSE say counts from the next
                    // command on.
                    moment = moment.refreshed(self.node, &mut state);
                    self.evict_clients_gated(&mut state);
                }
                self.run_one(&mut state, pending, &spans, &moment, true);
                self.evict_clients_gated(&mut state);
                moment = moment.refreshed(self.node, &mut state);
                if self.abandoned {
                    break;
                }
            }
            if state.turn.is_some() && !comes_again(pending.command, &batch[at + 1..]) {
                state.turn = None;
            }
            if let Some(passage) = &gate
                && !passage.goes_on(&batch[at + 1..])
            {
                (state, moment) = self.open_gate(state, &mut gate, moment);
            }
        }
        if gate.is_some() {
            (state, moment) = self.open_gate(state, &mut gate, moment);
        }
        state.turn = None;
        if self.abandoned {
            self.abandoned = false;
            batch.clear();
            self.requests.clear();
            self.end_busy(&mut state, &moment);
            moment = moment.refreshed(self.node, &mut state);
            return (state, moment);
        }
        batch.clear();
        self.batch = batch;
        self.spans = spans;
        self.spans.clear();
        self.requests.clear();
        (state, moment)
    }

    /// Lets the others in. Before we are back, one of them may have had the gate.
    #[cold]
    fn open_gate<'s>(
        &self,
        state: MutexGuard<'s, ThreadState>,
        gate: &mut Option<Passage>,
        moment: Moment,
    ) -> (MutexGuard<'s, ThreadState>, Moment) {
        drop(state);
        *gate = None;
        let mut state = self.node.threads[self.index].lock_state();
        let moment = moment.refreshed(self.node, &mut state);
        (state, moment)
    }

    /// First step: works out where the commands' keys are and asks for their shards.
    #[inline(always)]
    fn place(&self, state: &mut ThreadState, window: &mut [Pending], spans: &[Span]) {
        let node = self.node;
        let keyspace = &node.keyspace;
        for pending in window {
            if pending.command == u16::MAX {
                continue;
            }
            let facts = node.registry.get(pending.command).facts;
            let Some(at) = facts.simple_key() else { continue };
            let Some(client) = state.clients.get_mut(pending.slot) else { continue };
            let span = pending.first_span as usize + usize::from(at);
            if !pending.is_of(client)
                || u32::from(at) >= pending.span_count
                || client.input.len() < spans[span].end()
            {
                continue;
            }
            let key = keyspace.hasher.place(spans[span].of(&client.input));
            pending.key_arg = at;
            pending.shard = key.shard;
            pending.order = key.order;
            pending.element_arg = match facts.group {
                Group::Hash | Group::Set if u32::from(at) + 1 < pending.span_count => u32::from(at) + 1,
                // ZADD and its like name the member last.
                Group::List | Group::SortedSet | Group::Geo => pending.span_count - 1,
                _ => 0,
            };
            prefetch_addr(keyspace.shard(key.shard).address());
        }
    }

    /// Second step: asks for the keys' buckets. A busy shard is left alone: this is a hint.
    #[inline(always)]
    fn prefetch_buckets(&self, window: &[Pending]) {
        for pending in window.iter().filter(|p| p.key_arg > 0) {
            if let Some(shard) = self.node.keyspace.shard(pending.shard).try_lock()
                && let Some(table) = shard.table(0)
            {
                prefetch_addr(table.bucket_address(pending.order));
            }
        }
    }

    /// Third step: asks for the keys' entries.
    #[inline(always)]
    fn prefetch_entries(&self, window: &[Pending]) {
        for pending in window.iter().filter(|p| p.key_arg > 0) {
            if let Some(shard) = self.node.keyspace.shard(pending.shard).try_lock()
                && let Some(table) = shard.table(0)
                && let Some(entry) = table.candidate(pending.order)
            {
                prefetch_addr(entry.address());
                prefetch_addr(entry.address() + 64);
            }
        }
    }

    /// Fourth step, for collections: asks for the object that the entry points to.
    #[inline(always)]
    fn prefetch_object(&self, pending: &Pending) {
        if let Some(shard) = self.node.keyspace.shard(pending.shard).try_lock()
            && let Some(table) = shard.table(0)
            && let Some(object) = table.candidate(pending.order).and_then(|entry| entry.object_address())
        {
            prefetch_addr(object);
        }
    }

    /// Fifth and sixth step: asks for what the command will look at in the collection.
    #[inline(always)]
    fn look_into(
        &self,
        state: &mut ThreadState,
        pending: &Pending,
        spans: &[Span],
        prefetch: impl Fn(&Object, &[u8]),
    ) {
        let Some(client) = state.clients.get_mut(pending.slot) else { return };
        let span = spans[(pending.first_span + pending.element_arg) as usize];
        if span.len > ELEMENT_NAME_MAX || !pending.is_of(client) || client.input.len() < span.end() {
            return;
        }
        if let Some(shard) = self.node.keyspace.shard(pending.shard).try_lock()
            && let Some(table) = shard.table(0)
            && let Some(Value::Object(object)) = table.candidate(pending.order).map(|entry| entry.value())
        {
            prefetch(object, span.of(&client.input));
        }
    }

    /// Executes one command. `true` when it needs the gate.
    #[inline]
    pub(super) fn run_one(
        &mut self,
        state: &mut ThreadState,
        pending: &Pending,
        spans: &[Span],
        moment: &Moment,
        gated: bool,
    ) -> bool {
        let slot = pending.slot;
        // Taken out, so that commands which look at all clients see the others.
        let Some(mut client) = state.clients.take(slot) else { return false };
        if !pending.is_of(&client) || client.stopped || client.session.close_after_reply || client.meta.killed
        {
            state.clients.put_back(slot, client);
            return false;
        }
        if !client.dirty {
            client.dirty = true;
            self.dirty.push(slot);
            if client.out.capacity() == 0
                && let Some(buffer) = self.spare_out.pop()
            {
                client.out = buffer;
            }
        }
        let was_authenticated = client.session.authenticated;
        let needs_gate = match self.run_with(state, &mut client, pending, spans, moment, gated) {
            Ran::Next => {
                client.consumed = pending.next as usize;
                if client.unsent() > crate::limits::pause_bytes(self.node) {
                    // The peer reads slower than it asks: its next commands wait until it has read.
                    client.stopped = true;
                    self.waiting.push(slot);
                } else if client.session.authenticated != was_authenticated {
                    // What follows was parsed under the other limits: parse it again.
                    client.protocol_error = None;
                    client.stopped = true;
                    self.waiting.push(slot);
                }
                false
            }
            Ran::Stop { consumed } => {
                if consumed {
                    client.consumed = pending.next as usize;
                }
                client.stopped = true;
                self.waiting.push(slot);
                false
            }
            Ran::Close => {
                client.session.close_after_reply = true;
                false
            }
            Ran::NeedsGate => true,
        };
        if self.abandoned && !self.serving_beside && !client.stopped {
            // What follows in its input is parsed again.
            client.stopped = true;
            self.waiting.push(slot);
        }
        state.clients.put_back(slot, client);
        if state.local.has_posts {
            crate::pubsub::deliver_all(self.node, state, self.index);
        }
        needs_gate
    }

    #[inline]
    fn run_with(
        &mut self,
        state: &mut ThreadState,
        client: &mut Client,
        pending: &Pending,
        spans: &[Span],
        moment: &Moment,
        gated: bool,
    ) -> Ran {
        if pending.span_count == 0 {
            if pending.key_arg == MEMCACHED {
                return self.run_memcached(state, client, pending, moment, gated);
            }
            let Some(error) = client.protocol_error.take() else { return Ran::Next };
            state.stats.count_error(b"ERR Protocol error");
            ReplyWriter::new(&mut client.out, client.session.resp).protocol_error(&error);
            return Ran::Close;
        }
        let input = std::mem::take(&mut client.input);
        let from = pending.first_span as usize;
        let args = Args::new(&input, &spans[from..from + pending.span_count as usize]);
        let node = self.node;
        let ran = if pending.command == u16::MAX {
            refuse_unknown(node, state, client, &args)
        } else {
            let first_key = (pending.key_arg > 0).then_some((pending.key_arg, pending.shard, pending.order));
            let run = AssertUnwindSafe(|| {
                dispatch::run_command(
                    node,
                    state,
                    pending.slot,
                    pending.command,
                    &args,
                    first_key,
                    moment,
                    gated,
                    client,
                )
            });
            let may_take_long = !matches!(node.registry.get(pending.command).run, Run::Data(_));
            let ran = if may_take_long { busy::lend(self, || catch_unwind(run)) } else { catch_unwind(run) };
            match ran {
                Ok(Done::Replied) => Ran::Next,
                Ok(Done::Waits) => Ran::Stop { consumed: true },
                Ok(Done::NeedsGate) => Ran::NeedsGate,
                Ok(Done::Paused) => {
                    client.waiting = Waiting::Paused;
                    self.hold_for_pause(client.token, moment);
                    Ran::Stop { consumed: false }
                }
                Ok(Done::Busy(shard)) => {
                    state.stats.parked += 1;
                    if shard == scripting::TURN {
                        client.waiting = Waiting::Turn;
                    } else if node.keyspace.wait_for(shard, self.index as u32)
                        == structures::lock::Waiting::Registered
                    {
                        client.waiting = Waiting::Shard { since_tick: state.stats.ticks };
                    }
                    Ran::Stop { consumed: false }
                }
                // No shard was held, or the process would have ended: the connection pays.
                Err(_) => Ran::Close,
            }
        };
        client.input = input;
        ran
    }
}

/// What became of one command of the batch.
pub(super) enum Ran {
    /// Go on with the connection's next command.
    Next,
    /// Its commands wait; whether this one is done with.
    Stop { consumed: bool },
    /// Close it once its replies are sent.
    Close,
    /// Run it again under the gate.
    NeedsGate,
}

#[cold]
fn refuse_unknown(node: &Node, state: &mut ThreadState, client: &mut Client, args: &Args<'_>) -> Ran {
    if crate::listener::is_http(args.get(0)) {
        crate::log::warning(&format!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Brasa. This \
             is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your instance. \
             Connection from {} aborted.",
            client.meta.addr
        ));
        // Not even replies to what came before: a web page must learn nothing.
        client.out.truncate(client.sent);
        client.meta.killed = true;
        return Ran::Close;
    }
    if let Err(error) = node.registry.find(args) {
        let text = if client.session.authenticated || node.access.is_open() {
            error.bytes()
        } else {
            b"NOAUTH Authentication required.".into()
        };
        if let Some(multi) = &mut client.session.multi {
            multi.abort();
        }
        client.meta.last_command = u16::MAX;
        crate::tracking::end_command(&mut client.session, "");
        let from = client.out.len();
        dispatch::write_error(state, client, &text);
        use commands::session::ReplyMode;
        if client.session.reply_mode != ReplyMode::On {
            client.out.truncate(from);
        }
        if client.session.reply_mode == ReplyMode::SkipNext {
            client.session.reply_mode = ReplyMode::On;
        }
    }
    Ran::Next
}
