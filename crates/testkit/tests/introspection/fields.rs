//! Field lists: INFO, MEMORY STATS, CLIENT LIST, and HELP of all containers.

use testkit::reply::Value;

use crate::{Both, pair, sections, text};

/// Fields that this server has beyond Valkey's: at the end of their sections.
const OWN: [&str; 10] = [
    "brasa_version",
    "io_poller",
    "io_threads",
    "shards",
    "parked_clients",
    "total_parked_clients",
    "total_moved_clients",
    "used_memory_slab",
    "slab_pages_bytes",
    "used_memory_tables",
];
/// Valkey's Lua is a module, whose start asks for a parameter.
const ONLY_VALKEY: [&str; 3] = ["module", "cmdstat_config|get", "latency_percentiles_usec_config|get"];

/// What kind of value a field holds: a number stays a number, a word stays that word.
fn form(name: &str, value: &str) -> String {
    const FREE: [&str; 17] = [
        "valkey_version",
        "redis_build_id",
        "os",
        "gcc_version",
        "run_id",
        "executable",
        "config_file",
        "master_replid",
        "mem_allocator",
        "multiplexing_api",
        "monotonic_clock",
        "listener0",
        "redis_git_sha1",
        "engine_0",
        "availability_zone",
        "process_supervised",
        "arch_bits",
    ];
    if FREE.contains(&name) {
        return "text".into();
    }
    let digits = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            let c = if c.is_ascii_digit() { '9' } else { c };
            if c != '9' || !out.ends_with('9') {
                out.push(c);
            }
        }
        out
    };
    match name {
        _ if name.ends_with("_human") => "size".into(),
        _ => digits(value).replace('-', ""),
    }
}

#[test]
fn info_has_the_fields_of_valkey() {
    for threads in [1, 2] {
        let servers = pair(threads);
        let mut both = Both::connect(&servers);
        for line in
            ["SET a b", "SET b c EX 1000", "EVAL return^1 0", "GET", "SELECT 3", "SET x y", "SELECT 0"]
        {
            both.same(line);
        }
        let view = |reply: &[u8]| -> Vec<(String, Vec<String>)> {
            let shown = |(name, value): &(String, String)| {
                let known = !OWN.contains(&name.as_str()) && !ONLY_VALKEY.contains(&name.as_str());
                known.then(|| format!("{name}:{}", form(name, value)))
            };
            sections(&text(reply))
                .into_iter()
                .map(|(title, fields)| {
                    let mut fields: Vec<String> = fields.iter().filter_map(shown).collect();
                    if title.ends_with("stats") {
                        // In the order of a hash table.
                        fields.sort();
                    }
                    (title, fields)
                })
                .collect()
        };
        for asked in [
            "INFO",
            "INFO default",
            "INFO all",
            "INFO everything",
            "INFO modules",
            "INFO debug",
            "INFO all debug",
            "INFO Server CLIENTS",
            "INFO cpu nosuch",
            "INFO nosuch",
            "INFO keysizes",
            "INFO scriptingengines",
            "INFO cluster_info",
            "INFO tls",
            "INFO latencystats errorstats",
            "INFO default commandstats",
        ] {
            let seen = both.same_as(asked, view);
            assert_eq!(
                seen.is_empty(),
                asked.ends_with("nosuch") && !asked.contains("cpu") || asked.ends_with("keysizes")
            );
        }
    }
}

#[test]
fn memory_stats_has_the_fields_of_valkey() {
    let servers = pair(2);
    let mut both = Both::connect(&servers);
    for line in ["SET a b EX 1000", "SELECT 5", "SET c d", "EVAL return^1 0"] {
        both.same(line);
    }
    for protocol in ["2", "3"] {
        both.ask(&format!("HELLO {protocol}"));
        both.same_as("MEMORY STATS", |reply| {
            let value = Value::parse(reply).expect("a whole reply");
            let fields = value.pairs().map(|(name, value)| {
                let inner: Vec<_> =
                    value.pairs().map(|(name, value)| (name.text.to_vec(), value.kind)).collect();
                // Doubles of RESP2 are texts, and whole ones look like integers.
                (String::from_utf8_lossy(name.text).into_owned(), value.kind, inner)
            });
            (value.kind, fields.collect::<Vec<_>>())
        });
    }
    let [_, ours] = both.ask("MEMORY STATS");
    let stats = Value::parse(&ours).expect("a whole reply");
    let of = |name: &str| {
        let found = stats.pairs().find(|(known, _)| known.text == name.as_bytes());
        found.and_then(|(_, value)| value.integer()).unwrap_or_else(|| panic!("{name}"))
    };
    assert!(of("lua.caches") > 0 && of("functions.caches") == 0);
    assert!(of("overhead.total") > of("startup.allocated") && of("total.allocated") > of("overhead.total"));
    assert_eq!(of("keys.count"), 2);
}

