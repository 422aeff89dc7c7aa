//! One writer: the clients of a sequence, each with a connection, and nobody to compare with.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::client::{Arrival, Client, Finish, encode};
use crate::differential::step::{Action, Step, Word};
use crate::reply::Value;
use crate::server::Server;

/// Commands of one client that travel in one pipeline.
const BATCH: usize = 20;

/// Time for a command that may wait to reach the server before others act.
const SENDING: Duration = Duration::from_micros(300);

struct Connection {
    client: Client,
    id: Vec<u8>,
    address: Vec<u8>,
    /// What was sent last and whose reply is still to come.
    sent: Option<Vec<Vec<u8>>>,
}

/// Sends a sequence.
pub(super) struct Writer<'a> {
    server: &'a Server,
    admin: Client,
    connections: Vec<Option<Connection>>,
    successes: BTreeMap<String, u64>,
}

/// A command's name for counting, with its subcommand.
pub(super) fn name_of(argv: &[Vec<u8>]) -> String {
    let upper = |word: &[u8]| String::from_utf8_lossy(word).to_uppercase();
    let name = argv.first().map_or_else(String::new, |word| upper(word));
    match argv.get(1) {
        Some(sub) if name == "XGROUP" => format!("{name}|{}", upper(sub)),
        _ => name,
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(server: &'a Server) -> io::Result<Self> {
        let admin = server.connect()?;
        Ok(Writer { server, admin, connections: Vec::new(), successes: BTreeMap::new() })
    }

    /// Sends the steps in order. By command, how often it succeeded.
    pub(super) fn run(mut self, steps: &[Step]) -> io::Result<BTreeMap<String, u64>> {
        let mut index = 0;
        while index < steps.len() {
            index += self.step(&steps[index..]).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", steps[index].line(200)))
            })?;
        }
        for client in 0..self.connections.len() {
            self.take_late_reply(client)?;
        }
        Ok(self.successes)
    }

    /// Runs the first of `steps`, and those after it that travel with it. How many that were.
    fn step(&mut self, steps: &[Step]) -> io::Result<usize> {
        let client = steps[0].client;
        self.take_late_reply(client)?;
        match &steps[0].action {
            Action::Command(_) => {
                let goes_along = |step: &&Step| {
                    step.client == client && matches!(step.action, Action::Command(_)) && !step.ends_batch()
                };
                let count = steps.iter().take(BATCH).take_while(goes_along).count().max(1);
                let batch: Vec<Vec<Vec<u8>>> = steps[..count].iter().map(|step| self.argv(step)).collect();
                let replies = self.connection(client)?.client.pipeline(&batch)?;
                for (index, argv) in batch.iter().enumerate() {
                    self.count(argv, replies.get(index).unwrap_or_default());
                }
                if replies.finish != Finish::Complete {
                    self.reopen(client);
                }
                return Ok(count);
            }
            Action::Send(_) => {
                let argv = self.argv(&steps[0]);
                let mut request = Vec::new();
                encode(&argv, &mut request);
                let connection = self.connection(client)?;
                connection.client.send(&request)?;
                connection.sent = Some(argv);
                std::thread::sleep(SENDING);
            }
            Action::Sample(argv) => {
                let reply = self.connection(client)?.client.command(argv)?;
                self.count(argv, &reply);
            }
            Action::Pause { ms, key } => {
                std::thread::sleep(Duration::from_millis(*ms));
                self.connection(client)?.client.command(&[b"EXISTS".as_slice(), key])?;
            }
            Action::Reconnect => self.reopen(client),
            // Taken above, or only reads.
            Action::Await(_) | Action::Scan(_) | Action::Raw(_) => {}
        }
        Ok(1)
    }

    /// Takes the reply to what `client` has sent; lets it go if it waits.
    fn take_late_reply(&mut self, client: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(client).and_then(Option::as_mut) else {
            return Ok(());
        };
        let Some(argv) = connection.sent.take() else { return Ok(()) };
        while connection.client.arrival()? == Arrival::None {
            self.admin.command(&[b"CLIENT".as_slice(), b"UNBLOCK", &connection.id])?;
            std::thread::sleep(SENDING);
        }
        let replies = connection.client.receive(1);
        self.count(&argv, &replies.bytes);
        if replies.finish != Finish::Complete {
            self.reopen(client);
        }
        Ok(())
    }

    fn count(&mut self, argv: &[Vec<u8>], reply: &[u8]) {
        let nothing = [&b"-"[..], b"+QUEUED", b"*-1", b"$-1", b"_"];
        if !reply.is_empty() && !nothing.iter().any(|begin| reply.starts_with(begin)) {
            *self.successes.entry(name_of(argv)).or_default() += 1;
        }
    }

    fn argv(&self, step: &Step) -> Vec<Vec<u8>> {
        let (Action::Command(words) | Action::Send(words)) = &step.action else { return Vec::new() };
        let of = |client: &usize| self.connections.get(*client).and_then(Option::as_ref);
        let resolve = |word: &Word| match word {
            Word::Bytes(bytes) => bytes.clone(),
            Word::ClientId(client) => of(client).map_or_else(Vec::new, |c| c.id.clone()),
            Word::ClientAddress(client) => of(client).map_or_else(Vec::new, |c| c.address.clone()),
            Word::ServerAddress => format!("127.0.0.1:{}", self.server.port()).into_bytes(),
        };
        words.iter().map(resolve).collect()
    }

    fn connection(&mut self, client: usize) -> io::Result<&mut Connection> {
        if self.connections.len() <= client {
            self.connections.resize_with(client + 1, || None);
        }
        if self.connections[client].is_none() {
            let mut opened = self.server.connect()?;
            let reply = opened.command(&["CLIENT", "ID"])?;
            let id = Value::parse(&reply).map_or_else(Vec::new, |value| value.text.to_vec());
            let address = opened.local_address()?.to_string().into_bytes();
            self.connections[client] = Some(Connection { client: opened, id, address, sent: None });
        }
        Ok(self.connections[client].as_mut().expect("set just above"))
    }

    fn reopen(&mut self, client: usize) {
        if let Some(connection) = self.connections.get_mut(client) {
            *connection = None;
        }
    }
}
