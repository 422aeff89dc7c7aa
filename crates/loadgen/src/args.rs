//! The options of `brasa bench`.

use std::{fmt, path::PathBuf, str::FromStr};

use anyhow::{Result, ensure};
use clap::Args;

use crate::{distribution::Distribution, template::KEY_PREFIX};

/// Measure a Redis-compatible server.
///
/// Without --rate the loop is closed: every connection keeps --pipeline requests in flight, sends the next batch when
/// all replies of the last have come, and the result says what the server can do. With --rate the loop is open:
/// requests start on a schedule and latency counts from the scheduled instant, so that it includes the time for
/// which a slow server kept requests waiting to be sent. Use the first for throughput and the second for latency.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Host name or address of the server
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,

    /// Port of the server
    #[arg(long, default_value_t = 6379)]
    pub port: u16,

    /// Connect to this unix socket instead of host and port
    #[arg(long, value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,

    /// Password for AUTH
    #[arg(long)]
    pub password: Option<String>,

    /// Threads of the generator; connections are dealt out among them
    #[arg(long, default_value_t = 1)]
    pub threads: usize,

    /// Connections in total
    #[arg(long, default_value_t = 50)]
    pub connections: usize,

    /// Requests in flight per connection; with --rate the most that may be unanswered
    #[arg(long, default_value_t = 1)]
    pub pipeline: usize,

    /// Number of different keys
    #[arg(long, default_value_t = 1_000_000)]
    pub keys: u64,

    /// Length of every key: "key:" and digits
    #[arg(long, default_value_t = 16, value_name = "BYTES")]
    pub key_bytes: usize,

    /// Length of values, or several with their shares: 64:0.8,1024:0.2
    #[arg(long, default_value = "64", value_name = "BYTES[:SHARE],...")]
    pub value_bytes: ValueSizes,

    /// How keys are drawn: uniform, zipf:0.99, hot (one key) or sequential
    #[arg(long, default_value = "uniform")]
    pub distribution: Distribution,

    /// Commands with their weights: set:1,get:9. Known: get, set, append, setrange, setbit, pfadd, incr, mset10,
    /// mget10, ping
    #[arg(long, default_value = "get", value_name = "NAME[:WEIGHT],...", conflicts_with = "template")]
    pub commands: CommandMix,

    /// A request of your own, or several in equal shares: 'HSET __key__ __element__ __value__'. Replaced are
    /// __key__, __value__, __element__ (an element's number, ten digits) and __number__ (six digits at random)
    #[arg(long, value_name = "REQUEST")]
    pub template: Vec<String>,

    /// Elements per key that __element__ numbers; --load then writes every element of every key
    #[arg(long, default_value_t = 1)]
    pub elements: u64,

    /// Seconds to measure
    #[arg(long, default_value_t = 5.0, conflicts_with = "requests")]
    pub seconds: f64,

    /// Stop after this many requests instead (without warm-up, closed loop only)
    #[arg(long, conflicts_with = "rate")]
    pub requests: Option<u64>,

    /// Seconds to run before measuring
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    pub warm_up: f64,

    /// Open loop: requests per second over all connections. Waits of less than a millisecond are spent polling, so
    /// give the generator a core of its own
    #[arg(long, value_name = "REQUESTS_PER_SECOND")]
    pub rate: Option<f64>,

    /// First write every key once, in sequence
    #[arg(long)]
    pub load: bool,

    /// Write the keys of --load by this request instead of SET: 'PFADD __key__ first'
    #[arg(long, value_name = "REQUEST", requires = "load")]
    pub load_template: Option<String>,

    /// Lifetime in seconds that SET gives to keys (EX)
    #[arg(long, value_name = "SECONDS")]
    pub ttl: Option<u64>,

    /// Seed of all random choices; the same seed sends the same requests on each connection
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

