//! Intersection, union and difference into a key: `SINTERSTORE`, `SUNIONSTORE`, `SDIFFSTORE`.
//!
//! The form of the result, which clients see through `OBJECT ENCODING`, depends on how Valkey comes by it: in what form
//! it begins and in what order members are added. So the same members are added in the same order here.

use keyspace::space::Ttl;
use keyspace::{Class, Key, NewValue};
use structures::object::Object;
use structures::set::{Finder, Set};

use super::combine::{Sets, removing_is_cheaper, repeats_first, sets_of};
use super::limits;
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::{Args, CommandResult, Ctx, Outcome};

/// Puts a result where it belongs, which is `event`, and replies with its size. An empty one removes the key.
fn store(ctx: &mut Ctx<'_>, key: Key<'_>, mut result: Set, event: &'static str) -> CommandResult {
    let len = result.len();
    if len == 0 {
        if ctx.space.delete(key) {
            ctx.notify(Class::GENERIC, "del", key);
        }
    } else {
        result.shrink_to_fit();
        ctx.space.set(key, NewValue::Object(Box::new(Object::Set(result))), Ttl::Clear);
        ctx.notify(Class::SET, event, key);
    }
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// Whether to go through all members takes too long under the locks.
fn is_long(ctx: &Ctx<'_>, sets: &Sets) -> bool {
    ctx.may_set_aside() && sets.iter().flatten().map(Set::len).sum::<usize>() > LOCKED_ELEMENTS_MAX
}

/// `SINTERSTORE destination key [key …]`: stores the members that all sets have. O(n) look-ups, n the smallest set's
/// members times the sets.
pub fn sinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (destination, limits) = (ctx.key(args, 1), limits(ctx));
    let sets = sets_of(ctx, args, 2..args.len())?;
    let Some(mut sets) = sets.into_iter().collect::<Option<Vec<Set>>>() else {
        return store(ctx, destination, Set::default(), "sinterstore");
    };
    sets.sort_by_key(Set::len);
    if ctx.may_set_aside() && sets[0].len() * sets.len() > LOCKED_ELEMENTS_MAX {
        return Ok(Outcome::Aside);
    }
    let mut sets = sets.into_iter();
    let first = sets.next().expect("arity asks for a set");
    let others: Vec<Finder> = sets.map(|set| Finder::new(set, first.len())).collect();
    let mut result = if first.integers().is_some() { Set::default() } else { Set::packed() };
    first.visit(|member| {
        if others.iter().all(|other| other.contains(member)) {
            result.insert_element(member, &limits);
        }
    });
    result.become_integers(&limits);
    store(ctx, destination, result, "sinterstore")
}

/// `SUNIONSTORE destination key [key …]`: stores the members that any of the sets has. O(n), n the members of all
/// sets.
pub fn sunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (destination, limits) = (ctx.key(args, 1), limits(ctx));
    let sets = sets_of(ctx, args, 2..args.len())?;
    if is_long(ctx, &sets) {
        return Ok(Outcome::Aside);
    }
    let mut result = Set::default();
    for set in sets.into_iter().flatten() {
        set.visit(|member| {
            result.insert_element(member, &limits);
        });
    }
    store(ctx, destination, result, "sunionstore")
}

/// `SDIFFSTORE destination key [key …]`: stores the members of the first set that no other has. O(n), n the members of
/// all sets; or the first set's members times the sets, if that is less.
pub fn sdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let destination = ctx.key(args, 1);
    let sets = sets_of(ctx, args, 2..args.len())?;
    if is_long(ctx, &sets) {
        return Ok(Outcome::Aside);
    }
    let result = if repeats_first(args, 2..args.len()) { Set::default() } else { difference(ctx, sets) };
    store(ctx, destination, result, "sdiffstore")
}

fn difference(ctx: &Ctx<'_>, sets: Sets) -> Set {
    let limits = limits(ctx);
    let removes = removing_is_cheaper(&sets);
    let mut sets = sets.into_iter();
    let mut result = Set::default();
    let Some(Some(first)) = sets.next() else { return result };
    if !removes {
        let others: Vec<Finder> = sets.flatten().map(|set| Finder::new(set, first.len())).collect();
        first.visit(|member| {
            if !others.iter().any(|other| other.contains(member)) {
                result.insert_element(member, &limits);
            }
        });
        return result;
    }
    first.visit(|member| {
        result.insert_element(member, &limits);
    });
    for set in sets.flatten() {
        if result.is_empty() {
            break;
        }
        set.visit(|member| {
            result.remove_element(member);
        });
    }
    result
}
