//! The thread that deals with the kernel about memory, so that threads which serve requests need not: it gets huge pages
//! ready before they are needed, makes them of small ones, and gives back what was left.
//!
//! The first touch of a huge page and the return of free pages take from 0.3 to many milliseconds each. On an I/O thread
//! every client would wait for them. Joining small pages makes those wait who touch them meanwhile: it is done when
//! there is no demand for memory, and, where it takes longer than [`JOIN_UNNOTICED`], only in idle times.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::alloc::Ahead;
use crate::pages::{PAGES, join_small};

/// How long there must be no demand until what is ready is let go and small pages are joined.
const CALM: Duration = Duration::from_millis(500);
/// Time between two joins.
const JOIN_EVERY: Duration = Duration::from_millis(10);
/// A join this short may be done at any time.
const JOIN_UNNOTICED: Duration = Duration::from_micros(500);

static KEEPER: OnceLock<Thread> = OnceLock::new();
static PURGE: AtomicBool = AtomicBool::new(false);
static IDLE: AtomicBool = AtomicBool::new(true);

/// Starts the thread, once for the process. It lives as long as the process.
pub fn start() -> std::io::Result<()> {
    let handle = std::thread::Builder::new().name("brasa-memory".into()).spawn(run)?;
    // A second one would find nothing to do.
    let _ = KEEPER.set(handle.thread().clone());
    Ok(())
}

/// Says that memory may be needed soon. A system call at most; without a keeper, nothing.
pub(crate) fn wake() {
    if let Some(keeper) = KEEPER.get() {
        keeper.unpark();
    }
}

/// Asks for free memory of the slab and of the heap to be given back to the kernel. Returns at once.
pub fn purge_soon() {
    PURGE.store(true, Ordering::Relaxed);
    wake();
}

/// Says whether there is next to no traffic, so that a wait of some milliseconds now and then does not matter.
pub fn set_idle(idle: bool) {
    IDLE.store(idle, Ordering::Relaxed);
}

/// Between two calls into the kernel: whoever waits for this processor gets it now and not at the end of the time slice.
pub(crate) fn breathe() {
    std::thread::yield_now();
}

/// What the thread knows.
#[derive(Default)]
struct Keeper {
    ahead: Ahead,
    /// Granules that the slab had taken when it was last looked at.
    taken: u64,
    /// How long the last join took.
    join_took: Duration,
}

impl Keeper {
    /// Gets ready what was asked for. Whether there was demand.
    fn prepare(&mut self) -> bool {
        PAGES.prepare();
        self.ahead.prepare()
    }

    /// Makes one huge page of small ones. `false` when there is nothing to do now.
    fn join_one(&mut self) -> bool {
        if self.join_took > JOIN_UNNOTICED && !IDLE.load(Ordering::Relaxed) {
            return false;
        }
        let small = self.ahead.take_small().or_else(|| PAGES.take_small().map(|granule| granule.as_ptr()));
        let Some(granule) = small else { return false };
        let began = Instant::now();
        join_small(granule);
        self.join_took = began.elapsed();
        true
    }
}

fn run() {
    // It may share a processor with an I/O thread.
    crate::thread::give_way();
    let mut keeper = Keeper::default();
    let mut calm_since = Instant::now();
    let mut pause = CALM;
    loop {
        std::thread::park_timeout(pause);
        pause = CALM;
        let taken = PAGES.granules_taken();
        if keeper.prepare() || taken != keeper.taken {
            keeper.taken = taken;
            calm_since = Instant::now();
        } else if calm_since.elapsed() >= CALM {
            PAGES.relax(taken);
            if keeper.join_one() {
                pause = JOIN_EVERY;
            }
        }
        if PURGE.swap(false, Ordering::Relaxed) {
            PAGES.purge();
            crate::alloc::purge();
        }
    }
}
