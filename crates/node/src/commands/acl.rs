//! Family *acl*: users and what they may do.
//!
//! Pages: <https://valkey.io/commands/acl-setuser/> and its neighbours. What changes users runs under the gate: every
//! connection of a user has its new rules before anybody runs the next command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use acl::{Call, Selector, is_valid_name};
use commands::args::OwnedArgs;
use commands::facts::{AclCategories, server_acl as facts};
use commands::options::integer;
use commands::{Args, CommandError, CommandResult, Outcome};
use parameters::table::{RowId, row};
use wire::resp::{ReplyWriter, Resp};

use crate::access::{publish, startup};
use crate::ctx::NodeCtx;
use crate::log;
use crate::registry::{NodeSpec, Run};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::ACL_CAT, gate: false, run: cat },
    NodeSpec { facts: &facts::ACL_DELUSER, gate: true, run: deluser },
    NodeSpec { facts: &facts::ACL_DRYRUN, gate: false, run: dryrun },
    NodeSpec { facts: &facts::ACL_GENPASS, gate: false, run: genpass },
    NodeSpec { facts: &facts::ACL_GETUSER, gate: false, run: getuser },
    NodeSpec { facts: &facts::ACL_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::ACL_LIST, gate: false, run: list },
    NodeSpec { facts: &facts::ACL_LOAD, gate: true, run: load },
    NodeSpec { facts: &facts::ACL_LOG, gate: false, run: self::log },
    NodeSpec { facts: &facts::ACL_SAVE, gate: false, run: save },
    NodeSpec { facts: &facts::ACL_SETUSER, gate: true, run: setuser },
    NodeSpec { facts: &facts::ACL_USERS, gate: false, run: users },
    NodeSpec { facts: &facts::ACL_WHOAMI, gate: false, run: whoami },
];

/// Most bits that GENPASS makes up.
const PASSWORD_BITS_MAX: i64 = 4096;
/// Entries that LOG shows unless asked for another number.
const LOG_SHOWN: i64 = 10;

/// `ACL WHOAMI`. O(1).
pub fn whoami(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    ctx.data.reply.bulk(&ctx.meta.user.name);
    Ok(Outcome::Done)
}

/// `ACL USERS`. O(users).
pub fn users(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let users = ctx.node.access.users();
    ctx.data.reply.array(users.iter().len());
    users.iter().for_each(|user| ctx.data.reply.bulk(&user.name));
    Ok(Outcome::Done)
}

/// `ACL LIST`. O(users).
pub fn list(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let users = ctx.node.access.users();
    ctx.data.reply.array(users.iter().len());
    users.iter().for_each(|user| ctx.data.reply.bulk(&user.line()));
    Ok(Outcome::Done)
}

/// `ACL SETUSER username [rule [rule ...]]`: all rules, or none. O(rules + connections).
pub fn setuser(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let name = args.get(2);
    if !is_valid_name(name) {
        return Err(CommandError::text("ERR Usernames can't contain spaces or null characters"));
    }
    let rules: Vec<&[u8]> = args.from(3).collect();
    let before = ctx.node.access.users().clone();
    let all_channels = ctx.node.access.all_channels.load(Relaxed);
    let user = before
        .changed(name, &rules, all_channels)
        .map_err(|why| CommandError::owned([b"ERR ", why.as_slice()].concat()))?;
    ctx.node.access.users_mut().put(user);
    publish(ctx, &before);
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `ACL DELUSER username [username ...]`: their connections end. O(users + connections).
pub fn deluser(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.from(2).any(|name| name == b"default") {
        return Err(CommandError::text("ERR The 'default' user cannot be removed"));
    }
    let before = ctx.node.access.users().clone();
    let removed = {
        let mut users = ctx.node.access.users_mut();
        args.from(2).filter(|name| users.remove(name)).count()
    };
    if removed > 0 {
        publish(ctx, &before);
    }
    ctx.data.reply.int(removed as i64);
    Ok(Outcome::Done)
}

/// `ACL GETUSER username`. O(rules).
pub fn getuser(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let user = ctx.node.access.users().get(args.get(2)).cloned();
    let reply = &mut ctx.data.reply;
    let Some(user) = user else {
        reply.null();
        return Ok(Outcome::Done);
    };
    reply.map(7);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords().len());
    user.passwords().for_each(|hash| reply.bulk(hash));
    let (root, others) = user.selectors().split_first().expect("every user has a root selector");
    write_selector(reply, root);
    reply.bulk(b"selectors");
    reply.array(others.len());
    for selector in others {
        reply.map(4);
        write_selector(reply, selector);
    }
    Ok(Outcome::Done)
}

fn write_selector(reply: &mut ReplyWriter<'_>, selector: &Selector) {
    for (name, text) in [
        ("commands", selector.describe_commands()),
        ("keys", selector.describe_keys()),
        ("channels", selector.describe_channels()),
        ("databases", selector.describe_databases()),
    ] {
        reply.bulk(name.as_bytes());
        reply.bulk(&text);
    }
}

/// `ACL CAT [category]`. O(commands).
pub fn cat(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(unknown_syntax(ctx));
    }
    let reply = &mut ctx.data.reply;
    let Some(name) = args.try_get(2) else {
        reply.array(AclCategories::NAMES.len());
        AclCategories::NAMES.iter().for_each(|(_, name)| reply.bulk(&name.as_bytes()[1..]));
        return Ok(Outcome::Done);
    };
    let category = AclCategories::parse(name).ok_or_else(|| {
        CommandError::owned([b"ERR Unknown category '", &name[..name.len().min(128)], b"'"].concat())
    })?;
    let served = ctx.node.registry.all().iter().map(|command| command.facts);
    let names: Vec<_> = served.filter(|facts| facts.acl.contains(category)).map(|facts| facts.name).collect();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(Outcome::Done)
}

