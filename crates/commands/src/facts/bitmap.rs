//! Bitmap commands (<https://valkey.io/commands/#bitmap>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, flag, integer, key, oneof, string};
use super::key_spec::{ow, ro, rw};
use super::{Facts, Flags, Group, KeyRule};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[&BITCOUNT, &BITFIELD, &BITFIELD_RO, &BITOP, &BITPOS, &GETBIT, &SETBIT];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Bitmap, name, arity, since, complexity)
}

pub static BITCOUNT: Facts = row("bitcount", -2, "2.6.0", "O(N)")
    .summary("Counts the ones in a string or a part of it.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .history(&[("7.0.0", "Unit `BYTE` or `BIT`."), ("8.0.0", "`end` may be left out: the last byte.")])
    .args(&[
        key("key", 0),
        block(
            "range",
            &[
                integer("start"),
                block(
                    "end-unit-block",
                    &[
                        integer("end"),
                        oneof("unit", &[flag("byte", "BYTE"), flag("bit", "BIT")]).since("7.0.0").optional(),
                    ],
                )
                .optional(),
            ],
        )
        .optional(),
    ]);

pub static BITFIELD: Facts = row("bitfield", -2, "3.2.0", "O(1) per operation")
    .summary("Reads, sets and increments integers of any width inside a string.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).access().update().variable_flags().notes("Operations may read and write.")])
    .key_rule(KeyRule::Bitfield)
    .args(&[
        key("key", 0),
        oneof(
            "operation",
            &[
                block("get-block", &[string("encoding"), integer("offset")]).token("GET"),
                block(
                    "write",
                    &[
                        oneof(
                            "overflow-block",
                            &[flag("wrap", "WRAP"), flag("sat", "SAT"), flag("fail", "FAIL")],
                        )
                        .token("OVERFLOW")
                        .optional(),
                        oneof(
                            "write-operation",
                            &[
                                block(
                                    "set-block",
                                    &[string("encoding"), integer("offset"), integer("value")],
                                )
                                .token("SET"),
                                block(
                                    "incrby-block",
                                    &[string("encoding"), integer("offset"), integer("increment")],
                                )
                                .token("INCRBY"),
                            ],
                        ),
                    ],
                ),
            ],
        )
        .optional()
        .multiple(),
    ]);

pub static BITFIELD_RO: Facts = row("bitfield_ro", -2, "6.0.0", "O(1) per operation")
    .summary("Reads integers of any width inside a string.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[
        key("key", 0),
        block("get-block", &[string("encoding"), integer("offset")])
            .token("GET")
            .optional()
            .multiple()
            .multiple_token(),
    ]);

pub static BITOP: Facts = row("bitop", -4, "2.6.0", "O(N)")
    .summary("Combines strings bit by bit and stores the result.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[ow(2).update(), ro(3).access().to(-1, 1)])
    .args(&[
        oneof("operation", &[flag("and", "AND"), flag("or", "OR"), flag("xor", "XOR"), flag("not", "NOT")]),
        key("destkey", 0),
        key("key", 1).multiple(),
    ]);

pub static BITPOS: Facts = row("bitpos", -3, "2.8.7", "O(N)")
    .summary("Finds the first one or zero in a string or a part of it.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .history(&[("7.0.0", "Unit `BYTE` or `BIT`.")])
    .args(&[
        key("key", 0),
        integer("bit"),
        block(
            "range",
            &[
                integer("start"),
                block(
                    "end-unit-block",
                    &[
                        integer("end"),
                        oneof("unit", &[flag("byte", "BYTE"), flag("bit", "BIT")]).since("7.0.0").optional(),
                    ],
                )
                .optional(),
            ],
        )
        .optional(),
    ]);

pub static GETBIT: Facts = row("getbit", 3, "2.2.0", "O(1)")
    .summary("Gives the bit at an offset.")
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), integer("offset")]);

pub static SETBIT: Facts = row("setbit", 4, "2.2.0", "O(1)")
    .summary("Sets the bit at an offset and gives the old one.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).access().update()])
    .args(&[key("key", 0), integer("offset"), integer("value")]);
