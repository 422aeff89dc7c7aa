//! `XGROUP` (<https://valkey.io/commands/xgroup/>): consumer groups and their consumers.

use keyspace::{Class, Key};
use structures::stream::{Entries, Group, GroupMut, Stream, StreamId};

use super::add::FREED_AT_ONCE_MAX;
use super::{ids, no_group_in};
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

const NO_KEY: CommandError = CommandError::text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option \
     to create an empty stream automatically.",
);

/// Options of `XGROUP CREATE` and `XGROUP SETID`.
struct Options {
    mkstream: bool,
    entries_read: Option<i64>,
}

impl Options {
    fn parse(args: &Args<'_>, creates: bool) -> Result<Options, CommandError> {
        let mut options = Options { mkstream: false, entries_read: None };
        let mut i = 5;
        while i < args.len() {
            if creates && args.is(i, "MKSTREAM") {
                options.mkstream = true;
                i += 1;
            } else if args.is(i, "ENTRIESREAD") && i + 1 < args.len() {
                options.entries_read = match integer(args.get(i + 1))? {
                    -1 => None,
                    read @ 0.. => Some(read),
                    _ => return Err(CommandError::text("ERR value for ENTRIESREAD must be positive or -1")),
                };
                i += 2;
            } else {
                return Err(wrong_arguments(args));
            }
        }
        Ok(options)
    }
}

#[cold]
fn wrong_arguments(args: &Args<'_>) -> CommandError {
    let name = super::shown(args.get(1));
    let text = b"ERR unknown subcommand or wrong number of arguments for '";
    CommandError::owned([&text[..], name, b"'. Try XGROUP HELP."].concat())
}

/// `XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD n]`. O(groups), with a small constant.
pub fn xgroup_create(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let options = Options::parse(args, true)?;
    let key = ctx.key(args, 2);
    let stream = ctx.space.read_for_write_as::<Stream>(key)?;
    if stream.is_none() && !options.mkstream {
        return Err(NO_KEY);
    }
    // More arguments than there are options: some came twice.
    if args.len() > 8 {
        return Err(wrong_arguments(args));
    }
    let is_new = stream.is_none();
    let last_id = match args.get(4) {
        b"$" => stream.map_or(StreamId::MIN, |stream| stream.entries().last_id()),
        id => ids::exact(id)?,
    };
    let stream = ctx.space.write_or_insert(key, Stream::default)?;
    if !stream.groups_mut().1.insert(Group::new(args.get(3), last_id, options.entries_read)) {
        return Err(CommandError::text("BUSYGROUP Consumer Group name already exists"));
    }
    if is_new {
        ctx.space.object_changed(key);
    } else {
        ctx.space.object_changed_unwatched(key, 1);
    }
    ctx.notify(Class::STREAM, "xgroup-create", key);
    ctx.reply.ok();
    Ok(Outcome::Done)
}

