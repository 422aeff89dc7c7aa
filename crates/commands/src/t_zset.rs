//! Family *sorted_set* (<https://valkey.io/commands/#sorted-set>).

use crate::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
