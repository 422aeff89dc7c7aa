//! A connection: socket, buffers, parser, session.

use std::os::fd::OwnedFd;

use commands::Session;
use commands::table::Continuation;
use wire::resp::parse::RequestParser;

use crate::blocked::Blocked;
use crate::tls::Transport;

/// Why a client's commands wait.
#[derive(Default)]
pub enum Waiting {
    /// They do not.
    #[default]
    No,
    /// A shard is busy; its holder wakes us.
    Shard {
        /// The thread's tick in which it was found busy.
        since_tick: u64,
    },
    /// Another thread's scripts have the turn.
    Turn,
    /// The command under way goes on in slices.
    Slices(Continuation),
    /// A worker thread computes the reply.
    Worker,
    /// Its command waits for keys.
    Blocked(Blocked),
    /// `CLIENT PAUSE` holds its next command.
    Paused,
}

impl Waiting {
    /// Whether clients see it as blocked by something outside: such a client goes when its peer does, and is never
    /// idle.
    pub fn is_blocked(&self) -> bool {
        match self {
            Waiting::Blocked(blocked) => blocked.ticket.is_waiting(),
            Waiting::Paused => true,
            Waiting::No | Waiting::Shard { .. } | Waiting::Turn | Waiting::Slices(_) | Waiting::Worker => {
                false
            }
        }
    }
}

/// A connection.
pub struct Client {
    /// The socket.
    pub fd: OwnedFd,
    /// What carries its bytes.
    pub transport: Transport,
    /// Its name to the poller: slot and generation.
    pub token: u64,
    /// What commands see.
    pub session: Session,
    /// Bytes read and not yet executed, from `consumed` on.
    pub input: Vec<u8>,
    /// Bytes of `input` that are done with.
    pub consumed: usize,
    /// A command that arrived in part.
    pub parser: RequestParser,
    /// The tick that parsed its input last: commands of one batch must not be parsed twice.
    pub parsed_at_tick: u64,
    /// Bytes the parser knows to be missing.
    pub wanted: usize,
    /// Replies, from `sent` on.
    pub out: Vec<u8>,
    /// Bytes of `out` that the kernel, or TLS, took.
    pub sent: usize,
    /// Bytes that TLS has for the peer and the kernel did not take.
    pub sealed: usize,
    /// Bytes of the reply under way, what was sent of it included, when it comes in slices; else 0.
    pub sliced_bytes: usize,
    /// Facts that CLIENT LIST shows.
    pub meta: Meta,
    /// Why its commands wait.
    pub waiting: Waiting,
    /// The poller reports when it can be written.
    pub wants_write: bool,
    /// The connection failed, or is to be closed.
    pub gone: bool,
    /// The peer sends no more; what it sent before is still answered.
    pub ended: bool,
    /// Replies are in `out` that the flush at the end of the batch sends.
    pub dirty: bool,
    /// What was wrong with its input, answered in its turn.
    pub protocol_error: Option<wire::resp::parse::ProtocolError>,
    /// Its commands of this batch are cut short (it waits, closes or was limited).
    pub stopped: bool,
    /// It speaks memcached's protocol.
    pub memcached: Option<crate::memcached::Conversation>,
}

/// What CLIENT LIST and the limits need to know.
pub struct Meta {
    /// The peer's address.
    pub addr: String,
    /// Our address.
    pub laddr: String,
    /// Descriptor number.
    pub fd: i32,
    /// Unix ms of the connect.
    pub created_at_ms: i64,
    /// Unix ms of the last command.
    pub active_at_ms: i64,
    /// Number of the last command's row; `u16::MAX` before the first.
    pub last_command: u16,
    /// Connected through the unix socket.
    pub is_unix: bool,
    /// Whom it acts as.
    pub user: std::sync::Arc<acl::User>,
    /// Commands run.
    pub commands: u64,
    /// Commands run when connections were balanced last.
    pub commands_at_balance: u64,
    /// Commands run in the second before that.
    pub commands_per_second: u64,
    /// Bytes received.
    pub net_in_bytes: u64,
    /// Bytes sent.
    pub net_out_bytes: u64,
    /// Someone asked for it to be closed.
    pub killed: bool,
    /// `CLIENT IMPORT-SOURCE`.
    pub is_import_source: bool,
    /// It gets, or got, invalidations for other clients: it stays on its thread.
    pub is_redirect_target: bool,
    /// What it counts in its thread's `client_bytes`.
    pub counted_bytes: u64,
    /// Since when the output passes the soft limit, Unix ms.
    pub soft_limit_at_ms: Option<i64>,
}

