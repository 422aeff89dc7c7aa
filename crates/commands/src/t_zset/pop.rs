//! `ZPOPMIN`, `ZPOPMAX`, `ZMPOP`, and what their blocking forms share with them.

use keyspace::Key;
use structures::zset::Zset;
use wire::number::{IntBuf, format_u64, parse_i64};
use wire::resp::{ReplyWriter, Resp};

use super::changed;
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// From which end members are popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The lowest score first.
    Min,
    /// The highest score first.
    Max,
}

impl End {
    /// The command that does the same, for the log.
    pub fn command(self) -> &'static [u8] {
        match self {
            End::Min => b"ZPOPMIN",
            End::Max => b"ZPOPMAX",
        }
    }
}

/// How popped members are replied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Member, score, member, score, …: `ZPOPMIN`.
    Flat,
    /// Pairs: `ZPOPMIN` with a count in RESP3.
    Pairs,
    /// Key, member, score: `BZPOPMIN`.
    KeyFlat,
    /// The key and an array of pairs: `ZMPOP`, `BZMPOP`.
    KeyPairs,
}

impl Shape {
    fn open(self, reply: &mut ReplyWriter<'_>, key: &[u8], count: usize) {
        match self {
            Shape::Flat => reply.array(count * 2),
            Shape::Pairs => reply.array(count),
            Shape::KeyFlat => {
                reply.array(count * 2 + 1);
                reply.bulk(key);
            }
            Shape::KeyPairs => {
                reply.array(2);
                reply.bulk(key);
                reply.array(count);
            }
        }
    }
}

/// Pops up to `count` members of a sorted set into the reply, and tells the keyspace. Returns how many; nothing is
/// written and nothing happens when the key is missing or `count` is 0, or, `None`, when these are so many that the
/// command is to be set aside. The effect is the caller's. O(log n) for each.
pub fn pop(
    ctx: &mut Ctx<'_>,
    key: Key<'_>,
    end: End,
    count: usize,
    shape: Shape,
) -> Result<Option<usize>, CommandError> {
    let may_set_aside = ctx.may_set_aside();
    let Some(zset) = ctx.space.write_as::<Zset>(key)? else { return Ok(Some(0)) };
    let len = zset.len();
    let count = count.min(len);
    if count == 0 {
        return Ok(Some(0));
    }
    if may_set_aside && count > LOCKED_ELEMENTS_MAX {
        return Ok(None);
    }
    let reply = &mut ctx.reply;
    shape.open(reply, key.bytes, count);
    let nested = matches!(shape, Shape::Pairs | Shape::KeyPairs);
    let ranks = if end == End::Min { 0..count } else { len - count..len };
    let write = |member: &[u8], score: f64| {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(score);
    };
    zset.visit(ranks.clone(), end == End::Max, write);
    if count < len {
        zset.remove_ranks(ranks);
    }
    changed(ctx, key, count, count == len, if end == End::Min { "zpopmin" } else { "zpopmax" });
    Ok(Some(count))
}

/// `ZPOPMIN key [count]`: takes the members with the lowest scores. O(log n) for each.
pub fn zpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop_one_key(ctx, args, End::Min)
}

/// `ZPOPMAX key [count]`: takes the members with the highest scores. O(log n) for each.
pub fn zpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop_one_key(ctx, args, End::Max)
}

fn pop_one_key(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let count = match args.try_get(2) {
        Some(arg) => parse_i64(arg)
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(CommandError::text("ERR value is out of range, must be positive"))?,
        None => 1,
    };
    let key = ctx.key(args, 1);
    let shape = if args.len() == 3 && ctx.reply.resp == Resp::V3 { Shape::Pairs } else { Shape::Flat };
    match pop(ctx, key, end, count, shape)? {
        None => return Ok(Outcome::Aside),
        Some(0) => ctx.reply.array(0),
        Some(_) => {}
    }
    Ok(Outcome::Done)
}

/// What `ZMPOP` and `BZMPOP` are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Number of keys.
    pub keys: usize,
    /// The end to pop from.
    pub end: End,
    /// Members to pop at most.
    pub count: usize,
}

impl Request {
    /// Reads `numkeys key [key …] MIN | MAX [COUNT count]`, of which `numkeys` is argument `at`.
    pub fn parse(args: &Args<'_>, at: usize) -> Result<Request, CommandError> {
        let positive = |arg: &[u8], error: &'static str| match parse_i64(arg) {
            Some(n @ 1..) => Ok(n as usize),
            _ => Err(CommandError::text(error)),
        };
        let keys = positive(args.get(at), "ERR numkeys should be greater than 0")?;
        let end_at = at.saturating_add(keys).saturating_add(1);
        let end = if args.is(end_at, "min") {
            End::Min
        } else if args.is(end_at, "max") {
            End::Max
        } else {
            return Err(CommandError::Syntax);
        };
        let mut count = None;
        let mut i = end_at + 1;
        while i < args.len() {
            match args.try_get(i + 1) {
                Some(arg) if count.is_none() && args.is(i, "count") => {
                    count = Some(positive(arg, "ERR count should be greater than 0")?);
                }
                _ => return Err(CommandError::Syntax),
            }
            i += 2;
        }
        Ok(Request { keys, end, count: count.unwrap_or(1) })
    }
}

/// Logs a pop of `count` members as what it was.
pub fn log_pop(ctx: &mut Ctx<'_>, key: Key<'_>, end: End, count: usize) {
    ctx.effect(&[end.command(), key.bytes, format_u64(count as u64, &mut IntBuf::new())]);
}

/// `ZMPOP numkeys key [key …] MIN | MAX [COUNT count]`: pops from the first sorted set that is not empty; its key and
/// the members, or null. O(keys + log n for each).
pub fn zmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let request = Request::parse(args, 1)?;
    for i in 0..request.keys {
        let key = ctx.key(args, 2 + i);
        let popped = pop(ctx, key, request.end, request.count, Shape::KeyPairs)?;
        let Some(popped) = popped else { return Ok(Outcome::Aside) };
        if popped > 0 {
            log_pop(ctx, key, request.end, popped);
            return Ok(Outcome::Done);
        }
    }
    ctx.reply.null_array();
    Ok(Outcome::Done)
}
