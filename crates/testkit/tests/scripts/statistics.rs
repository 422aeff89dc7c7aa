//! What failures of scripts leave in INFO: each counts once, where Valkey counts it.

use testkit::client::Client;

use crate::{NAMES, Peers, both, same, words};

const SCRIPTS: &[&str] = &[
    "return 1",
    "return redis.call('INCR', 's')",
    "return redis.pcall('INCR', 's')",
    "redis.pcall('INCR', 's') return 1",
    "redis.pcall('INCR', 's') redis.pcall('INCR', 's') return redis.call('INCR', 's')",
    "local e = redis.pcall('INCR', 's') return {e, e}",
    "local e = redis.pcall('INCR', 's') return {err = e.err}",
    "local e = redis.pcall('INCR', 's') error(e)",
    "local e = redis.pcall('INCR', 's') error({err = e.err})",
    "return redis.call('LPUSH', 's', 1)",
    "return redis.pcall('LPUSH', 's', 1)",
    "pcall(redis.call, 'LPUSH', 's', 1) return 2",
    "local _, e = pcall(redis.call, 'LPUSH', 's', 1) return e",
    "local _, e = pcall(redis.call, 'LPUSH', 's', 1) error(e)",
    "return redis.call('NOSUCH')",
    "return redis.pcall('NOSUCH')",
    "return redis.call('GET')",
    "return redis.pcall('GET')",
    "return redis.call('SUBSCRIBE', 'a')",
    "return redis.pcall('SUBSCRIBE', 'a')",
    "return redis.call()",
    "return redis.pcall()",
    "return redis.call({})",
    "return redis.pcall({})",
    "return redis.error_reply('MY own')",
    "return {redis.error_reply('MY own'), redis.error_reply('MY own')}",
    "return {err = 'OTHER one'}",
    "return {err = '-OTHER one'}",
    "return {err = 'nocode'}",
    "error('text')",
    "error({err = 'OTHER two'})",
    "error({err = 'nocode'})",
    "error()",
    "error({})",
    "return {",
    "return nothing",
    "return redis.call('CONFIG', 'NONE')",
    "#!lua flags=bad\nreturn 1",
    "#!lua flags=no-writes\nreturn redis.call('SET', 's', 1)",
    "#!lua flags=no-writes\nreturn redis.pcall('SET', 's', 1)",
    "redis.setresp(4) return 1",
    "redis.log(1) return 1",
    "return redis.call('EVAL', 'return 1', 0)",
];

/// Counters of errors and of commands, without times.
fn counted(client: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    for section in ["errorstats", "commandstats", "stats"] {
        let info = client.command(&["INFO", section]).expect("it answers");
        for line in String::from_utf8_lossy(&info).lines() {
            if line.starts_with("errorstat_") || line.starts_with("total_error_replies:") {
                lines.push(line.to_owned());
            } else if let Some((name, fields)) = line.split_once(':').filter(|l| l.0.starts_with("cmdstat_"))
            {
                let kept: Vec<&str> = fields.split(',').filter(|f| !f.contains("usec")).collect();
                if !name.contains("info") && !name.contains("config") {
                    lines.push(format!("{name} {}", kept.join(",")));
                }
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn failures_are_counted_where_valkey_counts_them() {
    let peers = Peers::start(&[]);
    let mut clients = peers.connect();
    same(&mut clients, &["SET", "s", "text"]);
    let mut calls: Vec<Vec<String>> = Vec::new();
    for script in SCRIPTS {
        calls.push(["EVAL", script, "0"].map(String::from).to_vec());
        calls.push(["EVAL_RO", script, "0"].map(String::from).to_vec());
        if !script.starts_with("#!") {
            let code = format!("#!lua name=l\nredis.register_function('f', function() {script} end)");
            calls.push(vec!["FUNCTION".into(), "LOAD".into(), "REPLACE".into(), code]);
            calls.push(["FCALL", "f", "0"].map(String::from).to_vec());
        }
    }
    for call in [
        &["EVAL", "return 1", "x"][..],
        &["EVAL", "return 1", "-1"],
        &["EVAL", "return 1", "3"],
        &["EVAL", "return 1"],
        &["EVALSHA", "abc", "0"],
        &["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"],
        &["FCALL", "none", "0"],
        &["FCALL", "f", "x"],
        &["SCRIPT", "LOAD", "return {"],
        &["FUNCTION", "LOAD", "x"],
    ] {
        calls.push(call.iter().map(|word| (*word).to_owned()).collect());
    }
    let mut differences = Vec::new();
    for in_multi in [false, true] {
        for call in &calls {
            same(&mut clients, &["CONFIG", "RESETSTAT"]);
            if in_multi {
                both(&mut clients, &["MULTI"]);
            }
            let replies = both(&mut clients, call);
            if in_multi {
                both(&mut clients, &["EXEC"]);
            }
            let [valkey, brasa] = [0, 1].map(|i| counted(&mut clients[i]));
            if valkey != brasa || replies[0] != replies[1] {
                let of = |i: usize, lines: &[String]| {
                    format!("  {}: {} {}", NAMES[i], crate::shown(&replies[i]), lines.join(" | "))
                };
                differences.push(format!(
                    "{} (multi: {in_multi})\n{}\n{}",
                    words(call),
                    of(0, &valkey),
                    of(1, &brasa)
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
