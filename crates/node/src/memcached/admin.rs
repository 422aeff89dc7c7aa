//! Commands about the server: `stats`, `flush_all`, `config`, `version`, `shutdown` and the rest.

use std::sync::atomic::Ordering;

use keyspace::{Locked, Space};
use wire::memcached::text::Request;
use wire::memcached::{parse_i32, parse_u32, words};

use super::{After, COUNTERS, Counter, Counters, Server, VERSION, end};
use crate::client::Client;
use crate::dispatch::Moment;
use crate::node::{Node, used_memory_bytes};
use crate::state::ThreadState;

const ERROR: &str = "ERROR";
const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format";

/// Takes all items away; a worker frees them. The caller holds the gate.
pub(super) fn flush(node: &'static Node, state: &mut ThreadState, client: &Client, moment: &Moment) {
    let Some(server) = &node.memcached else { return };
    server.flush_at_ms.store(i64::MAX, Ordering::Relaxed);
    let mut space =
        Space::new(&node.keyspace, &mut state.local, Locked::gate(), 0, moment.now_ms, moment.access);
    let physical = space.physical();
    let keys = space.take_database(physical);
    space.local.effects.push(0, &[b"FLUSHALL"]);
    end(node, space, moment, client);
    node.workers.free(keys);
}

/// Runs a command about the server.
pub(super) fn run(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    input: &[u8],
    request: &Request,
    moment: &Moment,
    gated: bool,
) -> After {
    let Some(server) = &node.memcached else { return After::Close };
    let mut word: Vec<&[u8]> = words(input, request.rest).map(|word| word.of(input)).collect();
    let name = word.remove(0);
    let noreply = word.last().is_some_and(|word| *word == b"noreply");
    let mut say = |text: &str, noreply: bool| {
        if !noreply {
            client.out.extend_from_slice(text.as_bytes());
            client.out.extend_from_slice(b"\r\n");
        }
    };
    match (name, word.len()) {
        (b"version", _) => say(&format!("VERSION {VERSION}"), false),
        (b"quit", _) => return After::Close,
        (b"verbosity", 1 | 2) => match parse_u32(word[0]) {
            Some(level) => {
                server.verbosity.store(level.min(2), Ordering::Relaxed);
                say("OK", noreply);
            }
            None => say(BAD_FORMAT, noreply),
        },
        (b"flush_all", 0..=2) => return flush_all(node, state, client, server, &word, moment, gated),
        (b"cache_memlimit", 1 | 2) => match parse_u32(word[0]) {
            None => say(ERROR, noreply),
            Some(..8) => say("MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m", noreply),
            Some(1_000_000_001..) => {
                say("MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes", noreply)
            }
            Some(megabytes) => {
                node.settings.maxmemory.store(u64::from(megabytes) << 20, Ordering::Relaxed);
                say("OK", noreply);
                // The rest of the batch was begun under the old limit.
                return After::Stop;
            }
        },
        (b"shutdown", _) if !server.options.may_shut_down => say("ERROR: shutdown not enabled", false),
        (b"shutdown", 0) => {
            node.stop(0);
            return After::Close;
        }
        (b"shutdown", 1) if word[0] == b"graceful" => {
            node.stop(0);
            return After::Close;
        }
        (b"shutdown", _) => say("CLIENT_ERROR invalid shutdown mode", false),
        // There are no slabs of memcached's kind, and nothing to tune in the choice of what is evicted.
        (b"slabs", 3..) if word[0] == b"reassign" => say("CLIENT_ERROR slab reassignment disabled", false),
        (b"slabs", 2..) if word[0] == b"automove" => say("OK", noreply),
        (b"lru_crawler", _) => say("CLIENT_ERROR lru crawler disabled", noreply),
        (b"watch", _) => say("CLIENT_ERROR watch commands not allowed", noreply),
        (b"config", 2..) => config(client, server, &word),
        (b"stats", _) if !gated => return After::NeedsGate,
        (b"stats", _) => stats(node, state, client, server, &word, moment),
        _ => say(ERROR, false),
    }
    After::Next
}

