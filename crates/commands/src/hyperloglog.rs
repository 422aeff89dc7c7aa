//! Family *hyperloglog*: approximate counts of distinct elements (<https://valkey.io/commands/#hyperloglog>).
//!
//! A value is an ordinary string in the format of [`structures::hll`]. Sparse ones are short and replaced; dense ones
//! are 12 KB in one chunk and change in place.

mod debug;
#[cfg(test)]
mod tests;

pub use debug::{pfdebug, pfselftest};

use keyspace::{Class, Key, Object, Ttl};
use structures::hll::{self, HllError};

use crate::ctx::Text;
use crate::{Args, CommandError, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::hyperloglog::PFADD, log: Log::Verbatim, run: pfadd },
    Spec { facts: &facts::hyperloglog::PFCOUNT, log: Log::Verbatim, run: pfcount },
    Spec { facts: &facts::hyperloglog::PFDEBUG, log: Log::Verbatim, run: pfdebug },
    Spec { facts: &facts::hyperloglog::PFMERGE, log: Log::Verbatim, run: pfmerge },
    Spec { facts: &facts::hyperloglog::PFSELFTEST, log: Log::Nothing, run: pfselftest },
];

impl From<HllError> for CommandError {
    fn from(error: HllError) -> Self {
        CommandError::text(match error {
            HllError::NotHll => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            HllError::Corrupt => "INVALIDOBJ Corrupted HLL object detected",
        })
    }
}

/// `PFADD key [element …]`: 1 if the estimate may have changed or the key was made, else 0. O(1) for each element of
/// a dense value, O(length) of a sparse one.
pub fn pfadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let found = match ctx.space.read_for_write(key) {
        Some(entry) => {
            let text = Text::of(entry)?;
            let embedded = matches!(text, Text::Bytes(_)) && !entry.is_raw();
            let found = Found::look(text, args);
            if embedded && !matches!(found, Err(HllError::NotHll)) {
                ctx.space.mark_raw(key);
            }
            found?
        }
        None => Found::Value(hll::create(), 2),
    };
    let changed = match found {
        Found::Same => false,
        Found::Dense(from) => {
            if let Some(Object::String(big)) = ctx.space.object_mut(key)
                && let Some(value) = big.as_single_chunk_mut()
            {
                for element in args.from(from) {
                    hll::add_dense(value, element)?;
                }
            }
            true
        }
        Found::Value(mut value, from) => {
            let refused = args.from(from).zip(from..).find_map(|(element, at)| {
                let added = hll::add(&mut value, element, ctx.limits.hll_sparse_max_bytes);
                added.err().map(|error| (at, error))
            });
            if let Some((at, error)) = refused {
                // Damaged, and found out too late: as in Valkey, what came before is in.
                if at > from {
                    ctx.set_edited(key, &value, Ttl::Keep);
                    ctx.effect(&args.to_vec()[..at]);
                }
                return Err(error.into());
            }
            ctx.set_edited(key, &value, Ttl::Keep);
            true
        }
    };
    if changed {
        ctx.notify(Class::STRING, "pfadd", key);
    }
    ctx.reply.int(i64::from(changed));
    Ok(Outcome::Done)
}

/// What `PFADD` finds at its key, with the first argument that changes it.
enum Found {
    /// Nothing changes.
    Same,
    /// A dense value in one chunk, to be changed in place.
    Dense(usize),
    /// Any other, as a copy.
    Value(Vec<u8>, usize),
}

impl Found {
    fn look(text: Text<'_>, args: &Args<'_>) -> Result<Found, HllError> {
        let chunk = if let Text::Big(big) = text { big.as_single_chunk() } else { None };
        let mut scratch = Vec::new();
        let value = match chunk {
            Some(value) => value,
            None => text.bytes(&mut scratch),
        };
        let dense = hll::check(value)?.encoding == hll::Encoding::Dense;
        for i in 2..args.len() {
            if !hll::would_keep(value, args.get(i))? {
                let in_place = dense && chunk.is_some();
                return Ok(if in_place { Found::Dense(i) } else { Found::Value(value.to_vec(), i) });
            }
        }
        Ok(Found::Same)
    }
}

/// `PFCOUNT key [key …]`: the estimate for the union. For one key O(1) from the cache inside the value, which is
/// refreshed when stale (a write to the key); O(keys) with a large constant for several.
pub fn pfcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 2 {
        let values = values(ctx, args, 1)?;
        let cardinality = hll::count(&slices(&values))?;
        ctx.reply.int(cardinality as i64);
        return Ok(Outcome::Done);
    }
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.space.read(key) else {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    };
    let text = Text::of(entry)?;
    let chunk = if let Text::Big(big) = text { big.as_single_chunk() } else { None };
    let mut scratch = Vec::new();
    let header = hll::check(match chunk {
        Some(value) => value,
        None => text.bytes(&mut scratch),
    })?;
    let embedded = matches!(text, Text::Bytes(_)) && !entry.is_raw();
    let stale = header.cached.is_none().then(|| text.to_vec());
    if embedded {
        ctx.space.mark_raw(key);
    }
    let cardinality = match stale {
        None => header.cached.unwrap_or_default(),
        Some(mut value) => {
            let counted = hll::count_cached(&mut value)?;
            ctx.set_edited(key, &value, Ttl::Keep);
            counted.cardinality
        }
    };
    ctx.reply.int(cardinality as i64);
    Ok(Outcome::Done)
}

/// `PFMERGE destkey [sourcekey …]`: makes the destination the union of itself and the sources. O(keys) with a large
/// constant.
pub fn pfmerge(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    // The specs of a call without sources name no key at all, not even the destination (COMMAND GETKEYS shows it).
    if args.len() == 2 && !ctx.space.enter(key.shard) {
        return Ok(Outcome::Busy(key.shard));
    }
    let mut values = values(ctx, args, 1)?.into_iter();
    let mut merged = match values.next() {
        Some(Some(own)) => own,
        _ => hll::create(),
    };
    let sources: Vec<Option<Vec<u8>>> = values.collect();
    hll::merge(&mut merged, &slices(&sources), ctx.limits.hll_sparse_max_bytes)?;
    ctx.set_edited(key, &merged, Ttl::Keep);
    ctx.notify(Class::STRING, "pfadd", key);
    ctx.reply.ok();
    Ok(Outcome::Done)
}

/// Copies of the values at the keys from argument `from` on, each checked; `None` for a missing key.
fn values(ctx: &mut Ctx<'_>, args: &Args<'_>, from: usize) -> Result<Vec<Option<Vec<u8>>>, CommandError> {
    let mut values = Vec::with_capacity(args.len() - from);
    for i in from..args.len() {
        let key = ctx.key(args, i);
        match value_at(ctx, key) {
            Ok(value) => {
                values.push(value);
                if ctx.space.local.events.hears(Class::KEY_MISS) {
                    // The keys behind a corrupt value are not looked up.
                    hll::count(&slices(&values[values.len() - 1..]))?;
                }
            }
            Err(error) => {
                // Values are gone through one by one: a corrupt one before this is the first error.
                hll::count(&slices(&values))?;
                return Err(error);
            }
        }
    }
    Ok(values)
}

fn value_at(ctx: &mut Ctx<'_>, key: Key<'_>) -> Result<Option<Vec<u8>>, CommandError> {
    let Some(entry) = ctx.space.read(key) else { return Ok(None) };
    let value = Text::of(entry)?.to_vec();
    hll::check(&value)?;
    Ok(Some(value))
}

fn slices(values: &[Option<Vec<u8>>]) -> Vec<&[u8]> {
    values.iter().flatten().map(Vec::as_slice).collect()
}
