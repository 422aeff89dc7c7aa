//! `MEMORY STATS`, `MEMORY DOCTOR` and `MEMORY MALLOC-STATS`.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use commands::{Args, CommandResult, Outcome};

use super::{MemoryFigures, Ratio};
use crate::commands::info::human;
use crate::ctx::NodeCtx;

/// Counts the pairs of a map while it is written.
struct Pairs<'c, 'a> {
    ctx: &'c mut NodeCtx<'a>,
    count: usize,
}

impl Pairs<'_, '_> {
    fn int(&mut self, name: &str, value: i64) {
        self.ctx.data.reply.bulk(name.as_bytes());
        self.ctx.data.reply.int(value);
        self.count += 1;
    }

    fn size(&mut self, name: &str, bytes: u64) {
        self.int(name, bytes as i64);
    }

    fn double(&mut self, name: &str, value: f64) {
        self.ctx.data.reply.bulk(name.as_bytes());
        // Single precision, which is what Valkey computes these in.
        self.ctx.data.reply.double(f64::from(value as f32));
        self.count += 1;
    }

    fn ratio(&mut self, name: &str, of: Ratio) {
        self.double(&format!("{name}.ratio"), of.ratio);
        self.int(&format!("{name}.bytes"), of.bytes);
    }
}

/// `MEMORY STATS`. O(shards + clients).
pub fn memory_stats(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let f = MemoryFigures::of(ctx);
    let mark = ctx.data.reply.array_deferred();
    let mut out = Pairs { ctx, count: 0 };
    out.size("peak.allocated", f.peak_bytes);
    out.size("total.allocated", f.used_bytes);
    out.size("startup.allocated", f.startup_bytes);
    for name in ["replication.backlog", "replicas.repl.buffer", "clients.slaves"] {
        out.int(name, 0);
    }
    out.size("clients.normal", f.clients_bytes);
    for name in ["cluster.links", "cluster.slot_import", "cluster.slot_export", "aof.buffer"] {
        out.int(name, 0);
    }
    out.size("lua.caches", f.scripts_bytes);
    out.size("functions.caches", f.functions_bytes);
    for (db, bytes) in &f.databases {
        out.count += 1;
        let reply = &mut out.ctx.data.reply;
        reply.bulk(format!("db.{db}").as_bytes());
        reply.map(2);
        reply.bulk(b"overhead.hashtable.main");
        reply.int(*bytes as i64);
        // Expiry times stand in the entries: there is no second table.
        reply.bulk(b"overhead.hashtable.expires");
        reply.int(0);
    }
    out.size("overhead.db.hashtable.lut", f.tables_bytes);
    out.size("overhead.db.hashtable.rehashing", f.resizing_bytes);
    out.size("overhead.total", f.overhead_bytes);
    out.size("db.dict.rehashing.count", f.resizing);
    out.size("keys.count", f.keys);
    let since_start = f.used_bytes.saturating_sub(f.startup_bytes);
    out.size("keys.bytes-per-key", since_start.checked_div(f.keys).unwrap_or(0));
    out.size("dataset.bytes", f.dataset_bytes());
    out.double("dataset.percentage", f.dataset_percent());
    out.double("peak.percentage", f.peak_percent());
    out.size("allocator.allocated", f.used_bytes);
    out.size("allocator.active", f.active_bytes);
    out.size("allocator.resident", f.rss_bytes);
    out.int("allocator.muzzy", 0);
    out.ratio("allocator-fragmentation", f.fragmentation());
    out.ratio("allocator-rss", f.allocator_rss());
    out.ratio("rss-overhead", Ratio { ratio: 1.0, bytes: 0 });
    out.double("fragmentation", f.overall().ratio);
    out.int("fragmentation.bytes", f.overall().bytes);
    let count = out.count;
    ctx.data.reply.map_finish(mark, count);
    Ok(Outcome::Done)
}

/// `MEMORY DOCTOR`. O(shards + clients).
pub fn memory_doctor(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let f = MemoryFigures::of(ctx);
    let limit = ctx.node.settings.maxmemory.load(Relaxed);
    let clients = ctx.node.connections.load(Relaxed) as u64;
    ctx.data.reply.verbatim(b"txt", diagnosis(&f, limit, clients).as_bytes());
    Ok(Outcome::Done)
}

