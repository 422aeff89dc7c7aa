//! `XADD`, `XTRIM` (<https://valkey.io/commands/xadd/>, <https://valkey.io/commands/xtrim/>).

use keyspace::Class;
use smallvec::SmallVec;
use structures::stream::{Entries, Keep, MESSAGE_MAX_BYTES, NodeLimits, Stream, StreamId, Trimmed};
use wire::number::{IntBuf, format_u64};

use super::ids::{self, IdText};
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Where a message's id comes from.
#[derive(Clone, Copy)]
enum NewId {
    /// `*`: from the clock.
    Auto,
    /// `ms-*`: the next one of this millisecond.
    AutoSeq(u64),
    /// As given.
    Given(StreamId),
}

impl NewId {
    /// The id in a stream with this last id. `None` when it would not be larger.
    fn resolve(self, last: StreamId, now_ms: i64) -> Option<StreamId> {
        let id = match self {
            NewId::Auto => last.generate(now_ms as u64)?,
            NewId::AutoSeq(ms) if ms == last.ms => StreamId::new(ms, last.seq.checked_add(1)?),
            NewId::AutoSeq(ms) => StreamId::new(ms, 0),
            NewId::Given(id) => id,
        };
        (id > last).then_some(id)
    }
}

/// `MAXLEN` or `MINID`.
#[derive(Clone, Copy)]
struct Trim {
    keep: Keep,
    /// `~`: by whole nodes only.
    whole_nodes: bool,
    /// `LIMIT`, or what it is unless given; 0 = none.
    limit: u64,
    /// Where the threshold stands; before it `~` or `=`, if given.
    at: usize,
}

impl Trim {
    fn run(self, entries: &mut Entries) -> Trimmed {
        entries.trim(self.keep, self.whole_nodes, self.limit)
    }

    /// The exact threshold that leaves what is left.
    fn exact(self, entries: &Entries) -> SmallVec<[u8; 48]> {
        match self.keep {
            Keep::Newest(_) => SmallVec::from_slice(format_u64(entries.len(), &mut IntBuf::new())),
            Keep::From(_) => {
                let first = if entries.is_empty() { StreamId::MAX } else { entries.first_id() };
                SmallVec::from_slice(&IdText::new(first))
            }
        }
    }
}

/// Arguments of `XADD` up to the id, or of `XTRIM`.
struct Options {
    trim: Option<Trim>,
    no_mkstream: bool,
    id: NewId,
    /// Where the id stands, or the end of the arguments.
    id_at: usize,
}

impl Options {
    fn parse(args: &Args<'_>, adds: bool, limits: NodeLimits) -> Result<Options, CommandError> {
        let mut options = Options { trim: None, no_mkstream: false, id: NewId::Auto, id_at: args.len() };
        let mut limit = None;
        let mut i = 2;
        while i < args.len() {
            let more = i + 1 < args.len();
            if adds && args.get(i) == b"*" {
                options.id_at = i;
                break;
            } else if more && args.is(i, "MAXLEN") {
                i = options.parse_trim(args, i, |arg| {
                    let len = u64::try_from(integer(arg)?);
                    len.map(Keep::Newest)
                        .map_err(|_| CommandError::text("ERR The MAXLEN argument must be >= 0."))
                })?;
            } else if more && args.is(i, "MINID") {
                i = options.parse_trim(args, i, |arg| ids::exact(arg).map(Keep::From))?;
            } else if more && args.is(i, "LIMIT") {
                i += 1;
                let number = u64::try_from(integer(args.get(i))?);
                limit = Some(number.map_err(|_| CommandError::text("ERR The LIMIT argument must be >= 0."))?);
            } else if adds && args.is(i, "NOMKSTREAM") {
                options.no_mkstream = true;
            } else if adds {
                options.id = match ids::new_id(args.get(i))? {
                    (ms, Some(seq)) => NewId::Given(StreamId::new(ms, seq)),
                    (ms, None) => NewId::AutoSeq(ms),
                };
                options.id_at = i;
                break;
            } else {
                return Err(CommandError::Syntax);
            }
            i += 1;
        }
        options.set_limit(limit, adds, limits)?;
        Ok(options)
    }

