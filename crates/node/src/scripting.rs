//! EVAL, FCALL and their kin: scripts and functions, which run as one unit on the thread of the client that asks.
//!
//! Every thread has a Lua of its own; sources and libraries are the node's (`store.rs`). A script's unit holds the shards
//! of the keys it declares, and takes those of others as it asks for them. Which it uses is learned under the gate
//! (`store::Uses`): one that asks for other keys after it has written needs the turn, one that looks at all keys the gate.

mod declared;
mod engine;
mod host;
pub mod payload;
mod run;
mod shebang;
mod store;

use commands::facts::scripting as facts;
use commands::{CommandError, Facts};

use crate::node::Node;

pub use declared::{may_write, needs_memory};
pub use engine::{load_library, load_script};
pub use run::{TURN, execute, run_in_unit};
pub use shebang::{Flags, Shebang, ShebangError, library as library_name};
pub use store::{Library, LibraryFunction, Scripts, Source, sha_of};

/// The commands that run scripts and functions.
pub const RUNNERS: [&Facts; 6] =
    [&facts::EVAL, &facts::EVAL_RO, &facts::EVALSHA, &facts::EVALSHA_RO, &facts::FCALL, &facts::FCALL_RO];

/// What is said to whoever must wait for a script that takes too long.
pub fn busy(node: &Node) -> CommandError {
    let running = node.scripts.running.lock().unwrap_or_else(|e| e.into_inner());
    let is_function = running.as_ref().is_some_and(|r| r.function.is_some());
    CommandError::text(if is_function {
        crate::commands::script::BUSY_FUNCTION
    } else {
        crate::commands::script::BUSY_SCRIPT
    })
}
