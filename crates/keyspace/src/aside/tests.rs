//! What is made aside takes its place if nobody came in between, and leaves no trace if somebody did.

use std::sync::Arc;

use super::*;
use crate::testing::{Plain, World};

const TEXT: usize = 100_000;

/// Two large strings, a short one, an integer; `none` is missing.
fn world() -> World {
    let mut world = World::new(1, 3, 2);
    world.set(0, b"a", Plain::Object(vec![b'a'; TEXT]), Ttl::Clear);
    let at = world.now_ms + 1000;
    world.set(0, b"b", Plain::Object(vec![b'b'; TEXT]), Ttl::At(at));
    world.set(0, b"short", Plain::Bytes(b"text".to_vec()), Ttl::Clear);
    world.set(0, b"int", Plain::Int(7), Ttl::Clear);
    world
}

const NAMES: [&[u8]; 5] = [b"a", b"b", b"short", b"int", b"none"];

fn text_len(entry: EntryRef<'_>) -> usize {
    match Plain::of(entry) {
        Plain::Object(bytes) | Plain::Bytes(bytes) => bytes.len(),
        Plain::Int(_) => 0,
    }
}

fn take(world: &mut World) -> Taken {
    let mut space = world.space(0);
    let keys = NAMES.map(|name| space.place(name));
    space.take(&keys)
}

/// Edits `a`, deletes `short`, stores over `int` and to `none`; `b` stays.
fn make(taken: Taken) -> Made {
    let mut local = Local::new(Effects::new(true));
    let ((), made) = taken.make(&mut local, |mut space| {
        let [a, b, short, int, none] = NAMES.map(|name| space.place(name));
        assert!(matches!(space.read(b).map(text_len), None | Some(TEXT)));
        space.write_as::<BigString>(a).unwrap().unwrap().append(b"more");
        space.object_changed_times(a, 5);
        assert!(space.delete(short) && !space.exists(short));
        space.set(int, NewValue::Bytes { bytes: b"stored", raw: true }, Ttl::Clear);
        assert!(!space.exists(none));
        space.set(none, Plain::Object(vec![b'n'; TEXT]).to_new(), Ttl::Clear);
        space.local.effects.push(0, &[b"UNLINK", b"effect"]);
        ((), space.into_locked())
    });
    local.collect_garbage();
    assert_eq!(local.heap.live_bytes(), 0, "all entries of the copy are freed");
    made
}

fn install(world: &mut World, made: Made) -> bool {
    let before = world.local.counters;
    let installed = world.space(0).install(made);
    let changes = world.local.counters.changes - before.changes;
    assert_eq!(changes, if installed { 5 + 1 + 1 + 1 } else { 0 });
    world.local.collect_garbage();
    if let Some(heavy) = world.local.take_heavy_garbage() {
        heavy.free(&mut world.local.heap);
    }
    installed
}

#[test]
fn what_was_made_takes_its_place_with_its_effects() {
    let mut world = world();
    let made = make(take(&mut world));
    assert!(made.has_changes());
    world.check();
    assert!(install(&mut world, made));
    let keys = &mut world.model[0];
    if let Some((Plain::Object(bytes), _)) = keys.get_mut(&b"a"[..]) {
        bytes.extend(b"more");
    }
    keys.remove(&b"short"[..]);
    keys.insert(b"int".to_vec(), (Plain::Bytes(b"stored".to_vec()), None));
    keys.insert(b"none".to_vec(), (Plain::Object(vec![b'n'; TEXT]), None));
    world.effects.push((0, b"effect".to_vec()));
    world.check();
    world.end();
}

#[test]
fn a_command_that_changes_nothing_has_nothing_to_install() {
    let mut world = world();
    let taken = take(&mut world);
    let (len, made) = taken.make(&mut Local::new(Effects::new(true)), |mut space| {
        let key = space.place(b"a");
        (space.read(key).map(text_len), space.into_locked())
    });
    assert!(len == Some(TEXT) && !made.has_changes());
    drop(made);
    world.end();
}

/// Something that another client does to a key of the command.
type Meanwhile = fn(&mut World);

#[test]
fn what_somebody_changed_meanwhile_is_not_lost() {
    let changes: &[Meanwhile] = &[
        |world| world.edit(0, b"a"),
        |world| world.edit(0, b"b"),
        |world| world.set(0, b"a", Plain::Object(vec![b'a'; TEXT]), Ttl::Clear),
        |world| world.set(0, b"short", Plain::Bytes(b"test".to_vec()), Ttl::Keep),
        |world| world.set(0, b"int", Plain::Int(8), Ttl::Keep),
        |world| world.set(0, b"none", Plain::Int(1), Ttl::Keep),
        |world| world.delete(0, b"b"),
        |world| world.rename(0, b"a", 1, b"a"),
        |world| world.rename(0, b"a", 0, b"none"),
        |world| world.swap(0, 1),
        |world| world.flush(0),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut world = world();
        let made = make(take(&mut world));
        change(&mut world);
        assert!(!install(&mut world, made), "change {i}");
        world.check();
        world.end();
    }
}

#[test]
fn a_key_that_expired_meanwhile_is_another() {
    let mut world = world();
    let made = make(take(&mut world));
    world.now_ms += 1001;
    assert!(!install(&mut world, made));
    let made = make(take(&mut world));
    world.set(0, b"other", Plain::Int(1), Ttl::Clear);
    // A key that is gone does not come to be gone.
    let before = world.local.counters.changes;
    assert!(world.space(0).install(made));
    assert!(world.local.counters.changes > before);
}

#[test]
fn a_ttl_is_no_part_of_the_value() {
    let mut world = world();
    let at = world.now_ms + 500;
    let made = make(take(&mut world));
    world.set_expiry(0, b"a", Some(at));
    world.set_expiry(0, b"int", Some(at));
    assert!(install(&mut world, made));
    let mut space = world.space(0);
    let [a, _, _, int, _] = NAMES.map(|name| space.place(name));
    assert_eq!(space.peek(a).unwrap().expire_at_ms(), Some(at), "an edited value keeps it");
    assert_eq!(space.peek(int).unwrap().expire_at_ms(), None, "a stored one has none");
    let volatile = world.keyspace.counters(0).volatile.load(Ordering::Relaxed);
    assert_eq!(volatile, 2);
}

#[test]
fn those_who_watch_are_told_of_what_the_body_told_them() {
    let mut world = world();
    let told: Vec<Dirty> = NAMES.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
    let mut space = world.space(0);
    for (name, told) in NAMES.iter().zip(&told) {
        let key = space.place(name);
        space.watch(key, 9, told);
    }
    drop(space);
    let marks = |told: &[Dirty]| told.iter().map(|told| told.load(Ordering::Relaxed)).collect::<Vec<_>>();
    let taken = take(&mut world);
    let (_, made) = taken.make(&mut Local::new(Effects::new(true)), |mut space| {
        let key = space.place(b"a");
        space.write_as::<BigString>(key).unwrap().unwrap().append(b"more");
        space.object_changed_unwatched(key, 1);
        ((), space.into_locked())
    });
    assert!(world.space(0).install(made));
    assert_eq!(marks(&told), [false; 5], "as with consumer groups");
    let made = make(take(&mut world));
    assert_eq!(marks(&told), [false; 5], "nobody sees what is made aside");
    assert!(world.space(0).install(made));
    assert_eq!(marks(&told), [true, false, true, true, true]);
}
