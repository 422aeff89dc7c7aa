//! Wakers: how one thread ends another's wait, see eventfd(2).
//!
//! The owner adds its waker to its poller with `add_listener`. Senders put a message into the owner's mailbox
//! and call [`Waker::wake`]; the owner, told that the waker is readable, calls [`Waker::drain`] and only then
//! looks into the mailbox. Waking a thread that has been woken and has not drained yet costs no system call.

use crate::check;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A counter descriptor that becomes readable when woken. Clones wake the same one.
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fd: OwnedFd,
    woken: AtomicBool,
}

impl Waker {
    /// Makes a waker; fails when the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: just created, owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Waker { shared: Arc::new(Shared { fd, woken: AtomicBool::new(false) }) })
    }

    /// Makes the descriptor readable. What the caller wrote before is visible to the owner after its next
    /// [`Waker::drain`].
    pub fn wake(&self) {
        if !self.shared.woken.swap(true, Ordering::AcqRel) {
            signal(self.shared.fd.as_raw_fd());
        }
    }

    /// Makes the descriptor unreadable again. Returns whether anybody had called [`Waker::wake`].
    pub fn drain(&self) -> bool {
        let mut count = 0u64;
        // SAFETY: `count` is writable for the 8 bytes an eventfd gives.
        unsafe { libc::read(self.shared.fd.as_raw_fd(), std::ptr::from_mut(&mut count).cast(), 8) };
        // After the read: a wake between the two sees `true`, writes nothing, and its message is found by the
        // look into the mailbox that follows. The other order would leave `true` over an emptied descriptor.
        self.shared.woken.swap(false, Ordering::AcqRel)
    }

    /// The number of the descriptor, for a signal handler to write to.
    pub(crate) fn raw(&self) -> RawFd {
        self.shared.fd.as_raw_fd()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.fd.as_fd()
    }
}

/// Adds one to an eventfd. Safe in a signal handler.
pub(crate) fn signal(fd: RawFd) {
    let one = 1u64;
    // SAFETY: `one` is readable for 8 bytes. A full counter (EAGAIN) is readable already.
    unsafe { libc::write(fd, std::ptr::from_ref(&one).cast(), 8) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::{Poller, PollerKind, open};
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::time::Duration;

    #[test]
    fn waking_makes_it_readable_until_drained() {
        let waker = Waker::new().unwrap();
        let mut poller = open(PollerKind::Epoll).unwrap();
        poller.add_listener(waker.as_fd(), 9).unwrap();
        let mut events = Vec::new();
        poller.wait(Some(Duration::ZERO), &mut events).unwrap();
        assert!(events.is_empty());
        waker.wake();
        waker.clone().wake();
        poller.wait(None, &mut events).unwrap();
        assert!(events[0].readable && events[0].token == 9);
        assert!(waker.drain());
        assert!(!waker.drain());
        poller.wait(Some(Duration::ZERO), &mut events).unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn no_message_is_lost_between_senders_and_a_draining_owner() {
        for kind in [PollerKind::Epoll, PollerKind::Auto] {
            let waker = Waker::new().unwrap();
            let mailbox = Mutex::new(VecDeque::new());
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for number in 0..2_000u32 {
                            mailbox.lock().unwrap().push_back(number);
                            waker.wake();
                        }
                    });
                }
                let mut poller = open(kind).unwrap();
                poller.add_listener(waker.as_fd(), 1).unwrap();
                let (mut events, mut received) = (Vec::new(), 0);
                while received < 6_000 {
                    poller.wait(Some(Duration::from_secs(10)), &mut events).unwrap();
                    assert!(!events.is_empty(), "a wake-up was lost after {received} messages");
                    waker.drain();
                    received += mailbox.lock().unwrap().drain(..).count();
                }
            });
        }
    }
}
