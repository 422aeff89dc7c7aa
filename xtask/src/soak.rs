//! `cargo xtask soak`: the tests that find more the longer they run, for as long as one likes.
//!
//! Round after round, each with a seed of its own: random commands against valkey-server with hash sharding, with slot
//! sharding and a hot tag, and with two I/O threads. The first difference ends it and names the seed.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::Args;
use testkit::differential::campaign::Campaign;
use testkit::differential::generate::Settings;
use testkit::server::{Kind, Launch};

/// Options. The servers come from BRASA_BIN and VALKEY_SERVER, or from where `./dev` puts them.
#[derive(Debug, Args)]
pub struct Soak {
    /// How long to go on; the round under way is finished
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// The first round's seed; each round adds one
    #[arg(long, default_value_t = 10_000)]
    seed: u64,
    /// Replies compared per campaign
    #[arg(long, default_value_t = 200_000)]
    commands: u64,
}

/// Runs rounds until the time is over or something differs.
pub fn run(soak: &Soak) -> Result<()> {
    let kinds: [(&str, bool, &[&str]); 3] = [
        ("hash sharding", false, &[]),
        ("slot sharding, hot tag", true, &["--key-sharding", "slot"]),
        ("two I/O threads", false, &["--io-threads", "2"]),
    ];
    let began = Instant::now();
    let mut compared = 0;
    for seed in soak.seed.. {
        for (name, hot_tag, arguments) in kinds {
            let campaign = Campaign {
                settings: Settings { hot_tag, ..Settings::default() },
                seed,
                commands: soak.commands,
                ..Campaign::new(Launch::new(Kind::Brasa).args(arguments))
            };
            let outcome = campaign.run().map_err(|error| anyhow!("{error}"))?;
            compared += outcome.compared;
            if let Some(failure) = outcome.failure {
                bail!("{name}, seed {seed}:\n{failure}");
            }
            let minutes = began.elapsed().as_secs_f64() / 60.0;
            println!(
                "{minutes:7.1} min  seed {seed}, {name}: no difference; {compared} replies compared so far"
            );
        }
        if began.elapsed() >= Duration::from_secs(soak.minutes * 60) {
            break;
        }
    }
    Ok(())
}
