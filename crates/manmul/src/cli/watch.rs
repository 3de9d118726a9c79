//! `watch`: the live stream on the terminal.

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use futures_util::{SinkExt as _, StreamExt as _};
use model::Timestamp;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::Client;
use super::{Remote, say, tell};

/// Show what happens, as it happens.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The things; all when left out
    things: Vec<String>,
    /// Only these kinds: property, event, action, presence
    #[arg(long)]
    kind: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Watch {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.watch(client.token()))
    }

    async fn watch(&self, token: &str) -> anyhow::Result<()> {
        let base = self.remote.url.trim_end_matches('/');
        let Some(rest) = base.strip_prefix("http") else { bail!("{base} is no http address") };
        let mut request = format!("ws{rest}/api/v1/live?format=json").into_client_request()?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).context("the token has strange characters")?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.map_err(|error| match error {
            Error::Http(response) => anyhow!("the server answered {}", response.status()),
            Error::Io(error) => anyhow!("{base}: {error}\nhint: is Manmul running there?"),
            error => anyhow!("{base}: {error}"),
        })?;
        let none_if_empty = |list: &[String]| if list.is_empty() { Value::Null } else { json!(list) };
        let wish = json!({"subscribe": {"things": none_if_empty(&self.things), "kinds": none_if_empty(&self.kind)}});
        socket.send(Message::text(wish.to_string())).await?;
        while let Some(message) = socket.next().await {
            match message? {
                Message::Text(text) => self.show(&serde_json::from_str(&text)?)?,
                Message::Close(close) => {
                    let reason = close.map(|close| close.reason.to_string()).unwrap_or_default();
                    bail!("the server ended the stream: {reason}");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn show(&self, frame: &Value) -> anyhow::Result<()> {
        if frame["type"] == "gap" {
            tell("some events may have been missed");
        }
        for record in frame["records"].as_array().into_iter().flatten() {
            if self.remote.json {
                say(&record.to_string())?;
                continue;
            }
            let time = Timestamp(record["time"].as_i64().unwrap_or_default());
            let part = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
            let value = &record["value"];
            say(&format!("{time}  {:<24} {:<9} {:<20} {value}", part("thing"), part("kind"), part("name")))?;
        }
        Ok(())
    }
}
