//! The ring itself: set-up with what the kernel offers, and entering it.

use crate::poller::Received;
use crate::poller::epoll::recv_into;
use crate::socket;
use io_uring::{IoUring, Probe, opcode, squeue, types};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

/// The flag of io_uring_enter(2) that fetches completions and runs deferred work.
const ENTER_GETEVENTS: libc::c_uint = 1;
/// ... that passes a timeout.
const ENTER_EXT_ARG: libc::c_uint = 8;
/// ... that names the ring by its index in the thread's table instead of by descriptor.
const ENTER_REGISTERED_RING: libc::c_uint = 16;
/// The operation of io_uring_register(2) that puts a ring into that table.
const REGISTER_RING_FDS: libc::c_uint = 20;

/// The kernel's seconds are signed; nobody notices a wake-up in ten years.
const TIMEOUT_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A ring that belongs to the thread that first enters it.
pub(super) struct Ring {
    pub(super) io: IoUring,
    /// Completions are produced only while the owner is inside the kernel, never by interrupting it.
    pub(super) deferred: bool,
    /// The kernel knows multishot receive.
    pub(super) multishot: bool,
    /// Sends can be asked to be silent about success, see [`send_quick`]. Needs `deferred`, without which there is
    /// no moment at which all their failures are known.
    pub(super) quick_send: bool,
    enabled: bool,
    /// Index in the owner's table of registered rings.
    registered: Option<u32>,
}

/// Why the poller cannot run here.
fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("io_uring of this kernel lacks {what}"))
}

impl Ring {
    /// Sets a ring up, not yet bound to a thread, with as many of the helpful flags as the kernel takes.
    pub(super) fn open(submissions: u32, completions: u32) -> io::Result<Self> {
        let quick_send = self_test()?;
        let build = |level: u32| {
            let mut builder = IoUring::builder();
            builder.setup_clamp().setup_cqsize(completions).dontfork();
            if level >= 1 {
                builder.setup_submit_all().setup_coop_taskrun();
            }
            if level >= 2 {
                // Bound to its thread when enabled, so that it may be opened by another.
                builder.setup_single_issuer().setup_defer_taskrun().setup_r_disabled();
            }
            builder.build(submissions)
        };
        let (io, level) = match build(2) {
            Ok(io) => (io, 2),
            Err(_) => match build(1) {
                Ok(io) => (io, 1),
                Err(_) => (build(0)?, 0),
            },
        };
        let features = io.params();
        if !features.is_feature_nodrop() {
            return Err(unsupported("completions that are never dropped"));
        }
        if !features.is_feature_ext_arg() {
            return Err(unsupported("waiting with a timeout"));
        }
        if !features.is_feature_fast_poll() {
            return Err(unsupported("polled sockets"));
        }
        let mut probe = Probe::new();
        io.submitter().register_probe(&mut probe)?;
        for (code, name) in [
            (opcode::Send::CODE, "send"),
            (opcode::PollAdd::CODE, "poll"),
            (opcode::AsyncCancel::CODE, "cancel"),
        ] {
            if !probe.is_supported(code) {
                return Err(unsupported(name));
            }
        }
        // Came with the same release as multishot receive, which has no code of its own.
        let multishot = probe.is_supported(opcode::SendZc::CODE);
        let deferred = level >= 2;
        Ok(Ring {
            io,
            deferred,
            multishot,
            quick_send: quick_send && deferred,
            enabled: level < 2,
            registered: None,
        })
    }

    /// Binds the ring to the calling thread, once.
    fn enable(&mut self) -> io::Result<()> {
        if !self.enabled {
            self.io.submitter().register_enable_rings()?;
            self.enabled = true;
            self.registered = self.register_in_thread();
        }
        Ok(())
    }

    /// Saves the kernel the look-up of the ring's descriptor at each entry. Only an optimization.
    fn register_in_thread(&self) -> Option<u32> {
        #[repr(C)]
        struct Update {
            offset: u32,
            reserved: u32,
            data: u64,
        }
        let fd = self.io.as_raw_fd();
        let mut update = Update { offset: u32::MAX, reserved: 0, data: fd as u64 };
        // SAFETY: `update` has the layout the operation takes and answers in.
        let done = unsafe {
            libc::syscall(
                libc::SYS_io_uring_register,
                fd,
                REGISTER_RING_FDS,
                std::ptr::from_mut(&mut update),
                1,
            )
        };
        (done == 1).then_some(update.offset)
    }

