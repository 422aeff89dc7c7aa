//! From a parsed command to its reply: the list of gates, the locks, the body, the log.

mod account;
mod gates;

use commands::facts::{Flags, KeyShape, keys_of};
use commands::session::ReplyMode;
use commands::table::{Log, Nothing};
use commands::{Args, CommandError, CommandResult, Ctx, Outcome, Session};
use keyspace::notify::Note;
use keyspace::{Key, Locked, Space};
use smallvec::SmallVec;
use wire::resp::ReplyWriter;

use crate::blocked::{self, Locks};
use crate::client::Client;
use crate::ctx::{BufferSizes, NodeCtx};
use crate::node::Node;
use crate::pause::Paused;
use crate::registry::{Command, Run};
use crate::state::ThreadState;
use crate::tracking::By;

use account::finish_clock;
pub use account::{Way, account, account_in_unit, finish_reply, write_error};
use gates::gates;
pub use gates::{denies_oom, make_room, refuses_change};

/// What happened to a command.
pub enum Done {
    /// It ran (or was refused); the reply is in the client's buffer.
    Replied,
    /// A shard is busy: run it again later.
    Busy(u32),
    /// It needs the gate: run it again under it.
    NeedsGate,
    /// Its rest is in the client's `waiting`.
    Waits,
    /// `CLIENT PAUSE` holds it: run it again when that is over.
    Paused,
}

/// Values that stay the same for a batch.
#[derive(Clone, Copy)]
pub struct Moment {
    /// Unix ms.
    pub now_ms: i64,
    /// How accesses are marked.
    pub access: keyspace::evict::Access,
    /// Parameters for data commands.
    pub limits: commands::ctx::Limits,
    /// `maxmemory` is set.
    pub has_maxmemory: bool,
    /// The effect log cannot be written.
    pub log_failed: bool,
    /// What `CLIENT PAUSE` holds back.
    pub paused: Paused,
    /// Somebody watches commands.
    pub monitored: bool,
    /// None of the three before is the case, nor does a script run for too long: no gate refuses a command of a client
    /// without special state but for its arity, its user, and memory (see `has_room`).
    pub is_plain: bool,
    /// What the heap and this thread's slab pages may hold together before memory is looked at more closely.
    ample_bytes: i64,
    /// This thread.
    pub thread: usize,
}

impl Moment {
    /// As of now: at the start of a tick, and after a command that may have changed parameters.
    pub fn new(node: &Node, state: &mut ThreadState, now_ms: i64, thread: usize) -> Moment {
        let settings = &node.settings;
        let has_maxmemory = settings.maxmemory.load(std::sync::atomic::Ordering::Relaxed) > 0;
        let (log_failed, paused) = (node.log_failed(), node.pause.at(now_ms));
        state.local.events.set_mask(settings.keyspace_events.load(std::sync::atomic::Ordering::Relaxed));
        let monitored = node.pubsub.monitors.load(std::sync::atomic::Ordering::Relaxed) > 0;
        let ample_bytes = if has_maxmemory { gates::ample_bytes(node, state) } else { i64::MAX };
        Moment {
            now_ms,
            access: settings.access(now_ms, state.rng.next_u32()),
            limits: settings.command_limits(),
            has_maxmemory,
            log_failed,
            paused,
            monitored,
            is_plain: !log_failed && paused == Paused::No && !monitored && !node.scripts.is_busy(),
            ample_bytes,
            thread,
        }
    }

    /// Whether memory is so far below `maxmemory` that nothing needs to be evicted. Two loads where there is a limit.
    #[inline(always)]
    pub(crate) fn has_room(&self, local: &keyspace::space::Local) -> bool {
        self.ample_bytes == i64::MAX || gates::held_bytes(local) <= self.ample_bytes
    }

    /// The same instant under the parameters of now.
    pub fn refreshed(&self, node: &Node, state: &mut ThreadState) -> Moment {
        Moment::new(node, state, self.now_ms, self.thread)
    }
}

/// The key places of a command.
pub type Places<'k> = SmallVec<[Key<'k>; 4]>;

