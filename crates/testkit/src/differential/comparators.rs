//! How replies are compared whose bytes cannot be the same. Which ones, and why: `differences.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::differences::Call;
use crate::reply::{Value, escape};

/// What is wrong, if anything.
pub(super) type Outcome = Result<(), String>;

pub(super) fn check(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn within(left: &Value, right: &Value, tolerance: i64) -> Outcome {
    same_type(left, right)?;
    let (Some(l), Some(r)) = (left.integer(), right.integer()) else { return Err("no integer".into()) };
    check(
        l >= 0 && r >= 0 && l.abs_diff(r) <= tolerance as u64,
        "numbers are further apart than time explains",
    )
}

pub(super) fn same_type(left: &Value, right: &Value) -> Outcome {
    check(left.kind == right.kind && left.null == right.null, "the type of reply differs")
}

/// Seconds, up to three apart: the two servers are asked at the same time, on a busy machine.
pub fn within_seconds(_: &Call, left: &Value, right: &Value) -> Outcome {
    within(left, right, 3)
}

/// Milliseconds, up to 3000 apart.
pub fn within_milliseconds(_: &Call, left: &Value, right: &Value) -> Outcome {
    within(left, right, 3000)
}

/// Seconds and microseconds.
pub fn time(_: &Call, left: &Value, right: &Value) -> Outcome {
    check(left.items.len() == 2 && right.items.len() == 2, "TIME has two elements")?;
    within(&left.items[0], &right.items[0], 3)?;
    let micros = right.items[1].integer();
    check(micros.is_some_and(|n| (0..1_000_000).contains(&n)), "microseconds are below a million")
}

/// The same type of reply, both null or neither.
pub fn same_kind(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)
}

/// Two strings, bulk or verbatim.
pub fn both_texts(_: &Call, left: &Value, right: &Value) -> Outcome {
    let is_text = |value: &Value| matches!(value.kind, b'$' | b'=') && !value.null;
    check(is_text(left) && is_text(right), "one of the replies is no string")
}

/// The same elements in any order.
pub fn same_members(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let sorted = |value: &Value| {
        let mut members: Vec<Vec<u8>> = value.items.iter().map(|item| item.text.to_vec()).collect();
        members.sort();
        members
    };
    check(sorted(left) == sorted(right), "the elements differ")
}

/// The same keys of a map, in any order; values are not compared.
pub fn same_keys(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let keys = |value: &Value| {
        // Valkey lists databases that were ever used, even empty ones; allocators differ in what they tell.
        let mut keys: Vec<String> = value.pairs().map(|(key, _)| escape(key.text, 80)).collect();
        // Valkey also lists databases that held keys once.
        keys.retain(|key| {
            !call.brasa
                || !(key.starts_with("allocator")
                    || key.starts_with("db.") && key != "db.dict.rehashing.count")
        });
        keys.sort();
        keys
    };
    same_text(&keys(left).join("\n"), &keys(right).join("\n"))
}

/// A cursor and an array.
pub fn scan(_: &Call, left: &Value, right: &Value) -> Outcome {
    let shape = |value: &Value| {
        value.kind == b'*'
            && value.items.len() == 2
            && value.items[0].kind == b'$'
            && value.items[0].text.iter().all(u8::is_ascii_digit)
            && value.items[1].kind == b'*'
    };
    check(shape(left) && shape(right), "SCAN returns a cursor and an array")
}

/// Says on which line two texts first differ: in which words, when there are as many on both sides.
pub(super) fn same_text(left: &str, right: &str) -> Outcome {
    for (l, r) in left.lines().zip(right.lines()) {
        if l != r {
            let (words, others): (Vec<&str>, Vec<&str>) = (l.split(' ').collect(), r.split(' ').collect());
            if words.len() == others.len() && words.len() > 1 {
                let pairs = words.iter().zip(&others).filter(|(l, r)| l != r);
                let text: Vec<String> = pairs.map(|(l, r)| format!("{l} against {r}")).collect();
                return Err(format!("{} ({})", escape(text.join("; ").as_bytes(), 800), words[0]));
            }
            return Err(format!(
                "\"{}\" against \"{}\"",
                escape(l.as_bytes(), 400),
                escape(r.as_bytes(), 400)
            ));
        }
    }
    let (l, r) = (left.lines().count(), right.lines().count());
    if l == r {
        Ok(())
    } else {
        let more = if l > r { left.lines().nth(r) } else { right.lines().nth(l) };
        Err(format!("{l} lines against {r}: \"{}\"", escape(more.unwrap_or_default().as_bytes(), 400)))
    }
}

