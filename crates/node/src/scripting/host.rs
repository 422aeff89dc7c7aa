//! `redis.call`: commands of a script run through the same bodies as a client's, inside the script's unit.

use std::sync::atomic::Ordering;
use std::time::Duration;

use commands::facts::Flags as CommandFlags;
use commands::{Args, CommandError, Outcome};
use keyspace::{Key, Locked};
use script::{Host, LogLevel};
use smallvec::SmallVec;
use wire::resp::Resp;
use wire::resp::parse::Span;

use super::Flags;
use super::store::Uses;
use crate::access;
use crate::client::Client;
use crate::commands::monitor;
use crate::dispatch::{Moment, account_in_unit, places, run_body, write_error};
use crate::log::{self, Level};
use crate::node::Node;
use crate::registry::{Command, Run};
use crate::state::ThreadState;

/// How often a shard that a script needs besides its own is tried before the script fails, if it may not wait for it.
const TRIES: u32 = 2000;
/// Looks at what waiting clients need: chains of moves need one per link.
const ROUNDS: u32 = 4;

/// A unit of work that a script does.
pub struct UnitHost<'a> {
    pub node: &'static Node,
    pub state: &'a mut ThreadState,
    pub client: &'a mut Client,
    pub moment: Moment,
    pub locked: Option<Locked<'static>>,
    pub flags: Flags,
    pub read_only: bool,
    /// Memory is short.
    pub is_full: bool,
    /// The unit has all shards to itself.
    pub gated: bool,
    /// It is being learned what the script uses.
    pub learns: bool,
    /// Meanwhile: shards of the declared keys and of those it used since.
    pub declared: SmallVec<[u32; 8]>,
    /// What it used.
    pub uses: Uses,
    /// It wrote.
    pub has_written: bool,
    /// It wrote, published or logged: it cannot begin anew.
    pub has_acted: bool,
    /// It must begin anew, under the gate.
    pub needs_gate: bool,
    /// It must begin anew when this shard is free.
    pub busy: Option<u32>,
    pub function: Option<&'a [u8]>,
    pub args: &'a Args<'a>,
    pub since_ns: u64,
    pub is_timed_out: bool,
    /// Commands so far.
    pub calls: u32,
}

fn too_late() -> Vec<u8> {
    b"ERR Script used keys that it did not declare after it had written, and they are busy; it will run alone from now on"
        .to_vec()
}

