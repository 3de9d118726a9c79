//! What discovery, states and commands come to, message by message.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::template::Templates;
use super::*;
use crate::testing::{self, command, decode, entry, lines, message_lines, thing};

fn render(source: &str, payload: &str) -> String {
    let mut templates = Templates::new();
    let template = match templates.get(source, &[]) {
        Ok(template) => template,
        Err(reason) => return format!("unsupported: {reason}"),
    };
    match templates.read(&template, &Payload::new(payload)) {
        Ok(rendered) => rendered.into_text().unwrap_or_else(|| "(nothing)".to_owned()),
        Err(problem) => format!("failed: {problem}"),
    }
}

#[test]
fn templates_render_as_in_home_assistant() {
    const JSON: &str = r#"{"t": 21.0, "i": 7, "on": true, "off": false, "none": null, "s": "Abc", "list": [1, 2.5, "x"], "o": {"a b": 3}, "hex": "1f", "zero": "0.0"}"#;
    for (source, expected) in [
        ("{{ value_json.t }}", "21.0"),
        ("{{ value_json['o']['a b'] }}", "3"),
        ("{{ value_json.list[1] }}", "2.5"),
        ("{{ value_json.on }}", "True"),
        ("{{ value_json.on if true }}", "True"),
        ("{{ value_json.none }}", "None"),
        ("{{ value_json.missing }}", "(nothing)"),
        ("{{ value_json.missing.deeper | default('x') }}", "failed: undefined value"),
        ("{{ value_json.missing | default(5) }}", "5"),
        ("{{ value_json.i / 2 }}", "3.5"),
        ("{{ value_json.i // 2 }}", "3"),
        ("{{ (value_json.t * 9 / 5 + 32) | round(1) }}", "69.8"),
        ("{{ value_json.t | round }}", "21"),
        ("{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }}", "2 4 2.67"),
        ("{{ 2.1 | round(0, 'ceil') }} {{ 2.9 | round(method='floor') }} {{ 2.3 | round(1, 'half') }}", "3 2 2.5"),
        ("{{ value_json.s | int(3) }} {{ '12.7' | int }} {{ value_json.hex | int(base=16) }}", "3 12 31"),
        ("{{ value_json.s | float }}", "failed: invalid operation: float got \"Abc\", and has no default"),
        ("{{ value_json.zero | float + 1 }}", "1.0"),
        ("{{ value_json.i | multiply(2) | int }}", "14"),
        ("{{ value_json.on | lower }} {{ value_json.s | upper }} {{ value_json.s.lower() }}", "true ABC abc"),
        ("{{ iif(value_json.on, 'yes', 'no') }} {{ value_json.off | iif('yes', 'no') }}", "yes no"),
        ("{{ 'ON' if value_json.i > 5 else 'OFF' }}", "ON"),
        ("{% if value_json.x is defined %}a{% elif value_json.i is number %}b{% endif %}", "b"),
        ("{{ value_json.s is match('A') }} {{ value_json.s | regex_replace('(b)', '<\\\\1>') }}", "True A<b>c"),
        ("{{ 'a1b22' | regex_findall('[0-9]+') }} {{ 'a1b22' | regex_findall_index('[0-9]+', 1) }}", "['1', '22'] 22"),
        ("{{ value_json.list }} {{ value_json.o | to_json }}", "[1, 2.5, 'x'] {\"a b\":3}"),
        ("{{ ('{\"z\": 4}' | from_json).z }}", "4"),
        ("{{ [3, 1, 2] | max }} {{ min(3, 1) }} {{ average([1, 2]) }}", "3 1 1.5"),
        ("{{ value_json.get('nope', 9) }} {{ value_json.s[0:2] }}", "9 Ab"),
        ("{{ {0: 'off', 7: 'seven'}[value_json.i] }}", "seven"),
        ("{{ 1700000000 | timestamp_utc }}", "2023-11-14T22:13:20+00:00"),
        ("{{ as_timestamp('2023-11-14T22:13:20Z') | int }}", "1700000000"),
        ("{{ value_json.s ~ '!' }}", "Abc!"),
        ("  {{- value_json.i -}}  ", "7"),
        ("plain", "plain"),
        ("{{ value | is_number }}", "False"),
        ("{{ value_json.list | join('-') }}", "1-2.5-x"),
        ("{{ value_json.x | is_defined }}", "failed: invalid operation: the value is not defined"),
        ("{{ states('sensor.x') }}", "unsupported: states() is not available"),
        ("{{ now().hour }}", "unsupported: now() is not available"),
        ("{{ this.state }}", "unsupported: this is not available"),
        ("{{ value | as_local }}", "unsupported: the filter as_local is not supported"),
        ("{{ value", "unsupported: unexpected end of input, expected end of variable block"),
        (
            "{% for a in range(100000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
            "failed: engine ran out of fuel",
        ),
        (
            "{% for a in range(9000) %}{% for b in range(9000) %}{{ b }}{% endfor %}{% endfor %}",
            "failed: engine ran out of fuel",
        ),
    ] {
        assert_eq!(render(source, JSON), expected, "{source}");
    }
    assert_eq!(render("{{ value_json.x }}", "ON"), "failed: the payload is not JSON");
    assert_eq!(render("{{ value.split(',')[1] | int + 1 }}", "1,2"), "3");
    assert_eq!(render("{{ value_json is not undefined }}", "ON"), "False");
}

