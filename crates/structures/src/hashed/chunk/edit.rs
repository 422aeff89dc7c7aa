//! Editing a leaf in place.

use super::draft::{Draft, slots_for};
use super::{
    Chunk, EXTERNAL, HEAD_BYTES, NEVER, ONE_HASH, OUTSIDE, Shape, Spot, TTL, VARIABLE, WORD, code_of,
    each_word, external,
};
use crate::blob::Blob;

impl<const W: usize> Chunk<W> {
    /// Marks the leaf as one whose names have one hash, or takes the mark away.
    pub(in crate::hashed) fn mark_one_hash(&mut self, one_hash: bool) {
        if self.is_one_hash() != one_hash {
            self.own();
            self.blob.make_mut()[4] ^= ONE_HASH;
        }
    }

    /// Adds an element whose name is new. Amortised O(bytes of the leaf / 16).
    pub(in crate::hashed) fn push(&mut self, tag: u8, name: &[u8], value: &[u8], expire_at_ms: Option<i64>) {
        assert!(W == VARIABLE || value.len() == W, "values of {W} bytes");
        let ((name_code, name_size), (value_code, value_size)) = (code_of::<W>(name), code_of::<W>(value));
        let value_size = if W == VARIABLE { value_size } else { W };
        let is_value_outside = W == VARIABLE && value_code == OUTSIDE;
        let outside = if name_code == OUTSIDE || is_value_outside { EXTERNAL } else { 0 };
        let ttl = if expire_at_ms.is_some() { TTL } else { 0 };
        self.prepare(1, outside | ttl, name_size + value_size);
        self.append_part(name, name_code == OUTSIDE);
        self.append_part(value, is_value_outside);
        let shape = self.shape();
        let index = shape.count;
        let bytes = self.blob.make_mut();
        bytes[shape.tags() + index] = tag;
        bytes[shape.names() + index] = name_code;
        if W == VARIABLE {
            bytes[shape.values() + index] = value_code;
        }
        bytes[..2].copy_from_slice(&(index as u16 + 1).to_le_bytes());
        if shape.flags & TTL != 0 {
            self.write_expiry(shape, index, expire_at_ms.map_or(NEVER, |at_ms| at_ms as u64));
        }
    }

    /// Removes the element at a spot. O(bytes of the leaf).
    pub(in crate::hashed) fn remove(&mut self, spot: Spot) {
        self.own();
        let shape = self.shape();
        let Spot { index, at } = spot;
        let (name_size, value_size) = self.sizes(shape, index);
        if shape.flags & EXTERNAL != 0 {
            self.release_part(shape.names() + index, at);
            if W == VARIABLE {
                self.release_part(shape.values() + index, at + name_size);
            }
        }
        let expiry = self.expiry(shape, index);
        let bytes = self.blob.make_mut();
        let mut close = |array: usize, width: usize| {
            bytes
                .copy_within(array + (index + 1) * width..array + shape.count * width, array + index * width);
        };
        close(shape.tags(), 1);
        close(shape.names(), 1);
        if W == VARIABLE {
            close(shape.values(), 1);
        }
        if shape.flags & TTL != 0 {
            close(shape.expiries(), 8);
        }
        bytes[..2].copy_from_slice(&(shape.count as u16 - 1).to_le_bytes());
        self.blob.splice(at..at + name_size + value_size, &[]);
        if expiry != NEVER {
            self.refresh_first_expiry(expiry);
        }
        if self.blob.len() < self.blob.capacity() / 8 * 5 {
            self.blob.shrink_to_fit();
        }
    }

    /// Gives the element at a spot another value. O(1) if it is as long, else O(bytes of the leaf).
    pub(in crate::hashed) fn set_value(&mut self, spot: Spot, value: &[u8]) {
        let (code, size) = code_of::<W>(value);
        if W != VARIABLE {
            assert!(value.len() == W, "values of {W} bytes");
            self.own();
            let at = spot.at + self.sizes(self.shape(), spot.index).0;
            self.blob.make_mut()[at..at + W].copy_from_slice(value);
            return;
        }
        self.prepare(0, if code == OUTSIDE { EXTERNAL } else { 0 }, size);
        // Laying out may have moved it.
        let shape = self.shape();
        let (name_size, old_size) = self.sizes(shape, spot.index);
        let at = self.offset(shape, spot.index) + name_size;
        let code_at = shape.values() + spot.index;
        self.release_part(code_at, at);
        if code == OUTSIDE {
            let word = self.store_part(value);
            self.blob.splice(at..at + old_size, &word);
        } else {
            self.blob.splice(at..at + old_size, value);
        }
        self.blob.make_mut()[code_at] = code;
    }

    /// Gives the element at `index` another expiry, or none. O(1), O(bytes of the leaf) if it is the first with one.
    pub(in crate::hashed) fn set_expiry(&mut self, index: usize, expire_at_ms: Option<i64>) {
        if expire_at_ms.is_none() && self.shape().flags & TTL == 0 {
            return;
        }
        self.prepare(0, TTL, 0);
        let shape = self.shape();
        let old = self.expiry(shape, index);
        self.write_expiry(shape, index, expire_at_ms.map_or(NEVER, |at_ms| at_ms as u64));
        self.refresh_first_expiry(old);
    }

