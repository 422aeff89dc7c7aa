//! `BITOP`: strings combined bit by bit (<https://valkey.io/commands/bitop/>).

use keyspace::{Class, Key, NewValue, Object, Ttl};
use smallvec::SmallVec;
use structures::big_string::{BigString, CHUNK_BYTES};
use structures::bits::{self, BitOp, BitSource};
use structures::object::INLINE_MAX_BYTES;

use crate::ctx::Text;
use crate::t_string::snapshot::Snapshot;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Bytes of all sources together that are combined at once; a fraction of a millisecond.
const SLICE_BYTES: usize = 1 << 20;

/// `BITOP AND | OR | XOR | NOT destkey key [key …]`: the length of the result, that of the longest source. O(bytes).
///
/// Sources of more than 1 MB together are combined in slices while other commands run. The result is that of the
/// sources as they were when the command came; it is stored at the end, and logged as a value, since the sources may
/// be different by then.
pub fn bitop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let op = BitOp::parse(args.get(1)).ok_or(CommandError::Syntax)?;
    if op == BitOp::Not && args.len() != 4 {
        return Err(CommandError::text("ERR BITOP NOT must be called with a single source key."));
    }
    let mut sources: SmallVec<[Snapshot; 4]> = SmallVec::new();
    for i in 3..args.len() {
        let key = ctx.key(args, i);
        let text = ctx.space.read(key).map(Text::of).transpose()?;
        sources.push(Snapshot::of(text));
    }
    let total: usize = sources.iter().map(Snapshot::len).sum();
    if total > SLICE_BYTES {
        return Ok(Slices::new(op, args.get(2), sources.into_vec()).going_on());
    }
    let views: SmallVec<[BitSource<'_>; 8]> = sources.iter().map(Snapshot::source).collect();
    let key = ctx.key(args, 2);
    let longest = views.iter().map(BitSource::len).max().unwrap_or(0);
    let changed = if longest == 0 {
        ctx.space.delete(key)
    } else if longest <= INLINE_MAX_BYTES {
        let mut result = Vec::new();
        bits::bitop(op, &views, &mut result);
        ctx.set_edited(key, &result, Ttl::Clear);
        true
    } else {
        store(ctx, key, bits::bitop_big(op, &views));
        true
    };
    if changed {
        match longest {
            0 => ctx.notify(Class::GENERIC, "del", key),
            _ => ctx.notify(Class::STRING, "set", key),
        }
        ctx.effect(&args.to_vec());
    }
    ctx.reply.int(longest as i64);
    Ok(Outcome::Done)
}

/// Stores a result in the form that suits its length.
fn store(ctx: &mut Ctx<'_>, key: Key<'_>, result: BigString) {
    if result.len() <= INLINE_MAX_BYTES {
        return ctx.set_edited(key, &result.to_vec(), Ttl::Clear);
    }
    ctx.space.set(key, NewValue::Object(Box::new(Object::String(result))), Ttl::Clear);
}

/// A combination under way.
struct Slices {
    op: BitOp,
    key: Vec<u8>,
    sources: Vec<Snapshot>,
    result: BigString,
    /// Bytes of the result that are done, whole chunks.
    done: usize,
    buffer: Vec<u8>,
}

impl Slices {
    fn new(op: BitOp, key: &[u8], sources: Vec<Snapshot>) -> Box<Slices> {
        let longest = sources.iter().map(Snapshot::len).max().unwrap_or(0);
        let mut result = BigString::new();
        if let Some(last) = longest.checked_sub(1) {
            // The whole length at once, all holes but the last chunk.
            result.set_range(last, &[0]);
        }
        Box::new(Slices { op, key: key.to_vec(), sources, result, done: 0, buffer: Vec::new() })
    }

    fn going_on(self: Box<Self>) -> Outcome {
        let mut slices = Some(self);
        Outcome::Continue(Box::new(move |ctx| match slices.take() {
            Some(slices) => slices.step(ctx),
            None => Ok(Outcome::Done),
        }))
    }

    fn step(mut self: Box<Self>, ctx: &mut Ctx<'_>) -> CommandResult {
        if self.combine() {
            return Ok(self.going_on());
        }
        let len = self.result.len();
        let key = std::mem::take(&mut self.key);
        let place = ctx.space.place(&key);
        if !ctx.space.enter(place.shard) {
            self.key = key;
            return Ok(self.going_on());
        }
        let value = if ctx.space.local.effects.is_active() { self.result.to_vec() } else { Vec::new() };
        let result = std::mem::take(&mut self.result);
        store(ctx, place, result);
        ctx.notify(Class::STRING, "set", place);
        ctx.effect(&[b"SET", &key, &value]);
        ctx.reply.int(len as i64);
        Ok(Outcome::Done)
    }

    /// Combines the next slice. `false` when nothing is left.
    fn combine(&mut self) -> bool {
        let Slices { op, sources, result, done, buffer, .. } = self;
        let mut budget = SLICE_BYTES / CHUNK_BYTES / sources.len().max(1);
        while *done < result.len() {
            let blocks: SmallVec<[BitSource<'_>; 8]> =
                sources.iter().map(|source| BitSource::Flat(source.block(*done))).collect();
            bits::bitop(*op, &blocks, buffer);
            if buffer.iter().fold(0, |any, &byte| any | byte) != 0 {
                result.set_range(*done, buffer);
            }
            *done += CHUNK_BYTES;
            if budget <= 1 {
                return true;
            }
            budget -= 1;
        }
        false
    }
}
