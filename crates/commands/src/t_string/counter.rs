//! Strings as numbers: `INCR`, `DECR`, `INCRBY`, `DECRBY`, `INCRBYFLOAT`.

use keyspace::{Class, NewValue, Ttl};
use structures::big_string::BigString;
use structures::object::{INLINE_MAX_BYTES, Object};
use wire::long_double::LongDouble;

use crate::ctx::Text;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `INCR key`: one more. O(1).
pub fn incr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    add(ctx, args, 1)
}

/// `DECR key`: one less. O(1).
pub fn decr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    add(ctx, args, -1)
}

/// `INCRBY key increment`. O(1).
pub fn incrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let increment = integer(args.get(2))?;
    add(ctx, args, increment)
}

/// `DECRBY key decrement`. O(1).
pub fn decrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let decrement = integer(args.get(2))?;
    let increment = decrement.checked_neg().ok_or(CommandError::text("ERR decrement would overflow"))?;
    add(ctx, args, increment)
}

#[inline(always)]
fn add(ctx: &mut Ctx<'_>, args: &Args<'_>, increment: i64) -> CommandResult {
    let key = ctx.key(args, 1);
    let old = match ctx.space.read_for_write(key) {
        Some(entry) => Text::of(entry)?.as_int().ok_or(CommandError::NotInteger)?,
        None => 0,
    };
    let new = old.checked_add(increment).ok_or(CommandError::Overflow)?;
    ctx.space.set(key, NewValue::Int(new), Ttl::Keep);
    ctx.notify(Class::STRING, "incrby", key);
    ctx.reply.int(new);
    Ok(Outcome::Done)
}

/// `INCRBYFLOAT key increment`: the sum in the arithmetic of 80-bit floats, up to 17 decimals. O(digits).
pub fn incrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let old = match ctx.space.read_for_write(key) {
        Some(entry) => match Text::of(entry)? {
            Text::Int(n) => Some(LongDouble::from_i64(n)),
            Text::Bytes(bytes) => LongDouble::parse(bytes),
            Text::Big(big) => LongDouble::parse(&big.to_vec()),
        },
        None => Some(LongDouble::ZERO),
    };
    let increment = LongDouble::parse(args.get(2));
    let (Some(old), Some(increment)) = (old, increment) else { return Err(CommandError::NotFloat) };
    let sum = old.add(increment);
    if !sum.is_finite() {
        return Err(CommandError::text("ERR increment would produce NaN or Infinity"));
    }
    let mut text = Vec::with_capacity(32);
    sum.format_human(&mut text);
    // Whole numbers too stay in text form: only what a client sends becomes an integer.
    let value = if text.len() <= INLINE_MAX_BYTES {
        NewValue::Bytes { bytes: &text, raw: false }
    } else {
        NewValue::Object(Box::new(Object::String(BigString::from_slice(&text))))
    };
    ctx.space.set(key, value, Ttl::Keep);
    ctx.notify(Class::STRING, "incrbyfloat", key);
    // The result rather than the sum to do again: floats may differ where a replica runs.
    ctx.effect(&[b"SET", key.bytes, &text, b"KEEPTTL"]);
    ctx.reply.bulk(&text);
    Ok(Outcome::Done)
}
