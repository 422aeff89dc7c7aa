//! Places, cells and distances. The earth is a sphere; places reach to the latitudes of the web's Mercator maps
//! (EPSG:3857), at which a map of the world is a square.
//!
//! The square is halved again and again, in longitude and latitude by turns. After *n* halvings of each, the *cell* of
//! a place is a number of 2*n* bits, those of the longitude and of the latitude interleaved. Results have to be
//! Valkey's to the last bit: arithmetic is done in its order, and conversions from doubles are those of its processors.

use std::ops::RangeInclusive;

/// Longitudes of places, degrees.
pub(super) const LONGITUDES: RangeInclusive<f64> = -180.0..=180.0;
/// Latitudes of places, degrees.
pub(super) const LATITUDES: RangeInclusive<f64> = -85.051_128_78..=85.051_128_78;
/// Latitudes of standard geohashes, degrees.
const ALL_LATITUDES: RangeInclusive<f64> = -90.0..=90.0;

/// The earth's quadratic mean radius, metres.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;

/// Degrees as radians.
pub(super) fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

/// Radians as degrees.
pub(super) fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

/// A place, in degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub longitude: f64,
    pub latitude: f64,
}

impl Place {
    /// The centre of the cell that a score stands for. Scores that no place has are brought into range.
    pub fn of_score(score: f64) -> Place {
        Cell { bits: to_u64(score), steps: Cell::STEPS_MAX }.area().centre()
    }

    /// The great-circle distance, metres (haversine formula).
    pub fn distance(self, other: Place) -> f64 {
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        // Some nanometres: the same meridian.
        if v.abs() <= 1e-15 {
            return self.latitude_distance(other);
        }
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        2.0 * EARTH_RADIUS * a.sqrt().asin()
    }

    /// The distance along a meridian, metres.
    pub fn latitude_distance(self, other: Place) -> f64 {
        EARTH_RADIUS * (radians(other.latitude) - radians(self.latitude)).abs()
    }
}

/// A double as an unsigned integer, the way compilers have x86 processors do it: what is out of range wraps or is the
/// integer without a meaning.
pub(super) fn to_u64(value: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if value < HALF { to_i64(value) as u64 } else { to_i64(value - HALF) as u64 ^ (1 << 63) }
}

/// As [`to_u64`], signed.
pub(super) fn to_i64(value: f64) -> i64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if (-HALF..HALF).contains(&value) { value as i64 } else { i64::MIN }
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub bits: u64,
    pub steps: u32,
}

/// What a cell covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub west: f64,
    pub east: f64,
    pub south: f64,
    pub north: f64,
}

impl Area {
    fn centre(self) -> Place {
        let clamp = |value: f64, range: RangeInclusive<f64>| value.min(*range.end()).max(*range.start());
        Place {
            longitude: clamp((self.west + self.east) / 2.0, LONGITUDES),
            latitude: clamp((self.south + self.north) / 2.0, LATITUDES),
        }
    }
}

/// The bits of longitudes.
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
/// The bits of latitudes.
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

/// Spreads 32 bits over the even ones of 64.
fn spread(bits: u32) -> u64 {
    let mut x = u64::from(bits);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & LATITUDE_BITS
}

/// Gathers the even bits of 64.
fn gather(bits: u64) -> u32 {
    let mut x = bits & LATITUDE_BITS;
    x = (x | x >> 1) & 0x3333_3333_3333_3333;
    x = (x | x >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x >> 4) & 0x00ff_00ff_00ff_00ff;
    x = (x | x >> 8) & 0x0000_ffff_0000_ffff;
    (x | x >> 16) as u32
}

impl Cell {
    /// Halvings that make the cells of scores: 52 bits, which a double holds exactly.
    pub const STEPS_MAX: u32 = 26;

    /// The cell of a place after `steps` halvings, 1 to 26.
    pub fn of(place: Place, steps: u32) -> Cell {
        Cell::within(place, steps, LATITUDES)
    }

    fn within(place: Place, steps: u32, latitudes: RangeInclusive<f64>) -> Cell {
        let part = |value: f64, range: RangeInclusive<f64>| {
            let part = (value - range.start()) / (range.end() - range.start());
            (part * (1u64 << steps) as f64) as u32
        };
        let bits = spread(part(place.latitude, latitudes)) | spread(part(place.longitude, LONGITUDES)) << 1;
        Cell { bits, steps }
    }

