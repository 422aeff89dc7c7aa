//! What is due leaves, nothing else does, and each removal is logged in the database that clients know.

use std::collections::BTreeSet;

use super::*;
use crate::Ttl;
use crate::testing::{Plain, World};

/// Runs the cycles of all threads until none finds anything; returns the keys removed.
fn expire_all(world: &mut World, cycles: &mut [ExpireCycle], in_a_hurry: bool) -> u64 {
    let threads = cycles.len() as u32;
    let (mut removed, mut idle) = (0, 0);
    // In a hurry a call may do no more than one hold in one shard.
    let enough = if in_a_hurry { 3 * world.keyspace.shard_count() } else { 2 };
    while idle < enough {
        let mut now = 0;
        for (thread, cycle) in cycles.iter_mut().enumerate() {
            now += cycle.run(
                world.keyspace,
                &mut world.local,
                thread as u32,
                threads,
                world.now_ms,
                || in_a_hurry,
                |_| {},
            );
        }
        removed += now;
        idle = if now == 0 { idle + 1 } else { 0 };
    }
    removed
}

/// Takes what is due out of the model; returns it as effects.
fn take_due(world: &mut World) -> BTreeSet<(u32, Vec<u8>)> {
    let now_ms = world.now_ms;
    let mut due = BTreeSet::new();
    for (db, keys) in world.model.iter_mut().enumerate() {
        keys.retain(|name, (_, at)| {
            let stays = at.is_none_or(|at| at >= now_ms);
            if !stays {
                due.insert((db as u32, name.clone()));
            }
            stays
        });
    }
    world.expired += due.len() as u64;
    due
}

#[test]
fn exactly_what_is_due_goes() {
    for (seed, bits, threads) in [(1, 0, 1), (2, 3, 2), (3, 6, 3)] {
        let mut world = World::new(seed, bits, 3);
        let mut cycles: Vec<_> = (0..threads).map(|_| ExpireCycle::default()).collect();
        let mut total = 0;
        for round in 0..40 {
            for _ in 0..300 {
                world.change(4000);
            }
            world.now_ms += [0, 1, 300, 1700, 5][round % 5];
            // What the changes met on the way is logged already.
            world.check_counters();
            let due = take_due(&mut world);
            let removed = expire_all(&mut world, &mut cycles, round % 3 == 0);
            assert_eq!(removed, due.len() as u64, "round {round} of seed {seed}");
            assert_eq!(world.take_effects().into_iter().collect::<BTreeSet<_>>(), due);
            total += removed;
            world.check();
        }
        assert!(total > 500, "{total} keys expired");
        world.end();
    }
}

#[test]
fn each_hold_is_committed_before_its_shard_is_released() {
    let mut world = World::new(5, 2, 1);
    let at = world.now_ms;
    for i in 0..1000 {
        world.set(0, format!("{i}").as_bytes(), Plain::Int(i), Ttl::At(at));
    }
    world.now_ms += 1;
    let (mut holds, mut committed) = (0, 0);
    let keyspace = world.keyspace;
    let removed = ExpireCycle::default().run(
        keyspace,
        &mut world.local,
        0,
        1,
        world.now_ms,
        || false,
        |local| {
            assert!(local.effects.len() <= KEYS_PER_HOLD as usize, "a hold is short");
            if !local.effects.is_empty() {
                let free = (0..4).filter(|&n| keyspace.lock_shard(n).is_some()).count();
                assert_eq!(free, 3, "the shard of the removed keys is held");
            }
            holds += 1;
            committed += local.effects.len();
            local.effects.clear();
        },
    );
    assert_eq!((removed, committed), (1000, 1000));
    assert!(holds >= 1000 / KEYS_PER_HOLD as usize);
    world.model[0].clear();
    world.expired = 1000;
    world.check();
    world.end();
}

#[test]
fn a_busy_shard_is_passed_over() {
    let mut world = World::new(6, 0, 1);
    let at = world.now_ms;
    world.set(0, b"k", Plain::Int(1), Ttl::At(at));
    world.now_ms += 1;
    let held = world.keyspace.lock_shard(0).expect("free");
    let mut cycle = [ExpireCycle::default()];
    assert_eq!(expire_all(&mut world, &mut cycle, false), 0);
    drop(held);
    assert_eq!(expire_all(&mut world, &mut cycle, false), 1);
    world.end();
}
