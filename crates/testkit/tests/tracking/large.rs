//! Commands that take long: those that are set aside and those whose replies come from a worker or in slices. Nothing
//! that is told overtakes their replies, and nothing that they do is left untold.

use testkit::server::Kind;

use super::stage::{Stage, pushes, words};

const LEN: usize = 100_000;

fn fill(stage: &mut Stage, client: usize, command: &str, key: &str, word: impl Fn(usize) -> String) {
    for from in (0..LEN).step_by(1000) {
        let all: Vec<String> = (from..from + 1000).map(&word).collect();
        let line = format!("{command} {key} {}", all.join(" "));
        stage.clients[client].command(&words(&line)).expect("is filled");
    }
}

#[test]
fn what_is_set_aside_is_told_behind_its_reply() {
    let mut seen = Vec::new();
    for (kind, threads) in [(Kind::Valkey, 1), (Kind::Brasa, 1), (Kind::Brasa, 2)] {
        let mut stage = Stage::new(kind, threads, 4);
        fill(&mut stage, 0, "RPUSH", "l", |i| if i % 3 == 0 { "x".into() } else { i.to_string() });
        fill(&mut stage, 0, "SADD", "s", |i| format!("m{i}"));
        fill(&mut stage, 0, "SADD", "r", |i| format!("m{}", i + LEN / 2));
        fill(&mut stage, 0, "ZADD", "z", |i| format!("{i} m{i}"));
        for (client, line) in [
            (0, "CLIENT TRACKING ON"),
            (1, "CLIENT TRACKING ON NOLOOP"),
            (2, "CLIENT TRACKING ON BCAST NOLOOP"),
        ] {
            stage.step(client, &[words("HELLO 3"), words(line)]);
        }
        let mut heard = Vec::new();
        for line in [
            "LREM l 0 x",
            "SUNIONSTORE d s r",
            "SINTERSTORE d s r",
            "SDIFFSTORE d s none",
            "ZREMRANGEBYSCORE z 10 50000",
            "ZUNIONSTORE d 2 z s",
            "SORT l STORE d",
            "DEL s",
        ] {
            for client in 0..4 {
                let reads = words("EXISTS l s r z d");
                stage.step(0, std::slice::from_ref(&reads));
                stage.step(1, &[reads]);
                let told = stage.step(client, &[words(line)]);
                heard.push((line, client, told.iter().map(|frames| pushes(frames)).collect::<Vec<_>>()));
            }
        }
        seen.push(heard);
    }
    for brasa in &seen[1..] {
        for (valkey, brasa) in seen[0].iter().zip(brasa) {
            assert_eq!(valkey, brasa);
        }
    }
    let told =
        seen[0].iter().flat_map(|(_, _, streams)| streams.iter().flatten()).filter(|text| *text != "reply");
    assert!(told.count() > 40);
}
