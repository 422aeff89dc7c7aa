//! `SCRIPT`: the node's scripts (<https://valkey.io/topics/eval-intro/>).

use std::sync::atomic::Ordering;

use commands::facts::scripting as facts;
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;
use crate::scripting;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::SCRIPT_DEBUG, gate: false, run: debug },
    NodeSpec { facts: &facts::SCRIPT_EXISTS, gate: false, run: exists },
    NodeSpec { facts: &facts::SCRIPT_FLUSH, gate: false, run: flush },
    NodeSpec { facts: &facts::SCRIPT_HELP, gate: false, run: help },
    NodeSpec { facts: &facts::SCRIPT_KILL, gate: false, run: kill },
    NodeSpec { facts: &facts::SCRIPT_LOAD, gate: false, run: load },
    NodeSpec { facts: &facts::SCRIPT_SHOW, gate: false, run: show },
];

/// What clients get while a script or a function runs for too long.
pub const BUSY_SCRIPT: &str =
    "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
/// See [`BUSY_SCRIPT`].
pub const BUSY_FUNCTION: &str =
    "BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

fn sha(text: &[u8]) -> Option<[u8; 40]> {
    let lower: Vec<u8> = text.to_ascii_lowercase();
    lower.try_into().ok()
}

/// `SCRIPT LOAD script`: keeps a script and says its digest. O(bytes).
pub fn load(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let sha = scripting::load_script(ctx.node, args.get(2)).map_err(CommandError::owned)?;
    ctx.data.reply.bulk(&sha);
    Ok(Outcome::Done)
}

/// `SCRIPT EXISTS sha1 [sha1 ...]`. O(digests).
pub fn exists(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.data.reply.array(args.len() - 2);
    for text in args.from(2) {
        let found = sha(text).is_some_and(|sha| ctx.node.scripts.script(&sha).is_some());
        ctx.data.reply.int(i64::from(found));
    }
    Ok(Outcome::Done)
}

/// `SCRIPT SHOW sha1`: the script's text. O(1).
pub fn show(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    match sha(args.get(2)).and_then(|sha| ctx.node.scripts.script(&sha)) {
        Some(source) => ctx.data.reply.bulk(&source.text),
        None => return Err(CommandError::text("NOSCRIPT No matching script.")),
    }
    Ok(Outcome::Done)
}

/// `SCRIPT FLUSH [ASYNC|SYNC]`: forgets all scripts. O(scripts).
pub fn flush(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 3 || (args.len() == 3 && !args.is(2, "sync") && !args.is(2, "async")) {
        return Err(CommandError::text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    ctx.node.scripts.flush_scripts();
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `SCRIPT KILL`: ends the script that runs for too long, if it has not written. O(1).
pub fn kill(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    kill_running(ctx, false)
}

/// `SCRIPT KILL` and `FUNCTION KILL`.
pub fn kill_running(ctx: &mut NodeCtx<'_>, wants_function: bool) -> CommandResult {
    let scripts = &ctx.node.scripts;
    let running = scripts.running.lock().unwrap_or_else(|e| e.into_inner());
    let Some(running) = running.as_ref() else {
        return Err(CommandError::text("NOTBUSY No scripts in execution right now."));
    };
    if scripts.has_written.load(Ordering::Relaxed) {
        return Err(CommandError::text(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
             script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ));
    }
    match (running.function.is_some(), wants_function) {
        (true, false) => return Err(CommandError::text(BUSY_FUNCTION)),
        (false, true) => return Err(CommandError::text(BUSY_SCRIPT)),
        _ => {}
    }
    scripts.kill.store(true, Ordering::Relaxed);
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `SCRIPT DEBUG YES|SYNC|NO`: checked and accepted; there is no debugger to attach.
pub fn debug(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if !["yes", "sync", "no"].iter().any(|word| args.is(2, word)) {
        return Err(CommandError::text("ERR Use SCRIPT DEBUG YES/SYNC/NO"));
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `SCRIPT HELP`.
pub fn help(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    super::command::help(ctx, args)
}
