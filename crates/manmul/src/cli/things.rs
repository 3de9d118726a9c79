//! `things`, `accept` and `send`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::client::{Client, escaped};
use super::{Remote, say};

/// How often a command is looked at while it is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// List things, or show one.
#[derive(Debug, Args)]
pub(super) struct Things {
    /// The thing to show; all when left out
    thing: Option<String>,
    /// Only things whose id, title, kind or tags hold these words
    #[arg(long)]
    search: Option<String>,
    /// Only things of this status: accepted, inbox, ignored
    #[arg(long)]
    status: Option<String>,
    /// Only things in this space
    #[arg(long)]
    space: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Things {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        if let Some(thing) = &self.thing {
            let thing = client.get(&format!("/things/{}", escaped(thing)))?;
            return if self.remote.json { say(&serde_json::to_string_pretty(&thing)?) } else { show(&thing) };
        }
        let mut query = String::from("limit=500");
        for (key, value) in [("search", &self.search), ("status", &self.status), ("space", &self.space)] {
            if let Some(value) = value {
                query.push_str(&format!("&{key}={}", escaped(value)));
            }
        }
        let mut cursor = None;
        loop {
            let after = cursor.map(|cursor: String| format!("&cursor={}", escaped(&cursor))).unwrap_or_default();
            let page = client.get(&format!("/things?{query}{after}"))?;
            for thing in page["items"].as_array().into_iter().flatten() {
                say(&if self.remote.json { thing.to_string() } else { line(thing) })?;
            }
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "—".to_owned(),
        value => value.to_string(),
    }
}

fn with_unit(value: &Value, unit: &Value) -> String {
    match unit.as_str() {
        Some(unit) => format!("{} {unit}", text(value)),
        None => text(value),
    }
}

fn line(thing: &Value) -> String {
    let headlines = thing["primary"].as_array().into_iter().flatten();
    let headlines: Vec<String> = headlines
        .map(|headline| format!("{} {}", text(&headline["title"]), with_unit(&headline["value"], &headline["unit"])))
        .collect();
    let (id, title) = (text(&thing["id"]), text(&thing["title"]));
    format!("{id:<28} {:<8} {title:<28} {}", text(&thing["presence"]), headlines.join(", "))
}

fn show(thing: &Value) -> anyhow::Result<()> {
    say(&format!("{}  {}", text(&thing["id"]), text(&thing["title"])))?;
    for key in ["kind", "status", "presence", "space", "adapter", "origin", "via"] {
        say(&format!("  {key:<10} {}", text(&thing[key])))?;
    }
    for property in thing["properties"].as_array().into_iter().flatten() {
        let name = text(&property["name"]);
        let delta = &thing["delta"][&name];
        let wished = if delta.is_null() { String::new() } else { format!("  (wished: {})", text(delta)) };
        say(&format!("  {name:<24} {}{wished}", with_unit(&property["value"], &property["unit"])))?;
    }
    for diagnostic in thing["diagnostics"].as_array().into_iter().flatten() {
        let (code, count, detail) = (&diagnostic["code"], &diagnostic["count"], &diagnostic["detail"]);
        say(&format!("  not understood: {} ({count} times), last: {}", text(code), text(detail)))?;
    }
    Ok(())
}

/// Accept things from the inbox.
#[derive(Debug, Args)]
pub(super) struct Accept {
    /// The things
    #[arg(required_unless_present = "all")]
    things: Vec<String>,
    /// Everything in the inbox
    #[arg(long, conflicts_with = "things")]
    all: bool,
    /// The space to put them into
    #[arg(long)]
    space: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Accept {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let body = json!({"things": self.things, "all": self.all, "space": self.space});
        let done = Client::new(&self.remote)?.post("/inbox/accept", &body)?;
        say(&if self.remote.json { done.to_string() } else { format!("accepted {}", done["accepted"]) })
    }
}

/// Write a property or invoke an action.
#[derive(Debug, Args)]
pub(super) struct Send {
    /// The thing
    thing: String,
    /// A property as name=value, or an action with its input as field=value; values are JSON or text
    #[arg(required = true)]
    what: Vec<String>,
    /// Do not wait for what becomes of it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Send {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let thing = escaped(&self.thing);
        let commands = if self.what[0].contains('=') {
            let written = client.patch(&format!("/things/{thing}/desired"), &fields(&self.what)?)?;
            written["commands"].as_array().cloned().unwrap_or_default()
        } else {
            let body = json!({"input": if self.what.len() > 1 { fields(&self.what[1..])? } else { Value::Null }});
            vec![client.post(&format!("/things/{thing}/actions/{}", escaped(&self.what[0])), &body)?]
        };
        let mut failed = None;
        for command in commands {
            let command = if self.no_wait { command } else { wait_for(&client, command)? };
            if self.remote.json {
                say(&command.to_string())?;
            } else {
                say(&format!("{}  {}  {}", text(&command["id"]), text(&command["action"]), text(&command["state"])))?;
            }
            if matches!(command["state"].as_str(), Some("failed" | "timed_out")) {
                failed = Some(command);
            }
        }
        match failed {
            None => Ok(()),
            Some(command) => {
                let reason = command["error"].as_str().unwrap_or("the thing did not answer in time");
                bail!("{} of {}: {reason}", text(&command["action"]), self.thing)
            }
        }
    }
}

/// `name=value` pairs as an object.
fn fields(pairs: &[String]) -> anyhow::Result<Value> {
    let mut object = Map::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').with_context(|| {
            format!("{pair:?} is no name=value\nhint: an action comes first, then the fields of its input")
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        object.insert(name.to_owned(), value);
    }
    Ok(Value::Object(object))
}

/// Looks at a command until it is over.
pub(super) fn wait_for(client: &Client, mut command: Value) -> anyhow::Result<Value> {
    while matches!(command["state"].as_str(), Some("sent" | "accepted" | "running")) {
        std::thread::sleep(LOOK_EVERY);
        command = client.get(&format!("/commands/{}", escaped(&text(&command["id"]))))?;
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_or_text() {
        let pairs = ["on=true", "level=40", "scene=evening", "name=a=b"].map(str::to_owned);
        assert_eq!(fields(&pairs).unwrap(), json!({"on": true, "level": 40, "scene": "evening", "name": "a=b"}));
        assert!(fields(&["fade".to_owned()]).is_err());
    }
}
