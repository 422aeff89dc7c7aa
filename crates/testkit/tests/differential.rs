//! Random commands against Brasa and valkey-server, replies compared byte for byte.
//!
//! `DIFFERENTIAL_COMMANDS` sets the size of each run (100,000), `DIFFERENTIAL_SEED` the seed (1). With
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
        commands: number("DIFFERENTIAL_COMMANDS", 100_000),
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

#[test]
fn random_commands_with_hash_sharding() {
    check(&campaign(Settings::default(), &[]));
}

#[test]
fn random_commands_with_slot_sharding_and_a_hot_tag() {
    let settings = Settings { hot_tag: true, ..Settings::default() };
    let mut campaign = campaign(settings, &["--key-sharding", "slot"]);
    // Other commands than the run before.
    campaign.seed = campaign.seed.wrapping_add(1000);
    check(&campaign);
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
