//! What the tests of all adapters share.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use model::{Cause, Command, CommandId, CommandState, Entry, Name, Position, ThingId, Timestamp, Value};

use crate::{Adapter, Decoded, Message};

/// When every test entry is received.
pub(crate) const RECEIVED: Timestamp = Timestamp(1_763_840_000_000_000);

pub(crate) fn thing(id: &str) -> ThingId {
    ThingId::new(id).unwrap()
}

pub(crate) fn entry(topic: &str, payload: impl AsRef<[u8]>) -> Entry {
    Entry {
        position: Position(7),
        received: RECEIVED,
        topic: Arc::from(topic),
        payload: Bytes::copy_from_slice(payload.as_ref()),
        qos: 1,
        retain: false,
        client: Arc::from("client"),
        cause: Cause::device("client"),
        properties: Bytes::new(),
    }
}

/// Everything that an adapter makes of one message.
pub(crate) fn decode(adapter: &mut dyn Adapter, topic: &str, payload: impl AsRef<[u8]>) -> Decoded {
    let mut out = Decoded::default();
    adapter.decode(&entry(topic, payload), &mut out);
    out
}

/// One line per fact, found thing, command step and diagnostic; times as seconds after [`RECEIVED`].
pub(crate) fn lines(decoded: &Decoded) -> String {
    let mut out = String::new();
    for record in &decoded.records {
        let kind = format!("{:?}", record.kind).to_lowercase();
        write!(out, "{kind} {}.{} = {:?}", record.thing, record.name, record.value).unwrap();
        if record.time != RECEIVED {
            write!(out, " at {:+}", (record.time.0 - RECEIVED.0) as f64 / 1e6).unwrap();
        }
        if record.quality != model::Quality::Good {
            write!(out, " ({:?})", record.quality).unwrap();
        }
        if record.cause.position.is_some() {
            write!(out, " because of {:?} {}", record.cause.kind, record.cause.id).unwrap();
        }
        out.push('\n');
    }
    for found in &decoded.discovered {
        writeln!(out, "found {} {:?} {}", found.thing, found.title, model_line(&found.model)).unwrap();
        if found.via.is_some() || found.suggested_space.is_some() {
            writeln!(out, "  via {:?}, in {:?}", found.via, found.suggested_space).unwrap();
        }
    }
    for removed in &decoded.removed {
        writeln!(out, "removed {removed}").unwrap();
    }
    for step in &decoded.command_steps {
        let id = step.command.as_ref().map_or("?", CommandId::as_str);
        writeln!(
            out,
            "command {id} {}.{} {:?} {:?} {:?}",
            step.thing, step.action, step.state, step.output, step.error
        )
        .unwrap();
    }
    for diagnostic in &decoded.diagnostics {
        let of = diagnostic.thing.as_ref().map_or("-", ThingId::as_str);
        writeln!(out, "! {} {of}: {}", diagnostic.code, diagnostic.detail).unwrap();
    }
    out
}

fn model_line(model: &model::ThingModel) -> String {
    let names = |keys: Vec<&Name>| keys.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",");
    format!(
        "[{}] properties {} events {} actions {}",
        model.kind,
        names(model.properties.keys().collect()),
        names(model.events.keys().collect()),
        names(model.actions.keys().collect()),
    )
}

/// A command as the site would hand it over.
pub(crate) fn command(of: &str, action: &str, write: bool, input: serde_json::Value) -> Command {
    Command {
        id: CommandId::new("c1").unwrap(),
        thing: thing(of),
        action: Name::new(action).unwrap(),
        write,
        input: Value::from_json(input),
        state: CommandState::Sent,
        output: Value::Null,
        error: None,
        created: RECEIVED,
        deadline: Timestamp(RECEIVED.0 + 30_000_000),
        updated: RECEIVED,
        cause: Cause::new(model::CauseKind::User, "ada"),
    }
}

/// One line per message.
pub(crate) fn message_lines(messages: &[Message]) -> String {
    let mut out = String::new();
    for message in messages {
        let payload = String::from_utf8_lossy(&message.payload);
        let retain = if message.retain { " retained" } else { "" };
        writeln!(out, "{} {payload} qos {}{retain}", message.topic, message.qos).unwrap();
    }
    out
}
