//! A thing's answers to commands.

use model::{CommandId, CommandState, Name, ThingId, Value};
use serde::Deserialize;

use super::text;
use crate::CommandStep;
use crate::sink::Sink;

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    id: Option<CommandId>,
    state: String,
    #[serde(default)]
    output: Value,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

/// The state that a thing's word means: ours, or those of W3C WoT's action status.
fn state_of(word: &str) -> Option<CommandState> {
    Some(match word {
        "accepted" | "pending" => CommandState::Accepted,
        "running" => CommandState::Running,
        "finished" | "completed" => CommandState::Finished,
        "failed" => CommandState::Failed,
        _ => return None,
    })
}

/// Decodes `{"id", "state", "output", "error"}`, or a state alone.
pub(super) fn decode(thing: &ThingId, action: &Name, payload: &[u8], sink: &mut Sink<'_>) {
    let payload = payload.trim_ascii();
    let status = if payload.starts_with(b"{") {
        serde_json::from_slice::<Status>(payload)
            .map_err(|error| ("bad_status", format!("status of {action}: {error}")))
    } else {
        std::str::from_utf8(payload)
            .map(|word| Status { id: None, state: word.trim_matches('"').to_owned(), output: Value::Null, error: None })
            .map_err(|error| ("bad_utf8", format!("status of {action}: {error}")))
    };
    let status = match status {
        Ok(status) => status,
        Err((code, detail)) => return sink.diagnose(Some(thing), code, detail),
    };
    let Some(state) = state_of(&status.state) else {
        let detail = format!(
            "status of {action}: {:?} is not accepted, running, finished or failed",
            text::shortened(&status.state)
        );
        return sink.diagnose(Some(thing), "bad_status", detail);
    };
    let error = status.error.and_then(|error| match error {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    });
    sink.out.command_steps.push(CommandStep {
        command: status.id,
        thing: thing.clone(),
        action: action.clone(),
        state,
        output: status.output,
        error,
    });
}
