//! A node that speaks memcached's protocol instead of RESP: requests of the text protocol, classic and meta.
//!
//! They take the way of every other command: parsed into the batch ([`crate::event_loop`]), their keys asked for ahead,
//! run under the lock of their shard. What they do to items is in [`commands::memcached`]; here are replies, counters and
//! what concerns the server. Rules and words are those of memcached 1.6.18.

mod admin;
mod meta;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use commands::ctx::Text;
use commands::memcached::{
    Count, Counted, Deleted, Lifetime, Mode, Store, Stored, count, delete, store, touch,
};
use keyspace::{Key, Locked, Marks, Space};
use wire::memcached::text::{Request, Retrieve, Update, Verb};
use wire::number::{IntBuf, format_i64};

use crate::client::Client;
use crate::dispatch::{Moment, commit, make_room};
use crate::node::Node;
use crate::state::ThreadState;
use crate::tracking::By;

/// The version of memcached that this node speaks like.
pub const VERSION: &str = "1.6.18";

/// What `brasa memcached` was started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-I`: bytes of the largest item, memcached's own overhead included.
    pub item_max_bytes: usize,
    /// Not `-F`: `flush_all` is allowed.
    pub may_flush: bool,
    /// `-A`: `shutdown` is allowed.
    pub may_shut_down: bool,
    /// `-M` is absent: items are evicted.
    pub evicts: bool,
    /// `-m`, bytes.
    pub memory_bytes: u64,
    /// `-p`.
    pub port: u16,
    /// `-l`, as given.
    pub interfaces: Option<String>,
    /// `-s`.
    pub socket: Option<String>,
    /// `-t`.
    pub threads: usize,
    /// `-c`.
    pub connections: u32,
    /// How many `-v`.
    pub verbosity: u32,
    /// Names and passwords (`-Y`), `name:password`; none lets everyone in.
    pub passwords: Option<Vec<Vec<u8>>>,
}

/// What the threads of a memcached node share.
#[derive(Debug)]
pub struct Server {
    /// What it was started with.
    pub options: Options,
    /// When all items go, Unix ms: `flush_all` with a delay.
    pub flush_at_ms: AtomicI64,
    /// `verbosity`.
    pub verbosity: AtomicU32,
    /// What `config get cluster` shows: the version and the nodes.
    pub cluster: Mutex<Vec<u8>>,
}

impl Server {
    /// A server as it starts. The cluster is this node alone, until a control plane says otherwise.
    pub fn new(options: Options) -> Server {
        let address =
            options.interfaces.as_deref().and_then(|list| list.split(',').next()).unwrap_or("127.0.0.1");
        let cluster = format!("1\n{address}|{address}|{}\n", options.port);
        Server {
            flush_at_ms: AtomicI64::new(i64::MAX),
            verbosity: AtomicU32::new(options.verbosity),
            cluster: Mutex::new(cluster.into_bytes()),
            options,
        }
    }

    fn knows(&self, name: &[u8], password: &[u8]) -> bool {
        let wanted = [name, b":", password].concat();
        self.options.passwords.as_ref().is_none_or(|all| all.contains(&wanted))
    }
}

/// What a connection is in the middle of.
#[derive(Clone, Copy, Debug)]
pub struct Conversation {
    /// How a `get` reads that has more keys.
    pub reading: Option<Retrieve>,
    /// Bytes of data that are still to be skipped.
    pub skip: usize,
    /// It has said who it is, or need not.
    pub authenticated: bool,
}

/// What is counted, in the order of [`COUNTERS`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter {
    Gets,
    Sets,
    Flushes,
    Touches,
    Metas,
    GetHits,
    GetMisses,
    DeleteMisses,
    DeleteHits,
    IncrMisses,
    IncrHits,
    DecrMisses,
    DecrHits,
    CasMisses,
    CasHits,
    CasBad,
    TouchHits,
    TouchMisses,
    TooLarge,
    NoMemory,
    Auths,
    AuthErrors,
    Items,
}

/// The names of the counters in `stats`.
pub(crate) const COUNTERS: [&str; 23] = [
    "cmd_get",
    "cmd_set",
    "cmd_flush",
    "cmd_touch",
    "cmd_meta",
    "get_hits",
    "get_misses",
    "delete_misses",
    "delete_hits",
    "incr_misses",
    "incr_hits",
    "decr_misses",
    "decr_hits",
    "cas_misses",
    "cas_hits",
    "cas_badval",
    "touch_hits",
    "touch_misses",
    "store_too_large",
    "store_no_memory",
    "auth_cmds",
    "auth_errors",
    "total_items",
];

