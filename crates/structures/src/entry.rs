//! Entry: key, value and TTL of one key in one slab object, with exactly one pointer to it (its table's).
//!
//! ```text
//! byte 0   kind (3 bits) | has expiry | raw | epoch (2 bits) | main queue
//! byte 1   frequency of S3-FIFO (2 bits), then for items of memcached: has CAS | CAS is wide | has flags | marks (3 bits)
//! 2..5     access: LRU clock in seconds or LFU counter, 24 bits
//! 5..      key length: one byte, or 255 and four bytes
//! ..       value length (kind Bytes only): one byte, or 254 and two bytes, or 255 and four bytes
//! ..       client flags, 4 bytes (only with `has flags`), CAS, 4 or 8 bytes (only with `has CAS`)
//! ..       expiry, 8 bytes, Unix ms (only with `has expiry`)
//! ..       key bytes, then value: bytes | 8-byte integer | 8-byte pointer to an `Object`
//! ```
//!
//! A 16-byte key with a 64-byte value takes 87 bytes, so one object of 88.
//!
//! **Invariant:** the bytes of a published entry never change, except the access field, the epoch, marks and an `Object`
//! behind its pointer: a new value is a new entry. Readers without the lock and snapshots rely on it.

use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::object::Object;
use crate::slab::{Heap, rounded_size};

const KIND_MASK: u8 = 0b111;
const KIND_INT: u8 = 0;
const KIND_BYTES: u8 = 1;
const KIND_OBJECT: u8 = 2;
const HAS_EXPIRY: u8 = 1 << 3;
const RAW: u8 = 1 << 4;
const EPOCH_SHIFT: u8 = 5;
const EPOCH_MASK: u8 = 0b11 << EPOCH_SHIFT;
const MAIN_QUEUE: u8 = 1 << 7;
const FIXED_BYTES: usize = 5;
/// Bits of byte 1.
const HAS_CAS: u8 = 1 << 2;
const WIDE_CAS: u8 = 1 << 3;
const HAS_FLAGS: u8 = 1 << 4;
const MARKS_SHIFT: u8 = 5;
const MARKS_MASK: u8 = 0b111 << MARKS_SHIFT;

/// A value as it is read. Strings come in three forms; everything larger or structured is an [`Object`].
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A string that is the canonical decimal form of this number.
    Int(i64),
    /// A short string.
    Bytes(&'a [u8]),
    /// Large strings and collections.
    Object(&'a Object),
}

/// A value to store.
pub enum NewValue<'a> {
    /// A string in its integer form.
    Int(i64),
    /// A short string; `raw` marks one made by an editing command (`APPEND`, `SETRANGE`), which clients see as
    /// encoding `raw` whatever its length.
    Bytes {
        /// The string.
        bytes: &'a [u8],
        /// Made by editing.
        raw: bool,
    },
    /// Large strings and collections.
    Object(Box<Object>),
}

/// What memcached keeps of an item beside key, value and expiry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Item {
    /// The client's own flags.
    pub flags: u32,
    /// The number of the change that stored it; 0 = none, as for keys that came by RESP.
    pub cas: u64,
    /// What has happened to it since.
    pub marks: Marks,
}

/// What has happened to an item since it was stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// It was read.
    pub fetched: bool,
    /// It was invalidated, and may be served as out of date (meta protocol).
    pub stale: bool,
    /// A client was told to renew it (meta protocol).
    pub won: bool,
}

impl Marks {
    fn bits(self) -> u8 {
        (u8::from(self.fetched) | u8::from(self.stale) << 1 | u8::from(self.won) << 2) << MARKS_SHIFT
    }

    fn of(byte: u8) -> Marks {
        let bits = byte >> MARKS_SHIFT;
        Marks { fetched: bits & 1 != 0, stale: bits & 2 != 0, won: bits & 4 != 0 }
    }
}