/// Runs `change` on the group that arguments 2 and 3 name.
fn change_group<R>(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    change: impl FnOnce(&Entries, GroupMut<'_>) -> Result<R, CommandError>,
) -> Result<R, CommandError> {
    let key: Key<'_> = ctx.key(args, 2);
    let stream = ctx.space.write_as::<Stream>(key)?.ok_or(NO_KEY)?;
    let (entries, groups) = stream.groups_mut();
    let group = groups.get_mut(args.get(3)).ok_or_else(|| no_group_in(key, args.get(3)))?;
    change(entries, group)
}

/// `XGROUP SETID key group <id | $> [ENTRIESREAD n]`: what the group is to be given next. O(1).
pub fn xgroup_setid(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let options = Options::parse(args, false)?;
    change_group(ctx, args, |entries, mut group| {
        if args.len() > 7 {
            return Err(wrong_arguments(args));
        }
        let last_id = match args.get(4) {
            b"$" => entries.last_id(),
            id => ids::lenient(id, 0)?,
        };
        (group.last_id, group.entries_read) = (last_id, options.entries_read);
        Ok(())
    })?;
    let key = ctx.key(args, 2);
    ctx.space.object_changed_unwatched(key, 1);
    ctx.notify(Class::STREAM, "xgroup-setid", key);
    ctx.reply.ok();
    Ok(Outcome::Done)
}

/// `XGROUP CREATECONSUMER key group consumer`: 1 if it is new. O(log consumers).
pub fn xgroup_createconsumer(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let now_ms = ctx.space.now_ms;
    let is_new = change_group(ctx, args, |_, mut group| Ok(group.consumer_or_new(args.get(4), now_ms).1))?;
    if is_new {
        let key = ctx.key(args, 2);
        ctx.space.object_changed_unwatched(key, 1);
        ctx.notify(Class::STREAM, "xgroup-createconsumer", key);
    }
    ctx.reply.int(i64::from(is_new));
    Ok(Outcome::Done)
}

/// `XGROUP DELCONSUMER key group consumer`: deletes a consumer with its pending messages and says how many these were.
/// O(pending messages of the consumer).
pub fn xgroup_delconsumer(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let may_set_aside = ctx.may_set_aside();
    let deleted = change_group(ctx, args, |_, mut group| {
        let Some(consumer) = group.find_consumer(args.get(4)) else { return Ok(Some(None)) };
        let pending = group.consumer(consumer).pending_len();
        if may_set_aside && pending > LOCKED_ELEMENTS_MAX && pending < group.pending_len() {
            return Ok(None);
        }
        Ok(Some(Some(group.delete_consumer(consumer))))
    })?;
    let Some(deleted) = deleted else { return Ok(Outcome::Aside) };
    ctx.reply.int(deleted.as_ref().map_or(0, |deleted| deleted.pending) as i64);
    if let Some(deleted) = deleted {
        let key = ctx.key(args, 2);
        ctx.space.object_changed_unwatched(key, 1);
        ctx.notify(Class::STREAM, "xgroup-delconsumer", key);
        if deleted.free_effort() > FREED_AT_ONCE_MAX {
            ctx.space.local.discard(deleted);
        }
    }
    Ok(Outcome::Done)
}

/// `XGROUP DESTROY key group`: 1 if the group was there. O(1), and a worker frees what was pending.
pub fn xgroup_destroy(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let stream = ctx.space.write_as::<Stream>(key)?.ok_or(NO_KEY)?;
    let group = stream.groups_mut().1.remove(args.get(3));
    ctx.reply.int(i64::from(group.is_some()));
    if let Some(group) = group {
        ctx.space.object_changed_unwatched(key, 1);
        ctx.notify(Class::STREAM, "xgroup-destroy", key);
        // Whoever waits for the group is told that it is gone.
        ctx.space.signal(key);
        if group.free_effort() > FREED_AT_ONCE_MAX {
            ctx.space.local.discard(group);
        }
    }
    Ok(Outcome::Done)
}

/// Lines of `XGROUP HELP`.
const HELP: &[&str] = &[
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <group> <id | $> [MKSTREAM] [ENTRIESREAD <n>]",
    "    Add a consumer group that is given messages behind <id>; MKSTREAM also makes the",
    "    stream, ENTRIESREAD says how many messages the group is taken to have read.",
    "CREATECONSUMER <key> <group> <consumer>",
    "    Add a consumer to <group>.",
    "DELCONSUMER <key> <group> <consumer>",
    "    Take a consumer and its pending messages out of <group>.",
    "DESTROY <key> <group>",
    "    Take <group> away.",
    "SETID <key> <group> <id | $> [ENTRIESREAD <n>]",
    "    Have <group> go on behind <id>.",
    "HELP",
    "    Show these lines.",
];

/// `XGROUP HELP`. O(1).
pub fn xgroup_help(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> CommandResult {
    ctx.reply.array(HELP.len());
    for line in HELP {
        ctx.reply.simple(line);
    }
    Ok(Outcome::Done)
}
