//! What the ring poller keeps of one registered descriptor.

use super::buffers::{BufferId, Buffers};
use crate::poller::Token;
use std::os::fd::{OwnedFd, RawFd};

/// Bytes `send` takes for one connection before it says 0.
pub(super) const SEND_QUEUE_BYTES_MAX: usize = 256 * 1024;
/// Input kept for a caller who does not fetch it before receiving stops.
pub(super) const UNREAD_BYTES_MAX: usize = 64 * 1024;
/// Buffers bigger than this are not kept for the next connection.
const POOLED_BYTES_MAX: usize = 64 * 1024;
const POOL_BUFFERS_MAX: usize = 64;

const NO_BUFFER: BufferId = BufferId::MAX;

/// How a descriptor's input arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The ring receives ahead of the caller.
    Receive,
    /// A stream the ring cannot receive from ahead: it tells of readiness and `recv` reads.
    Poll,
    /// The ring tells of readiness, the caller reads and writes by itself.
    Watch,
}

/// State of the one receive or poll request of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The kernel has none.
    Idle,
    /// The kernel has it.
    Armed,
    /// It was asked to give it up; the last completion is still to come.
    Cancelling,
}

/// One slot of the poller's table. A slot is free when not live and without requests in the kernel.
pub(super) struct Connection {
    pub(super) fd: RawFd,
    pub(super) token: Token,
    /// Goes up with each use of the slot.
    pub(super) generation: u32,
    pub(super) live: bool,
    pub(super) mode: Mode,
    pub(super) request: Request,
    pub(super) paused: bool,
    pub(super) want_write: bool,
    /// What the latest poll found, until `wait` asks again.
    pub(super) poll_ready: bool,
    pub(super) poll_writable: bool,
    pub(super) poll_hangup: bool,
    /// Whether the poll in the kernel asks for writability too.
    pub(super) poll_for_write: bool,
    pub(super) eof: bool,
    pub(super) eof_told: bool,
    pub(super) recv_error: i32,
    pub(super) send_error: i32,
    pub(super) closed_told: bool,

    /// Filled buffers in order of arrival; how much of the first was fetched.
    first_buffer: BufferId,
    last_buffer: BufferId,
    first_from: usize,
    /// Input moved out of the shared buffers because the caller left it; older than any buffer.
    spill: Vec<u8>,
    spill_from: usize,

    /// Being sent: not touched while `in_flight`.
    pub(super) sending: Vec<u8>,
    pub(super) sent: usize,
    pub(super) in_flight: bool,
    /// The request in flight says nothing when it succeeds.
    pub(super) quick: bool,
    /// The socket was full: the rest has to wait for room.
    pub(super) socket_full: bool,
    /// Taken while `sending` was in flight.
    pub(super) queued: Vec<u8>,
    /// Keeps the socket open after `remove` until everything taken is sent.
    pub(super) linger: Option<OwnedFd>,

    /// Whether the slot is on the poller's lists; these outlive one use of the slot.
    pub(super) has_work: bool,
    pub(super) has_attention: bool,
}

/// For each buffer the next of the same connection and the bytes received in it.
pub(super) struct Chains {
    next: Vec<BufferId>,
    length: Vec<u32>,
}

impl Chains {
    pub(super) fn new(buffers: usize) -> Self {
        Chains { next: vec![NO_BUFFER; buffers], length: vec![0; buffers] }
    }
}

/// Send buffers without a connection: an idle connection holds none.
#[derive(Default)]
pub(super) struct Pool {
    free: Vec<Vec<u8>>,
}

impl Pool {
    fn take(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_default()
    }

    fn put(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        if (1..=POOLED_BYTES_MAX).contains(&buffer.capacity()) && self.free.len() < POOL_BUFFERS_MAX {
            self.free.push(buffer);
        }
    }
}

impl Connection {
    pub(super) fn vacant() -> Self {
        Connection {
            fd: -1,
            token: 0,
            generation: 0,
            live: false,
            mode: Mode::Poll,
            request: Request::Idle,
            paused: false,
            want_write: false,
            poll_ready: false,
            poll_writable: false,
            poll_hangup: false,
            poll_for_write: false,
            eof: false,
            eof_told: false,
            recv_error: 0,
            send_error: 0,
            closed_told: false,
            first_buffer: NO_BUFFER,
            last_buffer: NO_BUFFER,
            first_from: 0,
            spill: Vec::new(),
            spill_from: 0,
            sending: Vec::new(),
            sent: 0,
            in_flight: false,
            quick: false,
            socket_full: false,
            queued: Vec::new(),
            linger: None,
            has_work: false,
            has_attention: false,
        }
    }

