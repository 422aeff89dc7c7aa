//! One connection as CLIENT LIST shows it: a line of `name=value` fields in a fixed order.
//!
//! Fields: <https://valkey.io/commands/client-list/>. Fields about things this node does not have (channels, reply
//! lists) hold what they hold on a connection that does not use them.

use std::io::Write;

use commands::session::TrackingMode;
use commands::{Args, Session};
use wire::resp::Resp;

use crate::blocked::request;
use crate::client::{Client, LENT_BUFFER_BYTES, Meta, Waiting};
use crate::ctx::{BufferSizes, NodeCtx};
use crate::node::Node;

/// A connection, wherever it lies.
pub struct View<'a> {
    /// What commands see of it.
    pub session: &'a Session,
    /// Addresses, times, counters.
    pub meta: &'a Meta,
    buffers: BufferSizes,
    argv_bytes: usize,
    /// Its arguments lie in the buffer that it has lent to its command.
    is_asking: bool,
    output_capacity: usize,
    is_blocked: bool,
    wants_write: bool,
    /// The command under way, or the last one.
    command: u16,
}

impl<'a> View<'a> {
    /// A client of some thread.
    pub fn of(client: &'a Client) -> Self {
        View {
            session: &client.session,
            meta: &client.meta,
            buffers: BufferSizes {
                // Arguments that came whole are no part of the query buffer any more.
                input: match client.parser.is_idle() {
                    true => client.input.len().saturating_sub(client.consumed),
                    false => client.parser.unparsed(client.input.len()),
                },
                input_free: client.input.capacity() - client.input.len(),
                output: client.unsent(),
                total: client.memory_bytes(),
            },
            argv_bytes: match &client.waiting {
                Waiting::Blocked(blocked) => request(&blocked.ticket).args.as_args().bytes(),
                _ if client.parser.is_idle() => 0,
                _ => client.parser.taken_bytes(),
            },
            is_asking: false,
            output_capacity: client.out.capacity(),
            is_blocked: matches!(client.waiting, Waiting::Worker | Waiting::Slices(_))
                || client.waiting.is_blocked(),
            wants_write: client.wants_write,
            command: client.meta.last_command,
        }
    }

    /// A client of this thread whose command is about to run.
    pub fn of_running(client: &'a Client, args: &Args<'_>) -> Self {
        View { argv_bytes: args.bytes(), is_asking: true, ..View::of(client) }
    }

    /// The client whose command runs, with that command's arguments.
    pub fn of_asking(ctx: &'a NodeCtx<'_>, args: &Args<'_>) -> Self {
        View {
            session: ctx.data.session,
            meta: ctx.meta,
            buffers: ctx.buffers,
            argv_bytes: args.bytes(),
            is_asking: true,
            output_capacity: ctx.data.reply.out.capacity(),
            is_blocked: false,
            wants_write: false,
            command: ctx.command,
        }
    }

    /// Seconds since the connection came.
    pub fn age_seconds(&self, now_ms: i64) -> i64 {
        (now_ms - self.meta.created_at_ms).max(0) / 1000
    }

    /// Seconds since the client said something.
    pub fn idle_seconds(&self, now_ms: i64) -> i64 {
        (now_ms - self.meta.active_at_ms).max(0) / 1000
    }

