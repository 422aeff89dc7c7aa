//! Client-side caching: which clients track keys, and how they are told that copies of keys have become worthless.
//!
//! What a client reads is remembered in the keys' shards (`keyspace::track`), before the locks of the command that read
//! go back. What a unit changed of it is published while the unit still holds its locks: here it is looked up who those
//! clients are and where they are told, and a post is left for their threads, as for messages (`crate::pubsub`). So a
//! client hears of a change behind the reply that gave it the old value, and before any reply that comes after whoever
//! made the change has its own.
//!
//! Clients that want to hear of all keys with some beginning are told at the end of the tick, before anything that the
//! tick did is answered: all keys of a beginning in one push.
//!
//! Page: <https://valkey.io/topics/client-side-caching/>.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use commands::session::{Tracking as Wish, TrackingMode};
use commands::{Args, Ctx, Outcome, Session};
use keyspace::notify::Note;
use keyspace::space::Local;
use wire::resp::{ReplyWriter, Resp};

use crate::dispatch::{Moment, commit, places};
use crate::node::Node;
use crate::pubsub::{Post, leave};
use crate::registry::Command;
use crate::state::ThreadState;
use commands::facts::Flags;

/// The channel on which clients of RESP2 hear of keys.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Keys that are forgotten at a time when too many are remembered; more, the longer that lasts.
const FORGOTTEN_AT_A_TIME: u32 = 100;

/// Who does what a unit does.
#[derive(Clone, Copy)]
pub struct By {
    client: u64,
    in_script: bool,
}

impl By {
    /// Nobody: a TTL passed, memory was short.
    pub const NOBODY: By = By { client: 0, in_script: false };

    /// A client.
    #[inline(always)]
    pub fn session(session: &Session) -> By {
        By { client: session.id, in_script: session.in_script }
    }

    /// A client whose command was worked out aside.
    pub fn client(id: u64) -> By {
        By { client: id, in_script: false }
    }
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its thread.
    pub thread: usize,
    /// Its name there.
    pub token: u64,
}

/// A client that tracks.
struct Source {
    place: Place,
    redirect: u64,
    broadcast: bool,
    noloop: bool,
    resp: Resp,
    broken: Arc<AtomicBool>,
}

/// Who tracks, and who is told instead. No other lock but that of a post box is taken under it.
#[derive(Default)]
struct Table {
    /// In the order in which they connected.
    sources: BTreeMap<u64, Source>,
    /// Clients that are told for others.
    targets: HashMap<u64, Place>,
    prefixes: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
}

/// The node's part.
#[derive(Default)]
pub struct Tracking {
    table: Mutex<Table>,
    /// Clients that track.
    clients: AtomicU32,
    /// Bytes of pushes that were not handed to the kernel yet, from when they are posted: eviction must not go on for the
    /// sake of what it has to tell.
    untold_bytes: AtomicI64,
    /// How often in a row it did not suffice to forget a number of keys.
    lagging: AtomicU32,
}

impl Tracking {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Clients that track.
    pub fn clients(&self) -> u32 {
        self.clients.load(Ordering::Relaxed)
    }

