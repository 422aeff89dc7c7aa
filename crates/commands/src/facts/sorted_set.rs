//! Sorted set commands (<https://valkey.io/commands/#sorted-set>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, double, flag, integer, key, oneof, pattern, string};
use super::key_spec::{ow, ro, rw};
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &BZMPOP,
    &BZPOPMAX,
    &BZPOPMIN,
    &ZADD,
    &ZCARD,
    &ZCOUNT,
    &ZDIFF,
    &ZDIFFSTORE,
    &ZINCRBY,
    &ZINTER,
    &ZINTERCARD,
    &ZINTERSTORE,
    &ZLEXCOUNT,
    &ZMPOP,
    &ZMSCORE,
    &ZPOPMAX,
    &ZPOPMIN,
    &ZRANDMEMBER,
    &ZRANGE,
    &ZRANGEBYLEX,
    &ZRANGEBYSCORE,
    &ZRANGESTORE,
    &ZRANK,
    &ZREM,
    &ZREMRANGEBYLEX,
    &ZREMRANGEBYRANK,
    &ZREMRANGEBYSCORE,
    &ZREVRANGE,
    &ZREVRANGEBYLEX,
    &ZREVRANGEBYSCORE,
    &ZREVRANK,
    &ZSCAN,
    &ZSCORE,
    &ZUNION,
    &ZUNIONSTORE,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::SortedSet, name, arity, since, complexity)
}

pub static BZMPOP: Facts = row(
    "bzmpop",
    -5,
    "7.0.0",
    "O(K)+O(M*log(N)), K: keys given, N: members of the sorted set, M: members popped",
)
.summary("Pops members from an end of the first sorted set that has any, waiting for one if need be.")
.flags(&[Flags::WRITE, Flags::BLOCKING])
.keys(&[rw(2).access().delete().keynum(0, 1, 1)])
.args(&[
    double("timeout"),
    integer("numkeys"),
    key("key", 0).multiple(),
    oneof("where", &[flag("min", "MIN"), flag("max", "MAX")]),
    integer("count").token("COUNT").optional(),
]);

pub static BZPOPMAX: Facts = row("bzpopmax", -3, "5.0.0", "O(log(N)), N: members of the sorted set")
    .summary("Pops the highest-scored member of the first sorted set that has any, waiting if need be.")
    .flags(&[Flags::WRITE, Flags::BLOCKING, Flags::FAST])
    .keys(&[rw(1).access().delete().to(-2, 1)])
    .history(&[("6.0.0", "Fractions of a second as `timeout`.")])
    .args(&[key("key", 0).multiple(), double("timeout")]);

pub static BZPOPMIN: Facts = row("bzpopmin", -3, "5.0.0", "O(log(N)), N: members of the sorted set")
    .summary("Pops the lowest-scored member of the first sorted set that has any, waiting if need be.")
    .flags(&[Flags::WRITE, Flags::BLOCKING, Flags::FAST])
    .keys(&[rw(1).access().delete().to(-2, 1)])
    .history(&[("6.0.0", "Fractions of a second as `timeout`.")])
    .args(&[key("key", 0).multiple(), double("timeout")]);

