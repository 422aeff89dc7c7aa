//! Group *hyperloglog*: <https://valkey.io/commands/#hyperloglog>.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "hyperloglog", group: "hyperloglog", weight: 7, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(12, pfadd),
    row(2, pfadd_many),
    row(8, pfcount),
    row(5, pfmerge),
    row(4, pfdebug),
    row(1, raw_bytes),
];

fn pfadd(g: &mut Gen) {
    let mut command = Command::new("PFADD").arg(g.key_of(Flavour::Hll));
    for _ in 0..g.rng.below(8) {
        command = command.arg(g.short_value());
    }
    g.push(command);
}

/// Enough elements to go from the sparse to the dense representation.
fn pfadd_many(g: &mut Gen) {
    let mut command = Command::new("PFADD").arg(g.key_of(Flavour::Hll));
    for _ in 0..g.rng.below(400) {
        command = command.arg(g.rng.below(20_000).to_string());
    }
    g.push(command);
}

fn pfcount(g: &mut Gen) {
    let mut command = Command::new("PFCOUNT");
    for _ in 0..1 + g.rng.below(3) {
        command = command.arg(g.key_of(Flavour::Hll));
    }
    g.push(command);
}

fn pfmerge(g: &mut Gen) {
    let mut command = Command::new("PFMERGE");
    for _ in 0..1 + g.rng.below(4) {
        command = command.arg(g.key_of(Flavour::Hll));
    }
    g.push(command);
}

/// Not `PFDEBUG SIMD`: it switches between two implementations of one server, and Valkey answers a wrong
/// argument with two replies.
fn pfdebug(g: &mut Gen) {
    let name = *g.rng.pick(&["ENCODING", "ENCODING", "DECODE", "TODENSE", "GETREG", "NOPE"]);
    let key = g.key_of(Flavour::Hll);
    if g.rng.percent(40) {
        // Often the key holds no HyperLogLog.
        g.push(Command::new("DEL").arg(key.clone()));
        g.push(Command::new("PFADD").arg(key.clone()).arg("a"));
    }
    let command = Command::new("PFDEBUG").token(name).arg(key);
    g.push(command);
}

/// A string that begins like a HyperLogLog and is none, or that is one written by hand.
fn raw_bytes(g: &mut Gen) {
    let key = g.key_of(Flavour::Hll);
    let values: &[&[u8]] = &[
        b"HYLL",
        b"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff",
        b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff",
        b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xfe",
        b"HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff",
        b"hyll\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff",
    ];
    let value = *g.rng.pick(values);
    g.push(Command::new("SET").arg(key).arg(value));
}
