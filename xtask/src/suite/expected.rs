//! The list of expected failures: `tests/suite/redis-7.0.15-expected.txt`.
//!
//! One line each, three fields parted by tabs: unit file, name of the test, reason. A reason that begins with `left out:`
//! means that the test is not run at all, because it never ends or harms those after it. Empty lines and lines that
//! begin with `#` are comments. The list only shrinks: a test on it that passes is an error until its line is gone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::{
    harness::Mode,
    verdicts::{NO_VERDICT, Verdicts},
};

/// How the reason of a test that is not run begins.
const LEFT_OUT: &str = "left out:";

/// Expected failures of all unit files.
#[derive(Debug, Default)]
pub struct Expected {
    /// Reason by test, by unit file.
    units: BTreeMap<String, BTreeMap<String, String>>,
}

/// What differs from the expectation in one unit file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Surprises {
    /// Failed, and not on the list.
    pub failed: Vec<String>,
    /// On the list, and passed.
    pub passed: Vec<String>,
    /// On the list, and neither passed nor failed although the file was run to its end.
    pub absent: Vec<String>,
}

impl Surprises {
    /// All went as the list says.
    pub fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.passed.is_empty() && self.absent.is_empty()
    }
}

impl Expected {
    /// Reads the list. Fails on a line without three fields, without a reason, or that stands there twice.
    pub fn parse(text: &str) -> Result<Expected> {
        let mut expected = Expected::default();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.splitn(3, '\t');
            let (Some(unit), Some(name), Some(reason)) = (fields.next(), fields.next(), fields.next()) else {
                bail!("line {}: three fields parted by tabs are needed", number + 1);
            };
            if reason.trim().is_empty() {
                bail!("line {}: a reason is needed", number + 1);
            }
            let tests = expected.units.entry(unit.to_owned()).or_default();
            if tests.insert(name.to_owned(), reason.to_owned()).is_some() {
                bail!("line {}: this test stands on the list already", number + 1);
            }
        }
        Ok(expected)
    }

    /// Unit files that the list names.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.units.keys().map(String::as_str)
    }

    /// Tests of a unit file that are not to be run.
    pub fn left_out<'a>(&'a self, unit: &str) -> impl Iterator<Item = &'a str> {
        self.tests(unit).filter(|(_, reason)| reason.starts_with(LEFT_OUT)).map(|(name, _)| name)
    }

    /// The different reasons of a unit file, in order.
    pub fn reasons(&self, unit: &str) -> BTreeSet<&str> {
        self.tests(unit).map(|(_, reason)| reason).collect()
    }

    /// Compares what came out with the list. Tests that want a server of their own are not run where all share one:
    /// there, that one on the list is absent says nothing.
    pub fn compare(&self, unit: &str, verdicts: &Verdicts, mode: Mode) -> Surprises {
        let listed: BTreeMap<&str, &str> = self.tests(unit).collect();
        let passing = verdicts.passing();
        let mut surprises = Surprises {
            failed: verdicts
                .failed
                .keys()
                .filter(|name| !listed.contains_key(name.as_str()))
                .cloned()
                .collect(),
            ..Surprises::default()
        };
        for (name, reason) in listed {
            if verdicts.failed.contains_key(name) || reason.starts_with(LEFT_OUT) {
                continue;
            }
            if passing.contains(name) || (name == NO_VERDICT && verdicts.done) {
                surprises.passed.push(name.to_owned());
            } else if verdicts.done && mode == Mode::Spawn {
                surprises.absent.push(name.to_owned());
            }
        }
        surprises
    }

    fn tests<'a>(&'a self, unit: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.units.get(unit).into_iter().flatten().map(|(name, reason)| (name.as_str(), reason.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# comment\n\nunit/x\ta b\tneeds lists\nunit/x\tloops\tleft out: never ends\n";

    #[test]
    fn the_list_only_shrinks() {
        let list = Expected::parse(LIST).unwrap();
        let failing = Verdicts::parse("[err]: a b in tests/unit/x.tcl\n[1/1 done]: unit/x (0 seconds)\n");
        assert!(list.compare("unit/x", &failing, Mode::Spawn).is_empty());
        assert_eq!(list.compare("unit/y", &failing, Mode::Spawn).failed, ["a b"]);

        let passing = Verdicts::parse("[ok]: a b (0 ms)\n[1/1 done]: unit/x (0 seconds)\n");
        assert_eq!(list.compare("unit/x", &passing, Mode::Connect).passed, ["a b"]);

        let gone = Verdicts::parse("[1/1 done]: unit/x (0 seconds)\n");
        assert_eq!(list.compare("unit/x", &gone, Mode::Spawn).absent, ["a b"]);
        assert!(list.compare("unit/x", &gone, Mode::Connect).is_empty());
    }

    #[test]
    fn tests_left_out_are_named_to_the_harness() {
        let list = Expected::parse(LIST).unwrap();
        assert_eq!(list.left_out("unit/x").collect::<Vec<_>>(), ["loops"]);
        assert_eq!(list.left_out("unit/y").count(), 0);
    }

    #[test]
    fn a_line_needs_a_reason_and_stands_once() {
        assert!(Expected::parse("unit/x\ta").is_err());
        assert!(Expected::parse("unit/x\ta\t ").is_err());
        assert!(Expected::parse("unit/x\ta\tr\nunit/x\ta\tr").is_err());
    }
}
