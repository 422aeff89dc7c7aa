//! Random rules and commands.

use testkit::rng::Rng;

const COMMANDS: [&str; 24] = [
    "get",
    "set",
    "mget",
    "mset",
    "del",
    "copy",
    "rename",
    "lpush",
    "lrange",
    "sort",
    "zadd",
    "zunionstore",
    "select",
    "publish",
    "subscribe",
    "eval",
    "config",
    "client",
    "acl",
    "object",
    "xgroup",
    "ping",
    "SCAN",
    "flushall",
];
const SUBCOMMANDS: [&str; 10] = [
    "config|get",
    "config|set",
    "client|id",
    "client|getname",
    "acl|whoami",
    "acl|list",
    "object|encoding",
    "xgroup|create",
    "CLIENT|INFO",
    "memory|usage",
];
const CATEGORIES: [&str; 14] = [
    "read",
    "write",
    "string",
    "list",
    "sortedset",
    "keyspace",
    "fast",
    "slow",
    "dangerous",
    "admin",
    "connection",
    "pubsub",
    "scripting",
    "Stream",
];
const PATTERNS: [&str; 8] = ["a*", "b*", "a1", "*1", "[ab]2", "?", "", "c\\*"];
const KEYS: [&str; 7] = ["a1", "a2", "b1", "b2", "c1", "z", "c*"];
const CHANNELS: [&str; 5] = ["a1", "b1", "a*", "c", "*"];
const BROKEN: [&str; 20] = [
    "foo",
    "+nope",
    "-nope",
    "+@nope",
    "+get|",
    "-get|x",
    "+config|nope",
    "+config|get|x",
    "%~a",
    "%RR~a",
    "#12",
    "<no",
    "!ab",
    "db=",
    "db=x",
    "db=-1",
    "db=1,",
    "(foo)",
    "(~* ~a)",
    "(+get",
];

fn pick(rng: &mut Rng, of: &[&str]) -> String {
    (*rng.pick(of)).to_owned()
}

fn databases(rng: &mut Rng) -> String {
    let list: Vec<String> = (0..1 + rng.below(3)).map(|_| rng.below(5).to_string()).collect();
    format!("db={}", list.join(","))
}

/// A rule that a selector may hold.
fn permission(rng: &mut Rng) -> String {
    match rng.below(20) {
        0..=3 => "+".to_owned() + &pick(rng, &COMMANDS),
        4 => "-".to_owned() + &pick(rng, &COMMANDS),
        5 => "+".to_owned() + &pick(rng, &SUBCOMMANDS),
        6 => "-".to_owned() + &pick(rng, &SUBCOMMANDS),
        7 | 8 => "+@".to_owned() + &pick(rng, &CATEGORIES),
        9 => "-@".to_owned() + &pick(rng, &CATEGORIES),
        10 => pick(rng, &["allcommands", "+@all", "+@all", "nocommands", "-@all"]),
        11 => pick(rng, &["+select|0", "+select|1", "+sort|a1", "+GET|A2", "+debug|object"]),
        12 | 13 => "~".to_owned() + &pick(rng, &PATTERNS),
        14 => pick(rng, &["%R~", "%W~", "%RW~", "%r~", "%Wr~"]) + &pick(rng, &PATTERNS),
        15 => pick(rng, &["allkeys", "~*", "resetkeys"]),
        16 => "&".to_owned() + &pick(rng, &PATTERNS),
        17 => pick(rng, &["allchannels", "&*", "resetchannels"]),
        18 => databases(rng),
        _ => pick(rng, &["alldbs", "resetdbs"]),
    }
}

/// Rules of one ACL SETUSER.
pub fn rules(rng: &mut Rng) -> Vec<String> {
    let mut rules = Vec::new();
    if rng.one_in(3) {
        rules
            .push(pick(rng, &["reset", "resetkeys", "clearselectors", "resetchannels", "-@all", "resetdbs"]));
    }
    if rng.one_in(3) {
        // Otherwise hardly anybody may do anything.
        rules.extend(["+@all".to_owned(), pick(rng, &["~*", "~a*", "%R~*"]), "alldbs".to_owned()]);
    }
    for _ in 0..1 + rng.below(5) {
        rules.push(match rng.below(12) {
            0 => {
                let inner: Vec<String> = (0..rng.below(5)).map(|_| permission(rng)).collect();
                format!("({})", inner.join(" "))
            }
            1 => pick(
                rng,
                &["on", "off", "nopass", ">pw", ">other", "<other", "resetpass", "sanitize-payload"],
            ),
            2 if rng.one_in(4) => pick(rng, &BROKEN),
            _ => permission(rng),
        });
    }
    rules
}

