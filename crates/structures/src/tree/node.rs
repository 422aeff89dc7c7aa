//! Inner nodes of a [`super::Tree`]: one allocation each, counted references, arrays side by side.
//!
//! ```text
//! header | elements u64 x capacity | (bytes, minimum) x capacity | keys x capacity | children x capacity
//! ```
//!
//! A search reads the keys or the counts of one node only, so each stand together. A node of 127 children with 8-byte
//! keys and leaves takes 5112 bytes; small nodes are as small as their size class.
//!
//! The three types keep sharing and editing apart: a [`NodeRef`] is a counted reference, a [`NodeView`] reads, a
//! [`NodeMut`] edits and exists for a node with one reference only.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::{NonNull, copy, drop_in_place};
use std::slice::{from_raw_parts, from_raw_parts_mut};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use sys::alloc::class_bytes;

use super::Leaf;

/// The most children of a node at rest. While a node is edited it may have more, and is split before the edit ends. Few in
/// unit tests, so that small trees have many levels.
pub(super) const CHILDREN_MAX: usize = if cfg!(test) { 8 } else { 127 };

#[repr(C)]
struct Header {
    /// References to this node.
    count: AtomicU32,
    len: u16,
    capacity: u16,
    /// 0 if the children are leaves, else one more than the children's.
    level: u32,
    /// Of the whole tree, kept in its root only.
    total_len: u64,
    total_bytes: u64,
}

const HEADER_BYTES: usize = size_of::<Header>();

/// What a parent knows of a child beside its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// Elements below.
    pub len: u64,
    /// Heap bytes below, the child's own included.
    pub bytes: u64,
    /// The least summary of the leaves below.
    pub min: u64,
}

impl Sum {
    pub(super) fn of_leaf<L: Leaf>(leaf: &L) -> Sum {
        Sum { len: leaf.len() as u64, bytes: leaf.memory_bytes() as u64, min: leaf.summary() }
    }
}

/// The part of a [`Sum`] that searches do not read.
#[derive(Clone, Copy)]
struct Extra {
    bytes: u64,
    min: u64,
}

/// A child on its way into a node or out of one.
pub(super) enum Child<L: Leaf> {
    Leaf(L),
    Node(NodeRef<L>),
}

impl<L: Leaf> Child<L> {
    pub(super) fn sum(&self) -> Sum {
        match self {
            Child::Leaf(leaf) => Sum::of_leaf(leaf),
            Child::Node(node) => node.view().sum(),
        }
    }
}

/// A counted reference to a node.
pub(super) struct NodeRef<L: Leaf> {
    header: NonNull<Header>,
    _owns: PhantomData<(L, L::Key)>,
}

// SAFETY: a node is like an `Arc` of its children: edited through a unique reference while the count is 1 only, and the
// count is atomic.
unsafe impl<L: Leaf + Send + Sync> Send for NodeRef<L> where L::Key: Send + Sync {}
// SAFETY: as above.
unsafe impl<L: Leaf + Send + Sync> Sync for NodeRef<L> where L::Key: Send + Sync {}

/// A node to read.
pub(super) struct NodeView<'a, L: Leaf> {
    header: NonNull<Header>,
    _node: PhantomData<&'a (L, L::Key)>,
}

impl<L: Leaf> Clone for NodeView<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: Leaf> Copy for NodeView<'_, L> {}

/// A node with one reference, to edit.
pub(super) struct NodeMut<'a, L: Leaf> {
    node: &'a mut NodeRef<L>,
}

/// Where the arrays of a node stand, in bytes from its start.
#[derive(Clone, Copy)]
struct Places {
    extras: usize,
    keys: usize,
    children: usize,
    end: usize,
}

impl<L: Leaf> NodeRef<L> {
    const ALIGNED: () = assert!(align_of::<L>() <= 8 && align_of::<L::Key>() <= 8);

