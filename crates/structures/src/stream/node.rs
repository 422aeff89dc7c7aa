//! Macro nodes: some tens of messages in one listpack, in exactly the format of Valkey's stream nodes. So what is
//! dumped later needs no conversion, and trimming by whole nodes removes the same messages as Valkey does.
//!
//! ```text
//! master entry   count | deleted | n | field 1 ... field n | 0
//! entry          flags | ms | seq | [n | field 1 | value 1 | ... field n | value n] | pieces
//!   same fields  flags | ms | seq | [value 1 | ... value n] | pieces
//! ```
//!
//! `ms` and `seq` are differences to the node's id, which is that of its first message. `pieces` counts the elements
//! of the entry before it, for readers that come from the end. Deleted entries keep their place with a flag.

use super::id::StreamId;
use crate::blob::Blob;
use crate::listpack::Element;
use crate::listpack::encoding::{Encoded, decode, start_before};
use crate::listpack::read::span;
use crate::tree::{Leaf, Place};

/// Bytes before the first element: total length, number of elements.
const HEADER_BYTES: usize = 6;
/// The last byte.
const END: u8 = 0xff;
/// What the header's number of elements says when it does not fit.
const COUNT_UNKNOWN: usize = 0xffff;
/// The entry is deleted.
const DELETED: i64 = 1;
/// The entry has the master entry's fields.
const SAME_FIELDS: i64 = 2;
/// The smallest room for the messages of a new node.
const FRESH_BYTES_MIN: usize = 64;

/// Limits of a node; the one that is reached first ends it.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// `stream-node-max-bytes`; 0 = [`MESSAGE_MAX_BYTES`].
    pub bytes: usize,
    /// `stream-node-max-entries`; 0 = no limit.
    pub entries: usize,
}

/// The most bytes of all fields and values of one message, and of a node.
pub const MESSAGE_MAX_BYTES: usize = 1 << 30;

/// Bytes that an element takes beside those of its string, at most.
const ELEMENT_EXTRA_BYTES: usize = 10;

/// The element at `at`, and where the next one begins.
#[inline(always)]
fn read(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    let (element, size) = decode(&bytes[at..]);
    (element, at + size)
}

/// The integer at `at`, and where the next element begins.
#[inline(always)]
fn read_int(bytes: &[u8], at: usize) -> (i64, usize) {
    match read(bytes, at) {
        (Element::Int(n), next) => (n, next),
        (Element::Bytes(_), _) => unreachable!("a listpack keeps integers as integers"),
    }
}

/// Where the element behind the one at `at` begins.
#[inline(always)]
fn skip(bytes: &[u8], at: usize) -> usize {
    at + span(&bytes[at..]).expect("entries say how many elements they have")
}

#[inline(always)]
fn push_int(out: &mut Blob, n: i64) {
    if (0..=127).contains(&n) {
        out.push(&[n as u8, 1]);
    } else {
        Encoded::new(Element::Int(n)).push(out);
    }
}

#[inline(always)]
fn push_text(out: &mut Blob, text: &[u8]) {
    Encoded::new(Element::of(text)).push(out);
}

/// Writes the header of a listpack whose end is written, with `added` more elements than before.
#[inline]
fn seal(bytes: &mut [u8], added: usize) {
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
    let before = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
    let count = if before == COUNT_UNKNOWN { before } else { (before + added).min(COUNT_UNKNOWN) };
    bytes[4..6].copy_from_slice(&(count as u16).to_le_bytes());
}

/// Room for a message in a node.
fn room<'m>(message: &impl Message<'m>) -> usize {
    48 + message.texts().map(|text| text.len() + ELEMENT_EXTRA_BYTES).sum::<usize>()
}

/// A message to add: its fields and values in turn.
pub trait Message<'m> {
    /// Number of fields.
    fn fields(&self) -> usize;
    /// Fields and values: twice as many as fields.
    fn texts(&self) -> impl Iterator<Item = &'m [u8]>;
}

