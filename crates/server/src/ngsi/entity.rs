//! Things as entities, and entities as what is said of things (ETSI GS CIM 009, clauses 4.5 and 5.2).

use std::collections::BTreeMap;

use model::{Coordinates, Geometry, Name, PropertyModel, ThingId, ThingModel, Timestamp, Unit, Value as Said};
use serde_json::{Map, Value, json};
use site::{Site, ThingDetail};
use twin::{Reported, Thing, ThingStatus};

use super::Failure;

/// The context of the standard's own terms.
pub(super) const CORE_CONTEXT: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld";

/// What ids of entities begin with.
const URN: &str = "urn:ngsi-ld:";

/// The type of things whose kind nobody knows.
const TYPE_UNKNOWN: &str = "Thing";

/// The most attributes of one entity.
pub(super) const ATTRIBUTES_MAX: usize = 1_000;

/// Members that are no attributes.
const NOT_ATTRIBUTES: [&str; 6] = ["id", "type", "@context", "createdAt", "modifiedAt", "scope"];

/// Units, and their codes (UN/CEFACT Recommendation 20).
const UNIT_CODES: &[(&str, &str)] = &[
    ("°C", "CEL"),
    ("°F", "FAH"),
    ("%", "P1"),
    ("W", "WTT"),
    ("kW", "KWT"),
    ("Wh", "WHR"),
    ("kWh", "KWH"),
    ("V", "VLT"),
    ("A", "AMP"),
    ("Hz", "HTZ"),
    ("m", "MTR"),
    ("mm", "MMT"),
    ("km", "KMT"),
    ("m/s", "MTS"),
    ("km/h", "KMH"),
    ("lx", "LUX"),
    ("Pa", "PAL"),
    ("hPa", "A97"),
    ("bar", "BAR"),
    ("ppm", "59"),
    ("µg/m³", "GQ"),
    ("L", "LTR"),
    ("m³", "MTQ"),
    ("kg", "KGM"),
    ("g", "GRM"),
    ("s", "SEC"),
    ("min", "MIN"),
    ("h", "HUR"),
    ("dB", "2N"),
    ("K", "KEL"),
    ("°", "DD"),
];

/// How entities are shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    /// Values only.
    pub(super) key_values: bool,
    /// When they were made and changed, too.
    pub(super) with_system: bool,
    /// Only these attributes.
    pub(super) attributes: Option<Vec<String>>,
    /// The context that is put in, for those who take JSON-LD.
    pub(super) context: Option<Value>,
}

/// The id of the entity that a thing is: its own where that is a URN.
pub(super) fn id_of(thing: &Thing) -> String {
    if thing.id.as_str().starts_with("urn:") {
        return thing.id.to_string();
    }
    format!("{URN}{}:{}", type_of(thing), thing.id)
}

/// The type of the entity that a thing is.
pub(super) fn type_of(thing: &Thing) -> &str {
    if thing.kind().is_empty() { TYPE_UNKNOWN } else { thing.kind() }
}

/// The accepted thing that an entity is.
pub(super) fn find(site: &Site, id: &str) -> Option<ThingDetail> {
    let own = ThingId::new(id).ok().and_then(|id| site.thing(&id));
    let found = own.or_else(|| {
        let (kind, rest) = id.strip_prefix(URN)?.split_once(':')?;
        let detail = site.thing(&ThingId::new(rest).ok()?)?;
        (type_of(&detail.summary.thing) == kind).then_some(detail)
    });
    found.filter(|detail| detail.summary.thing.status == ThingStatus::Accepted)
}

/// The entity that a thing is.
pub(super) fn entity(detail: &ThingDetail, shown: &Shown) -> Map<String, Value> {
    let thing = &detail.summary.thing;
    let mut entity = Map::new();
    entity.insert("id".to_owned(), id_of(thing).into());
    entity.insert("type".to_owned(), type_of(thing).into());
    if shown.with_system {
        entity.insert("createdAt".to_owned(), thing.created.to_string().into());
        let changed = detail.properties.iter().map(|(reported, _)| reported.received).max();
        entity.insert("modifiedAt".to_owned(), changed.unwrap_or(thing.created).to_string().into());
    }
    for (name, attribute) in attributes(detail) {
        if shown.attributes.as_ref().is_none_or(|wanted| wanted.contains(&name)) {
            let value = if shown.key_values { value_of(&attribute) } else { attribute };
            entity.insert(name, value);
        }
    }
    if let Some(context) = &shown.context {
        entity.insert("@context".to_owned(), context.clone());
    }
    entity
}

