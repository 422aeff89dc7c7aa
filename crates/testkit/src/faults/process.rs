//! Starts that must fail, and the stop that must not.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{FaultError, Transcript};
use crate::client::encode;
use crate::server::{Exit, Kind, Launch, free_port};

/// An eviction policy of Brasa's own, in the list of those there are.
const OWN_POLICY: &str = ", allkeys-s3fifo";

fn note_exit(transcript: &mut Transcript, label: &str, exit: &Exit) {
    transcript.note(format!("{label}: exit code {:?}", exit.code));
}

/// What was refused, and why: the lines above name a line number, which counts the harness's directives.
fn note_last_lines(transcript: &mut Transcript, exit: &Exit) {
    let lines: Vec<&str> = exit.stderr.lines().collect();
    for line in &lines[lines.len().saturating_sub(2)..] {
        transcript.note(format!("  {line}"));
    }
}

/// A port that is taken: a message that suites look for, and exit code 1.
pub(super) fn port_in_use(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    let port = free_port()?;
    let _holder = TcpListener::bind(("127.0.0.1", port))?;
    let exit = Launch::new(kind).run_to_exit(port)?;
    note_exit(transcript, "port in use", &exit);
    transcript
        .note(format!("says so: {}", exit.stdout.contains(&format!("Failed listening on port {port}"))));
    let first = exit.stdout.lines().next().unwrap_or_default();
    transcript.note(format!("in its first line: {}", first.contains("already in use")));
    Ok(())
}

/// Bad lines of a config file: the report names line and reason, exit code 1.
pub(super) fn bad_config_lines(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    let cases = [
        "no-such-directive yes",
        "maxmemory",
        "maxmemory lots",
        "maxmemory-policy nope",
        "appendonly maybe",
        "databases 0",
        "databases x",
        "timeout -1",
        "tcp-keepalive 1 2",
        "save 1",
        "save x y",
        "client-output-buffer-limit normal 1",
        "client-output-buffer-limit nope 0 0 0",
        "notify-keyspace-events nope!",
        "hz x",
        "bind 127.0.0.1\nio-threads x",
        "maxclients 0",
        "requirepass \"open",
        "# fine\n\n   \nhz 10\nhz ten",
        "port 70000",
        "loglevel loud",
        "rename-command",
        "include /no/such/file",
        "unixsocketperm 9999",
        "oom-score-adj-values 1",
    ];
    for case in cases {
        let exit = Launch::new(kind).config(case).run_to_exit(free_port()?)?;
        note_exit(transcript, case, &exit);
        // The version in the title is each server's own.
        let report = exit.stderr.lines().map(|line| match line.split_once("(Version") {
            Some((before, _)) => before.to_owned(),
            None => line.to_owned(),
        });
        for line in report {
            transcript.note(format!("  {}", line.replace(OWN_POLICY, "")));
        }
    }
    Ok(())
}

/// Bad command lines.
pub(super) fn bad_arguments(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    let cases: &[&[&str]] =
        &[&["--no-such-directive", "1"], &["--maxmemory"], &["--maxmemory", "x"], &["--hz", "1", "2"]];
    for case in cases {
        let exit = Launch::new(kind).args(*case).run_to_exit(free_port()?)?;
        note_exit(transcript, &case.join(" "), &exit);
        note_last_lines(transcript, &exit);
    }
    Ok(())
}

/// A directory that does not exist, or is a file.
pub(super) fn unusable_directory(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    for directory in ["/no/such/directory", "/proc/version"] {
        let exit = Launch::new(kind).args(["--dir", directory]).run_to_exit(free_port()?)?;
        note_exit(transcript, directory, &exit);
        note_last_lines(transcript, &exit);
    }
    Ok(())
}

/// SIGTERM while clients are busy: exit code 0, soon; each client has whole replies, then the close.
pub(super) fn sigterm_under_load(kind: Kind, transcript: &mut Transcript) -> Result<(), FaultError> {
    let mut server = Launch::new(kind).start()?;
    let port = server.port();
    let load: Vec<_> = (0..4)
        .map(|number| {
            std::thread::spawn(move || -> Result<u64, String> {
                let mut client = crate::client::Client::connect(port).map_err(|error| error.to_string())?;
                let mut request = Vec::new();
                let counter = format!("counter{number}");
                for _ in 0..50 {
                    encode(&["INCR", &counter], &mut request);
                }
                let mut count = 0_u64;
                loop {
                    // The close shows as an error here or there; until then every reply must be the next number.
                    if client.send(&request).is_err() {
                        return Ok(count);
                    }
                    let replies = client.receive(50);
                    for index in 0..replies.len() {
                        count += 1;
                        let reply = replies.get(index).unwrap_or_default();
                        if reply != format!(":{count}\r\n").as_bytes() {
                            return Err(format!("{count} got {}", crate::reply::escape(reply, 100)));
                        }
                    }
                    if replies.len() < 50 {
                        return Ok(count);
                    }
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    server.signal("TERM")?;
    let status = server.wait(Duration::from_secs(10));
    transcript.note(format!("exit code {:?}", status.and_then(|status| status.code())));
    transcript.note(format!("within five seconds: {}", began.elapsed() < Duration::from_secs(5)));
    for thread in load {
        let outcome = thread.join().map_err(|_| FaultError::Broken("a client panicked".into()))?;
        let served = outcome.map_err(FaultError::Broken)?;
        transcript.note(format!("served before: {}", served > 0));
    }
    transcript.note(format!("says goodbye: {}", server.log().contains("bye bye")));
    Ok(())
}
