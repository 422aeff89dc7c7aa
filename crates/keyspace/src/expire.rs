//! Active expiry: keys whose TTL passed leave without anybody asking for them, and so do fields of hashes.
//!
//! Each shard knows a lower bound of its next expiry, each bucket one of its keys' and of what expires in their values
//! (see `structures::table`), so a pass touches what is due and little else: no sampling, no share of expired keys that
//! lingers. Each thread cares for its own shards, within a budget per call.

use crate::shard::{Keyspace, Locked};
use crate::space::{Local, Space};
use crate::{Class, Key, evict::Access};

/// Buckets looked at per lock hold.
const BUCKETS_PER_HOLD: u32 = 128;
/// Keys and fields removed per lock hold.
const REMOVED_PER_HOLD: u32 = 32;

/// One thread's round over its shards.
#[derive(Debug, Default)]
pub struct ExpireCycle {
    next: u32,
}

impl ExpireCycle {
    /// Expires keys in the shards of `thread` (of `threads`) until `out_of_time` says so or all were visited once.
    /// `commit` is called before a shard is released, to log what was removed. Returns the keys and fields removed.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &mut self,
        keyspace: &'static Keyspace,
        local: &mut Local,
        thread: u32,
        threads: u32,
        now_ms: i64,
        mut out_of_time: impl FnMut() -> bool,
        mut commit: impl FnMut(&mut Local),
    ) -> u64 {
        let mine = keyspace.shard_count().div_ceil(threads);
        let mut removed = 0;
        for visited in 0..mine {
            let number = self.next * threads + thread;
            if number < keyspace.shard_count() {
                loop {
                    let (count, more) = expire_shard(keyspace, local, number, now_ms, &mut commit);
                    removed += u64::from(count);
                    // A few removals may have rebuilt the table: that takes long in itself.
                    if (more || count > 0) && out_of_time() {
                        return removed;
                    }
                    if !more {
                        break;
                    }
                }
            }
            self.next = (self.next + 1) % mine;
            if visited % 64 == 63 && out_of_time() {
                break;
            }
        }
        removed
    }
}

/// One lock hold's worth of expiry in a shard. Returns keys and fields removed and whether more is due.
fn expire_shard(
    keyspace: &'static Keyspace,
    local: &mut Local,
    number: u32,
    now_ms: i64,
    commit: &mut impl FnMut(&mut Local),
) -> (u32, bool) {
    let mut locked = Locked::none();
    if !locked.enter(keyspace, number) {
        return (0, false);
    }
    if locked.shard(keyspace, number).next_expiry_at_ms >= now_ms {
        return (0, false);
    }
    let mut space = Space::new(keyspace, local, locked, 0, now_ms, Access::None);
    let (mut cursor, mut db, mut found) = {
        let cold = space.shard(number).cold_mut();
        (cold.expire_cursor, cold.expire_db, cold.expire_found)
    };
    let mut buckets = BUCKETS_PER_HOLD;
    let mut removed = 0;
    let more = loop {
        let shard = space.shard(number);
        if db >= shard.databases() {
            // A full pass: the exact bound replaces the estimate.
            let next = (0..shard.databases()).filter_map(|d| shard.table(d)?.earliest_due_ms()).min();
            let next = next.unwrap_or(i64::MAX);
            shard.next_expiry_at_ms = next;
            db = 0;
            // Removals shrink the table, and what a resize moves behind the cursor was not seen: look again.
            break std::mem::take(&mut found) && next < now_ms;
        }
        // `expire_at < now` is expired, so the walk asks for `<= now - 1`.
        let due = match shard.table(db) {
            Some(_) => shard.table_mut(db).next_due(&mut cursor, now_ms - 1, &mut buckets),
            None => None,
        };
        match due {
            Some(slot) => {
                let entry = shard.table(db).expect("it was walked").entry(slot);
                let is_expired = entry.expire_at_ms().is_some_and(|at| at < now_ms);
                let key = entry.key().to_vec();
                let key = Key { shard: number, ..keyspace.hasher.place(&key) };
                space.select(keyspace.logical(db));
                if is_expired {
                    space.local.counters.expired_keys += 1;
                    space.drop_key(key, slot, Class::EXPIRED, "expired");
                    removed += 1;
                } else {
                    let want = (REMOVED_PER_HOLD - removed) as usize;
                    removed += space.drop_expired_fields(key, slot, want) as u32;
                }
                found = true;
                if removed == REMOVED_PER_HOLD {
                    break true;
                }
            }
            None if buckets == 0 => break true,
            None => {
                db += 1;
                cursor = Default::default();
            }
        }
    };
    let cold = space.shard(number).cold_mut();
    cold.expire_cursor = cursor;
    cold.expire_db = db;
    cold.expire_found = found;
    commit(space.local);
    (removed, more)
}

#[cfg(test)]
mod tests;
