//! COMMANDLOG and SLOWLOG: what is logged of which command, and how long the logs are.

use testkit::reply::Value;

use crate::{Both, pair};

const LIMITS: [&str; 3] =
    ["commandlog-execution-slower-than", "commandlog-request-larger-than", "commandlog-reply-larger-than"];
const KINDS: [&str; 3] = ["slow", "large-request", "large-reply"];

/// Number, size (of a time: nothing), arguments and client name of each entry.
fn entries(with_size: bool) -> impl Fn(&[u8]) -> Vec<String> {
    move |reply| {
        let value = Value::parse(reply).expect("a whole reply");
        let shown = |entry: &Value<'_>| {
            assert_eq!(entry.items.len(), 6);
            let text = |value: &Value<'_>| String::from_utf8_lossy(value.text).into_owned();
            let size = if with_size { text(&entry.items[2]) } else { String::new() };
            let args: Vec<String> = entry.items[3].items.iter().map(text).collect();
            assert!(entry.items[4].text.starts_with(b"127.0.0.1:"));
            format!("{} {size} {args:?} {}", text(&entry.items[0]), text(&entry.items[5]))
        };
        value.items.iter().map(shown).collect()
    }
}

#[test]
fn commands_are_logged_as_in_valkey() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    for limit in LIMITS {
        both.same(&format!("CONFIG SET {limit} 0"));
    }
    let many = (0..80).map(|i| i.to_string()).collect::<Vec<_>>().join(" ");
    let long = "x".repeat(300);
    for line in [
        "GET a",
        &format!("SET a {long}"),
        &format!("MSET {many}"),
        "AUTH x",
        "ACL SETUSER u2 >pw",
        "EVAL return^redis.call('set',KEYS[1],ARGV[1]) 1 a b",
        "MULTI",
        "SET q 1",
        "GET q",
        "EXEC",
        "CONFIG SET requirepass ''",
        "CONFIG SET primaryauth x",
        "AUTH default ''",
        "NOSUCH x",
        "GET",
        "INCR a",
        "DEBUG SLEEP 0",
        "BLPOP nolist 0.01",
        "CLIENT SETNAME nm",
        &format!("PING {long}"),
        "CONFIG GET maxmemory",
        "SUBSCRIBE ch",
        "UNSUBSCRIBE",
        "GETEX a",
        "SETEX e 10 1",
        "EXPIRE e 10",
        "SET f 1 EX 10",
        "GETSET f v",
        "SPOP nos",
        "GEOADD g 1 1 m",
        "INCRBYFLOAT fl 1.5",
        "COMMANDLOG LEN slow",
        "MULTI",
        "EVAL return^redis.call('get',KEYS[1]) 1 f",
        "LRANGE q 0 -1",
        "EXEC",
        "RESET",
        "ECHO a",
        "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0 x",
    ] {
        both.same(line);
    }
    for limit in LIMITS {
        both.same(&format!("CONFIG SET {limit} -1"));
    }
    for (kind, with_size) in KINDS.iter().zip([false, true, true]) {
        let seen = both.same_as(&format!("COMMANDLOG GET -1 {kind}"), entries(with_size));
        assert!(seen.len() > 30, "{kind}: {}", seen.len());
        both.same_as(&format!("COMMANDLOG GET 3 {kind}"), entries(with_size));
        both.same(&format!("COMMANDLOG GET 0 {kind}"));
        both.same(&format!("COMMANDLOG LEN {kind}"));
    }
    both.same_as("SLOWLOG GET", entries(false));
    both.same_as("SLOWLOG GET 5", entries(false));
    both.same_as("SLOWLOG GET -1", entries(false));
    // A shorter length counts from the next entry on.
    both.same("CONFIG SET slowlog-max-len 5");
    both.same("SLOWLOG LEN");
    for length in ["5", "2", "0", "3"] {
        both.same(&format!("CONFIG SET slowlog-max-len {length}"));
        both.same("CONFIG SET slowlog-log-slower-than 0");
        both.same("PING");
        both.same("CONFIG SET slowlog-log-slower-than -1");
        both.same("SLOWLOG LEN");
        both.same_as("COMMANDLOG GET -1 slow", entries(false));
    }
    both.same("COMMANDLOG RESET slow");
    for kind in KINDS {
        both.same(&format!("COMMANDLOG LEN {kind}"));
    }
    both.same("COMMANDLOG RESET large-request");
    both.same("COMMANDLOG RESET large-reply");
    for kind in KINDS {
        both.same(&format!("COMMANDLOG LEN {kind}"));
    }
}
