//! The poller over io_uring(7): all input received ahead, all output of a loop turn sent, by the one
//! `io_uring_enter` inside `wait`.
//!
//! Every stream socket has one multishot receive in the kernel, which writes into buffers shared by all
//! connections; `recv` copies from there. `send` copies into a queue of the connection and the next `wait` hands
//! it over, one request per connection at a time, so that order is kept whatever the kernel does. Listeners and
//! eventfds have a one-shot poll that is renewed while the caller stays interested, which makes it
//! level-triggered. Where multishot receive or buffer rings are missing, streams are polled the same way and read
//! by `recv(2)`.
//!
//! Requests outlive `remove`: a slot of the table is used again only after the last completion of its requests,
//! and every request carries the slot's generation as a second lock. Requests are queued inside `wait` only, so
//! none ever names a descriptor the caller has closed since.
//!
//! What was taken by `send` before `remove` is still delivered: a copy of the descriptor keeps the socket open
//! until then, for [`LINGER`] at most.

mod buffers;
mod connection;
mod ring;

use super::epoll::{recv_into, send_now, send_parts_now};
use super::{Event, Poller, Received, Token};
use buffers::Buffers;
use connection::{Chains, Connection, Mode, Pool, Request};
use io_uring::{cqueue, opcode, types};
use ring::{Ring, send_patient, send_quick};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long output may outlive `remove`.
pub const LINGER: Duration = Duration::from_secs(10);

/// Output this big is worth a system call of its own, which saves the copy.
const DIRECT_BYTES_MIN: usize = 16 * 1024;

/// The one group of buffers.
const GROUP: u16 = 0;
/// In the table from descriptors to slots.
const NO_SLOT: u32 = u32::MAX;

/// Sizes of a ring poller.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests that fit into one submission; more take further system calls.
    pub submissions: u32,
    /// Completions the kernel can leave at a time; more wait inside it.
    pub completions: u32,
    /// Receive buffers at most; a power of two.
    pub buffers: u16,
    /// Receive buffers to begin with; the number doubles whenever they run out.
    pub buffers_at_first: u16,
    /// Size of one receive buffer.
    pub buffer_bytes: usize,
    /// Use multishot receive if the kernel has it. Off is for tests of the way without.
    pub multishot: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            submissions: 512,
            completions: 4096,
            buffers: 1024,
            buffers_at_first: 64,
            buffer_bytes: 16 * 1024,
            multishot: true,
        }
    }
}

/// A poller over one ring. Bound to the thread of its first `wait`.
pub struct Uring {
    ring: Ring,
    multishot: bool,
    buffers: Buffers,
    chains: Chains,
    pool: Pool,
    connections: Vec<Connection>,
    free_slots: Vec<u32>,
    /// By descriptor number.
    slots: Vec<u32>,
    /// Slots whose requests may have to change.
    work: Vec<u32>,
    /// Slots that may have something to report.
    attention: Vec<u32>,
    /// Slots removed with output left, and when to give it up.
    lingering: Vec<(u32, Instant)>,
    /// Slots with a send in flight that is silent about success.
    quick_sends: Vec<u32>,
    /// Requests in the kernel whose last completion has not come.
    outstanding: usize,
    starved: bool,
}

/// What a request was for; kept in the high byte of its user data.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Purpose {
    Receive = 1,
    Poll = 2,
    Send = 3,
    Cancel = 4,
}

impl Purpose {
    fn user_data(self, slot: u32, generation: u32) -> u64 {
        u64::from(self as u8) << 56 | u64::from(generation & 0xff_ffff) << 32 | u64::from(slot)
    }

    fn of(user_data: u64) -> Option<Self> {
        [Purpose::Receive, Purpose::Poll, Purpose::Send, Purpose::Cancel]
            .into_iter()
            .find(|purpose| *purpose as u8 == (user_data >> 56) as u8)
    }
}

