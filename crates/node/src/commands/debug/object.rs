//! `DEBUG OBJECT` and others that show how a value or a table is stored.

use std::fmt::Write;

use commands::keys::encoding_name;
use commands::{Args, CommandError, CommandResult, Ctx, Outcome};
use keyspace::evict::idle_seconds;
use keyspace::{EntryRef, Value};
use structures::list::NodeFigures;
use structures::object::Object;
use structures::table::BUCKET_BYTES;
use wire::number::{IntBuf, format_i64, parse_i64};

use crate::ctx::NodeCtx;

/// Slots of a bucket.
const BUCKET_SLOTS: usize = 7;

/// What the table holds under a key, even if its TTL has passed: looking must not remove it.
pub(super) fn stored<'c>(ctx: &'c mut Ctx<'_>, key: &[u8]) -> Option<EntryRef<'c>> {
    let (key, physical) = (ctx.space.place(key), ctx.space.physical());
    ctx.space.locked_shard(key.shard).table(physical)?.get(key.order, key.bytes)
}

fn found<'c>(ctx: &'c mut Ctx<'_>, key: &[u8]) -> Result<EntryRef<'c>, CommandError> {
    stored(ctx, key).ok_or(CommandError::NoSuchKey)
}

/// Where the value stands.
fn address(entry: EntryRef<'_>) -> usize {
    match entry.value() {
        Value::Int(_) => entry.key().as_ptr_range().end as usize,
        Value::Bytes(bytes) => bytes.as_ptr() as usize,
        Value::Object(object) => std::ptr::from_ref(object) as usize,
    }
}

/// Bytes of the value in a snapshot file, without compression: integers up to 32 bits take 2, 3 or 5, other strings
/// their length and a header.
fn serialized_bytes(entry: EntryRef<'_>) -> usize {
    let with_header = |len: usize| match len {
        0..64 => 1 + len,
        64..16_384 => 2 + len,
        16_384..=0xffff_ffff => 5 + len,
        _ => 9 + len,
    };
    let of_int = |n: i64, len: usize| match n {
        -128..=127 => 2,
        -32_768..=32_767 => 3,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => with_header(len),
    };
    match entry.value() {
        Value::Int(n) => of_int(n, format_i64(n, &mut IntBuf::new()).len()),
        Value::Bytes(bytes) => parse_i64(bytes).map_or(with_header(bytes.len()), |n| of_int(n, bytes.len())),
        Value::Object(Object::String(big)) => with_header(big.len()),
        // Files are written by a later stage: what the value takes in memory has to do.
        Value::Object(object) => object.memory_bytes(),
    }
}

/// `DEBUG OBJECT key [fast]`. O(1), for a long list O(nodes).
pub(super) fn object(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let now_ms = ctx.data.space.now_ms;
    let is_lfu = ctx.data.limits.policy_is_lfu;
    let entry = found(&mut ctx.data, args.get(2))?;
    let mut text = format!("Value at:{:#x} refcount:1 encoding:{}", address(entry), encoding_name(entry));
    if !args.is(3, "fast") {
        let _ = write!(text, " serializedlength:{}", serialized_bytes(entry));
    }
    let access = entry.access();
    let _ = if is_lfu {
        write!(text, " lfu_freq:{} lfu_access_time_minutes:{}", access & 0xff, access >> 8)
    } else {
        write!(text, " lru:{access} lru_seconds_idle:{}", idle_seconds(access, now_ms))
    };
    if let Value::Object(Object::List(list)) = entry.value()
        && let Some(NodeFigures { nodes, bytes, fill }) = list.nodes()
    {
        let (average, fill) = (list.len() as f64 / nodes as f64, fill.value());
        let _ =
            write!(text, " ql_nodes:{nodes} ql_avg_node:{average:.2} ql_listpack_max:{fill} ql_compressed:0");
        if !args.is(3, "fast") {
            let _ = write!(text, " ql_uncompressed_size:{bytes}");
        }
    }
    ctx.data.reply.simple(&text);
    Ok(Outcome::Done)
}

