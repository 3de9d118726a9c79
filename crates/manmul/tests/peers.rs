//! Clients that nobody here wrote: mosquitto's, paho's and linux2mqtt. Ignored unless asked for, because they have to be
//! installed first: `cargo xtask test` does that.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "this drives other processes, and fails where they do"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::process::Server;
use serde_json::{Value, json};

/// A peer that ends when it is dropped.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // A peer that has ended by itself needs no end.
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}

fn property<'a>(thing: &'a Value, name: &str) -> Option<&'a Value> {
    thing["properties"].as_array()?.iter().find(|property| property["name"] == name)
}

fn mosquitto(program: &str, server: &Server, (user, password): &(String, String), arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    let (host, port) = (server.mqtt.ip().to_string(), server.mqtt.port().to_string());
    command.args(["-h", &host, "-p", &port, "-u", user, "-P", password, "-V", "mqttv5"]).args(arguments);
    command
}

fn publish(server: &Server, credential: &(String, String), arguments: &[&str]) -> Output {
    mosquitto("mosquitto_pub", server, credential, arguments).output().expect("mosquitto_pub is installed")
}

/// The Python of the virtual environment that `cargo xtask test` makes.
fn python() -> PathBuf {
    std::env::var_os("PEERS_PYTHON").map(PathBuf::from).expect("PEERS_PYTHON is set; hint: cargo xtask test")
}

#[test]
#[ignore = "needs mosquitto-clients: cargo xtask test"]
fn mosquitto_publishes_with_a_credential_and_only_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_closed(folder.path());
    let credential = server.credential("meter", &[]);

    let topic = "things/meter/properties/power";
    let sent = publish(&server, &credential, &["-q", "1", "-t", topic, "-m", "42.5"]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let power = server.wait_for_thing("meter", "the power", |thing| property(thing, "power").cloned());
    assert_eq!(power["value"], 42.5);
    assert_eq!(power["cause"]["kind"], "device");

    let other = publish(&server, &credential, &["-q", "1", "-t", "things/other/properties/power", "-m", "1"]);
    assert!(String::from_utf8_lossy(&other.stderr).to_lowercase().contains("not authorized"), "{other:?}");
    assert!(!server.command(&["things", "other"]).status.success(), "nothing came of what was refused");
    let wrong = (credential.0.clone(), "guessed".to_owned());
    assert!(!publish(&server, &wrong, &["-t", topic, "-m", "1"]).status.success());
    server.stop();
}

