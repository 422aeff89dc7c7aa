//! Readiness and byte transfer for a run-to-completion event loop: each I/O thread owns one poller.
//!
//! The interface is narrower than epoll and narrower than io_uring so that both serve it: reads and writes go
//! through the poller, which lets io_uring receive before it is asked and send everything of one loop turn with
//! the single system call inside [`Poller::wait`]. Reports are level-triggered in both: an event comes back
//! with every `wait` until its cause is gone, so a loop may read as little as it likes per turn.
//!
//! See epoll(7), io_uring(7), io_uring_prep_recv_multishot(3).

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::time::Duration;

pub mod epoll;
pub mod uring;

#[cfg(test)]
mod tests;

/// Chosen by the caller for one registered descriptor, handed back in its events: say a connection slot with its
/// generation. The poller never interprets it.
pub type Token = u64;

/// What one registered descriptor is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The token given when the descriptor was added.
    pub token: Token,
    /// `recv` (or `accept`, or a read of an eventfd) has something to say, the end of input included. Now and
    /// then the caller has taken it already and finds nothing.
    pub readable: bool,
    /// `send` takes bytes again; reported only while [`Poller::want_write`] is on.
    pub writable: bool,
    /// The peer closed its side or the connection failed. Input that came before may still wait in `recv`.
    pub closed: bool,
}

/// The answer of [`Poller::recv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// This many bytes were appended.
    Data(usize),
    /// Nothing now; an event follows when there is.
    WouldBlock,
    /// The peer sends no more.
    Eof,
}

/// One I/O thread's view of its descriptors.
///
/// A descriptor is added once, used with the token it was added with, removed, and closed by the caller after
/// the removal. Descriptors must be non-blocking.
pub trait Poller: Send {
    /// Registers a connected stream socket: from now on its input is reported.
    fn add(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()>;

    /// Registers a descriptor the caller reads and writes by itself: a listening socket (readable = `accept` can
    /// be called), an eventfd, or a socket still connecting (with [`Poller::want_write`]; when it is connected,
    /// remove it and `add` it).
    fn add_listener(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()>;

    /// Forgets the descriptor. Bytes taken by `send` still leave; input not yet fetched is dropped, and no later
    /// `wait` reports the token. A descriptor that is not registered is left alone. The kernel may hold the
    /// socket until the next `wait`, so a peer sees the close then.
    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token);

    /// Turns reports of `writable` on or off; off after `add`.
    fn want_write(&mut self, fd: BorrowedFd<'_>, token: Token, on: bool) -> io::Result<()>;

    /// Back-pressure: while paused no input is reported, and none is taken from the kernel beyond what was
    /// already on its way.
    fn pause_read(&mut self, fd: BorrowedFd<'_>, token: Token, paused: bool) -> io::Result<()>;

    /// Whether nothing of a connection is in the poller's or the kernel's hands for it: no input fetched ahead, no output
    /// taken and not sent. Then another poller can go on with it after [`Poller::remove`] and miss nothing. Comes about
    /// some time after [`Poller::pause_read`], unless the peer keeps sending or does not read.
    fn is_at_rest(&self, fd: BorrowedFd<'_>, token: Token) -> bool;

    /// Replaces `events` by what is ready, waiting at most `timeout` (`None`: for ever) if nothing is. Returns
    /// empty-handed when the time passed or a signal arrived. Every call must come from the same thread.
    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()>;

    /// Appends at most `max` bytes of input to `into`. When `into` has less than `max` spare capacity it may
    /// grow; the spare capacity is not zeroed first.
    fn recv(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        into: &mut Vec<u8>,
        max: usize,
    ) -> io::Result<Received>;

    /// Takes a prefix of `bytes` for sending, in order after all taken before, and returns its length. 0 means
    /// nothing fits now: ask for [`Poller::want_write`] and try again when told.
    fn send(&mut self, fd: BorrowedFd<'_>, token: Token, bytes: &[u8]) -> io::Result<usize>;

    /// As [`Poller::send`], for `parts` one after the other.
    fn send_vectored(&mut self, fd: BorrowedFd<'_>, token: Token, parts: &[IoSlice<'_>])
    -> io::Result<usize>;

    /// `epoll` or `io_uring`, as the log and `INFO` name it.
    fn name(&self) -> &'static str;
}

/// Which kernel interface to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PollerKind {
    /// io_uring where the kernel offers all of it that matters, otherwise epoll.
    #[default]
    Auto,
    /// epoll, on every kernel.
    Epoll,
    /// io_uring, or an error saying why not.
    IoUring,
}

impl std::str::FromStr for PollerKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(PollerKind::Auto),
            "epoll" => Ok(PollerKind::Epoll),
            "io_uring" => Ok(PollerKind::IoUring),
            _ => Err(format!("unknown poller '{text}', use auto, epoll or io_uring")),
        }
    }
}

