//! Values that go to another key or database (<https://valkey.io/commands/rename/>, <https://valkey.io/commands/copy/>).

use keyspace::space::is_embedded;
use keyspace::{Class, EntryRef, Key, NewValue, Ttl, Value};
use smallvec::SmallVec;
use structures::object::Object;

use super::object::encoding_name;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `RENAME key newkey`: gives a value another key, over whatever is there. O(1).
pub fn rename(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    rename_unless(ctx, args, |_, _| false)?;
    ctx.reply.ok();
    Ok(Outcome::Done)
}

/// `RENAMENX key newkey`: 0 and no change when `newkey` is taken. O(1).
pub fn renamenx(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let renamed = rename_unless(ctx, args, |ctx, to| ctx.space.exists(to))?;
    ctx.reply.int(i64::from(renamed));
    Ok(Outcome::Done)
}

/// Renames unless `taken` says no to the new key. Says whether anything changed: not when both keys are the same.
fn rename_unless(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    taken: impl FnOnce(&mut Ctx<'_>, Key<'_>) -> bool,
) -> Result<bool, CommandError> {
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    let entry = ctx.space.read_for_write(from).ok_or(CommandError::NoSuchKey)?;
    let hides_raw = hides_raw(entry, to.bytes.len());
    if from.bytes == to.bytes || taken(ctx, to) {
        return Ok(false);
    }
    let db = ctx.space.db();
    ctx.space.rename(from, db, to);
    if hides_raw {
        mark_raw(ctx, to);
    }
    ctx.notify(Class::GENERIC, "rename_from", from);
    ctx.notify(Class::GENERIC, "rename_to", to);
    Ok(true)
}

/// Whether a string that is `raw` for its long key alone would pass for `embstr` behind a key of `key_len` bytes:
/// what clients saw as `raw` stays so.
fn hides_raw(entry: EntryRef<'_>, key_len: usize) -> bool {
    match entry.value() {
        Value::Bytes(bytes) => {
            let fits = |key_len| is_embedded(key_len, bytes.len(), false);
            !entry.is_raw() && !fits(entry.key().len()) && fits(key_len)
        }
        Value::Int(_) | Value::Object(_) => false,
    }
}

/// Marks a short string as `raw`.
#[cold]
fn mark_raw(ctx: &mut Ctx<'_>, key: Key<'_>) {
    if let Some(Held::Bytes { bytes, .. }) = ctx.space.peek(key).map(Held::of) {
        ctx.space.set(key, NewValue::Bytes { bytes: &bytes, raw: true }, Ttl::Keep);
    }
}

/// A value apart from its entry. Chunks of large strings are shared, not copied.
enum Held {
    Int(i64),
    Bytes { bytes: SmallVec<[u8; 128]>, raw: bool },
    Object(Box<Object>),
}

impl Held {
    fn of(entry: EntryRef<'_>) -> Held {
        match entry.value() {
            Value::Int(n) => Held::Int(n),
            Value::Bytes(bytes) => {
                Held::Bytes { bytes: SmallVec::from_slice(bytes), raw: encoding_name(entry) == "raw" }
            }
            Value::Object(object) => Held::Object(Box::new(object.clone())),
        }
    }
}

/// `COPY source destination [DB n] [REPLACE]`: the value under another key too, with its TTL. O(1) for strings: large
/// ones share their chunks until one of them changes.
pub fn copy(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let db = ctx.space.db();
    let (mut to_db, mut replace) = (db, false);
    let mut i = 3;
    while i < args.len() {
        if args.is(i, "replace") {
            replace = true;
        } else if args.is(i, "db") && i + 1 < args.len() {
            i += 1;
            to_db = database(ctx, args.get(i))?;
        } else {
            return Err(CommandError::Syntax);
        }
        i += 1;
    }
    let (from, to) = (ctx.key(args, 1), ctx.key(args, 2));
    if db == to_db && from.bytes == to.bytes {
        return Err(CommandError::SameObject);
    }
    let source = ctx.space.read(from).map(|entry| (Held::of(entry), entry.expire_at_ms()));
    let mut copied = false;
    if let Some((value, expire_at_ms)) = source {
        ctx.space.select(to_db);
        if replace || !ctx.space.exists(to) {
            // What was there goes first: the copy inherits nothing of it.
            ctx.space.delete(to);
            let ttl = expire_at_ms.map_or(Ttl::Clear, Ttl::At);
            match value {
                Held::Int(n) => ctx.space.set(to, NewValue::Int(n), ttl),
                Held::Bytes { bytes, raw } => ctx.space.set(to, NewValue::Bytes { bytes: &bytes, raw }, ttl),
                Held::Object(object) => ctx.space.set(to, NewValue::Object(object), ttl),
            }
            ctx.notify(Class::GENERIC, "copy_to", to);
            copied = true;
        }
        ctx.space.select(db);
    }
    ctx.reply.int(i64::from(copied));
    Ok(Outcome::Done)
}

/// `MOVE key db`: takes a key to another database unless it is taken there; 1 if it moved. O(1).
pub fn move_(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (db, to_db) = (ctx.space.db(), database(ctx, args.get(2))?);
    if db == to_db {
        return Err(CommandError::SameObject);
    }
    let key = ctx.key(args, 1);
    let mut moves = ctx.space.read_for_write(key).is_some();
    if moves {
        ctx.space.select(to_db);
        moves = !ctx.space.exists(key);
        ctx.space.select(db);
    }
    if moves {
        ctx.space.rename(key, to_db, key);
        ctx.notify(Class::GENERIC, "move_from", key);
        ctx.space.select(to_db);
        ctx.notify(Class::GENERIC, "move_to", key);
        ctx.space.select(db);
    }
    ctx.reply.int(i64::from(moves));
    Ok(Outcome::Done)
}

/// A database's number as an argument.
fn database(ctx: &Ctx<'_>, arg: &[u8]) -> Result<u16, CommandError> {
    let number = i32::try_from(integer(arg)?).map_err(|_| {
        CommandError::text("ERR value is out of range, value must between -2147483648 and 2147483647")
    })?;
    let databases = ctx.space.keyspace.databases();
    u16::try_from(number).ok().filter(|&db| db < databases).ok_or(CommandError::DbIndexOutOfRange)
}
