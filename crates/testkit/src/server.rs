//! Starts servers as child processes: Brasa, and the real servers it is compared with.
//!
//! A server that cannot be found is an error which says how to get it, never a skipped test. Every server has
//! its own port and directory; it is killed and its directory removed on drop, unless the test panicked.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::client::Client;

/// How long a server may take until it answers PING.
pub const START_TIMEOUT: Duration = Duration::from_secs(15);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `brasa node`: `BRASA_BIN`, else the newest binary of the profiles `ci` and `release`.
    Brasa,
    /// `valkey-server` 9.1.2: `VALKEY_SERVER`, else `peers/` of the target directory, else the search path.
    Valkey,
    /// `redis-server` 7.0.15: `REDIS_SERVER`, else the search path.
    Redis,
    /// `memcached`: `MEMCACHED_SERVER`, else the search path.
    Memcached,
}

impl Kind {
    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Brasa => "brasa",
            Kind::Valkey => "valkey",
            Kind::Redis => "redis",
            Kind::Memcached => "memcached",
        }
    }

    /// Finds the binary.
    pub fn find(self) -> Result<PathBuf, StartError> {
        let (variable, program) = match self {
            Kind::Brasa => ("BRASA_BIN", "brasa"),
            Kind::Valkey => ("VALKEY_SERVER", "valkey-server"),
            Kind::Redis => ("REDIS_SERVER", "redis-server"),
            Kind::Memcached => ("MEMCACHED_SERVER", "memcached"),
        };
        if let Some(path) = std::env::var_os(variable) {
            let path = PathBuf::from(path);
            return if path.is_file() { Ok(path) } else { Err(StartError::Named { variable, path }) };
        }
        let found = match self {
            Kind::Brasa => newest(
                target_directories()
                    .iter()
                    .flat_map(|target| ["ci", "release"].map(|profile| target.join(profile).join(program))),
            ),
            _ => target_directories()
                .iter()
                .map(|target| target.join("peers").join(program))
                .chain(search_path(program))
                .find(|path| path.is_file()),
        };
        found.ok_or(match self {
            Kind::Brasa => StartError::NotBuilt,
            _ => StartError::NotInstalled { program, variable },
        })
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Kind::Brasa, Kind::Valkey, Kind::Redis, Kind::Memcached]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("unknown server '{name}': brasa, valkey, redis or memcached"))
    }
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment variable names no file.
    #[error("{variable} is set to {path:?}, which is not a file")]
    Named {
        /// The environment variable.
        variable: &'static str,
        /// What it holds.
        path: PathBuf,
    },
    /// A peer that is not on this machine.
    #[error("{program} is not installed: `./dev test` installs it, or set {variable} to its path")]
    NotInstalled {
        /// The program's file name.
        program: &'static str,
        /// The environment variable that can name it.
        variable: &'static str,
    },
    /// No Brasa binary in the target directory.
    #[error(
        "no brasa binary: `./dev test` builds it, or `cargo build --profile ci -p brasa`, or set BRASA_BIN"
    )]
    NotBuilt,
    /// The process ended before it answered.
    #[error("{name} ended at once ({status}); its output:\n{log}")]
    Ended {
        /// Which server.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        log: String,
    },
    /// The process runs and answers nothing.
    #[error("{name} did not answer PING within {START_TIMEOUT:?}; its output:\n{log}")]
    Silent {
        /// Which server.
        name: &'static str,
        /// What it printed.
        log: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// The reason.
        source: io::Error,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let what = what.into();
    move |source| StartError::System { what, source }
}

/// A server to be started.
#[derive(Debug, Clone)]
pub struct Launch {
    kind: Kind,
    arguments: Vec<String>,
    config: Option<String>,
    bind: Option<String>,
}

impl Launch {
    /// A server with the harness's own directives only.
    pub fn new(kind: Kind) -> Self {
        Launch { kind, arguments: Vec::new(), config: None, bind: Some("127.0.0.1".into()) }
    }

    /// Adds command-line arguments, such as `--maxmemory 10mb`, after the harness's own.
    pub fn args<S: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Starts from a config file with these lines in place of the harness's directives (but for `port`).
    pub fn config(mut self, lines: &str) -> Self {
        self.config = Some(lines.to_owned());
        self
    }

    /// Leaves out the `bind` directive, so that the default applies.
    pub fn default_bind(mut self) -> Self {
        self.bind = None;
        self
    }

    /// Starts the server and waits until it answers PING.
    pub fn start(&self) -> Result<Server, StartError> {
        // A port found free can be taken before the server binds it; another one is tried then.
        let mut last = None;
        for _ in 0..5 {
            let port = free_port().map_err(system("no free port"))?;
            match self.start_on(port) {
                Err(StartError::Ended { log, .. }) if log.contains("Failed listening on port") => {
                    last = Some(log);
                }
                result => return result,
            }
        }
        Err(StartError::Silent { name: self.kind.name(), log: last.unwrap_or_default() })
    }

