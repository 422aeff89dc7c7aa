//! The dense encoding: 16384 registers of 6 bits, packed from the least significant bit on.
//!
//! Functions take the bytes after the header, which [`super::check`] found to be the right number.

use super::estimate::{Histogram, PairCounts};
use super::{REGISTER_BITS, Registers};

/// Registers that one step of packing handles, and the bytes they take.
const GROUP: usize = 8;
const GROUP_BYTES: usize = GROUP * REGISTER_BITS / 8;

/// Register `index`.
#[inline]
pub(super) fn get(body: &[u8], index: usize) -> u8 {
    let (at, shift) = position(index);
    (pair(body, at) >> shift) as u8 & 63
}

/// Sets register `index` to `rank` if that is more, and returns whether it was.
#[inline]
pub(super) fn raise(body: &mut [u8], index: usize, rank: u8) -> bool {
    let (at, shift) = position(index);
    let old = pair(body, at);
    if (old >> shift) as u8 & 63 >= rank {
        return false;
    }
    let [low, high] = (old & !(63 << shift) | u16::from(rank) << shift).to_le_bytes();
    body[at] = low;
    if let Some(byte) = body.get_mut(at + 1) {
        *byte = high;
    }
    true
}

/// Raises `registers` to those in `body` where these are greater.
pub(super) fn merge_into(registers: &mut Registers, body: &[u8]) {
    const BLOCK: usize = 16 * GROUP;
    let (packed, _) = body.as_chunks::<GROUP_BYTES>();
    for (block, packed) in registers.as_chunks_mut::<BLOCK>().0.iter_mut().zip(packed.chunks(BLOCK / GROUP)) {
        // Unpacked first, compared after: two loops of one kind each vectorise.
        let mut ranks = [0; BLOCK];
        for (group, packed) in ranks.as_chunks_mut::<GROUP>().0.iter_mut().zip(packed) {
            *group = unpack(packed);
        }
        block.iter_mut().zip(ranks).for_each(|(register, rank)| *register = rank.max(*register));
    }
}

/// Writes all registers to `body`.
pub(super) fn pack(registers: &Registers, body: &mut [u8]) {
    let (groups, _) = registers.as_chunks::<GROUP>();
    for (group, packed) in groups.iter().zip(body.as_chunks_mut::<GROUP_BYTES>().0) {
        // The reverse of `unpack`: halve the number of lanes three times.
        let lanes = u64::from_le_bytes(*group);
        let lanes = lanes & 0x003f_003f_003f_003f | (lanes & 0x3f00_3f00_3f00_3f00) >> 2;
        let lanes = lanes & 0x0000_0fff_0000_0fff | (lanes & 0x0fff_0000_0fff_0000) >> 4;
        let word = lanes & 0x00ff_ffff | (lanes & 0x00ff_ffff_0000_0000) >> 8;
        packed.copy_from_slice(&word.to_le_bytes()[..GROUP_BYTES]);
    }
}

/// How many registers have each value.
pub(super) fn histogram(body: &[u8]) -> Histogram {
    let mut counts = PairCounts::new();
    for packed in body.as_chunks::<GROUP_BYTES>().0 {
        let halves = halves(packed);
        counts.add(halves, halves >> 12);
        counts.add(halves >> 32, halves >> 44);
    }
    counts.finish()
}

/// Eight registers, a byte each: 48 bits spread to lanes of 24, 12 and 6 bits.
#[inline]
fn unpack(packed: &[u8; GROUP_BYTES]) -> [u8; GROUP] {
    let lanes = halves(packed);
    let lanes = lanes & 0x0000_0fff_0000_0fff | (lanes & 0x00ff_f000_00ff_f000) << 4;
    let lanes = lanes & 0x003f_003f_003f_003f | (lanes & 0x0fc0_0fc0_0fc0_0fc0) << 2;
    lanes.to_le_bytes()
}

/// The 48 bits of a group in two lanes of 32: two overlapping loads are cheaper than six bytes.
#[inline]
fn halves(packed: &[u8; GROUP_BYTES]) -> u64 {
    let [a, b, c, d, e, f] = *packed;
    let low = u32::from_le_bytes([a, b, c, d]) & 0x00ff_ffff;
    let high = u32::from_le_bytes([c, d, e, f]) >> 8;
    u64::from(low) | u64::from(high) << 32
}

#[inline]
fn position(index: usize) -> (usize, usize) {
    (index * REGISTER_BITS / 8, index * REGISTER_BITS % 8)
}

/// The two bytes that hold a register at byte `at`; the last register needs only one.
#[inline]
fn pair(body: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([body[at], body.get(at + 1).copied().unwrap_or(0)])
}
