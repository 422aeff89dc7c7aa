//! Slab for keyspace entries: size classes eight bytes apart, one heap per thread, frees from any thread.
//!
//! General allocators round an 88-byte entry up to 96 or more; at hundreds of millions of keys that rounding is
//! the largest overhead after the table. Here a page of 64 KiB holds objects of one class. The page's header is
//! found by masking an object's address, so an object carries no header of its own.
//!
//! ```text
//! page (64 KiB, aligned):  header 64 B | object | object | ...
//! ```
//!
//! A heap is used by one thread at a time. It allocates from pages it owns; freeing an object of another heap's
//! page pushes it on that page's `remote` stack, and the push that finds the stack empty also puts the page on the
//! owner's `pending` stack, which the owner drains when a class runs dry (the scheme of mimalloc's delayed frees,
//! see Leijen et al., "Mimalloc: Free List Sharding in Action", 2019).
//!
//! Non-goals: returning single objects to the kernel (pages go back whole), zeroing memory.

use std::ptr::{NonNull, null_mut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicUsize, Ordering};

use sys::pages::{PAGE_BYTES, PAGES};

/// Objects above this size come from the general allocator.
pub const SLAB_MAX_BYTES: usize = 8192;
/// Objects of a heap that it takes back in one go once other threads freed them: some tens of microseconds.
const DRAINED_AT_ONCE: usize = 4000;
const FINE_MAX: usize = 1024;
const COARSE_STEP: usize = 32;
const FINE_CLASSES: usize = FINE_MAX / 8 + 1;
const CLASSES: usize = FINE_CLASSES + (SLAB_MAX_BYTES - FINE_MAX) / COARSE_STEP;
const HEADER_BYTES: usize = 64;

/// The class of an object of `size` bytes: its index and the bytes it really takes.
#[inline(always)]
const fn class_of(size: usize) -> (usize, usize) {
    if size <= FINE_MAX {
        let units = if size <= 8 { 1 } else { size.div_ceil(8) };
        (units, units * 8)
    } else {
        let units = (size - FINE_MAX).div_ceil(COARSE_STEP);
        (FINE_CLASSES - 1 + units, FINE_MAX + units * COARSE_STEP)
    }
}

/// Bytes that an object of `size` bytes takes from memory, rounding included.
#[inline]
pub const fn rounded_size(size: usize) -> usize {
    if size <= SLAB_MAX_BYTES { class_of(size).1 } else { size.next_multiple_of(16) }
}

#[repr(C, align(64))]
struct Page {
    /// Free objects, linked through their first word. Owner only.
    free: *mut u8,
    /// Offset of the first object never handed out. Owner only.
    bump: u32,
    /// Objects handed out and not yet back in `free`. Owner only (frees from elsewhere count once drained).
    used: u32,
    object_bytes: u32,
    class: u16,
    /// Whether the page stands in its class's list of pages with room. Owner only.
    listed: bool,
    owner: &'static HeapShared,
    /// Objects freed by other heaps, linked through their first word.
    remote: AtomicPtr<u8>,
    /// Link of the owner's `pending` stack; written by the thread that pushes the page.
    pending_next: AtomicPtr<Page>,
    /// Links of the list of pages with room. Owner only.
    prev: *mut Page,
    next: *mut Page,
}

const _: () = assert!(size_of::<Page>() <= HEADER_BYTES * 2);
const FIRST_OBJECT: usize = size_of::<Page>();

/// The part of a heap that other threads see. Never freed: a handful of bytes per thread ever started.
struct HeapShared {
    pending: AtomicPtr<Page>,
    /// Bytes allocated minus bytes freed by this heap (so it may be negative); the sum over heaps is exact.
    live_bytes: AtomicI64,
    /// Pages owned.
    pages: AtomicUsize,
}

static HEAPS: Mutex<Vec<&'static HeapShared>> = Mutex::new(Vec::new());

/// Figures of all heaps together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlabStats {
    /// Bytes in live objects, rounding included.
    pub live_bytes: u64,
    /// Bytes of pages that heaps hold.
    pub page_bytes: u64,
}

