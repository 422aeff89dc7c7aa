//! `cargo xtask bench types`: what is measured of collections.
//!
//! Small collections have 100 elements, large ones 1,000 and 1M; a data set is always a million elements. Cells that
//! insert also take out, in equal shares, so that sizes stay what their names say; the exceptions (`xadd`) fill again.

use super::{
    cells::{Cell, Data},
    plan::Part,
};

const SMALL: (u64, u64) = (10_000, 100);
const LARGE: (u64, u64) = (1_000, 1_000);
const HUGE: (u64, u64) = (1, 1_000_000);
const ENORMOUS: (u64, u64) = (1, 10_000_000);

const fn data(name: &'static str, size: (u64, u64), element_bytes: u64, template: &'static str) -> Data {
    Data { name, template: Some(template), size: Some(size), element_bytes, extra: &[] }
}

const fn lists(name: &'static str, size: (u64, u64)) -> Data {
    data(name, size, 16, "RPUSH __key__ member__element__")
}

/// With a set that shares ten members with each of them.
const fn sets(name: &'static str, size: (u64, u64)) -> Data {
    Data { extra: &[TEN_MEMBERS], ..data(name, size, 16, "SADD __key__ member__element__") }
}

const TEN_MEMBERS: &[&str] = &[
    "SADD",
    "ten",
    "member0000000001",
    "member0000000012",
    "member0000000023",
    "member0000000034",
    "member0000000045",
    "member0000000056",
    "member0000000067",
    "member0000000078",
    "member0000000089",
    "member0000000090",
];

const fn hashes(name: &'static str, size: (u64, u64)) -> Data {
    data(name, size, 26, "HSET __key__ __element__ value-0123456789")
}

const fn sorted_sets(name: &'static str, size: (u64, u64)) -> Data {
    data(name, size, 16, "ZADD __key__ __number__ member__element__")
}

const fn streams(name: &'static str, size: (u64, u64)) -> Data {
    data(name, size, 21, "XADD __key__ * field value-0123456789")
}

const LISTS_SMALL: &Data = &lists("list-100", SMALL);
const LISTS_LARGE: &Data = &lists("list-1k", LARGE);
const LIST_HUGE: &Data = &lists("list-1m", HUGE);
const SETS_SMALL: &Data = &sets("set-100", SMALL);
const SETS_LARGE: &Data = &sets("set-1k", LARGE);
const SET_HUGE: &Data = &sets("set-1m", HUGE);
const HASHES_SMALL: &Data = &hashes("hash-100", SMALL);
const HASHES_LARGE: &Data = &hashes("hash-1k", LARGE);
const HASH_HUGE: &Data = &hashes("hash-1m", HUGE);
const SORTED_SETS_SMALL: &Data = &sorted_sets("zset-100", SMALL);
const SORTED_SETS_LARGE: &Data = &sorted_sets("zset-1k", LARGE);
const SORTED_SET_HUGE: &Data = &sorted_sets("zset-1m", HUGE);
const STREAMS_SMALL: &Data = &streams("stream-100", SMALL);
const STREAMS_LARGE: &Data = &streams("stream-1k", LARGE);
const STREAM_HUGE: &Data = &streams("stream-1m", HUGE);
/// A hundred empty streams with a consumer group each.
const STREAMS_WITH_GROUPS: &Data =
    &data("stream-groups", (100, 1), 21, "XGROUP CREATE __key__ group $ MKSTREAM");

const PUSH_POP: &[&str] = &["LPUSH __key__ member__element__", "LPOP __key__"];
const ADD_REMOVE: &[&str] = &["SADD __key__ member__element__", "SREM __key__ member__element__"];
const SISMEMBER: &[&str] = &["SISMEMBER __key__ member__element__"];
const HSET: &[&str] = &["HSET __key__ __element__ value-abcdefghij"];
const HGET: &[&str] = &["HGET __key__ __element__"];
const ZADD: &[&str] = &["ZADD __key__ __number__ member__element__"];
const ZRANGE: &[&str] = &["ZRANGE __key__ __number__ +inf BYSCORE LIMIT 0 10"];
const ZRANK: &[&str] = &["ZRANK __key__ member__element__"];
const XADD: &[&str] = &["XADD __key__ * field value-0123456789"];
const XADD_AND_READ: &[&str] =
    &["XADD __key__ * field value-0123456789", "XREADGROUP GROUP group consumer COUNT 10 STREAMS __key__ >"];
const XRANGE: &[&str] = &["XRANGE __key__ - + COUNT 10"];

