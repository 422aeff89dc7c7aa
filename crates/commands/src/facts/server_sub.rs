//! Subcommands of server commands other than `ACL` (<https://valkey.io/commands/#server>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, flag, integer, key, oneof, pattern, string};
use super::key_spec::ro;
use super::{AclCategories, Facts, Flags, Group};

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Server, name, arity, since, complexity)
}

pub static COMMAND_COUNT: Facts = row("command|count", 2, "2.8.13", "O(1)")
    .summary("Counts the commands.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static COMMAND_DOCS: Facts = row("command|docs", -2, "7.0.0", "O(N), N: commands described")
    .summary("Gives the documentation of commands.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output_order"])
    .args(&[string("command-name").optional().multiple()]);

pub static COMMAND_GETKEYS: Facts =
    row("command|getkeys", -3, "2.8.13", "O(N), N: arguments of that command")
        .summary("Picks the keys out of a full command.")
        .acl(&[AclCategories::CONNECTION])
        .flags(&[Flags::LOADING, Flags::STALE])
        .args(&[string("command"), string("arg").optional().multiple()]);

pub static COMMAND_GETKEYSANDFLAGS: Facts =
    row("command|getkeysandflags", -3, "7.0.0", "O(N), N: arguments of that command")
        .summary("Picks the keys out of a full command and tells what it does to each.")
        .acl(&[AclCategories::CONNECTION])
        .flags(&[Flags::LOADING, Flags::STALE])
        .args(&[string("command"), string("arg").optional().multiple()]);

pub static COMMAND_HELP: Facts = row("command|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static COMMAND_INFO: Facts = row("command|info", -2, "2.8.13", "O(N), N: commands described")
    .summary("Describes the given commands, or every command.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output_order"])
    .history(&[("7.0.0", "Without arguments: every command.")])
    .args(&[string("command-name").optional().multiple()]);

pub static COMMAND_LIST: Facts = row("command|list", -2, "7.0.0", "O(N), N: commands")
    .summary("Lists the names of commands.")
    .acl(&[AclCategories::CONNECTION])
    .flags(&[Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output_order"])
    .args(&[oneof(
        "filterby",
        &[
            string("module-name").token("MODULE"),
            string("category").token("ACLCAT"),
            pattern("pattern").token("PATTERN"),
        ],
    )
    .token("FILTERBY")
    .optional()]);

pub static COMMANDLOG_GET: Facts = row("commandlog|get", 4, "8.1.0", "O(N), N: entries returned")
    .summary("Gives the newest entries of one log.")
    .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "nondeterministic_output"])
    .args(&[
        integer("count"),
        oneof(
            "type",
            &[
                flag("slow", "SLOW"),
                flag("large-request", "LARGE-REQUEST"),
                flag("large-reply", "LARGE-REPLY"),
            ],
        ),
    ]);

