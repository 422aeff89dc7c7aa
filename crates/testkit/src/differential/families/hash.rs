//! Group *hash*: <https://valkey.io/commands/#hash>, fields with TTLs included.
//!
//! Fields expire hours ahead, in the past, or a few milliseconds ahead of a pause after which only the field itself
//! is read: until a field is removed HLEN counts it, and when that is depends on the moment.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::step::Action;
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "hash", group: "hash", weight: 30, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(6, |g| with_fields(g, "HDEL", 3)),
    row(4, |g| with_fields(g, "HEXISTS", 1)),
    row(12, |g| hexpire(g, "HEXPIRE")),
    row(12, |g| hexpire(g, "HPEXPIRE")),
    row(12, |g| hexpire(g, "HEXPIREAT")),
    row(12, |g| hexpire(g, "HPEXPIREAT")),
    row(3, |g| of_fields(g, "HTTL")),
    row(3, |g| of_fields(g, "HPTTL")),
    row(3, |g| of_fields(g, "HEXPIRETIME")),
    row(3, |g| of_fields(g, "HPEXPIRETIME")),
    row(5, |g| of_fields(g, "HPERSIST")),
    row(5, |g| of_fields(g, "HGETDEL")),
    row(16, hgetex),
    row(24, hsetex),
    row(4, |g| with_fields(g, "HGET", 1)),
    row(4, |g| alone(g, "HGETALL")),
    row(6, hincrby),
    row(8, hincrbyfloat),
    row(3, |g| alone(g, "HKEYS")),
    row(3, |g| alone(g, "HLEN")),
    row(4, |g| with_fields(g, "HMGET", 4)),
    row(4, |g| hset(g, "HMSET")),
    row(6, hrandfield),
    row(8, hscan),
    row(20, |g| hset(g, "HSET")),
    row(5, hsetnx),
    row(3, |g| with_fields(g, "HSTRLEN", 1)),
    row(3, |g| alone(g, "HVALS")),
    row(4, encoding),
    row(2, grow),
    row(1, field_that_expires),
];

fn key(g: &mut Gen) -> Vec<u8> {
    g.key_of(Flavour::Hash)
}

fn alone(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(key(g));
    g.push(command);
}

/// One field, or one to `max`.
fn with_fields(g: &mut Gen, name: &str, max: usize) {
    let key = key(g);
    let count = 1 + g.rng.below(max);
    let fields: Vec<Vec<u8>> = (0..count).map(|_| g.field()).collect();
    g.push(Command::new(name).arg(key).args(fields));
}

fn pairs(g: &mut Gen, max: usize) -> Vec<Vec<u8>> {
    (0..1 + g.rng.below(max)).flat_map(|_| [g.field(), g.field_value()]).collect()
}

fn hset(g: &mut Gen, name: &str) {
    let key = key(g);
    let mut pairs = pairs(g, 4);
    if g.rng.one_in(20) {
        pairs.pop();
    }
    g.push(Command::new(name).arg(key).args(pairs));
}

fn hsetnx(g: &mut Gen) {
    let command = Command::new("HSETNX").arg(key(g)).arg(g.field()).arg(g.field_value());
    g.push(command);
}

fn hincrby(g: &mut Gen) {
    let key = key(g);
    let field = format!("f{}", g.rng.below(4));
    if g.rng.percent(40) {
        let command = Command::new("HSET").arg(&key).arg(&field).arg(g.integer());
        g.push_exact(command);
    }
    let command = Command::new("HINCRBY").arg(key).arg(field).arg(g.integer_or_not());
    g.push(command);
}

fn hincrbyfloat(g: &mut Gen) {
    let key = key(g);
    let field = format!("f{}", g.rng.below(4));
    if g.rng.percent(40) {
        let command = Command::new("HSET").arg(&key).arg(&field).arg(g.float_or_not());
        g.push_exact(command);
    }
    let command = Command::new("HINCRBYFLOAT").arg(key).arg(field).arg(g.float_or_not());
    g.push(command);
}

/// Adds `FIELDS n field...`, with another number now and then.
fn fields(g: &mut Gen, command: Command, max: usize) -> Command {
    let fields: Vec<Vec<u8>> = (0..1 + g.rng.below(max)).map(|_| g.field()).collect();
    command.token("FIELDS").arg(g.numkeys(fields.len())).args(fields)
}

fn of_fields(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(key(g));
    let command = fields(g, command, 3);
    g.push(command);
}

fn hexpire(g: &mut Gen, name: &str) {
    let key = key(g);
    let time = match name {
        "HEXPIRE" => g.seconds(),
        "HPEXPIRE" => g.milliseconds(),
        "HEXPIREAT" => g.unix_seconds(),
        _ => g.unix_milliseconds(),
    };
    let mut command = Command::new(name).arg(key).arg(time);
    if g.rng.percent(75) {
        command = command.token(g.rng.pick(&["NX", "XX", "GT", "LT"]));
    }
    if g.rng.percent(6) {
        command = command.token(g.rng.pick(&["NX", "XX", "GT", "LT"]));
    }
    let command = fields(g, command, 3);
    g.push(command);
}

fn hgetex(g: &mut Gen) {
    let mut command = Command::new("HGETEX").arg(key(g));
    match g.rng.below(12) {
        0 => {}
        1..8 => command = g.expiry(command, true),
        8..11 => command = command.token("PERSIST"),
        _ => command = g.expiry(command.token("PERSIST"), true),
    }
    let command = fields(g, command, 3);
    g.push(command);
}

