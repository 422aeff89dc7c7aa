//! The family through its commands. Facts about Valkey 9.1.2 were asked of a server.

use std::collections::BTreeSet;

use crate::testing::Engine;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

/// `count` members, each with a blank in front.
fn members(prefix: &str, range: std::ops::Range<usize>) -> String {
    range.map(|n| format!(" {prefix}{n}")).collect()
}

/// The elements of an array or set of bulk strings, whatever their order.
fn elements(reply: &str) -> BTreeSet<String> {
    let mut words = reply.split(' ');
    let head = words.next().expect("a header");
    let count: usize = head.trim_start_matches(['*', '~']).parse().unwrap_or_else(|_| panic!("{reply}"));
    let found: BTreeSet<String> = words.skip(1).step_by(2).map(String::from).collect();
    assert_eq!(found.len(), count, "all different: {reply}");
    found
}

#[track_caller]
fn check_elements(e: &mut Engine, line: &str, expected: &str) {
    let expected = expected.split_whitespace().map(String::from).collect();
    assert_eq!(elements(&e.call(line)), expected, "{line}");
}

#[track_caller]
fn check_encoding(e: &mut Engine, key: &str, encoding: &str) {
    let expected = format!("${} {encoding}", encoding.len());
    e.check(&format!("OBJECT ENCODING {key}"), &expected);
}

#[test]
fn every_row_of_the_group_has_a_body() {
    let names: Vec<_> = super::COMMANDS.iter().map(|spec| spec.facts.name).collect();
    let facts: Vec<_> = crate::facts::set::ALL.iter().map(|facts| facts.name).collect();
    assert_eq!(names, facts);
}

#[test]
fn members_come_and_go() {
    let mut e = Engine::new();
    e.check("SADD s a b a", ":2");
    e.check("SADD s b", ":0");
    e.check("SCARD s", ":2");
    e.check("SISMEMBER s a", ":1");
    e.check("SISMEMBER s x", ":0");
    e.check("SMISMEMBER s x a b", "*3 :0 :1 :1");
    check_elements(&mut e, "SMEMBERS s", "a b");
    e.check("SREM s a x", ":1");
    e.check("SREM s x", ":0");
    assert_eq!(e.effects(), ["SADD s a b a", "SREM s a x"]);
    e.check("SREM s b a", ":1");
    e.check("EXISTS s", ":0");
    for (line, reply) in [
        ("SCARD s", ":0"),
        ("SISMEMBER s a", ":0"),
        ("SMISMEMBER s a b", "*2 :0 :0"),
        ("SMEMBERS s", "*0"),
        ("SREM s a", ":0"),
        ("SSCAN s 0", "*2 $1 0 *0"),
    ] {
        e.check(line, reply);
    }
    assert_eq!(e.effects(), ["SREM s b a"]);
}

#[test]
fn changes_are_counted_by_member() {
    let mut e = Engine::new();
    let mut check = |line: &str, expected: u64| {
        let before = e.local.counters.changes;
        e.call(line);
        assert_eq!(e.local.counters.changes - before, expected, "{line}");
    };
    check("SADD s 1 2 3 1", 3);
    check("SADD s 1", 0);
    check("SREM s 1 2 9", 2);
    check("SMOVE s d 3", 2);
    check("SADD s 3 4", 2);
    check("SMOVE s d 3", 1);
    check("SMOVE s d 9", 0);
    check("SMOVE d d 3", 0);
    check("SADD d a b c e f g h i j k", 10);
    check("SPOP d 3", 3);
    check("SPOP d", 1);
    check("SPOP d 0", 0);
    check("SPOP d 100", 7);
    check("SADD d a b", 2);
    check("SREM d a b", 2);
    check("SUNIONSTORE d s", 1);
    check("SUNIONSTORE d none", 1);
    check("SUNIONSTORE d none", 0);
}

#[test]
fn sets_only() {
    let mut e = Engine::new();
    e.given(&["SET str x", "SADD s 1"]);
    for line in [
        "SADD str a",
        "SREM str a",
        "SCARD str",
        "SISMEMBER str a",
        "SMISMEMBER str a",
        "SMEMBERS str",
        "SMOVE str s 1",
        "SMOVE s str 9",
        "SMOVE s str 1",
        "SPOP str",
        "SPOP str 0",
        "SRANDMEMBER str",
        "SRANDMEMBER str 0",
        "SINTER none str",
        "SINTERCARD 2 none str",
        "SINTERSTORE d none str",
        "SUNION s str",
        "SUNIONSTORE d s str",
        "SDIFF none str",
        "SDIFFSTORE d none str",
        "SSCAN str 0 bad",
    ] {
        e.check(line, WRONG_TYPE);
    }
    e.check("SMOVE none str 1", ":0");
    e.check("SUNIONSTORE str s", ":1");
    check_elements(&mut e, "SMEMBERS str", "1");
}

