//! Differential tests: this crate against a real valkey-server, on random input.
//!
//! They run when the environment variable `VALKEY_SERVER` names a server binary, and say so when they do not.
//! Every input comes from a fixed seed, so a difference can be repeated.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wire::glob;
use wire::long_double::LongDouble;
use wire::number::{DoubleBuf, format_f64, parse_f64, parse_i64};
use wire::resp::{
    Limits, Parsed, ProtocolError, Reply, ReplyWriter, RequestParser, Resp, encode_command, parse_reply,
};

struct Peer {
    child: Child,
    dir: PathBuf,
}

impl Peer {
    /// Starts a server that listens on a Unix socket only, or prints why not.
    fn start(test: &str) -> Option<Self> {
        let Some(binary) = std::env::var_os("VALKEY_SERVER") else {
            eprintln!("{test}: skipped, VALKEY_SERVER names no valkey-server to compare with");
            return None;
        };
        let dir = std::env::temp_dir().join(format!("wire-peer-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory for the peer");
        let child = Command::new(binary)
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(dir.join("socket"))
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::null())
            .spawn()
            .expect("VALKEY_SERVER can be started");
        Some(Self { child, dir })
    }

    fn connect(&self) -> Link {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match UnixStream::connect(self.dir.join("socket")) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
                    return Link { stream, input: Vec::new() };
                }
                Err(error) => assert!(Instant::now() < deadline, "the peer does not listen: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("the peer can be stopped");
        std::fs::remove_dir_all(&self.dir).expect("the peer's directory can be removed");
    }
}

struct Link {
    stream: UnixStream,
    input: Vec<u8>,
}

