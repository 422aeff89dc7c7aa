//! Group *string*: <https://valkey.io/commands/#string>.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "string", group: "string", weight: 30, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(8, append),
    row(3, decr),
    row(3, decrby),
    row(5, delifeq),
    row(10, get),
    row(4, getdel),
    row(16, getex),
    row(5, getrange),
    row(4, getset),
    row(5, incr),
    row(5, incrby),
    row(8, incrbyfloat),
    row(14, lcs),
    row(4, mget),
    row(4, mset),
    row(22, msetex),
    row(4, msetnx),
    row(4, psetex),
    row(36, set),
    row(4, set_by_flavour),
    row(2, set_that_expires),
    row(4, setex),
    row(4, setnx),
    row(6, setrange),
    row(4, strlen),
    row(3, substr),
];

/// Offsets that SETRANGE refuses: negative, or beyond 512 MB.
const REFUSED_OFFSETS: &[&str] =
    &["-1", "536870912", "9223372036854775807", "-9223372036854775808", "4294967296"];

fn append(g: &mut Gen) {
    let command = Command::new("APPEND").arg(g.key_of(Flavour::Text)).arg(g.value());
    g.push(command);
}

fn decr(g: &mut Gen) {
    let command = Command::new("DECR").arg(g.key_of(Flavour::Int));
    g.push(command);
}

fn decrby(g: &mut Gen) {
    let command = Command::new("DECRBY").arg(g.key_of(Flavour::Int)).arg(g.integer_or_not());
    g.push(command);
}

fn delifeq(g: &mut Gen) {
    let key = g.key();
    let value = g.short_value();
    let command = Command::new("DELIFEQ").arg(&key).arg(&value);
    if g.rng.percent(50) {
        g.push_exact(Command::new("SET").arg(&key).arg(&value));
        g.glue(command);
    } else {
        g.push(command);
    }
}

fn get(g: &mut Gen) {
    let command = Command::new("GET").arg(g.key());
    g.push(command);
}

fn getdel(g: &mut Gen) {
    let command = Command::new("GETDEL").arg(g.key());
    g.push(command);
}

fn getex(g: &mut Gen) {
    let mut command = Command::new("GETEX").arg(g.key());
    match g.rng.below(12) {
        0 => {}
        1..9 => command = g.expiry(command, true),
        9 => command = command.token("PERSIST"),
        10 => command = g.expiry(command.token("PERSIST"), true),
        _ => {
            command = g.expiry(command, true);
            command = g.expiry(command, true);
        }
    }
    g.push(command);
}

fn getrange(g: &mut Gen) {
    let command = Command::new("GETRANGE").arg(g.key()).arg(g.index()).arg(g.index());
    g.push(command);
}

fn getset(g: &mut Gen) {
    let command = Command::new("GETSET").arg(g.key()).arg(g.value());
    g.push(command);
}

fn incr(g: &mut Gen) {
    let command = Command::new("INCR").arg(g.key_of(Flavour::Int));
    g.push(command);
}

fn incrby(g: &mut Gen) {
    let command = Command::new("INCRBY").arg(g.key_of(Flavour::Int)).arg(g.integer_or_not());
    g.push(command);
}

fn incrbyfloat(g: &mut Gen) {
    let flavour = if g.rng.percent(80) { Flavour::Float } else { Flavour::Int };
    let command = Command::new("INCRBYFLOAT").arg(g.key_of(flavour)).arg(g.float_or_not());
    g.push(command);
}

fn lcs(g: &mut Gen) {
    if g.rng.percent(25) {
        let length = g.rng.below(200);
        let command = Command::new("SET").arg(g.key_of(Flavour::Short)).arg(g.text(length));
        g.push(command);
        return;
    }
    let mut command = Command::new("LCS").arg(g.key_of(Flavour::Short)).arg(g.key_of(Flavour::Short));
    if g.rng.percent(12) {
        command = command.token("LEN");
    }
    if g.rng.percent(60) {
        command = command.token("IDX");
    }
    if g.rng.percent(40) {
        let least =
            if g.rng.percent(80) { g.rng.below(6).to_string().into_bytes() } else { g.integer_or_not() };
        command = command.token("MINMATCHLEN").arg(least);
    }
    if g.rng.percent(40) {
        command = command.token("WITHMATCHLEN");
    }
    if g.rng.percent(10) {
        command = command.token("LEN");
    }
    g.push(command);
}

fn mget(g: &mut Gen) {
    let command = Command::new("MGET").args(g.keys(6));
    g.push(command);
}

fn pairs(g: &mut Gen, max: usize) -> Vec<Vec<u8>> {
    (0..1 + g.rng.below(max)).flat_map(|_| [g.key(), g.value()]).collect()
}

fn mset(g: &mut Gen) {
    let command = Command::new("MSET").args(pairs(g, 5));
    g.push(command);
}

