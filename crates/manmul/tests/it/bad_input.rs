//! What nobody should send, through the whole of it: it is counted, shown or refused, and costs nobody else anything.

use mqtt::Version;
use mqtt::codec::{self, Connect, Packet, Properties, Publish};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{Mqtt, PATIENCE, Site};

/// A site whose MQTT clients may do everything.
async fn open_site() -> Site {
    Site::start_with(|config| {
        config.mqtt.anonymous.grants =
            vec![model::access::TopicGrant { filter: "#".to_owned(), publish: true, subscribe: true }];
        config.mqtt.connects_per_address_per_second = 0;
    })
    .await
}

/// One figure of `/metrics`.
fn figure(site: &Site, name: &str) -> f64 {
    let figures = site.request("GET", "/metrics", &[], b"").text();
    let line = figures.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name} in {figures}"))
}

fn packet(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(packet, Version::V311, &mut bytes);
    bytes
}

fn hello() -> Vec<u8> {
    packet(&Packet::Connect(Connect {
        version: Version::V311,
        clean_start: true,
        keep_alive_seconds: 60,
        client_id: "",
        will: None,
        username: None,
        password: None,
        properties: Properties::default(),
    }))
}

fn report(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(&Packet::Publish(Publish {
        duplicate: false,
        qos: 1,
        retain: false,
        topic,
        packet_id: 1,
        properties: Properties::default(),
        payload,
    }))
}

/// Sends bytes over a connection of their own, and gives what came back until the other side closed or, once we said
/// that nothing more comes, had nothing more to say.
async fn shout(site: &Site, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(site.running.mqtt_addr().unwrap()).await.unwrap();
    // The other side may close while we still send.
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    drop(read);
    answer
}