#[test]
fn every_word_that_is_let_through_is_known_to_the_engine() {
    let is_unknown = |source: String| {
        let outcome = render(&source, "[1]");
        outcome.contains("unknown filter") || outcome.contains("unknown test") || outcome.contains("unsupported")
    };
    for filter in filters::FILTERS {
        assert!(!is_unknown(format!("{{{{ value | {filter} }}}}")), "{filter}");
    }
    for test in filters::TESTS {
        assert!(!is_unknown(format!("{{{{ value is {test} }}}}")), "{test}");
    }
    assert!(is_unknown("{{ value | nothing }}".to_owned()));
}

/// Describes one component, lets it hear some payloads on the topic `s`, and writes or invokes what is asked.
fn component(kind: &str, config: Json, heard: &[&str], commands: &[(&str, Option<Json>)]) -> String {
    let mut adapter = HomeAssistant::default();
    let topic = format!("homeassistant/{kind}/x/config");
    let mut found = decode(&mut adapter, &topic, config.to_string());
    found.retained_wanted.clear();
    let mut out = lines(&found);
    for payload in heard {
        out += &lines(&decode(&mut adapter, "s", payload));
    }
    for (name, value) in commands {
        let write = found.discovered.last().is_some_and(|found| found.model.properties.contains_key(*name));
        let command = command("x", name, write, value.clone().unwrap_or_default());
        match adapter.encode(&command) {
            Ok(encoded) => out += &message_lines(&encoded.messages),
            Err(error) => writeln!(out, "{error}").unwrap(),
        }
    }
    out
}

