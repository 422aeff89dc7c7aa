//! A client's state, as far as commands see and change it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wire::resp::Resp;

use crate::args::OwnedArgs;

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
    /// Each with the number of its row in the node's registry.
    pub queue: Vec<(u16, OwnedArgs)>,
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
        self.queue = Vec::new();
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
    /// Set by whoever changes one.
    pub dirty: Arc<AtomicBool>,
}

impl Watch {
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
    /// Heap bytes, about: names, and a pointer to each.
    pub fn memory_bytes(&self) -> usize {
        self.kinds.iter().flatten().map(|name| name.len() + 2 * size_of::<Arc<[u8]>>()).sum()
    }

    /// Whether it listens to nothing.
    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(BTreeSet::is_empty)
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
    /// The client listens to channels or to other clients' commands: its own take the long way.
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
}

impl Session {
    /// Whether nothing about the client but its user stands between a command and its body.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.authenticated && !self.is_special && self.multi.is_none() && self.reply_mode == ReplyMode::On
    }

    /// Works out `is_special` anew.
    pub fn settle_special(&mut self) {
        self.is_special = self.subscriptions.is_some() || self.is_monitor;
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
        }
    }
}
