//! `SORT` through its commands. Facts about Valkey 9.1.2 were asked of a server.

use crate::testing::Engine;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_NUMBER: &str = "-ERR One or more scores can't be converted into double";

/// The reply that holds these words.
fn array(words: &str) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut reply = format!("*{}", words.len());
    for word in words {
        match word {
            "nil" => reply.push_str(" $-1"),
            "''" => reply.push_str(" $0 "),
            word => reply.push_str(&format!(" ${} {word}", word.len())),
        }
    }
    reply
}

#[track_caller]
fn check(e: &mut Engine, line: &str, expected: &str) {
    e.check(line, &array(expected));
}

#[test]
fn numbers_and_texts() {
    let mut e = Engine::new();
    e.given(&["RPUSH l 10 9 1.5 -3 1e1 inf -inf 9", "SADD s 3 1 2", "ZADD z 1 10 2 9 3 8"]);
    check(&mut e, "SORT l", "-inf -3 1.5 9 9 10 1e1 inf");
    check(&mut e, "SORT l DESC", "inf 1e1 10 9 9 1.5 -3 -inf");
    check(&mut e, "SORT l ALPHA", "-3 -inf 1.5 10 1e1 9 9 inf");
    check(&mut e, "SORT_RO l ALPHA DESC LIMIT 1 2", "9 9");
    check(&mut e, "SORT s DESC", "3 2 1");
    check(&mut e, "SORT z", "8 9 10");
    e.check("OBJECT ENCODING z", "$8 skiplist");
    check(&mut e, "SORT none", "");
    e.given(&["RPUSH l a"]);
    e.check("SORT l", NO_NUMBER);
    for member in ["''", "1x", "nan", "0x10", "1e400", "+"] {
        e.given(&["DEL l", &format!("RPUSH l 1 {member}")]);
        e.check("SORT l", NO_NUMBER);
        e.check("SORT l LIMIT 0 0", NO_NUMBER);
    }
    assert!(!e.gated);
}

#[test]
fn limits_cut_what_there_is() {
    let mut e = Engine::new();
    e.given(&["RPUSH l 4 3 2 1 0", "ZADD z 1 e 2 d 3 c 4 b 5 a"]);
    for (limit, expected, unsorted, reversed) in [
        ("0 2", "0 1", "4 3", "0 1"),
        ("1 2", "1 2", "3 2", "1 2"),
        ("3 9", "3 4", "1 0", "3 4"),
        ("-5 2", "0 1", "4 3", "0 1"),
        ("2 -1", "2 3 4", "2 1 0", "2 3 4"),
        ("2 0", "", "", ""),
        ("5 1", "", "", ""),
        ("9 9", "", "", ""),
        ("0 9223372036854775807", "0 1 2 3 4", "4 3 2 1 0", "0 1 2 3 4"),
        ("9223372036854775807 9223372036854775807", "", "", ""),
    ] {
        check(&mut e, &format!("SORT l LIMIT {limit}"), expected);
        check(&mut e, &format!("SORT l BY nosort LIMIT {limit}"), unsorted);
        check(&mut e, &format!("SORT l BY nosort DESC LIMIT {limit}"), reversed);
        let letters: String = unsorted.replace('4', "e").replace('3', "d").replace('2', "c");
        let letters = letters.replace('1', "b").replace('0', "a");
        check(&mut e, &format!("SORT z BY nosort LIMIT {limit}"), &letters);
    }
    check(&mut e, "SORT z BY nosort DESC LIMIT 1 2", "b c");
}

#[test]
fn patterns_lead_to_strings_and_fields() {
    let mut e = Engine::new();
    e.given(&[
        "RPUSH l 1 2 3 4",
        "MSET w1 30 w2 10 w3 20 n1 one n2 two n3 three",
        "HSET h1 w 1 name uno",
        "HSET h2 w 3 name dos",
        "HSET h3 w 2",
        "SADD odd 1",
        "SET xodd 5",
    ]);
    check(&mut e, "SORT l BY w*", "4 2 3 1");
    assert!(e.gated);
    check(&mut e, "SORT l BY w* DESC", "1 3 2 4");
    check(&mut e, "SORT l BY h*->w", "4 1 3 2");
    check(&mut e, "SORT l BY n* ALPHA", "4 1 3 2");
    check(&mut e, "SORT l BY w* GET #", "4 2 3 1");
    check(&mut e, "SORT l BY w* LIMIT 1 2 GET # GET n* GET fixed", "2 two nil 3 three nil");
    check(&mut e, "SORT l GET h*->name GET h*->", "uno nil dos nil nil nil nil nil");
    check(&mut e, "SORT l GET h*->name", "uno dos nil nil");
    check(&mut e, "SORT odd BY x* GET xod*", "nil");
    e.check("SORT l BY n*", NO_NUMBER);
    e.given(&["SET w4 x"]);
    e.check("SORT l BY w*", NO_NUMBER);
    // What a pattern leads to may be of any type: only strings count, and fields of hashes.
    check(&mut e, "SORT odd GET h* GET odd*->x GET w*->x", "nil nil nil");
    // Constant patterns lead nowhere.
    check(&mut e, "SORT l BY x GET # GET w1", "1 nil 2 nil 3 nil 4 nil");
    assert!(!e.gated);
}

