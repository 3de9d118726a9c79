//! What master control asks of a robot: orders, and actions at once.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::json::{Heard, Writer};
use super::wire::{Place, Version, Wire, message, put, words};

message! {
    /// A graph of nodes and edges to traverse: the released base first, then the horizon.
    Order {
        /// Which order; the same in all its updates.
        order_id: String = "orderId",
        /// Which update of it, from 0.
        order_update_id: u32 = "orderUpdateId",
        /// Words for people.
        order_description: Option<String> = ["", "orderDescription"],
        /// The zone set that was planned with.
        zone_set_id: Option<String> = ["zoneSetId", ""],
        /// The nodes in order.
        nodes: Vec<Node> = "nodes",
        /// The edges between them.
        edges: Vec<Edge> = "edges",
    }
}

message! {
    /// A place to pass or stop at.
    Node {
        /// Which node of the layout.
        node_id: String = "nodeId",
        /// Its number in the order; even, because edges lie between.
        sequence_id: u32 = "sequenceId",
        /// Words for people.
        node_description: Option<String> = ["nodeDescription", "nodeDescriptor"],
        /// Whether it is part of the base.
        released: bool = "released",
        /// Where it lies.
        node_position: Option<NodePosition> = "nodePosition",
        /// What is done there.
        actions: Vec<Action> = "actions",
    }
}

message! {
    /// Where a node lies on a map.
    NodePosition {
        /// Metres.
        x: f64 = "x",
        /// Metres.
        y: f64 = "y",
        /// The heading there, in radians from -π to π.
        theta: Option<f64> = "theta",
        /// How far off counts as there.
        allowed_deviation_xy: Option<Deviation> = ["allowedDeviationXy", "allowedDeviationXY", "allowedDeviationXY"],
        /// How far off in heading counts as there, in radians.
        allowed_deviation_theta: Option<f64> = "allowedDeviationTheta",
        /// Which map.
        map_id: String = "mapId",
    }
}

/// How far from a node a robot may be: a radius in 2.x, an ellipse in 3.0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Deviation {
    /// The first half-axis in metres.
    pub a: f64,
    /// The second half-axis in metres.
    pub b: f64,
    /// How the first half-axis is turned, in radians.
    pub theta: f64,
}

impl Deviation {
    /// The same in all directions.
    pub fn circle(radius_metres: f64) -> Self {
        Self { a: radius_metres, b: radius_metres, theta: 0.0 }
    }
}

message! {
    /// The wire form of [`Deviation`] in 3.0.
    Ellipse {
        /// The first half-axis in metres.
        a: f64 = "a",
        /// The second half-axis in metres.
        b: f64 = "b",
        /// The turn in radians.
        theta: f64 = "theta",
    }
}

impl Wire for Deviation {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        if matches!(json, Heard::Object(_)) {
            return Ellipse::read(json, at).map(|Ellipse { a, b, theta }| Self { a, b, theta });
        }
        f64::read(json, at).map(Self::circle)
    }

    fn write(&self, version: Version, to: &mut Writer) -> bool {
        match version {
            Version::V2_0 | Version::V2_1 => self.a.min(self.b).write(version, to),
            Version::V3_0 => Ellipse { a: self.a, b: self.b, theta: self.theta }.write(version, to),
        }
    }
}

message! {
    /// The way from one node to the next.
    Edge {
        /// Which edge of the layout.
        edge_id: String = "edgeId",
        /// Its number in the order; odd, because nodes lie between.
        sequence_id: u32 = "sequenceId",
        /// Words for people.
        edge_description: Option<String> = ["edgeDescription", "edgeDescriptor"],
        /// Whether it is part of the base.
        released: bool = "released",
        /// Where it begins.
        start_node_id: String = ["startNodeId", ""],
        /// Where it ends.
        end_node_id: String = ["endNodeId", ""],
        /// Metres a second.
        maximum_speed: Option<f64> = ["maxSpeed", "maximumSpeed"],
        /// The greatest height of robot and load, in metres.
        maximum_height: Option<f64> = ["maxHeight", "maximumMobileRobotHeight"],
        /// The least height of the load handling device, in metres.
        minimum_height: Option<f64> = ["minHeight", "minimumLoadHandlingDeviceHeight"],
        /// The heading on the edge, in radians.
        orientation: Option<f64> = "orientation",
        /// What the heading is measured from.
        orientation_type: Option<OrientationType> = ["", "orientationType", "orientationType"],
        /// Where a line-guided robot turns at a junction.
        direction: Option<String> = "direction",
        /// Whether the robot may turn on the edge.
        rotation_allowed: Option<RotationAllowed> =
            ["rotationAllowed", "reachOrientationBeforeEntering"],
        /// Radians a second.
        maximum_rotation_speed: Option<f64> = "maxRotationSpeed",
        /// The curve to follow.
        trajectory: Option<Trajectory> = "trajectory",
        /// Metres.
        length: Option<f64> = "length",
        /// How far the robot may leave the curve.
        corridor: Option<Corridor> = ["", "corridor", "corridor"],
        /// What is done on the way.
        actions: Vec<Action> = "actions",
    }
}