    /// Removes the elements that `moves` says and returns them as a leaf. O(bytes of the leaf).
    pub(in crate::hashed) fn extract(&mut self, moves: impl Fn(usize) -> bool) -> Chunk<W> {
        let right = Draft::gather(self, &moves);
        let left = Draft::gather(self, |index| !moves(index));
        self.replace(left.blob);
        Chunk { blob: right.blob }
    }

    /// Adds all elements of another leaf. O(bytes of both).
    pub(in crate::hashed) fn append(&mut self, other: &Chunk<W>) {
        let theirs = other.shape();
        let data = other.blob.get(theirs.data()..).unwrap_or(&[]);
        self.prepare(theirs.count, theirs.flags & (TTL | EXTERNAL), data.len());
        let shape = self.shape();
        let (external, first) = (self.wide(0) + other.wide(0), self.wide(1).min(other.wide(1)));
        self.blob.push(data);
        each_word::<W>(&other.blob, |word| {
            // SAFETY: the other leaf's reference lives; this leaf's copy of the word is released with it.
            unsafe { external::retain(word) };
        });
        let grown = Shape { count: shape.count + theirs.count, ..shape };
        let mut draft = Draft { blob: std::mem::take(&mut self.blob), shape: grown };
        draft.copy_arrays(shape.count, other, 0, theirs.count);
        draft.finish(external, first);
        self.blob = draft.blob;
    }

    /// Gives back slack.
    pub(in crate::hashed) fn shrink_to_fit(&mut self) {
        self.blob.shrink_to_fit();
    }

    /// Makes the blob this leaf's own, so that no edit below copies it without counting the references in it.
    #[inline]
    fn own(&mut self) {
        if self.blob.is_shared() {
            let copy = Blob::from_slice(&self.blob);
            self.replace(copy);
        }
    }

    /// Own blob with slots for `added` more elements, with these flags, and with room for `bytes` more data.
    #[inline]
    fn prepare(&mut self, added: usize, flags: u8, bytes: usize) {
        let shape = self.shape();
        if shape.count + added > shape.slots || flags & !shape.flags != 0 {
            let draft = Draft::lay_out(self, slots_for(shape.count + added), flags, bytes);
            self.replace(draft.blob);
        } else {
            self.own();
            self.blob.reserve(bytes);
        }
    }

    /// Replaces the blob by one that has its words, or else a part of them while the rest went to another leaf: together
    /// once each, and not counted yet.
    fn replace(&mut self, blob: Blob) {
        if self.blob.is_shared() {
            // Others keep the old blob and the references in it.
            each_word::<W>(&self.blob, |word| {
                // SAFETY: the reference lives; the copy of the word is released with the leaf that has it.
                unsafe { external::retain(word) };
            });
            drop(Chunk::<W> { blob: std::mem::replace(&mut self.blob, blob) });
        } else {
            // The references pass on with the words: the old blob is freed without ending them.
            drop(std::mem::replace(&mut self.blob, blob));
        }
    }

    fn set_wide(&mut self, external_bytes: u64, first_expiry: u64) {
        let bytes = self.blob.make_mut();
        bytes[HEAD_BYTES..HEAD_BYTES + 8].copy_from_slice(&external_bytes.to_le_bytes());
        bytes[HEAD_BYTES + 8..HEAD_BYTES + 16].copy_from_slice(&first_expiry.to_le_bytes());
    }

    fn write_expiry(&mut self, shape: Shape<W>, index: usize, expiry: u64) {
        let at = shape.expiries() + 8 * index;
        self.blob.make_mut()[at..at + 8].copy_from_slice(&expiry.to_le_bytes());
        self.set_wide(self.wide(0), self.wide(1).min(expiry));
    }

    /// Corrects the first expiry after an element lost the expiry `old`.
    fn refresh_first_expiry(&mut self, old: u64) {
        let shape = self.shape();
        if old == self.wide(1) {
            let first = (0..shape.count).map(|index| self.expiry(shape, index)).min().unwrap_or(NEVER);
            self.set_wide(self.wide(0), first);
        }
    }

    /// Puts a part into the data, at the end.
    fn append_part(&mut self, part: &[u8], outside: bool) {
        if outside {
            let word = self.store_part(part);
            self.blob.push(&word);
        } else {
            self.blob.push(part);
        }
    }

    /// Makes an external part, whose word must be written to the data.
    fn store_part(&mut self, part: &[u8]) -> [u8; WORD] {
        let word = external::store(part);
        // SAFETY: the reference was just made.
        let bytes = unsafe { external::memory_bytes(&word) } as u64;
        self.set_wide(self.wide(0) + bytes, self.wide(1));
        word
    }

    /// Ends the reference of a part that is about to be overwritten, if it stands outside.
    fn release_part(&mut self, code_at: usize, at: usize) {
        if self.blob[code_at] != OUTSIDE {
            return;
        }
        let word: [u8; WORD] = self.blob[at..at + WORD].try_into().expect("eight bytes");
        // SAFETY: the length byte says that the word is a reference, and the caller overwrites it.
        let bytes = unsafe {
            let bytes = external::memory_bytes(&word);
            external::release(&word);
            bytes
        };
        self.set_wide(self.wide(0) - bytes as u64, self.wide(1));
    }
}