    /// Bytes of pushes on their way, about.
    pub fn untold_bytes(&self) -> u64 {
        self.untold_bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// A push became bytes of its client's output.
    pub fn was_written(&self, invalidation: &Invalidation, bytes: usize) {
        self.untold_bytes.fetch_add(bytes as i64 - invalidation.cost_bytes as i64, Ordering::Relaxed);
    }

    /// Output was handed to the kernel, or stays with a client that does not read.
    pub fn were_told(&self, bytes: usize) {
        self.untold_bytes.fetch_sub(bytes as i64, Ordering::Relaxed);
    }

    /// Beginnings of keys that somebody wants to hear of.
    pub fn prefixes(&self) -> usize {
        self.table().prefixes.len()
    }

    /// All of them.
    pub fn all_prefixes(&self) -> Arc<[Box<[u8]>]> {
        self.table().prefixes.keys().cloned().collect()
    }

    /// A client that gets invalidations for others is at `place` now.
    pub fn target_is_at(&self, id: u64, place: Place) {
        self.table().targets.insert(id, place);
    }

    /// A client that got invalidations for others is gone.
    pub fn target_is_gone(&self, id: u64) {
        self.table().targets.remove(&id);
    }

    /// A client that may track speaks another version of the protocol.
    pub fn speaks(&self, id: u64, resp: Resp) {
        if let Some(source) = self.table().sources.get_mut(&id) {
            source.resp = resp;
        }
    }
}

/// What a client is told.
#[derive(Clone)]
enum What {
    /// An array of keys, or null for all, encoded.
    Keys(Arc<[u8]>),
    /// The client with this number, which was told so far, is gone.
    Broken(u64),
}

impl What {
    /// What one of those who are told keeps of it.
    fn bytes(&self) -> usize {
        match self {
            What::Keys(keys) => keys.len() / Arc::strong_count(keys).max(1),
            What::Broken(_) => 0,
        }
    }
}

/// A push for one client.
#[derive(Clone)]
pub struct Invalidation {
    /// Its token.
    pub to: u64,
    /// The client that tracks, if another one is told.
    instead_of: Option<u64>,
    what: What,
    /// Its share of what it keeps together with others.
    cost_bytes: usize,
}

impl Invalidation {
    /// Bytes that it keeps.
    pub fn bytes(&self) -> usize {
        if let What::Keys(keys) = &self.what { keys.len() } else { 0 }
    }

    /// Writes it as the client understands it, if it does.
    pub fn write(&self, out: &mut Vec<u8>, session: &Session) {
        let mut writer = ReplyWriter::new(out, session.resp);
        match &self.what {
            What::Keys(keys) if session.resp == Resp::V3 => {
                writer.push(2);
                writer.bulk(b"invalidate");
                writer.raw(keys);
            }
            What::Keys(keys) if self.instead_of.is_some() && session.subscriptions.is_some() => {
                writer.push(3);
                writer.bulk(b"message");
                writer.bulk(CHANNEL);
                writer.raw(keys);
            }
            What::Broken(target) if session.resp == Resp::V3 => {
                writer.push(2);
                writer.bulk(b"tracking-redir-broken");
                writer.int(*target as i64);
            }
            // There is no way to tell a client of RESP2 between its replies.
            What::Keys(_) | What::Broken(_) => {}
        }
    }
}

impl Table {
    /// Who is told what a source is to hear, and what: it may be that it cannot be told.
    fn address(&self, id: u64, source: &Source, what: What) -> (Place, Invalidation) {
        let cost_bytes = what.bytes() + size_of::<Post>();
        let push = |place: Place, instead_of, what| {
            (place, Invalidation { to: place.token, instead_of, what, cost_bytes })
        };
        if source.redirect == 0 {
            return push(source.place, None, what);
        }
        match self.targets.get(&source.redirect) {
            Some(&place) => push(place, Some(id), what),
            None => {
                source.broken.store(true, Ordering::Relaxed);
                push(source.place, None, What::Broken(source.redirect))
            }
        }
    }

    /// Leaves a post for whoever is to hear what concerns a source. What a client did itself it hears behind all else
    /// that its command leads to.
    fn tell(&self, node: &Node, has_own: &mut bool, thread: usize, by: u64, id: u64, what: What) {
        let Some(source) = self.sources.get(&id) else { return };
        let (place, invalidation) = self.address(id, source, what);
        node.tracking.untold_bytes.fetch_add(invalidation.cost_bytes as i64, Ordering::Relaxed);
        let post = Post::Invalidation(invalidation);
        if id == by {
            *has_own = true;
            node.threads[thread].posts.leave_late(place.thread, post);
        } else {
            *has_own |= place.thread == thread;
            leave(node, place.thread, thread, post);
        }
    }
}

fn array<'k>(keys: impl ExactSizeIterator<Item = &'k [u8]>) -> What {
    let mut bytes = Vec::new();
    let mut writer = ReplyWriter::new(&mut bytes, Resp::V3);
    writer.array(keys.len());
    keys.for_each(|key| writer.bulk(key));
    What::Keys(bytes.into())
}

