//! Everything of Brasa that talks to the kernel, behind an interface that is safe to call.
//!
//! The rest of the workspace forbids `unsafe`; this crate and `structures` are where it may live, each block
//! with its reason. Linux only, x86_64 and aarch64. Nothing here knows about keys, commands or protocols: the
//! only policy is how to ask the kernel for few things at a time.
//!
//! | module | what it gives |
//! |---|---|
//! | [`poller`] | readiness and byte transfer for one I/O thread, over epoll or io_uring |
//! | [`socket`] | listening, accepting, connecting, options of TCP and unix sockets |
//! | [`alloc`] | the global allocator, which knows how many bytes are live |
//! | [`pages`] | big aligned pages for the slab |
//! | [`keeper`] | the thread that gets memory ready and gives it back |
//! | [`clock`] | wall, monotonic and cycle clocks, processor time |
//! | [`signals`], [`crash`] | shutdown signals as events, last words on a fault |
//! | [`eventfd`], [`thread`] | waking, naming and pinning threads, cache prefetch |
//! | [`lua`] | a bound for what Lua takes of the stack |
//! | [`random`] | kernel entropy and a fast generator |
//! | [`process`] | daemonizing, pid file, what `INFO` says of the host |
//! | [`echo`] | the bare request/reply loop benchmarks take as the physical limit |

#[cfg(not(target_os = "linux"))]
compile_error!("sys speaks to Linux only");

pub mod alloc;
pub mod clock;
pub mod crash;
pub mod echo;
pub mod eventfd;
pub mod keeper;
pub mod lend;
pub mod lua;
pub mod pages;
pub mod poller;
pub mod process;
pub mod random;
pub mod shm;
pub mod signals;
pub mod socket;
pub mod thread;

/// Turns the `-1` of a libc call into the thread's `errno`.
pub(crate) fn check(result: libc::c_int) -> std::io::Result<libc::c_int> {
    if result == -1 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`check`], for calls that answer a byte count.
pub(crate) fn check_len(result: libc::ssize_t) -> std::io::Result<usize> {
    usize::try_from(result).map_err(|_| std::io::Error::last_os_error())
}
