//! A selector: a set of permissions that hold together. Every user has a root one, and may have more.

use commands::facts::{AclCategories, KeyFlags};
use wire::glob;

use crate::catalogue::{COMMANDS_MAX, CommandId, catalogue};
use crate::rule::{RuleError, before_nul, has_spaces, is_space, words};

/// What may be done to the keys of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Nothing in particular.
    pub const NONE: Access = Access(0);
    /// Read.
    pub const READ: Access = Access(1);
    /// Write.
    pub const WRITE: Access = Access(2);
    /// Both.
    pub const ALL: Access = Access(3);

    /// What key specs say is done to a key, as rules see it.
    pub(crate) fn of(flags: KeyFlags) -> Access {
        let writes = [KeyFlags::INSERT, KeyFlags::DELETE, KeyFlags::UPDATE];
        let mut access = Access::NONE;
        if flags.contains(KeyFlags::ACCESS) {
            access = access.or(Access::READ);
        }
        if writes.iter().any(|write| flags.contains(*write)) {
            access = access.or(Access::WRITE);
        }
        access
    }

    /// Both of these.
    pub const fn or(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    /// Whether all of `other` is allowed.
    pub const fn contains(self, other: Access) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A pattern of keys and what may be done to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    /// What may be done.
    pub access: Access,
    /// As for KEYS.
    pub pattern: Box<[u8]>,
    /// What most patterns are: plain text and a `*` at the end.
    prefix: Option<Prefix>,
}

/// Plain text that a key must begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    bytes: usize,
    /// Its first eight bytes and which bits of them count: short ones are compared at once.
    head: u64,
    mask: u64,
}

impl Prefix {
    fn of(pattern: &[u8]) -> Option<Prefix> {
        let [text @ .., b'*'] = pattern else { return None };
        if text.iter().any(|byte| b"*?[\\".contains(byte)) {
            return None;
        }
        let word = |fill: &dyn Fn(usize) -> u8| u64::from_le_bytes(std::array::from_fn(fill));
        let head = word(&|i| text.get(i).copied().unwrap_or(0));
        let mask = word(&|i| if i < text.len() { 0xff } else { 0 });
        Some(Prefix { bytes: text.len(), head, mask })
    }
}

impl KeyPattern {
    fn new(access: Access, pattern: &[u8]) -> KeyPattern {
        KeyPattern { access, pattern: pattern.into(), prefix: Prefix::of(pattern) }
    }

    #[inline]
    fn matches(&self, key: &[u8]) -> bool {
        match (self.prefix, key.first_chunk::<8>()) {
            (Some(prefix), Some(head)) => {
                u64::from_le_bytes(*head) & prefix.mask == prefix.head
                    && (prefix.bytes <= 8 || key.starts_with(&self.pattern[..prefix.bytes]))
            }
            _ => glob::matches(&self.pattern, key, false),
        }
    }
}

/// A set of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Commands([u64; COMMANDS_MAX / 64]);

impl Commands {
    #[inline]
    fn contains(&self, id: usize) -> bool {
        self.0[id / 64] >> (id % 64) & 1 == 1
    }

    fn set(&mut self, id: CommandId, allowed: bool) {
        let bit = 1 << (id % 64);
        if allowed {
            self.0[usize::from(id) / 64] |= bit;
        } else {
            self.0[usize::from(id) / 64] &= !bit;
        }
    }
}

/// A command or category in the order in which it was allowed or forbidden.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CommandRule {
    allowed: bool,
    name: Box<[u8]>,
}

/// First arguments with which a command is allowed that otherwise is not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FirstArguments {
    command: CommandId,
    allowed: Vec<Box<[u8]>>,
}

/// A set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    pub(crate) all_commands: bool,
    pub(crate) all_keys: bool,
    pub(crate) all_channels: bool,
    pub(crate) all_databases: bool,
    commands: Commands,
    first_arguments: Vec<FirstArguments>,
    rules: Vec<CommandRule>,
    pub(crate) keys: Vec<KeyPattern>,
    pub(crate) channels: Vec<Box<[u8]>>,
    databases: Vec<u32>,
}

