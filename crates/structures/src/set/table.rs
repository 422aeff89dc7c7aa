//! The form of large sets: members in the order of their hash, so that a walk's cursor is a place in that order. Plain
//! library trees for now; ranks are counted one by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::siphash::SipKey;

/// Bytes of a member's bookkeeping, roughly.
const NODE_BYTES: usize = 48;

/// A member's place: its hash, and the member itself where hashes are equal.
type Place = (u64, Box<[u8]>);

/// A large set. A clone shares everything until one of both changes.
#[derive(Clone, Default)]
pub(super) struct Hashed {
    members: Arc<BTreeSet<Place>>,
    bytes: usize,
}

fn place(member: &[u8]) -> Place {
    (SipKey::new(1, 2).hash(member) >> 16, member.into())
}

impl Hashed {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn free_effort(&self) -> usize {
        self.len()
    }

    pub(super) fn contains(&self, member: &[u8]) -> bool {
        self.members.contains(&place(member))
    }

    pub(super) fn insert(&mut self, member: &[u8]) -> bool {
        let added = Arc::make_mut(&mut self.members).insert(place(member));
        self.bytes += if added { NODE_BYTES + member.len() } else { 0 };
        added
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let removed = Arc::make_mut(&mut self.members).remove(&place(member));
        self.bytes -= if removed { NODE_BYTES + member.len() } else { 0 };
        removed
    }

    pub(super) fn get(&self, rank: usize) -> &[u8] {
        &self.members.iter().nth(rank).expect("a rank of the set").1
    }

    pub(super) fn take(&mut self, rank: usize) -> Box<[u8]> {
        let member: Box<[u8]> = self.get(rank).into();
        self.remove(&member);
        member
    }

    pub(super) fn visit_while(&self, mut show: impl FnMut(&[u8]) -> bool) -> bool {
        self.members.iter().all(|(_, member)| show(member))
    }

    /// See [`super::Set::walk`]. The cursor is the hash that comes next.
    pub(super) fn walk(&self, from: u64, count: usize, mut show: impl FnMut(&[u8])) -> u64 {
        let mut shown = 0;
        let mut last = None;
        for (hash, member) in self.members.range((from, Box::default())..) {
            if shown >= count && last != Some(*hash) {
                return *hash;
            }
            show(member);
            (shown, last) = (shown + 1, Some(*hash));
        }
        0
    }
}
