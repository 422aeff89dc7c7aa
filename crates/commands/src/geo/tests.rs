//! Places through their commands. Expected replies are those of valkey-server 9.1.2.

use wire::resp::Resp;

use crate::testing::Engine;

fn sicily() -> Engine {
    let mut e = Engine::new();
    e.given(&[
        "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 2.35 48.85 Paris",
        "SET s 1",
    ]);
    e
}

const SYNTAX: &str = "-ERR syntax error";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const UNIT: &str = "-ERR unsupported unit provided. please use M, KM, FT, MI";

#[test]
fn places() {
    let mut e = sicily();
    for (line, reply) in [
        ("GEOPOS g Paris x", "*2 *2 $19 2.34999865293502808 $20 48.84999911645039106 *-1"),
        ("GEOPOS none x", "*1 *-1"),
        ("GEOHASH g Paris x", "*2 $11 u09tvkz5yg0 $-1"),
        ("GEODIST g Paris Palermo", "$12 1485101.1949"),
        ("GEODIST g Paris Palermo km", "$9 1485.1012"),
        ("GEODIST g Paris Palermo MI", "$8 922.8014"),
        ("GEODIST g Paris Paris", "$6 0.0000"),
        ("GEODIST g Paris x", "$-1"),
        ("GEODIST g Paris x foo", UNIT),
        ("GEODIST s Paris x foo", UNIT),
        ("GEODIST s Paris x", WRONG_TYPE),
        ("GEODIST g Paris Palermo km x", SYNTAX),
        ("ZSCORE g Palermo", "$16 3479099956230698"),
    ] {
        e.check(line, reply);
    }
    e.given(&[
        "GEOADD h 0 85.05112878 a 180 85.05112878 b -180 -85.05112878 c",
        "ZADD h -1 m1 1e300 big inf inf",
    ]);
    e.check(
        "GEOHASH h a b c m1 big",
        "*5 $11 up05b5048p0 $11 bp05b5048p0 $11 00bh0hbj200 $11 bp05b5048p0 $11 00bh0hbj200",
    );
    e.check("GEOPOS h b m1", "*2 *2 $3 180 $19 85.0511287799999991 *2 $3 180 $19 85.0511287799999991");
    e.check("GEODIST h m1 big", "$13 18919844.5891");
    e.session.resp = Resp::V3;
    e.check("GEOPOS g Paris x", "*2 *2 ,2.34999865293502808 ,48.84999911645039106 _");
}

#[test]
fn geoadd_takes_zadds_options() {
    let mut e = sicily();
    e.check("GEOADD g CH NX 1 1 Paris 1 1 new", ":1");
    e.check("GEOADD g XX CH 1 1 Paris 1 1 newer", ":1");
    assert_eq!(e.effects(), ["GEOADD g CH NX 1 1 Paris 1 1 new", "GEOADD g XX CH 1 1 Paris 1 1 newer"]);
    for (line, reply) in [
        ("GEOADD g NX XX 1 1 a", SYNTAX),
        ("GEOADD g NX 1 1", SYNTAX),
        ("GEOADD g 1 1 a 2", SYNTAX),
        ("GEOADD g NX CH CH", SYNTAX),
        ("GEOADD g GT 1 1 a", SYNTAX),
        ("GEOADD g 1 1 a 181 1 b", "-ERR invalid longitude,latitude pair 181.000000,1.000000"),
        ("GEOADD s 1 86 a", "-ERR invalid longitude,latitude pair 1.000000,86.000000"),
        ("GEOADD g x 1 a", "-ERR value is not a valid float"),
        ("GEOADD s 1 1 a", WRONG_TYPE),
    ] {
        e.check(line, reply);
    }
}

#[test]
fn searches() {
    let mut e = sicily();
    for (line, reply) in [
        ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", "*2 $7 Catania $7 Palermo"),
        (
            "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH",
            "*2 *4 $7 Catania $7 56.4413 :3479447370796909 *2 $20 15.08726745843887329 $20 37.50266842333162032 *4 \
             $7 Palermo $8 190.4424 :3479099956230698 *2 $20 13.36138933897018433 $20 38.11555639549629859",
        ),
        (
            "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km DESC WITHDIST",
            "*2 *2 $7 Palermo $8 190.4424 *2 $7 Catania $7 56.4413",
        ),
        (
            "GEOSEARCH g BYPOLYGON 4 10 30 20 30 20 40 10 40 WITHDIST",
            "*2 *2 $7 Palermo $11 365634.1492 *2 $7 Catania $11 267053.9696",
        ),
        ("GEOSEARCH g BYPOLYGON 4 10 30 20 30 20 40 10 40 COUNT 1", "*1 $7 Catania"),
        ("GEOSEARCH g BYPOLYGON 4 10 30 20 30 20 40 10 40 COUNT 1 ANY", "*1 $7 Palermo"),
        ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS inf km", "*3 $7 Palermo $7 Catania $5 Paris"),
        ("GEOSEARCH g FROMMEMBER Paris FROMMEMBER Palermo BYRADIUS 1 m", "*1 $7 Palermo"),
        ("GEOSEARCH none FROMMEMBER x BYRADIUS 1 m", "*0"),
        ("GEORADIUS g 15 37 200 km", "*2 $7 Palermo $7 Catania"),
        ("GEORADIUS_RO g 15 37 200 km COUNT 1 DESC", "*1 $7 Palermo"),
        ("GEORADIUSBYMEMBER g Palermo 200 km", "*2 $7 Palermo $7 Catania"),
        ("GEORADIUSBYMEMBER_RO none x -200 foo", "*0"),
    ] {
        e.check(line, reply);
    }
}

