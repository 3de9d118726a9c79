//! What a kind of robot can do, as its maker states it.

use super::wire::{Free, message, words};

message! {
    /// What a robot is, can do and can take.
    Factsheet {
        /// What it is.
        type_specification: TypeSpecification = "typeSpecification",
        /// How big and fast it is.
        physical_parameters: PhysicalParameters = "physicalParameters",
        /// What messages it can take.
        protocol_limits: ProtocolLimits = "protocolLimits",
        /// What of the protocol it supports.
        protocol_features: ProtocolFeatures = "protocolFeatures",
        /// Its outline and wheels.
        geometry: Free = ["agvGeometry", "mobileRobotGeometry"],
        /// What it can carry.
        load_specification: LoadSpecification = "loadSpecification",
        /// Its software and network.
        configuration: Option<Free> = ["", "vehicleConfig", "mobileRobotConfiguration"],
    }
}

message! {
    /// What a robot is.
    TypeSpecification {
        /// The series that the maker sells.
        series_name: String = "seriesName",
        /// Words for people.
        series_description: Option<String> = "seriesDescription",
        /// How it moves: `DIFF`, `OMNI`, `THREEWHEEL`.
        kinematics: String = ["agvKinematic", "mobileRobotKinematics"],
        /// What it is for: `CARRIER`, `FORKLIFT`, `TUGGER`, `CONVEYOR`.
        class: String = ["agvClass", "mobileRobotClass"],
        /// Kilograms.
        maximum_load_mass: f64 = ["maxLoadMass", "maximumLoadMass"],
        /// How it knows where it is.
        localization_types: Vec<String> = "localizationTypes",
        /// How it finds its way.
        navigation_types: Vec<String> = "navigationTypes",
        /// The zones that it obeys.
        supported_zones: Option<Vec<String>> = ["", "supportedZones"],
    }
}

message! {
    /// How big and fast a robot is.
    PhysicalParameters {
        /// Metres a second.
        minimum_speed: f64 = ["speedMin", "minimumSpeed"],
        /// Metres a second.
        maximum_speed: f64 = ["speedMax", "maximumSpeed"],
        /// Radians a second.
        maximum_angular_speed: Option<f64> = ["", "maximumAngularSpeed"],
        /// Metres a second squared.
        maximum_acceleration: f64 = ["accelerationMax", "maximumAcceleration"],
        /// Metres a second squared.
        maximum_deceleration: f64 = ["decelerationMax", "maximumDeceleration"],
        /// Metres.
        minimum_height: Option<f64> = ["heightMin", "minimumHeight"],
        /// Metres.
        maximum_height: f64 = ["heightMax", "maximumHeight"],
        /// Metres.
        width: f64 = "width",
        /// Metres.
        length: f64 = "length",
    }
}

message! {
    /// What messages a robot can take.
    ProtocolLimits {
        /// Of texts.
        string_lengths: StringLengths = ["maxStringLens", "maximumStringLengths"],
        /// Of arrays.
        array_lengths: ArrayLengths = ["maxArrayLens", "maximumArrayLengths"],
        /// How often.
        timing: Timing = "timing",
    }
}

message! {
    /// The longest texts that a robot can take; 0 and absent mean no limit.
    StringLengths {
        /// Bytes of a message.
        message: Option<u32> = ["msgLen", "maximumMessageLength"],
        /// Characters of an id.
        id: Option<u32> = ["idLen", "maximumIdLength"],
        /// Whether ids must be numbers.
        id_numerical_only: Option<bool> = "idNumericalOnly",
        /// Characters of a load's id.
        load_id: Option<u32> = ["loadIdLen", "maximumLoadIdLength"],
    }
}

message! {
    /// The longest arrays that a robot can take; 0 and absent mean no limit.
    ArrayLengths {
        /// Nodes of an order.
        order_nodes: Option<u32> = "order.nodes",
        /// Edges of an order.
        order_edges: Option<u32> = "order.edges",
        /// Actions of a node.
        node_actions: Option<u32> = "node.actions",
        /// Actions of an edge.
        edge_actions: Option<u32> = "edge.actions",
        /// Parameters of an action.
        action_parameters: Option<u32> = "actions.actionsParameters",
        /// Actions at once.
        instant_actions: Option<u32> = "instantActions",
    }
}

