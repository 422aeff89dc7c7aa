//! A daemon leaves its parent, terminal and standard streams. Tried by this test program run once more, which has
//! no test runner and therefore one thread.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use sys::process::{daemonize, write_pid_file};

const VARIABLE: &str = "SYS_TEST_DAEMON";

/// What the child does: it ends in `daemonize`, and its own child goes on here.
fn play_child(pid_file: &Path) -> ! {
    if let Err(error) = daemonize() {
        eprintln!("{error}");
        std::process::exit(3);
    }
    // A standard stream nobody reads must not end the daemon.
    println!("to /dev/null");
    eprintln!("to /dev/null");
    let streams: Vec<_> =
        (0..3).map(|fd| std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap()).collect();
    let detached = streams.iter().all(|stream| stream == Path::new("/dev/null"));
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name in parentheses: state, parent, group, session.
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().to_owned();
    let leads = session == std::process::id().to_string();
    if detached && leads {
        write_pid_file(pid_file).unwrap();
    }
    std::process::exit(0)
}

fn main() {
    if let Some(path) = std::env::var_os(VARIABLE) {
        play_child(Path::new(&path));
    }
    let pid_file = std::env::temp_dir().join(format!("sys-daemon-{}.pid", std::process::id()));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(VARIABLE, &pid_file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let parent = child.id();
    assert!(child.wait().unwrap().success(), "the parent ends well");
    let start = Instant::now();
    let text = loop {
        match std::fs::read_to_string(&pid_file) {
            Ok(text) if text.ends_with('\n') => break text,
            _ => assert!(start.elapsed() < Duration::from_secs(10), "the daemon did not come up detached"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    std::fs::remove_file(&pid_file).unwrap();
    assert_ne!(text.trim().parse::<u32>().unwrap(), parent);
}
