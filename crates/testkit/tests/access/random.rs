//! Random rules for three users, random commands of their connections.

use testkit::client::{Client, Finish};
use testkit::reply::escape;
use testkit::rng::Rng;
use testkit::server::Server;

use crate::{counters, denials, pair, vocabulary};

const USERS: usize = 3;
const ROUNDS: usize = 420;
const COMMANDS_PER_ROUND: usize = 75;
/// In how long so many commands are compared, seconds.
const SECONDS_MAX: u64 = 20;

/// The names of commands that a server serves.
fn served(client: &mut Client) -> Vec<String> {
    let reply = client.command(&["COMMAND", "LIST"]).expect("answers");
    let text = String::from_utf8_lossy(&reply).into_owned();
    text.lines().filter(|line| !line.starts_with(['$', '*'])).map(str::to_owned).collect()
}

/// The admin's connection, then one for each user.
fn clients(server: &Server) -> Vec<Client> {
    let mut admin = server.connect().expect("connects");
    for user in 0..USERS {
        let name = format!("u{user}");
        admin.command(&["ACL", "SETUSER", &name, "on", ">pw", "+@all", "~*", "&*"]).expect("answers");
    }
    let mut clients = vec![admin];
    for user in 0..USERS {
        let mut client = server.connect().expect("connects");
        client.command(&["AUTH", &format!("u{user}"), "pw"]).expect("answers");
        if user == 1 {
            client.command(&["HELLO", "3"]).expect("answers");
        }
        clients.push(client);
    }
    clients
}

/// What `who` asks, and what both answer, word for word.
fn compare(left: &mut [Client], right: &mut [Client], who: usize, commands: &[Vec<String>], seed: u64) {
    let [expected, got] = [&mut *left, &mut *right].map(|all| all[who].pipeline(commands).expect("sends"));
    assert_eq!(expected.finish, Finish::Complete, "seed {seed}");
    for (at, command) in commands.iter().enumerate() {
        let [expected, got] =
            [&expected, &got].map(|replies| escape(replies.get(at).unwrap_or_default(), 1000));
        if got != expected {
            let users = left[0].command(&["ACL", "LIST"]).expect("answers");
            let users = String::from_utf8_lossy(&users);
            panic!(
                "seed {seed}: client {who}, {command:?} after {:?}\nexpected {expected}\ngot      {got}\n{users}",
                &commands[..at]
            );
        }
    }
}

#[test]
fn random_decisions_are_valkeys() {
    let seed = std::env::var("ACL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let rounds = std::env::var("ACL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let servers = pair(&[]);
    let [mut left, mut right] = servers.each_ref().map(clients);
    let known = served(&mut left[0]);
    let names: Vec<String> = served(&mut right[0]).into_iter().filter(|name| known.contains(name)).collect();
    assert!(names.len() > 250, "{} commands in common", names.len());
    let mut rng = Rng::new(seed);
    let began = std::time::Instant::now();
    let mut compared = 0;
    for _ in 0..rounds {
        let mut changes = Vec::new();
        for _ in 0..1 + rng.below(2) {
            let head = ["ACL".to_owned(), "SETUSER".to_owned(), format!("u{}", rng.below(USERS))];
            changes.push([head.to_vec(), vocabulary::rules(&mut rng)].concat());
        }
        changes.push(["ACL", "LIST"].map(str::to_owned).to_vec());
        let user = format!("u{}", rng.below(USERS));
        changes.push(["ACL", "GETUSER", &user].map(str::to_owned).to_vec());
        changes.extend((0..COMMANDS_PER_ROUND / 3).map(|_| vocabulary::dry_run(&mut rng, &names)));
        compare(&mut left, &mut right, 0, &changes, seed);
        compared += changes.len();
        for who in 1..=USERS {
            let mut commands: Vec<Vec<String>> =
                (0..COMMANDS_PER_ROUND / 4).map(|_| vocabulary::command(&mut rng)).collect();
            if rng.one_in(3) {
                commands.insert(3, vec!["MULTI".to_owned()]);
                commands.insert(9, vec!["EXEC".to_owned()]);
            }
            compare(&mut left, &mut right, who, &commands, seed);
            compared += commands.len();
        }
    }
    assert_eq!(counters(&mut right[0]), counters(&mut left[0]), "seed {seed}");
    let [expected, got] = [&mut left[0], &mut right[0]].map(denials);
    assert_eq!(got, expected, "seed {seed}");
    println!("{compared} commands in {:?}", began.elapsed());
    if rounds >= ROUNDS {
        assert!(compared >= 30_000);
        assert!(began.elapsed().as_secs() <= SECONDS_MAX || rounds > ROUNDS, "{:?}", began.elapsed());
    }
}
