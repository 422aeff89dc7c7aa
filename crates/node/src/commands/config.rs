//! Family *config*: the parameters of the running node.
//!
//! Pages: <https://valkey.io/commands/config-get/> and its neighbours. The table of parameters knows names, bounds and
//! error texts; here a change gets its effect, or is taken back when the world refuses. SET runs under the gate, so
//! that every thread sees either the old values or the new ones.

use std::net::SocketAddr;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering::Relaxed;

use commands::facts::server_sub as facts;
use commands::{Args, CommandError, CommandResult, Outcome};
use parameters::table::{RowId, find, row};
use parameters::{Extras, Origin, ParameterError, Parameters};
use smallvec::SmallVec;
use wire::resp::{ReplyWriter, Resp};

use crate::client::Meta;
use crate::ctx::NodeCtx;
use crate::listener::{ListenError, open_tcp, stop_listening};
use crate::mailbox::Mail;
use crate::node::{Node, used_memory_bytes};
use crate::registry::NodeSpec;
use crate::state::ThreadState;
use crate::tls::config::{Loaded, RELOADING, is_wanted, load};
use crate::{configure, log};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::CONFIG_GET, gate: false, run: get },
    NodeSpec { facts: &facts::CONFIG_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::CONFIG_RESETSTAT, gate: true, run: resetstat },
    NodeSpec { facts: &facts::CONFIG_REWRITE, gate: false, run: rewrite },
    NodeSpec { facts: &facts::CONFIG_SET, gate: true, run: set },
];

const BIND: RowId = row("bind");
const DIR: RowId = row("dir");
const IO_THREADS: RowId = row("io-threads");
const MAXCLIENTS: RowId = row("maxclients");
const MAXMEMORY: RowId = row("maxmemory");
const PASSWORD: RowId = row("requirepass");
const PORT: RowId = row("port");
const TLS_PORT: RowId = row("tls-port");
const USERS_FILE: RowId = row("aclfile");

/// Descriptors that are kept for other things than clients.
const RESERVED_DESCRIPTORS: u64 = 32;

fn parameters_of(node: &Node) -> MutexGuard<'_, Parameters> {
    node.parameters.lock().unwrap_or_else(|e| e.into_inner())
}

/// `CONFIG GET parameter [parameter ...]`: names or patterns. O(parameters) for each.
pub fn get(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let patterns: SmallVec<[&[u8]; 8]> = args.from(2).collect();
    let found = parameters_of(ctx.node).config_get(&patterns);
    ctx.data.reply.map(found.len());
    for (name, value) in found {
        ctx.data.reply.bulk(&name);
        ctx.data.reply.bulk(&value);
    }
    Ok(Outcome::Done)
}

