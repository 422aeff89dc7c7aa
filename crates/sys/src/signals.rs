//! Signals as events: a handler notes which came and wakes the main loop, which asks [`take`].
//!
//! Nothing else happens inside a handler, so nothing that is not allowed there can.

use crate::check;
use crate::eventfd::{self, Waker};
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// Asks to end: `kill`.
pub const SIGTERM: i32 = libc::SIGTERM;
/// Asks to end: Ctrl-C.
pub const SIGINT: i32 = libc::SIGINT;
/// The terminal went away.
pub const SIGHUP: i32 = libc::SIGHUP;
/// A write to a connection nobody reads.
pub const SIGPIPE: i32 = libc::SIGPIPE;
/// For the program's own use.
pub const SIGUSR1: i32 = libc::SIGUSR1;
/// For the program's own use.
pub const SIGUSR2: i32 = libc::SIGUSR2;
/// A child ended.
pub const SIGCHLD: i32 = libc::SIGCHLD;
/// Ends a child at once.
pub const SIGKILL: i32 = libc::SIGKILL;

/// Bit `n` is signal `n`.
static PENDING: AtomicU64 = AtomicU64::new(0);
static SEEN: AtomicU64 = AtomicU64::new(0);
static EXIT_ON_REPEAT: AtomicU64 = AtomicU64::new(0);
static WAKER_FD: AtomicI32 = AtomicI32::new(-1);

/// A set of signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(u64);

impl SignalSet {
    /// Whether the signal is in the set.
    pub fn contains(self, signal: i32) -> bool {
        bit(signal) & self.0 != 0
    }

    /// Whether no signal is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn bit(signal: i32) -> u64 {
    if (1..64).contains(&signal) { 1 << signal } else { 0 }
}

/// From now on these signals wake `waker` and wait for [`take`] instead of ending the process. The last waker
/// given is the one woken.
pub fn handle(signals: &[i32], waker: &Waker) -> io::Result<()> {
    // A handler may run as long as the process does, so the descriptor must stay open that long.
    std::mem::forget(waker.clone());
    WAKER_FD.store(waker.raw(), Ordering::Release);
    for &signal in signals {
        set_action(signal, note as *const () as libc::sighandler_t)?;
    }
    Ok(())
}

/// Ends the process at once, with code 1, when `signal` comes a second time: for a user who presses Ctrl-C again
/// because an orderly shutdown takes too long. Only for signals given to [`handle`].
pub fn exit_on_repeat(signal: i32) {
    EXIT_ON_REPEAT.fetch_or(bit(signal), Ordering::AcqRel);
}

/// Lets these signals pass without effect.
pub fn ignore(signals: &[i32]) -> io::Result<()> {
    signals.iter().try_for_each(|signal| set_action(*signal, libc::SIG_IGN))
}

/// The signals that came since the last call.
pub fn take() -> SignalSet {
    SignalSet(PENDING.swap(0, Ordering::AcqRel))
}

/// Keeps these signals away from the calling thread and the threads it starts, so that an I/O thread's waits are
/// not cut short; another thread receives them.
pub fn block_in_thread(signals: &[i32]) -> io::Result<()> {
    // SAFETY: all-zero is a valid place for sigemptyset to initialize.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is writable.
    unsafe { libc::sigemptyset(&mut set) };
    for &signal in signals {
        // SAFETY: `set` was initialized; a number that is no signal is refused.
        check(unsafe { libc::sigaddset(&mut set, signal) })?;
    }
    // SAFETY: `set` is readable; the old mask is not asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) } {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// Sends a signal to this process.
pub fn raise(signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::kill(libc::getpid(), signal) })?;
    Ok(())
}

fn set_action(signal: i32, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: all-zero is a valid sigaction with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is readable; the handler does only what is allowed in one.
    check(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) })?;
    Ok(())
}

/// The handler: atomics and one write, both allowed here.
extern "C" fn note(signal: libc::c_int) {
    let bit = bit(signal);
    let seen = SEEN.fetch_or(bit, Ordering::AcqRel);
    if seen & bit & EXIT_ON_REPEAT.load(Ordering::Acquire) != 0 {
        // SAFETY: allowed in a handler; does not return.
        unsafe { libc::_exit(1) };
    }
    PENDING.fetch_or(bit, Ordering::AcqRel);
    // SAFETY: the place of the calling thread's errno, which the write must not change under interrupted code.
    let errno = unsafe { &mut *libc::__errno_location() };
    let saved = *errno;
    eventfd::signal(WAKER_FD.load(Ordering::Acquire));
    *errno = saved;
}
