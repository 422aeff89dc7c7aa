//! Entries against what they were made from, over every boundary of their layout.

use super::*;
use crate::big_string::BigString;
use crate::bits::peer::Rng;
use crate::object::Object;

const KEY_LENGTHS: [usize; 8] = [0, 1, 16, 253, 254, 255, 256, 70_000];
const VALUE_LENGTHS: [usize; 13] = [0, 1, 8, 64, 252, 253, 254, 255, 256, 4096, 65_534, 65_535, 65_536];

fn string(len: usize) -> Box<Object> {
    Box::new(Object::String(BigString::from_slice(&vec![b'o'; len])))
}

fn pick(rng: &mut Rng, lengths: &[usize]) -> Vec<u8> {
    let len = lengths[rng.below(lengths.len())];
    rng.bytes(len)
}

/// The value's kind and contents, apart from where they are.
#[derive(Debug, PartialEq, Clone)]
enum Plain {
    Int(i64),
    Bytes(Vec<u8>),
    Object(Vec<u8>),
}

fn plain(entry: EntryRef<'_>) -> Plain {
    match entry.value() {
        Value::Int(n) => Plain::Int(n),
        Value::Bytes(bytes) => Plain::Bytes(bytes.to_vec()),
        Value::Object(Object::String(s)) => Plain::Object(s.to_vec()),
        Value::Object(_) => panic!("these tests store strings"),
    }
}

fn check(entry: EntryRef<'_>, key: &[u8], value: &Plain, meta: Meta) {
    assert!(entry.key() == key, "key of {} bytes", key.len());
    assert!(plain(entry) == *value);
    assert_eq!(entry.expire_at_ms(), meta.expire_at_ms);
    assert_eq!(entry.is_volatile(), meta.expire_at_ms.is_some());
    assert_eq!((entry.access(), entry.epoch()), (meta.access, meta.epoch));
    assert_eq!((entry.item(), entry.meta()), (meta.item, meta));
}

/// With and without flags, CAS narrow, wide and none.
fn random_item(rng: &mut Rng) -> Item {
    let cas = match rng.below(4) {
        0 => 0,
        1 => rng.next(),
        2 => u64::from(u32::MAX) + rng.next() % 2,
        _ => 1 + rng.next() % 1000,
    };
    let flags = if rng.below(2) == 0 { 0 } else { rng.next() as u32 };
    let mut mark = || rng.below(2) == 0;
    Item { flags, cas, marks: Marks { fetched: mark(), stale: mark(), won: mark() } }
}

#[test]
fn every_kind_and_length_reads_back() {
    let mut heap = Heap::new();
    let mut rng = Rng(1);
    for key_len in KEY_LENGTHS {
        let key = rng.bytes(key_len);
        for expire_at_ms in [None, Some(0), Some(-1), Some(i64::MAX), Some(1_800_000_000_123)] {
            let (access, epoch) = (rng.next() as u32 & 0xff_ffff, rng.below(4) as u8);
            let meta = Meta { expire_at_ms, access, epoch, item: random_item(&mut rng) };
            for n in [0, -1, i64::MIN, i64::MAX] {
                let entry = heap.entry(&key, NewValue::Int(n), meta);
                check(entry.view(), &key, &Plain::Int(n), meta);
                assert!(!entry.view().is_raw());
                heap.release(entry);
            }
            for value_len in VALUE_LENGTHS {
                let value = rng.bytes(value_len);
                for raw in [false, true] {
                    let entry = heap.entry(&key, NewValue::Bytes { bytes: &value, raw }, meta);
                    check(entry.view(), &key, &Plain::Bytes(value.clone()), meta);
                    assert_eq!(entry.view().is_raw(), raw);
                    let bytes = entry.view().memory_bytes();
                    let least = key_len + value_len + FIXED_BYTES + 2;
                    assert!((least..least + 72).contains(&bytes), "{bytes} for {key_len} and {value_len}");
                    heap.release(entry);
                }
            }
            let entry = heap.entry(&key, NewValue::Object(string(5000)), meta);
            check(entry.view(), &key, &Plain::Object(vec![b'o'; 5000]), meta);
            assert!(entry.view().memory_bytes() > 5000 + key_len);
            heap.release(entry);
        }
    }
    assert_eq!(heap.live_bytes(), 0, "every entry went back with the size it was made with");
}

