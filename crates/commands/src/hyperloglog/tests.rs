//! The family through its commands; the comparison with a real server is beside the strings' tests.

use structures::hll::DENSE_BYTES;

use crate::testing::Engine;

const NOT_HLL: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPT: &str = "-INVALIDOBJ Corrupted HLL object detected";

fn elements(range: std::ops::Range<u32>) -> String {
    range.map(|n| format!(" e{n}")).collect()
}

#[test]
fn every_row_of_the_group_has_a_body() {
    let names: Vec<_> = super::COMMANDS.iter().map(|spec| spec.facts.name).collect();
    let facts: Vec<_> = crate::facts::hyperloglog::ALL.iter().map(|facts| facts.name).collect();
    assert_eq!(names, facts);
}

#[test]
fn pfadd_and_pfcount() {
    let mut e = Engine::new();
    e.check("PFCOUNT h", ":0");
    e.check("PFADD h", ":1");
    e.check("PFADD h", ":0");
    e.check("PFADD h a b c", ":1");
    e.check("PFADD h a c", ":0");
    assert_eq!(e.form("h"), "bytes raw");
    e.check("PFCOUNT h", ":3");
    e.check("PFCOUNT h", ":3");
    assert_eq!(
        e.effects(),
        ["PFADD h", "PFADD h a b c", "PFCOUNT h"],
        "the second count came from the cache"
    );
    e.check("PFADD i c d", ":1");
    e.check("PFCOUNT h i none", ":4");
    assert_eq!(e.effects(), ["PFADD i c d"]);
}

#[test]
fn a_dense_value_changes_in_place() {
    let mut e = Engine::new();
    e.check(&format!("PFADD h{}", elements(0..3000)), ":1");
    assert_eq!(e.form("h"), "big");
    e.check("STRLEN h", &format!(":{DENSE_BYTES}"));
    e.check("PFDEBUG ENCODING h", "+dense");
    let before = e.call("PFCOUNT h");
    e.effects();
    e.check(&format!("PFADD h{}", elements(0..100)), ":0");
    assert_eq!(e.effects(), [""; 0]);
    e.check(&format!("PFADD h{}", elements(2990..3100)), ":1");
    let after = e.call("PFCOUNT h");
    assert_ne!(before, after);
    let estimate: i64 = after[1..].parse().expect("a number");
    assert!((3000..3200).contains(&estimate), "{estimate}");
    assert_eq!(e.form("h"), "big");
}

#[test]
fn sparse_values_keep_their_ttl_and_honour_the_limit() {
    let mut e = Engine::new();
    e.given(&["PFADD h a", "PEXPIREAT h 1800000009000", "PFADD h b", "PFCOUNT h"]);
    assert_eq!(e.expire_at_ms("h"), Some(1_800_000_009_000));
    e.limits.hll_sparse_max_bytes = 30;
    e.given(&["PFADD h c d e f g"]);
    e.check("PFDEBUG ENCODING h", "+dense");
    assert_eq!((e.form("h"), e.expire_at_ms("h")), ("big", Some(1_800_000_009_000)));
}

#[test]
fn pfmerge_unites() {
    let mut e = Engine::new();
    e.given(&["PFADD a 1 2 3", "PFADD b 3 4"]);
    e.check("PFMERGE d a none b", "+OK");
    e.check("PFCOUNT d", ":4");
    e.check("PFMERGE d", "+OK");
    e.check("PFMERGE fresh", "+OK");
    e.check("PFCOUNT fresh", ":0");
    assert_eq!(
        e.effects(),
        ["PFMERGE d a none b", "PFCOUNT d", "PFMERGE d", "PFMERGE fresh", "PFCOUNT fresh"]
    );
    e.given(&[&format!("PFADD dense{}", elements(0..3000))]);
    e.check("PFMERGE d dense", "+OK");
    assert_eq!(e.form("d"), "big");
    let (whole, merged) = (e.call("PFCOUNT dense a b"), e.call("PFCOUNT d"));
    assert_eq!(whole, merged);
}

#[test]
fn other_strings_are_refused() {
    let mut e = Engine::new();
    e.given(&["SET s x", "SET n 12", &format!("SET big HYLL{}", "x".repeat(20_000)), "PFADD h a"]);
    for key in ["s", "n", "big"] {
        for line in [
            "PFADD {} a",
            "PFADD {}",
            "PFCOUNT {}",
            "PFCOUNT h {}",
            "PFMERGE {}",
            "PFMERGE h {}",
            "PFDEBUG ENCODING {}",
        ] {
            e.check(&line.replace("{}", key), NOT_HLL);
        }
    }
    e.run(&[b"SET", b"c", b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x00"]);
    e.effects();
    e.check("PFADD c a", CORRUPT);
    e.check("PFCOUNT c", CORRUPT);
    e.check("PFMERGE fresh c", CORRUPT);
    e.check("PFDEBUG GETREG c", CORRUPT);
    e.check("EXISTS fresh", ":0");
    assert_eq!(e.effects(), [""; 0]);
}

#[test]
fn pfdebug_looks_inside() {
    let mut e = Engine::new();
    e.check("PFDEBUG ENCODING h", "-ERR The specified key does not exist");
    e.check("PFDEBUG nope h", "-ERR The specified key does not exist");
    e.given(&["PFADD h a b c"]);
    e.check("PFDEBUG encoding h", "+sparse");
    e.check("PFDEBUG DECODE h", "$44 Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603");
    e.check("PFDEBUG nope h", "-ERR Unknown PFDEBUG subcommand 'nope'");
    e.check("PFDEBUG TODENSE h", ":1");
    e.check("PFDEBUG TODENSE h", ":0");
    e.check("PFDEBUG DECODE h", "-ERR HLL encoding is not sparse");
    assert_eq!(e.effects(), ["PFDEBUG TODENSE h"]);
    e.given(&["PFADD i a b c"]);
    let registers = e.call("PFDEBUG GETREG i");
    assert!(registers.starts_with("*16384 :0 ") && registers.matches(":1").count() == 2);
    assert_eq!(e.form("i"), "big");
    assert_eq!(e.effects(), ["PFDEBUG GETREG i"]);
    e.check("PFDEBUG SIMD on", "+enabled");
    e.check("PFDEBUG SIMD OFF", "+disabled");
    e.check("PFDEBUG SIMD x", "-ERR Argument must be ON or OFF");
    e.check("PFCOUNT i", ":3");
}

#[test]
fn pfselftest_passes() {
    let mut e = Engine::new();
    e.check("PFSELFTEST", "+OK");
    assert_eq!(e.went_on, Some("worker"));
}

/// Runs that end half-way take elements until one belongs behind them.
#[test]
fn what_was_added_before_damage_shows_stays_and_is_logged() {
    let half = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x5f\xff";
    let takes = |name: &String| structures::hll::add(&mut half.to_vec(), name.as_bytes(), 3000).is_ok();
    let names: Vec<String> = (0..20).map(|n| format!("e{n}")).collect();
    let (good, bad): (Vec<_>, Vec<_>) = names.iter().partition(|name| takes(name));
    let mut e = Engine::new();
    e.run(&[b"SET", b"h", half]);
    e.effects();
    e.check(&format!("PFADD h {} {} {} {}", good[0], good[1], bad[0], good[2]), CORRUPT);
    assert_eq!(e.effects(), [format!("PFADD h {} {}", good[0], good[1])]);
    e.check(&format!("PFADD h {} {} {}", good[0], good[1], bad[0]), CORRUPT);
    assert!(e.effects().is_empty(), "they are in");
}
