//! Lives of the program: restarts, a second one on the same folder, newer data, the demo home.

use std::sync::Arc;

use manmul::assemble;
use manmul::config::Config;
use model::WallClock;
use serde_json::{Value, json};

use crate::common::{PASSWORD, Site, config};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything() {
    let site = Site::start().await;
    let made = site.set_up();
    let cookie = made.header("set-cookie").split(';').next().unwrap().to_owned();
    let secret = site.thing("lamp");
    site.ask("POST", "/api/v1/spaces", &json!({"kind": "room", "title": "Bath"})).expect(201);
    site.ask("PATCH", "/api/v1/things/lamp", &json!({"title": "Lamp", "space": "bath"})).expect(200);
    let token = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": ["read"]})).expect(201);
    let position = site.ask("POST", "/api/v1/ingest/things/lamp", &json!({"on": true})).expect(202)["position"].clone();

    let site = site.restart().await;
    assert!(site.running.set_up_token.is_none(), "there is an owner");
    assert_eq!(site.request("GET", "/api/v1/session", &[("cookie", &cookie)], b"").expect(200)["state"], "signed_in");
    let sign_in = json!({"name": "kim", "password": PASSWORD});
    site.json_request("POST", "/api/v1/session", &sign_in).expect(200);
    let lamp = site.ask_as(token["secret"].as_str().unwrap(), "GET", "/api/v1/things/lamp", &Value::Null).expect(200);
    assert_eq!((&lamp["title"], &lamp["space"]), (&json!("Lamp"), &json!("bath")));
    assert_eq!((&lamp["properties"][0]["value"], &lamp["properties"][0]["position"]), (&json!(true), &position));
    assert_eq!(site.get("/api/v1/session")["site"]["title"], "Kim's home");
    let points = site.get("/api/v1/history/series?thing=lamp");
    assert_eq!(points[0]["points"], 1, "nothing was counted twice");
    assert_eq!(crate::common::Mqtt::connect(&site, Some(("lamp", &secret))).await.1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_program_a_folder() {
    let site = Site::start().await;
    let error = assemble(config(site.folder.path()), Arc::new(WallClock)).await.unwrap_err();
    assert!(format!("{error:#}").contains("hint: stop that process"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_a_newer_program_are_left_alone() {
    let site = Site::start().await;
    let folder = Arc::clone(&site.folder);
    site.running.drain().await.unwrap();
    let file = folder.path().join("data/state.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 9_999).unwrap();
    drop(connection);
    let error = assemble(config(folder.path()), Arc::new(WallClock)).await.unwrap_err();
    assert!(format!("{error:#}").contains("hint: start the newer version"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_home_lives_and_has_a_past() {
    let no_robots = |config: &mut Config| config.demo.robots = 0;
    let site = Site::start_with(|config| {
        config.demo.enabled = true;
        config.demo.history_days = 1;
        no_robots(config);
    })
    .await;
    site.running.demo().wait_for(|part| *part >= 1.0).await.unwrap();
    let session = site.request("GET", "/api/v1/session", &[], b"").expect(200);
    assert_eq!((&session["demo"], &session["site"]["simulated"]), (&json!(true), &json!(true)));
    site.until("/api/v1/overview", |overview| {
        let totals = &overview["totals"];
        totals["things"].as_u64().unwrap() >= 40 && totals["online"] == totals["things"]
    })
    .await;
    let until = site.until("/api/v1/session", |session| session["site"]["simulated_until_us"].is_i64()).await;
    assert!(until["site"]["simulated_until_us"].as_i64().unwrap() > 0);
    let series = site.get("/api/v1/history/series");
    let longest = series.as_array().unwrap().iter().map(|series| series["points"].as_u64().unwrap()).max();
    assert!(longest.unwrap() > 100, "a day of a minute a point");
    let thing = &site.get("/api/v1/things?limit=1")["items"][0];
    assert_eq!(thing["origin"], "virtual");
    let counted = meters(&site);
    assert!(counted.iter().any(|(_, property)| property["value"].as_f64() > Some(1.0)), "{counted:?}");
    let waiting = "/api/v1/things?status=inbox";
    let newcomer = site.until(waiting, |inbox| inbox["items"][0]["primary"][0]["value"].is_number()).await;
    assert_eq!((&newcomer["total"], &newcomer["items"][0]["origin"]), (&json!(1), &json!("virtual")));
    let before = site.get("/api/v1/things")["total"].clone();
    let site = site.restart_with(no_robots).await;
    assert_eq!(site.get("/api/v1/things")["total"], before);
    site.until("/api/v1/overview", |overview| overview["totals"]["online"] == overview["totals"]["things"]).await;
    for (thing, before) in counted {
        let (name, since) = (before["name"].clone(), before["received"].as_i64());
        let told = |thing: &Value| property(thing, &name)["received"].as_i64() > since;
        let now = property(&site.until(&format!("/api/v1/things/{thing}"), told).await, &name);
        assert!(now["value"].as_f64() >= before["value"].as_f64(), "{thing} went back from {before} to {now}");
    }
    let id = newcomer["items"][0]["id"].as_str().unwrap();
    let seen = newcomer["items"][0]["last_seen_us"].as_i64();
    site.until(waiting, |inbox| inbox["items"][0]["last_seen_us"].as_i64() > seen).await;
    assert_eq!(site.ask("DELETE", &format!("/api/v1/things/{id}"), &Value::Null).status, 204);
    let site = site.restart_with(no_robots).await;
    assert_eq!(site.get(waiting)["total"], 0, "who was sent away does not come back");
}

/// What counts up in the home: whose it is, and the property.
fn meters(site: &Site) -> Vec<(String, Value)> {
    let things = site.get("/api/v1/things?limit=500");
    let mut meters = Vec::new();
    for thing in things["items"].as_array().unwrap() {
        let id = thing["id"].as_str().unwrap();
        for property in site.get(&format!("/api/v1/things/{id}"))["properties"].as_array().unwrap() {
            let name = property["name"].as_str().unwrap();
            // What is counted for a day or a session begins again, and a battery gives back.
            if name.starts_with("energy") && !["_today", "_session", "_stored"].iter().any(|end| name.ends_with(end)) {
                meters.push((id.to_owned(), property.clone()));
            }
        }
    }
    meters
}

fn property(thing: &Value, name: &Value) -> Value {
    let properties = thing["properties"].as_array().unwrap();
    properties.iter().find(|property| property["name"] == *name).unwrap().clone()
}
