//! Runs the differential tester by hand: random commands against two servers, replies compared byte for byte.

use std::process::ExitCode;

use clap::Parser;
use testkit::differential::campaign::Campaign;
use testkit::differential::families;
use testkit::differential::generate::Settings;
use testkit::server::{Kind, Launch};

/// Sends the same random commands to two servers and compares every reply and the state afterwards.
///
/// Exit code 0: no difference, and everything was reached often enough. 1: a difference or too little coverage.
/// 2: a server did not start.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many replies to compare in all.
    #[arg(long, default_value_t = 100_000)]
    commands: u64,
    /// The seed that all sequences follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Families to draw from, separated by commas; all when left out.
    #[arg(long)]
    families: Option<String>,
    /// The oracle: valkey, redis or brasa.
    #[arg(long, default_value = "valkey")]
    left: Kind,
    /// What is tested.
    #[arg(long, default_value = "brasa")]
    right: Kind,
    /// Arguments for Brasa, such as "--key-sharding slot".
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    brasa_args: String,
    /// Steps of one sequence.
    #[arg(long, default_value_t = 1000)]
    sequence_length: usize,
    /// Run only the sequence with this number.
    #[arg(long)]
    only: Option<u64>,
    /// Cut a failing sequence down.
    #[arg(long)]
    minimise: bool,
    /// Go on after mismatches and list their kinds, the most frequent first.
    #[arg(long)]
    survey: bool,
    /// Stop after this many kinds of failure; the rest of a failing sequence is left out.
    #[arg(long, default_value_t = 1)]
    failures: usize,
    /// Leave out commands that only one of the servers has.
    #[arg(long)]
    common: bool,
    /// Let most keys share one {tag}.
    #[arg(long)]
    hot_tag: bool,
    /// Print how often each command and option succeeded and failed.
    #[arg(long)]
    coverage: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let families = match arguments.families.as_deref().map(families::named).transpose() {
        Ok(families) => families.unwrap_or_else(|| families::ALL.iter().collect()),
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let launch = |kind: Kind| {
        let launch = Launch::new(kind);
        if kind == Kind::Brasa { launch.args(arguments.brasa_args.split_whitespace()) } else { launch }
    };
    let campaign = Campaign {
        left: (arguments.left, launch(arguments.left)),
        right: (arguments.right, launch(arguments.right)),
        settings: Settings {
            families,
            hot_tag: arguments.hot_tag,
            sequence_length: arguments.sequence_length,
            ..Settings::default()
        },
        seed: arguments.seed,
        commands: arguments.commands,
        only: arguments.only,
        minimise: arguments.minimise,
        survey: arguments.survey,
        common: arguments.common,
        failures_max: arguments.failures,
    };
    let outcome = match campaign.run() {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if arguments.coverage {
        println!("{}", outcome.coverage.table());
    }
    let rate = outcome.compared as f64 / outcome.elapsed.as_secs_f64();
    println!("{} replies compared in {:.1?} ({rate:.0}/s)", outcome.compared, outcome.elapsed);
    if let Some(failure) = outcome.failure {
        println!("{failure}");
        return ExitCode::FAILURE;
    }
    let missing =
        if arguments.only.is_some() { Vec::new() } else { outcome.coverage.missing(arguments.commands) };
    if !missing.is_empty() {
        println!("reached too rarely:\n  {}", missing.join("\n  "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
