//! `getopt_long` of the GNU library, for one table: letters in clusters, values behind a letter or in the next
//! argument, long options by any unambiguous beginning, operands anywhere and without an effect.

use std::collections::VecDeque;

/// Whether an option has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// Long form only: a value behind `=`.
    Maybe,
}

use Takes::{Maybe, Nothing, Value};

/// Letter, long form where there is one, value.
const TABLE: &[(char, Option<&str>, Takes)] = &[
    ('a', Some("unix-mask"), Value),
    ('A', Some("enable-shutdown"), Nothing),
    ('Z', Some("enable-ssl"), Nothing),
    ('p', Some("port"), Value),
    ('s', Some("unix-socket"), Value),
    ('U', Some("udp-port"), Value),
    ('m', Some("memory-limit"), Value),
    ('M', Some("disable-evictions"), Nothing),
    ('c', Some("conn-limit"), Value),
    ('k', Some("lock-memory"), Nothing),
    ('h', Some("help"), Nothing),
    ('i', Some("license"), Nothing),
    ('V', Some("version"), Nothing),
    ('r', Some("enable-coredumps"), Nothing),
    ('v', Some("verbose"), Maybe),
    ('d', Some("daemon"), Nothing),
    ('l', Some("listen"), Value),
    ('u', Some("user"), Value),
    ('P', Some("pidfile"), Value),
    ('f', Some("slab-growth-factor"), Value),
    ('n', Some("slab-min-size"), Value),
    ('t', Some("threads"), Value),
    ('D', None, Value),
    ('L', Some("enable-largepages"), Nothing),
    ('R', Some("max-reqs-per-event"), Value),
    ('C', Some("disable-cas"), Nothing),
    ('b', Some("listen-backlog"), Value),
    ('B', Some("protocol"), Value),
    ('I', Some("max-item-size"), Value),
    ('S', Some("enable-sasl"), Nothing),
    ('F', Some("disable-flush-all"), Nothing),
    ('X', Some("disable-dumping"), Nothing),
    ('W', Some("disable-watch"), Nothing),
    ('Y', Some("auth-file"), Value),
    ('e', Some("memory-file"), Value),
    ('o', Some("extended"), Value),
    ('N', Some("napi-ids"), Value),
];

/// The options of a command line, each as its letter and its value, or what the library would complain about.
pub struct Options<'a> {
    program: &'a str,
    args: VecDeque<&'a str>,
    /// Rest of a cluster of letters.
    cluster: &'a str,
}

impl<'a> Options<'a> {
    /// Reads `args`, which begin behind the program's name.
    pub fn new(program: &'a str, args: &'a [String]) -> Options<'a> {
        Options { program, args: args.iter().map(String::as_str).collect(), cluster: "" }
    }

    fn letter(&mut self) -> Result<(char, Option<&'a str>), String> {
        let mut chars = self.cluster.chars();
        let letter = chars.next().expect("called for a cluster that is not empty");
        self.cluster = chars.as_str();
        match TABLE.iter().find(|(known, ..)| *known == letter) {
            None => Err(format!("{}: invalid option -- '{letter}'", self.program)),
            Some((.., Value)) => {
                let rest = std::mem::take(&mut self.cluster);
                let value = if rest.is_empty() { self.args.pop_front() } else { Some(rest) };
                let missing = || format!("{}: option requires an argument -- '{letter}'", self.program);
                value.map(|value| (letter, Some(value))).ok_or_else(missing)
            }
            Some(_) => Ok((letter, None)),
        }
    }

    fn long(&mut self, text: &'a str) -> Result<(char, Option<&'a str>), String> {
        let program = self.program;
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let named = TABLE.iter().filter_map(|&(letter, long, takes)| Some((letter, long?, takes)));
        let begins: Vec<_> = named.filter(|(_, long, _)| long.starts_with(name)).collect();
        let &(letter, long, takes) = match (begins.iter().find(|(_, long, _)| *long == name), &begins[..]) {
            (Some(exact), _) => exact,
            (None, [one]) => one,
            (None, []) => return Err(format!("{program}: unrecognized option '--{text}'")),
            (None, several) => {
                let list: Vec<String> = several.iter().map(|(_, long, _)| format!(" '--{long}'")).collect();
                let list = list.concat();
                return Err(format!("{program}: option '--{text}' is ambiguous; possibilities:{list}"));
            }
        };
        match (takes, value) {
            (Nothing, Some(_)) => Err(format!("{program}: option '--{long}' doesn't allow an argument")),
            (Value, None) => {
                let missing = || format!("{program}: option '--{long}' requires an argument");
                self.args.pop_front().map(|value| (letter, Some(value))).ok_or_else(missing)
            }
            _ => Ok((letter, value)),
        }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<(char, Option<&'a str>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.cluster.is_empty() {
            return Some(self.letter());
        }
        loop {
            let arg = self.args.pop_front()?;
            if arg == "--" {
                return None;
            }
            if let Some(text) = arg.strip_prefix("--") {
                return Some(self.long(text));
            }
            match arg.strip_prefix('-') {
                Some(letters) if !letters.is_empty() => {
                    self.cluster = letters;
                    return Some(self.letter());
                }
                // An operand; memcached looks at none.
                _ => {}
            }
        }
    }
}
