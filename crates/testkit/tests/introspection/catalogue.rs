//! COMMAND: every command of valkey-server with its arity, flags, keys, categories and arguments.
//!
//! What is missing or different stands in a golden file, line by line. It may hold nothing but commands
//! that need the format of snapshots.

use std::collections::BTreeMap;
use std::fmt::Write;

use testkit::client::Client;
use testkit::reply::Value;

use crate::{Both, pair};

const GOLDEN: &str = "tests/introspection/catalogue.txt";
/// What only the texts of a description hold: they are worded by each server.
const TEXTS: [&[u8]; 3] = [b"notes", b"summary", b"complexity"];

/// A value without free texts, the members of sets in order.
fn shape(value: &Value<'_>, out: &mut String) {
    let shapes = |items: &[Value<'_>]| items.iter().map(shape_of).collect::<Vec<_>>();
    match value.kind {
        b'%' => {
            let pairs = value.pairs().filter(|(name, _)| !TEXTS.contains(&name.text));
            let shown = pairs.map(|(name, value)| {
                let is_history = name.text == b"history";
                let value = if is_history { first_of_each(value) } else { shape_of(value) };
                format!("{}={value}", shape_of(name))
            });
            let _ = write!(out, "{{{}}}", shown.collect::<Vec<_>>().join(" "));
        }
        b'~' => {
            let mut items = shapes(&value.items);
            items.sort();
            let _ = write!(out, "({})", items.join(" "));
        }
        b'*' => {
            let _ = write!(out, "[{}]", shapes(&value.items).join(" "));
        }
        _ => out.push_str(&String::from_utf8_lossy(value.body())),
    }
}

fn shape_of(value: &Value<'_>) -> String {
    let mut out = String::new();
    shape(value, &mut out);
    out
}

/// Versions of a history.
fn first_of_each(value: &Value<'_>) -> String {
    let mut firsts: Vec<String> =
        value.items.iter().filter_map(|item| item.items.first()).map(shape_of).collect();
    firsts.sort();
    firsts.join(" ")
}

type Catalogue = BTreeMap<String, Vec<(&'static str, String)>>;

/// Takes in a list of descriptions, those of subcommands too.
fn take_all(list: &[Value<'_>], into: &mut Catalogue) {
    const ASPECTS: [&str; 8] =
        ["arity", "flags", "first key", "last key", "step", "categories", "tips", "key specs"];
    for command in list {
        let aspects =
            ASPECTS.iter().zip(&command.items[1..]).map(|(aspect, value)| (*aspect, shape_of(value)));
        into.insert(shape_of(&command.items[0]), aspects.collect());
        take_all(&command.items[9].items, into);
    }
}

/// Everything that COMMAND and COMMAND DOCS say, in RESP3.
fn catalogue(client: &mut Client) -> Catalogue {
    client.command(&["HELLO", "3"]).expect("speaks RESP3");
    let mut all = Catalogue::new();
    let reply = client.command(&["COMMAND"]).expect("answers");
    take_all(&Value::parse(&reply).expect("a whole reply").items, &mut all);
    let reply = client.command(&["COMMAND", "DOCS"]).expect("answers");
    let docs = Value::parse(&reply).expect("a whole reply");
    take_docs(&docs, &mut all);
    all
}

fn take_docs(docs: &Value<'_>, into: &mut Catalogue) {
    for (name, value) in docs.pairs() {
        let mut described = Vec::new();
        for (field, value) in value.pairs() {
            match field.text {
                b"subcommands" => take_docs(value, into),
                b"arguments" => described.push(("arguments", shape_of(value))),
                b"since" => described.push(("since", shape_of(value))),
                b"group" => described.push(("group", shape_of(value))),
                b"history" => described.push(("history", first_of_each(value))),
                _ => {}
            }
        }
        into.get_mut(&shape_of(name)).expect("COMMAND names it too").append(&mut described);
    }
}

#[test]
fn commands_are_those_of_valkey() {
    let servers = pair(1);
    let [theirs, ours] = Both::connect(&servers).0.each_mut().map(catalogue);
    assert!(theirs.len() > 390, "{} commands", theirs.len());
    let mut lines = String::new();
    for (name, aspects) in &theirs {
        let Some(own) = ours.get(name) else {
            let _ = writeln!(lines, "{name}: missing");
            continue;
        };
        for (aspect, expected) in aspects {
            let got = own.iter().find(|(known, _)| known == aspect).map(|(_, value)| value);
            if got != Some(expected) {
                let _ = writeln!(lines, "{name}: {aspect}: {got:?} instead of {expected:?}");
            }
        }
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        let _ = writeln!(lines, "{name}: not in valkey-server");
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &lines).expect("the golden file is written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden file is read");
    for line in lines.lines() {
        assert!(golden.lines().any(|known| known == line), "new: {line}");
    }
    for line in golden.lines() {
        assert!(lines.lines().any(|now| now == line), "no longer so, to be taken off {GOLDEN}: {line}");
    }
}

#[test]
fn the_golden_file_holds_later_stages_only() {
    const LATER: [&str; 4] = ["dump", "migrate", "restore", "restore-asking"];
    let golden = include_str!("catalogue.txt");
    for line in golden.lines() {
        let (name, rest) = line.split_once(": ").expect("a name and what is so of it");
        let is_later = LATER.contains(&name);
        assert!(is_later && rest == "missing", "{line}");
    }
}

#[test]
fn single_commands_are_described_alike() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    let shape = |reply: &[u8]| shape_of(&Value::parse(reply).expect("a whole reply"));
    for protocol in ["2", "3"] {
        both.ask(&format!("HELLO {protocol}"));
        for line in [
            "COMMAND INFO get",
            "COMMAND INFO GET nosuch CLIENT|ID client|nosuch get|x",
            "COMMAND INFO config|get",
            "COMMAND INFO ''",
            "COMMAND COUNT x",
            "COMMAND NOSUCH",
            "COMMAND LIST FILTERBY",
            "COMMAND LIST FILTERBY MODULE",
            "COMMAND LIST FILTERBY MODULE none",
            "COMMAND LIST FILTERBY ACLCAT nosuch",
            "COMMAND LIST FILTERBY NOSUCH x",
            "COMMAND LIST FILTERBY PATTERN nosuch*",
            "COMMAND LIST FILTERBY PATTERN zaddx FILTERBY ACLCAT x",
            "COMMAND LIST x",
            "COMMAND DOCS nosuch",
            "COMMAND GETKEYS",
            "COMMAND GETKEYSANDFLAGS",
        ] {
            both.same_as(line, shape);
        }
        for line in [
            "COMMAND DOCS get",
            "COMMAND DOCS config|get nosuch SET",
            "COMMAND LIST FILTERBY PATTERN xr*",
            "COMMAND LIST FILTERBY ACLCAT hyperloglog",
            "COMMAND LIST FILTERBY ACLCAT GEO",
            "COMMAND LIST filterby pattern Z*STORE",
            "COMMAND LIST FILTERBY PATTERN acl|*",
        ] {
            let names = |reply: &[u8]| {
                let value = Value::parse(reply).expect("a whole reply");
                let step = if line.contains("DOCS") { 2 } else { 1 };
                let mut names: Vec<String> = value.items.iter().step_by(step).map(shape_of).collect();
                names.sort();
                (value.kind, names)
            };
            both.same_as(line, names);
        }
    }
}

#[test]
fn keys_of_calls_are_those_of_valkey() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    for protocol in ["2", "3"] {
        both.ask(&format!("HELLO {protocol}"));
        for call in [
            "GET k",
            "GET",
            "SET k v",
            "SET k v GET",
            "SET k v EX 10 get",
            "SET k v IFEQ x",
            "MSET a 1 b 2",
            "MSET a 1 b",
            "MGET a b c",
            "DEL a",
            "PING",
            "NOSUCH x",
            "CLIENT ID",
            "CLIENT NOSUCH",
            "CONFIG",
            "OBJECT ENCODING k",
            "EVAL x 2 a b c",
            "EVAL x 0",
            "EVAL x 3 a",
            "EVAL x -1 a",
            "EVAL x y a",
            "EVALSHA_RO x 1 a b",
            "FCALL f 1 a b",
            "ZUNIONSTORE d 2 a b WEIGHTS 1 2",
            "ZUNIONSTORE d 5 a b",
            "ZINTER 2 a b",
            "ZINTERCARD 1 a LIMIT 3",
            "SINTERCARD 2 a b",
            "LMPOP 2 a b LEFT",
            "BLMPOP 0 2 a b LEFT",
            "BZMPOP 0 1 a MIN COUNT 3",
            "XREAD COUNT 2 STREAMS a b 0 0",
            "XREAD STREAMS a b 0",
            "XREADGROUP GROUP g c STREAMS a >",
            "XREADGROUP GROUP g streams NOACK STREAMS a >",
            "SORT k BY w* GET o* STORE d",
            "SORT k STORE a STORE b",
            "SORT k LIMIT 0 1",
            "SORT_RO k BY w*",
            "GEORADIUS g 1 1 1 km STORE a STOREDIST b",
            "GEORADIUS g 1 1 1 km",
            "GEORADIUSBYMEMBER g m 1 km STORE d",
            "GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 km",
            "BITOP AND d a b",
            "BITFIELD k GET u8 0",
            "BITFIELD k SET u8 0 1",
            "PFMERGE d",
            "PFMERGE d a b",
            "COPY a b",
            "RENAME a b",
            "LMOVE a b LEFT RIGHT",
            "RPOPLPUSH a b",
            "BLPOP a b 0",
            "BLPOP 0",
            "SMOVE a b m",
            "SUBSCRIBE c",
            "SPUBLISH c m",
            "SSUBSCRIBE a b",
            "XGROUP CREATE s g 0",
            "XINFO STREAM s",
            "MEMORY USAGE k",
            "HSETEX h FIELDS 1 f v",
            "DELIFEQ k v",
            "MSETEX 2 a 1 b 2 EX 10",
            "MSETEX 3 a 1 b 2",
            "TOUCH a b",
            "UNLINK a",
            "WATCH a b",
            "EXISTS a a",
            "LCS a b",
        ] {
            both.same(&format!("COMMAND GETKEYS {call}"));
            both.same(&format!("COMMAND GETKEYSANDFLAGS {call}"));
        }
    }
}
