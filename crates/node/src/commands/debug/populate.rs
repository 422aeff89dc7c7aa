//! `DEBUG POPULATE`.

use commands::{Args, CommandError, CommandResult, Outcome};
use keyspace::Ttl;
use wire::number::parse_i64;

use crate::ctx::NodeCtx;

fn positive(text: &[u8]) -> Result<usize, CommandError> {
    parse_i64(text)
        .and_then(|n| usize::try_from(n).ok())
        .ok_or(CommandError::text("ERR value is out of range, must be positive"))
}

/// `DEBUG POPULATE count [prefix] [size]`: strings `value:<number>` under `<prefix>:<number>`, cut or filled with zero
/// bytes to `size`. Keys that are there stay as they are. Nothing is logged for replicas. O(count).
pub(super) fn populate(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let count = positive(args.get(2))?;
    let prefix = args.try_get(3).unwrap_or(b"key");
    let size = args.try_get(4).map_or(Ok(0), positive)?;
    let mut name = Vec::with_capacity(prefix.len() + 24);
    let mut value = Vec::new();
    let mut added = 0;
    for i in 0..count {
        name.clear();
        name.extend_from_slice(prefix);
        push_number(&mut name, i);
        let key = ctx.data.space.place(&name);
        if ctx.data.space.exists(key) {
            ctx.data.space.leave();
            continue;
        }
        value.clear();
        value.extend_from_slice(b"value");
        push_number(&mut value, i);
        if size > 0 {
            value.resize(size, 0);
        }
        ctx.data.set_string(key, &value, Ttl::Clear);
        added += 1;
        // One shard at a time: held ones are searched in a line.
        ctx.data.space.leave();
    }
    // Filling is no change that a snapshot or a replica should know of, as in Valkey.
    ctx.data.space.local.counters.changes -= added;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}

/// Appends `:` and a number.
fn push_number(text: &mut Vec<u8>, n: usize) {
    let mut buf = wire::number::IntBuf::new();
    text.push(b':');
    text.extend_from_slice(wire::number::format_u64(n as u64, &mut buf));
}
