//! `ask`: a sentence becomes a plan, which is shown before anything is done.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, escaped};
use super::things::{text, wait_for};
use super::{Remote, say, tell};

/// Say what you want, or ask what is so: in English or Korean.
#[derive(Debug, Args)]
pub(super) struct Ask {
    /// The sentence
    #[arg(required = true)]
    words: Vec<String>,
    /// Where you are: what "the light" means there
    #[arg(long)]
    space: Option<String>,
    /// The language of the answer: en, ko
    #[arg(long)]
    language: Option<String>,
    /// How far your clocks are ahead of UTC, in minutes; those of the site when left out
    #[arg(long, allow_hyphen_values = true)]
    utc_offset_minutes: Option<i32>,
    /// Do it without asking back
    #[arg(long, short)]
    yes: bool,
    /// Do not wait for what becomes of it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Ask {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let mut body = json!({"text": self.words.join(" ")});
        let offset = self.utc_offset_minutes.map(Value::from);
        let optional = [
            ("space", self.space.clone().map(Value::from)),
            ("language", self.language.clone().map(Value::from)),
            ("utc_offset_minutes", offset),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        let asked = client.post("/ask", &body)?;
        if asked["plan"].is_null() {
            return self.tell_answer(&asked);
        }
        let plan = &asked["plan"];
        if self.remote.json {
            say(&asked.to_string())?;
        } else {
            show(plan)?;
        }
        if plan["commands"].as_array().is_none_or(Vec::is_empty) {
            bail!("nothing of it can be done");
        }
        if !self.yes && !agreed()? {
            tell("nothing was done");
            return Ok(());
        }
        let applied = client.post(&format!("/plans/{}/apply", escaped(&text(&plan["id"]))), &json!({}))?;
        self.tell_results(&client, &applied)
    }

    fn tell_answer(&self, asked: &Value) -> anyhow::Result<()> {
        if self.remote.json {
            return say(&asked.to_string());
        }
        let answer = text(&asked["answer"]);
        if asked["understood"] == true {
            return say(&answer);
        }
        let choices = asked["choices"].as_array().into_iter().flatten();
        let hints: Vec<String> = choices.map(|choice| format!("\nhint: {}", text(&choice["text"]))).collect();
        bail!("{answer}{}", hints.concat())
    }

    fn tell_results(&self, client: &Client, applied: &Value) -> anyhow::Result<()> {
        let mut failed = 0;
        for result in applied["results"].as_array().into_iter().flatten() {
            let mut result = result.clone();
            if !self.no_wait && !result["command"].is_null() {
                result["command"] = wait_for(client, result["command"].clone())?;
            }
            let state = result["command"]["state"].as_str();
            let error = result["error"].as_str().or(result["command"]["error"].as_str());
            let is_lost = result["error"].is_string() || matches!(state, Some("failed" | "timed_out"));
            failed += usize::from(is_lost);
            if self.remote.json {
                say(&result.to_string())?;
                continue;
            }
            let became = match (&result["timed"], state) {
                (Value::String(id), _) => format!("waits as {id}"),
                (_, Some(state)) => state.to_owned(),
                _ => "refused".to_owned(),
            };
            let error = error.map(|error| format!(": {error}")).unwrap_or_default();
            say(&format!("{}  {}  {became}{error}", text(&result["thing"]), text(&result["name"])))?;
        }
        if failed > 0 {
            bail!("{failed} of the commands did not go through");
        }
        Ok(())
    }
}

/// The plan, command by command.
fn show(plan: &Value) -> anyhow::Result<()> {
    for command in plan["commands"].as_array().into_iter().flatten() {
        let hold = if command["hold"] == true { "  (something moves)" } else { "" };
        let at = command["at"].as_i64().map(|at| format!("  at {}", model::Timestamp(at))).unwrap_or_default();
        say(&format!("  {}{at}{hold}", text(&command["words"])))?;
    }
    for refusal in plan["refusals"].as_array().into_iter().flatten() {
        let (thing, name, reason) = (text(&refusal["thing"]), text(&refusal["name"]), text(&refusal["reason"]));
        say(&format!("  refused: {thing}/{name}: {reason}"))?;
    }
    for guess in plan["confirm"].as_array().into_iter().flatten() {
        say(&format!("  {}", text(guess)))?;
    }
    Ok(())
}

/// Asks whoever sits at the terminal.
fn agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to agree\nhint: --yes does it without asking back");
    }
    tell("do it? [y/N]");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes" | "네" | "예"))
}
