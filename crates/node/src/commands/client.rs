//! Family *client*: the connections of this node, seen and steered by one of them.
//!
//! Pages: <https://valkey.io/commands/#connection>. LIST, KILL and UNBLOCK look at the clients of every thread,
//! PAUSE and UNPAUSE stop and start them, and so run under the gate; the rest concerns the asking connection alone.

pub mod filter;
mod tracking;
pub mod view;

use commands::facts::client as facts;
use commands::options::integer;
use commands::session::ReplyMode;
use commands::timeout::timeout_millis;
use commands::{Args, CommandError, CommandResult, Outcome};
use parameters::table::{RowId, row};

use crate::blocked;
use crate::ctx::NodeCtx;
use crate::mailbox::Mail;
use crate::pause::Paused;
use crate::registry::NodeSpec;

use super::connection::check_printable;
use filter::Filter;
use view::View;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::CLIENT_CACHING, gate: false, run: tracking::caching },
    NodeSpec { facts: &facts::CLIENT_CAPA, gate: false, run: capa },
    NodeSpec { facts: &facts::CLIENT_GETNAME, gate: false, run: getname },
    NodeSpec { facts: &facts::CLIENT_GETREDIR, gate: false, run: tracking::getredir },
    NodeSpec { facts: &facts::CLIENT_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::CLIENT_ID, gate: false, run: id },
    NodeSpec { facts: &facts::CLIENT_IMPORT_SOURCE, gate: false, run: import_source },
    NodeSpec { facts: &facts::CLIENT_INFO, gate: false, run: info },
    NodeSpec { facts: &facts::CLIENT_KILL, gate: true, run: kill },
    NodeSpec { facts: &facts::CLIENT_LIST, gate: true, run: list },
    NodeSpec { facts: &facts::CLIENT_NO_EVICT, gate: false, run: no_evict },
    NodeSpec { facts: &facts::CLIENT_NO_TOUCH, gate: false, run: no_touch },
    NodeSpec { facts: &facts::CLIENT_PAUSE, gate: true, run: pause },
    NodeSpec { facts: &facts::CLIENT_REPLY, gate: false, run: reply },
    NodeSpec { facts: &facts::CLIENT_SETINFO, gate: false, run: setinfo },
    NodeSpec { facts: &facts::CLIENT_SETNAME, gate: false, run: setname },
    NodeSpec { facts: &facts::CLIENT_TRACKING, gate: true, run: tracking::tracking },
    NodeSpec { facts: &facts::CLIENT_TRACKINGINFO, gate: false, run: tracking::trackinginfo },
    NodeSpec { facts: &facts::CLIENT_UNBLOCK, gate: true, run: unblock },
    NodeSpec { facts: &facts::CLIENT_UNPAUSE, gate: true, run: unpause },
];

/// `CLIENT ID`. O(1).
pub fn id(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.data.reply.int(ctx.data.session.id as i64);
    Ok(Outcome::Done)
}

/// `CLIENT GETNAME`. O(1).
pub fn getname(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    match ctx.data.session.name.as_slice() {
        b"" => ctx.data.reply.null(),
        name => ctx.data.reply.bulk(name),
    }
    Ok(Outcome::Done)
}

