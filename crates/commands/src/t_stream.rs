//! Family *stream* (<https://valkey.io/commands/#stream>).

use crate::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
