//! Distances and what lies within what.

use super::{Coordinates, Geometry};

/// The mean radius of the earth, in metres (IUGG).
pub const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

/// A rectangle along the degrees, its edges within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Its lower left corner.
    pub south_west: Coordinates,
    /// Its upper right corner.
    pub north_east: Coordinates,
}

impl Bounds {
    /// The smallest that holds all points; `None` of none.
    pub fn around(points: impl IntoIterator<Item = Coordinates>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        Some(points.fold(Self { south_west: first, north_east: first }, Self::with))
    }

    /// Grown to hold a point as well.
    #[must_use]
    pub fn with(self, point: Coordinates) -> Self {
        let (low, high) = (self.south_west, self.north_east);
        Self {
            south_west: Coordinates {
                longitude: low.longitude.min(point.longitude),
                latitude: low.latitude.min(point.latitude),
            },
            north_east: Coordinates {
                longitude: high.longitude.max(point.longitude),
                latitude: high.latitude.max(point.latitude),
            },
        }
    }

    /// Grown by so many metres on every side, as far as the earth goes.
    #[must_use]
    pub fn widened(self, metres: f64) -> Self {
        let degrees = (metres / EARTH_RADIUS_METRES).to_degrees();
        let south = (self.south_west.latitude() - degrees).max(-90.0);
        let north = (self.north_east.latitude() + degrees).min(90.0);
        // A degree of longitude is shortest where the rectangle is farthest from the equator.
        let shortest = south.abs().max(north.abs()).min(89.9).to_radians().cos();
        let west = (self.south_west.longitude() - degrees / shortest).max(-180.0);
        let east = (self.north_east.longitude() + degrees / shortest).min(180.0);
        let corner = |longitude: f64, latitude: f64| Coordinates::new(longitude, latitude);
        match (corner(west, south), corner(east, north)) {
            (Ok(south_west), Ok(north_east)) => Self { south_west, north_east },
            _ => self,
        }
    }

    /// Whether a point lies in it.
    pub fn contains(&self, point: Coordinates) -> bool {
        let (low, high) = (self.south_west, self.north_east);
        (low.longitude..=high.longitude).contains(&point.longitude)
            && (low.latitude..=high.latitude).contains(&point.latitude)
    }
}

impl Coordinates {
    /// How far another point is, in metres along the ground (haversine on a sphere: within 0.6 % of the ellipsoid).
    pub fn distance_metres(self, other: Self) -> f64 {
        let (here, there) = (self.latitude().to_radians(), other.latitude().to_radians());
        let half_latitude = (there - here) / 2.0;
        let half_longitude = (other.longitude() - self.longitude()).to_radians() / 2.0;
        let chord = half_latitude.sin().powi(2) + here.cos() * there.cos() * half_longitude.sin().powi(2);
        2.0 * EARTH_RADIUS_METRES * chord.sqrt().min(1.0).asin()
    }

    /// Metres east and north of `origin`, on the plane that touches the earth there: good for a city, not for a country.
    fn east_north_metres(self, origin: Self) -> (f64, f64) {
        let metres_per_degree = EARTH_RADIUS_METRES.to_radians();
        let east = (self.longitude() - origin.longitude()) * metres_per_degree * origin.latitude().to_radians().cos();
        (east, (self.latitude() - origin.latitude()) * metres_per_degree)
    }

    /// How far the nearest point of a line between two points is, in metres.
    fn distance_to_segment_metres(self, from: Self, to: Self) -> f64 {
        let (from, to) = (from.east_north_metres(self), to.east_north_metres(self));
        let along = (to.0 - from.0, to.1 - from.1);
        let length_squared = along.0 * along.0 + along.1 * along.1;
        let share = if length_squared > 0.0 {
            (-(from.0 * along.0 + from.1 * along.1) / length_squared).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (from.0 + share * along.0).hypot(from.1 + share * along.1)
    }
}

impl Geometry {
    /// The rectangle around it.
    pub fn bounds(&self) -> Bounds {
        let lines = self.lines();
        let first = lines[0][0];
        lines
            .iter()
            .copied()
            .flatten()
            .fold(Bounds { south_west: first, north_east: first }, |bounds, point| bounds.with(*point))
    }

    /// Whether a point lies inside; what has no inside contains nothing. Rings are counted by even and odd crossings.
    pub fn contains(&self, point: Coordinates) -> bool {
        match self {
            Self::Polygon(rings) => is_inside(rings, point),
            Self::MultiPolygon(polygons) => polygons.iter().any(|rings| is_inside(rings, point)),
            _ => false,
        }
    }

    /// How far a point is, in metres; 0 inside.
    pub fn distance_metres(&self, point: Coordinates) -> f64 {
        if self.contains(point) {
            return 0.0;
        }
        let to_line = |line: &[Coordinates]| match line {
            [only] => point.distance_metres(*only),
            line => {
                let segments = line.windows(2).map(|ends| point.distance_to_segment_metres(ends[0], ends[1]));
                segments.fold(f64::INFINITY, f64::min)
            }
        };
        self.lines().into_iter().map(to_line).fold(f64::INFINITY, f64::min)
    }

