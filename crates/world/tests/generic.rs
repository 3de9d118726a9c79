//! Any model can be started as a virtual thing, and what it tells always fits the model.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    ActionModel, CommandId, CommandState, DataType, Name, PropertyModel, ThingId, ThingModel, Timestamp, Unit, Value,
};
use proptest::prelude::*;
use world::{ActionStatus, Instruction, Report, Said, VirtualThing, World};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn world_of(model: ThingModel, seed: u64) -> (World, ThingId) {
    let mut world = World::new(seed, Timestamp::from_seconds(1_790_000_000));
    let id = ThingId::new("thing").unwrap();
    let (thing, body) = VirtualThing::from_model(model, id.clone(), "", seed);
    world.add(body, vec![thing]).unwrap();
    (world, id)
}

fn told(reports: &[Report]) -> impl Iterator<Item = &(Name, Value)> {
    reports.iter().flat_map(|report| match &report.said {
        Said::Properties { values, .. } => values.as_slice(),
        _ => &[],
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        (-50..50_i64).prop_map(Value::Integer),
        (-50.0..50.0).prop_map(Value::Float),
        "[a-z]{0,4}".prop_map(Value::text),
        Just(Value::Null),
    ]
}

const UNITS: &[&str] = &["", "celsius", "%", "kWh", "W", "ppm", "s", "V", "furlong"];

fn property() -> impl Strategy<Value = PropertyModel> {
    let data_type = prop_oneof![
        Just(DataType::Boolean),
        Just(DataType::Integer),
        Just(DataType::Number),
        Just(DataType::String),
        Just(DataType::Json)
    ];
    let bound = || prop::option::of(prop_oneof![-100.0..100.0f64, Just(0.0), Just(1e300), Just(-1e300), Just(0.3)]);
    let choices = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(value(), 0..4)];
    (
        data_type,
        prop::sample::select(UNITS),
        bound(),
        bound(),
        prop::option::of(0..20_u8),
        choices,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(data_type, unit, minimum, maximum, decimals, choices, readable, writable)| PropertyModel {
            data_type,
            unit: (!unit.is_empty()).then(|| Unit::new(unit)),
            minimum,
            maximum,
            decimals,
            choices,
            readable,
            writable,
            ..PropertyModel::default()
        })
}

fn names() -> impl Strategy<Value = Name> {
    const WORDS: &[&str] =
        &["temperature", "battery", "energy_total", "smoke", "motion", "uptime", "mode", "on", "count", "x"];
    prop_oneof![prop::sample::select(WORDS).prop_map(name), "[a-z_]{1,8}".prop_map(|text| name(&text))]
}

fn models() -> impl Strategy<Value = ThingModel> {
    let properties = prop::collection::btree_map(names(), property(), 0..8);
    let input = prop::collection::btree_map(names(), property(), 0..3);
    let action = (input, any::<bool>()).prop_map(|(input, hold)| ActionModel { input, hold, ..ActionModel::default() });
    let actions = prop::collection::btree_map(names(), action, 0..3);
    (properties, actions).prop_map(|(properties, actions)| ThingModel {
        id: "generated".to_owned(),
        properties,
        actions,
        ..ThingModel::default()
    })
}

proptest! {
    #[test]
    fn what_is_told_fits_the_model(
        model in models(), seed in any::<u64>(),
        writes in prop::collection::vec((names(), value()), 0..6),
        invokes in prop::collection::vec((names(), value()), 0..4),
    ) {
        let (mut world, id) = world_of(model.clone(), seed);
        let mut reports = Vec::new();
        for step in [1, 1, 1, 60, 600, 7_200, 86_400] {
            world.step(Duration::from_secs(step), &mut reports);
            let desired: BTreeMap<Name, Value> = writes.iter().cloned().collect();
            world.instruct(&id, Instruction::Desired(desired), &mut reports);
            for (action, input) in &invokes {
                let instruction = Instruction::Invoke { command: None, action: action.clone(), input: input.clone() };
                world.instruct(&id, instruction, &mut reports);
            }
        }
        for (name, value) in told(&reports) {
            let property = &model.properties[name];
            prop_assert!(property.readable);
            prop_assert_eq!(property.check(value.clone()), Ok(value.clone()), "{}", name);
            let plain = property.choices.is_empty() && property.minimum.is_none() && property.maximum.is_none();
            prop_assert!(!plain || *value != Value::Null, "{} has a value that fits", name);
        }
        let readable = model.properties.iter().filter(|(_, property)| property.readable);
        for (name, _) in readable {
            prop_assert!(told(&reports).any(|(told, _)| told == name), "{} is told", name);
        }
    }
}

