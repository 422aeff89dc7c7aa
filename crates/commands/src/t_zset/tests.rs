//! Sorted sets through their commands. Expected replies are those of valkey-server 9.1.2.

use wire::resp::Resp;

use crate::testing::Engine;

/// An engine with `k` = 1 a, 2 b, 3 c, 4 d, 5 e in the compact form, and `l`, the same with a member that makes it large.
fn engine() -> Engine {
    let mut e = Engine::new();
    let long = "x".repeat(70);
    e.given(&[
        "ZADD k 1 a 2 b 3 c 4 d 5 e",
        "ZADD l 1 a 2 b 3 c 4 d 5 e",
        &format!("ZADD l 9 {long}"),
        &format!("ZREM l {long}"),
        "SET s 1",
    ]);
    e.check("OBJECT ENCODING k", "$8 listpack");
    e.check("OBJECT ENCODING l", "$8 skiplist");
    e
}

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_FLOAT: &str = "-ERR value is not a valid float";
const SYNTAX: &str = "-ERR syntax error";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";

#[test]
fn zadd_adds_and_updates() {
    let mut e = Engine::new();
    e.check("ZADD k 1 a 2 b 1 a", ":2");
    e.check("ZADD k 3 a 2 b 4 c", ":1");
    e.check("ZADD k CH 5 a 2 b 6 d", ":2");
    e.check("ZADD k nx 9 a 7 e", ":1");
    e.check("ZADD k XX CH 8 a 9 z", ":1");
    e.check("ZADD k GT CH 7 a 9 b 1 new", ":2");
    e.check("ZADD k LT CH 10 a 1 b", ":1");
    e.check("ZRANGE k 0 -1 WITHSCORES", "*12 $1 b $1 1 $3 new $1 1 $1 c $1 4 $1 d $1 6 $1 e $1 7 $1 a $1 8");
    e.check("ZADD k INCR 1.5 a", "$3 9.5");
    e.check("ZADD k NX INCR 1 a", "$-1");
    e.check("ZADD k GT INCR -1 a", "$-1");
    e.check("ZADD none XX 1 a", ":0");
    e.check("ZADD none XX INCR 1 a", "$-1");
    e.check("EXISTS none", ":0");
    e.session.resp = Resp::V3;
    e.check("ZINCRBY k 0.25 a", ",9.75");
    e.check("ZADD k XX INCR 1 none", "_");
}

