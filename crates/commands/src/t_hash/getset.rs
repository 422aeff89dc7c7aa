//! Fields read and changed in one step, or set under conditions: `HGETDEL`, `HGETEX`, `HSETEX`.

use keyspace::Class;
use structures::hash::Hash;
use wire::number::{IntBuf, format_i64, format_u64};

use super::expiring::{Words, fields_word, instant, log_instants, log_persisted, log_removed};
use super::{Changes, EXPIRED, NUMFIELDS, fields_from, reply_value, thresholds};
use crate::options::{Expiry, FieldOptions, TimeUnit};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `HGETDEL key FIELDS numfields field …`: the fields' values, null for each that is missing, and deletes them.
/// O(fields given).
pub fn hgetdel(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
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
    let mut removed = Words::new();
    for field in args.from(first) {
        reply_value(reply, hash.as_deref().and_then(|hash| hash.get(field, now_ms)));
        if hash.as_deref_mut().is_some_and(|hash| hash.remove(field, now_ms)) {
            removed.push(field);
        }
    }
    changes.count = removed.len();
    if let Some(hash) = hash {
        changes.end(hash);
    }
    changes.tell(ctx, key, &["hdel"]);
    log_removed(ctx, key.bytes, &removed);
    Ok(Outcome::Done)
}

/// `HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]
/// FIELDS numfields field …`: the fields' values, null for each that is missing; sets or takes away their TTL.
/// O(fields given).
pub fn hgetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let word = fields_word(args, 0).ok_or(NUMFIELDS)?;
    let options = FieldOptions::parse(args, 2..word, false)?;
    let first = fields_from(args, word, 1, NUMFIELDS)?;
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = &mut *ctx;
    let hash = space.read_as::<Hash>(key)?;
    let at_ms = match options.expiry {
        Expiry::In(unit, arg) => Some(instant_in(arg, unit, now_ms, "hgetex")?),
        _ => None,
    };
    if hash.is_none() || options.expiry == Expiry::None {
        reply.array(args.len() - first);
        args.from(first).for_each(|field| reply_value(reply, hash.and_then(|hash| hash.get(field, now_ms))));
        return Ok(Outcome::Done);
    }
    let Some(hash) = space.write_as::<Hash>(key)? else { return Ok(Outcome::Done) };
    reply.array(args.len() - first);
    let is_past = at_ms.is_some_and(|at| at <= now_ms);
    let mut changes = Changes::begin(hash);
    let mut changed = Words::new();
    for field in args.from(first) {
        let found = hash.get(field, now_ms);
        let was = found.map(|found| found.expire_at_ms);
        reply_value(reply, found);
        let Some(was) = was else { continue };
        if is_past {
            hash.remove(field, now_ms);
        } else if at_ms.is_some() || was.is_some() {
            hash.set_expiry(field, at_ms);
        } else {
            continue;
        }
        changed.push(field);
    }
    changes.count = changed.len();
    changes.expired = if is_past { changed.len() } else { 0 };
    changes.end(hash);
    changes.tell(
        ctx,
        key,
        &[match at_ms {
            Some(_) if is_past => EXPIRED,
            Some(_) => "hexpire",
            None => "hpersist",
        }],
    );
    match at_ms {
        Some(_) if is_past => log_removed(ctx, key.bytes, &changed),
        Some(at) => log_instants(ctx, key.bytes, at, &changed),
        None => log_persisted(ctx, key.bytes, &changed),
    }
    Ok(Outcome::Done)
}

fn instant_in(arg: &[u8], unit: TimeUnit, now_ms: i64, name: &'static str) -> Result<i64, CommandError> {
    match unit {
        TimeUnit::Seconds => instant(arg, 1000, now_ms, name),
        TimeUnit::Millis => instant(arg, 1, now_ms, name),
        TimeUnit::AtSeconds => instant(arg, 1000, 0, name),
        TimeUnit::AtMillis => instant(arg, 1, 0, name),
    }
}

