//! Hash-ordered maps against the standard library's, with good hashes and with bad ones.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sys::alloc::class_bytes;
use sys::random::Rng;

use super::*;
use crate::tree::Leaf;

thread_local! {
    /// The bits of hashes that this thread's test keeps: names collide then.
    static KEPT_BITS: Cell<u64> = const { Cell::new(u64::MAX) };
}

pub(super) fn weaken(hash: u64) -> u64 {
    hash & KEPT_BITS.get()
}

/// All bits; as many as there are leaves; few at the top; few at the bottom, where no bound is round; none.
const KEPT: [u64; 5] = [u64::MAX, 0xff << 56, 7 << 61, 7, 0];

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

/// Everything about the map equals the model, and every figure and bound in it is right.
fn check<const W: usize>(map: &Hashed<W>, model: &Model) {
    let all: Model = map.iter().map(|e| (e.name.to_vec(), (e.value.to_vec(), e.expire_at_ms))).collect();
    assert!(all == *model);
    assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(map.first_expiry_ms(), model.values().filter_map(|(_, expiry)| *expiry).min());
    let inside_max = if W == chunk::SCORE { SCORE_NAME_MAX } else { 254 };
    let outside = |part: &[u8]| if part.len() <= inside_max { 0 } else { class_bytes(12 + part.len()) };
    let (mut start, mut hashes_before) = (0, BTreeSet::new());
    let flow: ControlFlow<()> = map.tree.try_for_each_leaf(|chunk| {
        assert!(!chunk.is_too_big());
        let mut external = 0;
        let mut hashes = BTreeSet::new();
        for (index, element) in chunk.iter().enumerate() {
            let hash = hash_of(element.name);
            let found = chunk.find(tag_of(hash), element.name).expect("found where it is");
            assert_eq!((found.index, chunk.get(found)), (index, element));
            assert_eq!(map.at_index(start + index), Some(element));
            external += outside(element.name) + if W == VARIABLE { outside(element.value) } else { 0 };
            hashes.insert(hash);
        }
        assert!(hashes_before.last() < hashes.first(), "hashes of two leaves overlap");
        assert_eq!(chunk.iter().count(), chunk.count());
        assert_eq!(
            chunk.iter().filter_map(|e| e.expire_at_ms).min().map_or(u64::MAX, |at| at as u64),
            chunk.summary()
        );
        assert_eq!(chunk.heap_bytes() - external, class_bytes(12 + chunk.capacity()));
        let found = map.tree.locate(*hashes.first().expect("not empty"), |_| true).expect("not empty");
        assert!(std::ptr::eq(found.leaf, chunk) && found.start == start);
        assert!(found.high.is_none_or(|high| *hashes.last().expect("not empty") < high));
        start += chunk.count();
        hashes_before = hashes;
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue() && map.at_index(start).is_none());
}

/// A string of a length that may be on either side of what stands in a leaf.
fn random_part(rng: &mut Rng, long: bool) -> Vec<u8> {
    let len = match rng.below(if long { 60 } else { 40 }) {
        0..30 => rng.index(12),
        30..38 => 8 + rng.index(40),
        38 | 39 => rng.index(250),
        40..50 => 252 + rng.index(6),
        50..59 => 200 + rng.index(2000),
        _ => 100_000,
    };
    let byte = rng.next_u64() as u8;
    (0..len).map(|i| byte.wrapping_add(i as u8)).collect()
}

fn random_name(rng: &mut Rng, names: u64, long: bool) -> Vec<u8> {
    let mut name = format!("{}", rng.below(names)).into_bytes();
    // The rest depends on the number, so that a name comes again.
    let mut own = Rng::new(name.iter().fold(7, |sum, byte| sum * 31 + u64::from(*byte)));
    name.extend(random_part(&mut own, long));
    name
}

fn random_expiry(rng: &mut Rng, share: u64) -> Option<i64> {
    (rng.below(100) < share).then(|| rng.below(10_000) as i64)
}

/// Random edits of a map whose values have `W` bytes, with clones kept.
fn edits_equal_the_model<const W: usize>(seed: u64) {
    let mut rng = Rng::new(seed);
    for round in 0..30 {
        KEPT_BITS.set(KEPT[round % KEPT.len()]);
        let (long, ttl_share) = (round % 3 == 1, [0, 1, 50][round / 2 % 3]);
        let names = if KEPT_BITS.get().count_ones() < 8 { 300 } else { [200, 2000][round / 5 % 2] };
        let (mut map, mut model) = (Hashed::<W>::new(), Model::new());
        let mut clones = Vec::new();
        for step in 0..3000u64 {
            let name = random_name(&mut rng, names, long);
            let value = if W == VARIABLE { random_part(&mut rng, long) } else { vec![step as u8; W] };
            let expiry = random_expiry(&mut rng, ttl_share);
            let known = model.get(&name).cloned();
            let get = map.get(&name).map(|e| (e.value.to_vec(), e.expire_at_ms));
            assert_eq!(get, known);
            let growing = step / 700 % 2 == 0;
            match rng.below(if growing { 12 } else { 8 }) {
                0 | 1 => {
                    let removed = map.remove_with(&name, |e| (e.value.to_vec(), e.expire_at_ms));
                    assert_eq!(removed, model.remove(&name));
                }
                2 | 3 if !model.is_empty() => {
                    let index = rng.index(model.len());
                    let removed = map.remove_at_index(index, |e| e.name.to_vec()).expect("below the length");
                    assert!(model.remove(&removed).is_some());
                }
                4 => {
                    assert_eq!(map.set_value(&name, &value), known.is_some());
                    model.entry(name).and_modify(|(own, _)| *own = value);
                }
                5 => {
                    assert_eq!(map.set_expiry(&name, expiry), known.is_some());
                    model.entry(name).and_modify(|(_, own)| *own = expiry);
                }
                6 if rng.below(40) == 0 => {
                    let (now, most) = (rng.below(10_000) as i64, 1 + rng.index(50));
                    let due = model.values().filter(|(_, expiry)| expiry.is_some_and(|at| at <= now)).count();
                    let removed = map.remove_expired(now, most, |e| {
                        let (value, expiry) = model.remove(e.name).expect("in the model");
                        assert!(
                            e.value == value && e.expire_at_ms == expiry && expiry.expect("had one") <= now
                        );
                    });
                    assert_eq!(removed, due.min(most));
                }
                7 => {
                    let kept = known.as_ref().and_then(|(_, expiry)| *expiry);
                    let added = map.insert_with(&name, &value, |old| old.and_then(|old| old.expire_at_ms));
                    assert_eq!(added, known.is_none());
                    model.insert(name, (value, kept));
                }
                _ => {
                    assert_eq!(map.insert(&name, &value, expiry), known.is_none());
                    model.insert(name, (value, expiry));
                }
            }
            if rng.below(100) == 0 {
                clones.push((map.clone(), model.clone()));
                if clones.len() > 4 {
                    clones.swap_remove(rng.index(4));
                }
            }
            if step % 200 == 0 {
                check(&map, &model);
            }
        }
        check(&map, &model);
        clones.iter().for_each(|(clone, then)| check(clone, then));
        if round % 4 == 0 {
            while let Some(name) = map.at_index(0).map(|e| e.name.to_vec()) {
                assert!(map.remove(&name) && model.remove(&name).is_some());
            }
            assert_eq!((map.memory_bytes(), model.len()), (0, 0));
            clones.iter().for_each(|(clone, then)| check(clone, then));
        }
    }
}

#[test]
fn maps_of_all_lengths_equal_the_model() {
    edits_equal_the_model::<VARIABLE>(1);
}

#[test]
fn sets_equal_the_model() {
    edits_equal_the_model::<0>(2);
}

#[test]
fn scores_equal_the_model() {
    edits_equal_the_model::<8>(3);
}

#[test]
fn built_at_once_equals_built_one_by_one() {
    let mut rng = Rng::new(4);
    for kept in KEPT {
        KEPT_BITS.set(kept);
        for size in [0, 1, 100, 128, 129, 3000] {
            let size = if kept.count_ones() < 8 { size.min(700) } else { size };
            let model: Model = (0..size)
                .map(|i| {
                    (format!("{i}").into_bytes(), (random_part(&mut rng, true), random_expiry(&mut rng, 20)))
                })
                .collect();
            let elements =
                model.iter().map(|(name, (value, expiry))| (name.as_slice(), value.as_slice(), *expiry));
            let map: Hashed = Hashed::from_elements(elements);
            check(&map, &model);
        }
    }
}

#[test]
fn scans_give_what_stays_exactly_once() {
    let mut rng = Rng::new(5);
    for round in 0..60 {
        KEPT_BITS.set(KEPT[round % KEPT.len()]);
        let stays: Vec<Vec<u8>> = (0..rng.index(1500)).map(|i| format!("stays:{i}").into_bytes()).collect();
        let mut map = Hashed::<0>::new();
        for name in &stays {
            map.insert(name, b"", None);
        }
        let mut seen: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        let (mut cursor, mut steps, mut others) = (0, 0, 0);
        loop {
            let before: u32 = seen.values().sum();
            cursor = map.scan(cursor, 1 + rng.index(30), |e| *seen.entry(e.name.to_vec()).or_default() += 1);
            assert!(cursor < 1 << 48);
            steps += 1;
            if cursor == 0 {
                break;
            }
            assert!(seen.values().sum::<u32>() > before);
            // Leaves split and are merged between the steps.
            if rng.below(2) == 0 {
                for _ in 0..rng.index(800) {
                    map.insert(format!("other:{others}").as_bytes(), b"", None);
                    others += 1;
                }
            } else {
                for other in 0..others {
                    if rng.below(10) > 0 {
                        map.remove(format!("other:{other}").as_bytes());
                    }
                }
            }
        }
        for name in &stays {
            assert_eq!(seen.get(name), Some(&1), "{}", name.escape_ascii());
        }
        assert!(seen.iter().all(|(name, times)| *times == 1 || name.starts_with(b"other")));
        if KEPT_BITS.get() == u64::MAX && stays.len() > 600 {
            assert!(steps > 3, "{steps} steps");
        }
    }
    let map = Hashed::<0>::from_elements([(&b"one"[..], &b""[..], None)]);
    assert_eq!(map.scan(u64::MAX, 10, |_| panic!("no position of a scan")), 0);
    assert_eq!(map.scan(1 << 48, 10, |_| panic!("no position of a scan")), 0);
}

#[test]
fn walks_see_the_map_as_it_was() {
    let mut map = Hashed::<8>::new();
    let mut model = Model::new();
    for i in 0..2000u64 {
        map.insert(format!("{i}").as_bytes(), &i.to_le_bytes(), None);
        model.insert(format!("{i}").into_bytes(), (i.to_le_bytes().to_vec(), None));
    }
    let mut walk = map.walk();
    let reader = std::thread::spawn(move || {
        let mut seen = Model::new();
        for count in (1..).map(|i| i % 300) {
            let remaining = walk.remaining();
            let given =
                walk.next(count, |e| drop(seen.insert(e.name.to_vec(), (e.value.to_vec(), e.expire_at_ms))));
            assert_eq!((given, walk.remaining()), (count.min(remaining), remaining - given));
            if remaining == 0 {
                break;
            }
        }
        seen
    });
    for i in 0..2000u64 {
        map.set_value(format!("{i}").as_bytes(), &[0xff; 8]);
        map.remove(format!("{}", i / 2 * 3).as_bytes());
    }
    assert!(reader.join().expect("no panic") == model);
}

#[test]
fn an_element_costs_few_bytes() {
    let mut map: Hashed = Hashed::new();
    let count = 100_000;
    for i in 0..count {
        let (name, value) = (format!("field:{i:04}"), format!("value:{i:010}"));
        assert!(map.insert(&name.as_bytes()[..10], value.as_bytes(), None) || i >= 10_000);
    }
    let each = map.memory_bytes() as f64 / map.len() as f64 - 26.0;
    assert!(each < 8.0, "{each} bytes beside name and value");
    let model: Vec<(Vec<u8>, Vec<u8>)> = map.iter().map(|e| (e.name.to_vec(), e.value.to_vec())).collect();
    let built: Hashed = Hashed::from_elements(model.iter().map(|(n, v)| (n.as_slice(), v.as_slice(), None)));
    let each = built.memory_bytes() as f64 / built.len() as f64 - 26.0;
    assert!(each < 6.0, "{each} bytes beside name and value, built at once");
}

#[test]
fn a_missing_name_copies_nothing() {
    let mut map: Hashed = Hashed::from_elements((0..9000).map(|i| (&NAMES[i..i + 4], &b"v"[..], None)));
    let clone = map.clone();
    assert!(
        !map.remove(b"missing") && !map.set_value(b"missing", b"") && !map.set_expiry(b"missing", Some(1))
    );
    assert!(map.tree.is_shared());
    assert!(map.remove(&NAMES[5..9]) && !map.tree.is_shared());
    assert_eq!((map.len(), clone.len()), (8999, 9000));
}

/// Any four neighbouring bytes are a name of their own.
static NAMES: [u8; 9003] = {
    let mut names = [0; 9003];
    let (mut i, mut state) = (0, 1u32);
    while i < names.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        names[i] = (state >> 24) as u8;
        i += 1;
    }
    names
};
