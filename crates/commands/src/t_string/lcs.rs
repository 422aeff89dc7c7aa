//! `LCS`: the longest common subsequence of two strings (<https://valkey.io/commands/lcs/>).
//!
//! Bit-parallel: Hyyrö, "Bit-Parallel LCS-length Computation Revisited" (2004). A row of the usual table differs from
//! one column to the next by 0 or 1, so a row of the second string's length takes one bit for each byte, and 64
//! columns are one addition. The rows that are kept tell the way back through the table, at a 32nd of its size.

use std::ops::Range;

use wire::resp::Resp;
use wire::resp::encode::ReplyWriter;

use super::snapshot::Snapshot;
use crate::ctx::Text;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Steps of 64 columns beyond which the work leaves the thread that serves connections.
const INLINE_STEPS_MAX: usize = 250_000;

/// What to reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// The subsequence.
    Text,
    /// Its length.
    Len,
    /// The ranges that match.
    Idx { min_len: usize, with_len: bool },
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]`. O(length1 × length2 / 64); long ones are left to a
/// worker thread.
pub fn lcs(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let a = operand(ctx, args, 1);
    let b = operand(ctx, args, 2);
    let (Some(a), Some(b)) = (a, b) else {
        return Err(CommandError::text("ERR The specified keys must contain string values"));
    };
    let answer = parse(args)?;
    // The limit that Valkey's own table sets, so that what fails there fails here.
    let cells = (a.len() as u128 + 1) * (b.len() as u128 + 1);
    if cells * 4 > u128::from(ctx.limits.string_max_bytes) {
        return Err(CommandError::text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    if a.len() * b.len().div_ceil(64) <= INLINE_STEPS_MAX {
        reply(&mut ctx.reply, &a.into_vec(), &b.into_vec(), answer);
        return Ok(Outcome::Done);
    }
    let resp: Resp = ctx.reply.resp;
    Ok(Outcome::Worker(Box::new(move || {
        let mut out = Vec::new();
        reply(&mut ReplyWriter::new(&mut out, resp), &a.into_vec(), &b.into_vec(), answer);
        out
    })))
}

/// `None` for a value that is no string.
fn operand(ctx: &mut Ctx<'_>, args: &Args<'_>, i: usize) -> Option<Snapshot> {
    let key = ctx.key(args, i);
    match ctx.space.read(key) {
        Some(entry) => Some(Snapshot::of(Some(Text::of(entry).ok()?))),
        None => Some(Snapshot::of(None)),
    }
}

fn parse(args: &Args<'_>) -> Result<Answer, CommandError> {
    let (mut len, mut idx, mut with_len, mut min_len) = (false, false, false, 0);
    let mut i = 3;
    while i < args.len() {
        if args.is(i, "IDX") {
            idx = true;
        } else if args.is(i, "LEN") {
            len = true;
        } else if args.is(i, "WITHMATCHLEN") {
            with_len = true;
        } else if args.is(i, "MINMATCHLEN") && i + 1 < args.len() {
            i += 1;
            min_len = integer(args.get(i))?.max(0) as usize;
        } else {
            return Err(CommandError::Syntax);
        }
        i += 1;
    }
    match (len, idx) {
        (true, true) => {
            Err(CommandError::text("ERR If you want both the length and indexes, please just use IDX."))
        }
        (true, false) => Ok(Answer::Len),
        (false, true) => Ok(Answer::Idx { min_len, with_len }),
        (false, false) => Ok(Answer::Text),
    }
}

fn reply(reply: &mut ReplyWriter<'_>, a: &[u8], b: &[u8], answer: Answer) {
    match answer {
        Answer::Len => reply.int(Rows::compute(a, b, false).len as i64),
        Answer::Text => {
            let rows = Rows::compute(a, b, true);
            let mut text = Vec::with_capacity(rows.len);
            rows.runs(a, b, |run| text.extend(a[run.in_a()].iter().rev()));
            text.reverse();
            reply.bulk(&text);
        }
        Answer::Idx { min_len, with_len } => {
            let rows = Rows::compute(a, b, true);
            reply.map(2);
            reply.bulk(b"matches");
            let mark = reply.array_deferred();
            let mut count = 0;
            rows.runs(a, b, |run| {
                if run.len < min_len {
                    return;
                }
                count += 1;
                reply.array(2 + usize::from(with_len));
                for range in [run.in_a(), run.in_b()] {
                    reply.array(2);
                    reply.int(range.start as i64);
                    reply.int(range.end as i64 - 1);
                }
                if with_len {
                    reply.int(run.len as i64);
                }
            });
            reply.array_finish(mark, count);
            reply.bulk(b"len");
            reply.int(rows.len as i64);
        }
    }
}

/// A stretch that both strings have, at `a` and at `b`.
struct Run {
    a: usize,
    b: usize,
    len: usize,
}

impl Run {
    fn in_a(&self) -> Range<usize> {
        self.a..self.a + self.len
    }

    fn in_b(&self) -> Range<usize> {
        self.b..self.b + self.len
    }
}

/// The table's rows as bits: a zero where the length grows from a column to the next.
struct Rows {
    words: usize,
    bits: Vec<u64>,
    /// Length of the longest common subsequence.
    len: usize,
}

impl Rows {
    /// Works through the table; keeps all rows, or only the last.
    fn compute(a: &[u8], b: &[u8], keep: bool) -> Rows {
        let words = b.len().div_ceil(64);
        let masks = Masks::new(a, b);
        let mut row = vec![u64::MAX; words];
        let mut bits = Vec::with_capacity(if keep { words * a.len() } else { 0 });
        for &byte in a {
            let mut carry = false;
            for (word, &mask) in row.iter_mut().zip(masks.of(byte)) {
                let matching = *word & mask;
                let (sum, first) = word.overflowing_add(matching);
                let (sum, second) = sum.overflowing_add(u64::from(carry));
                carry = first | second;
                *word = sum | (*word & !mask);
            }
            if keep {
                bits.extend_from_slice(&row);
            }
        }
        let last_bits = match b.len() % 64 {
            0 => u64::MAX,
            used => (1 << used) - 1,
        };
        let mut len = row.iter().map(|word| word.count_zeros() as usize).sum();
        if let Some(last) = row.last() {
            len -= (!last & !last_bits).count_ones() as usize;
        }
        Rows { words, bits, len }
    }

    /// The runs of one longest common subsequence, from the last to the first. Where two ways are equally long, the
    /// one that shortens `b` is taken, as Valkey does.
    fn runs(&self, a: &[u8], b: &[u8], mut each: impl FnMut(Run)) {
        let (mut i, mut j) = (a.len(), b.len());
        let mut run = Run { a: 0, b: 0, len: 0 };
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                run = Run { a: i, b: j, len: run.len + 1 };
                continue;
            }
            if run.len > 0 {
                each(std::mem::replace(&mut run, Run { a: 0, b: 0, len: 0 }));
            }
            // The bytes differ, so a length that grows in this column comes from the row above.
            let word = self.bits[(i - 1) * self.words + (j - 1) / 64];
            if word >> ((j - 1) % 64) & 1 == 0 {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        if run.len > 0 {
            each(run);
        }
    }
}

/// For each byte of the first string, where the second has it.
struct Masks {
    words: usize,
    /// Place of the mask of each byte that occurs.
    place: [u8; 256],
    bits: Vec<u64>,
}

impl Masks {
    fn new(a: &[u8], b: &[u8]) -> Masks {
        let words = b.len().div_ceil(64);
        let (mut place, mut occurs, mut count) = ([0; 256], [false; 256], 0_usize);
        for &byte in a {
            if !std::mem::replace(&mut occurs[usize::from(byte)], true) {
                place[usize::from(byte)] = count as u8;
                count += 1;
            }
        }
        let mut bits = vec![0; words * count];
        for (j, &byte) in b.iter().enumerate().filter(|&(_, &byte)| occurs[usize::from(byte)]) {
            bits[usize::from(place[usize::from(byte)]) * words + j / 64] |= 1 << (j % 64);
        }
        Masks { words, place, bits }
    }

    /// The mask of a byte that occurs in the first string.
    fn of(&self, byte: u8) -> &[u64] {
        &self.bits[usize::from(self.place[usize::from(byte)]) * self.words..][..self.words]
    }
}
