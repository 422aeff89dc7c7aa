//! `XRANGE`, `XREVRANGE` (<https://valkey.io/commands/xrange/>).

use structures::stream::{Entry, Stream, Walk};
use wire::resp::encode::ReplyWriter;

use super::{ids, reply_entry};
use crate::options::integer;
use crate::slices;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `XRANGE key start end [COUNT count]`: messages in a range of ids, oldest first. O(log nodes + messages returned).
pub fn xrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    range(ctx, args, false)
}

/// `XREVRANGE key end start [COUNT count]`: as `XRANGE`, newest first.
pub fn xrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    range(ctx, args, true)
}

fn range(ctx: &mut Ctx<'_>, args: &Args<'_>, back: bool) -> CommandResult {
    let (start, end) = if back { (3, 2) } else { (2, 3) };
    let start = ids::range_start(args.get(start))?;
    let end = ids::range_end(args.get(end))?;
    let mut count = None;
    let mut i = 4;
    while i < args.len() {
        if !args.is(i, "COUNT") || i + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        count = Some(integer(args.get(i + 1))?.max(0) as u64);
        i += 2;
    }
    let key = ctx.key(args, 1);
    let Ctx { space, reply, .. } = ctx;
    let Some(stream) = space.read_as::<Stream>(key)? else {
        reply.array(0);
        return Ok(Outcome::Done);
    };
    if count == Some(0) {
        reply.null_array();
        return Ok(Outcome::Done);
    }
    let left = count.unwrap_or(u64::MAX);
    let entries = stream.entries();
    if left.min(entries.len()) > AT_ONCE_MAX {
        let len = entries.count(start, end).min(left);
        if len > AT_ONCE_MAX {
            reply.array(len as usize);
            return reply_walk(Walk::new(entries, start, end, back), len);
        }
    }
    let mark = reply.array_deferred();
    let written = if back {
        reply_entries(reply, entries.range_back(end, start), left)
    } else {
        reply_entries(reply, entries.range(start, end), left)
    };
    reply.array_finish(mark, written);
    Ok(Outcome::Done)
}

/// Up to this many messages are written at once, under the lock.
pub(super) const AT_ONCE_MAX: u64 = slices::AT_ONCE_MAX as u64;

/// Replies with `max` messages at most; returns their number.
pub(super) fn reply_entries<'a>(
    reply: &mut ReplyWriter<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
    max: u64,
) -> usize {
    let mut written = 0;
    for entry in entries.take(usize::try_from(max).unwrap_or(usize::MAX)) {
        reply_entry(reply, &entry);
        written += 1;
    }
    written
}

/// Replies with the next `len` messages of a walk, in slices.
fn reply_walk(mut walk: Walk, mut len: u64) -> CommandResult {
    slices::write_in_slices(move |reply| {
        len = match len.checked_sub(1) {
            Some(len) => len,
            None => return false,
        };
        let entry = walk.next();
        if let Some(entry) = &entry {
            reply_entry(reply, entry);
        }
        entry.is_some()
    })
}
