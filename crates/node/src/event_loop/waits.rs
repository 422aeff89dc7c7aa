//! The ends of waits: clients served by commands of this batch or by other threads, timeouts, pauses that are over.

use std::sync::MutexGuard;

use super::IoThread;
use crate::aside::{self, Placed};
use crate::blocked::{self, Served};
use crate::client::Waiting;
use crate::dispatch::Moment;
use crate::pause::Paused;
use crate::state::ThreadState;

impl IoThread {
    /// After the batch: what it served, what gave up meanwhile, and what no unit had the locks to serve.
    pub(super) fn end_waits<'s>(
        &mut self,
        mut state: MutexGuard<'s, ThreadState>,
        moment: &Moment,
    ) -> MutexGuard<'s, ThreadState> {
        let mut needs_gate = false;
        if !state.prepared.is_empty() {
            needs_gate = self.install(&mut state, moment, false);
        }
        if !state.leftovers.is_empty() {
            crate::leftovers::clear(self.node, &mut state, moment);
        }
        let ThreadState { local, unserved, .. } = &mut *state;
        unserved.append(&mut local.ready);
        if !unserved.is_empty() && moment.paused == Paused::No {
            needs_gate |= blocked::serve_later(self.node, &mut state, moment);
        }
        if needs_gate {
            drop(state);
            let gate = self.node.gate.take(self.index);
            state = self.node.threads[self.index].lock_state();
            // Somebody may have begun a pause while we waited for the gate.
            let moment = moment.refreshed(self.node, &mut state);
            self.install(&mut state, &moment, true);
            blocked::serve_under_gate(self.node, &mut state, &moment);
            drop(state);
            drop(gate);
            state = self.node.threads[self.index].lock_state();
        }
        if !state.timeouts.is_empty() {
            for served in blocked::time_out(self.node, &mut state) {
                self.finish_wait(&mut state, served, moment);
            }
        }
        for served in std::mem::take(&mut state.served) {
            self.finish_wait(&mut state, served, moment);
        }
        state
    }

    /// Puts what was worked out aside in place. `true` when the gate is needed for some of it.
    fn install(&mut self, state: &mut ThreadState, moment: &Moment, gated: bool) -> bool {
        let mut needs_gate = false;
        for prepared in std::mem::take(&mut state.prepared) {
            match aside::place(self.node, state, moment, prepared, gated) {
                Placed::Done(Some(slot)) => self.go_on(state, slot),
                Placed::Done(None) | Placed::Again => {}
                Placed::Later(prepared) => state.prepared.push(prepared),
                Placed::NeedsGate(prepared) => {
                    needs_gate = true;
                    state.prepared.push(prepared);
                }
            }
        }
        needs_gate
    }

    /// A waiting client has its reply: it goes on with what it sent meanwhile.
    pub(super) fn finish_wait(&mut self, state: &mut ThreadState, served: Served, moment: &Moment) {
        let Some(slot) = blocked::finish(self.node, state, moment, served) else { return };
        let Some(client) = state.clients.get_mut(slot) else { return };
        if !client.dirty {
            client.dirty = true;
            self.dirty.push(slot);
        }
        if client.stopped {
            // It began to wait in this batch: the look at those who do comes yet.
            return;
        }
        match client.waiting {
            Waiting::Slices(_) => self.waiting.push(slot),
            Waiting::No if client.consumed < client.input.len() => self.ready.push(slot),
            _ => {}
        }
    }

    /// A client's next command is held by the pause.
    pub(super) fn hold_for_pause(&mut self, token: u64, moment: &Moment) {
        self.held.push(token);
        self.held_under = moment.paused;
    }

    /// When the pause is over, or another one holds: the held commands run, or are held again, in the order in which
    /// they came, before anything that has come since.
    #[cold]
    pub(super) fn let_go(&mut self, state: &mut ThreadState, moment: &Moment) {
        if moment.paused == self.held_under {
            return;
        }
        for token in std::mem::take(&mut self.held) {
            let Some(slot) = state.clients.slot_of(token) else { continue };
            let Some(client) = state.clients.get_mut(slot) else { continue };
            if matches!(client.waiting, Waiting::Paused) {
                client.waiting = Waiting::No;
                self.ready.push(slot);
            }
        }
        self.take_ready(state, moment);
    }
}