#[test]
fn zadd_refuses_what_valkey_refuses() {
    let mut e = engine();
    for (line, reply) in [
        ("ZADD k NX XX 1", SYNTAX),
        ("ZADD k NX XX 1 a", "-ERR XX and NX options at the same time are not compatible"),
        ("ZADD k NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
        ("ZADD k GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
        ("ZADD k INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair"),
        ("ZADD k 1 a x b", NOT_FLOAT),
        ("ZADD k nan a", NOT_FLOAT),
        ("ZADD s x a", NOT_FLOAT),
        ("ZADD s 1 a", WRONG_TYPE),
        ("ZINCRBY s 1 a", WRONG_TYPE),
        ("ZINCRBY k x a", NOT_FLOAT),
        ("ZREM s a", WRONG_TYPE),
        ("ZSCORE s a", WRONG_TYPE),
        ("ZCARD s", WRONG_TYPE),
        ("ZRANK k a b", SYNTAX),
        ("ZRANK k a WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command"),
    ] {
        e.check(line, reply);
    }
    e.given(&["ZADD i +inf a"]);
    e.check("ZINCRBY i -inf a", "-ERR resulting score is not a number (NaN)");
    assert!(e.effects().is_empty());
    e.check("ZSCORE i a", "$3 inf");
}

#[test]
fn effects_are_what_happened() {
    let mut e = engine();
    e.check("ZADD k NX 9 a 6 f", ":1");
    e.check("ZADD k 6 f", ":0");
    e.check("ZINCRBY k 0.5 f", "$3 6.5");
    e.check("ZADD k INCR 1 f", "$3 7.5");
    e.check("ZADD k GT INCR -1 f", "$-1");
    e.check("ZREM k f none", ":1");
    e.check("ZREM k none", ":0");
    e.check("ZPOPMIN k", "*2 $1 a $1 1");
    e.check("ZMPOP 2 none k MAX COUNT 2", "*2 $1 k *2 *2 $1 e $1 5 *2 $1 d $1 4");
    e.check("ZREMRANGEBYSCORE k 7 9", ":0");
    e.check("ZREMRANGEBYRANK k 0 -1", ":2");
    e.check("EXISTS k", ":0");
    e.check("ZUNIONSTORE d 1 none", ":0");
    e.check("ZUNIONSTORE d 1 l", ":5");
    assert_eq!(
        e.effects(),
        [
            "ZADD k NX 9 a 6 f",
            "ZADD k 6.5 f",
            "ZADD k 7.5 f",
            "ZREM k f none",
            "ZPOPMIN k",
            "ZPOPMAX k 2",
            "ZREMRANGEBYRANK k 0 -1",
            "ZUNIONSTORE d 1 l",
        ]
    );
}

#[test]
fn changes_are_counted_as_valkey_counts() {
    let mut e = engine();
    for (line, changes) in [
        ("ZADD k 1 a 7 b 8 x", 2),
        ("ZREM k a b none", 2),
        ("ZPOPMAX k 2", 2),
        ("ZREMRANGEBYRANK k 0 -1", 2),
        ("ZUNIONSTORE d 1 l", 1),
        ("ZRANGESTORE d none 0 1", 1),
        ("ZRANGESTORE d none 0 1", 0),
    ] {
        let before = e.local.counters.changes;
        e.call(line);
        assert_eq!(e.local.counters.changes - before, changes, "{line}");
    }
}

#[test]
fn scores_and_ranks() {
    let mut e = engine();
    for key in ["k", "l"] {
        e.check(&format!("ZSCORE {key} c"), "$1 3");
        e.check(&format!("ZSCORE {key} none"), "$-1");
        e.check(&format!("ZMSCORE {key} a none e"), "*3 $1 1 $-1 $1 5");
        e.check(&format!("ZCARD {key}"), ":5");
        e.check(&format!("ZRANK {key} c"), ":2");
        e.check(&format!("ZREVRANK {key} d WITHSCORE"), "*2 :1 $1 4");
        e.check(&format!("ZRANK {key} none WITHSCORE"), "*-1");
        e.check(&format!("ZCOUNT {key} (1 4"), ":3");
        e.check(&format!("ZCOUNT {key} '' 1e400"), ":5");
        e.check(&format!("ZLEXCOUNT {key} [b (e"), ":3");
    }
    e.check("ZMSCORE none a b", "*2 $-1 $-1");
    e.check("ZCOUNT k x 1", "-ERR min or max is not a float");
    e.check("ZLEXCOUNT k x +", "-ERR min or max not valid string range item");
}

#[test]
fn ranges() {
    let mut e = engine();
    for (line, reply) in [
        ("ZRANGE K 1 2", "*2 $1 b $1 c"),
        ("ZRANGE K -2 9 WITHSCORES", "*4 $1 d $1 4 $1 e $1 5"),
        ("ZRANGE K 3 1", "*0"),
        ("ZRANGE K 0 1 REV", "*2 $1 e $1 d"),
        ("ZREVRANGE K 1 2 WITHSCORES", "*4 $1 d $1 4 $1 c $1 3"),
        ("ZRANGE K (1 3 BYSCORE", "*2 $1 b $1 c"),
        ("ZRANGE K 3 (1 BYSCORE REV", "*2 $1 c $1 b"),
        ("ZRANGE K -inf +inf BYSCORE LIMIT 1 2", "*2 $1 b $1 c"),
        ("ZRANGE K -inf +inf BYSCORE LIMIT 3 -1", "*2 $1 d $1 e"),
        ("ZRANGE K -inf +inf BYSCORE LIMIT 5 1", "*0"),
        ("ZREVRANGEBYSCORE K 4 2 LIMIT 1 9", "*2 $1 c $1 b"),
        ("ZRANGEBYSCORE K 2 3 WITHSCORES", "*4 $1 b $1 2 $1 c $1 3"),
        ("ZRANGE K [b (d BYLEX", "*2 $1 b $1 c"),
        ("ZRANGE K + - BYLEX REV LIMIT 1 2", "*2 $1 d $1 c"),
        ("ZRANGEBYLEX K - (c", "*2 $1 a $1 b"),
        ("ZREVRANGEBYLEX K + [d", "*2 $1 e $1 d"),
        ("ZRANGE K 0 -1 LIMIT 0 -1", "*5 $1 a $1 b $1 c $1 d $1 e"),
    ] {
        for key in ["k", "l"] {
            e.check(&line.replace('K', key), reply);
        }
    }
    // Valkey counts a negative offset from the far end, but not in the compact form.
    e.check("ZRANGEBYSCORE k -inf +inf LIMIT -2 9", "*0");
    e.check("ZRANGEBYSCORE l -inf +inf LIMIT -2 9", "*2 $1 d $1 e");
    e.check("ZREVRANGEBYSCORE l +inf -inf LIMIT -2 2", "*2 $1 b $1 a");
    e.check("ZRANGEBYSCORE l 2 4 LIMIT -9223372036854775808 3", "*0");
    e.check("ZRANGE none 0 -1", "*0");
    e.session.resp = Resp::V3;
    e.check("ZRANGE k 0 0 WITHSCORES", "*1 *2 $1 a ,1");
}

#[test]
fn ranges_that_are_refused() {
    let mut e = engine();
    for (line, reply) in [
        (
            "ZRANGE k 0 -1 LIMIT 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ),
        (
            "ZRANGE k - + BYLEX WITHSCORES",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ),
        ("ZRANGE k x y BYLEX BYSCORE", SYNTAX),
        ("ZRANGE k x y REV REV", SYNTAX),
        ("ZREVRANGE k 0 1 REV", SYNTAX),
        ("ZRANGESTORE d k 0 1 WITHSCORES", SYNTAX),
        ("ZRANGE s x 1", NOT_INTEGER),
        ("ZRANGE s 0 1", WRONG_TYPE),
        ("ZRANGE s 0 1 LIMIT x 1", NOT_INTEGER),
        ("ZRANGEBYSCORE s x 1", "-ERR min or max is not a float"),
        ("ZRANGEBYSCORE s nan 1", "-ERR min or max is not a float"),
        ("ZRANGEBYLEX s x 1", "-ERR min or max not valid string range item"),
        ("ZREMRANGEBYRANK s x 1", NOT_INTEGER),
        ("ZREMRANGEBYLEX s - +", WRONG_TYPE),
    ] {
        e.check(line, reply);
    }
}

#[test]
fn storing_a_range() {
    let mut e = engine();
    e.given(&["SET d 1"]);
    e.check("ZRANGESTORE d l 1 3", ":3");
    e.check("ZRANGE d 0 -1 WITHSCORES", "*6 $1 b $1 2 $1 c $1 3 $1 d $1 4");
    e.check("OBJECT ENCODING d", "$8 listpack");
    e.check("ZRANGESTORE k k (1 3 BYSCORE LIMIT 0 1", ":1");
    e.check("ZRANGE k 0 -1", "*1 $1 b");
    e.check("ZRANGESTORE d none 0 1", ":0");
    e.check("EXISTS d", ":0");
}

/// A replica may store the same set in another encoding, in which a range by member ends elsewhere where scores differ.
#[test]
fn ranges_by_member_are_logged_by_rank() {
    let mut e = engine();
    e.check("ZRANGESTORE d k [b [c BYLEX", ":2");
    e.check("ZRANGESTORE d k [c [b BYLEX REV LIMIT 0 1", ":1");
    e.check("ZRANGESTORE d k [x [z BYLEX", ":0");
    e.check("ZRANGESTORE d k [x [z BYLEX", ":0");
    e.check("ZRANGESTORE d k 1 2 BYSCORE", ":2");
    e.check("ZREMRANGEBYLEX k [b (d", ":2");
    e.check("ZREMRANGEBYLEX k [x [z", ":0");
    assert_eq!(
        e.effects(),
        [
            "ZRANGESTORE d k 1 2",
            "ZRANGESTORE d k 2 2 REV",
            "ZRANGESTORE d k 1 0",
            "ZRANGESTORE d k 1 2 BYSCORE",
            "ZREMRANGEBYRANK k 1 2",
        ]
    );
}

#[test]
fn removing_ranges() {
    for key in ["k", "l"] {
        let mut e = engine();
        e.check(&format!("ZREMRANGEBYLEX {key} [b (c"), ":1");
        e.check(&format!("ZREMRANGEBYSCORE {key} (4 5"), ":1");
        e.check(&format!("ZREMRANGEBYRANK {key} -1 -1"), ":1");
        e.check(&format!("ZRANGE {key} 0 -1"), "*2 $1 a $1 c");
        e.check(&format!("ZREM {key} a c"), ":2");
        e.check(&format!("EXISTS {key}"), ":0");
    }
}

#[test]
fn popping() {
    let mut e = engine();
    for (line, reply) in [
        ("ZPOPMIN k 0", "*0"),
        ("ZPOPMIN none", "*0"),
        ("ZPOPMAX k 2", "*4 $1 e $1 5 $1 d $1 4"),
        ("ZPOPMIN k -1", "-ERR value is out of range, must be positive"),
        ("ZPOPMIN k 1 1", SYNTAX),
        ("ZPOPMIN s 0", WRONG_TYPE),
        ("ZMPOP 2 none other MIN", "*-1"),
        ("ZMPOP 0 k MIN", "-ERR numkeys should be greater than 0"),
        ("ZMPOP 2 k MIN", SYNTAX),
        ("ZMPOP 1 k MIN COUNT 0", "-ERR count should be greater than 0"),
        ("ZMPOP 1 k MIN COUNT 1 COUNT 1", SYNTAX),
        ("ZMPOP 9223372036854775807 k MIN", SYNTAX),
        ("ZMPOP 2 none s MIN", WRONG_TYPE),
    ] {
        e.check(line, reply);
    }
    e.session.resp = Resp::V3;
    e.check("ZPOPMIN k", "*2 $1 a ,1");
    e.check("ZPOPMIN k 9", "*2 *2 $1 b ,2 *2 $1 c ,3");
    e.check("EXISTS k", ":0");
    e.check("ZMPOP 1 k MIN", "_");
}

#[test]
fn combining() {
    let mut e = engine();
    e.given(&["ZADD m 10 a 20 c 30 z", "ZADD inf inf a", "ZADD ninf -inf a"]);
    for (line, reply) in [
        ("ZUNION 2 k m WITHSCORES", "*12 $1 b $1 2 $1 d $1 4 $1 e $1 5 $1 a $2 11 $1 c $2 23 $1 z $2 30"),
        ("ZINTER 2 k m WITHSCORES AGGREGATE MAX", "*4 $1 a $2 10 $1 c $2 20"),
        ("ZINTER 2 k m WEIGHTS 2 0.5 WITHSCORES", "*4 $1 a $1 7 $1 c $2 16"),
        ("ZDIFF 2 l m WITHSCORES", "*6 $1 b $1 2 $1 d $1 4 $1 e $1 5"),
        ("ZDIFF 1 none", "*0"),
        ("ZUNION 2 inf ninf WITHSCORES", "*2 $1 a $1 0"),
        ("ZINTERCARD 2 k m", ":2"),
        ("ZINTERCARD 2 k l LIMIT 3", ":3"),
        ("ZINTERCARD 2 k m LIMIT -1", "-ERR LIMIT can't be negative"),
        ("ZUNIONSTORE d 2 k m AGGREGATE MIN", ":6"),
        ("ZRANGE d 0 -1", "*6 $1 a $1 b $1 c $1 d $1 e $1 z"),
        ("ZINTERSTORE d 2 k none", ":0"),
        ("EXISTS d", ":0"),
        ("ZDIFFSTORE k 2 k m", ":3"),
        ("ZUNION 0 k", "-ERR at least 1 input key is needed for 'zunion' command"),
        ("ZDIFFSTORE d 0 k", "-ERR at least 1 input key is needed for 'zdiffstore' command"),
        ("ZUNION x k", NOT_INTEGER),
        ("ZUNION 2 k", SYNTAX),
        ("ZUNION 1 s FOO", WRONG_TYPE),
        ("ZUNION 1 k WEIGHTS x", "-ERR weight value is not a float"),
        ("ZUNION 2 k m WEIGHTS 1", SYNTAX),
        ("ZUNION 1 k AGGREGATE AVG", SYNTAX),
        ("ZDIFF 1 k WEIGHTS 1", SYNTAX),
        ("ZUNIONSTORE d 1 k WITHSCORES", SYNTAX),
    ] {
        e.check(line, reply);
    }
}

#[test]
fn sets_are_combined_as_members_of_score_one() {
    let mut e = engine();
    e.given(&["SADD i 1 2 3", "SADD t a c 3 x"]);
    for (line, reply) in [
        (
            "ZUNION 2 k t WITHSCORES",
            "*14 $1 3 $1 1 $1 x $1 1 $1 a $1 2 $1 b $1 2 $1 c $1 4 $1 d $1 4 $1 e $1 5",
        ),
        ("ZINTER 2 k t WITHSCORES WEIGHTS 1 10", "*4 $1 a $2 11 $1 c $2 13"),
        ("ZDIFF 2 t i WITHSCORES", "*6 $1 a $1 1 $1 c $1 1 $1 x $1 1"),
        ("ZINTERCARD 2 i t", ":1"),
        ("ZINTERSTORE d 3 k i none", ":0"),
        ("ZUNIONSTORE d 1 i", ":3"),
        ("ZRANGE d 0 -1 WITHSCORES", "*6 $1 1 $1 1 $1 2 $1 1 $1 3 $1 1"),
    ] {
        e.check(line, reply);
    }
}

#[test]
fn many_members_are_combined_by_a_worker() {
    let mut e = Engine::new();
    for i in 0..2500 {
        e.call(&format!("ZADD a {i} m{i}"));
        e.call(&format!("ZADD b {i} m{}", i + 1000));
    }
    e.check("ZINTERCARD 2 a b", ":1500");
    assert_eq!(e.went_on, Some("worker"));
    assert!(e.call("ZUNION 2 a b").starts_with("*3500 $2 m0 $2 m1 "));
    assert_eq!(e.went_on, Some("worker"));
    e.check("ZUNIONSTORE d 2 a b", ":3500");
}

#[test]
fn long_ranges_come_in_slices() {
    let mut e = Engine::new();
    for i in 0..3000 {
        e.call(&format!("ZADD z {i} m{i}"));
    }
    let mut expected = String::from("*6000");
    for i in (0..3000).rev() {
        let member = format!("m{i}");
        expected += &format!(" ${} {member} ${} {i}", member.len(), member.len() - 1);
    }
    e.check("ZRANGE z 0 -1 REV WITHSCORES", &expected);
    assert_eq!(e.went_on, Some("slices"));
    e.call("ZRANGE z 0 999");
    assert_eq!(e.went_on, None);
}

#[test]
fn random_members() {
    let mut e = engine();
    for key in ["k", "l"] {
        for _ in 0..50 {
            let reply = e.call(&format!("ZRANDMEMBER {key} 3"));
            let mut members: Vec<&str> = reply.split(' ').skip(2).step_by(2).collect();
            members.sort_unstable();
            members.dedup();
            assert!(members.len() == 3 && members.iter().all(|member| "abcde".contains(member)), "{reply}");
            assert!(e.call(&format!("ZRANDMEMBER {key} -9")).starts_with("*9 $1 "));
        }
        e.check(
            &format!("ZRANDMEMBER {key} 9 WITHSCORES"),
            "*10 $1 e $1 5 $1 d $1 4 $1 c $1 3 $1 b $1 2 $1 a $1 1",
        );
        e.check(&format!("ZRANDMEMBER {key} 0"), "*0");
    }
    for i in 0..3000 {
        e.call(&format!("ZADD many {i} {i}"));
    }
    for (count, slices) in
        [(500, None), (2000, Some("slices")), (-4000_i64, Some("slices")), (4000, Some("slices"))]
    {
        let reply = e.call(&format!("ZRANDMEMBER many {count}"));
        assert_eq!(e.went_on, slices);
        let mut members: Vec<&str> = reply.split(' ').skip(2).step_by(2).collect();
        assert_eq!(members.len(), if count == 4000 { 3000 } else { count.unsigned_abs() as usize });
        members.sort_unstable();
        members.dedup();
        assert!(count < 0 || members.len() == count.min(3000) as usize);
    }
    let out = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    e.check("ZRANDMEMBER k -9223372036854775808", out);
    e.check("ZRANDMEMBER k 4611686018427387904 WITHSCORES", "-ERR value is out of range");
    e.check("ZRANDMEMBER k 1 FOO", SYNTAX);
    e.check("ZRANDMEMBER none", "$-1");
    e.check("ZRANDMEMBER none 2", "*0");
}

#[test]
fn scanning() {
    let mut e = engine();
    e.check("ZSCAN k 0 MATCH [ab]", "*2 $1 0 *4 $1 a $1 1 $1 b $1 2");
    e.check("ZSCAN k 0 COUNT 1 NOSCORES", "*2 $1 0 *5 $1 a $1 b $1 c $1 d $1 e");
    e.given(&["ZADD k 0.1 a", "ZADD l 0.1 a"]);
    e.check("ZSCAN k 0 MATCH a", "*2 $1 0 *2 $1 a $3 0.1");
    e.check("ZSCAN l 0 MATCH a", "*2 $1 0 *2 $1 a $19 0.10000000000000001");
    e.check("ZSCAN none x", "-ERR invalid cursor");
    e.check("ZSCAN none 0 FOO", "*2 $1 0 *0");
    e.check("ZSCAN s 0 FOO", WRONG_TYPE);
    e.check("ZSCAN k 0 FOO", SYNTAX);
}
