//! Listening sockets, and who may connect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use commands::Session;
use parameters::{Parameters, table};
use sys::socket::{self, ListenOptions, Peer};
use wire::resp::parse::RequestParser;

use crate::client::{Client, Meta, Waiting};
use crate::node::Node;
use crate::tls::Transport;
use crate::tls::stream::Stream;

/// Connections accepted per listener and tick, so that a storm does not starve those already here.
const ACCEPTS_PER_TICK: usize = 256;

/// What a connection came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `port`.
    Tcp,
    /// `tls-port`.
    Tls,
    /// `unixsocket`.
    Unix,
}

/// The node's listening sockets.
pub struct Listeners {
    sockets: Vec<(OwnedFd, Door)>,
    /// The unix socket's path, removed at the end.
    pub unix_path: Option<PathBuf>,
}

/// A socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// An address could not be bound; the text is what valkey-server logs.
    #[error("{0}")]
    Bind(String),
}

impl Listeners {
    /// Opens what `port`, `tls-port`, `bind`, `unixsocket` ask for.
    pub fn open(parameters: &Parameters) -> Result<Self, ListenError> {
        const UNIX: table::RowId = table::row("unixsocket");
        const PERM: table::RowId = table::row("unixsocketperm");
        let mut sockets = open_tcp(parameters)?;
        let path = String::from_utf8_lossy(parameters.get_str(UNIX)).into_owned();
        let mut unix_path = None;
        if !path.is_empty() {
            let permissions = parameters.get_int(PERM) as u32;
            let _ = std::fs::remove_file(&path);
            let fd = socket::listen_unix(
                path.as_ref(),
                (permissions != 0).then_some(permissions),
                backlog(parameters),
            )
            .map_err(|e| {
                ListenError::Bind(format!("Failed opening Unix socket: bind: {}", plain_error(&e)))
            })?;
            sockets.push((fd, Door::Unix));
            unix_path = Some(PathBuf::from(path));
        }
        Ok(Listeners { sockets, unix_path })
    }

    /// Copies of the TCP sockets' descriptors, for [`stop_listening`].
    pub fn tcp_copies(&self) -> std::io::Result<Vec<OwnedFd>> {
        self.sockets.iter().filter(|(_, door)| *door != Door::Unix).map(|(fd, _)| fd.try_clone()).collect()
    }

    /// Puts other TCP sockets in the place of those there are, which are closed.
    pub fn replace_tcp(&mut self, tcp: Vec<(OwnedFd, Door)>) {
        self.sockets.retain(|(_, door)| *door == Door::Unix);
        self.sockets.extend(tcp);
    }

    /// The descriptors to watch, in order.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(|(fd, _)| fd.as_fd())
    }

    /// Accepts what waits on listener `i`; refused ones get their error and are closed.
    pub fn accept(&self, node: &Node, i: usize, mut each: impl FnMut(OwnedFd, Peer, Door)) {
        let Some((listener, door)) = self.sockets.get(i) else { return };
        let result = socket::accept_each(listener.as_fd(), ACCEPTS_PER_TICK, |accepted| {
            if let Some(text) = refusal(node, &accepted.peer) {
                node.rejected_connections.fetch_add(1, Ordering::Relaxed);
                // Where TLS is expected nobody could read it.
                if *door != Door::Tls {
                    let _ = rustix_write(&accepted.fd, text.as_bytes());
                }
                return;
            }
            node.connections.fetch_add(1, Ordering::Relaxed);
            each(accepted.fd, accepted.peer, *door);
        });
        if let Err(error) = result
            // One that was told to stop listening.
            && error.kind() != std::io::ErrorKind::InvalidInput
        {
            crate::log::warning(&format!("Accepting client connection: {error}"));
        }
    }
}

fn backlog(parameters: &Parameters) -> u32 {
    const BACKLOG: table::RowId = table::row("tcp-backlog");
    parameters.get_int(BACKLOG).clamp(1, i64::from(i32::MAX)) as u32
}

/// Opens the TCP sockets that `port`, `tls-port` and `bind` ask for; none with port 0 or without an address.
pub fn open_tcp(parameters: &Parameters) -> Result<Vec<(OwnedFd, Door)>, ListenError> {
    const PORT: table::RowId = table::row("port");
    const TLS_PORT: table::RowId = table::row("tls-port");
    let mut sockets = Vec::new();
    for (id, door) in [(PORT, Door::Tcp), (TLS_PORT, Door::Tls)] {
        let opened = open_port(parameters, parameters.get_int(id) as u16)?;
        sockets.extend(opened.into_iter().map(|fd| (fd, door)));
    }
    Ok(sockets)
}

fn open_port(parameters: &Parameters, port: u16) -> Result<Vec<OwnedFd>, ListenError> {
    const BIND: table::RowId = table::row("bind");
    let words: Vec<&[u8]> = parameters.get_words(BIND).iter().map(Vec::as_slice).collect();
    let mut sockets = Vec::new();
    if port == 0 || words.iter().all(|word| word.is_empty()) {
        return Ok(sockets);
    }
    for word in words {
        let (optional, address) = parse_bind(word);
        let shown = String::from_utf8_lossy(word.strip_prefix(b"-").unwrap_or(word)).into_owned();
        let Some(address) = address else {
            return Err(ListenError::Bind(format!(
                "Could not create server TCP listening socket {shown}:{port}: Name or service not known"
            )));
        };
        let options = ListenOptions { backlog: backlog(parameters), ..ListenOptions::default() };
        match socket::listen_tcp(SocketAddr::new(address, port), options) {
            Ok(fd) => sockets.push(fd),
            Err(error) if optional && is_absent(&error) => {}
            Err(error) => {
                let text = plain_error(&error);
                return Err(ListenError::Bind(format!(
                    "Could not create server TCP listening socket {shown}:{port}: bind: {text}"
                )));
            }
        }
    }
    if sockets.is_empty() {
        return Err(ListenError::Bind("Failed listening on port".into()));
    }
    Ok(sockets)
}

