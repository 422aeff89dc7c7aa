//! What is remembered, how much of it, and what CLIENT LIST and INFO say.

use std::time::{Duration, Instant};

use testkit::server::Kind;

use super::stage::{Stage, words};

fn info(stage: &mut Stage, client: usize) -> Vec<String> {
    let info = stage.clients[client].command(&["INFO", "everything"]).expect("answers");
    let text = String::from_utf8_lossy(&info).into_owned();
    text.lines().filter(|line| line.starts_with("tracking_")).map(str::to_owned).collect()
}

#[test]
fn info_counts_as_valkey_does() {
    let mut seen = Vec::new();
    for (kind, threads) in [(Kind::Valkey, 1), (Kind::Brasa, 1), (Kind::Brasa, 2)] {
        let mut stage = Stage::new(kind, threads, 4);
        let mut figures = vec![info(&mut stage, 3)];
        for (client, line) in [
            (0, "CLIENT TRACKING ON"),
            (1, "CLIENT TRACKING ON NOLOOP"),
            (2, "CLIENT TRACKING ON BCAST PREFIX a PREFIX b"),
            (0, "MGET a b c d"),
            (1, "MGET a b e"),
            (1, "MGET a b e"),
            (2, "MGET a b c d e f"),
            (3, "SET a 1"),
            (3, "DEL c"),
            (3, "SET e 1"),
            (0, "CLIENT TRACKING OFF"),
            (3, "SET b 1"),
            (0, "CLIENT TRACKING ON"),
            (0, "MGET a b c d"),
            (3, "FLUSHALL"),
            (0, "MGET a b c d"),
            (2, "CLIENT TRACKING OFF"),
            (1, "RESET"),
            (3, "SET a 1"),
        ] {
            stage.step(client, &[words(line)]);
            figures.push(info(&mut stage, 3));
        }
        seen.push(figures);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[0][0].len(), 4);
}

#[test]
fn client_list_shows_who_tracks() {
    let mut seen = Vec::new();
    for kind in [Kind::Valkey, Kind::Brasa] {
        let mut stage = Stage::new(kind, 2, 3);
        let mut lines = Vec::new();
        for line in [
            "PING",
            "CLIENT TRACKING ON",
            "CLIENT TRACKING ON REDIRECT @1",
            "CLIENT TRACKING OFF",
            "CLIENT TRACKING ON BCAST REDIRECT @0",
            "CLIENT TRACKING OFF",
        ] {
            stage.step(0, &[words(line)]);
            for (client, command) in [(0, "CLIENT INFO"), (2, "CLIENT LIST ID @0")] {
                let command = stage.resolve(&words(command));
                let shown = stage.clients[client].command(&command).expect("answers");
                let shown = String::from_utf8_lossy(&shown).into_owned();
                let ids: Vec<Vec<u8>> = stage.resolve(&words("@0 @1"));
                for field in
                    shown.split_whitespace().filter(|f| f.starts_with("flags") || f.starts_with("redir"))
                {
                    let who =
                        ids.iter().position(|id| field == format!("redir={}", String::from_utf8_lossy(id)));
                    lines.push(who.map_or_else(|| field.to_owned(), |who| format!("redir=@{who}")));
                }
            }
        }
        seen.push(lines);
    }
    assert_eq!(seen[0], seen[1]);
}

