//! Append-only segments in shared memory: files mapped `MAP_SHARED`, so that what a process had published outlives it.
//!
//! One writer appends and publishes; any number of readers, in this process or a later one, see the published prefix.
//! Space is allocated when a segment is made, so that a full disk is an error then and no fault later. A file that
//! someone else truncates while it is mapped is outside these guarantees.
//!
//! ```text
//! 0..8 magic | 8..16 published bytes (release / acquire) | 16..64 unused | data
//! ```

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const MAGIC: u64 = u64::from_le_bytes(*b"BRASASEG");
const HEADER_BYTES: usize = 64;

/// A mapped segment: what has been published can be read.
pub struct SharedSegment {
    start: NonNull<u8>,
    mapped_bytes: usize,
}

// SAFETY: readers touch the published prefix only, which never changes; the length is atomic; the one writer is a
// separate value that cannot be cloned.
unsafe impl Send for SharedSegment {}
// SAFETY: as above.
unsafe impl Sync for SharedSegment {}

/// The one writer of a segment.
pub struct SegmentWriter {
    segment: Arc<SharedSegment>,
    /// Bytes written, published or not.
    written: usize,
}

impl SharedSegment {
    fn map(file: &File, mapped_bytes: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address the kernel chooses touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(SharedSegment { start, mapped_bytes })
    }

    /// Makes a segment for `capacity` bytes of data; the file must not exist.
    pub fn create(path: &Path, capacity: usize) -> io::Result<SegmentWriter> {
        let mapped_bytes = (HEADER_BYTES + capacity).next_multiple_of(4096);
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        // SAFETY: plain system call on a descriptor that is open.
        let result = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, mapped_bytes as libc::off_t) };
        if result != 0 {
            let _ = std::fs::remove_file(path);
            return Err(io::Error::from_raw_os_error(result));
        }
        let segment = Self::map(&file, mapped_bytes)?;
        // SAFETY: the mapping is larger than the header and nobody else knows it yet.
        unsafe { segment.start.as_ptr().cast::<u64>().write(MAGIC) };
        Ok(SegmentWriter { segment: Arc::new(segment), written: 0 })
    }

    /// Maps the segment that an earlier process left.
    pub fn open(path: &Path) -> io::Result<Arc<Self>> {
        let file = File::options().read(true).write(true).open(path)?;
        let mapped_bytes = file.metadata()?.len() as usize;
        let damaged =
            || io::Error::new(io::ErrorKind::InvalidData, format!("{} is no segment", path.display()));
        if mapped_bytes < HEADER_BYTES {
            return Err(damaged());
        }
        let segment = Self::map(&file, mapped_bytes)?;
        // SAFETY: the mapping holds the header.
        if unsafe { segment.start.as_ptr().cast::<u64>().read() } != MAGIC {
            return Err(damaged());
        }
        Ok(Arc::new(segment))
    }

    fn length(&self) -> &AtomicU64 {
        // SAFETY: eight aligned bytes inside the header, only ever accessed as this atomic.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(8).cast()) }
    }

    /// Bytes of data it can hold.
    pub fn capacity(&self) -> usize {
        self.mapped_bytes - HEADER_BYTES
    }

    /// What has been published.
    #[inline]
    pub fn published(&self) -> &[u8] {
        let length = (self.length().load(Ordering::Acquire) as usize).min(self.capacity());
        // SAFETY: published bytes lie in the mapping, were written before the release store of the length, and never
        // change again.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(HEADER_BYTES), length) }
    }
}

impl Drop for SharedSegment {
    fn drop(&mut self) {
        // SAFETY: mapped with this length, and no slice of it outlives the value.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.mapped_bytes) };
    }
}

impl SegmentWriter {
    /// The segment, for readers.
    pub fn segment(&self) -> &Arc<SharedSegment> {
        &self.segment
    }

    /// Bytes that still fit.
    #[inline]
    pub fn room(&self) -> usize {
        self.segment.capacity() - self.written
    }

    /// Copies `bytes` behind what was written. Panics when they do not fit: ask [`Self::room`] first.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.room(), "callers check the room");
        // SAFETY: the range lies in the mapping, above everything published, and only this writer writes there.
        unsafe {
            self.segment
                .start
                .as_ptr()
                .add(HEADER_BYTES + self.written)
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        self.written += bytes.len();
    }

    /// Shows readers everything written so far.
    #[inline]
    pub fn publish(&mut self) {
        self.segment.length().store(self.written as u64, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_the_published_prefix_even_from_a_second_mapping() {
        let path = std::env::temp_dir().join(format!("brasa-shm-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut writer = SharedSegment::create(&path, 10_000).unwrap();
        writer.write(b"one");
        assert!(writer.segment().published().is_empty());
        writer.publish();
        writer.write(b"two");
        let other = SharedSegment::open(&path).unwrap();
        assert_eq!(other.published(), b"one");
        writer.publish();
        assert_eq!(other.published(), b"onetwo");
        assert!(writer.room() >= 10_000 - 6);
        drop(writer);
        assert_eq!(other.published(), b"onetwo");
        std::fs::write(&path, b"short").unwrap();
        assert!(SharedSegment::open(&path).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
