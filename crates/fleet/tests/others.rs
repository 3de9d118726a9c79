//! What robots of other makers were heard to say, and what master control makes of it. The messages are as they were sent;
//! only ids, times and places are those of the test.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::Arc;
use std::time::Duration;

use connect::vda5050::order::BlockingType;
use connect::vda5050::{self, Address, Body, InstantActions, Kind, Order, Topic, Version};
use fleet::floor::{Floor, GridGround, Ground, Point};
use fleet::master::{Finding, Master, Mission, Output, Phase, Settings, Stop, Task};
use fleet::traffic::PlannedStep;
use model::Timestamp;
use serde_json::{Value, json};

/// NVIDIA's mission client: a time without zone, nulls, somebody else's serial number.
const NVIDIA: &str = r#"{"headerId": 1, "timestamp": "2026-11-23T02:52:19.636864", "version": "2.0.0", "manufacturer": "RobotCompany", "serialNumber": "carter01", "orderId": "", "orderUpdateId": 0, "lastNodeId": "", "lastNodeSequenceId": 0, "nodeStates": [], "edgeStates": [], "actionStates": [], "batteryState": {"batteryCharge": 90.0, "batteryVoltage": null, "batteryHealth": null, "charging": false, "reach": null}, "driving": false, "agvPosition": {"positionInitialized": true, "x": 0.5, "y": 15.5, "theta": 0.0, "mapId": "map", "deviationRange": 0.0}, "errors": [], "information": [], "distanceSinceLastNode": 0.0, "loads": [], "newBaseRequest": false, "operatingMode": "AUTOMATIC", "paused": false, "safetyState": {"eStop": "NONE", "fieldViolation": false}, "velocity": {"vx": 0.0, "vy": 0.0, "omega": 0.0}, "zoneSetId": ""}"#;

/// vda-5050-lib's virtual vehicle.
const COATY: &str = r#"{"actionStates":[],"batteryState":{"batteryCharge":100,"batteryVoltage":24,"charging":false,"reach":28800},"driving":false,"edgeStates":[],"errors":[],"lastNodeId":"r0c0","lastNodeSequenceId":0,"nodeStates":[],"operatingMode":"AUTOMATIC","orderId":"","orderUpdateId":0,"safetyState":{"eStop":"NONE","fieldViolation":false},"agvPosition":{"positionInitialized":true,"x":0.5,"y":15.5,"theta":0,"mapId":"map"},"velocity":{"omega":0,"vx":0,"vy":0},"paused":false,"timestamp":"2026-11-23T02:50:53.086Z","headerId":1,"manufacturer":"coaty","serialNumber":"0001","version":"2.0.0"}"#;

/// A corridor of eight nodes, a metre apart, with one robot on the first.
struct Talk {
    master: Master,
    address: Address,
    said: Value,
    now: Timestamp,
    orders: Vec<Order>,
    asked: Vec<InstantActions>,
    findings: Vec<Finding>,
    done: Vec<String>,
}

impl Talk {
    fn with(captured: &str, manufacturer: &str, serial: &str) -> Self {
        let rows = vec!["........".to_owned()];
        let lower_left = Point::default();
        let ground =
            GridGround { cell_metres: 1.0, lower_left, rows, speed_limit: None, lanes: Vec::new(), walls: Vec::new() };
        let network = Arc::new(Floor::new("test", Ground::Grid(ground)).network().unwrap());
        let now = Timestamp::from_seconds(1_800_000_000);
        let mut master = Master::new(Settings::default(), "map", network, now);
        let address = Address::new("uagv", Version::V2_0, manufacturer, serial);
        master.add_robot(0, address.clone(), Version::V2_0).unwrap();
        let said = serde_json::from_str(captured).unwrap();
        let mut talk = Self {
            master,
            address,
            said,
            now,
            orders: Vec::new(),
            asked: Vec::new(),
            findings: Vec::new(),
            done: Vec::new(),
        };
        talk.say(|_| ());
        talk
    }

    /// The robot says what it said last, but for what `change` changes; then master control has its turn.
    fn say(&mut self, change: impl FnOnce(&mut Value)) {
        self.now = self.now + Duration::from_millis(250);
        self.said["agvPosition"]["y"] = json!(0.5);
        change(&mut self.said);
        self.said["headerId"] = json!(self.said["headerId"].as_u64().unwrap() + 1);
        let zone = if self.said["timestamp"].as_str().unwrap().ends_with('Z') { "Z" } else { "" };
        self.said["timestamp"] = json!(format!("{}{zone}", self.now.to_string().trim_end_matches('Z')));
        let topic = self.address.topic(Kind::State);
        let topic = Topic::parse(&topic).unwrap();
        let read = vda5050::read(&topic, self.said.to_string().as_bytes()).unwrap();
        assert!(self.master.hear(&topic, &read, self.now));
        self.turn();
    }

