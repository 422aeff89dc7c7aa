//! Point-in-time reads without a fork: entry epochs and retained pre-images.
//!
//! A snapshot cuts at an instant (under the gate) by raising the keyspace's epoch. New entries carry the new epoch; a
//! writer that replaces, removes or edits an entry of the old epoch first hands the old state to the shard's
//! `retained` list. The scanner walks each shard in hash order, emits entries of the old epoch and stamps them, then
//! emits what was retained. So the scan yields exactly the state at the cut, and memory grows only by what is
//! overwritten meanwhile.
//!
//! **Invariant:** entries carry two bits of the epoch, and a snapshot begins only when every shard has been swept to
//! the present epoch, so an entry's epoch is always the present one or the one before: the bits cannot wrap unnoticed.

use std::sync::atomic::Ordering;

use structures::entry::{EntryBox, EntryRef, Meta, NewValue, Value};
use structures::slab::Heap;
use structures::table::{Slot, Table};

use crate::shard::{Keyspace, Shard};

/// A shard's part in a snapshot.
#[derive(Default)]
pub(crate) struct SnapshotState {
    /// A snapshot still has to visit this shard.
    active: bool,
    retained: Vec<(u16, EntryBox)>,
}

/// A snapshot could not begin.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct SnapshotBusy;

impl Shard {
    /// Keeps a removed entry for the snapshot that still needs it, else gives it back.
    #[inline(always)]
    pub(crate) fn retain_for_snapshot(&mut self, db: u16, entry: EntryBox, epoch: u64) -> Option<EntryBox> {
        match &mut self.cold {
            Some(cold) if cold.snapshot.active && entry.view().epoch() != (epoch & 3) as u8 => {
                cold.snapshot.retained.push((db, entry));
                None
            }
            _ => Some(entry),
        }
    }

    /// Before an edit in place: keeps a copy of the entry (its object shares all chunks) and stamps the live one.
    #[inline]
    pub(crate) fn retain_clone_for_snapshot(&mut self, db: u16, slot: Slot, epoch: u64, heap: &mut Heap) {
        if !self.cold.as_ref().is_some_and(|c| c.snapshot.active) {
            return;
        }
        let Some(table) = self.table(db) else { return };
        let entry = table.entry(slot);
        if entry.epoch() == (epoch & 3) as u8 {
            return;
        }
        let copy = clone_entry(entry, heap);
        entry.set_epoch((epoch & 3) as u8);
        self.cold_mut().snapshot.retained.push((db, copy));
    }

    /// Before a whole table goes: what the snapshot still needs moves to the retained list.
    pub(crate) fn retain_table_for_snapshot(&mut self, db: u16, table: &mut Table, epoch: u64) {
        let Some(cold) = &mut self.cold else { return };
        if !cold.snapshot.active {
            return;
        }
        table.drain_if(
            |entry| entry.epoch() != (epoch & 3) as u8,
            |entry| cold.snapshot.retained.push((db, entry)),
        );
    }

    /// Gives the slot's entry other metadata; an object stays where it is.
    pub(crate) fn swap_meta(&mut self, db: u16, slot: Slot, meta: Meta, heap: &mut Heap) {
        self.table_mut(db).map_entry(slot, |old| heap.with_meta(old, meta));
    }
}

fn clone_entry(entry: EntryRef<'_>, heap: &mut Heap) -> EntryBox {
    let value = match entry.value() {
        Value::Int(n) => NewValue::Int(n),
        Value::Bytes(bytes) => NewValue::Bytes { bytes, raw: entry.is_raw() },
        Value::Object(object) => NewValue::Object(Box::new(object.clone())),
    };
    heap.entry(entry.key(), value, entry.meta())
}

/// A scan over the state at the cut.
pub struct SnapshotScan {
    epoch: u64,
    shard: u32,
    db: u16,
    order: u32,
}

impl Keyspace {
    /// Cuts a snapshot. Under the gate (so no write is under way). Fails while another is being scanned.
    pub fn begin_snapshot(&self) -> Result<SnapshotScan, SnapshotBusy> {
        for number in 0..self.shard_count() {
            if self.shard(number).lock_blocking().cold.as_ref().is_some_and(|c| c.snapshot.active) {
                return Err(SnapshotBusy);
            }
        }
        for number in 0..self.shard_count() {
            self.shard(number).lock_blocking().cold_mut().snapshot.active = true;
        }
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(SnapshotScan { epoch, shard: 0, db: 0, order: 0 })
    }
}

impl SnapshotScan {
    /// Emits about `want` entries of the cut, each with its physical database; `false` when all were emitted. A scan
    /// must be driven to its end (emit into nothing to abandon it): until then no other snapshot can begin.
    pub fn next(
        &mut self,
        keyspace: &Keyspace,
        heap: &mut Heap,
        want: usize,
        mut emit: impl FnMut(u16, EntryRef<'_>),
    ) -> bool {
        if self.shard == keyspace.shard_count() {
            return false;
        }
        let stamp = (self.epoch & 3) as u8;
        let mut shard = keyspace.shard(self.shard).lock_blocking();
        while self.db < shard.databases() {
            let next = shard.table(self.db).and_then(|table| {
                table.scan(self.order, want, |entry| {
                    if entry.epoch() != stamp {
                        debug_assert_eq!(entry.epoch(), stamp.wrapping_sub(1) & 3, "epochs never lag by two");
                        emit(self.db, entry);
                        entry.set_epoch(stamp);
                    }
                })
            });
            match next {
                Some(order) => {
                    self.order = order;
                    return true;
                }
                None => {
                    self.db += 1;
                    self.order = 0;
                }
            }
        }
        let cold = shard.cold_mut();
        cold.snapshot.active = false;
        let retained = std::mem::take(&mut cold.snapshot.retained);
        drop(shard);
        for (db, entry) in retained {
            emit(db, entry.view());
            heap.release(entry);
        }
        self.shard += 1;
        (self.db, self.order) = (0, 0);
        true
    }
}

#[cfg(test)]
mod tests;
