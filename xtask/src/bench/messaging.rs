//! `cargo xtask bench messaging`: scripts, users, notifications, transactions, Pub/Sub, client-side caching.
//!
//! What the load generator can send are cells of the throughput table. The others are exchanges of a fixed number of
//! bytes, round after round: some clients send, then all read what must come.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    cells::{Cell, Data, Place},
    measure::Setup,
    plan::Part,
    proc,
    servers::{Binary, Kind, Server, Start},
};

/// A window of fixed length: so many calls per key and minute.
const LIMITER: &str = "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end \
                       if n > tonumber(ARGV[1]) then return 0 end return 1";
/// A leaky bucket (generic cell rate algorithm): reads, decides, writes with a TTL, returns two numbers.
const BUCKET: &str = "local now = tonumber(ARGV[1]) local tat = tonumber(redis.call('GET', KEYS[1]) or now) \
                      if tat < now then tat = now end local new = tat + tonumber(ARGV[2]) \
                      if new - now > tonumber(ARGV[3]) then return {0, new - now} end \
                      redis.call('SET', KEYS[1], new, 'PX', 3600000) return {1, new - now}";
const EVALSHA_LIMITER: &[&str] = &["EVALSHA 3b17113211c99a8461af5e3ef79b8493fadb73d6 1 __key__ 1000000 60"];
const EVALSHA_BUCKET: &[&str] =
    &["EVALSHA 5fb416b77082887ba8a82443e8df34278b864d29 1 __key__ 1000 1 1000000000"];

const fn strings(name: &'static str, extra: &'static [&'static [&'static str]]) -> Data {
    Data { name, template: None, size: None, element_bytes: 0, extra }
}

const OPEN: &[&str] = &["ACL", "SETUSER", "default", "allkeys", "+@all"];
const SILENT: &[&str] = &["CONFIG", "SET", "notify-keyspace-events", ""];
/// The default user may do everything, and nobody is told of events.
const PLAIN: &Data = &strings("plain", &[OPEN, SILENT]);
/// It may not run one command.
const FORBIDDEN: &Data =
    &strings("forbidden", &[SILENT, &["ACL", "SETUSER", "default", "allkeys", "+@all", "-debug"]]);
/// It may use keys of one pattern.
const PATTERN: &Data =
    &strings("pattern", &[SILENT, &["ACL", "SETUSER", "default", "+@all", "resetkeys", "~key:*"]]);
/// Every event is published, though nobody listens.
const EVENTS: &Data = &strings("events", &[OPEN, &["CONFIG", "SET", "notify-keyspace-events", "KEA"]]);
const LIMITS: &Data = &Data {
    template: Some("SET __key__ 1"),
    ..strings("limits", &[OPEN, SILENT, &["SCRIPT", "LOAD", LIMITER], &["SCRIPT", "LOAD", BUCKET]])
};

const GET: &[&str] = &["GET __key__"];
const SET: &[&str] = &["SET __key__ __value__"];

/// The throughput table.
pub const CELLS: &[Cell] = &[
    Cell { pipeline: 1, ..Cell::of_templates("limiter-p1", LIMITS, EVALSHA_LIMITER) },
    Cell::of_templates("limiter-p16", LIMITS, EVALSHA_LIMITER).spoiling(),
    Cell::of_templates("bucket-p16", LIMITS, EVALSHA_BUCKET).spoiling(),
    Cell::of_templates("get-all-allowed", PLAIN, GET),
    Cell::of_templates("set-all-allowed", PLAIN, SET),
    Cell::of_templates("get-one-command-forbidden", FORBIDDEN, GET),
    Cell::of_templates("set-one-command-forbidden", FORBIDDEN, SET),
    Cell::of_templates("get-key-pattern", PATTERN, GET),
    Cell::of_templates("set-key-pattern", PATTERN, SET),
    Cell::of_templates("set-events", EVENTS, SET),
    Cell::of_templates("limiter-p16-shared-1-thread", LIMITS, EVALSHA_LIMITER).spoiling().shared(1),
    Cell::of_templates("limiter-p16-shared-2-threads", LIMITS, EVALSHA_LIMITER).spoiling().shared(2),
];

