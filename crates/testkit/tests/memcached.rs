//! `brasa memcached` beside memcached 1.6.18: the same bytes to both, replies compared.
//!
//! Numbers that the servers choose freely are compared by what they do: CAS numbers are learned from each server's own
//! replies and sent back to it, times may differ by a second.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::server::Kind;

/// A running server with one connection.
struct Server {
    child: Child,
    port: u16,
    stream: TcpStream,
    cas: HashMap<String, String>,
}

impl Server {
    fn start(kind: Kind, more: &[&str]) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(kind.find().unwrap());
        match kind {
            Kind::Brasa => command.arg("memcached"),
            _ => command.args(["-u", "root"]),
        };
        command.args(["-p", &port.to_string(), "-U", "0", "-l", "127.0.0.1", "-m", "64"]).args(more);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(15);
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "{kind:?} does not start: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Server { child, port, stream, cas: HashMap::new() }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends commands and reads what they answer, up to the answer to a `mn` behind them.
    fn ask(&mut self, commands: &[u8], pieces: usize) -> Vec<u8> {
        let bytes = [commands, b"mn\r\n"].concat();
        for piece in bytes.chunks(bytes.len().div_ceil(pieces)) {
            self.stream.write_all(piece).unwrap();
            if pieces > 1 {
                std::thread::sleep(Duration::from_micros(300));
            }
        }
        let mut reply = Vec::new();
        let mut part = vec![0; 1 << 16];
        while !reply.ends_with(b"MN\r\n") {
            let count = self.stream.read(&mut part).unwrap();
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&reply));
            reply.extend_from_slice(&part[..count]);
        }
        reply
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

const EXPTIMES: &[&str] = &["0", "0", "0", "0", "100", "-1", "3000000", "4102444800"];
/// Lines that are wrong in some way, and a few that are not.
const LINES: &[&str] = &[
    "get",
    "gets",
    "gat 5",
    "set a",
    "set a 0 0",
    "set a 0 0 -1",
    "set a x 0 1",
    "set a 0 x 1",
    "set a 0 0 x",
    "set a 0 0 1 noreply x",
    "cas a 0 0 1",
    "incr a",
    "incr a x",
    "incr a -1",
    "decr a 1 2 3",
    "touch a",
    "touch a x",
    "delete",
    "delete a 5",
    "delete a 0",
    "delete a 0 noreply",
    "delete a 1 2 3",
    "verbosity 1",
    "verbosity",
    "verbosity x",
    "flush_all x",
    "version",
    "bogus",
    "x",
    "",
    " ",
    "mg",
    "mg a !",
    "mg a v v",
    "mg a Tx",
    "ms",
    "ms a",
    "ms a x",
    "ms a -1",
    "md",
    "md a !",
    "ma",
    "ma a MZ",
    "ma a Dx",
    "ma a Jx",
    "me",
    "mg !!! b v",
    "mg AQID b k v",
    "me AQID b",
    "ms AQID 2 b k\r\nhi",
    "md AQID b k",
    "ma AQID b k",
    "mq",
    "GET a",
    "get\ta",
    "cache_memlimit 1",
    "cache_memlimit x",
    "cache_memlimit 512",
    "shutdown",
    "mg nothing O12345678901234567890123456789012345",
    "set a 0 0 1 noreply noreply",
    "gat x a",
    "gats 0 a b",
];

/// Keys that are counted up and down.
const COUNTED: [&str; 2] = ["counter", "c"];

