//! The log of a running node: lanes, the merging role, consumers.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use sys::shm::{SegmentWriter, SharedSegment};

use crate::Effects;
use crate::record::{Record, Seq, encode, size_of_record};

/// Sizes of a log.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of a segment; a larger record gets a segment of its own.
    pub segment_bytes: usize,
    /// Merged bytes kept for consumers that lag.
    pub retain_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { segment_bytes: 4 << 20, retain_bytes: 64 << 20 }
    }
}

/// One thread's segments, oldest first.
struct Lane {
    segments: Mutex<VecDeque<(PathBuf, Arc<SharedSegment>)>>,
    /// The last sequence number published here: tells the merger that there is something without a lock.
    last: AtomicU64,
}

/// What the merging role works on.
struct Merge {
    /// Per lane: bytes of the oldest segment already merged.
    offsets: Vec<usize>,
    writer: Option<SegmentWriter>,
    next: u64,
}

struct Merged {
    first: Seq,
    path: PathBuf,
    segment: Arc<SharedSegment>,
}

/// The log, shared by all threads.
pub struct EffectLog {
    folder: PathBuf,
    options: Options,
    next: AtomicU64,
    merged_to: AtomicU64,
    lanes: Vec<Lane>,
    role: Mutex<Merge>,
    merged: Mutex<VecDeque<Merged>>,
    files: AtomicU64,
    failed: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl EffectLog {
    /// Opens an empty log for `threads` threads in `folder`. Segments of an earlier run must have been recovered
    /// and removed, or kept elsewhere: files that are there make it fail.
    pub fn open(folder: &Path, threads: usize, options: Options) -> io::Result<Arc<EffectLog>> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(".seg") {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!(
                        "{} has segments of an earlier run: recover or move them away first",
                        folder.display()
                    ),
                ));
            }
        }
        Ok(Arc::new(EffectLog {
            folder: folder.to_owned(),
            options,
            next: AtomicU64::new(1),
            merged_to: AtomicU64::new(0),
            lanes: (0..threads)
                .map(|_| Lane { segments: Mutex::new(VecDeque::new()), last: AtomicU64::new(0) })
                .collect(),
            role: Mutex::new(Merge { offsets: vec![0; threads], writer: None, next: 1 }),
            merged: Mutex::new(VecDeque::new()),
            files: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }))
    }

    /// The writer of thread `thread`; one per thread.
    pub fn writer(self: &Arc<Self>, thread: usize) -> Writer {
        Writer { log: self.clone(), thread, segment: None }
    }

    /// The last sequence number taken.
    pub fn issued(&self) -> Seq {
        Seq(self.next.load(Ordering::Acquire) - 1)
    }

    /// The last sequence number merged.
    pub fn merged(&self) -> Seq {
        Seq(self.merged_to.load(Ordering::Acquire))
    }

    /// Whether a segment could not be made (disk full): the node refuses writes until one can.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Takes the merging role if it is free and appends, in order, every record whose predecessors are all there.
    /// Cheap when nothing is new. Returns the last sequence number merged.
    pub fn merge(&self) -> io::Result<Seq> {
        let merged = self.merged_to.load(Ordering::Relaxed);
        if self.next.load(Ordering::Relaxed) - 1 == merged {
            return Ok(Seq(merged));
        }
        let Ok(mut role) = self.role.try_lock() else { return Ok(Seq(merged)) };
        let result = self.merge_with(&mut role);
        self.failed.store(result.is_err(), Ordering::Relaxed);
        self.merged_to.store(role.next - 1, Ordering::Release);
        result.map(|()| Seq(role.next - 1))
    }

    fn merge_with(&self, role: &mut Merge) -> io::Result<()> {
        loop {
            let mut progressed = false;
            for thread in 0..self.lanes.len() {
                if self.lanes[thread].last.load(Ordering::Acquire) >= role.next {
                    progressed |= self.merge_lane(role, thread)?;
                }
            }
            if !progressed {
                return Ok(());
            }
        }
    }

    /// Appends a lane's records as long as they are the next in order.
    fn merge_lane(&self, role: &mut Merge, thread: usize) -> io::Result<bool> {
        let mut progressed = false;
        loop {
            let (segment, is_last) = {
                let segments = lock(&self.lanes[thread].segments);
                let Some((_, segment)) = segments.front() else { return Ok(progressed) };
                (segment.clone(), segments.len() == 1)
            };
            let published = segment.published();
            while let Some((record, size)) = read_own(&published[role.offsets[thread]..]) {
                if record.seq.0 != role.next {
                    return Ok(progressed);
                }
                let from = role.offsets[thread];
                self.append(role, record.seq, &published[from..from + size])?;
                role.offsets[thread] += size;
                role.next += 1;
                progressed = true;
            }
            if is_last {
                return Ok(progressed);
            }
            // The writer has moved on: whatever it published here before is visible now; look once more.
            if segment.published().len() == role.offsets[thread] {
                if let Some((path, _)) = lock(&self.lanes[thread].segments).pop_front() {
                    let _ = std::fs::remove_file(path);
                }
                role.offsets[thread] = 0;
            }
        }
    }

    fn append(&self, role: &mut Merge, seq: Seq, bytes: &[u8]) -> io::Result<()> {
        if role.writer.as_ref().is_none_or(|w| w.room() < bytes.len()) {
            let path = self.folder.join(format!("merged-{:020}.seg", seq.0));
            let writer = SharedSegment::create(&path, self.options.segment_bytes.max(bytes.len()))?;
            let mut merged = lock(&self.merged);
            merged.push_back(Merged { first: seq, path, segment: writer.segment().clone() });
            let mut held: usize = merged.iter().map(|m| m.segment.capacity()).sum();
            while merged.len() > 2 && held > self.options.retain_bytes {
                if let Some(oldest) = merged.pop_front() {
                    held -= oldest.segment.capacity();
                    let _ = std::fs::remove_file(oldest.path);
                }
            }
            role.writer = Some(writer);
        }
        if let Some(writer) = &mut role.writer {
            writer.write(bytes);
            writer.publish();
        }
        Ok(())
    }

    /// A reader of all records after `after`. Fails when they are no longer kept.
    pub fn subscribe(self: &Arc<Self>, after: Seq) -> Result<Consumer, Lagged> {
        let consumer = Consumer { log: self.clone(), next: after.0 + 1, at: None };
        let kept_from = lock(&self.merged).front().map(|m| m.first.0);
        match kept_from {
            Some(first) if first > consumer.next => Err(Lagged { kept_from: Seq(first) }),
            _ => Ok(consumer),
        }
    }

    /// Removes all files; for a clean end after everything was consumed.
    pub fn remove_files(&self) {
        for lane in &self.lanes {
            for (path, _) in lock(&lane.segments).drain(..) {
                let _ = std::fs::remove_file(path);
            }
        }
        for merged in lock(&self.merged).drain(..) {
            let _ = std::fs::remove_file(merged.path);
        }
    }
}

