//! The table against a map, over resizes, collisions and churn.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::bits::peer::Rng;
use crate::entry::{Meta, NewValue, Value};

type Placing = fn(u64) -> u32;

fn mixed(key: u64) -> u64 {
    Rng(key).next()
}

/// Hash order as real keys have it.
fn spread(key: u64) -> u32 {
    (mixed(key) >> 40) as u32
}

/// Few distinct orders, so buckets overflow all the time.
fn crowded(key: u64) -> u32 {
    (mixed(key) % 400) as u32 * 41_000 + 399
}

/// A third of the keys share three orders, two of them at the ends: runs across many buckets.
fn runs(key: u64) -> u32 {
    match mixed(key) % 450 {
        n @ 0..150 => [0, ORDER_END - 1, ORDER_END / 2][n as usize % 3],
        _ => spread(key),
    }
}

/// A table and what it should hold: per key its value and expiry.
struct Pair {
    table: Table,
    heap: Heap,
    model: HashMap<u64, (i64, Option<i64>)>,
    keys: Vec<u64>,
    at: HashMap<u64, usize>,
    place: Placing,
    rng: Rng,
}

impl Pair {
    fn new(seed: u64, place: Placing) -> Pair {
        Pair {
            table: Table::new(seed as u32),
            heap: Heap::new(),
            model: HashMap::new(),
            keys: Vec::new(),
            at: HashMap::new(),
            place,
            rng: Rng(seed),
        }
    }

    fn expiry(&mut self) -> Option<i64> {
        (self.rng.below(3) == 0).then(|| 1_000_000 + self.rng.below(100_000) as i64)
    }

    fn slot(&self, key: u64) -> Option<Slot> {
        self.table.find((self.place)(key), &key.to_le_bytes())
    }

    fn entry(&mut self, key: u64, value: i64, expire_at_ms: Option<i64>) -> EntryBox {
        self.heap.entry(&key.to_le_bytes(), NewValue::Int(value), Meta { expire_at_ms, ..Meta::default() })
    }

    /// Inserts a key, or replaces its entry.
    fn set(&mut self, key: u64, expire_at_ms: Option<i64>) {
        let value = self.rng.next() as i64;
        let entry = self.entry(key, value, expire_at_ms);
        match self.slot(key) {
            Some(slot) => {
                let old = self.table.replace(slot, entry);
                assert_eq!(old.view().key(), key.to_le_bytes());
                self.heap.release(old);
            }
            None => {
                self.table.insert((self.place)(key), entry);
                self.at.insert(key, self.keys.len());
                self.keys.push(key);
            }
        }
        self.model.insert(key, (value, expire_at_ms));
    }

    fn remove(&mut self, key: u64) {
        let slot = self.slot(key).expect("it is there");
        let entry = self.table.remove(slot);
        assert_eq!(entry.view().key(), key.to_le_bytes());
        self.heap.release(entry);
        self.forget(key);
    }

    fn forget(&mut self, key: u64) {
        assert!(self.model.remove(&key).is_some());
        let at = self.at.remove(&key).expect("known");
        self.keys.swap_remove(at);
        if let Some(moved) = self.keys.get(at) {
            self.at.insert(*moved, at);
        }
    }

    fn remap(&mut self, key: u64, expire_at_ms: Option<i64>) {
        let slot = self.slot(key).expect("it is there");
        let heap = &mut self.heap;
        self.table.map_entry(slot, |old| heap.with_meta(old, Meta { expire_at_ms, ..Meta::default() }));
        self.model.get_mut(&key).expect("it is there").1 = expire_at_ms;
    }

    fn any(&mut self) -> Option<u64> {
        (!self.keys.is_empty()).then(|| self.keys[self.rng.below(self.keys.len())])
    }

    fn step(&mut self, grow: usize) {
        if self.rng.below(100) < grow {
            let (key, expiry) = (self.rng.next(), self.expiry());
            self.set(key, expiry);
            return;
        }
        let Some(key) = self.any() else { return };
        match self.rng.below(10) {
            0 => {
                let expiry = self.expiry();
                self.set(key, expiry);
            }
            1 => {
                let expiry = self.expiry();
                self.remap(key, expiry);
            }
            2 => {
                let missing = self.rng.next();
                assert!(self.slot(missing).is_none());
                let (order, bytes) = ((self.place)(key), key.to_le_bytes());
                let entry = self.table.get(order, &bytes).expect("it is there");
                assert!(matches!(entry.value(), Value::Int(n) if n == self.model[&key].0));
                assert!(self.table.first_of_order(order).is_some());
            }
            _ => self.remove(key),
        }
    }

