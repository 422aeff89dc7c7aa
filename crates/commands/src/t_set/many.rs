//! All members of one set, at once or step by step: `SMEMBERS`, `SSCAN`.

use structures::set::Set;
use wire::glob;
use wire::number::{IntBuf, format_u64};
use wire::resp::encode::ReplyWriter;

use super::reply_member;
use crate::keys::{ScanArgs, scan_cursor};
use crate::slices::{AT_ONCE_MAX, Gathered, gather_in_slices, write_in_slices};
use crate::{Args, CommandResult, Ctx, Outcome};

/// Members that a step of a long reply writes.
const STEP_MEMBERS: usize = 16;
/// Members that a slice of a walk meets.
const SLICE_MEMBERS: usize = 2000;

/// `SMEMBERS key`: all members. O(n).
pub fn smembers(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let Some(set) = ctx.space.read_as::<Set>(key)? else {
        ctx.reply.set(0);
        return Ok(Outcome::Done);
    };
    ctx.reply.set(set.len());
    reply_all(&mut ctx.reply, set)
}

/// Replies with all members, behind a header that is written already.
pub(super) fn reply_all(reply: &mut ReplyWriter<'_>, set: &Set) -> CommandResult {
    if set.len() <= AT_ONCE_MAX {
        set.visit(|member| reply_member(reply, member));
        return Ok(Outcome::Done);
    }
    let set = set.clone();
    let mut next = Some(0);
    write_in_slices(move |reply| {
        let Some(from) = next else { return false };
        let to = set.walk(from, STEP_MEMBERS, |member| reply_member(reply, member));
        next = (to != 0).then_some(to);
        true
    })
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`: some members and where to go on. A compact set comes as a whole.
/// O(count).
pub fn sscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let cursor = scan_cursor(args.get(2))?;
    let key = ctx.key(args, 1);
    let Some(set) = ctx.space.read_as::<Set>(key)? else {
        reply_scan(&mut ctx.reply, 0, 0);
        return Ok(Outcome::Done);
    };
    let options = ScanArgs::parse(args, 3, "sscan")?;
    let (from, want) = if set.is_compact() { (0, set.len()) } else { (cursor, options.count.min(set.len())) };
    if want <= AT_ONCE_MAX {
        let mut found = Vec::new();
        let mut items = ReplyWriter::new(&mut found, ctx.reply.resp);
        let mut count = 0;
        let next = set.walk(from, want, |member| {
            let mut text = IntBuf::new();
            let bytes = member.as_bytes(&mut text);
            if options.pattern.is_none_or(|pattern| glob::matches(pattern, bytes, false)) {
                items.bulk(bytes);
                count += 1;
            }
        });
        reply_scan(&mut ctx.reply, next, count);
        ctx.reply.raw(&found);
        return Ok(Outcome::Done);
    }
    let (set, pattern) = (set.clone(), options.pattern.map(<[u8]>::to_vec));
    let (mut at, mut left) = (from, want);
    let step = move |found: &mut Gathered| {
        let now = left.min(SLICE_MEMBERS);
        at = set.walk(at, now, |member| {
            let mut text = IntBuf::new();
            let bytes = member.as_bytes(&mut text);
            if pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, bytes, false)) {
                found.add(|reply| reply.bulk(bytes));
            }
        });
        left -= now;
        found.cursor = at;
        at != 0 && left > 0
    };
    gather_in_slices(ctx.reply.resp, step, |reply, found| reply_scan(reply, found.cursor, found.count))
}

/// The head of `SSCAN`'s reply.
fn reply_scan(reply: &mut ReplyWriter<'_>, cursor: u64, count: usize) {
    reply.array(2);
    reply.bulk(format_u64(cursor, &mut IntBuf::new()));
    reply.array(count);
}
