//! Sections about the node itself: server, clients, persistence, replication, processor time.

use std::sync::atomic::Ordering::Relaxed;

use keyspace::evict::Access;
use parameters::table::{RowId, row};
use sys::clock::{CpuOf, cpu_time, tsc_is_counter, tsc_to_ns, wall_us};

use super::figures::{ClientFigures, Totals};
use super::{field, zeros};
use crate::ctx::NodeCtx;
use crate::pause::Paused;
use crate::{REDIS_VERSION, VALKEY_VERSION};

/// How the clock that measures commands works.
fn monotonic_clock() -> String {
    if !tsc_is_counter() {
        return "POSIX clock_gettime".into();
    }
    const TICKS: u64 = 1_000_000_000;
    let per_us = TICKS as f64 * 1000.0 / tsc_to_ns(TICKS).max(1) as f64;
    let name = if cfg!(target_arch = "x86_64") { "X86 TSC" } else { "ARM CNTVCT" };
    format!("{name} @ {per_us:.2} ticks/us")
}

/// Names this build: programs of different versions differ in it.
fn build_id() -> String {
    let text = concat!(env!("CARGO_PKG_NAME"), "-", env!("CARGO_PKG_VERSION"));
    format!("{:016x}", structures::siphash::SipKey::new(0, 0).hash(text.as_bytes()))
}

/// `INFO server`.
pub(super) fn server(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    const PORT: RowId = row("port");
    const TLS_PORT: RowId = row("tls-port");
    const BIND: RowId = row("bind");
    const HZ: RowId = row("hz");
    const ZONE: RowId = row("availability-zone");
    const CLUSTER: RowId = row("cluster-enabled");
    let identity = &ctx.node.identity;
    let parameters = ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner());
    let uptime = (ctx.data.space.now_ms - identity.started_at_ms).max(0) / 1000;
    field(out, "redis_version", REDIS_VERSION);
    field(out, "server_name", "valkey");
    field(out, "valkey_version", VALKEY_VERSION);
    field(out, "valkey_release_stage", "ga");
    field(out, "redis_git_sha1", "00000000");
    field(out, "redis_git_dirty", 0);
    field(out, "redis_build_id", build_id());
    field(out, "server_mode", if parameters.get_bool(CLUSTER) { "cluster" } else { "standalone" });
    field(out, "os", sys::process::os_text());
    field(out, "arch_bits", usize::BITS);
    field(out, "monotonic_clock", monotonic_clock());
    field(out, "multiplexing_api", identity.poller);
    field(out, "gcc_version", "0.0.0");
    field(out, "process_id", std::process::id());
    field(out, "process_supervised", "no");
    field(out, "run_id", &identity.run_id);
    field(out, "tcp_port", parameters.get_int(PORT));
    field(out, "server_time_usec", wall_us());
    field(out, "uptime_in_seconds", uptime);
    field(out, "uptime_in_days", uptime / 86_400);
    field(out, "hz", ctx.node.settings.hz.load(Relaxed));
    field(out, "configured_hz", parameters.get_int(HZ));
    field(out, "clients_hz", parameters.get_int(HZ));
    field(out, "lru_clock", Access::lru_clock(ctx.data.space.now_ms));
    field(out, "executable", identity.executable.display());
    let config = identity.config_file.as_deref().unwrap_or(std::path::Path::new(""));
    field(out, "config_file", config.display());
    field(out, "io_threads_active", i32::from(ctx.node.threads.len() > 1));
    field(out, "availability_zone", String::from_utf8_lossy(parameters.get_str(ZONE)));
    let mut listeners = 0;
    for (name, id) in [("tcp", PORT), ("tls", TLS_PORT)] {
        if parameters.get_int(id) == 0 {
            continue;
        }
        let bind: String = parameters
            .get_words(BIND)
            .iter()
            .map(|word| format!("bind={},", String::from_utf8_lossy(word)))
            .collect();
        let listener = format!("listener{listeners}");
        field(out, &listener, format_args!("name={name},{bind}port={}", parameters.get_int(id)));
        listeners += 1;
    }
    if !ctx.node.unix_socket.is_empty() {
        let path = String::from_utf8_lossy(&ctx.node.unix_socket);
        field(out, &format!("listener{listeners}"), format_args!("name=unix,bind={path}"));
    }
    field(out, "brasa_version", env!("CARGO_PKG_VERSION"));
    field(out, "io_poller", identity.poller);
    field(out, "io_threads", ctx.node.threads.len());
    field(out, "shards", ctx.node.keyspace.shard_count());
}

/// `INFO tls`.
pub(super) fn tls(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    let loaded = ctx.node.security.loaded();
    let (server, authority) = match &loaded {
        Some(loaded) => (loaded.server.as_ref(), loaded.authority.as_ref()),
        None => (None, None),
    };
    let now = ctx.data.space.now_ms / 1000;
    for (whose, certificate) in [("server", server), ("client", None), ("ca", authority)] {
        let serial = certificate.map_or("none", |certificate| &certificate.serial);
        let left = certificate.map_or(0, |certificate| (certificate.not_after - now).max(0));
        field(out, &format!("tls_{whose}_cert_serial"), serial);
        field(out, &format!("tls_{whose}_cert_expires_in_seconds"), left);
    }
}

