//! The family through its commands; `peer` compares it, bitmaps and HyperLogLogs with a real server.

mod peer;

use crate::testing::{Engine, show};

const WRONG_INT: &str = "-ERR value is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";
const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";

#[test]
fn every_row_of_the_group_has_a_body() {
    let mut names: Vec<_> = super::COMMANDS.iter().map(|spec| spec.facts.name).collect();
    names.sort_unstable();
    let facts: Vec<_> = crate::facts::string::ALL.iter().map(|facts| facts.name).collect();
    assert_eq!(names, facts);
}

#[test]
fn set_and_get_in_every_form() {
    let mut e = Engine::new();
    e.check("GET k", "$-1");
    e.check("SET k 12", "+OK");
    assert_eq!(e.form("k"), "int");
    e.check("GET k", "$2 12");
    e.check("SET k 012", "+OK");
    assert_eq!(e.form("k"), "bytes");
    e.check("GET k", "$3 012");
    for len in [0, 44, 4096, 4097, 70_000] {
        let value = "x".repeat(len);
        e.check(&format!("SET k {}", if len == 0 { "''" } else { &value }), "+OK");
        assert_eq!(e.form("k"), if len > 4096 { "big" } else { "bytes" });
        assert_eq!(e.run(&[b"GET", b"k"]), format!("${len}\r\n{value}\r\n").into_bytes());
        e.check("STRLEN k", &format!(":{len}"));
    }
    e.check("STRLEN none", ":0");
    e.given(&["SET k -5"]);
    e.check("STRLEN k", ":2");
}

#[test]
fn set_logs_values_and_instants() {
    let mut e = Engine::new();
    for line in [
        "SET k v",
        "SET k w EX 10",
        "SET k w KEEPTTL",
        "SET k w PX 5 GET",
        "SET k w XX EXAT 1800000001",
        "SET k w IFEQ w PXAT 1800000000007",
        "SETEX k 3 v",
        "PSETEX k 3 v",
        "GETSET k z",
    ] {
        e.call(line);
    }
    assert_eq!(
        e.effects(),
        [
            "SET k v",
            "SET k w PXAT 1800000010000",
            "SET k w KEEPTTL",
            "SET k w PXAT 1800000000005",
            "SET k w PXAT 1800000001000",
            "SET k w PXAT 1800000000007",
            "SET k v PXAT 1800000003000",
            "SET k v PXAT 1800000000003",
            "SET k z"
        ]
    );
    assert_eq!(e.expire_at_ms("k"), None);
}

#[test]
fn set_conditions_decide() {
    let mut e = Engine::new();
    e.check("SET k v XX", "$-1");
    e.check("SET k v IFEQ v", "$-1");
    e.check("SET k v IFEQ v GET", "$-1");
    assert_eq!(e.effects(), [""; 0]);
    e.check("SET k 1 NX", "+OK");
    e.check("SET k 2 NX", "$-1");
    e.check("SET k 2 NX GET", "$1 1");
    e.check("SET k 2 IFEQ 01", "$-1");
    e.check("SET k 2 IFEQ 1", "+OK");
    e.check("SET k 3 XX GET", "$1 2");
    e.check("SET k 4 IFEQ nope GET", "$1 3");
    e.check("GET k", "$1 3");
    let long = "y".repeat(5000);
    e.given(&[&format!("SET k {long}")]);
    e.check(&format!("SET k 5 IFEQ {long}y"), "$-1");
    e.check(&format!("SET k 5 IFEQ {long}"), "+OK");
}

#[test]
fn set_ttl_options() {
    let mut e = Engine::new();
    e.given(&["SET k v EX 10 EX 20"]);
    assert_eq!(e.expire_at_ms("k"), Some(1_800_000_020_000));
    e.given(&["SET k w KEEPTTL"]);
    assert_eq!(e.expire_at_ms("k"), Some(1_800_000_020_000));
    e.given(&["SET k w"]);
    assert_eq!(e.expire_at_ms("k"), None);
    e.given(&["SET k w PXAT 9223372036854775807"]);
    assert_eq!(e.expire_at_ms("k"), Some(i64::MAX));
}

#[test]
fn set_with_a_past_instant_deletes() {
    let mut e = Engine::new();
    e.check("SET k v EXAT 1", "+OK");
    e.check("SET k v EXAT 1 XX", "$-1");
    assert_eq!(e.effects(), [""; 0]);
    e.given(&["SET k v"]);
    e.check("SET k w PXAT 1800000000000 GET", "$1 v");
    assert_eq!(e.effects(), ["UNLINK k"]);
    assert_eq!(e.local.counters.expired_keys, 1);
    e.check("GET k", "$-1");
}

