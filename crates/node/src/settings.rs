//! The parameters that running code consults, as plain atomics: one copy of the table's values for the hot paths.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{OnceLock, RwLock};

use keyspace::evict::{EvictOptions, Policy};

/// Output limits of one client class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Cut off at once above this; 0 = never.
    pub hard_bytes: u64,
    /// Cut off after `soft_seconds` above this; 0 = never.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_seconds: u64,
}

/// Parameters in force.
#[derive(Default)]
pub struct Settings {
    /// `maxmemory`, bytes; 0 = no limit.
    pub maxmemory: AtomicU64,
    /// `cluster-enabled`.
    pub is_cluster: AtomicBool,
    /// `maxmemory-clients`, bytes; 0 = no limit.
    pub maxmemory_clients: AtomicU64,
    /// `maxmemory-samples`.
    pub maxmemory_samples: AtomicU32,
    /// `lfu-log-factor`.
    pub lfu_log_factor: AtomicU32,
    /// `lfu-decay-time`, minutes.
    pub lfu_decay_minutes: AtomicU32,
    /// `maxclients`.
    pub maxclients: AtomicU32,
    /// `timeout`, seconds; 0 = never.
    pub timeout_seconds: AtomicU32,
    /// `tcp-keepalive`, seconds.
    pub tcp_keepalive_seconds: AtomicU32,
    /// `proto-max-bulk-len`, bytes.
    pub proto_max_bulk_bytes: AtomicU64,
    /// `client-query-buffer-limit`, bytes.
    pub query_buffer_max_bytes: AtomicU64,
    /// `hll-sparse-max-bytes`.
    pub hll_sparse_max_bytes: AtomicU64,
    /// `hash-max-listpack-entries` and the other thresholds of compact collections.
    compact: RwLock<commands::ctx::Compact>,
    /// `hz`.
    pub hz: AtomicU32,
    /// `active-expire-effort`, 1 to 10.
    pub active_expire_effort: AtomicU32,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: AtomicBool,
    /// `protected-mode`.
    pub protected_mode: AtomicBool,
    /// `latency-tracking`.
    pub latency_tracking: AtomicBool,
    /// `commandlog-execution-slower-than`, µs; negative = off.
    pub slower_than_us: AtomicI64,
    /// After how many ms a script lets others be answered with BUSY; none when not positive.
    pub busy_reply_ms: AtomicI64,
    /// `commandlog-request-larger-than`, bytes; negative = off.
    pub request_larger_bytes: AtomicI64,
    /// `commandlog-reply-larger-than`, bytes; negative = off.
    pub reply_larger_bytes: AtomicI64,
    /// Lengths of the three command logs.
    pub log_lengths: [AtomicU64; 3],
    /// `latency-monitor-threshold`, ms; 0 = off.
    pub latency_threshold_ms: AtomicU64,
    /// `notify-keyspace-events`: bits of its letters.
    pub keyspace_events: AtomicU32,
    /// `tracking-table-max-keys`; 0 = no limit.
    pub tracking_max_keys: AtomicU64,
    /// `lazyfree-lazy-user-flush`.
    pub lazy_user_flush: AtomicBool,
    /// DEBUG PAUSE-CRON.
    pub cron_paused: AtomicBool,
    replication_id: OnceLock<RwLock<String>>,
    /// The hard output limit of normal clients, bytes; 0 = never. A copy for the hot path.
    pub normal_hard_bytes: AtomicU64,
    policy: RwLock<Option<Policy>>,
    policy_kind: AtomicU32,
    output_limit: [RwLock<OutputLimit>; 3],
}

impl Settings {
    /// The eviction policy.
    pub fn policy(&self) -> Policy {
        self.policy.read().unwrap_or_else(|e| e.into_inner()).unwrap_or(Policy::NoEviction)
    }

    /// Changes the eviction policy.
    pub fn set_policy(&self, policy: Policy) {
        let kind = match policy {
            Policy::Lfu { .. } => 1,
            Policy::S3Fifo => 2,
            _ => 0,
        };
        *self.policy.write().unwrap_or_else(|e| e.into_inner()) = Some(policy);
        self.policy_kind.store(kind, Ordering::Relaxed);
    }

    /// How accesses are marked at `now_ms`; `random` bits serve LFU.
    #[inline]
    pub fn access(&self, now_ms: i64, random: u32) -> keyspace::evict::Access {
        use keyspace::evict::Access;
        match self.policy_kind.load(Ordering::Relaxed) {
            0 => Access::Lru { clock: Access::lru_clock(now_ms) },
            1 => Access::Lfu {
                minute: Access::lfu_minute(now_ms),
                log_factor: self.lfu_log_factor.load(Ordering::Relaxed),
                decay_minutes: self.lfu_decay_minutes.load(Ordering::Relaxed),
                random,
            },
            _ => Access::S3 { clock: Access::lru_clock(now_ms) },
        }
    }

    /// What eviction goes by.
    pub fn evict_options(&self) -> EvictOptions {
        EvictOptions {
            policy: self.policy(),
            samples: self.maxmemory_samples.load(Ordering::Relaxed) as usize,
            lfu_decay_minutes: self.lfu_decay_minutes.load(Ordering::Relaxed),
        }
    }

    /// What data commands consult.
    pub fn command_limits(&self) -> commands::ctx::Limits {
        commands::ctx::Limits {
            is_cluster: self.is_cluster.load(Ordering::Relaxed),
            compact: *self.compact.read().unwrap_or_else(|e| e.into_inner()),
            string_max_bytes: self.proto_max_bulk_bytes.load(Ordering::Relaxed),
            hll_sparse_max_bytes: self.hll_sparse_max_bytes.load(Ordering::Relaxed) as usize,
            lfu_decay_minutes: self.lfu_decay_minutes.load(Ordering::Relaxed),
            policy_is_lfu: self.policy_kind.load(Ordering::Relaxed) == 1,
        }
    }

    /// Forty hexadecimal digits that name this node's data to replicas; made on first use.
    pub fn replication_id(&self) -> String {
        self.replication_id_cell().read().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Gives the data another name (`DEBUG CHANGE-REPL-ID`).
    pub fn change_replication_id(&self) {
        *self.replication_id_cell().write().unwrap_or_else(|e| e.into_inner()) = new_replication_id();
    }

    fn replication_id_cell(&self) -> &RwLock<String> {
        self.replication_id.get_or_init(|| RwLock::new(new_replication_id()))
    }

    /// Changes the thresholds of compact collections.
    pub fn set_compact(&self, compact: commands::ctx::Compact) {
        *self.compact.write().unwrap_or_else(|e| e.into_inner()) = compact;
    }

    /// Output limits of a class (0 normal, 1 replica, 2 pubsub).
    pub fn output_limit(&self, class: usize) -> OutputLimit {
        *self.output_limit[class].read().unwrap_or_else(|e| e.into_inner())
    }

    /// Changes the output limits of a class.
    pub fn set_output_limit(&self, class: usize, limit: OutputLimit) {
        if class == 0 {
            self.normal_hard_bytes.store(limit.hard_bytes, Ordering::Relaxed);
        }
        *self.output_limit[class].write().unwrap_or_else(|e| e.into_inner()) = limit;
    }
}

/// A fresh name. Where the kernel gives no entropy, the clock and counters behind `Rng` have to do.
fn new_replication_id() -> String {
    sys::random::hex_id(40).unwrap_or_else(|_| {
        let mut rng = sys::random::Rng::from_entropy();
        format!("{:016x}{:016x}{:08x}", rng.next_u64(), rng.next_u64(), rng.next_u32())
    })
}
