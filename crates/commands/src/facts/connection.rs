//! Connection commands (<https://valkey.io/commands/#connection>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, integer, string};
use super::{Facts, Flags, Group, client};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[&AUTH, &CLIENT, &ECHO, &HELLO, &PING, &QUIT, &RESET, &SELECT];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Connection, name, arity, since, complexity)
}

pub static AUTH: Facts = row("auth", -2, "1.0.0", "O(N), N: passwords of the user")
    .summary("Proves who the client is, by password or user name and password.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::NO_AUTH, Flags::ALLOW_BUSY])
    .history(&[("6.0.0", "User name in front of the password.")])
    .args(&[string("username").since("6.0.0").optional(), string("password")]);

pub static CLIENT: Facts = row("client", -2, "2.4.0", "That of the subcommand")
    .summary("Groups commands about client connections.")
    .acl(&[])
    .subcommands(&[
        &client::CLIENT_CACHING,
        &client::CLIENT_CAPA,
        &client::CLIENT_GETNAME,
        &client::CLIENT_GETREDIR,
        &client::CLIENT_HELP,
        &client::CLIENT_ID,
        &client::CLIENT_IMPORT_SOURCE,
        &client::CLIENT_INFO,
        &client::CLIENT_KILL,
        &client::CLIENT_LIST,
        &client::CLIENT_NO_EVICT,
        &client::CLIENT_NO_TOUCH,
        &client::CLIENT_PAUSE,
        &client::CLIENT_REPLY,
        &client::CLIENT_SETINFO,
        &client::CLIENT_SETNAME,
        &client::CLIENT_TRACKING,
        &client::CLIENT_TRACKINGINFO,
        &client::CLIENT_UNBLOCK,
        &client::CLIENT_UNPAUSE,
    ]);

pub static ECHO: Facts = row("echo", 2, "1.0.0", "O(1)")
    .summary("Sends the argument back.")
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
    .args(&[string("message")]);

pub static HELLO: Facts = row("hello", -1, "6.0.0", "O(1)")
    .summary(
        "Switches the protocol version, optionally with authentication and a name, and describes the server.",
    )
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::NO_AUTH, Flags::ALLOW_BUSY])
    .history(&[
        ("8.1.0", "Field `availability_zone` in the reply when that parameter is set."),
        ("6.2.0", "May be called without a version, to describe the connection only."),
    ])
    .args(&[block(
        "arguments",
        &[
            integer("protover"),
            block("auth", &[string("username"), string("password")]).token("AUTH").optional(),
            string("clientname").token("SETNAME").optional(),
        ],
    )
    .optional()]);

pub static PING: Facts = row("ping", -1, "1.0.0", "O(1)")
    .summary("Answers PONG or the argument.")
    .flags(&[Flags::FAST])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[string("message").optional()]);

pub static QUIT: Facts = row("quit", -1, "1.0.0", "O(1)")
    .summary("Ends the connection after a last reply.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::NO_AUTH, Flags::ALLOW_BUSY]);

pub static RESET: Facts = row("reset", 1, "6.2.0", "O(1)")
    .summary("Returns this connection to its initial state.")
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::NO_AUTH, Flags::ALLOW_BUSY]);

pub static SELECT: Facts = row("select", 2, "1.0.0", "O(1)")
    .summary("Chooses this connection's database.")
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST, Flags::ALLOW_BUSY])
    .args(&[integer("index")]);
