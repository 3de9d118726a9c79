//! LIF, the layout interchange format of the VDMA, version 1.0; the field names of the draft of 2.0 are read too.
//!
//! What LIF has no word for (service times, buffers, zones, doors, where robots stand) is lost on export and has its
//! default after import.

use serde::{Deserialize, Serialize};

use super::{Charger, Edge, Floor, GraphGround, Ground, NODES_MAX, Network, Node, Station};

/// Why a document is no LIF, or a floor cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LifError {
    /// It is not JSON of this form.
    #[error("not a LIF document: {0}\nhint: LIF 1.0 has metaInformation and layouts")]
    Form(String),
    /// It has no layout.
    #[error("the document has no layout")]
    Empty,
    /// It is too large.
    #[error("layout {layout} has {nodes} nodes, at most {NODES_MAX} are read")]
    Size {
        /// Which layout.
        layout: String,
        /// How many nodes it has.
        nodes: usize,
    },
    /// No vehicle of this type drives there.
    #[error("no node of layout {layout} is for vehicles of type {vehicle_type}\nhint: the types are {known}")]
    VehicleType {
        /// Which layout.
        layout: String,
        /// Which type was asked for.
        vehicle_type: String,
        /// Which there are.
        known: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    meta_information: Meta,
    layouts: Vec<Layout>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    project_identification: String,
    creator: String,
    export_timestamp: String,
    lif_version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the format names its fields so")]
struct Layout {
    layout_id: String,
    #[serde(default)]
    layout_name: String,
    #[serde(default)]
    layout_version: String,
    #[serde(default)]
    layout_level_id: String,
    #[serde(default)]
    nodes: Vec<LifNode>,
    #[serde(default)]
    edges: Vec<LifEdge>,
    #[serde(default)]
    stations: Vec<LifStation>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifNode {
    node_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    map_id: Option<String>,
    node_position: Place,
    #[serde(default, alias = "mobileRobotTypeNodeProperties")]
    vehicle_type_node_properties: Vec<NodeProperties>,
}

#[derive(Serialize, Deserialize, Default)]
struct Place {
    x: f64,
    y: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    theta: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeProperties {
    #[serde(default)]
    vehicle_type_id: String,
    #[serde(default, rename = "mobileRobotTypes", skip_serializing)]
    robot_types: Vec<RobotType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    theta: Option<f64>,
    #[serde(default, alias = "feasibleActions", skip_serializing_if = "Vec::is_empty")]
    actions: Vec<LifAction>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RobotType {
    series_name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifAction {
    action_type: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    blocking_type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifEdge {
    edge_id: String,
    start_node_id: String,
    end_node_id: String,
    #[serde(default, alias = "mobileRobotTypeEdgeProperties")]
    vehicle_type_edge_properties: Vec<EdgeProperties>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EdgeProperties {
    #[serde(default)]
    vehicle_type_id: String,
    #[serde(default, rename = "mobileRobotTypes", skip_serializing)]
    robot_types: Vec<RobotType>,
    /// Degrees in 1.0.
    #[serde(default)]
    vehicle_orientation: f64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    orientation_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_allowed: Option<bool>,
    #[serde(default, alias = "maximumSpeed", skip_serializing_if = "Option::is_none")]
    max_speed: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifStation {
    station_id: String,
    interaction_node_ids: Vec<String>,
    #[serde(default)]
    station_name: String,
    #[serde(default)]
    station_position: Place,
}

/// Whether properties are for vehicles of a type.
fn is_for(vehicle_type: Option<&str>, id: &str, types: &[RobotType]) -> bool {
    vehicle_type.is_none_or(|wanted| id == wanted || types.iter().any(|it| it.series_name == wanted))
}

/// Reads the layouts of a document as vehicles of one type see them; of any type when none is named.
pub fn import_lif(text: &str, vehicle_type: Option<&str>) -> Result<Vec<Floor>, LifError> {
    let document: Document = serde_json::from_str(text).map_err(|error| LifError::Form(error.to_string()))?;
    if document.layouts.is_empty() {
        return Err(LifError::Empty);
    }
    document.layouts.into_iter().map(|layout| floor_of(layout, vehicle_type)).collect()
}

fn floor_of(layout: Layout, vehicle_type: Option<&str>) -> Result<Floor, LifError> {
    if layout.nodes.len() > NODES_MAX {
        return Err(LifError::Size { layout: layout.layout_id, nodes: layout.nodes.len() });
    }
    let map = layout.nodes.iter().find_map(|node| node.map_id.clone());
    let mut ground = GraphGround::default();
    let mut chargers = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    let mut others = std::collections::HashSet::new();
    for node in layout.nodes {
        known.extend(node.vehicle_type_node_properties.iter().map(|it| it.vehicle_type_id.clone()));
        let properties = node.vehicle_type_node_properties.iter();
        let mine = properties.clone().find(|it| is_for(vehicle_type, &it.vehicle_type_id, &it.robot_types));
        if mine.is_none() && vehicle_type.is_some() {
            others.insert(node.node_id);
            continue;
        }
        if properties.flat_map(|it| &it.actions).any(|action| action.action_type == "startCharging") {
            let id = format!("charger-{}", node.node_id);
            chargers.push(Charger { id, node: node.node_id.clone(), percent_per_hour: super::default_charging_rate() });
        }
        let theta = mine.and_then(|mine| mine.theta);
        ground.nodes.push(Node { id: node.node_id, x: node.node_position.x, y: node.node_position.y, theta });
    }
    if let (true, Some(wanted)) = (ground.nodes.is_empty(), vehicle_type) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(LifError::VehicleType { layout: layout.layout_id, vehicle_type: wanted.to_owned(), known });
    }
    for edge in layout.edges {
        let mut properties = edge.vehicle_type_edge_properties.iter();
        let mine = properties.find(|it| is_for(vehicle_type, &it.vehicle_type_id, &it.robot_types));
        if mine.is_none() && vehicle_type.is_some() {
            continue;
        }
        // An orientation that is measured from the map says nothing about the edge.
        let tangential = mine.filter(|it| !it.orientation_type.eq_ignore_ascii_case("GLOBAL"));
        ground.edges.push(Edge {
            id: edge.edge_id,
            from: edge.start_node_id,
            to: edge.end_node_id,
            speed_limit: mine.and_then(|it| it.max_speed).filter(|speed| *speed > 0.0),
            width: None,
            orientation: tangential.map(|it| half_turn(it.vehicle_orientation.to_radians())),
        });
    }
    let name = if layout.layout_name.is_empty() { &layout.layout_id } else { &layout.layout_name };
    let mut floor = Floor::new(name, Ground::Graph(ground));
    floor.map = map.unwrap_or_else(|| layout.layout_id.clone());
    floor.layout_version = layout.layout_version;
    floor.chargers = chargers;
    floor.stations = layout
        .stations
        .into_iter()
        .map(|station| Station {
            id: station.station_id,
            name: station.station_name,
            // Nodes for other vehicles only are none of this floor's.
            nodes: station.interaction_node_ids.into_iter().filter(|node| !others.contains(node)).collect(),
            ..Station::default()
        })
        .filter(|station| !station.nodes.is_empty())
        .collect();
    Ok(floor)
}

/// An angle from -π to π.
fn half_turn(radians: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    let turned = (radians + PI).rem_euclid(TAU) - PI;
    if turned == -PI { PI } else { turned }
}

impl Default for Station {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            kind: super::StationKind::default(),
            nodes: Vec::new(),
            service_seconds: super::default_service_seconds(),
            service_deviation_seconds: 0.0,
            buffer: 0,
            queue: Vec::new(),
        }
    }
}

/// Writes a floor as LIF for vehicles of one type. `exported` is when, in RFC 3339.
pub fn export_lif(floor: &Floor, network: &Network, vehicle_type: &str, exported: model::Timestamp) -> String {
    let id = |node| network.id(node).to_owned();
    let indices = || 0..network.len() as super::NodeIndex;
    let charges = |node: &str| floor.chargers.iter().any(|charger| charger.node == node);
    let nodes = indices().map(|node| {
        let point = network.point(node);
        let charging =
            LifAction { action_type: "startCharging".to_owned(), required: false, blocking_type: "HARD".to_owned() };
        LifNode {
            node_id: id(node),
            map_id: Some(floor.map.clone()),
            node_position: Place { x: point.x, y: point.y, theta: None },
            vehicle_type_node_properties: vec![NodeProperties {
                vehicle_type_id: vehicle_type.to_owned(),
                robot_types: Vec::new(),
                theta: network.theta(node),
                actions: if charges(network.id(node)) { vec![charging] } else { Vec::new() },
            }],
        }
    });
    let edges =
        indices().flat_map(|node| network.ways(node).iter().map(move |way| (node, way))).map(|(node, way)| LifEdge {
            edge_id: way.id.clone(),
            start_node_id: id(node),
            end_node_id: id(way.to),
            vehicle_type_edge_properties: vec![EdgeProperties {
                vehicle_type_id: vehicle_type.to_owned(),
                robot_types: Vec::new(),
                vehicle_orientation: way.orientation.unwrap_or(0.0).to_degrees().rem_euclid(360.0),
                orientation_type: "TANGENTIAL".to_owned(),
                rotation_allowed: Some(false),
                max_speed: way.speed_limit,
            }],
        });
    let stations = floor.stations.iter().map(|station| {
        let point = station.nodes.first().and_then(|node| network.node(node)).map(|node| network.point(node));
        let point = point.unwrap_or_default();
        LifStation {
            station_id: station.id.clone(),
            interaction_node_ids: station.nodes.clone(),
            station_name: station.name.clone(),
            station_position: Place { x: point.x, y: point.y, theta: None },
        }
    });
    let version = if floor.layout_version.is_empty() { "1" } else { &floor.layout_version };
    let document = Document {
        meta_information: Meta {
            project_identification: floor.name.clone(),
            creator: "Manmul".to_owned(),
            export_timestamp: exported.to_string(),
            lif_version: "1.0.0".to_owned(),
        },
        layouts: vec![Layout {
            layout_id: floor.map.clone(),
            layout_name: floor.name.clone(),
            layout_version: version.to_owned(),
            layout_level_id: floor.map.clone(),
            nodes: nodes.collect(),
            edges: edges.collect(),
            stations: stations.collect(),
        }],
    };
    serde_json::to_string_pretty(&document).expect("a document has text keys and finite numbers")
}
