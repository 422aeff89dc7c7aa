//! Random commands against Brasa and valkey-server, replies compared byte for byte.
//!
//! `DIFFERENTIAL_COMMANDS` sets the size of each run (100,000; half as many again on collections),
//! `DIFFERENTIAL_SEED` the seed (1). With
//! `DIFFERENTIAL_RIGHT=valkey` the oracle is compared with itself, which checks the tester: it must find nothing.

use testkit::differential::campaign::Campaign;
use testkit::differential::families;
use testkit::differential::generate::Settings;
use testkit::differential::regressions::REGRESSIONS;
use testkit::server::{Kind, Launch};

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not '{text}'")),
        Err(_) => default,
    }
}

/// What is tested: Brasa, unless the environment says otherwise.
fn right() -> Kind {
    match std::env::var("DIFFERENTIAL_RIGHT") {
        Ok(name) => name.parse().unwrap_or_else(|message| panic!("{message}")),
        Err(_) => Kind::Brasa,
    }
}

fn campaign(settings: Settings, brasa_args: &[&str]) -> Campaign {
    let kind = right();
    let launch = Launch::new(kind);
    let launch = if kind == Kind::Brasa { launch.args(brasa_args) } else { launch };
    Campaign {
        right: (kind, launch.clone()),
        settings,
        seed: number("DIFFERENTIAL_SEED", 1),
        ..Campaign::new(launch)
    }
}

fn check(campaign: &Campaign) {
    let outcome = campaign.run().unwrap_or_else(|error| panic!("{error}"));
    println!("{}", outcome.coverage.table());
    println!("{} replies compared in {:.1?}, seed {}", outcome.compared, outcome.elapsed, campaign.seed);
    if let Some(failure) = outcome.failure {
        panic!("{failure}");
    }
    let missing = outcome.coverage.missing(campaign.commands);
    assert!(missing.is_empty(), "reached too rarely:\n  {}", missing.join("\n  "));
}

#[test]
fn sequences_that_failed_once() {
    let mut failures = Vec::new();
    for arguments in [&[] as &[&str], &["--key-sharding", "slot"]] {
        let campaign = campaign(Settings::default(), arguments);
        for regression in REGRESSIONS {
            failures.extend(campaign.replay(regression).unwrap_or_else(|error| panic!("{error}")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn families(list: &str) -> Settings {
    Settings { families: families::named(list).expect("these families exist"), ..Settings::default() }
}

/// Once with keys by hash, once by slot with most keys in one shard; each time other commands.
fn check_twice(list: &str, commands: u64) {
    let runs = [(false, &[] as &[&str]), (true, &["--key-sharding", "slot"])];
    for (run, (hot_tag, arguments)) in runs.into_iter().enumerate() {
        let mut campaign = campaign(Settings { hot_tag, ..families(list) }, arguments);
        campaign.commands = commands;
        campaign.seed = campaign.seed.wrapping_add(1000 * run as u64);
        check(&campaign);
    }
}

#[test]
fn random_commands_on_strings_and_the_node() {
    check_twice(families::STRINGS, number("DIFFERENTIAL_COMMANDS", 100_000));
}

#[test]
fn random_commands_on_collections() {
    check_twice(families::COLLECTIONS, number("DIFFERENTIAL_COMMANDS", 100_000) * 2);
}

/// A tester that finds nothing proves nothing: two servers that differ must be told apart, in a few steps.
#[test]
fn redis_is_told_from_valkey() {
    let campaign = Campaign {
        right: (Kind::Redis, Launch::new(Kind::Redis)),
        settings: Settings { families: families::named("string").unwrap(), ..Settings::default() },
        commands: 5000,
        ..Campaign::new(Launch::new(Kind::Redis))
    };
    let failure = campaign.run().unwrap_or_else(|error| panic!("{error}")).failure;
    let report = failure.expect("Redis 7.0 has no MSETEX, DELIFEQ or SET IFEQ");
    let steps =
        report.split("minimised to ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    assert!(steps.is_some_and(|steps| steps <= 4), "{report}");
}
