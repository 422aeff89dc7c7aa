//! `DEBUG`: what tests and people who look for faults need. All of it runs under the gate, so it may look at
//! everything and take its time. `enable-debug-command` decides who may call it.

mod crash;
mod object;
mod populate;
mod protocol;
mod rewrite;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use commands::facts::server as facts;
use commands::{Args, CommandError, CommandResult, Outcome};
use parameters::table::{RowId, row};
use wire::number::parse_i64;

use super::digest::{self, Digest};
use crate::client::Meta;
use crate::ctx::NodeCtx;
use crate::log;
use crate::node::Node;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[NodeSpec { facts: &facts::DEBUG, gate: true, run: debug }];

/// Subcommands that set something this node does not have: they check nothing and change nothing, as the values they
/// take have no meaning here, so that test suites that set them run.
const WITHOUT_MEANING: &[&str] = &[
    "aof-flush-sleep",
    "client-enforce-reply-list",
    "close-cluster-link-on-packet-drop",
    "dict-resizing",
    "disable-cluster-random-ping",
    "disable-cluster-reconnection",
    "force-free-primary-async",
    "hashtable-can-abort-shrink",
    "pause-after-fork",
    "set-skip-checksum-validation",
];

/// Whether a connection comes from this host.
fn is_local(meta: &Meta) -> bool {
    meta.is_unix || meta.addr.starts_with("127.") || meta.addr.starts_with("[::1]:")
}

/// Whether `enable-debug-command` lets this connection in: a gate before the body, so that a refusal counts as one.
pub fn allowed(node: &Node, meta: &Meta) -> Result<(), CommandError> {
    const ENABLE: RowId = row("enable-debug-command");
    if is_enabled(node, meta, ENABLE) {
        return Ok(());
    }
    Err(CommandError::text(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
         local connection, otherwise you need to set this option in the configuration file, and then restart the \
         server.",
    ))
}

/// Whether a parameter of the values `no`, `yes` and `local` lets this client pass.
pub fn is_enabled(node: &Node, meta: &Meta, parameter: RowId) -> bool {
    let enabled = node.parameters.lock().unwrap_or_else(|e| e.into_inner()).get_enum(parameter);
    enabled == "yes" || (enabled == "local" && is_local(meta))
}

fn unknown(args: &Args<'_>) -> CommandError {
    let name = args.get(1);
    let shown = String::from_utf8_lossy(&name[..name.len().min(128)]).into_owned();
    CommandError::owned(format!(
        "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
    ))
}

/// A switch in C's manner: the digits that the text begins with.
fn leading_int(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let digits = text[sign..].iter().take_while(|b| b.is_ascii_digit()).take(18);
    let value = digits.fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
    if text.first() == Some(&b'-') { -value } else { value }
}

/// `DEBUG subcommand …`. Cost: that of the subcommand.
pub fn debug(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let name = String::from_utf8_lossy(args.get(1)).to_ascii_lowercase();
    match (name.as_str(), args.len()) {
        ("help", 2) => help(ctx),
        ("digest", 2) => {
            let text = digest::of_all(ctx).hex();
            ctx.data.reply.simple(&text);
        }
        ("digest-value", _) => digest_value(ctx, args),
        ("sleep", 3) => sleep(ctx, args.get(2)),
        ("set-active-expire", 3) => {
            switch(ctx, |node| &node.settings.active_expire, leading_int(args.get(2)) != 0)
        }
        ("set-disable-deny-scripts", 3) => {
            switch(ctx, |node| &node.scripts.allow_all, leading_int(args.get(2)) != 0)
        }
        ("pause-cron", 3) => switch(ctx, |node| &node.settings.cron_paused, leading_int(args.get(2)) != 0),
        ("populate", 3..=5) => return populate::populate(ctx, args),
        ("object", 3 | 4) => return object::object(ctx, args),
        ("sdslen", 3) => return object::sdslen(ctx, args),
        ("listpack" | "quicklist", 3 | 4) => return object::other_encoding(ctx, args, &name),
        ("htstats", 3 | 4) => return object::htstats(ctx, args),
        ("htstats-key", 3 | 4) => return object::htstats_key(ctx, args),
        ("structsize", 2) => object::structsize(ctx),
        ("protocol", 3) => return protocol::protocol(ctx, args),
        // Not an error of this command, so it is not counted as one.
        ("error", 3) => ctx.data.reply.error_bytes(args.get(2)),
        ("log", 3) => {
            log::warning(&format!("DEBUG LOG: {}", String::from_utf8_lossy(args.get(2))));
            ctx.data.reply.ok();
        }
        ("leak", 3) => {
            Box::leak(args.get(2).to_vec().into_boxed_slice());
            ctx.data.reply.ok();
        }
        ("change-repl-id", 2) => {
            log::notice("Changing replication IDs after receiving change-repl-id");
            ctx.node.settings.change_replication_id();
            ctx.data.reply.ok();
        }
        ("stringmatch-test", 2) => stringmatch_test(ctx),
        ("quicklist-packed-threshold", 3) => return quicklist_packed_threshold(ctx, args.get(2)),
        ("replybuffer", 4) => return replybuffer(ctx, args),
        ("client-eviction", 2) => return Err(CommandError::text("ERR maxmemory-clients is disabled.")),
        ("config-rewrite-force-all", 2) => return rewrite::config_rewrite_force_all(ctx),
        ("reload", _) => return Err(reload(args)),
        ("loadaof", 2) => return Err(no_persistence()),
        ("panic" | "assert" | "segfault" | "oom", _) => crash::crash(&name),
        (name, 3) if WITHOUT_MEANING.contains(&name) => ctx.data.reply.ok(),
        _ => return Err(unknown(args)),
    }
    Ok(Outcome::Done)
}

