//! Reports, events, presence, models and commands in every form.

use model::{CauseKind, Position};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{self, RECEIVED, command, entry, lines, message_lines, thing};

fn decode(topic: &str, payload: impl AsRef<[u8]>) -> String {
    lines(&testing::decode(&mut Native::new(), topic, payload))
}

fn reports(payload: impl AsRef<[u8]>) -> String {
    decode("things/lamp/properties", payload)
}

fn property(payload: impl AsRef<[u8]>) -> String {
    decode("things/lamp/properties/level", payload)
}

#[test]
fn a_property_is_json_or_bare_text() {
    let said = |payload: &str| property(payload).trim_end().replace("property lamp.level = ", "");
    assert_eq!(said("21"), "Integer(21)");
    assert_eq!(said(" 21.50\n"), "Float(21.5)");
    assert_eq!(said("18446744073709551615"), "Float(1.8446744073709552e19)");
    assert_eq!(said("true"), "Boolean(true)");
    assert_eq!(said("null"), "Null");
    assert_eq!(said("\"on\""), "Text(\"on\")");
    assert_eq!(said("ON"), "Text(\"ON\")");
    assert_eq!(said("12:30"), "Text(\"12:30\")");
    assert_eq!(said("[1,2]"), "Json(Array [Number(1), Number(2)])");
    assert_eq!(said(r#"{"value":3,"time":1763840001}"#), "Integer(3) at +1");
    assert_eq!(said(r#"{"value":3,"time":null}"#), "Integer(3)");
    assert_eq!(said(r#"{"value":3,"unit":"m"}"#), r#"Json(Object {"value": Number(3), "unit": String("m")})"#);
    assert_eq!(said(""), "");
}

#[test]
fn a_property_that_makes_no_sense_says_why() {
    insta::assert_snapshot!(property("NaN"), @"! not_finite lamp: level is NaN, which is no finite number");
    insta::assert_snapshot!(property("1e999"), @"! not_finite lamp: level is 1e999, which is no finite number");
    insta::assert_snapshot!(property("{\"value\":NaN}"), @"! not_finite lamp: level holds a number that is not finite");
    insta::assert_snapshot!(property(b"caf\xe9"), @"! bad_utf8 lamp: level is neither JSON nor UTF-8 text: incomplete utf-8 byte sequence from index 3");
    insta::assert_snapshot!(property("{\"value\":"), @"! bad_json lamp: EOF while parsing a value at line 1 column 9");
    insta::assert_snapshot!(property("[".repeat(200) + &"]".repeat(200)), @"! too_deep lamp: level is nested too deep");
    insta::assert_snapshot!(property(r#"{"value":1,"time":"noon"}"#), @r#"
    property lamp.level = Integer(1) (Uncertain)
    ! bad_time lamp: level: time "noon" is not RFC 3339; the time of reception is used
    "#);
}

#[test]
fn reports_come_alone_or_in_batches() {
    insta::assert_snapshot!(reports(r#"{"on":true,"level":40,"mode":"night","rgb":[1,2,3],"time":1763840002}"#), @r#"
    property lamp.on = Boolean(true) at +2
    property lamp.level = Integer(40) at +2
    property lamp.mode = Text("night") at +2
    property lamp.rgb = Json(Array [Number(1), Number(2), Number(3)]) at +2
    "#);
    insta::assert_snapshot!(reports(
        r#"[{"time":1763839999,"level":1},{"time":1763840000,"properties":{"level":2,"time":"noon"}},{"level":{"value":3,"time":1763840005}}]"#
    ), @r#"
    property lamp.level = Integer(1) at -1
    property lamp.level = Integer(2)
    property lamp.time = Text("noon")
    property lamp.level = Integer(3) at +5
    "#);
    insta::assert_snapshot!(reports(r#"{"properties":3,"command":"open"}"#), @r#"
    property lamp.properties = Integer(3)
    property lamp.command = Text("open")
    "#);
    assert_eq!(reports(""), "");
    assert_eq!(reports("[]"), "");
}

#[test]
fn the_rest_of_a_broken_report_is_used() {
    insta::assert_snapshot!(
        reports(b"{\"a\":NaN,\"b\":1,\"\":2,\"c/d\":3,\"e\":\"\xff\",\"f\":{\"g\":[-Infinity]},\"time\":\"x\",\"h\":1e400,\"i\":2}"), @r#"
    property lamp.b = Integer(1) (Uncertain)
    property lamp.i = Integer(2) (Uncertain)
    ! not_finite lamp: a holds a number that is not finite
    ! bad_name lamp: "" is no name of a property: an id must not be empty
    ! bad_name lamp: "c/d" is no name of a property: an id must not contain '/'
    ! bad_utf8 lamp: e holds text that is not UTF-8
    ! not_finite lamp: f holds a number that is not finite
    ! not_finite lamp: h holds a number that is not finite
    ! bad_time lamp: report: time "x" is not RFC 3339; the time of reception is used
    "#);
    insta::assert_snapshot!(reports(r#"[{"a":1},7,[{"b":2}],"x",{"c":3}]"#), @r#"
    property lamp.a = Integer(1)
    property lamp.c = Integer(3)
    ! bad_shape lamp: expected an object of properties, got a number
    ! bad_shape lamp: expected an object of properties, got an array
    ! bad_shape lamp: expected an object of properties, got text
    "#);
    insta::assert_snapshot!(reports("21"), @"! bad_shape lamp: expected an object of properties, got a number");
    insta::assert_snapshot!(reports(r#"{"a":1,"b":"#), @"! bad_json lamp: EOF while parsing a value at line 1 column 11");
    insta::assert_snapshot!(reports(r#"{"a":1} x"#), @"! bad_json lamp: trailing characters at line 1 column 9");
}

#[test]
fn payloads_are_bounded() {
    let many: Map<String, Json> = (0..=payload::VALUES_PER_PAYLOAD_MAX).map(|i| (format!("p{i}"), json!(i))).collect();
    let decoded = testing::decode(&mut Native::new(), "things/lamp/properties", Json::Object(many).to_string());
    assert_eq!(decoded.records.len(), payload::VALUES_PER_PAYLOAD_MAX);
    assert_eq!(decoded.diagnostics[0].code, "too_many_values");

    let decoded = testing::decode(&mut Native::new(), "things/lamp/properties", vec![b' '; PAYLOAD_BYTES_MAX + 1]);
    assert_eq!(decoded.diagnostics[0].code, "too_large");

    let mut adapter = Native::new();
    let bad = (0..100).map(|_| "NaN").collect::<Vec<_>>().join(",");
    let report = format!(
        "{{{}}}",
        bad.split(',').enumerate().map(|(i, v)| format!("\"p{i}\":{v}")).collect::<Vec<_>>().join(",")
    );
    let decoded = testing::decode(&mut adapter, "things/lamp/properties", report);
    assert_eq!(decoded.diagnostics.len(), crate::DIAGNOSTICS_PER_ENTRY_MAX);
    assert_eq!(adapter.counters().get("not_finite"), 100);
}

#[test]
fn events_presence_and_other_topics() {
    insta::assert_snapshot!(decode("things/lamp/events/pressed", ""), @"event lamp.pressed = Null");
    insta::assert_snapshot!(decode("things/lamp/events/pressed", r#"{"value":{"button":2},"time":1763840001}"#), @r#"event lamp.pressed = Json(Object {"button": Number(2)}) at +1"#);
    insta::assert_snapshot!(decode("things/lamp/presence", "online"), @r#"presence lamp.presence = Text("online")"#);
    insta::assert_snapshot!(decode("things/lamp/presence", r#"{"value":"offline","time":1763840001}"#), @r#"presence lamp.presence = Text("offline") at +1"#);
    insta::assert_snapshot!(decode("things/lamp/presence", "away"), @r#"! bad_presence lamp: "away" is not online, offline or unknown"#);
    insta::assert_snapshot!(decode("things/lamp/colour", "red"), @"! unknown_topic lamp: nothing is defined for things/lamp/colour");
    insta::assert_snapshot!(decode("things//properties", "{}"), @r#"! bad_thing -: "" is no id of a thing: an id must not be empty"#);
    assert!(!Native::new().decode(&entry("other/lamp", "1"), &mut Decoded::default()));
}

#[test]
fn a_thing_tells_its_model() {
    let model = r#"{"title":"Lamp","kind":"light","properties":{"on":{"type":"boolean","writable":true}},"actions":{"fade":{}}}"#;
    insta::assert_snapshot!(decode("things/lamp/model", model), @r#"found lamp "Lamp" [light] properties on events  actions fade"#);
    let wot = r#"{"@context":"https://www.w3.org/2022/wot/td/v1.1","@type":"Thing","title":"Lamp","properties":{"on":{"type":"boolean"}},"events":{"hot":{}}}"#;
    insta::assert_snapshot!(decode("things/lamp/model", wot), @r#"found lamp "Lamp" [] properties on events hot actions "#);
    insta::assert_snapshot!(decode("things/lamp/model", "{"), @"! bad_json lamp: model: EOF while parsing an object at line 1 column 1");
    insta::assert_snapshot!(decode("things/lamp/model", r#"{"properties":{"on":{"type":"bool"}}}"#), @"! bad_model lamp: unknown variant `bool`, expected one of `boolean`, `integer`, `number`, `string`, `json`");
    assert_eq!(decode("things/lamp/model", ""), "");
}

#[test]
fn commands_go_down_and_their_answers_come_up() {
    let encoded = Native::new().encode(&command("lamp", "fade", false, json!({"level": 3}))).unwrap();
    assert!(encoded.answers);
    insta::assert_snapshot!(message_lines(&encoded.messages), @r#"things/lamp/actions/fade {"id":"c1","input":{"level":3},"deadline":1763840030000} qos 1"#);
    let write = Native::new().encode(&command("lamp", "level", true, json!(3))).unwrap();
    assert_eq!((write.messages.len(), write.answers), (0, false));
    let desired = json!({"level": 3, "on": true});
    insta::assert_snapshot!(message_lines(&Native::new().encode_desired(&thing("lamp"), desired.as_object().unwrap())), @r#"things/lamp/desired {"level":3,"on":true} qos 1 retained"#);

    let status = |payload: &str| decode("things/lamp/actions/fade/status", payload);
    insta::assert_snapshot!(status(r#"{"id":"c1","state":"finished","output":{"took":2}}"#), @r#"command c1 lamp.fade Finished Json(Object {"took": Number(2)}) None"#);
    insta::assert_snapshot!(status(r#"{"id":"c1","state":"failed","error":"jammed"}"#), @r#"command c1 lamp.fade Failed Null Some("jammed")"#);
    insta::assert_snapshot!(status("running"), @"command ? lamp.fade Running Null None");
    insta::assert_snapshot!(status(r#"{"state":"sent"}"#), @r#"! bad_status lamp: status of fade: "sent" is not accepted, running, finished or failed"#);
    insta::assert_snapshot!(status(r#"{"id":"a/b","state":"failed"}"#), @"! bad_status lamp: status of fade: an id must not contain '/' at line 1 column 11");
}

#[test]
fn what_follows_from_a_command_has_its_cause() {
    let mut adapter = Native::new();
    let mut asked = entry("things/lamp/actions/fade", r#"{"id":"c1","input":null}"#);
    asked.cause = model::Cause::new(CauseKind::User, "ada");
    asked.position = Position(5);
    assert!(adapter.decode(&asked, &mut Decoded::default()));
    let payload = r#"{"command":"c1","properties":{"level":3}}"#;
    insta::assert_snapshot!(lines(&testing::decode(&mut adapter, "things/lamp/properties", payload)), @"property lamp.level = Integer(3) because of User ada");
    let single = testing::decode(&mut adapter, "things/lamp/properties/level", r#"{"value":3,"command":"c1"}"#);
    assert_eq!(single.records[0].cause.position, Some(Position(5)));
    let other = testing::decode(&mut adapter, "things/door/properties/level", r#"{"value":3,"command":"c1"}"#);
    assert_eq!(other.records[0].cause.kind, CauseKind::Device, "a command to another thing explains nothing");
}

#[test]
fn the_state_is_what_things_are_known() {
    let mut adapter = Native::new();
    testing::decode(&mut adapter, "things/lamp/properties/level", "1");
    let revision = adapter.revision();
    testing::decode(&mut adapter, "things/lamp/properties/level", "2");
    assert_eq!(adapter.revision(), revision);
    let mut restored = Native::new();
    restored.restore(adapter.save());
    assert!(restored.knows(&thing("lamp")) && restored.is_about(&thing("lamp"), "things/lamp/presence"));
    assert!(!restored.is_about(&thing("lamp"), "things/lamp2/presence"));
    restored.forget(&thing("lamp"));
    assert!(!restored.knows(&thing("lamp")));
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e300..1e300f64).prop_map(Json::from),
        ".*".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec(("[a-z]{1,4}", inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(topic in "(properties|properties/a|events/b|presence|model|actions/a|actions/a/status|desired)", payload in prop::collection::vec(any::<u8>(), 0..200)) {
        decode(&format!("things/lamp/{topic}"), payload);
    }

    #[test]
    fn nearly_json_does_not_make_it_panic(payload in r#"([\[\]{}:,"\\ ]|NaN|-?inf|1e999|[0-9.eE+-]|time|properties|value|command|u0000){0,60}"#) {
        decode("things/lamp/properties", &payload);
        decode("things/lamp/properties/a", &payload);
    }

    #[test]
    fn every_member_of_a_report_becomes_its_value(members in prop::collection::btree_map("[a-z]{1,3}[0-9]", json_value(), 0..20)) {
        let report: Map<String, Json> = members.clone().into_iter().collect();
        let decoded = testing::decode(&mut Native::new(), "things/lamp/properties", Json::Object(report).to_string());
        prop_assert!(decoded.diagnostics.is_empty());
        prop_assert_eq!(decoded.records.len(), members.len());
        for (record, (name, value)) in decoded.records.iter().zip(members) {
            prop_assert_eq!(record.name.as_str(), name);
            prop_assert_eq!(&record.value, &Value::from_json(value));
            prop_assert_eq!(record.time, RECEIVED);
        }
    }
}