/// `DEBUG SDSLEN key`: lengths, and bytes allotted. Nothing is kept in reserve here. O(1).
pub(super) fn sdslen(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let entry = found(&mut ctx.data, args.get(2))?;
    let len = match entry.value() {
        Value::Int(_) => return Err(CommandError::text("ERR Not an sds encoded string.")),
        Value::Bytes(bytes) => bytes.len(),
        Value::Object(Object::String(big)) => big.len(),
        Value::Object(_) => return Err(CommandError::text("ERR Not an sds encoded string.")),
    };
    let (key_len, total) = (entry.key().len(), entry.memory_bytes());
    let text = format!(
        "key_sds_len:{key_len} key_sds_avail:0 obj_alloc:{total} val_sds_len:{len} val_sds_avail:0 val_alloc:{}",
        total.saturating_sub(key_len)
    );
    ctx.data.reply.simple(&text);
    Ok(Outcome::Done)
}

/// `DEBUG LISTPACK key` and `DEBUG QUICKLIST key`: no value here is stored so.
pub(super) fn other_encoding(ctx: &mut NodeCtx<'_>, args: &Args<'_>, name: &str) -> CommandResult {
    found(&mut ctx.data, args.get(2))?;
    Err(CommandError::owned(format!("ERR Not a {name} encoded object.")))
}

/// `DEBUG HTSTATS-KEY key`: no value here is a hash table.
pub(super) fn htstats_key(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    found(&mut ctx.data, args.get(2))?;
    Err(CommandError::text(
        "ERR The value stored at the specified key is not represented using an hash table",
    ))
}

/// `DEBUG HTSTATS db [full]`: the database's tables, one per shard, taken together. O(shards).
pub(super) fn htstats(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let db = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    let keyspace = ctx.data.space.keyspace;
    let Some(db) = u16::try_from(db).ok().filter(|db| *db < keyspace.databases()) else {
        return Err(CommandError::text("ERR Out of range database"));
    };
    let physical = keyspace.physical(db);
    let (mut tables, mut buckets, mut keys, mut volatile) = (0, 0, 0, 0);
    let (mut resizing, mut most, mut bytes) = (0, 0, 0);
    for number in 0..keyspace.shard_count() {
        if let Some(table) = ctx.data.space.locked_shard(number).table(physical).filter(|t| !t.is_empty()) {
            tables += 1;
            buckets += table.buckets();
            keys += table.len();
            volatile += table.volatile_len();
            resizing += usize::from(table.is_resizing());
            most = most.max(table.len());
            bytes += table.memory_bytes();
        }
        ctx.data.space.leave();
    }
    let mut text = String::from("[Dictionary HT]\n");
    if keys > 0 {
        let slots = buckets * BUCKET_SLOTS;
        let _ = write!(
            text,
            "Hash table 0 stats (main hash table):\n table size: {slots}\n number of entries: {keys}\n \
             rehashing index: {}\n",
            if resizing == 0 { -1 } else { resizing as i64 }
        );
        if args.is(3, "full") {
            let _ = write!(
                text,
                " top-level buckets: {buckets}\n tables (one per shard): {tables}\n tables being resized: {resizing}\n \
                 most entries in a table: {most}\n entries per slot: {:.6}\n bytes: {bytes}\n",
                keys as f64 / slots.max(1) as f64
            );
        }
    }
    text.push_str("[Expires HT]\n");
    if volatile > 0 {
        let _ = write!(text, "Expiry times stand in the entries:\n number of entries: {volatile}\n");
    }
    ctx.data.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

/// `DEBUG STRUCTSIZE`. O(1).
pub(super) fn structsize(ctx: &mut NodeCtx<'_>) {
    let text = format!(
        "bits:{} bucket:{BUCKET_BYTES} table:{} shard:{} object:{} client:{} ",
        usize::BITS,
        size_of::<structures::table::Table>(),
        size_of::<keyspace::Shard>(),
        size_of::<Object>(),
        size_of::<crate::client::Client>(),
    );
    ctx.data.reply.bulk(text.as_bytes());
}