#[test]
fn locks_alarms_and_sirens() {
    insta::assert_snapshot!(component("lock", json!({"state_topic": "s", "command_topic": "c", "payload_open": "OPEN", "code_format": "^\\d$", "command_template": "{ \"action\": \"{{ value }}\", \"code\":\"{{ code }}\" }"}), &["LOCKED", "JAMMED", "None", "MELTED"], &[("lock_unlock", Some(json!({"code": "1"}))), ("lock_lock", None)]), @r#"
    found x "x" [lock] properties lock events  actions lock_lock,lock_open,lock_unlock
    property x.lock = Text("locked")
    property x.lock = Text("jammed")
    property x.lock = Null
    ! unknown_word x: lock: "MELTED" is not one of LOCKED, LOCKING, UNLOCKED, UNLOCKING, OPEN, OPENING, JAMMED
    c { "action": "UNLOCK", "code":"1" } qos 0
    c { "action": "LOCK", "code":"None" } qos 0
    "#);
    insta::assert_snapshot!(component("alarm_control_panel", json!({"state_topic": "s", "command_topic": "c", "supported_features": ["arm_home"], "code": "REMOTE_CODE", "command_template": "{{action}}/{{code}}"}), &["armed_home"], &[("alarm_control_panel_disarm", Some(json!({"code": "1"})))]), @r#"
    found x "x" [alarm] properties alarm_control_panel events  actions alarm_control_panel_arm_home,alarm_control_panel_disarm
    property x.alarm_control_panel = Text("armed_home")
    c DISARM/1 qos 0
    "#);
    insta::assert_snapshot!(component("siren", json!({"state_topic": "s", "command_topic": "c"}), &["ON", r#"{"state":"OFF"}"#], &[("siren", Some(json!(true)))]), @r#"
    found x "x" [siren] properties siren events  actions 
    property x.siren = Boolean(true)
    property x.siren = Boolean(false)
    c {"state":"ON"} qos 0
    "#);
}

#[test]
fn movers() {
    insta::assert_snapshot!(component("cover", json!({"state_topic": "s", "command_topic": "c", "position_topic": "s", "set_position_topic": "p", "position_open": 0, "position_closed": 255, "tilt_command_topic": "t", "tilt_status_topic": "s", "payload_stop": null, "value_template": "{{ value_json.state }}", "position_template": "{{ value_json.p }}", "tilt_status_template": "{{ value_json.t }}"}), &[r#"{"state":"closing","p":255,"t":40}"#], &[("cover_position", Some(json!(100))), ("cover_tilt", Some(json!(10))), ("cover_close", None), ("cover_stop", None)]), @r#"
    found x "x" [cover] properties cover,cover_position,cover_tilt events  actions cover_close,cover_open
    property x.cover = Text("closing")
    property x.cover_position = Integer(0)
    property x.cover_tilt = Integer(40)
    p 0 qos 0
    t 10 qos 0
    c CLOSE qos 0
    x takes no command cover_stop
    "#);
    insta::assert_snapshot!(component("cover", json!({"set_position_topic": "p", "position_open": 255, "set_position_template": "{{ position }} {{ value }} {{ position_open }}"}), &[], &[("cover_position", Some(json!(20)))]), @r#"
    found x "x" [cover] properties cover_position events  actions 
    p 20 51 255 qos 0
    "#);
    insta::assert_snapshot!(component("valve", json!({"state_topic": "s", "command_topic": "c", "reports_position": true}), &["40", r#"{"position": 41}"#], &[("valve_position", Some(json!(7)))]), @r#"
    found x "x" [valve] properties valve_position events  actions 
    property x.valve_position = Integer(40)
    property x.valve_position = Integer(41)
    c 7 qos 0
    "#);
    insta::assert_snapshot!(component("valve", json!({"state_topic": "s", "command_topic": "c"}), &["open"], &[("valve_close", None)]), @r#"
    found x "x" [valve] properties valve events  actions valve_close,valve_open
    property x.valve = Text("open")
    c CLOSE qos 0
    "#);
    insta::assert_snapshot!(component("vacuum", json!({"state_topic": "s", "command_topic": "c", "send_command_topic": "sc", "set_fan_speed_topic": "f", "fan_speed_list": ["min", "max"], "supported_features": ["start", "return_home"]}), &[r#"{"battery_level":61,"state":"docked","fan_speed":"min"}"#], &[("vacuum_start", None), ("vacuum_return_to_base", None), ("vacuum_fan_speed", Some(json!("max"))), ("vacuum_send_command", Some(json!({"command": "beep"})))]), @r#"
    found x "x" [vacuum] properties vacuum,vacuum_battery,vacuum_fan_speed events  actions vacuum_return_to_base,vacuum_send_command,vacuum_start
    property x.vacuum = Text("docked")
    property x.vacuum_battery = Integer(61)
    property x.vacuum_fan_speed = Text("min")
    c start qos 0
    c return_to_base qos 0
    f max qos 0
    sc beep qos 0
    "#);
    insta::assert_snapshot!(component("lawn_mower", json!({"activity_state_topic": "s", "start_mowing_command_topic": "c", "dock_command_topic": "c"}), &["mowing"], &[("lawn_mower_start_mowing", None)]), @r#"
    found x "x" [lawn_mower] properties lawn_mower events  actions lawn_mower_dock,lawn_mower_start_mowing
    property x.lawn_mower = Text("mowing")
    c start_mowing qos 0
    "#);
}

#[test]
fn air_and_water() {
    insta::assert_snapshot!(component("fan", json!({"state_topic": "s", "command_topic": "c", "percentage_command_topic": "p", "percentage_state_topic": "s", "state_value_template": "{{ value_json.s }}", "percentage_value_template": "{{ value_json.p }}", "speed_range_max": 4, "preset_mode_command_topic": "m", "preset_modes": ["auto"], "oscillation_command_topic": "o", "direction_command_topic": "d"}), &[r#"{"s":"ON","p":3}"#], &[("fan_speed", Some(json!(50))), ("fan_oscillation", Some(json!(false))), ("fan_direction", Some(json!("reverse")))]), @r#"
    found x "x" [fan] properties fan,fan_direction,fan_oscillation,fan_preset_mode,fan_speed events  actions 
    property x.fan = Boolean(true)
    property x.fan_speed = Integer(75)
    p 2 qos 0
    o oscillate_off qos 0
    d reverse qos 0
    "#);
    insta::assert_snapshot!(component("humidifier", json!({"state_topic": "s", "command_topic": "c", "target_humidity_command_topic": "h", "target_humidity_command_template": "{{ value | int }}%", "min_humidity": 30}), &["OFF"], &[("humidifier_target_humidity", Some(json!(45.0)))]), @r#"
    found x "x" [humidifier] properties humidifier,humidifier_target_humidity events  actions 
    property x.humidifier = Boolean(false)
    h 45% qos 0
    "#);
    insta::assert_snapshot!(component("water_heater", json!({"mode_state_topic": "s", "mode_command_topic": "m", "temperature_command_topic": "t", "modes": ["eco", "off"], "power_command_topic": "p"}), &["eco", "turbo"], &[("water_heater_power", Some(json!(true))), ("water_heater_target_temperature", Some(json!(55.5)))]), @r#"
    found x "x" [water_heater] properties water_heater_mode,water_heater_power,water_heater_target_temperature events  actions 
    property x.water_heater_mode = Text("eco")
    ! unknown_word x: water_heater_mode: "turbo" is not one of eco, off
    p ON qos 0
    t 55.5 qos 0
    "#);
}

#[test]
fn lights_of_all_schemas() {
    insta::assert_snapshot!(component("light", json!({"state_topic": "s", "command_topic": "c", "brightness_state_topic": "s", "brightness_command_topic": "b", "brightness_value_template": "{{ value_json.b }}", "state_value_template": "{{ value_json.s }}", "rgb_command_topic": "r", "rgb_command_template": "{{ '#%02x%02x%02x' | format(red, green, blue) }}", "on_command_type": "first"}), &[r#"{"s":"ON","b":255}"#], &[("light", Some(json!(true))), ("light_brightness", Some(json!(50))), ("light_color_rgb", Some(json!({"r": 255, "g": 0, "b": 16})))]), @r#"
    found x "x" [light] properties light,light_brightness,light_color_rgb events  actions 
    property x.light = Boolean(true)
    property x.light_brightness = Integer(100)
    c ON qos 0
    c ON qos 0
    b 128 qos 0
    c ON qos 0
    r #ff0010 qos 0
    "#);
    insta::assert_snapshot!(component("light", json!({"schema": "template", "state_topic": "s", "command_topic": "c", "command_on_template": "on{%- if brightness is defined -%},{{ brightness }}{%- endif -%}", "command_off_template": "off", "state_template": "{{ value.split(',')[0] }}", "brightness_template": "{{ value.split(',')[1] }}"}), &["on,128"], &[("light", Some(json!(true))), ("light", Some(json!(false))), ("light_brightness", Some(json!(100)))]), @r#"
    found x "x" [light] properties light,light_brightness events  actions 
    property x.light = Boolean(true)
    property x.light_brightness = Integer(50)
    c on qos 0
    c off qos 0
    c on,255 qos 0
    "#);
    insta::assert_snapshot!(component("light", json!({"schema": "json", "command_topic": "c", "brightness": true, "brightness_scale": 100, "color_temp_kelvin": true, "supported_color_modes": ["color_temp", "hs"]}), &[], &[("light_brightness", Some(json!(33))), ("light_color_temp", Some(json!(3000)))]), @r#"
    found x "x" [light] properties light,light_brightness,light_color,light_color_temp events  actions 
    c {"state":"ON","brightness":33} qos 0
    c {"state":"ON","color_temp":3000} qos 0
    "#);
}

#[test]
fn simple_kinds() {
    insta::assert_snapshot!(component("select", json!({"state_topic": "s", "command_topic": "c", "options": ["a", "b"]}), &["a", "z"], &[("select", Some(json!("b")))]), @r#"
    found x "x" [] properties select events  actions 
    property x.select = Text("a")
    ! unknown_word x: select: "z" is not one of a, b
    c b qos 0
    "#);
    insta::assert_snapshot!(component("number", json!({"state_topic": "s", "command_topic": "c", "min": -5, "unit_of_measurement": "°C", "command_template": "{\"v\": {{ value }} }"}), &["4", "x", "inf"], &[("number", Some(json!(-2.0)))]), @r#"
    found x "x" [] properties number events  actions 
    property x.number = Float(4.0)
    ! bad_number x: number: "x" is not a finite number
    ! not_finite x: number: "inf" is not a finite number
    c {"v": -2 } qos 0
    "#);
    insta::assert_snapshot!(component("text", json!({"state_topic": "s", "command_topic": "c", "retain": true, "qos": 1}), &[" hi "], &[("text", Some(json!("you")))]), @r#"
    found x "x" [] properties text events  actions 
    property x.text = Text(" hi ")
    c you qos 1 retained
    "#);
    insta::assert_snapshot!(component("datetime", json!({"state_topic": "s", "command_topic": "c"}), &["2026-11-22T19:00:00+00:00"], &[]), @r#"
    found x "x" [] properties datetime events  actions 
    property x.datetime = Text("2026-11-22T19:00:00+00:00")
    "#);
    insta::assert_snapshot!(component("scene", json!({"command_topic": "c", "payload_on": "go"}), &[], &[("scene", None)]), @r#"
    found x "x" [] properties  events  actions scene
    c go qos 0
    "#);
    insta::assert_snapshot!(component("notify", json!({"command_topic": "c"}), &[], &[("notify", Some(json!({"message": "hello"}))), ("notify", None)]), @r#"
    found x "x" [] properties  events  actions notify
    c hello qos 0
    notify of x: message is missing
    "#);
    insta::assert_snapshot!(component("device_tracker", json!({"state_topic": "s", "payload_home": "1", "payload_not_home": "0"}), &["1", "0", "None"], &[]), @r#"
    found x "x" [tracker] properties device_tracker events  actions 
    property x.device_tracker = Text("home")
    property x.device_tracker = Text("not_home")
    property x.device_tracker = Null
    "#);
    insta::assert_snapshot!(component("event", json!({"state_topic": "s", "event_types": ["press"]}), &[r#"{"event_type":"press","n":2}"#, r#"{"event_type":"hold"}"#, "press"], &[]), @r#"
    found x "x" [] properties  events event actions 
    event x.event = Json(Object {"event_type": String("press"), "n": Number(2)})
    ! unknown_word x: event: event_type "hold" is not one of press
    ! bad_event x: event: the payload is not a JSON object with an event_type
    "#);
    insta::assert_snapshot!(component("tag", json!({"topic": "s", "value_template": "{{ value_json.uid }}"}), &[r#"{"uid":"04A1"}"#], &[]), @r#"
    found x "x" [] properties  events tag_scanned actions 
    event x.tag_scanned = Text("04A1")
    "#);
    insta::assert_snapshot!(component("update", json!({"state_topic": "s", "latest_version_topic": "l"}), &["1.2", r#"{"installed_version":"1.3","latest_version":"1.4"}"#], &[("update_install", None)]), @r#"
    found x "x" [] properties update_installed_version,update_latest_version,update_progress events  actions 
    property x.update_installed_version = Text("1.2")
    property x.update_installed_version = Text("1.3")
    property x.update_latest_version = Text("1.4")
    x takes no command update_install
    "#);
    insta::assert_snapshot!(component("camera", json!({"topic": "s"}), &["\u{1}"], &[]), @r#"
    found x "x" [camera] properties  events  actions 
    ! no_value x: Camera: pictures of a camera are not kept
    "#);
    insta::assert_snapshot!(component("toaster", json!({"state_topic": "s"}), &["1"], &[]), @"! unknown_component x: Toaster: there is no component toaster");
    insta::assert_snapshot!(component("switch", json!({"state_topic": "s/+", "command_topic": "c", "command_template": "{{ states('x') }}"}), &[], &[("switch", Some(json!(true)))]), @r#"
    found x "x" [switch] properties switch events  actions 
    ! unsupported_topic x: Switch: state_topic "s/+" is no plain topic
    ! unsupported_template x: Switch: command_template "{{ states('x') }}": states() is not available
    x takes no command switch
    "#);
}

#[test]
fn sensors_without_a_type_are_numbers_until_they_say_a_word() {
    let mut adapter = HomeAssistant::default();
    let config = json!({"state_topic": "s", "unique_id": "u", "expire_after": 60});
    let found = decode(&mut adapter, "homeassistant/sensor/x/config", config.to_string());
    assert_eq!(found.retained_wanted, [Arc::from("s")]);
    assert_eq!(found.discovered[0].expires_after.values().map(std::time::Duration::as_secs).collect::<Vec<_>>(), [60]);
    let types = |decoded: &Decoded| {
        let found = decoded.discovered.first()?;
        Some(found.model.properties.values().next()?.data_type)
    };
    assert_eq!(types(&found), Some(DataType::String));
    assert_eq!(types(&decode(&mut adapter, "s", "8")), Some(DataType::Number));
    assert_eq!(types(&decode(&mut adapter, "s", "9")), None, "nothing new");
    let mut restored = HomeAssistant::default();
    restored.restore(adapter.save());
    let word = decode(&mut restored, "s", "idle");
    assert_eq!(types(&word), Some(DataType::String));
    assert_eq!(word.records[0].value, Value::from("idle"));
    assert_eq!(decode(&mut restored, "s", "9").records[0].value, Value::from("9"), "text from now on");
}

fn bulb(node: &str, name: &str) -> String {
    json!({
        "state_topic": format!("z/{node}"), "command_topic": format!("z/{node}/set"), "name": name, "unique_id": format!("{node}_switch"),
        "value_template": "{{ value_json.state }}", "device": {"identifiers": [node], "name": name},
        "availability": [{"topic": "z/bridge"}, {"topic": format!("z/{node}/there")}], "availability_mode": "all",
    })
    .to_string()
}

#[test]
fn availability_follows_its_mode() {
    let mut adapter = HomeAssistant::default();
    decode(&mut adapter, "homeassistant/switch/a/switch/config", bulb("a", "A"));
    let mut presence = |topic: &str, payload: &str| {
        let decoded = decode(&mut adapter, topic, payload);
        decoded.records.first().map(|record| record.value.to_string())
    };
    assert_eq!(presence("z/bridge", "online"), None, "the other topic was silent so far");
    assert_eq!(presence("z/a/there", "online").as_deref(), Some("online"));
    assert_eq!(presence("z/a/there", "online"), None, "nothing new");
    assert_eq!(presence("z/a/there", "perhaps"), None, "another word says nothing");
    assert_eq!(presence("z/bridge", "offline").as_deref(), Some("offline"));

    let mut restored = HomeAssistant::default();
    restored.restore(adapter.save());
    let decoded = decode(&mut restored, "z/bridge", "online");
    assert_eq!(decoded.records[0].value.to_string(), "online", "the other topic is remembered");
}

#[test]
fn components_move_between_topics_without_being_doubled() {
    let mut adapter = HomeAssistant::default();
    decode(&mut adapter, "homeassistant/switch/a/switch/config", bulb("a", "A"));
    insta::assert_snapshot!(lines(&decode(&mut adapter, "homeassistant/switch/a/switch/config", r#"{"migrate_discovery": true}"#)), @"");
    let bundle = json!({"dev": {"ids": "a", "name": "A"}, "o": {"name": "x"}, "cmps": {"other": {"p": "switch", "unique_id": "a_switch", "state_topic": "z/a", "command_topic": "z/a/set", "value_template": "{{ value_json.state }}"}}});
    insta::assert_snapshot!(lines(&decode(&mut adapter, "homeassistant/device/a/config", bundle.to_string())), @r#"found a "A" [switch] properties switch events  actions"#);
    insta::assert_snapshot!(lines(&decode(&mut adapter, "homeassistant/switch/a/switch/config", "")), @"");
    insta::assert_snapshot!(lines(&decode(&mut adapter, "z/a", r#"{"state":"ON"}"#)), @"property a.switch = Boolean(true)");
    insta::assert_snapshot!(lines(&decode(&mut adapter, "homeassistant/device/a/config", "")), @"removed a");
    assert!(!adapter.knows(&thing("a")));
}

#[test]
fn several_entries_can_be_decoded_into_one_output() {
    let mut adapter = HomeAssistant::default();
    let mut out = Decoded::default();
    let topic = "homeassistant/switch/a/switch/config";
    let mut lengths = Vec::new();
    for payload in [bulb("a", "A"), bulb("a", "B"), String::new(), bulb("a", "C")] {
        adapter.decode(&entry(topic, payload), &mut out);
        lengths.push((out.discovered.len(), out.removed.len()));
    }
    assert_eq!(lengths, [(1, 0), (1, 0), (1, 1), (2, 1)], "nothing is taken back");
    assert_eq!(out.discovered.iter().map(|found| found.title.as_str()).collect::<Vec<_>>(), ["B", "C"]);
}

#[test]
fn names_are_unique_within_a_thing_and_stay() {
    let mut adapter = HomeAssistant::default();
    let config = |unique: &str, name: &str| {
        json!({"state_topic": format!("s/{unique}"), "unique_id": unique, "name": name, "unit_of_measurement": "W", "device": {"identifiers": "d", "name": "D"}}).to_string()
    };
    decode(&mut adapter, "homeassistant/sensor/n/power/config", config("u1", "One"));
    decode(&mut adapter, "homeassistant/sensor/m/power/config", config("u2", "Two"));
    insta::assert_snapshot!(lines(&decode(&mut adapter, "homeassistant/binary_sensor/m/power/config", config("u3", "Three"))), @r#"found d "D" [sensor] properties power,power_binary_sensor,power_sensor events  actions"#);
    decode(&mut adapter, "homeassistant/sensor/n/power/config", "");
    let mut restored = HomeAssistant::default();
    restored.restore(adapter.save());
    for adapter in [&mut adapter, &mut restored] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(lines(&decode(adapter, "s/u2", "7")), @"property d.power_sensor = Float(7.0)");
        }
    }
    insta::assert_snapshot!(lines(&decode(&mut adapter, "homeassistant/sensor/m/power/config", config("u2", "Renamed"))), @r#"found d "D" [sensor] properties power_binary_sensor,power_sensor events  actions"#);
}

#[test]
fn devices_that_share_a_key_are_one_thing() {
    let mut adapter = HomeAssistant::default();
    let config = |state: &str, device: Json| {
        json!({"state_topic": state, "device": device, "unit_of_measurement": "V"}).to_string()
    };
    decode(
        &mut adapter,
        "homeassistant/sensor/a/one/config",
        config("1", json!({"ids": ["x"], "cns": [["mac", "AA"]]})),
    );
    let found = decode(
        &mut adapter,
        "homeassistant/sensor/b/two/config",
        config("2", json!({"cns": [["mac", "aa"]], "via_device": "gate/1"})),
    );
    assert_eq!(found.discovered[0].thing, thing("x"));
    assert_eq!(found.discovered[0].via, Some(thing("gate_1")));
    assert_eq!(found.discovered[0].model.properties.len(), 2);
}

#[test]
fn child_devices_are_things_behind_their_parent() {
    let mut adapter = HomeAssistant::default();
    let bundle = json!({"dev": {"ids": "hub", "name": "Hub"}, "o": {"name": "x"}, "cmps": {}, "stat_t": "hub/state",
        "cdevs": [{"ids": "leaf", "name": "Leaf", "cmps": {"t": {"p": "sensor", "val_tpl": "{{ value_json.t }}", "unit_of_meas": "°C"}}}]});
    let found = decode(&mut adapter, "homeassistant/device/hub/config", bundle.to_string());
    insta::assert_snapshot!(lines(&found), @r#"
    found leaf "Leaf" [sensor] properties t events  actions 
      via Some("hub"), in None
    "#);
}

#[test]
fn what_is_no_discovery_message_is_refused_with_its_place() {
    let said = |topic: &str, payload: &str| lines(&decode(&mut HomeAssistant::default(), topic, payload));
    insta::assert_snapshot!(said("homeassistant/sensor/x/config", "{"), @"! bad_json -: homeassistant/sensor/x/config: discovery: EOF while parsing an object at line 1 column 1");
    insta::assert_snapshot!(said("homeassistant/sensor/x/config", "[]"), @"! bad_json -: homeassistant/sensor/x/config: discovery: invalid type: sequence, expected a map at line 1 column 0");
    insta::assert_snapshot!(said("homeassistant/device/x/config", r#"{"cmps":{}}"#), @"! bad_discovery -: homeassistant/device/x/config: device: has neither identifiers nor connections");
    insta::assert_snapshot!(said("homeassistant/device/x/config", r#"{"dev":{"ids":"a"},"cmps":{"y":{}}}"#), @"! bad_discovery -: homeassistant/device/x/config: components.y: has no platform");
    insta::assert_snapshot!(said("homeassistant/sensor/x/config", &" ".repeat(DISCOVERY_BYTES_MAX + 1)), @"");
    let mut adapter = HomeAssistant::new("other/");
    assert!(!adapter.decode(&entry("homeassistant/sensor/x/config", "{}"), &mut Decoded::default()));
    assert!(!adapter.decode(&entry("other/status", "online"), &mut Decoded::default()));
    assert_eq!(
        message_lines(&[birth_message("other"), will_message("other")]),
        "other/status online qos 1\nother/status offline qos 1\n"
    );
}

#[test]
fn a_storm_is_taken_in_once() {
    let (devices, components) = (20, 25);
    let mut adapter = HomeAssistant::default();
    let mut storm = |out: &mut Decoded| {
        for device in 0..devices {
            for component in 0..components {
                let config = json!({"state_topic": format!("z/{device}"), "unique_id": format!("{device}_{component}"),
                    "value_template": format!("{{{{ value_json.p{component} }}}}"), "unit_of_measurement": "W",
                    "device": {"identifiers": [format!("z_{device}")], "name": format!("Device {device}")}});
                adapter.decode(
                    &entry(&format!("homeassistant/sensor/{device}/p{component}/config"), config.to_string()),
                    out,
                );
            }
        }
    };
    let mut first = Decoded::default();
    storm(&mut first);
    assert_eq!(first.discovered.len(), devices, "each thing is told of once in a batch");
    assert!(first.discovered.iter().all(|found| found.model.properties.len() == components));
    assert_eq!(first.retained_wanted.len(), devices, "one state topic each");
    let mut again = Decoded::default();
    storm(&mut again);
    assert!(again.discovered.is_empty() && again.diagnostics.is_empty());

    let state: serde_json::Map<String, Json> = (0..components).map(|i| (format!("p{i}"), json!(i))).collect();
    let decoded = decode(&mut adapter, "z/7", Json::Object(state).to_string());
    assert_eq!(decoded.records.len(), components);
    let revision = adapter.revision();
    let mut restored = HomeAssistant::default();
    restored.restore(adapter.save());
    assert_eq!(adapter.revision(), revision);
    assert_eq!(restored.save(), adapter.save());
    assert!(adapter.is_about(&thing("z_7"), "z/7") && !adapter.is_about(&thing("z_7"), "z/8"));
    adapter.forget(&thing("z_7"));
    assert!(!adapter.knows(&thing("z_7")));
    let mut found = Decoded::default();
    let config = json!({"state_topic": "z/7", "unique_id": "7_0", "device": {"identifiers": ["z_7"]}}).to_string();
    adapter.decode(&entry("homeassistant/sensor/7/p0/config", config), &mut found);
    assert_eq!(found.discovered.len(), 1, "a forgotten thing is found again when it is described again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_configuration_makes_it_panic(
        kind in prop::sample::select(vec!["sensor", "light", "cover", "climate", "update", "siren", "fan", "valve", "vacuum", "event", "device"]),
        keys in prop::collection::vec(prop::sample::select(vec!["stat_t", "cmd_t", "val_tpl", "schema", "bri", "brightness", "brightness_scale", "avty", "dev", "uniq_id", "pos_t", "set_pos_t", "pos_open", "ops", "modes", "mode_stat_t", "~", "min", "qos", "cmps", "name", "sup_clrm", "json_attr_t", "exp_aft"]), 0..12),
        values in prop::collection::vec(prop_oneof![
            Just(json!(null)), Just(json!(true)), any::<i32>().prop_map(Json::from), "[a-z~/+]{0,6}".prop_map(Json::from),
            Just(json!("s")), Just(json!("json")), Just(json!("template")), Just(json!({"ids": "d"})), Just(json!([{"t": "s"}])),
            Just(json!({"a": {"p": "sensor", "stat_t": "s"}})), "[{}% .|a-z0-9('\\[\\])]{0,20}".prop_map(|t| Json::from(format!("{{{{ {t} }}}}"))),
        ], 12),
        state in prop_oneof![Just("ON".to_owned()), ".{0,20}", "[0-9]{1,4}", Just(r#"{"state":"ON","brightness":1e9}"#.to_owned())],
    ) {
        let config: serde_json::Map<String, Json> = keys.into_iter().map(str::to_owned).zip(values).collect();
        let mut adapter = HomeAssistant::default();
        let found = decode(&mut adapter, &format!("homeassistant/{kind}/x/config"), Json::Object(config).to_string());
        testing::decode(&mut adapter, "s", &state);
        for found in &found.discovered {
            for name in found.model.properties.keys() {
                for value in [json!(true), json!(1e300), json!("x"), json!({"r": 1}), json!(null)] {
                    let _encoded = adapter.encode(&command(found.thing.as_str(), name.as_str(), true, value));
                }
            }
        }
        let mut restored = HomeAssistant::default();
        restored.restore(adapter.save());
        prop_assert_eq!(restored.save(), adapter.save());
    }

    #[test]
    fn no_template_makes_it_panic(source in "(\\{\\{|\\}\\}|\\{%|%\\}|value|value_json|\\||is|not|if|for|in|'|\"|[.()\\[\\]a-z0-9 ]){0,24}", payload in ".{0,20}") {
        render(&source, &payload);
    }
}
