//! Project tasks: `cargo xtask <task>`. Each task is a module of its own; this file only hands over to them.

use clap::{Parser, Subcommand};

mod bench;
mod docs;
mod soak;
mod suite;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the project")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure Brasa beside its rivals
    #[command(subcommand)]
    Bench(Box<bench::Bench>),
    /// Write the pages that are made from the code's tables (--check: only compare)
    Docs(docs::Docs),
    /// Compare random commands with valkey-server for as long as you like
    Soak(soak::Soak),
    /// Run test suites that others wrote against the node
    #[command(subcommand)]
    Suite(suite::Suite),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Bench(bench) => bench::run(*bench),
        Task::Docs(docs) => docs::run(&docs),
        Task::Soak(soak) => soak::run(&soak),
        Task::Suite(suite) => suite::run(suite),
    }
}
