//! Family *list* (<https://valkey.io/commands/#list>).

use crate::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