#[test]
fn set_refuses() {
    let mut e = Engine::new();
    for options in [
        "NX XX",
        "XX NX",
        "NX IFEQ v",
        "IFEQ v XX",
        "IFEQ v IFEQ v",
        "IFEQ",
        "EX",
        "EX 1 PX 1",
        "EX 1 KEEPTTL",
        "KEEPTTL PXAT 5",
        "PERSIST",
        "nope",
        "GET nope",
        "EX x EXAT y",
    ] {
        e.check(&format!("SET k v {options}"), SYNTAX);
    }
    for (options, error) in [
        ("EX 0", "-ERR invalid expire time in 'set' command"),
        ("PX -1", "-ERR invalid expire time in 'set' command"),
        ("EX 9223372036854775807", "-ERR invalid expire time in 'set' command"),
        ("PX 9223372036854775807", "-ERR invalid expire time in 'set' command"),
        ("EXAT 9223372036854776", "-ERR invalid expire time in 'set' command"),
        ("EX 1.5", WRONG_INT),
        ("GET EX 01", WRONG_INT),
    ] {
        e.check(&format!("SET k v {options}"), error);
    }
    e.check("SET k", "-ERR wrong number of arguments for 'set' command");
    e.check("SETEX k 0 v", "-ERR invalid expire time in 'setex' command");
    e.check("SETEX k x v", WRONG_INT);
    e.check("PSETEX k -1 v", "-ERR invalid expire time in 'psetex' command");
    e.check("GET k", "$-1");
    assert_eq!(e.effects(), [""; 0]);
}

#[test]
fn setnx_and_getset() {
    let mut e = Engine::new();
    e.check("SETNX k 1", ":1");
    e.check("SETNX k 2", ":0");
    assert_eq!(e.effects(), ["SETNX k 1"]);
    e.check("GETSET k 3", "$1 1");
    e.check("GETSET none x", "$-1");
    e.check("GET none", "$1 x");
}

#[test]
fn getex_changes_the_ttl() {
    let mut e = Engine::new();
    e.check("GETEX none PERSIST", "$-1");
    e.given(&["SET k v"]);
    e.check("GETEX k", "$1 v");
    e.check("GETEX k PERSIST", "$1 v");
    assert_eq!(e.effects(), [""; 0]);
    e.check("GETEX k EX 7", "$1 v");
    e.check("GETEX k PERSIST", "$1 v");
    e.check("GETEX k PXAT 1800000000001", "$1 v");
    e.check("GETEX k PXAT 5", "$1 v");
    assert_eq!(
        e.effects(),
        ["PEXPIREAT k 1800000007000", "PERSIST k", "PEXPIREAT k 1800000000001", "UNLINK k"]
    );
    e.check("GET k", "$-1");
    for options in ["nope", "EX", "KEEPTTL", "NX", "GET", "PERSIST EX 1", "EX 1 PERSIST", "EX 1 PX 1"] {
        e.check(&format!("GETEX k {options}"), SYNTAX);
    }
    e.check("GETEX k EX 0", "-ERR invalid expire time in 'getex' command");
    e.check("GETEX k EX x", WRONG_INT);
}

#[test]
fn getdel_and_delifeq_delete() {
    let mut e = Engine::new();
    e.check("GETDEL k", "$-1");
    e.check("DELIFEQ k v", ":0");
    e.given(&["SET k 12", "SET other 12"]);
    e.check("GETDEL k", "$2 12");
    e.check("DELIFEQ other 012", ":0");
    e.check("DELIFEQ other 12", ":1");
    assert_eq!(e.effects(), ["DEL k", "DEL other"]);
    e.check("MGET k other", "*2 $-1 $-1");
}

#[test]
fn counters_count() {
    let mut e = Engine::new();
    e.check("INCR n", ":1");
    e.check("DECR n", ":0");
    e.check("INCRBY n 41", ":41");
    e.check("DECRBY n -1", ":42");
    assert_eq!(e.effects(), ["INCR n", "DECR n", "INCRBY n 41", "DECRBY n -1"]);
    e.given(&["SET n 9223372036854775807 EX 5"]);
    e.check("INCR n", "-ERR increment or decrement would overflow");
    e.check("DECR n", ":9223372036854775806");
    assert_eq!(e.expire_at_ms("n"), Some(1_800_000_005_000));
    e.check("INCRBY n x", WRONG_INT);
    e.check("DECRBY n 9223372036854775808", WRONG_INT);
    e.check("DECRBY n -9223372036854775808", "-ERR decrement would overflow");
    let long = "1".repeat(5000);
    for value in ["x", "''", "01", "1.0", &long] {
        e.given(&[&format!("SET s {value}")]);
        e.check("INCR s", WRONG_INT);
    }
    e.given(&["DEL s", "APPEND s 1", "APPEND s 2"]);
    assert_eq!(e.form("s"), "bytes raw");
    e.check("INCR s", ":13");
    assert_eq!(e.form("s"), "int");
}

