//! The family through its commands; `peer` compares it with a real server.

mod engine;
mod peer;

use keyspace::Sharding;
use wire::resp::Reply;

use engine::{Engine, show};

const NOW: i64 = 1_800_000_000_000;

fn engine() -> Engine {
    Engine::new(Sharding::Hash { bits: 4 })
}

#[test]
fn del_unlink_and_exists_count_keys() {
    let mut e = engine();
    e.call("MSET a 1 b 2 c 3");
    e.check("EXISTS a a b none", "3");
    e.effects();
    e.check("DEL a none a", "1");
    e.check("UNLINK b c", "2");
    assert_eq!(e.effects(), ["0: DEL a none a", "0: UNLINK b c"]);
    e.check("DEL a b c", "0");
    assert_eq!(e.effects(), [""; 0]);
    e.check("DBSIZE", "0");
}

#[test]
fn a_key_lives_through_its_last_millisecond() {
    let mut e = engine();
    e.call("SET k v");
    e.check("PEXPIREAT k 1800000001000", "1");
    e.now_ms = NOW + 1000;
    e.check("PTTL k", "0");
    e.check("EXISTS k", "1");
    e.effects();
    e.now_ms += 1;
    e.check("TTL k", "-2");
    assert_eq!(e.effects(), ["0: UNLINK k"]);
    e.check("DBSIZE", "0");
    assert_eq!(e.local.counters.expired_keys, 1);
}

#[test]
fn expiries_are_logged_as_instants() {
    let mut e = engine();
    e.call("SET k v");
    e.effects();
    e.check("EXPIRE k 10", "1");
    e.check("PEXPIRE k 20", "1");
    e.check("EXPIREAT k 1800000030", "1");
    e.check("PEXPIREAT k 1800000000040", "1");
    e.check("PERSIST k", "1");
    e.check("PERSIST k", "0");
    assert_eq!(
        e.effects(),
        [
            "0: PEXPIREAT k 1800000010000",
            "0: PEXPIREAT k 1800000000020",
            "0: PEXPIREAT k 1800000030000",
            "0: PEXPIREAT k 1800000000040",
            "0: PERSIST k"
        ]
    );
}

#[test]
fn an_instant_that_is_not_in_the_future_removes_the_key() {
    for line in ["EXPIRE k 0", "EXPIRE k -5", "PEXPIREAT k 1800000000000", "EXPIREAT k -1", "PEXPIRE k -1 LT"]
    {
        let mut e = engine();
        e.call("SET k v");
        e.effects();
        e.check(line, "1");
        assert_eq!(e.effects(), ["0: UNLINK k"], "{line}");
        e.check("EXISTS k", "0");
        assert_eq!(e.local.counters.expired_keys, 0, "the client removed it");
    }
}

#[test]
fn conditions_compare_with_the_ttl_there_is() {
    // (TTL before, option, TTL asked for) → whether it is taken.
    let cases = [
        (None, "NX", 10, true),
        (Some(5), "NX", 10, false),
        (None, "XX", 10, false),
        (Some(5), "XX", 10, true),
        (None, "GT", 10, false),
        (Some(5), "GT", 10, true),
        (Some(10), "GT", 10, false),
        (None, "LT", 10, true),
        (Some(5), "LT", 10, false),
        (Some(10), "LT", 10, false),
        (Some(15), "LT", 10, true),
        (None, "xx LT", 10, false),
        (Some(15), "xx LT", 10, true),
        (Some(5), "xx gt", 10, true),
        (Some(5), "GT", -1, false),
        (Some(5), "NX", -1, false),
    ];
    for (before, option, asked, taken) in cases {
        let mut e = engine();
        e.call("SET k v");
        if let Some(seconds) = before {
            e.check(&format!("EXPIRE k {seconds}"), "1");
        }
        let line = format!("EXPIRE k {asked} {option}");
        e.check(&line, if taken { "1" } else { "0" });
        let after = if taken { asked } else { before.unwrap_or(-1) };
        assert_eq!(show(&e.call("TTL k")), after.to_string(), "{line} after {before:?}");
    }
}

