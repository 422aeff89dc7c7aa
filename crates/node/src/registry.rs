//! The commands this node serves: rows of the crate `commands` and of the node's own families, by name.

use commands::facts::{CATALOGUE, Flags, KeyShape, Lookup};
use commands::table::{Handler, Log, Spec};
use commands::{Args, CommandError, CommandResult, Facts};
use parameters::{Directive, StartError};

use crate::ctx::NodeCtx;

/// A body that works on the node itself.
pub type NodeHandler = fn(&mut NodeCtx<'_>, &Args<'_>) -> CommandResult;

/// The row of a command about the node.
pub struct NodeSpec {
    /// Name, arity, flags, keys, documentation.
    pub facts: &'static Facts,
    /// Whether it runs under the gate: it looks at other threads' clients or at every shard.
    pub gate: bool,
    /// The body.
    pub run: NodeHandler,
}

/// What a command does.
#[derive(Clone, Copy)]
pub enum Run {
    /// Works on the keyspace.
    Data(Handler),
    /// Works on the node.
    Node(NodeHandler),
    /// MULTI and its kin: see `multi`.
    Transaction,
    /// Runs a script or a function: see `scripting`.
    Script,
    /// Is only a prefix of its subcommands.
    Container,
}

/// A registered command.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its facts.
    pub facts: &'static Facts,
    /// What it logs.
    pub log: Log,
    /// What it does.
    pub run: Run,
    /// It needs the gate.
    pub gate: bool,
    /// Its number to access control.
    pub acl: acl::CommandId,
}

impl Command {
    /// A row; all of them are in the catalogue that rules refer to.
    fn new(facts: &'static Facts, log: Log, run: Run, gate: bool) -> Command {
        let acl = acl::catalogue().find(facts.name.as_bytes()).expect("rules can name every command");
        Command { facts, log, run, gate, acl }
    }

    /// Whether the command has a flag.
    #[inline(always)]
    pub fn has(&self, flag: Flags) -> bool {
        self.facts.flags.contains(flag)
    }

    /// Whether its keys tell which shards it needs.
    pub fn has_keys(&self) -> bool {
        !matches!(self.facts.key_shape, KeyShape::None)
    }
}

/// All commands served, subcommands included, numbered.
pub struct Registry {
    commands: Vec<Command>,
    lookup: Lookup,
    /// For containers: the numbers of their subcommands.
    subcommands: Vec<Vec<u16>>,
}

impl Registry {
    /// The registry of this build.
    pub fn new() -> Self {
        let mut commands: Vec<Command> = Vec::new();
        let data = ::commands::table::ALL.iter().flat_map(|family| family.iter());
        for Spec { facts, log, run } in data {
            commands.push(Command::new(facts, *log, Run::Data(*run), false));
        }
        for NodeSpec { facts, gate, run } in crate::commands::ALL.iter().flat_map(|family| family.iter()) {
            commands.push(Command::new(facts, Log::Nothing, Run::Node(*run), *gate));
        }
        for facts in ::commands::facts::transactions::ALL {
            commands.push(Command::new(facts, Log::Nothing, Run::Transaction, false));
        }
        for facts in crate::scripting::RUNNERS {
            commands.push(Command::new(facts, Log::Nothing, Run::Script, false));
        }
        for facts in CATALOGUE.iter().flat_map(|group| group.iter()) {
            let prefix = format!("{}|", facts.name);
            if facts.is_container()
                && commands.iter().all(|c| c.facts.name != facts.name)
                && commands.iter().any(|c| c.facts.name.starts_with(&prefix))
            {
                commands.push(Command::new(facts, Log::Nothing, Run::Container, false));
            }
        }
        commands.sort_by_key(|c| c.facts.name.contains('|'));
        let top: Vec<&'static str> =
            commands.iter().map(|c| c.facts.name).filter(|name| !name.contains('|')).collect();
        let subcommands = commands
            .iter()
            .map(|container| {
                let prefix = format!("{}|", container.facts.name);
                (0..commands.len() as u16)
                    .filter(|&i| commands[usize::from(i)].facts.name.starts_with(&prefix))
                    .collect()
            })
            .collect();
        Registry { lookup: Lookup::build(&top), commands, subcommands }
    }