#[test]
fn searches_that_are_refused() {
    let mut e = sicily();
    let missing = "-ERR member x does not exist";
    let corners = "-ERR GEOSEARCH BYPOLYGON must have at least 3 vertices";
    for (line, reply) in [
        ("GEOSEARCH g FROMMEMBER x BYRADIUS 1 m", missing),
        ("GEORADIUSBYMEMBER g x -1 foo", missing),
        ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS -1 m", "-ERR radius cannot be negative"),
        ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS x m", "-ERR need numeric radius"),
        ("GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 x m", "-ERR need numeric height"),
        ("GEOSEARCH g FROMLONLAT 1 1 BYBOX x 1 m", "-ERR need numeric width"),
        ("GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 -1 m", "-ERR height or width cannot be negative"),
        ("GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 1 x", UNIT),
        ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m COUNT 0", "-ERR COUNT must be > 0"),
        ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m ANY", "-ERR the ANY argument requires COUNT argument"),
        ("GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m STORE x", SYNTAX),
        ("GEOSEARCH g FROMLONLAT 1 1 FROMMEMBER Paris BYRADIUS 1 m", SYNTAX),
        ("GEOSEARCH g FROMMEMBER Paris BYBOX 1 1 m BYRADIUS 1 m", SYNTAX),
        ("GEOSEARCH g FROMMEMBER Paris BYPOLYGON 3 1 1 2 2 3 3", SYNTAX),
        ("GEOSEARCH g BYPOLYGON 3 1 1 2 2 3 3 FROMLONLAT 1 1", SYNTAX),
        ("GEOSEARCH g BYPOLYGON 2 10 30 20 30", corners),
        ("GEOSEARCH g BYPOLYGON 4 10 30 20 30 20 40 10", corners),
        ("GEOSEARCH g BYPOLYGON x 10 30 20 30", "-ERR invalid number of vertices"),
        (
            "GeoSearch g ASC ASC ASC ASC ASC",
            "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GeoSearch",
        ),
        (
            "GEOSEARCH g FROMLONLAT 1 1 ASC ASC",
            "-ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for GEOSEARCH",
        ),
        ("GEOSEARCH s FROMMEMBER x BYRADIUS -1 m", WRONG_TYPE),
        ("GEORADIUS g 15 370 1 km", "-ERR invalid longitude,latitude pair 15.000000,370.000000"),
        ("GEORADIUS_RO g 15 37 1 km STORE d", SYNTAX),
        (
            "GEORADIUS g 15 37 1 km WITHDIST STORE d",
            "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        (
            "GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 1 m WITHHASH",
            "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
    ] {
        e.check(line, reply);
    }
}

#[test]
fn results_are_stored() {
    let mut e = sicily();
    e.check("GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST", ":2");
    e.check(
        "ZRANGE d 0 -1 WITHSCORES",
        "*4 $7 Catania $16 56.4412578701582 $7 Palermo $18 190.44242984775784",
    );
    e.check("GEORADIUS g 15 37 200 km STORE d STOREDIST e", ":2");
    e.check("GEORADIUSBYMEMBER g Palermo 1 km STORE f", ":1");
    e.check("ZRANGE f 0 -1 WITHSCORES", "*2 $7 Palermo $16 3479099956230698");
    e.check("GEORADIUSBYMEMBER none x -200 foo STORE f", ":0");
    e.check("EXISTS d e f", ":2");
    assert_eq!(e.effects().len(), 4);
}

#[test]
fn many_members_are_searched_by_a_worker() {
    let mut e = Engine::new();
    for i in 0..3000 {
        e.call(&format!("GEOADD g {} {} m{i}", f64::from(i % 60) / 10.0, f64::from(i / 60) / 10.0));
    }
    let all = e.call("GEOSEARCH g FROMLONLAT 3 2.5 BYRADIUS 1000 km ASC");
    assert!(all.starts_with("*3000 "));
    assert_eq!(e.went_on, Some("worker"));
    let first = e.call("GEOSEARCH g FROMLONLAT 3 2.5 BYRADIUS 1000 km COUNT 5 ANY");
    assert!(first.starts_with("*5 "));
    assert_eq!(e.went_on, None);
}
