//! `redis.call`: commands of a script run through the same bodies as a client's, inside the script's unit.

use std::sync::atomic::Ordering;

use commands::facts::Flags as CommandFlags;
use commands::{Args, CommandError, Outcome};
use keyspace::Locked;
use script::{Host, LogLevel};
use smallvec::SmallVec;
use wire::resp::Resp;
use wire::resp::parse::Span;

use super::Flags;
use crate::access;
use crate::client::Client;
use crate::commands::monitor;
use crate::dispatch::{Moment, account_in_unit, places, run_body, write_error};
use crate::log::{self, Level};
use crate::node::Node;
use crate::registry::{Command, Run};
use crate::state::ThreadState;

/// How often a shard that a script needs besides its own is tried before the script fails.
const TRIES: u32 = 2000;

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
    /// Shards of the declared keys; looked at while it is learned whether the script keeps to them.
    pub declared: SmallVec<[u32; 8]>,
    /// It used another.
    pub used_others: bool,
    /// It wrote.
    pub has_written: bool,
    /// It must begin anew, under the gate.
    pub needs_gate: bool,
    pub function: Option<&'a [u8]>,
    pub args: &'a Args<'a>,
    pub since_ns: u64,
    pub is_timed_out: bool,
    /// Commands so far.
    pub calls: u32,
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
        if self.read_only && (writes || command.has(CommandFlags::MAY_REPLICATE)) {
            return Err(b"ERR Write commands are not allowed from read-only scripts.".to_vec());
        }
        if writes && self.moment.log_failed {
            return Err(b"MISCONF The effect log cannot be written (disk full?): writes are refused until it can. See \
                         the log."
                .to_vec());
        }
        if self.is_full && !self.has_written && !self.flags.allow_oom && command.has(CommandFlags::DENYOOM) {
            return Err(b"OOM command not allowed when used memory > 'maxmemory'.".to_vec());
        }
        Ok(number)
    }

    /// Whether the unit holds what the command needs. `Ok(false)`: it must begin anew.
    fn covers(&mut self, command: &Command, args: &Args<'_>) -> Result<bool, Vec<u8>> {
        let needs_all = command.gate
            || (!command.has_keys() && matches!(command.run, Run::Data(_)))
            || (matches!(command.facts.name, "sort" | "sort_ro") && commands::sort::needs_gate(args));
        if self.gated {
            if !self.used_others {
                self.used_others = needs_all
                    || (command.has_keys()
                        && places(self.node, command, args)
                            .iter()
                            .any(|k| !self.declared.contains(&k.shard)));
            }
            return Ok(true);
        }
        let mut lacks_some = needs_all;
        if command.has_keys() {
            let Some(locked) = &mut self.locked else { return Ok(false) };
            for key in places(self.node, command, args) {
                if locked.holds(key.shard) {
                    continue;
                }
                self.used_others = true;
                if !self.has_written {
                    return Ok(false);
                }
                // What it did cannot be undone, so it must go on: others hold a shard for microseconds.
                let mut tries = 0;
                while !locked.also_lock(&self.node.keyspace, key.shard) && tries < TRIES {
                    std::thread::yield_now();
                    tries += 1;
                }
                lacks_some |= tries == TRIES;
            }
        }
        if !lacks_some {
            return Ok(true);
        }
        self.used_others = true;
        if !self.has_written {
            return Ok(false);
        }
        Err(b"ERR Script used keys that it did not declare after it had written, and they are busy; it will run alone \
              from now on"
            .to_vec())
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
                self.needs_gate = true;
                return false;
            }
            Err(text) => return self.fail(&text, reply),
        }
        let Some(locked) = self.locked.take() else { return false };
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