/// Works out where a command's keys are.
#[inline(always)]
pub fn places<'k>(node: &'static Node, command: &Command, args: &Args<'k>) -> Places<'k> {
    let hasher = node.keyspace.hasher;
    match command.facts.key_shape {
        KeyShape::None => Places::new(),
        KeyShape::One(at) => {
            // Arity makes the argument sure to be there.
            args.try_get(usize::from(at)).map(|k| hasher.place(k)).into_iter().collect()
        }
        KeyShape::Range(range) => {
            let last =
                if range.last < 0 { args.len() as isize + range.last as isize } else { range.last as isize };
            (range.first as isize..=last)
                .step_by(range.step as usize)
                .filter_map(|i| args.try_get(i as usize))
                .map(|k| hasher.place(k))
                .collect()
        }
        KeyShape::Dynamic => match keys_of(command.facts, &args.to_vec()) {
            Ok(keys) => {
                keys.iter().filter_map(|(i, _)| args.try_get(*i as usize)).map(|k| hasher.place(k)).collect()
            }
            // Keys that COMMAND GETKEYS would not find; the command may still run and use its first one
            // (`PFMERGE destination` without sources).
            Err(_) => usize::try_from(command.facts.first_key())
                .ok()
                .filter(|&at| at > 0)
                .and_then(|at| args.try_get(at))
                .map(|k| hasher.place(k))
                .into_iter()
                .collect(),
        },
    }
}

/// Sends the unit's effects to the log, and what happened to keys to whoever listens, while the shards are still held.
#[inline(always)]
pub fn commit(node: &Node, local: &mut keyspace::space::Local, moment: &Moment, by: By) {
    publish_events(node, local, moment, by);
    if local.log.is_some() && !local.effects.is_empty() {
        crate::effects::commit(node, local, moment.now_ms);
    } else {
        local.effects.clear();
    }
}

/// Publishes what has happened to keys so far, by what a client did or on its own.
#[inline(always)]
pub fn publish_events(node: &Node, local: &mut keyspace::space::Local, moment: &Moment, by: By) {
    if !local.events.is_empty() {
        publish_notes(node, local, moment, by);
    }
}

/// Events to those who listen, changed keys to those who track them, in one order.
#[cold]
fn publish_notes(node: &Node, local: &mut keyspace::space::Local, moment: &Moment, by: By) {
    let (mask, notes) = (local.events.mask(), local.events.take());
    for notes in notes.chunk_by(|a, b| a.event().is_some() == b.event().is_some()) {
        let thread = moment.thread;
        if notes[0].event().is_some() {
            let events = notes.iter().filter_map(Note::event);
            crate::pubsub::publish_events(node, &mut local.has_posts, thread, mask, events);
        } else {
            crate::tracking::publish(node, local, thread, by, notes.iter());
        }
    }
}

/// Queueing, gates, body, statistics of one command of `client`. With `gated` the caller holds the gate.
#[inline]
#[allow(clippy::too_many_arguments)]
pub fn run_command(
    node: &'static Node,
    state: &mut ThreadState,
    slot: u32,
    number: u16,
    args: &Args<'_>,
    first_key: Option<(u8, u32, u32)>,
    moment: &Moment,
    gated: bool,
    client: &mut Client,
) -> Done {
    let command = node.registry.get(number);
    // Nearly every command: one key, on the keyspace, from a client without special state, with memory to spare. No gate
    // can refuse it but arity and its user's rules; what these do not allow is refused, and noted, on the long way.
    if let (Run::Data(run), Some((_, shard, _))) = (command.run, first_key)
        && client.session.is_plain()
        && moment.is_plain
        && !gated
        && command.facts.accepts(args.len())
        && moment.has_room(&state.local)
        && (!client.session.is_restricted || crate::access::allows_plainly(node, client, command, args))
    {
        let Some(locked) = node.keyspace.lock_shard(shard) else { return Done::Busy(shard) };
        if locked.is_waited_for() {
            drop(locked);
            return run_command_slow(node, state, slot, number, args, first_key, moment, gated, client);
        }
        let reply_from = client.out.len();
        let result = run_plain(node, state, command, run, args, first_key, moment, locked, client);
        if let Ok(Outcome::Done) = result {
            finish_clock(node, state, number, args, moment, client, reply_from);
            return Done::Replied;
        }
        return settle(node, state, number, args, moment, client, reply_from, result.map_err(|e| (e, false)));
    }
    run_command_slow(node, state, slot, number, args, first_key, moment, gated, client)
}