/// A random command for each of two servers. Numbers that are counted never become shorter: memcached then keeps their
/// length with spaces, but not while a thread or a reply that waits to be sent holds the item. So while `counting`, they
/// are not read either.
fn command(random: &mut Random, servers: &[Server; 2], counting: bool) -> [Vec<u8>; 2] {
    let key = random.pick(&["a", "b", "c", "d", "e", "counter", "YQ==", "k:with:a:longer:name"]);
    let key = if random.chance(300) { "k".repeat(249 + random.below(3)) } else { key.to_owned() };
    let value = match random.below(8) {
        0 => String::new(),
        1..=3 => random
            .pick(&["0", "1", "9", "99", "10", "5223372036854770000", "5 ", " 5", "-1", "007"])
            .to_owned(),
        4 => "v".repeat(random.below(1500)),
        _ => format!("value{}", random.below(1000)),
    };
    let value = match value.parse::<i64>().is_ok() || value.contains(' ') {
        true if COUNTED.contains(&&*key) => random.pick(&["5223372036854770000", "-1"]).to_owned(),
        _ => value,
    };
    // Behind a line that is refused, data without a line end would be junk, for which the connection is closed.
    let value = if key.len() > 250 { "v".to_owned() } else { value };
    let noreply = if random.chance(8) { " noreply" } else { "" };
    let flags = random.pick(&["0", "1", "4294967295"]);
    let exptime = random.pick(EXPTIMES);
    let known = random.chance(2);
    let cas = servers.each_ref().map(|server| match server.cas.get(&key) {
        Some(cas) if known => cas.clone(),
        _ => "99999999999".to_owned(),
    });
    let len = value.len();
    let same = |text: String| [text.clone().into_bytes(), text.into_bytes()];
    let kind = match (random.below(24), counting) {
        (4..=8 | 16..=18, true) if COUNTED.contains(&&*key) => 11,
        (11 | 12 | 23.., false) => 4,
        (kind, _) => kind,
    };
    // For a key that is too long memcached drops the replies to earlier commands too, if they are not sent yet.
    let key = if matches!(kind, 4..=8) { key[..key.len().min(250)].to_owned() } else { key };
    match kind {
        0..=2 => {
            let name = random.pick(&["set", "set", "add", "replace", "append", "prepend"]);
            same(format!("{name} {key} {flags} {exptime} {len}{noreply}\r\n{value}\r\n"))
        }
        3 => cas.map(|cas| {
            format!("cas {key} {flags} {exptime} {len} {cas}{noreply}\r\n{value}\r\n").into_bytes()
        }),
        4 | 5 => same(format!("get {key} b missing e\r\n")),
        6 | 7 => same(format!("gets {key}\r\n")),
        8 => same(format!("{} {exptime} {key} a\r\n", random.pick(&["gat", "gats"]))),
        9 => same(format!("delete {key}{noreply}\r\n")),
        10 => same(format!("touch {key} {exptime}{noreply}\r\n")),
        11 | 12 => {
            let (name, delta) = (random.pick(&["incr", "decr"]), random.pick(&["1", "7", "100"]));
            same(format!("{name} {} {delta}{noreply}\r\n", random.pick(&COUNTED)))
        }
        13 if random.chance(40) => same("flush_all\r\n".to_owned()),
        13 | 14 => same(format!("{}\r\n", random.pick(LINES))),
        15 => same(format!("set {key} 0 0 {}\r\n{value}\r\n", len + 1 + random.below(2))),
        16..=18 => {
            let mut line = format!("mg {key}");
            for flag in [
                "v", "f", "s", "t", "h", "k", "c", "u", "q", "O123", "N100", "N0", "T100", "T-1", "R30",
                "R1000",
            ] {
                if random.chance(5)
                    && !(flag == "N0" && line.contains('N'))
                    && !(flag.starts_with('T') && line.contains('T'))
                    && !(flag.starts_with('R') && line.contains('R'))
                {
                    line.push_str(&format!(" {flag}"));
                }
            }
            same(format!("{line}\r\n"))
        }
        19..=21 => {
            let mut line = format!("{len}");
            for flag in ["T0", "T100", "F5", "k", "q", "O9", "c", "I"] {
                if random.chance(5) && !(flag == "T100" && line.contains('T')) {
                    line.push_str(&format!(" {flag}"));
                }
            }
            if random.chance(3) {
                line.push_str(random.pick(&[" ME", " MA", " MP", " MR", " MS"]));
            }
            let with_cas = random.chance(4);
            cas.map(|cas| {
                let cas = if with_cas { format!(" C{cas}") } else { String::new() };
                format!("ms {key} {line}{cas}\r\n{value}\r\n").into_bytes()
            })
        }
        22 => {
            let line = random.pick(&["", " q", " I", " I T100", " k O7", " q I"]);
            let with_cas = random.chance(4);
            cas.map(|cas| {
                let cas = if with_cas { format!(" C{cas}") } else { String::new() };
                format!("md {key}{line}{cas}\r\n").into_bytes()
            })
        }
        _ => {
            let line = random.pick(&[
                "",
                " v",
                " v MD",
                " D10",
                " v c k",
                " N0 J5223372036854770000 v",
                " t v T100",
                " q",
                " M- D3 v",
                " O5",
            ]);
            same(format!("ma {}{line}\r\n", random.pick(&COUNTED)))
        }
    }
}

