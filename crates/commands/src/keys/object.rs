//! `OBJECT` and the names of types and encodings (<https://valkey.io/commands/object-encoding/>).

use keyspace::evict::{Access, decayed, idle_seconds};
use keyspace::space::is_embedded;
use keyspace::{EntryRef, Key, Value};

use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// The type's name, as `TYPE` and `SCAN … TYPE` spell it.
pub fn type_name(entry: EntryRef<'_>) -> &'static str {
    match entry.value() {
        Value::Int(_) | Value::Bytes(_) => "string",
        Value::Object(object) => object.type_name(),
    }
}

/// The encoding's name, as `OBJECT ENCODING` spells it. Strings: `int`; `embstr` while short (together with the key:
/// [`is_embedded`]) and never edited; else `raw`. A TTL that comes later makes no difference, except in Valkey to some
/// values of at most three bytes under keys of 108 to 111: there it depends on the allocator.
pub fn encoding_name(entry: EntryRef<'_>) -> &'static str {
    match entry.value() {
        Value::Int(_) => "int",
        Value::Bytes(bytes) if entry.is_raw() || !is_embedded(entry.key().len(), bytes.len(), false) => "raw",
        Value::Bytes(_) => "embstr",
        Value::Object(object) => object.encoding(),
    }
}

/// Asks about a key as `TYPE` does, but nobody hears of it if the key is missing.
fn look<T>(ctx: &mut Ctx<'_>, key: Key<'_>, ask: impl FnOnce(EntryRef<'_>) -> T) -> Option<T> {
    let touch = std::mem::replace(&mut ctx.space.touch, false);
    let answer = ctx.space.read_unheard(key).map(ask);
    ctx.space.touch = touch;
    answer
}

/// `OBJECT ENCODING key`. O(1).
pub fn object_encoding(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    match look(ctx, key, encoding_name) {
        Some(name) => ctx.reply.bulk(name.as_bytes()),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// `OBJECT REFCOUNT key`: always 1, values are never shared between keys in a way clients could see. O(1).
pub fn object_refcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    match look(ctx, key, |_| ()) {
        Some(()) => ctx.reply.int(1),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// `OBJECT FREQ key`: the LFU counter as it stands now. Refused unless the policy keeps one. O(1).
pub fn object_freq(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let access = look(ctx, key, |entry| entry.access());
    if access.is_some() && !ctx.limits.policy_is_lfu {
        return Err(CommandError::text(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    let minute = Access::lfu_minute(ctx.space.now_ms);
    match access {
        Some(access) => ctx.reply.int(i64::from(decayed(access, minute, ctx.limits.lfu_decay_minutes))),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// `OBJECT IDLETIME key`: seconds since the last use. Refused under the LFU policies, which do not know. O(1).
pub fn object_idletime(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let access = look(ctx, key, |entry| entry.access());
    if access.is_some() && ctx.limits.policy_is_lfu {
        return Err(CommandError::text(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    match access {
        Some(access) => ctx.reply.int(i64::from(idle_seconds(access, ctx.space.now_ms))),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// Lines of `OBJECT HELP`.
const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Name how the value of <key> is stored.",
    "FREQ <key>",
    "    Give the logarithmic counter of uses of <key> that LFU policies keep.",
    "IDLETIME <key>",
    "    Give the seconds since <key> was last used.",
    "REFCOUNT <key>",
    "    Give the number of references to the value of <key>.",
    "HELP",
    "    Show these lines.",
];

/// `OBJECT HELP`. O(1).
pub fn object_help(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> CommandResult {
    ctx.reply.array(HELP.len());
    for line in HELP {
        ctx.reply.simple(line);
    }
    Ok(Outcome::Done)
}
