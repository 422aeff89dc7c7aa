//! The global allocator: mimalloc, plus an exact count of live bytes.
//!
//! `maxmemory`, `used_memory` and eviction need to know how much is allocated, at a price the hot path does not
//! feel. Every thread counts in a cell of its own that only it writes (a plain load and store, no locked
//! instruction), and moves what has gathered to one shared counter when that passes [`DRIFT_BYTES`]. Whoever
//! wants the truth adds up all the cells: [`allocated_bytes`]. Whoever asks before every write reads the shared
//! counter alone: [`allocated_bytes_estimate`].
//!
//! A block counts as the size class mimalloc serves it from, computed from the layout by the same arithmetic at
//! both ends of its life, so that the count returns to zero whatever happens in between.
//!
//! Thread-locals with destructors would allocate while the allocator runs, so a cell is claimed from a static
//! table and given back by a pthread key, which runs later than Rust's and C++'s own thread-exit work. A thread
//! without a cell (too many threads, or already exiting) counts directly in the shared counter.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{c_long, c_void};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize};

use crate::pages::{GRANULE_BYTES, populate_huge};

// Links the C library declared below.
use mimalloc as _;

/// A thread's count moves to the shared counter when it drifts further than this from zero, in bytes.
pub const DRIFT_BYTES: i64 = 2 * 1024;

/// Threads that get a cell of their own; more of them share one counter.
const CELLS: usize = 256;
/// Alignment `mi_malloc` gives any block at least as big.
const NATURAL_ALIGN: usize = 16;
/// Above this mimalloc rounds to whole pages instead of size classes.
const LARGE_MAX_BYTES: usize = 512 * 1024;
const OS_PAGE_BYTES: usize = 4096;

// From mimalloc.h; the `mimalloc` crate links the library but declares only part of it.
unsafe extern "C" {
    fn mi_malloc(size: usize) -> *mut c_void;
    fn mi_zalloc(size: usize) -> *mut c_void;
    fn mi_malloc_aligned(size: usize, alignment: usize) -> *mut c_void;
    fn mi_zalloc_aligned(size: usize, alignment: usize) -> *mut c_void;
    fn mi_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn mi_realloc_aligned(block: *mut c_void, size: usize, alignment: usize) -> *mut c_void;
    fn mi_free(block: *mut c_void);
    fn mi_collect(force: bool);
    fn mi_option_set(option: i32, value: c_long);
    fn mi_option_get(option: i32) -> c_long;
    fn mi_process_init();
}

/// `mi_option_allow_thp` of mimalloc 3.3: whether arenas ask for transparent huge pages.
const OPTION_ALLOW_THP: i32 = 43;

/// The end of a block beyond this asks the keeper to touch memory ahead: see [`past_limit`]. Never reached while the heap
/// is small or a request is under way.
static AHEAD_LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
/// The end of the block that went beyond it.
static AHEAD_END: AtomicUsize = AtomicUsize::new(0);

/// Before `main`: an idle node's few hundred kilobytes of heap shall not make whole huge pages resident. (The slab
/// asks for huge pages itself once it is large.) The library is set up first, because with the option off at that
/// moment it would forbid huge pages to the whole process.
#[used]
#[unsafe(link_section = ".init_array")]
static KEEP_SMALL: extern "C" fn() = {
    extern "C" fn keep_small() {
        // SAFETY: both may be called at any time; before `main` there is one thread and no allocation yet.
        unsafe {
            mi_process_init();
            mi_option_set(OPTION_ALLOW_THP, 0);
            // Giving memory back takes milliseconds: the keeper thread does it, not whoever frees something.
            mi_option_set(OPTION_PURGE_DELAY, PURGE_BY_KEEPER_MS);
        }
    }
    keep_small
};

/// `mi_option_purge_delay`: milliseconds before free memory goes back to the kernel.
const OPTION_PURGE_DELAY: i32 = 15;
/// A purge delay that does not pass: pages are given back by [`purge`] alone.
const PURGE_BY_KEEPER_MS: c_long = 1 << 40;

