//! One array of buckets: the memory, probing and moving below `Table`.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::ORDER_BITS;
use crate::entry::{EntryBox, EntryRef};

/// Slots of a bucket.
pub(super) const SLOTS: usize = 7;
/// Bytes of a bucket: one cache line.
pub const BUCKET_BYTES: usize = 64;

const OVERFLOW: u64 = 1 << 63;
const VOLATILE_FLAGS: u64 = 0x7f << 56;
const POINTER_MASK: u64 = (1 << 48) - 1;
const TAG_LOW: u64 = 0x0001_0101_0101_0101;
const TAG_HIGH: u64 = TAG_LOW << 7;
/// How far from its home a key may stand before the array counts as too full. Only many equal orders raise it.
pub(super) const MAX_SPILL: u32 = 32;
/// `mins` value of a bucket without volatile keys.
const NEVER: u32 = u32::MAX;

#[repr(C, align(64))]
struct Bucket {
    /// Seven tags and the flag byte.
    tags: u64,
    words: [u64; SLOTS],
}

/// A place in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    bucket: u32,
    slot: u8,
    old: bool,
}

impl Slot {
    #[inline(always)]
    pub(super) fn in_old(self, old: bool) -> Slot {
        Slot { old, ..self }
    }

    #[inline(always)]
    pub(super) fn is_old(self) -> bool {
        self.old
    }
}

impl Bucket {
    /// Bit mask (bit 8*i+7 for slot i) of the slots whose tag may be `tag`.
    #[inline(always)]
    fn tag_matches(&self, tag: u8) -> u64 {
        let x = (self.tags & (u64::MAX >> 8)) ^ (TAG_LOW * u64::from(tag));
        x.wrapping_sub(TAG_LOW) & !x & TAG_HIGH
    }

    #[inline(always)]
    fn order(&self, slot: usize) -> u32 {
        ((self.words[slot] >> 48) as u32) << 8 | (self.tags >> (8 * slot)) as u32 & 0xff
    }

    #[inline(always)]
    fn has_overflow(&self) -> bool {
        self.tags & OVERFLOW != 0
    }

    #[inline(always)]
    fn is_volatile(&self, slot: usize) -> bool {
        self.tags & (1 << (56 + slot)) != 0
    }

    #[inline(always)]
    fn free_slot(&self) -> Option<usize> {
        (0..SLOTS).find(|&s| self.words[s] == 0)
    }

    #[inline(always)]
    fn set(&mut self, slot: usize, order: u32, ptr: NonNull<u8>, volatile: bool) {
        let address = ptr.as_ptr().expose_provenance() as u64;
        debug_assert!(address & !POINTER_MASK == 0, "user-space addresses have 47 bits");
        self.words[slot] = address | u64::from(order >> 8) << 48;
        self.tags = self.tags & !(0xff << (8 * slot)) & !(1 << (56 + slot))
            | u64::from(order & 0xff) << (8 * slot)
            | u64::from(volatile) << (56 + slot);
    }

    #[inline(always)]
    fn clear(&mut self, slot: usize) {
        self.words[slot] = 0;
        self.tags &= !(1 << (56 + slot));
    }

    #[inline(always)]
    fn pointer(&self, slot: usize) -> NonNull<u8> {
        let address = (self.words[slot] & POINTER_MASK) as usize;
        NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("slot is occupied")
    }
}

/// Buckets in hash order, with a few more behind the last home for what spills over the end.
#[repr(C)]
pub(super) struct Array {
    buckets: NonNull<Bucket>,
    homes: u32,
    physical: u32,
    /// How far from its home a key may stand.
    spill: u32,
    /// Per bucket the earliest instant at which something in it expires (a key, or a part of its value), in Unix
    /// seconds rounded down (a lower bound); empty until such a key comes.
    mins: Vec<u32>,
}

// SAFETY: an array owns its buckets and, through their pointers, its entries, which are Send.
unsafe impl Send for Array {}
// SAFETY: shared access only reads buckets and entries; an entry's access field is written under the shard's lock.
unsafe impl Sync for Array {}

impl Array {
    /// No buckets, no memory.
    pub(super) const fn empty() -> Self {
        Array { buckets: NonNull::dangling(), homes: 0, physical: 0, spill: MAX_SPILL, mins: Vec::new() }
    }

