//! Messages as real producers send them, or nearly so, and what becomes of them.
//!
//! `linux2mqtt` (1.7.0) and `ha-mqtt-discoverable` (0.26.0) were run against a broker and listened to; the messages of
//! the others are as their documentation, tests and issue reports show them. Those in the style of ESPHome were
//! recorded nowhere: they were written by hand, with the keys and topics that it is known to use.

use serde_json::json;

use super::HomeAssistant;
use crate::testing::{command, decode, lines, message_lines};
use crate::{Adapter, Decoded};

/// Everything that a conversation says, message by message.
fn hear(adapter: &mut HomeAssistant, messages: &[(&str, &str)]) -> String {
    messages.iter().map(|(topic, payload)| lines(&decode(adapter, topic, payload))).collect()
}

fn write(adapter: &HomeAssistant, thing: &str, property: &str, value: serde_json::Value) -> String {
    adapter
        .encode(&command(thing, property, true, value))
        .map_or_else(|error| error.to_string(), |encoded| message_lines(&encoded.messages))
}

fn invoke(adapter: &HomeAssistant, thing: &str, action: &str, input: serde_json::Value) -> String {
    adapter
        .encode(&command(thing, action, false, input))
        .map_or_else(|error| error.to_string(), |encoded| message_lines(&encoded.messages))
}

fn model(decoded: &Decoded) -> String {
    let model = &decoded.discovered.last().expect("a thing was found").model;
    serde_json::to_string(&json!({"title": model.title, "properties": model.properties, "actions": model.actions}))
        .unwrap()
}

