//! The family through its commands. What replies and errors are expected here, valkey-server 9.1.2 gave.

mod expiring;

use wire::resp::Resp;

use crate::testing::{Engine, show};

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";
const NUMFIELDS: &str = "-ERR numfields should be greater than 0 and match the provided number of fields";

/// How clients may see a hash, with commands that make `h` be seen so, empty of fields other than `pad`.
const ENCODINGS: [(&str, &[&str]); 3] = [
    ("listpack", &["HSET h pad pad"]),
    ("hashtable", &["HSET h pad pad", "HEXPIRE h 100 FIELDS 1 pad", "HPERSIST h FIELDS 1 pad"]),
    ("large", &[]),
];

/// An engine with a hash `h` in an encoding, and whether it has many fields.
fn engine(encoding: &str, commands: &[&str]) -> Engine {
    let mut e = Engine::new();
    e.given(commands);
    if encoding == "large" {
        let fill = (0..600).fold("HSET h pad pad".to_owned(), |line, i| line + &format!(" fill{i} {i}"));
        e.given(&[&fill]);
    } else {
        let len = encoding.len();
        e.check("OBJECT ENCODING h", &format!("${len} {encoding}"));
    }
    e
}

fn in_all_encodings(test: impl Fn(&mut Engine)) {
    for (encoding, commands) in ENCODINGS {
        test(&mut engine(encoding, commands));
    }
}

#[test]
fn every_row_of_the_group_has_a_body() {
    let mut names: Vec<_> = super::COMMANDS.iter().map(|spec| spec.facts.name).collect();
    names.sort_unstable();
    let facts: Vec<_> = crate::facts::hash::ALL.iter().map(|facts| facts.name).collect();
    assert_eq!(names, facts);
}

#[test]
fn fields_are_set_read_and_deleted() {
    in_all_encodings(|e| {
        let len = e.call("HLEN h")[1..].parse::<usize>().expect("a length");
        e.check("HSET h a 1 b two a 3", ":2");
        e.check("HGET h a", "$1 3");
        e.check("HGET h b", "$3 two");
        e.check("HGET h c", "$-1");
        e.check("HMGET h b c a b", "*4 $3 two $-1 $1 3 $3 two");
        e.check("HEXISTS h a", ":1");
        e.check("HEXISTS h c", ":0");
        e.check("HSTRLEN h b", ":3");
        e.check("HSTRLEN h c", ":0");
        e.check("HSET h n -12345 e ''", ":2");
        e.check("HSTRLEN h n", ":6");
        e.check("HSTRLEN h e", ":0");
        e.check("HGET h e", "$0 ");
        e.check("HLEN h", &format!(":{}", len + 4));
        e.check("HSETNX h b x", ":0");
        e.check("HSETNX h c x", ":1");
        e.check("HGET h c", "$1 x");
        e.check("HMSET h c y d z", "+OK");
        e.check("HMGET h c d", "*2 $1 y $1 z");
        e.check("HDEL h none a none b", ":2");
        e.check("HDEL h a", ":0");
        e.check("HLEN h", &format!(":{}", len + 4));
        e.check("HDEL h c d e n n", ":4");
        e.check("HLEN h", &format!(":{len}"));
    });
}

#[test]
fn a_hash_without_fields_is_gone() {
    in_all_encodings(|e| {
        let fields = e.call("HKEYS h");
        let words: Vec<&str> = fields.split(' ').skip(2).step_by(2).collect();
        e.call(&format!("HDEL h {}", words.join(" ")));
        e.check("EXISTS h", ":0");
        e.check("HLEN h", ":0");
        e.check("HGETALL h", "*0");
        e.check("HDEL h a", ":0");
        e.check("HSET h a b", ":1");
        e.check("OBJECT ENCODING h", "$8 listpack");
        e.check("HGETDEL h FIELDS 1 a", "*1 $1 b");
        e.check("EXISTS h", ":0");
    });
}