fn lamp() -> ThingModel {
    serde_json::from_value(serde_json::json!({
        "id": "lamp", "title": "Lamp",
        "properties": {
            "on": {"type": "boolean", "writable": true},
            "level": {"type": "integer", "minimum": 0, "maximum": 100, "writable": true},
            "energy": {"type": "number", "unit": "kWh", "decimals": 3},
            "temperature": {"type": "number", "unit": "celsius"}
        },
        "actions": {
            "fade": {"input": {"level": {"type": "integer", "minimum": 0, "maximum": 100}}, "hold": true},
            "identify": {}
        }
    }))
    .unwrap()
}

fn statuses(reports: &[Report]) -> Vec<ActionStatus> {
    let of = |report: &Report| match &report.said {
        Said::Action(status) => Some(status.clone()),
        _ => None,
    };
    reports.iter().filter_map(of).collect()
}

fn invoke(id: &str, action: &str, input: serde_json::Value) -> Instruction {
    let command = Some(CommandId::new(id).unwrap());
    Instruction::Invoke { command, action: name(action), input: Value::from_json(input) }
}

#[test]
fn a_command_is_accepted_runs_and_finishes_and_names_what_it_brought_about() {
    let (mut world, id) = world_of(lamp(), 1);
    let mut reports = Vec::new();
    world.step(Duration::from_secs(1), &mut reports);
    reports.clear();
    world.instruct(&id, invoke("c1", "fade", serde_json::json!({"level": 40})), &mut reports);
    for _ in 0..10 {
        world.step(Duration::from_secs(1), &mut reports);
    }
    let steps = statuses(&reports);
    let states: Vec<CommandState> = steps.iter().map(|status| status.state).collect();
    assert_eq!(states[0], CommandState::Accepted);
    assert_eq!(states[states.len() - 1], CommandState::Finished);
    let progress: Vec<f64> = steps.iter().filter_map(|status| status.progress).collect();
    assert!(progress.len() >= 3 && progress.windows(2).all(|pair| pair[0] < pair[1]), "{progress:?}");
    assert!(steps.iter().all(|status| status.command.as_ref().unwrap().as_str() == "c1"));
    let caused = reports.iter().any(|report| {
        matches!(&report.said, Said::Properties { values, command: Some(command) }
            if command.as_str() == "c1" && values.contains(&(name("level"), Value::Integer(40))))
    });
    assert!(caused, "{reports:?}");

    // The same command again (a repeated QoS 1 message) is answered and not done.
    reports.clear();
    world.instruct(&id, invoke("c1", "fade", serde_json::json!({"level": 90})), &mut reports);
    world.step(Duration::from_secs(10), &mut reports);
    assert_eq!(statuses(&reports).len(), 1);
    assert_eq!(statuses(&reports)[0].state, CommandState::Finished);
    assert!(!told(&reports).any(|(_, value)| *value == Value::Integer(90)));
}

