//! Group *sorted_set*: <https://valkey.io/commands/#sorted-set>. Commands that wait are in `blocking.rs`.

use super::{Family, Generator, blocking, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::step::Action;
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "sorted_set", group: "sorted-set", weight: 46, waits: true, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(46, zadd),
    row(4, |g| of_key(g, "ZCARD")),
    row(5, |g| by_score(g, "ZCOUNT")),
    row(7, |g| combine(g, "ZDIFF")),
    row(4, |g| combine(g, "ZDIFFSTORE")),
    row(16, |g| combine(g, "ZINTER")),
    row(16, |g| combine(g, "ZINTERSTORE")),
    row(16, |g| combine(g, "ZUNION")),
    row(16, |g| combine(g, "ZUNIONSTORE")),
    row(6, zincrby),
    row(8, zintercard),
    row(6, |g| by_lex(g, "ZLEXCOUNT")),
    row(10, zmpop),
    row(5, zmscore),
    row(4, |g| pop(g, "ZPOPMIN")),
    row(4, |g| pop(g, "ZPOPMAX")),
    row(7, zrandmember),
    row(20, zrange),
    row(20, zrangestore),
    row(9, lex_range),
    row(9, lex_rangestore),
    row(14, lex_write),
    row(7, |g| by_lex(g, "ZRANGEBYLEX")),
    row(7, |g| by_lex(g, "ZREVRANGEBYLEX")),
    row(9, |g| by_score(g, "ZRANGEBYSCORE")),
    row(9, |g| by_score(g, "ZREVRANGEBYSCORE")),
    row(6, |g| rank(g, "ZRANK")),
    row(6, |g| rank(g, "ZREVRANK")),
    row(6, zrem),
    row(4, |g| by_lex(g, "ZREMRANGEBYLEX")),
    row(4, |g| by_score(g, "ZREMRANGEBYSCORE")),
    row(4, zremrangebyrank),
    row(6, zrevrange),
    row(9, zscan),
    row(5, zscore),
    row(5, |g| of_key(g, "OBJECT ENCODING")),
    row(2, grow),
    row(9, blocking::zset_wait),
    row(22, blocking::zset_at_once),
];

pub(super) fn key(g: &mut Gen) -> Vec<u8> {
    g.key_of(Flavour::Zset)
}

fn of_key(g: &mut Gen, name: &str) {
    let command = Command::new(name).arg(key(g));
    g.push(command);
}

fn zadd(g: &mut Gen) {
    let mut command = Command::new("ZADD").arg(key(g));
    let mut parts = [0, 1, 2, 3];
    let turn = g.rng.below(4);
    parts.rotate_left(turn);
    let mut pairs = 1 + g.rng.below(4);
    for part in parts {
        command = match (part, g.rng.below(20)) {
            (0, 0..3) => command.token("NX"),
            (0, 3..6) => command.token("XX"),
            (0, 6) if g.rng.percent(30) => command.token("NX").token("XX"),
            (1, 0..3) => command.token("GT"),
            (1, 3..6) => command.token("LT"),
            (1, 6) if g.rng.percent(30) => command.token("GT").token("LT"),
            (2, 0..5) => command.token("CH"),
            (3, 0..3) => {
                if g.rng.percent(90) {
                    pairs = 1;
                }
                command.token("INCR")
            }
            _ => command,
        };
    }
    for _ in 0..pairs {
        command = command.arg(g.score()).arg(g.member());
    }
    if g.rng.one_in(40) {
        command = command.arg(g.score());
    }
    g.push(command);
}

fn zincrby(g: &mut Gen) {
    let command = Command::new("ZINCRBY").arg(key(g)).arg(g.score()).arg(g.member());
    g.push(command);
}

fn zmscore(g: &mut Gen) {
    let command = Command::new("ZMSCORE").arg(key(g)).args(g.members(4));
    g.push(command);
}