#[test]
fn expire_refuses_before_it_looks() {
    let mut e = engine();
    e.check(
        "EXPIRE none 10 NX GT",
        "(error) ERR NX and XX, GT or LT options at the same time are not compatible",
    );
    e.check("EXPIRE none 10 GT LT", "(error) ERR GT and LT options at the same time are not compatible");
    e.check("EXPIRE none x FOO", "(error) ERR Unsupported option FOO");
    e.check("EXPIRE none x", "(error) ERR value is not an integer or out of range");
    e.check("EXPIRE none 9223372036854775", "(error) ERR invalid expire time in 'expire' command");
    e.check("EXPIRE none -9223372036854776", "(error) ERR invalid expire time in 'expire' command");
    e.check("PEXPIRE none 9223372036854775807", "(error) ERR invalid expire time in 'pexpire' command");
    e.check("EXPIREAT none 9223372036854776", "(error) ERR invalid expire time in 'expireat' command");
    e.check("PEXPIREAT none 9223372036854775807", "0");
}

#[test]
fn seconds_are_rounded_to_the_nearest() {
    let mut e = engine();
    e.call("SET k v");
    e.check("TTL k", "-1");
    e.check("PEXPIRETIME k", "-1");
    for (ms, seconds) in [(1, 0), (499, 0), (500, 1), (1499, 1), (1500, 2)] {
        e.check(&format!("PEXPIRE k {ms}"), "1");
        e.check("TTL k", &seconds.to_string());
        e.check("PTTL k", &ms.to_string());
        e.check("EXPIRETIME k", &(NOW / 1000 + seconds).to_string());
    }
    e.check("PEXPIREAT k 9223372036854775807", "1");
    e.check("EXPIRETIME k", "9223372036854776");
    e.check("PEXPIRETIME k", "9223372036854775807");
}

#[test]
fn rename_takes_value_and_ttl_along() {
    let mut e = engine();
    e.call("SET a 1");
    e.call("PEXPIRE a 5000");
    e.call("SET b 2");
    e.effects();
    e.check("RENAMENX a b", "0");
    e.check("RENAME a b", "OK");
    assert_eq!(e.effects(), ["0: RENAME a b"]);
    e.check("GET b", "\"1\"");
    e.check("PTTL b", "5000");
    e.check("EXISTS a", "0");
    e.check("DBSIZE", "1");
    e.check("RENAME b b", "OK");
    e.check("RENAMENX b b", "0");
    e.check("RENAME a a", "(error) ERR no such key");
    e.check("RENAMENX b c", "1");
    assert_eq!(e.effects(), ["0: RENAMENX b c"]);
    e.now_ms += 5001;
    e.check("RENAME c d", "(error) ERR no such key");
    assert_eq!(e.effects(), ["0: UNLINK c"]);
}

#[test]
fn copy_keeps_the_ttl_and_parts_ways() {
    let mut e = engine();
    let long = "x".repeat(100_000);
    e.call(&format!("SET a {long}"));
    e.call("PEXPIRE a 5000");
    e.effects();
    e.check("COPY a b", "1");
    e.check("COPY a b", "0");
    e.check("COPY a a", "(error) ERR source and destination objects are the same");
    e.check("COPY a b REPLACE DB 3", "1");
    assert_eq!(e.effects(), ["0: COPY a b", "0: COPY a b REPLACE DB 3"]);
    e.check("PTTL b", "5000");
    e.call("SETRANGE b 50000 yyy");
    e.check("GETRANGE a 49999 50003", "\"xxxxx\"");
    e.check("GETRANGE b 49999 50003", "\"xyyyx\"");
    e.session.db = 3;
    e.check("STRLEN b", "100000");
    e.check("PTTL b", "5000");
    e.session.db = 0;
    e.call("SET short 1");
    e.check("COPY short b REPLACE", "1");
    e.check("GET b", "\"1\"");
    e.check("TTL b", "-1");
    e.check("COPY none b REPLACE", "0");
    e.check("GET b", "\"1\"");
}

