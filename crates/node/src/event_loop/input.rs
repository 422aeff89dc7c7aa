//! From a socket's bytes to commands of the batch.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use commands::Args;
use sys::poller::{Poller, Received};
use wire::resp::parse::{Limits, Parsed, RequestParser};

use super::batch::Pending;
use super::{IoThread, SPARE_BUFFERS};
use crate::client::{Client, Waiting};
use crate::dispatch::Moment;
use crate::state::ThreadState;
use crate::tls::Transport;

/// Bytes read from one connection at a time.
pub(super) const READ_BYTES: usize = 16 * 1024;
/// Bytes read at a time while a large argument arrives.
const READ_LARGE_BYTES: usize = 1024 * 1024;
/// Commands of one connection per tick; the rest waits its turn.
const COMMANDS_PER_TICK: usize = 1024;

/// Whether the argument that arrives is one for which nothing else is read.
#[inline]
fn is_in_large_argument(client: &Client) -> bool {
    !client.parser.is_idle() && client.parser.unparsed(client.input.len()) > READ_BYTES
}

/// Room for the next part of a large argument, whose size it returns: the buffer grows twofold, but to no more than the
/// argument needs. What is announced and does not come takes no memory.
fn make_room_for_argument(client: &mut Client) -> usize {
    let (input, max) = (&mut client.input, client.wanted.min(READ_LARGE_BYTES));
    if input.capacity() - input.len() < max {
        let ample = (input.capacity() * 2).max(input.len() + READ_LARGE_BYTES);
        input.reserve_exact(ample.min(input.len() + client.wanted) - input.len());
    }
    max
}

impl IoThread {
    /// Room in a client's buffer for what is read next, whose most is returned.
    #[inline]
    pub(super) fn make_room(&mut self, client: &mut Client) -> usize {
        if client.input.capacity() == 0
            && let Some(buffer) = self.spare_in.pop()
        {
            client.input = buffer;
        }
        if client.wanted > READ_BYTES || client.wanted > 1 && is_in_large_argument(client) {
            make_room_for_argument(client)
        } else {
            READ_BYTES
        }
    }

