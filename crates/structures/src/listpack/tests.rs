//! Listpacks against a vector of strings, and against the bytes a real server makes of the same strings.

use sys::random::Rng;

use super::*;
use crate::bits::peer::{Peer, Reply};

/// Strings on both sides of every change of encoding.
fn edge_strings(longest: usize) -> Vec<Vec<u8>> {
    let ints = [0, 127, 4095, 4096, 32767, 8_388_607, 2_147_483_647, i64::MAX - 1];
    let mut all: Vec<Vec<u8>> = ints
        .iter()
        .flat_map(|int| [*int, int + 1, -int, -int - 1, -int - 2])
        .chain([i64::MIN])
        .map(|int| int.to_string().into_bytes())
        .collect();
    for text in ["", "a", "-", "007", "-0", "+1", "1 ", "9223372036854775808", "-9223372036854775809"] {
        all.push(text.into());
    }
    all.push(b"00000000000000000001".to_vec());
    for len in [1, 62, 63, 64, 65, 125, 126, 127, 128, 4094, 4095, 4096, 16_378, 16_380, 16_381, 16_384] {
        if len <= longest {
            all.push((0..len).map(|i| b'a' + (i % 26) as u8).collect());
        }
    }
    all
}

fn strings(pack: &Listpack) -> Vec<Vec<u8>> {
    pack.iter().map(|(_, element)| element.to_vec()).collect()
}

