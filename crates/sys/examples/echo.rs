//! The bare echo loop as a program: `echo --poller epoll|io_uring|auto --port P [--request-bytes R]
//! [--reply-bytes S]`. Ends on SIGINT or SIGTERM and prints what it did.

use std::net::Ipv4Addr;
use std::process::exit;
use sys::eventfd::Waker;
use sys::poller::PollerKind;
use sys::signals;
use sys::socket::{ListenOptions, listen_tcp};

const USAGE: &str = "usage: echo --poller epoll|io_uring|auto --port P [--request-bytes R] [--reply-bytes S]";

fn usage(problem: &str) -> ! {
    eprintln!("{problem}\n{USAGE}");
    exit(2)
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| usage(&format!("'{text}' is not a number")))
}

fn main() -> std::io::Result<()> {
    let (mut kind, mut port, mut request_bytes, mut reply_bytes) = (PollerKind::Auto, 0, 36, 70);
    let mut words = std::env::args().skip(1);
    while let Some(option) = words.next() {
        let Some(value) = words.next() else { usage(&format!("{option} wants a value")) };
        match option.as_str() {
            "--poller" => kind = value.parse().unwrap_or_else(|problem: String| usage(&problem)),
            "--port" => port = u16::try_from(number(&value)).unwrap_or_else(|_| usage("no such port")),
            "--request-bytes" => request_bytes = number(&value),
            "--reply-bytes" => reply_bytes = number(&value),
            _ => usage(&format!("unknown option {option}")),
        }
    }
    if port == 0 {
        usage("--port is missing");
    }
    let listener = listen_tcp((Ipv4Addr::LOCALHOST, port).into(), ListenOptions::default())?;
    let stop = Waker::new()?;
    signals::handle(&[signals::SIGINT, signals::SIGTERM], &stop)?;
    let tally = sys::echo::serve(listener, kind, request_bytes, reply_bytes, &stop)?;
    let requests = tally.requests.max(1);
    let cpu_us = tally.user_us + tally.system_us;
    println!(
        "requests {} turns {} requests/turn {:.1} cpu_us {} user_us {} system_us {} cpu_ns/request {}",
        tally.requests,
        tally.turns,
        requests as f64 / tally.turns.max(1) as f64,
        cpu_us,
        tally.user_us,
        tally.system_us,
        cpu_us * 1000 / requests,
    );
    Ok(())
}
