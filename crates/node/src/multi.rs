//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! EXEC takes the locks of all keys that the queued commands and the client's watches name, in one ascending pass,
//! looks at the dirty mark, and runs the queue as one unit: one instant, one record in the log. A queue with a command
//! that names no keys (SCAN, FLUSHALL, CONFIG, …) runs under the gate instead.

use std::sync::atomic::Ordering;

use commands::facts::KeyShape;
use commands::queue::Queued;
use commands::session::Watched;
use commands::{Args, CommandError, CommandResult, Outcome};
use keyspace::{Key, Locked, Space};
use wire::number::parse_i64;
use wire::resp::ReplyWriter;

use crate::blocked::{self, Locks};
use crate::client::Client;
use crate::dispatch::{Moment, account_in_unit, commit, denies_oom, places, run_body};
use crate::node::Node;
use crate::registry::{Command, Run};
use crate::state::ThreadState;
use crate::tracking::By;

/// EXEC on the wire: its commands count as requests of this size.
const EXEC_BYTES: i64 = b"*1\r\n$4\r\nEXEC\r\n".len() as i64;

/// Commands that run between MULTI and EXEC instead of being queued.
pub fn runs_at_once(command: &Command) -> bool {
    matches!(command.facts.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}

/// Queues a command of a transaction.
pub fn queue(
    node: &Node,
    client: &mut Client,
    number: u16,
    command: &Command,
    args: &Args<'_>,
    first_key: Option<(u8, u32, u32)>,
) {
    let mut reply = ReplyWriter::new(&mut client.out, client.session.resp);
    if let Some(multi) = &mut client.session.multi {
        client.meta.last_command = number;
        multi.denies_oom |= denies_oom(node, command, args);
        // A transaction that cannot succeed any more needs no memory.
        if !multi.aborted && !client.session.watch.as_ref().is_some_and(|w| w.is_dirty()) {
            multi.queue.push(number, args, first_key);
            if command.facts.name == "select"
                && let Some(db) = args.try_get(1).and_then(parse_i64)
                && let Ok(db) = u16::try_from(db)
                && db < node.keyspace.databases()
            {
                multi.db = Some(db);
            }
        }
        reply.simple("QUEUED");
    }
}

/// MULTI, DISCARD, WATCH and UNWATCH.
pub fn transaction(
    node: &'static Node,
    state: &mut ThreadState,
    command: &Command,
    args: &Args<'_>,
    moment: &Moment,
    client: &mut Client,
) -> CommandResult {
    match command.facts.name {
        "multi" => {
            if client.session.multi.is_some() {
                return Err(CommandError::text("ERR MULTI calls can not be nested"));
            }
            client.session.multi = Some(state.spare_multi.take().unwrap_or_default());
            client.session.used_multi = true;
        }
        "discard" => {
            if client.session.multi.is_none() {
                return Err(CommandError::text("ERR DISCARD without MULTI"));
            }
            client.session.multi = None;
            unwatch_all(node, state, moment, client)?;
        }
        "unwatch" => unwatch_all(node, state, moment, client)?,
        _ => {
            if let Some(busy) = watch(node, state, args, moment, client) {
                return Ok(Outcome::Busy(busy));
            }
        }
    }
    ReplyWriter::new(&mut client.out, client.session.resp).ok();
    Ok(Outcome::Done)
}

/// Watches keys; returns a busy shard when one is.
fn watch(
    node: &'static Node,
    state: &mut ThreadState,
    args: &Args<'_>,
    moment: &Moment,
    client: &mut Client,
) -> Option<u32> {
    let keys: Vec<Key<'_>> = args.from(1).map(|k| node.keyspace.hasher.place(k)).collect();
    let locked = match node.keyspace.lock(&keys) {
        Ok(locked) => locked,
        Err(busy) => return Some(busy),
    };
    let db = client.session.db;
    let id = client.session.id;
    let mut space = Space::new(&node.keyspace, &mut state.local, locked, db, moment.now_ms, moment.access);
    // Watching already prepares a transaction.
    client.session.used_multi = true;
    let watch = client.session.watch.get_or_insert_default();
    for key in keys {
        if watch.keys.iter().any(|w| w.db == db && w.key == key.bytes) {
            continue;
        }
        space.watch(key, id, &watch.dirty);
        watch.bytes += key.bytes.len();
        watch.keys.push(Watched { db, key: key.bytes.to_vec() });
    }
    None
}

/// Ends all watches of a client, which may watch again at once.
pub fn unwatch_all(
    node: &'static Node,
    state: &mut ThreadState,
    moment: &Moment,
    client: &mut Client,
) -> Result<(), CommandError> {
    let Some(watch) = client.session.watch.take() else { return Ok(()) };
    for watched in &watch.keys {
        let key = node.keyspace.hasher.place(&watched.key);
        // One shard at a time, held by others for microseconds at most.
        let locked = loop {
            if let Ok(locked) = node.keyspace.lock(&[key]) {
                break locked;
            }
            std::thread::yield_now();
        };
        let mut space = Space::new(&node.keyspace, &mut state.local, locked, 0, moment.now_ms, moment.access);
        space.unwatch(key, watched.db, client.session.id);
    }
    Ok(())
}

/// EXEC.
pub fn exec(
    node: &'static Node,
    state: &mut ThreadState,
    _slot: u32,
    moment: &Moment,
    gated: bool,
    client: &mut Client,
) -> CommandResult {
    let Some(mut multi) = client.session.multi.take() else {
        return Err(CommandError::text("ERR EXEC without MULTI"));
    };
    if multi.aborted {
        unwatch_all(node, state, moment, client)?;
        return Err(CommandError::text("EXECABORT Transaction discarded because of previous errors."));
    }
    let needs_gate = multi.queue.iter().any(|queued| {
        let command = node.registry.get(queued.number);
        command.gate
            || matches!(command.run, Run::Script)
            || (!command.has_keys() && matches!(command.run, Run::Data(_)))
            || (matches!(command.facts.name, "sort" | "sort_ro") && commands::sort::needs_gate(&queued.args))
    });
    if needs_gate && !gated {
        client.session.multi = Some(multi);
        return Ok(Outcome::NeedsGate);
    }
    let mut locked = if gated {
        Locked::gate()
    } else {
        let watch = client.session.watch.as_ref().map(|w| w.keys.as_slice()).unwrap_or_default();
        let mut keys: Vec<Key<'_>> = watch.iter().map(|w| node.keyspace.hasher.place(&w.key)).collect();
        for queued in multi.queue.iter() {
            let command = node.registry.get(queued.number);
            match (command.facts.key_shape, queued.first_key) {
                (KeyShape::One(at), Some((_, shard, order))) => {
                    keys.push(Key { bytes: queued.args.get(usize::from(at)), shard, order });
                }
                _ => keys.extend(places(node, command, &queued.args)),
            }
        }
        let locks = match node.keyspace.lock(&keys) {
            Ok(locked) if locked.is_waited_for() => blocked::lock_to_serve(node, locked, &keys, usize::MAX),
            Ok(locked) => Locks::Held(locked),
            Err(busy) => Locks::Busy(busy),
        };
        let instead = match locks {
            Locks::Held(mut locked) => {
                let physical = node.keyspace.physical(client.session.db);
                node.keyspace.prefetch(&mut locked, physical, &keys);
                Ok(locked)
            }
            Locks::Busy(busy) => Err(Outcome::Busy(busy)),
            Locks::Gate => Err(Outcome::NeedsGate),
        };
        match instead {
            Ok(locked) => locked,
            Err(instead) => {
                client.session.multi = Some(multi);
                return Ok(instead);
            }
        }
    };
    if let Some(watch) = client.session.watch.take() {
        let mut space = Space::new(&node.keyspace, &mut state.local, locked, 0, moment.now_ms, moment.access);
        let mut dirty = watch.dirty.load(Ordering::Relaxed);
        for watched in &watch.keys {
            let key = node.keyspace.hasher.place(&watched.key);
            // A key that expired under watch has changed; one that was expired before has not.
            dirty |= space.unwatch(key, watched.db, client.session.id);
        }
        locked = space.into_locked();
        if dirty {
            commit(node, &mut state.local, moment, By::session(&client.session));
            ReplyWriter::new(&mut client.out, client.session.resp).null_array();
            return Ok(Outcome::Done);
        }
    }
    let (unit_from, started) = (client.out.len(), state.last_tick);
    ReplyWriter::new(&mut client.out, client.session.resp).array(multi.queue.len());
    state.in_unit = true;
    client.session.executing = Some((multi.queue.len(), multi.queue.bytes()));
    let mut locked = Some(locked);
    let mut moment = *moment;
    for queued in multi.queue.iter() {
        let Some(held) = locked.take() else { break };
        locked = Some(exec_one(node, state, &queued, &moment, held, client, unit_from));
        if node.registry.get(queued.number).gate {
            // CONFIG SET counts from the next command on.
            moment = moment.refreshed(node, state);
        }
    }
    state.in_unit = false;
    // EXEC's time holds that of its commands.
    state.last_tick = started;
    client.session.executing = None;
    if let Some(pushes) = client.session.pushes.take() {
        client.out.extend_from_slice(&pushes);
    }
    commit(node, &mut state.local, &moment, By::session(&client.session));
    if let Some(held) = locked.take_if(|_| !state.local.ready.is_empty()) {
        locked = Some(blocked::serve(node, state, &moment, held));
    }
    drop(locked);
    multi.clear();
    state.spare_multi = Some(multi);
    Ok(Outcome::Done)
}

/// One command of a running transaction: its reply, or its error as an element of EXEC's reply, which begins at
/// `unit_from`.
#[allow(clippy::too_many_arguments)]
fn exec_one(
    node: &'static Node,
    state: &mut ThreadState,
    queued: &Queued<'_>,
    moment: &Moment,
    locked: Locked<'static>,
    client: &mut Client,
    unit_from: usize,
) -> Locked<'static> {
    let Queued { number, args, first_key } = queued;
    let number = *number;
    let reply_from = client.out.len();
    let command = node.registry.get(number);
    // Rules may have changed since it was queued, or by AUTH before it.
    if let Err(denial) =
        crate::access::check_command(node, client, command, args, acl::Context::Multi, moment.now_ms)
    {
        crate::dispatch::write_error(state, client, &crate::access::refusal_at_exec(&denial).bytes());
        return locked;
    }
    let (result, locked) = run_body(node, state, number, args, *first_key, moment, locked, client);
    let error = match result {
        Ok(Outcome::Done) => None,
        Ok(Outcome::Worker(job)) => {
            client.out.extend_from_slice(&job());
            None
        }
        Ok(
            Outcome::Continue(_) | Outcome::NeedsGate | Outcome::Busy(_) | Outcome::Wait(_) | Outcome::Aside,
        ) => {
            // `run_body` drives continuations to their end and lets nobody wait within a unit, and the gate was taken
            // for the rest.
            Some(CommandError::text("ERR command cannot run inside a transaction"))
        }
        Err(error) => Some(error),
    };
    if let Some(error) = error {
        state.stats.commands[usize::from(number)].failed += 1;
        client.out.truncate(reply_from);
        crate::dispatch::write_error(state, client, &error.bytes());
    }
    if moment.monitored {
        crate::commands::monitor::show(node, state, moment.thread, number, args, client);
    }
    account_in_unit(node, state, number, args, moment, client, unit_from, EXEC_BYTES);
    locked
}
