//! TTLs of fields.

use super::{NOT_INTEGER, NUMFIELDS, SYNTAX, in_all_encodings};
use crate::testing::Engine;

#[test]
fn instants_are_set_shown_and_taken_away() {
    in_all_encodings(|e| {
        e.given(&["HSET h f 1 g 2 i 3"]);
        e.check("HTTL h FIELDS 2 f none", "*2 :-1 :-2");
        e.check("HEXPIRE h 100 FIELDS 3 f none g", "*3 :1 :-2 :1");
        e.check("HTTL h FIELDS 4 f g i none", "*4 :100 :100 :-1 :-2");
        e.check("HPTTL h FIELDS 1 f", "*1 :100000");
        e.check("HEXPIRETIME h FIELDS 1 f", "*1 :1800000100");
        e.check("HPEXPIRETIME h FIELDS 2 f i", "*2 :1800000100000 :-1");
        e.check("HPEXPIRE h 1499 FIELDS 1 f", "*1 :1");
        e.check("HTTL h FIELDS 1 f", "*1 :1");
        e.check("HEXPIREAT h 1800000007 FIELDS 1 f", "*1 :1");
        e.check("HPTTL h FIELDS 1 f", "*1 :7000");
        e.check("HPEXPIREAT h 9223372036854775807 FIELDS 1 f", "*1 :1");
        e.check("HPEXPIRETIME h FIELDS 1 f", "*1 :9223372036854775807");
        e.check("HPERSIST h FIELDS 4 f g i none", "*4 :1 :1 :-1 :-2");
        e.check("HPERSIST h FIELDS 1 f", "*1 :-1");
        e.check("HTTL h FIELDS 2 f g", "*2 :-1 :-1");
        e.check("HTTL none FIELDS 2 f g", "*2 :-2 :-2");
        e.check("HPERSIST none FIELDS 2 f g", "*2 :-2 :-2");
        e.check("HEXPIRE none 10 FIELDS 2 f g", "*2 :-2 :-2");
        // Setting a field takes its TTL away; adding to it does not.
        e.given(&["HEXPIRE h 100 FIELDS 3 f g i"]);
        e.given(&["HSET h f 5", "HINCRBY h g 1", "HINCRBYFLOAT h i 1"]);
        e.check("HTTL h FIELDS 3 f g i", "*3 :-1 :100 :100");
    });
}

#[test]
fn conditions() {
    in_all_encodings(|e| {
        e.given(&["HSET h f 1 g 2 i 3", "HEXPIRE h 50 FIELDS 1 f", "HEXPIRE h 500 FIELDS 1 g"]);
        e.check("HEXPIRE h 100 NX FIELDS 3 f g i", "*3 :0 :0 :1");
        e.given(&["HPERSIST h FIELDS 1 i"]);
        e.check("HEXPIRE h 60 XX GT FIELDS 3 f g i", "*3 :1 :0 :0");
        e.check("HEXPIRE h 60 GT FIELDS 1 f", "*1 :0");
        e.check("HEXPIRE h 60 LT FIELDS 3 f g i", "*3 :0 :1 :1");
        e.given(&["HPERSIST h FIELDS 1 i"]);
        e.check("HEXPIRE h 10 XX LT FIELDS 2 f i", "*2 :1 :0");
        e.check("HEXPIRE h 0 GT FIELDS 2 f i", "*2 :0 :0");
        e.check("HEXPIRE h 0 XX FIELDS 3 f i none", "*3 :2 :0 :-2");
        e.check("HEXPIRE h 0 NX FIELDS 2 g i", "*2 :0 :2");
        e.check("HMGET h f g i", "*3 $-1 $1 2 $-1");
        assert_eq!(e.local.counters.expired_fields, 2);
    });
}

