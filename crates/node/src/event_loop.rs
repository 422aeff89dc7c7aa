//! One I/O thread: read and parse what is ready, prefetch, execute in order, write, look after timers.
//!
//! A tick handles all ready connections together. Their commands form one batch, a pipeline over all of them: while one
//! command runs, the shard of the one [`PLACE_AHEAD`] places on, the bucket of a nearer one and the entry of a still
//! nearer one are asked for, so that cache misses overlap with work. Prefetching is a hint: execution looks everything
//! up again, in each connection's order.

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::Duration;

use commands::Args;
use sys::clock::{mono_ns, wall_ms};
use sys::poller::{AnyPoller, Event, Poller, Received};
use sys::thread::prefetch_addr;
use wire::resp::ReplyWriter;
use wire::resp::parse::{Limits, Parsed, RequestParser, Span};

use crate::client::{Client, Waiting};
use crate::dispatch::{self, Done, Moment};
use crate::listener::Listeners;
use crate::mailbox::Mail;
use crate::node::Node;
use crate::state::ThreadState;

/// How many commands ahead of execution a key's place is worked out, its bucket and its entry are asked for.
const PLACE_AHEAD: usize = 24;
const BUCKET_AHEAD: usize = 16;
const ENTRY_AHEAD: usize = 8;
/// Bytes read from one connection at a time.
const READ_BYTES: usize = 16 * 1024;
/// Bytes read at a time while a large argument arrives.
const READ_LARGE_BYTES: usize = 1024 * 1024;
/// Commands of one connection per tick; the rest waits its turn.
const COMMANDS_PER_TICK: usize = 1024;
/// Sent bytes at the front of a reply buffer that are worth moving the rest for.
const SENT_DRAIN_BYTES: usize = 1024 * 1024;
/// Buffers kept for the next connection that needs one.
const SPARE_BUFFERS: usize = 64;
/// Tokens from here on are not clients.
const TOKEN_WAKER: u64 = u64::MAX;
const TOKEN_LISTENER: u64 = u64::MAX - 1024;

/// A parsed command of the batch.
#[derive(Clone, Copy)]
struct Pending {
    slot: u32,
    /// Of the client's token: another client may have the slot by the time the command runs.
    generation: u32,
    /// Number in the registry, or `u16::MAX` when there is no such command.
    command: u16,
    first_span: u32,
    span_count: u32,
    /// Where the next command of the connection begins.
    next: u32,
    /// Place of the first key: argument (0 = none), shard, order.
    key_arg: u8,
    shard: u32,
    order: u32,
}

impl Pending {
    #[inline(always)]
    fn is_of(&self, client: &Client) -> bool {
        (client.token >> 32) as u32 == self.generation
    }
}

/// One I/O thread.
pub struct IoThread {
    node: &'static Node,
    index: usize,
    poller: AnyPoller,
    events: Vec<Event>,
    batch: Vec<Pending>,
    spans: Vec<Span>,
    /// Clients with input left from the last tick.
    ready: Vec<u32>,
    /// Clients with replies to send.
    dirty: Vec<u32>,
    /// Clients parked on a busy shard, or whose command goes on.
    waiting: Vec<u32>,
    /// Some command goes on in slices: no sleep.
    has_slices: bool,
    /// Some client is parked on a shard.
    has_parked: bool,
    spare_in: Vec<Vec<u8>>,
    spare_out: Vec<Vec<u8>>,
    listeners: Option<Listeners>,
    next_cron_ns: u64,
    cron_ticks: u64,
}

