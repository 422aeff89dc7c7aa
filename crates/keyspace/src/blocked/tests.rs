//! Queues, ready keys and locks. What serving means is the node's business: here it is "the name of the ticket".

use std::sync::Arc;

use structures::list::List;
use structures::stream::Stream;
use structures::zset::Zset;

use super::*;
use crate::space::Ttl;
use crate::testing::{Plain, World};
use crate::{NewValue, Space};

type Name = &'static str;

fn ticket(world: &World, kind: Kind, name: Name, awaited: &[&str], others: &[&str]) -> Arc<Ticket> {
    let place = |keys: &[&'static str]| -> Vec<Key<'static>> {
        keys.iter().map(|key| world.keyspace.hasher.place(key.as_bytes())).collect()
    };
    let leak = |keys: &[&str]| -> Vec<&'static str> {
        keys.iter().map(|key| &*Box::leak(key.to_string().into_boxed_str())).collect()
    };
    let (awaited, others) = (place(&leak(awaited)), place(&leak(others)));
    let on_nokey = name.starts_with("group");
    Arc::new(Ticket::new(kind, 0, on_nokey, &awaited, &others, name))
}

fn wait(world: &mut World, kind: Kind, name: Name, awaited: &[&str]) -> Arc<Ticket> {
    let ticket = ticket(world, kind, name, awaited, &[]);
    world.space(0).wait(&ticket);
    ticket
}

fn name(ticket: &Ticket) -> Name {
    ticket.request.downcast_ref::<Name>().expect("a name")
}

/// Makes a key hold an empty collection.
fn create(space: &mut Space<'_>, kind: Kind, key: &str) {
    let key = space.place(key.as_bytes());
    let there = match kind {
        Kind::List => space.write_or_insert(key, List::default).is_ok(),
        Kind::Zset => space.write_or_insert(key, Zset::default).is_ok(),
        Kind::Stream => space.write_or_insert(key, Stream::default).is_ok(),
    };
    assert!(there);
}

fn delete(space: &mut Space<'_>, key: &str) {
    let key = space.place(key.as_bytes());
    assert!(space.delete(key));
}

