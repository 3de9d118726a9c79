//! Models bound to streams: answers on the log, in the records, over restarts; and what a bad model must not do.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use learn::inference::{Network, Numbers, Port, Runtime, Tensor};
use model::{CauseKind, Position, RecordKind, Value};
use serde_json::{Value as Json, json};
use site::inference::{Binding, BindingSpec, InferenceError, InferenceModel, ModelStage, Try};
use site::mind::{CardKind, CardQuery};
use site::{Site, SiteError};
use tempfile::TempDir;
use twin::PresenceState;

use crate::common::{Bench, accept_all, id, name, reported};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Holds up whoever comes, until it is opened.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.opened.wait(open).unwrap();
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// An engine whose models give each number times the last byte of their file. Above 100 they do what is wrong with them.
struct Simple {
    gate: Arc<Gate>,
}

struct SimpleModel {
    inputs: Vec<Port>,
    outputs: Vec<String>,
    factor: f32,
    gate: Arc<Gate>,
}

/// Files that differ in their last byte: an empty graph, and a number that nobody reads.
fn file(factor: u8) -> Vec<u8> {
    vec![0x3a, 0, 0xa0, 0x06, factor]
}

const STUCK: u8 = 100;
const PANICS: u8 = 101;
const NOT_FINITE: u8 = 102;

impl Runtime for Simple {
    fn name(&self) -> &'static str {
        "simple"
    }

    fn load(&self, file: Vec<u8>) -> Result<Box<dyn Network>, String> {
        let inputs = vec![Port { name: "x".to_owned(), shape: None }];
        let factor = f32::from(*file.last().unwrap());
        Ok(Box::new(SimpleModel { inputs, outputs: vec!["y".to_owned()], factor, gate: Arc::clone(&self.gate) }))
    }
}

impl Network for SimpleModel {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[String] {
        &self.outputs
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let Numbers::Float(numbers) = &inputs[0].numbers else { return Err("no real numbers".to_owned()) };
        let mut made: Vec<f32> = numbers.iter().map(|number| number * self.factor).collect();
        if numbers.iter().any(|number| *number > 100.0) {
            match self.factor as u8 {
                STUCK => self.gate.pass(),
                PANICS => panic!("this model has a fault"),
                NOT_FINITE => made[0] = f32::NAN,
                _ => {}
            }
        }
        Ok(vec![Tensor::float(&inputs[0].shape, made)])
    }
}

fn bench() -> (Bench, Arc<Gate>, TempDir) {
    let (mut bench, gate, folder) = (Bench::new(), Arc::new(Gate::default()), tempfile::tempdir().unwrap());
    let engine = Arc::clone(&gate);
    bench.options.inference.models = Some(folder.path().join("models"));
    bench.options.inference.watched = Some(folder.path().to_owned());
    bench.options.inference.engines = Arc::new(move || vec![Box::new(Simple { gate: Arc::clone(&engine) })]);
    (bench, gate, folder)
}

fn manifest(name: &str, factor: u8) -> Json {
    let tensor = |number: f32| json!({"shape": [1], "numbers": {"float": [number]}});
    json!({
        "name": name, "version": "1", "licence": "MIT", "sha256": store::blobs::sha256(&file(factor)),
        "inputs": [{"name": "x", "from": {"streams": {"window": 1, "shape": [1]}}}], "outputs": ["y"],
        "memory_bytes_max": 1_000_000, "run_us_max": 1_000_000,
        "golden": [{"inputs": [tensor(2.0)], "outputs": [tensor(2.0 * f32::from(factor))]}]
    })
}

fn bring(site: &Site, manifest: &Json, factor: u8) -> Result<InferenceModel, SiteError> {
    site.install_model(manifest.to_string().as_bytes(), file(factor), "kim")
}

fn spec(model: &str, input: Json, output: &str) -> BindingSpec {
    let (thing, name) = output.split_once('/').unwrap();
    serde_json::from_value(json!({"model": model, "inputs": [input], "output": {"thing": thing, "names": [name]}}))
        .unwrap()
}

fn property(thing: &str, name: &str) -> Json {
    json!({"thing": thing, "name": name})
}

