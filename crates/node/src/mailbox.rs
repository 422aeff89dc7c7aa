//! What other threads ask of an I/O thread.

use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use sys::eventfd::Waker;
use sys::socket::Peer;

use crate::listener::Door;

/// A message to an I/O thread.
pub enum Mail {
    /// A connection to take care of.
    Accepted {
        /// The socket.
        fd: OwnedFd,
        /// The other end.
        peer: Peer,
        /// What it came through.
        door: Door,
    },
    /// A connection that another thread gives away.
    Moved(Box<crate::client::Client>),
    /// Other TCP sockets to listen on, for the thread that accepts.
    Listen(Vec<(OwnedFd, Door)>),
    /// A worker's reply for the client with this token.
    Reply {
        /// The client.
        token: u64,
        /// Bytes of the reply.
        bytes: Vec<u8>,
    },
    /// A command of a client of this thread was worked out aside.
    Prepared(Box<crate::aside::Prepared>),
    /// A client of this thread waits no more.
    Served(crate::blocked::Served),
    /// Some client of this thread was marked for closing.
    CloseMarked,
    /// A pause has ended: held commands may go on.
    Unpaused,
}

/// A thread's letter box; whoever puts something in wakes it.
pub struct Mailbox {
    letters: Mutex<Vec<Mail>>,
    /// A look without the lock.
    waiting: AtomicBool,
    /// A shard that someone parked on came free.
    shard_free: AtomicBool,
    waker: Waker,
}

impl Mailbox {
    /// An empty box.
    pub fn new() -> std::io::Result<Self> {
        Ok(Mailbox {
            letters: Mutex::new(Vec::new()),
            waiting: AtomicBool::new(false),
            shard_free: AtomicBool::new(false),
            waker: Waker::new()?,
        })
    }

    /// Leaves a message and wakes the thread if the box was empty.
    pub fn send(&self, mail: Mail) {
        let mut letters = self.letters.lock().unwrap_or_else(|e| e.into_inner());
        letters.push(mail);
        if letters.len() == 1 {
            self.waiting.store(true, Ordering::Release);
            drop(letters);
            self.waker.wake();
        }
    }

    /// Tells the thread that a shard came free.
    pub fn wake_parked(&self) {
        if !self.shard_free.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether a shard came free since the last call.
    pub fn take_shard_free(&self) -> bool {
        self.shard_free.load(Ordering::Relaxed) && self.shard_free.swap(false, Ordering::AcqRel)
    }

    /// A connection that is on its way to this thread.
    pub fn with_moved<R>(&self, id: u64, work: impl FnOnce(&mut crate::client::Client) -> R) -> Option<R> {
        let mut letters = self.letters.lock().unwrap_or_else(|e| e.into_inner());
        let client = letters.iter_mut().find_map(|mail| match mail {
            Mail::Moved(client) if client.session.id == id => Some(client),
            _ => None,
        });
        client.map(|client| work(client))
    }

    /// All messages, oldest first.
    pub fn take(&self) -> Vec<Mail> {
        if !self.waiting.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut letters = self.letters.lock().unwrap_or_else(|e| e.into_inner());
        self.waiting.store(false, Ordering::Relaxed);
        std::mem::take(&mut letters)
    }

    /// What the poller watches.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }
}
