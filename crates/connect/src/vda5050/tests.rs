//! What robots say, as it becomes facts.

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::testing::{command, decode, entry, lines, message_lines, thing};
use crate::{Adapter, Decoded};

fn sloppy_state() -> serde_json::Value {
    json!({
        "headerId": 1, "timestamp": "2025-11-22T19:33:20.5", "version": "2.0.0", "manufacturer": "acme",
        "serialNumber": "carter01", "orderId": "", "orderUpdateId": 0, "lastNodeId": "n1", "lastNodeSequenceId": "0",
        "nodeStates": [{ "nodeId": "n2", "sequenceId": 2, "released": true }], "edgeStates": [], "driving": "true",
        "actionStates": [{ "actionId": "c1", "actionStatus": "finished", "actionType": "startPause" }],
        "agvPosition": { "x": 1.5, "y": 2, "theta": 0, "mapId": "m", "positionInitialized": true },
        "velocity": { "vx": 3, "vy": 4 },
        "batteryState": { "batteryCharge": 80, "batteryVoltage": null, "charging": false },
        "operatingMode": "AUTOMATIC", "errors": [{ "errorType": "x", "errorLevel": "WARNING" }],
        "safetyState": { "eStop": "NONE", "fieldViolation": false }, "vendorExtension": { "a": [null] }
    })
}

