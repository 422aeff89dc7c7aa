//! Sections of counters: stats, commands, errors, latencies, keys.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use acl::Reason;
use parameters::Value;
use parameters::table::{RowId, row};
use sys::clock::tsc_to_ns;

use super::figures::{Totals, command_stats};
use super::{field, zeros};
use crate::ctx::NodeCtx;
use crate::pubsub::Kind;

fn us(ticks: u64) -> u64 {
    tsc_to_ns(ticks) / 1000
}

/// `INFO stats`.
pub(super) fn stats(ctx: &mut NodeCtx<'_>, t: &Totals, out: &mut String) {
    let kib = |bytes: f64| format!("{:.2}", bytes / 1024.0);
    field(out, "total_connections_received", t.connections);
    field(out, "total_commands_processed", t.commands);
    field(out, "instantaneous_ops_per_sec", t.rates.ops.round() as u64);
    field(out, "total_net_input_bytes", t.input_bytes);
    field(out, "total_net_output_bytes", t.output_bytes);
    zeros(
        out,
        &[
            "total_net_repl_input_bytes",
            "total_net_repl_output_bytes",
            "total_net_cluster_slot_import_bytes",
            "total_net_cluster_slot_export_bytes",
        ],
    );
    field(out, "instantaneous_input_kbps", kib(t.rates.input));
    field(out, "instantaneous_output_kbps", kib(t.rates.output));
    field(out, "instantaneous_input_repl_kbps", "0.00");
    field(out, "instantaneous_output_repl_kbps", "0.00");
    field(out, "rejected_connections", ctx.node.rejected_connections.load(Relaxed));
    zeros(out, &["sync_full", "sync_partial_ok", "sync_partial_err"]);
    field(out, "expired_keys", t.space.expired_keys);
    field(out, "expired_fields", t.space.expired_fields);
    field(out, "expired_stale_perc", "0.00");
    field(out, "expired_keys_with_volatile_items_stale_perc", "0.00");
    field(out, "expired_time_cap_reached_count", t.expire_capped);
    field(out, "expire_cycle_cpu_milliseconds", t.expire_us / 1000);
    field(out, "evicted_keys", t.space.evicted_keys);
    field(out, "evicted_clients", t.evicted_clients);
    field(out, "evicted_scripts", ctx.node.scripts.evicted.load(Relaxed));
    let now_ns = sys::clock::mono_ns();
    field(out, "total_eviction_exceeded_time", ctx.node.exceeded.total_ns(now_ns) / 1_000_000);
    field(out, "current_eviction_exceeded_time", ctx.node.exceeded.current_ns(now_ns) / 1_000_000);
    field(out, "keyspace_hits", t.space.keyspace_hits);
    field(out, "keyspace_misses", t.space.keyspace_misses);
    for (name, kind) in [
        ("pubsub_channels", Kind::Channel),
        ("pubsub_patterns", Kind::Pattern),
        ("pubsubshard_channels", Kind::Shard),
    ] {
        field(out, name, ctx.node.pubsub.table().len(kind));
    }
    zeros(
        out,
        &[
            "latest_fork_usec",
            "total_forks",
            "migrate_cached_sockets",
            "slave_expires_tracked_keys",
            "active_defrag_hits",
            "active_defrag_misses",
            "active_defrag_key_hits",
            "active_defrag_key_misses",
            "total_active_defrag_time",
            "current_active_defrag_time",
        ],
    );
    let tracked = &ctx.node.keyspace.tracked;
    field(out, "tracking_total_keys", tracked.keys.load(Relaxed));
    field(out, "tracking_total_items", tracked.items.load(Relaxed));
    field(out, "tracking_total_prefixes", ctx.node.tracking.prefixes());
    zeros(out, &["unexpected_error_replies"]);
    field(out, "total_error_replies", t.error_replies);
    field(out, "dump_payload_sanitizations", 0);
    field(out, "total_reads_processed", t.reads);
    field(out, "total_writes_processed", t.writes);
    field(out, "io_threaded_reads_processed", t.others[0]);
    field(out, "io_threaded_writes_processed", t.others[1]);
    field(out, "io_threaded_freed_objects", 0);
    field(out, "io_threaded_accept_processed", t.others[2]);
    zeros(
        out,
        &[
            "io_threaded_poll_processed",
            "io_threaded_total_prefetch_batches",
            "io_threaded_total_prefetch_entries",
        ],
    );
    field(out, "client_query_buffer_limit_disconnections", t.query_buffer_disconnections);
    field(out, "client_output_buffer_limit_disconnections", t.output_buffer_disconnections);
    zeros(out, &["reply_buffer_shrinks", "reply_buffer_expands"]);
    field(out, "eventloop_cycles", t.batches);
    field(out, "eventloop_duration_sum", us(t.busy_ticks.max(t.command_ticks)));
    field(out, "eventloop_duration_cmd_sum", us(t.command_ticks));
    field(out, "instantaneous_eventloop_cycles_per_sec", t.rates.batches.round() as u64);
    field(out, "instantaneous_eventloop_duration_usec", t.rates.batch_us.round() as u64);
    let denials = |reason| ctx.node.access.denials(reason);
    field(out, "acl_access_denied_auth", denials(Reason::Auth));
    field(out, "acl_access_denied_cmd", denials(Reason::Command));
    field(out, "acl_access_denied_key", denials(Reason::Key));
    field(out, "acl_access_denied_channel", denials(Reason::Channel));
    field(out, "acl_access_denied_tls_cert", ctx.node.security.denied.load(Relaxed));
    field(out, "acl_access_denied_db", denials(Reason::Database));
}