#[test]
fn a_key_of_16_and_a_value_of_64_take_88_bytes() {
    let mut heap = Heap::new();
    let value = NewValue::Bytes { bytes: &[7; 64], raw: false };
    let entry = heap.entry(&[1; 16], value, Meta::default());
    assert_eq!(entry.view().memory_bytes(), 88);
    assert_eq!(heap.live_bytes(), 88);
    heap.release(entry);
}

#[test]
fn marks_do_not_touch_one_another() {
    let mut heap = Heap::new();
    let mut rng = Rng(2);
    for key_len in [0, 3, 254, 300] {
        let key = rng.bytes(key_len);
        let mut meta = Meta { expire_at_ms: Some(77), access: 1, epoch: 1, item: random_item(&mut rng) };
        let entry = heap.entry(&key, NewValue::Bytes { bytes: b"value", raw: true }, meta);
        let (mut frequency, mut main) = (0, false);
        for _ in 0..2000 {
            match rng.below(5) {
                0 => {
                    // Bits above the field are not the entry's.
                    let access = rng.next() as u32;
                    entry.view().set_access(access);
                    meta.access = access & 0xff_ffff;
                }
                1 => {
                    meta.epoch = rng.below(4) as u8;
                    entry.view().set_epoch(meta.epoch);
                }
                2 => {
                    meta.item.marks = random_item(&mut rng).marks;
                    entry.view().set_marks(meta.item.marks);
                }
                3 => {
                    frequency = rng.below(4) as u8;
                    entry.view().set_frequency(frequency);
                }
                _ => {
                    main = rng.below(2) == 0;
                    entry.view().set_main_queue(main);
                }
            }
            check(entry.view(), &key, &Plain::Bytes(b"value".to_vec()), meta);
            assert!(entry.view().is_raw());
            assert_eq!((entry.view().frequency(), entry.view().in_main_queue()), (frequency, main));
        }
        heap.release(entry);
    }
}

#[test]
fn rebuilt_entries_keep_what_they_do_not_change() {
    let mut heap = Heap::new();
    let mut rng = Rng(3);
    for round in 0..3000 {
        let key = pick(&mut rng, &KEY_LENGTHS[..7]);
        let bytes = pick(&mut rng, &VALUE_LENGTHS[..10]);
        let raw = rng.below(2) == 0;
        let value = match round % 3 {
            0 => NewValue::Int(rng.next() as i64),
            1 => NewValue::Bytes { bytes: &bytes, raw },
            _ => NewValue::Object(string(1 + rng.below(9000))),
        };
        let random_meta = |rng: &mut Rng| Meta {
            expire_at_ms: (rng.below(2) == 0).then(|| rng.next() as i64),
            access: rng.next() as u32 & 0xff_ffff,
            epoch: rng.below(4) as u8,
            item: random_item(rng),
        };
        let meta = random_meta(&mut rng);
        let entry = heap.entry(&key, value, meta);
        let value = plain(entry.view());
        let raw = entry.view().is_raw();
        entry.view().set_frequency(2);
        let meta = random_meta(&mut rng);
        let entry = heap.with_meta(entry, meta);
        check(entry.view(), &key, &value, meta);
        let key = pick(&mut rng, &KEY_LENGTHS[..7]);
        let entry = heap.with_key(entry, &key, 3);
        let meta = Meta { epoch: 3, ..meta };
        check(entry.view(), &key, &value, meta);
        let mut entry = heap.relocate(entry);
        check(entry.view(), &key, &value, meta);
        assert_eq!((entry.view().is_raw(), entry.view().frequency()), (raw, 2));
        match (entry.object_mut(), &value) {
            (Some(Object::String(s)), Plain::Object(before)) => {
                s.append(b"!");
                let after = [before, &b"!"[..]].concat();
                check(entry.view(), &key, &Plain::Object(after), meta);
            }
            (None, Plain::Int(_) | Plain::Bytes(_)) => {}
            _ => panic!("an object, and only an object, changes in place"),
        }
        heap.release(entry);
    }
    assert_eq!(heap.live_bytes(), 0);
}
