//! Connections that were dealt out by number move to where there is time for them, and miss nothing on the way.

use std::time::{Duration, Instant};

use testkit::client::{Client, Finish};
use testkit::server::{Kind, Launch};

/// Commands sent at a time.
const PIPELINE: usize = 64;
/// How long connections may take to move: they are looked at once a second.
const TIME_MAX: Duration = Duration::from_secs(20);

fn moved(client: &mut Client) -> u64 {
    let info = client.command(&["INFO", "clients"]).expect("the node answers");
    let text = String::from_utf8_lossy(&info).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("total_moved_clients:"));
    line.and_then(|number| number.trim().parse().ok()).expect("INFO counts moved clients")
}

/// Counts up in a key of the connection's own; every reply must be the next number.
fn count_up(client: &mut Client, number: usize, value: &mut u64) {
    let key = format!("counter:{number}");
    let commands: Vec<[&str; 2]> = vec![["INCR", &key]; PIPELINE];
    let commands: Vec<Vec<&str>> = commands.iter().map(|argv| argv.to_vec()).collect();
    let replies = client.pipeline(&commands).expect("the connection holds");
    assert_eq!(replies.finish, Finish::Complete);
    for index in 0..PIPELINE {
        *value += 1;
        assert_eq!(replies.get(index), Some(format!(":{value}\r\n").as_bytes()));
    }
}

fn busy_connections_spread(poller: &str) {
    let options = ["--io-threads", "2", "--io-poller", poller];
    let server = Launch::new(Kind::Brasa).args(options).start().expect("Brasa starts");
    let (mut busy, mut idle) = (Vec::new(), Vec::new());
    // Each new connection goes to the thread with the fewest: every other one, the busy ones, lands on one thread.
    for _ in 0..4 {
        busy.push((server.connect().expect("connects"), 0));
        idle.push(server.connect().expect("connects"));
    }
    let began = Instant::now();
    while moved(&mut idle[0]) < 2 {
        assert!(began.elapsed() < TIME_MAX, "{poller}: four busy connections stay on one thread");
        for (number, (client, value)) in busy.iter_mut().enumerate() {
            count_up(client, number, value);
        }
    }
    for _ in 0..100 {
        for (number, (client, value)) in busy.iter_mut().enumerate() {
            count_up(client, number, value);
        }
    }
    for client in &mut idle {
        assert_eq!(client.command(&["PING"]).expect("the connection holds"), b"+PONG\r\n");
    }
}

#[test]
fn busy_connections_spread_with_epoll() {
    busy_connections_spread("epoll");
}

#[test]
fn busy_connections_spread_with_the_default_poller() {
    busy_connections_spread("auto");
}