#[test]
fn errors_of_hexpire_and_kin() {
    let mut e = Engine::new();
    e.given(&["SET s x", "HSET h f v"]);
    e.take_effects();
    for (line, error) in [
        ("HEXPIRE h 10 FIELDS 2 f", NUMFIELDS),
        ("HEXPIRE h 10 FIELDS 0 f", NUMFIELDS),
        ("HEXPIRE h 10 FIELDS -1 f", NUMFIELDS),
        ("HEXPIRE h 10 FIELDS x f", NOT_INTEGER),
        ("HEXPIRE h 10 foo FIELDS 2 f", "-ERR Unsupported option foo"),
        (
            "HEXPIRE h 10 NX GT FIELDS 1 f",
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        ("HEXPIRE h 10 GT LT FIELDS 1 f", "-ERR GT and LT options at the same time are not compatible"),
        ("HEXPIRE h abc FIELDS 2 f", NUMFIELDS),
        ("HEXPIRE h abc FIELDS 1 f", NOT_INTEGER),
        ("HEXPIRE h abc a b c", NUMFIELDS),
        ("HEXPIRE h -1 FIELDS 1 f", "-ERR invalid expire time in 'hexpire' command"),
        ("HEXPIRE s -1 FIELDS 1 f", "-ERR invalid expire time in 'hexpire' command"),
        ("HEXPIRE h 9223372036854775807 FIELDS 1 f", "-ERR invalid expire time in 'hexpire' command"),
        ("HPEXPIRE h 9223372036854775807 FIELDS 1 f", "-ERR invalid expire time in 'hpexpire' command"),
        ("HEXPIREAT h 9223372036854776 FIELDS 1 f", "-ERR invalid expire time in 'hexpireat' command"),
        ("HPEXPIREAT h -1 FIELDS 1 f", "-ERR invalid expire time in 'hpexpireat' command"),
        ("HTTL h FIELDS 2 f", SYNTAX),
        ("HTTL h foo x f", SYNTAX),
        ("HTTL h FIELDS x f", NOT_INTEGER),
        ("HTTL s FIELDS 2 f", SYNTAX),
        ("HPERSIST h foo 2 f", SYNTAX),
        ("HPERSIST s FIELDS 2 f", NUMFIELDS),
        ("HPERSIST h FIELDS x f", NOT_INTEGER),
        ("HGETDEL h foo 1 f", SYNTAX),
        ("HGETDEL s FIELDS 2 f", NUMFIELDS),
        ("HGETDEL h FIELDS x f", NOT_INTEGER),
        ("HGETEX h foo FIELDS 2 f", SYNTAX),
        ("HGETEX h FIELDS x f", NOT_INTEGER),
        ("HGETEX s FIELDS 2 f", NUMFIELDS),
        ("HGETEX h a b c", NUMFIELDS),
        ("HGETEX h EX 10 PX 20 FIELDS 1 f", SYNTAX),
        ("HGETEX h EX 10 PERSIST FIELDS 1 f", SYNTAX),
        ("HGETEX h PERSIST EX 10 FIELDS 1 f", SYNTAX),
        ("HGETEX h KEEPTTL FIELDS 1 f", SYNTAX),
        ("HGETEX h NX FIELDS 1 f", SYNTAX),
        ("HGETEX h EX FIELDS 1 f", SYNTAX),
        ("HGETEX h EX abc FIELDS 1 f", NOT_INTEGER),
        ("HGETEX none EX abc FIELDS 1 f", NOT_INTEGER),
        ("HGETEX h EX -1 FIELDS 1 f", "-ERR invalid expire time in 'hgetex' command"),
        ("HSETEX h foo FIELDS 2 a b", SYNTAX),
        ("HSETEX h FIELDS 2 a b", NUMFIELDS),
        ("HSETEX h FIELDS 9223372036854775807 a b", NUMFIELDS),
        ("HSETEX h NX XX FIELDS 1 a b", SYNTAX),
        ("HSETEX h FNX FXX FIELDS 1 a b", SYNTAX),
        ("HSETEX h EX 10 KEEPTTL FIELDS 1 a b", SYNTAX),
        ("HSETEX h KEEPTTL EX 10 FIELDS 1 a b", SYNTAX),
        ("HSETEX h PERSIST FIELDS 1 a b", SYNTAX),
        ("HSETEX h FXX EX abc FIELDS 1 none b", NOT_INTEGER),
        ("HSETEX h EX -1 FIELDS 1 a b", "-ERR invalid expire time in 'hsetex' command"),
        ("HSETEX h EX 9223372036854775807 FIELDS 1 a b", "-ERR invalid expire time in 'hsetex' command"),
        ("HSETEX FIELDS ex 10 FIELDS 1 z b", NOT_INTEGER),
        ("HSETEX h a b c d FIELDS", NUMFIELDS),
        ("HSETEX h z b c FIELDS d", SYNTAX),
    ] {
        e.check(line, error);
    }
    assert!(e.effects().is_empty(), "nothing changed");
    e.check("HSETEX s XX FIELDS 1 z b", "-WRONGTYPE Operation against a key holding the wrong kind of value");
    e.check("HSETEX none XX EX abc FIELDS 1 z b", ":0");
}

#[test]
fn a_key_may_be_called_fields() {
    let mut e = Engine::new();
    e.check("HSETEX fields 2 a b c d", ":1");
    e.check("HGETEX fields 2 a c", "*2 $1 b $1 d");
    e.check("HSETEX fields 1 a b c d", NUMFIELDS);
    e.check("HSETEX h FIELDS 1 fields b", ":1");
    e.check("HGETEX h FIELDS 1 fields", "*1 $1 b");
}

#[test]
fn hsetex_and_hgetex() {
    in_all_encodings(|e| {
        e.check("HSETEX h FIELDS 2 a 1 b 2", ":1");
        e.check("HSETEX h NX FIELDS 1 a 9", ":0");
        e.check("HSETEX h XX FNX FIELDS 2 a 9 c 9", ":0");
        e.check("HSETEX h FXX FIELDS 2 a 9 c 9", ":0");
        e.check("HSETEX h FNX FNX EX 5 EX 100 FIELDS 2 c 3 d 4", ":1");
        e.check("HTTL h FIELDS 3 a c d", "*3 :-1 :100 :100");
        e.check("HSETEX h FXX KEEPTTL KEEPTTL FIELDS 2 a 7 c 8", ":1");
        e.check("HTTL h FIELDS 2 a c", "*2 :-1 :100");
        e.check("HGETEX h FIELDS 3 a c none", "*3 $1 7 $1 8 $-1");
        e.check("HGETEX h PERSIST FIELDS 2 a c", "*2 $1 7 $1 8");
        e.check("HTTL h FIELDS 1 c", "*1 :-1");
        e.check("HGETEX h PX 2000 FIELDS 3 c c none", "*3 $1 8 $1 8 $-1");
        e.check("HPTTL h FIELDS 1 c", "*1 :2000");
        e.check("HGETEX h EXAT 1800000003 FIELDS 1 c", "*1 $1 8");
        e.check("HPTTL h FIELDS 1 c", "*1 :3000");
        e.check("HGETEX h PXAT 1 FIELDS 3 c c a", "*3 $1 8 $-1 $1 7");
        e.check("HMGET h a c", "*2 $-1 $-1");
        e.check("HSETEX h PXAT 1 FIELDS 2 b 1 none 1", ":1");
        e.check("HMGET h b none", "*2 $-1 $-1");
        e.check("HGETDEL h FIELDS 3 d d none", "*3 $1 4 $-1 $-1");
        e.take_effects();
        e.check("HSETEX new PX 0 FIELDS 1 a b", ":1");
        e.check("EXISTS new", ":0");
        e.check("HSETEX new FXX EX 1 FIELDS 1 a b", ":0");
        e.check("HGETEX new EX 1 FIELDS 1 a", "*1 $-1");
        assert!(e.effects().is_empty(), "nothing changed");
    });
}

#[test]
fn what_has_expired_is_not_there() {
    in_all_encodings(|e| {
        let len: i64 = e.call("HLEN h")[1..].parse().expect("a length");
        e.given(&["HSET h f 1 g 2 k 3", "HPEXPIRE h 10 FIELDS 2 f g"]);
        e.now_ms += 10;
        e.check("HGET h f", "$1 1");
        e.now_ms += 1;
        e.check("HGET h f", "$-1");
        e.check("HMGET h f k", "*2 $-1 $1 3");
        e.check("HEXISTS h f", ":0");
        e.check("HSTRLEN h f", ":0");
        e.check("HTTL h FIELDS 1 f", "*1 :-2");
        e.check("HEXPIRE h 10 FIELDS 1 f", "*1 :-2");
        e.check("HPERSIST h FIELDS 1 f", "*1 :-2");
        e.check("HGETDEL h FIELDS 1 f", "*1 $-1");
        e.check("HDEL h f", ":0");
        e.check("HSETEX h FXX FIELDS 1 f 1", ":0");
        e.check("HLEN h", &format!(":{}", len + 3));
        assert_eq!(e.call("HKEYS h").split(' ').next(), Some(&*format!("*{}", len + 1)));
        assert_eq!(e.call("HGETALL h").split(' ').next(), Some(&*format!("*{}", 2 * (len + 1))));
        let all = len + 3;
        assert_eq!(e.call(&format!("HRANDFIELD h {all}")).split(' ').next(), Some(&*format!("*{}", len + 1)));
        let most = if len > 1 { len } else { 2 };
        assert_eq!(e.call(&format!("HRANDFIELD h {most}")).split(' ').next(), Some(&*format!("*{most}")));
        assert_eq!(e.call("HRANDFIELD h -50").split(' ').next(), Some("*50"));
        let scanned = e.call("HSCAN h 0 COUNT 5000 NOVALUES");
        assert_eq!(scanned.split(' ').nth(3), Some(&*format!("*{}", len + 1)));
        e.take_effects();
        assert_eq!(e.local.counters.expired_fields, 0);
        // What overwrites it begins anew, and is logged so that nobody need know when.
        e.check("HINCRBY h f 5", ":5");
        e.check("HSETNX h g 6", ":1");
        e.check("HTTL h FIELDS 2 f g", "*2 :-1 :-1");
        assert_eq!(e.effects(), ["HSET h f 5", "HSET h g 6"]);
        assert_eq!(e.local.counters.expired_fields, 2);
        e.given(&["HPEXPIRE h 10 FIELDS 2 f g"]);
        e.now_ms += 11;
        e.check("HSET h f 1 k 1", ":1");
        e.check("HSETEX h KEEPTTL FIELDS 1 g 1", ":1");
        assert_eq!(e.effects(), ["HSET h f 1 k 1", "HSET h g 1"]);
        e.check("HTTL h FIELDS 2 f g", "*2 :-1 :-1");
        e.check("HLEN h", &format!(":{all}"));
    });
}

#[test]
fn a_hash_whose_fields_have_all_expired() {
    let mut e = Engine::new();
    e.given(&["HSETEX h PX 10 FIELDS 2 f 1 g 2"]);
    e.now_ms += 11;
    e.check("EXISTS h", ":1");
    e.check("TYPE h", "+hash");
    e.check("HLEN h", ":2");
    e.check("HGETALL h", "*0");
    e.check("HKEYS h", "*0");
    e.check("HSCAN h 0", "*2 $1 0 *0");
    e.check("HRANDFIELD h", "$-1");
    e.check("HRANDFIELD h 1", "*0");
    e.check("HRANDFIELD h 3", "*0");
    e.check("HRANDFIELD h -3 WITHVALUES", "*0");
    e.check("HSETEX h NX FIELDS 1 f 1", ":0");
}

#[test]
fn long_replies_leave_out_what_has_expired() {
    let mut e = Engine::new();
    for i in 0..3000 {
        e.call(&format!("HSET h f{i} {i}"));
    }
    for i in (0..3000).step_by(3) {
        e.call(&format!("HPEXPIRE h 10 FIELDS 1 f{i}"));
    }
    e.now_ms += 11;
    assert_eq!(e.call("HGETALL h").split(' ').next(), Some("*4000"));
    assert_eq!(e.went_on, Some("worker"));
    assert_eq!(e.call("HVALS h").split(' ').next(), Some("*2000"));
    let some = e.call("HRANDFIELD h 1800");
    assert_eq!(e.went_on, Some("worker"));
    let mut fields: Vec<&str> = some.split(' ').skip(2).step_by(2).collect();
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(fields.len(), 1800);
    assert!(fields.iter().all(|field| field[1..].parse::<u32>().expect("a number") % 3 != 0));
}

#[test]
fn copies_and_new_names_keep_instants() {
    in_all_encodings(|e| {
        e.given(&["HSETEX h EX 50 FIELDS 1 f 1", "COPY h copied", "RENAME h renamed", "MOVE copied 3"]);
        e.check("HTTL renamed FIELDS 1 f", "*1 :50");
        e.given(&["HSET renamed f 2"]);
        e.session.db = 3;
        e.check("HTTL copied FIELDS 1 f", "*1 :50");
        e.check("HGET copied f", "$1 1");
        e.session.db = 0;
    });
}

/// Keys of database `db` in which something expires on its own, as `INFO` has it.
fn volatile_items(e: &Engine, db: u16) -> i64 {
    e.keyspace.counters(db).volatile_items.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn keys_with_volatile_items_are_counted() {
    in_all_encodings(|e| {
        assert_eq!(volatile_items(e, 0), 0);
        e.given(&["HSETEX h EX 50 FIELDS 1 f 1"]);
        assert_eq!(volatile_items(e, 0), 1);
        e.given(&["HSETEX h EX 60 FIELDS 2 f 1 g 2", "COPY h c", "RENAME h r", "EXPIRE r 100"]);
        assert_eq!(volatile_items(e, 0), 2);
        e.given(&["MOVE c 3"]);
        assert_eq!((volatile_items(e, 0), volatile_items(e, 3)), (1, 1));
        e.given(&["HPERSIST r FIELDS 1 f", "HDEL r g"]);
        assert_eq!(volatile_items(e, 0), 0);
        e.given(&["HGETEX r EX 1 FIELDS 1 f", "SET r x"]);
        assert_eq!(volatile_items(e, 0), 0);
        e.given(&["HSETEX x PX 100 FIELDS 1 f 1", "HSET x f 1"]);
        assert_eq!(volatile_items(e, 0), 0);
        e.given(&["HSETEX x PX 100 FIELDS 1 f 1", "DEL x"]);
        assert_eq!(volatile_items(e, 0), 0);
    });
}
