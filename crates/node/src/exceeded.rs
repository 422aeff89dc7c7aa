//! How long memory was above `maxmemory` while eviction could not bring it down.

use std::sync::atomic::{AtomicU64, Ordering};

/// Times on the monotonic clock; the threads share them and write only when the state changes.
#[derive(Default)]
pub struct Exceeded {
    /// When it began, ns; 0 while memory is not above the limit.
    since_ns: AtomicU64,
    /// All times that are over, ns.
    past_ns: AtomicU64,
}

impl Exceeded {
    /// Takes in whether memory is above the limit. `now_ns` is asked only when that is new.
    #[inline]
    pub fn note(&self, is_exceeded: bool, now_ns: impl FnOnce() -> u64) {
        let since_ns = self.since_ns.load(Ordering::Relaxed);
        if is_exceeded == (since_ns != 0) {
            return;
        }
        let now_ns = now_ns().max(1);
        if is_exceeded {
            let _ = self.since_ns.compare_exchange(0, now_ns, Ordering::Relaxed, Ordering::Relaxed);
        } else if self.since_ns.compare_exchange(since_ns, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.past_ns.fetch_add(now_ns.saturating_sub(since_ns), Ordering::Relaxed);
        }
    }

    /// The present time above the limit, ns; 0 when memory is below it.
    pub fn current_ns(&self, now_ns: u64) -> u64 {
        match self.since_ns.load(Ordering::Relaxed) {
            0 => 0,
            since_ns => now_ns.saturating_sub(since_ns),
        }
    }

    /// All of it up to now, ns.
    pub fn total_ns(&self, now_ns: u64) -> u64 {
        self.past_ns.load(Ordering::Relaxed) + self.current_ns(now_ns)
    }

    /// Forgets what is over, and counts what goes on from now.
    pub fn reset(&self, now_ns: u64) {
        self.past_ns.store(0, Ordering::Relaxed);
        if self.since_ns.load(Ordering::Relaxed) != 0 {
            self.since_ns.store(now_ns.max(1), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_above_the_limit_counts() {
        let exceeded = Exceeded::default();
        exceeded.note(false, || panic!("nothing is new"));
        exceeded.note(true, || 100);
        exceeded.note(true, || panic!("nothing is new"));
        assert_eq!((exceeded.current_ns(150), exceeded.total_ns(150)), (50, 50));
        exceeded.note(false, || 300);
        exceeded.note(true, || 1000);
        assert_eq!((exceeded.current_ns(1010), exceeded.total_ns(1010)), (10, 210));
        exceeded.reset(1020);
        assert_eq!((exceeded.current_ns(1025), exceeded.total_ns(1025)), (5, 5));
    }
}