fn zscore(g: &mut Gen) {
    let command = Command::new("ZSCORE").arg(key(g)).arg(g.member());
    g.push(command);
}

fn zrem(g: &mut Gen) {
    let command = Command::new("ZREM").arg(key(g)).args(g.members(3));
    g.push(command);
}

fn rank(g: &mut Gen, name: &str) {
    let mut command = Command::new(name).arg(key(g)).arg(g.member());
    if g.rng.percent(50) {
        command = command.token("WITHSCORE");
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

/// Keys to combine: sets are allowed among them.
fn keys(g: &mut Gen, max: usize) -> Vec<Vec<u8>> {
    let one = |g: &mut Gen| {
        let flavour =
            *g.rng.pick(&[Flavour::Zset, Flavour::Zset, Flavour::Zset, Flavour::Set, Flavour::Ints]);
        g.key_of(flavour)
    };
    (0..1 + g.rng.below(max)).map(|_| one(g)).collect()
}

/// ZUNION and its kin, with all that they take.
fn combine(g: &mut Gen, name: &str) {
    let keys = keys(g, 3);
    let mut command = Command::new(name);
    let stores = name.ends_with("STORE");
    if stores {
        command = command.arg(key(g));
    }
    let count = keys.len();
    command = command.arg(g.numkeys(count)).args(keys);
    let weighted = !name.starts_with("ZDIFF");
    let weights_first = g.rng.percent(50);
    for turn in [true, false] {
        if turn == weights_first && (weighted || g.rng.one_in(20)) && g.rng.percent(45) {
            command = command.token("WEIGHTS");
            for _ in 0..count {
                command = command.arg(g.score());
            }
        } else if turn != weights_first && (weighted || g.rng.one_in(20)) && g.rng.percent(60) {
            let how = if g.rng.one_in(20) { "AVG" } else { *g.rng.pick(&["SUM", "MIN", "MAX"]) };
            command = command.token("AGGREGATE").token(how);
        }
    }
    if (!stores && g.rng.percent(55)) || g.rng.one_in(30) {
        command = command.token("WITHSCORES");
    }
    g.push(command);
}

fn zintercard(g: &mut Gen) {
    let keys = keys(g, 3);
    let mut command = Command::new("ZINTERCARD").arg(g.numkeys(keys.len())).args(keys);
    if g.rng.percent(60) {
        command = command.token("LIMIT").arg(g.count());
    }
    g.push(command);
}

/// `MIN` or `MAX`, or rarely neither.
pub(super) fn end(g: &mut Gen, command: Command) -> Command {
    if g.rng.one_in(30) { command.arg("MEAN") } else { command.token(g.rng.pick(&["MIN", "MAX"])) }
}

fn zmpop(g: &mut Gen) {
    let keys: Vec<Vec<u8>> = (0..1 + g.rng.below(3)).map(|_| key(g)).collect();
    let command = Command::new("ZMPOP").arg(g.numkeys(keys.len())).args(keys);
    let mut command = end(g, command);
    if g.rng.percent(60) {
        command = command.token("COUNT").arg(g.count());
    }
    g.push(command);
}

fn zrandmember(g: &mut Gen) {
    let mut command = Command::new("ZRANDMEMBER").arg(key(g));
    if g.rng.percent(80) {
        let counts = ["1", "2", "5", "1000", "-1", "-5", "-50", "0", "x", "-9223372036854775808", "1.5"];
        command = command.arg(g.rng.pick(&counts));
        if g.rng.percent(60) {
            command = command.token("WITHSCORES");
        }
    }
    if g.rng.percent(15) {
        return g.push_exact(command.token("NOPE"));
    }
    g.push_action(Action::Sample(command.bytes()));
}

/// The range of ZRANGE and ZRANGESTORE by rank or by score.
fn range(g: &mut Gen, command: Command, with_scores: bool) -> Command {
    let by_score = g.rng.percent(50);
    let bounds = if by_score { [g.score_bound(), g.score_bound()] } else { [g.rank(), g.rank()] };
    let mut command = command.args(bounds);
    let mut parts = [0, 1, 2, 3];
    let turn = g.rng.below(4);
    parts.rotate_left(turn);
    for part in parts {
        command = match part {
            0 if by_score => command.token("BYSCORE"),
            1 if g.rng.percent(45) => command.token("REV"),
            2 if g.rng.percent(if by_score { 40 } else { 5 }) => g.limit(command),
            3 if with_scores && g.rng.percent(50) => command.token("WITHSCORES"),
            _ => command,
        };
    }
    command
}

/// The same by member. Where members have several scores it is anybody's guess where such a range begins, so that it is
/// only asked of keys that have one.
fn members_range(g: &mut Gen, command: Command) -> Command {
    let mut command = command.args([g.lex_bound(), g.lex_bound()]);
    let mut parts = [0, 1, 2];
    let turn = g.rng.below(3);
    parts.rotate_left(turn);
    for part in parts {
        command = match part {
            0 => command.token("BYLEX"),
            1 if g.rng.percent(45) => command.token("REV"),
            2 if g.rng.percent(40) => g.limit(command),
            _ => command,
        };
    }
    command
}

fn lex_key(g: &mut Gen) -> Vec<u8> {
    g.only_key_of(Flavour::Lex)
}

fn lex_range(g: &mut Gen) {
    let command = Command::new("ZRANGE").arg(lex_key(g)).fixed();
    let mut command = members_range(g, command);
    if g.rng.one_in(10) {
        command = command.token("WITHSCORES");
    }
    g.push(command);
}

fn lex_rangestore(g: &mut Gen) {
    let command = Command::new("ZRANGESTORE").arg(lex_key(g)).arg(lex_key(g)).fixed();
    let command = members_range(g, command);
    // Without BYLEX its bounds would be ranks, with which something else would be stored.
    let command = if g.rng.one_in(12) { command.arg("NXX") } else { command };
    g.push_exact(command);
}

/// Changes sorted sets whose members all have the score 0.
fn lex_write(g: &mut Gen) {
    let (key, other) = (lex_key(g), lex_key(g));
    let command = match g.rng.below(12) {
        0 => Command::new("ZREM").arg(key).args(g.members(3)),
        1 => Command::new("ZPOPMIN").arg(key),
        2 => Command::new("ZUNIONSTORE").arg(key).arg("2").arg(&other).arg(lex_key(g)),
        3 => Command::new("ZINTERSTORE").arg(key).arg("2").arg(&other).arg(lex_key(g)),
        4 => Command::new("COPY").arg(key).arg(other).token("REPLACE"),
        5 if g.rng.percent(40) => {
            // Another type, for once.
            g.push_exact(Command::new("SET").arg(&key).arg("v"));
            for name in ["ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZLEXCOUNT", "ZREMRANGEBYLEX"] {
                g.glue(Command::new(name).arg(&key).arg("-").arg("+"));
            }
            Command::new("DEL").arg(key)
        }
        choice => {
            let mut command = Command::new("ZADD").arg(key);
            for member in g.members(if choice < 9 { 5 } else { 12 }) {
                command = command.arg("0").arg(member);
            }
            command
        }
    };
    g.push_exact(command);
}

fn zrange(g: &mut Gen) {
    let command = Command::new("ZRANGE").arg(key(g));
    let command = range(g, command, true);
    g.push(command);
}

fn zrangestore(g: &mut Gen) {
    let command = Command::new("ZRANGESTORE").arg(key(g)).arg(key(g));
    let command = range(g, command, false);
    g.push(command);
}

fn zrevrange(g: &mut Gen) {
    let mut command = Command::new("ZREVRANGE").arg(key(g)).arg(g.rank()).arg(g.rank());
    if g.rng.percent(50) {
        command = command.token("WITHSCORES");
    }
    g.push(command);
}

fn zremrangebyrank(g: &mut Gen) {
    let command = Command::new("ZREMRANGEBYRANK").arg(key(g));
    let command = if g.rng.percent(60) {
        command.arg(g.rng.between(2, 6).to_string()).arg(g.rng.between(-2, 8).to_string())
    } else {
        command.arg(g.rank()).arg(g.rank())
    };
    g.push(command);
}

/// Ranges by score. Those that remove are narrow, mostly, so that something is left.
fn by_score(g: &mut Gen, name: &str) {
    let key = key(g);
    let mut bounds = [g.score_bound(), g.score_bound()];
    if name == "ZREMRANGEBYSCORE" && g.rng.percent(70) {
        let score = g.rng.between(-5, 10);
        bounds = [score.to_string().into_bytes(), format!("({}", score + 2).into_bytes()];
    }
    let mut command = Command::new(name).arg(key).args(bounds);
    if name.contains("RANGE") && !name.contains("REM") {
        let limit_first = g.rng.percent(50);
        for turn in [true, false] {
            if turn == limit_first && g.rng.percent(45) {
                command = g.limit(command);
            } else if turn != limit_first && g.rng.percent(50) {
                command = command.token("WITHSCORES");
            }
        }
    }
    g.push(command);
}

fn by_lex(g: &mut Gen, name: &str) {
    let key = lex_key(g);
    let mut bounds = [g.lex_bound(), g.lex_bound()];
    if name == "ZREMRANGEBYLEX" && g.rng.percent(70) {
        let member = g.member();
        bounds = [[b"[", member.as_slice()].concat(), [b"(", member.as_slice(), b"\x7f"].concat()];
    }
    let mut command = Command::new(name).arg(key).args(bounds).fixed();
    if name.ends_with("RANGEBYLEX") && name != "ZREMRANGEBYLEX" && g.rng.percent(50) {
        command = g.limit(command);
    }
    g.push(command);
}

fn zscan(g: &mut Gen) {
    let key = key(g);
    let whole = !g.in_multi() && g.rng.percent(60);
    let mut command = Command::new("ZSCAN").arg(key);
    if !whole {
        command = command.arg(g.first_cursor());
    }
    command = g.walk_options(command);
    if g.rng.percent(45) {
        command = command.token("NOSCORES");
    }
    if whole {
        g.push_action(Action::Scan(command.bytes()));
    } else {
        g.push(command);
    }
}

/// Many members at once, then fewer.
fn grow(g: &mut Gen) {
    let key = key(g);
    let count = g.many();
    let step = *g.rng.pick(&[1, 0, 3]);
    let mut command = Command::new("ZADD").arg(&key);
    for number in 0..count {
        command = command.arg((number * step % 101).to_string()).arg(format!("m{number}"));
    }
    g.push(command);
    g.push_exact(Command::new("OBJECT ENCODING").arg(&key));
    for _ in 0..1 + g.rng.below(3) {
        let member = format!("m{}", g.rng.below(count));
        let command = match g.rng.below(6) {
            0 => Command::new("ZRANK").arg(&key).arg(member),
            1 => Command::new("ZRANGE")
                .arg(&key)
                .arg(g.rng.below(count).to_string())
                .arg("-1")
                .token("WITHSCORES"),
            2 => Command::new("ZRANGE").arg(&key).arg("20").arg("40").token("BYSCORE"),
            3 => Command::new("ZINCRBY").arg(&key).arg("50").arg(member),
            4 => Command::new("ZCOUNT").arg(&key).arg("(10").arg("60"),
            _ => Command::new("ZREMRANGEBYRANK").arg(&key).arg(g.rng.below(10).to_string()).arg("-3"),
        };
        g.push(command);
    }
    if g.rng.percent(60) {
        g.push(Command::new("ZREMRANGEBYRANK").arg(&key).arg("5").arg("-1"));
    }
    g.push_exact(Command::new("OBJECT ENCODING").arg(&key));
}
