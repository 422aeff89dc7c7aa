//! A leaf of the order of a large set: a run of members in the order of (score, member), in one blob.
//!
//! ```text
//! count u16 | 0 x 6 | scores f64 x count | lengths u8 x count | members ...
//! ```
//!
//! * Scores stand together: finding one by halving reads few cache lines. Where a member begins is the sum of the lengths
//!   before it, a few vector instructions. So a member costs nine bytes beside itself, and nothing but the size class is
//!   slack: an insertion moves what is behind it, once.
//! * Members longer than [`SHORT_MAX`] stand in blobs of their own, which the leaf shares with the map by member. Their
//!   length byte is 255; the blobs are listed in order.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::range::order;
use crate::blob::Blob;
use crate::tree::{Leaf, Place};

/// Bytes of the longest member that stands in the leaf itself.
pub(super) const SHORT_MAX: usize = crate::hashed::SCORE_NAME_MAX;

/// The length byte of a member that does not.
const LONG: u8 = 255;

const HEAD_BYTES: usize = 8;
/// Bytes of a score.
const SCORE_BYTES: usize = 8;

/// A leaf's blob has at most this many bytes: a block of 4 KiB with the blob's header.
const BYTES_MAX: usize = 4096 - 12;
/// A leaf has at most this many members, so that 16 bits hold the sum of their lengths.
const COUNT_MAX: usize = 240;

/// What bulk building puts into a leaf.
const BYTES_BUILT: usize = 3584 - 12;
const COUNT_BUILT: usize = COUNT_MAX * 7 / 8;

/// What inner nodes know of a leaf: the score and the first eight bytes of the first member, as they are ordered.
pub(super) type Key = (u64, u64);

/// A score as an integer of the same order; both zeros are one.
#[inline]
pub(super) fn score_key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The first eight bytes of a member as an integer of the same order.
#[inline]
pub(super) fn member_key(member: &[u8]) -> u64 {
    match member.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..member.len()].copy_from_slice(member);
            u64::from_be_bytes(bytes)
        }
    }
}

/// A member on its way into a leaf.
#[derive(Clone, Copy)]
pub(super) enum Member<'a> {
    Short(&'a [u8]),
    /// Longer than [`SHORT_MAX`], in the blob that the map by member has.
    Long(&'a Blob),
}

impl Member<'_> {
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Member::Short(bytes) => bytes,
            Member::Long(blob) => blob,
        }
    }
}

/// The leaf. A clone shares everything.
#[derive(Clone, Default)]
pub(super) struct Run {
    blob: Blob,
    /// The long members, in order; `None` if there is none.
    long: Option<Arc<Vec<Blob>>>,
}

impl Run {
    #[inline(always)]
    pub fn count(&self) -> usize {
        match self.blob.first_chunk::<2>() {
            Some(count) => u16::from_le_bytes(*count) as usize,
            None => 0,
        }
    }

    #[inline(always)]
    fn scores(&self) -> &[[u8; SCORE_BYTES]] {
        let count = self.count();
        match self.blob.get(HEAD_BYTES..HEAD_BYTES + count * SCORE_BYTES) {
            Some(scores) => scores.as_chunks().0,
            None => &[],
        }
    }

    #[inline(always)]
    fn lengths(&self) -> &[u8] {
        let count = self.count();
        let start = HEAD_BYTES + count * SCORE_BYTES;
        self.blob.get(start..start + count).unwrap_or_default()
    }

    /// Bytes that members before the one at `index` take in the leaf, and how many of these are long.
    #[inline(always)]
    fn before(&self, index: usize) -> (usize, usize) {
        let lengths = &self.lengths()[..index];
        let sum = lengths.iter().map(|&len| u16::from(len)).sum::<u16>() as usize;
        if self.long.is_none() {
            return (sum, 0);
        }
        let long = lengths.iter().filter(|&&len| len == LONG).count();
        (sum - long * LONG as usize, long)
    }

    /// The score at `index`.
    #[inline]
    pub fn score(&self, index: usize) -> f64 {
        f64::from_le_bytes(self.scores()[index])
    }

    /// The member at `index`.
    #[inline]
    pub fn member(&self, index: usize) -> &[u8] {
        let (before, long) = self.before(index);
        match (self.lengths()[index], &self.long) {
            (LONG, Some(blobs)) => &blobs[long],
            (len, _) => {
                let start = self.members_at() + before;
                &self.blob[start..start + len as usize]
            }
        }
    }

    #[inline(always)]
    fn members_at(&self) -> usize {
        HEAD_BYTES + self.count() * (SCORE_BYTES + 1)
    }

    /// The key of the first member, which exists.
    fn first_key(&self) -> Key {
        (score_key(self.score(0)), member_key(self.member(0)))
    }

