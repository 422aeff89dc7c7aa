//! Hostile clients and bad circumstances: the same script runs against valkey-server and against Brasa, and what
//! is observed must be the same text.
//!
//! While a script runs, a bystander on a connection of its own echoes numbers: it must get every reply. Each
//! observation is a line; what the two servers cannot share (ports, sizes) is turned into a yes or no first.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::client::{Client, Finish, Replies};
use crate::reply::escape;
use crate::server::{Kind, Launch, Server, StartError};

mod connections;
mod frames;
mod limits;
mod process;

pub use connections::raise_open_files;

/// The password in scripts that need one.
const PASSWORD: &str = "fault-test";

/// How long a close may take.
const CLOSE_MAX: Duration = Duration::from_secs(10);

/// How long a connection is watched that may stay open and silent.
const SILENCE: Duration = Duration::from_millis(1500);

/// A script.
#[derive(Debug)]
pub struct Fault {
    /// Its name, also the name of its test.
    pub name: &'static str,
    /// Runs it against one kind of server and writes down what is observed.
    pub run: fn(Kind, &mut Transcript) -> Result<(), FaultError>,
}

const fn fault(name: &'static str, run: fn(Kind, &mut Transcript) -> Result<(), FaultError>) -> Fault {
    Fault { name, run }
}

/// All scripts.
pub const FAULTS: &[Fault] = &[
    fault("truncated_frames", frames::truncated_frames),
    fault("malformed_frames", frames::malformed_frames),
    fault("declared_and_never_sent", frames::declared_and_never_sent),
    fault("million_element_multibulk", frames::million_element_multibulk),
    fault("slow_loris", frames::slow_loris),
    fault("http_request_is_cut_off", frames::http_request_is_cut_off),
    fault("huge_inline_request", frames::huge_inline_request),
    fault("query_buffer_limit", limits::query_buffer_limit),
    fault("client_that_never_reads", limits::client_that_never_reads),
    fault("unauthenticated_limits", limits::unauthenticated_limits),
    fault("noauth", limits::noauth),
    fault("maxclients", limits::maxclients),
    fault("full_memory", limits::full_memory),
    fault("idle_timeout", limits::idle_timeout),
    fault("protected_mode", connections::protected_mode),
    fault("connection_storm", connections::connection_storm),
    fault("ten_thousand_idle_connections", connections::ten_thousand_idle_connections),
    fault("port_in_use", process::port_in_use),
    fault("bad_config_lines", process::bad_config_lines),
    fault("bad_arguments", process::bad_arguments),
    fault("unusable_directory", process::unusable_directory),
    fault("sigterm_under_load", process::sigterm_under_load),
];

/// The script of this name.
pub fn named(name: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.name == name)
}

/// Why a script could not be run to its end. What servers do wrong is in the transcript instead.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// A server did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A connection that had to work did not.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A bound of Brasa's own is exceeded, or a bystander lost a reply.
    #[error("{0}")]
    Broken(String),
}

/// What was observed, as lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Transcript(String);

impl Transcript {
    /// Adds a line.
    pub fn note(&mut self, line: impl AsRef<str>) {
        let _ = writeln!(self.0, "{}", line.as_ref());
    }

    /// Adds bytes that were received, and whether the connection was closed behind them.
    pub fn received(&mut self, after: &str, replies: &Replies) {
        let end = match replies.finish {
            Finish::Complete => "open",
            Finish::Closed => "closed",
            Finish::TimedOut => "silent",
            Finish::Malformed(_) => "malformed",
        };
        self.note(format!("{after}: \"{}\" then {end}", escape(&replies.bytes, 600)));
    }

    /// Sends commands, one by one, and adds their replies.
    pub fn converse(&mut self, client: &mut Client, lines: &[&str]) -> io::Result<()> {
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let mut request = Vec::new();
            crate::client::encode(&words, &mut request);
            client.send(&request)?;
            let replies = client.receive(1);
            self.received(line, &replies);
        }
        Ok(())
    }

    /// The lines.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Starts a server, runs a script with a bystander beside it, and checks that the server outlived it.
fn with_server(
    kind: Kind,
    arguments: &[&str],
    script: impl FnOnce(&Server) -> Result<(), FaultError>,
) -> Result<(), FaultError> {
    let mut server = Launch::new(kind).args(arguments).start()?;
    let bystander = Bystander::start(&server, arguments.contains(&"--requirepass"))?;
    script(&server)?;
    bystander.stop()?;
    if !server.is_running() {
        return Err(FaultError::Broken(format!("{} ended:\n{}", kind.name(), server.log())));
    }
    Ok(())
}

/// A well-behaved client that echoes numbers until it is stopped.
#[derive(Debug)]
struct Bystander {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), String>>,
}

impl Bystander {
    fn start(server: &Server, authenticate: bool) -> io::Result<Self> {
        let mut client = server.connect()?;
        if authenticate {
            client.command(&["AUTH", PASSWORD])?;
        }
        client.command(&["PING"])?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut number = 0_u64;
            while number == 0 || !seen.load(Ordering::Relaxed) {
                let text = number.to_string();
                let expected = format!("${}\r\n{text}\r\n", text.len());
                match client.command(&["ECHO", &text]) {
                    Ok(reply) if reply == expected.as_bytes() => number += 1,
                    Ok(reply) => return Err(format!("echo {number} got {}", escape(&reply, 200))),
                    Err(error) => return Err(format!("echo {number}: {error}")),
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        Ok(Bystander { stop, thread })
    }

    fn stop(self) -> Result<(), FaultError> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(message)) => Err(FaultError::Broken(format!("the bystander suffered: {message}"))),
            Err(_) => Err(FaultError::Broken("the bystander panicked".into())),
        }
    }
}
