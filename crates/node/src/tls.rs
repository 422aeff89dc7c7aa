//! Encryption of connections: `tls-port` and its kin, `transit-encryption-mode`.
//!
//! A [`Stream`] stands between the socket and the buffers of a client (`event_loop/encrypted.rs`): commands see
//! plaintext, limits and pauses count what is encrypted and not sent. Plain connections pay one branch for it. What
//! certificates and lists say is worked out once, when parameters change ([`config`]), and given to connections that
//! come after that.

pub mod certificate;
mod ciphers;
pub mod config;
mod sessions;
pub mod stream;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock};

use parameters::Parameters;
use parameters::table::{RowId, row};

use certificate::Certificate;
use config::Loaded;
use stream::Stream;

use crate::client::Client;
use crate::node::Node;

/// How long a handshake may take, ms.
pub const HANDSHAKE_MS: i64 = 10_000;
/// The first bytes of a TLS connection: a record of a handshake, version 3.x. No command begins like that.
const FIRST_BYTES: [u8; 2] = [0x16, 0x03];

const CERTIFICATE_USER: RowId = row("tls-auth-clients-user");
const MODE: RowId = row("transit-encryption-mode");

/// What the node's threads share about TLS.
#[derive(Default)]
pub struct Security {
    loaded: RwLock<Option<Arc<Loaded>>>,
    /// `transit-encryption-mode preferred`.
    prefers: AtomicBool,
    /// `tls-auth-clients-user`: 0 = CN, 1 = URI, 2 = off.
    user_from: AtomicI64,
    /// Client certificates that name nobody.
    pub denied: AtomicU64,
    /// Unix ms of the last line about a failed handshake.
    logged_at_ms: AtomicI64,
    /// Failed handshakes since that line.
    unlogged: AtomicU64,
}

impl Security {
    /// What new connections use.
    pub fn loaded(&self) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Gives new connections something else to use.
    pub fn replace(&self, loaded: Option<Loaded>) {
        *self.loaded.write().unwrap_or_else(|e| e.into_inner()) = loaded.map(Arc::new);
    }

    /// Copies what running code consults.
    pub fn apply(&self, parameters: &Parameters) {
        self.prefers.store(parameters.get_enum(MODE) == "preferred", Relaxed);
        let from = match parameters.get_enum(CERTIFICATE_USER).to_ascii_lowercase().as_str() {
            "cn" => 0,
            "uri" => 1,
            _ => 2,
        };
        self.user_from.store(from, Relaxed);
    }

    /// Whether plain connections may come to the TLS port.
    pub fn prefers(&self) -> bool {
        self.prefers.load(Relaxed)
    }

    /// Says in the log that a handshake failed, once a second at most.
    #[cold]
    pub fn note_failure(&self, reason: &str, client: &Client, now_ms: i64) {
        let last = self.logged_at_ms.load(Relaxed);
        let is_due = now_ms - last >= 1000 || now_ms < last;
        if !is_due || self.logged_at_ms.compare_exchange(last, now_ms, Relaxed, Relaxed).is_err() {
            self.unlogged.fetch_add(1, Relaxed);
            return;
        }
        let more = match self.unlogged.swap(0, Relaxed) {
            0 => String::new(),
            count => format!("; {count} more since the last such line"),
        };
        let (addr, laddr) = (&client.meta.addr, &client.meta.laddr);
        crate::log::warning(&format!(
            "Error accepting a client connection: {reason} (addr={addr} laddr={laddr}){more}"
        ));
    }
}

/// What carries a connection's bytes.
pub enum Transport {
    /// The socket, as they are.
    Plain,
    /// TLS, or the socket: the first bytes will tell. Since when, Unix ms.
    Undecided(i64),
    /// TLS.
    Tls(Box<Stream>),
}

/// What the first bytes of a connection say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is TLS.
    Tls,
    /// It is not.
    Plain,
    /// There are too few.
    Open,
}

/// Looks at the first bytes of a connection.
pub fn opening(bytes: &[u8]) -> Opening {
    match bytes {
        [] => Opening::Open,
        [first] if *first == FIRST_BYTES[0] => Opening::Open,
        [first, second, ..] if [*first, *second] == FIRST_BYTES => Opening::Tls,
        _ => Opening::Plain,
    }
}

impl Transport {
    /// Heap bytes.
    pub fn memory_bytes(&self) -> usize {
        if let Transport::Tls(stream) = self { stream.memory_bytes() } else { 0 }
    }

    /// Whether what comes next may belong to a handshake.
    pub fn is_opening(&self) -> bool {
        match self {
            Transport::Plain => false,
            Transport::Undecided(_) => true,
            Transport::Tls(stream) => stream.is_handshaking(),
        }
    }
}

/// Whether a client's handshake takes too long. One that may still be plain has any time until it says something.
pub fn is_late(client: &Client, now_ms: i64) -> bool {
    let began_at_ms = match &client.transport {
        Transport::Plain => return false,
        Transport::Undecided(_) if client.input.is_empty() => return false,
        Transport::Undecided(since_ms) => *since_ms,
        Transport::Tls(stream) if stream.is_handshaking() => stream.began_at_ms(),
        Transport::Tls(_) => return false,
    };
    now_ms - began_at_ms > HANDSHAKE_MS
}

/// After a handshake: a client whose certificate names an enabled user acts as that one (`tls-auth-clients-user`).
#[cold]
pub fn log_in_by_certificate(node: &Node, client: &mut Client) {
    let from = node.security.user_from.load(Relaxed);
    let Transport::Tls(stream) = &client.transport else { return };
    if from == 2 {
        return;
    }
    let Some(certificate) = stream.peer_certificate().and_then(Certificate::parse) else { return };
    let names = if from == 0 { certificate.common_name.into_iter().collect() } else { certificate.uris };
    let users = node.access.users();
    let named = names.iter().find_map(|name| users.get(name).filter(|user| user.is_enabled()).cloned());
    drop(users);
    let Some(user) = named else {
        if !names.is_empty() {
            node.security.denied.fetch_add(1, Relaxed);
        }
        return;
    };
    crate::access::act_as(&mut client.session, &mut client.meta, &user);
    client.session.authenticated = true;
    let shown = String::from_utf8_lossy(&user.name).into_owned();
    crate::log::write(crate::log::Level::Verbose, &format!("TLS: Auto-authenticated client as {shown}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_bytes_tell() {
        assert_eq!(opening(b""), Opening::Open);
        assert_eq!(opening(&[0x16]), Opening::Open);
        assert_eq!(opening(&[0x16, 3, 1]), Opening::Tls);
        assert_eq!(opening(&[0x16, 2]), Opening::Plain);
        assert_eq!(opening(b"*"), Opening::Plain);
        assert_eq!(opening(b"PING\r\n"), Opening::Plain);
    }
}
