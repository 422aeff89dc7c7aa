//! Crowds of blocked clients: ten thousand of them, and several threads that push and pop at once.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use testkit::client::{Client, Finish, encode};
use testkit::faults::raise_open_files;
use testkit::server::{Kind, Launch, Server};

use super::stage::body;

const CROWD: usize = 10_000;
/// Resident bytes of a blocked client, its connection included.
const CLIENT_BYTES_MAX: u64 = 3072;

/// Tests whose clients fill the machine take turns.
static TURN: Mutex<()> = Mutex::new(());

fn start(threads: usize, more: &[&str]) -> Server {
    let launch = Launch::new(Kind::Brasa).args(["--io-threads", &threads.to_string()]).args(more);
    launch.start().unwrap_or_else(|error| panic!("{error}"))
}

fn send(client: &mut Client, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let mut request = Vec::new();
    encode(&words, &mut request);
    client.send(&request).expect("connection holds");
}

fn call(client: &mut Client, line: &str) -> String {
    send(client, line);
    receive(client)
}

fn receive(client: &mut Client) -> String {
    let replies = client.receive(1);
    assert_eq!(replies.finish, Finish::Complete, "{}", replies.bytes.escape_ascii());
    replies.bytes.escape_ascii().to_string()
}

fn figure(client: &mut Client, name: &str) -> u64 {
    let info = body(&client.command(&["INFO", "clients"]).expect("connection holds"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).expect("INFO has the figure")
}

fn wait_for(client: &mut Client, name: &str, value: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while figure(client, name) != value {
        assert!(Instant::now() < deadline, "{name} is {} and not {value}", figure(client, name));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Pushes elements `from..to` to `l`, one by one, in pipelines; none of them stays in the list.
fn push_one_by_one(client: &mut Client, from: usize, to: usize) {
    let commands: Vec<Vec<String>> =
        (from..to).map(|n| vec!["RPUSH".into(), "l".into(), n.to_string()]).collect();
    for part in commands.chunks(1000) {
        let replies = client.pipeline(part).expect("connection holds");
        assert_eq!(replies.finish, Finish::Complete);
        assert!((0..part.len()).all(|i| replies.get(i) == Some(b":1\r\n")), "each is popped at once");
    }
}

#[test]
fn ten_thousand_clients_wait_for_one_key() {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    raise_open_files(CROWD + 500).expect("enough open files");
    for threads in [1, 2] {
        let server = start(threads, &["--maxclients", "10100"]);
        let mut admin = server.connect().expect("connects");
        let mut clients: Vec<Client> = (0..CROWD).map(|_| server.connect().expect("connects")).collect();
        clients.iter_mut().for_each(|client| assert_eq!(call(client, "PING"), "+PONG\\r\\n"));
        let before = server.resident_bytes().expect("it runs");
        clients.iter_mut().for_each(|client| send(client, "BLPOP l 0"));
        wait_for(&mut admin, "blocked_clients", CROWD as u64);
        assert_eq!(figure(&mut admin, "total_blocking_keys"), 1);
        let each = server.resident_bytes().expect("it runs").saturating_sub(before) / CROWD as u64;
        println!("{threads} threads: {each} more resident bytes for each blocked client");
        assert!(each < CLIENT_BYTES_MAX, "{each} bytes for a blocked client");

        // Every other one leaves: O(1) each, and none of the elements is for them.
        let began = Instant::now();
        let mut stay = Vec::new();
        for (i, client) in clients.into_iter().enumerate() {
            if i % 2 == 0 {
                stay.push(client);
            }
        }
        wait_for(&mut admin, "blocked_clients", CROWD as u64 / 2);
        println!("{threads} threads: half of them gone after {:?}", began.elapsed());

        let began = Instant::now();
        push_one_by_one(&mut admin, 0, CROWD / 2);
        println!("{threads} threads: {} pushes, each served, in {:?}", CROWD / 2, began.elapsed());
        let mut seen = HashSet::new();
        for client in &mut stay {
            let reply = receive(client);
            assert!(seen.insert(reply.clone()), "{reply} was served twice");
        }
        assert_eq!(call(&mut admin, "EXISTS l"), ":0\\r\\n");
        assert_eq!(figure(&mut admin, "blocked_clients"), 0);
        // Those with several keys, in different shards, are as quick to serve.
        stay.iter_mut().for_each(|client| send(client, "BLPOP high l low 0"));
        wait_for(&mut admin, "blocked_clients", CROWD as u64 / 2);
        let began = Instant::now();
        push_one_by_one(&mut admin, 0, CROWD / 2);
        println!("{threads} threads: the same with three keys each in {:?}", began.elapsed());
        stay.iter_mut().for_each(|client| assert!(receive(client).starts_with("*2")));
        assert_eq!(figure(&mut admin, "total_blocking_keys"), 0);
        // One element each, by one command.
        stay.iter_mut().for_each(|client| send(client, "BRPOP l 0"));
        wait_for(&mut admin, "blocked_clients", CROWD as u64 / 2);
        let mut all = vec!["RPUSH".to_owned(), "l".to_owned()];
        all.extend((0..CROWD).map(|n| n.to_string()));
        admin.command(&all).expect("connection holds");
        stay.iter_mut().for_each(|client| assert!(receive(client).starts_with("*2")));
        assert_eq!(call(&mut admin, "LLEN l"), format!(":{}\\r\\n", CROWD / 2));
    }
}

/// Workers that each move jobs to a list of their own: to serve one takes the shards of two keys, to serve all of them
/// at once takes the gate.
#[test]
fn workers_with_lists_of_their_own() {
    const WORKERS: usize = 500;
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    for threads in [1, 4] {
        let server = start(threads, &[]);
        let mut admin = server.connect().expect("connects");
        let mut workers: Vec<Client> = (0..WORKERS).map(|_| server.connect().expect("connects")).collect();
        for round in 0..3 {
            for (i, worker) in workers.iter_mut().enumerate() {
                send(worker, &format!("BLMOVE jobs own:{i} LEFT RIGHT 0"));
                // One after the other, so that it is known who is first.
                if round == 0 {
                    wait_for(&mut admin, "blocked_clients", i as u64 + 1);
                }
            }
            wait_for(&mut admin, "blocked_clients", WORKERS as u64);
            let jobs: Vec<String> = (0..WORKERS).map(|i| i.to_string()).collect();
            let mut lines: Vec<Vec<&str>> = Vec::new();
            match round {
                0 => lines.extend(jobs.iter().map(|job| vec!["RPUSH", "jobs", job])),
                1 => {
                    lines.push(["RPUSH", "jobs"].into_iter().chain(jobs.iter().map(String::as_str)).collect())
                }
                _ => {
                    lines.push(vec!["MULTI"]);
                    lines.extend(jobs.iter().map(|job| vec!["LPUSH", "jobs", job]));
                    lines.push(vec!["SET", "beside", "1"]);
                    lines.push(vec!["EXEC"]);
                }
            }
            lines.push(vec!["LLEN", "jobs"]);
            let replies = admin.pipeline(&lines).expect("connection holds");
            assert_eq!(replies.get(lines.len() - 1), Some(b":0\r\n".as_slice()), "round {round}");
            let mut done = HashSet::new();
            for (i, worker) in workers.iter_mut().enumerate() {
                let job = receive(worker);
                assert!(done.insert(job.clone()), "{job} was done twice");
                let own = call(&mut admin, &format!("LRANGE own:{i} -1 -1"));
                assert_eq!(own, format!("*1\\r\\n{job}"));
                if round == 0 {
                    assert!(job.ends_with(&format!("\\r\\n{i}\\r\\n")), "{i} got {job}");
                }
            }
        }
    }
}

#[test]
fn ten_thousand_timeouts_come_in_time() {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    raise_open_files(CROWD + 500).expect("enough open files");
    let server = start(2, &["--maxclients", "10100"]);
    let mut admin = server.connect().expect("connects");
    let mut clients: Vec<Client> = (0..CROWD).map(|_| server.connect().expect("connects")).collect();
    let began = Instant::now();
    for (i, client) in clients.iter_mut().enumerate() {
        send(client, &format!("BLPOP key:{i} other:{i} 3"));
    }
    wait_for(&mut admin, "clients_in_timeout_table", CROWD as u64);
    assert_eq!(figure(&mut admin, "total_blocking_keys"), 2 * CROWD as u64);
    assert!(began.elapsed() < Duration::from_secs(3), "the machine is too slow for this test");
    for client in &mut clients {
        assert_eq!(receive(client), "*-1\\r\\n");
    }
    let took = began.elapsed();
    assert!((3.0..4.5).contains(&took.as_secs_f64()), "{took:?}");
    assert_eq!(figure(&mut admin, "clients_in_timeout_table"), 0);
    assert_eq!(figure(&mut admin, "total_blocking_keys"), 0);
}

#[test]
fn a_timeout_is_precise() {
    let server = start(2, &[]);
    let mut client = server.connect().expect("connects");
    for (timeout, millis) in [("0.001", 1.0), ("0.01", 10.0), ("0.055", 55.0)] {
        let took: Vec<f64> = (0..15)
            .map(|_| {
                let began = Instant::now();
                assert_eq!(call(&mut client, &format!("BLPOP none {timeout}")), "*-1\\r\\n");
                began.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        // Others use this machine as well: the quickest says what the server does.
        let quickest = took.iter().copied().fold(f64::MAX, f64::min);
        assert!(took.iter().all(|took| *took >= millis), "{timeout}: {took:?}");
        assert!(quickest < millis + 2.5, "{timeout}: {took:?}");
    }
}

/// After a push has returned, whoever waited has been served, whatever threads the two and a third client are on.
#[test]
fn a_push_that_returned_has_served() {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let server = start(4, &[]);
    let mut waiting = server.connect().expect("connects");
    let mut pushing = server.connect().expect("connects");
    let mut looking = server.connect().expect("connects");
    for round in 0..3000 {
        let (source, target) = (format!("source:{}", round % 40), format!("target:{}", round % 31));
        let (wait, left) = match round % 3 {
            0 => (format!("BLPOP {source} 0"), 0),
            1 => (format!("BLMOVE {source} {target} LEFT RIGHT 0"), 1),
            _ => (format!("BLMPOP 0 2 {target}:none {source} LEFT COUNT 5"), 0),
        };
        send(&mut waiting, &wait);
        wait_for(&mut looking, "blocked_clients", 1);
        let push = [format!("RPUSH {source} x"), format!("LLEN {source}"), format!("LLEN {target}")];
        let push: Vec<Vec<&str>> = push.iter().map(|line| line.split(' ').collect()).collect();
        let replies = pushing.pipeline(&push).expect("connection holds");
        assert_eq!(replies.bytes, format!(":1\r\n:0\r\n:{left}\r\n").as_bytes(), "{wait}");
        let there = call(&mut looking, &format!("LLEN {target}"));
        assert_eq!(there, format!(":{left}\\r\\n"), "{wait}");
        receive(&mut waiting);
        call(&mut pushing, &format!("DEL {target}"));
    }
}

/// Elements go from `in:*` through `mid:*` to `out`, by clients that wait, give up, are unblocked or hang up at any
/// moment. Each element is in one place at any time, so in the end all of them are at the end or on the way.
#[test]
fn no_element_is_lost_or_served_twice() {
    const KEYS: usize = 5;
    const ELEMENTS: u64 = 30_000;
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    for threads in [1, 4] {
        let server = start(threads, &[]);
        let pushed = AtomicU64::new(0);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for number in 0..3_usize {
                let (server, pushed) = (&server, &pushed);
                scope.spawn(move || {
                    let mut client = server.connect().expect("connects");
                    for round in 0.. {
                        let first = pushed.fetch_add(3, Ordering::Relaxed);
                        if first >= ELEMENTS {
                            return;
                        }
                        let key = format!("in:{}", (round + number) % KEYS);
                        let [a, b, c] = [first, first + 1, first + 2];
                        match round % 3 {
                            0 => drop(call(&mut client, &format!("RPUSH {key} {a} {b} {c}"))),
                            1 => {
                                let lines = [
                                    "MULTI".to_owned(),
                                    format!("LPUSH {key} {a}"),
                                    format!("RPUSH in:0 {b}"),
                                    format!("RPUSH {key} {c}"),
                                    "EXEC".to_owned(),
                                ];
                                let lines: Vec<Vec<&str>> =
                                    lines.iter().map(|line| line.split(' ').collect()).collect();
                                let replies = client.pipeline(&lines).expect("connection holds");
                                assert_eq!(replies.finish, Finish::Complete);
                            }
                            _ => {
                                call(&mut client, &format!("RPUSH fresh:{number} {a} {b} {c}"));
                                // One after the other: a rename would take the place of what is there.
                                while call(&mut client, &format!("LMOVE fresh:{number} {key} LEFT LEFT"))
                                    != "$-1\\r\\n"
                                {}
                            }
                        }
                    }
                });
            }
            for number in 0..8_usize {
                let (server, over) = (&server, &over);
                scope.spawn(move || {
                    let mut client = server.connect().expect("connects");
                    for round in number.. {
                        if over.load(Ordering::Relaxed) {
                            return;
                        }
                        let from = if number % 2 == 0 { "in" } else { "mid" };
                        let to = if number % 2 == 0 {
                            format!("mid:{}", round % (KEYS + 1))
                        } else {
                            "out".into()
                        };
                        let timeout = ["0.001", "0.02", "1"][round % 3];
                        let line = format!("BLMOVE {from}:{} {to} LEFT RIGHT {timeout}", round % KEYS);
                        if round % 17 == 0 {
                            // Hangs up without a look at the reply.
                            send(&mut client, &line);
                            client = server.connect().expect("connects");
                        } else {
                            call(&mut client, &line);
                        }
                    }
                });
            }
            let (server, over, pushed) = (&server, &over, &pushed);
            scope.spawn(move || {
                let mut client = server.connect().expect("connects");
                let mut idle = 0;
                let mut out = String::new();
                while idle < 400 {
                    let list =
                        body(&client.command(&["CLIENT", "LIST", "FLAGS", "b"]).expect("connection holds"));
                    let id = list.lines().next().and_then(|line| line.strip_prefix("id=")?.split(' ').next());
                    if let Some(id) = id {
                        call(&mut client, &format!("CLIENT UNBLOCK {id} ERROR"));
                    }
                    let now = call(&mut client, "LLEN out");
                    let all_pushed = pushed.load(Ordering::Relaxed) >= ELEMENTS;
                    idle = if now == out && all_pushed { idle + 1 } else { 0 };
                    out = now;
                }
                over.store(true, Ordering::Relaxed);
            });
        });
        let mut client = server.connect().expect("connects");
        let mut seen = HashSet::new();
        let keys = (0..=KEYS).flat_map(|i| [format!("in:{i}"), format!("mid:{i}")]);
        for key in keys.chain(["out".into()]) {
            while let Some(element) = pop(&mut client, &key) {
                assert!(seen.insert(element), "{element} is there twice");
            }
        }
        let expected = ELEMENTS.div_ceil(3) * 3;
        let missing: Vec<u64> = (0..expected).filter(|element| !seen.contains(element)).collect();
        assert!(missing.is_empty(), "{threads} threads: {} elements are lost", missing.len());
        wait_for(&mut client, "blocked_clients", 0);
        assert_eq!(figure(&mut client, "total_blocking_keys"), 0);
    }
}

fn pop(client: &mut Client, key: &str) -> Option<u64> {
    let reply = body(&client.command(&["LPOP", key]).expect("connection holds"));
    reply.trim().parse().ok()
}

/// What was served stands in the log as pops, behind the push that served them, in the order in which it happened.
#[test]
fn the_log_has_pops_in_their_order() {
    let mut server = start(2, &["--effect-log", "yes"]);
    server.keep_directory();
    let mut clients: Vec<Client> = (0..5).map(|_| server.connect().expect("connects")).collect();
    let mut admin = server.connect().expect("connects");
    let lines = [
        "BLPOP l 0",
        "BLMOVE l m LEFT RIGHT 0",
        "BRPOPLPUSH m n 0",
        "BLMPOP 0 2 none l RIGHT COUNT 2",
        "BLPOP n 0",
    ];
    for (i, (client, line)) in clients.iter_mut().zip(lines).enumerate() {
        send(client, line);
        wait_for(&mut admin, "blocked_clients", i as u64 + 1);
    }
    call(&mut admin, "RPUSH l a b c d e");
    clients.iter_mut().for_each(|client| drop(receive(client)));
    server.signal("KILL").expect("kill");
    server.wait(Duration::from_secs(10)).expect("a killed process ends");
    let binary = Kind::Brasa.find().expect("Brasa is there");
    let folder = server.directory().join("effect-log");
    let dump =
        std::process::Command::new(binary).args(["log", "dump"]).arg(&folder).output().expect("it runs");
    let text = String::from_utf8_lossy(&dump.stdout).into_owned();
    let words: Vec<&str> = text.split("\r\n").filter(|word| !word.starts_with(['$', '*'])).collect();
    let words = words.join(" ");
    let expected = "RPUSH l a b c d e LPOP l LMOVE l m LEFT RIGHT RPOP l 2 RPOPLPUSH m n LPOP n ";
    assert!(words.ends_with(expected), "{words}");
    let _ = std::fs::remove_dir_all(server.directory());
}
