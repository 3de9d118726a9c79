//! A floor as a page draws it: every place with its point, in metres, y to the north.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use site::run::{Complaint, OperationDescription};

use super::settings::{FloorSource, floor_complaints};
use crate::floor::{Floor, Ground, Network, Severity};

/// The name of the operation.
pub(super) const NAME: &str = "floor";

/// What the operation is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    floor: FloorSource,
}

pub(super) fn description() -> OperationDescription {
    let floor = "a floor of a scenario: drawn, or a shape that one is made from";
    let input = json!({
        "type": "object", "required": ["floor"], "additionalProperties": false,
        "properties": {"floor": {"type": "object", "description": floor}},
    });
    let point = json!({"type": "array", "description": "x and y in metres; y grows to the north"});
    let places =
        json!({"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}, "at": point}}});
    let output = json!({
        "type": "object",
        "properties": {
            "floor": {"type": "object", "description": "the whole document, as it is exported"},
            "bounds": {"type": "array", "description": "west, south, east and north in metres"},
            "cell_metres": {"type": "number"},
            "rows": {"type": "array", "description": "the rows of a grid from the north; empty for nodes and edges"},
            "columns": {"type": "integer"},
            "places": {"type": "integer", "description": "where a robot can stand"},
            "stations": places, "storages": places, "chargers": places, "parkings": places,
            "ways": {"type": "array", "description": "the ways of a graph, each from x, y to x, y; empty for a grid"},
            "warnings": {"type": "array"},
        },
    });
    OperationDescription { name: NAME, summary: "draws the floor of a scenario", input, output }
}

/// Draws a floor, or says everything that is wrong with it.
pub(super) fn draw(input: Json) -> Result<Json, Vec<Complaint>> {
    let asked: Asked = serde_json::from_value(input).map_err(|error| {
        let hint = "compare with the floor of the world that the domain describes".to_owned();
        vec![Complaint { place: "/floor".into(), problem: error.to_string(), hint }]
    })?;
    let floor = asked.floor.floor().map_err(in_question)?;
    let network = floor.network().map_err(|error| in_question(floor_complaints(error)))?;
    Ok(draw_floor(&floor, &network))
}

/// Scenarios have the floor in their world; the question has it by itself.
pub(super) fn in_question(mut complaints: Vec<Complaint>) -> Vec<Complaint> {
    for complaint in &mut complaints {
        complaint.place = complaint.place.replacen("/world", "", 1);
    }
    complaints
}

/// A floor as a page draws it.
pub fn draw_floor(floor: &Floor, network: &Network) -> Json {
    let at = |node: &String| {
        let point = network.point(network.node(node)?);
        Some(json!([point.x, point.y]))
    };
    let all = |nodes: &[String]| nodes.iter().filter_map(at).collect::<Vec<_>>();
    let one = |id: &str, node: &String| json!({"id": id, "at": at(node)});
    let stations: Vec<Json> = floor
        .stations
        .iter()
        .map(|station| json!({"id": station.id, "kind": station.kind, "at": all(&station.nodes), "queue": all(&station.queue)}))
        .collect();
    let (cell_metres, rows, ways, bounds) = match &floor.ground {
        Ground::Grid(ground) => {
            let (wide, high) = (ground.columns() as f64, ground.rows.len() as f64);
            let (west, south, side) = (ground.lower_left.x, ground.lower_left.y, ground.cell_metres);
            (side, json!(ground.rows), json!([]), [west, south, west + wide * side, south + high * side])
        }
        Ground::Graph(_) => (1.0, json!([]), ways(network), around(network)),
    };
    let warnings =
        floor.check().into_iter().filter(|fault| fault.severity == Severity::Warning).map(|fault| json!(fault));
    json!({
        "bounds": bounds,
        "cell_metres": cell_metres,
        "columns": match &floor.ground { Ground::Grid(ground) => ground.columns(), Ground::Graph(_) => 0 },
        "rows": rows,
        "ways": ways,
        "places": network.len(),
        "stations": stations,
        "storages": floor.storages.iter().map(|storage| one(&storage.id, &storage.node)).collect::<Vec<_>>(),
        "chargers": floor.chargers.iter().map(|charger| one(&charger.id, &charger.node)).collect::<Vec<_>>(),
        "parkings": floor.parkings.iter().map(|parking| one(&parking.id, &parking.node)).collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
        "floor": floor,
    })
}

fn ways(network: &Network) -> Json {
    let nodes = 0..u32::try_from(network.len()).expect("nodes are numbered with 32 bits");
    let ways = nodes.flat_map(|from| {
        let a = network.point(from);
        network.ways(from).iter().map(move |way| {
            let b = network.point(way.to);
            [a.x, a.y, b.x, b.y]
        })
    });
    json!(ways.collect::<Vec<_>>())
}

/// The rectangle around all nodes, a metre wider on every side.
fn around(network: &Network) -> [f64; 4] {
    let nodes = 0..u32::try_from(network.len()).expect("nodes are numbered with 32 bits");
    let empty = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    let [west, south, east, north] = nodes.map(|node| network.point(node)).fold(empty, |[w, s, e, n], point| {
        [w.min(point.x - 1.0), s.min(point.y - 1.0), e.max(point.x + 1.0), n.max(point.y + 1.0)]
    });
    if west.is_finite() { [west, south, east, north] } else { [0.0; 4] }
}