/// Serves all ready keys: `serves` says whether a key has something for a ticket, and may change keys. The names
/// served, each with its key; `again:` before those that have to go on waiting.
fn serve(world: &mut World, mut serves: impl FnMut(&mut Space<'_>, Name, &str) -> bool) -> Vec<String> {
    let mut served = Vec::new();
    let mut space = world.space(0);
    while !space.local.ready.is_empty() {
        for ready in std::mem::take(&mut space.local.ready) {
            let key = String::from_utf8(ready.key().bytes.to_vec()).expect("text");
            let Some(mut round) = space.begin_round(&ready) else { continue };
            while let Some(ticket) = space.next_to_serve(&ready, &mut round) {
                assert!(space.can_serve(&ticket), "the gate is held");
                if !space.claim(&ticket) {
                    continue;
                }
                if serves(&mut space, name(&ticket), &key) {
                    served.push(format!("{} {key}", name(&ticket)));
                } else {
                    served.push(format!("again: {} {key}", name(&ticket)));
                    space.wait_again(&ticket);
                }
            }
        }
    }
    served
}

/// Each key serves one ticket, then it is gone.
fn once(space: &mut Space<'_>, _: Name, key: &str) -> bool {
    delete(space, key);
    true
}

/// Nothing is left behind in any shard.
fn assert_nobody_waits(world: &mut World) {
    for number in 0..world.keyspace.shard_count() {
        let mut space = world.space(0);
        let shard = space.shard(number);
        assert_eq!(shard.waiting, 0);
        assert!(shard.queues().is_none_or(|queues| queues.places().next().is_none()));
    }
    assert!(!world.keyspace.blocked.any_kind());
    assert_eq!(world.space(0).awaited_keys(), (0, 0));
}

#[test]
fn first_come_first_served_keys_in_the_order_they_became_ready() {
    let mut world = World::new(1, 3, 2);
    wait(&mut world, Kind::List, "a", &["x", "y"]);
    wait(&mut world, Kind::List, "b", &["y"]);
    wait(&mut world, Kind::List, "c", &["x"]);
    wait(&mut world, Kind::Zset, "z", &["x"]);
    assert_eq!(world.space(0).awaited_keys(), (2, 0));
    let mut space = world.space(0);
    create(&mut space, Kind::List, "y");
    create(&mut space, Kind::List, "x");
    delete(&mut space, "y");
    create(&mut space, Kind::List, "y");
    assert_eq!(space.local.ready.len(), 2, "a key is noted once");
    drop(space);
    assert_eq!(serve(&mut world, once), ["a y", "c x"]);
    let mut space = world.space(0);
    create(&mut space, Kind::Zset, "x");
    create(&mut space, Kind::List, "y");
    drop(space);
    assert_eq!(serve(&mut world, once), ["z x", "b y"]);
    assert_nobody_waits(&mut world);
}

#[test]
fn only_a_new_collection_of_an_awaited_kind_is_noted() {
    let mut world = World::new(2, 3, 2);
    let waiting = wait(&mut world, Kind::List, "a", &["k"]);
    world.set(0, b"k", Plain::Int(1), Ttl::Clear);
    assert!(world.local.ready.is_empty(), "nobody waits for strings");
    let mut space = world.space(0);
    let key = space.place(b"k");
    space.set(key, NewValue::Object(Box::new(Object::List(List::default()))), Ttl::Clear);
    assert!(space.local.ready.is_empty(), "it took the place of another value");
    delete(&mut space, "k");
    create(&mut space, Kind::Zset, "k");
    assert!(space.local.ready.is_empty(), "nobody waits for a sorted set anywhere");
    delete(&mut space, "k");
    space.select(1);
    create(&mut space, Kind::List, "k");
    assert!(space.local.ready.is_empty(), "another database");
    space.rename(key, 0, key);
    assert_eq!(space.local.ready.len(), 1, "moved here from there");
    space.select(0);
    drop(space);
    wait(&mut world, Kind::Zset, "z", &["other"]);
    let mut space = world.space(0);
    delete(&mut space, "k");
    create(&mut space, Kind::Zset, "k");
    drop(space);
    assert_eq!(serve(&mut world, once), [""; 0], "the key's turn comes, but it is no list");
    assert!(waiting.is_waiting());
}

#[test]
fn those_who_must_wait_again_stand_behind_and_are_asked_once_per_turn() {
    let mut world = World::new(3, 3, 2);
    for name in ["a", "b", "c"] {
        wait(&mut world, Kind::Stream, name, &["s"]);
    }
    create(&mut world.space(0), Kind::Stream, "s");
    let served = serve(&mut world, |_, name, _| name == "b");
    assert_eq!(served, ["again: a s", "b s", "again: c s"]);
    let mut space = world.space(0);
    let key = space.place(b"s");
    space.object_changed(key);
    assert!(space.local.ready.is_empty(), "a change says nothing about new entries");
    space.signal(key);
    drop(space);
    assert_eq!(serve(&mut world, |_, _, _| true), ["a s", "c s"]);
    assert_nobody_waits(&mut world);
}

#[test]
fn serving_may_make_other_keys_ready_and_they_come_behind() {
    let mut world = World::new(4, 3, 2);
    wait(&mut world, Kind::List, "mover", &["a"]);
    wait(&mut world, Kind::List, "popper", &["b"]);
    wait(&mut world, Kind::List, "other", &["c"]);
    let mut space = world.space(0);
    create(&mut space, Kind::List, "a");
    create(&mut space, Kind::List, "c");
    drop(space);
    let served = serve(&mut world, |space, name, key| {
        if name == "mover" {
            create(space, Kind::List, "b");
        }
        once(space, name, key)
    });
    assert_eq!(served, ["mover a", "other c", "popper b"]);
    assert_nobody_waits(&mut world);
}

#[test]
fn tickets_that_ask_for_it_are_told_that_their_key_is_gone() {
    let mut world = World::new(5, 3, 3);
    let all = |_: &mut Space<'_>, _: Name, _: &str| true;
    let given = |world: &mut World| {
        create(&mut world.space(0), Kind::Stream, "s");
        wait(world, Kind::Stream, "reader", &["s"]);
        wait(world, Kind::Stream, "group", &["s"]);
        assert_eq!(world.space(0).awaited_keys(), (1, 1));
    };
    let readers = |world: &mut World| {
        create(&mut world.space(0), Kind::Stream, "s");
        assert_eq!(serve(world, all), ["reader s"]);
        delete(&mut world.space(0), "s");
    };
    given(&mut world);
    delete(&mut world.space(0), "s");
    assert_eq!(serve(&mut world, all), ["group s"]);
    readers(&mut world);
    given(&mut world);
    world.set(0, b"s", Plain::Int(1), Ttl::Clear);
    assert_eq!(serve(&mut world, all), ["group s"], "overwritten by a string");
    world.delete(0, b"s");
    readers(&mut world);
    given(&mut world);
    let (from, to) = (world.keyspace.hasher.place(b"s"), world.keyspace.hasher.place(b"t"));
    world.space(0).rename(from, 0, to);
    assert_eq!(serve(&mut world, all), ["group s"], "renamed");
    delete(&mut world.space(0), "t");
    readers(&mut world);
    given(&mut world);
    let at = world.now_ms + 1;
    world.space(0).set_expiry(from, Some(at));
    world.now_ms = at + 1;
    assert!(!world.space(0).exists(from));
    assert_eq!(serve(&mut world, all), ["group s"], "expired");
    readers(&mut world);
    given(&mut world);
    let flushed = world.space(1).take_database(0);
    flushed.free(&mut world.local.heap);
    assert_eq!(serve(&mut world, all), ["group s"], "flushed by a client of another database");
    readers(&mut world);
    given(&mut world);
    world.keyspace.swap_databases(0, 2);
    world.space(0).note_swapped(0, 2);
    assert_eq!(serve(&mut world, all), ["group s"], "swapped away");
    world.keyspace.swap_databases(0, 2);
    world.space(0).note_swapped(0, 2);
    assert_eq!(serve(&mut world, all), ["reader s"], "swapped back");
    assert_nobody_waits(&mut world);
}

#[test]
fn an_ended_ticket_serves_nobody_and_an_abandoned_one_never_waits_again() {
    let mut world = World::new(6, 3, 2);
    let ended = wait(&mut world, Kind::List, "ended", &["k", "l"]);
    wait(&mut world, Kind::List, "next", &["k"]);
    assert!(world.keyspace.end_wait(&ended));
    assert!(!world.keyspace.end_wait(&ended), "once");
    create(&mut world.space(0), Kind::List, "k");
    assert_eq!(serve(&mut world, once), ["next k"], "though it still stood in the queue");
    assert_nobody_waits(&mut world);

    let leaving = wait(&mut world, Kind::List, "leaving", &["k", "l"]);
    create(&mut world.space(0), Kind::List, "l");
    let keyspace = world.keyspace;
    let served = serve(&mut world, |_, _, _| {
        assert!(!keyspace.end_wait(&leaving), "it is being served");
        assert!(!keyspace.abandon_wait(&leaving), "it stands nowhere");
        false
    });
    assert_eq!(served, ["again: leaving l"]);
    assert_nobody_waits(&mut world);

    let gone = wait(&mut world, Kind::List, "gone", &["k", "m"]);
    assert!(keyspace.abandon_wait(&gone));
    (0..gone.awaited().count()).for_each(|at| world.space(0).leave_queue(&gone, at));
    assert_nobody_waits(&mut world);
}

#[test]
fn tickets_leave_from_anywhere() {
    let mut world = World::new(7, 2, 2);
    let mut waiting: Vec<Arc<Ticket>> = Vec::new();
    let keys = ["a", "b", "c", "d", "e"];
    for _ in 0..4000 {
        if world.rng.below(5) < 2 && !waiting.is_empty() {
            let at = world.rng.below(waiting.len());
            let ticket = waiting.remove(at);
            world.space(0).claim(&ticket);
        } else {
            let mine: Vec<&str> = (0..1 + world.rng.below(3)).map(|_| keys[world.rng.below(5)]).collect();
            let kind = Kind::ALL[world.rng.below(3)];
            let ticket = wait(&mut world, kind, "n", &mine);
            waiting.push(ticket);
        }
    }
    for key in keys {
        let place = world.keyspace.hasher.place(key.as_bytes());
        let mut space = world.space(0);
        let queues = space.shard(place.shard).queues().expect("somebody waits");
        let places = queues.places_of(place).next().expect("somebody waits");
        for kind in Kind::ALL {
            let mine = |t: &Ticket| t.kind == kind && t.awaited().any(|k| k.bytes == place.bytes);
            let expected: Vec<_> =
                waiting.iter().filter(|t| mine(t)).map(|t| Arc::as_ptr(t).addr()).collect();
            let found: Vec<_> =
                queues.tickets(places.lines[kind as usize]).map(|t| Arc::as_ptr(t).addr()).collect();
            assert_eq!(found, expected, "{key}: order of arrival");
        }
    }
    for ticket in waiting {
        assert!(world.space(0).claim(&ticket));
    }
    assert_nobody_waits(&mut world);
}

#[test]
fn the_shards_to_serve_are_those_of_all_keys_down_the_chain() {
    let mut world = World::new(8, 8, 2);
    let shard = |key: &str| world.keyspace.hasher.place(key.as_bytes()).shard;
    let sorted = |keys: &[&str]| {
        let mut shards: Vec<u32> = keys.iter().map(|key| shard(key)).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    };
    let needed = |world: &World, held: &[&str], most: usize| {
        let keys: Vec<Key<'_>> = held.iter().map(|k| world.keyspace.hasher.place(k.as_bytes())).collect();
        let locked = world.keyspace.lock(&keys).expect("nobody else is here");
        let pushed = [world.keyspace.hasher.place(b"a")];
        world.keyspace.shards_to_serve(&locked, &pushed, most).map(|shards| shards.to_vec())
    };
    let (a, ab, abc, abcd) =
        (sorted(&["a"]), sorted(&["a", "b"]), sorted(&["a", "b", "c"]), sorted(&["a", "b", "c", "d"]));
    assert_eq!(abcd.len(), 4, "the test's keys must lie apart");
    for _ in 0..1000 {
        wait(&mut world, Kind::List, "one key", &["a"]);
    }
    assert_eq!(needed(&world, &["a"], usize::MAX), Ok(a.clone()), "O(1), and enough");
    let mover = ticket(&world, Kind::List, "mover", &["a"], &["b"]);
    world.space(0).wait(&mover);
    assert_eq!(needed(&world, &["a"], 10), Ok(a), "it is not among the first ten");
    assert_eq!(needed(&world, &["a"], usize::MAX), Err(TooMany));
    let first = ticket(&world, Kind::Zset, "first of its kind", &["a", "a"], &["b"]);
    world.space(0).wait(&first);
    assert_eq!(needed(&world, &["a"], 10), Ok(ab.clone()));
    wait(&mut world, Kind::List, "at the destination", &["c", "b"]);
    assert_eq!(needed(&world, &["a"], 10), Ok(ab), "what waits at b is not known before b is held");
    assert_eq!(needed(&world, &["a", "b"], 10), Ok(abc.clone()));
    let second = ticket(&world, Kind::List, "second at the destination", &["b"], &["d"]);
    world.space(0).wait(&second);
    assert_eq!(needed(&world, &["a", "b"], 1), Ok(abc), "the first one suffices for one element");
    assert_eq!(needed(&world, &["a", "b"], 2), Ok(abcd));
}
