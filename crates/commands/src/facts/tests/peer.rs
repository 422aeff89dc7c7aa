//! Differential tests against a real server, when the environment variable `VALKEY_SERVER` names
//! one: rows against `COMMAND INFO` and `COMMAND DOCS`, key positions of random calls against
//! `COMMAND GETKEYSANDFLAGS`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

/// A private server on a Unix socket, gone with the value.
struct Peer {
    child: Child,
    folder: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Peer {
    /// Starts the server and switches to RESP3; `None` (said on standard error) without one.
    fn start(test: &str) -> Option<Peer> {
        let Some(program) = std::env::var_os("VALKEY_SERVER") else {
            eprintln!("{test}: skipped, VALKEY_SERVER names no valkey-server to compare with");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("facts-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let child = Command::new(program)
            .args(["--port", "0", "--unixsocket", "peer.sock", "--save", "", "--dir"])
            .arg(&folder)
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
        let mut peer = Peer { child, folder, stream: BufReader::new(stream) };
        peer.call(&[b"HELLO", b"3"]);
        Some(peer)
    }

    fn send(&mut self, argv: &[&[u8]]) {
        let mut request = format!("*{}\r\n", argv.len()).into_bytes();
        for arg in argv {
            request.extend(format!("${}\r\n", arg.len()).into_bytes());
            request.extend_from_slice(arg);
            request.extend(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).expect("the server reads");
    }

    fn call(&mut self, argv: &[&[u8]]) -> Node {
        self.send(argv);
        self.receive()
    }

    /// One reply; texts are leaked because a tree holds static ones. Errors come as simple strings.
    fn receive(&mut self) -> Node {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        let rest = line[1..].trim_end();
        let count = || rest.parse::<usize>().expect("a count");
        match line.as_bytes()[0] {
            b'+' | b'-' => Node::Simple(rest.to_owned().leak()),
            b':' => Node::Int(rest.parse().expect("an integer")),
            b'$' => {
                let mut bytes = vec![0; count() + 2];
                self.stream.read_exact(&mut bytes).expect("a bulk string");
                bytes.truncate(bytes.len() - 2);
                Node::Bulk(String::from_utf8(bytes).expect("text").leak())
            }
            b'*' => Node::Array((0..count()).map(|_| self.receive()).collect()),
            b'~' => Node::Set((0..count()).map(|_| self.receive()).collect()),
            b'%' => Node::Map((0..count()).map(|_| (self.receive(), self.receive())).collect()),
            other => panic!("reply type {:?}", char::from(other)),
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

#[test]
fn command_info_of_the_server_is_the_golden() {
    let Some(mut peer) = Peer::start("info") else { return };
    let Node::Array(all) = peer.call(&[b"COMMAND", b"INFO"]) else { panic!("COMMAND INFO gives an array") };
    let mut lines = Vec::new();
    all.iter().for_each(|info| golden_lines(info, &mut lines));
    lines.sort_unstable();
    let text = lines.join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/facts/tests/command_info.golden");
        std::fs::write(path, &text).expect("the golden file can be written");
    }
    assert_eq!(text, GOLDEN, "UPDATE_GOLDEN=1 writes the file anew");
}

#[test]
fn command_docs_equal_the_server() {
    let Some(mut peer) = Peer::start("docs") else { return };
    let Node::Map(docs) = peer.call(&[b"COMMAND", b"DOCS"]) else { panic!("COMMAND DOCS gives a map") };
    assert_eq!(docs.len(), CATALOGUE.iter().map(|group| group.len()).sum::<usize>());
    for (name, theirs) in &docs {
        let Node::Bulk(name) = name else { panic!("a name is {name:?}") };
        assert_eq!(render(&docs_reply(named(name))), render(theirs), "{name}");
    }
}

/// Words that mean something to some key rule.
const WORDS: [&str; 27] = [
    "k",
    "other",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "01",
    "x",
    "",
    "GET",
    "SET",
    "u8",
    "OVERFLOW",
    "STORE",
    "storedist",
    "BY",
    "LIMIT",
    "KEYS",
    "AUTH",
    "auth2",
    "STREAMS",
    "COUNT",
    "GROUP",
    "EX",
    "COPY",
    "INCRBY",
];

/// A random call of a command, rarely with a wrong number of arguments.
fn random_call(facts: &'static Facts, random: &mut impl FnMut(usize) -> usize) -> Vec<&'static [u8]> {
    let mut argv: Vec<&[u8]> = facts.name.split('|').map(str::as_bytes).collect();
    let mut argc = usize::from(facts.arity.unsigned_abs());
    if facts.arity < 0 {
        argc += random(7);
    } else if random(20) == 0 {
        argc += 1;
    }
    while argv.len() < argc {
        argv.push(WORDS[random(WORDS.len())].as_bytes());
    }
    argv
}

/// Our answer to `COMMAND GETKEYSANDFLAGS`, rendered.
fn our_keys(facts: &Facts, argv: &[&[u8]]) -> String {
    match keys_of(facts, argv) {
        Err(error) => format!("ERR {error}"),
        Ok(keys) => {
            let key = |(index, flags): &(u32, KeyFlags)| {
                let name = String::from_utf8_lossy(argv[*index as usize]).into_owned();
                let flags: Vec<_> = flags.names().collect();
                format!("[{name:?} ({})]", flags.join(" "))
            };
            format!("[{}]", keys.iter().map(key).collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn keys_of_random_calls_equal_the_server() {
    let Some(mut peer) = Peer::start("keys") else { return };
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    for facts in everything().into_iter().filter(|facts| !facts.is_container()) {
        let calls: Vec<_> = (0..200).map(|_| random_call(facts, &mut random)).collect();
        for argv in &calls {
            let mut request: Vec<&[u8]> = vec![b"COMMAND", b"GETKEYSANDFLAGS"];
            request.extend(argv);
            peer.send(&request);
        }
        for argv in &calls {
            let shown: Vec<_> = argv.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
            let (ours, theirs) = (our_keys(facts, argv), render(&peer.receive()));
            if theirs.contains("()") {
                // No access at all: the server's guess at a call that it refuses to run.
                assert!(
                    ["ERR Invalid arguments specified for command", "[]"].contains(&&*ours),
                    "{shown:?}: {ours}"
                );
            } else {
                assert_eq!(ours, theirs, "{shown:?}");
            }
        }
    }
}
