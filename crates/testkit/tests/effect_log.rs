//! The effect log's promise: what a killed node had logged rebuilds its data elsewhere.
//!
//! A node with `effect-log yes` gets writes of every kind from several connections, its `DEBUG DIGEST` is taken, and it
//! is killed without warning. `brasa log dump` of what it left, sent to an empty node, must give the same digest.

use std::process::Command;
use std::time::Duration;

use testkit::client::{Client, Finish};
use testkit::server::{Kind, Launch};

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Writes whose effect is relative, random, conditional or refused, next to plain ones.
fn script(connection: usize, round: usize) -> Vec<Vec<String>> {
    let (c, r) = (connection, round);
    let mut lines = vec![
        format!("SET plain:{c}:{} value-{r}", r % 50),
        format!("SET ttl:{c}:{} v{r} EX 10000", r % 20),
        format!("INCRBY shared:{} {r}", r % 7),
        format!("INCRBYFLOAT float:{c} 0.1"),
        format!("APPEND log:{c} entry-{r};"),
        format!("SETRANGE range:{c} {} abc", r % 300),
        format!("SETBIT bits:{} {} 1", c % 2, (r * 31) % 5000),
        format!("BITFIELD field:{c} OVERFLOW FAIL INCRBY u8 #{} 40", r % 5),
        format!("PFADD hll:{} {c}-{r}", r % 3),
        format!("EXPIRE plain:{c}:{} 5000", r % 50),
        format!("GETDEL plain:{c}:{}", (r + 25) % 50),
        format!("SET nx:{} {c}-{r} NX GET", r % 11),
        format!("MSET m:{c}:a {r} m:b {r}"),
        format!("COPY log:{c} copy:{c} REPLACE"),
        format!("RENAME m:{c}:a renamed:{}", r % 4),
        format!("PEXPIRE ttl:{c}:{} -1", (r + 3) % 20),
        format!("LPUSHX plain:{c} refused"),
    ];
    if r % 10 == 0 {
        lines.extend([
            "MULTI".into(),
            format!("INCR tx:{c}"),
            format!("SET tx2:{c} {r} PX 5000000"),
            "EXEC".into(),
        ]);
    }
    if r % 40 == 7 {
        lines.extend([
            "SELECT 3".into(),
            format!("SET other:{c} {r}"),
            format!("MOVE other:{c} 5"),
            "SELECT 0".into(),
        ]);
    }
    lines.iter().map(|l| words(l)).collect()
}

fn digest(client: &mut Client) -> Vec<u8> {
    client.command(&["DEBUG", "DIGEST"]).expect("the node answers")
}

#[test]
fn a_killed_nodes_log_rebuilds_its_data() {
    let options = ["--effect-log", "yes", "--io-threads", "2", "--enable-debug-command", "yes"];
    let mut first = Launch::new(Kind::Brasa).args(options).start().expect("Brasa starts");
    first.keep_directory();
    let mut clients: Vec<Client> = (0..4).map(|_| first.connect().expect("connects")).collect();
    for round in 0..400 {
        for (number, client) in clients.iter_mut().enumerate() {
            let replies = client.pipeline(&script(number, round)).expect("connection holds");
            assert_eq!(replies.finish, Finish::Complete);
        }
        if round == 200 {
            clients[0].command(&["FLUSHDB"]).expect("connection holds");
        }
        if round == 300 {
            clients[0].command(&["SWAPDB", "0", "3"]).expect("connection holds");
        }
    }
    let expected = digest(&mut clients[0]);
    assert!(!expected.starts_with(b"+0000000000000000000000000000000000000000"), "the node holds data");
    first.signal("KILL").expect("kill");
    first.wait(Duration::from_secs(10)).expect("a killed process ends");

    let folder = first.directory().join("effect-log");
    let binary = Kind::Brasa.find().expect("Brasa is there");
    let dump = Command::new(binary).args(["log", "dump"]).arg(&folder).output().expect("brasa log dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));

    let second =
        Launch::new(Kind::Brasa).args(["--enable-debug-command", "yes"]).start().expect("Brasa starts");
    let mut client = second.connect().expect("connects");
    client.send(&dump.stdout).expect("sends the log");
    client.send(b"*2\r\n$4\r\nECHO\r\n$12\r\nend-of-log-x\r\n").expect("sends the mark");
    let replies = client.receive_until(b"end-of-log-x\r\n");
    assert_eq!(replies.finish, Finish::Complete);
    let errors: Vec<_> =
        (0..replies.len()).filter(|&i| replies.get(i).is_some_and(|r| r.starts_with(b"-"))).collect();
    assert!(errors.is_empty(), "replayed effects are never refused: {errors:?}");
    assert_eq!(
        String::from_utf8_lossy(&digest(&mut client)),
        String::from_utf8_lossy(&expected),
        "replay gives the same data"
    );
    let _ = std::fs::remove_dir_all(first.directory());
}