/// The pack equals the model, read by all ways there are.
fn check(pack: &Listpack, model: &[Vec<u8>]) {
    assert_eq!(Listpack::validate(pack.as_slice()), Ok(model.len()));
    assert_eq!(strings(pack), model);
    let mut backwards: Vec<_> = pack.iter().rev().map(|(_, element)| element.to_vec()).collect();
    backwards.reverse();
    assert_eq!(backwards, model);
    assert_eq!((pack.len(), pack.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(pack.bytes(), 7 + model.iter().map(|bytes| Listpack::encoded_len(bytes)).sum::<usize>());
}

#[test]
fn bytes_are_those_of_the_format() {
    // Written by valkey-server 9.1.2.
    let golden = "d40000002000000101017f01c08002dfff02cfff02f1001003d00002f1ffef03f1ff7f03f200800004f1008003f2ff7fff04\
                  f2ffff7f04f30000800005f200008004f3ffff7fff05f3ffffff7f05f4000000800000000009f30000008005f4ffffff7f\
                  ffffffff09f4ffffffffffffff7f09f400000000000000800980018161028330303704822d3003822b310393393232333337\
                  3230333638353437373538303814942d3932323333373230333638353437373538303915943030303030303030303030303030\
                  3030303030311582312003ff";
    let mut pack = Listpack::new();
    for text in [
        "0",
        "1",
        "127",
        "128",
        "-1",
        "4095",
        "4096",
        "-4096",
        "-4097",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "8388607",
        "8388608",
        "-8388608",
        "-8388609",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "-9223372036854775808",
        "",
        "a",
        "007",
        "-0",
        "+1",
        "9223372036854775808",
        "-9223372036854775809",
        "00000000000000000001",
        "1 ",
    ] {
        pack.push_back(text.as_bytes());
    }
    let hex: String = pack.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden);
}

#[test]
fn bytes_equal_those_of_a_peer() {
    let Some(mut peer) = Peer::start("listpack") else { return };
    peer.words("CONFIG SET rdbcompression no");
    // One listpack up to 64 KiB.
    peer.words("CONFIG SET list-max-listpack-size -5");
    let all = edge_strings(20_000);
    for strings_of_list in all[..all.len() - 3].chunks(100).chain(all[all.len() - 3..].chunks(1)) {
        let mut argv: Vec<&[u8]> = vec![b"RPUSH", b"list"];
        argv.extend(strings_of_list.iter().map(Vec::as_slice));
        assert_eq!(peer.run(&argv), Reply::Integer(strings_of_list.len() as i64));
        let dump = peer.words("DUMP list").bytes();
        peer.words("DEL list");
        let pack = Listpack::from_elements(strings_of_list.iter().map(Vec::as_slice));
        assert_eq!(strings(&pack), strings_of_list);
        // Ten bytes of version and checksum end a dump.
        let theirs = &dump[dump.len() - 10 - pack.bytes()..][..pack.bytes()];
        let differs = theirs.iter().zip(pack.as_slice()).position(|(theirs, ours)| theirs != ours);
        assert_eq!(differs, None, "the first byte that differs, of {}", pack.bytes());
    }
}

#[test]
fn empty_allocates_nothing_and_edits_grow_it() {
    let mut pack = Listpack::default();
    assert_eq!((pack.memory_bytes(), pack.bytes(), pack.as_slice()), (0, 7, &[7, 0, 0, 0, 0, 0, 255][..]));
    check(&pack, &[]);
    assert_eq!(
        (pack.seek(0), pack.seek(-1), pack.find(b"x", 0), pack.prev(pack.end())),
        (None, None, None, None)
    );
    assert_eq!(pack.remove_range(pack.start(), 5), 0);
    pack.insert_at(pack.end(), b"x");
    pack.remove(pack.start());
    assert_eq!((pack.memory_bytes(), pack == Listpack::with_capacity(100)), (0, true));
    pack.append_all(&Listpack::new());
    pack.append_all(&Listpack::from_elements([&b"a"[..], b"7"].into_iter()));
    check(&pack, &[b"a".to_vec(), b"7".to_vec()]);
    assert_eq!((pack.split_off(5).len(), pack.split_off(0).len(), pack.len()), (0, 2, 0));
}

#[test]
fn elements_compare_as_strings() {
    let mut scratch = IntBuf::new();
    for bytes in edge_strings(200) {
        let mut pack = Listpack::new();
        pack.push_back(&bytes);
        let element = pack.get(pack.start());
        assert_eq!(element, Element::of(&bytes));
        assert_eq!((element.len(), element.is_empty()), (bytes.len(), bytes.is_empty()));
        assert_eq!(element.as_bytes(&mut scratch), bytes);
        for other in edge_strings(200) {
            assert_eq!(element.equals(&other), bytes == other);
            assert_eq!(Needle::new(&other).matches(element), bytes == other);
            assert_eq!(pack.find(&other, 0).is_some(), bytes == other);
        }
        match element.as_int() {
            Some(int) => {
                let mut other = Listpack::new();
                other.push_back_int(int);
                assert!(other == pack && Listpack::encoded_len_int(int) == Listpack::encoded_len(&bytes));
            }
            None => assert!(matches!(element, Element::Bytes(_))),
        }
    }
}

#[test]
fn edits_equal_a_vectors() {
    let pool = edge_strings(16_384);
    let mut rng = Rng::new(3);
    for round in 0..150 {
        let (mut pack, mut model): (Listpack, Vec<Vec<u8>>) = Default::default();
        let mut clones = Vec::new();
        let short = if round % 8 == 0 { pool.len() } else { pool.len() - 8 };
        for _ in 0..120 {
            let bytes = pool[rng.index(short)].clone();
            let at = rng.index(model.len() + 1);
            let offset = pack.seek(at as isize).unwrap_or(pack.end());
            if at < model.len() {
                assert_eq!(pack.seek(at as isize - model.len() as isize), Some(offset));
                assert_eq!(pack.get_index(at as isize), Some((offset, Element::of(&model[at]))));
                let after = pack.iter_from(offset).map(|(_, element)| element.to_vec());
                assert!(after.eq(model[at..].iter().cloned()));
                let before = pack.iter_until(offset).rev().map(|(_, element)| element.to_vec());
                assert!(before.eq(model[..at].iter().rev().cloned()));
                assert_eq!(pack.next(offset), pack.seek(at as isize + 1));
                assert_eq!(pack.prev(offset), at.checked_sub(1).and_then(|at| pack.seek(at as isize)));
            } else {
                assert_eq!(pack.seek(at as isize), None);
                assert_eq!(pack.seek(-(at as isize) - 1), None);
            }
            match rng.below(12) {
                0..3 => {
                    pack.insert_at(offset, &bytes);
                    model.insert(at, bytes);
                }
                3 => {
                    pack.push_back(&bytes);
                    model.push(bytes);
                }
                4 => {
                    pack.push_front(&bytes);
                    model.insert(0, bytes);
                }
                5 | 6 if at < model.len() => {
                    pack.replace(offset, &bytes);
                    model[at] = bytes;
                }
                7 if at < model.len() => {
                    pack.remove(offset);
                    model.remove(at);
                }
                8 if at < model.len() => {
                    let count = rng.index(5);
                    let removed = pack.remove_range(offset, count);
                    assert_eq!(model.drain(at..model.len().min(at + count)).count(), removed);
                }
                9 => {
                    pack.insert_all_at(offset, &[&bytes, b"17", &bytes]);
                    model.splice(at..at, [bytes.clone(), b"17".to_vec(), bytes]);
                }
                10 => {
                    let (tail, model_tail) = (pack.split_off(at), model.split_off(at));
                    check(&tail, &model_tail);
                    let head = std::mem::replace(&mut pack, tail);
                    pack.append_all(&head);
                    model = [model_tail, model].concat();
                }
                _ => {
                    let found = pack.find(&bytes, 0).map(|offset| pack.iter_until(offset).count());
                    assert_eq!(found, model.iter().position(|own| *own == bytes));
                    let odd = pack.next(pack.start()).and_then(|second| pack.find_from(second, &bytes, 1));
                    let odd = odd.map(|offset| pack.iter_until(offset).count());
                    let skipping = (1..model.len()).step_by(2).find(|i| model[*i] == bytes);
                    assert!(model.is_empty() || odd == skipping);
                }
            }
            check(&pack, &model);
            if rng.below(10) == 0 {
                clones.push((pack.clone(), model.clone()));
            }
        }
        clones.iter().for_each(|(clone, then)| check(clone, then));
    }
}

#[test]
fn counts_beyond_the_header() {
    let mut pack = Listpack::new();
    for i in 0..65_540i64 {
        pack.push_back_int(i % 100);
    }
    assert_eq!((pack.len(), pack.as_slice()[4..6].to_vec()), (65_540, vec![255, 255]));
    assert_eq!(Listpack::validate(pack.as_slice()), Ok(65_540));
    assert_eq!(pack.get_index(65_539).map(|(_, e)| e), Some(Element::Int(39)));
    assert_eq!(pack.get_index(-65_540).map(|(_, e)| e), Some(Element::Int(0)));
    assert_eq!((pack.seek(65_540), pack.seek(-65_541)), (None, None));
    let tail = pack.split_off(40_000);
    assert_eq!((pack.len(), tail.len()), (40_000, 25_540));
    let mut joined = tail.clone();
    joined.append_all(&pack);
    assert_eq!(joined.len(), 65_540);
    assert_eq!(joined.remove_range(joined.start(), 70_000), 65_540);
    assert!(joined.is_empty() && joined.memory_bytes() == 0);
}

#[test]
fn slack_is_given_back() {
    let mut pack = Listpack::new();
    (0..2000).for_each(|_| pack.push_back(b"some element"));
    let full = pack.memory_bytes();
    assert!(full < pack.bytes() * 5 / 4 + 64);
    pack.remove_range(pack.start(), 1900);
    assert!(pack.memory_bytes() < full / 8);
}

#[test]
fn what_is_no_listpack_is_refused() {
    let mut pack = Listpack::new();
    edge_strings(200).iter().for_each(|bytes| pack.push_back(bytes));
    let bytes = pack.as_slice().to_vec();
    assert_eq!(Listpack::from_bytes(&bytes).map(|own| own == pack), Ok(true));
    for len in 0..bytes.len() {
        assert_eq!(Listpack::validate(&bytes[..len]), Err(Corrupt), "cut at {len}");
        let mut cut = bytes[..len].to_vec();
        if len > 6 {
            cut[..4].copy_from_slice(&(len as u32).to_le_bytes());
            cut[4..6].copy_from_slice(&[255, 255]);
            assert_eq!(Listpack::validate(&cut), Err(Corrupt), "cut at {len} with a matching header");
        }
    }
    // Whatever is accepted can be read from both ends.
    let mut rng = Rng::new(11);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let mut bad = bytes.clone();
        for _ in 0..=rng.index(2) {
            let at = rng.index(bad.len());
            bad[at] = rng.next_u64() as u8;
        }
        if let Ok(pack) = Listpack::from_bytes(&bad) {
            let mut backwards: Vec<_> = pack.iter().rev().collect();
            backwards.reverse();
            assert!(backwards.into_iter().eq(pack.iter()));
            assert_eq!(pack.iter().count(), pack.len());
            accepted += 1;
        }
    }
    assert!(accepted > 1000, "only {accepted} changed listpacks were valid");
}