/// `INFO clients`.
pub(super) fn clients(ctx: &mut NodeCtx<'_>, totals: &Totals, out: &mut String) {
    let figures = ClientFigures::of(ctx);
    field(out, "connected_clients", ctx.node.connections.load(Relaxed));
    field(out, "cluster_connections", 0);
    field(out, "maxclients", ctx.node.settings.maxclients.load(Relaxed));
    field(out, "client_recent_max_input_buffer", figures.input_max);
    field(out, "client_recent_max_output_buffer", figures.output_max);
    field(out, "blocked_clients", figures.blocked);
    field(out, "tracking_clients", ctx.node.tracking.clients());
    field(out, "pubsub_clients", figures.subscribed);
    field(out, "watching_clients", figures.watching);
    field(out, "clients_in_timeout_table", figures.with_timeout);
    field(out, "total_watched_keys", figures.watched_keys);
    let (awaited, awaited_on_nokey) = ctx.data.space.awaited_keys();
    field(out, "total_blocking_keys", awaited);
    field(out, "total_blocking_keys_on_nokey", awaited_on_nokey);
    let now_ms = ctx.data.space.now_ms;
    let (reason, actions, left_ms) = match ctx.node.pause.at(now_ms) {
        Paused::No => ("none", "none", 0),
        Paused::Writes => ("client_pause", "write", ctx.node.pause.until_ms() - now_ms),
        Paused::All => ("client_pause", "all", ctx.node.pause.until_ms() - now_ms),
    };
    field(out, "paused_reason", reason);
    field(out, "paused_actions", actions);
    field(out, "paused_timeout_milliseconds", left_ms);
    field(out, "parked_clients", figures.parked);
    field(out, "total_parked_clients", totals.parked);
    field(out, "total_moved_clients", totals.moved_connections);
}

/// `INFO persistence`.
pub(super) fn persistence(ctx: &mut NodeCtx<'_>, totals: &Totals, out: &mut String) {
    zeros(out, &["loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"]);
    field(out, "current_fork_perc", "0.00");
    zeros(out, &["current_save_keys_processed", "current_save_keys_total"]);
    let changes = totals.space.changes as i64 - ctx.node.changes_at_save.load(Relaxed);
    field(out, "rdb_changes_since_last_save", changes.max(0));
    field(out, "rdb_bgsave_in_progress", 0);
    field(out, "rdb_last_save_time", ctx.node.identity.started_at_ms / 1000);
    field(out, "rdb_last_bgsave_status", "ok");
    field(out, "rdb_last_bgsave_time_sec", -1);
    field(out, "rdb_current_bgsave_time_sec", -1);
    zeros(
        out,
        &[
            "rdb_saves",
            "rdb_last_cow_size",
            "rdb_last_load_keys_expired",
            "rdb_last_load_keys_loaded",
            "aof_enabled",
            "aof_rewrite_in_progress",
            "aof_rewrite_scheduled",
        ],
    );
    field(out, "aof_last_rewrite_time_sec", -1);
    field(out, "aof_current_rewrite_time_sec", -1);
    field(out, "aof_last_bgrewrite_status", "ok");
    zeros(out, &["aof_rewrites", "aof_rewrites_consecutive_failures"]);
    field(out, "aof_last_write_status", "ok");
    zeros(
        out,
        &[
            "aof_last_cow_size",
            "module_fork_in_progress",
            "module_fork_last_cow_size",
            "slot_migration_fork_in_progress",
        ],
    );
}

/// `INFO replication`.
pub(super) fn replication(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    const BACKLOG: RowId = row("repl-backlog-size");
    let parameters = ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner());
    field(out, "role", "master");
    zeros(out, &["connected_slaves", "replicas_waiting_psync"]);
    field(out, "master_failover_state", "no-failover");
    field(out, "master_replid", ctx.node.settings.replication_id());
    field(out, "master_replid2", "0000000000000000000000000000000000000000");
    field(out, "master_repl_offset", 0);
    field(out, "second_repl_offset", -1);
    field(out, "repl_backlog_active", 0);
    field(out, "repl_backlog_size", parameters.get_bytes(BACKLOG));
    zeros(out, &["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

/// `INFO cpu`. The main thread is the one that answers.
pub(super) fn cpu(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    let mut seconds =
        |name: &str, us: u64| field(out, name, format_args!("{}.{:06}", us / 1_000_000, us % 1_000_000));
    let (process, children) = (cpu_time(CpuOf::Process), cpu_time(CpuOf::Children));
    let thread = cpu_time(CpuOf::Thread);
    seconds("used_cpu_sys", process.system_us);
    seconds("used_cpu_user", process.user_us);
    seconds("used_cpu_sys_children", children.system_us);
    seconds("used_cpu_user_children", children.user_us);
    seconds("used_cpu_sys_main_thread", thread.system_us);
    seconds("used_cpu_user_main_thread", thread.user_us);
    let busy = ctx.stats.busy_ticks.max(ctx.stats.command_ticks());
    seconds("used_active_time_main_thread", tsc_to_ns(busy) / 1000);
}

/// `INFO cluster`.
pub(super) fn cluster(_: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    field(out, "cluster_enabled", 0);
}

/// `INFO scriptingengines`: Lua, which Valkey counts as a module.
pub(super) fn scripting_engines(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    /// The interface between Valkey 9.1 and its engines.
    const ABI_VERSION: u32 = 4;
    let used_bytes = ctx.node.scripts.vm_bytes.load(Relaxed);
    let overhead_bytes = size_of::<crate::scripting::Scripts>();
    field(out, "engines_count", 1);
    field(out, "engines_total_used_memory", used_bytes);
    field(out, "engines_total_memory_overhead", overhead_bytes);
    field(
        out,
        "engine_0",
        format_args!(
            "name=LUA,module=lua,abi_version={ABI_VERSION},used_memory={used_bytes},memory_overhead={overhead_bytes}"
        ),
    );
}