impl Selector {
    /// One that allows nothing but all databases, and all channels if `all_channels` (`acl-pubsub-default`).
    pub fn new(all_channels: bool) -> Selector {
        Selector {
            all_commands: false,
            all_keys: false,
            all_channels,
            all_databases: true,
            commands: Commands([0; COMMANDS_MAX / 64]),
            first_arguments: Vec::new(),
            rules: Vec::new(),
            keys: Vec::new(),
            channels: Vec::new(),
            databases: Vec::new(),
        }
    }

    /// Reads a selector's text, parentheses included.
    pub(crate) fn parse(text: &[u8], all_channels: bool) -> Result<Selector, RuleError> {
        let mut selector = Selector::new(all_channels);
        // With a quote left open Valkey finds no words at all.
        for word in words(&text[1..text.len() - 1]).unwrap_or_default() {
            selector.apply(&word)?;
        }
        Ok(selector)
    }

    /// Whether it allows everything.
    pub fn is_unrestricted(&self) -> bool {
        self.all_commands && self.all_keys && self.all_channels && self.all_databases
    }

    /// Whether a command is allowed; `first` is the argument behind its name.
    #[inline]
    pub(crate) fn allows_command(&self, id: CommandId, first: Option<&[u8]>) -> bool {
        self.all_commands
            || self.commands.contains(usize::from(id))
            || (!self.first_arguments.is_empty() && self.allows_first(id, first))
    }

    #[cold]
    fn allows_first(&self, id: CommandId, first: Option<&[u8]>) -> bool {
        let Some(first) = first.map(before_nul) else { return false };
        let of_command = self.first_arguments.iter().find(|first| first.command == id);
        of_command.is_some_and(|all| all.allowed.iter().any(|one| one.eq_ignore_ascii_case(first)))
    }

    /// Whether a database is allowed.
    #[inline]
    pub(crate) fn allows_database(&self, db: u32) -> bool {
        self.all_databases || self.databases.binary_search(&db).is_ok()
    }

    /// Whether a key may be used so.
    #[inline]
    pub(crate) fn allows_key(&self, key: &[u8], access: Access) -> bool {
        self.all_keys
            || self.keys.iter().any(|pattern| pattern.access.contains(access) && pattern.matches(key))
    }

    /// Whether all keys may be used so.
    pub(crate) fn allows_all_keys(&self, access: Access) -> bool {
        self.all_keys
            || self.keys.iter().any(|pattern| pattern.access.contains(access) && *pattern.pattern == *b"*")
    }

