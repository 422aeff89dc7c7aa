//! Signals, in a process of their own: they reach every test of a process.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use sys::eventfd::Waker;
use sys::poller::{Poller, PollerKind, open};
use sys::signals::*;

#[test]
fn signals_wake_the_loop_and_are_taken_once() {
    let waker = Waker::new().unwrap();
    handle(&[SIGUSR1, SIGUSR2], &waker).unwrap();
    ignore(&[SIGHUP, SIGPIPE]).unwrap();
    let mut poller = open(PollerKind::Auto).unwrap();
    poller.add_listener(waker.as_fd(), 3).unwrap();
    let mut events = Vec::new();
    for expected in [SIGUSR1, SIGUSR2] {
        raise(SIGHUP).unwrap();
        raise(expected).unwrap();
        let start = Instant::now();
        loop {
            // A signal may also end the wait empty-handed.
            poller.wait(Some(Duration::from_secs(5)), &mut events).unwrap();
            if !events.is_empty() {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "the signal woke nobody");
        }
        waker.drain();
        let came = take();
        assert!(came.contains(expected) && !came.contains(SIGUSR1 + SIGUSR2 - expected), "{came:?}");
        assert!(take().is_empty());
    }
    assert!(!take().contains(64));
    block_in_thread(&[SIGUSR2]).unwrap();
    block_in_thread(&[1 << 20]).unwrap_err();
    handle(&[SIGKILL], &waker).unwrap_err();
}

/// Runs this test program again for the one test named, which sees the variable and plays the child.
fn start_child(test: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("SYS_TEST_CHILD", test)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn second_interrupt_ends_the_process() {
    const NAME: &str = "second_interrupt_ends_the_process";
    if std::env::var("SYS_TEST_CHILD").is_ok_and(|test| test == NAME) {
        handle(&[SIGINT], &Waker::new().unwrap()).unwrap();
        exit_on_repeat(SIGINT);
        raise(SIGINT).unwrap();
        let start = Instant::now();
        while !take().contains(SIGINT) {
            assert!(start.elapsed() < Duration::from_secs(5));
        }
        raise(SIGINT).unwrap();
        std::thread::sleep(Duration::from_secs(5));
        std::process::exit(55);
    }
    let status = start_child(NAME).wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(1), None));
}
