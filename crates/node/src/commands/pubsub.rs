//! Family *pubsub*: messages from clients to clients.
//!
//! Pages: <https://valkey.io/commands/#pubsub>. How messages travel: see `crate::pubsub`.

use commands::facts::pubsub as facts;
use commands::session::ReplyMode;
use commands::{Args, CommandError, CommandResult, Outcome};
use wire::glob;
use wire::resp::ReplyWriter;

use crate::ctx::NodeCtx;
use crate::pubsub::{self, Asking, Kind};
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::PSUBSCRIBE, gate: false, run: psubscribe },
    NodeSpec { facts: &facts::PUBLISH, gate: false, run: publish },
    NodeSpec { facts: &facts::PUBSUB_CHANNELS, gate: false, run: pubsub_channels },
    NodeSpec { facts: &facts::PUBSUB_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::PUBSUB_NUMPAT, gate: false, run: pubsub_numpat },
    NodeSpec { facts: &facts::PUBSUB_NUMSUB, gate: false, run: pubsub_numsub },
    NodeSpec { facts: &facts::PUBSUB_SHARDCHANNELS, gate: false, run: pubsub_shardchannels },
    NodeSpec { facts: &facts::PUBSUB_SHARDNUMSUB, gate: false, run: pubsub_shardnumsub },
    NodeSpec { facts: &facts::PUNSUBSCRIBE, gate: false, run: punsubscribe },
    NodeSpec { facts: &facts::SPUBLISH, gate: false, run: spublish },
    NodeSpec { facts: &facts::SSUBSCRIBE, gate: false, run: ssubscribe },
    NodeSpec { facts: &facts::SUBSCRIBE, gate: false, run: subscribe },
    NodeSpec { facts: &facts::SUNSUBSCRIBE, gate: false, run: sunsubscribe },
    NodeSpec { facts: &facts::UNSUBSCRIBE, gate: false, run: unsubscribe },
];

/// `SUBSCRIBE channel [channel ...]`. O(channels).
pub fn subscribe(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    begin(ctx, args, Kind::Channel, b"subscribe")
}

/// `PSUBSCRIBE pattern [pattern ...]`. O(patterns).
pub fn psubscribe(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    begin(ctx, args, Kind::Pattern, b"psubscribe")
}