/// Too many arguments for a subcommand that takes one at most.
fn unknown_syntax(ctx: &NodeCtx<'_>) -> CommandError {
    let name = ctx.node.registry.get(ctx.command).facts.short_name().to_ascii_uppercase();
    CommandError::owned(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try ACL HELP."
    ))
}

/// `ACL GENPASS [bits]`. O(bits).
pub fn genpass(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(unknown_syntax(ctx));
    }
    let bits = args.try_get(2).map_or(Ok(256), integer)?;
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(CommandError::owned(format!(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to \
             {PASSWORD_BITS_MAX}"
        )));
    }
    let digits = (bits as usize).div_ceil(4);
    let password = sys::random::hex_id(digits)
        .map_err(|error| CommandError::owned(format!("ERR No randomness from the system: {error}")))?;
    ctx.data.reply.bulk(password.as_bytes());
    Ok(Outcome::Done)
}

/// `ACL LOG [count | RESET]`. O(entries).
pub fn log(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(unknown_syntax(ctx));
    }
    let mut log = ctx.node.access.log();
    let reply = &mut ctx.data.reply;
    if args.len() == 3 && args.is(2, "RESET") {
        log.reset();
        reply.ok();
        return Ok(Outcome::Done);
    }
    let count = args.try_get(2).map_or(Ok(LOG_SHOWN), integer)?;
    let count = log.entries().len().min(usize::try_from(count).unwrap_or(0));
    let now_ms = ctx.data.space.now_ms;
    reply.array(count);
    for entry in log.entries().take(count) {
        let event = &entry.event;
        reply.map(10);
        reply.bulk(b"count");
        reply.int(entry.count as i64);
        for (name, value) in [
            ("reason", event.reason.name().as_bytes()),
            ("context", event.context.name().as_bytes()),
            ("object", &event.object),
            ("username", &event.username),
        ] {
            reply.bulk(name.as_bytes());
            reply.bulk(value);
        }
        reply.bulk(b"age-seconds");
        reply.double((now_ms - entry.updated_at_ms) as f64 / 1000.0);
        reply.bulk(b"client-info");
        reply.bulk(&event.client);
        for (name, value) in [
            ("entry-id", entry.id as i64),
            ("timestamp-created", entry.created_at_ms),
            ("timestamp-last-updated", entry.updated_at_ms),
        ] {
            reply.bulk(name.as_bytes());
            reply.int(value);
        }
    }
    Ok(Outcome::Done)
}

/// `ACL DRYRUN username command [arg ...]`. O(arguments · rules).
pub fn dryrun(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let node = ctx.node;
    let quoted = |before: &str, what: &[u8], after: &str| {
        CommandError::owned([before.as_bytes(), what, after.as_bytes()].concat())
    };
    let Some(user) = node.access.users().get(args.get(2)).cloned() else {
        return Err(quoted("ERR User '", args.get(2), "' not found"));
    };
    let call: OwnedArgs = args.from(3).collect();
    let call = call.as_args();
    let Ok(number) = node.registry.find(&call) else {
        return Err(quoted("ERR Command '", args.get(3), "' not found"));
    };
    let command = node.registry.get(number);
    if !command.facts.accepts(call.len()) || matches!(command.run, Run::Container) {
        return Err(CommandError::Arity(command.facts.name.into()));
    }
    let databases = node.keyspace.databases();
    match user.check(&Call { id: command.acl, args: &call, db: ctx.data.session.db, databases }) {
        Ok(()) => ctx.data.reply.ok(),
        Err(denial) => ctx.data.reply.bulk(&denial.full_text(&user, command.facts, &call)),
    }
    Ok(Outcome::Done)
}

/// The ACL file, absolute.
fn file(ctx: &NodeCtx<'_>) -> Result<Vec<u8>, CommandError> {
    const FILE: RowId = row("aclfile");
    let parameters = ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner());
    match parameters.get_str(FILE) {
        b"" => Err(CommandError::text(
            "ERR This instance is not configured to use an ACL file. You may want to specify users via the ACL \
             SETUSER command and then issue a CONFIG REWRITE (assuming you have a configuration file set) in order \
             to store users in the configuration.",
        )),
        path => Ok(path.to_vec()),
    }
}

/// `ACL LOAD`: the users of the file and no others, or, if it has an error, no change. O(users + connections).
pub fn load(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let path = file(ctx)?;
    let all_channels = ctx.node.access.all_channels.load(Relaxed);
    let mut users =
        startup::read(&path, all_channels).map_err(|why| CommandError::owned(format!("ERR {why}")))?;
    let before = ctx.node.access.users().clone();
    users.keep_unchanged(&before);
    *ctx.node.access.users_mut() = users;
    publish(ctx, &before);
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `ACL SAVE`. The file is written off the I/O threads; the reply follows when it is durable. O(users).
pub fn save(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let path = PathBuf::from(String::from_utf8_lossy(&file(ctx)?).into_owned());
    let text = acl::save(&ctx.node.access.users());
    let resp: Resp = ctx.data.session.resp;
    Ok(Outcome::Worker(Box::new(move || {
        let mut out = Vec::new();
        let mut reply = ReplyWriter::new(&mut out, resp);
        match write_file(&path, &text) {
            Ok(()) => reply.ok(),
            Err(error) => {
                log::warning(&format!("Writing the ACL file {} for ACL SAVE: {error}", path.display()));
                reply.error(
                    "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
                );
            }
        }
        out
    })))
}

/// Replaces a file whole: whoever reads it finds the old text or the new one, even after a crash.
fn write_file(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".tmp-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    if written.is_err() {
        // Nothing is lost if it stays: the next attempt writes it anew.
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}
