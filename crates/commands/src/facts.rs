//! What is fixed about every command: arity, flags, ACL categories, key positions, documentation.
//!
//! One row per command and subcommand, plain data, so that `COMMAND INFO`, `COMMAND DOCS`,
//! `COMMAND GETKEYS`, ACL checks, slot routing and the generated command page share one source
//! (<https://valkey.io/commands/command-info/>, <https://valkey.io/topics/key-specs/>).
//! Rows live in one file per group; this file holds the row type and its `const` builder. A row
//! states nothing that follows from the rest of it: `slow`, `read` or `dangerous` follow from the
//! flags, `movablekeys` and the legacy key range from the key specs.

mod acl;
mod arg;
mod flags;
mod group;
mod key_spec;
mod keys;
mod lookup;
mod reply;

pub mod bitmap;
pub mod client;
pub mod cluster;
pub mod connection;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod pubsub;
pub mod scripting;
pub mod server;
pub mod server_acl;
pub mod server_sub;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod string;
pub mod transactions;

#[cfg(test)]
mod tests;

pub use acl::AclCategories;
pub use arg::{Arg, ArgType};
pub use flags::{DocFlags, Flags};
pub use group::Group;
pub use key_spec::{Begin, Find, KeyFlags, KeySpec};
pub use keys::{Keys, NoKeys, keys_of};
pub use lookup::Lookup;
pub use reply::{Node, docs_reply, info_reply};

use key_spec::legacy_range;

/// The static facts of one command or subcommand.
#[derive(Debug)]
pub struct Facts {
    /// Lower-case name as `COMMAND INFO` prints it; a subcommand is `container|sub`.
    pub name: &'static str,
    /// Number of arguments including the name (and the subcommand's); negative: at least so many.
    pub arity: i16,
    /// How gates treat the command.
    pub flags: Flags,
    /// Categories it belongs to, implied ones included.
    pub acl: AclCategories,
    /// Where its keys are and what it does to them.
    pub keys: &'static [KeySpec],
    /// What the key specs amount to, worked out when the row is built.
    pub key_shape: KeyShape,
    /// Which argument-dependent rule replaces or completes the key specs.
    pub key_rule: KeyRule,
    /// Routing tips for cluster-aware clients.
    pub tips: &'static [&'static str],
    /// Documentation group.
    pub group: Group,
    /// Version that introduced it.
    pub since: &'static str,
    /// Time complexity; empty where none is documented.
    pub complexity: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Version that deprecated it.
    pub deprecated_since: Option<&'static str>,
    /// What to use instead of it.
    pub replaced_by: Option<&'static str>,
    /// Documentation marks.
    pub doc_flags: DocFlags,
    /// `(version, change)`, oldest first.
    pub history: &'static [(&'static str, &'static str)],
    /// Grammar of the arguments.
    pub args: &'static [Arg],
    /// Rows of the subcommands; empty unless this is a container.
    pub subcommands: &'static [&'static Facts],
    range: KeyRange,
}

/// Key positions as three numbers, the form `COMMAND INFO` had before key specs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Index of the first key; 0 when there is none.
    pub first: i16,
    /// Index of the last key; negative counts from the end of argv (-1 is the last argument).
    pub last: i16,
    /// Distance between keys.
    pub step: i16,
}

/// How hard it is to find a command's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyShape {
    /// It takes no key.
    None,
    /// Exactly one key, always at this index.
    One(u8),
    /// One evenly spaced range.
    Range(KeyRange),
    /// Several specs or argument-dependent positions: [`keys_of`] decides.
    Dynamic,
}

/// Rules for keys or key flags that key specs cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// The specs say everything.
    Specs,
    /// `SET`: reads the old value only with `GET`.
    Set,
    /// `BITFIELD`: read-only with nothing but `GET` and `OVERFLOW`.
    Bitfield,
    /// `SORT`: the last `STORE` names a second key.
    Sort,
    /// `SORT_RO`: the sorted key only; `BY` and `GET` patterns name no fixed key.
    SortRo,
    /// `MIGRATE`: one key, or several behind `KEYS` when that one is empty.
    Migrate,
    /// `GEORADIUS` and `GEORADIUSBYMEMBER`: the last `STORE` or `STOREDIST` names a second key.
    Georadius,
}

impl Facts {
    /// Starts a row: a keyless command without flags. Rows add a summary.
    pub const fn new(
        group: Group,
        name: &'static str,
        arity: i16,
        since: &'static str,
        complexity: &'static str,
    ) -> Facts {
        Facts {
            name,
            arity,
            flags: Flags::NONE,
            acl: group.acl().or(AclCategories::SLOW),
            keys: &[],
            key_shape: KeyShape::None,
            key_rule: KeyRule::Specs,
            tips: &[],
            group,
            since,
            complexity,
            summary: "",
            deprecated_since: None,
            replaced_by: None,
            doc_flags: DocFlags::NONE,
            history: &[],
            args: &[],
            subcommands: &[],
            range: KeyRange { first: 0, last: 0, step: 0 },
        }
    }

    /// Sets the summary.
    pub const fn summary(mut self, summary: &'static str) -> Facts {
        self.summary = summary;
        self
    }

