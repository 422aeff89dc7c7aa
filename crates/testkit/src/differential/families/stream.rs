//! Group *stream*: <https://valkey.io/commands/#stream>.
//!
//! Ids are given. `*` takes the time of day, which both servers would have to agree on: it is used behind an id that
//! lies far ahead of it, where the next id follows from the last, or on a key that is deleted at once. Minimum idle
//! times are zero or hours.

use super::{Family, Generator, blocking, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "stream", group: "stream", weight: 40, waits: true, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(10, |g| anywhere(g, xack)),
    row(44, xadd),
    row(6, xadd_by_time),
    row(14, |g| anywhere(g, xautoclaim)),
    row(24, |g| anywhere(g, xclaim)),
    row(26, delivered),
    row(8, xdel),
    row(24, |g| anywhere(g, xgroup)),
    row(3, |g| help(g, "XGROUP HELP")),
    row(8, |g| anywhere(g, xinfo)),
    row(3, |g| help(g, "XINFO HELP")),
    row(4, xlen),
    row(12, |g| anywhere(g, xpending)),
    row(8, |g| xrange(g, "XRANGE")),
    row(8, |g| xrange(g, "XREVRANGE")),
    row(10, xread),
    row(24, xreadgroup),
    row(10, xsetid),
    row(22, xtrim),
    row(2, grow),
    row(9, blocking::stream_wait),
    row(12, blocking::stream_at_once),
];

pub(super) fn key(g: &mut Gen) -> Vec<u8> {
    let flavour = if g.rng.percent(75) { Flavour::Stream } else { Flavour::Future };
    g.key_of(flavour)
}

pub(super) fn group(g: &mut Gen) -> &'static str {
    if g.rng.one_in(14) { "no-such-group" } else { g.word(&["g0", "g0", "g1", "\x01g"]) }
}

pub(super) fn consumer(g: &mut Gen) -> &'static str {
    g.word(&["c0", "c0", "c1", "c2", ""])
}

fn help(g: &mut Gen, name: &str) {
    g.push(Command::new(name));
}

fn ids(g: &mut Gen, max: usize) -> Vec<Vec<u8>> {
    (0..1 + g.rng.below(max)).map(|_| g.stream_id()).collect()
}

/// A group with messages that were delivered, on which the commands about such messages have something to do.
fn delivered(g: &mut Gen) {
    let key = key(g);
    let group = *g.rng.pick(&["g0", "g0", "g1"]);
    let start = if g.rng.percent(80) { "0" } else { "$" };
    g.push_exact(Command::new("XGROUP CREATE").arg(&key).arg(group).arg(start).token("MKSTREAM"));
    for _ in 0..1 + g.rng.below(4) {
        let command = Command::new("XADD").arg(&key).arg(format!("{}-*", g.rng.below(20)));
        let command = message(g, command);
        g.glue(command);
    }
    for _ in 0..1 + g.rng.below(3) {
        let mut command = Command::new("XREADGROUP").token("GROUP").arg(group).arg(consumer(g));
        if g.rng.percent(40) {
            command = command.token("COUNT").arg((1 + g.rng.below(3)).to_string());
        }
        if g.rng.percent(25) {
            command = command.token("NOACK");
        }
        g.glue(command.token("STREAMS").arg(&key).arg(">"));
    }
    for _ in 0..1 + g.rng.below(3) {
        match g.rng.below(9) {
            0 => xpending(g, &key, group),
            1 => xautoclaim(g, &key, group),
            2 => xack(g, &key, group),
            3 => xinfo(g, &key, group),
            4..7 => xgroup(g, &key, group),
            _ => xclaim(g, &key, group),
        }
    }
}

fn anywhere(g: &mut Gen, run: fn(&mut Gen, &[u8], &str)) {
    let (key, group) = (key(g), group(g));
    run(g, &key, group);
}

fn xack(g: &mut Gen, key: &[u8], group: &str) {
    let command = Command::new("XACK").arg(key).arg(group).args(ids(g, 4));
    g.push(command);
}

fn xdel(g: &mut Gen) {
    let command = Command::new("XDEL").arg(key(g)).args(ids(g, 3));
    g.push(command);
}

fn xlen(g: &mut Gen) {
    let command = Command::new("XLEN").arg(key(g));
    g.push(command);
}

