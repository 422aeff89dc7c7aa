use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("brasa-effects-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn small() -> Options {
    Options { segment_bytes: 4096, retain_bytes: 1 << 30 }
}

#[test]
fn records_round_trip_and_damage_is_found() {
    let mut effects = Effects::new(true);
    effects.push(3, &[b"SET", b"k", b"v"]);
    effects.push(0, &[b"DEL", b"x"]);
    let mut bytes = Vec::new();
    record::encode(&effects, Seq(7), 99, |b| bytes.extend_from_slice(b));
    let (record, size) = Record::read(&bytes).unwrap().unwrap();
    assert_eq!((record.seq, record.at_ms, size), (Seq(7), 99, bytes.len()));
    let listed: Vec<_> = record.effects().collect();
    assert_eq!(listed, effects.iter().collect::<Vec<_>>());
    assert_eq!(listed[0], (3, &b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"[..]));
    for cut in 1..bytes.len() {
        assert!(Record::read(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let padding = size - record::HEADER_BYTES - effects.framed().len();
    for at in 0..bytes.len() - padding {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        assert!(!matches!(Record::read(&bad), Ok(Some((r, _))) if r == record), "flip at {at}");
    }
}

#[test]
fn an_inactive_buffer_only_counts() {
    let mut effects = Effects::new(false);
    effects.push(0, &[b"SET", b"k", b"v"]);
    assert_eq!((effects.len(), effects.framed().len()), (1, 0));
    effects.clear();
    assert!(effects.is_empty());
}

#[test]
fn threads_merge_into_one_order_and_recovery_finds_the_same() {
    const THREADS: usize = 4;
    const PER_THREAD: u64 = 3000;
    let folder = folder("merge");
    let log = EffectLog::open(&folder, THREADS, small()).unwrap();
    let mut consumer = log.subscribe(Seq(0)).unwrap();
    let mut seen = Vec::new();
    let running = AtomicU64::new(THREADS as u64);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (log, running) = (&log, &running);
            let mut writer = log.writer(thread);
            scope.spawn(move || {
                let mut effects = Effects::new(true);
                for i in 0..PER_THREAD {
                    let value = vec![b'x'; (i * 37 % 900) as usize];
                    effects.push(thread as u32, &[b"SET", i.to_string().as_bytes(), &value]);
                    writer.commit(&effects, i).unwrap();
                    effects.clear();
                    if i % 5 == 0 {
                        log.merge().unwrap();
                    }
                }
                running.fetch_sub(1, Ordering::AcqRel);
            });
        }
        while running.load(Ordering::Acquire) > 0 {
            consumer.next_batch(|r| seen.push((r.seq.0, r.at_ms))).unwrap();
        }
    });
    log.merge().unwrap();
    consumer.next_batch(|r| seen.push((r.seq.0, r.at_ms))).unwrap();
    let total = THREADS as u64 * PER_THREAD;
    assert_eq!(log.merged(), Seq(total));
    assert!(seen.iter().map(|(seq, _)| *seq).eq(1..=total));
    let recovery = recover(&folder).unwrap();
    assert!(recovery.damaged.is_empty() && recovery.missing.is_empty());
    assert!(recovery.records.iter().map(|r| (r.seq.0, r.at_ms)).eq(seen));
    for thread in 0..THREADS as u32 {
        let own = recovery.records.iter().filter(|r| r.effects[0].0 == thread).map(|r| r.at_ms);
        assert!(own.eq(0..PER_THREAD), "each thread's records keep its order");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_record_larger_than_a_segment_passes_and_old_segments_go() {
    let folder = folder("large");
    let options = Options { segment_bytes: 4096, retain_bytes: 16 * 1024 };
    let log = EffectLog::open(&folder, 1, options).unwrap();
    let mut writer = log.writer(0);
    let mut effects = Effects::new(true);
    for i in 0..200u32 {
        effects.push(0, &[b"SET", b"k", &vec![b'v'; if i == 100 { 1 << 20 } else { 500 }]]);
        writer.commit(&effects, 0).unwrap();
        effects.clear();
        log.merge().unwrap();
    }
    assert_eq!(log.merged(), Seq(200));
    assert!(matches!(log.subscribe(Seq(0)), Err(Lagged { kept_from }) if kept_from.0 > 1));
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert!(files < 12, "{files} files are left");
    assert!(EffectLog::open(&folder, 1, options).is_err(), "an earlier run's segments are not overwritten");
    std::fs::remove_dir_all(&folder).unwrap();
}
