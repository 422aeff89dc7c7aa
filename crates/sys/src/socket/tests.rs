//! Sockets over the loopback interface and the file system.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Instant;

fn any_v4() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn accept_one(listener: &OwnedFd) -> Accepted {
    let start = Instant::now();
    loop {
        if let Accept::Connection(accepted) = accept(listener.as_fd()).unwrap() {
            return accepted;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "nobody came");
        std::thread::yield_now();
    }
}

#[test]
fn peer_text_of_v4_and_v6_is_the_clients_own_address() {
    let mut hosts = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
    if listen_tcp((Ipv6Addr::LOCALHOST, 0).into(), ListenOptions::default()).is_ok() {
        hosts.push(Ipv6Addr::LOCALHOST.into());
    }
    for host in hosts {
        let listener = listen_tcp((host, 0).into(), ListenOptions::default()).unwrap();
        assert!(matches!(accept(listener.as_fd()).unwrap(), Accept::WouldBlock));
        let client = TcpStream::connect(local_address(listener.as_fd()).unwrap()).unwrap();
        let accepted = accept_one(&listener);
        let own = client.local_addr().unwrap();
        let expected = match host {
            IpAddr::V4(_) => format!("127.0.0.1:{}", own.port()),
            IpAddr::V6(_) => format!("[::1]:{}", own.port()),
        };
        assert_eq!(accepted.peer.text("unused"), expected);
        assert!(accepted.peer.is_local());
        assert_eq!(peer(accepted.fd.as_fd()).unwrap(), accepted.peer);
        assert_eq!(local_address(accepted.fd.as_fd()).unwrap(), client.peer_addr().unwrap());
    }
}

#[test]
fn bytes_pass_and_shutdown_is_seen() {
    let listener = listen_tcp(any_v4(), ListenOptions { backlog: 16, reuse_port: true }).unwrap();
    let mut client = TcpStream::connect(local_address(listener.as_fd()).unwrap()).unwrap();
    let accepted = accept_one(&listener);
    set_nodelay(accepted.fd.as_fd(), true).unwrap();
    set_keepalive(accepted.fd.as_fd(), 300).unwrap();
    let option = |name| get_option(accepted.fd.as_fd(), libc::IPPROTO_TCP, name).unwrap();
    assert_eq!(
        [libc::TCP_NODELAY, libc::TCP_KEEPIDLE, libc::TCP_KEEPINTVL, libc::TCP_KEEPCNT].map(option),
        [1, 300, 100, 3]
    );
    set_keepalive(accepted.fd.as_fd(), 0).unwrap();
    assert_eq!(get_option(accepted.fd.as_fd(), libc::SOL_SOCKET, libc::SO_KEEPALIVE).unwrap(), 0);
    set_send_buffer(accepted.fd.as_fd(), 10_000).unwrap();
    set_receive_buffer(accepted.fd.as_fd(), 10_000).unwrap();
    set_nonblocking(accepted.fd.as_fd(), false).unwrap();
    let mut server = TcpStream::from(accepted.fd);
    client.write_all(b"ping").unwrap();
    let mut four = [0; 4];
    server.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"ping");
    shutdown(server.as_fd(), Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut four).unwrap(), 0);
    drop(client);
    shutdown(server.as_fd(), Shutdown::Both).unwrap();
    shutdown(server.as_fd(), Shutdown::Both).unwrap();
}

#[test]
fn second_listener_on_a_port_needs_reuse_port() {
    let shared = ListenOptions { reuse_port: true, ..ListenOptions::default() };
    let first = listen_tcp(any_v4(), shared).unwrap();
    let address = local_address(first.as_fd()).unwrap();
    listen_tcp(address, shared).unwrap();
    let error = listen_tcp(address, ListenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn accept_each_keeps_to_its_limit() {
    let listener = listen_tcp(any_v4(), ListenOptions::default()).unwrap();
    let address = local_address(listener.as_fd()).unwrap();
    let clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut taken = Vec::new();
    assert_eq!(accept_each(listener.as_fd(), 3, |accepted| taken.push(accepted)).unwrap(), 3);
    assert_eq!(accept_each(listener.as_fd(), 100, |accepted| taken.push(accepted)).unwrap(), 2);
    assert_eq!(taken.len(), clients.len());
}

#[test]
fn unix_socket_has_its_permissions_and_replaces_a_stale_one() {
    let path = std::env::temp_dir().join(format!("sys-unix-{}.sock", std::process::id()));
    drop(listen_unix(&path, None, 16).unwrap());
    assert!(path.exists(), "closing leaves the file behind");
    let listener = listen_unix(&path, Some(0o700), 16).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut client = UnixStream::connect(&path).unwrap();
    let accepted = accept_one(&listener);
    assert_eq!(accepted.peer, Peer::Unix);
    assert_eq!(accepted.peer.text("/run/x.sock"), "/run/x.sock:0");
    assert_eq!(peer(accepted.fd.as_fd()).unwrap(), Peer::Unix);
    assert!(local_address(accepted.fd.as_fd()).is_err());
    set_nodelay(accepted.fd.as_fd(), true).unwrap();
    set_keepalive(accepted.fd.as_fd(), 60).unwrap();
    client.write_all(b"x").unwrap();
    connect_unix(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn unix_socket_does_not_replace_a_file() {
    let path = std::env::temp_dir().join(format!("sys-file-{}", std::process::id()));
    std::fs::write(&path, "kept").unwrap();
    assert_eq!(listen_unix(&path, None, 16).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
    std::fs::remove_file(&path).unwrap();
    let long = "x".repeat(200);
    assert_eq!(listen_unix(Path::new(&long), None, 16).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn connecting_without_waiting_reports_its_outcome_later() {
    let listener = listen_tcp(any_v4(), ListenOptions::default()).unwrap();
    let address = local_address(listener.as_fd()).unwrap();
    let client = connect_tcp_start(address, Some(Ipv4Addr::LOCALHOST.into())).unwrap();
    let accepted = accept_one(&listener);
    assert_eq!(accepted.peer, Peer::Tcp(local_address(client.as_fd()).unwrap()));
    assert!(take_error(client.as_fd()).unwrap().is_none());
    connect_tcp(address, Duration::from_secs(1)).unwrap();
    drop(listener);
    let refused = connect_tcp(address, Duration::from_secs(1)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    if let Ok(client) = connect_tcp_start(address, None) {
        let start = Instant::now();
        let error = loop {
            if let Some(error) = take_error(client.as_fd()).unwrap() {
                break error;
            }
            assert!(start.elapsed() < Duration::from_secs(5));
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn descriptor_limit_is_raised_or_kept() {
    let now = raise_descriptor_limit(1).unwrap();
    assert!(now >= 1);
    assert_eq!(raise_descriptor_limit(now).unwrap(), now);
    let raised = raise_descriptor_limit(now + 1).unwrap();
    assert!(raised == now || raised == now + 1);
    assert!(raise_descriptor_limit(u64::MAX - 1).unwrap() >= raised, "an unreachable wish is not an error");
}

#[test]
fn pair_is_connected() {
    let (one, other) = pair().unwrap();
    let (mut one, mut other) = (UnixStream::from(one), UnixStream::from(other));
    one.write_all(b"hello").unwrap();
    let mut got = [0; 5];
    other.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"hello");
    assert_eq!(other.read(&mut got).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}
