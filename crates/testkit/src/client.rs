//! A blocking client that keeps each reply's raw bytes and pipelines in batches.
//!
//! It interprets as little as it can: a client library would hide the very differences that the tests look for.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::reply::{Malformed, Scanner};

/// How long a reply may take before the server counts as stuck.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// How reading replies came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Every reply that was asked for arrived.
    Complete,
    /// The server closed the connection first.
    Closed,
    /// Nothing arrived within the timeout.
    TimedOut,
    /// What arrived is no RESP.
    Malformed(Malformed),
}

/// Replies in the bytes they arrived in.
#[derive(Debug, Clone)]
pub struct Replies {
    /// Everything received, replies first; after a close or a timeout also an unfinished rest.
    pub bytes: Vec<u8>,
    /// Where in `bytes` each whole reply ends.
    pub ends: Vec<usize>,
    /// Why reading stopped.
    pub finish: Finish,
}

impl Replies {
    /// Whole replies received.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when no whole reply was received.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of reply `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.bytes[start..end])
    }

    /// What was received after the last whole reply.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.ends.last().copied().unwrap_or(0)..]
    }
}

/// Whether a reply is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Not yet.
    None,
    /// [`Client::receive`] will not have to wait: for a reply, or for what is none.
    Reply,
    /// None will come: the server has closed.
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// Received and not yet handed out.
    input: Vec<u8>,
    chunk: Box<[u8]>,
}

impl Client {
    /// Connects to 127.0.0.1.
    pub fn connect(port: u16) -> io::Result<Self> {
        Client::over(TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?)
    }

