//! The ThingModel of a robot, and the instant actions that people may ask for.

use std::collections::BTreeMap;

use model::{ActionModel, DataType, EventModel, Name, PropertyModel, PropertyRole, Severity, ThingModel, Unit};

use super::wire::Version;

/// An instant action: our name, the standard's in 2.x and in 3.0 (empty where there is none), what people call it, whether
/// something moves, and the input.
type Instant = (&'static str, [&'static str; 2], &'static str, bool, &'static [(&'static str, DataType)]);

const ACTIONS: &[Instant] = &[
    ("pause", ["startPause", "startPause"], "Pause", false, &[]),
    ("resume", ["stopPause", "stopPause"], "Resume", true, &[]),
    ("cancel_order", ["cancelOrder", "cancelOrder"], "Cancel order", false, &[]),
    ("start_charging", ["startCharging", "startCharging"], "Start charging", false, &[]),
    ("stop_charging", ["stopCharging", "stopCharging"], "Stop charging", false, &[]),
    ("request_state", ["stateRequest", "stateRequest"], "Request state", false, &[]),
    ("request_factsheet", ["factsheetRequest", "factsheetRequest"], "Request factsheet", false, &[]),
    ("report_log", ["logReport", "logReport"], "Store a log", false, &[("reason", DataType::String)]),
    (
        "initialize_position",
        ["initPosition", "initializePosition"],
        "Set position",
        false,
        &[
            ("x", DataType::Number),
            ("y", DataType::Number),
            ("theta", DataType::Number),
            ("mapId", DataType::String),
            ("lastNodeId", DataType::String),
        ],
    ),
    ("hibernate", ["", "startHibernation"], "Hibernate", false, &[]),
    ("wake", ["", "stopHibernation"], "Wake", false, &[]),
    ("shut_down", ["", "shutdown"], "Shut down", false, &[]),
    ("clear_instant_actions", ["", "clearInstantActions"], "Forget finished actions", false, &[]),
];

/// The standard's type of an action; `None` when this version has no such action.
pub(super) fn action_type(name: &str, version: Version) -> Option<&'static str> {
    let (_, types, ..) = ACTIONS.iter().find(|(known, ..)| *known == name)?;
    let found = types[usize::from(version == Version::V3_0)];
    (!found.is_empty()).then_some(found)
}

fn name(text: &str) -> Name {
    Name::new(text).expect("the names of this table are valid")
}

fn property(data_type: DataType, title: &str, unit: Option<&str>, role: PropertyRole) -> PropertyModel {
    PropertyModel { title: title.to_owned(), data_type, unit: unit.map(Unit::new), role, ..PropertyModel::default() }
}

/// What a robot of this version can tell and do.
pub(super) fn robot(version: Version, manufacturer: &str, series: &str) -> ThingModel {
    use DataType::{Boolean, Integer, Number, String};
    use PropertyRole::{Diagnostic, Normal, Primary};
    let percent = PropertyModel {
        minimum: Some(0.0),
        maximum: Some(100.0),
        decimals: Some(0),
        ..property(Number, "Battery", Some("%"), Primary)
    };
    let properties = [
        ("battery", percent),
        ("battery_voltage", property(Number, "Battery voltage", Some("V"), Diagnostic)),
        ("charging", property(Boolean, "Charging", None, Normal)),
        ("x", property(Number, "X", Some("m"), Normal)),
        ("y", property(Number, "Y", Some("m"), Normal)),
        ("heading", property(Number, "Heading", Some("rad"), Normal)),
        ("map", property(String, "Map", None, Diagnostic)),
        ("localized", property(Boolean, "Knows its position", None, Diagnostic)),
        ("speed", property(Number, "Speed", Some("m/s"), Normal)),
        ("driving", property(Boolean, "Driving", None, Primary)),
        ("paused", property(Boolean, "Paused", None, Normal)),
        ("operating_mode", property(String, "Operating mode", None, Normal)),
        ("order", property(String, "Order", None, Normal)),
        ("order_update", property(Integer, "Order update", None, Diagnostic)),
        ("last_node", property(String, "Last node", None, Normal)),
        ("nodes_ahead", property(Integer, "Nodes ahead", None, Diagnostic)),
        ("loads", property(Integer, "Loads carried", None, Normal)),
        ("errors", property(Integer, "Errors", None, Normal)),
        ("emergency_stop", property(String, "Emergency stop", None, Normal)),
        ("field_violation", property(Boolean, "Protective field violated", None, Diagnostic)),
        ("connection", property(String, "Connection", None, Diagnostic)),
        ("series", property(String, "Series", None, Diagnostic)),
        ("maximum_speed", property(Number, "Maximum speed", Some("m/s"), Diagnostic)),
        ("length", property(Number, "Length", Some("m"), Diagnostic)),
        ("width", property(Number, "Width", Some("m"), Diagnostic)),
        ("maximum_load", property(Number, "Maximum load", Some("kg"), Diagnostic)),
    ];
    let error = EventModel {
        title: "Error".to_owned(),
        description: "The robot reports something wrong.".to_owned(),
        severity: Severity::Warning,
    };
    let actions = ACTIONS.iter().filter(|(known, ..)| action_type(known, version).is_some());
    ThingModel {
        id: format!("vda5050.{manufacturer}.{}", if series.is_empty() { "robot" } else { series }),
        title: if series.is_empty() { "Mobile robot".to_owned() } else { series.to_owned() },
        description: "A mobile robot that speaks VDA 5050.".to_owned(),
        kind: "robot".to_owned(),
        version: version.as_str().to_owned(),
        inferred: false,
        properties: properties.into_iter().map(|(key, model)| (name(key), model)).collect(),
        events: BTreeMap::from([(name("error"), error)]),
        actions: actions.map(|(key, _, title, hold, input)| (name(key), action(title, *hold, input))).collect(),
    }
}

fn action(title: &str, hold: bool, input: &[(&str, DataType)]) -> ActionModel {
    let input = input.iter().map(|(key, data_type)| (name(key), property(*data_type, key, None, PropertyRole::Normal)));
    ActionModel { title: title.to_owned(), description: String::new(), input: input.collect(), hold }
}