/// A command whose reply depends on nothing but what happened before.
pub fn command(rng: &mut Rng) -> Vec<String> {
    let key = |rng: &mut Rng| pick(rng, &KEYS);
    let db = |rng: &mut Rng| rng.below(6).to_string();
    let line = match rng.below(44) {
        0..=2 => format!("GET {}", key(rng)),
        3 | 4 => format!("SET {} v", key(rng)),
        5 => format!("SET {} v GET", key(rng)),
        6 => format!("MGET {} {}", key(rng), key(rng)),
        7 => format!("MSET {} 1 {} 2", key(rng), key(rng)),
        8 => format!("DEL {} {}", key(rng), key(rng)),
        9 => format!("COPY {} {}", key(rng), key(rng)),
        10 => format!("COPY {} {} DB {}", key(rng), key(rng), db(rng)),
        11 => format!("COPY {} {} REPLACE DB {} DB {}", key(rng), key(rng), db(rng), db(rng)),
        12 => format!("MOVE {} {}", key(rng), db(rng)),
        13 => format!("RENAME {} {}", key(rng), key(rng)),
        14 => format!("LPUSH {} x y", key(rng)),
        15 => format!("LRANGE {} 0 -1", key(rng)),
        16 => format!("SORT {} BY w* GET g*", key(rng)),
        17 => format!("SORT {} BY nosort", key(rng)),
        18 => format!("SORT {} STORE {}", key(rng), key(rng)),
        19 => format!("BITFIELD {} GET u8 0", key(rng)),
        20 => format!("BITFIELD {} SET u8 0 1", key(rng)),
        21 => format!("ZADD {} 1 m", key(rng)),
        22 => format!("ZUNIONSTORE {} 2 {} {}", key(rng), key(rng), key(rng)),
        23 | 24 => format!("SELECT {}", db(rng)),
        25 => format!("SWAPDB {} {}", db(rng), db(rng)),
        26 => format!("PUBLISH {} m", pick(rng, &CHANNELS)),
        27 => format!("SPUBLISH {} m", pick(rng, &CHANNELS)),
        28 => {
            pick(rng, &["DBSIZE", "FLUSHALL", "FLUSHDB", "PING", "ECHO hi", "ACL WHOAMI", "CLIENT GETNAME"])
        }
        29 => format!("OBJECT ENCODING {}", key(rng)),
        30 => format!("SINTERCARD 2 {} {}", key(rng), key(rng)),
        31 => format!("XREAD COUNT 1 STREAMS {} {} 0 0", key(rng), key(rng)),
        32 => format!("GEORADIUS {} 1 1 1 km STORE {}", key(rng), key(rng)),
        33 => format!("LMPOP 1 {} LEFT", key(rng)),
        34 => pick(rng, &["CONFIG GET hz", "TIME x", "NOPE", "GET", "CONFIG", "CONFIG NOPE", "SELECT x"]),
        35 => format!("EXPIRE {} 1000", key(rng)),
        36 => format!("GETEX {} PERSIST", key(rng)),
        37 => format!("APPEND {} x", key(rng)),
        38 => return script("return redis.call('get', KEYS[1])", &[&key(rng)]),
        39 => return script("return redis.pcall('set', KEYS[1], 'v')", &[&key(rng)]),
        40 => {
            let text = format!("return redis.acl_check_cmd('copy', 'a1', '{}')", key(rng));
            return script(&text, &[]);
        }
        41 => format!("AUTH u{} {}", rng.below(3), pick(rng, &["pw", "other", "wrong"])),
        42 => format!("MEMORY USAGE {} SAMPLES x", key(rng)),
        _ => format!("EXISTS {} {}", key(rng), key(rng)),
    };
    line.split(' ').map(str::to_owned).collect()
}

fn script(text: &str, keys: &[&str]) -> Vec<String> {
    let mut words = vec!["EVAL".to_owned(), text.to_owned(), keys.len().to_string()];
    words.extend(keys.iter().map(|key| (*key).to_owned()));
    words
}

/// ACL DRYRUN of any command that both serve.
pub fn dry_run(rng: &mut Rng, names: &[String]) -> Vec<String> {
    const WORDS: [&str; 16] = [
        "a1", "a2", "b1", "1", "2", "3", "0", "x", "STREAMS", "STORE", "DB", "GET", "BY", "NOPE", "KEYS",
        "b*",
    ];
    let mut words = vec!["ACL".to_owned(), "DRYRUN".to_owned(), format!("u{}", rng.below(3))];
    if rng.one_in(3) {
        words.extend(command(rng));
        return words;
    }
    words.extend(rng.pick(names).split('|').map(str::to_owned));
    words.extend((0..rng.below(7)).map(|_| pick(rng, &WORDS)));
    words
}
