//! Keyspace events: the same commands on valkey-server and on Brasa, with every class of `notify-keyspace-events`. After
//! each command a client that listens to all events must have received the same bytes from both.

use std::time::Duration;

use testkit::client::{Client, Finish, encode};
use testkit::differential::families;
use testkit::differential::generate::{Gen, Settings};
use testkit::differential::step::{Action, Word};
use testkit::reply::escape;
use testkit::server::{Kind, Launch, Server};

/// One command a line; `SLEEP seconds` waits.
const COMMANDS: &str = include_str!("commands.txt");
const MARK: &str = "__key-the-mark";
const ALL: &str = "KEAmn";

type Command = Vec<Vec<u8>>;

/// A server, clients that act on it, and one that hears of all events.
struct Stage {
    server: Server,
    clients: Vec<Client>,
    marker: Client,
    listener: Client,
}

impl Stage {
    fn new(kind: Kind, threads: usize, classes: &str) -> Stage {
        let launch = Launch::new(kind).args(["--enable-debug-command", "yes"]);
        let launch = match kind {
            Kind::Brasa => launch.args(["--io-threads", &threads.to_string()]),
            _ => launch,
        };
        let server = launch.start().unwrap_or_else(|error| panic!("{error}"));
        let connect = || server.connect().expect("connects");
        let (clients, mut marker, mut listener) = ((0..6).map(|_| connect()).collect(), connect(), connect());
        marker.command(&["CONFIG", "SET", "notify-keyspace-events", classes]).expect("is set");
        listener.command(&["PSUBSCRIBE", "__key*"]).expect("listens");
        Stage { server, clients, marker, listener }
    }

    /// Both servers, set to the same classes.
    fn pair(threads: usize, classes: &str) -> [Stage; 2] {
        [Stage::new(Kind::Valkey, 1, classes), Stage::new(Kind::Brasa, threads, classes)]
    }

    fn classes(&mut self, classes: &str) {
        self.marker.command(&["CONFIG", "SET", "notify-keyspace-events", classes]).expect("is set");
    }

    /// Runs a command and returns what the listener was told until its reply came.
    fn run(&mut self, client: usize, command: &[Vec<u8>]) -> Vec<u8> {
        self.clients[client].command(command).expect("replies");
        self.heard()
    }

    /// What the listener was told so far.
    fn heard(&mut self) -> Vec<u8> {
        self.marker.command(&["PUBLISH", MARK, "now"]).expect("is published");
        let heard = self.listener.receive_until(format!("{MARK}\r\n$3\r\nnow\r\n").as_bytes());
        assert_eq!(heard.finish, Finish::Complete, "{}", escape(&heard.bytes, 500));
        heard.bytes
    }
}

