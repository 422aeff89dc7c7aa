//! A client's state, as far as commands see and change it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wire::resp::Resp;

use crate::queue::Queue;

/// What `CLIENT REPLY` chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// None is.
    Off,
    /// The next command's is not.
    SkipNext,
    /// The command under way is the skipped one.
    Skipping,
}

/// Commands queued by MULTI.
#[derive(Default)]
pub struct Multi {
    /// The commands.
    pub queue: Queue,
    /// The database that the last queued SELECT names: permissions of what is queued behind it are checked in that.
    pub db: Option<u16>,
    /// A command was refused while queueing: EXEC aborts.
    pub aborted: bool,
    /// Some queued command may need memory: EXEC is refused when there is none.
    pub denies_oom: bool,
}

impl Multi {
    /// A command was refused: EXEC will abort, so what was queued can go.
    pub fn abort(&mut self) {
        self.aborted = true;
        self.db = None;
        self.queue = Queue::default();
    }

    /// Becomes an empty transaction that keeps some room.
    pub fn clear(&mut self) {
        self.queue.clear();
        (self.db, self.aborted, self.denies_oom) = (None, false, false);
    }

    /// Heap bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Multi>() + self.queue.memory_bytes()
    }
}

/// A watched key.
pub struct Watched {
    /// Database at the time of WATCH.
    pub db: u16,
    /// The key.
    pub key: Vec<u8>,
}

/// Keys under WATCH.
#[derive(Default)]
pub struct Watch {
    /// The keys.
    pub keys: Vec<Watched>,
    /// Heap bytes of their names.
    pub bytes: usize,
    /// Set by whoever changes one.
    pub dirty: Arc<AtomicBool>,
}

impl Watch {
    /// Heap bytes, about: keys, and what their shards note of each. O(1).
    pub fn memory_bytes(&self) -> usize {
        const NOTED_BYTES: usize = 32;
        size_of::<Watch>()
            + self.bytes
            + self.keys.capacity() * size_of::<Watched>()
            + self.keys.len() * NOTED_BYTES
    }

    /// Whether a watched key changed.
    pub fn is_dirty(&self) -> bool {
        self.dirty.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// What a client listens to.
#[derive(Default)]
pub struct Subscriptions {
    /// Channels, patterns, shard channels.
    pub kinds: [BTreeSet<Arc<[u8]>>; 3],
}

impl Subscriptions {
    /// Heap bytes, about: pointers to names, which all listeners of one share. O(1).
    pub fn memory_bytes(&self) -> usize {
        self.kinds.iter().map(|names| names.len() * 2 * size_of::<Arc<[u8]>>()).sum()
    }

    /// Whether it listens to nothing.
    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(BTreeSet::is_empty)
    }
}

/// Which keys a client that tracks wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TrackingMode {
    /// Those it reads.
    #[default]
    All,
    /// Those it reads by commands behind `CLIENT CACHING YES`.
    OptIn,
    /// Those it reads but by commands behind `CLIENT CACHING NO`.
    OptOut,
    /// All keys that begin in some way.
    Broadcast,
}

/// `CLIENT TRACKING`.
#[derive(Default)]
pub struct Tracking {
    /// Which keys.
    pub mode: TrackingMode,
    /// Not those that it changes itself.
    pub noloop: bool,
    /// `CLIENT CACHING` was given for the command, or transaction, under way or next.
    pub caching: bool,
    /// The client that gets the invalidations; 0: itself.
    pub redirect: u64,
    /// That client is gone.
    pub broken: Arc<AtomicBool>,
    /// How the keys begin, in broadcasting mode.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

impl Tracking {
    /// Whether the keys that a command reads are to be remembered.
    pub fn remembers(&self) -> bool {
        match self.mode {
            TrackingMode::All => true,
            TrackingMode::OptIn => self.caching,
            TrackingMode::OptOut => !self.caching,
            TrackingMode::Broadcast => false,
        }
    }

    /// Whether invalidations are lost since the client that they went to is gone.
    pub fn is_broken(&self) -> bool {
        self.broken.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Heap bytes, about.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.prefixes.iter().map(|prefix| prefix.len() + size_of::<Box<[u8]>>()).sum::<usize>()
    }
}

/// A client's state.
pub struct Session {
    /// The client's number, never used twice.
    pub id: u64,
    /// Selected logical database.
    pub db: u16,
    /// Reply protocol.
    pub resp: Resp,
    /// Whether the client may run commands.
    pub authenticated: bool,
    /// The client listens to channels or to other clients' commands, or tracks keys: its own take the long way.
    pub is_special: bool,
    /// The client's user may not do everything: each command is checked.
    pub is_restricted: bool,
    /// `CLIENT SETNAME`.
    pub name: Vec<u8>,
    /// `CLIENT SETINFO lib-name`.
    pub lib_name: Vec<u8>,
    /// `CLIENT SETINFO lib-ver`.
    pub lib_ver: Vec<u8>,
    /// Between MULTI and EXEC.
    pub multi: Option<Box<Multi>>,
    /// The transaction that EXEC runs: commands in it and the bytes of their arguments.
    pub executing: Option<(usize, usize)>,
    /// Pushes that wait for the end of EXEC's reply.
    #[allow(clippy::box_collection, reason = "rarely there: one word in every client")]
    pub pushes: Option<Box<Vec<u8>>>,
    /// The client has used MULTI: CLIENT LIST shows `multi=0` outside transactions from then on, not -1.
    pub used_multi: bool,
    /// The command under way runs to its end under its locks, however long that takes.
    pub at_once: bool,
    /// A script runs the command.
    pub in_script: bool,
    /// Keys under WATCH.
    pub watch: Option<Box<Watch>>,
    /// `CLIENT REPLY`.
    pub reply_mode: ReplyMode,
    /// `CLIENT NO-EVICT`.
    pub no_evict: bool,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: bool,
    /// Close once the replies so far are sent.
    pub close_after_reply: bool,
    /// `CLIENT CAPA redirect`.
    pub capa_redirect: bool,
    /// What it listens to, if to anything.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// `MONITOR`.
    pub is_monitor: bool,
    /// `CLIENT TRACKING`.
    pub tracking: Option<Box<Tracking>>,
}

impl Session {
    /// Whether nothing about the client but its user stands between a command and its body.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.authenticated && !self.is_special && self.multi.is_none() && self.reply_mode == ReplyMode::On
    }

    /// Works out `is_special` anew.
    pub fn settle_special(&mut self) {
        self.is_special = self.subscriptions.is_some() || self.is_monitor || self.tracking.is_some();
    }

    /// A fresh session.
    pub fn new(id: u64, authenticated: bool) -> Self {
        Session {
            id,
            db: 0,
            resp: Resp::V2,
            authenticated,
            is_special: false,
            is_restricted: false,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            multi: None,
            executing: None,
            pushes: None,
            used_multi: false,
            at_once: false,
            in_script: false,
            watch: None,
            reply_mode: ReplyMode::On,
            no_evict: false,
            no_touch: false,
            close_after_reply: false,
            capa_redirect: false,
            subscriptions: None,
            is_monitor: false,
            tracking: None,
        }
    }
}
