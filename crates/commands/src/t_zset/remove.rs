//! `ZREM` and `ZREMRANGEBY…`: members go.

use std::ops::Range;

use structures::zset::Zset;

use wire::number::{IntBuf, format_i64};

use super::changed;
use super::range::{lex_range, ranks, score_range};
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::options::integer;
use crate::{Args, CommandResult, Ctx, Outcome};

/// `ZREM key member [member …]`: the number of members that were there. O(log n) for each.
pub fn zrem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let (mut removed, mut empty) = (0, false);
    if let Some(zset) = ctx.space.write_as::<Zset>(key)? {
        for member in args.from(2) {
            removed += usize::from(zset.remove(member).is_some());
            if zset.is_empty() {
                break;
            }
        }
        empty = zset.is_empty();
    }
    changed(ctx, key, removed, empty, "zrem");
    ctx.reply.int(removed as i64);
    Ok(Outcome::Done)
}

/// `ZREMRANGEBYRANK key start stop`: the number of members removed. O(log n + members removed).
pub fn zremrangebyrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (start, end) = (integer(args.get(2))?, integer(args.get(3))?);
    remove(ctx, args, "zremrangebyrank", |zset| ranks(start, end, zset.len()))
}

/// `ZREMRANGEBYSCORE key min max`: the number of members removed. O(log n + members removed).
pub fn zremrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let range = score_range(args.get(2), args.get(3))?;
    remove(ctx, args, "zremrangebyscore", |zset| zset.score_ranks(&range))
}

/// `ZREMRANGEBYLEX key min max`: the number of members removed. O(log n + members removed).
pub fn zremrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let range = lex_range(args.get(2), args.get(3))?;
    let mut found = 0..0;
    let result = remove(ctx, args, "zremrangebylex", |zset| {
        found = zset.lex_ranks(&range, false, 0);
        found.clone()
    })?;
    if matches!(result, Outcome::Done) && !found.is_empty() {
        // Where scores differ, what is in range depends on how the set is stored.
        let (mut start, mut end) = (IntBuf::new(), IntBuf::new());
        let start = format_i64(found.start as i64, &mut start);
        let end = format_i64(found.end as i64 - 1, &mut end);
        ctx.effect(&[b"ZREMRANGEBYRANK", args.get(1), start, end]);
    }
    Ok(result)
}

fn remove(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    event: &'static str,
    find: impl FnOnce(&Zset) -> Range<usize>,
) -> CommandResult {
    let (key, may_set_aside) = (ctx.key(args, 1), ctx.may_set_aside());
    let (mut removed, mut empty) = (0, false);
    if let Some(zset) = ctx.space.write_as::<Zset>(key)? {
        let ranks = find(zset);
        removed = ranks.len();
        empty = removed == zset.len();
        if may_set_aside && !empty && removed > LOCKED_ELEMENTS_MAX {
            return Ok(Outcome::Aside);
        }
        // What is removed as a whole leaves with its key.
        if removed > 0 && !empty {
            zset.remove_ranks(ranks);
        }
    }
    changed(ctx, key, removed, empty, event);
    ctx.reply.int(removed as i64);
    Ok(Outcome::Done)
}
