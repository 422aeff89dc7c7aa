//! `cargo xtask suite`: test suites that others wrote, run against the node.
//!
//! Nothing of them is part of this project: the folder is a checkout that lies elsewhere. `docs/conformance.md` has the
//! results, `tests/suite/` the expected failures with a reason each.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

mod expected;
mod harness;
mod memcached;
mod server;
mod table;
mod tap;
mod verdicts;

use expected::Expected;
use harness::{Harness, Mode};
use table::Table;

/// Where the expected failures stand, from the root of the project.
const EXPECTED: &str = "tests/suite/redis-7.0.15-expected.txt";

/// Unit files that apply to one node that keeps its data in memory, and how each is run: most against a server that
/// is up, those whose tests want start-up parameters of their own with servers that the harness starts.
const UNITS: &[(&str, Mode)] = &[
    ("unit/type/string", Mode::Connect),
    ("unit/type/incr", Mode::Connect),
    ("unit/type/hash", Mode::Connect),
    ("unit/type/list", Mode::Connect),
    ("unit/type/list-2", Mode::Connect),
    ("unit/type/list-3", Mode::Connect),
    ("unit/type/set", Mode::Connect),
    ("unit/type/zset", Mode::Connect),
    ("unit/type/stream", Mode::Connect),
    ("unit/type/stream-cgroups", Mode::Connect),
    ("unit/sort", Mode::Connect),
    ("unit/geo", Mode::Connect),
    ("unit/bitops", Mode::Connect),
    ("unit/bitfield", Mode::Connect),
    ("unit/hyperloglog", Mode::Connect),
    ("unit/expire", Mode::Connect),
    ("unit/keyspace", Mode::Connect),
    ("unit/scan", Mode::Connect),
    ("unit/dump", Mode::Connect),
    ("unit/pause", Mode::Connect),
    ("unit/multi", Mode::Connect),
    ("unit/scripting", Mode::Connect),
    ("unit/functions", Mode::Connect),
    ("unit/pubsub", Mode::Connect),
    ("unit/pubsubshard", Mode::Connect),
    ("unit/protocol", Mode::Connect),
    ("unit/acl", Mode::Spawn),
    ("unit/acl-v2", Mode::Spawn),
    ("unit/auth", Mode::Spawn),
    ("unit/info", Mode::Spawn),
    ("unit/info-command", Mode::Connect),
    ("unit/introspection", Mode::Connect),
    ("unit/introspection-2", Mode::Connect),
    ("unit/maxmemory", Mode::Spawn),
    ("unit/limits", Mode::Spawn),
    ("unit/memefficiency", Mode::Spawn),
    ("unit/obuf-limits", Mode::Spawn),
    ("unit/querybuf", Mode::Spawn),
    ("unit/slowlog", Mode::Connect),
    ("unit/latency-monitor", Mode::Connect),
    ("unit/lazyfree", Mode::Connect),
    ("unit/other", Mode::Connect),
    ("unit/tracking", Mode::Connect),
    ("unit/quit", Mode::Connect),
    ("unit/printver", Mode::Connect),
    ("unit/client-eviction", Mode::Spawn),
    ("unit/networking", Mode::Spawn),
];

/// The suites.
#[derive(Subcommand)]
pub enum Suite {
    /// The Tcl suite of Redis 7.0.15, the unit files that apply
    Redis(RedisArgs),
    /// The Perl tests of memcached 1.6.18
    Memcached(memcached::MemcachedArgs),
}

/// Options of `cargo xtask suite redis`.
#[derive(Args)]
pub struct RedisArgs {
    /// Checkout of the repository redis/redis at tag 7.0.15
    #[arg(long)]
    dir: PathBuf,
    /// Binary to test [default: the release build, or redis-server of the system for --peer redis]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Only these unit files, parted by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Which server is under test; the list of expected failures is Brasa's
    #[arg(long, value_enum, default_value_t = Peer::Brasa)]
    peer: Peer,
    /// The harness starts every server itself, also for the files whose tests can share one
    #[arg(long)]
    spawn: bool,
    /// First of 600 ports to use; below 32000, where outgoing connections take theirs
    #[arg(long, default_value_t = 24_000, value_parser = clap::value_parser!(u16).range(1024..32_000))]
    base_port: u16,
    /// Seconds that one unit file may take
    #[arg(long, default_value_t = 180)]
    time_limit: u64,
    /// Write what the harness prints for each unit file into this folder
    #[arg(long)]
    logs: Option<PathBuf>,
    /// Print the table as it stands in docs/conformance.md
    #[arg(long)]
    markdown: bool,
}

/// A server that the suite can be run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// This project's node
    Brasa,
    /// redis-server, or another with its command line: for a baseline, without a list of expected failures
    Redis,
}

/// Runs a suite.
pub fn run(suite: Suite) -> Result<()> {
    match suite {
        Suite::Redis(args) => redis(&args),
        Suite::Memcached(args) => memcached::run(&args),
    }
}

fn redis(args: &RedisArgs) -> Result<()> {
    let expected = match args.peer {
        Peer::Brasa => {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(EXPECTED);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {EXPECTED}"))?;
            Expected::parse(&text).with_context(|| EXPECTED.to_owned())?
        }
        Peer::Redis => Expected::default(),
    };
    let units = chosen(&args.only, &expected)?;
    if let Some(folder) = &args.logs {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let launch = server::Launch::new(args.server.clone(), args.peer == Peer::Brasa)?;
    let harness = Harness::new(&args.dir, launch, args.base_port, Duration::from_secs(args.time_limit))?;

    let mut table = Table::default();
    for &(unit, mode) in units {
        let mode = if args.spawn { Mode::Spawn } else { mode };
        let left_out: Vec<&str> = expected.left_out(unit).collect();
        let run = harness.run(unit, mode, &left_out)?;
        if let Some(folder) = &args.logs {
            fs::write(folder.join(unit.replace('/', "-") + ".log"), &run.output)?;
        }
        let surprises = expected.compare(unit, &run.verdicts, mode);
        table.add(unit, run, surprises, expected.reasons(unit), left_out.len());
    }
    if args.markdown {
        print!("{}", table.markdown());
    }
    println!("{}", table.summary());
    match table.surprises() {
        0 => Ok(()),
        number => bail!("{number} results are not as {EXPECTED} says"),
    }
}

/// The unit files to run. Fails on one that is unknown, in the options or in the list of expected failures.
fn chosen(only: &[String], expected: &Expected) -> Result<Vec<&'static (&'static str, Mode)>> {
    let known: BTreeSet<&str> = UNITS.iter().map(|(unit, _)| *unit).collect();
    if let Some(unit) = expected.units().find(|unit| !known.contains(unit)) {
        bail!("{EXPECTED}: {unit} is not a unit file that is run");
    }
    if let Some(unit) = only.iter().find(|unit| !known.contains(unit.as_str())) {
        bail!("{unit} is not one of: {}", known.into_iter().collect::<Vec<_>>().join(", "));
    }
    Ok(UNITS.iter().filter(|(unit, _)| only.is_empty() || only.iter().any(|name| name == unit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_in_the_tree_is_well_formed() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(EXPECTED);
        let expected = Expected::parse(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(chosen(&[], &expected).unwrap().len(), UNITS.len());
    }

    #[test]
    fn unit_files_are_chosen_by_name() {
        let expected = Expected::default();
        assert_eq!(chosen(&["unit/quit".to_owned()], &expected).unwrap(), [&("unit/quit", Mode::Connect)]);
        assert!(chosen(&["unit/quti".to_owned()], &expected).is_err());
    }
}
