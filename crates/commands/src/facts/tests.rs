//! The catalogue against `COMMAND INFO` of valkey-server 9.1.2, checked in as a golden file, and
//! against a running server (`tests/peer.rs`).

mod peer;

use std::collections::HashSet;

use super::*;

/// One line per command and subcommand, sorted by name. Free text is shown as `*`, subcommands by
/// name. Written by `UPDATE_GOLDEN=1 VALKEY_SERVER=… cargo test`.
const GOLDEN: &str = include_str!("tests/command_info.golden");

/// All commands with all subcommands.
fn everything() -> Vec<&'static Facts> {
    let top = CATALOGUE.iter().copied().flatten();
    top.flat_map(|facts| std::iter::once(facts).chain(facts.subcommands)).copied().collect()
}

fn named(name: &str) -> &'static Facts {
    everything().into_iter().find(|facts| facts.name == name).expect("a command of the catalogue")
}

/// A reply as text: simple strings bare, bulk strings quoted, `()` sets, `[]` arrays, `{}` maps.
fn render(node: &Node) -> String {
    let join = |nodes: &[Node]| nodes.iter().map(render).collect::<Vec<_>>().join(" ");
    match node {
        Node::Simple(text) => (*text).to_owned(),
        Node::Bulk(text) => format!("{text:?}"),
        Node::Int(number) => number.to_string(),
        Node::Array(nodes) => format!("[{}]", join(nodes)),
        Node::Set(nodes) => format!("({})", join(nodes)),
        Node::Map(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| render_field(name, value)).collect();
            format!("{{{}}}", fields.join(" "))
        }
    }
}

/// A field of a map; texts are ours, so only their presence counts.
fn render_field(name: &Node, value: &Node) -> String {
    let Node::Bulk(name) = name else { panic!("a field is named by {name:?}") };
    match (*name, value) {
        ("notes" | "summary" | "complexity" | "replaced_by", Node::Bulk(text)) => {
            assert!(!text.is_empty());
            format!("{name}:*")
        }
        ("history", Node::Set(changes)) => {
            let version = |change: &Node| match change {
                Node::Array(change) => render(&change[0]),
                other => panic!("a change is {other:?}"),
            };
            format!("history:{:?}", changes.iter().map(version).collect::<Vec<_>>())
        }
        ("subcommands", Node::Map(subs)) => {
            let mut subs: Vec<_> = subs.iter().map(|(name, docs)| render(name) + &render(docs)).collect();
            subs.sort_unstable();
            format!("subcommands:{}", subs.join(" "))
        }
        _ => format!("{name}:{}", render(value)),
    }
}

/// `COMMAND INFO` elements, subcommands included, as golden lines.
fn golden_lines(info: &Node, lines: &mut Vec<String>) {
    let Node::Array(elements) = info else { panic!("an element is {info:?}") };
    let Node::Array(subs) = &elements[9] else { panic!("subcommands are {:?}", elements[9]) };
    let mut names: Vec<String> = subs
        .iter()
        .map(|sub| match sub {
            Node::Array(sub) => render(&sub[0]),
            other => panic!("a subcommand is {other:?}"),
        })
        .collect();
    names.sort_unstable();
    let fixed: Vec<_> = elements[..9].iter().map(render).collect();
    lines.push(format!("{} [{}]", fixed.join(" "), names.join(" ")));
    subs.iter().for_each(|sub| golden_lines(sub, lines));
}

#[test]
fn command_info_equals_the_golden() {
    let mut lines = Vec::new();
    CATALOGUE.iter().copied().flatten().for_each(|facts| golden_lines(&info_reply(facts), &mut lines));
    lines.sort_unstable();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    for (ours, theirs) in lines.iter().zip(&golden) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(lines.len(), golden.len());
}

#[test]
fn every_row_is_named_once_and_documented() {
    let mut seen = HashSet::new();
    for facts in everything() {
        assert!(seen.insert(facts.name), "{} is there twice", facts.name);
        assert!(
            facts.summary.ends_with('.') && facts.summary.len() <= 110,
            "{}: {:?}",
            facts.name,
            facts.summary
        );
        for (_, change) in facts.history {
            assert!(change.ends_with('.'), "{}: {change:?}", facts.name);
        }
        for sub in facts.subcommands {
            assert_eq!(sub.name.split_once('|').map(|(container, _)| container), Some(facts.name));
            assert!(sub.subcommands.is_empty());
        }
    }
}

