//! The entry point for fuzzers: scores that no place has, and shapes as hostile as arguments let them be.

use super::hash::{Area, Cell, LATITUDES, LONGITUDES, Place, text, to_i64, to_u64};
use super::shape::{Form, Shape};

/// Takes eight bytes of `input` after the other as scores, coordinates and lengths.
///
/// # Panics
/// When a place is off the map, a cell does not hold its place, or a distance is no number: that is the find.
pub fn fuzz_geo(input: &[u8]) {
    let (words, _) = input.as_chunks::<8>();
    let bits: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let numbers: Vec<f64> = bits.iter().map(|&bits| f64::from_bits(bits)).filter(|n| !n.is_nan()).collect();
    let places: Vec<Place> = bits.chunks_exact(2).map(|pair| place(pair[0], pair[1])).collect();
    for &score in &numbers {
        decode(score);
    }
    for &bits in &bits {
        decode(bits as f64);
        decode((bits >> 12) as f64);
    }
    places.iter().for_each(|&place| encode(place));
    for pair in places.windows(2) {
        check_distance(pair[0], pair[1]);
        // The other side of the earth.
        let opposite = Place {
            longitude: pair[0].longitude - 180.0f64.copysign(pair[0].longitude),
            latitude: -pair[0].latitude,
        };
        check_distance(pair[0], opposite);
    }
    let Some((&centre, others)) = places.split_first() else { return };
    let lengths: Vec<f64> = numbers.iter().copied().filter(|length| *length >= 0.0).collect();
    let mut forms: Vec<Form> = Vec::new();
    forms.extend(lengths.iter().map(|&radius| Form::Circle { radius }));
    forms.extend(lengths.windows(2).map(|pair| Form::Box { width: pair[0], height: pair[1] }));
    for form in forms {
        for metres in [1.0, 1000.0, 0.3048, 1609.34] {
            search(&Shape { form: form.clone(), centre, metres }, &places);
        }
    }
    if others.len() >= 3 {
        search(&Shape::polygon(others.to_vec()), &places);
    }
}

/// A place as arguments can name it: any bits that are a coordinate, else a part of the map.
fn place(longitude: u64, latitude: u64) -> Place {
    let within = |bits: u64, range: std::ops::RangeInclusive<f64>| {
        let number = f64::from_bits(bits);
        if range.contains(&number) {
            return number;
        }
        let part = bits as f64 / u64::MAX as f64;
        (range.start() + part * (range.end() - range.start())).clamp(*range.start(), *range.end())
    };
    Place { longitude: within(longitude, LONGITUDES), latitude: within(latitude, LATITUDES) }
}

fn on_the_map(place: Place) -> bool {
    LONGITUDES.contains(&place.longitude) && LATITUDES.contains(&place.latitude)
}

fn decode(score: f64) {
    let place = Place::of_score(score);
    assert!(on_the_map(place), "{score:?} is {place:?}");
    assert!(text(place).iter().all(u8::is_ascii_alphanumeric));
    let (signed, unsigned) = (to_i64(score), to_u64(score));
    if (0.0..9e18).contains(&score) {
        assert_eq!((signed as u64, unsigned), (score as u64, score as u64));
    }
    if (0.0..(1u64 << 52) as f64).contains(&score) {
        let cell = Cell { bits: unsigned, steps: Cell::STEPS_MAX };
        assert!(cell.score() <= score && score < cell.score_end());
        assert!(covers(cell.area(), place), "{place:?} is the centre of {cell:?}");
    }
}

fn covers(area: Area, place: Place) -> bool {
    // The edges of the map are computed, too.
    let near = |low: f64, value: f64, high: f64| low - 1e-9 <= value && value <= high + 1e-9;
    near(area.west, place.longitude, area.east) && near(area.south, place.latitude, area.north)
}

fn encode(place: Place) {
    assert!(text(place).iter().all(u8::is_ascii_alphanumeric));
    for steps in 1..=Cell::STEPS_MAX {
        let cell = Cell::of(place, steps);
        for (east, north) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)] {
            let moved = cell.moved(east, north);
            assert!(moved.bits < 1 << (2 * steps) || cell.bits >= 1 << (2 * steps), "{moved:?} of {cell:?}");
            assert!(moved.score() <= moved.score_end());
        }
        // A place on the far edge of the map is in a cell beyond it, which wraps.
        let inside = place.longitude < *LONGITUDES.end() && place.latitude < *LATITUDES.end();
        assert!(!inside || covers(cell.area(), place), "{place:?} in {cell:?} {:?}", cell.area());
    }
}

fn check_distance(from: Place, to: Place) {
    let distance = from.distance(to);
    // Half the earth's circumference.
    assert!((0.0..=20_020_800.0).contains(&distance), "{from:?} to {to:?}: {distance:?}");
}

fn search(shape: &Shape, places: &[Place]) {
    let cells: Vec<Cell> = shape.cells().collect();
    assert!(cells.len() <= 9 && cells.iter().all(|cell| (1..=Cell::STEPS_MAX).contains(&cell.steps)));
    for cell in &cells {
        assert!(cell.score() <= cell.score_end() || cell.bits == u64::MAX, "{cell:?}");
    }
    for &place in places {
        assert!(shape.distance(place).is_none_or(|distance| distance >= 0.0), "{shape:?} {place:?}");
    }
}

#[cfg(test)]
mod tests {
    use sys::random::Rng;

    use super::*;

    #[test]
    fn random_places_break_nothing() {
        let mut rng = Rng::new(1);
        let edges = [0.0, -0.0, 180.0, -180.0, 85.05112878, -85.05112878, 1e308, f64::INFINITY, 5e-324, 20e6];
        for _ in 0..1000 {
            let mut input = vec![0; 8 * (2 + rng.index(12))];
            rng.fill(&mut input);
            for word in input.as_chunks_mut::<8>().0 {
                if rng.index(3) == 0 {
                    *word = f64::to_le_bytes(edges[rng.index(edges.len())]);
                }
            }
            fuzz_geo(&input);
        }
    }
}