/// What follows the throughput table.
pub const PARTS: &[Part] = &[
    Part::Exchange(&Exchange { name: "multi-of-10", threads: 1, kind: Traffic::Transactions }),
    Part::Exchange(&Exchange { name: "publish-to-1", threads: 1, kind: Traffic::Publish(1) }),
    Part::Exchange(&Exchange { name: "publish-to-1000", threads: 1, kind: Traffic::Publish(1000) }),
    Part::Exchange(&Exchange { name: "publish-to-1000-2-threads", threads: 2, kind: Traffic::Publish(1000) }),
    Part::Exchange(&Exchange { name: "tracking-off", threads: 1, kind: Traffic::Cached(false) }),
    Part::Exchange(&Exchange { name: "tracking-on", threads: 1, kind: Traffic::Cached(true) }),
];

/// Rounds of a fixed exchange.
#[derive(Debug)]
pub struct Exchange {
    /// Name for `--only` and tables.
    pub name: &'static str,
    /// I/O threads of the server; with more than one, server and load share both cores.
    threads: usize,
    kind: Traffic,
}

/// What goes to and fro.
#[derive(Clone, Copy, Debug)]
enum Traffic {
    /// Fifty clients send MULTI, ten SETs and EXEC at once. An operation is a transaction.
    Transactions,
    /// Sixteen messages of 64 bytes to so many listeners. An operation is a message for one listener.
    Publish(usize),
    /// Fifty clients read a key each, another one writes them all; with tracking, each reader is told. An operation is
    /// a read and a write.
    Cached(bool),
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which exchange.
    pub name: &'static str,
    /// The server.
    pub server: Kind,
    /// CPU time of the server per operation.
    pub cpu_us: f64,
    /// Operations per second.
    pub per_s: f64,
}

/// A connection whose part of a round is always the same length.
struct Peer {
    stream: TcpStream,
    /// What it sends in each round, one after the other.
    requests: Vec<Vec<u8>>,
    /// Bytes that it receives in each round.
    expected: usize,
}

impl Peer {
    fn connect(port: u16) -> Result<Peer> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Peer { stream, requests: Vec::new(), expected: 0 })
    }

    /// Sends a command and reads a reply that begins so; the rest of it must come at once.
    fn set_up(&mut self, words: &[&str], begins: &str) -> Result<()> {
        self.stream.write_all(&request(words))?;
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer)?;
        let reply = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if !reply.starts_with(begins) {
            bail!("{}: {}", words.join(" "), reply.trim_end());
        }
        Ok(())
    }

    fn send(&mut self, round: usize) -> Result<()> {
        let request = &self.requests[round % self.requests.len()];
        Ok(self.stream.write_all(request)?)
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.resize(self.expected, 0);
        self.stream.read_exact(buffer).context("less came than must")?;
        Ok(())
    }
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    for word in words {
        out.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    out.into_bytes()
}

