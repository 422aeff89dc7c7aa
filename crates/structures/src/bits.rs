//! Bit arithmetic on byte strings: what `BITCOUNT`, `BITPOS`, `BITOP` and `BITFIELD` compute.
//!
//! Bits are numbered as the commands do (<https://valkey.io/commands/?group=bitmap>): bit 0 is the most
//! significant of the first byte. Everything works on slices, and on sequences of slices where a value may be
//! in chunks ([`BigString`](crate::big_string::BigString)). Defaults of ranges, negative indexes and replies
//! belong to the command handlers.

mod count;
mod field;
mod find;
mod op;
#[cfg(test)]
pub(crate) mod peer;
#[cfg(test)]
mod tests;

pub use count::{count_ones, count_ones_between};
pub use field::{Field, Overflow};
pub use find::{first_bit, first_bit_between};
pub use op::{BitOp, BitSource, bitop, bitop_big};
