//! Fields are set and deleted: `HSET`, `HMSET`, `HSETNX`, `HDEL`.

use structures::hash::{Hash, Replaced};

use super::{Changes, thresholds};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `HSET key field value …`: how many fields are new. O(fields given).
pub fn hset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let created = set_pairs(ctx, args, "hset")?;
    ctx.reply.int(created as i64);
    Ok(Outcome::Done)
}

/// `HMSET key field value …`, as `HSET` but for the reply. O(fields given).
pub fn hmset(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    set_pairs(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(Outcome::Done)
}

#[inline(always)]
fn set_pairs(ctx: &mut Ctx<'_>, args: &Args<'_>, name: &'static str) -> Result<usize, CommandError> {
    if args.len() % 2 == 1 {
        return Err(CommandError::Arity(name.into()));
    }
    let key = ctx.key(args, 1);
    let (now_ms, thresholds) = (ctx.space.now_ms, thresholds(ctx));
    let pairs = (args.len() - 2) / 2;
    let hash = ctx.space.write_or_insert(key, Hash::new)?;
    let mut changes = Changes::begin(hash);
    if pairs > thresholds.entries {
        // Even if some of them are the same field.
        hash.leave_listpack();
    }
    let mut created = 0;
    for i in (2..args.len()).step_by(2) {
        let replaced = hash.set(args.get(i), args.get(i + 1), None, thresholds);
        changes.expired += usize::from(replaced.was_expired(now_ms));
        created += usize::from(!replaced.was_there(now_ms));
    }
    changes.count = pairs;
    changes.end(hash);
    changes.tell(ctx, key, &["hset"]);
    Ok(created)
}

/// `HSETNX key field value`: sets the field if it is missing; 1 if it was. O(1).
pub fn hsetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let (now_ms, thresholds) = (ctx.space.now_ms, thresholds(ctx));
    let (field, value) = (args.get(2), args.get(3));
    let hash = ctx.space.write_or_insert(key, Hash::new)?;
    if hash.get(field, now_ms).is_some() {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    }
    let mut changes = Changes::begin(hash);
    let replaced = hash.set(field, value, None, thresholds);
    changes.expired = usize::from(replaced != Replaced::Nothing);
    changes.count = 1;
    changes.end(hash);
    changes.tell(ctx, key, &["hset"]);
    ctx.effect(&[b"HSET", key.bytes, field, value]);
    ctx.reply.int(1);
    Ok(Outcome::Done)
}

/// `HDEL key field …`: how many of the fields were there. O(fields given).
pub fn hdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let mut changes = Changes::default();
    if let Some(hash) = ctx.space.write_as::<Hash>(key)? {
        changes = Changes::begin(hash);
        for field in args.from(2) {
            changes.count += usize::from(hash.remove(field, now_ms));
        }
        changes.end(hash);
    }
    let deleted = changes.count;
    changes.tell(ctx, key, &["hdel"]);
    ctx.reply.int(deleted as i64);
    Ok(Outcome::Done)
}
