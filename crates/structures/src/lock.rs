//! The shard lock: a mutex that is tried, never waited for.
//!
//! A thread that finds a shard busy parks the *connection* and goes on with others: it leaves its number in the
//! lock's waiter set, and the holder wakes the waiters' event loops when it lets go. Nothing here blocks a thread.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

const LOCKED: u32 = 1;
const WAITED_FOR: u32 = 2;
/// Threads share bits of the waiter set beyond this many.
pub const WAITER_BITS: u32 = 32;

/// Called with the set of waiting threads (bit = thread number modulo 32) when a lock with waiters is released.
pub type Wake = Box<dyn Fn(u32) + Send + Sync>;
static WAKE: OnceLock<Wake> = OnceLock::new();

/// Says how threads are woken. The first call counts; without one, waiters are not told (tests poll).
pub fn on_release(wake: Wake) {
    let _ = WAKE.set(wake);
}

/// Nobody has used a lock yet: the mode is open.
const MODE_OPEN: usize = 0;
/// Any thread may take locks, with atomic operations.
const MODE_SHARED: usize = 1;
/// The mode of all locks of the process, decided once: [`MODE_SHARED`], or the one thread that may take locks.
#[cfg(not(loom))]
static MODE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(MODE_OPEN);

/// A number of the calling thread that no other living thread has.
#[cfg(not(loom))]
#[inline(always)]
fn thread_token() -> usize {
    thread_local! { static TOKEN: u64 = const { 0 } }
    TOKEN.with(|token| std::ptr::from_ref(token).addr())
}

/// Makes the calling thread the only one of this process that can take locks: for a node with one I/O thread, whose
/// locks then cost no atomic read-modify-write (each of which would hold up the loads around it). Other threads find
/// every lock busy from now on. Works once, before any lock was taken; returns whether it did.
#[cfg(not(loom))]
pub fn become_sole_owner() -> bool {
    MODE.compare_exchange(MODE_OPEN, thread_token(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// The lock's word and waiter set, apart from what it guards so that it can be model-checked.
pub struct RawLock {
    state: AtomicU32,
    waiters: AtomicU32,
}

/// What became of an attempt to wait.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Waiting {
    /// The holder will wake this thread.
    Registered,
    /// The lock came free meanwhile: try again.
    Retry,
}

impl RawLock {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        RawLock { state: AtomicU32::new(0), waiters: AtomicU32::new(0) }
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        RawLock { state: AtomicU32::new(0), waiters: AtomicU32::new(0) }
    }

    /// Takes the lock if it is free.
    #[inline(always)]
    pub fn try_acquire(&self) -> bool {
        #[cfg(not(loom))]
        {
            let mode = MODE.load(Ordering::Relaxed);
            if mode != MODE_SHARED {
                if mode == MODE_OPEN {
                    // First use: shared, unless a sole owner comes first at this very moment.
                    let _ =
                        MODE.compare_exchange(MODE_OPEN, MODE_SHARED, Ordering::AcqRel, Ordering::Relaxed);
                    return self.try_acquire();
                }
                // Only the owner gets past here, so load and store need not be one operation.
                if mode != thread_token() || self.state.load(Ordering::Relaxed) != 0 {
                    return false;
                }
                self.state.store(LOCKED, Ordering::Relaxed);
                return true;
            }
        }
        self.state.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Asks for `thread` to be woken at the release.
    pub fn wait(&self, thread: u32) -> Waiting {
        #[cfg(not(loom))]
        if MODE.load(Ordering::Relaxed) != MODE_SHARED {
            // A sole owner never waits for itself, and tells nobody else.
            return Waiting::Retry;
        }
        self.waiters.fetch_or(1 << (thread % WAITER_BITS), Ordering::Relaxed);
        // From here on a release sees the bit, if it sees WAITED_FOR.
        match self.state.compare_exchange(LOCKED, LOCKED | WAITED_FOR, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Waiting::Registered,
            Err(state) if state == LOCKED | WAITED_FOR => {
                // Someone else had marked it; the mark may be consumed before our bit was set only if the lock was
                // released, which the second look tells.
                match self.state.compare_exchange(state, state, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => Waiting::Registered,
                    Err(_) => Waiting::Retry,
                }
            }
            Err(_) => Waiting::Retry,
        }
    }

    /// Lets go; returns the set of threads to wake.
    #[inline(always)]
    pub fn release(&self) -> u32 {
        #[cfg(not(loom))]
        if MODE.load(Ordering::Relaxed) != MODE_SHARED {
            // The sole owner lets go of its own lock; nobody can be waiting for it.
            self.state.store(0, Ordering::Relaxed);
            return 0;
        }
        if self.state.swap(0, Ordering::AcqRel) & WAITED_FOR == 0 {
            return 0;
        }
        self.waiters.swap(0, Ordering::AcqRel)
    }
}

impl Default for RawLock {
    fn default() -> Self {
        Self::new()
    }
}

/// Data behind a [`RawLock`], on the same cache line as far as it fits.
#[repr(C)]
pub struct TryMutex<T> {
    lock: RawLock,
    data: UnsafeCell<T>,
}

// SAFETY: the lock gives exclusive access to one thread at a time, so sharing it needs only that T may move.
unsafe impl<T: Send> Sync for TryMutex<T> {}
// SAFETY: owning the mutex is owning T.
unsafe impl<T: Send> Send for TryMutex<T> {}

/// Exclusive access to what a [`TryMutex`] guards.
pub struct Guard<'a, T> {
    mutex: &'a TryMutex<T>,
}

impl<T> TryMutex<T> {
    /// Data behind a free lock.
    pub fn new(data: T) -> Self {
        TryMutex { lock: RawLock::new(), data: UnsafeCell::new(data) }
    }

    /// The data, if the lock is free.
    #[inline(always)]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.lock.try_acquire().then(|| Guard { mutex: self })
    }

    /// Tries for about a microsecond.
    #[inline(always)]
    pub fn spin_lock(&self) -> Option<Guard<'_, T>> {
        if let Some(guard) = self.try_lock() {
            return Some(guard);
        }
        self.spin_lock_slow()
    }

    #[cold]
    fn spin_lock_slow(&self) -> Option<Guard<'_, T>> {
        for _ in 0..40 {
            std::hint::spin_loop();
            if let Some(guard) = self.try_lock() {
                return Some(guard);
            }
        }
        None
    }

    /// Waits for the lock, yielding the processor. For start-up, background work and tests only: event loops park.
    pub fn lock_blocking(&self) -> Guard<'_, T> {
        loop {
            if let Some(guard) = self.spin_lock() {
                return guard;
            }
            std::thread::yield_now();
        }
    }

    /// Asks for `thread` to be woken when the holder lets go.
    pub fn wait(&self, thread: u32) -> Waiting {
        self.lock.wait(thread)
    }

    /// The data, through exclusive access to the mutex itself.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Address of the data, to prefetch.
    #[inline(always)]
    pub fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock and is borrowed mutably.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let waiters = self.mutex.lock.release();
        if waiters != 0
            && let Some(wake) = WAKE.get()
        {
            wake(waiters);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn waiters_are_reported_once_to_the_releaser() {
        let lock = RawLock::new();
        assert!(lock.try_acquire());
        assert!(!lock.try_acquire());
        assert_eq!(lock.wait(3), Waiting::Registered);
        assert_eq!(lock.wait(35), Waiting::Registered);
        assert_eq!(lock.release(), 1 << 3);
        assert_eq!(lock.wait(1), Waiting::Retry);
        assert!(lock.try_acquire());
        assert_eq!(lock.release(), 0, "a stale bit without the mark wakes nobody");
    }

    #[test]
    fn counts_under_contention() {
        let mutex = std::sync::Arc::new(TryMutex::new(0u64));
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..50_000 {
                        *mutex.lock_blocking() += 1;
                    }
                });
            }
        });
        assert_eq!(*mutex.lock_blocking(), 200_000);
    }
}

