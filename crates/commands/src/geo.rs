//! Family *geo*: places as members of sorted sets (<https://valkey.io/commands/#geo>).
//!
//! A place's score is the number of the cell it lies in, of 2^52 that cover the earth ([`hash`]). Members of one cell,
//! however large, are a range of scores, so a search looks through the ranges of a few cells ([`shape`]).

pub mod fuzzing;
mod hash;
mod partial;
mod search;
mod shape;
#[cfg(test)]
mod tests;

pub use search::{
    georadius, georadius_ro, georadiusbymember, georadiusbymember_ro, geosearch, geosearchstore,
};

use smallvec::SmallVec;
use structures::zset::Zset;
use wire::number::parse_f64;
use wire::resp::ReplyWriter;

use crate::t_zset::{Scored, add_places};
use crate::{Args, CommandError, CommandResult, Ctx, Log, Outcome, Spec, facts};
use hash::{Cell, LATITUDES, LONGITUDES, Place};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::geo::GEOADD, log: Log::Rewritten, run: geoadd },
    Spec { facts: &facts::geo::GEODIST, log: Log::Nothing, run: geodist },
    Spec { facts: &facts::geo::GEOHASH, log: Log::Nothing, run: geohash },
    Spec { facts: &facts::geo::GEOPOS, log: Log::Nothing, run: geopos },
    Spec { facts: &facts::geo::GEORADIUS, log: Log::Verbatim, run: georadius },
    Spec { facts: &facts::geo::GEORADIUS_RO, log: Log::Nothing, run: georadius_ro },
    Spec { facts: &facts::geo::GEORADIUSBYMEMBER, log: Log::Verbatim, run: georadiusbymember },
    Spec { facts: &facts::geo::GEORADIUSBYMEMBER_RO, log: Log::Nothing, run: georadiusbymember_ro },
    Spec { facts: &facts::geo::GEOSEARCH, log: Log::Nothing, run: geosearch },
    Spec { facts: &facts::geo::GEOSEARCHSTORE, log: Log::Verbatim, run: geosearchstore },
];

/// The place whose longitude is argument `i` and latitude the next.
fn place(args: &Args<'_>, i: usize) -> Result<Place, CommandError> {
    let coordinate = |i: usize| parse_f64(args.get(i)).ok_or(CommandError::NotFloat);
    let place = Place { longitude: coordinate(i)?, latitude: coordinate(i + 1)? };
    if LONGITUDES.contains(&place.longitude) && LATITUDES.contains(&place.latitude) {
        Ok(place)
    } else {
        Err(CommandError::owned(format!(
            "ERR invalid longitude,latitude pair {:.6},{:.6}",
            place.longitude, place.latitude
        )))
    }
}

/// Metres in a unit.
fn unit(arg: &[u8]) -> Result<f64, CommandError> {
    const UNITS: [(&[u8], f64); 4] = [(b"m", 1.0), (b"km", 1000.0), (b"ft", 0.3048), (b"mi", 1609.34)];
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(arg));
    known
        .map(|&(_, metres)| metres)
        .ok_or(CommandError::text("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// Writes a distance: four decimals.
fn write_distance(reply: &mut ReplyWriter<'_>, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even() as i64;
    let sign = if scaled < 0 { "-" } else { "" };
    let scaled = scaled.unsigned_abs();
    reply.bulk(format!("{sign}{}.{:04}", scaled / 10_000, scaled % 10_000).as_bytes());
}

/// Writes a place: an array of longitude and latitude.
fn write_place(reply: &mut ReplyWriter<'_>, place: Place) {
    reply.array(2);
    reply.double_human(place.longitude);
    reply.double_human(place.latitude);
}

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member …]`: the number of new members, with
/// `CH` of all that moved. O(log n) for each.
pub fn geoadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (mut nx, mut xx, mut from) = (false, false, 2);
    while from < args.len() {
        if args.is(from, "nx") {
            nx = true;
        } else if args.is(from, "xx") {
            xx = true;
        } else if !args.is(from, "ch") {
            break;
        }
        from += 1;
    }
    let words = args.len() - from;
    if words % 3 != 0 || words == 0 || nx && xx {
        return Err(CommandError::Syntax);
    }
    let mut members = SmallVec::<[Scored<'_>; 8]>::with_capacity(words / 3);
    for i in (from..args.len()).step_by(3) {
        members.push((Cell::of(place(args, i)?, Cell::STEPS_MAX).score(), args.get(i + 2)));
    }
    add_places(ctx, args, 2..from, &members)
}

/// Replies with what `write` makes of each member's place; `missing` for members that are not there.
fn each_place(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    write: impl Fn(&mut ReplyWriter<'_>, Place),
    missing: impl Fn(&mut ReplyWriter<'_>),
) -> CommandResult {
    let key = ctx.key(args, 1);
    let zset = ctx.space.read_as::<Zset>(key)?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => write(&mut ctx.reply, Place::of_score(score)),
            None => missing(&mut ctx.reply),
        }
    }
    Ok(Outcome::Done)
}

/// `GEOPOS key [member …]`: the place of each member, or null. O(1) for each.
pub fn geopos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    each_place(ctx, args, write_place, |reply| reply.null_array())
}

/// `GEOHASH key [member …]`: the place of each member as eleven characters of a standard geohash, or null. O(1) for
/// each.
pub fn geohash(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    each_place(ctx, args, |reply, place| reply.bulk(&hash::text(place)), |reply| reply.null())
}

/// `GEODIST key member member [M | KM | FT | MI]`: the distance of two members, or null. O(1).
pub fn geodist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let metres = match args.len() {
        4 => 1.0,
        5 => unit(args.get(4))?,
        _ => return Err(CommandError::Syntax),
    };
    let key = ctx.key(args, 1);
    let places = ctx.space.read_as::<Zset>(key)?.and_then(|zset| {
        Some((Place::of_score(zset.score(args.get(2))?), Place::of_score(zset.score(args.get(3))?)))
    });
    match places {
        Some((a, b)) => write_distance(&mut ctx.reply, a.distance(b) / metres),
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}
