use std::collections::BTreeSet;

use super::*;

const LIMITS: Limits = Limits { integers: 512, entries: 128, member_bytes: 64 };

fn text(element: Element<'_>) -> Vec<u8> {
    element.to_vec()
}

fn members(set: &Set) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    set.visit(|member| assert!(found.insert(text(member)), "shown once"));
    assert_eq!(found.len(), set.len());
    found
}

fn of<T: ToString>(values: impl IntoIterator<Item = T>) -> Set {
    let mut set = Set::default();
    for value in values {
        set.insert(value.to_string().as_bytes(), &LIMITS);
    }
    set
}

/// A set of each form, all of the same members.
fn forms(values: std::ops::Range<i64>) -> [Set; 3] {
    let wide = Limits { integers: usize::MAX, entries: usize::MAX, member_bytes: 64 };
    let narrow = Limits { integers: 0, entries: 0, member_bytes: 64 };
    let mut forms = [Set::default(), Set::packed(), Set::new(b"a", 1, &narrow)];
    for value in values {
        for (set, limits) in forms.iter_mut().zip([&wide, &wide, &narrow]) {
            assert!(set.insert(value.to_string().as_bytes(), limits));
        }
    }
    assert_eq!(forms.each_ref().map(Set::encoding), ["intset", "listpack", "hashtable"]);
    forms
}

#[test]
fn a_new_set_has_the_form_that_suits_its_first_member() {
    for (first, count, encoding) in [
        ("1", 1, "intset"),
        ("1", 512, "intset"),
        ("1", 513, "hashtable"),
        ("01", 1, "listpack"),
        ("a", 128, "listpack"),
        ("a", 129, "hashtable"),
    ] {
        assert_eq!(Set::new(first.as_bytes(), count, &LIMITS).encoding(), encoding, "{first} {count}");
    }
    let few = Limits { integers: 2, entries: 128, member_bytes: 64 };
    assert_eq!(Set::new(b"1", 3, &few).encoding(), "listpack");
}

#[test]
fn integers_stay_an_array_up_to_the_limit() {
    let mut set = of(0..512);
    assert_eq!((set.encoding(), set.insert(b"0", &LIMITS)), ("intset", false));
    assert!(set.insert(b"512", &LIMITS));
    assert_eq!((set.encoding(), set.len()), ("hashtable", 513));
    for value in 0..512 {
        set.remove(value.to_string().as_bytes());
    }
    assert_eq!((set.encoding(), set.len()), ("hashtable", 1), "never back");
}

#[test]
fn another_member_than_an_integer_ends_the_array() {
    let long = [b'x'; 65];
    for (integers, member, encoding) in [
        (0, &b"a"[..], "listpack"),
        (127, b"a", "listpack"),
        (128, b"a", "hashtable"),
        (3, &long[..64], "listpack"),
        (3, &long, "hashtable"),
    ] {
        let mut set = of(0..integers);
        assert!(set.insert(member, &LIMITS) && !set.insert(member, &LIMITS));
        assert_eq!((set.encoding(), set.len()), (encoding, integers + 1), "{integers} and {}", member.len());
        assert!(set.contains(member) && (0..integers).all(|n| set.contains(n.to_string().as_bytes())));
    }
    // The integers must fit, too.
    let short = Limits { integers: 512, entries: 128, member_bytes: 3 };
    for (integer, encoding) in [("999", "listpack"), ("-99", "listpack"), ("-100", "hashtable")] {
        let mut set = of([integer]);
        set.insert(b"a", &short);
        assert_eq!(set.encoding(), encoding, "{integer}");
    }
}

