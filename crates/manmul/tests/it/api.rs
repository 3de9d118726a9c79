//! The API: things, revisions, problems, ingest, history, figures.

use serde_json::{Value, json};

use crate::common::Site;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_brought_in_is_there_to_be_read() {
    let site = Site::start().await;
    site.thing("probe");
    let taken = site.ask("POST", "/api/v1/ingest/things/probe", &json!({"temperature": 21.5, "on": true})).expect(202);
    let thing = site.until("/api/v1/things/probe", |thing| thing["properties"].as_array().unwrap().len() == 2).await;
    assert_eq!(thing["properties"][1]["value"], 21.5);
    assert_eq!(thing["properties"][1]["position"], taken["position"]);
    let records = site.get("/api/v1/things/probe/records?limit=10");
    assert!(records["items"].as_array().unwrap().iter().any(|record| record["name"] == "temperature"));
    let messages = site.get("/api/v1/things/probe/messages");
    assert_eq!(messages["items"][0]["payload"], r#"{"temperature":21.5,"on":true}"#);
    let history = site
        .until("/api/v1/history?thing=probe&name=temperature", |found| found["series"][0]["points"][0].is_array())
        .await;
    assert_eq!(history["series"][0]["points"][0][1], 21.5);
    assert_eq!(
        site.get(&format!("/api/v1/entries/{}", taken["position"]))["entry"]["topic"],
        "things/probe/properties"
    );
    let csv = site.ask("GET", "/api/v1/history/export?thing=probe&name=temperature", &Value::Null);
    assert!(csv.text().ends_with(",probe,temperature,21.5,,,\r\n"), "{}", csv.text());
    let parquet = site.ask("GET", "/api/v1/history/export?format=parquet", &Value::Null);
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    let now = thing["properties"][1]["received"].as_i64().unwrap() + 1;
    let state = site.get(&format!("/api/v1/history/state?at={now}&thing=probe"));
    assert!(state["properties"].as_array().unwrap().iter().any(|row| row["value"] == 21.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn influx_clients_write_as_they_are_used_to() {
    let site = Site::start().await;
    let token = site.ask("POST", "/api/v1/tokens", &json!({"title": "telegraf", "scopes": ["ingest"]})).expect(201);
    let token = token["secret"].as_str().unwrap().to_owned();
    let authorization = format!("Token {token}");
    let write = |path: &str, headers: &[(&str, &str)], body: &[u8]| site.request("POST", path, headers, body).status;
    let with_token = [("authorization", authorization.as_str())];
    assert_eq!(
        write("/api/v2/write?bucket=b&org=o&precision=s", &with_token, b"weather,thing=roof wind=3.5 1700000000"),
        204
    );
    assert_eq!(write(&format!("/write?db=d&u=any&p={token}"), &[], b"weather,thing=roof rain=1"), 204);
    assert_eq!(write("/write", &with_token, b"no line"), 400);
    assert_eq!(write("/write", &[], b"weather,thing=roof wind=3.5"), 401);
    let secret = site.thing("roof");
    let own = format!("Token roof:{secret}");
    assert_eq!(write("/write", &[("authorization", own.as_str())], b"w,thing=roof hail=0"), 204);
    assert_eq!(write("/write", &[("authorization", own.as_str())], b"w,thing=cellar hail=0"), 403, "not for others");
    site.until("/api/v1/things/roof", |thing| {
        let names: Vec<&str> =
            thing["properties"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
        ["wind", "rain", "hail"].iter().all(|name| names.contains(name))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_protect_from_overwriting() {
    let site = Site::start().await;
    site.thing("lamp");
    let first = site.ask("GET", "/api/v1/things/lamp", &Value::Null);
    let tag = first.header("etag").to_owned();
    assert_eq!(tag, format!("\"{}\"", first.json()["rev"]));
    let bearer = format!("Bearer {}", site.running.local_secret);
    let change = |path: &str, method: &str, tag: &str, body: &str| {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("if-match", tag)];
        site.request(method, path, &headers, body.as_bytes())
    };
    let renamed = change("/api/v1/things/lamp", "PATCH", &tag, r#"{"title":"Lamp","tags":["a"]}"#);
    assert_ne!(renamed.header("etag"), tag);
    let late = change("/api/v1/things/lamp", "PATCH", &tag, r#"{"title":"Other"}"#);
    assert_eq!((late.status, late.json()["type"].clone()), (412, json!("urn:manmul:problem:changed-meanwhile")));
    assert_eq!(change("/api/v1/things/lamp", "DELETE", &tag, "").status, 412);
    assert_eq!(change("/api/v1/things/lamp", "PATCH", "3", "{}").status, 400, "a tag without quotes");
    let space = site.ask("POST", "/api/v1/spaces", &json!({"kind": "room", "title": "Bath"})).expect(201);
    assert_eq!((&space["id"], &space["rev"]), (&json!("bath"), &json!(1)));
    assert_eq!(change("/api/v1/spaces/bath", "PATCH", "\"1\"", r#"{"title":"Bathroom"}"#).status, 200);
    assert_eq!(change("/api/v1/spaces/bath", "PATCH", "\"1\"", r#"{"title":"Bath"}"#).status, 412);
    assert_eq!(change("/api/v1/things/lamp", "PATCH", "*", r#"{"space":"bath"}"#).expect(200)["space"], "bath");
    assert_eq!(change("/api/v1/things/lamp", "PATCH", "*", r#"{"space":null}"#).expect(200)["space"], Value::Null);
    assert_eq!(change("/api/v1/things/lamp", "DELETE", "*", "").status, 204);
    assert_eq!(site.ask("GET", "/api/v1/things/lamp", &Value::Null).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_that_says_where() {
    let site = Site::start().await;
    let problem = |method: &str, path: &str, body: Value| {
        let answer = site.ask(method, path, &body);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}: {}", answer.text());
        let problem = answer.json();
        (answer.status, problem["where"].as_str().unwrap_or_default().to_owned())
    };
    let none = Value::Null;
    assert_eq!(problem("GET", "/api/v1/nothing", none.clone()), (404, String::new()));
    assert_eq!(problem("PUT", "/api/v1/things", none.clone()), (405, String::new()));
    assert_eq!(problem("POST", "/api/v1/things", json!({"id": "a", "titel": "A"})), (422, "titel".into()));
    assert_eq!(problem("POST", "/api/v1/things", json!({"id": "a/b"})), (422, "id".into()));
    assert_eq!(problem("GET", "/api/v1/things?limt=3", none.clone()), (400, "query".into()));
    assert_eq!(problem("GET", "/api/v1/things?cursor=!", none.clone()), (400, "cursor".into()));
    assert_eq!(problem("GET", "/api/v1/things/a%2Fb", none.clone()), (400, "thing".into()));
    assert_eq!(problem("GET", "/api/v1/history?thing=a", none.clone()), (400, "name".into()));
    assert_eq!(problem("POST", "/api/v1/spaces", json!({"kind": "cave", "title": "x"})).0, 422);
    assert_eq!(problem("POST", "/api/v1/inbox/accept", json!({})), (422, "things".into()));
    let plain = site.request("POST", "/api/v1/session", &[("content-type", "text/plain")], b"{}");
    assert_eq!(plain.status, 415);
    let large = vec![b' '; 2 << 20];
    let bearer = format!("Bearer {}", site.running.local_secret);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(site.request("POST", "/api/v1/things", &headers, &large).status, 413);
    let method = site.ask("PUT", "/api/v1/things", &Value::Null);
    assert_eq!(method.header("allow"), "GET, POST");
    assert!(!method.header("x-request-id").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages() {
    let site = Site::start().await;
    for number in 0..7 {
        site.thing(&format!("lamp-{number}"));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = site.get(&format!("/api/v1/things?limit=3{cursor}"));
        assert_eq!(page["total"], 7);
        seen.extend(page["items"].as_array().unwrap().iter().map(|thing| thing["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..7).map(|number| format!("lamp-{number}")).collect::<Vec<_>>());
    assert_eq!(site.get("/api/v1/things?search=lamp-3")["total"], 1);
    let jumped = site.get("/api/v1/things?offset=5&limit=500");
    assert_eq!((jumped["items"][0]["id"].as_str(), jumped["items"].as_array().unwrap().len()), (Some("lamp-5"), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virtual_thing_is_put_where_it_shall_stand() {
    let site = Site::start().await;
    site.ask("POST", "/api/v1/spaces", &json!({"id": "bath", "kind": "room", "title": "Bath"})).expect(201);
    let model = json!({"title": "Lamp", "properties": {
        "level": {"role": "primary", "unit": "%", "minimum": 0, "maximum": 100, "writable": true},
        "on": {"role": "primary", "type": "boolean", "writable": true},
    }});
    let lamp = json!({"id": "lamp", "model": model, "space": "bath"});
    assert_eq!(site.ask("POST", "/api/v1/virtual-things", &lamp).expect(201)["space"], "bath");
    let nowhere = json!({"model": {"title": "Lamp"}, "space": "nowhere"});
    assert_eq!(site.ask("POST", "/api/v1/virtual-things", &nowhere).status, 404);
    let shown = |overview: &Value| {
        let spaces = overview["spaces"].as_array().unwrap();
        spaces.iter().find(|space| space["space"]["id"] == "bath").map(|space| space["headline"][0].clone())
    };
    let overview = site.until("/api/v1/overview", |overview| shown(overview).is_some_and(|one| one.is_object())).await;
    let headline = shown(&overview).unwrap();
    assert_eq!((&headline["thing_title"], &headline["name"]), (&json!("Lamp"), &json!("on")));
    assert_eq!((&headline["writable"], &headline["decimals"]), (&json!(true), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_tells_how_it_is() {
    let site = Site::start().await;
    assert_eq!(site.request("GET", "/healthz", &[], b"").text(), "alive\n");
    assert_eq!(site.request("GET", "/readyz", &[], b"").expect(200), json!({"ready": true, "problems": []}));
    let figures = site.request("GET", "/metrics", &[], b"").text();
    assert!(figures.contains("manmul_mqtt_clients ") && figures.ends_with("# EOF\n"), "{figures}");
    let system = site.get("/api/v1/system");
    assert_eq!(system["mqtt"]["port"], site.running.mqtt_addr().unwrap().port());
    assert_eq!(system["healthy"], true);
    let document = site.request("GET", "/openapi.json", &[], b"").json();
    assert_eq!(document["openapi"], "3.1.0");
    let page = site.request("GET", "/things/any.thing", &[], b"");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_corrected_in_either_form() {
    let site = Site::start().await;
    site.thing("lamp");
    let model = json!({"id": "lamp", "kind": "light", "properties": {"on": {"type": "boolean", "writable": true}}});
    let corrected = site.ask("PUT", "/api/v1/things/lamp/model", &model).expect(200);
    assert_eq!((&corrected["kind"], &corrected["model"]["inferred"]), (&json!("light"), &json!(false)));
    let wot = site.ask("GET", "/api/v1/things/lamp/model?format=wot", &Value::Null);
    assert_eq!(wot.header("content-type"), "application/tm+json");
    let again = site.ask("PUT", "/api/v1/things/lamp/model", &wot.json()).expect(200);
    assert_eq!(again["model"]["properties"]["on"]["writable"], true);
    let wrong = site.ask("PUT", "/api/v1/things/lamp/model", &json!({"properties": {"on": {"type": "bool"}}}));
    assert_eq!((wrong.status, wrong.json()["where"].clone()), (422, json!("properties.on.type")));
}
