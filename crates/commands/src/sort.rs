//! `SORT` and `SORT_RO` (<https://valkey.io/commands/sort/>).

use crate::Spec;

/// The rows.
pub const COMMANDS: &[Spec] = &[];
