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

use commands::Facts;
use commands::facts::scripting as facts;

pub use declared::may_write;
pub use engine::{load_library, load_script};
pub use run::{TURN, execute, run_in_unit};
pub use shebang::{Flags, Shebang, ShebangError, library as library_name};
pub use store::{Library, LibraryFunction, Scripts, Source, sha_of};

/// The commands that run scripts and functions.
pub const RUNNERS: [&Facts; 6] =
    [&facts::EVAL, &facts::EVAL_RO, &facts::EVALSHA, &facts::EVALSHA_RO, &facts::FCALL, &facts::FCALL_RO];
