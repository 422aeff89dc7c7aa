//! Strings as counters: `INCR`, `DECR`, `INCRBY`, `DECRBY`.

use keyspace::{NewValue, Ttl};

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
    let increment =
        decrement.checked_neg().ok_or(CommandError::text("ERR decrement would overflow"))?;
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
    ctx.reply.int(new);
    Ok(Outcome::Done)
}
