//! Clients that wait for keys: how they begin to wait, are served, and give up.
//!
//! Whoever makes a key ready serves the clients that wait for it, at the end of its unit and under its locks, by
//! running their commands again: so no other client sees the key in between, and none that came later is first. The
//! locks that this takes are worked out before the unit runs ([`lock_to_serve`]). The reply goes to the thread of the
//! waiting client by mail; that thread accounts for the command and sends the reply.
//!
//! Keys that become ready outside a unit (expired, evicted) and what a unit has no locks for wait in
//! `ThreadState::unserved` for the end of the tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use commands::args::OwnedArgs;
use commands::table::{Continuation, Job, Wait};
use commands::{Args, CommandError, CommandResult, Ctx, Outcome, Session};
use keyspace::blocked::{Ready, Ticket};
use keyspace::{Key, Locked, Space};
use sys::clock::{mono_ns, tsc};
use wire::resp::{ReplyWriter, Resp};

use crate::client::{Client, Waiting};
use crate::dispatch::{self, Moment, Places};
use crate::leftovers::leave_queues;
use crate::mailbox::Mail;
use crate::node::Node;
use crate::registry::{Command, Run};
use crate::state::ThreadState;

/// A command that waits, with what it takes to run it without its client.
pub struct Request {
    thread: usize,
    /// The client's name to its thread.
    token: u64,
    client: u64,
    command: u16,
    resp: Resp,
    no_touch: bool,
    user: Arc<acl::User>,
    /// The generation of `user`.
    access_generation: u64,
    /// The client tracks the keys that this command reads.
    tracks: bool,
    /// Posts that its thread had been left when somebody began to serve it; `u64::MAX` before.
    served_after: AtomicU64,
    /// Its arguments.
    pub args: OwnedArgs,
}

/// The request behind a ticket.
pub fn request(ticket: &Ticket) -> &Request {
    ticket.request.downcast_ref().expect("every ticket of a node holds a request")
}

/// A client's wait, as its own thread sees it.
pub struct Blocked {
    /// Its place in the queues.
    pub ticket: Arc<Ticket>,
    /// When it gives up, in ns of the monotonic clock.
    pub deadline_ns: Option<u64>,
}

impl Blocked {
    /// Whether the reply, wherever it is, was made before the `number`th post of the client's thread was left.
    pub fn is_served_before(&self, number: u64) -> bool {
        let after = request(&self.ticket).served_after.load(Ordering::Acquire);
        !self.ticket.is_waiting() && (after == u64::MAX || number >= after)
    }

    /// Heap bytes behind it.
    pub fn memory_bytes(&self) -> usize {
        self.ticket.memory_bytes() + size_of::<Request>() + request(&self.ticket).args.memory_bytes()
    }
}

/// The end of a wait, on its way to the client's thread.
pub struct Served {
    token: u64,
    /// What running the command took, clock ticks.
    ticks: u64,
    how: How,
}

enum How {
    Replied(Vec<u8>),
    /// The reply goes on in slices.
    Continues(Vec<u8>, Continuation),
    Worker(Job),
    Failed {
        error: CommandError,
        /// It did not even run.
        rejected: bool,
    },
    /// Its user may not run it any more.
    Denied(acl::Denial),
    TimedOut,
    /// `CLIENT UNBLOCK id ERROR`.
    Unblocked,
}