const LINUX: &[(&str, &str)] = &[
    (
        "homeassistant/sensor/linux/host1_cpu/config",
        r#"{"name": "CPU", "unique_id": "host1_linux_cpu", "availability_topic": "linux/host1/cpu/availability", "payload_available": "online", "payload_not_available": "offline", "state_topic": "linux/host1/cpu/state", "value_template": "{{ value_json.used if value_json is not undefined and value_json.used is not undefined else None }}", "unit_of_measurement": "%", "icon": "mdi:chip", "payload_on": "on", "payload_off": "off", "device": {"identifiers": "host1_linux", "name": "host1 Linux", "model": "Linux x86_64"}, "json_attributes_topic": "linux/host1/cpu/state", "qos": 1}"#,
    ),
    ("linux/host1/cpu/availability", "online"),
    (
        "homeassistant/sensor/linux/host1_disk_usage__volume___/config",
        r#"{"name": "Disk Usage (Volume:/)", "unique_id": "host1_linux_disk_usage__volume___", "availability_topic": "linux/host1/disk_usage__volume___/availability", "payload_available": "online", "payload_not_available": "offline", "state_topic": "linux/host1/disk_usage__volume___/state", "value_template": "{{ value_json.used if value_json is not undefined and value_json.used is not undefined else None }}", "unit_of_measurement": "GB", "icon": "mdi:harddisk", "device_class": "data_size", "payload_on": "on", "payload_off": "off", "device": {"identifiers": "host1_linux", "name": "host1 Linux", "model": "Linux x86_64"}, "json_attributes_topic": "linux/host1/disk_usage__volume___/state", "qos": 1}"#,
    ),
    (
        "homeassistant/sensor/linux/host1_network_connections/config",
        r#"{"name": "Network Connections", "unique_id": "host1_linux_network_connections", "availability_topic": "linux/host1/network_connections/availability", "payload_available": "online", "payload_not_available": "offline", "state_topic": "linux/host1/network_connections/state", "value_template": "{{ value_json.count if value_json is not undefined and value_json.count is not undefined else None }}", "icon": "mdi:ip-network", "payload_on": "on", "payload_off": "off", "device": {"identifiers": "host1_linux", "name": "host1 Linux", "model": "Linux x86_64"}, "json_attributes_topic": "linux/host1/network_connections/state", "qos": 1}"#,
    ),
    (
        "linux/host1/disk_usage__volume___/state",
        r#"{"total": 270.553174016, "used": 17.690054656, "free": 79.882694656, "percent": 18.1}"#,
    ),
    (
        "linux/host1/network_connections/state",
        r#"{"count": 8, "total": 8, "ipv4": 0, "ipv6": 0, "listening_ports": [2024], "outbound": [], "inbound": []}"#,
    ),
    ("linux/host1/cpu/state", r#"{"user": 0.1, "nice": 0.0, "system": 0.7, "idle": 98.8, "used": 1.2000000000000028}"#),
    ("linux/host1/cpu/state", r#"{"user": 0.1}"#),
    ("linux/host1/cpu/availability", "offline"),
    ("linux/host1/disk_usage__volume___/availability", "offline"),
    ("linux/host1/network_connections/availability", "offline"),
];

#[test]
fn linux2mqtt() {
    insta::assert_snapshot!(hear(&mut HomeAssistant::default(), LINUX), @r#"
    found host1_linux "host1 Linux" [sensor] properties cpu,cpu_attributes events  actions 
    presence host1_linux.presence = Text("online")
    found host1_linux "host1 Linux" [sensor] properties cpu,cpu_attributes,disk_usage_volume,disk_usage_volume_attributes events  actions 
    found host1_linux "host1 Linux" [sensor] properties cpu,cpu_attributes,disk_usage_volume,disk_usage_volume_attributes,network_connections,network_connections_attributes events  actions 
    property host1_linux.disk_usage_volume = Float(17.690054656)
    property host1_linux.disk_usage_volume_attributes = Json(Object {"total": Number(270.553174016), "used": Number(17.690054656), "free": Number(79.882694656), "percent": Number(18.1)})
    property host1_linux.network_connections = Float(8.0)
    property host1_linux.network_connections_attributes = Json(Object {"count": Number(8), "total": Number(8), "ipv4": Number(0), "ipv6": Number(0), "listening_ports": Array [Number(2024)], "outbound": Array [], "inbound": Array []})
    found host1_linux "host1 Linux" [sensor] properties cpu,cpu_attributes,disk_usage_volume,disk_usage_volume_attributes,network_connections,network_connections_attributes events  actions 
    property host1_linux.cpu = Float(1.2000000000000028)
    property host1_linux.cpu_attributes = Json(Object {"user": Number(0.1), "nice": Number(0.0), "system": Number(0.7), "idle": Number(98.8), "used": Number(1.2000000000000028)})
    property host1_linux.cpu = Null
    property host1_linux.cpu_attributes = Json(Object {"user": Number(0.1)})
    presence host1_linux.presence = Text("offline")
    "#);
}

#[test]
fn ha_mqtt_discoverable() {
    const DEVICE: &str = r#""device": {"name": "Garden hub", "model": "G1", "manufacturer": "Acme", "identifiers": ["hub-7"], "suggested_area": "Garden", "via_device": "gate-1"}"#;
    let config = |component: &str, object: &str, body: &str| {
        (
            format!("homeassistant/{component}/Garden-hub/{object}/config"),
            format!(r#"{{"component": "{component}", {DEVICE}, {body}}}"#),
        )
    };
    let configs = [
        config(
            "sensor",
            "Soil-temperature",
            r#""device_class": "temperature", "name": "Soil temperature", "unique_id": "soil_t", "unit_of_measurement": "\u00b0C", "suggested_display_precision": 1, "state_topic": "hmd/sensor/Garden-hub/Soil-temperature/state", "json_attributes_topic": "hmd/sensor/Garden-hub/Soil-temperature/attributes""#,
        ),
        config(
            "binary_sensor",
            "Gate-open",
            r#""device_class": "door", "name": "Gate open", "unique_id": "gate", "payload_off": "off", "payload_on": "on", "state_topic": "hmd/binary_sensor/Garden-hub/Gate-open/state", "json_attributes_topic": "hmd/binary_sensor/Garden-hub/Gate-open/attributes""#,
        ),
        config(
            "switch",
            "Pump",
            r#""name": "Pump", "unique_id": "pump", "payload_off": "OFF", "payload_on": "ON", "retain": false, "state_topic": "hmd/switch/Garden-hub/Pump/state", "json_attributes_topic": "hmd/switch/Garden-hub/Pump/attributes", "availability_topic": "hmd/switch/Garden-hub/Pump/availability", "command_topic": "hmd/switch/Garden-hub/Pump/command""#,
        ),
        config(
            "button",
            "Restart",
            r#""name": "Restart", "unique_id": "restart", "payload_press": "PRESS", "retain": false, "json_attributes_topic": "hmd/button/Garden-hub/Restart/attributes", "command_topic": "hmd/button/Garden-hub/Restart/command""#,
        ),
        config(
            "number",
            "Flow",
            r#""name": "Flow", "unique_id": "flow", "max": 10, "min": 0, "mode": "slider", "retain": false, "step": 0.5, "state_topic": "hmd/number/Garden-hub/Flow/state", "json_attributes_topic": "hmd/number/Garden-hub/Flow/attributes", "command_topic": "hmd/number/Garden-hub/Flow/command""#,
        ),
        config(
            "cover",
            "Blind",
            r#""name": "Blind", "unique_id": "blind", "payload_close": "CLOSE", "payload_open": "OPEN", "payload_stop": "STOP", "position_closed": 0, "position_open": 100, "state_open": "open", "state_opening": "opening", "state_closed": "closed", "state_closing": "closing", "state_stopped": "stopped", "retain": false, "state_topic": "hmd/cover/Garden-hub/Blind/state", "command_topic": "hmd/cover/Garden-hub/Blind/command""#,
        ),
        config(
            "light",
            "Lamp",
            r#""name": "Lamp", "unique_id": "lamp", "schema": "json", "payload_off": "OFF", "payload_on": "ON", "brightness": true, "color_mode": true, "supported_color_modes": ["rgb"], "effect": true, "effect_list": ["blink"], "retain": false, "state_topic": "hmd/light/Garden-hub/Lamp/state", "command_topic": "hmd/light/Garden-hub/Lamp/command""#,
        ),
        config(
            "device_automation",
            "Knob",
            r#""name": "Knob", "unique_id": "knob", "automation_type": "trigger", "type": "button_short_press", "subtype": "button_1", "state_topic": "hmd/device_automation/Garden-hub/Knob/state", "topic": "hmd/device_automation/Garden-hub/Knob/state""#,
        ),
    ];
    let mut adapter = HomeAssistant::default();
    let mut found = Decoded::default();
    for (topic, payload) in &configs {
        adapter.decode(&crate::testing::entry(topic, payload), &mut found);
    }
    found.retained_wanted.clear();
    insta::assert_snapshot!(lines(&found), @r#"
    found hub-7 "Garden hub" [cover] properties blind,flow,flow_attributes,gate_open,gate_open_attributes,lamp,lamp_brightness,lamp_color,lamp_effect,pump,pump_attributes,restart_attributes,soil_temperature,soil_temperature_attributes events knob actions blind_close,blind_open,blind_stop,restart
      via Some("gate-1"), in Some("Garden")
    "#);
    insta::assert_snapshot!(model(&found), @r#"{"title":"Acme G1","properties":{"blind":{"title":"Blind","description":"","type":"string","choices":["stopped","opening","closing","open","closed"],"readable":true,"writable":false,"role":"primary"},"flow":{"title":"Flow","description":"","type":"number","minimum":0.0,"maximum":10.0,"step":0.5,"readable":true,"writable":true,"role":"normal"},"flow_attributes":{"title":"Flow attributes","description":"","type":"json","readable":true,"writable":false,"role":"diagnostic"},"gate_open":{"title":"Gate open","description":"","type":"boolean","readable":true,"writable":false,"role":"primary"},"gate_open_attributes":{"title":"Gate open attributes","description":"","type":"json","readable":true,"writable":false,"role":"diagnostic"},"lamp":{"title":"Lamp","description":"","type":"boolean","readable":true,"writable":true,"role":"primary"},"lamp_brightness":{"title":"Lamp brightness","description":"","type":"integer","unit":"%","minimum":0.0,"maximum":100.0,"readable":true,"writable":true,"role":"normal"},"lamp_color":{"title":"Lamp color","description":"","type":"json","readable":true,"writable":true,"role":"normal"},"lamp_effect":{"title":"Lamp effect","description":"","type":"string","choices":["blink"],"readable":true,"writable":true,"role":"normal"},"pump":{"title":"Pump","description":"","type":"boolean","readable":true,"writable":true,"role":"primary"},"pump_attributes":{"title":"Pump attributes","description":"","type":"json","readable":true,"writable":false,"role":"diagnostic"},"restart_attributes":{"title":"Restart attributes","description":"","type":"json","readable":true,"writable":false,"role":"diagnostic"},"soil_temperature":{"title":"Soil temperature","description":"","type":"number","unit":"°C","decimals":1,"readable":true,"writable":false,"role":"primary"},"soil_temperature_attributes":{"title":"Soil temperature attributes","description":"","type":"json","readable":true,"writable":false,"role":"diagnostic"}},"actions":{"blind_close":{"title":"Blind close","description":"","input":{},"hold":true},"blind_open":{"title":"Blind open","description":"","input":{},"hold":true},"blind_stop":{"title":"Blind stop","description":"","input":{},"hold":false},"restart":{"title":"Restart","description":"","input":{},"hold":false}}}"#);
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/sensor/Lone-sensor/config", r#"{"component": "sensor", "name": "Lone sensor", "unit_of_measurement": "W", "state_topic": "hmd/sensor/Lone-sensor/state", "json_attributes_topic": "hmd/sensor/Lone-sensor/attributes"}"#),
        ("hmd/sensor/Garden-hub/Soil-temperature/state", "12.5"),
        ("hmd/sensor/Garden-hub/Soil-temperature/attributes", r#"{"probe": "A"}"#),
        ("hmd/switch/Garden-hub/Pump/availability", "online"),
        ("hmd/binary_sensor/Garden-hub/Gate-open/state", "on"),
        ("hmd/switch/Garden-hub/Pump/state", "ON"),
        ("hmd/number/Garden-hub/Flow/state", "2.5"),
        ("hmd/cover/Garden-hub/Blind/state", "opening"),
        ("hmd/light/Garden-hub/Lamp/state", r#"{"state": "ON"}"#),
        ("hmd/light/Garden-hub/Lamp/state", r#"{"brightness": 128, "state": "ON"}"#),
        ("hmd/light/Garden-hub/Lamp/state", r#"{"color_mode": "rgb", "color": {"r": 255, "g": 0, "b": 10}, "state": "ON"}"#),
        ("hmd/light/Garden-hub/Lamp/state", r#"{"effect": "blink", "state": "ON"}"#),
        ("hmd/sensor/Lone-sensor/state", "5"),
        ("hmd/device_automation/Garden-hub/Knob/state", "pressed"),
        ("hmd/switch/Garden-hub/Pump/availability", "offline"),
    ]), @r#"
    found Lone-sensor "Lone sensor" [sensor] properties sensor,sensor_attributes events  actions 
    property hub-7.soil_temperature = Float(12.5)
    property hub-7.soil_temperature_attributes = Json(Object {"probe": String("A")})
    presence hub-7.presence = Text("online")
    property hub-7.gate_open = Boolean(true)
    property hub-7.pump = Boolean(true)
    property hub-7.flow = Float(2.5)
    property hub-7.blind = Text("opening")
    property hub-7.lamp = Boolean(true)
    property hub-7.lamp = Boolean(true)
    property hub-7.lamp_brightness = Integer(50)
    property hub-7.lamp = Boolean(true)
    property hub-7.lamp_color = Json(Object {"r": Number(255), "g": Number(0), "b": Number(10)})
    property hub-7.lamp = Boolean(true)
    property hub-7.lamp_effect = Text("blink")
    property Lone-sensor.sensor = Float(5.0)
    event hub-7.knob = Text("pressed")
    presence hub-7.presence = Text("offline")
    "#);
    let written = [
        write(&adapter, "hub-7", "pump", json!(true)),
        write(&adapter, "hub-7", "flow", json!(2.5)),
        write(&adapter, "hub-7", "lamp_brightness", json!(50)),
        write(&adapter, "hub-7", "lamp_color", json!({"r": 1, "g": 2, "b": 3})),
        write(&adapter, "hub-7", "lamp", json!(false)),
        invoke(&adapter, "hub-7", "blind_stop", json!(null)),
        invoke(&adapter, "hub-7", "restart", json!(null)),
        write(&adapter, "hub-7", "soil_temperature", json!(1)),
    ];
    insta::assert_snapshot!(written.concat(), @r#"
    hmd/switch/Garden-hub/Pump/command ON qos 0
    hmd/number/Garden-hub/Flow/command 2.5 qos 0
    hmd/light/Garden-hub/Lamp/command {"state":"ON","brightness":128} qos 0
    hmd/light/Garden-hub/Lamp/command {"state":"ON","color":{"r":1,"g":2,"b":3}} qos 0
    hmd/light/Garden-hub/Lamp/command {"state":"OFF"} qos 0
    hmd/cover/Garden-hub/Blind/command STOP qos 0
    hmd/button/Garden-hub/Restart/command PRESS qos 0
    hub-7 takes no command soil_temperature
    "#);
}

#[test]
fn zigbee2mqtt() {
    let mut adapter = HomeAssistant::default();
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/light/0x000b57fffec6a5b2/light/config", r#"{"availability":[{"topic":"zigbee2mqtt/bridge/state","value_template":"{{ value_json.state }}"}],"brightness":true,"brightness_scale":254,"command_topic":"zigbee2mqtt/bulb/set","device":{"identifiers":["zigbee2mqtt_0x000b57fffec6a5b2"],"manufacturer":"IKEA","model":"TRADFRI bulb E26/E27, white spectrum, globe, opal, 980 lm","model_id":"LED1545G12","name":"bulb","via_device":"zigbee2mqtt_bridge_0x00124b00120144ae"},"effect":true,"effect_list":["blink","breathe","okay"],"max_mireds":454,"min_mireds":250,"name":null,"schema":"json","state_topic":"zigbee2mqtt/bulb","supported_color_modes":["color_temp"],"object_id":"bulb","default_entity_id":"light.bulb","unique_id":"0x000b57fffec6a5b2_light_zigbee2mqtt","origin":{"name":"Zigbee2MQTT","sw":"2.1.0","url":"https://www.zigbee2mqtt.io"}}"#),
        ("homeassistant/sensor/0x0017880104e45522/temperature/config", r#"{"unit_of_measurement":"°C","device_class":"temperature","state_class":"measurement","value_template":"{{ value_json[\"temperature\"] }}","state_topic":"zigbee2mqtt/weather_sensor","object_id":"weather_sensor_temperature","unique_id":"0x0017880104e45522_temperature_zigbee2mqtt","device":{"identifiers":["zigbee2mqtt_0x0017880104e45522"],"name":"weather_sensor","model":"Temperature and humidity sensor","manufacturer":"Aqara","via_device":"zigbee2mqtt_bridge_0x00124b00120144ae"},"availability":[{"topic":"zigbee2mqtt/bridge/state","value_template":"{{ value_json.state }}"},{"topic":"zigbee2mqtt/weather_sensor/availability","value_template":"{{ value_json.state }}"}],"availability_mode":"all"}"#),
        ("homeassistant/binary_sensor/0x0017880104e45522/battery_low/config", r#"{"device_class":"battery","entity_category":"diagnostic","payload_off":false,"payload_on":true,"value_template":"{{ value_json[\"battery_low\"] }}","state_topic":"zigbee2mqtt/weather_sensor","unique_id":"0x0017880104e45522_battery_low_zigbee2mqtt","device":{"identifiers":["zigbee2mqtt_0x0017880104e45522"],"name":"weather_sensor"},"availability":[{"topic":"zigbee2mqtt/bridge/state","value_template":"{{ value_json.state }}"},{"topic":"zigbee2mqtt/weather_sensor/availability","value_template":"{{ value_json.state }}"}],"availability_mode":"all"}"#),
        ("zigbee2mqtt/bridge/state", r#"{"state":"online"}"#),
        ("zigbee2mqtt/weather_sensor/availability", r#"{"state":"online"}"#),
        ("zigbee2mqtt/weather_sensor", r#"{"battery":97,"battery_low":false,"humidity":41.2,"linkquality":120,"temperature":21}"#),
        ("zigbee2mqtt/weather_sensor", r#"{"linkquality":120,"temperature":null}"#),
        ("zigbee2mqtt/bulb", r#"{"state":"ON","brightness":127,"color_temp":370,"linkquality":99,"update":{"state":"idle"}}"#),
        ("zigbee2mqtt/weather_sensor/availability", r#"{"state":"offline"}"#),
    ]), @r#"
    found zigbee2mqtt_0x000b57fffec6a5b2 "bulb" [light] properties light,light_brightness,light_color_temp,light_effect events  actions 
      via Some("zigbee2mqtt_bridge_0x00124b00120144ae"), in None
    found zigbee2mqtt_0x0017880104e45522 "weather_sensor" [sensor] properties temperature events  actions 
      via Some("zigbee2mqtt_bridge_0x00124b00120144ae"), in None
    found zigbee2mqtt_0x0017880104e45522 "weather_sensor" [sensor] properties battery_low,temperature events  actions 
      via Some("zigbee2mqtt_bridge_0x00124b00120144ae"), in None
    presence zigbee2mqtt_0x000b57fffec6a5b2.presence = Text("online")
    presence zigbee2mqtt_0x0017880104e45522.presence = Text("online")
    property zigbee2mqtt_0x0017880104e45522.temperature = Float(21.0)
    property zigbee2mqtt_0x0017880104e45522.battery_low = Boolean(false)
    property zigbee2mqtt_0x0017880104e45522.temperature = Null
    property zigbee2mqtt_0x000b57fffec6a5b2.light = Boolean(true)
    property zigbee2mqtt_0x000b57fffec6a5b2.light_brightness = Integer(50)
    property zigbee2mqtt_0x000b57fffec6a5b2.light_color_temp = Integer(370)
    presence zigbee2mqtt_0x0017880104e45522.presence = Text("offline")
    "#);
    let written = [
        write(&adapter, "zigbee2mqtt_0x000b57fffec6a5b2", "light", json!(true)),
        write(&adapter, "zigbee2mqtt_0x000b57fffec6a5b2", "light_brightness", json!(50)),
        write(&adapter, "zigbee2mqtt_0x000b57fffec6a5b2", "light_color_temp", json!(370)),
        write(&adapter, "zigbee2mqtt_0x000b57fffec6a5b2", "light_effect", json!("blink")),
    ];
    insta::assert_snapshot!(written.concat(), @r#"
    zigbee2mqtt/bulb/set {"state":"ON"} qos 0
    zigbee2mqtt/bulb/set {"state":"ON","brightness":127} qos 0
    zigbee2mqtt/bulb/set {"state":"ON","color_temp":370} qos 0
    zigbee2mqtt/bulb/set {"state":"ON","effect":"blink"} qos 0
    "#);
}

#[test]
fn zigbee2mqtt_thermostat_cover_and_update() {
    let mut adapter = HomeAssistant::default();
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/climate/0x0017882104a44559/climate/config", r#"{"action_template":"{% set values = {None:None,'idle':'idle','heat':'heating','cool':'cooling','fan_only':'fan'} %}{{ values[value_json[\"running_state\"]] }}","action_topic":"zigbee2mqtt/trv","current_temperature_template":"{{ value_json[\"local_temperature\"] }}","current_temperature_topic":"zigbee2mqtt/trv","device":{"identifiers":["zigbee2mqtt_0x0017882104a44559"],"manufacturer":"Tuya","model":"Radiator valve with thermostat","name":"trv"},"preset_mode_command_topic":"zigbee2mqtt/trv/set/preset","preset_modes":["schedule","manual"],"preset_mode_value_template":"{{ value_json[\"preset\"] }}","preset_mode_state_topic":"zigbee2mqtt/trv","max_temp":"35","min_temp":"5","mode_command_topic":"zigbee2mqtt/trv/set/system_mode","mode_state_template":"{{ value_json[\"system_mode\"] }}","mode_state_topic":"zigbee2mqtt/trv","modes":["heat","auto","off"],"name":null,"temp_step":0.5,"temperature_command_topic":"zigbee2mqtt/trv/set/current_heating_setpoint","temperature_state_template":"{{ value_json[\"current_heating_setpoint\"] }}","temperature_state_topic":"zigbee2mqtt/trv","temperature_unit":"C","unique_id":"0x0017882104a44559_climate_zigbee2mqtt"}"#),
        ("zigbee2mqtt/trv", r#"{"local_temperature":20.5,"preset":"manual","system_mode":"heat","current_heating_setpoint":21,"running_state":"heat"}"#),
        ("homeassistant/cover/0x0017880104e45551/cover/config", r#"{"command_topic":"zigbee2mqtt/smart vent/set","position_topic":"zigbee2mqtt/smart vent","set_position_topic":"zigbee2mqtt/smart vent/set","set_position_template":"{ \"position\": {{ position }} }","position_template":"{{ value_json[\"position\"] }}","state_topic":"zigbee2mqtt/smart vent","value_template":"{{ value_json[\"state\"] }}","state_open":"OPEN","state_closed":"CLOSE","state_stopped":"STOP","name":null,"unique_id":"0x0017880104e45551_cover_zigbee2mqtt","device":{"identifiers":["zigbee2mqtt_0x0017880104e45551"],"name":"smart vent","model":"Smart vent","manufacturer":"Keen Home"}}"#),
        ("zigbee2mqtt/smart vent", r#"{"state":"OPEN","position":70}"#),
        ("homeassistant/update/0x000b57fffec6a5b2/update/config", r#"{"command_topic":"zigbee2mqtt/bridge/request/device/ota_update/update","device":{"identifiers":["zigbee2mqtt_0x000b57fffec6a5b2"],"name":"bulb"},"device_class":"firmware","entity_category":"config","name":null,"payload_install":"{\"id\": \"0x000b57fffec6a5b2\"}","state_topic":"zigbee2mqtt/bulb","unique_id":"0x000b57fffec6a5b2_update_zigbee2mqtt","value_template":"{\"latest_version\":\"{{ value_json['update']['latest_version'] }}\",\"installed_version\":\"{{ value_json['update']['installed_version'] }}\",\"update_percentage\":{{ value_json['update'].get('progress', 'null') }},\"in_progress\":{{ (value_json['update']['state'] == 'updating')|lower }}}"}"#),
        ("zigbee2mqtt/bulb", r#"{"update":{"state":"updating","installed_version":16,"latest_version":17,"progress":33.37}}"#),
        ("homeassistant/event/0x0017880104e45520/action/config", r#"{"device":{"identifiers":["zigbee2mqtt_0x0017880104e45520"],"name":"button"},"event_types":["single","double"],"name":"Action","state_topic":"zigbee2mqtt/button","unique_id":"0x0017880104e45520_action_zigbee2mqtt","value_template":"{% set ns = namespace(r=[]) %}{% for p in [] %}{% continue %}{% endfor %}{{ dict.from_keys(ns.r)|to_json }}"}"#),
        ("zigbee2mqtt/button", r#"{"action":"single"}"#),
        ("homeassistant/device_automation/0x0017880104e45522/action_double/config", r#"{"automation_type":"trigger","type":"action","subtype":"double","payload":"double","topic":"zigbee2mqtt/knob/action","device":{"identifiers":["zigbee2mqtt_0x0017880104e45522"],"name":"knob"}}"#),
        ("zigbee2mqtt/knob/action", "double"),
        ("zigbee2mqtt/knob/action", "single"),
        ("homeassistant/select/1221_0x00124b00120144ae/log_level/config", r#"{"name":"Log level","entity_category":"config","unique_id":"bridge_0x00124b00120144ae_log_level_zigbee2mqtt","state_topic":"zigbee2mqtt/bridge/info","value_template":"{{ value_json.log_level | lower }}","command_topic":"zigbee2mqtt/bridge/request/options","command_template":"{\"options\": {\"advanced\": {\"log_level\": \"{{ value }}\" } } }","options":["error","warning","info","debug"],"device":{"identifiers":["zigbee2mqtt_bridge_0x00124b00120144ae"],"name":"Zigbee2MQTT Bridge"}}"#),
        ("zigbee2mqtt/bridge/info", r#"{"log_level":"INFO"}"#),
    ]), @r#"
    found zigbee2mqtt_0x0017882104a44559 "trv" [thermostat] properties climate_action,climate_current_temperature,climate_mode,climate_preset_mode,climate_target_temperature events  actions 
    property zigbee2mqtt_0x0017882104a44559.climate_mode = Text("heat")
    property zigbee2mqtt_0x0017882104a44559.climate_target_temperature = Float(21.0)
    property zigbee2mqtt_0x0017882104a44559.climate_current_temperature = Float(20.5)
    property zigbee2mqtt_0x0017882104a44559.climate_action = Text("heating")
    property zigbee2mqtt_0x0017882104a44559.climate_preset_mode = Text("manual")
    found zigbee2mqtt_0x0017880104e45551 "smart vent" [cover] properties cover,cover_position events  actions cover_close,cover_open,cover_stop
    property zigbee2mqtt_0x0017880104e45551.cover = Text("open")
    property zigbee2mqtt_0x0017880104e45551.cover_position = Integer(70)
    found zigbee2mqtt_0x000b57fffec6a5b2 "bulb" [] properties update_installed_version,update_latest_version,update_progress events  actions update_install
    property zigbee2mqtt_0x000b57fffec6a5b2.update_installed_version = Text("16")
    property zigbee2mqtt_0x000b57fffec6a5b2.update_latest_version = Text("17")
    property zigbee2mqtt_0x000b57fffec6a5b2.update_progress = Integer(33)
    found zigbee2mqtt_0x0017880104e45520 "button" [] properties  events action actions 
    ! unsupported_template zigbee2mqtt_0x0017880104e45520: Action: value_template "{% set ns = namespace(r=[]) %}{% for p in [] %}{% continue %}{% endfor %}{{ dict…": the tag continue is not supported
    found zigbee2mqtt_0x0017880104e45522 "knob" [] properties  events action_double actions 
    event zigbee2mqtt_0x0017880104e45522.action_double = Text("double")
    found zigbee2mqtt_bridge_0x00124b00120144ae "Zigbee2MQTT Bridge" [] properties log_level events  actions 
    property zigbee2mqtt_bridge_0x00124b00120144ae.log_level = Text("info")
    "#);
    let written = [
        write(&adapter, "zigbee2mqtt_0x0017882104a44559", "climate_target_temperature", json!(21.0)),
        write(&adapter, "zigbee2mqtt_0x0017882104a44559", "climate_mode", json!("off")),
        write(&adapter, "zigbee2mqtt_0x0017880104e45551", "cover_position", json!(30)),
        invoke(&adapter, "zigbee2mqtt_0x0017880104e45551", "cover_open", json!(null)),
        invoke(&adapter, "zigbee2mqtt_0x000b57fffec6a5b2", "update_install", json!(null)),
        write(&adapter, "zigbee2mqtt_bridge_0x00124b00120144ae", "log_level", json!("debug")),
    ];
    insta::assert_snapshot!(written.concat(), @r#"
    zigbee2mqtt/trv/set/current_heating_setpoint 21 qos 0
    zigbee2mqtt/trv/set/system_mode off qos 0
    zigbee2mqtt/smart vent/set { "position": 30 } qos 0
    zigbee2mqtt/smart vent/set OPEN qos 0
    zigbee2mqtt/bridge/request/device/ota_update/update {"id": "0x000b57fffec6a5b2"} qos 0
    zigbee2mqtt/bridge/request/options {"options": {"advanced": {"log_level": "debug" } } } qos 0
    "#);
}

#[test]
fn tasmota() {
    let mut adapter = HomeAssistant::default();
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/light/001B6E_LI_1/config", r#"{"name":"iot-led-110","cmd_t":"home/cmnd/iot-led-110/POWER","stat_t":"home/tele/iot-led-110/STATE","val_tpl":"{{value_json.POWER}}","pl_off":"OFF","pl_on":"ON","pl_avail":"Online","pl_not_avail":"Offline","avty_t":"home/tele/iot-led-110/LWT","uniq_id":"001B6E_LI_1","device":{"identifiers":["001B6E"]},"bri_cmd_t":"home/cmnd/iot-led-110/Dimmer","bri_stat_t":"home/tele/iot-led-110/STATE","bri_scl":100,"on_cmd_type":"brightness","bri_val_tpl":"{{value_json.Dimmer}}","rgb_cmd_t":"home/cmnd/iot-led-110/Color2","rgb_stat_t":"home/tele/iot-led-110/STATE","rgb_val_tpl":"{{value_json.Color.split(',')[0:3]|join(',')}}","fx_list":["0","1","2"],"fx_cmd_t":"home/cmnd/iot-led-110/Scheme","fx_stat_t":"home/tele/iot-led-110/STATE","fx_val_tpl":"{{value_json.Scheme}}"}"#),
        ("homeassistant/sensor/522851_ENERGY_Today/config", r#"{"name":"Tasmota ENERGY Today","stat_t":"~SENSOR","avty_t":"~LWT","pl_avail":"Online","pl_not_avail":"Offline","uniq_id":"522851_ENERGY_Today","device":{"identifiers":["522851"],"connections":[["mac","84:0D:8E:52:28:51"]]},"~":"tasmota01/tele/","unit_of_meas":"kWh","val_tpl":"{{value_json['ENERGY'].Today}}","dev_cla":"power"}"#),
        ("homeassistant/sensor/522851_status/config", r#"{"name":"Tasmota status","stat_t":"~HASS_STATE","avty_t":"~LWT","frc_upd":true,"pl_avail":"Online","pl_not_avail":"Offline","json_attributes_topic":"~HASS_STATE","unit_of_meas":" ","val_tpl":"{{value_json['RSSI']}}","ic":"mdi:information-outline","uniq_id":"522851_status","device":{"identifiers":["522851"],"name":"Tasmota","model":"Gosund SP1 v23","sw_version":"7.1.1(tasmota)","manufacturer":"Tasmota"},"~":"tasmota01/tele/"}"#),
        ("homeassistant/binary_sensor/522851_SW_1/config", ""),
        ("tasmota01/tele/LWT", "Online"),
        ("tasmota01/tele/SENSOR", r#"{"Time":"2020-10-17T18:56:16","ENERGY":{"Total":261.244,"Yesterday":1.737,"Today":1.163,"Power":76}}"#),
        ("tasmota01/tele/HASS_STATE", r#"{"Version":"7.1.1(tasmota)","RSSI":"88"}"#),
        ("home/tele/iot-led-110/STATE", r#"{"Time":"2021-01-08T10:00:00","POWER":"ON","Dimmer":40,"Color":"102,51,0,0,0","Scheme":0}"#),
        ("tasmota01/tele/LWT", "Offline"),
    ]), @r#"
    found 001B6E "" [light] properties li_1,li_1_brightness,li_1_color_rgb,li_1_effect events  actions 
    found 522851 "" [sensor] properties energy_today events  actions 
    found 522851 "Tasmota" [sensor] properties energy_today,status,status_attributes events  actions 
    presence 522851.presence = Text("online")
    property 522851.energy_today = Float(1.163)
    property 522851.status = Float(88.0)
    property 522851.status_attributes = Json(Object {"Version": String("7.1.1(tasmota)"), "RSSI": String("88")})
    found 522851 "Tasmota" [sensor] properties energy_today,status,status_attributes events  actions 
    property 001B6E.li_1 = Boolean(true)
    property 001B6E.li_1_brightness = Integer(40)
    property 001B6E.li_1_effect = Text("0")
    property 001B6E.li_1_color_rgb = Json(Object {"r": Number(102), "g": Number(51), "b": Number(0)})
    presence 522851.presence = Text("offline")
    "#);
    let written = [
        write(&adapter, "001B6E", "li_1", json!(false)),
        write(&adapter, "001B6E", "li_1_brightness", json!(40)),
        write(&adapter, "001B6E", "li_1_color_rgb", json!({"r": 1, "g": 2, "b": 3})),
    ];
    insta::assert_snapshot!(written.concat(), @r"
    home/cmnd/iot-led-110/POWER OFF qos 0
    home/cmnd/iot-led-110/Dimmer 40 qos 0
    home/cmnd/iot-led-110/Color2 1,2,3 qos 0
    ");
}

#[test]
fn esphome() {
    let mut adapter = HomeAssistant::default();
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/sensor/livingroom/living_room_temperature/config", r#"{"dev_cla":"temperature","unit_of_meas":"°C","stat_cla":"measurement","sug_dsp_prc":1,"name":"Living Room Temperature","stat_t":"livingroom/sensor/living_room_temperature/state","avty_t":"livingroom/status","uniq_id":"ESPsensorliving_room_temperature","dev":{"ids":"a4cf12ee0011","name":"livingroom","sw":"esphome v2024.6.0","mdl":"nodemcuv2","mf":"espressif","sa":"Living Room","cns":[["mac","a4:cf:12:ee:00:11"]]}}"#),
        ("homeassistant/light/livingroom/strip/config", r#"{"schema":"json","clrm":true,"supported_color_modes":["rgb"],"brightness":true,"effect":true,"effect_list":["None","Rainbow"],"name":"Strip","stat_t":"livingroom/light/strip/state","cmd_t":"livingroom/light/strip/command","avty_t":"livingroom/status","uniq_id":"ESPlightstrip","dev":{"ids":"a4cf12ee0011","name":"livingroom"}}"#),
        ("homeassistant/switch/livingroom/relay/config", r#"{"name":"Relay","stat_t":"livingroom/switch/relay/state","cmd_t":"livingroom/switch/relay/command","avty":[{"t":"livingroom/status","pl_avail":"online","pl_not_avail":"offline"}],"uniq_id":"ESPswitchrelay","dev":{"ids":"a4cf12ee0011"},"en":false}"#),
        ("livingroom/status", "online"),
        ("livingroom/sensor/living_room_temperature/state", "21.4"),
        ("livingroom/sensor/living_room_temperature/state", "nan"),
        ("livingroom/light/strip/state", r#"{"effect":"None","color_mode":"rgb","state":"ON","brightness":255,"color":{"r":255,"g":120,"b":0}}"#),
        ("livingroom/switch/relay/state", "OFF"),
    ]), @r#"
    found a4cf12ee0011 "livingroom" [sensor] properties living_room_temperature events  actions 
      via None, in Some("Living Room")
    found a4cf12ee0011 "livingroom" [light] properties living_room_temperature,strip,strip_brightness,strip_color,strip_effect events  actions 
      via None, in Some("Living Room")
    found a4cf12ee0011 "livingroom" [light] properties living_room_temperature,relay,strip,strip_brightness,strip_color,strip_effect events  actions 
      via None, in Some("Living Room")
    presence a4cf12ee0011.presence = Text("online")
    property a4cf12ee0011.living_room_temperature = Float(21.4)
    ! not_finite a4cf12ee0011: living_room_temperature: "nan" is not a finite number
    property a4cf12ee0011.strip = Boolean(true)
    property a4cf12ee0011.strip_brightness = Integer(100)
    property a4cf12ee0011.strip_color = Json(Object {"r": Number(255), "g": Number(120), "b": Number(0)})
    property a4cf12ee0011.strip_effect = Text("None")
    property a4cf12ee0011.relay = Boolean(false)
    "#);
}

#[test]
fn zwave_js_ui() {
    let mut adapter = HomeAssistant::default();
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/climate/ThermostatTest3/climate/config", r#"{"min_temp":41,"max_temp":99,"temp_step":1,"temperature_unit":"F","modes":["off","heat","cool","auto"],"mode_state_template":"{{ {0: \"off\", 1: \"heat\", 2: \"cool\", 3: \"auto\"}[value_json.value] | default('off') }}","mode_command_template":"{{ {\"off\": 0, \"heat\": 1, \"cool\": 2, \"auto\": 3}[value] }}","current_temperature_topic":"zwave/T3/49/0/Air_temperature","current_temperature_template":"{{ value_json.value }}","temperature_state_topic":"zwave/T3/67/0/setpoint/1","temperature_state_template":"{{ value_json.value }}","temperature_command_topic":"zwave/T3/67/0/setpoint/1/set","mode_state_topic":"zwave/T3/64/0/mode","mode_command_topic":"zwave/T3/64/0/mode/set","device":{"identifiers":["zwavejs2mqtt_0xe6a4e4c1_node6"],"manufacturer":"Trane","model":"XR524","name":"T3","sw_version":"9.13.0"},"name":"T3_thermostat","unique_id":"zwavejs2mqtt_0xe6a4e4c1_6_climate"}"#),
        ("homeassistant/binary_sensor/door/sensor_state_any/config", r#"{"payload_on":true,"payload_off":false,"value_template":"{{ value_json.value }}","device_class":"door","state_topic":"zwave/door/48/0/Any","availability":[{"topic":"zwave/door/status","payload_available":"true","payload_not_available":"false","value_template":"{{'true' if value_json.value else 'false'}}"},{"topic":"zwave/_CLIENTS/ZWAVE_GATEWAY-zwave-js-ui/status","value_template":"{{'online' if value_json.value else 'offline'}}"}],"availability_mode":"all","device":{"identifiers":["zwavejs2mqtt_0xe6a4e4c1_node7"],"name":"door"},"unique_id":"zwavejs2mqtt_0xe6a4e4c1_7-48-0-Any"}"#),
        ("zwave/T3/64/0/mode", r#"{"time":1700000000000,"value":2}"#),
        ("zwave/T3/64/0/mode", r#"{"time":1700000000000,"value":9}"#),
        ("zwave/T3/49/0/Air_temperature", r#"{"time":1700000000000,"value":70.5}"#),
        ("zwave/door/48/0/Any", r#"{"time":1700000000000,"value":true}"#),
        ("zwave/door/status", r#"{"time":1700000000000,"value":true,"status":"Alive","nodeId":7}"#),
        ("zwave/_CLIENTS/ZWAVE_GATEWAY-zwave-js-ui/status", r#"{"value":true,"time":1700000000000}"#),
    ]), @r#"
    found zwavejs2mqtt_0xe6a4e4c1_node6 "T3" [thermostat] properties climate_current_temperature,climate_mode,climate_target_temperature events  actions 
    found zwavejs2mqtt_0xe6a4e4c1_node7 "door" [sensor] properties sensor_state_any events  actions 
    property zwavejs2mqtt_0xe6a4e4c1_node6.climate_mode = Text("cool")
    property zwavejs2mqtt_0xe6a4e4c1_node6.climate_mode = Text("off")
    property zwavejs2mqtt_0xe6a4e4c1_node6.climate_current_temperature = Float(70.5)
    property zwavejs2mqtt_0xe6a4e4c1_node7.sensor_state_any = Boolean(true)
    presence zwavejs2mqtt_0xe6a4e4c1_node7.presence = Text("online")
    "#);
    insta::assert_snapshot!(write(&adapter, "zwavejs2mqtt_0xe6a4e4c1_node6", "climate_mode", json!("cool")), @"zwave/T3/64/0/mode/set 2 qos 0");
}

#[test]
fn shelly() {
    let mut adapter = HomeAssistant::default();
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/cover/shellyswitch25-Rolladen_WZ5-roller-0/config", r#"{"name": "wz5", "cmd_t": "~roller/0/command", "pos_t": "~roller/0/pos", "stat_t": "~roller/0", "stat_closing": "close", "stat_opening": "open", "stat_stopped": "stop", "pos_tpl": "{%if value!=-1%}{{value}}{%endif%}", "set_pos_t": "~roller/0/command/pos", "pl_open": "open", "pl_cls": "close", "pl_stop": "stop", "avty_t": "~online", "pl_avail": "true", "pl_not_avail": "false", "uniq_id": "shellyswitch25-rolladen_wz5-roller-0", "opt": "false", "qos": 2, "dev": {"ids": ["2462ab00c7d8"], "name": "Shelly 2.5 Rolladen_WZ5", "mdl": "Shelly 2.5", "sw": "20210115-103025/v1.9.4@e2732e05", "mf": "Allterco Robotics"}, "~": "shellies/shellyswitch25-Rolladen_WZ5/", "dev_cla": "shutter"}"#),
        ("shellies/shellyswitch25-Rolladen_WZ5/online", "true"),
        ("shellies/shellyswitch25-Rolladen_WZ5/roller/0", "open"),
        ("shellies/shellyswitch25-Rolladen_WZ5/roller/0", "stop"),
        ("shellies/shellyswitch25-Rolladen_WZ5/roller/0/pos", "37"),
        ("homeassistant/cover/shellyplus2pm-XXX-roller-0/config", r#"{"name":"shellyplus2pm-XXX Roller 0","enabled_by_default":false,"cmd_t":"~rpc","pl_open":"{\"id\":0,\"src\":\"domoticz\",\"method\":\"Cover.Open\",\"params\":{\"id\":0}}","pl_cls":"{\"id\":0,\"src\":\"domoticz\",\"method\":\"Cover.Close\",\"params\":{\"id\":0}}","pl_stop":"{\"id\":0,\"src\":\"domoticz\",\"method\":\"Cover.Stop\",\"params\":{\"id\":0}}","stat_t":"~status/cover:0","value_template":"{{ value_json.state }}","pos_t":"~status/cover:0","pos_tpl":"{{ value_json.current_pos }}","pos_open":100,"pos_clsd":0,"uniq_id":"shellyplus2pm-XXX-roller-0","avty_t":"~online","pl_avail":"true","pl_not_avail":"false","qos":1,"~":"shellyplus2pm-XXX/"}"#),
        ("shellyplus2pm-XXX/status/cover:0", r#"{"id":0,"state":"stopped","apower":0,"current_pos":20}"#),
    ]), @r#"
    found 2462ab00c7d8 "Shelly 2.5 Rolladen_WZ5" [cover] properties shellyswitch25_rolladen_wz5_roller_0,shellyswitch25_rolladen_wz5_roller_0_position events  actions shellyswitch25_rolladen_wz5_roller_0_close,shellyswitch25_rolladen_wz5_roller_0_open,shellyswitch25_rolladen_wz5_roller_0_stop
    presence 2462ab00c7d8.presence = Text("online")
    property 2462ab00c7d8.shellyswitch25_rolladen_wz5_roller_0 = Text("opening")
    property 2462ab00c7d8.shellyswitch25_rolladen_wz5_roller_0 = Text("stopped")
    property 2462ab00c7d8.shellyswitch25_rolladen_wz5_roller_0_position = Integer(37)
    found shellyplus2pm-XXX-roller-0 "shellyplus2pm-XXX Roller 0" [cover] properties cover,cover_position events  actions cover_close,cover_open,cover_stop
    property shellyplus2pm-XXX-roller-0.cover = Text("stopped")
    property shellyplus2pm-XXX-roller-0.cover_position = Integer(20)
    "#);
    let written = [
        write(&adapter, "2462ab00c7d8", "shellyswitch25_rolladen_wz5_roller_0_position", json!(30)),
        invoke(&adapter, "2462ab00c7d8", "shellyswitch25_rolladen_wz5_roller_0_stop", json!(null)),
        invoke(&adapter, "shellyplus2pm-XXX-roller-0", "cover_open", json!(null)),
    ];
    insta::assert_snapshot!(written.concat(), @r#"
    shellies/shellyswitch25-Rolladen_WZ5/roller/0/command/pos 30 qos 2
    shellies/shellyswitch25-Rolladen_WZ5/roller/0/command stop qos 2
    shellyplus2pm-XXX/rpc {"id":0,"src":"domoticz","method":"Cover.Open","params":{"id":0}} qos 1
    "#);
}

#[test]
fn device_bundle_of_the_documentation() {
    let mut adapter = HomeAssistant::default();
    let bundle = r#"{"dev":{"ids":"ea334450945afc","name":"Kitchen","mf":"Bla electronics","mdl":"xya","sw":"1.0","sn":"ea334450945afc","hw":"1.0rev2"},"o":{"name":"bla2mqtt","sw":"2.1","url":"https://bla2mqtt.example.com/support"},"cmps":{"some_unique_component_id1":{"p":"sensor","device_class":"temperature","unit_of_measurement":"°C","value_template":"{{ value_json.temperature}}","unique_id":"temp01ae_t"},"some_unique_id2":{"p":"sensor","device_class":"humidity","unit_of_measurement":"%","value_template":"{{ value_json.humidity}}","unique_id":"temp01ae_h"}},"state_topic":"sensorBedroom/state","qos":2}"#;
    let smaller = r#"{"dev":{"ids":"ea334450945afc","name":"Kitchen"},"o":{"name":"bla2mqtt"},"cmps":{"some_unique_component_id1":{"p":"sensor"},"some_unique_id2":{"p":"sensor","device_class":"humidity","unit_of_measurement":"%","value_template":"{{ value_json.humidity}}","unique_id":"temp01ae_h"}},"state_topic":"sensorBedroom/state","qos":2}"#;
    insta::assert_snapshot!(hear(&mut adapter, &[
        ("homeassistant/device/0AFFD2/config", bundle),
        ("sensorBedroom/state", r#"{"temperature":23.20,"humidity":43.70}"#),
        ("homeassistant/device/0AFFD2/config", bundle),
        ("homeassistant/device/0AFFD2/config", smaller),
        ("sensorBedroom/state", r#"{"temperature":23.20,"humidity":43.70}"#),
        ("homeassistant/device/0AFFD2/config", ""),
        ("sensorBedroom/state", r#"{"temperature":23.20,"humidity":43.70}"#),
    ]), @r#"
    found ea334450945afc "Kitchen" [sensor] properties some_unique_component_id1,some_unique_id2 events  actions 
    property ea334450945afc.some_unique_component_id1 = Float(23.2)
    property ea334450945afc.some_unique_id2 = Float(43.7)
    found ea334450945afc "Kitchen" [sensor] properties some_unique_id2 events  actions 
    property ea334450945afc.some_unique_id2 = Float(43.7)
    removed ea334450945afc
    "#);
}
