//! `HSCAN` (<https://valkey.io/commands/hscan/>).

use structures::hash::{Hash, Pair};
use wire::glob;
use wire::number::{IntBuf, format_u64};
use wire::resp::{ReplyWriter, Resp};

use super::reply_item;
use crate::keys::{ScanArgs, scan_cursor};
use crate::slices::AT_ONCE_MAX;
use crate::{Args, CommandResult, Ctx, Outcome};

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`: some fields, with values unless told otherwise, and
/// where to go on. A hash in encoding `listpack` comes as a whole. O(count), in slices.
pub fn hscan(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let cursor = scan_cursor(args.get(2))?;
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    let Ctx { space, reply, .. } = ctx;
    let Some(hash) = space.read_as::<Hash>(key)? else {
        reply_found(reply, 0, 0, b"");
        return Ok(Outcome::Done);
    };
    let options = ScanArgs::parse(args, 3, "hscan")?;
    let mut scan = Scan {
        cursor,
        left: options.count,
        pattern: options.pattern.map(<[u8]>::to_vec),
        bare: options.without_values,
        now_ms,
        found: 0,
        out: Vec::new(),
    };
    if hash.is_scanned_at_once() {
        scan.left = hash.len();
    }
    if scan.left <= AT_ONCE_MAX || hash.len() <= AT_ONCE_MAX {
        scan.advance(hash, usize::MAX);
        scan.finish(reply);
        return Ok(Outcome::Done);
    }
    Ok(scan.go_on(hash.clone()))
}

/// A walk under way.
struct Scan {
    cursor: u64,
    left: usize,
    pattern: Option<Vec<u8>>,
    bare: bool,
    now_ms: i64,
    found: usize,
    /// What was found, as bulk strings.
    out: Vec<u8>,
}

impl Scan {
    /// Meets up to `want` more fields. `true` when that was all.
    fn advance(&mut self, hash: &Hash, want: usize) -> bool {
        let Scan { pattern, bare, now_ms, found, out, .. } = self;
        let mut reply = ReplyWriter::new(out, Resp::V2);
        let want = want.min(self.left);
        let mut visit = |pair: Pair<'_>| {
            let accepts =
                |pattern: &Vec<u8>| glob::matches(pattern, pair.field.as_bytes(&mut IntBuf::new()), false);
            if pair.is_expired(*now_ms) || !pattern.as_ref().is_none_or(accepts) {
                return;
            }
            *found += 1;
            reply_item(&mut reply, pair.field);
            if !*bare {
                *found += 1;
                reply_item(&mut reply, pair.value);
            }
        };
        self.cursor = hash.scan(self.cursor, want, &mut visit);
        self.left -= want;
        self.left == 0 || self.cursor == 0
    }

    /// The rest in slices, from a clone.
    fn go_on(self, hash: Hash) -> Outcome {
        let mut rest = Some((self, hash));
        Outcome::Continue(Box::new(move |ctx| {
            let Some((mut scan, hash)) = rest.take() else { return Ok(Outcome::Done) };
            if scan.advance(&hash, AT_ONCE_MAX) {
                scan.finish(&mut ctx.reply);
                return Ok(Outcome::Done);
            }
            Ok(scan.go_on(hash))
        }))
    }

    fn finish(self, reply: &mut ReplyWriter<'_>) {
        reply_found(reply, self.cursor, self.found, &self.out);
    }
}

fn reply_found(reply: &mut ReplyWriter<'_>, cursor: u64, found: usize, strings: &[u8]) {
    reply.array(2);
    reply.bulk(format_u64(cursor, &mut IntBuf::new()));
    reply.array(found);
    reply.raw(strings);
}
