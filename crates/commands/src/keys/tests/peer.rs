//! Random calls against a real server, when the environment variable `VALKEY_SERVER` names one.
//!
//! Both sides get the same calls; replies must be the same but for what is random or depends on the moment.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyspace::Sharding;
use sys::random::Rng;
use wire::resp::{Reply, encode_command, parse_reply};

use super::engine::{Engine, show};
use super::sorted;

/// A private server on a Unix socket, gone with the value.
struct Peer {
    child: Child,
    folder: PathBuf,
    stream: UnixStream,
    input: Vec<u8>,
}

impl Peer {
    /// Starts the server; `None` (said on standard error) without one.
    fn start(test: &str) -> Option<Peer> {
        let Some(program) = std::env::var_os("VALKEY_SERVER") else {
            eprintln!("{test}: skipped, VALKEY_SERVER names no valkey-server to compare with");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("keys-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let child = Command::new(program)
            .args(["--port", "0", "--unixsocket", "peer.sock", "--save", ""])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("VALKEY_SERVER starts");
        let socket = folder.join("peer.sock");
        let mut tries = (0..100).map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            UnixStream::connect(&socket)
        });
        let stream = tries.find_map(Result::ok).expect("the server listens within five seconds");
        Some(Peer { child, folder, stream, input: Vec::new() })
    }