/// `SSUBSCRIBE shardchannel [shardchannel ...]`. O(channels).
pub fn ssubscribe(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if ctx.data.session.executing.is_some() {
        return Err(CommandError::text("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    begin(ctx, args, Kind::Shard, b"ssubscribe")
}

/// `UNSUBSCRIBE [channel ...]`: from all without names. O(channels).
pub fn unsubscribe(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    end(ctx, args, Kind::Channel, b"unsubscribe")
}

/// `PUNSUBSCRIBE [pattern ...]`: from all without names. O(patterns).
pub fn punsubscribe(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    end(ctx, args, Kind::Pattern, b"punsubscribe")
}

/// `SUNSUBSCRIBE [shardchannel ...]`: from all without names. O(channels).
pub fn sunsubscribe(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    end(ctx, args, Kind::Shard, b"sunsubscribe")
}

fn begin(ctx: &mut NodeCtx<'_>, args: &Args<'_>, kind: Kind, word: &[u8]) -> CommandResult {
    for name in args.from(1) {
        change(ctx, kind, name, true);
        confirm(ctx, kind, word, Some(name));
    }
    Ok(Outcome::Done)
}

fn end(ctx: &mut NodeCtx<'_>, args: &Args<'_>, kind: Kind, word: &[u8]) -> CommandResult {
    if args.len() > 1 {
        for name in args.from(1) {
            change(ctx, kind, name, false);
            confirm(ctx, kind, word, Some(name));
        }
        return Ok(Outcome::Done);
    }
    let subscribed = ctx.data.session.subscriptions.as_ref();
    let names: Vec<_> =
        subscribed.map(|s| s.kinds[kind as usize].iter().cloned().collect()).unwrap_or_default();
    for name in &names {
        change(ctx, kind, name, false);
        confirm(ctx, kind, word, Some(name));
    }
    if names.is_empty() {
        confirm(ctx, kind, word, None);
    }
    Ok(Outcome::Done)
}

fn change(ctx: &mut NodeCtx<'_>, kind: Kind, name: &[u8], begin: bool) {
    let mut asking =
        Asking { token: ctx.token, session: &mut *ctx.data.session, out: &mut *ctx.data.reply.out };
    pubsub::change(ctx.node, ctx.thread, ctx.listeners, ctx.clients, &mut asking, kind, name, begin);
}

/// A push that says what changed, and to how much the client is subscribed now.
fn confirm(ctx: &mut NodeCtx<'_>, kind: Kind, word: &[u8], name: Option<&[u8]>) {
    let session = &mut *ctx.data.session;
    let count = session.subscriptions.as_ref().map_or(0, |subscribed| match kind {
        Kind::Shard => subscribed.kinds[Kind::Shard as usize].len(),
        Kind::Channel | Kind::Pattern => subscribed.kinds[0].len() + subscribed.kinds[1].len(),
    });
    // As a push it is sent even where CLIENT REPLY holds replies back.
    let held_back = session.reply_mode != ReplyMode::On && session.executing.is_none();
    let out: &mut Vec<u8> =
        if held_back { session.pushes.get_or_insert_default() } else { &mut *ctx.data.reply.out };
    let mut reply = ReplyWriter::new(out, session.resp);
    reply.push(3);
    reply.bulk(word);
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.int(count as i64);
}

/// `PUBLISH channel message`: replies with the number of clients that get it. O(patterns + threads) here, O(listeners)
/// in their threads.
pub fn publish(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    send(ctx, args, Kind::Channel)
}

/// `SPUBLISH shardchannel message`. O(threads) here, O(listeners) in their threads.
pub fn spublish(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    send(ctx, args, Kind::Shard)
}

fn send(ctx: &mut NodeCtx<'_>, args: &Args<'_>, kind: Kind) -> CommandResult {
    if ctx.data.session.executing.is_none() && !ctx.data.space.is_gate() && pubsub::is_full(ctx.node) {
        // A thread has more to write than it can: run again in the next tick.
        return Ok(Outcome::Busy(0));
    }
    let count = pubsub::publish(
        ctx.node,
        &mut ctx.data.space.local.has_posts,
        ctx.thread,
        kind,
        args.get(1),
        args.get(2),
    );
    ctx.data.reply.int(count as i64);
    Ok(Outcome::Done)
}

/// `PUBSUB CHANNELS [pattern]`. O(channels).
pub fn pubsub_channels(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    channels(ctx, args, Kind::Channel)
}

/// `PUBSUB SHARDCHANNELS [pattern]`. O(channels).
pub fn pubsub_shardchannels(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    channels(ctx, args, Kind::Shard)
}

fn channels(ctx: &mut NodeCtx<'_>, args: &Args<'_>, kind: Kind) -> CommandResult {
    if args.len() > 3 {
        let sub = args.get(1);
        let parts = [
            &b"ERR unknown subcommand or wrong number of arguments for '"[..],
            &sub[..sub.len().min(128)],
            b"'. Try PUBSUB HELP.",
        ];
        return Err(CommandError::owned(parts.concat()));
    }
    let pattern = args.try_get(2);
    let table = ctx.node.pubsub.table();
    let names: Vec<&[u8]> =
        table.names(kind).filter(|name| pattern.is_none_or(|p| glob::matches(p, name, false))).collect();
    ctx.data.reply.array(names.len());
    for name in names {
        ctx.data.reply.bulk(name);
    }
    Ok(Outcome::Done)
}

/// `PUBSUB NUMSUB [channel ...]`. O(channels given).
pub fn pubsub_numsub(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    numsub(ctx, args, Kind::Channel)
}

/// `PUBSUB SHARDNUMSUB [shardchannel ...]`. O(channels given).
pub fn pubsub_shardnumsub(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    numsub(ctx, args, Kind::Shard)
}

fn numsub(ctx: &mut NodeCtx<'_>, args: &Args<'_>, kind: Kind) -> CommandResult {
    let table = ctx.node.pubsub.table();
    ctx.data.reply.array(2 * (args.len() - 2));
    for name in args.from(2) {
        ctx.data.reply.bulk(name);
        ctx.data.reply.int(table.listeners(kind, name) as i64);
    }
    Ok(Outcome::Done)
}

/// `PUBSUB NUMPAT`: patterns that somebody listens to. O(1).
pub fn pubsub_numpat(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let count = ctx.node.pubsub.table().len(Kind::Pattern);
    ctx.data.reply.int(count as i64);
    Ok(Outcome::Done)
}
