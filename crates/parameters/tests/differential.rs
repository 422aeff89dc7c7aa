//! The same questions to this crate and to the real server, whose binary `VALKEY_SERVER` names. Without that
//! variable there is nothing to compare with and the tests pass; the golden file and the texts in the other
//! tests stand in for it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use parameters::row::Mutability;
use parameters::{Extras, Origin, Parameters, load, table};

const CLIENT: Origin = Origin::Client { local: false };

/// Where our answer is another one on purpose, or depends on the machine.
const OURS: [&str; 7] = [
    "io-threads",
    "effect-log",
    "effect-log-dir",
    "io-poller",
    "key-sharding",
    "shards",
    "transit-encryption-mode",
];

/// Not changed here: it would cut the connection, ask the operating system or the network, round up to a
/// timer's beat, or (TLS in a build without it) bring the original down.
const UNTOUCHED: &[&str] = &[
    "bind",
    "port",
    "tls-port",
    "tls-cluster",
    "tls-replication",
    "maxclients",
    "rdma-port",
    "watchdog-period",
];

fn binary() -> Option<PathBuf> {
    std::env::var_os("VALKEY_SERVER").map(PathBuf::from)
}

/// A running server on a Unix socket in a directory of its own.
struct Peer {
    child: Child,
    stream: BufReader<UnixStream>,
    asked: String,
    directory: PathBuf,
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("parameters-{name}-{}", std::process::id()));
    fs::create_dir_all(&path).expect("a directory");
    path.canonicalize().expect("it exists")
}

