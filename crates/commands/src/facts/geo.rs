//! Geospatial commands (<https://valkey.io/commands/#geo>).
#![allow(missing_docs, reason = "every row carries its own summary")]

use super::arg::{block, double, flag, integer, key, oneof, string};
use super::key_spec::{ow, ro, rw};
use super::{Facts, Flags, Group, KeyRule};

/// Top-level commands of the group.
pub const ALL: &[&Facts] = &[
    &GEOADD,
    &GEODIST,
    &GEOHASH,
    &GEOPOS,
    &GEORADIUS,
    &GEORADIUS_RO,
    &GEORADIUSBYMEMBER,
    &GEORADIUSBYMEMBER_RO,
    &GEOSEARCH,
    &GEOSEARCHSTORE,
];

const fn row(name: &'static str, arity: i16, since: &'static str, complexity: &'static str) -> Facts {
    Facts::new(Group::Geo, name, arity, since, complexity)
}

pub static GEOADD: Facts = row("geoadd", -5, "3.2.0", "O(log(N)) per member, N: members of the index")
    .summary("Adds members with longitude and latitude to a geospatial index, or moves them.")
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .keys(&[rw(1).update()])
    .history(&[("6.2.0", "Options `CH`, `NX` and `XX`.")])
    .args(&[
        key("key", 0),
        oneof("condition", &[flag("nx", "NX"), flag("xx", "XX")]).since("6.2.0").optional(),
        flag("change", "CH").since("6.2.0").optional(),
        block("data", &[double("longitude"), double("latitude"), string("member")]).multiple(),
    ]);

pub static GEODIST: Facts = row("geodist", -4, "3.2.0", "O(1)")
    .summary("Gives the distance between two members.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .args(&[
        key("key", 0),
        string("member1"),
        string("member2"),
        oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]).optional(),
    ]);

