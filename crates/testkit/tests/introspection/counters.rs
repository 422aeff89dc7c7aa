//! What commands leave in INFO commandstats, errorstats, stats and LATENCY HISTOGRAM.

use std::collections::BTreeMap;

use testkit::reply::Value;

use crate::{Both, info, pair, text};

/// Fields of commandstats without times, and of errorstats. Valkey's Lua asks for a parameter at its start.
fn counts(reply: &[u8]) -> Vec<String> {
    let timeless = |line: &str| {
        let parts = line.split(',').filter(|part| !part.starts_with("usec"));
        parts.collect::<Vec<_>>().join(",")
    };
    let text = text(reply);
    let lines = text.lines().filter(|line| line.contains(':') && !line.starts_with("cmdstat_config|get"));
    let mut lines: Vec<String> = lines.map(timeless).collect();
    lines.sort();
    lines
}

/// Counters that do not depend on the machine.
fn stats(reply: &[u8]) -> Vec<String> {
    const COUNTED: [&str; 13] = [
        "total_connections_received",
        "rejected_connections",
        "expired_keys",
        "evicted_keys",
        "evicted_clients",
        "evicted_scripts",
        "keyspace_hits",
        "keyspace_misses",
        "pubsub_channels",
        "pubsub_patterns",
        "unexpected_error_replies",
        "total_error_replies",
        "acl_access_denied_cmd",
    ];
    let text = text(reply);
    let of_interest = |line: &&str| COUNTED.iter().any(|name| line.starts_with(&format!("{name}:")));
    text.lines().filter(of_interest).map(str::to_owned).collect()
}

/// The commands that LATENCY HISTOGRAM shows, with their calls.
fn histograms(reply: &[u8]) -> BTreeMap<String, i64> {
    let value = Value::parse(reply).expect("a whole reply");
    let calls = |(name, described): (&Value<'_>, &Value<'_>)| {
        let (what, calls) = described.pairs().next().expect("calls come first");
        let (how, within) = described.pairs().nth(1).expect("then the counts");
        assert_eq!((what.text, how.text), (&b"calls"[..], &b"histogram_usec"[..]));
        // The last step holds all calls, and no step holds fewer than the one before.
        let steps: Vec<(i64, i64)> =
            within.pairs().map(|(us, n)| (us.integer().expect("us"), n.integer().expect("calls"))).collect();
        assert!(steps.is_sorted() && steps.iter().map(|(_, n)| n).is_sorted(), "{steps:?}");
        assert_eq!(steps.last().map(|(_, n)| *n), calls.integer());
        (String::from_utf8_lossy(name.text).into_owned(), calls.integer().expect("a number"))
    };
    value.pairs().map(calls).filter(|(name, _)| name != "config|get").collect()
}

fn same_counters(both: &mut Both) {
    both.same_as("INFO commandstats", counts);
    both.same_as("INFO errorstats", counts);
    both.same_as("INFO stats", stats);
    both.same_as("LATENCY HISTOGRAM", histograms);
}