impl IoThread {
    /// Thread number `index`; the first one also accepts.
    pub fn new(node: &'static Node, index: usize, poller: AnyPoller, listeners: Option<Listeners>) -> Self {
        IoThread {
            node,
            index,
            poller,
            events: Vec::new(),
            batch: Vec::new(),
            spans: Vec::new(),
            ready: Vec::new(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            has_slices: false,
            has_parked: false,
            spare_in: Vec::new(),
            spare_out: Vec::new(),
            listeners,
            next_cron_ns: 0,
            cron_ticks: 0,
        }
    }

    /// Runs until the node stops.
    pub fn run(mut self) -> std::io::Result<()> {
        let node = self.node;
        let me = &node.threads[self.index];
        if node.threads.len() == 1 {
            structures::lock::become_sole_owner();
        }
        self.poller.add_listener(me.mailbox.waker().as_fd(), TOKEN_WAKER)?;
        if let Some(listeners) = &self.listeners {
            for (i, fd) in listeners.fds().enumerate() {
                self.poller.add_listener(fd, TOKEN_LISTENER + i as u64)?;
            }
        }
        while !node.is_stopping() {
            let timeout = self.timeout();
            let mut events = std::mem::take(&mut self.events);
            self.poller.wait(timeout, &mut events)?;
            node.gate.enter(self.index);
            let mut state = me.lock_state();
            let now_ms = wall_ms() as i64;
            let moment = self.moment(&mut state, now_ms);
            state.stats.ticks += 1;
            self.take_events(&mut state, &events, &moment);
            self.events = events;
            self.take_mail(&mut state, &moment);
            self.take_ready(&mut state, &moment);
            let (began, commands) = (sys::clock::tsc(), state.stats.total_commands);
            let mut state = self.run_batch(state, &moment);
            // CONFIG RESETSTAT may have run in between.
            let ran = state.stats.total_commands.saturating_sub(commands);
            state.stats.end_batch(began, ran);
            self.run_waiting(&mut state, &moment);
            self.flush(&mut state, &moment);
            state.local.collect_garbage();
            self.start_jobs(&mut state);
            let now_ns = mono_ns();
            if now_ns >= self.next_cron_ns {
                self.cron(&mut state, &moment, now_ns);
            }
            drop(state);
            node.gate.leave(self.index);
            crate::effects::merge(node);
        }
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.ready.is_empty() || self.has_slices {
            return Some(Duration::ZERO);
        }
        if self.has_parked {
            // Clients parked on a shard: its release wakes us; this is for the case that the holder was cut short.
            return Some(Duration::from_micros(100));
        }
        Some(Duration::from_nanos(self.next_cron_ns.saturating_sub(mono_ns()).max(1)))
    }

    fn moment(&self, state: &mut ThreadState, now_ms: i64) -> Moment {
        Moment::new(self.node, state, now_ms, self.index)
    }

    fn take_events(&mut self, state: &mut ThreadState, events: &[Event], moment: &Moment) {
        for event in events {
            if event.token >= TOKEN_LISTENER {
                self.take_other_event(state, event, moment);
                continue;
            }
            let Some(slot) = state.clients.slot_of(event.token) else { continue };
            if event.writable
                && let Some(client) = state.clients.get_mut(slot)
            {
                client.dirty = true;
                self.dirty.push(slot);
            }
            if event.readable || event.closed {
                self.read(state, slot, moment);
            }
        }
    }

    fn take_other_event(&mut self, state: &mut ThreadState, event: &Event, moment: &Moment) {
        if event.token == TOKEN_WAKER {
            self.node.threads[self.index].mailbox.waker().drain();
            return;
        }
        let Some(listeners) = self.listeners.take() else { return };
        listeners.accept(self.node, (event.token - TOKEN_LISTENER) as usize, |fd, peer, is_unix| {
            let node = self.node;
            let least = (0..node.threads.len())
                .min_by_key(|&t| node.threads[t].connections.load(Ordering::Relaxed))
                .unwrap_or(0);
            node.threads[least].connections.fetch_add(1, Ordering::Relaxed);
            if least == self.index {
                self.adopt(state, fd, peer, is_unix, moment);
            } else {
                node.threads[least].mailbox.send(Mail::Accepted { fd, peer, is_unix });
            }
        });
        self.listeners = Some(listeners);
    }

    /// Takes care of a new connection.
    fn adopt(
        &mut self,
        state: &mut ThreadState,
        fd: std::os::fd::OwnedFd,
        peer: sys::socket::Peer,
        is_unix: bool,
        moment: &Moment,
    ) {
        let token = state.clients.next_token();
        let added = self.poller.add(fd.as_fd(), token);
        let client = crate::listener::new_client(self.node, fd, peer, is_unix, token, moment.now_ms);
        state.stats.total_connections += 1;
        state.clients.insert(Box::new(client));
        if added.is_err() {
            self.close(state, token as u32, moment);
        }
    }

    fn take_mail(&mut self, state: &mut ThreadState, moment: &Moment) {
        let mailbox = &self.node.threads[self.index].mailbox;
        mailbox.take_shard_free();
        for mail in mailbox.take() {
            match mail {
                Mail::Accepted { fd, peer, is_unix } => self.adopt(state, fd, peer, is_unix, moment),
                Mail::Reply { token, bytes } => {
                    let Some(slot) = state.clients.slot_of(token) else { continue };
                    let Some(client) = state.clients.get_mut(slot) else { continue };
                    client.waiting = Waiting::No;
                    let from = client.out.len();
                    client.out.extend_from_slice(&bytes);
                    dispatch::finish_reply(client, from, Done::Replied);
                    client.dirty = true;
                    self.dirty.push(slot);
                    self.ready.push(slot);
                }
                Mail::CloseMarked => {
                    let marked: Vec<u32> = (0..state.clients.slot_count())
                        .filter(|&s| state.clients.get_mut(s).is_some_and(|c| c.meta.killed))
                        .collect();
                    for slot in marked {
                        self.close(state, slot, moment);
                    }
                }
            }
        }
    }

    /// Reads what a connection has and parses it.
    #[inline]
    fn read(&mut self, state: &mut ThreadState, slot: u32, moment: &Moment) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        if client.input.capacity() == 0
            && let Some(buffer) = self.spare_in.pop()
        {
            client.input = buffer;
        }
        let max = if client.wanted > READ_BYTES { client.wanted.min(READ_LARGE_BYTES) } else { READ_BYTES };
        state.stats.total_reads += 1;
        match self.poller.recv(client.fd.as_fd(), client.token, &mut client.input, max) {
            Ok(Received::Data(count)) => {
                client.meta.net_in_bytes += count as u64;
                state.stats.net_input_bytes += count as u64;
                client.meta.active_at_ms = moment.now_ms;
                client.wanted = client.wanted.saturating_sub(count);
                self.parse(state, slot);
            }
            Ok(Received::WouldBlock) => {}
            Ok(Received::Eof) if self.ready.contains(&slot) || !matches!(client.waiting, Waiting::No) => {
                // Commands that came before the end are still answered.
                client.ended = true;
                let _ = self.poller.pause_read(client.fd.as_fd(), client.token, true);
            }
            Ok(Received::Eof) | Err(_) => {
                client.gone = true;
                self.close(state, slot, moment);
            }
        }
    }

