//! TTLs of keys (<https://valkey.io/commands/expire/>, <https://valkey.io/commands/ttl/>).
//!
//! A key is gone once the present passes its instant. Effects name that instant, so a replica that applies them later
//! agrees; an instant that is not in the future removes the key at once.

use std::ops::Range;

use keyspace::Class;
use wire::number::{IntBuf, format_i64};

use super::look;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `EXPIRE key seconds [NX | XX | GT | LT]`. O(1).
pub fn expire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let from_ms = ctx.space.now_ms;
    set_instant(ctx, args, 1000, from_ms, "expire")
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`. O(1).
pub fn pexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let from_ms = ctx.space.now_ms;
    set_instant(ctx, args, 1, from_ms, "pexpire")
}

/// `EXPIREAT key unix-time-seconds [NX | XX | GT | LT]`. O(1).
pub fn expireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    set_instant(ctx, args, 1000, 0, "expireat")
}

/// `PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]`. O(1).
pub fn pexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    set_instant(ctx, args, 1, 0, "pexpireat")
}

/// What must hold for a key, or a field of a hash, to get a new instant.
#[derive(Clone, Copy, Default)]
pub(crate) struct Conditions {
    without_ttl: bool,
    with_ttl: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    /// Reads the arguments in `range`, all of which must be conditions.
    pub(crate) fn parse(args: &Args<'_>, range: Range<usize>) -> Result<Conditions, CommandError> {
        let mut set = Conditions::default();
        for i in range {
            if args.is(i, "nx") {
                set.without_ttl = true;
            } else if args.is(i, "xx") {
                set.with_ttl = true;
            } else if args.is(i, "gt") {
                set.later = true;
            } else if args.is(i, "lt") {
                set.earlier = true;
            } else {
                return Err(unsupported(args.get(i)));
            }
        }
        if set.without_ttl && (set.with_ttl || set.later || set.earlier) {
            return Err(CommandError::text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if set.later && set.earlier {
            return Err(CommandError::text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(set)
    }

    /// Whether a key that expires at `was` may expire at `at`. No TTL counts as the far end of time.
    pub(crate) fn allow(self, was: Option<i64>, at: i64) -> bool {
        !(self.without_ttl && was.is_some()
            || self.with_ttl && was.is_none()
            || self.later && was.is_none_or(|was| at <= was)
            || self.earlier && was.is_some_and(|was| at >= was))
    }
}

#[cold]
fn unsupported(option: &[u8]) -> CommandError {
    CommandError::owned([b"ERR Unsupported option ", option].concat())
}

#[inline(always)]
fn set_instant(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    unit_ms: i64,
    from_ms: i64,
    name: &'static str,
) -> CommandResult {
    let conditions =
        if args.len() > 3 { Conditions::parse(args, 3..args.len())? } else { Conditions::default() };
    let amount = integer(args.get(2))?;
    let at = amount
        .checked_mul(unit_ms)
        .and_then(|ms| ms.checked_add(from_ms))
        .ok_or(CommandError::InvalidExpireTime(name))?;
    let key = ctx.key(args, 1);
    let set = match ctx.space.read_for_write(key) {
        Some(entry) => conditions.allow(entry.expire_at_ms(), at),
        None => false,
    };
    if set {
        if at <= ctx.space.now_ms {
            ctx.space.delete(key);
            ctx.notify(Class::EXPIRED, "expired", key);
            ctx.effect(&[b"UNLINK", key.bytes]);
        } else {
            ctx.space.set_expiry(key, Some(at));
            ctx.notify(Class::GENERIC, "expire", key);
            ctx.effect(&[b"PEXPIREAT", key.bytes, format_i64(at, &mut IntBuf::new())]);
        }
    }
    ctx.reply.int(i64::from(set));
    Ok(Outcome::Done)
}

/// `PERSIST key`: takes the TTL away; 1 if there was one. O(1).
pub fn persist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let volatile = ctx.space.read_for_write(key).is_some_and(|entry| entry.is_volatile());
    if volatile {
        ctx.space.set_expiry(key, None);
        ctx.notify(Class::GENERIC, "persist", key);
    }
    ctx.reply.int(i64::from(volatile));
    Ok(Outcome::Done)
}

/// Reply for a key without a TTL.
pub(crate) const NO_TTL: i64 = -1;
/// Reply for a missing key.
const NO_KEY: i64 = -2;

/// `TTL key`: seconds left, to the nearest. O(1).
pub fn ttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let now_ms = ctx.space.now_ms;
    reply_instant(ctx, args, |at| nearest_second(left_ms(at, now_ms)))
}

/// `PTTL key`: milliseconds left. O(1).
pub fn pttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let now_ms = ctx.space.now_ms;
    reply_instant(ctx, args, |at| left_ms(at, now_ms))
}

/// `EXPIRETIME key`: the instant in Unix seconds, to the nearest. O(1).
pub fn expiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_instant(ctx, args, nearest_second)
}

/// `PEXPIRETIME key`: the instant in Unix milliseconds. O(1).
pub fn pexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_instant(ctx, args, |at| at)
}

pub(crate) fn left_ms(at: i64, now_ms: i64) -> i64 {
    at.saturating_sub(now_ms).max(0)
}

/// Half seconds go up. Unsigned: the latest instants would overflow otherwise.
pub(crate) fn nearest_second(ms: i64) -> i64 {
    ((ms as u64 + 500) / 1000) as i64
}

#[inline(always)]
fn reply_instant(ctx: &mut Ctx<'_>, args: &Args<'_>, show: impl Fn(i64) -> i64) -> CommandResult {
    let key = ctx.key(args, 1);
    let reply = match look(ctx, key, |entry| entry.expire_at_ms()) {
        Some(Some(at)) => show(at),
        Some(None) => NO_TTL,
        None => NO_KEY,
    };
    ctx.reply.int(reply);
    Ok(Outcome::Done)
}
