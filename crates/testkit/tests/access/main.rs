//! Access control beside valkey-server: random rules and commands, what changes do to connections, files of users.

mod changes;
mod files;
mod random;
mod vocabulary;

use testkit::client::Client;
use testkit::reply::escape;
use testkit::server::{Kind, Launch, Server};

/// A Valkey and a Brasa with two threads.
fn pair(arguments: &[&str]) -> [Server; 2] {
    [Kind::Valkey, Kind::Brasa].map(|kind| {
        let launch = Launch::new(kind).args(arguments);
        let launch = if kind == Kind::Brasa { launch.args(["--io-threads", "2"]) } else { launch };
        launch.start().unwrap_or_else(|error| panic!("{error}"))
    })
}

/// A client of each.
struct Both([Client; 2]);

impl Both {
    fn connect(servers: &[Server; 2]) -> Both {
        Both(servers.each_ref().map(|server| server.connect().expect("connects")))
    }

    /// Sends a line to both; they must answer the same.
    fn same(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        self.same_words(&words)
    }

    fn same_words(&mut self, words: &[&str]) -> String {
        let [left, right] = self.0.each_mut().map(|client| client.command(words).expect("answers"));
        assert_eq!(escape(&right, 2000), escape(&left, 2000), "{words:?}");
        String::from_utf8_lossy(&left).into_owned()
    }

    /// Sends a line without waiting for the answer.
    fn send(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let mut request = Vec::new();
        testkit::client::encode(&words, &mut request);
        self.0.iter_mut().for_each(|client| client.send(&request).expect("sends"));
    }

    /// The next answer, the same from both.
    fn next(&mut self) -> String {
        let [left, right] = self.0.each_mut().map(|client| client.receive(1).bytes);
        assert_eq!(escape(&right, 2000), escape(&left, 2000));
        String::from_utf8_lossy(&left).into_owned()
    }

    /// Whether both connections end; both must do the same.
    fn closed(&mut self) -> bool {
        let ends = self.0.each_mut().map(|client| client.command(&["PING"]).is_err());
        assert_eq!(ends[0], ends[1], "one ends and the other does not");
        ends[0]
    }
}

/// What ACL LOG says but for times and clients.
fn denials(client: &mut Client) -> String {
    let reply = client.command(&["ACL", "LOG", "100"]).expect("answers");
    let text = String::from_utf8_lossy(&reply).into_owned();
    let mut lines = text.lines().filter(|line| !line.starts_with(['$', '*']));
    let mut kept = String::new();
    while let Some(name) = lines.next() {
        let value = lines.next().unwrap_or_default();
        if ["count", "reason", "context", "object", "username", "entry-id"].contains(&name) {
            kept += &format!("{name}={value} ");
        }
    }
    kept
}

/// The counters of denials.
fn counters(client: &mut Client) -> Vec<String> {
    let reply = client.command(&["INFO", "stats"]).expect("answers");
    let text = String::from_utf8_lossy(&reply).into_owned();
    text.lines().filter(|line| line.starts_with("acl_access_denied")).map(str::to_owned).collect()
}
