//! The form of a record: one unit of work with its sequence number.
//!
//! ```text
//! u32 bytes of the record | u32 effects | u64 checksum of what follows | u64 sequence | u64 Unix ms
//! then per effect: u32 database | u32 bytes | the command in RESP
//! padded with zeros to 8 bytes
//! ```
//!
//! The checksum finds torn and damaged records, not malice; it folds eight bytes a step, so it costs about as much as
//! the copy.

use crate::Effects;

/// Bytes before the effects.
pub const HEADER_BYTES: usize = 32;

/// A record's place in the order of all writes; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// One unit of work, as it stands in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place.
    pub seq: Seq,
    /// Unix ms when it ran.
    pub at_ms: u64,
    effects: u32,
    body: &'a [u8],
}

/// Why no record could be read.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Damage {
    /// The bytes end inside a record.
    Cut,
    /// The checksum does not fit.
    Checksum,
}

/// Folds bytes into 64 bits.
pub fn checksum(bytes: &[u8], seed: u64) -> u64 {
    let mut h = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        h = (h ^ u64::from_le_bytes(word.try_into().expect("chunks of eight")))
            .wrapping_mul(0xff51_afd7_ed55_8ccd);
        h ^= h >> 32;
    }
    for &b in words.remainder() {
        h = (h ^ u64::from(b)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h ^= h >> 29;
    }
    h
}

/// Bytes that the effects' record takes.
#[inline]
pub fn size_of_record(effects: &Effects) -> usize {
    (HEADER_BYTES + effects.framed().len()).next_multiple_of(8)
}

/// Writes the effects as record `seq` through `write`.
#[inline]
pub fn encode(effects: &Effects, seq: Seq, at_ms: u64, mut write: impl FnMut(&[u8])) {
    let body = effects.framed();
    let size = size_of_record(effects);
    let mut header = [0u8; HEADER_BYTES];
    header[0..4].copy_from_slice(&(size as u32).to_le_bytes());
    header[4..8].copy_from_slice(&(effects.len() as u32).to_le_bytes());
    header[16..24].copy_from_slice(&seq.0.to_le_bytes());
    header[24..32].copy_from_slice(&at_ms.to_le_bytes());
    let sum = checksum(body, checksum(&header[16..32], u64::from(size as u32)));
    header[8..16].copy_from_slice(&sum.to_le_bytes());
    write(&header);
    write(body);
    write(&[0u8; 8][..size - HEADER_BYTES - body.len()]);
}

impl<'a> Record<'a> {
    /// Reads the record at the beginning of `bytes`; also its size. `Ok(None)` when there is none.
    pub fn read(bytes: &'a [u8]) -> Result<Option<(Record<'a>, usize)>, Damage> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let Some(header) = bytes.get(..HEADER_BYTES) else { return Err(Damage::Cut) };
        let word = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let half = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let size = half(0) as usize;
        if size < HEADER_BYTES || size % 8 != 0 {
            return Err(Damage::Checksum);
        }
        let Some(padded) = bytes.get(HEADER_BYTES..size) else { return Err(Damage::Cut) };
        // The body's length follows from its frames.
        let mut length = 0;
        for _ in 0..half(4) {
            let Some(frame) = padded.get(length + 4..length + 8) else { return Err(Damage::Checksum) };
            let bytes = u32::from_le_bytes(frame.try_into().expect("four bytes")) as usize;
            length += 8 + bytes;
            if length > padded.len() {
                return Err(Damage::Checksum);
            }
        }
        let body = &padded[..length];
        if checksum(body, checksum(&header[16..32], u64::from(half(0)))) != word(8) {
            return Err(Damage::Checksum);
        }
        Ok(Some((Record { seq: Seq(word(16)), at_ms: word(24), effects: half(4), body }, size)))
    }

    /// The effects: database and RESP bytes of each.
    pub fn effects(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let mut rest = self.body;
        (0..self.effects).map(move |_| {
            let db = u32::from_le_bytes(rest[0..4].try_into().expect("checked by `read`"));
            let bytes = u32::from_le_bytes(rest[4..8].try_into().expect("checked by `read`")) as usize;
            let resp = &rest[8..8 + bytes];
            rest = &rest[8 + bytes..];
            (db, resp)
        })
    }
}