    /// Reads what a connection has and parses it.
    #[inline]
    pub(super) fn read(&mut self, state: &mut ThreadState, slot: u32, moment: &Moment) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        if !matches!(client.transport, Transport::Plain) {
            return self.read_encrypted(state, slot, moment);
        }
        let max = self.make_room(client);
        state.stats.total_reads += 1;
        match self.poller.recv(client.fd.as_fd(), client.token, &mut client.input, max) {
            Ok(Received::Data(count)) => {
                client.meta.net_in_bytes += count as u64;
                state.stats.net_input_bytes += count as u64;
                client.meta.active_at_ms = moment.now_ms;
                client.wanted = client.wanted.saturating_sub(count);
                if self.counts_clients() {
                    self.touched.push(slot);
                }
                self.parse(state, slot);
            }
            Ok(Received::WouldBlock) => {}
            Ok(Received::Eof) => self.end_input(state, slot, moment),
            Err(_) => {
                client.gone = true;
                self.close(state, slot, moment);
            }
        }
    }

    /// The peer sends no more.
    pub(super) fn end_input(&mut self, state: &mut ThreadState, slot: u32, moment: &Moment) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        if !matches!(client.waiting, Waiting::Blocked(_) | Waiting::Paused)
            && (client.parsed_at_tick == state.stats.ticks
                || self.ready.contains(&slot)
                || !matches!(client.waiting, Waiting::No))
        {
            // Commands that came before the end are still answered; what waits for others is not.
            client.ended = true;
            let _ = self.poller.pause_read(client.fd.as_fd(), client.token, true);
            if !client.dirty {
                // Whatever comes of it, the flush looks whether the connection is done.
                client.dirty = true;
                self.dirty.push(slot);
            }
        } else {
            client.gone = true;
            self.close(state, slot, moment);
        }
    }

    /// Parses the input of connections that had some left.
    pub(super) fn take_ready(&mut self, state: &mut ThreadState, _moment: &Moment) {
        let mut ready = std::mem::take(&mut self.ready);
        for slot in ready.drain(..) {
            self.parse(state, slot);
        }
        // Parsing may have put slots onto the fresh list: keep both its contents and the allocation.
        std::mem::swap(&mut ready, &mut self.ready);
        self.ready.append(&mut ready);
    }

    /// Turns a connection's input into commands of the batch.
    #[inline]
    pub(super) fn parse(&mut self, state: &mut ThreadState, slot: u32) {
        let Some(client) = state.clients.get_mut(slot) else { return };
        if !matches!(client.waiting, Waiting::No) || client.stopped || client.session.close_after_reply {
            let most = self.node.settings.query_buffer_max_bytes.load(Ordering::Relaxed) as usize;
            if client.input.len() - client.consumed > most {
                state.stats.query_buffer_disconnections += 1;
                client.meta.killed = true;
                client.dirty = true;
                self.dirty.push(slot);
            }
            return;
        }
        if client.unsent() > crate::limits::pause_bytes(self.node) {
            // The peer does not read: its commands wait until it does.
            return;
        }
        if client.parsed_at_tick == state.stats.ticks {
            // Its commands of this batch have yet to run, and would be parsed (and run) again: the rest comes next.
            if !self.ready.contains(&slot) {
                self.ready.push(slot);
            }
            return;
        }
        client.parsed_at_tick = state.stats.ticks;
        if client.memcached.is_some() {
            return self.parse_memcached(state, slot);
        }
        let node = self.node;
        let limits = Limits {
            max_bulk_bytes: node.settings.proto_max_bulk_bytes.load(Ordering::Relaxed),
            authenticated: client.session.authenticated || node.access.is_open(),
            ..Limits::default()
        };
        let mut at = client.consumed;
        if client.ended && !client.dirty {
            // Whatever comes of it, the flush looks whether the connection is done.
            client.dirty = true;
            self.dirty.push(slot);
        }
        for _ in 0..COMMANDS_PER_TICK {
            if at >= client.input.len() {
                return;
            }
            if client.input[at] != b'*' && client.parser.is_idle() {
                super::inline::rewrite(&mut client.input, at, &limits);
            }
            let first_span = self.spans.len();
            match client.parser.parse(&mut client.input, at, &limits, &mut self.spans) {
                Ok(Parsed::Complete { next }) => {
                    let span_count = self.spans.len() - first_span;
                    let mut pending = Pending {
                        slot,
                        generation: (client.token >> 32) as u32,
                        command: u16::MAX,
                        first_span: first_span as u32,
                        span_count: span_count as u32,
                        next: next as u32,
                        key_arg: 0,
                        element_arg: 0,
                        shard: 0,
                        order: 0,
                    };
                    if span_count > 0 {
                        let args = Args::new(&client.input, &self.spans[first_span..]);
                        if let Ok(number) = node.registry.find(&args) {
                            pending.command = number;
                        }
                    }
                    self.batch.push(pending);
                    at = next;
                }
                Ok(Parsed::Incomplete { wanted }) => {
                    client.wanted = wanted;
                    let most = node.settings.query_buffer_max_bytes.load(Ordering::Relaxed) as usize;
                    // Arguments that came whole do not count: only what is still incomplete can grow for ever.
                    if client.parser.unparsed(client.input.len()) > most {
                        state.stats.query_buffer_disconnections += 1;
                        client.meta.killed = true;
                        client.dirty = true;
                        self.dirty.push(slot);
                    }
                    return;
                }
                Err(error) => {
                    // Answered in its turn, behind the commands before it.
                    self.batch.push(Pending {
                        slot,
                        generation: (client.token >> 32) as u32,
                        command: u16::MAX,
                        first_span: first_span as u32,
                        span_count: 0,
                        next: u32::MAX,
                        key_arg: 0,
                        element_arg: 0,
                        shard: 0,
                        order: 0,
                    });
                    client.protocol_error = Some(error);
                    return;
                }
            }
        }
        self.ready.push(slot);
    }

    /// Drops the input that was executed; what was parsed behind it is parsed again.
    #[inline]
    pub(super) fn settle_input(&mut self, client: &mut Client) {
        if client.consumed == 0 {
            if client.stopped {
                client.parser = RequestParser::default();
            }
            return;
        }
        if client.stopped {
            client.parser = RequestParser::default();
        }
        if client.consumed >= client.input.len() {
            client.input.clear();
            client.consumed = 0;
            if client.input.capacity() <= READ_BYTES * 2 {
                if self.spare_in.len() < SPARE_BUFFERS {
                    self.spare_in.push(std::mem::take(&mut client.input));
                } else {
                    client.input = Vec::new();
                }
            } else {
                client.input = Vec::new();
            }
            return;
        }
        let consumed = client.consumed;
        client.input.drain(..consumed);
        client.parser.rebase(consumed);
        client.consumed = 0;
    }
}