/// What became of an attempt to lock what a unit and those it may serve need.
pub enum Locks {
    /// All is held.
    Held(Locked<'static>),
    /// A shard is busy; nothing is held.
    Busy(u32),
    /// So many that only the gate will do; nothing is held.
    Gate,
}

/// Adds to the locks of a unit, which holds the shards of `keys`, those needed to serve whoever waits for them.
pub fn lock_to_serve(
    node: &'static Node,
    mut locked: Locked<'static>,
    keys: &[Key<'_>],
    most: usize,
) -> Locks {
    // While nothing is held others come and go: look again each time. Chains of moves need a round per link.
    const ROUNDS: usize = 4;
    for _ in 0..ROUNDS {
        let Ok(shards) = node.keyspace.shards_to_serve(&locked, keys, most) else { return Locks::Gate };
        if shards.iter().all(|&shard| locked.holds(shard)) {
            return Locks::Held(locked);
        }
        drop(locked);
        locked = match node.keyspace.lock_shards(&shards) {
            Ok(locked) => locked,
            Err(busy) => return Locks::Busy(busy),
        };
    }
    Locks::Gate
}

/// How many clients one key can serve after a command: as many as it has arguments where each element is one.
pub fn most_served(command: &Command, args: &Args<'_>) -> usize {
    const BY_ARGUMENT: &[&str] = &[
        "lpush",
        "rpush",
        "zadd",
        "zincrby",
        "geoadd",
        "lmove",
        "rpoplpush",
        "blmove",
        "brpoplpush",
        "blpop",
        "brpop",
        "lpop",
        "rpop",
    ];
    if BY_ARGUMENT.contains(&command.facts.name) { args.len() } else { usize::MAX }
}

/// Lets a client wait whose command found nothing. The shards of its keys are held.
#[allow(clippy::too_many_arguments)]
pub fn hold(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    wait: &Wait,
    moment: &Moment,
    locked: Locked<'static>,
    client: &mut Client,
) -> Locked<'static> {
    let keys = dispatch::places(node, node.registry.get(number), args);
    let awaited: Places<'_> = args
        .from(wait.keys.start)
        .take(wait.keys.len())
        .map(|name| node.keyspace.hasher.place(name))
        .collect();
    let is_other = |key: &Key<'_>| awaited.iter().all(|a| a.bytes != key.bytes);
    // Few commands have keys they do not wait for, and those have few keys.
    let has_others = keys.len() > awaited.len();
    let others: Places<'_> = keys.into_iter().filter(|key| has_others && is_other(key)).collect();
    let mut owned = OwnedArgs::with_capacity(args.len(), args.bytes());
    for (i, arg) in args.from(0).enumerate() {
        let replaced = wait.replaced.iter().find(|(at, _)| *at == i);
        owned.push(replaced.map_or(arg, |(_, by)| by));
    }
    let request = Request {
        thread: moment.thread,
        token: client.token,
        client: client.session.id,
        command: number,
        resp: client.session.resp,
        no_touch: client.session.no_touch,
        user: client.meta.user.clone(),
        access_generation: node.access.generation(),
        tracks: client.session.tracking.as_ref().is_some_and(|tracking| tracking.remembers()),
        served_after: AtomicU64::new(u64::MAX),
        args: owned,
    };
    let db = client.session.db;
    let ticket: Arc<Ticket> = Arc::new(Ticket::new(wait.kind, db, wait.on_nokey, &awaited, &others, request));
    let mut space = Space::new(&node.keyspace, &mut state.local, locked, db, moment.now_ms, moment.access);
    space.wait(&ticket);
    let deadline_ns = wait.timeout_ms.map(|ms| mono_ns().saturating_add(ms.saturating_mul(1_000_000)));
    if let Some(at) = deadline_ns {
        state.timeouts.insert((at, client.token));
    }
    client.waiting = Waiting::Blocked(Blocked { ticket, deadline_ns });
    // A peer that has gone already gets nothing any more.
    client.gone |= client.ended;
    space.into_locked()
}

/// Serves the clients that wait for the keys which the unit made ready, as far as its locks reach. The unit's own
/// effects have been committed.
#[cold]
pub fn serve(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    mut locked: Locked<'static>,
) -> Locked<'static> {
    let began = tsc();
    while !state.local.ready.is_empty() {
        // Keys that become ready by serving come behind those that were.
        for ready in std::mem::take(&mut state.local.ready) {
            locked = if locked.holds(ready.key().shard) {
                serve_key(node, state, moment, locked, ready)
            } else {
                state.unserved.push(ready);
                locked
            };
        }
    }
    // What others' commands take is not the time of the one that runs.
    state.last_tick += tsc().wrapping_sub(began);
    locked
}

