//! `COMMANDLOG` (<https://valkey.io/commands/commandlog-get/>) and its older face `SLOWLOG`: commands that took long,
//! or were large, or had large replies. Every thread keeps its own logs; here they are merged by entry number.

use std::sync::atomic::Ordering;

use commands::facts::server_sub as facts;
use commands::{Args, CommandError, CommandResult, Outcome};
use wire::number::parse_i64;

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;
use crate::stats::{LogKind, LoggedCommand, Stats};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::COMMANDLOG_GET, gate: true, run: commandlog_get },
    NodeSpec { facts: &facts::COMMANDLOG_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::COMMANDLOG_LEN, gate: true, run: commandlog_len },
    NodeSpec { facts: &facts::COMMANDLOG_RESET, gate: true, run: commandlog_reset },
    NodeSpec { facts: &facts::SLOWLOG_GET, gate: true, run: slowlog_get },
    NodeSpec { facts: &facts::SLOWLOG_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::SLOWLOG_LEN, gate: true, run: slowlog_len },
    NodeSpec { facts: &facts::SLOWLOG_RESET, gate: true, run: slowlog_reset },
];

/// Entries that SLOWLOG GET gives when it is not told how many.
const DEFAULT_COUNT: i64 = 10;

fn kind(name: &[u8]) -> Result<LogKind, CommandError> {
    for (text, kind) in [
        ("slow", LogKind::Slow),
        ("large-request", LogKind::LargeRequest),
        ("large-reply", LogKind::LargeReply),
    ] {
        if name.eq_ignore_ascii_case(text.as_bytes()) {
            return Ok(kind);
        }
    }
    Err(CommandError::text("ERR type should be one of the following: slow, large-request, large-reply"))
}

fn count(text: &[u8]) -> Result<i64, CommandError> {
    parse_i64(text)
        .filter(|n| *n >= -1)
        .ok_or(CommandError::text("ERR count should be greater than or equal to -1"))
}

/// Most entries that a log may show: every thread keeps as many. A shorter length counts from the next entry on.
fn most(ctx: &NodeCtx<'_>, kind: LogKind) -> usize {
    ctx.node.log_cuts[kind as usize].load(Ordering::Relaxed) as usize
}

/// The newest `count` entries (-1: all) over all threads, newest first.
fn entries(ctx: &NodeCtx<'_>, kind: LogKind, count: i64) -> Vec<LoggedCommand> {
    let wanted = usize::try_from(count).unwrap_or(usize::MAX).min(most(ctx, kind));
    let newest = |stats: &Stats| stats.logs[kind as usize].iter().take(wanted).cloned().collect::<Vec<_>>();
    let mut all = newest(ctx.stats);
    for (_, state) in ctx.other_threads() {
        all.extend(newest(&state.stats));
    }
    all.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    all.truncate(wanted);
    all
}

fn reply_entries(ctx: &mut NodeCtx<'_>, kind: LogKind, count: i64) -> CommandResult {
    let entries = entries(ctx, kind, count);
    let reply = &mut ctx.data.reply;
    reply.array(entries.len());
    for entry in &entries {
        reply.array(6);
        reply.int(entry.id as i64);
        reply.int(entry.at_seconds);
        reply.int(entry.value);
        reply.array(entry.args.len());
        for arg in &entry.args {
            reply.bulk(arg);
        }
        reply.bulk(entry.addr.as_bytes());
        reply.bulk(&entry.name);
    }
    Ok(Outcome::Done)
}

fn reply_len(ctx: &mut NodeCtx<'_>, kind: LogKind) -> CommandResult {
    let mut len = ctx.stats.logs[kind as usize].len();
    for (_, state) in ctx.other_threads() {
        len += state.stats.logs[kind as usize].len();
    }
    let len = len.min(most(ctx, kind));
    ctx.data.reply.int(len as i64);
    Ok(Outcome::Done)
}

fn reset(ctx: &mut NodeCtx<'_>, kind: LogKind) -> CommandResult {
    ctx.stats.logs[kind as usize].clear();
    for (_, mut state) in ctx.other_threads() {
        state.stats.logs[kind as usize].clear();
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `COMMANDLOG GET count type`. O(entries).
pub fn commandlog_get(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let count = count(args.get(2))?;
    let kind = kind(args.get(3))?;
    reply_entries(ctx, kind, count)
}

/// `COMMANDLOG LEN type`. O(threads).
pub fn commandlog_len(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    reply_len(ctx, kind(args.get(2))?)
}

/// `COMMANDLOG RESET type`. O(entries).
pub fn commandlog_reset(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    reset(ctx, kind(args.get(2))?)
}

/// `SLOWLOG GET [count]`. O(entries).
pub fn slowlog_get(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 3 {
        let shown = String::from_utf8_lossy(args.get(1)).into_owned();
        return Err(CommandError::owned(format!(
            "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try SLOWLOG HELP."
        )));
    }
    let count = args.try_get(2).map_or(Ok(DEFAULT_COUNT), count)?;
    reply_entries(ctx, LogKind::Slow, count)
}

/// `SLOWLOG LEN`. O(threads).
pub fn slowlog_len(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    reply_len(ctx, LogKind::Slow)
}

/// `SLOWLOG RESET`. O(entries).
pub fn slowlog_reset(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    reset(ctx, LogKind::Slow)
}
