//! Publish/subscribe commands (<https://valkey.io/commands/#pubsub>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{pattern, string};
use super::key_spec::not_key;
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &PSUBSCRIBE,
    &PUBLISH,
    &PUBSUB,
    &PUNSUBSCRIBE,
    &SPUBLISH,
    &SSUBSCRIBE,
    &SUBSCRIBE,
    &SUNSUBSCRIBE,
    &UNSUBSCRIBE,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Pubsub, name, arity, since, complexity)
}

pub static PSUBSCRIBE: Facts = row("psubscribe", -2, "2.0.0", "O(N), N: patterns given")
    .summary("Subscribes this connection to channels that match patterns.")
    .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[pattern("pattern").multiple()]);

pub static PUBLISH: Facts =
    row("publish", 3, "2.0.0", "O(N+M), N: subscribers of the channel, M: patterns subscribed to")
        .summary("Sends a message to the subscribers of a channel.")
        .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::MAY_REPLICATE])
        .args(&[string("channel"), string("message")]);

pub static PUBSUB: Facts = row("pubsub", -2, "2.8.0", "That of the subcommand")
    .summary("Groups commands about subscriptions.")
    .subcommands(&[
        &PUBSUB_CHANNELS,
        &PUBSUB_HELP,
        &PUBSUB_NUMPAT,
        &PUBSUB_NUMSUB,
        &PUBSUB_SHARDCHANNELS,
        &PUBSUB_SHARDNUMSUB,
    ]);

pub static PUBSUB_CHANNELS: Facts = row("pubsub|channels", -2, "2.8.0", "O(N), N: such channels")
    .summary("Lists the channels that have subscribers.")
    .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
    .args(&[pattern("pattern").optional()]);

pub static PUBSUB_HELP: Facts = row("pubsub|help", 2, "6.2.0", "O(1)")
    .summary("Describes the subcommands.")
    .flags(&[Flags::LOADING, Flags::STALE]);

pub static PUBSUB_NUMPAT: Facts = row("pubsub|numpat", 2, "2.8.0", "O(1)")
    .summary("Counts the patterns that are subscribed to.")
    .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE]);

pub static PUBSUB_NUMSUB: Facts = row("pubsub|numsub", -2, "2.8.0", "O(N), N: channels given")
    .summary("Counts the subscribers of channels.")
    .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
    .args(&[string("channel").optional().multiple()]);

pub static PUBSUB_SHARDCHANNELS: Facts = row("pubsub|shardchannels", -2, "7.0.0", "O(N), N: such channels")
    .summary("Lists the shard channels that have subscribers.")
    .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
    .args(&[pattern("pattern").optional()]);

pub static PUBSUB_SHARDNUMSUB: Facts = row("pubsub|shardnumsub", -2, "7.0.0", "O(N), N: channels given")
    .summary("Tells how many subscribers each of the given shard channels has.")
    .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE])
    .args(&[string("shardchannel").optional().multiple()]);

pub static PUNSUBSCRIBE: Facts = row("punsubscribe", -1, "2.0.0", "O(N), N: patterns given")
    .summary("Ends this connection's subscriptions to patterns.")
    .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[pattern("pattern").optional().multiple()]);

pub static SPUBLISH: Facts = row("spublish", 3, "7.0.0", "O(N), N: subscribers of the channel")
    .summary("Sends a message to the subscribers of a shard channel.")
    .flags(&[Flags::PUBSUB, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::MAY_REPLICATE])
    .keys(&[not_key(1)])
    .args(&[string("shardchannel"), string("message")]);

pub static SSUBSCRIBE: Facts = row("ssubscribe", -2, "7.0.0", "O(N), N: channels given")
    .summary("Subscribes this connection to shard channels.")
    .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .keys(&[not_key(1).to(-1, 1)])
    .args(&[string("shardchannel").multiple()]);

pub static SUBSCRIBE: Facts = row("subscribe", -2, "2.0.0", "O(N), N: channels given")
    .summary("Subscribes this connection to channels.")
    .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[string("channel").multiple()]);

pub static SUNSUBSCRIBE: Facts = row("sunsubscribe", -1, "7.0.0", "O(N), N: channels given")
    .summary("Ends this connection's subscriptions to shard channels.")
    .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .keys(&[not_key(1).to(-1, 1)])
    .args(&[string("shardchannel").optional().multiple()]);

pub static UNSUBSCRIBE: Facts = row("unsubscribe", -1, "2.0.0", "O(N), N: channels given")
    .summary("Ends this connection's subscriptions to channels.")
    .flags(&[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .args(&[string("channel").optional().multiple()]);
