//! Family *connection*: PING, ECHO, SELECT, AUTH, HELLO, RESET, QUIT.

use commands::facts::connection as facts;
use commands::{Args, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[NodeSpec { facts: &facts::PING, gate: false, run: ping }];

/// `PING [message]`. O(1).
pub fn ping(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    match args.try_get(1) {
        Some(message) => ctx.data.reply.bulk(message),
        None => ctx.data.reply.simple("PONG"),
    }
    Ok(Outcome::Done)
}
