//! From the table of parameters to what running code consults.

use std::sync::atomic::Ordering::Relaxed;

use keyspace::evict::Policy;
use parameters::table::{RowId, row};
use parameters::{Parameters, Value};

use crate::settings::{OutputLimit, Settings};

macro_rules! rows {
    ($($id:ident = $name:literal;)*) => { $(const $id: RowId = row($name);)* };
}

rows! {
    MAXMEMORY = "maxmemory"; CLUSTER = "cluster-enabled"; CLIENTS_MEMORY = "maxmemory-clients"; SAMPLES = "maxmemory-samples"; POLICY = "maxmemory-policy";
    LFU_LOG = "lfu-log-factor"; LFU_DECAY = "lfu-decay-time"; MAXCLIENTS = "maxclients"; TIMEOUT = "timeout";
    KEEPALIVE = "tcp-keepalive"; BULK = "proto-max-bulk-len"; QUERY = "client-query-buffer-limit";
    HLL = "hll-sparse-max-bytes"; HZ = "hz"; EFFORT = "active-expire-effort"; PROTECTED = "protected-mode";
    TRACKING = "latency-tracking"; SLOWER = "commandlog-execution-slower-than"; BUSY = "busy-reply-threshold";
    REQUEST = "commandlog-request-larger-than"; REPLY = "commandlog-reply-larger-than";
    SLOW_LEN = "commandlog-slow-execution-max-len"; REQUEST_LEN = "commandlog-large-request-max-len";
    REPLY_LEN = "commandlog-large-reply-max-len"; THRESHOLD = "latency-monitor-threshold";
    KEY_EVENTS = "notify-keyspace-events"; LAZY_FLUSH = "lazyfree-lazy-user-flush"; ACL_LOG = "acllog-max-len";
    TRACKED_KEYS = "tracking-table-max-keys"; ACL_CHANNELS = "acl-pubsub-default"; LOGLEVEL = "loglevel";
    LOGFILE = "logfile"; HASH_ENTRIES = "hash-max-listpack-entries"; HASH_VALUE = "hash-max-listpack-value";
    LIST_SIZE = "list-max-listpack-size"; SET_INTSET = "set-max-intset-entries";
    SET_ENTRIES = "set-max-listpack-entries"; SET_VALUE = "set-max-listpack-value";
    ZSET_ENTRIES = "zset-max-listpack-entries"; ZSET_VALUE = "zset-max-listpack-value";
    STREAM_BYTES = "stream-node-max-bytes"; STREAM_ENTRIES = "stream-node-max-entries";
}