impl Peer {
    fn start(binary: &Path, name: &str, args: &[&str]) -> Peer {
        let directory = directory(name);
        let mut child = Command::new(binary)
            .args(args)
            .args(["--port", "0", "--unixsocket", "peer.sock"])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        let socket = directory.join("peer.sock");
        for _ in 0..100 {
            if let Ok(stream) = UnixStream::connect(&socket) {
                let mut peer =
                    Peer { child, stream: BufReader::new(stream), asked: String::new(), directory };
                // Some of the values below would have us disconnected.
                assert_eq!(peer.ask(&[b"CLIENT", b"NO-EVICT", b"ON"]), [b"OK"]);
                return peer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("the server does not listen");
    }

    fn ask(&mut self, words: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).bytes());
            request.extend(*word);
            request.extend(b"\r\n");
        }
        self.asked = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
        self.stream.get_mut().write_all(&request).expect("the server reads");
        let mut parts = Vec::new();
        self.read(&mut parts);
        parts
    }

    /// Reads a reply flat: bulk strings and array elements alike become parts.
    fn read(&mut self, parts: &mut Vec<Vec<u8>>) {
        let mut line = String::new();
        let length = self.stream.read_line(&mut line).expect("a reply");
        assert_ne!(length, 0, "the server hung up on {:?}", self.asked);
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "$" => {
                let mut bulk = vec![0; rest.parse::<usize>().expect("a length") + 2];
                self.stream.read_exact(&mut bulk).expect("a bulk string");
                bulk.truncate(bulk.len() - 2);
                parts.push(bulk);
            }
            "*" => (0..rest.parse().expect("a count")).for_each(|_| self.read(parts)),
            _ => parts.push(rest.as_bytes().to_vec()),
        }
    }

    fn get(&mut self, name: &[u8]) -> Vec<Vec<u8>> {
        self.ask(&[b"CONFIG", b"GET", name])
    }

    fn set(&mut self, name: &str, value: &[u8]) -> String {
        let reply = self.ask(&[b"CONFIG", b"SET", name.as_bytes(), value]);
        String::from_utf8_lossy(&reply[0]).into_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ours(parameters: &mut Parameters, name: &str, value: &[u8]) -> String {
    match parameters.set(name.as_bytes(), value, CLIENT) {
        Ok(_) => "OK".to_string(),
        Err(error) => String::from_utf8_lossy(&error.reply()).into_owned(),
    }
}

fn flat(found: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<Vec<u8>> {
    found.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// Values good and bad for any type.
const VALUES: [&str; 84] = [
    "",
    " ",
    "0",
    "1",
    "2",
    "3",
    "7",
    "64",
    "99",
    "100",
    "101",
    "128",
    "500",
    "501",
    "65535",
    "65536",
    "1048576",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-0",
    "-1",
    "-2",
    "-2147483648",
    "-2147483649",
    "-9223372036854775808",
    "+1",
    "01",
    " 1",
    "1 ",
    "0x10",
    "1.5",
    "1e3",
    "1k",
    "1KB",
    "2mb",
    "3g",
    "1Gb",
    "1t",
    "kb",
    "1 kb",
    "5%",
    "100%",
    "101%",
    "-1%",
    "%",
    "yes",
    "NO",
    "Yes",
    "true",
    "abc",
    "a b",
    "a/b",
    "a,b",
    "a_b",
    "é",
    "a\0b",
    "\0",
    "'a'",
    "\"a\"",
    "a\nb",
    "always",
    "notice",
    "DEBUG",
    "save",
    "save force",
    "nosave save",
    "default",
    "json",
    "allkeys-lru",
    "KEA",
    "gxn",
    "3600 1 60 5",
    "normal 1gb 2kb 3000",
    "replica 0 0 0 pubsub 1 1 1",
    "1 2 3",
    "0 50.5 100",
    "127.0.0.1",
    "::1",
];

#[test]
fn every_parameter_answers_as_in_the_original() {
    let Some(binary) = binary() else { return };
    let mut peer = Peer::start(&binary, "set", &[]);
    let mut parameters = Parameters::new();
    let mut compared = 0;
    for (name, id) in table::all().flat_map(|id| id.row().names().map(move |name| (name, id))) {
        if OURS.contains(&name) || UNTOUCHED.contains(&name) {
            continue;
        }
        let row = id.row();
        if !["dir", "unixsocket"].contains(&name) {
            let value = flat(parameters.config_get(&[name.as_bytes()]));
            assert_eq!(value, peer.get(name.as_bytes()), "default of {name}");
        }
        let before = parameters.text(id);
        for value in VALUES {
            let (mine, theirs) =
                (ours(&mut parameters, name, value.as_bytes()), peer.set(name, value.as_bytes()));
            // Turning these on needs a certificate or another server, which is no matter of the table.
            let unable = theirs.contains("Check server logs");
            if !unable {
                let mine = mine.replace(", allkeys-s3fifo", "");
                assert_eq!(mine, theirs, "CONFIG SET {name} {value:?}");
            }
            if theirs == "OK" {
                let shown = flat(parameters.config_get(&[name.as_bytes()]));
                assert_eq!(shown, peer.get(name.as_bytes()), "CONFIG GET {name} after {value:?}");
            }
            compared += 1;
        }
        if row.mutability == Mutability::Modifiable && name != "rdma-bind" {
            assert_eq!(ours(&mut parameters, name, &before), "OK", "{name}");
            assert_eq!(peer.set(name, &before), "OK", "{name}");
        }
    }
    assert!(compared > 15_000, "{compared}");
}

#[test]
fn patterns_find_the_same_names() {
    let Some(binary) = binary() else { return };
    let mut peer = Peer::start(&binary, "get", &[]);
    let parameters = Parameters::new();
    for pattern in [
        "*slave*",
        "[z]set*",
        "?z",
        "*-MAX-*",
        "h\\z",
        "h[^z]",
        "Hz",
        "",
        "*ziplist*",
        "debug*",
        "debug-context",
    ] {
        let mine = flat(parameters.config_get(&[pattern.as_bytes()]));
        assert_eq!(mine, peer.get(pattern.as_bytes()), "{pattern}");
    }
    let mine = parameters.config_get(&[b"*"]).into_iter().map(|(name, _)| name);
    let mine: Vec<_> =
        mine.filter(|name| name == b"io-threads" || !OURS.iter().any(|own| own.as_bytes() == name)).collect();
    let theirs: Vec<_> = peer.get(b"*").into_iter().step_by(2).collect();
    assert_eq!(mine, theirs);
}

/// Configurations with something wrong in them; the last line stops those that would start.
const TEXTS: [&str; 52] = [
    "hz",
    "hz \"\"",
    "hz 10 20",
    "hz \"10",
    "hz \"10\"x",
    "hz '1'0",
    "hz 1\\x30",
    "hz \"1\\x30\"",
    "HZ 11",
    "\t hz 12\t\r",
    "hz 10 # c",
    "#",
    "\"hz\" 11",
    "\"",
    "save",
    "save 60",
    "save 60 1 300",
    "save \"60 1\" \"300 5\"",
    "save \"\" \"\"",
    "save 0 1",
    "save 60 1x",
    "client-output-buffer-limit normal 1 2",
    "client-output-buffer-limit x 1 2 3",
    "client-output-buffer-limit \"normal 1 2 3\"",
    "shutdown-on-sigterm",
    "notify-keyspace-events",
    "notify-keyspace-events K E",
    "oom-score-adj-values 1 2",
    "oom-score-adj-values",
    "replicaof",
    "replicaof a",
    "replicaof a b",
    "replicaof a 65536",
    "replicaof a 1 b",
    "cluster-enabled yes\nreplicaof a 1",
    "loadmodule",
    "user",
    "rename-command",
    "rename-command get",
    "dynamic-hz",
    "dynamic-hz 1 2",
    "dynamic-hz yes",
    "list-max-ziplist-value 1",
    "foo.bar",
    "sentinel monitor a",
    "sentinel",
    "logfile /no/such/file",
    "dir /no/such",
    "dir /dev/null",
    "hz -1",
    "bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
    "include",
];

#[test]
fn wrong_configurations_are_refused_in_the_same_words() {
    let Some(binary) = binary() else { return };
    let directory = directory("refused");
    let ask = |args: &[&str], stdin: &str| {
        let mut command = Command::new(&binary);
        command.args(args).current_dir(&directory).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
        child.stdin.take().expect("piped").write_all(stdin.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends").stderr
    };
    let same = |args: &[&str], stdin: &str| {
        let mine = load(args, &mut stdin.as_bytes()).expect_err("wrong").render("9.1.2");
        let theirs = ask(args, stdin);
        assert_eq!(String::from_utf8_lossy(&mine), String::from_utf8_lossy(&theirs), "{args:?} {stdin:?}");
    };
    for text in TEXTS {
        // Errors about the whole come last, so a bad line would hide them.
        let last = if text.contains("logfile") || text.contains("cluster-enabled") { "" } else { "\nzzz 1" };
        same(&["-"], &format!("{text}{last}"));
    }
    for row in
        table::ROWS.iter().filter(|row| !OURS.contains(&row.name) && row.mutability != Mutability::Modifiable)
    {
        for value in VALUES.iter().filter(|value| !value.contains('\0')) {
            if row.name == "dir" || row.name == "logfile" {
                continue;
            }
            // One process per value is slow, so only the telling ones.
            if ["", "0", "-1", "2", "abc", "yes", "65536", "4294967296", "a/b", "1 2 3"].contains(value) {
                same(&[&format!("--{}", row.name), value, "--zzz", "1"], "");
            }
        }
    }
    for args in [
        vec!["--hz", "--save", "60", "1"],
        vec!["--port", "1", "-hz", "20"],
        vec!["--port 1", "a.conf"],
        vec!["--save", "--zzz"],
        vec!["--save", "60", "1", "--zzz", "", "a b", "\u{e9}\n\"'\\"],
        vec!["--port", "1", "-", "--hz", "2"],
        vec!["--requirepass"],
        vec!["--hz", "20", "--zzz x y"],
    ] {
        same(&args, "");
    }
    fs::remove_dir_all(directory).expect("ours");
}

#[test]
fn files_are_rewritten_alike() {
    let Some(binary) = binary() else { return };
    let cases: [(&str, &[(&str, &str)]); 8] = [
        ("", &[]),
        ("# c1\n\nhz 10\n  # c2 \t\ntimeout 5\nHZ 20\n\n\n# end", &[("timeout", "7")]),
        (
            "save 60 1\n# x\nsave 300 5\nmaxmemory 1gb\nmaxmemory-clients 5%",
            &[("save", "1 2 3 4"), ("maxmemory", "1536mb")],
        ),
        ("save 60 1\n", &[("save", ""), ("maxmemory-clients", "6mb"), ("requirepass", "")]),
        (
            "slave-priority 3\nslowlog-max-len 5\nlua-time-limit 7\nloglevel NOTICE\n",
            &[("hll-sparse-max-bytes", "2gb")],
        ),
        (
            "dynamic-hz yes\nrename-command get foo\nsentinel\nlogfile \"\"\naclfile \"\"\nprimaryauth \"\"\npidfile \"\"\n",
            &[],
        ),
        (
            "client-output-buffer-limit normal 0 0 0 replica 1 2 3\n",
            &[("client-output-buffer-limit", "pubsub 1 2 3")],
        ),
        (
            "latency-tracking-info-percentiles \"\"\nunixsocketperm 755\nreplicaof 127.0.0.1 1\n",
            &[
                ("notify-keyspace-events", "KEA"),
                ("shutdown-on-sigterm", "save now"),
                ("oom-score-adj-values", "1 2 3"),
                ("slowlog-log-slower-than", "-1"),
                ("slot-migration-max-failover-repl-bytes", "-1"),
                ("availability-zone", "a \"b\"\n\u{e9}"),
                ("debug-context", "x"),
                ("oom-score-adj", "relative"),
            ],
        ),
    ];
    for (index, (old, changes)) in cases.iter().enumerate() {
        let name = format!("rewrite{index}");
        let place = directory(&name);
        let path = place.join("node.conf");
        fs::write(&path, old).expect("writable");
        let path_text = path.to_str().expect("text");
        let mut peer = Peer::start(&binary, &name, &[path_text]);
        let sockets =
            [path_text, "--port", "0", "--unixsocket", "peer.sock", "--dir", place.to_str().expect("text")];
        let mut parameters = load(&sockets, &mut std::io::empty()).expect("valid");
        for (name, value) in *changes {
            assert_eq!(peer.set(name, value.as_bytes()), "OK", "{name}");
            assert_eq!(ours(&mut parameters, name, value.as_bytes()), "OK", "{name}");
        }
        // The default user's line is the access list's business; the number of threads is ours.
        let _ = parameters.set(b"io-threads", b"0", Origin::Node).expect("valid");
        assert_eq!(peer.ask(&[b"CONFIG", b"REWRITE"]), [b"OK"]);
        let theirs = fs::read(&path).expect("rewritten");
        let users = [b"default on nopass ~* &* +@all".to_vec()];
        let mine = parameters.rewrite(old.as_bytes(), &Extras { users: Some(&users), modules: None });
        assert_eq!(parts(&mine), parts(&theirs), "{old}");
    }
}

/// The text up to the marker as it is, and the lines after it without their order, which is arbitrary there.
fn parts(text: &[u8]) -> (String, BTreeSet<String>) {
    let text = String::from_utf8_lossy(text).into_owned();
    let (kept, appended) = text.split_once("# Generated by CONFIG REWRITE\n").expect("a marker");
    (kept.to_string(), appended.lines().map(str::to_string).collect())
}
