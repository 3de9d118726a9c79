//! NGSI-LD over HTTP: entities in and out, questions, batches, the past, subscriptions that are told, and rights.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::common::{PATIENCE, Site};

const PATH: &str = "/ngsi-ld/v1";
const AIR: &str = "urn:ngsi-ld:AirQualityObserved:1";

fn get(site: &Site, path: &str) -> Value {
    site.get(&format!("{PATH}/{path}"))
}

fn ask(site: &Site, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = site.ask(method, &format!("{PATH}/{path}"), body);
    let text = answer.text();
    (answer.status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn ids(listed: &Value) -> Vec<&str> {
    listed.as_array().unwrap().iter().map(|entity| entity["id"].as_str().unwrap()).collect()
}

fn air(id: &str, no2: f64, place: [f64; 2]) -> Value {
    json!({"id": id, "type": "AirQualityObserved", "@context": ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"],
        "NO2": {"type": "Property", "value": no2, "unitCode": "GQ", "observedAt": "2026-03-01T12:00:00Z"},
        "refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:7"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_are_made_read_asked_for_changed_and_removed() {
    let site = Site::start().await;
    assert_eq!(ask(&site, "POST", "entities", &air(AIR, 22.0, [6.95, 50.93])).0, 201);
    assert_eq!(ask(&site, "POST", "entities/", &air(AIR, 22.0, [6.95, 50.93])).0, 409);
    let entity = get(&site, &format!("entities/{AIR}"));
    assert_eq!(
        entity["NO2"],
        json!({"type": "Property", "value": 22.0, "observedAt": "2026-03-01T12:00:00Z", "unitCode": "GQ"})
    );
    assert_eq!(
        (&entity["refDevice"]["object"], &entity["location"]["value"]["coordinates"]),
        (&json!("urn:ngsi-ld:Device:7"), &json!([6.95, 50.93]))
    );
    let values = get(&site, &format!("entities/{AIR}?options=keyValues&attrs=NO2"));
    assert_eq!(values, json!({"id": AIR, "type": "AirQualityObserved", "NO2": 22.0}));

    // A thing that speaks MQTT is an entity too, and one that was made here is a thing.
    site.thing("lamp");
    site.ask("POST", "/api/v1/ingest/things/lamp", &json!({"power": 40})).expect(202);
    site.until(&format!("{PATH}/entities/urn:ngsi-ld:Thing:lamp"), |lamp| lamp["power"]["value"] == 40.0).await;
    assert_eq!(site.get(&format!("/api/v1/things/{AIR}"))["kind"], "AirQualityObserved");

    let second = "urn:ngsi-ld:AirQualityObserved:2";
    let batch = json!([air(second, 60.0, [7.5, 51.5]), air(AIR, 25.0, [6.95, 50.93]), {"id": "no uri", "type": "T"}]);
    let (status, outcome) = ask(&site, "POST", "entityOperations/upsert?options=update", &batch);
    assert_eq!((status, outcome["success"].as_array().unwrap().len()), (207, 2), "{outcome}");
    assert_eq!(outcome["errors"][0]["error"]["type"], "https://uri.etsi.org/ngsi-ld/errors/BadRequestData");
    let find = |query: &str| get(&site, &format!("entities?{query}"));
    assert_eq!(ids(&find("type=AirQualityObserved&q=NO2%3E30")), [second]);
    assert_eq!(ids(&find("q=refDevice==urn:ngsi-ld:Device:7;NO2==20..30")), [AIR]);
    assert_eq!(ids(&find("georel=near;maxDistance==1000&geometry=Point&coordinates=[6.95,50.931]")), [AIR]);
    assert_eq!(ids(&find("idPattern=urn:ngsi-ld:AirQuality.*&limit=1&offset=1")).len(), 1);
    let counted = site.ask("GET", &format!("{PATH}/entities?type=AirQualityObserved&limit=0&count=true"), &Value::Null);
    assert_eq!((counted.header("ngsild-results-count"), counted.json()), ("2", json!([])));
    let posted = ask(
        &site,
        "POST",
        "entityOperations/query",
        &json!({"type": "Query", "entities": [{"type": "AirQualityObserved"}], "q": "NO2>30"}),
    );
    assert_eq!(ids(&posted.1), [second]);
    assert_eq!(get(&site, "types")["typeList"], json!(["Thing", "AirQualityObserved"]));

    let (status, part) = ask(
        &site,
        "PATCH",
        &format!("entities/{AIR}/attrs"),
        &json!({"NO2": {"type": "Property", "value": 30}, "new": 1}),
    );
    assert_eq!(
        (status, &part["updated"], &part["notUpdated"][0]["attributeName"]),
        (207, &json!(["NO2"]), &json!("new"))
    );
    assert_eq!(
        ask(&site, "POST", &format!("entities/{AIR}/attrs"), &json!({"new": {"type": "Property", "value": "x"}})).0,
        204
    );
    assert_eq!(ask(&site, "DELETE", &format!("entities/{AIR}/attrs/new"), &Value::Null).0, 204);
    let changed = get(&site, &format!("entities/{AIR}"));
    assert_eq!((&changed["NO2"]["value"], changed.get("new")), (&json!(30.0), None));
    assert_eq!(ask(&site, "DELETE", &format!("entities/{AIR}"), &Value::Null).0, 204);
    assert_eq!(ask(&site, "GET", &format!("entities/{AIR}"), &Value::Null).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_looked_back_at() {
    let site = Site::start().await;
    ask(&site, "POST", "entities", &air(AIR, 0.0, [6.95, 50.93]));
    for hour in 13..18 {
        let at = json!({"NO2": {"type": "Property", "value": hour, "observedAt": format!("2026-03-01T{hour}:00:00Z")}});
        assert_eq!(ask(&site, "PATCH", &format!("entities/{AIR}/attrs"), &at).0, 204);
    }
    let newest = get(&site, &format!("temporal/entities/{AIR}?attrs=NO2&lastN=2&options=temporalValues"));
    assert_eq!(newest["NO2"]["values"], json!([[16.0, "2026-03-01T16:00:00Z"], [17.0, "2026-03-01T17:00:00Z"]]));
    let between = "timerel=between&timeAt=2026-03-01T13:00:00Z&endTimeAt=2026-03-01T16:00:00Z";
    let between = get(&site, &format!("temporal/entities?type=AirQualityObserved&attrs=NO2&{between}"));
    let values: Vec<&Value> = between[0]["NO2"].as_array().unwrap().iter().map(|one| &one["value"]).collect();
    assert_eq!(values, [&json!(14.0), &json!(15.0)]);
}

/// Takes one notification and answers it.
fn one_notification(listener: &TcpListener) -> Value {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_are_told_of_what_they_asked_for_after_a_restart_too() {
    let site = Site::start().await;
    ask(&site, "POST", "entities", &air(AIR, 10.0, [6.95, 50.93]));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/notify", listener.local_addr().unwrap());
    let subscription = json!({"type": "Subscription", "entities": [{"type": "AirQualityObserved"}], "watchedAttributes": ["NO2"],
        "q": "NO2>50", "notification": {"attributes": ["NO2"], "format": "keyValues", "endpoint": {"uri": uri}}});
    let made = site.ask("POST", &format!("{PATH}/subscriptions"), &subscription);
    let place = made.header("location").to_owned();
    assert_eq!(made.status, 201, "{}", made.text());
    let site = site.restart().await;
    for no2 in [20, 70] {
        assert_eq!(ask(&site, "PATCH", &format!("entities/{AIR}/attrs"), &json!({"NO2": no2})).0, 204);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let told = tokio::task::spawn_blocking(move || one_notification(&listener)).await.unwrap();
    assert_eq!(told["data"], json!([{"id": AIR, "type": "AirQualityObserved", "NO2": 70.0}]));
    let id = place.rsplit('/').next().unwrap().to_owned();
    assert_eq!(told["subscriptionId"], id);
    let kept = site.until(&format!("{PATH}/subscriptions/{id}"), |kept| kept["notification"]["timesSent"] == 1).await;
    assert_eq!((&kept["status"], &kept["notification"]["timesFailed"]), (&json!("active"), &json!(0)));
    assert_eq!(ask(&site, "PATCH", &format!("subscriptions/{id}"), &json!({"isActive": false})).0, 204);
    assert_eq!(get(&site, "subscriptions")[0]["status"], "paused");
    assert_eq!(ask(&site, "DELETE", &format!("subscriptions/{id}"), &Value::Null).0, 204);
    assert_eq!(get(&site, "subscriptions"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_should_ask_is_told_and_rights_hold() {
    let site = Site::start().await;
    ask(&site, "POST", "entities", &air(AIR, 10.0, [6.95, 50.93]));
    let mut told = Vec::new();
    let one = format!("entities/{AIR}");
    for (method, path, body) in [
        ("GET", "entities", Value::Null),
        ("GET", "entities?q===3", Value::Null),
        ("GET", "entities?type=T&limit=many", Value::Null),
        ("GET", "entities?georel=near&geometry=Point&coordinates=[6.95,50.93]", Value::Null),
        ("GET", "entities?georel=disjoint&geometry=Point&coordinates=[6.95,50.93]", Value::Null),
        ("GET", "entities?idPattern=(a%2B)%2B", Value::Null),
        ("GET", "temporal/entities/urn:a:b", Value::Null),
        ("GET", "nothing", Value::Null),
        ("POST", "entities", json!([])),
        ("POST", "entities", json!({"id": "lamp", "type": "T"})),
        ("PATCH", &format!("{one}/attrs"), json!({"x/y": 3})),
        ("DELETE", &format!("{one}/attrs/none"), Value::Null),
        ("POST", "subscriptions", json!({"type": "Subscription"})),
        (
            "POST",
            "subscriptions",
            json!({"type": "Subscription", "watchedAttributes": ["x"], "notification": {"endpoint": {"uri": "mqtt://x"}}}),
        ),
        ("POST", "entityOperations/frobnicate", json!([1])),
    ] {
        let (status, problem) = ask(&site, method, path, &body);
        told.push(format!(
            "{status} {method} {path}: {}: {}",
            problem["title"].as_str().unwrap_or_default(),
            problem["detail"].as_str().unwrap_or_default()
        ));
    }
    insta::assert_snapshot!(told.join("\n"));

    let token = |scopes: Value| {
        let made = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": scopes})).expect(201);
        made["secret"].as_str().unwrap().to_owned()
    };
    let (reader, teller) = (token(json!(["read"])), token(json!(["ingest"])));
    let status = |token: &str, method: &str, path: &str, body: &Value| {
        site.ask_as(token, method, &format!("{PATH}/{path}"), body).status
    };
    assert_eq!(status(&reader, "GET", &one, &Value::Null), 200);
    assert_eq!(status(&reader, "POST", &format!("{one}/attrs"), &json!({"NO2": 1})), 403);
    assert_eq!(status(&teller, "POST", &format!("{one}/attrs"), &json!({"NO2": 1})), 204);
    assert_eq!(status(&teller, "POST", "entities", &air("urn:a:b", 1.0, [1.0, 2.0])), 403);
    assert_eq!(status(&teller, "POST", "subscriptions", &json!({})), 403);
    assert_eq!(site.request("GET", &format!("{PATH}/{one}"), &[], b"").status, 401);
}
