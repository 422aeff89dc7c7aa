//! The `brasa` binary: one program, a subcommand per role.
//!
//! Called under the name `valkey-server`, `redis-server` or `memcached` (through a link) it takes their command line.

mod memcached;
mod memcached_args;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

#[global_allocator]
static GLOBAL: sys::alloc::CountingAlloc = sys::alloc::CountingAlloc;

/// A Redis- and Valkey-compatible in-memory engine.
#[derive(Parser)]
#[command(
    name = "brasa",
    version,
    after_help = "Start here:\n  brasa up                     a cache node on 127.0.0.1:6379, data in ./brasa-data\n  redis-cli set greeting hello  talk to it with any Redis or Valkey client\n  brasa node --port 7000        a node with valkey-server's own options"
)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Run everything on this machine: for now one cache node on 127.0.0.1:6379.
    Up(Up),
    /// Run one cache node with the command line and configuration file of valkey-server.
    ///
    /// Every directive of Valkey 9.1 is accepted; docs/guide/parameters.md says which have an effect.
    #[command(
        override_usage = "brasa node [CONFIG-FILE] [--directive value ...]",
        disable_help_flag = true,
        after_help = "Examples:\n  brasa node\n  brasa node /etc/brasa.conf\n  brasa node --port 7000 --maxmemory 1gb --maxmemory-policy allkeys-lru\n  echo 'port 7000' | brasa node -"
    )]
    Node {
        /// Configuration file and directives, as for valkey-server.
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "CONFIG-FILE | --directive value"
        )]
        args: Vec<OsString>,
    },
    /// Run a memcached 1.6 server with memcached's own command line: `brasa memcached -h`.
    #[command(disable_help_flag = true)]
    Memcached {
        /// Options, as for memcached.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
        args: Vec<OsString>,
    },
    /// Look at what a node logged.
    #[command(subcommand)]
    Log(LogCommand),
    /// Put load on a Redis-compatible server and measure it.
    Bench(Box<loadgen::BenchArgs>),
}

#[derive(Subcommand)]
enum LogCommand {
    /// Print the effects in a folder of log segments as commands, ready for `redis-cli --pipe`.
    Dump {
        /// The folder: `effect-log` of a node that was killed, or `effect-log.previous` after its next start.
        folder: PathBuf,
    },
}

#[derive(Args)]
struct Up {
    /// Folder for everything that is kept; made when missing.
    #[arg(long, default_value = "brasa-data", value_name = "FOLDER")]
    data_dir: PathBuf,
    /// Port of the cache node.
    #[arg(long, default_value_t = 6379)]
    port: u16,
}

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let called_as = args.first().map(PathBuf::from).and_then(|p| p.file_name().map(|n| n.to_os_string()));
    if called_as.as_ref().is_some_and(|name| name == "memcached") {
        return memcached::run(&args.split_off(1));
    }
    if args.get(1).is_some_and(|role| role == "memcached") {
        return memcached::run(&args.split_off(2));
    }
    if called_as.is_some_and(|name| name == "valkey-server" || name == "redis-server") {
        return node(args.split_off(1));
    }
    // The node's own directives look like options of ours: hand them over before clap looks.
    if args.get(1).is_some_and(|role| role == "node")
        && args.get(2).is_none_or(|a| a != "--help" && a != "-h")
    {
        return node(args.split_off(2));
    }
    match Cli::parse().role {
        Role::Up(up) => run_up(&up),
        Role::Node { args } => {
            if args.iter().any(|a| a == "--help" || a == "-h") {
                return node_help();
            }
            node(args)
        }
        Role::Memcached { args } => memcached::run(&args),
        Role::Log(LogCommand::Dump { folder }) => log_dump(&folder),
        Role::Bench(args) => match loadgen::run(&args) {
            Ok(report) => {
                print!("{report}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("brasa bench: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn node_help() -> ExitCode {
    use clap::CommandFactory;
    let mut command = Cli::command();
    if let Some(node) = command.find_subcommand_mut("node") {
        let _ = node.print_help();
    }
    ExitCode::SUCCESS
}

fn node(args: Vec<OsString>) -> ExitCode {
    match args.first().and_then(|a| a.to_str()) {
        Some("-v" | "--version") => {
            println!(
                "Brasa v={} speaks=valkey-{} malloc=mimalloc bits=64",
                env!("CARGO_PKG_VERSION"),
                node::VALKEY_VERSION
            );
            ExitCode::SUCCESS
        }
        Some("-h" | "--help") => node_help(),
        _ => node::run(&args, node::startup::StartOptions::default()),
    }
}

fn log_dump(folder: &std::path::Path) -> ExitCode {
    use std::io::Write;
    let recovery = match effect_log::recover(folder) {
        Ok(recovery) => recovery,
        Err(error) => {
            eprintln!("brasa log dump: cannot read {}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut selected = None;
    for record in &recovery.records {
        for (db, command) in &record.effects {
            if selected != Some(*db) {
                let number = db.to_string();
                let _ = write!(out, "*2\r\n$6\r\nSELECT\r\n${}\r\n{number}\r\n", number.len());
                selected = Some(*db);
            }
            if out.write_all(command).is_err() {
                return ExitCode::SUCCESS;
            }
        }
    }
    let _ = out.flush();
    eprintln!(
        "{} units; {} unpublished; {} damaged segments{}",
        recovery.records.len(),
        recovery.missing.len(),
        recovery.damaged.len(),
        if recovery.damaged.is_empty() { "" } else { " (what stood before the damage was printed)" }
    );
    if recovery.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_up(up: &Up) -> ExitCode {
    if let Err(error) = std::fs::create_dir_all(&up.data_dir) {
        eprintln!(
            "brasa up: cannot make the data folder {}: {error}. Choose another with --data-dir FOLDER.",
            up.data_dir.display()
        );
        return ExitCode::FAILURE;
    }
    let args: Vec<OsString> = vec![
        "--bind".into(),
        "127.0.0.1".into(),
        "--port".into(),
        up.port.to_string().into(),
        "--dir".into(),
        up.data_dir.clone().into(),
    ];
    node::run(&args, node::startup::StartOptions { announce_ready: true, ..Default::default() })
}
