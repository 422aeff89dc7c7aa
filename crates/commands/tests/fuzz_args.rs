//! A seeded part of what the fuzz target `command_args` does, for every test run.

#[path = "../../../fuzz/src/command_args.rs"]
mod command_args;

use std::panic::catch_unwind;

use sys::random::Rng;

/// Inputs per run; each stands for up to a few dozen commands.
const INPUTS: u64 = 160_000;

#[test]
fn random_arguments_break_nothing() {
    for seed in 0..INPUTS {
        let mut rng = Rng::new(seed);
        let mut input = vec![0; 16 + rng.index(500)];
        rng.fill(&mut input);
        let outcome = catch_unwind(|| command_args::command_args(&input));
        assert!(outcome.is_ok(), "the input of seed {seed} breaks something");
    }
    let mut total = 0;
    let mut rare = Vec::new();
    for (name, succeeded, refused) in command_args::calls() {
        total += succeeded + refused;
        if succeeded < 20 {
            rare.push(format!("{name} succeeded only {succeeded} times, and was refused {refused} times"));
        }
    }
    assert!(rare.is_empty(), "{}", rare.join("\n"));
    assert!(total > 10 * INPUTS, "{total} calls");
}
