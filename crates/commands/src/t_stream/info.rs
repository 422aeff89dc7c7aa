//! `XINFO` (<https://valkey.io/commands/xinfo-stream/>): what a stream, its groups and their consumers are.

use structures::stream::{Consumer, ConsumerRef, Entry, Group, Stream, StreamId, Walk};
use wire::resp::encode::ReplyWriter;

use super::{ids, no_group_in, reply_entry};
use crate::options::integer;
use crate::slices;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

fn field(reply: &mut ReplyWriter<'_>, name: &str) {
    reply.bulk(name.as_bytes());
}

fn field_int(reply: &mut ReplyWriter<'_>, name: &str, value: i64) {
    field(reply, name);
    reply.int(value);
}

fn field_id(reply: &mut ReplyWriter<'_>, name: &str, id: StreamId) {
    field(reply, name);
    ids::reply_id(reply, id);
}

fn field_known(reply: &mut ReplyWriter<'_>, name: &str, value: Option<i64>) {
    field(reply, name);
    match value {
        Some(value) => reply.int(value),
        None => reply.null(),
    }
}

/// What both forms of `XINFO STREAM` begin with.
fn head(reply: &mut ReplyWriter<'_>, stream: &Stream, full: bool) {
    let entries = stream.entries();
    reply.map(if full { 9 } else { 10 });
    field_int(reply, "length", entries.len() as i64);
    field_int(reply, "radix-tree-keys", entries.nodes() as i64);
    field_int(reply, "radix-tree-nodes", entries.radix_nodes() as i64);
    field_id(reply, "last-generated-id", entries.last_id());
    field_id(reply, "max-deleted-entry-id", entries.max_deleted_id());
    field_int(reply, "entries-added", entries.added() as i64);
    field_id(reply, "recorded-first-entry-id", entries.first_id());
}

/// `XINFO STREAM key [FULL [COUNT n]]`. O(1), with `FULL` O(messages and pending messages shown); both O(nodes) with a
/// very small constant.
pub fn xinfo_stream(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let Ctx { space, reply, .. } = ctx;
    let stream = space.read_as::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    if args.len() == 3 {
        head(reply, stream, false);
        field_int(reply, "groups", stream.groups().len() as i64);
        field(reply, "first-entry");
        reply_entry_or_null(reply, stream.entries().first());
        field(reply, "last-entry");
        reply_entry_or_null(reply, stream.entries().last());
        return Ok(Outcome::Done);
    }
    let count = full_count(args)?;
    let mut full = Full::new(stream.clone(), count);
    if full.is_short() {
        while full.step(reply) {}
        return Ok(Outcome::Done);
    }
    slices::write_in_slices(move |reply| full.step(reply))
}

fn reply_entry_or_null(reply: &mut ReplyWriter<'_>, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => reply_entry(reply, &entry),
        None => reply.null(),
    }
}

/// How many messages of a kind `FULL` shows.
fn full_count(args: &Args<'_>) -> Result<usize, CommandError> {
    const DEFAULT: usize = 10;
    let fits = matches!(args.len(), 4 | 6) && args.is(3, "FULL") && (args.len() == 4 || args.is(4, "COUNT"));
    if !fits {
        let name = super::shown(args.get(1));
        let text = b"ERR unknown subcommand or wrong number of arguments for '";
        return Err(CommandError::owned([&text[..], name, b"'. Try XINFO HELP."].concat()));
    }
    match args.try_get(5).map(integer).transpose()? {
        Some(0) => Ok(usize::MAX),
        Some(count) => Ok(usize::try_from(count).unwrap_or(DEFAULT)),
        None => Ok(DEFAULT),
    }
}

/// The reply of `XINFO STREAM key FULL` under way.
struct Full {
    stream: Stream,
    /// Messages of a kind at most.
    count: usize,
    stage: Stage,
}

/// What comes next.
enum Stage {
    Head,
    Entries(Walk, usize),
    Groups,
    Group(usize),
    /// Of this group, from this id on, so many.
    GroupPending(usize, StreamId, usize),
    Consumer(usize, usize),
    ConsumerPending(usize, usize, StreamId, usize),
}

impl Full {
    fn new(stream: Stream, count: usize) -> Full {
        Full { stream, count, stage: Stage::Head }
    }

    /// Whether the reply may be written at once.
    fn is_short(&self) -> bool {
        let shown = |len: usize| len.min(self.count);
        let groups = self.stream.groups().iter();
        let of_group = |group: &Group| 2 * shown(group.pending_len()) + 5 * (1 + group.consumers_len());
        shown(self.stream.len()) + groups.map(of_group).sum::<usize>() <= slices::AT_ONCE_MAX
    }

    /// Writes the next part; `false` when there is none.
    fn step(&mut self, reply: &mut ReplyWriter<'_>) -> bool {
        let stage = std::mem::replace(&mut self.stage, Stage::Head);
        match self.write(reply, stage) {
            Some(next) => {
                self.stage = next;
                true
            }
            None => false,
        }
    }