#[test]
fn a_copy_of_a_large_string_shares_its_chunks() {
    let mut e = engine();
    e.call(&format!("SET a {}", "x".repeat(1 << 20)));
    e.check("COPY a b", "1");
    let key = e.keyspace.hasher.place(b"b");
    let shard = e.keyspace.shard(key.shard).lock_blocking();
    let entry = shard.table(0).and_then(|t| t.get(key.order, b"b")).expect("the copy");
    let keyspace::Value::Object(keyspace::Object::String(big)) = entry.value() else {
        panic!("a large string")
    };
    assert!(big.is_shared());
}

#[test]
fn move_goes_to_another_database_unless_taken() {
    let mut e = engine();
    e.call("SET k v");
    e.call("PEXPIRE k 5000");
    e.effects();
    e.check("MOVE k 0", "(error) ERR source and destination objects are the same");
    e.check("MOVE k 16", "(error) ERR DB index is out of range");
    e.check("MOVE k 5", "1");
    e.check("MOVE k 5", "0");
    assert_eq!(e.effects(), ["0: MOVE k 5"]);
    e.check("DBSIZE", "0");
    e.call("SET k w");
    e.check("MOVE k 5", "0");
    e.session.db = 5;
    e.check("GET k", "\"v\"");
    e.check("PTTL k", "5000");
    e.check("DBSIZE", "1");
}

/// Keys of a reply, sorted.
fn sorted(reply: &Reply) -> Vec<String> {
    let Reply::Array(items) = reply else { panic!("{reply:?} is no array") };
    let mut keys: Vec<String> = items.iter().map(show).collect();
    keys.sort();
    keys
}

/// All that a `SCAN` with `options` meets, in the order met.
fn scan_all(e: &mut Engine, options: &str) -> Vec<String> {
    let (mut cursor, mut met) = ("0".to_owned(), Vec::new());
    loop {
        let reply = e.call(&format!("SCAN {cursor}{options}"));
        let Reply::Array(parts) = &reply else { panic!("{reply:?}") };
        let Reply::Array(keys) = &parts[1] else { panic!("{reply:?}") };
        met.extend(keys.iter().map(show));
        cursor = String::from_utf8_lossy(parts[0].as_bytes().expect("a cursor")).into_owned();
        if cursor == "0" {
            return met;
        }
    }
}

#[test]
fn walks_meet_every_key_exactly_once() {
    for sharding in [Sharding::Hash { bits: 0 }, Sharding::Hash { bits: 6 }, Sharding::Slot] {
        let mut e = Engine::new(sharding);
        let mut expected: Vec<String> = (0..20_000).map(|i| format!("\"key:{i}\"")).collect();
        expected.sort();
        for i in 0..20_000 {
            e.call(&format!("SET key:{i} v"));
        }
        e.call("SET expired v");
        e.call("PEXPIRE expired 1");
        e.now_ms += 2;
        for gate in [false, true] {
            e.gate = gate;
            assert_eq!(sorted(&e.call("KEYS *")), expected);
            for options in ["", " COUNT 100", " COUNT 1000000", " MATCH key:* COUNT 9000 TYPE string"] {
                let mut met = scan_all(&mut e, options);
                met.sort();
                assert_eq!(met, expected, "SCAN{options} with {sharding:?}");
            }
            assert_eq!(sorted(&e.call("KEYS key:777?")).len(), 10);
            assert_eq!(scan_all(&mut e, " MATCH key:77 COUNT 500"), ["\"key:77\""]);
            assert_eq!(scan_all(&mut e, " TYPE list COUNT 500"), [""; 0]);
        }
    }
}

