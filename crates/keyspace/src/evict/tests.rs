//! Who goes: each policy against what it promises, and hit rates against one another.

use std::sync::atomic::Ordering;

use structures::entry::NewValue;

use super::*;
use crate::Ttl;
use crate::testing::{Plain, Rng, World};

const EVERY: [Policy; 9] = [
    Policy::Lru { volatile: false },
    Policy::Lru { volatile: true },
    Policy::Lfu { volatile: false },
    Policy::Lfu { volatile: true },
    Policy::Random { volatile: false },
    Policy::Random { volatile: true },
    Policy::VolatileTtl,
    Policy::S3Fifo,
    Policy::NoEviction,
];

/// Evicts a key; tells its database and name.
fn evict(world: &mut World, evictor: &mut Evictor, policy: Policy) -> Option<(u32, Vec<u8>)> {
    let options = EvictOptions { policy, samples: 5, lfu_decay_minutes: 1 };
    let World { keyspace, local, rng, now_ms, .. } = world;
    let mut commits = 0;
    let before = local.counters.evicted_keys;
    let done = evictor.evict_one(keyspace, local, options, *now_ms, &mut || rng.next(), |_| commits += 1);
    assert_eq!((commits, local.counters.evicted_keys - before), (u64::from(done), u64::from(done)));
    let mut effects = world.take_effects();
    assert_eq!(effects.len(), usize::from(done));
    let (db, name) = effects.pop()?;
    assert!(world.model[db as usize].remove(&name).is_some(), "a key of the database that clients know");
    Some((db, name))
}

/// Reads a key as a client would.
fn read(world: &mut World, name: &[u8]) -> bool {
    let mut space = world.space(0);
    let key = space.place(name);
    space.read(key).is_some()
}

fn number(name: &[u8]) -> usize {
    String::from_utf8_lossy(name).parse().expect("names are numbers")
}

fn lru(world: &World) -> Access {
    Access::Lru { clock: Access::lru_clock(world.now_ms) }
}

#[test]
fn names_are_those_of_maxmemory_policy() {
    let names = [
        "allkeys-lru",
        "volatile-lru",
        "allkeys-lfu",
        "volatile-lfu",
        "allkeys-random",
        "volatile-random",
        "volatile-ttl",
        "allkeys-s3fifo",
        "noeviction",
    ];
    for (name, policy) in names.into_iter().zip(EVERY) {
        assert_eq!(Policy::from_name(name), Some(policy));
    }
    assert_eq!(Policy::from_name("lru"), None);
}

#[test]
fn every_policy_empties_what_it_may_touch_and_nothing_else() {
    for (number, policy) in EVERY.into_iter().enumerate() {
        for bits in [0, 5] {
            let mut world = World::new(number as u64, bits, 3);
            world.access = if policy == Policy::S3Fifo { Access::S3 { clock: 1 } } else { lru(&world) };
            world.swap(0, 2);
            let later = world.now_ms + 100_000;
            for i in 0..600usize {
                let ttl = if i % 3 == 0 { Ttl::At(later) } else { Ttl::Clear };
                world.set((i % 2) as u16 * 2, format!("{i}").as_bytes(), Plain::Int(1), ttl);
            }
            let mut evictor = Evictor::default();
            let mut evicted = 0;
            while evict(&mut world, &mut evictor, policy).is_some() {
                evicted += 1;
            }
            let expected = match policy {
                Policy::NoEviction => 0,
                policy if policy.volatile_only() => 200,
                _ => 600,
            };
            assert_eq!(evicted, expected, "{policy:?}");
            if expected == 600 {
                let shards = 0..world.keyspace.shard_count();
                let bytes: usize = shards.map(|number| world.space(0).shard(number).table_bytes()).sum();
                assert_eq!(bytes, 0, "{policy:?}: tables without a key hold no memory");
            }
            if policy.volatile_only() {
                assert!(world.model.iter().all(|keys| keys.values().all(|(_, at)| at.is_none())));
            }
            world.check();
            world.end();
        }
    }
}

