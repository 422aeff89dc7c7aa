//! The node: what its threads share.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use effect_log::Effects;
use keyspace::Keyspace;
use keyspace::evict::{Evictor, Relocation};
use keyspace::expire::ExpireCycle;
use keyspace::gate::Gate;
use keyspace::space::Local;
use parameters::Parameters;
use sys::random::Rng;

use crate::client::Clients;
use crate::latency::LatencyMonitor;
use crate::mailbox::Mailbox;
use crate::registry::Registry;
use crate::settings::Settings;
use crate::state::ThreadState;
use crate::stats::Stats;
use crate::worker::Workers;

/// One I/O thread as others see it.
pub struct Thread {
    /// Messages for it.
    pub mailbox: Mailbox,
    /// Connections it has, for the choice of where a new one goes.
    pub connections: AtomicUsize,
    /// Commands it ran in the last second, for the balance between threads.
    pub commands_per_second: AtomicU64,
    /// Bytes that its connections hold: kept up to date while `maxmemory-clients` is set.
    pub client_bytes: AtomicU64,
    /// Messages for those of its clients that listen.
    pub posts: crate::pubsub::PostBox,
    state: Mutex<ThreadState>,
}

impl Thread {
    /// The thread's own state: its owner for a batch, others under the gate.
    pub fn lock_state(&self) -> MutexGuard<'_, ThreadState> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Identity and start of the node.
pub struct Identity {
    /// Forty hexadecimal digits, new at every start.
    pub run_id: String,
    /// Unix ms of the start.
    pub started_at_ms: i64,
    /// The configuration file, absolute.
    pub config_file: Option<std::path::PathBuf>,
    /// The program.
    pub executable: std::path::PathBuf,
    /// Descriptors the process may open.
    pub descriptor_limit: u64,
    /// Name of the poller in use.
    pub poller: &'static str,
}

/// What the threads share.
pub struct Node {
    /// All keys.
    pub keyspace: Keyspace,
    /// Exclusive mode.
    pub gate: Gate,
    /// The I/O threads.
    pub threads: Vec<Thread>,
    /// The TCP sockets that the first thread listens on.
    pub listening: Mutex<Vec<std::os::fd::OwnedFd>>,
    /// Commands by name.
    pub registry: Registry,
    /// The number of EXEC, which CLIENT LIST shows for the commands of a running transaction.
    pub exec_number: u16,
    /// Parameters in force, for running code.
    pub settings: Settings,
    /// Parameters, for CONFIG.
    pub parameters: Mutex<Parameters>,
    /// Who and since when.
    pub identity: Identity,
    /// Users and what they may do.
    pub access: crate::access::AccessControl,
    /// TLS.
    pub security: crate::tls::Security,
    /// `CLIENT PAUSE`.
    pub pause: crate::pause::Pause,
    /// See `maxmemory-clients`.
    pub clients_measured: crate::event_loop::client_memory::MeasuredUnder,
    /// Channels and who listens to them.
    pub pubsub: crate::pubsub::PubSub,
    /// Clients that track keys.
    pub tracking: crate::tracking::Tracking,
    /// Background work.
    pub workers: Workers,
    /// Scripts and libraries of functions.
    pub scripts: crate::scripting::Scripts,
    /// Latency events.
    pub latency: LatencyMonitor,
    /// The next client's number.
    pub next_client_id: AtomicU64,
    /// The next entry's number in each command log.
    pub next_log_ids: [AtomicU64; 3],
    /// The length that each command log was last cut to: no more of it is shown.
    pub log_cuts: [AtomicU64; 3],
    /// Time with more memory in use than `maxmemory` and no way to free it.
    pub exceeded: crate::exceeded::Exceeded,
    /// Connections in all threads.
    pub connections: AtomicUsize,
    /// Connections refused for `maxclients`.
    pub rejected_connections: AtomicU64,
    /// Highest `used_memory` seen.
    pub peak_memory_bytes: AtomicU64,
    /// `used_memory` right after the start.
    pub startup_memory_bytes: AtomicU64,
    /// Changes at the last (virtual) save.
    pub changes_at_save: AtomicI64,
    /// The heap was told to use huge pages.
    pub has_huge_pages: AtomicBool,
    /// The node shall stop.
    pub stopping: AtomicBool,
    /// Exit code when it stops.
    pub exit_code: AtomicI64,
    /// The ordered log of effects, when something listens.
    pub effect_log: Option<std::sync::Arc<effect_log::EffectLog>>,
    /// The log cannot be written: writes are refused.
    pub effect_log_failed: AtomicBool,
    /// It speaks memcached's protocol.
    pub memcached: Option<crate::memcached::Server>,
    /// `unixsocket`, for the addresses of its clients.
    pub unix_socket: Vec<u8>,
}

/// Used bytes: everything allocated, slab objects included, but for values that are being freed.
pub fn used_memory_bytes() -> u64 {
    let allocated = sys::alloc::allocated_bytes_estimate() as u64 + structures::slab::stats().live_bytes;
    allocated.saturating_sub(keyspace::space::detached_bytes() as u64)
}

impl Node {
    /// The states and letter boxes for `threads` threads.
    pub fn make_threads(
        threads: usize,
        registry: &Registry,
        log: Option<&std::sync::Arc<effect_log::EffectLog>>,
    ) -> std::io::Result<Vec<Thread>> {
        (0..threads)
            .map(|number| {
                let mut local = Local::new(Effects::new(log.is_some()));
                local.log = log.map(|log| log.writer(number));
                Ok(Thread {
                    mailbox: Mailbox::new()?,
                    connections: AtomicUsize::new(0),
                    commands_per_second: AtomicU64::new(0),
                    client_bytes: AtomicU64::new(0),
                    posts: Default::default(),
                    state: Mutex::new(ThreadState {
                        clients: Clients::default(),
                        spare_multi: None,
                        local,
                        stats: Stats::new(registry.len()),
                        rng: Rng::from_entropy(),
                        evictor: Evictor::default(),
                        expire: ExpireCycle::default(),
                        last_tick: 0,
                        evicting_ticks: 0,
                        in_unit: false,
                        jobs: Vec::new(),
                        timeouts: Default::default(),
                        served: Vec::new(),
                        prepared: Vec::new(),
                        unserved: Vec::new(),
                        relocation: Relocation::default(),
                        turn: None,
                        leftovers: Vec::new(),
                        listeners: Default::default(),
                        memcached: Default::default(),
                    }),
                })
            })
            .collect()
    }

    /// Whether the effect log cannot be written.
    #[inline]
    pub fn log_failed(&self) -> bool {
        self.effect_log_failed.load(Ordering::Relaxed)
    }

    /// Says whether the effect log can be written.
    pub fn set_log_failed(&self, failed: bool) {
        self.effect_log_failed.store(failed, Ordering::Relaxed);
    }

    /// Asks every thread to stop.
    pub fn stop(&self, exit_code: i64) {
        // Before any connection ends: who sees that finds nobody to connect to.
        crate::listener::stop_listening(&self.listening.lock().unwrap_or_else(|e| e.into_inner()));
        self.exit_code.store(exit_code, Ordering::Relaxed);
        self.stopping.store(true, Ordering::Release);
        for thread in &self.threads {
            thread.mailbox.waker().wake();
        }
    }

    /// Whether the node shall stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