impl<'m, I: ExactSizeIterator<Item = &'m [u8]> + Clone> Message<'m> for I {
    #[inline]
    fn fields(&self) -> usize {
        self.len() / 2
    }

    #[inline]
    fn texts(&self) -> impl Iterator<Item = &'m [u8]> {
        self.clone()
    }
}

/// A macro node.
#[derive(Clone)]
pub(super) struct Node {
    /// Its first message's id.
    pub(super) id: StreamId,
    /// The listpack; empty once the node is taken out.
    listpack: Blob,
}

impl Leaf for Node {
    type Key = StreamId;

    /// Messages that are not deleted.
    fn len(&self) -> usize {
        if self.listpack.is_empty() { 0 } else { read_int(&self.listpack, HEADER_BYTES).0 as usize }
    }

    /// A node may be left with deleted messages only.
    fn is_empty(&self) -> bool {
        self.listpack.is_empty()
    }

    fn memory_bytes(&self) -> usize {
        self.listpack.memory_bytes()
    }

    /// Nodes end by their own limits, and are never split or merged.
    fn is_too_big(&self) -> bool {
        false
    }

    fn split(&mut self, _place: Place) -> (StreamId, Self) {
        unreachable!("no node is too big")
    }

    fn split_off(&mut self, _index: usize) -> (StreamId, Self) {
        unreachable!("streams are cut between nodes")
    }

    fn is_too_small(&self) -> bool {
        false
    }

    fn merge(&mut self, _next: &Self) -> bool {
        false
    }
}

/// A node as it is read.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// Its first message's id.
    pub(super) id: StreamId,
    bytes: &'a [u8],
    /// Messages that are not deleted.
    pub(super) count: i64,
    deleted: i64,
    fields: usize,
    fields_at: usize,
}

impl<'a> View<'a> {
    /// Reads the master entry. O(1).
    #[inline]
    fn new(id: StreamId, bytes: &'a [u8]) -> View<'a> {
        let (count, at) = read_int(bytes, HEADER_BYTES);
        let (deleted, at) = read_int(bytes, at);
        let (fields, at) = read_int(bytes, at);
        View { id, bytes, count, deleted, fields: fields as usize, fields_at: at }
    }

    /// Messages, deleted ones included.
    pub(super) fn places(&self) -> i64 {
        self.count + self.deleted
    }

    /// Where the first entry begins. O(fields).
    #[inline]
    pub(super) fn start(&self) -> usize {
        // One more: the end of the master entry.
        (0..=self.fields).fold(self.fields_at, |at, _| skip(self.bytes, at))
    }

    /// Whether a message has exactly the fields of the master entry.
    #[inline]
    fn has_fields<'m>(&self, message: &impl Message<'m>) -> bool {
        let mut at = self.fields_at;
        self.fields == message.fields()
            && message.texts().step_by(2).all(|field| {
                let (own, next) = read(self.bytes, at);
                at = next;
                own.equals(field)
            })
    }

    /// Number of messages below `id`. O(entries).
    pub(super) fn rank(&self, id: StreamId) -> u64 {
        if id <= self.id {
            return 0;
        }
        let (mut rank, mut at) = (0, self.start());
        while let Some(entry) = self.entry(at).filter(|entry| entry.id < id) {
            rank += u64::from(!entry.deleted);
            at = entry.next_at();
        }
        rank
    }

    /// Where the last entry ends.
    pub(super) fn end(&self) -> usize {
        self.bytes.len() - 1
    }

