//! Ordered, replayable writes of a node.
//!
//! A *unit* of work (a command, a transaction) leaves its effects as one record with one sequence number, taken while
//! its shards are locked: the order of numbers is an order in which the effects can be run again. Each thread appends
//! to segments of its own (a shared ring would make every writer wait for every other); merging them into one order is
//! a role that any thread takes at the end of its tick. Segments are shared-memory files, so what a killed process had
//! logged can still be read: [`recover`].
//!
//! | file | what it holds |
//! |---|---|
//! | `lane-THREAD-N.seg` | records of one thread, not yet merged |
//! | `merged-SEQ.seg` | all records from SEQ on, in order |

pub mod effects;
mod log;
pub mod record;
mod recover;

pub use effects::Effects;
pub use log::{Consumer, EffectLog, Lagged, Options, Writer};
pub use record::{Record, Seq};
pub use recover::{OwnedRecord, Recovery, recover};

#[cfg(test)]
mod tests;
