//! `XREAD`, `XREADGROUP` (<https://valkey.io/commands/xread/>, <https://valkey.io/commands/xreadgroup/>).

use keyspace::Class;
use keyspace::blocked::Kind;
use smallvec::SmallVec;
use structures::stream::{ConsumerRef, Entries, GroupMut, Pending, Stream, StreamId, Walk};
use wire::resp::Resp;
use wire::resp::encode::ReplyWriter;

use super::claim::{Changes, log_consumer, log_progress};
use super::ids::{self, IdText};
use super::range::{AT_ONCE_MAX, reply_entries};
use super::{no_group, reply_entry};
use crate::options::integer;
use crate::slices;
use crate::table::{Nothing, Wait};
use crate::timeout::timeout_millis;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// From where on messages are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Behind this id.
    Behind(StreamId),
    /// `>`: those that no consumer of the group was given.
    New,
}

/// The arguments.
struct Request<'a> {
    /// Messages of each stream at most; 0 = all.
    count: u64,
    /// `BLOCK`, in ms, or for ever.
    block_ms: Option<Option<u64>>,
    no_ack: bool,
    /// Group and consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    /// Where the keys begin; the ids follow.
    keys_at: usize,
    streams: usize,
}

const NO_ID: &str = "you want to read the history of this consumer by specifying a proper ID, or use the > ID to get \
                     new messages. The";