    /// Starts the server on `port` and waits until it answers PING.
    pub fn start_on(&self, port: u16) -> Result<Server, StartError> {
        let mut server = self.spawn(port)?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(status) = server.child.try_wait().map_err(system("waiting for a child"))? {
                return Err(StartError::Ended { name: self.kind.name(), status, log: server.log() });
            }
            if server.answers() {
                return Ok(server);
            }
            if Instant::now() > deadline {
                return Err(StartError::Silent { name: self.kind.name(), log: server.log() });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts the server and waits, at most 15 s, until it exits by itself: for starts that must fail.
    pub fn run_to_exit(&self, port: u16) -> Result<Exit, StartError> {
        let mut server = self.spawn(port)?;
        let status = server.wait(START_TIMEOUT);
        Ok(Exit {
            code: status.and_then(|status| status.code()),
            stdout: read_text(&server.directory.join("stdout")),
            stderr: read_text(&server.directory.join("stderr")),
        })
    }

    fn spawn(&self, port: u16) -> Result<Server, StartError> {
        let binary = self.kind.find()?;
        let directory = fresh_directory().map_err(system("making a directory"))?;
        let mut command = Command::new(&binary);
        if self.kind == Kind::Brasa {
            command.arg("node");
        }
        if let Some(config) = &self.config {
            let path = directory.join("server.conf");
            fs::write(&path, format!("port {port}\n{config}\n")).map_err(system("writing a config file"))?;
            command.arg(&path);
        } else if self.kind == Kind::Memcached {
            command.args(["-l", "127.0.0.1", "-u", "root", "-p"]).arg(port.to_string());
        } else {
            command.arg("--port").arg(port.to_string());
            if let Some(bind) = &self.bind {
                command.arg("--bind").arg(bind);
            }
            for pair in DIRECTIVES {
                command.args(pair);
            }
            command.arg("--dir").arg(&directory);
        }
        command.args(&self.arguments);
        let out = File::create(directory.join("stdout")).map_err(system("making a log file"))?;
        let err = File::create(directory.join("stderr")).map_err(system("making a log file"))?;
        command.current_dir(&directory).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(system(format!("starting {}", binary.display())))?;
        Ok(Server { kind: self.kind, port, directory, child, keep: false })
    }
}

/// Directives for every server of a test: nothing persists, tests may use DEBUG and protected parameters.
const DIRECTIVES: &[[&str; 2]] = &[
    ["--save", ""],
    ["--appendonly", "no"],
    ["--daemonize", "no"],
    ["--enable-debug-command", "yes"],
    ["--enable-protected-configs", "yes"],
];

/// How a server that was to fail ended.
#[derive(Debug, Clone)]
pub struct Exit {
    /// The exit code; `None` when it had to be killed or died by a signal.
    pub code: Option<i32>,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

/// A running server. Killed on drop.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    port: u16,
    directory: PathBuf,
    child: Child,
    keep: bool,
}

impl Server {
    /// Which server it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its working directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A new connection to it.
    pub fn connect(&self) -> io::Result<Client> {
        Client::connect(self.port)
    }

    /// Everything it has printed.
    pub fn log(&self) -> String {
        read_text(&self.directory.join("stdout")) + &read_text(&self.directory.join("stderr"))
    }

    /// Leaves its directory, with the log, in place on drop.
    pub fn keep_directory(&mut self) {
        self.keep = true;
    }

    /// True while the process runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name} failed"))) }
    }

    /// Waits for the process to end; `None` after `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }

    /// Resident memory in bytes, from `/proc`.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        kilobytes.map(|kb| kb * 1024).ok_or_else(|| io::Error::other("no VmRSS line"))
    }

    /// PING over a connection of its own; an error reply (NOAUTH, LOADING) is an answer too.
    fn answers(&self) -> bool {
        if self.kind == Kind::Memcached {
            return TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
        }
        let Ok(mut client) = self.connect() else { return false };
        let _ = client.set_timeout(Duration::from_secs(2));
        client.command(&["PING"]).is_ok_and(|reply| !reply.starts_with(b"-LOADING"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() || self.keep {
            eprintln!("{} log: {}", self.kind.name(), self.directory.join("stdout").display());
        } else {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A port nobody listens on: from the range in `TESTKIT_PORTS` (such as `21400-21599`), else of the system's choice.
pub fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Ok(range) = std::env::var("TESTKIT_PORTS") else {
        return Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port());
    };
    let bounds = range.split_once('-').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    let Some((low, high)) = bounds.filter(|(low, high): &(u16, u16)| low <= high) else {
        return Err(io::Error::other(format!("TESTKIT_PORTS must look like 21400-21599, not '{range}'")));
    };
    let count = u32::from(high - low) + 1;
    for _ in 0..count {
        // Test processes that run side by side begin at different places of the range.
        let turn = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(7));
        let port = low + (turn % count) as u16;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other(format!("every port of {range} is taken")))
}

/// Where binaries can be: `CARGO_TARGET_DIR`, the folders above this test's own binary, the workspace's `target`.
fn target_directories() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).into_iter().collect();
    if let Ok(own) = std::env::current_exe() {
        // <target>/<profile>/deps/<test> or <target>/<profile>/<binary>.
        found.extend(own.ancestors().skip(2).take(2).map(Path::to_path_buf));
    }
    found.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    found
}

fn search_path(program: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).collect()
}

fn newest(paths: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let changed =
        |path: &PathBuf| path.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    paths.filter(|path| path.is_file()).max_by_key(changed)
}

fn fresh_directory() -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("testkit-{}-{number}", std::process::id()));
    fs::create_dir_all(&path)?;
    Ok(path)
}

fn read_text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let _ = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The address of a port on this machine.
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
