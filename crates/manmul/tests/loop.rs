//! The loop from the command line: simulate, plan, compare and take live on a running program; the League's files.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "this drives other processes, and fails where they do"
)]

mod common;

use common::process::Server;
use serde_json::{Value, json};

const SMALL: [&str; 6] = ["--hours", "0.1", "--seeds", "2", "--set", "/world/robots/count=6"];

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_policy_is_simulated_planned_compared_and_taken_live() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_closed(folder.path());
    let run = server.json(&[&["simulate"], &SMALL[..]].concat()).remove(0);
    assert_eq!((&run["state"], run["outcomes"].as_array().unwrap().len()), (&json!("finished"), 2));
    let again =
        server.json(&[&["simulate", "--set", "/world/demand/orders_per_hour=0"], &SMALL[..]].concat()).remove(0);
    assert_eq!(again["kpis"]["orders_per_hour"]["mean"], 0.0);

    let (first, second) = (text(&run["id"]), text(&again["id"]));
    let listed: Vec<String> = server.json(&["runs"]).iter().map(|run| text(&run["id"])).collect();
    assert_eq!(listed, [second.clone(), first.clone()], "the newest first");
    let compared = server.json(&["runs", &first, "--compare", &second]).remove(0);
    let orders = compared.as_array().unwrap().iter().find(|one| one["name"] == "orders_per_hour").unwrap();
    assert!(orders["difference"]["mean"].as_f64().unwrap() < 0.0, "{orders}");

    let vary = ["plan", "--vary", "/world/robots/count=4,8", "--objective", "orders_per_hour"];
    let plan = server.json(&[&vary[..], &SMALL[..]].concat()).remove(0);
    let ranked = plan["found"]["ranked"].as_array().unwrap();
    assert_eq!((ranked.len(), &ranked[0]["candidate"]["values"]), (2, &json!([8])));

    let live = server.json(&["operate", &first, "--shadow"]).remove(0);
    assert_eq!((&live["now"]["run"], &live["now"]["mode"]), (&json!(first), &json!("shadow")));
    let live = server.json(&["operate", "--hands-off", "fleet"]).remove(0);
    assert_eq!((&live["now"], live["earlier"].as_array().unwrap().len()), (&Value::Null, 1));

    let refused = server.command(&["simulate", "--set", "/world/robots/count=0"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("0 is not between 1 and 10000"), "{said}");
    server.stop();
}

#[test]
fn the_league_s_files_are_run_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let files = [
        ("floor.map", "type octile\nheight 3\nwidth 5\nmap\n.....\n.@.@.\n.....\n"),
        ("robots.agents", "2\n0\n14\n"),
        ("work.tasks", "4\n4,10\n2,12\n0,14\n13,3\n"),
        (
            "SMALL.json",
            r#"{"mapFile": "floor.map", "agentFile": "robots.agents", "teamSize": 2, "taskFile": "work.tasks",
                "numTasksReveal": 1.5, "version": "2024 LoRR"}"#,
        ),
        ("simulation_time.json", r#"{"SMALL": 40}"#),
    ];
    files.iter().for_each(|(name, text)| std::fs::write(at(name), text).unwrap());
    let fleet = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_manmul"));
        command.current_dir(folder.path()).arg("fleet").args(arguments).output().unwrap()
    };
    let ran = fleet(&["league", "SMALL.json", "--step-ms", "50", "--out", "result.json", "--json"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let ran: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&ran["steps"], &ran["errors"]), (&json!(40), &json!(0)));
    let checked = fleet(&["check", "result.json", "--instance", "SMALL.json", "--json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&checked["finished"], &checked["faults"]), (&ran["finished"], &json!(0)));

    let mut result: Value = serde_json::from_str(&std::fs::read_to_string(at("result.json")).unwrap()).unwrap();
    std::fs::write(at("large.json"), format!("{}{result}", " ".repeat(17 << 20))).unwrap();
    let large = fleet(&["check", "large.json", "--instance", "SMALL.json"]);
    assert!(large.status.success(), "ten thousand robots fill more than other files may have: {large:?}");

    result["actualPaths"][0] = json!("F,F,F,F,F,F,F,F");
    std::fs::write(at("forged.json"), result.to_string()).unwrap();
    let forged = fleet(&["check", "forged.json", "--instance", "SMALL.json"]);
    assert!(!forged.status.success(), "a robot that leaves the map is seen");
}
