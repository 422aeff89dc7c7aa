//! EVAL, FCALL and their kin: scripts and functions, which run as one unit on the thread of the client that asks.
//!
//! Every thread has a Lua of its own; sources and libraries are the node's (`store.rs`). A script's unit holds the shards
//! of the keys it declares. Whether it keeps to them is learned: a source runs under the gate until it has done so
//! [`store::LEARNED`] times. One that then asks for another key is begun anew under the gate, and stays there; if it has
//! written already, the shard is added where that can be done at once.

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
pub use run::{execute, run_in_unit};
pub use shebang::{Flags, Shebang, ShebangError, library as library_name};
pub use store::{Library, LibraryFunction, Scripts, Source, sha_of};

/// The commands that run scripts and functions.
pub const RUNNERS: [&Facts; 6] =
    [&facts::EVAL, &facts::EVAL_RO, &facts::EVALSHA, &facts::EVALSHA_RO, &facts::FCALL, &facts::FCALL_RO];