    /// The registry under the names that `rename-command` directives give; one renamed to nothing cannot be called.
    ///
    /// # Errors
    /// A directive that names no command, or whose new name is another command's.
    pub fn with_renames(directives: &[Directive]) -> Result<Registry, StartError> {
        let mut registry = Registry::new();
        if directives.is_empty() {
            return Ok(registry);
        }
        let is_top = |command: &&Command| !command.facts.name.contains('|');
        let mut names: Vec<Option<String>> =
            registry.commands.iter().filter(is_top).map(|c| Some(c.facts.name.to_owned())).collect();
        for directive in directives {
            let [_, old, new] = directive.words.as_slice() else { continue };
            let position = |name: &[u8]| {
                let is_it =
                    |n: &Option<String>| n.as_ref().is_some_and(|n| n.as_bytes().eq_ignore_ascii_case(name));
                names.iter().position(is_it)
            };
            let at = position(old).ok_or_else(|| directive.refused("No such command in rename-command"))?;
            if position(new).is_some_and(|other| other != at) {
                return Err(directive.refused("Target command name already exists"));
            }
            names[at] = (!new.is_empty()).then(|| String::from_utf8_lossy(new).to_ascii_lowercase());
        }
        let leaked: Vec<&'static str> = names
            .into_iter()
            .map(|name| match name {
                Some(name) => &*name.leak(),
                // A place in the table that nobody can guess.
                None => &*sys::random::hex_id(40).expect("the kernel has random bytes").leak(),
            })
            .collect();
        registry.lookup = Lookup::build(&leaked);
        Ok(registry)
    }

    /// The number of a command by the name that it was given here, whatever it is called by.
    pub fn number_of(&self, name: &str) -> Option<u16> {
        self.commands.iter().position(|command| command.facts.name == name).map(|at| at as u16)
    }

    /// Command number `number`.
    #[inline(always)]
    pub fn get(&self, number: u16) -> &Command {
        &self.commands[usize::from(number)]
    }

    /// All commands, subcommands included.
    pub fn all(&self) -> &[Command] {
        &self.commands
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Never: a registry has commands.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The number of a command by its name alone.
    #[inline(always)]
    pub fn find_name(&self, name: &[u8]) -> Option<u16> {
        self.lookup.find(name)
    }

    /// The number of the command (or subcommand) that `args` call.
    #[inline(always)]
    pub fn find(&self, args: &Args<'_>) -> Result<u16, CommandError> {
        match self.lookup.find(args.get(0)) {
            Some(number) if !self.get(number).facts.is_container() || args.len() < 2 => Ok(number),
            Some(container) => self.find_subcommand(container, args),
            None => Err(unknown_command(args)),
        }
    }

    fn find_subcommand(&self, container: u16, args: &Args<'_>) -> Result<u16, CommandError> {
        let name = args.get(1);
        let found = self.subcommands[usize::from(container)]
            .iter()
            .copied()
            .find(|&n| self.get(n).facts.short_name().as_bytes().eq_ignore_ascii_case(name));
        match found {
            Some(number) => Ok(number),
            // A container that is a command too (COMMAND) takes what is no subcommand as an error all the same.
            None => {
                let shown = &name[..name.len().min(128)];
                let upper = self.get(container).facts.name.to_ascii_uppercase();
                let parts = [b"ERR unknown subcommand '", shown, b"'. Try ", upper.as_bytes(), b" HELP."];
                Err(CommandError::owned(parts.concat()))
            }
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

/// Valkey's words for a name nobody knows, with the beginning of the arguments.
fn unknown_command(args: &Args<'_>) -> CommandError {
    let name = args.get(0);
    let mut shown = Vec::new();
    for arg in args.from(1) {
        if shown.len() >= 128 {
            break;
        }
        let room = (128 - shown.len()).min(arg.len());
        shown.extend_from_slice(&[b"'", &arg[..room], b"' "].concat());
    }
    let name = &name[..name.len().min(128)];
    CommandError::owned([b"ERR unknown command '", name, b"', with args beginning with: ", &shown].concat())
}