/// A poller of either kind: one predictable branch per call instead of a jump through a table.
pub enum AnyPoller {
    /// Over epoll(7).
    Epoll(epoll::Epoll),
    /// Over io_uring(7).
    IoUring(Box<uring::Uring>),
}

/// Opens a poller. `Auto` never fails because of io_uring: a kernel that forbids it (the sysctl
/// `kernel.io_uring_disabled`, a seccomp filter, a locked memory limit) or is too old means epoll.
pub fn open(kind: PollerKind) -> io::Result<AnyPoller> {
    match kind {
        PollerKind::Epoll => Ok(AnyPoller::Epoll(epoll::Epoll::open()?)),
        PollerKind::IoUring => {
            Ok(AnyPoller::IoUring(Box::new(uring::Uring::open(uring::Options::default())?)))
        }
        PollerKind::Auto => match uring::Uring::open(uring::Options::default()) {
            Ok(ring) if ring.is_complete() => Ok(AnyPoller::IoUring(Box::new(ring))),
            _ => open(PollerKind::Epoll),
        },
    }
}

macro_rules! either {
    ($self:expr, $poller:ident => $call:expr) => {
        match $self {
            AnyPoller::Epoll($poller) => $call,
            AnyPoller::IoUring($poller) => $call,
        }
    };
}

impl Poller for AnyPoller {
    #[inline]
    fn add(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        either!(self, poller => poller.add(fd, token))
    }

    #[inline]
    fn add_listener(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        either!(self, poller => poller.add_listener(fd, token))
    }

    #[inline]
    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) {
        either!(self, poller => poller.remove(fd, token))
    }

    #[inline]
    fn want_write(&mut self, fd: BorrowedFd<'_>, token: Token, on: bool) -> io::Result<()> {
        either!(self, poller => poller.want_write(fd, token, on))
    }

    #[inline]
    fn pause_read(&mut self, fd: BorrowedFd<'_>, token: Token, paused: bool) -> io::Result<()> {
        either!(self, poller => poller.pause_read(fd, token, paused))
    }

    fn is_at_rest(&self, fd: BorrowedFd<'_>, token: Token) -> bool {
        either!(self, poller => poller.is_at_rest(fd, token))
    }

    #[inline]
    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        either!(self, poller => poller.wait(timeout, events))
    }

    #[inline]
    fn recv(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        into: &mut Vec<u8>,
        max: usize,
    ) -> io::Result<Received> {
        either!(self, poller => poller.recv(fd, token, into, max))
    }

    #[inline]
    fn send(&mut self, fd: BorrowedFd<'_>, token: Token, bytes: &[u8]) -> io::Result<usize> {
        either!(self, poller => poller.send(fd, token, bytes))
    }

    #[inline]
    fn send_vectored(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        parts: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        either!(self, poller => poller.send_vectored(fd, token, parts))
    }

    fn name(&self) -> &'static str {
        either!(self, poller => poller.name())
    }
}
