//! A small hash in one block, which a look-up needs not walk through.
//!
//! ```text
//! count u16 | groups u8 | flags u8 | earliest instant i64 (flag TTL) | group ... | pair ...
//! group:  eight tags, one for each of eight pairs | u16: where the first of these begins
//! pair:   [instant] field value, each as `code` writes it
//! ```
//!
//! A tag is a byte of a hash of the field. So a look-up compares eight fields at a time, and of the fields themselves
//! about every 200th that is not the one. Hashes of up to [`PLAIN_MAX`] fields have no groups. Pairs stand in the order
//! in which their fields came, as clients see it.
//!
//! Beside its strings a pair takes two bytes and a quarter of a byte more than its tag, less than a listpack's four.

use crate::blob::Blob;
use crate::listpack::{Element, IntBuf};

pub(super) use super::code::INSTANT_BYTES;
use super::code::{Code, decode, instant_at, size_at, write_instant};

/// Hashes of up to this many fields are walked through.
const PLAIN_MAX: usize = 8;
const GROUP: usize = 8;
/// Tags of a group and the mark of its first pair.
const GROUP_BYTES: usize = GROUP + 2;
const FIXED_BYTES: usize = 4;
const EARLIEST_BYTES: usize = 8;
/// The most fields of this form.
const MAX_FIELDS: usize = 255 * GROUP;
/// The most bytes of pairs: what marks can tell.
const MAX_PAIR_BYTES: usize = u16::MAX as usize;
/// Beyond these a hash that clients do not see as a listpack, whose order they so cannot rely on, takes another form.
const FEW_FIELDS: usize = 128;
const FEW_PAIR_BYTES: usize = 4096;

const TTL: u8 = 1;
const NOT_LISTPACK: u8 = 2;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = LOW << 7;

/// The block; one pointer wide. A clone shares it until one of both changes.
#[derive(Clone, Default)]
pub(super) struct Compact(Blob);

/// Where a pair stands. Valid until the next change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    index: usize,
    /// Where the pair begins.
    at: usize,
    /// Where its field begins: behind an instant, if it has one.
    field: usize,
}

/// A field with its value and instant.
pub(super) type Pair<'a> = (Element<'a>, Element<'a>, Option<i64>);

/// A pair as it is written, to go to another block.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    tag: u8,
    bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    /// The field.
    #[inline]
    pub(super) fn field(&self) -> Element<'a> {
        decode(&self.bytes[field_of(self.bytes, 0)..]).0
    }

    /// When the field expires.
    #[inline]
    pub(super) fn instant(&self) -> Option<i64> {
        instant_at(self.bytes)
    }

    /// Bytes of the pair.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// A byte that equal fields have in common and others seldom.
#[inline(always)]
fn tag_of(field: &[u8]) -> u8 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let mut sum = field.len() as u64;
    match field.len() {
        8.. => {
            for chunk in field.chunks_exact(8) {
                sum = (sum ^ word(chunk)).wrapping_mul(MIX).rotate_left(29);
            }
            sum ^= word(&field[field.len() - 8..]);
        }
        4.. => {
            let half =
                |at: usize| u64::from(u32::from_le_bytes(field[at..at + 4].try_into().expect("four bytes")));
            sum ^= half(0) << 32 | half(field.len() - 4);
        }
        _ => sum = field.iter().fold(sum, |sum, &byte| sum << 8 | u64::from(byte)),
    }
    let sum = sum.wrapping_mul(MIX);
    ((sum ^ sum >> 29).wrapping_mul(MIX) >> 56) as u8
}

/// The tag of the field whose code is at the start of `at`.
fn tag_of_code(at: &[u8]) -> u8 {
    tag_of(decode(at).0.as_bytes(&mut IntBuf::new()))
}

#[inline(always)]
fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

#[inline(always)]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Where the field of the pair at `at` begins.
#[inline(always)]
fn field_of(bytes: &[u8], at: usize) -> usize {
    if instant_at(&bytes[at..]).is_some() { at + INSTANT_BYTES } else { at }
}

/// Where the pair ends whose field begins at `field`.
#[inline(always)]
fn end_of(bytes: &[u8], field: usize) -> usize {
    let value = field + size_at(&bytes[field..]);
    value + size_at(&bytes[value..])
}

