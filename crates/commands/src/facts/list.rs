//! List commands (<https://valkey.io/commands/#list>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{double, flag, integer, key, oneof, string};
use super::key_spec::{ro, rw};
use super::{Facts, Flags, Group};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &BLMOVE,
    &BLMPOP,
    &BLPOP,
    &BRPOP,
    &BRPOPLPUSH,
    &LINDEX,
    &LINSERT,
    &LLEN,
    &LMOVE,
    &LMPOP,
    &LPOP,
    &LPOS,
    &LPUSH,
    &LPUSHX,
    &LRANGE,
    &LREM,
    &LSET,
    &LTRIM,
    &RPOP,
    &RPOPLPUSH,
    &RPUSH,
    &RPUSHX,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::List, name, arity, since, complexity)
}

pub static BLMOVE: Facts = row("blmove", 6, "6.2.0", "O(1)")
    .summary("Moves an element from an end of one list to an end of another, waiting for it if need be.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::BLOCKING])
    .keys(&[rw(1).access().delete(), rw(2).insert()])
    .args(&[
        key("source", 0),
        key("destination", 1),
        oneof("wherefrom", &[flag("left", "LEFT"), flag("right", "RIGHT")]),
        oneof("whereto", &[flag("left", "LEFT"), flag("right", "RIGHT")]),
        double("timeout"),
    ]);

pub static BLMPOP: Facts = row("blmpop", -5, "7.0.0", "O(N+M), N: keys given, M: elements returned")
    .summary("Pops elements from an end of the first list that has any, waiting for one if need be.")
    .flags(&[Flags::WRITE, Flags::BLOCKING])
    .keys(&[rw(2).access().delete().keynum(0, 1, 1)])
    .args(&[
        double("timeout"),
        integer("numkeys"),
        key("key", 0).multiple(),
        oneof("where", &[flag("left", "LEFT"), flag("right", "RIGHT")]),
        integer("count").token("COUNT").optional(),
    ]);

pub static BLPOP: Facts = row("blpop", -3, "2.0.0", "O(N), N: keys given")
    .summary("Pops the first element of the first list that has any, waiting for one if need be.")
    .flags(&[Flags::WRITE, Flags::BLOCKING])
    .keys(&[rw(1).access().delete().to(-2, 1)])
    .history(&[("6.0.0", "Fractions of a second as `timeout`.")])
    .args(&[key("key", 0).multiple(), double("timeout")]);

pub static BRPOP: Facts = row("brpop", -3, "2.0.0", "O(N), N: keys given")
    .summary("Pops the last element of the first list that has any, waiting for one if need be.")
    .flags(&[Flags::WRITE, Flags::BLOCKING])
    .keys(&[rw(1).access().delete().to(-2, 1)])
    .history(&[("6.0.0", "Fractions of a second as `timeout`.")])
    .args(&[key("key", 0).multiple(), double("timeout")]);

pub static BRPOPLPUSH: Facts = row("brpoplpush", 4, "2.2.0", "O(1)")
    .summary("Moves the last element of one list to the front of another, waiting for it if need be.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::BLOCKING])
    .keys(&[rw(1).access().delete(), rw(2).insert()])
    .history(&[("6.0.0", "Fractions of a second as `timeout`.")])
    .args(&[key("source", 0), key("destination", 1), double("timeout")]);

pub static LINDEX: Facts = row("lindex", 3, "1.0.0", "O(N), N: elements up to the index from the nearer end")
    .summary("Gives the element at an index.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), integer("index")]);

pub static LINSERT: Facts = row("linsert", 5, "2.2.0", "O(N), N: elements in front of that one")
    .summary("Inserts an element in front of or behind another one.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).insert()])
    .args(&[
        key("key", 0),
        oneof("where", &[flag("before", "BEFORE"), flag("after", "AFTER")]),
        string("pivot"),
        string("element"),
    ]);

pub static LLEN: Facts = row("llen", 2, "1.0.0", "O(1)")
    .summary("Counts the elements of a list.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1)])
    .args(&[key("key", 0)]);

pub static LMOVE: Facts = row("lmove", 5, "6.2.0", "O(1)")
    .summary("Moves an element from an end of one list to an end of another.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).access().delete(), rw(2).insert()])
    .args(&[
        key("source", 0),
        key("destination", 1),
        oneof("wherefrom", &[flag("left", "LEFT"), flag("right", "RIGHT")]),
        oneof("whereto", &[flag("left", "LEFT"), flag("right", "RIGHT")]),
    ]);

pub static LMPOP: Facts = row("lmpop", -4, "7.0.0", "O(N+M), N: keys given, M: elements returned")
    .summary("Pops elements from an end of the first list that has any.")
    .flags(&[Flags::WRITE])
    .keys(&[rw(1).access().delete().keynum(0, 1, 1)])
    .args(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        oneof("where", &[flag("left", "LEFT"), flag("right", "RIGHT")]),
        integer("count").token("COUNT").optional(),
    ]);

pub static LPOP: Facts = row("lpop", -2, "1.0.0", "O(N), N: elements returned")
    .summary("Pops elements from the front of a list.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().delete()])
    .history(&[("6.2.0", "Argument `count`.")])
    .args(&[key("key", 0), integer("count").since("6.2.0").optional()]);

pub static LPOS: Facts = row("lpos", -3, "6.0.6", "O(N), N: elements compared")
    .summary("Gives the indexes of elements that equal a value.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .args(&[
        key("key", 0),
        string("element"),
        integer("rank").token("RANK").optional(),
        integer("num-matches").token("COUNT").optional(),
        integer("len").token("MAXLEN").optional(),
    ]);

pub static LPUSH: Facts = row("lpush", -3, "1.0.0", "O(1) per element")
    .summary("Adds elements to the front of a list.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .history(&[("2.4.0", "More than one element per call.")])
    .args(&[key("key", 0), string("element").multiple()]);

pub static LPUSHX: Facts = row("lpushx", -3, "2.2.0", "O(1) per element")
    .summary("Adds elements to the front of a list, provided that it exists.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .history(&[("4.0.0", "More than one element per call.")])
    .args(&[key("key", 0), string("element").multiple()]);

pub static LRANGE: Facts =
    row("lrange", 4, "1.0.0", "O(S+N), S: elements skipped to reach the first, N: elements returned")
        .summary("Gives the elements between two indexes.")
        .flags(&[Flags::READONLY])
        .keys(&[ro(1).access()])
        .args(&[key("key", 0), integer("start"), integer("stop")]);

pub static LREM: Facts = row("lrem", 4, "1.0.0", "O(N+M), N: elements of the list, M: elements removed")
    .summary("Removes elements that equal a value.")
    .flags(&[Flags::WRITE])
    .keys(&[rw(1).delete()])
    .args(&[key("key", 0), integer("count"), string("element")]);

pub static LSET: Facts = row("lset", 4, "1.0.0", "O(N), N: elements up to the index from the nearer end")
    .summary("Replaces the element at an index.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).update()])
    .args(&[key("key", 0), integer("index"), string("element")]);

pub static LTRIM: Facts = row("ltrim", 4, "1.0.0", "O(N), N: elements removed")
    .summary("Keeps only the elements between two indexes.")
    .flags(&[Flags::WRITE])
    .keys(&[rw(1).delete()])
    .args(&[key("key", 0), integer("start"), integer("stop")]);

pub static RPOP: Facts = row("rpop", -2, "1.0.0", "O(N), N: elements returned")
    .summary("Pops elements from the end of a list.")
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[rw(1).access().delete()])
    .history(&[("6.2.0", "Argument `count`.")])
    .args(&[key("key", 0), integer("count").since("6.2.0").optional()]);

pub static RPOPLPUSH: Facts = row("rpoplpush", 3, "1.2.0", "O(1)")
    .summary("Moves the last element of one list to the front of another.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).access().delete(), rw(2).insert()])
    .args(&[key("source", 0), key("destination", 1)]);

pub static RPUSH: Facts = row("rpush", -3, "1.0.0", "O(1) per element")
    .summary("Adds elements to the end of a list.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .history(&[("2.4.0", "More than one element per call.")])
    .args(&[key("key", 0), string("element").multiple()]);

pub static RPUSHX: Facts = row("rpushx", -3, "2.2.0", "O(1) per element")
    .summary("Adds elements to the end of a list, provided that it exists.")
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[rw(1).insert()])
    .history(&[("4.0.0", "More than one element per call.")])
    .args(&[key("key", 0), string("element").multiple()]);