/// Fields of CLIENT LIST that belong to one server or depend on the moment.
const CLIENT_FIELDS: &[&str] = &[
    "id",
    "addr",
    "laddr",
    "fd",
    "age",
    "idle",
    "qbuf",
    "qbuf-free",
    "argv-mem",
    "multi-mem",
    "watch",
    "rbs",
    "rbp",
    "obl",
    "oll",
    "omem",
    "tot-mem",
    "events",
    "io-thread",
    "tot-net-in",
    "tot-net-out",
    "tot-cmds",
];

/// Lines of CLIENT LIST: the same clients in the same order, the same fields in the same order.
pub fn client_lines(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let text = |value: &Value| {
        let mut text = String::new();
        for line in String::from_utf8_lossy(value.body()).lines() {
            for part in line.split(' ') {
                let name = part.split('=').next().unwrap_or_default();
                text += if CLIENT_FIELDS.contains(&name) { name } else { part };
                text.push(' ');
            }
            text.push('\n');
        }
        text
    };
    same_text(&text(left), &text(right))
}

/// The map of HELLO without the id; Brasa has no modules, where Valkey has Lua as one.
pub fn hello(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let text = |value: &Value| {
        let mut text = String::new();
        for (key, value) in value.pairs() {
            let masked = key.text == b"id" || (call.brasa && key.text == b"modules");
            let shown = if masked { (value.kind as char).to_string() } else { canonical(value) };
            let _ = writeln!(text, "{} {shown}", escape(key.text, 40));
        }
        text
    };
    same_text(&text(left), &text(right))
}

/// CLIENT GETREDIR and TRACKINGINFO without the number of the client that is told instead, but whether there is one.
pub fn redirect(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    fn text(value: &Value) -> String {
        match value.kind {
            b':' if value.integer().is_some_and(|id| id > 0) => "a client".to_owned(),
            _ if value.is_aggregate() => {
                let parts: Vec<String> = value.items.iter().map(text).collect();
                format!("{}[{}]", value.kind as char, parts.join(" "))
            }
            _ => canonical(value),
        }
    }
    same_text(&text(left), &text(right))
}

/// A value as text that tells types and structure; sets and maps sorted.
pub(super) fn canonical(value: &Value) -> String {
    let mut parts: Vec<String> = match value.kind {
        b'%' => {
            value.pairs().map(|(key, value)| format!("{}={}", canonical(key), canonical(value))).collect()
        }
        _ => value.items.iter().map(canonical).collect(),
    };
    if matches!(value.kind, b'~' | b'%') {
        parts.sort();
    }
    match value.kind {
        b'*' | b'~' | b'%' | b'>' if !value.null => format!("{}[{}]", value.kind as char, parts.join(" ")),
        kind => {
            format!("{}{}", kind as char, if value.null { "null".into() } else { escape(value.text, 10_000) })
        }
    }
}

/// Parameters whose values belong to one server or its machine.
const CONFIG_VALUES: &[&str] = &[
    "dir",
    "logfile",
    "pidfile",
    "port",
    "bind",
    "unixsocket",
    "io-threads",
    "bind-source-addr",
    "locale-collate",
    "proc-title-template",
    "oom-score-adj-values",
    "rdb-version-check",
    "availability-zone",
    "log-format",
    "watchdog-period",
    "io-threads-do-reads",
];

/// Parameters of Brasa that Valkey does not have.
const OWN_PARAMETERS: &[&[u8]] =
    &[b"effect-log", b"effect-log-dir", b"io-poller", b"key-sharding", b"shards", b"transit-encryption-mode"];

/// The same parameters with the same values, in any order.
pub fn config_get(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let text = |value: &Value| {
        let mut lines: Vec<String> = value
            .pairs()
            .filter(|(name, _)| !call.brasa || !OWN_PARAMETERS.contains(&name.text))
            .map(|(name, value)| {
                let name = escape(name.text, 100);
                let masked = CONFIG_VALUES.contains(&name.as_str());
                format!("{name} {}", if masked { String::new() } else { escape(value.text, 1000) })
            })
            .collect();
        lines.sort();
        lines.join("\n")
    };
    same_text(&text(left), &text(right))
}