impl Uring {
    /// Sets up a ring; fails when the kernel forbids io_uring or lacks what is needed for it to be of use.
    pub fn open(options: Options) -> io::Result<Self> {
        let ring = Ring::open(options.submissions, options.completions)?;
        let mut buffers = Buffers::new(options.buffers, options.buffer_bytes, options.buffers_at_first)?;
        buffers.publish();
        // SAFETY: the buffer ring stays mapped until the poller's drop, which either sees every request end
        // before or leaves the mapping in place.
        let registered = unsafe {
            ring.io.submitter().register_buf_ring_with_flags(
                buffers.ring_address(),
                buffers.entries(),
                GROUP,
                0,
            )
        };
        let multishot = options.multishot && ring.multishot && registered.is_ok();
        Ok(Uring {
            ring,
            multishot,
            chains: Chains::new(usize::from(options.buffers)),
            buffers,
            pool: Pool::default(),
            connections: Vec::new(),
            free_slots: Vec::new(),
            slots: Vec::new(),
            work: Vec::new(),
            attention: Vec::new(),
            lingering: Vec::new(),
            quick_sends: Vec::new(),
            outstanding: 0,
            starved: false,
        })
    }

    /// Whether the kernel has everything that makes this faster than epoll.
    pub fn is_complete(&self) -> bool {
        self.multishot && self.ring.deferred
    }

