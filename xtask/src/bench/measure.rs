//! One sample of the throughput table: fill if needed, run the generator, take the server's CPU time at the edges.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use loadgen::{BenchArgs, Moment, Report, args::ValueSizes};

use super::{
    cells::{Cell, Data, Place, VALUE_BYTES},
    proc::{self, Ticks},
    servers::{Kind, Server},
};

/// How often a sample is taken that was disturbed.
const ATTEMPTS_MAX: u32 = 3;
/// How long the machine is watched before it counts as quiet.
const QUIET: Duration = Duration::from_millis(200);

/// What holds for all samples of a run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Number of keys.
    pub keys: u64,
    /// Number of keys of the stall phases.
    pub stall_keys: u64,
    /// Seed of all random choices.
    pub seed: u64,
    /// Connections of the load.
    pub connections: usize,
    /// Measured seconds of a sample.
    pub seconds: f64,
    /// Seconds before them.
    pub warm_up: f64,
    /// A sample with more stolen time than this is repeated.
    pub steal_percent_max: f64,
    /// A sample beside which other processes took more of both cores than this is repeated.
    pub others_percent_max: f64,
    /// How long a sample waits for other processes to leave the machine, in seconds.
    pub patience_s: f64,
    /// Niceness of servers and load.
    pub nice: i32,
    /// The server's core.
    pub server_core: usize,
    /// The load's core.
    pub load_core: usize,
}

impl Setup {
    /// Cores of the server and of the load.
    pub fn cores(&self, place: Place) -> (Vec<usize>, Vec<usize>) {
        let both = vec![self.server_core, self.load_core];
        match place {
            Place::Apart => (vec![self.server_core], vec![self.load_core]),
            Place::Shared => (both.clone(), both),
        }
    }

    /// Generator options that do not depend on the cell.
    pub fn bench_args(&self, port: u16, base: BenchArgs) -> BenchArgs {
        BenchArgs {
            port,
            keys: self.keys,
            seed: self.seed,
            connections: self.connections,
            seconds: self.seconds,
            warm_up: self.warm_up,
            ..base
        }
    }
}

/// One server in one round of one cell.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Name of the cell.
    pub cell: &'static str,
    /// The server.
    pub server: Kind,
    /// Round, from 1.
    pub round: usize,
    /// The server's CPU time per operation, kernel time included.
    pub cpu_us_per_op: f64,
    /// CPU time of the server per second of the window.
    pub cpus_used: f64,
    /// Time that the hypervisor took from both cores.
    pub steal_percent: f64,
    /// Share of both cores' time that other processes took.
    pub others_percent: f64,
    /// How often it was run, because of disturbance.
    pub attempts: u32,
    /// What the generator saw.
    pub report: Report,
}

/// Makes sure that the server holds `data`.
fn prepare(server: &mut Server, data: &Data, setup: &Setup) -> Result<()> {
    if server.holds == Some(data.name) {
        return Ok(());
    }
    server.holds = None;
    let mut client = server.client()?;
    // Freed in the background, the old keys would be paid for by the next sample.
    if client.call(&["FLUSHALL", "SYNC"]).is_err() {
        client.call(&["FLUSHALL"])?;
    }
    fill(server, data, setup)?;
    server.holds = Some(data.name);
    Ok(())
}

/// Writes `data` into an empty server.
pub fn fill(server: &Server, data: &Data, setup: &Setup) -> Result<()> {
    let args = data.bench_args(setup.bench_args(server.port, BenchArgs::default()));
    loadgen::fill(&BenchArgs {
        load_template: data.template.map(str::to_owned),
        value_bytes: ValueSizes::fixed(VALUE_BYTES),
        ..args
    })
    .with_context(|| format!("filling {}", server.kind.name()))?;
    let mut client = server.client()?;
    let keys = client.number(&["DBSIZE"])?;
    let expected = data.size.map_or(setup.keys, |(keys, _)| keys);
    ensure!(keys == expected, "{} holds {keys} keys after filling {expected}", server.kind.name());
    data.extra.iter().try_for_each(|words| client.call(words).map(drop))
}

impl Sample {
    /// Share of both cores' time that neither server nor load had.
    fn disturbed_percent(&self) -> f64 {
        self.steal_percent + self.others_percent
    }
}

/// Takes one sample, repeated while it is disturbed too much; the least disturbed attempt stands.
pub fn sample(server: &mut Server, cell: &Cell, round: usize, setup: &Setup) -> Result<Sample> {
    let (server_cores, load_cores) = setup.cores(cell.place);
    server.pin(&server_cores)?;
    proc::pin(std::process::id(), &load_cores)?;
    let mut best: Option<Sample> = None;
    for attempt in 1..=ATTEMPTS_MAX {
        if !server.kind.is_echo() {
            prepare(server, cell.data, setup)?;
        }
        wait_until_quiet(setup)?;
        let now = attempt_once(server, cell, round, setup)?;
        let quiet =
            now.steal_percent <= setup.steal_percent_max && now.others_percent <= setup.others_percent_max;
        if best.as_ref().is_none_or(|best| now.disturbed_percent() < best.disturbed_percent()) {
            best = Some(now);
        }
        if let Some(best) = &mut best {
            best.attempts = attempt;
        }
        if quiet {
            break;
        }
    }
    best.context("no attempt was made")
}

/// Waits, within the patience, until both cores are idle but for what a sample may bear.
fn wait_until_quiet(setup: &Setup) -> Result<()> {
    let both = [setup.server_core, setup.load_core];
    let begun = Instant::now();
    loop {
        let before = Ticks::now(&both)?;
        thread::sleep(QUIET);
        let quiet = Ticks::now(&both)?.others_percent(before, 0) <= setup.others_percent_max;
        if quiet || begun.elapsed().as_secs_f64() > setup.patience_s {
            return Ok(());
        }
    }
}

fn attempt_once(server: &mut Server, cell: &Cell, round: usize, setup: &Setup) -> Result<Sample> {
    let args = cell.data.bench_args(setup.bench_args(server.port, cell.bench_args()));
    let both = [setup.server_core, setup.load_core];
    let (pid, own) = (server.pid(), std::process::id());
    let edge =
        || anyhow::Ok((proc::scheduled(pid)?.cpu_ns, proc::scheduled(own)?.cpu_ns, Ticks::now(&both)?));
    let mut edges = Vec::with_capacity(2);
    let run = loadgen::run_observed(&args, |_: Moment| edges.push(edge()));
    if cell.spoils {
        server.holds = None;
    }
    let report = run.with_context(|| format!("load on {}", server.kind.name()))?;
    let Some(end) = edges.pop().transpose()? else { bail!("the window had no end") };
    let Some(begin) = edges.pop().transpose()? else { bail!("the window had no beginning") };
    if let Some((text, count)) = report.errors.iter().next() {
        bail!("{count} error replies: {text}");
    }
    ensure!(report.operations > 0 && report.unanswered == 0, "{} requests got no reply", report.unanswered);
    ensure!(report.nulls == 0 || cell.finds_nothing, "{} keys were missing", report.nulls);
    let server_ns = end.0 - begin.0;
    let cpu_us = server_ns as f64 / 1e3;
    Ok(Sample {
        cell: cell.name,
        server: server.kind,
        round,
        cpu_us_per_op: cpu_us / report.operations as f64,
        cpus_used: cpu_us / 1e6 / report.seconds,
        steal_percent: end.2.steal_percent(begin.2),
        others_percent: end.2.others_percent(begin.2, server_ns + (end.1 - begin.1)),
        attempts: 1,
        report,
    })
}
