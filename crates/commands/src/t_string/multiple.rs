//! Several keys in one step: `MGET`, `MSET`, `MSETNX`, `MSETEX`.

use keyspace::{Class, Ttl};
use smallvec::SmallVec;
use wire::number::{IntBuf, format_i64, parse_i64};

use crate::ctx::Text;
use crate::options::{Allowed, Condition, Expiry, SetOptions, expire_at_ms};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `MGET key [key …]`: each string, null where there is none. O(keys).
pub fn mget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.reply.array(args.len() - 1);
    for i in 1..args.len() {
        let key = ctx.key(args, i);
        // Unlike GET, a value of another type counts as none.
        match ctx.space.read(key).map(Text::of) {
            Some(Ok(text)) => Ctx::reply_text(&mut ctx.reply, text),
            _ => ctx.reply.null(),
        }
    }
    Ok(Outcome::Done)
}

/// `MSET key value [key value …]`: sets all; TTLs go. O(keys).
pub fn mset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pairs_only(args, "mset")?;
    set_pairs(ctx, args, 1..args.len(), Ttl::Clear);
    ctx.reply.ok();
    Ok(Outcome::Done)
}

/// `MSETNX key value [key value …]`: sets all, or none if any exists. O(keys).
pub fn msetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pairs_only(args, "msetnx")?;
    let taken = (1..args.len()).step_by(2).any(|i| {
        let key = ctx.key(args, i);
        ctx.space.exists(key)
    });
    if !taken {
        set_pairs(ctx, args, 1..args.len(), Ttl::Clear);
    }
    ctx.reply.int(i64::from(!taken));
    Ok(Outcome::Done)
}

/// `MSETEX numkeys key value [key value …] [NX | XX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`: sets all with
/// one TTL, or none if the condition fails for any. O(keys).
///
/// Unlike `SET`, a time in the past stores the keys; they expire as others do.
pub fn msetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let pairs = parse_i64(args.get(1))
        .and_then(|count| i32::try_from(count).ok())
        .filter(|&count| count > 0)
        .ok_or(CommandError::text("ERR invalid numkeys value or out of range"))? as usize;
    let end = 2 + 2 * pairs;
    if end > args.len() {
        return Err(CommandError::Syntax);
    }
    let options = SetOptions::parse(args, end, Allowed::Msetex)?;
    let ttl = match options.expiry {
        Expiry::None => Ttl::Clear,
        Expiry::Keep | Expiry::Persist => Ttl::Keep,
        Expiry::In(unit, arg) => Ttl::At(expire_at_ms(arg, unit, ctx.space.now_ms, "msetex")?),
    };
    let mut any_is = |exists: bool| {
        (2..end).step_by(2).any(|i| {
            let key = ctx.key(args, i);
            ctx.space.exists(key) == exists
        })
    };
    let refused = match options.condition {
        Condition::Nx => any_is(true),
        Condition::Xx => any_is(false),
        Condition::None | Condition::IfEq(_) => false,
    };
    if !refused {
        set_pairs(ctx, args, 2..end, ttl);
        log_msetex(ctx, args, end, ttl);
    }
    ctx.reply.int(i64::from(!refused));
    Ok(Outcome::Done)
}

/// The condition held, so it is left out; the time is absolute.
fn log_msetex(ctx: &mut Ctx<'_>, args: &Args<'_>, end: usize, ttl: Ttl) {
    if !ctx.space.local.effects.is_active() {
        return ctx.effect(&[]);
    }
    let mut buffer = IntBuf::new();
    let mut argv: SmallVec<[&[u8]; 16]> = args.from(0).take(end).collect();
    match ttl {
        Ttl::Clear => {}
        Ttl::Keep => argv.push(b"KEEPTTL"),
        Ttl::At(at) => argv.extend([b"PXAT".as_slice(), format_i64(at, &mut buffer)]),
    }
    ctx.effect(&argv);
}

fn pairs_only(args: &Args<'_>, name: &'static str) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) { Err(CommandError::Arity(name.into())) } else { Ok(()) }
}

/// Sets the keys at every second place of `range` to the values behind them.
fn set_pairs(ctx: &mut Ctx<'_>, args: &Args<'_>, range: std::ops::Range<usize>, ttl: Ttl) {
    for i in range.step_by(2) {
        let key = ctx.key(args, i);
        ctx.set_string(key, args.get(i + 1), ttl);
        ctx.notify(Class::STRING, "set", key);
        if let Ttl::At(_) = ttl {
            ctx.notify(Class::GENERIC, "expire", key);
        }
    }
}