pub static COMMANDLOG_HELP: Facts = row("commandlog|help", 2, "8.1.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static COMMANDLOG_LEN: Facts = row("commandlog|len", 3, "8.1.0", "O(1)")
    .summary("Counts the entries of one log.")
    .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
    .args(&[oneof(
        "type",
        &[flag("slow", "SLOW"), flag("large-request", "LARGE-REQUEST"), flag("large-reply", "LARGE-REPLY")],
    )]);

pub static COMMANDLOG_RESET: Facts = row("commandlog|reset", 3, "8.1.0", "O(N), N: entries of the log")
    .summary("Empties one log.")
    .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .args(&[oneof(
        "type",
        &[flag("slow", "SLOW"), flag("large-request", "LARGE-REQUEST"), flag("large-reply", "LARGE-REPLY")],
    )]);

pub static CONFIG_GET: Facts = row("config|get", -3, "2.0.0", "O(N), N: patterns given")
    .summary("Gives the parameters that match patterns.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .history(&[("7.0.0", "More than one pattern per call.")])
    .args(&[string("parameter").multiple()]);

pub static CONFIG_HELP: Facts = row("config|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static CONFIG_RESETSTAT: Facts = row("config|resetstat", 2, "2.0.0", "O(1)")
    .summary("Sets the counters of INFO back to zero.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

pub static CONFIG_REWRITE: Facts = row("config|rewrite", 2, "2.8.0", "O(1)")
    .summary("Writes the parameters in force to the configuration file.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

pub static CONFIG_SET: Facts = row("config|set", -4, "2.0.0", "O(N), N: parameters given")
    .summary("Changes parameters of the running server.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .history(&[("7.0.0", "More than one parameter per call.")])
    .args(&[block("data", &[string("parameter"), string("value")]).multiple()]);

pub static LATENCY_DOCTOR: Facts = row("latency|doctor", 2, "2.8.13", "O(1)")
    .summary("Explains the recorded spikes in prose.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

pub static LATENCY_GRAPH: Facts = row("latency|graph", 3, "2.8.13", "O(1)")
    .summary("Draws an event's spikes as characters.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
    .args(&[string("event")]);

pub static LATENCY_HELP: Facts = row("latency|help", 2, "2.8.13", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static LATENCY_HISTOGRAM: Facts =
    row("latency|histogram", -2, "7.0.0", "O(N), N: commands with recorded run times")
        .summary("Gives the distribution of run times per command.")
        .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
        .args(&[string("command").optional().multiple()]);

pub static LATENCY_HISTORY: Facts = row("latency|history", 3, "2.8.13", "O(1)")
    .summary("Gives an event's recorded spikes.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
    .args(&[string("event")]);

pub static LATENCY_LATEST: Facts = row("latency|latest", 2, "2.8.13", "O(1)")
    .summary("Gives the latest spike of every event.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

pub static LATENCY_RESET: Facts = row("latency|reset", -2, "2.8.13", "O(1)")
    .summary("Forgets the spikes of events.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
    .args(&[string("event").optional().multiple()]);

pub static MEMORY_DOCTOR: Facts = row("memory|doctor", 2, "4.0.0", "O(1)")
    .summary("Explains noteworthy memory use in prose.")
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

pub static MEMORY_HELP: Facts = row("memory|help", 2, "4.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static MEMORY_MALLOC_STATS: Facts =
    row("memory|malloc-stats", 2, "4.0.0", "Grows with the memory allocated; may be slow")
        .summary("Gives the allocator's own report.")
        .flags(&[Flags::LOADING])
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

pub static MEMORY_PURGE: Facts =
    row("memory|purge", 2, "4.0.0", "Grows with the memory allocated; may be slow")
        .summary("Asks the allocator to return unused pages.")
        .flags(&[Flags::LOADING])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]);

pub static MEMORY_STATS: Facts = row("memory|stats", 2, "4.0.0", "O(1)")
    .summary("Breaks memory use down.")
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

pub static MEMORY_USAGE: Facts = row("memory|usage", -3, "4.0.0", "O(N), N: elements sampled")
    .summary("Estimates the bytes a key takes.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(2)])
    .args(&[key("key", 0), integer("count").token("SAMPLES").optional()]);

pub static MODULE_HELP: Facts = row("module|help", 2, "5.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static MODULE_LIST: Facts = row("module|list", 2, "4.0.0", "O(N), N: modules")
    .summary("Lists the loaded modules.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT])
    .tips(&["nondeterministic_output_order"]);

pub static MODULE_LOAD: Facts = row("module|load", -3, "4.0.0", "O(1)")
    .summary("Loads a module from a library file.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::PROTECTED])
    .args(&[string("path"), string("arg").optional().multiple()]);

pub static MODULE_LOADEX: Facts = row("module|loadex", -3, "7.0.0", "O(1)")
    .summary("Loads a module with configuration and arguments.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::PROTECTED])
    .args(&[
        string("path"),
        block("configs", &[string("name"), string("value")])
            .token("CONFIG")
            .optional()
            .multiple()
            .multiple_token(),
        string("args").token("ARGS").optional().multiple(),
    ]);

pub static MODULE_UNLOAD: Facts = row("module|unload", 3, "4.0.0", "O(1)")
    .summary("Removes a module from the server.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::PROTECTED])
    .args(&[string("name")]);

pub static SLOWLOG_GET: Facts = row("slowlog|get", -2, "2.2.12", "O(N), N: entries returned")
    .summary("Gives the newest entries.")
    .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "nondeterministic_output"])
    .history(&[("4.0.0", "Client's address and name in the reply.")])
    .args(&[integer("count").optional()]);

pub static SLOWLOG_HELP: Facts = row("slowlog|help", 2, "6.2.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static SLOWLOG_LEN: Facts = row("slowlog|len", 2, "2.2.12", "O(1)")
    .summary("Counts the entries.")
    .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]);

pub static SLOWLOG_RESET: Facts = row("slowlog|reset", 2, "2.2.12", "O(N), N: entries of the log")
    .summary("Empties the log.")
    .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);
