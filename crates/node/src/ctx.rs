//! What a handler of a command about the node sees.

use std::sync::MutexGuard;

use commands::Ctx;

use crate::client::{Clients, Meta};
use crate::node::Node;
use crate::state::ThreadState;
use crate::stats::Stats;

/// The context of a command about the node.
pub struct NodeCtx<'a> {
    /// The data command's context: keyspace, reply, session.
    pub data: Ctx<'a>,
    /// The node.
    pub node: &'a Node,
    /// The client's facts.
    pub meta: &'a mut Meta,
    /// Sizes of the client's buffers, for CLIENT INFO.
    pub buffers: BufferSizes,
    /// This thread's other clients (the one that asks is out of the table).
    pub clients: &'a mut Clients,
    /// This thread's clients that listen to channels.
    pub listeners: &'a mut crate::pubsub::Listeners,
    /// The client's token.
    pub token: u64,
    /// This thread's statistics.
    pub stats: &'a mut Stats,
    /// This thread's number.
    pub thread: usize,
    /// The number of the command under way.
    pub command: u16,
}

/// Sizes of a client's buffers.
#[derive(Clone, Copy, Debug, Default)]
pub struct BufferSizes {
    /// Bytes in the query buffer.
    pub input: usize,
    /// Capacity left in it.
    pub input_free: usize,
    /// Bytes of replies waiting.
    pub output: usize,
    /// All memory of the client.
    pub total: usize,
}

impl NodeCtx<'_> {
    /// The states of the other threads. Under the gate only: their owners stand between batches then.
    pub fn other_threads(&self) -> impl Iterator<Item = (usize, MutexGuard<'_, ThreadState>)> {
        debug_assert!(self.data.space.is_gate(), "other threads are looked at under the gate");
        let me = self.thread;
        self.node.threads.iter().enumerate().filter(move |(n, _)| *n != me).map(|(n, t)| (n, t.lock_state()))
    }
}
