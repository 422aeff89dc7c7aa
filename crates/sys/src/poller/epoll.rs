//! The poller over epoll(7): level-triggered, one `recv` and one `send` system call per transfer.
//!
//! It works on every kernel and is the yardstick the io_uring poller is measured against.

use super::{Event, Poller, Received, Token};
use crate::{check, check_len};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Events fetched by one call; more of them wait for the next.
const BATCH: usize = 512;
/// The kernel refuses longer lists of parts (`UIO_MAXIOV`).
const PARTS_MAX: usize = 1024;

/// What is asked of the kernel for one descriptor.
#[derive(Clone, Copy, Default)]
struct Interest {
    added: bool,
    write: bool,
    paused: bool,
}

impl Interest {
    fn mask(self) -> u32 {
        let read = if self.paused { 0 } else { libc::EPOLLIN | libc::EPOLLRDHUP };
        let write = if self.write { libc::EPOLLOUT } else { 0 };
        (read | write) as u32
    }
}

/// A poller over one epoll instance.
pub struct Epoll {
    instance: OwnedFd,
    /// By descriptor number.
    interests: Vec<Interest>,
    fetched: Vec<libc::epoll_event>,
}

impl Epoll {
    /// Creates the instance; fails when the process is out of descriptors.
    pub fn open() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: just created, owned by nobody else.
        let instance = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Epoll { instance, interests: Vec::new(), fetched: Vec::with_capacity(BATCH) })
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, token: Token, mask: u32) -> io::Result<()> {
        let mut event = libc::epoll_event { events: mask, u64: token };
        // SAFETY: `event` is a valid epoll_event for the length of the call.
        check(unsafe { libc::epoll_ctl(self.instance.as_raw_fd(), operation, fd, &mut event) })?;
        Ok(())
    }

    fn interest(&mut self, fd: BorrowedFd<'_>) -> io::Result<&mut Interest> {
        let interest = self.interests.get_mut(fd.as_raw_fd() as usize).filter(|interest| interest.added);
        interest.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
    }

    /// Applies `change` to the interest and tells the kernel when that made a difference.
    fn update(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        change: impl FnOnce(&mut Interest),
    ) -> io::Result<()> {
        let interest = self.interest(fd)?;
        let before = interest.mask();
        change(interest);
        let after = interest.mask();
        if before == after {
            return Ok(());
        }
        self.control(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), token, after)
    }
}

impl Poller for Epoll {
    fn add(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let index = fd.as_raw_fd() as usize;
        let interest = Interest { added: true, ..Interest::default() };
        self.control(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), token, interest.mask())?;
        if self.interests.len() <= index {
            self.interests.resize(index + 1, Interest::default());
        }
        self.interests[index] = interest;
        Ok(())
    }

    fn add_listener(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.add(fd, token)
    }

    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) {
        if let Ok(interest) = self.interest(fd) {
            *interest = Interest::default();
            // Fails only for a descriptor the kernel does not know, which is what is wanted.
            let _ = self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), token, 0);
        }
    }

    fn want_write(&mut self, fd: BorrowedFd<'_>, token: Token, on: bool) -> io::Result<()> {
        self.update(fd, token, |interest| interest.write = on)
    }

    fn pause_read(&mut self, fd: BorrowedFd<'_>, token: Token, paused: bool) -> io::Result<()> {
        self.update(fd, token, |interest| interest.paused = paused)
    }

    /// Input stays in the socket until `recv`, output is with it after `send`.
    fn is_at_rest(&self, _fd: BorrowedFd<'_>, _token: Token) -> bool {
        true
    }

    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        self.fetched.clear();
        // SAFETY: the list has room for BATCH events, of which the kernel fills a prefix.
        let got = unsafe {
            libc::epoll_wait(
                self.instance.as_raw_fd(),
                self.fetched.as_mut_ptr(),
                BATCH as libc::c_int,
                timeout_ms(timeout),
            )
        };
        let got = match check(got) {
            Ok(got) => got as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        // SAFETY: the kernel initialized the first `got` events, at most BATCH, the list's capacity.
        unsafe { self.fetched.set_len(got) };
        for fetched in &self.fetched {
            let mask = fetched.events as libc::c_int;
            let closed = mask & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) != 0;
            events.push(Event {
                token: fetched.u64,
                // The end of input is something `recv` tells.
                readable: closed || mask & libc::EPOLLIN != 0,
                writable: mask & libc::EPOLLOUT != 0,
                closed,
            });
        }
        Ok(())
    }

    #[inline]
    fn recv(
        &mut self,
        fd: BorrowedFd<'_>,
        _token: Token,
        into: &mut Vec<u8>,
        max: usize,
    ) -> io::Result<Received> {
        recv_into(fd, into, max)
    }

    #[inline]
    fn send(&mut self, fd: BorrowedFd<'_>, _token: Token, bytes: &[u8]) -> io::Result<usize> {
        send_now(fd, bytes)
    }

    fn send_vectored(
        &mut self,
        fd: BorrowedFd<'_>,
        _token: Token,
        parts: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        send_parts_now(fd, parts)
    }

    fn name(&self) -> &'static str {
        "epoll"
    }
}

/// Milliseconds as `epoll_wait` takes them: rounded up, so that a timer is due when the wait ends.
fn timeout_ms(timeout: Option<Duration>) -> libc::c_int {
    match timeout {
        None => -1,
        Some(timeout) => {
            libc::c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
        }
    }
}

/// One `recv` system call into the spare capacity of `into`.
#[inline]
pub(super) fn recv_into(fd: BorrowedFd<'_>, into: &mut Vec<u8>, max: usize) -> io::Result<Received> {
    if into.capacity() - into.len() < max {
        into.reserve(max);
    }
    let spare = into.spare_capacity_mut();
    let room = spare.len().min(max);
    // SAFETY: `spare` is writable for `room` bytes; the kernel writes at most that many.
    let got = unsafe { libc::recv(fd.as_raw_fd(), spare.as_mut_ptr().cast(), room, libc::MSG_DONTWAIT) };
    match check_len(got) {
        Ok(0) if room > 0 => Ok(Received::Eof),
        Ok(got) => {
            // SAFETY: the kernel initialized `got` bytes after the old length.
            unsafe { into.set_len(into.len() + got) };
            Ok(Received::Data(got))
        }
        Err(error) if is_temporary(&error) => Ok(Received::WouldBlock),
        Err(error) => Err(error),
    }
}

/// One `send` system call; 0 when the socket's buffer is full.
#[inline]
pub(super) fn send_now(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: `bytes` is readable for its length.
    let sent = unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    would_block_is_zero(check_len(sent))
}

/// One `sendmsg` system call; 0 when the socket's buffer is full.
pub(super) fn send_parts_now(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    let parts = &parts[..parts.len().min(PARTS_MAX)];
    // SAFETY: all-zero is a valid msghdr (null pointers, zero lengths).
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice has the layout of iovec; sendmsg only reads the list.
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len() as _;
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: `message` points to `parts`, whose slices live through the call.
    would_block_is_zero(check_len(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, flags) }))
}

fn would_block_is_zero(sent: io::Result<usize>) -> io::Result<usize> {
    match sent {
        Err(error) if is_temporary(&error) => Ok(0),
        other => other,
    }
}

/// Whether the call may simply be repeated after the next event.
fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
