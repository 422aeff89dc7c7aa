//! Family *hash*: fields with values, each field with a TTL of its own if it has one
//! (<https://valkey.io/commands/#hash>).
//!
//! A field whose TTL has passed is gone for every command that looks at fields; `HLEN` counts it until it is removed
//! (`keyspace/src/expire.rs`) or overwritten. Nothing that a body logs depends on such a field: what overwrites one is
//! logged as what it came to (`HINCRBY` as `HSET`).

mod all;
mod counter;
mod expiring;
mod getset;
mod random;
mod scan;
mod store;
#[cfg(test)]
mod tests;

pub use all::{hgetall, hkeys, hvals};
pub use counter::{hincrby, hincrbyfloat};
pub use expiring::{
    hexpire, hexpireat, hexpiretime, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, httl,
};
pub use getset::{hgetdel, hgetex, hsetex};
pub use random::hrandfield;
pub use scan::hscan;
pub use store::{hdel, hmset, hset, hsetnx};

use keyspace::{Class, Key};
use structures::hash::{Field, Hash, Item, Thresholds};
use wire::number::{IntBuf, format_i64};
use wire::resp::ReplyWriter;

use crate::{Args, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::hash::HDEL, log: Log::Verbatim, run: hdel },
    Spec { facts: &facts::hash::HEXISTS, log: Log::Nothing, run: hexists },
    Spec { facts: &facts::hash::HEXPIRE, log: Log::Rewritten, run: hexpire },
    Spec { facts: &facts::hash::HEXPIREAT, log: Log::Rewritten, run: hexpireat },
    Spec { facts: &facts::hash::HEXPIRETIME, log: Log::Nothing, run: hexpiretime },
    Spec { facts: &facts::hash::HGET, log: Log::Nothing, run: hget },
    Spec { facts: &facts::hash::HGETALL, log: Log::Nothing, run: hgetall },
    Spec { facts: &facts::hash::HGETDEL, log: Log::Rewritten, run: hgetdel },
    Spec { facts: &facts::hash::HGETEX, log: Log::Rewritten, run: hgetex },
    Spec { facts: &facts::hash::HINCRBY, log: Log::Rewritten, run: hincrby },
    Spec { facts: &facts::hash::HINCRBYFLOAT, log: Log::Rewritten, run: hincrbyfloat },
    Spec { facts: &facts::hash::HKEYS, log: Log::Nothing, run: hkeys },
    Spec { facts: &facts::hash::HLEN, log: Log::Nothing, run: hlen },
    Spec { facts: &facts::hash::HMGET, log: Log::Nothing, run: hmget },
    Spec { facts: &facts::hash::HMSET, log: Log::Verbatim, run: hmset },
    Spec { facts: &facts::hash::HPERSIST, log: Log::Rewritten, run: hpersist },
    Spec { facts: &facts::hash::HPEXPIRE, log: Log::Rewritten, run: hpexpire },
    Spec { facts: &facts::hash::HPEXPIREAT, log: Log::Rewritten, run: hpexpireat },
    Spec { facts: &facts::hash::HPEXPIRETIME, log: Log::Nothing, run: hpexpiretime },
    Spec { facts: &facts::hash::HPTTL, log: Log::Nothing, run: hpttl },
    Spec { facts: &facts::hash::HRANDFIELD, log: Log::Nothing, run: hrandfield },
    Spec { facts: &facts::hash::HSCAN, log: Log::Nothing, run: hscan },
    Spec { facts: &facts::hash::HSET, log: Log::Verbatim, run: hset },
    Spec { facts: &facts::hash::HSETEX, log: Log::Rewritten, run: hsetex },
    Spec { facts: &facts::hash::HSETNX, log: Log::Rewritten, run: hsetnx },
    Spec { facts: &facts::hash::HSTRLEN, log: Log::Nothing, run: hstrlen },
    Spec { facts: &facts::hash::HTTL, log: Log::Nothing, run: httl },
    Spec { facts: &facts::hash::HVALS, log: Log::Nothing, run: hvals },
];

/// `HGET key field`: the field's value, or null. O(1).
pub fn hget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = ctx;
    let found = space.read_as::<Hash>(key)?.and_then(|hash| hash.get(args.get(2), now_ms));
    reply_value(reply, found);
    Ok(Outcome::Done)
}

