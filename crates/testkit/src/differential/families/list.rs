//! Group *list*: <https://valkey.io/commands/#list>. Commands that wait are in `blocking.rs`.

use super::{Family, Generator, blocking, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "list", group: "list", weight: 26, waits: true, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(5, lindex),
    row(8, linsert),
    row(3, |g| alone(g, "LLEN")),
    row(12, lmove),
    row(8, lmpop),
    row(6, |g| pop(g, "LPOP")),
    row(6, |g| pop(g, "RPOP")),
    row(14, lpos),
    row(14, |g| push(g, "LPUSH")),
    row(14, |g| push(g, "RPUSH")),
    row(5, |g| push(g, "LPUSHX")),
    row(5, |g| push(g, "RPUSHX")),
    row(8, lrange),
    row(7, lrem),
    row(6, lset),
    row(5, ltrim),
    row(4, rpoplpush),
    row(4, encoding),
    row(2, grow),
    row(7, blocking::list_wait),
    row(20, blocking::list_at_once),
];

/// `LEFT` or `RIGHT`, or rarely neither.
pub(super) fn side(g: &mut Gen, command: Command) -> Command {
    if g.rng.one_in(30) { command.arg("MIDDLE") } else { command.token(g.rng.pick(&["LEFT", "RIGHT"])) }
}

pub(super) fn key(g: &mut Gen) -> Vec<u8> {
    g.key_of(Flavour::List)
}

fn alone(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(key(g));
    g.push(command);
}

fn lindex(g: &mut Gen) {
    let command = Command::new("LINDEX").arg(key(g)).arg(g.rank());
    g.push(command);
}

fn linsert(g: &mut Gen) {
    let command = Command::new("LINSERT").arg(key(g));
    let command = if g.rng.one_in(20) {
        command.arg("BESIDE")
    } else {
        command.token(g.rng.pick(&["BEFORE", "AFTER"]))
    };
    let command = command.arg(g.member()).arg(g.member());
    g.push(command);
}

fn lmove(g: &mut Gen) {
    let command = Command::new("LMOVE").arg(key(g)).arg(key(g));
    let command = side(g, command);
    let command = side(g, command);
    g.push(command);
}

fn rpoplpush(g: &mut Gen) {
    let command = Command::new("RPOPLPUSH").arg(key(g)).arg(key(g));
    g.push(command);
}

fn lmpop(g: &mut Gen) {
    let keys: Vec<Vec<u8>> = (0..1 + g.rng.below(3)).map(|_| key(g)).collect();
    let command = Command::new("LMPOP").arg(g.numkeys(keys.len())).args(keys);
    let mut command = side(g, command);
    if g.rng.percent(60) {
        command = command.token("COUNT").arg(g.count());
    }
    g.push(command);
}

fn pop(g: &mut Gen, name: &str) {
    let mut command = Command::new(name).arg(key(g));
    if g.rng.percent(50) {
        command = command.arg(g.count());
    }
    g.push(command);
}

fn push(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(key(g)).args(g.members(4));
    g.push(command);
}

fn lpos(g: &mut Gen) {
    let mut command = Command::new("LPOS").arg(key(g)).arg(g.member());
    if g.rng.percent(45) {
        let ranks = ["1", "-1", "2", "-2", "0", "5", "-9223372036854775808", "9223372036854775807", "x"];
        command = command.token("RANK").arg(g.rng.pick(&ranks));
    }
    if g.rng.percent(45) {
        command = command.token("COUNT").arg(g.count());
    }
    if g.rng.percent(45) {
        command = command.token("MAXLEN").arg(g.count());
    }
    if g.rng.percent(5) {
        command = command.token("RANK");
    }
    g.push(command);
}

fn lrange(g: &mut Gen) {
    let command = Command::new("LRANGE").arg(key(g));
    let command =
        if g.rng.percent(30) { command.arg("0").arg("-1") } else { command.arg(g.rank()).arg(g.rank()) };
    g.push(command);
}

fn lrem(g: &mut Gen) {
    let count =
        if g.rng.percent(80) { g.rng.between(-3, 3).to_string().into_bytes() } else { g.integer_or_not() };
    let command = Command::new("LREM").arg(key(g)).arg(count).arg(g.member());
    g.push(command);
}

fn lset(g: &mut Gen) {
    let command = Command::new("LSET").arg(key(g)).arg(g.rank()).arg(g.member());
    g.push(command);
}

fn ltrim(g: &mut Gen) {
    let command = Command::new("LTRIM").arg(key(g));
    let command = if g.rng.percent(60) {
        command.arg(g.rng.below(3).to_string()).arg(g.rng.between(-3, -1).to_string())
    } else {
        command.arg(g.rank()).arg(g.rank())
    };
    g.push(command);
}

fn encoding(g: &mut Gen) {
    let command = Command::new("OBJECT ENCODING").arg(key(g));
    g.push(command);
}

/// Many elements at once, then most of them away again.
fn grow(g: &mut Gen) {
    let key = key(g);
    let count = g.many();
    let width = *g.rng.pick(&[1, 5, 40]);
    let name = *g.rng.pick(&["RPUSH", "LPUSH"]);
    g.push(Command::new(name).arg(&key).args((0..count).map(|number| format!("{number:0width$}"))));
    g.push_exact(Command::new("OBJECT ENCODING").arg(&key));
    let index = g.rng.between(-(count as i64), count as i64).to_string();
    let command = match g.rng.below(5) {
        0 => Command::new("LINDEX").arg(&key).arg(index),
        1 => Command::new("LSET").arg(&key).arg(index).arg(g.member()),
        2 => Command::new("LRANGE").arg(&key).arg(index).arg("-1"),
        3 => Command::new("LINSERT")
            .arg(&key)
            .token("BEFORE")
            .arg(format!("{:0width$}", count / 2))
            .arg(g.member()),
        _ => Command::new("LREM").arg(&key).arg("0").arg(format!("{:0width$}", count / 2)),
    };
    g.push(command);
    if g.rng.percent(70) {
        let start = g.rng.below(count);
        let command = Command::new("LTRIM").arg(&key).arg(start.to_string()).arg((start + 4).to_string());
        g.push(command);
        g.push_exact(Command::new("OBJECT ENCODING").arg(&key));
    }
}
