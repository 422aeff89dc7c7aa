//! Scripts for several clients, a line per step:
//!
//! | line | what happens |
//! | --- | --- |
//! | `a LPUSH k v` | client `a` sends the command and reads its reply |
//! | `a/flags,cmd CLIENT LIST` | the same; only these fields of the reply are written down |
//! | `a? BLPOP k 0` | sends it; the next line is read when the server says that `a` is blocked |
//! | `a> SET k v` | sends it and reads nothing |
//! | `a<` | reads a reply |
//! | `a!` | there is no reply for some time |
//! | `a~` | closes the connection, and waits until the server has noticed |
//! | `sleep 50` | waits, ms |
//!
//! `{a}` is the id of client `a`. Clients connect when they are first named.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::time::{Duration, Instant};

use testkit::client::{Client, Finish, REPLY_TIMEOUT, encode};
use testkit::reply::escape;
use testkit::server::Server;

/// How long a client is watched that should have no reply.
const SILENCE: Duration = Duration::from_millis(40);
/// How long a client may take to be blocked, or gone.
const STATE_MAX: Duration = Duration::from_secs(5);

struct Actor {
    client: Client,
    id: String,
}

/// A server, its clients, and what has been observed.
pub struct Stage {
    pub server: Server,
    admin: Client,
    actors: BTreeMap<String, Actor>,
    text: String,
}

/// The text of a bulk or verbatim string's reply.
pub fn body(reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply).into_owned();
    text.split_once("\r\n").map_or(text.clone(), |(_, rest)| rest.to_owned())
}

impl Stage {
    pub fn new(server: Server) -> Stage {
        let admin = server.connect().expect("connects");
        Stage { server, admin, actors: BTreeMap::new(), text: String::new() }
    }

    /// What has been observed.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn actor(&mut self, name: &str) -> io::Result<&mut Actor> {
        if !self.actors.contains_key(name) {
            let mut client = self.server.connect()?;
            let reply = client.command(&["CLIENT", "ID"])?;
            let id = String::from_utf8_lossy(&reply[1..reply.len() - 2]).into_owned();
            self.actors.insert(name.to_owned(), Actor { client, id });
        }
        Ok(self.actors.get_mut(name).expect("it is there now"))
    }

    fn words(&self, line: &str) -> Vec<String> {
        line.split_whitespace()
            .map(|word| match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
                Some(name) => self.actors.get(name).map_or(word.to_owned(), |actor| actor.id.clone()),
                None => word.to_owned(),
            })
            .collect()
    }

    fn send(&mut self, name: &str, line: &str) -> io::Result<()> {
        let words = self.words(line);
        let mut request = Vec::new();
        encode(&words, &mut request);
        self.actor(name)?.client.send(&request)
    }

    fn receive(&mut self, name: &str, timeout: Duration) -> io::Result<String> {
        let client = &mut self.actor(name)?.client;
        client.set_timeout(timeout)?;
        let replies = client.receive(1);
        Ok(match replies.finish {
            Finish::Complete => escape(&replies.bytes, 2000),
            Finish::Closed => "closed".into(),
            Finish::TimedOut => "silence".into(),
            Finish::Malformed(_) => format!("nonsense {}", escape(&replies.bytes, 2000)),
        })
    }

    /// The `flags` of a client; `None` when it is not there.
    fn flags(&mut self, id: &str) -> io::Result<Option<String>> {
        let reply = self.admin.command(&["CLIENT", "LIST", "ID", id])?;
        let line = body(&reply);
        Ok(line.split(' ').find_map(|field| field.strip_prefix("flags=")).map(str::to_owned))
    }

    fn wait_for(&mut self, name: &str, state: impl Fn(Option<&str>) -> bool) -> io::Result<()> {
        let id = self.actors[name].id.clone();
        let deadline = Instant::now() + STATE_MAX;
        loop {
            let flags = self.flags(&id)?;
            if state(flags.as_deref()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("{name} has flags {flags:?}")));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Plays a script.
    pub fn play(&mut self, script: &str) -> io::Result<()> {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.step(line).map_err(|error| io::Error::other(format!("{line}: {error}")))?;
        }
        Ok(())
    }

    fn step(&mut self, line: &str) -> io::Result<()> {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        if head == "sleep" {
            std::thread::sleep(Duration::from_millis(rest.trim().parse().expect("a number of ms")));
            return Ok(());
        }
        if let Some(name) = head.strip_suffix('?') {
            self.send(name, rest)?;
            self.wait_for(name, |flags| flags.is_some_and(|flags| flags.contains('b')))?;
            let _ = writeln!(self.text, "{line} => waits");
        } else if let Some(name) = head.strip_suffix('>') {
            self.send(name, rest)?;
        } else if let Some(name) = head.strip_suffix('<') {
            let reply = self.receive(name, REPLY_TIMEOUT)?;
            let _ = writeln!(self.text, "{line} => {reply}");
        } else if let Some(name) = head.strip_suffix('!') {
            let reply = self.receive(name, SILENCE)?;
            let _ = writeln!(self.text, "{line} => {reply}");
        } else if let Some(name) = head.strip_suffix('~') {
            let Actor { client, id } = self.actors.remove(name).expect("a client that connected");
            drop(client);
            let deadline = Instant::now() + STATE_MAX;
            while self.flags(&id)?.is_some() {
                if Instant::now() > deadline {
                    return Err(io::Error::other("the server does not notice"));
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        } else if let Some((name, fields)) = head.split_once('/') {
            self.send(name, rest)?;
            let client = &mut self.actor(name)?.client;
            client.set_timeout(REPLY_TIMEOUT)?;
            let replies = client.receive(1);
            let text = body(&replies.bytes);
            let wanted: Vec<&str> = fields.split(',').collect();
            let found: Vec<&str> = text
                .split(['\r', '\n', ' ', ','])
                .filter(|field| field.split_once(['=', ':']).is_some_and(|(name, _)| wanted.contains(&name)))
                .collect();
            let _ = writeln!(self.text, "{line} => {}", found.join(" "));
        } else {
            self.send(head, rest)?;
            let reply = self.receive(head, REPLY_TIMEOUT)?;
            let _ = writeln!(self.text, "{line} => {reply}");
        }
        Ok(())
    }
}