    /// Takes in `MAXLEN` or `MINID` at `i` and says where its threshold stands.
    fn parse_trim(
        &mut self,
        args: &Args<'_>,
        i: usize,
        threshold: impl FnOnce(&[u8]) -> Result<Keep, CommandError>,
    ) -> Result<usize, CommandError> {
        if self.trim.is_some() {
            return Err(CommandError::text(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let sign = i + 2 < args.len() && matches!(args.get(i + 1), b"~" | b"=");
        let at = if sign { i + 2 } else { i + 1 };
        let keep = threshold(args.get(at))?;
        self.trim = Some(Trim { keep, whole_nodes: sign && args.get(i + 1) == b"~", limit: 0, at });
        Ok(at)
    }

    fn set_limit(&mut self, limit: Option<u64>, adds: bool, nodes: NodeLimits) -> Result<(), CommandError> {
        let Some(trim) = &mut self.trim else {
            return match limit {
                Some(1..) => Err(CommandError::text(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                )),
                _ if !adds => {
                    Err(CommandError::text("ERR syntax error, XTRIM must be called with a trimming strategy"))
                }
                Some(0) => Err(LIMIT_NEEDS_TILDE),
                None => Ok(()),
            };
        };
        trim.limit = match limit {
            Some(_) if !trim.whole_nodes => return Err(LIMIT_NEEDS_TILDE),
            Some(limit) => limit,
            // A hundred nodes at most, so that nobody waits for long.
            None if trim.whole_nodes => match nodes.entries as u64 * 100 {
                0 => 10_000,
                messages => messages.min(1_000_000),
            },
            None => 0,
        };
        Ok(())
    }
}

const LIMIT_NEEDS_TILDE: CommandError =
    CommandError::text("ERR syntax error, LIMIT cannot be used without the special ~ option");

/// `XADD key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value …]`:
/// adds a message and replies with its id. O(bytes of the message), and the messages trimmed.
pub fn xadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let limits = NodeLimits::from(&ctx.limits.compact);
    let options = Options::parse(args, true, limits)?;
    let first = options.id_at + 1;
    let texts = args.len().saturating_sub(first);
    if texts < 2 || texts % 2 == 1 {
        return Err(CommandError::Arity("xadd".into()));
    }
    if matches!(options.id, NewId::Given(StreamId::MIN)) {
        return Err(CommandError::text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let stream = if options.no_mkstream {
        match ctx.space.write_as::<Stream>(key)? {
            Some(stream) => stream,
            None => {
                ctx.reply.null();
                return Ok(Outcome::Done);
            }
        }
    } else {
        ctx.space.write_or_insert(key, Stream::default)?
    };
    let last = stream.entries().last_id();
    if last == StreamId::MAX {
        return Err(CommandError::text(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let id = options.id.resolve(last, now_ms).ok_or(CommandError::text(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    ))?;
    if args.bytes() > MESSAGE_MAX_BYTES
        && args.from(first).map(<[u8]>::len).sum::<usize>() > MESSAGE_MAX_BYTES
    {
        return Err(CommandError::text("ERR Elements are too large to be stored"));
    }
    let entries = stream.entries_mut();
    entries.add(id, &args.from(first), limits);
    let (mut threshold, mut trimmed) = (None, None);
    if let Some(trim) = options.trim {
        trimmed = Some(trim.run(entries));
        if trim.whole_nodes {
            threshold = Some(trim.exact(entries));
        }
    }
    ctx.notify(Class::STREAM, "xadd", key);
    if let Some(trimmed) = trimmed {
        if trimmed.count > 0 {
            ctx.notify(Class::STREAM, "xtrim", key);
        }
        free(ctx, trimmed);
    }
    ctx.space.object_changed(key);
    let id = IdText::new(id);
    log_add(ctx, args, &options, &id, threshold.as_deref());
    ctx.space.signal(key);
    ctx.reply.bulk(&id);
    Ok(Outcome::Done)
}

/// Frees what was trimmed, or has another thread do so when it is much.
fn free(ctx: &mut Ctx<'_>, trimmed: Trimmed) {
    if trimmed.free_effort() > FREED_AT_ONCE_MAX {
        ctx.space.local.discard(trimmed);
    }
}

/// Up to this many allocations are freed at once: some microseconds.
pub(super) const FREED_AT_ONCE_MAX: usize = 64;

/// Logs an `XADD` with its id and, where it trimmed by whole nodes, with the exact threshold that leaves what was left.
fn log_add(ctx: &mut Ctx<'_>, args: &Args<'_>, options: &Options, id: &[u8], threshold: Option<&[u8]>) {
    if !ctx.space.local.effects.is_active() {
        return ctx.effect(&[]);
    }
    let mut argv = args.to_vec();
    argv[options.id_at] = id;
    if let (Some(threshold), Some(trim)) = (threshold, options.trim) {
        argv[trim.at - 1] = b"=";
        argv[trim.at] = threshold;
        // Without `~` there is no limit.
        for i in (2..options.id_at).rev().filter(|&i| args.is(i, "LIMIT")) {
            argv.drain(i..i + 2);
        }
    }
    ctx.effect(&argv);
}

/// `XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]`: removes the oldest messages and says how many.
/// O(messages removed), with a very small constant: whole nodes go at once.
pub fn xtrim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let options = Options::parse(args, false, NodeLimits::from(&ctx.limits.compact))?;
    let trim = options.trim.expect("without one the arguments were refused");
    let key = ctx.key(args, 1);
    let Some(stream) = ctx.space.write_as::<Stream>(key)? else {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    };
    let entries = stream.entries_mut();
    let trimmed = trim.run(entries);
    let removed = trimmed.count;
    if removed > 0 {
        let threshold = trim.exact(entries);
        ctx.space.object_changed_times(key, removed as usize);
        ctx.notify(Class::STREAM, "xtrim", key);
        let word: &[u8] = if matches!(trim.keep, Keep::Newest(_)) { b"MAXLEN" } else { b"MINID" };
        ctx.effect(&[b"XTRIM", key.bytes, word, b"=", &threshold]);
    }
    free(ctx, trimmed);
    ctx.reply.int(removed as i64);
    Ok(Outcome::Done)
}