/// The body of a keyspace command under its one lock.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn run_plain(
    node: &'static Node,
    state: &mut ThreadState,
    command: &Command,
    run: commands::table::Handler,
    args: &Args<'_>,
    first_key: Option<(u8, u32, u32)>,
    moment: &Moment,
    locked: Locked<'static>,
    client: &mut Client,
) -> CommandResult {
    let ThreadState { local, rng, .. } = state;
    let before = (local.counters.changes, local.counters.expired_keys, local.effects.len());
    let mut space =
        Space::new(&node.keyspace, local, locked, client.session.db, moment.now_ms, moment.access);
    space.touch = !client.session.no_touch;
    let resp = client.session.resp;
    let mut ctx = Ctx {
        space,
        reply: ReplyWriter::new(&mut client.out, resp),
        session: &mut client.session,
        rng,
        limits: &moment.limits,
        first_key,
    };
    let result = run(&mut ctx, args);
    let counters = &ctx.space.local.counters;
    if counters.changes - before.0 > counters.expired_keys - before.1 {
        log_change(&mut ctx, command, args, before.2, result.is_ok());
    }
    if let Ok(Outcome::Aside | Outcome::Busy(_) | Outcome::NeedsGate) = result {
        // It is run again from its beginning.
        ctx.space.local.events.forget_misses();
    }
    commit(node, ctx.space.local, moment, By::session(ctx.session));
    result
}

/// Commands of any kind, from clients in any state.
#[inline(never)]
#[allow(clippy::too_many_arguments)]
fn run_command_slow(
    node: &'static Node,
    state: &mut ThreadState,
    slot: u32,
    number: u16,
    args: &Args<'_>,
    first_key: Option<(u8, u32, u32)>,
    moment: &Moment,
    gated: bool,
    client: &mut Client,
) -> Done {
    let command = node.registry.get(number);
    client.meta.last_command = number;
    if client.session.reply_mode == ReplyMode::SkipNext {
        client.session.reply_mode = ReplyMode::Skipping;
    }
    let passed = gates(node, state, client, command, args, moment);
    if state.local.has_posts {
        // What had to go for the command went before it: so the client hears of it.
        deliver_before(node, state, moment, client);
    }
    let reply_from = client.out.len();
    let result = match passed {
        Err(error) => {
            if let Some(multi) = &mut client.session.multi {
                multi.abort();
            }
            Err((error, true))
        }
        Ok(()) if moment.paused != Paused::No && is_held(node, &client.session, command, args, moment) => {
            if client.session.reply_mode == ReplyMode::Skipping {
                client.session.reply_mode = ReplyMode::SkipNext;
            }
            return Done::Paused;
        }
        Ok(()) if client.session.multi.is_some() && !crate::multi::runs_at_once(command) => {
            crate::multi::queue(node, client, number, command, args, first_key);
            return finish_reply(client, reply_from, Done::Replied);
        }
        Ok(()) => {
            execute(node, state, slot, number, args, first_key, moment, gated, client).map_err(|e| (e, false))
        }
    };
    let done = settle(node, state, number, args, moment, client, reply_from, result);
    if client.session.tracking.is_some() && !matches!(done, Done::Busy(_) | Done::NeedsGate) {
        crate::tracking::end_command(&mut client.session, command.facts.name);
    }
    done
}

/// Writes what was posted to this thread before a command of a client.
#[cold]
fn deliver_before(node: &'static Node, state: &mut ThreadState, moment: &Moment, client: &mut Client) {
    let ThreadState { listeners, clients, .. } = state;
    let Client { token, session, out, .. } = client;
    let mut asking = crate::pubsub::Asking { token: *token, session, out };
    crate::pubsub::deliver(node, moment.thread, listeners, clients, Some(&mut asking));
}

