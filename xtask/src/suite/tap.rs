//! What a Perl test prints: the Test Anything Protocol, <https://testanything.org/tap-specification.html>.

use super::verdicts::{NO_VERDICT, Verdicts};

/// Reads the output of one file. A plan of no tests is a file that skips itself; one that differs from what came is a
/// file that did not get to its end.
pub fn parse(output: &str) -> Verdicts {
    let mut verdicts = Verdicts::default();
    let (mut planned, mut seen) = (None, 0usize);
    // The test that the remarks behind it belong to.
    let mut open: Option<String> = None;
    for line in output.lines() {
        if let Some(plan) = line.strip_prefix("1..") {
            planned = plan.split_whitespace().next().and_then(|number| number.parse::<usize>().ok());
            continue;
        }
        if let Some(remark) = line.strip_prefix('#') {
            if let Some(details) = open.as_ref().and_then(|name| verdicts.failed.get_mut(name)) {
                details.push(remark.trim().to_owned());
            }
            continue;
        }
        let (passed, rest) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => continue,
        };
        open = None;
        seen += 1;
        let (name, directive) = match rest.split_once(" # ") {
            Some((name, directive)) => (name, directive.to_ascii_lowercase()),
            None => (rest, String::new()),
        };
        if directive.starts_with("skip") || directive.starts_with("todo") {
            verdicts.skipped += 1;
            continue;
        }
        // A test without a name is known by its number.
        let name = name.split_once(" - ").map_or_else(|| format!("test {name}"), |(_, name)| name.to_owned());
        if passed {
            verdicts.passed.push(name);
        } else {
            verdicts.failures += 1;
            verdicts.failed.entry(name.clone()).or_default();
            open = Some(name);
        }
    }
    verdicts.done = planned == Some(seen);
    if planned == Some(0) {
        verdicts.skipped += 1;
    } else if !verdicts.done {
        let planned = planned.map_or("an unknown number".to_owned(), |number| number.to_string());
        let last = output.lines().rev().find(|line| !line.starts_with('#') && !line.trim().is_empty());
        let detail = format!("{seen} tests of {planned}; last line: {}", last.unwrap_or("none"));
        verdicts.add_failure(NO_VERDICT, &detail);
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_of_line() {
        let output = "1..5\nok 1 - set\nnot ok 2 - get\n#   Failed test 'get'\nok 3\nok 4 - a # skip no b\nok 5 - set\n";
        let verdicts = parse(output);
        assert_eq!(verdicts.passed, ["set", "test 3", "set"]);
        assert_eq!(verdicts.failed["get"], ["Failed test 'get'"]);
        assert_eq!((verdicts.failures, verdicts.skipped, verdicts.done), (1, 1, true));
    }

    #[test]
    fn a_file_may_skip_itself() {
        let verdicts = parse("1..0 # SKIP no TLS\n");
        assert_eq!((verdicts.failures, verdicts.skipped, verdicts.done), (0, 1, true));
    }

    #[test]
    fn a_file_that_stops_early_or_says_nothing_has_failed() {
        let verdicts = parse("1..3\nok 1 - a\n");
        assert_eq!((verdicts.passed.len(), verdicts.failures, verdicts.done), (1, 1, false));
        assert_eq!(verdicts.failed[NO_VERDICT], ["1 tests of 3; last line: ok 1 - a"]);
        assert_eq!(parse("").failures, 1);
    }

    #[test]
    fn a_plan_may_stand_at_the_end() {
        assert!(parse("ok 1 - a\n1..1\n").done);
    }
}
