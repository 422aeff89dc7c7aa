//! Group *geo*: <https://valkey.io/commands/#geo>.
//!
//! No two members have the same place, so that distances decide every order. Of `COUNT n ANY` only the number of
//! places is determined; what is stored is all of them.

use super::{Family, Generator, row};
use crate::differential::generate::{Command, Gen};
use crate::differential::values::Flavour;

/// The family.
pub const FAMILY: Family =
    Family { name: "geo", group: "geo", weight: 34, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(24, geoadd),
    row(16, geodist),
    row(4, |g| of_members(g, "GEOHASH")),
    row(4, |g| of_members(g, "GEOPOS")),
    row(36, |g| georadius(g, "GEORADIUS")),
    row(22, |g| georadius(g, "GEORADIUS_RO")),
    row(36, |g| georadius(g, "GEORADIUSBYMEMBER")),
    row(22, |g| georadius(g, "GEORADIUSBYMEMBER_RO")),
    row(44, geosearch),
    row(54, geosearchstore),
];

/// Members of geographic keys: few, so that searches meet them.
fn member(g: &mut Gen) -> Vec<u8> {
    match g.rng.below(20) {
        0 => g.member(),
        1 => b"nowhere".to_vec(),
        _ => format!("p{}", g.rng.below(24)).into_bytes(),
    }
}

fn key(g: &mut Gen) -> Vec<u8> {
    if g.rng.one_in(20) { g.key_of(Flavour::Zset) } else { g.key_of(Flavour::Geo) }
}

/// Only members that GEOADD placed: a sorted set's other scores are places too, but perhaps the same ones.
fn target(g: &mut Gen) -> Vec<u8> {
    g.key_of(Flavour::Zset)
}

fn geoadd(g: &mut Gen) {
    let mut command = Command::new("GEOADD").arg(g.key_of(Flavour::Geo));
    for part in 0..3 {
        command = match (part, g.rng.below(20)) {
            (0, 0..2) => command.token("NX"),
            (0, 2..4) => command.token("XX"),
            (0, 4) if g.rng.percent(30) => command.token("NX").token("XX"),
            (1, 0..5) => command.token("CH"),
            (2, 0) if g.rng.percent(30) => command.token("GT"),
            _ => command,
        };
    }
    for _ in 0..1 + g.rng.below(5) {
        let member = member(g);
        let (longitude, latitude) = if g.rng.one_in(30) { g.centre() } else { g.place_of(&member) };
        command = command.arg(longitude).arg(latitude).arg(member);
    }
    g.push(command);
}

fn unit(g: &mut Gen) -> &'static str {
    if g.rng.one_in(16) { "parsec" } else { g.word(&["M", "KM", "FT", "MI"]) }
}

fn geodist(g: &mut Gen) {
    let mut command = Command::new("GEODIST").arg(key(g)).arg(member(g)).arg(member(g));
    if g.rng.percent(85) {
        command = command.token(unit(g));
    }
    g.push(command);
}

fn of_members(g: &mut Gen, name: &str) {
    let mut command = Command::new(name).arg(key(g));
    for _ in 0..g.rng.below(4) {
        command = command.arg(member(g));
    }
    g.push(command);
}

/// Adds what searches can be asked for, in any order. With `store` only what leaves the result determined.
fn options(g: &mut Gen, command: Command, store: bool, with: bool) -> Command {
    let mut command = command;
    let mut parts = [0, 1, 2, 3, 4];
    let turn = g.rng.below(5);
    parts.rotate_left(turn);
    for part in parts {
        command = match part {
            0 if with && g.rng.percent(30) => command.token("WITHCOORD"),
            1 if with && g.rng.percent(30) => command.token("WITHDIST"),
            2 if with && g.rng.percent(30) => command.token("WITHHASH"),
            3 if g.rng.percent(45) => command.token(g.rng.pick(&["ASC", "DESC"])),
            4 => match g.rng.below(10) {
                0..3 => {
                    let count = if store { (1 + g.rng.below(8)).to_string().into_bytes() } else { g.count() };
                    command.token("COUNT").arg(count)
                }
                3..5 if store => command.token("COUNT").arg("1000").token("ANY"),
                3..5 => command.token("COUNT").arg(g.count()).token("ANY"),
                5 if g.rng.percent(20) => command.token("ANY"),
                _ => command,
            },
            _ => command,
        };
    }
    command
}

