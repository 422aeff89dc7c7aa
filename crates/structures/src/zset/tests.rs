//! Sorted sets against a model: a plain vector in order.

use sys::random::Rng;

use super::*;

const LIMITS: Limits = Limits { entries: 128, member_bytes: 64 };

/// What a set must hold, in order.
#[derive(Default, Clone)]
struct Model(Vec<(f64, Vec<u8>)>);

impl Model {
    fn score(&self, member: &[u8]) -> Option<f64> {
        self.0.iter().find(|(_, own)| own == member).map(|(score, _)| *score)
    }

    fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let at = self.0.iter().position(|(_, own)| own == member)?;
        Some(self.0.remove(at).0)
    }

    fn set(&mut self, member: &[u8], score: f64) {
        self.remove(member);
        let at = self.0.partition_point(|(own_score, own)| order((*own_score, own), (score, member)).is_lt());
        self.0.insert(at, (score, member.to_vec()));
    }
}

fn members(zset: &Zset, ranks: Range<usize>, reverse: bool) -> Vec<(f64, Vec<u8>)> {
    let mut all = Vec::new();
    zset.visit(ranks, reverse, |member, score| all.push((score, member.to_vec())));
    all
}

fn check(zset: &Zset, model: &Model) {
    assert_eq!((zset.len(), zset.is_empty()), (model.0.len(), model.0.is_empty()));
    let mut expected = model.0.clone();
    assert_eq!(members(zset, 0..zset.len(), false), expected);
    expected.reverse();
    assert_eq!(members(zset, 0..zset.len(), true), expected);
    for (rank, (score, member)) in model.0.iter().enumerate() {
        assert_eq!(zset.rank(member), Some((rank, *score)));
        assert_eq!(zset.score(member), Some(*score));
    }
}

/// A random member: integers, texts, and long ones that do not fit the compact form.
fn member(rng: &mut Rng, many: u64, long: bool) -> Vec<u8> {
    let n = rng.below(many);
    match rng.below(8) {
        0 => n.to_string().into_bytes(),
        1 => (-(n as i64)).to_string().into_bytes(),
        2 => vec![b'x'; (n % 64) as usize],
        3 if long => {
            let mut long = vec![b'y'; 60 + (n % 300) as usize];
            long.extend_from_slice(n.to_string().as_bytes());
            long
        }
        4 => vec![0xff, n as u8, 0],
        _ => format!("member:{n:06}").into_bytes(),
    }
}

fn score(rng: &mut Rng) -> f64 {
    match rng.below(8) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => 0.0,
        3 => rng.unit() * 1e-300,
        4 => 2f64.powi(62),
        5 => 1e17 + rng.below(1000) as f64,
        _ => rng.below(100) as f64 / 4.0 - 10.0,
    }
}

/// Random ranges that the set and the model must answer alike.
fn check_ranges(zset: &Zset, model: &Model, rng: &mut Rng) {
    let (min_excluded, max_excluded) = (rng.below(2) == 0, rng.below(2) == 0);
    let range = ScoreRange { min: score(rng), min_excluded, max: score(rng), max_excluded };
    let ranks = zset.score_ranks(&range);
    let inside = |score: f64| range.reaches_min(score) && range.within_max(score);
    let expected: Vec<_> = model.0.iter().filter(|(score, _)| inside(*score)).cloned().collect();
    assert_eq!(members(zset, ranks, false), expected, "{range:?}");
    let start = rng.index(zset.len() + 1);
    let ranks = start..start + rng.index(zset.len() + 1 - start);
    assert_eq!(members(zset, ranks.clone(), false), model.0[ranks.clone()]);
    let mut taken = 0;
    zset.visit_while(ranks.clone(), true, |member, score| {
        let (expected_score, expected) = &model.0[ranks.end - 1 - taken];
        assert_eq!((score, member), (*expected_score, expected.as_slice()));
        taken += 1;
        taken < 5
    });
    assert_eq!(taken, ranks.len().min(5));
}

/// Random changes of a set and its model; a clone taken half-way must not change.
fn changes(seed: u64, steps: usize, many: u64, long: bool) {
    let mut rng = Rng::new(seed);
    let (mut zset, mut model) = (Zset::default(), Model::default());
    let mut kept = None;
    for step in 0..steps {
        let name = member(&mut rng, many, long);
        match rng.below(12) {
            0..=5 => {
                let new = score(&mut rng);
                let old = zset.update(&name, LIMITS, |old| {
                    assert_eq!(old, model.score(&name));
                    Some(new)
                });
                assert_eq!(old, model.score(&name));
                model.set(&name, new);
            }
            6 => {
                assert_eq!(zset.update(&name, LIMITS, |_| None), model.score(&name));
            }
            7 | 8 => assert_eq!(zset.remove(&name), model.remove(&name)),
            9 if !model.0.is_empty() => {
                let start = rng.index(model.0.len());
                let ranks = start..start + rng.index((model.0.len() - start).min(6) + 1);
                zset.remove_ranks(ranks.clone());
                model.0.drain(ranks);
            }
            _ => check_ranges(&zset, &model, &mut rng),
        }
        assert_eq!(zset.len(), model.0.len());
        if step % 500 == 499 || step + 1 == steps {
            check(&zset, &model);
        }
        if step == steps / 2 {
            kept = Some((zset.clone(), model.clone()));
        }
    }
    let (kept, kept_model) = kept.expect("half-way was passed");
    check(&kept, &kept_model);
}

