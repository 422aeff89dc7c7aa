//! Whole hashes: `HGETALL`, `HKEYS`, `HVALS`.

use keyspace::Key;
use structures::hash::{Hash, Pair};
use wire::resp::{ReplyWriter, Resp};

use super::reply_item;
use crate::slices::{AT_ONCE_MAX, write_in_slices};
use crate::{Args, CommandResult, Ctx, Outcome};

/// Hashes of more bytes are not written at once either.
const AT_ONCE_BYTES: usize = 256 * 1024;
/// Fields written between two looks at how long a slice has become.
const BATCH: usize = 32;

/// What is shown of each field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A map from fields to values.
    Map,
    /// The fields.
    Fields,
    /// The values.
    Values,
    /// Pairs of field and value, each an array of its own in RESP3.
    Pairs,
}

impl Shown {
    /// Opens the reply for `count` fields.
    pub(super) fn open(self, reply: &mut ReplyWriter<'_>, count: usize) {
        match self {
            Shown::Map => reply.map(count),
            Shown::Fields | Shown::Values => reply.array(count),
            Shown::Pairs => reply.array(if reply.resp == Resp::V2 { count * 2 } else { count }),
        }
    }

    /// Writes one field's part of the reply.
    #[inline]
    pub(super) fn write(self, reply: &mut ReplyWriter<'_>, pair: Pair<'_>) {
        if self == Shown::Pairs && reply.resp == Resp::V3 {
            reply.array(2);
        }
        if self != Shown::Values {
            reply_item(reply, pair.field);
        }
        if self != Shown::Fields {
            reply_item(reply, pair.value);
        }
    }
}

/// `HGETALL key`: all fields with their values. O(fields), in slices.
pub fn hgetall(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    reply_all(ctx, key, Shown::Map)
}

/// `HKEYS key`: all fields. O(fields), in slices.
pub fn hkeys(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    reply_all(ctx, key, Shown::Fields)
}

/// `HVALS key`: all values. O(fields), in slices.
pub fn hvals(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    reply_all(ctx, key, Shown::Values)
}

fn reply_all(ctx: &mut Ctx<'_>, key: Key<'_>, shown: Shown) -> CommandResult {
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = ctx;
    match space.read_as::<Hash>(key)? {
        Some(hash) => reply_hash(reply, hash, now_ms, shown),
        None => {
            shown.open(reply, 0);
            Ok(Outcome::Done)
        }
    }
}

/// Replies with all fields that have not expired.
pub(super) fn reply_hash(
    reply: &mut ReplyWriter<'_>,
    hash: &Hash,
    now_ms: i64,
    shown: Shown,
) -> CommandResult {
    let is_long = hash.len() > AT_ONCE_MAX || hash.memory_bytes() > AT_ONCE_BYTES;
    if hash.has_expired(now_ms) {
        // How many are left is known at the end only.
        if is_long {
            let (hash, resp) = (hash.clone(), reply.resp);
            return Ok(Outcome::Worker(Box::new(move || {
                let mut out = Vec::new();
                reply_unexpired(&mut ReplyWriter::new(&mut out, resp), &hash, now_ms, shown);
                out
            })));
        }
        reply_unexpired(reply, hash, now_ms, shown);
        return Ok(Outcome::Done);
    }
    shown.open(reply, hash.len());
    if !is_long {
        hash.iter().for_each(|pair| shown.write(reply, pair));
        return Ok(Outcome::Done);
    }
    let (hash, mut next) = (hash.clone(), 0);
    write_in_slices(move |reply| {
        let before = next;
        for pair in hash.iter_from(before).take(BATCH) {
            shown.write(reply, pair);
            next += 1;
        }
        next > before
    })
}

/// Writes a whole hash, leaving out what has expired. O(fields).
fn reply_unexpired(reply: &mut ReplyWriter<'_>, hash: &Hash, now_ms: i64, shown: Shown) {
    let left = || hash.iter().filter(|pair| !pair.is_expired(now_ms));
    shown.open(reply, left().count());
    left().for_each(|pair| shown.write(reply, pair));
}
