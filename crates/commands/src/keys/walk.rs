//! Walks over the keys of a database: `KEYS`, `SCAN`, `RANDOMKEY`, `DBSIZE` (<https://valkey.io/commands/scan/>).
//!
//! A walk holds one shard at a time and at most [`SLICE_KEYS`] keys' worth of it, then lets others go on. A key that is
//! there from the first slice to the last is met exactly once.

use keyspace::scan::{ScanCursor, Walk};
use keyspace::{EntryRef, Sharding, slot_of};
use wire::glob;
use wire::number::parse_i64;
use wire::resp::Resp;
use wire::resp::encode::ReplyWriter;

use super::type_name;
use crate::options::integer;
use crate::table::Continuation;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Keys met in one slice: a millisecond's work at most, however cold the cache.
const SLICE_KEYS: usize = 8192;

/// `KEYS pattern`: all keys that match. O(keys of the database), in slices.
pub fn keys(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let filter = Filter { pattern: pattern(args.get(1)), type_name: None };
    let mut walk = Walker::new(ctx, filter, ScanCursor::default(), None);
    match walk.slice(ctx) {
        Step::More | Step::Busy(_) => Ok(Outcome::Continue(walk.rest())),
        Step::Done(_) => Ok(walk.reply(ctx, ScanCursor::default())),
    }
}
