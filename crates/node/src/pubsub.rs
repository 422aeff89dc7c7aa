//! Who listens to which channels, and how messages reach them.
//!
//! One table for the node says which threads have listeners of a channel or pattern and how many; each thread knows
//! which of its clients they are. PUBLISH encodes a message once and leaves one *post* per thread that has listeners,
//! its own included; each thread writes to its own clients. The table's lock is held while a message is posted, so all
//! threads get all messages in one order. A thread takes its posts after each command that left some, and each tick.
//!
//! **Invariant:** who subscribes or unsubscribes first takes what was posted before, under the lock: a confirmation
//! stands behind all messages published before it and before all that come later.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use commands::Session;
use commands::session::ReplyMode;
use keyspace::notify::{BY_EVENT, BY_KEY, Event};
use smallvec::SmallVec;
use wire::resp::{ReplyWriter, Resp};

use crate::client::{Client, Clients, Waiting};
use crate::node::Node;
use crate::state::ThreadState;
use crate::tracking::Invalidation;

/// Bytes of messages that wait in a thread's letter box before publishers wait for it.
const POSTED_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What clients subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Channels.
    Channel = 0,
    /// Patterns of channels.
    Pattern = 1,
    /// Shard channels.
    Shard = 2,
}

impl Kind {
    /// The first word of the messages that its subscribers get, as a bulk string.
    fn word(self) -> &'static [u8] {
        match self {
            Kind::Channel => b"$7\r\nmessage\r\n",
            Kind::Pattern => b"$8\r\npmessage\r\n",
            Kind::Shard => b"$8\r\nsmessage\r\n",
        }
    }
}

/// Threads with listeners of one channel, and how many each has.
type Audience = SmallVec<[(u16, u32); 2]>;

/// Something for a thread's listeners.
#[derive(Clone)]
pub enum Post {
    /// A message.
    Message {
        /// `Kind::Shard`, or `Kind::Channel` for the listeners of `patterns`, too.
        kind: Kind,
        /// Where it was published.
        channel: Arc<[u8]>,
        /// Channel and message as bulk strings.
        tail: Arc<[u8]>,
        /// The patterns that match.
        patterns: Option<Arc<[Arc<[u8]>]>>,
    },
    /// A line for clients that watch commands, as a simple string.
    Monitor(Arc<[u8]>),
    /// For one client: keys of which it, or a client on whose behalf it listens, has copies have changed.
    Invalidation(Invalidation),
}

impl Post {
    fn bytes(&self) -> usize {
        match self {
            Post::Message { tail, .. } => tail.len() + size_of::<Post>(),
            Post::Monitor(line) => line.len() + size_of::<Post>(),
            Post::Invalidation(invalidation) => invalidation.bytes() + size_of::<Post>(),
        }
    }
}

#[derive(Default)]
struct Posted {
    posts: Vec<Post>,
    bytes: usize,
    /// How many were taken before those.
    taken: u64,
}

/// A thread's letter box for posts.
#[derive(Default)]
pub struct PostBox {
    posted: Mutex<Posted>,
    waiting: AtomicBool,
    /// What the thread leaves for others, or itself, once the command under way has ended.
    late: Mutex<Vec<(usize, Post)>>,
    has_late: AtomicBool,
}

impl PostBox {
    /// Leaves a post; `true` when the box was empty.
    fn leave(&self, post: Post) -> bool {
        let mut posted = self.posted.lock().unwrap_or_else(|e| e.into_inner());
        posted.bytes += post.bytes();
        posted.posts.push(post);
        self.waiting.store(true, Ordering::Release);
        posted.posts.len() == 1
    }

    /// All posts, and how many were taken before.
    fn take(&self) -> (u64, Vec<Post>) {
        if !self.waiting.load(Ordering::Acquire) {
            return (0, Vec::new());
        }
        let mut posted = self.posted.lock().unwrap_or_else(|e| e.into_inner());
        self.waiting.store(false, Ordering::Relaxed);
        let posts = std::mem::take(&mut posted.posts);
        let before = posted.taken;
        posted.taken += posts.len() as u64;
        posted.bytes = 0;
        (before, posts)
    }

