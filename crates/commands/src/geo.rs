//! Family *geo* (<https://valkey.io/commands/#geo>).

use crate::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