#[test]
fn errors_come_in_valkeys_order() {
    let mut e = Engine::new();
    e.given(&["SET s x", "HSET h f v"]);
    let arity = |name: &str| format!("-ERR wrong number of arguments for '{name}' command");
    for (line, name) in [("HSET h a b c", "hset"), ("HSET s a b c", "hset"), ("HMSET h a b c", "hmset")] {
        e.check(line, &arity(name));
    }
    for line in [
        "HSET s a b",
        "HMSET s a b",
        "HSETNX s a b",
        "HGET s a",
        "HMGET s a",
        "HGETALL s",
        "HKEYS s",
        "HVALS s",
        "HLEN s",
        "HSTRLEN s a",
        "HEXISTS s a",
        "HDEL s a",
        "HINCRBY s a 1",
        "HINCRBYFLOAT s a 1",
        "HRANDFIELD s",
        "HRANDFIELD s 1",
        "HRANDFIELD s 4611686018427387903 WITHVALUES",
        "HSCAN s 0",
        "HSCAN s 0 TYPE hash",
        "HSETEX s EX abc FIELDS 1 a b",
        "HGETEX s EX abc FIELDS 1 a",
        "HGETDEL s FIELDS 1 a",
        "HEXPIRE s 1 FIELDS 1 a",
        "HTTL s FIELDS 1 a",
        "HPERSIST s FIELDS 1 a",
    ] {
        e.check(line, WRONG_TYPE);
    }
    e.check("HINCRBY s a x", NOT_INTEGER);
    e.check("HINCRBYFLOAT s a x", "-ERR value is not a valid float");
    e.check("HINCRBYFLOAT s a inf", "-ERR value is NaN or Infinity");
    e.check("HINCRBY h f 1", "-ERR hash value is not an integer");
    e.check("HINCRBYFLOAT h f 1", "-ERR hash value is not a float");
    e.check("HRANDFIELD s x", NOT_INTEGER);
    e.check("HRANDFIELD s 1 foo", SYNTAX);
    e.check("HRANDFIELD s 1 WITHVALUES x", SYNTAX);
    e.check(
        "HRANDFIELD s -9223372036854775808",
        "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    e.check("HRANDFIELD s 4611686018427387904 WITHVALUES", "-ERR value is out of range");
    e.check("HRANDFIELD s -4611686018427387904 WITHVALUES", "-ERR value is out of range");
    e.check("HSCAN s x", "-ERR invalid cursor");
    e.check("HSCAN h 0 COUNT 0", SYNTAX);
    e.check("HSCAN h 0 NOSCORES", "-ERR NOSCORES option can only be used in ZSCAN");
    e.check("HSCAN none 0 COUNT 0", "*2 $1 0 *0");
    e.check("GET h", WRONG_TYPE);
    assert!(e.effects().is_empty(), "nothing changed");
}

#[test]
fn sums() {
    in_all_encodings(|e| {
        e.check("HINCRBY h n 5", ":5");
        e.check("HINCRBY h n -7", ":-2");
        e.given(&["HSET h max 9223372036854775807 seven 007"]);
        e.check("HINCRBY h max 1", "-ERR increment or decrement would overflow");
        e.check("HINCRBY h max -1", ":9223372036854775806");
        e.check("HINCRBY h seven 1", "-ERR hash value is not an integer");
        e.check("HINCRBYFLOAT h seven 1", "$1 8");
        e.check("HINCRBYFLOAT h x 1.5", "$3 1.5");
        e.check("HINCRBYFLOAT h x -1.5", "$1 0");
        e.check("HINCRBYFLOAT h x 1.5e10", "$11 15000000000");
        e.given(&["HSET h big 1e4932"]);
        e.check("HINCRBYFLOAT h big 1e4932", "-ERR increment would produce NaN or Infinity");
        e.take_effects();
        e.call("HINCRBY h n 3");
        e.call("HINCRBYFLOAT h x 0.25");
        assert_eq!(e.effects(), ["HINCRBY h n 3", "HSET h x 15000000000.25"]);
    });
}

#[test]
fn encodings_follow_thresholds_and_never_go_back() {
    let mut e = Engine::new();
    e.limits.compact.hash_entries = 4;
    e.given(&["HSET h a 1 b 2 c 3 d 4", "HSET h a 5"]);
    e.check("OBJECT ENCODING h", "$8 listpack");
    e.check("HGETALL h", "*8 $1 a $1 5 $1 b $1 2 $1 c $1 3 $1 d $1 4");
    e.given(&["HSET h e 5"]);
    e.check("OBJECT ENCODING h", "$9 hashtable");
    e.given(&["HDEL h a b c"]);
    e.check("OBJECT ENCODING h", "$9 hashtable");
    // Many arguments count even if they name few fields, but not those of HSETEX.
    e.given(&["HSET g a 1 a 1 a 1 a 1", "HSETEX k FIELDS 5 a 1 a 1 a 1 a 1 a 1"]);
    e.check("OBJECT ENCODING g", "$8 listpack");
    e.check("OBJECT ENCODING k", "$8 listpack");
    e.given(&["HSET g a 1 a 1 a 1 a 1 a 2"]);
    e.check("OBJECT ENCODING g", "$9 hashtable");
    e.limits.compact.hash_entries = 512;
    e.limits.compact.hash_value_bytes = 5;
    for (commands, encoding) in [
        (&["HSET v n 123456"][..], "$9 hashtable"),
        (&["HSET v 123456 1"], "$9 hashtable"),
        (&["HSET v n 12345", "HINCRBY v n 100000"], "$9 hashtable"),
        (&["HSET v n 12345", "HSETNX v n 1234567"], "$8 listpack"),
        (&["HSETNX v 123456 1"], "$9 hashtable"),
        (&["HSET v a 1", "HEXPIRE v 10 XX FIELDS 1 a", "HEXPIRE v 10 FIELDS 1 b"], "$8 listpack"),
        (&["HSET v a 1", "HEXPIRE v 10 FIELDS 1 a"], "$9 hashtable"),
        (&["HSET v a 1 b 2", "HEXPIRE v 0 FIELDS 1 a"], "$8 listpack"),
        (&["HSETEX v PX 10 FIELDS 1 a 1"], "$9 hashtable"),
        (&["HSET v a 1", "HSETEX v PXAT 1 FIELDS 2 a 1 b 2", "HSET v a 1"], "$8 listpack"),
    ] {
        e.call("DEL v");
        e.given(commands);
        assert_eq!(e.call("OBJECT ENCODING v"), encoding, "{commands:?}");
        e.given(&["COPY v w REPLACE"]);
        assert_eq!(e.call("OBJECT ENCODING w"), encoding, "a copy of {commands:?}");
    }
    e.limits.compact.hash_entries = 0;
    e.given(&["HSET z a 1"]);
    e.check("OBJECT ENCODING z", "$9 hashtable");
}

#[test]
fn large_values_and_many_fields_of_a_listpack() {
    let mut e = Engine::new();
    e.limits.compact.hash_entries = 1_000_000;
    e.limits.compact.hash_value_bytes = 1 << 30;
    let long = "x".repeat(100_000);
    e.given(&[&format!("HSET h a {long} b 2")]);
    assert_eq!(e.call("HSTRLEN h a"), ":100000");
    for i in 0..3000 {
        e.call(&format!("HSET h f{i} {i}"));
    }
    e.check("OBJECT ENCODING h", "$8 listpack");
    e.check("HLEN h", ":3002");
    assert!(e.call("HSCAN h 0 COUNT 10 NOVALUES").starts_with("*2 $1 0 *3002 "));
    e.limits.compact.hash_value_bytes = 64;
    e.given(&[&format!("HSET h a {long}")]);
    e.check("OBJECT ENCODING h", "$9 hashtable");
}

#[test]
fn whole_hashes() {
    for resp in [Resp::V2, Resp::V3] {
        let mut e = Engine::new();
        e.session.resp = resp;
        let map = if resp == Resp::V2 { "*4" } else { "%2" };
        e.check("HGETALL none", if resp == Resp::V2 { "*0" } else { "%0" });
        e.check("HKEYS none", "*0");
        e.check("HVALS none", "*0");
        e.given(&["HSET h a 1 bc two"]);
        e.check("HGETALL h", &format!("{map} $1 a $1 1 $2 bc $3 two"));
        e.check("HKEYS h", "*2 $1 a $2 bc");
        e.check("HVALS h", "*2 $1 1 $3 two");
    }
}

#[test]
fn long_replies_come_in_slices_from_what_the_hash_was() {
    let mut e = Engine::new();
    for i in 0..5000 {
        e.call(&format!("HSET h field{i} value{i}"));
    }
    let parts = |reply: String| -> Vec<String> { reply.split(' ').map(str::to_owned).collect() };
    let mut fields = parts(e.call("HKEYS h"));
    assert_eq!(e.went_on, Some("slices"));
    let values = parts(e.call("HVALS h"));
    let all = parts(e.call("HGETALL h"));
    assert_eq!(
        (fields.remove(0).as_str(), values[0].as_str(), all[0].as_str()),
        ("*5000", "*5000", "*10000")
    );
    for i in 0..5000 {
        let number = fields[2 * i + 1].strip_prefix("field").expect("a field");
        assert_eq!(values[2 * i + 2], format!("value{number}"));
        assert_eq!(all[4 * i + 2], format!("field{number}"));
        assert_eq!(all[4 * i + 4], format!("value{number}"));
    }
    let mut names: Vec<_> = fields.iter().skip(1).step_by(2).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5000);
}

