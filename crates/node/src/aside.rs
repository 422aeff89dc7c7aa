//! Commands set aside: run by a worker on clones of their keys' values, then put in place by the client's thread.
//!
//! A body that would hold its locks for too long ends with [`Outcome::Aside`]. Only its client waits from there on. What
//! the worker made comes back by mail and takes its place at the end of that tick's batch, under the locks of the keys, if
//! they hold what was taken (see `keyspace::aside`). If not the command begins anew; after [`TRIES`] times it runs under
//! its locks to the end. A client that is gone meanwhile gets no reply, but what it asked for is done.

use commands::args::OwnedArgs;
use commands::session::ReplyMode;
use commands::slices::bytes_in_slices;
use commands::table::{Continuation, Wait};
use commands::{Args, CommandError, CommandResult, Ctx, Outcome, Session};
use effect_log::Effects;
use keyspace::aside::{Made, Taken};
use keyspace::evict::Access;
use keyspace::space::Local;
use keyspace::{Locked, Space};
use sys::random::Rng;
use wire::resp::{ReplyWriter, Resp};

use crate::blocked::{self, Locks};
use crate::client::{Client, Waiting};
use crate::dispatch::{self, Done, Moment, commit};
use crate::mailbox::Mail;
use crate::node::Node;
use crate::registry::{Command, Run};
use crate::state::ThreadState;
use crate::tracking::By;

/// Times that a command is worked out aside before it runs under its locks, since others change its keys all the time.
const TRIES: u32 = 3;
/// A reply longer than this is handed to a client in slices unless it can have the buffer.
const REPLY_SLICE_BYTES: usize = 128 * 1024;

/// A command with what it takes to run it without its client.
struct Request {
    /// The client's name to its thread.
    token: u64,
    client: u64,
    db: u16,
    resp: Resp,
    no_touch: bool,
    number: u16,
    args: OwnedArgs,
    /// Times that it was worked out aside.
    tries: u32,
}

/// How the rest of a reply comes to be.
enum Rest {
    None,
    Slices(Continuation),
    Wait(Box<Wait>),
}

/// A reply, and what comes behind it.
struct Answer {
    bytes: Vec<u8>,
    rest: Result<Rest, CommandError>,
}

/// A command that was worked out, on its way to be put in place.
pub struct Prepared {
    request: Request,
    made: Made,
    answer: Answer,
}

/// What became of an attempt to put a command in place.
pub enum Placed {
    /// It is, and the client in this slot, if it is still there, goes on.
    Done(Option<u32>),
    /// It is worked out once more.
    Again,
    /// A shard is busy, or a pause holds the command: later.
    Later(Box<Prepared>),
    /// The gate is needed.
    NeedsGate(Box<Prepared>),
}

/// Hands a client's command to the worker. Nothing was changed or written yet.
#[cold]
pub fn begin(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    moment: &Moment,
    client: &mut Client,
) -> Done {
    let request = Request {
        token: client.token,
        client: client.session.id,
        db: client.session.db,
        resp: client.session.resp,
        no_touch: client.session.no_touch,
        number,
        args: args.from(0).collect(),
        tries: 0,
    };
    let keys = dispatch::places(node, node.registry.get(number), args);
    match node.keyspace.lock(&keys) {
        Ok(locked) => {
            drop(work_out(node, state, request, moment, locked));
            client.waiting = Waiting::Worker;
            Done::Waits
        }
        Err(busy) => Done::Busy(busy),
    }
}

