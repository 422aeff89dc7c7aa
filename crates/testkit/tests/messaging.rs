//! Publish/subscribe and MONITOR: several clients on both protocols do the same things, in the same order, with
//! valkey-server and with Brasa on one, two and four threads. Each must receive the same bytes in the same order.
//!
//! After each step every client sends a PING with a mark: what was published before stands before its answer.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::client::{Client, Finish, encode};
use testkit::reply::escape;
use testkit::rng::Rng;
use testkit::server::{Kind, Launch, Server};

const CLIENTS: usize = 6;
const STEPS: usize = 1500;
const MARK: &str = "the-mark";

type Command = Vec<String>;

fn start(kind: Kind, threads: usize) -> Server {
    let launch = Launch::new(kind);
    let launch = match kind {
        Kind::Brasa => launch.args(["--io-threads", &threads.to_string()]),
        _ => launch,
    };
    launch.start().unwrap_or_else(|error| panic!("{error}"))
}

fn words(line: &str) -> Command {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Clients of one server; every other one speaks RESP3.
fn clients(server: &Server) -> Vec<Client> {
    (0..CLIENTS)
        .map(|number| {
            let mut client = server.connect().expect("connects");
            if number % 2 == 1 {
                client.command(&["HELLO", "3"]).expect("speaks RESP3");
            }
            client
        })
        .collect()
}

/// Sends commands at once and reads to the end of what they lead to.
fn step(clients: &mut [Client], from: usize, commands: &[Command]) -> Vec<Vec<u8>> {
    let mark = format!("{MARK}\r\n");
    let ping = |client: &mut Client, before: &[Command]| {
        let mut request = Vec::new();
        before.iter().for_each(|command| encode(command, &mut request));
        encode(&["PING", MARK], &mut request);
        client.send(&request).expect("sends");
        let replies = client.receive_until(mark.as_bytes());
        assert_eq!(replies.finish, Finish::Complete, "{}", escape(&replies.bytes, 500));
        replies.bytes
    };
    let first = ping(&mut clients[from], commands);
    let mut seen = vec![first];
    // A round for all, the sender as well: its own messages may stand behind its PING.
    seen.extend(clients.iter_mut().map(|client| ping(client, &[])));
    seen
}

/// A random command. No channel matches two patterns and nothing ends all subscriptions at once, since the order of
/// what follows is left open.
fn random(rng: &mut Rng) -> Command {
    const CHANNELS: [&str; 8] = ["a1", "a2", "b1", "b2", "c1", "d1", "e1", "none"];
    const PATTERNS: [&str; 5] = ["a*", "b?", "[cd]1", "e\\1", "[^a-e]*"];
    let some = |rng: &mut Rng, of: &[&str], most: usize| {
        let count = 1 + rng.below(most);
        (0..count).map(|_| (*rng.pick(of)).to_owned()).collect::<Vec<_>>()
    };
    let with = |name: &str, rest: Vec<String>| [vec![name.to_owned()], rest].concat();
    match rng.below(20) {
        0 | 1 => with("SUBSCRIBE", some(rng, &CHANNELS, 3)),
        2 => with("UNSUBSCRIBE", some(rng, &CHANNELS, 3)),
        3 => with("PSUBSCRIBE", some(rng, &PATTERNS, 2)),
        4 => with("PUNSUBSCRIBE", some(rng, &PATTERNS, 3)),
        5 => with("SSUBSCRIBE", some(rng, &CHANNELS, 2)),
        6 => with("SUNSUBSCRIBE", some(rng, &CHANNELS, 2)),
        7..=12 => {
            let message = format!("m{}", "x".repeat(rng.below(40)) + &rng.below(1000).to_string());
            vec!["PUBLISH".into(), (*rng.pick(&CHANNELS)).into(), message]
        }
        13 => vec!["SPUBLISH".into(), (*rng.pick(&CHANNELS)).into(), "shard".into()],
        14 => [words("PUBSUB NUMSUB"), some(rng, &CHANNELS, 3)].concat(),
        15 => [words("PUBSUB SHARDNUMSUB"), some(rng, &CHANNELS, 3)].concat(),
        16 => words("PUBSUB NUMPAT"),
        17 => words(["GET k", "SET k v", "PING", "PING hi", "PUBLISH a1", "SUBSCRIBE"][rng.below(6)]),
        18 => [words("PUBSUB CHANNELS"), some(rng, &["a1", "b1", "e1"], 1)].concat(),
        _ => words("CLIENT REPLY SKIP"),
    }
}

/// Commands of one step; sometimes a transaction.
fn commands(rng: &mut Rng) -> Vec<Command> {
    let mut commands: Vec<Command> = (0..1 + rng.below(6)).map(|_| random(rng)).collect();
    if rng.one_in(6) {
        commands.retain(|command| command[0] != "CLIENT");
        commands.insert(0, words("MULTI"));
        commands.push(words("EXEC"));
    }
    // The mark must be answered.
    commands.push(words("PUBSUB NUMPAT"));
    commands
}

#[test]
fn all_listeners_hear_what_valkeys_hear() {
    for (seed, threads) in [(1, 1), (2, 2), (3, 4)] {
        let servers = [start(Kind::Valkey, 1), start(Kind::Brasa, threads)];
        let [mut left, mut right] = servers.each_ref().map(clients);
        let mut rng = Rng::new(seed);
        let (mut sent, mut heard) = (0, 0);
        for number in 0..STEPS {
            let from = rng.below(CLIENTS);
            let commands = commands(&mut rng);
            sent += commands.len();
            let expected = step(&mut left, from, &commands);
            let observed = step(&mut right, from, &commands);
            for (who, (expected, observed)) in expected.iter().zip(&observed).enumerate() {
                assert_eq!(
                    escape(observed, 4000),
                    escape(expected, 4000),
                    "seed {seed}, {threads} threads, step {number} by {from}, stream {who}: {commands:?}"
                );
            }
            heard += expected.iter().filter(|bytes| bytes.windows(7).any(|w| w == b"message")).count();
        }
        assert!(sent > STEPS * 4 && heard > STEPS / 2, "{sent} commands, {heard} streams with messages");
    }
}

#[test]
fn publishers_at_once_are_heard_in_one_order() {
    const MESSAGES: usize = 3000;
    for threads in [2, 4] {
        let server = start(Kind::Brasa, threads);
        let mut listeners: Vec<Client> = (0..8).map(|_| server.connect().expect("connects")).collect();
        for (number, listener) in listeners.iter_mut().enumerate() {
            let line = if number % 2 == 0 { "SUBSCRIBE c" } else { "PSUBSCRIBE c*" };
            listener.command(&words(line)).expect("subscribes");
        }
        std::thread::scope(|scope| {
            for publisher in 0..4 {
                let mut client = server.connect().expect("connects");
                scope.spawn(move || {
                    for from in (0..MESSAGES).step_by(100) {
                        let batch: Vec<Command> = (from..from + 100)
                            .map(|number| words(&format!("PUBLISH c {publisher}:{number}")))
                            .collect();
                        let replies = client.pipeline(&batch).expect("publishes");
                        assert_eq!(replies.get(0), Some(&b":8\r\n"[..]));
                        assert_eq!(replies.len(), batch.len());
                    }
                });
            }
        });
        let mut orders: Vec<Vec<String>> = Vec::new();
        for listener in &mut listeners {
            let replies = listener.receive(4 * MESSAGES);
            assert_eq!(replies.finish, Finish::Complete);
            let texts = (0..replies.len()).filter_map(|at| replies.get(at));
            let last = |reply: &[u8]| {
                let text = String::from_utf8_lossy(reply).into_owned();
                text.trim_end().rsplit("\r\n").next().unwrap_or_default().to_owned()
            };
            orders.push(texts.map(last).collect());
        }
        let mut next: BTreeMap<&str, usize> = BTreeMap::new();
        for message in &orders[0] {
            let (publisher, number) = message.split_once(':').expect("a message of ours");
            let expected = next.entry(publisher).or_default();
            assert_eq!(number.parse(), Ok(*expected), "messages of {publisher}");
            *expected += 1;
        }
        for order in &orders[1..] {
            assert!(*order == orders[0], "all listeners hear the same order");
        }
    }
}

#[test]
fn a_listener_that_never_reads_is_cut_off_and_others_hear_all() {
    let server = Launch::new(Kind::Brasa)
        .args(["--io-threads", "2", "--client-output-buffer-limit", "pubsub 1mb 0 0"])
        .start()
        .expect("Brasa starts");
    let mut deaf = server.connect().expect("connects");
    deaf.command(&words("SUBSCRIBE c")).expect("subscribes");
    let mut listener = server.connect().expect("connects");
    listener.command(&words("SUBSCRIBE c")).expect("subscribes");
    let mut publisher = server.connect().expect("connects");
    let message = "x".repeat(64 * 1024);
    let mut counts = Vec::new();
    for _ in 0..400 {
        let reply = publisher.command(&["PUBLISH", "c", &message]).expect("publishes");
        counts.push(reply.clone());
        let heard = listener.receive(1);
        assert_eq!((heard.finish, heard.len()), (Finish::Complete, 1));
    }
    assert_eq!(counts.first().map(Vec::as_slice), Some(&b":2\r\n"[..]));
    assert_eq!(counts.last().map(Vec::as_slice), Some(&b":1\r\n"[..]), "the deaf one is gone");
    let info = publisher.command(&words("INFO stats")).expect("answers");
    assert!(String::from_utf8_lossy(&info).contains("client_output_buffer_limit_disconnections:1\r\n"));
    let rest = deaf.receive_to_close(Duration::from_secs(5));
    assert_eq!(rest.finish, Finish::Closed);
}

#[test]
fn monitors_see_commands_of_all_threads_without_secrets() {
    let server = start(Kind::Brasa, 4);
    let mut monitor = server.connect().expect("connects");
    assert_eq!(monitor.command(&["MONITOR"]).expect("answers"), b"+OK\r\n");
    for number in 0..8 {
        let mut client = server.connect().expect("connects");
        client.command(&["SET", "k", &format!("v\"{number}")]).expect("answers");
        client.command(&["AUTH", "user", "secret"]).expect("answers");
        client.command(&["CONFIG", "GET", "port"]).expect("answers");
        for end in [
            format!("\"SET\" \"k\" \"v\\\"{number}\"\r\n"),
            "\"AUTH\" \"(redacted)\" \"(redacted)\"\r\n".into(),
        ] {
            let line = monitor.receive(1);
            let line = String::from_utf8_lossy(&line.bytes).into_owned();
            assert!(line.starts_with('+') && line.contains(" [0 127.0.0.1:"), "{line}");
            assert!(line.ends_with(&end), "{line}");
        }
    }
    assert!(monitor.command(&["RESET"]).expect("answers").ends_with(b"+RESET\r\n"));
    let mut client = server.connect().expect("connects");
    client.command(&["SET", "k", "unseen"]).expect("answers");
    let reply = monitor.command(&["PING"]).expect("answers");
    assert_eq!(reply, b"+PONG\r\n");
}
