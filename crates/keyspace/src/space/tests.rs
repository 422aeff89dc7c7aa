//! The view against a model, with a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::testing::{Plain, World};

#[test]
fn random_work_agrees_with_a_model() {
    for (seed, bits, names, rounds) in [(1, 0, 40, 6000), (2, 4, 500, 8000), (3, 1, 3000, 20_000)] {
        let mut world = World::new(seed, bits, 3);
        for round in 0..rounds {
            let (db, name) = (world.db(), world.name(names));
            match world.rng.below(10) {
                0 => {
                    let there = world.meet(db, &name);
                    let expected = world.model[usize::from(db)].get(&name).map(|(value, _)| value.clone());
                    let mut space = world.space(db);
                    let key = space.place(&name);
                    assert_eq!(space.read(key).map(Plain::of), expected);
                    drop(space);
                    if there { world.hits += 1 } else { world.misses += 1 }
                }
                1 => {
                    let there = world.meet(db, &name);
                    let mut space = world.space(db);
                    let key = space.place(&name);
                    assert_eq!((space.exists(key), space.read_for_write(key).is_some()), (there, there));
                    assert!(!space.is_expired(key), "an expired key is gone once it was met");
                }
                2 => world.now_ms += world.rng.below(20) as i64,
                _ => world.change(names),
            }
            world.check_counters();
            if round % 1000 == 0 {
                world.check();
            }
        }
        world.check();
        assert!(world.expired > 100 && world.hits > 100 && world.misses > 10);
        world.end();
    }
}

#[test]
fn a_key_is_there_through_its_last_millisecond() {
    let mut world = World::new(1, 2, 1);
    let at = world.now_ms + 10;
    for late in [0, 1] {
        world.now_ms = at - 10;
        world.set(0, b"k", Plain::Int(1), Ttl::At(at));
        world.now_ms = at + late;
        let mut space = world.space(0);
        let key = space.place(b"k");
        assert_eq!(space.is_expired(key), late == 1);
        assert_eq!(space.keyspace.len(0), 1, "a look removes nothing");
        assert_eq!(space.exists(key), late == 0);
        assert_eq!(space.keyspace.len(0), 1 - late as usize);
        drop(space);
        assert_eq!(world.take_effects().len(), late as usize, "the removal is logged");
    }
    world.end();
}

#[test]
fn a_write_that_keeps_the_ttl_of_an_expired_key_has_none_to_keep() {
    let mut world = World::new(1, 2, 1);
    let at = world.now_ms;
    world.set(0, b"k", Plain::Int(1), Ttl::At(at));
    world.now_ms += 1;
    world.set(0, b"k", Plain::Int(2), Ttl::Keep);
    assert_eq!(world.model[0][&b"k"[..]].1, None);
    world.check();
    world.end();
}

#[test]
fn copies_of_large_strings_go_their_own_ways() {
    let mut world = World::new(4, 2, 2);
    let text = vec![b'a'; 50_000];
    world.set(0, b"a", Plain::Object(text.clone()), Ttl::Clear);
    let mut space = world.space(0);
    let (a, b) = (space.place(b"a"), space.place(b"b"));
    let Some(Value::Object(Object::String(shared))) = space.peek(a).map(|e| e.value()) else {
        panic!("a string")
    };
    let shared = shared.clone();
    space.select(1);
    space.set(b, NewValue::Object(Box::new(Object::String(shared))), Ttl::Clear);
    let Some(Object::String(copy)) = space.object_mut(b) else { panic!("a string") };
    copy.set_range(100, b"xyz");
    space.select(0);
    let before = space.peek(a).map(Plain::of);
    assert_eq!(before, Some(Plain::Object(text)), "the source does not change with its copy");
    drop(space);
    world.end();
}

#[test]
fn every_change_marks_the_watchers_of_its_key_and_no_others() {
    type Act = fn(&mut World);
    let acts: [(Act, bool); 12] = [
        (|w| w.set(0, b"k", Plain::Int(2), Ttl::Keep), true),
        (|w| w.delete(0, b"k"), true),
        (|w| w.set_expiry(0, b"k", Some(i64::MAX)), true),
        (|w| w.rename(0, b"k", 1, b"k"), true),
        (|w| w.rename(0, b"other", 0, b"k"), true),
        (|w| w.flush(0), true),
        (
            |w| {
                w.set_expiry(0, b"k", Some(w.now_ms));
                w.now_ms += 1;
                w.meet(0, b"k");
                let mut space = w.space(0);
                let key = space.place(b"k");
                assert!(!space.exists(key));
            },
            true,
        ),
        (|w| w.set(1, b"k", Plain::Int(2), Ttl::Keep), false),
        (|w| w.set(0, b"other", Plain::Int(2), Ttl::Keep), false),
        (|w| w.delete(0, b"none"), false),
        (|w| w.rename(0, b"none", 0, b"k"), false),
        (|w| w.flush(1), false),
    ];
    for (number, (act, marks)) in acts.into_iter().enumerate() {
        let mut world = World::new(1, 3, 2);
        world.set(0, b"k", Plain::Int(1), Ttl::Clear);
        world.set(0, b"other", Plain::Int(1), Ttl::Clear);
        let dirty = Arc::new(AtomicBool::new(false));
        let mut space = world.space(0);
        let key = space.place(b"k");
        space.watch(key, 7, &dirty);
        drop(space);
        act(&mut world);
        assert_eq!(dirty.load(Ordering::Relaxed), marks, "act {number}");
        let mut space = world.space(0);
        space.unwatch(key, 0, 7);
        assert_eq!(space.keyspace.watchers.load(Ordering::Relaxed), 0);
        drop(space);
        dirty.store(false, Ordering::Relaxed);
        world.set(0, b"k", Plain::Int(5), Ttl::Clear);
        assert!(!dirty.load(Ordering::Relaxed), "nobody watches any more");
        world.end();
    }
}

#[test]
fn locks_are_taken_together_or_not_at_all() {
    let world = World::new(1, 4, 1);
    let names: Vec<Vec<u8>> = (0..40).map(|i| format!("n{i}").into_bytes()).collect();
    let places: Vec<_> = names.iter().map(|n| world.keyspace.hasher.place(n)).collect();
    let held = world.keyspace.lock(&places[..1]).expect("all are free");
    assert_eq!(world.keyspace.lock(&places).err(), Some(places[0].shard));
    drop(held);
    let all = world.keyspace.lock(&places).expect("nothing stayed locked");
    assert!(!all.is_empty() && world.keyspace.lock_shard(places[7].shard).is_none());
    drop(all);
    assert!((0..world.keyspace.shard_count()).all(|n| world.keyspace.lock_shard(n).is_some()));
}
