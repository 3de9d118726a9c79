//! `mcp`: the Model Context Protocol over standard input and output, handed on to a running Manmul.

use std::io::{BufRead as _, Read as _, Write as _};

use clap::Args;
use serde_json::{Value, json};

use super::Remote;
use super::client::{Client, McpAnswer};

/// The longest line that is taken in, in bytes; as much as the server takes.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// Let a language model look and plan over standard input and output; it needs a running Manmul and has the rights of the
/// token that it is given.
#[derive(Debug, Args)]
pub(super) struct Mcp {
    #[command(flatten)]
    remote: Remote,
}

impl Mcp {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let mut session: Option<String> = None;
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            if read as u64 > LINE_BYTES_MAX {
                anyhow::bail!("a message has more than {LINE_BYTES_MAX} bytes");
            }
            let line = String::from_utf8_lossy(&line);
            if line.trim().is_empty() {
                continue;
            }
            if let Some(answer) = pass_on(&client, line.trim(), &mut session) {
                let mut output = std::io::stdout().lock();
                writeln!(output, "{answer}")?;
                output.flush()?;
            }
        }
        if let Some(session) = &session {
            client.end_mcp(session);
        }
        Ok(())
    }
}

/// Hands a message on; the answer, if it wants one.
fn pass_on(client: &Client, line: &str, session: &mut Option<String>) -> Option<String> {
    let message: Value = serde_json::from_str(line).unwrap_or_default();
    let id = message.get("id").filter(|_| message.get("method").is_some());
    let failed = |problem: &str| {
        let error = json!({"code": -32603, "message": problem});
        id.map(|id| json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
    };
    match client.mcp(line, &message, session.as_deref()) {
        Ok(McpAnswer { session: begun, text }) => {
            if begun.is_some() {
                *session = begun;
            }
            let answer: Option<Value> = serde_json::from_str(&text).ok();
            match answer {
                Some(answer) if answer.get("jsonrpc").is_some() => Some(answer.to_string()),
                Some(problem) => failed(problem["detail"].as_str().unwrap_or("the server refused")),
                None if text.is_empty() => None,
                None => failed("the server's answer is no JSON"),
            }
        }
        Err(error) => failed(&error.to_string()),
    }
}