/// A thread's counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters(pub(crate) [u64; COUNTERS.len()]);

impl Counters {
    fn add(&mut self, counter: Counter) {
        self.0[counter as usize] += 1;
    }

    fn hit_or_miss(&mut self, command: Counter, found: bool, hit: Counter, miss: Counter) {
        self.add(command);
        self.add(if found { hit } else { miss });
    }
}

/// What became of a request.
pub(crate) enum After {
    /// It is answered.
    Next,
    /// A shard is busy: run it again later.
    Busy(u32),
    /// It needs the gate: run it again under it.
    NeedsGate,
    /// It is answered; what follows is parsed again.
    Stop,
    /// The connection is to be closed once the replies are sent.
    Close,
}

/// The reply that the outcome of a text command is.
fn say(client: &mut Client, request: &Request, text: &str) {
    if !request.noreply {
        client.out.extend_from_slice(text.as_bytes());
        client.out.extend_from_slice(b"\r\n");
    }
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = IntBuf::new();
    match i64::try_from(number) {
        Ok(number) => out.extend_from_slice(format_i64(number, &mut digits)),
        Err(_) => out.extend_from_slice(number.to_string().as_bytes()),
    }
}

fn put_text(out: &mut Vec<u8>, text: Text<'_>) {
    match text {
        Text::Bytes(bytes) => out.extend_from_slice(bytes),
        Text::Int(number) => out.extend_from_slice(format_i64(number, &mut IntBuf::new())),
        Text::Big(big) => out.extend_from_slice(&big.to_vec()),
    }
}

/// Room for what a request stores. `false`: there is none, and it says so.
fn has_room(node: &'static Node, state: &mut ThreadState, moment: &Moment) -> bool {
    let full = moment.has_maxmemory && !moment.has_room(&state.local) && !make_room(node, state, moment);
    if full {
        state.memcached.add(Counter::NoMemory);
    }
    !full
}

const NO_MEMORY: &str = "SERVER_ERROR out of memory storing object";

/// The shard and order of the key.
pub(crate) type Place = (u32, u32);

