//! The node's end of the effect log: units are committed by the thread that ran them, merged by whoever comes first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use effect_log::{EffectLog, Options};
use keyspace::space::Local;

use crate::log;
use crate::node::Node;

/// Publishes the unit's effects. The unit's shards are held, so the order of sequence numbers is the order of
/// conflicting writes. When the disk is full the effects stay for the next try and writes are refused meanwhile.
pub fn commit(node: &Node, local: &mut Local, now_ms: i64) {
    let Some(writer) = &mut local.log else { return };
    match writer.commit(&local.effects, now_ms as u64) {
        Ok(_) => local.effects.clear(),
        Err(error) => {
            if !node.log_failed() {
                log::warning(&format!(
                    "The effect log cannot be written: {error}. Writes are refused until it can."
                ));
            }
            node.set_log_failed(true);
        }
    }
}

/// Tries again what could not be written.
pub fn retry(node: &Node, local: &mut Local, now_ms: i64) {
    if node.log_failed() {
        if !local.effects.is_empty() {
            commit(node, local, now_ms);
        }
        if local.effects.is_empty() {
            node.set_log_failed(false);
        }
    }
}

/// Takes the merging role if it is free and there is something to merge.
#[inline]
pub fn merge(node: &Node) {
    if let Some(log) = &node.effect_log
        && log.merge().is_err()
    {
        // The records are safe in their lanes; the next tick tries again.
        node.set_log_failed(true);
    }
}

/// Opens the log in `folder`. What an earlier run left there is kept beside it, for `brasa log dump`.
pub fn open(folder: &Path, threads: usize) -> std::io::Result<Arc<EffectLog>> {
    let left_over = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().any(|e| e.path().extension().is_some_and(|x| x == "seg")))
        .unwrap_or(false);
    if left_over {
        let mut kept: PathBuf = folder.to_owned();
        kept.set_extension("previous");
        let _ = std::fs::remove_dir_all(&kept);
        std::fs::rename(folder, &kept)?;
        log::notice(&format!(
            "The last run did not end cleanly; what it logged is in {}: brasa log dump shows it as commands",
            kept.display()
        ));
    }
    EffectLog::open(folder, threads, Options::default())
}
