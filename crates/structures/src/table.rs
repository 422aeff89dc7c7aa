//! The hash-ordered bucket table: all keys of one database in one shard.
//!
//! A bucket is one cache line: seven tags and a flag byte, then seven words of 48 bits pointer and 16 bits hash.
//!
//! ```text
//! byte 0..6   tag of slot i: order bits 0..8       byte 7   bit i: slot i may expire; bit 7: overflow
//! word 1..7   pointer (48 bits) | order bits 8..24 (16 bits); zero when the slot is empty
//! ```
//!
//! The 24 *order bits* of a key's hash give its home bucket, `order * buckets >> 24`, so buckets stand in hash order
//! whatever the table's size: a resize never hashes a key again nor touches an entry, and SCAN is exact. A full
//! bucket spills into the next ones; `overflow` says that some entry whose home is this bucket or an earlier one
//! stands further on. Deletion pulls such entries back, so churn leaves no scars.
//!
//! Growth is by a quarter (shrinking by a half), and incremental above [`AT_ONCE_BUCKETS`]: orders below `boundary`
//! live in the new array, the rest in the old one, and each write moves a few buckets on.
//!
//! Beyond about 100 million keys in one table the order bits run out and buckets spill far; shards keep it below.

use crate::entry::{EntryBox, EntryRef};
use crate::object::Object;
use crate::slab::Heap;

mod array;
#[cfg(test)]
mod tests;

use array::Array;
pub use array::{BUCKET_BYTES, Slot};

/// Order bits: the position of a key in hash order.
pub const ORDER_BITS: u32 = 24;
/// One past the last order.
pub const ORDER_END: u32 = 1 << ORDER_BITS;
/// Tables up to this many buckets resize in one step (a few microseconds).
const AT_ONCE_BUCKETS: u32 = 64;
/// Home buckets moved per write while a resize is under way.
const MOVE_PER_WRITE: u32 = 4;
const SLOTS: u32 = array::SLOTS as u32;

/// A table under construction and the one it replaces.
struct Old {
    array: Array,
    /// Home bucket of the old array that moves next.
    next: u32,
}

/// Where a walk over physical buckets stands; stays valid across any change (it may then visit a bucket twice).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkCursor(u32);

impl WalkCursor {
    /// A cursor that begins at about `fraction` (of 2^32) of the table.
    pub fn at_fraction(table: &Table, fraction: u32) -> WalkCursor {
        WalkCursor(((u64::from(fraction) * u64::from(table.physical_buckets())) >> 32) as u32)
    }
}

/// The keys of one database in one shard. What a look-up reads comes first, to share the shard lock's cache line.
#[repr(C)]
pub struct Table {
    /// Orders below it live in `current`, the others in `old`. `ORDER_END` when no resize is under way.
    boundary: u32,
    count: u32,
    volatile: u32,
    /// Per-table growth phase, below 16, so that shards do not all grow at once.
    phase: u8,
    old: Option<Box<Old>>,
    current: Array,
}

impl Table {
    /// An empty table without memory. `phase` (any number) staggers growth among tables.
    pub fn new(phase: u32) -> Self {
        Table {
            current: Array::empty(),
            boundary: ORDER_END,
            count: 0,
            volatile: 0,
            phase: (phase % 16) as u8,
            old: None,
        }
    }

    /// Keys in the table.
    #[inline]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Keys with a TTL.
    pub fn volatile_len(&self) -> usize {
        self.volatile as usize
    }

