//! Group *server*, as far as this stage goes: <https://valkey.io/commands/#server>.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};

/// The family.
pub const FAMILY: Family =
    Family { name: "server", group: "server", weight: 20, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(2, command),
    row(3, command_count),
    row(4, command_docs),
    row(4, command_getkeys),
    row(4, command_getkeysandflags),
    row(3, command_help),
    row(4, command_info),
    row(12, command_list),
    row(12, |g| log(g, "SLOWLOG")),
    row(28, |g| log(g, "COMMANDLOG")),
    row(4, slow_commands),
    row(6, config_get),
    row(3, |g| words(g, "CONFIG HELP")),
    row(2, config_resetstat),
    row(3, |g| words(g, "CONFIG REWRITE")),
    row(12, config_set),
    row(4, |g| words(g, "DBSIZE")),
    row(8, debug),
    row(3, flush),
    row(5, info),
    row(3, |g| words(g, "LATENCY DOCTOR")),
    row(3, latency_graph),
    row(3, |g| words(g, "LATENCY HELP")),
    row(3, latency_histogram),
    row(3, latency_history),
    row(3, |g| words(g, "LATENCY LATEST")),
    row(3, latency_reset),
    row(5, lolwut),
    row(3, |g| words(g, "MEMORY DOCTOR")),
    row(3, |g| words(g, "MEMORY HELP")),
    row(3, |g| words(g, "MEMORY MALLOC-STATS")),
    row(3, |g| words(g, "MEMORY PURGE")),
    row(3, |g| words(g, "MEMORY STATS")),
    row(8, memory_usage),
    row(3, shutdown_refused),
    row(4, swapdb),
    row(3, |g| words(g, "TIME")),
    row(3, function_flush),
    row(3, unknown_subcommand),
];

fn words(g: &mut Gen, name: &str) {
    g.push(Command::new(name));
}

/// Commands whose description is asked for, some of them unknown.
const NAMES: &[&str] = &[
    "get",
    "set",
    "mset",
    "msetex",
    "bitfield",
    "getex",
    "expire",
    "scan",
    "copy",
    "lcs",
    "pfmerge",
    "client",
    "client|kill",
    "config|get",
    "object|encoding",
    "multi",
    "exec",
    "hello",
    "auth",
    "select",
    "command|docs",
    "bitop",
    "delifeq",
    "setrange",
    "nope",
    "client|nope",
    "GET",
    "memory|usage",
    "swapdb",
    "flushall",
    "quit",
    "reset",
    "info",
    "restore|x",
];

fn command(g: &mut Gen) {
    words(g, "COMMAND");
}

fn command_count(g: &mut Gen) {
    words(g, "COMMAND COUNT");
}

fn command_help(g: &mut Gen) {
    words(g, "COMMAND HELP");
}

fn some_names(g: &mut Gen, command: Command) -> Command {
    let mut command = command;
    for _ in 0..1 + g.rng.below(3) {
        command = command.arg(g.rng.pick(NAMES));
    }
    command
}

fn command_docs(g: &mut Gen) {
    let command = some_names(g, Command::new("COMMAND DOCS"));
    g.push(command);
}

fn command_info(g: &mut Gen) {
    let command = some_names(g, Command::new("COMMAND INFO"));
    g.push(command);
}

/// A whole command for COMMAND GETKEYS, not always a valid one.
fn whole_command(g: &mut Gen, command: Command) -> Command {
    let examples: &[&[&str]] = &[
        &["GET", "k"],
        &["MSET", "a", "1", "b", "2"],
        &["MSETEX", "2", "a", "1", "b", "2", "NX"],
        &["MSETEX", "9", "a", "1"],
        &["SET", "k", "v", "GET"],
        &["COPY", "a", "b", "DB", "1"],
        &["BITOP", "AND", "d", "a", "b"],
        &["BITFIELD", "k", "GET", "u8", "0"],
        &["PFMERGE", "d", "a", "b"],
        &["PFCOUNT", "a", "b"],
        &["LCS", "a", "b", "IDX"],
        &["OBJECT", "ENCODING", "k"],
        &["MEMORY", "USAGE", "k"],
        &["DEL", "a", "b", "c"],
        &["RENAME", "a", "b"],
        &["WATCH", "a", "b"],
        &["PING"],
        &["CONFIG", "GET", "x"],
        &["GET"],
        &["NOPE", "a"],
        &["set", "k", "v", "EX", "10"],
    ];
    command.args(*g.rng.pick(examples))
}

fn command_getkeys(g: &mut Gen) {
    let command = whole_command(g, Command::new("COMMAND GETKEYS"));
    g.push(command);
}

