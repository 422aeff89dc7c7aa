//! What the comparisons consist of.

use anyhow::Result;

use super::{
    cells::{CELLS, Cell, Data},
    handover, huge,
    measure::Setup,
    memory, messaging, redis_benchmark,
    results::Results,
    servers::{Binary, Kind},
    stall, types,
};

/// One comparison.
pub struct Plan {
    /// First word of the title, and of the names of result files.
    pub name: &'static str,
    /// What servers hold, for the head of the report.
    pub subject: &'static str,
    /// Those that run when none is named.
    pub servers: &'static [Kind],
    /// The throughput table.
    pub cells: &'static [Cell],
    /// What follows it, each server after server.
    pub parts: &'static [Part],
}

/// A measurement that is no sample of the throughput table; each starts its servers itself.
pub enum Part {
    /// The rival's own load generator on the main cells.
    RedisBenchmark,
    /// Bytes per key.
    Memory(&'static memory::Scenario),
    /// Pings while keys grow, are evicted and expire.
    Stalls,
    /// Bytes per element.
    Elements(&'static Data),
    /// Blocked clients that are served.
    HandOver,
    /// Rounds of a fixed exchange, each a few times, the servers in turn.
    Exchange(&'static messaging::Exchange),
    /// Name, and pings while a client reads one huge value, by this command, again and again.
    Read(&'static str, &'static Data, &'static str),
    /// Name, and pings while one huge value is deleted.
    Delete(&'static str, &'static Data),
}

impl Part {
    /// Name for `--only`.
    pub fn name(&self) -> &'static str {
        match self {
            Part::RedisBenchmark => "redis-benchmark",
            Part::Memory(scenario) => scenario.name,
            Part::Stalls => "stall",
            Part::Elements(_) => "elements",
            Part::HandOver => "blpop",
            Part::Exchange(exchange) => exchange.name,
            Part::Read(name, ..) | Part::Delete(name, _) => name,
        }
    }

    /// How often it is measured, the servers in turn.
    pub fn rounds(&self, rounds: usize) -> usize {
        if matches!(self, Part::Exchange(_)) { rounds } else { 1 }
    }

    /// Measures one server, which it starts on `port`, and adds to the results what it found.
    pub fn run(&self, binary: &Binary, port: u16, setup: &Setup, results: &mut Results) -> Result<()> {
        match self {
            Part::RedisBenchmark => redis_benchmark::run(binary, port, setup, results),
            Part::Memory(scenario) => {
                memory::run(binary, scenario, port, setup).map(|rows| results.memory.extend(rows))
            }
            Part::Stalls => {
                let mut notes = Vec::new();
                let mut report = stall::Report { rows: &mut results.stalls, notes: &mut notes };
                let outcome = stall::run(binary, port, setup, &mut report);
                notes.into_iter().for_each(|note| results.note(note));
                outcome
            }
            Part::Elements(data) => {
                memory::of_elements(binary, data, port, setup).map(|row| results.memory.push(row))
            }
            Part::HandOver => handover::run(binary, port, setup).map(|rows| results.handovers.extend(rows)),
            Part::Exchange(exchange) => {
                exchange.run(binary, port, setup).map(|row| results.exchanges.push(row))
            }
            Part::Read(_, data, request) => {
                huge::read(binary, data, request, port, setup).map(|row| results.stalls.push(row))
            }
            Part::Delete(_, data) => {
                huge::delete(binary, data, port, setup).map(|row| results.stalls.push(row))
            }
        }
    }
}

impl Plan {
    /// Everything that can be named.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let mut names: Vec<&str> = self.cells.iter().map(|cell| cell.name).collect();
        names.extend(self.parts.iter().map(Part::name));
        names.dedup();
        names.into_iter()
    }
}

/// `bench engine`: the engine's table of goals.
pub const ENGINE: &Plan = &Plan {
    name: "engine",
    subject: "1M keys of 16 B, values of 64 B, where nothing else is said",
    servers: Kind::DEFAULT,
    cells: CELLS,
    parts: &[
        Part::RedisBenchmark,
        Part::Memory(&memory::IDLE),
        Part::Memory(&memory::FIXED),
        Part::Memory(&memory::WITH_TTL),
        Part::Memory(&memory::KIBIBYTE),
        Part::Memory(&memory::MIXED),
        Part::Memory(&memory::AS_REFILLED),
        Part::Memory(&memory::CHURN),
        Part::Stalls,
    ],
};

/// `bench types`: the collections.
pub const TYPES: &Plan = &Plan {
    name: "types",
    subject: "collections of the number of elements that a name ends with, one million elements in all; lists, sets and \
              sorted sets of 16 B members, hashes of 10 B fields with 16 B values, streams of one field with 16 B",
    servers: &[Kind::Brasa, Kind::Valkey],
    cells: types::CELLS,
    parts: types::PARTS,
};

/// `bench messaging`: what has no keys, or more than keys.
pub const MESSAGING: &Plan = &Plan {
    name: "messaging",
    subject: "1M keys of 16 B, values and messages of 64 B; scripts: a limiter of fixed windows (INCR, EXPIRE once) and a \
              leaky bucket (GET, SET with PX); sixteen requests in flight where nothing else is said",
    servers: &[Kind::Brasa, Kind::Valkey],
    cells: messaging::CELLS,
    parts: messaging::PARTS,
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_cell_can_run() {
        for plan in [ENGINE, TYPES, MESSAGING] {
            let names: HashSet<&str> = plan.names().collect();
            assert_eq!(names.len(), plan.names().count(), "{}", plan.name);
            for cell in plan.cells {
                let args = cell.data.bench_args(cell.bench_args());
                args.check().expect(cell.name);
                let (request_bytes, reply_bytes) = cell.message_bytes().expect(cell.name);
                assert!(request_bytes > 0 && (reply_bytes > 0 || !cell.suits_echo()), "{}", cell.name);
            }
        }
    }
}
