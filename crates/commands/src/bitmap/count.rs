//! Looking at many bits: `BITCOUNT`, `BITPOS`.

use std::ops::Range;

use structures::big_string::BigString;
use structures::bits::{count_ones_between, first_bit_between};
use wire::number::{IntBuf, format_i64};
use wire::resp::encode::ReplyWriter;

use crate::ctx::Text;
use crate::options::{integer, range};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Ranges of more bytes are left to a worker thread: some hundred microseconds here.
const INLINE_BYTES_MAX: usize = 2 << 20;

/// `BITCOUNT key [start [end [BYTE | BIT]]]`: the number of ones. O(range).
pub fn bitcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let wanted = Wanted::parse(args, 2)?;
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.space.read(key) else {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    };
    let text = Text::of(entry)?;
    let end = wanted.end.unwrap_or(-1);
    let backwards = wanted.start < 0 && end < 0 && wanted.start > end;
    match wanted.part(text.len()).filter(|_| !backwards) {
        Some(part) => look(&mut ctx.reply, text, part, |reply, chunks, part| {
            reply.int(count_ones_between(chunks, part.skip_head, part.skip_tail) as i64);
        }),
        None => {
            ctx.reply.int(0);
            Ok(Outcome::Done)
        }
    }
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`: the position of the first such bit, or -1. Without an end, zeros
/// follow the string. O(range).
pub fn bitpos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let bit = match integer(args.get(2))? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::text("ERR The bit argument must be 1 or 0.")),
    };
    let wanted = Wanted::parse(args, 3)?;
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.space.read(key) else {
        ctx.reply.int(if bit { -1 } else { 0 });
        return Ok(Outcome::Done);
    };
    let text = Text::of(entry)?;
    let Some(part) = wanted.part(text.len()) else {
        ctx.reply.int(-1);
        return Ok(Outcome::Done);
    };
    let open = wanted.end.is_none() && !bit;
    look(&mut ctx.reply, text, part, move |reply, chunks, part| {
        let before = 8 * part.bytes.start as i64;
        let beyond = if open { 8 * part.bytes.end as i64 } else { -1 };
        let found = first_bit_between(chunks, bit, part.skip_head, part.skip_tail);
        reply.int(found.map_or(beyond, |at| before + at as i64));
    })
}

/// The range that a client asked for.
struct Wanted {
    start: i64,
    end: Option<i64>,
    in_bits: bool,
}

/// The bytes that hold a range, and the bits of the first and the last that do not belong to it.
struct Part {
    bytes: Range<usize>,
    skip_head: u32,
    skip_tail: u32,
}

impl Wanted {
    /// Reads what follows from argument `from` on.
    fn parse(args: &Args<'_>, from: usize) -> Result<Wanted, CommandError> {
        if args.len() > from + 3 {
            return Err(CommandError::Syntax);
        }
        let start = args.try_get(from).map(integer).transpose()?.unwrap_or(0);
        let in_bits = args.is(from + 2, "BIT");
        if args.len() == from + 3 && !in_bits && !args.is(from + 2, "BYTE") {
            return Err(CommandError::Syntax);
        }
        let end = args.try_get(from + 1).map(integer).transpose()?;
        Ok(Wanted { start, end, in_bits })
    }

    /// The part of a string of `len` bytes, `None` when it is empty.
    fn part(&self, len: usize) -> Option<Part> {
        let unit = if self.in_bits { 8 } else { 1 };
        let wanted = range(self.start, self.end.unwrap_or(-1), len as u64 * unit)?;
        if !self.in_bits {
            return Some(Part {
                bytes: wanted.start as usize..wanted.end as usize,
                skip_head: 0,
                skip_tail: 0,
            });
        }
        Some(Part {
            bytes: (wanted.start / 8) as usize..wanted.end.div_ceil(8) as usize,
            skip_head: (wanted.start % 8) as u32,
            skip_tail: (wanted.end.next_multiple_of(8) - wanted.end) as u32,
        })
    }
}

/// Lets `answer` reply after a look at the bytes of `part`, here or, if there are many, on a worker thread.
fn look(
    reply: &mut ReplyWriter<'_>,
    text: Text<'_>,
    part: Part,
    answer: impl FnOnce(&mut ReplyWriter<'_>, &mut dyn Iterator<Item = &[u8]>, &Part) + Send + 'static,
) -> CommandResult {
    match text {
        Text::Int(n) => {
            let mut buffer = IntBuf::new();
            let bytes = &format_i64(n, &mut buffer)[part.bytes.clone()];
            answer(reply, &mut std::iter::once(bytes), &part);
        }
        Text::Bytes(bytes) => answer(reply, &mut std::iter::once(&bytes[part.bytes.clone()]), &part),
        Text::Big(big) if part.bytes.len() <= INLINE_BYTES_MAX => {
            answer(reply, &mut big.chunks(part.bytes.clone()), &part);
        }
        Text::Big(big) => {
            let (big, resp): (BigString, _) = (big.clone(), reply.resp);
            return Ok(Outcome::Worker(Box::new(move || {
                let mut out = Vec::new();
                answer(&mut ReplyWriter::new(&mut out, resp), &mut big.chunks(part.bytes.clone()), &part);
                out
            })));
        }
    }
    Ok(Outcome::Done)
}