    /// The entry that begins at `at`, `None` at the end.
    #[inline]
    pub(super) fn entry(&self, at: usize) -> Option<Entry<'a>> {
        if self.bytes[at] == END {
            return None;
        }
        let (flags, next) = read_int(self.bytes, at);
        let (ms, next) = read_int(self.bytes, next);
        let (seq, next) = read_int(self.bytes, next);
        let id =
            StreamId { ms: self.id.ms.wrapping_add(ms as u64), seq: self.id.seq.wrapping_add(seq as u64) };
        let same_fields = flags & SAME_FIELDS != 0;
        let (fields, next) = if same_fields {
            (self.fields, next)
        } else {
            let (fields, next) = read_int(self.bytes, next);
            (fields as usize, next)
        };
        let master_at = if same_fields { self.fields_at } else { 0 };
        Some(Entry {
            id,
            at,
            deleted: flags & DELETED != 0,
            bytes: self.bytes,
            fields,
            master_at,
            own_at: next,
        })
    }

    /// The entry that ends at `end`, `None` at the beginning.
    #[inline]
    pub(super) fn entry_before(&self, end: usize) -> Option<Entry<'a>> {
        let last = start_before(self.bytes, end);
        let (pieces, _) = read_int(self.bytes, last);
        if pieces == 0 {
            return None;
        }
        self.entry((0..pieces).fold(last, |at, _| start_before(self.bytes, at)))
    }

    /// The id of the last entry, deleted or not. `None` for a node without any, which streams do not have.
    pub(super) fn last_id(&self) -> Option<StreamId> {
        self.entry_before(self.end()).map(|entry| entry.id)
    }

    /// Where the first entry at or above `id` begins, deleted or not; the end if there is none. O(entries), from the
    /// end that is nearer.
    pub(super) fn seek(&self, id: StreamId) -> usize {
        let Some(last) = self.entry_before(self.end()) else { return self.end() };
        if last.id < id {
            return self.end();
        }
        let (first, wanted, end) = (self.id.to_u128(), id.to_u128(), last.id.to_u128());
        if wanted <= first {
            return self.start();
        }
        if wanted - first > (end - first) / 2 {
            let mut at = last.at;
            while let Some(entry) = self.entry_before(at).filter(|entry| entry.id >= id) {
                at = entry.at;
            }
            return at;
        }
        let mut at = self.start();
        while let Some(entry) = self.entry(at).filter(|entry| entry.id < id) {
            at = entry.next_at();
        }
        at
    }
}

/// A message in a node.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Where it begins.
    pub(super) at: usize,
    /// Whether it only holds its place.
    pub(super) deleted: bool,
    bytes: &'a [u8],
    fields: usize,
    /// Where the master entry's fields begin; 0 when the entry has its own.
    master_at: usize,
    /// Where its values, or fields and values, begin.
    own_at: usize,
}

impl<'a> Entry<'a> {
    /// Number of fields. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.fields
    }

    /// Whether there is no field, which clients cannot bring about.
    pub fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// Fields with their values, in the order in which they were given.
    #[inline]
    pub fn fields(&self) -> Fields<'a> {
        Fields { bytes: self.bytes, left: self.fields, master_at: self.master_at, own_at: self.own_at }
    }

    /// Where the next entry begins.
    #[inline]
    pub(super) fn next_at(&self) -> usize {
        let pieces = if self.master_at == 0 { 2 * self.fields } else { self.fields };
        (0..=pieces).fold(self.own_at, |at, _| skip(self.bytes, at))
    }
}

