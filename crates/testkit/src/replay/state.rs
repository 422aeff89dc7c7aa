//! Everything that a node holds and that effects must carry over.

use std::collections::BTreeMap;
use std::io;

use crate::client::{Client, Finish};
use crate::reply::{Value, escape};

/// What an effect does not carry: when a consumer was last seen, and how a stream lies in memory.
const LEFT_OUT: [&[u8]; 4] = [b"seen-time", b"active-time", b"radix-tree-keys", b"radix-tree-nodes"];

/// All keys of all databases: digest, expiries, consumer groups.
#[derive(Debug)]
pub struct State {
    digest: Vec<u8>,
    /// By database and key.
    keys: BTreeMap<(usize, Vec<u8>), Entry>,
}

/// What two states differ in.
#[derive(Debug)]
pub struct Difference {
    /// The first key, with its database; `None` when only the digests differ.
    pub first: Option<(usize, Vec<u8>)>,
    /// A report.
    pub text: String,
}

/// One key.
#[derive(Debug)]
struct Entry {
    /// What must be the same elsewhere.
    facts: String,
    /// The value in words, for reports: members of sets and hashes come in an order of their own.
    value: String,
}

impl State {
    /// That of a node nobody else writes to.
    pub fn of(client: &mut Client) -> io::Result<State> {
        let mut keys = BTreeMap::new();
        for database in 0..16 {
            client.command(&["SELECT", &database.to_string()])?;
            let reply = client.command(&["KEYS", "*"])?;
            let Some(names) = Value::parse(&reply) else { return Err(io::Error::other("KEYS gives a list")) };
            for name in &names.items {
                keys.insert((database, name.text.to_vec()), describe(client, name.text)?);
            }
        }
        Ok(State { digest: client.command(&["DEBUG", "DIGEST"])?, keys })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What the other has not, or has otherwise.
    pub fn difference(&self, other: &State) -> Option<Difference> {
        let facts = |state: &State, name| state.keys.get(name).map(|entry| entry.facts.clone());
        let mut names: Vec<_> = self.keys.keys().chain(other.keys.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| facts(self, name) != facts(other, name));
        if names.is_empty() && self.digest == other.digest {
            return None;
        }
        let mut text = format!("{} keys differ\n", names.len());
        for name in names.iter().take(3) {
            let (database, key) = name;
            text += &format!("key \"{}\" of database {database}:\n", escape(key, 200));
            for (who, state) in [("killed  ", self), ("replayed", other)] {
                text += &match state.keys.get(*name) {
                    Some(entry) => format!("  {who} {}\n           {}\n", entry.facts, entry.value),
                    None => format!("  {who} is not there\n"),
                };
            }
        }
        if names.is_empty() {
            text += &format!(
                "DEBUG DIGEST: killed {}, replayed {}\n",
                escape(&self.digest, 50),
                escape(&other.digest, 50)
            );
        }
        Some(Difference { first: names.first().map(|&name| name.clone()), text })
    }
}

/// What must be the same of one key, and its value in words.
fn describe(client: &mut Client, key: &[u8]) -> io::Result<Entry> {
    let reply = client.command(&[b"TYPE".as_slice(), key])?;
    let kind = String::from_utf8_lossy(&reply[1..reply.len() - 2]).into_owned();
    let mut facts: Vec<Vec<&[u8]>> = vec![vec![b"PEXPIRETIME", key], vec![b"DEBUG", b"DIGEST-VALUE", key]];
    let mut fields = Vec::new();
    let count;
    let value: Vec<&[u8]> = match kind.as_str() {
        "string" => vec![b"GETRANGE", key, b"0", b"300"],
        "list" => vec![b"LRANGE", key, b"0", b"-1"],
        "set" => vec![b"SMEMBERS", key],
        "zset" => vec![b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        "hash" => {
            let reply = client.command(&[b"HKEYS".as_slice(), key])?;
            fields.extend(
                Value::parse(&reply).into_iter().flat_map(|value| value.items).map(|f| f.text.to_vec()),
            );
            fields.sort();
            count = fields.len().to_string();
            if !fields.is_empty() {
                let mut times = vec![b"HPEXPIRETIME".as_slice(), key, b"FIELDS", count.as_bytes()];
                times.extend(fields.iter().map(Vec::as_slice));
                facts.push(times);
            }
            vec![b"HGETALL", key]
        }
        "stream" => {
            facts.push(vec![b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]);
            vec![b"XLEN", key]
        }
        _ => vec![b"EXISTS", key],
    };
    facts.push(value);
    let replies = client.pipeline(&facts)?;
    if replies.finish != Finish::Complete {
        return Err(io::Error::other(format!("reading a value: {:?}", replies.finish)));
    }
    let mut texts: Vec<String> = (0..replies.len())
        .map(|index| {
            let mut text = String::new();
            replies.get(index).and_then(Value::parse).iter().for_each(|value| show(value, &mut text));
            text
        })
        .collect();
    let value = texts.pop().unwrap_or_default();
    Ok(Entry { facts: format!("{kind} {}", texts.join(" ")), value: escape(value.as_bytes(), 600) })
}

/// A reply in one line, without what is left out.
fn show(value: &Value, into: &mut String) {
    if !value.is_aggregate() {
        into.push_str(&if value.null { "nothing".into() } else { escape(value.text, 400) });
        return;
    }
    into.push('[');
    let mut items = value.items.iter();
    while let Some(item) = items.next() {
        if item.kind == b'$' && LEFT_OUT.contains(&item.text) {
            items.next();
            continue;
        }
        show(item, into);
        into.push(' ');
    }
    into.push(']');
}
