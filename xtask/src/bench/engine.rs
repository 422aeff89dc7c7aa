//! A whole comparison: its options, the order of samples, the results.

use std::collections::{BTreeMap, btree_map::Entry};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    cells::Cell,
    measure::{self, Setup},
    plan::Plan,
    proc,
    results::Results,
    servers::{Binary, Kind, Server, Start},
};

/// Options of a comparison. Servers come from the variables BRASA, VALKEY_SERVER, REDIS_SERVER and KEVY, or from
/// PATH; Brasa from the release build. Missing ones are left out with a line that says so.
#[derive(Args, Clone, Debug)]
pub struct EngineArgs {
    /// The main cells only, in short rounds
    #[arg(long)]
    quick: bool,

    /// Only what contains one of these words, say get, p16, memory, stall (--list names all)
    #[arg(long, value_delimiter = ',', value_name = "WORD,...")]
    only: Vec<String>,

    /// Only these servers: brasa, brasa-epoll, brasa-io_uring, valkey, redis, kevy, echo-epoll, echo-io_uring
    /// [default: for `engine` all but the second and third, for `types` brasa and valkey]
    #[arg(long, value_delimiter = ',', value_name = "SERVER,...")]
    servers: Vec<String>,

    /// Rounds of every cell [default: 5, quick 3]
    #[arg(long)]
    rounds: Option<usize>,

    /// Measured seconds of a sample [default: 2, quick 1]
    #[arg(long)]
    seconds: Option<f64>,

    /// Seconds before each sample
    #[arg(long, default_value_t = 0.4)]
    warm_up: f64,

    /// Connections of the load
    #[arg(long, default_value_t = 50)]
    connections: usize,

    /// Keys of the cells and of the memory table
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,

    /// Keys of the stall phases
    #[arg(long, default_value_t = 10_000_000)]
    stall_keys: u64,

    /// Repeat a sample from which the hypervisor took more than this share of both cores
    #[arg(long, default_value_t = 6.0)]
    steal_percent_max: f64,

    /// Repeat a sample beside which other processes took more than this share of both cores
    #[arg(long, default_value_t = 10.0)]
    others_percent_max: f64,

    /// Wait up to this many seconds before each sample for other processes to leave the machine
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    patience: f64,

    /// Niceness of servers and load; -20 keeps other processes of a shared machine off (needs the right to)
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    nice: i32,

    /// Core of the servers
    #[arg(long, default_value_t = 0)]
    server_core: usize,

    /// Core of the load
    #[arg(long, default_value_t = 1)]
    load_core: usize,

    /// Servers listen on this port and the next ones
    #[arg(long, default_value_t = 21300)]
    base_port: u16,

    /// Seed of all random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Name of the result files [default: after the cell set]
    #[arg(long)]
    name: Option<String>,

    /// Write no result files
    #[arg(long)]
    no_write: bool,

    /// List what can be measured and end
    #[arg(long)]
    list: bool,
}

impl EngineArgs {
    fn wants(&self, plan: &Plan, name: &str) -> bool {
        // The full name of one cell is not meant for others that begin like it: get-p1 and get-p16.
        let meant = |word: &String| {
            if plan.names().any(|other| other == word) { name == word } else { name.contains(word.as_str()) }
        };
        self.only.is_empty() || self.only.iter().any(meant)
    }

    fn cells(&self, plan: &Plan) -> Vec<&'static Cell> {
        plan.cells.iter().filter(|cell| self.wants(plan, cell.name) && (cell.main || !self.quick)).collect()
    }

    fn setup(&self) -> Setup {
        Setup {
            keys: self.keys,
            seed: self.seed,
            connections: self.connections,
            seconds: self.seconds.unwrap_or(if self.quick { 1.0 } else { 2.0 }),
            warm_up: self.warm_up,
            stall_keys: self.stall_keys,
            steal_percent_max: self.steal_percent_max,
            others_percent_max: self.others_percent_max,
            patience_s: self.patience,
            nice: self.nice,
            server_core: self.server_core,
            load_core: self.load_core,
        }
    }

    fn file_name(&self, plan: &Plan) -> String {
        let set = if !self.only.is_empty() {
            format!("{}-{}", plan.name, self.only.join("-"))
        } else if self.quick {
            format!("{}-quick", plan.name)
        } else {
            plan.name.to_owned()
        };
        self.name.clone().unwrap_or(set)
    }
}