    fn volatile(&self) -> usize {
        self.model.values().filter(|(_, expiry)| expiry.is_some()).count()
    }

    fn check(&self) {
        self.table.check();
        assert_eq!((self.table.len(), self.table.volatile_len()), (self.model.len(), self.volatile()));
        assert_eq!(self.table.is_empty(), self.model.is_empty());
        for (key, (value, expiry)) in &self.model {
            let entry = self.table.get((self.place)(*key), &key.to_le_bytes()).expect("every key is found");
            assert!(matches!(entry.value(), Value::Int(n) if n == *value) && entry.expire_at_ms() == *expiry);
        }
        let mut orders = Vec::new();
        assert_eq!(self.table.scan(0, usize::MAX, |e| orders.push((self.place)(key_of(e)))), None);
        assert_eq!(orders.len(), self.model.len());
        let earliest = self.model.values().filter_map(|(_, expiry)| *expiry).min();
        match (self.table.earliest_due_ms(), earliest) {
            // What left may still bound from below, until a pass looks.
            (_, None) => {}
            (Some(bound), Some(earliest)) => assert!(bound <= earliest),
            other => panic!("{other:?}"),
        }
    }

    fn end(mut self) {
        self.table.clear(&mut self.heap);
        assert_eq!((self.table.len(), self.table.volatile_len(), self.table.buckets()), (0, 0, 0));
        assert_eq!(self.heap.live_bytes(), 0, "every entry came back once");
    }
}

fn key_of(entry: EntryRef<'_>) -> u64 {
    u64::from_le_bytes(entry.key().try_into().expect("eight bytes"))
}

#[test]
fn random_changes_agree_with_a_map() {
    for (place, most) in
        [(spread as Placing, 50_000), (spread, 700), (crowded, 16_000), (runs, 1000), (runs, 300)]
    {
        let mut pair = Pair::new(most as u64, place);
        let (mut met_resize, mut steps) = (false, 0);
        // Up, sideways, down, up again, down to nothing.
        for (grow, until) in [(90, most), (53, most + most / 20), (20, most / 4), (90, most / 2), (10, 0)] {
            let rising = pair.keys.len() < until;
            while (pair.keys.len() < until) == rising && pair.keys.len() != until {
                pair.step(grow);
                met_resize |= pair.table.is_resizing();
                steps += 1;
                if steps % (most * 3 / 5) == 0 {
                    pair.check();
                }
            }
            pair.check();
        }
        assert!(met_resize || most < 1000, "tables of this size resize step by step");
        pair.end();
    }
}

#[test]
fn the_first_volatile_key_may_come_during_a_resize() {
    for seed in 0..40 {
        let mut pair = Pair::new(seed, spread);
        while !pair.table.is_resizing() {
            let key = pair.rng.next();
            pair.set(key, None);
        }
        for i in 0..3 {
            let key = pair.rng.next();
            pair.set(key, Some(5000 + i));
        }
        while pair.table.advance_resize(1) {
            pair.table.check();
        }
        pair.check();
        assert_eq!(pair.table.earliest_due_ms(), Some(5000));
        pair.end();
    }
}

#[test]
fn churn_leaves_no_scars() {
    for (place, size) in [(spread as Placing, 3000), (spread, 300), (crowded, 3000)] {
        let mut pair = Pair::new(11, place);
        for _ in 0..size {
            let key = pair.rng.next();
            pair.set(key, None);
        }
        while pair.table.advance_resize(100) {}
        let (buckets, probes) = (pair.table.buckets(), pair.table.miss_probes());
        for _ in 0..100 * size {
            let (old, key) = (pair.any().expect("never empty"), pair.rng.next());
            pair.remove(old);
            pair.set(key, None);
        }
        while pair.table.advance_resize(100) {}
        assert_eq!(pair.table.check(), 0, "an overflow flag outlived its reason");
        let after = pair.table.miss_probes();
        assert!(after < probes * 1.3, "{after} buckets per miss, {probes} before");
        assert!(
            pair.table.buckets() <= buckets * 3 / 2,
            "{} buckets, {buckets} before",
            pair.table.buckets()
        );
        pair.check();
        pair.end();
    }
}

#[test]
fn a_thousand_keys_may_share_an_order() {
    for order in [0, ORDER_END / 3, ORDER_END - 1] {
        let mut pair = Pair::new(17, spread);
        for _ in 0..500 {
            pair.step(95);
        }
        let mut heap = Heap::new();
        let name = |i: u32| format!("same {i}").into_bytes();
        for i in 0..1000 {
            let entry = heap.entry(&name(i), NewValue::Int(1), Meta::default());
            pair.table.insert(order, entry);
            pair.table.check();
        }
        assert!(pair.table.buckets() < 2000, "{} buckets", pair.table.buckets());
        for i in 0..1000 {
            let slot = pair.table.find(order, &name(i)).expect("every one is found");
            heap.release(pair.table.remove(slot));
            if i % 50 == 0 {
                pair.step(50);
            }
        }
        pair.check();
        pair.end();
    }
}