impl<'a> Request<'a> {
    fn parse(args: &Args<'a>, grouped: bool, now_ms: i64) -> Result<Request<'a>, CommandError> {
        let mut request =
            Request { count: 0, block_ms: None, no_ack: false, group: None, keys_at: 0, streams: 0 };
        let mut i = 1;
        while i < args.len() {
            let more = args.len() - i - 1;
            if more > 0 && args.is(i, "BLOCK") {
                request.block_ms = Some(timeout_millis(args.get(i + 1), now_ms)?);
                i += 1;
            } else if more > 0 && args.is(i, "COUNT") {
                request.count = integer(args.get(i + 1))?.max(0) as u64;
                i += 1;
            } else if more > 0 && args.is(i, "STREAMS") {
                if more % 2 != 0 {
                    let (name, id) = if grouped { ("xreadgroup", '>') } else { ("xread", '$') };
                    return Err(CommandError::owned(format!(
                        "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{id}' must be specified."
                    )));
                }
                (request.keys_at, request.streams) = (i + 1, more / 2);
                break;
            } else if more > 1 && args.is(i, "GROUP") {
                if !grouped {
                    return Err(CommandError::text(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.group = Some((args.get(i + 1), args.get(i + 2)));
                i += 2;
            } else if args.is(i, "NOACK") {
                if !grouped {
                    return Err(CommandError::text(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                request.no_ack = true;
            } else {
                return Err(CommandError::Syntax);
            }
            i += 1;
        }
        if request.streams == 0 {
            return Err(CommandError::Syntax);
        }
        if grouped && request.group.is_none() {
            return Err(CommandError::text("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(request)
    }

    /// There is nothing for the client: it waits, or it is told so.
    fn nothing(&self, ctx: &mut Ctx<'_>, args: &Args<'_>, starts: &[From]) -> Outcome {
        let Some(timeout_ms) = self.block_ms else {
            ctx.reply.null_array();
            return Outcome::Done;
        };
        let ids_at = self.keys_at + self.streams;
        // `$` is what it is now, however often the command runs again.
        let replaced = starts.iter().enumerate().filter_map(|(n, start)| match start {
            From::Behind(id) if args.get(ids_at + n) == b"$" => Some((ids_at + n, IdText::new(*id).to_vec())),
            _ => None,
        });
        Outcome::Wait(Box::new(Wait {
            kind: Kind::Stream,
            keys: self.keys_at..ids_at,
            timeout_ms,
            // A group goes with its key.
            on_nokey: self.group.is_some(),
            replaced: replaced.collect(),
            nothing: Nothing::NullArray,
        }))
    }

    fn limit(&self) -> u64 {
        if self.count == 0 { u64::MAX } else { self.count }
    }

    /// From where on each stream is read. Checks types, groups and ids, in the order of the keys.
    fn starts(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<SmallVec<[From; 4]>, CommandError> {
        (0..self.streams).map(|n| self.start(ctx, args, n)).collect()
    }

    fn start(&self, ctx: &mut Ctx<'_>, args: &Args<'_>, n: usize) -> Result<From, CommandError> {
        let key = ctx.key(args, self.keys_at + n);
        let stream = ctx.space.read_as::<Stream>(key)?;
        let id = args.get(self.keys_at + self.streams + n);
        let last = stream.map_or(StreamId::MIN, |stream| stream.entries().last_id());
        let Some((group, _)) = self.group else {
            return Ok(From::Behind(match id {
                b"$" => last,
                b"+" => last.previous().unwrap_or(StreamId::MIN),
                b">" => {
                    return Err(CommandError::text(
                        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                         option.",
                    ));
                }
                id => ids::exact(id)?,
            }));
        };
        if stream.is_none_or(|stream| stream.groups().get(group).is_none()) {
            return Err(no_group(key, group, " in XREADGROUP with GROUP option"));
        }
        match id {
            b"$" | b"+" => {
                let id = char::from(id[0]);
                Err(CommandError::owned(format!(
                    "ERR The {id} ID is meaningless in the context of XREADGROUP: {NO_ID} {id} ID would just return an \
                     empty result set."
                )))
            }
            b">" => Ok(From::New),
            id => Ok(match ids::exact(id)? {
                StreamId::MAX => From::New,
                id => From::Behind(id),
            }),
        }
    }
}

/// Opens the reply about some streams.
fn reply_streams(reply: &mut ReplyWriter<'_>, streams: usize) {
    match reply.resp {
        Resp::V2 => reply.array(streams),
        Resp::V3 => reply.map(streams),
    }
}

/// Opens what is told of one stream: its key, then its messages.
fn reply_key(reply: &mut ReplyWriter<'_>, key: &[u8]) {
    if reply.resp == Resp::V2 {
        reply.array(2);
    }
    reply.bulk(key);
}

/// `XREAD [COUNT n] [BLOCK ms] STREAMS key [key …] id [id …]`: messages behind the ids. O(log nodes + messages).
pub fn xread(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let request = Request::parse(args, false, ctx.space.now_ms)?;
    let starts = request.starts(ctx, args)?;
    let mut found: SmallVec<[Found; 4]> = SmallVec::new();
    for (n, start) in starts.iter().enumerate() {
        let key_at = request.keys_at + n;
        let key = ctx.key(args, key_at);
        let (Some(stream), From::Behind(id)) = (ctx.space.read_as::<Stream>(key)?, *start) else { continue };
        let entries = stream.entries();
        if let Some(from) = id.next()
            && entries.last().is_some_and(|last| last.id > id)
        {
            let mut most = request.limit().min(entries.len());
            if most > AT_ONCE_MAX {
                most = entries.count(from, StreamId::MAX).min(most);
            }
            found.push(Found { key_at, from, most });
        }
    }
    if found.is_empty() {
        return Ok(request.nothing(ctx, args, &starts));
    }
    reply_streams(&mut ctx.reply, found.len());
    if found.iter().map(|found| found.most).sum::<u64>() > AT_ONCE_MAX {
        return read_in_slices(ctx, args, &found);
    }
    for &Found { key_at, from, most } in &found {
        let key = ctx.key(args, key_at);
        let Ctx { space, reply, .. } = &mut *ctx;
        let Some(stream) = space.read_for_write_as::<Stream>(key)? else { continue };
        reply_key(reply, key.bytes);
        let mark = reply.array_deferred();
        let written = reply_entries(reply, stream.entries().range(from, StreamId::MAX), most);
        reply.array_finish(mark, written);
    }
    Ok(Outcome::Done)
}

/// A stream with messages for `XREAD`.
struct Found {
    key_at: usize,
    /// The first id wanted.
    from: StreamId,
    /// Number of messages at most; exact above [`AT_ONCE_MAX`].
    most: u64,
}

/// Replies from clones of the streams.
fn read_in_slices(ctx: &mut Ctx<'_>, args: &Args<'_>, found: &[Found]) -> CommandResult {
    let mut walks = Vec::with_capacity(found.len());
    for &Found { key_at, from, most } in found {
        let key = ctx.key(args, key_at);
        let Some(stream) = ctx.space.read_for_write_as::<Stream>(key)? else { continue };
        let entries = stream.entries();
        let len = if most > AT_ONCE_MAX { most } else { entries.count(from, StreamId::MAX).min(most) };
        walks.push((key.bytes.to_vec(), Walk::new(entries, from, StreamId::MAX, false), len));
    }
    let mut walks = walks.into_iter();
    let mut current: Option<(Walk, u64)> = None;
    slices::write_in_slices(move |reply| {
        if let Some((walk, left)) = &mut current
            && *left > 0
            && let Some(entry) = walk.next()
        {
            *left -= 1;
            reply_entry(reply, &entry);
            return true;
        }
        let Some((key, walk, len)) = walks.next() else { return false };
        reply_key(reply, &key);
        reply.array(len as usize);
        current = Some((walk, len));
        true
    })
}

/// `XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] [NOACK] STREAMS key [key …] id [id …]`: messages that the group
/// was not given yet (`>`), or what is pending of the consumer. O(log nodes + messages · log pending).
pub fn xreadgroup(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let request = Request::parse(args, true, ctx.space.now_ms)?;
    let starts = request.starts(ctx, args)?;
    if ctx.may_set_aside() && is_long(ctx, args, &request, &starts)? {
        return Ok(Outcome::Aside);
    }
    let from = ctx.reply.len();
    let mark = ctx.reply.array_deferred();
    let mut served = 0;
    for (n, start) in starts.iter().enumerate() {
        served += usize::from(serve(ctx, args, &request, request.keys_at + n, *start)?);
    }
    if served == 0 {
        ctx.reply.truncate(from);
        return Ok(request.nothing(ctx, args, &starts));
    }
    match ctx.reply.resp {
        Resp::V2 => ctx.reply.array_finish(mark, served),
        Resp::V3 => ctx.reply.map_finish(mark, served),
    }
    Ok(Outcome::Done)
}

/// Whether more messages are to be given than the locks should be held for.
fn is_long(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    request: &Request<'_>,
    starts: &[From],
) -> Result<bool, CommandError> {
    let Some((group, consumer)) = request.group.filter(|_| request.limit() > AT_ONCE_MAX) else {
        return Ok(false);
    };
    let mut messages = 0;
    for (n, start) in starts.iter().enumerate() {
        let key = ctx.key(args, request.keys_at + n);
        let Some(stream) = ctx.space.read_for_write_as::<Stream>(key)? else { continue };
        let Some(group) = stream.groups().get(group) else { continue };
        let most = match (start, group.last_id.next()) {
            (From::New, Some(next)) => stream.entries().count(next, StreamId::MAX),
            (From::New, None) => 0,
            (From::Behind(_), _) => {
                group.find_consumer(consumer).map_or(0, |own| group.consumer(own).pending_len() as u64)
            }
        };
        messages += most.min(request.limit());
    }
    Ok(messages > AT_ONCE_MAX)
}

/// Replies with what one stream has for the consumer. `false` when it has nothing new.
fn serve(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    request: &Request<'_>,
    key_at: usize,
    start: From,
) -> Result<bool, CommandError> {
    let key = ctx.key(args, key_at);
    let Some((group_name, consumer_name)) = request.group else { return Ok(false) };
    let now_ms = ctx.space.now_ms;
    let mut changes = Changes::new(ctx);
    ctx.space.local.counters.keyspace_hits += 1;
    let Ctx { space, reply, .. } = &mut *ctx;
    let Some(stream) = space.write_as::<Stream>(key)? else { return Ok(false) };
    let (entries, groups) = stream.groups_mut();
    let Some(mut group) = groups.get_mut(group_name) else { return Ok(false) };
    let (consumer, is_new) = group.consumer_or_new(consumer_name, now_ms);
    group.consumer_mut(consumer).seen_at_ms = now_ms;
    let mut delivery = Delivery {
        entries,
        group: &mut group,
        consumer,
        now_ms,
        changes: &mut changes,
        limit: request.limit(),
    };
    let (served, moved_on) = match start {
        From::New => match entries.last() {
            Some(last) if last.id > delivery.group.last_id => {
                reply_key(reply, key.bytes);
                delivery.give_new(reply, request.no_ack);
                (true, true)
            }
            _ => (false, false),
        },
        From::Behind(id) => {
            reply_key(reply, key.bytes);
            delivery.repeat(reply, id);
            (true, false)
        }
    };
    let (last_id, entries_read) = (group.last_id, group.entries_read);
    drop(group);
    // An `XCLAIM` also creates the consumer.
    let lone_consumer = is_new && changes.len() == 0;
    if lone_consumer {
        log_consumer(ctx, key, group_name, consumer_name);
    }
    changes.log(ctx, key, group_name, (!moved_on).then_some(last_id));
    if moved_on {
        log_progress(ctx, key, group_name, last_id, entries_read);
    }
    if is_new {
        ctx.notify(Class::STREAM, "xgroup-createconsumer", key);
    }
    let count = usize::from(is_new) + usize::from(moved_on || changes.len() > 0);
    if count > 0 {
        ctx.space.object_changed_unwatched(key, count);
    }
    Ok(served)
}

/// Messages on their way to a consumer.
struct Delivery<'a, 'g> {
    entries: &'a Entries,
    group: &'a mut GroupMut<'g>,
    consumer: ConsumerRef,
    now_ms: i64,
    changes: &'a mut Changes,
    limit: u64,
}

impl Delivery<'_, '_> {
    /// Gives the consumer messages that the group was not given yet.
    fn give_new(&mut self, reply: &mut ReplyWriter<'_>, no_ack: bool) {
        let mark = reply.array_deferred();
        let mut written = 0;
        let start = self.group.last_id.next().unwrap_or(StreamId::MAX);
        let pending = Pending { consumer: self.consumer, delivered_at_ms: self.now_ms, deliveries: 1 };
        for entry in self.entries.range(start, StreamId::MAX) {
            self.group.advance(self.entries, entry.id);
            reply_entry(reply, &entry);
            if !no_ack {
                self.group.set_pending(entry.id, pending);
                let consumer = self.group.consumer_mut(self.consumer);
                consumer.active_at_ms = Some(self.now_ms);
                self.changes.note(entry.id, consumer.name(), pending);
            }
            written += 1;
            if written == self.limit {
                break;
            }
        }
        reply.array_finish(mark, written as usize);
    }

    /// Gives the consumer messages again that it was given and did not acknowledge.
    fn repeat(&mut self, reply: &mut ReplyWriter<'_>, behind: StreamId) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let own: Vec<(StreamId, Pending)> = match behind.next() {
            Some(from) => self.group.pending_of(self.consumer, from).take(limit).collect(),
            None => Vec::new(),
        };
        reply.array(own.len());
        for (id, mut pending) in own {
            match self.entries.get(id) {
                Some(entry) => {
                    reply_entry(reply, &entry);
                    pending.delivered_at_ms = self.now_ms;
                    pending.deliveries = pending.deliveries.wrapping_add(1);
                    self.group.set_pending(id, pending);
                    self.changes.note(id, self.group.consumer(self.consumer).name(), pending);
                }
                None => {
                    reply.array(2);
                    ids::reply_id(reply, id);
                    reply.null_array();
                }
            }
        }
    }
}