fn command_getkeysandflags(g: &mut Gen) {
    let command = whole_command(g, Command::new("COMMAND GETKEYSANDFLAGS"));
    g.push(command);
}

fn command_list(g: &mut Gen) {
    let mut command = Command::new("COMMAND LIST");
    if g.rng.percent(92) {
        command = command.token("FILTERBY");
        command = match g.rng.below(10) {
            0..3 => command.token("MODULE").arg("nope"),
            3..6 => {
                let category = *g.rng.pick(&[
                    "string",
                    "keyspace",
                    "bitmap",
                    "hyperloglog",
                    "transaction",
                    "fast",
                    "nope",
                    "",
                ]);
                command.token("ACLCAT").arg(category)
            }
            6..9 => {
                command.token("PATTERN").arg(g.rng.pick(&["*get*", "xx", "", "set?", "client|*", "bit*"]))
            }
            _ => command.arg("nope").arg("x"),
        };
    }
    g.push(command);
}

const LOG_TYPES: &[&str] = &["SLOW", "LARGE-REQUEST", "LARGE-REPLY"];

/// SLOWLOG and COMMANDLOG over logs that are empty, but for what `slow_commands` puts in.
fn log(g: &mut Gen, container: &str) {
    let count = *g.rng.pick(&["0", "1", "1", "10", "-1", "-2", "x"]);
    let names = [
        ("GET", true),
        ("GET", true),
        ("LEN", false),
        ("LEN", false),
        ("RESET", false),
        ("RESET", false),
        ("HELP", false),
    ];
    let (name, takes_count) = *g.rng.pick(&names);
    let mut command = Command::new(&format!("{container} {name}"));
    let typed = container == "COMMANDLOG" && name != "HELP";
    if takes_count && (typed || g.rng.percent(70)) {
        command = command.arg(count);
    }
    if typed {
        command = command.token(g.rng.pick(LOG_TYPES));
        if g.rng.percent(10) {
            command = command.arg("nope");
        }
    }
    if name == "HELP" && g.rng.percent(10) {
        command = command.arg("extra");
    }
    g.push(command);
}

/// Every command counts as slow for a while.
fn slow_commands(g: &mut Gen) {
    if g.in_multi() {
        return words(g, "DBSIZE");
    }
    g.push_exact(Command::new("CONFIG SET").arg("slowlog-log-slower-than").arg("0"));
    g.glue(Command::new("SLOWLOG RESET"));
    for _ in 0..g.rng.below(4) {
        let command = match g.rng.below(5) {
            0 => Command::new("SET").arg(g.key()).arg(g.value()),
            1 => Command::new("DEL").args((0..40).map(|n| format!("no-such-{n}"))),
            2 => Command::new("GET").arg("n:0"),
            3 => Command::new("NOPE"),
            _ => Command::new("INCR").arg("s:0"),
        };
        g.glue(command);
    }
    let read = *g.rng.pick(&["SLOWLOG GET", "SLOWLOG LEN", "COMMANDLOG GET"]);
    let read = if read == "COMMANDLOG GET" {
        Command::new(read).arg("-1").token("SLOW")
    } else {
        Command::new(read)
    };
    g.glue(read);
    g.glue(Command::new("CONFIG SET").arg("slowlog-log-slower-than").arg("-1"));
    g.glue(Command::new("SLOWLOG LEN"));
}

