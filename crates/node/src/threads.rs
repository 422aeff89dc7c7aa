//! The node's threads: started, woken, stopped.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use parameters::table::{RowId, row};
use structures::lock::WAITER_BITS;
use sys::eventfd::Waker;
use sys::poller::AnyPoller;
use sys::signals::{SIGINT, SIGTERM};

use crate::event_loop::IoThread;
use crate::listener::Listeners;
use crate::log;
use crate::node::Node;
use crate::startup::StartOptions;

/// Wakes the threads of a lock's waiter set.
pub fn wake(node: &Node, waiters: u32) {
    for (number, thread) in node.threads.iter().enumerate() {
        if waiters & (1 << (number as u32 % WAITER_BITS)) != 0 {
            thread.mailbox.wake_parked();
        }
    }
}

/// Runs all threads until the node stops; returns the exit code.
pub fn run(
    node: &'static Node,
    pollers: Vec<AnyPoller>,
    listeners: Listeners,
    options: StartOptions,
) -> anyhow::Result<u8> {
    const PORT: RowId = row("port");
    let signals = Waker::new()?;
    sys::signals::handle(&[SIGTERM, SIGINT], &signals)?;
    sys::signals::exit_on_repeat(SIGINT);
    let failure: Mutex<Option<std::io::Error>> = Mutex::new(None);
    let mut listeners = Some(listeners);
    std::thread::scope(|scope| {
        for (index, poller) in pollers.into_iter().enumerate() {
            let thread = IoThread::new(node, index, poller, listeners.take().filter(|_| index == 0));
            let failure = &failure;
            // Scripts run on I/O threads. Of the stack only what was once used takes memory.
            let builder =
                std::thread::Builder::new().name(format!("brasa-io-{index}")).stack_size(script::STACK_BYTES);
            let spawned = builder.spawn_scoped(scope, move || {
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| thread.run()));
                let error = match ended {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error,
                    // Commands catch their own panics; one out here leaves connections nobody serves.
                    Err(_) => std::io::Error::other("an I/O thread panicked; see the report above"),
                };
                *failure.lock().unwrap_or_else(|e| e.into_inner()) = Some(error);
                node.stop(1);
            });
            if let Err(error) = spawned {
                *failure.lock().unwrap_or_else(|e| e.into_inner()) = Some(error);
                node.stop(1);
            }
        }
        log::notice("Server initialized");
        let port = node.parameters.lock().unwrap_or_else(|e| e.into_inner()).get_int(PORT);
        if !node.listening.lock().unwrap_or_else(|e| e.into_inner()).is_empty() {
            log::notice("Ready to accept connections tcp");
        }
        if node.security.loaded().is_some() {
            log::notice("Ready to accept connections tls");
        }
        if !node.unix_socket.is_empty() {
            log::notice("Ready to accept connections unix");
        }
        if options.announce_ready {
            println!("ready: Redis and Valkey clients can connect to 127.0.0.1:{port}");
        }
        wait_for_signals(node, &signals);
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(|e| e.into_inner()) {
        return Err(error.into());
    }
    log::warning("Brasa is now ready to exit, bye bye...");
    Ok(node.exit_code.load(Ordering::Relaxed) as u8)
}

/// Turns signals into a stop of the node; returns when it stops.
fn wait_for_signals(node: &Node, waker: &Waker) {
    use std::os::fd::AsFd;
    use sys::poller::{Poller, PollerKind, open};
    let mut poller = match open(PollerKind::Epoll) {
        Ok(poller) => poller,
        Err(error) => {
            log::warning(&format!("signals cannot be watched: {error}"));
            return node.stop(1);
        }
    };
    let mut events = Vec::new();
    let _ = poller.add_listener(waker.as_fd(), 0);
    while !node.is_stopping() {
        // The other threads notice a stop by themselves; this one looks now and then.
        let _ = poller.wait(Some(std::time::Duration::from_millis(50)), &mut events);
        waker.drain();
        let taken = sys::signals::take();
        if taken.contains(SIGTERM) {
            log::warning("Received SIGTERM scheduling shutdown...");
        } else if taken.contains(SIGINT) {
            log::warning("Received SIGINT scheduling shutdown...");
        } else {
            continue;
        }
        log::warning("User requested shutdown...");
        node.stop(0);
    }
}