    #[inline(always)]
    const fn slot_bytes(level: u32) -> usize {
        if level == 0 { size_of::<L>() } else { size_of::<NodeRef<L>>() }
    }

    #[inline(always)]
    const fn places(level: u32, capacity: usize) -> Places {
        let () = Self::ALIGNED;
        let extras = HEADER_BYTES + 8 * capacity;
        let keys = extras + size_of::<Extra>() * capacity;
        let children = (keys + size_of::<L::Key>() * capacity).next_multiple_of(8);
        Places { extras, keys, children, end: children + Self::slot_bytes(level) * capacity }
    }

    /// The capacity of a node for `len` children that fills its size class.
    fn capacity_for(level: u32, len: usize) -> usize {
        let block = class_bytes(Self::places(level, len.max(2)).end);
        let per_child = 8 + size_of::<Extra>() + size_of::<L::Key>() + Self::slot_bytes(level);
        let mut capacity = (block - HEADER_BYTES) / per_child;
        while Self::places(level, capacity).end > block {
            capacity -= 1;
        }
        capacity
    }

    fn layout(level: u32, capacity: usize) -> Layout {
        Layout::from_size_align(Self::places(level, capacity).end, 8).expect("some kilobytes")
    }

    /// A node without children, with room for `len`.
    pub(super) fn with_room(level: u32, len: usize) -> NodeRef<L> {
        let capacity = Self::capacity_for(level, len);
        let layout = Self::layout(level, capacity);
        let capacity = u16::try_from(capacity).expect("no edit makes thousands of leaves at once");
        // SAFETY: the layout has the header's size at least.
        let Some(header) = NonNull::new(unsafe { alloc(layout) }.cast::<Header>()) else {
            handle_alloc_error(layout)
        };
        let fresh =
            Header { count: AtomicU32::new(1), len: 0, capacity, level, total_len: 0, total_bytes: 0 };
        // SAFETY: fresh memory with the header's size and alignment.
        unsafe { header.write(fresh) };
        NodeRef { header, _owns: PhantomData }
    }

    #[inline(always)]
    pub(super) fn view(&self) -> NodeView<'_, L> {
        NodeView { header: self.header, _node: PhantomData }
    }

    /// Whether another reference exists.
    #[inline(always)]
    pub(super) fn is_shared(&self) -> bool {
        // SAFETY: the header lives as long as this reference. Acquire pairs with the Release of references that ended.
        unsafe { &(*self.header.as_ptr()).count }.load(Ordering::Acquire) != 1
    }

    /// Whether both refer to the same node.
    #[inline(always)]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.header == other.header
    }

    /// The node to edit: a copy of it, if it is shared. The children are shared with the original then.
    #[inline(always)]
    pub(super) fn make_mut(&mut self) -> NodeMut<'_, L> {
        if self.is_shared() {
            *self = self.copy();
        }
        NodeMut { node: self }
    }

    #[cold]
    #[inline(never)]
    fn copy(&self) -> NodeRef<L> {
        let view = self.view();
        let mut copy = NodeRef::with_room(view.level(), view.len());
        let mut edit = NodeMut { node: &mut copy };
        edit.extend_with_clones(view);
        edit.set_totals(view.total_len(), view.total_bytes());
        copy
    }

    #[inline(always)]
    fn array<T>(header: NonNull<Header>, offset: usize) -> *mut T {
        // SAFETY: callers pass offsets of `places` with the node's own level and capacity, which lie in its block.
        unsafe { header.as_ptr().cast::<u8>().add(offset).cast::<T>() }
    }
}

impl<L: Leaf> Clone for NodeRef<L> {
    #[inline]
    fn clone(&self) -> NodeRef<L> {
        // SAFETY: the header lives as long as this reference.
        let before = unsafe { &(*self.header.as_ptr()).count }.fetch_add(1, Ordering::Relaxed);
        if before > u32::MAX / 2 {
            // As the standard library does: a count that wraps would free what is in use.
            std::process::abort();
        }
        NodeRef { header: self.header, _owns: PhantomData }
    }
}

