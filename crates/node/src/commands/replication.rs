//! Replication (<https://valkey.io/topics/replication>) of a node that is a primary without replicas.
//!
//! Replicas come later. Questions about them are answered as valkey-server does when it has none; what would make this
//! node a replica, or another one its replica, is refused in words that say so.

use commands::facts::{generic, server as facts};
use commands::timeout::timeout_millis;
use commands::{Args, CommandError, CommandResult, Outcome};
use wire::number::parse_i64;

use super::cluster;
use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::FAILOVER, gate: false, run: failover },
    NodeSpec { facts: &facts::PSYNC, gate: false, run: psync },
    NodeSpec { facts: &facts::REPLCONF, gate: false, run: replconf },
    NodeSpec { facts: &facts::REPLICAOF, gate: false, run: replicaof },
    NodeSpec { facts: &facts::ROLE, gate: false, run: role },
    NodeSpec { facts: &facts::SLAVEOF, gate: false, run: replicaof },
    NodeSpec { facts: &facts::SYNC, gate: false, run: sync },
    NodeSpec { facts: &generic::WAIT, gate: false, run: wait },
    NodeSpec { facts: &generic::WAITAOF, gate: false, run: waitaof },
];

/// What is refused because it needs replication.
const NOT_YET: CommandError =
    CommandError::text("ERR Replication is not supported yet: this node is a primary and has no replicas");

/// `ROLE`: role, offset, replicas.
pub fn role(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let reply = &mut ctx.data.reply;
    reply.array(3);
    reply.bulk(b"master");
    reply.int(0);
    reply.array(0);
    Ok(Outcome::Done)
}

/// `REPLICAOF host port` and `SLAVEOF`; `NO ONE` is what a primary is already.
pub fn replicaof(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.is(1, "NO") && args.is(2, "ONE") {
        ctx.data.reply.ok();
        return Ok(Outcome::Done);
    }
    match parse_i64(args.get(2)) {
        Some(0..=65_535) => Err(NOT_YET),
        _ => Err(CommandError::text("ERR Invalid master port")),
    }
}

/// `WAIT numreplicas timeout`: none has anything, and none will within any time, so nobody waits for it.
pub fn wait(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    parse_i64(args.get(1)).ok_or(CommandError::NotInteger)?;
    timeout_millis(args.get(2), ctx.data.space.now_ms)?;
    ctx.data.reply.int(0);
    Ok(Outcome::Done)
}

/// `WAITAOF numlocal numreplicas timeout`: as [`wait`]; there is no append-only file to wait for either.
pub fn waitaof(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let local = parse_i64(args.get(1)).ok_or(CommandError::NotInteger)?;
    if !(0..=1).contains(&local) {
        return Err(CommandError::text("ERR value is out of range, value must between 0 and 1"));
    }
    if parse_i64(args.get(2)).is_none_or(|replicas| replicas < 0) {
        return Err(CommandError::text("ERR value is out of range, must be positive"));
    }
    timeout_millis(args.get(3), ctx.data.space.now_ms)?;
    if local > 0 {
        return Err(CommandError::text(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    ctx.data.reply.array(2);
    ctx.data.reply.int(0);
    ctx.data.reply.int(0);
    Ok(Outcome::Done)
}

/// `FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT ms]`: there is nobody to hand over to.
pub fn failover(_: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() == 2 && args.is(1, "ABORT") {
        return Err(CommandError::text("ERR No failover in progress."));
    }
    let (mut at, mut has_timeout, mut has_target, mut is_forced) = (1, false, false, false);
    while at < args.len() {
        let more = args.len() - at - 1;
        if args.is(at, "TIMEOUT") && more >= 1 && !has_timeout {
            if parse_i64(args.get(at + 1)).ok_or(CommandError::NotInteger)? <= 0 {
                return Err(CommandError::text("ERR FAILOVER timeout must be greater than 0"));
            }
            has_timeout = true;
            at += 2;
        } else if args.is(at, "TO") && more >= 2 && !has_target {
            let port = parse_i64(args.get(at + 2)).and_then(|port| i32::try_from(port).ok());
            port.ok_or(CommandError::NotInteger)?;
            has_target = true;
            at += 3;
        } else if args.is(at, "FORCE") && !is_forced {
            is_forced = true;
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Err(CommandError::text("ERR FAILOVER requires connected replicas."))
}

/// `PSYNC replicationid offset`.
pub fn psync(_: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    Err(NOT_YET)
}

/// `SYNC`.
pub fn sync(_: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    Err(NOT_YET)
}

/// Where a version of three numbers is one.
fn is_version(text: &[u8]) -> bool {
    let mut parts = text.split(|b| *b == b'.');
    let numbers =
        parts.by_ref().take(3).filter(|part| parse_i64(part).is_some_and(|n| (0..256).contains(&n)));
    numbers.count() == 3 && parts.next().is_none()
}

/// `REPLCONF [option value …]`: what a replica tells before it asks to be served. It is read, so that mistakes are told
/// from refusals, and forgotten: PSYNC and SYNC, which would use it, are refused.
pub fn replconf(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() % 2 == 0 {
        return Err(CommandError::Syntax);
    }
    for at in (1..args.len()).step_by(2) {
        let value = args.get(at + 1);
        let told = |before: &str, what: &[u8]| Err(CommandError::owned([before.as_bytes(), what].concat()));
        match args.get(at).to_ascii_lowercase().as_slice() {
            b"listening-port" | b"rdb-only" | b"rdb-channel" => {
                parse_i64(value).ok_or(CommandError::NotInteger)?;
            }
            b"capa" | b"ip-address" => {}
            b"version" if is_version(value) => {}
            b"version" => return told("ERR Unrecognized version format: ", value),
            // Replicas send these without waiting for an answer; nobody else is given one.
            b"ack" | b"getack" => return Ok(Outcome::Done),
            b"rdb-filter-only" => {
                let words = value.split(|b| *b == b' ').filter(|word| !word.is_empty());
                if let Some(word) = words.into_iter().find(|word| !word.eq_ignore_ascii_case(b"functions")) {
                    return told("ERR Unsupported rdb-filter-only option: ", word);
                }
            }
            b"set-rdb-client-id" => return told("ERR Unrecognized RDB client id ", value),
            b"set-cluster-node-id" => return Err(cluster::DISABLED),
            _ => return told("ERR Unrecognized REPLCONF option: ", args.get(at)),
        }
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}
