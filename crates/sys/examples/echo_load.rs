//! A quick load for the echo example: `echo_load PORT CONNECTIONS PIPELINE SECONDS [REQUEST_BYTES REPLY_BYTES]`.
//! One thread, each connection with a fixed number of requests under way; prints requests per second.

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use sys::poller::{Poller, PollerKind, Received, open};
use sys::socket;

fn main() -> std::io::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let &[port, connections, pipeline, seconds, ref sizes @ ..] = numbers.as_slice() else {
        eprintln!("usage: echo_load PORT CONNECTIONS PIPELINE SECONDS [REQUEST_BYTES REPLY_BYTES]");
        std::process::exit(2)
    };
    let (request_bytes, reply_bytes) = match sizes {
        [request, reply] => (*request, *reply),
        _ => (36, 70),
    };
    let address = (Ipv4Addr::LOCALHOST, port as u16).into();
    let mut poller = open(PollerKind::Auto)?;
    let mut sockets: Vec<(OwnedFd, usize)> = Vec::new();
    let batch = b"x".repeat(request_bytes * pipeline);
    for token in 0..connections as u64 {
        let fd = socket::connect_tcp(address, Duration::from_secs(5))?;
        socket::set_nodelay(fd.as_fd(), true)?;
        poller.add(fd.as_fd(), token)?;
        poller.send(fd.as_fd(), token, &batch)?;
        sockets.push((fd, 0));
    }
    let (mut events, mut input, mut answered) = (Vec::new(), Vec::with_capacity(1 << 18), 0u64);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds as u64) {
        poller.wait(Some(Duration::from_millis(100)), &mut events)?;
        for event in &events {
            let (fd, partial) = &mut sockets[event.token as usize];
            input.clear();
            match poller.recv(fd.as_fd(), event.token, &mut input, 1 << 17)? {
                Received::Data(got) => *partial += got,
                Received::WouldBlock => {}
                Received::Eof => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            }
            // Whole batches, so that the number under way stays what was asked for.
            if *partial >= reply_bytes * pipeline {
                *partial -= reply_bytes * pipeline;
                answered += pipeline as u64;
                if poller.send(fd.as_fd(), event.token, &batch)? < batch.len() {
                    return Err(std::io::Error::other("the server does not read"));
                }
            }
        }
    }
    println!("{:.0} requests/s", answered as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
