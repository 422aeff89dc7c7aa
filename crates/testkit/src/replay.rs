//! What a killed node had logged, run by an empty one: both must hold the same.
//!
//! Writers act at the same time, each with the sequences of the differential tester over connections of its own, and
//! with commands between them whose outcome is a matter of chance or of the moment ([`extra`]), which a comparison with
//! another server has to leave out.
//!
//! The log is replayed after the fact, so instants that were near then are moved far ahead ([`Log::replay`]): a key that
//! had time left when a command changed it must have time left when the effect does.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::{Client, Finish};
use crate::differential::families::{self, Family};
use crate::differential::generate::{Gen, Settings, sequence_seed};
use crate::reply::{Scanner, Value, escape};
use crate::rng::Rng;
use crate::server::{Kind, Launch, Server};

mod extra;
mod state;
mod writer;

pub use state::{Difference, State};

use writer::Writer;

/// Families whose commands change keys.
pub const FAMILIES: &str =
    "string,bitmap,hyperloglog,hash,list,set,sorted_set,geo,stream,generic,transactions";

/// Commands that empty a database: most rounds go without, so that much is left to compare.
const EMPTYING: [&str; 2] = ["FLUSHALL", "FLUSHDB"];

/// Longest TTL of [`extra`], with some room.
const SHORT_TTLS: Duration = Duration::from_millis(60);

/// Effects that travel in one pipeline.
const BATCH: usize = 500;

/// How far ahead near instants are moved. Far ones of the generators are hours ahead, so they stay apart.
const AHEAD_MS: i64 = 1_000_000_000;

/// A node, what is sent to it, and how many writers send.
#[derive(Debug)]
pub struct Round {
    /// What all sequences follow from. Their interleaving does not.
    pub seed: u64,
    /// Steps of each writer's sequence.
    pub steps: usize,
    /// How many there are.
    pub writers: usize,
    /// Families to draw from.
    pub families: Vec<&'static Family>,
    /// Whether databases may be emptied.
    pub emptying: bool,
    /// Further arguments of both nodes.
    pub arguments: Vec<String>,
}

/// What a round gave.
#[derive(Debug)]
pub struct Outcome {
    /// By command, upper case, how many replies were no error.
    pub successes: BTreeMap<String, u64>,
    /// By command, how many effects the log held.
    pub effects: BTreeMap<String, u64>,
    /// Commands that change keys, upper case, with subcommands behind `|`.
    pub write_commands: Vec<String>,
    /// Keys at the end.
    pub keys: usize,
    /// What the two nodes differ in.
    pub failure: Option<String>,
}

impl Round {
    /// A round of the default size over all families.
    pub fn new(seed: u64) -> Self {
        let families = families::named(FAMILIES).expect("these families exist");
        Round { seed, steps: 1000, writers: 4, families, emptying: false, arguments: Vec::new() }
    }

    /// Runs it.
    pub fn run(&self) -> io::Result<Outcome> {
        let launch = Launch::new(Kind::Brasa)
            .args(["--effect-log", "yes", "--io-threads", "2", "--hz", "100"])
            .args(&self.arguments);
        let mut first = launch.start().map_err(io::Error::other)?;
        let began_ms = now_ms();
        let successes = self.write(&first)?;
        let mut client = first.connect()?;
        client.command(&["DEBUG", "SET-ACTIVE-EXPIRE", "1"])?;
        let write_commands = write_commands(&mut client)?;
        std::thread::sleep(SHORT_TTLS);
        let expected = State::of(&mut client)?;
        first.signal("KILL")?;
        first.wait(Duration::from_secs(10)).ok_or_else(|| io::Error::other("a killed process ends"))?;

        let log = Log::of(&first)?;
        let second = Launch::new(Kind::Brasa).args(&self.arguments).start().map_err(io::Error::other)?;
        let mut client = second.connect()?;
        let mut failure = log.replay(&mut client, began_ms..now_ms())?;
        if failure.is_none() {
            let found = State::of(&mut client)?;
            failure = expected.difference(&found).map(|found| match found.first {
                Some((database, key)) => found.text + &log.about(database, &key),
                None => found.text,
            });
        }
        if failure.is_some() {
            first.keep_directory();
        }
        Ok(Outcome { successes, effects: log.counts(), write_commands, keys: expected.len(), failure })
    }

    /// Has all writers send their sequences to `server`.
    fn write(&self, server: &Server) -> io::Result<BTreeMap<String, u64>> {
        let mut settings =
            Settings { families: self.families.clone(), sequence_length: self.steps, ..Settings::default() };
        if !self.emptying {
            settings.missing = EMPTYING.iter().map(|&name| name.to_owned()).collect();
        }
        let mut total = BTreeMap::new();
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.writers as u64)
                .map(|number| {
                    let seed = sequence_seed(self.seed, number);
                    let steps = extra::mix_in(Gen::sequence(&settings, seed), &mut Rng::new(seed));
                    scope.spawn(move || Writer::new(server)?.run(&steps))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("a writer does not panic")).collect()
        });
        for result in results {
            for (name, count) in
                result.map_err(|error| io::Error::other(format!("{error}; {}", server.log())))?
            {
                *total.entry(name).or_default() += count;
            }
        }
        Ok(total)
    }
}