impl<L: Leaf> Drop for NodeRef<L> {
    #[inline]
    fn drop(&mut self) {
        if self.is_shared() {
            // SAFETY: the header lives as long as this reference.
            let count = unsafe { &(*self.header.as_ptr()).count };
            if count.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        self.free();
    }
}

impl<L: Leaf> NodeRef<L> {
    /// The end of a node whose last reference this is.
    #[inline(never)]
    fn free(&mut self) {
        let view = self.view();
        let (level, capacity) = (view.level(), view.capacity());
        NodeMut { node: self }.drop_children();
        // SAFETY: nobody else points to the node, and the block was allocated with this layout.
        unsafe { dealloc(self.header.as_ptr().cast(), Self::layout(level, capacity)) };
    }
}

impl<'a, L: Leaf> NodeView<'a, L> {
    #[inline(always)]
    fn header(self) -> *const Header {
        self.header.as_ptr()
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        // SAFETY: the node lives for 'a and is not edited meanwhile. (So in all of these one-liners.)
        unsafe { (*self.header()).len as usize }
    }

    #[inline(always)]
    fn capacity(self) -> usize {
        // SAFETY: as in `len`.
        unsafe { (*self.header()).capacity as usize }
    }

    #[inline(always)]
    pub(super) fn level(self) -> u32 {
        // SAFETY: as in `len`.
        unsafe { (*self.header()).level }
    }

    #[inline(always)]
    pub(super) fn total_len(self) -> u64 {
        // SAFETY: as in `len`.
        unsafe { (*self.header()).total_len }
    }

    #[inline(always)]
    pub(super) fn total_bytes(self) -> u64 {
        // SAFETY: as in `len`.
        unsafe { (*self.header()).total_bytes }
    }

    #[inline(always)]
    fn places(self) -> Places {
        NodeRef::<L>::places(self.level(), self.capacity())
    }

    /// Elements below each child.
    #[inline(always)]
    pub(super) fn lens(self) -> &'a [u64] {
        // SAFETY: the first `len` items of each array are initialised, and the node is not edited during 'a.
        unsafe { from_raw_parts(NodeRef::<L>::array(self.header, HEADER_BYTES), self.len()) }
    }

    #[inline(always)]
    fn extras(self) -> &'a [Extra] {
        // SAFETY: as in `lens`.
        unsafe { from_raw_parts(NodeRef::<L>::array(self.header, self.places().extras), self.len()) }
    }

    /// A lower bound of the keys below each child, none of which another child before it exceeds.
    #[inline(always)]
    pub(super) fn keys(self) -> &'a [L::Key] {
        // SAFETY: as in `lens`.
        unsafe { from_raw_parts(NodeRef::<L>::array(self.header, self.places().keys), self.len()) }
    }

    /// The children of a node of level 0.
    #[inline(always)]
    pub(super) fn leaves(self) -> &'a [L] {
        assert!(self.level() == 0);
        // SAFETY: as in `lens`; at level 0 the slots hold leaves.
        unsafe { from_raw_parts(NodeRef::<L>::array(self.header, self.places().children), self.len()) }
    }

    /// The children of a node above level 0.
    #[inline(always)]
    pub(super) fn nodes(self) -> &'a [NodeRef<L>] {
        assert!(self.level() > 0);
        // SAFETY: as in `lens`; above level 0 the slots hold nodes.
        unsafe { from_raw_parts(NodeRef::<L>::array(self.header, self.places().children), self.len()) }
    }

    #[inline]
    pub(super) fn min_of(self, index: usize) -> u64 {
        self.extras()[index].min
    }

    #[inline]
    pub(super) fn sum_of(self, index: usize) -> Sum {
        let Extra { bytes, min } = self.extras()[index];
        Sum { len: self.lens()[index], bytes, min }
    }

    /// The least of the children's minima.
    pub(super) fn min(self) -> u64 {
        self.extras().iter().map(|extra| extra.min).min().unwrap_or(u64::MAX)
    }

    /// Bytes of the node itself.
    #[inline(always)]
    pub(super) fn own_bytes(self) -> u64 {
        class_bytes(self.places().end) as u64
    }

    /// What is below, added up. O(children).
    pub(super) fn sum(self) -> Sum {
        Sum {
            len: self.lens().iter().sum(),
            bytes: self.extras().iter().map(|extra| extra.bytes).sum::<u64>() + self.own_bytes(),
            min: self.min(),
        }
    }

    /// The first leaf below.
    pub(super) fn first_leaf(self) -> &'a L {
        let mut node = self;
        while node.level() > 0 {
            node = node.nodes()[0].view();
        }
        &node.leaves()[0]
    }
}

