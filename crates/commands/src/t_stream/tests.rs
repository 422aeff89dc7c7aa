//! The family through its commands. Expected replies are those of valkey-server 9.1.2.

use crate::testing::Engine;

const INVALID: &str = "-ERR Invalid stream ID specified as stream command argument";
const SYNTAX: &str = "-ERR syntax error";
const WRONG_INT: &str = "-ERR value is not an integer or out of range";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn every_row_of_the_group_has_a_body() {
    let mut names: Vec<_> = super::COMMANDS.iter().map(|spec| spec.facts.name).collect();
    names.sort_unstable();
    let mut facts = Vec::new();
    for row in crate::facts::stream::ALL {
        match row.subcommands {
            [] => facts.push(row.name),
            subcommands => facts.extend(subcommands.iter().map(|sub| sub.name)),
        }
    }
    facts.sort_unstable();
    assert_eq!(names, facts);
}

#[test]
fn ids_come_from_the_client_or_the_clock() {
    let mut e = Engine::new();
    e.check("XADD s * a b", "$15 1800000000000-0");
    e.check("XADD s * a b", "$15 1800000000000-1");
    e.now_ms -= 5;
    e.check("XADD s * a b", "$15 1800000000000-2");
    e.check("XADD s 1800000000000-* a b", "$15 1800000000000-3");
    e.check("XADD s 1800000000001-* a b", "$15 1800000000001-0");
    e.check("XADD s 1800000000002 a b", "$15 1800000000002-0");
    let top = "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
    e.check("XADD s 1800000000002 a b", top);
    e.check("XADD s 5-* a b", top);
    e.check("XADD s 0-0 a b", "-ERR The ID specified in XADD must be greater than 0-0");
    e.check("XADD t 0-* a b", "$3 0-1");
    e.check(
        "XADD t 18446744073709551615-18446744073709551615 a b",
        "$41 18446744073709551615-18446744073709551615",
    );
    let last = "-ERR The stream has exhausted the last possible ID, unable to add more items";
    e.check("XADD t * a b", last);
    e.check("XLEN s", ":6");
    e.check("XLEN none", ":0");
    assert_eq!(
        e.effects(),
        [
            "XADD s 1800000000000-0 a b",
            "XADD s 1800000000000-1 a b",
            "XADD s 1800000000000-2 a b",
            "XADD s 1800000000000-3 a b",
            "XADD s 1800000000001-0 a b",
            "XADD s 1800000000002-0 a b",
            "XADD t 0-1 a b",
            "XADD t 18446744073709551615-18446744073709551615 a b",
        ]
    );
}

