//! The sparse encoding: the registers in order, as runs of equal ones.
//!
//! ```text
//! ZERO   00llllll            l + 1 registers (1 to 64) are 0
//! XZERO  01llllll llllllll   l + 1 registers (1 to 16384) are 0; the high bits come first
//! VAL    1vvvvvll            l + 1 registers (1 to 4) are v + 1 (1 to 32)
//! ```
//!
//! The same elements in the same order have to give the same bytes as in Valkey, so [`raise`] splits and
//! joins runs exactly where Valkey does and nowhere else, also when a better encoding exists.

use super::estimate::Histogram;
use super::{HEADER_BYTES, HllError, REGISTERS, Registers, dense, to_dense};

/// One run of zeros over all registers.
pub(super) const EMPTY: [u8; 2] = [0x7f, 0xff];

/// Greatest rank of a VAL run.
const VALUE_MAX: u8 = 32;
/// Longest VAL run.
const VALUE_RUN_MAX: usize = 4;
/// Longest ZERO run.
const ZERO_RUN_MAX: usize = 64;
/// Runs looked at for joining after a change.
const JOIN_LOOKS: usize = 5;

/// Registers of one value in a row.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) rank: u8,
    pub(super) len: usize,
    /// Bytes of the opcode: 2 for XZERO.
    pub(super) width: usize,
}

impl Run {
    /// The run at `at`, or `None` at the end. An XZERO cut off by the end goes on with a zero byte: in
    /// Valkey strings are followed by one.
    #[inline]
    pub(super) fn at(body: &[u8], at: usize) -> Option<Run> {
        let byte = *body.get(at)?;
        Some(match byte >> 6 {
            0b00 => Run { rank: 0, len: usize::from(byte) + 1, width: 1 },
            0b01 => {
                let low = body.get(at + 1).copied().unwrap_or(0);
                Run { rank: 0, len: (usize::from(byte & 63) << 8 | usize::from(low)) + 1, width: 2 }
            }
            _ => Run { rank: (byte >> 2 & 31) + 1, len: usize::from(byte & 3) + 1, width: 1 },
        })
    }
}

/// The runs of `body` one after the other.
pub(super) fn runs(body: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let run = Run::at(body, at)?;
        at += run.width;
        Some(run)
    })
}

/// Where the run that holds a register is.
struct Found {
    /// Offsets of the run and of the one before it (0 at the beginning).
    at: usize,
    before: usize,
    /// The first register of the run.
    first: usize,
    run: Run,
}

/// Finds the run of register `index`, `None` when the runs end before it.
#[inline]
fn find(body: &[u8], index: usize) -> Option<Found> {
    let (mut at, mut before, mut first) = (0, 0, 0);
    // Eight bytes at a time as long as the register is behind what they cover.
    while let Some(word) = body.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let (singles, covered) = leading_singles(u64::from_le_bytes(*word));
        if index < first + covered {
            break;
        }
        if singles == 8 {
            (before, at, first) = (at + 7, at + 8, first + covered);
            continue;
        }
        if singles != 0 {
            (before, at, first) = (at + singles - 1, at + singles, first + covered);
        }
        let found = Found::new(body, at, before, first)?;
        if index < found.end() {
            return Some(found);
        }
        (before, at, first) = (at, at + found.run.width, found.end());
    }
    loop {
        let found = Found::new(body, at, before, first)?;
        if index < found.end() {
            return Some(found);
        }
        (before, at, first) = (at, at + found.run.width, found.end());
    }
}

impl Found {
    #[inline]
    fn new(body: &[u8], at: usize, before: usize, first: usize) -> Option<Found> {
        Some(Found { at, before, first, run: Run::at(body, at)? })
    }

    /// The first register after the run.
    fn end(&self) -> usize {
        self.first + self.run.len
    }
}