pub static GEOHASH: Facts = row("geohash", -2, "3.2.0", "O(1) per member")
    .summary("Gives members' positions as geohash strings.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("member").optional().multiple()]);

pub static GEOPOS: Facts = row("geopos", -2, "3.2.0", "O(1) per member")
    .summary("Gives members' longitudes and latitudes.")
    .flags(&[Flags::READONLY])
    .keys(&[ro(1).access()])
    .args(&[key("key", 0), string("member").optional().multiple()]);

pub static GEORADIUS: Facts = row(
    "georadius",
    -6,
    "3.2.0",
    "O(N+log(M)), N: members in the box around the circle, M: members of the index",
)
.summary("Finds the members around a position and returns or stores them.")
.flags(&[Flags::WRITE, Flags::DENYOOM])
.keys(&[
    ro(1).access(),
    ow(0).update().variable_flags().after("STORE", 6),
    ow(0).update().variable_flags().after("STOREDIST", 6),
])
.key_rule(KeyRule::Georadius)
.history(&[("6.2.0", "Option `ANY` of `COUNT`."), ("7.0.0", "Units in upper case.")])
.args(&[
    key("key", 0),
    double("longitude"),
    double("latitude"),
    double("radius"),
    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
    flag("withcoord", "WITHCOORD").optional(),
    flag("withdist", "WITHDIST").optional(),
    flag("withhash", "WITHHASH").optional(),
    block("count-block", &[integer("count").token("COUNT"), flag("any", "ANY").since("6.2.0").optional()])
        .optional(),
    oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
    oneof(
        "store",
        &[
            key("storekey", 1).token("STORE").display("key"),
            key("storedistkey", 2).token("STOREDIST").display("key"),
        ],
    )
    .optional(),
]);

pub static GEORADIUS_RO: Facts = row(
    "georadius_ro",
    -6,
    "3.2.10",
    "O(N+log(M)), N: members in the box around the circle, M: members of the index",
)
.summary("Finds the members around a position.")
.flags(&[Flags::READONLY])
.keys(&[ro(1).access()])
.history(&[("6.2.0", "Option `ANY` of `COUNT`."), ("7.0.0", "Units in upper case.")])
.args(&[
    key("key", 0),
    double("longitude"),
    double("latitude"),
    double("radius"),
    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
    flag("withcoord", "WITHCOORD").optional(),
    flag("withdist", "WITHDIST").optional(),
    flag("withhash", "WITHHASH").optional(),
    block("count-block", &[integer("count").token("COUNT"), flag("any", "ANY").since("6.2.0").optional()])
        .optional(),
    oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
]);

pub static GEORADIUSBYMEMBER: Facts = row(
    "georadiusbymember",
    -5,
    "3.2.0",
    "O(N+log(M)), N: members in the box around the circle, M: members of the index",
)
.summary("Finds the members around another one and returns or stores them.")
.flags(&[Flags::WRITE, Flags::DENYOOM])
.keys(&[
    ro(1).access(),
    ow(0).update().variable_flags().after("STORE", 5),
    ow(0).update().variable_flags().after("STOREDIST", 5),
])
.key_rule(KeyRule::Georadius)
.history(&[("6.2.0", "Option `ANY` of `COUNT`."), ("7.0.0", "Units in upper case.")])
.args(&[
    key("key", 0),
    string("member"),
    double("radius"),
    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
    flag("withcoord", "WITHCOORD").optional(),
    flag("withdist", "WITHDIST").optional(),
    flag("withhash", "WITHHASH").optional(),
    block("count-block", &[integer("count").token("COUNT"), flag("any", "ANY").optional()]).optional(),
    oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
    oneof(
        "store",
        &[
            key("storekey", 1).token("STORE").display("key"),
            key("storedistkey", 2).token("STOREDIST").display("key"),
        ],
    )
    .optional(),
]);

pub static GEORADIUSBYMEMBER_RO: Facts = row(
    "georadiusbymember_ro",
    -5,
    "3.2.10",
    "O(N+log(M)), N: members in the box around the circle, M: members of the index",
)
.summary("Finds the members around another one.")
.flags(&[Flags::READONLY])
.keys(&[ro(1).access()])
.history(&[("6.2.0", "Option `ANY` of `COUNT`."), ("7.0.0", "Units in upper case.")])
.args(&[
    key("key", 0),
    string("member"),
    double("radius"),
    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
    flag("withcoord", "WITHCOORD").optional(),
    flag("withdist", "WITHDIST").optional(),
    flag("withhash", "WITHHASH").optional(),
    block("count-block", &[integer("count").token("COUNT"), flag("any", "ANY").optional()]).optional(),
    oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
]);

pub static GEOSEARCH: Facts = row(
    "geosearch",
    -7,
    "6.2.0",
    "O(N+log(M)), N: members in the grid cells around the shape, M: members inside it",
)
.summary("Finds the members inside a circle, box or polygon.")
.flags(&[Flags::READONLY])
.keys(&[ro(1).access()])
.history(&[("7.0.0", "Units in upper case."), ("9.0.0", "Option `BYPOLYGON`.")])
.args(&[
    key("key", 0),
    oneof(
        "from",
        &[
            string("member").token("FROMMEMBER"),
            block("fromlonlat", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
        ],
    )
    .optional(),
    oneof(
        "by",
        &[
            block(
                "circle",
                &[
                    double("radius").token("BYRADIUS"),
                    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
                ],
            ),
            block(
                "box",
                &[
                    double("width").token("BYBOX"),
                    double("height"),
                    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
                ],
            ),
            block(
                "polygon",
                &[
                    integer("num-vertices").token("BYPOLYGON"),
                    block("vertices", &[double("longitude"), double("latitude")]).multiple(),
                ],
            )
            .since("9.0.0"),
        ],
    ),
    oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
    block("count-block", &[integer("count").token("COUNT"), flag("any", "ANY").optional()]).optional(),
    flag("withcoord", "WITHCOORD").optional(),
    flag("withdist", "WITHDIST").optional(),
    flag("withhash", "WITHHASH").optional(),
]);

pub static GEOSEARCHSTORE: Facts = row(
    "geosearchstore",
    -8,
    "6.2.0",
    "O(N+log(M)), N: members in the grid cells around the shape, M: members inside it",
)
.summary("Finds the members inside a circle, box or polygon and stores them.")
.flags(&[Flags::WRITE, Flags::DENYOOM])
.keys(&[ow(1).update(), ro(2).access()])
.history(&[("7.0.0", "Units in upper case."), ("9.0.0", "Option `BYPOLYGON`.")])
.args(&[
    key("destination", 0),
    key("source", 1),
    oneof(
        "from",
        &[
            string("member").token("FROMMEMBER"),
            block("fromlonlat", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
        ],
    )
    .optional(),
    oneof(
        "by",
        &[
            block(
                "circle",
                &[
                    double("radius").token("BYRADIUS"),
                    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
                ],
            ),
            block(
                "box",
                &[
                    double("width").token("BYBOX"),
                    double("height"),
                    oneof("unit", &[flag("m", "M"), flag("km", "KM"), flag("ft", "FT"), flag("mi", "MI")]),
                ],
            ),
            block(
                "polygon",
                &[
                    integer("num-vertices").token("BYPOLYGON"),
                    block("vertices", &[double("longitude"), double("latitude")]).multiple(),
                ],
            )
            .since("9.0.0"),
        ],
    ),
    oneof("order", &[flag("asc", "ASC"), flag("desc", "DESC")]).optional(),
    block("count-block", &[integer("count").token("COUNT"), flag("any", "ANY").optional()]).optional(),
    flag("storedist", "STOREDIST").optional(),
]);
