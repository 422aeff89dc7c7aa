//! What a process that died had logged.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use sys::shm::SharedSegment;

use crate::record::{Record, Seq};

/// A record that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its place.
    pub seq: Seq,
    /// Unix ms when it ran.
    pub at_ms: u64,
    /// Database and RESP command of each effect.
    pub effects: Vec<(u32, Vec<u8>)>,
}

/// The records found, in order.
#[derive(Debug, Default)]
pub struct Recovery {
    /// The records.
    pub records: Vec<OwnedRecord>,
    /// Sequence numbers taken and never published: units that were cut off before anybody saw their reply. Nothing
    /// later depends on them, since their shards were still locked.
    pub missing: Vec<u64>,
    /// Segments that end in a damaged record; what stood before it was kept.
    pub damaged: Vec<String>,
}

/// Reads the segments in `folder`: everything whose commit had returned is there.
pub fn recover(folder: &Path) -> io::Result<Recovery> {
    let mut found = BTreeMap::new();
    let mut recovery = Recovery::default();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "seg") {
            continue;
        }
        let segment = match SharedSegment::open(&path) {
            Ok(segment) => segment,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                recovery.damaged.push(path.display().to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut rest = segment.published();
        loop {
            match Record::read(rest) {
                Ok(Some((record, size))) => {
                    let effects = record.effects().map(|(db, resp)| (db, resp.to_vec())).collect();
                    found.insert(record.seq.0, (record.at_ms, effects));
                    rest = &rest[size..];
                }
                Ok(None) => break,
                Err(_) => {
                    recovery.damaged.push(path.display().to_string());
                    break;
                }
            }
        }
    }
    let mut expected = found.keys().next().copied().unwrap_or(1);
    for (seq, (at_ms, effects)) in found {
        recovery.missing.extend(expected..seq);
        expected = seq + 1;
        recovery.records.push(OwnedRecord { seq: Seq(seq), at_ms, effects });
    }
    Ok(recovery)
}
