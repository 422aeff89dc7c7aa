//! `MODULE`: there are no modules to load, so all but LIST and HELP end as on a valkey-server that finds none.

use commands::facts::server_sub as facts;
use commands::{Args, CommandError, CommandResult, Outcome};
use parameters::table::{RowId, row};

use crate::client::Meta;
use crate::ctx::NodeCtx;
use crate::node::Node;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::MODULE_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::MODULE_LIST, gate: false, run: module_list },
    NodeSpec { facts: &facts::MODULE_LOAD, gate: false, run: module_load },
    NodeSpec { facts: &facts::MODULE_LOADEX, gate: false, run: module_load },
    NodeSpec { facts: &facts::MODULE_UNLOAD, gate: false, run: module_unload },
];

/// Whether `enable-module-command` lets this client change modules.
pub fn allowed(node: &Node, meta: &Meta) -> Result<(), CommandError> {
    const ENABLE: RowId = row("enable-module-command");
    if super::debug::is_enabled(node, meta, ENABLE) {
        return Ok(());
    }
    Err(CommandError::text(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and then restart the \
         server.",
    ))
}

/// `MODULE LIST`: the scripting engine, which Valkey counts as a module (INFO scriptingengines does too).
pub fn module_list(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let reply = &mut ctx.data.reply;
    reply.array(1);
    reply.map(4);
    reply.bulk(b"name");
    reply.bulk(b"lua");
    reply.bulk(b"ver");
    reply.int(1);
    reply.bulk(b"path");
    reply.bulk(b"lua");
    reply.bulk(b"args");
    reply.array(0);
    Ok(Outcome::Done)
}

/// `MODULE LOAD` and `LOADEX`: no library has the interface of this node.
pub fn module_load(_: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    Err(CommandError::text("ERR Error loading the extension. This node takes no modules."))
}

/// `MODULE UNLOAD name`: none is loaded.
pub fn module_unload(_: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    Err(CommandError::text("ERR Error unloading module: no such module with that name"))
}
