//! What a snapshot emits against the model as it was at the cut.

use std::collections::BTreeMap;

use super::*;
use crate::Ttl;
use crate::evict::{EvictOptions, Evictor, Policy};
use crate::expire::ExpireCycle;
use crate::testing::{Plain, World};

type State = BTreeMap<(u16, Vec<u8>), (Plain, Option<i64>)>;

/// The model by physical database.
fn state(world: &World) -> State {
    let mut state = State::new();
    for (db, keys) in world.model.iter().enumerate() {
        let physical = world.keyspace.physical(db as u16);
        state.extend(keys.iter().map(|(name, value)| ((physical, name.clone()), value.clone())));
    }
    state
}

/// Drives a scan by one step; `false` at its end.
fn step(world: &mut World, scan: &mut SnapshotScan, want: usize, emitted: &mut State) -> bool {
    scan.next(world.keyspace, &mut world.local.heap, want, |db, entry| {
        let was = emitted.insert((db, entry.key().to_vec()), (Plain::of(entry), entry.expire_at_ms()));
        assert!(was.is_none(), "a key of the cut comes once");
    })
}

fn same(emitted: &State, cut: &State) {
    let missing: Vec<_> = cut.keys().filter(|key| !emitted.contains_key(*key)).take(5).collect();
    let surplus: Vec<_> = emitted.keys().filter(|key| !cut.contains_key(*key)).take(5).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing {missing:?}, surplus {surplus:?}");
    for (key, value) in cut {
        assert!(emitted[key] == *value, "{key:?} differs");
    }
}

/// What runs beside clients' changes: expiry and eviction.
fn background(world: &mut World) {
    let now_ms = world.now_ms;
    ExpireCycle::default().run(world.keyspace, &mut world.local, 0, 1, now_ms, || false, |_| {});
    for keys in &mut world.model {
        keys.retain(|_, (_, at)| at.is_none_or(|at| at >= now_ms));
    }
    let policy = if world.rng.below(2) == 0 { Policy::Random { volatile: false } } else { Policy::S3Fifo };
    let options = EvictOptions { policy, samples: 5, lfu_decay_minutes: 1 };
    world.take_effects();
    let World { keyspace, local, rng, .. } = world;
    for _ in 0..5 {
        Evictor::default().evict_one(keyspace, local, options, now_ms, &mut || rng.next(), |_| {});
    }
    for (db, name) in world.take_effects() {
        world.model[db as usize].remove(&name);
    }
}

#[test]
fn a_snapshot_is_the_state_at_its_cut() {
    for (seed, bits, names) in [(1, 0, 30), (2, 1, 3000), (3, 4, 2000), (4, 7, 300)] {
        let mut world = World::new(seed, bits, 3);
        for _ in 0..names * 2 {
            world.change(names);
        }
        // Two bits of epoch wrap five times.
        for round in 0..20 {
            let cut = state(&world);
            let mut scan = world.keyspace.begin_snapshot().expect("the one before has ended");
            let mut emitted = State::new();
            let want = 1 + world.rng.below(60);
            let (mut steps, storm) = (0, world.rng.below(30));
            while step(&mut world, &mut scan, want, &mut emitted) {
                steps += 1;
                if emitted.len() < cut.len() {
                    assert!(world.keyspace.begin_snapshot().is_err(), "one at a time");
                }
                for _ in 0..world.rng.below(storm + 1) {
                    world.change(names);
                }
                if steps % 16 == 0 {
                    world.now_ms += 3;
                    background(&mut world);
                }
            }
            same(&emitted, &cut);
            assert!(!step(&mut world, &mut scan, want, &mut emitted), "the end stays the end");
            for _ in 0..if round % 3 == 0 { 0 } else { names / 4 } {
                world.change(names);
            }
        }
        world.take_effects();
        world.effects.clear();
        world.expired = world.local.counters.expired_keys;
        world.check();
        world.end();
    }
}

#[test]
fn a_flush_during_a_scan_takes_nothing_from_the_snapshot() {
    let mut world = World::new(8, 2, 2);
    for i in 0..2000 {
        let value = Plain::random(&mut world.rng);
        world.set(i % 2, format!("{i}").as_bytes(), value, Ttl::Clear);
    }
    let cut = state(&world);
    let mut scan = world.keyspace.begin_snapshot().expect("none before");
    let mut emitted = State::new();
    for _ in 0..10 {
        assert!(step(&mut world, &mut scan, 20, &mut emitted));
    }
    world.flush(0);
    world.swap(0, 1);
    world.flush(0);
    for i in 0..500 {
        world.set(0, format!("{i}").as_bytes(), Plain::Int(-1), Ttl::Clear);
    }
    while step(&mut world, &mut scan, 20, &mut emitted) {}
    same(&emitted, &cut);
    world.check();
    world.end();
}

#[test]
fn an_abandoned_scan_lets_go_of_what_it_kept() {
    let mut world = World::new(8, 1, 1);
    for i in 0..1000 {
        world.set(0, format!("{i}").as_bytes(), Plain::Bytes(vec![1; 100]), Ttl::Clear);
    }
    let before = world.local.heap.live_bytes();
    let mut scan = world.keyspace.begin_snapshot().expect("none before");
    for i in 0..1000 {
        world.set(0, format!("{i}").as_bytes(), Plain::Bytes(vec![2; 100]), Ttl::Clear);
    }
    assert!(world.local.heap.live_bytes() > before * 19 / 10, "old values are kept");
    while scan.next(world.keyspace, &mut world.local.heap, 100, |_, _| {}) {}
    assert_eq!(world.local.heap.live_bytes(), before);
    for i in 0..1000 {
        world.set(0, format!("{i}").as_bytes(), Plain::Bytes(vec![3; 100]), Ttl::Clear);
    }
    assert_eq!(world.local.heap.live_bytes(), before, "nothing is kept without a snapshot");
    world.end();
}
