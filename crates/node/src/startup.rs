//! From the command line to running threads, and down again.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use keyspace::{KeyHasher, Keyspace, KeyspaceOptions, Sharding};
use parameters::table::{RowId, row};
use parameters::{Parameters, StartError};
use sys::poller::PollerKind;

use crate::listener::Listeners;
use crate::node::{Identity, Node, used_memory_bytes};
use crate::registry::Registry;
use crate::settings::Settings;
use crate::threads;
use crate::worker::Workers;
use crate::{VALKEY_VERSION, configure, log};

/// Least number of shards of a standalone node; more with many threads.
const SHARDS_MIN: u32 = 1024;
/// Shards per I/O thread.
const SHARDS_PER_THREAD: u32 = 256;

/// What differs between the ways of starting a node.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Print one line that begins with `ready` to standard output when clients can connect.
    pub announce_ready: bool,
    /// Speak memcached's protocol instead of RESP.
    pub memcached: Option<crate::memcached::Options>,
}

/// Runs a node with valkey-server's command line (without the program's name) until it stops.
pub fn run(args: &[OsString], options: StartOptions) -> ExitCode {
    let loaded = parameters::load(args, &mut std::io::stdin())
        .and_then(|p| crate::access::startup::check_directives(&p).map(|()| p))
        .and_then(|p| Registry::with_renames(&p.renamed_commands).map(|_| p));
    let parameters = match loaded {
        Ok(parameters) => parameters,
        Err(error) => {
            let text = error.render(VALKEY_VERSION);
            if let StartError::Open { .. } = error {
                log::raw(&String::from_utf8_lossy(&text));
            } else {
                eprint!("{}", String::from_utf8_lossy(&text));
            }
            return ExitCode::FAILURE;
        }
    };
    match start(parameters, options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            log::warning(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(parameters: Parameters, options: StartOptions) -> anyhow::Result<u8> {
    const IO_THREADS: RowId = row("io-threads");
    const DAEMONIZE: RowId = row("daemonize");
    const PIDFILE: RowId = row("pidfile");
    const POLLER: RowId = row("io-poller");
    const DATABASES: RowId = row("databases");
    const UNIX: RowId = row("unixsocket");
    const MAXCLIENTS: RowId = row("maxclients");
    const PORT: RowId = row("port");

    std::env::set_current_dir(parameters.directory())?;
    configure::open_log(&parameters)?;
    if parameters.get_bool(DAEMONIZE) {
        sys::process::daemonize()?;
    }
    sys::signals::ignore(&[sys::signals::SIGHUP, sys::signals::SIGPIPE])?;
    if let Ok(stderr) = std::os::fd::AsFd::as_fd(&std::io::stderr()).try_clone_to_owned() {
        let program = concat!("Brasa ", env!("CARGO_PKG_VERSION"));
        sys::crash::install(stderr, program)?;
    }
    let settings = Settings::default();
    settings.active_expire.store(true, Ordering::Relaxed);
    configure::apply(&parameters, &settings);
    banner(&parameters);
    let access = crate::access::AccessControl::default();
    crate::access::startup::load(&parameters, &access)?;
    let wanted = parameters.get_int(MAXCLIENTS) as u64 + 32;
    let descriptor_limit = sys::socket::raise_descriptor_limit(wanted)?;
    if descriptor_limit < wanted {
        let fewer = descriptor_limit.saturating_sub(32).max(1);
        log::warning(&format!(
            "maxclients reduced to {fewer}: the system allows {descriptor_limit} open files; raise the limit with \
             'ulimit -n {wanted}' to have all"
        ));
        settings.maxclients.store(fewer as u32, Ordering::Relaxed);
    }
    let security = crate::tls::Security::default();
    security.apply(&parameters);
    if crate::tls::config::is_wanted(&parameters) {
        match crate::tls::config::load(&parameters) {
            Ok(loaded) => security.replace(Some(loaded)),
            Err(why) => {
                log::warning(&why);
                log::warning("Failed to configure TLS. Check logs for more info.");
                return Ok(1);
            }
        }
    }
    let listeners = match Listeners::open(&parameters) {
        Ok(listeners) => listeners,
        Err(error) => {
            log::warning(&format!("Warning: {error}"));
            let port = parameters.get_int(PORT);
            log::warning(&format!("Failed listening on port {port} (tcp), aborting."));
            return Ok(1);
        }
    };
    let threads = match parameters.get_int(IO_THREADS) {
        0 => sys::process::processors(),
        n => n as usize,
    };
    let kind = match parameters.get_enum(POLLER) {
        "epoll" => PollerKind::Epoll,
        "io_uring" => PollerKind::IoUring,
        _ => PollerKind::Auto,
    };
    let registry = Registry::with_renames(&parameters.renamed_commands)?;
    let hasher = hasher(&parameters, threads as u32);
    let databases = parameters.get_int(DATABASES) as u16;
    let unix_socket = parameters.get_str(UNIX).to_vec();
    let pidfile = String::from_utf8_lossy(parameters.get_str(PIDFILE)).into_owned();
    let daemonized = parameters.get_bool(DAEMONIZE);
    let pollers: Vec<_> = (0..threads).map(|_| sys::poller::open(kind)).collect::<Result<_, _>>()?;
    let poller_name = pollers.first().map_or("epoll", |p| sys::poller::Poller::name(p));
    const EFFECT_LOG: RowId = row("effect-log");
    const EFFECT_LOG_DIR: RowId = row("effect-log-dir");
    let effect_log = if parameters.get_bool(EFFECT_LOG) {
        let folder = String::from_utf8_lossy(parameters.get_str(EFFECT_LOG_DIR)).into_owned();
        let folder = if folder.is_empty() { "effect-log".to_owned() } else { folder };
        Some(crate::effects::open(folder.as_ref(), threads)?)
    } else {
        None
    };
    let node: &'static Node = Box::leak(Box::new(Node {
        keyspace: Keyspace::new(KeyspaceOptions { hasher, databases }),
        gate: keyspace::gate::Gate::new(threads),
        listening: Mutex::new(listeners.tcp_copies()?),
        threads: Node::make_threads(threads, &registry, effect_log.as_ref())?,
        exec_number: registry.number_of("exec").unwrap_or(u16::MAX),
        effect_log,
        effect_log_failed: AtomicBool::new(false),
        registry,
        settings,
        identity: Identity {
            run_id: sys::random::hex_id(40)?,
            started_at_ms: sys::clock::wall_ms() as i64,
            config_file: parameters.config_file.clone(),
            executable: sys::process::executable_path(),
            descriptor_limit,
            poller: poller_name,
        },
        parameters: Mutex::new(parameters),
        access,
        security,
        pause: Default::default(),
        clients_measured: Default::default(),
        pubsub: Default::default(),
        tracking: Default::default(),
        workers: Workers::start()?,
        scripts: Default::default(),
        latency: Default::default(),
        next_client_id: AtomicU64::new(1),
        next_log_ids: Default::default(),
        log_cuts: [const { AtomicU64::new(u64::MAX) }; 3],
        exceeded: Default::default(),
        connections: AtomicUsize::new(0),
        rejected_connections: AtomicU64::new(0),
        peak_memory_bytes: AtomicU64::new(0),
        startup_memory_bytes: AtomicU64::new(0),
        changes_at_save: AtomicI64::new(0),
        has_huge_pages: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        exit_code: AtomicI64::new(0),
        memcached: options.memcached.clone().map(crate::memcached::Server::new),
        unix_socket,
    }));
    sys::keeper::start()?;
    structures::lock::on_release(Box::new(move |waiters| threads::wake(node, waiters)));
    sys::clock::calibrate();
    if daemonized || !pidfile.is_empty() {
        let path = if pidfile.is_empty() { "/var/run/valkey.pid" } else { &pidfile };
        if let Err(error) = sys::process::write_pid_file(path.as_ref()) {
            log::warning(&format!("Failed to write PID file: {error}"));
        }
    }
    node.startup_memory_bytes.store(used_memory_bytes(), Ordering::Relaxed);
    let code = threads::run(node, pollers, listeners, options)?;
    if let Some(log) = &node.effect_log {
        log.remove_files();
    }
    if daemonized || !pidfile.is_empty() {
        let _ = sys::process::remove_pid_file(
            if pidfile.is_empty() { "/var/run/valkey.pid" } else { &pidfile }.as_ref(),
        );
    }
    Ok(code)
}

