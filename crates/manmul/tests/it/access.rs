//! Coming in: the owner's set-up, people, tokens, things, and who may do what.

use serde_json::{Value, json};

use crate::common::{Mqtt, PASSWORD, Site};

fn cookie(answer: &crate::common::Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_made_once_and_signs_in_and_out() {
    let site = Site::start().await;
    assert_eq!(site.request("GET", "/api/v1/session", &[], b"").expect(200)["state"], "needs_owner");
    assert_eq!(site.request("GET", "/api/v1/things", &[], b"").status, 401);
    let wrong = json!({"token": "mm_wrong", "name": "Kim", "password": PASSWORD});
    let refused = site.json_request("POST", "/api/v1/setup", &wrong);
    assert_eq!((refused.status, refused.header("content-type")), (403, "application/problem+json"));

    let made = site.set_up();
    let session = made.json();
    assert_eq!((made.status, &session["state"], &session["user"]["role"]), (201, &json!("signed_in"), &json!("owner")));
    assert_eq!(session["site"]["title"], "Kim's home");
    let set_cookie = made.header("set-cookie").to_owned();
    assert!(
        set_cookie.contains("HttpOnly") && set_cookie.contains("SameSite=Strict") && !set_cookie.contains("Secure")
    );
    let cookie_value = cookie(&made);
    assert_eq!(site.set_up().status, 409);

    let with = |method: &str, path: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("cookie", cookie_value.as_str()), ("content-type", "application/json")];
        headers.extend_from_slice(more);
        site.request(method, path, &headers, if method == "POST" { b"{\"id\":\"lamp\"}" } else { b"" })
    };
    assert_eq!(with("GET", "/api/v1/things", &[]).status, 200);
    assert_eq!(with("POST", "/api/v1/things", &[]).status, 403, "the header against forgery is missing");
    assert_eq!(with("POST", "/api/v1/things", &[("x-manmul-csrf", "1")]).status, 201);
    assert_eq!(with("DELETE", "/api/v1/session", &[("x-manmul-csrf", "1")]).status, 204);
    assert_eq!(with("GET", "/api/v1/things", &[]).status, 401);
    assert_eq!(site.request("GET", "/api/v1/session", &[], b"").expect(200)["state"], "signed_out");

    let sign_in =
        |password: &str| site.json_request("POST", "/api/v1/session", &json!({"name": "kim", "password": password}));
    assert_eq!(sign_in("a wrong guess").status, 401);
    assert_eq!(sign_in(PASSWORD).expect(200)["user"]["name"], "Kim");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_it_has_a_name_for_everybody_who_may_look() {
    let site = Site::start().await;
    let owner = site.set_up().expect(201)["user"].clone();
    let token = |scope: &str| {
        let made = site.ask("POST", "/api/v1/tokens", &json!({"title": format!("a {scope}er"), "scopes": [scope]}));
        made.expect(201)
    };
    let (reader, writer) = (token("read"), token("configure"));
    let secret = |made: &Value| made["secret"].as_str().unwrap().to_owned();
    site.ask_as(&secret(&writer), "POST", "/api/v1/things", &json!({"id": "lamp"})).expect(201);
    let actors = site.ask_as(&secret(&reader), "GET", "/api/v1/actors", &Value::Null).expect(200);
    let named = |kind: &str, id: &Value| {
        let found = actors.as_array().unwrap().iter().find(|actor| actor["kind"] == kind && actor["id"] == *id);
        found.map(|actor| actor["name"].as_str().unwrap().to_owned())
    };
    assert_eq!(named("user", &owner["id"]).as_deref(), Some("Kim"));
    assert_eq!(named("token", &writer["token"]["id"]).as_deref(), Some("a configureer"));
    let audit = site.get("/api/v1/audit");
    let of = |action: &str| {
        let entry = audit["items"].as_array().unwrap().iter().find(|entry| entry["action"] == action).unwrap();
        entry["who_name"].clone()
    };
    assert_eq!((of("thing.create"), of("set_up")), (json!("a configureer"), json!("Kim")));
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_and_seen_in_the_audit_log() {
    let site = Site::start().await;
    site.set_up().expect(201);
    let guess = || site.json_request("POST", "/api/v1/session", &json!({"name": "Kim", "password": "a wrong guess"}));
    let answers: Vec<_> = (0..12).map(|_| guess()).collect();
    let last = answers.last().unwrap();
    assert_eq!(last.status, 429, "{}", last.text());
    assert!(last.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 10);
    let audit = site.get("/api/v1/audit?limit=100");
    let refusals = audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "sign_in");
    assert_eq!(refusals.filter(|entry| entry["allowed"] == false).count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_to_the_network_before_there_is_an_owner() {
    let site = Site::start_with(|config| {
        config.http.listen = manmul::config::Address(Some("0.0.0.0:0".parse().unwrap()));
        config.mqtt.listen = manmul::config::Address(Some("0.0.0.0:0".parse().unwrap()));
    })
    .await;
    let before = site.running.addresses();
    assert!(before.http.unwrap().ip().is_loopback() && before.mqtt.unwrap().ip().is_loopback());
    site.set_up().expect(201);
    let listens = |addresses: manmul::Addresses| {
        addresses.http.is_some_and(|http| http.ip().is_unspecified())
            && addresses.mqtt.is_some_and(|mqtt| mqtt.ip().is_unspecified())
    };
    let deadline = tokio::time::Instant::now() + crate::common::PATIENCE;
    while !listens(site.running.addresses()) {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", site.running.addresses());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let after = site.running.addresses();
    assert_eq!(after.http.unwrap().port(), before.http.unwrap().port());
    assert_eq!(after.mqtt.unwrap().port(), before.mqtt.unwrap().port());
    let (_client, code) = Mqtt::connect(&site, None).await;
    assert_eq!(code, 5, "not authorised, but there");
}

/// The status that each route answers to each sort of caller with a request that is otherwise empty: 401 and 403 say
/// who may not, anything else that the door was open.
#[tokio::test(flavor = "multi_thread")]
async fn routes_and_roles() {
    let site = Site::start().await;
    site.set_up().expect(201);
    let secret = site.thing("lamp");
    site.thing("other");
    let token = |scope: &str| {
        let made = site.ask("POST", "/api/v1/tokens", &json!({"title": scope, "scopes": [scope]})).expect(201);
        format!("Bearer {}", made["secret"].as_str().unwrap())
    };
    let user = |role: &str| {
        site.ask("POST", "/api/v1/users", &json!({"name": role, "password": PASSWORD, "role": role})).expect(201);
        cookie(&site.json_request("POST", "/api/v1/session", &json!({"name": role, "password": PASSWORD})))
    };
    use base64_of as basic;
    let callers: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("anonymous", vec![]),
        ("viewer", vec![("cookie", user("viewer")), ("x-manmul-csrf", "1".into())]),
        ("operator", vec![("cookie", user("operator")), ("x-manmul-csrf", "1".into())]),
        ("read", vec![("authorization", token("read"))]),
        ("command", vec![("authorization", token("command"))]),
        ("configure", vec![("authorization", token("configure"))]),
        ("ingest", vec![("authorization", token("ingest"))]),
        ("thing", vec![("authorization", format!("Basic {}", basic(&format!("lamp:{secret}"))))]),
        ("owner", vec![("authorization", format!("Bearer {}", site.running.local_secret))]),
    ];
    let mut table = String::new();
    for rule in server::http::rules::RULES {
        let path = rule.path.replace("{thing}", "nothing").replace("{id}", "nothing").replace("{position}", "1");
        let path = path.replace("{action}", "nothing");
        if rule.path == "/api/v1/session" && rule.method == "DELETE" {
            continue;
        }
        let mut line = String::new();
        for (name, headers) in &callers {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = site.request(rule.method, &path, &headers, b"");
            assert_ne!(answer.status, 500, "{} {path}: {}", rule.method, answer.text());
            if path.starts_with("/api/") && answer.status >= 400 {
                assert_eq!(answer.header("content-type"), "application/problem+json", "{path}: {}", answer.text());
            }
            if matches!(answer.status, 401 | 403) {
                line.push_str(&format!(" {name}"));
            }
        }
        table.push_str(&format!("{} {} shut for:{line}\n", rule.method, rule.path));
    }
    insta::assert_snapshot!(table);
}

fn base64_of(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for piece in text.as_bytes().chunks(3) {
        let number = piece.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - piece.len()));
        for index in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= piece.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawn_means_out_at_once() {
    let site = Site::start().await;
    let secret = site.thing("lamp");
    let (mut lamp, code) = Mqtt::connect(&site, Some(("lamp", &secret))).await;
    assert_eq!(code, 0);
    let rotated = site.ask("POST", "/api/v1/things/lamp/credential", &Value::Null).expect(201);
    assert!(lamp.next().await.is_none(), "the connection with the old secret ends");
    assert_eq!(Mqtt::connect(&site, Some(("lamp", &secret))).await.1, 4);
    assert_eq!(Mqtt::connect(&site, Some(("lamp", rotated["secret"].as_str().unwrap()))).await.1, 0);

    let token = site.ask("POST", "/api/v1/tokens", &json!({"title": "t", "scopes": ["read"]})).expect(201);
    let secret = token["secret"].as_str().unwrap();
    assert_eq!(site.ask_as(secret, "GET", "/api/v1/things", &Value::Null).status, 200);
    site.ask("DELETE", &format!("/api/v1/tokens/{}", token["token"]["id"].as_str().unwrap()), &Value::Null).expect(204);
    assert_eq!(site.ask_as(secret, "GET", "/api/v1/things", &Value::Null).status, 401);
}