/// Adds MAXLEN or MINID with all that they take.
fn trim(g: &mut Gen, command: Command) -> Command {
    let by_id = g.rng.percent(45);
    let mut command = command.token(if by_id { "MINID" } else { "MAXLEN" });
    let operator = *g.rng.pick(&["", "=", "~", "~"]);
    if !operator.is_empty() {
        command = command.token(operator);
    }
    let threshold = match g.rng.below(14) {
        0 => g.rng.pick(&["-1", "x", "", "-"]).as_bytes().to_vec(),
        1 => b"0".to_vec(),
        _ if by_id => g.stream_id(),
        _ => g.rng.below(20).to_string().into_bytes(),
    };
    command = command.arg(threshold);
    if g.rng.percent(if operator == "~" { 55 } else { 6 }) {
        command = command.token("LIMIT").arg(g.rng.pick(&["0", "1", "2", "5", "100", "-1", "x"]));
    }
    command
}

fn xtrim(g: &mut Gen) {
    let command = Command::new("XTRIM").arg(key(g));
    let command = trim(g, command);
    g.push(command);
}

fn message(g: &mut Gen, command: Command) -> Command {
    let mut command = command;
    for _ in 0..1 + g.rng.below(3) {
        // The same fields in the same order as the message before, mostly: such messages are stored without them.
        let field = if g.rng.percent(80) { b"f".to_vec() } else { g.field() };
        command = command.arg(field).arg(g.member());
    }
    if g.rng.one_in(40) { command.arg("f") } else { command }
}

fn xadd(g: &mut Gen) {
    let key = g.key_of(Flavour::Stream);
    let mut command = Command::new("XADD").arg(key);
    let first = g.rng.percent(50);
    for turn in [true, false] {
        if turn == first && g.rng.percent(12) {
            command = command.token("NOMKSTREAM");
        } else if turn != first && g.rng.percent(40) {
            command = trim(g, command);
        }
    }
    let id = match g.rng.below(8) {
        0..3 => format!("{}-*", g.rng.below(14)).into_bytes(),
        // What is larger than most ids, so that it is not refused.
        3..5 => format!("{}-{}", 14 + g.rng.below(30), g.rng.below(9)).into_bytes(),
        _ => g.stream_id(),
    };
    let command = message(g, command.arg(id));
    g.push(command);
}

/// Ids that the server makes.
fn xadd_by_time(g: &mut Gen) {
    if g.rng.percent(30) {
        // One that is like no other server's.
        let key = g.key_of(Flavour::Short);
        let mut command = Command::new("XADD").arg(&key);
        if g.rng.percent(30) {
            command = command.token("MAXLEN").arg("3");
        }
        let command = message(g, command.token("*"));
        g.push_exact(command);
        return g.glue(Command::new("DEL").arg(key));
    }
    let key = g.key_of(Flavour::Future);
    g.push_exact(Command::new("XADD").arg(&key).arg("9999999999999-*").arg("f").arg("v"));
    for _ in 0..1 + g.rng.below(3) {
        let mut command = Command::new("XADD").arg(&key);
        if g.rng.percent(20) {
            command = command.token("NOMKSTREAM");
        }
        if g.rng.percent(20) {
            command = trim(g, command);
        }
        let command = message(g, command.token("*"));
        g.glue(command);
    }
}

/// A minimum idle time: always over or never.
fn idle(g: &mut Gen) -> &'static str {
    g.word(&["0", "0", "0", "0", "36000000", "-1", "x", "9223372036854775807"])
}

fn xautoclaim(g: &mut Gen, key: &[u8], group: &str) {
    let start = if g.rng.percent(70) { b"0-0".to_vec() } else { g.stream_bound() };
    let mut command = Command::new("XAUTOCLAIM").arg(key).arg(group).arg(consumer(g)).arg(idle(g)).arg(start);
    if g.rng.percent(45) {
        command = command.token("COUNT").arg(g.rng.pick(&["1", "2", "3", "100", "0", "-1", "x"]));
    }
    if g.rng.percent(45) {
        command = command.token("JUSTID");
    }
    g.push(command);
}