/// Parameters that sequences change, with values both valid and not. [`super::super::side`] sets them back before
/// each sequence. None makes an outcome depend on the moment or on the amount of memory.
pub const PARAMETERS: &[(&str, &[&str])] = &[
    ("maxmemory-policy", &["noeviction", "allkeys-lfu", "volatile-ttl", "nope", ""]),
    ("maxmemory-samples", &["5", "10", "0", "65", "x"]),
    ("lfu-log-factor", &["10", "0", "-1", "x"]),
    ("lfu-decay-time", &["1", "0", "-1"]),
    ("timeout", &["0", "100000", "-1", "x"]),
    ("tcp-keepalive", &["300", "0", "-1"]),
    ("hz", &["10", "50", "x"]),
    ("lazyfree-lazy-user-del", &["yes", "no", "maybe"]),
    ("lazyfree-lazy-expire", &["yes", "no", "1"]),
    ("hash-max-listpack-entries", &["512", "128", "-1", "1kb"]),
    ("hash-max-ziplist-entries", &["256", "x"]),
    ("hash-max-listpack-value", &["64", "20", "x"]),
    ("list-max-listpack-size", &["-2", "128", "x"]),
    ("list-compress-depth", &["0", "1", "-1"]),
    ("set-max-intset-entries", &["512", "100", "9223372036854775808"]),
    ("set-max-listpack-entries", &["128", "64", "x"]),
    ("set-max-listpack-value", &["64", "20", "-1"]),
    ("zset-max-listpack-entries", &["128", "64", "x"]),
    ("zset-max-listpack-value", &["64", "20", "-1"]),
    ("stream-node-max-bytes", &["4096", "0", "x"]),
    ("stream-node-max-entries", &["100", "10", "-1"]),
    ("proto-max-bulk-len", &["512mb", "536870912", "1", "2mb", "x"]),
    ("client-query-buffer-limit", &["1gb", "1", "2gb"]),
    (
        "client-output-buffer-limit",
        &[
            "normal 0 0 0",
            "pubsub 32mb 8mb 60",
            "slave 256mb 64mb 60",
            "nope 0 0 0",
            "normal 0 0",
            "normal x 0 0",
        ],
    ),
    ("notify-keyspace-events", &["", "KEA", "Kg$", "A", "nope!"]),
    ("latency-tracking", &["yes", "no", "x"]),
    ("latency-tracking-info-percentiles", &["50 99 99.9", "", "101", "x"]),
    ("latency-monitor-threshold", &["0", "1000000", "-1"]),
    ("slowlog-max-len", &["128", "1000", "-1"]),
    ("commandlog-slow-execution-max-len", &["128", "64", "x"]),
    ("appendfsync", &["everysec", "always", "no", "nope"]),
    ("no-appendfsync-on-rewrite", &["yes", "no", "2"]),
    ("hll-sparse-max-bytes", &["3000", "100", "0", "x"]),
    ("busy-reply-threshold", &["5000", "1000", "x"]),
    ("lua-time-limit", &["5000", "x"]),
    ("maxmemory-clients", &["0", "1gb", "-101%", "x"]),
    ("maxclients", &["10000", "5000", "0", "x"]),
    ("loglevel", &["notice", "warning", "nope"]),
    ("active-expire-effort", &["1", "10", "11", "0"]),
    ("repl-backlog-size", &["1mb", "10mb", "0", "x"]),
    ("min-replicas-max-lag", &["10", "0", "x"]),
    ("databases", &["16", "32"]),
    ("port-nope", &["1"]),
    ("appendfilename", &["x"]),
];

fn config_get(g: &mut Gen) {
    let patterns = [
        "maxmemory",
        "maxmemory*",
        "*max-listpack*",
        "*",
        "nope",
        "",
        "SAVE",
        "appendonly",
        "lazyfree*",
        "port*",
        "slave*",
        "hz",
    ];
    let mut command = Command::new("CONFIG GET");
    for _ in 0..1 + g.rng.below(3) {
        if g.rng.percent(60) {
            let (name, _) = g.rng.pick(PARAMETERS);
            command = command.arg(name);
        } else {
            command = command.arg(g.rng.pick(&patterns));
        }
    }
    g.push(command);
}

fn config_set(g: &mut Gen) {
    let mut command = Command::new("CONFIG SET");
    for _ in 0..if g.rng.percent(75) { 1 } else { 1 + g.rng.below(3) } {
        let (name, values) = *g.rng.pick(PARAMETERS);
        let value = *g.rng.pick(values);
        command =
            command.arg(if g.rng.percent(10) { name.to_uppercase() } else { name.to_owned() }).arg(value);
    }
    g.push(command);
}

fn config_resetstat(g: &mut Gen) {
    words(g, "CONFIG RESETSTAT");
}

fn debug(g: &mut Gen) {
    let key = g.key();
    let other = g.key();
    let types = [
        "string", "integer", "double", "null", "array", "set", "map", "attrib", "push", "verbatim", "true",
        "false", "bignum", "nope",
    ];
    let command = match g.rng.below(16) {
        0 | 1 => Command::new("DEBUG DIGEST"),
        2 | 3 => Command::new("DEBUG DIGEST-VALUE").arg(key).arg(other),
        4 | 5 => Command::new("DEBUG OBJECT").arg(key),
        6 => Command::new("DEBUG SLEEP").arg("0"),
        7..11 => Command::new("DEBUG PROTOCOL").arg(g.rng.pick(&types)),
        11 => Command::new("DEBUG ERROR").arg(g.rng.pick(&["ERR something", "MYERR text", "-MINE x", ""])),
        12 => Command::new("DEBUG LOG").arg("a line"),
        13 => Command::new("DEBUG STRINGMATCH-LEN").arg(g.pattern()).arg(g.short_value()),
        14 => Command::new("DEBUG REPLYBUFFER RESIZING").arg("1"),
        _ => Command::new("DEBUG NOPE"),
    };
    g.push(command);
}

