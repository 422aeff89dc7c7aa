//! TTLs of fields (<https://valkey.io/commands/hexpire/>): set, shown, taken away.
//!
//! A field is gone once the present passes its instant. Effects name instants and only the fields that really changed;
//! an instant that is not in the future removes the field at once, and the effect is `HDEL`.

use smallvec::SmallVec;
use structures::hash::Hash;
use wire::number::{IntBuf, format_i64, format_u64};

use super::{Changes, EXPIRED, NUMFIELDS, fields_from};
use crate::keys::expire::{Conditions, NO_TTL, left_ms, nearest_second};
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Arguments by which an effect names fields.
pub(super) type Words<'a> = SmallVec<[&'a [u8]; 16]>;

/// What is replied for a field that is missing.
const NO_FIELD: i64 = -2;
/// What is replied for a field that was removed, since its new instant is past.
const REMOVED: i64 = 2;

/// `HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field …`. O(fields given).
pub fn hexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let from_ms = ctx.space.now_ms;
    set_instants(ctx, args, 1000, from_ms, "hexpire")
}

/// `HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field …`. O(fields given).
pub fn hpexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let from_ms = ctx.space.now_ms;
    set_instants(ctx, args, 1, from_ms, "hpexpire")
}

/// `HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field …`. O(fields given).
pub fn hexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    set_instants(ctx, args, 1000, 0, "hexpireat")
}

/// `HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field …`. O(fields given).
pub fn hpexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    set_instants(ctx, args, 1, 0, "hpexpireat")
}

/// The Unix time in ms that a time argument means: not negative, and within the range of integers.
pub(super) fn instant(
    arg: &[u8],
    unit_ms: i64,
    from_ms: i64,
    name: &'static str,
) -> Result<i64, CommandError> {
    let amount = integer(arg)?;
    let at = amount.checked_mul(unit_ms).and_then(|ms| ms.checked_add(from_ms));
    at.filter(|_| amount >= 0).ok_or(CommandError::InvalidExpireTime(name))
}

/// The first `FIELDS` from argument `from` on that is not the last argument.
pub(super) fn fields_word(args: &Args<'_>, from: usize) -> Option<usize> {
    (from..args.len() - 1).find(|&i| args.is(i, "fields"))
}

fn set_instants(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    unit_ms: i64,
    from_ms: i64,
    name: &'static str,
) -> CommandResult {
    let word = fields_word(args, 3).ok_or(NUMFIELDS)?;
    let conditions = Conditions::parse(args, 3..word)?;
    let first = fields_from(args, word, 1, NUMFIELDS)?;
    let at_ms = instant(args.get(2), unit_ms, from_ms, name)?;
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let is_past = at_ms <= now_ms;
    let Ctx { space, reply, .. } = &mut *ctx;
    let Some(hash) = space.write_as::<Hash>(key)? else {
        reply.array(args.len() - first);
        args.from(first).for_each(|_| reply.int(NO_FIELD));
        return Ok(Outcome::Done);
    };
    reply.array(args.len() - first);
    let mut changes = Changes::begin(hash);
    let mut changed = Words::new();
    for field in args.from(first) {
        let was = hash.get(field, now_ms).map(|found| found.expire_at_ms);
        let shown = match was {
            None => NO_FIELD,
            Some(was) if !conditions.allow(was, at_ms) => 0,
            Some(_) => {
                changed.push(field);
                if is_past {
                    hash.remove(field, now_ms);
                    REMOVED
                } else {
                    hash.set_expiry(field, Some(at_ms));
                    1
                }
            }
        };
        reply.int(shown);
    }
    changes.count = changed.len();
    changes.expired = if is_past { changed.len() } else { 0 };
    changes.end(hash);
    changes.tell(ctx, key, &[if is_past { EXPIRED } else { "hexpire" }]);
    if is_past {
        log_removed(ctx, key.bytes, &changed);
    } else {
        log_instants(ctx, key.bytes, at_ms, &changed);
    }
    Ok(Outcome::Done)
}

