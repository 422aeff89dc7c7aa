//! Snapshots and the append-only file (<https://valkey.io/topics/persistence>): they come later.
//!
//! A node that said OK to SAVE and wrote nothing would be trusted with data that it loses. So these commands are
//! refused in words that say why, as long as nothing is written.

use commands::facts::server as facts;
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::BGREWRITEAOF, gate: false, run: bgrewriteaof },
    NodeSpec { facts: &facts::BGSAVE, gate: false, run: bgsave },
    NodeSpec { facts: &facts::LASTSAVE, gate: false, run: lastsave },
    NodeSpec { facts: &facts::SAVE, gate: false, run: save },
];

const NO_SNAPSHOTS: CommandError =
    CommandError::text("ERR Snapshots are not supported yet: nothing was saved, the data is in memory only");

/// `SAVE`.
pub fn save(_: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    Err(NO_SNAPSHOTS)
}

/// `BGSAVE [SCHEDULE | CANCEL]`.
pub fn bgsave(_: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    match args.len() {
        1 => Err(NO_SNAPSHOTS),
        2 if args.is(1, "SCHEDULE") => Err(NO_SNAPSHOTS),
        2 if args.is(1, "CANCEL") => {
            Err(CommandError::text("ERR Background saving is currently not in progress or scheduled"))
        }
        _ => Err(CommandError::Syntax),
    }
}

/// `BGREWRITEAOF`.
pub fn bgrewriteaof(_: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    Err(CommandError::text("ERR The append only file is not supported yet: nothing was rewritten"))
}

/// `LASTSAVE`: when the node was started, as INFO says too: a node that never saved counts from there.
pub fn lastsave(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.data.reply.int(ctx.node.identity.started_at_ms / 1000);
    Ok(Outcome::Done)
}
