//! Family *bitmap*: strings as arrays of bits (<https://valkey.io/commands/#bitmap>).
//!
//! Bit 0 is the most significant of the first byte. The arithmetic is [`structures::bits`]; here are the grammar, the
//! limits and the two forms of strings. What an edit leaves behind is `raw`, as after `SETRANGE`.

mod count;
mod field;
mod op;
#[cfg(test)]
mod tests;

pub use count::{bitcount, bitpos};
pub use field::{bitfield, bitfield_ro};
pub use op::bitop;

use keyspace::{Class, Key};
use wire::number::{IntBuf, format_i64, parse_i64};

use crate::ctx::Text;
use crate::t_string::edit::{overwrite, turns_raw};
use crate::{Args, CommandError, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::bitmap::BITCOUNT, log: Log::Nothing, run: bitcount },
    Spec { facts: &facts::bitmap::BITFIELD, log: Log::Verbatim, run: bitfield },
    Spec { facts: &facts::bitmap::BITFIELD_RO, log: Log::Nothing, run: bitfield_ro },
    Spec { facts: &facts::bitmap::BITOP, log: Log::Rewritten, run: bitop },
    Spec { facts: &facts::bitmap::BITPOS, log: Log::Nothing, run: bitpos },
    Spec { facts: &facts::bitmap::GETBIT, log: Log::Nothing, run: getbit },
    Spec { facts: &facts::bitmap::SETBIT, log: Log::Verbatim, run: setbit },
];

/// `GETBIT key offset`: the bit, 0 beyond the end. O(1).
pub fn getbit(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let offset = bit_offset(ctx, args.get(2), None)?;
    let key = ctx.key(args, 1);
    let byte = match ctx.space.read(key) {
        Some(entry) => bytes_at::<1>(Text::of(entry)?, offset / 8)[0],
        None => 0,
    };
    ctx.reply.int(i64::from(byte >> (7 - offset % 8) & 1));
    Ok(Outcome::Done)
}

/// `SETBIT key offset value`: the bit that was there. O(1) for chunked strings, O(length) below; both apart from
/// growth.
pub fn setbit(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let offset = bit_offset(ctx, args.get(2), None)?;
    let on = match args.get(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(CommandError::text("ERR bit is not an integer or out of range")),
    };
    let key = ctx.key(args, 1);
    let index = (offset / 8) as usize;
    let (old_byte, grows, becomes_raw) = match ctx.space.read_for_write(key) {
        Some(entry) => {
            let text = Text::of(entry)?;
            (bytes_at::<1>(text, offset / 8)[0], index >= text.len(), turns_raw(entry))
        }
        None => (0, true, true),
    };
    let mask = 0x80 >> (offset % 8);
    let byte = if on { old_byte | mask } else { old_byte & !mask };
    if byte != old_byte || grows {
        overwrite(ctx, key, index, &[byte]);
        ctx.notify(Class::STRING, "setbit", key);
    } else if becomes_raw {
        ctx.space.mark_raw(key);
    }
    ctx.reply.int(i64::from(old_byte & mask != 0));
    Ok(Outcome::Done)
}

/// A bit's position: at most the last of the longest string. With `field_bits`, `#n` means the n-th field.
fn bit_offset(ctx: &Ctx<'_>, arg: &[u8], field_bits: Option<u32>) -> Result<u64, CommandError> {
    let offset = match (arg, field_bits) {
        // The product wraps in Valkey too, and only its result is checked.
        ([b'#', count @ ..], Some(bits)) => parse_i64(count).map(|n| n.wrapping_mul(i64::from(bits))),
        _ => parse_i64(arg),
    };
    offset
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < ctx.limits.string_max_bytes)
        .ok_or(CommandError::text("ERR bit offset is not an integer or out of range"))
}

/// `N` bytes of a string from `at` on, zeros beyond its end. O(1).
fn bytes_at<const N: usize>(text: Text<'_>, at: u64) -> [u8; N] {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let mut window = [0; N];
    let mut fill = |bytes: &[u8]| {
        let part = bytes.get(at..).unwrap_or(&[]);
        let len = part.len().min(N);
        window[..len].copy_from_slice(&part[..len]);
    };
    match text {
        Text::Int(n) => fill(format_i64(n, &mut IntBuf::new())),
        Text::Bytes(bytes) => fill(bytes),
        Text::Big(big) => {
            let mut filled = 0;
            for chunk in big.chunks(at..at.saturating_add(N)) {
                window[filled..filled + chunk.len()].copy_from_slice(chunk);
                filled += chunk.len();
            }
        }
    }
    window
}

/// The string at `key` (the caller checked that it is one), a missing one as empty. Leaves no trace.
fn string_at<'s>(ctx: &'s mut Ctx<'_>, key: Key<'_>) -> Text<'s> {
    ctx.space.peek(key).and_then(|entry| Text::of(entry).ok()).unwrap_or(Text::Bytes(b""))
}
