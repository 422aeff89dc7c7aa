//! Commands that wait for an element: those of lists, sorted sets and streams.
//!
//! Two kinds of rows. `*_at_once` sends such a command like any other: it finds something, or waits a few
//! milliseconds. `*_wait` has several clients wait without end while another one acts; who gets what, in which order,
//! and who goes on waiting is what is compared. Some wait on while the sequence goes on around them.

use super::{list, sorted_set, stream};
use crate::differential::generate::{Command, Gen};
use crate::differential::step::Word;
use crate::differential::values::Flavour;

/// What clients wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Zset,
    Stream,
}

impl Kind {
    fn key(self, g: &mut Gen) -> Vec<u8> {
        match self {
            Kind::List => list::key(g),
            Kind::Zset => sorted_set::key(g),
            Kind::Stream => g.key_of(Flavour::Stream),
        }
    }

    fn keys(self, g: &mut Gen, max: usize) -> Vec<Vec<u8>> {
        (0..1 + g.rng.below(max)).map(|_| self.key(g)).collect()
    }

    /// A command that waits, with this timeout.
    fn waiting(self, g: &mut Gen, timeout: &str, keys: Option<&[Vec<u8>]>) -> Command {
        match self {
            Kind::List => list_command(g, timeout, keys),
            Kind::Zset => zset_command(g, timeout, keys),
            Kind::Stream => stream_command(g, timeout, keys),
        }
    }

    /// A command that may give the waiting what they wait for.
    fn giving(self, g: &mut Gen, key: &[u8]) -> Command {
        match self {
            Kind::List => {
                let name = *g.rng.pick(&["RPUSH", "LPUSH"]);
                Command::new(name).arg(key).args(g.members(4))
            }
            Kind::Zset => {
                let mut command = Command::new("ZADD").arg(key);
                for member in g.members(4) {
                    command = command.arg(g.plain_score()).arg(member);
                }
                command
            }
            Kind::Stream => {
                let id = if g.rng.percent(70) {
                    format!("{}-*", 60 + g.rng.below(8)).into_bytes()
                } else {
                    g.stream_id()
                };
                Command::new("XADD").arg(key).arg(id).arg("f").arg(g.member())
            }
        }
    }
}

/// A few milliseconds, or what is refused.
fn short_timeout(g: &mut Gen) -> &'static str {
    if g.rng.one_in(9) {
        g.word(&["-1", "x", "", "nan", "inf", "9223372036854775807", "-0.1", "1e400", " 1"])
    } else {
        g.word(&["0.001", "0.002", "0.003", "0.0001", "2e-3"])
    }
}

fn list_command(g: &mut Gen, timeout: &str, keys: Option<&[Vec<u8>]>) -> Command {
    let keys = keys.map_or_else(|| Kind::List.keys(g, 3), <[_]>::to_vec);
    let destination = if g.rng.percent(30) { keys[0].clone() } else { Kind::List.key(g) };
    match g.rng.below(12) {
        0..3 => Command::new("BLPOP").args(keys).arg(timeout),
        3..5 => Command::new("BRPOP").args(keys).arg(timeout),
        5..8 => {
            let command = Command::new("BLMOVE").arg(&keys[0]).arg(destination);
            let command = list::side(g, command);
            list::side(g, command).arg(timeout)
        }
        8 => Command::new("BRPOPLPUSH").arg(&keys[0]).arg(destination).arg(timeout),
        _ => {
            let command = Command::new("BLMPOP").arg(timeout).arg(g.numkeys(keys.len())).args(keys);
            let command = list::side(g, command);
            if g.rng.percent(60) { command.token("COUNT").arg(g.count()) } else { command }
        }
    }
}

fn zset_command(g: &mut Gen, timeout: &str, keys: Option<&[Vec<u8>]>) -> Command {
    let keys = keys.map_or_else(|| Kind::Zset.keys(g, 3), <[_]>::to_vec);
    match g.rng.below(6) {
        0 | 1 => Command::new("BZPOPMIN").args(keys).arg(timeout),
        2 | 3 => Command::new("BZPOPMAX").args(keys).arg(timeout),
        _ => {
            let command = Command::new("BZMPOP").arg(timeout).arg(g.numkeys(keys.len())).args(keys);
            let command = sorted_set::end(g, command);
            if g.rng.percent(60) { command.token("COUNT").arg(g.count()) } else { command }
        }
    }
}

