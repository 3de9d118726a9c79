//! VDA 5050 against its own schemas: whatever we write is valid in every version, and whatever comes is read without
//! harm.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::f64::consts::PI;

use connect::vda5050::factsheet::{
    ActionScope, ArrayLengths, LoadSet, LoadSpecification, OptionalParameter, PhysicalParameters, ProtocolFeatures,
    ProtocolLimits, StringLengths, Support, SupportedAction, Timing, TypeSpecification,
};
use connect::vda5050::order::{
    BlockingType, ControlPoint, Corridor, CorridorReference, Deviation, Edge, Node, NodePosition, OrientationType,
    RotationAllowed, Trajectory,
};
use connect::vda5050::state::{
    ActionState, ActionStatus, Connection, ConnectionState, EdgeState, EmergencyStop, Enabled, Error, ErrorLevel,
    InfoLevel, Information, Load, MapState, NodeState, OperatingMode, Position, PowerSupply, Reference, SafetyState,
    Velocity, Visualization,
};
use connect::vda5050::wire::Rounded;
use connect::vda5050::zone::{Grant, Limitation, ReleaseLoss, Response, Vertex, Zone, ZoneAction, ZoneSet, ZoneType};
use connect::vda5050::{
    self, Action, Address, Body, Factsheet, InstantActions, Kind, Order, Responses, Stamp, State, Topic, Version,
    ZoneSetMessage,
};
use model::Timestamp;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// The schema of a kind of message.
fn schema(version: Version, kind: Kind) -> &'static str {
    macro_rules! of {
        ($version:literal, $kind:literal) => {
            include_str!(concat!("schemas/vda5050/", $version, "/", $kind, ".schema"))
        };
    }
    macro_rules! both {
        ($version:literal) => {
            match kind {
                Kind::Order => of!($version, "order"),
                Kind::InstantActions => of!($version, "instantActions"),
                Kind::State => of!($version, "state"),
                Kind::Visualization => of!($version, "visualization"),
                Kind::Connection => of!($version, "connection"),
                Kind::Factsheet => of!($version, "factsheet"),
                Kind::ZoneSet => of!("3.0.0", "zoneSet"),
                Kind::Responses => of!("3.0.0", "responses"),
            }
        };
    }
    match version {
        Version::V2_0 => both!("2.0.0"),
        Version::V2_1 => both!("2.1.0"),
        Version::V3_0 => both!("3.0.0"),
    }
}

/// The validators, made once per thread.
fn validate(version: Version, kind: Kind, json: &Json) -> Result<(), String> {
    use std::cell::RefCell;
    use std::collections::HashMap;
    thread_local! {
        static VALIDATORS: RefCell<HashMap<(Version, Kind), jsonschema::Validator>> = RefCell::default();
    }
    VALIDATORS.with_borrow_mut(|validators| {
        let validator = validators.entry((version, kind)).or_insert_with(|| {
            let schema: Json = serde_json::from_str(schema(version, kind)).unwrap();
            jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
        });
        let errors: Vec<String> =
            validator.iter_errors(json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    })
}

fn address(version: Version) -> Address {
    Address::new("uagv", version, "maker", "0001")
}

fn written(version: Version, body: &Body) -> Vec<u8> {
    let stamp = Stamp { header_id: 7, timestamp: Timestamp::parse("2026-11-22T10:00:00.25Z").unwrap() };
    vda5050::write(version, &address(version), stamp, body).unwrap().to_vec()
}

fn read_back(version: Version, kind: Kind, payload: &[u8]) -> vda5050::Read {
    let topic = address(version).topic(kind);
    vda5050::read(&Topic::parse(&topic).unwrap(), payload).unwrap()
}

fn assert_valid(version: Version, body: &Body) {
    let payload = written(version, body);
    let json: Json = serde_json::from_slice(&payload).unwrap();
    if let Err(problem) = validate(version, body.kind(), &json) {
        panic!("{version:?} {:?}: {problem}\n{json:#}", body.kind());
    }
    let read = read_back(version, body.kind(), &payload);
    assert_eq!(read.violations, Vec::new(), "{version:?} {:?} {json:#}", body.kind());
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äß]{1,12}"
}

fn angle() -> impl Strategy<Value = f64> {
    -PI..PI
}

