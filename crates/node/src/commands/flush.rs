//! Whole databases and the node as a whole: FLUSHALL, FLUSHDB, SWAPDB, SHUTDOWN, TIME, LOLWUT, FUNCTION FLUSH.
//!
//! Pages: <https://valkey.io/commands/#server>. A flush takes the tables out of all shards under the gate, which is
//! quick; freeing the keys is not, and is left to the worker unless they are few.

use std::sync::atomic::Ordering;

use commands::facts::server as facts;
use commands::{Args, CommandError, CommandResult, Outcome};
use keyspace::space::Detached;
use wire::number::parse_i64;

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;
use crate::{VALKEY_VERSION, log};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::FLUSHALL, gate: true, run: flushall },
    NodeSpec { facts: &facts::FLUSHDB, gate: true, run: flushdb },
    NodeSpec { facts: &facts::LOLWUT, gate: false, run: lolwut },
    NodeSpec { facts: &facts::SHUTDOWN, gate: false, run: shutdown },
    NodeSpec { facts: &facts::SWAPDB, gate: true, run: swapdb },
    NodeSpec { facts: &facts::TIME, gate: false, run: time },
];

/// A synchronous flush of fewer keys than this frees them at once, some ten milliseconds at most.
const FREE_AT_ONCE_KEYS_MAX: u64 = 100_000;

/// Who frees the keys of a flush.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Freeing {
    /// The client waits for it.
    Sync,
    /// Nobody does.
    Async,
}

/// The argument of a flush, if there is one.
fn freeing(ctx: &NodeCtx<'_>, args: &Args<'_>) -> Result<Freeing, CommandError> {
    match args.len() {
        1 if ctx.node.settings.lazy_user_flush.load(Ordering::Relaxed) => Ok(Freeing::Async),
        1 => Ok(Freeing::Sync),
        2 if args.is(1, "SYNC") => Ok(Freeing::Sync),
        2 if args.is(1, "ASYNC") => Ok(Freeing::Async),
        _ => Err(CommandError::Syntax),
    }
}