    pub(super) fn new(homes: u32, spill: u32, track_expiry: bool) -> Self {
        // A small array whose last home overflows grows instead; one with a raised limit has the room at once.
        let behind = if spill > MAX_SPILL { spill } else { (homes / 64).min(spill) };
        let physical = homes + 1 + behind;
        let layout = Self::layout(physical);
        // SAFETY: the layout is not of size zero. An all-zero bucket is an empty one.
        let buckets = NonNull::new(unsafe { alloc_zeroed(layout) }.cast::<Bucket>())
            .unwrap_or_else(|| handle_alloc_error(layout));
        let mins = if track_expiry { vec![NEVER; physical as usize] } else { Vec::new() };
        Array { buckets, homes, physical, spill, mins }
    }

    fn layout(physical: u32) -> Layout {
        Layout::array::<Bucket>(physical as usize).expect("bucket counts stay far below the address space")
    }

    pub(super) fn homes(&self) -> u32 {
        self.homes
    }

    pub(super) fn spill(&self) -> u32 {
        self.spill
    }

    pub(super) fn physical(&self) -> u32 {
        self.physical
    }

    pub(super) fn tracks_expiry(&self) -> bool {
        !self.mins.is_empty()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.physical as usize * BUCKET_BYTES + self.mins.capacity() * size_of::<u32>()
    }

    #[inline(always)]
    fn bucket(&self, i: u32) -> &Bucket {
        debug_assert!(i < self.physical);
        // SAFETY: every caller derives `i` from `home` (below `homes`) or walks up to `physical`.
        unsafe { &*self.buckets.as_ptr().add(i as usize) }
    }

    #[inline(always)]
    fn bucket_mut(&mut self, i: u32) -> &mut Bucket {
        debug_assert!(i < self.physical);
        // SAFETY: as for `bucket`, with exclusive access.
        unsafe { &mut *self.buckets.as_ptr().add(i as usize) }
    }

    #[inline(always)]
    pub(super) fn home(&self, order: u32) -> u32 {
        ((u64::from(order) * u64::from(self.homes)) >> ORDER_BITS) as u32
    }

    /// The least order whose home is `home`.
    pub(super) fn first_order(&self, home: u32) -> u32 {
        (u64::from(home) << ORDER_BITS).div_ceil(u64::from(self.homes)) as u32
    }

    #[inline(always)]
    pub(super) fn home_address(&self, order: u32) -> usize {
        // Plain arithmetic: with no buckets it is an address nobody follows.
        self.buckets.as_ptr().addr() + self.home(order) as usize * BUCKET_BYTES
    }