/// What a node says changes keys.
fn write_commands(client: &mut Client) -> io::Result<Vec<String>> {
    let reply = client.command(&["COMMAND", "LIST", "FILTERBY", "ACLCAT", "write"])?;
    let names = Value::parse(&reply).map_or_else(Vec::new, |value| value.items);
    Ok(names.iter().map(|name| String::from_utf8_lossy(name.text).to_uppercase()).collect())
}

/// Effects as `brasa log dump` prints them.
struct Log {
    /// The database that is selected, and the command.
    commands: Vec<(usize, Vec<Vec<u8>>)>,
}

impl Log {
    /// Of a node that is dead.
    fn of(server: &Server) -> io::Result<Log> {
        let folder = server.directory().join("effect-log");
        let binary = Kind::Brasa.find().map_err(io::Error::other)?;
        let dump = Command::new(binary).args(["log", "dump"]).arg(&folder).output()?;
        if !dump.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&dump.stderr).into_owned()));
        }
        let (mut commands, mut start, mut database) = (Vec::new(), 0, 0);
        while let Ok(Some(end)) = Scanner::new(start).end(&dump.stdout) {
            let value = Value::parse(&dump.stdout[start..end]).expect("what has an end is whole");
            let argv: Vec<Vec<u8>> = value.items.iter().map(|item| item.text.to_vec()).collect();
            if argv[0] == b"SELECT" {
                database = value.items[1].integer().unwrap_or_default() as usize;
            }
            commands.push((database, argv));
            start = end;
        }
        if start < dump.stdout.len() {
            return Err(io::Error::other("the dump does not end with a whole command"));
        }
        Ok(Log { commands })
    }

    /// Sends it all. What is refused is a failure. Instants near `during` become far ones.
    fn replay(&self, client: &mut Client, during: Range<i64>) -> io::Result<Option<String>> {
        let near = during.start - 1000..during.end + 3_600_000;
        for (number, batch) in self.commands.chunks(BATCH).enumerate() {
            let argvs: Vec<_> = batch.iter().map(|(_, argv)| shift(argv, &near)).collect();
            let replies = client.pipeline(&argvs)?;
            if replies.finish != Finish::Complete {
                return Err(io::Error::other(format!("replaying: {:?}", replies.finish)));
            }
            for (index, (database, argv)) in batch.iter().enumerate() {
                let reply = replies.get(index).unwrap_or_default();
                if reply.starts_with(b"-") {
                    let key = argv.get(1).cloned().unwrap_or_default();
                    let text = format!("refused: {}: {}\n", line(argv), escape(reply, 200));
                    let before = Log { commands: self.commands[..=number * BATCH + index].to_vec() };
                    return Ok(Some(text + &before.about(*database, &key)));
                }
            }
        }
        Ok(None)
    }

    /// The last effects that concern a key.
    fn about(&self, database: usize, key: &[u8]) -> String {
        let concerns = |(at, argv): &&(usize, Vec<Vec<u8>>)| {
            let everything = matches!(argv[0].as_slice(), b"SWAPDB" | b"FLUSHALL" | b"FLUSHDB");
            let elsewhere = matches!(argv[0].to_ascii_uppercase().as_slice(), b"COPY" | b"MOVE");
            everything || ((*at == database || elsewhere) && argv[1..].iter().any(|word| word == key))
        };
        let found: Vec<String> =
            self.commands.iter().filter(concerns).map(|(at, argv)| format!("{at}: {}", line(argv))).collect();
        let from = found.len().saturating_sub(40);
        format!("effects about it:\n  {}\n", found[from..].join("\n  "))
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (_, argv) in &self.commands {
            *counts.entry(writer::name_of(argv)).or_default() += 1;
        }
        counts
    }
}

fn line(argv: &[Vec<u8>]) -> String {
    argv.iter().take(24).map(|word| escape(word, 100)).collect::<Vec<_>>().join(" ")
}

/// The effect with its expiry, if that is in `near`, moved far ahead.
fn shift(argv: &[Vec<u8>], near: &Range<i64>) -> Vec<Vec<u8>> {
    let mut argv = argv.to_vec();
    let at = match argv[0].to_ascii_uppercase().as_slice() {
        b"PEXPIREAT" | b"HPEXPIREAT" => Some(2),
        _ => argv.iter().position(|word| word.eq_ignore_ascii_case(b"PXAT")).map(|at| at + 1),
    };
    if let Some(word) = at.and_then(|at| argv.get_mut(at))
        && let Some(instant) = std::str::from_utf8(word).ok().and_then(|text| text.parse::<i64>().ok())
        && near.contains(&instant)
    {
        *word = (instant + AHEAD_MS).to_string().into_bytes();
    }
    argv
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