/// `HSETEX key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT
/// unix-time-milliseconds | KEEPTTL] FIELDS numfields field value …`: 1 if the fields were set, 0 if a condition did
/// not hold. O(fields given).
pub fn hsetex(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let word = fields_word(args, 0).ok_or(NUMFIELDS)?;
    let options = FieldOptions::parse(args, 2..word, true)?;
    let first = fields_from(args, word, 2, NUMFIELDS)?;
    let key = ctx.key(args, 1);
    let (now_ms, thresholds) = (ctx.space.now_ms, thresholds(ctx));
    let hash = ctx.space.read_for_write_as::<Hash>(key)?;
    if options.key_exists.is_some_and(|wanted| wanted != hash.is_some()) {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    }
    let at_ms = match options.expiry {
        Expiry::In(unit, arg) => Some(instant_in(arg, unit, now_ms, "hsetex")?),
        _ => None,
    };
    if let Some(wanted) = options.fields_exist {
        let there = |field| hash.is_some_and(|hash| hash.get(field, now_ms).is_some());
        if args.from(first).step_by(2).any(|field| there(field) != wanted) {
            ctx.reply.int(0);
            return Ok(Outcome::Done);
        }
    }
    if at_ms.is_some_and(|at| at <= now_ms) {
        remove_set(ctx, args, first)?;
        ctx.reply.int(1);
        return Ok(Outcome::Done);
    }
    let hash = ctx.space.write_or_insert(key, Hash::new)?;
    let mut changes = Changes::begin(hash);
    // Fields that keep a TTL, with it, are logged one by one.
    let mut kept: Vec<(usize, i64)> = Vec::new();
    for i in (first..args.len()).step_by(2) {
        let (field, value) = (args.get(i), args.get(i + 1));
        let mut expire_at_ms = at_ms;
        if options.expiry == Expiry::Keep
            && let Some(at) = hash.get(field, now_ms).and_then(|found| found.expire_at_ms)
        {
            expire_at_ms = Some(at);
            kept.push((i, at));
        }
        let replaced = hash.set(field, value, expire_at_ms, thresholds);
        changes.expired += usize::from(replaced.was_expired(now_ms));
    }
    changes.count = (args.len() - first) / 2;
    changes.end(hash);
    changes.tell(ctx, key, if at_ms.is_some() { &["hset", "hexpire"] } else { &["hset"] });
    log_set(ctx, args, first, at_ms, &kept);
    ctx.reply.int(1);
    Ok(Outcome::Done)
}

/// `HSETEX` with an instant in the past: the fields go.
fn remove_set(ctx: &mut Ctx<'_>, args: &Args<'_>, first: usize) -> Result<(), CommandError> {
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    // Those that were not there count too.
    ctx.space.local.counters.expired_fields += (args.len() - first) as u64 / 2;
    // To those who want to hear of it they were set, and expired.
    let is_new = ctx.space.read_for_write_as::<Hash>(key)?.is_none();
    if is_new {
        ctx.notify(Class::NEW, "new", key);
    }
    for event in ["hset", "hexpire", EXPIRED] {
        ctx.notify(Class::HASH, event, key);
    }
    if is_new {
        ctx.notify(Class::GENERIC, "del", key);
    }
    let Some(hash) = ctx.space.write_as::<Hash>(key)? else { return Ok(()) };
    let mut changes = Changes::begin(hash);
    let mut removed = Words::new();
    for field in args.from(first).step_by(2) {
        if hash.remove(field, now_ms) {
            removed.push(field);
        }
    }
    changes.count = removed.len();
    changes.end(hash);
    changes.tell(ctx, key, &[]);
    log_removed(ctx, key.bytes, &removed);
    Ok(())
}

/// Logs fields that were set: with their common instant, without one, or one by one with the instant each kept.
fn log_set(ctx: &mut Ctx<'_>, args: &Args<'_>, first: usize, at_ms: Option<i64>, kept: &[(usize, i64)]) {
    let key = args.get(1);
    let mut at = IntBuf::new();
    if let Some(at_ms) = at_ms {
        let mut count = IntBuf::new();
        let count = format_u64((args.len() - first) as u64 / 2, &mut count);
        let head = [&b"HSETEX"[..], key, b"PXAT", format_i64(at_ms, &mut at), b"FIELDS", count];
        let words: Words<'_> = head.into_iter().chain(args.from(first)).collect();
        ctx.effect(&words);
        return;
    }
    let mut plain: Words<'_> = [&b"HSET"[..], key].into_iter().collect();
    let mut kept = kept.iter().peekable();
    for i in (first..args.len()).step_by(2) {
        let (field, value) = (args.get(i), args.get(i + 1));
        match kept.next_if(|(at, _)| *at == i) {
            Some((_, at_ms)) => {
                let at_ms = format_i64(*at_ms, &mut at);
                ctx.effect(&[b"HSETEX", key, b"PXAT", at_ms, b"FIELDS", b"1", field, value]);
            }
            None => plain.extend([field, value]),
        }
    }
    if plain.len() > 2 {
        ctx.effect(&plain);
    }
}