    fn register(&mut self, fd: BorrowedFd<'_>, token: Token, mode: Mode) -> io::Result<()> {
        let index = fd.as_raw_fd() as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, NO_SLOT);
        }
        if self.slots[index] != NO_SLOT {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.connections.push(Connection::vacant());
            self.connections.len() as u32 - 1
        });
        self.connections[slot as usize].reset(fd.as_raw_fd(), token, mode);
        self.slots[index] = slot;
        self.add_work(slot);
        Ok(())
    }

    /// The slot of a registered descriptor; an error when it is not, or not with this token.
    #[inline]
    fn slot(&self, fd: BorrowedFd<'_>, token: Token) -> io::Result<u32> {
        match self.slots.get(fd.as_raw_fd() as usize) {
            Some(&slot) if slot != NO_SLOT && self.connections[slot as usize].token == token => Ok(slot),
            _ => Err(io::Error::from_raw_os_error(libc::ENOENT)),
        }
    }

    #[inline]
    fn add_work(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        if !connection.has_work {
            connection.has_work = true;
            self.work.push(slot);
        }
    }

    #[inline]
    fn add_attention(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        if !connection.has_attention {
            connection.has_attention = true;
            self.attention.push(slot);
        }
    }

    /// Puts a slot without requests, live connection or lingering output up for use.
    fn release_if_free(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        if connection.is_free() && connection.fd != -1 {
            connection.fd = -1;
            connection.discard_output(&mut self.pool);
            self.free_slots.push(slot);
        }
    }

    /// Goes through what was reported last time: what the caller left is moved out of the shared buffers and
    /// reported again. Returns whether there is anything to report already.
    fn settle_attention(&mut self) -> bool {
        let mut ready = false;
        let mut list = std::mem::take(&mut self.attention);
        list.retain(|&slot| {
            let connection = &mut self.connections[slot as usize];
            // Ask again: the answer comes at once if it is still so.
            if connection.forget_poll() && !connection.has_work {
                connection.has_work = true;
                self.work.push(slot);
            }
            if connection.has_buffers() {
                connection.spill_buffers(&self.chains, &mut self.buffers);
                if !connection.should_request() && !connection.has_work {
                    connection.has_work = true;
                    self.work.push(slot);
                }
            }
            let keep = connection.is_reportable();
            connection.has_attention = keep;
            ready |= keep;
            keep
        });
        self.attention = list;
        ready
    }

    /// Brings the kernel's requests in line with what each connection on the list needs.
    fn submit_work(&mut self) -> io::Result<()> {
        if self.starved {
            self.starved = false;
            self.buffers.grow();
        }
        self.buffers.publish();
        let mut list = std::mem::take(&mut self.work);
        let mut done = 0;
        let mut outcome = Ok(());
        for &slot in &list {
            outcome = self.submit_for(slot);
            if outcome.is_err() {
                break;
            }
            self.connections[slot as usize].has_work = false;
            done += 1;
        }
        list.drain(..done);
        // What an error left over, and what came meanwhile.
        list.append(&mut self.work);
        self.work = list;
        outcome
    }

    fn submit_for(&mut self, slot: u32) -> io::Result<()> {
        let connection = &mut self.connections[slot as usize];
        let generation = connection.generation;
        if connection.should_send() {
            let user_data = Purpose::Send.user_data(slot, generation);
            let rest = &connection.sending[connection.sent..];
            let quick = self.ring.quick_send && connection.may_send_quickly();
            let request =
                if quick { send_quick(connection.fd, rest) } else { send_patient(connection.fd, rest) };
            // SAFETY: `sending` is neither changed nor dropped while `in_flight`.
            unsafe { self.ring.push(&request.user_data(user_data)) }?;
            connection.in_flight = true;
            connection.quick = quick;
            if quick {
                self.quick_sends.push(slot);
            }
            self.outstanding += 1;
        }
        let purpose = match connection.mode {
            Mode::Receive => Purpose::Receive,
            Mode::Poll | Mode::Watch => Purpose::Poll,
        };
        let user_data = purpose.user_data(slot, generation);
        match connection.request {
            Request::Idle if connection.should_request() => {
                let fd = types::Fd(connection.fd);
                let request = if purpose == Purpose::Receive {
                    opcode::RecvMulti::new(fd, GROUP).build()
                } else {
                    connection.poll_for_write = connection.wants_poll_for_write();
                    let read = if connection.paused { 0 } else { libc::POLLIN | libc::POLLRDHUP };
                    let write = if connection.poll_for_write { libc::POLLOUT } else { 0 };
                    opcode::PollAdd::new(fd, (read | write) as u32).build()
                };
                // SAFETY: writes only to the registered buffers, which live as long as requests do.
                unsafe { self.ring.push(&request.user_data(user_data)) }?;
                connection.request = Request::Armed;
                self.outstanding += 1;
            }
            Request::Armed if connection.should_cancel() => {
                self.cancel(slot, purpose)?;
                self.connections[slot as usize].request = Request::Cancelling;
            }
            _ => {}
        }
        Ok(())
    }

    /// Asks the kernel to give up a request; its own last completion still comes.
    fn cancel(&mut self, slot: u32, purpose: Purpose) -> io::Result<()> {
        let generation = self.connections[slot as usize].generation;
        let request = opcode::AsyncCancel::new(purpose.user_data(slot, generation))
            .build()
            .user_data(Purpose::Cancel.user_data(slot, generation));
        // SAFETY: names no memory.
        unsafe { self.ring.push(&request) }?;
        self.outstanding += 1;
        Ok(())
    }

    /// Takes in all completions.
    fn reap(&mut self) {
        loop {
            let Some(done) = self.ring.io.completion().next() else { break };
            self.complete(&done);
        }
    }

    fn complete(&mut self, done: &cqueue::Entry) {
        let (user_data, result, flags) = (done.user_data(), done.result(), done.flags());
        let slot = user_data as u32;
        if !cqueue::more(flags) {
            self.outstanding -= 1;
        }
        let generation = (user_data >> 32) as u32 & 0xff_ffff;
        let current = self.connections.get(slot as usize);
        if current.is_none_or(|connection| connection.generation & 0xff_ffff != generation) {
            self.recycle_unused(flags);
            return;
        }
        match Purpose::of(user_data) {
            Some(Purpose::Receive) => self.complete_receive(slot, result, flags),
            Some(Purpose::Poll) => self.complete_poll(slot, result),
            Some(Purpose::Send) => self.complete_send(slot, result),
            // The cancelled request has a completion of its own; when it ended by itself there is nothing to do.
            Some(Purpose::Cancel) | None => {}
        }
    }

    /// Puts back the buffer a completion names, if any.
    fn recycle_unused(&mut self, flags: u32) {
        if let Some(id) = cqueue::buffer_select(flags) {
            self.buffers.recycle(id);
        }
    }

    #[inline]
    fn complete_receive(&mut self, slot: u32, result: i32, flags: u32) {
        let connection = &mut self.connections[slot as usize];
        match (result, cqueue::buffer_select(flags)) {
            (1.., Some(id)) if connection.live => connection.push_buffer(&mut self.chains, id, result as u32),
            _ => {
                match -result {
                    0 => connection.eof = true,
                    libc::ENOBUFS => self.starved = true,
                    libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
                    // A kernel that accepts the request without the multishot flag's meaning.
                    libc::EINVAL if !connection.has_input() => {
                        connection.mode = Mode::Poll;
                        self.multishot = false;
                    }
                    error if error > 0 => connection.recv_error = error,
                    _ => {}
                }
                self.recycle_unused(flags);
            }
        }
        let connection = &mut self.connections[slot as usize];
        if !cqueue::more(flags) {
            connection.request = Request::Idle;
            if connection.should_request() {
                self.add_work(slot);
            }
            self.release_if_free(slot);
        }
        self.add_attention(slot);
    }

    fn complete_poll(&mut self, slot: u32, result: i32) {
        let connection = &mut self.connections[slot as usize];
        connection.request = Request::Idle;
        if result != -libc::ECANCELED {
            let found = |mask: i16| result < 0 || result & i32::from(mask) != 0;
            // An error, of the socket or of the poll itself, shows when the caller reads.
            connection.poll_hangup = found(libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR);
            connection.poll_ready = connection.poll_hangup || found(libc::POLLIN);
            connection.poll_writable = connection.poll_for_write && found(libc::POLLOUT | libc::POLLERR);
        }
        if connection.should_request() {
            self.add_work(slot);
        }
        self.release_if_free(slot);
        self.add_attention(slot);
    }

    fn complete_send(&mut self, slot: u32, result: i32) {
        let connection = &mut self.connections[slot as usize];
        connection.in_flight = false;
        // A quick send with a completion did not fit.
        connection.socket_full |= std::mem::take(&mut connection.quick);
        match result {
            0.. => connection.advance_sent(&mut self.pool, result as usize),
            _ if matches!(-result, libc::EINTR | libc::EAGAIN) => {}
            _ => {
                connection.send_error = -result;
                connection.discard_output(&mut self.pool);
            }
        }
        if connection.should_send() {
            self.add_work(slot);
        } else if !connection.live {
            connection.linger = None;
            self.lingering.retain(|(lingering, _)| *lingering != slot);
            self.release_if_free(slot);
        }
        let connection = &self.connections[slot as usize];
        if connection.want_write || connection.send_error != 0 {
            self.add_attention(slot);
        }
    }

    /// Every quick send that has failed has said so by now: the others succeeded.
    fn complete_quick_sends(&mut self) {
        let mut list = std::mem::take(&mut self.quick_sends);
        for slot in list.drain(..) {
            let connection = &mut self.connections[slot as usize];
            if std::mem::take(&mut connection.quick) {
                let rest = connection.sending.len() - connection.sent;
                self.outstanding -= 1;
                self.complete_send(slot, rest as i32);
            }
        }
        self.quick_sends = list;
    }

    /// Gives up on removed connections whose peers do not read.
    fn expire_lingering(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for index in (0..self.lingering.len()).rev() {
            let (slot, deadline) = self.lingering[index];
            if deadline > now {
                continue;
            }
            self.lingering.swap_remove(index);
            let connection = &mut self.connections[slot as usize];
            // Later bytes must not follow a gap.
            connection.queued.clear();
            connection.send_error = libc::ETIMEDOUT;
            if connection.in_flight {
                self.cancel(slot, Purpose::Send)?;
            } else {
                connection.linger = None;
                self.release_if_free(slot);
            }
        }
        Ok(())
    }

    fn collect_events(&mut self, events: &mut Vec<Event>) {
        for &slot in &self.attention {
            let connection = &mut self.connections[slot as usize];
            if !connection.is_reportable() {
                continue;
            }
            let closed = connection.is_closed();
            connection.closed_told |= closed;
            events.push(Event {
                token: connection.token,
                readable: connection.is_readable(),
                writable: connection.is_writable(),
                closed,
            });
        }
    }

    /// Takes bytes for sending, or says why not.
    #[inline]
    fn queue(&mut self, slot: u32, bytes: &[u8]) -> io::Result<usize> {
        let connection = &mut self.connections[slot as usize];
        if connection.send_error != 0 {
            return Err(io::Error::from_raw_os_error(connection.send_error));
        }
        let taken = connection.queue(&mut self.pool, bytes);
        if connection.should_send() {
            self.add_work(slot);
        }
        Ok(taken)
    }
}