    /// Starts a new use of a free slot.
    pub(super) fn reset(&mut self, fd: RawFd, token: Token, mode: Mode) {
        debug_assert!(self.is_free() && !self.has_input());
        let (generation, has_work, has_attention) =
            (self.generation.wrapping_add(1), self.has_work, self.has_attention);
        *self =
            Connection { fd, token, generation, live: true, mode, has_work, has_attention, ..Self::vacant() };
    }

    /// Whether nothing in the kernel or at the caller's refers to the slot.
    pub(super) fn is_free(&self) -> bool {
        !self.live && self.request == Request::Idle && !self.in_flight && self.linger.is_none()
    }

    pub(super) fn has_buffers(&self) -> bool {
        self.first_buffer != NO_BUFFER
    }

    pub(super) fn spilled_bytes(&self) -> usize {
        self.spill.len() - self.spill_from
    }

    /// Whether received bytes wait to be fetched.
    pub(super) fn has_input(&self) -> bool {
        self.has_buffers() || self.spilled_bytes() > 0
    }

    /// Bytes taken by `send` and not sent yet.
    pub(super) fn backlog_bytes(&self) -> usize {
        self.sending.len() - self.sent + self.queued.len()
    }

    /// Whether the kernel should be receiving, or polling, for this connection.
    pub(super) fn should_request(&self) -> bool {
        let open = self.live && !self.paused && !self.eof && self.recv_error == 0;
        match self.mode {
            Mode::Receive => open && self.spilled_bytes() < UNREAD_BYTES_MAX,
            Mode::Poll => open && !self.poll_ready,
            Mode::Watch => {
                self.live && (!self.paused || self.want_write) && !self.poll_ready && !self.poll_writable
            }
        }
    }

    /// Whether the request in the kernel is not the one that is needed.
    pub(super) fn should_cancel(&self) -> bool {
        !self.should_request() || self.poll_for_write != self.wants_poll_for_write()
    }

    pub(super) fn wants_poll_for_write(&self) -> bool {
        self.mode == Mode::Watch && self.want_write
    }

    /// Forgets what the latest poll found. Returns whether it had found something.
    pub(super) fn forget_poll(&mut self) -> bool {
        let found = self.poll_ready || self.poll_writable;
        (self.poll_ready, self.poll_writable, self.poll_hangup) = (false, false, false);
        found
    }

    pub(super) fn is_readable(&self) -> bool {
        let told_or_none = !self.eof || self.eof_told;
        !self.paused && (self.has_input() || self.poll_ready || !told_or_none || self.recv_error != 0)
    }

    pub(super) fn is_writable(&self) -> bool {
        self.want_write
            && self.send_error == 0
            && match self.mode {
                Mode::Watch => self.poll_writable,
                Mode::Receive | Mode::Poll => self.backlog_bytes() <= SEND_QUEUE_BYTES_MAX / 2,
            }
    }

    /// Whether the connection ended, in either direction.
    pub(super) fn is_closed(&self) -> bool {
        ((self.eof || self.poll_hangup) && !self.paused) || self.recv_error != 0 || self.send_error != 0
    }

    /// Whether `wait` has something to report.
    pub(super) fn is_reportable(&self) -> bool {
        self.live && (self.is_readable() || self.is_writable() || (self.is_closed() && !self.closed_told))
    }

    /// Appends a filled buffer to the input.
    pub(super) fn push_buffer(&mut self, chains: &mut Chains, id: BufferId, length: u32) {
        chains.next[usize::from(id)] = NO_BUFFER;
        chains.length[usize::from(id)] = length;
        if self.last_buffer == NO_BUFFER {
            self.first_buffer = id;
            self.first_from = 0;
        } else {
            chains.next[usize::from(self.last_buffer)] = id;
        }
        self.last_buffer = id;
    }

    /// Unlinks the first buffer and puts it back into the ring.
    fn pop_buffer(&mut self, chains: &Chains, buffers: &mut Buffers) {
        let id = self.first_buffer;
        self.first_buffer = chains.next[usize::from(id)];
        self.first_from = 0;
        if self.first_buffer == NO_BUFFER {
            self.last_buffer = NO_BUFFER;
        }
        buffers.recycle(id);
    }