#[test]
fn calls_refusals_and_failures_count_alike() {
    for threads in [1, 2] {
        let servers = pair(threads);
        let mut both = Both::connect(&servers);
        same_counters(&mut both);
        for line in [
            "SET a b",
            "GET a",
            "GET",
            "NOSUCH x",
            "INCR a",
            "LPUSH a b",
            "CONFIG SET nosuch x",
            "CONFIG NOSUCH",
            "CONFIG",
            "CLIENT KILL 1.2.3.4:5",
            "HELLO 9",
            "AUTH x",
            "AUTH u p",
            "SELECT 999",
            "EVAL return^redis.call('incr','a') 0",
            "EVAL return^redis.call('nosuch') 0",
            "EVAL return^redis.pcall('incr','a') 0",
            "EVAL redis.pcall('incr','a') 0",
            "EVAL return^redis.error_reply('MY^err') 0",
            "EVAL return^{err='X^y'} 0",
            "EVAL return^{1,{err='NESTED^y'}} 0",
            "EVAL return^redis.call('get') 0",
            "EVAL local^a 0",
            "EVAL return^nosuch 0",
            "EVALSHA abc 0",
            "FCALL f 0",
            "EVAL return^( 0",
        ] {
            both.same(line);
        }
        same_counters(&mut both);
        for line in [
            "MULTI",
            "INCR a",
            "GET",
            "EXEC",
            "MULTI",
            "INCR a",
            "SET x 1",
            "EXEC",
            "EXEC",
            "DISCARD",
            "MULTI",
            "MULTI",
            "WATCH a",
            "EXEC",
            "MULTI",
            "EVAL return^redis.call('incr','a') 0",
            "GET a",
            "EXEC",
            "WATCH a",
            "SET a c",
            "MULTI",
            "PING",
            "EXEC",
            "MULTI",
            "DISCARD",
        ] {
            both.same(line);
        }
        same_counters(&mut both);
        for line in [
            "BLPOP nolist 0.01",
            "BLPOP a 1",
            "SUBSCRIBE c",
            "SUBSCRIBE",
            "UNSUBSCRIBE c",
            "DEBUG SLEEP 0",
            "SETRANGE a -1 b",
            "SORT a BY",
            "XADD s 0-0 a b",
            "OBJECT ENCODING none",
            "OBJECT FREQ a",
            "GETEX a EX 0",
            "COMMAND GETKEYS nosuch",
            "SPUBLISH a b",
            "PUBLISH a b",
            "EVAL_RO return^redis.call('set','a','b') 0",
            "FUNCTION LOAD x",
            "SCRIPT KILL",
            "PING a b c",
            "ECHO",
            "SET",
            "CLIENT",
            "OBJECT HELP x",
        ] {
            both.same(line);
        }
        same_counters(&mut both);
        both.same("CONFIG RESETSTAT");
        same_counters(&mut both);
    }
}

#[test]
fn waits_and_users_count_alike() {
    let servers = pair(2);
    let [mut admin, mut user, mut waiting] = [0; 3].map(|_| Both::connect(&servers));
    for line in ["ACL SETUSER u on >p +get +auth +blpop ~k*", "CONFIG RESETSTAT"] {
        admin.same(line);
    }
    for line in ["AUTH u p", "SET a b", "GET a", "GET k1", "AUTH u bad", "EVAL return^1 0"] {
        user.same(line);
    }
    // Served, failed when served, timed out.
    for push in ["RPUSH list x", "SET list y"] {
        waiting.send("BLPOP list 0");
        while info(&mut admin.0[0], "clients")["blocked_clients"] != "1"
            || info(&mut admin.0[1], "clients")["blocked_clients"] != "1"
        {}
        admin.same(push);
        if push.starts_with("SET") {
            admin.same("DEL list");
            admin.same("RPUSH list z");
        }
        waiting.next();
    }
    waiting.same("BLPOP list 0.01");
    admin.ask("CONFIG RESETSTAT");
    for line in ["BLMOVE a b LEFT LEFT 0.01", "GET k"] {
        waiting.same(line);
    }
    user.same("BLPOP k1 0.01");
    admin.same_as("INFO errorstats", counts);
    admin.same_as("INFO commandstats", |reply| {
        let mut lines = counts(reply);
        // How often the client was looked for depends on the machine.
        lines.retain(|line| !line.starts_with("cmdstat_info"));
        lines
    });
}

