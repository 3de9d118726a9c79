//! Rules of a running Manmul: on the command line, in the demo home, and where the site is.

use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Mqtt, Site};

/// The program, as a person at a terminal uses it.
struct Terminal<'s>(&'s Site);

impl Terminal<'_> {
    /// What it printed, and whether it went well.
    fn run(&self, words: &[&str]) -> (bool, String) {
        let output = tokio::task::block_in_place(|| {
            Command::new(env!("CARGO_BIN_EXE_manmul"))
                .args(words)
                .args(["--url", &self.0.url(""), "--token", &self.0.running.local_secret])
                .output()
                .unwrap()
        });
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), text)
    }

    fn well(&self, words: &[&str]) -> String {
        let (well, text) = self.run(words);
        assert!(well, "{words:?}: {text}");
        text
    }

    fn badly(&self, words: &[&str]) -> String {
        let (well, text) = self.run(words);
        assert!(!well, "{words:?}: {text}");
        text
    }
}

const TEXT: &str = "rule: Lamp when the bell rings
triggers:
  - webhook: bell
conditions:
  - property: lamp/on
    is: false
actions:
  - set: lamp/on
    to: true
  - alarm: { name: Bell, severity: notice, message: somebody rang }
";

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_rule_on_the_command_line() {
    let site = Site::start().await;
    let secret = site.thing("lamp");
    let (mut lamp, _) = Mqtt::connect(&site, Some(("lamp", &secret))).await;
    let model =
        r#"{"id":"lamp","kind":"light","properties":{"on":{"type":"boolean","writable":true,"role":"primary"}}}"#;
    assert!(lamp.publish("things/lamp/model", model).await);
    assert!(lamp.publish("things/lamp/properties", r#"{"on":false}"#).await);
    site.until("/api/v1/things/lamp", |thing| thing["properties"][0]["value"] == false).await;
    assert_eq!(lamp.subscribe("things/lamp/desired").await, 1);

    let terminal = Terminal(&site);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (first, wrong) = (file("first.yaml", TEXT), file("wrong.yaml", &TEXT.replace("lamp/on", "lamp/of")));
    assert!(terminal.well(&["rules", "check", &first]).contains("Set lamp/on to true"));
    let told = terminal.badly(&["rules", "check", &wrong]);
    assert!(told.contains("error in line 5") && told.contains("hint: ") && told.contains("cannot run"), "{told}");
    assert!(terminal.well(&["rules", "add", &first]).contains("lamp-when-the-bell-rings"));
    let rule = "lamp-when-the-bell-rings";
    assert!(terminal.badly(&["rules", "promote", rule]).contains("hint: backtest it"));
    assert!(terminal.well(&["rules", "backtest", rule, "--days", "1"]).contains("calls of the webhook bell"));
    assert!(terminal.well(&["rules", "shadow", rule]).contains("shadow"));
    site.ask("POST", "/api/v1/hooks/bell", &json!({})).expect(202);
    let would = site.until(&format!("/api/v1/rules/{rule}/would-have"), |would| would["items"][0].is_object()).await;
    assert_eq!(would["items"][0]["thing"], "lamp");

    assert!(terminal.well(&["rules", "promote", rule]).contains("live"));
    site.ask("POST", "/api/v1/hooks/bell", &json!({})).expect(202);
    assert_eq!(lamp.next().await.unwrap().payload, r#"{"on":true}"#);
    assert!(lamp.publish("things/lamp/properties/on", "true").await);
    site.until("/api/v1/things/lamp", |thing| thing["properties"][0]["value"] == true).await;
    let path = format!("/api/v1/rules/{rule}/traces?outcome=finished");
    let traces = site.until(&path, |traces| traces["items"].as_array().unwrap().len() == 2).await;
    let listed = terminal.well(&["rules", "traces", rule]);
    assert!(listed.contains("finished") && listed.contains("in shadow"), "{listed}");
    let run = traces["items"][0]["id"].as_str().unwrap();
    assert!(terminal.well(&["rules", "traces", "--run", run]).contains("line 8    passed   set lamp/on to true"));
    let why = terminal.well(&["rules", "why-not", rule]);
    assert!(why.contains("condition MISSED") && why.contains("trigger"), "{why}");
    assert!(terminal.badly(&["rules", "why-not", rule, "--at", "yesterday"]).contains("hint: 2026"));

    let alarms = terminal.well(&["alarms"]);
    assert!(alarms.contains("somebody rang"), "{alarms}");
    let alarm = alarms.split_whitespace().next().unwrap();
    assert!(terminal.well(&["alarms", "--acknowledge", alarm, "--note", "I go"]).contains("acknowledged"));
    assert!(terminal.well(&["alarms", "--shelve", alarm, "--hours", "2"]).contains("shelved"));
    assert!(terminal.well(&["alarms", "--unshelve", alarm]).contains("acknowledged"));
    assert_eq!(terminal.well(&["alarms"]), "");

    let second = file("second.yaml", &format!("# better\n{TEXT}"));
    assert!(terminal.well(&["rules", "add", &second, "--rule", rule, "--note", "better"]).contains("version 2"));
    assert!(terminal.well(&["rules", "revert", rule, "1"]).contains("version 3"));
    let versions = terminal.well(&["rules", "versions", rule]);
    assert!(versions.contains("better") && versions.contains("as version 1") && versions.contains("live since"));
    assert_eq!(site.get(&format!("/api/v1/rules/{rule}"))["text"], TEXT);
    assert!(terminal.well(&["rules", "conflicts"]).is_empty());
    assert!(terminal.well(&["rules", "off", rule]).contains("off"));
    assert!(terminal.well(&["rules", "list", "--state", "off"]).contains(rule));
    assert_eq!(terminal.well(&["rules", "list", "--state", "live"]), "");
    assert!(terminal.well(&["rules", "show", rule]).contains("Only if"));

    let automations = "- alias: Lamp at seven\n  triggers:\n    - trigger: time\n      at: '07:00:00'\n  actions:\n    \
        - action: light.turn_on\n      target: { entity_id: light.lamp }\n";
    let automations = file("automations.yaml", automations);
    assert!(terminal.well(&["rules", "import", &automations]).contains("1 rules: 1 whole"));
    assert!(terminal.well(&["rules", "import", &automations, "--save"]).contains("kept as lamp-at-seven"));
    assert!(terminal.well(&["rules", "list", "--state", "draft"]).contains("Lamp at seven"));
    let json: Value = serde_json::from_str(&terminal.well(&["rules", "list", "--json"])).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_site_is_can_be_set_and_is_kept() {
    let site = Site::start_with(|config| config.site.time_zone = "Asia/Seoul".to_owned()).await;
    let path = "/api/v1/settings/place";
    let said = json!({"time_zone": "Asia/Seoul", "latitude": null, "longitude": null, "chosen": true});
    assert_eq!(site.get(path), said);
    let sunset = json!({"text": "rule: Dusk\ntriggers:\n  - sun: sunset\nactions:\n  - notify: dusk\n"});
    let problems = |site: &Site| site.ask("POST", "/api/v1/rules/check", &sunset).expect(200)["problems"].clone();
    assert_eq!(problems(&site).as_array().unwrap().len(), 1);
    let wanted = json!({"time_zone": "Europe/Berlin", "latitude": 52.5, "longitude": 13.4});
    let set = site.ask("PUT", path, &wanted).expect(200);
    assert_eq!((&set["time_zone"], &set["chosen"]), (&json!("Europe/Berlin"), &json!(true)));
    assert_eq!(problems(&site), json!([]));
    for (wrong, place) in [
        (json!({"time_zone": "Europe/Berlinn"}), "time_zone"),
        (json!({"time_zone": "UTC", "latitude": 1.0}), "latitude"),
        (json!({"time_zone": "UTC", "latitude": 100.0, "longitude": 0.0}), "latitude"),
    ] {
        let refused = site.ask("PUT", path, &wrong).expect(422);
        assert_eq!(refused["where"], place, "{refused}");
        assert!(refused["hint"].is_string(), "{refused}");
    }
    // What somebody has said counts more than the configuration.
    let site = site.restart_with(|config| config.site.time_zone = "Asia/Seoul".to_owned()).await;
    assert_eq!(site.get(path)["time_zone"], "Europe/Berlin");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_home_has_rules_in_every_state_with_their_past_to_show() {
    let site = Site::start_with(|config| {
        config.demo.enabled = true;
        config.demo.history_days = 2;
        config.demo.robots = 0;
    })
    .await;
    let is_whole = |rules: &Value| {
        let state = |id: &str| rules["items"].as_array().unwrap().iter().find(|rule| rule["id"] == id).cloned();
        rules["items"].as_array().unwrap().len() == 8 && state("light-in-the-hall").unwrap()["live_version"] == 2
    };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    while !is_whole(&site.get("/api/v1/rules")) {
        assert!(tokio::time::Instant::now() < deadline, "{}", site.get("/api/v1/rules"));
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let rules = site.get("/api/v1/rules");
    for summary in rules["items"].as_array().unwrap() {
        let id = summary["id"].as_str().unwrap();
        let rule = site.get(&format!("/api/v1/rules/{id}"));
        assert_eq!(rule["problem_list"], json!([]), "{id}");
        assert!(rule["tests"].as_array().unwrap().iter().all(|test| test["passed"] == true), "{rule}");
        let cards = site.get(&format!("/api/v1/rules/{id}/backtests"));
        assert_eq!(cards["items"].as_array().unwrap().is_empty(), rule["state"] == "draft", "{id}");
    }
    let of = |state: &str| site.get(&format!("/api/v1/rules?state={state}"))["items"].as_array().unwrap().len();
    assert_eq!((of("live"), of("shadow"), of("draft")), (6, 1, 1));
    assert_eq!(site.get("/api/v1/scenes")["items"].as_array().unwrap().len(), 3);
    assert_eq!(site.get("/api/v1/settings/place")["chosen"], true);
    // What somebody took away does not come back.
    site.ask("DELETE", "/api/v1/rules/good-night", &Value::Null).expect(204);
    let site = site.restart().await;
    site.until("/api/v1/rules", |rules| rules["items"].as_array().unwrap().len() == 7).await;
}