fn xclaim(g: &mut Gen, key: &[u8], group: &str) {
    let mut command =
        Command::new("XCLAIM").arg(key).arg(group).arg(consumer(g)).arg(idle(g)).args(ids(g, 3));
    let mut parts = [0, 1, 2, 3, 4, 5];
    let turn = g.rng.below(6);
    parts.rotate_left(turn);
    for part in parts {
        command = match part {
            0 if g.rng.percent(30) => {
                command.token("IDLE").arg(g.rng.pick(&["7200000", "72000000", "0", "-1", "x"]))
            }
            // Long past, or after the present, which counts as the present.
            1 if g.rng.percent(30) => {
                command.token("TIME").arg(g.rng.pick(&["1000", "1600000000000", "9999999999999", "-1", "x"]))
            }
            2 if g.rng.percent(30) => {
                command.token("RETRYCOUNT").arg(g.rng.pick(&["0", "1", "7", "-1", "x"]))
            }
            3 if g.rng.percent(40) => command.token("FORCE"),
            4 if g.rng.percent(35) => command.token("JUSTID"),
            5 if g.rng.percent(30) => command.token("LASTID").arg(g.stream_id()),
            _ => command,
        };
    }
    g.push(command);
}

fn xgroup(g: &mut Gen, key: &[u8], group: &str) {
    let id = |g: &mut Gen, command: Command| match g.rng.below(5) {
        0 => command.arg("0"),
        1 | 2 => command.token("$"),
        _ => command.arg(g.stream_id()),
    };
    let read = |g: &mut Gen, command: Command| {
        if g.rng.percent(45) {
            command.token("ENTRIESREAD").arg(g.rng.pick(&["0", "1", "3", "100", "-1", "-2", "x"]))
        } else {
            command
        }
    };
    let command = match g.rng.below(20) {
        0..9 => {
            let command = Command::new("XGROUP CREATE").arg(key).arg(group);
            let command = id(g, command);
            let made = g.rng.percent(60);
            if g.rng.percent(50) {
                let command = if made { command.token("MKSTREAM") } else { command };
                read(g, command)
            } else {
                let command = read(g, command);
                if made { command.token("MKSTREAM") } else { command }
            }
        }
        9..11 => Command::new("XGROUP CREATECONSUMER").arg(key).arg(group).arg(consumer(g)),
        11..13 => Command::new("XGROUP DELCONSUMER").arg(key).arg(group).arg(consumer(g)),
        13 => Command::new("XGROUP DESTROY").arg(key).arg(group),
        14..19 => {
            let command = Command::new("XGROUP SETID").arg(key).arg(group);
            let command = id(g, command);
            read(g, command)
        }
        _ => Command::new("XGROUP").arg(g.rng.pick(&["NOPE", "", "CREATE2"])).arg(key),
    };
    g.push(command);
}

fn xinfo(g: &mut Gen, key: &[u8], group: &str) {
    let command = match g.rng.below(12) {
        0..2 => Command::new("XINFO CONSUMERS").arg(key).arg(group),
        2..5 => Command::new("XINFO GROUPS").arg(key),
        5..7 => Command::new("XINFO STREAM").arg(key),
        7..11 => {
            let command = Command::new("XINFO STREAM").arg(key).token("FULL");
            if g.rng.percent(60) {
                command.token("COUNT").arg(g.rng.pick(&["0", "1", "3", "1000", "-1", "x"]))
            } else {
                command
            }
        }
        _ => Command::new("XINFO").arg(g.rng.pick(&["NOPE", "", "STREAMS"])).arg(key),
    };
    g.push(command);
}

fn xpending(g: &mut Gen, key: &[u8], group: &str) {
    let mut command = Command::new("XPENDING").arg(key).arg(group);
    if g.rng.percent(75) {
        if g.rng.percent(45) {
            command = command.token("IDLE").arg(idle(g));
        }
        let bounds = if g.rng.percent(60) {
            [b"-".to_vec(), b"+".to_vec()]
        } else {
            [g.stream_bound(), g.stream_bound()]
        };
        command = command.args(bounds).arg(g.count());
        if g.rng.percent(40) {
            command = command.arg(consumer(g));
        }
    }
    g.push(command);
}

