//! Family *connection*: PING, ECHO, SELECT, AUTH, HELLO, RESET, QUIT.
//!
//! Pages: <https://valkey.io/commands/#connection>.

use commands::facts::connection as facts;
use commands::session::ReplyMode;
use commands::{Args, CommandError, CommandResult, Outcome};
use parameters::table::{RowId, row};
use wire::number::parse_i64;
use wire::resp::Resp;

use crate::VALKEY_VERSION;
use crate::access;
use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::AUTH, gate: false, run: auth },
    NodeSpec { facts: &facts::ECHO, gate: false, run: echo },
    NodeSpec { facts: &facts::HELLO, gate: false, run: hello },
    NodeSpec { facts: &facts::PING, gate: false, run: ping },
    NodeSpec { facts: &facts::QUIT, gate: false, run: quit },
    NodeSpec { facts: &facts::RESET, gate: false, run: reset },
    NodeSpec { facts: &facts::SELECT, gate: false, run: select },
];

const WRONG_PASSWORD: CommandError =
    CommandError::text("WRONGPASS invalid username-password pair or user is disabled.");

/// `PING [message]`. O(1).
pub fn ping(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 2 {
        return Err(CommandError::Arity("ping".into()));
    }
    if ctx.data.session.subscriptions.is_some() && ctx.data.session.resp == Resp::V2 {
        ctx.data.reply.array(2);
        ctx.data.reply.bulk(b"pong");
        ctx.data.reply.bulk(args.try_get(1).unwrap_or_default());
        return Ok(Outcome::Done);
    }
    match args.try_get(1) {
        Some(message) => ctx.data.reply.bulk(message),
        None => ctx.data.reply.simple("PONG"),
    }
    Ok(Outcome::Done)
}

/// `ECHO message`. O(message).
pub fn echo(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    ctx.data.reply.bulk(args.get(1));
    Ok(Outcome::Done)
}

