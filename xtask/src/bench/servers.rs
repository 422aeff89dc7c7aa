//! The servers under test: where they are, how they are started, and what is in them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{proc, resp::Client};

/// How long a server may take until it answers PING.
const START_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a port may stay taken by the server before.
const PORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Where distributions put jemalloc.
const JEMALLOC_PATHS: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
    "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2",
    "/usr/lib64/libjemalloc.so.2",
    "/usr/lib/libjemalloc.so.2",
];

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// This project's release build, with the poller that it chooses itself.
    Brasa,
    /// The same on epoll.
    BrasaEpoll,
    /// The same on io_uring.
    BrasaUring,
    /// The reference that ratios refer to.
    Valkey,
    /// The older reference.
    Redis,
    /// A Rust rival on io_uring.
    Kevy,
    /// No data structures at all: this project's poller, on epoll.
    EchoEpoll,
    /// The same on io_uring.
    EchoUring,
}

impl Kind {
    /// In the order in which a round visits them.
    pub const ALL: &[Kind] = &[
        Kind::Brasa,
        Kind::BrasaEpoll,
        Kind::BrasaUring,
        Kind::Valkey,
        Kind::Redis,
        Kind::Kevy,
        Kind::EchoEpoll,
        Kind::EchoUring,
    ];

    /// Those that run when none is named.
    pub const DEFAULT: &[Kind] =
        &[Kind::Brasa, Kind::Valkey, Kind::Redis, Kind::Kevy, Kind::EchoEpoll, Kind::EchoUring];

    /// Its name in options and tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Brasa => "brasa",
            Kind::BrasaEpoll => "brasa-epoll",
            Kind::BrasaUring => "brasa-io_uring",
            Kind::Valkey => "valkey",
            Kind::Redis => "redis",
            Kind::Kevy => "kevy",
            Kind::EchoEpoll => "echo-epoll",
            Kind::EchoUring => "echo-io_uring",
        }
    }

    /// The variable that names its binary.
    fn variable(self) -> &'static str {
        match self {
            Kind::Brasa | Kind::BrasaEpoll | Kind::BrasaUring => "BRASA",
            Kind::Valkey => "VALKEY_SERVER",
            Kind::Redis => "REDIS_SERVER",
            Kind::Kevy => "KEVY",
            Kind::EchoEpoll | Kind::EchoUring => "ECHO_LOOP",
        }
    }

    /// The binary to look for where no variable names one.
    fn default_binary(self) -> PathBuf {
        match self {
            Kind::Brasa | Kind::BrasaEpoll | Kind::BrasaUring => {
                super::results::target_dir().join("release/brasa")
            }
            Kind::Valkey => "valkey-server".into(),
            Kind::Redis => "redis-server".into(),
            Kind::Kevy => "kevy".into(),
            Kind::EchoEpoll | Kind::EchoUring => env::current_exe().unwrap_or_default(),
        }
    }

    /// The poller that it is told to use, where that is not its own choice.
    fn poller(self) -> Option<&'static str> {
        match self {
            Kind::BrasaEpoll | Kind::EchoEpoll => Some("epoll"),
            Kind::BrasaUring | Kind::EchoUring => Some("io_uring"),
            _ => None,
        }
    }

    /// Whether it is an echo loop, which holds no data.
    pub fn is_echo(self) -> bool {
        matches!(self, Kind::EchoEpoll | Kind::EchoUring)
    }

    /// What to do about a missing binary.
    fn remedy(self) -> &'static str {
        match self {
            Kind::Brasa | Kind::BrasaEpoll | Kind::BrasaUring => {
                "build it with: cargo build --release --package brasa"
            }
            Kind::Valkey => "set VALKEY_SERVER to valkey-server 9.1.2",
            Kind::Redis => "set REDIS_SERVER to redis-server 7.0.15",
            Kind::Kevy => "cargo install --locked kevy --version 3.17.3, then set KEVY to the binary",
            Kind::EchoEpoll | Kind::EchoUring => "this program cannot find itself",
        }
    }
}

/// A server that can be started.
#[derive(Clone, Debug)]
pub struct Binary {
    /// Which one.
    pub kind: Kind,
    path: PathBuf,
    /// First line of what `--version` prints.
    pub version: String,
    /// Library to preload.
    preload: Option<PathBuf>,
}

impl Binary {
    /// Finds a server's binary, or says why it is left out and what would change that.
    pub fn find(kind: Kind) -> Result<Binary> {
        let named = env::var_os(kind.variable()).map(PathBuf::from);
        let wanted = named.unwrap_or_else(|| kind.default_binary());
        let path = resolve(&wanted).with_context(|| format!("no {}: {}", wanted.display(), kind.remedy()))?;
        let version = if kind.is_echo() {
            "a loop without data on this project's own poller".to_owned()
        } else {
            let output = Command::new(&path)
                .arg("--version")
                .output()
                .with_context(|| format!("cannot run {}", path.display()))?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().next().unwrap_or("unknown version").trim().to_owned()
        };
        // The wheel of valkey-server is built on libc malloc; distributions build it on jemalloc.
        let preload = if kind == Kind::Valkey {
            JEMALLOC_PATHS.iter().map(PathBuf::from).find(|path| path.exists())
        } else {
            None
        };
        if kind == Kind::Valkey && preload.is_none() {
            println!("note: no libjemalloc.so.2 found; valkey runs on the allocator it was built with");
        }
        Ok(Binary { kind, path, version, preload })
    }

