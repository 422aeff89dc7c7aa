use sys::random::Rng;

use super::*;

/// Elements of a pack as texts.
fn texts<'a>(elements: impl Iterator<Item = Element<'a>>) -> Vec<Vec<u8>> {
    elements.map(|element| element.to_vec()).collect()
}

/// Everything that must hold of a pack with these elements.
#[track_caller]
fn check(pack: &Pack, model: &[Vec<u8>]) {
    assert_eq!(pack.len(), model.len());
    assert_eq!(texts(pack.iter()), model);
    let entries: usize = model.iter().map(|text| entry_bytes(Element::of(text))).sum();
    assert_eq!(pack.listpack_bytes(), LISTPACK_EMPTY_BYTES + entries);
}

fn filled<'a>(texts: impl IntoIterator<Item = &'a str>) -> Pack {
    let mut pack = Pack::default();
    texts.into_iter().for_each(|text| pack.push(End::Back, &Needle::new(text.as_bytes())));
    pack
}

#[test]
fn elements_of_one_kind_stand_in_an_array() {
    for (elements, layout) in [
        (vec!["a", "b"], Layout::Texts(1)),
        (vec!["ab", "cd", "12"], Layout::Texts(2)),
        (vec!["1", "2", "-128"], Layout::Ints(1)),
        (vec!["1", "2", "128"], Layout::Ints(2)),
        (vec!["9223372036854775807"], Layout::Ints(8)),
        (vec!["", ""], Layout::Mixed),
        (vec!["a", "bc"], Layout::Mixed),
        (vec!["1", "a"], Layout::Mixed),
        // An array of words would be larger than a listpack.
        (vec!["1", "2", "3", "9223372036854775807"], Layout::Mixed),
        (vec!["abcdefgh", "abcdefgi", "12345678", "12345679"], Layout::Texts(8)),
        (vec!["abcdefgh", "abcdefgi", "12345678", "12345679", "12345670"], Layout::Mixed),
    ] {
        let pack = filled(elements.iter().copied());
        assert_eq!(pack.layout(), layout, "{elements:?}");
        check(&pack, &elements.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>());
    }
}

#[test]
fn an_emptied_pack_begins_anew() {
    let mut pack = filled(["a", "bc"]);
    for elements in [["1", "2"], ["ab", "cd"], ["", "1"]] {
        while pack.len() > 0 {
            pack.drop_end(End::Front);
        }
        assert_eq!(pack.listpack_bytes(), LISTPACK_EMPTY_BYTES);
        elements.iter().for_each(|text| pack.push(End::Back, &Needle::new(text.as_bytes())));
        assert_eq!(pack.layout(), filled(elements).layout());
    }
}

#[test]
fn a_queue_keeps_its_memory() {
    for end in [End::Front, End::Back] {
        let mut pack = Pack::default();
        for n in 0..10_000u32 {
            pack.push(end, &Needle::new(format!("element {n:>10}").as_bytes()));
            if n >= 20 {
                pack.drop_end(end.opposite());
            }
        }
        assert_eq!(pack.len(), 20);
        assert!(pack.memory_bytes() <= 1024, "{} bytes for 360", pack.memory_bytes());
        assert_eq!(pack.end(end), Element::Bytes(b"element       9999"));
        assert_eq!(pack.end(end.opposite()), Element::Bytes(b"element       9980"));
    }
}

#[test]
fn a_long_pack_gives_memory_back() {
    let mut pack = filled((0..1000).map(|_| "some text"));
    for end in [End::Front, End::Back].into_iter().cycle().take(990) {
        pack.drop_end(end);
    }
    assert!(pack.memory_bytes() <= 512, "{} bytes for 90", pack.memory_bytes());
    pack.seal();
    assert_eq!(pack.memory_bytes(), Blob::memory_bytes_for(90));
}

