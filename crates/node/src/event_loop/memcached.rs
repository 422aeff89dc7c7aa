//! Requests of memcached's protocol on their way into the batch and through it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sys::thread::prefetch_addr;
use wire::memcached::text::{Parsed, Rest, Verb, parse};

use super::IoThread;
use super::batch::{MEMCACHED, Pending, Ran};
use crate::client::{Client, Waiting};
use crate::dispatch::Moment;
use crate::memcached::{self, After};
use crate::state::ThreadState;

/// Requests of one connection per tick; the rest waits its turn.
const REQUESTS_PER_TICK: usize = 1024;

impl IoThread {
    /// Turns a connection's input into requests of the batch.
    pub(super) fn parse_memcached(&mut self, state: &mut ThreadState, slot: u32) {
        let node = self.node;
        let Some(client) = state.clients.get_mut(slot) else { return };
        let (Some(conversation), Some(server)) = (&mut client.memcached, &node.memcached) else { return };
        if client.ended && !client.dirty {
            client.dirty = true;
            self.dirty.push(slot);
        }
        if conversation.skip > 0 {
            let skipped = conversation.skip.min(client.input.len() - client.consumed);
            conversation.skip -= skipped;
            client.consumed += skipped;
            if !client.dirty {
                // The flush takes them out of the input.
                client.dirty = true;
                self.dirty.push(slot);
            }
        }
        let mut at = client.consumed;
        let mut rest = conversation.reading.map(|how| Rest { how, line_end: None });
        for _ in 0..REQUESTS_PER_TICK {
            if at >= client.input.len() {
                client.wanted = 1;
                return;
            }
            let authenticated = conversation.authenticated;
            let parsed =
                parse(&client.input, at, rest.as_mut(), server.options.item_max_bytes, authenticated);
            let (request, next) = match parsed {
                Parsed::Request { request, next } => (request, next),
                Parsed::Incomplete { wanted } => {
                    client.wanted = wanted;
                    return;
                }
                Parsed::Junk => {
                    client.meta.killed = true;
                    if !client.dirty {
                        client.dirty = true;
                        self.dirty.push(slot);
                    }
                    return;
                }
            };
            let (shard, order) =
                if request.key.len > 0 { memcached::place(node, &client.input, &request) } else { (0, 0) };
            prefetch_addr(node.keyspace.shard(shard).address());
            self.batch.push(Pending {
                slot,
                generation: (client.token >> 32) as u32,
                command: u16::MAX,
                first_span: self.requests.len() as u32,
                span_count: 0,
                next: next as u32,
                key_arg: MEMCACHED,
                element_arg: 0,
                shard,
                order,
            });
            self.requests.push(request);
            rest = match request.verb {
                Verb::Get { how, is_last: false } => {
                    Some(Rest { how, line_end: rest.and_then(|rest| rest.line_end) })
                }
                // What follows depends on what becomes of this one.
                Verb::Auth => return,
                Verb::Refuse { skip: 1.., .. } => return,
                _ => None,
            };
            at = next;
        }
        self.ready.push(slot);
    }

    /// Runs one request of the batch.
    #[inline(never)]
    pub(super) fn run_memcached(
        &mut self,
        state: &mut ThreadState,
        client: &mut Client,
        pending: &Pending,
        moment: &Moment,
        gated: bool,
    ) -> Ran {
        let node = self.node;
        let Some(&request) = self.requests.get(pending.first_span as usize) else { return Ran::Close };
        let input = std::mem::take(&mut client.input);
        let place = (pending.shard, pending.order);
        let run =
            AssertUnwindSafe(|| memcached::run(node, state, client, &input, &request, place, moment, gated));
        let after = catch_unwind(run);
        client.input = input;
        match after {
            Ok(After::Next) => Ran::Next,
            Ok(After::Stop) => Ran::Stop { consumed: true },
            Ok(After::NeedsGate) => Ran::NeedsGate,
            Ok(After::Busy(shard)) => {
                state.stats.parked += 1;
                if node.keyspace.wait_for(shard, self.index as u32) == structures::lock::Waiting::Registered {
                    client.waiting = Waiting::Shard { since_tick: state.stats.ticks };
                }
                Ran::Stop { consumed: false }
            }
            // No shard was held, or the process would have ended: the connection pays.
            Ok(After::Close) | Err(_) => Ran::Close,
        }
    }
}