    /// Bytes of buckets and side arrays; entries not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        self.current.memory_bytes()
            + self.old.as_ref().map_or(0, |o| o.array.memory_bytes() + size_of::<Old>())
    }

    /// Buckets in use, for `DEBUG HTSTATS`.
    pub fn buckets(&self) -> usize {
        self.physical_buckets() as usize
    }

    /// Whether a resize is under way.
    pub fn is_resizing(&self) -> bool {
        self.old.is_some()
    }

    #[inline(always)]
    fn array_of(&self, order: u32) -> &Array {
        if order < self.boundary {
            &self.current
        } else {
            // A boundary below ORDER_END implies an old array.
            self.old.as_deref().map_or(&self.current, |o| &o.array)
        }
    }

    #[inline(always)]
    fn array_of_mut(&mut self, order: u32) -> &mut Array {
        if order < self.boundary {
            &mut self.current
        } else {
            self.old.as_deref_mut().map_or(&mut self.current, |o| &mut o.array)
        }
    }

    /// Address of the key's home bucket, to prefetch.
    #[inline(always)]
    pub fn bucket_address(&self, order: u32) -> usize {
        self.array_of(order).home_address(order)
    }

    /// The first entry that may be the key's, judged by hash bits alone: reads the home bucket only.
    #[inline(always)]
    pub fn candidate(&self, order: u32) -> Option<EntryRef<'_>> {
        self.array_of(order).candidate(order)
    }

    /// The key's entry. O(1).
    #[inline(always)]
    pub fn get(&self, order: u32, key: &[u8]) -> Option<EntryRef<'_>> {
        let array = self.array_of(order);
        array.find(order, key).map(|slot| array.entry(slot))
    }

    /// The key's slot. O(1). Valid until the next change of the table.
    #[inline(always)]
    pub fn find(&self, order: u32, key: &[u8]) -> Option<Slot> {
        self.array_of(order).find(order, key).map(|s| s.in_old(order >= self.boundary))
    }

    /// The entry in a slot.
    #[inline(always)]
    pub fn entry(&self, slot: Slot) -> EntryRef<'_> {
        match &self.old {
            Some(old) if slot.is_old() => old.array.entry(slot),
            _ => self.current.entry(slot),
        }
    }

    /// Changes the object behind a slot's entry.
    pub fn object_mut(&mut self, slot: Slot) -> Option<&mut Object> {
        let object = self.entry(slot).object_ptr()?;
        // SAFETY: the table owns the entry and the entry its object; `&mut self` excludes every other reference.
        Some(unsafe { &mut *object })
    }

    /// Puts `entry` in the place of the slot's entry, which it returns. Both have the same key.
    #[inline]
    pub fn replace(&mut self, slot: Slot, entry: EntryBox) -> EntryBox {
        let was_volatile = self.entry(slot).is_volatile();
        let is_volatile = entry.view().is_volatile();
        self.volatile = self.volatile + u32::from(is_volatile) - u32::from(was_volatile);
        match &mut self.old {
            Some(old) if slot.is_old() => old.array.replace(slot, entry),
            _ => self.current.replace(slot, entry),
        }
    }

    /// Adds an entry whose key is not in the table.
    pub fn insert(&mut self, order: u32, entry: EntryBox) {
        debug_assert!(self.find(order, entry.view().key()).is_none(), "insert of a key that is there");
        self.step();
        self.grow_if_full();
        self.count += 1;
        self.volatile += u32::from(entry.view().is_volatile());
        let mut entry = entry;
        loop {
            match self.array_of_mut(order).insert(order, entry) {
                Ok(()) => return,
                Err(back) => {
                    entry = back;
                    self.finish_resize();
                    if order < self.boundary && !self.current_has_room_for(order) {
                        self.spread_cluster();
                    }
                }
            }
        }
    }

    fn current_has_room_for(&self, order: u32) -> bool {
        self.current.has_room_for(order)
    }

    /// Takes the slot's entry out.
    pub fn remove(&mut self, slot: Slot) -> EntryBox {
        let entry = match &mut self.old {
            Some(old) if slot.is_old() => old.array.remove(slot),
            _ => self.current.remove(slot),
        };
        self.count -= 1;
        self.volatile -= u32::from(entry.view().is_volatile());
        self.step();
        self.shrink_if_sparse();
        entry
    }

    /// Takes out the entries that `wanted` picks, handing each to `take`. O(n).
    pub fn drain_if(&mut self, wanted: impl Fn(EntryRef<'_>) -> bool, mut take: impl FnMut(EntryBox)) {
        let mut taken = 0;
        let mut volatile = 0;
        let mut pick = |array: &mut Array| {
            array.drain_if(&wanted, |entry| {
                taken += 1;
                volatile += u32::from(entry.view().is_volatile());
                take(entry);
            });
        };
        pick(&mut self.current);
        if let Some(old) = &mut self.old {
            pick(&mut old.array);
        }
        self.count -= taken;
        self.volatile -= volatile;
    }

    /// Replaces the slot's entry by what `change` makes of it (same key).
    pub fn map_entry(&mut self, slot: Slot, change: impl FnOnce(EntryBox) -> EntryBox) {
        let was = self.entry(slot).is_volatile();
        let array = match &mut self.old {
            Some(old) if slot.is_old() => &mut old.array,
            _ => &mut self.current,
        };
        array.map_entry(slot, change);
        let is = self.entry(slot).is_volatile();
        self.volatile = self.volatile + u32::from(is) - u32::from(was);
    }

    /// Empties the table, handing each entry to `heap`. O(n).
    pub fn clear(&mut self, heap: &mut Heap) {
        self.current.drain(|entry| heap.release(entry));
        if let Some(mut old) = self.old.take() {
            old.array.drain(|entry| heap.release(entry));
        }
        self.current = Array::empty();
        self.boundary = ORDER_END;
        self.count = 0;
        self.volatile = 0;
    }

    /// Visits in hash order the keys whose order is at least `from`, until `want` of them were seen and a bucket is
    /// complete. Returns the order to continue from, or `None` at the end.
    ///
    /// A key that is in the table from the first call of a full iteration to the last is visited exactly once,
    /// whatever resizes happen in between.
    pub fn scan<'t>(&'t self, from: u32, want: usize, mut visit: impl FnMut(EntryRef<'t>)) -> Option<u32> {
        self.scan_orders(from, want, |_, entry| visit(entry))
    }

    /// [`Self::scan`] that tells each key's order as well.
    pub fn scan_orders<'t>(
        &'t self,
        from: u32,
        want: usize,
        mut visit: impl FnMut(u32, EntryRef<'t>),
    ) -> Option<u32> {
        let mut order = from;
        let mut seen = 0;
        while order < ORDER_END {
            let array = self.array_of(order);
            if array.homes() == 0 {
                return None;
            }
            let home = array.home(order);
            let end = array.first_order(home + 1).min(if order < self.boundary {
                self.boundary
            } else {
                ORDER_END
            });
            array.visit_home(home, |o, entry| {
                if o >= order && o < end {
                    seen += 1;
                    visit(o, entry);
                }
            });
            order = end;
            if seen >= want {
                break;
            }
        }
        (order < ORDER_END).then_some(order)
    }

    /// A random key's slot; `random` supplies 64 random bits a call. Nearly uniform. `None` when empty.
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<Slot> {
        if self.count == 0 {
            return None;
        }
        let buckets = self.physical_buckets();
        for _ in 0..1000 {
            let bucket = (u64::from(random() as u32) * u64::from(buckets)) >> 32;
            let slot = (random() % u64::from(SLOTS)) as usize;
            if let Some(slot) = self.physical_slot(bucket as u32, slot) {
                return Some(slot);
            }
        }
        // Nearly empty: take the first from a random place on.
        let start = (u64::from(random() as u32) * u64::from(buckets)) >> 32;
        (0..buckets)
            .flat_map(|i| (0..SLOTS as usize).map(move |s| (i, s)))
            .find_map(|(i, s)| self.physical_slot((start as u32 + i) % buckets, s))
    }

    /// An entry that stands at this very place in hash order (keys that share it are rare). O(1).
    pub fn first_of_order(&self, order: u32) -> Option<EntryRef<'_>> {
        let array = self.array_of(order);
        array.first_of_order(order).map(|slot| array.entry(slot))
    }

    /// Visits up to `want` entries with a TTL from a random place on, looking at no more than `buckets` buckets. One
    /// without such a key costs a look at its flags.
    pub fn sample_volatile<'t>(
        &'t self,
        start: u32,
        want: usize,
        buckets: u32,
        mut visit: impl FnMut(EntryRef<'t>),
    ) {
        let all = self.physical_buckets();
        let first = ((u64::from(start) * u64::from(all)) >> 32) as u32;
        let in_current = self.current.physical();
        let mut seen = 0;
        for i in 0..all.min(buckets) {
            let bucket = if first + i >= all { first + i - all } else { first + i };
            let has = match &self.old {
                Some(old) if bucket >= in_current => old.array.has_volatile(bucket - in_current),
                _ => self.current.has_volatile(bucket),
            };
            if !has {
                continue;
            }
            for entry in (0..SLOTS as usize).filter_map(|s| Some(self.entry(self.physical_slot(bucket, s)?)))
            {
                if entry.is_volatile() {
                    visit(entry);
                    seen += 1;
                    if seen >= want {
                        return;
                    }
                }
            }
        }
    }

    fn physical_buckets(&self) -> u32 {
        self.current.physical() + self.old.as_ref().map_or(0, |o| o.array.physical())
    }

    fn physical_slot(&self, bucket: u32, slot: usize) -> Option<Slot> {
        let in_current = self.current.physical();
        if bucket < in_current {
            self.current.slot_at(bucket, slot)
        } else {
            let old = self.old.as_ref()?;
            old.array.slot_at(bucket - in_current, slot).map(|s| s.in_old(true))
        }
    }

    /// Takes note that something inside the slot's value expires, or expires earlier, after a change in place. O(1).
    pub fn note_due(&mut self, slot: Slot) {
        match &mut self.old {
            Some(old) if slot.is_old() => old.array.note_due(slot),
            _ => self.current.note_due(slot),
        }
    }

    /// Walks physical buckets from `cursor` for at most `budget` buckets (which it counts down) and returns the first
    /// slot with a key that expired, or in whose value something expired, at `now_ms` or before. `None` with `budget`
    /// left over means the end: the cursor is back at the start. Buckets whose earliest expiry lies ahead cost one
    /// comparison.
    pub fn next_due(&mut self, cursor: &mut WalkCursor, now_ms: i64, budget: &mut u32) -> Option<Slot> {
        loop {
            let in_current = self.current.physical();
            let (array, base, is_old) = if cursor.0 < in_current {
                (&mut self.current, 0, false)
            } else {
                match &mut self.old {
                    Some(old) if cursor.0 - in_current < old.array.physical() => {
                        (&mut old.array, in_current, true)
                    }
                    _ => {
                        *cursor = WalkCursor(0);
                        return None;
                    }
                }
            };
            let (reached, found) = array.next_due(cursor.0 - base, now_ms, budget);
            cursor.0 = base + reached;
            if let Some(slot) = found {
                return Some(slot.in_old(is_old));
            }
            if *budget == 0 {
                return None;
            }
        }
    }

    /// A lower bound of when the next key or part of a value expires, in Unix ms; `None` when nothing does.
    /// O(buckets / 16).
    pub fn earliest_due_ms(&self) -> Option<i64> {
        let old = self.old.as_ref().and_then(|o| o.array.earliest_due_ms());
        match (self.current.earliest_due_ms(), old) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Visits up to `want` entries from a random place on (for eviction sampling).
    pub fn sample<'t>(&'t self, start: u32, want: usize, mut visit: impl FnMut(EntryRef<'t>)) {
        let buckets = self.physical_buckets();
        let mut seen = 0;
        let first = ((u64::from(start) * u64::from(buckets)) >> 32) as u32;
        for i in 0..buckets {
            for s in 0..SLOTS as usize {
                let bucket = if first + i >= buckets { first + i - buckets } else { first + i };
                if let Some(slot) = self.physical_slot(bucket, s) {
                    visit(self.entry(slot));
                    seen += 1;
                    if seen >= want {
                        return;
                    }
                }
            }
        }
    }

    /// Walks up to `budget` physical buckets from `cursor`, giving `heap` the chance to move entries out of sparse
    /// pages. Returns the entries moved; the cursor is at the start again after a full pass.
    pub fn relocate_sparse(&mut self, cursor: &mut WalkCursor, heap: &mut Heap, budget: &mut u32) -> usize {
        let mut moved = 0;
        while *budget > 0 {
            if cursor.0 >= self.physical_buckets() {
                *cursor = WalkCursor(0);
                return moved;
            }
            *budget -= 1;
            for s in 0..SLOTS as usize {
                let Some(slot) = self.physical_slot(cursor.0, s) else { continue };
                if !heap.wants_relocation(self.entry(slot)) {
                    continue;
                }
                let array = match &mut self.old {
                    Some(old) if slot.is_old() => &mut old.array,
                    _ => &mut self.current,
                };
                array.map_entry(slot, |entry| heap.relocate(entry));
                moved += 1;
            }
            cursor.0 += 1;
        }
        moved
    }

    fn capacity_limit(&self) -> u32 {
        // 7/8 full, less up to a sixteenth by phase so that tables of equal size grow at different times.
        let slots = u64::from(self.current.homes()) * u64::from(SLOTS);
        (slots * 7 / 8 - slots * u64::from(self.phase) / 240) as u32
    }

    fn grow_if_full(&mut self) {
        if self.old.is_none() && self.count >= self.capacity_limit() {
            let homes = self.current.homes();
            self.start_resize((homes + homes / 4).max(homes + 1));
        }
    }

    fn shrink_if_sparse(&mut self) {
        if self.count == 0 {
            // An empty table holds no memory, so that eviction can always make room.
            self.current = Array::empty();
            self.old = None;
            self.boundary = ORDER_END;
            return;
        }
        let homes = self.current.homes();
        if self.old.is_none() && homes > 1 && u64::from(self.count) * 3 < u64::from(homes) * u64::from(SLOTS)
        {
            self.start_resize((self.count / 5).max(1));
        }
    }

    fn start_resize(&mut self, homes: u32) {
        if homes <= AT_ONCE_BUCKETS || self.current.homes() <= AT_ONCE_BUCKETS {
            self.resize_at_once(homes);
            return;
        }
        let fresh = Array::new(homes, self.current.spill(), self.current.tracks_expiry());
        let array = std::mem::replace(&mut self.current, fresh);
        self.old = Some(Box::new(Old { array, next: 0 }));
        self.boundary = 0;
    }

    fn resize_at_once(&mut self, homes: u32) {
        self.rebuild(homes.max(1), self.current.spill());
    }

    /// Makes `current` larger because a cluster of equal orders did not fit.
    #[cold]
    fn spread_cluster(&mut self) {
        let (homes, spill) = self.roomier(self.current.homes(), self.current.spill());
        self.rebuild(homes, spill);
    }

    /// The next size to try: more homes, or, where those would stand empty, longer runs.
    fn roomier(&self, homes: u32, spill: u32) -> (u32, u32) {
        let sparse = u64::from(homes) * u64::from(SLOTS) > u64::from(self.count) * 4 + 256;
        if sparse { (homes, spill * 2) } else { (homes + homes / 4 + 1, spill) }
    }

    fn rebuild(&mut self, mut homes: u32, mut spill: u32) {
        debug_assert!(self.old.is_none());
        let tracks_expiry = self.current.tracks_expiry();
        let mut sources = vec![std::mem::replace(&mut self.current, Array::empty())];
        loop {
            let mut fresh = Array::new(homes, spill, tracks_expiry);
            if sources.iter_mut().all(|source| source.move_all(&mut fresh)) {
                self.current = fresh;
                return;
            }
            // The next array takes what stands in this one too.
            sources.push(fresh);
            (homes, spill) = self.roomier(homes, spill);
        }
    }

    /// Moves a resize on by a few buckets.
    #[inline]
    fn step(&mut self) {
        if self.old.is_some() {
            self.move_homes(MOVE_PER_WRITE);
        }
    }

    /// Moves a resize on by at most `homes` buckets, for idle time. Returns whether one is still under way.
    pub fn advance_resize(&mut self, homes: u32) -> bool {
        self.move_homes(homes);
        self.old.is_some()
    }

    fn finish_resize(&mut self) {
        self.move_homes(u32::MAX);
    }

    #[cold]
    #[inline(never)]
    fn move_homes(&mut self, homes: u32) {
        let Some(mut old) = self.old.take() else { return };
        let end = old.next.saturating_add(homes).min(old.array.homes());
        while old.next < end {
            if !old.array.move_home(old.next, &mut self.current) {
                // The new array cannot take this home's keys (too many equal orders): rebuild it larger, with what
                // it has; the old array keeps the rest.
                self.boundary = ORDER_END;
                self.spread_cluster();
                continue;
            }
            old.next += 1;
        }
        if old.next == old.array.homes() {
            self.boundary = ORDER_END;
        } else {
            self.boundary = old.array.first_order(old.next);
            self.old = Some(old);
        }
    }
}

#[cfg(test)]
impl Table {
    /// Checks every rule of the arrays and counts overflow flags that no entry needs any more.
    fn check(&self) -> usize {
        self.current.check() + self.old.as_ref().map_or(0, |old| old.array.check())
    }

    /// Buckets that the search for a missing key looks at, on average.
    fn miss_probes(&self) -> f64 {
        self.current.miss_probes() as f64 / f64::from(self.current.homes())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // Entries are freed through a heap: `clear` first. Dropping a filled table at process end leaks on purpose.
        debug_assert!(
            self.count == 0 || std::thread::panicking() || cfg!(test),
            "table dropped with entries"
        );
    }
}