/// Sums the figures of all heaps. O(heaps).
pub fn stats() -> SlabStats {
    let heaps = HEAPS.lock().unwrap_or_else(|e| e.into_inner());
    let live: i64 = heaps.iter().map(|h| h.live_bytes.load(Ordering::Relaxed)).sum();
    let pages: usize = heaps.iter().map(|h| h.pages.load(Ordering::Relaxed)).sum();
    SlabStats { live_bytes: live.max(0) as u64, page_bytes: (pages * PAGE_BYTES) as u64 }
}

/// One thread's allocator of entries.
pub struct Heap {
    /// Per class: the page that serves next (null when none), which heads a list of pages with room.
    current: Box<[*mut Page; CLASSES]>,
    shared: &'static HeapShared,
    /// Pages off the pending stack that are still to be drained, linked as there.
    undrained: *mut Page,
}

// SAFETY: a heap is used through `&mut`, so by one thread at a time; what other threads touch (`HeapShared`, a
// page's `remote` and `pending_next`) is atomic.
unsafe impl Send for Heap {}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

impl Heap {
    /// A heap without pages.
    pub fn new() -> Self {
        let shared: &'static HeapShared = Box::leak(Box::new(HeapShared {
            pending: AtomicPtr::new(null_mut()),
            live_bytes: AtomicI64::new(0),
            pages: AtomicUsize::new(0),
        }));
        HEAPS.lock().unwrap_or_else(|e| e.into_inner()).push(shared);
        Heap { current: Box::new([null_mut(); CLASSES]), shared, undrained: null_mut() }
    }

    /// Bytes allocated minus bytes freed through this heap.
    pub fn live_bytes(&self) -> i64 {
        self.shared.live_bytes.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn account(&self, delta: i64) {
        // Only this heap's thread writes the counter, so load and store need not be one operation.
        let counter = &self.shared.live_bytes;
        counter.store(counter.load(Ordering::Relaxed) + delta, Ordering::Relaxed);
    }

    /// Uninitialised memory for `size` bytes, aligned to 8. Aborts when the system has no memory left.
    #[inline]
    pub(crate) fn alloc(&mut self, size: usize) -> NonNull<u8> {
        if size > SLAB_MAX_BYTES {
            return self.alloc_large(size);
        }
        let (class, bytes) = class_of(size);
        self.account(bytes as i64);
        let page = self.current[class];
        if !page.is_null() {
            // SAFETY: pages in `current` are owned by this heap and live.
            if let Some(object) = unsafe { take(page) } {
                return object;
            }
        }
        self.alloc_slow(class, bytes)
    }

    #[cold]
    fn alloc_large(&mut self, size: usize) -> NonNull<u8> {
        let bytes = rounded_size(size);
        self.account(bytes as i64);
        let layout = std::alloc::Layout::from_size_align(bytes, 16).expect("size is far below isize::MAX");
        // SAFETY: the layout has a non-zero size.
        let object = unsafe { std::alloc::alloc(layout) };
        NonNull::new(object).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&mut self, class: usize, bytes: usize) -> NonNull<u8> {
        self.drain_pending();
        loop {
            let page = self.current[class];
            if page.is_null() {
                break;
            }
            // SAFETY: listed pages are owned by this heap and live.
            if let Some(object) = unsafe { take(page) } {
                return object;
            }
            self.unlist(page);
        }
        let page = self.new_page(class, bytes);
        self.list(page);
        // SAFETY: the page was just made and is owned by this heap.
        unsafe { take(page) }.expect("a new page has room")
    }

    fn new_page(&mut self, class: usize, bytes: usize) -> *mut Page {
        let page = PAGES.alloc_page().unwrap_or_else(|| out_of_memory()).as_ptr().cast::<Page>();
        self.shared.pages.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `page` is a fresh, aligned region of PAGE_BYTES.
        unsafe {
            page.write(Page {
                free: null_mut(),
                bump: FIRST_OBJECT as u32,
                used: 0,
                object_bytes: bytes as u32,
                class: class as u16,
                listed: false,
                owner: self.shared,
                remote: AtomicPtr::new(null_mut()),
                pending_next: AtomicPtr::new(null_mut()),
                prev: null_mut(),
                next: null_mut(),
            });
        }
        page
    }

    /// Puts `page` at the head of its class's list.
    fn list(&mut self, page: *mut Page) {
        // SAFETY: `page` and the list's head are live pages of this heap.
        unsafe {
            let class = (*page).class as usize;
            let head = self.current[class];
            (*page).prev = null_mut();
            (*page).next = head;
            (*page).listed = true;
            if !head.is_null() {
                (*head).prev = page;
            }
            self.current[class] = page;
        }
    }

    fn unlist(&mut self, page: *mut Page) {
        // SAFETY: `page` stands in its class's list, whose pages are all live and owned by this heap.
        unsafe {
            let (prev, next) = ((*page).prev, (*page).next);
            if prev.is_null() {
                self.current[(*page).class as usize] = next;
            } else {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
            (*page).listed = false;
        }
    }

    /// Gives back `object` of `size` bytes, from whichever heap it came.
    ///
    /// # Safety
    /// `object` came from `alloc(size)` of some heap, with this very size, and is not used again.
    #[inline]
    pub(crate) unsafe fn free(&mut self, object: NonNull<u8>, size: usize) {
        if size > SLAB_MAX_BYTES {
            let bytes = rounded_size(size);
            self.account(-(bytes as i64));
            let layout = std::alloc::Layout::from_size_align(bytes, 16).expect("as when allocated");
            // SAFETY: by contract the object came from `alloc_large` with this layout.
            unsafe { std::alloc::dealloc(object.as_ptr(), layout) };
            return;
        }
        let page = page_of(object.as_ptr());
        // SAFETY: objects of slab size lie in a live page; `owner` and `class` never change while it has objects.
        let (owner, bytes) = unsafe { ((*page).owner as *const HeapShared, (*page).object_bytes) };
        self.account(-i64::from(bytes));
        if std::ptr::eq(owner, self.shared) {
            // SAFETY: the page is ours and the object is free by contract.
            unsafe { self.free_local(page, object.as_ptr()) };
        } else {
            // SAFETY: as above; the page is live because this object is in it.
            unsafe { free_remote(page, object.as_ptr()) };
        }
    }

    /// # Safety
    /// `page` is owned by this heap and `object` is a dead object in it.
    #[inline]
    unsafe fn free_local(&mut self, page: *mut Page, object: *mut u8) {
        // SAFETY: by contract; the first word of a dead object is ours to use as link.
        unsafe {
            object.cast::<*mut u8>().write((*page).free);
            (*page).free = object;
            (*page).used -= 1;
            if !(*page).listed {
                self.list_freed(page);
            } else if (*page).used == 0 {
                self.release_idle(page);
            }
        }
    }

    /// A full page has room again: behind the head, so the page in use stays in use.
    #[cold]
    fn list_freed(&mut self, page: *mut Page) {
        // SAFETY: `page` and the listed ones are live pages of this heap.
        unsafe {
            let head = self.current[(*page).class as usize];
            if head.is_null() {
                self.list(page);
                return;
            }
            let next = (*head).next;
            (*page).prev = head;
            (*page).next = next;
            (*page).listed = true;
            (*head).next = page;
            if !next.is_null() {
                (*next).prev = page;
            }
        }
    }

    /// Returns an empty page, unless it is the one its class allocates from.
    #[cold]
    fn release_idle(&mut self, page: *mut Page) {
        // SAFETY: `page` is a live page of this heap without objects. No other thread can reach it: only objects
        // lead to a page, and its remote stack was drained when `used` fell to zero.
        unsafe {
            if std::ptr::eq(self.current[(*page).class as usize], page) && (*page).next.is_null() {
                return;
            }
            self.unlist(page);
            PAGES.free_page(NonNull::new_unchecked(page.cast()));
        }
        self.shared.pages.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes back what other threads freed of this heap's objects, up to some thousands: `true` if more are left. Cheap
    /// when nothing waits.
    pub fn drain_pending(&mut self) -> bool {
        let mut page = std::mem::replace(&mut self.undrained, null_mut());
        if page.is_null() {
            if self.shared.pending.load(Ordering::Relaxed).is_null() {
                return false;
            }
            page = self.shared.pending.swap(null_mut(), Ordering::Acquire);
        }
        let mut freed = 0;
        while !page.is_null() && freed < DRAINED_AT_ONCE {
            // SAFETY: pages on the pending stack are live: they hold the undrained object that put them there.
            // `pending_next` is read before `remote` is emptied, after which another thread may push the page anew.
            unsafe {
                let next = (*page).pending_next.load(Ordering::Relaxed);
                let mut object = (*page).remote.swap(null_mut(), Ordering::AcqRel);
                while !object.is_null() {
                    let following = object.cast::<*mut u8>().read();
                    self.free_local(page, object);
                    object = following;
                    freed += 1;
                }
                page = next;
            }
        }
        // What is left stays linked as it is: no thread pushes a page whose remote stack is not empty.
        self.undrained = page;
        !page.is_null()
    }

    /// Whether [`Self::drain_pending`] stopped before the end.
    pub fn has_undrained(&self) -> bool {
        !self.undrained.is_null()
    }

    /// Whether the page of an object of `size` bytes at `object` is so empty that moving it out pays
    /// (at most a quarter used, and not the page that allocations come from).
    pub(crate) fn is_sparse(&self, object: NonNull<u8>, size: usize) -> bool {
        if size > SLAB_MAX_BYTES {
            return false;
        }
        let page = page_of(object.as_ptr());
        // SAFETY: the object's page is live; `owner`, `class`, `object_bytes` are constant; `used` is read only
        // when this heap owns the page.
        unsafe {
            if !std::ptr::eq((*page).owner, self.shared)
                || std::ptr::eq(self.current[(*page).class as usize], page)
            {
                return false;
            }
            let capacity = (PAGE_BYTES - FIRST_OBJECT) as u32 / (*page).object_bytes;
            (*page).used * 4 <= capacity
        }
    }
}

/// An object of `page` for use, if it has one left. The page is never borrowed as a whole: other threads write its
/// atomics meanwhile, and the object lies behind the header.
///
/// # Safety
/// `page` is a live page of the calling heap.
#[inline(always)]
unsafe fn take(page: *mut Page) -> Option<NonNull<u8>> {
    // SAFETY: only the owner touches these fields. Objects in `free` hold the link to the next in their first word;
    // `at` is within the page.
    unsafe {
        let mut object = (*page).free;
        if object.is_null() {
            let at = (*page).bump as usize;
            let end = at + (*page).object_bytes as usize;
            if end > PAGE_BYTES {
                return None;
            }
            (*page).bump = end as u32;
            object = page.cast::<u8>().add(at);
        } else {
            (*page).free = object.cast::<*mut u8>().read();
        }
        (*page).used += 1;
        NonNull::new(object)
    }
}

#[cold]
fn out_of_memory() -> ! {
    std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; PAGE_BYTES]>())
}

