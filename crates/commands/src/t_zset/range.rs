//! `ZRANGE` with all its ways to name a range, its older spellings, `ZRANGESTORE` and the counts.
//!
//! Order of checks, as in Valkey: options, their combinations, bounds, the key's type.

use std::ops::Range;

use structures::zset::{LexBound, LexRange, ScoreRange, Zset};
use wire::number::{IntBuf, format_i64};
use wire::resp::ReplyWriter;

use super::{limits, open_members, store, write_member};
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::options::integer;
use crate::slices::{AT_ONCE_MAX, write_in_slices};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// By what a range names its bounds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// Bounds, read.
enum Bounds<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

/// A range as a command names it.
struct Wanted<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    scores: bool,
    offset: i64,
    /// Negative: no limit.
    count: i64,
}

/// A score as a bound of a range: with more spellings than a member's score may have. The empty text is zero, what
/// stands behind a NUL is not looked at, and what a double cannot hold is infinite or zero.
fn score_bound(arg: &[u8]) -> Option<f64> {
    let text = arg.split(|&b| b == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    std::str::from_utf8(text).ok()?.parse().ok().filter(|score: &f64| !score.is_nan())
}

/// The range of scores from `min` to `max`, each behind a `(` if it is itself outside.
pub(super) fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    const INVALID: CommandError = CommandError::text("ERR min or max is not a float");
    let bound = |arg: &[u8]| {
        let (excluded, text) = match arg {
            [b'(', text @ ..] => (true, text),
            text => (false, text),
        };
        score_bound(text).map(|score| (score, excluded)).ok_or(INVALID)
    };
    let ((min, min_excluded), (max, max_excluded)) = (bound(min)?, bound(max)?);
    Ok(ScoreRange { min, min_excluded, max, max_excluded })
}

/// The range of members from `min` to `max`: `-`, `+`, or a member behind `[` or `(`.
pub(super) fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, CommandError> {
    let bound = |arg: &'a [u8]| match arg {
        [b'-'] | [b'-', 0, ..] => Ok(LexBound::Lowest),
        [b'+'] | [b'+', 0, ..] => Ok(LexBound::Highest),
        [b'[', member @ ..] => Ok(LexBound::Included(member)),
        [b'(', member @ ..] => Ok(LexBound::Excluded(member)),
        _ => Err(CommandError::text("ERR min or max not valid string range item")),
    };
    Ok(LexRange { min: bound(min)?, max: bound(max)? })
}