/// The allocator. Put it to use in the binary:
///
/// ```
/// #[global_allocator]
/// static GLOBAL: sys::alloc::CountingAlloc = sys::alloc::CountingAlloc;
/// ```
pub struct CountingAlloc;

/// One thread's count. On its own cache lines: its owner writes it with every allocation.
#[repr(align(128))]
struct CountCell {
    taken: AtomicBool,
    drift_bytes: AtomicI64,
}

static TABLE: [CountCell; CELLS] =
    [const { CountCell { taken: AtomicBool::new(false), drift_bytes: AtomicI64::new(0) } }; CELLS];
/// Cells below this index were used at some time.
static TABLE_USED: AtomicUsize = AtomicUsize::new(0);
/// What all threads moved out of their cells.
static SHARED_BYTES: AtomicI64 = AtomicI64::new(0);
/// The pthread key whose destructor gives a cell back: 0 not made yet, otherwise key + 1.
static EXIT_KEY: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Fresh,
    Counting,
    /// Without a cell for the rest of its life.
    Shared,
}

thread_local! {
    // Constant and without a destructor: access is one instruction and legal at any time of a thread's life.
    static CELL: Cell<Option<&'static CountCell>> = const { Cell::new(None) };
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Fresh) };
}

#[inline(always)]
fn count(bytes: i64) {
    match CELL.get() {
        Some(cell) => {
            let drift = cell.drift_bytes.load(Relaxed) + bytes;
            if drift.unsigned_abs() <= DRIFT_BYTES as u64 {
                cell.drift_bytes.store(drift, Relaxed);
            } else {
                flush(cell, drift);
            }
        }
        None => count_without_cell(bytes),
    }
}

#[cold]
#[inline(never)]
fn flush(cell: &CountCell, drift: i64) {
    SHARED_BYTES.fetch_add(drift, Relaxed);
    cell.drift_bytes.store(0, Release);
}

#[cold]
#[inline(never)]
fn count_without_cell(bytes: i64) {
    if PHASE.get() == Phase::Fresh {
        // Set first: what follows may allocate.
        PHASE.set(Phase::Shared);
        if let Some(cell) = claim_cell() {
            PHASE.set(Phase::Counting);
            CELL.set(Some(cell));
            return count(bytes);
        }
    }
    SHARED_BYTES.fetch_add(bytes, Relaxed);
}

fn claim_cell() -> Option<&'static CountCell> {
    let key = exit_key()?;
    let (index, cell) = TABLE
        .iter()
        .enumerate()
        .find(|(_, cell)| cell.taken.compare_exchange(false, true, AcqRel, Relaxed).is_ok())?;
    TABLE_USED.fetch_max(index + 1, AcqRel);
    // SAFETY: the key was made by pthread_key_create and is never deleted; the value is a pointer to a static.
    let result = unsafe { libc::pthread_setspecific(key, std::ptr::from_ref(cell).cast()) };
    if result != 0 {
        cell.taken.store(false, Release);
        return None;
    }
    Some(cell)
}

fn exit_key() -> Option<libc::pthread_key_t> {
    let known = EXIT_KEY.load(Acquire);
    if known != 0 {
        return Some(known - 1);
    }
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: `key` is a valid place for the result and the destructor has the asked-for signature.
    if unsafe { libc::pthread_key_create(&mut key, Some(release_cell)) } != 0 {
        return None;
    }
    match EXIT_KEY.compare_exchange(0, key + 1, AcqRel, Acquire) {
        Ok(_) => Some(key),
        Err(other) => {
            // Another thread was first.
            // SAFETY: the key is ours and no value was set under it.
            unsafe { libc::pthread_key_delete(key) };
            Some(other - 1)
        }
    }
}

/// Runs at thread exit; what the thread allocates or frees afterwards counts in the shared counter.
extern "C" fn release_cell(_value: *mut c_void) {
    PHASE.set(Phase::Shared);
    if let Some(cell) = CELL.take() {
        SHARED_BYTES.fetch_add(cell.drift_bytes.swap(0, AcqRel), Relaxed);
        cell.taken.store(false, Release);
    }
}

