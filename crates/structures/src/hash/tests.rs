//! Hashes of all sizes against a map.

use std::collections::BTreeMap;

use sys::random::Rng;

use super::*;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

const THRESHOLDS: Thresholds = Thresholds { entries: 512, value_bytes: 64 };

fn string(rng: &mut Rng, names: u64, long: bool) -> Vec<u8> {
    let number = rng.below(names);
    match rng.below(if long { 40 } else { 39 }) {
        0..10 => number.to_string().into_bytes(),
        39 => vec![number as u8; 65 + rng.below(9000) as usize],
        _ => format!("name {number}").into_bytes(),
    }
}

fn check(hash: &Hash, model: &Model, now_ms: i64) {
    assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
    let earliest = model.values().filter_map(|(_, at)| *at).min();
    assert_eq!(hash.next_expiry_at_ms(), earliest);
    assert_eq!(hash.has_expired(now_ms), earliest.is_some_and(|at| at < now_ms));
    let order: Vec<Vec<u8>> = hash.iter().map(|pair| pair.field.to_vec()).collect();
    let all: Model =
        hash.iter().map(|pair| (pair.field.to_vec(), (pair.value.to_vec(), pair.expire_at_ms))).collect();
    assert_eq!((&all, order.len()), (model, model.len()));
    for (index, field) in order.iter().enumerate().step_by(order.len() / 50 + 1) {
        assert_eq!(hash.nth(index).map(|pair| pair.field.to_vec()).as_ref(), Some(field));
        assert_eq!(hash.iter_from(index).next().map(|pair| pair.field.to_vec()).as_ref(), Some(field));
    }
    assert!(hash.nth(order.len()).is_none() && hash.iter_from(order.len()).next().is_none());
    for (field, (value, at)) in model {
        let found = hash.get(field, now_ms);
        assert_eq!(found.is_some(), at.is_none_or(|at| at >= now_ms));
        if let Some(found) = found {
            assert_eq!((found.value.to_vec(), found.expire_at_ms), (value.clone(), *at));
        }
    }
    assert!(hash.get(b"never", now_ms).is_none());
}

#[test]
fn random_changes_agree_with_a_map() {
    for (seed, names, long) in
        [(1, 12, false), (2, 150, false), (3, 150, true), (4, 3000, true), (5, 40_000, false)]
    {
        let mut rng = Rng::new(seed);
        let (mut hash, mut model) = (Hash::new(), Model::new());
        let mut clones: Vec<(Hash, Model)> = Vec::new();
        let mut now_ms = 1_000_000;
        let steps = names * 8 + 3000;
        for step in 0..steps {
            // Up, and in the second half down again.
            let grows = step < steps / 2;
            let field = string(&mut rng, names, long);
            let there = model.get(&field).map(|(_, at)| *at);
            let instant = (rng.below(10) == 0).then(|| now_ms - 50 + rng.below(2000) as i64);
            match rng.below(10) {
                0..=4 if grows || rng.below(4) == 0 => {
                    let value = string(&mut rng, names, long);
                    let replaced = hash.set(&field, &value, instant, THRESHOLDS);
                    assert_eq!(replaced, there.map_or(Replaced::Nothing, Replaced::Field));
                    let is_there = there.is_some_and(|at| at.is_none_or(|at| at >= now_ms));
                    assert_eq!(replaced.was_there(now_ms), is_there);
                    assert_eq!(replaced.was_expired(now_ms), there.is_some() && !is_there);
                    model.insert(field, (value, instant));
                }
                5 => {
                    hash.set_expiry(&field, instant);
                    model.entry(field).and_modify(|(_, at)| *at = instant);
                }
                6 if names < 1000 || rng.below(50) == 0 => {
                    now_ms += rng.below(30) as i64;
                    let want = rng.below(4) as usize;
                    let due = model.values().filter(|(_, at)| at.is_some_and(|at| at < now_ms)).count();
                    let gone = hash.take_expired(now_ms, want);
                    assert_eq!(gone.len(), due.min(want));
                    for field in gone {
                        let (_, at) = model.remove(&field).expect("it was there");
                        assert!(at.is_some_and(|at| at < now_ms));
                    }
                }
                _ if !grows || rng.below(4) == 0 => {
                    let visible = there.is_some_and(|at| at.is_none_or(|at| at >= now_ms));
                    assert_eq!(hash.remove(&field, now_ms), visible);
                    if visible {
                        model.remove(&field);
                    }
                }
                _ => {}
            }
            if step % (steps / 20) == 0 {
                check(&hash, &model, now_ms);
                clones.push((hash.clone(), model.clone()));
                if clones.len() > 3 {
                    let (clone, then) = clones.remove(0);
                    check(&clone, &then, now_ms);
                }
            }
        }
        check(&hash, &model, now_ms);
    }
}

#[test]
fn a_walk_meets_once_what_stays() {
    let mut rng = Rng::new(8);
    for fields in [5, 700, 5000] {
        let mut hash = Hash::new();
        for i in 0..fields {
            hash.set(format!("stays {i}").as_bytes(), b"", None, THRESHOLDS);
        }
        hash.leave_listpack();
        let (mut cursor, mut seen, mut other) = (0, Vec::new(), 0);
        loop {
            cursor = hash.scan(cursor, 1 + rng.index(30), |pair| {
                let field = pair.field.to_vec();
                if field.starts_with(b"stays") {
                    seen.push(field);
                }
            });
            if cursor == 0 {
                break;
            }
            for _ in 0..20 {
                other += 1;
                hash.set(format!("comes {other}").as_bytes(), b"x", None, THRESHOLDS);
                hash.remove(format!("comes {}", rng.below(other)).as_bytes(), 0);
            }
        }
        let met = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((met, seen.len()), (fields, fields));
    }
}

#[test]
fn the_form_follows_the_size() {
    let is_compact = |hash: &Hash| matches!(hash.form, Form::Compact(_));
    let filled = |fields: usize, value: usize, at: Option<i64>| {
        let mut hash = Hash::new();
        for i in 0..fields {
            hash.set(format!("f{i}").as_bytes(), &vec![b'v'; value], at, THRESHOLDS);
        }
        hash
    };
    for (fields, value, at, encoding, compact) in [
        (512, 64, None, "listpack", true),
        (513, 5, None, "hashtable", false),
        (10, 65, None, "hashtable", true),
        (128, 5, Some(1), "hashtable", true),
        (129, 5, Some(1), "hashtable", false),
        (10, 1000, None, "hashtable", false),
    ] {
        let hash = filled(fields, value, at);
        assert_eq!((hash.encoding(), is_compact(&hash)), (encoding, compact), "{fields} of {value}");
        assert_eq!(hash.len(), fields);
    }
    // Thresholds beyond what the compact form can hold.
    let mut hash = Hash::new();
    let no_limit = Thresholds { entries: usize::MAX, value_bytes: usize::MAX };
    for i in 0..3000 {
        hash.set(format!("f{i}").as_bytes(), b"v", None, no_limit);
    }
    hash.set(b"long", &vec![b'v'; 1 << 20], None, no_limit);
    assert_eq!((hash.encoding(), is_compact(&hash), hash.len()), ("listpack", false, 3001));
    hash.set(b"f", b"v", None, THRESHOLDS);
    assert_eq!(hash.encoding(), "hashtable");
}
