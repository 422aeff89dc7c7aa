//! This crate's unit tests run under the allocator they test. What needs a process to itself is in the crate's
//! `tests` folder.

use super::*;

#[global_allocator]
static GLOBAL: CountingAlloc = CountingAlloc;

unsafe extern "C" {
    fn mi_good_size(size: usize) -> usize;
}

#[test]
fn classes_are_those_of_mimalloc() {
    let sizes = (1..70_000).chain((70_000..600_000).step_by(997)).chain((600_000..9_000_000).step_by(99_991));
    for size in sizes {
        // SAFETY: plain arithmetic in the library.
        assert_eq!(class_bytes(size), unsafe { mi_good_size(size) }, "of {size} bytes");
    }
}

#[test]
fn a_cell_is_exact_for_its_thread() {
    std::thread::spawn(|| {
        let drift = || CELL.get().unwrap().drift_bytes.load(Relaxed);
        drop(std::hint::black_box(Box::new(1u64)));
        // What starting the thread took must not make the cell overflow below.
        flush(CELL.get().unwrap(), drift());
        let before = drift();
        let small = std::hint::black_box(Box::new([0u8; 100]));
        assert_eq!(drift() - before, 112);
        let aligned = aligned_block();
        assert_eq!(drift() - before, 112 + 512);
        drop(aligned);
        drop(small);
        assert_eq!(drift(), before);
    })
    .join()
    .unwrap();
}

#[repr(align(512))]
struct Aligned(#[allow(dead_code)] [u8; 512]);

fn aligned_block() -> Box<Aligned> {
    let block = std::hint::black_box(Box::new(Aligned([0; 512])));
    assert_eq!(std::ptr::from_ref(&*block).addr() % 512, 0);
    block
}

#[test]
fn cells_are_reused_and_threads_beyond_the_table_still_count() {
    for _ in 0..3 * CELLS {
        std::thread::spawn(|| drop(Box::new(5u8))).join().unwrap();
    }
    assert!(TABLE_USED.load(Relaxed) < CELLS / 2, "cells of ended threads are claimed again");
    std::thread::spawn(|| {
        CELL.set(None);
        PHASE.set(Phase::Shared);
        let was = SHARED_BYTES.load(Relaxed);
        let block: Vec<u8> = std::hint::black_box(Vec::with_capacity(8 << 30));
        assert!(SHARED_BYTES.load(Relaxed) - was > 7 << 30);
        drop(block);
        assert!(SHARED_BYTES.load(Relaxed) - was < 1 << 30);
    })
    .join()
    .unwrap();
}

#[test]
fn thread_local_destructors_may_allocate_and_free() {
    struct Late(Vec<u8>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0 = vec![7; 3000];
        }
    }
    thread_local!(static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) });
    for _ in 0..100 {
        std::thread::spawn(|| LATE.with(|late| *late.borrow_mut() = Some(Late(vec![1; 100]))))
            .join()
            .unwrap();
    }
}

#[test]
fn zeroed_blocks_are_zero_and_growing_keeps_content() {
    for size in [1usize, 7, 8, 9, 64, 65, 1000, 100_000, 3_000_000] {
        let mut block = vec![0u8; size];
        assert!(block.iter().all(|byte| *byte == 0));
        block.fill(9);
        block.resize(size * 3, 4);
        assert!(block[..size].iter().all(|byte| *byte == 9));
        assert_eq!(block[size..].iter().filter(|byte| **byte == 4).count(), size * 2);
    }
}

#[test]
fn purge_delay_is_the_option_meant() {
    // The library's default, which would differ if the numbering had moved.
    assert_eq!(purge_delay_ms(), PURGE_BY_KEEPER_MS);
    set_purge_delay_ms(250);
    assert_eq!(purge_delay_ms(), 250);
    set_purge_delay_ms(PURGE_BY_KEEPER_MS);
}
