//! One body per promise of the trait, run for every poller: epoll, the ring, the ring without multishot receive,
//! and a ring so small that everything runs out.

use super::*;
use crate::random::Rng;
use crate::socket::{self, Accept, ListenOptions, Shutdown};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

mod stress;

const SOON: Option<Duration> = Some(Duration::from_millis(20));
const NOW: Option<Duration> = Some(Duration::ZERO);
const LIMIT: Duration = Duration::from_secs(20);

fn pollers() -> Vec<(&'static str, AnyPoller)> {
    let mut all = vec![("epoll", open(PollerKind::Epoll).unwrap())];
    let tiny = uring::Options {
        submissions: 4,
        completions: 8,
        buffers: 8,
        buffers_at_first: 1,
        buffer_bytes: 64,
        multishot: true,
    };
    let polled = uring::Options { multishot: false, ..uring::Options::default() };
    for (name, options) in [("ring", uring::Options::default()), ("tiny ring", tiny), ("polled ring", polled)]
    {
        match uring::Uring::open(options) {
            Ok(ring) => all.push((name, AnyPoller::IoUring(Box::new(ring)))),
            Err(error) => eprintln!("no io_uring here, its tests are left out: {error}"),
        }
    }
    all
}

/// Runs `body` for every poller, saying which in a failure.
fn each(body: impl Fn(&mut AnyPoller)) {
    for (name, mut poller) in pollers() {
        eprintln!("with {name}");
        body(&mut poller);
    }
}

fn tcp_pair() -> (OwnedFd, OwnedFd) {
    let listener = socket::listen_tcp((Ipv4Addr::LOCALHOST, 0).into(), ListenOptions::default()).unwrap();
    let address = socket::local_address(listener.as_fd()).unwrap();
    let client = socket::connect_tcp(address, Duration::from_secs(5)).unwrap();
    let start = Instant::now();
    loop {
        if let Accept::Connection(accepted) = socket::accept(listener.as_fd()).unwrap() {
            return (accepted.fd, client);
        }
        assert!(start.elapsed() < LIMIT);
    }
}

fn pairs() -> [(OwnedFd, OwnedFd); 2] {
    [socket::pair().unwrap(), tcp_pair()]
}

/// The peer's side, without the poller.
fn write(fd: &OwnedFd, bytes: &[u8]) -> usize {
    epoll::send_now(fd.as_fd(), bytes).unwrap()
}

fn read(fd: &OwnedFd, into: &mut Vec<u8>) -> Received {
    epoll::recv_into(fd.as_fd(), into, 64 * 1024).unwrap()
}

/// Waits until some event satisfies `wanted`, within reason.
fn wait_for(poller: &mut AnyPoller, wanted: impl Fn(&Event) -> bool) -> Event {
    let start = Instant::now();
    let mut events = Vec::new();
    loop {
        poller.wait(SOON, &mut events).unwrap();
        if let Some(event) = events.iter().find(|event| wanted(event)) {
            return *event;
        }
        assert!(start.elapsed() < LIMIT, "the event never came");
    }
}

/// Nothing is reported for a while.
fn assert_quiet(poller: &mut AnyPoller) {
    let mut events = Vec::new();
    for _ in 0..3 {
        poller.wait(SOON, &mut events).unwrap();
        assert_eq!(events, []);
    }
}

