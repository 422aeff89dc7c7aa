//! Keyspace events: what `notify-keyspace-events` lets clients hear of changes to keys.
//!
//! Bodies and [`Space`] *note* an event where it happens; the node publishes what a unit noted, in that order, while
//! the unit still holds its shards, so that events of one key come in the order of its changes. Nobody listens as a
//! rule: noting is then one test of a mask.
//!
//! Names and classes of events: <https://valkey.io/topics/notifications/>.

use crate::space::Space;
use crate::track::Changed;

/// A class of events: the bit of its letter in `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class(u32);

impl Class {
    /// `g`: commands on keys of any type.
    pub const GENERIC: Class = Class(1 << 2);
    /// `$`: strings.
    pub const STRING: Class = Class(1 << 3);
    /// `l`: lists.
    pub const LIST: Class = Class(1 << 4);
    /// `s`: sets.
    pub const SET: Class = Class(1 << 5);
    /// `h`: hashes.
    pub const HASH: Class = Class(1 << 6);
    /// `z`: sorted sets.
    pub const ZSET: Class = Class(1 << 7);
    /// `x`: keys whose TTL passed.
    pub const EXPIRED: Class = Class(1 << 8);
    /// `e`: keys removed for want of memory.
    pub const EVICTED: Class = Class(1 << 9);
    /// `t`: streams.
    pub const STREAM: Class = Class(1 << 10);
    /// `m`: keys that a read did not find.
    pub const KEY_MISS: Class = Class(1 << 11);
    /// `n`: new keys.
    pub const NEW: Class = Class(1 << 14);
}

/// `K`: events are published to `__keyspace@<db>__:<key>`.
pub const BY_KEY: u32 = 1 << 0;
/// `E`: events are published to `__keyevent@<db>__:<event>`.
pub const BY_EVENT: u32 = 1 << 1;

/// Something that happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its class.
    pub class: Class,
    /// Its name.
    pub name: &'static str,
    /// The key's logical database.
    pub db: u16,
    /// The key.
    pub key: Box<[u8]>,
}

/// Something to be told, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// To those who listen to events.
    Event(Event),
    /// To clients that have read a key (see `crate::track`).
    Changed(Changed),
    /// To all clients that track keys: all keys are gone.
    Flushed,
}

impl Note {
    /// The event, if it is one.
    pub fn event(&self) -> Option<&Event> {
        if let Note::Event(event) = self { Some(event) } else { None }
    }
}

/// Events of the unit under way; one list per thread, used again and again.
#[derive(Debug, Default)]
pub struct Events {
    /// Bits of the classes that are noted, and of where they go.
    mask: u32,
    noted: Vec<Note>,
}

impl Events {
    /// The bits of `notify-keyspace-events` from now on. Classes without `K` or `E` go nowhere and are not noted.
    #[inline]
    pub fn set_mask(&mut self, bits: u32) {
        self.mask = if bits & (BY_KEY | BY_EVENT) == 0 { 0 } else { bits };
    }

    /// The bits in effect.
    pub fn mask(&self) -> u32 {
        self.mask
    }

    /// Whether events of a class are noted.
    #[inline(always)]
    pub fn hears(&self, class: Class) -> bool {
        self.mask & class.0 != 0
    }

    /// Whether nothing waits to be published.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    /// Takes what was noted, oldest first.
    pub fn take(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.noted)
    }

    /// Adds events of another list behind those noted.
    pub fn extend(&mut self, notes: Vec<Note>) {
        self.noted.extend(notes);
    }

    /// Adds something that is told whatever the mask.
    pub fn add(&mut self, note: Note) {
        self.noted.push(note);
    }

    /// How much was noted.
    pub(crate) fn len(&self) -> usize {
        self.noted.len()
    }

    /// Says of what was noted from `from` on that no client did it.
    pub(crate) fn disown(&mut self, from: usize) {
        for note in &mut self.noted[from..] {
            if let Note::Changed(changed) = note {
                changed.on_its_own = true;
            }
        }
    }

    /// Forgets the misses: the body that noted them is run again.
    pub fn forget_misses(&mut self) {
        self.noted.retain(|note| note.event().is_none_or(|event| event.class != Class::KEY_MISS));
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, class: Class, name: &'static str, db: u16, key: &[u8]) {
        self.noted.push(Note::Event(Event { class, name, db, key: key.into() }));
    }
}

impl Space<'_> {
    /// Notes that something happened to a key of the present database.
    #[inline(always)]
    pub fn notify(&mut self, class: Class, name: &'static str, key: &[u8]) {
        if self.local.events.hears(class) {
            let db = self.db();
            self.local.events.note(class, name, db, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_noted_without_a_place_to_go() {
        let mut events = Events::default();
        events.set_mask(Class::GENERIC.0 | Class::STRING.0);
        assert_eq!(events.mask(), 0);
        events.set_mask(Class::GENERIC.0 | BY_EVENT);
        assert_eq!(events.mask(), Class::GENERIC.0 | BY_EVENT);
    }

    #[test]
    fn misses_are_forgotten_and_the_rest_stays_in_order() {
        let mut events = Events::default();
        for (class, name) in
            [(Class::EXPIRED, "expired"), (Class::KEY_MISS, "keymiss"), (Class::STRING, "set")]
        {
            events.note(class, name, 3, b"k");
        }
        events.forget_misses();
        let names: Vec<&str> = events.take().iter().filter_map(Note::event).map(|event| event.name).collect();
        assert_eq!(names, ["expired", "set"]);
        assert!(events.is_empty());
    }
}