    /// What was preloaded, for the record.
    pub fn preloaded(&self) -> bool {
        self.preload.is_some()
    }

    fn command(&self, start: &Start<'_>, dir: &Path) -> Command {
        let mut command = proc::tied(&self.path);
        let port = start.port.to_string();
        let threads = start.io_threads.to_string();
        match self.kind {
            Kind::Brasa | Kind::BrasaEpoll | Kind::BrasaUring | Kind::Valkey | Kind::Redis => {
                if !matches!(self.kind, Kind::Valkey | Kind::Redis) {
                    command.arg("node");
                }
                command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
                command.args(["--io-threads", &threads, "--protected-mode", "no"]);
                if let Some(poller) = self.kind.poller() {
                    command.args(["--io-poller", poller]);
                }
            }
            Kind::Kevy => {
                command.args(["--port", &port, "--threads", &threads, "--no-aof", "--dir", "."]);
            }
            Kind::EchoEpoll | Kind::EchoUring => {
                let (request_bytes, reply_bytes) = start.echo_bytes;
                command.args([
                    "bench",
                    "echo",
                    "--port",
                    &port,
                    "--poller",
                    self.kind.poller().unwrap_or("auto"),
                ]);
                command.args(["--request-bytes", &request_bytes.to_string()]);
                command.args(["--reply-bytes", &reply_bytes.to_string()]);
            }
        }
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library);
        }
        command.current_dir(dir).stdin(Stdio::null());
        command
    }
}

/// A path as it is, or a name looked up in PATH.
fn resolve(wanted: &Path) -> Option<PathBuf> {
    if wanted.components().count() > 1 {
        return wanted.is_file().then(|| wanted.to_owned());
    }
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(wanted)).find(|path| path.is_file())
}

/// How a server is started.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    /// Its I/O threads.
    pub io_threads: usize,
    /// Cores it is bound to.
    pub cores: &'a [usize],
    /// Echo loops only: length of requests and of replies.
    pub echo_bytes: (usize, usize),
}

/// A running server; killed and its folder removed when dropped.
pub struct Server {
    /// Which one.
    pub kind: Kind,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    child: Child,
    dir: PathBuf,
    /// Name of the data set that it holds; `None` when unknown.
    pub holds: Option<&'static str>,
}

impl Server {
    /// Starts a server bound to `cores` and waits until it answers.
    pub fn start(binary: &Binary, start: Start<'_>) -> Result<Server> {
        let Start { port, cores, .. } = start;
        let name = binary.kind.name();
        // The listener of a killed server on io_uring outlives it by a moment.
        let asked = Instant::now();
        while Client::connect(port).is_ok() {
            if asked.elapsed() > PORT_TIMEOUT {
                bail!("port {port} is taken: choose another with --base-port");
            }
            thread::sleep(Duration::from_millis(50));
        }
        let dir = env::temp_dir().join(format!("brasa-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let log_path = dir.join("server.log");
        let log = fs::File::create(&log_path)?;
        let mut command = binary.command(&start, &dir);
        let child = command
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut server = Server { kind: binary.kind, port, child, dir, holds: None };
        server.pin(cores)?;
        let started = Instant::now();
        loop {
            // An echo loop knows no PING; that it accepts connections is all there is to wait for.
            let answers = Client::connect(port).and_then(|mut client| {
                if binary.kind.is_echo() { Ok(String::new()) } else { client.call(&["PING"]) }
            });
            if answers.is_ok() {
                break;
            }
            let exited = server.child.try_wait()?;
            if exited.is_some() || started.elapsed() > START_TIMEOUT {
                let log = fs::read_to_string(&log_path).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                let how =
                    exited.map_or("does not answer".to_owned(), |status| format!("ended with {status}"));
                bail!("{name} {how}; its log ends:\n{}", tail.join("\n"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Threads that the server made before it was bound keep their old places otherwise.
        server.pin(cores)?;
        if binary.preloaded() && !proc::has_mapped(server.pid(), "jemalloc") {
            bail!("{name} did not take the preloaded jemalloc");
        }
        Ok(server)
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Binds it to `cores`.
    pub fn pin(&self, cores: &[usize]) -> Result<()> {
        proc::pin(self.pid(), cores)
    }

    /// A connection for questions.
    pub fn client(&self) -> Result<Client> {
        Client::connect(self.port).with_context(|| format!("{} is gone", self.kind.name()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is to be kept, so nothing is asked.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
