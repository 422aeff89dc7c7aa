//! The family through its commands; the comparison with a real server is beside the strings' tests.

use crate::testing::{Engine, show};

const WRONG_INT: &str = "-ERR value is not an integer or out of range";
const WRONG_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const SYNTAX: &str = "-ERR syntax error";

#[test]
fn every_row_of_the_group_has_a_body() {
    let names: Vec<_> = super::COMMANDS.iter().map(|spec| spec.facts.name).collect();
    let facts: Vec<_> = crate::facts::bitmap::ALL.iter().map(|facts| facts.name).collect();
    assert_eq!(names, facts);
}

#[test]
fn setbit_and_getbit() {
    let mut e = Engine::new();
    e.check("GETBIT k 7", ":0");
    e.check("SETBIT k 7 1", ":0");
    e.check("SETBIT k 7 1", ":1");
    e.check("SETBIT k 20 0", ":0");
    e.check("GETBIT k 7", ":1");
    e.check("GETBIT k 4294967295", ":0");
    assert_eq!(e.run(&[b"GET", b"k"]), b"$3\r\n\x01\0\0\r\n");
    assert_eq!(e.form("k"), "bytes raw");
    assert_eq!(e.effects(), ["SETBIT k 7 1", "SETBIT k 20 0"]);
    e.given(&["SETEX n 5 5"]);
    e.check("SETBIT n 3 1", ":1");
    assert_eq!((e.form("n"), e.expire_at_ms("n")), ("bytes raw", Some(1_800_000_005_000)));
    e.check("GET n", "$1 5");
    e.given(&["SET n 5"]);
    e.check("GETBIT n 3", ":1");
}

#[test]
fn setbit_of_a_far_bit_makes_a_string_of_holes() {
    let mut e = Engine::new();
    e.check("SETBIT k 4294967295 1", ":0");
    assert_eq!(e.form("k"), "big");
    e.check("STRLEN k", ":536870912");
    e.check("GETBIT k 4294967295", ":1");
    e.check("SETBIT k 4294967295 0", ":1");
    e.effects();
    e.check("SETBIT k 4294967294 0", ":0");
    assert_eq!(e.effects(), [""; 0], "a bit that stays is no change");
    let place = e.keyspace.hasher.place(b"k");
    let guard = e.keyspace.shard(place.shard).lock_blocking();
    let entry = guard.table(0).and_then(|table| table.get(place.order, b"k")).expect("the key");
    assert!(entry.memory_bytes() < 1 << 20);
}

#[test]
fn offsets_and_bits_are_checked_before_the_key() {
    let mut e = Engine::new();
    for offset in ["-1", "x", "4294967296", "9223372036854775808", "#1"] {
        e.check(&format!("SETBIT k {offset} 1"), WRONG_OFFSET);
        e.check(&format!("GETBIT k {offset}"), WRONG_OFFSET);
    }
    for bit in ["2", "-1", "x", "01", "''"] {
        e.check(&format!("SETBIT k 0 {bit}"), "-ERR bit is not an integer or out of range");
    }
    e.check("EXISTS k", ":0");
}

#[test]
fn bitcount_ranges() {
    let mut e = Engine::new();
    e.given(&["SET a abc", "SET n 12", &format!("SET b {}", "a".repeat(20_000))]);
    for (args, expected) in [
        ("none", ":0"),
        ("none 0 -1 BIT", ":0"),
        ("a", ":10"),
        ("a 0", ":10"),
        ("a -2", ":7"),
        ("a 1 1", ":3"),
        ("a -100 -50", ":3"),
        ("a -1 -2", ":0"),
        ("a 5 4", ":0"),
        ("a 100 200", ":0"),
        ("a 5 -1 bit", ":8"),
        ("a 1 2 BIT", ":2"),
        ("a 0 9223372036854775807 BYTE", ":10"),
        ("n", ":6"),
        ("b", ":60000"),
        ("b 16367 16369", ":9"),
        ("b 130945 130951 BIT", ":3"),
        ("a x", WRONG_INT),
        ("none 0 x", WRONG_INT),
        ("a 0 x nope", SYNTAX),
        ("a x 0 nope", WRONG_INT),
        ("a 0 1 nope", SYNTAX),
        ("a x 1 BIT x", SYNTAX),
    ] {
        e.check(&format!("BITCOUNT {args}"), expected);
    }
    assert_eq!(e.effects(), [""; 0]);
}

