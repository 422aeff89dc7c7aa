//! Parts of strings: `APPEND`, `SETRANGE`, `GETRANGE`, `SUBSTR`, and the writing at an offset that bitmaps share.

use keyspace::{Class, EntryRef, Key, NewValue, Ttl};
use smallvec::SmallVec;
use structures::big_string::BigString;
use structures::object::{INLINE_MAX_BYTES, Object};
use wire::number::{IntBuf, format_i64};

use crate::ctx::{Text, reply_big};
use crate::keys::encoding_name;
use crate::options::{integer, range};
use crate::slices::{AT_ONCE_BYTES_MAX, reply_big_in_slices};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `APPEND key value`: the new length. Amortised O(1), with copies of the value and of at most 4 KB before it.
pub fn append(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (key, value) = (ctx.key(args, 1), args.get(2));
    let old_len = match ctx.space.read_for_write(key) {
        Some(entry) => Some(Text::of(entry)?.len()),
        None => None,
    };
    let len = match old_len {
        Some(len) => {
            check_length(ctx, len as u64, value.len())?;
            overwrite(ctx, key, len, value)
        }
        None => {
            ctx.set_string(key, value, Ttl::Clear);
            value.len()
        }
    };
    ctx.notify(Class::STRING, "append", key);
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// `SETRANGE key offset value`: the new length. Costs as `APPEND`.
pub fn setrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (key, value) = (ctx.key(args, 1), args.get(3));
    let offset =
        u64::try_from(integer(args.get(2))?).map_err(|_| CommandError::text("ERR offset is out of range"))?;
    let len = match ctx.space.read_for_write(key) {
        Some(entry) => Text::of(entry)?.len(),
        None => 0,
    };
    let len = if value.is_empty() {
        len
    } else {
        check_length(ctx, offset, value.len())?;
        let len = overwrite(ctx, key, offset as usize, value);
        ctx.notify(Class::STRING, "setrange", key);
        len
    };
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// `GETRANGE key start end`: both ends included, negative ones counted from the end. O(bytes replied).
pub fn getrange(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (start, end) = (integer(args.get(2))?, integer(args.get(3))?);
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.space.read(key) else {
        ctx.reply.bulk(b"");
        return Ok(Outcome::Done);
    };
    let text = Text::of(entry)?;
    let backwards = start < 0 && end < 0 && start > end;
    let part = range(start, end, text.len() as u64).filter(|_| !backwards).unwrap_or(0..0);
    let (from, to) = (part.start as usize, part.end as usize);
    match text {
        Text::Int(n) => ctx.reply.bulk(&format_i64(n, &mut IntBuf::new())[from..to]),
        Text::Bytes(bytes) => ctx.reply.bulk(&bytes[from..to]),
        Text::Big(big) if to - from > AT_ONCE_BYTES_MAX => {
            let big = big.clone();
            return reply_big_in_slices(&mut ctx.reply, big, from..to);
        }
        Text::Big(big) => reply_big(&mut ctx.reply, big, from, to),
    }
    Ok(Outcome::Done)
}

/// `SUBSTR key start end`: the old name of `GETRANGE`.
pub fn substr(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    getrange(ctx, args)
}

/// Refuses a string that would end beyond `proto-max-bulk-len`.
fn check_length(ctx: &Ctx<'_>, offset: u64, added: usize) -> Result<(), CommandError> {
    match offset.checked_add(added as u64) {
        Some(end) if end <= ctx.limits.string_max_bytes => Ok(()),
        _ => Err(CommandError::StringTooLong),
    }
}

/// Writes `bytes` into the string at `key` (a missing one counts as empty) from `offset` on, filling a gap with
/// zeros, and returns the new length. The TTL stays, the value is `raw` afterwards. O(bytes) for chunked strings,
/// O(length) below. The caller checked type and length.
pub(crate) fn overwrite(ctx: &mut Ctx<'_>, key: Key<'_>, offset: usize, bytes: &[u8]) -> usize {
    let mut edited: SmallVec<[u8; 512]> = SmallVec::new();
    let mut is_big = false;
    match ctx.space.peek(key).map(Text::of) {
        Some(Ok(Text::Bytes(old))) => edited.extend_from_slice(old),
        Some(Ok(Text::Int(n))) => edited.extend_from_slice(format_i64(n, &mut IntBuf::new())),
        Some(Ok(Text::Big(_))) => is_big = true,
        Some(Err(_)) | None => {}
    }
    if is_big && let Some(Object::String(big)) = ctx.space.object_mut(key) {
        big.set_range(offset, bytes);
        return big.len();
    }
    let end = offset + bytes.len();
    if end > INLINE_MAX_BYTES {
        let mut big = BigString::from_slice(&edited);
        big.set_range(offset, bytes);
        let len = big.len();
        ctx.space.set(key, NewValue::Object(Box::new(Object::String(big))), Ttl::Keep);
        return len;
    }
    if offset >= edited.len() {
        edited.resize(offset, 0);
        edited.extend_from_slice(bytes);
    } else {
        if end > edited.len() {
            edited.resize(end, 0);
        }
        edited[offset..end].copy_from_slice(bytes);
    }
    ctx.set_edited(key, &edited, Ttl::Keep);
    edited.len()
}

/// Whether clients see an edit of this string that leaves its bytes as they are, by its encoding.
pub(crate) fn turns_raw(entry: EntryRef<'_>) -> bool {
    encoding_name(entry) != "raw"
}