/// `INFO commandstats`: commands that were called or refused.
pub(super) fn commandstats(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    let sums = command_stats(ctx);
    for (command, sum) in ctx.node.registry.all().iter().zip(&sums) {
        if sum.calls + sum.rejected + sum.failed == 0 {
            continue;
        }
        let usec = us(sum.ticks);
        let per_call = if sum.calls == 0 { 0.0 } else { usec as f64 / sum.calls as f64 };
        let _ = write!(
            out,
            "cmdstat_{}:calls={},usec={usec},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}\r\n",
            command.facts.name, sum.calls, sum.rejected, sum.failed
        );
    }
}

/// `INFO errorstats`.
pub(super) fn errorstats(_: &mut NodeCtx<'_>, t: &Totals, out: &mut String) {
    for (code, count) in &t.errors {
        let _ = write!(out, "errorstat_{code}:count={count}\r\n");
    }
}

/// `INFO latencystats`: percentiles of commands that were called, µs. Nothing without `latency-tracking`.
pub(super) fn latencystats(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    const PERCENTILES: RowId = row("latency-tracking-info-percentiles");
    if !ctx.node.settings.latency_tracking.load(Relaxed) {
        return;
    }
    let percentiles = match ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner()).value(PERCENTILES) {
        Value::Percentiles(list) => list.clone(),
        _ => Vec::new(),
    };
    let sums = command_stats(ctx);
    for (command, sum) in ctx.node.registry.all().iter().zip(&sums) {
        let Some(histogram) = sum.latency.as_ref().filter(|h| h.total() > 0) else { continue };
        let _ = write!(out, "latency_percentiles_usec_{}:", command.facts.name);
        for (i, percentile) in percentiles.iter().enumerate() {
            let ns = histogram.percentile_ns(*percentile);
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(out, "{comma}p{percentile}={}.{:03}", ns / 1000, ns % 1000);
        }
        out.push_str("\r\n");
    }
}

/// `INFO keyspace`: databases that have keys.
pub(super) fn keyspace(ctx: &mut NodeCtx<'_>, _: &Totals, out: &mut String) {
    let keyspace = ctx.data.space.keyspace;
    for db in 0..keyspace.databases() {
        let keys = keyspace.len(db);
        if keys == 0 {
            continue;
        }
        let counters = keyspace.counters(keyspace.physical(db));
        let expires = counters.volatile.load(Relaxed).max(0);
        let items = counters.volatile_items.load(Relaxed).max(0);
        let avg_ttl = if expires == 0 { 0 } else { average_ttl_ms(ctx, db) };
        let _ = write!(
            out,
            "db{db}:keys={keys},expires={expires},avg_ttl={avg_ttl},keys_with_volatile_items={items}\r\n"
        );
    }
}

/// The mean TTL of a sample of volatile keys, ms; 0 when the sample has none. At most a few thousand entries are
/// looked at.
fn average_ttl_ms(ctx: &mut NodeCtx<'_>, db: u16) -> i64 {
    const WANTED: i64 = 64;
    const PER_SHARD: usize = 64;
    const ENTRIES_MAX: usize = 4096;
    let keyspace = ctx.data.space.keyspace;
    let (physical, now_ms) = (keyspace.physical(db), ctx.data.space.now_ms);
    let shards = keyspace.shard_count();
    let first = ctx.data.rng.next_u32() % shards;
    let (mut count, mut sum_ms, mut looked) = (0, 0i64, 0);
    for i in 0..shards {
        let start = ctx.data.rng.next_u32();
        if let Some(table) = ctx.data.space.locked_shard((first + i) % shards).table(physical)
            && table.volatile_len() > 0
        {
            table.sample(start, PER_SHARD.min(table.len()), |entry| {
                looked += 1;
                if let Some(at) = entry.expire_at_ms().filter(|at| *at >= now_ms) {
                    count += 1;
                    sum_ms = sum_ms.saturating_add(at - now_ms);
                }
            });
        }
        ctx.data.space.leave();
        if count >= WANTED || looked >= ENTRIES_MAX {
            break;
        }
    }
    if count == 0 { 0 } else { sum_ms / count }
}

/// `INFO debug`.
pub(super) fn debug(_: &mut NodeCtx<'_>, t: &Totals, out: &mut String) {
    field(out, "eventloop_duration_aof_sum", 0);
    field(out, "eventloop_duration_cron_sum", t.expire_us);
    field(out, "eventloop_duration_max", us(t.busy_max_ticks));
    field(out, "eventloop_cmd_per_cycle_max", t.batch_commands_max);
    zeros(out, &["io_threaded_reads_pending", "io_threaded_writes_pending"]);
}
