//! One node: a server process with its I/O threads, from the command line to the last signal.
//!
//! A request's way: `event_loop` reads and parses, `dispatch` passes it through its gates, locks the shards of its
//! keys and runs the body from the `registry`; replies leave at the end of the tick. Commands about the node itself
//! are in `commands/`, everything they need to see in [`ctx::NodeCtx`].

pub mod access;
pub mod aside;
pub mod blocked;
pub mod client;
pub mod commands;
pub mod configure;
pub mod cron;
pub mod ctx;
pub mod dispatch;
pub mod effects;
pub mod event_loop;
pub mod exceeded;
pub mod latency;
pub mod leftovers;
pub mod limits;
pub mod listener;
pub mod log;
pub mod mailbox;
pub mod memcached;
pub mod multi;
pub mod node;
pub mod pause;
pub mod pubsub;
pub mod registry;
pub mod scripting;
pub mod settings;
pub mod startup;
pub mod state;
pub mod stats;
pub mod threads;
pub mod tls;
pub mod tracking;
pub mod worker;

pub use node::Node;
pub use startup::run;

/// The version of Valkey that this node speaks like, reported where clients look for it.
pub const VALKEY_VERSION: &str = "9.1.2";
/// The Redis version whose behaviour clients may rely on (`redis_version` in INFO).
pub const REDIS_VERSION: &str = "7.2.4";
