//! Parts of elements too long to stand in a leaf: a blob of their own, named in the leaf by a word.
//!
//! A leaf is bytes; a word among them is a counted reference. So whoever copies a leaf clones the references in it, and
//! whoever frees one ends them ([`super::chunk::Chunk`] does both).

use std::mem::ManuallyDrop;

use crate::blob::Blob;

/// Bytes of the word.
pub(super) const WORD: usize = 8;

/// Makes a blob of `bytes`, which are not empty. The word is a reference; [`release`] ends it.
pub(super) fn store(bytes: &[u8]) -> [u8; WORD] {
    Blob::from_slice(bytes).into_bits().to_le_bytes()
}

/// The bytes behind a word.
///
/// # Safety
/// The reference that the word stands for lives for `'a`.
#[inline]
pub(super) unsafe fn bytes<'a>(word: &[u8]) -> &'a [u8] {
    // SAFETY: as the caller promises; the blob is not dropped here, so its reference stays.
    let blob = ManuallyDrop::new(unsafe { blob_of(word) });
    let slice: *const [u8] = &**blob;
    // SAFETY: the bytes live as long as the reference does.
    unsafe { &*slice }
}

/// The blob behind a word, as a reference of its own.
///
/// # Safety
/// The reference that the word stands for lives.
pub(super) unsafe fn share(word: &[u8]) -> Blob {
    // SAFETY: as the caller promises; not dropped.
    Blob::clone(&ManuallyDrop::new(unsafe { blob_of(word) }))
}

/// Heap bytes of the blob behind a word.
///
/// # Safety
/// The reference that the word stands for lives.
pub(super) unsafe fn memory_bytes(word: &[u8]) -> usize {
    // SAFETY: as the caller promises; not dropped.
    ManuallyDrop::new(unsafe { blob_of(word) }).memory_bytes()
}

/// Counts one more reference for a copy of the word.
///
/// # Safety
/// The reference that the word stands for lives, and the copy is released once.
pub(super) unsafe fn retain(word: &[u8]) {
    // SAFETY: as the caller promises; neither the reference nor its clone is dropped.
    let blob = ManuallyDrop::new(unsafe { blob_of(word) });
    let _copy = ManuallyDrop::clone(&blob);
}

/// Ends the reference that a word stands for.
///
/// # Safety
/// It lives, and the word is not used again.
pub(super) unsafe fn release(word: &[u8]) {
    // SAFETY: as the caller promises.
    drop(unsafe { blob_of(word) });
}

/// # Safety
/// As [`Blob::from_bits`].
#[inline]
unsafe fn blob_of(word: &[u8]) -> Blob {
    let bits = u64::from_le_bytes(word[..WORD].try_into().expect("eight bytes"));
    // SAFETY: the caller's.
    unsafe { Blob::from_bits(bits) }
}
