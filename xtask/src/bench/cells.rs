//! What is measured: one row per cell of the throughput table.

use anyhow::Result;
use loadgen::{
    BenchArgs,
    args::{Command, CommandMix, ValueSizes},
    distribution::Distribution,
    template::{Mix, likely_replies},
};

/// What must be in a server before a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data {
    /// All keys, values of 64 bytes.
    Strings,
    /// All keys, each a counter.
    Counters,
    /// All keys, each a HyperLogLog of one element.
    Sketches,
}

impl Data {
    /// Its name, to tell what a server holds.
    pub fn name(self) -> &'static str {
        match self {
            Data::Strings => "strings",
            Data::Counters => "counters",
            Data::Sketches => "sketches",
        }
    }

    /// The request that writes one key of it, where that is not SET.
    pub fn template(self) -> Option<&'static str> {
        match self {
            Data::Strings => None,
            Data::Counters => Some("SET __key__ 1000000"),
            Data::Sketches => Some("PFADD __key__ first"),
        }
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

/// One measurement.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Name for `--only`, tables and JSON.
    pub name: &'static str,
    /// What is sent.
    pub command: Command,
    /// Requests in flight per connection.
    pub pipeline: usize,
    /// Which keys.
    pub distribution: Distribution,
    /// Length of values.
    pub value_bytes: usize,
    /// What is there before.
    pub data: Data,
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
    const fn new(name: &'static str, command: Command, pipeline: usize) -> Cell {
        Cell {
            name,
            command,
            pipeline,
            distribution: Distribution::Uniform,
            value_bytes: VALUE_BYTES,
            data: Data::Strings,
            spoils: false,
            io_threads: 1,
            place: Place::Apart,
            main: false,
        }
    }

    const fn main(self) -> Cell {
        Cell { main: true, ..self }
    }

    const fn keys(self, distribution: Distribution) -> Cell {
        Cell { distribution, ..self }
    }

    const fn on(self, data: Data) -> Cell {
        Cell { data, ..self }
    }

    const fn shared(self, io_threads: usize) -> Cell {
        Cell { place: Place::Shared, io_threads, ..self }
    }

    /// The generator's options for it, without those that the whole run sets.
    pub fn bench_args(&self) -> BenchArgs {
        BenchArgs {
            commands: CommandMix(vec![(self.command, 1.0)]),
            pipeline: self.pipeline,
            distribution: self.distribution,
            value_bytes: ValueSizes::fixed(self.value_bytes),
            ..BenchArgs::default()
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
        self.main && matches!(self.command, Command::Get | Command::Set)
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
    Cell { value_bytes: 8, spoils: true, ..Cell::new("append-p16", Command::Append, 16) },
    Cell::new("incr-p16", Command::Incr, 16).on(Data::Counters),
    Cell { spoils: true, ..Cell::new("pfadd-p16", Command::Pfadd, 16).on(Data::Sketches) },
    Cell::new("get-p16-shared-1-thread", Command::Get, 16).shared(1),
    Cell::new("set-p16-shared-1-thread", Command::Set, 16).shared(1),
    Cell::new("get-p16-shared-2-threads", Command::Get, 16).shared(2),
    Cell::new("set-p16-shared-2-threads", Command::Set, 16).shared(2),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_cell_can_run() {
        let names: HashSet<&str> = CELLS.iter().map(|cell| cell.name).collect();
        assert_eq!(names.len(), CELLS.len());
        for cell in CELLS {
            cell.bench_args().check().expect(cell.name);
            let (request_bytes, reply_bytes) = cell.message_bytes().expect(cell.name);
            assert!(request_bytes > 0 && (reply_bytes > 0 || !cell.suits_echo()), "{}", cell.name);
        }
    }
}