/// Waits until INFO shows a number of keys, at most.
fn wait_for_keys(stage: &mut Stage, client: usize, most: u64) {
    let began = Instant::now();
    loop {
        let keys = info(stage, client)
            .iter()
            .find_map(|line| line.strip_prefix("tracking_total_keys:")?.parse().ok());
        if keys.is_some_and(|keys: u64| keys <= most) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{keys:?} keys are remembered");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn forgotten_keys_are_told_once() {
    const KEYS: usize = 1000;
    for (kind, threads) in [(Kind::Valkey, 1), (Kind::Brasa, 1), (Kind::Brasa, 2)] {
        let mut stage = Stage::new(kind, threads, 3);
        stage.step(0, &[words("HELLO 3")]);
        stage.step(2, &[words("HELLO 3")]);
        stage.step(2, &[words("CLIENT TRACKING ON BCAST")]);
        stage.step(0, &[words("CLIENT TRACKING ON")]);
        for key in 0..KEYS {
            stage.clients[0].command(&["GET", &format!("key{key}")]).expect("answers");
        }
        stage.clients[1].command(&words("CONFIG SET tracking-table-max-keys 10")).expect("is set");
        wait_for_keys(&mut stage, 1, 10);
        let told = stage.ping(0, &[]);
        let mut keys: Vec<&Vec<u8>> =
            told.iter().filter(|frame| frame.windows(3).any(|w| w == b"key")).collect();
        assert_eq!(keys.len(), KEYS - 10, "each forgotten key is told");
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), KEYS - 10, "and only once");
        assert!(stage.ping(2, &[]).len() == 1, "a key that is forgotten has not changed");
        // What is left is told when it changes.
        let all: Vec<Vec<u8>> =
            (0..KEYS).flat_map(|key| [format!("key{key}").into_bytes(), b"1".to_vec()]).collect();
        stage.clients[1].command(&[vec![b"MSET".to_vec()], all].concat()).expect("is set");
        let told = stage.ping(0, &[]);
        assert_eq!(told.iter().filter(|frame| frame.windows(3).any(|w| w == b"key")).count(), 10);
    }
}

#[test]
fn forgotten_keys_are_told_before_the_next_reply_of_a_queued_command() {
    for kind in [Kind::Valkey, Kind::Brasa] {
        let mut stage = Stage::new(kind, 1, 2);
        stage.step(0, &[words("HELLO 3")]);
        stage.step(0, &[words("CLIENT TRACKING ON")]);
        stage.clients[1].command(&words("DEBUG PAUSE-CRON 1")).expect("is set");
        stage.clients[0].command(&words("MGET k1 k2")).expect("answers");
        stage.clients[0].command(&words("MULTI")).expect("answers");
        stage.clients[1].command(&words("CONFIG SET tracking-table-max-keys 1")).expect("is set");
        let replies = stage.clients[0].pipeline(&[words("PING"), words("EXEC")]).expect("answers");
        let text = String::from_utf8_lossy(&replies.bytes).into_owned();
        assert!(text.starts_with(">2\r\n$10\r\ninvalidate\r\n*1\r\n$2\r\nk"), "{text}");
        assert!(text.ends_with("+QUEUED\r\n*1\r\n+PONG\r\n"), "{text}");
    }
}

#[test]
fn evicted_keys_are_told_before_the_reply() {
    for (kind, threads) in [(Kind::Valkey, 1), (Kind::Brasa, 1), (Kind::Brasa, 2)] {
        let mut stage = Stage::new(kind, threads, 3);
        stage.step(0, &[words("HELLO 3")]);
        stage.step(0, &[words("CLIENT TRACKING ON")]);
        stage.clients[1].command(&words("CONFIG SET maxmemory-policy volatile-random")).expect("is set");
        stage.clients[1].command(&words("SETEX volatile-key 10000 x")).expect("is set");
        stage.clients[0].command(&words("GET volatile-key")).expect("answers");
        let value = "x".repeat(4_000_000);
        stage.clients[1].command(&["SET", "large", &value]).expect("is set");
        stage.clients[1].command(&words("CONFIG SET maxmemory 3mb")).expect("is set");
        let reply = stage.clients[0].command(&words("STRLEN large")).expect("answers");
        assert_eq!(
            String::from_utf8_lossy(&reply),
            ">2\r\n$10\r\ninvalidate\r\n*1\r\n$12\r\nvolatile-key\r\n:4000000\r\n"
        );
    }
}
