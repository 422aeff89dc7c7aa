//! Objects of many sizes through several heaps. Figures are process-wide, so tests that read them take turns.

use std::sync::{Barrier, Mutex, MutexGuard, mpsc};

use super::*;
use crate::bits::peer::Rng;
use crate::entry::{EntryBox, Meta, NewValue};
use crate::table::{ORDER_END, Table, WalkCursor};

static TURNS: Mutex<()> = Mutex::new(());

/// Figures of this test's heaps alone: other tests of the crate allocate at the same time.
struct Turn {
    heaps: Vec<&'static HeapShared>,
    _turn: MutexGuard<'static, ()>,
}

impl Turn {
    fn new(heaps: &[&Heap]) -> Turn {
        let turn = TURNS.lock().unwrap_or_else(|e| e.into_inner());
        Turn { heaps: heaps.iter().map(|h| h.shared).collect(), _turn: turn }
    }

    fn live_bytes(&self) -> i64 {
        self.heaps.iter().map(|h| h.live_bytes.load(Ordering::Relaxed)).sum()
    }

    fn pages(&self) -> usize {
        self.heaps.iter().map(|h| h.pages.load(Ordering::Relaxed)).sum()
    }
}

/// An object with a pattern in it that nobody else writes.
struct Object {
    at: NonNull<u8>,
    size: usize,
    mark: u64,
}

// SAFETY: the object's memory belongs to whoever holds it.
unsafe impl Send for Object {}

impl Object {
    fn new(heap: &mut Heap, size: usize, mark: u64) -> Object {
        let at = heap.alloc(size);
        assert_eq!(at.as_ptr().addr() % 8, 0, "aligned");
        for i in 0..size {
            // SAFETY: within the object.
            unsafe { at.as_ptr().add(i).write(mark.rotate_left(i as u32) as u8) };
        }
        Object { at, size, mark }
    }

    fn free(self, heap: &mut Heap) {
        for i in 0..self.size {
            // SAFETY: within the object, written by `new`.
            let byte = unsafe { self.at.as_ptr().add(i).read() };
            assert_eq!(byte, self.mark.rotate_left(i as u32) as u8, "byte {i} of {}", self.size);
        }
        // SAFETY: allocated with this size by some heap; nobody holds it any more.
        unsafe { heap.free(self.at, self.size) };
    }
}

fn size(rng: &mut Rng) -> usize {
    match rng.below(20) {
        0 => SLAB_MAX_BYTES + rng.below(5000),
        1 => FINE_MAX - 2 + rng.below(5),
        2 => SLAB_MAX_BYTES - 2 + rng.below(5),
        3 | 4 => 1 + rng.below(SLAB_MAX_BYTES),
        5..=9 => 1 + rng.below(300),
        _ => 80 + rng.below(24),
    }
}

#[test]
fn classes_cover_every_size_closely() {
    for size in 0..=SLAB_MAX_BYTES {
        let (class, bytes) = class_of(size);
        assert!(class < CLASSES && bytes >= size && bytes % 8 == 0);
        assert!(bytes - size < if size <= FINE_MAX { 9 } else { COARSE_STEP });
        assert_eq!(class_of(bytes), (class, bytes), "a class's own size stays in it");
        assert_eq!(rounded_size(size), bytes);
    }
    assert_eq!(class_of(SLAB_MAX_BYTES).0, CLASSES - 1);
}

#[test]
fn three_threads_free_one_anothers_objects() {
    const THREADS: usize = 3;
    let heaps: Vec<Heap> = (0..THREADS).map(|_| Heap::new()).collect();
    let turn = Turn::new(&heaps.iter().collect::<Vec<_>>());
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Object>()).unzip();
    let steps = Barrier::new(THREADS);
    // Bytes alive as each thread counts them: what it makes less what it frees.
    let counts = Mutex::new(0i64);
    let heaps: Vec<Heap> = std::thread::scope(|scope| {
        let threads: Vec<_> = heaps
            .into_iter()
            .zip(receivers)
            .enumerate()
            .map(|(number, (mut heap, inbox))| {
                let (senders, steps, counts, turn) = (senders.clone(), &steps, &counts, &turn);
                scope.spawn(move || {
                    let mut rng = Rng(number as u64);
                    let mut mine: Vec<Object> = Vec::new();
                    for round in 0..12 {
                        let mut delta = 0;
                        for _ in 0..2000 {
                            match rng.below(10) {
                                0..=4 => {
                                    let object = Object::new(&mut heap, size(&mut rng), rng.next());
                                    delta += rounded_size(object.size) as i64;
                                    mine.push(object);
                                }
                                5 | 6 if !mine.is_empty() => {
                                    let object = mine.swap_remove(rng.below(mine.len()));
                                    senders[rng.below(THREADS)].send(object).expect("it listens");
                                }
                                _ => {
                                    let object = match inbox.try_recv() {
                                        Ok(object) => Some(object),
                                        Err(_) if !mine.is_empty() => {
                                            Some(mine.swap_remove(rng.below(mine.len())))
                                        }
                                        Err(_) => None,
                                    };
                                    if let Some(object) = object {
                                        delta -= rounded_size(object.size) as i64;
                                        object.free(&mut heap);
                                    }
                                }
                            }
                        }
                        *counts.lock().unwrap() += delta;
                        steps.wait();
                        assert_eq!(
                            turn.live_bytes(),
                            *counts.lock().unwrap(),
                            "exact when nobody works, round {round}"
                        );
                        steps.wait();
                    }
                    for object in mine {
                        object.free(&mut heap);
                    }
                    drop(senders);
                    for object in inbox {
                        object.free(&mut heap);
                    }
                    heap
                })
            })
            .collect();
        drop(senders);
        threads.into_iter().map(|t| t.join().expect("no thread failed")).collect()
    });
    assert_eq!(turn.live_bytes(), 0);
    let held = turn.pages();
    let mut heaps = heaps;
    for heap in &mut heaps {
        while heap.drain_pending() {}
    }
    assert!(turn.pages() <= held);
    for heap in &heaps {
        let classes = heap.current.iter().filter(|page| !page.is_null()).count();
        assert!(
            heap.shared.pages.load(Ordering::Relaxed) <= classes,
            "an empty heap keeps at most one page of each class"
        );
    }
    drop(heaps);
    assert_eq!(turn.pages(), 0, "a heap that ends gives its pages back");
}