/// Measures what `args` select of `plan`, prints tables and writes the result files.
pub fn run(args: EngineArgs, plan: &Plan) -> Result<()> {
    if args.list {
        plan.names().for_each(|name| println!("{name}"));
        return Ok(());
    }
    ensure!(args.server_core != args.load_core, "server and load need different cores");
    let cells = args.cells(plan);
    let parts: Vec<_> =
        plan.parts.iter().filter(|part| args.wants(plan, part.name()) && !args.quick).collect();
    ensure!(!cells.is_empty() || !parts.is_empty(), "nothing is called {}: see --list", args.only.join(", "));
    let setup = args.setup();
    if setup.nice != 0
        && let Some(success) = proc::in_own_session()?
    {
        ensure!(success, "the benchmark failed");
        return Ok(());
    }
    let mut results = Results::new(&setup, plan);
    let binaries = find(&args, plan, &mut results)?;
    results.binaries = binaries.clone();
    proc::pin(std::process::id(), &[args.load_core])?;
    if setup.nice != 0 {
        // Servers and generator threads inherit it.
        proc::set_nice(setup.nice)?;
    }

    throughput(&args, &setup, &cells, &binaries, &mut results);
    for part in parts {
        let mut left: Vec<&Binary> = binaries.iter().filter(|binary| !binary.kind.is_echo()).collect();
        for _ in 0..part.rounds(args.rounds.unwrap_or(5)) {
            left.retain(|binary| {
                println!("{} {}", part.name(), binary.kind.name());
                let outcome = part.run(binary, args.base_port, &setup, &mut results);
                if let Err(error) = &outcome {
                    results.note(format!("{} {}: {error:#}", part.name(), binary.kind.name()));
                }
                outcome.is_ok()
            });
        }
    }

    print!("\n{}", results.markdown());
    if !args.no_write {
        let paths = results.write(&args.file_name(plan)).context("cannot write the results")?;
        println!("\nwritten: {}", paths.join(" "));
    }
    Ok(())
}

/// The servers asked for that exist, in the order of a round.
fn find(args: &EngineArgs, plan: &Plan, results: &mut Results) -> Result<Vec<Binary>> {
    for name in &args.servers {
        ensure!(Kind::ALL.iter().any(|kind| kind.name() == name), "no server is called '{name}'");
    }
    let mut binaries = Vec::new();
    let asked = |kind: &Kind| match &args.servers[..] {
        [] => plan.servers.contains(kind),
        names => names.iter().any(|name| name == kind.name()),
    };
    for kind in Kind::ALL.iter().copied().filter(asked) {
        match Binary::find(kind) {
            Ok(binary) => {
                println!("{:<14} {}", kind.name(), binary.version);
                binaries.push(binary);
            }
            Err(error) => results.note(format!("{} left out: {error:#}", kind.name())),
        }
    }
    ensure!(!binaries.is_empty(), "no server was found");
    Ok(binaries)
}

/// Takes all samples: cell by cell, in each round one server after the other.
fn throughput(
    args: &EngineArgs,
    setup: &Setup,
    cells: &[&'static Cell],
    binaries: &[Binary],
    results: &mut Results,
) {
    let rounds = args.rounds.unwrap_or(if args.quick { 3 } else { 5 });
    let mut running: BTreeMap<Kind, Server> = BTreeMap::new();
    let mut io_threads = 0;
    for cell in cells {
        if io_threads != cell.io_threads {
            running.clear();
            io_threads = cell.io_threads;
        }
        let suits = |binary: &&Binary| !binary.kind.is_echo() || cell.suits_echo();
        let mut left: Vec<&Binary> = binaries.iter().filter(suits).collect();
        for round in 1..=rounds {
            left.retain(|binary| {
                let outcome = one(args, setup, cell, round, binary, &mut running);
                match outcome {
                    Ok(sample) => {
                        println!(
                            "{:<26} {round} {:<14} {:>7.3} us/op {:>9.0} ops/s  p50 {:>7.1} p99 {:>7.1} us  steal {:.1}% others {:.0}%",
                            cell.name,
                            binary.kind.name(),
                            sample.cpu_us_per_op,
                            sample.report.throughput_per_s(),
                            sample.report.latency.p50_us,
                            sample.report.latency.p99_us,
                            sample.steal_percent,
                            sample.others_percent,
                        );
                        results.samples.push(sample);
                        true
                    }
                    Err(error) => {
                        // The next cell gets a fresh server.
                        running.remove(&binary.kind);
                        results.note(format!("{} {}: {error:#}", cell.name, binary.kind.name()));
                        false
                    }
                }
            });
        }
    }
}

/// One sample, on a server that is started if it does not run.
fn one(
    args: &EngineArgs,
    setup: &Setup,
    cell: &Cell,
    round: usize,
    binary: &Binary,
    running: &mut BTreeMap<Kind, Server>,
) -> Result<measure::Sample> {
    // An echo loop is made for one length of requests and replies.
    if binary.kind.is_echo()
        && running.get(&binary.kind).is_some_and(|echo| echo.holds != Some(cell.requests.name()))
    {
        running.remove(&binary.kind);
    }
    let server = match running.entry(binary.kind) {
        Entry::Occupied(running) => running.into_mut(),
        Entry::Vacant(place) => {
            let at = Kind::ALL.iter().position(|&kind| kind == binary.kind).expect("ALL has every kind");
            let (cores, _) = setup.cores(cell.place);
            let server = place.insert(Server::start(
                binary,
                Start {
                    port: args.base_port + at as u16,
                    io_threads: cell.io_threads,
                    cores: &cores,
                    echo_bytes: cell.message_bytes()?,
                },
            )?);
            if binary.kind.is_echo() {
                server.holds = Some(cell.requests.name());
            }
            server
        }
    };
    measure::sample(server, cell, round, setup)
}
