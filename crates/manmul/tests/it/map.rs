//! The map over HTTP: files in, tiles and answers out, and what nobody should ask.

use serde_json::{Value, json};

use crate::common::Site;

/// Four lamps in a square of a hundred metres, in a district with a street.
fn district() -> Value {
    let point = |id: &str, longitude: f64, latitude: f64| {
        json!({"type": "Feature", "id": id, "properties": {"kind": "street_light", "space": "old-town"},
            "geometry": {"type": "Point", "coordinates": [longitude, latitude]}})
    };
    let ring = [[7.0, 51.0], [7.01, 51.0], [7.01, 51.01], [7.0, 51.01], [7.0, 51.0]];
    json!({"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": "old-town", "properties": {"kind": "district", "title": "Old town"},
            "geometry": {"type": "Polygon", "coordinates": [ring]}},
        {"type": "Feature", "id": "street", "properties": {"kind": "street", "space": "old-town"},
            "geometry": {"type": "LineString", "coordinates": [[7.0, 51.001], [7.01, 51.001]]}},
        point("north", 7.005, 51.0019), point("south", 7.005, 51.001),
        point("west", 7.0041, 51.001), point("away", 7.009, 51.009)]})
}

fn ids(found: &Value) -> Vec<&str> {
    found["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_district_is_imported_and_asked_about() {
    let site = Site::start().await;
    let would = site.ask("POST", "/api/v1/map/import?dry_run=true", &district()).expect(200);
    assert_eq!((&would["things_added"], &would["done"]), (&json!(4), &json!(false)));
    let done = site.ask("POST", "/api/v1/map/import", &district()).expect(200);
    assert_eq!((&done["spaces_added"], &done["things_added"], &done["done"]), (&json!(2), &json!(4), &json!(true)));

    let summary = site.get("/api/v1/map");
    assert_eq!((&summary["things"], &summary["kinds"]), (&json!(4), &json!([{"kind": "street_light", "things": 4}])));
    let spaces = site.get("/api/v1/map/spaces");
    assert_eq!(spaces["features"][0]["properties"]["things"], 4);
    assert_eq!(spaces["features"][1]["geometry"]["type"], "LineString");

    assert_eq!(ids(&site.get("/api/v1/map/things?point=7.005,51.001&metres=120")), ["south", "west", "north"]);
    assert_eq!(ids(&site.get("/api/v1/map/things?space=street&metres=10")), ["south", "west"]);
    assert_eq!(ids(&site.get("/api/v1/map/things?space=old-town&limit=2")), ["away", "north"]);
    assert_eq!(ids(&site.get("/api/v1/map/things?bounds=7.008,51.008,7.01,51.01&kind=street_light")), ["away"]);

    let tile = site.ask("GET", "/api/v1/map/tiles/14/8510/5486", &Value::Null);
    assert_eq!((tile.status, tile.header("content-type")), (200, "application/vnd.mapbox-vector-tile"));
    let bearer = format!("Bearer {}", site.running.local_secret);
    let known = [("authorization", bearer.as_str()), ("if-none-match", tile.header("etag"))];
    assert_eq!(site.request("GET", "/api/v1/map/tiles/14/8510/5486", &known, b"").status, 304);

    site.ask("POST", "/api/v1/ingest/things/south", &json!({"power": 40})).expect(202);
    let sums = site.until("/api/v1/map/roll-up?name=power", |sums| sums[0]["things"] == 1).await;
    let of = |space: &str| sums.as_array().unwrap().iter().find(|row| row["space"] == space).cloned();
    assert_eq!(of("old-town").unwrap()["mean"], 40.0);
    assert_eq!(of("street"), None);

    let etag = site.ask("GET", "/api/v1/things/south", &Value::Null);
    let moved = json!({"location": {"longitude": 7.009, "latitude": 51.0091}});
    assert_eq!(site.ask("PATCH", "/api/v1/things/south", &moved).status, 200, "{}", etag.text());
    assert_eq!(ids(&site.get("/api/v1/map/things?point=7.009,51.0091&metres=5")), ["south"]);
    site.ask("PATCH", "/api/v1/things/south", &json!({"location": null})).expect(200);
    assert_eq!(site.get("/api/v1/map")["elsewhere"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_should_ask_of_the_map_is_told() {
    let site = Site::start().await;
    site.ask("POST", "/api/v1/map/import", &district()).expect(200);
    let mut told = Vec::new();
    for path in [
        "/api/v1/map/things",
        "/api/v1/map/things?point=7,51",
        "/api/v1/map/things?point=51,107&metres=5",
        "/api/v1/map/things?point=7&metres=5",
        "/api/v1/map/things?point=7,51&metres=1e9",
        "/api/v1/map/things?bounds=8,51,7,52",
        "/api/v1/map/things?space=nowhere",
        "/api/v1/map/things?space=manmul",
        "/api/v1/map/tiles/3/8/0",
        "/api/v1/map/tiles/29/0/0",
    ] {
        let answer = site.ask("GET", path, &Value::Null).json();
        let hint = answer["hint"].as_str().map(|hint| format!(" ({hint})")).unwrap_or_default();
        told.push(format!(
            "{} {}: {}{hint}",
            answer["status"],
            path.trim_start_matches("/api/v1/map/"),
            answer["detail"].as_str().unwrap_or_default()
        ));
    }
    for body in [
        json!({"type": "Feature"}),
        json!({"type": "FeatureCollection", "features": [], "crs": {"properties": {"name": "EPSG:3857"}}}),
    ] {
        let answer = site.ask("POST", "/api/v1/map/import", &body).json();
        told.push(format!(
            "{} import: {} ({})",
            answer["status"],
            answer["detail"].as_str().unwrap_or_default(),
            answer["hint"].as_str().unwrap_or_default()
        ));
    }
    insta::assert_snapshot!(told.join("\n"));
}