impl Link {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the peer reads");
    }

    /// The next reply, or `None` at the end of the stream.
    fn receive(&mut self) -> Option<Reply> {
        loop {
            if let Some((reply, len)) = parse_reply(&self.input).expect("the peer speaks RESP") {
                self.input.drain(..len);
                return Some(reply);
            }
            let mut chunk = [0; 65536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.input.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    fn ask(&mut self, args: &[&[u8]]) -> Reply {
        let mut request = Vec::new();
        encode_command(&mut request, args);
        self.send(&request);
        self.receive().expect("a reply")
    }

    /// Sends all commands at once and collects the replies.
    fn ask_all(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Reply> {
        let mut request = Vec::new();
        for command in commands {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            encode_command(&mut request, &args);
        }
        self.send(&request);
        commands.iter().map(|_| self.receive().expect("a reply")).collect()
    }
}

/// SplitMix64, as in the crate's own tests.
struct Prng(u64);

impl Prng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes_of(&mut self, alphabet: &[u8], max_len: usize) -> Vec<u8> {
        (0..self.below(max_len + 1)).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    fn digits(&mut self, max_len: usize) -> String {
        (0..1 + self.below(max_len)).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    /// A text that is, mostly, a number.
    fn number(&mut self, exponent_reach: usize) -> String {
        let sign = ["", "", "-", "+"][self.below(4)];
        let exponent = self.below(2 * exponent_reach) as i64 - exponent_reach as i64;
        match self.below(12) {
            0 => format!("{sign}{}", self.digits(18)),
            1 => format!("{sign}{}.{}", self.digits(5), self.digits(17)),
            2 => format!("{sign}{}e{}", self.digits(10), exponent % 40),
            3 => format!("{sign}{}.{}e{exponent}", self.digits(2), self.digits(20)),
            4 => format!("{sign}0.{}", self.digits(60)),
            5 => format!("{sign}{}", self.digits(60)),
            6 => format!("{sign}{}.{}", self.digits(300), self.digits(300)),
            7 => format!("{sign}0x{:x}.{:x}p{exponent}", self.next() >> self.below(64), self.next()),
            8 => {
                format!("{sign}{}{}", self.next() | 1 << 62, ["", ".5", ".25", ".75", ".125"][self.below(5)])
            }
            9 => f64::from_bits(self.next()).to_string(),
            10 => format!("{:e}", f64::from_bits(self.next())),
            _ => String::from_utf8(self.bytes_of(b"01.e+-xpPinfINFa ", 7)).expect("ASCII"),
        }
    }
}

fn args(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.to_vec()).collect()
}

#[test]
fn incrbyfloat() {
    let Some(peer) = Peer::start("incrbyfloat") else { return };
    let mut link = peer.connect();
    let mut rng = Prng(11);
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..100 {
        let reach = [30, 400, 5000, 17000][rng.below(4)];
        let pairs: Vec<_> = (0..200).map(|_| (rng.number(reach), rng.number(reach))).collect();
        let commands: Vec<_> = pairs
            .iter()
            .flat_map(|(value, by)| {
                [args(&[b"SET", b"k", value.as_bytes()]), args(&[b"INCRBYFLOAT", b"k", by.as_bytes()])]
            })
            .collect();
        for ((value, by), reply) in pairs.iter().zip(link.ask_all(&commands).chunks(2).map(|pair| &pair[1])) {
            let ours = match (LongDouble::parse(value.as_bytes()), LongDouble::parse(by.as_bytes())) {
                (Some(value), Some(by)) if value.add(by).is_finite() => {
                    answered += 1;
                    let mut text = Vec::new();
                    value.add(by).format_human(&mut text);
                    Reply::Bulk(text)
                }
                (Some(_), Some(_)) => Reply::Error(b"ERR increment would produce NaN or Infinity".to_vec()),
                _ => {
                    refused += 1;
                    Reply::Error(b"ERR value is not a valid float".to_vec())
                }
            };
            assert_eq!(ours, *reply, "{value} + {by}");
        }
    }
    assert!(answered > 8000 && refused > 1000, "{answered} {refused}");
}

#[test]
fn scores() {
    let Some(peer) = Peer::start("scores") else { return };
    let mut link = peer.connect();
    // A listpack stores whole scores as integers, which would hide the sign of zero.
    link.ask(&[b"CONFIG", b"SET", b"zset-max-listpack-entries", b"0"]);
    let mut rng = Prng(12);
    for _ in 0..300 {
        let texts: Vec<_> = (0..200)
            .map(|_| match rng.below(3) {
                0 => rng.number(350),
                1 => format!("{:e}", f64::from_bits(rng.next())),
                // Decimal-looking doubles, and whole ones around the limits of integer printing.
                _ => format!("{:e}", (rng.next() >> rng.below(64)) as f64 / 10f64.powi(rng.below(12) as i32)),
            })
            .collect();
        let commands: Vec<_> = texts
            .iter()
            .flat_map(|text| {
                [
                    args(&[b"DEL", b"z"]),
                    // In the second pair `nx` is no option but a score.
                    args(&[b"ZADD", b"z", b"0", b"other", text.as_bytes(), b"m"]),
                    args(&[b"ZSCORE", b"z", b"m"]),
                ]
            })
            .collect();
        for (text, replies) in texts.iter().zip(link.ask_all(&commands).chunks(3)) {
            let ours = match parse_f64(text.as_bytes()) {
                None => [Reply::Error(b"ERR value is not a valid float".to_vec()), Reply::NullBulk],
                Some(value) => {
                    [Reply::Int(2), Reply::Bulk(format_f64(value, &mut DoubleBuf::new()).to_vec())]
                }
            };
            assert_eq!(ours, replies[1..], "{text}");
        }
    }
}

#[test]
fn integers() {
    let Some(peer) = Peer::start("integers") else { return };
    let mut link = peer.connect();
    let mut rng = Prng(13);
    for _ in 0..3000 {
        let text = match rng.below(3) {
            0 => (rng.next() as i64 >> rng.below(64)).to_string(),
            1 => rng.digits(21),
            _ => String::from_utf8(rng.bytes_of(b"0123-+ .9", 20)).expect("ASCII"),
        };
        link.ask(&[b"SET", b"k", b"0"]);
        let accepted = !link.ask(&[b"INCRBY", b"k", text.as_bytes()]).is_error();
        assert_eq!(parse_i64(text.as_bytes()).is_some(), accepted, "{text}");
    }
}

#[test]
fn globs() {
    let Some(peer) = Peer::start("globs") else { return };
    let mut link = peer.connect();
    let mut rng = Prng(14);
    let alphabet = b"abcA-]^[\\*\x7f\x80\xff";
    let keys: Vec<_> = (0..400).map(|_| [rng.bytes_of(alphabet, 5), b"a".to_vec()].concat()).collect();
    for key in &keys {
        link.ask(&[b"SET", key, b""]);
    }
    let mut matched = 0;
    for _ in 0..4000 {
        let pattern = rng.bytes_of(b"ab*?[]^-\\A*[a\x7f\x80", 9);
        let Reply::Array(theirs) = link.ask(&[b"KEYS", &pattern]) else { panic!("an array") };
        let mut theirs: Vec<_> = theirs.iter().map(|key| key.as_bytes().expect("a key").to_vec()).collect();
        let mut ours: Vec<_> =
            keys.iter().filter(|key| glob::matches(&pattern, key, false)).cloned().collect();
        theirs.sort();
        ours.sort();
        ours.dedup();
        matched += ours.len();
        assert_eq!(ours, theirs, "{}", pattern.escape_ascii());
    }
    assert!(matched > 10_000, "{matched}");
}

#[test]
fn globs_without_case() {
    let Some(peer) = Peer::start("globs-nocase") else { return };
    let mut link = peer.connect();
    let names = |reply: Reply| -> Vec<Vec<u8>> {
        let Reply::Array(flat) = reply else { panic!("an array") };
        let mut names: Vec<_> =
            flat.iter().step_by(2).map(|name| name.as_bytes().expect("a name").to_vec()).collect();
        names.sort();
        names
    };
    let all = names(link.ask(&[b"CONFIG", b"GET", b"*"]));
    let mut rng = Prng(15);
    let mut matched = 0;
    for _ in 0..4000 {
        let name = &all[rng.below(all.len())];
        // Mutilate a real name, so that patterns have something to hit.
        let mut pattern = name.to_vec();
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(pattern.len());
            match rng.below(5) {
                0 => pattern[at].make_ascii_uppercase(),
                1 => pattern[at] = b'?',
                2 => pattern.truncate(at),
                3 => drop(pattern.splice(at..=at, rng.bytes_of(b"[A-Z]M^\\Pz-a", 6))),
                _ => pattern[at] = b'*',
            }
            pattern.push(b'*');
        }
        // Without pattern characters CONFIG GET looks the name up instead.
        if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
            continue;
        }
        let ours: Vec<_> = all.iter().filter(|name| glob::matches(&pattern, name, true)).cloned().collect();
        matched += ours.len();
        let theirs = names(link.ask(&[b"CONFIG", b"GET", &pattern]));
        assert_eq!(ours, theirs, "{}", pattern.escape_ascii());
    }
    assert!(matched > 4000, "{matched}");
}

/// The commands and the error this crate makes of a stream.
fn parse_all(stream: &[u8]) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let mut buf = stream.to_vec();
    let (mut parser, mut pos, mut args, mut commands) = (RequestParser::default(), 0, Vec::new(), Vec::new());
    loop {
        args.clear();
        match parser.parse(&mut buf, pos, &Limits::default(), &mut args) {
            Ok(Parsed::Complete { next }) => {
                pos = next;
                if !args.is_empty() {
                    commands.push(args.iter().map(|span| span.of(&buf).to_vec()).collect());
                }
            }
            Ok(Parsed::Incomplete { .. }) => return (commands, None),
            Err(error) => return (commands, Some(error)),
        }
    }
}