#[test]
fn a_sloppy_robot_is_understood_and_its_faults_are_told() {
    let mut adapter = Vda5050::new();
    let decoded = decode(&mut adapter, "uagv/v2/acme/nv1/state", sloppy_state().to_string());
    let said: Vec<String> = decoded.diagnostics.iter().map(|it| format!("{} {}", it.code, it.detail)).collect();
    assert_eq!(
        said,
        [
            "vda5050_zone state: timestamp has no time zone; UTC is assumed",
            "vda5050_address state: header says \"carter01\", which is not what the topic says",
            "vda5050_quoted state: lastNodeSequenceId is text, expected a bare value",
            "vda5050_quoted state: driving is text, expected a bare value",
            "vda5050_spelling state: actionStates[0].actionStatus is spelled \"finished\"",
            "vda5050_null state: batteryState.batteryVoltage is null; leave it out instead",
        ]
    );
    let text = lines(&decoded);
    for line in [
        "property acme-nv1.battery = Float(80.0) at +0.5",
        "property acme-nv1.x = Float(1.5) at +0.5",
        "property acme-nv1.speed = Float(5.0) at +0.5",
        "property acme-nv1.driving = Boolean(true) at +0.5",
        "property acme-nv1.operating_mode = Text(\"automatic\") at +0.5",
        "property acme-nv1.nodes_ahead = Integer(1) at +0.5",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(text.matches("event acme-nv1.error").count(), 1);
    assert_eq!((decoded.discovered.len(), adapter.counters().get("vda5050_quoted")), (1, 2));
    // The same error again is no event, and the same robot no discovery.
    let again = decode(&mut adapter, "uagv/v2/acme/nv1/state", sloppy_state().to_string());
    assert_eq!((lines(&again).matches("event").count(), again.discovered.len()), (0, 0));
}

#[test]
fn presence_comes_from_the_connection() {
    let mut adapter = Vda5050::new();
    let say = |adapter: &mut Vda5050, topic: &str, word: &str| {
        let json = json!({ "headerId": 0, "timestamp": "2020-01-01T00:00:00Z", "version": "3.0.0",
            "manufacturer": "acme", "serialNumber": "7", "connectionState": word });
        lines(&decode(adapter, topic, json.to_string()))
    };
    let topic = "vda5050/v3/acme/7/connection";
    assert!(say(&mut adapter, topic, "ONLINE").starts_with("presence acme-7.presence = Text(\"online\")\n"));
    assert_snapshot!(say(&mut adapter, topic, "CONNECTION_BROKEN"), @r#"
    presence acme-7.presence = Text("offline")
    property acme-7.connection = Text("connection_broken")
    "#);
    assert!(say(&mut adapter, topic, "gone fishing").contains("! vda5050_word acme-7: connection: connectionState"));
    assert_eq!(say(&mut adapter, "vda5050/v3/acme/7/nothing", "ONLINE"), "");
    assert!(!adapter.decode(&entry("things/a/properties", ""), &mut Decoded::default()));
}

#[test]
fn commands_are_instant_actions_and_end_with_the_robots_word() {
    let mut adapter = Vda5050::new();
    decode(&mut adapter, "uagv/v2/acme/nv1/state", sloppy_state().to_string());
    let encoded = adapter.encode(&command("acme-nv1", "pause", false, json!(null))).unwrap();
    assert_snapshot!(message_lines(&encoded.messages), @r#"uagv/v2/acme/nv1/instantActions {"headerId":0,"timestamp":"2025-11-22T19:33:20Z","version":"2.0.0","manufacturer":"acme","serialNumber":"nv1","actions":[{"actionId":"c1","actionType":"startPause","blockingType":"NONE","actionName":"startPause"}],"instantActions":[{"actionId":"c1","actionType":"startPause","blockingType":"NONE","actionName":"startPause"}]} qos 0"#);
    decode(&mut adapter, "uagv/v2/acme/nv1/instantActions", &encoded.messages[0].payload);
    let answer = lines(&decode(&mut adapter, "uagv/v2/acme/nv1/state", sloppy_state().to_string()));
    assert!(answer.contains("command c1 acme-nv1.startPause Finished Null None"), "{answer}");
    let input = json!({ "x": 1, "y": 2, "theta": 0, "mapId": "m", "lastNodeId": "n" });
    let encoded = adapter.encode(&command("acme-nv1", "initialize_position", false, input)).unwrap();
    assert!(message_lines(&encoded.messages).contains(r#""actionType":"initPosition""#));
    assert!(adapter.encode(&command("acme-nv1", "hibernate", false, json!(null))).is_err());
    assert!(adapter.encode(&command("acme-nv1", "pause", true, json!(1))).is_err());
}

#[test]
fn the_state_survives_a_restart() {
    let mut adapter = Vda5050::new();
    decode(&mut adapter, "uagv/v2/acme/nv1/state", sloppy_state().to_string());
    let revision = adapter.revision();
    let mut again = Vda5050::new();
    again.restore(adapter.save());
    assert!(again.knows(&thing("acme-nv1")) && again.is_about(&thing("acme-nv1"), "uagv/v2/acme/nv1/order"));
    assert_eq!(again.save()["robots"][0]["address"], adapter.save()["robots"][0]["address"]);
    assert_eq!(
        lines(&decode(&mut again, "uagv/v2/acme/nv1/state", sloppy_state().to_string())).matches("found").count(),
        0
    );
    assert_eq!(adapter.revision(), revision);
    adapter.forget(&thing("acme-nv1"));
    assert!(!adapter.knows(&thing("acme-nv1")) && adapter.revision() > revision);
}

#[test]
fn what_is_unreadable_is_kept_out() {
    let mut adapter = Vda5050::new();
    for (payload, problem) in [("{", "not JSON"), ("[]", "an array, expected an object")] {
        let text = lines(&decode(&mut adapter, "uagv/v2/acme/nv1/state", payload));
        assert!(text.contains(problem) && text.starts_with("! vda5050_unreadable acme-nv1"), "{text}");
    }
    // Two robots whose joined names are the same.
    decode(&mut adapter, "uagv/v2/a-b/c/state", "{}");
    let text = lines(&decode(&mut adapter, "uagv/v2/a/b-c/state", "{}"));
    assert!(text.starts_with("! vda5050_ambiguous"), "{text}");
    // A state without anything else is a state that says nothing good.
    let Body::State(state) = super::read(&Topic::parse("uagv/v2/a/b/state").unwrap(), b"{}").unwrap().body else {
        panic!()
    };
    assert!(!state.operating_mode.is_automatic());
}

#[test]
fn words_that_a_version_shares_mean_the_plain_one() {
    use super::state::{ActionStatus, EmergencyStop, ErrorLevel, OperatingMode};
    let json = json!({ "operatingMode": "MANUAL", "errors": [{ "errorType": "x", "errorLevel": "FATAL" }],
        "actionStates": [{ "actionId": "a", "actionStatus": "FAILED" }, { "actionId": "b", "actionStatus": "RUNNING" }],
        "safetyState": { "eStop": "MANUAL", "fieldViolation": false } });
    for topic in ["uagv/v2/a/b/state", "vda5050/v3/a/b/state"] {
        let read = super::read(&Topic::parse(topic).unwrap(), json.to_string().as_bytes()).unwrap();
        let Body::State(state) = read.body else { panic!() };
        let statuses: Vec<ActionStatus> = state.action_states.iter().map(|action| action.action_status).collect();
        assert_eq!(statuses, [ActionStatus::Failed, ActionStatus::Running]);
        assert_eq!((state.operating_mode, state.errors[0].error_level), (OperatingMode::Manual, ErrorLevel::Fatal));
        assert_eq!(state.safety_state.emergency_stop, EmergencyStop::Manual);
    }
}

#[test]
fn a_robot_that_lists_what_it_has_reached_is_idle_all_the_same() {
    // As NVIDIA's mission client was heard: the last node stays, and instant actions are never ended.
    let state = |last: u32, status: &str| {
        let json = json!({
            "headerId": 16, "timestamp": "2026-11-23T02:52:21.424213", "version": "2.0.0", "orderId": "1795402339732870",
            "orderUpdateId": 0, "lastNodeId": format!("r{last}c1"), "lastNodeSequenceId": 2 * last, "edgeStates": [],
            "nodeStates": [{"nodeId": "r2c1", "sequenceId": 4, "released": true}], "driving": false, "errors": [],
            "actionStates": [{"actionId": "a1", "actionType": "pick", "actionStatus": status},
                {"actionId": "i1", "actionType": "stateRequest", "actionStatus": "WAITING"}],
            "batteryState": {"batteryCharge": 90.0, "batteryVoltage": null, "charging": false},
            "operatingMode": "AUTOMATIC", "safetyState": {"eStop": "NONE", "fieldViolation": false},
        });
        let topic = Topic::parse("uagv/v2/RobotCompany/nv1/state").unwrap();
        let Body::State(state) = read(&topic, json.to_string().as_bytes()).unwrap().body else { panic!("no state") };
        state.is_idle()
    };
    assert!(state(2, "FINISHED"));
    assert!(!state(1, "FINISHED") && !state(2, "RUNNING"));
}
