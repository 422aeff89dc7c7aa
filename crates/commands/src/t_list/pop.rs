//! Pops at the ends.

use keyspace::Key;
use structures::list::{End, List};
use wire::number::{IntBuf, format_u64};
use wire::resp::encode::ReplyWriter;

use super::range::reply_range;
use super::{discard, end_of, fill, finish, popped, reply_element};
use crate::options::{integer, positive};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Takes one element from an end of a list and replies with it, after whatever `head` writes. `false`, and no reply,
/// when the key is missing. The caller logs it. O(1).
#[inline]
pub fn pop_one(
    ctx: &mut Ctx<'_>,
    key: Key<'_>,
    end: End,
    head: impl FnOnce(&mut ReplyWriter<'_>),
) -> Result<bool, CommandError> {
    let fill = fill(ctx);
    let Ctx { space, reply, .. } = &mut *ctx;
    let Some(list) = space.write_as::<List>(key)? else { return Ok(false) };
    let Some(element) = list.end(end) else { return Ok(false) };
    head(reply);
    reply_element(reply, element);
    list.drop_end(end);
    let is_empty = list.is_empty();
    if !is_empty {
        list.settle(fill);
    }
    finish(ctx, key, is_empty, 1, popped(end));
    Ok(true)
}

/// What [`pop_many`] did.
pub struct Popped {
    /// Elements taken.
    pub count: usize,
    /// How the command goes on: the elements of a long reply follow in slices.
    pub outcome: Outcome,
}

/// Takes up to `count` elements, at least one, from an end of a list and replies with an array of them, after whatever
/// `head` writes. `None`, and no reply, when the key is missing. The caller logs it. O(log n + elements taken).
pub fn pop_many(
    ctx: &mut Ctx<'_>,
    key: Key<'_>,
    end: End,
    count: usize,
    head: impl FnOnce(&mut ReplyWriter<'_>),
) -> Result<Option<Popped>, CommandError> {
    let fill = fill(ctx);
    let Ctx { space, reply, .. } = &mut *ctx;
    let Some(list) = space.write_as::<List>(key)? else { return Ok(None) };
    let len = list.len();
    let count = count.min(len);
    let range = if end == End::Front { 0..count } else { len - count..len };
    head(reply);
    let outcome = reply_range(reply, list, range.clone(), end)?;
    let leftovers = list.remove_range(range);
    if count < len {
        list.settle(fill);
    }
    discard(space.local, leftovers);
    finish(ctx, key, count == len, count, popped(end));
    Ok(Some(Popped { count, outcome }))
}

/// `LPOP key [count]`: takes elements from the front. O(1), with `count` O(elements taken).
pub fn lpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop(ctx, args, End::Front)
}

/// `RPOP key [count]`: takes elements from the end, the last one first. O(1), with `count` O(elements taken).
pub fn rpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop(ctx, args, End::Back)
}

#[inline]
fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> CommandResult {
    let key = ctx.key(args, 1);
    if args.len() > 2 {
        return pop_counted(ctx, args, key, end);
    }
    if !pop_one(ctx, key, end, |_| {})? {
        ctx.reply.null();
    }
    Ok(Outcome::Done)
}

#[inline(never)]
fn pop_counted(ctx: &mut Ctx<'_>, args: &Args<'_>, key: Key<'_>, end: End) -> CommandResult {
    if args.len() > 3 {
        let name = if end == End::Front { "lpop" } else { "rpop" };
        return Err(CommandError::Arity(name.into()));
    }
    let count = positive(args.get(2))?;
    if count == 0 {
        match ctx.space.read_for_write_as::<List>(key)? {
            Some(_) => ctx.reply.array(0),
            None => ctx.reply.null_array(),
        }
        return Ok(Outcome::Done);
    }
    match pop_many(ctx, key, end, count, |_| {})? {
        Some(popped) => Ok(popped.outcome),
        None => {
            ctx.reply.null_array();
            Ok(Outcome::Done)
        }
    }
}

/// What `LMPOP` and its blocking form are asked for.
pub struct MultiPop {
    /// The argument that is the first key.
    pub first: usize,
    /// Number of keys.
    pub keys: usize,
    /// Which end elements are taken from.
    pub end: End,
    /// How many at most.
    pub count: usize,
}

impl MultiPop {
    /// Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]` from argument `from` on.
    pub fn parse(args: &Args<'_>, from: usize) -> Result<MultiPop, CommandError> {
        const KEYS: CommandError = CommandError::text("ERR numkeys should be greater than 0");
        const COUNT: CommandError = CommandError::text("ERR count should be greater than 0");
        let at_least_one = |arg, error: CommandError| match integer(arg) {
            Ok(number @ 1..) => Ok(number as usize),
            _ => Err(error),
        };
        let keys = at_least_one(args.get(from), KEYS)?;
        let first = from + 1;
        let place = first.saturating_add(keys);
        let end = end_of(args.try_get(place).ok_or(CommandError::Syntax)?)?;
        let count = match args.len() - place {
            1 => 1,
            3 if args.is(place + 1, "COUNT") => at_least_one(args.get(place + 2), COUNT)?,
            // Given twice, it still is looked at.
            4.. if args.is(place + 1, "COUNT") => {
                at_least_one(args.get(place + 2), COUNT)?;
                return Err(CommandError::Syntax);
            }
            _ => return Err(CommandError::Syntax),
        };
        Ok(MultiPop { first, keys, end, count })
    }

    /// Pops from the first of the keys that exists, replies with its name and an array, and logs what was done. `None`,
    /// and no reply, when none exists.
    pub fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Option<Outcome>, CommandError> {
        for i in self.first..self.first + self.keys {
            let key = ctx.key(args, i);
            let popped = pop_many(ctx, key, self.end, self.count, |reply| {
                reply.array(2);
                reply.bulk(key.bytes);
            })?;
            if let Some(Popped { count, outcome }) = popped {
                log_pop(ctx, key, self.end, count);
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }
}

/// Logs that `count` elements were taken from an end of a list.
pub fn log_pop(ctx: &mut Ctx<'_>, key: Key<'_>, end: End, count: usize) {
    let name: &[u8] = if end == End::Front { b"LPOP" } else { b"RPOP" };
    ctx.effect(&[name, key.bytes, format_u64(count as u64, &mut IntBuf::new())]);
}

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`: takes elements from the first list that has any. O(keys +
/// elements taken).
pub fn lmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let asked = MultiPop::parse(args, 1)?;
    match asked.run(ctx, args)? {
        Some(outcome) => Ok(outcome),
        None => {
            ctx.reply.null_array();
            Ok(Outcome::Done)
        }
    }
}
