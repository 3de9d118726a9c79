//! Shapes, read and written as GeoJSON.

use serde::{Deserialize, Serialize};

use super::{Coordinates, CoordinatesError};

/// The most points of one shape; a larger one is refused.
pub const GEOMETRY_POINTS_MAX: usize = 20_000;

/// A shape on the earth (RFC 7946, section 3.1), without heights.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "GeoJson", into = "GeoJson")]
pub enum Geometry {
    /// A point.
    Point(Coordinates),
    /// A line of at least two points.
    LineString(Vec<Coordinates>),
    /// Several lines.
    MultiLineString(Vec<Vec<Coordinates>>),
    /// An outer ring and the holes in it; the last point of a ring is its first.
    Polygon(Vec<Vec<Coordinates>>),
    /// Several of them.
    MultiPolygon(Vec<Vec<Vec<Coordinates>>>),
}

/// Why a document is no shape.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeometryError {
    /// A position that is none.
    #[error("point {number}: {problem}")]
    Coordinates {
        /// Which, counted from 1 through the whole shape.
        number: usize,
        /// What is wrong with it.
        problem: CoordinatesError,
    },
    /// A position has to have two numbers.
    #[error("point {number} has {found} numbers, not longitude and latitude")]
    NoPosition {
        /// Which, counted from 1 through the whole shape.
        number: usize,
        /// How many numbers there are.
        found: usize,
    },
    /// A line of less than two points.
    #[error("a line needs at least 2 points, and this one has {0}")]
    ShortLine(usize),
    /// A ring of less than a triangle.
    #[error("a ring needs at least 4 points, the last the same as the first, and this one has {0}")]
    ShortRing(usize),
    /// A ring that does not end where it began.
    #[error(
        "a ring ends at {last_longitude}, {last_latitude} and began at {first_longitude}, {first_latitude}\nhint: repeat the first point at the end"
    )]
    OpenRing {
        /// Where it began.
        first_longitude: f64,
        /// Where it began.
        first_latitude: f64,
        /// Where it ends.
        last_longitude: f64,
        /// Where it ends.
        last_latitude: f64,
    },
    /// Nothing in it.
    #[error("the shape has no points")]
    Empty,
    /// More than [`GEOMETRY_POINTS_MAX`].
    #[error("the shape has {0} points, and at most {GEOMETRY_POINTS_MAX} are kept\nhint: simplify it")]
    TooLarge(usize),
}

type Position = Vec<f64>;

/// A shape as it is written.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum GeoJson {
    Point(Position),
    LineString(Vec<Position>),
    MultiLineString(Vec<Vec<Position>>),
    Polygon(Vec<Vec<Position>>),
    MultiPolygon(Vec<Vec<Vec<Position>>>),
}

impl Geometry {
    /// Every line and ring of it, in order; a point is a line of one.
    pub fn lines(&self) -> Vec<&[Coordinates]> {
        match self {
            Self::Point(point) => vec![std::slice::from_ref(point)],
            Self::LineString(line) => vec![line],
            Self::MultiLineString(lines) | Self::Polygon(lines) => lines.iter().map(Vec::as_slice).collect(),
            Self::MultiPolygon(polygons) => polygons.iter().flatten().map(Vec::as_slice).collect(),
        }
    }

    /// Whether it has an inside.
    pub fn is_area(&self) -> bool {
        matches!(self, Self::Polygon(_) | Self::MultiPolygon(_))
    }
}

/// Reads positions, and counts them.
struct Reader {
    points: usize,
}

impl Reader {
    fn point(&mut self, position: &[f64]) -> Result<Coordinates, GeometryError> {
        self.points += 1;
        let number = self.points;
        let [longitude, latitude, ..] = *position else {
            return Err(GeometryError::NoPosition { number, found: position.len() });
        };
        Coordinates::new(longitude, latitude).map_err(|problem| GeometryError::Coordinates { number, problem })
    }

    fn points(&mut self, line: &[Position]) -> Result<Vec<Coordinates>, GeometryError> {
        if self.points + line.len() > GEOMETRY_POINTS_MAX {
            return Err(GeometryError::TooLarge(self.points + line.len()));
        }
        line.iter().map(|position| self.point(position)).collect()
    }

    fn line(&mut self, line: &[Position]) -> Result<Vec<Coordinates>, GeometryError> {
        if line.len() < 2 {
            return Err(GeometryError::ShortLine(line.len()));
        }
        self.points(line)
    }

    fn ring(&mut self, line: &[Position]) -> Result<Vec<Coordinates>, GeometryError> {
        if line.len() < 4 {
            return Err(GeometryError::ShortRing(line.len()));
        }
        let ring = self.points(line)?;
        let (first, last) = (ring[0], ring[ring.len() - 1]);
        if first != last {
            return Err(GeometryError::OpenRing {
                first_longitude: first.longitude(),
                first_latitude: first.latitude(),
                last_longitude: last.longitude(),
                last_latitude: last.latitude(),
            });
        }
        Ok(ring)
    }

