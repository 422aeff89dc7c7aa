//! The modes of redis-cli that look into a server, run against both servers.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use testkit::server::Server;

use crate::{Both, pair};

/// What redis-cli prints; it must end well and without complaint.
fn run(server: &Server, arguments: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &server.port().to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("redis-cli: {error}; `./dev setup` installs it (redis-tools)"));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {shown}{errors}");
    shown
}

/// The first lines that redis-cli prints in a mode that never ends.
fn first_lines(server: &Server, arguments: &[&str], count: usize) -> Vec<String> {
    let mut child = Command::new("stdbuf")
        .args(["-oL", "redis-cli", "-p", &server.port().to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("stdbuf of coreutils and redis-cli are there");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let lines = output.lines().take(count).map(|line| line.expect("text")).collect();
    let _ = child.kill();
    let _ = child.wait();
    lines
}

/// Keys of every type; the larger ones differ in size enough that both servers agree on the largest.
fn fill(both: &mut Both) {
    for i in 0..300 {
        both.same(&format!("SET string:{i} {}", "v".repeat(i + 1)));
    }
    for size in [3, 40, 200] {
        for (command, key) in [("RPUSH", "list"), ("SADD", "set")] {
            let members = (0..size).map(|i| format!("member-{i}")).collect::<Vec<_>>().join(" ");
            both.same(&format!("{command} {key}:{size} {members}"));
        }
        let pairs = (0..size).map(|i| format!("{i} value-{i}")).collect::<Vec<_>>().join(" ");
        both.same(&format!("HSET hash:{size} {pairs}"));
        both.same(&format!("ZADD zset:{size} {}", pairs.replace(" value", " member")));
        for i in 1..=size {
            both.same(&format!("XADD stream:{size} {i}-1 a b"));
        }
    }
}

/// The lines of the summary but for those about sizes in memory, in order.
fn summary(output: &str) -> Vec<String> {
    let (_, summary) = output.split_once("-------- summary -------").expect("a summary");
    let mut lines: Vec<String> = summary.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn redis_cli_finds_what_is_big() {
    let servers = pair(2);
    let mut both = Both::connect(&servers);
    fill(&mut both);
    let [expected, got] = servers.each_ref().map(|server| summary(&run(server, &["--bigkeys"])));
    assert_eq!(got, expected);
    assert!(got.iter().any(|line| line.contains("stream:200")), "{got:?}");
    for server in &servers {
        let output = run(server, &["--memkeys"]);
        let lines = summary(&output);
        // Among the longest strings it is chance: allocators round up.
        for key in ["string:", "list:200", "set:200", "hash:200", "zset:200", "stream:200"] {
            assert!(
                lines.iter().any(|line| line.starts_with("Biggest") && line.contains(key)),
                "{key}: {lines:?}"
            );
        }
        run(server, &["--memkeys-samples", "5"]);
    }
}

#[test]
fn redis_cli_finds_what_is_hot() {
    let servers = pair(2);
    let mut both = Both::connect(&servers);
    both.same("CONFIG SET maxmemory-policy allkeys-lfu");
    fill(&mut both);
    for _ in 0..2000 {
        both.same("GET string:7");
    }
    for server in &servers {
        let output = run(server, &["--hotkeys"]);
        let hottest = output.split("-------- summary -------").nth(1).expect("a summary");
        let first = hottest.lines().find(|line| line.starts_with("hot key found")).expect("a hot key");
        assert!(first.ends_with("keyname: \"string:7\""), "{output}");
    }
}

#[test]
fn redis_cli_scans() {
    let servers = pair(2);
    let mut both = Both::connect(&servers);
    fill(&mut both);
    for arguments in [
        &["--scan"][..],
        &["--scan", "--pattern", "*:200"],
        &["--scan", "--pattern", "string:1?"],
        &["-n", "5", "--scan"],
    ] {
        let [expected, got] = servers.each_ref().map(|server| {
            let mut keys: Vec<String> = run(server, arguments).lines().map(str::to_owned).collect();
            keys.sort();
            keys
        });
        assert_eq!(got, expected, "{arguments:?}");
        assert_eq!(got.is_empty(), arguments.contains(&"5"));
    }
}

#[test]
fn redis_cli_measures() {
    let servers = pair(2);
    for server in &servers {
        // Least, most and mean ms, and how many samples.
        let output = run(server, &["--raw", "--latency", "-i", "0.2"]);
        let figures: Vec<f64> = output.split_whitespace().map(|n| n.parse().expect("a figure")).collect();
        assert!(figures.len() == 4 && figures[0] <= figures[2] && figures[2] <= figures[1], "{output}");
        assert!(figures[3] >= 1.0, "{output}");
        let lines = first_lines(server, &["--stat", "-i", "0.05"], 5);
        let figures = lines.iter().filter(|line| line.starts_with("0 ") && line.contains("(+")).count();
        assert!(figures >= 3, "{lines:?}");
        let lines = first_lines(server, &["--latency-history", "-i", "0.1"], 2);
        assert_eq!(lines.len(), 2, "least, most, mean, samples: {lines:?}");
        let output = run(server, &["-r", "2", "-i", "0", "INFO", "keyspace"]);
        assert_eq!(output.matches("# Keyspace").count(), 2, "{output}");
    }
}