    /// The peer's address without its port.
    pub fn ip(&self) -> &'a str {
        let ip = self.meta.addr.rsplit_once(':').map_or(self.meta.addr.as_str(), |(ip, _)| ip);
        ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip)
    }

    /// The letters of `flags`, `N` when nothing is special.
    pub fn flags(&self) -> String {
        let watches_changed_key = self
            .session
            .watch
            .as_ref()
            .is_some_and(|watch| watch.dirty.load(std::sync::atomic::Ordering::Relaxed));
        let tracking = self.session.tracking.as_ref();
        let letters = [
            ('O', self.session.is_monitor),
            ('P', self.session.subscriptions.is_some()),
            ('x', self.session.multi.is_some() || self.session.executing.is_some()),
            ('b', self.is_blocked),
            ('t', tracking.is_some()),
            ('R', tracking.is_some_and(|tracking| tracking.is_broken())),
            ('B', tracking.is_some_and(|tracking| tracking.mode == TrackingMode::Broadcast)),
            ('d', watches_changed_key),
            ('c', self.session.close_after_reply),
            ('A', self.meta.killed),
            ('U', self.meta.is_unix),
            ('e', self.session.no_evict),
            ('T', self.session.no_touch),
            ('I', self.meta.is_import_source),
        ];
        let flags: String = letters.iter().filter(|(_, set)| *set).map(|(letter, _)| letter).collect();
        if flags.is_empty() { "N".to_owned() } else { flags }
    }

    /// The letters of `capa`.
    pub fn capa(&self) -> &'static str {
        if self.session.capa_redirect { "r" } else { "" }
    }

    /// Writes the line, newline included.
    pub fn write_line(&self, line: &mut Vec<u8>, node: &Node, now_ms: i64) {
        // Valkey's clients have one buffer of this size, and a list of such for what does not fit.
        const BUFFER_BYTES: usize = 16 * 1024;
        let (session, meta, buffers) = (self.session, self.meta, self.buffers);
        let is_dirty = session.watch.as_ref().is_some_and(|watch| watch.is_dirty());
        let (queued, queued_bytes) = match (&session.multi, session.executing) {
            // It cannot succeed any more: clients see its queue as dropped.
            (Some(_), _) if is_dirty => (0, 0),
            (Some(multi), _) => (multi.queue.len() as i64, multi.queue.bytes()),
            (None, Some((count, bytes))) => (count as i64, bytes),
            (None, None) => (if session.used_multi { 0 } else { -1 }, 0),
        };
        // Once a watched key changed there is nothing left to watch for.
        let watched = session.watch.as_ref().filter(|w| !w.is_dirty()).map_or(0, |watch| watch.keys.len());
        let command =
            if self.command == u16::MAX { "NULL" } else { node.registry.get(self.command).facts.name };
        let events = if self.wants_write { "rw" } else { "r" };
        let resp = if session.resp == Resp::V2 { 2 } else { 3 };
        let subscribed = |kind: usize| session.subscriptions.as_ref().map_or(0, |s| s.kinds[kind].len());
        let redirect = session.tracking.as_ref().map_or(-1, |tracking| tracking.redirect as i64);
        let listed = buffers.output.saturating_sub(BUFFER_BYTES);
        let listed_blocks = listed.div_ceil(BUFFER_BYTES);
        // Who has a command run has two of its thread's buffers for that time.
        let total = buffers.total + if self.is_asking { self.argv_bytes + LENT_BUFFER_BYTES } else { 0 };
        // Writing to memory does not fail.
        let _ = write!(
            line,
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} capa={} db={} sub={} psub={} ssub={} \
             multi={queued} watch={watched} qbuf={} qbuf-free={} argv-mem={} multi-mem={queued_bytes} rbs={} rbp={} \
             obl={} oll={listed_blocks} omem={listed} tot-mem={total} events={events} cmd={command} user={} redir={redirect} resp={resp} \
             lib-name={} lib-ver={} tot-net-in={} tot-net-out={} tot-cmds={}",
            session.id,
            meta.addr,
            meta.laddr,
            meta.fd,
            String::from_utf8_lossy(&session.name),
            self.age_seconds(now_ms),
            self.idle_seconds(now_ms),
            self.flags(),
            self.capa(),
            session.db,
            subscribed(0),
            subscribed(1),
            subscribed(2),
            buffers.input,
            buffers.input_free,
            self.argv_bytes,
            self.output_capacity,
            self.output_capacity,
            buffers.output - listed,
            String::from_utf8_lossy(&meta.user.name),
            String::from_utf8_lossy(&session.lib_name),
            String::from_utf8_lossy(&session.lib_ver),
            meta.net_in_bytes,
            meta.net_out_bytes,
            meta.commands,
        );
        line.push(b'\n');
    }
}
