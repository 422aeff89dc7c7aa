//! Family *keys*: commands on keys whatever their values are (<https://valkey.io/commands/#generic>).
//!
//! Commands that only ask about a key count as hits or misses but leave its access mark alone, so that monitoring does
//! not keep keys from being evicted.

pub(crate) mod expire;
mod object;
mod scan_args;
mod transfer;
mod walk;

pub use expire::{expire, expireat, expiretime, persist, pexpire, pexpireat, pexpiretime, pttl, ttl};
pub use object::{
    encoding_name, object_encoding, object_freq, object_help, object_idletime, object_refcount, type_name,
};
pub use scan_args::{ScanArgs, scan_cursor};
pub use transfer::{copy, move_, rename, renamenx};
pub(crate) use walk::pattern_slot;
pub use walk::{dbsize, keys, randomkey, scan};

use keyspace::{Class, EntryRef, Key};

use crate::{Args, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::generic::COPY, log: Log::Verbatim, run: copy },
    Spec { facts: &facts::server::DBSIZE, log: Log::Nothing, run: dbsize },
    Spec { facts: &facts::generic::DEL, log: Log::Verbatim, run: del },
    Spec { facts: &facts::generic::EXISTS, log: Log::Nothing, run: exists },
    Spec { facts: &facts::generic::EXPIRE, log: Log::Rewritten, run: expire },
    Spec { facts: &facts::generic::EXPIREAT, log: Log::Rewritten, run: expireat },
    Spec { facts: &facts::generic::EXPIRETIME, log: Log::Nothing, run: expiretime },
    Spec { facts: &facts::generic::KEYS, log: Log::Nothing, run: keys },
    Spec { facts: &facts::generic::MOVE, log: Log::Verbatim, run: move_ },
    Spec { facts: &facts::generic::OBJECT_ENCODING, log: Log::Nothing, run: object_encoding },
    Spec { facts: &facts::generic::OBJECT_FREQ, log: Log::Nothing, run: object_freq },
    Spec { facts: &facts::generic::OBJECT_HELP, log: Log::Nothing, run: object_help },
    Spec { facts: &facts::generic::OBJECT_IDLETIME, log: Log::Nothing, run: object_idletime },
    Spec { facts: &facts::generic::OBJECT_REFCOUNT, log: Log::Nothing, run: object_refcount },
    Spec { facts: &facts::generic::PERSIST, log: Log::Verbatim, run: persist },
    Spec { facts: &facts::generic::PEXPIRE, log: Log::Rewritten, run: pexpire },
    Spec { facts: &facts::generic::PEXPIREAT, log: Log::Rewritten, run: pexpireat },
    Spec { facts: &facts::generic::PEXPIRETIME, log: Log::Nothing, run: pexpiretime },
    Spec { facts: &facts::generic::PTTL, log: Log::Nothing, run: pttl },
    Spec { facts: &facts::generic::RANDOMKEY, log: Log::Nothing, run: randomkey },
    Spec { facts: &facts::generic::RENAME, log: Log::Verbatim, run: rename },
    Spec { facts: &facts::generic::RENAMENX, log: Log::Verbatim, run: renamenx },
    Spec { facts: &facts::generic::SCAN, log: Log::Nothing, run: scan },
    Spec { facts: &facts::generic::TOUCH, log: Log::Nothing, run: touch },
    Spec { facts: &facts::generic::TTL, log: Log::Nothing, run: ttl },
    Spec { facts: &facts::generic::TYPE, log: Log::Nothing, run: type_ },
    Spec { facts: &facts::generic::UNLINK, log: Log::Verbatim, run: unlink },
];

/// `DEL key [key …]`: removes keys, says how many were there. O(keys); values are freed after the reply.
pub fn del(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let mut removed = 0;
    for i in 1..args.len() {
        let key = ctx.key(args, i);
        if ctx.space.delete(key) {
            removed += 1;
            ctx.notify(Class::GENERIC, "del", key);
        }
    }
    ctx.reply.int(removed);
    Ok(Outcome::Done)
}

/// `UNLINK key [key …]`: the same as `DEL`, which never frees large values under a lock either. O(keys).
pub fn unlink(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    del(ctx, args)
}

/// `EXISTS key [key …]`: how many of the keys exist, a key named twice counting twice. O(keys).
pub fn exists(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let mut found = 0;
    for i in 1..args.len() {
        let key = ctx.key(args, i);
        found += i64::from(look(ctx, key, |_| ()).is_some());
    }
    ctx.reply.int(found);
    Ok(Outcome::Done)
}

/// `TOUCH key [key …]`: marks keys as used now, says how many exist. O(keys).
pub fn touch(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let mut found = 0;
    // Even for a client with NO-TOUCH: this command says what it wants.
    let touch = std::mem::replace(&mut ctx.space.touch, true);
    for i in 1..args.len() {
        let key = ctx.key(args, i);
        found += i64::from(ctx.space.read(key).is_some());
    }
    ctx.space.touch = touch;
    ctx.reply.int(found);
    Ok(Outcome::Done)
}

/// `TYPE key`: the type's name, `none` for a missing key. O(1).
pub fn type_(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let name = look(ctx, key, type_name).unwrap_or("none");
    ctx.reply.simple(name);
    Ok(Outcome::Done)
}

/// Asks about a key: counts the hit or miss, leaves the access mark alone.
#[inline(always)]
fn look<T>(ctx: &mut Ctx<'_>, key: Key<'_>, ask: impl FnOnce(EntryRef<'_>) -> T) -> Option<T> {
    let touch = std::mem::replace(&mut ctx.space.touch, false);
    let answer = ctx.space.read(key).map(ask);
    ctx.space.touch = touch;
    answer
}

#[cfg(test)]
mod tests;