#[test]
fn scans_meet_every_field_once() {
    in_all_encodings(|e| {
        let len = e.call("HLEN h")[1..].parse::<usize>().expect("a length");
        let (mut cursor, mut seen, mut calls) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let reply = e.call(&format!("HSCAN h {cursor} COUNT 20"));
            let words: Vec<&str> = reply.split(' ').collect();
            let pairs: Vec<&str> = words[4..].iter().skip(1).step_by(2).copied().collect();
            assert_eq!(words[3], format!("*{}", pairs.len()));
            for pair in pairs.chunks(2) {
                assert_eq!(e.call(&format!("HGET h {}", pair[0])).split(' ').nth(1), Some(pair[1]));
                seen.push(pair[0].to_owned());
            }
            calls += 1;
            // What comes and goes in between changes nothing for the others.
            e.given(&[&format!("HSET h extra{calls} 1")]);
            cursor = words[2].to_owned();
            if cursor == "0" {
                break;
            }
        }
        seen.retain(|field| !field.starts_with("extra"));
        seen.sort_unstable();
        let found = seen.len();
        seen.dedup();
        assert_eq!((found, seen.len()), (len, len));
        assert!(calls == 1 || len == 601 && (5..31).contains(&calls), "{calls} calls for {len}");
    });
    let mut e = Engine::new();
    e.given(&["HSET h a 1 ab 2 b 3"]);
    e.check("HSCAN h 0 MATCH a*", "*2 $1 0 *4 $1 a $1 1 $2 ab $1 2");
    e.check("HSCAN h 77 MATCH a* NOVALUES COUNT 1", "*2 $1 0 *2 $1 a $2 ab");
    e.check("HSCAN h 0 MATCH x NOVALUES", "*2 $1 0 *0");
    for i in 0..5000 {
        e.call(&format!("HSET g f{i} {i}"));
    }
    assert!(e.call("HSCAN g 0 COUNT 100000").starts_with("*2 $1 0 *10000 "));
    assert_eq!(e.went_on, Some("slices"));
    let reply = e.call("HSCAN g 0 COUNT 2500 NOVALUES");
    let found: usize = reply.split(' ').nth(3).expect("a count")[1..].parse().expect("a number");
    assert!((2500..2800).contains(&found), "{found}");
}

