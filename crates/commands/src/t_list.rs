//! Family *list* (<https://valkey.io/commands/#list>).
//!
//! Bodies that take elements out serve clients that wait for elements as well: [`pop_one`], [`pop_many`],
//! [`move_element`]. What such a client is served leaves as effect the command that would have done it at once.
//!
//! [`pop_one`]: pop::pop_one
//! [`pop_many`]: pop::pop_many
//! [`move_element`]: moves::move_element

mod blocking;
mod edit;
pub mod moves;
pub mod pop;
mod position;
mod push;
mod range;
#[cfg(test)]
mod tests;

pub use blocking::{blmove, blmpop, blpop, brpop, brpoplpush};
pub use edit::{linsert, lrem, lset};
pub use moves::{lmove, rpoplpush};
pub use pop::{lmpop, lpop, rpop};
pub use position::lpos;
pub use push::{lpush, lpushx, rpush, rpushx};
pub use range::{lrange, ltrim};

use std::ops::Range;

use keyspace::space::Local;
use keyspace::{Class, Key};
use structures::list::{Element, End, Fill, Leftovers, List};
use wire::resp::encode::ReplyWriter;

use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::list::BLMOVE, log: Log::Rewritten, run: blmove },
    Spec { facts: &facts::list::BLMPOP, log: Log::Rewritten, run: blmpop },
    Spec { facts: &facts::list::BLPOP, log: Log::Rewritten, run: blpop },
    Spec { facts: &facts::list::BRPOP, log: Log::Rewritten, run: brpop },
    Spec { facts: &facts::list::BRPOPLPUSH, log: Log::Rewritten, run: brpoplpush },
    Spec { facts: &facts::list::LINDEX, log: Log::Nothing, run: lindex },
    Spec { facts: &facts::list::LINSERT, log: Log::Verbatim, run: linsert },
    Spec { facts: &facts::list::LLEN, log: Log::Nothing, run: llen },
    Spec { facts: &facts::list::LMOVE, log: Log::Verbatim, run: lmove },
    Spec { facts: &facts::list::LMPOP, log: Log::Rewritten, run: lmpop },
    Spec { facts: &facts::list::LPOP, log: Log::Verbatim, run: lpop },
    Spec { facts: &facts::list::LPOS, log: Log::Nothing, run: lpos },
    Spec { facts: &facts::list::LPUSH, log: Log::Verbatim, run: lpush },
    Spec { facts: &facts::list::LPUSHX, log: Log::Verbatim, run: lpushx },
    Spec { facts: &facts::list::LRANGE, log: Log::Nothing, run: lrange },
    Spec { facts: &facts::list::LREM, log: Log::Verbatim, run: lrem },
    Spec { facts: &facts::list::LSET, log: Log::Verbatim, run: lset },
    Spec { facts: &facts::list::LTRIM, log: Log::Verbatim, run: ltrim },
    Spec { facts: &facts::list::RPOP, log: Log::Verbatim, run: rpop },
    Spec { facts: &facts::list::RPOPLPUSH, log: Log::Verbatim, run: rpoplpush },
    Spec { facts: &facts::list::RPUSH, log: Log::Verbatim, run: rpush },
    Spec { facts: &facts::list::RPUSHX, log: Log::Verbatim, run: rpushx },
];

/// The parameter that says how long a list may stay in one piece.
#[inline]
fn fill(ctx: &Ctx<'_>) -> Fill {
    Fill::new(ctx.limits.compact.list_size)
}

/// Replies with an element.
#[inline]
fn reply_element(reply: &mut ReplyWriter<'_>, element: Element<'_>) {
    match element {
        Element::Bytes(text) => reply.bulk(text),
        Element::Int(value) => reply.bulk_int(value),
    }
}

/// `LEFT` or `RIGHT`.
pub fn end_of(word: &[u8]) -> Result<End, CommandError> {
    if word.eq_ignore_ascii_case(b"LEFT") {
        Ok(End::Front)
    } else if word.eq_ignore_ascii_case(b"RIGHT") {
        Ok(End::Back)
    } else {
        Err(CommandError::Syntax)
    }
}

/// An index from the front, and from the back where it is negative.
fn place(index: i64, len: usize) -> Option<usize> {
    let at = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(at).ok().filter(|&at| at < len)
}

/// The elements from `start` to `stop`, both included and both counted from the back where they are negative, as far
/// as there are any.
fn range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let at = |index: i64| if index < 0 { index + len as i64 } else { index };
    let (start, end) = (at(start).max(0) as usize, at(stop).saturating_add(1).max(0) as usize);
    if start < end.min(len) { start..end.min(len) } else { 0..0 }
}

/// Removed parts with more allocations than this are freed by another thread; fewer take some microseconds.
const FREE_EFFORT_MAX: usize = 64;

/// Frees removed parts, or has them freed where nobody waits.
#[inline]
fn discard(local: &mut Local, leftovers: Leftovers) {
    if leftovers.free_effort() > FREE_EFFORT_MAX {
        local.discard(leftovers);
    }
}

/// Says that a list was changed in `changes` elements, and what happened; one without elements goes.
#[inline]
fn finish(ctx: &mut Ctx<'_>, key: Key<'_>, is_empty: bool, changes: usize, event: &'static str) {
    if is_empty {
        ctx.space.delete(key);
    } else {
        ctx.space.object_changed(key);
    }
    ctx.space.local.counters.changes += changes as u64 - 1;
    ctx.notify(Class::LIST, event, key);
    if is_empty {
        ctx.notify(Class::GENERIC, "del", key);
    }
}

/// The event of a push at an end.
fn pushed(end: End) -> &'static str {
    if end == End::Front { "lpush" } else { "rpush" }
}

/// The event of a pop at an end.
fn popped(end: End) -> &'static str {
    if end == End::Front { "lpop" } else { "rpop" }
}

/// `LLEN key`: number of elements, 0 for a missing key. O(1).
pub fn llen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let len = ctx.space.read_as::<List>(key)?.map_or(0, List::len);
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// `LINDEX key index`: an element, null if there is none. O(log n).
pub fn lindex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let Ctx { space, reply, .. } = ctx;
    let Some(list) = space.read_as::<List>(key)? else {
        reply.null();
        return Ok(Outcome::Done);
    };
    let index = integer(args.get(2))?;
    match place(index, list.len()).and_then(|at| list.get(at)) {
        Some(element) => reply_element(reply, element),
        None => reply.null(),
    }
    Ok(Outcome::Done)
}