/// Our own segments hold whole, sound records up to the published length.
fn read_own(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    Record::read(bytes).expect("a record of this process is whole")
}

/// One thread's end of the log.
pub struct Writer {
    log: Arc<EffectLog>,
    thread: usize,
    segment: Option<SegmentWriter>,
}

impl Writer {
    /// Publishes the unit's effects and returns its sequence number. Called while the unit's shards are held. Fails,
    /// before a number is taken, when no segment can be made.
    #[inline]
    pub fn commit(&mut self, effects: &Effects, at_ms: u64) -> io::Result<Seq> {
        let size = size_of_record(effects);
        if self.segment.as_ref().is_none_or(|s| s.room() < size) {
            self.rotate(size)?;
        }
        let segment = self.segment.as_mut().expect("rotate made one");
        let seq = Seq(self.log.next.fetch_add(1, Ordering::AcqRel));
        encode(effects, seq, at_ms, |bytes| segment.write(bytes));
        segment.publish();
        self.log.lanes[self.thread].last.store(seq.0, Ordering::Release);
        Ok(seq)
    }

    #[cold]
    fn rotate(&mut self, size: usize) -> io::Result<()> {
        let log = &self.log;
        let number = log.files.fetch_add(1, Ordering::Relaxed);
        let path = log.folder.join(format!("lane-{}-{number}.seg", self.thread));
        let made = SharedSegment::create(&path, log.options.segment_bytes.max(size));
        log.failed.store(made.is_err(), Ordering::Relaxed);
        let writer = made?;
        lock(&log.lanes[self.thread].segments).push_back((path, writer.segment().clone()));
        self.segment = Some(writer);
        Ok(())
    }
}

/// A consumer is too far behind: records it has not seen are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged {
    /// The oldest record still kept.
    pub kept_from: Seq,
}

/// Reads merged records in order.
pub struct Consumer {
    log: Arc<EffectLog>,
    next: u64,
    at: Option<(Arc<SharedSegment>, usize)>,
}

impl Consumer {
    /// Visits all records merged since the last call. Returns how many.
    pub fn next_batch(&mut self, mut visit: impl FnMut(Record<'_>)) -> Result<usize, Lagged> {
        let mut count = 0;
        while self.next <= self.log.merged().0 {
            if self.at.is_none() {
                let merged = lock(&self.log.merged);
                let Some(holder) = merged.iter().rev().find(|m| m.first.0 <= self.next) else {
                    let kept_from = merged.front().map_or(Seq(self.next), |m| m.first);
                    return Err(Lagged { kept_from });
                };
                self.at = Some((holder.segment.clone(), 0));
            }
            let Some((segment, offset)) = &mut self.at else { break };
            let mut end = true;
            while let Some((record, size)) = read_own(&segment.published()[*offset..]) {
                *offset += size;
                if record.seq.0 < self.next {
                    continue;
                }
                self.next = record.seq.0 + 1;
                count += 1;
                visit(record);
                end = false;
            }
            if end {
                self.at = None;
            }
        }
        Ok(count)
    }
}
