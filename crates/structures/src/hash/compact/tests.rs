//! The compact form against a list of pairs.

use sys::random::Rng;

use super::*;

type Model = Vec<(Vec<u8>, Vec<u8>, Option<i64>)>;

fn text(element: Element<'_>) -> Vec<u8> {
    element.as_bytes(&mut IntBuf::new()).to_vec()
}

#[track_caller]
fn check(compact: &Compact, model: &Model) {
    assert_eq!(compact.len(), model.len());
    let pairs: Model = compact.iter_from(0).map(|(f, v, at)| (text(f), text(v), at)).collect();
    assert_eq!(&pairs, model);
    assert_eq!(compact.next_expiry_at_ms(), model.iter().filter_map(|(_, _, at)| *at).min());
    for (index, (field, value, at)) in model.iter().enumerate() {
        let place = compact.find(field).expect("every field is found");
        assert_eq!(
            (place.index, text(compact.value(place)), compact.instant(place)),
            (index, value.clone(), *at)
        );
        let same = compact.place(index).expect("every position has a place");
        assert_eq!((same.index, same.at, same.field), (place.index, place.at, place.field));
        let (f, v, i) = compact.pair(same);
        assert_eq!((text(f), text(v), i), (field.clone(), value.clone(), *at));
    }
    let raw = compact.raw_pairs();
    assert!(
        raw.iter()
            .map(|raw| (text(raw.field()), raw.instant()))
            .eq(model.iter().map(|(f, _, at)| (f.clone(), *at)))
    );
    let rebuilt = Compact::from_raw(&raw);
    let pairs: Model = rebuilt.iter_from(0).map(|(f, v, at)| (text(f), text(v), at)).collect();
    assert_eq!((&pairs, rebuilt.next_expiry_at_ms()), (model, compact.next_expiry_at_ms()));
    assert!(
        model.iter().enumerate().all(|(i, (f, _, _))| rebuilt.find(f).map(|place| place.index) == Some(i))
    );
    assert!(compact.place(model.len()).is_none());
    assert_eq!(compact.iter_from(model.len()).count(), 0);
    let middle = model.len() / 2;
    assert_eq!(compact.iter_from(middle).count(), model.len() - middle);
    assert!(compact.pair_bytes() <= MAX_PAIR_BYTES);
    assert!(compact.0.len() == compact.pairs_at() + compact.pair_bytes() || compact.0.is_empty());
}

/// A string of a kind that the form treats apart.
fn string(rng: &mut Rng, most: u64) -> Vec<u8> {
    match rng.below(6) {
        0 => (rng.next_u64() as i64 >> rng.below(64)).to_string().into_bytes(),
        1 => rng.below(60).to_string().into_bytes(),
        2 => vec![b'a'; rng.below(most) as usize],
        _ => {
            let mut bytes = vec![0; rng.below(20) as usize];
            rng.fill(&mut bytes);
            bytes
        }
    }
}

#[test]
fn random_changes_agree_with_a_list() {
    for (seed, most, len) in [(1, 8, 20), (2, 12, 30), (3, 100, 250), (4, 600, 70), (5, 2040, 20)] {
        let mut rng = Rng::new(seed);
        let (mut compact, mut model) = (Compact::default(), Model::new());
        let mut clones: Vec<(Compact, Model)> = Vec::new();
        let mut rising = true;
        for step in 0..6000 {
            if model.len() == most || model.is_empty() {
                rising = model.is_empty();
            }
            let there = !model.is_empty() && rng.below(2) == 0;
            let field = if there { model[rng.index(model.len())].0.clone() } else { string(&mut rng, len) };
            let at = model.iter().position(|(own, _, _)| *own == field);
            let place = compact.find(&field);
            assert_eq!(place.map(|place| place.index), at);
            let instant = (rng.below(8) == 0).then(|| rng.below(1000) as i64);
            match (place, at, rng.below(10)) {
                (Some(place), Some(at), 0..=2) => {
                    let value = string(&mut rng, len);
                    compact.set_value(place, &value);
                    model[at].1 = value;
                }
                (Some(place), Some(at), 3..=4) => {
                    compact.set_instant(place, instant);
                    model[at].2 = instant;
                }
                (Some(place), Some(at), 5..) if !rising || rng.below(8) == 0 => {
                    compact.remove(place);
                    model.remove(at);
                }
                (None, None, _) if model.len() < most && (rising || rng.below(8) == 0) => {
                    let value = string(&mut rng, len);
                    compact.push(&field, &value, instant);
                    model.push((field, value, instant));
                }
                _ => {}
            }
            if step % (most / 4 + 1) == 0 {
                check(&compact, &model);
            }
            if rng.below(50) == 0 {
                clones.push((compact.clone(), model.clone()));
                if clones.len() > 4 {
                    let (clone, then) = clones.remove(rng.index(4));
                    check(&clone, &then);
                }
            }
        }
        check(&compact, &model);
    }
}

#[test]
fn the_mark_of_an_encoding_stays() {
    let mut compact = Compact::default();
    assert!(!compact.is_not_listpack());
    compact.set_not_listpack();
    compact.push(b"a", b"1", Some(5));
    compact.push(b"b", b"2", None);
    let place = compact.find(b"a").expect("it was added");
    compact.remove(place);
    assert!(compact.is_not_listpack());
    assert_eq!(compact.next_expiry_at_ms(), None);
    check(&compact, &vec![(b"b".to_vec(), b"2".to_vec(), None)]);
}

#[test]
fn fields_of_one_tag_are_told_apart() {
    let mut compact = Compact::default();
    let tag = tag_of(b"x0");
    let mut model = Model::new();
    for i in 0..40_000 {
        let field = format!("x{i}").into_bytes();
        if tag_of(&field) == tag && model.len() < 100 {
            compact.push(&field, &field, None);
            model.push((field.clone(), field, None));
        }
    }
    assert!(model.len() > 80, "about every 256th field has this tag");
    check(&compact, &model);
}

#[test]
fn a_pair_costs_little_more_than_its_strings() {
    let mut compact = Compact::default();
    for i in 0..128 {
        compact.push(format!("field:{i:04}").as_bytes(), b"value of 16 byte", None);
    }
    let overhead = compact.0.len() as f64 / 128.0 - 26.0;
    assert!(overhead < 3.6, "{overhead} bytes for each pair");
    // Tags spread evenly.
    let mut seen = [0; 256];
    (0..128 * 256).for_each(|i| seen[usize::from(tag_of(format!("field:{i:04}").as_bytes()))] += 1);
    assert!(seen.iter().all(|&count| (64..256).contains(&count)), "{seen:?}");
    let mut short = [0; 256];
    (0..100 * 100).for_each(|i| short[usize::from(tag_of(i.to_string().as_bytes()))] += 1);
    assert!(short.iter().all(|&count| count < 90), "{short:?}");
}