impl Client {
    /// Bytes of replies that wait for the peer.
    pub fn unsent(&self) -> usize {
        self.out.len() - self.sent + self.sealed
    }

    /// Once the reply under way is whole: writes the messages that came meanwhile.
    pub fn end_pushes(&mut self) {
        if matches!(self.waiting, Waiting::No) {
            self.write_pushes();
        }
    }

    /// Writes the messages that had to wait.
    pub fn write_pushes(&mut self) {
        if let Some(pushes) = self.session.pushes.take() {
            self.out.extend_from_slice(&pushes);
        }
    }

    /// Heap bytes of the connection. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Client>()
            + buffer_bytes(&self.input, self.consumed)
            + buffer_bytes(&self.out, self.sent)
            + self.transport.memory_bytes()
            + self.session.multi.as_ref().map_or(0, |multi| multi.memory_bytes())
            + self.session.watch.as_ref().map_or(0, |watch| watch.memory_bytes())
            + self.session.subscriptions.as_ref().map_or(0, |subscribed| subscribed.memory_bytes())
            + self.session.tracking.as_ref().map_or(0, |tracking| tracking.memory_bytes())
            + self.session.pushes.as_ref().map_or(0, |pushes| pushes.capacity())
            + if let Waiting::Blocked(blocked) = &self.waiting { blocked.memory_bytes() } else { 0 }
    }
}

/// Buffers up to this capacity go from client to client of a thread, bytes: who has one at the moment owes what is in it.
pub const LENT_BUFFER_BYTES: usize = 32 * 1024;

/// What a buffer counts for a client that has taken `done` bytes out of it.
fn buffer_bytes(buffer: &Vec<u8>, done: usize) -> usize {
    if buffer.capacity() <= LENT_BUFFER_BYTES { buffer.len().saturating_sub(done) } else { buffer.capacity() }
}

/// A thread's connections.
#[derive(Default)]
pub struct Clients {
    slots: Vec<Slot>,
    free: Vec<u32>,
    count: usize,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    client: Option<Box<Client>>,
}

impl Clients {
    /// The token that the next `insert` uses.
    pub fn next_token(&mut self) -> u64 {
        let slot = match self.free.last() {
            Some(&slot) => slot,
            None => {
                self.slots.push(Slot::default());
                let slot = self.slots.len() as u32 - 1;
                self.free.push(slot);
                slot
            }
        };
        u64::from(self.slots[slot as usize].generation) << 32 | u64::from(slot)
    }

    /// Adds a client under the token of `next_token`.
    pub fn insert(&mut self, client: Box<Client>) {
        let slot = self.free.pop().expect("next_token made room");
        debug_assert_eq!(client.token as u32, slot);
        self.slots[slot as usize].client = Some(client);
        self.count += 1;
    }

    /// The slot of a token, if the client is still there.
    pub fn slot_of(&self, token: u64) -> Option<u32> {
        let slot = token as u32;
        let held = self.slots.get(slot as usize)?;
        (u64::from(held.generation) == token >> 32 && held.client.is_some()).then_some(slot)
    }

    /// Whether the client of a token was taken out and will be put back.
    pub fn is_away(&self, token: u64) -> bool {
        let slot = token as u32;
        let held = self.slots.get(slot as usize);
        held.is_some_and(|held| u64::from(held.generation) == token >> 32 && held.client.is_none())
            && !self.free.contains(&slot)
    }

    /// The client in a slot.
    #[inline(always)]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Client> {
        self.slots.get_mut(slot as usize)?.client.as_deref_mut()
    }

    /// Takes a client out for the time of a command that looks at the others; `put_back` follows.
    pub fn take(&mut self, slot: u32) -> Option<Box<Client>> {
        self.slots.get_mut(slot as usize)?.client.take()
    }

    /// The counterpart of `take`.
    pub fn put_back(&mut self, slot: u32, client: Box<Client>) {
        self.slots[slot as usize].client = Some(client);
    }

    /// Removes a client for good.
    pub fn remove(&mut self, slot: u32) -> Option<Box<Client>> {
        let held = self.slots.get_mut(slot as usize)?;
        let client = held.client.take()?;
        held.generation = held.generation.wrapping_add(1);
        self.free.push(slot);
        self.count -= 1;
        Some(client)
    }

    /// Number of clients.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Slots in use or not; for walks by number.
    pub fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }

    /// All clients.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.slots.iter().filter_map(|s| s.client.as_deref())
    }

    /// All clients.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.slots.iter_mut().filter_map(|s| s.client.as_deref_mut())
    }
}
