//! The demo warehouse: virtual robots and master control, who know each other from messages only.

use std::collections::BTreeMap;
use std::sync::Arc;

use manmul::assemble;
use model::{Clock, WallClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use world::live::ScaledClock;

use crate::common::{Got, Mqtt, Site, config};

const ROBOTS: usize = 4;
/// How much faster than life the warehouse is.
const SPEED: f64 = 8.0;
const LIVE: &str = "/api/v1/domains/fleet/live";

async fn start(folder: &Arc<TempDir>, clock: &Arc<dyn Clock>) -> Site {
    let mut config = config(folder.path());
    config.demo.enabled = true;
    config.demo.history_days = 1;
    config.demo.robots = ROBOTS as u32;
    let running = assemble(config, Arc::clone(clock)).await.unwrap();
    Site { running, folder: Arc::clone(folder) }
}

/// A client that hears everything that robots and their master say.
async fn listener(site: &Site) -> Mqtt<TcpStream> {
    let token = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": ["read"]})).expect(201);
    let (mut client, code) = Mqtt::connect(site, Some(("token", token["secret"].as_str().unwrap()))).await;
    assert_eq!(code, 0);
    for filter in ["vda5050/#", "things/+/events/+", "things/+/decisions/+"] {
        assert_eq!(client.subscribe(filter).await, 1);
    }
    client
}

async fn until(client: &mut Mqtt<TcpStream>, wanted: impl Fn(&Got) -> bool) -> Got {
    loop {
        let got = client.next().await.unwrap();
        if wanted(&got) {
            return got;
        }
    }
}

fn is_order(got: &Got) -> bool {
    got.topic.starts_with("vda5050/v2/manmul/") && got.topic.ends_with("/order")
}

/// What is said until every robot has told its state `times` times.
async fn rounds(client: &mut Mqtt<TcpStream>, times: usize) -> Vec<Got> {
    let (mut states, mut all) = (BTreeMap::<String, usize>::new(), Vec::new());
    while states.len() < ROBOTS || states.values().any(|count| *count < times) {
        let got = client.next().await.unwrap();
        if got.topic.ends_with("/state") {
            *states.entry(got.topic.clone()).or_default() += 1;
        }
        all.push(got);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_work_while_a_policy_is_live_and_go_on_after_a_restart() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let wall: Arc<dyn Clock> = Arc::new(WallClock);
    let clock: Arc<dyn Clock> = Arc::new(ScaledClock::new(Arc::clone(&wall), wall.now(), SPEED));
    let site = start(&folder, &clock).await;
    let mut client = listener(&site).await;

    for number in 1..=ROBOTS {
        let path = format!("/api/v1/things/manmul-robot-{number:02}");
        let robot = site.until(&path, |robot| robot["properties"].as_array().is_some_and(|all| !all.is_empty())).await;
        assert_eq!(
            (&robot["status"], &robot["origin"], &robot["space"]),
            (&json!("accepted"), &json!("virtual"), &json!("warehouse"))
        );
    }
    let live = site.until(LIVE, |live| live["now"]["mode"] == "operate").await;
    let run = live["now"]["run"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&format!("/api/v1/runs/{run}"))["state"], "finished");
    until(&mut client, is_order).await;
    until(&mut client, |got| got.topic.ends_with("/events/order_done")).await;

    // Whoever keeps their hands off sends nothing, while the robots go on telling where they are.
    site.ask("DELETE", LIVE, &Value::Null).expect(200);
    rounds(&mut client, 3).await;
    let quiet = rounds(&mut client, 4).await;
    let sent: Vec<&Got> = quiet.iter().filter(|got| is_order(got) || got.topic.contains("/decisions/")).collect();
    assert_eq!(sent, Vec::<&Got>::new());

    // In shadow, what would be done is told and not done.
    site.ask("POST", &format!("/api/v1/runs/{run}/promote"), &json!({"mode": "shadow"})).expect(200);
    let decision = until(&mut client, |got| got.topic.ends_with("/decisions/order") || is_order(got)).await;
    let decision: Value = serde_json::from_str(&decision.payload).unwrap();
    assert_eq!(decision["mode"], "shadow");
    assert!(decision["way"].as_array().is_some_and(|way| !way.is_empty()), "{decision}");
    assert!(!rounds(&mut client, 4).await.iter().any(is_order));

    site.ask("POST", &format!("/api/v1/runs/{run}/promote"), &json!({"mode": "operate"})).expect(200);
    until(&mut client, is_order).await;
    drop(client);
    site.running.drain().await.unwrap();
    let site = start(&folder, &clock).await;
    let mut client = listener(&site).await;
    until(&mut client, is_order).await;
    let done = until(&mut client, |got| got.topic.ends_with("/events/order_done")).await;
    assert!(done.payload.contains("order-"), "{}", done.payload);
    let order = site.get("/api/v1/things/manmul-robot-01/records?limit=500");
    assert!(order["items"].as_array().unwrap().iter().any(|record| record["name"] == "x"), "{order}");
}