/// `timeout` counts milliseconds here.
fn stream_command(g: &mut Gen, timeout: &str, keys: Option<&[Vec<u8>]>) -> Command {
    let keys = keys.map_or_else(|| Kind::Stream.keys(g, 3), <[_]>::to_vec);
    let grouped = g.rng.percent(55);
    let mut command = if grouped {
        Command::new("XREADGROUP").token("GROUP").arg(stream::group(g)).arg(stream::consumer(g))
    } else {
        Command::new("XREAD")
    };
    let block_first = g.rng.percent(50);
    for turn in [true, false] {
        if turn == block_first {
            command = command.token("BLOCK").arg(timeout);
        } else if g.rng.percent(40) {
            command = command.token("COUNT").arg(g.count());
        }
    }
    if grouped && g.rng.percent(25) {
        command = command.token("NOACK");
    }
    let ids: Vec<Vec<u8>> = keys
        .iter()
        .map(|_| match g.rng.below(8) {
            0..6 if grouped => b">".to_vec(),
            0..4 => b"$".to_vec(),
            4 => b"+".to_vec(),
            5 => b"70-0".to_vec(),
            _ => g.stream_id(),
        })
        .collect();
    command.token("STREAMS").args(keys).args(ids)
}

pub(super) fn list_at_once(g: &mut Gen) {
    at_once(g, Kind::List);
}

pub(super) fn zset_at_once(g: &mut Gen) {
    at_once(g, Kind::Zset);
}

pub(super) fn stream_at_once(g: &mut Gen) {
    let timeout =
        if g.rng.one_in(9) { *g.rng.pick(&["-1", "x", "", "1.5"]) } else { *g.rng.pick(&["1", "2", "3"]) };
    let command = stream_command(g, timeout, None);
    g.push(command);
}

fn at_once(g: &mut Gen, kind: Kind) {
    if g.in_multi() && g.rng.percent(50) {
        // It never waits there.
        let command = kind.waiting(g, "0", None);
        return g.push_exact(command);
    }
    if g.rng.percent(45) {
        let key = kind.key(g);
        let command = kind.giving(g, &key);
        g.push_exact(command);
        let timeout = short_timeout(g);
        let command = kind.waiting(g, timeout, Some(&[key]));
        g.push(command);
        return;
    }
    let timeout = short_timeout(g);
    let command = kind.waiting(g, timeout, None);
    g.push(command);
}

pub(super) fn list_wait(g: &mut Gen) {
    wait(g, Kind::List);
}

pub(super) fn zset_wait(g: &mut Gen) {
    wait(g, Kind::Zset);
}

pub(super) fn stream_wait(g: &mut Gen) {
    wait(g, Kind::Stream);
}

fn wait(g: &mut Gen, kind: Kind) {
    let mut others = g.idle_clients();
    if g.in_multi() || others.is_empty() {
        return at_once(g, kind);
    }
    let keys = kind.keys(g, 3);
    if g.rng.percent(75) {
        g.push_exact(Command::new("DEL").args(&keys));
    }
    if kind == Kind::Stream && g.rng.percent(70) {
        for key in &keys {
            let command =
                Command::new("XGROUP CREATE").arg(key).arg(stream::group(g)).token("$").token("MKSTREAM");
            g.push_exact(command);
        }
    }
    let mut waiting = Vec::new();
    while !others.is_empty() && (waiting.is_empty() || g.rng.percent(65)) {
        let client = others.swap_remove(g.rng.below(others.len()));
        let mut some = keys.clone();
        if g.rng.percent(40) {
            some.rotate_left(1);
            some.truncate(1 + g.rng.below(keys.len()));
        }
        let own = g.switch_client(client);
        if g.rng.one_in(12) {
            // One that is not without end.
            let timeout = if kind == Kind::Stream { "2" } else { "0.002" };
            let command = kind.waiting(g, timeout, Some(&some));
            g.send(command);
            g.take_late_reply(true);
        } else {
            let command = kind.waiting(g, "0", Some(&some));
            g.send(command);
            waiting.push(client);
        }
        g.switch_client(own);
    }
    for _ in 0..1 + g.rng.below(4) {
        let key = g.rng.pick(&keys).clone();
        act(g, kind, &key, &waiting);
    }
    for client in waiting {
        // The others wait on.
        if g.rng.percent(80) {
            let own = g.switch_client(client);
            g.take_late_reply(false);
            g.switch_client(own);
        }
    }
}