/// The bytes mimalloc spends on a block of `size`: its size class, four classes to each doubling, or whole pages
/// for large blocks. Constant time.
#[inline(always)]
pub const fn class_bytes(size: usize) -> usize {
    if size <= 64 {
        if size <= 8 { 8 } else { (size + 15) & !15 }
    } else if size <= LARGE_MAX_BYTES {
        let step = 1 << ((size - 1).ilog2() - 2);
        (size + step - 1) & !(step - 1)
    } else {
        (size + OS_PAGE_BYTES - 1) & !(OS_PAGE_BYTES - 1)
    }
}

#[inline(always)]
fn is_natural(layout: &Layout) -> bool {
    layout.align() <= NATURAL_ALIGN && layout.align() <= layout.size()
}

// SAFETY: blocks come from mimalloc with at least the size and alignment asked for and go back to it; counting
// neither unwinds nor allocates through this allocator.
unsafe impl GlobalAlloc for CountingAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size();
        let block = if is_natural(&layout) {
            // SAFETY: any size is legal.
            unsafe { mi_malloc(size) }
        } else {
            // SAFETY: a Layout's alignment is a power of two.
            unsafe { mi_malloc_aligned(size, layout.align()) }
        };
        if !block.is_null() {
            count(class_bytes(size) as i64);
            look_ahead(block, size);
        }
        block.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let size = layout.size();
        let block = if is_natural(&layout) {
            // SAFETY: any size is legal.
            unsafe { mi_zalloc(size) }
        } else {
            // SAFETY: a Layout's alignment is a power of two.
            unsafe { mi_zalloc_aligned(size, layout.align()) }
        };
        if !block.is_null() {
            count(class_bytes(size) as i64);
            look_ahead(block, size);
        }
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(class_bytes(layout.size()) as i64));
        // SAFETY: the caller hands back a block this allocator, hence mimalloc, gave out.
        unsafe { mi_free(block.cast()) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let moved = if layout.align() <= NATURAL_ALIGN && layout.align() <= new_size {
            // SAFETY: the block is mimalloc's.
            unsafe { mi_realloc(block.cast(), new_size) }
        } else {
            // SAFETY: the block is mimalloc's; a Layout's alignment is a power of two.
            unsafe { mi_realloc_aligned(block.cast(), new_size, layout.align()) }
        };
        if !moved.is_null() {
            count(class_bytes(new_size) as i64 - class_bytes(layout.size()) as i64);
            look_ahead(moved, new_size);
        }
        moved.cast()
    }
}

#[inline(always)]
fn look_ahead(block: *mut c_void, size: usize) {
    if block.addr() + size > AHEAD_LIMIT.load(Relaxed) {
        past_limit(block.addr() + size);
    }
}

/// The heap grows towards memory that nobody has touched: the keeper touches it in time, since the first touch of a huge
/// page takes up to milliseconds.
#[cold]
fn past_limit(end: usize) {
    AHEAD_LIMIT.store(usize::MAX, Relaxed);
    AHEAD_END.store(end, Release);
    crate::keeper::wake();
}

/// The keeper's view of the heap: how far it is touched.
#[derive(Default)]
pub(crate) struct Ahead {
    /// The mapping in which blocks lie of late.
    arena: std::ops::Range<usize>,
    /// What is below was looked at.
    seen_to: usize,
    /// Granules of small pages, which could be huge ones.
    small: Vec<usize>,
}

impl Ahead {
    /// Whether the heap has grown towards memory that nobody has touched.
    pub(crate) fn is_asked(&self) -> bool {
        AHEAD_END.load(Relaxed) != 0
    }

    /// Makes the granule after the one that the heap grows into a huge page, if the heap asked for that. Whether it did.
    pub(crate) fn prepare(&mut self) -> bool {
        let end = AHEAD_END.swap(0, AcqRel);
        if end == 0 {
            return false;
        }
        if !self.arena.contains(&end) {
            let Some(arena) = mapping_of(end) else { return false };
            (self.seen_to, self.arena) = (arena.start.next_multiple_of(GRANULE_BYTES), arena);
        }
        let growing = end.next_multiple_of(GRANULE_BYTES);
        self.small.extend((self.seen_to..growing).step_by(GRANULE_BYTES));
        self.seen_to = self.seen_to.max(growing);
        if self.seen_to == growing && growing + GRANULE_BYTES <= self.arena.end {
            populate_huge(std::ptr::with_exposed_provenance_mut(growing));
            self.seen_to += GRANULE_BYTES;
        }
        // Asks again as soon as the heap grows into what is ready.
        AHEAD_LIMIT.store(growing, Release);
        true
    }