impl Item {
    /// Bits of byte 1.
    #[inline(always)]
    fn bits(&self) -> u8 {
        if *self == Item::default() {
            return 0;
        }
        let cas = match self.cas {
            0 => 0,
            cas if u32::try_from(cas).is_ok() => HAS_CAS,
            _ => HAS_CAS | WIDE_CAS,
        };
        cas | if self.flags != 0 { HAS_FLAGS } else { 0 } | self.marks.bits()
    }
}

/// Bytes of flags and CAS, by byte 1.
#[inline]
fn item_bytes(byte: u8) -> usize {
    let cas = match byte & (HAS_CAS | WIDE_CAS) {
        HAS_CAS => 4,
        0 | WIDE_CAS => 0,
        _ => 8,
    };
    cas + if byte & HAS_FLAGS != 0 { 4 } else { 0 }
}

/// What an entry carries beside key and value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    /// Unix time in ms at which the key expires.
    pub expire_at_ms: Option<i64>,
    /// LRU clock or LFU counter, 24 bits.
    pub access: u32,
    /// Snapshot epoch, 2 bits.
    pub epoch: u8,
    /// Of items of memcached.
    pub item: Item,
}

/// An entry that no table points to; give it to a table or to [`Heap::release`].
#[must_use = "an entry that is dropped is leaked"]
pub struct EntryBox {
    ptr: NonNull<u8>,
}

// SAFETY: an EntryBox owns its object and everything the object points to (`Object` is Send).
unsafe impl Send for EntryBox {}

/// A live entry, borrowed from its table.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    ptr: NonNull<u8>,
    _table: PhantomData<&'a EntryBox>,
}

#[inline(always)]
fn length_bytes_key(len: usize) -> usize {
    if len < 255 { 1 } else { 5 }
}

#[inline(always)]
fn length_bytes_value(len: usize) -> usize {
    if len < 254 {
        1
    } else if len <= usize::from(u16::MAX) {
        3
    } else {
        5
    }
}

struct Parts {
    key_at: usize,
    key_len: usize,
    value_len: usize,
}

impl Heap {
    /// Makes an entry. Lengths above 4 GiB are not representable; callers bound them far below.
    #[inline(always)]
    pub fn entry(&mut self, key: &[u8], value: NewValue<'_>, meta: Meta) -> EntryBox {
        let Meta { expire_at_ms, access, epoch, item } = meta;
        // Strings of RESP clients are no items: theirs is a body of its own, which knows nothing of flags and CAS.
        if item == Item::default() {
            self.plain_entry(key, value, expire_at_ms, access, epoch)
        } else {
            self.item_entry(key, value, expire_at_ms, access, epoch, item)
        }
    }

    #[inline]
    fn plain_entry(
        &mut self,
        key: &[u8],
        value: NewValue<'_>,
        expire_at_ms: Option<i64>,
        access: u32,
        epoch: u8,
    ) -> EntryBox {
        self.write(key, value, expire_at_ms, access, epoch, Item::default())
    }

    #[inline(never)]
    fn item_entry(
        &mut self,
        key: &[u8],
        value: NewValue<'_>,
        expire_at_ms: Option<i64>,
        access: u32,
        epoch: u8,
        item: Item,
    ) -> EntryBox {
        self.write(key, value, expire_at_ms, access, epoch, item)
    }