#[test]
fn a_few_volatile_keys_among_many_are_found() {
    for policy in [Policy::VolatileTtl, Policy::Random { volatile: true }, Policy::Lru { volatile: true }] {
        let mut world = World::new(3, 1, 1);
        let later = world.now_ms + 1000;
        for i in 0..60_000 {
            let ttl = if i % 20_000 == 7 { Ttl::At(later) } else { Ttl::Clear };
            world.set(0, format!("{i}").as_bytes(), Plain::Int(1), ttl);
        }
        let mut evictor = Evictor::default();
        for _ in 0..3 {
            let (_, name) = evict(&mut world, &mut evictor, policy).expect("three have a TTL");
            assert_eq!(number(&name) % 20_000, 7);
        }
        assert_eq!(evict(&mut world, &mut evictor, policy), None);
        world.end();
    }
}

#[test]
fn lru_prefers_idle_keys() {
    for volatile in [false, true] {
        let mut world = World::new(4, 3, 1);
        world.access = lru(&world);
        let later = world.now_ms + 10_000_000;
        for i in 0..2000 {
            world.set(0, format!("{i}").as_bytes(), Plain::Int(1), Ttl::At(later));
        }
        world.now_ms += 60_000;
        world.access = lru(&world);
        for i in (0..2000).filter(|i| i % 2 == 0) {
            assert!(read(&mut world, format!("{i}").as_bytes()));
        }
        let mut evictor = Evictor::default();
        let recent = (0..700)
            .filter(|_| {
                let (_, name) =
                    evict(&mut world, &mut evictor, Policy::Lru { volatile }).expect("keys are there");
                number(&name) % 2 == 0
            })
            .count();
        assert!(recent < 35, "{recent} of 700 victims were used a moment ago");
        world.end();
    }
}

#[test]
fn lfu_prefers_keys_rarely_used() {
    let mut world = World::new(5, 3, 1);
    let lfu = |world: &mut World| {
        world.access = Access::Lfu {
            minute: Access::lfu_minute(world.now_ms),
            log_factor: 10,
            decay_minutes: 1,
            random: world.rng.next() as u32,
        };
    };
    for i in 0..2000 {
        lfu(&mut world);
        world.set(0, format!("{i}").as_bytes(), Plain::Int(1), Ttl::Clear);
    }
    for _ in 0..100 {
        for i in (0..2000).filter(|i| i % 2 == 0) {
            lfu(&mut world);
            read(&mut world, format!("{i}").as_bytes());
        }
    }
    let mut evictor = Evictor::default();
    let policy = Policy::Lfu { volatile: false };
    let frequent = (0..700)
        .filter(|_| number(&evict(&mut world, &mut evictor, policy).expect("keys are there").1) % 2 == 0)
        .count();
    assert!(frequent < 35, "{frequent} of 700 victims were used a hundred times");
    world.end();
}

#[test]
fn lfu_counters_grow_slowly_and_decay() {
    let mut world = World::new(6, 0, 1);
    world.set(0, b"1", Plain::Int(1), Ttl::Clear);
    let mut rng = Rng(7);
    let mut counter_after = |uses: usize| {
        world.access = Access::None;
        world.delete(0, b"1");
        let used = |world: &mut World, rng: &mut Rng| {
            world.access =
                Access::Lfu { minute: 5, log_factor: 10, decay_minutes: 1, random: rng.next() as u32 };
            world.access
        };
        used(&mut world, &mut rng);
        world.set(0, b"1", Plain::Int(1), Ttl::Clear);
        for _ in 0..uses {
            used(&mut world, &mut rng);
            read(&mut world, b"1");
        }
        let mut space = world.space(0);
        let key = space.place(b"1");
        space.peek(key).expect("it is there").access()
    };
    // The table of Valkey's configuration file for factor 10: 10, 18, 142 after 100, 1000 and 100 thousand uses. The last
    // one's standard deviation is 7 (a step at n is a geometric number of uses around 10 n), and where the entry lies is
    // part of the randomness.
    for (uses, low, high) in [(0, 5, 5), (100, 5, 16), (1000, 11, 27), (100_000, 105, 185)] {
        let access = counter_after(uses);
        let counter = access & 0xff;
        assert_eq!(access >> 8, 5);
        assert!((low..=high).contains(&counter), "{counter} after {uses} uses");
    }
    assert_eq!(decayed(5 << 8 | 100, 5, 1), 100);
    assert_eq!(decayed(5 << 8 | 100, 25, 1), 80);
    assert_eq!(decayed(5 << 8 | 100, 25, 10), 98);
    assert_eq!(decayed(0xfffe << 8 | 100, 3, 1), 95, "minutes wrap");
    assert_eq!(decayed(100, 300, 1), 0);
    assert_eq!(decayed(100, 300, 0), 100, "no decay time, no decay");
}

