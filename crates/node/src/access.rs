//! Who may do what: the node's users, checks on the way of a command, and what a denial leaves behind.
//!
//! A connection holds its user (`Meta::user`), compiled. Users change under the gate only, and whoever changes one gives
//! the new form to all its connections before the gate opens ([`publish`]): so a check looks at nothing but its own
//! client. Clients whose user may do everything have no `is_restricted` in their session and never come here; others take
//! the short way to a command on one key as well, if their rules allow it ([`allows_plainly`]).

pub mod startup;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use acl::{AclLog, Call, Context, Denial, Event, Reason, User, Users};
use commands::{Args, CommandError, Session};

use crate::client::{Client, Clients, Meta};
use crate::commands::client::view::View;
use crate::ctx::NodeCtx;
use crate::mailbox::Mail;
use crate::node::Node;
use crate::pubsub::Kind;
use crate::registry::Command;

/// Access control of a node.
pub struct AccessControl {
    users: RwLock<Users>,
    log: Mutex<AclLog>,
    /// Denials by [`Reason`].
    denied: [AtomicU64; 5],
    /// Raised by every change of a user.
    generation: AtomicU64,
    /// Whoever connects acts as the default user at once.
    is_open: AtomicBool,
    /// The default user needs no password.
    no_password: AtomicBool,
    /// `acl-pubsub-default allchannels`.
    pub all_channels: AtomicBool,
    /// `acllog-max-len`.
    pub log_max: AtomicU64,
}

impl Default for AccessControl {
    fn default() -> Self {
        AccessControl {
            users: Default::default(),
            log: Default::default(),
            denied: Default::default(),
            generation: AtomicU64::new(0),
            is_open: AtomicBool::new(true),
            no_password: AtomicBool::new(true),
            all_channels: AtomicBool::new(false),
            log_max: AtomicU64::new(128),
        }
    }
}

impl AccessControl {
    /// The users.
    pub fn users(&self) -> RwLockReadGuard<'_, Users> {
        self.users.read().unwrap_or_else(|e| e.into_inner())
    }

    /// The users, to be changed: under the gate, or before any thread runs. [`AccessControl::settle`] follows.
    pub fn users_mut(&self) -> RwLockWriteGuard<'_, Users> {
        self.users.write().unwrap_or_else(|e| e.into_inner())
    }

    /// The log of denials.
    pub fn log(&self) -> MutexGuard<'_, AclLog> {
        self.log.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// After a change of users.
    pub fn settle(&self) {
        let default = self.users().default_user().clone();
        self.no_password.store(default.has_no_password(), Relaxed);
        self.is_open.store(default.has_no_password() && default.is_enabled(), Relaxed);
        self.generation.fetch_add(1, Relaxed);
    }

    /// Whether clients need not authenticate.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Relaxed)
    }

    /// Whether the default user needs no password.
    pub fn no_password(&self) -> bool {
        self.no_password.load(Relaxed)
    }

    /// How many users there have been, so to say: it tells whether a user held for long may be out of date.
    pub fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// The user a new connection acts as, and whether it need not authenticate.
    pub fn for_new_client(&self) -> (Arc<User>, bool) {
        (self.users().default_user().clone(), self.is_open())
    }

    /// The user of a name with this password.
    pub fn log_in(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        let user = self.users().get(name)?.clone();
        user.accepts(password).then_some(user)
    }

    /// Denials for a reason so far.
    pub fn denials(&self, reason: Reason) -> u64 {
        self.denied[reason as usize].load(Relaxed)
    }

    /// `CONFIG RESETSTAT`.
    pub fn reset_statistics(&self) {
        self.denied.iter().for_each(|count| count.store(0, Relaxed));
    }

    /// Counts a denial and puts it into the log.
    fn note(
        &self,
        reason: Reason,
        context: Context,
        object: &[u8],
        user: &[u8],
        client: Vec<u8>,
        now_ms: i64,
    ) {
        self.denied[reason as usize].fetch_add(1, Relaxed);
        let event = Event { reason, context, object: object.into(), username: user.into(), client };
        self.log().add(event, now_ms, self.log_max.load(Relaxed) as usize);
    }
}

