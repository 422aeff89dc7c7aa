//! Limits on what a client may hold.

use crate::client::{Client, Waiting};
use crate::node::Node;

/// The class of `client-output-buffer-limit` that a client belongs to.
fn class(client: &Client) -> usize {
    if client.session.subscriptions.is_some() { 2 } else { 0 }
}

/// Whether a client's waiting replies pass `client-output-buffer-limit` for its class.
pub fn output_exceeded(node: &Node, client: &mut Client, now_ms: i64) -> bool {
    let limit = node.settings.output_limit(class(client));
    let held = client.unsent() as u64;
    if limit.hard_bytes > 0 && held > limit.hard_bytes {
        return true;
    }
    if limit.soft_bytes == 0 || held <= limit.soft_bytes {
        client.meta.soft_limit_at_ms = None;
        return false;
    }
    let since = *client.meta.soft_limit_at_ms.get_or_insert(now_ms);
    now_ms - since > (limit.soft_seconds * 1000) as i64
}

/// Whether a client's waiting replies pass the hard limit, or one reply alone does: that it is sent in slices, and how
/// fast the peer reads, makes no difference.
pub fn hard_limit_exceeded(node: &Node, client: &Client) -> bool {
    let hard_bytes = hard_bytes(node, client);
    hard_bytes > 0 && client.unsent().max(client.sliced_bytes) as u64 > hard_bytes
}

/// Whether a reply that comes in slices waits until it is whole: where one that is too long ends the connection, the peer
/// gets nothing of it, as from Valkey. So it takes no more memory than the limit allows.
pub fn keeps_until_whole(node: &Node, client: &Client) -> bool {
    matches!(client.waiting, Waiting::Slices(_))
        && !client.meta.killed
        && !client.gone
        && hard_bytes(node, client) > 0
}

/// The hard limit of a client's class; 0 = none.
fn hard_bytes(node: &Node, client: &Client) -> u64 {
    if client.session.is_special {
        node.settings.output_limit(class(client)).hard_bytes
    } else {
        node.settings.normal_hard_bytes.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Replies held back per connection before its next commands wait for the peer to read: limits that close the connection
/// have the first say, where one is set.
pub fn pause_bytes(node: &Node) -> usize {
    const UNLIMITED_PAUSE_BYTES: u64 = 1024 * 1024;
    let hard_bytes = node.settings.normal_hard_bytes.load(std::sync::atomic::Ordering::Relaxed);
    let all_bytes = node.settings.maxmemory_clients.load(std::sync::atomic::Ordering::Relaxed);
    hard_bytes.max(all_bytes).max(UNLIMITED_PAUSE_BYTES) as usize
}
