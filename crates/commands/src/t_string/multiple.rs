//! Several keys in one step: `MGET`, `MSET`, `MSETNX`.

use keyspace::Ttl;

use crate::ctx::Text;
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

fn pairs_only(args: &Args<'_>, name: &'static str) -> Result<(), CommandError> {
    if args.len().is_multiple_of(2) { Err(CommandError::Arity(name.into())) } else { Ok(()) }
}

/// Sets the keys at every second place of `range` to the values behind them.
fn set_pairs(ctx: &mut Ctx<'_>, args: &Args<'_>, range: std::ops::Range<usize>, ttl: Ttl) {
    for i in range.step_by(2) {
        let key = ctx.key(args, i);
        ctx.set_string(key, args.get(i + 1), ttl);
    }
}