/// Ends the listening of sockets that another thread watches, so that their addresses are free at once.
pub fn stop_listening(sockets: &[OwnedFd]) {
    for fd in sockets {
        let _ = socket::shutdown_listener(fd.as_fd());
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if let Some(path) = &self.unix_path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Writes a short refusal into a socket's empty buffer.
fn rustix_write(fd: &OwnedFd, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut stream = std::fs::File::from(fd.try_clone()?);
    stream.write_all(bytes)
}

/// The words for a connection that may not stay.
fn refusal(node: &Node, peer: &Peer) -> Option<&'static str> {
    let most = node.settings.maxclients.load(Ordering::Relaxed) as usize;
    if node.connections.load(Ordering::Relaxed) >= most {
        let memcached = "ERROR Too many open connections\r\n";
        return Some(if node.memcached.is_some() {
            memcached
        } else {
            "-ERR max number of clients reached\r\n"
        });
    }
    let protected = node.settings.protected_mode.load(Ordering::Relaxed) && node.access.no_password();
    if protected && !peer.is_local() {
        return Some(
            "-DENIED Running in protected mode because protected mode is enabled and no password is set for the \
             default user. In this mode connections are only accepted from the loopback interface. If you want to \
             connect from external computers, you may adopt one of the following solutions: 1) Just disable \
             protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by \
             connecting from the same host the server is running, however MAKE SURE it's not publicly accessible \
             from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can \
             just disable the protected mode by editing the configuration file, and setting the protected mode \
             option to 'no', and then restarting the server. 3) If you started the server manually just for \
             testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for \
             the default user. NOTE: You only need to do one of the above things in order for the server to start \
             accepting connections from the outside.\r\n",
        );
    }
    None
}

/// What carries the bytes of a connection that came through a door. Without it the connection cannot be served.
fn transport(node: &Node, door: Door, now_ms: i64) -> Option<Transport> {
    if door != Door::Tls {
        return Some(Transport::Plain);
    }
    if node.security.prefers() {
        return Some(Transport::Undecided(now_ms));
    }
    let stream = Stream::new(node.security.loaded()?.config.clone(), now_ms).ok()?;
    Some(Transport::Tls(Box::new(stream)))
}

/// A client for an accepted connection.
pub fn new_client(node: &Node, fd: OwnedFd, peer: Peer, door: Door, token: u64, now_ms: i64) -> Client {
    let is_unix = door == Door::Unix;
    let transport = transport(node, door, now_ms);
    let gone = transport.is_none();
    let raw = fd.as_raw_fd();
    let unix_path = || String::from_utf8_lossy(&node.unix_socket).into_owned();
    let (addr, laddr) = if is_unix {
        let text = format!("{}:0", unix_path());
        (text.clone(), text)
    } else {
        let _ = socket::set_nodelay(fd.as_fd(), true);
        let keepalive = node.settings.tcp_keepalive_seconds.load(Ordering::Relaxed);
        if keepalive > 0 {
            let _ = socket::set_keepalive(fd.as_fd(), keepalive);
        }
        let local = socket::local_address(fd.as_fd()).map(|a| a.to_string()).unwrap_or_default();
        (peer.text(""), local)
    };
    let id = node.next_client_id.fetch_add(1, Ordering::Relaxed);
    let (user, authenticated) = node.access.for_new_client();
    let mut session = Session::new(id, authenticated);
    session.is_restricted = !user.is_unrestricted();
    Client {
        fd,
        transport: transport.unwrap_or(Transport::Plain),
        token,
        session,
        input: Vec::new(),
        consumed: 0,
        parser: RequestParser::default(),
        parsed_at_tick: u64::MAX,
        wanted: 0,
        out: Vec::new(),
        sent: 0,
        sealed: 0,
        sliced_bytes: 0,
        meta: Meta {
            addr,
            laddr,
            fd: raw,
            created_at_ms: now_ms,
            active_at_ms: now_ms,
            last_command: u16::MAX,
            is_unix,
            user,
            commands: 0,
            commands_at_balance: 0,
            commands_per_second: 0,
            net_in_bytes: 0,
            net_out_bytes: 0,
            killed: false,
            is_import_source: false,
            is_redirect_target: false,
            counted_bytes: 0,
            soft_limit_at_ms: None,
        },
        waiting: Waiting::No,
        wants_write: false,
        gone,
        ended: false,
        dirty: false,
        stopped: false,
        protocol_error: None,
        memcached: node.memcached.as_ref().map(|server| crate::memcached::Conversation {
            reading: None,
            skip: 0,
            authenticated: server.options.passwords.is_none(),
        }),
    }
}

/// Whether a request's first word shows an HTTP client: it is cut off, so that a web page cannot make a browser send
/// commands (cross-protocol scripting).
pub fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

fn parse_bind(word: &[u8]) -> (bool, Option<IpAddr>) {
    let optional = word.first() == Some(&b'-');
    let text = std::str::from_utf8(if optional { &word[1..] } else { word }).unwrap_or_default();
    let address = match text {
        "*" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "::*" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        other => other.parse().ok(),
    };
    (optional, address)
}

/// Errors that mean the host has no such address or protocol.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::AddrNotAvailable | std::io::ErrorKind::Unsupported)
        || error.raw_os_error().is_some_and(|e| [92, 93, 96, 97, 99].contains(&e))
}

/// The system's words without Rust's addition.
fn plain_error(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
