//! Access control: users, what they may do, and why not (<https://valkey.io/topics/acl/>).
//!
//! A [`User`] is its state and the compiled form of it at once: [`User::check`] tests one bit for the command and
//! matches patterns, without allocating. Nothing here knows connections, clocks or files: texts come in, texts and
//! decisions go out. The node shares users as `Arc`s and replaces them whole.
//!
//! Commands have numbers of this crate's own ([`catalogue`]): rules may name every command of Valkey, whether the node
//! serves it or not.

mod catalogue;
mod check;
mod file;
pub mod fuzzing;
mod log;
mod password;
mod rule;
mod selector;
mod user;
mod users;

#[cfg(test)]
mod tests;

pub use catalogue::{COMMANDS_MAX, Catalogue, CommandId, catalogue};
pub use check::{Call, Denial, Reason, permits_channel};
pub use file::{FileError, load, save};
pub use log::{AclLog, Context, Entry, Event};
pub use rule::{RuleError, merge_selectors};
pub use selector::{Access, KeyPattern, Selector};
pub use user::{User, is_valid_name};
pub use users::{Users, lost_channels, may_keep};
