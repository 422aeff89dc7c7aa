//! Counts what was reached: every command and option that the server's COMMAND DOCS names must have succeeded
//! and failed often enough. What is not asked for stands in [`EXEMPT`], with its reason.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use super::families::Family;
use crate::reply::Value;

/// Successes of each command and option that a run of 100,000 commands must reach.
pub const SUCCESSES: u64 = 50;
/// Errors of each command and option that such a run must reach.
pub const ERRORS: u64 = 5;
/// The size of run these numbers are meant for; a smaller one must reach proportionally fewer.
pub const FULL_RUN: u64 = 100_000;

/// Commands and options that are asked for less, or not at all.
#[derive(Debug)]
pub struct Exempt {
    /// A label, or its beginning when it ends with `*`.
    pub label: &'static str,
    /// Whether successes are still asked for.
    pub successes: bool,
    /// Whether errors are still asked for.
    pub errors: bool,
    /// Why.
    pub reason: &'static str,
}

const fn left_out(label: &'static str, reason: &'static str) -> Exempt {
    Exempt { label, successes: false, errors: false, reason }
}

const LATER: &str = "of a later stage";
const OFF: &str = "its feature is off; `tests/introspection/disabled.rs` has it";

/// See [`Exempt`].
pub const EXEMPT: &[Exempt] = &[
    left_out("DUMP*", LATER),
    left_out("RESTORE*", LATER),
    left_out("MIGRATE*", LATER),
    left_out("WAIT*", OFF),
    left_out("ACL*", LATER),
    left_out("BGREWRITEAOF", OFF),
    left_out("BGSAVE*", OFF),
    left_out("SAVE", OFF),
    left_out("LASTSAVE", OFF),
    left_out("FAILOVER*", OFF),
    left_out("REPLICAOF*", OFF),
    left_out("SLAVEOF*", OFF),
    left_out("REPLCONF", OFF),
    left_out("PSYNC", OFF),
    left_out("SYNC", OFF),
    left_out("ROLE", OFF),
    left_out("MODULE*", OFF),
    left_out("MONITOR", "the connection gets lines of others from then on; `tests/messaging.rs` has it"),
    left_out(
        "PFSELFTEST",
        "tests the server's own code for a quarter of a second; there is no reply to compare but OK",
    ),
    Exempt {
        label: "SHUTDOWN*",
        successes: false,
        errors: true,
        reason: "a success ends the server; `faults.rs` has it",
    },
    Exempt {
        label: "CONFIG REWRITE",
        successes: false,
        errors: true,
        reason: "the servers run without a config file",
    },
    Exempt {
        label: "LATENCY GRAPH",
        successes: false,
        errors: true,
        reason: "needs events, which the monitor would time",
    },
    Exempt { label: "INFO", successes: true, errors: false, reason: "takes any arguments" },
    Exempt { label: "COMMAND DOCS", successes: true, errors: false, reason: "takes any arguments" },
    Exempt { label: "COMMAND INFO", successes: true, errors: false, reason: "takes any arguments" },
    Exempt { label: "LATENCY RESET", successes: true, errors: false, reason: "takes any arguments" },
    Exempt { label: "LATENCY HISTOGRAM", successes: true, errors: false, reason: "takes any arguments" },
    Exempt { label: "QUIT", successes: true, errors: false, reason: "takes any arguments" },
];

/// Which words of a command are options.
#[derive(Debug, Default)]
struct Words {
    label: Option<usize>,
    options: HashMap<Vec<u8>, usize>,
    subcommands: HashMap<Vec<u8>, Words>,
}

#[derive(Debug)]
struct Label {
    name: String,
    successes: u64,
    errors: u64,
    wants_successes: bool,
    wants_errors: bool,
}

/// The counts of a campaign.
#[derive(Debug, Default)]
pub struct Coverage {
    commands: HashMap<Vec<u8>, Words>,
    labels: Vec<Label>,
    left_out: BTreeSet<String>,
    total: u64,
}

impl Coverage {
    /// Labels for every command of the families' groups, from a reply of COMMAND DOCS in RESP2, but for those (upper
    /// case, with `|`) that are left out.
    pub fn from_docs(docs: &Value, families: &[&'static Family], left_out: &BTreeSet<String>) -> Self {
        let mut coverage = Coverage { left_out: left_out.clone(), ..Coverage::default() };
        for (name, doc) in docs.pairs() {
            let group = field(doc, b"group").map_or(&b""[..], |value| value.text);
            if families.iter().any(|family| !family.group.is_empty() && family.group.as_bytes() == group) {
                let upper = String::from_utf8_lossy(name.text).to_uppercase();
                let words = coverage.words(&upper, doc);
                coverage.commands.insert(upper.into_bytes(), words);
            }
        }
        coverage
    }

    fn words(&mut self, name: &str, doc: &Value) -> Words {
        let mut words = Words::default();
        if let Some(subcommands) = field(doc, b"subcommands") {
            words.label = self.label(name, false);
            for (full, doc) in subcommands.pairs() {
                let full = String::from_utf8_lossy(full.text).to_uppercase().replace('|', " ");
                let own = full.rsplit(' ').next().unwrap_or_default().as_bytes().to_vec();
                let nested = self.words(&full, doc);
                words.subcommands.insert(own, nested);
            }
        } else {
            words.label = self.label(name, true);
        }
        if let Some(arguments) = field(doc, b"arguments") {
            self.options(name, arguments, &mut words);
        }
        words
    }

    fn options(&mut self, name: &str, arguments: &Value, words: &mut Words) {
        for argument in &arguments.items {
            if let Some(token) = field(argument, b"token").map(|token| token.text.to_ascii_uppercase())
                && !token.is_empty()
                && !words.options.contains_key(&token)
                && let Some(label) = self.label(&format!("{name} {}", String::from_utf8_lossy(&token)), true)
            {
                words.options.insert(token, label);
            }
            if let Some(nested) = field(argument, b"arguments") {
                self.options(name, nested, words);
            }
        }
    }

    /// A new label, unless nothing is asked of it.
    fn label(&mut self, name: &str, callable: bool) -> Option<usize> {
        // An option's label begins with its command's.
        let mut words = name.split(' ');
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if self.left_out.contains(first) || self.left_out.contains(&format!("{first}|{second}")) {
            return None;
        }
        let exempt = EXEMPT.iter().find(|exempt| match exempt.label.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == exempt.label,
        });
        let (wants_successes, wants_errors) =
            exempt.map_or((true, true), |exempt| (exempt.successes, exempt.errors));
        if !wants_successes && !wants_errors {
            return None;
        }
        self.labels.push(Label {
            name: name.to_owned(),
            successes: 0,
            errors: 0,
            wants_successes: wants_successes && callable,
            wants_errors,
        });
        Some(self.labels.len() - 1)
    }

