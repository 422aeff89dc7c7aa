//! The worst time for which a server keeps others waiting while millions of keys grow, are evicted, or expire.
//!
//! The load beside the pings is small on purpose (4 connections of 16 requests): what the pings then wait for is the
//! server's housekeeping, not a queue of requests.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use loadgen::{
    BenchArgs,
    args::{Command, CommandMix},
};

use super::{
    cells::Place,
    measure::Setup,
    pinger::{Pinger, Pings},
    proc::{self, Ticks},
    servers::{Binary, Kind, Server, Start},
};

const CONNECTIONS: usize = 4;
const PIPELINE: usize = 16;
/// Seconds of writing under the memory limit.
const EVICT_S: f64 = 10.0;
/// How long keys may take to vanish after the last was written with its TTL.
const EXPIRE_S_MAX: u64 = 60;

/// One line of the table of stalls.
#[derive(Clone, Debug)]
pub struct Row {
    /// What went on: grow, evict, expire.
    pub phase: String,
    /// The server.
    pub server: Kind,
    /// How long it went on.
    pub seconds: f64,
    /// Keys at its end.
    pub keys: u64,
    /// Keys evicted so far, where the server tells.
    pub evicted: Option<u64>,
    /// What the pings saw.
    pub pings: Pings,
    /// For how long threads of the server were ready while others had its core: no fault of the server.
    pub server_delayed_ms: f64,
    /// Time that the hypervisor took from both cores.
    pub steal_percent: f64,
}

/// Where findings go; what was found stays when a later phase fails.
pub struct Report<'a> {
    /// Finished phases.
    pub rows: &'a mut Vec<Row>,
    /// What could not be done.
    pub notes: &'a mut Vec<String>,
}

/// Runs all phases on a fresh server.
pub fn run(binary: &Binary, port: u16, setup: &Setup, report: &mut Report<'_>) -> Result<()> {
    let keys = setup.stall_keys;
    let (server_cores, load_cores) = setup.cores(Place::Apart);
    let start = Start { port, io_threads: 1, cores: &server_cores, echo_bytes: (0, 0) };
    let server = Server::start(binary, start)?;
    proc::pin(std::process::id(), &load_cores)?;
    let name = binary.kind.name();
    let mut client = server.client()?;
    let args = |base| BenchArgs { keys, connections: CONNECTIONS, ..setup.bench_args(port, base) };

    let grow = phase("grow", &server, setup, || loadgen::fill(&args(BenchArgs::default())))?;
    let grow_s = grow.seconds;
    report.rows.push(grow);

    // Evict: a limit a little below what is in use, then writes of which half name new keys.
    match client.info("memory", "used_memory").and_then(|text| Ok(text.parse::<u64>()?)) {
        Ok(used @ 1..) => {
            client.call(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
            let limit = (used / 10 * 9).to_string();
            report.rows.push(phase("evict", &server, setup, || {
                server.client()?.call(&["CONFIG", "SET", "maxmemory", &limit])?;
                let written = loadgen::run(&BenchArgs {
                    keys: keys * 2,
                    pipeline: PIPELINE,
                    commands: CommandMix(vec![(Command::Set, 1.0)]),
                    seconds: EVICT_S,
                    warm_up: 0.0,
                    ..args(BenchArgs::default())
                })?;
                for (text, count) in &written.errors {
                    report.notes.push(format!("{name}: {count} writes under maxmemory were refused: {text}"));
                }
                Ok(())
            })?);
            client.call(&["CONFIG", "SET", "maxmemory", "0"])?;
        }
        _ => report.notes.push(format!("{name}: no used_memory, so no eviction phase")),
    }

    // Expire: all keys get a lifetime a little longer than writing them takes.
    if client.call(&["FLUSHALL", "SYNC"]).is_err() {
        client.call(&["FLUSHALL"])?;
    }
    let ttl_s = (grow_s * 1.5) as u64 + 3;
    loadgen::fill(&args(BenchArgs { ttl: Some(ttl_s), ..BenchArgs::default() }))?;
    let expire = phase("expire", &server, setup, || {
        let begun = Instant::now();
        while client.number(&["DBSIZE"])? > 0 && begun.elapsed().as_secs() < ttl_s + EXPIRE_S_MAX {
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    })?;
    if expire.keys > 0 {
        report.notes.push(format!("{name}: {} keys are left {EXPIRE_S_MAX} s after their end", expire.keys));
    }
    report.rows.push(expire);
    Ok(())
}

/// Does `work` while a pinger runs.
pub fn phase<T>(
    phase: impl Into<String>,
    server: &Server,
    setup: &Setup,
    work: impl FnOnce() -> Result<T>,
) -> Result<Row> {
    let phase = phase.into();
    let both = [setup.server_core, setup.load_core];
    let edge = || anyhow::Ok((proc::scheduled(server.pid())?.delayed_ns, Ticks::now(&both)?));
    let pinger = Pinger::start(server.port)?;
    let begun = Instant::now();
    let begin = edge()?;
    let worked = work();
    let end = edge()?;
    let seconds = begun.elapsed().as_secs_f64();
    let pings = pinger.finish()?;
    worked.with_context(|| format!("in phase {phase}"))?;
    let mut client = server.client()?;
    Ok(Row {
        phase,
        server: server.kind,
        seconds,
        keys: client.number(&["DBSIZE"])?,
        evicted: client.info("stats", "evicted_keys").ok().and_then(|text| text.parse().ok()),
        pings,
        server_delayed_ms: (end.0 - begin.0) as f64 / 1e6,
        steal_percent: end.1.steal_percent(begin.1),
    })
}
