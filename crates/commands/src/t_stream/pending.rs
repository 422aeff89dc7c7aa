//! `XACK`, `XPENDING`: messages that were given to consumers and not acknowledged
//! (<https://valkey.io/commands/xack/>, <https://valkey.io/commands/xpending/>).

use std::sync::Arc;

use structures::stream::{ConsumerRef, Group, Pending, Stream, StreamId};
use wire::resp::encode::ReplyWriter;

use super::edit::exact_ids;
use super::{ids, no_group};
use crate::options::integer;
use crate::slices;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `XACK key group id [id …]`: forgets pending messages and says how many were. O(ids · log pending).
pub fn xack(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let stream = ctx.space.read_as::<Stream>(key)?;
    if stream.is_none_or(|stream| stream.groups().get(args.get(2)).is_none()) {
        ctx.reply.int(0);
        return Ok(Outcome::Done);
    }
    let ids = exact_ids(args, 3)?;
    let mut acknowledged = 0;
    if let Some(stream) = ctx.space.write_as::<Stream>(key)?
        && let Some(mut group) = stream.groups_mut().1.get_mut(args.get(2))
    {
        acknowledged = ids.iter().filter(|&&id| group.remove_pending(id).is_some()).count();
    }
    if acknowledged > 0 {
        ctx.space.object_changed_unwatched(key, acknowledged);
    }
    ctx.reply.int(acknowledged as i64);
    Ok(Outcome::Done)
}

/// `XPENDING key group [[IDLE ms] start end count [consumer]]`: a summary, or pending messages one by one. O(consumers),
/// or O(log pending + messages looked at).
pub fn xpending(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() != 3 && !(6..=9).contains(&args.len()) {
        return Err(CommandError::Syntax);
    }
    let filter = if args.len() > 3 { Some(Filter::parse(args)?) } else { None };
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = ctx;
    let stream = space.read_as::<Stream>(key)?;
    let group = stream.and_then(|stream| stream.groups().shared(args.get(2)));
    let group = group.ok_or_else(|| no_group(key, args.get(2), ""))?;
    let Some(filter) = filter else {
        summary(reply, group);
        return Ok(Outcome::Done);
    };
    let consumer = match filter.consumer_at.map(|at| group.find_consumer(args.get(at))) {
        Some(None) => {
            reply.array(0);
            return Ok(Outcome::Done);
        }
        Some(consumer) => consumer,
        None => None,
    };
    let listing = Listing { filter, consumer, now_ms };
    let few = slices::AT_ONCE_MAX;
    if group.pending_len() > few && (filter.count > few as u64 || filter.min_idle_ms != 0) {
        return listing.reply_in_slices(Arc::clone(group), filter.start, 0);
    }
    listing.reply_at_once(group, reply);
    Ok(Outcome::Done)
}

/// `XPENDING key group`.
fn summary(reply: &mut ReplyWriter<'_>, group: &Group) {
    reply.array(4);
    reply.int(group.pending_len() as i64);
    let Some((first, last)) = group.pending_span() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    ids::reply_id(reply, first);
    ids::reply_id(reply, last);
    let waited_for = || group.consumers().filter(|consumer| consumer.pending_len() > 0);
    reply.array(waited_for().count());
    for consumer in waited_for() {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_int(consumer.pending_len() as i64);
    }
}

/// Which pending messages are asked for.
#[derive(Clone, Copy)]
struct Filter {
    min_idle_ms: i64,
    start: StreamId,
    end: StreamId,
    count: u64,
    /// Where the consumer's name stands.
    consumer_at: Option<usize>,
}

