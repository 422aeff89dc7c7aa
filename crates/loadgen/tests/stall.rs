//! The generator against a server of a few lines that answers at once, except while it stalls on purpose.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use loadgen::{BenchArgs, Report, args::CommandMix};

/// Answers every line that begins with `*` by `+PONG`; stalls once, `stall_after` the first byte came.
fn answer(mut stream: TcpStream, stall_after: Duration, stall: Duration) {
    let mut buffer = [0; 4096];
    let mut first = None;
    let mut stalled = false;
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        let first = *first.get_or_insert_with(Instant::now);
        if !stalled && first.elapsed() >= stall_after {
            stalled = true;
            thread::sleep(stall);
        }
        let requests = buffer[..read].iter().filter(|&&byte| byte == b'*').count();
        if stream.write_all(&b"+PONG\r\n".repeat(requests)).is_err() {
            return;
        }
    }
}

fn measure(args: BenchArgs, stall: Duration) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_nodelay(true).expect("a TCP option");
            thread::spawn(move || answer(stream, Duration::from_millis(300), stall));
        }
    });
    let ping: CommandMix = "ping".parse().expect("a command");
    loadgen::run(&BenchArgs { port, commands: ping, connections: 1, warm_up: 0.0, ..args }).expect("the run")
}

#[test]
fn a_request_count_is_kept_exactly() {
    let args = BenchArgs { requests: Some(1_003), pipeline: 10, ..BenchArgs::default() };
    let report = measure(args, Duration::ZERO);
    assert_eq!((report.operations, report.unanswered, report.error_count()), (1_003, 0, 0));
    assert_eq!(report.sent_bytes, 1_003 * "*1\r\n$4\r\nPING\r\n".len() as u64);
    assert_eq!(report.received_bytes, 1_003 * "+PONG\r\n".len() as u64);
}

/// The same stall of 400 ms: the closed loop sees one slow reply and a fine p90, the open loop charges all the
/// requests that were due meanwhile.
#[test]
fn an_open_loop_counts_what_a_stall_kept_from_being_sent() {
    let stall = Duration::from_millis(400);
    let base = BenchArgs { seconds: 1.0, pipeline: 1, ..BenchArgs::default() };
    let closed = measure(base.clone(), stall);
    assert!(closed.latency.max_us >= 390_000.0, "{closed}");
    assert!(closed.latency.p90_us < 100_000.0, "{closed}");

    let open = measure(BenchArgs { rate: Some(1_000.0), pipeline: 64, ..base }, stall);
    assert_eq!((open.latency.count, open.unanswered), (1_000, 0), "{open}");
    assert!(open.latency.max_us >= 390_000.0, "{open}");
    // 400 of 1,000 requests fell into the stall, so those at the 90th percentile waited about 300 ms.
    assert!((200_000.0..400_000.0).contains(&open.latency.p90_us), "{open}");
    assert!(open.latency.p50_us < 100_000.0, "{open}");
}
