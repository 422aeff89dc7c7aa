//! Intersection, union and difference, to the client: `SINTER`, `SINTERCARD`, `SUNION`, `SDIFF`.
//!
//! All three are one question, asked of each member of one set after the other: do the other sets have it? No
//! temporary set is built unless that question would be asked far too often. What takes long goes on in slices, on
//! clones of the sets.

use smallvec::SmallVec;
use structures::listpack::Element;
use structures::set::{Finder, Limits, Set};

use super::{limits, reply_member};
use crate::options::integer;
use crate::slices::{gather_in_slices, work_in_slices};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Look-ups that a command does at once: some 100 µs.
const AT_ONCE_LOOKUPS: usize = 1000;
/// Unions of more sets than this collect members in a set of their own: each would be looked up in all before it.
const UNION_SIEVE_MAX: usize = 8;

/// The sets of a command, `None` for missing keys.
pub(super) type Sets = SmallVec<[Option<Set>; 4]>;

/// Clones of the sets at some arguments. O(1) each.
pub(super) fn sets_of(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    at: std::ops::Range<usize>,
) -> Result<Sets, CommandError> {
    let mut sets = Sets::new();
    for i in at {
        let key = ctx.key(args, i);
        sets.push(ctx.space.read_as::<Set>(key)?.cloned());
    }
    Ok(sets)
}

/// Whether the first key is named again.
pub(super) fn repeats_first(args: &Args<'_>, at: std::ops::Range<usize>) -> bool {
    let first = args.get(at.start);
    at.skip(1).any(|i| args.get(i) == first)
}

/// Whether a difference is found sooner by removing the other sets from a copy of the first than by looking up each
/// of its members, which has the smaller constant. The choice can be seen in the encoding of what `SDIFFSTORE` stores.
pub(super) fn removing_is_cheaper(sets: &Sets) -> bool {
    let Some(Some(first)) = sets.first() else { return false };
    let there = || sets.iter().flatten();
    first.len() * there().count() / 2 > there().map(Set::len).sum()
}

/// Which members are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Those of the first set that all others have.
    Common,
    /// Those of the first set that no other has.
    Only,
    /// Those of each set that none before it has.
    New,
}

/// An operation under way.
struct Sieve {
    sets: Vec<Finder>,
    which: Which,
    /// The set whose members are asked about.
    stage: usize,
    at: u64,
}

impl Sieve {
    fn new(sets: impl Iterator<Item = Set>, which: Which) -> Sieve {
        let sets: Vec<Set> = sets.collect();
        let asked = sets.first().map_or(0, Set::len);
        Sieve { sets: sets.into_iter().map(|set| Finder::new(set, asked)).collect(), which, stage: 0, at: 0 }
    }

    /// Look-ups until the end, at most.
    fn lookups(&self) -> usize {
        let len = |i: usize| self.sets[i].set().len();
        match self.which {
            _ if self.sets.is_empty() => 0,
            Which::Common | Which::Only => len(0) * self.sets.len(),
            Which::New => (0..self.sets.len()).map(|i| len(i) * (i + 1)).sum(),
        }
    }

    /// Goes on with about `lookups` look-ups and shows what is wanted. `false` at the end.
    fn step(&mut self, lookups: usize, mut show: impl FnMut(Element<'_>)) -> bool {
        let Some(first) = self.sets.get(self.stage) else { return false };
        let others = match self.which {
            Which::Common | Which::Only => &self.sets[1..],
            Which::New => &self.sets[..self.stage],
        };
        let wanted = self.which == Which::Common;
        let members = (lookups / (others.len() + 1)).max(1);
        self.at = first.set().walk(self.at, members, |member| {
            if others.iter().all(|other| other.contains(member) == wanted) {
                show(member);
            }
        });
        if self.at == 0 {
            self.stage = if self.which == Which::New { self.stage + 1 } else { self.sets.len() };
        }
        self.stage < self.sets.len()
    }

    /// Replies with what is wanted, as a set.
    fn reply(mut self, ctx: &mut Ctx<'_>) -> CommandResult {
        if self.lookups() > AT_ONCE_LOOKUPS {
            return gather_in_slices(
                ctx.reply.resp,
                move |found| {
                    self.step(AT_ONCE_LOOKUPS, |member| found.add(|reply| reply_member(reply, member)))
                },
                |reply, found| reply.set(found.count),
            );
        }
        let mark = ctx.reply.array_deferred();
        let mut count = 0;
        while self.step(AT_ONCE_LOOKUPS, |member| {
            reply_member(&mut ctx.reply, member);
            count += 1;
        }) {}
        ctx.reply.set_finish(mark, count);
        Ok(Outcome::Done)
    }
}

/// Sets to be intersected, the smallest first; `None` if one of them is empty.
fn smallest_first(sets: Sets) -> Option<Vec<Set>> {
    let mut sets: Vec<Set> = sets.into_iter().collect::<Option<_>>()?;
    sets.sort_by_key(Set::len);
    Some(sets)
}

/// `SINTER key [key …]`: the members that all sets have. O(n) look-ups, n the smallest set's members times the sets.
pub fn sinter(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let sets = smallest_first(sets_of(ctx, args, 1..args.len())?).unwrap_or_default();
    Sieve::new(sets.into_iter(), Which::Common).reply(ctx)
}

/// `SINTERCARD numkeys key [key …] [LIMIT limit]`: how many members all sets have, counting no further than the limit
/// (0 for none). O(n) look-ups, as `SINTER`.
pub fn sintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (keys, limit) = sintercard_args(args)?;
    let sets = smallest_first(sets_of(ctx, args, keys)?).unwrap_or_default();
    let mut sieve = Sieve::new(sets.into_iter(), Which::Common);
    let mut count = 0;
    let mut step = move |budget: usize| {
        let members = (limit - count).saturating_mul(sieve.sets.len());
        let more = sieve.step(budget.min(members), |_| count += 1);
        // Members of large sets come some at a time, so the count may have gone beyond.
        (more && count < limit).then_some(()).ok_or(count.min(limit))
    };
    let mut left = AT_ONCE_LOOKUPS;
    while left > 0 {
        if let Err(count) = step(left.min(100)) {
            ctx.reply.int(count as i64);
            return Ok(Outcome::Done);
        }
        left -= left.min(100);
    }
    work_in_slices(move |ctx| match step(AT_ONCE_LOOKUPS) {
        Ok(()) => true,
        Err(count) => {
            ctx.reply.int(count as i64);
            false
        }
    })
}

