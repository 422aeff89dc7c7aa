//! The family through its commands; texts and figures are what valkey-server 9.1.2 answers.

use crate::testing::Engine;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const NOT_POSITIVE: &str = "-ERR value is out of range, must be positive";
const SYNTAX: &str = "-ERR syntax error";
const BEYOND: &str =
    "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";

/// An engine with a string `s` and a list `l` of a, b, c.
fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.given(&["SET s x", "RPUSH l a b c"]);
    engine
}

/// The effects of a command.
#[track_caller]
fn check_effects(engine: &mut Engine, line: &str, reply: &str, effects: &[&str]) {
    engine.effects();
    engine.check(line, reply);
    assert_eq!(engine.effects(), effects, "{line}");
}

#[test]
fn pushes_add_at_their_end_in_order() {
    let mut e = engine();
    check_effects(&mut e, "LPUSH l 1 2", ":5", &["LPUSH l 1 2"]);
    check_effects(&mut e, "RPUSH l 3 ''", ":7", &["RPUSH l 3 "]);
    e.check("LRANGE l 0 -1", "*7 $1 2 $1 1 $1 a $1 b $1 c $1 3 $0 ");
    check_effects(&mut e, "LPUSHX l 0", ":8", &["LPUSHX l 0"]);
    check_effects(&mut e, "RPUSHX l 9", ":9", &["RPUSHX l 9"]);
    e.check("LRANGE l 0 0", "*1 $1 0");
    e.check("LRANGE l -1 -1", "*1 $1 9");
    check_effects(&mut e, "LPUSHX none a", ":0", &[]);
    check_effects(&mut e, "RPUSHX none a", ":0", &[]);
    e.check("EXISTS none", ":0");
    for line in ["LPUSH s a", "RPUSH s a", "LPUSHX s a", "RPUSHX s a"] {
        check_effects(&mut e, line, WRONG_TYPE, &[]);
    }
    e.check("LPUSH l", "-ERR wrong number of arguments for 'lpush' command");
}

#[test]
fn pops_take_from_their_end_and_the_last_one_takes_the_key() {
    let mut e = engine();
    check_effects(&mut e, "LPOP l", "$1 a", &["LPOP l"]);
    check_effects(&mut e, "RPOP l", "$1 c", &["RPOP l"]);
    check_effects(&mut e, "RPOP l", "$1 b", &["RPOP l"]);
    e.check("EXISTS l", ":0");
    check_effects(&mut e, "LPOP l", "$-1", &[]);
    e.check("LPOP s", WRONG_TYPE);
    e.check("LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command");
    e.check("RPOP l 1 2", "-ERR wrong number of arguments for 'rpop' command");
}

#[test]
fn pops_with_a_count() {
    let mut e = engine();
    e.given(&["RPUSH l d e f"]);
    check_effects(&mut e, "LPOP l 2", "*2 $1 a $1 b", &["LPOP l 2"]);
    check_effects(&mut e, "RPOP l 2", "*2 $1 f $1 e", &["RPOP l 2"]);
    check_effects(&mut e, "LPOP l 0", "*0", &[]);
    e.check("LPOP s 0", WRONG_TYPE);
    e.check("LPOP none 0", "*-1");
    e.check("LPOP none 1", "*-1");
    for line in ["LPOP l -1", "LPOP l x", "LPOP s x", "LPOP none x", "LPOP l 9223372036854775808"] {
        check_effects(&mut e, line, NOT_POSITIVE, &[]);
    }
    check_effects(&mut e, "RPOP l 9223372036854775807", "*2 $1 d $1 c", &["RPOP l 9223372036854775807"]);
    e.check("EXISTS l", ":0");
}