#[test]
fn short_memory_counts_alike() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    for line in [
        "SET k v",
        "CONFIG RESETSTAT",
        "CONFIG SET maxmemory 1",
        "SET x y",
        "GET k",
        "MULTI",
        "SET x y",
        "EXEC",
        "EVAL return^redis.call('set',KEYS[1],'y') 1 x",
    ] {
        both.same(line);
    }
    // Above the limit, with nothing that may be evicted.
    std::thread::sleep(std::time::Duration::from_millis(60));
    both.same("SET x y");
    for client in &mut both.0 {
        let stats = info(client, "stats");
        for name in ["current_eviction_exceeded_time", "total_eviction_exceeded_time"] {
            assert!(
                (50..20_000).contains(&stats[name].parse::<u64>().expect("ms")),
                "{name}: {}",
                stats[name]
            );
        }
    }
    both.same("CONFIG SET maxmemory 0");
    both.same("CONFIG SET maxmemory 1gb");
    both.same("SET x y");
    for client in &mut both.0 {
        let stats = info(client, "stats");
        assert_eq!(stats["current_eviction_exceeded_time"], "0");
        assert!(stats["total_eviction_exceeded_time"].parse::<u64>().expect("ms") >= 50);
    }
    same_counters(&mut both);
    both.same("CONFIG RESETSTAT");
    for client in &mut both.0 {
        assert_eq!(info(client, "stats")["total_eviction_exceeded_time"], "0");
    }
}

#[test]
fn error_codes_beyond_the_limit_share_a_counter() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    for i in 0..140 {
        both.same(&format!("EVAL return^{{err='E{i}^text'}} 0"));
    }
    both.same("SET a");
    both.same("LPUSH");
    both.same("EVAL return^{err='E3^text'} 0");
    both.same("EVAL return^{err='nospace'} 0");
    both.same_as("INFO errorstats", counts);
}

#[test]
fn latency_percentiles_follow_the_parameters() {
    let servers = pair(2);
    let mut both = Both::connect(&servers);
    let view = |reply: &[u8]| {
        let text = text(reply);
        let form = |line: &str| {
            let (name, values) = line.split_once(':').expect("a field");
            let names = values.split(',').map(|pair| pair.split('=').next().unwrap_or_default().to_owned());
            (name.to_owned(), names.collect::<Vec<_>>())
        };
        let mut lines: Vec<_> =
            text.lines().filter(|l| l.contains(':') && !l.contains("config|get")).map(form).collect();
        lines.sort();
        lines
    };
    for line in [
        "CONFIG RESETSTAT",
        "SET a b",
        "CONFIG SET latency-tracking-info-percentiles 50^99.999^100",
        "CONFIG SET latency-tracking-info-percentiles ''",
        "CONFIG SET latency-tracking-info-percentiles x",
        "CONFIG SET latency-tracking-info-percentiles 101",
        "CONFIG SET latency-tracking no",
        "GET a",
        "CONFIG SET latency-tracking yes",
        "GET a",
        "CONFIG SET latency-tracking-info-percentiles 50^99^99.9",
    ] {
        both.same(line);
        both.same_as("INFO latencystats", view);
        for asked in [
            "LATENCY HISTOGRAM set",
            "LATENCY HISTOGRAM SET Get nosuch",
            "LATENCY HISTOGRAM config|set set",
            "LATENCY HISTOGRAM client",
        ] {
            both.same_as(asked, histograms);
        }
    }
    both.ask("HELLO 3");
    both.same_as("LATENCY HISTOGRAM config", histograms);
}

#[test]
fn time_of_a_unit_holds_that_of_its_commands() {
    let servers = pair(2);
    let mut both = Both::connect(&servers);
    for line in ["CONFIG RESETSTAT", "MULTI", "DEBUG SLEEP 0.05", "PING", "EXEC"] {
        both.same(line);
    }
    for client in &mut both.0 {
        let commands = info(client, "commandstats");
        let us = |name: &str| {
            let value =
                commands[name].split(',').find_map(|part| part.strip_prefix("usec=")).expect("a time");
            value.parse::<u64>().expect("a number")
        };
        assert!(us("cmdstat_debug") >= 50_000, "{commands:?}");
        assert!(us("cmdstat_exec") >= us("cmdstat_debug"), "{commands:?}");
        // It counts once.
        let sum = info(client, "stats")["eventloop_duration_cmd_sum"].parse::<u64>().expect("a number");
        assert!((50_000..100_000).contains(&sum), "{sum}");
    }
}
