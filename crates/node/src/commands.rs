//! Families of commands about the node: connections, configuration, statistics, administration.

use crate::registry::NodeSpec;

pub mod connection;

/// Every family's rows.
pub const ALL: &[&[NodeSpec]] = &[connection::COMMANDS];