#[test]
fn stats_sum_all_heaps() {
    let mut heap = Heap::new();
    let _turn = Turn::new(&[&heap]);
    // Others may allocate and free beside us, but not as much as this.
    let before = stats();
    let objects: Vec<_> = (0..4000).map(|i| Object::new(&mut heap, 8000, i)).collect();
    let during = stats();
    assert!(during.live_bytes > before.live_bytes + 16_000_000);
    assert!(during.page_bytes > before.page_bytes + 16_000_000);
    for object in objects {
        object.free(&mut heap);
    }
    assert_eq!(heap.live_bytes(), 0);
    assert_eq!(heap.shared.pages.load(Ordering::Relaxed), 1);
    assert!(stats().page_bytes + 16_000_000 < during.page_bytes);
}

#[test]
fn a_page_is_filled_again_before_another_is_taken() {
    let mut heap = Heap::new();
    let turn = Turn::new(&[&heap]);
    let mut rng = Rng(5);
    let mut objects: Vec<_> = (0..20_000).map(|i| Object::new(&mut heap, 88, i)).collect();
    let pages = turn.pages();
    assert!(pages <= 20_000 * 88 / (PAGE_BYTES - HEADER_BYTES - 88) + 1);
    for mark in 0..200_000 {
        let at = rng.below(objects.len());
        objects.swap_remove(at).free(&mut heap);
        objects.push(Object::new(&mut heap, 81 + (mark % 8) as usize, mark));
    }
    assert!(turn.pages() <= pages + 1, "{} pages, once {pages}", turn.pages());
    for object in objects {
        object.free(&mut heap);
    }
    assert_eq!(turn.pages(), 1);
}

#[test]
fn relocation_empties_sparse_pages() {
    let mut heap = Heap::new();
    let turn = Turn::new(&[&heap]);
    let mut rng = Rng(9);
    let mut table = Table::new(0);
    let place = |i: usize| (i as u32).wrapping_mul(0x9e37_79b9) >> 8;
    for i in 0..30_000usize {
        let key = i.to_le_bytes();
        let value = vec![i as u8; 40 + rng.below(200)];
        let entry = heap.entry(&key, NewValue::Bytes { bytes: &value, raw: false }, Meta::default());
        table.insert(place(i), entry);
    }
    let full = turn.pages();
    for i in (0..30_000usize).filter(|i| i % 10 != 3) {
        let slot = table.find(place(i), &i.to_le_bytes()).expect("it was inserted");
        let entry: EntryBox = table.remove(slot);
        heap.release(entry);
    }
    let sparse = turn.pages();
    assert!(sparse > full / 2, "deletions at random leave most pages in place: {sparse} of {full}");
    let (mut cursor, mut moved) = (WalkCursor::default(), 0);
    for _ in 0..3 {
        loop {
            let mut budget = 64;
            moved += table.relocate_sparse(&mut cursor, &mut heap, &mut budget);
            if cursor == WalkCursor::default() {
                break;
            }
        }
    }
    assert!(moved > 1000);
    let (bytes, pages) = (turn.live_bytes() as usize, turn.pages());
    let classes = heap.current.iter().filter(|page| !page.is_null()).count();
    // One page of each class is the least; relocation leaves pages above a quarter alone.
    assert!(
        pages <= classes + 4 * bytes / PAGE_BYTES,
        "{pages} pages of {classes} classes for {bytes} bytes"
    );
    assert!(pages * 2 < sparse, "{pages} of {sparse} pages");
    let mut seen = 0;
    table.scan(0, usize::MAX, |entry| {
        seen += 1;
        let i = usize::from_le_bytes(entry.key().try_into().expect("eight bytes"));
        let crate::entry::Value::Bytes(value) = entry.value() else { panic!("a string") };
        assert!(i % 10 == 3 && value.iter().all(|&b| b == i as u8));
        assert!(table.get(place(i), entry.key()).is_some() && place(i) < ORDER_END);
    });
    assert_eq!(seen, 3000);
    table.clear(&mut heap);
    assert_eq!(turn.live_bytes(), 0);
}

#[test]
fn objects_outlive_their_heap() {
    let mut first = Heap::new();
    let mut second = Heap::new();
    let turn = Turn::new(&[&first, &second]);
    let objects: Vec<_> = (0..3000).map(|i| Object::new(&mut first, 100, i)).collect();
    drop(first);
    for object in objects {
        object.free(&mut second);
    }
    assert_eq!(turn.live_bytes(), 0, "what one heap took and another gave back cancels out");
    assert!(second.live_bytes() < 0);
}