#[test]
fn bitpos_ranges() {
    let mut e = Engine::new();
    e.given(&["SET a abc", "SETRANGE b 20000 x", "SETBIT one 0 1", "SETBIT empty 0 0", "SETRANGE e 0 ''"]);
    e.run(&[b"SET", b"full", b"\xff\xff\xff"]);
    for (args, expected) in [
        ("none 0", ":0"),
        ("none 1", ":-1"),
        ("none 1 5 6 BIT", ":-1"),
        ("a 1", ":1"),
        ("a 0 0 -1", ":0"),
        ("a 1 -1", ":17"),
        ("a 1 2 1", ":-1"),
        ("a 1 2 4 BIT", ":2"),
        ("a 1 3 6 BIT", ":-1"),
        ("full 0", ":24"),
        ("full 0 1", ":24"),
        ("full 0 0 -1", ":-1"),
        ("full 0 3", ":-1"),
        ("full 1 3 -1", ":-1"),
        ("full 1 17 20 BIT", ":17"),
        ("full 1 -50 -100", ":0"),
        ("b 1", ":160001"),
        ("b 1 0 19999", ":-1"),
        ("b 0 20000 20000", ":160000"),
        ("a 2", "-ERR The bit argument must be 1 or 0."),
        ("a x", WRONG_INT),
        ("a 1 x", WRONG_INT),
        ("a 1 0 x", WRONG_INT),
        ("a 1 0 x nope", SYNTAX),
        ("a 1 0 1 BIT x", SYNTAX),
    ] {
        e.check(&format!("BITPOS {args}"), expected);
    }
}

#[test]
fn long_ranges_go_to_a_worker() {
    let mut e = Engine::new();
    e.check("SETBIT k 40000000 1", ":0");
    e.check("SETBIT k 3 1", ":0");
    e.check("BITCOUNT k", ":2");
    assert_eq!(e.went_on, Some("worker"));
    e.check("BITPOS k 1 1", ":40000000");
    assert_eq!(e.went_on, Some("worker"));
    e.check("BITCOUNT k 0 1000", ":1");
    assert_eq!(e.went_on, None);
}

#[test]
fn bitop_combines() {
    let mut e = Engine::new();
    e.given(&["MSET a abc b a n 12"]);
    e.check("BITOP AND d a b", ":3");
    assert_eq!(e.run(&[b"GET", b"d"]), b"$3\r\na\0\0\r\n");
    assert_eq!(e.form("d"), "bytes raw");
    e.check("BITOP or d a n none", ":3");
    assert_eq!(e.run(&[b"GET", b"d"]), b"$3\r\nqrc\r\n");
    e.check("BITOP XOR d a a", ":3");
    e.check("BITOP NOT d b", ":1");
    assert_eq!(e.run(&[b"GET", b"d"]), b"$1\r\n\x9e\r\n");
    e.given(&["SETEX d 9 x"]);
    e.check("BITOP OR d b", ":1");
    assert_eq!(e.expire_at_ms("d"), None);
    assert_eq!(e.effects(), ["BITOP OR d b"]);
    e.check("BITOP AND d none none", ":0");
    e.check("BITOP AND d none none", ":0");
    assert_eq!(e.effects(), ["BITOP AND d none none"], "logged only where something was deleted");
    e.check("EXISTS d", ":0");
    for op in ["NOPE", "DIFF", "ONE", "''"] {
        e.check(&format!("BITOP {op} d a"), SYNTAX);
    }
    e.check("BITOP NOT d a b", "-ERR BITOP NOT must be called with a single source key.");
}

#[test]
fn bitop_of_chunked_strings() {
    let mut e = Engine::new();
    let (a, b) = (vec![0xf0_u8; 20_000], vec![0x3c_u8; 40_000]);
    e.run(&[b"MSET", b"a", &a, b"b", &b]);
    e.check("BITOP XOR d a b", ":40000");
    assert_eq!(e.went_on, None);
    let mut expected = b.clone();
    expected[..20_000].fill(0xcc);
    assert_eq!(e.run(&[b"GET", b"d"]), [b"$40000\r\n".as_slice(), &expected, b"\r\n"].concat());
}

#[test]
fn bitop_of_big_sources_runs_in_slices() {
    let mut e = Engine::new();
    let bytes = |seed: u64, len: usize| -> Vec<u8> {
        let mut rng = sys::random::Rng::new(seed);
        (0..len).map(|_| rng.next_u64() as u8).collect()
    };
    let (a, b) = (bytes(1, 3_000_000), bytes(2, 2_222_222));
    e.run(&[b"MSET", b"a", &a, b"b", &b, b"s", b"xyz"]);
    e.effects();
    for (op, combine) in
        [("AND", (|a, b| a & b) as fn(u8, u8) -> u8), ("OR", |a, b| a | b), ("XOR", |a, b| a ^ b)]
    {
        e.check(&format!("BITOP {op} d a b"), ":3000000");
        assert_eq!(e.went_on, Some("slices"));
        let expected: Vec<u8> =
            a.iter().enumerate().map(|(i, &byte)| combine(byte, b.get(i).copied().unwrap_or(0))).collect();
        assert!(e.run(&[b"GET", b"d"]) == [b"$3000000\r\n".as_slice(), &expected, b"\r\n"].concat(), "{op}");
        // The result is what is logged: the sources may be others by the time it is stored.
        assert!(e.take_effects() == [vec![b"SET".to_vec(), b"d".to_vec(), expected]], "{op}");
    }
    e.check("BITOP NOT a a", ":3000000");
    let complement: Vec<u8> = a.iter().map(|byte| !byte).collect();
    assert!(e.run(&[b"GET", b"a"]) == [b"$3000000\r\n".as_slice(), &complement, b"\r\n"].concat());
    e.check("BITOP OR d s a s", ":3000000");
}