impl UnitHost<'_> {
    /// Why a command cannot run here.
    fn refusal(&mut self, number: Result<u16, CommandError>, args: &Args<'_>) -> Result<u16, Vec<u8>> {
        let number = match number {
            Ok(number) => number,
            Err(error) => {
                let text = error.bytes();
                let is_sub = text.starts_with(b"ERR unknown subcommand");
                let unknown = &b"ERR Unknown command called from script"[..];
                return Err(if is_sub { text.to_vec() } else { unknown.to_vec() });
            }
        };
        let command = self.node.registry.get(number);
        if !command.facts.accepts(args.len()) || matches!(command.run, Run::Container) {
            return Err(b"ERR Wrong number of args calling command from script".to_vec());
        }
        let is_denied =
            command.has(CommandFlags::NOSCRIPT) && !self.node.scripts.allow_all.load(Ordering::Relaxed);
        if is_denied || matches!(command.run, Run::Transaction | Run::Script) {
            return Err(b"ERR This Valkey command is not allowed from script".to_vec());
        }
        access::check_command(self.node, self.client, command, args, acl::Context::Lua, self.moment.now_ms)
            .map_err(|denial| {
            let reason = denial.text(&self.client.meta.user, command.facts);
            [b"ERR ACL failure in script: ", reason.as_slice()].concat()
        })?;
        let writes = command.has(CommandFlags::WRITE);
        if self.is_full && !self.has_written && !self.flags.allow_oom && command.has(CommandFlags::DENYOOM) {
            return Err(b"OOM command not allowed when used memory > 'maxmemory'.".to_vec());
        }
        if self.read_only && (writes || command.has(CommandFlags::MAY_REPLICATE)) {
            return Err(b"ERR Write commands are not allowed from read-only scripts.".to_vec());
        }
        if writes && self.moment.log_failed {
            return Err(b"MISCONF The effect log cannot be written (disk full?): writes are refused until it can. See \
                         the log."
                .to_vec());
        }
        Ok(number)
    }

    /// Whether the unit holds what the command needs. `Ok(false)`: it must begin anew.
    fn covers(&mut self, command: &Command, args: &Args<'_>) -> Result<bool, Vec<u8>> {
        let needs_all = command.gate
            || (!command.has_keys() && matches!(command.run, Run::Data(_)))
            || (matches!(command.facts.name, "sort" | "sort_ro") && commands::sort::needs_gate(args));
        if self.gated {
            if self.learns && self.uses < Uses::All {
                self.note_use(needs_all, command, args);
            }
            return Ok(true);
        }
        if needs_all {
            self.uses = Uses::All;
            return if self.has_acted { Err(too_late()) } else { self.give_up(None) };
        }
        if command.has_keys() {
            for key in places(self.node, command, args) {
                if !self.cover(key)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Under the gate: remembers what the command uses.
    fn note_use(&mut self, needs_all: bool, command: &Command, args: &Args<'_>) {
        if needs_all {
            self.uses = Uses::All;
            return;
        }
        if !command.has_keys() {
            return;
        }
        for key in places(self.node, command, args) {
            if !self.declared.contains(&key.shard) {
                self.declared.push(key.shard);
                self.uses = self.uses.max(self.others_now());
            }
        }
    }

    fn others_now(&self) -> Uses {
        if self.has_acted { Uses::OthersLater } else { Uses::OthersFirst }
    }

    /// Begins anew: when a shard is free if the unit holds none, or under the gate.
    fn give_up(&mut self, busy: Option<u32>) -> Result<bool, Vec<u8>> {
        self.busy = busy.filter(|_| self.locked.as_ref().is_some_and(Locked::is_empty));
        Ok(false)
    }

    /// Makes sure that the unit holds a key's shard, and what serving those who wait for the key takes. `Ok(false)`: it
    /// must begin anew.
    fn cover(&mut self, key: Key<'_>) -> Result<bool, Vec<u8>> {
        let Some(locked) = &mut self.locked else { return Ok(false) };
        if locked.holds(key.shard) {
            return Ok(true);
        }
        self.uses = self.uses.max(self.others_now());
        if !self.also_lock(key.shard) {
            return if self.has_acted { Err(too_late()) } else { self.give_up(Some(key.shard)) };
        }
        let keyspace = &self.node.keyspace;
        for _ in 0..ROUNDS {
            let Some(locked) = &self.locked else { return Ok(false) };
            if !locked.is_waited_for() {
                return Ok(true);
            }
            // Clients that cannot be served at the end of the unit are served later.
            let Ok(shards) = keyspace.shards_to_serve(locked, &[key], usize::MAX) else { break };
            if shards.iter().all(|&shard| locked.holds(shard)) {
                return Ok(true);
            }
            if !shards.iter().all(|&shard| self.also_lock(shard)) {
                break;
            }
        }
        if self.has_acted { Ok(true) } else { self.give_up(None) }
    }

    /// Adds a shard to the unit's. What a script did cannot be undone, so one that has written must go on: it waits for
    /// the shard, if it has the turn or can get it.
    fn also_lock(&mut self, shard: u32) -> bool {
        let node = self.node;
        for tries in 1u32.. {
            let Some(locked) = &mut self.locked else { return false };
            if locked.also_lock(&node.keyspace, shard) {
                return true;
            }
            if self.state.turn.is_none() {
                if !self.has_acted || tries > TRIES {
                    return false;
                }
                self.state.turn = node.scripts.turn.try_lock();
            }
            if node.is_stopping() {
                return false;
            }
            // Others hold a shard for microseconds, but for scripts that run for long.
            if tries.is_multiple_of(64) && node.scripts.is_busy() {
                crate::event_loop::serve_while_busy(self.state);
            }
            if tries < 1000 {
                std::thread::yield_now()
            } else {
                std::thread::sleep(Duration::from_micros(50))
            }
        }
        false
    }

    fn fail(&mut self, text: &[u8], reply: &mut Vec<u8>) -> bool {
        let from = self.client.out.len();
        write_error(self.state, self.client, text);
        reply.extend_from_slice(&self.client.out[from..]);
        self.client.out.truncate(from);
        true
    }
}

impl Host for UnitHost<'_> {
    fn call(&mut self, buffer: &[u8], spans: &[Span], resp3: bool, reply: &mut Vec<u8>) -> bool {
        // A script that does little between its commands is looked after here; the others, by their instructions.
        self.calls = self.calls.wrapping_add(1);
        if self.calls.is_multiple_of(256) && !super::run::tick(self) {
            return false;
        }
        let args = Args::new(buffer, spans);
        let found = self.node.registry.find(&args);
        let number = match self.refusal(found, &args) {
            Ok(number) => number,
            Err(text) => {
                if let Ok(number) = self.node.registry.find(&args) {
                    self.state.stats.commands[usize::from(number)].rejected += 1;
                }
                return self.fail(&text, reply);
            }
        };
        let node = self.node;
        let command = node.registry.get(number);
        match self.covers(command, &args) {
            Ok(true) => {}
            Ok(false) => {
                self.needs_gate = self.busy.is_none();
                return false;
            }
            Err(text) => return self.fail(&text, reply),
        }
        let Some(locked) = self.locked.take() else { return false };
        self.has_acted |= command.has(CommandFlags::WRITE) || command.has(CommandFlags::MAY_REPLICATE);
        if command.has(CommandFlags::WRITE) && !self.has_written {
            self.has_written = true;
            if self.is_timed_out {
                node.scripts.has_written.store(true, Ordering::Relaxed);
            }
        }
        if self.moment.monitored {
            let thread = self.moment.thread;
            monitor::show_script(node, self.state, thread, number, &args, self.client, true);
        }
        let was = std::mem::replace(&mut self.client.session.resp, if resp3 { Resp::V3 } else { Resp::V2 });
        let from = self.client.out.len();
        let (result, locked) =
            run_body(node, self.state, number, &args, None, &self.moment, locked, self.client);
        self.locked = Some(locked);
        let error = match result {
            Ok(Outcome::Done) => None,
            Ok(Outcome::Worker(job)) => {
                self.client.out.extend_from_slice(&job());
                None
            }
            Ok(_) => Some(CommandError::text("ERR This Valkey command is not allowed from script")),
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            self.state.stats.commands[usize::from(number)].failed += 1;
            self.client.out.truncate(from);
            write_error(self.state, self.client, &error.bytes());
        }
        account_in_unit(node, self.state, number, &args, &self.moment, self.client, from, 0);
        self.client.session.resp = was;
        reply.extend_from_slice(&self.client.out[from..]);
        self.client.out.truncate(from);
        if command.gate {
            self.moment = self.moment.refreshed(node, self.state);
        }
        true
    }

    fn may_call(&mut self, buffer: &[u8], spans: &[Span]) -> Option<bool> {
        let args = Args::new(buffer, spans);
        let command = self.node.registry.get(self.node.registry.find(&args).ok()?);
        let db = self.client.session.db;
        Some(access::check(self.node, &self.client.meta.user, command, &args, db).is_ok())
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        self.has_acted = true;
        log(level, text);
    }

    fn tick(&mut self) -> bool {
        super::run::tick(self)
    }

    fn set_repl(&mut self, _: i32) {}
}

/// `redis.log`.
pub fn log(level: LogLevel, text: &[u8]) {
    let level = match level {
        LogLevel::Debug => Level::Debug,
        LogLevel::Verbose => Level::Verbose,
        LogLevel::Notice => Level::Notice,
        LogLevel::Warning => Level::Warning,
    };
    log::write(level, &String::from_utf8_lossy(text));
}