impl Default for BenchArgs {
    /// The values that the command line defaults to.
    fn default() -> BenchArgs {
        BenchArgs {
            host: "127.0.0.1".to_owned(),
            port: 6379,
            unix_socket: None,
            password: None,
            threads: 1,
            connections: 50,
            pipeline: 1,
            keys: 1_000_000,
            key_bytes: 16,
            value_bytes: ValueSizes(vec![(64, 1.0)]),
            distribution: Distribution::Uniform,
            commands: CommandMix(vec![(Command::Get, 1.0)]),
            template: Vec::new(),
            elements: 1,
            seconds: 5.0,
            requests: None,
            warm_up: 1.0,
            rate: None,
            load: false,
            load_template: None,
            ttl: None,
            seed: 1,
            json: false,
        }
    }
}

impl BenchArgs {
    /// Refuses combinations that cannot run.
    pub fn check(&self) -> Result<()> {
        ensure!(self.threads > 0, "--threads must be at least 1");
        ensure!(
            self.connections >= self.threads,
            "--connections {} is below --threads {}: every thread needs one",
            self.connections,
            self.threads
        );
        ensure!(self.pipeline > 0, "--pipeline must be at least 1");
        ensure!(self.keys > 0, "--keys must be at least 1");
        ensure!(self.elements > 0, "--elements must be at least 1");
        ensure!(
            self.elements <= 10_000_000_000 && self.keys.checked_mul(self.elements).is_some(),
            "--elements {} is too many: an element's number has ten digits",
            self.elements
        );
        let least = KEY_PREFIX.len() + (self.keys - 1).to_string().len();
        ensure!(
            self.key_bytes >= least,
            "--key-bytes {} is too short for {} keys: use at least {least}",
            self.key_bytes,
            self.keys
        );
        ensure!(self.seconds > 0.0 && self.seconds.is_finite(), "--seconds must be above 0");
        ensure!(self.warm_up >= 0.0 && self.warm_up.is_finite(), "--warm-up must not be negative");
        ensure!(self.requests != Some(0), "--requests must be at least 1");
        if let Some(rate) = self.rate {
            ensure!(rate > 0.0 && rate <= 1e9, "--rate must be above 0 and at most 1e9");
        }
        ensure!(self.ttl != Some(0), "--ttl must be at least 1");
        Ok(())
    }

    /// How many things a draw is among: the elements of all keys.
    pub(crate) fn draws(&self) -> u64 {
        self.keys * self.elements
    }
}

/// A built-in request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// `GET key`
    Get,
    /// `SET key value [EX ttl]`
    Set,
    /// `APPEND key value`
    Append,
    /// `SETRANGE key offset value`: 8 bytes at an offset within the value size
    Setrange,
    /// `SETBIT key offset bit`: an offset within the value size
    Setbit,
    /// `PFADD key element`
    Pfadd,
    /// `INCR key`
    Incr,
    /// `MSET` of ten keys
    Mset10,
    /// `MGET` of ten keys
    Mget10,
    /// `PING`
    Ping,
}

impl Command {
    /// Every built-in request.
    pub const ALL: &[Command] = &[
        Command::Get,
        Command::Set,
        Command::Append,
        Command::Setrange,
        Command::Setbit,
        Command::Pfadd,
        Command::Incr,
        Command::Mset10,
        Command::Mget10,
        Command::Ping,
    ];

    /// Its spelling in `--commands`.
    pub fn name(self) -> &'static str {
        match self {
            Command::Get => "get",
            Command::Set => "set",
            Command::Append => "append",
            Command::Setrange => "setrange",
            Command::Setbit => "setbit",
            Command::Pfadd => "pfadd",
            Command::Incr => "incr",
            Command::Mset10 => "mset10",
            Command::Mget10 => "mget10",
            Command::Ping => "ping",
        }
    }

    /// Whether its requests depend on the value size.
    pub fn takes_value(self) -> bool {
        matches!(self, Command::Set | Command::Append | Command::Setrange | Command::Setbit | Command::Mset10)
    }
}

/// Commands with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandMix(pub Vec<(Command, f64)>);

impl FromStr for CommandMix {
    type Err = String;

