//! Families of commands about the node: connections, configuration, statistics, administration.

use crate::registry::NodeSpec;

pub mod acl;
pub mod client;
pub mod cluster;
pub mod command;
pub mod commandlog;
pub mod config;
pub mod connection;
pub mod debug;
pub mod digest;
pub mod flush;
pub mod function;
pub mod info;
pub mod latency;
pub mod memory;
pub mod module;
pub mod monitor;
pub mod pubsub;
pub mod replication;
pub mod script;
pub mod snapshot;

/// Every family's rows.
pub const ALL: &[&[NodeSpec]] = &[
    acl::COMMANDS,
    client::COMMANDS,
    cluster::COMMANDS,
    command::COMMANDS,
    commandlog::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    flush::COMMANDS,
    function::COMMANDS,
    info::COMMANDS,
    latency::COMMANDS,
    memory::COMMANDS,
    module::COMMANDS,
    monitor::COMMANDS,
    pubsub::COMMANDS,
    replication::COMMANDS,
    script::COMMANDS,
    snapshot::COMMANDS,
];