/// One key's turn.
fn serve_key(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    mut locked: Locked<'static>,
    ready: Ready,
) -> Locked<'static> {
    let mut round = None;
    loop {
        let ThreadState { local, .. } = &mut *state;
        let mut space = Space::new(&node.keyspace, local, locked, ready.db, moment.now_ms, moment.access);
        if round.is_none() {
            round = space.begin_round(&ready);
        }
        let next = round.as_mut().and_then(|round| space.next_to_serve(&ready, round));
        let Some(ticket) = next else { return space.into_locked() };
        if !ticket.is_waiting() {
            // It gave up and is about to be taken out.
            space.leave_queue_of(&ticket, ready.key());
            locked = space.into_locked();
            continue;
        }
        let command = node.registry.get(request(&ticket).command);
        if !space.can_serve(&ticket) || moment.paused.holds(command) {
            locked = space.into_locked();
            state.unserved.push(ready);
            return locked;
        }
        let claimed = space.claim(&ticket);
        locked = space.into_locked();
        if claimed {
            locked = serve_client(node, state, moment, locked, &ticket);
        }
    }
}

/// Runs a waiting client's command again. It stands in no queue at this moment.
fn serve_client(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    locked: Locked<'static>,
    ticket: &Arc<Ticket>,
) -> Locked<'static> {
    let request = request(ticket);
    let command = node.registry.get(request.command);
    let began = tsc();
    if request.tracks {
        request.served_after.store(node.threads[request.thread].posts.count(), Ordering::Release);
    }
    let mut out = Vec::new();
    if let Err(denial) = may_run(node, request, ticket.db) {
        return tell(
            node,
            state,
            moment,
            locked,
            request,
            Served { token: request.token, ticks: 0, how: How::Denied(denial) },
        );
    }
    let (result, rejected, mut locked) = match dispatch::refuses_change(node, state, command, moment) {
        Some(error) => (Err(error), true, locked),
        None => {
            let (result, locked) = run(node, state, moment, locked, ticket, &mut out);
            (result, false, locked)
        }
    };
    let how = match result {
        Ok(Outcome::Done) => How::Replied(out),
        Ok(Outcome::Continue(slice)) => How::Continues(out, slice),
        Ok(Outcome::Worker(job)) => How::Worker(job),
        Err(error) => How::Failed { error, rejected },
        Ok(Outcome::Wait(_) | Outcome::Busy(_) | Outcome::NeedsGate | Outcome::Aside) => {
            let mut space =
                Space::new(&node.keyspace, &mut state.local, locked, ticket.db, moment.now_ms, moment.access);
            space.wait_again(ticket);
            locked = space.into_locked();
            return locked;
        }
    };
    let served = Served { token: request.token, ticks: tsc().wrapping_sub(began), how };
    tell(node, state, moment, locked, request, served)
}

/// Sends the end of a wait to the client's thread.
fn tell(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    locked: Locked<'static>,
    request: &Request,
    served: Served,
) -> Locked<'static> {
    if request.thread == moment.thread {
        state.served.push(served);
    } else {
        node.threads[request.thread].mailbox.send(Mail::Served(served));
    }
    locked
}

/// Whether its user, as it is now, may run a waiting command.
fn may_run(node: &Node, request: &Request, db: u16) -> Result<(), acl::Denial> {
    let command = node.registry.get(request.command);
    let args = request.args.as_args();
    if node.access.generation() == request.access_generation {
        return crate::access::check(node, &request.user, command, &args, db);
    }
    // Without its user the client is about to end.
    let Some(user) = node.access.users().get(&request.user.name).cloned() else { return Ok(()) };
    crate::access::check(node, &user, command, &args, db)
}