impl<L: Leaf> NodeMut<'_, L> {
    #[inline(always)]
    pub(super) fn view(&self) -> NodeView<'_, L> {
        self.node.view()
    }

    #[inline(always)]
    fn header_mut(&mut self) -> &mut Header {
        // SAFETY: the node has one reference, which is borrowed exclusively here. (So in all that follows.)
        unsafe { self.node.header.as_mut() }
    }

    #[inline(always)]
    pub(super) fn set_totals(&mut self, len: u64, bytes: u64) {
        let header = self.header_mut();
        (header.total_len, header.total_bytes) = (len, bytes);
    }

    #[inline(always)]
    fn lens_mut(&mut self) -> &mut [u64] {
        let view = self.view();
        // SAFETY: as in `header_mut`, and the first `len` items of each array are initialised.
        unsafe { from_raw_parts_mut(NodeRef::<L>::array(view.header, HEADER_BYTES), view.len()) }
    }

    #[inline(always)]
    fn extras_mut(&mut self) -> &mut [Extra] {
        let view = self.view();
        // SAFETY: as in `lens_mut`.
        unsafe { from_raw_parts_mut(NodeRef::<L>::array(view.header, view.places().extras), view.len()) }
    }

    #[inline(always)]
    pub(super) fn keys_mut(&mut self) -> &mut [L::Key] {
        let view = self.view();
        // SAFETY: as in `lens_mut`.
        unsafe { from_raw_parts_mut(NodeRef::<L>::array(view.header, view.places().keys), view.len()) }
    }

    #[inline(always)]
    pub(super) fn leaves_mut(&mut self) -> &mut [L] {
        let view = self.view();
        assert!(view.level() == 0);
        // SAFETY: as in `lens_mut`; at level 0 the slots hold leaves.
        unsafe { from_raw_parts_mut(NodeRef::<L>::array(view.header, view.places().children), view.len()) }
    }

    #[inline(always)]
    pub(super) fn nodes_mut(&mut self) -> &mut [NodeRef<L>] {
        let view = self.view();
        assert!(view.level() > 0);
        // SAFETY: as in `lens_mut`; above level 0 the slots hold nodes.
        unsafe { from_raw_parts_mut(NodeRef::<L>::array(view.header, view.places().children), view.len()) }
    }

    #[inline(always)]
    pub(super) fn set_sum(&mut self, index: usize, sum: Sum) {
        self.lens_mut()[index] = sum.len;
        self.extras_mut()[index] = Extra { bytes: sum.bytes, min: sum.min };
    }

    /// Adds the child's figures up anew. O(its children).
    pub(super) fn refresh(&mut self, index: usize) {
        let view = self.view();
        let sum = match view.level() {
            0 => Sum::of_leaf(&view.leaves()[index]),
            _ => view.nodes()[index].view().sum(),
        };
        self.set_sum(index, sum);
    }

    /// Inserts a child before the one at `index`.
    pub(super) fn insert(&mut self, index: usize, key: L::Key, child: Child<L>) {
        let sum = child.sum();
        self.open(index, 1);
        self.keys_mut()[index] = key;
        self.set_sum(index, sum);
        let (header, places) = (self.node.header, self.view().places());
        match child {
            Child::Leaf(leaf) => {
                assert!(self.view().level() == 0);
                // SAFETY: `open` made an empty slot at `index`; at level 0 slots hold leaves.
                unsafe { NodeRef::<L>::array::<L>(header, places.children).add(index).write(leaf) };
            }
            Child::Node(node) => {
                assert!(self.view().level() == node.view().level() + 1);
                // SAFETY: as above; above level 0 slots hold nodes.
                unsafe { NodeRef::<L>::array::<NodeRef<L>>(header, places.children).add(index).write(node) };
            }
        }
    }

    /// Takes the child at `index` out.
    pub(super) fn remove(&mut self, index: usize) -> Child<L> {
        let view = self.view();
        assert!(index < view.len());
        let (header, places) = (view.header, view.places());
        // SAFETY: the slot is initialised, and `close` forgets it below.
        let child = unsafe {
            match view.level() {
                0 => Child::Leaf(NodeRef::<L>::array::<L>(header, places.children).add(index).read()),
                _ => {
                    Child::Node(NodeRef::<L>::array::<NodeRef<L>>(header, places.children).add(index).read())
                }
            }
        };
        self.close(index);
        child
    }

    /// Moves the children from `at` on to a new node of the same level.
    pub(super) fn split_off(&mut self, at: usize) -> NodeRef<L> {
        let (len, level) = (self.view().len(), self.view().level());
        assert!(at <= len);
        let mut right = NodeRef::with_room(level, len - at);
        // SAFETY: `right` is another block with room for the children, its arrays of the same types. They are moved:
        // both lengths are set so that each child has one owner.
        unsafe { move_items(self.view(), at, right.view(), 0, len - at) };
        NodeMut { node: &mut right }.header_mut().len = (len - at) as u16;
        self.header_mut().len = at as u16;
        self.shrink_if_sparse();
        right
    }

    /// Adds the children of `other`, a node of the same level, at the end.
    pub(super) fn append(&mut self, mut other: NodeRef<L>) {
        let added = other.view().len();
        assert!(self.view().level() == other.view().level());
        if other.is_shared() {
            return self.extend_with_clones(other.view());
        }
        let len = self.view().len();
        self.reserve(added);
        // SAFETY: room for `added` more was reserved; the children are moved, since `other` is not shared and its
        // length becomes 0.
        unsafe { move_items(other.view(), 0, self.view(), len, added) };
        NodeMut { node: &mut other }.header_mut().len = 0;
        self.header_mut().len = (len + added) as u16;
    }

    fn extend_with_clones(&mut self, other: NodeView<'_, L>) {
        let (len, added) = (self.view().len(), other.len());
        self.reserve(added);
        let (own, places) = (self.node.header, self.view().places());
        for i in 0..added {
            // SAFETY: room was reserved; the slot written is not initialised, and both nodes have the same level.
            unsafe {
                match other.level() {
                    0 => NodeRef::<L>::array::<L>(own, places.children)
                        .add(len + i)
                        .write(other.leaves()[i].clone()),
                    _ => NodeRef::<L>::array::<NodeRef<L>>(own, places.children)
                        .add(len + i)
                        .write(other.nodes()[i].clone()),
                }
            }
        }
        // SAFETY: as above, for the arrays of plain values.
        unsafe { move_plain(other, 0, self.view(), len, added) };
        self.header_mut().len = (len + added) as u16;
    }

    /// Makes `count` uninitialised places at `index` in all arrays.
    fn open(&mut self, index: usize, count: usize) {
        let len = self.view().len();
        assert!(index <= len);
        self.reserve(count);
        // SAFETY: room was reserved; `copy` allows the overlap. The caller writes the places at once.
        unsafe { move_items(self.view(), index, self.view(), index + count, len - index) };
        self.header_mut().len = (len + count) as u16;
    }

    /// Forgets the child at `index`, which was moved out.
    fn close(&mut self, index: usize) {
        let len = self.view().len();
        // SAFETY: what follows moves down by one, within the initialised part; the last place is forgotten.
        unsafe { move_items(self.view(), index + 1, self.view(), index, len - index - 1) };
        self.header_mut().len = (len - 1) as u16;
        self.shrink_if_sparse();
    }

    fn reserve(&mut self, additional: usize) {
        let view = self.view();
        if view.capacity() - view.len() < additional {
            self.resize(view.len() + additional);
        }
    }

    fn shrink_if_sparse(&mut self) {
        let view = self.view();
        if view.len() < view.capacity() / 4
            && NodeRef::<L>::capacity_for(view.level(), view.len()) < view.capacity()
        {
            self.resize(view.len());
        }
    }

    /// Moves to a block with room for `room` children.
    #[cold]
    fn resize(&mut self, room: usize) {
        let view = self.view();
        let mut moved = NodeRef::with_room(view.level(), room);
        // SAFETY: `room` is at least the length; the children are moved, since this node's length becomes 0 below.
        unsafe { move_items(view, 0, moved.view(), 0, view.len()) };
        let mut edit = NodeMut { node: &mut moved };
        edit.header_mut().len = view.len() as u16;
        edit.set_totals(view.total_len(), view.total_bytes());
        self.header_mut().len = 0;
        *self.node = moved;
    }

    fn drop_children(&mut self) {
        // SAFETY: each child is dropped once, since the length becomes 0 and the slices are not used again.
        unsafe {
            match self.view().level() {
                0 => {
                    let leaves: *mut [L] = self.leaves_mut();
                    self.header_mut().len = 0;
                    drop_in_place(leaves);
                }
                _ => {
                    let nodes: *mut [NodeRef<L>] = self.nodes_mut();
                    self.header_mut().len = 0;
                    drop_in_place(nodes);
                }
            }
        }
    }
}