/// After the body: errors become replies, waiting commands wait, the rest is accounted for.
#[inline(never)]
#[allow(clippy::too_many_arguments)]
fn settle(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    moment: &Moment,
    client: &mut Client,
    reply_from: usize,
    result: Result<Outcome, (CommandError, bool)>,
) -> Done {
    let ran = !matches!(result, Err((_, true)) | Ok(Outcome::Busy(_) | Outcome::NeedsGate | Outcome::Aside));
    if moment.monitored && ran {
        crate::commands::monitor::show(node, state, moment.thread, number, args, client);
    }
    let done = match result {
        Ok(Outcome::Done) => Done::Replied,
        Ok(Outcome::Busy(shard)) => Done::Busy(shard),
        Ok(Outcome::NeedsGate) => Done::NeedsGate,
        Ok(Outcome::Continue(continuation)) => {
            client.waiting = crate::client::Waiting::Slices(continuation);
            client.sliced_bytes = client.out.len() - reply_from;
            Done::Waits
        }
        Ok(Outcome::Wait(_)) => {
            // It counts as called when it is served.
            debug_assert!(matches!(client.waiting, crate::client::Waiting::Blocked(_)), "it is held by now");
            state.last_tick = sys::clock::tsc();
            return Done::Waits;
        }
        Ok(Outcome::Worker(job)) => {
            client.waiting = crate::client::Waiting::Worker;
            state.jobs.push((client.token, job));
            Done::Waits
        }
        Ok(Outcome::Aside) => crate::aside::begin(node, state, number, args, moment, client),
        Err((error, rejected)) => {
            let mut text = error.bytes();
            if rejected && node.registry.get(number).facts.name == "exec" {
                // A refused EXEC ends the transaction.
                client.session.multi = None;
                let _ = crate::multi::unwatch_all(node, state, moment, client);
                let reason = text.strip_prefix(b"ERR ").unwrap_or(&text);
                text = [b"EXECABORT Transaction discarded because of: ", reason].concat().into();
            }
            client.out.truncate(reply_from);
            write_error(state, client, &text);
            let row = &mut state.stats.commands[usize::from(number)];
            if rejected {
                row.rejected += 1;
                return finish_reply(client, reply_from, Done::Replied);
            }
            row.failed += 1;
            Done::Replied
        }
    };
    if let Done::Busy(_) | Done::NeedsGate = done {
        client.out.truncate(reply_from);
        if client.session.reply_mode == ReplyMode::Skipping {
            client.session.reply_mode = ReplyMode::SkipNext;
        }
        return done;
    }
    finish_clock(node, state, number, args, moment, client, reply_from);
    finish_reply(client, reply_from, done)
}

/// Locks what the command needs and runs its body.
#[allow(clippy::too_many_arguments)]
fn execute(
    node: &'static Node,
    state: &mut ThreadState,
    slot: u32,
    number: u16,
    args: &Args<'_>,
    first_key: Option<(u8, u32, u32)>,
    moment: &Moment,
    gated: bool,
    client: &mut Client,
) -> CommandResult {
    let command = node.registry.get(number);
    if command.gate && !gated {
        return Ok(Outcome::NeedsGate);
    }
    if let Run::Transaction = command.run {
        return match command.facts.name {
            "exec" => crate::multi::exec(node, state, slot, moment, gated, client),
            _ => crate::multi::transaction(node, state, command, args, moment, client),
        };
    }
    if let Run::Script = command.run {
        return crate::scripting::execute(node, state, number, args, moment, gated, client);
    }
    let locked = if gated {
        Locked::gate()
    } else if command.has_keys() {
        let taken = match (command.facts.key_shape, first_key) {
            (KeyShape::One(at), Some((_, shard, order))) => {
                node.keyspace.lock(&[Key { bytes: args.get(usize::from(at)), shard, order }])
            }
            (KeyShape::Range(range), _) => {
                let keys = places(node, command, args);
                let taken = node.keyspace.lock(&keys);
                match taken {
                    Ok(mut locked) if keys.len() > 1 => {
                        let physical = node.keyspace.physical(client.session.db);
                        node.keyspace.prefetch(&mut locked, physical, &keys);
                        state.local.places.fill(range.first as usize, range.step as usize, &keys);
                        Ok(locked)
                    }
                    other => other,
                }
            }
            _ => node.keyspace.lock(&places(node, command, args)),
        };
        match taken {
            Ok(locked) if locked.is_waited_for() => {
                let keys = places(node, command, args);
                match blocked::lock_to_serve(node, locked, &keys, blocked::most_served(command, args)) {
                    Locks::Held(locked) => locked,
                    Locks::Busy(shard) => return Ok(Outcome::Busy(shard)),
                    Locks::Gate => return Ok(Outcome::NeedsGate),
                }
            }
            Ok(locked) => locked,
            Err(shard) => return Ok(Outcome::Busy(shard)),
        }
    } else {
        Locked::none()
    };
    let (result, mut locked) = run_body(node, state, number, args, first_key, moment, locked, client);
    state.local.places.clear();
    if let Ok(Outcome::Wait(wait)) = &result {
        locked = blocked::hold(node, state, number, args, wait, moment, locked, client);
    }
    if !state.local.ready.is_empty() {
        locked = blocked::serve(node, state, moment, locked);
    }
    drop(locked);
    result
}

