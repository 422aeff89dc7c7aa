//! Commands that work on the keyspace: their rows, their bodies, and what bodies see.
//!
//! A command's wire name in lower case is the name of its function; the file is its family
//! (`INCRBYFLOAT` → `t_string::incrbyfloat`). Commands about the node itself (CONFIG, CLIENT, INFO, …) live in the
//! crate `node`. Handlers never see sockets, disks or other connections.

pub mod args;
pub mod bitmap;
pub mod ctx;
pub mod error;
pub mod facts;
pub mod geo;
pub mod hyperloglog;
pub mod keys;
pub mod memcached;
pub mod options;
pub mod queue;
pub mod session;
#[cfg(test)]
mod set_aside;
pub mod slices;
pub mod sort;
pub mod t_hash;
pub mod t_list;
pub mod t_set;
pub mod t_stream;
pub mod t_string;
pub mod t_zset;
pub mod table;
#[cfg(test)]
mod testing;
pub mod timeout;

pub use args::Args;
pub use ctx::Ctx;
pub use error::CommandError;
pub use facts::Facts;
pub use session::Session;
pub use table::{CommandResult, Log, Outcome, Spec};