    /// Takes over a connected stream.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Client { stream, input: Vec::new(), chunk: vec![0; 64 * 1024].into_boxed_slice() })
    }

    /// Sets how long [`Client::receive`] waits for each piece of a reply.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Receives `count` replies, or what arrives before a close, a timeout or nonsense.
    pub fn receive(&mut self, count: usize) -> Replies {
        let mut ends = Vec::with_capacity(count);
        let mut scanner = Scanner::new(0);
        let finish = loop {
            if ends.len() == count {
                break Finish::Complete;
            }
            match scanner.end(&self.input) {
                Ok(Some(end)) => {
                    ends.push(end);
                    scanner = Scanner::new(end);
                }
                Ok(None) => match self.fill() {
                    Ok(0) => break Finish::Closed,
                    Ok(_) => {}
                    Err(error) => break finish_of(&error),
                },
                Err(malformed) => break Finish::Malformed(malformed),
            }
        };
        let rest = match finish {
            Finish::Complete => self.input.split_off(ends.last().copied().unwrap_or(0)),
            _ => Vec::new(),
        };
        Replies { bytes: std::mem::replace(&mut self.input, rest), ends, finish }
    }

    /// Tells, without waiting, whether a whole reply has arrived.
    pub fn arrival(&mut self) -> io::Result<Arrival> {
        self.stream.set_nonblocking(true)?;
        let closed = loop {
            match self.fill() {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(_) => break true,
            }
        };
        self.stream.set_nonblocking(false)?;
        Ok(match Scanner::new(0).end(&self.input) {
            Ok(None) if closed => Arrival::Closed,
            Ok(None) => Arrival::None,
            Ok(Some(_)) | Err(_) => Arrival::Reply,
        })
    }

    /// Receives until what has arrived ends with `mark`, or until a close or a timeout. The mark is cut off.
    pub fn receive_until(&mut self, mark: &[u8]) -> Replies {
        let finish = loop {
            if self.input.ends_with(mark) {
                let length = self.input.len() - mark.len();
                self.input.truncate(length);
                break Finish::Complete;
            }
            match self.fill() {
                Ok(0) => break Finish::Closed,
                Ok(_) => {}
                Err(error) => break finish_of(&error),
            }
        };
        Replies { bytes: std::mem::take(&mut self.input), ends: Vec::new(), finish }
    }

    /// Receives whatever comes until the server closes, at most `timeout` long.
    pub fn receive_to_close(&mut self, timeout: Duration) -> Replies {
        let _ = self.stream.set_read_timeout(Some(timeout));
        let finish = loop {
            match self.fill() {
                Ok(0) => break Finish::Closed,
                Ok(_) => {}
                Err(error) => break finish_of(&error),
            }
        };
        let _ = self.stream.set_read_timeout(Some(REPLY_TIMEOUT));
        Replies { bytes: std::mem::take(&mut self.input), ends: Vec::new(), finish }
    }

    /// What has arrived beyond the replies that were asked for, as far as it has been read.
    pub fn unread(&self) -> &[u8] {
        &self.input
    }

    /// Sends one command and returns the raw bytes of its reply.
    pub fn command<A: AsRef<[u8]>>(&mut self, argv: &[A]) -> io::Result<Vec<u8>> {
        let mut request = Vec::new();
        encode(argv, &mut request);
        self.send(&request)?;
        let replies = self.receive(1);
        match replies.finish {
            Finish::Complete => Ok(replies.bytes),
            other => Err(io::Error::other(format!("no reply: {other:?}"))),
        }
    }

    /// Sends several commands at once and returns their replies.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, commands: &[Vec<A>]) -> io::Result<Replies> {
        let mut request = Vec::new();
        for argv in commands {
            encode(argv, &mut request);
        }
        self.send(&request)?;
        Ok(self.receive(commands.len()))
    }

    /// This end's address, as `CLIENT LIST` shows it.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Closes the sending half: the server sees the end of the stream and can still answer.
    pub fn finish_sending(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    fn fill(&mut self) -> io::Result<usize> {
        loop {
            match self.stream.read(&mut self.chunk) {
                Ok(length) => {
                    self.input.extend_from_slice(&self.chunk[..length]);
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn finish_of(error: &io::Error) -> Finish {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Finish::TimedOut,
        // A reset is how a close looks when the server had not read all that was sent.
        _ => Finish::Closed,
    }
}

/// Appends `argv` to `out` as a RESP array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(argv: &[A], out: &mut Vec<u8>) {
    let _ = write!(out, "*{}\r\n", argv.len());
    for argument in argv {
        let argument = argument.as_ref();
        let _ = write!(out, "${}\r\n", argument.len());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A server that sends `pieces` to the first client, then closes.
    fn scripted(pieces: &'static [&'static [u8]]) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for piece in pieces {
                stream.write_all(piece).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Client::connect(port).unwrap()
    }

    #[test]
    fn replies_split_across_reads_are_whole() {
        let mut client = scripted(&[b"+O", b"K\r\n:1", b"\r\n$3\r\nabc\r", b"\n*1\r\n"]);
        let replies = client.receive(2);
        assert_eq!(replies.finish, Finish::Complete);
        assert_eq!(replies.get(1), Some(b":1\r\n".as_slice()));
        let replies = client.receive(2);
        assert_eq!((replies.finish, replies.len()), (Finish::Closed, 1));
        assert_eq!(replies.rest(), b"*1\r\n");
    }

    #[test]
    fn arrival_is_told_without_waiting() {
        let mut client = scripted(&[b"$2\r\na", b"b\r\n"]);
        while client.arrival().unwrap() == Arrival::None {}
        assert_eq!(client.arrival().unwrap(), Arrival::Reply);
        assert_eq!(client.receive(1).bytes, b"$2\r\nab\r\n");
        while client.arrival().unwrap() == Arrival::None {}
        assert_eq!(client.arrival().unwrap(), Arrival::Closed);
        assert_eq!(client.receive(1).finish, Finish::Closed);
    }

    #[test]
    fn mark_ends_a_blob() {
        let mut client = scripted(&[b"+A\r\n+B", b"\r\n+MARK\r\n"]);
        let blob = client.receive_until(b"+MARK\r\n");
        assert_eq!((blob.bytes.as_slice(), blob.finish), (b"+A\r\n+B\r\n".as_slice(), Finish::Complete));
    }

    #[test]
    fn encoding_is_binary_safe() {
        let mut out = Vec::new();
        encode(&[b"SET".as_slice(), b"k\r\n", b""], &mut out);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$0\r\n\r\n");
    }
}