    #[inline(always)]
    pub(super) fn candidate(&self, order: u32) -> Option<EntryRef<'_>> {
        if self.homes == 0 {
            return None;
        }
        let bucket = self.bucket(self.home(order));
        let mut matches = bucket.tag_matches(order as u8);
        while matches != 0 {
            let slot = matches.trailing_zeros() as usize / 8;
            let word = bucket.words[slot];
            if word >> 48 == u64::from(order >> 8) && word != 0 {
                // SAFETY: the word is not 0, so it is that of an entry, which lives as long as the array.
                return Some(unsafe { EntryRef::from_raw(bucket.pointer(slot)) });
            }
            matches &= matches - 1;
        }
        None
    }

    #[inline(always)]
    pub(super) fn find(&self, order: u32, key: &[u8]) -> Option<Slot> {
        if self.homes == 0 {
            return None;
        }
        let mut at = self.home(order);
        loop {
            let bucket = self.bucket(at);
            let mut matches = bucket.tag_matches(order as u8);
            while matches != 0 {
                let slot = matches.trailing_zeros() as usize / 8;
                let word = bucket.words[slot];
                if word >> 48 == u64::from(order >> 8) && word & POINTER_MASK != 0 {
                    // SAFETY: an occupied slot points to a live entry of this array.
                    if unsafe { EntryRef::from_raw(bucket.pointer(slot)) }.key() == key {
                        return Some(Slot { bucket: at, slot: slot as u8, old: false });
                    }
                }
                matches &= matches - 1;
            }
            if !bucket.has_overflow() {
                return None;
            }
            at += 1;
            if at == self.physical {
                return None;
            }
        }
    }

    #[inline(always)]
    pub(super) fn entry(&self, slot: Slot) -> EntryRef<'_> {
        // SAFETY: slots come from `find` and its kin on this array, unchanged since (the caller's contract; a stale
        // slot of an emptied place panics in `pointer`), and entries live as long as the array.
        unsafe { EntryRef::from_raw(self.bucket(slot.bucket).pointer(slot.slot as usize)) }
    }

    /// An entry of this very order, whatever its key.
    pub(super) fn first_of_order(&self, order: u32) -> Option<Slot> {
        if self.homes == 0 {
            return None;
        }
        for at in self.home(order)..self.physical {
            let bucket = self.bucket(at);
            if let Some(slot) = (0..SLOTS).find(|&s| bucket.words[s] != 0 && bucket.order(s) == order) {
                return Some(Slot { bucket: at, slot: slot as u8, old: false });
            }
            if !bucket.has_overflow() {
                break;
            }
        }
        None
    }

    /// Whether the bucket may hold a key with a TTL or with one inside its value: one look at its flags.
    pub(super) fn has_volatile(&self, bucket: u32) -> bool {
        self.bucket(bucket).tags & VOLATILE_FLAGS != 0
    }

    pub(super) fn slot_at(&self, bucket: u32, slot: usize) -> Option<Slot> {
        (self.bucket(bucket).words[slot] != 0).then_some(Slot { bucket, slot: slot as u8, old: false })
    }

    #[inline]
    pub(super) fn replace(&mut self, slot: Slot, entry: EntryBox) -> EntryBox {
        let due = entry.view().due_at_ms();
        if let Some(at_ms) = due {
            self.note_expiry(slot.bucket, at_ms);
        }
        let bucket = self.bucket_mut(slot.bucket);
        let s = slot.slot as usize;
        let order = bucket.order(s);
        let old = bucket.pointer(s);
        bucket.set(s, order, entry.into_raw(), due.is_some());
        // SAFETY: the slot owned `old` and no longer points to it.
        unsafe { EntryBox::from_raw(old) }
    }

    pub(super) fn map_entry(&mut self, slot: Slot, change: impl FnOnce(EntryBox) -> EntryBox) {
        let s = slot.slot as usize;
        // SAFETY: the slot owns the entry; it is overwritten with what `change` returns before anyone looks. A panic
        // in `change` happens under the shard's lock and ends the process.
        let entry = change(unsafe { EntryBox::from_raw(self.bucket(slot.bucket).pointer(s)) });
        let due = entry.view().due_at_ms();
        if let Some(at_ms) = due {
            self.note_expiry(slot.bucket, at_ms);
        }
        let bucket = self.bucket_mut(slot.bucket);
        let order = bucket.order(s);
        bucket.set(s, order, entry.into_raw(), due.is_some());
    }

    /// Takes note of when a part of the slot's value expires, after a change in place.
    pub(super) fn note_due(&mut self, slot: Slot) {
        if let Some(at_ms) = self.entry(slot).due_at_ms() {
            self.note_expiry(slot.bucket, at_ms);
            self.bucket_mut(slot.bucket).tags |= 1 << (56 + slot.slot);
        }
    }

    fn place_for(&self, order: u32) -> Option<(u32, usize)> {
        if self.homes == 0 {
            return None;
        }
        let home = self.home(order);
        let end = self.physical.min(home + self.spill);
        (home..end).find_map(|at| self.bucket(at).free_slot().map(|slot| (at, slot)))
    }

    pub(super) fn has_room_for(&self, order: u32) -> bool {
        self.place_for(order).is_some()
    }

    pub(super) fn insert(&mut self, order: u32, entry: EntryBox) -> Result<(), EntryBox> {
        let Some((at, slot)) = self.place_for(order) else { return Err(entry) };
        for passed in self.home(order)..at {
            self.bucket_mut(passed).tags |= OVERFLOW;
        }
        let due = entry.view().due_at_ms();
        if let Some(at_ms) = due {
            self.note_expiry(at, at_ms);
        }
        self.bucket_mut(at).set(slot, order, entry.into_raw(), due.is_some());
        Ok(())
    }

    /// Takes the entry out and pulls spilled entries back towards their homes.
    pub(super) fn remove(&mut self, slot: Slot) -> EntryBox {
        let bucket = self.bucket(slot.bucket);
        let ptr = bucket.pointer(slot.slot as usize);
        let home = self.home(bucket.order(slot.slot as usize));
        self.bucket_mut(slot.bucket).clear(slot.slot as usize);
        let last = self.pull_back(slot.bucket, slot.slot as usize);
        // What left or moved passes over these no more.
        for bucket in (home..last).rev() {
            if self.bucket(bucket).has_overflow() && self.passing(bucket).is_none() {
                self.bucket_mut(bucket).tags &= !OVERFLOW;
            }
        }
        // SAFETY: the slot owned the entry and is empty now.
        unsafe { EntryBox::from_raw(ptr) }
    }

    /// The nearest slot behind `bucket` that holds an entry whose home is `bucket` or before.
    fn passing(&self, bucket: u32) -> Option<(u32, usize)> {
        for at in bucket + 1..self.physical {
            let here = self.bucket(at);
            let passed = |&s: &usize| here.words[s] != 0 && self.home(here.order(s)) <= bucket;
            if let Some(slot) = (0..SLOTS).find(passed) {
                return Some((at, slot));
            }
            if !here.has_overflow() {
                return None;
            }
        }
        None
    }

    /// Fills a hole from behind, and the hole that this leaves. Returns the bucket of the last one.
    fn pull_back(&mut self, mut hole: u32, mut hole_slot: usize) -> u32 {
        while self.bucket(hole).has_overflow() {
            let Some((at, slot)) = self.passing(hole) else {
                self.bucket_mut(hole).tags &= !OVERFLOW;
                break;
            };
            let from = self.bucket(at);
            let (order, ptr, volatile) = (from.order(slot), from.pointer(slot), from.is_volatile(slot));
            if volatile {
                let min = self.mins[at as usize];
                let here = &mut self.mins[hole as usize];
                *here = (*here).min(min);
            }
            self.bucket_mut(hole).set(hole_slot, order, ptr, volatile);
            self.bucket_mut(at).clear(slot);
            (hole, hole_slot) = (at, slot);
        }
        hole
    }

    /// Visits the entries whose home is `home`, with their orders.
    pub(super) fn visit_home<'a>(&'a self, home: u32, mut visit: impl FnMut(u32, EntryRef<'a>)) {
        let mut at = home;
        loop {
            let bucket = self.bucket(at);
            for slot in 0..SLOTS {
                if bucket.words[slot] != 0 {
                    let order = bucket.order(slot);
                    if self.home(order) == home {
                        // SAFETY: an occupied slot points to a live entry of this array.
                        visit(order, unsafe { EntryRef::from_raw(bucket.pointer(slot)) });
                    }
                }
            }
            at += 1;
            if !bucket.has_overflow() || at == self.physical {
                return;
            }
        }
    }

    /// Moves the entries whose home is `home` to `target`; `false` when one does not fit (the rest stays).
    pub(super) fn move_home(&mut self, home: u32, target: &mut Array) -> bool {
        let mut at = home;
        loop {
            let more = self.bucket(at).has_overflow();
            for slot in 0..SLOTS {
                let bucket = self.bucket(at);
                if bucket.words[slot] == 0 || self.home(bucket.order(slot)) != home {
                    continue;
                }
                let min = self.mins.get(at as usize).copied();
                if !target.adopt(self.bucket_mut(at), slot, min) {
                    return false;
                }
            }
            at += 1;
            if !more || at == self.physical {
                return true;
            }
        }
    }

    /// Takes over one slot of another array's bucket. No entry is touched: its expiry's bound comes from `min`.
    fn adopt(&mut self, from: &mut Bucket, slot: usize, min: Option<u32>) -> bool {
        let order = from.order(slot);
        let Some((at, free)) = self.place_for(order) else { return false };
        for passed in self.home(order)..at {
            self.bucket_mut(passed).tags |= OVERFLOW;
        }
        let volatile = from.is_volatile(slot);
        if volatile {
            // The first volatile key may have come while the resize was under way.
            self.track_expiry();
            let here = &mut self.mins[at as usize];
            *here = (*here).min(min.unwrap_or(0));
        }
        let ptr = from.pointer(slot);
        self.bucket_mut(at).set(free, order, ptr, volatile);
        from.clear(slot);
        true
    }

    /// Moves everything to `target`; `false` when something does not fit (the rest stays).
    pub(super) fn move_all(&mut self, target: &mut Array) -> bool {
        for at in 0..self.physical {
            let min = self.mins.get(at as usize).copied();
            for slot in 0..SLOTS {
                if self.bucket(at).words[slot] != 0 && !target.adopt(self.bucket_mut(at), slot, min) {
                    return false;
                }
            }
        }
        true
    }

    /// Hands out the entries that `wanted` picks; the others stay reachable.
    pub(super) fn drain_if(&mut self, wanted: impl Fn(EntryRef<'_>) -> bool, mut take: impl FnMut(EntryBox)) {
        for at in 0..self.physical {
            for slot in 0..SLOTS {
                let bucket = self.bucket_mut(at);
                if bucket.words[slot] == 0 {
                    continue;
                }
                let ptr = bucket.pointer(slot);
                // SAFETY: an occupied slot points to a live entry of this array.
                if wanted(unsafe { EntryRef::from_raw(ptr) }) {
                    bucket.clear(slot);
                    // SAFETY: the slot owned the entry and is empty now.
                    take(unsafe { EntryBox::from_raw(ptr) });
                }
            }
        }
    }

    /// Hands out every entry and leaves the array empty.
    pub(super) fn drain(&mut self, take: impl FnMut(EntryBox)) {
        self.drain_if(|_| true, take);
        for at in 0..self.physical {
            self.bucket_mut(at).tags = 0;
        }
    }

    #[inline(always)]
    fn track_expiry(&mut self) {
        if self.mins.is_empty() {
            self.mins = vec![NEVER; self.physical as usize];
        }
    }

    fn note_expiry(&mut self, bucket: u32, at_ms: i64) {
        self.track_expiry();
        let here = &mut self.mins[bucket as usize];
        *here = (*here).min(seconds_floor(at_ms));
    }

    /// Looks from physical bucket `from` on for a key that is due; returns where it stopped. See `Table::next_due`.
    pub(super) fn next_due(&mut self, from: u32, now_ms: i64, budget: &mut u32) -> (u32, Option<Slot>) {
        if self.mins.is_empty() {
            return (self.physical, None);
        }
        let now = seconds_floor(now_ms);
        let mut at = from;
        while at < self.physical {
            if *budget == 0 {
                return (at, None);
            }
            *budget -= 1;
            if self.mins[at as usize] <= now {
                let mut min = NEVER;
                for slot in 0..SLOTS {
                    let bucket = self.bucket(at);
                    if !bucket.is_volatile(slot) {
                        continue;
                    }
                    // SAFETY: a volatile slot is occupied and points to a live entry of this array.
                    let entry = unsafe { EntryRef::from_raw(bucket.pointer(slot)) };
                    let Some(due) = entry.due_at_ms() else {
                        // What was to expire in its value has left.
                        self.bucket_mut(at).tags &= !(1 << (56 + slot));
                        continue;
                    };
                    if due <= now_ms {
                        return (at, Some(Slot { bucket: at, slot: slot as u8, old: false }));
                    }
                    min = min.min(seconds_floor(due));
                }
                self.mins[at as usize] = min;
            }
            at += 1;
        }
        (at, None)
    }

    pub(super) fn earliest_due_ms(&self) -> Option<i64> {
        let min = self.mins.iter().copied().min().unwrap_or(NEVER);
        (min != NEVER).then(|| i64::from(min) * 1000)
    }
}

