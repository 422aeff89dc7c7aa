//! The results: a line per unit file while it runs, a table for the documentation, a sum.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{expected::Surprises, harness::Run};

/// How many lines of a failure's details are printed, and how many characters of each.
const DETAIL_LINES: usize = 3;
const DETAIL_WIDTH: usize = 200;

/// Results so far.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    unit: String,
    passed: usize,
    failures: usize,
    left_out: usize,
    skipped: usize,
    surprises: usize,
    reasons: String,
}

impl Table {
    /// Takes in the run of a unit file and prints it.
    pub fn add(
        &mut self,
        unit: &str,
        run: Run,
        surprises: Surprises,
        reasons: BTreeSet<&str>,
        left_out: usize,
    ) {
        if self.rows.is_empty() {
            println!(
                "{:<24} {:>6} {:>6} {:>8} {:>7} {:>6}",
                "unit file", "passed", "failed", "left out", "skipped", "s"
            );
        }
        let row = Row {
            unit: unit.to_owned(),
            passed: run.verdicts.passed.len(),
            failures: run.verdicts.failures,
            left_out,
            // The harness counts what it was told to leave out among the skipped.
            skipped: run.verdicts.skipped.saturating_sub(left_out),
            surprises: surprises.failed.len() + surprises.passed.len() + surprises.absent.len(),
            reasons: reasons.into_iter().collect::<Vec<_>>().join("; "),
        };
        println!(
            "{:<24} {:>6} {:>6} {:>8} {:>7} {:>6.1}{}",
            row.unit,
            row.passed,
            row.failures,
            row.left_out,
            row.skipped,
            run.took.as_secs_f64(),
            if surprises.is_empty() { "" } else { "  not as expected:" }
        );
        for name in &surprises.failed {
            println!("    failed: {name}");
            for line in run.verdicts.failed[name].iter().take(DETAIL_LINES) {
                let plain = line.chars().map(|char| if char.is_control() { ' ' } else { char });
                println!("        {}", plain.take(DETAIL_WIDTH).collect::<String>());
            }
        }
        for name in &surprises.passed {
            println!("    passes now, take it off the list: {name}");
        }
        for name in &surprises.absent {
            println!("    on the list, but there is no such test: {name}");
        }
        self.rows.push(row);
    }

    /// How many results are not as expected.
    pub fn surprises(&self) -> usize {
        self.rows.iter().map(|row| row.surprises).sum()
    }

    /// The table of `docs/conformance.md`.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| Unit file | Passed | Failed | Unexpected | Left out | Skipped | Reasons |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for row in &self.rows {
            let Row { unit, passed, failures, left_out, skipped, surprises, reasons } = row;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| `{unit}` | {passed} | {failures} | {surprises} | {left_out} | {skipped} | {} |",
                reasons.replace('|', "\\|")
            );
        }
        text
    }

    /// One line: all unit files together. Tests left out count as failed.
    pub fn summary(&self) -> String {
        let sum = |of: fn(&Row) -> usize| self.rows.iter().map(of).sum::<usize>();
        let passed = sum(|row| row.passed);
        let failed = sum(|row| row.failures + row.left_out);
        let percent = 100.0 * passed as f64 / (passed + failed).max(1) as f64;
        format!(
            "{} unit files: {passed} passed, {failed} failed or left out ({percent:.1}% passed), {} skipped, {} not as expected",
            self.rows.len(),
            sum(|row| row.skipped),
            self.surprises()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::suite::verdicts::Verdicts;

    #[test]
    fn sums_and_counts_what_is_left_out_as_failed() {
        let verdicts = Verdicts::parse("[ok]: a (0 ms)\n[err]: b in tests/x\n[skip]: c\n[ignore]: d: e\n");
        let run = Run { verdicts, output: String::new(), took: Duration::ZERO };
        let mut table = Table::default();
        let surprises = Surprises { failed: vec!["b".to_owned()], ..Surprises::default() };
        table.add("unit/x", run, surprises, BTreeSet::from(["needs a|b"]), 1);
        assert_eq!(table.surprises(), 1);
        assert!(table.markdown().ends_with("| `unit/x` | 1 | 1 | 1 | 1 | 1 | needs a\\|b |\n"));
        assert!(table.summary().starts_with("1 unit files: 1 passed, 2 failed or left out (33.3% passed)"));
    }
}