/// Whether `CLIENT PAUSE` holds a command back: EXEC if it holds one of the transaction's, a script by what it says
/// about itself.
#[cold]
fn is_held(node: &Node, session: &Session, command: &Command, args: &Args<'_>, moment: &Moment) -> bool {
    let holds = |command: &Command, args: &Args<'_>| match (moment.paused, command.run) {
        (Paused::Writes, Run::Script) => crate::scripting::may_write(node, command, args),
        _ => moment.paused.holds(command),
    };
    let queue = session.multi.as_ref().filter(|_| command.facts.name == "exec").map(|multi| &multi.queue);
    let queued = queue.is_some_and(|queue| queue.iter().any(|q| holds(node.registry.get(q.number), &q.args)));
    queued || holds(command, args)
}

/// Runs a command's body under `locked` and logs what it did (at the end of the transaction, inside one). Returns the
/// locks for the next command of a unit.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub fn run_body(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    first_key: Option<(u8, u32, u32)>,
    moment: &Moment,
    locked: Locked<'static>,
    client: &mut Client,
) -> (CommandResult, Locked<'static>) {
    let command = node.registry.get(number);
    if client.session.is_restricted
        && matches!(command.facts.name, "sort" | "sort_ro")
        && let Err(error) = crate::access::check_sort(node, client, command, args)
    {
        return (Err(error), locked);
    }
    if let Run::Script = command.run {
        return crate::scripting::run_in_unit(node, state, number, args, moment, locked, client);
    }
    let ThreadState { local, rng, clients, stats, in_unit, listeners, .. } = state;
    let before = (local.counters.changes, local.counters.expired_keys, local.effects.len());
    let buffers = BufferSizes {
        // The input is on loan to the arguments while a command runs.
        input: client.input.len().saturating_sub(client.consumed),
        input_free: client.input.capacity() - client.input.len(),
        output: client.out.len() - client.sent,
        total: client.memory_bytes(),
    };
    let mut space =
        Space::new(&node.keyspace, local, locked, client.session.db, moment.now_ms, moment.access);
    space.touch = !client.session.no_touch;
    space.keep_expired = moment.paused != Paused::No && !command.has(Flags::WRITE);
    let resp = client.session.resp;
    let mut ctx = Ctx {
        space,
        reply: ReplyWriter::new(&mut client.out, resp),
        session: &mut client.session,
        rng,
        limits: &moment.limits,
        first_key,
    };
    if let Run::Data(run) = command.run {
        let result = run(&mut ctx, args);
        return end_body(node, command, args, moment, before, *in_unit, result, ctx);
    }
    if let Run::Transaction = command.run {
        // UNWATCH, queued: EXEC has ended the watches already.
        ctx.reply.ok();
        return (Ok(Outcome::Done), ctx.space.into_locked());
    }
    let Run::Node(run) = command.run else {
        return (Err(CommandError::Arity(command.facts.name.into())), ctx.space.into_locked());
    };
    let thread = moment.thread;
    let shown = if *in_unit { node.exec_number } else { number };
    let mut wide = NodeCtx {
        data: ctx,
        node,
        meta: &mut client.meta,
        buffers,
        clients,
        listeners,
        token: client.token,
        stats,
        thread,
        command: shown,
    };
    let result = run(&mut wide, args);
    end_body(node, command, args, moment, before, *in_unit, result, wide.data)
}