/// A push could not be written: its client is gone, or about to be.
#[cold]
pub fn not_reached(node: &Node, thread: usize, invalidation: &Invalidation) {
    let Some(id) = invalidation.instead_of else { return };
    let table = node.tracking.table();
    let Some(source) = table.sources.get(&id).filter(|source| source.redirect != 0) else { return };
    let (place, invalidation) = match table.targets.get(&source.redirect) {
        // It was on its way from one thread to another, or there is another one now.
        Some(&place) if place.token != invalidation.to => {
            (place, Invalidation { to: place.token, ..invalidation.clone() })
        }
        _ => {
            source.broken.store(true, Ordering::Relaxed);
            let what = What::Broken(source.redirect);
            (
                source.place,
                Invalidation { to: source.place.token, instead_of: None, what, ..invalidation.clone() },
            )
        }
    };
    node.tracking.untold_bytes.fetch_add(invalidation.cost_bytes as i64, Ordering::Relaxed);
    leave(node, place.thread, thread, Post::Invalidation(invalidation));
}

/// Publishes what a unit noted of keys that clients track.
#[cold]
pub fn publish<'n>(
    node: &Node,
    local: &mut Local,
    thread: usize,
    by: By,
    notes: impl Iterator<Item = &'n Note>,
) {
    let table = node.tracking.table();
    for note in notes {
        match note {
            Note::Event(_) => {}
            Note::Changed(changed) => {
                if changed.broadcast {
                    // What a script does is, to those who do not want to hear of themselves, done by somebody else.
                    let author = if changed.on_its_own || by.in_script { 0 } else { by.client };
                    local.broadcasts.changed.insert(changed.key.clone(), author);
                }
                let mut encoded = None;
                for &id in &changed.readers {
                    let is_told = |source: &Source| !(source.broadcast || source.noloop && id == by.client);
                    if table.sources.get(&id).is_some_and(is_told) {
                        let what =
                            encoded.get_or_insert_with(|| array([&changed.key[..]].into_iter())).clone();
                        table.tell(node, &mut local.has_posts, thread, by.client, id, what);
                    }
                }
            }
            Note::Flushed => {
                for (&id, source) in &table.sources {
                    let null: &[u8] = if source.resp == Resp::V3 { b"_\r\n" } else { b"$-1\r\n" };
                    let what = What::Keys(null.into());
                    table.tell(node, &mut local.has_posts, thread, by.client, id, what);
                }
            }
        }
    }
}

/// Tells clients of the keys with some beginning that this thread has changed. Before replies are sent.
pub fn broadcast(node: &Node, local: &mut Local, thread: usize) {
    if local.broadcasts.changed.is_empty() {
        return;
    }
    let changed = std::mem::take(&mut local.broadcasts.changed);
    let table = node.tracking.table();
    for (prefix, clients) in &table.prefixes {
        let keys: Vec<(&[u8], u64)> = changed
            .range::<[u8], _>((Bound::Included(&prefix[..]), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, author)| (&key[..], *author))
            .collect();
        if keys.is_empty() {
            continue;
        }
        let all = array(keys.iter().map(|(key, _)| *key));
        for &id in clients {
            let Some(source) = table.sources.get(&id) else { continue };
            let what = if source.noloop && keys.iter().any(|(_, author)| *author == id) {
                let others: Vec<&[u8]> =
                    keys.iter().filter(|(_, author)| *author != id).map(|(key, _)| *key).collect();
                if others.is_empty() {
                    continue;
                }
                array(others.into_iter())
            } else {
                all.clone()
            };
            table.tell(node, &mut local.has_posts, thread, 0, id, what);
        }
    }
    if local.broadcasts.prefixes.len() != table.prefixes.len() {
        // Some that were added meanwhile were added under the gate, to all threads.
        local.broadcasts.prefixes = table.prefixes.keys().cloned().collect();
    }
}

