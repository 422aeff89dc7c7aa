//! A real server for tests to compare with, when the environment variable `VALKEY_SERVER` names one, and the
//! golden files that stand in for it otherwise.
//!
//! `VALKEY_SERVER=… UPDATE_GOLDEN=1 cargo test -p structures` writes the golden files anew from the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server and one connection to it. The server ends with this value.
pub(crate) struct Peer {
    process: Child,
    folder: PathBuf,
    stream: BufReader<UnixStream>,
}

/// A reply in the form that tests compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A status or an error, with its first character.
    Line(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Reply>),
}

impl Reply {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Reply::Bulk(bytes) => bytes,
            other => panic!("expected a string, got {other:?}"),
        }
    }
}

impl Peer {
    /// Starts the server, or gives `None` where there is none. `name` keeps concurrent tests apart.
    pub(crate) fn start(name: &str) -> Option<Peer> {
        let program = std::env::var_os("VALKEY_SERVER")?;
        let folder = std::env::temp_dir().join(format!("structures-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the server");
        let socket = folder.join("peer.sock");
        let process = Command::new(program)
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("VALKEY_SERVER starts");
        let until = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break BufReader::new(stream),
                Err(error) => assert!(Instant::now() < until, "no answer from the server: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Some(Peer { process, folder, stream })
    }

    /// Sends one command and waits for its reply.
    pub(crate) fn run(&mut self, argv: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", argv.len()).into_bytes();
        for argument in argv {
            request.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            request.extend_from_slice(argument);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).expect("the server reads");
        self.reply()
    }

    /// Sends one command of plain words.
    pub(crate) fn words(&mut self, command: &str) -> Reply {
        let argv: Vec<&[u8]> = command.split_whitespace().map(str::as_bytes).collect();
        self.run(&argv)
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        let line = line.trim_end();
        let number = || line[1..].parse::<i64>().expect("a number");
        match line.as_bytes()[0] {
            b':' => Reply::Integer(number()),
            b'$' | b'*' if number() < 0 => Reply::Null,
            b'$' => {
                let mut bytes = vec![0; number() as usize + 2];
                self.stream.read_exact(&mut bytes).expect("the whole string");
                bytes.truncate(bytes.len() - 2);
                Reply::Bulk(bytes)
            }
            b'*' => Reply::Array((0..number()).map(|_| self.reply()).collect()),
            _ => Reply::Line(line.to_owned()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Nothing of the server is to be kept, so it need not end in order.
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Compares `made` with the golden file at `path` under `src`, or writes the file when asked to.
///
/// `golden` is the file's content as compiled in; `from_server` says that `made` is what a server answered.
pub(crate) fn check_golden(path: &str, golden: &str, made: &str, from_server: bool) {
    if from_server && std::env::var_os("UPDATE_GOLDEN").is_some() {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(path);
        std::fs::write(file, made).expect("the golden file is writable");
        return;
    }
    assert_eq!(golden.lines().count(), made.lines().count(), "{path} has another number of lines");
    for (number, (expected, line)) in golden.lines().zip(made.lines()).enumerate() {
        assert_eq!(expected, line, "{path}, line {}", number + 1);
    }
}

/// SplitMix64: enough randomness for tests, reproducible from the seed.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