impl Compact {
    /// Starts loading it.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.0.prefetch_all();
    }

    /// Number of fields. O(1).
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        if self.0.is_empty() { 0 } else { u16_at(&self.0, 0) }
    }

    /// Whether both are one block. O(1).
    pub(super) fn is_same(&self, other: &Compact) -> bool {
        self.0.is_same(&other.0)
    }

    /// Heap bytes. O(1).
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    /// Bytes of all pairs. O(1).
    #[inline]
    pub(super) fn pair_bytes(&self) -> usize {
        self.0.len().saturating_sub(self.pairs_at())
    }

    /// Bytes that a pair would take.
    pub(super) fn bytes_of(field: &[u8], value: &[u8]) -> usize {
        // Lengths beyond the form's are not to be encoded.
        field.len() + value.len() + 6 + INSTANT_BYTES
    }

    /// Whether that many fields with that many bytes of pairs are to be kept in this form. O(1).
    pub(super) fn fits(&self, fields: usize, pair_bytes: usize) -> bool {
        let (most, most_bytes) =
            if self.is_not_listpack() { (FEW_FIELDS, FEW_PAIR_BYTES) } else { (MAX_FIELDS, MAX_PAIR_BYTES) };
        fields <= most && pair_bytes <= most_bytes
    }

    #[inline(always)]
    fn groups(&self) -> usize {
        self.0.get(2).copied().map_or(0, usize::from)
    }

    #[inline(always)]
    fn flags(&self) -> u8 {
        self.0.get(3).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn groups_at(&self) -> usize {
        if self.flags() & TTL == 0 { FIXED_BYTES } else { FIXED_BYTES + EARLIEST_BYTES }
    }

    #[inline(always)]
    fn pairs_at(&self) -> usize {
        self.groups_at() + self.groups() * GROUP_BYTES
    }

    /// Whether clients are to see another encoding than `listpack`. O(1).
    pub(super) fn is_not_listpack(&self) -> bool {
        self.flags() & NOT_LISTPACK != 0
    }

    /// From now on clients see another encoding than `listpack`. O(1).
    pub(super) fn set_not_listpack(&mut self) {
        if !self.is_not_listpack() {
            self.allocate();
            self.0.make_mut()[3] |= NOT_LISTPACK;
        }
    }

    /// When the first field expires. O(1).
    #[inline(always)]
    pub(super) fn next_expiry_at_ms(&self) -> Option<i64> {
        (self.flags() & TTL != 0).then(|| u64_at(&self.0, FIXED_BYTES) as i64)
    }

    fn allocate(&mut self) {
        if self.0.is_empty() {
            self.0.push(&[0; FIXED_BYTES]);
        }
    }

    /// The pair of a field. O(1) but for a byte a field.
    #[inline(always)]
    pub(super) fn find(&self, field: &[u8]) -> Option<Place> {
        let code = Code::of(field);
        let (bytes, groups, count) = (&self.0[..], self.groups(), self.len());
        let pairs = self.pairs_at();
        if groups == 0 {
            let mut at = pairs;
            for index in 0..count {
                let field = field_of(bytes, at);
                if code.is_at(&bytes[field..]) {
                    return Some(Place { index, at, field });
                }
                at = end_of(bytes, field);
            }
            return None;
        }
        let wanted = LOW * u64::from(tag_of(field));
        let mut group_at = self.groups_at();
        for first in (0..count).step_by(GROUP) {
            let differs = u64_at(bytes, group_at) ^ wanted;
            // A byte above a match may seem to be one too: the field itself decides.
            let mut matches = differs.wrapping_sub(LOW) & !differs & HIGH;
            if matches != 0 {
                let (mut index, mut at) = (first, pairs + u16_at(bytes, group_at + GROUP));
                loop {
                    let here = first + matches.trailing_zeros() as usize / 8;
                    if here >= count {
                        break;
                    }
                    while index < here {
                        at = end_of(bytes, field_of(bytes, at));
                        index += 1;
                    }
                    let field = field_of(bytes, at);
                    if code.is_at(&bytes[field..]) {
                        return Some(Place { index, at, field });
                    }
                    matches &= matches - 1;
                    if matches == 0 {
                        break;
                    }
                }
            }
            group_at += GROUP_BYTES;
        }
        None
    }

    /// Where pair `index` stands. O(1), a short walk.
    pub(super) fn place(&self, index: usize) -> Option<Place> {
        if index >= self.len() {
            return None;
        }
        let (bytes, pairs) = (&self.0[..], self.pairs_at());
        let (mut at, mut steps) = (pairs, index);
        if self.groups() > 0 {
            at += u16_at(bytes, self.group_at(index / GROUP) + GROUP);
            steps = index % GROUP;
        }
        for _ in 0..steps {
            at = end_of(bytes, field_of(bytes, at));
        }
        Some(Place { index, at, field: field_of(bytes, at) })
    }

    /// The pair at a place.
    #[inline(always)]
    pub(super) fn pair(&self, place: Place) -> Pair<'_> {
        let (field, size) = decode(&self.0[place.field..]);
        let value = decode(&self.0[place.field + size..]).0;
        (field, value, self.instant(place))
    }

    /// The value at a place.
    #[inline(always)]
    pub(super) fn value(&self, place: Place) -> Element<'_> {
        let at = place.field + size_at(&self.0[place.field..]);
        decode(&self.0[at..]).0
    }

    /// When the field at a place expires.
    #[inline(always)]
    pub(super) fn instant(&self, place: Place) -> Option<i64> {
        if place.field == place.at { None } else { instant_at(&self.0[place.at..]) }
    }

    /// All pairs as they are written, to make other blocks of. O(n).
    pub(super) fn raw_pairs(&self) -> Vec<Raw<'_>> {
        let (bytes, groups, groups_at) = (&self.0[..], self.groups(), self.groups_at());
        let mut at = self.pairs_at();
        (0..self.len())
            .map(|index| {
                let field = field_of(bytes, at);
                let end = end_of(bytes, field);
                let tag = if groups > 0 {
                    bytes[groups_at + index / GROUP * GROUP_BYTES + index % GROUP]
                } else {
                    tag_of_code(&bytes[field..])
                };
                let raw = Raw { tag, bytes: &bytes[at..end] };
                at = end;
                raw
            })
            .collect()
    }

    /// A block of these pairs, without slack beyond the size class. O(n).
    pub(super) fn from_raw(pairs: &[Raw<'_>]) -> Compact {
        if pairs.is_empty() {
            return Compact::default();
        }
        let earliest = pairs.iter().filter_map(Raw::instant).min();
        let groups = if pairs.len() <= PLAIN_MAX { 0 } else { pairs.len().div_ceil(GROUP) };
        let groups_at = FIXED_BYTES + if earliest.is_some() { EARLIEST_BYTES } else { 0 };
        let pairs_at = groups_at + groups * GROUP_BYTES;
        let size = pairs.iter().map(Raw::size).sum::<usize>();
        assert!(size <= MAX_PAIR_BYTES && pairs.len() <= MAX_FIELDS, "callers keep the form small");
        let mut blob = Blob::new();
        let out = blob.open(0..0, pairs_at + size);
        out[..2].copy_from_slice(&(pairs.len() as u16).to_le_bytes());
        out[2..FIXED_BYTES].copy_from_slice(&[groups as u8, 0]);
        if let Some(at_ms) = earliest {
            out[3] = TTL;
            out[FIXED_BYTES..groups_at].copy_from_slice(&at_ms.to_le_bytes());
        }
        let mut end = 0;
        for (index, raw) in pairs.iter().enumerate() {
            if groups > 0 {
                let group = groups_at + index / GROUP * GROUP_BYTES;
                out[group + index % GROUP] = raw.tag;
                if index % GROUP == 0 {
                    out[group + GROUP..group + GROUP_BYTES].copy_from_slice(&(end as u16).to_le_bytes());
                }
            }
            out[pairs_at + end..pairs_at + end + raw.size()].copy_from_slice(raw.bytes);
            end += raw.size();
        }
        Compact(blob)
    }

    /// Removes up to `want` pairs whose instants have passed and adds their fields to `gone`. O(n).
    pub(super) fn take_expired(&mut self, now_ms: i64, want: usize, gone: &mut Vec<Vec<u8>>) {
        let most = gone.len() + want;
        let is_not_listpack = self.is_not_listpack();
        let mut left = self.raw_pairs();
        left.retain(|raw| {
            let goes = gone.len() < most && raw.instant().is_some_and(|at| at < now_ms);
            if goes {
                gone.push(raw.field().to_vec());
            }
            !goes
        });
        let left = Compact::from_raw(&left);
        *self = left;
        if is_not_listpack {
            self.set_not_listpack();
        }
    }

    /// All pairs from `index` on. O(1).
    pub(super) fn iter_from(&self, index: usize) -> Iter<'_> {
        let at = self.place(index).map_or(self.0.len(), |place| place.at);
        Iter { rest: &self.0[at..] }
    }

    /// Appends a pair whose field is not there. Amortised O(bytes of the pair), and a little of what is there.
    ///
    /// # Panics
    /// When [`MAX_FIELDS`] or [`MAX_PAIR_BYTES`] are passed.
    pub(super) fn push(&mut self, field: &[u8], value: &[u8], instant: Option<i64>) {
        let (code, value) = (Code::of(field), Code::of(value));
        self.allocate();
        let count = self.len();
        if count == (self.groups() * GROUP).max(PLAIN_MAX) {
            self.add_groups();
        }
        if let Some(at_ms) = instant {
            self.note_instant(at_ms);
        }
        let (end, pairs) = (self.0.len(), self.pairs_at());
        let head = if instant.is_some() { INSTANT_BYTES } else { 0 };
        let mut gap = self.0.open(end..end, head + code.size() + value.size());
        if let Some(at_ms) = instant {
            gap = write_instant(at_ms, gap);
        }
        value.write(code.write(gap));
        assert!(self.0.len() - pairs <= MAX_PAIR_BYTES, "callers keep the form small");
        let (groups, group) = (self.groups(), self.group_at(count / GROUP));
        let bytes = self.0.make_mut();
        bytes[..2].copy_from_slice(&(count as u16 + 1).to_le_bytes());
        if groups > 0 {
            bytes[group + count % GROUP] = tag_of(field);
            if count % GROUP == 0 {
                bytes[group + GROUP..group + GROUP_BYTES]
                    .copy_from_slice(&((end - pairs) as u16).to_le_bytes());
            }
        }
    }

    /// Replaces the value and the instant at a place. O(bytes). Ends the validity of `place`.
    pub(super) fn set(&mut self, place: Place, value: &[u8], instant: Option<i64>) {
        let was = self.instant(place);
        self.set_value(place, value);
        if was != instant {
            self.set_instant(place, instant);
        }
    }

    /// Replaces the value at a place. O(bytes), O(1) if it takes as much room.
    pub(super) fn set_value(&mut self, place: Place, value: &[u8]) {
        let code = Code::of(value);
        let at = place.field + size_at(&self.0[place.field..]);
        let old = size_at(&self.0[at..]);
        if code.size() == old {
            code.write(&mut self.0.make_mut()[at..]);
        } else {
            code.write(self.0.open(at..at + old, code.size()));
            assert!(self.pair_bytes() <= MAX_PAIR_BYTES, "callers keep the form small");
            self.move_marks(place.index, code.size() as isize - old as isize);
            self.0.shrink_if_sparse();
        }
    }

    /// Gives the field at a place an instant, or takes it away. O(bytes). Ends the validity of `place`.
    pub(super) fn set_instant(&mut self, place: Place, instant: Option<i64>) {
        let was = self.instant(place);
        match (was, instant) {
            (None, None) => return,
            (Some(_), Some(at_ms)) => {
                write_instant(at_ms, &mut self.0.make_mut()[place.at..]);
            }
            (None, Some(at_ms)) => {
                write_instant(at_ms, self.0.open(place.at..place.at, INSTANT_BYTES));
                self.move_marks(place.index, INSTANT_BYTES as isize);
            }
            (Some(_), None) => {
                self.0.open(place.at..place.at + INSTANT_BYTES, 0);
                self.move_marks(place.index, -(INSTANT_BYTES as isize));
            }
        }
        assert!(self.pair_bytes() <= MAX_PAIR_BYTES, "callers keep the form small");
        match instant {
            Some(at_ms) if was.is_none_or(|was| at_ms <= was) => self.note_instant(at_ms),
            _ => self.instant_left(was),
        }
    }

    /// Removes the pair at a place. O(bytes).
    pub(super) fn remove(&mut self, place: Place) {
        let was = self.instant(place);
        let (count, groups) = (self.len(), self.groups());
        let end = end_of(&self.0, place.field);
        let size = end - place.at;
        if groups > 0 {
            self.close_tag(place.index, size);
        }
        self.0.open(place.at..end, 0);
        self.0.make_mut()[..2].copy_from_slice(&(count as u16 - 1).to_le_bytes());
        if groups > 0 && count <= groups * GROUP / 2 {
            self.resize_groups(if count <= PLAIN_MAX { 0 } else { count.div_ceil(GROUP) });
        }
        self.instant_left(was);
        self.0.shrink_if_sparse();
    }

    #[inline(always)]
    fn group_at(&self, group: usize) -> usize {
        self.groups_at() + group * GROUP_BYTES
    }

    /// Marks of the groups behind pair `index` move with the bytes behind it.
    fn move_marks(&mut self, index: usize, by: isize) {
        let groups = if self.groups() == 0 { 0 } else { self.len().div_ceil(GROUP) };
        let first = self.group_at(index / GROUP + 1);
        if index / GROUP + 1 >= groups {
            return;
        }
        let end = self.group_at(groups);
        for group in self.0.make_mut()[first..end].chunks_exact_mut(GROUP_BYTES) {
            let mark = u16_at(group, GROUP) as isize + by;
            group[GROUP..].copy_from_slice(&(mark as u16).to_le_bytes());
        }
    }

    /// Takes the tag of pair `index` out, whose bytes, `size` of them, will go: the tags behind it move up by one, so
    /// each group behind begins with what was its second pair.
    fn close_tag(&mut self, index: usize, size: usize) {
        let (count, pairs, groups_at) = (self.len(), self.pairs_at(), self.groups_at());
        let used = count.div_ceil(GROUP);
        let bytes = self.0.make_mut();
        for group in index / GROUP..used {
            let at = groups_at + group * GROUP_BYTES;
            let from = if group == index / GROUP { index % GROUP } else { 0 };
            bytes.copy_within(at + from + 1..at + GROUP, at + from);
            bytes[at + GROUP - 1] = if group + 1 < used { bytes[at + GROUP_BYTES] } else { 0 };
            if group > index / GROUP {
                let mark = u16_at(bytes, at + GROUP);
                // The last group may have lost its only pair.
                let first = if group * GROUP + 1 < count {
                    let first = pairs + mark;
                    end_of(bytes, field_of(bytes, first)) - first
                } else {
                    0
                };
                let mark = (mark + first - size) as u16;
                bytes[at + GROUP..at + GROUP_BYTES].copy_from_slice(&mark.to_le_bytes());
            }
        }
    }

    fn add_groups(&mut self) {
        let groups = self.groups();
        assert!(groups < 255, "callers keep the form small");
        self.resize_groups(if groups == 0 { 2 } else { (groups + 1 + groups / 8).min(255) });
    }

    /// Changes the number of groups; the first ones get their tags and marks when there were none.
    fn resize_groups(&mut self, groups: usize) {
        let was = self.groups();
        let (start, end) = (self.group_at(was.min(groups)), self.group_at(was));
        let grown = groups.saturating_sub(was) * GROUP_BYTES;
        self.0.open(start..end, grown).fill(0);
        self.0.make_mut()[2] = groups as u8;
        if was > 0 || groups == 0 {
            return;
        }
        let (pairs, mut at) = (self.pairs_at(), self.pairs_at());
        for index in 0..self.len() {
            let group = self.group_at(index / GROUP);
            let bytes = self.0.make_mut();
            if index % GROUP == 0 {
                bytes[group + GROUP..group + GROUP_BYTES]
                    .copy_from_slice(&((at - pairs) as u16).to_le_bytes());
            }
            let field = field_of(bytes, at);
            bytes[group + index % GROUP] = tag_of_code(&bytes[field..]);
            at = end_of(bytes, field);
        }
    }

    /// A field expires at `at_ms`.
    fn note_instant(&mut self, at_ms: i64) {
        let earliest = self.next_expiry_at_ms();
        if earliest.is_none() {
            self.0.open(FIXED_BYTES..FIXED_BYTES, EARLIEST_BYTES);
            self.0.make_mut()[3] |= TTL;
        }
        let at_ms = earliest.map_or(at_ms, |earliest| earliest.min(at_ms));
        self.0.make_mut()[FIXED_BYTES..FIXED_BYTES + EARLIEST_BYTES].copy_from_slice(&at_ms.to_le_bytes());
    }

    /// A field that expired at `was` does so later or not at all.
    fn instant_left(&mut self, was: Option<i64>) {
        if was.is_none() || was != self.next_expiry_at_ms() {
            return;
        }
        let earliest = self.iter_from(0).filter_map(|(_, _, instant)| instant).min();
        match earliest {
            Some(at_ms) => {
                let at = FIXED_BYTES..FIXED_BYTES + EARLIEST_BYTES;
                self.0.make_mut()[at].copy_from_slice(&at_ms.to_le_bytes());
            }
            None => {
                self.0.open(FIXED_BYTES..FIXED_BYTES + EARLIEST_BYTES, 0);
                self.0.make_mut()[3] &= !TTL;
            }
        }
    }
}

/// Pairs in their order.
#[derive(Clone)]
pub(super) struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Pair<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Pair<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let instant = instant_at(self.rest);
        let at = if instant.is_some() { INSTANT_BYTES } else { 0 };
        let (field, size) = decode(&self.rest[at..]);
        let (value, value_size) = decode(&self.rest[at + size..]);
        self.rest = &self.rest[at + size + value_size..];
        Some((field, value, instant))
    }
}

#[cfg(test)]
mod tests;