/// A client begins to track, or tracks otherwise from now on. Under the gate; all threads must be told of new prefixes.
pub fn begin(node: &Node, id: u64, place: Place, resp: Resp, wish: &Wish) {
    let mut table = node.tracking.table();
    let broadcast = wish.mode == TrackingMode::Broadcast;
    for prefix in &wish.prefixes {
        table.prefixes.entry(prefix.clone()).or_default().insert(id);
    }
    let Wish { noloop, redirect, ref broken, .. } = *wish;
    let source = Source { place, redirect, broadcast, noloop, resp, broken: broken.clone() };
    if table.sources.insert(id, source).is_none() {
        node.tracking.clients.fetch_add(1, Ordering::Relaxed);
        node.keyspace.watchers.fetch_add(i64::from(broadcast), Ordering::Relaxed);
    }
}

/// A client tracks no more, or is gone. What is remembered of it stays until the keys change.
pub fn end(node: &Node, session: &mut Session) {
    let Some(wish) = session.tracking.take() else { return };
    session.settle_special();
    let id = session.id;
    let mut table = node.tracking.table();
    table.sources.remove(&id);
    for prefix in &wish.prefixes {
        if let Some(clients) = table.prefixes.get_mut(prefix) {
            clients.remove(&id);
            if clients.is_empty() {
                table.prefixes.remove(prefix);
            }
        }
    }
    node.tracking.clients.fetch_sub(1, Ordering::Relaxed);
    let broadcast = wish.mode == TrackingMode::Broadcast;
    node.keyspace.watchers.fetch_sub(i64::from(broadcast), Ordering::Relaxed);
}

/// Remembers the keys of a command that its client has read, whose shards are held.
#[cold]
pub fn remember(
    node: &'static Node,
    command: &Command,
    args: &Args<'_>,
    result: &commands::CommandResult,
    ctx: &mut Ctx<'_>,
) {
    let runs_again = matches!(result, Ok(Outcome::Aside | Outcome::Busy(_) | Outcome::NeedsGate));
    let remembers = ctx.session.tracking.as_ref().is_some_and(|tracking| tracking.remembers());
    if runs_again || !remembers || !command.has(Flags::READONLY) || command.has(Flags::PUBSUB) {
        return;
    }
    let client = ctx.session.id;
    for key in places(node, command, args) {
        ctx.space.track(key, client);
    }
}

/// Behind a command: `CLIENT CACHING` holds for the next command that is not CLIENT, or a whole transaction.
pub fn end_command(session: &mut Session, name: &str) {
    if session.multi.is_none()
        && !name.starts_with("client|")
        && let Some(tracking) = &mut session.tracking
    {
        tracking.caching = false;
    }
}

/// Whether more keys are remembered than `tracking-table-max-keys` allows.
pub fn is_full(node: &Node) -> bool {
    let most = node.settings.tracking_max_keys.load(Ordering::Relaxed);
    most > 0
        && node.keyspace.tracked.keys.load(Ordering::Relaxed) > most as i64
        && node.tracking.clients() > 0
}

/// Forgets keys until no more are remembered than is allowed, or it has forgotten many; who has read them is told.
#[cold]
pub fn make_room(node: &'static Node, state: &mut ThreadState, moment: &Moment) {
    let lagging = &node.tracking.lagging;
    for _ in 0..FORGOTTEN_AT_A_TIME.saturating_mul(lagging.load(Ordering::Relaxed).saturating_add(1)) {
        let ThreadState { local, rng, .. } = &mut *state;
        let tell = |local: &mut Local| commit(node, local, moment, By::NOBODY);
        if !node.keyspace.forget_one_tracked(local, rng.next_u64(), tell) || !is_full(node) {
            lagging.store(0, Ordering::Relaxed);
            return;
        }
    }
    lagging.fetch_add(1, Ordering::Relaxed);
}