#[test]
fn a_pattern_with_a_hash_tag_walks_its_slot_alone() {
    let mut e = Engine::new(Sharding::Slot);
    for i in 0..100 {
        e.call(&format!("SET {{t}}{i} v"));
        e.call(&format!("SET other{i} v"));
    }
    e.call("SET {}{t}0 v");
    let tagged = e.keyspace.hasher.place(b"{t}").shard;
    // Other shards may be busy: the walk has no need of them.
    let before = (tagged > 0).then(|| e.keyspace.shard(tagged - 1).lock_blocking());
    assert_eq!(sorted(&e.call("KEYS {t}*")).len(), 100);
    assert_eq!(scan_all(&mut e, " MATCH {t}*7 COUNT 7").len(), 10);
    drop(before);
    assert_eq!(sorted(&e.call("KEYS {}{t}*")), ["\"{}{t}0\""]);
    assert_eq!(sorted(&e.call("KEYS *{t}*")).len(), 101);
    assert_eq!(sorted(&e.call("KEYS other[1]")), ["\"other1\""]);
    assert_eq!(sorted(&e.call("KEYS other1")), ["\"other1\""]);
}

#[test]
fn scan_stops_at_a_busy_shard_and_goes_on_from_there() {
    let mut e = engine();
    for i in 0..1000 {
        e.call(&format!("SET {i} v"));
    }
    let keyspace = e.keyspace;
    let held = keyspace.shard(7).lock_blocking();
    let reply = e.call("SCAN 0 COUNT 100000");
    let Reply::Array(parts) = &reply else { panic!("{reply:?}") };
    let Reply::Array(first) = &parts[1] else { panic!("{reply:?}") };
    assert!(!first.is_empty() && first.len() < 1000);
    let cursor = parts[0].as_bytes().expect("a cursor").to_vec();
    assert_eq!(e.try_call(&[b"SCAN", &cursor, b"COUNT", b"100000"]), Err(7));
    drop(held);
    let rest = e.try_call(&[b"SCAN", &cursor, b"COUNT", b"100000"]).expect("nothing is busy");
    let Reply::Array(parts) = &rest else { panic!("{rest:?}") };
    let Reply::Array(rest) = &parts[1] else { panic!("{rest:?}") };
    assert_eq!(show(&parts[0]), "\"0\"");
    let mut keys: Vec<String> = first.iter().chain(rest).map(show).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), first.len() + rest.len()), (1000, 1000));
}

#[test]
fn keys_waits_for_a_busy_shard() {
    let mut e = engine();
    for i in 0..1000 {
        e.call(&format!("SET {i} v"));
    }
    let keyspace = e.keyspace;
    let (told, hears) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        let _held = keyspace.shard(7).lock_blocking();
        told.send(()).expect("the test waits");
        std::thread::sleep(std::time::Duration::from_millis(30));
    });
    hears.recv().expect("the shard is held");
    assert_eq!(sorted(&e.call("KEYS *")).len(), 1000);
    holder.join().expect("the holder is well");
}

#[test]
fn scan_refuses_what_it_does_not_know() {
    let mut e = engine();
    for cursor in ["x", "-1", "0x", "18446744073709551616"] {
        e.check(&format!("SCAN {cursor} FOO"), "(error) ERR invalid cursor");
    }
    for cursor in ["00", "+0", "-0", "\t0", "18446744073709551615", "-01"] {
        e.check(&format!("SCAN {cursor}"), "[\"0\" []]");
    }
    e.check("SCAN 0 FOO x", "(error) ERR syntax error");
    e.check("SCAN 0 MATCH", "(error) ERR syntax error");
    e.check("SCAN 0 COUNT 0", "(error) ERR syntax error");
    e.check("SCAN 0 COUNT x FOO", "(error) ERR value is not an integer or out of range");
    e.check("SCAN 0 TYPE foo COUNT x", "(error) ERR unknown type name 'foo'");
    e.check("SCAN 0 NOVALUES", "(error) ERR NOVALUES option can only be used in HSCAN");
    e.check("SCAN 0 NOSCORES", "(error) ERR NOSCORES option can only be used in ZSCAN");
}

#[test]
fn randomkey_picks_every_key_and_nothing_expired() {
    let mut e = engine();
    e.check("RANDOMKEY", "nil");
    e.call("MSET a 1 b 2 c 3 d 4");
    e.call("PEXPIRE d 1");
    e.now_ms += 2;
    let mut met: Vec<String> = (0..1000).map(|_| show(&e.call("RANDOMKEY"))).collect();
    met.sort();
    met.dedup();
    assert_eq!(met, ["\"a\"", "\"b\"", "\"c\""]);
}