/// `SELECT index`. O(1).
pub fn select(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let number = parse_i64(args.get(1)).ok_or(CommandError::NotInteger)?;
    let number = i32::try_from(number).map_err(|_| {
        let (min, max) = (i32::MIN, i32::MAX);
        CommandError::owned(format!("ERR value is out of range, value must between {min} and {max}"))
    })?;
    let db = u16::try_from(number).ok().filter(|&db| db < ctx.node.keyspace.databases());
    ctx.data.session.db = db.ok_or(CommandError::DbIndexOutOfRange)?;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `AUTH [username] password`. O(password).
pub fn auth(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let (user, password): (&[u8], &[u8]) = match args.len() {
        2 => {
            if ctx.node.access.no_password() {
                return Err(CommandError::text(
                    "ERR AUTH <password> called without any password configured for the default user. Are you \
                     sure your configuration is correct?",
                ));
            }
            (b"default", args.get(1))
        }
        3 => (args.get(1), args.get(2)),
        _ => return Err(CommandError::Syntax),
    };
    log_in(ctx, args, user, password)?;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// Makes the connection act as a user, if this is its password.
fn log_in(ctx: &mut NodeCtx<'_>, args: &Args<'_>, name: &[u8], password: &[u8]) -> Result<(), CommandError> {
    let Some(user) = ctx.node.access.log_in(name, password) else {
        access::note_failed_login(ctx, args, name);
        return Err(WRONG_PASSWORD);
    };
    ctx.data.session.authenticated = true;
    access::act_as(ctx.data.session, ctx.meta, &user);
    Ok(())
}

/// Refuses names that would break the lines of CLIENT LIST; `what` begins the error.
pub(super) fn check_printable(what: &str, text: &[u8]) -> Result<(), CommandError> {
    if text.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(());
    }
    Err(CommandError::owned(format!("ERR {what} cannot contain spaces, newlines or special characters.")))
}

/// What HELLO asks for.
#[derive(Default)]
struct Hello<'a> {
    resp: Option<Resp>,
    user: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        let mut hello = Hello::default();
        let Some(version) = args.try_get(1) else { return Ok(hello) };
        hello.resp = match parse_i64(version) {
            None => {
                return Err(CommandError::text("ERR Protocol version is not an integer or out of range"));
            }
            Some(2) => Some(Resp::V2),
            Some(3) => Some(Resp::V3),
            Some(_) => return Err(CommandError::text("NOPROTO unsupported protocol version")),
        };
        let mut i = 2;
        while let Some(option) = args.try_get(i) {
            if args.is(i, "AUTH")
                && let (Some(user), Some(password)) = (args.try_get(i + 1), args.try_get(i + 2))
            {
                hello.user = Some((user, password));
                i += 3;
            } else if args.is(i, "SETNAME")
                && let Some(name) = args.try_get(i + 1)
            {
                check_printable("Client names", name)?;
                hello.name = Some(name);
                i += 2;
            } else {
                return Err(CommandError::owned(
                    [b"ERR Syntax error in HELLO option '", option, b"'"].concat(),
                ));
            }
        }
        Ok(hello)
    }
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`. O(1).
pub fn hello(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    const ZONE: RowId = row("availability-zone");
    let asked = Hello::parse(args)?;
    if let Some((user, password)) = asked.user {
        log_in(ctx, args, user, password)?;
    }
    let session = &mut *ctx.data.session;
    if !session.authenticated {
        return Err(CommandError::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
             the same time",
        ));
    }
    if let Some(name) = asked.name {
        session.name = name.to_vec();
    }
    if let Some(resp) = asked.resp {
        session.resp = resp;
        if session.tracking.is_some() {
            ctx.node.tracking.speaks(session.id, resp);
        }
    }
    let zone = ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner()).get_str(ZONE).to_vec();
    let reply = &mut ctx.data.reply;
    reply.resp = session.resp;
    reply.map(7 + usize::from(!zone.is_empty()));
    for (name, value) in [("server", "valkey"), ("version", VALKEY_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.int(if session.resp == Resp::V2 { 2 } else { 3 });
    reply.bulk(b"id");
    reply.int(session.id as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    if !zone.is_empty() {
        reply.bulk(b"availability_zone");
        reply.bulk(&zone);
    }
    Ok(Outcome::Done)
}

/// `RESET`: back to how the connection began; what the library said about itself stays. O(watched keys).
pub fn reset(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let data = &mut ctx.data;
    let session = &mut *data.session;
    session.multi = None;
    if let Some(watch) = session.watch.take() {
        for watched in &watch.keys {
            let key = data.space.place(&watched.key);
            // One shard at a time, held by others for microseconds at most.
            while !data.space.enter(key.shard) {
                std::thread::yield_now();
            }
            data.space.unwatch(key, watched.db, session.id);
            data.space.leave();
        }
    }
    crate::pubsub::end_all(ctx.node, ctx.thread, ctx.listeners, ctx.token, session);
    crate::tracking::end(ctx.node, session);
    session.db = 0;
    session.resp = Resp::V2;
    let (user, authenticated) = ctx.node.access.for_new_client();
    session.authenticated = authenticated;
    access::act_as(session, ctx.meta, &user);
    session.name.clear();
    session.reply_mode = ReplyMode::On;
    session.no_evict = false;
    session.no_touch = false;
    ctx.meta.is_import_source = false;
    data.reply.resp = Resp::V2;
    data.reply.simple("RESET");
    Ok(Outcome::Done)
}

/// `QUIT`: a last reply, then the connection ends. O(1).
pub fn quit(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.data.session.close_after_reply = true;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable() {
        for good in [&b""[..], b"a", b"lib:1.0(x)~!"] {
            assert!(check_printable("Client names", good).is_ok());
        }
        for bad in [&b"a b"[..], b"a\n", b"\x7f", b"\xc3\xa9"] {
            assert!(check_printable("Client names", bad).is_err());
        }
    }
}
