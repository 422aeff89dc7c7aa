//! The counting allocator in a process of its own: counts and resident memory against big blocks.

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use sys::alloc::*;

#[global_allocator]
static GLOBAL: CountingAlloc = CountingAlloc;

/// What the test runner and lists of blocks may have allocated besides.
const NOISE_BYTES: usize = 4 << 20;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn close(a: usize, b: usize) -> bool {
    a.abs_diff(b) < NOISE_BYTES
}

#[test]
fn blocks_are_counted_and_uncounted() {
    let _alone = alone();
    let before = allocated_bytes();
    let big: Vec<u8> = black_box(Vec::with_capacity(256 << 20));
    assert!(close(allocated_bytes(), before + (256 << 20)));
    assert!(close(allocated_bytes_estimate(), before + (256 << 20)));
    drop(big);
    assert!(close(allocated_bytes(), before));
    let mut grown: Vec<u8> = black_box(vec![1; 64 << 20]);
    grown.reserve_exact(128 << 20);
    assert!(close(allocated_bytes(), before + (192 << 20)));
    grown.truncate(1);
    grown.shrink_to_fit();
    assert!(close(allocated_bytes(), before));
}

#[test]
fn counts_of_ended_threads_and_of_blocks_freed_elsewhere_add_up() {
    let _alone = alone();
    let before = allocated_bytes();
    let kept: Vec<Vec<Box<[u8; 1000]>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..20_000).map(|_| Box::new([0u8; 1000])).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let expected = 8 * 20_000 * class_bytes(1000);
    assert!(close(allocated_bytes(), before + expected));
    drop(kept);
    assert!(close(allocated_bytes(), before));
}

#[test]
fn resident_memory_follows_use_and_purge() {
    let _alone = alone();
    // What other tests freed would be used again without growing.
    purge();
    let before = rss_bytes();
    assert!(before > 100_000);
    let block = black_box(vec![1u8; 200 << 20]);
    let with = rss_bytes();
    assert!(with > before + (150 << 20));
    assert!(peak_rss_bytes() >= with - (32 << 20));
    drop(block);
    collect();
    purge();
    assert!(rss_bytes() < with - (150 << 20), "{} then {}", with, rss_bytes());
}
