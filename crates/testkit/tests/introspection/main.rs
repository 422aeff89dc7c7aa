//! Introspection beside valkey-server: what the server says about its commands, its state, its clients and its past.

mod catalogue;
mod clients;
mod counters;
mod disabled;
mod fields;
mod latency;
mod logs;
mod tools;

use std::collections::BTreeMap;

use testkit::client::{Client, encode};
use testkit::reply::{Value, escape};
use testkit::server::{Kind, Launch, Server};

/// A Valkey and a Brasa with so many threads.
fn pair(threads: usize) -> [Server; 2] {
    [Kind::Valkey, Kind::Brasa].map(|kind| {
        let launch = Launch::new(kind).args(["--enable-debug-command", "yes"]);
        let launch = match kind {
            Kind::Brasa => launch.args(["--io-threads", &threads.to_string()]),
            _ => launch,
        };
        launch.start().unwrap_or_else(|error| panic!("{error}"))
    })
}

/// The words of a line; `''` is the empty one, `^` within a word a space.
fn words(line: &str) -> Vec<String> {
    let word = |word: &str| if word == "''" { String::new() } else { word.replace('^', " ") };
    line.split_whitespace().map(word).collect()
}

/// A client of each server: Valkey's, then Brasa's.
struct Both([Client; 2]);

impl Both {
    fn connect(servers: &[Server; 2]) -> Both {
        Both(servers.each_ref().map(|server| server.connect().expect("connects")))
    }

    /// Sends a line to both. The second answer is that of the server under test.
    fn ask(&mut self, line: &str) -> [Vec<u8>; 2] {
        let words = words(line);
        self.0.each_mut().map(|client| client.command(&words).expect("answers"))
    }

    /// Sends a line to both; what `view` makes of the answers must be the same.
    fn same_as<T: PartialEq + std::fmt::Debug>(&mut self, line: &str, view: impl Fn(&[u8]) -> T) -> T {
        let [expected, got] = self.ask(line).map(|reply| view(&reply));
        assert_eq!(got, expected, "{line}");
        got
    }

    /// Sends a line to both; they must answer the same, byte for byte.
    fn same(&mut self, line: &str) -> String {
        self.same_as(line, |reply| escape(reply, 4000))
    }

    /// Sends a line without waiting for its answer.
    fn send(&mut self, line: &str) {
        let mut request = Vec::new();
        encode(&words(line), &mut request);
        self.0.iter_mut().for_each(|client| client.send(&request).expect("sends"));
    }

    /// The next answer, the same from both.
    fn next(&mut self) -> String {
        let [expected, got] = self.0.each_mut().map(|client| escape(&client.receive(1).bytes, 4000));
        assert_eq!(got, expected);
        got
    }
}

/// The text of a bulk, verbatim or simple string.
fn text(reply: &[u8]) -> String {
    let value = Value::parse(reply).expect("a whole reply");
    String::from_utf8_lossy(value.body()).into_owned()
}

/// What a value of INFO looks like: its digits may differ, its form may not.
fn sections(info: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in info.split("\r\n").filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix("# ") {
            sections.push((title.to_owned(), Vec::new()));
        } else {
            let (name, value) = line.split_once(':').expect("a field");
            let (_, fields) = sections.last_mut().expect("a section");
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    sections
}

/// The fields of one section of INFO.
fn info(client: &mut Client, section: &str) -> BTreeMap<String, String> {
    let reply = client.command(&["INFO", section]).expect("answers");
    sections(&text(&reply)).into_iter().flat_map(|(_, fields)| fields).collect()
}
