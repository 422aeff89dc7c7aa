//! Whether a user may run a command, and why not.

use commands::Args;
use commands::facts::{Facts, keys_of};
use smallvec::SmallVec;
use wire::number::parse_i64;

use crate::catalogue::{Channels, CommandId, Databases, Known, catalogue};
use crate::selector::{Access, Selector};
use crate::user::User;

/// What was lacking. In the order in which one outweighs another when several selectors refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A database.
    Database,
    /// The command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// The right password.
    Auth,
}

impl Reason {
    /// The word that ACL LOG shows.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Database => "database",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

/// Why a command may not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What was lacking.
    pub reason: Reason,
    /// The argument it was about; 0 is the command's name.
    pub at: usize,
}

impl Denial {
    /// The text of an error behind `NOPERM `.
    pub fn text(&self, user: &User, facts: &Facts) -> Vec<u8> {
        match self.reason {
            Reason::Command => Self::command_text(user, facts),
            Reason::Database => b"No permissions to access database".to_vec(),
            Reason::Key => b"No permissions to access a key".to_vec(),
            Reason::Channel | Reason::Auth => b"No permissions to access a channel".to_vec(),
        }
    }

    /// What `ACL DRYRUN` answers: it names the key or channel.
    pub fn full_text(&self, user: &User, facts: &Facts, args: &Args<'_>) -> Vec<u8> {
        let what = args.try_get(self.at).unwrap_or_default();
        let prefix = [b"User ", &*user.name, b" has no permissions to access "].concat();
        match self.reason {
            Reason::Command => Self::command_text(user, facts),
            Reason::Database => [&prefix, &b"database "[..], what].concat(),
            Reason::Key => [&prefix, &b"the '"[..], what, b"' key"].concat(),
            Reason::Channel | Reason::Auth => [&prefix, &b"the '"[..], what, b"' channel"].concat(),
        }
    }

    fn command_text(user: &User, facts: &Facts) -> Vec<u8> {
        let name = facts.name.as_bytes();
        [b"User ", &*user.name, b" has no permissions to run the '", name, b"' command"].concat()
    }
}

/// A call to check.
#[derive(Clone, Copy)]
pub struct Call<'c, 'a> {
    /// The command.
    pub id: CommandId,
    /// Its arguments, its name included.
    pub args: &'c Args<'a>,
    /// The selected database.
    pub db: u16,
    /// How many databases there are.
    pub databases: u16,
}

impl User {
    /// Whether some selector allows a call. O(1) for the command, O(keys · patterns) for keys; nothing is allocated
    /// for calls with up to eight arguments.
    #[inline]
    pub fn check(&self, call: &Call<'_, '_>) -> Result<(), Denial> {
        if self.is_unrestricted() { Ok(()) } else { self.check_selectors(call) }
    }

    fn check_selectors(&self, call: &Call<'_, '_>) -> Result<(), Denial> {
        let known = catalogue().known(call.id);
        let mut worst = Denial { reason: Reason::Database, at: 0 };
        for selector in self.selectors() {
            match selector.check(known, call) {
                Ok(()) => return Ok(()),
                Err(denial) if (denial.reason, denial.at) > (worst.reason, worst.at) => worst = denial,
                Err(_) => {}
            }
        }
        Err(worst)
    }

    /// Whether some selector allows a call and all keys, too, for such access (`SORT … BY pattern`).
    pub fn check_with_all_keys(&self, call: &Call<'_, '_>, access: Access) -> bool {
        let known = catalogue().known(call.id);
        self.is_unrestricted()
            || self.selectors().iter().any(|s| s.check(known, call).is_ok() && s.allows_all_keys(access))
    }
}

/// Whether a user may use a channel. The pattern of a subscription must be among the allowed ones literally.
pub fn permits_channel(user: &User, channel: &[u8], is_pattern: bool) -> bool {
    user.selectors().iter().any(|selector| selector.allows_channel(channel, is_pattern))
}

