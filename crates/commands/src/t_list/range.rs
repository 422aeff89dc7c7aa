//! Ranges: read, and cut off.

use keyspace::Class;
use std::ops::Range;

use structures::list::{End, List};
use wire::resp::encode::ReplyWriter;

use super::{discard, fill, finish, range, reply_element};
use crate::options::integer;
use crate::slices::{AT_ONCE_MAX, Room, in_slices};
use crate::{Args, CommandResult, Ctx, Outcome};

/// Replies with an array of the elements of a range, from one of its ends: at once, or in slices from a clone.
pub(super) fn reply_range(
    reply: &mut ReplyWriter<'_>,
    list: &List,
    range: Range<usize>,
    from: End,
) -> CommandResult {
    reply.array(range.len());
    if range.len() <= AT_ONCE_MAX {
        list.walk(range, from).for_each(|element| reply_element(reply, element));
        return Ok(Outcome::Done);
    }
    let list = list.clone();
    let mut left = range;
    in_slices(move |reply, room: &mut Room| {
        let mut written = 0;
        for element in list.walk(left.clone(), from) {
            reply_element(reply, element);
            written += 1;
            if !room.take(reply) {
                break;
            }
        }
        match from {
            End::Front => left.start += written,
            End::Back => left.end -= written,
        }
        !left.is_empty()
    })
}

/// `LRANGE key start stop`: the elements between two indexes, both included. O(log n + elements).
pub fn lrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (start, stop) = (integer(args.get(2))?, integer(args.get(3))?);
    let key = ctx.key(args, 1);
    let Ctx { space, reply, .. } = ctx;
    match space.read_as::<List>(key)? {
        Some(list) => reply_range(reply, list, range(start, stop, list.len()), End::Front),
        None => {
            reply.array(0);
            Ok(Outcome::Done)
        }
    }
}

/// `LTRIM key start stop`: keeps only the elements between two indexes, both included. O(log n).
pub fn ltrim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (start, stop) = (integer(args.get(2))?, integer(args.get(3))?);
    let key = ctx.key(args, 1);
    let fill = fill(ctx);
    let Some(list) = ctx.space.write_as::<List>(key)? else {
        ctx.reply.ok();
        return Ok(Outcome::Done);
    };
    let len = list.len();
    let kept = range(start, stop, len);
    let back = list.remove_range(kept.end..len);
    let front = list.remove_range(0..kept.start);
    if !kept.is_empty() {
        list.settle(fill);
    }
    discard(ctx.space.local, front);
    discard(ctx.space.local, back);
    if kept.len() < len {
        finish(ctx, key, kept.is_empty(), len - kept.len(), "ltrim");
    } else {
        ctx.notify(Class::LIST, "ltrim", key);
    }
    ctx.reply.ok();
    Ok(Outcome::Done)
}
