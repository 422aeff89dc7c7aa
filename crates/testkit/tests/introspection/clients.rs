//! CLIENT LIST, INFO and KILL: fields, filters, and combinations of filters at random.

use testkit::client::Client;
use testkit::reply::escape;
use testkit::rng::Rng;
use testkit::server::Server;

use crate::{Both, pair, text, words};

/// Fields that are the same for the same doings.
const STABLE: [&str; 17] = [
    "name", "flags", "capa", "db", "sub", "psub", "ssub", "multi", "watch", "events", "cmd", "user", "redir",
    "resp", "lib-name", "lib-ver", "tot-cmds",
];

/// Each line of CLIENT LIST: the names of all fields, and the values of stable ones.
fn lines(reply: &[u8]) -> Vec<(Vec<String>, Vec<String>)> {
    let text = text(reply);
    let line = |line: &str| {
        let fields: Vec<(&str, &str)> =
            line.split(' ').map(|field| field.split_once('=').expect("name=value")).collect();
        let stable = fields.iter().filter(|(name, _)| STABLE.contains(name));
        (
            fields.iter().map(|(name, _)| (*name).to_owned()).collect(),
            stable.map(|(name, value)| format!("{name}={value}")).collect(),
        )
    };
    // In no order: Valkey's list turns.
    let mut lines: Vec<_> = text.lines().map(line).collect();
    lines.sort();
    lines
}

/// The clients that the tests look at, by the lines that make them what they are.
const CROWD: [&[&str]; 9] = [
    &["CLIENT SETNAME plain"],
    &["CLIENT SETNAME named", "CLIENT SETINFO lib-name jedis", "CLIENT SETINFO LIB-VER 1.2", "SELECT 3"],
    &["HELLO 3", "CLIENT SETNAME three", "SUBSCRIBE a"],
    &["CLIENT SETNAME listener", "PSUBSCRIBE x*"],
    &["CLIENT NO-EVICT on", "CLIENT NO-TOUCH ON", "CLIENT SETNAME both"],
    &["CLIENT CAPA redirect nosuch", "CLIENT SETNAME named"],
    &["AUTH u p", "CLIENT SETNAME user", "CLIENT SETINFO lib-name jedis"],
    &["CLIENT SETNAME queue", "WATCH a b", "MULTI", "SET a b", "GET x"],
    &[],
];

fn join(servers: &[Server; 2], member: usize) -> Both {
    let mut both = Both::connect(servers);
    for line in CROWD[member] {
        if CROWD[member].contains(&"HELLO 3") && line.starts_with("SUBSCRIBE") {
            // In RESP3 it is a push that is read with the reply behind it.
            both.send(line);
            both.same("PING");
        } else {
            both.same_as(line, |reply| reply.first().copied());
        }
    }
    both
}