#[test]
fn errors_of_the_containers_are_those_of_valkey() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    for line in [
        "MEMORY",
        "MEMORY NOSUCH",
        "MEMORY STATS x",
        "MEMORY DOCTOR x",
        "MEMORY USAGE",
        "MEMORY USAGE nokey",
        "MEMORY USAGE a b",
        "MEMORY USAGE a SAMPLES",
        "MEMORY USAGE a SAMPLES -1",
        "MEMORY USAGE a SAMPLES x",
        "MEMORY USAGE a SAMPLES 1 SAMPLES",
        "MEMORY PURGE",
        "MEMORY PURGE x",
        "MEMORY MALLOC-STATS x",
        "LATENCY",
        "LATENCY NOSUCH",
        "LATENCY HISTORY",
        "LATENCY HISTORY nosuch",
        "LATENCY GRAPH",
        "LATENCY GRAPH nosuch",
        "LATENCY RESET",
        "LATENCY RESET a b",
        "LATENCY LATEST",
        "LATENCY LATEST x",
        "LATENCY DOCTOR x",
        "LATENCY HELP x",
        "LATENCY HISTOGRAM nosuch",
        "COMMANDLOG",
        "COMMANDLOG NOSUCH",
        "COMMANDLOG GET",
        "COMMANDLOG GET 1",
        "COMMANDLOG GET x slow",
        "COMMANDLOG GET -2 slow",
        "COMMANDLOG GET 1 nosuch",
        "COMMANDLOG LEN",
        "COMMANDLOG LEN nosuch",
        "COMMANDLOG LEN slow x",
        "COMMANDLOG RESET",
        "COMMANDLOG RESET nosuch",
        "COMMANDLOG HELP x",
        "SLOWLOG",
        "SLOWLOG NOSUCH",
        "SLOWLOG GET x",
        "SLOWLOG GET -2",
        "SLOWLOG GET 1 2",
        "SLOWLOG LEN x",
        "SLOWLOG RESET x",
        "SLOWLOG HELP x",
        "CONFIG",
        "CONFIG RESETSTAT x",
        "COMMAND HELP x",
        "CLIENT",
        "CLIENT HELP x",
        "CLIENT NOSUCH",
        "OBJECT HELP x",
    ] {
        both.same(line);
    }
}

#[test]
fn containers_have_help() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    for container in [
        "ACL",
        "CLIENT",
        "COMMAND",
        "COMMANDLOG",
        "CONFIG",
        "DEBUG",
        "FUNCTION",
        "LATENCY",
        "MEMORY",
        "OBJECT",
        "PUBSUB",
        "SCRIPT",
        "SLOWLOG",
        "XGROUP",
        "XINFO",
    ] {
        both.same_as(&format!("{container} HELP"), |reply| {
            let value = Value::parse(reply).expect("a whole reply");
            assert!(
                value.items.len() >= 4 && value.items.iter().all(|line| line.kind == b'+'),
                "{container}"
            );
            let line = |at: usize| String::from_utf8_lossy(value.items[at].text).into_owned();
            // The heading, and the last entry; the words between are each server's own.
            (line(0), line(value.items.len() - 2))
        });
        // Every subcommand that COMMAND knows is explained.
        let [_, help] = both.ask(&format!("{container} HELP"));
        let help = String::from_utf8_lossy(&help).into_owned();
        let [_, list] =
            both.ask(&format!("COMMAND LIST FILTERBY PATTERN {}|*", container.to_ascii_lowercase()));
        let list = Value::parse(&list).expect("a whole reply");
        for name in &list.items {
            let name = String::from_utf8_lossy(name.text).to_ascii_uppercase();
            let (_, sub) = name.split_once('|').expect("a subcommand");
            assert!(help.lines().any(|line| line.trim_start_matches('+').starts_with(sub)), "{name}");
        }
    }
}
