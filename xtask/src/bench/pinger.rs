//! A client that sends PING on a schedule while other load runs, and reports how long the server kept it waiting.
//!
//! It sleeps between requests and runs at real-time priority, since it shares its core with the load: its own
//! lateness is recorded beside the latency, so that a delay of the measuring side cannot pass for the server's.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use hdrhistogram::Histogram;
use loadgen::report::Latency;

use super::proc;

/// One request per millisecond.
const PERIOD: Duration = Duration::from_millis(1);

/// What a pinger saw.
#[derive(Clone, Copy, Debug)]
pub struct Pings {
    /// From the scheduled instant to the reply.
    pub latency: Latency,
    /// From the scheduled instant to waking up, where it slept: the measuring side's own part.
    pub lateness: Latency,
    /// Whether it had real-time priority.
    pub urgent: bool,
}

/// A running pinger.
pub struct Pinger {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Pings>>,
}

impl Pinger {
    /// Starts pinging a server on this machine.
    pub fn start(port: u16) -> Result<Pinger> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("the pinger cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || ping(stream, &stopped));
        Ok(Pinger { stop, thread })
    }

    /// Ends it.
    pub fn finish(self) -> Result<Pings> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the pinger panicked"))?
    }
}

fn ping(stream: TcpStream, stop: &AtomicBool) -> Result<Pings> {
    let urgent = proc::make_this_thread_urgent();
    let mut latency = Histogram::<u64>::new_with_bounds(1, 600_000_000_000, 3)?;
    let mut lateness = latency.clone();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let start = Instant::now();
    let mut due = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        due += PERIOD;
        if let Some(early) = due.checked_sub(start.elapsed()) {
            thread::sleep(early);
            lateness.saturating_record((start.elapsed() - due).as_nanos() as u64);
        }
        stream.get_mut().write_all(b"*1\r\n$4\r\nPING\r\n")?;
        line.clear();
        stream.read_line(&mut line).context("no reply to a ping")?;
        ensure!(line == "+PONG\r\n", "a ping was answered by '{}'", line.trim_end());
        latency.saturating_record((start.elapsed() - due).as_nanos() as u64);
    }
    Ok(Pings { latency: Latency::of(&latency), lateness: Latency::of(&lateness), urgent })
}
