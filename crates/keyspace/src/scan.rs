//! `SCAN`'s cursor and the walks over all shards.
//!
//! A cursor is the place to go on from: shard and hash order, nothing else, so it needs no memory here, survives
//! resizes, and stays below 2^48 (some clients keep cursors in doubles). With slot sharding the slot is in the low 14
//! bits, as in Valkey.

use structures::entry::EntryRef;
use structures::table::ORDER_BITS;

use crate::key::{SLOTS, Sharding};
use crate::space::Space;

/// Where an iteration goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ScanCursor {
    /// The shard.
    pub shard: u32,
    /// The hash order in it.
    pub order: u32,
}

impl ScanCursor {
    /// The cursor's number on the wire. Zero is the start and, returned, the end.
    pub fn encode(self, sharding: Sharding) -> u64 {
        match sharding {
            Sharding::Hash { .. } => u64::from(self.shard) << ORDER_BITS | u64::from(self.order),
            Sharding::Slot => u64::from(self.order) << 14 | u64::from(self.shard),
        }
    }

    /// The place a client's number stands for; `None` when there is none (the iteration is over).
    pub fn decode(number: u64, sharding: Sharding, shards: u32) -> Option<ScanCursor> {
        let (shard, order) = match sharding {
            Sharding::Hash { .. } => (number >> ORDER_BITS, number & ((1 << ORDER_BITS) - 1)),
            Sharding::Slot => (number % u64::from(SLOTS), number >> 14),
        };
        (shard < u64::from(shards) && order < 1 << ORDER_BITS)
            .then_some(ScanCursor { shard: shard as u32, order: order as u32 })
    }
}

/// How a walk step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// More follows from here.
    More(ScanCursor),
    /// Everything was visited.
    End,
    /// The shard is busy: try again from here.
    Busy(ScanCursor),
}

impl Space<'_> {
    /// Visits about `want` keys of the current database from `from` on, expired ones left out, one shard locked at a
    /// time. Empty shards cost a few nanoseconds each.
    pub fn walk(&mut self, from: ScanCursor, want: usize, mut visit: impl FnMut(EntryRef<'_>)) -> Walk {
        let mut at = from;
        let mut seen = 0;
        let now_ms = self.now_ms;
        let physical = self.physical();
        while at.shard < self.keyspace.shard_count() {
            if !self.enter(at.shard) {
                return Walk::Busy(at);
            }
            let next = self.shard(at.shard).table(physical).and_then(|table| {
                table.scan(at.order, want - seen, |entry| {
                    seen += 1;
                    if entry.expire_at_ms().is_none_or(|t| t >= now_ms) {
                        visit(entry);
                    }
                })
            });
            self.leave();
            at = match next {
                Some(order) => ScanCursor { shard: at.shard, order },
                None => ScanCursor { shard: at.shard + 1, order: 0 },
            };
            if seen >= want {
                break;
            }
        }
        if at.shard == self.keyspace.shard_count() { Walk::End } else { Walk::More(at) }
    }

    /// A random key of the current database, nearly uniform, expired ones left out. `Err` when a shard is busy.
    pub fn random_key(&mut self, mut random: impl FnMut() -> u64) -> Result<Option<Vec<u8>>, u32> {
        let physical = self.physical();
        let shards = self.keyspace.shard_count();
        for attempt in 0..100 {
            let start = (random() % u64::from(shards)) as u32;
            if self.keyspace.len(self.db()) == 0 {
                return Ok(None);
            }
            for i in 0..shards {
                let number = (start + i) % shards;
                if !self.enter(number) {
                    return Err(number);
                }
                let now_ms = self.now_ms;
                let found = self.shard(number).table(physical).and_then(|table| {
                    let slot = table.random(&mut random)?;
                    let entry = table.entry(slot);
                    // Many expired keys not yet removed: take one rather than search for ever, as Valkey does.
                    let live = attempt > 90 || entry.expire_at_ms().is_none_or(|t| t >= now_ms);
                    Some(live.then(|| entry.key().to_vec()))
                });
                self.leave();
                match found {
                    Some(Some(key)) => return Ok(Some(key)),
                    Some(None) => break,
                    None => {}
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