fn msetex(g: &mut Gen) {
    if g.rng.percent(6) {
        return msetex_in_the_past(g);
    }
    let pairs = pairs(g, 3);
    let count = match g.rng.below(20) {
        0 => (pairs.len() / 2 + 1).to_string().into_bytes(),
        1 => g.integer_or_not(),
        _ => (pairs.len() / 2).to_string().into_bytes(),
    };
    let mut command = Command::new("MSETEX").arg(count).args(pairs);
    let condition_first = g.rng.percent(50);
    for turn in [true, false] {
        if turn == condition_first {
            match g.rng.below(10) {
                0..3 => command = command.token("NX"),
                3..6 => command = command.token("XX"),
                6 => command = command.token("NX").token("XX"),
                _ => {}
            }
        } else {
            match g.rng.below(10) {
                0..6 => command = g.expiry(command, false),
                6 | 7 => command = command.token("KEEPTTL"),
                8 if g.rng.percent(50) => command = g.expiry(command.token("KEEPTTL"), false),
                _ => {}
            }
        }
    }
    g.push(command);
}

/// Valkey stores such keys and leaves their removal to expiry, so that DBSIZE would depend on the moment:
/// reading them right away settles it.
fn msetex_in_the_past(g: &mut Gen) {
    let keys = g.keys(3);
    let mut command = Command::new("MSETEX").arg(keys.len().to_string());
    for key in &keys {
        command = command.arg(key).arg(g.short_value());
    }
    command =
        if g.rng.percent(50) { command.token("EXAT").arg("1000") } else { command.token("PXAT").arg("1") };
    g.push_exact(command);
    g.glue(Command::new("EXISTS").args(keys));
}

fn msetnx(g: &mut Gen) {
    let command = Command::new("MSETNX").args(pairs(g, 2));
    g.push(command);
}

fn psetex(g: &mut Gen) {
    let command = Command::new("PSETEX").arg(g.key()).arg(g.milliseconds()).arg(g.value());
    g.push(command);
}

/// SET with every option, in valid and invalid combinations.
fn set(g: &mut Gen) {
    let key = g.key();
    let mut command = Command::new("SET").arg(&key).arg(g.value());
    let mut parts = [0, 1, 2];
    let turn = g.rng.below(3);
    parts.rotate_left(turn);
    for part in parts {
        match part {
            0 => match g.rng.below(14) {
                0 | 1 => command = command.token("NX"),
                2 | 3 => command = command.token("XX"),
                4 | 5 => command = command.token("IFEQ").arg(g.short_value()),
                6 if g.rng.percent(40) => command = command.token("NX").token("XX"),
                7 if g.rng.percent(40) => command = command.token("XX").token("IFEQ").arg("a"),
                8 if g.rng.percent(20) => command = command.token("IFEQ"),
                _ => {}
            },
            1 if g.rng.percent(22) => command = command.token("GET"),
            2 => match g.rng.below(10) {
                0..4 => command = g.expiry(command, true),
                4 => command = command.token("KEEPTTL"),
                5 if g.rng.percent(30) => command = g.expiry(command.token("KEEPTTL"), true),
                6 if g.rng.percent(30) => {
                    command = g.expiry(command, true);
                    command = g.expiry(command, true);
                }
                7 if g.rng.percent(10) => command = command.token("PERSIST"),
                _ => {}
            },
            _ => {}
        }
    }
    g.push(command);
}

/// Gives keys what their flavour says, so that counters and floats have something to work on.
fn set_by_flavour(g: &mut Gen) {
    let (flavour, value) =
        if g.rng.percent(60) { (Flavour::Int, g.integer()) } else { (Flavour::Float, g.float_or_not()) };
    let command = Command::new("SET").arg(g.key_of(flavour)).arg(value);
    g.push(command);
}

/// A key that is there and a few milliseconds later is not.
fn set_that_expires(g: &mut Gen) {
    if g.in_multi() || !g.rng.percent(30) {
        return get(g);
    }
    let key = g.key();
    let ttl = (1 + g.rng.below(4)).to_string();
    let command = match g.rng.below(5) {
        0 => Command::new("PSETEX").arg(&key).arg(ttl).arg("v"),
        1 => Command::new("SET").arg(&key).arg("v").token("PX").arg(ttl),
        2 => Command::new("PEXPIRE").arg(&key).arg(ttl),
        3 => Command::new("GETEX").arg(&key).token("PX").arg(ttl),
        _ => Command::new("MSETEX").arg("1").arg(&key).arg("v").token("PX").arg(ttl),
    };
    g.push_exact(command);
    g.let_expire(key);
}

fn setex(g: &mut Gen) {
    let command = Command::new("SETEX").arg(g.key()).arg(g.seconds()).arg(g.value());
    g.push(command);
}

fn setnx(g: &mut Gen) {
    let command = Command::new("SETNX").arg(g.key()).arg(g.value());
    g.push(command);
}

fn setrange(g: &mut Gen) {
    let key = g.key_of(Flavour::Text);
    let offset = g.offset(300, REFUSED_OFFSETS);
    let command = Command::new("SETRANGE").arg(key).arg(offset).arg(g.value());
    g.push(command);
}

fn strlen(g: &mut Gen) {
    let command = Command::new("STRLEN").arg(g.key());
    g.push(command);
}

fn substr(g: &mut Gen) {
    let command = Command::new("SUBSTR").arg(g.key()).arg(g.index()).arg(g.index());
    g.push(command);
}