#[test]
fn asking_is_no_use_but_counts_as_hit_or_miss() {
    let mut e = engine();
    e.call("SET k v");
    e.now_ms += 90_000;
    for line in
        ["EXISTS k", "TTL k", "PTTL k", "TYPE k", "EXPIRETIME k", "OBJECT ENCODING k", "OBJECT REFCOUNT k"]
    {
        let hits = e.local.counters.keyspace_hits;
        e.call(line);
        assert_eq!(e.local.counters.keyspace_hits, hits + 1, "{line}");
        e.check("OBJECT IDLETIME k", "90");
    }
    let misses = e.local.counters.keyspace_misses;
    e.check("TTL none", "-2");
    e.check("TYPE none", "none");
    assert_eq!(e.local.counters.keyspace_misses, misses + 2);
    e.session.no_touch = true;
    e.call("GET k");
    e.check("OBJECT IDLETIME k", "90");
    e.check("TOUCH k k none", "2");
    e.check("OBJECT IDLETIME k", "0");
}

#[test]
fn object_freq_and_idletime_go_by_the_policy() {
    let mut e = engine();
    e.call("SET k v");
    let text = show(&e.call("OBJECT FREQ k"));
    assert!(text.starts_with("(error) ERR An LFU maxmemory policy is not selected, "), "{text}");
    e.check("OBJECT FREQ none", "nil");
    e.limits.policy_is_lfu = true;
    e.call("SET k v");
    e.call("DEL k");
    e.call("SET k v");
    e.check("OBJECT FREQ k", "5");
    e.now_ms += 120_000;
    e.check("OBJECT FREQ k", "3");
    let text = show(&e.call("OBJECT IDLETIME k"));
    assert!(text.starts_with("(error) ERR An LFU maxmemory policy is selected, "), "{text}");
    e.check("OBJECT IDLETIME none", "nil");
}

#[test]
fn encodings_follow_length_key_and_history() {
    let mut e = engine();
    let (k10, k20) = ("k".repeat(10), "k".repeat(20));
    for (len, name) in [(103, "\"embstr\""), (104, "\"raw\"")] {
        e.call(&format!("SET {k10} {}", "x".repeat(len)));
        e.check(&format!("OBJECT ENCODING {k10}"), name);
        // A TTL that comes later makes no difference, one that was there does.
        e.call(&format!("EXPIRE {k10} 100"));
        e.check(&format!("OBJECT ENCODING {k10}"), name);
        e.call(&format!("SET {k10} {}", "x".repeat(len - 8)));
        e.check(&format!("OBJECT ENCODING {k10}"), name);
        e.call(&format!("DEL {k10}"));
    }
    e.call(&format!("SET {k10} {}", "x".repeat(100)));
    e.call(&format!("RENAME {k10} {k20}"));
    e.check(&format!("OBJECT ENCODING {k20}"), "\"raw\"");
    e.call(&format!("COPY {k20} copy"));
    e.check("OBJECT ENCODING copy", "\"raw\"");
    e.call(&format!("RENAME {k20} {k10}"));
    e.check(&format!("OBJECT ENCODING {k10}"), "\"raw\"");
    e.call("SET n 12");
    e.check("OBJECT ENCODING n", "\"int\"");
    e.call("APPEND n 3");
    e.check("OBJECT ENCODING n", "\"raw\"");
    e.call(&format!("SET big {}", "x".repeat(5000)));
    e.check("OBJECT ENCODING big", "\"raw\"");
    e.check("OBJECT REFCOUNT big", "1");
    e.check("OBJECT ENCODING none", "nil");
}

#[test]
fn object_help_names_every_subcommand() {
    let mut e = engine();
    let text = show(&e.call("OBJECT HELP"));
    for word in
        ["OBJECT <subcommand>", "ENCODING <key>", "FREQ <key>", "IDLETIME <key>", "REFCOUNT <key>", "HELP"]
    {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}
