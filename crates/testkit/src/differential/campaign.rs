//! Runs many sequences against two servers, and reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::coverage::Coverage;
use super::families::{self, Family};
use super::generate::{Gen, Settings, sequence_seed};
use super::minimise::minimise;
use super::pair::{Mismatch, Pair};
use super::regressions::{Case, Regression};
use super::side::PairError;
use super::step::Step;
use crate::reply::{Value, escape};
use crate::server::{Kind, Launch};

/// How long cutting down one sequence may take.
const MINIMISE_MAX: Duration = Duration::from_secs(60);

/// A campaign to run.
#[derive(Debug)]
pub struct Campaign {
    /// The oracle.
    pub left: (Kind, Launch),
    /// What is tested.
    pub right: (Kind, Launch),
    /// What sequences contain.
    pub settings: Settings,
    /// The seed all sequences follow from.
    pub seed: u64,
    /// Replies to compare in all, those inside EXEC included.
    pub commands: u64,
    /// Only this sequence, when given.
    pub only: Option<u64>,
    /// Whether a failing sequence is cut down.
    pub minimise: bool,
    /// Whether to go on after mismatches and to list them by kind.
    pub survey: bool,
    /// Whether commands that only one of the servers has are left out.
    pub common: bool,
    /// After how many kinds of failure to stop. What follows a mismatch in its sequence is never looked at.
    pub failures_max: usize,
}

/// How a campaign ended.
#[derive(Debug)]
pub struct Outcome {
    /// Replies compared.
    pub compared: u64,
    /// What was reached.
    pub coverage: Coverage,
    /// A readable report of the first failure, or of all kinds of mismatch in a survey.
    pub failure: Option<String>,
    /// How long it took, starting servers included.
    pub elapsed: Duration,
}

impl Campaign {
    /// A Valkey-against-Brasa campaign; the default of `tests/differential.rs`.
    pub fn new(right: Launch) -> Self {
        Campaign {
            left: (Kind::Valkey, Launch::new(Kind::Valkey)),
            right: (Kind::Brasa, right),
            settings: Settings::default(),
            seed: 1,
            commands: 100_000,
            only: None,
            minimise: true,
            survey: false,
            common: false,
            failures_max: 1,
        }
    }

    /// Starts both servers, asks the left one what there is to cover.
    fn start(&self) -> Result<(Pair, Coverage, Settings), PairError> {
        let mut sides = [self.left.clone(), self.right.clone()];
        if self.settings.families.iter().any(|family| family.waits) {
            // Valkey looks for timeouts that have passed once per tick.
            sides = sides.map(|(kind, launch)| (kind, launch.args(["--hz", "500"])));
        }
        let [left, right] = sides;
        let mut pair = Pair::start(left, right)?;
        let mut settings = self.settings.clone();
        if self.common {
            settings.missing = pair.not_common()?;
        }
        let docs = pair.docs()?;
        let of = |families: &[&'static Family]| match Value::parse(&docs) {
            Some(value) if !value.is_error() => Coverage::from_docs(&value, families, &settings.missing),
            _ => Coverage::default(),
        };
        let everything: Vec<&'static Family> = families::ALL.iter().collect();
        pair.set_stage(of(&everything).command_names());
        let coverage = of(&settings.families);
        Ok((pair, coverage, settings))
    }

    /// Runs it.
    pub fn run(&self) -> Result<Outcome, PairError> {
        let began = Instant::now();
        let (mut pair, mut coverage, settings) = self.start()?;
        let mut reports: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut kinds: BTreeMap<String, (usize, String)> = BTreeMap::new();
        if self.survey {
            pair.survey();
        }
        let mut index = self.only.unwrap_or(0);
        while coverage.total() < self.commands {
            let seed = sequence_seed(self.seed, index);
            let steps = Gen::sequence(&settings, seed);
            let found = pair.run(&steps, &mut coverage)?;
            if self.survey {
                for mismatch in pair.take_survey().into_iter().chain(found) {
                    note(&mut kinds, &steps, index, &mismatch);
                }
            } else if let Some(mismatch) = found
                && seen.insert(kind_of(&mismatch))
            {
                reports.push(self.report(&mut pair, index, seed, &steps, mismatch)?);
                if reports.len() == self.failures_max {
                    break;
                }
            }
            if self.only.is_some() {
                break;
            }
            index += 1;
        }
        if !kinds.is_empty() {
            reports.push(survey_text(&kinds));
        }
        let failure = (!reports.is_empty()).then(|| reports.join("\n"));
        Ok(Outcome { compared: coverage.total(), coverage, failure, elapsed: began.elapsed() })
    }