#[test]
fn bad_arguments() {
    let mut e = Engine::new();
    e.given(&["SADD s 1 2 3", "SET str x"]);
    let syntax = "-ERR syntax error";
    let positive = "-ERR value is out of range, must be positive";
    let integer = "-ERR value is not an integer or out of range";
    let keys = "-ERR numkeys should be greater than 0";
    let limit = "-ERR LIMIT can't be negative";
    for (line, reply) in [
        ("SPOP str -1", positive),
        ("SPOP none a", positive),
        ("SPOP s 1 2", syntax),
        ("SRANDMEMBER s 1 2", syntax),
        ("SRANDMEMBER str a", integer),
        (
            "SRANDMEMBER s -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        ("SINTERCARD 0 s", keys),
        ("SINTERCARD a s", keys),
        ("SINTERCARD 2 s", "-ERR Number of keys can't be greater than number of args"),
        ("SINTERCARD 1 s LIMIT", syntax),
        ("SINTERCARD 1 s s", syntax),
        ("SINTERCARD 1 str LIMIT -1", limit),
        ("SINTERCARD 1 s LIMIT a", limit),
        ("SSCAN s a", "-ERR invalid cursor"),
        ("SSCAN none -1", "-ERR invalid cursor"),
        ("SSCAN none 0 bad", "*2 $1 0 *0"),
        ("SSCAN s 0 bad", syntax),
        ("SSCAN s 0 TYPE set", syntax),
        ("SSCAN s 0 NOVALUES", "-ERR NOVALUES option can only be used in HSCAN"),
    ] {
        e.check(line, reply);
    }
    assert_eq!(e.effects(), [""; 0]);
}

#[test]
fn smove_takes_from_one_and_gives_to_another() {
    let mut e = Engine::new();
    e.given(&["SADD a 1 x", "SADD b 2"]);
    e.check("SMOVE a b x", ":1");
    check_encoding(&mut e, "b", "listpack");
    e.check("SMOVE a b x", ":0");
    e.check("SMOVE a a 1", ":1");
    e.check("SMOVE a a 9", ":0");
    assert_eq!(e.effects(), ["SMOVE a b x"]);
    e.check("SMOVE a new 1", ":1");
    e.check("EXISTS a", ":0");
    check_encoding(&mut e, "new", "intset");
    check_elements(&mut e, "SMEMBERS b", "2 x");
}

#[test]
fn combinations() {
    let mut e = Engine::new();
    e.given(&["SADD a 1 2 3 x", "SADD b 2 3 y", "SADD c 3 z"]);
    for (line, expected) in [
        ("SINTER a", "1 2 3 x"),
        ("SINTER a b", "2 3"),
        ("SINTER a b c", "3"),
        ("SINTER a a", "1 2 3 x"),
        ("SINTER a none", ""),
        ("SUNION a b c none", "1 2 3 x y z"),
        ("SUNION none none", ""),
        ("SUNION a b c a b c a b c", "1 2 3 x y z"),
        ("SDIFF a b", "1 x"),
        ("SDIFF a none c b", "1 x"),
        ("SDIFF a b a", ""),
        ("SDIFF none a", ""),
        ("SDIFF none none", ""),
    ] {
        check_elements(&mut e, line, expected);
    }
    for (line, expected) in [
        ("SINTERCARD 2 a b", ":2"),
        ("SINTERCARD 2 a b LIMIT 1", ":1"),
        ("SINTERCARD 2 a b LIMIT 9", ":2"),
        ("SINTERCARD 2 a b LIMIT 0", ":2"),
        ("SINTERCARD 2 a none", ":0"),
        ("SINTERSTORE d a b", ":2"),
        ("SUNIONSTORE e a b", ":5"),
        ("SDIFFSTORE b b c", ":2"),
        ("SINTERSTORE d a none", ":0"),
        ("EXISTS d", ":0"),
    ] {
        e.check(line, expected);
    }
    check_elements(&mut e, "SMEMBERS e", "1 2 3 x y");
    check_elements(&mut e, "SMEMBERS b", "2 y");
    assert_eq!(
        e.effects(),
        ["SINTERSTORE d a b", "SUNIONSTORE e a b", "SDIFFSTORE b b c", "SINTERSTORE d a none"]
    );
}

#[test]
fn results_have_the_form_that_valkey_gives_them() {
    let mut e = Engine::new();
    e.given(&[
        &format!("SADD few{}", members("", 0..100)),
        &format!("SADD many{}", members("", 0..600)),
        &format!("SADD mixed x{}", members("", 0..300)),
        "SADD x x",
        "SADD packed x 1 2",
        "SREM packed x",
    ]);
    for key in ["many", "mixed"] {
        check_encoding(&mut e, key, "hashtable");
    }
    for (line, encoding) in [
        ("SUNIONSTORE d few", "intset"),
        ("SUNIONSTORE d packed", "intset"),
        ("SUNIONSTORE d few x", "listpack"),
        ("SUNIONSTORE d mixed", "hashtable"),
        ("SUNIONSTORE d many", "hashtable"),
        ("SINTERSTORE d few many", "intset"),
        ("SINTERSTORE d packed", "intset"),
        ("SINTERSTORE d mixed many", "intset"),
        ("SINTERSTORE d many", "hashtable"),
        ("SINTERSTORE d x mixed", "listpack"),
        ("SDIFFSTORE d many mixed", "intset"),
        ("SDIFFSTORE d packed few2", "intset"),
        ("SDIFFSTORE d x few", "listpack"),
    ] {
        assert_ne!(e.call(line), ":0", "{line}");
        check_encoding(&mut e, "d", encoding);
    }
    // Everything is added first and removed then, when the other sets are that small: the form is the whole's.
    let small = members("o", 0..30).split_whitespace().map(|key| format!(" {key}")).collect::<String>();
    for key in small.split_whitespace() {
        e.given(&[&format!("SADD {key} x")]);
    }
    e.given(&[&format!("SADD base x{}", members("", 0..100))]);
    e.check(&format!("SDIFFSTORE d base{small}"), ":100");
    check_encoding(&mut e, "d", "listpack");
    e.check("SDIFFSTORE d base x", ":100");
    check_encoding(&mut e, "d", "intset");
}

#[test]
fn what_is_popped_is_logged_as_removed() {
    let mut e = Engine::new();
    for all in [members("", 0..20), members("m", 0..20), members("m", 0..600)] {
        e.given(&["DEL s", &format!("SADD s{all}")]);
        let mut left: BTreeSet<String> = all.split_whitespace().map(String::from).collect();
        for line in ["SPOP s", "SPOP s 3", "SPOP s 1", "SPOP s 0"] {
            let reply = e.call(line);
            let popped = match reply.strip_prefix('$') {
                Some(bulk) => [bulk.split(' ').nth(1).expect("a member").to_owned()].into(),
                None => elements(&reply),
            };
            assert!(popped.iter().all(|member| left.remove(member)), "{line}: {reply}");
            let effects = e.effects();
            let logged: BTreeSet<String> =
                effects.iter().flat_map(|line| line.split(' ').skip(2)).map(String::from).collect();
            assert_eq!(logged, popped);
            assert!(effects.iter().all(|line| line.starts_with("SREM s ")));
            assert_eq!(elements(&e.call("SMEMBERS s")), left);
        }
        let reply = e.call("SPOP s 1000");
        assert_eq!(elements(&reply), left);
        assert_eq!(e.effects(), ["UNLINK s"]);
        e.check("EXISTS s", ":0");
    }
    e.check("SPOP s", "$-1");
    e.check("SPOP s 3", "*0");
}

#[test]
fn a_long_pop_is_logged_in_parts() {
    let mut e = Engine::new();
    e.given(&[&format!("SADD s{}", members("m", 0..5000))]);
    assert_eq!(elements(&e.call("SPOP s 2500")).len(), 2500);
    let lengths: Vec<usize> = e.effects().iter().map(|line| line.split(' ').count() - 2).collect();
    assert_eq!(lengths, [1024, 1024, 452]);
    e.check("SCARD s", ":2500");
}

#[test]
fn popping_nearly_all_makes_a_set_anew() {
    let mut e = Engine::new();
    for (all, pops, encoding) in [
        (members("m", 0..200), 166, "hashtable"),
        (members("m", 0..200), 167, "listpack"),
        (members("", 0..600), 500, "listpack"),
        (members("", 0..600), 499, "hashtable"),
        (members("", 0..100), 90, "intset"),
        (members("m", 0..100), 90, "listpack"),
    ] {
        e.given(&["DEL s", &format!("SADD s{all}")]);
        let popped = elements(&e.call(&format!("SPOP s {pops}")));
        let left = elements(&e.call("SMEMBERS s"));
        assert!(popped.len() == pops && popped.is_disjoint(&left));
        assert_eq!(popped.len() + left.len(), all.split_whitespace().count());
        check_encoding(&mut e, "s", encoding);
    }
}

#[test]
fn random_members_are_of_the_set() {
    let mut e = Engine::new();
    for len in [1, 10, 100, 400, 5000] {
        for prefix in ["", "m"] {
            e.given(&["DEL s", &format!("SADD s{}", members(prefix, 0..len))]);
            let all = elements(&e.call("SMEMBERS s"));
            let one = e.call("SRANDMEMBER s");
            assert!(all.contains(one.split(' ').nth(1).expect("a member")));
            for count in [1, 2, len / 4, len / 2, len - 1, len, len + 1] {
                let found = elements(&e.call(&format!("SRANDMEMBER s {count}")));
                assert_eq!(found.len(), count.min(len), "{count} of {len}");
                assert!(found.is_subset(&all));
            }
            for count in [1, 5, 2500] {
                let reply = e.call(&format!("SRANDMEMBER s -{count}"));
                let mut words = reply.split(' ');
                assert_eq!(words.next(), Some(format!("*{count}").as_str()));
                let found: Vec<String> = words.skip(1).step_by(2).map(String::from).collect();
                assert_eq!(found.len(), count);
                assert!(found.iter().all(|member| all.contains(member)));
            }
        }
    }
    assert_eq!(e.effects().iter().filter(|line| !line.starts_with("SADD")).count(), 0);
    e.check("SRANDMEMBER none", "$-1");
    e.check("SRANDMEMBER none 2", "*0");
    e.check("SRANDMEMBER s 0", "*0");
}

#[test]
fn large_sets_are_answered_in_slices() {
    let mut e = Engine::new();
    e.given(&[
        &format!("SADD a{}", members("m", 0..4000)),
        &format!("SADD b{}", members("m", 2000..5000)),
        "SADD c m3999 m10",
    ]);
    let all = |range| members("m", range).split_whitespace().map(String::from).collect::<BTreeSet<_>>();
    for (line, expected) in [
        ("SMEMBERS a", all(0..4000)),
        ("SINTER a b", all(2000..4000)),
        ("SUNION a b", all(0..5000)),
        ("SUNION a b a b a b a b a b c", all(0..5000)),
        ("SDIFF a b", all(0..2000)),
        ("SDIFF a b a", BTreeSet::new()),
        ("SRANDMEMBER a 4000", all(0..4000)),
    ] {
        assert_eq!(elements(&e.call(line)), expected, "{line}");
        assert_eq!(e.went_on, (!expected.is_empty()).then_some("slices"), "{line}");
    }
    let several = format!("SDIFF a{}", " c".repeat(20));
    assert_eq!(elements(&e.call(&several)).len(), 3998);
    e.check("SINTERCARD 2 a b", ":2000");
    assert_eq!(e.went_on, Some("slices"));
    e.check("SINTERCARD 2 a b LIMIT 1999", ":1999");
    e.check("SINTERCARD 2 a b LIMIT 3", ":3");
    assert_eq!(e.went_on, None);
    let reply = e.call("SSCAN a 0 COUNT 100000 MATCH m1*");
    let (head, found) = reply.split_once(" *").expect("two parts");
    assert_eq!((head, elements(&format!("*{found}")).len()), ("*2 $1 0", 1111));
    // RESP3 has sets.
    e.session.resp = wire::resp::Resp::V3;
    assert!(e.call("SINTER a b").starts_with("~2000 "));
    assert!(e.call("SUNION c none").starts_with("~2 "));
    assert!(e.call("SPOP a 3999").starts_with("~3999 "));
    assert!(e.call("SRANDMEMBER b 2").starts_with("*2 "));
}

#[test]
fn sscan_meets_every_member_once() {
    let mut e = Engine::new();
    e.given(&[&format!("SADD s{}", members("m", 0..1000)), "SADD few a b 1", "SADD ints 1 2 3"]);
    let mut found = BTreeSet::new();
    let mut cursor = "0".to_owned();
    let mut calls = 0;
    loop {
        let reply = e.call(&format!("SSCAN s {cursor} COUNT 7"));
        let (head, part) = reply.split_once(" *").expect("two parts");
        for member in elements(&format!("*{part}")) {
            assert!(found.insert(member), "twice");
        }
        cursor = head.rsplit(' ').next().expect("a cursor").to_owned();
        calls += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found.len(), 1000);
    // A large set gives whole leaves, of 128 members at most.
    assert!((8..=150).contains(&calls), "{calls}");
    e.check("SSCAN few 17 COUNT 1", "*2 $1 0 *3 $1 a $1 b $1 1");
    e.check("SSCAN ints 0 MATCH 2*", "*2 $1 0 *1 $1 2");
}
