//! Zones and the answers to requests, since 3.0.

use model::Timestamp;

use super::order::ActionParameter;
use super::wire::{message, words};

message! {
    /// A zone set for a robot.
    ZoneSetMessage {
        /// The zone set.
        zone_set: ZoneSet = "zoneSet",
    }
}

message! {
    /// The zones of a map; never changed once sent.
    ZoneSet {
        /// Of which map.
        map_id: String = "mapId",
        /// Which zone set.
        zone_set_id: String = "zoneSetId",
        /// Words for people.
        zone_set_descriptor: Option<String> = "zoneSetDescriptor",
        /// The zones.
        zones: Vec<Zone> = "zones",
    }
}

message! {
    /// An area with a rule.
    Zone {
        /// Which zone.
        zone_id: String = "zoneId",
        /// Which rule.
        zone_type: ZoneType = "zoneType",
        /// Words for people.
        zone_descriptor: Option<String> = "zoneDescriptor",
        /// Its outline, at least three points.
        vertices: Vec<Vertex> = "vertices",
        /// What happens when its release is lost; for `Release`.
        release_loss_behavior: Option<ReleaseLoss> = "releaseLossBehavior",
        /// Metres a second; for `SpeedLimit`.
        maximum_speed: Option<f64> = "maximumSpeed",
        /// What is done on entering; for `Action`.
        entry_actions: Option<Vec<ZoneAction>> = "entryActions",
        /// What is done inside; for `Action`.
        during_actions: Option<Vec<ZoneAction>> = "duringActions",
        /// What is done on leaving; for `Action`.
        exit_actions: Option<Vec<ZoneAction>> = "exitActions",
        /// From 0 to 1; for `Priority`.
        priority_factor: Option<f64> = "priorityFactor",
        /// From 0 to 1; for `Penalty`.
        penalty_factor: Option<f64> = "penaltyFactor",
        /// Radians; for `Directed` and `Bidirected`.
        direction: Option<f64> = "direction",
        /// How strict; for `Directed`.
        directed_limitation: Option<Limitation> = "directedLimitation",
        /// How strict; for `Bidirected`.
        bidirected_limitation: Option<Limitation> = "bidirectedLimitation",
    }
}

words! {
    /// The rule of a zone.
    ZoneType {
        /// Not to be entered.
        #[default]
        Blocked = "BLOCKED",
        /// Only along the order's edges.
        LineGuided = "LINE_GUIDED",
        /// Only with leave.
        Release = "RELEASE",
        /// No other way than the planned one without leave.
        CoordinatedReplanning = "COORDINATED_REPLANNING",
        /// Slowly.
        SpeedLimit = "SPEED_LIMIT",
        /// With actions.
        Action = "ACTION",
        /// Preferred.
        Priority = "PRIORITY",
        /// Avoided.
        Penalty = "PENALTY",
        /// One way.
        Directed = "DIRECTED",
        /// Along one line.
        Bidirected = "BIDIRECTED",
    }
}

message! {
    /// A corner of an outline.
    Vertex {
        /// Metres.
        x: f64 = "x",
        /// Metres.
        y: f64 = "y",
    }
}

words! {
    /// What a robot does that loses its release inside a zone.
    ReleaseLoss {
        /// Stop.
        #[default]
        Stop = "STOP",
        /// Go on.
        Continue = "CONTINUE",
        /// Leave.
        Evacuate = "EVACUATE",
    }
}

words! {
    /// How strictly a direction is kept.
    Limitation {
        /// Others cost more.
        #[default]
        Soft = "SOFT",
        /// Others only to avoid something.
        Restricted = "RESTRICTED",
        /// No other.
        Strict = "STRICT",
    }
}

message! {
    /// What is done in a zone.
    ZoneAction {
        /// What.
        action_type: String = "actionType",
        /// What may happen meanwhile.
        blocking_type: super::order::BlockingType = "blockingType",
        /// How.
        action_parameters: Option<Vec<ActionParameter>> = "actionParameters",
    }
}

message! {
    /// Answers to a robot's requests.
    Responses {
        /// The answers.
        responses: Vec<Response> = "responses",
    }
}

message! {
    /// The answer to a request.
    Response {
        /// Which request.
        request_id: String = "requestId",
        /// The answer.
        grant_type: Grant = "grantType",
        /// Until when it is granted.
        lease_expiry: Option<Timestamp> = "leaseExpiry",
    }
}

words! {
    /// The answer to a request.
    Grant {
        /// No.
        #[default]
        Rejected = "REJECTED",
        /// Yes.
        Granted = "GRANTED",
        /// Later.
        Queued = "QUEUED",
        /// No longer.
        Revoked = "REVOKED",
    }
}

impl Zone {
    /// The field that its type requires and that is not there.
    pub fn missing_field(&self) -> Option<&'static str> {
        let needs = match self.zone_type {
            ZoneType::Release => vec![(self.release_loss_behavior.is_some(), "releaseLossBehavior")],
            ZoneType::SpeedLimit => vec![(self.maximum_speed.is_some(), "maximumSpeed")],
            ZoneType::Action => vec![
                (self.entry_actions.is_some(), "entryActions"),
                (self.during_actions.is_some(), "duringActions"),
                (self.exit_actions.is_some(), "exitActions"),
            ],
            ZoneType::Priority => vec![(self.priority_factor.is_some(), "priorityFactor")],
            ZoneType::Penalty => vec![(self.penalty_factor.is_some(), "penaltyFactor")],
            ZoneType::Directed => vec![
                (self.direction.is_some(), "direction"),
                (self.directed_limitation.is_some(), "directedLimitation"),
            ],
            ZoneType::Bidirected => vec![
                (self.direction.is_some(), "direction"),
                (self.bidirected_limitation.is_some(), "bidirectedLimitation"),
            ],
            ZoneType::Blocked | ZoneType::LineGuided | ZoneType::CoordinatedReplanning => Vec::new(),
        };
        let outline = (self.vertices.len() >= 3, "vertices");
        needs.into_iter().chain([outline]).find(|(there, _)| !there).map(|(_, name)| name)
    }
}