/// Whether the robot may turn on an edge. 3.0 asks the opposite: whether it must have turned before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RotationAllowed(pub bool);

impl Wire for RotationAllowed {
    fn read(json: &Heard<'_>, at: &Place<'_>) -> Option<Self> {
        bool::read(json, at).map(|said| Self(said != (at.version() == Version::V3_0)))
    }

    fn write(&self, version: Version, to: &mut Writer) -> bool {
        (self.0 != (version == Version::V3_0)).write(version, to)
    }
}

words! {
    /// What a heading on an edge is measured from.
    OrientationType {
        /// The direction of the edge.
        #[default]
        Tangential = "TANGENTIAL",
        /// The map.
        Global = "GLOBAL",
    }
}

message! {
    /// A curve (NURBS).
    Trajectory {
        /// The degree of the curve; required in 2.x.
        degree: Option<u32> = "degree",
        /// The knots, from 0 to 1; required in 2.x.
        knot_vector: Option<Vec<f64>> = "knotVector",
        /// The control points.
        control_points: Vec<ControlPoint> = "controlPoints",
    }
}

message! {
    /// A point that pulls on a curve.
    ControlPoint {
        /// Metres.
        x: f64 = "x",
        /// Metres.
        y: f64 = "y",
        /// How much it pulls; 1 when absent.
        weight: Option<f64> = "weight",
    }
}

message! {
    /// How far a robot may leave its curve to get around obstacles.
    Corridor {
        /// Metres to the left.
        left_width: f64 = "leftWidth",
        /// Metres to the right.
        right_width: f64 = "rightWidth",
        /// What must stay inside.
        reference_point: Option<CorridorReference> = ["", "corridorRefPoint", "corridorReferencePoint"],
        /// Whether the robot must ask before it leaves the curve.
        release_required: Option<bool> = ["", "releaseRequired"],
    }
}

words! {
    /// What must stay inside a corridor.
    CorridorReference {
        /// The middle of the robot.
        #[default]
        KinematicCenter = ["KINEMATICCENTER", "KINEMATIC_CENTER"],
        /// All of the robot.
        Contour = "CONTOUR",
    }
}

message! {
    /// Something to do.
    Action {
        /// Which invocation; unique.
        action_id: String = "actionId",
        /// What: `pick`, `drop`, `startCharging`.
        action_type: String = "actionType",
        /// Words for people.
        action_description: Option<String> = ["actionDescription", "actionDescriptor"],
        /// What may happen meanwhile.
        blocking_type: BlockingType = "blockingType",
        /// How.
        action_parameters: Option<Vec<ActionParameter>> = "actionParameters",
        /// Whether it may be tried again after it failed.
        retriable: Option<bool> = ["", "retriable"],
    }
}

impl Action {
    /// An action with nothing but its kind and id.
    pub fn new(action_type: &str, action_id: String, blocking_type: BlockingType) -> Self {
        Self { action_id, action_type: action_type.to_owned(), blocking_type, ..Self::default() }
    }

    /// The same with one more parameter.
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        let parameter = ActionParameter { key: key.to_owned(), value: ParameterValue(value.into()) };
        self.action_parameters.get_or_insert_default().push(parameter);
        self
    }

    /// The value of a parameter.
    pub fn parameter(&self, key: &str) -> Option<&Json> {
        self.action_parameters.iter().flatten().find(|parameter| parameter.key == key).map(|found| &found.value.0)
    }
}

words! {
    /// What may happen while an action runs.
    BlockingType {
        /// Driving and other actions.
        #[default]
        None = "NONE",
        /// Other actions.
        Soft = "SOFT",
        /// Nothing.
        Hard = "HARD",
        /// Driving, but no other action; 2.x has only the stricter `HARD`.
        Single = ["HARD", "SINGLE"],
    }
}

message! {
    /// How something is to be done.
    ActionParameter {
        /// The parameter's name.
        key: String = "key",
        /// Its value.
        value: ParameterValue = "value",
    }
}

/// The value of a parameter: anything but null. 2.0 has no objects, so there an object is written as its JSON text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterValue(pub Json);

impl Wire for ParameterValue {
    fn read(json: &Heard<'_>, _: &Place<'_>) -> Option<Self> {
        Some(Self(json.to_json()))
    }

    fn write(&self, version: Version, to: &mut Writer) -> bool {
        match (&self.0, version) {
            (Json::Object(_), Version::V2_0) => to.text(&self.0.to_string()),
            (value, _) => to.json(value),
        }
        true
    }
}

message! {
    /// Actions to be done at once.
    InstantActions {
        /// The actions.
        actions: Vec<Action> = "actions",
    }
}

