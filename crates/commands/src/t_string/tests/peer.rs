//! Random commands on strings, bitmaps and HyperLogLogs: every reply must be the bytes that a real server sends, when
//! the environment variable `VALKEY_SERVER` names one.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sys::random::Rng;
use wire::resp::Resp;
use wire::resp::reply::{encode_command, reply_len};

use crate::testing::{Engine, show};

/// A private server on a Unix socket, gone with the value.
struct Peer {
    child: Child,
    folder: PathBuf,
    stream: UnixStream,
}

impl Peer {
    fn start(program: &std::ffi::OsStr, test: &str) -> Peer {
        let folder = std::env::temp_dir().join(format!("strings-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let child = Command::new(program)
            .args(["--port", "0", "--unixsocket", "peer.sock", "--save", "", "--dir"])
            .arg(&folder)
            .current_dir(&folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("VALKEY_SERVER starts");
        let socket = folder.join("peer.sock");
        let give_up = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < give_up, "the server does not listen: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Peer { child, folder, stream }
    }

    /// The reply's bytes.
    fn call(&mut self, argv: &[&[u8]]) -> Vec<u8> {
        let mut request = Vec::new();
        encode_command(&mut request, argv);
        self.stream.write_all(&request).expect("the server reads");
        let mut reply = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let got = self.stream.read(&mut buffer).expect("the server answers");
            assert!(got > 0, "the server hung up after {:?}", argv[0].escape_ascii().to_string());
            reply.extend_from_slice(&buffer[..got]);
            if let Some(len) = reply_len(&reply).expect("a reply") {
                assert_eq!(len, reply.len(), "one reply per command");
                return reply;
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both may have happened already; there is nothing left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Draws commands. Times are absolute or far off, so that no reply depends on the moment.
struct Dice(Rng);

type Argv = Vec<Vec<u8>>;

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn key(&mut self) -> Vec<u8> {
        format!("k{}", self.below(7)).into_bytes()
    }

    fn hll_key(&mut self) -> Vec<u8> {
        if self.below(80) == 0 { self.key() } else { format!("h{}", self.below(5)).into_bytes() }
    }

    /// A key that mostly holds an integer (`i`) or a float (`n`).
    fn number_key(&mut self, kind: char) -> Vec<u8> {
        if self.below(10) == 0 { self.key() } else { format!("{kind}{}", self.below(4)).into_bytes() }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let letters = [2, 20, 256][self.below(3)];
        (0..len).map(|_| (97 + self.below(letters)) as u8).collect()
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.below(30) {
            0 => 4090 + self.below(12),
            1 => 16_360 + self.below(20),
            2 => self.below(60_000),
            3..6 => 40 + self.below(10),
            6..16 => return self.number(),
            _ => self.below(12),
        };
        self.bytes(len)
    }

    fn number(&mut self) -> Vec<u8> {
        match self.below(16) {
            0 => "9223372036854775807",
            1 => "-9223372036854775808",
            2 => "01",
            3 => "x",
            4 => "",
            5 => "9223372036854775808",
            6 => "4294967296",
            n => return (self.below(1 << (n + 6)) as i64 - 1000).to_string().into_bytes(),
        }
        .as_bytes()
        .to_vec()
    }

    fn float(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => self.number(),
            1 => self
                .pick(&["inf", "-inf", "nan", "1e400", "1e4932", "0x1p3", "1e-300", " 1", "1 ", "3e", "+1"])
                .into(),
            n => format!("{}{}", self.below(1 << (2 * n)) as f64 / 1000.0, self.pick(&["", "e2", "e-3"]))
                .into_bytes(),
        }
    }

    /// Where something begins: near the start mostly, near limits now and then.
    fn offset(&mut self) -> Vec<u8> {
        match self.below(20) {
            0 => self.number(),
            1 => self.pick(&["8388607", "8388608", "1048575", "1048576", "4294967295"]).into(),
            2 => (32_700 + self.below(100)).to_string().into(),
            3 => (130_000 + self.below(2000)).to_string().into(),
            _ => self.below(200).to_string().into(),
        }
    }

    fn index(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => self.number(),
            1 => (self.below(140_000) as i64 - 70_000).to_string().into(),
            _ => (self.below(40) as i64 - 20).to_string().into(),
        }
    }

    fn expiry(&mut self, argv: &mut Argv) {
        let unit = self.pick(&["EX", "PX", "EXAT", "PXAT"]);
        let time = match (self.below(12), unit) {
            (0, _) => self.number(),
            (1, "EXAT" | "PXAT") => b"1000".to_vec(),
            (_, "EX") => b"5000".to_vec(),
            (_, "PX") => b"5000000".to_vec(),
            (_, "EXAT") => (4_000_000_000 + self.below(9)).to_string().into(),
            (_, _) => (4_000_000_000_000 + self.below(9)).to_string().into(),
        };
        argv.extend([unit.into(), time]);
    }

    fn words(&mut self, argv: &mut Argv, words: &[&str], chance: usize) {
        for word in words {
            if self.below(chance) == 0 {
                argv.push(word.as_bytes().to_vec());
            }
        }
    }

    fn command(&mut self) -> Argv {
        match self.below(10) {
            0..5 => self.string(),
            5..8 => self.bitmap(),
            _ => self.hyperloglog(),
        }
    }

    fn argv(name: &str, args: impl IntoIterator<Item = Vec<u8>>) -> Argv {
        std::iter::once(name.as_bytes().to_vec()).chain(args).collect()
    }

    fn string(&mut self) -> Argv {
        let key = self.key();
        match self.below(24) {
            0 => Self::argv("APPEND", [key, self.value()]),
            1 => Self::argv(self.pick(&["INCR", "DECR"]), [self.number_key('i')]),
            2 => Self::argv(self.pick(&["INCRBY", "DECRBY"]), [self.number_key('i'), self.number()]),
            3 => Self::argv("DELIFEQ", [key, self.value()]),
            4 | 5 => Self::argv(self.pick(&["GET", "GETDEL", "STRLEN", "GET"]), [key]),
            6 => {
                let mut argv = Self::argv("GETEX", [key]);
                self.words(&mut argv, &["PERSIST"], 3);
                for _ in 0..self.below(3) {
                    self.expiry(&mut argv);
                }
                argv
            }
            7 => Self::argv(self.pick(&["GETRANGE", "SUBSTR"]), [key, self.index(), self.index()]),
            8 => Self::argv(self.pick(&["GETSET", "SETNX"]), [key, self.value()]),
            9 => Self::argv("INCRBYFLOAT", [self.number_key('n'), self.float()]),
            10 => {
                let (kind, number) =
                    if self.below(3) == 0 { ('n', self.float()) } else { ('i', self.number()) };
                Self::argv("SET", [self.number_key(kind), number])
            }
            11 | 12 => {
                let mut argv = Self::argv("LCS", [key, self.key()]);
                self.words(&mut argv, &["LEN"], 6);
                self.words(&mut argv, &["IDX"], 2);
                if self.below(2) == 0 {
                    let least =
                        if self.below(8) == 0 { self.number() } else { self.below(5).to_string().into() };
                    argv.extend([b"minmatchlen".to_vec(), least]);
                }
                self.words(&mut argv, &["WITHMATCHLEN", "nope"], 3);
                argv
            }
            13 => {
                let count = 1 + self.below(4);
                let keys: Argv = (0..count).map(|_| self.key()).collect();
                Self::argv("MGET", keys)
            }
            14 => {
                let count = 2 + self.below(6);
                let pairs: Argv =
                    (0..count).map(|i| if i % 2 == 0 { self.key() } else { self.value() }).collect();
                Self::argv(self.pick(&["MSET", "MSETNX"]), pairs)
            }
            15 | 16 => {
                let pairs = 1 + self.below(3);
                let count = if self.below(9) == 0 { self.number() } else { pairs.to_string().into() };
                let mut argv = Self::argv("MSETEX", [count]);
                for _ in 0..pairs {
                    argv.extend([self.key(), self.value()]);
                }
                self.words(&mut argv, &["NX", "XX", "KEEPTTL"], 4);
                if self.below(2) == 0 {
                    self.expiry(&mut argv);
                }
                self.words(&mut argv, &["XX", "nope"], 8);
                argv
            }
            17 => {
                Self::argv("SETEX", [key, self.pick(&["1000", "5000", "0", "-1", "x"]).into(), self.value()])
            }
            18 => Self::argv("PSETEX", [key, self.pick(&["1000000", "0", "x"]).into(), self.value()]),
            19 | 20 => {
                let offset = self.offset();
                Self::argv("SETRANGE", [key, offset, self.value()])
            }
            21 => Self::argv("PERSIST", [key]),
            _ => {
                let mut argv = Self::argv("SET", [key, self.value()]);
                self.words(&mut argv, &["NX", "XX", "GET", "KEEPTTL"], 4);
                if self.below(4) == 0 {
                    argv.extend([b"ifeq".to_vec(), self.value()]);
                }
                if self.below(3) == 0 {
                    self.expiry(&mut argv);
                }
                self.words(&mut argv, &["get", "XX", "KEEPTTL", "nope", "PERSIST"], 16);
                argv
            }
        }
    }

    fn range(&mut self, argv: &mut Argv) {
        for _ in 0..self.below(3) {
            argv.push(self.index());
        }
        self.words(argv, &["BIT"], 3);
        self.words(argv, &["BYTE", "nope"], 8);
    }

    fn bitmap(&mut self) -> Argv {
        let key = self.key();
        match self.below(12) {
            0 => Self::argv("GETBIT", [key, self.offset()]),
            1 | 2 => {
                let bit = self.pick(&["0", "1", "1", "0", "2", "x", "01"]);
                Self::argv("SETBIT", [key, self.offset(), bit.into()])
            }
            3 | 4 => {
                let mut argv = Self::argv("BITCOUNT", [key]);
                self.range(&mut argv);
                argv
            }
            5 | 6 => {
                let mut argv = Self::argv("BITPOS", [key, self.pick(&["0", "1", "0", "1", "2", "x"]).into()]);
                self.range(&mut argv);
                argv
            }
            7 => {
                let fill = self.pick(&["\u{0}", "\u{7f}"]).as_bytes()[0];
                let len = self.below(200);
                Self::argv("SET", [key, vec![if fill == 0 { 0 } else { 0xff }; len]])
            }
            8 | 9 => {
                let op = self.pick(&["AND", "or", "XOR", "NOT", "NOT", "nope", "DIFF"]);
                let count = if op == "NOT" { 1 + self.below(8) / 7 } else { 1 + self.below(4) };
                let keys: Argv = (0..count).map(|_| self.key()).collect();
                Self::argv("BITOP", std::iter::once(op.into()).chain([key]).chain(keys))
            }
            _ => {
                let read_only = self.below(5) == 0;
                let mut argv = Self::argv(if read_only { "BITFIELD_RO" } else { "BITFIELD" }, [key]);
                for _ in 0..self.below(5) {
                    self.field(&mut argv, read_only);
                }
                argv
            }
        }
    }

    fn field(&mut self, argv: &mut Argv, read_only: bool) {
        if self.below(3) == 0 {
            argv.extend([b"OVERFLOW".to_vec(), self.pick(&["WRAP", "sat", "FAIL", "SAT", "FAIL"]).into()]);
        }
        let what = match self.below(30) {
            0 => "nope",
            1 => "OVERFLOW",
            n if n < 12 || read_only && n < 29 => "GET",
            n if n < 20 => "SET",
            _ => "INCRBY",
        };
        let offset = if self.below(4) == 0 {
            let count =
                self.pick(&["0", "1", "7", "100", "-1", "x", "4611686018427387904", "9223372036854775807"]);
            format!("#{count}").into_bytes()
        } else {
            self.offset()
        };
        let kind = match self.below(25) {
            0 => self.pick(&["u64", "i65", "u0", "x8", "", "i", "u08", "U8"]).to_owned(),
            n if n % 2 == 0 => format!("u{}", 1 + self.below(63)),
            _ => format!("i{}", 1 + self.below(64)),
        };
        argv.extend([what.into(), kind.into(), offset]);
        if matches!(what, "SET" | "INCRBY") {
            let number = self.number();
            argv.push(number);
        }
    }

    fn hyperloglog(&mut self) -> Argv {
        let key = self.hll_key();
        match self.below(12) {
            0..4 => {
                let count = if self.below(15) == 0 { self.below(1500) } else { self.below(5) };
                let elements: Argv = (0..count).map(|_| self.below(30_000).to_string().into()).collect();
                Self::argv("PFADD", std::iter::once(key).chain(elements))
            }
            4..7 => {
                let count = self.below(5) / 2;
                let keys: Argv = (0..count).map(|_| self.hll_key()).collect();
                Self::argv("PFCOUNT", std::iter::once(key).chain(keys))
            }
            7 | 8 => {
                let count = self.below(4);
                let keys: Argv = (0..count).map(|_| self.hll_key()).collect();
                Self::argv("PFMERGE", std::iter::once(key).chain(keys))
            }
            9 => {
                let sub = self.pick(&["DECODE", "ENCODING", "TODENSE", "encoding", "nope", "GETREG"]);
                Self::argv("PFDEBUG", [sub.into(), key])
            }
            10 if self.below(5) == 0 => {
                Self::argv("SET", [key, self.pick(&["HYLL", "HYLL\u{1}", "x", "12"]).into()])
            }
            _ => Self::argv(self.pick(&["GET", "STRLEN", "GETDEL"]), [key]),
        }
    }
}

/// Runs `steps` random commands on both, and after each looks at what became of its keys.
fn compare(test: &str, resp: Resp, seed: u64, steps: usize) {
    let Some(program) = std::env::var_os("VALKEY_SERVER") else {
        eprintln!("{test}: skipped, VALKEY_SERVER names no valkey-server to compare with");
        return;
    };
    let mut peer = Peer::start(&program, test);
    let mut engine = Engine::new();
    // Limits that random values reach.
    peer.call(&[b"CONFIG", b"SET", b"proto-max-bulk-len", b"1048576"]);
    engine.limits.string_max_bytes = 1 << 20;
    if resp == Resp::V3 {
        peer.call(&[b"HELLO", b"3"]);
        engine.session.resp = Resp::V3;
    }
    let mut dice = Dice(Rng::new(seed));
    let mut history: Vec<String> = Vec::new();
    for step in 0..steps {
        let argv = dice.command();
        let mut calls = vec![argv.clone()];
        let looks: &[&[&str]] =
            &[&["GET"], &["OBJECT", "ENCODING"], &["STRLEN"], &["PEXPIRETIME"], &["EXISTS"], &["BITCOUNT"]];
        for arg in argv.iter().filter(|arg| arg.len() == 2 && matches!(arg[0], b'k' | b'i' | b'n' | b'h')) {
            let words = looks[dice.below(looks.len())];
            calls.push(words.iter().map(|word| word.as_bytes().to_vec()).chain([arg.clone()]).collect());
        }
        for call in calls {
            let slices: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
            engine.now_ms = (sys::clock::wall_us() / 1000) as i64;
            let line: Vec<_> = slices.iter().map(|arg| cut(&arg.escape_ascii().to_string(), 60)).collect();
            history.push(line.join(" "));
            let (ours, theirs) = (engine.run(&slices), peer.call(&slices));
            // Instants reckoned from two clocks' now differ by the moment between.
            let instants = slices[0] == b"PEXPIRETIME" && near(&ours, &theirs);
            let recent = &history[history.len().saturating_sub(25)..];
            assert!(
                ours == theirs || instants,
                "seed {seed}, step {step}, after\n  {}\nours:   {}\ntheirs: {}",
                recent.join("\n  "),
                cut(&show(&ours), 300),
                cut(&show(&theirs), 300)
            );
        }
    }
}

fn cut(text: &str, len: usize) -> String {
    if text.len() <= len { text.to_owned() } else { format!("{}...({})", &text[..len], text.len()) }
}

/// Whether two integer replies are a second apart at most.
fn near(a: &[u8], b: &[u8]) -> bool {
    let number = |reply: &[u8]| show(reply).strip_prefix(':').and_then(|digits| digits.parse::<i64>().ok());
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a > 0 && b > 0 && a.abs_diff(b) <= 1000,
        _ => false,
    }
}

/// What a replica runs leaves it with the same keys, values and instants.
#[test]
fn effects_rebuild_the_keyspace() {
    let (mut primary, mut replica) = (Engine::new(), Engine::new());
    primary.limits.string_max_bytes = 1 << 20;
    replica.limits.string_max_bytes = 1 << 20;
    let mut dice = Dice(Rng::new(from_env("STRINGS_SEED", 3)));
    for step in 0..from_env("STRINGS_STEPS", 6000) {
        let argv = dice.command();
        let slices: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        primary.run(&slices);
        for effect in primary.take_effects() {
            let words: Vec<&[u8]> = effect.iter().map(Vec::as_slice).collect();
            let reply = replica.run(&words);
            assert!(
                reply[0] != b'-',
                "step {step}: {} for {}",
                show(&reply),
                cut(&show(&words.concat()), 80)
            );
        }
        replica.effects();
        let keys = "kkkkkkkhhhhhiiiinnnn".chars().zip((0..7).chain(0..5).chain(0..4).chain(0..4));
        let keys = keys.map(|(kind, i)| format!("{kind}{i}"));
        for key in keys.filter(|key| step % 64 == 0 || argv.iter().any(|arg| arg == key.as_bytes())) {
            let get: [&[u8]; 2] = [b"GET", key.as_bytes()];
            assert!(primary.run(&get) == replica.run(&get), "step {step}: {key} after {:?}", show(&argv[0]));
            assert_eq!(primary.expire_at_ms(&key), replica.expire_at_ms(&key), "step {step}: {key}");
        }
        primary.effects();
        replica.effects();
        primary.now_ms += 7;
        replica.now_ms += 7;
    }
}

/// `STRINGS_SEED` and `STRINGS_STEPS` search further than an ordinary run.
fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn random_commands_reply_as_the_server_in_resp2() {
    compare("resp2", Resp::V2, from_env("STRINGS_SEED", 1), from_env("STRINGS_STEPS", 6000) as usize);
}

#[test]
fn random_commands_reply_as_the_server_in_resp3() {
    compare("resp3", Resp::V3, from_env("STRINGS_SEED", 2), from_env("STRINGS_STEPS", 6000) as usize);
}