    #[inline(always)]
    fn write(
        &mut self,
        key: &[u8],
        value: NewValue<'_>,
        expire_at_ms: Option<i64>,
        access: u32,
        epoch: u8,
        item: Item,
    ) -> EntryBox {
        let Item { flags, cas, .. } = item;
        let (kind, raw, value_len, value_head) = match &value {
            NewValue::Int(_) => (KIND_INT, false, 8, 0),
            NewValue::Bytes { bytes, raw } => {
                (KIND_BYTES, *raw, bytes.len(), length_bytes_value(bytes.len()))
            }
            NewValue::Object(_) => (KIND_OBJECT, false, 8, 0),
        };
        assert!(key.len() <= u32::MAX as usize && value_len <= u32::MAX as usize, "bounded by the protocol");
        let expiry = if expire_at_ms.is_some() { 8 } else { 0 };
        let item = item.bits();
        let key_at = FIXED_BYTES + length_bytes_key(key.len()) + value_head + item_bytes(item) + expiry;
        let size = key_at + key.len() + value_len;
        let ptr = self.alloc(size);
        let p = ptr.as_ptr();
        let tag = kind
            | if expire_at_ms.is_some() { HAS_EXPIRY } else { 0 }
            | if raw { RAW } else { 0 }
            | ((epoch << EPOCH_SHIFT) & EPOCH_MASK);
        // SAFETY: `alloc` returned at least `size` bytes; all writes below stay inside, in the order of the layout.
        unsafe {
            p.write(tag);
            p.add(1).write(item);
            let access = access.to_le_bytes();
            p.add(2).copy_from_nonoverlapping(access.as_ptr(), 3);
            let mut at = FIXED_BYTES;
            if key.len() < 255 {
                p.add(at).write(key.len() as u8);
                at += 1;
            } else {
                p.add(at).write(255);
                p.add(at + 1).copy_from_nonoverlapping((key.len() as u32).to_le_bytes().as_ptr(), 4);
                at += 5;
            }
            if kind == KIND_BYTES {
                if value_len < 254 {
                    p.add(at).write(value_len as u8);
                    at += 1;
                } else if value_len <= usize::from(u16::MAX) {
                    p.add(at).write(254);
                    p.add(at + 1).copy_from_nonoverlapping((value_len as u16).to_le_bytes().as_ptr(), 2);
                    at += 3;
                } else {
                    p.add(at).write(255);
                    p.add(at + 1).copy_from_nonoverlapping((value_len as u32).to_le_bytes().as_ptr(), 4);
                    at += 5;
                }
            }
            if item & HAS_FLAGS != 0 {
                p.add(at).copy_from_nonoverlapping(flags.to_le_bytes().as_ptr(), 4);
                at += 4;
            }
            if item & HAS_CAS != 0 {
                let len = if item & WIDE_CAS != 0 { 8 } else { 4 };
                p.add(at).copy_from_nonoverlapping(cas.to_le_bytes().as_ptr(), len);
                at += len;
            }
            if let Some(expire) = expire_at_ms {
                p.add(at).copy_from_nonoverlapping(expire.to_le_bytes().as_ptr(), 8);
                at += 8;
            }
            debug_assert_eq!(at, key_at);
            p.add(at).copy_from_nonoverlapping(key.as_ptr(), key.len());
            let value_ptr = p.add(at + key.len());
            match value {
                NewValue::Int(n) => value_ptr.copy_from_nonoverlapping(n.to_le_bytes().as_ptr(), 8),
                NewValue::Bytes { bytes, .. } => {
                    value_ptr.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
                }
                NewValue::Object(object) => {
                    value_ptr.cast::<*mut Object>().write_unaligned(Box::into_raw(object));
                }
            }
        }
        EntryBox { ptr }
    }

    /// Frees an entry and its value.
    #[inline]
    pub fn release(&mut self, entry: EntryBox) {
        let view = entry.view();
        let size = view.size();
        if let Some(object) = view.object_ptr() {
            // SAFETY: the entry owns the object and dies here.
            drop(unsafe { Box::from_raw(object) });
        }
        // SAFETY: the entry was allocated with exactly this size by `entry` or `entry_with`.
        unsafe { self.free(entry.ptr, size) };
    }

    /// A new entry with the key, value and frequency of `old` and other metadata. An object moves over without a copy.
    /// The old entry is freed.
    pub fn with_meta(&mut self, old: EntryBox, meta: Meta) -> EntryBox {
        self.rebuild(old, None, meta)
    }

    /// A new entry under another key with the value (moved), expiry, access and frequency of `old`, which is freed.
    pub fn with_key(&mut self, old: EntryBox, key: &[u8], epoch: u8) -> EntryBox {
        let view = old.view();
        let meta = Meta { epoch, ..view.meta() };
        self.rebuild(old, Some(key), meta)
    }

