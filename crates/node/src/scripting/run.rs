//! One run of a script: what it runs, the locks it needs, its reply, and what happens when it takes too long.

use std::sync::atomic::Ordering;

use commands::{Args, CommandError, CommandResult, Outcome};
use keyspace::{Key, Locked};
use script::{Outcome as Ran, Protocol};
use smallvec::SmallVec;
use wire::number::parse_i64;
use wire::resp::{ReplyWriter, Resp};

use super::engine::{self, Target};
use super::host::UnitHost;
use super::store::{Running, Uses};
use crate::blocked::{self, Locks};
use crate::client::Client;
use crate::dispatch::{Moment, commit, make_room};
use crate::node::Node;
use crate::state::ThreadState;
use crate::tracking::By;

/// The keys and arguments of the call.
struct Call<'a> {
    target: Target,
    keys: SmallVec<[&'a [u8]; 8]>,
    args: SmallVec<[&'a [u8]; 8]>,
    read_only: bool,
}

/// Takes the arguments apart and finds what they name, in Valkey's order of checks.
fn resolve<'a>(node: &'static Node, name: &str, args: &Args<'a>) -> Result<Call<'a>, CommandError> {
    let owned = CommandError::owned;
    let is_function = name.starts_with("fcall");
    let read_only = name.ends_with("_ro");
    let what = args.get(1);
    let mut target = None;
    if is_function {
        let found = engine::with(|e| e.function(node, what)).and_then(|r| r).map_err(owned)?;
        target = Some(Target::Function(found.ok_or(CommandError::text("ERR Function not found"))?));
    } else if name.starts_with("evalsha") && what.len() != 40 {
        return Err(CommandError::text("NOSCRIPT No matching script."));
    }
    let bad_number = if is_function {
        "ERR Bad number of keys provided"
    } else {
        "ERR value is not an integer or out of range"
    };
    let count = parse_i64(args.get(2)).ok_or(CommandError::text(bad_number))?;
    if count > args.len() as i64 - 3 {
        return Err(CommandError::text("ERR Number of keys can't be greater than number of args"));
    }
    if count < 0 {
        return Err(CommandError::text("ERR Number of keys can't be negative"));
    }
    let target = match target {
        Some(target) => target,
        None if name.starts_with("evalsha") => {
            let mut sha = [0; 40];
            for (to, from) in sha.iter_mut().zip(what) {
                *to = from.to_ascii_lowercase();
            }
            let found = engine::with(|e| e.by_sha(node, &sha)).and_then(|r| r).map_err(owned)?;
            Target::Script(found.ok_or(CommandError::text("NOSCRIPT No matching script."))?)
        }
        None => {
            let found = engine::with(|e| e.by_text(node, what, true)).and_then(|r| r).map_err(owned)?;
            Target::Script(found.1)
        }
    };
    let mut rest = args.from(3);
    let keys = rest.by_ref().take(count as usize).collect();
    Ok(Call { target, keys, args: rest.collect(), read_only })
}

/// What the script says about itself against what the command and the node allow.
fn check(
    node: &'static Node,
    state: &mut ThreadState,
    call: &Call<'_>,
    moment: &Moment,
) -> Result<bool, CommandError> {
    let flags = call.target.flags();
    if !flags.is_silent && call.read_only && !flags.no_writes {
        return Err(CommandError::text("ERR Can not execute a script with write flag using *_ro command."));
    }
    let is_full = moment.has_maxmemory && !make_room(node, state, moment);
    if is_full && !flags.is_silent && !flags.allow_oom && !flags.no_writes {
        return Err(CommandError::text("OOM command not allowed when used memory > 'maxmemory'."));
    }
    Ok(is_full)
}

/// In place of a shard's number: what is busy is the turn of scripts.
pub const TURN: u32 = u32::MAX;

/// EVAL, EVALSHA, FCALL and their `_RO` forms.
#[allow(clippy::too_many_arguments)]
pub fn execute(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    moment: &Moment,
    gated: bool,
    client: &mut Client,
) -> CommandResult {
    let call = resolve(node, node.registry.get(number).facts.name, args)?;
    // The only thread needs no gate: nobody else runs commands.
    let alone = gated || node.threads.len() == 1;
    if !alone {
        let uses = call.target.learned().uses();
        // Who watches commands is shown them once: then no attempt is given up half-way.
        if moment.monitored || uses.is_none() {
            return Ok(Outcome::NeedsGate);
        }
        if uses == Some(Uses::OthersLater) && state.turn.is_none() {
            state.turn = node.scripts.turn.try_lock();
            if state.turn.is_none() {
                return Ok(Outcome::Busy(TURN));
            }
        }
    }
    let is_full = check(node, state, &call, moment)?;
    let locked = if alone {
        Locked::gate()
    } else {
        let keys: SmallVec<[Key<'_>; 4]> =
            call.keys.iter().map(|key| node.keyspace.hasher.place(key)).collect();
        match node.keyspace.lock(&keys) {
            Ok(locked) if locked.is_waited_for() => {
                match blocked::lock_to_serve(node, locked, &keys, usize::MAX) {
                    Locks::Held(locked) => locked,
                    Locks::Busy(shard) => return Ok(Outcome::Busy(shard)),
                    Locks::Gate => return Ok(Outcome::NeedsGate),
                }
            }
            Ok(locked) => locked,
            Err(shard) => return Ok(Outcome::Busy(shard)),
        }
    };
    state.in_unit = true;
    let looked = (state.local.counters.keyspace_hits, state.local.counters.keyspace_misses);
    let (result, mut locked) = run(node, state, number, args, call, moment, alone, is_full, locked, client);
    state.in_unit = false;
    if let Ok(Outcome::Busy(_) | Outcome::NeedsGate) = result {
        // It is run again from its beginning.
        state.local.events.forget_misses();
        (state.local.counters.keyspace_hits, state.local.counters.keyspace_misses) = looked;
    }
    commit(node, &mut state.local, moment, By::session(&client.session));
    if !state.local.ready.is_empty() {
        locked = blocked::serve(node, state, moment, locked);
    }
    drop(locked);
    if let Ok(Outcome::Done) = result {
        client.meta.last_command = number;
    }
    result
}

/// The same inside a transaction, whose locks it has.
pub fn run_in_unit(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    moment: &Moment,
    locked: Locked<'static>,
    client: &mut Client,
) -> (CommandResult, Locked<'static>) {
    let call = match resolve(node, node.registry.get(number).facts.name, args) {
        Ok(call) => call,
        Err(error) => return (Err(error), locked),
    };
    let is_full = match check(node, state, &call, moment) {
        Ok(is_full) => is_full,
        Err(error) => return (Err(error), locked),
    };
    let alone = locked.is_gate();
    run(node, state, number, args, call, moment, alone, is_full, locked, client)
}

#[allow(clippy::too_many_arguments)]
fn run(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    call: Call<'_>,
    moment: &Moment,
    gated: bool,
    is_full: bool,
    locked: Locked<'static>,
    client: &mut Client,
) -> (CommandResult, Locked<'static>) {
    let started = state.last_tick;
    let flags = call.target.flags();
    let learns = node.threads.len() > 1 && gated;
    let declared = if learns {
        call.keys.iter().map(|key| node.keyspace.hasher.place(key).shard).collect()
    } else {
        SmallVec::new()
    };
    let (db, at_once, resp) = (client.session.db, client.session.at_once, client.session.resp);
    client.session.at_once = true;
    client.session.in_script = true;
    let is_function = matches!(call.target, Target::Function(_));
    if moment.monitored {
        crate::commands::monitor::show_script(node, state, moment.thread, number, args, client, false);
    }
    let mut host = UnitHost {
        node,
        state,
        client,
        moment: *moment,
        locked: Some(locked),
        flags,
        read_only: call.read_only || flags.no_writes,
        is_full,
        gated,
        declared,
        uses: Uses::Declared,
        learns,
        has_written: false,
        has_acted: false,
        needs_gate: false,
        busy: None,
        function: is_function.then(|| args.get(1)),
        args,
        since_ns: 0,
        is_timed_out: false,
        calls: 0,
    };
    let protocol = if resp == Resp::V3 { Protocol::V3 } else { Protocol::V2 };
    let mut out = Vec::new();
    let mut errors: Vec<Vec<u8>> = Vec::new();
    let mut counted = 0u64;
    let ran = engine::with(|engine| {
        let mut on_error = |text: Option<&[u8]>| match text {
            Some(text) => errors.push(text.to_vec()),
            None => counted += 1,
        };
        let ran = match &call.target {
            Target::Script(compiled) => {
                let program = &compiled.program;
                engine.lua.run(program, &call.keys, &call.args, &mut host, protocol, &mut out, &mut on_error)
            }
            Target::Function(callable) => {
                let function = &callable.function;
                engine.lua.call(
                    function,
                    &call.keys,
                    &call.args,
                    &mut host,
                    protocol,
                    &mut out,
                    &mut on_error,
                )
            }
        };
        engine.count_memory(node);
        ran
    });
    if host.is_timed_out {
        end_busy(node);
    }
    let (needs_gate, busy, uses) = (host.needs_gate, host.busy, host.uses);
    let locked = host.locked.take().unwrap_or_else(Locked::none);
    let UnitHost { state, client, .. } = host;
    client.session.db = db;
    client.session.at_once = at_once;
    client.session.in_script = false;
    client.session.resp = resp;
    if node.threads.len() > 1 {
        call.target.learned().ran(uses);
    }
    // The script's time holds that of its commands.
    state.last_tick = started;
    // The script failed once by all new errors, and once by each that it passes on from a command, as Valkey has it.
    let by_new = !errors.is_empty() || (counted == 0 && out.first() == Some(&b'-'));
    state.stats.commands[usize::from(number)].failed += counted + u64::from(by_new);
    for text in errors {
        state.stats.count_script_error(&text);
    }
    let result = match ran {
        Err(text) => Err(CommandError::owned(text)),
        Ok(Ran::Done) => {
            client.out.extend_from_slice(&out);
            Ok(Outcome::Done)
        }
        Ok(Ran::Ended(_)) if needs_gate => Ok(Outcome::NeedsGate),
        Ok(Ran::Ended(_)) if let Some(shard) = busy => Ok(Outcome::Busy(shard)),
        Ok(Ran::Ended(place)) => {
            let text = if is_function {
                "ERR Script killed by user with FUNCTION KILL."
            } else {
                "ERR Script killed by user with SCRIPT KILL."
            };
            let error = script::ScriptError { place, ..script::ScriptError::plain(text) };
            Err(CommandError::owned(error.reply()))
        }
        Ok(Ran::Failed(error)) if error.is_counted => {
            // The command that failed has counted it.
            state.stats.commands[usize::from(number)].failed += 1;
            let text: Vec<u8> =
                error.reply().into_iter().map(|b| if b == b'\r' || b == b'\n' { b' ' } else { b }).collect();
            ReplyWriter::new(&mut client.out, resp).error_bytes(&text);
            Ok(Outcome::Done)
        }
        Ok(Ran::Failed(error)) => Err(CommandError::owned(error.reply())),
    };
    (result, locked)
}

/// Called every hundred thousand instructions. `false`: the script must end.
pub fn tick(host: &mut UnitHost<'_>) -> bool {
    let node = host.node;
    let now_ns = sys::clock::mono_ns();
    if host.since_ns == 0 {
        host.since_ns = now_ns;
    }
    if !host.is_timed_out {
        let threshold_ms = node.settings.busy_reply_ms.load(Ordering::Relaxed);
        if threshold_ms <= 0 || now_ns - host.since_ns < threshold_ms as u64 * 1_000_000 {
            return true;
        }
        host.is_timed_out = true;
        let running = Running {
            function: host.function.map(<[u8]>::to_vec),
            command: host.args.from(0).map(<[u8]>::to_vec).collect(),
            since_ns: host.since_ns,
        };
        *node.scripts.running.lock().unwrap_or_else(|e| e.into_inner()) = Some(running);
        node.scripts.has_written.store(host.has_written, Ordering::Relaxed);
        node.scripts.kill.store(false, Ordering::Relaxed);
        node.scripts.busy.store(true, Ordering::Release);
        crate::log::warning(
            "Slow script detected: still in execution. You can try killing the script using the SCRIPT KILL command.",
        );
    }
    crate::event_loop::serve_while_busy(host.state);
    !node.scripts.kill.load(Ordering::Relaxed) && !node.is_stopping()
}

fn end_busy(node: &Node) {
    node.scripts.busy.store(false, Ordering::Release);
    node.scripts.kill.store(false, Ordering::Relaxed);
    *node.scripts.running.lock().unwrap_or_else(|e| e.into_inner()) = None;
}
