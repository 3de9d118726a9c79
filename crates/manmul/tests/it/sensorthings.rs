//! OGC SensorThings over HTTP: entities and where they lead, questions, making, changing and removing, and rights.

use serde_json::{Value, json};

use crate::common::Site;

const PATH: &str = "/sensorthings/v1.1";

fn get(site: &Site, path: &str) -> Value {
    site.get(&format!("{PATH}/{path}"))
}

fn post(site: &Site, path: &str, body: &Value) -> String {
    let made = site.ask("POST", &format!("{PATH}/{path}"), body);
    let place = made.header("location").to_owned();
    made.expect(201);
    place
}

fn field(listed: &Value, name: &str) -> Vec<String> {
    let rows = listed["value"].as_array().unwrap();
    rows.iter().map(|row| row[name].as_str().map_or_else(|| row[name].to_string(), str::to_owned)).collect()
}

/// A station with two datastreams and five temperatures a minute apart, made through the standard alone.
async fn station(site: &Site) {
    let place = post(
        site,
        "Things",
        &json!({"name": "Weather station", "description": "On the roof", "properties": {"kind": "weather_station", "tags": ["roof"]},
            "Locations": [{"name": "roof", "encodingType": "application/geo+json",
                "location": {"type": "Point", "coordinates": [6.95, 50.93]}}],
            "Datastreams": [{"name": "Air temperature", "description": "Two metres above the roof",
                "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
                "unitOfMeasurement": {"name": "degree Celsius", "symbol": "°C", "definition": "ucum:Cel"},
                "ObservedProperty": {"name": "temperature", "definition": "x", "description": "x"},
                "Sensor": {"name": "s", "description": "s", "encodingType": "application/pdf", "metadata": "s"}}]}),
    );
    assert!(place.ends_with("/sensorthings/v1.1/Things('weather-station')"), "{place}");
    let rain = json!({"name": "Rain", "description": "", "ObservedProperty": {"name": "rain"},
        "unitOfMeasurement": {"symbol": "mm", "name": "millimetre", "definition": null}});
    assert!(
        post(site, "Things('weather-station')/Datastreams", &rain).ends_with("Datastreams('weather-station/rain')")
    );
    for minute in 0..5 {
        let time = format!("2026-03-01T12:0{minute}:00Z");
        let (path, body) = if minute < 3 {
            let observation = json!({"result": 10.0 + f64::from(minute), "phenomenonTime": time});
            ("Datastreams('weather-station/temperature')/Observations", observation)
        } else {
            let datastream = json!({"@iot.id": "weather-station/temperature"});
            (
                "Observations",
                json!({"result": 10.0 + f64::from(minute), "phenomenonTime": time, "Datastream": datastream}),
            )
        };
        let place = post(site, path, &body);
        assert!(place.contains("Observations('weather-station/temperature/1772"), "{place}");
    }
    let counted = format!("{PATH}/Datastreams('weather-station/temperature')/Observations?$count=true");
    site.until(&counted, |listed| listed["@iot.count"] == 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_is_made_and_read_through_the_standard() {
    let site = Site::start().await;
    station(&site).await;

    let root = site.get(PATH);
    assert_eq!(root["value"].as_array().unwrap().len(), 8);
    let thing =
        get(&site, "Things('weather-station')?$expand=Locations,Datastreams($select=name;$expand=ObservedProperty)");
    assert_eq!(thing["Locations"][0]["location"], json!({"type": "Point", "coordinates": [6.95, 50.93]}));
    assert_eq!(thing["properties"]["kind"], "weather_station");
    let streams = thing["Datastreams"].as_array().unwrap();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams[1]["ObservedProperty"]["@iot.id"], "temperature");
    assert_eq!(streams[1].as_object().unwrap().len(), 2, "{}", streams[1]);

    let stream = get(&site, "Datastreams('weather-station/temperature')");
    assert_eq!(stream["unitOfMeasurement"]["symbol"], "°C");
    assert_eq!(stream["phenomenonTime"], "2026-03-01T12:00:00Z/2026-03-01T12:04:00Z");
    let link = stream["Observations@iot.navigationLink"].as_str().unwrap();
    let (_, path) = link.split_once("/sensorthings/v1.1/").unwrap();
    let newest = get(&site, &format!("{path}?$orderby=phenomenonTime%20desc&$top=2"));
    assert_eq!(field(&newest, "result"), ["14.0", "13.0"]);
    let next = newest["@iot.nextLink"].as_str().unwrap().split_once("/sensorthings/v1.1/").unwrap().1.to_owned();
    assert_eq!(field(&get(&site, &next), "result"), ["12.0", "11.0"]);
    let warm = get(
        &site,
        &format!("{path}?$filter=result%20gt%2011%20and%20phenomenonTime%20lt%202026-03-01T12:04:00Z&$count=true"),
    );
    assert_eq!((field(&warm, "result"), &warm["@iot.count"]), (vec!["12.0".to_owned(), "13.0".to_owned()], &json!(2)));

    let one = newest["value"][0]["@iot.id"].as_str().unwrap();
    let back = get(&site, &format!("Observations('{one}')/Datastream/Thing"));
    assert_eq!(back["name"], "Weather station");
    assert_eq!(get(&site, &format!("Observations('{one}')/FeatureOfInterest"))["feature"]["type"], "Point");
    let text = site.ask("GET", &format!("{PATH}/Observations('{one}')/result/$value"), &Value::Null);
    assert_eq!(text.text(), "14.0");

    let by_property = get(&site, "ObservedProperties('rain')/Datastreams");
    assert_eq!(field(&by_property, "@iot.id"), ["weather-station/rain"]);
    let found = get(
        &site,
        "Things?$filter=Datastreams/ObservedProperty/name%20eq%20'rain'%20and%20startswith(name,'Weather')&$count=true",
    );
    assert_eq!(found["@iot.count"], 1);
    let near = "Locations?$filter=geo.distance(location,geography'POINT%20(6.951%2050.93)')%20lt%200.01";
    assert_eq!(get(&site, near)["value"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_are_changed_and_removed() {
    let site = Site::start().await;
    station(&site).await;
    let patch = |path: &str, body: &Value| site.ask("PATCH", &format!("{PATH}/{path}"), body);
    assert_eq!(
        patch("Things('weather-station')", &json!({"name": "Roof", "properties": {"tags": ["new"]}})).status,
        200
    );
    assert_eq!(
        patch("Locations('weather-station')", &json!({"location": {"type": "Point", "coordinates": [7, 51]}})).status,
        200
    );
    assert_eq!(
        patch("Datastreams('weather-station/rain')", &json!({"unitOfMeasurement": {"symbol": "L"}})).status,
        200
    );
    let thing = get(&site, "Things('weather-station')?$expand=Locations");
    assert_eq!((&thing["name"], &thing["properties"]["tags"]), (&json!("Roof"), &json!(["new"])));
    assert_eq!(thing["Locations"][0]["location"]["coordinates"], json!([7.0, 51.0]));
    assert_eq!(get(&site, "Datastreams('weather-station/rain')")["unitOfMeasurement"]["symbol"], "L");
    let delete = |path: &str| site.ask("DELETE", &format!("{PATH}/{path}"), &Value::Null).status;
    assert_eq!(delete("Locations('weather-station')"), 200);
    assert_eq!(get(&site, "Things('weather-station')/Locations")["value"], json!([]));
    assert_eq!(delete("Things('weather-station')"), 200);
    assert_eq!(delete("Things('weather-station')"), 404);
    let actions: Vec<Value> = site.get("/api/v1/audit")["items"].as_array().unwrap().clone();
    let actions: Vec<&str> = actions.iter().filter_map(|entry| entry["action"].as_str()).collect();
    for action in ["thing.create", "thing.model", "thing.change", "thing.delete"] {
        assert!(actions.contains(&action), "{action} of {actions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_should_ask_is_told_and_rights_hold() {
    let site = Site::start().await;
    station(&site).await;
    let ask = |method: &str, path: &str, body: &Value| {
        let answer = site.ask(method, &format!("{PATH}/{path}"), body).json();
        let hint = answer["hint"].as_str().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{} {method} {path}: {}{hint}", answer["status"], answer["detail"].as_str().unwrap_or_default())
    };
    let none = Value::Null;
    let told = [
        ask("GET", "Nothing", &none),
        ask("GET", "Things('gone')", &none),
        ask("GET", "Things?$filter=name%20eq", &none),
        ask("GET", "Things?$expand=Observations", &none),
        ask("GET", "Things?$resultFormat=csv", &none),
        ask("POST", "Sensors", &json!({"name": "s"})),
        ask("POST", "Things", &json!({})),
        ask("POST", "Datastreams", &json!({"name": "d"})),
        ask("POST", "Things('weather-station')/Datastreams", &json!({"name": "rain"})),
        ask("POST", "Observations", &json!({"result": 1})),
        ask(
            "POST",
            "Datastreams('weather-station/rain')/Observations",
            &json!({"result": 1, "phenomenonTime": "noon"}),
        ),
        ask(
            "POST",
            "Things('weather-station')/Locations",
            &json!({"location": {"type": "Point", "coordinates": [50, 106]}}),
        ),
        ask("DELETE", "Datastreams('weather-station/rain')", &none),
    ];
    insta::assert_snapshot!(told.join("\n"));

    let token = |scopes: Value| {
        let made = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": scopes})).expect(201);
        made["secret"].as_str().unwrap().to_owned()
    };
    let (reader, teller) = (token(json!(["read"])), token(json!(["ingest"])));
    let observation = json!({"result": 20, "Datastream": {"@iot.id": "weather-station/temperature"}});
    let status = |token: &str, method: &str, path: &str, body: &Value| {
        site.ask_as(token, method, &format!("{PATH}/{path}"), body).status
    };
    assert_eq!(status(&reader, "GET", "Things", &none), 200);
    assert_eq!(status(&reader, "POST", "Observations", &observation), 403);
    assert_eq!(status(&teller, "POST", "Observations", &observation), 201);
    assert_eq!(status(&teller, "POST", "Things", &json!({"name": "x"})), 403);
    assert_eq!(status(&teller, "GET", "Things", &none), 403);
    assert_eq!(site.request("GET", &format!("{PATH}/Things"), &[], b"").status, 401);
}
