//! Connections over TLS: what stands between their socket and their buffers.
//!
//! What a socket gives at a time is decrypted as a whole, so plaintext never waits for a socket that has no more.
//! Replies are encrypted when the socket takes them, a little ahead. Handshakes are dear: those beyond a tick's share
//! are left in their sockets, and the poller reports them again.

use std::os::fd::AsFd;

use sys::clock::mono_ns;
use sys::poller::{AnyPoller, Poller, Received};

use super::IoThread;
use super::input::READ_BYTES;
use crate::client::Client;
use crate::dispatch::Moment;
use crate::state::ThreadState;
use crate::tls::stream::Stream;
use crate::tls::{Opening, Transport, opening};

/// Steps of handshakes per tick and thread, and the time that they may take together before the rest has to wait, ns.
const HANDSHAKE_STEPS: u32 = 16;
const HANDSHAKES_NS: u64 = 1_000_000;
/// Plaintext encrypted per connection and tick.
const SEND_BYTES: usize = 1024 * 1024;

/// What handshakes took of a tick.
#[derive(Default)]
pub(super) struct Handshakes {
    steps: u32,
    spent_ns: u64,
}

impl Handshakes {
    fn is_spent(&self) -> bool {
        self.steps >= HANDSHAKE_STEPS || self.spent_ns >= HANDSHAKES_NS
    }
}

impl IoThread {
    /// [`IoThread::read`] for a connection that is not, or may not be, plain.
    pub(super) fn read_encrypted(&mut self, state: &mut ThreadState, slot: u32, moment: &Moment) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        let is_opening = client.transport.is_opening();
        if is_opening && self.handshakes.is_spent() {
            return;
        }
        let max = if is_opening { READ_BYTES } else { self.make_room(client) };
        state.stats.total_reads += 1;
        self.ciphertext.clear();
        match self.poller.recv(client.fd.as_fd(), client.token, &mut self.ciphertext, max) {
            Ok(Received::Data(_)) => {}
            Ok(Received::WouldBlock) => return,
            Ok(Received::Eof) => return self.end_input(state, slot, moment),
            Err(_) => {
                client.gone = true;
                return self.close(state, slot, moment);
            }
        }
        if let Transport::Undecided(_) = client.transport {
            // A single byte may have come before.
            self.ciphertext.splice(..0, client.input.drain(..));
            match opening(&self.ciphertext) {
                Opening::Open => client.input.extend_from_slice(&self.ciphertext),
                Opening::Plain => {
                    client.transport = Transport::Plain;
                    client.input.extend_from_slice(&self.ciphertext);
                    self.took(state, slot, self.ciphertext.len(), moment);
                }
                Opening::Tls => {
                    let loaded = self.node.security.loaded();
                    match loaded.and_then(|loaded| Stream::new(loaded.config.clone(), moment.now_ms).ok()) {
                        Some(stream) => {
                            client.transport = Transport::Tls(Box::new(stream));
                            self.feed(state, slot, moment);
                        }
                        None => self.close(state, slot, moment),
                    }
                }
            }
            return;
        }
        self.feed(state, slot, moment);
    }

    /// Decrypts what was just read.
    fn feed(&mut self, state: &mut ThreadState, slot: u32, moment: &Moment) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        let Transport::Tls(stream) = &mut client.transport else { return };
        let began_ns = stream.is_handshaking().then(mono_ns);
        let fed = stream.feed(&self.ciphertext, &mut client.input);
        client.sealed = stream.pending_bytes();
        if let Some(began_ns) = began_ns {
            self.handshakes.steps += 1;
            self.handshakes.spent_ns += mono_ns() - began_ns;
        }
        let fed = match fed {
            Ok(fed) => fed,
            Err(error) => {
                // The peer is told why, if its socket takes that at once.
                let _ = send_encrypted(&mut self.poller, client);
                self.node.security.note_failure(&error.to_string(), client, moment.now_ms);
                client.gone = true;
                return self.close(state, slot, moment);
            }
        };
        if client.sealed > 0 && !client.dirty {
            client.dirty = true;
            self.dirty.push(slot);
        }
        if fed.connected {
            crate::tls::log_in_by_certificate(self.node, client);
        }
        if fed.plain > 0 {
            self.took(state, slot, fed.plain, moment);
        }
        if fed.ended {
            self.end_input(state, slot, moment);
        }
    }

    /// Plaintext was added to a client's input.
    fn took(&mut self, state: &mut ThreadState, slot: u32, count: usize, moment: &Moment) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        client.meta.net_in_bytes += count as u64;
        state.stats.net_input_bytes += count as u64;
        client.meta.active_at_ms = moment.now_ms;
        client.wanted = client.wanted.saturating_sub(count);
        if self.counts_clients() {
            self.touched.push(slot);
        }
        self.parse(state, slot);
    }
}

/// Encrypts and sends what a client is to get, as far as its socket takes it. Returns how much of `out` is encrypted.
pub(super) fn send_encrypted(poller: &mut AnyPoller, client: &mut Client) -> std::io::Result<usize> {
    let Client { fd, token, transport, out, sent, sealed, .. } = client;
    let Transport::Tls(stream) = transport else { return Ok(0) };
    let taken = stream.send(&out[*sent..], SEND_BYTES, |bytes| poller.send(fd.as_fd(), *token, bytes));
    *sealed = stream.pending_bytes();
    taken
}

/// Before the end of a connection: tells the peer that nothing was cut off, if its socket takes that at once.
pub(super) fn say_goodbye(poller: &mut AnyPoller, client: &mut Client) {
    let Transport::Tls(stream) = &mut client.transport else { return };
    stream.end();
    let _ = stream.send(&[], 0, |bytes| poller.send(client.fd.as_fd(), client.token, bytes));
}