    /// Submits all queued requests and, with `wait`, sleeps until there is a completion or the timeout passed.
    /// Runs deferred work either way.
    pub(super) fn enter(&mut self, wait: bool, timeout: Option<Duration>) -> io::Result<()> {
        self.enable()?;
        let submissions = self.io.submission().len() as libc::c_uint;
        let (fd, mut flags) = match self.registered {
            Some(index) => (index as libc::c_int, ENTER_GETEVENTS | ENTER_REGISTERED_RING),
            None => (self.io.as_raw_fd(), ENTER_GETEVENTS),
        };
        let time;
        let argument;
        let (pointer, size): (*const libc::c_void, usize) = match timeout {
            Some(timeout) if wait => {
                time = types::Timespec::from(timeout.min(TIMEOUT_MAX));
                argument = types::SubmitArgs::new().timespec(&time);
                flags |= ENTER_EXT_ARG;
                (std::ptr::from_ref(&argument).cast(), size_of_val(&argument))
            }
            _ => (std::ptr::null(), 0),
        };
        // SAFETY: the argument, if any, has the layout of io_uring_getevents_arg and lives through the call; the
        // requests' own memory was vouched for when they were pushed.
        let result = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                fd,
                submissions,
                libc::c_uint::from(wait),
                flags,
                pointer,
                size,
            )
        };
        if result < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                // Time passed, a signal came, or completions must be fetched before more is taken.
                Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
                _ => Err(error),
            };
        }
        Ok(())
    }

    /// Queues a request, entering the kernel only when the queue is full.
    ///
    /// # Safety
    /// Memory the request names stays valid and untouched until its completion.
    pub(super) unsafe fn push(&mut self, request: &squeue::Entry) -> io::Result<()> {
        for _ in 0..8 {
            // SAFETY: promised by the caller.
            if unsafe { self.io.submission().push(request) }.is_ok() {
                return Ok(());
            }
            self.enter(false, None)?;
        }
        Err(io::Error::other("the io_uring submission queue does not drain"))
    }

    /// Whether requests wait that the kernel has not taken.
    pub(super) fn has_unsubmitted(&mut self) -> bool {
        !self.io.submission().is_empty()
    }

    /// Whether everything submitted before the last `enter` that ended there is in the completion queue.
    pub(super) fn is_settled(&mut self) -> bool {
        let queue = self.io.submission();
        queue.is_empty() && !queue.cq_overflow()
    }
}

/// A send that ends while it is submitted and has a completion only unless all of `bytes` was taken by the socket.
pub(super) fn send_quick(fd: RawFd, bytes: &[u8]) -> squeue::Entry {
    opcode::Send::new(types::Fd(fd), bytes.as_ptr(), bytes.len() as u32)
        .flags(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL)
        .build()
        .flags(squeue::Flags::SKIP_SUCCESS)
}

/// A send that waits until all of `bytes` is taken by the socket.
pub(super) fn send_patient(fd: RawFd, bytes: &[u8]) -> squeue::Entry {
    opcode::Send::new(types::Fd(fd), bytes.as_ptr(), bytes.len() as u32)
        .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
        .build()
}

/// Checks that the kernel lets this process use rings at all: a filter may allow the set-up and refuse the rest.
/// Returns whether it keeps what [`send_quick`] relies on, which no feature bit tells.
fn self_test() -> io::Result<bool> {
    let mut ring = IoUring::new(4)?;
    let nop = opcode::Nop::new().build().user_data(1);
    submit(&mut ring, std::slice::from_ref(&nop))?;
    if next_result(&mut ring, 1) != Some(0) {
        return Err(unsupported("a working submission queue"));
    }
    if !ring.params().is_feature_skip_cqe_on_success() {
        return Ok(false);
    }
    let (sender, receiver) = socket::pair()?;
    socket::set_send_buffer(sender.as_fd(), 4096)?;
    let bytes = vec![0; 128 * 1024];
    // A small send is silent about its success.
    submit(&mut ring, &[send_quick(sender.as_raw_fd(), &bytes[..100]).user_data(2), nop])?;
    if next_result(&mut ring, 1) != Some(0) || !ring.completion().is_empty() {
        return Ok(false);
    }
    // One that does not fit tells how much did.
    submit(&mut ring, &[send_quick(sender.as_raw_fd(), &bytes).user_data(3)])?;
    let Some(sent) = next_result(&mut ring, 3).and_then(|sent| usize::try_from(sent).ok()) else {
        return Ok(false);
    };
    let mut arrived = Vec::with_capacity(bytes.len());
    while let Received::Data(_) = recv_into(receiver.as_fd(), &mut arrived, bytes.len())? {}
    Ok(sent > 0 && sent < bytes.len() && arrived.len() == 100 + sent)
}

/// Submits requests that end at once and waits for a completion.
fn submit(ring: &mut IoUring, requests: &[squeue::Entry]) -> io::Result<()> {
    for request in requests {
        // SAFETY: the requests end at once or are known to have ended before their memory goes: a send with
        // MSG_DONTWAIT never outlasts its submission.
        unsafe { ring.submission().push(request) }.map_err(io::Error::other)?;
    }
    ring.submit_and_wait(1)?;
    Ok(())
}

/// The result of the next completion if it is the one expected.
fn next_result(ring: &mut IoUring, user_data: u64) -> Option<i32> {
    ring.completion().next().filter(|done| done.user_data() == user_data).map(|done| done.result())
}
