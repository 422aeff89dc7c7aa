//! `MEMORY` (<https://valkey.io/commands/memory-stats/>): what memory is used for, and by which key.

mod report;

use std::sync::atomic::Ordering::Relaxed;

use commands::facts::server_sub as facts;
use commands::{Args, CommandError, CommandResult, Outcome};
use structures::table::BUCKET_BYTES;
use wire::number::parse_i64;

use crate::commands::info::ClientFigures;
use crate::ctx::NodeCtx;
use crate::node::used_memory_bytes;
use crate::registry::NodeSpec;

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::MEMORY_DOCTOR, gate: true, run: report::memory_doctor },
    NodeSpec { facts: &facts::MEMORY_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::MEMORY_MALLOC_STATS, gate: true, run: report::memory_malloc_stats },
    NodeSpec { facts: &facts::MEMORY_PURGE, gate: false, run: memory_purge },
    NodeSpec { facts: &facts::MEMORY_STATS, gate: true, run: report::memory_stats },
    NodeSpec { facts: &facts::MEMORY_USAGE, gate: false, run: memory_usage },
];

/// A key's share of a bucket: one of its seven slots.
const TABLE_SHARE_BYTES: usize = BUCKET_BYTES / 7;

/// How two sizes compare.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Larger by smaller, usually at least 1.
    pub ratio: f64,
    /// Their difference.
    pub bytes: i64,
}

impl Ratio {
    fn of(whole: u64, part: u64) -> Ratio {
        Ratio { ratio: whole as f64 / part.max(1) as f64, bytes: whole as i64 - part as i64 }
    }
}

/// Where memory goes, in bytes.
#[derive(Clone, Debug, Default)]
pub struct MemoryFigures {
    /// Everything allocated.
    pub used_bytes: u64,
    /// Resident, as the kernel counts it.
    pub rss_bytes: u64,
    /// The most that was ever allocated.
    pub peak_bytes: u64,
    /// Allocated when the node had started.
    pub startup_bytes: u64,
    /// Startup, tables, clients and scripts: all that is not data.
    pub overhead_bytes: u64,
    /// Allocated, with the free room of slab pages.
    pub active_bytes: u64,
    /// In slab objects.
    pub slab_live_bytes: u64,
    /// In slab pages.
    pub slab_page_bytes: u64,
    /// Hash tables.
    pub tables_bytes: u64,
    /// Hash tables that are being resized.
    pub resizing_bytes: u64,
    /// Number of these.
    pub resizing: u64,
    /// Connections.
    pub clients_bytes: u64,
    /// Number of cached scripts.
    pub scripts: u64,
    /// Their texts.
    pub scripts_bytes: u64,
    /// Libraries of functions.
    pub functions_bytes: u64,
    /// All keys.
    pub keys: u64,
    /// Table bytes of each logical database that has keys, and its volatile keys.
    pub databases: Vec<(u16, u64)>,
}

impl MemoryFigures {
    /// The figures now. Under the gate. O(shards + clients).
    pub fn of(ctx: &mut NodeCtx<'_>) -> MemoryFigures {
        MemoryFigures::with_used(ctx, used_memory_bytes())
    }

    /// The figures, for a caller that looked at the memory in use before it took some itself.
    pub fn with_used(ctx: &mut NodeCtx<'_>, used_bytes: u64) -> MemoryFigures {
        let keyspace = ctx.data.space.keyspace;
        let slab = structures::slab::stats();
        let mut figures = MemoryFigures {
            used_bytes,
            rss_bytes: sys::alloc::rss_bytes() as u64,
            peak_bytes: ctx.node.peak_memory_bytes.fetch_max(used_bytes, Relaxed).max(used_bytes),
            startup_bytes: ctx.node.startup_memory_bytes.load(Relaxed),
            active_bytes: used_bytes + slab.page_bytes.saturating_sub(slab.live_bytes),
            slab_live_bytes: slab.live_bytes,
            slab_page_bytes: slab.page_bytes,
            clients_bytes: ClientFigures::of(ctx).memory_bytes as u64,
            ..MemoryFigures::default()
        };
        let mut by_physical = vec![0u64; usize::from(keyspace.databases())];
        for number in 0..keyspace.shard_count() {
            let shard = ctx.data.space.locked_shard(number);
            for physical in 0..shard.databases() {
                let Some(table) = shard.table(physical) else { continue };
                let bytes = table.memory_bytes() as u64;
                by_physical[usize::from(physical)] += bytes;
                figures.tables_bytes += bytes;
                if table.is_resizing() {
                    figures.resizing_bytes += bytes;
                    figures.resizing += 1;
                }
            }
            ctx.data.space.leave();
        }
        for db in 0..keyspace.databases() {
            let keys = keyspace.len(db) as u64;
            if keys > 0 {
                figures.keys += keys;
                figures.databases.push((db, by_physical[usize::from(keyspace.physical(db))]));
            }
        }
        let (scripts, script_bytes) = ctx.node.scripts.script_figures();
        let (_, _, library_bytes) = ctx.node.scripts.library_figures();
        figures.scripts = scripts as u64;
        figures.scripts_bytes = script_bytes as u64;
        figures.functions_bytes = library_bytes as u64;
        figures.overhead_bytes = figures.startup_bytes
            + figures.tables_bytes
            + figures.clients_bytes
            + figures.scripts_bytes
            + figures.functions_bytes;
        figures
    }

    /// Keys and values.
    pub fn dataset_bytes(&self) -> u64 {
        self.used_bytes.saturating_sub(self.overhead_bytes)
    }

    /// Data in what was allocated since the start, percent.
    pub fn dataset_percent(&self) -> f64 {
        let since = self.used_bytes.saturating_sub(self.startup_bytes);
        if since == 0 { 0.0 } else { (self.dataset_bytes() as f64 * 100.0 / since as f64).min(100.0) }
    }

    /// Used memory in percent of its peak.
    pub fn peak_percent(&self) -> f64 {
        self.used_bytes as f64 * 100.0 / self.peak_bytes.max(1) as f64
    }

    /// Free room inside pages in use.
    pub fn fragmentation(&self) -> Ratio {
        Ratio::of(self.active_bytes, self.used_bytes)
    }

    /// Resident memory beyond the pages in use.
    pub fn allocator_rss(&self) -> Ratio {
        Ratio::of(self.rss_bytes, self.active_bytes)
    }

    /// Resident memory beyond what is allocated.
    pub fn overall(&self) -> Ratio {
        Ratio::of(self.rss_bytes, self.used_bytes)
    }
}

/// `MEMORY USAGE key [SAMPLES n]`: bytes of a key, its value and its place in the table. O(1): sizes are kept, so
/// nothing is sampled.
pub fn memory_usage(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let mut i = 3;
    while i < args.len() {
        if !args.is(i, "samples") || i + 1 >= args.len() {
            return Err(CommandError::Syntax);
        }
        if parse_i64(args.get(i + 1)).ok_or(CommandError::NotInteger)? < 0 {
            return Err(CommandError::Syntax);
        }
        i += 2;
    }
    let key = ctx.data.key(args, 2);
    match ctx.data.space.peek(key).map(|entry| entry.memory_bytes() + TABLE_SHARE_BYTES) {
        Some(bytes) => ctx.data.reply.int(bytes as i64),
        None => ctx.data.reply.null(),
    }
    Ok(Outcome::Done)
}

/// `MEMORY PURGE`: gives the answering thread's empty pages back to the kernel.
pub fn memory_purge(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    while ctx.data.space.local.heap.drain_pending() {}
    sys::pages::PAGES.purge();
    sys::alloc::purge();
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}