    fn from_str(text: &str) -> Result<CommandMix, String> {
        let find = |name: &str| {
            Command::ALL.iter().copied().find(|command| command.name().eq_ignore_ascii_case(name)).ok_or_else(
                || {
                    let known: Vec<&str> = Command::ALL.iter().map(|command| command.name()).collect();
                    format!("no command '{name}': known are {}; others go with --template", known.join(", "))
                },
            )
        };
        weighted(text, find).map(CommandMix)
    }
}

impl fmt::Display for CommandMix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_weighted(f, self.0.iter().map(|&(command, weight)| (command.name(), weight)))
    }
}

/// Value sizes in bytes with their shares.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueSizes(pub Vec<(usize, f64)>);

impl ValueSizes {
    /// One size for everything.
    pub fn fixed(value_bytes: usize) -> ValueSizes {
        ValueSizes(vec![(value_bytes, 1.0)])
    }

    /// The sizes with shares, or one arbitrary size where the request does not depend on it.
    pub(crate) fn shares(&self, matters: bool) -> &[(usize, f64)] {
        if matters { &self.0 } else { &[(64, 1.0)] }
    }
}

impl FromStr for ValueSizes {
    type Err = String;

    fn from_str(text: &str) -> Result<ValueSizes, String> {
        let size = |size: &str| match size.parse::<usize>() {
            Ok(value_bytes) if value_bytes <= 512 << 20 => Ok(value_bytes),
            _ => Err(format!("'{size}' is no value size: write a number of bytes up to 512 MiB")),
        };
        weighted(text, size).map(ValueSizes)
    }
}

impl fmt::Display for ValueSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_weighted(f, self.0.iter().map(|&(value_bytes, share)| (value_bytes, share)))
    }
}

/// Parses `item[:weight],...`; a weight left out is 1.
fn weighted<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<(T, f64)>, String> {
    let part = |part: &str| {
        let (item, weight) = part.split_once(':').unwrap_or((part, "1"));
        match weight.parse::<f64>() {
            Ok(weight) if weight > 0.0 && weight.is_finite() => Ok((parse(item.trim())?, weight)),
            _ => Err(format!("'{weight}' is no weight: write a number above 0")),
        }
    };
    text.split(',').map(part).collect()
}

fn write_weighted<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl ExactSizeIterator<Item = (T, f64)>,
) -> fmt::Result {
    let single = items.len() == 1;
    for (i, (item, weight)) in items.enumerate() {
        let comma = if i > 0 { "," } else { "" };
        if single { write!(f, "{item}")? } else { write!(f, "{comma}{item}:{weight}")? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArgs,
    }

    #[test]
    fn defaults_of_code_and_command_line_agree() {
        let parsed = Line::try_parse_from(["bench"]).expect("defaults").bench;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", BenchArgs::default()));
        parsed.check().expect("defaults can run");
    }

    #[test]
    fn lists_with_weights_read_and_print() {
        let mix: CommandMix = "set:1,GET:9".parse().expect("a mix");
        assert_eq!(mix.0, [(Command::Set, 1.0), (Command::Get, 9.0)]);
        assert_eq!(mix.to_string(), "set:1,get:9");
        let sizes: ValueSizes = "64:0.8,1024:0.2".parse().expect("sizes");
        assert_eq!(sizes.0, [(64, 0.8), (1024, 0.2)]);
        assert_eq!("64".parse::<ValueSizes>().expect("a size").to_string(), "64");
        assert!("get:0".parse::<CommandMix>().is_err());
        assert!("lpush".parse::<CommandMix>().expect_err("unknown").contains("--template"));
        assert!("64,x".parse::<ValueSizes>().is_err());
    }

    #[test]
    fn impossible_combinations_are_refused() {
        let refused = |change: fn(&mut BenchArgs)| {
            let mut args = BenchArgs::default();
            change(&mut args);
            args.check().is_err()
        };
        assert!(refused(|args| args.threads = 0));
        assert!(refused(|args| args.connections = 0));
        assert!(refused(|args| args.key_bytes = 9));
        assert!(!refused(|args| args.key_bytes = 10));
        assert!(refused(|args| args.rate = Some(0.0)));
        assert!(refused(|args| args.seconds = f64::NAN));
    }
}