#[test]
fn random_fields() {
    in_all_encodings(|e| {
        e.given(&["HSET h a 1 b 2 c 3 d 4"]);
        let len: usize = e.call("HLEN h")[1..].parse().expect("a length");
        assert!(e.call("HRANDFIELD h").starts_with('$'));
        let fields = |reply: String| -> Vec<String> {
            reply.split(' ').skip(2).step_by(2).map(str::to_owned).collect()
        };
        for count in [1, 2, 3, 4, 5, 100, 300, 600, 1000] {
            let mut drawn = fields(e.call(&format!("HRANDFIELD h {count}")));
            assert_eq!(drawn.len(), count.min(len), "{count} of {len}");
            for field in &drawn {
                e.check(&format!("HEXISTS h {field}"), ":1");
            }
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), count.min(len), "{count} different ones of {len}");
            assert_eq!(fields(e.call(&format!("HRANDFIELD h -{count}"))).len(), count);
        }
        assert_eq!(fields(e.call("HRANDFIELD h -3000")).len(), 3000);
        assert_eq!(e.went_on, Some("slices"));
        e.check("HRANDFIELD h 0", "*0");
        e.check("HRANDFIELD h -0", NOT_INTEGER);
        let pairs = e.call("HRANDFIELD h -20 WITHVALUES");
        let words: Vec<&str> = pairs.split(' ').collect();
        assert_eq!((words[0], words.len()), ("*40", 81));
        e.session.resp = Resp::V3;
        let nested = e.call("HRANDFIELD h -2 WITHVALUES");
        assert!(nested.starts_with("*2 *2 $") && nested.matches("*2").count() == 3, "{nested}");
        e.session.resp = Resp::V2;
    });
    let mut e = Engine::new();
    e.check("HRANDFIELD none", "$-1");
    e.check("HRANDFIELD none 3", "*0");
    e.check("HRANDFIELD none -3 WITHVALUES", "*0");
}

