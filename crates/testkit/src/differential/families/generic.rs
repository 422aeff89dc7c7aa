//! Group *generic*: <https://valkey.io/commands/#generic>.

use super::{Family, Generator, row, sort};
use crate::differential::generate::{Command, Gen};
use crate::differential::step::Action;
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "generic", group: "generic", weight: 26, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(9, copy),
    row(6, del),
    row(5, exists),
    row(18, |g| expire(g, "EXPIRE")),
    row(18, |g| expire(g, "PEXPIRE")),
    row(18, |g| expire(g, "EXPIREAT")),
    row(18, |g| expire(g, "PEXPIREAT")),
    row(4, |g| one_key(g, "EXPIRETIME")),
    row(4, |g| one_key(g, "PEXPIRETIME")),
    row(4, |g| one_key(g, "TTL")),
    row(4, |g| one_key(g, "PTTL")),
    row(5, |g| one_key(g, "PERSIST")),
    row(4, |g| one_key(g, "TYPE")),
    row(3, keys),
    row(6, move_),
    row(12, object),
    row(3, |g| no_key(g, "RANDOMKEY")),
    row(6, rename),
    row(5, renamenx),
    row(9, scan),
    row(3, touch),
    row(4, unlink),
    row(14, |g| sort::sort(g, "SORT")),
    row(9, |g| sort::sort(g, "SORT_RO")),
    row(12, collection),
    row(8, refused_write),
];

fn one_key(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(g.key());
    g.push(command);
}

fn no_key(g: &mut Gen, name: &str) {
    g.push(Command::new(name));
}

fn copy(g: &mut Gen) {
    let mut command = Command::new("COPY").arg(g.key()).arg(g.key());
    if g.rng.percent(50) {
        command = command.token("DB").arg(g.database());
    }
    if g.rng.percent(45) {
        command = command.token("REPLACE");
    }
    g.push(command);
}

fn del(g: &mut Gen) {
    let command = Command::new("DEL").args(g.keys(3));
    g.push(command);
}

fn exists(g: &mut Gen) {
    let command = Command::new("EXISTS").args(g.keys(4));
    g.push(command);
}

fn expire(g: &mut Gen, name: &str) {
    let time = match name {
        "EXPIRE" => g.seconds(),
        "PEXPIRE" => g.milliseconds(),
        "EXPIREAT" => g.unix_seconds(),
        _ => g.unix_milliseconds(),
    };
    let mut command = Command::new(name).arg(g.key()).arg(time);
    if g.rng.percent(80) {
        command = command.token(g.rng.pick(&["NX", "XX", "GT", "LT"]));
    }
    if g.rng.percent(12) {
        command = command.token(g.rng.pick(&["NX", "XX", "GT", "LT"]));
    }
    g.push(command);
}

fn keys(g: &mut Gen) {
    let command = Command::new("KEYS").arg(g.pattern());
    g.push(command);
}

fn move_(g: &mut Gen) {
    let command = Command::new("MOVE").arg(g.key()).arg(g.database());
    g.push(command);
}

fn object(g: &mut Gen) {
    let name = *g.rng.pick(&[
        "ENCODING", "ENCODING", "FREQ", "FREQ", "IDLETIME", "REFCOUNT", "REFCOUNT", "HELP", "HELP", "NOPE",
    ]);
    let mut command = Command::new(&format!("OBJECT {name}"));
    if name != "HELP" {
        command = command.arg(g.key());
    }
    g.push(command);
}

fn rename(g: &mut Gen) {
    let command = Command::new("RENAME").arg(g.key()).arg(g.key());
    g.push(command);
}

fn renamenx(g: &mut Gen) {
    let command = Command::new("RENAMENX").arg(g.key()).arg(g.key());
    g.push(command);
}

/// Either one SCAN call, of which little can be compared, or a whole iteration.
fn scan(g: &mut Gen) {
    let cursor: &[u8] = if g.rng.percent(90) {
        b"0"
    } else {
        g.rng.pick(&["x", "", "-1", "18446744073709551616"]).as_bytes()
    };
    let mut command = Command::new("SCAN").arg(cursor);
    if g.rng.percent(45) {
        command = command.token("MATCH").arg(g.pattern());
    }
    if g.rng.percent(50) {
        let count = if g.rng.percent(85) {
            g.rng.pick(&["1", "3", "10", "1000"]).as_bytes().to_vec()
        } else {
            g.integer_or_not()
        };
        command = command.token("COUNT").arg(count);
    }
    if g.rng.percent(45) {
        command = command
            .token("TYPE")
            .arg(g.rng.pick(&["string", "STRING", "list", "hash", "zset", "set", "stream", "nope", ""]));
    }
    if cursor == b"0" && !g.in_multi() && g.rng.percent(50) {
        let mut argv = command.bytes();
        argv.remove(1);
        return g.push_action(Action::Scan(argv));
    }
    g.push(command);
}

fn touch(g: &mut Gen) {
    let command = Command::new("TOUCH").args(g.keys(3));
    g.push(command);
}

fn unlink(g: &mut Gen) {
    let command = Command::new("UNLINK").args(g.keys(3));
    g.push(command);
}

/// A small collection at a key that can be any.
fn collection(g: &mut Gen) {
    let key = if g.rng.percent(50) { g.key() } else { g.key_of(Flavour::List) };
    let command = match g.rng.below(5) {
        0 => Command::new("RPUSH").arg(key).args(g.members(3)),
        1 => Command::new("SADD").arg(key).args(g.members(3)),
        2 => Command::new("HSET").arg(key).arg(g.field()).arg(g.field_value()),
        3 => Command::new("ZADD").arg(key).arg(g.plain_score()).arg(g.member()),
        _ => {
            Command::new("XADD").arg(key).arg(format!("{}-*", 20 + g.rng.below(10))).arg("f").arg(g.member())
        }
    };
    g.push(command);
}

/// A read or a write of any type at a key that can be any: refused, mostly.
fn refused_write(g: &mut Gen) {
    let key = g.key();
    let member = g.member();
    let command = match g.rng.below(14) {
        0 => Command::new("LPUSH").arg(key).arg(member),
        1 => Command::new("SADD").arg(key).arg(member),
        2 => Command::new("HGET").arg(key).arg(member),
        3 => Command::new("ZSCORE").arg(key).arg(member),
        4 => Command::new("XLEN").arg(key),
        5 => Command::new("GET").arg(key),
        6 => Command::new("INCR").arg(key),
        7 => Command::new("APPEND").arg(key).arg(member),
        8 => Command::new("SUNIONSTORE").arg(key).arg(g.key()).arg(g.key()),
        9 => Command::new("LMOVE").arg(key).arg(g.key()).token("LEFT").token("LEFT"),
        10 => Command::new("GEOPOS").arg(key).arg(member),
        11 => Command::new("SET").arg(key).arg(member),
        12 => Command::new("HINCRBY").arg(key).arg("f1").arg("1"),
        _ => Command::new("ZINCRBY").arg(key).arg("1").arg(member),
    };
    g.push(command);
}