#[test]
fn incrbyfloat_adds_and_logs_the_result() {
    let mut e = Engine::new();
    e.check("INCRBYFLOAT f 1.5", "$3 1.5");
    e.check("INCRBYFLOAT f 1.5", "$1 3");
    assert_eq!(e.form("f"), "bytes");
    assert_eq!(e.effects(), ["SET f 1.5 KEEPTTL", "SET f 3 KEEPTTL"]);
    e.given(&["SET f 10 EX 5"]);
    e.check("INCRBYFLOAT f 0.1", "$4 10.1");
    assert_eq!(e.expire_at_ms("f"), Some(1_800_000_005_000));
    e.check("INCRBYFLOAT f x", "-ERR value is not a valid float");
    e.check("INCRBYFLOAT f nan", "-ERR value is not a valid float");
    e.check("INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity");
    e.given(&["SET s x"]);
    e.check("INCRBYFLOAT s 1", "-ERR value is not a valid float");
    assert_eq!(e.effects(), [""; 0]);
    assert_eq!(e.call("INCRBYFLOAT big 1e4932").len(), "$4933 ".len() + 4933);
    assert_eq!(e.form("big"), "big");
    e.check("INCRBYFLOAT big 1e4932", "-ERR increment would produce NaN or Infinity");
}

#[test]
fn mget_mset_msetnx() {
    let mut e = Engine::new();
    let long = "z".repeat(5000);
    e.check(&format!("MSET a 1 b {long} a 2"), "+OK");
    e.check("MGET a none b", &format!("*3 $1 2 $-1 $5000 {long}"));
    e.check("MSETNX c 1 a 1", ":0");
    e.check("MSETNX c 1 d 1 c 2", ":1");
    e.check("MGET c d", "*2 $1 2 $1 1");
    assert_eq!(e.effects(), [format!("MSET a 1 b {long} a 2"), "MSETNX c 1 d 1 c 2".into()]);
    e.check("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command");
    e.check("MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command");
}

#[test]
fn msetex_sets_all_or_none() {
    let mut e = Engine::new();
    e.check("MSETEX 2 a 1 b 2 XX", ":0");
    assert_eq!(e.effects(), [""; 0]);
    e.check("MSETEX 2 a 1 b 2 NX EX 10", ":1");
    e.check("MSETEX 2 c 1 b 2 NX", ":0");
    e.check("MSETEX 2 c 1 b 2 XX", ":0");
    e.check("MSETEX 2 a 3 b 4 KEEPTTL XX", ":1");
    assert_eq!(e.expire_at_ms("b"), Some(1_800_000_010_000));
    e.check("MSETEX 1 a 5", ":1");
    assert_eq!(e.expire_at_ms("a"), None);
    e.check("MSETEX 1 a 5 EXAT 1", ":1");
    e.check("GET a", "$-1");
    assert_eq!(
        e.effects(),
        [
            "MSETEX 2 a 1 b 2 PXAT 1800000010000",
            "MSETEX 2 a 3 b 4 KEEPTTL",
            "MSETEX 1 a 5",
            "MSETEX 1 a 5 PXAT 1000",
            "UNLINK a"
        ]
    );
    for count in ["0", "-1", "x", "01", "2147483648", "9223372036854775808"] {
        e.check(&format!("MSETEX {count} a 1"), "-ERR invalid numkeys value or out of range");
    }
    for rest in
        ["2 a 1", "2147483647 a 1", "1 a 1 b 2", "1 a 1 NX XX", "1 a 1 GET", "1 a 1 IFEQ 1", "1 a 1 PERSIST"]
    {
        e.check(&format!("MSETEX {rest}"), SYNTAX);
    }
    e.check("MSETEX 1 a 1 EX 0", "-ERR invalid expire time in 'msetex' command");
}