#[test]
fn ttl_takes_the_keys_that_expire_first() {
    let mut world = World::new(7, 3, 1);
    for i in 0..1000 {
        let at = world.now_ms + 1_000_000 + i;
        world.set(0, format!("{i}").as_bytes(), Plain::Int(1), Ttl::At(at));
    }
    let mut evictor = Evictor::default();
    let ranks: Vec<usize> = (0..200)
        .map(|_| number(&evict(&mut world, &mut evictor, Policy::VolatileTtl).expect("keys are there").1))
        .collect();
    let mean = ranks.iter().sum::<usize>() / ranks.len();
    // The earliest 200 would average 100, victims at random 500.
    assert!(mean < 250, "the victims' mean rank is {mean}");
    world.end();
}

#[test]
fn s3fifo_takes_over_keys_from_before_and_leaves_them_again() {
    let mut world = World::new(8, 2, 1);
    let mut evictor = Evictor::default();
    for i in 0..500 {
        world.set(0, format!("{i}").as_bytes(), Plain::Int(1), Ttl::Clear);
    }
    for _ in 0..100 {
        assert!(evict(&mut world, &mut evictor, Policy::S3Fifo).is_some());
    }
    // Another policy for a while: these keys stand in no queue.
    for i in 500..900 {
        world.set(0, format!("{i}").as_bytes(), Plain::Int(1), Ttl::Clear);
    }
    for _ in 0..800 {
        assert!(evict(&mut world, &mut evictor, Policy::S3Fifo).is_some(), "it goes on while there are keys");
    }
    assert!(evict(&mut world, &mut evictor, Policy::S3Fifo).is_none());
    world.end();
}

#[test]
fn s3fifo_forgets_keys_that_come_and_go() {
    let mut world = World::new(9, 0, 1);
    world.access = Access::S3 { clock: 1 };
    for i in 0..1000 {
        world.set(0, format!("stays {i}").as_bytes(), Plain::Int(1), Ttl::Clear);
    }
    for i in 0..50_000 {
        let name = format!("{i}").into_bytes();
        world.set(0, &name, Plain::Int(1), Ttl::Clear);
        world.delete(0, &name);
        if i % 1000 == 0 {
            world.take_effects();
        }
    }
    let mut shard = world.keyspace.shard(0).try_lock().expect("free");
    let queues = queues_mut(&mut shard, 0);
    let len = queues.small.len() + queues.main.len();
    assert!((1000..2500).contains(&len), "{len} positions for 1000 keys");
    drop(shard);
    world.end();
}

#[test]
fn s3fifo_counts_a_write_as_use_and_keeps_it_over_a_ttl() {
    let mut world = World::new(10, 0, 1);
    world.access = Access::S3 { clock: 1 };
    world.set(0, b"1", Plain::Int(1), Ttl::Clear);
    let frequency = |world: &mut World| {
        let mut space = world.space(0);
        let key = space.place(b"1");
        space.peek(key).expect("it is there").frequency()
    };
    assert_eq!(frequency(&mut world), 0);
    world.set(0, b"1", Plain::Object(vec![1; 9000]), Ttl::Clear);
    assert_eq!(frequency(&mut world), 1);
    read(&mut world, b"1");
    let later = world.now_ms + 5;
    world.set_expiry(0, b"1", Some(later));
    assert_eq!(frequency(&mut world), 2);
    for _ in 0..5 {
        read(&mut world, b"1");
    }
    assert_eq!(frequency(&mut world), 3);
    world.end();
}

/// Draws ranks by Zipf's law.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(n: usize, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        Zipf(
            (1..=n)
                .map(|rank| {
                    sum += (rank as f64).powf(-exponent);
                    sum
                })
                .collect(),
        )
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        let at = rng.unit() * self.0[self.0.len() - 1];
        self.0.partition_point(|&sum| sum < at)
    }
}