/// What the figures say, in words.
fn diagnosis(f: &MemoryFigures, limit: u64, clients: u64) -> String {
    const SMALL: u64 = 5 << 20;
    const LARGE_CLIENT: u64 = 200 << 10;
    const MANY_SCRIPTS: u64 = 1000;
    if f.used_bytes < SMALL {
        return format!("Only {} are in use: too little to tell anything from.\n", human(f.used_bytes));
    }
    let mut found = Vec::new();
    if f.peak_bytes as f64 > f.used_bytes as f64 * 1.5 {
        found.push(format!(
            "Peak: {} were in use once, {} are now. Pages of the difference may still be resident; MEMORY PURGE gives \
             them back.",
            human(f.peak_bytes),
            human(f.used_bytes)
        ));
    }
    if f.fragmentation().ratio > 1.3 && f.fragmentation().bytes > 10 << 20 {
        found.push(format!(
            "Fragmentation: slab pages hold {} for {} of entries. Entries are moved together in the background; the \
             ratio should fall within minutes.",
            human(f.slab_page_bytes),
            human(f.slab_live_bytes)
        ));
    }
    if f.allocator_rss().ratio > 1.4 && f.allocator_rss().bytes > 10 << 20 {
        found.push(format!(
            "Resident memory: {} more than the pages in use are resident. MEMORY PURGE gives free pages back.",
            human(f.allocator_rss().bytes as u64)
        ));
    }
    if clients > 0 && f.clients_bytes / clients > LARGE_CLIENT {
        found.push(format!(
            "Clients: their buffers take {} each on average. Look for clients that do not read their replies (CLIENT \
             LIST, field omem).",
            human(f.clients_bytes / clients)
        ));
    }
    if f.scripts > MANY_SCRIPTS {
        found.push(format!(
            "Scripts: {} are cached, {} of text. Give what changes from call to call as arguments, so that one text \
             serves all calls.",
            f.scripts,
            human(f.scripts_bytes)
        ));
    }
    if limit > 0 && f.used_bytes * 100 > limit * 95 {
        found.push(format!("Limit: {} of maxmemory {} are in use.", human(f.used_bytes), human(limit)));
    }
    if found.is_empty() {
        return format!("Memory use looks healthy: {} for {} keys.\n", human(f.used_bytes), f.keys);
    }
    found.iter().fold(String::from("Memory use shows this:\n\n"), |mut text, line| {
        let _ = writeln!(text, "- {line}");
        text
    })
}

/// `MEMORY MALLOC-STATS`: the slab's and the general allocator's figures.
pub fn memory_malloc_stats(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let slab = structures::slab::stats();
    let pages = sys::pages::PAGES.counts();
    let mut text = String::new();
    for (name, value) in [
        ("slab_live_bytes", slab.live_bytes),
        ("slab_page_bytes", slab.page_bytes),
        ("page_bytes", sys::pages::PAGE_BYTES as u64),
        ("pages_mapped", pages.mapped as u64),
        ("pages_used", pages.used as u64),
        ("pages_idle_resident", pages.idle_resident as u64),
        ("pages_released", pages.released as u64),
        ("general_allocated_bytes", sys::alloc::allocated_bytes() as u64),
        ("resident_bytes", sys::alloc::rss_bytes() as u64),
        ("resident_peak_bytes", sys::alloc::peak_rss_bytes() as u64),
    ] {
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = writeln!(text, "general_purge_delay_ms:{}", sys::alloc::purge_delay_ms());
    ctx.data.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_names_what_is_wrong() {
        let mut f = MemoryFigures { used_bytes: 1 << 20, ..MemoryFigures::default() };
        assert!(diagnosis(&f, 0, 1).contains("too little"));
        f.used_bytes = 100 << 20;
        f.active_bytes = 100 << 20;
        f.rss_bytes = 110 << 20;
        f.peak_bytes = f.used_bytes;
        assert!(diagnosis(&f, 0, 1).contains("healthy"));
        f.peak_bytes = 200 << 20;
        f.active_bytes = 150 << 20;
        f.clients_bytes = 1 << 20;
        f.scripts = 1001;
        let text = diagnosis(&f, 100 << 20, 2);
        for word in ["Peak", "Fragmentation", "Clients", "Scripts", "Limit"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}
