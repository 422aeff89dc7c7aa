//! Strings taken out of the keyspace, to be worked on without their locks.

use structures::big_string::BigString;
use structures::bits::BitSource;

use crate::ctx::Text;

/// A string as it was at one moment.
pub(crate) enum Snapshot {
    /// A copy of a short one.
    Flat(Vec<u8>),
    /// A chunked one, which shares its chunks with the keyspace until somebody writes.
    Big(BigString),
}

impl Snapshot {
    /// Takes `text`, `None` as the empty string. O(1) for chunked strings, else a copy of 4 KB at most.
    pub(crate) fn of(text: Option<Text<'_>>) -> Snapshot {
        match text {
            Some(Text::Big(big)) => Snapshot::Big(big.clone()),
            Some(short) => Snapshot::Flat(short.to_vec()),
            None => Snapshot::Flat(Vec::new()),
        }
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Snapshot::Flat(bytes) => bytes.len(),
            Snapshot::Big(big) => big.len(),
        }
    }

    /// The bytes in one piece. O(length) if there are several.
    pub(crate) fn into_vec(self) -> Vec<u8> {
        match self {
            Snapshot::Flat(bytes) => bytes,
            Snapshot::Big(big) => big.to_vec(),
        }
    }

    /// The string for [`structures::bits::bitop`].
    pub(crate) fn source(&self) -> BitSource<'_> {
        match self {
            Snapshot::Flat(bytes) => BitSource::Flat(bytes),
            Snapshot::Big(big) => BitSource::Big(big),
        }
    }

    /// The bytes from `offset`, a multiple of the chunk size, to the end of that chunk.
    pub(crate) fn block(&self, offset: usize) -> &[u8] {
        match self {
            Snapshot::Flat(bytes) => bytes.get(offset..).unwrap_or(&[]),
            Snapshot::Big(big) => big.slice_from(offset),
        }
    }
}