impl Poller for Uring {
    fn add(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let mode = if self.multishot { Mode::Receive } else { Mode::Poll };
        self.register(fd, token, mode)
    }

    fn add_listener(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        self.register(fd, token, Mode::Watch)
    }

    fn remove(&mut self, fd: BorrowedFd<'_>, token: Token) {
        let Ok(slot) = self.slot(fd, token) else { return };
        self.slots[fd.as_raw_fd() as usize] = NO_SLOT;
        if self.ring.has_unsubmitted() {
            // Left over from an overfull kernel; they must reach it before the descriptor is closed.
            let _ = self.ring.enter(false, None);
        }
        let connection = &mut self.connections[slot as usize];
        connection.live = false;
        connection.forget_poll();
        connection.discard_input(&self.chains, &mut self.buffers);
        if connection.should_send() {
            // Usually the last reply before a close: it fits into the socket, and nothing need linger.
            match send_now(fd, &connection.sending[connection.sent..]) {
                Ok(sent) => connection.advance_sent(&mut self.pool, sent),
                Err(_) => connection.discard_output(&mut self.pool),
            }
        }
        if connection.in_flight || connection.should_send() {
            // Without a descriptor of its own the rest is given up; what is in flight needs none.
            connection.linger = fd.try_clone_to_owned().ok();
            match &connection.linger {
                Some(copy) => connection.fd = copy.as_raw_fd(),
                None => connection.send_error = libc::EBADF,
            }
            if connection.linger.is_some() {
                self.lingering.push((slot, Instant::now() + LINGER));
            }
        }
        self.add_work(slot);
        self.release_if_free(slot);
    }