fn run(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    locked: Locked<'static>,
    ticket: &Ticket,
    out: &mut Vec<u8>,
) -> (CommandResult, Locked<'static>) {
    let request = request(ticket);
    let command = node.registry.get(request.command);
    let Run::Data(body) = command.run else { unreachable!("only commands on keys wait for keys") };
    let mut session = Session::new(request.client, true);
    (session.db, session.resp, session.no_touch) = (ticket.db, request.resp, request.no_touch);
    session.at_once = true;
    session.tracking = request.tracks.then(Box::default);
    let args = request.args.as_args();
    let ThreadState { local, rng, .. } = state;
    let before = (local.counters.changes, local.counters.expired_keys, local.effects.len());
    let mut space = Space::new(&node.keyspace, local, locked, ticket.db, moment.now_ms, moment.access);
    space.touch = !request.no_touch;
    let mut ctx = Ctx {
        space,
        reply: ReplyWriter::new(out, request.resp),
        session: &mut session,
        rng,
        limits: &moment.limits,
        first_key: None,
    };
    let result = body(&mut ctx, &args);
    dispatch::end_body(node, command, &args, moment, before, false, result, ctx)
}

/// Tries to serve what no unit had the locks for. `true` when the gate is needed for it.
#[cold]
pub fn serve_later(node: &'static Node, state: &mut ThreadState, moment: &Moment) -> bool {
    let mut needs_gate = false;
    for ready in std::mem::take(&mut state.unserved) {
        let key = ready.key();
        let locked = match node.keyspace.lock(&[key]) {
            Ok(locked) => lock_to_serve(node, locked, &[key], usize::MAX),
            Err(busy) => Locks::Busy(busy),
        };
        match locked {
            Locks::Held(locked) => {
                state.local.ready.push(ready);
                drop(serve(node, state, moment, locked));
            }
            Locks::Busy(_) => state.unserved.push(ready),
            Locks::Gate => {
                needs_gate = true;
                state.unserved.push(ready);
            }
        }
    }
    needs_gate
}

/// As [`serve_later`], under the gate: nothing is left over but what a pause holds.
#[cold]
pub fn serve_under_gate(node: &'static Node, state: &mut ThreadState, moment: &Moment) {
    state.local.ready.append(&mut state.unserved);
    drop(serve(node, state, moment, Locked::gate()));
}

/// The end of a client's wait reaches its thread: the reply is written and accounted for. Returns the client's slot if
/// it is still there.
pub fn finish(node: &'static Node, state: &mut ThreadState, moment: &Moment, served: Served) -> Option<u32> {
    let slot = state.clients.slot_of(served.token)?;
    let mut client = state.clients.take(slot)?;
    if let Waiting::Blocked(blocked) = &client.waiting
        && request(&blocked.ticket).tracks
    {
        // What it is to hear of stands before the reply if it was posted before that was made.
        state.clients.put_back(slot, client);
        crate::pubsub::deliver_all(node, state, moment.thread);
        client = state.clients.take(slot)?;
    }
    let Waiting::Blocked(blocked) = std::mem::take(&mut client.waiting) else {
        unreachable!("only a waiting client is served, and only once");
    };
    if let Some(at) = blocked.deadline_ns {
        state.timeouts.remove(&(at, served.token));
    }
    let request = request(&blocked.ticket);
    let number = request.command;
    let args = request.args.as_args();
    let reply_from = client.out.len();
    let mut rejected = false;
    match served.how {
        How::Replied(bytes) => client.out.extend_from_slice(&bytes),
        How::Continues(bytes, slice) => {
            client.out.extend_from_slice(&bytes);
            client.sliced_bytes = bytes.len();
            client.waiting = Waiting::Slices(slice);
        }
        How::Worker(job) => {
            client.waiting = Waiting::Worker;
            state.jobs.push((client.token, job));
        }
        How::Failed { error, rejected: was_rejected } => {
            rejected = was_rejected;
            dispatch::write_error(state, &mut client, &error.bytes());
            let row = &mut state.stats.commands[usize::from(number)];
            if rejected { row.rejected += 1 } else { row.failed += 1 }
        }
        How::TimedOut => {
            leave_queues(node, state, moment, &blocked.ticket);
            ReplyWriter::new(&mut client.out, client.session.resp).null_array();
        }
        How::Denied(denial) => {
            let command = node.registry.get(number);
            let context = acl::Context::TopLevel;
            crate::access::note_denial(node, &client, command, &args, &denial, context, moment.now_ms);
            let error = crate::access::refusal(&client, command, &denial);
            dispatch::write_error(state, &mut client, &error.bytes());
            state.stats.commands[usize::from(number)].rejected += 1;
            rejected = true;
        }
        How::Unblocked => {
            leave_queues(node, state, moment, &blocked.ticket);
            dispatch::write_error(state, &mut client, b"UNBLOCKED client unblocked via CLIENT UNBLOCK");
            state.stats.commands[usize::from(number)].failed += 1;
        }
    }
    if !rejected {
        dispatch::account(
            node,
            state,
            number,
            &args,
            moment,
            served.ticks,
            dispatch::Way::Served,
            &mut client,
            reply_from,
        );
    }
    let done = match client.waiting {
        Waiting::No => dispatch::Done::Replied,
        _ => dispatch::Done::Waits,
    };
    dispatch::finish_reply(&mut client, reply_from, done);
    client.end_pushes();
    state.clients.put_back(slot, client);
    Some(slot)
}