/// Unix seconds, rounded down, kept below `NEVER` (the year 2106 and later share the last second).
fn seconds_floor(at_ms: i64) -> u32 {
    (at_ms / 1000).clamp(0, i64::from(NEVER) - 1) as u32
}

#[cfg(test)]
impl Array {
    /// Checks every rule of the array and counts overflow flags that no entry needs any more.
    pub(super) fn check(&self) -> usize {
        let mut idle_flags = 0;
        for at in 0..self.physical {
            let bucket = self.bucket(at);
            let mut min = NEVER;
            for slot in 0..SLOTS {
                assert!(
                    !bucket.is_volatile(slot) || bucket.words[slot] != 0,
                    "an empty slot is not volatile"
                );
                if bucket.words[slot] == 0 {
                    continue;
                }
                let home = self.home(bucket.order(slot));
                assert!(home <= at && at < home + self.spill, "home {home} at {at}");
                assert!(
                    (home..at).all(|b| self.bucket(b).has_overflow()),
                    "cannot be reached from {home} at {at}"
                );
                // SAFETY: an occupied slot points to a live entry of this array.
                let entry = unsafe { EntryRef::from_raw(bucket.pointer(slot)) };
                assert!(bucket.is_volatile(slot) || entry.due_at_ms().is_none(), "what is due can be found");
                min = min.min(entry.due_at_ms().map_or(NEVER, seconds_floor));
            }
            assert!(min == NEVER || self.mins[at as usize] <= min, "the bound lies below every expiry");
            idle_flags += usize::from(bucket.has_overflow() && self.passing(at).is_none());
        }
        idle_flags
    }

    /// Buckets that a search for a missing key of each home looks at, summed over homes.
    pub(super) fn miss_probes(&self) -> usize {
        let probes =
            |home: u32| 1 + (home..self.physical).take_while(|&b| self.bucket(b).has_overflow()).count();
        (0..self.homes).map(probes).sum()
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if self.physical > 0 {
            // SAFETY: allocated in `new` with this layout. Entries are the table's affair.
            unsafe { dealloc(self.buckets.as_ptr().cast(), Self::layout(self.physical)) };
        }
    }
}
