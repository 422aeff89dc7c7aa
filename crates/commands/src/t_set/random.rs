//! `SRANDMEMBER` (<https://valkey.io/commands/srandmember/>).

use structures::set::Set;
use sys::random::Rng;
use wire::resp::encode::ReplyWriter;

use super::many::reply_all;
use super::reply_member;
use crate::options::integer;
use crate::slices::{AT_ONCE_MAX, work_in_slices};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Members that a slice writes or passes over.
const SLICE_MEMBERS: usize = 1000;
/// Beyond this a transaction, whose replies stand in memory as a whole, gets an error instead of the members.
const TRANSACTION_MAX: usize = 1 << 27;

/// `SRANDMEMBER key [count]`: a random member; or `count` different ones; or, if the count is negative, as many that
/// need not be different. O(log n) each.
pub fn srandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    if let Some(count) = args.try_get(2) {
        let count = integer(count)?;
        if count == i64::MIN {
            return Err(CommandError::text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        return several(ctx, key, count);
    }
    match ctx.space.read_as::<Set>(key)? {
        Some(set) => reply_member(&mut ctx.reply, set.random(ctx.rng)),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

fn several(ctx: &mut Ctx<'_>, key: keyspace::Key<'_>, count: i64) -> CommandResult {
    let in_transaction = ctx.session.executing.is_some();
    let set = ctx.space.read_as::<Set>(key)?;
    let Some(set) = set.filter(|_| count != 0) else {
        ctx.reply.array(0);
        return Ok(Outcome::Done);
    };
    let (len, wanted) = (set.len(), count.unsigned_abs() as usize);
    if count < 0 {
        if in_transaction && wanted > TRANSACTION_MAX {
            return Err(CommandError::text("ERR value is out of range"));
        }
        ctx.reply.array(wanted);
        if wanted <= AT_ONCE_MAX {
            (0..wanted).for_each(|_| reply_member(&mut ctx.reply, set.random(ctx.rng)));
            return Ok(Outcome::Done);
        }
        let (set, mut left) = (set.clone(), wanted);
        return work_in_slices(move |ctx| {
            let now = left.min(SLICE_MEMBERS);
            (0..now).for_each(|_| reply_member(&mut ctx.reply, set.random(ctx.rng)));
            left -= now;
            left > 0
        });
    }
    ctx.reply.array(wanted.min(len));
    if wanted >= len {
        return reply_all(&mut ctx.reply, set);
    }
    let is_packed = set.is_compact() && set.integers().is_none();
    if wanted.saturating_mul(3) > len || is_packed {
        let mut selection = Selection { at: 0, len, left: wanted };
        if len <= AT_ONCE_MAX {
            selection.step(set, len, ctx.rng, &mut ctx.reply);
            return Ok(Outcome::Done);
        }
        let set = set.clone();
        return work_in_slices(move |ctx| selection.step(&set, SLICE_MEMBERS, ctx.rng, &mut ctx.reply));
    }
    let ranks = different(ctx.rng, len, wanted);
    if wanted <= AT_ONCE_MAX {
        ranks.iter().for_each(|&rank| reply_member(&mut ctx.reply, set.get(rank)));
        return Ok(Outcome::Done);
    }
    let (set, mut ranks) = (set.clone(), ranks.into_iter());
    work_in_slices(move |ctx| {
        ranks.by_ref().take(SLICE_MEMBERS).for_each(|rank| reply_member(&mut ctx.reply, set.get(rank)));
        ranks.len() > 0
    })
}

/// A random selection from a set, member after member, with the chance that makes all selections equally likely (Knuth,
/// "The Art of Computer Programming", vol. 2, algorithm S).
struct Selection {
    at: u64,
    /// Members not looked at yet.
    len: usize,
    /// Of which this many are still to be chosen.
    left: usize,
}

impl Selection {
    /// Looks at about `members` members and replies with those chosen. `false` at the end.
    fn step(&mut self, set: &Set, members: usize, rng: &mut Rng, reply: &mut ReplyWriter<'_>) -> bool {
        self.at = set.walk(self.at, members, |member| {
            if rng.index(self.len) < self.left {
                self.left -= 1;
                reply_member(reply, member);
            }
            self.len -= 1;
        });
        self.at != 0
    }
}

/// Different ranks below `len`, in ascending order. `count` must be well below `len`. O(count log count), expected.
fn different(rng: &mut Rng, len: usize, count: usize) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(count);
    while ranks.len() < count {
        for _ in ranks.len()..count {
            ranks.push(rng.index(len));
        }
        ranks.sort_unstable();
        ranks.dedup();
    }
    ranks
}
