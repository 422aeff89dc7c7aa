use sys::random::Rng;

use super::*;

fn texts<'a>(elements: impl Iterator<Item = Element<'a>>) -> Vec<Vec<u8>> {
    elements.map(|element| element.to_vec()).collect()
}

#[track_caller]
fn check(list: &List, model: &[Vec<u8>]) {
    assert_eq!(list.len(), model.len());
    assert_eq!(list.is_empty(), model.is_empty());
    assert_eq!(texts(list.iter()), model);
}

fn nodes(list: &List) -> Option<usize> {
    list.nodes().map(|figures| figures.nodes)
}

/// A list that grew by pushes of one element each.
fn pushed(fill: Fill, elements: impl IntoIterator<Item = Vec<u8>>) -> List {
    let mut list = List::new();
    for element in elements {
        list.prepare(fill, element.len(), 1);
        list.push(End::Back, &element);
    }
    list
}

fn numbered(count: usize, len: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |n| format!("{n:x>len$}").into_bytes())
}

#[test]
fn a_list_is_long_beyond_the_limit_and_short_again_below_half_of_it() {
    // Elements of 10 bytes take 12: 681 of them, header and end make 8179 bytes.
    let fill = Fill::new(-2);
    let mut list = pushed(fill, numbered(682, 10));
    assert_eq!((list.encoding(), nodes(&list)), ("listpack", None));
    list.prepare(fill, 10, 1);
    list.push(End::Back, b"0123456789");
    assert_eq!((list.encoding(), nodes(&list)), ("quicklist", Some(2)));
    list.drop_end(End::Back);
    list.settle(fill);
    assert_eq!((list.encoding(), nodes(&list)), ("quicklist", Some(1)));
    while list.len() > 341 {
        assert_eq!(list.encoding(), "quicklist");
        list.drop_end(End::Front);
        list.settle(fill);
    }
    // 341 * 12 + 7 = 4099: still above half of 8192.
    assert_eq!(list.encoding(), "quicklist");
    list.drop_end(End::Front);
    list.settle(fill);
    assert_eq!((list.encoding(), list.len()), ("listpack", 340));
    check(&list, &numbered(682, 10).skip(342).collect::<Vec<_>>());
}

#[test]
fn large_elements_have_nodes_of_their_own() {
    let fill = Fill::new(-1);
    let large = vec![b'l'; 4097];
    let mut model: Vec<Vec<u8>> = numbered(10, 10).collect();
    let mut list = pushed(fill, model.clone());
    list.prepare(fill, large.len(), 1);
    assert!(list.replace(5, &large));
    model[5] = large.clone();
    assert_eq!(nodes(&list), Some(3));
    check(&list, &model);
    assert!(list.insert_beside(&model[2].clone(), true, &large));
    model.insert(3, large.clone());
    assert_eq!(nodes(&list), Some(5));
    check(&list, &model);
    for index in [3, 6] {
        assert!(list.replace(index, b"small"));
        model[index] = b"small".to_vec();
        check(&list, &model);
    }
    list.settle(fill);
    assert!(!list.replace(model.len(), b"none"));
}

