//! Sockets: listening, accepting, connecting, and the options a server sets.
//!
//! All descriptors made here are non-blocking and close on exec. Peer texts are the spellings `CLIENT LIST` and
//! `INFO` show: `127.0.0.1:1234`, `[::1]:1234`, and for a unix socket its path with port 0.

use crate::check;
use crate::process::c_path;
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

mod address;
use address::RawAddress;

/// How a listening TCP socket is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Connections the kernel completes before `accept`; it caps the number at `net.core.somaxconn`.
    pub backlog: u32,
    /// Lets several sockets listen on the same port, the kernel spreading connections over them.
    pub reuse_port: bool,
}

impl Default for ListenOptions {
    fn default() -> Self {
        ListenOptions { backlog: 511, reuse_port: false }
    }
}

/// Listens on a TCP address; port 0 lets the kernel choose. An IPv6 socket takes IPv6 only, so that `*` and `::`
/// can be bound side by side.
pub fn listen_tcp(address: SocketAddr, options: ListenOptions) -> io::Result<OwnedFd> {
    let raw = RawAddress::from(address);
    let socket = open_socket(raw.family(), libc::SOCK_STREAM)?;
    if address.is_ipv6() {
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if options.reuse_port {
        set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    bind(socket.as_fd(), &raw)?;
    listen(socket.as_fd(), options.backlog)?;
    Ok(socket)
}

/// Listens on a unix socket at `path`, replacing a socket left there by an earlier run. `permissions` are the
/// bits of `unixsocketperm`, `None` leaves what the umask gives.
pub fn listen_unix(path: &Path, permissions: Option<u32>, backlog: u32) -> io::Result<OwnedFd> {
    let raw = RawAddress::from_path(path)?;
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let socket = open_socket(raw.family(), libc::SOCK_STREAM)?;
    bind(socket.as_fd(), &raw)?;
    listen(socket.as_fd(), backlog)?;
    if let Some(permissions) = permissions {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(permissions))?;
    }
    Ok(socket)
}

/// One accepted connection.
#[derive(Debug)]
pub struct Accepted {
    /// The connection, non-blocking.
    pub fd: OwnedFd,
    /// The other end.
    pub peer: Peer,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A process of this host, over a unix socket; shown as the path of the socket it connected to.
    Unix,
}

impl Peer {
    /// As `CLIENT LIST` shows it in `addr`; `unix_path` stands for a unix peer.
    pub fn text(&self, unix_path: &str) -> String {
        match self {
            Peer::Tcp(address) => address.to_string(),
            Peer::Unix => format!("{unix_path}:0"),
        }
    }

    /// Whether it is on this host: what protected mode lets in.
    pub fn is_local(&self) -> bool {
        match self {
            Peer::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Peer::Unix => true,
        }
    }
}

/// The outcome of one [`accept`].
#[derive(Debug)]
pub enum Accept {
    /// A connection came.
    Connection(Accepted),
    /// None waits.
    WouldBlock,
    /// This connection died before it was accepted; the next may be fine.
    Gone,
}

/// Takes one waiting connection. Errors are those of the process (out of descriptors or memory): log, and try
/// again later.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<Accept> {
    let mut raw = RawAddress::empty();
    let mut length = raw.capacity();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `raw` has room for `length` bytes of address.
    let fd = unsafe { libc::accept4(listener.as_raw_fd(), raw.as_mut_ptr(), &mut length, flags) };
    match check(fd) {
        Ok(fd) => {
            raw.set_length(length);
            // SAFETY: just accepted, owned by nobody else.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            let peer = raw.to_socket_addr().map_or(Peer::Unix, Peer::Tcp);
            Ok(Accept::Connection(Accepted { fd, peer }))
        }
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN) => Ok(Accept::WouldBlock),
            // accept(2): errors of the new connection are to be treated like no connection.
            Some(
                libc::EINTR
                | libc::ECONNABORTED
                | libc::EPROTO
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH,
            ) => Ok(Accept::Gone),
            _ => Err(error),
        },
    }
}

/// Takes waiting connections, at most `limit`, so that a burst does not starve those already here. Returns how
/// many came; an error ends the loop after what was accepted before.
pub fn accept_each(
    listener: BorrowedFd<'_>,
    limit: usize,
    mut each: impl FnMut(Accepted),
) -> io::Result<usize> {
    let mut accepted = 0;
    for _ in 0..limit {
        match accept(listener)? {
            Accept::Connection(connection) => {
                accepted += 1;
                each(connection);
            }
            Accept::Gone => {}
            Accept::WouldBlock => break,
        }
    }
    Ok(accepted)
}

/// Ends listening without closing the descriptor, which a poller may hold: new sockets can listen at its address.
pub fn shutdown_listener(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RDWR) })?;
    Ok(())
}

/// Connects and waits for it, at most `timeout`. The socket comes back non-blocking.
pub fn connect_tcp(address: SocketAddr, timeout: Duration) -> io::Result<OwnedFd> {
    let stream = std::net::TcpStream::connect_timeout(&address, timeout)?;
    stream.set_nonblocking(true)?;
    Ok(stream.into())
}

/// Starts connecting, from `source` if given, and returns at once: when the socket becomes writable, or readable
/// because it failed, [`take_error`] says how it went.
pub fn connect_tcp_start(address: SocketAddr, source: Option<IpAddr>) -> io::Result<OwnedFd> {
    let raw = RawAddress::from(address);
    let socket = open_socket(raw.family(), libc::SOCK_STREAM)?;
    if let Some(source) = source {
        bind(socket.as_fd(), &RawAddress::from(SocketAddr::new(source, 0)))?;
    }
    connect(socket.as_fd(), &raw)?;
    Ok(socket)
}