    fn write(&self, reply: &mut ReplyWriter<'_>, stage: Stage) -> Option<Stage> {
        let groups = self.stream.groups();
        Some(match stage {
            Stage::Head => {
                head(reply, &self.stream, true);
                field(reply, "entries");
                let shown = self.stream.len().min(self.count);
                reply.array(shown);
                Stage::Entries(Walk::new(self.stream.entries(), StreamId::MIN, StreamId::MAX, false), shown)
            }
            Stage::Entries(_, 0) => Stage::Groups,
            Stage::Entries(mut walk, left) => {
                reply_entry(reply, &walk.next()?);
                Stage::Entries(walk, left - 1)
            }
            Stage::Groups => {
                field(reply, "groups");
                reply.array(groups.len());
                Stage::Group(0)
            }
            Stage::Group(i) => {
                let group = groups.iter().nth(i)?;
                let left = group.pending_len().min(self.count);
                self.group(reply, group);
                field(reply, "pending");
                reply.array(left);
                Stage::GroupPending(i, StreamId::MIN, left)
            }
            Stage::GroupPending(i, _, 0) => {
                let consumers = groups.iter().nth(i)?.consumers_len();
                field(reply, "consumers");
                reply.array(consumers);
                Stage::Consumer(i, 0)
            }
            Stage::GroupPending(i, from, left) => {
                let group = groups.iter().nth(i)?;
                let (id, pending) = group.pending_from(from).next()?;
                reply.array(4);
                ids::reply_id(reply, id);
                reply.bulk(group.consumer(pending.consumer).name());
                reply.int(pending.delivered_at_ms);
                reply.int(pending.deliveries as i64);
                Stage::GroupPending(i, id.next().unwrap_or(id), left - 1)
            }
            Stage::Consumer(i, j) => match self.consumer(i, j) {
                Some((consumer, _)) => {
                    let left = consumer.pending_len().min(self.count);
                    reply.map(5);
                    field(reply, "name");
                    reply.bulk(consumer.name());
                    field_int(reply, "seen-time", consumer.seen_at_ms);
                    field_int(reply, "active-time", consumer.active_at_ms.unwrap_or(-1));
                    field_int(reply, "pel-count", consumer.pending_len() as i64);
                    field(reply, "pending");
                    reply.array(left);
                    Stage::ConsumerPending(i, j, StreamId::MIN, left)
                }
                None => Stage::Group(i + 1),
            },
            Stage::ConsumerPending(i, j, _, 0) => Stage::Consumer(i, j + 1),
            Stage::ConsumerPending(i, j, from, left) => {
                let (_, consumer) = self.consumer(i, j)?;
                let (id, pending) = groups.iter().nth(i)?.pending_of(consumer, from).next()?;
                reply.array(3);
                ids::reply_id(reply, id);
                reply.int(pending.delivered_at_ms);
                reply.int(pending.deliveries as i64);
                Stage::ConsumerPending(i, j, id.next().unwrap_or(id), left - 1)
            }
        })
    }

    fn consumer(&self, group: usize, consumer: usize) -> Option<(&Consumer, ConsumerRef)> {
        let group = self.stream.groups().iter().nth(group)?;
        let found = group.consumers().nth(consumer)?;
        Some((found, group.find_consumer(found.name())?))
    }

    fn group(&self, reply: &mut ReplyWriter<'_>, group: &Group) {
        reply.map(7);
        field(reply, "name");
        reply.bulk(group.name());
        field_id(reply, "last-delivered-id", group.last_id);
        field_known(reply, "entries-read", group.entries_read);
        field_known(reply, "lag", group.lag(self.stream.entries()));
        field_int(reply, "pel-count", group.pending_len() as i64);
    }
}

/// `XINFO GROUPS key`. O(groups).
pub fn xinfo_groups(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let Ctx { space, reply, .. } = ctx;
    let stream = space.read_as::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    reply.array(stream.groups().len());
    for group in stream.groups().iter() {
        reply.map(6);
        field(reply, "name");
        reply.bulk(group.name());
        field_int(reply, "consumers", group.consumers_len() as i64);
        field_int(reply, "pending", group.pending_len() as i64);
        field_id(reply, "last-delivered-id", group.last_id);
        field_known(reply, "entries-read", group.entries_read);
        field_known(reply, "lag", group.lag(stream.entries()));
    }
    Ok(Outcome::Done)
}

/// `XINFO CONSUMERS key group`. O(consumers).
pub fn xinfo_consumers(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = ctx;
    let stream = space.read_as::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    let group = stream.groups().get(args.get(3)).ok_or_else(|| no_group_in(key, args.get(3)))?;
    reply.array(group.consumers_len());
    for consumer in group.consumers() {
        reply.map(4);
        field(reply, "name");
        reply.bulk(consumer.name());
        field_int(reply, "pending", consumer.pending_len() as i64);
        field_int(reply, "idle", (now_ms - consumer.seen_at_ms).max(0));
        field_int(reply, "inactive", consumer.active_at_ms.map_or(-1, |at| now_ms - at));
    }
    Ok(Outcome::Done)
}

/// Lines of `XINFO HELP`.
const HELP: &[&str] = &[
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <group>",
    "    Describe the consumers of <group>.",
    "GROUPS <key>",
    "    Describe the consumer groups of a stream.",
    "STREAM <key> [FULL [COUNT <n>]]",
    "    Describe a stream; FULL adds <n> messages, and all groups with <n> pending messages each.",
    "HELP",
    "    Show these lines.",
];

/// `XINFO HELP`. O(1).
pub fn xinfo_help(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> CommandResult {
    ctx.reply.array(HELP.len());
    for line in HELP {
        ctx.reply.simple(line);
    }
    Ok(Outcome::Done)
}
