//! `HRANDFIELD` (<https://valkey.io/commands/hrandfield/>).
//!
//! A field that has expired but was not removed yet is never shown: another is drawn in its place.

use std::collections::HashSet;

use structures::hash::{Hash, Pair};
use sys::random::Rng;
use wire::resp::ReplyWriter;

use super::all::{Shown, reply_hash};
use super::reply_item;
use crate::options::integer;
use crate::slices::{AT_ONCE_MAX, write_in_slices};
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Draws of one field before a hash counts as one whose fields have all expired.
const DRAWS: usize = 100;

/// `HRANDFIELD key [count [WITHVALUES]]`: a random field, or `count` different ones, or for a negative count that many
/// that may repeat. O(fields returned), in slices.
pub fn hrandfield(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let now_ms = ctx.space.now_ms;
    if args.len() == 2 {
        let Ctx { space, reply, rng, .. } = ctx;
        match space.read_as::<Hash>(key)?.and_then(|hash| draw(hash, now_ms, rng)) {
            Some(pair) => reply_item(reply, pair.field),
            None => reply.null(),
        }
        return Ok(Outcome::Done);
    }
    let (count, shown) = options(args)?;
    let Ctx { space, reply, rng, .. } = ctx;
    let hash = space.read_as::<Hash>(key)?;
    let many = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let Some(hash) = hash.filter(|_| many > 0) else {
        reply.array(0);
        return Ok(Outcome::Done);
    };
    if count < 0 || many == 1 {
        return reply_draws(reply, hash, many, now_ms, shown, rng);
    }
    if many >= hash.len() {
        return reply_hash(reply, hash, now_ms, shown);
    }
    if hash.has_expired(now_ms) {
        return reply_some_left(reply, hash, many, now_ms, shown, rng);
    }
    if many * 3 > hash.len() {
        reply_selection(reply, hash, many, shown, rng)
    } else {
        reply_distinct(reply, hash, many, shown, rng)
    }
}

fn options(args: &Args<'_>) -> Result<(i64, Shown), CommandError> {
    let count = integer(args.get(2))?;
    if count == i64::MIN {
        return Err(CommandError::text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    match args.len() {
        3 => Ok((count, Shown::Fields)),
        4 if args.is(3, "withvalues") => {
            // Twice as many elements must be countable.
            if count.unsigned_abs() > i64::MAX as u64 / 2 {
                return Err(CommandError::text("ERR value is out of range"));
            }
            Ok((count, Shown::Pairs))
        }
        _ => Err(CommandError::Syntax),
    }
}

/// A random field that has not expired; `None` when there seems to be none.
fn draw<'h>(hash: &'h Hash, now_ms: i64, rng: &mut Rng) -> Option<Pair<'h>> {
    (0..DRAWS).find_map(|_| hash.nth(rng.index(hash.len())).filter(|pair| !pair.is_expired(now_ms)))
}

/// `count` random fields, each drawn from all.
fn reply_draws(
    reply: &mut ReplyWriter<'_>,
    hash: &Hash,
    count: usize,
    now_ms: i64,
    shown: Shown,
    rng: &mut Rng,
) -> CommandResult {
    let Some(first) = draw(hash, now_ms, rng) else {
        reply.array(0);
        return Ok(Outcome::Done);
    };
    shown.open(reply, count);
    shown.write(reply, first);
    let mut left = count - 1;
    if left <= AT_ONCE_MAX {
        (0..left).for_each(|_| shown.write(reply, draw(hash, now_ms, rng).unwrap_or(first)));
        return Ok(Outcome::Done);
    }
    let (hash, mut rng) = (hash.clone(), Rng::new(rng.next_u64()));
    write_in_slices(move |reply| {
        if left == 0 {
            return false;
        }
        left -= 1;
        // The first one drawn shows that there are some; at worst it takes long to find another.
        let pair = loop {
            if let Some(pair) = draw(&hash, now_ms, &mut rng) {
                break pair;
            }
        };
        shown.write(reply, pair);
        true
    })
}

/// `count` different fields of a hash that has not many more, in the order of the hash (Knuth, The Art of Computer
/// Programming, volume 2, algorithm 3.4.2 S).
fn reply_selection(
    reply: &mut ReplyWriter<'_>,
    hash: &Hash,
    count: usize,
    shown: Shown,
    rng: &mut Rng,
) -> CommandResult {
    shown.open(reply, count);
    let (mut wanted, mut left) = (count, hash.len());
    let mut takes = move |rng: &mut Rng| {
        let takes = rng.index(left) < wanted;
        left -= 1;
        wanted -= usize::from(takes);
        takes
    };
    if hash.len() <= AT_ONCE_MAX {
        hash.iter().filter(|_| takes(rng)).for_each(|pair| shown.write(reply, pair));
        return Ok(Outcome::Done);
    }
    let (hash, mut rng, mut next) = (hash.clone(), Rng::new(rng.next_u64()), 0);
    const BATCH: usize = 32;
    write_in_slices(move |reply| {
        let before = next;
        for pair in hash.iter_from(before).take(BATCH) {
            next += 1;
            if takes(&mut rng) {
                shown.write(reply, pair);
            }
        }
        next > before
    })
}

/// `count` different fields of a hash that has many more.
fn reply_distinct(
    reply: &mut ReplyWriter<'_>,
    hash: &Hash,
    count: usize,
    shown: Shown,
    rng: &mut Rng,
) -> CommandResult {
    shown.open(reply, count);
    let (mut drawn, len) = (HashSet::new(), hash.len());
    let mut next = move |rng: &mut Rng| loop {
        let index = rng.index(len);
        if drawn.insert(index) {
            return index;
        }
    };
    if count <= AT_ONCE_MAX {
        for _ in 0..count {
            hash.nth(next(rng)).into_iter().for_each(|pair| shown.write(reply, pair));
        }
        return Ok(Outcome::Done);
    }
    let (hash, mut rng, mut left) = (hash.clone(), Rng::new(rng.next_u64()), count);
    write_in_slices(move |reply| {
        if left == 0 {
            return false;
        }
        left -= 1;
        hash.nth(next(&mut rng)).into_iter().for_each(|pair| shown.write(reply, pair));
        true
    })
}

/// As [`reply_selection`], for hashes in which some fields have expired: how many can be chosen from is counted first.
fn reply_some_left(
    reply: &mut ReplyWriter<'_>,
    hash: &Hash,
    count: usize,
    now_ms: i64,
    shown: Shown,
    rng: &mut Rng,
) -> CommandResult {
    fn write(out: &mut ReplyWriter<'_>, hash: &Hash, count: usize, now_ms: i64, shown: Shown, rng: &mut Rng) {
        let pairs = || hash.iter().filter(|pair| !pair.is_expired(now_ms));
        let mut left = pairs().count();
        let mut wanted = count.min(left);
        shown.open(out, wanted);
        for pair in pairs() {
            if rng.index(left) < wanted {
                shown.write(out, pair);
                wanted -= 1;
            }
            left -= 1;
        }
    }
    if hash.len() <= AT_ONCE_MAX {
        write(reply, hash, count, now_ms, shown, rng);
        return Ok(Outcome::Done);
    }
    let (hash, mut rng, resp) = (hash.clone(), Rng::new(rng.next_u64()), reply.resp);
    Ok(Outcome::Worker(Box::new(move || {
        let mut out = Vec::new();
        write(&mut ReplyWriter::new(&mut out, resp), &hash, count, now_ms, shown, &mut rng);
        out
    })))
}