fn xrange(g: &mut Gen, name: &str) {
    let bounds =
        if g.rng.percent(30) { [b"-".to_vec(), b"+".to_vec()] } else { [g.stream_bound(), g.stream_bound()] };
    let bounds = if name == "XREVRANGE" && g.rng.percent(50) {
        [bounds[1].clone(), bounds[0].clone()]
    } else {
        bounds
    };
    let mut command = Command::new(name).arg(key(g)).args(bounds);
    if g.rng.percent(45) {
        command = command.token("COUNT").arg(g.count());
    }
    g.push(command);
}

/// Adds `STREAMS key... id...`.
pub(super) fn streams(g: &mut Gen, command: Command, max: usize, id: fn(&mut Gen) -> Vec<u8>) -> Command {
    let keys: Vec<Vec<u8>> = (0..1 + g.rng.below(max)).map(|_| key(g)).collect();
    let mut ids: Vec<Vec<u8>> = keys.iter().map(|_| id(g)).collect();
    if g.rng.one_in(30) {
        ids.pop();
    }
    command.token("STREAMS").args(keys).args(ids)
}

/// Where a reader goes on: mostly before the end.
fn read_from(g: &mut Gen) -> Vec<u8> {
    match g.rng.below(12) {
        0..6 => b"0".to_vec(),
        6 => b"$".to_vec(),
        7 => b"+".to_vec(),
        8 if g.rng.percent(30) => b">".to_vec(),
        _ => g.stream_id(),
    }
}

fn xread(g: &mut Gen) {
    let mut command = Command::new("XREAD");
    if g.rng.percent(50) {
        command = command.token("COUNT").arg(g.count());
    }
    let command = streams(g, command, 3, read_from);
    g.push(command);
}

fn group_from(g: &mut Gen) -> Vec<u8> {
    match g.rng.below(14) {
        0..9 => b">".to_vec(),
        9..12 => b"0".to_vec(),
        12 if g.rng.percent(30) => b"$".to_vec(),
        _ => g.stream_id(),
    }
}

fn xreadgroup(g: &mut Gen) {
    let mut command = Command::new("XREADGROUP").token("GROUP").arg(group(g)).arg(consumer(g));
    if g.rng.percent(50) {
        command = command.token("COUNT").arg(g.count());
    }
    if g.rng.percent(30) {
        command = command.token("NOACK");
    }
    let command = streams(g, command, 2, group_from);
    g.push(command);
}

fn xsetid(g: &mut Gen) {
    let key = g.key_of(Flavour::Stream);
    if g.rng.percent(40) {
        // One of which the numbers are known.
        g.push_exact(Command::new("DEL").arg(&key));
        g.glue(Command::new("XADD").arg(&key).arg("1-1").arg("f").arg("v"));
    }
    let mut command = Command::new("XSETID").arg(key);
    let id =
        if g.rng.percent(60) { format!("{}-0", 30 + g.rng.below(30)).into_bytes() } else { g.stream_id() };
    command = command.arg(id);
    if g.rng.percent(60) {
        command = command.token("ENTRIESADDED").arg(g.rng.pick(&["100", "1000", "0", "-1", "x", "50"]));
    }
    if g.rng.percent(60) {
        let id = if g.rng.percent(60) { b"5-0".to_vec() } else { g.stream_id() };
        command = command.token("MAXDELETEDID").arg(id);
    }
    g.push(command);
}

/// Many messages, then most of them away again.
fn grow(g: &mut Gen) {
    let key = g.key_of(Flavour::Stream);
    let (count, start) = (5 + g.rng.below(60), 1000 * (1 + g.rng.below(4)));
    for number in 0..count {
        let command = Command::new("XADD")
            .arg(&key)
            .arg(format!("{}-1", start + number))
            .arg("f")
            .arg(number.to_string());
        g.push_exact(command);
    }
    let some: Vec<String> =
        (0..count).filter(|number| number % 3 > 0).map(|number| format!("{}-1", start + number)).collect();
    g.push(Command::new("XDEL").arg(&key).args(some));
    let command = Command::new("XTRIM").arg(&key);
    let command = trim(g, command);
    g.push(command);
    g.push_exact(Command::new("XRANGE").arg(&key).arg("-").arg("+"));
    g.push_exact(Command::new("XINFO STREAM").arg(&key));
}
