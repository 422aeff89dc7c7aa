//! `ZSCAN` (<https://valkey.io/commands/zscan/>).

use structures::zset::Zset;
use wire::glob;
use wire::number::{DoubleBuf, IntBuf, format_f64, format_f64_17, format_u64};

use crate::keys::{ScanArgs, scan_cursor};
use crate::{Args, CommandResult, Ctx, Outcome};

/// `ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]`: some members, with scores unless told otherwise, and
/// where to go on. A compact set comes as a whole. O(count).
pub fn zscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let cursor = scan_cursor(args.get(2))?;
    let key = ctx.key(args, 1);
    let Some(zset) = ctx.space.read_as::<Zset>(key)? else {
        ctx.reply.array(2);
        ctx.reply.bulk(b"0");
        ctx.reply.array(0);
        return Ok(Outcome::Done);
    };
    let options = ScanArgs::parse(args, 3, "zscan")?;
    let reply = &mut ctx.reply;
    let compact = zset.is_compact();
    let mut found = 0;
    let mut out = Vec::new();
    let mut items = wire::resp::ReplyWriter::new(&mut out, reply.resp);
    let next = zset.scan(cursor, options.count, |member, score| {
        if options.pattern.is_some_and(|pattern| !glob::matches(pattern, member, false)) {
            return;
        }
        found += 1;
        items.bulk(member);
        if !options.without_values {
            found += 1;
            let mut text = DoubleBuf::new();
            // Valkey has the compact form's own text, but seventeen digits of the other.
            items.bulk(if compact { format_f64(score, &mut text) } else { format_f64_17(score, &mut text) });
        }
    });
    reply.array(2);
    reply.bulk(format_u64(next, &mut IntBuf::new()));
    reply.array(found);
    reply.raw(&out);
    Ok(Outcome::Done)
}