#[test]
fn a_table_shrinks_with_its_keys() {
    let mut pair = Pair::new(1, spread);
    for _ in 0..40_000 {
        let key = pair.rng.next();
        pair.set(key, None);
    }
    let most = pair.table.memory_bytes();
    while pair.keys.len() > 2000 {
        let key = pair.any().expect("not empty");
        pair.remove(key);
    }
    while pair.table.advance_resize(1000) {}
    assert!(pair.table.memory_bytes() * 8 < most);
    assert!(pair.table.buckets() * 7 < 2000 * 3 + 7 * 40);
    pair.check();
    while let Some(key) = pair.any() {
        pair.remove(key);
    }
    assert!(pair.table.buckets() <= 8, "a few buckets at most for no key");
    pair.end();
}

#[test]
fn a_key_costs_at_most_14_bytes_of_buckets() {
    let (mut sum, mut samples) = (0.0, 0);
    for phase in 0..16 {
        let mut pair = Pair::new(phase, spread);
        for n in 1..=20_000 {
            let key = pair.rng.next();
            pair.set(key, None);
            if n >= 1000 && n % 100 == 0 {
                sum += pair.table.memory_bytes() as f64 / f64::from(n);
                samples += 1;
            }
        }
        pair.end();
    }
    let mean = sum / f64::from(samples);
    eprintln!("{mean:.2} bytes of buckets per key");
    assert!(mean <= 14.0, "{mean} bytes per key");
}

#[test]
fn drain_if_takes_the_picked_and_leaves_the_rest() {
    for resizing in [false, true] {
        let mut pair = Pair::new(21, runs);
        while pair.keys.len() < 1000 || pair.table.is_resizing() != resizing {
            let (key, expiry) = (pair.rng.next(), pair.expiry());
            pair.set(key, expiry);
        }
        let mut taken = Vec::new();
        pair.table.drain_if(|e| key_of(e) % 3 == 0, |entry| taken.push(entry));
        for entry in taken {
            let key = key_of(entry.view());
            assert_eq!(key % 3, 0);
            pair.forget(key);
            pair.heap.release(entry);
        }
        assert!(pair.keys.iter().all(|key| key % 3 != 0));
        pair.check();
        for _ in 0..3000 {
            pair.step(50);
        }
        pair.check();
        pair.end();
    }
}

/// Removes all that a pass finds; returns their number.
fn expire_pass(pair: &mut Pair, now_ms: i64, grow: usize) -> usize {
    let (mut cursor, mut found) = (WalkCursor::default(), 0);
    loop {
        let mut budget = 1 + pair.rng.below(50) as u32;
        while let Some(slot) = pair.table.next_due(&mut cursor, now_ms, &mut budget) {
            let key = key_of(pair.table.entry(slot));
            let expiry = pair.model[&key].1.expect("only keys with a TTL expire");
            assert!(expiry <= now_ms, "none comes early");
            pair.remove(key);
            found += 1;
            if budget == 0 {
                break;
            }
        }
        if cursor == WalkCursor::default() && budget > 0 {
            return found;
        }
        for _ in 0..pair.rng.below(grow + 1) {
            pair.step(60);
        }
    }
}

#[test]
fn every_expired_key_is_found_and_none_early() {
    for (seed, place) in [(1, spread as Placing), (2, spread), (3, crowded)] {
        let mut pair = Pair::new(seed, place);
        for _ in 0..6000 {
            pair.step(90);
        }
        let (mut total, mut now_ms) = (0, 999_999);
        while now_ms < 1_101_000 {
            now_ms += 1 + pair.rng.below(9000) as i64;
            // Changes between the holds of a pass may hide a key from that pass, not from the next.
            total += expire_pass(&mut pair, now_ms, 40);
            while expire_pass(&mut pair, now_ms, 0) > 0 {}
            let due = pair.model.values().filter(|(_, expiry)| expiry.is_some_and(|at| at <= now_ms)).count();
            assert_eq!(due, 0, "nothing that is due stays");
            for _ in 0..400 {
                pair.step(45);
            }
            pair.check();
        }
        assert!(total > 500);
        while expire_pass(&mut pair, 2_000_000, 0) > 0 {}
        assert_eq!((pair.table.volatile_len(), pair.table.earliest_due_ms()), (0, None));
        pair.end();
    }
}

