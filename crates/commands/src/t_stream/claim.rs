//! `XCLAIM`, `XAUTOCLAIM`: pending messages go to another consumer
//! (<https://valkey.io/commands/xclaim/>, <https://valkey.io/commands/xautoclaim/>).

use keyspace::{Class, Key};
use smallvec::SmallVec;
use structures::stream::{ConsumerRef, Entries, Group, GroupMut, Pending, Stream, StreamId};
use wire::number::{IntBuf, format_i64, format_u64};
use wire::resp::encode::ReplyWriter;

use super::ids::{self, IdText};
use super::{no_group, reply_entry};
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// An integer argument with an error of its own.
fn integer_or(arg: &[u8], error: &'static str) -> Result<i64, CommandError> {
    integer(arg).map_err(|_| CommandError::text(error))
}

/// What claiming does to a message that is pending.
struct Claim {
    consumer: ConsumerRef,
    now_ms: i64,
    min_idle_ms: i64,
    delivered_at_ms: i64,
    /// `RETRYCOUNT`.
    deliveries: Option<u64>,
    just_id: bool,
    force: bool,
}

/// What became of a message.
enum Claimed {
    Yes,
    No,
    /// It was pending but there is no such message any more: nobody has it now.
    Gone,
}

impl Claim {
    fn run(
        &self,
        entries: &Entries,
        group: &mut GroupMut<'_>,
        id: StreamId,
        changes: &mut Changes,
    ) -> Claimed {
        let before = group.pending(id);
        if !entries.contains(id) {
            let Some(before) = before else { return Claimed::No };
            changes.note(id, group.consumer(before.consumer).name(), before);
            group.remove_pending(id);
            return Claimed::Gone;
        }
        let deliveries = match before {
            None if !self.force => return Claimed::No,
            None => 1,
            Some(before) => {
                let idle_ms = self.now_ms.wrapping_sub(before.delivered_at_ms);
                if self.min_idle_ms > 0 && idle_ms < self.min_idle_ms {
                    return Claimed::No;
                }
                before.deliveries
            }
        };
        let deliveries = self.deliveries.unwrap_or(deliveries.wrapping_add(u64::from(!self.just_id)));
        let (consumer, delivered_at_ms) = (self.consumer, self.delivered_at_ms);
        let pending = Pending { consumer, delivered_at_ms, deliveries };
        group.set_pending(id, pending);
        let consumer = group.consumer_mut(consumer);
        consumer.active_at_ms = Some(self.now_ms);
        changes.note(id, consumer.name(), pending);
        Claimed::Yes
    }

    fn reply(&self, reply: &mut ReplyWriter<'_>, entries: &Entries, id: StreamId) {
        match entries.get(id) {
            Some(entry) if !self.just_id => reply_entry(reply, &entry),
            _ => ids::reply_id(reply, id),
        }
    }
}

/// What happened to pending messages, to be logged when the stream is let go of.
#[derive(Default)]
pub(super) struct Changes {
    count: u64,
    /// Whether the changes are kept.
    kept: bool,
    list: Vec<(StreamId, SmallVec<[u8; 24]>, Pending)>,
}

impl Changes {
    pub(super) fn new(ctx: &Ctx<'_>) -> Changes {
        Changes { kept: ctx.space.local.effects.is_active(), ..Changes::default() }
    }

    /// Notes a message that is pending now, or was until now.
    pub(super) fn note(&mut self, id: StreamId, consumer: &[u8], pending: Pending) {
        self.count += 1;
        if self.kept {
            self.list.push((id, SmallVec::from_slice(consumer), pending));
        }
    }

    /// Number of messages noted.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// Logs the changes: an `XCLAIM` each, which also removes what is no message any more. `last_id` is the group's;
    /// without one, each message was the last when it was given.
    pub(super) fn log(&self, ctx: &mut Ctx<'_>, key: Key<'_>, group: &[u8], last_id: Option<StreamId>) {
        if self.count > 0 && !self.kept {
            return ctx.effect(&[]);
        }
        for (id, consumer, pending) in &self.list {
            ctx.effect(&[
                b"XCLAIM",
                key.bytes,
                group,
                consumer,
                b"0",
                &IdText::new(*id),
                b"TIME",
                format_i64(pending.delivered_at_ms, &mut IntBuf::new()),
                b"RETRYCOUNT",
                format_u64(pending.deliveries, &mut IntBuf::new()),
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                &IdText::new(last_id.unwrap_or(*id)),
            ]);
        }
    }
}

