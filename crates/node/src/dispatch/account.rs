//! What is left to do when a command has run: its reply, statistics, the slow log.

use std::sync::atomic::Ordering;

use commands::Args;
use commands::facts::Flags;
use commands::session::ReplyMode;
use sys::clock::{tsc, tsc_to_ns};
use wire::resp::ReplyWriter;

use super::{Done, Moment};
use crate::client::Client;
use crate::node::Node;
use crate::state::ThreadState;
use crate::stats::{LogKind, LoggedCommand, Stats};

/// Takes the time and accounts for the command. Commands of a batch run back to back: the end of one is the start of
/// the next.
#[inline(always)]
pub(super) fn finish_clock(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    moment: &Moment,
    client: &mut Client,
    reply_from: usize,
) {
    let now = tsc();
    let ticks = now.wrapping_sub(state.last_tick);
    state.last_tick = now;
    account(node, state, number, args, moment, ticks, Way::Alone, client, reply_from);
}

/// How a command came to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By itself.
    Alone,
    /// After it had waited for keys.
    Served,
    /// As one of a unit's commands. `request_bytes` is the size of the request that it counts as: that of EXEC, or
    /// nothing where a script made it up.
    InUnit {
        /// Bytes on the wire.
        request_bytes: i64,
    },
}

/// Writes and counts an error. Arguments quoted in its text lose line ends at its end, as in Valkey.
pub fn write_error(state: &mut ThreadState, client: &mut Client, text: &[u8]) {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let from = text.iter().position(|byte| !is_end(byte)).unwrap_or(text.len());
    let to = text.iter().rposition(|byte| !is_end(byte)).map_or(from, |last| last + 1);
    let text = &text[from..to];
    ReplyWriter::new(&mut client.out, client.session.resp).error_bytes(text);
    state.stats.count_error(text);
}

/// Honours CLIENT REPLY for what was written since `reply_from`. A skipped reply ends with its last slice.
pub fn finish_reply(client: &mut Client, reply_from: usize, done: Done) -> Done {
    match client.session.reply_mode {
        ReplyMode::On | ReplyMode::SkipNext => {}
        ReplyMode::Off => {
            client.out.truncate(reply_from);
            write_pushes(client);
        }
        ReplyMode::Skipping => {
            client.out.truncate(reply_from);
            write_pushes(client);
            if !matches!(done, Done::Waits) {
                client.session.reply_mode = ReplyMode::On;
            }
        }
    }
    done
}

/// Writes what CLIENT REPLY does not hold back: confirmations of subscriptions.
#[cold]
fn write_pushes(client: &mut Client) {
    if let Some(pushes) = client.session.pushes.take() {
        client.out.extend_from_slice(&pushes);
    }
}

/// Statistics of one command of a running transaction or script. Its time is part of the time of the unit's command.
#[allow(clippy::too_many_arguments)]
pub fn account_in_unit(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    moment: &Moment,
    client: &mut Client,
    reply_from: usize,
    request_bytes: i64,
) {
    let now = tsc();
    let ticks = now.wrapping_sub(state.last_tick);
    state.last_tick = now;
    state.stats.nested_ticks += ticks;
    account(node, state, number, args, moment, ticks, Way::InUnit { request_bytes }, client, reply_from);
}