    fn want_write(&mut self, fd: BorrowedFd<'_>, token: Token, on: bool) -> io::Result<()> {
        let slot = self.slot(fd, token)?;
        self.connections[slot as usize].want_write = on;
        if self.connections[slot as usize].mode == Mode::Watch {
            self.add_work(slot);
        }
        self.add_attention(slot);
        Ok(())
    }

    fn pause_read(&mut self, fd: BorrowedFd<'_>, token: Token, paused: bool) -> io::Result<()> {
        let slot = self.slot(fd, token)?;
        self.connections[slot as usize].paused = paused;
        self.add_work(slot);
        self.add_attention(slot);
        Ok(())
    }

    fn is_at_rest(&self, fd: BorrowedFd<'_>, token: Token) -> bool {
        self.slot(fd, token).is_ok_and(|slot| self.connections[slot as usize].is_at_rest())
    }

    fn wait(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        events.clear();
        let mut timeout = timeout;
        if !self.lingering.is_empty() {
            self.expire_lingering()?;
            let limit = Duration::from_secs(1);
            timeout = Some(timeout.map_or(limit, |timeout| timeout.min(limit)));
        }
        // Quick sends left from last time end without a sign, so there would be nothing to wake for.
        let unsettled = !self.quick_sends.is_empty();
        let ready = self.settle_attention();
        self.submit_work()?;
        let sleep = !ready && !unsettled && timeout != Some(Duration::ZERO);
        self.ring.enter(sleep, timeout)?;
        self.reap();
        // Only an overfull completion queue leaves requests or completions behind, and it was just emptied.
        for _ in 0..8 {
            if self.ring.is_settled() {
                self.complete_quick_sends();
                break;
            }
            self.ring.enter(false, None)?;
            self.reap();
        }
        self.collect_events(events);
        Ok(())
    }

