//! Random commands of all families by clients that track in every way.

use testkit::differential::families;
use testkit::differential::generate::{Gen, Settings};
use testkit::differential::step::{Action, Word};
use testkit::rng::Rng;
use testkit::server::Kind;

use super::stage::{Command, Stage, pushes, shown, words};

/// Clients that act; those behind them are told for others, in RESP2 and in RESP3.
const ACTORS: usize = 6;

fn begin(stage: &mut Stage) {
    let lines = [
        (6, "SUBSCRIBE __redis__:invalidate"),
        (7, "HELLO 3"),
        (0, "HELLO 3"),
        (1, "HELLO 3"),
        (2, "HELLO 3"),
        (3, "HELLO 3"),
        (5, "HELLO 3"),
        (0, "CLIENT TRACKING ON"),
        (1, "CLIENT TRACKING ON NOLOOP"),
        (2, "CLIENT TRACKING ON BCAST"),
        (3, "CLIENT TRACKING ON BCAST NOLOOP PREFIX k PREFIX {"),
        (4, "CLIENT TRACKING ON REDIRECT @6"),
        (5, "CLIENT TRACKING ON OPTIN REDIRECT @7"),
    ];
    for (client, line) in lines {
        stage.step(client, &[words(line)]);
    }
}

/// Commands whose outcome is left to chance, or to the instant, and those that would change who tracks.
fn is_steady(command: &[Vec<u8>]) -> bool {
    const UNSTEADY: &[&str] =
        &["SPOP", "CONFIG", "CLIENT", "DEBUG", "HELLO", "RESET", "QUIT", "SELECT", "INFO", "DUMP", "RESTORE"];
    const TIMES: &[&str] = &["EX", "PX", "EXAT", "PXAT"];
    let upper = |word: &[u8]| String::from_utf8_lossy(word).to_ascii_uppercase();
    let Some(name) = command.first().map(|word| upper(word)) else { return false };
    let looks_up = name.starts_with("SORT") && command.iter().any(|word| word.contains(&b'*'));
    !looks_up
        && !UNSTEADY.contains(&name.as_str())
        && !name.contains("EXPIRE")
        && !name.contains("SETEX")
        && command.iter().all(|word| !TIMES.contains(&upper(word).as_str()))
}

/// A change of how a client tracks, or what it wants to hear of.
fn turn(rng: &mut Rng, client: usize) -> Vec<Command> {
    let lines: &[&str] = match client {
        0 => &["HELLO 2", "HELLO 3", "CLIENT TRACKING ON OPTOUT", "CLIENT CACHING NO", "CLIENT TRACKING ON"],
        1 => &["CLIENT TRACKING ON", "CLIENT TRACKING ON NOLOOP", "CLIENT REPLY SKIP"],
        2 => &["CLIENT TRACKING ON BCAST PREFIX", "CLIENT TRACKING ON", "CLIENT TRACKING ON BCAST"],
        3 => &["CLIENT TRACKING ON BCAST NOLOOP PREFIX x", "CLIENT TRACKINGINFO", "CLIENT REPLY SKIP"],
        4 => &["CLIENT TRACKING ON REDIRECT @6", "CLIENT GETREDIR", "CLIENT TRACKINGINFO"],
        _ => &["CLIENT CACHING YES"],
    };
    vec![words(lines[rng.below(lines.len())])]
}

fn script(rng: &mut Rng, key: &[u8]) -> Command {
    const SCRIPTS: [&str; 4] = [
        "return redis.call('SET', KEYS[1], 'x')",
        "return redis.call('EXISTS', KEYS[1])",
        "redis.call('EXISTS', KEYS[1]) redis.call('SET', KEYS[1], 'y') return redis.call('EXISTS', KEYS[1])",
        "redis.call('DEL', KEYS[1]) return redis.call('TYPE', KEYS[1])",
    ];
    vec![b"EVAL".to_vec(), SCRIPTS[rng.below(SCRIPTS.len())].into(), b"1".to_vec(), key.to_vec()]
}

#[test]
fn random_commands_are_told_as_valkey_tells_them() {
    let names = "string,generic,transactions,bitmap,hyperloglog,list,set,hash,sorted_set,geo,stream";
    let families = families::named(names).unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings { families, sequence_length: 500, ..Settings::default() };
    let rounds = std::env::var("TRACKING_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6);
    let (mut differences, mut told, mut count) = (Vec::new(), 0, 0);
    for (threads, seed) in [1, 2, 4].into_iter().cycle().zip(0..rounds) {
        let mut stages =
            [Stage::new(Kind::Valkey, 1, ACTORS + 2), Stage::new(Kind::Brasa, threads, ACTORS + 2)];
        stages.iter_mut().for_each(begin);
        let mut rng = Rng::new(seed);
        let mut recent: Vec<Vec<u8>> = Vec::new();
        for step in Gen::sequence(&settings, seed) {
            let Action::Command(given) = step.action else { continue };
            let command: Option<Command> = given
                .into_iter()
                .map(|word| if let Word::Bytes(bytes) = word { Some(bytes) } else { None })
                .collect();
            let Some(command) = command.filter(|command| is_steady(command)) else { continue };
            let client = step.client % ACTORS;
            let mut commands = if rng.one_in(12) { turn(&mut rng, client) } else { Vec::new() };
            if let Some(key) = command.get(1) {
                if rng.one_in(15) {
                    commands.push(script(&mut rng, key));
                }
                recent.push(key.clone());
            }
            if rng.one_in(2) && !recent.is_empty() {
                // Keys of late are read by somebody: without that hardly any change would concern anyone.
                let reads_more = client % 2 == 0 || rng.one_in(2);
                let mut key = || recent[recent.len() - 1 - rng.below(recent.len().min(12))].clone();
                let reads = [b"EXISTS".to_vec(), key(), key(), key(), key()];
                commands.push(if reads_more {
                    reads.to_vec()
                } else {
                    vec![b"SET".to_vec(), key(), b"1".to_vec()]
                });
                if client == 5 {
                    commands.insert(0, words("CLIENT CACHING YES"));
                }
            }
            if command[0].eq_ignore_ascii_case(b"MULTI") {
                // Its reply is waited for.
                commands.retain(|command| !command.contains(&b"REPLY".to_vec()));
            }
            commands.push(command);
            let [valkey, brasa] = stages.each_mut().map(|stage| stage.step(client, &commands));
            for (who, (valkey, brasa)) in valkey.iter().zip(&brasa).enumerate() {
                let (valkey, brasa) = (pushes(valkey), pushes(brasa));
                told += valkey.iter().filter(|text| *text != "reply").count();
                if valkey != brasa {
                    let shown: Vec<String> = commands.iter().map(|command| shown(command)).collect();
                    differences.push(format!(
                        "seed {seed}, {threads} threads, by {client}: {}\n  stream {who}\n  valkey: {}\n  brasa:  {}",
                        shown.join(" ; "),
                        valkey.join(" "),
                        brasa.join(" "),
                    ));
                }
            }
            count += 1;
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
    assert!(count > rounds as usize * 200 && told > count / 3, "{count} commands, {told} pushes");
}
