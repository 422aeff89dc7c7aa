//! Commands that are set aside, on a running node: others go on, nothing they do is lost, and replies keep their order.

use std::time::{Duration, Instant};

use testkit::client::Client;
use testkit::server::{Kind, Launch, Server};

/// Members of a set: enough for tens of milliseconds.
const LEN: usize = 100_000;

fn node(threads: usize) -> Server {
    Launch::new(Kind::Brasa)
        .args(["--io-threads", &threads.to_string(), "--key-sharding", "slot"])
        .start()
        .expect("Brasa starts")
}

fn call(client: &mut Client, line: &str) -> String {
    let argv: Vec<&str> = line.split(' ').collect();
    let reply = client.command(&argv).expect("the node answers");
    String::from_utf8_lossy(&reply).trim_end().to_owned()
}

fn number(client: &mut Client, line: &str) -> usize {
    call(client, line).trim_start_matches(':').parse().unwrap_or_else(|_| panic!("{line} is a number"))
}

/// Adds `word(0)` to `word(LEN - 1)`.
fn fill(client: &mut Client, command: &str, word: impl Fn(usize) -> String) {
    for from in (0..LEN).step_by(1000) {
        let words: Vec<String> = (from..from + 1000).map(&word).collect();
        call(client, &format!("{command} {}", words.join(" ")));
    }
}

#[test]
fn writes_that_come_meanwhile_are_not_lost() {
    for threads in [1, 2] {
        let server = node(threads);
        let (mut slow, mut fast) = (server.connect().expect("connects"), server.connect().expect("connects"));
        fill(&mut slow, "RPUSH {t}l", |i| if i % 3 == 0 { "x".into() } else { i.to_string() });
        fill(&mut slow, "ZADD {t}z", |i| format!("{i} m{i}"));
        let (mut pushed, mut removed) = (0, 0);
        for round in 0..6 {
            slow.send(format!("LREM {{t}}l 0 {}\r\n", if round == 0 { "x" } else { "y" }).as_bytes())
                .expect("sends");
            slow.send(b"ZREMRANGEBYSCORE {t}z 10 5000\r\n").expect("sends");
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(20) {
                call(&mut fast, &format!("RPUSH {{t}}l new{pushed} y"));
                call(&mut fast, &format!("ZADD {{t}}z {} new{pushed}", pushed % 20_000));
                pushed += 1;
            }
            let replies = slow.receive(2);
            let reply = |at| String::from_utf8_lossy(replies.get(at).expect("a reply")).into_owned();
            removed += reply(0).trim().trim_start_matches(':').parse::<usize>().expect("a number");
            assert!(reply(1).starts_with(':'), "{}", reply(1));
        }
        removed += number(&mut fast, "LREM {t}l 0 y");
        let kept = LEN - LEN.div_ceil(3) + pushed;
        assert_eq!(number(&mut fast, "LLEN {t}l"), kept, "with {threads} threads");
        assert_eq!(removed, LEN.div_ceil(3) + pushed, "each is removed once");
        call(&mut fast, "ZREMRANGEBYSCORE {t}z 10 5000");
        assert_eq!(number(&mut fast, "ZCOUNT {t}z 10 5000"), 0);
        let low = 10 + (0..pushed).filter(|n| n % 20_000 < 10).count();
        assert_eq!(number(&mut fast, "ZCOUNT {t}z -inf (10"), low);
    }
}

#[test]
fn only_the_client_that_asked_waits() {
    let server = node(1);
    let (mut slow, mut fast) = (server.connect().expect("connects"), server.connect().expect("connects"));
    fill(&mut slow, "SADD {t}a", |i| format!("m{i}"));
    fill(&mut slow, "SADD {t}b", |i| format!("m{}", i + LEN / 2));
    for _ in 0..5 {
        // Its replies come in the order of its commands.
        slow.send(b"SUNIONSTORE {t}d {t}a {t}b\r\nSCARD {t}d\r\nSINTERSTORE {t}d {t}a {t}b\r\nSCARD {t}d\r\nDEL {t}d\r\n")
            .expect("sends");
        assert_eq!(call(&mut fast, "EXISTS {t}d"), ":0", "it is not there before it is done");
        let replies = slow.receive(5);
        let text: Vec<String> = (0..5)
            .map(|at| String::from_utf8_lossy(replies.get(at).expect("a reply")).trim().to_owned())
            .collect();
        assert_eq!(text, [":150000", ":150000", ":50000", ":50000", ":1"]);
    }
}

#[test]
fn transactions_watches_and_waiting_clients_notice() {
    let server = node(2);
    let (mut slow, mut other) = (server.connect().expect("connects"), server.connect().expect("connects"));
    fill(&mut slow, "ZADD {t}z", |i| format!("{i} m{i}"));
    call(&mut other, "WATCH {t}d");
    assert_eq!(call(&mut slow, "ZUNIONSTORE {t}d 1 {t}z"), ":100000");
    call(&mut other, "MULTI");
    call(&mut other, "PING");
    assert_eq!(call(&mut other, "EXEC"), "*-1", "the watched key changed");
    call(&mut slow, "DEL {t}d");
    other.send(b"BZPOPMIN {t}d 0\r\n").expect("sends");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(call(&mut slow, "ZRANGESTORE {t}d {t}z 0 -2"), ":99999");
    assert_eq!(number(&mut slow, "ZCARD {t}d"), 99_998, "a waiting client was served with it");
    assert!(
        other.receive(1).get(0).expect("it is served").starts_with(b"*3\r\n$4\r\n{t}d\r\n"[..4].as_ref())
    );
    // Inside a transaction all happens at once.
    for (line, reply) in
        [("MULTI", "+OK"), ("ZREMRANGEBYRANK {t}d 0 49999", "+QUEUED"), ("ZCARD {t}d", "+QUEUED")]
    {
        assert_eq!(call(&mut slow, line), reply);
    }
    assert_eq!(call(&mut slow, "EXEC").split_whitespace().collect::<Vec<_>>(), ["*2", ":50000", ":49998"]);
    assert!(call(&mut slow, "SORT {t}z STORE {t}s").starts_with("-ERR One or more scores"));
}

#[test]
fn what_a_client_asked_for_is_done_when_it_has_gone() {
    let server = node(1);
    let mut client = server.connect().expect("connects");
    fill(&mut client, "SADD {t}a", |i| format!("m{i}"));
    let mut gone = server.connect().expect("connects");
    gone.send(b"SUNIONSTORE {t}d {t}a\r\n").expect("sends");
    std::thread::sleep(Duration::from_millis(3));
    drop(gone);
    let began = Instant::now();
    while number(&mut client, "SCARD {t}d") != LEN {
        assert!(began.elapsed() < Duration::from_secs(10), "the set must come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