#[test]
fn a_packed_sequence_ends_with_a_member_too_many_or_too_long() {
    let mut set = of(["a"]);
    for n in 1..128 {
        set.insert(format!("m{n}").as_bytes(), &LIMITS);
    }
    assert_eq!((set.encoding(), set.insert(b"a", &LIMITS)), ("listpack", false));
    let mut longer = set.clone();
    assert!(longer.remove(b"a") && longer.insert(&[b'x'; 65], &LIMITS));
    assert_eq!((longer.encoding(), longer.len()), ("hashtable", 128));
    set.insert(b"7", &LIMITS);
    assert_eq!((set.encoding(), set.len()), ("hashtable", 129));
    assert!(set.contains(b"7") && set.contains(b"m127"));
}

#[test]
fn a_command_with_many_members_ends_compact_forms_at_once() {
    let mut set = of([1]);
    set.expect(512, &LIMITS);
    assert_eq!(set.encoding(), "intset");
    set.expect(513, &LIMITS);
    assert_eq!((set.encoding(), set.len()), ("hashtable", 1));
    let mut set = of(["a"]);
    set.expect(128, &LIMITS);
    assert_eq!(set.encoding(), "listpack");
    set.expect(129, &LIMITS);
    assert_eq!(set.encoding(), "hashtable");
}

#[test]
fn integers_alone_can_become_an_array_again() {
    for set in forms(-5..20) {
        let mut again = set.clone();
        again.become_integers(&LIMITS);
        assert_eq!((again.encoding(), members(&again)), ("intset", members(&set)));
        let mut too_many = set.clone();
        too_many.become_integers(&Limits { integers: 24, ..LIMITS });
        assert_eq!(too_many.encoding(), set.encoding());
        let mut mixed = set.clone();
        mixed.insert(b"a", &LIMITS);
        let before = mixed.encoding();
        mixed.become_integers(&LIMITS);
        assert_eq!(mixed.encoding(), before);
    }
}

#[test]
fn every_form_walks_and_counts_alike() {
    for len in [0, 1, 7, 50] {
        for set in forms(0..len) {
            let all = members(&set);
            for step in [1, 3, 7, 49, 50, 51, usize::MAX] {
                let (mut at, mut found, mut calls) = (0, Vec::new(), 0);
                loop {
                    at = set.walk(at, step, |member| found.push(text(member)));
                    calls += 1;
                    if at == 0 {
                        break;
                    }
                }
                assert_eq!(found.len(), all.len(), "{} by {step}", set.encoding());
                assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all);
                assert!(calls <= len / step.min(50) as i64 + 1);
            }
            let by_rank: BTreeSet<_> = (0..set.len()).map(|rank| text(set.get(rank))).collect();
            assert_eq!(by_rank, all);
        }
    }
}

#[test]
fn random_members_are_spread_evenly() {
    let mut rng = Rng::new(5);
    for set in forms(0..10) {
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[set.random(&mut rng).as_int().expect("an integer") as usize] += 1;
        }
        assert!(counts.iter().all(|&n| (850..1150).contains(&n)), "{} {counts:?}", set.encoding());
    }
}

#[test]
fn taken_members_are_gone() {
    let mut rng = Rng::new(6);
    for mut set in forms(0..30) {
        let before = set.clone();
        let mut left = members(&set);
        while !set.is_empty() {
            let rank = rng.index(set.len());
            let there = text(set.get(rank));
            set.take(rank, |member| assert_eq!(text(member), there));
            assert!(left.remove(&there));
            assert_eq!(members(&set), left);
        }
        assert_eq!(before.len(), 30, "a clone keeps what it had");
    }
}

#[test]
fn retain_keeps_the_form() {
    for mut set in forms(0..30) {
        let encoding = set.encoding();
        set.retain(|member| member.as_int().is_some_and(|n| n % 3 == 0));
        assert_eq!(members(&set), members(&of((0..30).step_by(3))));
        assert_eq!(set.encoding(), encoding);
    }
}