message! {
    /// How often a robot can be spoken to, and speaks.
    Timing {
        /// Seconds between two orders at least.
        minimum_order_interval: f64 = ["minOrderInterval", "minimumOrderInterval"],
        /// Seconds between two states at least.
        minimum_state_interval: f64 = ["minStateInterval", "minimumStateInterval"],
        /// Seconds between two states, usually.
        default_state_interval: Option<f64> = "defaultStateInterval",
        /// Seconds between two visualizations.
        visualization_interval: Option<f64> = "visualizationInterval",
    }
}

message! {
    /// What of the protocol a robot supports.
    ProtocolFeatures {
        /// Optional fields that it supports or requires.
        optional_parameters: Vec<OptionalParameter> = "optionalParameters",
        /// The actions that it can do.
        actions: Vec<SupportedAction> = ["agvActions", "mobileRobotActions"],
    }
}

message! {
    /// An optional field that a robot supports or requires.
    OptionalParameter {
        /// Which: `order.nodes.nodePosition.allowedDeviationTheta`.
        parameter: String = "parameter",
        /// How far.
        support: Support = "support",
    }
}

words! {
    /// How far an optional field is supported.
    Support {
        /// It may be there.
        #[default]
        Supported = "SUPPORTED",
        /// It must be there.
        Required = "REQUIRED",
    }
}

message! {
    /// An action that a robot can do.
    SupportedAction {
        /// Which.
        action_type: String = "actionType",
        /// Words for people.
        action_description: Option<String> = "actionDescription",
        /// Where it may stand.
        action_scopes: Vec<ActionScope> = "actionScopes",
        /// Whether it can be paused.
        pause_allowed: bool = ["", "pauseAllowed"],
        /// Whether it can be cancelled.
        cancel_allowed: bool = ["", "cancelAllowed"],
    }
}

words! {
    /// Where an action may stand.
    ActionScope {
        /// On a node.
        #[default]
        Node = "NODE",
        /// On an edge.
        Edge = "EDGE",
        /// At once.
        Instant = "INSTANT",
        /// On entering, inside or on leaving a zone.
        Zone = "ZONE",
    }
}

message! {
    /// What a robot can carry.
    LoadSpecification {
        /// Places on the robot.
        load_positions: Option<Vec<String>> = "loadPositions",
        /// Kinds of loads.
        load_sets: Option<Vec<LoadSet>> = "loadSets",
    }
}

message! {
    /// A kind of load that a robot can carry.
    LoadSet {
        /// Which.
        set_name: String = "setName",
        /// The type that its loads have.
        load_type: String = "loadType",
        /// Kilograms.
        maximum_weight: Option<f64> = ["maxWeigth", "maxWeight", "maximumWeight"],
        /// Seconds.
        pick_time: Option<f64> = "pickTime",
        /// Seconds.
        drop_time: Option<f64> = "dropTime",
    }
}

impl Factsheet {
    /// Whether the robot can do an action in a scope. A factsheet without actions says nothing, so everything may be
    /// asked.
    pub fn supports(&self, action_type: &str, scope: ActionScope) -> bool {
        let mut actions = self.protocol_features.actions.iter();
        actions.len() == 0
            || actions.any(|action| action.action_type == action_type && action.action_scopes.contains(&scope))
    }

    /// The most nodes that one order message may have, at least 2.
    pub fn order_nodes_max(&self) -> Option<usize> {
        let lengths = &self.protocol_limits.array_lengths;
        let nodes = lengths.order_nodes.filter(|limit| *limit > 0);
        let edges = lengths.order_edges.filter(|limit| *limit > 0).map(|limit| limit + 1);
        nodes.into_iter().chain(edges).min().map(|limit| (limit as usize).max(2))
    }
}