/// The locks of a request with one key, or what to do instead.
fn lock(node: &'static Node, (shard, _): Place, gated: bool) -> Result<Locked<'static>, After> {
    if gated {
        return Ok(Locked::gate());
    }
    node.keyspace.lock_shard(shard).ok_or(After::Busy(shard))
}

/// Runs a request of the text protocol.
#[allow(clippy::too_many_arguments)]
pub(crate) fn run(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    input: &[u8],
    request: &Request,
    place: Place,
    moment: &Moment,
    gated: bool,
) -> After {
    let Some(server) = &node.memcached else { return After::Close };
    if moment.now_ms >= server.flush_at_ms.load(Ordering::Relaxed) {
        if !gated {
            return After::NeedsGate;
        }
        admin::flush(node, state, client, moment);
    }
    let after = run_verb(node, state, client, input, request, place, moment, gated);
    if !matches!(after, After::Busy(_) | After::NeedsGate) {
        client.meta.commands += 1;
        state.stats.total_commands += 1;
    }
    after
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn run_verb(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    input: &[u8],
    request: &Request,
    place: Place,
    moment: &Moment,
    gated: bool,
) -> After {
    let lifetime = |exptime: i32| Lifetime::of(i64::from(exptime), moment.now_ms);
    let locked = || lock(node, place, gated);
    let key = Key { bytes: request.key.of(input), shard: place.0, order: place.1 };
    match request.verb {
        Verb::Get { how, is_last } => match locked() {
            Ok(locked) => {
                get(node, state, client, key, how, moment, locked);
                if let Some(conversation) = &mut client.memcached {
                    conversation.reading = (!is_last).then_some(how);
                }
                if is_last {
                    client.out.extend_from_slice(b"END\r\n");
                }
                After::Next
            }
            Err(after) => after,
        },
        Verb::Store { update, flags, exptime, cas } => {
            if !has_room(node, state, moment) {
                say(client, request, NO_MEMORY);
                return After::Next;
            }
            let locked = match locked() {
                Ok(locked) => locked,
                Err(after) => return after,
            };
            let mode = mode_of(update);
            let what = Store {
                mode,
                data: request.data.of(input),
                flags,
                lifetime: lifetime(exptime),
                compare: cas,
                cas: 0,
                or_stale: false,
                create: None,
            };
            let stored = put(node, state, client, key, &what, moment, locked);
            say(client, request, stored_text(stored));
            After::Next
        }
        Verb::Count { down, delta } => {
            let locked = match locked() {
                Ok(locked) => locked,
                Err(after) => return after,
            };
            let what = Count { delta, down, compare: 0, cas: 0, create: None, lifetime: None };
            match add(node, state, client, key, &what, moment, locked) {
                Counted::Value { value, .. } if !request.noreply => {
                    put_number(&mut client.out, value);
                    client.out.extend_from_slice(b"\r\n");
                }
                Counted::Value { .. } => {}
                Counted::NotFound | Counted::Exists => say(client, request, "NOT_FOUND"),
                Counted::NotNumeric => say(client, request, NOT_NUMERIC),
            }
            After::Next
        }
        Verb::Touch { exptime } => {
            let locked = match locked() {
                Ok(locked) => locked,
                Err(after) => return after,
            };
            let mut space = space(node, state, moment, locked);
            let found = touch(&mut space, key, lifetime(exptime));
            if let Some(entry) = space.peek(key) {
                let marks = entry.item().marks;
                entry.set_marks(Marks { fetched: true, ..marks });
            }
            end(node, space, moment, client);
            state.memcached.hit_or_miss(Counter::Touches, found, Counter::TouchHits, Counter::TouchMisses);
            say(client, request, if found { "TOUCHED" } else { "NOT_FOUND" });
            After::Next
        }
        Verb::Delete => {
            let locked = match locked() {
                Ok(locked) => locked,
                Err(after) => return after,
            };
            let mut space = space(node, state, moment, locked);
            let found = delete(&mut space, key, 0, None) == Deleted::Deleted;
            end(node, space, moment, client);
            state.memcached.add(if found { Counter::DeleteHits } else { Counter::DeleteMisses });
            say(client, request, if found { "DELETED" } else { "NOT_FOUND" });
            After::Next
        }
        Verb::MetaNoop => {
            client.out.extend_from_slice(b"MN\r\n");
            After::Next
        }
        Verb::MetaGet | Verb::MetaSet | Verb::MetaDelete | Verb::MetaArithmetic | Verb::MetaDebug => {
            meta::run(node, state, client, input, request, place, moment, gated)
        }
        Verb::Refuse { text, skip, unlink } => {
            if unlink && request.key.len > 0 {
                let locked = match locked() {
                    Ok(locked) => locked,
                    Err(after) => return after,
                };
                let decoded = meta::key_of(input, request);
                let mut space = space(node, state, moment, locked);
                delete(&mut space, Key { bytes: &decoded, ..key }, 0, None);
                end(node, space, moment, client);
                state.memcached.add(Counter::TooLarge);
            }
            say(client, request, text);
            if skip == 0 {
                return After::Next;
            }
            if let Some(conversation) = &mut client.memcached {
                conversation.skip = skip;
            }
            After::Stop
        }
        Verb::Auth => authenticate(node, state, client, request.data.of(input)),
        Verb::Admin => admin::run(node, state, client, input, request, moment, gated),
    }
}

const NOT_NUMERIC: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value";

fn mode_of(update: Update) -> Mode {
    match update {
        Update::Set => Mode::Set,
        Update::Add => Mode::Add,
        Update::Replace => Mode::Replace,
        Update::Append => Mode::Append,
        Update::Prepend => Mode::Prepend,
        Update::Cas => Mode::Cas,
    }
}

fn stored_text(stored: Stored) -> &'static str {
    match stored {
        Stored::Stored { .. } => "STORED",
        Stored::NotStored | Stored::TooLarge => "NOT_STORED",
        Stored::Exists => "EXISTS",
        Stored::NotFound => "NOT_FOUND",
    }
}

fn space<'a>(
    node: &'static Node,
    state: &'a mut ThreadState,
    moment: &Moment,
    locked: Locked<'static>,
) -> Space<'a> {
    Space::new(&node.keyspace, &mut state.local, locked, 0, moment.now_ms, moment.access)
}

/// Logs what was done while the shard is still held.
fn end(node: &Node, space: Space<'_>, moment: &Moment, client: &Client) {
    commit(node, space.local, moment, By::session(&client.session));
}

