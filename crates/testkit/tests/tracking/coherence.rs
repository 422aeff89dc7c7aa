//! Clients that keep what they read until they are told otherwise, beside others that change it all at once: when the
//! changes are over, nobody holds anything that is not what the server has.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use testkit::client::{Client, encode};
use testkit::reply::escape;
use testkit::rng::Rng;
use testkit::server::{Kind, Launch, Server};

use super::stage::words;

const KEYS: usize = 40;
/// How often changes come to an end, for a look at what everybody has.
const PHASES: u64 = 10;
/// Elements of the lists: their replies come in slices.
const ELEMENTS: usize = 30_000;

/// A client with copies of what it reads, by request.
struct Cache {
    client: Client,
    copies: HashMap<String, Vec<u8>>,
    invalidated: usize,
    broadcast: bool,
    noloop: bool,
}

/// The keys that a request reads.
fn keys_of(request: &str) -> Vec<&str> {
    request.split_whitespace().filter(|word| word.starts_with("key") || word.starts_with("list")).collect()
}

impl Cache {
    fn new(server: &Server, tracking: &str) -> Cache {
        let mut client = server.connect().expect("connects");
        client.command(&words("HELLO 3")).expect("answers");
        client.command(&words(tracking)).expect("tracks");
        Cache {
            client,
            copies: HashMap::new(),
            invalidated: 0,
            broadcast: tracking.contains("BCAST"),
            noloop: tracking.contains("NOLOOP"),
        }
    }

    /// Takes in what came before a reply. Returns the reply.
    fn take(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        while let Some(rest) = bytes.strip_prefix(b">2\r\n$10\r\ninvalidate\r\n") {
            self.invalidated += 1;
            if let Some(rest) = rest.strip_prefix(b"_\r\n") {
                self.copies.clear();
                bytes = rest;
                continue;
            }
            let mut lines =
                rest.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let header = lines.next().unwrap_or_default();
            let count: usize = String::from_utf8_lossy(&header[1..]).parse().expect("an array of keys");
            let mut length = header.len() + 2;
            for _ in 0..count {
                let (size, key) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
                length += size.len() + key.len() + 4;
                let key = String::from_utf8_lossy(key).into_owned();
                self.copies.retain(|request, _| !keys_of(request).contains(&&key[..]));
            }
            bytes = &rest[length..];
        }
        bytes.to_vec()
    }

    /// Asks for something that it has no copy of, several requests at once.
    fn read(&mut self, requests: &[String]) {
        let wanted: Vec<&String> =
            requests.iter().filter(|request| !self.copies.contains_key(*request)).collect();
        let mut bytes = Vec::new();
        for request in &wanted {
            encode(&command(request), &mut bytes);
        }
        self.client.send(&bytes).expect("sends");
        for request in wanted {
            let replies = self.client.receive(1);
            let reply = self.take(replies.get(0).expect("a reply"));
            if self.noloop {
                // As in Valkey it is not told that a key was found expired by its own command: the reply says so.
                let keys = keys_of(request);
                self.copies.retain(|other, _| keys_of(other).iter().all(|key| !keys.contains(key)));
            }
            self.copies.insert(request.clone(), reply);
        }
    }

    fn settle(&mut self) {
        let reply = self.client.command(&["PING"]).expect("answers");
        assert_eq!(self.take(&reply), b"+PONG\r\n");
    }
}

fn command(request: &str) -> Vec<Vec<u8>> {
    match request.strip_prefix("EVAL ") {
        Some(key) => {
            vec![b"EVAL".to_vec(), b"return redis.call('GET', KEYS[1])".to_vec(), b"1".to_vec(), key.into()]
        }
        None => words(request),
    }
}

fn random_read(rng: &mut Rng) -> String {
    let key = |rng: &mut Rng| format!("key{}", rng.below(KEYS));
    match rng.below(20) {
        0..=11 => format!("GET {}", key(rng)),
        12..=14 => format!("MGET {} {} {}", key(rng), key(rng), key(rng)),
        15 => format!("EVAL {}", key(rng)),
        16 => format!("STRLEN {}", key(rng)),
        17 => format!("LINDEX list{} 0", rng.below(3)),
        _ => format!("LRANGE list{} 0 -1", rng.below(3)),
    }
}

fn random_change(rng: &mut Rng, number: usize, lists: bool) -> Vec<Vec<Vec<u8>>> {
    let key = |rng: &mut Rng| format!("key{}", rng.below(KEYS));
    let line = match rng.below(24) {
        0..=7 => format!("SET {} {number}", key(rng)),
        8..=9 => format!("MSET {} {number} {} {number} {} {number}", key(rng), key(rng), key(rng)),
        10..=11 => format!("DEL {} {}", key(rng), key(rng)),
        12..=13 => format!("SET {} {number} PX {}", key(rng), 1 + rng.below(20)),
        14 => format!("APPEND {} x", key(rng)),
        15 => format!("RENAME {} {}", key(rng), key(rng)),
        16 => format!("LSET list{} 0 {number}", rng.below(3)),
        17 if lists => format!("LPUSH list{} {number}", rng.below(3)),
        18 if rng.one_in(10) => "FLUSHALL".to_owned(),
        19 => {
            let script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('APPEND', KEYS[1], 'y')";
            let number = number.to_string().into_bytes();
            return vec![vec![b"EVAL".to_vec(), script.into(), b"1".to_vec(), key(rng).into(), number]];
        }
        20 => {
            let lines = [
                "MULTI".into(),
                format!("SET {} {number}", key(rng)),
                format!("DEL {}", key(rng)),
                "EXEC".into(),
            ];
            return lines.iter().map(|line| words(line)).collect();
        }
        _ => format!("SET {} {number}", key(rng)),
    };
    vec![words(&line)]
}

