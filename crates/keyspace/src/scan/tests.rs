//! Cursors, and walks over a keyspace that changes.

use std::collections::{BTreeSet, HashMap};

use super::*;
use crate::testing::{Plain, World};
use crate::{Locked, Ttl};

#[test]
fn cursors_round_trip_below_2_to_48() {
    for (sharding, shards) in [(Sharding::Hash { bits: 10 }, 1024), (Sharding::Slot, SLOTS)] {
        for shard in [0, 1, shards - 1] {
            for order in [0, 1, (1 << ORDER_BITS) - 1] {
                let cursor = ScanCursor { shard, order };
                let number = cursor.encode(sharding);
                assert!(number < 1 << 48);
                assert_eq!(ScanCursor::decode(number, sharding, shards), Some(cursor));
            }
        }
    }
    assert_eq!(ScanCursor::decode(u64::MAX, Sharding::Hash { bits: 10 }, 1024), None);
}

#[test]
fn a_walk_visits_what_stays_exactly_once() {
    for (seed, bits, size) in [(1, 0, 0), (2, 0, 3000), (3, 4, 3000), (4, 8, 100), (5, 2, 6000)] {
        let mut world = World::new(seed, bits, 2);
        let past = world.now_ms;
        for i in 0..size {
            let ttl = if i % 7 == 0 { Ttl::At(past) } else { Ttl::Clear };
            world.set(1, format!("stays {i}").as_bytes(), Plain::Int(i), ttl);
        }
        world.now_ms += 1;
        let (mut at, mut seen) = (ScanCursor::default(), BTreeSet::new());
        loop {
            let want = 1 + world.rng.below(40);
            let mut visited = 0;
            let mut space = Space::new(
                world.keyspace,
                &mut world.local,
                Locked::none(),
                1,
                world.now_ms,
                crate::evict::Access::None,
            );
            let walk = space.walk(at, want, |entry| {
                visited += 1;
                assert!(seen.insert(entry.key().to_vec()), "no key comes twice");
            });
            drop(space);
            assert!(visited < want + 200, "a step is bounded: {visited} for {want}");
            match walk {
                Walk::More(next) => {
                    assert!((next.shard, next.order) > (at.shard, at.order));
                    at = next;
                }
                Walk::End => break,
                Walk::Busy(_) => panic!("nobody else is here"),
            }
            for _ in 0..world.rng.below(50) {
                let (name, db) = (world.name(2000), world.db());
                if world.rng.below(3) == 0 {
                    world.delete(db, &name);
                } else {
                    world.set(db, &name, Plain::Int(1), Ttl::Clear);
                }
            }
        }
        for i in 0..size {
            let expired = i % 7 == 0;
            assert_eq!(seen.contains(format!("stays {i}").as_bytes()), !expired, "key {i} of seed {seed}");
        }
        world.end();
    }
}

#[test]
fn a_busy_shard_stops_a_walk_where_it_goes_on() {
    let mut world = World::new(1, 1, 1);
    for i in 0..100 {
        world.set(0, format!("{i}").as_bytes(), Plain::Int(i), Ttl::Clear);
    }
    let held = world.keyspace.lock_shard(1).expect("free");
    let mut seen = 0;
    let (keyspace, now_ms) = (world.keyspace, world.now_ms);
    let mut space =
        Space::new(keyspace, &mut world.local, Locked::none(), 0, now_ms, crate::evict::Access::None);
    let Walk::Busy(at) = space.walk(ScanCursor::default(), 1000, |_| seen += 1) else {
        panic!("shard 1 is held")
    };
    assert_eq!(at, ScanCursor { shard: 1, order: 0 });
    assert!(matches!(space.random_key(|| u64::MAX), Err(1)));
    drop(held);
    assert_eq!(space.walk(at, 1000, |_| seen += 1), Walk::End);
    assert_eq!(seen, 100);
    drop(space);
    world.end();
}

#[test]
fn random_keys_are_live_and_all_of_them_come() {
    let mut world = World::new(9, 3, 1);
    let past = world.now_ms;
    for i in 0..200 {
        let ttl = if i % 2 == 0 { Ttl::At(past) } else { Ttl::Clear };
        world.set(0, format!("{i}").as_bytes(), Plain::Int(i), ttl);
    }
    world.now_ms += 1;
    let mut drawn: HashMap<Vec<u8>, usize> = HashMap::new();
    for i in 0..20_000u64 {
        let mut rng = crate::testing::Rng(i);
        let mut space = world.space(0);
        let key = space.random_key(|| rng.next()).expect("nobody else is here").expect("keys are there");
        *drawn.entry(key).or_default() += 1;
    }
    assert_eq!(drawn.len(), 100, "every live key and no other");
    // Shards differ in size, so the draw is even only nearly: 200 a key.
    assert!(drawn.values().all(|&n| (60..600).contains(&n)), "{drawn:?}");
    world.flush(0);
    assert!(matches!(world.space(0).random_key(|| 5), Ok(None)));
    world.end();
}