    /// A point to hang its name on: the middle of a line, the centre of gravity of the first ring of an area.
    pub fn middle(&self) -> Coordinates {
        let lines = self.lines();
        let line = lines[0];
        if !self.is_area() {
            return line[line.len() / 2];
        }
        centre_of_ring(line)
    }
}

fn is_inside(rings: &[Vec<Coordinates>], point: Coordinates) -> bool {
    let crossings = rings.iter().flat_map(|ring| ring.windows(2)).filter(|ends| {
        let (from, to) = (ends[0], ends[1]);
        if (from.latitude > point.latitude) == (to.latitude > point.latitude) {
            return false;
        }
        // Whole numbers, so that a point on a shared edge is on one side of it, whoever asks.
        let rise = i64::from(to.latitude) - i64::from(from.latitude);
        let run = i64::from(to.longitude) - i64::from(from.longitude);
        let up = i64::from(point.latitude) - i64::from(from.latitude);
        let east = i64::from(point.longitude) - i64::from(from.longitude);
        let side = i128::from(east) * i128::from(rise) - i128::from(run) * i128::from(up);
        if rise > 0 { side < 0 } else { side > 0 }
    });
    crossings.count() % 2 == 1
}

fn centre_of_ring(ring: &[Coordinates]) -> Coordinates {
    let origin = ring[0];
    let relative = |point: Coordinates| (point.longitude() - origin.longitude(), point.latitude() - origin.latitude());
    let (mut twice_area, mut east, mut north) = (0.0, 0.0, 0.0);
    for ends in ring.windows(2) {
        let (from, to) = (relative(ends[0]), relative(ends[1]));
        let cross = from.0 * to.1 - to.0 * from.1;
        twice_area += cross;
        east += (from.0 + to.0) * cross;
        north += (from.1 + to.1) * cross;
    }
    if twice_area == 0.0 {
        return origin;
    }
    let centre = Coordinates::new(
        origin.longitude() + east / (3.0 * twice_area),
        origin.latitude() + north / (3.0 * twice_area),
    );
    centre.unwrap_or(origin)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(longitude: f64, latitude: f64) -> Coordinates {
        Coordinates::new(longitude, latitude).unwrap()
    }

    fn square(holes: bool) -> Geometry {
        let ring = |low: f64, high: f64| vec![at(low, low), at(high, low), at(high, high), at(low, high), at(low, low)];
        let mut rings = vec![ring(0.0, 4.0)];
        if holes {
            rings.push(ring(1.0, 3.0));
        }
        Geometry::Polygon(rings)
    }

    #[test]
    fn distances_are_those_of_the_earth() {
        // A degree of latitude is 111.195 km on this sphere, one of longitude half of that at 60 degrees north.
        assert!((at(0.0, 0.0).distance_metres(at(0.0, 1.0)) - 111_195.08).abs() < 0.1);
        assert!((at(0.0, 60.0).distance_metres(at(1.0, 60.0)) - 55_596.0).abs() < 5.0);
        // Cologne cathedral to the Eiffel tower: 399 km.
        let paris = at(2.2945, 48.8584).distance_metres(at(6.9583, 50.9413));
        assert!((paris - 404_000.0).abs() < 5_000.0, "{paris}");
    }

    #[test]
    fn holes_are_outside_and_have_an_edge() {
        assert!(square(false).contains(at(2.0, 2.0)));
        assert!(!square(true).contains(at(2.0, 2.0)));
        assert!(square(true).contains(at(0.5, 2.0)));
        let to_hole = square(true).distance_metres(at(2.0, 2.0));
        assert!((to_hole - 111_195.0).abs() < 100.0, "{to_hole}");
        assert_eq!(square(false).distance_metres(at(2.0, 2.0)), 0.0);
        assert_eq!(square(true).middle(), at(2.0, 2.0));
    }

    #[test]
    fn along_a_line_is_measured_to_its_nearest_point() {
        let street = Geometry::LineString(vec![at(7.0, 51.0), at(7.01, 51.0)]);
        let beside = street.distance_metres(at(7.005, 51.001));
        assert!((beside - 111.2).abs() < 0.2, "{beside}");
        let past_its_end = street.distance_metres(at(7.011, 51.0));
        assert!((past_its_end - 69.98).abs() < 0.2, "{past_its_end}");
    }

    proptest! {
        #[test]
        fn widened_bounds_hold_whatever_is_near(longitude in -170.0..170.0, latitude in -80.0..80.0,
                                                east in -1.0..1.0, north in -1.0..1.0) {
            let here = at(longitude, latitude);
            let there = at(longitude + east, latitude + north);
            let metres = here.distance_metres(there);
            let bounds = Bounds::around([here]).unwrap().widened(metres + 1.0);
            prop_assert!(bounds.contains(there));
        }

        #[test]
        fn two_halves_of_a_square_share_every_point(longitude in 0.0..4.0, latitude in 0.0..4.0) {
            let half = |points: [Coordinates; 4]| Geometry::Polygon(vec![points.to_vec()]);
            let lower = half([at(0.0, 0.0), at(4.0, 0.0), at(4.0, 4.0), at(0.0, 0.0)]);
            let upper = half([at(0.0, 0.0), at(4.0, 4.0), at(0.0, 4.0), at(0.0, 0.0)]);
            let point = at(longitude, latitude);
            let inside = [&lower, &upper].iter().filter(|half| half.contains(point)).count();
            prop_assert_eq!(inside, usize::from(square(false).contains(point)));
        }
    }
}
