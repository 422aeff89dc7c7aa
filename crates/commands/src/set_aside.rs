//! Commands that are set aside do what they do at once: each is run both ways on large values, here.

use crate::testing::Engine;

/// Elements of each value: enough for every command to take long.
const LEN: usize = 3000;
/// Elements of the list, which is searched quickly.
const LIST_LEN: usize = 45_000;

type Fill = fn(&mut Engine);

fn many(engine: &mut Engine, command: &str, key: &str, len: usize, words: impl Fn(usize) -> String) {
    for from in (0..len).step_by(500) {
        let all: Vec<String> = (from..len.min(from + 500)).map(&words).collect();
        engine.given(&[&format!("{command} {key} {}", all.join(" "))]);
    }
}

fn list(engine: &mut Engine) {
    many(engine, "RPUSH", "l", LIST_LEN, |i| match i % 100 {
        7 => format!("text{}", i % 300),
        _ => (i % 50).to_string(),
    });
    engine.given(&["RPUSH l last"]);
}

fn sets(engine: &mut Engine) {
    many(engine, "SADD", "a", LEN, |i| format!("m{i}"));
    many(engine, "SADD", "b", LEN, |i| format!("m{}", i + LEN / 2));
    engine.given(&["SADD c m1 m2 m2000", "SADD d old"]);
}

fn zsets(engine: &mut Engine) {
    many(engine, "ZADD", "z", LEN, |i| format!("{} m{i}", i % 1000));
    many(engine, "ZADD", "y", LEN, |i| format!("{} m{}", i % 700, i + LEN / 2));
    many(engine, "ZADD", "lex", LEN, |i| format!("0 m{i}"));
    engine.given(&["SET d old"]);
}

fn places(engine: &mut Engine) {
    many(engine, "GEOADD", "g", LEN, |i| {
        format!("{} {} m{i}", (i % 97) as f64 / 20.0, (i % 89) as f64 / 20.0)
    });
}

fn stream(engine: &mut Engine) {
    for i in 1..=LEN {
        engine.given(&[&format!("XADD x {i}-1 f {i}")]);
    }
    engine.given(&[
        "XGROUP CREATE x g 0",
        "XGROUP CREATE x h 0",
        "XREADGROUP GROUP h c0 COUNT 5 STREAMS x >",
        "XREADGROUP GROUP h c STREAMS x >",
        "XDEL x 7-1 8-1 2500-1",
    ]);
}

/// Commands by family, each with something that another client may do meanwhile.
const COMMANDS: &[(Fill, &[(&str, &str)])] = &[
    (
        list,
        &[
            ("LREM l 0 text7", "LPUSH l text7"),
            ("LREM l -500 12", "RPUSH l 12"),
            ("LREM l 0 7", "LSET l 0 7"),
            ("LREM l 1 last", "RPOP l"),
            ("LREM l 0 nothing", "LPUSH l nothing"),
            ("LINSERT l BEFORE last x", "LTRIM l 0 -2"),
            ("LINSERT l AFTER last x", "SET other x"),
            ("SORT l ALPHA DESC STORE d", "LPUSH l zz"),
            ("SORT l ALPHA LIMIT 5 3000 STORE d", "LPUSH l 1"),
        ],
    ),
    (
        sets,
        &[
            ("SINTERSTORE d a b", "SREM a m2000"),
            ("SUNIONSTORE d a b c", "SADD c new"),
            ("SUNIONSTORE a a b", "SADD b new"),
            ("SDIFFSTORE d a c b", "DEL c"),
            ("SDIFFSTORE d a c", "SET d x"),
            ("SPOP a 2100", "SADD a new"),
            ("SPOP a 2900", "SREM a m1"),
            ("SORT a ALPHA STORE d", "SADD a new"),
        ],
    ),
    (
        zsets,
        &[
            ("ZUNIONSTORE d 2 z y WEIGHTS 2 3", "ZADD z 1 new"),
            ("ZINTERSTORE d 2 z y AGGREGATE MAX", "ZADD y 9999 m2000"),
            ("ZDIFFSTORE z 2 z y", "ZREM y m2000"),
            ("ZRANGESTORE d z 10 -10", "ZREM z m5"),
            ("ZRANGESTORE d z 990 1 BYSCORE REV", "ZADD z 500 new"),
            ("ZREMRANGEBYRANK z 10 2900", "ZADD z 5 new"),
            ("ZREMRANGEBYSCORE z 5 (900", "ZINCRBY z 1000 m7"),
            ("ZREMRANGEBYLEX lex (m1 +", "ZADD lex 0 m11new"),
            ("ZPOPMIN z 2500", "ZADD z -1 new"),
            ("ZPOPMAX z 5000", "ZADD z 9999 new"),
            ("ZMPOP 2 none z MAX COUNT 2500", "ZADD none 1 a"),
            ("BZMPOP 0 1 z MIN COUNT 2500", "ZADD z -1 new"),
        ],
    ),
    (
        places,
        &[
            ("GEOSEARCHSTORE d g FROMLONLAT 2 2 BYRADIUS 200 km STOREDIST", "GEOADD g 2 2 new"),
            ("GEORADIUS g 2 2 300 km ASC COUNT 500 STORE d", "ZREM g m20"),
        ],
    ),
    (
        stream,
        &[
            ("XREADGROUP GROUP g c STREAMS x >", "XADD x 9000-0 f v"),
            ("XREADGROUP GROUP g c NOACK STREAMS x >", "XTRIM x MAXLEN 2800"),
            ("XREADGROUP GROUP h c STREAMS x 5", "XACK x h 20-1"),
            ("XAUTOCLAIM x h other 0 0 COUNT 2500", "XACK x h 1-1"),
            ("XGROUP DELCONSUMER x h c", "XREADGROUP GROUP h c STREAMS x >"),
        ],
    ),
];

