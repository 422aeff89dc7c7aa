//! Numbers for all commands and subcommands, and what checks need to know about each.

use std::collections::HashMap;
use std::sync::OnceLock;

use commands::Facts;
use commands::facts::{AclCategories, CATALOGUE, Flags, KeyFlags, KeyRule, KeyShape};

use crate::selector::Access;

/// Bits in a set of commands; the last one stands for commands yet to come.
pub const COMMANDS_MAX: usize = 1024;

/// A command's number here.
pub type CommandId = u16;

/// How a command names databases besides the selected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Databases {
    /// It does not.
    None,
    /// `SELECT index`: this one instead of the selected one.
    Select,
    /// `SWAPDB index1 index2`: these instead of the selected one.
    Swap,
    /// `MOVE key db`.
    Move,
    /// `COPY source destination [DB db] …`.
    Copy,
    /// It works on all of them.
    All,
}

/// How a command names channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    /// It does not, or needs no permission for them.
    None,
    /// The first argument.
    One,
    /// All arguments.
    All,
    /// All arguments, which are patterns.
    Patterns,
}

/// The key of a command that has just one, always in the same place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyKey {
    /// The argument.
    pub at: u8,
    /// What is done to it.
    pub access: Access,
    /// With more arguments than these, they decide what is done.
    pub args_max: u32,
}

impl OnlyKey {
    fn of(facts: &Facts) -> Option<OnlyKey> {
        let (KeyShape::One(at), [spec]) = (facts.key_shape, facts.keys) else { return None };
        match facts.key_rule {
            KeyRule::Specs => Some(OnlyKey { at, access: Access::of(spec.flags), args_max: u32::MAX }),
            // `SET key value` without options.
            KeyRule::Set => Some(OnlyKey { at, access: Access::WRITE, args_max: 3 }),
            _ => None,
        }
    }
}

/// A command as checks see it.
pub(crate) struct Known {
    pub facts: &'static Facts,
    /// Its subcommands.
    pub subcommands: Vec<CommandId>,
    pub is_subcommand: bool,
    /// It may run before authentication, so no rule forbids it.
    pub is_open: bool,
    pub has_keys: bool,
    /// The one key of most commands.
    pub only_key: Option<OnlyKey>,
    /// It works on the selected database.
    pub uses_selected: bool,
    pub databases: Databases,
    pub channels: Channels,
}

/// All commands.
pub struct Catalogue {
    known: Vec<Known>,
    by_name: HashMap<&'static str, CommandId>,
}

/// Commands that work on every database, as their names do not tell.
const ALL_DATABASES: [&str; 4] =
    ["flushall", "cluster|cancelslotmigrations", "cluster|flushslot", "cluster|migrateslots"];

impl Known {
    fn new(facts: &'static Facts, is_subcommand: bool) -> Known {
        let has_keys = facts.keys.iter().any(|spec| !spec.flags.contains(KeyFlags::NOT_KEY));
        let databases = match facts.name {
            "select" => Databases::Select,
            "swapdb" => Databases::Swap,
            "move" => Databases::Move,
            "copy" => Databases::Copy,
            name if ALL_DATABASES.contains(&name) => Databases::All,
            _ => Databases::None,
        };
        let on_data =
            AclCategories::of(&[AclCategories::KEYSPACE, AclCategories::READ, AclCategories::WRITE]);
        Known {
            facts,
            subcommands: Vec::new(),
            is_subcommand,
            is_open: facts.flags.contains(Flags::NO_AUTH),
            has_keys,
            only_key: OnlyKey::of(facts),
            uses_selected: !matches!(databases, Databases::Select | Databases::Swap | Databases::All)
                && (has_keys || facts.acl.intersects(on_data)),
            databases,
            channels: match facts.name {
                "publish" | "spublish" => Channels::One,
                "subscribe" | "ssubscribe" => Channels::All,
                "psubscribe" => Channels::Patterns,
                _ => Channels::None,
            },
        }
    }
}

impl Catalogue {
    fn build() -> Catalogue {
        let mut catalogue = Catalogue { known: Vec::new(), by_name: HashMap::new() };
        for facts in CATALOGUE.iter().flat_map(|group| group.iter()) {
            let id = catalogue.add(facts, false);
            for sub in facts.subcommands {
                let sub = catalogue.add(sub, true);
                catalogue.known[usize::from(id)].subcommands.push(sub);
            }
        }
        assert!(catalogue.known.len() < COMMANDS_MAX, "a set of commands has room for all");
        catalogue
    }

    fn add(&mut self, facts: &'static Facts, is_subcommand: bool) -> CommandId {
        let id = self.known.len() as CommandId;
        self.known.push(Known::new(facts, is_subcommand));
        self.by_name.insert(facts.name, id);
        id
    }

    /// The number of a command, or of a subcommand behind `|`; in any case. O(name).
    pub fn find(&self, name: &[u8]) -> Option<CommandId> {
        let name = std::str::from_utf8(name).ok()?;
        match self.by_name.get(name) {
            Some(id) => Some(*id),
            None => self.by_name.get(name.to_ascii_lowercase().as_str()).copied(),
        }
    }

    /// What checks know about a command.
    #[inline]
    pub(crate) fn known(&self, id: CommandId) -> &Known {
        &self.known[usize::from(id)]
    }

    /// The facts of a command.
    pub fn facts(&self, id: CommandId) -> &'static Facts {
        self.known(id).facts
    }

    /// Commands and subcommands of a category.
    pub(crate) fn of_category(&self, category: AclCategories) -> impl Iterator<Item = CommandId> {
        (0..self.known.len() as CommandId).filter(move |id| self.known(*id).facts.acl.contains(category))
    }

    /// The full names of all commands of a category. O(commands).
    pub fn names_of(&self, category: AclCategories) -> impl Iterator<Item = &'static str> {
        self.of_category(category).map(|id| self.facts(id).name)
    }
}

/// The catalogue of this build.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(Catalogue::build)
}