    fn turn(&mut self) {
        for output in self.master.tick(self.now) {
            match output {
                Output::Send(message) => {
                    let topic = Topic::parse(&message.topic).unwrap();
                    match vda5050::read(&topic, &message.payload).unwrap().body {
                        Body::Order(order) => self.orders.push(order),
                        Body::InstantActions(actions) => self.asked.push(actions),
                        _ => {}
                    }
                }
                Output::Finding(finding) => self.findings.push(finding),
                Output::MissionDone { mission, .. } => self.done.push(mission),
                _ => {}
            }
        }
    }

    /// A mission to nodes, something to be done at each, and a way there.
    fn send_to(&mut self, columns: &[u32]) {
        let task = |action: &str| Task {
            action_type: action.to_owned(),
            blocking_type: BlockingType::Hard,
            parameters: vec![("loadType".to_owned(), json!("EPAL"))],
        };
        let stop = |column: &u32| Stop { node: *column, tasks: vec![task("pick")] };
        let mission = Mission { id: "m".to_owned(), stops: columns.iter().map(stop).collect() };
        self.master.assign(0, mission).unwrap();
        self.plan(columns[0]);
    }

    fn plan(&mut self, to: u32) {
        let from = self.master.traffic().base(0).last().unwrap().cell;
        let steps = (from..=to).map(|cell| PlannedStep { step: cell, cell, theta: 0.0 }).collect();
        self.master.plan(&[(0, steps)]).unwrap();
        self.turn();
    }

    /// The robot has taken the last order, and is at its node of this number of all that it was told.
    fn reach(&mut self, index: usize) {
        let order = self.orders.last().unwrap().clone();
        self.say(|said| {
            let node = &order.nodes[index];
            (said["orderId"], said["orderUpdateId"]) = (json!(order.order_id), json!(order.order_update_id));
            (said["lastNodeId"], said["lastNodeSequenceId"]) = (json!(node.node_id), json!(node.sequence_id));
            said["agvPosition"]["x"] = json!(column(&node.node_id) + 0.5);
            said["nodeStates"] = ahead(&order, index + 1);
        });
    }

    fn findings(&self) -> Vec<&str> {
        self.findings.iter().map(|finding| finding.code.as_str()).collect()
    }
}

fn column(node: &str) -> f64 {
    node.trim_start_matches("r0c").parse().unwrap()
}

/// The nodes of an order from one on, as robots list them.
fn ahead(order: &Order, from: usize) -> Value {
    let state = |node: &vda5050::order::Node| json!({"nodeId": node.node_id, "sequenceId": node.sequence_id, "released": node.released});
    order.nodes[from..].iter().map(state).collect()
}

fn numbers(order: &Order) -> Vec<(u32, bool)> {
    order.nodes.iter().map(|node| (column(&node.node_id) as u32, node.released)).collect()
}

#[test]
fn a_robot_that_drives_into_its_horizon_is_only_told_what_it_may_drive() {
    let mut talk = Talk::with(NVIDIA, "RobotCompany", "nv1");
    assert_eq!(talk.findings(), ["wrong_name"]);
    talk.send_to(&[7]);
    let first = talk.orders[0].clone();
    assert_eq!(numbers(&first), [(0, true), (1, true), (2, true), (3, true), (4, true), (5, false)]);
    assert_eq!(talk.master.traffic().base(0).len(), 6, "what it is not told of is kept for it all the same");

    // It forgets where it was when it takes an order, and goes on listing the node that it has reached.
    talk.say(|said| {
        (said["orderId"], said["lastNodeId"]) = (json!(first.order_id), json!(""));
        said["nodeStates"] = ahead(&first, 0);
    });
    for index in 0..first.nodes.len() {
        talk.reach(index);
        let listed = ahead(&first, index);
        talk.say(|said| said["nodeStates"] = listed);
    }
    assert_eq!(talk.master.unit(0).unwrap().takes_updates, Some(false));
    assert_eq!(talk.findings(), ["wrong_name", "no_updates"], "nobody is alarmed");
    let second = talk.orders[1].clone();
    assert_eq!((numbers(&second), second.order_update_id), (vec![(5, true), (6, true), (7, true)], 0));
    assert_eq!(talk.orders.len(), 2);

    // An instant action that it never ends is no work left.
    let action = second.nodes[2].actions[0].action_id.clone();
    talk.reach(2);
    talk.say(|said| {
        said["nodeStates"] = ahead(&second, 2);
        said["actionStates"] = json!([
            {"actionId": action, "actionType": "pick", "actionDescription": "", "actionStatus": "FINISHED", "resultDescription": ""},
            {"actionId": "1", "actionType": "stateRequest", "actionDescription": "", "actionStatus": "WAITING", "resultDescription": ""}
        ]);
    });
    assert_eq!(talk.done, ["m"]);
    talk.send_to(&[7]);
    assert_eq!(numbers(&talk.orders[2]), [(7, true)], "it is free for another order");
}

