//! The reply trees of `COMMAND INFO` and `COMMAND DOCS`, independent of the protocol version.
//!
//! Building a tree allocates; these commands run once per client library start.

use super::{Arg, ArgType, Begin, Facts, Find, KeySpec};

/// A reply of static data. In RESP2 a set is written as an array and a map as a flat array.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A simple string.
    Simple(&'static str),
    /// A bulk string.
    Bulk(&'static str),
    /// An integer.
    Int(i64),
    /// An array.
    Array(Vec<Node>),
    /// A set.
    Set(Vec<Node>),
    /// A map, in this order.
    Map(Vec<(Node, Node)>),
}

/// Collects the fields of a map that are present.
struct Fields(Vec<(Node, Node)>);

impl Fields {
    fn new() -> Fields {
        Fields(Vec::new())
    }

    fn put(mut self, name: &'static str, value: Node) -> Fields {
        self.0.push((Node::Bulk(name), value));
        self
    }

    fn put_if(self, present: bool, name: &'static str, value: impl FnOnce() -> Node) -> Fields {
        if present { self.put(name, value()) } else { self }
    }

    fn text(self, name: &'static str, value: Option<&'static str>) -> Fields {
        match value {
            Some(text) => self.put(name, Node::Bulk(text)),
            None => self,
        }
    }

    fn map(self) -> Node {
        Node::Map(self.0)
    }
}

fn simple_set(names: impl Iterator<Item = &'static str>) -> Node {
    Node::Set(names.map(Node::Simple).collect())
}

/// One element of the `COMMAND INFO` reply. Subcommands come in the catalogue's order.
pub fn info_reply(facts: &Facts) -> Node {
    Node::Array(vec![
        Node::Bulk(facts.name),
        Node::Int(facts.arity.into()),
        simple_set(facts.flags.names()),
        Node::Int(facts.first_key().into()),
        Node::Int(facts.last_key().into()),
        Node::Int(facts.step().into()),
        simple_set(facts.acl.names()),
        Node::Set(facts.tips.iter().map(|tip| Node::Bulk(tip)).collect()),
        Node::Set(facts.keys.iter().map(key_spec).collect()),
        Node::Array(facts.subcommands.iter().map(|sub| info_reply(sub)).collect()),
    ])
}

fn key_spec(spec: &KeySpec) -> Node {
    Fields::new()
        .text("notes", spec.notes)
        .put("flags", simple_set(spec.flags.names()))
        .put("begin_search", begin_search(spec.begin))
        .put("find_keys", find_keys(spec.find))
        .map()
}

fn begin_search(begin: Begin) -> Node {
    let (kind, spec) = match begin {
        Begin::Index(index) => ("index", Fields::new().put("index", Node::Int(index.into()))),
        Begin::Keyword(keyword, from) => {
            let spec = Fields::new().put("keyword", Node::Bulk(keyword));
            ("keyword", spec.put("startfrom", Node::Int(from.into())))
        }
        Begin::Unknown => ("unknown", Fields::new()),
    };
    typed(kind, spec)
}

fn find_keys(find: Find) -> Node {
    let (kind, numbers) = match find {
        Find::Range { last, step, limit } => {
            ("range", vec![("lastkey", last), ("keystep", step), ("limit", limit)])
        }
        Find::KeyNum { count, first, step } => {
            ("keynum", vec![("keynumidx", count), ("firstkey", first), ("keystep", step)])
        }
        Find::Unknown => ("unknown", vec![]),
    };
    let put =
        |fields: Fields, (name, number): (&'static str, i16)| fields.put(name, Node::Int(number.into()));
    typed(kind, numbers.into_iter().fold(Fields::new(), put))
}

fn typed(kind: &'static str, spec: Fields) -> Node {
    Fields::new().put("type", Node::Bulk(kind)).put("spec", spec.map()).map()
}

/// The value of one command in the `COMMAND DOCS` reply, whose key is the command's name.
pub fn docs_reply(facts: &Facts) -> Node {
    Fields::new()
        .put("summary", Node::Bulk(facts.summary))
        .put("since", Node::Bulk(facts.since))
        .put("group", Node::Bulk(facts.group.name()))
        .put_if(!facts.complexity.is_empty(), "complexity", || Node::Bulk(facts.complexity))
        .put_if(facts.doc_flags.names().next().is_some(), "doc_flags", || simple_set(facts.doc_flags.names()))
        .text("deprecated_since", facts.deprecated_since)
        .text("replaced_by", facts.replaced_by)
        .put_if(!facts.history.is_empty(), "history", || history(facts))
        .put_if(!facts.args.is_empty(), "arguments", || arguments(facts.args))
        .put_if(facts.is_container(), "subcommands", || subcommands(facts))
        .map()
}

fn history(facts: &Facts) -> Node {
    let change = |(version, text): &(&'static str, &'static str)| {
        Node::Array(vec![Node::Bulk(version), Node::Bulk(text)])
    };
    Node::Set(facts.history.iter().map(change).collect())
}

fn subcommands(facts: &Facts) -> Node {
    Node::Map(facts.subcommands.iter().map(|sub| (Node::Bulk(sub.name), docs_reply(sub))).collect())
}

fn arguments(args: &[Arg]) -> Node {
    Node::Array(args.iter().map(argument).collect())
}

fn argument(arg: &Arg) -> Node {
    let nests = matches!(arg.kind, ArgType::OneOf | ArgType::Block);
    let flags =
        [(arg.optional, "optional"), (arg.multiple, "multiple"), (arg.multiple_token, "multiple_token")];
    let flags = || flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name);
    Fields::new()
        .put("name", Node::Bulk(arg.name))
        .put("type", Node::Bulk(arg.kind.name()))
        .put_if(!nests, "display_text", || Node::Bulk(arg.display_text))
        .put_if(arg.key_spec_index.is_some(), "key_spec_index", || {
            Node::Int(arg.key_spec_index.unwrap_or(0).into())
        })
        .text("token", arg.token)
        .text("summary", arg.summary)
        .text("since", arg.since)
        .text("deprecated_since", arg.deprecated_since)
        .put_if(flags().next().is_some(), "flags", || simple_set(flags()))
        .put_if(nests, "arguments", || arguments(arg.nested))
        .map()
}