    /// Sets the flags, and the ACL categories they imply.
    pub const fn flags(mut self, flags: &[Flags]) -> Facts {
        self.flags = self.flags.or(Flags::of(flags));
        self.acl = self.acl.implied_by(self.flags);
        self
    }

    /// Replaces the categories that come with the group; those of the flags stay.
    pub const fn acl(mut self, categories: &[AclCategories]) -> Facts {
        self.acl = AclCategories::of(categories).or(AclCategories::SLOW).implied_by(self.flags);
        self
    }

    /// Sets the key specs and derives the key shape, the legacy range and `movablekeys`.
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Facts {
        self.keys = keys;
        let (range, movable) = legacy_range(keys);
        self.range = range;
        if movable {
            self.flags = self.flags.or(Flags::MOVABLEKEYS);
        }
        self.key_shape = KeyShape::of(keys);
        self
    }

    /// Names the rule that completes the key specs.
    pub const fn key_rule(mut self, rule: KeyRule) -> Facts {
        self.key_rule = rule;
        self
    }

    /// Sets the tips.
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Facts {
        self.tips = tips;
        self
    }

    /// Sets the argument grammar.
    pub const fn args(mut self, args: &'static [Arg]) -> Facts {
        self.args = args;
        self
    }

    /// Sets the changes since its introduction.
    pub const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Facts {
        self.history = history;
        self
    }

    /// Marks it deprecated since a version in favour of something else.
    pub const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Facts {
        self.deprecated_since = Some(since);
        self.replaced_by = Some(replaced_by);
        self.doc_flags = self.doc_flags.or(DocFlags::DEPRECATED);
        self
    }

    /// Marks it as meant for servers rather than for applications.
    pub const fn syscmd(mut self) -> Facts {
        self.doc_flags = self.doc_flags.or(DocFlags::SYSCMD);
        self
    }

    /// Makes it a container.
    pub const fn subcommands(mut self, subcommands: &'static [&'static Facts]) -> Facts {
        self.subcommands = subcommands;
        self
    }

    /// Index of the first key as `COMMAND INFO` prints it; 0: none or not at a fixed place.
    pub const fn first_key(&self) -> i16 {
        self.range.first
    }

    /// Index of the last key as `COMMAND INFO` prints it; negative counts from the end.
    pub const fn last_key(&self) -> i16 {
        self.range.last
    }

    /// Distance between keys as `COMMAND INFO` prints it.
    pub const fn step(&self) -> i16 {
        self.range.step
    }

    /// Whether this is a container such as `CLIENT`, that only has subcommands or also has them.
    pub const fn is_container(&self) -> bool {
        !self.subcommands.is_empty()
    }

    /// The index of the key of a command that has exactly one, always in the same place.
    #[inline]
    pub const fn simple_key(&self) -> Option<u8> {
        match self.key_shape {
            KeyShape::One(index) => Some(index),
            _ => None,
        }
    }

    /// The range of keys of a command whose keys form exactly one, such as `MSET` or `DEL`.
    #[inline]
    pub const fn key_range(&self) -> Option<KeyRange> {
        match self.key_shape {
            KeyShape::Range(range) => Some(range),
            _ => None,
        }
    }

    /// Whether an argument count (the names included) satisfies the arity.
    #[inline]
    pub const fn accepts(&self, argc: usize) -> bool {
        if self.arity >= 0 { argc == self.arity as usize } else { argc >= -(self.arity as isize) as usize }
    }

    /// The subcommand's row for a name in any case, without the container's name.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Facts> {
        let own = |sub: &&&'static Facts| sub.short_name().as_bytes().eq_ignore_ascii_case(name);
        self.subcommands.iter().find(own).copied()
    }

    /// The name without its container: `kill` for `client|kill`.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit_once('|').map_or(self.name, |(_, sub)| sub)
    }
}

impl KeyShape {
    const fn of(keys: &[KeySpec]) -> KeyShape {
        match keys {
            [] => KeyShape::None,
            [
                KeySpec {
                    begin: Begin::Index(first), find: Find::Range { last, step, limit: 0 }, flags, ..
                },
            ] if !flags.contains(KeyFlags::NOT_KEY) && !flags.contains(KeyFlags::INCOMPLETE) => {
                if *last == 0 {
                    return KeyShape::One(*first as u8);
                }
                let last = if *last < 0 { *last } else { *first + *last };
                KeyShape::Range(KeyRange { first: *first, last, step: *step })
            }
            _ => KeyShape::Dynamic,
        }
    }
}

/// Every command this catalogue knows, group by group. Which of them a node serves is the
/// command table's decision.
pub const CATALOGUE: &[&[&Facts]] = &[
    bitmap::ALL,
    cluster::ALL,
    connection::ALL,
    generic::ALL,
    geo::ALL,
    hash::ALL,
    hyperloglog::ALL,
    list::ALL,
    pubsub::ALL,
    scripting::ALL,
    server::ALL,
    set::ALL,
    sorted_set::ALL,
    stream::ALL,
    string::ALL,
    transactions::ALL,
];
