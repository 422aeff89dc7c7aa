//! Replies on their way out: one write per connection and tick.

use std::os::fd::AsFd;

use sys::poller::Poller;

use super::encrypted::send_encrypted;
use super::input::READ_BYTES;
use super::{IoThread, SPARE_BUFFERS};
use crate::client::Waiting;
use crate::dispatch::Moment;
use crate::state::ThreadState;
use crate::tls::Transport;

/// Sent bytes at the front of a reply buffer that are worth moving the rest for, if that is no longer than this or the
/// reply still grows.
const SENT_DRAIN_BYTES: usize = 1024 * 1024;
/// To give back a longer buffer is left to another thread: it takes the kernel milliseconds.
const LARGE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

impl IoThread {
    /// Sends the batch's replies, one write per connection.
    pub(super) fn flush(&mut self, state: &mut ThreadState, moment: &Moment) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let Some(client) = state.clients.get_mut(slot) else { continue };
            client.dirty = false;
            if self.counts_clients() {
                self.touched.push(slot);
            }
            if !client.stopped {
                // Split borrows: the buffers go to our spare list.
                let mut taken = state.clients.take(slot).expect("it was just there");
                self.settle_input(&mut taken);
                state.clients.put_back(slot, taken);
            }
            let Some(client) = state.clients.get_mut(slot) else { continue };
            if crate::limits::hard_limit_exceeded(self.node, client) {
                // Judged before the socket takes some of it, as in Valkey: one huge reply is enough.
                state.stats.output_buffer_disconnections += 1;
                self.close(state, slot, moment);
                continue;
            }
            if !matches!(client.waiting, Waiting::Slices(_)) {
                client.sliced_bytes = 0;
            } else if crate::limits::keeps_until_whole(self.node, client) {
                continue;
            }
            let unsent = client.unsent();
            if unsent > 0 {
                state.stats.total_writes += 1;
                let sent = if matches!(client.transport, Transport::Plain) {
                    self.poller.send(client.fd.as_fd(), client.token, &client.out[client.sent..])
                } else {
                    send_encrypted(&mut self.poller, client)
                };
                match sent {
                    Ok(count) => {
                        client.sent += count;
                        client.meta.net_out_bytes += count as u64;
                        state.stats.net_output_bytes += count as u64;
                    }
                    Err(_) => client.gone = true,
                }
            }
            let grows = matches!(client.waiting, Waiting::Slices(_));
            let all_taken = client.sent == client.out.len();
            let all_sent = all_taken && client.sealed == 0;
            if all_taken {
                client.out.clear();
                client.sent = 0;
                if client.out.capacity() <= READ_BYTES * 2 {
                    if self.spare_out.len() < SPARE_BUFFERS {
                        self.spare_out.push(std::mem::take(&mut client.out));
                    } else {
                        client.out = Vec::new();
                    }
                } else {
                    let buffer = std::mem::take(&mut client.out);
                    if buffer.capacity() > LARGE_BUFFER_BYTES {
                        state.local.discard(buffer);
                    }
                }
            } else if client.sent > SENT_DRAIN_BYTES
                && (unsent <= SENT_DRAIN_BYTES || grows && client.sent > client.out.len() / 2)
            {
                client.out.drain(..client.sent);
                client.sent = 0;
            }
            if client.wants_write == all_sent && !client.gone {
                client.wants_write = !all_sent;
                let _ = self.poller.want_write(client.fd.as_fd(), client.token, !all_sent);
            }
            let over = !all_sent && crate::limits::output_exceeded(self.node, client, moment.now_ms);
            if over {
                state.stats.output_buffer_disconnections += 1;
                client.gone = true;
            }
            let answered =
                client.ended && matches!(client.waiting, Waiting::No) && !self.ready.contains(&slot);
            let done = all_sent && (client.session.close_after_reply || answered);
            if client.gone || client.meta.killed || done {
                self.close(state, slot, moment);
            } else if all_sent && client.consumed < client.input.len() && client.parser.is_idle() {
                // Commands that waited for the peer to read.
                if !self.ready.contains(&slot) {
                    self.ready.push(slot);
                }
            }
        }
        self.dirty = dirty;
        let told = std::mem::take(&mut state.listeners.untold_bytes);
        if told > 0 {
            self.node.tracking.were_told(told);
        }
    }
}