/// A reply without what the servers are free to choose. Learns the CAS numbers.
fn normal(reply: &[u8], cas: &mut HashMap<String, String>) -> Vec<String> {
    let text = String::from_utf8_lossy(reply);
    text.split("\r\n")
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["VALUE", key, flags, len, number] => {
                    cas.insert(key.to_owned(), number.to_owned());
                    format!("VALUE {key} {flags} {len} #")
                }
                ["ME", key, ..] => {
                    format!("ME {key} {}", words.iter().find(|word| word.starts_with("fetch")).unwrap())
                }
                ["HD" | "VA", ..] => {
                    let normal =
                        words.iter().enumerate().map(|(at, word)| match (at, word.split_at_checked(1)) {
                            (1.., Some(("c", number))) if number.parse::<u64>().is_ok() => "c#".to_owned(),
                            (1.., Some(("t", number))) => match number.parse::<i64>() {
                                Ok(left @ 1..) => format!("t{}", (left + 5) / 10),
                                _ => (*word).to_owned(),
                            },
                            _ => (*word).to_owned(),
                        });
                    normal.collect::<Vec<_>>().join(" ")
                }
                _ => line.to_owned(),
            }
        })
        .collect()
}

fn compare(seed: u64, batches: usize, threads: &str) {
    let mut servers = [
        Server::start(Kind::Memcached, &["-m", "512"]),
        Server::start(Kind::Brasa, &["-m", "512", "-t", threads]),
    ];
    let mut random = Random(seed);
    for batch in 0..batches {
        let commands: Vec<[Vec<u8>; 2]> =
            (0..50).map(|_| command(&mut random, &servers, batch % 2 == 1)).collect();
        let pieces = if random.chance(20) { 1 + random.below(40) } else { 1 };
        let replies: Vec<Vec<String>> = servers
            .iter_mut()
            .enumerate()
            .map(|(which, server)| {
                let bytes: Vec<u8> = commands.iter().flat_map(|command| command[which].clone()).collect();
                // A value that is announced too long takes in what follows, but not the end.
                let bytes = [&bytes[..], b"version\r\n"].concat();
                let reply = server.ask(&bytes, pieces);
                normal(&reply, &mut server.cas)
            })
            .collect();
        if replies[0] != replies[1] {
            let at = replies[0].iter().zip(&replies[1]).take_while(|(a, b)| a == b).count();
            let shown: Vec<String> = commands
                .iter()
                .map(|command| String::from_utf8_lossy(&command[0]).chars().take(100).collect::<String>())
                .collect();
            let of = |which: usize| &replies[which][at.saturating_sub(6)..replies[which].len().min(at + 4)];
            panic!(
                "seed {seed}, batch {batch}, reply line {at}:\nmemcached {:#?}\nbrasa {:#?}\n{shown:#?}",
                of(0),
                of(1)
            );
        }
    }
}

#[test]
fn random_commands_are_answered_as_by_memcached() {
    compare(1, 2000, "1");
    compare(2, 2000, "2");
}