/// The ranks from `start` to `end`, both included; negative ones count from the highest rank.
pub(super) fn ranks(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_end = |index: i64| if index < 0 { len + index } else { index };
    let (start, end) = (from_end(start).max(0), from_end(end).min(len - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

impl<'a> Wanted<'a> {
    /// Reads the bounds at `at` and the options behind them. What `by` and `reverse` leave open, options may choose;
    /// `scores` says whether `WITHSCORES` is one of them.
    fn parse(
        args: &Args<'a>,
        at: usize,
        by: Option<By>,
        reverse: Option<bool>,
        scores: bool,
    ) -> Result<Wanted<'a>, CommandError> {
        let (mut chosen, mut backwards) = (by, reverse);
        let (mut with_scores, mut offset, mut count) = (false, 0, -1);
        let mut i = at + 2;
        while i < args.len() {
            if scores && args.is(i, "withscores") {
                with_scores = true;
            } else if args.is(i, "limit") && i + 2 < args.len() {
                (offset, count) = (integer(args.get(i + 1))?, integer(args.get(i + 2))?);
                i += 2;
            } else if backwards.is_none() && args.is(i, "rev") {
                backwards = Some(true);
            } else if chosen.is_none() && args.is(i, "bylex") {
                chosen = Some(By::Lex);
            } else if chosen.is_none() && args.is(i, "byscore") {
                chosen = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
            i += 1;
        }
        let (by, reverse) = (chosen.unwrap_or(By::Rank), backwards.unwrap_or(false));
        if count != -1 && by == By::Rank {
            return Err(CommandError::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(CommandError::text(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (first, second) = (args.get(at), args.get(at + 1));
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let bounds = match by {
            By::Rank => Bounds::Rank(integer(first)?, integer(second)?),
            By::Score => Bounds::Score(score_range(min, max)?),
            By::Lex => Bounds::Lex(lex_range(min, max)?),
        };
        Ok(Wanted { bounds, reverse, scores: with_scores, offset, count })
    }

    /// The ranks that are wanted of a set, in the order of scores.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        match &self.bounds {
            &Bounds::Rank(start, end) => {
                let (len, ranks) = (zset.len(), ranks(start, end, zset.len()));
                if self.reverse { len - ranks.end..len - ranks.start } else { ranks }
            }
            Bounds::Score(range) => self.limited(zset, |skipped| {
                let ranks = zset.score_ranks(range);
                let left = ranks.len().saturating_sub(skipped);
                if self.reverse { ranks.start..ranks.start + left } else { ranks.end - left..ranks.end }
            }),
            Bounds::Lex(range) => self.limited(zset, |skipped| zset.lex_ranks(range, self.reverse, skipped)),
        }
    }

    /// Whether compact and large sets give different members: where scores differ, by member, and with a negative offset.
    fn depends_on_encoding(&self) -> bool {
        match self.bounds {
            Bounds::Rank(..) => false,
            Bounds::Score(_) => self.offset < 0,
            Bounds::Lex(_) => true,
        }
    }

    /// Ranks as arguments have them: counted from the end that the range begins at.
    fn as_written(&self, ranks: &Range<usize>, len: usize) -> Range<usize> {
        if self.reverse { len - ranks.end..len - ranks.start } else { ranks.clone() }
    }

    /// What `LIMIT` leaves of the ranks in range, which `find` finds but for as many as it is told to skip. A negative
    /// offset counts from the far end of the range, but finds nothing in a compact set: so it is in Valkey.
    fn limited(&self, zset: &Zset, find: impl Fn(usize) -> Range<usize>) -> Range<usize> {
        let skipped = match usize::try_from(self.offset) {
            Ok(skipped) => skipped,
            Err(_) if zset.is_compact() => return 0..0,
            Err(_) => match find(0).len().checked_add_signed(self.offset as isize) {
                Some(skipped) => skipped,
                None => return 0..0,
            },
        };
        let found = find(skipped);
        let taken = usize::try_from(self.count).unwrap_or(usize::MAX).min(found.len());
        if self.reverse { found.end - taken..found.end } else { found.start..found.start + taken }
    }
}

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`: the members in a range of ranks,
/// scores or members. O(log n + members replied).
pub fn zrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_range(ctx, args, None, None)
}

/// `ZREVRANGE key start stop [WITHSCORES]`: `ZRANGE` from the highest score. O(log n + members replied).
pub fn zrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_range(ctx, args, Some(By::Rank), Some(true))
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`. O(log n + members replied).
pub fn zrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_range(ctx, args, Some(By::Score), Some(false))
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`. O(log n + members replied).
pub fn zrevrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_range(ctx, args, Some(By::Score), Some(true))
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`. O(log n + members replied).
pub fn zrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_range(ctx, args, Some(By::Lex), Some(false))
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`. O(log n + members replied).
pub fn zrevrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_range(ctx, args, Some(By::Lex), Some(true))
}

fn reply_range(ctx: &mut Ctx<'_>, args: &Args<'_>, by: Option<By>, reverse: Option<bool>) -> CommandResult {
    let wanted = Wanted::parse(args, 2, by, reverse, true)?;
    let key = ctx.key(args, 1);
    let Some(zset) = ctx.space.read_as::<Zset>(key)? else {
        ctx.reply.array(0);
        return Ok(Outcome::Done);
    };
    let ranks = wanted.ranks(zset);
    let (reverse, scores) = (wanted.reverse, wanted.scores);
    open_members(&mut ctx.reply, ranks.len(), scores);
    members_in_slices(&mut ctx.reply, zset, ranks, reverse, scores)
}

/// Writes the members of `ranks`: at once if they are few, else in slices.
pub(super) fn members_in_slices(
    reply: &mut ReplyWriter<'_>,
    zset: &Zset,
    ranks: Range<usize>,
    reverse: bool,
    scores: bool,
) -> CommandResult {
    if ranks.len() > AT_ONCE_MAX {
        return write_in_slices(piecewise(zset.clone(), ranks, reverse, scores));
    }
    zset.visit(ranks, reverse, |member, score| write_member(reply, member, score, scores));
    Ok(Outcome::Done)
}

/// Members that [`piecewise`] writes at a call.
const PIECE_MEMBERS: usize = 64;
/// Bytes after which it ends sooner.
const PIECE_BYTES: usize = 16 * 1024;

/// What writes the members of `ranks` some at a time, until it says that none is left.
fn piecewise(
    zset: Zset,
    mut ranks: Range<usize>,
    reverse: bool,
    scores: bool,
) -> impl FnMut(&mut ReplyWriter<'_>) -> bool + Send + 'static {
    move |reply| {
        let from = reply.len();
        let mut written = 0;
        let count = ranks.len().min(PIECE_MEMBERS);
        let piece = if reverse { ranks.end - count..ranks.end } else { ranks.start..ranks.start + count };
        zset.visit_while(piece, reverse, |member, score| {
            write_member(reply, member, score, scores);
            written += 1;
            reply.len() - from < PIECE_BYTES
        });
        if reverse {
            ranks.end -= written;
        } else {
            ranks.start += written;
        }
        written > 0
    }
}

/// `ZRANGESTORE destination source start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count]`: makes the members in a
/// range a sorted set of their own; its size. O(log n + members stored).
pub fn zrangestore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let wanted = Wanted::parse(args, 3, None, None, false)?;
    let (limits, may_set_aside) = (limits(ctx), ctx.may_set_aside());
    let (to, from) = (ctx.key(args, 1), ctx.key(args, 2));
    let mut result = Zset::default();
    let mut by_rank = None;
    if let Some(zset) = ctx.space.read_as::<Zset>(from)? {
        let ranks = wanted.ranks(zset);
        if may_set_aside && ranks.len() > LOCKED_ELEMENTS_MAX {
            return Ok(Outcome::Aside);
        }
        by_rank = wanted.depends_on_encoding().then(|| wanted.as_written(&ranks, zset.len()));
        let known = if let Bounds::Rank(..) = wanted.bounds { ranks.len() } else { 0 };
        result.prepare(limits, known, 0);
        // In this order: a negative zero loses its sign only until the set is large.
        zset.visit(ranks, wanted.reverse, |member, score| {
            result.update(member, limits, |_| Some(score));
        });
    }
    let before = ctx.space.local.counters.changes;
    store(ctx, to, result, "zrangestore");
    if ctx.space.local.counters.changes > before {
        log_store(ctx, args, &wanted, by_rank);
    }
    Ok(Outcome::Done)
}

/// Logs a `ZRANGESTORE`, by rank where another encoding would find other members.
fn log_store(ctx: &mut Ctx<'_>, args: &Args<'_>, wanted: &Wanted<'_>, by_rank: Option<Range<usize>>) {
    if !ctx.space.local.effects.is_active() {
        return ctx.effect(&[]);
    }
    let Some(ranks) = by_rank else { return ctx.effect(&args.to_vec()) };
    let (mut start, mut stop) = (IntBuf::new(), IntBuf::new());
    // An empty range is one from 1 to 0.
    let (first, last) = if ranks.is_empty() { (1, 0) } else { (ranks.start as i64, ranks.end as i64 - 1) };
    let (start, stop) = (format_i64(first, &mut start), format_i64(last, &mut stop));
    let argv = [b"ZRANGESTORE", args.get(1), args.get(2), start, stop, b"REV"];
    ctx.effect(if wanted.reverse { &argv } else { &argv[..5] });
}

/// `ZCOUNT key min max`: the number of members with scores in a range. O(log n).
pub fn zcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let range = score_range(args.get(2), args.get(3))?;
    let key = ctx.key(args, 1);
    let count = ctx.space.read_as::<Zset>(key)?.map_or(0, |zset| zset.score_ranks(&range).len());
    ctx.reply.int(count as i64);
    Ok(Outcome::Done)
}

/// `ZLEXCOUNT key min max`: the number of members in a range, all scores taken to be equal. O(log n).
pub fn zlexcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let range = lex_range(args.get(2), args.get(3))?;
    let key = ctx.key(args, 1);
    let count = ctx.space.read_as::<Zset>(key)?.map_or(0, |zset| zset.lex_ranks(&range, false, 0).len());
    ctx.reply.int(count as i64);
    Ok(Outcome::Done)
}
