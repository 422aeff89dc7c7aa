//! The thread that deals with the kernel about memory, so that threads which serve requests need not: it gets huge pages
//! ready before they are needed, makes them of small ones, and gives back what was left.
//!
//! The first touch of a huge page and the return of free pages take from 0.3 to many milliseconds each. On an I/O thread
//! every client would wait for them. Joining small pages makes those wait who touch them meanwhile: it is done when
//! there is no demand for memory, and, where it takes longer than [`JOIN_UNNOTICED`], only in idle times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::alloc::Ahead;
use crate::pages::{PAGES, Scratch, join_small};

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
    /// Who touches huge pages first; none where it could not be started.
    warmer: Option<Warmer>,
}

impl Keeper {
    /// Gets ready what was asked for. Whether there was demand.
    fn prepare(&mut self) -> bool {
        let warmer = self.warmer.as_ref();
        PAGES.prepare(|| warm(warmer));
        if !self.ahead.is_asked() {
            return false;
        }
        // The heap may grow into the granule meanwhile, and whoever touches it first would clear it himself.
        warm(warmer);
        self.ahead.prepare()
    }

    /// Makes one huge page of small ones. `false` when there is nothing to do now.
    fn join_one(&mut self) -> bool {
        if self.join_took > JOIN_UNNOTICED && !IDLE.load(Ordering::Relaxed) {
            return false;
        }
        let small = self.ahead.take_small().or_else(|| PAGES.take_small().map(|granule| granule.as_ptr()));
        let Some(granule) = small else { return false };
        warm(self.warmer.as_ref());
        let began = Instant::now();
        join_small(granule);
        self.join_took = began.elapsed();
        true
    }
}

/// Sees to it that the next huge page comes from memory that the machine has at hand.
fn warm(warmer: Option<&Warmer>) {
    if let Some(warmer) = warmer {
        warmer.warm();
    }
}

/// A thread that makes first touches of huge pages. It runs where a processor has nothing else to do, so it may be kept off
/// for long; meanwhile it holds nothing that anyone else needs.
struct Warmer {
    thread: Thread,
    shared: Arc<Touches>,
}

struct Touches {
    scratch: Scratch,
    keeper: Thread,
    asked: AtomicBool,
}

impl Warmer {
    /// Starts the thread; the calling one is who will ask.
    fn start() -> std::io::Result<Warmer> {
        let shared = Arc::new(Touches {
            scratch: Scratch::new()?,
            keeper: std::thread::current(),
            asked: AtomicBool::new(false),
        });
        let touches = Arc::clone(&shared);
        let handle = std::thread::Builder::new().name("brasa-warmer".into()).spawn(move || {
            crate::thread::give_way();
            loop {
                while !touches.asked.load(Ordering::Acquire) {
                    std::thread::park();
                }
                touches.scratch.touch();
                touches.asked.store(false, Ordering::Release);
                touches.keeper.unpark();
            }
        })?;
        Ok(Warmer { thread: handle.thread().clone(), shared })
    }

    /// Has a huge page touched, and lets it go for whoever takes one next.
    fn warm(&self) {
        self.shared.asked.store(true, Ordering::Release);
        self.thread.unpark();
        while self.shared.asked.load(Ordering::Acquire) {
            std::thread::park();
        }
        self.shared.scratch.give_back();
    }
}

fn run() {
    // It may share a processor with an I/O thread, and others may wait for what it holds: so it is never in their way when
    // it wakes up, and never kept off once it runs.
    crate::thread::batch();
    let mut keeper = Keeper { warmer: Warmer::start().ok(), ..Keeper::default() };
    let mut calm_since = Instant::now();
    let mut pause = CALM;
    loop {
        std::thread::park_timeout(pause);
        pause = CALM;
        let taken = PAGES.granules_taken();
        if keeper.prepare() || taken != keeper.taken {
            keeper.taken = taken;
            calm_since = Instant::now();
            // More may have been asked for while this was got ready.
            pause = Duration::ZERO;
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