#[test]
fn append_grows_through_the_forms() {
    let mut e = Engine::new();
    e.check("APPEND k 5", ":1");
    assert_eq!(e.form("k"), "int");
    e.check("APPEND k ''", ":1");
    assert_eq!(e.form("k"), "bytes raw");
    let part = "a".repeat(4095);
    e.check(&format!("APPEND k {part}"), ":4096");
    assert_eq!(e.form("k"), "bytes raw");
    e.check("APPEND k b", ":4097");
    assert_eq!(e.form("k"), "big");
    e.check(&format!("APPEND k {part}"), ":8192");
    e.check("GET k", &format!("$8192 5{part}b{part}"));
    e.given(&["SETEX t 5 x"]);
    e.check("APPEND t y", ":2");
    assert_eq!(e.expire_at_ms("t"), Some(1_800_000_005_000));
    assert_eq!(e.effects(), ["APPEND t y"]);
    e.limits.string_max_bytes = 8192;
    e.check("APPEND k b", TOO_LONG);
    e.check("APPEND k ''", ":8192");
}

#[test]
fn setrange_overwrites_and_pads() {
    let mut e = Engine::new();
    e.check("SETRANGE none 5 ''", ":0");
    assert_eq!(e.effects(), [""; 0]);
    e.check("SETRANGE k 2 ab", ":4");
    assert_eq!(e.run(&[b"GET", b"k"]), b"$4\r\n\0\0ab\r\n");
    assert_eq!(e.form("k"), "bytes raw");
    e.given(&["SET n 12345"]);
    e.check("SETRANGE n 1 ''", ":5");
    assert_eq!(e.form("n"), "int");
    e.check("SETRANGE n 1 xy", ":5");
    e.check("SETRANGE n 4 xy", ":6");
    e.check("GET n", "$6 1xy4xy");
    assert_eq!(e.effects(), ["SETRANGE n 1 xy", "SETRANGE n 4 xy"]);
    e.check("SETRANGE n 40000 z", ":40001");
    assert_eq!(e.form("n"), "big");
    e.check("SETRANGE n 39999 yz", ":40001");
    e.check("GETRANGE n 39998 -1", "$3 \\x00yz");
    e.check("SETRANGE fresh 5000 z", ":5001");
    assert_eq!(e.form("fresh"), "big");
    e.check("SETRANGE k -1 x", "-ERR offset is out of range");
    e.check("SETRANGE k x x", WRONG_INT);
    for offset in ["536870912", "9223372036854775807"] {
        e.check(&format!("SETRANGE k {offset} x"), TOO_LONG);
        e.check(&format!("SETRANGE k {offset} ''"), ":4");
    }
}

#[test]
fn a_snapshot_of_a_big_string_outlives_edits() {
    let mut e = Engine::new();
    e.given(&[&format!("SET k {}", "x".repeat(40_000))]);
    let place = e.keyspace.hasher.place(b"k");
    let copy = {
        let guard = e.keyspace.shard(place.shard).lock_blocking();
        let entry = guard.table(0).and_then(|table| table.get(place.order, b"k")).expect("the key");
        let keyspace::Value::Object(keyspace::Object::String(big)) = entry.value() else { panic!("chunked") };
        big.clone()
    };
    e.given(&["SETRANGE k 0 yy", "APPEND k z", "SETBIT k 20000 1"]);
    assert!(copy == *"x".repeat(40_000).as_bytes());
}

#[test]
fn getrange_cuts() {
    let mut e = Engine::new();
    let long: String = (0..50_000).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
    e.given(&["SET n 12345", "SET s hello", &format!("SET b {long}")]);
    for (line, expected) in [
        ("GETRANGE none 0 -1", "$0 "),
        ("GETRANGE n 1 2", "$2 23"),
        ("GETRANGE s -3 -1", "$3 llo"),
        ("SUBSTR s -100 100", "$5 hello"),
        ("GETRANGE s 3 2", "$0 "),
        ("GETRANGE s -1 -2", "$0 "),
        ("GETRANGE s 5 9", "$0 "),
        ("GETRANGE s -9 -8", "$1 h"),
        ("GETRANGE s 0 9223372036854775807", "$5 hello"),
        ("GETRANGE s -9223372036854775808 0", "$1 h"),
        ("GETRANGE s x 0", WRONG_INT),
        ("SUBSTR none 0 x", WRONG_INT),
    ] {
        e.check(line, expected);
    }
    e.check("GETRANGE b 16366 16370", &format!("$5 {}", &long[16366..16371]));
    e.check("GETRANGE b -3 -1", &format!("$3 {}", &long[49997..]));
}

