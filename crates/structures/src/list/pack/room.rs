//! Room at the ends of a pack, and changes of its layout.

use super::{Element, End, Form, LISTPACK_EMPTY_BYTES, Layout, Needle, Pack, entry_bytes, int_width};
use crate::blob::Blob;
use crate::listpack::IntBuf;

/// Packs up to this capacity are never made smaller: a short queue would be, again and again.
const SMALL_BYTES: usize = 256;
/// What a gap is filled with.
static FILLER: [u8; 1024] = [0; 1024];

/// Adds `count` bytes of no meaning.
pub(super) fn push_filler(blob: &mut Blob, mut count: usize) {
    while count > 0 {
        let part = count.min(FILLER.len());
        blob.push(&FILLER[..part]);
        count -= part;
    }
}

impl Pack {
    /// Adds bytes at an end.
    #[inline]
    pub(super) fn push_bytes(&mut self, end: End, bytes: &[u8]) {
        match end {
            End::Back => {
                if self.blob.capacity() - self.blob.len() < bytes.len() {
                    self.make_room(End::Back, bytes.len());
                }
                self.blob.push(bytes);
            }
            End::Front => {
                if (self.start as usize) < bytes.len() {
                    self.make_room(End::Front, bytes.len());
                }
                let to = self.start as usize;
                let from = to - bytes.len();
                self.blob.make_mut()[from..to].copy_from_slice(bytes);
                self.start = from as u32;
            }
        }
    }

    /// Adds `len` bytes at an end, to be written.
    pub(super) fn open_end(&mut self, end: End, len: usize) -> &mut [u8] {
        self.make_room(end, len);
        match end {
            End::Back => {
                let at = self.blob.len();
                push_filler(&mut self.blob, len);
                &mut self.blob.make_mut()[at..]
            }
            End::Front => {
                let to = self.start as usize;
                self.start -= len as u32;
                &mut self.blob.make_mut()[to - len..to]
            }
        }
    }

    /// Makes room for `needed` bytes at an end.
    ///
    /// What is free at the other end serves if that is half as much as the elements: as many bytes have been popped
    /// there as now move. Else there is a new allocation of the next size class, all of its slack at this end; a
    /// quarter more where both ends are in use, so that a queue of steady length seldom moves.
    #[inline(never)]
    pub(super) fn make_room(&mut self, end: End, needed: usize) {
        let (start, len, capacity) = (self.start as usize, self.blob.len(), self.blob.capacity());
        let content = len - start;
        let (free_here, free_there) = match end {
            End::Front => (start, capacity - len),
            End::Back => (capacity - len, start),
        };
        if free_here >= needed {
            return;
        }
        if free_here + free_there >= needed + content / 2 && !self.blob.is_shared() {
            match end {
                End::Back => {
                    self.blob.make_mut().copy_within(start.., 0);
                    self.blob.truncate(content);
                    self.start = 0;
                }
                End::Front => {
                    push_filler(&mut self.blob, capacity - len);
                    self.blob.make_mut().copy_within(start..len, capacity - content);
                    self.start = (capacity - content) as u32;
                }
            }
            return;
        }
        let spare = if free_there > content / 8 { content / 4 } else { 0 };
        match end {
            End::Back if spare == 0 => self.blob.reserve(needed),
            _ => self.move_to(content + needed + spare, end),
        }
    }

    /// Moves the elements to a new allocation of at least `capacity` bytes, with all of its slack at one end.
    fn move_to(&mut self, capacity: usize, slack: End) {
        let content = self.content();
        let mut blob = Blob::with_capacity(capacity);
        let start = if slack == End::Front { blob.capacity() - content.len() } else { 0 };
        push_filler(&mut blob, start);
        blob.push(content);
        (self.blob, self.start) = (blob, start as u32);
    }

    /// After elements were dropped: gives memory back when three quarters are free. O(1) amortised.
    #[inline]
    pub(super) fn shrink_if_sparse(&mut self) {
        let capacity = self.blob.capacity();
        if capacity > SMALL_BYTES && self.blob.len() - (self.start as usize) < capacity / 4 {
            self.shrink();
        }
    }

    #[inline(never)]
    fn shrink(&mut self) {
        let content = self.content();
        let mut blob = Blob::with_capacity(content.len() + content.len() / 2);
        let start = content.len() / 4;
        push_filler(&mut blob, start);
        blob.push(content);
        (self.blob, self.start) = (blob, start as u32);
    }

    /// Gives back what slack amounts to a size class: the pack stands at no end any more. O(bytes) if it moves.
    pub(in crate::list) fn seal(&mut self) {
        let content = self.content();
        if !self.blob.is_shared() && Blob::memory_bytes_for(content.len()) < self.blob.memory_bytes() {
            (self.blob, self.start) = (Blob::from_slice(content), 0);
        }
    }

    /// Chooses the layout for what is there and one more element, which the present one does not take.
    #[inline(never)]
    pub(super) fn reshape(&mut self, element: &Needle<'_>) {
        if self.count == 0 {
            if self.blob.is_shared() {
                self.blob = Blob::new();
            }
            self.blob.truncate(0);
            self.start = 0;
            self.form.set_layout(match element.int {
                Some(value) => Layout::Ints(int_width(value)),
                None => match element.bytes.len() as u32 {
                    len @ 1..Form::STRIDE_END => Layout::Texts(len),
                    _ => Layout::Mixed,
                },
            });
            return;
        }
        let layout = match (self.layout(), element.int) {
            (Layout::Ints(_), Some(value)) => {
                self.ints_layout(int_width(value), entry_bytes(element.element()), 1)
            }
            _ => Layout::Mixed,
        };
        self.rebuild(layout);
    }

    /// The layout for these integers and `count` more, which need `width` and have `listpack_bytes` in a listpack.
    pub(super) fn ints_layout(&self, width: u32, listpack_bytes: usize, count: usize) -> Layout {
        let widest = self.iter().fold(width, |widest, element| match element {
            Element::Int(value) => widest.max(int_width(value)),
            Element::Bytes(_) => widest,
        });
        let entries = self.listpack_bytes() - LISTPACK_EMPTY_BYTES + listpack_bytes;
        if (self.len() + count) * widest as usize <= entries { Layout::Ints(widest) } else { Layout::Mixed }
    }

    /// The same elements in another layout, which takes them. O(n).
    pub(super) fn rebuild(&mut self, layout: Layout) {
        let old = std::mem::take(self);
        let bytes = match layout {
            Layout::Mixed => old.listpack_bytes() - LISTPACK_EMPTY_BYTES,
            Layout::Texts(stride) | Layout::Ints(stride) => old.len() * stride as usize,
        };
        self.blob = Blob::with_capacity(bytes);
        self.form = old.form;
        self.form.set_layout(layout);
        let mut digits = IntBuf::new();
        for element in old.iter() {
            let element = Needle::new(element.as_bytes(&mut digits));
            match layout {
                Layout::Texts(_) => self.blob.push(element.bytes),
                Layout::Ints(width) => {
                    self.blob.push(&element.int.unwrap_or_default().to_le_bytes()[..width as usize]);
                }
                Layout::Mixed => self.push_entry(End::Back, &element),
            }
        }
        (self.count, self.listpack_bytes) = (old.count, old.listpack_bytes);
    }
}