/// Which arguments of `SINTERCARD` are keys, and the limit.
fn sintercard_args(args: &Args<'_>) -> Result<(std::ops::Range<usize>, usize), CommandError> {
    let keys = integer(args.get(1)).ok().filter(|&n| n > 0).map(|n| n as usize);
    let keys = keys.ok_or(CommandError::text("ERR numkeys should be greater than 0"))?;
    if keys > args.len() - 2 {
        return Err(CommandError::text("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = 0;
    let mut i = 2 + keys;
    while i < args.len() {
        let value = args.try_get(i + 1).filter(|_| args.is(i, "limit")).ok_or(CommandError::Syntax)?;
        let number = integer(value).ok().and_then(|n| usize::try_from(n).ok());
        limit = number.ok_or(CommandError::text("ERR LIMIT can't be negative"))?;
        i += 2;
    }
    Ok((2..2 + keys, if limit == 0 { usize::MAX } else { limit }))
}

/// `SUNION key [key …]`: the members that any of the sets has. O(n), n the members of all sets; as many look-ups as
/// there are sets for each, up to eight.
pub fn sunion(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let mut sets: Vec<Set> = sets_of(ctx, args, 1..args.len())?.into_iter().flatten().collect();
    // The members of the largest set are not looked up at all.
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    if sets.len() <= UNION_SIEVE_MAX {
        return Sieve::new(sets.into_iter(), Which::New).reply(ctx);
    }
    Collection::new(sets, false, limits(ctx)).reply(ctx)
}

/// `SDIFF key [key …]`: the members of the first set that no other has. O(n), n the members of all sets; or the first
/// set's members times the sets, if that is less.
pub fn sdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let sets = sets_of(ctx, args, 1..args.len())?;
    if sets[0].is_none() || repeats_first(args, 1..args.len()) {
        ctx.reply.set(0);
        return Ok(Outcome::Done);
    }
    if removing_is_cheaper(&sets) {
        return Collection::new(sets.into_iter().flatten().collect(), true, limits(ctx)).reply(ctx);
    }
    let mut sets: Vec<Set> = sets.into_iter().flatten().collect();
    // A member that is not wanted is most likely in a large set.
    sets[1..].sort_by_key(|set| std::cmp::Reverse(set.len()));
    Sieve::new(sets.into_iter(), Which::Only).reply(ctx)
}

/// A copy of a set under way to become the result: other sets' members are added to it, or removed.
struct Collection {
    result: Set,
    others: std::vec::IntoIter<Set>,
    other: Option<Set>,
    at: u64,
    removes: bool,
    limits: Limits,
}

impl Collection {
    fn new(sets: Vec<Set>, removes: bool, limits: Limits) -> Collection {
        let mut others = sets.into_iter();
        let result = others.next().unwrap_or_default();
        Collection { result, other: others.next(), others, at: 0, removes, limits }
    }

    /// Goes on with about `members` members. `false` at the end.
    fn step(&mut self, members: usize) -> bool {
        let Collection { result, removes, limits, .. } = self;
        let Some(other) = &self.other else { return false };
        self.at = other.walk(self.at, members, |member| {
            if *removes {
                result.remove_element(member);
            } else {
                result.insert_element(member, limits);
            }
        });
        if self.at == 0 {
            self.other = if *removes && result.is_empty() { None } else { self.others.next() };
        }
        self.other.is_some()
    }

    /// Replies with the result.
    fn reply(mut self, ctx: &mut Ctx<'_>) -> CommandResult {
        let members = self.others.as_slice().iter().chain(&self.other).map(Set::len).sum::<usize>();
        if members + self.result.len() <= AT_ONCE_LOOKUPS {
            while self.step(AT_ONCE_LOOKUPS) {}
            ctx.reply.set(self.result.len());
            self.result.visit(|member| reply_member(&mut ctx.reply, member));
            return Ok(Outcome::Done);
        }
        let mut works = true;
        work_in_slices(move |ctx| {
            if works {
                works = self.step(AT_ONCE_LOOKUPS);
                if !works {
                    ctx.reply.set(self.result.len());
                    self.at = 0;
                }
                return works || !self.result.is_empty();
            }
            self.at =
                self.result.walk(self.at, AT_ONCE_LOOKUPS, |member| reply_member(&mut ctx.reply, member));
            self.at != 0
        })
    }
}
