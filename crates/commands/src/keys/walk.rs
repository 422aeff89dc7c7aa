//! Walks over the keys of a database: `KEYS`, `SCAN`, `RANDOMKEY`, `DBSIZE` (<https://valkey.io/commands/scan/>).
//!
//! A walk holds one shard at a time and meets at most [`SLICE_KEYS`] keys before it lets others go on. A key that is
//! there from the first slice to the last is met exactly once.

use keyspace::scan::{ScanCursor, Walk};
use keyspace::{EntryRef, Sharding, slot_of};
use wire::glob;
use wire::number::{IntBuf, format_u64};
use wire::resp::{ReplyWriter, Resp};

use super::{ScanArgs, scan_cursor, type_name};
use crate::slices::{AT_ONCE_BYTES_MAX, bytes_in_slices};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Keys met in one slice: about a millisecond's work.
const SLICE_KEYS: usize = 8192;

/// `DBSIZE`: keys of the database, expired ones that nobody met yet included. O(1).
pub fn dbsize(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> CommandResult {
    let len = ctx.space.keyspace.len(ctx.space.db());
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// `RANDOMKEY`: any key, null when there is none. O(1).
pub fn randomkey(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> CommandResult {
    loop {
        let Ctx { space, rng, .. } = &mut *ctx;
        match space.random_key(|| rng.next_u64()) {
            Ok(Some(key)) => ctx.reply.bulk(&key),
            Ok(None) => ctx.reply.null(),
            // Under the gate only background work can hold a shard, for microseconds.
            Err(_) if ctx.space.is_gate() => {
                std::hint::spin_loop();
                continue;
            }
            Err(shard) => return Ok(Outcome::Busy(shard)),
        }
        return Ok(Outcome::Done);
    }
}

/// `KEYS pattern`: all keys that match. O(keys of the database), in slices.
pub fn keys(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let filter = Filter { pattern: pattern(args.get(1)), type_name: None };
    Walker::new(ctx, filter, ScanCursor::default(), usize::MAX, false).start(ctx)
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`: some keys and where to go on. O(count).
///
/// A busy shard ends the call early: fewer keys than asked for are as good a reply.
pub fn scan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let cursor = scan_cursor(args.get(1))?;
    let (filter, want) = scan_options(args)?;
    let space = &ctx.space;
    let from = ScanCursor::decode(cursor, space.keyspace.hasher.sharding(), space.keyspace.shard_count());
    match from {
        Some(from) => Walker::new(ctx, filter, from, want, true).start(ctx),
        // A number that is no place of ours: as for any that is past the last key, the walk is over.
        None => {
            reply_scan(&mut ctx.reply, 0, 0, &[]);
            Ok(Outcome::Done)
        }
    }
}

fn scan_options(args: &Args<'_>) -> Result<(Filter, usize), CommandError> {
    let options = ScanArgs::parse_with(args, 2, "scan", |name| known_type(name).map(|_| ()))?;
    let type_name = options.type_name.map(known_type).transpose()?;
    Ok((Filter { pattern: options.pattern.map(<[u8]>::to_vec), type_name }, options.count))
}

/// Names of types that exist, whether or not this node can hold them yet.
const TYPES: [&str; 6] = ["string", "list", "set", "zset", "hash", "stream"];

fn known_type(name: &[u8]) -> Result<&'static str, CommandError> {
    TYPES
        .into_iter()
        .find(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        .ok_or_else(|| CommandError::owned([b"ERR unknown type name '", name, b"'"].concat()))
}

/// A pattern to keep; `None` for the one that every key matches, the empty key included.
fn pattern(arg: &[u8]) -> Option<Vec<u8>> {
    (arg != b"*").then(|| arg.to_vec())
}

/// The only slot where keys that match can be: the pattern is literal up to the end of its hash tag, or altogether.
pub(crate) fn pattern_slot(pattern: &[u8]) -> Option<u32> {
    let literal = pattern.iter().position(|b| b"*?[\\".contains(b)).unwrap_or(pattern.len());
    let tagged = || {
        let open = pattern[..literal].iter().position(|&b| b == b'{')?;
        let close = pattern[open..literal].iter().position(|&b| b == b'}')?;
        (close > 1).then_some(())
    };
    (literal == pattern.len() || tagged().is_some()).then(|| u32::from(slot_of(pattern)))
}

/// Which keys are wanted.
struct Filter {
    /// Glob; `None` for any key.
    pattern: Option<Vec<u8>>,
    /// Name of the value's type; `None` for any.
    type_name: Option<&'static str>,
}

impl Filter {
    fn accepts(&self, entry: EntryRef<'_>) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, entry.key(), false))
            && self.type_name.is_none_or(|name| name == type_name(entry))
    }
}

/// A walk under way, and what it found so far. The reply is written at its end: slices leave room for other work.
struct Walker {
    at: ScanCursor,
    left: usize,
    /// No key wanted is in a shard behind this one.
    last_shard: u32,
    filter: Filter,
    /// For `SCAN`: the reply has a cursor, and may come early.
    scans: bool,
    /// Where the walk began.
    began: ScanCursor,
    found: usize,
    /// The keys found, each as a bulk string.
    out: Vec<u8>,
}

impl Walker {
    fn new(ctx: &Ctx<'_>, filter: Filter, from: ScanCursor, want: usize, scans: bool) -> Walker {
        let slot = match (ctx.space.keyspace.hasher.sharding(), &filter.pattern) {
            (Sharding::Slot, Some(pattern)) => pattern_slot(pattern),
            _ => None,
        };
        let at = match slot {
            Some(slot) if from.shard < slot => ScanCursor { shard: slot, order: 0 },
            _ => from,
        };
        let last_shard = slot.unwrap_or(u32::MAX);
        Walker { at, left: want, last_shard, filter, scans, began: at, found: 0, out: Vec::new() }
    }

    /// The first slice, or that its shard is busy.
    fn start(self, ctx: &mut Ctx<'_>) -> CommandResult {
        let first = self.at.shard;
        // Taken here, the shard is already held when the walk comes to it. Under the gate a slice just tries again.
        if !ctx.space.is_gate() && !ctx.space.enter(first) {
            return Ok(Outcome::Busy(first));
        }
        self.advance(ctx)
    }

    /// A slice of the walk.
    fn advance(mut self, ctx: &mut Ctx<'_>) -> CommandResult {
        if self.at.shard > self.last_shard {
            return Ok(self.finish(ctx, None));
        }
        let want = self.left.min(SLICE_KEYS);
        let Walker { at, filter, found, out, .. } = &mut self;
        let walked = ctx.space.walk(*at, want, |entry| {
            if filter.accepts(entry) {
                *found += 1;
                ReplyWriter::new(out, Resp::V2).bulk(entry.key());
            }
        });
        let (at, left) = match walked {
            Walk::End => return Ok(self.finish(ctx, None)),
            Walk::More(at) => (at, self.left - want),
            // Some keys and the cursor of the busy shard will do.
            Walk::Busy(at) if at != self.began => (at, if self.scans { 0 } else { self.left }),
            Walk::Busy(at) => (at, self.left),
        };
        (self.at, self.left) = (at, left);
        if at.shard > self.last_shard {
            return Ok(self.finish(ctx, None));
        }
        if left == 0 {
            return Ok(self.finish(ctx, Some(at)));
        }
        let mut rest = Some(self);
        Ok(Outcome::Continue(Box::new(move |ctx| match rest.take() {
            Some(walker) => walker.advance(ctx),
            None => Ok(Outcome::Done),
        })))
    }

    /// Writes the reply. `at` is where a client may go on; `None` at the end.
    fn finish(self, ctx: &mut Ctx<'_>, at: Option<ScanCursor>) -> Outcome {
        if self.scans {
            let sharding = ctx.space.keyspace.hasher.sharding();
            let cursor = at.map_or(0, |at| at.encode(sharding));
            reply_scan(&mut ctx.reply, cursor, self.found, &[]);
        } else {
            ctx.reply.array(self.found);
        }
        if self.out.len() > AT_ONCE_BYTES_MAX {
            return Outcome::Continue(bytes_in_slices(self.out, None));
        }
        ctx.reply.raw(&self.out);
        Outcome::Done
    }
}

/// `SCAN`'s reply: the cursor, and `found` keys that `keys` holds as bulk strings.
fn reply_scan(reply: &mut ReplyWriter<'_>, cursor: u64, found: usize, keys: &[u8]) {
    reply.array(2);
    reply.bulk(format_u64(cursor, &mut IntBuf::new()));
    reply.array(found);
    reply.raw(keys);
}
