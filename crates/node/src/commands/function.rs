//! `FUNCTION`: libraries of functions (<https://valkey.io/topics/functions-intro/>).

use commands::facts::scripting as facts;
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;
use crate::scripting::{self, Library};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::FUNCTION_DELETE, gate: false, run: delete },
    NodeSpec { facts: &facts::FUNCTION_DUMP, gate: false, run: dump },
    NodeSpec { facts: &facts::FUNCTION_FLUSH, gate: false, run: flush },
    NodeSpec { facts: &facts::FUNCTION_HELP, gate: false, run: help },
    NodeSpec { facts: &facts::FUNCTION_KILL, gate: false, run: kill },
    NodeSpec { facts: &facts::FUNCTION_LIST, gate: false, run: list },
    NodeSpec { facts: &facts::FUNCTION_LOAD, gate: false, run: load },
    NodeSpec { facts: &facts::FUNCTION_RESTORE, gate: false, run: restore },
    NodeSpec { facts: &facts::FUNCTION_STATS, gate: false, run: stats },
];

/// `FUNCTION LOAD [REPLACE] code`: adds a library and says its name. O(bytes).
pub fn load(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let code = args.len() - 1;
    let mut replace = false;
    for at in 2..code {
        if !args.is(at, "replace") {
            return Err(CommandError::owned([b"ERR Unknown option given: ", args.get(at)].concat()));
        }
        replace = true;
    }
    let (name, _) = scripting::library_name(args.get(code)).map_err(CommandError::owned)?;
    if !replace && ctx.node.scripts.has_library(&name) {
        return Err(CommandError::owned([b"ERR Library '", &name[..], b"' already exists"].concat()));
    }
    let library = scripting::load_library(args.get(code)).map_err(CommandError::owned)?;
    ctx.node.scripts.add_library(library, replace).map_err(CommandError::owned)?;
    ctx.data.reply.bulk(&name);
    log(ctx, args);
    Ok(Outcome::Done)
}

/// `FUNCTION DELETE library`. O(functions of it).
pub fn delete(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if !ctx.node.scripts.delete_library(args.get(2)) {
        return Err(CommandError::text("ERR Library not found"));
    }
    ctx.data.reply.ok();
    log(ctx, args);
    Ok(Outcome::Done)
}

/// `FUNCTION FLUSH [ASYNC|SYNC]`: forgets all libraries. O(functions).
pub fn flush(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(wrong_arguments(args));
    }
    if args.len() == 3 && !args.is(2, "sync") && !args.is(2, "async") {
        return Err(CommandError::text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    ctx.node.scripts.flush_libraries();
    ctx.data.reply.ok();
    log(ctx, args);
    Ok(Outcome::Done)
}

#[cold]
fn wrong_arguments(args: &Args<'_>) -> CommandError {
    let sub = args.get(1);
    let text = b"ERR unknown subcommand or wrong number of arguments for '";
    CommandError::owned([&text[..], &sub[..sub.len().min(128)], b"'. Try FUNCTION HELP."].concat())
}

/// `FUNCTION DUMP`: all libraries as a payload for `FUNCTION RESTORE`. O(bytes).
pub fn dump(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let libraries = ctx.node.scripts.libraries();
    let payload = scripting::payload::dump(libraries.iter().map(|library| library.text.as_slice()));
    ctx.data.reply.bulk(&payload);
    Ok(Outcome::Done)
}

/// `FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE]`: adds the libraries of a payload, all or none. O(bytes).
pub fn restore(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() > 4 {
        return Err(wrong_arguments(args));
    }
    let (flush, replace) = (args.is(3, "flush"), args.is(3, "replace"));
    if args.len() == 4 && !flush && !replace && !args.is(3, "append") {
        return Err(CommandError::text(
            "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
        ));
    }
    let texts = scripting::payload::restore(args.get(2)).map_err(CommandError::text)?;
    let libraries: Result<Vec<Library>, Vec<u8>> =
        texts.iter().map(|text| scripting::load_library(text)).collect();
    let libraries = libraries.map_err(CommandError::owned)?;
    ctx.node.scripts.restore(libraries, flush, replace).map_err(CommandError::owned)?;
    ctx.data.reply.ok();
    log(ctx, args);
    Ok(Outcome::Done)
}

/// `FUNCTION KILL`: see `SCRIPT KILL`.
pub fn kill(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    super::script::kill_running(ctx, true)
}

/// Libraries are part of what a replica must have.
fn log(ctx: &mut NodeCtx<'_>, args: &Args<'_>) {
    ctx.data.effect(&args.to_vec());
}

/// `FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]`. O(functions).
pub fn list(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let (mut pattern, mut with_code) = (None, false);
    let mut at = 2;
    while at < args.len() {
        if !with_code && args.is(at, "withcode") {
            with_code = true;
        } else if pattern.is_none() && args.is(at, "libraryname") {
            at += 1;
            let given = args.try_get(at);
            pattern = Some(given.ok_or(CommandError::text("ERR library name argument was not given"))?);
        } else {
            return Err(CommandError::owned([b"ERR Unknown argument ", args.get(at)].concat()));
        }
        at += 1;
    }
    let mut libraries = ctx.node.scripts.libraries();
    libraries.retain(|library| pattern.is_none_or(|p| wire::glob::matches(p, &library.name, true)));
    let reply = &mut ctx.data.reply;
    reply.array(libraries.len());
    for library in libraries {
        let Library { name, text, functions, .. } = &*library;
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(name);
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(functions.len());
        for function in functions {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&function.name);
            reply.bulk(b"description");
            match &function.description {
                Some(text) => reply.bulk(text),
                None => reply.null(),
            }
            reply.bulk(b"flags");
            reply.set(function.flags.names().count());
            function.flags.names().for_each(|name| reply.simple(name));
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(text);
        }
    }
    Ok(Outcome::Done)
}

/// `FUNCTION STATS`: the function that runs for too long, and what is loaded. O(1).
pub fn stats(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let scripts = &ctx.node.scripts;
    let (libraries, functions, _) = scripts.library_figures();
    let running = scripts.running.lock().unwrap_or_else(|e| e.into_inner());
    let reply = &mut ctx.data.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    match running.as_ref().and_then(|r| Some((r.function.as_ref()?, r))) {
        Some((name, running)) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(name);
            reply.bulk(b"command");
            reply.array(running.command.len());
            running.command.iter().for_each(|arg| reply.bulk(arg));
            reply.bulk(b"duration_ms");
            reply.int((sys::clock::mono_ns().saturating_sub(running.since_ns) / 1_000_000) as i64);
        }
        None => reply.null(),
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.int(libraries as i64);
    reply.bulk(b"functions_count");
    reply.int(functions as i64);
    Ok(Outcome::Done)
}

/// `FUNCTION HELP`.
pub fn help(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    super::command::help(ctx, args)
}