/// Makes a connection act as a user.
pub fn act_as(session: &mut Session, meta: &mut Meta, user: &Arc<User>) {
    session.is_restricted = !user.is_unrestricted();
    meta.user = user.clone();
}

/// Whether `user` may run a command in database `db`. No trace is left.
pub fn check(node: &Node, user: &User, command: &Command, args: &Args<'_>, db: u16) -> Result<(), Denial> {
    let databases = node.keyspace.databases();
    user.check(&Call { id: command.acl, args, db, databases })
}

/// Whether a restricted client may run a command on one key that SORT's rules do not concern. No trace is left.
#[inline]
pub fn allows_plainly(node: &Node, client: &Client, command: &Command, args: &Args<'_>) -> bool {
    check(node, &client.meta.user, command, args, client.session.db).is_ok()
        && !matches!(command.facts.name, "sort" | "sort_ro")
}

/// **The check of a command of a client**, wherever it comes from: directly, from a transaction, or from a script. A
/// denial is counted and logged; its text is behind `NOPERM `.
pub fn check_command(
    node: &Node,
    client: &Client,
    command: &Command,
    args: &Args<'_>,
    context: Context,
    now_ms: i64,
) -> Result<(), Denial> {
    if !client.session.is_restricted {
        return Ok(());
    }
    let queued_for = client.session.multi.as_ref().and_then(|multi| multi.db);
    let db = queued_for.unwrap_or(client.session.db);
    let denial = check(node, &client.meta.user, command, args, db);
    if let Err(denial) = &denial {
        note_denial(node, client, command, args, denial, context, now_ms);
    }
    denial
}

/// Counts and logs what was denied to a client.
#[cold]
pub fn note_denial(
    node: &Node,
    client: &Client,
    command: &Command,
    args: &Args<'_>,
    denial: &Denial,
    context: Context,
    now_ms: i64,
) {
    let object = match denial.at {
        0 => command.facts.name.as_bytes(),
        at => args.try_get(at).unwrap_or_default(),
    };
    let mut line = Vec::new();
    View::of_running(client, args).write_line(&mut line, node, now_ms);
    line.pop();
    node.access.note(denial.reason, context, object, &client.meta.user.name, line, now_ms);
}

/// The error of a denial.
pub fn refusal(client: &Client, command: &Command, denial: &Denial) -> CommandError {
    CommandError::owned([b"NOPERM ", denial.text(&client.meta.user, command.facts).as_slice()].concat())
}

/// What EXEC answers for a command that was allowed when it was queued.
pub fn refusal_at_exec(denial: &Denial) -> CommandError {
    let reason = match denial.reason {
        Reason::Command => "no permission to execute the command or subcommand",
        Reason::Key => "no permission to touch the specified keys",
        Reason::Channel => "no permission to access one of the channels used as arguments",
        Reason::Database | Reason::Auth => "no permission",
    };
    CommandError::owned(format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
         is no longer allowed for the following reason: {reason}"
    ))
}

/// SORT looks at keys that only its patterns name: whoever gives it some must be allowed to read all keys.
pub fn check_sort(
    node: &Node,
    client: &Client,
    command: &Command,
    args: &Args<'_>,
) -> Result<(), CommandError> {
    let pattern = |i: usize, word: &str| args.is(i, word) && i + 1 < args.len();
    let mut at = 2;
    let denied = loop {
        if at >= args.len() {
            return Ok(());
        } else if ["ASC", "DESC", "ALPHA"].iter().any(|word| args.is(at, word)) {
            at += 1;
        } else if args.is(at, "LIMIT") && at + 2 < args.len() {
            // A wrong number is found before a pattern behind it.
            let is_number = |i: usize| wire::number::parse_i64(args.get(i)).is_some();
            if !is_number(at + 1) || !is_number(at + 2) {
                return Ok(());
            }
            at += 3;
        } else if pattern(at, "BY") && !args.get(at + 1).contains(&b'*') {
            at += 2;
        } else if pattern(at, "BY") {
            break "BY";
        } else if pattern(at, "GET") {
            break "GET";
        } else if pattern(at, "STORE") && command.facts.name == "sort" {
            at += 2;
        } else {
            return Ok(());
        }
    };
    let databases = node.keyspace.databases();
    let call = Call { id: command.acl, args, db: client.session.db, databases };
    if client.meta.user.check_with_all_keys(&call, acl::Access::READ) {
        return Ok(());
    }
    Err(CommandError::owned(format!(
        "ERR {denied} option of SORT denied due to insufficient ACL permissions."
    )))
}

