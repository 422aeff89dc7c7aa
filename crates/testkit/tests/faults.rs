//! Hostile clients and bad circumstances: Brasa must do what valkey-server does.
//!
//! With `DIFFERENTIAL_RIGHT=valkey` the scripts run against valkey-server twice, which checks the scripts.

use std::sync::{Mutex, PoisonError};

use testkit::faults::{self, Transcript};
use testkit::server::Kind;

fn observe(name: &str, kind: Kind) -> String {
    let fault = faults::named(name).unwrap_or_else(|| panic!("no script {name}"));
    let mut transcript = Transcript::default();
    if let Err(error) = (fault.run)(kind, &mut transcript) {
        panic!("{name} against {}: {error}\nuntil then:\n{}", kind.name(), transcript.text());
    }
    transcript.text().to_owned()
}

/// One script at a time: they measure memory and silence, which the load of another would blur.
static TURN: Mutex<()> = Mutex::new(());

fn check(name: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let right = match std::env::var("DIFFERENTIAL_RIGHT") {
        Ok(name) => name.parse().unwrap_or_else(|message| panic!("{message}")),
        Err(_) => Kind::Brasa,
    };
    let right_name = right.name();
    let expected = observe(name, Kind::Valkey);
    let observed = observe(name, right);
    assert!(!expected.is_empty(), "a script must observe something");
    let differences = differences(&expected, &observed, right_name);
    assert!(expected == observed, "{name}:\n{differences}");
}

/// Lines that only one side has, by their longest common subsequence.
fn differences(left: &str, right: &str, right_name: &str) -> String {
    let (left, right): (Vec<&str>, Vec<&str>) = (left.lines().collect(), right.lines().collect());
    let mut longest = vec![vec![0_usize; right.len() + 1]; left.len() + 1];
    for (i, l) in left.iter().enumerate().rev() {
        for (j, r) in right.iter().enumerate().rev() {
            longest[i][j] =
                if l == r { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            lines.push(format!("  only valkey: {}", left[i]));
            i += 1;
        } else {
            lines.push(format!("  only {right_name}: {}", right[j]));
            j += 1;
        }
    }
    lines.join("\n")
}

macro_rules! scripts {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_script_has_a_test() {
            let listed = [$(stringify!($name)),*];
            for fault in faults::FAULTS {
                assert!(listed.contains(&fault.name), "{} has no test", fault.name);
            }
        }
    };
}

scripts! {
    truncated_frames malformed_frames declared_and_never_sent million_element_multibulk slow_loris
    http_request_is_cut_off huge_inline_request query_buffer_limit client_that_never_reads
    unauthenticated_limits noauth maxclients full_memory idle_timeout protected_mode connection_storm
    ten_thousand_idle_connections port_in_use bad_config_lines bad_arguments unusable_directory
    sigterm_under_load
}