#[test]
fn compact_sets_follow_the_model() {
    for seed in 0..20 {
        changes(seed, 2000, 25, false);
    }
}

#[test]
fn large_sets_follow_the_model() {
    changes(100, 6000, 3000, true);
    changes(101, 6000, 300, true);
}

#[test]
fn lex_ranges_follow_the_model() {
    let mut rng = Rng::new(5);
    for many in [20, 2000] {
        let (mut zset, mut model) = (Zset::default(), Model::default());
        for _ in 0..many {
            let name = member(&mut rng, many, many > 100);
            zset.update(&name, LIMITS, |_| Some(1.5));
            model.set(&name, 1.5);
        }
        for _ in 0..300 {
            let (a, b) = (member(&mut rng, many, true), member(&mut rng, many, true));
            let mut bound = |member| match rng.below(8) {
                0 => LexBound::Lowest,
                1 => LexBound::Highest,
                2..=4 => LexBound::Included(member),
                _ => LexBound::Excluded(member),
            };
            let range = LexRange { min: bound(&a), max: bound(&b) };
            let inside = |member: &[u8]| range.reaches_min(member) && range.within_max(member);
            let expected: Vec<_> = model.0.iter().filter(|(_, member)| inside(member)).cloned().collect();
            let skipped = rng.index(3);
            let left = expected.len().saturating_sub(skipped);
            let ranks = zset.lex_ranks(&range, false, skipped);
            assert_eq!(members(&zset, ranks, false), expected[expected.len() - left..], "{range:?}");
            let ranks = zset.lex_ranks(&range, true, skipped);
            assert_eq!(members(&zset, ranks, false), expected[..left], "{range:?}");
        }
    }
}

#[test]
fn forms_change_where_valkey_changes_them() {
    let limits = Limits { entries: 3, member_bytes: 4 };
    let add = |zset: &mut Zset, member: &str| {
        zset.update(member.as_bytes(), limits, |_| Some(1.0));
        zset.is_compact()
    };
    let mut zset = Zset::default();
    assert!(add(&mut zset, "a") && add(&mut zset, "bbbb") && add(&mut zset, "c") && add(&mut zset, "a"));
    assert!(!add(&mut zset, "d"));
    assert_eq!(zset.encoding(), "skiplist");
    zset.remove_ranks(1..4);
    assert_eq!((zset.len(), zset.is_compact()), (1, false));
    let mut zset = Zset::default();
    assert!(add(&mut zset, "a") && !add(&mut zset, "bbbbb"));
    let mut zset = Zset::default();
    zset.prepare(limits, 3, 4);
    assert!(zset.is_compact());
    zset.prepare(limits, 4, 0);
    assert!(!zset.is_compact());
    let sorted = [(1.0, &b"a"[..]), (1.0, b"b"), (2.0, b"a1")];
    assert!(Zset::from_sorted(limits, sorted.into_iter()).is_compact());
    let sorted = [(1.0, &b"a"[..]), (1.0, b"bbbbb")];
    let zset = Zset::from_sorted(limits, sorted.into_iter());
    assert!(!zset.is_compact());
    assert_eq!(members(&zset, 0..2, false), [(1.0, b"a".to_vec()), (1.0, b"bbbbb".to_vec())]);
}

#[test]
fn a_negative_zero_keeps_its_sign_in_the_large_form_only() {
    let mut zset = Zset::default();
    zset.update(b"a", LIMITS, |_| Some(-0.0));
    assert!(zset.score(b"a").is_some_and(|score| score.is_sign_positive()));
    zset.expand();
    zset.update(b"b", LIMITS, |_| Some(-0.0));
    assert!(zset.score(b"b").is_some_and(|score| score.is_sign_negative()));
    zset.update(b"aa", LIMITS, |_| Some(0.0));
    assert_eq!(zset.rank(b"b"), Some((2, 0.0)));
}

#[test]
fn the_compact_form_is_valkeys_listpack() {
    let mut zset = Zset::default();
    for (member, score) in [("b", 2.0), ("a", 0.1), ("7", -3.0), ("c", 1e300), ("d", f64::INFINITY)] {
        zset.update(member.as_bytes(), LIMITS, |_| Some(score));
    }
    let pack = zset.as_listpack().expect("few and short");
    let elements: Vec<_> = pack.iter().map(|(_, element)| element.to_vec()).collect();
    let text = elements.iter().map(|element| String::from_utf8_lossy(element)).collect::<Vec<_>>().join(" ");
    assert_eq!(text, "7 -3 a 0.1 b 2 c 1e+300 d inf");
    assert_eq!(pack.get_index(0).map(|(_, element)| element), Some(crate::listpack::Element::Int(7)));
}