#[test]
#[ignore = "needs mosquitto-clients: cargo xtask test"]
fn mosquitto_takes_commands_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_closed(folder.path());
    let credential = server.credential("gate", &[]);
    let model = r#"{"id":"gate","actions":{"open":{}},"properties":{"angle":{"type":"number","writable":true}}}"#;
    let told = publish(&server, &credential, &["-r", "-q", "1", "-t", "things/gate/model", "-m", model]);
    assert!(told.status.success());
    server.wait_for_thing("gate", "its model", |thing| thing["model"]["actions"].get("open").cloned());

    let arguments = ["-q", "1", "-C", "1", "-W", "20", "-t", "things/gate/actions/open"];
    let listening =
        mosquitto("mosquitto_sub", &server, &credential, &arguments).stdout(Stdio::piped()).spawn().unwrap();
    server.wait_for_thing("gate", "it to be online", |thing| (thing["presence"] == "online").then_some(()));
    let sent = server.json(&["send", "gate", "open", "--no-wait"]).remove(0);
    assert_eq!(sent["state"], "sent");
    let heard: Value = serde_json::from_slice(&listening.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(heard["id"], sent["id"]);

    let answer = format!(r#"{{"id":{},"state":"finished","output":"wide open"}}"#, sent["id"]);
    let answered = publish(&server, &credential, &["-q", "1", "-t", "things/gate/actions/open/status", "-m", &answer]);
    assert!(answered.status.success());

    // A written property waits for the thing to report it.
    let desired = ["-q", "1", "-C", "1", "-W", "20", "-t", "things/gate/desired"];
    let wished = mosquitto("mosquitto_sub", &server, &credential, &desired).stdout(Stdio::piped()).spawn().unwrap();
    server.json(&["send", "gate", "angle=30", "--no-wait"]);
    let wished: Value = serde_json::from_slice(&wished.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(wished["angle"], 30.0);
    let reported = publish(&server, &credential, &["-q", "1", "-t", "things/gate/properties/angle", "-m", "30"]);
    assert!(reported.status.success());
    let settled =
        |thing: &Value| thing["delta"].as_object().is_some_and(serde_json::Map::is_empty).then(|| thing.clone());
    let gate = server.wait_for_thing("gate", "the angle to settle", settled);
    let angle = property(&gate, "angle").unwrap();
    assert_eq!(angle["value"], 30.0);
    assert!(angle["cause"]["position"].as_u64() > Some(0), "the report leads back to the command: {angle}");
    server.stop();
}

#[test]
#[ignore = "needs mosquitto-clients: cargo xtask test"]
fn mosquitto_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_closed(folder.path());
    let (user, password) = server.credential("meter", &[]);
    let port = server.own().port().to_string();
    let certificate = folder.path().join("data/tls/certificate.pem");
    let tls = |program: &str, authority: &Path, rest: &[&str]| {
        let who = ["-h", "localhost", "-p", &port, "-u", &user, "-P", &password, "-q", "1"];
        Command::new(program).args(who).arg("--cafile").arg(authority).args(rest).output().unwrap()
    };
    let power = ["-t", "things/meter/properties/power", "-m", "7"];
    let model = r#"{"id":"meter","properties":{"power":{"type":"number","writable":true}}}"#;
    let told = tls("mosquitto_pub", &certificate, &["-r", "-t", "things/meter/model", "-m", model]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let sent = tls("mosquitto_pub", &certificate, &power);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    server.wait_for_thing("meter", "the power", |thing| property(thing, "power").cloned());
    let desired = ["-t", "things/meter/desired", "-C", "1", "-W", "10"];
    let refused = tls("mosquitto_sub", &certificate, &["-t", "things/other/desired", "-C", "1", "-W", "10"]);
    let said = String::from_utf8_lossy(&refused.stderr).to_lowercase();
    assert!(said.contains("denied"), "{refused:?}");
    let asked = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| tls("mosquitto_sub", &certificate, &desired));
        server.command(&["send", "meter", "power=8", "--no-wait"]);
        waiting.join().unwrap()
    });
    assert!(String::from_utf8_lossy(&asked.stdout).contains("power"), "{asked:?}");

    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.path().join("stranger.pem");
    std::fs::write(&file, stranger.cert.pem()).unwrap();
    assert!(!tls("mosquitto_pub", &file, &power).status.success(), "a stranger's certificate proves nothing");
    server.stop();
}

#[test]
#[ignore = "needs paho-mqtt: cargo xtask test"]
fn paho_speaks_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_closed(folder.path());
    let (user, password) = server.credential("probe", &[]);
    for version in ["3", "5"] {
        let output = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/paho_client.py"))
            .args([&server.mqtt.port().to_string(), &user, &password, version])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let value = format!("v{version}");
        server.wait_for_thing("probe", &value, |thing| (property(thing, "state")?["value"] == *value).then_some(()));
    }
    server.stop();
}

#[test]
#[ignore = "needs the SDK of the Model Context Protocol: cargo xtask test"]
fn language_models_look_and_plan_with_the_official_sdk() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_open(folder.path());
    let model = json!({"title": "Lamp", "kind": "light", "properties": {"on": {"type": "boolean", "writable": true}}});
    assert_eq!(server.ask("POST", "/virtual-things", &json!({"id": "lamp", "title": "Lamp", "model": model})).0, 201);
    server.wait_for_thing("lamp", "its state", |thing| property(thing, "on").cloned());
    let (status, made) =
        server.ask("POST", "/tokens", &json!({"title": "agent", "scopes": ["read", "command", "configure"]}));
    assert_eq!(status, 201, "{made}");
    let text = "rule: Evening\ntriggers:\n  - time: \"19:30\"\nactions:\n  - set: lamp/on\n    to: true\n";
    assert_eq!(server.ask("POST", "/rules", &json!({"text": text, "id": "evening"})).0, 201);
    let python = std::env::var_os("PEERS_MCP_PYTHON").expect("PEERS_MCP_PYTHON is set; hint: cargo xtask test");
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp_client.py"))
        .args([&server.url, made["secret"].as_str().unwrap(), env!("CARGO_BIN_EXE_manmul")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let command: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&command["thing"], &command["cause"]["kind"]), (&json!("lamp"), &json!("token")));
    server.wait_for_thing("lamp", "it to be on", |thing| (property(thing, "on")?["value"] == true).then_some(()));
    server.stop();
}