    /// Parses the input of connections that had some left.
    fn take_ready(&mut self, state: &mut ThreadState, _moment: &Moment) {
        let mut ready = std::mem::take(&mut self.ready);
        for slot in ready.drain(..) {
            self.parse(state, slot);
        }
        // Parsing may have put slots onto the fresh list: keep both its contents and the allocation.
        std::mem::swap(&mut ready, &mut self.ready);
        self.ready.append(&mut ready);
    }

    /// Turns a connection's input into commands of the batch.
    #[inline]
    fn parse(&mut self, state: &mut ThreadState, slot: u32) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        if !matches!(client.waiting, Waiting::No) || client.stopped || client.session.close_after_reply {
            return;
        }
        if client.unsent() > crate::limits::pause_bytes(self.node) {
            // The peer does not read: its commands wait until it does.
            return;
        }
        if client.parsed_at_tick == state.stats.ticks {
            // Its commands of this batch have yet to run, and would be parsed (and run) again: the rest comes next.
            if !self.ready.contains(&slot) {
                self.ready.push(slot);
            }
            return;
        }
        client.parsed_at_tick = state.stats.ticks;
        let node = self.node;
        let limits = Limits {
            max_bulk_bytes: node.settings.proto_max_bulk_bytes.load(Ordering::Relaxed),
            authenticated: client.session.authenticated,
            ..Limits::default()
        };
        let mut at = client.consumed;
        if client.ended && !client.dirty {
            // Whatever comes of it, the flush looks whether the connection is done.
            client.dirty = true;
            self.dirty.push(slot);
        }
        for _ in 0..COMMANDS_PER_TICK {
            if at >= client.input.len() {
                return;
            }
            let first_span = self.spans.len();
            match client.parser.parse(&mut client.input, at, &limits, &mut self.spans) {
                Ok(Parsed::Complete { next }) => {
                    let span_count = self.spans.len() - first_span;
                    let mut pending = Pending {
                        slot,
                        generation: (client.token >> 32) as u32,
                        command: u16::MAX,
                        first_span: first_span as u32,
                        span_count: span_count as u32,
                        next: next as u32,
                        key_arg: 0,
                        shard: 0,
                        order: 0,
                    };
                    if span_count > 0 {
                        let args = Args::new(&client.input, &self.spans[first_span..]);
                        if let Ok(number) = node.registry.find(&args) {
                            pending.command = number;
                        }
                    }
                    self.batch.push(pending);
                    at = next;
                }
                Ok(Parsed::Incomplete { wanted }) => {
                    client.wanted = wanted;
                    let most = node.settings.query_buffer_max_bytes.load(Ordering::Relaxed) as usize;
                    // Arguments that came whole do not count: only what is still incomplete can grow for ever.
                    if client.parser.unparsed(client.input.len()) > most {
                        state.stats.query_buffer_disconnections += 1;
                        client.meta.killed = true;
                        client.dirty = true;
                        self.dirty.push(slot);
                    }
                    return;
                }
                Err(error) => {
                    // Answered in its turn, behind the commands before it.
                    self.batch.push(Pending {
                        slot,
                        generation: (client.token >> 32) as u32,
                        command: u16::MAX,
                        first_span: first_span as u32,
                        span_count: 0,
                        next: u32::MAX,
                        key_arg: 0,
                        shard: 0,
                        order: 0,
                    });
                    client.protocol_error = Some(error);
                    return;
                }
            }
        }
        self.ready.push(slot);
    }

    /// Executes the batch.
    fn run_batch<'s>(
        &mut self,
        mut state: MutexGuard<'s, ThreadState>,
        moment: &Moment,
    ) -> MutexGuard<'s, ThreadState> {
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
            let pending = &batch[at];
            if self.run_one(&mut state, pending, &spans, &moment, false) {
                // Global commands: let go of our state, stop the others, run alone.
                drop(state);
                let gate = self.node.gate.take(self.index);
                state = self.node.threads[self.index].lock_state();
                state.last_tick = sys::clock::tsc();
                self.run_one(&mut state, pending, &spans, &moment, true);
                // CONFIG SET counts from the next command on.
                moment = moment.refreshed(self.node, &mut state);
                drop(state);
                drop(gate);
                state = self.node.threads[self.index].lock_state();
            }
        }
        batch.clear();
        self.batch = batch;
        self.spans = spans;
        self.spans.clear();
        state
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
            let Some(at) = node.registry.get(pending.command).facts.simple_key() else { continue };
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
                && let Some(entry) = table.candidate_address(pending.order)
            {
                prefetch_addr(entry);
                prefetch_addr(entry + 64);
            }
        }
    }

    /// Executes one command. `true` when it needs the gate.
    #[inline]
    fn run_one(
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
        state.clients.put_back(slot, client);
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
            match catch_unwind(run) {
                Ok(Done::Replied) => Ran::Next,
                Ok(Done::Waits) => Ran::Stop { consumed: true },
                Ok(Done::NeedsGate) => Ran::NeedsGate,
                Ok(Done::Busy(shard)) => {
                    state.stats.parked += 1;
                    if node.keyspace.wait_for(shard, self.index as u32)
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

    /// Clients whose command waits: on a shard, for its next slice, for a worker.
    fn run_waiting(&mut self, state: &mut ThreadState, moment: &Moment) {
        (self.has_slices, self.has_parked) = (false, false);
        for slot in std::mem::take(&mut self.waiting) {
            let Some(mut client) = state.clients.take(slot) else { continue };
            match client.waiting {
                // The peer does not read: the rest is written when it has taken what is there. That it becomes
                // writable begins a tick.
                Waiting::Slices(_) if client.unsent() > crate::limits::pause_bytes(self.node) => {
                    self.waiting.push(slot);
                }
                Waiting::Slices(_) => {
                    if !dispatch::run_slice(self.node, state, moment, &mut client) {
                        self.has_slices = true;
                        self.waiting.push(slot);
                    }
                    // What a slice wrote is sent at once: a long reply never stands in memory as a whole.
                    if !client.dirty {
                        client.dirty = true;
                        self.dirty.push(slot);
                    }
                }
                // Parked in this tick: the holder's release, or a tenth of a millisecond, brings the next look.
                Waiting::Shard { since_tick } if since_tick == state.stats.ticks => {
                    self.has_parked = true;
                    self.waiting.push(slot);
                    state.clients.put_back(slot, client);
                    continue;
                }
                Waiting::Shard { .. } => client.waiting = Waiting::No,
                Waiting::No | Waiting::Worker => {}
            }
            self.settle_input(&mut client);
            client.stopped = false;
            if matches!(client.waiting, Waiting::No) && client.consumed < client.input.len() {
                self.ready.push(slot);
            }
            state.clients.put_back(slot, client);
        }
    }

    fn start_jobs(&mut self, state: &mut ThreadState) {
        let (node, index) = (self.node, self.index);
        for (token, job) in state.jobs.drain(..) {
            node.workers.run(Box::new(move |_| {
                let bytes = job();
                node.threads[index].mailbox.send(Mail::Reply { token, bytes });
            }));
        }
    }

    /// Drops the input that was executed; what was parsed behind it is parsed again.
    #[inline]
    fn settle_input(&mut self, client: &mut Client) {
        if client.consumed == 0 {
            if client.stopped {
                client.parser = RequestParser::default();
            }
            return;
        }
        if client.stopped {
            client.parser = RequestParser::default();
        }
        if client.consumed >= client.input.len() {
            client.input.clear();
            client.consumed = 0;
            if client.input.capacity() <= READ_BYTES * 2 {
                if self.spare_in.len() < SPARE_BUFFERS {
                    self.spare_in.push(std::mem::take(&mut client.input));
                } else {
                    client.input = Vec::new();
                }
            } else {
                client.input = Vec::new();
            }
            return;
        }
        let consumed = client.consumed;
        client.input.drain(..consumed);
        client.parser.rebase(consumed);
        client.consumed = 0;
    }

    /// Sends the batch's replies, one write per connection.
    fn flush(&mut self, state: &mut ThreadState, moment: &Moment) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let Some(client) = state.clients.get_mut(slot) else { continue };
            client.dirty = false;
            if !client.stopped {
                // Split borrows: the buffers go to our spare list.
                let mut taken = state.clients.take(slot).expect("it was just there");
                self.settle_input(&mut taken);
                state.clients.put_back(slot, taken);
            }
            let Some(client) = state.clients.get_mut(slot) else { continue };
            if crate::limits::hard_limit_exceeded(self.node, client) {
                // Judged before the socket takes some of it, as in Valkey: one huge reply is enough.
                state.stats.output_buffer_disconnections += 1;
                self.close(state, slot, moment);
                continue;
            }
            let unsent = client.unsent();
            if unsent > 0 {
                state.stats.total_writes += 1;
                match self.poller.send(client.fd.as_fd(), client.token, &client.out[client.sent..]) {
                    Ok(count) => {
                        client.sent += count;
                        client.meta.net_out_bytes += count as u64;
                        state.stats.net_output_bytes += count as u64;
                    }
                    Err(_) => client.gone = true,
                }
            }
            let all_sent = client.sent == client.out.len();
            if all_sent {
                client.out.clear();
                client.sent = 0;
                if client.out.capacity() <= READ_BYTES * 2 {
                    if self.spare_out.len() < SPARE_BUFFERS {
                        self.spare_out.push(std::mem::take(&mut client.out));
                    } else {
                        client.out = Vec::new();
                    }
                } else {
                    client.out = Vec::new();
                }
            } else if client.sent > SENT_DRAIN_BYTES {
                client.out.drain(..client.sent);
                client.sent = 0;
            }
            if client.wants_write == all_sent && !client.gone {
                client.wants_write = !all_sent;
                let _ = self.poller.want_write(client.fd.as_fd(), client.token, !all_sent);
            }
            let over = !all_sent && crate::limits::output_exceeded(self.node, client, moment.now_ms);
            if over {
                state.stats.output_buffer_disconnections += 1;
                client.gone = true;
            }
            let answered =
                client.ended && matches!(client.waiting, Waiting::No) && !self.ready.contains(&slot);
            let done = all_sent && (client.session.close_after_reply || answered);
            if client.gone || client.meta.killed || done {
                self.close(state, slot, moment);
            } else if all_sent && client.consumed < client.input.len() && client.parser.is_idle() {
                // Commands that waited for the peer to read.
                if !self.ready.contains(&slot) {
                    self.ready.push(slot);
                }
            }
        }
        self.dirty = dirty;
    }

    /// Ends a connection.
    fn close(&mut self, state: &mut ThreadState, slot: u32, moment: &Moment) {
        let Some(mut client) = state.clients.remove(slot) else { return };
        self.poller.remove(client.fd.as_fd(), client.token);
        let _ = crate::multi::unwatch_all(self.node, state, moment, &mut client);
        self.node.connections.fetch_sub(1, Ordering::Relaxed);
        self.node.threads[self.index].connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Ten times a second or `hz`: expiry, limits, rates, memory.
    fn cron(&mut self, state: &mut ThreadState, moment: &Moment, now_ns: u64) {
        let hz = u64::from(self.node.settings.hz.load(Ordering::Relaxed).clamp(1, 500)).max(10);
        self.next_cron_ns = now_ns + 1_000_000_000 / hz;
        self.cron_ticks += 1;
        let outcome = crate::cron::run(self.node, state, moment, self.index, self.cron_ticks, hz);
        if outcome.more_expired {
            // A millisecond of every five, as long as keys are due.
            self.next_cron_ns = now_ns + 4_000_000;
        }
        for slot in outcome.closing {
            self.close(state, slot, moment);
        }
        if self.cron_ticks % hz == 0 {
            self.spare_in.truncate(SPARE_BUFFERS / 4);
            self.spare_out.truncate(SPARE_BUFFERS / 4);
        }
    }
}

/// What became of one command of the batch.
enum Ran {
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
        let text = if client.session.authenticated {
            error.to_string()
        } else {
            "NOAUTH Authentication required.".to_owned()
        };
        if let Some(multi) = &mut client.session.multi {
            multi.abort();
        }
        client.meta.last_command = u16::MAX;
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