/// `HMGET key field …`: the fields' values, null for each that is missing. O(fields given).
pub fn hmget(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = ctx;
    let hash = space.read_as::<Hash>(key)?;
    reply.array(args.len() - 2);
    for field in args.from(2) {
        reply_value(reply, hash.and_then(|hash| hash.get(field, now_ms)));
    }
    Ok(Outcome::Done)
}

/// `HEXISTS key field`: 1 if the hash has the field. O(1).
pub fn hexists(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let found = ctx.space.read_as::<Hash>(key)?.and_then(|hash| hash.get(args.get(2), now_ms)).is_some();
    ctx.reply.int(i64::from(found));
    Ok(Outcome::Done)
}

/// `HSTRLEN key field`: the length of the field's value in bytes, 0 for a missing one. O(1).
pub fn hstrlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let found = ctx.space.read_as::<Hash>(key)?.and_then(|hash| hash.get(args.get(2), now_ms));
    let len = found.map_or(0, |field| match field.value {
        Item::Int(n) => format_i64(n, &mut IntBuf::new()).len(),
        Item::Bytes(bytes) => bytes.len(),
    });
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// `HLEN key`: number of fields, expired ones that nobody has removed yet included. O(1).
pub fn hlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let len = ctx.space.read_as::<Hash>(key)?.map_or(0, Hash::len);
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// Up to where hashes stay compact.
#[inline(always)]
fn thresholds(ctx: &Ctx<'_>) -> Thresholds {
    let compact = &ctx.limits.compact;
    Thresholds { entries: compact.hash_entries, value_bytes: compact.hash_value_bytes }
}

#[inline(always)]
fn reply_item(reply: &mut ReplyWriter<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(n) => reply.bulk_int(n),
    }
}

#[inline(always)]
fn reply_value(reply: &mut ReplyWriter<'_>, found: Option<Field<'_>>) {
    match found {
        Some(field) => reply_item(reply, field.value),
        None => reply.null(),
    }
}

/// The event of fields whose TTL has passed.
const EXPIRED: &str = "hexpired";

/// What a body changed in a hash, taken down while the hash is at hand.
#[derive(Default)]
struct Changes {
    /// As Valkey counts them.
    count: usize,
    /// Expired fields that were overwritten, or fields whose new instant lay in the past.
    expired: usize,
    /// When the first field expired before, and when it does now.
    due: [Option<i64>; 2],
    /// Nothing is left.
    is_empty: bool,
}

impl Changes {
    fn begin(hash: &Hash) -> Changes {
        let due = hash.next_expiry_at_ms();
        Changes { due: [due; 2], ..Changes::default() }
    }

    /// The hash as it is left.
    fn end(&mut self, hash: &Hash) {
        self.due[1] = hash.next_expiry_at_ms();
        self.is_empty = hash.is_empty();
    }

    /// Tells the keyspace, and those who want to hear of `events`; a hash without fields goes.
    #[inline(always)]
    fn tell(self, ctx: &mut Ctx<'_>, key: Key<'_>, events: &[&'static str]) {
        if self.count == 0 {
            return;
        }
        ctx.space.local.counters.expired_fields += self.expired as u64;
        ctx.space.due_changed(key, self.due[0], self.due[1]);
        ctx.space.object_changed_times(key, self.count);
        if self.expired > 0 && events.first() != Some(&EXPIRED) {
            ctx.notify(Class::HASH, EXPIRED, key);
        }
        for event in events {
            ctx.notify(Class::HASH, event, key);
        }
        if self.is_empty {
            ctx.space.delete_empty(key);
            ctx.notify(Class::GENERIC, "del", key);
        }
    }
}

/// `FIELDS numfields field …` in commands where it must stand at argument 2. Returns the index of the first field.
fn fields_from(
    args: &Args<'_>,
    at: usize,
    per_field: usize,
    mismatch: crate::CommandError,
) -> Result<usize, crate::CommandError> {
    let count = crate::options::integer(args.get(at + 1))?;
    let given = args.len() - (at + 2);
    let asked = usize::try_from(count).ok().filter(|&n| n > 0).and_then(|n| n.checked_mul(per_field));
    if asked == Some(given) { Ok(at + 2) } else { Err(mismatch) }
}

/// The error of a number of fields that is not the number given.
const NUMFIELDS: crate::CommandError = crate::CommandError::text(
    "ERR numfields should be greater than 0 and match the provided number of fields",
);