    /// Counts one command's outcome.
    pub fn count(&mut self, argv: &[Vec<u8>], success: bool) {
        self.total += 1;
        let Some(name) = argv.first() else { return };
        let Some(mut words) = self.commands.get(&name.to_ascii_uppercase()) else { return };
        let mut rest = &argv[1..];
        if let Some(nested) = rest.first().and_then(|word| words.subcommands.get(&word.to_ascii_uppercase()))
        {
            (words, rest) = (nested, &rest[1..]);
        }
        let mut reached: Vec<usize> = words.label.into_iter().collect();
        // The longest option names have fifteen letters; values need not be looked up.
        for word in rest.iter().filter(|word| word.len() <= 16 && !word.is_empty()) {
            if let Some(&label) = words.options.get(&word.to_ascii_uppercase())
                && !reached.contains(&label)
            {
                reached.push(label);
            }
        }
        for label in reached {
            let label = &mut self.labels[label];
            *(if success { &mut label.successes } else { &mut label.errors }) += 1;
        }
    }

    /// Outcomes counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Names of the commands and subcommands (`client|kill`) that are compared.
    pub fn command_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, words) in &self.commands {
            let name = String::from_utf8_lossy(name).to_lowercase();
            let nested = words.subcommands.iter().filter(|(_, nested)| nested.label.is_some());
            names.extend(
                nested.map(|(own, _)| format!("{name}|{}", String::from_utf8_lossy(own).to_lowercase())),
            );
            if words.label.is_some() {
                names.push(name);
            }
        }
        names.sort();
        names
    }

    /// Commands and options that a run of `commands` commands should have reached more often.
    pub fn missing(&self, commands: u64) -> Vec<String> {
        let share = |full: u64| full * commands.min(FULL_RUN) / FULL_RUN;
        let (successes, errors) = (share(SUCCESSES), share(ERRORS));
        let short = |label: &&Label| {
            (label.wants_successes && label.successes < successes)
                || (label.wants_errors && label.errors < errors)
        };
        let text =
            |label: &Label| format!("{}: {} successes, {} errors", label.name, label.successes, label.errors);
        self.labels.iter().filter(short).map(text).collect()
    }

    /// The table of all commands and options.
    pub fn table(&self) -> String {
        let mut rows: Vec<&Label> = self.labels.iter().collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        let mut text = format!("{:<34} {:>9} {:>9}\n", "command or option", "successes", "errors");
        for row in rows {
            let _ = writeln!(text, "{:<34} {:>9} {:>9}", row.name, row.successes, row.errors);
        }
        text
    }
}

/// A field of a map that RESP2 sends as a flat array.
fn field<'v, 'a>(map: &'v Value<'a>, name: &[u8]) -> Option<&'v Value<'a>> {
    map.pairs().find(|(key, _)| key.text == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::encode;
    use crate::differential::families;

    /// Nested lists of words as a RESP array.
    fn array(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = format!("*{}\r\n", parts.len()).into_bytes();
        parts.iter().for_each(|part| out.extend_from_slice(part));
        out
    }

    fn bulk(text: &str) -> Vec<u8> {
        format!("${}\r\n{text}\r\n", text.len()).into_bytes()
    }

    #[test]
    fn options_are_counted_with_their_command() {
        let nx = array(&[&bulk("token"), &bulk("NX")]);
        let arguments = array(&[&nx]);
        let doc = array(&[&bulk("group"), &bulk("string"), &bulk("arguments"), &arguments]);
        let bytes = array(&[&bulk("set"), &doc]);
        let docs = Value::parse(&bytes).unwrap();
        let left_out = BTreeSet::from(["SET".to_owned()]);
        let coverage = Coverage::from_docs(&docs, &[&families::string::FAMILY], &left_out);
        assert!(coverage.missing(FULL_RUN).is_empty());
        let mut coverage = Coverage::from_docs(&docs, &[&families::string::FAMILY], &BTreeSet::new());
        let words = |line: &str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        for _ in 0..SUCCESSES {
            coverage.count(&words("SET k v nx"), true);
        }
        assert_eq!(
            coverage.missing(FULL_RUN),
            ["SET: 50 successes, 0 errors", "SET NX: 50 successes, 0 errors"]
        );
        for _ in 0..ERRORS {
            coverage.count(&words("set k NX"), false);
        }
        assert!(coverage.missing(FULL_RUN).is_empty());
        assert_eq!(coverage.command_names(), ["set"]);
        let mut request = Vec::new();
        encode(&words("GET k"), &mut request);
        coverage.count(&words("GET k"), true);
        assert_eq!(coverage.total(), SUCCESSES + ERRORS + 1);
    }
}