    fn rebuild(&mut self, old: EntryBox, key: Option<&[u8]>, meta: Meta) -> EntryBox {
        let view = old.view();
        let value = match view.object_ptr() {
            // SAFETY: ownership moves to the new entry; the old one is freed below without its object.
            Some(object) => NewValue::Object(unsafe { Box::from_raw(object) }),
            None => match view.value() {
                Value::Int(n) => NewValue::Int(n),
                Value::Bytes(bytes) => NewValue::Bytes { bytes, raw: view.is_raw() },
                Value::Object(_) => unreachable!("an object has a pointer"),
            },
        };
        let new = self.entry(key.unwrap_or(view.key()), value, meta);
        new.view().set_frequency(view.frequency());
        let size = view.size();
        // SAFETY: allocated with this size; its object, if any, moved to `new`.
        unsafe { self.free(old.ptr, size) };
        new
    }

    /// Whether the entry's page is sparse, so that [`Heap::relocate`] would help to empty it.
    pub fn wants_relocation(&self, entry: EntryRef<'_>) -> bool {
        self.is_sparse(entry.ptr, entry.size())
    }

    /// Moves an entry to a fuller page of this heap.
    pub fn relocate(&mut self, old: EntryBox) -> EntryBox {
        let size = old.view().size();
        let new = self.alloc(size);
        // SAFETY: both objects have `size` bytes; an object pointer moves with the bytes, and the old copy is freed
        // as plain memory.
        unsafe {
            new.as_ptr().copy_from_nonoverlapping(old.ptr.as_ptr(), size);
            self.free(old.ptr, size);
        }
        EntryBox { ptr: new }
    }
}

impl EntryBox {
    /// Reads the entry.
    #[inline(always)]
    pub fn view(&self) -> EntryRef<'_> {
        EntryRef { ptr: self.ptr, _table: PhantomData }
    }

    /// Changes the object behind the entry, if its value is one.
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        // SAFETY: the box owns the object and is borrowed mutably.
        self.view().object_ptr().map(|p| unsafe { &mut *p })
    }

    #[inline(always)]
    pub(crate) fn into_raw(self) -> NonNull<u8> {
        self.ptr
    }

    /// # Safety
    /// `ptr` came from `into_raw` and its ownership passes to the box.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(ptr: NonNull<u8>) -> EntryBox {
        EntryBox { ptr }
    }
}

