//! Group *transactions*: <https://valkey.io/commands/#transactions>.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};

/// The family.
pub const FAMILY: Family =
    Family { name: "transactions", group: "transactions", weight: 7, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] =
    &[row(12, multi), row(2, exec), row(3, discard), row(6, watch), row(2, unwatch), row(6, watched_change)];

fn multi(g: &mut Gen) {
    if g.push(Command::new("MULTI")) {
        g.set_in_multi(true);
    }
}

/// EXEC where there may be no transaction; inside one, `Gen` ends it by itself.
fn exec(g: &mut Gen) {
    g.push(Command::new("EXEC"));
    g.set_in_multi(false);
}

fn discard(g: &mut Gen) {
    if !g.in_multi() && g.rng.percent(70) {
        g.push_exact(Command::new("MULTI"));
        g.set_in_multi(true);
    }
    if g.push(Command::new("DISCARD")) {
        g.set_in_multi(false);
    }
}

fn watch(g: &mut Gen) {
    let command = Command::new("WATCH").args(g.keys(3));
    g.push(command);
}

fn unwatch(g: &mut Gen) {
    g.push(Command::new("UNWATCH"));
}

/// WATCH, a change by another client (or by the same one), then a transaction that fails or not.
fn watched_change(g: &mut Gen) {
    if g.in_multi() {
        return watch(g);
    }
    let key = g.key();
    g.push_exact(Command::new("WATCH").arg(&key));
    let other = g.any_client();
    let own = g.switch_client(other);
    if !g.in_multi() {
        let change = match g.rng.below(24) {
            0 => Command::new("SET").arg(&key).arg(g.short_value()),
            1 => Command::new("DEL").arg(&key),
            2 => Command::new("EXPIRE").arg(&key).arg(g.far_seconds().to_string()),
            3 => Command::new("GET").arg(&key),
            4 => Command::new("PERSIST").arg(&key),
            5 => Command::new("APPEND").arg(&key).arg(""),
            6 => Command::new("RENAME").arg(g.key()).arg(&key),
            7 => Command::new("FLUSHDB"),
            8 => Command::new("SWAPDB").arg("0").arg("1"),
            9 => Command::new("TOUCH").arg(&key),
            10 => Command::new("EXPIREAT").arg(&key).arg("1"),
            11 => Command::new("SETRANGE").arg(&key).arg("0").arg(""),
            // Changes of a collection, and commands that look like some and change nothing.
            12 => Command::new("SADD").arg(&key).arg("1"),
            13 => Command::new("SREM").arg(&key).arg("1").arg("no-such"),
            14 => Command::new("HSET").arg(&key).arg("f1").arg("1"),
            15 => Command::new("HDEL").arg(&key).arg("f1"),
            16 => Command::new("ZADD").arg(&key).arg("1").arg("m1"),
            17 => Command::new("ZREM").arg(&key).arg("m1"),
            18 => Command::new("LPUSH").arg(&key).arg("m1"),
            19 => Command::new("LREM").arg(&key).arg("0").arg("no-such"),
            20 => Command::new("LTRIM").arg(&key).arg("0").arg("-1"),
            21 => Command::new("XTRIM").arg(&key).token("MAXLEN").arg("1000"),
            22 => Command::new("SINTERSTORE").arg(&key).arg("no-such").arg("no-such-2"),
            _ => Command::new("HPERSIST").arg(&key).token("FIELDS").arg("1").arg("f1"),
        };
        g.glue(change);
    }
    g.switch_client(own);
    g.glue(Command::new("MULTI"));
    let command = Command::new("GET").arg(&key);
    g.glue(command);
    g.glue(Command::new("EXEC"));
}