fn georadius(g: &mut Gen, name: &str) {
    let mut command = Command::new(name).arg(key(g));
    if name.contains("BYMEMBER") {
        command = command.arg(member(g));
    } else {
        let (longitude, latitude) = g.centre();
        command = command.arg(longitude).arg(latitude);
    }
    let (distance, unit) = g.distance();
    command = command.arg(distance).token(unit);
    let store = (!name.ends_with("_RO") && g.rng.percent(45)) || g.rng.one_in(40);
    // With STORE, what else is asked for is an error.
    let with = !store || g.rng.one_in(8);
    command = options(g, command, store, with);
    if store {
        command = command.token(g.rng.pick(&["STORE", "STOREDIST"])).arg(target(g));
    }
    if store {
        push_whole(g, command);
    } else {
        g.push(command);
    }
}

/// Cut off in the middle, a command that stores could store something that is not determined.
fn push_whole(g: &mut Gen, command: Command) {
    let command = if g.rng.percent(8) { command.arg(g.nonsense()) } else { command };
    g.push_exact(command);
}

fn area(g: &mut Gen, command: Command) -> Command {
    let mut command = command;
    let shape = g.rng.below(20);
    let polygon = matches!(shape, 14..19);
    let from = g.rng.below(20);
    let centre = |g: &mut Gen, command: Command| {
        let (longitude, latitude) = g.centre();
        command.token("FROMLONLAT").arg(longitude).arg(latitude)
    };
    // A polygon has no centre.
    if !polygon || g.rng.one_in(10) {
        command = match from {
            0..9 => command.token("FROMMEMBER").arg(member(g)),
            9..19 => centre(g, command),
            _ if g.rng.percent(50) => command,
            _ => {
                command = command.token("FROMMEMBER").arg(member(g));
                centre(g, command)
            }
        };
    }
    let (distance, unit) = g.distance();
    match shape {
        0..7 => command.token("BYRADIUS").arg(distance).token(unit),
        7..14 => {
            let (height, _) = g.distance();
            command.token("BYBOX").arg(distance).arg(height).token(unit)
        }
        14..19 => {
            let corners = *g.rng.pick(&[3, 4, 4, 5, 8]);
            let count = g.numkeys(corners);
            command = command.token("BYPOLYGON").arg(if g.rng.one_in(15) { b"2".to_vec() } else { count });
            // Around the region of most members, some of them over or under it.
            for corner in 0..corners {
                let angle = std::f64::consts::TAU * corner as f64 / corners as f64;
                let (wide, tall) = (g.rng.between(5, 40) as f64 / 10.0, g.rng.between(5, 30) as f64 / 10.0);
                let (longitude, latitude) = (13.4 + wide * angle.cos(), 38.1 + tall * angle.sin());
                let bad = g.rng.one_in(60);
                command = command
                    .arg(if bad { "200".into() } else { format!("{longitude:.4}") })
                    .arg(format!("{latitude:.4}"));
            }
            command
        }
        _ => command,
    }
}

fn geosearch(g: &mut Gen) {
    let command = Command::new("GEOSEARCH").arg(key(g));
    let command = area(g, command);
    let command = options(g, command, false, true);
    g.push(command);
}

fn geosearchstore(g: &mut Gen) {
    let command = Command::new("GEOSEARCHSTORE").arg(target(g)).arg(key(g));
    let command = area(g, command);
    let with = g.rng.one_in(12);
    let mut command = options(g, command, true, with);
    if g.rng.percent(40) {
        command = command.token("STOREDIST");
    }
    push_whole(g, command);
}
