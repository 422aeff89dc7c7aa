//! BLPOP: how fast a pushed element reaches the client that waits for it, and what that costs the server.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use loadgen::report::Latency;

use super::{
    cells::Place,
    measure::Setup,
    proc,
    servers::{Binary, Kind, Server, Start},
};

/// Consumers with a producer each.
const PAIRS: [usize; 2] = [1, 50];

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Clients that waited at the same time, each on a list of its own.
    pub pairs: usize,
    /// The server.
    pub server: Kind,
    /// The server's CPU time per hand-over, which is one BLPOP and one LPUSH.
    pub cpu_us: f64,
    /// Hand-overs per second.
    pub per_s: f64,
    /// From the LPUSH being sent to the reply of BLPOP; with several pairs, all of a round wait for one another.
    pub latency: Latency,
}

/// A connection that sends lines and reads replies of a known number of lines.
struct Line(BufReader<TcpStream>);

impl Line {
    fn connect(port: u16) -> Result<Line> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Line(BufReader::new(stream)))
    }

    fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.0.get_mut().write_all(request)?)
    }

    fn expect(&mut self, first: &str, lines: usize) -> Result<()> {
        let mut text = String::new();
        for _ in 0..lines {
            self.0.read_line(&mut text).context("no reply")?;
        }
        ensure!(text.starts_with(first), "expected {first}, got {text}");
        Ok(())
    }
}

/// Measures hand-overs with one pair of clients and with many.
pub fn run(binary: &Binary, port: u16, setup: &Setup) -> Result<Vec<Row>> {
    let (server_cores, load_cores) = setup.cores(Place::Apart);
    let start = Start { port, io_threads: 1, cores: &server_cores, echo_bytes: (0, 0) };
    let server = Server::start(binary, start)?;
    proc::pin(std::process::id(), &load_cores)?;
    PAIRS.iter().map(|&pairs| of_pairs(&server, pairs, setup)).collect()
}

fn of_pairs(server: &Server, pairs: usize, setup: &Setup) -> Result<Row> {
    struct Pair {
        consumer: Line,
        producer: Line,
        take: Vec<u8>,
        give: Vec<u8>,
    }
    let mut all = Vec::new();
    for number in 0..pairs {
        let queue = format!("queue:{number:010}");
        all.push(Pair {
            consumer: Line::connect(server.port)?,
            producer: Line::connect(server.port)?,
            take: format!("*3\r\n$5\r\nBLPOP\r\n$16\r\n{queue}\r\n$1\r\n0\r\n").into_bytes(),
            give: format!("*3\r\n$5\r\nLPUSH\r\n$16\r\n{queue}\r\n$16\r\nvalue-0123456789\r\n").into_bytes(),
        });
    }
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
    let mut control = Line::connect(server.port)?;
    let warm = Instant::now();
    let mut begun = None;
    let mut handed: u64 = 0;
    let (begin, cpu_begin_ns) = loop {
        // From the end of the warm-up on, rounds count.
        if begun.is_none() && warm.elapsed().as_secs_f64() >= setup.warm_up {
            begun = Some((Instant::now(), proc::scheduled(server.pid())?.cpu_ns));
        }
        if let Some((begin, cpu_ns)) = begun
            && begin.elapsed().as_secs_f64() >= setup.seconds
        {
            break (begin, cpu_ns);
        }
        for pair in &mut all {
            pair.consumer.send(&pair.take)?;
        }
        // A command behind them that is answered at once: when its reply is here, they are waiting.
        control.send(b"*1\r\n$4\r\nPING\r\n")?;
        control.expect("+PONG", 1)?;
        let sent = Instant::now();
        for pair in &mut all {
            pair.producer.send(&pair.give)?;
        }
        for pair in &mut all {
            pair.consumer.expect("*2", 5)?;
            if begun.is_some() {
                histogram.saturating_record(sent.elapsed().as_nanos() as u64);
                handed += 1;
            }
            pair.producer.expect(":1", 1)?;
        }
    };
    let seconds = begin.elapsed().as_secs_f64();
    let cpu_ns = proc::scheduled(server.pid())?.cpu_ns - cpu_begin_ns;
    ensure!(handed > 0, "nothing was handed over");
    Ok(Row {
        pairs,
        server: server.kind,
        cpu_us: cpu_ns as f64 / 1e3 / handed as f64,
        per_s: handed as f64 / seconds,
        latency: Latency::of(&histogram),
    })
}
