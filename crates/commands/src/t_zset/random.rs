//! `ZRANDMEMBER`: members by chance.

use std::collections::HashSet;

use structures::zset::Zset;
use sys::random::Rng;
use wire::resp::ReplyWriter;

use super::range::members_in_slices;
use super::{open_members, write_member};
use crate::options::integer;
use crate::slices::{AT_ONCE_MAX, reply_in_slices};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `ZRANDMEMBER key [count [WITHSCORES]]`: a random member, or null; with a count that many different ones; with a
/// negative one as many as that, whether or not they repeat. O(log n) for each.
pub fn zrandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let Some(arg) = args.try_get(2) else {
        let key = ctx.key(args, 1);
        let Ctx { space, reply, rng, .. } = ctx;
        match space.read_as::<Zset>(key)? {
            Some(zset) => {
                let rank = rng.index(zset.len());
                zset.visit(rank..rank + 1, false, |member, _| reply.bulk(member));
            }
            None => reply.null(),
        }
        return Ok(Outcome::Done);
    };
    let count = integer(arg)?;
    if count == i64::MIN {
        return Err(CommandError::text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let scores = args.len() > 3;
    if args.len() > 4 || scores && !args.is(3, "withscores") {
        return Err(CommandError::Syntax);
    }
    if scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CommandError::text("ERR value is out of range"));
    }
    let key = ctx.key(args, 1);
    let Ctx { space, reply, rng, .. } = ctx;
    let Some(zset) = space.read_as::<Zset>(key)? else {
        reply.array(0);
        return Ok(Outcome::Done);
    };
    let (len, wanted) = (zset.len(), usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX));
    let wanted = if count > 1 { wanted.min(len) } else { wanted };
    open_members(reply, wanted, scores);
    if count > 1 && wanted == len {
        // All of them, as Valkey walks through a set.
        return members_in_slices(reply, zset, 0..len, true, scores);
    }
    let (mut ranks, zset) = (Ranks::new(len, wanted, count < 0, rng), zset.clone());
    let write = move |reply: &mut ReplyWriter<'_>, rank: usize| {
        zset.visit(rank..rank + 1, false, |member, score| write_member(reply, member, score, scores));
    };
    if wanted > AT_ONCE_MAX {
        return reply_in_slices(ranks, write);
    }
    ranks.by_ref().for_each(|rank| write(reply, rank));
    Ok(Outcome::Done)
}

/// Random ranks below `len`.
struct Ranks {
    rng: Rng,
    len: usize,
    left: usize,
    /// Those already taken, if none may come twice.
    taken: Option<HashSet<usize>>,
}

impl Ranks {
    fn new(len: usize, count: usize, repeated: bool, rng: &mut Rng) -> Ranks {
        Ranks { rng: Rng::new(rng.next_u64()), len, left: count, taken: (!repeated).then(HashSet::new) }
    }
}

impl Iterator for Ranks {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let Some(taken) = &mut self.taken else { return Some(self.rng.index(self.len)) };
        // Floyd's sample: each subset of this size is as likely as any other.
        let last = self.len - 1 - self.left;
        let rank = self.rng.index(last + 1);
        let rank = if taken.contains(&rank) { last } else { rank };
        taken.insert(rank);
        Some(rank)
    }
}