/// Fields of a message with their values.
#[derive(Clone)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    left: usize,
    master_at: usize,
    own_at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<(Element<'a>, Element<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let field;
        if self.master_at == 0 {
            (field, self.own_at) = read(self.bytes, self.own_at);
        } else {
            (field, self.master_at) = read(self.bytes, self.master_at);
        }
        let value;
        (value, self.own_at) = read(self.bytes, self.own_at);
        Some((field, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl Node {
    /// Whether both are one allocation. O(1).
    pub(super) fn is_same(&self, other: &Node) -> bool {
        self.listpack.is_same(&other.listpack)
    }

    /// A node with one message.
    pub(super) fn new<'m>(id: StreamId, message: &impl Message<'m>) -> Node {
        let fields = message.fields();
        let mut listpack = Blob::with_capacity(FRESH_BYTES_MIN.max(room(message)));
        listpack.push(&[0; HEADER_BYTES]);
        push_int(&mut listpack, 1);
        push_int(&mut listpack, 0);
        push_int(&mut listpack, fields as i64);
        message.texts().step_by(2).for_each(|field| push_text(&mut listpack, field));
        push_int(&mut listpack, 0);
        let pieces = push_entry(&mut listpack, StreamId::MIN, true, message);
        seal(listpack.make_mut(), 4 + fields + pieces);
        Node { id, listpack }
    }

    /// The node to read. O(1).
    #[inline(always)]
    pub(super) fn view(&self) -> View<'_> {
        View::new(self.id, &self.listpack)
    }

    /// Bytes of the listpack.
    pub(super) fn bytes(&self) -> usize {
        self.listpack.len()
    }

    /// Gives back slack: nothing is added any more.
    pub(super) fn shrink(&mut self) {
        self.listpack.shrink_to_fit();
    }

    /// Moves the listpack out and leaves an empty node, which a tree removes.
    pub(super) fn take(&mut self) -> Node {
        Node { id: self.id, listpack: std::mem::take(&mut self.listpack) }
    }

    /// Adds a message. Amortised O(bytes of the message + fields of the node).
    pub(super) fn append<'m>(&mut self, id: StreamId, message: &impl Message<'m>) {
        let view = self.view();
        let (same_fields, count) = (view.has_fields(message), view.count);
        let (room, listpack) = (room(message), &mut self.listpack);
        if listpack.capacity() - listpack.len() < room || listpack.is_shared() {
            // Half as much again: nodes are filled in little steps.
            listpack.reserve(room.max(listpack.len() / 2));
        }
        listpack.truncate(listpack.len() - 1);
        let delta = StreamId { ms: id.ms.wrapping_sub(self.id.ms), seq: id.seq.wrapping_sub(self.id.seq) };
        let pieces = push_entry(listpack, delta, same_fields, message);
        match set_int(listpack, HEADER_BYTES, count + 1) {
            Some(bytes) => seal(bytes, pieces),
            None => seal(listpack.make_mut(), pieces),
        }
    }

    /// Marks the messages that begin at these places as deleted, none of which was. O(their number).
    pub(super) fn mark_deleted(&mut self, ats: &[usize]) {
        let listpack = &mut self.listpack;
        let bytes = listpack.make_mut();
        for &at in ats {
            // Flags are below 128, so one byte.
            bytes[at] |= DELETED as u8;
        }
        let (count, deleted_at) = read_int(listpack, HEADER_BYTES);
        let (deleted, _) = read_int(listpack, deleted_at);
        let gone = ats.len() as i64;
        // From the back: the first of the two may change its length.
        set_int(listpack, deleted_at, deleted + gone);
        set_int(listpack, HEADER_BYTES, count - gone);
        seal(listpack.make_mut(), 0);
    }
}

/// Writes an entry and the end; returns its number of elements.
#[inline]
fn push_entry<'m>(node: &mut Blob, delta: StreamId, same_fields: bool, message: &impl Message<'m>) -> usize {
    let fields = message.fields();
    push_int(node, if same_fields { SAME_FIELDS } else { 0 });
    push_int(node, delta.ms as i64);
    push_int(node, delta.seq as i64);
    let mut pieces = 3 + fields;
    if same_fields {
        message.texts().skip(1).step_by(2).for_each(|value| push_text(node, value));
    } else {
        push_int(node, fields as i64);
        message.texts().for_each(|text| push_text(node, text));
        pieces += 1 + fields;
    }
    push_int(node, pieces as i64);
    node.push(&[END]);
    pieces + 1
}

/// Replaces the integer at `at`. Returns the bytes when that moved nothing.
#[inline]
fn set_int(node: &mut Blob, at: usize, n: i64) -> Option<&mut [u8]> {
    if node[at] < 0x80 && (0..=127).contains(&n) {
        let bytes = node.make_mut();
        bytes[at] = n as u8;
        return Some(bytes);
    }
    let encoded = Encoded::new(Element::Int(n));
    let end = skip(node, at);
    encoded.write(node.open(at..end, encoded.size()));
    None
}

#[cfg(test)]
impl Node {
    /// The listpack.
    pub(super) fn listpack(&self) -> &[u8] {
        &self.listpack
    }
}