#[test]
fn lcs_of_the_documentation() {
    let mut e = Engine::new();
    e.given(&["MSET a ohmytext b mynewtext n 12345"]);
    for (line, expected) in [
        ("LCS a b", "$6 mytext"),
        ("LCS a b LEN", ":6"),
        ("LCS a b IDX", "*4 $7 matches *2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1 $3 len :6"),
        ("LCS a b IDX MINMATCHLEN 4", "*4 $7 matches *1 *2 *2 :4 :7 *2 :5 :8 $3 len :6"),
        ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6"),
        ("LCS a none", "$0 "),
        ("LCS none a IDX", "*4 $7 matches *0 $3 len :0"),
        ("LCS n n MINMATCHLEN -1", "$5 12345"),
        ("LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX."),
        ("LCS a b nope", SYNTAX),
        ("LCS a b MINMATCHLEN", SYNTAX),
        ("LCS a b MINMATCHLEN x", WRONG_INT),
    ] {
        e.check(line, expected);
    }
    e.session.resp = wire::resp::Resp::V3;
    e.check("LCS a b IDX MINMATCHLEN 9", "%2 $7 matches *0 $3 len :6");
}

#[test]
fn lcs_of_long_strings_is_the_tables() {
    let mut e = Engine::new();
    let mut rng = sys::random::Rng::new(5);
    for (a_len, b_len, letters) in
        [(64, 64, 2), (65, 130, 3), (200, 63, 4), (1, 300, 2), (300, 1, 2), (333, 256, 20)]
    {
        let mut text =
            |len: usize| -> Vec<u8> { (0..len).map(|_| b'a' + (rng.next_u64() % letters) as u8).collect() };
        let (a, b) = (text(a_len), text(b_len));
        e.run(&[b"MSET", b"a", &a, b"b", &b]);
        let mut table = vec![vec![0_usize; b_len + 1]; a_len + 1];
        for i in 0..a_len {
            for j in 0..b_len {
                table[i + 1][j + 1] =
                    if a[i] == b[j] { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
            }
        }
        e.check("LCS a b LEN", &format!(":{}", table[a_len][b_len]));
        let common = e.run(&[b"LCS", b"a", b"b"]);
        let common = common
            .splitn(2, |&byte| byte == b'\n')
            .nth(1)
            .expect("a bulk")
            .strip_suffix(b"\r\n")
            .expect("its end");
        assert_eq!(common.len(), table[a_len][b_len]);
        for whole in [&a, &b] {
            let mut rest = whole.iter();
            assert!(common.iter().all(|byte| rest.any(|other| other == byte)), "a subsequence of both");
        }
    }
}

#[test]
fn lcs_leaves_long_work_to_a_worker() {
    let mut e = Engine::new();
    e.given(&[&format!("MSET a {} b {}", "ab".repeat(3000), "ba".repeat(3000))]);
    e.check("LCS a b LEN", ":5999");
    assert_eq!(e.went_on, Some("worker"));
    e.limits.string_max_bytes = 1 << 20;
    e.check("LCS a b", "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
}

#[test]
fn reads_count_hits_and_misses_as_valkey_does() {
    let mut e = Engine::new();
    for (line, hits, misses) in [
        ("SET k v", 0, 0),
        ("GET k", 1, 0),
        ("GET none", 0, 1),
        ("MGET k none k", 2, 1),
        ("SET k v GET", 1, 0),
        ("SET none v IFEQ v", 0, 0),
        ("GETSET k v", 1, 0),
        ("GETEX none", 0, 1),
        ("SETNX k v", 0, 0),
        ("APPEND k v", 0, 0),
        ("STRLEN k", 1, 0),
        ("GETRANGE none 0 0", 0, 1),
        ("LCS k none", 1, 1),
        ("GETDEL k", 1, 0),
        ("GETDEL k", 0, 1),
        ("INCR n", 0, 0),
    ] {
        let before = e.local.counters;
        e.call(line);
        let after = e.local.counters;
        let counted =
            (after.keyspace_hits - before.keyspace_hits, after.keyspace_misses - before.keyspace_misses);
        assert_eq!(counted, (hits, misses), "{line}");
    }
}

#[test]
fn an_expired_key_is_missing() {
    let mut e = Engine::new();
    e.given(&["SET n 5 PX 10"]);
    e.now_ms += 11;
    e.check("INCR n", ":1");
    assert_eq!(e.effects(), ["UNLINK n", "INCR n"]);
    assert_eq!(e.expire_at_ms("n"), None);
    assert_eq!(show(&e.run(&[b"GET", b"n"])), "$1 1");
}
