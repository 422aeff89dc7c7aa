//! `CLIENT PAUSE`: commands of all clients are held back for a time, and nothing expires or is evicted meanwhile.
//!
//! Set under the gate, so that no command of any thread is under way that should be held. Its end is noticed by
//! whoever looks next.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use commands::facts::Flags;

use crate::registry::Command;

/// What is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paused {
    /// Nothing.
    No = 0,
    /// Commands that may change something here or on a replica.
    Writes = 1,
    /// Every command.
    All = 2,
}

impl Paused {
    /// Whether a command is held back.
    pub fn holds(self, command: &Command) -> bool {
        match self {
            Paused::No => false,
            Paused::Writes => command.has(Flags::WRITE) || command.has(Flags::MAY_REPLICATE),
            Paused::All => true,
        }
    }
}

/// The pause in force.
#[derive(Default)]
pub struct Pause {
    paused: AtomicU8,
    until_ms: AtomicI64,
}

impl Pause {
    /// What is held back at `now_ms`.
    #[inline]
    pub fn at(&self, now_ms: i64) -> Paused {
        match self.paused.load(Ordering::Relaxed) {
            0 => Paused::No,
            _ if self.until_ms.load(Ordering::Relaxed) <= now_ms => Paused::No,
            1 => Paused::Writes,
            _ => Paused::All,
        }
    }

    /// When it ends, Unix ms.
    pub fn until_ms(&self) -> i64 {
        self.until_ms.load(Ordering::Relaxed)
    }

    /// Pauses. A pause in force is never shortened, nor made to hold less. Under the gate.
    pub fn begin(&self, paused: Paused, until_ms: i64, now_ms: i64) {
        let before = self.at(now_ms);
        if before != Paused::No {
            self.until_ms.fetch_max(until_ms, Ordering::Relaxed);
        } else {
            self.until_ms.store(until_ms, Ordering::Relaxed);
        }
        self.paused.store(paused.max(before) as u8, Ordering::Relaxed);
    }

    /// Ends the pause. Under the gate.
    pub fn end(&self) {
        self.paused.store(Paused::No as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_combine_to_the_longer_and_the_stricter() {
        let pause = Pause::default();
        assert_eq!(pause.at(0), Paused::No);
        pause.begin(Paused::All, 100, 0);
        pause.begin(Paused::Writes, 200, 50);
        assert_eq!((pause.at(150), pause.until_ms()), (Paused::All, 200));
        pause.begin(Paused::Writes, 160, 150);
        assert_eq!((pause.at(199), pause.at(200)), (Paused::All, Paused::No));
        pause.begin(Paused::Writes, 300, 210);
        assert_eq!(pause.at(299), Paused::Writes, "one that is over counts no more");
        pause.end();
        assert_eq!(pause.at(299), Paused::No);
    }
}
