//! Parameters that change where a running server listens and how much its clients may hold.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use testkit::client::Client;
use testkit::server::{Kind, Launch, free_port};

fn set(client: &mut Client, name: &str, value: &str) -> String {
    let reply = client.command(&["CONFIG", "SET", name, value]).expect("the server answers");
    String::from_utf8_lossy(&reply).trim_end().to_owned()
}

/// Listens elsewhere, keeps its connections, and stays where it was when the new place is taken.
fn moves_its_port(kind: Kind) {
    let server = Launch::new(kind).start().expect("the server starts");
    let taken = Launch::new(Kind::Brasa).start().expect("Brasa starts");
    let mut client = server.connect().expect("connects");
    let port = free_port().expect("a port is free");
    assert_eq!(set(&mut client, "port", &port.to_string()), "+OK");
    assert_eq!(client.command(&["PING"]).expect("the connection stays"), b"+PONG\r\n");
    let mut other = Client::connect(port).expect("the new port takes connections");
    assert!(Client::connect(server.port()).is_err(), "the old one does not");
    let refused = set(&mut other, "port", &taken.port().to_string());
    assert_eq!(
        refused,
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
    );
    assert!(Client::connect(port).is_ok(), "it listens where it did");
    assert_eq!(set(&mut other, "bind", "127.0.0.1 127.0.0.2"), "+OK");
    assert!(Client::connect(port).is_ok());
    assert!(std::net::TcpStream::connect(("127.0.0.2", port)).is_ok(), "the added address takes connections");
    assert_eq!(set(&mut other, "bind", ""), "+OK");
    assert!(Client::connect(port).is_err(), "without an address nobody listens");
    assert_eq!(set(&mut other, "bind", "127.0.0.1"), "+OK");
    assert!(Client::connect(port).is_ok());
}

/// A client that reads as fast as it can is cut off all the same when one reply passes the hard limit.
fn cuts_off_a_huge_reply(kind: Kind) {
    const LIMIT_BYTES: usize = 1_000_000;
    let server = Launch::new(kind).start().expect("the server starts");
    let mut client = server.connect().expect("connects");
    assert_eq!(client.command(&["HSET", "h", "a", "b"]).expect("the server answers"), b":1\r\n");
    assert_eq!(set(&mut client, "client-output-buffer-limit", &format!("normal {LIMIT_BYTES} 0 0")), "+OK");
    let mut reader = std::net::TcpStream::connect(("127.0.0.1", server.port())).expect("connects");
    reader.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    reader.write_all(b"HRANDFIELD h -999999999\r\n").expect("the connection holds");
    let mut read = 0;
    let mut part = [0; 65_536];
    loop {
        match reader.read(&mut part) {
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Ok(count) => read += count,
            Err(error) => panic!("neither data nor the end of the connection: {error}"),
        }
        assert!(read <= LIMIT_BYTES, "the reply goes on");
    }
    assert_eq!(client.command(&["PING"]).expect("the others stay"), b"+PONG\r\n");
}

#[test]
fn brasa_cuts_off_a_huge_reply() {
    cuts_off_a_huge_reply(Kind::Brasa);
}

#[test]
fn valkey_cuts_off_a_huge_reply() {
    cuts_off_a_huge_reply(Kind::Valkey);
}

#[test]
fn brasa_moves_its_port() {
    moves_its_port(Kind::Brasa);
}

#[test]
fn valkey_moves_its_port() {
    moves_its_port(Kind::Valkey);
}

#[test]
fn the_largest_clients_are_closed_when_all_hold_too_much() {
    let server = Launch::new(Kind::Brasa).args(["--io-threads", "2"]).start().expect("Brasa starts");
    let mut watcher = server.connect().expect("connects");
    let mut large: Vec<Client> = (0..4).map(|_| server.connect().expect("connects")).collect();
    let small = server.connect().expect("connects");
    for client in &mut large {
        // A request whose argument never arrives whole.
        client.send(b"*2\r\n$4\r\nECHO\r\n$8000000\r\n").expect("the connection holds");
        client.send(&vec![b'x'; 4_000_000]).expect("the connection holds");
    }
    assert_eq!(set(&mut watcher, "maxmemory-clients", "9mb"), "+OK");
    let evicted = |watcher: &mut Client| {
        let info = watcher.command(&["INFO", "stats"]).expect("the small ones stay");
        let text = String::from_utf8_lossy(&info).into_owned();
        text.lines().find_map(|line| line.strip_prefix("evicted_clients:")?.trim().parse::<u64>().ok())
    };
    let began = Instant::now();
    while evicted(&mut watcher) < Some(2) {
        assert!(began.elapsed() < Duration::from_secs(20), "two of four must go");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(small);
    assert_eq!(watcher.command(&["PING"]).expect("the watcher stays"), b"+PONG\r\n");
}