/// Copies every value that running code consults. Cheap enough to do whole after each CONFIG SET.
pub fn apply(parameters: &Parameters, settings: &Settings) {
    let p = parameters;
    settings.maxmemory.store(p.get_bytes(MAXMEMORY), Relaxed);
    settings.maxmemory_clients.store(client_limit(p), Relaxed);
    settings.is_cluster.store(p.get_bool(CLUSTER), Relaxed);
    settings.maxmemory_samples.store(p.get_int(SAMPLES) as u32, Relaxed);
    settings.set_policy(Policy::from_name(p.get_enum(POLICY)).unwrap_or(Policy::NoEviction));
    settings.lfu_log_factor.store(p.get_int(LFU_LOG) as u32, Relaxed);
    settings.lfu_decay_minutes.store(p.get_int(LFU_DECAY) as u32, Relaxed);
    settings.maxclients.store(p.get_int(MAXCLIENTS) as u32, Relaxed);
    settings.timeout_seconds.store(p.get_int(TIMEOUT) as u32, Relaxed);
    settings.tcp_keepalive_seconds.store(p.get_int(KEEPALIVE) as u32, Relaxed);
    settings.proto_max_bulk_bytes.store(p.get_bytes(BULK), Relaxed);
    settings.query_buffer_max_bytes.store(p.get_bytes(QUERY), Relaxed);
    settings.hll_sparse_max_bytes.store(p.get_bytes(HLL), Relaxed);
    settings.hz.store(p.get_int(HZ) as u32, Relaxed);
    settings.active_expire_effort.store(p.get_int(EFFORT) as u32, Relaxed);
    settings.protected_mode.store(p.get_bool(PROTECTED), Relaxed);
    settings.latency_tracking.store(p.get_bool(TRACKING), Relaxed);
    settings.slower_than_us.store(p.get_int(SLOWER), Relaxed);
    settings.busy_reply_ms.store(p.get_int(BUSY), Relaxed);
    settings.request_larger_bytes.store(signed(p, REQUEST), Relaxed);
    settings.reply_larger_bytes.store(signed(p, REPLY), Relaxed);
    for (length, id) in settings.log_lengths.iter().zip([SLOW_LEN, REQUEST_LEN, REPLY_LEN]) {
        length.store(p.get_int(id) as u64, Relaxed);
    }
    settings.latency_threshold_ms.store(p.get_int(THRESHOLD) as u64, Relaxed);
    settings.keyspace_events.store(p.get_flags(KEY_EVENTS), Relaxed);
    settings.tracking_max_keys.store(p.get_int(TRACKED_KEYS) as u64, Relaxed);
    settings.lazy_user_flush.store(p.get_bool(LAZY_FLUSH), Relaxed);
    for (class, limit) in p.output_buffer_limits().iter().enumerate() {
        let limit = OutputLimit {
            hard_bytes: limit.hard_bytes,
            soft_bytes: limit.soft_bytes,
            soft_seconds: u64::try_from(limit.soft_seconds).unwrap_or(0),
        };
        settings.set_output_limit(class, limit);
    }
    settings.set_compact(commands::ctx::Compact {
        hash_entries: p.get_int(HASH_ENTRIES) as usize,
        hash_value_bytes: p.get_bytes(HASH_VALUE) as usize,
        list_size: p.get_int(LIST_SIZE),
        set_intset_entries: p.get_int(SET_INTSET) as usize,
        set_entries: p.get_int(SET_ENTRIES) as usize,
        set_value_bytes: p.get_int(SET_VALUE) as usize,
        zset_entries: p.get_int(ZSET_ENTRIES) as usize,
        zset_value_bytes: p.get_bytes(ZSET_VALUE) as usize,
        stream_node_bytes: p.get_bytes(STREAM_BYTES) as usize,
        stream_node_entries: p.get_int(STREAM_ENTRIES) as usize,
    });
    crate::log::set_level(p.get_enum(LOGLEVEL));
}

/// The same for access control; users are another matter (`access::startup`).
pub fn apply_access(parameters: &Parameters, access: &crate::access::AccessControl) {
    access.log_max.store(parameters.get_int(ACL_LOG) as u64, Relaxed);
    access.all_channels.store(parameters.get_enum(ACL_CHANNELS) == "allchannels", Relaxed);
}

/// `maxmemory-clients` in bytes: a percentage is one of `maxmemory`, and nothing without that. Never so little that no
/// client could say anything any more.
fn client_limit(p: &Parameters) -> u64 {
    const LEAST_BYTES: u64 = 128 * 1024;
    let limit = match p.value(CLIENTS_MEMORY) {
        Value::Int(percent) if *percent < 0 => {
            (u128::from(p.get_bytes(MAXMEMORY)) * u128::from(percent.unsigned_abs()) / 100) as u64
        }
        _ => p.get_bytes(CLIENTS_MEMORY),
    };
    if limit == 0 { 0 } else { limit.max(LEAST_BYTES) }
}

/// A size that may be -1 for "off".
fn signed(p: &Parameters, id: RowId) -> i64 {
    match p.value(id) {
        Value::Int(n) => *n,
        Value::Bytes(n) => i64::try_from(*n).unwrap_or(i64::MAX),
        _ => -1,
    }
}

/// Opens the log file that the parameters name.
pub fn open_log(parameters: &Parameters) -> std::io::Result<()> {
    crate::log::set_file(&String::from_utf8_lossy(parameters.get_str(LOGFILE)))
}
