//! Big aligned pages for the slab of `structures`.
//!
//! A page is 64 KiB and aligned to 64 KiB, so that the page of any entry is its address with the low bits
//! cleared. Pages are carved from *granules* of 2 MiB, the size of a huge page; two of them make a mapping. Mappings
//! begin with huge pages off: a kernel set to hand them out everywhere would make half-used granules resident.
//!
//! With much data, huge pages are wanted. But the first touch of one takes the kernel 0.3 ms to clear it, and several
//! ms where a hypervisor has to find the memory first. So the [`keeper`](crate::keeper) thread touches a granule
//! ahead of need, more of them while they are taken faster than it delivers. Who finds none ready goes on with small
//! pages, touched one by one; the keeper joins those later.
//!
//! A freed page stays resident for the next taker, up to [`IDLE_RESIDENT_MAX`] of them; the memory of more goes back to
//! the kernel at once, or with huge pages when [`PageSource::purge`] is called. Mappings are never returned.

use crate::check;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Size and alignment of a page.
pub const PAGE_BYTES: usize = 64 * 1024;
/// Size and alignment of what is asked from the kernel at a time.
pub const REGION_BYTES: usize = 2 * GRANULE_BYTES;
/// Size and alignment of a huge page.
pub const GRANULE_BYTES: usize = 2 * 1024 * 1024;
const GRANULE_PAGES: usize = GRANULE_BYTES / PAGE_BYTES;
/// Granules that are touched ahead of need: without misses, and at most.
const READY_MIN: usize = 1;
const READY_MAX: usize = 8;
/// Mapped granules kept for those that find none ready, so that they need not map some, which has to wait for what else
/// the kernel is doing with the process's memory. They are nothing but addresses.
const UNTOUCHED_MIN: usize = 64;
/// From this many mapped pages on, huge pages are wanted: with much data, address translation costs
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
    /// What is left of the newest granule, in address order.
    fresh: *mut u8,
    fresh_pages: usize,
    /// Mapped granules that nobody has touched.
    untouched: Vec<NonNull<u8>>,
    /// Granules touched ahead of need, one huge page each.
    ready: Vec<NonNull<u8>>,
    /// Granules of small pages that could be huge ones; nobody takes them, they are in use.
    small: Vec<NonNull<u8>>,
    /// How many of them there shall be.
    ready_wanted: usize,
    /// Granules taken so far: tells whether there is demand.
    granules_taken: u64,
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
                untouched: Vec::new(),
                ready: Vec::new(),
                small: Vec::new(),
                ready_wanted: READY_MIN,
                granules_taken: 0,
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

    /// Whether huge pages are wanted from now on, not only from [`HUGE_FROM_PAGES`] on. While they are, freed pages keep
    /// their memory until [`PageSource::purge`], because giving back 64 KiB would break up 2 MiB.
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
                    let huge = self.is_huge(&state);
                    let page = state.carve().ok()?;
                    // Just taken: the next one has as long to get ready as this one lasts.
                    if huge
                        && state.fresh_pages == GRANULE_PAGES - 1
                        && state.ready.len() < state.ready_wanted
                    {
                        crate::keeper::wake();
                    }
                    page
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
        if state.idle.len() < IDLE_RESIDENT_MAX || self.is_huge(&state) {
            state.idle.push(page);
        } else {
            release(page, PAGE_BYTES);
            state.released.push(page);
        }
    }

    fn is_huge(&self, state: &State) -> bool {
        self.huge.load(Ordering::Relaxed) || state.mapped_pages >= HUGE_FROM_PAGES
    }

    /// Gives the memory of all free pages back to the kernel; granules that are free as a whole can then be taken as
    /// such. Others take pages meanwhile. Returns how many bytes went back.
    pub fn purge(&self) -> usize {
        let mut idle = std::mem::take(&mut self.lock().idle);
        idle.sort_unstable();
        let bytes = idle.len() * PAGE_BYTES;
        // Pages that follow each other within a granule go together: each call may have to break up a huge page.
        for run in idle.chunk_by(|a, b| {
            b.addr().get() - a.addr().get() == PAGE_BYTES && b.addr().get() % GRANULE_BYTES != 0
        }) {
            release(run[0], run.len() * PAGE_BYTES);
            crate::keeper::breathe();
            let mut state = self.lock();
            if run.len() == GRANULE_PAGES {
                state.untouched.push(run[0]);
            } else {
                state.released.extend(run);
            }
        }
        bytes
    }

    /// Touches granules ahead of need until as many are ready as the demand asks for; `warm` comes before each. For the
    /// keeper thread.
    pub(crate) fn prepare(&self, mut warm: impl FnMut()) {
        loop {
            let granule = {
                let mut state = self.lock();
                if !self.is_huge(&state) || state.ready.len() >= state.ready_wanted {
                    return;
                }
                // Address space too is kept ahead: mapping it would have to wait for populating to end.
                if state.untouched.len() >= UNTOUCHED_MIN { state.untouched.pop() } else { None }
            };
            match granule {
                Some(granule) => {
                    warm();
                    populate_huge(granule.as_ptr());
                    crate::keeper::breathe();
                    self.lock().ready.push(granule);
                }
                None => match map_region() {
                    Ok(region) => self.lock().add_region(region),
                    Err(_) => return,
                },
            }
        }
    }

    /// A granule of small pages to be joined, the newest first. For the keeper thread.
    pub(crate) fn take_small(&self) -> Option<NonNull<u8>> {
        let mut state = self.lock();
        if self.is_huge(&state) { state.small.pop() } else { None }
    }

    /// Granules taken so far: whoever finds the number changed knows that there is demand.
    pub(crate) fn granules_taken(&self) -> u64 {
        self.lock().granules_taken
    }

    /// Lets the granules that were touched ahead go, unless some were taken since there were `taken`.
    pub(crate) fn relax(&self, taken: u64) {
        let ready = {
            let mut state = self.lock();
            if state.granules_taken != taken {
                return;
            }
            // None until there is demand again: one made ready now would be let go in the same way.
            state.ready_wanted = 0;
            std::mem::take(&mut state.ready)
        };
        for granule in &ready {
            release(*granule, GRANULE_BYTES);
            crate::keeper::breathe();
        }
        self.lock().untouched.extend(ready);
    }

    /// Granules touched ahead of need and not taken yet.
    pub fn ready_granules(&self) -> usize {
        self.lock().ready.len()
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
    /// The next page that was never used, from a new granule if need be.
    fn carve(&mut self) -> io::Result<NonNull<u8>> {
        if self.fresh_pages == 0 {
            let granule = match self.ready.pop() {
                Some(granule) => granule,
                None => {
                    // Taken faster than the keeper delivers.
                    self.ready_wanted = (self.ready_wanted * 2).clamp(READY_MIN, READY_MAX);
                    let granule = self.untouched_granule()?;
                    self.small.push(granule);
                    granule
                }
            };
            self.granules_taken += 1;
            self.fresh = granule.as_ptr();
            self.fresh_pages = GRANULE_PAGES;
        }
        let page = NonNull::new(self.fresh).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: at least one page of the granule is left, so this stays within it or one past its end.
        self.fresh = unsafe { self.fresh.add(PAGE_BYTES) };
        self.fresh_pages -= 1;
        Ok(page)
    }

    fn untouched_granule(&mut self) -> io::Result<NonNull<u8>> {
        if let Some(granule) = self.untouched.pop() {
            return Ok(granule);
        }
        let region = map_region()?;
        self.add_region(region);
        self.untouched.pop().ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    fn add_region(&mut self, region: NonNull<u8>) {
        self.mapped_pages += REGION_BYTES / PAGE_BYTES;
        // SAFETY: a region is two granules long.
        self.untouched.push(unsafe { region.add(GRANULE_BYTES) });
        self.untouched.push(region);
    }
}

/// Maps a region aligned to its size by mapping twice as much and cutting off both ends.
fn map_region() -> io::Result<NonNull<u8>> {
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
    // SAFETY: the region is ours. Fails on kernels built without huge pages, where there is nothing to choose.
    let _ = unsafe { libc::madvise(region.cast(), REGION_BYTES, libc::MADV_NOHUGEPAGE) };
    NonNull::new(region).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Gives the memory behind free pages back; it reads as zero afterwards.
fn release(page: NonNull<u8>, bytes: usize) {
    // SAFETY: the pages are free, nothing refers to their contents. Failure leaves them resident, which is harmless.
    let _ = unsafe { libc::madvise(page.as_ptr().cast(), bytes, libc::MADV_DONTNEED) };
}

/// Does `advice` to a granule that may become a huge page meanwhile, and not afterwards: the kernel's own thread
/// (khugepaged) would join pages at times of its choosing, and keep everybody waiting who touches them.
fn advise_while_huge(granule: *mut u8, advice: libc::c_int) -> bool {
    // SAFETY: none of the advices changes contents; what is not mapped is an error and nothing else.
    unsafe {
        let _ = libc::madvise(granule.cast(), GRANULE_BYTES, libc::MADV_HUGEPAGE);
        let done = libc::madvise(granule.cast(), GRANULE_BYTES, advice) == 0;
        if done {
            let _ = libc::madvise(granule.cast(), GRANULE_BYTES, libc::MADV_NOHUGEPAGE);
        }
        done
    }
}

/// Makes a granule that nobody has touched one huge page, if the kernel has one, and resident. Contents stay. Kernels
/// before 5.14 leave it to the first touch.
pub(crate) fn populate_huge(granule: *mut u8) {
    advise_while_huge(granule, libc::MADV_POPULATE_WRITE);
}

/// Room for one huge page, which is touched there before it is needed elsewhere. Where a hypervisor has to find the memory,
/// the first touch takes milliseconds. Here nobody waits for it: the address range is a mapping of its own, so that a page
/// fault in it takes no lock that others want, and it is the one kernel operation that can be interrupted throughout.
pub(crate) struct Scratch(NonNull<u8>);

// SAFETY: nothing refers to the contents.
unsafe impl Send for Scratch {}
// SAFETY: as above; touching and giving back may happen at the same time.
unsafe impl Sync for Scratch {}

impl Scratch {
    /// Never given back.
    pub(crate) fn new() -> io::Result<Scratch> {
        let region = map_region()?;
        // What lies around it may not become part of the same mapping.
        // SAFETY: the second half of the new region is ours; nobody touches it.
        check(unsafe {
            libc::mprotect(region.as_ptr().add(GRANULE_BYTES).cast(), GRANULE_BYTES, libc::PROT_NONE)
        })?;
        // SAFETY: the granule is ours. Without huge pages, touching it does no harm.
        let _ = unsafe { libc::madvise(region.as_ptr().cast(), GRANULE_BYTES, libc::MADV_HUGEPAGE) };
        Ok(Scratch(region))
    }

    /// Has a huge page put there.
    pub(crate) fn touch(&self) {
        // SAFETY: the granule is ours, mapped and writable.
        unsafe { self.0.as_ptr().write_volatile(1) };
    }

    /// Gives the page back: the kernel hands it out next, to whoever asks for a huge page on this processor.
    pub(crate) fn give_back(&self) {
        release(self.0, GRANULE_BYTES);
    }
}

/// Makes a huge page of a granule of small ones, whose contents stay; who touches it meanwhile waits. `false` when the
/// kernel cannot (before 6.1) or has none, or when much of the granule is not resident: free memory that went back to the
/// kernel would become resident again.
pub(crate) fn join_small(granule: *mut u8) -> bool {
    const PAGES_MAX: usize = GRANULE_BYTES / 4096;
    let pages = GRANULE_BYTES / crate::alloc::os_page_bytes();
    let mut resident = [0u8; PAGES_MAX];
    // SAFETY: one byte per page of the granule, and no page is smaller than 4 KiB. What is not mapped is an error.
    let known = unsafe { libc::mincore(granule.cast(), GRANULE_BYTES, resident.as_mut_ptr()) } == 0;
    let count = resident[..pages].iter().filter(|&&page| page & 1 == 1).count();
    known && count * 16 >= pages * 15 && advise_while_huge(granule, libc::MADV_COLLAPSE)
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
        let counts = source.counts();
        assert_eq!(counts.idle_resident, 0);
        assert_eq!(counts.released, 8, "a whole granule is as good as new");
    }

    #[test]
    fn granules_are_made_ready_on_demand_and_let_go_without_it() {
        let source = PageSource::new();
        source.set_huge_pages(true);
        touch(source.alloc_page().unwrap(), 1);
        source.prepare(|| {});
        assert_eq!(source.ready_granules(), 2, "none was ready for the first page, so more are kept");
        source.relax(0);
        assert_eq!(source.ready_granules(), 2, "there was demand since");
        let mapped = source.counts().mapped;
        let pages: Vec<_> = (0..GRANULE_PAGES).map(|_| source.alloc_page().unwrap()).collect();
        assert_eq!(source.counts().mapped, mapped);
        assert_eq!(source.ready_granules(), 1, "a ready one was taken");
        for (index, page) in pages.iter().enumerate() {
            touch(*page, index as u8);
        }
        source.prepare(|| {});
        source.relax(source.granules_taken());
        assert_eq!(source.ready_granules(), 0, "nobody took one since");
        source.prepare(|| {});
        assert_eq!(source.ready_granules(), 0, "there still is no demand");
        (0..GRANULE_PAGES).for_each(|_| touch(source.alloc_page().unwrap(), 1));
        source.prepare(|| {});
        assert_eq!(source.ready_granules(), 1, "there is again");
        assert!(pages.iter().enumerate().all(|(index, page)| first_byte(*page) == index as u8));
    }

    #[test]
    fn joining_small_pages_keeps_their_contents() {
        let source = PageSource::new();
        source.set_huge_pages(true);
        let pages: Vec<_> = (0..GRANULE_PAGES).map(|_| source.alloc_page().unwrap()).collect();
        for (index, page) in pages.iter().enumerate() {
            touch(*page, index as u8);
        }
        let granule = source.take_small().expect("no granule was ready");
        join_small(granule.as_ptr());
        assert!(pages.iter().enumerate().all(|(index, page)| first_byte(*page) == index as u8));
        assert_eq!(source.take_small(), None);
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
