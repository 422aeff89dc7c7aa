//! Service while a script runs for too long: its thread serves the other clients in between, and threads that wait for the
//! gate serve theirs. Only commands that are allowed then run; all others are answered with BUSY.

use std::time::Duration;

use sys::clock::wall_ms;
use sys::lend::LentOf;
use sys::poller::{Event, Poller};

use super::IoThread;
use crate::dispatch::Moment;
use crate::state::ThreadState;

thread_local! {
    static THREAD: LentOf<IoThread> = LentOf::default();
}

/// Lends the thread to the command that `body` runs.
pub(super) fn lend<R>(thread: &mut IoThread, body: impl FnOnce() -> R) -> R {
    THREAD.with(|lent| lent.with(thread, body))
}

/// Serves this thread's other clients once, from within a command.
pub fn serve_while_busy(state: &mut ThreadState) {
    THREAD.with(|lent| lent.run(|thread| thread.serve_beside(state)));
}

impl IoThread {
    /// The command under way is the batch's last: the other clients' commands are taken up here.
    fn serve_beside(&mut self, state: &mut ThreadState) {
        if !self.abandoned {
            self.abandoned = true;
            let tick = state.stats.ticks;
            for slot in 0..state.clients.slot_count() {
                let Some(mut client) = state.clients.take(slot) else { continue };
                if client.parsed_at_tick == tick && !client.stopped {
                    // Forgets what was parsed and has not run.
                    client.stopped = true;
                    self.settle_input(&mut client);
                    client.stopped = false;
                    client.protocol_error = None;
                    if client.consumed < client.input.len() {
                        self.ready.push(slot);
                    }
                }
                state.clients.put_back(slot, client);
            }
        }
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        if self.poller.wait(Some(Duration::ZERO), &mut events).is_ok() {
            self.busy_tick(state, &events);
        }
        self.events = events;
    }

    /// One tick in which nearly every command is refused.
    fn busy_tick(&mut self, state: &mut ThreadState, events: &[Event]) {
        state.stats.ticks += 1;
        let moment = Moment::new(self.node, state, wall_ms() as i64, self.index);
        self.take_events(state, events, &moment);
        self.take_mail(state, &moment);
        self.take_ready(state, &moment);
        let batch = std::mem::take(&mut self.batch);
        let spans = std::mem::take(&mut self.spans);
        self.serving_beside = true;
        for pending in &batch {
            // What needs the gate is refused before it says so.
            self.run_one(state, pending, &spans, &moment, false);
        }
        self.serving_beside = false;
        self.deliver(state);
        // The client whose command is under way is written to when that has ended.
        let absent: Vec<u32> =
            self.dirty.iter().copied().filter(|&slot| state.clients.get_mut(slot).is_none()).collect();
        self.flush(state, &moment);
        self.dirty.extend(absent);
    }

    /// After the command: events of its own client that came meanwhile are looked for.
    pub(super) fn end_busy(&mut self, state: &mut ThreadState, moment: &Moment) {
        for slot in self.waiting.clone() {
            self.read(state, slot, moment);
        }
    }

    /// Begins a batch when another thread has the gate. It may have it for a script that runs for too long.
    #[cold]
    pub(super) fn enter_slowly(&mut self, events: &mut Vec<Event>) -> std::io::Result<()> {
        let node = self.node;
        let mut tries = 0u32;
        while !node.gate.try_enter(self.index) {
            if node.is_stopping() {
                node.gate.enter(self.index);
                return Ok(());
            }
            if node.scripts.is_busy() {
                let mut state = node.threads[self.index].lock_state();
                self.busy_tick(&mut state, events);
                drop(state);
                events.clear();
                self.poller.wait(Some(Duration::from_millis(5)), events)?;
                continue;
            }
            tries += 1;
            match tries {
                0..200 => std::hint::spin_loop(),
                200..2000 => std::thread::yield_now(),
                _ => std::thread::sleep(Duration::from_micros(100)),
            }
        }
        Ok(())
    }
}
