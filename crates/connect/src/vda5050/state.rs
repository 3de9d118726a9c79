//! What a robot tells of itself: its state, its connection, and what is drawn of it.

use super::json::Writer;
use super::order::{NodePosition, Trajectory};
use super::wire::{Rounded, Version, message, words};

message! {
    /// Everything about a robot now.
    State {
        /// The maps that it has.
        maps: Option<Vec<MapState>> = ["", "maps", "maps"],
        /// The zone sets that it has.
        zone_sets: Option<Vec<ZoneSetState>> = ["", "zoneSets"],
        /// The order that it has or had last; empty for none.
        order_id: String = "orderId",
        /// The update of it that was accepted last.
        order_update_id: u32 = "orderUpdateId",
        /// The zone set that it uses.
        zone_set_id: Option<String> = ["zoneSetId", ""],
        /// The node that it reached last; empty when it knows none.
        last_node_id: String = "lastNodeId",
        /// The number of that node in the order.
        last_node_sequence_id: u32 = "lastNodeSequenceId",
        /// The nodes still ahead.
        node_states: Vec<NodeState> = "nodeStates",
        /// The edges still ahead.
        edge_states: Vec<EdgeState> = "edgeStates",
        /// The way that it means to take.
        planned_path: Option<PlannedPath> = ["", "plannedPath"],
        /// Where it is.
        position: Option<Position> = ["agvPosition", "mobileRobotPosition"],
        /// How fast it moves.
        velocity: Option<Velocity> = "velocity",
        /// What it carries; absent when it cannot tell.
        loads: Option<Vec<Load>> = "loads",
        /// Whether it drives or turns.
        driving: bool = "driving",
        /// Whether it is paused.
        paused: Option<bool> = "paused",
        /// Whether it wants more base.
        new_base_request: Option<bool> = "newBaseRequest",
        /// Wishes to enter zones.
        zone_requests: Option<Vec<ZoneRequest>> = ["", "zoneRequests"],
        /// Wishes to leave the curve of edges.
        edge_requests: Option<Vec<EdgeRequest>> = ["", "edgeRequests"],
        /// Metres driven since the last node.
        distance_since_last_node: Option<f64> = "distanceSinceLastNode",
        /// The order's actions; in 2.x also the instant ones.
        action_states: Vec<ActionState> = "actionStates",
        /// The instant actions, since 3.0.
        instant_action_states: Vec<ActionState> = ["", "instantActionStates"],
        /// The actions of zones.
        zone_action_states: Option<Vec<ActionState>> = ["", "zoneActionStates"],
        /// The battery.
        power_supply: PowerSupply = ["batteryState", "powerSupply"],
        /// Who is in control.
        operating_mode: OperatingMode = "operatingMode",
        /// What is wrong.
        errors: Vec<Error> = "errors",
        /// What people may want to know.
        information: Option<Vec<Information>> = "information",
        /// Emergency stop and protective field.
        safety_state: SafetyState = "safetyState",
    }
}

impl State {
    /// The state of an action, instant or not.
    pub fn action(&self, action_id: &str) -> Option<&ActionState> {
        self.all_actions().find(|action| action.action_id == action_id)
    }

    /// The order's actions and the instant ones.
    pub fn all_actions(&self) -> impl Iterator<Item = &ActionState> {
        self.action_states.iter().chain(&self.instant_action_states)
    }

    /// Whether nothing of an order is left to do: no node ahead and no action open. Some robots go on listing the node that
    /// they reached last, and instant actions that they never end; neither is work.
    pub fn is_idle(&self) -> bool {
        let is_reached = |node: &NodeState| {
            node.sequence_id == self.last_node_sequence_id
                && node.node_id == self.last_node_id
                && !node.node_id.is_empty()
        };
        let is_over = |action: &ActionState| action.action_status.is_final() || action.is_instant();
        self.node_states.iter().all(is_reached) && self.action_states.iter().all(is_over)
    }

