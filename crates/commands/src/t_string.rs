//! Family `t_string`.

use crate::Spec;

/// The family's rows.
pub const COMMANDS: &[Spec] = &[];
