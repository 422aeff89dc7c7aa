//! The log of denials (`ACL LOG`). Equal ones within a minute share an entry.

use std::collections::VecDeque;

use crate::check::Reason;

/// Entries that a new denial is compared with.
const LOOKED_AT: usize = 10;
/// Equal denials this close share an entry, in ms.
const GROUPED_MS: i64 = 60_000;

/// Where the denied command came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A client.
    TopLevel,
    /// A transaction.
    Multi,
    /// A script or function.
    Lua,
}

impl Context {
    /// The word that ACL LOG shows.
    pub fn name(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Multi => "multi",
            Context::Lua => "lua",
        }
    }
}

/// A denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was lacking.
    pub reason: Reason,
    /// Where it came from.
    pub context: Context,
    /// The command, key, channel or database.
    pub object: Vec<u8>,
    /// Who was denied.
    pub username: Vec<u8>,
    /// The client, as CLIENT LIST shows it, without line end.
    pub client: Vec<u8>,
}

/// A denial and how often it happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The last of them.
    pub event: Event,
    /// How many.
    pub count: u64,
    /// Its number, never used twice.
    pub id: u64,
    /// Unix ms of the first.
    pub created_at_ms: i64,
    /// Unix ms of the last.
    pub updated_at_ms: i64,
}

/// The log, newest first.
#[derive(Debug, Default)]
pub struct AclLog {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl AclLog {
    /// Adds a denial at `now_ms`; at most `max` entries stay.
    pub fn add(&mut self, event: Event, now_ms: i64, max: usize) {
        if max > 0 {
            let is_same = |entry: &Entry| {
                let known = &entry.event;
                (known.reason, known.context) == (event.reason, event.context)
                    && (entry.updated_at_ms - now_ms).abs() <= GROUPED_MS
                    && known.object == event.object
                    && known.username == event.username
            };
            let same = self.entries.iter().take(LOOKED_AT).position(is_same);
            if let Some(mut entry) = same.and_then(|at| self.entries.remove(at)) {
                entry.event.client = event.client;
                entry.updated_at_ms = now_ms;
                entry.count += 1;
                self.entries.push_front(entry);
                return;
            }
            let (id, at) = (self.next_id, now_ms);
            self.next_id += 1;
            self.entries.push_front(Entry { event, count: 1, id, created_at_ms: at, updated_at_ms: at });
        }
        self.entries.truncate(max);
    }

    /// The entries, newest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets all entries; numbers go on.
    pub fn reset(&mut self) {
        self.entries.clear();
    }
}
