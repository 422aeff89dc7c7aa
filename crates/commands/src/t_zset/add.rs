//! `ZADD` and `ZINCRBY`: members come in or get new scores.

use keyspace::Key;
use smallvec::SmallVec;
use structures::zset::Zset;
use wire::number::{DoubleBuf, format_f64, parse_f64};

use super::{changed, limits};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Which members `ZADD` touches, and what it does to them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// `NX`: new members only.
    nx: bool,
    /// `XX`: present members only.
    xx: bool,
    /// `GT`: a present member's score only grows.
    gt: bool,
    /// `LT`: a present member's score only shrinks.
    lt: bool,
    /// `CH`: the reply counts members whose score changed, too.
    ch: bool,
    /// `INCR`: the score is added to the present one.
    incr: bool,
}

impl Options {
    /// Takes in an option; `false` when `word` is none.
    fn take(&mut self, word: &[u8]) -> bool {
        let option = match word.len() {
            2 => match [word[0] | 0x20, word[1] | 0x20] {
                [b'n', b'x'] => &mut self.nx,
                [b'x', b'x'] => &mut self.xx,
                [b'g', b't'] => &mut self.gt,
                [b'l', b't'] => &mut self.lt,
                [b'c', b'h'] => &mut self.ch,
                _ => return false,
            },
            4 if word.eq_ignore_ascii_case(b"incr") => &mut self.incr,
            _ => return false,
        };
        *option = true;
        true
    }

    /// What becomes of a member: its new score, `None` to leave it alone, or that the sum is not a number.
    fn decide(self, old: Option<f64>, score: f64) -> Result<Option<f64>, NotANumber> {
        let Some(old) = old else { return Ok((!self.xx).then_some(score)) };
        if self.nx {
            return Ok(None);
        }
        let score = if self.incr { old + score } else { score };
        if score.is_nan() {
            return Err(NotANumber);
        }
        let blocked = self.lt && score >= old || self.gt && score <= old;
        Ok((!blocked).then_some(score))
    }
}

struct NotANumber;

/// A member and the score it is to have.
pub(crate) type Scored<'a> = (f64, &'a [u8]);

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member …]`: the number of new members, or with `CH`
/// of all that changed; with `INCR` the new score, or null if an option forbade it. O(log n) for each.
pub fn zadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let mut options = Options::default();
    let mut from = 2;
    while from < args.len() && options.take(args.get(from)) {
        from += 1;
    }
    let words = args.len() - from;
    if words == 0 || words % 2 == 1 {
        return Err(CommandError::Syntax);
    }
    if options.nx && options.xx {
        return Err(CommandError::text("ERR XX and NX options at the same time are not compatible"));
    }
    if options.nx && (options.gt || options.lt) || options.gt && options.lt {
        return Err(CommandError::text("ERR GT, LT, and/or NX options at the same time are not compatible"));
    }
    if options.incr && words > 2 {
        return Err(CommandError::text("ERR INCR option supports a single increment-element pair"));
    }
    let key = ctx.key(args, 1);
    if words == 2 {
        let score = parse_f64(args.get(from)).ok_or(CommandError::NotFloat)?;
        return add(ctx, args, key, options, &[(score, args.get(from + 1))]);
    }
    let mut members = SmallVec::<[Scored<'_>; 16]>::with_capacity(words / 2);
    for i in (from..args.len()).step_by(2) {
        members.push((parse_f64(args.get(i)).ok_or(CommandError::NotFloat)?, args.get(i + 1)));
    }
    add(ctx, args, key, options, &members)
}

/// `ZINCRBY key increment member`: adds to a member's score, and adds the member if need be. O(log n).
pub fn zincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let score = parse_f64(args.get(2)).ok_or(CommandError::NotFloat)?;
    let key = ctx.key(args, 1);
    add(ctx, args, key, Options { incr: true, ..Options::default() }, &[(score, args.get(3))])
}

/// What `GEOADD` does with its options, once places are scores.
pub(crate) fn add_places(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    options: impl Iterator<Item = usize>,
    members: &[Scored<'_>],
) -> CommandResult {
    let mut taken = Options::default();
    for i in options {
        taken.take(args.get(i));
    }
    let key = ctx.key(args, 1);
    add(ctx, args, key, taken, members)
}

fn add(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    key: Key<'_>,
    options: Options,
    members: &[Scored<'_>],
) -> CommandResult {
    let limits = limits(ctx);
    let longest = members.iter().map(|(_, member)| member.len()).max().unwrap_or(0);
    let zset = if options.xx {
        match ctx.space.write_as::<Zset>(key)? {
            Some(zset) => zset,
            None if options.incr => {
                ctx.reply.null();
                return Ok(Outcome::Done);
            }
            None => {
                ctx.reply.int(0);
                return Ok(Outcome::Done);
            }
        }
    } else {
        ctx.space.write_or_insert(key, Zset::default)?
    };
    zset.prepare(limits, members.len(), longest);
    let (mut added, mut updated) = (0, 0);
    let mut result = None;
    for &(score, member) in members {
        let mut decided = Ok(None);
        let old = zset.update(member, limits, |old| {
            decided = options.decide(old, score);
            match decided {
                Ok(new) => new.filter(|&new| old != Some(new)),
                Err(NotANumber) => None,
            }
        });
        let Ok(new) = decided else {
            return Err(CommandError::text("ERR resulting score is not a number (NaN)"));
        };
        match (old, new) {
            (None, Some(_)) => added += 1,
            (Some(old), Some(new)) if old != new => updated += 1,
            _ => {}
        }
        result = new;
    }
    if added + updated > 0 {
        changed(ctx, key, added + updated, false, if options.incr { "zincr" } else { "zadd" });
        match result {
            Some(score) if options.incr => {
                let mut text = DoubleBuf::new();
                ctx.effect(&[b"ZADD", key.bytes, format_f64(score, &mut text), members[0].1]);
            }
            _ if ctx.space.local.effects.is_active() => ctx.effect(&args.to_vec()),
            _ => ctx.effect(&[]),
        }
    }
    match result {
        Some(score) if options.incr => ctx.reply.double(score),
        None if options.incr => ctx.reply.null(),
        _ => ctx.reply.int(if options.ch { added + updated } else { added } as i64),
    }
    Ok(Outcome::Done)
}