/// Everything that an entity says, by name.
pub(super) fn attributes(detail: &ThingDetail) -> Vec<(String, Value)> {
    let thing = &detail.summary.thing;
    let told = detail.properties.iter().filter(|(reported, _)| reported.value != Said::Null);
    let mut all: Vec<(String, Value)> =
        told.map(|(reported, unit)| (reported.name.to_string(), attribute(reported, unit.as_ref()))).collect();
    let has = |all: &[(String, Value)], name: &str| all.iter().any(|(known, _)| known == name);
    if thing.named && !has(&all, "name") {
        all.push(("name".to_owned(), json!({"type": "Property", "value": thing.title})));
    }
    if let Some(place) = detail.summary.location.filter(|_| !has(&all, "location")) {
        all.push(("location".to_owned(), json!({"type": "GeoProperty", "value": Geometry::Point(place)})));
    }
    if let Some(space) = thing.space.as_ref().filter(|_| !has(&all, "refSpace")) {
        all.push(("refSpace".to_owned(), json!({"type": "Relationship", "object": format!("{URN}Space:{space}")})));
    }
    all
}

fn attribute(reported: &Reported, unit: Option<&Unit>) -> Value {
    let mut attribute = sort_of(&reported.value.to_json());
    attribute.insert("observedAt".to_owned(), reported.time.to_string().into());
    if let Some(unit) = unit.map(Unit::as_str) {
        let code = UNIT_CODES.iter().find(|(symbol, _)| *symbol == unit).map_or(unit, |(_, code)| code);
        attribute.insert("unitCode".to_owned(), code.into());
    }
    Value::Object(attribute)
}

/// A value as the sort of attribute that it is: what was taken in as a relationship, a shape or words of several languages
/// is recognised by its form.
pub(super) fn sort_of(value: &Value) -> Map<String, Value> {
    let only = |key: &str| value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get(key));
    let (kind, key, value) = if let Some(object) = only("object") {
        ("Relationship", "object", object)
    } else if let Some(words) = only("languageMap") {
        ("LanguageProperty", "languageMap", words)
    } else if serde_json::from_value::<Geometry>(value.clone()).is_ok() {
        ("GeoProperty", "value", value)
    } else {
        ("Property", "value", value)
    };
    Map::from_iter([("type".to_owned(), kind.into()), (key.to_owned(), value.clone())])
}

/// The bare value of an attribute.
pub(super) fn value_of(attribute: &Value) -> Value {
    let words = |map: &Value| json!({ "languageMap": map });
    let bare = attribute.get("value").or_else(|| attribute.get("object")).cloned();
    bare.or_else(|| attribute.get("languageMap").map(words)).unwrap_or_else(|| attribute.clone())
}

/// What is said of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) value: Value,
    pub(super) observed: Option<Timestamp>,
    pub(super) unit: Option<String>,
}

/// An entity that somebody gave.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) id: ThingId,
    pub(super) kind: String,
    pub(super) statements: BTreeMap<Name, Statement>,
    /// Where it is, when that was said as a point.
    pub(super) location: Option<Coordinates>,
}

/// Reads an entity.
pub(super) fn read(document: &Map<String, Value>) -> Result<Given, Failure> {
    let word = |key: &str| document.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = word("id").ok_or_else(|| Failure::bad("an entity needs an id, a URI"))?;
    if !id.contains(':') {
        return Err(Failure::bad(format!("{id:?} is no URI: {URN}TYPE:NAME is one")));
    }
    let id = ThingId::new(id).map_err(|error| Failure::bad(format!("id: {error}")))?;
    let kind = word("type").ok_or_else(|| Failure::bad("an entity needs one type"))?;
    let (statements, location) = read_attributes(document)?;
    Ok(Given { id, kind: short(kind).to_owned(), statements, location })
}

/// What is said of attributes, and where a point says that the entity is.
type Statements = (BTreeMap<Name, Statement>, Option<Coordinates>);

/// Reads the attributes of an entity, or of a part of one.
pub(super) fn read_attributes(document: &Map<String, Value>) -> Result<Statements, Failure> {
    let (mut statements, mut location) = (BTreeMap::new(), None);
    for (key, value) in document.iter().filter(|(key, _)| !NOT_ATTRIBUTES.contains(&key.as_str())) {
        let name = Name::new(short(key)).map_err(|error| Failure::bad(format!("{key}: {error}")))?;
        let statement = read_attribute(key, value)?;
        if name.as_str() == "location"
            && let Ok(Geometry::Point(point)) = serde_json::from_value(statement.value.clone())
        {
            location = Some(point);
            continue;
        }
        statements.insert(name, statement);
    }
    if statements.len() > ATTRIBUTES_MAX {
        return Err(Failure::bad(format!("{} attributes, and at most {ATTRIBUTES_MAX} are taken", statements.len())));
    }
    Ok((statements, location))
}

