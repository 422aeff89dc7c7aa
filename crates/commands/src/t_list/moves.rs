//! Moves from one list to another.

use keyspace::{Class, Key};
use smallvec::SmallVec;
use structures::list::{Element, End, List};
use wire::number::{IntBuf, format_i64};

use super::{end_of, fill, finish, popped, pushed};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Takes an element from an end of a list, adds it to an end of another (or of the same) and replies with it. `false`,
/// and no reply, when the source is missing. The caller logs it. O(1).
pub fn move_element(
    ctx: &mut Ctx<'_>,
    source: Key<'_>,
    destination: Key<'_>,
    from: End,
    to: End,
) -> Result<bool, CommandError> {
    let fill = fill(ctx);
    if ctx.space.read_for_write_as::<List>(source)?.is_none() {
        return Ok(false);
    }
    ctx.space.read_for_write_as::<List>(destination)?;
    let Some(list) = ctx.space.write_as::<List>(source)? else { return Ok(false) };
    let mut digits = IntBuf::new();
    let copy: SmallVec<[u8; 128]>;
    let (element, mut size) = match list.end(from) {
        Some(Element::Int(value)) => {
            let text = format_i64(value, &mut digits);
            (text, text.len())
        }
        Some(Element::Bytes(text)) => {
            copy = SmallVec::from_slice(text);
            (copy.as_slice(), copy.len())
        }
        None => return Ok(false),
    };
    let is_int = matches!(list.end(from), Some(Element::Int(_)));
    if is_int && list.encoding() == "quicklist" {
        // Valkey carries such an element over as a number, and does not count its digits.
        size = 0;
    }
    list.drop_end(from);
    if source.bytes == destination.bytes {
        list.prepare(fill, size, 1);
        list.push(to, element);
        list.settle(fill);
        finish(ctx, source, false, 1, pushed(to));
        ctx.notify(Class::LIST, popped(from), source);
    } else {
        let is_empty = list.is_empty();
        if !is_empty {
            list.settle(fill);
        }
        let other = ctx.space.write_or_insert(destination, List::new)?;
        other.prepare(fill, size, 1);
        other.push(to, element);
        finish(ctx, destination, false, 1, pushed(to));
        finish(ctx, source, is_empty, 1, popped(from));
        // Two keys, one change.
        ctx.space.local.counters.changes -= 1;
    }
    ctx.reply.bulk(element);
    Ok(true)
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`: moves an element and replies with it, null without a source. O(1).
pub fn lmove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (from, to) = (end_of(args.get(3))?, end_of(args.get(4))?);
    run(ctx, args, from, to)
}

/// `RPOPLPUSH source destination`: moves the last element to the front, null without a source. O(1).
pub fn rpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    run(ctx, args, End::Back, End::Front)
}

fn run(ctx: &mut Ctx<'_>, args: &Args<'_>, from: End, to: End) -> CommandResult {
    let (source, destination) = (ctx.key(args, 1), ctx.key(args, 2));
    if !move_element(ctx, source, destination, from, to)? {
        ctx.reply.null();
    }
    Ok(Outcome::Done)
}
