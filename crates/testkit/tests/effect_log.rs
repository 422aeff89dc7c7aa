//! The effect log's promise: what a killed node had logged rebuilds its data elsewhere.
//!
//! A node with `effect-log yes` gets random writes of every family from several writers at once, what it holds is noted,
//! and it is killed without warning. `brasa log dump` of what it left, sent to an empty node, must give the same keys,
//! digests, expiries and consumer groups.
//!
//! `REPLAY_ROUNDS` sets how many nodes are killed (12), `REPLAY_SEED` the seed (1), `REPLAY_FAMILIES` what is drawn.

use std::collections::BTreeMap;

use testkit::differential::families;
use testkit::replay::Round;

/// Commands that no log may hold: what they do is a matter of chance or of the moment, or they wait, or read too.
const NEVER_LOGGED: &str = "SPOP GETEX GETDEL GETSET EXPIRE PEXPIRE EXPIREAT SETEX PSETEX INCRBYFLOAT \
    HEXPIRE HPEXPIRE HEXPIREAT HGETEX HGETDEL HINCRBYFLOAT ZINCRBY SORT XREADGROUP XAUTOCLAIM \
    BLPOP BRPOP BLMOVE BLMPOP BRPOPLPUSH BZPOPMIN BZPOPMAX BZMPOP LMPOP ZMPOP DELIFEQ";

/// Writes that no family has.
const NOT_DRAWN: &str = "MIGRATE RESTORE RESTORE-ASKING FUNCTION FLUSHALL FLUSHDB CLUSTER|FLUSHSLOT";

/// The size of run in which every write must succeed.
const FULL_RUN: u64 = 12;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not '{text}'")),
        Err(_) => default,
    }
}

#[test]
fn a_killed_nodes_log_rebuilds_its_data() {
    let (rounds, seed) = (number("REPLAY_ROUNDS", FULL_RUN), number("REPLAY_SEED", 1));
    let (mut successes, mut effects) = (BTreeMap::new(), BTreeMap::new());
    let (mut writes, mut failures) = (Vec::new(), Vec::new());
    for number in 0..rounds {
        let mut round = Round::new(seed.wrapping_mul(1000).wrapping_add(number));
        if let Ok(list) = std::env::var("REPLAY_FAMILIES") {
            round.families = families::named(&list).expect("these families exist");
        }
        round.emptying = number % 6 == 5;
        if number % 2 == 1 {
            round.arguments.extend(["--key-sharding", "slot"].map(str::to_owned));
        }
        if number % 3 > 0 {
            round.arguments.extend(["--zset-max-listpack-entries", "0"].map(str::to_owned));
        }
        let outcome = round.run().unwrap_or_else(|error| panic!("round {number}: {error}"));
        println!(
            "round {number}: {} writes and reads done, {} effects, {} keys at the end",
            outcome.successes.values().sum::<u64>(),
            outcome.effects.values().sum::<u64>(),
            outcome.keys
        );
        for (total, counts) in [(&mut successes, outcome.successes), (&mut effects, outcome.effects)] {
            for (name, count) in counts {
                *total.entry(name).or_insert(0) += count;
            }
        }
        writes = outcome.write_commands;
        failures
            .extend(outcome.failure.map(|failure| format!("round {number}, seed {}: {failure}", round.seed)));
    }
    println!("commands that succeeded: {successes:?}");
    println!("effects: {effects:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let logged: Vec<_> = NEVER_LOGGED.split(' ').filter(|&name| effects.contains_key(name)).collect();
    assert!(logged.is_empty(), "logged as they are: {logged:?}");
    if rounds >= FULL_RUN && std::env::var("REPLAY_FAMILIES").is_err() {
        writes
            .retain(|name| !NOT_DRAWN.split(' ').any(|other| name == other || name.starts_with("FUNCTION|")));
        writes.retain(|name| !successes.contains_key(name.as_str()));
        assert!(writes.is_empty(), "never succeeded: {writes:?}");
    }
}