    fn call(&mut self, argv: &[&[u8]]) -> Reply {
        let mut request = Vec::new();
        encode_command(&mut request, argv);
        self.stream.write_all(&request).expect("the server reads");
        self.input.clear();
        loop {
            if let Some((reply, _)) = parse_reply(&self.input).expect("a reply") {
                return reply;
            }
            let mut chunk = [0; 16384];
            let len = self.stream.read(&mut chunk).expect("the server answers");
            assert!(len > 0, "the server stays");
            self.input.extend_from_slice(&chunk[..len]);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

type Argv = Vec<Vec<u8>>;

/// Makes random calls.
struct Calls {
    rng: Rng,
    keys: Vec<Vec<u8>>,
}

impl Calls {
    fn new(seed: u64) -> Calls {
        // Lengths around those where encodings change.
        let keys = [0, 1, 2, 10, 31, 32, 60, 96, 107, 130, 200];
        Calls { rng: Rng::new(seed), keys: keys.iter().map(|&len| vec![b'k'; len]).collect() }
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.rng.index(words.len())]
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.rng.index(one_in) == 0
    }

    fn key(&mut self) -> Vec<u8> {
        let at = self.rng.index(self.keys.len());
        self.keys[at].clone()
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.index(10) {
            0 => {
                self.pick(&["", "0", "-1", "007", "1.5", "9223372036854775807", "9223372036854775808"]).into()
            }
            1 => vec![b'x'; 4090 + self.rng.index(12)],
            2 => vec![b'x'; 20_000 + self.rng.index(20_000)],
            3 | 4 => self.rng.below(1000).to_string().into_bytes(),
            _ => {
                // Where the key stops fitting beside it, now or after a rename.
                let key_len = self.key().len();
                let middle = 128_usize.saturating_sub(key_len + 16);
                vec![b'x'; (middle + self.rng.index(14)).saturating_sub(10)]
            }
        }
    }

    fn seconds(&mut self) -> String {
        match self.rng.index(5) {
            0 => self
                .pick(&["0", "-1", "-100", "x", "", "1.5", "9223372036854775", "-9223372036854775"])
                .into(),
            1 => self.pick(&["9223372036854775807", "-9223372036854775808", "9223372036854776", "+5"]).into(),
            // Hardly ever the same twice: whether GT and LT see a tie would be up to the clocks.
            _ => (200 + self.rng.index(1_000_000)).to_string(),
        }
    }

    fn instant(&mut self, unit: i64) -> String {
        match self.rng.index(5) {
            0 => self
                .pick(&[
                    "0",
                    "1",
                    "-1",
                    "x",
                    "9223372036854775307",
                    "9223372036854775",
                    "-9223372036854775808",
                ])
                .into(),
            1 => self.pick(&["9223372036854775807", "9223372036854776"]).into(),
            _ => (4_102_444_800 * unit + (self.rng.index(3) as i64) * 700).to_string(),
        }
    }

    fn database(&mut self) -> String {
        match self.rng.index(8) {
            0 => self.pick(&["16", "-1", "x", "", "2147483648", "-2147483649", "15", "01"]).into(),
            _ => self.rng.index(3).to_string(),
        }
    }

    fn conditions(&mut self, argv: &mut Argv) {
        for _ in 0..[0, 0, 1, 1, 2, 3][self.rng.index(6)] {
            argv.push(self.pick(&["NX", "XX", "GT", "LT", "nx", "gt", "lt", "FOO"]).into());
        }
    }

    fn some_keys(&mut self, argv: &mut Argv) {
        for _ in 0..1 + self.rng.index(4) {
            argv.push(self.key());
        }
    }

    fn setting_up(&mut self) -> Argv {
        let name = self.pick(&[
            "SET",
            "SET",
            "SET",
            "SETEX",
            "SETNX",
            "GETSET",
            "MSET",
            "APPEND",
            "SETRANGE",
            "INCR",
            "INCRBYFLOAT",
        ]);
        let mut argv: Argv = vec![name.into(), self.key()];
        match name {
            "SET" => {
                argv.push(self.value());
                match self.rng.index(6) {
                    0 => argv.extend([b"EX".to_vec(), b"100".to_vec()]),
                    1 => argv.push(b"KEEPTTL".to_vec()),
                    2 => argv.push(self.pick(&["NX", "XX"]).into()),
                    _ => {}
                }
            }
            "SETEX" => argv.extend([b"100".to_vec(), self.value()]),
            "SETRANGE" => argv.extend([self.rng.index(200).to_string().into_bytes(), self.value()]),
            "INCRBYFLOAT" => argv.push(self.pick(&["1", "0.5"]).into()),
            "INCR" => {}
            _ => argv.push(self.value()),
        }
        argv
    }

    fn next(&mut self) -> Argv {
        if self.chance(3) {
            return self.setting_up();
        }
        let name = self.pick(&[
            "COPY",
            "COPY",
            "DEL",
            "EXISTS",
            "EXPIRE",
            "EXPIREAT",
            "EXPIRETIME",
            "KEYS",
            "MOVE",
            "OBJECT",
            "OBJECT",
            "PERSIST",
            "PEXPIRE",
            "PEXPIREAT",
            "PEXPIRETIME",
            "PTTL",
            "RANDOMKEY",
            "RENAME",
            "RENAME",
            "RENAMENX",
            "SCAN",
            "TOUCH",
            "TTL",
            "TYPE",
            "UNLINK",
            "DBSIZE",
            "SELECT",
        ]);
        let mut argv: Argv = vec![name.into()];
        match name {
            "DEL" | "EXISTS" | "TOUCH" | "UNLINK" => self.some_keys(&mut argv),
            "RANDOMKEY" | "DBSIZE" => {}
            "SELECT" => argv.push(self.rng.index(3).to_string().into_bytes()),
            "KEYS" => argv.push(self.pattern()),
            "RENAME" | "RENAMENX" => argv.extend([self.key(), self.key()]),
            "MOVE" => argv.extend([self.key(), self.database().into_bytes()]),
            "EXPIRE" | "PEXPIRE" => {
                let ms = if name == "PEXPIRE" { "000" } else { "" };
                argv.extend([self.key(), format!("{}{ms}", self.seconds()).into_bytes()]);
                self.conditions(&mut argv);
            }
            "EXPIREAT" | "PEXPIREAT" => {
                let unit = if name == "EXPIREAT" { 1 } else { 1000 };
                argv.extend([self.key(), self.instant(unit).into_bytes()]);
                self.conditions(&mut argv);
            }
            "COPY" => {
                argv.extend([self.key(), self.key()]);
                for _ in 0..[0, 1, 1, 2, 3][self.rng.index(5)] {
                    match self.rng.index(7) {
                        0 => argv.push(self.pick(&["FOO", "DB"]).into()),
                        1..=3 => argv.extend([b"db".to_vec(), self.database().into_bytes()]),
                        _ => argv.push(b"REPLACE".to_vec()),
                    }
                }
            }
            "OBJECT" => {
                argv.push(
                    self.pick(&["ENCODING", "ENCODING", "encoding", "FREQ", "REFCOUNT", "IDLETIME"]).into(),
                );
                argv.push(self.key());
            }
            "SCAN" => self.scan(&mut argv),
            _ => argv.push(self.key()),
        }
        if self.chance(60) {
            argv.push(b"extra".to_vec());
        }
        if self.chance(60) && argv.len() > 2 {
            argv.pop();
        }
        argv
    }

    fn pattern(&mut self) -> Vec<u8> {
        let text =
            self.pick(&["*", "**", "", "k", "k*", "??", "*k?", "[^a]*", "[k]", "x*", "k\\k", "kkkkkkkkkk*"]);
        text.into()
    }

    /// Either all keys in one call, or a call that is refused.
    fn scan(&mut self, argv: &mut Argv) {
        let cursor = if self.chance(8) {
            self.pick(&["x", "-1", "", " ", " 0", "+0", "00", "-0", "+-0", "0 ", "18446744073709551616"])
        } else {
            "0"
        };
        argv.extend([cursor.into(), b"COUNT".to_vec(), b"10000".to_vec()]);
        for _ in 0..self.rng.index(3) {
            match self.rng.index(5) {
                0 => {
                    let types = ["string", "STRING", "list", "hash", "zset", "set", "stream", "foo", ""];
                    argv.extend([b"TYPE".to_vec(), self.pick(&types).into()]);
                }
                1 => argv.push(self.pick(&["MATCH", "FOO", "NOVALUES", "NOSCORES", "TYPE"]).into()),
                2 => {
                    let counts = ["0", "-1", "x", "20000", "9223372036854775807"];
                    argv.extend([b"COUNT".to_vec(), self.pick(&counts).into()]);
                }
                _ => argv.extend([b"match".to_vec(), self.pattern()]),
            }
        }
    }
}

/// Whether two replies to the same call say the same.
fn same(argv: &Argv, ours: &Reply, theirs: &Reply) -> bool {
    let close = |most: i64| match (ours, theirs) {
        (Reply::Int(a), Reply::Int(b)) => (a < &0) == (b < &0) && a.abs_diff(*b) <= most as u64,
        _ => ours == theirs,
    };
    match argv[0].as_slice() {
        b"PTTL" | b"PEXPIRETIME" => close(1000),
        b"TTL" | b"EXPIRETIME" => close(1),
        b"OBJECT" if argv[1] == b"IDLETIME" => close(1),
        b"RANDOMKEY" => matches!(ours, Reply::Bulk(_)) == matches!(theirs, Reply::Bulk(_)),
        b"KEYS" => match (ours, theirs) {
            (Reply::Array(_), Reply::Array(_)) => sorted(ours) == sorted(theirs),
            _ => ours == theirs,
        },
        b"SCAN" => match (ours, theirs) {
            (Reply::Array(a), Reply::Array(b)) => a[0] == b[0] && sorted(&a[1]) == sorted(&b[1]),
            _ => ours == theirs,
        },
        _ => ours == theirs,
    }
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

#[test]
fn random_calls_get_the_same_replies() {
    let Some(mut peer) = Peer::start("random") else { return };
    let rounds: u64 = std::env::var("KEYS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    for round in 0..rounds {
        let sharding =
            if round % 4 == 3 { Sharding::Slot } else { Sharding::Hash { bits: (round % 4) as u32 * 3 } };
        let mut engine = Engine::new(sharding);
        engine.gate = round % 2 == 1;
        peer.call(&[b"FLUSHALL"]);
        peer.call(&[b"SELECT", b"0"]);
        let mut calls = Calls::new(round);
        let mut history: Vec<String> = Vec::new();
        for _ in 0..500 {
            let argv = calls.next();
            compare(&mut engine, &mut peer, &argv, &mut history, round);
            // What a change leaves shows in the encoding of the keys it named.
            for key in argv.iter().skip(1).filter(|arg| calls.keys.contains(arg)).take(2) {
                let ask = vec![b"OBJECT".to_vec(), b"ENCODING".to_vec(), key.clone()];
                compare(&mut engine, &mut peer, &ask, &mut history, round);
            }
        }
    }
}

fn compare(engine: &mut Engine, peer: &mut Peer, argv: &Argv, history: &mut Vec<String>, round: u64) {
    let slices: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
    let theirs = peer.call(&slices);
    engine.now_ms = unix_ms();
    let ours = if argv[0] == b"SELECT" {
        if argv.len() == 2 {
            engine.session.db = String::from_utf8_lossy(&argv[1]).parse().expect("a database");
        }
        theirs.clone()
    } else {
        engine.try_call(&slices).expect("no shard is busy")
    };
    let words: Vec<String> = argv.iter().map(|arg| short(&String::from_utf8_lossy(arg))).collect();
    history.push(format!("{} → {}", words.join(" "), short(&show(&theirs))));
    assert!(
        same(argv, &ours, &theirs),
        "round {round}: ours is {}, theirs {}\n{}",
        short(&show(&ours)),
        short(&show(&theirs)),
        history[history.len().saturating_sub(25)..].join("\n")
    );
}

/// Long runs of one letter as a count.
fn short(text: &str) -> String {
    if text.len() < 40 { text.to_owned() } else { format!("{}…({} bytes)", &text[..8], text.len()) }
}
