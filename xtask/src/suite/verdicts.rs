//! What the harness of the suite prints, read into verdicts.
//!
//! One line in brackets per test: `[ok]: name (3 ms)`, `[err]: name in tests/unit/x.tcl` followed by details,
//! `[ignore]: name: reason` for a tag that is switched off, `[skip]: name`, `[exception]: text`. Names may hold
//! anything but a line break, colours are ANSI sequences.

use std::collections::{BTreeMap, BTreeSet};

/// Stands for the file as a whole where no test can be named: the harness died, or its time was up.
pub const NO_VERDICT: &str = "(no verdict)";
/// Stands for code outside of any test, whose error names none.
pub const OUTSIDE: &str = "(outside of a test)";

/// What came of one unit file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Names of tests that passed, each as often as it did.
    pub passed: Vec<String>,
    /// Names of tests that failed, with the first lines of what the harness says about it.
    pub failed: BTreeMap<String, Vec<String>>,
    /// Failures counted, a name that fails twice being two.
    pub failures: usize,
    /// Tests and groups left out by a tag or by name.
    pub skipped: usize,
    /// The harness said that it is through with the file.
    pub done: bool,
}

impl Verdicts {
    /// Reads the whole output of one run.
    pub fn parse(output: &str) -> Verdicts {
        let mut verdicts = Verdicts::default();
        // The test whose details the lines without a bracket belong to.
        let mut open: Option<String> = None;
        for line in output.lines() {
            let line = strip_colours(line);
            if line.trim_start().starts_with("The End") {
                break;
            }
            let Some((kind, text)) = bracketed(&line) else {
                if let Some(details) = open.as_ref().and_then(|name| verdicts.failed.get_mut(name)) {
                    details.push(line);
                }
                continue;
            };
            open = None;
            match kind {
                "ok" => verdicts.passed.push(without_time(text).to_owned()),
                "err" => open = Some(verdicts.fail(text)),
                "exception" => {
                    verdicts.add_failure(NO_VERDICT, text);
                    open = Some(NO_VERDICT.to_owned());
                }
                "ignore" | "skip" => verdicts.skipped += 1,
                _ if kind.ends_with(" done") => verdicts.done = true,
                _ => {}
            }
        }
        verdicts
    }

    /// Counts a failure that is not a line of the harness.
    pub fn add_failure(&mut self, name: &str, detail: &str) {
        self.failures += 1;
        self.failed.entry(name.to_owned()).or_default().push(detail.to_owned());
    }

    /// Names that failed at no time and passed at least once.
    pub fn passing(&self) -> BTreeSet<&str> {
        self.passed.iter().map(String::as_str).filter(|name| !self.failed.contains_key(*name)).collect()
    }

    fn fail(&mut self, text: &str) -> String {
        self.failures += 1;
        let (name, detail) = match text.rsplit_once(" in tests/") {
            Some((name, _)) => (name, None),
            None => (OUTSIDE, Some(text.to_owned())),
        };
        self.failed.entry(name.to_owned()).or_default().extend(detail);
        name.to_owned()
    }
}

/// Splits `[kind]: text`; the kinds of the harness have no bracket in them.
fn bracketed(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('[')?
        .split_once("]: ")
        .filter(|(kind, _)| !kind.contains(['[', ']']) && kind.len() < 20)
}

/// Takes the duration off an `[ok]` line.
fn without_time(text: &str) -> &str {
    match text.rsplit_once(" (") {
        Some((name, time)) if time.ends_with(" ms)") => name,
        _ => text,
    }
}

/// Removes the sequences that switch colours: ESC `[` digits and semicolons `m`.
fn strip_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.strip_prefix('[').and_then(|_| part.find('m'));
        plain.push_str(end.map_or(part, |end| &part[end + 1..]));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_of_line() {
        let verdicts = Verdicts::parse(concat!(
            "Starting test server at port 24079\n",
            "[ready]: 4711\n",
            "\u{1b}[1;37;49mTesting unit/x\u{1b}[0m\n",
            "[\u{1b}[0;32;49mok\u{1b}[0m]: SET (and GET) an item (12 ms)\n",
            "[\u{1b}[0;31;49merr\u{1b}[0m]: MGET in a row in tests/unit/x.tcl\n",
            "Expected '1' to equal or match '2'\n",
            "[\u{1b}[0;36;49mignore\u{1b}[0m]: RELOAD: Tag: needs:save denied\n",
            "[1/1 \u{1b}[0;33;49mdone\u{1b}[0m]: unit/x (3 seconds)\n",
            "\n                   The End\n",
            "*** [\u{1b}[0;31;49merr\u{1b}[0m]: MGET in a row in tests/unit/x.tcl\n",
        ));
        assert_eq!(verdicts.passed, ["SET (and GET) an item"]);
        assert_eq!(verdicts.failed["MGET in a row"], ["Expected '1' to equal or match '2'"]);
        assert_eq!((verdicts.failures, verdicts.skipped, verdicts.done), (1, 1, true));
        assert!(verdicts.passing().contains("SET (and GET) an item"));
    }

    #[test]
    fn an_exception_or_an_error_outside_of_a_test_is_a_failure() {
        let verdicts =
            Verdicts::parse("[err]: n command 'lpush'\n[exception]: Executing test client: I/O error\n");
        assert_eq!(verdicts.failures, 2);
        assert_eq!(verdicts.failed[OUTSIDE], ["n command 'lpush'"]);
        assert_eq!(verdicts.failed[NO_VERDICT], ["Executing test client: I/O error"]);
        assert!(!verdicts.done);
    }

    #[test]
    fn a_name_that_passes_and_fails_does_not_count_as_passing() {
        let verdicts = Verdicts::parse("[ok]: a (1 ms)\n[err]: a in tests/unit/x.tcl\nwhy\n[ok]: b (1 ms)\n");
        assert_eq!(verdicts.passing().into_iter().collect::<Vec<_>>(), ["b"]);
    }
}
