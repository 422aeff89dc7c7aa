//! Group *bitmap*: <https://valkey.io/commands/#bitmap>.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "bitmap", group: "bitmap", weight: 16, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(10, bitcount),
    row(20, bitfield),
    row(6, bitfield_ro),
    row(12, bitop),
    row(10, bitpos),
    row(6, getbit),
    row(10, setbit),
    row(3, bitmap_of_bytes),
];

/// Bit offsets that are refused: negative, or at 512 MB and beyond.
const REFUSED_OFFSETS: &[&str] =
    &["-1", "4294967296", "9223372036854775807", "-9223372036854775808", "8589934592"];

fn range(g: &mut Gen, mut command: Command) -> Command {
    match g.rng.below(12) {
        0 | 1 => return command,
        2 => return command.arg(g.index()),
        _ => command = command.arg(g.index()).arg(g.index()),
    }
    match g.rng.below(10) {
        0..4 => command.token("BYTE"),
        4..8 => command.token("BIT"),
        8 if g.rng.percent(30) => command.token("BITS"),
        _ => command,
    }
}

fn bitcount(g: &mut Gen) {
    let command = Command::new("BITCOUNT").arg(g.key_of(Flavour::Bitmap));
    let command = range(g, command);
    g.push(command);
}

fn bitpos(g: &mut Gen) {
    let command = Command::new("BITPOS").arg(g.key_of(Flavour::Bitmap));
    let bit = if g.rng.percent(94) { *g.rng.pick(&["0", "1"]) } else { *g.rng.pick(&["2", "-1", "x", ""]) };
    let command = range(g, command.arg(bit));
    g.push(command);
}

fn getbit(g: &mut Gen) {
    let key = g.key_of(Flavour::Bitmap);
    let offset = g.offset(600, REFUSED_OFFSETS);
    g.push(Command::new("GETBIT").arg(key).arg(offset));
}

fn setbit(g: &mut Gen) {
    let key = g.key_of(Flavour::Bitmap);
    let offset = g.offset(600, REFUSED_OFFSETS);
    let bit =
        if g.rng.percent(94) { *g.rng.pick(&["0", "1", "1"]) } else { *g.rng.pick(&["2", "-1", "x", "01"]) };
    g.push(Command::new("SETBIT").arg(key).arg(offset).arg(bit));
}

fn bitmap_of_bytes(g: &mut Gen) {
    let length = *g.rng.pick(&[0, 1, 7, 8, 9, 31, 64, 65, 300, 1000, 4100]);
    let mut bytes = g.rng.bytes(length);
    if g.rng.percent(40) {
        bytes.fill(*g.rng.pick(&[0, 0xff]));
    }
    let command = Command::new("SET").arg(g.key_of(Flavour::Bitmap)).arg(bytes);
    g.push(command);
}

fn bitop(g: &mut Gen) {
    // An operation that does not exist, or one that is not of this kind of command, now and then.
    let operation = *g.rng.pick(&["AND", "OR", "XOR", "NOT", "AND", "OR", "XOR", "NOT", "NOPE", "DIFF"]);
    let sources = match operation {
        "NOT" if g.rng.percent(85) => 1,
        _ if g.rng.percent(4) => 0,
        _ => 1 + g.rng.below(4),
    };
    let mut command = Command::new("BITOP").token(operation).arg(g.key_of(Flavour::Bitmap));
    for _ in 0..sources {
        command = command.arg(g.key_of(Flavour::Bitmap));
    }
    g.push(command);
}

/// An integer type: valid mostly.
fn encoding(g: &mut Gen) -> String {
    match g.rng.below(20) {
        0 => (*g.rng.pick(&["u64", "i65", "u0", "i0", "x8", "u", "", "8", "u-1", "i99999"])).into(),
        1..8 => (*g.rng.pick(&["u8", "i8", "u16", "i16", "u32", "i32", "i64", "u63", "u1", "i1"])).into(),
        n if n % 2 == 0 => format!("u{}", 1 + g.rng.below(63)),
        _ => format!("i{}", 1 + g.rng.below(64)),
    }
}

fn field_offset(g: &mut Gen) -> Vec<u8> {
    if g.rng.percent(30) {
        return format!("#{}", g.rng.below(40)).into_bytes();
    }
    if g.rng.percent(2) {
        return g.rng.pick(&["#-1", "#", "#x", "#9223372036854775807"]).as_bytes().to_vec();
    }
    g.offset(400, REFUSED_OFFSETS)
}

fn get(g: &mut Gen, command: Command) -> Command {
    command.token("GET").arg(encoding(g)).arg(field_offset(g))
}

fn bitfield(g: &mut Gen) {
    let mut command = Command::new("BITFIELD").arg(g.key_of(Flavour::Bitmap));
    for _ in 0..g.rng.below(5) {
        if g.rng.percent(60) {
            let overflow = *g.rng.pick(&["WRAP", "SAT", "FAIL", "WRAP", "SAT", "FAIL", "NOPE"]);
            if overflow != "NOPE" || g.rng.percent(20) {
                command = command.token("OVERFLOW").token(overflow);
            }
        }
        match g.rng.below(10) {
            0..3 => command = get(g, command),
            3..6 => {
                command = command.token("SET").arg(encoding(g)).arg(field_offset(g)).arg(g.integer_or_not())
            }
            6..9 => {
                command =
                    command.token("INCRBY").arg(encoding(g)).arg(field_offset(g)).arg(g.integer_or_not())
            }
            _ if g.rng.percent(15) => command = command.token("NOPE"),
            _ => {}
        }
    }
    g.push(command);
}

fn bitfield_ro(g: &mut Gen) {
    let mut command = Command::new("BITFIELD_RO").arg(g.key_of(Flavour::Bitmap));
    for _ in 0..1 + g.rng.below(3) {
        command = get(g, command);
    }
    if g.rng.percent(6) {
        command = command.token("SET").arg("u8").arg("0").arg("1");
    }
    g.push(command);
}
