//! `SPOP` (<https://valkey.io/commands/spop/>). What it takes out is chosen at random, so the log says `SREM`.

use keyspace::{Class, Key};
use smallvec::SmallVec;
use structures::listpack::{Element, IntBuf};
use structures::set::Set;

use super::many::reply_all;
use super::{count_changes, end_removal, limits, reply_member};
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Members that one `SREM` in the log names.
const EFFECT_MEMBERS: usize = 1024;
/// When this many times the members left are no more than those popped, Valkey makes a new set of what is left. Clients
/// see it by the encoding: the new set may be compact where the old one was not.
const REBUILD_FACTOR: usize = 5;

/// `SPOP key [count]`: takes members out at random and replies with them. O(log n) each.
pub fn spop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    if let Some(count) = args.try_get(2) {
        let count = integer(count).ok().and_then(|n| usize::try_from(n).ok());
        let count = count.ok_or(CommandError::text("ERR value is out of range, must be positive"))?;
        return pop_several(ctx, key, count);
    }
    let keeps = ctx.space.local.effects.is_active();
    let Some(set) = ctx.space.write_as::<Set>(key)? else {
        ctx.reply.null();
        return Ok(Outcome::Done);
    };
    let mut popped = Popped::new(keeps);
    set.take(ctx.rng.index(set.len()), |member| {
        reply_member(&mut ctx.reply, member);
        popped.add(member);
    });
    let is_empty = set.is_empty();
    end_removal(ctx, key, 1, is_empty, "spop");
    popped.log(ctx, key);
    Ok(Outcome::Done)
}

/// `SPOP` with a count.
fn pop_several(ctx: &mut Ctx<'_>, key: Key<'_>, count: usize) -> CommandResult {
    let (limits, keeps) = (limits(ctx), ctx.space.local.effects.is_active());
    let may_set_aside = ctx.may_set_aside();
    let set = ctx.space.write_as::<Set>(key)?;
    let Some(set) = set.filter(|_| count > 0) else {
        ctx.reply.set(0);
        return Ok(Outcome::Done);
    };
    let len = set.len();
    if count >= len {
        let set = std::mem::take(set);
        ctx.space.delete(key);
        count_changes(ctx, len);
        ctx.notify(Class::SET, "spop", key);
        ctx.notify(Class::GENERIC, "del", key);
        // Valkey writes this reply as that of SUNION.
        ctx.space.local.counters.keyspace_hits += 1;
        ctx.effect(&[b"UNLINK", key.bytes]);
        ctx.reply.set(len);
        return reply_all(&mut ctx.reply, &set);
    }
    if may_set_aside && count > LOCKED_ELEMENTS_MAX {
        return Ok(Outcome::Aside);
    }
    ctx.reply.set(count);
    let mut popped = Popped::new(keeps);
    let mut pop = |member: Element<'_>| {
        reply_member(&mut ctx.reply, member);
        popped.add(member);
    };
    // Each member in turn, with the chance that makes all selections of `count` equally likely (Knuth, "The Art of
    // Computer Programming", vol. 2, algorithm S).
    let (mut seen, mut left) = (0, count);
    let mut chosen = || {
        let chosen = ctx.rng.index(len - seen) < left;
        (seen, left) = (seen + 1, left - usize::from(chosen));
        chosen
    };
    if (len - count).saturating_mul(REBUILD_FACTOR) <= count {
        let old = std::mem::take(set);
        *set = if old.integers().is_some() { Set::default() } else { Set::packed() };
        old.visit(|member| {
            if chosen() {
                pop(member);
            } else {
                set.insert_element(member, &limits);
            }
        });
    } else if set.is_compact() {
        set.retain(|member| {
            let chosen = chosen();
            if chosen {
                pop(member);
            }
            !chosen
        });
    } else {
        for len in (len - count + 1..=len).rev() {
            set.take(ctx.rng.index(len), &mut pop);
        }
    }
    ctx.space.object_changed(key);
    count_changes(ctx, count);
    ctx.notify(Class::SET, "spop", key);
    popped.log(ctx, key);
    Ok(Outcome::Done)
}

/// What was popped, for the log; nothing if nobody keeps one.
struct Popped {
    keeps: bool,
    bytes: SmallVec<[u8; 64]>,
    ends: SmallVec<[usize; 4]>,
}

impl Popped {
    fn new(keeps: bool) -> Popped {
        Popped { keeps, bytes: SmallVec::new(), ends: SmallVec::new() }
    }

    fn add(&mut self, member: Element<'_>) {
        if self.keeps {
            self.bytes.extend_from_slice(member.as_bytes(&mut IntBuf::new()));
            self.ends.push(self.bytes.len());
        }
    }

    fn log(&self, ctx: &mut Ctx<'_>, key: Key<'_>) {
        if !self.keeps {
            // The members make no difference to who only counts.
            return ctx.effect(&[b"SREM", key.bytes]);
        }
        let mut start = 0;
        for ends in self.ends.chunks(EFFECT_MEMBERS) {
            let mut argv: SmallVec<[&[u8]; 8]> = SmallVec::from_slice(&[b"SREM", key.bytes]);
            for &end in ends {
                argv.push(&self.bytes[start..end]);
                start = end;
            }
            ctx.effect(&argv);
        }
    }
}
