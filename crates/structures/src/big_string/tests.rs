use super::*;
use crate::bits::peer::Rng;

/// What the O(1) counter claims, counted the long way, and the rules every table keeps.
fn check_invariants(string: &BigString) {
    let root = &*string.root;
    assert_eq!(root.table.len(), root.len.div_ceil(CHUNK_BYTES));
    let mut chunk_bytes = 0;
    for (index, slot) in root.table.iter().enumerate() {
        let Some(chunk) = slot else { continue };
        chunk_bytes += chunk.len() + ARC_HEADER_BYTES;
        let used = (root.len - index * CHUNK_BYTES).min(CHUNK_BYTES);
        assert!(chunk.len() >= used && chunk.len() <= CHUNK_BYTES);
        assert!(
            index + 1 == root.table.len() || chunk.len() == CHUNK_BYTES,
            "only the last has its own size"
        );
        assert!(chunk[used..].iter().all(|&byte| byte == 0), "slack is zero");
    }
    assert_eq!(root.chunk_bytes, chunk_bytes);
}

fn check_same(string: &BigString, model: &[u8]) {
    check_invariants(string);
    assert_eq!(string.len(), model.len());
    assert!(*string == *model);
    assert_eq!(string.to_vec(), model);
}

#[test]
fn random_edits_agree_with_a_flat_vector_and_leave_clones_alone() {
    for seed in 0..24 {
        let mut rng = Rng(seed);
        let mut model = Vec::new();
        let mut string = BigString::new();
        let mut snapshots: Vec<(BigString, Vec<u8>)> = Vec::new();
        for _ in 0..120 {
            let span = 3 * CHUNK_BYTES;
            match rng.below(9) {
                0 => {
                    let size = [1, 100, 5000, CHUNK_BYTES, 2 * CHUNK_BYTES + 7][rng.below(5)];
                    let bytes = rng.bytes(size);
                    string.append(&bytes);
                    model.extend_from_slice(&bytes);
                }
                1 => {
                    let offset = rng.below(model.len() + span);
                    let size = rng.below(span);
                    let bytes = rng.bytes(size);
                    string.set_range(offset, &bytes);
                    if !bytes.is_empty() {
                        model.resize(model.len().max(offset + size), 0);
                        model[offset..offset + size].copy_from_slice(&bytes);
                    }
                }
                2 => {
                    let bit = rng.below(8 * (model.len() + 20_000));
                    let on = rng.below(2) == 1;
                    model.resize(model.len().max(bit / 8 + 1), 0);
                    let mask = 0x80 >> (bit % 8);
                    let old = model[bit / 8] & mask != 0;
                    assert_eq!(string.set_bit(bit, on), old);
                    assert_eq!(string.get_bit(bit), on);
                    model[bit / 8] = if on { model[bit / 8] | mask } else { model[bit / 8] & !mask };
                }
                3 => {
                    let index = rng.below(model.len() + 100);
                    let byte = rng.next() as u8;
                    string.set(index, byte);
                    model.resize(model.len().max(index + 1), 0);
                    model[index] = byte;
                }
                4 => {
                    let len = rng.below(model.len() + 10);
                    string.truncate(len);
                    model.truncate(len);
                }
                5 => snapshots.push((string.clone(), model.clone())),
                6 => {
                    snapshots.pop();
                }
                7 => {
                    let from = rng.below(model.len() + 2);
                    let to = from + rng.below(span);
                    let expected = &model[from.min(model.len())..to.min(model.len())];
                    let mut out = b"kept".to_vec();
                    string.read(from..to, &mut out);
                    assert_eq!(&out[4..], expected);
                    let parts = string.shared_parts(from..to);
                    assert_eq!((parts.len(), parts.byte_len()), (parts.clone().count(), expected.len()));
                    let joined: Vec<u8> = parts.flat_map(|(chunk, range)| chunk[range].to_vec()).collect();
                    assert_eq!(joined, expected);
                }
                _ => {
                    let index = rng.below(model.len() + 2);
                    assert_eq!(string.get(index), model.get(index).copied());
                    let slice = string.slice_from(index);
                    assert!(model[index.min(model.len())..].starts_with(slice));
                    assert_eq!(slice.is_empty(), index >= model.len());
                }
            }
            check_invariants(&string);
        }
        check_same(&string, &model);
        snapshots.iter().for_each(|(snapshot, then)| check_same(snapshot, then));
    }
}

#[test]
fn a_slice_is_stored_without_slack() {
    for len in [0, 1, 5000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 10 * CHUNK_BYTES] {
        let string = BigString::from_slice(&vec![7; len]);
        check_same(&string, &vec![7; len]);
        let chunks = len.div_ceil(CHUNK_BYTES);
        let fixed = ARC_HEADER_BYTES + size_of::<Root>();
        assert_eq!(string.byte_len_allocated(), fixed + len + chunks * (16 + ARC_HEADER_BYTES));
    }
}

#[test]
fn a_write_after_a_clone_copies_the_table_and_one_chunk() {
    let original = BigString::from_slice(&vec![1; 8 * CHUNK_BYTES]);
    let mut copy = original.clone();
    assert!(original.is_shared());
    copy.set_bit(8 * (3 * CHUNK_BYTES + 5), true);
    assert!(!original.is_shared());
    for index in 0..8 {
        let (a, b) = (original.root.table[index].as_ref(), copy.root.table[index].as_ref());
        assert_eq!(Arc::ptr_eq(a.expect("no hole"), b.expect("no hole")), index != 3);
    }
    assert_eq!(original.get(3 * CHUNK_BYTES + 5), Some(1));
    assert_eq!(copy.get(3 * CHUNK_BYTES + 5), Some(0x81));
}

