//! `INFO memory`.

use std::sync::atomic::Ordering::Relaxed;

use parameters::table::{RowId, row};

use super::figures::Totals;
use super::{field, human, zeros};
use crate::commands::memory::MemoryFigures;
use crate::ctx::NodeCtx;

fn with_human(out: &mut String, name: &str, bytes: u64) {
    field(out, name, bytes);
    field(out, &format!("{name}_human"), human(bytes));
}

/// `INFO memory`.
pub(super) fn memory(ctx: &mut NodeCtx<'_>, totals: &Totals, out: &mut String) {
    const POLICY: RowId = row("maxmemory-policy");
    let f = MemoryFigures::with_used(ctx, totals.used_memory_bytes);
    let policy = ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner()).get_enum(POLICY);
    with_human(out, "used_memory", f.used_bytes);
    with_human(out, "used_memory_rss", f.rss_bytes);
    with_human(out, "used_memory_peak", f.peak_bytes);
    field(out, "used_memory_peak_perc", format_args!("{:.2}%", f.peak_percent()));
    field(out, "used_memory_overhead", f.overhead_bytes);
    field(out, "used_memory_startup", f.startup_bytes);
    field(out, "used_memory_dataset", f.dataset_bytes());
    field(out, "used_memory_dataset_perc", format_args!("{:.2}%", f.dataset_percent()));
    field(out, "allocator_allocated", f.used_bytes);
    field(out, "allocator_active", f.active_bytes);
    field(out, "allocator_resident", f.rss_bytes);
    field(out, "allocator_muzzy", 0);
    with_human(out, "total_system_memory", sys::process::total_memory_bytes());
    // A thread has one Lua for scripts and functions: its bytes count as those of scripts.
    let vm_bytes = ctx.node.scripts.vm_bytes.load(Relaxed);
    let (scripts, script_bytes) = ctx.node.scripts.script_figures();
    let (libraries, functions, library_bytes) = ctx.node.scripts.library_figures();
    field(out, "used_memory_lua", vm_bytes);
    field(out, "used_memory_vm_eval", vm_bytes);
    field(out, "used_memory_lua_human", human(vm_bytes));
    field(out, "used_memory_scripts_eval", script_bytes);
    field(out, "number_of_cached_scripts", scripts);
    field(out, "number_of_functions", functions);
    field(out, "number_of_libraries", libraries);
    field(out, "used_memory_vm_functions", 0);
    with_human(out, "used_memory_vm_total", vm_bytes);
    field(out, "used_memory_functions", library_bytes);
    with_human(out, "used_memory_scripts", (script_bytes + library_bytes) as u64);
    with_human(out, "maxmemory", ctx.node.settings.maxmemory.load(Relaxed));
    field(out, "maxmemory_policy", policy);
    field(out, "allocator_frag_ratio", format_args!("{:.2}", f.fragmentation().ratio));
    field(out, "allocator_frag_bytes", f.fragmentation().bytes);
    field(out, "allocator_rss_ratio", format_args!("{:.2}", f.allocator_rss().ratio));
    field(out, "allocator_rss_bytes", f.allocator_rss().bytes);
    field(out, "rss_overhead_ratio", "1.00");
    field(out, "rss_overhead_bytes", 0);
    field(out, "mem_fragmentation_ratio", format_args!("{:.2}", f.overall().ratio));
    field(out, "mem_fragmentation_bytes", f.overall().bytes);
    zeros(
        out,
        &[
            "mem_not_counted_for_evict",
            "mem_replication_backlog",
            "mem_total_replication_buffers",
            "mem_replicas_repl_buffer",
            "mem_clients_slaves",
        ],
    );
    field(out, "mem_clients_normal", f.clients_bytes);
    zeros(
        out,
        &["mem_cluster_links", "mem_cluster_slot_import", "mem_cluster_slot_export", "mem_aof_buffer"],
    );
    field(out, "mem_allocator", "mimalloc");
    field(out, "mem_overhead_db_hashtable_rehashing", f.resizing_bytes);
    field(out, "active_defrag_running", 0);
    field(out, "lazyfree_pending_objects", ctx.node.workers.pending_objects.load(Relaxed));
    field(out, "lazyfreed_objects", ctx.node.workers.freed_objects.load(Relaxed));
    field(out, "used_memory_slab", f.slab_live_bytes);
    field(out, "slab_pages_bytes", f.slab_page_bytes);
    field(out, "used_memory_tables", f.tables_bytes);
}
