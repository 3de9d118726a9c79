//! `suggestions`: what people do by hand again and again, as rules to be taken or not.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::client::{Client, escaped};
use super::{Remote, say};

/// List suggestions, or decide about one.
#[derive(Debug, Args)]
pub(super) struct Suggestions {
    /// Which ones
    #[arg(long, value_enum, default_value_t = State::New)]
    state: State,
    /// Look for habits now; otherwise that happens once a day
    #[arg(long, conflicts_with_all = ["shadow", "accept", "dismiss"])]
    look: bool,
    /// Let this one run in shadow for a week
    #[arg(long, value_name = "ID", conflicts_with_all = ["accept", "dismiss"])]
    shadow: Option<String>,
    /// Make this one a rule: in shadow first, or live when it runs in shadow
    #[arg(long, value_name = "ID", conflicts_with = "dismiss")]
    accept: Option<String>,
    /// Dismiss this one
    #[arg(long, value_name = "ID")]
    dismiss: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Where suggestions stand.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    New,
    Shadow,
    Accepted,
    Dismissed,
    All,
}

impl State {
    fn is(self, state: &Value) -> bool {
        let wanted = match self {
            Self::New => "new",
            Self::Shadow => "shadow",
            Self::Accepted => "accepted",
            Self::Dismissed => "dismissed",
            Self::All => return true,
        };
        state == wanted
    }
}

impl Suggestions {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let decisions = [(&self.shadow, "shadow"), (&self.accept, "accept"), (&self.dismiss, "dismiss")];
        if let Some((id, what)) = decisions.iter().find_map(|(id, what)| Some((id.as_ref()?, what))) {
            let decided = client.post(&format!("/suggestions/{}/{what}", escaped(id)), &json!({}))?;
            return say(&if self.remote.json { decided.to_string() } else { line(&decided) });
        }
        if self.look {
            client.post("/suggestions/look", &json!({}))?;
        }
        let found = client.get("/suggestions")?;
        if self.remote.json {
            return say(&found.to_string());
        }
        let items = found["items"].as_array().into_iter().flatten();
        let wanted: Vec<&Value> = items.filter(|one| self.state.is(&one["state"])).collect();
        for suggestion in &wanted {
            say(&line(suggestion))?;
        }
        if wanted.is_empty() {
            say("no suggestions: what people do by hand again and again is noticed after two weeks")?;
        }
        Ok(())
    }
}

fn line(suggestion: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rule = suggestion["rule"].as_str().map(|rule| format!("\n    rule: {rule}")).unwrap_or_default();
    let note = suggestion["note"].as_str().map(|note| format!("\n    {note}")).unwrap_or_default();
    let past = &suggestion["backtest"];
    let past = past["fired"].as_u64().map_or_else(String::new, |fired| {
        let differences = &past["differences"];
        let (same, only_rule) = (&differences["same"], &differences["only_rule"]);
        format!("\n    in thirty days it would have run {fired} times; people did the same after {same}, not after {only_rule}")
    });
    format!(
        "{:<26} {:<10} {}\n    {}{past}{rule}{note}",
        text(&suggestion["id"]),
        text(&suggestion["state"]),
        text(&suggestion["title"]),
        text(&suggestion["evidence"]["words"]),
    )
}