impl Selector {
    fn check(&self, known: &Known, call: &Call<'_, '_>) -> Result<(), Denial> {
        let args = call.args;
        if !self.all_databases {
            self.check_databases(known, call)?;
        }
        if !known.is_open {
            // Rules name the first argument only of commands without subcommands.
            let first = args.try_get(if known.is_subcommand { 2 } else { 1 });
            if !self.allows_command(call.id, first) {
                return Err(Denial { reason: Reason::Command, at: 0 });
            }
        }
        if known.has_keys && !self.all_keys {
            self.check_keys(known, args)?;
        }
        if known.channels != Channels::None && !self.all_channels {
            self.check_channels(known, args)?;
        }
        Ok(())
    }

    #[inline]
    fn check_keys(&self, known: &Known, args: &Args<'_>) -> Result<(), Denial> {
        let Some(only) = known.only_key.filter(|only| args.len() <= only.args_max as usize) else {
            return self.check_all_keys(known, args);
        };
        let at = usize::from(only.at);
        match args.try_get(at) {
            Some(key) if !self.allows_key(key, only.access) => Err(Denial { reason: Reason::Key, at }),
            _ => Ok(()),
        }
    }

    #[inline(never)]
    fn check_all_keys(&self, known: &Known, args: &Args<'_>) -> Result<(), Denial> {
        let argv: SmallVec<[&[u8]; 8]> = args.to_vec();
        for (at, flags) in keys_of(known.facts, &argv).unwrap_or_default() {
            let at = at as usize;
            if !self.allows_key(argv[at], Access::of(flags)) {
                return Err(Denial { reason: Reason::Key, at });
            }
        }
        Ok(())
    }

    fn check_channels(&self, known: &Known, args: &Args<'_>) -> Result<(), Denial> {
        let last = if known.channels == Channels::One { 2.min(args.len()) } else { args.len() };
        let is_pattern = known.channels == Channels::Patterns;
        match (1..last).find(|&at| !self.allows_channel(args.get(at), is_pattern)) {
            Some(at) => Err(Denial { reason: Reason::Channel, at }),
            None => Ok(()),
        }
    }

    fn check_databases(&self, known: &Known, call: &Call<'_, '_>) -> Result<(), Denial> {
        let denied = |at: usize| Denial { reason: Reason::Database, at };
        for (at, db) in databases_of(known.databases, call) {
            if !self.allows_database(db) {
                return Err(denied(at));
            }
        }
        let allows_rest = match known.databases {
            Databases::All => (0..u32::from(call.databases)).all(|db| self.allows_database(db)),
            _ => !known.uses_selected || self.allows_database(u32::from(call.db)),
        };
        if allows_rest { Ok(()) } else { Err(denied(0)) }
    }
}

/// The databases that a call names, with the arguments that do. None where one is no database: the command itself
/// refuses that.
fn databases_of(names: Databases, call: &Call<'_, '_>) -> SmallVec<[(usize, u32); 2]> {
    let number = |at: usize| {
        let number = call.args.try_get(at).and_then(parse_i64)?;
        (0..i64::from(call.databases)).contains(&number).then_some((at, number as u32))
    };
    let found: Option<SmallVec<[(usize, u32); 2]>> = match names {
        Databases::None | Databases::All => return SmallVec::new(),
        Databases::Select => number(1).map(|db| std::iter::once(db).collect()),
        Databases::Move => number(2).map(|db| std::iter::once(db).collect()),
        Databases::Swap => number(1).zip(number(2)).map(|(one, other)| [one, other].into_iter().collect()),
        Databases::Copy => {
            let mut found = SmallVec::new();
            let mut at = 3;
            loop {
                if at >= call.args.len() {
                    break Some(found);
                } else if call.args.is(at, "REPLACE") {
                    at += 1;
                } else if call.args.is(at, "DB")
                    && let Some(db) = number(at + 1)
                {
                    found.push(db);
                    at += 2;
                } else {
                    break None;
                }
            }
        }
    };
    found.unwrap_or_default()
}
