//! Subcommands of `ACL` (<https://valkey.io/commands/#server>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{flag, integer, oneof, string};
use super::{Facts, Flags, Group};

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Server, name, arity, since, complexity)
}

pub static ACL_CAT: Facts = row("acl|cat", -2, "6.0.0", "O(1): both sets are fixed")
    .summary("Lists the categories, or the commands of one.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[string("category").optional()]);

pub static ACL_DELUSER: Facts = row("acl|deluser", -3, "6.0.0", "O(1) amortised")
    .summary("Deletes users; connections that act as them end.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .args(&[string("username").multiple()]);

pub static ACL_DRYRUN: Facts = row("acl|dryrun", -4, "7.0.0", "O(1)")
    .summary("Tells whether a user may run a command, without running it.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[string("username"), string("command"), string("arg").optional().multiple()]);

pub static ACL_GENPASS: Facts = row("acl|genpass", -2, "6.0.0", "O(1)")
    .summary("Makes up a random password.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[integer("bits").optional()]);

pub static ACL_GETUSER: Facts = row("acl|getuser", 3, "6.0.0", "O(N), N: rules of the user")
    .summary("Describes a user's rules.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .history(&[
        ("6.2.0", "Channel patterns."),
        ("7.0.0", "Selectors; key and channel patterns shown as rules instead of lists."),
        ("9.1.0", "Rules for databases."),
    ])
    .args(&[string("username")]);

pub static ACL_HELP: Facts = row("acl|help", 2, "6.0.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static ACL_LIST: Facts = row("acl|list", 2, "6.0.0", "O(N), N: users")
    .summary("Lists all users as lines of an ACL file.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE]);

pub static ACL_LOAD: Facts = row("acl|load", 2, "6.0.0", "O(N), N: users")
    .summary("Replaces all users by those in the ACL file.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE]);

pub static ACL_LOG: Facts = row("acl|log", -2, "6.0.0", "O(N), N: entries returned")
    .summary("Lists recent denials, or forgets them.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .history(&[("7.2.0", "Fields for the entry's ID, creation and last update.")])
    .args(&[oneof("operation", &[integer("count"), flag("reset", "RESET")]).optional()]);

pub static ACL_SAVE: Facts = row("acl|save", 2, "6.0.0", "O(N), N: users")
    .summary("Writes all users to the ACL file.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

pub static ACL_SETUSER: Facts = row("acl|setuser", -3, "6.0.0", "O(N), N: rules given")
    .summary("Creates a user or changes its rules.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .history(&[
        ("6.2.0", "Channel patterns."),
        ("7.0.0", "Selectors and permissions per key."),
        ("9.1.0", "Rules for databases."),
    ])
    .args(&[string("username"), string("rule").optional().multiple()]);

pub static ACL_USERS: Facts = row("acl|users", 2, "6.0.0", "O(N), N: users")
    .summary("Lists the names of all users.")
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE]);

pub static ACL_WHOAMI: Facts = row("acl|whoami", 2, "6.0.0", "O(1)")
    .summary("Gives the name of the user this connection acts as.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE]);
