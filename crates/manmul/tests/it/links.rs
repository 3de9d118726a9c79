//! MQTT: things with their credentials, anonymous clients, TLS, WebSocket; commands to virtual things.

use std::sync::Arc;

use model::access::TopicGrant;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::common::{Mqtt, Site, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_thing_speaks_for_itself_and_a_gateway_for_its_prefix() {
    let site = Site::start().await;
    let secret = site.thing("lamp");
    let (mut lamp, code) = Mqtt::connect(&site, Some(("lamp", &secret))).await;
    assert_eq!(code, 0);
    assert!(lamp.publish("things/lamp/properties/on", "true").await);
    site.until("/api/v1/things/lamp", |thing| thing["presence"] == "online" && thing["properties"][0]["value"] == true)
        .await;
    assert_eq!(lamp.subscribe("things/+/desired").await, 0x80);
    assert_eq!(lamp.subscribe("things/lamp/#").await, 1);

    site.thing("gateway");
    let rules = json!({"rules": {"grants": [{"filter": "homeassistant/#", "publish": true, "subscribe": true}]}});
    let made = site.ask("POST", "/api/v1/things/gateway/credential", &rules).expect(201);
    let (mut gateway, code) = Mqtt::connect(&site, Some(("gateway", made["secret"].as_str().unwrap()))).await;
    assert_eq!(code, 0);
    let discovery = json!({"name": "Plug", "state_topic": "homeassistant/plug/state", "unique_id": "plug-1"});
    assert!(gateway.publish("homeassistant/switch/plug/config", &discovery.to_string()).await);
    site.until("/api/v1/things?status=inbox", |page| page["total"] == 1).await;
    let accepted = site.ask("POST", "/api/v1/inbox/accept", &json!({"all": true})).expect(200);
    assert_eq!(accepted["accepted"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_clients_get_what_the_site_opens() {
    let site = Site::start().await;
    assert_eq!(Mqtt::connect(&site, None).await.1, 5);
    let open = Site::start_with(|config| {
        let grant = TopicGrant { filter: "homeassistant/#".into(), publish: true, subscribe: true };
        config.mqtt.anonymous.grants = vec![grant];
        config.mqtt.anonymous.deny_publish = vec!["homeassistant/status".into()];
    })
    .await;
    let (mut client, code) = Mqtt::connect(&open, None).await;
    assert_eq!(code, 0);
    assert_eq!(client.subscribe("homeassistant/#").await, 1);
    assert_eq!(client.subscribe("#").await, 0x80);
    assert!(client.publish("homeassistant/a", "1").await);
    assert_eq!(client.next().await.unwrap().payload, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_goes_down_and_its_end_comes_up() {
    let site = Site::start().await;
    let model = json!({
        "id": "fan", "kind": "fan",
        "properties": {"speed": {"type": "number", "minimum": 0, "maximum": 100, "writable": true, "role": "primary"}},
        "actions": {"boost": {"input": {"seconds": {"type": "integer", "minimum": 1}}}}
    });
    let made = site.ask("POST", "/api/v1/virtual-things", &json!({"model": model})).expect(201);
    assert_eq!((&made["id"], &made["origin"]), (&json!("fan-1"), &json!("virtual")));
    site.until("/api/v1/things/fan-1", |thing| thing["presence"] == "online").await;
    let written = site.ask("PATCH", "/api/v1/things/fan-1/desired", &json!({"speed": 40})).expect(202);
    let path = format!("/api/v1/commands/{}", written["commands"][0]["id"].as_str().unwrap());
    site.until(&path, |command| command["state"] == "finished").await;
    let thing = site.until("/api/v1/things/fan-1", |thing| thing["properties"][0]["value"] == 40.0).await;
    assert_eq!(thing["delta"], json!({}));
    let refused = site.ask("PATCH", "/api/v1/things/fan-1/desired", &json!({"speed": 400}));
    assert_eq!((refused.status, refused.json()["where"].clone()), (422, json!("speed")));
    let invoked = site.ask("POST", "/api/v1/things/fan-1/actions/boost", &json!({"input": {"seconds": 1}})).expect(202);
    let path = format!("/api/v1/commands/{}", invoked["id"].as_str().unwrap());
    site.until(&path, |command| command["state"] == "finished").await;
    assert_eq!(site.get("/api/v1/things/fan-1/commands?limit=1")["total"], 2);

    let site = site.restart().await;
    site.until("/api/v1/things/fan-1", |thing| thing["presence"] == "online").await;
    site.ask("DELETE", "/api/v1/things/fan-1", &Value::Null).expect(204);
    assert_eq!(site.ask("GET", "/api/v1/things/fan-1", &Value::Null).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_reaches_a_thing_over_mqtt() {
    let site = Site::start().await;
    let secret = site.thing("lamp");
    let model = json!({"id": "lamp", "properties": {"on": {"type": "boolean", "writable": true}}});
    site.ask("PUT", "/api/v1/things/lamp/model", &model).expect(200);
    let (mut lamp, _) = Mqtt::connect(&site, Some(("lamp", &secret))).await;
    assert_eq!(lamp.subscribe("things/lamp/desired").await, 1);
    let written = site.ask("PATCH", "/api/v1/things/lamp/desired", &json!({"on": true})).expect(202);
    let desired = lamp.next().await.unwrap();
    assert_eq!((desired.topic.as_str(), desired.payload.as_str()), ("things/lamp/desired", r#"{"on":true}"#));
    assert!(lamp.publish("things/lamp/properties/on", "true").await);
    let path = format!("/api/v1/commands/{}", written["commands"][0]["id"].as_str().unwrap());
    site.until(&path, |command| command["state"] == "finished").await;
}

fn connector(roots: &[u8], client: Option<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>)>) -> TlsConnector {
    let mut store = rustls::RootCertStore::empty();
    store.add(CertificateDer::from(roots.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key.into()).unwrap(),
    };
    TlsConnector::from(Arc::new(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_own_certificates_and_things_with_theirs() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    let (server_key, authority_key) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&server_key).unwrap();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&authority, &authority_key);
    let lamp_key = rcgen::KeyPair::generate().unwrap();
    let mut lamp = rcgen::CertificateParams::default();
    lamp.distinguished_name = rcgen::DistinguishedName::new();
    lamp.distinguished_name.push(rcgen::DnType::CommonName, "lamp");
    let lamp = lamp.signed_by(&lamp_key, &issuer).unwrap();
    std::fs::write(at("server.pem"), server.pem()).unwrap();
    std::fs::write(at("server.key"), server_key.serialize_pem()).unwrap();
    std::fs::write(at("authority.pem"), authority_certificate.pem()).unwrap();
    let site = Site::start_in(Arc::clone(&folder), |config| {
        config.tls.certificate = at("server.pem");
        config.tls.key = at("server.key");
        config.tls.client_authority = at("authority.pem");
        config.http.tls_listen = config.http.listen;
        config.mqtt.tls_listen = config.mqtt.listen;
    })
    .await;
    site.thing("lamp");
    let made = site.set_up();
    assert_eq!(made.status, 201);
    let deadline = tokio::time::Instant::now() + crate::common::PATIENCE;
    while site.running.addresses().mqtts.is_none() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let addresses = site.running.addresses();
    let url = format!("https://localhost:{}/api/v1/session", addresses.https.unwrap().port());
    let body = json!({"name": "kim", "password": crate::common::PASSWORD}).to_string();
    let json = [("content-type", "application/json")];
    let answer = request(&url, "POST", &json, body.as_bytes(), Some(server.pem().as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("set-cookie").ends_with("; Secure"));

    let name = ServerName::try_from("localhost").unwrap();
    let tls = |client| {
        let (connector, name) = (connector(server.der(), client), name.clone());
        async move {
            let stream = TcpStream::connect(addresses.mqtts.unwrap()).await.unwrap();
            connector.connect(name, stream).await.unwrap()
        }
    };
    assert_eq!(Mqtt::over(tls(None).await, None).await.1, 5, "encrypted, but nobody");
    let key = PrivatePkcs8KeyDer::from(lamp_key.serialize_der());
    let (mut client, code) = Mqtt::over(tls(Some((lamp.der().clone(), key))).await, None).await;
    assert_eq!(code, 0);
    assert!(client.publish("things/lamp/properties/on", "true").await);
    site.until("/api/v1/things/lamp", |thing| thing["properties"][0]["value"] == true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_over_websocket_on_the_port_of_the_pages() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let site = Site::start().await;
    let secret = site.thing("lamp");
    let open = |protocol: &str| {
        let mut request = format!("ws://{}/mqtt", site.running.http_addr()).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        tokio_tungstenite::connect_async(request)
    };
    assert!(open("chat").await.is_err());
    let (mut socket, answer) = open("mqtt").await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt");
    let mut bytes = Vec::new();
    let connect = mqtt::codec::Connect {
        version: mqtt::Version::V311,
        clean_start: true,
        keep_alive_seconds: 0,
        client_id: "",
        will: None,
        username: Some("lamp"),
        password: Some(secret.as_bytes()),
        properties: mqtt::codec::Properties::default(),
    };
    mqtt::codec::encode(&mqtt::codec::Packet::Connect(connect), mqtt::Version::V311, &mut bytes);
    socket.send(Message::binary(bytes)).await.unwrap();
    let answer = tokio::time::timeout(crate::common::PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.into_data().as_ref(), [0x20, 2, 0, 0]);
}
