//! Group *set*: <https://valkey.io/commands/#set>.
//!
//! Members that leave at random would leave the two servers with different sets: SPOP takes all of them, or the key is
//! deleted after it.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::step::Action;
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "set", group: "set", weight: 24, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(26, sadd),
    row(4, |g| of_key(g, "SCARD")),
    row(5, |g| several(g, "SDIFF")),
    row(5, |g| store(g, "SDIFFSTORE")),
    row(5, |g| several(g, "SINTER")),
    row(9, sintercard),
    row(5, |g| store(g, "SINTERSTORE")),
    row(5, sismember),
    row(5, |g| of_key(g, "SMEMBERS")),
    row(5, smismember),
    row(7, smove),
    row(5, spop),
    row(8, srandmember),
    row(9, srem),
    row(8, sscan),
    row(5, |g| several(g, "SUNION")),
    row(5, |g| store(g, "SUNIONSTORE")),
    row(4, |g| of_key(g, "OBJECT ENCODING")),
    row(2, grow),
];

/// A key, and whether integers belong to it.
fn key(g: &mut Gen) -> (Vec<u8>, bool) {
    let ints = g.rng.percent(40);
    (g.key_of(if ints { Flavour::Ints } else { Flavour::Set }), ints)
}

fn members(g: &mut Gen, ints: bool, max: usize) -> Vec<Vec<u8>> {
    (0..1 + g.rng.below(max)).map(|_| if ints { g.integer_member() } else { g.member() }).collect()
}

fn of_key(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(key(g).0);
    g.push(command);
}

fn sadd(g: &mut Gen) {
    let (key, ints) = key(g);
    let command = Command::new("SADD").arg(key).args(members(g, ints, 5));
    g.push(command);
}

fn srem(g: &mut Gen) {
    let (key, ints) = key(g);
    let command = Command::new("SREM").arg(key).args(members(g, ints, 3));
    g.push(command);
}

fn sismember(g: &mut Gen) {
    let (key, ints) = key(g);
    let command = Command::new("SISMEMBER").arg(key).args(members(g, ints, 1));
    g.push(command);
}

fn smismember(g: &mut Gen) {
    let (key, ints) = key(g);
    let command = Command::new("SMISMEMBER").arg(key).args(members(g, ints, 5));
    g.push(command);
}

fn smove(g: &mut Gen) {
    let (from, ints) = key(g);
    let (to, _) = key(g);
    let command = Command::new("SMOVE").arg(from).arg(to).args(members(g, ints, 1));
    g.push(command);
}

fn keys(g: &mut Gen, max: usize) -> Vec<Vec<u8>> {
    (0..1 + g.rng.below(max)).map(|_| key(g).0).collect()
}

fn several(g: &mut Gen, name: &str) {
    let command = Command::new(name).args(keys(g, 4));
    g.push(command);
}

fn store(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(key(g).0).args(keys(g, 3));
    g.push(command);
}

fn sintercard(g: &mut Gen) {
    let keys = keys(g, 3);
    let mut command = Command::new("SINTERCARD").arg(g.numkeys(keys.len())).args(keys);
    if g.rng.percent(60) {
        command = command.token("LIMIT").arg(g.count());
    }
    g.push(command);
}

/// Takes all members, or some and then the key.
fn spop(g: &mut Gen) {
    let (key, _) = key(g);
    let command = Command::new("SPOP").arg(&key);
    match g.rng.below(12) {
        0 => g.push_exact(command.arg("0")),
        1 => {
            let wrong = *g.rng.pick(&["-1", "x", "", "1.5", "-9223372036854775808"]);
            g.push_exact(command.arg(wrong));
        }
        2 => g.push_exact(command.arg("1").arg("extra")),
        3..6 => {
            let all = *g.rng.pick(&["1000000", "9223372036854775807"]);
            g.push_exact(command.arg(all));
        }
        choice => {
            let command = if choice < 9 { command } else { command.arg(g.rng.pick(&["1", "2", "3", "200"])) };
            g.push_exact(command);
            g.glue(Command::new("DEL").arg(key));
        }
    }
}

fn srandmember(g: &mut Gen) {
    let mut command = Command::new("SRANDMEMBER").arg(key(g).0);
    if g.rng.percent(75) {
        let counts = ["1", "2", "5", "1000", "-1", "-5", "-50", "0", "x", "-9223372036854775808", "1.5"];
        command = command.arg(g.rng.pick(&counts));
    }
    if g.rng.percent(15) {
        return g.push_exact(command.arg("extra").arg("extra"));
    }
    g.push_action(Action::Sample(command.bytes()));
}

fn sscan(g: &mut Gen) {
    let (key, _) = key(g);
    let whole = !g.in_multi() && g.rng.percent(60);
    let mut command = Command::new("SSCAN").arg(key);
    if !whole {
        command = command.arg(g.first_cursor());
    }
    let command = g.walk_options(command);
    if whole {
        g.push_action(Action::Scan(command.bytes()));
    } else {
        g.push(command);
    }
}

/// Many members at once, then fewer.
fn grow(g: &mut Gen) {
    let (key, ints) = key(g);
    let count = g.many();
    let name = |number: usize| if ints { number.to_string() } else { format!("m{number}") };
    g.push(Command::new("SADD").arg(&key).args((0..count).map(name)));
    g.push_exact(Command::new("OBJECT ENCODING").arg(&key));
    let command = match g.rng.below(4) {
        0 => Command::new("SREM").arg(&key).args((g.rng.below(20)..count).map(name)),
        1 => Command::new("SADD").arg(&key).arg("no integer"),
        2 => Command::new("SINTERSTORE").arg(&key).arg(&key).args(keys(g, 1)),
        _ => Command::new("SMEMBERS").arg(&key),
    };
    g.push(command);
    g.push_exact(Command::new("OBJECT ENCODING").arg(&key));
}