/// Every interleaving, `RUSTFLAGS="--cfg loom" cargo test -p structures --lib --release lock`.
#[cfg(all(test, loom))]
mod model {
    use loom::cell::UnsafeCell;
    use loom::sync::{Arc, Notify};
    use loom::thread;

    use super::*;

    /// The lock, what it guards, and each thread's wake-up (kept until taken, as an eventfd's).
    struct World {
        lock: RawLock,
        guarded: UnsafeCell<u32>,
        woken: Vec<Notify>,
    }

    impl World {
        fn new(threads: usize) -> Arc<World> {
            let woken = (0..threads).map(|_| Notify::new()).collect();
            Arc::new(World { lock: RawLock::new(), guarded: UnsafeCell::new(0), woken })
        }

        /// Lets go and wakes whom the release names.
        fn release(&self) {
            let named = self.lock.release();
            for (thread, woken) in self.woken.iter().enumerate() {
                if named & (1 << thread) != 0 {
                    woken.notify();
                }
            }
        }

        /// One unit of work as an event loop does it: tries, parks when registered, and only then waits. A wake-up
        /// that nobody sends is a deadlock, which the model reports.
        fn work(&self, thread: usize) {
            loop {
                if self.lock.try_acquire() {
                    // SAFETY: the lock is held; the model checks that nobody else is here.
                    self.guarded.with_mut(|n| unsafe { *n += 1 });
                    return self.release();
                }
                match self.lock.wait(thread as u32) {
                    Waiting::Registered => self.woken[thread].wait(),
                    Waiting::Retry => thread::yield_now(),
                }
            }
        }
    }

    fn check(threads: usize, preemptions: Option<usize>) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = preemptions;
        model.check(move || {
            let world = World::new(threads);
            let others: Vec<_> = (1..threads)
                .map(|thread| {
                    let world = world.clone();
                    thread::spawn(move || world.work(thread))
                })
                .collect();
            world.work(0);
            for other in others {
                other.join().expect("no thread failed");
            }
            // SAFETY: all threads have ended.
            world.guarded.with(|n| assert_eq!(unsafe { *n }, threads as u32));
        });
    }

    #[test]
    fn one_waiter_is_always_woken() {
        check(2, None);
    }

    #[test]
    fn two_waiters_and_releases_between_lose_nobody() {
        check(3, Some(3));
    }
}
