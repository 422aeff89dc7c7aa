//! The entry point for fuzzers: whatever bytes a client stored, no operation may panic, and what a command
//! accepts it must leave valid.

use super::{
    DENSE_BYTES, HEADER_BYTES, MAGIC, SPARSE_MAX_BYTES_DEFAULT, add, add_dense, check, count, count_cached,
    create, decode, merge, registers, to_dense, would_keep,
};

/// Runs every operation on `input`, as it is and as the body of a sparse and of a dense value.
///
/// # Panics
/// When a value that counts does not do so after it was changed, or the encodings disagree: that is the find.
pub fn fuzz_hll(input: &[u8]) {
    exercise(input);
    let mut sparse = create();
    sparse.truncate(HEADER_BYTES);
    sparse.extend_from_slice(input);
    exercise(&sparse);
    let mut dense = vec![0; DENSE_BYTES];
    dense[..MAGIC.len()].copy_from_slice(MAGIC);
    dense.iter_mut().skip(MAGIC.len() + 1).zip(input).for_each(|(byte, &with)| *byte = with);
    exercise(&dense);
}

fn exercise(value: &[u8]) {
    let whole = count(&[value]);
    assert!(check(value).is_ok() || whole.is_err());
    let (_, _) = (decode(value).is_ok(), registers(value).is_ok());
    for element in [&b""[..], b"a", b"17", &value[..value.len().min(40)]] {
        let mut changed = value.to_vec();
        let kept = would_keep(value, element);
        let added = add(&mut changed, element, SPARSE_MAX_BYTES_DEFAULT);
        assert!(kept.is_err() == added.is_err() || added.is_err(), "a read is stricter than a write");
        if let (Ok(added), Ok(kept)) = (added, kept) {
            assert_eq!(added, !kept);
            assert!(added || changed == value, "only what is reported changes");
            assert!(
                !added || changed[HEADER_BYTES..] != value[HEADER_BYTES..] || changed.len() != value.len()
            );
        }
        if whole.is_ok() {
            let before = registers(value).expect("counted before");
            let after = registers(&changed).expect("an addition keeps a valid value valid");
            assert!(before.iter().zip(after.iter()).all(|(before, after)| before <= after));
        }
        let mut in_place = value.to_vec();
        if let Ok(added) = add_dense(&mut in_place, element) {
            assert_eq!((Ok(added), &in_place), (add(&mut value.to_vec(), element, 0), &changed));
        }
    }
    let mut cached = value.to_vec();
    let _ = count_cached(&mut cached).is_ok();
    let mut merged = create();
    assert_eq!(merge(&mut merged, &[value, value], 0).is_ok(), whole.is_ok());
    let mut into_itself = value.to_vec();
    assert_eq!(merge(&mut into_itself, &[&create()], SPARSE_MAX_BYTES_DEFAULT).is_ok(), whole.is_ok());
    let mut dense = value.to_vec();
    if to_dense(&mut dense).is_ok() {
        assert_eq!(count(&[&dense]), whole);
    }
}
