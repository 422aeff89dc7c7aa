//! Reading with a consequence: `GETEX`, `GETDEL`, `DELIFEQ`.

use keyspace::Class;
use wire::number::{IntBuf, format_i64};

use crate::ctx::Text;
use crate::options::{Allowed, Expiry, SetOptions, expire_at_ms};
use crate::{Args, CommandResult, Ctx, Outcome};

/// `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`: the string; changes the TTL. O(1).
pub fn getex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let options = SetOptions::parse(args, 2, Allowed::Getex)?;
    let expire_at = match options.expiry {
        Expiry::In(unit, arg) => Some(expire_at_ms(arg, unit, ctx.space.now_ms, "getex")?),
        _ => None,
    };
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.space.read(key) else {
        ctx.reply.null();
        return Ok(Outcome::Done);
    };
    Ctx::reply_text(&mut ctx.reply, Text::of(entry)?);
    let was_volatile = entry.is_volatile();
    match expire_at {
        Some(at) if at <= ctx.space.now_ms => super::store::drop_expired(ctx, key),
        Some(at) => {
            ctx.space.set_expiry(key, Some(at));
            ctx.notify(Class::GENERIC, "expire", key);
            ctx.effect(&[b"PEXPIREAT", key.bytes, format_i64(at, &mut IntBuf::new())]);
        }
        None if options.expiry == Expiry::Persist && was_volatile => {
            ctx.space.set_expiry(key, None);
            ctx.notify(Class::GENERIC, "persist", key);
            ctx.effect(&[b"PERSIST", key.bytes]);
        }
        None => {}
    }
    Ok(Outcome::Done)
}

/// `GETDEL key`: the string; deletes the key. O(1).
pub fn getdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.space.read(key) else {
        ctx.reply.null();
        return Ok(Outcome::Done);
    };
    Ctx::reply_text(&mut ctx.reply, Text::of(entry)?);
    ctx.space.delete(key);
    ctx.notify(Class::GENERIC, "del", key);
    ctx.effect(&[b"DEL", key.bytes]);
    Ok(Outcome::Done)
}

/// `DELIFEQ key value`: deletes the key if it holds this string; 1 if it did. O(length).
pub fn delifeq(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let equal = match ctx.space.read_for_write(key) {
        Some(entry) => super::equals(Text::of(entry)?, args.get(2)),
        None => false,
    };
    if equal {
        ctx.space.delete(key);
        ctx.notify(Class::GENERIC, "del", key);
        ctx.effect(&[b"DEL", key.bytes]);
    }
    ctx.reply.int(i64::from(equal));
    Ok(Outcome::Done)
}