#[inline(always)]
fn page_of(object: *mut u8) -> *mut Page {
    object.map_addr(|a| a & !(PAGE_BYTES - 1)).cast()
}

/// # Safety
/// `object` is a dead object in the live page `page` of another heap.
#[cold]
unsafe fn free_remote(page: *mut Page, object: *mut u8) {
    // SAFETY: the object keeps its page alive until it is drained; only atomics of the page are touched.
    let (remote, owner) = unsafe { (&(*page).remote, (*page).owner) };
    let mut head = remote.load(Ordering::Relaxed);
    loop {
        // SAFETY: the first word of a dead object is the link.
        unsafe { object.cast::<*mut u8>().write(head) };
        match remote.compare_exchange_weak(head, object, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => break,
            Err(now) => head = now,
        }
    }
    if !head.is_null() {
        return;
    }
    let mut pending = owner.pending.load(Ordering::Relaxed);
    loop {
        // SAFETY: the page stays live: its owner cannot drain our object before the page is on `pending`.
        unsafe { (*page).pending_next.store(pending, Ordering::Relaxed) };
        match owner.pending.compare_exchange_weak(pending, page, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => pending = now,
        }
    }
}

impl Drop for Heap {
    /// Empty pages go back; pages with live objects stay mapped (their objects belong to tables that outlive us).
    fn drop(&mut self) {
        while self.drain_pending() {}
        for class in 0..CLASSES {
            let mut page = self.current[class];
            while !page.is_null() {
                // SAFETY: listed pages are live and ours.
                let (next, idle) = unsafe { ((*page).next, (*page).used == 0) };
                if idle {
                    self.unlist(page);
                    // SAFETY: no object is left, so nothing else leads to the page.
                    unsafe { PAGES.free_page(NonNull::new_unchecked(page.cast())) };
                    self.shared.pages.fetch_sub(1, Ordering::Relaxed);
                }
                page = next;
            }
        }
    }
}

#[cfg(test)]
mod tests;
