//! The bare request/reply loop: accept, read, count, answer, and nothing else.
//!
//! Requests have a fixed size and every one gets the same reply, so no byte is looked at. What it reaches with a
//! poller is the most any server of ours could reach with it on that machine; benchmarks report the engine
//! against it.

use crate::clock::{self, CpuOf};
use crate::eventfd::Waker;
use crate::poller::{self, Event, Poller, PollerKind, Received};
use crate::socket;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
/// Reply bytes owed to one client before its requests are left unread.
const OWED_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 64 * 1024;
const ACCEPTS_PER_TURN: usize = 64;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests answered.
    pub requests: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Turns of the loop, each with one `wait`.
    pub turns: u64,
    /// Processor time of the thread in user code, microseconds.
    pub user_us: u64,
    /// Processor time of the thread in the kernel, microseconds.
    pub system_us: u64,
}

struct Client {
    fd: OwnedFd,
    generation: u32,
    /// Bytes of a request whose rest has not come.
    partial: usize,
    /// Reply bytes not yet taken by the poller, and where in a reply they start.
    owed: usize,
    at: usize,
    blocked: bool,
    paused: bool,
}

/// Answers every `request_bytes` received on a connection to `listener` with a reply of `reply_bytes`, until
/// `stop` is woken. The reply is a RESP string, so that Redis clients accept it.
pub fn serve(
    listener: OwnedFd,
    kind: PollerKind,
    request_bytes: usize,
    reply_bytes: usize,
    stop: &Waker,
) -> io::Result<Tally> {
    if request_bytes == 0 || reply_bytes < 3 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a request has a byte, a reply at least 3"));
    }
    let mut poller = poller::open(kind)?;
    poller.add_listener(listener.as_fd(), LISTENER)?;
    poller.add_listener(stop.as_fd(), STOP)?;
    let mut server = Server {
        poller,
        clients: Vec::new(),
        free: Vec::new(),
        input: Vec::with_capacity(READ_BYTES),
        replies: reply(reply_bytes).repeat((64 * 1024 / reply_bytes).max(1)),
        reply_bytes,
        request_bytes,
        tally: Tally::default(),
    };
    let before = clock::cpu_time(CpuOf::Thread);
    let mut events = Vec::new();
    'run: loop {
        server.poller.wait(None, &mut events)?;
        server.tally.turns += 1;
        for event in &events {
            match event.token {
                STOP => break 'run,
                LISTENER => server.accept(&listener)?,
                _ => server.turn(event),
            }
        }
    }
    let after = clock::cpu_time(CpuOf::Thread);
    server.tally.user_us = after.user_us - before.user_us;
    server.tally.system_us = after.system_us - before.system_us;
    Ok(server.tally)
}

/// A RESP bulk string of exactly this many bytes, or a simple string where no bulk string has that length.
fn reply(bytes: usize) -> Vec<u8> {
    for digits in 1..20 {
        // `$`, the digits, and two line ends.
        let Some(content) = bytes.checked_sub(5 + digits) else { break };
        if content.to_string().len() == digits {
            return format!("${content}\r\n{}\r\n", "x".repeat(content)).into_bytes();
        }
    }
    format!("+{}\r\n", "x".repeat(bytes - 3)).into_bytes()
}

struct Server {
    poller: poller::AnyPoller,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    input: Vec<u8>,
    /// Many replies in a row.
    replies: Vec<u8>,
    reply_bytes: usize,
    request_bytes: usize,
    tally: Tally,
}

fn token(index: usize, generation: u32) -> u64 {
    // The highest generations would look like the tokens above.
    u64::from(generation & 0x7fff_ffff) << 32 | index as u64
}