    /// How many posts were left so far.
    pub fn count(&self) -> u64 {
        let posted = self.posted.lock().unwrap_or_else(|e| e.into_inner());
        posted.taken + posted.posts.len() as u64
    }

    /// Keeps a post for thread `to` until the command that this thread runs has ended, and all it posted.
    pub fn leave_late(&self, to: usize, post: Post) {
        self.late.lock().unwrap_or_else(|e| e.into_inner()).push((to, post));
        self.has_late.store(true, Ordering::Relaxed);
    }

    fn take_late(&self) -> Vec<(usize, Post)> {
        if !self.has_late.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.has_late.store(false, Ordering::Relaxed);
        std::mem::take(&mut self.late.lock().unwrap_or_else(|e| e.into_inner()))
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
            && self.posted.lock().unwrap_or_else(|e| e.into_inner()).bytes > POSTED_MAX_BYTES
    }
}

/// The node's table: channels, patterns and shard channels that somebody listens to.
#[derive(Default)]
pub struct Table {
    kinds: [HashMap<Arc<[u8]>, Audience>; 3],
}

impl Table {
    /// Names of a kind that somebody listens to.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &[u8]> {
        self.kinds[kind as usize].keys().map(|name| &name[..])
    }

    /// How many names of a kind somebody listens to.
    pub fn len(&self, kind: Kind) -> usize {
        self.kinds[kind as usize].len()
    }

    /// How many clients listen to a name.
    pub fn listeners(&self, kind: Kind, name: &[u8]) -> u64 {
        let audience = self.kinds[kind as usize].get(name);
        audience.map_or(0, |audience| audience.iter().map(|(_, count)| u64::from(*count)).sum())
    }

    /// Adds a listener of a thread. Returns the name as the table holds it.
    fn add(&mut self, kind: Kind, name: &[u8], thread: usize) -> Arc<[u8]> {
        let names = &mut self.kinds[kind as usize];
        let name = match names.get_key_value(name) {
            Some((name, _)) => name.clone(),
            None => Arc::from(name),
        };
        let audience = names.entry(name.clone()).or_default();
        match audience.iter_mut().find(|(number, _)| usize::from(*number) == thread) {
            Some((_, count)) => *count += 1,
            None => audience.push((thread as u16, 1)),
        }
        name
    }

    fn remove(&mut self, kind: Kind, name: &[u8], thread: usize) {
        let names = &mut self.kinds[kind as usize];
        let Some(audience) = names.get_mut(name) else { return };
        if let Some(at) = audience.iter().position(|(number, _)| usize::from(*number) == thread) {
            audience[at].1 -= 1;
            if audience[at].1 == 0 {
                audience.swap_remove(at);
            }
        }
        if audience.is_empty() {
            names.remove(name);
        }
    }
}

/// The node's part.
#[derive(Default)]
pub struct PubSub {
    table: Mutex<Table>,
    /// Clients that watch commands, in all threads.
    pub monitors: AtomicUsize,
}

impl PubSub {
    /// The table. No other lock is taken under it but that of a post box, and that of `crate::tracking`.
    pub fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A thread's part: its listeners, by token.
#[derive(Default)]
pub struct Listeners {
    kinds: [HashMap<Arc<[u8]>, Vec<u64>>; 3],
    /// Its clients that watch commands.
    monitors: Vec<u64>,
    /// Clients that got something, by slot.
    pub touched: Vec<u32>,
    /// Bytes of invalidations that were written since output was sent last.
    pub untold_bytes: usize,
    /// Posts for clients whose command was under way elsewhere on the stack.
    kept: Vec<(u64, Post)>,
    /// Clients with pushes that wait until it is clear what becomes of a command that waits for keys.
    pub unsettled: Vec<u64>,
}

/// A client whose command is under way: it is not among its thread's other clients.
pub struct Asking<'a> {
    /// Its token.
    pub token: u64,
    /// Its session.
    pub session: &'a mut Session,
    /// Its replies.
    pub out: &'a mut Vec<u8>,
}

/// Leaves a post for a thread. Under the table's lock, so that all threads have one order.
pub fn leave(node: &Node, to: usize, from: usize, post: Post) {
    if node.threads[to].posts.leave(post) && to != from {
        node.threads[to].mailbox.waker().wake();
    }
}

