//! What is measured: one row per cell of the throughput table.

use anyhow::Result;
use loadgen::{
    BenchArgs,
    args::{Command, CommandMix, ValueSizes},
    distribution::Distribution,
    template::{Mix, likely_replies},
};

/// What must be in a server before a cell.
#[derive(Debug)]
pub struct Data {
    /// Tells what a server holds.
    pub name: &'static str,
    /// The request that writes one key, or one element of one key, where that is not SET.
    pub template: Option<&'static str>,
    /// Number of keys, where the whole run does not set it, and of elements of each.
    pub size: Option<(u64, u64)>,
    /// Bytes that an element consists of, for those that have elements.
    pub element_bytes: u64,
    /// What is sent once behind it.
    pub extra: &'static [&'static [&'static str]],
}

/// All keys, values of 64 bytes.
pub const STRINGS: &Data = &Data::of_keys("strings", None);
/// All keys, each a counter.
const COUNTERS: &Data = &Data::of_keys("counters", Some("SET __key__ 1000000"));
/// All keys, each a HyperLogLog of one element.
const SKETCHES: &Data = &Data::of_keys("sketches", Some("PFADD __key__ first"));

impl Data {
    const fn of_keys(name: &'static str, template: Option<&'static str>) -> Data {
        Data { name, template, size: None, element_bytes: 0, extra: &[] }
    }

    /// The generator's options for it.
    pub fn bench_args(&self, base: BenchArgs) -> BenchArgs {
        let (keys, elements) = self.size.unwrap_or((base.keys, 1));
        BenchArgs { keys, elements, ..base }
    }
}

/// Where server and load run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// The server on one core, the load on another.
    Apart,
    /// Both on both cores: what more I/O threads need, and not comparable with [`Place::Apart`].
    Shared,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub enum Requests {
    /// One of the generator's own.
    Command(Command),
    /// These in equal shares, in the generator's spelling of custom requests.
    Templates(&'static [&'static str]),
}

impl Requests {
    /// A name of what they are.
    pub fn name(self) -> &'static str {
        match self {
            Requests::Command(command) => command.name(),
            Requests::Templates(templates) => templates[0],
        }
    }
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Name for `--only`, tables and JSON.
    pub name: &'static str,
    /// What is sent.
    pub requests: Requests,
    /// Requests in flight per connection.
    pub pipeline: usize,
    /// Which keys.
    pub distribution: Distribution,
    /// Length of values.
    pub value_bytes: usize,
    /// What is there before.
    pub data: &'static Data,
    /// Null replies are right: the cell takes what others of its requests may not have put in yet.
    pub finds_nothing: bool,
    /// The cell leaves other data than it found, so that the next one must fill again.
    pub spoils: bool,
    /// I/O threads of the server.
    pub io_threads: usize,
    /// Where both run.
    pub place: Place,
    /// `--quick` runs it too.
    pub main: bool,
}

/// Value size of the main cells.
pub const VALUE_BYTES: usize = 64;

impl Cell {
    /// A cell of the engine's table.
    const fn new(name: &'static str, command: Command, pipeline: usize) -> Cell {
        Cell {
            name,
            requests: Requests::Command(command),
            pipeline,
            distribution: Distribution::Uniform,
            value_bytes: VALUE_BYTES,
            data: STRINGS,
            finds_nothing: false,
            spoils: false,
            io_threads: 1,
            place: Place::Apart,
            main: false,
        }
    }

    /// A cell of the types' table: custom requests on `data`, sixteen in flight.
    pub const fn of_templates(
        name: &'static str,
        data: &'static Data,
        templates: &'static [&'static str],
    ) -> Cell {
        Cell { requests: Requests::Templates(templates), data, ..Cell::new(name, Command::Ping, 16) }
    }

    /// The same, but it must be filled again behind it.
    pub const fn spoiling(self) -> Cell {
        Cell { spoils: true, ..self }
    }

    /// The same, but null replies are right.
    pub const fn finding_nothing(self) -> Cell {
        Cell { finds_nothing: true, ..self }
    }

    const fn main(self) -> Cell {
        Cell { main: true, ..self }
    }

    const fn keys(self, distribution: Distribution) -> Cell {
        Cell { distribution, ..self }
    }

    const fn on(self, data: &'static Data) -> Cell {
        Cell { data, ..self }
    }

    /// The same with so many I/O threads, on cores that server and load share.
    pub const fn shared(self, io_threads: usize) -> Cell {
        Cell { place: Place::Shared, io_threads, ..self }
    }

    /// The generator's options for it, without those that the whole run sets.
    pub fn bench_args(&self) -> BenchArgs {
        let args = BenchArgs {
            pipeline: self.pipeline,
            distribution: self.distribution,
            value_bytes: ValueSizes::fixed(self.value_bytes),
            ..BenchArgs::default()
        };
        match self.requests {
            Requests::Command(command) => BenchArgs { commands: CommandMix(vec![(command, 1.0)]), ..args },
            Requests::Templates(texts) => {
                BenchArgs { template: texts.iter().map(|&text| text.to_owned()).collect(), ..args }
            }
        }
    }

    /// Length of its requests and of the replies it expects, where both are always the same; else 0 for the reply.
    pub fn message_bytes(&self) -> Result<(usize, usize)> {
        let args = self.bench_args();
        let reply_bytes = likely_replies(&args).first().map_or(0, |form| form.reply_bytes);
        Ok((Mix::of_args(&args)?.request_bytes_max(), reply_bytes))
    }

    /// Whether the echo loop, which has no data, can stand beside it: the main cells with one I/O thread.
    pub fn suits_echo(&self) -> bool {
        self.main && matches!(self.requests, Requests::Command(Command::Get | Command::Set))
    }
}

/// All cells. APPEND adds 8 bytes to values that it lets grow; SETRANGE and SETBIT stay within 64 bytes.
pub const CELLS: &[Cell] = &[
    Cell::new("get-p1", Command::Get, 1).main(),
    Cell::new("set-p1", Command::Set, 1).main(),
    Cell::new("get-p16", Command::Get, 16).main(),
    Cell::new("set-p16", Command::Set, 16).main(),
    Cell::new("get-p64", Command::Get, 64).main(),
    Cell::new("set-p64", Command::Set, 64).main(),
    Cell::new("get-zipf-p16", Command::Get, 16).keys(Distribution::Zipf(0.99)),
    Cell::new("set-zipf-p16", Command::Set, 16).keys(Distribution::Zipf(0.99)),
    Cell::new("get-hot-p16", Command::Get, 16).keys(Distribution::Hot),
    Cell::new("set-hot-p16", Command::Set, 16).keys(Distribution::Hot),
    Cell::new("mset10-p16", Command::Mset10, 16),
    Cell::new("setrange-p16", Command::Setrange, 16),
    Cell::new("setbit-p16", Command::Setbit, 16),
    Cell { value_bytes: 8, ..Cell::new("append-p16", Command::Append, 16).spoiling() },
    Cell::new("incr-p16", Command::Incr, 16).on(COUNTERS),
    Cell::new("pfadd-p16", Command::Pfadd, 16).on(SKETCHES).spoiling(),
    Cell::new("get-p16-shared-1-thread", Command::Get, 16).shared(1),
    Cell::new("set-p16-shared-1-thread", Command::Set, 16).shared(1),
    Cell::new("get-p16-shared-2-threads", Command::Get, 16).shared(2),
    Cell::new("set-p16-shared-2-threads", Command::Set, 16).shared(2),
];
