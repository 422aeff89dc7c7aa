//! Changes inside a list.

use structures::list::{End, List, Needle};

use super::{fill, finish, place};
use crate::options::{integer, integer_between};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `LSET key index element`: replaces an element. O(log n).
pub fn lset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let fill = fill(ctx);
    let list = ctx.space.write_as::<List>(key)?.ok_or(CommandError::NoSuchKey)?;
    // Valkey takes the index as 32 bits, whatever else it holds.
    let index = i64::from(integer(args.get(2))? as i32);
    let element = args.get(3);
    list.prepare(fill, element.len(), 1);
    let at = place(index, list.len()).ok_or(CommandError::IndexOutOfRange)?;
    list.replace(at, element);
    list.settle(fill);
    finish(ctx, key, false, 1, "lset");
    ctx.reply.ok();
    Ok(Outcome::Done)
}

/// Elements that are looked at under the lock.
const LOOKED_AT_MAX: usize = 20_000;

/// Whether the search for `wanted` elements that equal one, from an end, is over soon.
fn is_near(list: &List, element: &[u8], from: End, wanted: usize) -> bool {
    let len = list.len();
    if len <= LOOKED_AT_MAX {
        return true;
    }
    let range = if from == End::Front { 0..LOOKED_AT_MAX } else { len - LOOKED_AT_MAX..len };
    let element = Needle::new(element);
    wanted <= LOOKED_AT_MAX
        && list.walk(range, from).filter(|other| element.matches(*other)).take(wanted).count() == wanted
}

/// `LINSERT key BEFORE|AFTER pivot element`: puts an element beside the first one that equals the pivot. Replies with
/// the new length, -1 without a pivot, 0 without a key. O(n).
pub fn linsert(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let after = if args.is(2, "AFTER") {
        true
    } else if args.is(2, "BEFORE") {
        false
    } else {
        return Err(CommandError::Syntax);
    };
    let (key, fill, may_set_aside) = (ctx.key(args, 1), fill(ctx), ctx.may_set_aside());
    let Some(list) = ctx.space.write_as::<List>(key)? else {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    };
    if may_set_aside && !is_near(list, args.get(3), End::Front, 1) {
        return Ok(Outcome::Aside);
    }
    let element = args.get(4);
    list.prepare(fill, element.len(), 1);
    if !list.insert_beside(args.get(3), after, element) {
        ctx.reply.int(-1);
        return Ok(Outcome::Done);
    }
    let len = list.len();
    finish(ctx, key, false, 1, "linsert");
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// `LREM key count element`: removes elements that equal one: all of them, or the first `count`, or the last `-count`.
/// O(n).
pub fn lrem(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let count = integer_between(args.get(2), -i64::MAX, i64::MAX)?;
    let (key, fill, may_set_aside) = (ctx.key(args, 1), fill(ctx), ctx.may_set_aside());
    let Some(list) = ctx.space.write_as::<List>(key)? else {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    };
    let from = if count < 0 { End::Back } else { End::Front };
    let max = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    if may_set_aside && !is_near(list, args.get(3), from, max) {
        return Ok(Outcome::Aside);
    }
    let removed = list.remove_equal(args.get(3), from, max);
    if removed > 0 {
        let is_empty = list.is_empty();
        if !is_empty {
            list.settle(fill);
        }
        finish(ctx, key, is_empty, removed, "lrem");
    }
    ctx.reply.int(removed as i64);
    Ok(Outcome::Done)
}