/// Whether some thread lags so far behind that whoever publishes should wait.
pub fn is_full(node: &Node) -> bool {
    node.threads.iter().any(|thread| thread.posts.is_full())
}

/// Publishes a message from thread `thread`; returns how many clients get it (one with several matching patterns
/// counts as often). `has_own` becomes true if clients of the thread itself are among them. O(patterns + threads).
pub fn publish(
    node: &Node,
    has_own: &mut bool,
    thread: usize,
    kind: Kind,
    channel: &[u8],
    message: &[u8],
) -> u64 {
    let table = node.pubsub.table();
    publish_to(&table, node, has_own, thread, kind, channel, message)
}

/// Publishes what happened to keys, as `mask` says: to the keys' channels, to the events', or both. In one go, so that
/// nobody's messages come between.
#[cold]
pub fn publish_events<'e>(
    node: &Node,
    has_own: &mut bool,
    thread: usize,
    mask: u32,
    events: impl Iterator<Item = &'e Event>,
) {
    let table = node.pubsub.table();
    if table.len(Kind::Channel) + table.len(Kind::Pattern) == 0 {
        return;
    }
    let mut channel = Vec::new();
    for Event { name, db, key, .. } in events {
        let mut send = |prefix: &str, to: &[u8], message: &[u8]| {
            channel.clear();
            channel.extend_from_slice(format!("__{prefix}@{db}__:").as_bytes());
            channel.extend_from_slice(to);
            publish_to(&table, node, has_own, thread, Kind::Channel, &channel, message);
        };
        if mask & BY_KEY != 0 {
            send("keyspace", key, name.as_bytes());
        }
        if mask & BY_EVENT != 0 {
            send("keyevent", name.as_bytes(), key);
        }
    }
}

fn publish_to(
    table: &Table,
    node: &Node,
    has_own: &mut bool,
    thread: usize,
    kind: Kind,
    channel: &[u8],
    message: &[u8],
) -> u64 {
    let audience = table.kinds[kind as usize].get_key_value(channel);
    let mut threads: Audience = audience.map(|(_, audience)| audience.clone()).unwrap_or_default();
    let mut count: u64 = threads.iter().map(|(_, count)| u64::from(*count)).sum();
    let mut patterns: Vec<Arc<[u8]>> = Vec::new();
    if kind == Kind::Channel {
        for (pattern, audience) in &table.kinds[Kind::Pattern as usize] {
            if !wire::glob::matches(pattern, channel, false) {
                continue;
            }
            patterns.push(pattern.clone());
            for &(number, listeners) in audience {
                count += u64::from(listeners);
                if threads.iter().all(|(known, _)| *known != number) {
                    threads.push((number, listeners));
                }
            }
        }
    }
    if threads.is_empty() {
        return 0;
    }
    let channel = audience.map_or_else(|| Arc::from(channel), |(name, _)| name.clone());
    let mut tail = Vec::with_capacity(channel.len() + message.len() + 32);
    let mut writer = ReplyWriter::new(&mut tail, Resp::V2);
    writer.bulk(&channel);
    writer.bulk(message);
    let post = Post::Message {
        kind,
        channel,
        tail: tail.into(),
        patterns: (!patterns.is_empty()).then(|| patterns.into()),
    };
    for (number, _) in &threads {
        *has_own |= usize::from(*number) == thread;
        leave(node, usize::from(*number), thread, post.clone());
    }
    count
}

/// Shows a line to all clients that watch commands.
pub fn monitor(node: &Node, has_own: &mut bool, thread: usize, line: Vec<u8>) {
    let post = Post::Monitor(line.into());
    let table = node.pubsub.table();
    for number in 0..node.threads.len() {
        *has_own |= number == thread;
        leave(node, number, thread, post.clone());
    }
    drop(table);
}