#[test]
fn a_finder_finds_what_the_set_has() {
    for len in [0, 3, 8, 100, 128] {
        for set in forms(0..len) {
            let mut mixed = set.clone();
            for member in ["", "a", "01", "x23456789", "x234567890123456789"] {
                mixed.insert(member.as_bytes(), &Limits { entries: 500, ..LIMITS });
            }
            for set in [set, mixed] {
                for lookups in [1, 1000] {
                    let finder = Finder::new(set.clone(), lookups);
                    let asked = (-3..len + 3).map(|n| n.to_string());
                    let texts = ["", "a", "b", "01", "x23456789", "x234567890123456789", "x23456780"];
                    for text in asked.chain(texts.map(String::from)) {
                        let bytes = text.as_bytes();
                        let expected = set.contains(bytes);
                        assert_eq!(finder.contains(Element::Bytes(bytes)), expected, "{text} as bytes");
                        assert_eq!(finder.contains(Element::of(bytes)), expected, "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn random_changes_match_a_model() {
    let limits = Limits { integers: 20, entries: 12, member_bytes: 5 };
    let mut rng = Rng::new(7);
    for round in 0..60 {
        let (mut set, mut model) = (Set::default(), BTreeSet::new());
        for _ in 0..rng.index(300) {
            let member = match rng.below(if round % 3 == 0 { 3 } else { 5 }) {
                0..3 => (rng.below(30) as i64 - 10).to_string().into_bytes(),
                3 => vec![b'a' + rng.below(4) as u8; rng.index(7)],
                _ => format!("0{}", rng.below(5)).into_bytes(),
            };
            match rng.below(5) {
                0 => assert_eq!(set.remove(&member), model.remove(&member)),
                1 => assert_eq!(set.remove_element(Element::of(&member)), model.remove(&member)),
                2 => assert_eq!(set.insert_element(Element::of(&member), &limits), model.insert(member)),
                _ => assert_eq!(set.insert(&member, &limits), model.insert(member)),
            }
            if set.is_compact() {
                let max = if set.integers().is_some() { limits.integers } else { limits.entries };
                assert!(set.len() <= max);
            }
        }
        assert_eq!(members(&set), model);
        assert!(model.iter().all(|member| set.contains(member)));
    }
}

/// Up to thousands of members and down to none, again and again; clones keep what they had.
#[test]
fn churn_matches_a_model() {
    let mut rng = Rng::new(8);
    let (mut set, mut model) = (Set::default(), BTreeSet::new());
    let mut clones: Vec<(Set, BTreeSet<Vec<u8>>)> = Vec::new();
    for round in 0..6 {
        let most = [6000, 400, 100][round % 3];
        while model.len() < most {
            let n = rng.below(3 * most as u64);
            let member = match n % 7 {
                _ if round == 1 => n.to_string().into_bytes(),
                0 => n.to_string().into_bytes(),
                1 => vec![n as u8; rng.index(500)],
                _ => format!("member:{n}").into_bytes(),
            };
            if rng.below(5) == 0 {
                assert_eq!(set.remove(&member), model.remove(&member));
            } else {
                assert_eq!(set.insert(&member, &LIMITS), model.insert(member));
            }
        }
        assert_eq!(members(&set), model);
        clones.push((set.clone(), model.clone()));
        while !model.is_empty() {
            match rng.below(100) {
                0 => {
                    let keeps = |member: &[u8]| member.len() % 5 > 0;
                    set.retain(|member| keeps(&text(member)));
                    model.retain(|member| keeps(member));
                }
                1..20 => {
                    let member = format!("member:{}", rng.below(3 * most as u64)).into_bytes();
                    assert_eq!(set.remove(&member), model.remove(&member));
                }
                _ => {
                    let mut taken = Vec::new();
                    set.take(rng.index(set.len()), |member| taken = text(member));
                    assert!(model.remove(&taken));
                }
            }
            assert_eq!(set.len(), model.len());
        }
        for (clone, then) in &clones {
            assert_eq!(members(clone), *then);
        }
        if round % 2 == 1 {
            set = Set::default();
        }
    }
}
