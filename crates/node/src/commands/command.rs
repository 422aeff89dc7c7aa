//! Family *command*: the commands this node serves, described from their facts; and the HELP of every container.
//!
//! Pages: <https://valkey.io/commands/command/> and its subcommands. Only what the registry serves is shown, so a
//! client that asks first never meets an unknown command.

use commands::facts::{
    AclCategories, Arg, ArgType, Facts, docs_reply, info_reply, keys_of, server_sub as facts,
};
use commands::facts::{Node as Tree, server::COMMAND};
use commands::{Args, CommandError, CommandResult, Outcome};
use wire::resp::ReplyWriter;

use crate::ctx::NodeCtx;
use crate::registry::{Command, NodeSpec, Registry};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &COMMAND, gate: false, run: command },
    NodeSpec { facts: &facts::COMMAND_COUNT, gate: false, run: count },
    NodeSpec { facts: &facts::COMMAND_DOCS, gate: false, run: docs },
    NodeSpec { facts: &facts::COMMAND_GETKEYS, gate: false, run: getkeys },
    NodeSpec { facts: &facts::COMMAND_GETKEYSANDFLAGS, gate: false, run: getkeysandflags },
    NodeSpec { facts: &facts::COMMAND_HELP, gate: false, run: help },
    NodeSpec { facts: &facts::COMMAND_INFO, gate: false, run: info },
    NodeSpec { facts: &facts::COMMAND_LIST, gate: false, run: list },
];

/// Width of syntax lines in HELP.
const HELP_COLUMNS: usize = 100;

/// Commands that are not subcommands.
fn top_level(registry: &Registry) -> impl Iterator<Item = &'static Facts> + '_ {
    registry.all().iter().map(|command| command.facts).filter(|facts| !facts.name.contains('|'))
}

/// A command or subcommand by its full name, in any case.
fn by_name(registry: &Registry, name: &[u8]) -> Option<&'static Facts> {
    let known = |command: &&Command| command.facts.name.as_bytes().eq_ignore_ascii_case(name);
    registry.all().iter().find(known).map(|command| command.facts)
}

/// Writes a tree of facts, leaving out subcommands that the registry does not serve.
fn write(reply: &mut ReplyWriter<'_>, tree: &Tree) {
    match tree {
        Tree::Simple(text) => reply.simple(text),
        Tree::Bulk(text) => reply.bulk(text.as_bytes()),
        Tree::Int(number) => reply.int(*number),
        Tree::Array(items) => {
            reply.array(items.len());
            items.iter().for_each(|item| write(reply, item));
        }
        Tree::Set(items) => {
            reply.set(items.len());
            items.iter().for_each(|item| write(reply, item));
        }
        Tree::Map(pairs) => {
            reply.map(pairs.len());
            for (name, value) in pairs {
                write(reply, name);
                write(reply, value);
            }
        }
    }
}

/// What COMMAND INFO says about a command. Its subcommands are the last element, each beginning with its name.
fn info_tree(registry: &Registry, facts: &Facts) -> Tree {
    let mut tree = info_reply(facts);
    if let Tree::Array(fields) = &mut tree
        && let Some(Tree::Array(subcommands)) = fields.last_mut()
    {
        subcommands.retain(|subcommand| match subcommand {
            Tree::Array(fields) => is_served(registry, fields.first()),
            _ => false,
        });
    }
    tree
}

/// What COMMAND DOCS says about a command.
fn docs_tree(registry: &Registry, facts: &Facts) -> Tree {
    let mut tree = docs_reply(facts);
    if let Tree::Map(fields) = &mut tree {
        for (name, value) in fields {
            if let (Tree::Bulk("subcommands"), Tree::Map(subcommands)) = (name, value) {
                subcommands.retain(|(name, _)| is_served(registry, Some(name)));
            }
        }
    }
    tree
}

fn is_served(registry: &Registry, name: Option<&Tree>) -> bool {
    matches!(name, Some(Tree::Bulk(name)) if by_name(registry, name.as_bytes()).is_some())
}