/// The throughput table.
pub const CELLS: &[Cell] = &[
    Cell::of_templates("lpush-lpop-100", LISTS_SMALL, PUSH_POP).finding_nothing(),
    Cell::of_templates("lrange-100", LISTS_SMALL, &["LRANGE __key__ 0 -1"]),
    Cell::of_templates("lpush-lpop-1k", LISTS_LARGE, PUSH_POP),
    Cell::of_templates("lrange-1k", LISTS_LARGE, &["LRANGE __key__ 450 549"]),
    Cell::of_templates("lpush-lpop-1m", LIST_HUGE, PUSH_POP),
    Cell::of_templates("lrange-1m", LIST_HUGE, &["LRANGE __key__ 500000 500099"]),
    Cell::of_templates("sismember-100", SETS_SMALL, SISMEMBER),
    Cell::of_templates("sinter-100", SETS_SMALL, &["SINTER __key__ __key__"]),
    Cell::of_templates("sinter-10-100", SETS_SMALL, &["SINTER __key__ ten"]),
    Cell::of_templates("sadd-srem-100", SETS_SMALL, ADD_REMOVE).spoiling(),
    Cell::of_templates("sismember-1k", SETS_LARGE, SISMEMBER),
    Cell::of_templates("sinter-1k", SETS_LARGE, &["SINTER __key__ __key__"]),
    Cell::of_templates("sinter-10-1k", SETS_LARGE, &["SINTER __key__ ten"]),
    Cell::of_templates("sadd-srem-1k", SETS_LARGE, ADD_REMOVE).spoiling(),
    Cell::of_templates("sismember-1m", SET_HUGE, SISMEMBER),
    Cell::of_templates("sinter-10-1m", SET_HUGE, &["SINTER __key__ ten"]),
    Cell::of_templates("sadd-srem-1m", SET_HUGE, ADD_REMOVE).spoiling(),
    Cell::of_templates("hget-100", HASHES_SMALL, HGET),
    Cell::of_templates("hgetall-100", HASHES_SMALL, &["HGETALL __key__"]),
    Cell::of_templates("hset-100", HASHES_SMALL, HSET),
    Cell::of_templates("hget-1k", HASHES_LARGE, HGET),
    Cell::of_templates("hgetall-1k", HASHES_LARGE, &["HGETALL __key__"]),
    Cell::of_templates("hset-1k", HASHES_LARGE, HSET),
    Cell::of_templates("hget-1m", HASH_HUGE, HGET),
    Cell::of_templates("hset-1m", HASH_HUGE, HSET),
    Cell::of_templates("zrange-100", SORTED_SETS_SMALL, ZRANGE),
    Cell::of_templates("zrank-100", SORTED_SETS_SMALL, ZRANK),
    Cell::of_templates("zadd-100", SORTED_SETS_SMALL, ZADD),
    Cell::of_templates("zrange-1k", SORTED_SETS_LARGE, ZRANGE),
    Cell::of_templates("zrank-1k", SORTED_SETS_LARGE, ZRANK),
    Cell::of_templates("zadd-1k", SORTED_SETS_LARGE, ZADD),
    Cell::of_templates("zrange-1m", SORTED_SET_HUGE, ZRANGE),
    Cell::of_templates("zrank-1m", SORTED_SET_HUGE, ZRANK),
    Cell::of_templates("zadd-1m", SORTED_SET_HUGE, ZADD),
    Cell::of_templates("xrange-100", STREAMS_SMALL, XRANGE),
    Cell::of_templates("xadd-100", STREAMS_SMALL, XADD).spoiling(),
    Cell::of_templates("xrange-1k", STREAMS_LARGE, XRANGE),
    Cell::of_templates("xadd-1k", STREAMS_LARGE, XADD).spoiling(),
    Cell::of_templates("xrange-1m", STREAM_HUGE, XRANGE),
    Cell::of_templates("xadd-1m", STREAM_HUGE, XADD).spoiling(),
    Cell::of_templates("xadd-xreadgroup", STREAMS_WITH_GROUPS, XADD_AND_READ).spoiling().finding_nothing(),
];

/// What follows the throughput table.
pub const PARTS: &[Part] = &[
    Part::HandOver,
    Part::Elements(LISTS_SMALL),
    Part::Elements(LISTS_LARGE),
    Part::Elements(LIST_HUGE),
    Part::Elements(SETS_SMALL),
    Part::Elements(SETS_LARGE),
    Part::Elements(SET_HUGE),
    Part::Elements(HASHES_SMALL),
    Part::Elements(HASHES_LARGE),
    Part::Elements(HASH_HUGE),
    Part::Elements(SORTED_SETS_SMALL),
    Part::Elements(SORTED_SETS_LARGE),
    Part::Elements(SORTED_SET_HUGE),
    Part::Elements(STREAMS_SMALL),
    Part::Elements(STREAMS_LARGE),
    Part::Elements(STREAM_HUGE),
    Part::Read("read-list", LIST_HUGE, "LRANGE __key__ 0 -1"),
    Part::Read("read-set", SET_HUGE, "SMEMBERS __key__"),
    Part::Read("read-hash", HASH_HUGE, "HGETALL __key__"),
    Part::Read("read-zset", SORTED_SET_HUGE, "ZRANGE __key__ 0 -1 WITHSCORES"),
    Part::Read("read-stream", STREAM_HUGE, "XRANGE __key__ - +"),
    Part::Delete("delete-list", &lists("list-10m", ENORMOUS)),
    Part::Delete("delete-set", &sets("set-10m", ENORMOUS)),
    Part::Delete("delete-hash", &hashes("hash-10m", ENORMOUS)),
    Part::Delete("delete-zset", &sorted_sets("zset-10m", ENORMOUS)),
    Part::Delete("delete-stream", &streams("stream-10m", ENORMOUS)),
];