/// The share of requests for popular keys that a cache of `room` keys answers, while scans pass through it.
fn hit_rate(policy: Policy, room: usize, scans: bool) -> f64 {
    let mut world = World::new(11, 3, 1);
    let mut evictor = Evictor::default();
    let zipf = Zipf::new(room * 10, 0.99);
    let mut rng = Rng(12);
    let (mut hits, mut counted, mut fresh) = (0, 0, 0u64);
    let requests = room * 60;
    for request in 0..requests {
        // A second per request, so that the clock tells all uses apart.
        world.now_ms += 1000;
        let clock = Access::lru_clock(world.now_ms);
        world.access = match policy {
            Policy::S3Fifo => Access::S3 { clock },
            _ => Access::Lru { clock },
        };
        let scanning = scans && request % (room * 4) < room;
        let name = if scanning {
            fresh += 1;
            format!("scan {fresh}")
        } else {
            format!("{}", zipf.draw(&mut rng))
        };
        let key = world.keyspace.hasher.place(name.as_bytes());
        let mut space = world.space(0);
        let hit = space.read(key).is_some();
        if !hit {
            space.set(key, NewValue::Int(1), Ttl::Clear);
        }
        drop(space);
        if !scanning && request > requests / 4 {
            counted += 1;
            hits += usize::from(hit);
        }
        let keys = &world.keyspace.counters(0).keys;
        while keys.load(Ordering::Relaxed) > room as i64 {
            let options = EvictOptions { policy, samples: 5, lfu_decay_minutes: 1 };
            let World { keyspace, local, rng, now_ms, .. } = &mut world;
            let evicted = evictor.evict_one(keyspace, local, options, *now_ms, &mut || rng.next(), |_| {});
            assert!(evicted);
            local.effects.clear();
        }
    }
    world.end();
    f64::from(hits as u32) / f64::from(counted)
}

#[test]
fn s3fifo_holds_popular_keys_against_scans() {
    for scans in [false, true] {
        let random = hit_rate(Policy::Random { volatile: false }, 1000, scans);
        let lru = hit_rate(Policy::Lru { volatile: false }, 1000, scans);
        let s3 = hit_rate(Policy::S3Fifo, 1000, scans);
        eprintln!("hit rates, scans {scans}: random {random:.3}, lru {lru:.3}, s3fifo {s3:.3}");
        assert!(s3 > random + 0.03, "s3fifo {s3:.3}, random {random:.3}");
        assert!(s3 > lru - 0.01, "s3fifo {s3:.3}, lru {lru:.3}");
        assert!(lru > random, "lru {lru:.3}, random {random:.3}");
    }
}

#[test]
fn relocation_passes_over_all_shards_and_loses_nothing() {
    let mut world = World::new(13, 3, 2);
    for i in 0..20_000 {
        let value = Plain::Bytes(vec![i as u8; 100]);
        world.set((i % 2) as u16, format!("{i}").as_bytes(), value, Ttl::Clear);
    }
    for i in (0..20_000).filter(|i| i % 10 != 0) {
        world.delete((i % 2) as u16, format!("{i}").as_bytes());
    }
    let mut relocation = Relocation::default();
    let sparse = |world: &World| {
        let mut sparse = 0;
        for n in 0..world.keyspace.shard_count() {
            let shard = world.keyspace.shard(n).lock_blocking();
            for db in 0..shard.databases() {
                let Some(table) = shard.table(db) else { continue };
                table.scan(0, usize::MAX, |e| sparse += usize::from(world.local.heap.wants_relocation(e)));
            }
        }
        sparse
    };
    let before = sparse(&world);
    assert!(before > 1000, "{before} entries in sparse pages");
    let mut calls = 0;
    while !relocation.run(world.keyspace, &mut world.local, 100) {
        calls += 1;
    }
    assert!(calls > 2, "a call keeps to its budget");
    let after = sparse(&world);
    assert!(after * 10 < before, "{after} of {before} entries are left in sparse pages");
    world.check();
    world.end();
}