/// The flush commands in one run, so that the keyspace is emptied less often than they are tested.
fn flush(g: &mut Gen) {
    for _ in 0..4 {
        let name = *g.rng.pick(&["FLUSHALL", "FLUSHDB"]);
        let mode = *g.rng.pick(&["", "ASYNC", "SYNC", "ASYNC", "SYNC", "NOPE"]);
        let command = Command::new(name);
        let command = if mode.is_empty() { command } else { command.token(mode) };
        if g.rng.percent(6) {
            g.push_exact(command.arg("extra"));
        } else {
            g.push(command);
        }
    }
}

fn info(g: &mut Gen) {
    let sections = [
        "server",
        "clients",
        "memory",
        "persistence",
        "stats",
        "replication",
        "cpu",
        "commandstats",
        "errorstats",
        "latencystats",
        "cluster",
        "keyspace",
        "keyspace",
        "all",
        "default",
        "everything",
        "nope",
        "KEYSPACE",
    ];
    let mut command = Command::new("INFO");
    for _ in 0..g.rng.below(3) {
        command = command.arg(g.rng.pick(&sections));
    }
    g.push(command);
}

/// Events that the latency monitor knows; it is off, so there is no history.
const EVENTS: &[&str] = &["command", "fast-command", "expire-cycle", "nope", ""];

fn latency_graph(g: &mut Gen) {
    let command = Command::new("LATENCY GRAPH").arg(g.rng.pick(EVENTS));
    g.push(command);
}

fn latency_history(g: &mut Gen) {
    let command = Command::new("LATENCY HISTORY").arg(g.rng.pick(EVENTS));
    g.push(command);
}

fn latency_reset(g: &mut Gen) {
    let mut command = Command::new("LATENCY RESET");
    for _ in 0..g.rng.below(3) {
        command = command.arg(g.rng.pick(EVENTS));
    }
    g.push(command);
}

fn latency_histogram(g: &mut Gen) {
    let mut command = Command::new("LATENCY HISTOGRAM");
    for _ in 0..g.rng.below(3) {
        command = command.arg(g.rng.pick(&["get", "set", "config|get", "nope", "client", "SET"]));
    }
    g.push(command);
}

fn lolwut(g: &mut Gen) {
    let mut command = Command::new("LOLWUT");
    if g.rng.percent(75) {
        command = command.token("VERSION").arg(g.rng.pick(&["1", "99", "7", "x"]));
    }
    g.push(command);
}

fn memory_usage(g: &mut Gen) {
    let mut command = Command::new("MEMORY USAGE").arg(g.key());
    if g.rng.percent(70) {
        command = command.token("SAMPLES").arg(g.rng.pick(&["0", "5", "100", "-1", "x"]));
    }
    g.push(command);
}

/// Forms of SHUTDOWN that are refused. Never spoilt: a shortened one would stop the server.
fn shutdown_refused(g: &mut Gen) {
    let forms: &[&[&str]] = &[
        &["NOPE"],
        &["SAVE", "NOSAVE"],
        &["NOSAVE", "SAVE", "NOW"],
        &["ABORT"],
        &["ABORT", "NOW"],
        &["NOW", "FORCE", "NOPE"],
        &["SAFE", "FAILOVER", "NOPE"],
    ];
    let mut command = Command::new("SHUTDOWN");
    for form in *g.rng.pick(forms) {
        command = command.token(form);
    }
    g.push_exact(command);
}

fn swapdb(g: &mut Gen) {
    let command = Command::new("SWAPDB").arg(g.database()).arg(g.database());
    g.push(command);
}

fn function_flush(g: &mut Gen) {
    let mode = *g.rng.pick(&["", "ASYNC", "SYNC", "NOPE"]);
    let command = Command::new("FUNCTION FLUSH");
    g.push(if mode.is_empty() { command } else { command.token(mode) });
}

fn unknown_subcommand(g: &mut Gen) {
    let container = *g.rng.pick(&[
        "COMMAND",
        "CONFIG",
        "MEMORY",
        "LATENCY",
        "SLOWLOG",
        "COMMANDLOG",
        "DEBUG",
        "FUNCTION",
        "OBJECT",
    ]);
    let command = Command::new(container).arg(g.rng.pick(&["NOPE", "", "get2", "x\x00y"]));
    g.push(command);
}