#[test]
fn a_write_of_what_is_there_already_copies_nothing() {
    let original = BigString::from_slice(&vec![0x80; CHUNK_BYTES]);
    let mut copy = original.clone();
    assert!(copy.set_bit(0, true));
    copy.set(9, 0x80);
    assert!(Arc::ptr_eq(&original.root, &copy.root));
}

#[test]
fn a_far_bit_costs_a_table_and_not_its_distance() {
    let mut string = BigString::new();
    assert!(!string.set_bit(4_000_000_000, true));
    assert_eq!(string.len(), 500_000_001);
    assert!(string.byte_len_allocated() < 600_000, "{} bytes", string.byte_len_allocated());
    assert!(string.get_bit(4_000_000_000));
    assert!(!string.set_bit(2_000_000_000, true));
    assert_eq!(
        string.chunks(0..string.len()).map(|chunk| chunk.iter().filter(|&&b| b != 0).count()).sum::<usize>(),
        2
    );
    check_invariants(&string);
}

#[test]
fn appending_keeps_slack_below_one_chunk_and_copies_little() {
    let mut string = BigString::new();
    let mut capacities = 0;
    let mut last = 0;
    for step in 0..40_000 {
        string.append(b"0123456789");
        let allocated = string.root.chunk_bytes - string.root.table.len() * ARC_HEADER_BYTES;
        assert!(allocated >= string.len() && allocated - string.len() < CHUNK_BYTES);
        assert!(allocated <= 2 * string.len() + ARC_HEADER_BYTES || step < 6, "slack at most doubles");
        capacities += usize::from(allocated != last);
        last = allocated;
    }
    assert!(capacities < 25 * 6, "{capacities} reallocations");
    check_same(&string, &b"0123456789".repeat(40_000));
}

#[test]
fn parts_taken_for_a_reply_do_not_see_later_writes() {
    let mut string = BigString::from_slice(&vec![5; 2 * CHUNK_BYTES]);
    let parts: Vec<_> = string.shared_parts(10..2 * CHUNK_BYTES).collect();
    string.set_range(0, &vec![6; 2 * CHUNK_BYTES]);
    string.truncate(3);
    assert!(parts.iter().all(|(chunk, range)| chunk[range.clone()].iter().all(|&byte| byte == 5)));
    assert_eq!(parts.iter().map(|(_, range)| range.len()).sum::<usize>(), 2 * CHUNK_BYTES - 10);
    check_same(&string, &[6; 3]);
}

#[test]
fn a_value_within_one_chunk_is_editable_in_place() {
    let mut string = BigString::from_slice(&[1; 12_304]);
    let before = string.clone();
    string.as_single_chunk_mut().expect("one chunk")[100] = 9;
    assert_eq!(string.get(100), Some(9));
    assert_eq!(before.get(100), Some(1));
    assert_eq!(before.as_single_chunk(), Some(&[1; 12_304][..]));
    let mut two = BigString::from_slice(&vec![1; CHUNK_BYTES + 1]);
    assert_eq!(two.as_single_chunk(), None);
    assert_eq!(two.as_single_chunk_mut(), None);
    let mut none = BigString::new();
    assert_eq!(none.as_single_chunk_mut(), Some(&mut [][..]));
    none.set_bit(8000, false);
    assert_eq!(none.as_single_chunk(), Some(&[0; 1001][..]));
    assert_eq!(none.as_single_chunk_mut().map(|bytes| bytes.len()), Some(1001));
}

#[test]
fn a_huge_value_is_freed_in_slices() {
    let mut string = BigString::from_slice(&vec![1; 10 * CHUNK_BYTES + 1]);
    let clone = string.clone();
    assert!(string.release(1), "a clone owns the chunks too");
    drop(clone);
    let mut calls = 1;
    while !string.release(3) {
        check_invariants(&string);
        calls += 1;
    }
    assert_eq!((calls, string.len(), string.root.chunk_bytes), (4, 0, 0));
}

#[test]
fn equality_compares_content_and_not_representation() {
    let mut holes = BigString::new();
    holes.set_bit(8 * (3 * CHUNK_BYTES), false);
    let flat = BigString::from_slice(&vec![0; 3 * CHUNK_BYTES + 1]);
    assert!(holes == flat && holes == holes.clone());
    assert!(holes != BigString::from_slice(&vec![0; 3 * CHUNK_BYTES + 2]));
    let mut other = flat.clone();
    other.set(2 * CHUNK_BYTES, 1);
    assert!(other != flat && holes != *other.to_vec().as_slice());
}

#[test]
fn a_raw_pointer_gives_the_same_string_back() {
    let string = BigString::from_slice(&[3; 20_000]);
    let clone = string.clone();
    let raw = string.into_raw();
    // SAFETY: `raw` comes from `into_raw` and is taken back once.
    let back = unsafe { BigString::from_raw(raw) };
    assert!(back == clone && back.is_shared());
    drop(back);
    assert!(!clone.is_shared());
    assert_eq!(size_of::<BigString>(), size_of::<usize>());
}

#[test]
fn clones_cross_threads() {
    let string = BigString::from_slice(&[1; 50_000]);
    let mut other = string.clone();
    let handle = std::thread::spawn(move || {
        other.set_range(10, &[2; 40_000]);
        other.to_vec()
    });
    let edited = handle.join().expect("no panic");
    check_same(&string, &[1; 50_000]);
    assert_eq!(edited[9..11], [1, 2]);
}