/// Logs what a body did and takes the locks back.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub fn end_body(
    node: &'static Node,
    command: &Command,
    args: &Args<'_>,
    moment: &Moment,
    before: (u64, u64, usize),
    in_unit: bool,
    mut result: CommandResult,
    mut ctx: Ctx<'_>,
) -> (CommandResult, Locked<'static>) {
    if in_unit {
        // Inside a transaction nothing waits: slices run one after the other.
        while let Ok(Outcome::Continue(mut slice)) = result {
            result = slice(&mut ctx);
        }
        if let Ok(Outcome::Wait(wait)) = &result {
            match wait.nothing {
                Nothing::Null => ctx.reply.null(),
                Nothing::NullArray => ctx.reply.null_array(),
            }
            result = Ok(Outcome::Done);
        }
    }
    log_body(&mut ctx, command, args, before, result.is_ok());
    if let Ok(Outcome::Aside | Outcome::Busy(_) | Outcome::NeedsGate) = result {
        // It is run again from its beginning.
        ctx.space.local.events.forget_misses();
    }
    if ctx.session.tracking.is_some() {
        crate::tracking::remember(node, command, args, &result, &mut ctx);
    }
    let by = By::session(ctx.session);
    if in_unit {
        // No later than the messages of commands that follow.
        publish_events(node, ctx.space.local, moment, by);
    } else {
        commit(node, ctx.space.local, moment, by);
    }
    (result, ctx.space.into_locked())
}

/// Sees to it that what a body changed is among the unit's effects. `before`: changes, expired keys and effects.
#[inline(always)]
pub fn log_body(ctx: &mut Ctx<'_>, command: &Command, args: &Args<'_>, before: (u64, u64, usize), ok: bool) {
    let counters = &ctx.space.local.counters;
    // CONFIG RESETSTAT sets the number of expired keys back.
    let changed = counters.changes - before.0 > counters.expired_keys.saturating_sub(before.1);
    if changed {
        log_change(ctx, command, args, before.2, ok);
    }
}

/// Runs the next slice of a command that goes on. `true` when it is done (or failed); the reply is written.
pub fn run_slice(node: &'static Node, state: &mut ThreadState, moment: &Moment, client: &mut Client) -> bool {
    let crate::client::Waiting::Slices(mut slice) = std::mem::take(&mut client.waiting) else { return true };
    let reply_from = client.out.len();
    let ThreadState { local, rng, .. } = state;
    let db = client.session.db;
    let space = Space::new(&node.keyspace, local, Locked::none(), db, moment.now_ms, moment.access);
    let resp = client.session.resp;
    let mut ctx = Ctx {
        space,
        reply: ReplyWriter::new(&mut client.out, resp),
        session: &mut client.session,
        rng,
        limits: &moment.limits,
        first_key: None,
    };
    let result = slice(&mut ctx);
    commit(node, ctx.space.local, moment, By::session(ctx.session));
    drop(ctx);
    client.sliced_bytes += client.out.len() - reply_from;
    let done = match result {
        Ok(Outcome::Continue(next)) => {
            client.waiting = crate::client::Waiting::Slices(next);
            Done::Waits
        }
        Ok(Outcome::Busy(_) | Outcome::NeedsGate) => {
            client.waiting = crate::client::Waiting::Slices(slice);
            Done::Waits
        }
        Ok(Outcome::Worker(job)) => {
            client.waiting = crate::client::Waiting::Worker;
            state.jobs.push((client.token, job));
            finish_reply(client, reply_from, Done::Waits);
            return true;
        }
        Ok(Outcome::Wait(_) | Outcome::Aside) => {
            unreachable!("a command that has begun to reply never waits")
        }
        Ok(Outcome::Done) => Done::Replied,
        Err(error) => {
            write_error(state, client, &error.bytes());
            Done::Replied
        }
    };
    matches!(finish_reply(client, reply_from, done), Done::Replied)
}

/// A command that changed something leaves an effect, or the process says so.
#[inline(always)]
fn log_change(ctx: &mut Ctx<'_>, command: &Command, args: &Args<'_>, effects_before: usize, ok: bool) {
    match command.log {
        Log::Verbatim if ok => {
            if ctx.space.local.effects.is_active() {
                ctx.effect(&args.to_vec());
            }
        }
        _ => debug_assert!(
            ctx.space.local.effects.len() > effects_before,
            "{} changed the keyspace without an effect",
            command.facts.name
        ),
    }
}
