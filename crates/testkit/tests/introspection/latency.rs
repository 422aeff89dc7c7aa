//! The latency monitor: events of slow commands, their histories, pictures and reports.

use testkit::reply::Value;

use crate::{Both, pair, text};

/// The events' names and how many spikes each had.
fn latest(reply: &[u8]) -> Vec<(String, i64)> {
    let value = Value::parse(reply).expect("a whole reply");
    let event = |event: &Value<'_>| {
        let numbers: Vec<i64> = event.items[1..].iter().map(|n| n.integer().expect("a number")).collect();
        let [at_seconds, latest_ms, max_ms, sum_ms, count] = numbers[..] else { panic!("six items") };
        assert!(at_seconds > 1_600_000_000 && latest_ms >= 20 && max_ms >= latest_ms && sum_ms >= max_ms);
        (String::from_utf8_lossy(event.items[0].text).into_owned(), count)
    };
    let mut events: Vec<_> = value.items.iter().map(event).collect();
    events.sort();
    events
}

#[test]
fn spikes_are_recorded_as_in_valkey() {
    const SCRIPT: &str = "EVAL redis.call('debug','sleep','0.03') 0";
    let servers = pair(2);
    let mut both = Both::connect(&servers);
    both.same("DEBUG SLEEP 0.03");
    both.same_as("LATENCY LATEST", latest);
    both.same("CONFIG SET latency-monitor-threshold 20");
    both.same("SET a b");
    both.same_as("LATENCY LATEST", latest);
    for line in ["DEBUG SLEEP 0.03", "MULTI", "DEBUG SLEEP 0.03", "EXEC", SCRIPT] {
        both.same(line);
    }
    let seen = both.same_as("LATENCY LATEST", latest);
    // DEBUG twice, EXEC; a script may not call DEBUG.
    assert_eq!(seen, [("command".to_owned(), 3)]);
    let samples = |reply: &[u8]| {
        let value = Value::parse(reply).expect("a whole reply");
        value.items.iter().map(|sample| assert!(sample.items[1].integer() >= Some(20))).count() > 0
    };
    assert!(both.same_as("LATENCY HISTORY command", samples));
    assert!(!both.same_as("LATENCY HISTORY COMMAND", samples));
    both.same_as("LATENCY GRAPH command", |reply| {
        let text = text(reply);
        let lines: Vec<&str> = text.lines().collect();
        let head: Vec<&str> = lines[0].split(' ').filter(|word| word.parse::<u64>().is_err()).collect();
        (head.join(" "), lines[1].to_owned(), lines[2..].iter().map(|line| line.len()).max())
    });
    both.same("LATENCY GRAPH COMMAND");
    for client in &mut both.0 {
        let report = client.command(&["LATENCY", "DOCTOR"]).expect("answers");
        let report = text(&report);
        assert!(
            report.contains("1. command: ") && report.lines().any(|line| line.starts_with("- ")),
            "{report}"
        );
    }
    both.same("LATENCY RESET nosuch fast-command");
    both.same("LATENCY RESET Command command");
    both.same_as("LATENCY LATEST", latest);
    both.same("DEBUG SLEEP 0.03");
    both.same("LATENCY RESET");
    both.same_as("LATENCY LATEST", latest);
}
