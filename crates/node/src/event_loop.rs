//! One I/O thread: read and parse what is ready, prefetch, execute in order, write, look after timers.
//!
//! A tick handles all ready connections together. Their commands form one batch, a pipeline over all of them: while one
//! command runs, the shard of the one a few places on, the bucket of a nearer one and the entry of a still
//! nearer one are asked for, so that cache misses overlap with work. Prefetching is a hint: execution looks everything
//! up again, in each connection's order.

mod balance;
mod batch;
mod busy;
pub mod client_memory;
mod encrypted;
mod inline;
mod input;
mod memcached;
mod output;
mod waits;

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sys::clock::{mono_ns, wall_ms};
use sys::poller::{AnyPoller, Event, Poller};
use wire::resp::parse::Span;

use crate::aside;
use crate::blocked;
use crate::client::Waiting;
use crate::dispatch::{self, Moment};
use crate::listener::{Door, Listeners};
use crate::mailbox::Mail;
use crate::node::Node;
use crate::pause::Paused;
use crate::pubsub;
use crate::state::ThreadState;
use crate::tracking;
use batch::Pending;
pub use busy::serve_while_busy;

/// Buffers kept for the next connection that needs one.
const SPARE_BUFFERS: usize = 64;
/// Arguments and commands of a batch whose room is kept: a request with a million arguments does not come every second.
const SPARE_SPANS: usize = 16 * 1024;
const SPARE_BATCH: usize = 4 * 1024;
/// Tokens from here on are not clients.
const TOKEN_WAKER: u64 = u64::MAX;
const TOKEN_LISTENER: u64 = u64::MAX - 1024;

/// How long a thread sleeps at most that waits for what another thread's scripts hold, ns.
const TURN_LOOK_NS: u64 = 5_000_000;

/// One I/O thread.
pub struct IoThread {
    node: &'static Node,
    index: usize,
    poller: AnyPoller,
    events: Vec<Event>,
    batch: Vec<Pending>,
    spans: Vec<Span>,
    /// The requests of memcached's protocol in the batch.
    requests: Vec<wire::memcached::text::Request>,
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
    /// Shards that were busy hold what ended clients left.
    has_leftovers: bool,
    /// Some client waits for the turn of scripts.
    waits_for_turn: bool,
    spare_in: Vec<Vec<u8>>,
    spare_out: Vec<Vec<u8>>,
    listeners: Option<Listeners>,
    /// Ciphertext just read.
    ciphertext: Vec<u8>,
    /// What handshakes took of this tick.
    handshakes: encrypted::Handshakes,
    /// The connection that is to go to another thread.
    moving: Option<balance::Move>,
    next_cron_ns: u64,
    /// Clients to measure for `maxmemory-clients`.
    touched: Vec<u32>,
    /// Nobody is left who may be closed for it: not before this instant.
    next_eviction_ns: u64,
    /// When the first waiting client gives up.
    next_timeout_ns: Option<u64>,
    /// Clients whose next command `CLIENT PAUSE` holds, by token, and what it held then.
    held: Vec<u64>,
    held_under: Paused,
    /// Keys are ready for clients that could not be served yet.
    has_unserved: bool,
    /// Commands that were worked out aside could not be put in place yet.
    has_prepared: bool,
    /// Objects that other threads freed are to be taken back.
    has_undrained: bool,
    /// What expired or was evicted at the end of the tick is to be told to listeners.
    has_posts: bool,
    cron_ticks: u64,
    /// Clients were served while a command of the batch ran: what is left of it was taken up by that.
    abandoned: bool,
    /// That service is under way.
    serving_beside: bool,
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
            requests: Vec::new(),
            ready: Vec::new(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            has_slices: false,
            has_parked: false,
            waits_for_turn: false,
            has_leftovers: false,
            spare_in: Vec::new(),
            spare_out: Vec::new(),
            listeners,
            ciphertext: Vec::new(),
            handshakes: Default::default(),
            moving: None,
            next_cron_ns: 0,
            touched: Vec::new(),
            next_eviction_ns: 0,
            next_timeout_ns: None,
            held: Vec::new(),
            held_under: Paused::No,
            has_unserved: false,
            has_prepared: false,
            has_undrained: false,
            has_posts: false,
            cron_ticks: 0,
            abandoned: false,
            serving_beside: false,
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
        self.watch_listeners()?;
        while !node.is_stopping() {
            let timeout = self.timeout();
            let mut events = std::mem::take(&mut self.events);
            self.poller.wait(timeout, &mut events)?;
            if !node.gate.try_enter(self.index) {
                self.enter_slowly(&mut events)?;
            }
            let mut state = me.lock_state();
            let now_ms = wall_ms() as i64;
            let moment = self.moment(&mut state, now_ms);
            state.stats.ticks += 1;
            if !self.held.is_empty() {
                self.let_go(&mut state, &moment);
            }
            self.take_events(&mut state, &events, &moment);
            self.events = events;
            self.take_mail(&mut state, &moment);
            // Before what was just read: who asks after a message was published gets the message first.
            self.deliver(&mut state);
            self.take_ready(&mut state, &moment);
            let state = self.evict_clients(state);
            let (began, commands) = (sys::clock::tsc(), state.stats.total_commands);
            let (mut state, moment) = self.run_batch(state, &moment);
            // CONFIG RESETSTAT may have run in between.
            let ran = state.stats.total_commands.saturating_sub(commands);
            state.stats.end_batch(began, ran);
            let mut state = self.end_waits(state, &moment);
            self.run_waiting(&mut state, &moment);
            self.deliver(&mut state);
            self.flush(&mut state, &moment);
            state.local.collect_garbage();
            self.start_jobs(&mut state);
            if self.moving.is_some() {
                self.go_on_moving(&mut state, &moment);
            }
            let mut state = self.evict_clients(state);
            let now_ns = mono_ns();
            if now_ns >= self.next_cron_ns {
                self.cron(&mut state, &moment, now_ns);
            }
            self.next_timeout_ns = state.timeouts.first().map(|(at, _)| *at);
            self.has_unserved = !state.unserved.is_empty() || !state.local.ready.is_empty();
            self.has_prepared = !state.prepared.is_empty();
            self.has_undrained = state.local.heap.has_undrained();
            self.has_posts = state.local.has_posts
                || !state.local.broadcasts.changed.is_empty()
                || !state.listeners.unsettled.is_empty();
            self.has_leftovers = !state.leftovers.is_empty();
            drop(state);
            node.gate.leave(self.index);
            crate::effects::merge(node);
        }
        Ok(())
    }

