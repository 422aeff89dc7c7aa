//! Ordered, replayable writes of a node.

pub mod effects;
pub use effects::Effects;
