//! Family *set* (<https://valkey.io/commands/#set>).

use crate::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