/// How keys are spread: the parameters' wish, or by the number of threads.
fn hasher(parameters: &Parameters, threads: u32) -> KeyHasher {
    const SHARDS: RowId = row("shards");
    const SHARDING: RowId = row("key-sharding");
    const SEED: RowId = row("hash-seed");
    const CLUSTER: RowId = row("cluster-enabled");
    let seed = match parameters.get_str(SEED) {
        b"" => [sys::random::seed(), sys::random::seed()],
        text => {
            // Any text will do as a key: two passes with different fixed keys spread it over 128 bits.
            let half = |k| structures::siphash::SipKey::new(k, !k).hash(text);
            [half(1), half(2)]
        }
    };
    // The elements of collections are ordered by a hash with a key of its own, before the first of them exists.
    let secret = structures::siphash::SipKey::new(seed[0], seed[1]);
    structures::hashed::set_secret([secret.hash(b"elements"), secret.hash(b"of collections")]);
    let slots = parameters.get_enum(SHARDING) == "slot" || parameters.get_bool(CLUSTER);
    let sharding = if slots {
        Sharding::Slot
    } else {
        let wanted = match parameters.get_int(SHARDS) {
            0 => (threads * SHARDS_PER_THREAD).max(SHARDS_MIN),
            n => n as u32,
        };
        Sharding::Hash { bits: wanted.next_power_of_two().trailing_zeros() }
    };
    KeyHasher::new(seed, sharding)
}

/// The lines that harnesses of valkey-server look for: ` PID: n` before `Server initialized`.
fn banner(parameters: &Parameters) {
    const PORT: RowId = row("port");
    const LOGO: RowId = row("always-show-logo");
    let pid = std::process::id();
    let port = parameters.get_int(PORT);
    log::notice(&format!(
        "Brasa {} starting (speaks like Valkey {VALKEY_VERSION})",
        env!("CARGO_PKG_VERSION")
    ));
    if parameters.config_file.is_none() {
        log::notice(
            "No configuration file given: all parameters have their defaults or come from the command line",
        );
    }
    if parameters.get_bool(LOGO) {
        log::raw(&format!(
            "\n      )  (        Brasa {} (64 bit)\n     (   ) )      Running in standalone mode\n      ) ( (       Port: {port}\n    _(_____)_      PID: {pid}\n\n",
            env!("CARGO_PKG_VERSION")
        ));
    } else {
        log::notice(&format!("Running mode=standalone, port={port}, PID: {pid}"));
    }
}