    /// Writes the message's members. In 2.x the instant actions stand among the order's.
    pub(super) fn write_strictly(&self, version: Version, to: &mut Writer) {
        if version == Version::V3_0 || self.instant_action_states.is_empty() {
            return self.write_members(version, to);
        }
        let action_states = self.all_actions().cloned().collect();
        Self { action_states, ..self.clone() }.write_members(version, to);
    }
}

message! {
    /// A map on the robot.
    MapState {
        /// Which map.
        map_id: String = "mapId",
        /// Which version of it.
        map_version: String = "mapVersion",
        /// Words for people.
        map_description: Option<String> = ["mapDescription", "mapDescriptor"],
        /// Whether it is used.
        map_status: Enabled = "mapStatus",
    }
}

message! {
    /// A zone set on the robot.
    ZoneSetState {
        /// Which zone set.
        zone_set_id: String = "zoneSetId",
        /// Of which map.
        map_id: String = "mapId",
        /// Whether it is used.
        zone_set_status: Enabled = "zoneSetStatus",
    }
}

words! {
    /// Whether a map or zone set is used.
    Enabled {
        /// Kept, not used.
        #[default]
        Disabled = "DISABLED",
        /// Used.
        Enabled = "ENABLED",
    }
}

message! {
    /// A node ahead.
    NodeState {
        /// Which node.
        node_id: String = "nodeId",
        /// Its number in the order.
        sequence_id: u32 = "sequenceId",
        /// Words for people.
        node_description: Option<String> = ["nodeDescription", "nodeDescriptor"],
        /// Whether it is part of the base.
        released: bool = "released",
        /// Where it lies.
        node_position: Option<NodePosition> = ["", "nodePosition", "nodePosition"],
    }
}

message! {
    /// An edge ahead.
    EdgeState {
        /// Which edge.
        edge_id: String = "edgeId",
        /// Its number in the order.
        sequence_id: u32 = "sequenceId",
        /// Words for people.
        edge_description: Option<String> = ["edgeDescription", "edgeDescriptor"],
        /// Whether it is part of the base.
        released: bool = "released",
        /// The curve.
        trajectory: Option<Trajectory> = ["", "trajectory", "trajectory"],
    }
}

message! {
    /// The way that a robot means to take.
    PlannedPath {
        /// The curve.
        trajectory: Trajectory = "trajectory",
        /// The nodes on it.
        traversed_nodes: Option<Vec<String>> = "traversedNodes",
    }
}

message! {
    /// Where a robot is.
    Position {
        /// Metres.
        x: f64 = "x",
        /// Metres.
        y: f64 = "y",
        /// Radians.
        theta: f64 = "theta",
        /// On which map.
        map_id: String = "mapId",
        /// Whether the robot knows where it is.
        localized: bool = ["positionInitialized", "localized"],
        /// From 0 to 1.
        localization_score: Option<f64> = "localizationScore",
        /// Metres.
        deviation_range: Option<f64> = "deviationRange",
    }
}

message! {
    /// How fast a robot moves, in its own coordinates.
    Velocity {
        /// Metres a second ahead.
        vx: Option<f64> = "vx",
        /// Metres a second to the left.
        vy: Option<f64> = "vy",
        /// Radians a second.
        omega: Option<f64> = "omega",
    }
}

message! {
    /// Something carried.
    Load {
        /// Which one.
        load_id: Option<String> = "loadId",
        /// Of what type.
        load_type: Option<String> = "loadType",
        /// Where on the robot.
        load_position: Option<String> = "loadPosition",
        /// Kilograms.
        weight: Option<f64> = "weight",
    }
}

message! {
    /// A wish to enter a zone or to plan anew in it.
    ZoneRequest {
        /// Which request.
        request_id: String = "requestId",
        /// What for.
        request_type: RequestType = "requestType",
        /// Which zone.
        zone_id: String = "zoneId",
        /// Of which zone set.
        zone_set_id: String = "zoneSetId",
        /// Where it stands.
        request_status: RequestStatus = "requestStatus",
        /// The way through the zone.
        trajectory: Option<Trajectory> = "trajectory",
    }
}