#[test]
fn inline_commands() {
    let Some(peer) = Peer::start("inline") else { return };
    let mut link = peer.connect();
    let mut rng = Prng(16);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut line = b"RPUSH k a".to_vec();
        line.extend(rng.bytes_of(b"\"\"'\\\\x4fF  \xff\xfeanrtb\t\x0b\r\x0c", 12));
        line.extend_from_slice(if rng.below(2) == 0 { b"\n" } else { b"\r\n" });
        let (commands, error) = parse_all(&line);
        link.ask(&[b"DEL", b"k"]);
        link.send(&line);
        let reply = link.receive().expect("a reply");
        match error {
            Some(error) => {
                refused += 1;
                let mut expected = Vec::new();
                ReplyWriter::new(&mut expected, Resp::V2).protocol_error(&error);
                assert_eq!(
                    parse_reply(&expected),
                    Ok(Some((reply, expected.len()))),
                    "{}",
                    line.escape_ascii()
                );
                assert_eq!(link.receive(), None);
                link = peer.connect();
            }
            None => {
                let items = commands[0][2..].iter().map(|item| Reply::Bulk(item.clone())).collect();
                let theirs = link.ask(&[b"LRANGE", b"k", b"0", b"-1"]);
                assert_eq!(Reply::Array(items), theirs, "{}", line.escape_ascii());
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn multibulk_streams() {
    let Some(peer) = Peer::start("multibulk") else { return };
    let mut rng = Prng(17);
    let mut refused = 0;
    for _ in 0..3000 {
        // ECHO commands, damaged in a byte or two, and a PING that shows whether the stream survived.
        let mut stream = Vec::new();
        for _ in 0..1 + rng.below(3) {
            encode_command(&mut stream, &[b"ECHO", &rng.bytes_of(b"a\r\n$*1", 12)]);
        }
        for _ in 0..rng.below(3) {
            let at = rng.below(stream.len());
            match rng.below(3) {
                0 => stream[at] = b"0123456789\r\n$*-+ x\xff"[rng.below(19)],
                1 => drop(stream.remove(at)),
                _ => stream.insert(at, b"0123456789\r\n$*-+ x"[rng.below(18)]),
            }
        }
        let (commands, error) = parse_all(&stream);
        let mut link = peer.connect();
        link.send(&stream);
        link.stream.shutdown(std::net::Shutdown::Write).expect("half-close");
        let mut theirs = Vec::new();
        while let Some(reply) = link.receive() {
            theirs.push(reply);
        }
        let stream = stream.escape_ascii();
        let Some(error) = error else {
            // The peer may close before it has answered commands in front of an unfinished one.
            for (command, reply) in commands.iter().zip(&theirs) {
                same_echo(command, reply, &stream.to_string());
            }
            assert!(theirs.len() <= commands.len(), "{stream}");
            continue;
        };
        refused += 1;
        let mut expected = Vec::new();
        ReplyWriter::new(&mut expected, Resp::V2).protocol_error(&error);
        let last = theirs.pop().expect("an error");
        assert_eq!(parse_reply(&expected), Ok(Some((last, expected.len()))), "{stream}");
        assert_eq!(theirs.len(), commands.len(), "{stream}");
        for (command, reply) in commands.iter().zip(&theirs) {
            same_echo(command, reply, &stream.to_string());
        }
    }
    assert!(refused > 500, "{refused}");
}

fn same_echo(command: &[Vec<u8>], reply: &Reply, stream: &str) {
    match command {
        [name, text] if name.eq_ignore_ascii_case(b"ECHO") => {
            assert_eq!(*reply, Reply::Bulk(text.clone()), "{stream}")
        }
        _ => assert!(reply.is_error(), "{stream}"),
    }
}
