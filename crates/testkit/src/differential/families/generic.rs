//! Group *generic*: <https://valkey.io/commands/#generic>.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::step::Action;

/// The family.
pub const FAMILY: Family = Family { name: "generic", group: "generic", weight: 26, generators: GENERATORS };

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
    row(10, object),
    row(3, |g| no_key(g, "RANDOMKEY")),
    row(6, rename),
    row(5, renamenx),
    row(9, scan),
    row(3, touch),
    row(4, unlink),
    row(4, collection),
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
    let name = *g
        .rng
        .pick(&["ENCODING", "ENCODING", "FREQ", "FREQ", "IDLETIME", "REFCOUNT", "HELP", "HELP", "NOPE"]);
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
        let options = command.bytes().split_off(2);
        return g.push_action(Action::Scan(options));
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

/// A key of another type, for WRONGTYPE; only while both servers have such types.
fn collection(g: &mut Gen) {
    if !g.has_collections() {
        return del(g);
    }
    let (name, kind, arguments): (&str, &str, &[&str]) = *g.rng.pick(&[
        ("RPUSH", "list", &["a"] as &[&str]),
        ("SADD", "set", &["1"]),
        ("HSET", "hash", &["f", "v"]),
        ("ZADD", "zset", &["1", "m"]),
    ]);
    let key = g.collection_key(kind);
    g.push(Command::new(name).arg(key).args(arguments));
}