#[inline(always)]
fn get(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    key: Key<'_>,
    how: Retrieve,
    moment: &Moment,
    locked: Locked<'static>,
) {
    let mut space = space(node, state, moment, locked);
    let mut found = false;
    if let Some(entry) = space.read(key)
        && let Ok(text) = Text::of(entry)
    {
        found = true;
        let item = entry.item();
        let out = &mut client.out;
        out.extend_from_slice(b"VALUE ");
        out.extend_from_slice(key.bytes);
        out.push(b' ');
        put_number(out, u64::from(item.flags));
        out.push(b' ');
        put_number(out, text.len() as u64);
        if how.cas {
            out.push(b' ');
            put_number(out, item.cas);
        }
        out.extend_from_slice(b"\r\n");
        put_text(out, text);
        out.extend_from_slice(b"\r\n");
        if !item.marks.fetched {
            entry.set_marks(Marks { fetched: true, ..item.marks });
        }
    }
    if found && let Some(exptime) = how.exptime {
        touch(&mut space, key, Lifetime::of(i64::from(exptime), moment.now_ms));
    }
    end(node, space, moment, client);
    let counters = &mut state.memcached;
    if how.exptime.is_some() {
        counters.hit_or_miss(Counter::Touches, found, Counter::TouchHits, Counter::TouchMisses);
        counters.hit_or_miss(Counter::Gets, found, Counter::GetHits, Counter::GetMisses);
    } else {
        counters.hit_or_miss(Counter::Gets, found, Counter::GetHits, Counter::GetMisses);
    }
}

/// Stores an item and counts it.
fn put(
    node: &'static Node,
    state: &mut ThreadState,
    client: &Client,
    key: Key<'_>,
    what: &Store<'_>,
    moment: &Moment,
    locked: Locked<'static>,
) -> Stored {
    let item_max_bytes = node.memcached.as_ref().map_or(0, |server| server.options.item_max_bytes);
    let most =
        wire::memcached::text::value_max_bytes(item_max_bytes, key.bytes.len(), what.flags).unwrap_or(0);
    let mut space = space(node, state, moment, locked);
    // Nothing in such a node is anything but a string.
    let stored = store(&mut space, key, what, most).unwrap_or(Stored::NotStored);
    end(node, space, moment, client);
    let counters = &mut state.memcached;
    counters.add(Counter::Sets);
    if matches!(stored, Stored::Stored { .. }) {
        counters.add(Counter::Items);
    }
    if what.mode == Mode::Cas {
        counters.add(match stored {
            Stored::Stored { .. } => Counter::CasHits,
            Stored::Exists => Counter::CasBad,
            _ => Counter::CasMisses,
        });
    }
    stored
}

/// Counts up or down, and counts that.
fn add(
    node: &'static Node,
    state: &mut ThreadState,
    client: &Client,
    key: Key<'_>,
    what: &Count,
    moment: &Moment,
    locked: Locked<'static>,
) -> Counted {
    let mut space = space(node, state, moment, locked);
    let counted = count(&mut space, key, what).unwrap_or(Counted::NotNumeric);
    end(node, space, moment, client);
    let counters = &mut state.memcached;
    match (counted, what.down) {
        (Counted::Value { .. }, false) => counters.add(Counter::IncrHits),
        (Counted::Value { .. }, true) => counters.add(Counter::DecrHits),
        (Counted::NotFound, false) => counters.add(Counter::IncrMisses),
        (Counted::NotFound, true) => counters.add(Counter::DecrMisses),
        _ => {}
    }
    counted
}

/// "name password": lets the connection in if they are known.
fn authenticate(node: &Node, state: &mut ThreadState, client: &mut Client, data: &[u8]) -> After {
    let (Some(server), Some(conversation)) = (&node.memcached, &mut client.memcached) else {
        return After::Close;
    };
    let mut words = data.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (Some(name), Some(password)) = (words.next(), words.next()) else {
        client.out.extend_from_slice(b"CLIENT_ERROR bad authentication token format\r\n");
        return After::Next;
    };
    state.memcached.add(Counter::Auths);
    if server.knows(name, password) {
        conversation.authenticated = true;
        client.out.extend_from_slice(b"STORED\r\n");
    } else {
        state.memcached.add(Counter::AuthErrors);
        client.out.extend_from_slice(b"CLIENT_ERROR authentication failure\r\n");
    }
    // What follows was read by a stranger's rules.
    After::Stop
}

/// A key's place, worked out when the request is read: in base64 it stands for other bytes.
pub(crate) fn place(node: &Node, input: &[u8], request: &Request) -> Place {
    let place = if request.rest.len == 0 || request.key.len == 0 {
        node.keyspace.hasher.place(request.key.of(input))
    } else {
        let decoded = meta::key_of(input, request);
        let key = node.keyspace.hasher.place(&decoded);
        return (key.shard, key.order);
    };
    (place.shard, place.order)
}