/// Connects to a unix socket, which succeeds or fails at once. The socket comes back non-blocking.
pub fn connect_unix(path: &Path) -> io::Result<OwnedFd> {
    let stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_nonblocking(true)?;
    Ok(stream.into())
}

/// The error a socket has stored, a failed connect for example; reading clears it.
pub fn take_error(socket: BorrowedFd<'_>) -> io::Result<Option<io::Error>> {
    let code = get_option(socket, libc::SOL_SOCKET, libc::SO_ERROR)?;
    Ok((code != 0).then(|| io::Error::from_raw_os_error(code)))
}

/// Sends small writes at once instead of waiting to fill a segment. Without effect on unix sockets.
pub fn set_nodelay(socket: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    ignore_unsupported(set_option(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, i32::from(on)))
}

/// Has the kernel probe a silent peer as `tcp-keepalive` asks: the first probe after `interval_seconds`, then one
/// every third of that, and the connection is dead after three without answer. 0 turns it off. Without effect on
/// unix sockets.
pub fn set_keepalive(socket: BorrowedFd<'_>, interval_seconds: u32) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, i32::from(interval_seconds > 0))?;
    if interval_seconds == 0 {
        return Ok(());
    }
    let idle = i32::try_from(interval_seconds).unwrap_or(i32::MAX);
    ignore_unsupported(set_option(socket, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, idle))?;
    ignore_unsupported(set_option(socket, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, (idle / 3).max(1)))?;
    ignore_unsupported(set_option(socket, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 3))
}

/// Bounds the kernel's send buffer, in bytes; it doubles the number for its own bookkeeping.
pub fn set_send_buffer(socket: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Bounds the kernel's receive buffer, in bytes; it doubles the number for its own bookkeeping.
pub fn set_receive_buffer(socket: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Makes a descriptor from elsewhere (inherited, or of the standard library) fit for a poller.
pub fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    // SAFETY: takes no pointers.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    let flags = if on { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
    // SAFETY: takes no pointers.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) })?;
    Ok(())
}

/// This end of a TCP socket; an error for a unix socket.
pub fn local_address(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let mut raw = RawAddress::empty();
    let mut length = raw.capacity();
    // SAFETY: `raw` has room for `length` bytes of address.
    check(unsafe { libc::getsockname(socket.as_raw_fd(), raw.as_mut_ptr(), &mut length) })?;
    raw.set_length(length);
    raw.to_socket_addr().ok_or_else(|| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))
}

/// The other end of a connected socket.
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut raw = RawAddress::empty();
    let mut length = raw.capacity();
    // SAFETY: `raw` has room for `length` bytes of address.
    check(unsafe { libc::getpeername(socket.as_raw_fd(), raw.as_mut_ptr(), &mut length) })?;
    raw.set_length(length);
    Ok(raw.to_socket_addr().map_or(Peer::Unix, Peer::Tcp))
}

/// Which direction [`shutdown`] ends.
pub use std::net::Shutdown;

/// Ends one or both directions while the descriptor stays open. A peer already gone is fine.
pub fn shutdown(socket: BorrowedFd<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => libc::SHUT_RD,
        Shutdown::Write => libc::SHUT_WR,
        Shutdown::Both => libc::SHUT_RDWR,
    };
    // SAFETY: takes no pointers.
    match check(unsafe { libc::shutdown(socket.as_raw_fd(), how) }) {
        Err(error) if error.raw_os_error() != Some(libc::ENOTCONN) => Err(error),
        _ => Ok(()),
    }
}

/// Two connected non-blocking unix stream sockets.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = std::os::unix::net::UnixStream::pair()?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok((one.into(), other.into()))
}

/// Raises the limit of open descriptors to `wanted`, or, where the hard limit stands in the way, as near as it
/// allows. Returns the limit in force; the caller lowers its `maxclients` to fit.
pub fn raise_descriptor_limit(wanted: u64) -> io::Result<u64> {
    // SAFETY: all-zero is a valid rlimit.
    let mut limit: libc::rlimit = unsafe { zeroed() };
    // SAFETY: `limit` is a valid place for the result.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    let current = limit.rlim_cur;
    if current >= wanted {
        return Ok(current);
    }
    let set = |soft: u64, hard: u64| {
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
        // SAFETY: `limit` is readable for the length of the call.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })
    };
    // Only a privileged process may raise the hard limit, and no one above fs.nr_open.
    let reachable = [wanted, wanted.min(limit.rlim_max)];
    for target in reachable {
        if target > current && set(target, limit.rlim_max.max(target)).is_ok() {
            return Ok(target);
        }
    }
    Ok(current)
}

fn open_socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = check(unsafe { libc::socket(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: just created, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bind(socket: BorrowedFd<'_>, address: &RawAddress) -> io::Result<()> {
    // SAFETY: `address` is readable for its length.
    check(unsafe { libc::bind(socket.as_raw_fd(), address.as_ptr(), address.length()) })?;
    Ok(())
}

fn listen(socket: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), i32::try_from(backlog).unwrap_or(i32::MAX)) })?;
    Ok(())
}

fn connect(socket: BorrowedFd<'_>, address: &RawAddress) -> io::Result<()> {
    // SAFETY: `address` is readable for its length.
    match check(unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr(), address.length()) }) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}

fn set_option(socket: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the value is an int readable for the length given.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(&value).cast(), length)
    })?;
    Ok(())
}

fn get_option(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<i32> {
    let mut value = 0;
    let mut length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the value is an int writable for the length given.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, std::ptr::from_mut(&mut value).cast(), &mut length)
    })?;
    Ok(value)
}

/// TCP options on a unix socket: nothing to do rather than an error.
fn ignore_unsupported(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOPROTOOPT)) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
