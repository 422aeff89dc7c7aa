//! Family *sorted_set*: members in the order of their scores (<https://valkey.io/commands/#sorted-set>).
//!
//! Every range, whatever it is given by, becomes a range of ranks first: two searches through counted trees. What a
//! command replies or removes then goes by rank.

mod add;
mod blocking;
mod combine;
pub mod pop;
mod random;
mod range;
mod remove;
mod scan;
#[cfg(test)]
mod tests;

pub use add::{zadd, zincrby};
pub use blocking::{bzmpop, bzpopmax, bzpopmin};
pub use combine::{zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore};
pub use pop::{zmpop, zpopmax, zpopmin};
pub use random::zrandmember;
pub use range::{
    zcount, zlexcount, zrange, zrangebylex, zrangebyscore, zrangestore, zrevrange, zrevrangebylex,
    zrevrangebyscore,
};
pub use remove::{zrem, zremrangebylex, zremrangebyrank, zremrangebyscore};
pub use scan::zscan;

pub(crate) use add::{Scored, add_places};

use keyspace::{Class, Key, NewValue, Object, Ttl};
use structures::zset::{Limits, Zset};
use wire::resp::{ReplyWriter, Resp};

use crate::{Args, CommandError, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::sorted_set::BZMPOP, log: Log::Rewritten, run: bzmpop },
    Spec { facts: &facts::sorted_set::BZPOPMAX, log: Log::Rewritten, run: bzpopmax },
    Spec { facts: &facts::sorted_set::BZPOPMIN, log: Log::Rewritten, run: bzpopmin },
    Spec { facts: &facts::sorted_set::ZADD, log: Log::Rewritten, run: zadd },
    Spec { facts: &facts::sorted_set::ZCARD, log: Log::Nothing, run: zcard },
    Spec { facts: &facts::sorted_set::ZCOUNT, log: Log::Nothing, run: zcount },
    Spec { facts: &facts::sorted_set::ZDIFF, log: Log::Nothing, run: zdiff },
    Spec { facts: &facts::sorted_set::ZDIFFSTORE, log: Log::Verbatim, run: zdiffstore },
    Spec { facts: &facts::sorted_set::ZINCRBY, log: Log::Rewritten, run: zincrby },
    Spec { facts: &facts::sorted_set::ZINTER, log: Log::Nothing, run: zinter },
    Spec { facts: &facts::sorted_set::ZINTERCARD, log: Log::Nothing, run: zintercard },
    Spec { facts: &facts::sorted_set::ZINTERSTORE, log: Log::Verbatim, run: zinterstore },
    Spec { facts: &facts::sorted_set::ZLEXCOUNT, log: Log::Nothing, run: zlexcount },
    Spec { facts: &facts::sorted_set::ZMPOP, log: Log::Rewritten, run: zmpop },
    Spec { facts: &facts::sorted_set::ZMSCORE, log: Log::Nothing, run: zmscore },
    Spec { facts: &facts::sorted_set::ZPOPMAX, log: Log::Verbatim, run: zpopmax },
    Spec { facts: &facts::sorted_set::ZPOPMIN, log: Log::Verbatim, run: zpopmin },
    Spec { facts: &facts::sorted_set::ZRANDMEMBER, log: Log::Nothing, run: zrandmember },
    Spec { facts: &facts::sorted_set::ZRANGE, log: Log::Nothing, run: zrange },
    Spec { facts: &facts::sorted_set::ZRANGEBYLEX, log: Log::Nothing, run: zrangebylex },
    Spec { facts: &facts::sorted_set::ZRANGEBYSCORE, log: Log::Nothing, run: zrangebyscore },
    Spec { facts: &facts::sorted_set::ZRANGESTORE, log: Log::Rewritten, run: zrangestore },
    Spec { facts: &facts::sorted_set::ZRANK, log: Log::Nothing, run: zrank },
    Spec { facts: &facts::sorted_set::ZREM, log: Log::Verbatim, run: zrem },
    Spec { facts: &facts::sorted_set::ZREMRANGEBYLEX, log: Log::Rewritten, run: zremrangebylex },
    Spec { facts: &facts::sorted_set::ZREMRANGEBYRANK, log: Log::Verbatim, run: zremrangebyrank },
    Spec { facts: &facts::sorted_set::ZREMRANGEBYSCORE, log: Log::Verbatim, run: zremrangebyscore },
    Spec { facts: &facts::sorted_set::ZREVRANGE, log: Log::Nothing, run: zrevrange },
    Spec { facts: &facts::sorted_set::ZREVRANGEBYLEX, log: Log::Nothing, run: zrevrangebylex },
    Spec { facts: &facts::sorted_set::ZREVRANGEBYSCORE, log: Log::Nothing, run: zrevrangebyscore },
    Spec { facts: &facts::sorted_set::ZREVRANK, log: Log::Nothing, run: zrevrank },
    Spec { facts: &facts::sorted_set::ZSCAN, log: Log::Nothing, run: zscan },
    Spec { facts: &facts::sorted_set::ZSCORE, log: Log::Nothing, run: zscore },
    Spec { facts: &facts::sorted_set::ZUNION, log: Log::Nothing, run: zunion },
    Spec { facts: &facts::sorted_set::ZUNIONSTORE, log: Log::Verbatim, run: zunionstore },
];

