//! Values as numbers: `HINCRBY`, `HINCRBYFLOAT`.

use structures::hash::{Field, Hash, Item};
use wire::long_double::LongDouble;
use wire::number::{IntBuf, format_i64, parse_i64};

use super::{Changes, thresholds};
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `HINCRBY key field increment`: the sum. A missing field counts as 0, a TTL stays. O(1).
pub fn hincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let increment = integer(args.get(3))?;
    let key = ctx.key(args, 1);
    let (now_ms, thresholds) = (ctx.space.now_ms, thresholds(ctx));
    let field = args.get(2);
    let hash = ctx.space.write_or_insert(key, Hash::new)?;
    let (old, expire_at_ms) = match hash.get(field, now_ms) {
        Some(Field { value, expire_at_ms }) => (as_int(value)?, expire_at_ms),
        None => (0, None),
    };
    let new = old.checked_add(increment).ok_or(CommandError::Overflow)?;
    let mut buf = IntBuf::new();
    let digits = format_i64(new, &mut buf);
    let mut changes = Changes::begin(hash);
    let was_expired = hash.set(field, digits, expire_at_ms, thresholds).was_expired(now_ms);
    changes.expired = usize::from(was_expired);
    changes.count = 1;
    changes.end(hash);
    changes.tell(ctx, key, &["hincrby"]);
    if was_expired {
        ctx.effect(&[b"HSET", key.bytes, field, digits]);
    } else {
        ctx.effect(&[b"HINCRBY", key.bytes, field, args.get(3)]);
    }
    ctx.reply.int(new);
    Ok(Outcome::Done)
}

fn as_int(value: Item<'_>) -> Result<i64, CommandError> {
    let int = match value {
        Item::Int(n) => Some(n),
        Item::Bytes(bytes) => parse_i64(bytes),
    };
    int.ok_or(CommandError::text("ERR hash value is not an integer"))
}

/// `HINCRBYFLOAT key field increment`: the sum in the arithmetic of 80-bit floats, up to 17 decimals. O(digits).
pub fn hincrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let increment = LongDouble::parse(args.get(3)).ok_or(CommandError::NotFloat)?;
    if !increment.is_finite() {
        return Err(CommandError::text("ERR value is NaN or Infinity"));
    }
    let key = ctx.key(args, 1);
    let (now_ms, thresholds) = (ctx.space.now_ms, thresholds(ctx));
    let field = args.get(2);
    let hash = ctx.space.write_or_insert(key, Hash::new)?;
    let (old, expire_at_ms) = match hash.get(field, now_ms) {
        Some(Field { value, expire_at_ms }) => (as_float(value)?, expire_at_ms),
        None => (LongDouble::ZERO, None),
    };
    let sum = old.add(increment);
    if !sum.is_finite() {
        return Err(CommandError::text("ERR increment would produce NaN or Infinity"));
    }
    let mut text = Vec::with_capacity(32);
    sum.format_human(&mut text);
    let mut changes = Changes::begin(hash);
    let replaced = hash.set(field, &text, expire_at_ms, thresholds);
    changes.expired = usize::from(replaced.was_expired(now_ms));
    changes.count = 1;
    changes.end(hash);
    changes.tell(ctx, key, &["hincrbyfloat"]);
    // The result rather than the sum to do again: floats may differ where a replica runs.
    if expire_at_ms.is_some() {
        ctx.effect(&[b"HSETEX", key.bytes, b"KEEPTTL", b"FIELDS", b"1", field, &text]);
    } else {
        ctx.effect(&[b"HSET", key.bytes, field, &text]);
    }
    ctx.reply.bulk(&text);
    Ok(Outcome::Done)
}

fn as_float(value: Item<'_>) -> Result<LongDouble, CommandError> {
    let float = match value {
        Item::Int(n) => Some(LongDouble::from_i64(n)),
        Item::Bytes(bytes) => LongDouble::parse(bytes),
    };
    float.ok_or(CommandError::text("ERR hash value is not a float"))
}