impl InstantActions {
    /// Writes the message's members. 3.0 knows no blocking instant actions. The schema of 2.0 says `actions` and `actionName`
    /// where its text says `instantActions` and `actionType`; robots hear one or the other, so all of them are written.
    pub(super) fn write_strictly(&self, version: Version, to: &mut Writer) {
        let names: &[&str] = if version == Version::V2_0 { &["actions", "instantActions"] } else { &["actions"] };
        for name in names {
            to.member(name, |to| {
                to.open(b'[');
                for action in &self.actions {
                    to.part();
                    to.open(b'{');
                    match version {
                        Version::V2_0 => {
                            action.write_members(version, to);
                            put(to, ["actionName"; 3], &action.action_type, version);
                        }
                        Version::V2_1 => action.write_members(version, to),
                        Version::V3_0 => {
                            Action { blocking_type: BlockingType::None, ..action.clone() }.write_members(version, to);
                        }
                    }
                    to.close(b'}');
                }
                to.close(b']');
                true
            });
        }
    }
}

/// Why a message must not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A number is not finite, or a parameter is null.
    #[error("{0} has no value that JSON can hold")]
    NotFinite(String),
    /// The nodes and edges are no path.
    #[error("order {order}: {problem}")]
    Path {
        /// Which order.
        order: String,
        /// What is wrong.
        problem: String,
    },
    /// A number is outside what the standard allows.
    #[error("order {order}: {place} is {value}, which is out of range")]
    Range {
        /// Which order.
        order: String,
        /// Where.
        place: String,
        /// What.
        value: String,
    },
}

impl Order {
    /// The base: nodes that are released.
    pub fn base(&self) -> &[Node] {
        let end = self.nodes.iter().position(|node| !node.released).unwrap_or(self.nodes.len());
        &self.nodes[..end]
    }

    /// The sequence id of the decision point: the last node of the base.
    pub fn decision_point(&self) -> Option<u32> {
        self.base().last().map(|node| node.sequence_id)
    }

    /// The same with the ends of every edge that does not say them: 3.0 leaves them to the order of the nodes.
    pub(crate) fn with_ends(mut self) -> Self {
        for (edge, ends) in self.edges.iter_mut().zip(self.nodes.windows(2)) {
            if edge.start_node_id.is_empty() && edge.end_node_id.is_empty() {
                edge.start_node_id.clone_from(&ends[0].node_id);
                edge.end_node_id.clone_from(&ends[1].node_id);
            }
        }
        self
    }

    /// Whether this is a path as the standard wants it: one edge between any two nodes, sequence ids without gaps,
    /// one base before one horizon, headings from -π to π.
    pub fn check(&self, version: Version) -> Result<(), WriteError> {
        let path = |problem: String| WriteError::Path { order: self.order_id.clone(), problem };
        let Some(first) = self.nodes.first() else { return Err(path("it has no node".to_owned())) };
        if self.order_id.is_empty() {
            return Err(path("it has no id".to_owned()));
        }
        if self.nodes.len() != self.edges.len() + 1 {
            return Err(path(format!("{} nodes and {} edges", self.nodes.len(), self.edges.len())));
        }
        if !first.released {
            return Err(path("its first node is not released".to_owned()));
        }
        if first.sequence_id % 2 == 1 {
            return Err(path(format!("its first node has the odd sequence id {}", first.sequence_id)));
        }
        for (index, edge) in self.edges.iter().enumerate() {
            let (from, to) = (&self.nodes[index], &self.nodes[index + 1]);
            if edge.sequence_id != from.sequence_id + 1 || to.sequence_id != from.sequence_id + 2 {
                return Err(path(format!("the sequence ids jump after node {}", from.sequence_id)));
            }
            if edge.start_node_id != from.node_id || edge.end_node_id != to.node_id {
                return Err(path(format!("edge {} does not join {} and {}", edge.edge_id, from.node_id, to.node_id)));
            }
            if edge.released != to.released || (to.released && !from.released) {
                return Err(path(format!("the base is torn at sequence id {}", edge.sequence_id)));
            }
        }
        self.check_ranges(version)
    }

    fn check_ranges(&self, version: Version) -> Result<(), WriteError> {
        let range = |place: String, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(WriteError::Range { order: self.order_id.clone(), place, value: value.to_string() })
        };
        for node in &self.nodes {
            let Some(position) = &node.node_position else { continue };
            if let Some(theta) = position.theta {
                range(format!("theta of node {}", node.node_id), theta, -PI, PI)?;
            }
            if let Some(deviation) = position.allowed_deviation_xy {
                let place = format!("the deviation of node {}", node.node_id);
                range(place, deviation.a.min(deviation.b), 0.0, f64::MAX)?;
            }
            if let Some(theta) = position.allowed_deviation_theta {
                range(format!("the deviation of node {}", node.node_id), theta, 0.0, PI)?;
            }
        }
        for edge in &self.edges {
            if let Some(orientation) = edge.orientation {
                range(format!("orientation of edge {}", edge.edge_id), orientation, -PI, PI)?;
            }
            let Some(trajectory) = &edge.trajectory else { continue };
            if version != Version::V3_0 && (trajectory.degree.is_none() || trajectory.knot_vector.is_none()) {
                let problem = format!("the trajectory of edge {} needs a degree and knots in 2.x", edge.edge_id);
                return Err(WriteError::Path { order: self.order_id.clone(), problem });
            }
            for knot in trajectory.knot_vector.iter().flatten() {
                range(format!("a knot of edge {}", edge.edge_id), *knot, 0.0, 1.0)?;
            }
        }
        Ok(())
    }
}