#[test]
fn a_robot_that_waits_where_its_base_ends_is_updated_on_the_way() {
    let mut talk = Talk::with(COATY, "coaty", "0001");
    talk.send_to(&[7]);
    let first = talk.orders[0].clone();
    // Before it begins with an order it tells of the node where the last one ended, by that one's number.
    talk.say(|said| {
        (said["orderId"], said["lastNodeSequenceId"]) = (json!(first.order_id), json!(14));
        said["nodeStates"] = ahead(&first, 0);
    });
    assert_eq!(talk.findings(), [""; 0]);
    (0..5).for_each(|index| talk.reach(index));
    assert_eq!((talk.orders.len(), talk.master.unit(0).unwrap().takes_updates), (1, None));
    // It says nothing while nothing happens, and is asked.
    let asked = talk.asked.len();
    talk.now = talk.now + Duration::from_secs(4);
    talk.turn();
    assert_eq!(
        talk.asked[asked..].iter().map(|it| it.actions[0].action_type.as_str()).collect::<Vec<_>>(),
        ["stateRequest"]
    );
    talk.say(|_| ());
    assert_eq!(talk.master.unit(0).unwrap().takes_updates, Some(true));
    let update = talk.orders[1].clone();
    assert_eq!((&update.order_id, update.order_update_id), (&first.order_id, 1));
    assert_eq!(numbers(&update), [(4, true), (5, true), (6, true), (7, true)]);
    assert_eq!(talk.findings(), [""; 0]);
}

#[test]
fn what_was_done_at_a_stop_is_never_sent_again() {
    let mut talk = Talk::with(COATY, "coaty", "0001");
    talk.send_to(&[1, 2]);
    let first = talk.orders[0].clone();
    assert_eq!(numbers(&first), [(0, true), (1, true)]);
    talk.reach(1);
    let action = first.nodes[1].actions[0].action_id.clone();
    talk.say(|said| {
        said["actionStates"] = json!([{"actionId": action, "actionStatus": "FINISHED", "actionType": "pick",
            "resultDescription": "pick action finished"}]);
    });
    talk.plan(2);
    let second = talk.orders[1].clone();
    assert_eq!((numbers(&second), second.order_update_id), (vec![(1, true), (2, true)], 0));
    assert!(second.order_id != first.order_id && second.nodes[0].actions.is_empty());
}

#[test]
fn a_robot_that_was_killed_goes_on_from_where_it_stands() {
    let mut talk = Talk::with(COATY, "coaty", "0001");
    talk.send_to(&[4]);
    talk.reach(1);
    // Its new process knows where it is, between the nodes 1 and 2, and nothing of orders.
    talk.say(|said| {
        (said["orderId"], said["lastNodeSequenceId"], said["nodeStates"]) = (json!(""), json!(0), json!([]));
        said["agvPosition"]["x"] = json!(1.9);
    });
    let unit = talk.master.unit(0).unwrap();
    assert_eq!((&unit.phase, unit.mission.is_some()), (&Phase::Ready, true));
    let held: Vec<u32> = talk.master.traffic().base(0).iter().map(|visit| visit.cell).collect();
    assert_eq!(held, [1, 2], "it stands on both");
    talk.plan(4);
    let again = talk.orders.last().unwrap();
    assert_eq!(numbers(again)[0], (1, true));
    let position = again.nodes[0].node_position.as_ref().unwrap();
    assert!(position.allowed_deviation_xy.unwrap().a >= 0.4, "it counts as there");
    assert_eq!(talk.findings(), ["order_lost"]);
}

#[test]
fn a_refused_instant_action_is_no_refused_order() {
    let mut talk = Talk::with(COATY, "coaty", "0001");
    talk.send_to(&[3]);
    let refused = json!([{"errorDescription": "invalid instant actions: TypeError", "errorLevel": "WARNING",
        "errorType": "validationError", "errorReferences": [{"referenceKey": "topic", "referenceValue": "instantActions"},
        {"referenceKey": "headerId", "referenceValue": "0"}]}]);
    talk.say(|said| said["errors"] = refused);
    assert_eq!(talk.master.unit(0).unwrap().rejections, 0);
    let order = talk.orders[0].order_id.clone();
    let refused = json!([{"errorDescription": "order action is not executable: invalid actionParameter", "errorLevel": "WARNING",
        "errorType": "orderError", "errorReferences": [{"referenceKey": "topic", "referenceValue": "order"},
        {"referenceKey": "orderId", "referenceValue": order}, {"referenceKey": "orderUpdateId", "referenceValue": "0"}]}]);
    talk.say(|said| said["errors"] = refused);
    assert_eq!((talk.master.unit(0).unwrap().rejections, talk.findings()), (1, vec!["rejected"]));
}

#[test]
fn what_a_maker_wants_to_be_told_goes_with_every_action() {
    let mut talk = Talk::with(NVIDIA, "RobotCompany", "nv1");
    let parameters = [("should_fail".to_owned(), json!("false")), ("time".to_owned(), json!("1"))];
    talk.master.set_parameters(0, parameters.into()).unwrap();
    talk.send_to(&[1]);
    let action = &talk.orders[0].nodes[1].actions[0];
    assert_eq!(action.parameter("time"), Some(&json!("1")));
    assert_eq!(
        (action.parameter("should_fail"), action.parameter("loadType")),
        (Some(&json!("false")), Some(&json!("EPAL")))
    );
}