/// Writes what was posted to this thread to its clients, and to the one whose command is under way.
pub fn deliver(
    node: &Node,
    thread: usize,
    own: &mut Listeners,
    clients: &mut Clients,
    mut asking: Option<&mut Asking<'_>>,
) {
    for (token, post) in std::mem::take(&mut own.kept) {
        deliver_one(node, thread, own, clients, &mut asking, &post, 0, Some(token));
    }
    loop {
        let (before, posts) = node.threads[thread].posts.take();
        if posts.is_empty() {
            return;
        }
        for (number, post) in (before..).zip(&posts) {
            deliver_one(node, thread, own, clients, &mut asking, post, number, None);
        }
    }
}

/// Writes one post, the thread's `number`th, to those it is for, or only to one of them.
#[allow(clippy::too_many_arguments)]
fn deliver_one(
    node: &Node,
    thread: usize,
    own: &mut Listeners,
    clients: &mut Clients,
    asking: &mut Option<&mut Asking<'_>>,
    post: &Post,
    number: u64,
    only: Option<u64>,
) {
    let Listeners { kinds, monitors, touched, kept, unsettled, .. } = own;
    let kept_before = kept.len();
    let mut to = |token: u64, write: &dyn Fn(&mut Vec<u8>, &Session)| {
        if only.is_some_and(|only| only != token) {
            return true;
        }
        if let Some(asking) = asking.as_deref_mut().filter(|asking| asking.token == token) {
            let held_back = asking.session.executing.is_some() || asking.session.reply_mode != ReplyMode::On;
            if held_back {
                write_later(asking.session, write);
            } else {
                write(asking.out, asking.session);
            }
            return true;
        }
        let Some(slot) = clients.slot_of(token) else {
            let is_away = clients.is_away(token);
            if is_away {
                kept.push((token, post.clone()));
            }
            return is_away;
        };
        let Some(client) = clients.get_mut(slot) else { return false };
        let number = matches!(post, Post::Invalidation(_)).then_some(number);
        match write_push(client, number, write) {
            Push::Written => touched.push(slot),
            Push::Unsettled => unsettled.push(token),
            Push::Gone => return false,
        }
        true
    };
    match post {
        Post::Monitor(line) => {
            for &token in monitors.iter() {
                to(token, &|out, _| out.extend_from_slice(line));
            }
        }
        Post::Message { kind, channel, tail, patterns } => {
            for &token in kinds[*kind as usize].get(channel).into_iter().flatten() {
                to(token, &|out, session| {
                    ReplyWriter::new(out, session.resp).push(3);
                    out.extend_from_slice(kind.word());
                    out.extend_from_slice(tail);
                });
            }
            for pattern in patterns.iter().flat_map(|patterns| patterns.iter()) {
                for &token in kinds[Kind::Pattern as usize].get(pattern).into_iter().flatten() {
                    to(token, &|out, session| {
                        let mut writer = ReplyWriter::new(out, session.resp);
                        writer.push(4);
                        writer.raw(Kind::Pattern.word());
                        writer.bulk(pattern);
                        writer.raw(tail);
                    });
                }
            }
        }
        Post::Invalidation(invalidation) => {
            let written = std::cell::Cell::new(0);
            let reached = to(invalidation.to, &|out, session| {
                let from = out.len();
                invalidation.write(out, session);
                written.set(out.len() - from);
            });
            if kept.len() == kept_before {
                own.untold_bytes += written.get();
                node.tracking.was_written(invalidation, written.get());
            }
            if !reached {
                crate::tracking::not_reached(node, thread, invalidation);
            }
        }
    }
}

/// What became of a push.
enum Push {
    Written,
    /// It waits until it is clear whether the client's command has been served.
    Unsettled,
    /// The client gets nothing any more.
    Gone,
}

fn write_later(session: &mut Session, write: &dyn Fn(&mut Vec<u8>, &Session)) {
    let mut pushes = session.pushes.take().unwrap_or_default();
    write(&mut pushes, session);
    session.pushes = Some(pushes);
}

