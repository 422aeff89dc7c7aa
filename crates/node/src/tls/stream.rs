//! One connection's TLS: ciphertext in and plaintext out, and the other way round. It knows no socket.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

/// Plaintext that is encrypted ahead of what the socket takes.
const SEAL_BYTES: usize = 64 * 1024;

/// The TLS state of one connection.
pub struct Stream {
    tls: ServerConnection,
    /// Ciphertext for the peer, from `sent` on.
    pending: Vec<u8>,
    sent: usize,
    /// Unix ms of the first byte that could be a handshake's.
    began_at_ms: i64,
    /// The peer broke the rules, or was refused: nothing more is said to it but why.
    failed: bool,
}

/// What a piece of ciphertext brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Bytes of plaintext.
    pub plain: usize,
    /// The handshake ended well.
    pub connected: bool,
    /// The peer said that it sends no more.
    pub ended: bool,
}

impl Stream {
    /// The server's side of a connection whose handshake is to come.
    pub fn new(config: Arc<ServerConfig>, now_ms: i64) -> Result<Self, rustls::Error> {
        let tls = ServerConnection::new(config)?;
        Ok(Stream { tls, pending: Vec::new(), sent: 0, began_at_ms: now_ms, failed: false })
    }

    /// Whether the peer may not send commands yet.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// When the handshake began, Unix ms.
    pub fn began_at_ms(&self) -> i64 {
        self.began_at_ms
    }

    /// Bytes of ciphertext that the socket has not taken.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len() - self.sent
    }

    /// Heap bytes, those of the library estimated.
    pub fn memory_bytes(&self) -> usize {
        const STATE_BYTES: usize = 4096;
        size_of::<Stream>() + STATE_BYTES + self.pending.capacity()
    }

    /// The peer's certificate in DER, if it showed one.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.tls.peer_certificates()?.first().map(|certificate| certificate.as_ref())
    }

    /// Takes all of what the socket had, and appends the plaintext in it to `into`: none of it stays here, so that
    /// nothing waits for a socket that has no more. What the protocol has to say to it is pending then, also after an
    /// error.
    pub fn feed(&mut self, mut bytes: &[u8], into: &mut Vec<u8>) -> Result<Fed, rustls::Error> {
        let (from, was_handshaking) = (into.len(), self.is_handshaking());
        let mut ended = false;
        while !bytes.is_empty() && !ended {
            if self.tls.read_tls(&mut bytes).map_err(|error| rustls::Error::General(error.to_string()))? == 0
            {
                break;
            }
            let state = self.tls.process_new_packets();
            self.collect();
            let state = state.inspect_err(|_| self.failed = true)?;
            if state.plaintext_bytes_to_read() > 0 {
                self.take_plaintext(into, state.plaintext_bytes_to_read());
            }
            ended = state.peer_has_closed();
        }
        let connected = was_handshaking && !self.is_handshaking();
        Ok(Fed { plain: into.len() - from, connected, ended })
    }

    fn take_plaintext(&mut self, into: &mut Vec<u8>, bytes: usize) {
        if into.capacity() - into.len() < bytes && into.len() > SEAL_BYTES {
            // The buffer of a large argument does not double for the few bytes behind it.
            into.reserve_exact(bytes);
        }
        let mut reader = self.tls.reader();
        while let Ok(piece) = reader.fill_buf() {
            let length = piece.len();
            if length == 0 {
                break;
            }
            into.extend_from_slice(piece);
            reader.consume(length);
        }
    }

    /// Moves what the library has for the peer to `pending`.
    fn collect(&mut self) {
        while self.tls.wants_write() {
            // Into memory: it takes everything and cannot fail.
            if self.tls.write_tls(&mut self.pending).unwrap_or(0) == 0 {
                break;
            }
        }
    }

    /// Sends pending ciphertext through `put`, which says how many bytes it took, and encrypts `plain` as long as there
    /// is room for it; no more than `most` bytes of that. Returns how many of them are encrypted.
    pub fn send(
        &mut self,
        plain: &[u8],
        most: usize,
        mut put: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let plain = &plain[..plain.len().min(most)];
        let mut taken = 0;
        loop {
            while self.sent < self.pending.len() {
                match put(&self.pending[self.sent..])? {
                    0 => return Ok(taken),
                    count => self.sent += count,
                }
            }
            self.pending.clear();
            self.sent = 0;
            if taken == plain.len() || self.is_handshaking() || self.failed {
                break;
            }
            let end = plain.len().min(taken + SEAL_BYTES);
            taken += self.tls.writer().write(&plain[taken..end])?;
            self.collect();
            if self.pending.is_empty() {
                break;
            }
        }
        // Idle connections hold no buffer.
        self.pending = Vec::new();
        Ok(taken)
    }

    /// Says goodbye: after this, nothing more can be sent.
    pub fn end(&mut self) {
        if !self.is_handshaking() && !self.failed {
            self.tls.send_close_notify();
            self.collect();
        }
    }
}

#[cfg(test)]
mod tests;