fn hsetex(g: &mut Gen) {
    let mut command = Command::new("HSETEX").arg(key(g));
    let mut parts = [0, 1, 2];
    let turn = g.rng.below(3);
    parts.rotate_left(turn);
    for part in parts {
        command = match (part, g.rng.below(12)) {
            (0, 0..3) => command.token("NX"),
            (0, 3..6) => command.token("XX"),
            (0, 6) if g.rng.percent(20) => command.token("NX").token("XX"),
            (1, 0..3) => command.token("FNX"),
            (1, 3..6) => command.token("FXX"),
            (1, 6) if g.rng.percent(20) => command.token("FNX").token("FXX"),
            (2, 0..8) => g.expiry(command, true),
            (2, 8 | 9) => command.token("KEEPTTL"),
            (2, 10) if g.rng.percent(30) => g.expiry(command.token("KEEPTTL"), true),
            _ => command,
        };
    }
    let mut data = pairs(g, 3);
    let count = g.numkeys(data.len() / 2);
    if g.rng.one_in(30) {
        data.pop();
    }
    g.push(command.token("FIELDS").arg(count).args(data));
}

/// Random fields. A negative count draws with repetition.
fn hrandfield(g: &mut Gen) {
    let mut command = Command::new("HRANDFIELD").arg(key(g));
    if g.rng.percent(80) {
        let counts = ["1", "2", "5", "100", "-1", "-5", "-40", "0", "x", "-9223372036854775808", "1.5"];
        command = command.arg(g.rng.pick(&counts));
        if g.rng.percent(60) {
            command = command.token("WITHVALUES");
        }
    }
    if g.rng.percent(15) {
        return g.push_exact(command.token("NOPE"));
    }
    g.push_action(Action::Sample(command.bytes()));
}

fn hscan(g: &mut Gen) {
    let key = key(g);
    let whole = !g.in_multi() && g.rng.percent(60);
    let mut command = Command::new("HSCAN").arg(key);
    if !whole {
        command = command.arg(g.first_cursor());
    }
    command = g.walk_options(command);
    if g.rng.percent(45) {
        command = command.token("NOVALUES");
    }
    if whole {
        g.push_action(Action::Scan(command.bytes()));
    } else {
        g.push(command);
    }
}

fn encoding(g: &mut Gen) {
    let command = Command::new("OBJECT ENCODING").arg(key(g));
    g.push(command);
}

/// Many fields at once, then fewer.
fn grow(g: &mut Gen) {
    let key = key(g);
    let count = g.many();
    let mut command = Command::new("HSET").arg(&key);
    for number in 0..count {
        command = command.arg(format!("m{number}")).arg(number.to_string());
    }
    g.push(command);
    if g.rng.percent(50) {
        let command =
            Command::new("HDEL").arg(&key).args((g.rng.below(20)..count).map(|number| format!("m{number}")));
        g.push(command);
    }
    g.push_exact(Command::new("OBJECT ENCODING").arg(&key));
}

/// A field that is there and a few milliseconds later is not, whether it has been removed or not.
fn field_that_expires(g: &mut Gen) {
    if g.in_multi() || !g.rng.percent(40) {
        return alone(g, "HGETALL");
    }
    let key = key(g);
    let ttl = (1 + g.rng.below(4)).to_string();
    g.push_exact(Command::new("HSET").arg(&key).arg("stays").arg("1").arg("goes").arg("2"));
    let command = match g.rng.below(4) {
        0 => Command::new("HPEXPIRE").arg(&key).arg(ttl),
        1 => Command::new("HGETEX").arg(&key).token("PX").arg(ttl),
        2 => Command::new("HSETEX")
            .arg(&key)
            .token("PX")
            .arg(ttl)
            .token("FIELDS")
            .arg("1")
            .arg("goes")
            .arg("3"),
        _ => Command::new("HPEXPIRE").arg(&key).arg(ttl).token("NX"),
    };
    let command =
        if command.bytes()[0] == b"HSETEX" { command } else { command.token("FIELDS").arg("1").arg("goes") };
    g.glue(command);
    g.let_expire(key.clone());
    for _ in 0..1 + g.rng.below(4) {
        let command = match g.rng.below(8) {
            0 => Command::new("HGET").arg(&key).arg("goes"),
            1 => Command::new("HMGET").arg(&key).arg("goes").arg("stays"),
            2 => Command::new("HGETALL").arg(&key),
            3 => Command::new("HEXISTS").arg(&key).arg("goes"),
            4 => Command::new("HTTL").arg(&key).token("FIELDS").arg("2").arg("goes").arg("stays"),
            5 => Command::new("HSTRLEN").arg(&key).arg("goes"),
            6 => Command::new("HKEYS").arg(&key),
            _ => Command::new("HVALS").arg(&key),
        };
        g.glue(command);
    }
    let last = match g.rng.below(4) {
        0 => Command::new("HINCRBY").arg(&key).arg("goes").arg("5"),
        1 => Command::new("HSETNX").arg(&key).arg("goes").arg("4"),
        2 => Command::new("HSET").arg(&key).arg("goes").arg("4"),
        _ => Command::new("DEL").arg(&key),
    };
    g.glue(last);
}
