//! `cargo xtask bench`: Brasa beside its rivals on the same machine in the same minutes.
//!
//! Absolute figures of a virtual machine move by tens of percent from hour to hour, so everything here is measured
//! alternately (A, B, C, A, B, C, ...) and compared as ratios of the same round.

use clap::Subcommand;

mod cells;
mod echo;
mod engine;
mod handover;
mod huge;
mod measure;
mod memory;
mod messaging;
mod pinger;
mod plan;
mod proc;
mod redis_benchmark;
mod resp;
mod results;
mod servers;
mod stall;
mod types;

/// The measurements.
#[derive(Subcommand)]
pub enum Bench {
    /// Brasa, valkey, redis, kevy and a bare echo loop: CPU per operation, throughput, latency, memory, stalls
    Engine(engine::EngineArgs),
    /// Collections beside valkey: CPU per operation, throughput, memory per element, other clients' waits
    Types(engine::EngineArgs),
    /// Scripts, users, transactions, Pub/Sub and client-side caching beside valkey: CPU per operation, throughput
    Messaging(engine::EngineArgs),
    /// Run the load generator alone against a server that is up (as `brasa bench` does)
    Load(loadgen::BenchArgs),
    /// The bare request and reply loop that `engine` measures as the physical limit
    #[command(hide = true)]
    Echo(echo::EchoArgs),
}

/// Runs one of them.
pub fn run(bench: Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Engine(args) => engine::run(args, plan::ENGINE),
        Bench::Types(args) => engine::run(args, plan::TYPES),
        Bench::Messaging(args) => engine::run(args, plan::MESSAGING),
        Bench::Echo(args) => echo::run(&args),
        Bench::Load(args) => {
            let report = loadgen::run(&args)?;
            if args.json {
                println!("{}", report.to_json());
            } else {
                print!("{report}");
            }
            Ok(())
        }
    }
}
