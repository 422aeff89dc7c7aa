//! What is due leaves, nothing else does, and each removal is logged in the database that clients know.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use structures::hash::{Hash, Thresholds};

use super::*;
use crate::Ttl;
use crate::testing::{Plain, World};
use crate::watch::Dirty;

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
            assert!(local.effects.len() <= REMOVED_PER_HOLD as usize, "a hold is short");
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
    assert!(holds >= 1000 / REMOVED_PER_HOLD as usize);
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

/// Runs cycles until none finds anything; returns what left and how many holds it took.
fn expire_once(world: &mut World) -> (u64, usize) {
    let (mut cycle, mut removed, mut holds) = (ExpireCycle::default(), 0, 0);
    loop {
        let now = cycle.run(world.keyspace, &mut world.local, 0, 1, world.now_ms, || false, |_| holds += 1);
        removed += now;
        if now == 0 {
            return (removed, holds);
        }
    }
}

#[test]
fn fields_of_hashes_that_are_due_leave_by_the_hold() {
    let mut world = World::new(9, 3, 2);
    let thresholds = Thresholds { entries: 512, value_bytes: 64 };
    let from_ms = world.now_ms;
    for (db, name, fields) in [(0, &b"small"[..], 40), (1, b"large", 1000), (0, b"lasting", 3)] {
        let mut space = world.space(db);
        let key = space.place(name);
        let hash = space.write_or_insert(key, Hash::new).expect("no other type is there");
        for i in 0..fields {
            let at = (i % 4 > 0).then_some(from_ms + i % 4 * 100);
            hash.set(format!("f{i}").as_bytes(), b"v", at, thresholds);
        }
        if name == b"lasting" {
            hash.remove(b"f0", from_ms);
        }
        let at = hash.next_expiry_at_ms();
        space.due_changed(key, None, at);
        space.object_changed(key);
    }
    let items = |world: &World, db| world.keyspace.counters(db).volatile_items.load(Ordering::Relaxed);
    assert_eq!((items(&world, 0), items(&world, 1)), (2, 1));
    assert_eq!(expire_once(&mut world).0, 0, "nothing is due yet");
    let mut total = 0;
    for (round, due) in [(1, 10 + 250 + 1), (2, 10 + 250 + 1), (3, 10 + 250)] {
        world.now_ms = from_ms + round * 100;
        assert_eq!(expire_once(&mut world).0, 0, "an instant counts as passed the ms after");
        world.now_ms += 1;
        world.local.effects.clear();
        let (removed, holds) = expire_once(&mut world);
        assert_eq!(removed, due, "round {round}");
        assert!(holds >= 250 / REMOVED_PER_HOLD as usize, "{holds} holds");
        total += due;
        assert_eq!(world.local.counters.expired_fields, total);
        let logged: usize = world
            .local
            .effects
            .iter()
            .map(|(_, bytes)| {
                let text = String::from_utf8_lossy(bytes);
                assert!(text.contains("HDEL"), "{text}");
                text.matches("\r\nf").count()
            })
            .sum();
        assert_eq!(logged as u64, due);
    }
    // The last field of a hash took its key along.
    assert_eq!((world.keyspace.len(0), world.keyspace.len(1)), (1, 1));
    assert_eq!((items(&world, 0), items(&world, 1)), (0, 0));
    assert_eq!(world.local.counters.expired_keys, 0);
    for (db, name, left) in [(0, &b"small"[..], 10), (1, b"large", 250)] {
        let mut space = world.space(db);
        let key = space.place(name);
        assert_eq!(space.read_as::<Hash>(key).expect("a hash").map(Hash::len), Some(left));
    }
    world.local.collect_garbage();
    world.keyspace.clear(&mut world.local.heap);
}

#[test]
fn the_last_field_that_expires_tells_those_who_watch() {
    let mut world = World::new(10, 2, 1);
    let at = world.now_ms;
    let mut space = world.space(0);
    let key = space.place(b"h");
    let hash = space.write_or_insert(key, Hash::new).expect("no other type is there");
    hash.set(b"f", b"v", Some(at), Thresholds { entries: 512, value_bytes: 64 });
    space.due_changed(key, None, Some(at));
    space.object_changed(key);
    let dirty = Dirty::default();
    space.watch(key, 1, &dirty);
    drop(space);
    let before = world.local.counters.changes;
    world.now_ms += 1;
    assert_eq!(expire_once(&mut world).0, 1);
    assert!(dirty.load(Ordering::Relaxed));
    assert_eq!(world.local.counters.changes, before, "no change that clients made");
    assert_eq!(world.keyspace.len(0), 0);
    world.local.collect_garbage();
}