#[test]
fn arguments_of_xadd_and_xtrim_are_checked_in_valkeys_order() {
    let mut e = Engine::new();
    e.given(&["SET str x", "XADD s 1-1 a b"]);
    let arity = "-ERR wrong number of arguments for 'xadd' command";
    let both = "-ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
    let tilde = "-ERR syntax error, LIMIT cannot be used without the special ~ option";
    for (line, expected) in [
        ("XADD s * a", arity),
        ("XADD s * a b c", arity),
        ("XADD str foo a b", INVALID),
        ("XADD str * a", arity),
        ("XADD str * a b", WRONG_TYPE),
        ("XADD s MAXLEN 10 MINID 1 * a b", both),
        ("XADD s MAXLEN 10 MAXLEN 1 * a b", both),
        ("XADD s MAXLEN ~ x * a b", WRONG_INT),
        ("XADD s MAXLEN -1 * a b", "-ERR The MAXLEN argument must be >= 0."),
        ("XADD s MINID x * a b", INVALID),
        (
            "XADD s LIMIT 10 * a b",
            "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        ("XADD s LIMIT 0 * a b", tilde),
        ("XADD s MAXLEN 10 LIMIT 1 * a b", tilde),
        ("XADD s MAXLEN ~ 10 LIMIT -1 * a b", "-ERR The LIMIT argument must be >= 0."),
        ("XADD s MAXLEN ~ 10", arity),
        ("XADD none NOMKSTREAM * a b", "$-1"),
        ("XTRIM s FOO 2", SYNTAX),
        ("XTRIM s LIMIT 2", "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"),
        ("XTRIM s LIMIT 0", "-ERR syntax error, XTRIM must be called with a trimming strategy"),
        ("XTRIM s MAXLEN ~", WRONG_INT),
        ("XTRIM s MINID ~", INVALID),
        ("XTRIM str MAXLEN 1", WRONG_TYPE),
        ("XTRIM none MAXLEN 1", ":0"),
        ("EXISTS none", ":0"),
    ] {
        e.check(line, expected);
    }
    assert!(e.take_effects().is_empty());
}

/// What was trimmed holds its place in the first node: its id must not come back as the threshold.
#[test]
fn a_trimmed_place_is_no_threshold() {
    let mut e = filled(5, 100);
    e.effects();
    e.check("XTRIM s MINID 3", ":2");
    e.check("XDEL s 3-0", ":1");
    e.check("XADD s MINID ~ 4 6-0 f v", "$3 6-0");
    assert_eq!(e.effects(), ["XTRIM s MINID = 3-0", "XDEL s 3-0", "XADD s MINID = 4-0 6-0 f v"]);
}

/// A stream of `count` messages with ids `1-0`, `2-0`, … and nodes of `node` messages.
fn filled(count: u64, node: usize) -> Engine {
    let mut e = Engine::new();
    e.limits.compact.stream_node_entries = node;
    for ms in 1..=count {
        e.given(&[&format!("XADD s {ms}-0 field {ms}")]);
    }
    e
}

#[test]
fn trimming_by_whole_nodes_is_logged_as_exact() {
    let mut e = filled(25, 10);
    e.check("XTRIM s MAXLEN ~ 14", ":10");
    e.check("XTRIM s MAXLEN ~ 14", ":0");
    e.check("XADD s MAXLEN ~ 6 LIMIT 100 26-0 f v", "$4 26-0");
    e.check("XADD s MINID ~ 24-0 NOMKSTREAM 27-* f v", "$4 27-0");
    e.check("XTRIM s MINID = 23-0", ":2");
    e.check("XTRIM s MAXLEN 1", ":4");
    e.check("XADD t MINID ~ 50 5-1 a b", "$3 5-1");
    e.check("XLEN t", ":0");
    assert_eq!(
        e.effects(),
        [
            "XTRIM s MAXLEN = 15",
            "XADD s MAXLEN = 6 26-0 f v",
            "XADD s MINID = 21-0 NOMKSTREAM 27-0 f v",
            "XTRIM s MINID = 23-0",
            "XTRIM s MAXLEN = 1",
            "XADD t MINID = 18446744073709551615-18446744073709551615 5-1 a b",
        ]
    );
}

#[test]
fn a_limit_bounds_what_is_trimmed() {
    let mut e = filled(300, 2);
    e.check("XTRIM s MAXLEN ~ 0", ":200");
    e.check("XTRIM s MAXLEN ~ 0 LIMIT 7", ":6");
    e.check("XTRIM s MAXLEN ~ 0 LIMIT 0", ":94");
    e.check("XLEN s", ":0");
    e.check("EXISTS s", ":1");
}

#[test]
fn ranges_in_both_directions() {
    let mut e = filled(5, 2);
    e.given(&["XDEL s 3-0", "SET str x"]);
    let message = |ms: u64| format!("*2 $3 {ms}-0 *2 $5 field $1 {ms}");
    let all = |list: &[u64]| {
        let replies: String = list.iter().map(|&ms| format!(" {}", message(ms))).collect();
        format!("*{}{replies}", list.len())
    };
    e.check("XRANGE s - +", &all(&[1, 2, 4, 5]));
    e.check("XREVRANGE s + -", &all(&[5, 4, 2, 1]));
    e.check("XRANGE s (1-0 4", &all(&[2, 4]));
    e.check("XREVRANGE s (4-0 (1", &all(&[2]));
    e.check("XRANGE s 2 + COUNT 2", &all(&[2, 4]));
    e.check("XREVRANGE s + - COUNT 3", &all(&[5, 4, 2]));
    e.check("XRANGE s 9 1", "*0");
    e.check("XRANGE s - + COUNT 0", "*-1");
    e.check("XRANGE s - + COUNT -1", "*-1");
    e.check("XRANGE none - + COUNT 0", "*0");
    e.check("XRANGE s - + COUNT", SYNTAX);
    e.check("XRANGE s - + FOO 1", SYNTAX);
    e.check("XRANGE s x +", INVALID);
    e.check(
        "XRANGE s (18446744073709551615-18446744073709551615 +",
        "-ERR invalid start ID for the interval",
    );
    e.check("XRANGE s - (0-0", "-ERR invalid end ID for the interval");
    e.check("XRANGE str - +", WRONG_TYPE);
}

#[test]
fn long_ranges_are_written_in_slices_from_a_clone() {
    for line in ["XRANGE s - +", "XREVRANGE s + -", "XRANGE s 2-0 2400-0", "XREAD STREAMS s 10-0"] {
        let mut e = filled(2500, 100);
        let at_once: Vec<u8> = e.run(&[b"XRANGE", b"s", b"-", b"+", b"COUNT", b"900"]);
        assert_eq!((e.went_on, at_once[..6].to_vec()), (None, b"*900\r\n".to_vec()));
        let reply = e.call(line);
        assert_eq!(e.went_on, Some("slices"), "{line}");
        let messages = reply.matches("$5 field").count();
        let expected = if line.contains("2400") {
            2399
        } else if line.contains("READ") {
            2490
        } else {
            2500
        };
        assert_eq!(messages, expected, "{line}");
    }
}

#[test]
fn xread_gives_what_is_behind_an_id() {
    let mut e = filled(3, 100);
    e.given(&["SET str x", "XADD t 7-7 a 1"]);
    let two = "*2 *2 $3 2-0 *2 $5 field $1 2 *2 $3 3-0 *2 $5 field $1 3";
    e.check("XREAD STREAMS s 1-0", &format!("*1 *2 $1 s {two}"));
    e.check("XREAD COUNT 1 STREAMS none s t 0 3-0 0", "*1 *2 $1 t *1 *2 $3 7-7 *2 $1 a $1 1");
    e.check("XREAD STREAMS s +", "*1 *2 $1 s *1 *2 $3 3-0 *2 $5 field $1 3");
    for line in ["XREAD STREAMS s $", "XREAD STREAMS none 0", "XREAD STREAMS s 3-0", "XREAD STREAMS none +"] {
        e.check(line, "*-1");
    }
    e.check("XREAD STREAMS s 18446744073709551615-18446744073709551615", "*-1");
    e.check("XREAD STREAMS str 0", WRONG_TYPE);
    e.check("XREAD STREAMS s x", INVALID);
    e.check("XREAD COUNT x STREAMS s 0", WRONG_INT);
    e.check("XREAD FOO STREAMS s 0", SYNTAX);
    let unbalanced = "list of streams: for each stream key an ID or '$' must be specified.";
    e.check("XREAD STREAMS s t 0", &format!("-ERR Unbalanced 'xread' {unbalanced}"));
    e.session.resp = wire::resp::Resp::V3;
    e.check("XREAD STREAMS s 1-0", &format!("%1 $1 s {two}"));
    e.check("XREAD STREAMS s $", "_");
}

#[test]
fn a_group_is_given_each_message_once() {
    let mut e = filled(4, 100);
    e.given(&["XGROUP CREATE s g 0"]);
    e.check(
        "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
        "*1 *2 $1 s *2 *2 $3 1-0 *2 $5 field $1 1 *2 $3 2-0 *2 $5 field $1 2",
    );
    e.check("XREADGROUP GROUP g d NOACK COUNT 1 STREAMS s >", "*1 *2 $1 s *1 *2 $3 3-0 *2 $5 field $1 3");
    e.check("XPENDING s g", "*4 :2 $3 1-0 $3 2-0 *1 *2 $1 c $1 2");
    e.given(&["XDEL s 2-0"]);
    e.now_ms += 10;
    e.check("XREADGROUP GROUP g c STREAMS s 0", "*1 *2 $1 s *2 *2 $3 1-0 *2 $5 field $1 1 *2 $3 2-0 *-1");
    e.check("XREADGROUP GROUP g e STREAMS s 0", "*1 *2 $1 s *0");
    assert_eq!(
        e.effects(),
        [
            "XCLAIM s g c 0 1-0 TIME 1800000000010 RETRYCOUNT 2 FORCE JUSTID LASTID 3-0",
            "XGROUP CREATECONSUMER s g e",
        ]
    );
    e.check("XREADGROUP GROUP g f STREAMS s >", "*1 *2 $1 s *1 *2 $3 4-0 *2 $5 field $1 4");
    e.check("XREADGROUP GROUP g f STREAMS s >", "*-1");
    assert_eq!(
        e.effects(),
        [
            "XCLAIM s g f 0 4-0 TIME 1800000000010 RETRYCOUNT 1 FORCE JUSTID LASTID 4-0",
            "XGROUP SETID s g 4-0 ENTRIESREAD 4",
        ]
    );
    e.check("XPENDING s g - + 9", "*3 *4 $3 1-0 $1 c :0 :2 *4 $3 2-0 $1 c :10 :1 *4 $3 4-0 $1 f :0 :1");
    e.check("XPENDING s g IDLE 5 - + 9", "*1 *4 $3 2-0 $1 c :10 :1");
    e.check("XPENDING s g - + 9 f", "*1 *4 $3 4-0 $1 f :0 :1");
    e.check("XPENDING s g - + 9 nobody", "*0");
    e.check("XPENDING s g - (4-0 1", "*1 *4 $3 1-0 $1 c :0 :2");
    e.check("XACK s g 1-0 4-0 9-9", ":2");
    e.check("XACK s g 1-0", ":0");
    e.check("XACK none g 1-0", ":0");
    assert_eq!(e.effects(), ["XACK s g 1-0 4-0 9-9"]);
    e.check("XGROUP DELCONSUMER s g c", ":1");
    e.check("XPENDING s g", "*4 :0 $-1 $-1 *-1");
}

#[test]
fn errors_of_xreadgroup() {
    let mut e = filled(1, 100);
    e.given(&["XGROUP CREATE s g 0", "SET str x"]);
    let no_group = "-NOGROUP No such key 's' or consumer group 'h' in XREADGROUP with GROUP option";
    e.check("XREADGROUP GROUP h c STREAMS s x", no_group);
    e.check("XREADGROUP GROUP g c STREAMS str >", WRONG_TYPE);
    e.check("XREADGROUP GROUP g c STREAMS s x", INVALID);
    e.check("XREADGROUP COUNT 1 NOACK STREAMS s s s 0", "-ERR Missing GROUP option for XREADGROUP");
    let meaningless = "-ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                       consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
                       return an empty result set.";
    e.check("XREADGROUP GROUP g c STREAMS s $", meaningless);
    let only = "-ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
    e.check("XREAD STREAMS s >", only);
    assert!(e.take_effects().is_empty());
}

#[test]
fn claims_move_messages_and_say_so() {
    let mut e = filled(3, 100);
    e.given(&["XGROUP CREATE s g 0", "XREADGROUP GROUP g c COUNT 2 STREAMS s >"]);
    e.now_ms += 1000;
    e.check("XCLAIM s g d 2000 1-0", "*0");
    e.check("XCLAIM s g d 500 1-0 9-9", "*1 *2 $3 1-0 *2 $5 field $1 1");
    e.check("XCLAIM s g d 0 3-0 FORCE JUSTID RETRYCOUNT 7 IDLE 100", "*1 $3 3-0");
    assert_eq!(
        e.effects(),
        [
            "XGROUP CREATECONSUMER s g d",
            "XCLAIM s g d 0 1-0 TIME 1800000001000 RETRYCOUNT 2 FORCE JUSTID LASTID 2-0",
            "XCLAIM s g d 0 3-0 TIME 1800000000900 RETRYCOUNT 7 FORCE JUSTID LASTID 2-0",
        ]
    );
    e.check("XCLAIM s g d 0 LASTID 3-0", "*0");
    assert_eq!(e.effects(), ["XGROUP SETID s g 3-0 ENTRIESREAD 2"]);
    e.given(&["XDEL s 2-0"]);
    e.check("XAUTOCLAIM s g e 0 0 COUNT 1 JUSTID", "*3 $3 2-0 *1 $3 1-0 *0");
    e.check("XAUTOCLAIM s g e 0 2-0", "*3 $3 0-0 *1 *2 $3 3-0 *2 $5 field $1 3 *1 $3 2-0");
    assert_eq!(
        e.effects(),
        [
            "XCLAIM s g e 0 1-0 TIME 1800000001000 RETRYCOUNT 2 FORCE JUSTID LASTID 3-0",
            "XCLAIM s g c 0 2-0 TIME 1800000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 3-0",
            "XCLAIM s g e 0 3-0 TIME 1800000001000 RETRYCOUNT 8 FORCE JUSTID LASTID 3-0",
        ]
    );
    for (line, expected) in [
        ("XCLAIM s h c x 1-1", "-NOGROUP No such key 's' or consumer group 'h'"),
        ("XCLAIM s g c x 1-1", "-ERR Invalid min-idle-time argument for XCLAIM"),
        ("XCLAIM s g c 0 1-1 IDLE x", "-ERR Invalid IDLE option argument for XCLAIM"),
        ("XCLAIM s g c 0 1-1 TIME x", "-ERR Invalid TIME option argument for XCLAIM"),
        ("XCLAIM s g c 0 1-1 RETRYCOUNT x", "-ERR Invalid RETRYCOUNT option argument for XCLAIM"),
        ("XCLAIM s g c 0 1-1 LASTID x", INVALID),
        ("XCLAIM s g c 0 1-1 FOO", "-ERR Unrecognized XCLAIM option 'FOO'"),
        ("XAUTOCLAIM s g c x 0", "-ERR Invalid min-idle-time argument for XAUTOCLAIM"),
        ("XAUTOCLAIM s g c 0 x", INVALID),
        ("XAUTOCLAIM s g c 0 0 COUNT 0", "-ERR COUNT must be > 0"),
        ("XAUTOCLAIM s g c 0 0 FOO", SYNTAX),
        ("XAUTOCLAIM s h c 0 0", "-NOGROUP No such key 's' or consumer group 'h'"),
    ] {
        e.check(line, expected);
    }
    assert!(e.take_effects().is_empty());
}

#[test]
fn groups_come_and_go() {
    let mut e = filled(2, 100);
    let no_key = "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
                  MKSTREAM option to create an empty stream automatically.";
    e.check("XGROUP CREATE none g 0", no_key);
    e.check("XGROUP CREATE none g x MKSTREAM", INVALID);
    e.check("EXISTS none", ":0");
    e.check("XGROUP CREATE none g $ MKSTREAM", "+OK");
    e.check("XGROUP CREATE s g 1-0 ENTRIESREAD 1", "+OK");
    e.check("XGROUP CREATE s g 1-0", "-BUSYGROUP Consumer Group name already exists");
    e.check("XGROUP CREATE s h 0 ENTRIESREAD -2", "-ERR value for ENTRIESREAD must be positive or -1");
    let wrong = "-ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.";
    e.check("XGROUP CREATE s h 0 FOO", wrong);
    e.check("XGROUP CREATE s h x ENTRIESREAD 5 ENTRIESREAD 6", wrong);
    e.check("XGROUP SETID s h $", "-NOGROUP No such consumer group 'h' for key name 's'");
    e.check("XGROUP CREATECONSUMER s g c", ":1");
    e.check("XGROUP CREATECONSUMER s g c", ":0");
    let lag = |lag: &str| {
        format!(
            "*1 *12 $4 name $1 g $9 consumers :1 $7 pending :0 $17 last-delivered-id $3 1-0 $12 entries-read :1 $3 lag {lag}"
        )
    };
    e.check("XINFO GROUPS s", &lag(":1"));
    e.check("XINFO CONSUMERS s g", "*1 *8 $4 name $1 c $7 pending :0 $4 idle :0 $8 inactive :-1");
    e.check("XGROUP SETID s g +", "+OK");
    e.check("XGROUP DESTROY s g", ":1");
    e.check("XGROUP DESTROY s g", ":0");
    assert_eq!(
        e.effects(),
        [
            "XGROUP CREATE none g $ MKSTREAM",
            "XGROUP CREATE s g 1-0 ENTRIESREAD 1",
            "XGROUP CREATECONSUMER s g c",
            "XGROUP SETID s g +",
            "XGROUP DESTROY s g",
        ]
    );
}

#[test]
fn the_past_of_a_stream_can_be_set() {
    let mut e = filled(2, 100);
    e.check("XSETID s 1-0", "-ERR The ID specified in XSETID is smaller than the target stream top item");
    e.check("XSETID s 9-9 ENTRIESADDED -1", "-ERR entries_added must be positive");
    let fewer = "-ERR The entries_added specified in XSETID is smaller than the target stream length";
    e.check("XSETID s 9-9 ENTRIESADDED 1", fewer);
    let larger = "-ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    e.check("XSETID s 9-9 MAXDELETEDID 10-1", larger);
    e.check("XSETID none 9-9", "-ERR no such key");
    e.check("XSETID s 9-9 FOO", SYNTAX);
    e.check("XSETID s 9-9 ENTRIESADDED 100 MAXDELETEDID 1-1", "+OK");
    assert_eq!(e.effects(), ["XSETID s 9-9 ENTRIESADDED 100 MAXDELETEDID 1-1"]);
    e.check(
        "XINFO STREAM s",
        "*20 $6 length :2 $15 radix-tree-keys :1 $16 radix-tree-nodes :2 $17 last-generated-id $3 9-9 $20 \
         max-deleted-entry-id $3 1-1 $13 entries-added :100 $23 recorded-first-entry-id $3 1-0 $6 groups :0 $11 \
         first-entry *2 $3 1-0 *2 $5 field $1 1 $10 last-entry *2 $3 2-0 *2 $5 field $1 2",
    );
}

#[test]
fn xinfo_full_shows_everything_in_slices_too() {
    let mut e = filled(1, 100);
    e.given(&["XGROUP CREATE s g 0", "XREADGROUP GROUP g c STREAMS s >", "XGROUP CREATECONSUMER s g d"]);
    let head = "*18 $6 length :1 $15 radix-tree-keys :1 $16 radix-tree-nodes :2 $17 last-generated-id $3 1-0 $20 \
                max-deleted-entry-id $3 0-0 $13 entries-added :1 $23 recorded-first-entry-id $3 1-0 $7 entries *1 *2 \
                $3 1-0 *2 $5 field $1 1";
    let at = 1_800_000_000_000i64;
    let group = "$6 groups *1 *14 $4 name $1 g $17 last-delivered-id $3 1-0 $12 entries-read :1 $3 lag :0 $9 pel-count :1";
    let c = format!(
        "*10 $4 name $1 c $9 seen-time :{at} $11 active-time :{at} $9 pel-count :1 $7 pending *1 *3 $3 1-0 :{at} :1"
    );
    let d = format!("*10 $4 name $1 d $9 seen-time :{at} $11 active-time :-1 $9 pel-count :0 $7 pending *0");
    e.check(
        "XINFO STREAM s FULL",
        &format!("{head} {group} $7 pending *1 *4 $3 1-0 $1 c :{at} :1 $9 consumers *2 {c} {d}"),
    );
    let mut e = filled(1500, 100);
    e.given(&["XGROUP CREATE s g 0", "XREADGROUP GROUP g c STREAMS s >"]);
    let reply = e.call("XINFO STREAM s FULL COUNT 0");
    assert_eq!(e.went_on, Some("slices"));
    assert_eq!(reply.matches("$5 field").count(), 1500);
    assert_eq!(reply.matches(&format!(":{at} :1")).count(), 3000);
    assert_eq!(e.call("XINFO STREAM s FULL COUNT 3").matches(&format!(":{at} :1")).count(), 6);
}

#[test]
fn long_lists_of_pending_messages_are_written_in_slices() {
    let mut e = filled(5000, 100);
    e.given(&["XGROUP CREATE s g 0", "XREADGROUP GROUP g c STREAMS s >"]);
    for (line, count, went_on) in [
        ("XPENDING s g - + 1000", 1000, None),
        ("XPENDING s g - + 4500", 4500, Some("slices")),
        ("XPENDING s g - + 9999 c", 5000, Some("slices")),
        ("XPENDING s g IDLE 1 - + 10", 0, Some("slices")),
        ("XPENDING s g 100 4000 9999", 3901, Some("slices")),
    ] {
        let reply = e.call(line);
        assert_eq!((e.went_on, reply.matches("$1 c :0 :1").count()), (went_on, count), "{line}");
        assert!(reply.starts_with(&format!("*{count}")), "{line}");
    }
}

#[test]
fn effects_rebuild_the_same_stream() {
    let mut e = filled(0, 3);
    for ms in 1..=60u64 {
        e.call(&format!("XADD s MAXLEN ~ 20 {ms}-* f {ms} g x"));
        e.call(&format!("XGROUP CREATE s g{} $ MKSTREAM", ms % 3));
        e.call(&format!("XREADGROUP GROUP g{} c{} COUNT 2 STREAMS s >", ms % 3, ms % 4));
        e.call(&format!("XREADGROUP GROUP g{} c{} NOACK COUNT 1 STREAMS s >", ms % 3, ms % 5));
        e.call(&format!("XREADGROUP GROUP g1 c{} COUNT 3 STREAMS s 0", ms % 4));
        e.call(&format!("XACK s g1 {}-0 {}-0", ms.saturating_sub(3), ms / 2));
        e.call(&format!("XDEL s {}-0", ms.saturating_sub(7)));
        e.call(&format!("XCLAIM s g2 c9 0 {}-0 FORCE LASTID {}-0", ms.saturating_sub(7), ms / 3));
        e.call(&format!("XAUTOCLAIM s g0 c8 0 {}-0 COUNT 1", ms / 2));
        e.call(&format!("XTRIM s MINID ~ {}-0", ms / 3));
    }
    let mut replica = Engine::new();
    replica.limits = e.limits;
    for effect in e.take_effects() {
        let argv: Vec<&[u8]> = effect.iter().map(Vec::as_slice).collect();
        assert!(!replica.run(&argv).starts_with(b"-"), "{effect:?}");
    }
    // Consumers are seen at other times; all else is the same, the nodes included.
    let strip = |reply: String| {
        let mut words: Vec<&str> = reply.split(' ').collect();
        for at in 0..words.len() {
            if matches!(words[at], "seen-time" | "active-time") {
                words[at + 1] = "";
            }
        }
        words.join(" ")
    };
    assert_eq!(
        strip(e.call("XINFO STREAM s FULL COUNT 0")),
        strip(replica.call("XINFO STREAM s FULL COUNT 0"))
    );
    e.check("XLEN s", &replica.call("XLEN s"));
}

#[test]
fn what_readers_wait_for() {
    let mut e = filled(2, 100);
    e.given(&["XGROUP CREATE s g $"]);
    let wait = e.waits("XREAD COUNT 1 BLOCK 50 STREAMS s none s $ 0 2-0");
    assert_eq!((wait.keys, wait.timeout_ms, wait.on_nokey), (6..9, Some(50), false));
    assert_eq!(wait.replaced, [(9, b"2-0".to_vec())]);
    let wait = e.waits("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    assert_eq!((wait.keys, wait.timeout_ms, wait.on_nokey), (7..8, None, true));
    assert!(wait.replaced.is_empty());
    // The consumer is there from now on.
    assert_eq!(e.effects(), ["XGROUP CREATECONSUMER s g c"]);
    e.check("XREADGROUP GROUP g c BLOCK 0 STREAMS s 0", "*1 *2 $1 s *0");
    e.check("XREAD BLOCK 0 STREAMS s 1-0", "*1 *2 $1 s *1 *2 $3 2-0 *2 $5 field $1 2");
    e.check("XREAD BLOCK -1 STREAMS s 0", "-ERR timeout is negative");
    e.check("XREAD BLOCK x STREAMS s 0", "-ERR timeout is not an integer or out of range");
}
