//! The native MQTT protocol as a thing speaks it: reports become messages, messages from above become instructions.

use std::collections::BTreeMap;

use model::{CommandId, CommandState, Name, ThingId, ThingModel, Timestamp, Value};
use serde_json::{Map, Value as Json, json};

use crate::reporting::is_state;
use crate::thing::{ActionStatus, Instruction, Report, Said};

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
}

/// Why a message from above is no instruction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// Nothing is defined for the topic.
    #[error("{0} carries no instruction")]
    Topic(String),
    /// The payload has another shape.
    #[error("payload on {topic}: {problem}")]
    Payload {
        /// Where it came.
        topic: String,
        /// What is wrong.
        problem: String,
    },
}

/// What a thing subscribes to.
pub fn filters(thing: &ThingId) -> [String; 2] {
    [format!("things/{thing}/actions/+"), format!("things/{thing}/desired")]
}

/// The message that the broker publishes when the thing is lost.
pub fn will(thing: &ThingId) -> Message {
    presence(thing, "offline")
}

fn presence(thing: &ThingId, word: &str) -> Message {
    Message { topic: format!("things/{thing}/presence"), payload: word.into(), qos: 1, retain: true }
}

/// Adds the messages of a report to `messages`. State goes out with quality of service 1, measurements with 0.
pub fn encode(report: &Report, model: &ThingModel, messages: &mut Vec<Message>) {
    let Report { thing, time, said } = report;
    match said {
        Said::Online(model) => {
            let payload = serde_json::to_vec(&**model).expect("a model has text keys and finite numbers");
            messages.push(Message { topic: format!("things/{thing}/model"), payload, qos: 1, retain: true });
            messages.push(presence(thing, "online"));
        }
        Said::Offline => messages.push(presence(thing, "offline")),
        Said::Properties { values, command } => {
            let (states, measurements): (Vec<_>, Vec<_>) =
                values.iter().partition(|(name, _)| model.properties.get(name).is_some_and(is_state));
            messages.extend(properties(thing, *time, &states, command.as_ref(), 1));
            messages.extend(properties(thing, *time, &measurements, command.as_ref(), 0));
        }
        Said::Event { name, value } => {
            let payload = json!({"value": value, "time": time.micros()}).to_string().into_bytes();
            messages.push(Message { topic: format!("things/{thing}/events/{name}"), payload, qos: 1, retain: false });
        }
        Said::Action(status) => messages.push(action(thing, status)),
    }
}

fn properties(
    thing: &ThingId,
    time: Timestamp,
    values: &[&(Name, Value)],
    command: Option<&CommandId>,
    qos: u8,
) -> Option<Message> {
    let mut payload = Map::new();
    let topic = match values {
        [] => return None,
        [(name, value)] => {
            payload.insert("value".to_owned(), value.to_json());
            format!("things/{thing}/properties/{name}")
        }
        many => {
            let members: Map<String, Json> =
                many.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect();
            payload.insert("properties".to_owned(), Json::Object(members));
            format!("things/{thing}/properties")
        }
    };
    payload.insert("time".to_owned(), time.micros().into());
    if let Some(command) = command {
        payload.insert("command".to_owned(), command.as_str().into());
    }
    let payload = Json::Object(payload).to_string().into_bytes();
    Some(Message { topic, payload, qos, retain: false })
}

fn action(thing: &ThingId, status: &ActionStatus) -> Message {
    let mut payload = Map::new();
    if let Some(command) = &status.command {
        payload.insert("id".to_owned(), command.as_str().into());
    }
    let state = match status.state {
        CommandState::Sent | CommandState::Accepted => "accepted",
        CommandState::Running => "running",
        CommandState::Finished => "finished",
        CommandState::Failed | CommandState::TimedOut => "failed",
    };
    payload.insert("state".to_owned(), state.into());
    if let Some(progress) = status.progress {
        payload.insert("progress".to_owned(), progress.into());
    }
    if status.output != Value::Null {
        payload.insert("output".to_owned(), status.output.to_json());
    }
    if let Some(error) = &status.error {
        payload.insert("error".to_owned(), error.clone().into());
    }
    Message {
        topic: format!("things/{thing}/actions/{}/status", status.action),
        payload: Json::Object(payload).to_string().into_bytes(),
        qos: 1,
        retain: false,
    }
}

