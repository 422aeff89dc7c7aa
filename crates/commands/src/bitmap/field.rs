//! `BITFIELD`, `BITFIELD_RO`: integers of any width at any bit (<https://valkey.io/commands/bitfield/>).

use keyspace::{Class, Key, NewValue, Ttl};
use smallvec::SmallVec;
use structures::bits::{Field, Overflow};
use structures::object::INLINE_MAX_BYTES;

use super::{bit_offset, bytes_at, string_at};
use crate::ctx::Text;
use crate::options::integer;
use crate::t_string::edit::{overwrite, turns_raw};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Bytes that hold a field of 64 bits wherever it begins.
const FIELD_BYTES_MAX: usize = 9;

/// What to do with a field.
#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

/// One operation of a call.
#[derive(Clone, Copy)]
struct Operation {
    action: Action,
    field: Field,
    offset: u64,
    overflow: Overflow,
}

type Operations = SmallVec<[Operation; 8]>;

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] <SET type offset value | INCRBY type offset n>] …`:
/// one result each, null where an overflow failed. O(1) for each operation on a chunked string; on a short one the
/// string is copied once.
pub fn bitfield(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (operations, write_end) = parse(ctx, args)?;
    match write_end {
        Some(end) => write(ctx, args, &operations, end),
        None => read(ctx, args, &operations),
    }
}

/// `BITFIELD_RO key [GET type offset …]`. O(1) for each operation.
pub fn bitfield_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (operations, write_end) = parse(ctx, args)?;
    if write_end.is_some() {
        return Err(CommandError::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(ctx, args, &operations)
}

/// The operations, and the end in bytes of what they write, if any writes.
fn parse(ctx: &Ctx<'_>, args: &Args<'_>) -> Result<(Operations, Option<u64>), CommandError> {
    let mut operations = Operations::new();
    let mut overflow = Overflow::default();
    let mut write_end = None;
    let mut i = 2;
    while i < args.len() {
        let left = args.len() - i - 1;
        if args.is(i, "OVERFLOW") && left >= 1 {
            overflow = Overflow::parse(args.get(i + 1))
                .ok_or(CommandError::text("ERR Invalid OVERFLOW type specified"))?;
            i += 2;
            continue;
        }
        let is_get = args.is(i, "GET") && left >= 2;
        let is_set = args.is(i, "SET") && left >= 3;
        let is_incrby = args.is(i, "INCRBY") && left >= 3;
        if !is_get && !is_set && !is_incrby {
            return Err(CommandError::Syntax);
        }
        let field = Field::parse(args.get(i + 1)).ok_or(CommandError::text(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))?;
        let offset = bit_offset(ctx, args.get(i + 2), Some(field.bits()))?;
        let action = if is_get {
            Action::Get
        } else {
            let number = integer(args.get(i + 3))?;
            write_end = write_end.max(Some(field.byte_range(offset).end));
            if is_set { Action::Set(number) } else { Action::IncrBy(number) }
        };
        operations.push(Operation { action, field, offset, overflow });
        i += if is_get { 3 } else { 4 };
    }
    Ok((operations, write_end))
}

fn read(ctx: &mut Ctx<'_>, args: &Args<'_>, operations: &[Operation]) -> CommandResult {
    let key = ctx.key(args, 1);
    let text = ctx.space.read(key).map(Text::of).transpose()?.unwrap_or(Text::Bytes(b""));
    ctx.reply.array(operations.len());
    for operation in operations {
        let window = bytes_at::<FIELD_BYTES_MAX>(text, operation.offset / 8);
        ctx.reply.int(operation.field.get(&window, operation.offset % 8));
    }
    Ok(Outcome::Done)
}

/// The string grows to `end` bytes even if every operation fails, as in Valkey.
fn write(ctx: &mut Ctx<'_>, args: &Args<'_>, operations: &[Operation], end: u64) -> CommandResult {
    let key = ctx.key(args, 1);
    let end = end as usize;
    let (len, is_chunked, becomes_raw) = match ctx.space.read_for_write(key) {
        Some(entry) => {
            let text = Text::of(entry)?;
            (text.len(), matches!(text, Text::Big(_)), turns_raw(entry))
        }
        None => (0, false, true),
    };
    ctx.reply.array(operations.len());
    if len.max(end) <= INLINE_MAX_BYTES && !is_chunked {
        let mut string = string_at(ctx, key).to_vec();
        string.resize(len.max(end), 0);
        let (mut changed, mut applied) = (false, false);
        for operation in operations {
            let range = operation.field.byte_range(operation.offset);
            let touched = range.start as usize..(range.end as usize).min(string.len());
            let window = string.get_mut(touched).unwrap_or(&mut []);
            let outcome = run(ctx, operation, window);
            applied |= outcome.is_some();
            changed |= outcome == Some(true);
        }
        if changed || (applied && end > len) {
            ctx.set_edited(key, &string, Ttl::Keep);
            ctx.notify(Class::STRING, "setbit", key);
        } else if end > len {
            // Whoever watches the key is not told of growth alone.
            ctx.space.recode(key, NewValue::Bytes { bytes: &string, raw: true });
        } else if becomes_raw {
            ctx.space.mark_raw(key);
        }
        return Ok(Outcome::Done);
    }
    if end > len {
        overwrite(ctx, key, end - 1, &[0]);
    }
    let (mut changed, mut applied) = (false, false);
    for operation in operations {
        let outcome = run_in_place(ctx, key, operation);
        applied |= outcome.is_some();
        changed |= outcome == Some(true);
    }
    if changed || (applied && end > len) {
        ctx.notify(Class::STRING, "setbit", key);
    }
    Ok(Outcome::Done)
}

/// One operation on a chunked string: what [`run`] says of it.
fn run_in_place(ctx: &mut Ctx<'_>, key: Key<'_>, operation: &Operation) -> Option<bool> {
    let range = operation.field.byte_range(operation.offset);
    let mut window = bytes_at::<FIELD_BYTES_MAX>(string_at(ctx, key), range.start);
    let window = &mut window[..(range.end - range.start) as usize];
    let outcome = run(ctx, operation, window);
    if outcome == Some(true) {
        overwrite(ctx, key, range.start as usize, window);
    }
    outcome
}

/// Runs one operation on the bytes that hold its field (or fewer, where it only reads) and replies. Returns whether
/// they changed, `None` if it wrote nothing.
fn run(ctx: &mut Ctx<'_>, operation: &Operation, window: &mut [u8]) -> Option<bool> {
    let Operation { action, field, offset, overflow } = *operation;
    let bit = offset % 8;
    let old = field.get(window, bit);
    let (new, answer) = match action {
        Action::Get => (None, Some(old)),
        Action::Set(value) => {
            let new = field.resolve_set(value, overflow);
            (new, new.map(|_| old))
        }
        Action::IncrBy(increment) => {
            let new = field.resolve_incr(old, increment, overflow);
            (new, new)
        }
    };
    match answer {
        Some(number) => ctx.reply.int(number),
        None => ctx.reply.null(),
    }
    new.map(|new| {
        field.set(window, bit, new);
        new != old
    })
}
