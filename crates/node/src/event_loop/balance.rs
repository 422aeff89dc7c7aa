//! Connections move from the busiest thread to the idlest: where they are was decided when they came, by number, not by
//! what they do.
//!
//! Once a second a thread that runs far more commands than the idlest one picks the connection whose move evens out the
//! two best. Reading from it stops; as soon as neither the poller nor the client's buffers hold anything of it, it goes
//! over as it is. What the peer sends meanwhile waits in its socket. A connection that does not come to rest soon stays.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use commands::session::ReplyMode;
use sys::poller::Poller;

use super::IoThread;
use crate::client::{Client, Waiting};
use crate::dispatch::Moment;
use crate::mailbox::Mail;
use crate::state::ThreadState;

/// Commands per second by which two threads must differ before anything moves.
const DIFFERENCE_MIN: u64 = 2000;
/// Time for a connection to come to rest, ms.
const REST_MS: i64 = 20;

/// A connection that is to go to another thread.
pub(super) struct Move {
    token: u64,
    to: usize,
    until_ms: i64,
}

/// Whether nothing ties a client to its thread but its socket.
fn may_move(client: &Client) -> bool {
    matches!(client.waiting, Waiting::No)
        && client.session.authenticated
        && client.session.multi.is_none()
        && client.session.reply_mode == ReplyMode::On
        && client.session.subscriptions.is_none()
        && !client.session.is_monitor
        && client.session.watch.is_none()
        && client.session.tracking.is_none()
        && !client.meta.is_redirect_target
        && !(client.gone || client.ended || client.stopped || client.wants_write || client.meta.killed)
        && !client.session.close_after_reply
        && !client.transport.is_opening()
}

/// Whether every command that came was answered and every reply is with the poller.
fn is_at_rest(client: &Client) -> bool {
    client.input.len() == client.consumed
        && client.out.is_empty()
        && client.sealed == 0
        && !client.dirty
        && client.parser.is_idle()
}

impl IoThread {
    /// Once a second: tells the others how busy this thread is, and begins to move a connection if that is too much.
    pub(super) fn balance(&mut self, state: &mut ThreadState, moment: &Moment) {
        let threads = &self.node.threads;
        let mut mine = 0;
        for client in state.clients.iter_mut() {
            client.meta.commands_per_second = client.meta.commands - client.meta.commands_at_balance;
            client.meta.commands_at_balance = client.meta.commands;
            mine += client.meta.commands_per_second;
        }
        threads[self.index].commands_per_second.store(mine, Ordering::Relaxed);
        let load = |thread: usize| threads[thread].commands_per_second.load(Ordering::Relaxed);
        let Some(to) = (0..threads.len()).filter(|&t| t != self.index).min_by_key(|&t| load(t)) else {
            return;
        };
        let difference = mine.saturating_sub(load(to));
        if difference < DIFFERENCE_MIN.max(mine / 4) || self.moving.is_some() {
            return;
        }
        // Moving half the difference evens out; more than all of it would turn the two around.
        let best = state
            .clients
            .iter()
            .filter(|client| client.meta.commands_per_second > 0 && may_move(client))
            .filter(|client| client.meta.commands_per_second < difference)
            .min_by_key(|client| client.meta.commands_per_second.abs_diff(difference / 2));
        let Some(client) = best else { return };
        if self.poller.pause_read(client.fd.as_fd(), client.token, true).is_ok() {
            self.moving = Some(Move { token: client.token, to, until_ms: moment.now_ms + REST_MS });
        }
    }

    /// Hands a connection over once it has come to rest. Each tick while one is to move.
    pub(super) fn go_on_moving(&mut self, state: &mut ThreadState, moment: &Moment) {
        let Some(Move { token, to, until_ms }) = self.moving else { return };
        let Some(slot) = state.clients.slot_of(token) else {
            // It was closed meanwhile.
            self.moving = None;
            return;
        };
        let Some(client) = state.clients.get_mut(slot) else { return };
        let rests = may_move(client)
            && is_at_rest(client)
            && self.poller.is_at_rest(client.fd.as_fd(), token)
            && !self.ready.contains(&slot)
            && !self.waiting.contains(&slot);
        if rests {
            self.moving = None;
            self.poller.remove(client.fd.as_fd(), token);
            if let Some(mut client) = state.clients.remove(slot) {
                self.uncount(&client);
                client.meta.counted_bytes = 0;
                self.node.threads[self.index].connections.fetch_sub(1, Ordering::Relaxed);
                self.node.threads[to].connections.fetch_add(1, Ordering::Relaxed);
                state.stats.moved_connections += 1;
                self.node.threads[to].mailbox.send(Mail::Moved(client));
            }
        } else if moment.now_ms >= until_ms {
            self.moving = None;
            let _ = self.poller.pause_read(client.fd.as_fd(), token, false);
        }
    }

    /// Takes over a connection from another thread.
    pub(super) fn adopt_moved(&mut self, state: &mut ThreadState, mut client: Box<Client>, moment: &Moment) {
        client.token = state.clients.next_token();
        client.parsed_at_tick = 0;
        let is_known = crate::access::refresh(self.node, &mut client);
        let (token, added) = (client.token, self.poller.add(client.fd.as_fd(), client.token));
        if client.meta.is_redirect_target {
            // It was chosen on its way here.
            let place = crate::tracking::Place { thread: self.index, token };
            self.node.tracking.target_is_at(client.session.id, place);
        }
        state.clients.insert(client);
        if self.counts_clients() {
            self.touched.push(token as u32);
        }
        if added.is_err() || !is_known {
            self.close(state, token as u32, moment);
        }
    }
}