/// Up to where sorted sets stay compact.
pub(crate) fn limits(ctx: &Ctx<'_>) -> Limits {
    let compact = &ctx.limits.compact;
    Limits { entries: compact.zset_entries, member_bytes: compact.zset_value_bytes }
}

/// Opens the reply for `count` members: with scores, flat in RESP2 and as pairs in RESP3.
pub(crate) fn open_members(reply: &mut ReplyWriter<'_>, count: usize, scores: bool) {
    reply.array(if scores && reply.resp == Resp::V2 { count * 2 } else { count });
}

/// Writes a member of a reply that [`open_members`] opened.
#[inline]
pub(crate) fn write_member(reply: &mut ReplyWriter<'_>, member: &[u8], score: f64, scores: bool) {
    if !scores {
        return reply.bulk(member);
    }
    if reply.resp == Resp::V3 {
        reply.array(2);
    }
    reply.bulk(member);
    reply.double(score);
}

/// Says that `count` members of a sorted set changed, which is `event`, and removes the key if none is left.
pub(crate) fn changed(ctx: &mut Ctx<'_>, key: Key<'_>, count: usize, empty: bool, event: &'static str) {
    if count == 0 {
        return;
    }
    if empty {
        ctx.space.delete(key);
    } else {
        ctx.space.object_changed(key);
    }
    ctx.space.local.counters.changes += count as u64 - 1;
    ctx.notify(Class::ZSET, event, key);
    if empty {
        ctx.notify(Class::GENERIC, "del", key);
    }
}

/// Puts the result of a `…STORE` command, which is `event`, in its place: the sorted set, or nothing when it is empty.
/// Replies with its size.
pub(crate) fn store(ctx: &mut Ctx<'_>, key: Key<'_>, zset: Zset, event: &'static str) {
    ctx.reply.int(zset.len() as i64);
    if zset.is_empty() {
        if ctx.space.delete(key) {
            ctx.notify(Class::GENERIC, "del", key);
        }
    } else {
        ctx.space.set(key, NewValue::Object(Box::new(Object::Zset(zset))), Ttl::Clear);
        ctx.notify(Class::ZSET, event, key);
    }
}

/// `ZCARD key`: the number of members. O(1).
pub fn zcard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let len = ctx.space.read_as::<Zset>(key)?.map_or(0, Zset::len);
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// `ZSCORE key member`: the score, or null. O(1).
pub fn zscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    match ctx.space.read_as::<Zset>(key)?.and_then(|zset| zset.score(args.get(2))) {
        Some(score) => ctx.reply.double(score),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// `ZMSCORE key member [member …]`: the score of each, or null. O(1) for each.
pub fn zmscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let zset = ctx.space.read_as::<Zset>(key)?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => ctx.reply.double(score),
            None => ctx.reply.null(),
        }
    }
    Ok(Outcome::Done)
}

/// `ZRANK key member [WITHSCORE]`: how many members come before it, or null. O(log n).
pub fn zrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    rank(ctx, args, "zrank", false)
}

/// `ZREVRANK key member [WITHSCORE]`: how many members come after it, or null. O(log n).
pub fn zrevrank(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    rank(ctx, args, "zrevrank", true)
}

fn rank(ctx: &mut Ctx<'_>, args: &Args<'_>, name: &'static str, reverse: bool) -> CommandResult {
    if args.len() > 4 {
        return Err(CommandError::Arity(name.into()));
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "withscore") {
        return Err(CommandError::Syntax);
    }
    let key = ctx.key(args, 1);
    let zset = ctx.space.read_as::<Zset>(key)?;
    let found = zset.and_then(|zset| zset.rank(args.get(2)).map(|(rank, score)| (rank, score, zset.len())));
    match found {
        Some((rank, score, len)) => {
            let rank = if reverse { len - 1 - rank } else { rank };
            if with_score {
                ctx.reply.array(2);
            }
            ctx.reply.int(rank as i64);
            if with_score {
                ctx.reply.double(score);
            }
        }
        None if with_score => ctx.reply.null_array(),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}
