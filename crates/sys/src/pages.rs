//! Big aligned pages for the slab of `structures`.
//!
//! A page is 64 KiB and aligned to 64 KiB, so that the page of any entry is its address with the low bits
//! cleared. Pages are carved from 4 MiB mappings, which keeps the number of mappings small and leaves room for
//! transparent huge pages. Those are off unless asked for: a kernel set to hand them out everywhere would make
//! half-used regions resident and copy 2 MiB for every write during a fork.
//!
//! A freed page stays resident for the next taker, up to [`IDLE_RESIDENT_MAX`] of them; the memory of more goes
//! back to the kernel, the address range stays ours. Mappings are never returned.

use crate::check;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Size and alignment of a page.
pub const PAGE_BYTES: usize = 64 * 1024;
/// Size and alignment of what is asked from the kernel at a time.
pub const REGION_BYTES: usize = 4 * 1024 * 1024;
/// From this many mapped pages on, regions ask for transparent huge pages: with much data, address translation costs
/// more than anything else on a look-up; with little, 2 MiB at a time would show in the footprint.
pub const HUGE_FROM_PAGES: usize = 128;
/// Freed pages that keep their memory.
pub const IDLE_RESIDENT_MAX: usize = 16;

/// The pages of this process: what the slab uses.
pub static PAGES: PageSource = PageSource::new();

/// A source of pages. Every method may be called from any thread; a page is taken or given back every few hundred
/// entries, so a lock is cheap enough.
pub struct PageSource {
    state: Mutex<State>,
    huge: AtomicBool,
}

struct State {
    /// What is left of the newest region, in address order.
    fresh: *mut u8,
    fresh_pages: usize,
    /// Free, with memory behind them.
    idle: Vec<NonNull<u8>>,
    /// Free, memory given back to the kernel: zero when touched again.
    released: Vec<NonNull<u8>>,
    mapped_pages: usize,
    used_pages: usize,
}

// SAFETY: the pointers name memory that belongs to the source until a caller takes it; nothing is bound to a
// thread.
unsafe impl Send for State {}

/// How much of a source is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCounts {
    /// Address space obtained from the kernel, in pages.
    pub mapped: usize,
    /// Pages in the hands of callers.
    pub used: usize,
    /// Free pages that still have memory.
    pub idle_resident: usize,
    /// Free pages whose memory went back to the kernel.
    pub released: usize,
}

impl PageCounts {
    /// Memory in the hands of callers.
    pub fn used_bytes(&self) -> usize {
        self.used * PAGE_BYTES
    }
}