fn say(bench: &Bench, property: &str, value: f64) -> Position {
    bench.pass(Duration::from_secs(1));
    let (thing, name) = property.split_once('/').unwrap();
    bench.say(&format!("things/{thing}/properties/{name}"), &value.to_string())
}

/// Turns the site until it is as wanted: models have threads of their own.
#[track_caller]
fn until(site: &Site, what: &str, wanted: impl Fn() -> bool) {
    let attempts = PATIENCE.as_millis() / 2;
    for _ in 0..attempts {
        site.turn().unwrap();
        if wanted() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{what}: {:?} {:?}", site.bindings(), site.inference_models());
}

fn float(number: f64) -> Value {
    Value::Float(number)
}

/// A site with a pump that says how it shakes.
fn with_pump(bench: &Bench) -> Arc<Site> {
    let site = bench.open();
    say(bench, "pump/shake", 1.0);
    site.turn().unwrap();
    accept_all(&site);
    site
}

#[test]
fn what_a_model_says_is_a_record_like_any_other_and_it_survives() {
    let (bench, _gate, folder) = bench();
    let site = with_pump(&bench);
    let model = bring(&site, &manifest("double", 2), 2).unwrap();
    assert_eq!((&*model.id, model.stage, model.engine), ("double-1", ModelStage::Ready, Some("simple")));
    let seen = site.thing(&id("pump")).unwrap().summary.last_seen;
    let bound = site.bind_model(spec("double-1", property("pump", "shake"), "pump/twice"), "kim").unwrap();
    let led = say(&bench, "pump/shake", 3.0);
    until(&site, "an answer", || reported(&site, "pump", "twice") == Some(float(6.0)));
    let page = site.records(&id("pump"), None, 10).unwrap();
    let record = page.records.into_iter().find(|record| record.name == name("twice")).unwrap();
    assert_eq!(
        (record.kind, record.cause.kind, &*record.cause.id),
        (RecordKind::Property, CauseKind::System, "model:double-1")
    );
    assert_eq!(record.cause.position, Some(led));
    let shake = site.records(&id("pump"), None, 10).unwrap().records.into_iter().find(|it| it.position == led).unwrap();
    assert_eq!(record.time, shake.time, "the answer is about the moment of the value");
    let after = site.thing(&id("pump")).unwrap().summary.last_seen;
    assert!(after > seen, "the pump itself spoke");
    // A thing of its own is made, and is there as long as it is bound.
    let own = spec("double-1", property("pump", "twice"), "oracle/four");
    let own = site.bind_model(own, "kim").unwrap();
    say(&bench, "pump/shake", 5.0);
    until(&site, "an answer to an answer", || reported(&site, "oracle", "four") == Some(float(20.0)));
    assert_eq!(site.thing(&id("oracle")).unwrap().summary.presence.state, PresenceState::Online);
    let (cards, _) =
        site.model_cards(&CardQuery { kind: Some(CardKind::Inference), limit: 10, ..CardQuery::default() });
    assert_eq!(cards.len(), 1);
    let card = site.model_card("inference-double-1").unwrap();
    assert_eq!((&card, card.brought.licence.as_deref()), (&cards[0], Some("MIT")));
    assert_eq!((card.brought.sha256.as_deref(), card.brought.runs), (Some(&*store::blobs::sha256(&file(2))), Some(3)));
    assert_eq!((&*card.brought.inputs[0].name, &*card.brought.outputs[0].shape), ("x", &[1][..]));
    // It survives; what was said before the start is not answered again.
    let before = site.applied();
    drop(site);
    let site = bench.open();
    until(&site, "it is loaded", || site.inference_models()[0].stage == ModelStage::Ready);
    assert_eq!((site.bindings().len(), site.bindings()[0].id == bound.id), (2, true));
    site.turn().unwrap();
    assert_eq!(site.applied(), before, "nothing was said");
    until(&site, "the windows are there", || site.bindings().iter().all(|bound| bound.problem.is_none()));
    say(&bench, "pump/shake", 7.0);
    until(&site, "an answer after a restart", || reported(&site, "oracle", "four") == Some(float(28.0)));
    // Bindings go, and then the model.
    assert!(matches!(site.remove_model("double-1"), Err(SiteError::Inference(InferenceError::Bound { .. }))));
    site.unbind_model(&own.id).unwrap();
    until(&site, "the thing of its own is gone", || {
        site.thing(&id("oracle")).unwrap().summary.presence.state == PresenceState::Offline
    });
    site.unbind_model(&bound.id).unwrap();
    site.remove_model("double-1").unwrap();
    assert!(site.inference_models().is_empty() && site.bindings().is_empty());
    let left = std::fs::read_dir(folder.path().join("models")).unwrap().count();
    assert_eq!(left, 0, "its files are gone");
}

#[test]
fn the_fold_goes_on_while_models_are_stuck_panic_and_say_no_numbers() {
    let (bench, gate, _folder) = bench();
    let site = with_pump(&bench);
    let models = [("good", 2), ("stuck", STUCK), ("panics", PANICS), ("nan", NOT_FINITE)];
    for (named, factor) in models {
        bring(&site, &manifest(named, factor), factor).unwrap();
        let output = format!("pump/{named}");
        site.bind_model(spec(&format!("{named}-1"), property("pump", "shake"), &output), "kim").unwrap();
    }
    let model = |named: &str| site.inference_model(&format!("{named}-1")).unwrap();
    let mut value = 100.0;
    let mut good_answers = || {
        value += 1.0;
        say(&bench, "pump/shake", value);
        until(&site, "the good model answers", || reported(&site, "pump", "good") == Some(float(2.0 * value)));
    };
    for failures in 1..=3 {
        good_answers();
        until(&site, "they fail", || ["panics", "nan"].iter().all(|it| model(it).runs.failed == failures));
    }
    bench.pass(Duration::from_secs(20));
    // A thousand values go through while one is stuck and two are suspended.
    let said = (0..1_000).map(|number| bench.say("things/pump/properties/other", &f64::from(number).to_string()));
    let last = said.max().unwrap();
    site.turn().unwrap();
    assert!(site.applied() >= last, "everything that was said is folded");
    assert_eq!(reported(&site, "pump", "other"), Some(float(999.0)));
    good_answers();
    let stuck = model("stuck");
    assert_eq!((stuck.stage, stuck.runs.runs), (ModelStage::Stuck, 0));
    assert!(stuck.problem.unwrap().starts_with("it has been stuck in a run for 2"));
    assert!(stuck.runs.refused > 0);
    let told = |named: &str| {
        let bound: Binding = site.bindings().into_iter().find(|it| it.spec.model == format!("{named}-1")).unwrap();
        (bound.suspended_until.is_some(), bound.last_error.unwrap_or_default(), bound.answers)
    };
    assert_eq!(told("panics"), (true, "model panics: it panicked".to_owned(), 0));
    assert_eq!(told("nan"), (true, "model nan: output y is not finite".to_owned(), 0));
    assert_eq!(model("nan").runs.last_error.as_deref(), Some("model nan: output y is not finite"));
    assert_eq!(model("panics").runs.refused, 1, "what it is not asked while it is suspended");
    let asked = site.try_model("stuck-1", Try { streams: Some(vec![vec![1.0]]), tensors: None });
    assert!(matches!(asked, Err(SiteError::Inference(InferenceError::Refused(_)))), "{asked:?}");
    // Once it comes free it goes on with the newest.
    gate.open();
    until(&site, "it goes on", || model("stuck").stage == ModelStage::Ready);
    good_answers();
    let expected = f64::from(STUCK) * reported(&site, "pump", "shake").and_then(|value| value.as_f64()).unwrap();
    until(&site, "it answers", || reported(&site, "pump", "stuck") == Some(float(expected)));
}

#[test]
fn a_successor_is_compared_and_takes_over() {
    let (bench, _gate, _folder) = bench();
    let site = with_pump(&bench);
    for factor in [2, 3] {
        bring(&site, &manifest(&format!("times-{factor}"), factor), factor).unwrap();
    }
    let first = spec("times-2-1", property("pump", "shake"), "pump/product");
    let bound = site.bind_model(first.clone(), "kim").unwrap();
    let beside = BindingSpec { successor: Some("times-3-1".to_owned()), ..first.clone() };
    site.change_binding(&bound.id, beside, "lee").unwrap();
    let binding = || site.binding(&bound.id).unwrap();
    for value in [0.0, 4.0] {
        say(&bench, "pump/shake", value);
        until(&site, "both answer", || {
            reported(&site, "pump", "product") == Some(float(2.0 * value))
                && binding().comparison.is_some_and(|it| it.compared == 1 + u64::from(value > 0.0))
        });
    }
    let compared = binding().comparison.unwrap();
    assert_eq!((compared.agreement, compared.difference_mean, compared.difference_most), (Some(0.5), Some(2.0), 4.0));
    let promoted = BindingSpec { model: "times-3-1".to_owned(), ..first.clone() };
    site.change_binding(&bound.id, promoted, "lee").unwrap();
    say(&bench, "pump/shake", 5.0);
    until(&site, "the successor answers", || reported(&site, "pump", "product") == Some(float(15.0)));
    // In shadow, nothing goes out.
    let shadow = BindingSpec { mode: site::inference::BindingMode::Shadow, ..first };
    site.change_binding(&bound.id, shadow, "lee").unwrap();
    say(&bench, "pump/shake", 6.0);
    until(&site, "it is looked at", || binding().answers == 1);
    site.turn().unwrap();
    assert_eq!(reported(&site, "pump", "product"), Some(float(15.0)));
}

#[test]
fn topics_files_and_pasts_are_streams_and_labels_are_events() {
    let (bench, _gate, folder) = bench();
    let site = with_pump(&bench);
    for value in [2.0, 30.0] {
        say(&bench, "pump/shake", value);
    }
    site.turn().unwrap();
    let mut labels = manifest("labels", 1);
    let tensor = json!({"shape": [2], "numbers": {"float": [1.0, 2.0]}});
    labels["inputs"][0]["from"] = json!({"streams": {"window": 2, "shape": [2]}});
    labels["meaning"] = json!({"labels": {"labels": ["falls", "rises"]}});
    labels["golden"] = json!([{"inputs": [tensor], "outputs": [tensor]}]);
    bring(&site, &labels, 1).unwrap();
    let mut wanted = spec("labels-1", property("pump", "shake"), "pump/direction");
    wanted.output.kind = site::inference::OutputKind::Event;
    wanted.output.names.push(name("score"));
    let bound = site.bind_model(wanted, "kim").unwrap();
    // The window has its first value from the history.
    let directions = || -> Vec<Value> {
        let records = site.records(&id("pump"), None, 100).unwrap().records;
        records.into_iter().filter(|it| it.name == name("direction")).map(|it| it.value).collect()
    };
    let mut answers = 0;
    let mut hears = |value| {
        say(&bench, "pump/shake", value);
        answers += 1;
        until(&site, "an answer", || site.binding(&bound.id).unwrap().answers == answers);
    };
    [40.0, 50.0, 45.0].into_iter().for_each(&mut hears);
    until(&site, "two events", || directions().len() >= 2);
    assert_eq!(
        directions(),
        [Value::text("falls"), Value::text("rises")],
        "the newest first, and none that says the same again"
    );
    // A topic that nobody knows, and a file.
    bring(&site, &manifest("double", 2), 2).unwrap();
    let topic = json!({"topic": "yard/+/level", "field": "/depth"});
    site.bind_model(spec("double-1", topic, "yard/level"), "kim").unwrap();
    let picture = json!({"file": "yard.pgm", "format": "pnm"});
    let picture = site.bind_model(spec("double-1", picture, "yard/light"), "kim").unwrap();
    site.turn().unwrap();
    bench.say("yard/well/level", r#"{"depth": 4.5}"#);
    until(&site, "an answer to a topic", || reported(&site, "yard", "level") == Some(float(9.0)));
    store::files::write_atomic(&folder.path().join("yard.pgm"), b"P5 1 1 255 \x07").unwrap();
    bench.pass(Duration::from_secs(2));
    until(&site, "an answer to a file", || reported(&site, "yard", "light") == Some(float(14.0)));
    bench.say("yard/well/level", "no number");
    until(&site, "it is counted", || site.bindings().iter().any(|it| it.unreadable == 1));
    assert_eq!(site.binding(&picture.id).unwrap().answers, 1, "a file is looked at once");
}

#[test]
fn bad_models_and_bindings_are_refused_with_a_reason() {
    let (bench, _gate, _folder) = bench();
    let site = with_pump(&bench);
    bring(&site, &manifest("double", 2), 2).unwrap();
    let refused = |done: Result<String, SiteError>| done.unwrap_err().to_string();
    let model = |change: &dyn Fn(&mut Json), factor| {
        let mut changed = manifest("other", 2);
        change(&mut changed);
        refused(bring(&site, &changed, factor).map(|model| model.id))
    };
    insta::assert_snapshot!(refused(bring(&site, &manifest("double", 2), 2).map(|model| model.id)), @"
    there is a model double-1 already
    hint: give it another version, or delete the one that is there
    ");
    assert!(model(&|_| {}, 3).contains("the file's sha256 is"));
    insta::assert_snapshot!(model(&|it| it["licence"] = json!("proprietary"), 2), @r#"
    model other: the licence "proprietary" is not on the list
    hint: one of MIT, Apache-2.0, BSD-2-Clause, BSD-3-Clause, ISC, CC0-1.0, CC-BY-4.0, Unlicense
    "#);
    assert!(model(&|it| it["colour"] = json!("red"), 2).contains("unknown field `colour`"));
    insta::assert_snapshot!(model(&|it| it["name"] = json!("../double"), 2), @r#"model ../double: the name "../double" is not of at most 48 small letters, digits, '-', '_' and '.'"#);
    assert!(
        model(&|it| it["golden"][0]["outputs"][0]["numbers"]["float"] = json!([5.0]), 2)
            .contains("off its golden vectors")
    );
    let panics = {
        let mut panics = manifest("panics", PANICS);
        panics["golden"][0]["inputs"][0]["numbers"]["float"] = json!([500.0]);
        refused(bring(&site, &panics, PANICS).map(|model| model.id))
    };
    assert_eq!(panics, "model panics: it panicked while it was checked");
    let bind = |change: &dyn Fn(&mut BindingSpec)| {
        let mut changed = spec("double-1", property("pump", "shake"), "pump/twice");
        change(&mut changed);
        refused(site.bind_model(changed, "kim").map(|bound| bound.id))
    };
    assert_eq!(bind(&|it| it.model = "nobody".to_owned()), "there is no model nobody");
    insta::assert_snapshot!(bind(&|it| it.inputs.clear()), @"
    inputs: 0 streams were given, double-1 wants 1
    hint: give one stream for each that the model wants, in its order
    ");
    insta::assert_snapshot!(bind(&|it| it.inputs[0].thing = Some(id("ghost"))), @"
    inputs[0]: there is no thing ghost
    hint: name a thing that is there
    ");
    insta::assert_snapshot!(bind(&|it| it.inputs[0].topic = Some("a/#".to_owned())), @"
    inputs[0]: it is not one stream
    hint: give thing and name, or topic, or file
    ");
    insta::assert_snapshot!(bind(&|it| it.output.names = vec![name("shake")]), @"
    inputs: it would hear what it says itself, and never come to rest
    hint: choose other inputs, or another output
    ");
    say(&bench, "pump/heat", 4.0);
    site.turn().unwrap();
    insta::assert_snapshot!(bind(&|it| it.output.names = vec![name("heat")]), @"
    output.names: pump says heat itself
    hint: choose another name
    ");
    insta::assert_snapshot!(bind(&|it| it.every = site::inference::Every::Seconds(0.0)), @"
    every: 0 s is not between 0.1 and 86400
    hint: choose another period
    ");
    assert!(site.bindings().is_empty());
    let tried = |streams: Vec<Vec<f32>>| site.try_model("double-1", Try { streams: Some(streams), tensors: None });
    assert_eq!(serde_json::to_value(tried(vec![vec![4.0]]).unwrap().answer).unwrap(), json!({"values": [8.0]}));
    assert_eq!(tried(vec![vec![]]).unwrap_err().to_string(), "model double: 0 values came, the window has 1");
}
