//! Time and memory for each element of hash-ordered maps and packed lists: `cargo bench -p structures`.
//!
//! Each figure is the best of several runs, in nanoseconds per operation. Names are drawn at random, so large maps miss
//! the caches as a server's do. `cargo bench -p structures -- "hash of 1000: get"` runs the lines that begin so.

use std::hint::black_box;
use std::time::Instant;

use structures::hashed::Hashed;
use structures::listpack::Listpack;
use sys::random::Rng;

#[global_allocator]
static GLOBAL: sys::alloc::CountingAlloc = sys::alloc::CountingAlloc;

struct Bench {
    filter: Option<String>,
}

impl Bench {
    /// Runs `run` `runs` times, each on what `setup` makes, and prints the best time per operation.
    fn line<T>(
        &self,
        name: &str,
        runs: usize,
        operations: usize,
        mut setup: impl FnMut() -> T,
        mut run: impl FnMut(&mut T),
    ) {
        if self.filter.as_ref().is_some_and(|filter| !name.starts_with(filter.as_str())) {
            return;
        }
        let mut best = f64::MAX;
        for _ in 0..runs {
            let mut state = setup();
            let start = Instant::now();
            run(&mut state);
            best = best.min(start.elapsed().as_nanos() as f64);
            drop(state);
        }
        println!("{name:<52} {:>8.1} ns", best / operations as f64);
    }
}

fn field(i: u64) -> [u8; 10] {
    let mut name = *b"f000000000";
    let digits = i.to_string();
    let start = name.len() - digits.len();
    name[start..].copy_from_slice(digits.as_bytes());
    name
}

fn filled(count: u64) -> Hashed {
    let mut map = Hashed::new();
    (0..count).for_each(|i| {
        map.insert(&field(i), b"value of 16 byte", None);
    });
    map
}

fn main() {
    // As a node with much data does.
    sys::keeper::start().expect("a thread");
    sys::alloc::want_huge_pages();
    let bench = Bench { filter: std::env::args().skip(1).find(|argument| !argument.starts_with('-')) };
    const OPS: usize = 1_000_000;
    const SIZES: [u64; 4] = [1000, 100_000, 1_000_000, 10_000_000];
    for count in SIZES {
        let runs = if count > 1_000_000 { 2 } else { 5 };
        let name = |what: &str| format!("hash of {count}: {what}");
        let prefix = name("");
        let begins = |filter: &String| filter.starts_with(&prefix) || prefix.starts_with(filter.as_str());
        if !bench.filter.as_ref().is_none_or(begins) {
            continue;
        }
        let mut map = filled(count);
        let bytes = map.memory_bytes() as f64 / count as f64;
        println!("{:<52} {bytes:>8.2} B", name("memory per field of 10 + 16 bytes"));
        let mut rng = Rng::new(1);
        let order: Vec<[u8; 10]> = (0..OPS).map(|_| field(rng.below(count))).collect();
        bench.line(
            &name("get"),
            runs,
            OPS,
            || (),
            |()| {
                for name in &order {
                    black_box(map.get(black_box(name)));
                }
            },
        );
        bench.line(
            &name("get of a missing name"),
            runs,
            OPS,
            || (),
            |()| {
                for name in &order {
                    let mut name = *name;
                    name[1] = b'x';
                    black_box(map.contains(black_box(&name)));
                }
            },
        );
        bench.line(
            &name("at_index"),
            runs,
            OPS,
            || Rng::new(2),
            |rng| {
                for _ in 0..OPS {
                    black_box(map.at_index(rng.below(count) as usize));
                }
            },
        );
        bench.line(
            &name("overwrite, same length"),
            runs,
            OPS,
            || (),
            |()| {
                for name in &order {
                    map.insert(black_box(name), b"VALUE OF 16 BYTE", None);
                }
            },
        );
        bench.line(
            &name("iterate"),
            runs,
            count as usize,
            || (),
            |()| {
                for element in map.iter() {
                    black_box(element);
                }
            },
        );
        drop(map);
        bench.line(&name("insert, each"), runs, count as usize, || (), |()| drop(black_box(filled(count))));
        let batch = OPS.min(count as usize / 2);
        bench.line(
            &name("insert of new names"),
            runs,
            batch,
            || filled(count),
            |map| {
                for i in 0..batch as u64 {
                    map.insert(black_box(&field(count + i)), b"value of 16 byte", None);
                }
            },
        );
        bench.line(
            &name("remove"),
            runs,
            batch,
            || filled(count),
            |map| {
                for i in 0..batch as u64 {
                    map.remove(black_box(&field(i)));
                }
            },
        );
    }
    let mut pack = Listpack::new();
    (0..128u64).for_each(|i| pack.push_back(&field(i)));
    bench.line(
        "listpack of 128: find the last",
        5,
        100_000,
        || (),
        |()| {
            for _ in 0..100_000 {
                black_box(pack.find(black_box(&field(127)), 0));
            }
        },
    );
    bench.line(
        "listpack of 128: push and pop",
        5,
        100_000,
        || pack.clone(),
        |pack| {
            for _ in 0..100_000 {
                pack.push_back(black_box(b"one more element"));
                pack.remove(pack.prev(pack.end()).expect("not empty"));
            }
        },
    );
}