/// Counts and logs a login that failed; `command` is its name as the client wrote it.
#[cold]
pub fn note_failed_login(ctx: &NodeCtx<'_>, args: &Args<'_>, user: &[u8]) {
    let in_transaction = ctx.data.session.executing.is_some();
    let context = if in_transaction { Context::Multi } else { Context::TopLevel };
    let now_ms = ctx.data.space.now_ms;
    let mut line = Vec::new();
    View::of_asking(ctx, args).write_line(&mut line, ctx.node, now_ms);
    line.pop();
    ctx.node.access.note(Reason::Auth, context, args.get(0), user, line, now_ms);
}

/// What becomes of a connection when users change.
enum Fate {
    /// It does not concern it.
    Stays,
    /// It acts as this from now on.
    ActsAs(Arc<User>),
    /// It ends.
    Ends,
}

/// After users changed from `before`: gives every connection its user's new form, ends those whose user is gone and
/// those that listen to channels their user may no longer. Under the gate. O(connections).
pub fn publish(ctx: &mut NodeCtx<'_>, before: &Users) {
    let node = ctx.node;
    node.access.settle();
    let users = node.access.users().clone();
    let fate = |session: &Session, meta: &Meta| {
        let Some(new) = users.get(&meta.user.name) else { return Fate::Ends };
        if Arc::ptr_eq(new, &meta.user) {
            return Fate::Stays;
        }
        let old = before.get(&meta.user.name).unwrap_or(&meta.user);
        match acl::lost_channels(old, new) {
            Some(left) if listens_beyond(session, &left) => Fate::Ends,
            _ => Fate::ActsAs(new.clone()),
        }
    };
    let default = users.default_user();
    let apply = |clients: &mut Clients, thread: usize| {
        let mut marked = false;
        for client in clients.iter_mut() {
            match fate(&client.session, &client.meta) {
                Fate::Stays => {}
                Fate::ActsAs(user) => act_as(&mut client.session, &mut client.meta, &user),
                Fate::Ends => {
                    act_as(&mut client.session, &mut client.meta, default);
                    client.session.authenticated = false;
                    client.meta.killed = true;
                    crate::blocked::kill(node, client);
                    marked = true;
                }
            }
        }
        if marked {
            node.threads[thread].mailbox.send(Mail::CloseMarked);
        }
    };
    apply(ctx.clients, ctx.thread);
    for (thread, mut state) in ctx.other_threads() {
        apply(&mut state.clients, thread);
    }
    // The one that asks gets its reply first.
    match fate(ctx.data.session, ctx.meta) {
        Fate::Stays => {}
        Fate::ActsAs(user) => act_as(ctx.data.session, ctx.meta, &user),
        Fate::Ends => {
            act_as(ctx.data.session, ctx.meta, default);
            ctx.data.session.authenticated = false;
            ctx.data.session.close_after_reply = true;
        }
    }
}

/// Catches up on changes of a client's user that passed by while it was in no thread. `false` if the user is gone.
pub fn refresh(node: &Node, client: &mut Client) -> bool {
    let user = node.access.users().get(&client.meta.user.name).cloned();
    match user {
        Some(user) => {
            act_as(&mut client.session, &mut client.meta, &user);
            true
        }
        None => false,
    }
}

/// Whether a client listens to something that the channels it is left with do not cover.
fn listens_beyond(session: &Session, left: &[Box<[u8]>]) -> bool {
    let Some(subscribed) = &session.subscriptions else { return false };
    [Kind::Channel, Kind::Pattern, Kind::Shard].into_iter().any(|kind| {
        let is_pattern = kind == Kind::Pattern;
        subscribed.kinds[kind as usize].iter().any(|name| !acl::may_keep(left, name, is_pattern))
    })
}