    /// Moves at most `max` bytes of input to `into`, oldest first. Returns how many.
    pub(super) fn fetch(
        &mut self,
        chains: &Chains,
        buffers: &mut Buffers,
        into: &mut Vec<u8>,
        max: usize,
    ) -> usize {
        let mut left = max;
        if self.spill_from < self.spill.len() {
            let take = left.min(self.spilled_bytes());
            into.extend_from_slice(&self.spill[self.spill_from..self.spill_from + take]);
            self.spill_from += take;
            left -= take;
            if self.spill_from == self.spill.len() {
                self.spill = Vec::new();
                self.spill_from = 0;
            }
        }
        while left > 0 && self.first_buffer != NO_BUFFER {
            let length = chains.length[usize::from(self.first_buffer)] as usize;
            let take = left.min(length - self.first_from);
            into.extend_from_slice(buffers.bytes(self.first_buffer, self.first_from, self.first_from + take));
            self.first_from += take;
            left -= take;
            if self.first_from == length {
                self.pop_buffer(chains, buffers);
            }
        }
        max - left
    }

    /// Moves input out of the shared buffers into memory of the connection's own.
    pub(super) fn spill_buffers(&mut self, chains: &Chains, buffers: &mut Buffers) {
        if self.spill_from > 0 {
            self.spill.drain(..self.spill_from);
            self.spill_from = 0;
        }
        while self.first_buffer != NO_BUFFER {
            let length = chains.length[usize::from(self.first_buffer)] as usize;
            self.spill.extend_from_slice(buffers.bytes(self.first_buffer, self.first_from, length));
            self.pop_buffer(chains, buffers);
        }
    }

    /// Drops all input.
    pub(super) fn discard_input(&mut self, chains: &Chains, buffers: &mut Buffers) {
        while self.first_buffer != NO_BUFFER {
            self.pop_buffer(chains, buffers);
        }
        self.spill = Vec::new();
        self.spill_from = 0;
    }

    /// Takes a prefix of `bytes` into the send queue. Returns its length.
    pub(super) fn queue(&mut self, pool: &mut Pool, bytes: &[u8]) -> usize {
        let room = SEND_QUEUE_BYTES_MAX.saturating_sub(self.backlog_bytes());
        let take = room.min(bytes.len());
        let target = if self.in_flight { &mut self.queued } else { &mut self.sending };
        if take > 0 && target.capacity() == 0 {
            *target = pool.take();
        }
        target.extend_from_slice(&bytes[..take]);
        take
    }

    /// Whether a send request should be given to the kernel.
    pub(super) fn should_send(&self) -> bool {
        !self.in_flight && self.send_error == 0 && self.sent < self.sending.len()
    }

    /// Whether everything taken so far is with the socket and nothing speaks against more.
    pub(super) fn is_drained(&self) -> bool {
        self.send_error == 0 && !self.in_flight && self.backlog_bytes() == 0
    }

    /// Whether the kernel and the poller hold nothing of the connection.
    pub(super) fn is_at_rest(&self) -> bool {
        self.request == Request::Idle
            && !self.has_input()
            && self.is_drained()
            && !self.eof
            && self.recv_error == 0
    }

    /// Whether silence about success will do: nobody waits for it.
    pub(super) fn may_send_quickly(&self) -> bool {
        self.live && !self.want_write && !self.socket_full
    }

    /// Notes that `count` more bytes left; when all did, the queue moves up and spare buffers go to the pool.
    pub(super) fn advance_sent(&mut self, pool: &mut Pool, count: usize) {
        self.sent += count;
        debug_assert!(self.sent <= self.sending.len() && !self.in_flight);
        if self.sent < self.sending.len() {
            return;
        }
        self.sent = 0;
        self.socket_full = false;
        let next = std::mem::take(&mut self.queued);
        pool.put(std::mem::replace(&mut self.sending, next));
    }

    /// Drops what was not sent. Not while a request is in flight.
    pub(super) fn discard_output(&mut self, pool: &mut Pool) {
        debug_assert!(!self.in_flight);
        self.sent = 0;
        pool.put(std::mem::take(&mut self.sending));
        pool.put(std::mem::take(&mut self.queued));
    }
}