#[test]
#[ignore = "needs linux2mqtt: cargo xtask test"]
fn a_host_appears_in_the_inbox_and_is_live_once_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_closed(folder.path());
    let (user, password) = server.credential("gateway", &["homeassistant/#", "linux/#"]);
    let program = PathBuf::from(std::env::var_os("PEERS_FOLDER").expect("PEERS_FOLDER is set")).join("linux2mqtt");
    let port = server.mqtt.port().to_string();
    let arguments =
        ["--host", "127.0.0.1", "--port", &port, "--username", &user, "--password", &password, "--name", "spine"];
    let measures = ["--cpu", "5", "--vm", "--interval", "5"];
    let peer = Command::new(program)
        .args(arguments)
        .args(measures)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("linux2mqtt is installed");
    let peer = Peer(peer);

    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let host = loop {
        let inbox = server.json(&["things", "--status", "inbox"]);
        if let Some(host) = inbox.iter().find(|thing| thing["adapter"] == "home-assistant") {
            break host["id"].as_str().unwrap().to_owned();
        }
        assert!(std::time::Instant::now() < deadline, "no host in the inbox: {inbox:?}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    assert_eq!(server.json(&["accept", &host])[0]["accepted"], 1);
    let (name, unit) = server.wait_for_thing(&host, "a value with a unit", |thing| {
        let properties = thing["properties"].as_array()?;
        let found = properties.iter().find(|property| property["unit"] == "%" && property["value"].is_number())?;
        Some((found["name"].as_str()?.to_owned(), found["unit"].clone()))
    });
    assert_eq!(unit, "%");
    let before = server.wait_for_thing(&host, "a time", |thing| property(thing, &name)?["received"].as_i64());
    server.wait_for_thing(&host, "a newer value", |thing| {
        (property(thing, &name)?["received"].as_i64()? > before).then_some(())
    });
    let points = server.json(&["history", &host, &name, "--from", "1h"]).remove(0);
    assert!(points["series"][0]["points"].as_array().is_some_and(|points| !points.is_empty()), "{points}");
    drop(peer);
    server.stop();
}

#[test]
#[ignore = "needs FROST's client: cargo xtask test"]
fn a_client_of_sensorthings_makes_reads_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_open(folder.path());
    let (status, made) =
        server.ask("POST", "/tokens", &json!({"title": "station", "scopes": ["read", "ingest", "configure"]}));
    assert_eq!(status, 201, "{made}");
    let output = Command::new(python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sensorthings_client.py"))
        .args([&server.url, made["secret"].as_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "14.0");
    server.stop();
}

#[test]
#[ignore = "needs ngsildclient: cargo xtask test"]
fn a_client_of_ngsi_ld_makes_asks_follows_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_open(folder.path());
    let scopes = json!(["read", "ingest", "configure"]);
    let (status, made) = server.ask("POST", "/tokens", &json!({"title": "air", "scopes": scopes}));
    assert_eq!(status, 201, "{made}");
    let (host, port) = server.url.trim_start_matches("http://").split_once(':').unwrap();
    let output =
        Command::new(std::env::var_os("PEERS_NGSI_PYTHON").expect("PEERS_NGSI_PYTHON is set; hint: cargo xtask test"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ngsi_client.py"))
            .args([host, port, made["secret"].as_str().unwrap()])
            .output()
            .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.lines().last(), Some("30.0"));
    server.stop();
}