const KEYS: &[&str] = &["l", "a", "b", "c", "d", "z", "y", "lex", "g", "x", "none", "other"];

/// All that can be seen of all keys.
fn seen(engine: &mut Engine) -> Vec<String> {
    let mut all = Vec::new();
    for key in KEYS {
        let kind = engine.call(&format!("TYPE {key}"));
        let look: &[&str] = match kind.as_str() {
            "+list" => &["LRANGE {} 0 -1"],
            "+set" => &["SORT {} ALPHA"],
            "+zset" => &["ZRANGE {} 0 -1 WITHSCORES"],
            "+stream" => &["XRANGE {} - +", "XINFO STREAM {} FULL COUNT 0"],
            "+string" => &["GET {}"],
            _ => &[],
        };
        all.push(format!("{key} {kind} {}", engine.call(&format!("OBJECT ENCODING {key}"))));
        all.extend(look.iter().map(|line| engine.call(&line.replace("{}", key))));
    }
    all
}

fn filled(fill: Fill) -> Engine {
    let mut engine = Engine::new();
    fill(&mut engine);
    engine
}

#[test]
fn each_does_what_it_does_at_once() {
    for (fill, lines) in COMMANDS {
        for (line, _) in *lines {
            let (mut at_once, mut aside) = (filled(*fill), filled(*fill));
            at_once.session.at_once = true;
            let expected = at_once.call(line);
            assert_ne!(at_once.went_on, Some("aside"), "{line}");
            assert!(!expected.starts_with('-'), "{line}: {expected}");
            assert_eq!(aside.call(line), expected, "{line}");
            assert_eq!(aside.went_on, Some("aside"), "{line}");
            assert_eq!(aside.effects(), at_once.effects(), "{line}");
            assert_eq!(aside.local.counters.changes, at_once.local.counters.changes, "{line}");
            assert_eq!(seen(&mut aside), seen(&mut at_once), "{line}");
        }
    }
}

#[test]
fn what_others_do_meanwhile_comes_first() {
    for (fill, lines) in COMMANDS {
        // Which members SPOP takes is another matter each time.
        for (line, other) in lines.iter().filter(|(line, _)| !line.starts_with("SPOP")) {
            let (mut at_once, mut aside) = (filled(*fill), filled(*fill));
            at_once.session.at_once = true;
            at_once.call(other);
            let expected = at_once.call(line);
            if !other.contains("other") {
                aside.meanwhile.push(other);
            } else {
                aside.call(other);
            }
            assert_eq!(aside.call(line), expected, "{line}, {other}");
            assert_eq!(aside.effects(), at_once.effects(), "{line}, {other}");
            assert_eq!(seen(&mut aside), seen(&mut at_once), "{line}, {other}");
        }
    }
}

#[test]
fn nothing_is_set_aside_inside_a_transaction() {
    let mut engine = filled(sets);
    engine.session.executing = Some((1, 10));
    engine.check("SUNIONSTORE d a b", ":4500");
    assert_eq!(engine.went_on, None);
}

#[test]
fn what_is_found_soon_is_done_at_once() {
    let mut engine = filled(list);
    for line in ["LINSERT l BEFORE 7 x", "LREM l 1 49", "LREM l -1 last", "LREM l -100 12"] {
        engine.call(line);
        assert_eq!(engine.went_on, None, "{line}");
    }
}
