//! Shapes that searches look for places in, and the cells that cover them.

use super::hash::{Area, Cell, EARTH_RADIUS, LATITUDES, LONGITUDES, Place, degrees, radians};

/// Where places are looked for. Lengths are in the unit of the search.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// All within `radius` of the centre.
    Circle { radius: f64 },
    /// All not further east or west than half the width, nor further north or south than half the height.
    Box { width: f64, height: f64 },
    /// All within a polygon of at least three corners.
    Polygon { corners: Vec<Place> },
}

/// A form around a centre.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    pub form: Form,
    pub centre: Place,
    /// Metres in a unit of length.
    pub metres: f64,
}

impl Shape {
    /// A polygon; its centre is that of its corners on the sphere.
    pub fn polygon(corners: Vec<Place>) -> Shape {
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for corner in &corners {
            let (longitude, latitude) = (radians(corner.longitude), radians(corner.latitude));
            x += latitude.cos() * longitude.cos();
            y += latitude.cos() * longitude.sin();
            z += latitude.sin();
        }
        let centre = Place {
            longitude: degrees(f64::atan2(y, x)),
            latitude: degrees(f64::atan2(z, (x * x + y * y).sqrt())),
        };
        Shape { form: Form::Polygon { corners }, centre, metres: 1.0 }
    }

    /// The distance of a place from the centre, metres, if the place is in the shape.
    pub fn distance(&self, place: Place) -> Option<f64> {
        match &self.form {
            Form::Circle { radius } => {
                let distance = self.centre.distance(place);
                let outside = distance > radius * self.metres;
                (!outside).then_some(distance)
            }
            Form::Box { width, height } => {
                if place.latitude_distance(self.centre) > height * self.metres / 2.0 {
                    return None;
                }
                let abeam = Place { longitude: self.centre.longitude, latitude: place.latitude };
                if place.distance(abeam) > width * self.metres / 2.0 {
                    return None;
                }
                Some(self.centre.distance(place))
            }
            Form::Polygon { corners } => contains(corners, place).then(|| self.centre.distance(place)),
        }
    }

    /// The box of longitudes and latitudes around the shape.
    fn bounds(&self) -> Area {
        let (height, width) = match &self.form {
            Form::Circle { radius } => (self.metres * radius, self.metres * radius),
            Form::Box { width, height } => (self.metres * height / 2.0, self.metres * width / 2.0),
            Form::Polygon { corners } => return bounds(corners),
        };
        let Place { longitude, latitude } = self.centre;
        let up = degrees(height / EARTH_RADIUS);
        // A degree of longitude is shortest towards the pole.
        let narrowest = if latitude < 0.0 { latitude - up } else { latitude + up };
        let aside = degrees(width / EARTH_RADIUS / radians(narrowest).cos());
        Area { west: longitude - aside, east: longitude + aside, south: latitude - up, north: latitude + up }
    }

    /// How far the shape reaches from its centre, metres.
    fn reach(&self, bounds: Area) -> f64 {
        match &self.form {
            Form::Circle { radius } => radius * self.metres,
            Form::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt() * self.metres
            }
            Form::Polygon { .. } => {
                let to = |longitude, latitude| self.centre.distance(Place { longitude, latitude });
                let corners = [
                    to(bounds.west, bounds.north),
                    to(bounds.east, bounds.north),
                    to(bounds.west, bounds.south),
                    to(bounds.east, bounds.south),
                ];
                corners.into_iter().fold(corners[0], |most, d| if d > most { d } else { most })
            }
        }
    }

    /// The cells to look in, at most nine of one size, in the order in which Valkey looks.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + use<> {
        // That of a polygon around a pole may be off the map.
        let centre = Place {
            latitude: self.centre.latitude.min(*LATITUDES.end()).max(*LATITUDES.start()),
            longitude: self.centre.longitude,
        };
        let bounds = self.bounds();
        let mut steps = steps_for(self.reach(bounds), self.centre.latitude);
        let mut cell = Cell::of(centre, steps);
        // Near the edge of its cell, a shape may reach beyond the neighbours.
        let too_small = cell.moved(0, 1).area().north < bounds.north
            || cell.moved(0, -1).area().south > bounds.south
            || cell.moved(1, 0).area().east < bounds.east
            || cell.moved(-1, 0).area().west > bounds.west;
        if steps > 1 && too_small {
            steps -= 1;
            cell = Cell::of(centre, steps);
        }
        let area = cell.area();
        let skip = |east: i8, north: i8| {
            steps >= 2
                && (north < 0 && area.south < bounds.south
                    || north > 0 && area.north > bounds.north
                    || east < 0 && area.west < bounds.west
                    || east > 0 && area.east > bounds.east)
        };
        const ORDER: [(i8, i8); 9] =
            [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let cells = ORDER.map(|(east, north)| (!skip(east, north)).then(|| cell.moved(east, north)));
        // Around the world, a neighbour may be the one just visited. Only the cell at the centre is not remembered.
        let mut last = None;
        cells.into_iter().enumerate().filter_map(move |(i, cell)| {
            let cell = cell.filter(|&cell| last != Some(cell))?;
            if i > 0 {
                last = Some(cell);
            }
            Some(cell)
        })
    }
}

/// Halvings after which a cell and its neighbours cover what is within `reach` metres.
fn steps_for(mut reach: f64, latitude: f64) -> u32 {
    /// Half the width of the map at the equator, metres.
    const MAP_REACH: f64 = 20_037_726.37;
    if reach == 0.0 {
        return Cell::STEPS_MAX;
    }
    let mut steps = 1;
    while reach < MAP_REACH {
        reach *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Towards the poles, cells are narrower.
    if latitude.abs() > 66.0 {
        steps -= 1;
        if latitude.abs() > 80.0 {
            steps -= 1;
        }
    }
    steps.clamp(1, Cell::STEPS_MAX as i32) as u32
}

/// The box around the corners of a polygon.
fn bounds(corners: &[Place]) -> Area {
    let nowhere = Area {
        west: *LONGITUDES.end(),
        east: *LONGITUDES.start(),
        south: *LATITUDES.end(),
        north: *LATITUDES.start(),
    };
    corners.iter().fold(nowhere, |area, corner| Area {
        west: area.west.min(corner.longitude),
        east: area.east.max(corner.longitude),
        south: area.south.min(corner.latitude),
        north: area.north.max(corner.latitude),
    })
}

/// Whether a place is in a polygon: a ray from it crosses the boundary an odd number of times (W. R. Franklin's PNPOLY).
fn contains(corners: &[Place], place: Place) -> bool {
    let mut inside = false;
    let mut previous = corners[corners.len() - 1];
    for &corner in corners {
        let straddles = (corner.latitude > place.latitude) != (previous.latitude > place.latitude);
        if straddles
            && place.longitude
                < (previous.longitude - corner.longitude) * (place.latitude - corner.latitude)
                    / (previous.latitude - corner.latitude)
                    + corner.longitude
        {
            inside = !inside;
        }
        previous = corner;
    }
    inside
}