/// Statistics, slow log, latency events.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub fn account(
    node: &'static Node,
    state: &mut ThreadState,
    number: u16,
    args: &Args<'_>,
    moment: &Moment,
    ticks: u64,
    way: Way,
    client: &mut Client,
    reply_from: usize,
) {
    let stats = &mut state.stats;
    stats.total_commands += 1;
    client.meta.commands += 1;
    client.meta.last_command = number;
    let row = &mut stats.commands[usize::from(number)];
    row.calls += 1;
    row.ticks += ticks;
    if node.settings.latency_tracking.load(Ordering::Relaxed) {
        row.latency.get_or_insert_default().record(ticks);
    }
    let us = (tsc_to_ns(ticks) / 1000) as i64;
    let slow = node.settings.slower_than_us.load(Ordering::Relaxed);
    let request = node.settings.request_larger_bytes.load(Ordering::Relaxed);
    let reply = node.settings.reply_larger_bytes.load(Ordering::Relaxed);
    let reply_bytes = client.out.len().saturating_sub(reply_from) as i64;
    let is_slow = slow >= 0 && us >= slow;
    let is_large_reply = reply >= 0 && reply_bytes >= reply;
    let is_large_request = request >= 0
        && match way {
            Way::InUnit { request_bytes } => request_bytes >= request,
            // Frames add at most 13 bytes to an argument: the exact size is worked out only near the limit.
            _ => {
                (args.bytes() + 16 * args.len() + 16) as i64 >= request
                    && args.protocol_bytes() as i64 >= request
            }
        };
    if is_slow || is_large_request || is_large_reply {
        let command = node.registry.get(number);
        if !command.has(Flags::SKIP_COMMANDLOG) {
            let mut log = |kind, value| log_command(node, stats, kind, value, args, moment, client);
            if is_slow {
                log(LogKind::Slow, us);
            }
            if is_large_request {
                let bytes = match way {
                    Way::InUnit { request_bytes } => request_bytes,
                    _ => args.protocol_bytes() as i64,
                };
                log(LogKind::LargeRequest, bytes);
            }
            if is_large_reply {
                log(LogKind::LargeReply, reply_bytes);
            }
        }
    }
    let threshold = node.settings.latency_threshold_ms.load(Ordering::Relaxed);
    if threshold > 0 && us as u64 >= threshold * 1000 {
        let event = match way {
            Way::Served => "command-unblocking",
            _ if node.registry.get(number).has(Flags::FAST) => "fast-command",
            _ => "command",
        };
        node.latency.record(event, moment.now_ms / 1000, us as u64 / 1000);
    }
}

/// Whether an argument of CONFIG SET is the value of a parameter that nobody is shown.
fn is_secret_value(name: &str, args: &Args<'_>, i: usize) -> bool {
    let is_sensitive = |name: &[u8]| parameters::table::find(name).is_some_and(|(id, _)| id.row().sensitive);
    name == "config|set" && i >= 3 && i % 2 == 1 && is_sensitive(args.get(i - 1))
}

/// Puts a command into one of the command logs.
#[cold]
fn log_command(
    node: &'static Node,
    stats: &mut Stats,
    kind: LogKind,
    value: i64,
    args: &Args<'_>,
    moment: &Moment,
    client: &Client,
) {
    const ARGS_MAX: usize = 32;
    const ARG_BYTES_MAX: usize = 128;
    let max = node.settings.log_lengths[kind as usize].load(Ordering::Relaxed);
    if max == 0 {
        // What was logged before stays.
        return;
    }
    node.log_cuts[kind as usize].store(max, Ordering::Relaxed);
    let id = node.next_log_ids[kind as usize].fetch_add(1, Ordering::Relaxed);
    let mut shown: Vec<Vec<u8>> = Vec::new();
    let name = node.registry.get(client.meta.last_command).facts.name;
    let secret = crate::commands::monitor::secrets(name, args);
    for (i, arg) in args.from(0).enumerate() {
        if i == ARGS_MAX - 1 && args.len() > ARGS_MAX {
            shown.push(format!("... ({} more arguments)", args.len() - ARGS_MAX + 1).into_bytes());
            break;
        }
        if secret.contains(&i) || is_secret_value(name, args, i) {
            shown.push(b"(redacted)".to_vec());
        } else if arg.len() > ARG_BYTES_MAX {
            let mut cut = arg[..ARG_BYTES_MAX].to_vec();
            cut.extend_from_slice(format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX).as_bytes());
            shown.push(cut);
        } else {
            shown.push(arg.to_vec());
        }
    }
    let log = &mut stats.logs[kind as usize];
    log.push_front(LoggedCommand {
        id,
        at_seconds: moment.now_ms / 1000,
        value,
        args: shown,
        addr: client.meta.addr.clone(),
        name: client.session.name.clone(),
    });
    log.truncate(max as usize);
}
