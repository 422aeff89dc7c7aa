//! `SET` and the older commands that it covers: `SETNX`, `SETEX`, `PSETEX`, `GETSET`.

use keyspace::{Class, Key, Ttl};
use wire::number::{IntBuf, format_i64};

use crate::ctx::Text;
use crate::options::{Allowed, Condition, Expiry, SetOptions, TimeUnit, expire_at_ms};
use crate::{Args, CommandResult, Ctx, Outcome};

/// `SET key value [NX | XX | IFEQ value] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`. O(1).
#[inline]
pub fn set(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return set_with_options(ctx, args);
    }
    let (key, value) = (ctx.key(args, 1), args.get(2));
    ctx.set_string(key, value, Ttl::Clear);
    ctx.notify(Class::STRING, "set", key);
    ctx.effect(&[b"SET", key.bytes, value]);
    ctx.reply.ok();
    Ok(Outcome::Done)
}

fn set_with_options(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let options = SetOptions::parse(args, 3, Allowed::Set)?;
    let ttl = match options.expiry {
        Expiry::None => Ttl::Clear,
        Expiry::Keep | Expiry::Persist => Ttl::Keep,
        Expiry::In(unit, arg) => Ttl::At(expire_at_ms(arg, unit, ctx.space.now_ms, "set")?),
    };
    let (key, value) = (ctx.key(args, 1), args.get(2));
    if options.get {
        match ctx.space.read(key) {
            Some(entry) => Ctx::reply_text(&mut ctx.reply, Text::of(entry)?),
            None => ctx.reply.null(),
        }
    }
    let holds = match options.condition {
        Condition::None => true,
        Condition::Nx => !ctx.space.exists(key),
        Condition::Xx => ctx.space.exists(key),
        Condition::IfEq(wanted) => match ctx.space.read_for_write(key) {
            Some(entry) => super::equals(Text::of(entry)?, wanted),
            None => false,
        },
    };
    if holds {
        store(ctx, args, value, ttl);
    }
    match (options.get, holds) {
        (true, _) => {}
        (false, true) => ctx.reply.ok(),
        (false, false) => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// `SETNX key value`: 1 if the key was missing and is set, else 0. O(1).
pub fn setnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let taken = ctx.space.exists(key);
    if !taken {
        ctx.set_string(key, args.get(2), Ttl::Clear);
        ctx.notify(Class::STRING, "set", key);
    }
    ctx.reply.int(i64::from(!taken));
    Ok(Outcome::Done)
}

/// `SETEX key seconds value`. O(1).
pub fn setex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    set_expiring(ctx, args, TimeUnit::Seconds, "setex")
}

/// `PSETEX key milliseconds value`. O(1).
pub fn psetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    set_expiring(ctx, args, TimeUnit::Millis, "psetex")
}

fn set_expiring(ctx: &mut Ctx<'_>, args: &Args<'_>, unit: TimeUnit, name: &'static str) -> CommandResult {
    let at = expire_at_ms(args.get(2), unit, ctx.space.now_ms, name)?;
    store(ctx, args, args.get(3), Ttl::At(at));
    ctx.reply.ok();
    Ok(Outcome::Done)
}

/// `GETSET key value`: the old string, or null. O(1).
pub fn getset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (key, value) = (ctx.key(args, 1), args.get(2));
    match ctx.space.read(key) {
        Some(entry) => Ctx::reply_text(&mut ctx.reply, Text::of(entry)?),
        None => ctx.reply.null(),
    }
    store(ctx, args, value, Ttl::Clear);
    Ok(Outcome::Done)
}

/// Sets the first key and logs it; a time that has passed deletes the key instead.
fn store(ctx: &mut Ctx<'_>, args: &Args<'_>, value: &[u8], ttl: Ttl) {
    let key = ctx.key(args, 1);
    match ttl {
        Ttl::At(at) if at <= ctx.space.now_ms => drop_expired(ctx, key),
        Ttl::At(at) => {
            ctx.set_string(key, value, ttl);
            ctx.notify(Class::STRING, "set", key);
            ctx.notify(Class::GENERIC, "expire", key);
            ctx.effect(&[b"SET", key.bytes, value, b"PXAT", format_i64(at, &mut IntBuf::new())]);
        }
        Ttl::Keep => {
            ctx.set_string(key, value, ttl);
            ctx.notify(Class::STRING, "set", key);
            ctx.effect(&[b"SET", key.bytes, value, b"KEEPTTL"]);
        }
        Ttl::Clear => {
            ctx.set_string(key, value, ttl);
            ctx.notify(Class::STRING, "set", key);
            ctx.effect(&[b"SET", key.bytes, value]);
        }
    }
}

/// Removes a key that was given a time in the past; it counts as expired.
pub(super) fn drop_expired(ctx: &mut Ctx<'_>, key: Key<'_>) {
    if ctx.space.delete(key) {
        ctx.space.local.counters.expired_keys += 1;
        ctx.notify(Class::EXPIRED, "expired", key);
        ctx.effect(&[b"UNLINK", key.bytes]);
    }
}
