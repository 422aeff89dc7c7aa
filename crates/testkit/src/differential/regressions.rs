//! Sequences that failed once. Each runs in `tests/differential.rs` before anything random.
//!
//! A short script, as the minimiser prints it, outlives changes of the generators; a seed is kept where no short
//! script shows the fault.

/// What is replayed.
#[derive(Debug)]
pub enum Case {
    /// Lines as [`super::step::Step::parse`] reads them.
    Script(&'static [&'static str]),
    /// A generated sequence.
    Seed {
        /// The seed of the sequence itself, as printed in the report.
        seed: u64,
        /// Steps.
        count: usize,
        /// Names of the families, separated by commas.
        families: &'static str,
    },
}

/// A sequence that failed once.
#[derive(Debug)]
pub struct Regression {
    /// What it showed.
    pub name: &'static str,
    /// How to see it again.
    pub case: Case,
}

/// All of them.
pub const REGRESSIONS: &[Regression] = &[
    Regression {
        name: "a transaction sees the commands queued before it, errors included",
        case: Case::Script(&[
            "0 MULTI",
            "0 SET k 1",
            "0 INCR k",
            "0 LCS k",
            "0 EXEC",
            "0 MULTI",
            "0 APPEND k x",
            "0 INCR k",
            "0 EXEC",
            "0 GET k",
        ]),
    },
    Regression {
        name: "a watched key that another client touches",
        case: Case::Script(&["0 WATCH k", "1 SET k v", "0 MULTI", "0 GET k", "0 EXEC", "0 GET k"]),
    },
    Regression {
        name: "a key expires within a pipeline's reach",
        case: Case::Script(&["0 SET k v PX 3", "+0 !pause 12 k", "0 DBSIZE", "0 INFO keyspace", "0 GET k"]),
    },
    Regression {
        name: "the whole pool of one family",
        case: Case::Seed { seed: 1, count: 500, families: "string,generic" },
    },
];