/// `CONFIG SET parameter value [parameter value ...]`: all or nothing. O(parameters).
pub fn set(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let words: SmallVec<[&[u8]; 8]> = args.from(2).collect();
    if !words.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let origin = Origin::Client { local: is_local(ctx.meta) };
    let node = ctx.node;
    let mut parameters = parameters_of(node);
    let directory = parameters.directory().to_owned();
    let refused = |error: ParameterError| CommandError::owned(error.reply());
    let applied = parameters.set_many(&pairs, origin).map_err(refused)?;
    let effect = give_effect(&parameters, &applied.changed);
    let security = effect.and_then(|()| load_security(&parameters, &pairs, &applied.changed));
    if let Err(error) = security {
        parameters.revert(applied);
        if let Err(error) = std::env::set_current_dir(&directory) {
            log::warning(&format!("cannot return to the directory {}: {error}", directory.display()));
        }
        return Err(refused(error));
    }
    let security = security.unwrap_or_default();
    let listens_elsewhere = [PORT, TLS_PORT, BIND].into_iter().find(|id| applied.changed.contains(id));
    if let Some(id) = listens_elsewhere
        && let Err(error) = listen_elsewhere(node, &parameters)
    {
        log::warning(&format!("Warning: {error}"));
        let reason = match id {
            PORT | TLS_PORT => "Unable to listen on this port. Check server logs.",
            _ => "Failed to bind to specified addresses.",
        };
        parameters.revert(applied);
        // The old addresses were free a moment ago.
        if let Err(error) = listen_elsewhere(node, &parameters) {
            log::warning(&format!("Failed to listen on the former addresses: {error}"));
        }
        return Err(refused(ParameterError::failed(id.row().name, reason)));
    }
    // The start may have lowered the limit to what the system allows: only an explicit change undoes that.
    let maxclients = node.settings.maxclients.load(Relaxed);
    configure::apply(&parameters, &node.settings);
    configure::apply_access(&parameters, &node.access);
    node.security.apply(&parameters);
    if let Some(loaded) = security {
        node.security.replace(Some(loaded));
    }
    let password = applied.changed.contains(&PASSWORD).then(|| parameters.get_str(PASSWORD).to_vec());
    if !applied.changed.contains(&MAXCLIENTS) {
        node.settings.maxclients.store(maxclients, Relaxed);
    }
    let limit = node.settings.maxmemory.load(Relaxed);
    let used = used_memory_bytes();
    if applied.changed.contains(&MAXMEMORY) && limit > 0 && limit < used {
        log::warning(&format!(
            "maxmemory is now {limit} bytes with {used} in use: keys are evicted or writes refused, as \
             maxmemory-policy says"
        ));
    }
    if applied.changed.contains(&IO_THREADS) {
        log::notice("io-threads: the new number takes effect at the next start");
    }
    drop(parameters);
    if let Some(password) = password {
        let before = node.access.users().clone();
        crate::access::startup::set_password(&mut node.access.users_mut(), &password);
        crate::access::publish(ctx, &before);
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// Whether a client sits on this host.
fn is_local(meta: &Meta) -> bool {
    let address = meta.addr.parse::<SocketAddr>();
    meta.is_unix || address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
}

/// Listens where `port` and `bind` say now; connections stay.
fn listen_elsewhere(node: &Node, parameters: &Parameters) -> Result<(), ListenError> {
    let mut listening = node.listening.lock().unwrap_or_else(|e| e.into_inner());
    // First, since a new address may overlap an old one.
    stop_listening(&listening);
    let tcp = open_tcp(parameters)?;
    *listening = tcp.iter().filter_map(|(fd, _)| fd.try_clone().ok()).collect();
    node.threads[0].mailbox.send(Mail::Listen(tcp));
    Ok(())
}

/// Does what may fail. What it did before a failure is harmless or undone by the caller.
fn give_effect(parameters: &Parameters, changed: &[RowId]) -> Result<(), ParameterError> {
    if changed.contains(&DIR) {
        std::env::set_current_dir(parameters.directory())
            .map_err(|error| ParameterError::failed("dir", &system_text(&error)))?;
    }
    if changed.contains(&MAXCLIENTS) {
        let wanted = parameters.get_int(MAXCLIENTS) as u64 + RESERVED_DESCRIPTORS;
        let limit = sys::socket::raise_descriptor_limit(wanted)
            .map_err(|error| ParameterError::failed("maxclients", &system_text(&error)))?;
        if limit < wanted {
            let most = limit.saturating_sub(RESERVED_DESCRIPTORS);
            let reason = format!(
                "The operating system is not able to handle the specified number of clients, try with {most}"
            );
            return Err(ParameterError::failed("maxclients", &reason));
        }
    }
    Ok(())
}

/// Loads certificates and all that belongs to them anew when the change asks for it: one of its names does, with the same
/// value, too, since files may be others now. Connections that are there keep what they have.
fn load_security(
    parameters: &Parameters,
    pairs: &[(&[u8], &[u8])],
    changed: &[RowId],
) -> Result<Option<Loaded>, ParameterError> {
    let named = pairs.iter().filter_map(|(name, _)| find(name)).map(|(id, _)| id);
    let reloading = named.into_iter().find(|id| RELOADING.contains(id));
    let listening = changed.contains(&TLS_PORT).then_some(TLS_PORT);
    let Some(id) = reloading.or(listening).filter(|_| is_wanted(parameters)) else { return Ok(None) };
    let loaded = load(parameters).map_err(|error| {
        log::warning(&error);
        ParameterError::failed(id.row().name, "Unable to update TLS configuration. Check server logs.")
    })?;
    Ok(Some(loaded))
}

/// The operating system's words for an error, without Rust's addition.
fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// `CONFIG REWRITE`: brings the running values into the configuration file. The file is written off the I/O threads;
/// the reply follows when it is durable.
pub fn rewrite(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let parameters = parameters_of(ctx.node).clone();
    let Some(path) = parameters.config_file.clone() else {
        return Err(CommandError::text("ERR The server is running without a config file"));
    };
    let resp: Resp = ctx.data.session.resp;
    // Users of a file of their own are not the configuration's.
    let users: Option<Vec<Vec<u8>>> = parameters.get_str(USERS_FILE).is_empty().then(|| {
        let users = ctx.node.access.users();
        users.iter().map(|user| [&*user.name, b" ", &user.describe()].concat()).collect()
    });
    Ok(Outcome::Worker(Box::new(move || {
        let mut out = Vec::new();
        let mut reply = ReplyWriter::new(&mut out, resp);
        match parameters.rewrite_file(&path, &Extras { users: users.as_deref(), ..Extras::default() }) {
            Ok(()) => {
                log::notice("the configuration file holds the running values now (CONFIG REWRITE)");
                reply.ok();
            }
            Err(error) => {
                let text = system_text(&error);
                log::warning(&format!("the configuration file could not be rewritten: {text}"));
                reply.error(&format!("ERR Rewriting config file: {text}"));
            }
        }
        out
    })))
}

/// `CONFIG RESETSTAT`: the statistics of INFO start over. O(threads).
pub fn resetstat(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.stats.reset();
    reset_counters(&mut ctx.data.space.local.counters);
    for (_, mut state) in ctx.other_threads() {
        let ThreadState { stats, local, .. } = &mut *state;
        stats.reset();
        reset_counters(&mut local.counters);
    }
    ctx.node.rejected_connections.store(0, Relaxed);
    ctx.node.access.reset_statistics();
    ctx.node.workers.freed_objects.store(0, Relaxed);
    ctx.node.scripts.evicted.store(0, Relaxed);
    ctx.node.exceeded.reset(sys::clock::mono_ns());
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// Forgets look-ups and removals; the number of changes is no statistic.
fn reset_counters(counters: &mut keyspace::SpaceCounters) {
    *counters = keyspace::SpaceCounters { changes: counters.changes, ..Default::default() };
}