    /// Replays a known case. The error of `Ok(Some(_))` is the report.
    pub fn replay(&self, regression: &Regression) -> Result<Option<String>, PairError> {
        let (mut pair, _, own) = self.start()?;
        let steps = match &regression.case {
            Case::Script(lines) => lines
                .iter()
                .map(|line| Step::parse(line).expect("regressions are lines that parse"))
                .collect(),
            Case::Seed { seed, count, families } => {
                let settings = Settings {
                    families: families::named(families).expect("regressions name families that exist"),
                    sequence_length: *count,
                    ..own
                };
                Gen::sequence(&settings, *seed)
            }
        };
        let found = pair.run(&steps, &mut Coverage::default())?;
        Ok(found.map(|mismatch| format!("{}\n{}", regression.name, describe(&steps, &mismatch))))
    }

    fn report(
        &self,
        pair: &mut Pair,
        index: u64,
        seed: u64,
        steps: &[Step],
        mismatch: Mismatch,
    ) -> Result<String, PairError> {
        let names: Vec<&str> = self.settings.families.iter().map(|family| family.name).collect();
        let mut text = format!(
            "{} and {} differ: campaign seed {}, sequence {index} (its own seed {seed}), step {} of {}, families {}{}\n",
            self.left.0.name(),
            self.right.0.name(),
            self.seed,
            mismatch.step,
            steps.len(),
            names.join(","),
            if self.settings.hot_tag { ", hot tag" } else { "" },
        );
        text += &describe(steps, &mismatch);
        if self.minimise {
            let began = Instant::now();
            let (short, found) = minimise(pair, steps, &mismatch, MINIMISE_MAX)?;
            let _ = writeln!(text, "\nminimised to {} steps in {:.1?}:", short.len(), began.elapsed());
            text += &describe(&short, &found);
            let lines: Vec<String> = short.iter().map(|step| format!("    {:?},", step.line(4096))).collect();
            let _ = writeln!(text, "as a regression:\n{}", lines.join("\n"));
        }
        Ok(text)
    }
}

/// The last steps up to the failing one, and both replies.
fn describe(steps: &[Step], mismatch: &Mismatch) -> String {
    let end = (mismatch.step + 1).min(steps.len());
    let mut text = String::new();
    for step in &steps[end.saturating_sub(25)..end] {
        let _ = writeln!(text, "  {}", step.line(160));
    }
    let _ = writeln!(text, "{}: {}", mismatch.command, mismatch.what);
    let _ = writeln!(text, "  left  {}", escape(&mismatch.left, 2000));
    let _ = writeln!(text, "  right {}", escape(&mismatch.right, 2000));
    text
}

/// What kind of mismatch it is: its command and the beginnings of both replies.
fn kind_of(mismatch: &Mismatch) -> String {
    let begin = |reply: &[u8]| match reply.first() {
        Some(b'-') => escape(&reply[..reply.len().min(45)], 45),
        Some(&kind) => (kind as char).to_string(),
        None => "nothing".into(),
    };
    format!("{} | left {} | right {}", mismatch.command, begin(&mismatch.left), begin(&mismatch.right))
}

/// Notes one mismatch of a survey.
fn note(kinds: &mut BTreeMap<String, (usize, String)>, steps: &[Step], index: u64, mismatch: &Mismatch) {
    let entry = kinds.entry(kind_of(mismatch)).or_insert_with(|| {
        let line = steps.get(mismatch.step).map_or_else(String::new, |step| step.line(120));
        let example = format!(
            "    sequence {index} step {}: {line}\n    {}\n    left  {}\n    right {}\n",
            mismatch.step,
            mismatch.what,
            escape(&mismatch.left, 300),
            escape(&mismatch.right, 300)
        );
        (0, example)
    });
    entry.0 += 1;
}

fn survey_text(kinds: &BTreeMap<String, (usize, String)>) -> String {
    let mut rows: Vec<_> = kinds.iter().collect();
    rows.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let mut text = format!("{} kinds of mismatch\n", rows.len());
    for (key, (count, example)) in rows {
        let _ = write!(text, "{count:>6} {key}\n{example}");
    }
    text
}