#[test]
fn many_keys_and_large_values() {
    let mut server = Server::start(Kind::Brasa, &["-t", "2"]);
    let mut commands = Vec::new();
    for number in 0..5000 {
        commands.extend_from_slice(format!("set key{number} {number} 0 5\r\nabcde\r\n").as_bytes());
    }
    let reply = server.ask(&commands, 1);
    assert_eq!(reply.len(), 5000 * 8 + 4);
    // A line of 50 KB, in pieces too.
    let keys: Vec<String> = (0..5000).map(|number| format!("key{number}")).collect();
    let line = format!("get {}\r\n", keys.join(" "));
    let expected: String =
        (0..5000).map(|number| format!("VALUE key{number} {number} 5\r\nabcde\r\n")).collect();
    for pieces in [1, 7, 50] {
        let reply = server.ask(line.as_bytes(), pieces);
        assert_eq!(reply, format!("{expected}END\r\nMN\r\n").as_bytes());
    }
    let large = vec![b'x'; 1_000_000];
    let set = [b"set large 0 0 1000000\r\n".as_slice(), &large, b"\r\n"].concat();
    assert_eq!(server.ask(&set, 9), b"STORED\r\nMN\r\n");
    let reply = server.ask(b"get large\r\n", 1);
    assert_eq!(reply, [b"VALUE large 0 1000000\r\n".as_slice(), &large, b"\r\nEND\r\nMN\r\n"].concat());
    // One that is too large takes the old one away, and the connection stays in step.
    let set = [b"set large 0 0 2000000\r\n".as_slice(), &large, &large, b"\r\nget large\r\n"].concat();
    assert_eq!(server.ask(&set, 13), b"SERVER_ERROR object too large for cache\r\nEND\r\nMN\r\n");
}

#[test]
fn memory_is_bounded() {
    let mut server = Server::start(Kind::Brasa, &["-m", "16"]);
    let value = "v".repeat(1000);
    for round in 0..100 {
        let sets: String =
            (0..1000).map(|number| format!("set k{round}-{number} 0 0 1000\r\n{value}\r\n")).collect();
        assert!(server.ask(sets.as_bytes(), 1).starts_with(b"STORED"));
    }
    let stats = String::from_utf8(server.ask(b"stats\r\n", 1)).unwrap();
    let of = |name: &str| -> u64 {
        stats.lines().find_map(|line| line.strip_prefix(&format!("STAT {name} "))).unwrap().parse().unwrap()
    };
    assert!(of("evictions") > 50_000, "{stats}");
    assert!(of("curr_items") > 4_000 && of("curr_items") < 17_000, "{stats}");
    assert_eq!((of("cmd_set"), of("limit_maxbytes")), (100_000, 16 << 20));
    let mut full = Server::start(Kind::Brasa, &["-m", "16", "-M"]);
    let mut refused = false;
    for round in 0..100 {
        let sets: String =
            (0..1000).map(|number| format!("set k{round}-{number} 0 0 1000\r\n{value}\r\n")).collect();
        refused |= full.ask(sets.as_bytes(), 1).windows(12).any(|w| w == b"SERVER_ERROR");
    }
    assert!(refused);
    assert!(full.ask(b"get k0-0\r\n", 1).starts_with(b"VALUE k0-0"));
}

#[test]
fn strangers_and_junk() {
    let file = std::env::temp_dir().join(format!("brasa-memcached-auth-{}", std::process::id()));
    std::fs::write(&file, "ana:secret\n").unwrap();
    let server = Server::start(Kind::Brasa, &["-Y", file.to_str().unwrap()]);
    let mut stream = server.connect();
    let mut ask = |bytes: &[u8], expected: &str| {
        stream.write_all(bytes).unwrap();
        let mut reply = vec![0; expected.len()];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    };
    ask(b"get a\r\n", "CLIENT_ERROR unauthenticated\r\n");
    ask(b"set auth 0 0 9\r\nana wrong\r\n", "CLIENT_ERROR authentication failure\r\n");
    ask(b"set auth 0 0 10\r\nana secret\r\nget a\r\n", "STORED\r\nEND\r\n");
    ask(b"config get cluster\r\n", "CONFIG cluster 0 ");
    std::fs::remove_file(&file).unwrap();
    let mut junk = server.connect();
    junk.write_all(&vec![b'z'; 5000]).unwrap();
    let mut rest = Vec::new();
    // Closed, whether or not all that was sent had been read by then.
    if junk.read_to_end(&mut rest).is_ok() {
        assert!(rest.is_empty());
    }
}