/// Copies `count` items of all arrays bit by bit, from index `at` of one node to index `to` of another or the same.
///
/// # Safety
/// The items at `at` are initialised, `to + count` is within the capacity of a node of the same level that nobody else
/// reads, and afterwards only one of both counts the children as its own.
unsafe fn move_items<L: Leaf>(
    from: NodeView<'_, L>,
    at: usize,
    into: NodeView<'_, L>,
    to: usize,
    count: usize,
) {
    let (source, target) = (from.places(), into.places());
    let slot = NodeRef::<L>::slot_bytes(from.level());
    // SAFETY: the caller's promise.
    unsafe {
        move_plain(from, at, into, to, count);
        copy::<u8>(
            NodeRef::<L>::array(from.header, source.children + at * slot),
            NodeRef::<L>::array(into.header, target.children + to * slot),
            count * slot,
        );
    }
}

/// As [`move_items`], without the children.
///
/// # Safety
/// As there.
unsafe fn move_plain<L: Leaf>(
    from: NodeView<'_, L>,
    at: usize,
    into: NodeView<'_, L>,
    to: usize,
    count: usize,
) {
    let (source, target) = (from.places(), into.places());
    let array_of = |view: NodeView<'_, L>, offset: usize| NodeRef::<L>::array::<u8>(view.header, offset);
    // SAFETY: the caller's promise.
    unsafe {
        copy(array_of(from, HEADER_BYTES + at * 8), array_of(into, HEADER_BYTES + to * 8), count * 8);
        copy(
            array_of(from, source.extras + at * size_of::<Extra>()),
            array_of(into, target.extras + to * size_of::<Extra>()),
            count * size_of::<Extra>(),
        );
        copy(
            array_of(from, source.keys + at * size_of::<L::Key>()),
            array_of(into, target.keys + to * size_of::<L::Key>()),
            count * size_of::<L::Key>(),
        );
    }
}
