//! Many connections, and connections from elsewhere.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;

use super::{CLOSE_MAX, FaultError, SILENCE, Transcript, with_server};
use crate::client::Client;
use crate::server::{Kind, Launch};

/// Memory of an idle connection, at most, for Brasa.
const IDLE_BYTES_MAX: u64 = 4096;

const IDLE_CONNECTIONS: usize = 10_000;

/// An address of this machine that is not loopback. No packet is sent to find it.
fn outside_address() -> Result<std::net::IpAddr, FaultError> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let found = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    match found {
        Ok(address) if !address.ip().is_loopback() => Ok(address.ip()),
        _ => Err(FaultError::Broken("protected mode needs an address besides loopback to be tested".into())),
    }
}

/// Without a password, whoever does not come from this machine's loopback is told why and cut off.
pub(super) fn protected_mode(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    let address = outside_address()?;
    for (arguments, label) in [
        (&["--protected-mode", "yes"] as &[&str], "protected"),
        (&["--protected-mode", "no"], "not protected"),
        (&["--protected-mode", "yes", "--requirepass", "secret"], "with a password"),
    ] {
        let server = Launch::new(kind).default_bind().args(arguments).start()?;
        let stream = TcpStream::connect(SocketAddr::new(address, server.port()))?;
        let mut client = Client::over(stream)?;
        let _ = client.send(b"PING\r\n");
        let mut replies = client.receive_to_close(SILENCE);
        // The advice that follows is prose, and each server's own.
        if let Some(end) = replies.bytes.windows(14).position(|window| window == b"protected mode") {
            replies.bytes.truncate(end + 14);
        }
        transcript.received(label, &replies);
        transcript.converse(&mut server.connect()?, &["PING"])?;
    }
    Ok(())
}

/// Two thousand short connections from four threads: each gets its reply.
pub(super) fn connection_storm(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    with_server(kind, &["--tcp-backlog", "511"], |server| {
        let port = server.port();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(move || -> std::io::Result<usize> {
                    let mut answered = 0;
                    for round in 0..500 {
                        let mut client = Client::connect(port)?;
                        if round % 5 == 0 {
                            // Leaves without a word.
                            continue;
                        }
                        answered += usize::from(client.command(&["PING"])? == b"+PONG\r\n");
                    }
                    Ok(answered)
                })
            })
            .collect();
        for thread in threads {
            let answered =
                thread.join().map_err(|_| FaultError::Broken("a storming client panicked".into()))??;
            transcript.note(format!("{answered} of 400 answered"));
        }
        Ok(())
    })
}

/// Ten thousand idle connections: all are served, and Brasa spends at most 4 KB on each.
pub(super) fn ten_thousand_idle_connections(
    kind: Kind,
    transcript: &mut Transcript,
) -> Result<(), FaultError> {
    raise_open_files(IDLE_CONNECTIONS + 500)?;
    with_server(kind, &["--maxclients", "10100"], |server| {
        // What the first connections cost once (buffers, tables) is not the price of a connection.
        let mut clients = Vec::with_capacity(IDLE_CONNECTIONS);
        for _ in 0..100 {
            clients.push(server.connect()?);
        }
        for client in &mut clients {
            client.command(&["PING"])?;
        }
        let before = server.resident_bytes()?;
        while clients.len() < IDLE_CONNECTIONS {
            let mut client = server.connect()?;
            client.command(&["PING"])?;
            clients.push(client);
        }
        let each = server.resident_bytes()?.saturating_sub(before) / (IDLE_CONNECTIONS as u64 - 100);
        println!("{}: {each} bytes resident for each idle connection", kind.name());
        if kind == Kind::Brasa && each > IDLE_BYTES_MAX {
            return Err(FaultError::Broken(format!(
                "{each} bytes for an idle connection, more than {IDLE_BYTES_MAX}"
            )));
        }
        for client in clients.iter_mut().step_by(97) {
            if client.command(&["PING"])? != b"+PONG\r\n" {
                return Err(FaultError::Broken("an idle connection is not served".into()));
            }
        }
        let reply = clients[0].command(&["INFO", "clients"])?;
        let text = String::from_utf8_lossy(&reply).into_owned();
        // The bystander is one more.
        transcript
            .note(text.lines().find(|line| line.starts_with("connected_clients")).unwrap_or("not counted"));
        drop(clients);
        let mut client = server.connect()?;
        client.set_timeout(CLOSE_MAX)?;
        Ok(transcript.converse(&mut client, &["PING"])?)
    })
}

/// Raises this process's limit of open files, which servers started later inherit.
pub fn raise_open_files(wanted: usize) -> Result<(), FaultError> {
    let own = std::process::id().to_string();
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse::<usize>().ok());
    let (soft, hard) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if soft >= wanted {
        return Ok(());
    }
    let target = hard.max(wanted);
    let raised =
        Command::new("prlimit").args(["--pid", &own, &format!("--nofile={target}:{target}")]).status()?;
    if raised.success() {
        return Ok(());
    }
    Err(FaultError::Broken(format!(
        "needs {wanted} open files, the limit is {hard}: raise it with `ulimit -n {wanted}`"
    )))
}