    /// Whether a channel is allowed. A pattern must be among the allowed ones literally.
    pub(crate) fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_channels || any_allows(&self.channels, channel, is_pattern)
    }

    /// Applies a rule about commands, keys, channels or databases.
    pub(crate) fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let word = before_nul(rule);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("allkeys") || is("~*") {
            self.all_keys = true;
            self.keys.clear();
        } else if is("resetkeys") {
            self.all_keys = false;
            self.keys.clear();
        } else if is("allchannels") || is("&*") {
            self.all_channels = true;
            self.channels.clear();
        } else if is("resetchannels") {
            self.all_channels = false;
            self.channels.clear();
        } else if is("alldbs") {
            self.all_databases = true;
            self.databases.clear();
        } else if is("resetdbs") {
            self.all_databases = false;
            self.databases.clear();
        } else if is("allcommands") || is("+@all") {
            self.set_all(true);
        } else if is("nocommands") || is("-@all") {
            self.set_all(false);
        } else if word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"db=")) {
            self.databases = databases(&word[3..])?;
            self.all_databases = false;
        } else {
            match word {
                [b'~' | b'%', ..] => return self.add_keys(rule),
                [b'&', ..] => return self.add_channel(&rule[1..]),
                [sign @ (b'+' | b'-'), b'@', name @ ..] => return self.set_category(name, *sign == b'+'),
                [b'+', name @ ..] => return self.allow(name),
                [b'-', name @ ..] => return self.forbid(name),
                _ => return Err(RuleError::Syntax),
            }
        }
        Ok(())
    }

    fn set_all(&mut self, allowed: bool) {
        self.commands.0.fill(if allowed { u64::MAX } else { 0 });
        self.all_commands = allowed;
        self.rules.clear();
        self.first_arguments.clear();
    }

    fn add_keys(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::KeysAreAll);
        }
        let (access, pattern) = if rule[0] == b'~' {
            (Access::ALL, &rule[1..])
        } else {
            let tilde = rule.iter().position(|&byte| byte == b'~');
            let end = tilde.unwrap_or(rule.len());
            let mut access = Access::NONE;
            for letter in &rule[1..end] {
                let new = match letter.to_ascii_uppercase() {
                    b'R' => Access::READ,
                    b'W' => Access::WRITE,
                    _ => return Err(RuleError::Syntax),
                };
                if access.contains(new) {
                    return Err(RuleError::Syntax);
                }
                access = access.or(new);
            }
            // Without a tilde the pattern is empty.
            (access, rule.get(end + 1..).unwrap_or_default())
        };
        if has_spaces(pattern) || access == Access::NONE {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => known.access = known.access.or(access),
            None => self.keys.push(KeyPattern::new(access, pattern)),
        }
        Ok(())
    }

    fn add_channel(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::ChannelsAreAll);
        }
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        if self.channels.iter().all(|known| **known != *pattern) {
            self.channels.push(pattern.into());
        }
        Ok(())
    }

    fn allow(&mut self, name: &[u8]) -> Result<(), RuleError> {
        let Some(bar) = name.iter().rposition(|&byte| byte == b'|') else {
            let id = catalogue().find(name).ok_or(RuleError::Unknown)?;
            self.set_command(id, true);
            self.remember(catalogue().facts(id).name.as_bytes(), true);
            return Ok(());
        };
        let (container, argument) = (&name[..bar], &name[bar + 1..]);
        let id = catalogue().find(container).ok_or(RuleError::Unknown)?;
        let known = catalogue().known(id);
        if known.is_subcommand {
            return Err(RuleError::ArgumentOfSubcommand);
        }
        if argument.is_empty() {
            return Err(RuleError::Syntax);
        }
        if known.subcommands.is_empty() {
            self.allow_first(id, argument);
        } else {
            let sub = catalogue().find(name).ok_or(RuleError::Unknown)?;
            self.set_command(sub, true);
        }
        self.remember(name, true);
        Ok(())
    }

    fn forbid(&mut self, name: &[u8]) -> Result<(), RuleError> {
        let id = catalogue().find(name).ok_or(RuleError::Unknown)?;
        self.set_command(id, false);
        self.remember(catalogue().facts(id).name.as_bytes(), false);
        Ok(())
    }

    fn allow_first(&mut self, command: CommandId, argument: &[u8]) {
        let at = match self.first_arguments.iter().position(|first| first.command == command) {
            Some(at) => at,
            None => {
                self.first_arguments.push(FirstArguments { command, allowed: Vec::new() });
                self.first_arguments.len() - 1
            }
        };
        let allowed = &mut self.first_arguments[at].allowed;
        if allowed.iter().all(|one| !one.eq_ignore_ascii_case(argument)) {
            allowed.push(argument.into());
        }
    }

    /// A command with all its subcommands.
    fn set_command(&mut self, id: CommandId, allowed: bool) {
        self.commands.set(id, allowed);
        self.first_arguments.retain(|first| first.command != id);
        for &sub in &catalogue().known(id).subcommands {
            self.commands.set(sub, allowed);
        }
        self.all_commands &= allowed;
    }

    fn set_category(&mut self, name: &[u8], allowed: bool) -> Result<(), RuleError> {
        let category = AclCategories::parse(name).ok_or(RuleError::Unknown)?;
        self.remember(&[b"@", name].concat(), allowed);
        for id in catalogue().of_category(category) {
            self.set_command(id, allowed);
        }
        Ok(())
    }

    /// Notes a rule at the end, in place of what it makes void: the same one, and those of its subcommands.
    fn remember(&mut self, name: &[u8], allowed: bool) {
        let name = name.to_ascii_lowercase();
        self.rules.retain(|rule| match rule.name.strip_prefix(name.as_slice()) {
            Some(rest) => !(rest.is_empty() || rest[0] == b'|'),
            None => true,
        });
        self.rules.push(CommandRule { allowed, name: name.into() });
    }

    /// The rules that make the set of commands, from `+@all` or `-@all` on.
    pub fn describe_commands(&self) -> Vec<u8> {
        let allows_future = self.commands.contains(COMMANDS_MAX - 1);
        let mut text = if allows_future { b"+@all".to_vec() } else { b"-@all".to_vec() };
        for rule in &self.rules {
            text.extend_from_slice(if rule.allowed { b" +" } else { b" -" });
            text.extend_from_slice(&rule.name);
        }
        text
    }

    /// The key patterns as rules.
    pub fn describe_keys(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let rules = self.keys.iter().map(|pattern| {
            let sign: &[u8] = match pattern.access {
                Access::READ => b"%R~",
                Access::WRITE => b"%W~",
                _ => b"~",
            };
            [sign, &pattern.pattern].concat()
        });
        rules.collect::<Vec<_>>().join(&b' ')
    }

    /// The channel patterns as rules.
    pub fn describe_channels(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        self.channels.iter().map(|pattern| [b"&", &**pattern].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// The databases as a rule; empty where none is allowed.
    pub fn describe_databases(&self) -> Vec<u8> {
        if self.all_databases {
            return b"alldbs".to_vec();
        }
        if self.databases.is_empty() {
            return Vec::new();
        }
        let numbers: Vec<String> = self.databases.iter().map(u32::to_string).collect();
        format!("db={}", numbers.join(",")).into_bytes()
    }

    /// All of it as a line of an ACL file shows it.
    pub(crate) fn describe(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        let keys = self.describe_keys();
        if !keys.is_empty() || !self.keys.is_empty() {
            parts.push(keys);
        }
        if !self.all_channels {
            parts.push(b"resetchannels".to_vec());
        }
        if self.all_channels || !self.channels.is_empty() {
            parts.push(self.describe_channels());
        }
        if !self.all_databases {
            let databases = self.describe_databases();
            parts.push(if databases.is_empty() { b"resetdbs".to_vec() } else { databases });
        }
        parts.push(self.describe_commands());
        parts.join(&b' ')
    }
}

/// Whether one of several allowed patterns allows a channel.
pub(crate) fn any_allows(allowed: &[Box<[u8]>], channel: &[u8], is_pattern: bool) -> bool {
    allowed.iter().any(|pattern| match is_pattern {
        true => before_nul(channel) == &**pattern,
        false => glob::matches(pattern, channel, false),
    })
}

/// `1,2,3` as C's `strtoll` reads each number, ascending and without repetition.
fn databases(list: &[u8]) -> Result<Vec<u32>, RuleError> {
    let mut found = Vec::new();
    for number in list.split(|&byte| byte == b',') {
        let start = number.iter().position(|&byte| !is_space(byte)).ok_or(RuleError::Syntax)?;
        let (sign, digits) = match &number[start..] {
            [b'-', digits @ ..] => (-1, digits),
            [b'+', digits @ ..] => (1, digits),
            digits => (1, digits),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(RuleError::Syntax);
        }
        let value = digits
            .iter()
            .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
        let value = sign * value;
        let in_range = (0..=i64::from(i32::MAX)).contains(&value);
        found.push(if in_range { value as u32 } else { return Err(RuleError::DatabaseRange) });
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