message! {
    /// A wish to leave the curve of an edge.
    EdgeRequest {
        /// Which request.
        request_id: String = "requestId",
        /// What for.
        request_type: RequestType = "requestType",
        /// Which edge.
        edge_id: String = "edgeId",
        /// Its number in the order.
        sequence_id: u32 = "sequenceId",
        /// Where it stands.
        request_status: RequestStatus = "requestStatus",
    }
}

words! {
    /// What a request is for.
    RequestType {
        /// To enter.
        #[default]
        Access = "ACCESS",
        /// To plan anew.
        Replanning = "REPLANNING",
        /// To use the corridor.
        Corridor = "CORRIDOR",
    }
}

words! {
    /// Where a request stands.
    RequestStatus {
        /// Asked.
        #[default]
        Requested = "REQUESTED",
        /// Granted.
        Granted = "GRANTED",
        /// Taken back; counts as granted until the robot confirms.
        Revoked = "REVOKED",
        /// Its lease ended.
        Expired = "EXPIRED",
    }
}

message! {
    /// Where an action stands.
    ActionState {
        /// Which one.
        action_id: String = "actionId",
        /// What it is.
        action_type: Option<String> = "actionType",
        /// Words for people.
        action_description: Option<String> = ["actionDescription", "actionDescriptor"],
        /// Where it stands.
        action_status: ActionStatus = "actionStatus",
        /// What came of it.
        result: Option<String> = ["resultDescription", "actionResult"],
    }
}

impl ActionState {
    /// Whether it is asked for at once and never part of an order.
    pub fn is_instant(&self) -> bool {
        const INSTANT: &[&str] =
            &["stateRequest", "factsheetRequest", "logReport", "cancelOrder", "startPause", "stopPause"];
        self.action_type.as_deref().is_some_and(|action_type| INSTANT.contains(&action_type))
    }
}

words! {
    /// Where an action stands.
    ActionStatus {
        /// Its node is not reached.
        #[default]
        Waiting = "WAITING",
        /// It is being prepared.
        Initializing = "INITIALIZING",
        /// At it.
        Running = "RUNNING",
        /// Interrupted. The schema of 2.x forgot the word; there it shows as running.
        Paused = ["RUNNING", "PAUSED"],
        /// Done.
        Finished = "FINISHED",
        /// Given up.
        Failed = "FAILED",
        /// Failed, and may be tried again; 2.x knows only the failure.
        Retriable = ["FAILED", "RETRIABLE"],
    }
}

impl ActionStatus {
    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed)
    }
}

message! {
    /// The battery.
    PowerSupply {
        /// Percent.
        state_of_charge: f64 = ["batteryCharge", "stateOfCharge"],
        /// Volt.
        battery_voltage: Option<f64> = "batteryVoltage",
        /// Percent.
        battery_health: Option<Rounded> = "batteryHealth",
        /// Whether it is being charged.
        charging: bool = "charging",
        /// Metres that it lasts.
        range: Option<Rounded> = ["reach", "range"],
    }
}

words! {
    /// Who is in control.
    OperatingMode {
        /// Master control.
        Automatic = "AUTOMATIC",
        /// Master control, at a speed that a person sets.
        Semiautomatic = "SEMIAUTOMATIC",
        /// A person; the order is gone.
        Manual = "MANUAL",
        /// A technician.
        Service = "SERVICE",
        /// A person who teaches it.
        TeachIn = ["TEACHIN", "TEACH_IN"],
        /// A person for a while; the order is kept.
        Intervened = ["MANUAL", "INTERVENED"],
        /// Nobody yet; also what a mode that nobody understands is taken for.
        #[default]
        Startup = ["SERVICE", "STARTUP"],
    }
}

impl OperatingMode {
    /// Whether master control is in control.
    pub fn is_automatic(self) -> bool {
        matches!(self, Self::Automatic | Self::Semiautomatic)
    }