impl<'a> EntryRef<'a> {
    /// # Safety
    /// `ptr` is an entry that stays alive and in place for `'a`.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(ptr: NonNull<u8>) -> Self {
        EntryRef { ptr, _table: PhantomData }
    }

    #[inline(always)]
    fn byte(self, at: usize) -> u8 {
        // SAFETY: callers stay within the entry's layout; 8 bytes is the least an object has.
        unsafe { self.ptr.as_ptr().add(at).read() }
    }

    #[inline(always)]
    fn u32_at(self, at: usize) -> u32 {
        // SAFETY: as for `byte`; the length said that four bytes follow.
        unsafe { self.ptr.as_ptr().add(at).cast::<u32>().read_unaligned() }
    }

    #[inline(always)]
    fn parts(self) -> Parts {
        let tag = self.byte(0);
        let mut at = FIXED_BYTES + 1;
        let mut key_len = usize::from(self.byte(FIXED_BYTES));
        if key_len == 255 {
            key_len = self.u32_at(at) as usize;
            at += 4;
        }
        let mut value_len = 8;
        if tag & KIND_MASK == KIND_BYTES {
            value_len = usize::from(self.byte(at));
            at += 1;
            if value_len >= 254 {
                if value_len == 254 {
                    value_len = usize::from(u16::from_le_bytes([self.byte(at), self.byte(at + 1)]));
                    at += 2;
                } else {
                    value_len = self.u32_at(at) as usize;
                    at += 4;
                }
            }
        }
        let marks = self.byte(1);
        if marks & (HAS_CAS | HAS_FLAGS) != 0 {
            at += item_bytes(marks);
        }
        if tag & HAS_EXPIRY != 0 {
            at += 8;
        }
        Parts { key_at: at, key_len, value_len }
    }

    #[inline(always)]
    fn bytes(self, at: usize, len: usize) -> &'a [u8] {
        // SAFETY: `at` and `len` come from the entry's own lengths; published bytes do not change during `'a`.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr().add(at), len) }
    }

    /// The key.
    #[inline(always)]
    pub fn key(self) -> &'a [u8] {
        let parts = self.parts();
        self.bytes(parts.key_at, parts.key_len)
    }

    /// The value.
    #[inline(always)]
    pub fn value(self) -> Value<'a> {
        let parts = self.parts();
        let at = parts.key_at + parts.key_len;
        match self.byte(0) & KIND_MASK {
            KIND_BYTES => Value::Bytes(self.bytes(at, parts.value_len)),
            KIND_INT => {
                // SAFETY: an integer's eight bytes stand at `at`.
                Value::Int(i64::from_le(unsafe { self.ptr.as_ptr().add(at).cast::<i64>().read_unaligned() }))
            }
            _ => {
                // SAFETY: eight bytes hold the pointer of the object that this entry owns, alive as long as it.
                Value::Object(unsafe { &*self.ptr.as_ptr().add(at).cast::<*mut Object>().read_unaligned() })
            }
        }
    }

    /// Where the entry stands, to prefetch it. Reads nothing.
    #[inline(always)]
    pub fn address(self) -> usize {
        self.ptr.addr().get()
    }

    /// Where its object stands, if it has one, to prefetch that.
    #[inline(always)]
    pub fn object_address(self) -> Option<usize> {
        self.object_ptr().map(|object| object.addr())
    }

    #[inline(always)]
    pub(crate) fn object_ptr(self) -> Option<*mut Object> {
        if self.byte(0) & KIND_MASK != KIND_OBJECT {
            return None;
        }
        let parts = self.parts();
        // SAFETY: eight bytes behind the key hold the pointer.
        Some(unsafe {
            self.ptr.as_ptr().add(parts.key_at + parts.key_len).cast::<*mut Object>().read_unaligned()
        })
    }

    /// Unix time in ms at which the key expires.
    #[inline(always)]
    pub fn expire_at_ms(self) -> Option<i64> {
        if self.byte(0) & HAS_EXPIRY == 0 {
            return None;
        }
        let at = self.parts().key_at - 8;
        // SAFETY: with HAS_EXPIRY the eight bytes before the key are the expiry.
        Some(i64::from_le(unsafe { self.ptr.as_ptr().add(at).cast::<i64>().read_unaligned() }))
    }

    /// Unix time in ms at which the key or the first part of its value expires. O(1).
    #[inline(always)]
    pub fn due_at_ms(self) -> Option<i64> {
        let key = self.expire_at_ms();
        let Some(object) = self.object_ptr() else { return key };
        // SAFETY: the entry owns the object, which lives as long as it.
        match (key, unsafe { &*object }.due_at_ms()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What memcached keeps of it.
    #[inline]
    pub fn item(self) -> Item {
        let byte = self.byte(1);
        let len = item_bytes(byte);
        let marks = Marks::of(byte);
        if len == 0 {
            return Item { marks, ..Item::default() };
        }
        let mut at = self.parts().key_at - if self.is_volatile() { 8 } else { 0 } - len;
        let mut flags = 0;
        if byte & HAS_FLAGS != 0 {
            flags = self.u32_at(at);
            at += 4;
        }
        let cas = match byte & (HAS_CAS | WIDE_CAS) {
            HAS_CAS => u64::from(self.u32_at(at)),
            0 | WIDE_CAS => 0,
            _ => u64::from(self.u32_at(at)) | u64::from(self.u32_at(at + 4)) << 32,
        };
        Item { flags, cas, marks }
    }

    /// Notes what has happened to an item. Writes only when that is new.
    #[inline]
    pub fn set_marks(self, marks: Marks) {
        let old = self.byte(1);
        let new = (old & !MARKS_MASK) | marks.bits();
        if new != old {
            // SAFETY: byte 1 is the flags; no slice handed out covers it.
            unsafe { self.ptr.as_ptr().add(1).write(new) };
        }
    }

    /// What it carries beside key and value.
    pub fn meta(self) -> Meta {
        Meta {
            expire_at_ms: self.expire_at_ms(),
            access: self.access(),
            epoch: self.epoch(),
            item: self.item(),
        }
    }

    /// Whether the key has a TTL.
    #[inline(always)]
    pub fn is_volatile(self) -> bool {
        self.byte(0) & HAS_EXPIRY != 0
    }

    /// Whether the string was made by an editing command.
    pub fn is_raw(self) -> bool {
        self.byte(0) & RAW != 0
    }

    /// LRU clock or LFU counter, 24 bits.
    #[inline(always)]
    pub fn access(self) -> u32 {
        // The four bytes from 2 on include the key length's first byte, masked off.
        self.u32_at(2) & 0xff_ffff
    }

    /// Records an access. Writes only when the value changes, so hot keys stay clean in every core's cache.
    #[inline(always)]
    pub fn set_access(self, access: u32) {
        if self.access() != access & 0xff_ffff {
            let bytes = access.to_le_bytes();
            // SAFETY: bytes 2..5 are the access field; the shard's lock is held by the caller's borrow of the table,
            // and no slice handed out covers them.
            unsafe { self.ptr.as_ptr().add(2).copy_from_nonoverlapping(bytes.as_ptr(), 3) };
        }
    }

    /// Snapshot epoch, 2 bits.
    #[inline(always)]
    pub fn epoch(self) -> u8 {
        (self.byte(0) & EPOCH_MASK) >> EPOCH_SHIFT
    }

    /// Stamps the entry as seen by the snapshot of `epoch`.
    pub fn set_epoch(self, epoch: u8) {
        let tag = (self.byte(0) & !EPOCH_MASK) | ((epoch << EPOCH_SHIFT) & EPOCH_MASK);
        // SAFETY: byte 0 is the tag; no slice handed out covers it.
        unsafe { self.ptr.as_ptr().write(tag) };
    }

    /// S3-FIFO's frequency, 0 to 3.
    pub fn frequency(self) -> u8 {
        self.byte(1) & 0b11
    }

    /// Sets S3-FIFO's frequency.
    #[inline(always)]
    pub fn set_frequency(self, frequency: u8) {
        if self.frequency() != frequency {
            // SAFETY: byte 1 is the flags; no slice handed out covers it.
            unsafe { self.ptr.as_ptr().add(1).write((self.byte(1) & !0b11) | (frequency & 0b11)) };
        }
    }

    /// Whether S3-FIFO holds the entry in its main queue (else the small one).
    pub fn in_main_queue(self) -> bool {
        self.byte(0) & MAIN_QUEUE != 0
    }

    /// Moves the entry to S3-FIFO's main queue, or back.
    pub fn set_main_queue(self, main: bool) {
        let tag = (self.byte(0) & !MAIN_QUEUE) | if main { MAIN_QUEUE } else { 0 };
        // SAFETY: byte 0 is the tag; no slice handed out covers it.
        unsafe { self.ptr.as_ptr().write(tag) };
    }

    /// Bytes of the entry itself, before rounding.
    #[inline(always)]
    fn size(self) -> usize {
        let parts = self.parts();
        parts.key_at + parts.key_len + parts.value_len
    }

    /// Bytes that the entry takes: its slab object and what its object owns. O(1).
    pub fn memory_bytes(self) -> usize {
        let object = match self.value() {
            Value::Object(object) => object.memory_bytes(),
            _ => 0,
        };
        rounded_size(self.size()) + object
    }
}

#[cfg(test)]
mod tests;