/// Logs that fields are gone.
pub(super) fn log_removed(ctx: &mut Ctx<'_>, key: &[u8], fields: &[&[u8]]) {
    log_fields(ctx, &[b"HDEL", key], fields);
}

/// Logs that fields got an instant.
pub(super) fn log_instants(ctx: &mut Ctx<'_>, key: &[u8], at_ms: i64, fields: &[&[u8]]) {
    let (mut at, mut count) = (IntBuf::new(), IntBuf::new());
    let at = format_i64(at_ms, &mut at);
    let count = format_u64(fields.len() as u64, &mut count);
    log_fields(ctx, &[b"HPEXPIREAT", key, at, b"FIELDS", count], fields);
}

/// Logs that fields lost their TTL.
pub(super) fn log_persisted(ctx: &mut Ctx<'_>, key: &[u8], fields: &[&[u8]]) {
    let mut count = IntBuf::new();
    let count = format_u64(fields.len() as u64, &mut count);
    log_fields(ctx, &[b"HPERSIST", key, b"FIELDS", count], fields);
}

fn log_fields(ctx: &mut Ctx<'_>, head: &[&[u8]], fields: &[&[u8]]) {
    if !fields.is_empty() {
        let words: Words<'_> = head.iter().chain(fields).copied().collect();
        ctx.effect(&words);
    }
}

/// `HPERSIST key FIELDS numfields field …`: takes the fields' TTL away; 1 for each that had one, -1 for one without,
/// -2 for one that is missing. O(fields given).
pub fn hpersist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    if !args.is(2, "fields") {
        return Err(CommandError::Syntax);
    }
    let first = fields_from(args, 2, 1, NUMFIELDS)?;
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = &mut *ctx;
    let mut hash = space.write_as::<Hash>(key)?;
    let mut changes = hash.as_deref().map(Changes::begin).unwrap_or_default();
    reply.array(args.len() - first);
    let mut changed = Words::new();
    for field in args.from(first) {
        let was = hash.as_deref().and_then(|hash| hash.get(field, now_ms)).map(|found| found.expire_at_ms);
        reply.int(match was {
            None => NO_FIELD,
            Some(None) => NO_TTL,
            Some(Some(_)) => {
                changed.push(field);
                1
            }
        });
        if let (Some(Some(_)), Some(hash)) = (was, hash.as_deref_mut()) {
            hash.set_expiry(field, None);
        }
    }
    changes.count = changed.len();
    if let Some(hash) = hash {
        changes.end(hash);
    }
    changes.tell(ctx, key, &["hpersist"]);
    log_persisted(ctx, key.bytes, &changed);
    Ok(Outcome::Done)
}

/// `HTTL key FIELDS numfields field …`: seconds left, to the nearest. O(fields given).
pub fn httl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let now_ms = ctx.space.now_ms;
    reply_instants(ctx, args, |at| nearest_second(left_ms(at, now_ms)))
}

/// `HPTTL key FIELDS numfields field …`: milliseconds left. O(fields given).
pub fn hpttl(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let now_ms = ctx.space.now_ms;
    reply_instants(ctx, args, |at| left_ms(at, now_ms))
}

/// `HEXPIRETIME key FIELDS numfields field …`: the instants in Unix seconds, to the nearest. O(fields given).
pub fn hexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_instants(ctx, args, nearest_second)
}

/// `HPEXPIRETIME key FIELDS numfields field …`: the instants in Unix milliseconds. O(fields given).
pub fn hpexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    reply_instants(ctx, args, |at| at)
}

fn reply_instants(ctx: &mut Ctx<'_>, args: &Args<'_>, show: impl Fn(i64) -> i64) -> CommandResult {
    if !args.is(2, "fields") {
        return Err(CommandError::Syntax);
    }
    let first = fields_from(args, 2, 1, CommandError::Syntax)?;
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = ctx;
    let hash = space.read_as::<Hash>(key)?;
    reply.array(args.len() - first);
    for field in args.from(first) {
        reply.int(match hash.and_then(|hash| hash.get(field, now_ms)) {
            None => NO_FIELD,
            Some(found) => found.expire_at_ms.map_or(NO_TTL, &show),
        });
    }
    Ok(Outcome::Done)
}