    fn watch_listeners(&mut self) -> std::io::Result<()> {
        let Some(listeners) = &self.listeners else { return Ok(()) };
        for (i, fd) in listeners.fds().enumerate() {
            self.poller.add_listener(fd, TOKEN_LISTENER + i as u64)?;
        }
        Ok(())
    }

    /// Listens on other TCP sockets than so far (CONFIG SET port, bind).
    fn listen_on(&mut self, tcp: Vec<(std::os::fd::OwnedFd, Door)>) {
        if let Some(listeners) = &mut self.listeners {
            for (i, fd) in listeners.fds().enumerate() {
                self.poller.remove(fd, TOKEN_LISTENER + i as u64);
            }
            listeners.replace_tcp(tcp);
        }
        if let Err(error) = self.watch_listeners() {
            crate::log::warning(&format!("the new listening sockets cannot be watched: {error}"));
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.ready.is_empty() || self.has_slices || self.has_undrained || self.has_posts {
            return Some(Duration::ZERO);
        }
        if self.moving.is_some() {
            return Some(Duration::from_millis(1));
        }
        if self.has_parked || (self.has_prepared && self.node.pause.at(wall_ms() as i64) == Paused::No) {
            // Clients parked on a shard: its release wakes us; this is for the case that the holder was cut short.
            return Some(Duration::from_micros(100));
        }
        let mut next_ns = self.next_cron_ns.min(self.next_timeout_ns.unwrap_or(u64::MAX));
        let now_ns = mono_ns();
        if self.waits_for_turn || self.has_leftovers {
            // For the case that a script runs for too long.
            next_ns = next_ns.min(now_ns + TURN_LOOK_NS);
        }
        if self.has_unserved || self.has_prepared || !self.held.is_empty() {
            let now_ms = wall_ms() as i64;
            let paused_ms = match self.node.pause.at(now_ms) {
                Paused::No => 0,
                _ => self.node.pause.until_ms().saturating_sub(now_ms),
            };
            next_ns = next_ns.min(now_ns.saturating_add(paused_ms as u64 * 1_000_000));
        }
        Some(Duration::from_nanos(next_ns.saturating_sub(now_ns).max(1)))
    }

    fn moment(&self, state: &mut ThreadState, now_ms: i64) -> Moment {
        Moment::new(self.node, state, now_ms, self.index)
    }

    fn take_events(&mut self, state: &mut ThreadState, events: &[Event], moment: &Moment) {
        self.handshakes = Default::default();
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
        listeners.accept(self.node, (event.token - TOKEN_LISTENER) as usize, |fd, peer, door| {
            let node = self.node;
            let least = (0..node.threads.len())
                .min_by_key(|&t| node.threads[t].connections.load(Ordering::Relaxed))
                .unwrap_or(0);
            node.threads[least].connections.fetch_add(1, Ordering::Relaxed);
            if least == self.index {
                self.adopt(state, fd, peer, door, moment);
            } else {
                node.threads[least].mailbox.send(Mail::Accepted { fd, peer, door });
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
        door: Door,
        moment: &Moment,
    ) {
        let token = state.clients.next_token();
        let added = self.poller.add(fd.as_fd(), token);
        let client = crate::listener::new_client(self.node, fd, peer, door, token, moment.now_ms);
        let gone = client.gone;
        state.stats.total_connections += 1;
        state.clients.insert(Box::new(client));
        if added.is_err() || gone {
            self.close(state, token as u32, moment);
        }
    }

    fn take_mail(&mut self, state: &mut ThreadState, moment: &Moment) {
        let mailbox = &self.node.threads[self.index].mailbox;
        mailbox.take_shard_free();
        for mail in mailbox.take() {
            match mail {
                Mail::Accepted { fd, peer, door } => self.adopt(state, fd, peer, door, moment),
                Mail::Listen(tcp) => self.listen_on(tcp),
                Mail::Moved(client) => self.adopt_moved(state, client, moment),
                Mail::Reply { token, bytes } => {
                    let Some(slot) = state.clients.slot_of(token) else { continue };
                    let Some(client) = state.clients.get_mut(slot) else { continue };
                    client.waiting = Waiting::No;
                    aside::append_reply(client, bytes, None);
                    self.go_on(state, slot);
                }
                Mail::Prepared(prepared) => state.prepared.push(prepared),
                Mail::Served(served) => self.finish_wait(state, served, moment),
                // That it woke us is enough.
                Mail::Unpaused => {}
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

    /// A client whose command was worked out elsewhere has a reply, or the beginning of one.
    fn go_on(&mut self, state: &mut ThreadState, slot: u32) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        client.dirty = true;
        self.dirty.push(slot);
        client.end_pushes();
        match client.waiting {
            Waiting::Slices(_) => self.waiting.push(slot),
            _ => self.ready.push(slot),
        }
    }

    /// Clients whose command waits: on a shard, for its next slice, for a worker.
    fn run_waiting(&mut self, state: &mut ThreadState, moment: &Moment) {
        (self.has_slices, self.has_parked, self.waits_for_turn) = (false, false, false);
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
                    } else {
                        client.end_pushes();
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
                // Whoever has the turn wakes us. While a script runs for too long, the command is answered.
                Waiting::Turn
                    if !self.node.scripts.is_busy()
                        && self.node.scripts.turn.wait(self.index as u32)
                            == structures::lock::Waiting::Registered =>
                {
                    self.waits_for_turn = true;
                    self.waiting.push(slot);
                    state.clients.put_back(slot, client);
                    continue;
                }
                Waiting::Shard { .. } | Waiting::Turn => client.waiting = Waiting::No,
                Waiting::No | Waiting::Worker | Waiting::Blocked(_) | Waiting::Paused => {}
            }
            self.settle_input(&mut client);
            client.stopped = false;
            if matches!(client.waiting, Waiting::No) && client.consumed < client.input.len() {
                self.ready.push(slot);
            }
            state.clients.put_back(slot, client);
        }
    }

    /// Writes messages for this thread's listeners.
    fn deliver(&mut self, state: &mut ThreadState) {
        tracking::broadcast(self.node, &mut state.local, self.index);
        pubsub::deliver_all(self.node, state, self.index);
        let mut touched = std::mem::take(&mut state.listeners.touched);
        for slot in touched.drain(..) {
            if let Some(client) = state.clients.get_mut(slot).filter(|client| !client.dirty) {
                client.dirty = true;
                self.dirty.push(slot);
            }
        }
        state.listeners.touched = touched;
    }

    fn start_jobs(&mut self, state: &mut ThreadState) {
        let (node, index) = (self.node, self.index);
        if let Some(values) = state.local.take_heavy_garbage() {
            node.workers.free_values(values);
        }
        for (token, job) in state.jobs.drain(..) {
            node.workers.run(Box::new(move |_| {
                let bytes = job();
                node.threads[index].mailbox.send(Mail::Reply { token, bytes });
            }));
        }
    }

    /// Ends a connection.
    fn close(&mut self, state: &mut ThreadState, slot: u32, moment: &Moment) {
        let Some(mut client) = state.clients.remove(slot) else { return };
        self.uncount(&client);
        if state.clients.is_empty() {
            // Buffers are kept for the next one that needs them, not for nobody.
            self.spare_in.clear();
            self.spare_out.clear();
        }
        encrypted::say_goodbye(&mut self.poller, &mut client);
        self.poller.remove(client.fd.as_fd(), client.token);
        crate::leftovers::end_watches(self.node, state, moment, &mut client);
        if client.session.is_special {
            let token = client.token;
            pubsub::end_all(self.node, self.index, &mut state.listeners, token, &mut client.session);
            tracking::end(self.node, &mut client.session);
        }
        if client.meta.is_redirect_target {
            self.node.tracking.target_is_gone(client.session.id);
        }
        blocked::abandon(self.node, state, moment, &mut client);
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
            // A fifth of the time, as long as keys are due.
            self.next_cron_ns = now_ns + 5 * crate::cron::EXPIRE_SLICE_NS;
        }
        for slot in outcome.closing {
            self.close(state, slot, moment);
        }
        if self.cron_ticks % hz == 0 && self.node.threads.len() > 1 {
            self.balance(state, moment);
        }
        if self.cron_ticks % hz == 0 {
            self.spare_in.truncate(SPARE_BUFFERS / 4);
            self.spare_out.truncate(SPARE_BUFFERS / 4);
            self.ciphertext.shrink_to(input::READ_BYTES);
            self.spans.shrink_to(SPARE_SPANS);
            self.requests.shrink_to(SPARE_BATCH);
            self.batch.shrink_to(SPARE_BATCH);
        }
    }
}