/// The properties of a thing by name.
fn values(thing: &Value) -> std::collections::BTreeMap<String, Value> {
    let properties = thing["properties"].as_array().unwrap().iter();
    properties.map(|one| (one["name"].as_str().unwrap().to_owned(), one["value"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_and_cut_packets_end_only_their_own_connection() {
    let site = open_site().await;
    let (mut witness, _) = Mqtt::connect(&site, None).await;
    assert_eq!(witness.subscribe("good/#").await, 1);
    let message = report("things/cut/properties/x", b"12345");
    for length in 0..message.len() {
        let answer = shout(&site, &[hello(), message[..length].to_vec()].concat()).await;
        assert_eq!(answer, [0x20, 2, 0, 0], "half a message of {length} bytes is none, and is not acknowledged");
    }
    let before = figure(&site, "manmul_mqtt_protocol_errors_total");
    let mut wrong_length = message.clone();
    wrong_length[1] -= message.len() as u8 - 8;
    for bad in [
        [0x00, 0x00].as_slice(),
        &[0x36, 2, 0, 0],
        &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        &report("things/+/properties/x", b"1"),
        b"\x30\x07\x00\x02\xC3\x28abc",
        &wrong_length,
    ] {
        assert_eq!(shout(&site, &[&hello(), bad].concat()).await, [0x20, 2, 0, 0], "{bad:?}");
    }
    assert_eq!(figure(&site, "manmul_mqtt_protocol_errors_total"), before + 6.0);
    let oversized = report("things/cut/properties/x", &vec![b' '; 2 << 20]);
    assert_eq!(shout(&site, &[hello(), oversized].concat()).await, [0x20, 2, 0, 0], "beyond the limit of a packet");
    assert_eq!(figure(&site, "manmul_mqtt_protocol_errors_total"), before + 7.0);
    assert_eq!(site.ask("GET", "/api/v1/things/cut", &Value::Null).status, 404, "nothing of it was taken");
    assert!(witness.publish("good/day", "still here").await);
    assert_eq!(witness.next().await.unwrap().payload, "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_are_none_are_shown_and_never_become_values() {
    let site = open_site().await;
    let (mut probe, _) = Mqtt::connect(&site, None).await;
    assert!(probe.publish("things/probe/properties", r#"{"good":1,"type":1}"#).await);
    site.until("/api/v1/things/probe", |thing| values(thing).len() == 2).await;
    let before = figure(&site, "manmul_site_diagnostics_total");
    let bad: [(&str, &[u8]); 6] = [
        ("properties", b"{\"a\":1,"),
        ("properties/text", b"\"\xC3\x28\""),
        ("properties/number", b"NaN"),
        ("properties", br#"{"up":Infinity,"down":-Infinity,"large":1e999}"#),
        ("properties/bytes", b"\xFF\xFE\x00\x01"),
        ("properties", b"[[[[[[["),
    ];
    for (topic, payload) in bad {
        assert!(probe.publish(&format!("things/probe/{topic}"), payload).await, "the log keeps what was said");
    }
    assert!(probe.publish("things/probe/properties/good", "2").await);
    let thing = site.until("/api/v1/things/probe", |thing| values(thing).get("good") == Some(&json!(2.0))).await;
    for (name, value) in values(&thing) {
        assert!(value.is_null() || ["good", "type"].contains(&name.as_str()), "{name} became {value}");
    }
    assert!(!thing["diagnostics"].as_array().unwrap().is_empty(), "the page says what was wrong: {thing}");
    assert!(figure(&site, "manmul_site_diagnostics_total") >= before + bad.len() as f64);
    let messages = site.get("/api/v1/things/probe/messages?limit=50");
    assert_eq!(messages["items"].as_array().unwrap().len(), bad.len() + 2, "every one of them is on the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_times_are_replaced_and_counted() {
    let site = open_site().await;
    let (mut probe, _) = Mqtt::connect(&site, None).await;
    let times = ["99999999999999999", "-99999999999999999", "\"9999-12-31T23:59:59Z\"", "\"0001-01-01T00:00:00Z\""];
    for (number, time) in times.iter().enumerate() {
        let payload = format!(r#"{{"value":{number},"time":{time}}}"#);
        assert!(probe.publish(&format!("things/clock/properties/p{number}"), &payload).await);
    }
    let thing = site.until("/api/v1/things/clock", |thing| values(thing).contains_key("p3")).await;
    for property in thing["properties"].as_array().unwrap() {
        assert_eq!(property["time"], property["received"], "our own time stands in: {property}");
    }
    let (replaced, diagnosed) =
        (figure(&site, "manmul_site_times_replaced_total"), figure(&site, "manmul_site_diagnostics_total"));
    assert!(replaced + diagnosed >= times.len() as f64, "{replaced} replaced, {diagnosed} not understood");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_changes_its_type_keeps_all_of_its_past() {
    let site = open_site().await;
    let (mut probe, _) = Mqtt::connect(&site, None).await;
    for payload in ["1", "2.5", "true", "\"off\"", "{\"a\":1}", "3"] {
        assert!(probe.publish("things/moody/properties/mood", payload).await);
    }
    let position = site.get("/api/v1/system")["log"]["durable"].as_u64().unwrap();
    site.until("/api/v1/things/moody", |thing| thing["properties"][0]["position"].as_u64() == Some(position - 1)).await;
    let csv = site.ask("GET", "/api/v1/history/export?thing=moody&name=mood", &Value::Null).text();
    assert_eq!(csv.lines().count(), 1 + 6, "{csv}");
    assert!(csv.contains("off") && csv.contains("2.5"), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_discoveries_in_a_burst_all_arrive_in_the_inbox() {
    const THINGS: usize = 10_000;
    let site = open_site().await;
    let (mut bridge, _) = Mqtt::connect(&site, None).await;
    for number in 0..THINGS {
        let config = format!(
            r#"{{"name":"Power","unique_id":"p{number}","state_topic":"z/{number}","unit_of_measurement":"W","device":{{"identifiers":["d{number}"],"name":"Plug {number}"}}}}"#
        );
        bridge
            .send(&Packet::Publish(Publish {
                duplicate: false,
                qos: 0,
                retain: true,
                topic: &format!("homeassistant/sensor/plug{number}/power/config"),
                packet_id: 0,
                properties: Properties::default(),
                payload: config.as_bytes(),
            }))
            .await;
    }
    assert!(bridge.publish("z/7", "42").await, "the connection outlives the burst");
    let refused = |site: &Site| figure(site, "manmul_site_things_refused_total") as usize;
    let inbox = site
        .until("/api/v1/things?status=inbox&limit=1", |inbox| {
            inbox["total"].as_u64().unwrap() as usize + refused(&site) == THINGS
        })
        .await;
    let limit = site.get("/api/v1/system")["queues"]
        .as_array()
        .unwrap()
        .iter()
        .find(|queue| queue["name"] == "inbox")
        .map(|queue| queue["limit"].as_u64().unwrap() as usize);
    assert_eq!(inbox["total"].as_u64().unwrap() as usize, THINGS.min(limit.unwrap_or(THINGS)), "{limit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn line_protocol_that_is_wrong_costs_only_its_own_lines() {
    let site = Site::start().await;
    let bearer = format!("Bearer {}", site.running.local_secret);
    let write = |body: &[u8]| site.request("POST", "/write", &[("authorization", bearer.as_str())], body);
    let mixed = b"w,thing=roof rain=1\nno line at all\nw,thing=roof wind=nan\nw,thing=roof \xFF=1\nw,thing=roof hail=2";
    let answer = write(mixed);
    assert_eq!((answer.status, answer.json()["where"].clone()), (400, json!("line 2")), "{}", answer.text());
    let thing = site.until("/api/v1/things/roof", |thing| values(thing).len() == 2).await;
    assert_eq!(values(&thing).into_keys().collect::<Vec<_>>(), ["hail", "rain"]);
    assert_eq!(write(&vec![b'x'; (4 << 20) + 1]).status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_files_are_cut_said_and_survived() {
    let site = open_site().await;
    let (mut probe, _) = Mqtt::connect(&site, None).await;
    for number in 0..100 {
        assert!(probe.publish("things/probe/properties/x", &number.to_string()).await);
    }
    site.until("/api/v1/things/probe", |thing| values(thing).get("x") == Some(&json!(99.0))).await;
    let folder = std::sync::Arc::clone(&site.folder);
    site.running.drain().await.unwrap();
    let mut torn = 0;
    for item in
        ["log", "history"].iter().flat_map(|name| std::fs::read_dir(folder.path().join("data").join(name)).unwrap())
    {
        let path = item.unwrap().path();
        let ends = |extension: &str| path.extension().is_some_and(|found| found == extension);
        if ends("wal") || (path.parent().unwrap().ends_with("log") && ends("log")) {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.extend_from_slice(&[0x5A; 37]);
            std::fs::write(&path, bytes).unwrap();
            torn += 1;
        }
    }
    assert!(torn >= 2, "a segment of the log and a write-ahead log of the history");
    let site = Site::start_in(folder, |_| {}).await;
    let thing = site.get("/api/v1/things/probe");
    assert_eq!(values(&thing)["x"], 99.0);
    let csv = site.ask("GET", "/api/v1/history/export?thing=probe&name=x", &Value::Null).text();
    assert_eq!(csv.lines().count(), 1 + 100, "nothing acknowledged is lost");
}