    /// Whether entering it clears the robot's order.
    pub fn clears_order(self) -> bool {
        matches!(self, Self::Startup | Self::Manual | Self::Service | Self::TeachIn)
    }
}

impl ErrorLevel {
    /// Whether the robot stands still because of it.
    pub fn stops(self) -> bool {
        matches!(self, Self::Critical | Self::Fatal)
    }
}

message! {
    /// Something wrong.
    Error {
        /// What, in one word.
        error_type: String = "errorType",
        /// What it is about.
        error_references: Option<Vec<Reference>> = "errorReferences",
        /// What, in words.
        error_description: Option<String> = "errorDescription",
        /// What to do about it.
        error_hint: Option<String> = ["", "errorHint", "errorHint"],
        /// How bad.
        error_level: ErrorLevel = "errorLevel",
    }
}

impl Error {
    /// The value of a reference.
    pub fn reference(&self, key: &str) -> Option<&str> {
        let mut references = self.error_references.iter().flatten();
        references.find(|reference| reference.key == key).map(|reference| reference.value.as_str())
    }
}

message! {
    /// What an error or information is about.
    Reference {
        /// `orderId`, `actionId`.
        key: String = "referenceKey",
        /// Which one.
        value: String = "referenceValue",
    }
}

words! {
    /// How bad an error is.
    ErrorLevel {
        /// The robot goes on.
        #[default]
        Warning = "WARNING",
        /// The robot goes on, but somebody should look.
        Urgent = ["WARNING", "URGENT"],
        /// The robot needs a person.
        Fatal = "FATAL",
        /// The robot cannot go on with its order.
        Critical = ["FATAL", "CRITICAL"],
    }
}

message! {
    /// Something to know.
    Information {
        /// What, in one word.
        info_type: String = "infoType",
        /// What it is about.
        info_references: Option<Vec<Reference>> = "infoReferences",
        /// What, in words.
        info_description: Option<String> = ["infoDescription", "infoDescriptor"],
        /// For whom.
        info_level: InfoLevel = "infoLevel",
    }
}

words! {
    /// For whom an information is.
    InfoLevel {
        /// For people.
        #[default]
        Info = "INFO",
        /// For makers.
        Debug = "DEBUG",
    }
}

message! {
    /// Emergency stop and protective field.
    SafetyState {
        /// Whether it stands still in an emergency, and who may free it.
        emergency_stop: EmergencyStop = ["eStop", "activeEmergencyStop"],
        /// Whether something stands in its protective field.
        field_violation: bool = "fieldViolation",
    }
}

words! {
    /// Whether a robot stands still in an emergency, and who may free it.
    EmergencyStop {
        /// It does not.
        #[default]
        None = "NONE",
        /// A person at the robot.
        Manual = "MANUAL",
        /// A person at the plant.
        Remote = "REMOTE",
        /// It frees itself; 3.0 has no word for that.
        AutoAcknowledge = ["AUTOACK", "MANUAL"],
    }
}

message! {
    /// Position and speed, more often than the state.
    Visualization {
        /// The state that it belongs to.
        reference_state_header_id: u32 = ["", "referenceStateHeaderId"],
        /// The way that it means to take.
        planned_path: Option<PlannedPath> = ["", "plannedPath"],
        /// Where it is.
        position: Option<Position> = ["agvPosition", "mobileRobotPosition"],
        /// How fast it moves.
        velocity: Option<Velocity> = "velocity",
    }
}

message! {
    /// Whether a robot is there.
    Connection {
        /// Whether it is.
        connection_state: ConnectionState = "connectionState",
    }
}

words! {
    /// Whether a robot is there.
    ConnectionState {
        /// It went away without a word; also what nobody understands is taken for.
        #[default]
        Broken = ["CONNECTIONBROKEN", "CONNECTION_BROKEN"],
        /// It is there.
        Online = "ONLINE",
        /// It said goodbye.
        Offline = "OFFLINE",
        /// It sleeps; 2.x knows only that it is gone.
        Hibernating = ["OFFLINE", "HIBERNATING"],
    }
}