#[test]
fn every_field_is_drawn_about_as_often() {
    in_all_encodings(|e| {
        let mut seen = std::collections::HashMap::new();
        let len: usize = e.call("HLEN h")[1..].parse().expect("a length");
        let rounds = 40;
        for _ in 0..rounds {
            let reply = e.call(&format!("HRANDFIELD h {}", len.div_ceil(5)));
            reply.split(' ').skip(2).step_by(2).for_each(|f| *seen.entry(f.to_owned()).or_insert(0) += 1);
            let reply = e.call(&format!("HRANDFIELD h {}", len - len / 5));
            reply.split(' ').skip(2).step_by(2).for_each(|f| *seen.entry(f.to_owned()).or_insert(0) += 1);
        }
        assert_eq!(seen.len(), len);
        assert!(seen.values().all(|&count| len < 10 || (15..=65).contains(&count)), "{seen:?}");
    });
}

#[test]
fn what_is_logged_gives_the_same_hash() {
    let mut e = Engine::new();
    let lines = [
        "HSET h a 1 b 2",
        "HMSET h c 3",
        "HSETNX h a 9",
        "HSETNX h d 4",
        "HDEL h b zz",
        "HINCRBY h a 3",
        "HINCRBYFLOAT h a 0.5",
        "HGETDEL h FIELDS 2 c zz",
        "HSETEX h EX 100 FIELDS 2 x 1 y 2",
        "HINCRBYFLOAT h x 0.5",
        "HINCRBY h y 1",
        "HSETEX h KEEPTTL FIELDS 2 x 7 n 8",
        "HSETEX h NX FIELDS 1 no 1",
        "HSETEX h FNX FIELDS 1 z 1",
        "HGETEX h PX 50 FIELDS 3 a d zz",
        "HGETEX h PERSIST FIELDS 3 a z zz",
        "HEXPIRE h 10 NX FIELDS 3 a d zz",
        "HPERSIST h FIELDS 2 a z",
        "HEXPIRE h 0 FIELDS 2 z zz",
        "HGETEX h EXAT 1 FIELDS 2 n zz",
        "HSETEX h PXAT 1 FIELDS 2 y 1 zz 2",
        "HGETALL h",
    ];
    for line in lines {
        assert!(!e.call(line).starts_with('-'), "{line}");
    }
    let effects = e.take_effects();
    let shown: Vec<String> =
        effects.iter().map(|argv| argv.iter().map(|word| show(word)).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        shown,
        [
            "HSET h a 1 b 2",
            "HMSET h c 3",
            "HSET h d 4",
            "HDEL h b zz",
            "HINCRBY h a 3",
            "HSET h a 4.5",
            "HDEL h c",
            "HSETEX h PXAT 1800000100000 FIELDS 2 x 1 y 2",
            "HSETEX h KEEPTTL FIELDS 1 x 1.5",
            "HINCRBY h y 1",
            "HSETEX h PXAT 1800000100000 FIELDS 1 x 7",
            "HSET h n 8",
            "HSET h z 1",
            "HPEXPIREAT h 1800000000050 FIELDS 2 a d",
            "HPERSIST h FIELDS 1 a",
            "HPEXPIREAT h 1800000010000 FIELDS 1 a",
            "HPERSIST h FIELDS 1 a",
            "HDEL h z",
            "HDEL h n",
            "HDEL h y",
        ]
    );
    let mut replica = Engine::new();
    for argv in &effects {
        let argv: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        replica.run(&argv);
    }
    for line in ["HLEN h", "HMGET h a d x", "HPEXPIRETIME h FIELDS 3 a d x"] {
        assert_eq!(replica.call(line), e.call(line), "{line}");
    }
}