/// Entries of the slow log: id, moment, duration and address are one server's; words and name are compared.
pub fn slowlog(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let text = |value: &Value| {
        let mut text = String::new();
        for entry in &value.items {
            let kinds: String = entry.items.iter().map(|item| item.kind as char).collect();
            let (words, name) = (entry.items.get(3).map(canonical), entry.items.get(5).map(canonical));
            let _ = writeln!(text, "{kinds} {} {}", words.unwrap_or_default(), name.unwrap_or_default());
        }
        text
    };
    same_text(&text(left), &text(right))
}

/// The same commands; each with its calls and a histogram.
pub fn latency_histogram(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let text = |value: &Value| {
        let mut lines: Vec<String> = value
            .pairs()
            // Valkey calls CONFIG GET itself when FUNCTION FLUSH sets up its interpreter anew.
            .filter(|(name, _)| !call.brasa || name.text != b"config|get")
            .map(|(name, fields)| {
                let names: Vec<String> = fields.pairs().map(|(key, _)| escape(key.text, 40)).collect();
                format!("{} {}", escape(name.text, 60), names.join(" "))
            })
            .collect();
        lines.sort();
        lines.join("\n")
    };
    same_text(&text(left), &text(right))
}

/// `encoding` and `refcount`; the address, the clock and the serialized length are one server's.
pub fn debug_object(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let text = |value: &Value| {
        let line = String::from_utf8_lossy(value.text).into_owned();
        let masked =
            ["at", "serializedlength", "lru", "lru_seconds_idle", "lfu_freq", "lfu_access_time_minutes"];
        line.split(' ')
            .map(|part| {
                part.split(':').next().filter(|name| masked.contains(name)).unwrap_or(part).to_owned()
            })
            .filter(|part| !part.starts_with("0x"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    same_text(&text(left), &text(right))
}

/// True when a command, named with `|`, is compared: any between two real servers.
fn in_stage(call: &Call, name: &[u8]) -> bool {
    !call.brasa || call.stage.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// COMMAND and COMMAND INFO: entries of this stage by name, subcommands too; notes of key specs are prose.
pub fn command_info(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    // Without names, in the order of a hash table.
    let all = call.argv.len() < 3;
    let text = |value: &Value| {
        let mut lines: Vec<String> = value
            .items
            .iter()
            .filter(|entry| !all || entry.items.first().is_some_and(|name| in_stage(call, name.text)))
            .map(|entry| command_entry(call, entry))
            .collect();
        if all {
            lines.sort();
        }
        lines.join("\n")
    };
    same_text(&text(left), &text(right))
}

fn command_entry(call: &Call, entry: &Value) -> String {
    let mut parts = Vec::new();
    for (index, item) in entry.items.iter().enumerate() {
        parts.push(match index {
            8 => {
                let specs = item.items.iter().map(|spec| without(spec, &[b"notes"]));
                format!("specs[{}]", specs.collect::<Vec<_>>().join(" "))
            }
            9 => {
                let named =
                    |nested: &&Value| nested.items.first().is_some_and(|name| in_stage(call, name.text));
                let mut nested: Vec<String> =
                    item.items.iter().filter(named).map(|nested| command_entry(call, nested)).collect();
                nested.sort();
                format!("subcommands[{}]", nested.join(" "))
            }
            _ => canonical(item),
        });
    }
    if entry.null { "null".into() } else { parts.join(" ") }
}

/// A map, or a flat array that stands for one, sorted and without some keys.
fn without(map: &Value, keys: &[&[u8]]) -> String {
    let pairs: BTreeMap<&[u8], String> = map
        .pairs()
        .filter(|(key, _)| !keys.contains(&key.text))
        .map(|(key, value)| {
            // Arguments nest, each with its own prose.
            let nested = key.text == b"arguments" && keys.contains(&&b"summary"[..]);
            let shown = if nested {
                value
                    .items
                    .iter()
                    .map(|argument| without(argument, &[b"summary"]))
                    .collect::<Vec<_>>()
                    .join(" ")
            } else {
                canonical(value)
            };
            (key.text, shown)
        })
        .collect();
    let parts: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}={value}", escape(key, 40))).collect();
    format!("{}{{{}}}", map.kind as char, parts.join(" "))
}

/// COMMAND DOCS: structure without prose (summary, complexity, history).
pub fn command_docs(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let text = |value: &Value| {
        let mut lines: Vec<String> = value
            .pairs()
            .filter(|(name, _)| in_stage(call, name.text))
            .map(|(name, doc)| docs_entry(call, &escape(name.text, 60), doc))
            .collect();
        lines.sort();
        lines.join("\n")
    };
    same_text(&text(left), &text(right))
}

fn docs_entry(call: &Call, name: &str, doc: &Value) -> String {
    let prose: &[&[u8]] =
        &[b"summary", b"complexity", b"history", b"subcommands", b"replaced_by", b"arguments"];
    let mut text = format!("{name} {}", without(doc, prose));
    if let Some((_, arguments)) = doc.pairs().find(|(key, _)| key.text == b"arguments") {
        text += &docs_arguments(arguments);
    }
    if let Some((_, subcommands)) = doc.pairs().find(|(key, _)| key.text == b"subcommands") {
        let mut nested: Vec<String> = subcommands
            .pairs()
            .filter(|(name, _)| in_stage(call, name.text))
            .map(|(name, doc)| docs_entry(call, &escape(name.text, 60), doc))
            .collect();
        nested.sort();
        let _ = write!(text, " ({})", nested.join("; "));
    }
    text
}

/// Arguments of COMMAND DOCS, each a map with perhaps arguments of its own.
fn docs_arguments(arguments: &Value) -> String {
    let mut text = String::new();
    for argument in &arguments.items {
        let _ = write!(text, " {}", without(argument, &[b"summary", b"arguments"]));
        if let Some((_, nested)) = argument.pairs().find(|(key, _)| key.text == b"arguments") {
            let _ = write!(text, "({} )", docs_arguments(nested));
        }
    }
    text
}

/// COMMAND LIST: the names of this stage.
pub fn command_list(call: &Call, left: &Value, right: &Value) -> Outcome {
    let text = |value: &Value| {
        let names = value.items.iter().filter(|name| in_stage(call, name.text));
        let mut names: Vec<String> = names.map(|name| escape(name.text, 60)).collect();
        names.sort();
        names.join("\n")
    };
    same_type(left, right)?;
    same_text(&text(left), &text(right))
}

/// Fields of INFO that clients and suites read: Brasa must have them where Valkey has them.
const INFO_FIELDS: &[&str] = &[
    "redis_version",
    "server_name",
    "valkey_version",
    "server_mode",
    "os",
    "arch_bits",
    "process_id",
    "run_id",
    "tcp_port",
    "uptime_in_seconds",
    "uptime_in_days",
    "hz",
    "configured_hz",
    "lru_clock",
    "executable",
    "config_file",
    "connected_clients",
    "maxclients",
    "blocked_clients",
    "tracking_clients",
    "pubsub_clients",
    "watching_clients",
    "total_blocking_keys",
    "total_blocking_keys_on_nokey",
    "used_memory",
    "used_memory_human",
    "used_memory_rss",
    "used_memory_peak",
    "maxmemory",
    "maxmemory_human",
    "maxmemory_policy",
    "mem_fragmentation_ratio",
    "mem_allocator",
    "mem_not_counted_for_evict",
    "mem_clients_normal",
    "lazyfree_pending_objects",
    "loading",
    "async_loading",
    "rdb_changes_since_last_save",
    "rdb_bgsave_in_progress",
    "rdb_last_save_time",
    "rdb_last_bgsave_status",
    "aof_enabled",
    "aof_rewrite_in_progress",
    "aof_rewrite_scheduled",
    "aof_last_write_status",
    "total_connections_received",
    "total_commands_processed",
    "instantaneous_ops_per_sec",
    "total_net_input_bytes",
    "total_net_output_bytes",
    "rejected_connections",
    "sync_full",
    "sync_partial_ok",
    "sync_partial_err",
    "expired_keys",
    "evicted_keys",
    "evicted_clients",
    "keyspace_hits",
    "keyspace_misses",
    "pubsub_channels",
    "pubsub_patterns",
    "total_forks",
    "total_error_replies",
    "acl_access_denied_auth",
    "role",
    "connected_slaves",
    "master_failover_state",
    "master_replid",
    "master_repl_offset",
    "used_cpu_sys",
    "used_cpu_user",
    "cluster_enabled",
];

/// Fields of INFO whose values follow from the commands alone.
const INFO_VALUES: &[&str] = &[
    "redis_version",
    "server_name",
    "valkey_version",
    "server_mode",
    "arch_bits",
    "maxmemory",
    "maxmemory_policy",
    "maxclients",
    "loading",
    "aof_enabled",
    "role",
    "connected_slaves",
    "master_failover_state",
    "cluster_enabled",
    "blocked_clients",
    "tracking_clients",
    "hz",
];

/// Sections of INFO that only Valkey has.
const INFO_SECTIONS: &[&str] = &["Modules", "TLS", "Cluster Info", "Scripting Engines"];

/// INFO: sections, the fields that others read, the values that are determined.
pub fn info(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let (left, right) = (info_fields(left), info_fields(right));
    for (section, fields) in &left {
        if call.brasa && INFO_SECTIONS.contains(&section.as_str()) {
            continue;
        }
        let Some(ours) = right.get(section) else { return Err(format!("no section {section}")) };
        for (name, value) in fields {
            let known = INFO_FIELDS.contains(&name.as_str()) || section == "Keyspace";
            match ours.get(name) {
                // Between two real servers every field must be there, but for what has happened to be counted.
                None if known || !(call.brasa || section.ends_with("stats")) => {
                    return Err(format!("{section} has no {name}"));
                }
                Some(own) if INFO_VALUES.contains(&name.as_str()) && own != value => {
                    return Err(format!("{name} is {own}, not {value}"));
                }
                Some(own) if section == "Keyspace" => same_text(&database_line(value), &database_line(own))?,
                _ => {}
            }
        }
    }
    let extra = right.keys().find(|section| !left.contains_key(*section));
    extra.map_or(Ok(()), |section| Err(format!("a section {section} that was not asked for")))
}

fn info_fields(value: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut current = String::new();
    for line in String::from_utf8_lossy(value.body()).lines() {
        if let Some(title) = line.strip_prefix("# ") {
            current = title.to_owned();
            sections.entry(current.clone()).or_default();
        } else if let Some((name, value)) = line.split_once(':') {
            sections.entry(current.clone()).or_default().insert(name.to_owned(), value.to_owned());
        }
    }
    sections
}

/// `keys=3,expires=1,avg_ttl=...`: how many keys, how many of them with an expiry.
fn database_line(text: &str) -> String {
    text.split(',').filter(|part| !part.starts_with("avg_ttl")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Vec<u8> {
        format!("${}\r\n{text}\r\n", text.len()).into_bytes()
    }

    fn compare(by: fn(&Call, &Value, &Value) -> Outcome, left: &[u8], right: &[u8]) -> Outcome {
        let call = Call { argv: &[b"X".to_vec()], stage: &["get".to_owned()], brasa: true };
        by(&call, &Value::parse(left).unwrap(), &Value::parse(right).unwrap())
    }

    #[test]
    fn client_lines_compare_names_and_settled_fields() {
        let line = |id: &str, name: &str| bulk(&format!("id={id} addr=1:{id} name={name} db=0\n"));
        assert_eq!(compare(client_lines, &line("3", "a"), &line("77", "a")), Ok(()));
        assert!(compare(client_lines, &line("3", "a"), &line("3", "b")).is_err());
        assert!(compare(client_lines, &line("3", "a"), &bulk("id=3 name=a db=0\n")).is_err());
    }

    #[test]
    fn info_wants_sections_fields_and_settled_values() {
        let left = bulk(
            "# Server\r\nredis_version:7.2.4\r\nodd:1\r\n\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=5\r\n",
        );
        let good =
            bulk("# Server\r\nredis_version:7.2.4\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=9\r\n");
        assert_eq!(compare(info, &left, &good), Ok(()));
        for bad in [
            "# Server\r\nredis_version:7.2.4\r\n",
            "# Server\r\nredis_version:7.2.5\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=5\r\n",
            "# Server\r\nredis_version:7.2.4\r\n# Keyspace\r\ndb0:keys=2,expires=0,avg_ttl=5\r\n",
            "# Server\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=5\r\n",
        ] {
            assert!(compare(info, &left, &bulk(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn command_lists_compare_the_stage_only() {
        let list = |names: &[&str]| {
            let mut out = format!("*{}\r\n", names.len()).into_bytes();
            names.iter().for_each(|name| out.extend_from_slice(&bulk(name)));
            out
        };
        assert_eq!(compare(command_list, &list(&["xadd", "get"]), &list(&["get"])), Ok(()));
        assert!(compare(command_list, &list(&["get"]), &list(&["xadd"])).is_err());
    }
}
