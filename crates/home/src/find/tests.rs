//! What is found in homes that are described as others describe them, and in the demo home.

use serde_json::json;

use super::*;

/// A thing with properties as `(name, model)`.
fn thing(id: &str, kind: &str, about: &str, properties: serde_json::Value) -> (ThingId, ThingModel) {
    let document = json!({"id": id, "kind": kind, "title": id, "description": about, "properties": properties});
    (ThingId::new(id).unwrap(), serde_json::from_value(document).unwrap())
}

fn found(things: &[(ThingId, ThingModel)], corrections: &BTreeMap<ThingId, Correction>) -> Home {
    find(
        things.iter().map(|(thing, model)| Candidate { thing, title: model.title.as_str(), space: None, model }),
        corrections,
    )
}

fn number(unit: &str) -> serde_json::Value {
    json!({"type": "number", "unit": unit})
}

fn written(unit: &str, minimum: f64, maximum: f64) -> serde_json::Value {
    json!({"type": "number", "unit": unit, "writable": true, "minimum": minimum, "maximum": maximum})
}

fn roles(home: &Home) -> Vec<(&str, Role)> {
    home.found.iter().map(|one| (one.thing.as_str(), one.role)).collect()
}

#[test]
fn a_home_of_discovered_things_is_found_by_names_and_units() {
    // As Home Assistant's producers describe themselves: no kinds, names with the device's own in front.
    let things = [
        thing(
            "shelly-3em",
            "",
            "",
            json!({"grid_power": number("W"), "energy_returned": number("Wh"), "energy": number("Wh")}),
        ),
        thing(
            "growatt-pv",
            "",
            "",
            json!({"pv_power": number("kW"), "energy_today": number("kWh"), "energy_total": number("kWh")}),
        ),
        thing("zoe-ev", "", "", json!({"battery_level": number("%"), "plugged_in": {"type": "boolean"}})),
        thing("go-e-charger", "", "", json!({"power": number("W"), "charge_power": written("W", 0.0, 11_000.0)})),
        thing("phone-kim", "", "", json!({"battery": number("%")})),
        thing("spot", "", "", json!({"price": number("ct/kWh"), "prices_ahead": {"type": "json", "unit": "ct/kWh"}})),
    ];
    let home = found(&things, &BTreeMap::new());
    assert_eq!(
        roles(&home),
        [("growatt-pv", Role::Solar), ("go-e-charger", Role::Charger), ("zoe-ev", Role::Car), ("spot", Role::Prices),]
    );
    let (_, solar) = home.with(Role::Solar, Purpose::Power).unwrap();
    assert_eq!((solar.property.as_str(), solar.scale), ("pv_power", 1_000.0));
    let (_, counted) = home.with(Role::Solar, Purpose::Exported).unwrap();
    assert_eq!(counted.property.as_str(), "energy_total");
    let charger = home.of(Role::Charger).next().unwrap();
    assert_eq!(charger.car.as_ref().map(ThingId::as_str), Some("zoe-ev"));
    assert_eq!(charger.ports[&Purpose::SetPower].maximum, Some(11_000.0));
    let (_, price) = home.with(Role::Prices, Purpose::Price).unwrap();
    assert_eq!(price.scale, 0.01);
    let kinds: Vec<QuestionKind> = home.questions.iter().map(|question| question.kind).collect();
    assert_eq!(kinds, [QuestionKind::NoGridMeter, QuestionKind::Capacity]);

    // People answer, and are not asked again.
    let say = |thing: &str, correction: Correction| (ThingId::new(thing).unwrap(), correction);
    let said = BTreeMap::from([
        say("shelly-3em", Correction { role: Some(Role::Grid), ..Correction::default() }),
        say("zoe-ev", Correction { capacity_kilowatt_hours: Some(41.0), ..Correction::default() }),
        say("growatt-pv", Correction { role: Some(Role::Nothing), ..Correction::default() }),
    ]);
    let home = found(&things, &said);
    assert_eq!(home.questions, []);
    let grid = home.of(Role::Grid).next().unwrap();
    assert!(grid.said && home.of(Role::Solar).next().is_none());
    assert_eq!(
        [Purpose::Power, Purpose::Imported, Purpose::Exported].map(|purpose| grid.ports[&purpose].property.as_str()),
        ["grid_power", "energy", "energy_returned"]
    );
}

