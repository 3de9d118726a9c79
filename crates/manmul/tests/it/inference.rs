//! Models that people bring, through the whole of it: over HTTP into the registry, bound to what things say over MQTT,
//! swapped while they work, refused when they are bad, and never in anybody's way.

use learn::inference::{Graph, Tensor};
use serde_json::{Value, json};

use crate::common::{Answer, Mqtt, Site};

const MODELS: &str = "/api/v1/inference/models";
const BINDINGS: &str = "/api/v1/inference/bindings";

/// A graph from `x` to `y`, each with so many numbers.
fn graph(operator: &str, inputs: &[&str], length: usize) -> Graph {
    Graph::default().input("x", &[length]).output("y", &[length]).node(operator, inputs, "y", &[])
}

/// `y = factor * x`
fn times(factor: f32) -> Vec<u8> {
    graph("Mul", &["x", "factor"], 1).weights("factor", &Tensor::float(&[1], vec![factor])).file()
}

/// Answers the value that it gets, after it has multiplied large matrices again and again.
fn slow() -> Vec<u8> {
    const SIDE: usize = 96;
    const TIMES: usize = 8;
    let zeros = Tensor::float(&[SIDE, SIDE], vec![0.0; SIDE * SIDE]);
    let mut graph = Graph::default().input("x", &[1]).output("y", &[1, 1]).weights("zeros", &zeros);
    graph = graph.node("Mul", &["x", "zeros"], "m0", &[]);
    for at in 0..TIMES {
        let (from, to) = (format!("m{at}"), format!("m{}", at + 1));
        graph = graph.node("MatMul", &[&from, "zeros"], &to, &[]);
    }
    let last = format!("m{TIMES}");
    graph.node("ReduceMean", &[&last], "mean", &[]).node("Add", &["x", "mean"], "y", &[]).file()
}

fn tensor(numbers: &[f32]) -> Value {
    json!({"shape": [numbers.len()], "numbers": {"float": numbers}})
}

fn manifest(name: &str, file: &[u8], input: &[f32], output: &[f32]) -> Value {
    json!({
        "name": name, "version": "1", "licence": "MIT", "sha256": store::blobs::sha256(file),
        "inputs": [{"name": "x", "from": {"streams": {"window": input.len(), "shape": [input.len()]}}}], "outputs": ["y"],
        "memory_bytes_max": 10_000_000, "run_us_max": 60_000_000,
        "golden": [{"inputs": [tensor(input)], "outputs": [tensor(output)]}]
    })
}

