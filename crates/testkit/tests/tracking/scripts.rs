//! What each option and each kind of change leads to, byte for byte.

use std::time::Duration;

use testkit::reply::escape;
use testkit::server::Kind;

use super::stage::{Stage, words};

const SCRIPTS: &str = include_str!("scripts.txt");
const CLIENTS: usize = 6;

/// Runs one script on a server: what each line led to, client by client.
fn run(kind: Kind, threads: usize, script: &str) -> Vec<String> {
    let mut stage = Stage::new(kind, threads, CLIENTS);
    let mut heard = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(ms) = line.strip_prefix("sleep ") {
            std::thread::sleep(Duration::from_millis(ms.parse().expect("a number")));
            continue;
        }
        let (who, commands) = line.split_once(' ').expect("who does what");
        // `n>`: it waits for keys until its next line; `n!`: the connection ends; `n`: several commands at once are parted by `;`.
        let from: usize = who.trim_end_matches(['>', '!']).parse().expect("a client");
        let commands: Vec<_> = commands.split(" ; ").map(command).collect();
        if who.ends_with('>') {
            commands.iter().for_each(|command| stage.send(from, command));
            wait_until_blocked(&mut stage, from);
            stage.silent.push(from);
            continue;
        }
        if who.ends_with('!') {
            commands.iter().for_each(|command| stage.send(from, command));
            stage.clients[from].receive_to_close(Duration::from_secs(5));
            stage.silent.push(from);
            continue;
        }
        stage.silent.retain(|client| *client != from);
        let told = stage.step(from, &commands);
        // What HELLO says of the server is another matter.
        for (client, frames) in told.into_iter().enumerate().skip(usize::from(line.contains("HELLO"))) {
            heard.push(format!("{line}: {client}: {}", escape(&frames.concat(), 3000)));
        }
    }
    assert!(stage.server.is_running());
    heard
}

/// The words of a command; the text of a script stands between backquotes.
fn command(text: &str) -> Vec<Vec<u8>> {
    match text.split('`').collect::<Vec<_>>()[..] {
        [before, script, after] => [words(before), vec![script.into()], words(after)].concat(),
        _ => words(text),
    }
}

fn wait_until_blocked(stage: &mut Stage, from: usize) {
    let other = (from + 1) % stage.clients.len();
    let has_blocked = |info: &[u8]| !String::from_utf8_lossy(info).contains("\r\nblocked_clients:0\r\n");
    for _ in 0..1000 {
        if has_blocked(&stage.clients[other].command(&["INFO", "clients"]).expect("answers")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("nobody waits");
}

#[test]
fn all_clients_hear_what_valkeys_hear() {
    let mut differences = Vec::new();
    let mut lines = 0;
    for script in SCRIPTS.split("\n---") {
        let (title, script) = script.split_once('\n').expect("a title");
        let valkey = run(Kind::Valkey, 1, script);
        lines += valkey.len();
        for threads in [1, 2, 4] {
            let brasa = run(Kind::Brasa, threads, script);
            assert_eq!(valkey.len(), brasa.len());
            for (valkey, brasa) in valkey.iter().zip(&brasa).filter(|(valkey, brasa)| valkey != brasa) {
                differences
                    .push(format!("{title}, {threads} threads\n  valkey: {valkey}\n  brasa:  {brasa}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(lines > 1000, "{lines} streams compared");
}