    #[inline]
    fn recv(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        into: &mut Vec<u8>,
        max: usize,
    ) -> io::Result<Received> {
        let slot = self.slot(fd, token)?;
        let connection = &mut self.connections[slot as usize];
        if connection.mode != Mode::Receive {
            let received = recv_into(fd, into, max);
            if matches!(received, Ok(Received::Eof)) {
                (connection.eof, connection.eof_told) = (true, true);
            }
            return received;
        }
        let got = connection.fetch(&self.chains, &mut self.buffers, into, max);
        if connection.request == Request::Idle && connection.should_request() {
            self.add_work(slot);
        }
        let connection = &mut self.connections[slot as usize];
        if got > 0 || max == 0 {
            return Ok(Received::Data(got));
        }
        if connection.recv_error != 0 {
            return Err(io::Error::from_raw_os_error(connection.recv_error));
        }
        if connection.eof {
            connection.eof_told = true;
            return Ok(Received::Eof);
        }
        Ok(Received::WouldBlock)
    }

    #[inline]
    fn send(&mut self, fd: BorrowedFd<'_>, token: Token, bytes: &[u8]) -> io::Result<usize> {
        let slot = self.slot(fd, token)?;
        let mut sent = 0;
        if bytes.len() >= DIRECT_BYTES_MIN && self.connections[slot as usize].is_drained() {
            sent = send_now(fd, bytes)?;
            if sent == bytes.len() {
                return Ok(sent);
            }
            self.connections[slot as usize].socket_full = true;
        }
        Ok(sent + self.queue(slot, &bytes[sent..])?)
    }

    fn send_vectored(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        parts: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let slot = self.slot(fd, token)?;
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let mut total = 0;
        if bytes >= DIRECT_BYTES_MIN && self.connections[slot as usize].is_drained() {
            total = send_parts_now(fd, parts)?;
            if total == bytes {
                return Ok(total);
            }
            self.connections[slot as usize].socket_full = true;
        }
        let mut skip = total;
        for part in parts {
            let rest = part.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            let taken = self.queue(slot, rest)?;
            total += taken;
            if taken < rest.len() {
                break;
            }
        }
        Ok(total)
    }

    fn name(&self) -> &'static str {
        "io_uring"
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        let end = self.end_requests();
        if end.is_ok() && self.outstanding == 0 {
            return;
        }
        // The kernel may still write to or read from these: they must stay.
        for connection in &mut self.connections {
            if connection.in_flight {
                std::mem::forget(std::mem::take(&mut connection.sending));
            }
        }
        if let Ok(empty) = Buffers::new(1, 1, 0) {
            std::mem::forget(std::mem::replace(&mut self.buffers, empty));
        }
    }
}

impl Uring {
    /// Cancels everything in the kernel and waits for it to end, for a second at most. What still can be sent at
    /// once is.
    fn end_requests(&mut self) -> io::Result<()> {
        for slot in 0..self.connections.len() as u32 {
            let connection = &mut self.connections[slot as usize];
            connection.live = false;
            self.add_work(slot);
        }
        self.submit_work()?;
        self.ring.enter(false, None)?;
        self.reap();
        let deadline = Instant::now() + Duration::from_secs(1);
        while self.outstanding > 0 && Instant::now() < deadline {
            if self.ring.is_settled() {
                self.complete_quick_sends();
            }
            for slot in 0..self.connections.len() as u32 {
                if self.connections[slot as usize].in_flight {
                    self.cancel(slot, Purpose::Send)?;
                }
            }
            self.ring.enter(true, Some(Duration::from_millis(10)))?;
            self.reap();
        }
        Ok(())
    }
}