    /// What the cell covers.
    pub fn area(self) -> Area {
        let edge = |number: u32, range: RangeInclusive<f64>| {
            let part = f64::from(number) / (1u64 << self.steps) as f64;
            range.start() + part * (range.end() - range.start())
        };
        let (latitude, longitude) = (gather(self.bits), gather(self.bits >> 1));
        Area {
            west: edge(longitude, LONGITUDES),
            east: edge(longitude.wrapping_add(1), LONGITUDES),
            south: edge(latitude, LATITUDES),
            north: edge(latitude.wrapping_add(1), LATITUDES),
        }
    }

    /// The lowest score in the cell.
    pub fn score(self) -> f64 {
        (self.bits << (52 - self.steps * 2)) as f64
    }

    /// The lowest score above all in the cell.
    pub fn score_end(self) -> f64 {
        Cell { bits: self.bits.wrapping_add(1), steps: self.steps }.score()
    }

    /// The cell as many cells further east and north; beyond the map's edge it goes on at the opposite one.
    pub fn moved(self, east: i8, north: i8) -> Cell {
        let mask = u64::MAX >> (64 - self.steps * 2);
        let shift = |own: u64, by: i8| {
            // With all bits of the other coordinate set, a carry passes them.
            let (bits, others) = (self.bits & own, !own & mask);
            match by {
                0 => bits,
                1.. => (bits + (others + 1)) & own & mask,
                _ => (bits | others).wrapping_sub(others + 1) & own & mask,
            }
        };
        Cell { bits: shift(LONGITUDE_BITS, east) | shift(LATITUDE_BITS, north), steps: self.steps }
    }
}

/// The first eleven characters of the standard geohash (<http://geohash.org>), for which the map reaches to the poles;
/// the last one has no bits left and is always `0`.
pub(super) fn text(place: Place) -> [u8; 11] {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Cell::within(place, Cell::STEPS_MAX, ALL_LATITUDES).bits;
    std::array::from_fn(|i| match i {
        10 => b'0',
        _ => ALPHABET[(bits >> (52 - (i + 1) * 5)) as usize & 31],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_interleave_and_come_apart() {
        for (a, b) in
            [(0, 0), (1, 0), (0, 1), (u32::MAX, 0), (0x1234_5678, 0x9abc_def0), (u32::MAX, u32::MAX)]
        {
            let bits = spread(a) | spread(b) << 1;
            assert_eq!((gather(bits), gather(bits >> 1)), (a, b));
        }
    }

    #[test]
    fn neighbours_lie_where_they_should() {
        let cell = Cell::of(Place { longitude: 13.4, latitude: 52.5 }, 10);
        let area = cell.area();
        for (east, north) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)] {
            let other = cell.moved(east, north).area();
            let (width, height) = (area.east - area.west, area.north - area.south);
            assert!((other.west - area.west - width * f64::from(east)).abs() < 1e-9);
            assert!((other.south - area.south - height * f64::from(north)).abs() < 1e-9);
        }
        assert_eq!(cell.moved(0, 0), cell);
        // Round the world.
        let last = Cell { bits: 0b1010, steps: 2 };
        assert_eq!(last.moved(1, 0).bits, 0);
        assert_eq!(Cell { bits: 0, steps: 2 }.moved(-1, -1).bits, 0b1111);
    }

    #[test]
    fn scores_out_of_range_are_places_too() {
        for score in [-1.0, 0.5, 1e17, 1e300, f64::INFINITY, f64::NEG_INFINITY] {
            let place = Place::of_score(score);
            assert!(LONGITUDES.contains(&place.longitude) && LATITUDES.contains(&place.latitude), "{score}");
        }
        assert_eq!(to_u64(-1.0), u64::MAX);
        assert_eq!(to_u64(1.9), 1);
        assert_eq!(to_u64(f64::INFINITY), 0);
        assert_eq!(to_u64(f64::NEG_INFINITY), 1 << 63);
        assert_eq!(to_u64(2f64.powi(63)), 1 << 63);
    }

    #[test]
    fn a_place_is_within_its_cell() {
        for longitude in [-180.0, -77.3, 0.0, 13.361389, 179.9999] {
            for latitude in [-85.05, -1.0, 0.0, 38.115556, 85.05] {
                for steps in 1..=26 {
                    let area = Cell::of(Place { longitude, latitude }, steps).area();
                    assert!((area.west..=area.east).contains(&longitude));
                    assert!((area.south..=area.north).contains(&latitude));
                }
            }
        }
    }

    #[test]
    fn standard_geohashes() {
        let palermo = Place { longitude: 13.361389338970184, latitude: 38.1155563954963 };
        assert_eq!(&text(palermo), b"sqc8b49rny0");
    }
}
