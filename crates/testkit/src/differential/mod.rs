//! The differential tester: the same seeded random commands go to two servers, whose replies must be the same bytes.
//!
//! | part | does |
//! |---|---|
//! | [`generate`], [`values`], [`members`] | turns a seed into steps; what families need: keys, values, numbers, times |
//! | [`families`] | one file per command group, each a table of generators |
//! | [`step`] | one step, and its text form for reports and regressions |
//! | [`pair`] | two servers side by side: sends steps, compares replies |
//! | `walk`, `late` | steps of several commands; commands whose reply may come later |
//! | [`side`], `state` | one server's connections; the whole state compared after a sequence |
//! | [`differences`], [`comparators`], [`unordered`] | the only place that says what may differ, and why |
//! | [`coverage`] | counts successes and errors of every command and option that COMMAND DOCS names |
//! | [`minimise`] | deletes steps from a failing sequence while it keeps failing |
//! | [`campaign`] | runs many sequences and reports |
//! | [`regressions`] | sequences that failed once |
//!
//! A sequence follows from its seed alone, never from a reply, so that it can be replayed and cut down.
//! Time is kept out: expiries lie hours ahead, in the past, or a few milliseconds ahead of a pause.

pub mod campaign;
pub mod comparators;
pub mod coverage;
pub mod differences;
pub mod families;
pub mod generate;
mod late;
pub mod members;
pub mod minimise;
pub mod pair;
pub mod regressions;
pub mod side;
mod state;
pub mod step;
pub mod unordered;
pub mod values;
mod walk;