#[test]
fn key_shapes() {
    assert_eq!(named("get").simple_key(), Some(1));
    assert_eq!(named("set").simple_key(), Some(1));
    assert_eq!(named("object|encoding").simple_key(), Some(2));
    assert_eq!(named("mset").key_range(), Some(KeyRange { first: 1, last: -1, step: 2 }));
    assert_eq!(named("del").key_range(), Some(KeyRange { first: 1, last: -1, step: 1 }));
    assert_eq!(named("ping").key_shape, KeyShape::None);
    assert_eq!(named("spublish").simple_key(), None);
    for name in ["rename", "sort", "migrate", "eval", "spublish", "bitop", "xread"] {
        let facts = named(name);
        assert_eq!((facts.simple_key(), facts.key_range()), (None, None), "{name}");
        assert_eq!(facts.key_shape, KeyShape::Dynamic, "{name}");
    }
}

#[test]
fn shapes_agree_with_key_specs() {
    for facts in everything() {
        let argc = usize::from(facts.arity.unsigned_abs()) + usize::from(facts.arity < 0) * 4;
        let argv: Vec<&[u8]> = vec![b"1"; argc];
        let found = keys_of(facts, &argv).map(|keys| keys.iter().map(|key| key.0).collect::<Vec<_>>());
        match facts.key_shape {
            KeyShape::None => assert_eq!(found, Err(NoKeys::Keyless), "{}", facts.name),
            KeyShape::One(index) => assert_eq!(found, Ok(vec![index.into()]), "{}", facts.name),
            KeyShape::Range(range) => {
                let last = if range.last < 0 { argc as i16 + range.last } else { range.last };
                let keys = (range.first..=last).step_by(range.step as usize).map(|index| index as u32);
                assert_eq!(found, Ok(keys.collect()), "{}", facts.name);
            }
            KeyShape::Dynamic => {}
        }
    }
}

fn check_keys(call: &str, expected: &str) {
    let argv: Vec<&[u8]> =
        call.split(' ').map(|word| if word == "''" { b"".as_slice() } else { word.as_bytes() }).collect();
    let facts = named(&call[..call.find(' ').expect("arguments")].to_ascii_lowercase());
    let found = match keys_of(facts, &argv) {
        Ok(keys) => keys
            .iter()
            .map(|(index, flags)| {
                let key = String::from_utf8_lossy(argv[*index as usize]).into_owned();
                format!("{key}={}", flags.names().collect::<Vec<_>>().join("+"))
            })
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expected, "{call}");
}

#[test]
fn keys_of_calls() {
    check_keys("SET k v", "k=OW+update");
    check_keys("SET k v EX 1 get", "k=RW+access+update");
    check_keys("BITFIELD k GET u8 0", "k=RO+access");
    check_keys("BITFIELD k GET u8 0 SET u8 0 1", "k=RW+access+update");
    check_keys("MSET a 1 b 2", "a=OW+update b=OW+update");
    check_keys("SORT l BY store GET # STORE d STORE e", "l=RO+access e=OW+update");
    check_keys("SORT_RO l BY w_*", "l=RO+access");
    check_keys("MIGRATE h 1 k 0 5", "k=RW+access+delete");
    check_keys("MIGRATE h 1 '' 0 5 AUTH KEYS KEYS a b", "a=RW+access+delete b=RW+access+delete");
    check_keys("ZUNION 2 a b WEIGHTS 1 2", "a=RO+access b=RO+access");
    check_keys("ZUNION 3 a b", "Invalid arguments specified for command");
    check_keys("EVAL s 0 a", "");
    check_keys("EVAL s 1 a", "a=RW+access+update");
    check_keys("XREAD COUNT 1 STREAMS a b 0 0", "a=RO+access b=RO+access");
    check_keys("GEORADIUS k 0 0 1 m STORE d", "k=RO+access d=OW+update");
    check_keys("GET a b", "Invalid number of arguments specified for command");
    check_keys("ECHO a", "The command has no key arguments");
}

#[test]
fn categories_follow_from_flags() {
    let get = named("get").acl;
    assert!(get.contains(AclCategories::of(&[
        AclCategories::READ,
        AclCategories::STRING,
        AclCategories::FAST
    ])));
    assert!(!get.intersects(AclCategories::SLOW.or(AclCategories::WRITE)));
    assert_eq!(AclCategories::parse(b"DANGEROUS"), Some(AclCategories::DANGEROUS));
    assert_eq!(AclCategories::parse(b"@dangerous"), None);
}

#[test]
fn subcommands_are_found_in_any_case() {
    let client = named("client");
    assert_eq!(client.subcommand(b"KILL").map(|sub| sub.name), Some("client|kill"));
    assert_eq!(client.subcommand(b"no-EVICT").map(|sub| sub.short_name()), Some("no-evict"));
    assert!(client.subcommand(b"nope").is_none());
}

#[test]
fn arity_counts_the_name() {
    assert!(named("get").accepts(2) && !named("get").accepts(1) && !named("get").accepts(3));
    assert!(named("mset").accepts(3) && named("mset").accepts(9) && !named("mset").accepts(2));
}
