//! Pieces of argument grammar that several families share.

use wire::number::parse_i64;

use crate::CommandError;

/// An integer argument.
pub fn integer(arg: &[u8]) -> Result<i64, CommandError> {
    parse_i64(arg).ok_or(CommandError::NotInteger)
}