fn write_all_info(ctx: &mut NodeCtx<'_>) {
    let registry = &ctx.node.registry;
    ctx.data.reply.array(top_level(registry).count());
    for facts in top_level(registry) {
        write(&mut ctx.data.reply, &info_tree(registry, facts));
    }
}

/// `COMMAND`: all commands as COMMAND INFO describes them. O(commands).
pub fn command(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    write_all_info(ctx);
    Ok(Outcome::Done)
}

/// `COMMAND COUNT`. O(commands).
pub fn count(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let count = top_level(&ctx.node.registry).count();
    ctx.data.reply.int(count as i64);
    Ok(Outcome::Done)
}

/// `COMMAND INFO [command-name ...]`. O(commands) for each name.
pub fn info(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    if args.len() == 2 {
        write_all_info(ctx);
        return Ok(Outcome::Done);
    }
    let registry = &ctx.node.registry;
    ctx.data.reply.array(args.len() - 2);
    for name in args.from(2) {
        match by_name(registry, name) {
            Some(facts) => write(&mut ctx.data.reply, &info_tree(registry, facts)),
            None => ctx.data.reply.null(),
        }
    }
    Ok(Outcome::Done)
}

/// `COMMAND DOCS [command-name ...]`: unknown names are left out. O(commands) for each name.
pub fn docs(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let registry = &ctx.node.registry;
    let meant: Vec<&'static Facts> = if args.len() == 2 {
        top_level(registry).collect()
    } else {
        args.from(2).filter_map(|name| by_name(registry, name)).collect()
    };
    ctx.data.reply.map(meant.len());
    for facts in meant {
        ctx.data.reply.bulk(facts.name.as_bytes());
        write(&mut ctx.data.reply, &docs_tree(registry, facts));
    }
    Ok(Outcome::Done)
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`: names, those of subcommands too.
/// O(commands).
pub fn list(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let value = match args.len() {
        2 => None,
        5 if args.is(2, "FILTERBY") => Some(args.get(4)),
        _ => return Err(CommandError::Syntax),
    };
    let all = ctx.node.registry.all().iter().map(|command| command.facts);
    let names: Vec<&'static str> = match value {
        None => all.map(|facts| facts.name).collect(),
        // No command comes from a module.
        Some(_) if args.is(3, "MODULE") => Vec::new(),
        Some(category) if args.is(3, "ACLCAT") => {
            let category = AclCategories::parse(category);
            all.filter(|facts| category.is_some_and(|c| facts.acl.contains(c)))
                .map(|facts| facts.name)
                .collect()
        }
        Some(pattern) if args.is(3, "PATTERN") => {
            let matches = |facts: &&Facts| wire::glob::matches(pattern, facts.name.as_bytes(), true);
            all.filter(matches).map(|facts| facts.name).collect()
        }
        Some(_) => return Err(CommandError::Syntax),
    };
    ctx.data.reply.array(names.len());
    names.iter().for_each(|name| ctx.data.reply.bulk(name.as_bytes()));
    Ok(Outcome::Done)
}

/// The keys of the call that the arguments from the second on are, with what it does to them.
fn keys_of_call<'a>(
    ctx: &NodeCtx<'_>,
    args: &Args<'a>,
) -> Result<Vec<(&'a [u8], commands::facts::KeyFlags)>, CommandError> {
    let call: Vec<&'a [u8]> = args.from(2).collect();
    let owned: commands::args::OwnedArgs = call.iter().copied().collect();
    let Ok(number) = ctx.node.registry.find(&owned.as_args()) else {
        return Err(CommandError::text("ERR Invalid command specified"));
    };
    let keys = keys_of(ctx.node.registry.get(number).facts, &call)
        .map_err(|reason| CommandError::owned(format!("ERR {reason}")))?;
    Ok(keys.iter().map(|&(at, flags)| (call[at as usize], flags)).collect())
}

/// `COMMAND GETKEYS command [arg ...]`. O(arguments).
pub fn getkeys(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let keys = keys_of_call(ctx, args)?;
    ctx.data.reply.array(keys.len());
    keys.iter().for_each(|(key, _)| ctx.data.reply.bulk(key));
    Ok(Outcome::Done)
}

/// `COMMAND GETKEYSANDFLAGS command [arg ...]`. O(arguments).
pub fn getkeysandflags(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let keys = keys_of_call(ctx, args)?;
    let reply = &mut ctx.data.reply;
    reply.array(keys.len());
    for (key, flags) in keys {
        reply.array(2);
        reply.bulk(key);
        reply.set(flags.names().count());
        flags.names().for_each(|name| reply.simple(name));
    }
    Ok(Outcome::Done)
}

/// `HELP` of any container: a syntax line and a sentence for each subcommand that is served. O(subcommands).
pub fn help(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let registry = &ctx.node.registry;
    let own = registry.get(ctx.command).facts.name;
    let container = own.split_once('|').map_or(own, |(container, _)| container);
    let upper = container.to_ascii_uppercase();
    let mut lines = vec![format!("{upper} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    // A container that may be called alone says so first.
    if let Some(alone) = by_name(registry, container.as_bytes()).filter(|facts| facts.arity == -1) {
        lines.push("(no subcommand)".to_owned());
        lines.push(format!("    {}", alone.summary));
    }
    let prefix = format!("{container}|");
    for facts in registry.all().iter().map(|command| command.facts) {
        if facts.name.starts_with(&prefix) && facts.short_name() != "help" {
            lines.extend(wrapped(&(facts.short_name().to_ascii_uppercase() + &syntax(facts.args, " "))));
            lines.push(format!("    {}", facts.summary));
        }
    }
    lines.extend(["HELP".to_owned(), "    Print this help.".to_owned()]);
    ctx.data.reply.array(lines.len());
    lines.iter().for_each(|line| ctx.data.reply.simple(line));
    Ok(Outcome::Done)
}

/// Lines of a bearable length; those after the first are indented.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= HELP_COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("     {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Arguments as a syntax line shows them, each behind `separator`.
fn syntax(args: &[Arg], separator: &str) -> String {
    args.iter().map(|arg| format!("{separator}{}", syntax_of(arg))).collect()
}

fn syntax_of(arg: &Arg) -> String {
    let nested = |between: &str| arg.nested.iter().map(syntax_of).collect::<Vec<_>>().join(between);
    let value = match arg.kind {
        ArgType::PureToken => String::new(),
        ArgType::OneOf => nested(" | "),
        ArgType::Block => nested(" "),
        _ => format!("<{}>", arg.display_text),
    };
    let is_choice = arg.kind == ArgType::OneOf && !arg.optional;
    let mut text = [arg.token.unwrap_or_default(), &value].into_iter().filter(|part| !part.is_empty()).fold(
        String::new(),
        |text, part| if text.is_empty() { part.to_owned() } else { format!("{text} {part}") },
    );
    if arg.multiple {
        let repeated = if arg.multiple_token { text.clone() } else { value };
        let repeated = if arg.nested.len() > 2 { String::new() } else { repeated + " " };
        text = format!("{text} [{repeated}...]");
    }
    match (arg.optional, is_choice) {
        (true, _) => format!("[{text}]"),
        (false, true) => format!("({text})"),
        (false, false) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commands::facts::client;

    #[test]
    fn syntax_lines_follow_the_grammar() {
        let cases: [(&Facts, &str); 4] = [
            (&client::CLIENT_ID, ""),
            (&client::CLIENT_NO_TOUCH, " (ON | OFF)"),
            (&client::CLIENT_CAPA, " <capability> [<capability> ...]"),
            (&client::CLIENT_SETNAME, " <connection-name>"),
        ];
        for (facts, line) in cases {
            assert_eq!(syntax(facts.args, " "), line, "{}", facts.name);
        }
    }

    #[test]
    fn only_served_subcommands_are_shown() {
        let registry = Registry::new();
        let client = by_name(&registry, b"CLIENT").expect("it is registered");
        let Tree::Array(fields) = info_tree(&registry, client) else { panic!("an array") };
        let Some(Tree::Array(subcommands)) = fields.last() else { panic!("subcommands come last") };
        let served = registry.all().iter().filter(|c| c.facts.name.starts_with("client|")).count();
        assert_eq!(subcommands.len(), served);
        assert!(served > 0 && served < client.subcommands.len() + 1);
    }
}
