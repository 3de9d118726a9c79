//! The mind of a running Manmul: over the API, in the demo, and from the first day of a new thing.

use std::time::Duration;

use model::{Clock as _, WallClock};
use serde_json::{Value, json};

use crate::common::Site;

/// How long detectors may learn and look, on a slow machine and in a build that is not optimised.
const LEARNING_PATIENCE: Duration = Duration::from_secs(100);

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_thing_has_a_forecast_after_its_first_day() {
    let site = Site::start().await;
    site.thing("meter");
    site.ask("POST", "/api/v1/ingest/things/meter", &json!({"power": 100.0})).expect(202);
    site.until("/api/v1/history/series?thing=meter", |series| series[0]["name"] == "power").await;
    let too_soon = site.ask("GET", "/api/v1/things/meter/forecast?name=power", &Value::Null);
    let problem = too_soon.expect(404);
    assert_eq!(problem["type"], "urn:manmul:problem:not_yet");
    assert!(problem["hint"].as_str().unwrap().contains("a day"));
    // Its first day, told afterwards: more power by day than by night.
    let now = WallClock.now().micros();
    let reports: Vec<Value> = (0..26 * 12)
        .map(|step| {
            let time = now - 26 * HOUR_US + step * HOUR_US / 12;
            let hour = (time / HOUR_US).rem_euclid(24);
            json!({"power": if (8..20).contains(&hour) { 400.0 } else { 100.0 }, "time": time})
        })
        .collect();
    site.ask("POST", "/api/v1/ingest/things/meter", &Value::Array(reports)).expect(202);
    let path = "/api/v1/things/meter/forecast?name=power&hours=24";
    let forecast = site.until(path, |forecast| forecast["median"].is_array()).await;
    let (start, step) = (forecast["start"].as_i64().unwrap(), forecast["step_seconds"].as_i64().unwrap());
    let median: Vec<f64> = forecast["median"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(median.len() as i64 * step, 24 * 3600, "{forecast}");
    assert!((start - now).abs() <= 2 * HOUR_US, "it begins about now");
    let at = |hour: i64| {
        let slot =
            (0..median.len()).find(|slot| ((start + *slot as i64 * step * 1_000_000) / HOUR_US).rem_euclid(24) == hour);
        median[slot.unwrap()]
    };
    assert!(at(13) > 1.5 * at(3), "noon {} and night {}", at(13), at(3));
    let band = &forecast["bands"][0];
    assert_eq!((&band["low_quantile"], &band["high_quantile"]), (&json!(0.1), &json!(0.9)));
    for slot in 0..median.len() {
        assert!(band["low"][slot].as_f64().unwrap() <= band["high"][slot].as_f64().unwrap());
    }
    let card = site.get(&format!("/api/v1/model-cards/{}", forecast["card"].as_str().unwrap()));
    assert_eq!((&card["kind"], &card["thing"], &card["name"]), (&json!("forecast"), &json!("meter"), &json!("power")));
    let cards = site.get("/api/v1/model-cards?kind=forecast&thing=meter");
    assert_eq!(cards["items"], json!([card]));
    assert_eq!(site.ask("GET", "/api/v1/model-cards/forecast-7777", &Value::Null).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_of_the_mind_is_checked_and_kept() {
    let site = Site::start().await;
    let path = "/api/v1/settings/mind";
    assert_eq!(site.get(path), json!({"false_alarms_a_month": 1.0, "enabled": true}));
    let wanted = json!({"false_alarms_a_month": 4.0, "enabled": true});
    assert_eq!(site.ask("PUT", path, &wanted).expect(200), wanted);
    for wrong in [json!(0.0), json!(-1), json!(1e9)] {
        let refused = site.ask("PUT", path, &json!({"false_alarms_a_month": wrong, "enabled": true})).expect(422);
        assert_eq!(refused["where"], "false_alarms_a_month");
    }
    let site = site.restart().await;
    assert_eq!(site.get(path), wanted);
    assert_eq!(site.get("/api/v1/insights?state=all"), json!({"items": [], "next": null, "open_count": 0}));
    assert_eq!(site.ask("GET", "/api/v1/insights/insight-0", &Value::Null).status, 404);
    assert_eq!(site.ask("POST", "/api/v1/insights/insight-0/normal", &json!({})).status, 404);
    assert_eq!(site.ask("GET", "/api/v1/things/nobody/health", &Value::Null).status, 404);
}

/// Looks until what is found at `path` is as wanted; a detector that learns days of history takes its time.
async fn long_until(site: &Site, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + LEARNING_PATIENCE;
    loop {
        let found = site.get(path);
        if wanted(&found) {
            return found;
        }
        let everything = || site.get("/api/v1/insights?state=all");
        assert!(tokio::time::Instant::now() < deadline, "{path} stays {found}, of {}", everything());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A demo home with a past of five days, so that detectors have learned what they need.
async fn demo() -> Site {
    let site = Site::start_with(|config| {
        config.demo.enabled = true;
        config.demo.history_days = 5;
        config.demo.robots = 0;
    })
    .await;
    site.running.demo().wait_for(|part| *part >= 1.0).await.unwrap();
    site
}

/// Breaks a sensor of the grid meter and waits until that is found under its name.
async fn broken(site: &Site, name: &str, fault: &str) -> Value {
    let learned = |health: &Value| {
        let streams = health["streams"].as_array().into_iter().flatten();
        streams.into_iter().any(|stream| stream["name"] == name && stream["learned_share"] == 1.0)
    };
    long_until(site, "/api/v1/things/grid-meter/health", learned).await;
    let body = json!({"name": name, "kind": fault});
    assert_eq!(site.ask("POST", "/api/v1/virtual-things/grid-meter/faults", &body).status, 204);
    let path = format!("/api/v1/insights?thing=grid-meter&kind={fault}");
    let found = long_until(site, &path, |found| found["items"][0]["name"] == name).await;
    found["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_of_the_demo_that_spikes_is_found_and_explained() {
    let site = demo().await;
    let found = broken(&site, "voltage", "spike").await;
    assert_eq!(
        (&found["state"], &found["thing_title"], &found["unit"]),
        (&json!("open"), &json!("Grid meter"), &json!("V"))
    );
    let (came, low, high) = (&found["came"], &found["expected"]["low"], &found["expected"]["high"]);
    let is_outside = came.as_f64().unwrap() < low.as_f64().unwrap() || came.as_f64().unwrap() > high.as_f64().unwrap();
    assert!(is_outside, "{found}");
    assert!(found["words"].as_str().unwrap().starts_with("Voltage of Grid meter jumped to "), "{found}");
    let id = found["id"].as_str().unwrap();
    // It is a record of the thing, and its cause is the message that showed it.
    let records = site.until("/api/v1/things/grid-meter/records?limit=200", |records| {
        records["items"].as_array().unwrap().iter().any(|record| record["kind"] == "insight")
    });
    let records = records.await;
    let record = records["items"].as_array().unwrap().iter().find(|record| record["kind"] == "insight").unwrap();
    assert_eq!((&record["value"]["id"], &record["cause"]["kind"]), (&json!(id), &json!("system")));
    let chain = site.get(&format!("/api/v1/entries/{}", record["position"]))["chain"].clone();
    assert!(chain[1]["summary"].as_str().unwrap().starts_with("things/grid-meter/properties"), "{chain}");
    // It shows in lists and on the overview.
    assert!(site.get("/api/v1/things/grid-meter")["health"]["score"].as_u64().unwrap() < 100);
    site.until("/api/v1/overview", |overview| overview["insights_open"].as_u64() >= Some(1)).await;
    // People say what it is.
    let path = |what: &str| format!("/api/v1/insights/{id}/{what}");
    let seen = site.ask("POST", &path("acknowledge"), &json!({"note": "I broke it"})).expect(200);
    assert_eq!((&seen["state"], &seen["note"]), (&json!("acknowledged"), &json!("I broke it")));
    let normal = site.ask("POST", &path("normal"), &Value::Null).expect(200);
    assert_eq!((&normal["state"], &normal["note"]), (&json!("normal"), &json!("I broke it")));
    assert_eq!(site.ask("POST", &path("acknowledge"), &json!({})).status, 409);
    // Only what is virtual, and tells numbers, can be broken.
    site.thing("real");
    site.ask("POST", "/api/v1/ingest/things/real", &json!({"x": 1.5})).expect(202);
    site.until("/api/v1/things/real", |thing| thing["properties"][0]["name"] == "x").await;
    let break_it = |thing: &str, name: &str| {
        let body = json!({"name": name, "kind": "stuck"});
        site.ask("POST", &format!("/api/v1/virtual-things/{thing}/faults"), &body).status
    };
    assert_eq!((break_it("real", "x"), break_it("nobody", "x"), break_it("grid-meter", "colour")), (409, 404, 404));
}