impl PageSource {
    /// A source that maps nothing until asked. Dropping it leaves its mappings in place, since pages may be in
    /// use.
    pub const fn new() -> Self {
        PageSource {
            state: Mutex::new(State {
                fresh: std::ptr::null_mut(),
                fresh_pages: 0,
                idle: Vec::new(),
                released: Vec::new(),
                mapped_pages: 0,
                used_pages: 0,
            }),
            huge: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held with the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether regions mapped from now on ask for transparent huge pages. While on, freed pages keep their memory
    /// until [`PageSource::purge`], because giving back 64 KiB would break up 2 MiB.
    pub fn set_huge_pages(&self, on: bool) {
        self.huge.store(on, Ordering::Relaxed);
    }

    /// Takes a page: [`PAGE_BYTES`] readable and writable bytes, aligned to their size, contents arbitrary.
    /// `None` when the kernel has no more memory.
    pub fn alloc_page(&self) -> Option<NonNull<u8>> {
        let mut state = self.lock();
        let page = match state.idle.pop() {
            Some(page) => page,
            // Address space that was never touched costs the same as released pages; use what is mapped first.
            None => match state.released.pop() {
                Some(page) => page,
                None => {
                    let huge = self.huge.load(Ordering::Relaxed) || state.mapped_pages >= HUGE_FROM_PAGES;
                    state.carve(huge).ok()?
                }
            },
        };
        state.used_pages += 1;
        Some(page)
    }

    /// Gives a page back.
    ///
    /// # Safety
    /// `page` came from this source's [`PageSource::alloc_page`], was not given back since, and nothing refers
    /// into it any more.
    pub unsafe fn free_page(&self, page: NonNull<u8>) {
        debug_assert_eq!(page.addr().get() % PAGE_BYTES, 0);
        let mut state = self.lock();
        state.used_pages -= 1;
        if state.idle.len() < IDLE_RESIDENT_MAX || self.huge.load(Ordering::Relaxed) {
            state.idle.push(page);
        } else {
            release(page);
            state.released.push(page);
        }
    }

    /// Gives the memory of all free pages back to the kernel. Returns how many bytes that were.
    pub fn purge(&self) -> usize {
        let mut state = self.lock();
        let idle = std::mem::take(&mut state.idle);
        for page in &idle {
            release(*page);
        }
        let bytes = idle.len() * PAGE_BYTES;
        state.released.extend(idle);
        bytes
    }

    /// What is mapped, used and free at this moment.
    pub fn counts(&self) -> PageCounts {
        let state = self.lock();
        PageCounts {
            mapped: state.mapped_pages,
            used: state.used_pages,
            idle_resident: state.idle.len(),
            released: state.released.len(),
        }
    }
}

impl Default for PageSource {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The next page that was never used, from a new region if need be.
    fn carve(&mut self, huge: bool) -> io::Result<NonNull<u8>> {
        if self.fresh_pages == 0 {
            self.fresh = map_region(huge)?.as_ptr();
            self.fresh_pages = REGION_BYTES / PAGE_BYTES;
            self.mapped_pages += self.fresh_pages;
        }
        let page = NonNull::new(self.fresh).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: at least one page of the region is left, so this stays within it or one past its end.
        self.fresh = unsafe { self.fresh.add(PAGE_BYTES) };
        self.fresh_pages -= 1;
        Ok(page)
    }
}

/// Maps a region aligned to its size by mapping twice as much and cutting off both ends.
fn map_region(huge: bool) -> io::Result<NonNull<u8>> {
    let length = 2 * REGION_BYTES;
    // SAFETY: a new anonymous mapping at an address the kernel chooses touches nothing that exists.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let base: *mut u8 = base.cast();
    let head = base.align_offset(REGION_BYTES);
    // SAFETY: the aligned region lies within the mapping, which is twice as long.
    let region = unsafe { base.add(head) };
    // SAFETY: one past the region is within the mapping or its end.
    let tail = unsafe { region.add(REGION_BYTES) };
    for (start, bytes) in [(base, head), (tail, length - head - REGION_BYTES)] {
        if bytes > 0 {
            // SAFETY: a part of the mapping made above that nobody knows of.
            check(unsafe { libc::munmap(start.cast(), bytes) })?;
        }
    }
    let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    // SAFETY: the region is ours. Fails on kernels built without huge pages, where there is nothing to choose.
    let _ = unsafe { libc::madvise(region.cast(), REGION_BYTES, advice) };
    NonNull::new(region).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Gives the memory behind a free page back; it reads as zero afterwards.
fn release(page: NonNull<u8>) {
    // SAFETY: the page is free, nothing refers to its contents. Failure leaves it resident, which is harmless.
    let _ = unsafe { libc::madvise(page.as_ptr().cast(), PAGE_BYTES, libc::MADV_DONTNEED) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn touch(page: NonNull<u8>, value: u8) {
        // SAFETY: the page is ours for its whole length.
        unsafe { page.as_ptr().write_bytes(value, PAGE_BYTES) };
    }

    fn first_byte(page: NonNull<u8>) -> u8 {
        // SAFETY: the page is ours.
        unsafe { page.as_ptr().read() }
    }

    #[test]
    fn pages_are_aligned_distinct_and_writable() {
        let source = PageSource::new();
        let pages: Vec<_> = (0..200).map(|_| source.alloc_page().unwrap()).collect();
        for (index, page) in pages.iter().enumerate() {
            assert_eq!(page.addr().get() % PAGE_BYTES, 0);
            touch(*page, index as u8);
        }
        assert!(pages.iter().enumerate().all(|(index, page)| first_byte(*page) == index as u8));
        assert_eq!(pages.iter().collect::<HashSet<_>>().len(), 200);
        let counts = source.counts();
        assert_eq!((counts.used, counts.used_bytes()), (200, 200 * PAGE_BYTES));
        assert_eq!(counts.mapped, 200usize.next_multiple_of(REGION_BYTES / PAGE_BYTES));
    }

    #[test]
    fn freed_pages_are_used_again_and_surplus_memory_goes_back() {
        let source = PageSource::new();
        let pages: Vec<_> = (0..64).map(|_| source.alloc_page().unwrap()).collect();
        for page in &pages {
            touch(*page, 7);
            // SAFETY: allocated above, freed once.
            unsafe { source.free_page(*page) };
        }
        let counts = source.counts();
        assert_eq!((counts.used, counts.idle_resident, counts.released), (0, 16, 48));
        assert_eq!(source.purge(), 16 * PAGE_BYTES);
        assert_eq!(source.counts().idle_resident, 0);
        let again: HashSet<_> = (0..64).map(|_| source.alloc_page().unwrap()).collect();
        assert_eq!(again, pages.into_iter().collect());
        assert!(again.iter().all(|page| first_byte(*page) == 0), "released pages read as zero");
        assert_eq!(source.counts().mapped, 64);
    }

    #[test]
    fn huge_pages_keep_freed_pages_until_purged() {
        let source = PageSource::new();
        source.set_huge_pages(true);
        let pages: Vec<_> = (0..40).map(|_| source.alloc_page().unwrap()).collect();
        for page in pages {
            touch(page, 1);
            // SAFETY: allocated above, freed once.
            unsafe { source.free_page(page) };
        }
        assert_eq!(source.counts().idle_resident, 40);
        assert_eq!(source.purge(), 40 * PAGE_BYTES);
    }

    #[test]
    fn threads_share_a_source() {
        let source = PageSource::new();
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let source = &source;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let mine: Vec<_> = (0..20).map(|_| source.alloc_page().unwrap()).collect();
                        for page in &mine {
                            // SAFETY: the page is ours.
                            unsafe { page.as_ptr().write(thread) };
                        }
                        for page in mine {
                            assert_eq!(first_byte(page), thread);
                            // SAFETY: allocated above, freed once.
                            unsafe { source.free_page(page) };
                        }
                    }
                });
            }
        });
        let counts = source.counts();
        assert_eq!(counts.used, 0);
        assert!(counts.mapped <= 128, "at most 80 pages were in use at a time");
    }
}
