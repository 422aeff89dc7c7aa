//! Commands for scripts and functions (<https://valkey.io/commands/#scripting>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{flag, integer, key, oneof, string};
use super::key_spec::{ro, rw};
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[&EVAL, &EVAL_RO, &EVALSHA, &EVALSHA_RO, &FCALL, &FCALL_RO, &FUNCTION, &SCRIPT];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Scripting, name, arity, since, complexity)
}

pub static EVAL: Facts = row("eval", -3, "2.6.0", "That of the script")
    .summary("Runs a script.")
    .flags(&[
        Flags::NOSCRIPT,
        Flags::STALE,
        Flags::SKIP_MONITOR,
        Flags::NO_MANDATORY_KEYS,
        Flags::MAY_REPLICATE,
    ])
    .keys(&[rw(2)
        .access()
        .update()
        .keynum(0, 1, 1)
        .notes("What the script does is unknown; it may read and write.")])
    .args(&[
        string("script"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]);

pub static EVAL_RO: Facts = row("eval_ro", -3, "7.0.0", "That of the script")
    .summary("Runs a script that only reads.")
    .flags(&[Flags::READONLY, Flags::NOSCRIPT, Flags::STALE, Flags::SKIP_MONITOR, Flags::NO_MANDATORY_KEYS])
    .keys(&[ro(2).access().keynum(0, 1, 1).notes("What the script does is unknown; it may read.")])
    .args(&[
        string("script"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]);

pub static EVALSHA: Facts = row("evalsha", -3, "2.6.0", "That of the script")
    .summary("Runs a cached script, named by its digest.")
    .flags(&[
        Flags::NOSCRIPT,
        Flags::STALE,
        Flags::SKIP_MONITOR,
        Flags::NO_MANDATORY_KEYS,
        Flags::MAY_REPLICATE,
    ])
    .keys(&[rw(2).access().update().keynum(0, 1, 1)])
    .args(&[
        string("sha1"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]);

pub static EVALSHA_RO: Facts = row("evalsha_ro", -3, "7.0.0", "That of the script")
    .summary("Runs a cached script that only reads, named by its digest.")
    .flags(&[Flags::READONLY, Flags::NOSCRIPT, Flags::STALE, Flags::SKIP_MONITOR, Flags::NO_MANDATORY_KEYS])
    .keys(&[ro(2).access().keynum(0, 1, 1)])
    .args(&[
        string("sha1"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]);

pub static FCALL: Facts = row("fcall", -3, "7.0.0", "That of the function")
    .summary("Calls a function of a library.")
    .flags(&[
        Flags::NOSCRIPT,
        Flags::STALE,
        Flags::SKIP_MONITOR,
        Flags::NO_MANDATORY_KEYS,
        Flags::MAY_REPLICATE,
    ])
    .keys(&[rw(2)
        .access()
        .update()
        .keynum(0, 1, 1)
        .notes("What the script does is unknown; it may read and write.")])
    .args(&[
        string("function"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]);

pub static FCALL_RO: Facts = row("fcall_ro", -3, "7.0.0", "That of the function")
    .summary("Calls a function of a library that only reads.")
    .flags(&[Flags::READONLY, Flags::NOSCRIPT, Flags::STALE, Flags::SKIP_MONITOR, Flags::NO_MANDATORY_KEYS])
    .keys(&[ro(2).access().keynum(0, 1, 1).notes("What the script does is unknown; it may read.")])
    .args(&[
        string("function"),
        integer("numkeys"),
        key("key", 0).optional().multiple(),
        string("arg").optional().multiple(),
    ]);

pub static FUNCTION: Facts = row("function", -2, "7.0.0", "That of the subcommand")
    .summary("Groups commands about function libraries.")
    .acl(&[])
    .subcommands(&[
        &FUNCTION_DELETE,
        &FUNCTION_DUMP,
        &FUNCTION_FLUSH,
        &FUNCTION_HELP,
        &FUNCTION_KILL,
        &FUNCTION_LIST,
        &FUNCTION_LOAD,
        &FUNCTION_RESTORE,
        &FUNCTION_STATS,
    ]);

pub static FUNCTION_DELETE: Facts = row("function|delete", 3, "7.0.0", "O(1)")
    .summary("Deletes a library.")
    .flags(&[Flags::WRITE, Flags::NOSCRIPT])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[string("library-name")]);

pub static FUNCTION_DUMP: Facts = row("function|dump", 2, "7.0.0", "O(N), N: functions")
    .summary("Gives all libraries in serialised form.")
    .flags(&[Flags::NOSCRIPT]);

pub static FUNCTION_FLUSH: Facts = row("function|flush", -2, "7.0.0", "O(N), N: functions")
    .summary("Deletes all libraries.")
    .flags(&[Flags::WRITE, Flags::NOSCRIPT])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[oneof("flush-type", &[flag("async", "ASYNC"), flag("sync", "SYNC")]).optional()]);

pub static FUNCTION_HELP: Facts = row("function|help", 2, "7.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static FUNCTION_KILL: Facts = row("function|kill", 2, "7.0.0", "O(1)")
    .summary("Stops the running function.")
    .flags(&[Flags::NOSCRIPT, Flags::ALLOW_BUSY])
    .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]);

pub static FUNCTION_LIST: Facts = row("function|list", -2, "7.0.0", "O(N), N: functions")
    .summary("Describes the libraries.")
    .flags(&[Flags::NOSCRIPT])
    .tips(&["nondeterministic_output_order"])
    .args(&[
        string("library-name-pattern").token("LIBRARYNAME").optional(),
        flag("withcode", "WITHCODE").optional(),
    ]);

pub static FUNCTION_LOAD: Facts = row("function|load", -3, "7.0.0", "O(1), compilation aside")
    .summary("Creates or replaces a library.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::NOSCRIPT])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[flag("replace", "REPLACE").optional(), string("function-code")]);

pub static FUNCTION_RESTORE: Facts = row("function|restore", -3, "7.0.0", "O(N), N: functions given")
    .summary("Creates libraries from a serialised form.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::NOSCRIPT])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[
        string("serialized-value"),
        oneof("policy", &[flag("flush", "FLUSH"), flag("append", "APPEND"), flag("replace", "REPLACE")])
            .optional(),
    ]);

pub static FUNCTION_STATS: Facts = row("function|stats", 2, "7.0.0", "O(1)")
    .summary("Describes the running function and the engines.")
    .flags(&[Flags::NOSCRIPT, Flags::ALLOW_BUSY])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

pub static SCRIPT: Facts = row("script", -2, "2.6.0", "That of the subcommand")
    .summary("Groups commands about the script cache.")
    .acl(&[])
    .subcommands(&[
        &SCRIPT_DEBUG,
        &SCRIPT_EXISTS,
        &SCRIPT_FLUSH,
        &SCRIPT_HELP,
        &SCRIPT_KILL,
        &SCRIPT_LOAD,
        &SCRIPT_SHOW,
    ]);

pub static SCRIPT_DEBUG: Facts = row("script|debug", -3, "3.2.0", "O(1)")
    .summary("Chooses how scripts of this connection are debugged.")
    .flags(&[Flags::NOSCRIPT])
    .args(&[
        oneof("mode", &[flag("yes", "YES"), flag("sync", "SYNC"), flag("no", "NO")]),
        string("engine").since("9.1.0").optional(),
    ]);

pub static SCRIPT_EXISTS: Facts = row("script|exists", -3, "2.6.0", "O(N), N: digests given")
    .summary("Tells which scripts are cached.")
    .flags(&[Flags::NOSCRIPT, Flags::STALE])
    .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
    .args(&[string("sha1").multiple()]);

pub static SCRIPT_FLUSH: Facts = row("script|flush", -2, "2.6.0", "O(N), N: cached scripts")
    .summary("Empties the script cache.")
    .flags(&[Flags::NOSCRIPT, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .history(&[("6.2.0", "Modes `ASYNC` and `SYNC`.")])
    .args(&[oneof("flush-type", &[flag("async", "ASYNC"), flag("sync", "SYNC")]).since("6.2.0").optional()]);

pub static SCRIPT_HELP: Facts = row("script|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static SCRIPT_KILL: Facts = row("script|kill", 2, "2.6.0", "O(1)")
    .summary("Stops the running script.")
    .flags(&[Flags::NOSCRIPT, Flags::ALLOW_BUSY])
    .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]);

pub static SCRIPT_LOAD: Facts = row("script|load", 3, "2.6.0", "O(N), N: bytes of the script")
    .summary("Caches a script and gives its digest.")
    .flags(&[Flags::NOSCRIPT, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .args(&[string("script")]);

pub static SCRIPT_SHOW: Facts = row("script|show", 3, "8.0.0", "O(1)")
    .summary("Gives the text of a cached script.")
    .flags(&[Flags::NOSCRIPT, Flags::STALE])
    .args(&[string("sha1")]);