    fn rings(&mut self, rings: &[Vec<Position>]) -> Result<Vec<Vec<Coordinates>>, GeometryError> {
        if rings.is_empty() {
            return Err(GeometryError::Empty);
        }
        rings.iter().map(|ring| self.ring(ring)).collect()
    }
}

impl TryFrom<GeoJson> for Geometry {
    type Error = GeometryError;

    fn try_from(written: GeoJson) -> Result<Self, GeometryError> {
        let mut reader = Reader { points: 0 };
        let shape = match written {
            GeoJson::Point(position) => Self::Point(reader.point(&position)?),
            GeoJson::LineString(line) => Self::LineString(reader.line(&line)?),
            GeoJson::MultiLineString(lines) => {
                Self::MultiLineString(lines.iter().map(|line| reader.line(line)).collect::<Result<_, _>>()?)
            }
            GeoJson::Polygon(rings) => Self::Polygon(reader.rings(&rings)?),
            GeoJson::MultiPolygon(polygons) => {
                Self::MultiPolygon(polygons.iter().map(|rings| reader.rings(rings)).collect::<Result<_, _>>()?)
            }
        };
        if reader.points == 0 { Err(GeometryError::Empty) } else { Ok(shape) }
    }
}

fn position(point: Coordinates) -> Position {
    vec![point.longitude(), point.latitude()]
}

fn positions(line: Vec<Coordinates>) -> Vec<Position> {
    line.into_iter().map(position).collect()
}

fn lines(lines: Vec<Vec<Coordinates>>) -> Vec<Vec<Position>> {
    lines.into_iter().map(positions).collect()
}

impl From<Geometry> for GeoJson {
    fn from(shape: Geometry) -> Self {
        match shape {
            Geometry::Point(point) => Self::Point(position(point)),
            Geometry::LineString(line) => Self::LineString(positions(line)),
            Geometry::MultiLineString(parts) => Self::MultiLineString(lines(parts)),
            Geometry::Polygon(rings) => Self::Polygon(lines(rings)),
            Geometry::MultiPolygon(polygons) => Self::MultiPolygon(polygons.into_iter().map(lines).collect()),
        }
    }
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Geometry {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::{ArrayBuilder, ObjectBuilder, schema::SchemaType, schema::Type};
        let words = ["Point", "LineString", "MultiLineString", "Polygon", "MultiPolygon"];
        let kind = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(words));
        let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        ObjectBuilder::new()
            .property("type", kind)
            .required("type")
            .property("coordinates", ArrayBuilder::new().items(any))
            .required("coordinates")
            .description(Some(
                "A shape as GeoJSON has it (RFC 7946): longitude comes before latitude, in degrees of WGS 84.",
            ))
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Geometry {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        serde_json::from_str::<Geometry>(text).unwrap_err().to_string()
    }

    #[test]
    fn shapes_are_read_and_written_as_they_are() {
        for text in [
            r#"{"type":"Point","coordinates":[6.95,50.93]}"#,
            r#"{"type":"LineString","coordinates":[[6.95,50.93],[6.96,50.94]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0.0,0.0],[1.0,0.0],[1.0,1.0],[0.0,0.0]]]}"#,
            r#"{"type":"MultiPolygon","coordinates":[[[[0.0,0.0],[1.0,0.0],[1.0,1.0],[0.0,0.0]]]]}"#,
        ] {
            let shape: Geometry = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&shape).unwrap(), text);
        }
    }

    #[test]
    fn what_is_wrong_with_a_shape_is_told() {
        insta::assert_snapshot!(refused(r#"{"type":"LineString","coordinates":[[6.95,50.93],[37.5,127.0]]}"#), @r"
        point 2: latitude 127 is beyond 90 degrees
        hint: longitude comes first; 127, 37.5 may be meant the other way round
        ");
        insta::assert_snapshot!(refused(r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#), @r"
        a ring ends at 0, 1 and began at 0, 0
        hint: repeat the first point at the end
        ");
        insta::assert_snapshot!(refused(r#"{"type":"Point","coordinates":[6.95]}"#), @"point 1 has 1 numbers, not longitude and latitude");
        insta::assert_snapshot!(refused(r#"{"type":"MultiLineString","coordinates":[]}"#), @"the shape has no points");
    }

    #[test]
    fn a_shape_of_too_many_points_is_refused() {
        let points = vec![vec![1.0, 2.0]; GEOMETRY_POINTS_MAX + 1];
        let refused = Geometry::try_from(GeoJson::LineString(points)).unwrap_err();
        assert_eq!(refused, GeometryError::TooLarge(GEOMETRY_POINTS_MAX + 1));
    }
}