pub static ZADD: Facts = row("zadd", -4, "1.2.0", "O(log(N)) per member, N: members of the sorted set")
    .summary("Adds members with scores to a sorted set, or changes scores.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).update()])
    .history(&[
        ("2.4.0", "More than one member per call."),
        ("3.0.2", "Options `XX`, `NX`, `CH` and `INCR`."),
        ("6.2.0", "Options `GT` and `LT`."),
    ])
    .args(&[
        key("key", 0),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX")]).since("3.0.2").optional(),
        oneof("comparison", &[flag("gt", "GT"), flag("lt", "LT")]).since("6.2.0").optional(),
        flag("change", "CH").since("3.0.2").optional(),
        flag("increment", "INCR").since("3.0.2").optional(),
        block("data", &[double("score"), string("member")]).multiple(),
    ]);

pub static ZCARD: Facts = row("zcard", 2, "1.2.0", "O(1)")
    .summary("Counts the members of a sorted set.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0)]);

pub static ZCOUNT: Facts = row("zcount", 4, "2.0.0", "O(log(N)), N: members of the sorted set")
    .summary("Counts the members with scores in a range.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), double("min"), double("max")]);

pub static ZDIFF: Facts = row(
    "zdiff",
    -3,
    "6.2.0",
    "O(L+(N-K)log(N)), L: members of all sorted sets, N: of the first, K: of the result",
)
.summary("Gives the members of the first sorted set that no other one has.")
.flags(&[Flags::READONLY])
.keys(&[ro(1).access().keynum(0, 1, 1)])
.args(&[integer("numkeys"), key("key", 0).multiple(), flag("withscores", "WITHSCORES").optional()]);

pub static ZDIFFSTORE: Facts = row(
    "zdiffstore",
    -4,
    "6.2.0",
    "O(L+(N-K)log(N)), L: members of all sorted sets, N: of the first, K: of the result",
)
.summary("Stores the members of the first sorted set that no other one has.")
.flags(&[Flags::WRITE, Flags::DENYOOM])
.keys(&[ow(1).update(), ro(2).access().keynum(0, 1, 1)])
.args(&[key("destination", 0), integer("numkeys"), key("key", 1).multiple()]);

pub static ZINCRBY: Facts = row("zincrby", 4, "1.2.0", "O(log(N)), N: members of the sorted set")
    .summary("Raises a member's score by the given amount.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), integer("increment"), string("member")]);

pub static ZINTER: Facts = row(
    "zinter",
    -3,
    "6.2.0",
    "O(N*K)+O(M*log(M)), N: members of the smallest, K: sorted sets, M: members of the result",
)
.summary("Gives the members that all sorted sets have, scores combined.")
.flags(&[Flags::READONLY])
.keys(&[ro(1).access().keynum(0, 1, 1)])
.args(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    integer("weight").token("WEIGHTS").optional().multiple(),
    oneof("aggregate", &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")])
        .token("AGGREGATE")
        .optional(),
    flag("withscores", "WITHSCORES").optional(),
]);

pub static ZINTERCARD: Facts =
    row("zintercard", -3, "7.0.0", "O(N*K), N: members of the smallest, K: sorted sets")
        .summary("Counts the members that all sorted sets have, up to a limit.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access().keynum(0, 1, 1)])
        .args(&[integer("numkeys"), key("key", 0).multiple(), integer("limit").token("LIMIT").optional()]);

pub static ZINTERSTORE: Facts = row(
    "zinterstore",
    -4,
    "2.0.0",
    "O(N*K)+O(M*log(M)), N: members of the smallest, K: sorted sets, M: members of the result",
)
.summary("Stores the members that all sorted sets have, scores combined.")
.flags(&[Flags::WRITE, Flags::DENYOOM])
.keys(&[ow(1).update(), ro(2).access().keynum(0, 1, 1)])
.args(&[
    key("destination", 0),
    integer("numkeys"),
    key("key", 1).multiple(),
    integer("weight").token("WEIGHTS").optional().multiple(),
    oneof("aggregate", &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")])
        .token("AGGREGATE")
        .optional(),
]);

pub static ZLEXCOUNT: Facts = row("zlexcount", 4, "2.8.9", "O(log(N)), N: members of the sorted set")
    .summary("Counts the members in a lexicographic range.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("min"), string("max")]);

pub static ZMPOP: Facts = row(
    "zmpop",
    -4,
    "7.0.0",
    "O(K)+O(M*log(N)), K: keys given, N: members of the sorted set, M: members popped",
)
.summary("Pops members from an end of the first sorted set that has any.")
.flags(&[Flags::WRITE])
.keys(&[rw(1).access().delete().keynum(0, 1, 1)])
.args(&[
    integer("numkeys"),
    key("key", 0).multiple(),
    oneof("where", &[flag("min", "MIN"), flag("max", "MAX")]),
    integer("count").token("COUNT").optional(),
]);

pub static ZMSCORE: Facts = row("zmscore", -3, "6.2.0", "O(N), N: members given")
    .summary("Gives the scores of several members.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("member").multiple()]);

pub static ZPOPMAX: Facts =
    row("zpopmax", -2, "5.0.0", "O(log(N)*M), N: members of the sorted set, M: members popped")
        .summary("Pops the members with the highest scores.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[rw(1).access().delete()])
        .args(&[key("key", 0), integer("count").optional()]);

pub static ZPOPMIN: Facts =
    row("zpopmin", -2, "5.0.0", "O(log(N)*M), N: members of the sorted set, M: members popped")
        .summary("Pops the members with the lowest scores.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[rw(1).access().delete()])
        .args(&[key("key", 0), integer("count").optional()]);

pub static ZRANDMEMBER: Facts = row("zrandmember", -2, "6.2.0", "O(N), N: members returned")
    .summary("Picks random members.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .tips(&["nondeterministic_output"])
    .args(&[
        key("key", 0),
        block("options", &[integer("count"), flag("withscores", "WITHSCORES").optional()]).optional(),
    ]);

pub static ZRANGE: Facts =
    row("zrange", -4, "1.2.0", "O(log(N)+M), N: members of the sorted set, M: members returned")
        .summary("Gives the members in a range of ranks, scores or names.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .history(&[("6.2.0", "Options `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")])
        .args(&[
            key("key", 0),
            string("start"),
            string("stop"),
            oneof("sortby", &[flag("byscore", "BYSCORE"), flag("bylex", "BYLEX")]).since("6.2.0").optional(),
            flag("rev", "REV").since("6.2.0").optional(),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").since("6.2.0").optional(),
            flag("withscores", "WITHSCORES").optional(),
        ]);

pub static ZRANGEBYLEX: Facts =
    row("zrangebylex", -4, "2.8.9", "O(log(N)+M), N: members of the sorted set, M: members returned")
        .summary("Gives the members in a lexicographic range.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .args(&[
            key("key", 0),
            string("min"),
            string("max"),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]);

pub static ZRANGEBYSCORE: Facts =
    row("zrangebyscore", -4, "1.0.5", "O(log(N)+M), N: members of the sorted set, M: members returned")
        .summary("Gives the members with scores in a range.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .history(&[("2.0.0", "Option `WITHSCORES`.")])
        .args(&[
            key("key", 0),
            double("min"),
            double("max"),
            flag("withscores", "WITHSCORES").since("2.0.0").optional(),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]);

pub static ZRANGESTORE: Facts =
    row("zrangestore", -5, "6.2.0", "O(log(N)+M), N: members of the sorted set, M: members stored")
        .summary("Stores the members in a range of ranks, scores or names.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(&[ow(1).update(), ro(2).access()])
        .args(&[
            key("dst", 0),
            key("src", 1),
            string("min"),
            string("max"),
            oneof("sortby", &[flag("byscore", "BYSCORE"), flag("bylex", "BYLEX")]).optional(),
            flag("rev", "REV").optional(),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]);

pub static ZRANK: Facts = row("zrank", -3, "2.0.0", "O(log(N))")
    .summary("Gives a member's rank, counted from the lowest score.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .history(&[("7.2.0", "Option `WITHSCORE`.")])
    .args(&[key("key", 0), string("member"), flag("withscore", "WITHSCORE").optional()]);

pub static ZREM: Facts =
    row("zrem", -3, "1.2.0", "O(M*log(N)), N: members of the sorted set, M: members given")
        .summary("Removes members from a sorted set.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[rw(1).delete()])
        .history(&[("2.4.0", "More than one member per call.")])
        .args(&[key("key", 0), string("member").multiple()]);

pub static ZREMRANGEBYLEX: Facts =
    row("zremrangebylex", 4, "2.8.9", "O(log(N)+M), N: members of the sorted set, M: members removed")
        .summary("Removes the members in a lexicographic range.")
        .flags(&[Flags::WRITE])
        .keys(&[rw(1).delete()])
        .args(&[key("key", 0), string("min"), string("max")]);

pub static ZREMRANGEBYRANK: Facts =
    row("zremrangebyrank", 4, "2.0.0", "O(log(N)+M), N: members of the sorted set, M: members removed")
        .summary("Removes the members in a range of ranks.")
        .flags(&[Flags::WRITE])
        .keys(&[rw(1).delete()])
        .args(&[key("key", 0), integer("start"), integer("stop")]);

pub static ZREMRANGEBYSCORE: Facts =
    row("zremrangebyscore", 4, "1.2.0", "O(log(N)+M), N: members of the sorted set, M: members removed")
        .summary("Removes the members with scores in a range.")
        .flags(&[Flags::WRITE])
        .keys(&[rw(1).delete()])
        .args(&[key("key", 0), double("min"), double("max")]);

pub static ZREVRANGE: Facts =
    row("zrevrange", -4, "1.2.0", "O(log(N)+M), N: members of the sorted set, M: members returned")
        .summary("Gives the members in a range of ranks, highest score first.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .args(&[
            key("key", 0),
            integer("start"),
            integer("stop"),
            flag("withscores", "WITHSCORES").optional(),
        ]);

pub static ZREVRANGEBYLEX: Facts =
    row("zrevrangebylex", -4, "2.8.9", "O(log(N)+M), N: members of the sorted set, M: members returned")
        .summary("Gives the members in a lexicographic range, last one first.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .args(&[
            key("key", 0),
            string("max"),
            string("min"),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]);

pub static ZREVRANGEBYSCORE: Facts =
    row("zrevrangebyscore", -4, "2.2.0", "O(log(N)+M), N: members of the sorted set, M: members returned")
        .summary("Gives the members with scores in a range, highest first.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .history(&[("2.1.6", "Exclusive ends of the range.")])
        .args(&[
            key("key", 0),
            double("max"),
            double("min"),
            flag("withscores", "WITHSCORES").optional(),
            block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        ]);

pub static ZREVRANK: Facts = row("zrevrank", -3, "2.0.0", "O(log(N))")
    .summary("Gives a member's rank, counted from the highest score.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .history(&[("7.2.0", "Option `WITHSCORE`.")])
    .args(&[key("key", 0), string("member"), flag("withscore", "WITHSCORE").optional()]);

pub static ZSCAN: Facts =
    row("zscan", -3, "2.8.0", "O(1) per call, O(N) for the whole walk, N: members of the sorted set")
        .summary("Walks through the members of a sorted set, a batch per call.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .tips(&["nondeterministic_output"])
        .history(&[("8.0.0", "Option `NOSCORES`.")])
        .args(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
            flag("noscores", "NOSCORES").optional(),
        ]);

pub static ZSCORE: Facts = row("zscore", 3, "1.2.0", "O(1)")
    .summary("Gives a member's score.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("member")]);

pub static ZUNION: Facts =
    row("zunion", -3, "6.2.0", "O(N)+O(M*log(M)), N: members of all sorted sets, M: members of the result")
        .summary("Gives the members that any of the sorted sets has, scores combined.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access().keynum(0, 1, 1)])
        .args(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            oneof("aggregate", &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")])
                .token("AGGREGATE")
                .optional(),
            flag("withscores", "WITHSCORES").optional(),
        ]);

pub static ZUNIONSTORE: Facts = row(
    "zunionstore",
    -4,
    "2.0.0",
    "O(N)+O(M*log(M)), N: members of all sorted sets, M: members of the result",
)
.summary("Stores the members that any of the sorted sets has, scores combined.")
.flags(&[Flags::WRITE, Flags::DENYOOM])
.keys(&[ow(1).update(), ro(2).access().keynum(0, 1, 1)])
.args(&[
    key("destination", 0),
    integer("numkeys"),
    key("key", 1).multiple(),
    integer("weight").token("WEIGHTS").optional().multiple(),
    oneof("aggregate", &[flag("sum", "SUM"), flag("min", "MIN"), flag("max", "MAX")])
        .token("AGGREGATE")
        .optional(),
]);