#[test]
fn equal_weights_keep_their_order() {
    let mut e = Engine::new();
    e.given(&["RPUSH l c a b", "MSET wc 1 wa 1 wb 1"]);
    check(&mut e, "SORT l BY w*", "a b c");
    check(&mut e, "SORT l BY w* DESC", "c b a");
    check(&mut e, "SORT l BY w* ALPHA", "c a b");
    check(&mut e, "SORT l BY w* ALPHA DESC", "c a b");
    check(&mut e, "SORT l BY none* ALPHA", "c a b");
    check(&mut e, "SORT l BY none*", "a b c");
}

#[test]
fn results_are_stored_as_lists() {
    let mut e = Engine::new();
    e.given(&["SADD s 3 1 2", "SET d x EX 100", "MSET n1 one n3 three"]);
    e.check("SORT s STORE d", ":3");
    check(&mut e, "LRANGE d 0 -1", "1 2 3");
    e.check("TTL d", ":-1");
    e.check("SORT s DESC LIMIT 0 2 GET n* GET # STORE d", ":4");
    check(&mut e, "LRANGE d 0 -1", "three 3 '' 2");
    e.check("OBJECT ENCODING d", "$8 listpack");
    e.check("SORT s BY nosort DESC STORE s", ":3");
    check(&mut e, "LRANGE s 0 -1", "3 2 1");
    assert_eq!(
        e.effects(),
        ["UNLINK d", "RPUSH d 1 2 3", "UNLINK d", "RPUSH d three 3  2", "UNLINK s", "RPUSH s 3 2 1"]
    );
    e.check("SORT none STORE d", ":0");
    e.check("EXISTS d", ":0");
    e.check("SORT none STORE d", ":0");
    assert_eq!(e.effects(), ["UNLINK d"]);
    e.check("SORT s ALPHA STORE a STORE b", ":3");
    e.check("EXISTS a", ":0");
}

#[test]
fn a_stored_list_is_as_compact_as_it_may_be() {
    let mut e = Engine::new();
    let members: String = (0..3000).map(|n| format!(" {n}")).collect();
    e.given(&[&format!("RPUSH l{members}")]);
    e.check("SORT l STORE d", ":3000");
    e.check("OBJECT ENCODING d", "$9 quicklist");
    let effects = e.effects();
    assert_eq!(effects.iter().map(|line| line.split(' ').count()).collect::<Vec<_>>(), [2, 1026, 1026, 954]);
    e.check("SORT l LIMIT 0 1000 STORE d", ":1000");
    e.check("OBJECT ENCODING d", "$8 listpack");
}

#[test]
fn a_long_sort_is_a_workers_job() {
    let mut e = Engine::new();
    let members: String = (0..3000).rev().map(|n| format!(" {n}")).collect();
    e.given(&[&format!("RPUSH l{members}")]);
    check(&mut e, "SORT l LIMIT 2998 5 GET # GET x", "2998 nil 2999 nil");
    assert_eq!(e.went_on, Some("worker"));
    let all: String = (0..3000).map(|n| format!(" {n}")).collect();
    check(&mut e, "SORT l", &all);
    check(&mut e, "SORT l BY nosort LIMIT 0 2", "2999 2998");
    e.given(&["RPUSH l x"]);
    e.check("SORT l", NO_NUMBER);
    assert_eq!(e.went_on, Some("worker"));
}

#[test]
fn bad_arguments() {
    let mut e = Engine::new();
    e.given(&["SET str x", "RPUSH l 1"]);
    let syntax = "-ERR syntax error";
    let integer = "-ERR value is not an integer or out of range";
    for (line, reply) in [
        ("SORT str", WRONG_TYPE),
        ("SORT str BY w*", WRONG_TYPE),
        ("SORT str BY", syntax),
        ("SORT l LIMIT 0", syntax),
        ("SORT l LIMIT a 1", integer),
        ("SORT l LIMIT 1 a bad", integer),
        ("SORT l STORE", syntax),
        ("SORT_RO l STORE d", syntax),
        ("SORT l bad", syntax),
        ("SORT l LIMIT 0 9223372036854775808", integer),
    ] {
        e.check(line, reply);
    }
    assert_eq!(e.effects(), [""; 0]);
}

#[test]
fn a_destination_that_has_expired_is_logged_as_gone_before_the_result() {
    let mut e = Engine::new();
    e.given(&["RPUSH l 2 1", "SET d x PX 5"]);
    e.effects();
    e.now_ms += 10;
    e.check("SORT l STORE d", ":2");
    assert_eq!(e.effects(), ["UNLINK d", "UNLINK d", "RPUSH d 1 2"]);
}