/// Takes the values of a command's keys, whose shards are held, and has a worker run it on them.
fn work_out(
    node: &'static Node,
    state: &mut ThreadState,
    mut request: Request,
    moment: &Moment,
    locked: Locked<'static>,
) -> Locked<'static> {
    let local = &mut state.local;
    let (active, mask) = (local.effects.is_active(), local.events.mask());
    let mut space = Space::new(&node.keyspace, local, locked, request.db, moment.now_ms, Access::None);
    let taken =
        space.take(&dispatch::places(node, node.registry.get(request.number), &request.args.as_args()));
    let locked = space.into_locked();
    request.tries += 1;
    let (moment, mut rng) = (*moment, Rng::new(state.rng.next_u64()));
    node.workers.run(Box::new(move |local| {
        local.effects = Effects::new(active);
        local.events.set_mask(mask);
        let prepared = prepare(node, request, taken, &moment, local, &mut rng);
        node.threads[moment.thread].mailbox.send(Mail::Prepared(Box::new(prepared)));
    }));
    locked
}

/// Runs a command on what was taken.
fn prepare(
    node: &'static Node,
    request: Request,
    taken: Taken,
    moment: &Moment,
    local: &mut Local,
    rng: &mut Rng,
) -> Prepared {
    let (answer, made) = taken.make(local, |space| run(node, &request, moment, space, rng));
    Prepared { request, made, answer }
}

/// Runs a command's body, without its client. Its effects are left in the view's.
fn run(
    node: &'static Node,
    request: &Request,
    moment: &Moment,
    mut space: Space<'_>,
    rng: &mut Rng,
) -> (Answer, Locked<'static>) {
    let command = node.registry.get(request.number);
    let Run::Data(body) = command.run else { unreachable!("only commands on keys are set aside") };
    let mut session = Session::new(request.client, true);
    (session.db, session.resp, session.no_touch) = (request.db, request.resp, request.no_touch);
    session.at_once = true;
    space.touch = !request.no_touch;
    let mut bytes = Vec::new();
    let counters = space.local.counters;
    let before = (counters.changes, counters.expired_keys, space.local.effects.len());
    let args = request.args.as_args();
    let reply = ReplyWriter::new(&mut bytes, request.resp);
    let mut ctx = Ctx { space, reply, session: &mut session, rng, limits: &moment.limits, first_key: None };
    let result = body(&mut ctx, &args);
    dispatch::log_body(&mut ctx, command, &args, before, result.is_ok());
    let locked = ctx.space.into_locked();
    (answer(bytes, result), locked)
}

fn answer(bytes: Vec<u8>, result: CommandResult) -> Answer {
    let rest = result.map(|outcome| match outcome {
        Outcome::Done => Rest::None,
        Outcome::Continue(slices) => Rest::Slices(slices),
        Outcome::Wait(wait) => Rest::Wait(wait),
        Outcome::Worker(_) | Outcome::Aside | Outcome::NeedsGate | Outcome::Busy(_) => {
            unreachable!("a command that changes its keys runs to its end under their locks")
        }
    });
    Answer { bytes, rest }
}

/// Puts a command in place. With `gated` the caller holds the gate.
pub fn place(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    prepared: Box<Prepared>,
    gated: bool,
) -> Placed {
    let command = node.registry.get(prepared.request.number);
    if moment.paused.holds(command) {
        return Placed::Later(prepared);
    }
    if !prepared.made.has_changes() {
        // It happened when its values were taken.
        let Prepared { request, made, answer } = *prepared;
        state.local.discard(made);
        return Placed::Done(deliver(state, &request, answer));
    }
    if let Some(error) = dispatch::refuses_change(node, state, command, moment) {
        let Prepared { request, made, .. } = *prepared;
        state.local.discard(made);
        let answer = Answer { bytes: Vec::new(), rest: Err(error) };
        return Placed::Done(deliver(state, &request, answer));
    }
    let locked = match lock(node, command, &prepared.request.args.as_args(), gated) {
        Locks::Held(locked) => locked,
        Locks::Busy(shard) => {
            node.keyspace.wait_for(shard, moment.thread as u32);
            return Placed::Later(prepared);
        }
        Locks::Gate => return Placed::NeedsGate(prepared),
    };
    let Prepared { request, made, answer } = *prepared;
    let mut space =
        Space::new(&node.keyspace, &mut state.local, locked, request.db, moment.now_ms, moment.access);
    let is_placed = space.install(made);
    commit(node, space.local, moment, By::client(request.client));
    let locked = space.into_locked();
    if is_placed {
        drop(serve(node, state, moment, locked));
        return Placed::Done(deliver(state, &request, answer));
    }
    if request.tries < TRIES {
        drop(work_out(node, state, request, moment, locked));
        return Placed::Again;
    }
    run_locked(node, state, moment, &request, locked)
}