#[test]
fn lmpop_takes_from_the_first_list_there_is() {
    let mut e = engine();
    check_effects(&mut e, "LMPOP 2 none l LEFT", "*2 $1 l *1 $1 a", &["LPOP l 1"]);
    check_effects(&mut e, "LMPOP 1 l right COUNT 10", "*2 $1 l *2 $1 c $1 b", &["RPOP l 2"]);
    check_effects(&mut e, "LMPOP 2 none l LEFT", "*-1", &[]);
    e.given(&["RPUSH l a b c"]);
    for (line, reply) in [
        ("LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP -1 l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP x l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 1 l UP", SYNTAX),
        ("LMPOP 2 l LEFT", SYNTAX),
        ("LMPOP 9223372036854775807 l LEFT", SYNTAX),
        ("LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("LMPOP 1 l LEFT COUNT -1", "-ERR count should be greater than 0"),
        ("LMPOP 1 l LEFT COUNT x", "-ERR count should be greater than 0"),
        ("LMPOP 1 l LEFT COUNT", SYNTAX),
        ("LMPOP 1 l LEFT OTHER 1", SYNTAX),
        ("LMPOP 1 l LEFT COUNT 1 COUNT 2", SYNTAX),
        ("LMPOP 2 none s LEFT", WRONG_TYPE),
        ("LMPOP 2 s none LEFT", WRONG_TYPE),
        ("LMPOP 1 l", "-ERR wrong number of arguments for 'lmpop' command"),
    ] {
        check_effects(&mut e, line, reply, &[]);
    }
    e.check("LLEN l", ":3");
}

#[test]
fn moves_go_between_keys_and_within_one() {
    let mut e = engine();
    check_effects(&mut e, "LMOVE l m RIGHT LEFT", "$1 c", &["LMOVE l m RIGHT LEFT"]);
    check_effects(&mut e, "lmove l m left right", "$1 a", &["lmove l m left right"]);
    check_effects(&mut e, "RPOPLPUSH l m", "$1 b", &["RPOPLPUSH l m"]);
    e.check("EXISTS l", ":0");
    e.check("LRANGE m 0 -1", "*3 $1 b $1 c $1 a");
    check_effects(&mut e, "LMOVE m m LEFT RIGHT", "$1 b", &["LMOVE m m LEFT RIGHT"]);
    check_effects(&mut e, "RPOPLPUSH m m", "$1 b", &["RPOPLPUSH m m"]);
    e.check("LMOVE m m LEFT LEFT", "$1 b");
    e.check("LRANGE m 0 -1", "*3 $1 b $1 c $1 a");
    e.given(&["DEL m", "RPUSH m 1"]);
    e.check("RPOPLPUSH m m", "$1 1");
    e.check("LRANGE m 0 -1", "*1 $1 1");
    for (line, reply) in [
        ("LMOVE m n UP LEFT", SYNTAX),
        ("LMOVE none s LEFT LEFT", "$-1"),
        ("LMOVE m s LEFT LEFT", WRONG_TYPE),
        ("LMOVE s m LEFT LEFT", WRONG_TYPE),
        ("LMOVE s none LEFT LEFT", WRONG_TYPE),
        ("RPOPLPUSH m s", WRONG_TYPE),
        ("RPOPLPUSH s m", WRONG_TYPE),
        ("RPOPLPUSH none s", "$-1"),
    ] {
        check_effects(&mut e, line, reply, &[]);
    }
    e.check("LRANGE m 0 -1", "*1 $1 1");
}

#[test]
fn ranges_are_cut_to_what_there_is() {
    let mut e = engine();
    for (range, reply) in [
        ("0 -1", "*3 $1 a $1 b $1 c"),
        ("1 1", "*1 $1 b"),
        ("-2 9", "*2 $1 b $1 c"),
        ("-9223372036854775808 9223372036854775807", "*3 $1 a $1 b $1 c"),
        ("3 9", "*0"),
        ("2 1", "*0"),
        ("-100 -50", "*0"),
        ("a 1", NOT_INTEGER),
        ("1 a", NOT_INTEGER),
    ] {
        e.check(&format!("LRANGE l {range}"), reply);
    }
    e.check("LRANGE none 0 -1", "*0");
    e.check("LRANGE none a -1", NOT_INTEGER);
    e.check("LRANGE s 0 -1", WRONG_TYPE);
    e.check("LLEN l", ":3");
    e.check("LLEN none", ":0");
    e.check("LLEN s", WRONG_TYPE);
}

#[test]
fn trims_keep_a_range() {
    for (range, reply, effects) in [
        ("0 -1", "*3 $1 a $1 b $1 c", 0),
        ("1 1", "*1 $1 b", 1),
        ("-2 9", "*2 $1 b $1 c", 1),
        ("0 0", "*1 $1 a", 1),
        ("3 9", "*0", 1),
        ("2 1", "*0", 1),
    ] {
        let mut e = engine();
        e.check(&format!("LTRIM l {range}"), "+OK");
        assert_eq!(e.effects().len(), effects, "{range}");
        e.check("LRANGE l 0 -1", reply);
        e.check("EXISTS l", if reply == "*0" { ":0" } else { ":1" });
    }
    let mut e = engine();
    e.check("LTRIM none 0 1", "+OK");
    e.check("LTRIM none a 1", NOT_INTEGER);
    e.check("LTRIM s 0 1", WRONG_TYPE);
}

#[test]
fn indexes_read_and_write_one_element() {
    let mut e = engine();
    for (index, reply) in [
        ("0", "$1 a"),
        ("-1", "$1 c"),
        ("3", "$-1"),
        ("-4", "$-1"),
        ("9223372036854775807", "$-1"),
        ("-9223372036854775808", "$-1"),
        ("x", NOT_INTEGER),
    ] {
        e.check(&format!("LINDEX l {index}"), reply);
    }
    e.check("LINDEX none x", "$-1");
    e.check("LINDEX s x", WRONG_TYPE);

    check_effects(&mut e, "LSET l 1 B", "+OK", &["LSET l 1 B"]);
    e.check("LSET l -1 12", "+OK");
    // As 32 bits these are 0 and -1.
    e.check("LSET l 4294967296 A", "+OK");
    e.check("LSET l 9223372036854775807 C", "+OK");
    e.check("LRANGE l 0 -1", "*3 $1 A $1 B $1 C");
    check_effects(&mut e, "LSET l 3 x", "-ERR index out of range", &[]);
    e.check("LSET l -4 x", "-ERR index out of range");
    e.check("LSET l x x", NOT_INTEGER);
    e.check("LSET none x x", "-ERR no such key");
    e.check("LSET s 0 x", WRONG_TYPE);
}

#[test]
fn linsert_puts_an_element_beside_the_first_pivot() {
    let mut e = engine();
    e.given(&["RPUSH l b"]);
    check_effects(&mut e, "LINSERT l BEFORE b 1", ":5", &["LINSERT l BEFORE b 1"]);
    check_effects(&mut e, "LINSERT l after b 2", ":6", &["LINSERT l after b 2"]);
    e.check("LRANGE l 0 -1", "*6 $1 a $1 1 $1 b $1 2 $1 c $1 b");
    check_effects(&mut e, "LINSERT l AFTER z 2", ":-1", &[]);
    check_effects(&mut e, "LINSERT none AFTER z 2", ":0", &[]);
    e.check("LINSERT none BESIDE z 2", SYNTAX);
    e.check("LINSERT s BESIDE z 2", SYNTAX);
    e.check("LINSERT s AFTER z 2", WRONG_TYPE);
}

#[test]
fn lrem_removes_from_either_end() {
    for (count, reply, left) in [
        ("0", ":3", "*2 $1 b $1 c"),
        ("2", ":2", "*3 $1 b $1 c $1 a"),
        ("-2", ":2", "*3 $1 a $1 b $1 c"),
        ("9", ":3", "*2 $1 b $1 c"),
        ("-9223372036854775807", ":3", "*2 $1 b $1 c"),
    ] {
        let mut e = Engine::new();
        e.given(&["RPUSH l a b a c a"]);
        check_effects(&mut e, &format!("LREM l {count} a"), reply, &[&format!("LREM l {count} a")]);
        e.check("LRANGE l 0 -1", left);
    }
    let mut e = engine();
    check_effects(&mut e, "LREM l 0 z", ":0", &[]);
    e.check("LREM none 0 z", ":0");
    e.check("LREM none x z", NOT_INTEGER);
    e.check("LREM l -9223372036854775808 z", BEYOND);
    e.check("LREM s 0 z", WRONG_TYPE);
    e.given(&["RPUSH m 1 1"]);
    e.check("LREM m 0 1", ":2");
    e.check("EXISTS m", ":0");
}

#[test]
fn lpos_finds_ranks_counts_and_stops() {
    let mut e = Engine::new();
    e.given(&["SET s x", "RPUSH l a b c 1 2 3 c c"]);
    for (options, reply) in [
        ("c", ":2"),
        ("1", ":3"),
        ("z", "$-1"),
        ("c RANK 2", ":6"),
        ("c RANK -1", ":7"),
        ("c RANK -2", ":6"),
        ("c RANK 4", "$-1"),
        ("c RANK 9223372036854775807", "$-1"),
        ("c COUNT 2", "*2 :2 :6"),
        ("c COUNT 0", "*3 :2 :6 :7"),
        ("c COUNT 0 RANK -1", "*3 :7 :6 :2"),
        ("c COUNT 1 RANK 2", "*1 :6"),
        ("c COUNT 0 RANK 4", "*0"),
        ("c MAXLEN 2", "$-1"),
        ("c MAXLEN 3", ":2"),
        ("c MAXLEN 1 RANK -1", ":7"),
        ("c MAXLEN 7 COUNT 0", "*2 :2 :6"),
        ("c MAXLEN 0 COUNT 9223372036854775807", "*3 :2 :6 :7"),
        ("c rank 1 rank 2", ":6"),
        (
            "c RANK 0",
            "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to \
             start from the end of the list",
        ),
        ("c RANK -9223372036854775808", BEYOND),
        ("c RANK x", NOT_INTEGER),
        ("c COUNT -1", "-ERR COUNT can't be negative"),
        ("c COUNT x", "-ERR COUNT can't be negative"),
        ("c MAXLEN -1", "-ERR MAXLEN can't be negative"),
        ("c MAXLEN x", "-ERR MAXLEN can't be negative"),
        ("c RANK", SYNTAX),
        ("c OTHER 1", SYNTAX),
    ] {
        e.check(&format!("LPOS l {options}"), reply);
    }
    e.check("LPOS none a", "$-1");
    e.check("LPOS none a COUNT 1", "*0");
    e.check("LPOS s a", WRONG_TYPE);
    e.check("LPOS s a COUNT x", "-ERR COUNT can't be negative");
}

#[test]
fn encodings_change_when_valkeys_do() {
    let mut e = Engine::new();
    let encoding = |e: &mut Engine, expected: &str| e.check("OBJECT ENCODING l", expected);
    let large = "x".repeat(5000);
    e.given(&[&format!("RPUSH l {large}"), "RPUSH l a"]);
    encoding(&mut e, "$8 listpack");
    // The limit counts what an argument would add even if there is no place for it.
    e.check(&format!("LINSERT l BEFORE none {large}"), ":-1");
    encoding(&mut e, "$9 quicklist");
    e.check("LPOP l", &format!("$5000 {large}"));
    encoding(&mut e, "$8 listpack");
    e.check(&format!("LSET l 5 {}", "x".repeat(9000)), "-ERR index out of range");
    encoding(&mut e, "$9 quicklist");
    e.check("LTRIM l 0 -1", "+OK");
    encoding(&mut e, "$8 listpack");

    e.limits.compact.list_size = 4;
    e.given(&["RPUSH l b c d"]);
    encoding(&mut e, "$8 listpack");
    e.given(&["RPUSH l e"]);
    encoding(&mut e, "$9 quicklist");
    e.given(&["RPOP l", "RPOP l"]);
    encoding(&mut e, "$9 quicklist");
    e.given(&["RPOP l"]);
    encoding(&mut e, "$8 listpack");
}

#[test]
fn long_replies_and_searches_come_in_slices_of_what_was_there() {
    let mut e = Engine::new();
    for from in (0..30_000).step_by(1000) {
        let elements: String = (from..from + 1000).map(|n| format!(" {n}")).collect();
        e.given(&[&format!("RPUSH l{elements}")]);
    }
    let all: String = (0..30_000).map(|n: u32| format!(" ${} {n}", n.to_string().len())).collect();
    e.check("LRANGE l 0 -1", &format!("*30000{all}"));
    assert_eq!(e.went_on, Some("slices"));
    e.check("LRANGE l 0 999", &format!("*1000{}", &all[..all.find(" $4").expect("1000")]));
    assert_eq!(e.went_on, None);

    e.check("LPOS l 29999", ":29999");
    assert_eq!(e.went_on, Some("slices"));
    e.check("LPOS l 0 RANK -1 COUNT 0", "*1 :0");
    e.check("LPOS l none", "$-1");

    let popped = e.call("RPOP l 29990");
    assert!(popped.starts_with("*29990 $5 29999 $5 29998 "));
    assert!(popped.ends_with(" $2 11 $2 10"));
    e.check("LLEN l", ":10");
    e.check("OBJECT ENCODING l", "$8 listpack");
}

#[test]
fn every_element_counts_as_a_change() {
    let mut e = Engine::new();
    for (line, changes) in [
        ("RPUSH l a b c d e f g", 7),
        ("LPUSHX l x", 1),
        ("LPUSHX none x", 0),
        ("LPOP l 2", 2),
        ("LMOVE l m LEFT LEFT", 1),
        ("LMOVE l l LEFT RIGHT", 1),
        ("RPUSH l a a", 2),
        ("LREM l 0 a", 2),
        ("LTRIM l 0 -1", 0),
        ("LTRIM l 1 -1", 1),
        ("LSET l 0 x", 1),
        ("LINSERT l BEFORE x y", 1),
        ("LMPOP 1 l LEFT COUNT 100", 5),
        ("LPOP m", 1),
    ] {
        let before = e.local.counters.changes;
        e.call(line);
        assert_eq!(e.local.counters.changes - before, changes, "{line}");
    }
}
