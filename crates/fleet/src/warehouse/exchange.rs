//! Floors from files and to files, and what is wrong with one that is being drawn.

use model::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use site::run::{Complaint, OperationDescription};

use super::drawing::in_question;
use super::settings::{FloorSource, floor_complaints};
use crate::floor::{Floor, FloorError, export_lif, export_map, import_lif, import_map};

/// The name of the operation that reads a file.
pub(super) const IMPORT: &str = "floor_import";
/// The name of the operation that writes one.
pub(super) const EXPORT: &str = "floor_export";
/// The name of the operation that looks for faults.
pub(super) const CHECK: &str = "floor_check";

/// The most places that are named as cut off from the rest.
const STRANDED_MAX: usize = 5_000;

/// The side of a cell of a map, which does not say it.
const CELL_METRES: f64 = 1.0;

/// The type of vehicle that an exported layout is for when none is named.
const VEHICLE_TYPE: &str = "robot";

/// How floors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// This program's own, which keeps everything.
    Floor,
    /// The layout interchange format of the VDMA.
    Lif,
    /// The maps of the movingai benchmark and of the League of Robot Runners.
    Map,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    text: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    format: Option<Format>,
    #[serde(default)]
    cell_metres: Option<f64>,
    #[serde(default)]
    vehicle_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    floor: FloorSource,
    format: Format,
    #[serde(default)]
    vehicle_type: Option<String>,
    /// When, in microseconds since 1970: whoever asks has a clock.
    #[serde(default)]
    time: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    floor: FloorSource,
}

pub(super) fn descriptions() -> [OperationDescription; 3] {
    let format = json!({"enum": ["floor", "lif", "map"]});
    let text = json!({"type": "string"});
    let floor =
        json!({"type": "object", "description": "a floor of a scenario: drawn, or a shape that one is made from"});
    let import = OperationDescription {
        name: IMPORT,
        summary: "reads floors from a file: LIF, a map of movingai or the League, or one that was exported",
        input: json!({
            "type": "object", "required": ["text"], "additionalProperties": false,
            "properties": {
                "text": text, "name": text, "format": format,
                "cell_metres": {"type": "number", "description": "the side of a cell of a map; 1 when absent"},
                "vehicle_type": {"type": "string", "description": "whose ways of a LIF are read; any when absent"},
            },
        }),
        output: json!({"type": "object", "properties": {
            "format": format, "floors": {"type": "array", "description": "one for each layout; they may have faults"},
        }}),
    };
    let export = OperationDescription {
        name: EXPORT,
        summary: "writes a floor to a file; LIF and maps cannot say everything",
        input: json!({
            "type": "object", "required": ["floor", "format"], "additionalProperties": false,
            "properties": {
                "floor": floor, "format": format, "vehicle_type": text,
                "time": {"type": "integer", "description": "when, in microseconds since 1970"},
            },
        }),
        output: json!({"type": "object", "properties": {"name": text, "type": text, "text": text}}),
    };
    let check = OperationDescription {
        name: CHECK,
        summary: "says everything that is wrong with a floor",
        input: json!({"type": "object", "required": ["floor"], "additionalProperties": false, "properties": {"floor": floor}}),
        output: json!({"type": "object", "properties": {
            "faults": {"type": "array", "description": "severity, place, problem and hint, errors first"},
            "stranded": {"type": "array", "description": "the nodes that cannot be reached and left again, at most 5,000"},
        }}),
    };
    [import, export, check]
}

fn complaint(place: &str, problem: impl ToString, hint: &str) -> Vec<Complaint> {
    vec![Complaint { place: place.to_owned(), problem: problem.to_string(), hint: hint.to_owned() }]
}

/// What an operation is given, or what is wrong with its form.
fn asked<T: for<'de> Deserialize<'de>>(input: Json) -> Result<T, Vec<Complaint>> {
    serde_json::from_value(input)
        .map_err(|error| complaint("/", error, "compare with the input that the operation describes"))
}

/// The message of an error apart from its hint.
fn told(place: &str, error: &dyn std::error::Error) -> Vec<Complaint> {
    let text = error.to_string();
    let (problem, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
    complaint(place, problem, hint)
}

/// How a text seems to be written.
fn format_of(text: &str) -> Option<Format> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("type") {
        return Some(Format::Map);
    }
    let document: Json = serde_json::from_str(text).ok()?;
    if document.get("layouts").is_some() { Some(Format::Lif) } else { document.get("ground").map(|_| Format::Floor) }
}

/// Reads floors from a file.
pub(super) fn import(input: Json) -> Result<Json, Vec<Complaint>> {
    let asked: Import = asked(input)?;
    let text = asked.text.trim_start_matches('\u{feff}');
    let Some(format) = asked.format.or_else(|| format_of(text)) else {
        let hint = "choose a LIF document, a .map file that begins with type octile, or a floor that was exported here";
        return Err(complaint("/text", "this is no floor that can be read", hint));
    };
    let (floors, name) = match format {
        Format::Floor => (vec![Floor::from_json(text).map_err(|error| told("/text", &error))?], "floor"),
        Format::Lif => (import_lif(text, asked.vehicle_type.as_deref()).map_err(|error| told("/text", &error))?, "lif"),
        Format::Map => {
            let side = asked.cell_metres.unwrap_or(CELL_METRES);
            let name = if asked.name.is_empty() { "map" } else { &asked.name };
            (vec![import_map(name, text, side).map_err(|error| told("/text", &error))?], "map")
        }
    };
    Ok(json!({"format": name, "floors": floors}))
}

/// The floor that is asked about; complaints name the question and not a scenario.
fn floor_of(source: &FloorSource) -> Result<Floor, Vec<Complaint>> {
    source.floor().map_err(in_question)
}

/// Writes a floor to a file.
pub(super) fn export(input: Json) -> Result<Json, Vec<Complaint>> {
    let asked: Export = asked(input)?;
    let floor = floor_of(&asked.floor)?;
    let (text, ending, media) = match asked.format {
        Format::Floor => (floor.to_json(), "floor.json", "application/json"),
        Format::Map => (export_map(&floor).map_err(|error| told("/format", &error))?, "map", "text/plain"),
        Format::Lif => {
            let network = floor.network().map_err(|error: FloorError| in_question(floor_complaints(error)))?;
            let vehicle_type = asked.vehicle_type.as_deref().unwrap_or(VEHICLE_TYPE);
            (export_lif(&floor, &network, vehicle_type, Timestamp(asked.time)), "lif.json", "application/json")
        }
    };
    let stem = if floor.name.is_empty() { "floor" } else { &floor.name };
    Ok(json!({"name": format!("{stem}.{ending}"), "type": media, "text": text}))
}

/// Says everything that is wrong with a floor.
pub(super) fn check(input: Json) -> Result<Json, Vec<Complaint>> {
    let asked: Check = asked(input)?;
    let floor = floor_of(&asked.floor)?;
    let mut stranded = floor.stranded();
    stranded.truncate(STRANDED_MAX);
    Ok(json!({"faults": floor.check(), "stranded": stranded}))
}