#[test]
fn scan_visits_each_key_present_throughout_exactly_once() {
    let mut met_resize = 0;
    for seed in 0..30 {
        let mut pair = Pair::new(seed, if seed % 5 == 4 { crowded } else { spread });
        let size = [0, 5, 100, 2000, 6000][seed as usize % 5];
        for _ in 0..size {
            let key = pair.rng.next();
            pair.set(key, None);
        }
        let mut stable: HashSet<u64> = pair.keys.iter().copied().filter(|k| mixed(!k) % 4 == 0).collect();
        let (mut seen, mut from, mut was_resizing) = (HashSet::new(), 0, false);
        let tide = [90, 10, 50][seed as usize % 3];
        loop {
            let want = 1 + pair.rng.below(30);
            let mut last = from;
            let next = pair.table.scan(from, want, |entry| {
                let key = key_of(entry);
                let order = (pair.place)(key);
                assert!(order >= from && seen.insert(key), "no key comes twice");
                last = last.max(order);
            });
            was_resizing |= pair.table.is_resizing();
            let Some(next) = next else { break };
            assert!(next > last, "the next call goes on behind what was seen");
            from = next;
            for _ in 0..pair.rng.below(60) {
                match pair.any() {
                    Some(key) if pair.rng.below(100) >= tide => {
                        if !stable.contains(&key) {
                            pair.remove(key);
                        }
                    }
                    _ => {
                        let key = pair.rng.next();
                        pair.set(key, None);
                    }
                }
            }
        }
        stable.retain(|key| !seen.contains(key));
        assert!(stable.is_empty(), "{} keys were there throughout and were not seen", stable.len());
        met_resize += usize::from(was_resizing);
        pair.check();
        pair.end();
    }
    assert!(met_resize > 5, "{met_resize} walks met a resize");
}

#[test]
fn random_keys_are_drawn_evenly() {
    for (size, resizing) in [(1, false), (500, false), (700, true)] {
        let mut pair = Pair::new(size as u64, spread);
        while pair.keys.len() < size || pair.table.is_resizing() != resizing {
            let key = pair.rng.next();
            pair.set(key, None);
        }
        let mut drawn: HashMap<u64, usize> = HashMap::new();
        let keys = pair.keys.len();
        for _ in 0..keys * 300 {
            let slot = pair.table.random(|| pair.rng.next()).expect("not empty");
            *drawn.entry(key_of(pair.table.entry(slot))).or_default() += 1;
        }
        assert_eq!(drawn.len(), keys, "every key is drawn");
        let (least, most) = (drawn.values().min().unwrap(), drawn.values().max().unwrap());
        // 300 draws a key: five standard deviations are 87.
        assert!(*least > 200 && *most < 400, "{least} to {most} draws");
        pair.end();
    }
    let mut pair = Pair::new(3, spread);
    assert!(pair.table.random(|| 1).is_none());
    for key in 0..30_000 {
        pair.set(key, None);
    }
    pair.table.drain_if(|e| key_of(e) != 77, |entry| pair.heap.release(entry));
    let slot = pair.table.random(|| pair.rng.next()).expect("one is left");
    assert_eq!(key_of(pair.table.entry(slot)), 77, "found among thousands of empty buckets");
    pair.end();
}

#[test]
fn samples_are_distinct_and_as_many_as_asked() {
    for resizing in [false, true] {
        let mut pair = Pair::new(8, spread);
        while pair.keys.len() < 1000 || pair.table.is_resizing() != resizing {
            let (key, expiry) = (pair.rng.next(), pair.rng.below(50) == 0);
            pair.set(key, expiry.then_some(5));
        }
        let (keys, volatile) = (pair.keys.len(), pair.table.volatile_len());
        let mut ever = HashSet::new();
        for want in [1, 5, 16, 400, 10_000] {
            for _ in 0..50 {
                let mut seen = HashSet::new();
                let start = pair.rng.next() as u32;
                pair.table.sample(start, want, |entry| assert!(seen.insert(key_of(entry))));
                assert_eq!(seen.len(), want.min(keys));
                ever.extend(seen);
                let mut seen = HashSet::new();
                pair.table.sample_volatile(start, want, u32::MAX, |entry| {
                    assert!(entry.is_volatile() && seen.insert(key_of(entry)));
                });
                assert_eq!(seen.len(), want.min(volatile));
                pair.table.sample_volatile(start, want, 0, |_| panic!("no bucket may be looked at"));
            }
        }
        assert_eq!(ever.len(), keys);
        pair.end();
    }
}
