//! Random use of a poller against a model: every byte arrives once, in order, whatever is paused, cut or closed.

use super::*;

const CONNECTIONS: usize = 24;
const STEPS: usize = 6_000;

struct Client {
    ours: OwnedFd,
    peer: OwnedFd,
    token: Token,
    /// Bytes the peer wrote, fetched by us, taken by the poller, read by the peer.
    written: usize,
    fetched: usize,
    taken: usize,
    read: usize,
    paused: bool,
}

fn client(rng: &mut Rng, token: Token) -> Client {
    let (ours, peer) = if rng.below(2) == 0 { tcp_pair() } else { socket::pair().unwrap() };
    socket::set_send_buffer(ours.as_fd(), 4096 << rng.below(6)).unwrap();
    Client { ours, peer, token, written: 0, fetched: 0, taken: 0, read: 0, paused: false }
}

impl Client {
    fn fetch(&mut self, poller: &mut AnyPoller, max: usize) -> Received {
        let mut got = Vec::new();
        let received = poller.recv(self.ours.as_fd(), self.token, &mut got, max).unwrap();
        assert!(got == pattern(self.fetched, got.len()), "input out of order");
        self.fetched += got.len();
        assert!(self.fetched <= self.written);
        received
    }

    fn read(&mut self) -> usize {
        let mut got = Vec::new();
        _ = read(&self.peer, &mut got);
        assert!(got == pattern(self.read + 7, got.len()), "output out of order");
        self.read += got.len();
        assert!(self.read <= self.taken);
        got.len()
    }

    fn step(&mut self, rng: &mut Rng, poller: &mut AnyPoller) {
        let magnitude = rng.below(18);
        let size = 1 + rng.index(1 << magnitude);
        match rng.below(10) {
            0..3 => self.written += write(&self.peer, &pattern(self.written, size)),
            3..6 => {
                let bytes = pattern(self.taken + 7, size);
                self.taken += poller.send(self.ours.as_fd(), self.token, &bytes).unwrap();
            }
            6..8 => _ = self.read(),
            8 => _ = self.fetch(poller, size),
            _ => {
                self.paused = rng.below(3) == 0;
                poller.pause_read(self.ours.as_fd(), self.token, self.paused).unwrap();
            }
        }
    }

    /// Lets everything under way arrive on both sides.
    fn settle(&mut self, poller: &mut AnyPoller) {
        let start = Instant::now();
        poller.pause_read(self.ours.as_fd(), self.token, false).unwrap();
        while self.fetched < self.written || self.read < self.taken {
            poller.wait(Some(Duration::from_millis(1)), &mut Vec::new()).unwrap();
            while let Received::Data(_) = self.fetch(poller, 1 << 20) {}
            while self.read() > 0 {}
            assert!(start.elapsed() < LIMIT, "bytes are missing");
        }
    }
}

fn run(seed: u64, poller: &mut AnyPoller) {
    let mut rng = Rng::new(seed);
    let mut generation = 0;
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|slot| client(&mut rng, slot as Token)).collect();
    for client in &clients {
        poller.add(client.ours.as_fd(), client.token).unwrap();
    }
    let mut events = Vec::new();
    for _ in 0..STEPS {
        let slot = rng.index(CONNECTIONS);
        clients[slot].step(&mut rng, poller);
        match rng.below(100) {
            0..30 => {
                poller.wait(NOW, &mut events).unwrap();
                for event in &events {
                    let client = &mut clients[event.token as usize % CONNECTIONS];
                    assert_eq!(client.token, event.token, "an event of a removed connection");
                    assert!(event.readable && !client.paused && !event.closed);
                    if rng.below(4) > 0 {
                        let max = 1 + rng.index(100_000);
                        // What was fetched since the kernel noticed may have been all.
                        assert_ne!(client.fetch(poller, max), Received::Eof);
                    }
                }
            }
            30..32 => {
                // Replace a connection, at times with its last output unsent, reusing slot and descriptor.
                let settled = rng.below(2) == 0;
                if settled {
                    clients[slot].settle(poller);
                }
                generation += 1;
                let token = (slot + generation * CONNECTIONS) as Token;
                let fresh = client(&mut rng, token);
                let old = std::mem::replace(&mut clients[slot], fresh);
                poller.remove(old.ours.as_fd(), old.token);
                let Client { ours, peer, taken, mut read, fetched, written, .. } = old;
                drop(ours);
                if fetched == written {
                    // A close with unread input would reset the connection and lose output.
                    let rest = drain(poller, &peer);
                    assert!(rest == pattern(read + 7, rest.len()), "output out of order after removal");
                    read += rest.len();
                    assert_eq!(read, taken, "output taken before removal is lost");
                }
                poller.add(clients[slot].ours.as_fd(), token).unwrap();
            }
            _ => {}
        }
    }
    for client in &mut clients {
        client.settle(poller);
    }
}

#[test]
fn random_use_keeps_every_stream_whole() {
    for seed in 0..3 {
        each(|poller| run(seed, poller));
    }
}
