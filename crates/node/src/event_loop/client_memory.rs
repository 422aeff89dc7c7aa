//! `maxmemory-clients`: when all connections together hold more than it allows, the largest ones are closed.

use std::sync::atomic::Ordering::Relaxed;

use super::IoThread;
use crate::dispatch::Moment;
use crate::state::ThreadState;

/// Time between two counts, ns: a count walks over all connections of the thread.
const COUNT_EVERY_NS: u64 = 1_000_000;

impl IoThread {
    /// Counts what this thread's connections hold and closes its largest ones while all threads' together hold too much,
    /// unless another thread has a larger one. Each tick.
    pub(super) fn evict_clients(&mut self, state: &mut ThreadState, moment: &Moment, now_ns: u64) {
        let limit = self.node.settings.maxmemory_clients.load(Relaxed);
        if limit == 0 || now_ns < self.next_client_count_ns {
            return;
        }
        self.next_client_count_ns = now_ns + COUNT_EVERY_NS;
        let threads = &self.node.threads;
        loop {
            let mut held = 0;
            let mut largest: Option<(u64, u64)> = None;
            for client in state.clients.iter() {
                let bytes = client.memory_bytes() as u64;
                held += bytes;
                if !client.session.no_evict && largest.is_none_or(|(most, _)| bytes > most) {
                    largest = Some((bytes, client.token));
                }
            }
            let mine = &threads[self.index];
            mine.client_bytes.store(held, Relaxed);
            mine.largest_client_bytes.store(largest.map_or(0, |(bytes, _)| bytes), Relaxed);
            let total: u64 = threads.iter().map(|thread| thread.client_bytes.load(Relaxed)).sum();
            let Some((bytes, token)) = largest else { return };
            if total <= limit
                || threads.iter().any(|thread| thread.largest_client_bytes.load(Relaxed) > bytes)
            {
                return;
            }
            let Some(slot) = state.clients.slot_of(token) else { return };
            if let Some(client) = state.clients.get_mut(slot) {
                let addr = &client.meta.addr;
                crate::log::notice(&format!(
                    "Evicting client {addr}: clients hold {total} bytes, {bytes} of them it"
                ));
            }
            state.stats.evicted_clients += 1;
            self.close(state, slot, moment);
        }
    }
}