/// The clients of a round in the order in which they send, those who listen last, and operations per round.
fn peers(kind: Traffic, port: u16) -> Result<(Vec<Peer>, usize)> {
    const CLIENTS: usize = 50;
    const VARIANTS: usize = 64;
    const KEYS: usize = 100_000;
    let value = "v".repeat(64);
    let key = |n: usize| format!("key:{:012}", n * 7919 % KEYS);
    match kind {
        Traffic::Transactions => {
            let clients: Result<Vec<Peer>> = (0..CLIENTS)
                .map(|client| {
                    let mut peer = Peer::connect(port)?;
                    peer.expected =
                        "+OK\r\n".len() + 10 * ("+QUEUED\r\n".len() + "+OK\r\n".len()) + "*10\r\n".len();
                    peer.requests = (0..VARIANTS)
                        .map(|variant| {
                            let mut out = request(&["MULTI"]);
                            for i in 0..10 {
                                let key = key((client * VARIANTS + variant) * 10 + i);
                                out.extend(request(&["SET", &key, &value]));
                            }
                            out.extend(request(&["EXEC"]));
                            out
                        })
                        .collect();
                    Ok(peer)
                })
                .collect();
            Ok((clients?, CLIENTS))
        }
        Traffic::Publish(listeners) => {
            const MESSAGES: usize = 16;
            let mut publisher = Peer::connect(port)?;
            publisher.requests = vec![request(&["PUBLISH", "channel", &value]).repeat(MESSAGES)];
            publisher.expected = format!(":{listeners}\r\n").len() * MESSAGES;
            let mut all = vec![publisher];
            for _ in 0..listeners {
                let mut peer = Peer::connect(port)?;
                peer.set_up(&["SUBSCRIBE", "channel"], "*3")?;
                peer.requests = vec![Vec::new()];
                peer.expected = request(&["message", "channel", &value]).len() * MESSAGES;
                all.push(peer);
            }
            Ok((all, MESSAGES * listeners))
        }
        Traffic::Cached(tracked) => {
            let mut writer = Peer::connect(port)?;
            let keys: Vec<String> = (0..CLIENTS).map(|client| format!("key:{client:012}")).collect();
            writer.requests = vec![keys.iter().flat_map(|key| request(&["SET", key, &value])).collect()];
            writer.expected = "+OK\r\n".len() * CLIENTS;
            for key in &keys {
                writer.set_up(&["SET", key, &value], "+OK")?;
            }
            // A reader's round ends with the writer's: reply first, then the news.
            let mut all = Vec::new();
            for key in &keys {
                let mut peer = Peer::connect(port)?;
                peer.set_up(&["HELLO", "3"], "%")?;
                if tracked {
                    peer.set_up(&["CLIENT", "TRACKING", "ON"], "+OK")?;
                }
                peer.requests = vec![request(&["GET", key])];
                peer.expected = format!("${}\r\n{value}\r\n", value.len()).len();
                all.push(peer);
            }
            all.push(writer);
            Ok((all, CLIENTS))
        }
    }
}

impl Exchange {
    /// Starts a server and measures one round after the other.
    pub fn run(&self, binary: &Binary, port: u16, setup: &Setup) -> Result<Row> {
        let place = if self.threads == 1 { Place::Apart } else { Place::Shared };
        let (server_cores, load_cores) = setup.cores(place);
        let start = Start { port, io_threads: self.threads, cores: &server_cores, echo_bytes: (0, 0) };
        let server = Server::start(binary, start)?;
        proc::pin(std::process::id(), &load_cores)?;
        let (mut peers, operations) = peers(self.kind, port)?;
        let news = match self.kind {
            Traffic::Cached(true) => request(&["invalidate", "key:000000000000"]).len() + "*1\r\n".len(),
            _ => 0,
        };
        let mut buffer = Vec::new();
        let mut round = 0;
        let mut done = 0;
        let warm = Instant::now();
        let mut begun = None;
        let (begin, cpu_begin_ns) = loop {
            if begun.is_none() && warm.elapsed().as_secs_f64() >= setup.warm_up {
                begun = Some((Instant::now(), proc::scheduled(server.pid())?.cpu_ns));
                done = 0;
            }
            if let Some((begin, cpu_ns)) = begun
                && begin.elapsed().as_secs_f64() >= setup.seconds
            {
                break (begin, cpu_ns);
            }
            match self.kind {
                Traffic::Cached(_) => {
                    let (writer, readers) = peers.split_last_mut().context("there is a writer")?;
                    readers.iter_mut().try_for_each(|peer| peer.send(round))?;
                    readers.iter_mut().try_for_each(|peer| peer.receive(&mut buffer))?;
                    writer.send(round)?;
                    writer.receive(&mut buffer)?;
                    for peer in readers.iter_mut().filter(|_| news > 0) {
                        buffer.resize(news, 0);
                        peer.stream.read_exact(&mut buffer).context("a cache was not told")?;
                        ensure!(buffer.starts_with(b">2\r\n$10\r\ninvalidate\r\n"), "another push came");
                    }
                }
                _ => {
                    peers.iter_mut().try_for_each(|peer| peer.send(round))?;
                    peers.iter_mut().try_for_each(|peer| peer.receive(&mut buffer))?;
                }
            }
            round += 1;
            done += operations;
        };
        let seconds = begin.elapsed().as_secs_f64();
        let cpu_ns = proc::scheduled(server.pid())?.cpu_ns - cpu_begin_ns;
        ensure!(done > 0, "nothing was exchanged");
        Ok(Row {
            name: self.name,
            server: server.kind,
            cpu_us: cpu_ns as f64 / 1e3 / done as f64,
            per_s: done as f64 / seconds,
        })
    }
}
