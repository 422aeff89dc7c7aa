//! `XDEL`, `XSETID` (<https://valkey.io/commands/xdel/>, <https://valkey.io/commands/xsetid/>).

use keyspace::Class;
use smallvec::SmallVec;
use structures::stream::{Stream, StreamId};

use super::ids;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Ids as arguments from `i` on; all must be valid before anything happens.
pub(super) fn exact_ids(args: &Args<'_>, i: usize) -> Result<SmallVec<[StreamId; 8]>, CommandError> {
    args.from(i).map(ids::exact).collect()
}

/// `XDEL key id [id …]`: removes messages and says how many were there. O(ids · log nodes).
pub fn xdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    if ctx.space.read_for_write_as::<Stream>(key)?.is_none() {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    }
    let ids = exact_ids(args, 2)?;
    let mut removed = 0;
    if let Some(stream) = ctx.space.write_as::<Stream>(key)? {
        let entries = stream.entries_mut();
        removed = ids.iter().filter(|&&id| entries.delete(id)).count();
    }
    if removed > 0 {
        ctx.space.object_changed_times(key, removed);
        ctx.notify(Class::STREAM, "xdel", key);
    }
    ctx.reply.int(removed as i64);
    Ok(Outcome::Done)
}

/// `XSETID key last-id [ENTRIESADDED n] [MAXDELETEDID id]`: sets what a stream knows of its past. O(1).
pub fn xsetid(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let id = ids::exact(args.get(2))?;
    let (mut added, mut max_deleted) = (None, None);
    let mut i = 3;
    while i < args.len() {
        let value = args.try_get(i + 1);
        match value {
            Some(value) if args.is(i, "ENTRIESADDED") => {
                let number = u64::try_from(integer(value)?);
                added = Some(number.map_err(|_| CommandError::text("ERR entries_added must be positive"))?);
            }
            Some(value) if args.is(i, "MAXDELETEDID") => {
                let deleted = ids::exact(value)?;
                if id < deleted {
                    return Err(CommandError::text(
                        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                    ));
                }
                max_deleted = Some(deleted);
            }
            _ => return Err(CommandError::Syntax),
        }
        i += 2;
    }
    let key = ctx.key(args, 1);
    let stream = ctx.space.write_as::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    let entries = stream.entries();
    if id < entries.max_deleted_id() {
        return Err(CommandError::text(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    if let Some(last) = entries.last() {
        if id < last.id {
            return Err(CommandError::text(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if added.is_some_and(|added| added < entries.len()) {
            return Err(CommandError::text(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ));
        }
    }
    stream.set_past(id, added, max_deleted.filter(|id| !id.is_zero()));
    ctx.space.object_changed_unwatched(key, 1);
    ctx.notify(Class::STREAM, "xsetid", key);
    ctx.reply.ok();
    Ok(Outcome::Done)
}
