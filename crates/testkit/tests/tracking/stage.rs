//! A server and its clients, and what these are told.

use testkit::client::{Client, Finish, encode};
use testkit::reply::escape;
use testkit::server::{Kind, Launch, Server};

const MARK: &str = "the-mark";

pub type Command = Vec<Vec<u8>>;

pub fn words(line: &str) -> Command {
    line.split_whitespace().map(|word| if word == "\"\"" { Vec::new() } else { word.into() }).collect()
}

pub fn shown(command: &[Vec<u8>]) -> String {
    command.iter().map(|word| escape(word, 60)).collect::<Vec<_>>().join(" ")
}

pub struct Stage {
    pub server: Server,
    pub clients: Vec<Client>,
    /// Their numbers, for CLIENT commands and to be told apart in replies.
    ids: Vec<String>,
    /// Those with an open transaction, whose PING would be queued.
    queues: Vec<bool>,
    /// Those whose connection has ended, or that wait for keys: nothing is asked of them.
    pub silent: Vec<usize>,
}

impl Stage {
    pub fn new(kind: Kind, threads: usize, clients: usize) -> Stage {
        let launch = Launch::new(kind).args(["--enable-debug-command", "yes"]);
        let launch = match kind {
            Kind::Brasa => launch.args(["--io-threads", &threads.to_string()]),
            _ => launch,
        };
        let server = launch.start().unwrap_or_else(|error| panic!("{error}"));
        // Numbers that stand for nothing else in replies.
        for _ in 0..500 {
            drop(server.connect().expect("connects"));
        }
        let mut stage =
            Stage { server, clients: Vec::new(), ids: Vec::new(), queues: Vec::new(), silent: Vec::new() };
        (0..clients).for_each(|_| stage.connect());
        stage
    }

    /// One more client.
    pub fn connect(&mut self) {
        let mut client = self.server.connect().expect("connects");
        let id = client.command(&["CLIENT", "ID"]).expect("has a number");
        self.ids.push(String::from_utf8_lossy(&id[1..id.len() - 2]).into_owned());
        self.clients.push(client);
        self.queues.push(false);
    }

    /// A command in which `@n` is the number of client `n`.
    pub fn resolve(&self, command: &[Vec<u8>]) -> Command {
        let word = |word: &Vec<u8>| {
            let number =
                word.strip_prefix(b"@").and_then(|n| std::str::from_utf8(n).ok()?.parse::<usize>().ok());
            number.map_or_else(|| word.clone(), |number| self.ids[number].clone().into_bytes())
        };
        command.iter().map(word).collect()
    }

    /// What a client received, its peers' numbers replaced by what they are here.
    fn masked(&self, frame: &[u8]) -> Vec<u8> {
        let number = frame.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b"\r\n"));
        let at = self.ids.iter().position(|id| Some(id.as_bytes()) == number);
        at.map_or_else(|| frame.to_vec(), |at| format!(":@{at}\r\n").into_bytes())
    }

    /// Sends commands of one client at once, and reads what all clients are told up to the answer to a PING.
    pub fn step(&mut self, from: usize, commands: &[Command]) -> Vec<Vec<Vec<u8>>> {
        let mut heard = vec![self.ping(from, commands)];
        heard.extend((0..self.clients.len()).map(|client| self.ping(client, &[])));
        heard
    }

    /// As [`Self::step`], but the sender's own PING goes with the others': it may be waiting for keys.
    pub fn send(&mut self, from: usize, command: &Command) {
        let mut request = Vec::new();
        encode(&self.resolve(command), &mut request);
        self.clients[from].send(&request).expect("sends");
    }

    /// What one client is told up to the answer to a PING; within a transaction, up to the last command's reply.
    pub fn ping(&mut self, client: usize, before: &[Command]) -> Vec<Vec<u8>> {
        if self.silent.contains(&client) {
            return Vec::new();
        }
        let mut request = Vec::new();
        for command in before {
            encode(&self.resolve(command), &mut request);
            match &shown(command).to_ascii_uppercase()[..] {
                "MULTI" => self.queues[client] = true,
                "EXEC" | "DISCARD" | "RESET" => self.queues[client] = false,
                _ => {}
            }
        }
        if self.queues[client] {
            self.clients[client].send(&request).expect("sends");
            let replies = self.clients[client].receive(before.len());
            assert_eq!(replies.finish, Finish::Complete, "client {client}: {}", escape(&replies.bytes, 500));
            let frames = frames(&replies.bytes).expect("whole replies");
            return frames.into_iter().map(|frame| self.masked(frame)).collect();
        }
        encode(&["PING", MARK], &mut request);
        self.clients[client].send(&request).expect("sends");
        let mark = format!("{MARK}\r\n");
        let mut bytes = Vec::new();
        // What comes behind the mark is for the next time.
        while !bytes.ends_with(mark.as_bytes()) {
            let replies = self.clients[client].receive(1);
            bytes.extend_from_slice(&replies.bytes);
            assert_eq!(replies.finish, Finish::Complete, "client {client}: {}", escape(&bytes, 500));
        }
        let frames = frames(&bytes).expect("whole replies");
        frames.into_iter().map(|frame| self.masked(frame)).collect()
    }
}

/// Splits what was received at the borders of replies and pushes; leaves of aggregates stand alone.
fn frames(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let line = at + bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
        let mut end = line + 2;
        if matches!(bytes[at], b'$' | b'=' | b'!')
            && let Ok(length) = std::str::from_utf8(&bytes[at + 1..line]).ok()?.parse::<usize>()
        {
            end += length + 2;
        }
        frames.push(bytes.get(at..end)?);
        at = end;
    }
    Some(frames)
}

/// The pushes among what a client received, and for each reply a mark: replies themselves may have no order.
pub fn pushes(frames: &[Vec<u8>]) -> Vec<String> {
    let (mut seen, mut at) = (Vec::new(), 0);
    while at < frames.len() {
        let (end, is_push) = (end_of(frames, at), frames[at][0] == b'>');
        let text = escape(&frames[at..end].concat(), 2000);
        let is_message = frames.get(at + 1).is_some_and(|frame| frame.starts_with(b"$7\r\nmessage"));
        if is_push || (is_message && frames[at].starts_with(b"*3")) {
            seen.push(text);
        } else {
            seen.push("reply".into());
        }
        at = end;
    }
    seen
}

/// Where the reply that begins at a frame ends.
fn end_of(frames: &[Vec<u8>], from: usize) -> usize {
    let (mut at, mut open) = (from, 1u64);
    while open > 0 {
        let frame = &frames[at];
        let number = || std::str::from_utf8(&frame[1..frame.len() - 2]).ok()?.parse::<u64>().ok();
        open -= 1;
        match frame[0] {
            b'*' | b'~' | b'>' => open += number().unwrap_or(0),
            b'%' | b'|' => open += 2 * number().unwrap_or(0),
            _ => {}
        }
        at += 1;
    }
    at
}