    /// A granule of small pages to be joined, which the heap has left behind.
    pub(crate) fn take_small(&mut self) -> Option<*mut u8> {
        self.small.pop().map(std::ptr::with_exposed_provenance_mut)
    }
}

/// The address range of the mapping that holds an address.
fn mapping_of(address: usize) -> Option<std::ops::Range<usize>> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        range.contains(&address).then_some(range)
    })
}

/// Live bytes of all threads: exact when no other thread allocates, otherwise off by what they do meanwhile (a
/// cell on its way to the shared counter may be seen twice or not at all, [`DRIFT_BYTES`] at most). Reads one
/// cache line per thread. 0 in a program with another global allocator.
pub fn allocated_bytes() -> usize {
    let used = TABLE_USED.load(Acquire);
    let drift: i64 = TABLE[..used].iter().map(|cell| cell.drift_bytes.load(Acquire)).sum();
    usize::try_from(SHARED_BYTES.load(Relaxed) + drift).unwrap_or(0)
}

/// Live bytes to within [`DRIFT_BYTES`] for each thread, at the price of one load.
#[inline]
pub fn allocated_bytes_estimate() -> usize {
    usize::try_from(SHARED_BYTES.load(Relaxed)).unwrap_or(0)
}

/// Lets mimalloc tidy up what the calling thread holds: takes in blocks other threads freed, makes empty pages
/// available again.
pub fn collect() {
    // SAFETY: callable at any time from any thread.
    unsafe { mi_collect(false) };
}

/// As [`collect`], and gives every empty page back to the kernel now: what `MEMORY PURGE` asks. Without effect on
/// memory freed while the purge delay was -1.
pub fn purge() {
    // SAFETY: callable at any time from any thread.
    unsafe { mi_collect(true) };
}

/// Asks for huge pages behind the heap from now on: a keyspace's tables are read at random, and with much data every
/// look-up would miss the address translation caches. The keeper makes them, those of the present heap later.
pub fn want_huge_pages() {
    let probe = Box::new(0u64);
    AHEAD_LIMIT.store(std::ptr::from_ref(&*probe).addr(), Relaxed);
}

/// How long mimalloc keeps an empty page before it returns it, in milliseconds; -1 keeps it for ever.
pub fn set_purge_delay_ms(delay_ms: i64) {
    // SAFETY: the option exists in the linked version, as a test below checks.
    unsafe { mi_option_set(OPTION_PURGE_DELAY, delay_ms) };
}

/// What [`set_purge_delay_ms`] set, or mimalloc's default.
pub fn purge_delay_ms() -> i64 {
    // SAFETY: reads an option by number.
    unsafe { mi_option_get(OPTION_PURGE_DELAY) }
}

/// Resident memory of the process in bytes, as the kernel counts it. One short read of a proc file, no
/// allocation; 0 when proc is not mounted.
pub fn rss_bytes() -> usize {
    let mut text = [0; 128];
    let fields = crate::process::read_proc(c"/proc/self/statm", &mut text);
    let pages = fields.split(|byte| *byte == b' ').nth(1).and_then(crate::process::decimal);
    pages.unwrap_or(0) as usize * os_page_bytes()
}

/// The most memory that was ever resident, in bytes; 0 when proc is not mounted.
pub fn peak_rss_bytes() -> usize {
    let mut text = [0; 2048];
    let status = crate::process::read_proc(c"/proc/self/status", &mut text);
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"VmHWM:"));
    let kib = line.and_then(|value| {
        value.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).and_then(crate::process::decimal)
    });
    kib.unwrap_or(0) as usize * 1024
}

/// Bytes of one page of the kernel's.
pub fn os_page_bytes() -> usize {
    // SAFETY: takes no pointers.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(OS_PAGE_BYTES)
}

#[cfg(test)]
mod tests;
