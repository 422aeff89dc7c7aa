//! One connection: its socket, its random sequence, what it still has to send and to receive.

use std::{
    io::{self, Read, Write},
    net::ToSocketAddrs,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use mio::{Interest, Registry, Token, event::Source};

use crate::{
    args::BenchArgs,
    distribution::Sampler,
    random::Random,
    reply::{Scanner, Tally},
    template::Mix,
};

/// How long connecting and AUTH may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A nonblocking stream of either kind.
enum Socket {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

impl Socket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Tcp(stream) => stream,
            Socket::Unix(stream) => stream,
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(bytes),
            Socket::Unix(stream) => stream.read(bytes),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        }
    }
}

/// Connects, authenticates and makes the stream nonblocking.
fn connect(args: &BenchArgs) -> Result<Socket> {
    if let Some(path) = &args.unix_socket {
        let mut stream = std::os::unix::net::UnixStream::connect(path)
            .with_context(|| format!("cannot connect to {}", path.display()))?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        authenticate(&mut stream, args.password.as_deref())?;
        stream.set_nonblocking(true)?;
        return Ok(Socket::Unix(mio::net::UnixStream::from_std(stream)));
    }
    let name = || format!("cannot connect to {}:{}", args.host, args.port);
    let mut last = None;
    for address in (args.host.as_str(), args.port).to_socket_addrs().with_context(name)? {
        match std::net::TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(mut stream) => {
                // Without it the second small write of a batch waits 40 ms for an acknowledgement.
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
                authenticate(&mut stream, args.password.as_deref())?;
                stream.set_nonblocking(true)?;
                return Ok(Socket::Tcp(mio::net::TcpStream::from_std(stream)));
            }
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error).with_context(name),
        None => bail!("{}: the name has no address", name()),
    }
}

/// Sends AUTH on a blocking stream and waits for its reply.
fn authenticate(stream: &mut (impl Read + Write), password: Option<&str>) -> Result<()> {
    let Some(password) = password else { return Ok(()) };
    stream.write_all(format!("*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n", password.len()).as_bytes())?;
    let mut reply = Vec::new();
    let mut byte = [0];
    while !reply.ends_with(b"\r\n") && reply.len() < 1024 {
        stream.read_exact(&mut byte).context("no reply to AUTH")?;
        reply.push(byte[0]);
    }
    if reply != b"+OK\r\n" {
        bail!("AUTH was refused: {}", String::from_utf8_lossy(&reply).trim_end());
    }
    Ok(())
}

/// A connection with its state.
pub(crate) struct Connection {
    socket: Socket,
    sampler: Sampler,
    random: Random,
    scanner: Scanner,
    /// Encoded requests; those before `out_at` have left.
    out: Vec<u8>,
    out_at: usize,
    /// The beginning of a reply line whose end has not come.
    held: Vec<u8>,
    /// Requests without a reply, encoded ones included.
    pub in_flight: u64,
    /// Closed loop: when the current batch was built. Nanoseconds of the run's clock.
    pub batch_at_ns: u64,
    /// Open loop: requests that are due and not yet encoded.
    pub due: u64,
    /// Replies received.
    pub answered: u64,
    /// Requests that this connection may still encode; filling a key space needs a number, other runs do not.
    pub allowance: u64,
    /// Bytes written and read.
    pub sent_bytes: u64,
    /// See `sent_bytes`.
    pub received_bytes: u64,
}

impl Connection {
    /// Connects and registers under `token`.
    pub fn open(
        args: &BenchArgs,
        registry: &Registry,
        token: usize,
        sampler: Sampler,
        random: Random,
        scanner: Scanner,
    ) -> Result<Connection> {
        let mut socket = connect(args)?;
        registry.register(socket.source(), Token(token), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Connection {
            socket,
            sampler,
            random,
            scanner,
            out: Vec::new(),
            out_at: 0,
            held: Vec::new(),
            in_flight: 0,
            batch_at_ns: 0,
            due: 0,
            answered: 0,
            allowance: u64::MAX,
            sent_bytes: 0,
            received_bytes: 0,
        })
    }

    /// Encodes `count` requests; [`flush`](Connection::flush) sends them.
    #[inline]
    pub fn encode(&mut self, mix: &Mix, count: u64) {
        for _ in 0..count {
            mix.append(&mut self.out, &mut self.sampler, &mut self.random);
        }
        self.in_flight += count;
        self.allowance -= count;
    }

    /// Writes what the socket takes; the rest follows when it becomes writable.
    pub fn flush(&mut self) -> Result<()> {
        while self.out_at < self.out.len() {
            match self.socket.write(&self.out[self.out_at..]) {
                Ok(0) => bail!("the server stopped reading"),
                Ok(written) => {
                    self.out_at += written;
                    self.sent_bytes += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot send"),
            }
        }
        self.out.clear();
        self.out_at = 0;
        Ok(())
    }

    /// Reads once into `scratch`, behind what the last read left over. Returns how many bytes of `scratch` now hold
    /// uncounted replies and whether the socket may have more; `None` when it had nothing.
    pub fn read(&mut self, scratch: &mut [u8]) -> Result<Option<(usize, bool)>> {
        let held_bytes = self.held.len();
        let room = scratch.len() - held_bytes;
        loop {
            match self.socket.read(&mut scratch[held_bytes..]) {
                Ok(0) => bail!("the server closed the connection after {} replies", self.answered),
                Ok(read) => {
                    scratch[..held_bytes].copy_from_slice(&self.held);
                    self.held.clear();
                    self.received_bytes += read as u64;
                    return Ok(Some((held_bytes + read, read == room)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot receive"),
            }
        }
    }

    /// Counts the replies in `bytes` (from [`read`](Connection::read)) and keeps an incomplete end for later.
    pub fn count(&mut self, bytes: &[u8], tally: &mut Tally) -> Result<u64> {
        let before = tally.replies;
        let used = self.scanner.scan(bytes, tally)?;
        self.held.extend_from_slice(&bytes[used..]);
        let replies = tally.replies - before;
        if replies > self.in_flight {
            bail!("the server sent {} replies to {} requests", replies, self.in_flight);
        }
        self.in_flight -= replies;
        self.answered += replies;
        Ok(replies)
    }
}