impl Filter {
    fn parse(args: &Args<'_>) -> Result<Filter, CommandError> {
        let (mut min_idle_ms, mut i) = (0, 3);
        if args.is(3, "IDLE") {
            min_idle_ms = integer(args.get(4))?;
            if args.len() < 8 {
                return Err(CommandError::Syntax);
            }
            i = 5;
        }
        let count = integer(args.get(i + 2))?.max(0) as u64;
        let start = ids::range_start(args.get(i))?;
        let end = ids::range_end(args.get(i + 1))?;
        let consumer_at = Some(i + 3).filter(|&at| at < args.len());
        Ok(Filter { min_idle_ms, start, end, count, consumer_at })
    }
}

/// A list of pending messages.
#[derive(Clone, Copy)]
struct Listing {
    filter: Filter,
    consumer: Option<ConsumerRef>,
    now_ms: i64,
}

/// Pending messages looked at in one slice.
const SLICE_LOOKED_AT: usize = 2000;

impl Listing {
    /// Calls `each` for the messages that are wanted from `from` on, until it says no. After `budget` messages looked
    /// at, returns where to go on.
    fn scan(
        &self,
        group: &Group,
        from: StreamId,
        budget: usize,
        each: impl FnMut(StreamId, Pending) -> bool,
    ) -> Option<StreamId> {
        match self.consumer {
            Some(consumer) => self.scan_in(group.pending_of(consumer, from), budget, each),
            None => self.scan_in(group.pending_from(from), budget, each),
        }
    }

    fn scan_in(
        &self,
        messages: impl Iterator<Item = (StreamId, Pending)>,
        budget: usize,
        mut each: impl FnMut(StreamId, Pending) -> bool,
    ) -> Option<StreamId> {
        let min_idle_ms = self.filter.min_idle_ms;
        for (looked_at, (id, pending)) in messages.enumerate() {
            if id > self.filter.end {
                return None;
            }
            if looked_at == budget {
                return Some(id);
            }
            let idle_ms = self.now_ms.wrapping_sub(pending.delivered_at_ms);
            if (min_idle_ms == 0 || idle_ms >= min_idle_ms) && !each(id, pending) {
                return None;
            }
        }
        None
    }

    fn reply_at_once(&self, group: &Group, reply: &mut ReplyWriter<'_>) {
        let mark = reply.array_deferred();
        let mut written = 0;
        if self.filter.count > 0 {
            self.scan(group, self.filter.start, usize::MAX, |id, pending| {
                written += 1;
                self.write(reply, group, id, pending);
                written < self.filter.count
            });
        }
        reply.array_finish(mark, written as usize);
    }

    /// Counts the messages in slices, then replies with them in slices.
    fn reply_in_slices(self, group: Arc<Group>, from: StreamId, mut count: u64) -> CommandResult {
        Ok(Outcome::Continue(Box::new(move |ctx| {
            let from = self.scan(&group, from, SLICE_LOOKED_AT, |_, _| {
                count += 1;
                count < self.filter.count
            });
            match from {
                Some(from) => self.reply_in_slices(Arc::clone(&group), from, count),
                None => {
                    ctx.reply.array(count as usize);
                    self.write_in_slices(Arc::clone(&group), self.filter.start, count)
                }
            }
        })))
    }

    fn write_in_slices(self, group: Arc<Group>, from: StreamId, mut left: u64) -> CommandResult {
        Ok(Outcome::Continue(Box::new(move |ctx| {
            let from = self.scan(&group, from, SLICE_LOOKED_AT, |id, pending| {
                self.write(&mut ctx.reply, &group, id, pending);
                left -= 1;
                left > 0
            });
            match from {
                Some(from) => self.write_in_slices(Arc::clone(&group), from, left),
                None => Ok(Outcome::Done),
            }
        })))
    }

    fn write(&self, reply: &mut ReplyWriter<'_>, group: &Group, id: StreamId, pending: Pending) {
        reply.array(4);
        ids::reply_id(reply, id);
        reply.bulk(group.consumer(pending.consumer).name());
        reply.int(self.now_ms.wrapping_sub(pending.delivered_at_ms).max(0));
        reply.int(pending.deliveries as i64);
    }
}