/// Frees keys that left the keyspace and replies.
fn free(ctx: &mut NodeCtx<'_>, keys: Detached, freeing: Freeing) -> CommandResult {
    if freeing == Freeing::Sync && keys.keys >= FREE_AT_ONCE_KEYS_MAX {
        // The queue's order makes the reply follow the freeing; other clients go on meanwhile.
        ctx.node.workers.run(Box::new(move |local| keys.free(&mut local.heap)));
        return Ok(Outcome::Worker(Box::new(|| b"+OK\r\n".to_vec())));
    }
    match freeing {
        Freeing::Sync => keys.free(&mut ctx.data.space.local.heap),
        Freeing::Async => ctx.node.workers.free(keys),
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// All copies that clients have of keys are worthless: keys of all databases, as their names are what counts.
fn forget_tracked(ctx: &mut NodeCtx<'_>) {
    if ctx.node.tracking.clients() > 0 || ctx.node.keyspace.tracked.keys.load(Ordering::Relaxed) > 0 {
        ctx.data.space.forget_tracked();
    }
}

/// `FLUSHALL [ASYNC | SYNC]`. O(shards), and O(keys) to free them.
pub fn flushall(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let freeing = freeing(ctx, args)?;
    let mut keys = ctx.data.space.take_database(0);
    for physical in 1..ctx.node.keyspace.databases() {
        keys.extend(ctx.data.space.take_database(physical));
    }
    forget_tracked(ctx);
    ctx.data.effect(&[b"FLUSHALL"]);
    free(ctx, keys, freeing)
}

/// `FLUSHDB [ASYNC | SYNC]`. O(shards), and O(keys) to free them.
pub fn flushdb(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let freeing = freeing(ctx, args)?;
    let physical = ctx.data.space.physical();
    let keys = ctx.data.space.take_database(physical);
    forget_tracked(ctx);
    ctx.data.effect(&[b"FLUSHDB"]);
    free(ctx, keys, freeing)
}

/// `SWAPDB index1 index2`. O(1), with keys that are watched or waited for O(shards).
pub fn swapdb(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let number = |at: usize, text: &'static str| {
        let number = parse_i64(args.get(at)).and_then(|number| i32::try_from(number).ok());
        number.ok_or(CommandError::text(text))
    };
    let first = number(1, "ERR invalid first DB index")?;
    let second = number(2, "ERR invalid second DB index")?;
    let keyspace = &ctx.node.keyspace;
    let exists = |number: i32| u16::try_from(number).ok().filter(|&db| db < keyspace.databases());
    let (Some(a), Some(b)) = (exists(first), exists(second)) else {
        return Err(CommandError::DbIndexOutOfRange);
    };
    if a != b {
        let space = &mut ctx.data.space;
        keyspace.swap_databases(a, b);
        space.touch_swapped(a, b);
        space.note_swapped(a, b);
        space.select(ctx.data.session.db);
        space.local.counters.changes += 1;
        ctx.data.effect(&[b"SWAPDB", args.get(1), args.get(2)]);
    }
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// `TIME`: Unix seconds, and the microseconds of the second under way. O(1).
pub fn time(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let now_us = sys::clock::wall_us();
    ctx.data.reply.array(2);
    ctx.data.reply.bulk_int((now_us / 1_000_000) as i64);
    ctx.data.reply.bulk_int((now_us % 1_000_000) as i64);
    Ok(Outcome::Done)
}

/// What SHUTDOWN was asked to do.
#[derive(Default)]
struct Shutdown {
    save: bool,
    nosave: bool,
    force: bool,
    other: bool,
    abort: bool,
}

impl Shutdown {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let mut asked = Shutdown::default();
        for i in 1..args.len() {
            if args.is(i, "SAVE") {
                asked.save = true;
            } else if args.is(i, "NOSAVE") {
                asked.nosave = true;
            } else if args.is(i, "FORCE") {
                asked.force = true;
            } else if args.is(i, "ABORT") {
                asked.abort = true;
            } else if args.is(i, "NOW") || args.is(i, "SAFE") || args.is(i, "FAILOVER") {
                // No replicas to wait for or to hand over to.
                asked.other = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let any = asked.save || asked.nosave || asked.force || asked.other;
        if (asked.save && asked.nosave) || (asked.abort && any) {
            return Err(CommandError::Syntax);
        }
        Ok(asked)
    }
}

/// `SHUTDOWN [[NOSAVE | SAVE] [NOW] [FORCE] [SAFE] [FAILOVER] | ABORT]`: no reply when it succeeds.
pub fn shutdown(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let asked = Shutdown::parse(args)?;
    if asked.abort {
        return Err(CommandError::text("ERR No shutdown in progress."));
    }
    if !asked.nosave && ctx.node.scripts.is_busy() {
        // A gate would have said so, but SHUTDOWN NOSAVE is let through.
        return Err(crate::scripting::busy(ctx.node));
    }
    if asked.save && !asked.force {
        // Nothing is ever written to disk: going away all the same would lose what the client wants kept.
        log::warning("SHUTDOWN SAVE refused: this node writes no snapshots; use SHUTDOWN NOSAVE");
        return Err(CommandError::text("ERR Errors trying to SHUTDOWN. Check logs."));
    }
    log::warning("User requested shutdown...");
    ctx.data.session.close_after_reply = true;
    ctx.node.stop(0);
    Ok(Outcome::Done)
}

/// Columns and rows of LOLWUT's picture.
const PICTURE: (usize, usize) = (60, 16);
/// As large as it gets.
const PICTURE_MAX: (usize, usize) = (500, 200);

/// `LOLWUT [VERSION version] [columns rows]`: a fire, another one each time. O(columns * rows).
pub fn lolwut(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let mut from = 1;
    if args.is(1, "VERSION") && args.len() > 2 {
        let version = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
        if ![5, 6, 9].contains(&version) {
            // No picture came with those.
            let text = format!("Valkey ver.{VALKEY_VERSION}\n");
            ctx.data.reply.verbatim(b"txt", text.as_bytes());
            return Ok(Outcome::Done);
        }
        from = 3;
    }
    let (columns, rows) = match (args.try_get(from), args.try_get(from + 1)) {
        (None, _) => PICTURE,
        (Some(columns), Some(rows)) if args.len() == from + 2 => {
            let size = |arg: &[u8], max: usize| {
                let number = parse_i64(arg).ok_or(CommandError::NotInteger)?;
                Ok::<usize, CommandError>(number.clamp(1, max as i64) as usize)
            };
            (size(columns, PICTURE_MAX.0)?, size(rows, PICTURE_MAX.1)?)
        }
        _ => return Err(CommandError::text("ERR Syntax error. Use: LOLWUT [columns rows]")),
    };
    let rng = &mut *ctx.data.rng;
    let mut text = fire(columns, rows, || rng.next_u32());
    text.extend_from_slice(format!("\nEmbers under the ash. Valkey ver. {VALKEY_VERSION}\n").as_bytes());
    ctx.data.reply.verbatim(b"txt", &text);
    Ok(Outcome::Done)
}

/// A fire: the bottom row glows, each row above is what the wind leaves of the heat below it.
fn fire(columns: usize, rows: usize, mut random: impl FnMut() -> u32) -> Vec<u8> {
    const SHADES: &[u8] = b" .:^*xsS#$";
    let hottest = SHADES.len() as u32 - 1;
    let mut heat: Vec<Vec<u32>> = vec![(0..columns).map(|_| hottest - random() % 3).collect()];
    // On the way up all heat is lost, and some more, so that the tips of the flames stand apart.
    let (height, loss) = (rows as u32, hottest + 3);
    while heat.len() < rows {
        let below = &heat[heat.len() - 1];
        let row = (0..columns)
            .map(|column| {
                let wind = (random() % 3) as usize;
                let from = (column + wind).saturating_sub(1).min(columns - 1);
                below[from].saturating_sub((loss + random() % height) / height)
            })
            .collect();
        heat.push(row);
    }
    let mut text = Vec::with_capacity((columns + 1) * rows);
    for row in heat.iter().rev() {
        text.extend(row.iter().map(|&heat| SHADES[heat as usize]));
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_have_the_size_asked_for() {
        let mut seed = 1u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 8
        };
        for (columns, rows) in [(1, 1), (60, 16), (3, 200), (500, 2)] {
            let text = fire(columns, rows, &mut random);
            let lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
            assert_eq!(lines.len(), rows + 1);
            assert!(lines[..rows].iter().all(|line| line.len() == columns));
        }
    }
}