/// CLIENT LIST once it shows the whole crowd: who has sent nothing may not have been accepted yet.
fn listed(admin: &mut Both, crowd: &[Both]) -> [String; 2] {
    for _ in 0..1000 {
        let lists = admin.ask("CLIENT LIST").map(|reply| text(&reply));
        let is_in = |both: &Both, side: usize| {
            let addr = both.0[side].local_address().expect("is connected");
            lists[side].contains(&format!(" addr={addr} "))
        };
        if crowd.iter().all(|both| is_in(both, 0) && is_in(both, 1)) {
            return lists;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("not all clients are listed");
}

/// Facts about one client that filters name.
struct Known {
    id: String,
    addr: String,
    laddr: String,
}

impl Known {
    fn of(client: &mut Client, lines: &str) -> Known {
        let addr = client.local_address().expect("is connected").to_string();
        let line = lines.lines().find(|line| line.contains(&format!(" addr={addr} "))).expect("it is listed");
        let field = |name: &str| {
            let value = line.split(' ').find_map(|field| field.strip_prefix(&format!("{name}=")));
            value.expect("a field").to_owned()
        };
        Known { id: field("id"), addr, laddr: field("laddr") }
    }
}

/// What the words `{id3}`, `{addr3}` and `{laddr3}` stand for on one server.
fn fill(line: &str, known: &[Known]) -> Vec<String> {
    let word = |word: String| {
        let mut word = word;
        for (i, client) in known.iter().enumerate() {
            for (name, value) in [("id", &client.id), ("addr", &client.addr), ("laddr", &client.laddr)] {
                word = word.replace(&format!("{{{name}{i}}}"), value);
            }
        }
        word
    };
    words(line).into_iter().map(word).collect()
}

fn one_filter(rng: &mut Rng) -> String {
    let member = rng.below(CROWD.len());
    let other = rng.below(CROWD.len());
    let pick = |rng: &mut Rng, of: &[&str]| (*rng.pick(of)).to_owned();
    let not = if rng.one_in(3) { "NOT-" } else { "" };
    match rng.below(16) {
        0 => format!("{not}ID {{id{member}}}"),
        1 => format!("{not}id {{id{member}}} {{id{other}}} 999999"),
        2 => format!(
            "{not}TYPE {}",
            pick(rng, &["normal", "PUBSUB", "master", "replica", "slave", "primary", "x"])
        ),
        3 => format!("{not}USER {}", pick(rng, &["default", "u", "nosuch"])),
        4 => format!("{not}ADDR {{addr{member}}}"),
        5 => format!("{not}LADDR {{laddr{member}}}"),
        6 => format!("{not}NAME {}", pick(rng, &["named", "plain", "nosuch", "''"])),
        7 => format!("{not}FLAGS {}", pick(rng, &["N", "P", "e", "eT", "x", "S", "?", "''", "Nx"])),
        8 => format!("{not}LIB-NAME {}", pick(rng, &["jedis", "''", "x"])),
        9 => format!("{not}LIB-VER {}", pick(rng, &["1.2", "''"])),
        10 => format!("{not}DB {}", pick(rng, &["0", "3", "15", "16", "-1", "x", "99999999999"])),
        11 => format!("{not}CAPA {}", pick(rng, &["r", "''", "z"])),
        12 => format!("{not}IP {}", pick(rng, &["127.0.0.1", "1.2.3.4"])),
        13 => format!("{} {}", pick(rng, &["MAXAGE", "IDLE"]), pick(rng, &["1000", "0", "-1", "x"])),
        14 => format!("SKIPME {}", pick(rng, &["yes", "NO", "x"])),
        _ => pick(rng, &["ID", "NOT-ID", "NOSUCH x", "NAME", "ID x", "ID 0", "NOT-ID -1", "TYPE", "SKIPME"]),
    }
}

fn filters(rng: &mut Rng) -> String {
    (0..1 + rng.below(3)).map(|_| one_filter(rng)).collect::<Vec<_>>().join(" ")
}

#[test]
fn lines_and_filters_are_those_of_valkey() {
    for threads in [1, 2] {
        let servers = pair(threads);
        let mut admin = Both::connect(&servers);
        admin.same("ACL SETUSER u on >p +@all ~*");
        let mut crowd: Vec<Both> = (0..CROWD.len()).map(|member| join(&servers, member)).collect();
        for protocol in ["2", "3"] {
            admin.ask(&format!("HELLO {protocol}"));
            listed(&mut admin, &crowd);
            admin.same_as("CLIENT LIST", lines);
            admin.same_as("CLIENT INFO", lines);
        }
        let listed = listed(&mut admin, &crowd);
        let known = [0, 1].map(|side| {
            let all = crowd.iter_mut().map(|both| Known::of(&mut both.0[side], &listed[side]));
            all.collect::<Vec<_>>()
        });
        let mut rng = Rng::new(7 + threads as u64);
        let mut shown = 0;
        for _ in 0..1500 {
            let line = format!("CLIENT LIST {}", filters(&mut rng));
            let replies = [0, 1].map(|side| {
                let reply = admin.0[side].command(&fill(&line, &known[side])).expect("answers");
                if reply.starts_with(b"-") { Err(escape(&reply, 500)) } else { Ok(lines(&reply)) }
            });
            let [expected, got] = replies;
            assert_eq!(got, expected, "{line}");
            shown += got.map_or(0, |lines| usize::from(!lines.is_empty()));
        }
        assert!(shown > 150, "{shown} lists with clients");
    }
}

#[test]
fn kill_ends_the_clients_that_valkey_ends() {
    let servers = pair(2);
    let mut admin = Both::connect(&servers);
    admin.same("ACL SETUSER u on >p +@all ~*");
    let mut crowd: Vec<Both> = (0..CROWD.len()).map(|member| join(&servers, member)).collect();
    let mut rng = Rng::new(23);
    let mut killed = 0;
    for _ in 0..150 {
        let line = match rng.below(6) {
            0 => "CLIENT KILL {addr1}".to_owned(),
            1 => "CLIENT KILL 1.2.3.4:5".to_owned(),
            // The admin stays.
            _ => format!("CLIENT KILL {} SKIPME yes", filters(&mut rng).replace("SKIPME NO", "SKIPME x")),
        };
        let listed = listed(&mut admin, &crowd);
        let known = [0, 1].map(|side| {
            let all = crowd.iter_mut().map(|both| Known::of(&mut both.0[side], &listed[side]));
            all.collect::<Vec<_>>()
        });
        let [expected, got] = [0, 1]
            .map(|side| escape(&admin.0[side].command(&fill(&line, &known[side])).expect("answers"), 500));
        assert_eq!(got, expected, "{line}");
        let names =
            |reply: &[u8]| lines(reply).into_iter().map(|(_, stable)| stable[0].clone()).collect::<Vec<_>>();
        let left = admin.same_as("CLIENT LIST SKIPME yes", names).len();
        if left == crowd.len() {
            continue;
        }
        killed += crowd.len() - left;
        let text = admin.ask("CLIENT LIST").map(|reply| text(&reply));
        for (member, both) in crowd.iter_mut().enumerate() {
            let lives = [0, 1].map(|side| {
                let addr = both.0[side].local_address().map(|addr| addr.to_string()).unwrap_or_default();
                text[side].contains(&format!(" addr={addr} "))
            });
            assert_eq!(lives[1], lives[0], "{line}: client {member}");
            if !lives[0] {
                *both = join(&servers, member);
            }
        }
    }
    assert!(killed > 30, "{killed} killed");
}

#[test]
fn settings_of_a_client_answer_as_in_valkey() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    for line in [
        "CLIENT SETINFO",
        "CLIENT SETINFO x y",
        "CLIENT SETINFO lib-name a^b",
        "CLIENT SETINFO LIB-VER ''",
        "CLIENT SETINFO lib-ver a\tb",
        "CLIENT SETINFO lib-name x y",
        "CLIENT SETNAME a^b",
        "CLIENT SETNAME ''",
        "CLIENT GETNAME",
        "CLIENT SETNAME n",
        "CLIENT GETNAME",
        "CLIENT NO-EVICT",
        "CLIENT NO-EVICT x",
        "CLIENT NO-EVICT ON",
        "CLIENT NO-TOUCH on",
        "CLIENT NO-TOUCH x",
        "CLIENT CAPA",
        "CLIENT CAPA x REDIRECT",
        "CLIENT IMPORT-SOURCE on",
        "CLIENT IMPORT-SOURCE off",
        "CLIENT REPLY x",
        "CLIENT REPLY ON",
        "CLIENT UNBLOCK x",
        "CLIENT UNBLOCK 999",
        "CLIENT UNBLOCK 999 x",
        "CLIENT PAUSE x",
        "CLIENT PAUSE 1 x",
        "CLIENT PAUSE -1",
        "CLIENT KILL",
        "CLIENT KILL x",
        "CLIENT KILL TYPE",
        "CLIENT KILL SKIPME yes x",
        "CLIENT INFO x",
        "CLIENT ID x",
    ] {
        both.same(line);
    }
    both.same_as("CLIENT INFO", lines);
    both.same("RESET");
    both.same_as("CLIENT INFO", lines);
}