#[test]
fn any_edits_do_what_they_do_to_a_vector() {
    for seed in 0..300u64 {
        let mut rng = Rng::new(seed);
        let fill = Fill::new([-1, -2, 4, 100, 1][seed as usize % 5]);
        let mut list = List::new();
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut kept = Vec::new();
        for _ in 0..300 {
            let len = [3, 10, 100, 1000, 3000, 9000][rng.below(if seed % 2 == 0 { 6 } else { 3 }) as usize];
            let text = |rng: &mut Rng| format!("{:y>len$}", rng.below(9)).into_bytes();
            let at = rng.below(model.len() as u64 + 1) as usize;
            let to = at + rng.below((model.len() - at) as u64 + 1) as usize;
            let end = if rng.below(2) == 0 { End::Front } else { End::Back };
            match rng.below(14) {
                0..=5 => {
                    let count = 1 + rng.below(8) as usize;
                    list.prepare(fill, len * count, count);
                    for _ in 0..count {
                        let text = text(&mut rng);
                        list.push(end, &text);
                        model.insert(if end == End::Front { 0 } else { model.len() }, text);
                    }
                }
                6 => {
                    let text = text(&mut rng);
                    list.prepare(fill, text.len(), 1);
                    assert_eq!(list.replace(at, &text), at < model.len());
                    if at < model.len() {
                        model[at] = text;
                    }
                    list.settle(fill);
                }
                7 | 8 => {
                    let pivot = model.get(at).cloned().unwrap_or_default();
                    let (after, text) = (end == End::Back, text(&mut rng));
                    list.prepare(fill, text.len(), 1);
                    let found = model.iter().position(|other| *other == pivot);
                    assert_eq!(list.insert_beside(&pivot, after, &text), found.is_some());
                    if let Some(found) = found {
                        model.insert(found + usize::from(after), text);
                    }
                }
                9 => {
                    for _ in 0..rng.below(20).min(model.len() as u64) {
                        let gone =
                            if end == End::Front { model.remove(0) } else { model.pop().expect("one") };
                        assert!(Needle::new(&gone).matches(list.end(end).expect("one")));
                        list.drop_end(end);
                        list.settle(fill);
                    }
                }
                10 if rng.below(3) == 0 => {
                    drop(list.remove_range(at..to));
                    model.drain(at..to);
                    list.settle(fill);
                }
                11 if !model.is_empty() => {
                    let needle = model.get(at).cloned().unwrap_or_default();
                    let max = 1 + rng.below(3) as usize;
                    let found: Vec<usize> = (0..model.len()).filter(|&i| model[i] == needle).collect();
                    let gone: Vec<usize> = match end {
                        End::Front => found.iter().copied().take(max).collect(),
                        End::Back => found.iter().copied().rev().take(max).collect(),
                    };
                    assert_eq!(list.remove_equal(&needle, end, max), gone.len());
                    let mut i = 0;
                    model.retain(|_| (!gone.contains(&i), i += 1).0);
                    list.settle(fill);
                }
                12 => kept.push((list.clone(), model.clone())),
                _ => {
                    assert_eq!(texts(list.walk(at..to, End::Front)), model[at..to]);
                    let mut backwards = texts(list.walk(at..to, End::Back));
                    backwards.reverse();
                    assert_eq!(backwards, model[at..to]);
                    let found = list.get(at).map(|element| element.to_vec());
                    assert_eq!(found.as_ref(), model.get(at));
                }
            }
            assert_eq!(list.len(), model.len());
            assert!(list.memory_bytes() >= model.iter().map(Vec::len).sum(), "seed {seed}");
        }
        check(&list, &model);
        for (list, model) in kept {
            check(&list, &model);
        }
    }
}

/// Up to thousands of elements and down to none, again and again; clones keep what they had.
#[test]
fn churn_does_what_it_does_to_a_deque() {
    let mut rng = Rng::new(3);
    let mut list = List::new();
    let mut model: std::collections::VecDeque<Vec<u8>> = Default::default();
    let mut clones: Vec<(List, Vec<Vec<u8>>)> = Vec::new();
    for round in 0..6 {
        let fill = Fill::new([-2, 100, 3][round % 3]);
        let most = [8000, 2000, 300][round % 3];
        for turn in 0.. {
            let grows = turn < 2 * most || (turn < 4 * most && turn % 3 == 0);
            let end = if rng.below(2) == 0 { End::Front } else { End::Back };
            if grows && rng.below(6) > 0 {
                let element = match rng.below(8) {
                    0 => vec![b'y'; rng.index(3000)],
                    1 => (rng.next_u64() as i64 >> rng.below(64)).to_string().into_bytes(),
                    _ => format!("element:{turn}").into_bytes(),
                };
                list.prepare(fill, element.len(), 1);
                list.push(end, &element);
                if end == End::Front { model.push_front(element) } else { model.push_back(element) }
            } else if let Some(gone) = if end == End::Front { model.pop_front() } else { model.pop_back() } {
                assert!(Needle::new(&gone).matches(list.end(end).expect("one")));
                list.drop_end(end);
                list.settle(fill);
            } else if turn > 4 * most {
                break;
            }
            assert_eq!(list.len(), model.len());
            if turn == most {
                clones.push((list.clone(), model.iter().cloned().collect()));
            }
        }
        assert!(list.is_empty());
        clones.iter().for_each(|(clone, then)| check(clone, then));
    }
}