#[test]
fn which_way_power_is_positive_is_read_asked_and_corrected() {
    let powers = json!({"charge": number("%"), "power": number("W"), "set_power": written("W", -3_000.0, 5_000.0)});
    let battery = |about: &str| [thing("home-battery", "battery", about, powers.clone())];
    let look = |things: &[(ThingId, ThingModel)], said: Option<bool>| {
        let correction = Correction { positive_gives: said, ..Correction::default() };
        let home = found(things, &BTreeMap::from([(things[0].0.clone(), correction)]));
        let asked = home.questions.iter().any(|question| question.kind == QuestionKind::PowerSign);
        let set = &home.found[0].ports[&Purpose::SetPower];
        (home.found[0].ports[&Purpose::Power].scale, set.minimum, set.maximum, asked)
    };
    let gives = (-1.0, Some(-5_000.0), Some(3_000.0), false);
    let takes = (1.0, Some(-3_000.0), Some(5_000.0), false);
    assert_eq!(look(&battery("positive power is what it gives"), None), gives);
    assert_eq!(look(&battery("negative while it discharges"), None), takes);
    assert_eq!(look(&battery(""), Some(false)), takes);
    assert_eq!(look(&battery(""), None), (gives.0, gives.1, gives.2, true));
}

#[test]
fn several_meters_and_feeds_are_asked_about_once() {
    let things = [
        thing("meter-a", "grid-meter", "", json!({"power": number("W")})),
        thing("meter-b", "grid-meter", "", json!({"power": number("W")})),
    ];
    let home = found(&things, &BTreeMap::new());
    assert_eq!(home.questions.len(), 1);
    assert_eq!(home.questions[0].kind, QuestionKind::WhichGridMeter);
    let said = Correction { role: Some(Role::Grid), ..Correction::default() };
    let home = found(&things, &BTreeMap::from([(things[1].0.clone(), said)]));
    assert_eq!((home.questions.len(), home.of(Role::Grid).next().unwrap().thing.as_str()), (0, "meter-b"));
}

#[test]
fn modes_are_read_by_their_words() {
    let mode = json!({"type": "string", "writable": true, "choices": ["self_use", "hold", "charge", "set_power"]});
    let things = [thing("battery", "battery", "", json!({"charge": number("%"), "power": number("W"), "mode": mode}))];
    let home = found(&things, &BTreeMap::new());
    let modes = &home.found[0].modes;
    let words = [&modes.by_itself, &modes.idle, &modes.fast, &modes.told].map(|word| word.as_deref());
    assert_eq!(words, [Some("self_use"), Some("hold"), Some("charge"), Some("set_power")]);
}

#[test]
fn the_demo_home_is_found_whole() {
    let demo = world::home::home(1, model::Timestamp::from_seconds(1_790_000_000));
    let look = |thing: &'static str| demo.things.iter().find(|one| one.id.as_str() == thing).unwrap();
    let candidates = demo.things.iter().map(|one| Candidate {
        thing: &one.id,
        title: &one.title,
        space: Some(&one.space),
        model: &one.model,
    });
    let home = find(candidates, &BTreeMap::new());
    let of = |role: Role| home.of(role).map(|one| one.thing.as_str()).collect::<Vec<&str>>();
    assert_eq!(
        [Role::Grid, Role::Solar, Role::Consumption, Role::Battery, Role::Charger, Role::Car].map(of),
        [
            vec!["grid-meter"],
            vec!["solar-inverter"],
            vec!["distribution-board"],
            vec!["home-battery"],
            vec!["ev-charger"],
            vec!["car"]
        ]
    );
    assert_eq!(
        [Role::HeatPump, Role::Tank, Role::Prices, Role::Carbon, Role::Weather].map(of),
        [
            vec!["heat-pump"],
            vec!["hot-water-tank"],
            vec!["electricity-prices"],
            vec!["grid-carbon"],
            vec!["weather-station"]
        ]
    );
    assert_eq!((of(Role::Thermostat).len(), of(Role::Appliance).len(), of(Role::Switched).len()), (6, 2, 3));
    // The battery says which way its power is positive; the car does not say what it holds.
    let battery = home.thing(&look("home-battery").id).unwrap();
    assert_eq!(
        (battery.ports[&Purpose::Power].scale, battery.ports[&Purpose::SetPower].maximum),
        (-1.0, Some(4_600.0))
    );
    assert_eq!(battery.modes.told.as_deref(), Some("set_power"));
    let asked: Vec<QuestionKind> = home.questions.iter().map(|question| question.kind).collect();
    assert_eq!(asked, [QuestionKind::Capacity]);
    let (_, ahead) = home.with(Role::Prices, Purpose::PricesAhead).unwrap();
    assert_eq!(ahead.property.as_str(), "prices");
}
