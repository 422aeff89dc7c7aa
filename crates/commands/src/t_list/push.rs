//! Pushes at the ends.

use structures::list::{End, List};

use super::{fill, finish, pushed};
use crate::{Args, CommandResult, Ctx, Outcome};

/// `LPUSH key element [element ...]`: adds elements in front, one after the other. O(1) per element.
pub fn lpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    push(ctx, args, End::Front, false)
}

/// `RPUSH key element [element ...]`: adds elements at the end. O(1) per element.
pub fn rpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    push(ctx, args, End::Back, false)
}

/// `LPUSHX key element [element ...]`: as `LPUSH`, if the key exists.
pub fn lpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    push(ctx, args, End::Front, true)
}

/// `RPUSHX key element [element ...]`: as `RPUSH`, if the key exists.
pub fn rpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    push(ctx, args, End::Back, true)
}

#[inline]
fn push(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End, only_existing: bool) -> CommandResult {
    let key = ctx.key(args, 1);
    let fill = fill(ctx);
    let list = if only_existing {
        let Some(list) = ctx.space.write_as::<List>(key)? else {
            ctx.reply.int(0);
            return Ok(Outcome::Done);
        };
        list
    } else {
        ctx.space.write_or_insert(key, List::new)?
    };
    let count = args.len() - 2;
    list.prepare(fill, args.from(2).map(<[u8]>::len).sum(), count);
    for element in args.from(2) {
        list.push(end, element);
    }
    let len = list.len();
    finish(ctx, key, false, count, pushed(end));
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}