fn action() -> impl Strategy<Value = Action> {
    let value = prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        (-1e9..1e9f64).prop_map(Json::from),
        text().prop_map(Json::from),
        Just(json!([1, "a"])),
        Just(json!({ "a": 1 })),
    ];
    let blocking = prop_oneof![
        Just(BlockingType::None),
        Just(BlockingType::Soft),
        Just(BlockingType::Hard),
        Just(BlockingType::Single)
    ];
    (text(), text(), blocking, prop::option::of((text(), value))).prop_map(|(id, kind, blocking, parameter)| {
        let action = Action::new(&kind, id, blocking);
        match parameter {
            Some((key, value)) => action.with(&key, value),
            None => action,
        }
    })
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(action(), 0..3)
}

prop_compose! {
    fn position()(
        x in -1e4..1e4f64, y in -1e4..1e4f64, theta in prop::option::of(angle()), map in text(),
        radius in prop::option::of(0.0..5.0f64), turn in prop::option::of(0.0..PI),
    ) -> NodePosition {
        NodePosition {
            x, y, theta,
            allowed_deviation_xy: radius.map(Deviation::circle),
            allowed_deviation_theta: turn,
            map_id: map,
        }
    }
}

prop_compose! {
    fn trajectory()(
        degree in 1..4u32, knots in prop::collection::vec(0.0..=1.0f64, 2..6),
        points in prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64, prop::option::of(0.0..2.0f64)), 2..4),
    ) -> Trajectory {
        Trajectory {
            degree: Some(degree),
            knot_vector: Some(knots),
            control_points: points.into_iter().map(|(x, y, weight)| ControlPoint { x, y, weight }).collect(),
        }
    }
}

prop_compose! {
    fn edge()(
        id in text(), actions in actions(), speed in prop::option::of(0.0..9.0f64), length in prop::option::of(0.0..99.0f64),
        orientation in prop::option::of(angle()), rotation in prop::option::of(any::<bool>()),
        trajectory in prop::option::of(trajectory()), corridor in prop::option::of((0.0..2.0f64, 0.0..2.0f64)),
        description in prop::option::of(text()), global in any::<bool>(),
    ) -> Edge {
        Edge {
            edge_id: id,
            edge_description: description,
            maximum_speed: speed,
            maximum_height: speed,
            minimum_height: length,
            orientation,
            orientation_type: orientation.map(|_| if global { OrientationType::Global } else { OrientationType::Tangential }),
            direction: None,
            rotation_allowed: rotation.map(RotationAllowed),
            maximum_rotation_speed: speed,
            trajectory,
            length,
            corridor: corridor.map(|(left_width, right_width)| Corridor {
                left_width,
                right_width,
                reference_point: Some(CorridorReference::KinematicCenter),
                release_required: None,
            }),
            actions,
            ..Edge::default()
        }
    }
}

prop_compose! {
    fn order()(
        id in text(), update in any::<u32>(), first in 0..1_000_u32, base in 1..12usize,
        nodes in prop::collection::vec((text(), prop::option::of(position()), actions(), prop::option::of(text())), 1..12),
        edges in prop::collection::vec(edge(), 12),
    ) -> Order {
        let nodes: Vec<Node> = nodes.into_iter().enumerate().map(|(index, (node_id, node_position, actions, description))| Node {
            node_id,
            sequence_id: 2 * (first + index as u32),
            node_description: description,
            released: index < base,
            node_position,
            actions,
        }).collect();
        let edges = nodes.windows(2).zip(edges).map(|(pair, edge)| Edge {
            sequence_id: pair[0].sequence_id + 1,
            released: pair[1].released,
            start_node_id: pair[0].node_id.clone(),
            end_node_id: pair[1].node_id.clone(),
            ..edge
        }).collect();
        Order { order_id: id, order_update_id: update, order_description: None, zone_set_id: None, nodes, edges }
    }
}

