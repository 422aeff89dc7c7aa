//! What is remembered and noted, and that the counters keep up.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::testing::{Plain, World};
use crate::{Class, Ttl};

/// The names and readers of what was noted, events left out.
fn told(world: &mut World) -> Vec<(String, Vec<u64>, bool)> {
    let space = world.space(0);
    let notes = space.local.events.take();
    let changed = notes.into_iter().filter_map(|note| match note {
        Note::Changed(changed) => {
            let name = String::from_utf8_lossy(&changed.key).into_owned();
            Some((name, changed.readers.to_vec(), changed.on_its_own))
        }
        _ => None,
    });
    changed.collect()
}

fn track(world: &mut World, db: u16, name: &[u8], client: u64) {
    let mut space = world.space(db);
    let key = space.place(name);
    space.track(key, client);
}

fn counts(world: &mut World) -> (i64, i64, i64) {
    let keyspace = world.space(0).keyspace;
    let of = |count: &AtomicI64| count.load(Ordering::Relaxed);
    (of(&keyspace.tracked.keys), of(&keyspace.tracked.items), of(&keyspace.watchers))
}

#[test]
fn a_change_is_told_once_to_each_reader_whatever_the_database() {
    let mut world = World::new(1, 2, 2);
    for client in [9, 3, 9, 7] {
        track(&mut world, 0, b"k", client);
    }
    assert_eq!(counts(&mut world), (1, 3, 1));
    world.set(1, b"k", Plain::Int(1), Ttl::Clear);
    world.set(0, b"k", Plain::Int(2), Ttl::Clear);
    assert_eq!(told(&mut world), [("k".to_owned(), vec![3, 7, 9], false)]);
    assert_eq!(counts(&mut world), (0, 0, 0));
    world.end();
}

#[test]
fn a_key_that_expires_was_changed_by_nobody() {
    let mut world = World::new(1, 2, 1);
    let at = world.now_ms + 10;
    world.set(0, b"k", Plain::Int(1), Ttl::At(at));
    track(&mut world, 0, b"k", 5);
    world.now_ms = at + 1;
    let mut space = world.space(0);
    let key = space.place(b"k");
    assert!(!space.exists(key));
    drop(space);
    assert_eq!(told(&mut world), [("k".to_owned(), vec![5], true)]);
}

#[test]
fn beginnings_are_noted_without_readers() {
    let mut world = World::new(1, 2, 1);
    {
        let space = world.space(0);
        space.local.broadcasts.prefixes = [b"user:"[..].into(), b"x"[..].into()].into();
        space.keyspace.watchers.fetch_add(1, Ordering::Relaxed);
    }
    for name in ["user:1", "user", "xy", "", "none"] {
        world.set(0, name.as_bytes(), Plain::Int(1), Ttl::Clear);
    }
    let noted: Vec<String> = told(&mut world)
        .into_iter()
        .map(|(name, readers, _)| {
            assert!(readers.is_empty());
            name
        })
        .collect();
    assert_eq!(noted, ["user:1", "xy"]);
    world.space(0).keyspace.watchers.fetch_sub(1, Ordering::Relaxed);
    world.end();
}

#[test]
fn misses_that_are_forgotten_leave_changes_alone() {
    let mut world = World::new(1, 2, 1);
    track(&mut world, 0, b"k", 5);
    world.space(0).local.events.set_mask(u32::MAX);
    {
        let mut space = world.space(0);
        space.notify(Class::KEY_MISS, "keymiss", b"other");
    }
    world.set(0, b"k", Plain::Int(1), Ttl::Clear);
    world.space(0).local.events.forget_misses();
    assert_eq!(told(&mut world).len(), 1);
}

#[test]
fn random_work_agrees_with_a_model() {
    for (seed, bits) in [(1, 0), (2, 3), (3, 6)] {
        let mut world = World::new(seed, bits, 3);
        let mut model: BTreeMap<Vec<u8>, BTreeSet<u64>> = BTreeMap::new();
        let (mut changes, mut forgotten) = (0, 0);
        for _ in 0..6000 {
            let (db, name) = (world.db(), world.name(200));
            match world.rng.below(10) {
                0..=4 => {
                    let client = 1 + world.rng.below(6) as u64;
                    track(&mut world, db, &name, client);
                    model.entry(name).or_default().insert(client);
                }
                5..=7 => {
                    world.set(db, &name, Plain::Int(1), Ttl::Clear);
                    let expected = model.remove(&name);
                    let expected: Vec<_> = expected
                        .into_iter()
                        .map(|readers| {
                            let name = String::from_utf8_lossy(&name).into_owned();
                            (name, readers.into_iter().collect::<Vec<u64>>(), false)
                        })
                        .collect();
                    changes += expected.len();
                    assert_eq!(told(&mut world), expected);
                }
                8 => {
                    let random = world.rng.next();
                    let space = world.space(0);
                    let mut told = Vec::new();
                    let found = space.keyspace.forget_one_tracked(space.local, random, |local| {
                        told = local.events.take();
                    });
                    assert_eq!(found, !model.is_empty());
                    if let [Note::Changed(changed)] = &told[..] {
                        let readers = model.remove(&changed.key[..]).expect("it was remembered");
                        assert_eq!(changed.readers.to_vec(), readers.into_iter().collect::<Vec<u64>>());
                        assert!(!changed.broadcast);
                        forgotten += 1;
                    }
                }
                _ if world.rng.below(40) == 0 => {
                    let mut space = world.space(0);
                    space.forget_tracked();
                    assert_eq!(space.local.events.take(), [Note::Flushed]);
                    model.clear();
                }
                _ => {}
            }
            let items: usize = model.values().map(BTreeSet::len).sum();
            assert_eq!(counts(&mut world), (model.len() as i64, items as i64, model.len() as i64));
        }
        assert!(changes > 500 && forgotten > 300, "{changes} changes, {forgotten} forgotten");
    }
}
