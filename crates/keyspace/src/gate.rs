//! The gate: one thread runs a global command while all others stand between batches.
//!
//! A thread runs commands only inside a batch, which it announces by its flag; whoever takes the gate raises
//! `exclusive` and waits until every other flag is down. Batches last microseconds, so does the wait. The price for
//! everybody else is one fence per batch.

#[cfg(loom)]
use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering, fence},
};
#[cfg(not(loom))]
use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering, fence},
};

#[repr(align(64))]
struct Flag(AtomicBool);

/// Shared by all threads that run commands.
pub struct Gate {
    exclusive: AtomicBool,
    running: Box<[Flag]>,
    owner: Mutex<()>,
}

/// The gate is held; dropped, it opens and the thread is inside its batch again.
pub struct GateGuard<'a> {
    gate: &'a Gate,
    thread: usize,
    owner: Option<MutexGuard<'a, ()>>,
}

impl Gate {
    /// A gate for `threads` threads, numbered from 0.
    pub fn new(threads: usize) -> Self {
        Gate {
            exclusive: AtomicBool::new(false),
            running: (0..threads).map(|_| Flag(AtomicBool::new(false))).collect(),
            owner: Mutex::new(()),
        }
    }

    /// Begins a batch; waits while another thread holds the gate.
    #[inline]
    pub fn enter(&self, thread: usize) {
        loop {
            self.running[thread].0.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if !self.exclusive.load(Ordering::Acquire) {
                return;
            }
            self.running[thread].0.store(false, Ordering::Release);
            drop(self.owner.lock().unwrap_or_else(|e| e.into_inner()));
        }
    }

    /// Begins a batch if no other thread holds the gate at this moment.
    #[inline]
    pub fn try_enter(&self, thread: usize) -> bool {
        self.running[thread].0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !self.exclusive.load(Ordering::Acquire) {
            return true;
        }
        self.running[thread].0.store(false, Ordering::Release);
        false
    }

    /// Ends a batch. No shard is locked any more.
    #[inline]
    pub fn leave(&self, thread: usize) {
        self.running[thread].0.store(false, Ordering::Release);
    }

    /// Takes the gate from inside a batch of `thread`, which holds no shard.
    pub fn take(&self, thread: usize) -> GateGuard<'_> {
        self.leave(thread);
        let owner = self.owner.lock().unwrap_or_else(|e| e.into_inner());
        self.exclusive.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        for (number, flag) in self.running.iter().enumerate() {
            #[cfg(not(loom))]
            let mut spins = 0u32;
            while number != thread && flag.0.load(Ordering::Acquire) {
                #[cfg(loom)]
                loom::thread::yield_now();
                #[cfg(not(loom))]
                if spins < 200 {
                    spins += 1;
                    std::hint::spin_loop();
                } else {
                    std::thread::yield_now();
                }
            }
        }
        GateGuard { gate: self, thread, owner: Some(owner) }
    }
}

impl Drop for GateGuard<'_> {
    fn drop(&mut self) {
        self.gate.exclusive.store(false, Ordering::Release);
        self.owner = None;
        self.gate.enter(self.thread);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn nobody_runs_beside_the_gate() {
        let gate = Gate::new(3);
        // Two halves that only a gate holder may see differ.
        let (a, b) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|s| {
            for thread in 0..3 {
                let (gate, a, b) = (&gate, &a, &b);
                s.spawn(move || {
                    for i in 0..3000 {
                        gate.enter(thread);
                        assert_eq!(a.load(Ordering::Relaxed), b.load(Ordering::Relaxed));
                        if i % 7 == 0 {
                            let held = gate.take(thread);
                            a.fetch_add(1, Ordering::Relaxed);
                            std::hint::spin_loop();
                            b.fetch_add(1, Ordering::Relaxed);
                            drop(held);
                        }
                        gate.leave(thread);
                    }
                });
            }
        });
        assert_eq!(a.load(Ordering::Relaxed), 3 * 3000u64.div_ceil(7));
    }
}

/// Every interleaving, `RUSTFLAGS="--cfg loom" cargo test -p keyspace --lib --release gate`.
#[cfg(all(test, loom))]
mod model {
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32;
    use loom::thread;

    use super::*;

    /// A counter per thread that its batches raise, and a gate holder all of them. The counters bring no order of
    /// their own: two at a time, or one that does not see the other's work, lose a count.
    struct World {
        gate: Gate,
        counters: Vec<AtomicU32>,
    }

    fn raise(counter: &AtomicU32) {
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    impl World {
        fn batch(&self, thread: usize) {
            self.gate.enter(thread);
            raise(&self.counters[thread]);
            self.gate.leave(thread);
        }

        fn global(&self, thread: usize) {
            self.gate.enter(thread);
            let held = self.gate.take(thread);
            self.counters.iter().for_each(raise);
            drop(held);
            self.gate.leave(thread);
        }
    }

    fn check(preemptions: usize, batches: u32, takers: u32) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(preemptions);
        model.check(move || {
            let roles: Vec<fn(&World, usize)> = (0..batches)
                .map(|_| World::batch as fn(&World, usize))
                .chain((0..takers).map(|_| World::global as fn(&World, usize)))
                .collect();
            let counters = roles.iter().map(|_| AtomicU32::new(0)).collect();
            let world = Arc::new(World { gate: Gate::new(roles.len()), counters });
            let others: Vec<_> = (1..roles.len())
                .map(|thread| {
                    let (world, role) = (world.clone(), roles[thread]);
                    thread::spawn(move || role(&world, thread))
                })
                .collect();
            roles[0](&world, 0);
            for other in others {
                other.join().expect("no thread failed");
            }
            for (thread, counter) in world.counters.iter().enumerate() {
                let own = u32::from(thread < batches as usize);
                assert_eq!(counter.load(Ordering::Relaxed), own + takers, "a count is lost");
            }
        });
    }

    #[test]
    fn a_batch_and_a_gate_holder_exclude_each_other() {
        check(4, 1, 1);
    }

    #[test]
    fn two_takers_do_not_wait_for_each_other() {
        check(3, 0, 2);
    }

    #[test]
    fn two_takers_beside_a_batch() {
        check(2, 1, 2);
    }
}
