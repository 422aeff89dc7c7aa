//! Blocking commands and CLIENT PAUSE: the same scripts against valkey-server and Brasa (one, two and four I/O
//! threads) must give the same transcripts.
//!
//! With `DIFFERENTIAL_RIGHT=valkey` the scripts run against valkey-server twice, which checks the scripts.

mod crowd;
mod scripts;
mod stage;

use testkit::server::{Kind, Launch};

use stage::Stage;

/// Runs a script against one server; its transcript.
fn transcript(kind: Kind, threads: usize, script: &str) -> String {
    let mut launch = Launch::new(kind);
    if kind == Kind::Brasa {
        launch = launch.args(["--io-threads", &threads.to_string()]);
    }
    let mut stage = Stage::new(launch.start().unwrap_or_else(|error| panic!("{error}")));
    if let Err(error) = stage.play(script) {
        panic!("{} with {threads} threads: {error}\nuntil then:\n{}", kind.name(), stage.text());
    }
    stage.text().to_owned()
}

fn check(script: &str) {
    let expected = transcript(Kind::Valkey, 1, script);
    let right: Kind = std::env::var("DIFFERENTIAL_RIGHT")
        .map_or(Kind::Brasa, |name| name.parse().unwrap_or_else(|message| panic!("{message}")));
    for threads in [1, 2, 4] {
        let observed = transcript(right, threads, script);
        for (expected, observed) in expected.lines().zip(observed.lines()) {
            assert_eq!(observed, expected, "{threads} threads; the whole of it should be:\n{expected}");
        }
        assert_eq!(observed, expected, "{threads} threads");
    }
}

macro_rules! scripts {
    ($($name:ident: $script:ident,)*) => {
        $(#[test]
        fn $name() {
            check(scripts::$script);
        })*

        #[test]
        fn every_script_has_a_test() {
            let source = include_str!("scripts.rs");
            for line in source.lines() {
                if let Some(name) = line.strip_prefix("pub const ").and_then(|rest| rest.split(':').next()) {
                    let listed = [$(stringify!($script)),*];
                    assert!(listed.contains(&name), "{name} has no test");
                }
            }
        }
    };
}

scripts! {
    clients_are_served_in_the_order_in_which_they_came: FAIRNESS,
    keys_are_served_in_the_order_in_which_they_became_ready: KEYS,
    the_first_key_of_its_own_arguments_serves_a_client: ARGUMENT_ORDER,
    a_transaction_is_over_before_anybody_is_served: TRANSACTIONS,
    served_moves_serve_others: CHAINS,
    a_circle_of_moves_comes_to_rest: CIRCLE,
    errors_of_served_commands_go_to_their_clients: ERRORS,
    elements_come_by_other_commands_too: OTHER_WAYS,
    whole_databases_come_and_go: DATABASES,
    values_of_other_types_serve_nobody: TYPES,
    sorted_sets_serve_those_who_wait_for_them: SORTED_SETS,
    unblock_ends_a_wait_both_ways: UNBLOCK,
    who_is_gone_takes_nothing: GONE,
    what_was_sent_meanwhile_runs_afterwards: PIPELINE,
    replies_may_be_unwanted: REPLY_MODES,
    nothing_waits_in_a_transaction: DENIED,
    watched_keys_notice_served_commands: WATCH,
    figures_follow: FIGURES,
    both_protocols_say_null: PROTOCOLS,
    expired_keys_serve_nobody: EXPIRY,
    memory_may_be_short_when_a_client_is_served: MEMORY,
    pauses_hold_writes: PAUSE_WRITES,
    pauses_hold_everything: PAUSE_ALL,
    pauses_hold_transactions: PAUSE_TRANSACTIONS,
    nothing_expires_in_a_pause: PAUSE_EXPIRY,
    a_pause_keeps_clients_waiting: PAUSE_BLOCKED,
}
