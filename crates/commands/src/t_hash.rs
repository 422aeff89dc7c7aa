//! Family *hash* (<https://valkey.io/commands/#hash>).

use crate::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