impl Server {
    fn accept(&mut self, listener: &OwnedFd) -> io::Result<()> {
        let mut accepted = Vec::new();
        socket::accept_each(listener.as_fd(), ACCEPTS_PER_TURN, |connection| accepted.push(connection.fd))?;
        for fd in accepted {
            socket::set_nodelay(fd.as_fd(), true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.clients.push(None);
                self.clients.len() - 1
            });
            self.tally.connections += 1;
            let generation = self.tally.connections as u32;
            self.poller.add(fd.as_fd(), token(index, generation))?;
            let client = Client { fd, generation, partial: 0, owed: 0, at: 0, blocked: false, paused: false };
            self.clients[index] = Some(client);
        }
        Ok(())
    }

    fn turn(&mut self, event: &Event) {
        let index = (event.token & 0xffff_ffff) as usize;
        let Some(Some(client)) = self.clients.get(index) else { return };
        if token(index, client.generation) != event.token {
            return;
        }
        if self.exchange(index, event).is_err()
            && let Some(client) = self.clients[index].take()
        {
            self.poller.remove(client.fd.as_fd(), event.token);
            self.free.push(index);
        }
    }

    /// Reads and answers; an error means the connection is over.
    fn exchange(&mut self, index: usize, event: &Event) -> io::Result<()> {
        let Some(client) = &mut self.clients[index] else { return Ok(()) };
        let token = event.token;
        if event.readable && !client.paused {
            loop {
                self.input.clear();
                match self.poller.recv(client.fd.as_fd(), token, &mut self.input, READ_BYTES)? {
                    Received::Data(got) => {
                        client.partial += got;
                        let requests = client.partial / self.request_bytes;
                        client.partial %= self.request_bytes;
                        client.owed += requests * self.reply_bytes;
                        self.tally.requests += requests as u64;
                        // A short read emptied the socket.
                        if got < READ_BYTES || client.owed > OWED_BYTES_MAX {
                            break;
                        }
                    }
                    Received::WouldBlock => break,
                    Received::Eof => return Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
        while client.owed > 0 {
            let end = self.replies.len().min(client.at + client.owed);
            let sent = self.poller.send(client.fd.as_fd(), token, &self.replies[client.at..end])?;
            client.owed -= sent;
            client.at = (client.at + sent) % self.reply_bytes;
            if sent == 0 {
                break;
            }
        }
        let (blocked, paused) = (client.owed > 0, client.owed > OWED_BYTES_MAX);
        if blocked != client.blocked {
            client.blocked = blocked;
            self.poller.want_write(client.fd.as_fd(), token, blocked)?;
        }
        if paused != client.paused {
            client.paused = paused;
            self.poller.pause_read(client.fd.as_fd(), token, paused)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::ListenOptions;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpStream};

    #[test]
    fn replies_have_the_size_asked_for() {
        for bytes in 3..3000 {
            assert_eq!(reply(bytes).len(), bytes);
        }
        assert_eq!(reply(6), b"$0\r\n\r\n");
        assert_eq!(reply(70).len(), 70);
        assert!(reply(70).starts_with(b"$63\r\nx"));
        assert_eq!(reply(4), b"+x\r\n");
    }

    #[test]
    fn every_request_is_answered_however_it_is_cut() {
        for kind in [PollerKind::Epoll, PollerKind::Auto] {
            let listener =
                socket::listen_tcp((Ipv4Addr::LOCALHOST, 0).into(), ListenOptions::default()).unwrap();
            let address = socket::local_address(listener.as_fd()).unwrap();
            let stop = Waker::new().unwrap();
            let stopper = stop.clone();
            let server = std::thread::spawn(move || serve(listener, kind, 10, 70, &stop).unwrap());
            let mut clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
            for client in &mut clients {
                client.write_all(&[b'q'; 4]).unwrap();
                client.write_all(&[b'q'; 9]).unwrap();
                client.write_all(&[b'q'; 7]).unwrap();
                let mut got = [0; 140];
                client.read_exact(&mut got).unwrap();
                assert_eq!(got[..], reply(70).repeat(2));
            }
            // Far more than fits anywhere, written before anything is read.
            let mut flood = clients.pop().unwrap();
            let mut reader = flood.try_clone().unwrap();
            let writer = std::thread::spawn(move || flood.write_all(&vec![b'q'; 2_000_000]).unwrap());
            std::thread::sleep(std::time::Duration::from_millis(50));
            let mut got = vec![0; 14_000_000];
            reader.read_exact(&mut got).unwrap();
            assert_eq!(got, reply(70).repeat(200_000));
            writer.join().unwrap();
            drop(clients);
            stopper.wake();
            let tally = server.join().unwrap();
            assert_eq!((tally.requests, tally.connections), (200_010, 5));
        }
    }
}
