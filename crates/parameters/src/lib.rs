//! Configuration parameters of a node: the one table of them, the grammar of the configuration file and the
//! command line, and the meaning of `CONFIG GET`, `CONFIG SET` and `CONFIG REWRITE`.
//!
//! The crate is data and logic. It reads and writes configuration files and nothing else, and gives no
//! parameter its effect: the node copies what it needs and is told which rows changed. The control plane
//! takes its parameter groups from the same [`table`].
//!
//! Names, bounds, defaults and error texts are those of valkey-server 9.1.2
//! (<https://valkey.io/topics/valkey.conf/>); `tests/differential.rs` compares them with the real server.
//!
//! To add a parameter, add a row to its group in `table/`. To give one its effect, add it to
//! [`effect::ACTED_ON`].

mod accept;
pub mod effect;
mod error;
mod glob;
mod guide;
mod lists;
mod number;
mod parameters;
mod rewrite;
pub mod row;
mod startup;
pub mod table;
mod text;
pub mod value;
pub mod words;

pub use error::{Directive, ParameterError, StartError};
pub use guide::markdown_table;
pub use parameters::{Applied, Origin, Parameters};
pub use rewrite::Extras;
pub use startup::load;
pub use table::RowId;
pub use value::Value;