/// Ends the waits whose time is over. Returns one [`Served`] for each.
pub fn time_out(node: &'static Node, state: &mut ThreadState) -> Vec<Served> {
    /// When to look again at one that is being served at this moment.
    const AGAIN_NS: u64 = 1_000_000;
    let now_ns = mono_ns();
    let mut over = Vec::new();
    while let Some(&(at, token)) = state.timeouts.first()
        && at <= now_ns
    {
        state.timeouts.pop_first();
        let Some(slot) = state.clients.slot_of(token) else { continue };
        let Some(client) = state.clients.get_mut(slot) else { continue };
        let Waiting::Blocked(blocked) = &mut client.waiting else { continue };
        if node.keyspace.end_wait(&blocked.ticket) {
            blocked.deadline_ns = None;
            over.push(Served { token, ticks: 0, how: How::TimedOut });
        } else {
            blocked.deadline_ns = Some(now_ns + AGAIN_NS);
            state.timeouts.insert((now_ns + AGAIN_NS, token));
        }
    }
    over
}

/// `CLIENT UNBLOCK`: ends a client's wait, as if its time was over or with an error. `None` when it does not wait.
/// Under the gate; the letter is for the client's thread.
pub fn unblock(node: &Node, client: &Client, with_error: bool) -> Option<Mail> {
    let Waiting::Blocked(blocked) = &client.waiting else { return None };
    let how = if with_error { How::Unblocked } else { How::TimedOut };
    let letter = Mail::Served(Served { token: client.token, ticks: 0, how });
    node.keyspace.end_wait(&blocked.ticket).then_some(letter)
}

/// A client is about to be closed: from now on nothing is taken from a key for it. Its queues are left when it closes.
pub fn kill(node: &Node, client: &Client) {
    if let Waiting::Blocked(blocked) = &client.waiting {
        node.keyspace.end_wait(&blocked.ticket);
    }
}

/// A client is gone: it leaves all queues, now or when their shards are free. O(its keys).
pub fn abandon(node: &'static Node, state: &mut ThreadState, moment: &Moment, client: &mut Client) {
    let Waiting::Blocked(blocked) = std::mem::take(&mut client.waiting) else { return };
    if let Some(at) = blocked.deadline_ns {
        state.timeouts.remove(&(at, client.token));
    }
    if node.keyspace.abandon_wait(&blocked.ticket) {
        leave_queues(node, state, moment, &blocked.ticket);
    }
}
