//! The worst time for which a server keeps others waiting while millions of keys grow, are evicted, or expire.
//!
//! The load beside the pings is small on purpose (4 connections of 16 requests): what the pings then wait for is the
//! server's housekeeping, not a queue of requests.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
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
const EXPIRE_S_MAX: u64 = 180;

/// One line of the table of stalls.
#[derive(Clone, Debug)]
pub struct Row {
    /// What went on: grow, evict, expire.
    pub phase: &'static str,
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
    /// Time that the hypervisor took from both cores.
    pub steal_percent: f64,
}

/// Runs all phases on a fresh server; `note` gets what could not be done.
pub fn run(
    binary: &Binary,
    port: u16,
    keys: u64,
    setup: &Setup,
    note: &mut dyn FnMut(String),
) -> Result<Vec<Row>> {
    let (server_cores, load_cores) = setup.cores(Place::Apart);
    let server =
        Server::start(binary, Start { port, io_threads: 1, cores: &server_cores, echo_bytes: (0, 0) })?;
    proc::pin(std::process::id(), &load_cores)?;
    let both = [setup.server_core, setup.load_core];
    let mut client = server.client()?;
    let mut rows = Vec::new();
    let mut phase = |name: &'static str, work: &mut dyn FnMut() -> Result<()>| -> Result<f64> {
        let before = Ticks::now(&both)?;
        let pinger = Pinger::start(port)?;
        let begun = Instant::now();
        let worked = work();
        let seconds = begun.elapsed().as_secs_f64();
        let pings = pinger.finish()?;
        worked.with_context(|| format!("while keys {name}"))?;
        let mut client = server.client()?;
        rows.push(Row {
            phase: name,
            server: binary.kind,
            seconds,
            keys: client.number(&["DBSIZE"])?,
            evicted: client.info("stats", "evicted_keys").ok().and_then(|text| text.parse().ok()),
            pings,
            steal_percent: Ticks::now(&both)?.steal_percent(before),
        });
        Ok(seconds)
    };
    let args = |base| BenchArgs { keys, connections: CONNECTIONS, ..setup.bench_args(port, base) };

    let grow_s = phase("grow", &mut || loadgen::fill(&args(BenchArgs::default())).map(drop))?;

    // Evict: a limit a little below what is in use, then writes of which half name new keys.
    match client.info("memory", "used_memory").and_then(|text| Ok(text.parse::<u64>()?)) {
        Ok(used @ 1..) => {
            client.call(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
            let limit = (used / 10 * 9).to_string();
            phase("evict", &mut || {
                server.client()?.call(&["CONFIG", "SET", "maxmemory", &limit])?;
                let report = loadgen::run(&BenchArgs {
                    keys: keys * 2,
                    pipeline: PIPELINE,
                    commands: CommandMix(vec![(Command::Set, 1.0)]),
                    seconds: EVICT_S,
                    warm_up: 0.0,
                    ..args(BenchArgs::default())
                })?;
                if let Some((text, count)) = report.errors.iter().next() {
                    note(format!(
                        "{}: {count} writes under maxmemory were refused: {text}",
                        binary.kind.name()
                    ));
                }
                Ok(())
            })?;
            client.call(&["CONFIG", "SET", "maxmemory", "0"])?;
        }
        _ => note(format!("{}: no used_memory, so no eviction phase", binary.kind.name())),
    }

    // Expire: all keys get a lifetime a little longer than writing them takes.
    if client.call(&["FLUSHALL", "SYNC"]).is_err() {
        client.call(&["FLUSHALL"])?;
    }
    let ttl_s = (grow_s * 1.5) as u64 + 3;
    loadgen::fill(&args(BenchArgs { ttl: Some(ttl_s), ..BenchArgs::default() }))?;
    phase("expire", &mut || {
        let mut client = server.client()?;
        let begun = Instant::now();
        while client.number(&["DBSIZE"])? > 0 {
            ensure!(
                begun.elapsed().as_secs() < ttl_s + EXPIRE_S_MAX,
                "keys are left {EXPIRE_S_MAX} s after their end"
            );
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    })?;
    Ok(rows)
}