#[test]
fn bitop_of_many_short_sources_stores_a_short_result() {
    let mut e = Engine::new();
    let value = "p".repeat(4000);
    e.given(&[&format!("SET a {value}")]);
    let line = format!("BITOP OR d{}", " a".repeat(300));
    e.check(&line, ":4000");
    assert_eq!(e.went_on, Some("slices"));
    assert_eq!(e.form("d"), "bytes raw");
    e.check("GET d", &format!("$4000 {value}"));
}

#[test]
fn bitfield_operations() {
    let mut e = Engine::new();
    e.check("BITFIELD k GET u8 0 GET i5 100", "*2 :0 :0");
    e.check("BITFIELD k", "*0");
    e.check("EXISTS k", ":0");
    assert_eq!(e.effects(), [""; 0]);
    e.check("BITFIELD k SET u8 0 255 GET i4 0 INCRBY u8 #1 7 SET i8 8 -1", "*4 :0 :-1 :7 :7");
    assert_eq!(e.run(&[b"GET", b"k"]), b"$2\r\n\xff\xff\r\n");
    e.check(
        "BITFIELD k OVERFLOW SAT INCRBY u8 0 5 OVERFLOW FAIL INCRBY u8 0 1 OVERFLOW WRAP INCRBY u8 0 1",
        "*3 :255 $-1 :0",
    );
    e.check("BITFIELD k OVERFLOW FAIL SET u4 4 16", "*1 $-1");
    assert_eq!(e.effects().len(), 2);
    e.session.resp = wire::resp::Resp::V3;
    e.check("BITFIELD k OVERFLOW FAIL SET u4 4 16", "*1 _");
    assert_eq!(e.effects(), [""; 0]);
    e.check("BITFIELD k OVERFLOW FAIL SET u4 100 16", "*1 _");
    e.check("STRLEN k", ":13");
    assert_eq!(e.effects(), ["BITFIELD k OVERFLOW FAIL SET u4 100 16"], "it grew");
}

#[test]
fn bitfield_on_chunked_strings() {
    let mut e = Engine::new();
    e.check("BITFIELD k SET u32 32736 4294967295", "*1 :0");
    assert_eq!(e.form("k"), "bytes raw");
    e.check("STRLEN k", ":4096");
    e.check("BITFIELD k INCRBY u32 32737 1", "*1 :4294967295");
    assert_eq!(e.form("k"), "big");
    e.check("STRLEN k", ":4097");
    e.given(&["DEL k"]);
    e.check("BITFIELD k SET i64 130930 -2 INCRBY i64 130930 -1 GET u4 130931", "*3 :0 :-3 :15");
    assert_eq!(e.form("k"), "big");
    e.check("STRLEN k", ":16375");
    e.effects();
    e.check("BITFIELD k SET i64 130930 -3", "*1 :-3");
    assert_eq!(e.effects(), [""; 0]);
    e.check("BITFIELD_RO k GET i64 130930 GET u8 999999", "*2 :-3 :0");
    let whole = show(&e.run(&[b"GETRANGE", b"k", b"16366", b"-1"]));
    assert_eq!(whole, "$9 ?\\xff\\xff\\xff\\xff\\xff\\xff\\xff@");
}

#[test]
fn bitfield_refuses() {
    let mut e = Engine::new();
    let wrong_type =
        "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    for (args, error) in [
        ("GET", SYNTAX),
        ("GET u8", SYNTAX),
        ("SET u8 0", SYNTAX),
        ("OVERFLOW", SYNTAX),
        ("nope", SYNTAX),
        ("OVERFLOW nope", "-ERR Invalid OVERFLOW type specified"),
        ("GET u64 0", wrong_type),
        ("GET i65 0", wrong_type),
        ("SET U8 0 1", wrong_type),
        ("GET u8 x", WRONG_OFFSET),
        ("GET u8 -1", WRONG_OFFSET),
        ("GET u8 #-1", WRONG_OFFSET),
        ("GET u8 4294967296", WRONG_OFFSET),
        ("GET u8 #536870912", WRONG_OFFSET),
        ("SET u8 0 x", WRONG_INT),
        ("SET u8 0 1 GET u8 x", WRONG_OFFSET),
    ] {
        e.check(&format!("BITFIELD k {args}"), error);
    }
    e.check("BITFIELD_RO k GET u8 0 SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand");
    e.check("BITFIELD_RO k INCRBY u8 0 x", WRONG_INT);
    e.check("BITFIELD_RO k OVERFLOW SAT GET u8 0", "*1 :0");
    e.check("EXISTS k", ":0");
    assert_eq!(e.effects(), [""; 0]);
}