fn flush_all(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    server: &Server,
    word: &[&[u8]],
    moment: &Moment,
    gated: bool,
) -> After {
    let noreply = word.last().is_some_and(|word| *word == b"noreply");
    let mut say = |text: &str| {
        if !noreply {
            client.out.extend_from_slice(text.as_bytes());
        }
    };
    if !server.options.may_flush {
        state.memcached.add(Counter::Flushes);
        say("CLIENT_ERROR flush_all not allowed\r\n");
        return After::Next;
    }
    let delay = match word.first() {
        Some(_) if word.len() > usize::from(noreply) => parse_i32(word[0]),
        _ => Some(0),
    };
    match delay {
        None => say("CLIENT_ERROR invalid exptime argument\r\n"),
        Some(delay @ 1..) => {
            use commands::memcached::Lifetime;
            let at_ms = match Lifetime::of(i64::from(delay), moment.now_ms) {
                Lifetime::Until(at_ms) => at_ms,
                Lifetime::Endless | Lifetime::Over => moment.now_ms,
            };
            server.flush_at_ms.store(at_ms, Ordering::Relaxed);
            say("OK\r\n");
        }
        Some(_) if !gated => return After::NeedsGate,
        Some(_) => {
            say("OK\r\n");
            flush(node, state, client, moment);
        }
    }
    state.memcached.add(Counter::Flushes);
    After::Next
}

/// ElastiCache's auto discovery: `config get cluster`.
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html>
fn config(client: &mut Client, server: &Server, word: &[&[u8]]) {
    let out = &mut client.out;
    if word[0] != b"get" || word[1] != b"cluster" || word.len() != 2 {
        out.extend_from_slice(b"ERROR\r\n");
        return;
    }
    let cluster = server.cluster.lock().unwrap_or_else(|e| e.into_inner());
    out.extend_from_slice(format!("CONFIG cluster 0 {}\r\n", cluster.len()).as_bytes());
    out.extend_from_slice(&cluster);
    out.extend_from_slice(b"\r\nEND\r\n");
}

fn stats(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    server: &Server,
    word: &[&[u8]],
    moment: &Moment,
) {
    let thread = moment.thread;
    match word.first() {
        None => general(node, state, client, server, moment),
        Some(&b"reset") => {
            state.memcached = Counters::default();
            for (number, other) in node.threads.iter().enumerate() {
                if number != thread {
                    other.lock_state().memcached = Counters::default();
                }
            }
            client.out.extend_from_slice(b"RESET\r\n");
            return;
        }
        Some(&b"settings") => settings(client, server),
        Some(&b"items") => {
            // All items are of one class, as sizes have none.
            let items = node.keyspace.len(0);
            if items > 0 {
                stat(client, "items:1:number", items);
                stat(
                    client,
                    "items:1:evicted",
                    sum(node, state, thread, |state| state.local.counters.evicted_keys),
                );
            }
        }
        Some(&b"slabs") => {
            stat(client, "active_slabs", 0);
            stat(client, "total_malloced", structures::slab::stats().live_bytes);
        }
        Some(&b"sizes") => stat(client, "sizes_status", "disabled"),
        Some(&b"conns") => {
            for other in state.clients.iter() {
                let fd = other.meta.fd;
                stat(client, &format!("{fd}:addr"), format!("tcp:{}", other.meta.addr));
            }
            let (fd, addr) = (client.meta.fd, client.meta.addr.clone());
            stat(client, &format!("{fd}:addr"), format!("tcp:{addr}"));
        }
        Some(&b"cachedump") => {
            client.out.extend_from_slice(b"CLIENT_ERROR stats cachedump not allowed\r\n");
            return;
        }
        Some(&b"detail") => {
            client.out.extend_from_slice(b"CLIENT_ERROR usage: stats detail on|off|dump\r\n");
            return;
        }
        Some(_) => {
            client.out.extend_from_slice(b"ERROR\r\n");
            return;
        }
    }
    client.out.extend_from_slice(b"END\r\n");
}