/// How many one-byte runs `word` begins with, up to the first XZERO, and how many registers they cover.
#[inline]
fn leading_singles(word: u64) -> (usize, usize) {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let value_tops = word & (ONES << 7);
    // 0xff in each byte that is a VAL: there only two bits are length.
    let values = value_tops | (value_tops - (value_tops >> 7));
    let doubles = word & !values & (ONES << 6);
    let singles = doubles.trailing_zeros() as usize / 8;
    // Only the bytes before the first XZERO count; what follows it begins with its second half.
    let before = if singles == 8 { u64::MAX } else { (1 << (8 * singles)) - 1 };
    let lengths = word & (ONES * 63) & !(values & (ONES * 60)) & before;
    let pairs = (lengths & 0x00ff_00ff_00ff_00ff) + (lengths >> 8 & 0x00ff_00ff_00ff_00ff);
    (singles, (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize + singles)
}

/// Register `index`, `None` when the runs end before it.
pub(super) fn get(body: &[u8], index: usize) -> Option<u8> {
    find(body, index).map(|found| found.run.rank)
}

/// Sets register `index` of the sparse `value` to `rank` if that is more, and returns whether it was. Turns
/// the value dense when it must.
pub(super) fn raise(value: &mut Vec<u8>, index: usize, rank: u8, max_bytes: usize) -> Result<bool, HllError> {
    if rank > VALUE_MAX {
        // Checked here first in Valkey as well: such a rank is news to every sparse value.
        return promote(value, index, rank);
    }
    let body = &value[HEADER_BYTES..];
    let Some(Found { at, before, first, run }) = find(body, index) else { return Err(HllError::Corrupt) };
    if run.rank >= rank {
        return Ok(false);
    }
    let start = HEADER_BYTES + at;
    if run.len == 1 && run.width == 1 {
        value[start] = value_op(rank, 1);
    } else {
        let mut ops = Ops::default();
        ops.push(run.rank, index - first);
        ops.push(rank, 1);
        ops.push(run.rank, first + run.len - index - 1);
        if ops.len > run.width && value.len() + ops.len - run.width > max_bytes {
            return promote(value, index, rank);
        }
        let cut_off = start + run.width > value.len();
        if cut_off {
            value.push(0);
        }
        value.splice(start..start + run.width, ops.bytes[..ops.len].iter().copied());
        if cut_off {
            value.pop();
        }
    }
    join(value, HEADER_BYTES + before);
    Ok(true)
}

fn promote(value: &mut Vec<u8>, index: usize, rank: u8) -> Result<bool, HllError> {
    to_dense(value)?;
    Ok(dense::raise(&mut value[HEADER_BYTES..], index, rank))
}

/// Joins neighbouring VAL runs of one rank, looking at a few runs from offset `at` on.
fn join(value: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_LOOKS {
        let Some(run) = Run::at(value, at) else { return };
        if run.rank != 0
            && let Some(next) = Run::at(value, at + 1)
            && next.rank == run.rank
            && run.len + next.len <= VALUE_RUN_MAX
        {
            // The joined run may go on with the next one, so stay.
            value[at] = value_op(run.rank, run.len + next.len);
            value.remove(at + 1);
        } else {
            at += run.width;
        }
    }
}

/// Raises `registers` to those in `body` where these are greater. On an error some may be raised already.
pub(super) fn merge_into(registers: &mut Registers, body: &[u8]) -> Result<(), HllError> {
    let mut first = 0;
    for run in runs(body) {
        let covered = registers.get_mut(first..first + run.len).ok_or(HllError::Corrupt)?;
        if run.rank != 0 {
            covered.iter_mut().for_each(|register| *register = run.rank.max(*register));
        }
        first += run.len;
    }
    if first == REGISTERS { Ok(()) } else { Err(HllError::Corrupt) }
}

/// How many registers have each value.
pub(super) fn histogram(body: &[u8]) -> Result<Histogram, HllError> {
    let mut histogram = [0; 64];
    let mut covered = 0;
    for run in runs(body) {
        covered += run.len;
        if covered > REGISTERS {
            return Err(HllError::Corrupt);
        }
        histogram[usize::from(run.rank)] += run.len as u32;
    }
    if covered == REGISTERS { Ok(histogram) } else { Err(HllError::Corrupt) }
}

/// The opcodes that replace one run: what stays before the register, the register, what stays after it.
#[derive(Default)]
struct Ops {
    bytes: [u8; 5],
    len: usize,
}

impl Ops {
    fn push(&mut self, rank: u8, len: usize) {
        match len {
            0 => {}
            _ if rank != 0 => self.push_byte(value_op(rank, len)),
            1..=ZERO_RUN_MAX => self.push_byte((len - 1) as u8),
            _ => {
                self.push_byte(0x40 | ((len - 1) >> 8) as u8);
                self.push_byte((len - 1) as u8);
            }
        }
    }

    fn push_byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }
}

/// A VAL opcode; `rank` is 1 to 32 and `len` 1 to 4.
#[inline]
fn value_op(rank: u8, len: usize) -> u8 {
    0x80 | (rank - 1) << 2 | (len - 1) as u8
}