/// Something that happens to a key somebody waits for, or to who waits.
fn act(g: &mut Gen, kind: Kind, key: &[u8], waiting: &[usize]) {
    let other = kind.key(g);
    let give = kind.giving(g, key);
    match g.rng.below(24) {
        // Within a transaction, where the waiting see only what it leaves.
        0..3 => {
            g.push_exact(Command::new("MULTI"));
            g.glue(give);
            for _ in 0..1 + g.rng.below(2) {
                let command = match g.rng.below(4) {
                    0 => Command::new("DEL").arg(key),
                    1 => kind.giving(g, key),
                    2 => kind.giving(g, &other),
                    _ => kind.waiting(g, "0", Some(&[key.to_vec()])),
                };
                g.glue(command);
            }
            g.glue(Command::new("EXEC"));
        }
        // From another key.
        3 | 4 => {
            let command = kind.giving(g, &other);
            g.push_exact(command);
            let name = *g.rng.pick(&["RENAME", "RENAMENX", "COPY"]);
            g.glue(Command::new(name).arg(&other).arg(key));
        }
        5 => {
            let command = kind.giving(g, &other);
            g.push_exact(command);
            let command = match kind {
                Kind::List => {
                    let command = Command::new("LMOVE").arg(&other).arg(key);
                    let command = list::side(g, command);
                    list::side(g, command)
                }
                Kind::Zset => Command::new("ZUNIONSTORE").arg(key).arg("2").arg(&other).arg(key),
                Kind::Stream => Command::new("COPY").arg(&other).arg(key).token("REPLACE"),
            };
            g.glue(command);
        }
        6 => g.push_exact(match kind {
            Kind::List => Command::new("SORT").arg(&other).token("ALPHA").token("STORE").arg(key),
            Kind::Zset => Command::new("ZRANGESTORE").arg(key).arg(&other).arg("0").arg("-1"),
            Kind::Stream => Command::new("XSETID").arg(key).arg("80-0"),
        }),
        // Another type, and back.
        7 | 8 => {
            let command = match g.rng.below(3) {
                0 => Command::new("SET").arg(key).arg("v"),
                1 => Command::new("SADD").arg(key).arg("m"),
                _ => Command::new("HSET").arg(key).arg("f").arg("v"),
            };
            g.push_exact(command);
            if g.rng.percent(60) {
                g.push_exact(Command::new("DEL").arg(key));
                g.push_exact(give);
            }
        }
        9 => {
            let name = *g.rng.pick(&["DEL", "UNLINK"]);
            g.push_exact(Command::new(name).arg(key));
        }
        // From another database.
        10 => {
            g.push_exact(Command::new("SELECT").arg("1"));
            g.glue(give);
            g.glue(Command::new("SELECT").arg("0"));
            let back = *g.rng.pick(&["SWAPDB", "MOVE"]);
            if back == "SWAPDB" {
                g.glue(Command::new("SWAPDB").arg("0").arg("1"));
            } else {
                g.glue(Command::new("SELECT").arg("1"));
                g.glue(Command::new("MOVE").arg(key).arg("0"));
                g.glue(Command::new("SELECT").arg("0"));
            }
        }
        11 => {
            let name = *g.rng.pick(&["FLUSHDB", "FLUSHALL"]);
            g.push_exact(Command::new(name));
        }
        12 => {
            let milliseconds = if g.rng.percent(50) { "-1" } else { "100000000" };
            g.push_exact(Command::new("PEXPIRE").arg(key).arg(milliseconds));
        }
        13 | 14 if !waiting.is_empty() => {
            let client = *g.rng.pick(waiting);
            let command = Command::new("CLIENT UNBLOCK").word(Word::ClientId(client));
            let command = match g.rng.below(3) {
                0 => command,
                1 => command.token("TIMEOUT"),
                _ => command.token("ERROR"),
            };
            g.push_exact(command);
        }
        15 => g.push_exact(Command::new("INFO").arg("clients")),
        16 => {
            let command = match kind {
                Kind::List => Command::new("LPUSHX").arg(key).arg("m"),
                Kind::Zset => Command::new("ZADD").arg(key).token("XX").arg("1").arg("m"),
                Kind::Stream => {
                    Command::new("XADD").arg(key).token("NOMKSTREAM").arg("75-1").arg("f").arg("v")
                }
            };
            g.push_exact(command);
        }
        17 if kind == Kind::Stream => {
            let group = stream::group(g);
            let command = match g.rng.below(3) {
                0 => Command::new("XGROUP DESTROY").arg(key).arg(group),
                1 => Command::new("XGROUP SETID").arg(key).arg(group).arg("0"),
                _ => Command::new("XGROUP CREATE").arg(key).arg(group).arg("0").token("MKSTREAM"),
            };
            g.push_exact(command);
        }
        _ => g.push_exact(give),
    }
}