/// Sends a form with these parts.
fn upload(site: &Site, parts: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        body.extend_from_slice(format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    let bearer = format!("Bearer {}", site.running.local_secret);
    let headers = [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=edge")];
    site.request("POST", MODELS, &headers, &body)
}

fn bring(site: &Site, manifest: &Value, file: &[u8]) -> Answer {
    upload(site, &[("manifest", manifest.to_string().as_bytes()), ("file", file)])
}

fn bring_times(site: &Site, name: &str, factor: f32) {
    let file = times(factor);
    bring(site, &manifest(name, &file, &[2.0], &[2.0 * factor]), &file).expect(201);
}

fn spec(model: &str, output: &str) -> Value {
    let (thing, name) = output.split_once('/').unwrap();
    json!({"model": model, "inputs": [{"thing": "pump", "name": "shake"}], "output": {"thing": thing, "names": [name]}})
}

fn bind(site: &Site, spec: &Value) -> String {
    site.ask("POST", BINDINGS, spec).expect(201)["id"].as_str().unwrap().to_owned()
}

/// A site with a pump that speaks over MQTT, and has said how it shakes.
async fn with_pump() -> (Site, Mqtt<tokio::net::TcpStream>) {
    let site = Site::start().await;
    let secret = site.thing("pump");
    let (mut pump, code) = Mqtt::connect(&site, Some(("pump", &secret))).await;
    assert_eq!(code, 0);
    say(&mut pump, 1.0).await;
    reported(&site, "shake", 1.0).await;
    (site, pump)
}

async fn say(pump: &mut Mqtt<tokio::net::TcpStream>, shake: f64) {
    assert!(pump.publish("things/pump/properties/shake", shake.to_string()).await);
}

/// Waits until the pump's property has this value.
async fn reported(site: &Site, name: &str, value: f64) {
    let has = |thing: &Value| {
        let properties = thing["properties"].as_array().unwrap();
        properties.iter().any(|property| property["name"] == name && property["value"] == value)
    };
    site.until("/api/v1/things/pump", has).await;
}

fn records(site: &Site, name: &str) -> Vec<Value> {
    let page = site.get("/api/v1/things/pump/records?limit=1000");
    page["items"].as_array().unwrap().iter().filter(|record| record["name"] == name).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_brought_and_bound_says_properties_and_events() {
    let (site, mut pump) = with_pump().await;
    bring_times(&site, "double", 2.0);
    let model = site.get(&format!("{MODELS}/double-1"));
    assert_eq!(
        (&model["stage"], &model["engine"], &model["licence"]),
        (&json!("ready"), &json!("rten"), &json!("MIT"))
    );
    assert_eq!(
        (&model["inputs"][0]["name"], &model["streams"], &model["is_bindable"]),
        (&json!("x"), &json!(1), &json!(true))
    );
    let tried = site.ask("POST", &format!("{MODELS}/double-1/try"), &json!({"streams": [[3.5]]})).expect(200);
    assert_eq!(tried["answer"], json!({"values": [7.0]}));
    let file = graph("Identity", &["x"], 2).file();
    let mut direction = manifest("direction", &file, &[1.0, 2.0], &[1.0, 2.0]);
    direction["meaning"] = json!({"labels": {"labels": ["falls", "rises"]}});
    bring(&site, &direction, &file).expect(201);
    let bound = bind(&site, &spec("double-1", "pump/twice"));
    let mut event = spec("direction-1", "pump/direction");
    event["output"]["kind"] = json!("event");
    bind(&site, &event);
    say(&mut pump, 4.0).await;
    reported(&site, "twice", 8.0).await;
    // It is a record of the thing, caused by the model, and follows from what the pump said.
    let twice = records(&site, "twice").remove(0);
    assert_eq!(
        (&twice["kind"], &twice["cause"]["kind"], &twice["cause"]["id"]),
        (&json!("property"), &json!("system"), &json!("model:double-1"))
    );
    let chain = site.get(&format!("/api/v1/entries/{}", twice["position"]))["chain"].clone();
    assert!(chain[1]["summary"].as_str().unwrap().starts_with("things/pump/properties"), "{chain}");
    site.until("/api/v1/things/pump/records?limit=1000", |page| {
        page["items"].as_array().unwrap().iter().any(|record| record["name"] == "direction")
    })
    .await;
    let said = records(&site, "direction").remove(0);
    assert_eq!((&said["kind"], &said["value"]), (&json!("event"), &json!("rises")));
    let card = site.get("/api/v1/model-cards/inference-double-1");
    assert_eq!(
        (&card["kind"], &card["licence"], &card["engine"]),
        (&json!("inference"), &json!("MIT"), &json!("rten"))
    );
    // It is in the history like any other value, and goes on after a restart.
    site.until("/api/v1/history/series?thing=pump", |series| {
        series.as_array().unwrap().iter().any(|series| series["name"] == "twice")
    })
    .await;
    let site = site.restart().await;
    site.until(&format!("{MODELS}/double-1"), |model| model["stage"] == "ready").await;
    site.until(&format!("{BINDINGS}/{bound}"), |binding| binding["problem"].is_null()).await;
    site.ask("POST", "/api/v1/ingest/things/pump", &json!({"shake": 6.0})).expect(202);
    reported(&site, "twice", 12.0).await;
    // Who is bound cannot go; then it can.
    let held = site.ask("DELETE", &format!("{MODELS}/double-1"), &Value::Null).expect(409);
    assert!(held["hint"].as_str().unwrap().starts_with("delete or change"), "{held}");
    site.ask("DELETE", &format!("{BINDINGS}/{bound}"), &Value::Null).expect(204);
    site.ask("DELETE", &format!("{MODELS}/double-1"), &Value::Null).expect(204);
    assert_eq!(site.ask("GET", &format!("{MODELS}/double-1"), &Value::Null).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_works_in_shadow_is_compared_and_takes_over_without_a_gap() {
    let (site, mut pump) = with_pump().await;
    bring_times(&site, "double", 2.0);
    bring_times(&site, "triple", 3.0);
    let bound = bind(&site, &spec("double-1", "pump/product"));
    let path = format!("{BINDINGS}/{bound}");
    let mut beside = spec("double-1", "pump/product");
    beside["successor"] = json!("triple-1");
    site.ask("PUT", &path, &beside).expect(200);
    for (compared, shake) in [(1, 0.0), (2, 4.0)] {
        say(&mut pump, shake).await;
        site.until(&path, |binding| binding["comparison"]["compared"] == compared).await;
        reported(&site, "product", 2.0 * shake).await;
    }
    let comparison = site.get(&path)["comparison"].clone();
    assert_eq!((&comparison["agreement"], &comparison["difference_most"]), (&json!(0.5), &json!(4.0)));
    assert!(records(&site, "product").iter().all(|record| record["cause"]["id"] == "model:double-1"));
    site.ask("PUT", &path, &spec("triple-1", "pump/product")).expect(200);
    say(&mut pump, 5.0).await;
    reported(&site, "product", 15.0).await;
    let last = records(&site, "product").remove(0);
    assert_eq!(last["cause"]["id"], "model:triple-1");
    let itself =
        json!({"successor": "triple-1", "model": "triple-1", "inputs": beside["inputs"], "output": beside["output"]});
    assert_eq!(site.ask("PUT", &path, &itself).expect(422)["where"], "successor");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_models_are_refused_in_words_and_leave_nothing() {
    let site = Site::start().await;
    let good = times(2.0);
    let refused = |change: &dyn Fn(&mut Value), file: &[u8]| {
        let mut changed = manifest("bad", file, &[2.0], &[4.0]);
        change(&mut changed);
        let problem = bring(&site, &changed, file).expect(422);
        problem["detail"].as_str().unwrap().to_owned()
    };
    let file = |file: &[u8]| refused(&|_| {}, file);
    assert!(file(b"not a model").contains("not a usable ONNX model"));
    assert!(file(&good[..good.len() - 9]).contains("not a usable ONNX model"));
    let unknown = file(&graph("Frobnicate", &["x"], 1).file());
    assert!(unknown.contains("no engine can run it") && unknown.contains("Frobnicate"), "{unknown}");
    assert!(file(&graph("Loop", &["x"], 1).file()).contains("the operator Loop may never end"));
    let other = |change: &dyn Fn(&mut Value)| refused(change, &good);
    assert!(other(&|it| it["memory_bytes_max"] = json!(100)).contains("its limit is 100"));
    assert!(other(&|it| it["golden"][0]["inputs"][0] = tensor(&[1.0, 2.0])).contains("the model wants"));
    assert!(other(&|it| it["golden"][0]["outputs"][0] = tensor(&[4.5])).contains("off its golden vectors"));
    assert!(other(&|it| it["golden"] = json!([])).contains("there are no golden vectors"));
    assert!(other(&|it| it["inputs"][0]["name"] = json!("image")).contains("the file says"));
    assert!(other(&|it| it["sha256"] = json!("00")).contains("sha256"));
    assert!(other(&|it| it["licence"] = json!("CC-BY-NC-4.0")).contains("not on the list"));
    assert!(other(&|it| it["licence"] = json!("")).contains("not on the list"));
    assert!(other(&|it| it["licence"] = json!(["MIT"])).contains("the manifest cannot be read"));
    assert!(other(&|it| drop(it.as_object_mut().unwrap().remove("licence"))).contains("missing field `licence`"));
    assert!(other(&|it| it["description"] = json!("x".repeat(9 << 20))).contains("at most 8388608"));
    let roots = graph("Sqrt", &["x"], 1).file();
    assert!(refused(&|it| it["golden"][0]["inputs"][0] = tensor(&[-1.0]), &roots).contains("output y is not finite"));
    let slow_file = slow();
    let slow_model = |it: &mut Value| {
        it["run_us_max"] = json!(1);
        it["golden"][0]["outputs"][0] = json!({"shape": [1, 1], "numbers": {"float": [2.0]}});
    };
    assert!(refused(&slow_model, &slow_file).contains("its limit is 1"));
    assert_eq!(upload(&site, &[("manifest", b"{}")]).expect(400)["where"], "file");
    assert_eq!(site.ask("POST", MODELS, &json!({})).status, 415);
    assert_eq!(site.get(MODELS)["items"], json!([]));
    let folder = site.folder.path().join("data/models");
    assert!(std::fs::read_dir(&folder).is_ok_and(|files| files.count() == 0), "no file stays in {}", folder.display());
    // What was good still comes in.
    bring_times(&site, "good", 2.0);
    assert_eq!(site.ask("POST", &format!("{MODELS}/good-1/try"), &json!({"streams": [[]]})).expect(422)["status"], 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_model_and_one_that_says_no_number_hold_up_nobody() {
    const VALUES: u32 = 300;
    let (site, mut pump) = with_pump().await;
    bring_times(&site, "double", 2.0);
    let file = slow();
    let mut lazy = manifest("slow", &file, &[2.0], &[2.0]);
    lazy["golden"][0]["outputs"][0]["shape"] = json!([1, 1]);
    bring(&site, &lazy, &file).expect(201);
    let file = graph("Sqrt", &["x"], 1).file();
    bring(&site, &manifest("roots", &file, &[4.0], &[2.0]), &file).expect(201);
    for (model, name) in [("double-1", "twice"), ("slow-1", "late"), ("roots-1", "root")] {
        bind(&site, &spec(model, &format!("pump/{name}")));
    }
    for value in 1..=VALUES {
        say(&mut pump, -f64::from(value)).await;
    }
    // Everything that was said is there, and the quick model has answered the last of it, while the slow one skips.
    reported(&site, "shake", -f64::from(VALUES)).await;
    reported(&site, "twice", -2.0 * f64::from(VALUES)).await;
    let whole = |series: &Value| {
        let kept =
            |name: &str| series.as_array().unwrap().iter().find(|one| one["name"] == name).map(|one| &one["points"]);
        kept("shake") == Some(&json!(VALUES + 1))
    };
    site.until("/api/v1/history/series?thing=pump", whole).await;
    let model = |id: &str| site.get(&format!("{MODELS}/{id}"));
    let lazy = model("slow-1");
    assert!(lazy["runs"].as_u64().unwrap() < u64::from(VALUES) / 2, "it ran for every value: {lazy}");
    assert!(lazy["replaced"].as_u64().unwrap() > 0, "newer values take the place of those that wait: {lazy}");
    assert_eq!(lazy["stage"], "ready");
    reported(&site, "late", -f64::from(VALUES)).await;
    // The root of less than nothing is no number: it is never told, and who fails again and again is suspended.
    site.until(&format!("{MODELS}/roots-1"), |model| model["failed"].as_u64() >= Some(3)).await;
    assert_eq!(records(&site, "root"), [] as [Value; 0]);
    let bindings = site.get(BINDINGS);
    let roots = bindings["items"].as_array().unwrap().iter().find(|binding| binding["model"] == "roots-1").unwrap();
    assert_eq!(roots["last_error"], "model roots: output y is not finite");
    assert!(roots["suspended_until"].is_i64(), "{roots}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_net_that_is_shipped_is_taken_and_says_what_its_maker_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/appliance-1");
    let said: Value = serde_json::from_slice(&std::fs::read(folder.join("model.json")).unwrap()).unwrap();
    let site = Site::start().await;
    let model = bring(&site, &said, &std::fs::read(folder.join("model.onnx")).unwrap()).expect(201);
    assert_eq!((&model["id"], &model["licence"]), (&json!("appliance-1"), &json!("Apache-2.0")));
    let labels = said["meaning"]["labels"]["labels"].as_array().unwrap();
    let mut told = 0;
    for golden in said["golden"].as_array().unwrap() {
        let watts = &golden["inputs"][0]["numbers"]["float"];
        let tried = site.ask("POST", &format!("{MODELS}/appliance-1/try"), &json!({"streams": [watts]})).expect(200);
        let scores = golden["outputs"][0]["numbers"]["float"].as_array().unwrap();
        let best =
            (0..scores.len()).max_by(|a, b| scores[*a].as_f64().unwrap().total_cmp(&scores[*b].as_f64().unwrap()));
        // It says nothing where nothing is likely enough.
        if tried["answer"]["label"].is_array() {
            assert_eq!(tried["answer"]["label"][0], labels[best.unwrap()]);
            told += 1;
        }
    }
    assert!(told > labels.len() / 2, "it told {told} of {} windows", labels.len());
}