fn read_attribute(key: &str, attribute: &Value) -> Result<Statement, Failure> {
    let bare = |value: &Value| Statement { value: value.clone(), observed: None, unit: None };
    let object = match attribute {
        Value::Array(parts) if parts.iter().any(|part| part.get("datasetId").is_some()) => {
            return Err(Failure::unsupported(format!(
                "{key}: several values of one attribute (datasetId) are not kept"
            )));
        }
        Value::Object(object) => object,
        value => return Ok(bare(value)),
    };
    let missing = |what: &str| Failure::bad(format!("{key}: a {what} is missing"));
    let value = match object.get("type").and_then(Value::as_str) {
        Some("Property") => object.get("value").cloned().ok_or_else(|| missing("value"))?,
        Some("GeoProperty") => {
            let value = object.get("value").ok_or_else(|| missing("value"))?;
            let shape: Result<Geometry, _> = serde_json::from_value(value.clone());
            shape.map_err(|error| Failure::bad(format!("{key}: {error}")))?;
            value.clone()
        }
        Some("Relationship") => json!({"object": object.get("object").ok_or_else(|| missing("object"))?}),
        Some("LanguageProperty") => {
            json!({"languageMap": object.get("languageMap").ok_or_else(|| missing("languageMap"))?})
        }
        // Simplified: the object is the value, as GeoJSON is.
        _ => return Ok(bare(attribute)),
    };
    let observed = match object.get("observedAt") {
        None => None,
        Some(at) => {
            let time = at.as_str().and_then(Timestamp::parse);
            Some(time.ok_or_else(|| {
                Failure::bad(format!("{key}: observedAt {at} is no time: 2026-01-31T12:00:00Z is one"))
            })?)
        }
    };
    let unit = object.get("unitCode").and_then(Value::as_str).map(str::to_owned);
    Ok(Statement { value, observed, unit })
}

/// The last part of a name that was expanded to an address: contexts are not fetched, and terms are kept as they are.
pub(super) fn short(term: &str) -> &str {
    if term.contains("://") { term.rsplit(['/', '#']).next().unwrap_or(term) } else { term }
}

/// The model of a new thing: what its values do not say by themselves.
pub(super) fn model_of(given: &Given) -> ThingModel {
    let mut model = ThingModel { kind: given.kind.clone(), inferred: true, ..ThingModel::default() };
    for (name, statement) in &given.statements {
        let Some(code) = &statement.unit else { continue };
        let symbol = UNIT_CODES.iter().find(|(_, known)| known == code).map_or(code.as_str(), |(symbol, _)| symbol);
        let Ok(unit) = serde_json::from_value(symbol.into()) else { continue };
        model.properties.insert(name.clone(), PropertyModel { unit: Some(unit), ..PropertyModel::default() });
    }
    model
}

/// The report that says it: an array of reports, each value with its time.
pub(super) fn report(statements: &BTreeMap<Name, Statement>, now: Timestamp) -> Value {
    let values = statements.iter().map(|(name, statement)| {
        let time = statement.observed.unwrap_or(now);
        (name.to_string(), json!({"value": statement.value, "time": time.to_string()}))
    });
    json!({"properties": values.collect::<Map<String, Value>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_entity_is_read_in_every_form_of_its_attributes() {
        let given = read(&document(json!({
            "id": "urn:ngsi-ld:AirQualityObserved:1", "type": "https://smartdatamodels.org/AirQualityObserved",
            "@context": [CORE_CONTEXT],
            "NO2": {"type": "Property", "value": 22, "unitCode": "GQ", "observedAt": "2018-08-07T12:00:00Z"},
            "https://example.org/vocabulary#refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:3"},
            "title": {"type": "LanguageProperty", "languageMap": {"en": "Air", "ko": "공기"}},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [6.95, 50.93]}},
            "plain": true,
        })))
        .unwrap();
        assert_eq!((given.kind.as_str(), given.location.is_some()), ("AirQualityObserved", true));
        let values: Vec<String> =
            given.statements.iter().map(|(name, said)| format!("{name} {}", said.value)).collect();
        insta::assert_snapshot!(values.join("\n"), @r#"
        NO2 22
        plain true
        refDevice {"object":"urn:ngsi-ld:Device:3"}
        title {"languageMap":{"en":"Air","ko":"공기"}}
        "#);
        assert_eq!(model_of(&given).properties.values().next().unwrap().unit.as_ref().unwrap().as_str(), "µg/m³");
        for (value, kind) in [
            (json!({"object": "urn:x:y"}), "Relationship"),
            (json!(3), "Property"),
            (json!({"type": "Point", "coordinates": [1.0, 2.0]}), "GeoProperty"),
        ] {
            assert_eq!(sort_of(&value)["type"], kind);
        }
    }

    #[test]
    fn what_is_no_entity_is_told() {
        let told = |value: Value| read(&document(value)).unwrap_err().detail;
        let entity = |key: &str, value: Value| json!({"id": "urn:a:b", "type": "T", key: value});
        let all = [
            told(json!({"type": "T"})),
            told(json!({"id": "lamp", "type": "T"})),
            told(json!({"id": "urn:a:b"})),
            told(json!({"id": "urn:a:b/c", "type": "T"})),
            told(entity("x", json!({"type": "Property"}))),
            told(entity("x", json!({"type": "Property", "value": 1, "observedAt": "noon"}))),
            told(entity("x", json!({"type": "GeoProperty", "value": {"type": "Point", "coordinates": [50, 106]}}))),
            told(entity("x", json!([{"type": "Property", "value": 1, "datasetId": "urn:d:1"}]))),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }
}