fn digest_value(ctx: &mut NodeCtx<'_>, args: &Args<'_>) {
    ctx.data.reply.array(args.len() - 2);
    for i in 2..args.len() {
        let now_ms = ctx.data.space.now_ms;
        let entry = object::stored(&mut ctx.data, args.get(i));
        let digest = entry.map(|entry| Digest::of_value(entry, now_ms)).unwrap_or_default();
        ctx.data.reply.simple(&digest.hex());
    }
}

/// `DEBUG SLEEP seconds`: the whole node stands still. What is no number counts as 0.
fn sleep(ctx: &mut NodeCtx<'_>, seconds: &[u8]) {
    let text = String::from_utf8_lossy(seconds);
    let seconds = text.trim_start().parse::<f64>().unwrap_or(0.0);
    if let Ok(duration) = Duration::try_from_secs_f64(seconds.min(1e9)) {
        std::thread::sleep(duration);
    }
    ctx.data.reply.ok();
}

fn switch(ctx: &mut NodeCtx<'_>, which: impl FnOnce(&crate::Node) -> &AtomicBool, on: bool) {
    which(ctx.node).store(on, Ordering::Relaxed);
    ctx.data.reply.ok();
}

/// Random patterns and texts through the matcher, which must come back from each.
fn stringmatch_test(ctx: &mut NodeCtx<'_>) {
    const ROUNDS: usize = 10_000;
    const ALPHABET: &[u8] = b"*?[]^-\\ab";
    let mut word = || -> Vec<u8> {
        let len = ctx.data.rng.index(24);
        (0..len).map(|_| ALPHABET[ctx.data.rng.index(ALPHABET.len())]).collect()
    };
    for round in 0..ROUNDS {
        let (pattern, text) = (word(), word());
        std::hint::black_box(wire::glob::matches(&pattern, &text, round % 2 == 0));
    }
    ctx.data.reply.simple("Apparently the server did not crash: test passed");
}

/// A size as parameters have it: digits and perhaps a unit.
fn memory_size(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let unit = match text[digits..].to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    u64::try_from(parse_i64(&text[..digits])?).ok()?.checked_mul(unit)
}

/// Lists are not served, so the size is checked and goes nowhere.
fn quicklist_packed_threshold(ctx: &mut NodeCtx<'_>, size: &[u8]) -> CommandResult {
    const LIMIT: u64 = 4 << 30;
    if memory_size(size).is_none_or(|bytes| bytes >= LIMIT) {
        return Err(CommandError::text(
            "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
        ));
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// Reply buffers are lent per batch here and have no peak to forget: the arguments are checked only.
fn replybuffer(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.is(2, "peak-reset-time") {
        if !args.is(3, "never") && !args.is(3, "reset") && parse_i64(args.get(3)).is_none() {
            return Err(CommandError::NotInteger);
        }
    } else if !args.is(2, "resizing") {
        return Err(unknown(args));
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

fn reload(args: &Args<'_>) -> CommandError {
    let known = |option: &[u8]| {
        ["merge", "noflush", "nosave"].iter().any(|o| option.eq_ignore_ascii_case(o.as_bytes()))
    };
    if !args.from(2).all(known) {
        return CommandError::text("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
    no_persistence()
}

fn no_persistence() -> CommandError {
    CommandError::text("ERR this node keeps its data in memory only: there is nothing to load")
}

const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ASSERT | PANIC | SEGFAULT | OOM",
    "    Crash on purpose, in the way named.",
    "CHANGE-REPL-ID",
    "    Give the data a new replication ID.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Rewrite the configuration file with every parameter in it.",
    "DIGEST",
    "    Give a number that stands for everything in all databases.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Give a number for the value of each key.",
    "ERROR <string>",
    "    Reply with <string> as an error.",
    "HTSTATS <dbid> [full]",
    "    Give figures of the tables of a database.",
    "HTSTATS-KEY <key> [full]",
    "    Give figures of the table in the value of a key.",
    "LEAK <string>",
    "    Forget as much memory as <string> takes.",
    "LOG <message>",
    "    Write <message> to the log.",
    "OBJECT <key> [fast]",
    "    Tell how the value of a key is stored; fast leaves out what takes time.",
    "PAUSE-CRON <0|1>",
    "    Stop the work done at regular times, or let it go on.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> strings named <prefix>:<number>, prefix key unless told,",
    "    of <size> bytes each if given. Keys that are there stay.",
    "PROTOCOL <type>",
    "    Reply with a value of a type: string, integer, double, bignum, null,",
    "    array, set, map, attrib, push, verbatim, true, false.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Check <size>.",
    "REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|time>",
    "REPLYBUFFER RESIZING <0|1>",
    "    Check the arguments.",
    "SDSLEN <key>",
    "    Give the lengths of a key and its string.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Stop the removal of expired keys that nobody asks for, or let it go on.",
    "SLEEP <seconds>",
    "    Stop the whole node for a time; decimals are allowed.",
    "STRINGMATCH-TEST",
    "    Try random patterns on random texts.",
    "STRUCTSIZE",
    "    Give the sizes of internal structures.",
    "HELP",
    "    Show these lines.",
];

fn help(ctx: &mut NodeCtx<'_>) {
    ctx.data.reply.array(HELP.len());
    for line in HELP {
        ctx.data.reply.simple(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_c_does() {
        for (text, value) in [("0", 0), ("1", 1), (" 12x", 12), ("-3", -3), ("x", 0), ("", 0)] {
            assert_eq!(leading_int(text.as_bytes()), value, "{text}");
        }
    }
}