#[test]
fn scanning_shows_every_member_that_stays() {
    let mut zset = Zset::default();
    for i in 0..5000 {
        zset.update(format!("m{i}").as_bytes(), LIMITS, |_| Some(f64::from(i % 7)));
    }
    let mut seen = std::collections::HashSet::new();
    let mut cursor = 0;
    for round in 0.. {
        cursor = zset.scan(cursor, 10, |member, score| {
            assert_eq!(zset.score(member), Some(score));
            seen.insert(member.to_vec());
        });
        if cursor == 0 {
            assert!(round > 30, "some at a time");
            break;
        }
    }
    assert_eq!(seen.len(), 5000);
}

#[test]
fn many_members_follow_the_model() {
    let mut rng = Rng::new(9);
    let sorted: Vec<(f64, Vec<u8>)> = (0..30_000)
        .map(|i| {
            (
                f64::from(i / 3),
                format!("member:{i:06}{}", "x".repeat(if i % 9 == 0 { 70 } else { 0 })).into_bytes(),
            )
        })
        .collect();
    let mut zset =
        Zset::from_sorted(LIMITS, sorted.iter().map(|(score, member)| (*score, member.as_slice())));
    let mut model = Model(sorted);
    check(&zset, &model);
    let before = zset.clone();
    for _ in 0..40 {
        let start = rng.index(model.0.len());
        let ranks = start..start + rng.index((model.0.len() - start).min(2000) + 1);
        zset.remove_ranks(ranks.clone());
        model.0.drain(ranks);
        for _ in 0..20 {
            let (score, member) = model.0[rng.index(model.0.len())].clone();
            let new = score + rng.below(3) as f64 * 100.0 - 100.0;
            assert_eq!(zset.update(&member, LIMITS, |_| Some(new)), Some(score));
            model.set(&member, new);
        }
        check_ranges(&zset, &model, &mut rng);
    }
    check(&zset, &model);
    assert_eq!(before.len(), 30_000);
    assert_eq!(before.rank(b"member:029999"), Some((29_999, 9999.0)));
}

#[test]
fn a_member_costs_few_bytes() {
    let mut rng = Rng::new(4);
    // What Valkey 9.1 takes for each: 82.6 bytes of 16, about 165 of 100.
    for (len, most) in [(16, 62.0), (100, 160.0)] {
        let (mut one_by_one, mut all) = (Zset::default(), Model::default().0);
        let count = 50_000;
        for _ in 0..count {
            let (score, name) = (rng.below(1 << 40) as f64, format!("{:0len$}", rng.next_u64() >> 16));
            one_by_one.update(name.as_bytes(), LIMITS, |_| Some(score));
            all.push((score, name.into_bytes()));
        }
        let each = one_by_one.memory_bytes() as f64 / one_by_one.len() as f64;
        assert!(each < most, "{each} bytes for members of {len}");
        all.sort_by(|a, b| order((a.0, &a.1), (b.0, &b.1)));
        let built = Zset::from_sorted(LIMITS, all.iter().map(|(score, name)| (*score, name.as_slice())));
        let built_each = built.memory_bytes() as f64 / built.len() as f64;
        assert!(built_each < each, "{built_each} bytes for members of {len}, built at once");
    }
}

/// Up to thousands of members and down to none, again and again; clones keep what they had.
#[test]
fn churn_follows_the_model() {
    let mut rng = Rng::new(12);
    let (mut zset, mut model) = (Zset::default(), Model::default());
    let mut clones: Vec<(Zset, Model)> = Vec::new();
    for round in 0..4 {
        let most = [2500, 100][round % 2];
        while model.0.len() < most {
            let name = member(&mut rng, 3 * most as u64, round != 1);
            let new = score(&mut rng);
            assert_eq!(zset.update(&name, LIMITS, |_| Some(new)), model.score(&name));
            model.set(&name, new);
        }
        check(&zset, &model);
        clones.push((zset.clone(), model.clone()));
        while !model.0.is_empty() {
            let start = rng.index(model.0.len());
            if rng.below(4) == 0 {
                let ranks = start..start + rng.index((model.0.len() - start).min(40) + 1);
                zset.remove_ranks(ranks.clone());
                model.0.drain(ranks);
            } else {
                let (score, name) = model.0.remove(start);
                assert_eq!(zset.remove(&name), Some(score));
            }
            assert_eq!(zset.len(), model.0.len());
        }
        clones.iter().for_each(|(clone, then)| check(clone, then));
        if round % 2 == 1 {
            zset = Zset::default();
        }
    }
}
