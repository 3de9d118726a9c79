//! The fleet's API through the whole program: floor, robots, orders, tables, the webhook, and what is watched.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::common::{Answer, PATIENCE, Site};

const ORDERS: &str = "/api/v1/fleet/orders";

fn floor() -> Value {
    let shape = json!({"block_columns": 2, "block_rows": 2, "block_length": 4, "stations": 4, "chargers": 2, "robots": 2, "seed": 1});
    json!({"source": {"fulfilment": shape}})
}

/// A site with a floor, and the ids of a storage and a station.
async fn opened() -> (Site, String, String) {
    let site = Site::start().await;
    let floor = site.ask("PUT", "/api/v1/fleet/floor", &floor()).expect(200);
    let id = |what: &str| floor["drawing"][what][0]["id"].as_str().unwrap().to_owned();
    let (storage, station) = (id("storages"), id("stations"));
    (site, storage, station)
}

fn import(site: &Site, table: &str, query: &str) -> Answer {
    let bearer = format!("Bearer {}", site.running.local_secret);
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
    site.request("POST", &format!("{ORDERS}/import{query}"), &headers, table.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_fleet_without_a_floor() {
    let site = Site::start().await;
    for path in ["/fleet", "/fleet/floor", "/fleet/robots", "/fleet/orders", "/fleet/watch"] {
        let problem = site.ask("GET", &format!("/api/v1{path}"), &Value::Null).expect(404);
        assert_eq!(problem["type"], "urn:manmul:problem:no_floor", "{path}");
        assert!(problem["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
    }
    let faulty = json!({"source": {"drawn": {"version": 1, "name": "f", "ground": {"grid": {"cell_metres": 1.0, "rows": [".."]}},
        "stations": [{"id": "s", "nodes": ["r9c9"]}]}}});
    let problem = site.ask("PUT", "/api/v1/fleet/floor", &faulty).expect(422);
    let place = problem["errors"][0]["place"].as_str().unwrap();
    assert!(place.starts_with("/source") && place.contains("station s"), "{problem}");
    let bearer = format!("Bearer {}", site.running.local_secret);
    let put = |tag: &str| {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("if-match", tag)];
        site.request("PUT", "/api/v1/fleet/floor", &headers, floor().to_string().as_bytes())
    };
    let made = put("*");
    let tag = made.header("etag").to_owned();
    assert_eq!(made.expect(200)["revision"].to_string(), tag.trim_matches('"'));
    put(&tag).expect(200);
    put(&tag).expect(412);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_taken_once_and_survive_a_restart() {
    let (site, storage, station) = opened().await;
    let order =
        json!({"id": "wms/1 ü", "from": storage, "to": station, "priority": 3, "due": "2030-01-01T00:00:00+01:00"});
    let made = site.ask("POST", ORDERS, &order).expect(201);
    assert_eq!(
        (&made["state"], &made["robot"], &made["due"]),
        (&json!("waiting"), &Value::Null, &json!("2029-12-31T23:00:00Z"))
    );
    assert_eq!(site.ask("POST", ORDERS, &order).expect(200), made);
    site.ask("POST", ORDERS, &json!({"id": "wms/1 ü", "from": station, "to": storage})).expect(409);
    let wrong = [
        (json!({"from": "nowhere", "to": station}), "from"),
        (json!({"from": storage, "to": storage}), "to"),
        (json!({"from": storage, "to": station, "priority": 10}), "priority"),
        (json!({"from": storage, "to": station, "due": "soon"}), "due"),
    ];
    for (order, place) in wrong {
        assert_eq!(site.ask("POST", ORDERS, &order).expect(422)["where"], place);
    }
    for _ in 0..4 {
        site.ask("POST", ORDERS, &json!({"from": storage, "to": station})).expect(201);
    }
    let first = site.get(&format!("{ORDERS}?limit=3"));
    let rest = site.get(&format!("{ORDERS}?limit=3&after={}", first["next"].as_str().unwrap()));
    assert_eq!((first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (3, 2));
    assert_eq!((&rest["items"][1]["id"], &rest["next"]), (&json!("wms/1 ü"), &Value::Null));
    let path = format!("{ORDERS}/wms%2F1%20%C3%BC");
    assert_eq!(site.ask("POST", &format!("{path}/priority"), &json!({"priority": 9})).expect(200)["priority"], 9);
    let cancelled = site.ask("POST", &format!("{path}/cancel"), &Value::Null).expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(site.ask("POST", &format!("{path}/cancel"), &Value::Null).expect(200), cancelled);
    site.ask("POST", &format!("{path}/priority"), &json!({"priority": 1})).expect(409);
    site.ask("GET", &format!("{ORDERS}/unknown"), &Value::Null).expect(404);

    let site = site.restart().await;
    assert_eq!(site.get(&path), cancelled);
    assert_eq!(site.get(&format!("{ORDERS}?state=waiting"))["items"].as_array().unwrap().len(), 4);
    let figures = &site.get("/api/v1/fleet")["figures"];
    assert_eq!((&figures["orders_waiting"], &figures["orders_cancelled"]), (&json!(4), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_taken_whole_or_says_what_is_wrong() {
    let (site, storage, station) = opened().await;
    let table = format!("to,from,priority\n{station},{storage},1\n{station},nowhere,\n{station},{storage},high\n");
    let refused = import(&site, &table, "").expect(200);
    assert_eq!(refused["accepted"], 0);
    assert_eq!((&refused["errors"][0]["row"], &refused["errors"][0]["column"]), (&json!(4), &json!("priority")));
    assert_eq!(site.get(ORDERS)["items"], json!([]));
    let partly = import(&site, &table, "?partly=true").expect(200);
    let rows: Vec<&Value> = partly["errors"].as_array().unwrap().iter().map(|error| &error["row"]).collect();
    assert_eq!((&partly["accepted"], rows), (&json!(1), vec![&json!(3), &json!(4)]));
    let unknown = import(&site, &format!("from,to\n{storage},{station}\n{storage},x\n"), "").expect(200);
    assert_eq!((&unknown["accepted"], &unknown["errors"][0]["column"]), (&json!(0), &json!("to")));
    let fine = import(&site, &format!(",{storage},{station},2,2030-01-01T00:00:00Z\n").repeat(50), "").expect(200);
    assert_eq!((&fine["accepted"], &fine["errors"]), (&json!(50), &json!([])));
    assert_eq!(site.get(&format!("{ORDERS}?limit=500"))["items"].as_array().unwrap().len(), 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_are_taken_in_and_let_go() {
    let (site, ..) = opened().await;
    let robot = json!({"manufacturer": "acme", "serial": "7", "version": "2.0"});
    let made = site.ask("POST", "/api/v1/fleet/robots", &robot).expect(201);
    assert_eq!((&made["number"], &made["thing"], &made["state"]), (&json!(1), &json!("acme-7"), &json!("unlinked")));
    assert_eq!(site.ask("POST", "/api/v1/fleet/robots", &robot).expect(200)["number"], 1);
    for wrong in [
        json!({"manufacturer": "a/b", "serial": "7", "version": "2.0"}),
        json!({"manufacturer": "a", "serial": "7", "version": "new"}),
    ] {
        site.ask("POST", "/api/v1/fleet/robots", &wrong).expect(422);
    }
    site.ask("DELETE", "/api/v1/fleet/robots/1", &Value::Null).expect(204);
    site.ask("DELETE", "/api/v1/fleet/robots/1", &Value::Null).expect(404);
    let site = site.restart().await;
    let robots = site.get("/api/v1/fleet/robots");
    assert!(robots["items"].as_array().unwrap().iter().all(|robot| robot["thing"] != "acme-7"), "{robots}");
}

/// Takes one request and answers it; gives its signature and its body.
async fn serve_once(listener: &TcpListener, status: &str) -> (String, Value) {
    let mut stream = listener.accept().await.unwrap().0;
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let count = stream.read(&mut piece).await.unwrap();
        if count == 0 {
            // Whoever asked has ended meanwhile.
            (stream, bytes) = (listener.accept().await.unwrap().0, Vec::new());
            continue;
        }
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(": ")).map_or(String::new(), |(_, value)| value.to_owned())
        };
        if body.len() < header("content-length").parse().unwrap() {
            continue;
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        return (header("manmul-signature"), serde_json::from_str(body).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_orders_are_posted_until_they_are_taken() {
    let (site, storage, station) = opened().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    site.ask("PUT", "/api/v1/fleet/webhook", &json!({"url": "ftp://x"})).expect(422);
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let put = site.ask("PUT", "/api/v1/fleet/webhook", &json!({"url": url, "secret": "s3"})).expect(200);
    assert!(put["signed"] == true && !put.to_string().contains("s3"), "{put}");
    // It is looked for changes from the moment that it is known that somebody wants them.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    site.ask("POST", ORDERS, &json!({"id": "a", "from": storage, "to": station})).expect(201);
    site.ask("POST", &format!("{ORDERS}/a/cancel"), &Value::Null).expect(200);
    let (_, refused) = serve_once(&listener, "500 no").await;
    let (signature, again) = serve_once(&listener, "204 fine").await;
    assert_eq!((&refused, refused["state"].as_str()), (&again, Some("waiting")));
    assert!(signature.starts_with("sha256=") && signature.len() == 71, "{signature}");
    let (_, next) = serve_once(&listener, "200 fine").await;
    assert_eq!((&next["id"], &next["state"]), (&json!("a"), &json!("cancelled")));
    let done = site.until("/api/v1/fleet/webhook", |webhook| webhook["delivered"] == 2).await;
    assert_eq!((&done["failed"], &done["problem"]), (&json!(1), &Value::Null));
    site.ask("DELETE", "/api/v1/fleet/webhook", &Value::Null).expect(204);
    assert_eq!(site.get("/api/v1/fleet/webhook")["url"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_told_is_told_after_a_restart() {
    let (site, storage, station) = opened().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    site.ask("PUT", "/api/v1/fleet/webhook", &json!({"url": url, "secret": "s3"})).expect(200);
    let reader = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": ["read"]})).expect(201);
    let bearer = format!("Bearer {}", reader["secret"].as_str().unwrap());
    site.request("GET", "/api/v1/fleet/webhook", &[("authorization", &bearer)], b"").expect(403);
    site.ask("POST", ORDERS, &json!({"id": "a", "from": storage, "to": station})).expect(201);
    let (signature, first) = serve_once(&listener, "204 fine").await;
    assert_eq!(first["id"], "a");
    site.until("/api/v1/fleet/webhook", |webhook| webhook["delivered"] == 1).await;
    site.ask("POST", ORDERS, &json!({"id": "b", "from": storage, "to": station})).expect(201);
    serve_once(&listener, "500 no").await;
    site.ask("POST", &format!("{ORDERS}/b/cancel"), &Value::Null).expect(200);

    let site = site.restart().await;
    let (again, next) = serve_once(&listener, "204 fine").await;
    assert_eq!((&next["id"], &next["state"]), (&json!("b"), &json!("cancelled")));
    assert!(again.starts_with("sha256=") && again != signature, "{again}");
    site.until("/api/v1/fleet/webhook", |webhook| webhook["delivered"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_sees_floor_robots_and_orders() {
    let (site, storage, station) = opened().await;
    site.ask("POST", "/api/v1/fleet/robots", &json!({"manufacturer": "acme", "serial": "7", "version": "2.1"}))
        .expect(201);
    let mut request = format!("ws://{}/api/v1/fleet/watch", site.running.http_addr()).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", site.running.local_secret).parse().unwrap());
    let mut stream = tokio_tungstenite::connect_async(request).await.unwrap().0;
    let mut next = async || tokio::time::timeout(PATIENCE, stream.next()).await.expect("silence").unwrap().unwrap();
    let first: Value = serde_json::from_str(next().await.to_text().unwrap()).unwrap();
    assert_eq!((&first["kind"], first["drawing"]["places"].is_u64()), (&json!("floor"), true));
    let Message::Binary(frame) = next().await else { panic!("no frame") };
    assert_eq!((frame[0], frame.len()), (1, 8 + 12));
    site.ask("POST", ORDERS, &json!({"id": "a", "from": storage, "to": station})).expect(201);
    let order = loop {
        if let Message::Text(text) = next().await {
            break serde_json::from_str::<Value>(&text).unwrap();
        }
    };
    assert_eq!((&order["kind"], &order["order"]["id"]), (&json!("order"), &json!("a")));
}
