//! `MONITOR` (<https://valkey.io/commands/monitor/>): commands of all clients, as they run, shown to one of them.

use std::io::Write;

use commands::facts::{Flags, server as facts};
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::client::Client;
use crate::ctx::NodeCtx;
use crate::node::Node;
use crate::pubsub;
use crate::registry::NodeSpec;
use crate::state::ThreadState;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[NodeSpec { facts: &facts::MONITOR, gate: false, run: monitor }];

/// `MONITOR`: from now on the client is shown what others run. O(1).
pub fn monitor(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    if ctx.data.session.executing.is_some() {
        return Err(CommandError::text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    // Whoever watches already gets no reply, as in Valkey.
    if !ctx.data.session.is_monitor {
        ctx.data.session.is_monitor = true;
        ctx.data.session.settle_special();
        ctx.listeners.add_monitor(ctx.node, ctx.token);
        ctx.data.reply.ok();
    }
    Ok(Outcome::Done)
}

/// Shows a command that ran to whoever watches.
#[cold]
pub fn show(
    node: &Node,
    state: &mut ThreadState,
    thread: usize,
    number: u16,
    args: &Args<'_>,
    client: &Client,
) {
    let command = node.registry.get(number);
    if !command.has(Flags::SKIP_MONITOR) && !command.has(Flags::ADMIN) {
        write(node, state, thread, number, args, client, false);
    }
}

/// The same for a script, before what it runs, and with `in_script` for what that is.
#[cold]
pub fn show_script(
    node: &Node,
    state: &mut ThreadState,
    thread: usize,
    number: u16,
    args: &Args<'_>,
    client: &Client,
    in_script: bool,
) {
    let command = node.registry.get(number);
    if !in_script || !(command.has(Flags::SKIP_MONITOR) || command.has(Flags::ADMIN)) {
        write(node, state, thread, number, args, client, in_script);
    }
}

fn write(
    node: &Node,
    state: &mut ThreadState,
    thread: usize,
    number: u16,
    args: &Args<'_>,
    client: &Client,
    in_script: bool,
) {
    let command = node.registry.get(number);
    let us = sys::clock::wall_us();
    let mut line = Vec::with_capacity(64 + args.bytes());
    // Writing to memory does not fail.
    let _ = write!(line, "+{}.{:06} [{} ", us / 1_000_000, us % 1_000_000, client.session.db);
    if in_script {
        line.extend_from_slice(b"lua");
    } else if client.meta.is_unix {
        line.extend_from_slice(b"unix:");
        line.extend_from_slice(&node.unix_socket);
    } else {
        line.extend_from_slice(client.meta.addr.as_bytes());
    }
    line.push(b']');
    let secret = secrets(command.facts.name, args);
    for (i, arg) in args.from(0).enumerate() {
        line.push(b' ');
        quote(&mut line, if secret.contains(&i) { b"(redacted)" } else { arg });
    }
    line.extend_from_slice(b"\r\n");
    pubsub::monitor(node, &mut state.local.has_posts, thread, line);
}

/// Arguments that nobody is shown.
pub fn secrets(name: &str, args: &Args<'_>) -> std::ops::Range<usize> {
    match name {
        "auth" => 1..args.len(),
        "acl|setuser" | "acl|deluser" | "acl|getuser" => 2..args.len(),
        "hello" => match (2..args.len()).find(|&i| args.is(i, "AUTH")) {
            Some(at) => at + 1..at + 3,
            None => 0..0,
        },
        _ => 0..0,
    }
}

/// A string in quotes, with escapes for what cannot be printed.
fn quote(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            7 => line.extend_from_slice(b"\\a"),
            8 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(byte),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_stay_on_one_line() {
        let mut line = Vec::new();
        quote(&mut line, b"a\"b\\\r\n\t\x07\x08\x00\xff~");
        assert_eq!(line, br#""a\"b\\\r\n\t\a\b\x00\xff~""#);
    }
}
