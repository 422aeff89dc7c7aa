//! Scripts against valkey-server: random ones, hostile ones, and what failures leave in the statistics.

mod hostile;
mod memory;
mod random;
mod statistics;

use testkit::client::Client;
use testkit::server::{Kind, Launch, Server};

/// valkey-server and Brasa with two threads.
struct Peers {
    servers: [Server; 2],
}

const NAMES: [&str; 2] = ["valkey", "brasa"];

impl Peers {
    fn start(arguments: &[&str]) -> Self {
        let start = |kind: Kind| {
            let launch = Launch::new(kind).args(arguments);
            let launch = if kind == Kind::Brasa { launch.args(["--io-threads", "2"]) } else { launch };
            launch.start().unwrap_or_else(|error| panic!("{error}"))
        };
        Peers { servers: [start(Kind::Valkey), start(Kind::Brasa)] }
    }

    fn connect(&self) -> [Client; 2] {
        [0, 1].map(|i| self.servers[i].connect().expect("it accepts"))
    }
}

/// The replies of both to one command.
fn both<A: AsRef<[u8]>>(clients: &mut [Client; 2], argv: &[A]) -> [Vec<u8>; 2] {
    let [valkey, brasa] = clients;
    [valkey, brasa].map(|client| client.command(argv).expect("it answers"))
}

/// Sends commands to both, which must answer the same bytes.
fn same<A: AsRef<[u8]>>(clients: &mut [Client; 2], argv: &[A]) -> Vec<u8> {
    let [valkey, brasa] = both(clients, argv);
    assert_eq!(shown(&valkey), shown(&brasa), "valkey, brasa: {}", words(argv));
    valkey
}

fn words<A: AsRef<[u8]>>(argv: &[A]) -> String {
    argv.iter().map(|word| shown(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn shown(bytes: &[u8]) -> String {
    testkit::reply::escape(bytes, 400)
}