fn lock(node: &'static Node, command: &Command, args: &Args<'_>, gated: bool) -> Locks {
    if gated {
        return Locks::Held(Locked::gate());
    }
    let keys = dispatch::places(node, command, args);
    match node.keyspace.lock(&keys) {
        Ok(locked) if locked.is_waited_for() => {
            blocked::lock_to_serve(node, locked, &keys, blocked::most_served(command, args))
        }
        Ok(locked) => Locks::Held(locked),
        Err(busy) => Locks::Busy(busy),
    }
}

fn serve(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    locked: Locked<'static>,
) -> Locked<'static> {
    if state.local.ready.is_empty() { locked } else { blocked::serve(node, state, moment, locked) }
}

/// Runs a command under its locks, however long that takes.
fn run_locked(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    request: &Request,
    locked: Locked<'static>,
) -> Placed {
    let ThreadState { local, rng, .. } = &mut *state;
    let space = Space::new(&node.keyspace, local, locked, request.db, moment.now_ms, moment.access);
    let (mut answer, mut locked) = run(node, request, moment, space, rng);
    commit(node, &mut state.local, moment, By::client(request.client));
    let slot = state.clients.slot_of(request.token);
    if let Ok(Rest::Wait(wait)) = &answer.rest
        && let Some(mut client) = slot.and_then(|slot| state.clients.take(slot))
    {
        let args = request.args.as_args();
        locked = blocked::hold(node, state, request.number, &args, wait, moment, locked, &mut client);
        client.write_pushes();
        state.clients.put_back(client.token as u32, client);
        drop(serve(node, state, moment, locked));
        return Placed::Again;
    }
    drop(serve(node, state, moment, locked));
    if let Ok(Rest::Wait(_)) = answer.rest {
        // Nobody is there to wait.
        answer.rest = Ok(Rest::None);
    }
    Placed::Done(deliver(state, request, answer))
}

/// Gives a client its reply, if it is still there. Returns its slot.
fn deliver(state: &mut ThreadState, request: &Request, answer: Answer) -> Option<u32> {
    let slot = state.clients.slot_of(request.token)?;
    let mut client = state.clients.take(slot)?;
    client.waiting = Waiting::No;
    match answer.rest {
        Ok(rest) => {
            let slices = if let Rest::Slices(slices) = rest { Some(slices) } else { None };
            append_reply(&mut client, answer.bytes, slices);
        }
        Err(error) => {
            let from = client.out.len();
            dispatch::write_error(state, &mut client, &error.bytes());
            state.stats.commands[usize::from(request.number)].failed += 1;
            dispatch::finish_reply(&mut client, from, Done::Replied);
        }
    }
    state.clients.put_back(slot, client);
    Some(slot)
}

/// Adds a reply that was written elsewhere to what a client is to be sent, and has `rest` go on with it. A long one is
/// not copied as a whole: others would wait for that.
pub fn append_reply(client: &mut Client, bytes: Vec<u8>, rest: Option<Continuation>) {
    let from = client.out.len();
    let is_long = bytes.len() > REPLY_SLICE_BYTES && client.session.reply_mode == ReplyMode::On;
    let mut rest = rest;
    if is_long && client.unsent() == 0 {
        (client.out, client.sent) = (bytes, 0);
    } else if is_long {
        rest = Some(bytes_in_slices(bytes, rest));
    } else {
        client.out.extend_from_slice(&bytes);
    }
    let done = if rest.is_some() { Done::Waits } else { Done::Replied };
    if let Some(slices) = rest {
        client.waiting = Waiting::Slices(slices);
    }
    dispatch::finish_reply(client, from, done);
}
