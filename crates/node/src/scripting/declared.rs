//! What a call of a script may do, as far as that is known before it runs.

use commands::Args;
use commands::facts::Flags as CommandFlags;

use super::{Flags, shebang};
use crate::node::Node;
use crate::registry::Command;

/// Whether `CLIENT PAUSE WRITE` holds an EVAL, FCALL or one of their kin back. A script with a shebang, or a function, says
/// itself whether it writes; for others the command decides, and so it does for calls that will fail.
pub fn may_write(node: &Node, command: &Command, args: &Args<'_>) -> bool {
    let by_command = command.has(CommandFlags::WRITE) || command.has(CommandFlags::MAY_REPLICATE);
    let flags = args.try_get(1).and_then(|what| declared(node, command.facts.name, what));
    flags.filter(|flags| !flags.is_silent).map_or(by_command, |flags| !flags.no_writes)
}

/// Whether a call is refused while memory is full, before anything else is looked at: what it runs says that it writes,
/// and not that it may do so then. Of others each command is looked at.
pub fn needs_memory(node: &Node, command: &Command, args: &Args<'_>) -> bool {
    let flags = args.try_get(1).and_then(|what| declared(node, command.facts.name, what));
    flags.is_some_and(|flags| !flags.is_silent && !flags.allow_oom && !flags.no_writes)
}

/// The flags of what a call names: a text, a digest, a function.
fn declared(node: &Node, name: &str, what: &[u8]) -> Option<Flags> {
    if name.starts_with("fcall") {
        let library = node.scripts.library_of(what)?;
        let mut functions = library.functions.iter();
        return functions.find(|f| f.name.eq_ignore_ascii_case(what)).map(|f| f.flags);
    }
    if name.starts_with("evalsha") {
        let sha = what.to_ascii_lowercase().try_into().ok()?;
        return node.scripts.script(&sha).map(|source| source.flags);
    }
    shebang::script(what).ok().map(|(flags, _)| flags)
}