fn stat(client: &mut Client, name: &str, value: impl std::fmt::Display) {
    client.out.extend_from_slice(format!("STAT {name} {value}\r\n").as_bytes());
}

/// The sum over all threads. The caller holds the gate.
fn sum(node: &Node, state: &ThreadState, thread: usize, of: impl Fn(&ThreadState) -> u64) -> u64 {
    let others = node.threads.iter().enumerate().filter(|(number, _)| *number != thread);
    of(state) + others.map(|(_, other)| of(&other.lock_state())).sum::<u64>()
}

fn general(node: &Node, state: &ThreadState, client: &mut Client, server: &Server, moment: &Moment) {
    let thread = moment.thread;
    let now_s = moment.now_ms / 1000;
    stat(client, "pid", std::process::id());
    stat(client, "uptime", now_s - node.identity.started_at_ms / 1000);
    stat(client, "time", now_s);
    stat(client, "version", VERSION);
    stat(client, "brasa_version", env!("CARGO_PKG_VERSION"));
    stat(client, "pointer_size", usize::BITS);
    stat(client, "max_connections", node.settings.maxclients.load(Ordering::Relaxed));
    stat(client, "curr_connections", node.connections.load(Ordering::Relaxed));
    stat(client, "total_connections", sum(node, state, thread, |state| state.stats.total_connections));
    stat(client, "rejected_connections", node.rejected_connections.load(Ordering::Relaxed));
    for (number, name) in COUNTERS.iter().enumerate() {
        stat(client, name, sum(node, state, thread, |state| state.memcached.0[number]));
    }
    stat(client, "bytes_read", sum(node, state, thread, |state| state.stats.net_input_bytes));
    stat(client, "bytes_written", sum(node, state, thread, |state| state.stats.net_output_bytes));
    stat(client, "limit_maxbytes", node.settings.maxmemory.load(Ordering::Relaxed));
    stat(client, "accepting_conns", 1);
    stat(client, "threads", node.threads.len());
    let start_bytes = node.startup_memory_bytes.load(Ordering::Relaxed);
    stat(client, "bytes", used_memory_bytes().saturating_sub(start_bytes));
    stat(client, "curr_items", node.keyspace.len(0));
    stat(client, "evictions", sum(node, state, thread, |state| state.local.counters.evicted_keys));
    stat(client, "reclaimed", sum(node, state, thread, |state| state.local.counters.expired_keys));
    stat(client, "verbosity", server.verbosity.load(Ordering::Relaxed));
}

fn settings(client: &mut Client, server: &Server) {
    let options = &server.options;
    let on = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    stat(client, "maxbytes", options.memory_bytes);
    stat(client, "maxconns", options.connections);
    stat(client, "tcpport", options.port);
    stat(client, "udpport", 0);
    stat(client, "inter", options.interfaces.as_deref().unwrap_or("NULL"));
    stat(client, "verbosity", server.verbosity.load(Ordering::Relaxed));
    stat(client, "evictions", on(options.evicts, "on", "off"));
    stat(client, "domain_socket", options.socket.as_deref().unwrap_or("NULL"));
    stat(client, "shutdown_command", on(options.may_shut_down, "yes", "no"));
    stat(client, "num_threads", options.threads);
    stat(client, "cas_enabled", "yes");
    stat(client, "binding_protocol", "ascii");
    stat(client, "auth_enabled_sasl", "no");
    stat(client, "auth_enabled_ascii", on(options.passwords.is_some(), "yes", "no"));
    stat(client, "item_size_max", options.item_max_bytes);
    stat(client, "maxconns_fast", "yes");
    stat(client, "flush_enabled", on(options.may_flush, "yes", "no"));
    stat(client, "dump_enabled", "no");
    stat(client, "hash_algorithm", "siphash");
}