fn states() -> impl Strategy<Value = State> {
    let status = prop_oneof![
        Just(ActionStatus::Waiting),
        Just(ActionStatus::Initializing),
        Just(ActionStatus::Running),
        Just(ActionStatus::Paused),
        Just(ActionStatus::Retriable),
        Just(ActionStatus::Finished),
        Just(ActionStatus::Failed)
    ];
    let mode = prop_oneof![
        Just(OperatingMode::Startup),
        Just(OperatingMode::Automatic),
        Just(OperatingMode::Intervened),
        Just(OperatingMode::TeachIn)
    ];
    let action = (text(), status).prop_map(|(action_id, action_status)| ActionState {
        action_id,
        action_type: Some("pick".to_owned()),
        action_status,
        ..ActionState::default()
    });
    let charge = 0.0..=100.0f64;
    (order(), prop::collection::vec(action, 0..4), mode, charge, angle(), any::<bool>()).prop_map(
        |(order, actions, operating_mode, charge, theta, flag)| State {
            maps: Some(vec![MapState {
                map_id: "m".to_owned(),
                map_version: "1".to_owned(),
                map_description: None,
                map_status: if flag { Enabled::Enabled } else { Enabled::Disabled },
            }]),
            order_id: order.order_id,
            order_update_id: order.order_update_id,
            last_node_id: String::new(),
            node_states: order
                .nodes
                .into_iter()
                .map(|node| NodeState {
                    node_id: node.node_id,
                    sequence_id: node.sequence_id,
                    node_description: node.node_description,
                    released: node.released,
                    node_position: None,
                })
                .collect(),
            edge_states: order
                .edges
                .into_iter()
                .map(|edge| EdgeState { edge_id: edge.edge_id, sequence_id: edge.sequence_id, ..EdgeState::default() })
                .collect(),
            position: Some(Position {
                x: charge,
                y: -charge,
                theta,
                map_id: "m".to_owned(),
                localized: flag,
                localization_score: Some(0.5),
                deviation_range: Some(0.1),
            }),
            velocity: Some(Velocity { vx: Some(1.5), vy: None, omega: Some(-0.1) }),
            loads: Some(vec![Load { load_id: Some("l".to_owned()), weight: Some(3.5), ..Load::default() }]),
            driving: flag,
            paused: Some(flag),
            new_base_request: Some(!flag),
            action_states: actions.clone(),
            instant_action_states: actions
                .into_iter()
                .map(|action| ActionState { action_id: format!("i{}", action.action_id), ..action })
                .collect(),
            power_supply: PowerSupply {
                state_of_charge: charge,
                battery_health: Some(Rounded(charge)),
                range: Some(Rounded(charge * 10.0)),
                battery_voltage: Some(48.2),
                charging: flag,
            },
            operating_mode,
            errors: [ErrorLevel::Warning, ErrorLevel::Urgent, ErrorLevel::Critical, ErrorLevel::Fatal]
                .map(|error_level| Error {
                    error_type: "x".to_owned(),
                    error_level,
                    error_references: Some(vec![Reference { key: "orderId".to_owned(), value: "o".to_owned() }]),
                    error_hint: Some("look".to_owned()),
                    ..Error::default()
                })
                .into(),
            information: Some(vec![Information {
                info_type: "i".to_owned(),
                info_level: InfoLevel::Debug,
                ..Information::default()
            }]),
            safety_state: SafetyState {
                emergency_stop: if flag { EmergencyStop::AutoAcknowledge } else { EmergencyStop::None },
                field_violation: flag,
            },
            ..State::default()
        },
    )
}

/// JSON that has nothing to do with the standard.
fn junk() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[1], {}, null])),
        Just(json!("12")),
    ]
}