fn fill(client: &mut Client) {
    for list in 0..3 {
        for from in (0..ELEMENTS).step_by(1000) {
            let elements: Vec<String> = (from..from + 1000).map(|n| format!("element{n}")).collect();
            let line = [vec!["RPUSH".to_owned(), format!("list{list}")], elements].concat();
            client.command(&line).expect("is filled");
        }
    }
}

fn run(server: &Server, seed: u64, rounds: usize, lists: bool) -> (usize, usize) {
    let writers_left = AtomicUsize::new(2);
    let is_over = AtomicBool::new(false);
    let caches = std::thread::scope(|scope| {
        for writer in 0..2 {
            let mut client = server.connect().expect("connects");
            let (writers_left, is_over) = (&writers_left, &is_over);
            scope.spawn(move || {
                let mut rng = Rng::new(seed * 100 + writer);
                for number in 0..rounds {
                    let commands: Vec<_> =
                        (0..1 + rng.below(4)).flat_map(|_| random_change(&mut rng, number, lists)).collect();
                    let count = commands.len();
                    assert_eq!(client.pipeline(&commands).expect("answers").len(), count);
                }
                if writers_left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    is_over.store(true, Ordering::SeqCst);
                }
            });
        }
        let modes = [
            "CLIENT TRACKING ON",
            "CLIENT TRACKING ON NOLOOP",
            "CLIENT TRACKING ON BCAST",
            "CLIENT TRACKING ON BCAST PREFIX key PREFIX list NOLOOP",
        ];
        let readers: Vec<_> = modes
            .iter()
            .cycle()
            .take(6)
            .enumerate()
            .map(|(number, mode)| {
                let mut cache = Cache::new(server, mode);
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut rng = Rng::new(seed * 100 + 50 + number as u64);
                    while !is_over.load(Ordering::SeqCst) {
                        let requests: Vec<String> =
                            (0..1 + rng.below(6)).map(|_| random_read(&mut rng)).collect();
                        cache.read(&requests);
                        if rng.one_in(3) {
                            cache.settle();
                        }
                    }
                    cache
                })
            })
            .collect();
        readers.into_iter().map(|reader| reader.join().expect("reads")).collect::<Vec<_>>()
    });
    // What was to expire does so when it is looked at, if not before.
    std::thread::sleep(Duration::from_millis(50));
    let mut client = server.connect().expect("connects");
    client.command(&words("HELLO 3")).expect("answers");
    for key in 0..KEYS {
        client.command(&["GET", &format!("key{key}")]).expect("answers");
    }
    let (mut copies, mut invalidated) = (0, 0);
    for mut cache in caches {
        cache.settle();
        invalidated += cache.invalidated;
        copies += cache.copies.len();
        for (request, copy) in &cache.copies {
            let reply = client.command(&command(request)).expect("answers");
            assert!(
                *copy == reply,
                "broadcast {}: {request} is {}, and the client still has {}",
                cache.broadcast,
                escape(&reply, 200),
                escape(copy, 200)
            );
        }
    }
    (copies, invalidated)
}

#[test]
fn nobody_keeps_what_was_changed() {
    let rounds =
        std::env::var("COHERENCE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2500);
    for (seed, threads) in [(1, 1), (2, 2), (3, 4)] {
        let launch = Launch::new(Kind::Brasa).args(["--io-threads", &threads.to_string()]);
        let server = launch.start().unwrap_or_else(|error| panic!("{error}"));
        fill(&mut server.connect().expect("connects"));
        let (mut copies, mut invalidated) = (0, 0);
        for phase in 0..PHASES {
            let (kept, told) = run(&server, seed * 100 + phase, rounds / PHASES as usize, true);
            (copies, invalidated) = (copies + kept, invalidated + told);
        }
        assert!(copies > 50 && invalidated > rounds, "{copies} copies, {invalidated} pushes");
    }
}

#[test]
fn nobody_keeps_what_was_evicted_or_forgotten() {
    for (seed, threads) in [(4, 1), (5, 2), (6, 4)] {
        let launch = Launch::new(Kind::Brasa).args([
            "--io-threads",
            &threads.to_string(),
            "--tracking-table-max-keys",
            "8",
            "--maxmemory",
            "24mb",
            "--maxmemory-policy",
            "allkeys-random",
        ]);
        let server = launch.start().unwrap_or_else(|error| panic!("{error}"));
        fill(&mut server.connect().expect("connects"));
        let (_, invalidated) = run(&server, seed, 1000, false);
        assert!(invalidated > 500, "{invalidated} pushes");
    }
}