#[test]
fn what_cannot_be_done_fails_with_a_reason() {
    let (mut world, id) = world_of(lamp(), 1);
    let mut reports = Vec::new();
    world.step(Duration::from_secs(1), &mut reports);
    let mut errors = |id: &ThingId, instruction: Instruction| {
        let mut reports = Vec::new();
        world.instruct(id, instruction, &mut reports);
        statuses(&reports).into_iter().filter_map(|status| status.error).collect::<Vec<String>>()
    };
    assert_eq!(errors(&id, invoke("c1", "explode", serde_json::Value::Null)), ["there is no action \"explode\""]);
    assert_eq!(errors(&id, invoke("c2", "fade", serde_json::json!({"level": 400}))), ["400 is outside 0 to 100"]);
    assert!(errors(&id, invoke("c3", "fade", serde_json::json!({"level": 4}))).is_empty());
    let taken_over = errors(&id, invoke("c4", "fade", serde_json::json!({"level": 5})));
    assert_eq!(taken_over, ["a newer command of the same action took its place"]);
}

#[test]
fn desired_values_are_followed_once_with_a_small_lag() {
    let (mut world, id) = world_of(lamp(), 1);
    let mut reports = Vec::new();
    world.step(Duration::from_secs(1), &mut reports);
    let desired = |level: i64, on: Value| {
        Instruction::Desired([(name("level"), Value::Integer(level)), (name("on"), on)].into_iter().collect())
    };
    let levels = |reports: &[Report]| -> Vec<Value> {
        told(reports).filter(|(told, _)| told.as_str() == "level").map(|(_, value)| value.clone()).collect()
    };
    reports.clear();
    world.instruct(&id, desired(30, Value::text("yes")), &mut reports);
    assert_eq!(levels(&reports), []);
    world.step(Duration::from_secs(1), &mut reports);
    assert_eq!(levels(&reports), [Value::Integer(30)]);
    assert!(!told(&reports).any(|(told, _)| told.as_str() == "on"), "a value that does not fit is not taken");
    // Done at the thing itself; then the retained message comes again.
    world.instruct(&id, invoke("c1", "fade", serde_json::json!({"level": 70})), &mut reports);
    world.step(Duration::from_secs(1), &mut reports);
    reports.clear();
    world.instruct(&id, desired(30, Value::Null), &mut reports);
    world.step(Duration::from_secs(2), &mut reports);
    assert_eq!(levels(&reports), []);
    world.instruct(&id, desired(31, Value::Null), &mut reports);
    world.step(Duration::from_secs(2), &mut reports);
    assert_eq!(levels(&reports), [Value::Integer(31)]);
}

#[test]
fn counters_grow_and_the_same_id_and_seed_behave_the_same() {
    let run = |seed: u64| {
        let (mut world, _) = world_of(lamp(), seed);
        let mut reports = Vec::new();
        world.step(Duration::from_hours(24), &mut reports);
        reports
    };
    let reports = run(3);
    let energy: Vec<f64> =
        told(&reports).filter(|(told, _)| told.as_str() == "energy").filter_map(|(_, value)| value.as_f64()).collect();
    assert!(energy.len() > 20 && energy.windows(2).all(|pair| pair[0] <= pair[1]), "{energy:?}");
    let (mut world, _) = world_of(lamp(), 3);
    world.step(Duration::from_hours(5), &mut Vec::new());
    let (mut restored, _) = world_of(lamp(), 3);
    restored.restore(&world.save()).unwrap();
    world.step(Duration::from_hours(5), &mut Vec::new());
    restored.step(Duration::from_hours(5), &mut Vec::new());
    assert_eq!(restored.save(), world.save());
    assert_eq!(reports, run(3));
    assert_ne!(reports, run(4));
}

#[test]
fn a_world_refuses_what_it_has_and_what_it_has_not() {
    let (mut world, id) = world_of(lamp(), 1);
    let (thing, body) = VirtualThing::from_model(lamp(), id.clone(), "Another", 2);
    let error = world.add(body, vec![thing]).unwrap_err();
    assert_eq!(error.to_string(), "the world already has a thing thing");
    assert!(world.remove(&id) && !world.remove(&id) && world.thing(&id).is_none());
    let mut reports = Vec::new();
    world.step(Duration::from_secs(5), &mut reports);
    world.instruct(&id, invoke("c", "identify", serde_json::Value::Null), &mut reports);
    assert_eq!(reports, []);
}