/// Replaces or removes the `at`-th value of a document, counted in depth.
fn mutate(json: &mut Json, at: &mut usize, junk: &Json, remove: bool) {
    let step = |child: &mut Json, at: &mut usize| {
        if *at == 0 {
            *child = junk.clone();
        }
        *at = at.wrapping_sub(1);
        if *at != usize::MAX {
            mutate(child, at, junk, remove);
        }
    };
    match json {
        Json::Array(items) => {
            for item in items {
                if *at == usize::MAX {
                    return;
                }
                step(item, at);
            }
        }
        Json::Object(map) => {
            if remove && *at < map.len() {
                let key = map.keys().nth(*at).cloned().unwrap_or_default();
                map.remove(&key);
                *at = usize::MAX;
                return;
            }
            for (_, member) in map.iter_mut() {
                if *at == usize::MAX {
                    return;
                }
                step(member, at);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_order_that_we_write_is_valid(order in order()) {
        for version in Version::ALL {
            assert_valid(version, &Body::Order(order.clone()));
        }
    }

    #[test]
    fn orders_survive_the_wire(order in order()) {
        let read = read_back(Version::V2_1, Kind::Order, &written(Version::V2_1, &Body::Order(order.clone())));
        let mut expected = order;
        for action in expected.nodes.iter_mut().flat_map(|node| &mut node.actions)
            .chain(expected.edges.iter_mut().flat_map(|edge| &mut edge.actions))
        {
            if action.blocking_type == BlockingType::Single {
                action.blocking_type = BlockingType::Hard;
            }
        }
        prop_assert_eq!(read.body, Body::Order(expected));
    }

    #[test]
    fn any_instant_actions_that_we_write_are_valid(actions in actions()) {
        for version in Version::ALL {
            assert_valid(version, &Body::InstantActions(InstantActions { actions: actions.clone() }));
        }
    }

    #[test]
    fn any_state_that_we_write_is_valid(state in states()) {
        for version in Version::ALL {
            assert_valid(version, &Body::State(Box::new(state.clone())));
        }
    }

    #[test]
    fn the_reader_takes_anything(state in states(), at in 0..400usize, junk in junk(), remove in any::<bool>()) {
        for version in Version::ALL {
            let mut json: Json = serde_json::from_slice(&written(version, &Body::State(Box::new(state.clone())))).unwrap();
            let mut index = at;
            mutate(&mut json, &mut index, &junk, remove);
            let read = read_back(version, Kind::State, json.to_string().as_bytes());
            // What is no longer valid is told.
            if validate(version, Kind::State, &json).is_err_and(|problem| !problem.contains("imum")) {
                prop_assert!(!read.violations.is_empty(), "{}", json);
            }
        }
    }

    #[test]
    fn broken_bytes_are_refused_or_read(mut payload in order().prop_map(|order| written(Version::V3_0, &Body::Order(order))),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>())
    {
        for (index, byte) in flips {
            let at = index.index(payload.len());
            payload[at] = byte;
        }
        let topic = address(Version::V3_0).topic(Kind::Order);
        let topic = Topic::parse(&topic).unwrap();
        let whole = vda5050::read(&topic, &payload);
        prop_assert!(whole.is_ok() || matches!(whole, Err(vda5050::ReadError::Json(_))));
        prop_assert!(vda5050::read(&topic, &payload[..cut.index(payload.len())]).is_err());
    }
}

#[test]
fn connections_and_visualizations_are_valid() {
    for version in Version::ALL {
        for connection_state in
            [ConnectionState::Online, ConnectionState::Offline, ConnectionState::Hibernating, ConnectionState::Broken]
        {
            assert_valid(version, &Body::Connection(Connection { connection_state }));
        }
        let visualization = Visualization {
            reference_state_header_id: 3,
            position: Some(Position { x: 1.0, map_id: "m".to_owned(), localized: true, ..Position::default() }),
            velocity: Some(Velocity { vx: Some(1.0), ..Velocity::default() }),
            planned_path: None,
        };
        assert_valid(version, &Body::Visualization(visualization));
    }
}

#[test]
fn factsheets_are_valid() {
    let sheet = Factsheet {
        type_specification: TypeSpecification {
            series_name: "Carrier".to_owned(),
            kinematics: "DIFF".to_owned(),
            class: "CARRIER".to_owned(),
            maximum_load_mass: 300.0,
            localization_types: vec!["GRID".to_owned()],
            navigation_types: vec!["AUTONOMOUS".to_owned()],
            supported_zones: Some(vec!["BLOCKED".to_owned()]),
            ..TypeSpecification::default()
        },
        physical_parameters: PhysicalParameters {
            maximum_speed: 1.5,
            minimum_height: Some(0.3),
            ..PhysicalParameters::default()
        },
        protocol_limits: ProtocolLimits {
            string_lengths: StringLengths { id: Some(40), ..StringLengths::default() },
            array_lengths: ArrayLengths { order_nodes: Some(10), ..ArrayLengths::default() },
            timing: Timing { minimum_order_interval: 0.5, ..Timing::default() },
        },
        protocol_features: ProtocolFeatures {
            optional_parameters: vec![OptionalParameter { parameter: "a".to_owned(), support: Support::Required }],
            actions: vec![SupportedAction {
                action_type: "pick".to_owned(),
                action_scopes: vec![ActionScope::Node, ActionScope::Instant],
                ..SupportedAction::default()
            }],
        },
        load_specification: LoadSpecification {
            load_positions: None,
            load_sets: Some(vec![LoadSet {
                set_name: "a".to_owned(),
                load_type: "EPAL".to_owned(),
                maximum_weight: Some(100.0),
                ..LoadSet::default()
            }]),
        },
        ..Factsheet::default()
    };
    for version in Version::ALL {
        assert_valid(version, &Body::Factsheet(Box::new(sheet.clone())));
    }
    assert!(sheet.supports("pick", ActionScope::Node) && !sheet.supports("pick", ActionScope::Edge));
    assert_eq!(sheet.order_nodes_max(), Some(10));
}

#[test]
fn zone_sets_and_responses_are_valid() {
    let zone = |zone_type| Zone {
        zone_id: "z".to_owned(),
        zone_type,
        vertices: vec![Vertex { x: 0.0, y: 0.0 }, Vertex { x: 1.0, y: 0.0 }, Vertex { x: 1.0, y: 1.0 }],
        ..Zone::default()
    };
    let zones = vec![
        zone(ZoneType::Blocked),
        Zone { release_loss_behavior: Some(ReleaseLoss::Stop), ..zone(ZoneType::Release) },
        Zone { maximum_speed: Some(0.5), ..zone(ZoneType::SpeedLimit) },
        Zone { priority_factor: Some(0.5), ..zone(ZoneType::Priority) },
        Zone { direction: Some(0.0), directed_limitation: Some(Limitation::Strict), ..zone(ZoneType::Directed) },
        Zone {
            entry_actions: Some(vec![ZoneAction { action_type: "horn".to_owned(), ..ZoneAction::default() }]),
            during_actions: Some(Vec::new()),
            exit_actions: Some(Vec::new()),
            ..zone(ZoneType::Action)
        },
    ];
    assert!(zones.iter().all(|zone| zone.missing_field().is_none()));
    assert_eq!(zone(ZoneType::Penalty).missing_field(), Some("penaltyFactor"));
    let zone_set = ZoneSet { map_id: "m".to_owned(), zone_set_id: "s".to_owned(), zone_set_descriptor: None, zones };
    assert_valid(Version::V3_0, &Body::ZoneSet(ZoneSetMessage { zone_set }));
    let response = Response {
        request_id: "r".to_owned(),
        grant_type: Grant::Granted,
        lease_expiry: Some(Timestamp::from_seconds(1_800_000_000)),
    };
    assert_valid(Version::V3_0, &Body::Responses(Responses { responses: vec![response] }));
}

#[test]
fn what_is_no_path_is_not_written() {
    let node = |node_id: &str, sequence_id, released| Node {
        node_id: node_id.to_owned(),
        sequence_id,
        released,
        ..Node::default()
    };
    let edge = |from: &str, to: &str, sequence_id, released| Edge {
        edge_id: "e".to_owned(),
        start_node_id: from.to_owned(),
        end_node_id: to.to_owned(),
        sequence_id,
        released,
        ..Edge::default()
    };
    let good = Order {
        order_id: "o".to_owned(),
        nodes: vec![node("a", 4, true), node("b", 6, false)],
        edges: vec![edge("a", "b", 5, false)],
        ..Order::default()
    };
    assert_eq!(good.check(Version::V2_0), Ok(()));
    assert_eq!((good.base().len(), good.decision_point()), (1, Some(4)));
    let broken = |change: &dyn Fn(&mut Order)| {
        let mut order = good.clone();
        change(&mut order);
        order.check(Version::V2_0).unwrap_err().to_string()
    };
    assert_eq!(broken(&|order| order.nodes.clear()), "order o: it has no node");
    assert_eq!(broken(&|order| order.edges.clear()), "order o: 2 nodes and 0 edges");
    assert_eq!(broken(&|order| order.nodes[1].sequence_id = 8), "order o: the sequence ids jump after node 4");
    assert_eq!(broken(&|order| order.nodes[0].released = false), "order o: its first node is not released");
    assert_eq!(broken(&|order| order.nodes[1].released = true), "order o: the base is torn at sequence id 5");
    assert_eq!(broken(&|order| order.edges[0].end_node_id = "c".to_owned()), "order o: edge e does not join a and b");
    let position = NodePosition { x: f64::NAN, map_id: "m".to_owned(), ..NodePosition::default() };
    let mut order = good;
    order.nodes[0].node_position = Some(position);
    let stamp = Stamp { header_id: 0, timestamp: Timestamp(0) };
    let error = vda5050::write(Version::V2_0, &address(Version::V2_0), stamp, &Body::Order(order)).unwrap_err();
    assert_eq!(error.to_string(), ".nodes[0].nodePosition.x has no value that JSON can hold");
}