/// An element, more or less like others.
fn element(rng: &mut Rng, kind: u64) -> Vec<u8> {
    let text =
        |rng: &mut Rng, len: usize| -> Vec<u8> { (0..len).map(|_| b'a' + rng.below(3) as u8).collect() };
    match (kind, rng.below(12)) {
        (0, _) => text(rng, 3),
        (1, _) => (rng.below(1000) as i64 - 500).to_string().into_bytes(),
        (2, 0) => i64::MIN.to_string().into_bytes(),
        (2, 1) => Vec::new(),
        (2, 2) => {
            let len = 60 + rng.below(10) as usize;
            text(rng, len)
        }
        (2, 3) => {
            let len = 120 + rng.below(10) as usize;
            text(rng, len)
        }
        (2, 4) => {
            let len = 4090 + rng.below(10) as usize;
            text(rng, len)
        }
        (2, 5) => (rng.next_u64() as i64 >> rng.below(64)).to_string().into_bytes(),
        (2, 6) => rng.below(10).to_string().into_bytes(),
        (3, 0) => format!("{:03}", 100 + rng.below(900)).into_bytes(),
        (3, _) => text(rng, 3),
        _ => {
            let len = rng.below(6) as usize;
            text(rng, len)
        }
    }
}

#[test]
fn no_layout_is_larger_than_a_listpack() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut pack = Pack::default();
        for _ in 0..100 {
            let kind = if rng.below(30) == 0 { 2 } else { seed % 4 };
            pack.push(End::Back, &Needle::new(&element(&mut rng, kind)));
            let entries = pack.listpack_bytes() - LISTPACK_EMPTY_BYTES;
            assert!(pack.content().len() <= entries, "{:?}", pack.layout());
        }
    }
}

#[test]
fn any_edits_do_what_they_do_to_a_vector() {
    for seed in 0..400u64 {
        let mut rng = Rng::new(seed);
        let kind = seed % 4;
        let mut pack = Pack::default();
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut kept: Option<(Pack, Vec<Vec<u8>>)> = None;
        for _ in 0..150 {
            let text = element(&mut rng, kind);
            let incoming = Needle::new(&text);
            let at = rng.below(model.len() as u64 + 1) as usize;
            let end = if rng.below(2) == 0 { End::Front } else { End::Back };
            match rng.below(16) {
                0..=4 => {
                    pack.push(end, &incoming);
                    model.insert(if end == End::Front { 0 } else { model.len() }, text);
                }
                5 | 6 => {
                    pack.insert(at, &incoming);
                    model.insert(at, text);
                }
                7 if at < model.len() => {
                    pack.replace(at, &incoming);
                    model[at] = text;
                }
                8 | 9 if !model.is_empty() => {
                    let gone = model.remove(if end == End::Front { 0 } else { model.len() - 1 });
                    assert!(Needle::new(&gone).matches(pack.end(end)));
                    pack.drop_end(end);
                }
                10 => {
                    let to = at + rng.below((model.len() - at) as u64 + 1) as usize;
                    if rng.below(3) == 0 {
                        pack.remove_range(at..to);
                        model.drain(at..to);
                    } else {
                        assert_eq!(texts(pack.iter_range(at..to)), model[at..to]);
                    }
                }
                11 => {
                    let right = pack.split_off(at);
                    check(&right, &model[at..]);
                    check(&pack, &model[..at]);
                    pack.append(right);
                }
                12 if !model.is_empty() => {
                    let needle = if at < model.len() { model[at].clone() } else { text };
                    let max = 1 + rng.below(3) as usize;
                    let found: Vec<usize> = (0..model.len()).filter(|&i| model[i] == needle).collect();
                    let gone: Vec<usize> = match end {
                        End::Front => found.iter().copied().take(max).collect(),
                        End::Back => found.iter().copied().rev().take(max).collect(),
                    };
                    assert_eq!(pack.remove_equal(&Needle::new(&needle), end, max), gone.len());
                    let mut i = 0;
                    model.retain(|_| (!gone.contains(&i), i += 1).0);
                }
                13 => kept = Some((pack.clone(), model.clone())),
                14 => pack.seal(),
                _ => {
                    for (i, text) in model.iter().enumerate() {
                        assert!(Needle::new(text).matches(pack.get(i).expect("it is there")));
                    }
                    assert_eq!(pack.get(model.len()), None);
                    let mut backwards = texts(pack.iter().rev());
                    backwards.reverse();
                    assert_eq!(backwards, model);
                }
            }
            check(&pack, &model);
        }
        if let Some((pack, model)) = kept {
            check(&pack, &model);
        }
    }
}