fn pattern(from: usize, length: usize) -> Vec<u8> {
    (from..from + length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn input_is_reported_until_fetched() {
    each(|poller| {
        for (ours, peer) in pairs() {
            poller.add(ours.as_fd(), 7).unwrap();
            assert_quiet(poller);
            let mut got = Vec::new();
            assert_eq!(poller.recv(ours.as_fd(), 7, &mut got, 100).unwrap(), Received::WouldBlock);
            write(&peer, b"hello world");
            let mut events = Vec::new();
            for expected in ["hel", "lo ", "wor", "ld"] {
                let event = wait_for(poller, |event| event.readable);
                assert_eq!(event, Event { token: 7, readable: true, writable: false, closed: false });
                got.clear();
                let received = poller.recv(ours.as_fd(), 7, &mut got, 3).unwrap();
                assert_eq!((received, got.as_slice()), (Received::Data(expected.len()), expected.as_bytes()));
            }
            assert_eq!(poller.recv(ours.as_fd(), 7, &mut got, 3).unwrap(), Received::WouldBlock);
            poller.wait(NOW, &mut events).unwrap();
            assert_eq!(events, []);
            poller.remove(ours.as_fd(), 7);
        }
    });
}

#[test]
fn received_bytes_are_appended() {
    each(|poller| {
        let (ours, peer) = tcp_pair();
        poller.add(ours.as_fd(), 1).unwrap();
        write(&peer, b"abc");
        wait_for(poller, |event| event.readable);
        let mut into = b"kept ".to_vec();
        assert_eq!(poller.recv(ours.as_fd(), 1, &mut into, 4096).unwrap(), Received::Data(3));
        assert_eq!(into, b"kept abc");
    });
}

#[test]
fn waiting_ends_when_the_time_has_passed() {
    each(|poller| {
        let mut events = Vec::new();
        let start = Instant::now();
        let mut waits = 0;
        // A wait may end early: closing the ring that `open` probes with interrupts its thread once.
        while let Some(rest) = Duration::from_millis(30).checked_sub(start.elapsed()) {
            poller.wait(Some(rest), &mut events).unwrap();
            assert_eq!(events, []);
            waits += 1;
        }
        assert!(waits < 10 && start.elapsed() < LIMIT, "{waits} waits");
    });
}

#[test]
fn end_of_input_follows_the_last_bytes() {
    each(|poller| {
        for (ours, peer) in pairs() {
            poller.add(ours.as_fd(), 5).unwrap();
            write(&peer, b"last words");
            drop(peer);
            let event = wait_for(poller, |event| event.closed);
            assert!(event.readable && event.token == 5);
            let mut got = Vec::new();
            let start = Instant::now();
            loop {
                match poller.recv(ours.as_fd(), 5, &mut got, 4).unwrap() {
                    Received::Data(count) => assert!(count <= 4),
                    Received::Eof => break,
                    Received::WouldBlock => _ = wait_for(poller, |event| event.readable),
                }
                assert!(start.elapsed() < LIMIT);
            }
            assert_eq!(got, b"last words");
            poller.remove(ours.as_fd(), 5);
            assert_quiet(poller);
        }
    });
}

#[test]
fn half_closed_peer_still_gets_replies() {
    each(|poller| {
        for (ours, peer) in pairs() {
            poller.add(ours.as_fd(), 5).unwrap();
            write(&peer, b"PING");
            socket::shutdown(peer.as_fd(), Shutdown::Write).unwrap();
            wait_for(poller, |event| event.closed);
            let mut got = Vec::new();
            assert_eq!(poller.recv(ours.as_fd(), 5, &mut got, 100).unwrap(), Received::Data(4));
            assert_eq!(poller.recv(ours.as_fd(), 5, &mut got, 100).unwrap(), Received::Eof);
            assert_eq!(poller.send(ours.as_fd(), 5, b"PONG").unwrap(), 4);
            poller.wait(NOW, &mut Vec::new()).unwrap();
            poller.remove(ours.as_fd(), 5);
            drop(ours);
            poller.wait(NOW, &mut Vec::new()).unwrap();
            assert_eq!(drain(poller, &peer), b"PONG");
        }
    });
}

/// Everything the peer receives until the end of its input.
fn drain(poller: &mut AnyPoller, peer: &OwnedFd) -> Vec<u8> {
    let mut got = Vec::new();
    let start = Instant::now();
    loop {
        match read(peer, &mut got) {
            Received::Eof => return got,
            Received::Data(_) => {}
            Received::WouldBlock => poller.wait(Some(Duration::from_millis(1)), &mut Vec::new()).unwrap(),
        }
        assert!(start.elapsed() < LIMIT, "the end never came");
    }
}

#[test]
fn reset_by_the_peer_is_an_end_or_an_error() {
    each(|poller| {
        let (ours, peer) = tcp_pair();
        poller.add(ours.as_fd(), 5).unwrap();
        // Closing with unread input resets the connection.
        assert_eq!(poller.send(ours.as_fd(), 5, b"never read").unwrap(), 10);
        let start = Instant::now();
        while !matches!(read_one(&peer), Received::Data(_)) {
            poller.wait(SOON, &mut Vec::new()).unwrap();
            assert!(start.elapsed() < LIMIT);
        }
        drop(peer);
        wait_for(poller, |event| event.closed);
        let mut got = Vec::new();
        let outcome = poller.recv(ours.as_fd(), 5, &mut got, 100);
        assert!(matches!(outcome, Ok(Received::Eof) | Err(_)), "{outcome:?}");
        // Sending fails in the end, at once or after a turn.
        let start = Instant::now();
        while poller.send(ours.as_fd(), 5, b"more").is_ok() {
            poller.wait(NOW, &mut Vec::new()).unwrap();
            assert!(start.elapsed() < LIMIT, "writes to a dead connection succeed");
        }
        poller.remove(ours.as_fd(), 5);
    });
}

/// Reads a single byte of several, which leaves the others unread.
fn read_one(fd: &OwnedFd) -> Received {
    epoll::recv_into(fd.as_fd(), &mut Vec::new(), 1).unwrap()
}

#[test]
fn output_beyond_what_fits_is_taken_when_there_is_room() {
    const TOTAL: usize = 6 << 20;
    each(|poller| {
        for (ours, peer) in pairs() {
            socket::set_send_buffer(ours.as_fd(), 64 * 1024).unwrap();
            poller.add(ours.as_fd(), 3).unwrap();
            let data = pattern(0, TOTAL);
            let (mut sent, mut got, mut blocked) = (0, Vec::new(), 0);
            let mut events = Vec::new();
            let start = Instant::now();
            while got.len() < TOTAL {
                while sent < TOTAL {
                    let taken = poller.send(ours.as_fd(), 3, &data[sent..]).unwrap();
                    sent += taken;
                    if taken == 0 {
                        blocked += 1;
                        poller.want_write(ours.as_fd(), 3, true).unwrap();
                        break;
                    }
                }
                if sent < TOTAL {
                    // Not writable before the peer reads; a few turns let what was taken reach the socket.
                    for _ in 0..20 {
                        poller.wait(NOW, &mut events).unwrap();
                        if events.iter().any(|event| event.writable) {
                            break;
                        }
                    }
                } else {
                    poller.want_write(ours.as_fd(), 3, false).unwrap();
                    poller.wait(NOW, &mut events).unwrap();
                    assert!(!events.iter().any(|event| event.writable));
                }
                if blocked > 0 || sent == TOTAL {
                    _ = read(&peer, &mut got);
                }
                assert!(start.elapsed() < LIMIT, "{} of {TOTAL} arrived", got.len());
            }
            assert!(blocked > 3 && got == data);
            poller.remove(ours.as_fd(), 3);
        }
    });
}

#[test]
fn writable_is_reported_only_while_wanted() {
    each(|poller| {
        let (ours, _peer) = tcp_pair();
        poller.add(ours.as_fd(), 3).unwrap();
        assert_quiet(poller);
        poller.want_write(ours.as_fd(), 3, true).unwrap();
        for _ in 0..3 {
            let event = wait_for(poller, |event| event.writable);
            assert_eq!(event, Event { token: 3, readable: false, writable: true, closed: false });
        }
        poller.want_write(ours.as_fd(), 3, false).unwrap();
        assert_quiet(poller);
        // A full connection is not writable until the peer has read.
        while poller.send(ours.as_fd(), 3, &[1; 65536]).unwrap() > 0 {
            poller.wait(NOW, &mut Vec::new()).unwrap();
        }
        poller.want_write(ours.as_fd(), 3, true).unwrap();
        assert_quiet(poller);
    });
}

#[test]
fn parts_are_sent_one_after_the_other() {
    each(|poller| {
        for (ours, peer) in pairs() {
            poller.add(ours.as_fd(), 3).unwrap();
            let data = pattern(0, 30_000);
            let mut parts: Vec<IoSlice> = data.chunks(23).map(IoSlice::new).collect();
            parts.insert(5, IoSlice::new(b""));
            let sent = poller.send_vectored(ours.as_fd(), 3, &parts).unwrap();
            assert!(sent > 20_000, "1024 parts at least fit");
            poller.remove(ours.as_fd(), 3);
            drop(ours);
            assert_eq!(drain(poller, &peer), data[..sent]);
        }
    });
}

#[test]
fn output_taken_before_removal_arrives() {
    each(|poller| {
        for (ours, peer) in pairs() {
            socket::set_send_buffer(ours.as_fd(), 8 * 1024).unwrap();
            poller.add(ours.as_fd(), 3).unwrap();
            let data = pattern(9, 1 << 20);
            let mut sent = 0;
            for turn in 0..4 {
                sent += poller.send(ours.as_fd(), 3, &data[sent..sent + 100_000]).unwrap();
                if turn > 0 {
                    poller.wait(NOW, &mut Vec::new()).unwrap();
                }
            }
            assert!(sent > 0);
            poller.remove(ours.as_fd(), 3);
            drop(ours);
            assert!(drain(poller, &peer) == data[..sent]);
            assert_quiet(poller);
        }
    });
}

#[test]
fn paused_input_stays_with_the_peer() {
    each(|poller| {
        for (ours, peer) in pairs() {
            poller.add(ours.as_fd(), 3).unwrap();
            poller.wait(NOW, &mut Vec::new()).unwrap();
            poller.pause_read(ours.as_fd(), 3, true).unwrap();
            poller.wait(NOW, &mut Vec::new()).unwrap();
            let data = pattern(1, 64 << 20);
            let mut sent = 0;
            let mut idle = 0;
            while idle < 5 {
                let taken = write(&peer, &data[sent..]);
                sent += taken;
                idle = if taken == 0 { idle + 1 } else { 0 };
                let mut events = Vec::new();
                poller.wait(Some(Duration::from_millis(2)), &mut events).unwrap();
                assert_eq!(events, []);
            }
            assert!(sent < data.len(), "a paused connection takes no end of input");
            poller.pause_read(ours.as_fd(), 3, false).unwrap();
            let mut got = Vec::new();
            while got.len() < sent {
                wait_for(poller, |event| event.readable);
                while let Received::Data(_) = poller.recv(ours.as_fd(), 3, &mut got, 1 << 20).unwrap() {}
            }
            assert!(got == data[..sent]);
            poller.remove(ours.as_fd(), 3);
        }
    });
}

#[test]
fn pausing_with_input_on_its_way_loses_nothing() {
    each(|poller| {
        let (ours, peer) = tcp_pair();
        poller.add(ours.as_fd(), 3).unwrap();
        let mut expected = Vec::new();
        let mut got = Vec::new();
        for round in 0..200 {
            poller.pause_read(ours.as_fd(), 3, round % 2 == 0).unwrap();
            if round % 3 == 0 {
                poller.pause_read(ours.as_fd(), 3, round % 2 == 1).unwrap();
            }
            let data = pattern(expected.len(), 1 + round * 3);
            assert_eq!(write(&peer, &data), data.len());
            expected.extend(data);
            if round % 5 < 3 {
                poller.wait(NOW, &mut Vec::new()).unwrap();
            }
            if round % 7 == 0 {
                _ = poller.recv(ours.as_fd(), 3, &mut got, round).unwrap();
            }
        }
        poller.pause_read(ours.as_fd(), 3, false).unwrap();
        while got.len() < expected.len() {
            wait_for(poller, |event| event.readable);
            while let Received::Data(_) = poller.recv(ours.as_fd(), 3, &mut got, 4096).unwrap() {}
        }
        assert!(got == expected);
        assert_quiet(poller);
    });
}

#[test]
fn a_token_used_again_hears_nothing_of_its_former_owner() {
    each(|poller| {
        let mut events = Vec::new();
        for round in 0..100 {
            let (ours, peer) = if round % 2 == 0 { tcp_pair() } else { socket::pair().unwrap() };
            poller.add(ours.as_fd(), 11).unwrap();
            write(&peer, b"old");
            if round % 3 > 0 {
                poller.wait(NOW, &mut events).unwrap();
            }
            if round % 5 > 0 {
                poller.send(ours.as_fd(), 11, b"reply").unwrap();
                poller.want_write(ours.as_fd(), 11, true).unwrap();
            }
            if round % 7 == 0 {
                drop(peer);
            }
            poller.remove(ours.as_fd(), 11);
            let number = ours.as_raw_fd();
            drop(ours);

            let (ours, peer) = socket::pair().unwrap();
            poller.add(ours.as_fd(), 11).unwrap();
            poller.wait(NOW, &mut events).unwrap();
            assert_eq!(events, [], "descriptor {number}, now {}", ours.as_raw_fd());
            let mut got = Vec::new();
            assert_eq!(poller.recv(ours.as_fd(), 11, &mut got, 100).unwrap(), Received::WouldBlock);
            write(&peer, b"new");
            wait_for(poller, |event| event.readable);
            _ = poller.recv(ours.as_fd(), 11, &mut got, 100).unwrap();
            assert_eq!(got, b"new");
            assert_eq!(poller.send(ours.as_fd(), 11, b"fresh").unwrap(), 5);
            poller.wait(NOW, &mut events).unwrap();
            poller.remove(ours.as_fd(), 11);
            drop(ours);
            poller.wait(NOW, &mut events).unwrap();
            assert_eq!(drain(poller, &peer), b"fresh");
        }
    });
}

#[test]
fn many_connections_answer_in_turn() {
    const CLIENTS: usize = 300;
    each(|poller| {
        let pairs: Vec<_> = (0..CLIENTS).map(|_| socket::pair().unwrap()).collect();
        for (token, (ours, _)) in pairs.iter().enumerate() {
            poller.add(ours.as_fd(), token as Token).unwrap();
        }
        let mut events = Vec::new();
        for round in 0..20u32 {
            for (token, (_, peer)) in pairs.iter().enumerate() {
                write(peer, format!("{round}:{token}").as_bytes());
            }
            let start = Instant::now();
            let mut answered = 0;
            while answered < CLIENTS {
                poller.wait(SOON, &mut events).unwrap();
                for event in &events {
                    let ours = &pairs[event.token as usize].0;
                    let mut got = Vec::new();
                    _ = poller.recv(ours.as_fd(), event.token, &mut got, 4096).unwrap();
                    assert_eq!(got, format!("{round}:{}", event.token).as_bytes());
                    assert_eq!(poller.send(ours.as_fd(), event.token, &got).unwrap(), got.len());
                    answered += 1;
                }
                assert!(start.elapsed() < LIMIT);
            }
            poller.wait(NOW, &mut events).unwrap();
            assert_eq!(events, []);
            for (token, (_, peer)) in pairs.iter().enumerate() {
                let mut got = Vec::new();
                assert!(matches!(read(peer, &mut got), Received::Data(_)));
                assert_eq!(got, format!("{round}:{token}").as_bytes());
            }
        }
    });
}

#[test]
fn listener_is_reported_until_all_are_accepted() {
    each(|poller| {
        let listener = socket::listen_tcp((Ipv4Addr::LOCALHOST, 0).into(), ListenOptions::default()).unwrap();
        let address: SocketAddr = socket::local_address(listener.as_fd()).unwrap();
        poller.add_listener(listener.as_fd(), 99).unwrap();
        assert_quiet(poller);
        let clients: Vec<_> =
            (0..4).map(|_| socket::connect_tcp(address, Duration::from_secs(5)).unwrap()).collect();
        for _ in &clients {
            let event = wait_for(poller, |event| event.readable);
            assert_eq!(event, Event { token: 99, readable: true, writable: false, closed: false });
            assert!(matches!(socket::accept(listener.as_fd()).unwrap(), Accept::Connection(_)));
        }
        assert_quiet(poller);
        poller.pause_read(listener.as_fd(), 99, true).unwrap();
        let _client = socket::connect_tcp(address, Duration::from_secs(5)).unwrap();
        assert_quiet(poller);
        poller.pause_read(listener.as_fd(), 99, false).unwrap();
        wait_for(poller, |event| event.readable);
        poller.remove(listener.as_fd(), 99);
        assert_quiet(poller);
    });
}

#[test]
fn connecting_socket_becomes_writable() {
    each(|poller| {
        let listener = socket::listen_tcp((Ipv4Addr::LOCALHOST, 0).into(), ListenOptions::default()).unwrap();
        let address = socket::local_address(listener.as_fd()).unwrap();
        let client = socket::connect_tcp_start(address, None).unwrap();
        poller.add_listener(client.as_fd(), 4).unwrap();
        poller.wait(NOW, &mut Vec::new()).unwrap();
        poller.want_write(client.as_fd(), 4, true).unwrap();
        wait_for(poller, |event| event.writable);
        assert!(socket::take_error(client.as_fd()).unwrap().is_none());
        poller.remove(client.as_fd(), 4);
        poller.add(client.as_fd(), 5).unwrap();
        let Accept::Connection(server) = socket::accept(listener.as_fd()).unwrap() else {
            panic!("not there")
        };
        write(&server.fd, b"welcome");
        assert_eq!(wait_for(poller, |event| event.readable).token, 5);
        poller.remove(client.as_fd(), 5);

        drop(listener);
        let client = socket::connect_tcp_start(address, None);
        if let Ok(client) = client {
            poller.add_listener(client.as_fd(), 6).unwrap();
            poller.want_write(client.as_fd(), 6, true).unwrap();
            wait_for(poller, |event| event.token == 6 && event.closed);
            assert!(socket::take_error(client.as_fd()).unwrap().is_some());
            poller.remove(client.as_fd(), 6);
        }
    });
}

#[test]
fn unknown_descriptors_are_refused() {
    each(|poller| {
        let (ours, _peer) = socket::pair().unwrap();
        assert!(poller.want_write(ours.as_fd(), 1, true).is_err());
        assert!(poller.pause_read(ours.as_fd(), 1, true).is_err());
        poller.remove(ours.as_fd(), 1);
        poller.add(ours.as_fd(), 1).unwrap();
        assert!(poller.add(ours.as_fd(), 2).is_err());
        poller.remove(ours.as_fd(), 1);
        poller.remove(ours.as_fd(), 1);
        poller.add(ours.as_fd(), 2).unwrap();
        assert!(["epoll", "io_uring"].contains(&poller.name()));
    });
}

#[test]
fn poller_may_be_opened_by_one_thread_and_used_by_another() {
    for (_, mut poller) in pollers() {
        let (ours, peer) = tcp_pair();
        poller.add(ours.as_fd(), 1).unwrap();
        std::thread::spawn(move || {
            write(&peer, b"x");
            wait_for(&mut poller, |event| event.readable);
            poller.send(ours.as_fd(), 1, b"y").unwrap();
            poller
        })
        .join()
        .map(drop)
        .unwrap();
    }
}

#[test]
fn dropping_a_poller_with_requests_in_the_kernel_ends_them() {
    for (_, mut poller) in pollers() {
        let (full, _unread) = tcp_pair();
        let (idle, peer) = tcp_pair();
        poller.add(full.as_fd(), 1).unwrap();
        poller.add(idle.as_fd(), 2).unwrap();
        while poller.send(full.as_fd(), 1, &[7; 65536]).unwrap() > 0 {
            poller.wait(NOW, &mut Vec::new()).unwrap();
        }
        let start = Instant::now();
        drop(poller);
        assert!(start.elapsed() < Duration::from_secs(1), "nothing is left to wait for");
        write(&peer, b"still there");
        let mut got = Vec::new();
        let start = Instant::now();
        while read(&idle, &mut got) == Received::WouldBlock {
            assert!(start.elapsed() < LIMIT);
        }
        assert_eq!(got, b"still there", "no receive stayed behind to take it");
    }
}

#[test]
fn kinds_are_spelled_as_configured() {
    assert_eq!("auto".parse(), Ok(PollerKind::Auto));
    assert_eq!("epoll".parse(), Ok(PollerKind::Epoll));
    assert_eq!("io_uring".parse(), Ok(PollerKind::IoUring));
    assert!("select".parse::<PollerKind>().is_err());
    assert!(open(PollerKind::Auto).is_ok());
}
