//! The buffers a ring's multishot receives write into, shared by all its connections.
//!
//! The kernel takes buffers from a ring in memory in the order they were put there and names the one it used in
//! the completion, see io_uring_register_buf_ring(3). Only as many buffers are put into the ring as turned out to
//! be needed: the kernel uses them in rotation, so every one offered becomes resident memory in time.

use io_uring::types::BufRingEntry;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

/// Index of a buffer.
pub(super) type BufferId = u16;

/// An anonymous mapping.
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Self> {
        // SAFETY: a new anonymous mapping at an address the kernel chooses touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // Most buffers are used by their first page only; huge pages would make all of each resident.
        // SAFETY: the range was mapped above. Failure leaves the kernel's default, which is harmless.
        let _ = unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_NOHUGEPAGE) };
        Ok(Mapping { start, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, and nothing refers into it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// The buffers with the ring that offers them.
pub(super) struct Buffers {
    ring: Mapping,
    memory: Mapping,
    entries: u16,
    buffer_bytes: usize,
    /// Buffers offered so far; those above were never touched.
    offered: u16,
    /// Our copy of the ring's tail; the kernel sees it after `publish`.
    tail: u16,
    published: u16,
}

// SAFETY: the mappings belong to this value alone; nothing is bound to a thread.
unsafe impl Send for Buffers {}

impl Buffers {
    /// Maps `entries` (a power of two) buffers of `buffer_bytes` and offers the first `offered`.
    pub(super) fn new(entries: u16, buffer_bytes: usize, offered: u16) -> io::Result<Self> {
        assert!(entries.is_power_of_two() && offered <= entries);
        let mut buffers = Buffers {
            ring: Mapping::new(usize::from(entries) * size_of::<BufRingEntry>())?,
            memory: Mapping::new(usize::from(entries) * buffer_bytes)?,
            entries,
            buffer_bytes,
            offered: 0,
            tail: 0,
            published: 0,
        };
        buffers.offer(offered);
        Ok(buffers)
    }

    /// Address of the ring, for registering it. Page-aligned.
    pub(super) fn ring_address(&self) -> u64 {
        self.ring.start.addr().get() as u64
    }

    /// Number of buffers the ring has room for.
    pub(super) fn entries(&self) -> u16 {
        self.entries
    }

    fn offer(&mut self, count: u16) {
        for id in self.offered..(self.offered + count).min(self.entries) {
            self.offered += 1;
            self.recycle(id);
        }
    }

    /// Offers twice as many buffers, after they ran out. Those not in use already come from `recycle`.
    pub(super) fn grow(&mut self) {
        self.offer(self.offered.max(1));
    }

    /// The first `length` bytes the kernel wrote into a buffer, from `from` on.
    ///
    /// `id` and `length` come from a completion, and the buffer was not recycled since.
    pub(super) fn bytes(&self, id: BufferId, from: usize, length: usize) -> &[u8] {
        assert!(id < self.entries && from <= length && length <= self.buffer_bytes);
        // SAFETY: within the mapping, as asserted; anonymous memory is initialized, and the kernel does not write
        // to a buffer between the completion that names it and its return to the ring.
        unsafe {
            let start = self.memory.start.add(usize::from(id) * self.buffer_bytes + from);
            std::slice::from_raw_parts(start.as_ptr(), length - from)
        }
    }

    /// Puts a buffer back into the ring. The kernel may use it after the next `publish`.
    pub(super) fn recycle(&mut self, id: BufferId) {
        assert!(id < self.entries);
        let slot = usize::from(self.tail & (self.entries - 1));
        // SAFETY: the slot is within the ring. The kernel reads only slots before the published tail, and this
        // one is free: at most `entries` buffers exist and each is in the ring once.
        unsafe {
            let entry = &mut *self.ring.start.as_ptr().cast::<BufRingEntry>().add(slot);
            entry.set_addr(self.memory.start.add(usize::from(id) * self.buffer_bytes).addr().get() as u64);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see what was recycled.
    pub(super) fn publish(&mut self) {
        if self.tail == self.published {
            return;
        }
        self.published = self.tail;
        // SAFETY: the first entry's spare field is the ring's tail by definition; it is aligned, lives as long
        // as the mapping, and is read by the kernel only.
        unsafe {
            let tail = BufRingEntry::tail(self.ring.start.as_ptr().cast());
            AtomicU16::from_ptr(tail.cast_mut()).store(self.tail, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offered_buffers_double_up_to_all() {
        let mut buffers = Buffers::new(16, 4096, 4).unwrap();
        assert_eq!((buffers.offered, buffers.tail), (4, 4));
        buffers.grow();
        assert_eq!((buffers.offered, buffers.tail), (8, 8));
        buffers.grow();
        buffers.grow();
        assert_eq!((buffers.offered, buffers.tail), (16, 16));
        buffers.recycle(3);
        buffers.publish();
        assert_eq!(buffers.published, 17);
        assert_eq!(buffers.bytes(15, 0, 4096), [0; 4096]);
        assert!(buffers.bytes(0, 7, 7).is_empty());
    }
}