fn words(line: &str) -> Command {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

fn shown(command: &[Vec<u8>]) -> String {
    command.iter().map(|word| escape(word, 60)).collect::<Vec<_>>().join(" ")
}

/// Runs a command on both servers and compares what their listeners are told.
fn compare(
    [left, right]: &mut [Stage; 2],
    client: usize,
    command: &[Vec<u8>],
    differences: &mut Vec<String>,
) {
    let (valkey, brasa) = (left.run(client, command), right.run(client, command));
    if valkey != brasa {
        let (valkey, brasa) = (escape(&valkey, 2000), escape(&brasa, 2000));
        differences.push(format!("{}\n  valkey: {valkey}\n  brasa:  {brasa}", shown(command)));
    }
}

fn run_script(stages: &mut [Stage; 2], script: &str) {
    let mut differences = Vec::new();
    for line in script.lines() {
        if let Some(seconds) = line.strip_prefix("SLEEP ") {
            std::thread::sleep(Duration::from_secs_f64(seconds.parse().expect("a number")));
        }
        let line = if line.starts_with("SLEEP ") { "PING" } else { line };
        compare(stages, 0, &words(line), &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_command_notifies_as_valkey_does() {
    for threads in [1, 2] {
        run_script(&mut Stage::pair(threads, ALL), COMMANDS);
    }
}

#[test]
fn each_class_can_be_chosen_alone() {
    let mut stages = Stage::pair(2, "");
    let without_waits: String =
        COMMANDS.lines().filter(|line| !line.starts_with("SLEEP")).map(|line| format!("{line}\n")).collect();
    // Expiry between two commands would be seen or not: by luck.
    let steady: String = without_waits
        .lines()
        .filter(|line| !line.contains(" PX ") && !line.contains("HPEXPIRE"))
        .map(|line| format!("{line}\n"))
        .collect();
    for class in ["g", "$", "l", "s", "h", "z", "x", "t", "m", "n"] {
        for place in ["K", "E", ""] {
            for stage in &mut stages {
                stage.clients[0].command(&["FLUSHALL"]).expect("is emptied");
                stage.classes(&format!("{place}{class}"));
            }
            run_script(&mut stages, &steady);
        }
    }
}

/// Commands whose outcome is left to chance, or to the instant.
fn is_steady(command: &[Vec<u8>]) -> bool {
    const UNSTEADY: &[&str] =
        &["SPOP", "CONFIG", "CLIENT", "DEBUG", "HELLO", "RESET", "QUIT", "SELECT", "INFO"];
    const TIMES: &[&str] = &["EX", "PX", "EXAT", "PXAT"];
    let upper = |word: &[u8]| String::from_utf8_lossy(word).to_ascii_uppercase();
    let Some(name) = command.first().map(|word| upper(word)) else { return false };
    // Keys by the members of a set are looked up in an order that is left open.
    let looks_up = name.starts_with("SORT") && command.iter().any(|word| word.contains(&b'*'));
    !looks_up
        && !UNSTEADY.contains(&name.as_str())
        && !name.contains("EXPIRE")
        && !name.contains("SETEX")
        && command.iter().all(|word| !TIMES.contains(&upper(word).as_str()))
}

#[test]
fn random_commands_notify_as_valkey_does() {
    let names = "string,generic,transactions,bitmap,hyperloglog,list,set,hash,sorted_set,geo,stream";
    let families = families::named(names).unwrap_or_else(|error| panic!("{error}"));
    let mut stages = Stage::pair(2, ALL);
    let settings = Settings { families, sequence_length: 700, ..Settings::default() };
    let mut differences = Vec::new();
    let mut count = 0;
    let rounds =
        std::env::var("NOTIFICATION_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(8);
    for seed in 0..rounds {
        for stage in &mut stages {
            stage.clients.iter_mut().for_each(|client| _ = client.command(&["RESET"]));
            stage.clients[0].command(&["FLUSHALL"]).expect("is emptied");
        }
        for step in Gen::sequence(&settings, seed) {
            let Action::Command(words) = step.action else { continue };
            let command: Option<Command> = words
                .into_iter()
                .map(|word| if let Word::Bytes(bytes) = word { Some(bytes) } else { None })
                .collect();
            if let Some(command) = command.filter(|command| is_steady(command)) {
                compare(&mut stages, step.client, &command, &mut differences);
                count += 1;
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(count > 2000, "only {count} commands");
}

#[test]
fn clients_served_after_a_wait_notify_behind_who_served_them() {
    for threads in [1, 2] {
        let mut heard = Vec::new();
        for mut stage in Stage::pair(threads, ALL) {
            for (waiting, serving) in [
                ("BLPOP bl 0", "RPUSH bl a b"),
                ("BLMOVE bl bm LEFT RIGHT 0", "RPUSH bl a"),
                ("BLMPOP 0 1 bl LEFT COUNT 2", "RPUSH bl a b"),
                ("BZPOPMIN bz 0", "ZADD bz 1 a"),
                ("XREAD BLOCK 0 STREAMS bx $", "XADD bx 1-1 a b"),
            ] {
                stage.clients[0].command(&["DEL", "bl"]).expect("replies");
                let mut request = Vec::new();
                encode(&words(waiting), &mut request);
                stage.clients[1].send(&request).expect("sends");
                loop {
                    let info = stage.clients[0].command(&["INFO", "clients"]).expect("replies");
                    if String::from_utf8_lossy(&info).contains("blocked_clients:1") {
                        break;
                    }
                }
                heard.push((waiting, stage.run(2, &words(serving))));
                assert_eq!(stage.clients[1].receive(1).finish, Finish::Complete, "{waiting} is served");
            }
            assert!(stage.server.is_running());
        }
        let (valkey, brasa) = heard.split_at(heard.len() / 2);
        assert_eq!(valkey, brasa);
    }
}

#[test]
fn who_listens_to_its_own_changes_hears_of_each_behind_its_reply() {
    let mut received = Vec::new();
    for mut stage in Stage::pair(2, ALL) {
        let client = &mut stage.clients[0];
        client.command(&["HELLO", "3"]).expect("speaks RESP3");
        let lines = [
            "PSUBSCRIBE __key*",
            "SET a 1",
            "GET none",
            "MULTI",
            "SET b 1",
            "DEL a",
            "EXEC",
            "GET b",
            "PING end-of-it",
        ];
        let mut request = Vec::new();
        lines.iter().for_each(|line| encode(&words(line), &mut request));
        client.send(&request).expect("sends");
        received.push(client.receive_until(b"end-of-it\r\n").bytes);
    }
    assert_eq!(escape(&received[0], 5000), escape(&received[1], 5000));
}

#[test]
fn commands_set_aside_notify_once() {
    let numbers = |from: usize, to: usize| (from..to).map(|n| n.to_string().into_bytes());
    let mut stages = Stage::pair(2, ALL);
    let mut differences = Vec::new();
    let head = |line: &str| words(line);
    for command in [
        head("SADD big").into_iter().chain(numbers(0, 9000)).collect(),
        head("SADD other").into_iter().chain(numbers(4000, 12000)).collect(),
        head("SUNIONSTORE union big other"),
        head("SINTERSTORE inter big other none"),
        head("SINTERSTORE inter big other"),
        head("SDIFFSTORE inter big big"),
        head("SPOP big 5000"),
        head("ZUNIONSTORE zbig 2 big other"),
        head("ZRANGESTORE zpart zbig 0 5000"),
        head("ZPOPMIN zpart 4000"),
        head("ZREMRANGEBYRANK zbig 0 3000"),
        head("RPUSH list").into_iter().chain(numbers(0, 50_000)).collect(),
        head("LREM list 0 49000"),
        head("LINSERT list BEFORE 48000 x"),
    ] as [Command; 14]
    {
        compare(&mut stages, 0, &command, &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn evicted_keys_are_told_of() {
    for mut stage in Stage::pair(1, "Ee") {
        let mut told = stage.run(0, &words("SET victim x"));
        for line in ["CONFIG SET maxmemory-policy allkeys-random", "CONFIG SET maxmemory 1", "SET b x"] {
            told.extend(stage.run(0, &words(line)));
        }
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(told.contains("__keyevent@0__:evicted\r\n$6\r\nvictim\r\n"), "{told}");
    }
}
