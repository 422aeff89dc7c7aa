//! One of the two servers: its connections, and how it is brought back to the state after its start.

use std::io;
use std::time::Duration;

use super::families::server::PARAMETERS;
use super::step::Word;
use crate::client::{Client, Finish};
use crate::reply::Value;
use crate::server::{Kind, Launch, Server, StartError};

/// The password that generators set for a while.
pub const PASSWORD: &str = "brasa-test";

/// Why a comparison could not go on.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A server did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A server is gone or does not answer between sequences.
    #[error("{server}: {source}; its output ends:\n{log}")]
    Lost {
        /// Which server.
        server: &'static str,
        /// What happened.
        source: io::Error,
        /// The end of its log.
        log: String,
    },
}

/// A client's connection to one server.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// What CLIENT ID answered; empty when it was refused.
    pub(super) id: Vec<u8>,
    pub(super) address: Vec<u8>,
}

/// One of the two servers.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) launch: Launch,
    pub(super) kind: Kind,
    pub(super) server: Server,
    pub(super) admin: Option<Client>,
    pub(super) clients: Vec<Option<Connection>>,
    /// The values of [`PARAMETERS`] after the start.
    pub(super) defaults: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Side {
    pub(super) fn start(kind: Kind, launch: Launch) -> Result<Self, PairError> {
        let server = launch.start()?;
        let mut side = Side { launch, kind, server, admin: None, clients: Vec::new(), defaults: Vec::new() };
        side.defaults = side.read_parameters().map_err(|error| side.lost(error))?;
        Ok(side)
    }

    pub(super) fn lost(&self, source: io::Error) -> PairError {
        PairError::Lost { server: self.kind.name(), source, log: tail(&self.server.log()) }
    }

    pub(super) fn admin(&mut self) -> io::Result<&mut Client> {
        let alive = self.admin.as_mut().is_some_and(|client| client.command(&["PING"]).is_ok());
        if !alive {
            let mut client = self.server.connect()?;
            if client.command(&["PING"])?.starts_with(b"-NOAUTH") {
                client.command(&["AUTH", PASSWORD])?;
            }
            client.command(&["CLIENT", "SETNAME", "admin"])?;
            self.admin = Some(client);
        }
        Ok(self.admin.as_mut().expect("set just above"))
    }

    pub(super) fn read_parameters(&mut self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let admin = self.admin()?;
        let mut found = Vec::new();
        for (name, _) in PARAMETERS {
            let reply = admin.command(&["CONFIG", "GET", name])?;
            if let Some(value) =
                Value::parse(&reply).and_then(|value| Some(value.items.get(1)?.text.to_vec()))
            {
                found.push((name.as_bytes().to_vec(), value));
            }
        }
        Ok(found)
    }

    /// Brings the server back to how it was after its start, with `clients` fresh connections.
    pub(super) fn reset(&mut self, clients: usize) -> io::Result<()> {
        self.clients.clear();
        let defaults = self.defaults.clone();
        let admin = self.admin()?;
        let mut commands: Vec<Vec<&[u8]>> = [
            "CLIENT UNPAUSE",
            "CONFIG SET import-mode no",
            "DEBUG SET-ACTIVE-EXPIRE 1",
            "FLUSHALL",
            "CONFIG SET slowlog-log-slower-than -1",
            "CONFIG SET commandlog-request-larger-than -1",
            "CONFIG SET commandlog-reply-larger-than -1",
            "COMMANDLOG RESET SLOW",
            "COMMANDLOG RESET LARGE-REQUEST",
            "COMMANDLOG RESET LARGE-REPLY",
            "SLOWLOG RESET",
            "LATENCY RESET",
            "CONFIG RESETSTAT",
        ]
        .iter()
        .map(|line| line.split(' ').map(str::as_bytes).collect())
        .collect();
        commands.push(vec![b"CONFIG", b"SET", b"requirepass", b""]);
        for (name, value) in &defaults {
            commands.push(vec![b"CONFIG", b"SET", name, value]);
        }
        if admin.pipeline(&commands)?.finish != Finish::Complete {
            return Err(io::Error::other("resetting the server got no reply"));
        }
        // Connections of the sequence before would show in CLIENT LIST.
        for _ in 0..200 {
            let list = admin.command(&["CLIENT", "LIST"])?;
            if list.windows(5).filter(|window| window == b"addr=").count() <= 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..clients {
            let connection = self.open()?;
            self.clients.push(Some(connection));
        }
        Ok(())
    }

    pub(super) fn open(&self) -> io::Result<Connection> {
        let mut client = self.server.connect()?;
        let reply = client.command(&["CLIENT", "ID"])?;
        let id = match Value::parse(&reply) {
            Some(value) if value.kind == b':' => value.text.to_vec(),
            _ => Vec::new(),
        };
        let address = client.local_address()?.to_string().into_bytes();
        Ok(Connection { client, id, address })
    }

    /// Opens a client's connection again.
    pub(super) fn reopen(&mut self, client: usize) -> io::Result<()> {
        if let Some(mut old) = self.clients[client].take() {
            // The server notices a close in its own time, and CLIENT LIST would show when: its own close tells.
            let _ = old.client.finish_sending();
            old.client.receive_to_close(Duration::from_millis(200));
        }
        self.clients[client] = Some(self.open()?);
        Ok(())
    }

    pub(super) fn resolve(&self, word: &Word) -> Vec<u8> {
        let connection = |client: &usize| self.clients.get(*client).and_then(Option::as_ref);
        match word {
            Word::Bytes(bytes) => bytes.clone(),
            Word::ClientId(client) => connection(client).map_or_else(Vec::new, |c| c.id.clone()),
            Word::ClientAddress(client) => connection(client).map_or_else(Vec::new, |c| c.address.clone()),
            Word::ServerAddress => format!("127.0.0.1:{}", self.server.port()).into_bytes(),
        }
    }

    pub(super) fn client(&mut self, client: usize) -> io::Result<&mut Client> {
        if self.clients[client].is_none() {
            self.clients[client] = Some(self.open()?);
        }
        Ok(&mut self.clients[client].as_mut().expect("set just above").client)
    }

    /// Starts the server anew when it has died. Returns whether it had.
    pub(super) fn revive(&mut self) -> Result<bool, PairError> {
        if self.server.is_running() && self.admin().is_ok() {
            return Ok(false);
        }
        self.server.keep_directory();
        (self.admin, self.clients) = (None, Vec::new());
        self.server = self.launch.start()?;
        Ok(true)
    }
}

pub(super) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