/// `CLIENT SETNAME connection-name`; an empty name takes it away. O(name).
pub fn setname(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    check_printable("Client names", args.get(2))?;
    ctx.data.session.name = args.get(2).to_vec();
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLIENT SETINFO LIB-NAME libname | LIB-VER libver`. O(value).
pub fn setinfo(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let attribute = String::from_utf8_lossy(args.get(2)).into_owned();
    let value = args.get(3);
    let session = &mut *ctx.data.session;
    let place = if args.is(2, "LIB-NAME") {
        &mut session.lib_name
    } else if args.is(2, "LIB-VER") {
        &mut session.lib_ver
    } else {
        return Err(CommandError::owned(format!("ERR Unrecognized option '{attribute}'")));
    };
    check_printable(&attribute, value)?;
    *place = value.to_vec();
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLIENT CAPA capability [capability ...]`; unknown ones are passed over. O(capabilities).
pub fn capa(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.data.session.capa_redirect |= (2..args.len()).any(|i| args.is(i, "REDIRECT"));
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// The argument of a switch.
fn on_or_off(args: &Args<'_>) -> Result<bool, CommandError> {
    if args.is(2, "ON") {
        Ok(true)
    } else if args.is(2, "OFF") {
        Ok(false)
    } else {
        Err(CommandError::Syntax)
    }
}

/// `CLIENT NO-EVICT ON | OFF`. O(1).
pub fn no_evict(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.data.session.no_evict = on_or_off(args)?;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLIENT NO-TOUCH ON | OFF`. O(1).
pub fn no_touch(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.data.session.no_touch = on_or_off(args)?;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLIENT IMPORT-SOURCE ON | OFF`. O(1).
pub fn import_source(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    const MODE: RowId = row("import-mode");
    let imports = ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner()).get_bool(MODE);
    if !imports && !args.is(2, "OFF") {
        return Err(CommandError::text("ERR Server is not in import mode"));
    }
    ctx.meta.is_import_source = on_or_off(args)?;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLIENT REPLY ON | OFF | SKIP`: only ON answers. O(1).
pub fn reply(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let session = &mut *ctx.data.session;
    if args.is(2, "ON") {
        session.reply_mode = ReplyMode::On;
        ctx.data.reply.ok();
    } else if args.is(2, "OFF") {
        session.reply_mode = ReplyMode::Off;
    } else if args.is(2, "SKIP") {
        if session.reply_mode != ReplyMode::Off {
            session.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(Outcome::Done)
}

/// `CLIENT INFO`. O(1).
pub fn info(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let mut line = Vec::new();
    View::of_asking(ctx, args).write_line(&mut line, ctx.node, ctx.data.space.now_ms);
    ctx.data.reply.verbatim(b"txt", &line);
    Ok(Outcome::Done)
}

/// `CLIENT LIST [filters]`: a line each, oldest connection first. O(clients).
pub fn list(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let filter = Filter::parse(args, 2, ctx.node, false)?;
    let (node, now_ms) = (ctx.node, ctx.data.space.now_ms);
    let mut lines: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut look = |view: View<'_>| {
        // Killed ones are gone, if not yet closed.
        if !view.meta.killed && filter.matches(&view, now_ms) {
            let mut line = Vec::with_capacity(400);
            view.write_line(&mut line, node, now_ms);
            lines.push((view.session.id, line));
        }
    };
    if !filter.skip_me {
        look(View::of_asking(ctx, args));
    }
    ctx.clients.iter().for_each(|client| look(View::of(client)));
    for (_, state) in ctx.other_threads() {
        state.clients.iter().for_each(|client| look(View::of(client)));
    }
    lines.sort_unstable_by_key(|(id, _)| *id);
    let text: Vec<u8> = lines.into_iter().flat_map(|(_, line)| line).collect();
    ctx.data.reply.verbatim(b"txt", &text);
    Ok(Outcome::Done)
}

/// `CLIENT KILL addr` or `CLIENT KILL filters`. A connection that kills itself gets the reply first. O(clients).
pub fn kill(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let by_address = args.len() == 3;
    let filter =
        if by_address { Filter::by_address(args.get(2)) } else { Filter::parse(args, 2, ctx.node, true)? };
    let now_ms = ctx.data.space.now_ms;
    let kills_itself = !filter.skip_me && filter.matches(&View::of_asking(ctx, args), now_ms);
    let mark = |clients: &mut crate::client::Clients, thread: usize| {
        let mut marked = 0;
        for client in clients.iter_mut() {
            if !client.meta.killed && filter.matches(&View::of(client), now_ms) {
                client.meta.killed = true;
                blocked::kill(ctx.node, client);
                marked += 1;
            }
        }
        if marked > 0 {
            ctx.node.threads[thread].mailbox.send(Mail::CloseMarked);
        }
        marked
    };
    let mut killed = i64::from(kills_itself) + mark(ctx.clients, ctx.thread);
    for (thread, mut state) in ctx.other_threads() {
        killed += mark(&mut state.clients, thread);
    }
    if by_address && killed == 0 {
        return Err(CommandError::text("ERR No such client"));
    }
    ctx.data.session.close_after_reply |= kills_itself;
    if by_address {
        ctx.data.reply.ok();
    } else {
        ctx.data.reply.int(killed);
    }
    Ok(Outcome::Done)
}

/// `CLIENT UNBLOCK client-id [TIMEOUT | ERROR]`: 1 if the client waited for keys, which it does no more. O(clients).
pub fn unblock(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    // Behind more words the reason is no reason.
    let with_error = match args.try_get(3).filter(|_| args.len() == 4) {
        None => false,
        Some(_) if args.is(3, "TIMEOUT") => false,
        Some(_) if args.is(3, "ERROR") => true,
        Some(_) => return Err(CommandError::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = integer(args.get(2))?;
    let node = ctx.node;
    let unblock = |clients: &crate::client::Clients, thread: usize| {
        let client = clients.iter().find(|client| client.session.id as i64 == id && !client.meta.killed)?;
        Some((thread, blocked::unblock(node, client, with_error)?))
    };
    let unblocked = unblock(ctx.clients, ctx.thread)
        .or_else(|| ctx.other_threads().find_map(|(thread, state)| unblock(&state.clients, thread)));
    ctx.data.reply.int(i64::from(unblocked.is_some()));
    if let Some((thread, letter)) = unblocked {
        node.threads[thread].mailbox.send(letter);
    }
    Ok(Outcome::Done)
}

/// `CLIENT PAUSE timeout [WRITE | ALL]`: holds the commands of all clients for some ms. O(1).
pub fn pause(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let paused = match args.try_get(3) {
        None => Paused::All,
        Some(_) if args.is(3, "WRITE") => Paused::Writes,
        Some(_) if args.is(3, "ALL") => Paused::All,
        Some(_) => return Err(CommandError::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let now_ms = ctx.data.space.now_ms;
    let timeout_ms = timeout_millis(args.get(2), now_ms)?;
    ctx.node.pause.begin(paused, timeout_ms.map_or(0, |ms| now_ms + ms as i64), now_ms);
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `CLIENT UNPAUSE`: lets all commands go on. O(threads).
pub fn unpause(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.node.pause.end();
    for thread in &ctx.node.threads {
        thread.mailbox.send(Mail::Unpaused);
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}