/// Writes something between the replies of a client; behind the present one, if that comes in slices or is on its way
/// from elsewhere. A post with a `number` may not overtake a reply that was made before it.
fn write_push(client: &mut Client, number: Option<u64>, write: &dyn Fn(&mut Vec<u8>, &Session)) -> Push {
    if client.meta.killed || client.gone || client.session.close_after_reply {
        return Push::Gone;
    }
    match &client.waiting {
        Waiting::Slices(_) | Waiting::Worker => {
            write_later(&mut client.session, write);
            Push::Written
        }
        Waiting::Blocked(blocked)
            if number.is_some_and(|number| blocked.is_served_before(number))
                || (client.session.pushes.is_some() && !blocked.ticket.is_waiting()) =>
        {
            write_later(&mut client.session, write);
            Push::Unsettled
        }
        _ => {
            client.write_pushes();
            write(&mut client.out, &client.session);
            Push::Written
        }
    }
}

/// Writes the pushes of clients whose command was not served after all.
fn settle_pushes(own: &mut Listeners, clients: &mut Clients) {
    for token in std::mem::take(&mut own.unsettled) {
        let Some(slot) = clients.slot_of(token) else { continue };
        let Some(client) = clients.get_mut(slot) else { continue };
        match &client.waiting {
            Waiting::Blocked(blocked) if blocked.ticket.is_waiting() => {
                client.write_pushes();
                own.touched.push(slot);
            }
            Waiting::Blocked(_) => own.unsettled.push(token),
            _ => {}
        }
    }
}

/// Begins (`true`) or ends a subscription of the asking client. Returns whether anything changed.
#[allow(clippy::too_many_arguments)]
pub fn change(
    node: &Node,
    thread: usize,
    own: &mut Listeners,
    clients: &mut Clients,
    asking: &mut Asking<'_>,
    kind: Kind,
    name: &[u8],
    begin: bool,
) -> bool {
    let mut table = node.pubsub.table();
    deliver(node, thread, own, clients, Some(asking));
    let token = asking.token;
    if begin {
        let subscribed = asking.session.subscriptions.get_or_insert_default();
        if subscribed.kinds[kind as usize].contains(name) {
            return false;
        }
        let name = table.add(kind, name, thread);
        subscribed.kinds[kind as usize].insert(name.clone());
        asking.session.is_special = true;
        own.kinds[kind as usize].entry(name).or_default().push(token);
        return true;
    }
    let Some(subscribed) = &mut asking.session.subscriptions else { return false };
    if !subscribed.kinds[kind as usize].remove(name) {
        return false;
    }
    if subscribed.is_empty() {
        asking.session.subscriptions = None;
        asking.session.settle_special();
    }
    table.remove(kind, name, thread);
    own.forget(kind, name, token);
    true
}

impl Listeners {
    fn forget(&mut self, kind: Kind, name: &[u8], token: u64) {
        let Some(tokens) = self.kinds[kind as usize].get_mut(name) else { return };
        if let Some(at) = tokens.iter().position(|known| *known == token) {
            // Not `swap_remove`: who subscribed first hears first.
            tokens.remove(at);
        }
        if tokens.is_empty() {
            self.kinds[kind as usize].remove(name);
        }
    }

    /// The client watches commands from now on.
    pub fn add_monitor(&mut self, node: &Node, token: u64) {
        node.pubsub.monitors.fetch_add(1, Ordering::Relaxed);
        self.monitors.push(token);
    }
}

/// Ends everything that a client listens to: it leaves, or begins anew.
pub fn end_all(node: &Node, thread: usize, own: &mut Listeners, token: u64, session: &mut Session) {
    if let Some(subscribed) = session.subscriptions.take() {
        let mut table = node.pubsub.table();
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in &subscribed.kinds[kind as usize] {
                table.remove(kind, name, thread);
                own.forget(kind, name, token);
            }
        }
    }
    if std::mem::take(&mut session.is_monitor) {
        own.monitors.retain(|known| *known != token);
        node.pubsub.monitors.fetch_sub(1, Ordering::Relaxed);
    }
    session.settle_special();
}

/// Writes what was posted to this thread. After a command that posted something, and each tick.
pub fn deliver_all(node: &Node, state: &mut ThreadState, thread: usize) {
    state.local.has_posts = false;
    for (to, post) in node.threads[thread].posts.take_late() {
        leave(node, to, thread, post);
    }
    deliver(node, thread, &mut state.listeners, &mut state.clients, None);
    if !state.listeners.unsettled.is_empty() {
        settle_pushes(&mut state.listeners, &mut state.clients);
    }
}