    /// How the first member compares.
    #[inline]
    pub fn first_order(&self, score: f64, member: &[u8]) -> Ordering {
        order((self.score(0), self.member(0)), (score, member))
    }

    /// How many scores are before the first that `reached` accepts.
    #[inline]
    pub fn score_position(&self, reached: impl Fn(f64) -> bool) -> usize {
        self.scores().partition_point(|score| !reached(f64::from_le_bytes(*score)))
    }

    /// How many members are before the first that `reached` accepts, if all scores are equal.
    pub fn member_position(&self, reached: impl Fn(&[u8]) -> bool) -> usize {
        self.member_position_in(0..self.count(), reached)
    }

    fn member_position_in(&self, mut range: Range<usize>, reached: impl Fn(&[u8]) -> bool) -> usize {
        while !range.is_empty() {
            let middle = range.start + range.len() / 2;
            if reached(self.member(middle)) {
                range.end = middle;
            } else {
                range.start = middle + 1;
            }
        }
        range.start
    }

    /// Where a member stands or would stand.
    #[inline]
    pub fn position(&self, score: f64, member: &[u8]) -> usize {
        let start = self.score_position(|own| own >= score);
        let ties = self.scores()[start..].iter().take_while(|own| f64::from_le_bytes(**own) == score).count();
        if ties == 0 {
            return start;
        }
        self.member_position_in(start..start + ties, |own| own >= member)
    }

    /// Inserts a member at `index`. O(bytes of the leaf).
    pub fn insert(&mut self, index: usize, score: f64, member: Member<'_>) {
        let (before, long) = self.before(index);
        let (code, data): (u8, &[u8]) = match member {
            Member::Short(bytes) => (bytes.len() as u8, bytes),
            Member::Long(blob) => {
                Arc::make_mut(self.long.get_or_insert_default()).insert(long, blob.clone());
                (LONG, &[])
            }
        };
        let (count, len) = (self.count(), self.blob.len());
        if len == 0 {
            self.blob.push(&[0; HEAD_BYTES]);
        }
        let len = len.max(HEAD_BYTES);
        let added = SCORE_BYTES + 1 + data.len();
        self.blob.open(len..len, added);
        let bytes = self.blob.make_mut();
        // From the end to the front, every part moves once.
        let lengths_at = HEAD_BYTES + count * SCORE_BYTES;
        let data_at = lengths_at + count + before;
        let score_at = HEAD_BYTES + index * SCORE_BYTES;
        bytes.copy_within(data_at..len, data_at + added);
        bytes.copy_within(lengths_at + index..data_at, lengths_at + index + SCORE_BYTES + 1);
        bytes.copy_within(score_at..lengths_at + index, score_at + SCORE_BYTES);
        bytes[score_at..score_at + SCORE_BYTES].copy_from_slice(&score.to_le_bytes());
        bytes[lengths_at + SCORE_BYTES + index] = code;
        let data_at = data_at + SCORE_BYTES + 1;
        bytes[data_at..data_at + data.len()].copy_from_slice(data);
        bytes[..2].copy_from_slice(&(count as u16 + 1).to_le_bytes());
    }

    /// Adds a member at the end.
    pub fn push(&mut self, score: f64, member: Member<'_>) {
        self.insert(self.count(), score, member);
    }

    /// Whether bulk building goes on with another leaf.
    pub fn is_built(&self) -> bool {
        self.count() >= COUNT_BUILT || self.blob.len() >= BYTES_BUILT
    }

    /// Removes the members at these positions. O(bytes of the leaf).
    pub fn remove(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let ((start, long_start), (end, long_end)) = (self.before(range.start), self.before(range.end));
        if long_end > long_start {
            let blobs = Arc::make_mut(self.long.get_or_insert_default());
            blobs.drain(long_start..long_end);
            if blobs.is_empty() {
                self.long = None;
            }
        }
        let (count, len) = (self.count(), self.blob.len());
        if range.len() == count {
            self.blob = Blob::new();
            return;
        }
        let (left, removed) = (count - range.len(), range.len());
        let lengths_at = HEAD_BYTES + count * SCORE_BYTES;
        let data_at = lengths_at + count;
        let bytes = self.blob.make_mut();
        bytes[..2].copy_from_slice(&(left as u16).to_le_bytes());
        // From the front to the end, every part moves once.
        let mut to = HEAD_BYTES + range.start * SCORE_BYTES;
        for part in [
            HEAD_BYTES + range.end * SCORE_BYTES..lengths_at + range.start,
            lengths_at + range.end..data_at + start,
            data_at + end..len,
        ] {
            let size = part.len();
            bytes.copy_within(part, to);
            to += size;
        }
        debug_assert_eq!(to, len - removed * (SCORE_BYTES + 1) - (end - start));
        self.blob.truncate(to);
        if self.blob.len() < self.blob.capacity() / 8 * 5 {
            self.blob.shrink_to_fit();
        }
    }