/// The instruction in a message to `thing`; `None` when the message says nothing (a cleared retained message).
///
/// An action's payload is `{"id", "input"}`, or the bare input, or nothing.
pub fn decode(thing: &ThingId, topic: &str, payload: &[u8]) -> Result<Option<Instruction>, NotUnderstood> {
    let unknown = || NotUnderstood::Topic(topic.to_owned());
    let wrong = |problem: String| NotUnderstood::Payload { topic: topic.to_owned(), problem };
    let rest = topic.strip_prefix("things/").and_then(|rest| rest.strip_prefix(thing.as_str()));
    let rest = rest.and_then(|rest| rest.strip_prefix('/')).ok_or_else(unknown)?;
    if rest == "desired" {
        if payload.is_empty() {
            return Ok(None);
        }
        let desired: BTreeMap<Name, Value> =
            serde_json::from_slice(payload).map_err(|error| wrong(error.to_string()))?;
        return Ok(Some(Instruction::Desired(desired)));
    }
    let action = rest.strip_prefix("actions/").ok_or_else(unknown)?;
    let action = Name::new(action).map_err(|_| unknown())?;
    if payload.is_empty() {
        return Ok(Some(Instruction::Invoke { command: None, action, input: Value::Null }));
    }
    let document: Json = serde_json::from_slice(payload).map_err(|error| wrong(error.to_string()))?;
    let Some(Json::String(id)) = document.get("id") else {
        return Ok(Some(Instruction::Invoke { command: None, action, input: Value::from_json(document) }));
    };
    let command = Some(CommandId::new(id).map_err(|error| wrong(error.to_string()))?);
    let input = Value::from_json(document.get("input").cloned().unwrap_or_default());
    Ok(Some(Instruction::Invoke { command, action, input }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(report: &Report, model: &ThingModel) -> Vec<String> {
        let mut messages = Vec::new();
        encode(report, model, &mut messages);
        let line =
            |m: &Message| format!("{} q{} r{} {}", m.topic, m.qos, m.retain, String::from_utf8_lossy(&m.payload));
        messages.iter().map(line).collect()
    }

    #[test]
    fn reports_become_messages() {
        let model: ThingModel = serde_json::from_value(json!({"id": "lamp", "properties": {
            "on": {"type": "boolean", "writable": true}, "power": {"type": "number"}, "voltage": {"type": "number"}}}))
        .unwrap();
        let name = |text: &str| Name::new(text).unwrap();
        let report = |said| Report { thing: ThingId::new("lamp").unwrap(), time: Timestamp(5), said };
        let values = vec![
            (name("on"), Value::Boolean(true)),
            (name("power"), Value::Float(7.5)),
            (name("voltage"), Value::Float(230.0)),
        ];
        let command = Some(CommandId::new("c1").unwrap());
        assert_eq!(
            lines(&report(Said::Properties { values, command: command.clone() }), &model),
            [
                r#"things/lamp/properties/on q1 rfalse {"value":true,"time":5,"command":"c1"}"#,
                r#"things/lamp/properties q0 rfalse {"properties":{"power":7.5,"voltage":230.0},"time":5,"command":"c1"}"#,
            ]
        );
        let status = ActionStatus {
            command,
            action: name("fade"),
            state: CommandState::Running,
            progress: Some(0.5),
            output: Value::Null,
            error: None,
        };
        assert_eq!(
            lines(&report(Said::Action(status)), &model),
            [r#"things/lamp/actions/fade/status q1 rfalse {"id":"c1","state":"running","progress":0.5}"#]
        );
        assert_eq!(lines(&report(Said::Offline), &model), ["things/lamp/presence q1 rtrue offline"]);
    }

    #[test]
    fn messages_become_instructions() {
        let lamp = ThingId::new("lamp").unwrap();
        let decode = |topic: &str, payload: &str| decode(&lamp, topic, payload.as_bytes());
        let Ok(Some(Instruction::Invoke { command, input, .. })) =
            decode("things/lamp/actions/fade", r#"{"id":"c1","input":{"level":3},"deadline":9}"#)
        else {
            panic!("an action")
        };
        assert_eq!((command.unwrap().as_str(), input.to_json()), ("c1", json!({"level": 3})));
        assert!(
            matches!(decode("things/lamp/desired", r#"{"on":true}"#), Ok(Some(Instruction::Desired(map))) if map.len() == 1)
        );
        assert_eq!(decode("things/lamp/desired", ""), Ok(None));
        assert!(decode("things/lamp2/desired", "{}").is_err() && decode("things/lamp/desired", "[1]").is_err());
        assert!(decode("things/lamp/actions/fade", "\u{1}").is_err());
    }
}
