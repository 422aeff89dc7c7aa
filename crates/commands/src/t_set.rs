//! Family *set* (<https://valkey.io/commands/#set>).
//!
//! Commands on one set work on it in place. Those on several take a clone of each (O(1)), so that large ones can go on
//! in slices when no shard is held any more.

mod combine;
mod many;
mod pop;
mod random;
mod store;
#[cfg(test)]
mod tests;

pub use combine::{sdiff, sinter, sintercard, sunion};
pub use many::{smembers, sscan};
pub use pop::spop;
pub use random::srandmember;
pub use store::{sdiffstore, sinterstore, sunionstore};

use keyspace::{Class, Key};
use structures::listpack::{Element, IntBuf};
use structures::set::{Limits, Set};
use wire::resp::encode::ReplyWriter;

use crate::{Args, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::set::SADD, log: Log::Verbatim, run: sadd },
    Spec { facts: &facts::set::SCARD, log: Log::Nothing, run: scard },
    Spec { facts: &facts::set::SDIFF, log: Log::Nothing, run: sdiff },
    Spec { facts: &facts::set::SDIFFSTORE, log: Log::Verbatim, run: sdiffstore },
    Spec { facts: &facts::set::SINTER, log: Log::Nothing, run: sinter },
    Spec { facts: &facts::set::SINTERCARD, log: Log::Nothing, run: sintercard },
    Spec { facts: &facts::set::SINTERSTORE, log: Log::Verbatim, run: sinterstore },
    Spec { facts: &facts::set::SISMEMBER, log: Log::Nothing, run: sismember },
    Spec { facts: &facts::set::SMEMBERS, log: Log::Nothing, run: smembers },
    Spec { facts: &facts::set::SMISMEMBER, log: Log::Nothing, run: smismember },
    Spec { facts: &facts::set::SMOVE, log: Log::Verbatim, run: smove },
    Spec { facts: &facts::set::SPOP, log: Log::Rewritten, run: spop },
    Spec { facts: &facts::set::SRANDMEMBER, log: Log::Nothing, run: srandmember },
    Spec { facts: &facts::set::SREM, log: Log::Verbatim, run: srem },
    Spec { facts: &facts::set::SSCAN, log: Log::Nothing, run: sscan },
    Spec { facts: &facts::set::SUNION, log: Log::Nothing, run: sunion },
    Spec { facts: &facts::set::SUNIONSTORE, log: Log::Verbatim, run: sunionstore },
];

/// Where sets of this node stop to be compact.
#[inline]
fn limits(ctx: &Ctx<'_>) -> Limits {
    let compact = &ctx.limits.compact;
    Limits {
        integers: compact.set_intset_entries,
        entries: compact.set_entries,
        member_bytes: compact.set_value_bytes,
    }
}

/// Replies with a member.
#[inline]
pub(crate) fn reply_member(reply: &mut ReplyWriter<'_>, member: Element<'_>) {
    reply.bulk(member.as_bytes(&mut IntBuf::new()));
}

/// Counts `members` changes of one key, of which `Space` has counted one already.
#[inline]
fn count_changes(ctx: &mut Ctx<'_>, members: usize) {
    ctx.space.local.counters.changes += members.saturating_sub(1) as u64;
}

/// `SADD key member [member …]`: how many members are new. O(log n) each.
pub fn sadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (key, limits) = (ctx.key(args, 1), limits(ctx));
    let count = args.len() - 2;
    let set = ctx.space.write_or_insert(key, || Set::new(args.get(2), count, &limits))?;
    if count > 1 {
        set.expect(count, &limits);
    }
    let added = args.from(2).filter(|member| set.insert(member, &limits)).count();
    if added > 0 {
        ctx.space.object_changed(key);
        count_changes(ctx, added);
        ctx.notify(Class::SET, "sadd", key);
    }
    ctx.reply.int(added as i64);
    Ok(Outcome::Done)
}

/// `SREM key member [member …]`: how many members were there. O(log n) each.
pub fn srem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let mut removed = 0;
    if let Some(set) = ctx.space.write_as::<Set>(key)? {
        for member in args.from(2) {
            removed += usize::from(set.remove(member));
            if set.is_empty() {
                break;
            }
        }
        let is_empty = set.is_empty();
        end_removal(ctx, key, removed, is_empty, "srem");
    }
    ctx.reply.int(removed as i64);
    Ok(Outcome::Done)
}

/// Counts the removal of members, which is `event`, and removes the key if none is left.
#[inline]
fn end_removal(ctx: &mut Ctx<'_>, key: Key<'_>, removed: usize, is_empty: bool, event: &'static str) {
    if removed > 0 {
        if is_empty {
            ctx.space.delete(key);
        } else {
            ctx.space.object_changed(key);
        }
        count_changes(ctx, removed);
        ctx.notify(Class::SET, event, key);
        if is_empty {
            ctx.notify(Class::GENERIC, "del", key);
        }
    }
}

/// `SMOVE source destination member`: 1 if the member was in the source and is in the destination now. O(log n).
pub fn smove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (from, to, limits) = (ctx.key(args, 1), ctx.key(args, 2), limits(ctx));
    let member = args.get(3);
    let Some(source) = ctx.space.read_for_write_as::<Set>(from)? else {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    };
    let is_there = source.contains(member);
    ctx.space.read_for_write_as::<Set>(to)?;
    if is_there && from.bytes != to.bytes {
        let source = ctx.space.write_as::<Set>(from)?.expect("it was just read");
        source.remove(member);
        let is_empty = source.is_empty();
        end_removal(ctx, from, 1, is_empty, "srem");
        let destination = ctx.space.write_or_insert(to, || Set::new(member, 1, &limits))?;
        if destination.insert(member, &limits) {
            ctx.space.object_changed(to);
            ctx.notify(Class::SET, "sadd", to);
        }
    }
    ctx.reply.int(i64::from(is_there));
    Ok(Outcome::Done)
}

/// `SISMEMBER key member`: 1 if the member is in the set. O(log n).
pub fn sismember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let found = ctx.space.read_as::<Set>(key)?.is_some_and(|set| set.contains(args.get(2)));
    ctx.reply.int(i64::from(found));
    Ok(Outcome::Done)
}

/// `SMISMEMBER key member [member …]`: for each member, 1 if it is in the set. O(log n) each.
pub fn smismember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.space.read_as::<Set>(key)?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        ctx.reply.int(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(Outcome::Done)
}

/// `SCARD key`: number of members. O(1).
pub fn scard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let len = ctx.space.read_as::<Set>(key)?.map_or(0, Set::len);
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}