    /// Moves the member at `from` to where it stands, among the others, with another score. O(bytes of the leaf).
    pub fn rescore(&mut self, from: usize, score: f64, member: Member<'_>) {
        self.remove(from..from + 1);
        let to = self.position(score, member.bytes());
        self.insert(to, score, member);
    }

    /// Shows the members at these positions, from the first or from the last, until `show` says no; then false.
    pub fn visit(
        &self,
        range: Range<usize>,
        reverse: bool,
        show: &mut impl FnMut(&[u8], f64) -> bool,
    ) -> bool {
        if range.is_empty() {
            return true;
        }
        let (scores, lengths) = (&self.scores()[range.clone()], &self.lengths()[range.clone()]);
        let blobs = self.long.as_ref().map_or(&[][..], |blobs| blobs.as_slice());
        let (before, mut long) = self.before(if reverse { range.end } else { range.start });
        let mut at = self.members_at() + before;
        let pairs = scores.iter().zip(lengths);
        if reverse {
            for (score, &len) in pairs.rev() {
                let member = if len == LONG {
                    long -= 1;
                    &blobs[long]
                } else {
                    at -= len as usize;
                    &self.blob[at..at + len as usize]
                };
                if !show(member, f64::from_le_bytes(*score)) {
                    return false;
                }
            }
        } else {
            for (score, &len) in pairs {
                let member = if len == LONG {
                    long += 1;
                    &blobs[long - 1]
                } else {
                    at += len as usize;
                    &self.blob[at - len as usize..at]
                };
                if !show(member, f64::from_le_bytes(*score)) {
                    return false;
                }
            }
        }
        true
    }

    /// A leaf of the members at these positions.
    fn part(&self, range: Range<usize>) -> Run {
        let ((start, long_start), (end, long_end)) = (self.before(range.start), self.before(range.end));
        let data_at = self.members_at();
        let mut head = [0; HEAD_BYTES];
        head[..2].copy_from_slice(&(range.len() as u16).to_le_bytes());
        let blob = Blob::concat(&[
            &head,
            self.scores()[range.clone()].as_flattened(),
            &self.lengths()[range],
            &self.blob[data_at + start..data_at + end],
        ]);
        let long = self.long.as_ref().map(|blobs| &blobs[long_start..long_end]);
        Run { blob, long: long.filter(|blobs| !blobs.is_empty()).map(|blobs| Arc::new(blobs.to_vec())) }
    }

    /// Gives back slack.
    pub fn shrink_to_fit(&mut self) {
        self.blob.shrink_to_fit();
    }
}

impl Leaf for Run {
    type Key = Key;

    #[inline]
    fn len(&self) -> usize {
        self.count()
    }

    /// Without the long members, which the map by member counts.
    #[inline]
    fn memory_bytes(&self) -> usize {
        let list = self.long.as_ref().map_or(0, |blobs| {
            sys::alloc::class_bytes(16 + size_of::<Vec<Blob>>())
                + sys::alloc::class_bytes(blobs.capacity() * size_of::<Blob>())
        });
        self.blob.memory_bytes() + list
    }

    #[inline]
    fn is_too_big(&self) -> bool {
        (self.blob.len() > BYTES_MAX || self.count() > COUNT_MAX) && self.count() > 1
    }

    fn split(&mut self, place: Place) -> (Key, Run) {
        let count = self.count();
        let index = match place {
            Place::Last => count - count / 8,
            Place::First => count / 8,
            Place::Middle => count / 2,
        };
        self.split_off(index.clamp(1, count - 1))
    }

    fn split_off(&mut self, index: usize) -> (Key, Run) {
        let right = self.part(index..self.count());
        *self = self.part(0..index);
        (right.first_key(), right)
    }

    #[inline]
    fn is_too_small(&self) -> bool {
        self.blob.len() < BYTES_MAX / 4 && self.count() < COUNT_MAX / 4
    }

    fn merge(&mut self, next: &Run) -> bool {
        let (count, added) = (self.count(), next.count());
        let fits =
            self.blob.len() + next.blob.len() <= BYTES_MAX * 3 / 4 && count + added <= COUNT_MAX * 3 / 4;
        if !fits {
            return false;
        }
        let mut head = [0; HEAD_BYTES];
        head[..2].copy_from_slice(&((count + added) as u16).to_le_bytes());
        let blob = Blob::concat(&[
            &head,
            self.scores().as_flattened(),
            next.scores().as_flattened(),
            self.lengths(),
            next.lengths(),
            &self.blob[self.members_at()..],
            &next.blob[next.members_at()..],
        ]);
        self.blob = blob;
        if let Some(blobs) = &next.long {
            Arc::make_mut(self.long.get_or_insert_default()).extend(blobs.iter().cloned());
        }
        true
    }
}