/// Options of `XCLAIM`.
struct ClaimOptions {
    delivered_at_ms: Option<i64>,
    deliveries: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

impl ClaimOptions {
    fn parse(args: &Args<'_>, from: usize, now_ms: i64) -> Result<ClaimOptions, CommandError> {
        let mut options = ClaimOptions {
            delivered_at_ms: None,
            deliveries: None,
            force: false,
            just_id: false,
            last_id: StreamId::MIN,
        };
        let mut i = from;
        while i < args.len() {
            let value = args.try_get(i + 1);
            i += match value {
                _ if args.is(i, "FORCE") => {
                    options.force = true;
                    1
                }
                _ if args.is(i, "JUSTID") => {
                    options.just_id = true;
                    1
                }
                Some(value) if args.is(i, "IDLE") => {
                    let idle_ms = integer_or(value, "ERR Invalid IDLE option argument for XCLAIM")?;
                    options.delivered_at_ms = Some(now_ms.wrapping_sub(idle_ms));
                    2
                }
                Some(value) if args.is(i, "TIME") => {
                    let at_ms = integer_or(value, "ERR Invalid TIME option argument for XCLAIM")?;
                    options.delivered_at_ms = Some(at_ms);
                    2
                }
                Some(value) if args.is(i, "RETRYCOUNT") => {
                    let count = integer_or(value, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                    options.deliveries = u64::try_from(count).ok();
                    2
                }
                Some(value) if args.is(i, "LASTID") => {
                    options.last_id = ids::exact(value)?;
                    2
                }
                _ => {
                    let option = super::shown(args.get(i));
                    return Err(CommandError::owned(
                        [b"ERR Unrecognized XCLAIM option '", option, b"'"].concat(),
                    ));
                }
            };
        }
        Ok(options)
    }
}

/// `XCLAIM key group consumer min-idle-ms id [id …] [IDLE ms] [TIME ms] [RETRYCOUNT n] [FORCE] [JUSTID] [LASTID id]`:
/// gives pending messages to a consumer and replies with them. O(ids · log pending).
pub fn xclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let name = args.get(2);
    let stream = ctx.space.read_as::<Stream>(key)?;
    if stream.is_none_or(|stream| stream.groups().get(name).is_none()) {
        return Err(no_group(key, name, ""));
    }
    let min_idle_ms = integer_or(args.get(4), "ERR Invalid min-idle-time argument for XCLAIM")?;
    let claimed: SmallVec<[StreamId; 8]> = args.from(5).map_while(|arg| ids::exact(arg).ok()).collect();
    let now_ms = ctx.space.now_ms;
    let options = ClaimOptions::parse(args, 5 + claimed.len(), now_ms)?;
    let mut changes = Changes::new(ctx);
    let Ctx { space, reply, .. } = &mut *ctx;
    let stream = space.write_as::<Stream>(key)?.ok_or_else(|| no_group(key, name, ""))?;
    let (entries, groups) = stream.groups_mut();
    let mut group = groups.get_mut(name).ok_or_else(|| no_group(key, name, ""))?;
    let moves_on = options.last_id > group.last_id;
    group.last_id = group.last_id.max(options.last_id);
    let (consumer, is_new) = group.consumer_or_new(args.get(3), now_ms);
    group.consumer_mut(consumer).seen_at_ms = now_ms;
    let claim = Claim {
        consumer,
        now_ms,
        min_idle_ms,
        // An instant that cannot be is taken for now: clients' clocks differ.
        delivered_at_ms: options.delivered_at_ms.filter(|at| (0..=now_ms).contains(at)).unwrap_or(now_ms),
        deliveries: options.deliveries,
        just_id: options.just_id,
        force: options.force,
    };
    let mark = reply.array_deferred();
    let mut count = 0;
    for &id in &claimed {
        if let Claimed::Yes = claim.run(entries, &mut group, id, &mut changes) {
            claim.reply(reply, entries, id);
            count += 1;
        }
    }
    reply.array_finish(mark, count);
    let (last_id, entries_read) = (group.last_id, group.entries_read);
    drop(group);
    let progress = (moves_on && changes.len() == 0).then_some(entries_read);
    finish(ctx, args, is_new, count, &changes, last_id, progress);
    Ok(Outcome::Done)
}

/// Counts and logs what claiming changed. The claims of others create a new consumer, too.
fn finish(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    is_new: bool,
    claimed: usize,
    changes: &Changes,
    last_id: StreamId,
    progress: Option<Option<i64>>,
) {
    let (key, name) = (ctx.key(args, 1), args.get(2));
    if is_new {
        ctx.notify(Class::STREAM, "xgroup-createconsumer", key);
    }
    if is_new && claimed == 0 {
        log_consumer(ctx, key, name, args.get(3));
    }
    changes.log(ctx, key, name, Some(last_id));
    if let Some(entries_read) = progress {
        log_progress(ctx, key, name, last_id, entries_read);
    }
    let count = changes.len() as usize + usize::from(is_new) + usize::from(progress.is_some());
    if count > 0 {
        ctx.space.object_changed_unwatched(key, count);
    }
}

/// Messages looked at for each one that `XAUTOCLAIM` may claim.
const LOOKED_AT_PER_CLAIM: u64 = 10;
/// Bytes that Valkey needs for a `COUNT`, beyond which it has not enough memory whatever the machine.
const COUNT_BYTES_MAX: u64 = 1 << 46;

/// `XAUTOCLAIM key group consumer min-idle-ms start [COUNT n] [JUSTID]`: gives messages that are pending for long to a
/// consumer; replies with where to go on, with the messages, and with ids that are no messages any more. O(COUNT · log
/// pending).
pub fn xautoclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    // Counted, and heard of if it is missing, whatever the other arguments are.
    ctx.space.read(key);
    let min_idle_ms = integer_or(args.get(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = ids::range_start(args.get(5))?;
    let (mut count, mut just_id, mut i) = (100, false, 6);
    while i < args.len() {
        if args.is(i, "COUNT") && i + 1 < args.len() {
            let number = integer(args.get(i + 1)).ok().filter(|n| (1..=i64::MAX / 16).contains(n));
            count = number.ok_or(CommandError::text("ERR COUNT must be > 0"))? as u64;
            i += 2;
        } else if args.is(i, "JUSTID") {
            just_id = true;
            i += 1;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let name = args.get(2);
    let stream = ctx.space.read_for_write_as::<Stream>(key)?;
    if stream.is_none_or(|stream| stream.groups().get(name).is_none()) {
        return Err(no_group(key, name, ""));
    }
    if count * 16 >= COUNT_BYTES_MAX {
        return Err(CommandError::text(
            "ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
        ));
    }
    let (now_ms, may_set_aside) = (ctx.space.now_ms, ctx.may_set_aside());
    let mut changes = Changes::new(ctx);
    let Ctx { space, reply, .. } = &mut *ctx;
    let stream = space.write_as::<Stream>(key)?.ok_or_else(|| no_group(key, name, ""))?;
    let (entries, groups) = stream.groups_mut();
    let pending = groups.get(name).map_or(0, Group::pending_len);
    if may_set_aside && (pending as u64).min(count * LOOKED_AT_PER_CLAIM) > LOCKED_ELEMENTS_MAX as u64 {
        return Ok(Outcome::Aside);
    }
    let mut group = groups.get_mut(name).ok_or_else(|| no_group(key, name, ""))?;
    let (consumer, is_new) = group.consumer_or_new(args.get(3), now_ms);
    group.consumer_mut(consumer).seen_at_ms = now_ms;
    let claim = Claim {
        consumer,
        now_ms,
        min_idle_ms,
        delivered_at_ms: now_ms,
        deliveries: None,
        just_id,
        force: false,
    };
    let mut claimed = Vec::new();
    let mut gone: SmallVec<[StreamId; 8]> = SmallVec::new();
    let mut written = 0;
    let mut from = Some(start);
    let mut left = count;
    for _ in 0..count * LOOKED_AT_PER_CLAIM {
        let next = from.filter(|_| left > 0).and_then(|from| group.pending_from(from).next());
        let Some((id, _)) = next else { break };
        from = id.next();
        match claim.run(entries, &mut group, id, &mut changes) {
            Claimed::Yes => {
                claim.reply(&mut ReplyWriter::new(&mut claimed, reply.resp), entries, id);
                written += 1;
                left -= 1;
            }
            Claimed::Gone => {
                gone.push(id);
                left -= 1;
            }
            Claimed::No => {}
        }
    }
    let next = from.and_then(|from| group.pending_from(from).next()).map(|(id, _)| id);
    reply.array(3);
    ids::reply_id(reply, next.unwrap_or(StreamId::MIN));
    reply.array(written);
    reply.raw(&claimed);
    reply.array(gone.len());
    gone.iter().for_each(|&id| ids::reply_id(reply, id));
    let last_id = group.last_id;
    drop(group);
    finish(ctx, args, is_new, written, &changes, last_id, None);
    Ok(Outcome::Done)
}

/// Logs that a consumer was created.
pub(super) fn log_consumer(ctx: &mut Ctx<'_>, key: Key<'_>, group: &[u8], consumer: &[u8]) {
    ctx.effect(&[b"XGROUP", b"CREATECONSUMER", key.bytes, group, consumer]);
}

/// Logs how far a group has read.
pub(super) fn log_progress(
    ctx: &mut Ctx<'_>,
    key: Key<'_>,
    group: &[u8],
    last_id: StreamId,
    entries_read: Option<i64>,
) {
    let mut buf = IntBuf::new();
    let read = format_i64(entries_read.unwrap_or(-1), &mut buf);
    ctx.effect(&[b"XGROUP", b"SETID", key.bytes, group, &IdText::new(last_id), b"ENTRIESREAD", read]);
}
