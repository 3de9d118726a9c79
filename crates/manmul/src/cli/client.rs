//! Talking to a running Manmul.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use store::files;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::Remote;
use crate::assemble::LOCAL_SECRET_FILE;

/// How long an answer may take to begin.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The header that names a session of the Model Context Protocol.
const MCP_SESSION: &str = "mcp-session-id";

/// What a message of the Model Context Protocol was answered with.
pub(super) struct McpAnswer {
    /// The session that began with it.
    pub(super) session: Option<String>,
    /// The answer; empty when there is none.
    pub(super) text: String,
}

/// A connection with its token.
pub(super) struct Client {
    agent: Agent,
    base: String,
    token: String,
}

impl Client {
    pub(super) fn new(remote: &Remote) -> anyhow::Result<Self> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &remote.certificate {
            let pem = files::read(path).with_context(|| path.display().to_string())?;
            tls = tls.root_certs(RootCerts::new_with_certs(&[Certificate::from_pem(&pem)?]));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_recv_response(Some(ANSWER_WITHIN))
            .tls_config(tls.build())
            .build()
            .new_agent();
        Ok(Self { agent, base: remote.url.trim_end_matches('/').to_owned(), token: token(remote)? })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        self.json(request.call())
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
        self.json(request.content_type("application/json").send(body.to_string()))
    }

    /// Sends a form with files.
    pub(super) fn post_form(&self, path: &str, parts: &[(&str, &[u8])]) -> anyhow::Result<Value> {
        // A boundary that does not stand in any part.
        let stands = |boundary: &String| parts.iter().any(|(_, bytes)| contains(bytes, boundary.as_bytes()));
        let boundary = (0..=u32::MAX).map(|number| format!("manmul-{number}")).find(|boundary| !stands(boundary));
        let boundary = boundary.context("every boundary stands in the files")?;
        let mut body = Vec::new();
        for (name, bytes) in parts {
            let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
        self.json(request.content_type(format!("multipart/form-data; boundary={boundary}")).send(&body))
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.put(self.url(path)).header("authorization", self.bearer());
        self.json(request.content_type("application/json").send(body.to_string()))
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.patch(self.url(path)).header("authorization", self.bearer());
        self.json(request.content_type("application/json").send(body.to_string()))
    }

    pub(super) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.agent.delete(self.url(path)).header("authorization", self.bearer());
        self.json(request.call())
    }

    /// A body as it comes.
    pub(super) fn stream(&self, path: &str) -> anyhow::Result<impl Read + use<>> {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        let response = self.answer(request.call())?;
        Ok(response.into_body().into_reader())
    }

    /// Hands a message of the Model Context Protocol on, with the headers that it wants.
    pub(super) fn mcp(&self, line: &str, message: &Value, session: Option<&str>) -> anyhow::Result<McpAnswer> {
        let mut request = self
            .agent
            .post(format!("{}/mcp", self.base))
            .header("authorization", self.bearer())
            .header("accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request.header(MCP_SESSION, session);
        }
        let version = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
        if let (Some(version), Some(method)) = (version, message["method"].as_str()) {
            request = request.header("mcp-protocol-version", version).header("mcp-method", method);
        }
        let mut answer = request.content_type("application/json").send(line)?;
        let session = answer.headers().get(MCP_SESSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(McpAnswer { session, text: answer.body_mut().read_to_string()? })
    }

    /// Ends a session of that protocol.
    pub(super) fn end_mcp(&self, session: &str) {
        let request = self.agent.delete(format!("{}/mcp", self.base)).header("authorization", self.bearer());
        // The server forgets it by itself after a while.
        drop(request.header(MCP_SESSION, session).call());
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Response<Body>> {
        let mut response = answer.map_err(|error| match error {
            ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => anyhow!(
                "{}: {error}\nhint: is Manmul running there? `manmul up` starts it, --url says where it is",
                self.base
            ),
            error => anyhow!("{}: {error}", self.base),
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Err(problem(response.status().as_u16(), &text))
    }

    fn json(&self, answer: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Value> {
        let mut response = self.answer(answer)?;
        let text = response.body_mut().read_to_string()?;
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).context("the answer is no JSON") }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// An error from a problem document.
fn problem(status: u16, text: &str) -> anyhow::Error {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(detail) = document["detail"].as_str() else { return anyhow!("the server answered {status}") };
    let place = document["where"].as_str().map(|place| format!("{place}: ")).unwrap_or_default();
    let hint = match (document["hint"].as_str(), status) {
        (Some(hint), _) => format!("\nhint: {hint}"),
        (None, 401) => "\nhint: give a token with --token or MANMUL_TOKEN".to_owned(),
        (None, _) => String::new(),
    };
    anyhow!("{place}{detail}{hint}")
}

fn token(remote: &Remote) -> anyhow::Result<String> {
    if let Some(token) = &remote.token {
        return Ok(token.clone());
    }
    let file = remote.data.join(LOCAL_SECRET_FILE);
    match files::read_text(&file) {
        Ok(token) => Ok(token.trim().to_owned()),
        Err(error) => bail!(
            "no token: {}: {error}\nhint: give one with --token or MANMUL_TOKEN, or the server's data directory with --data",
            file.display()
        ),
    }
}

/// A part of a path, with what would end it escaped.
pub(super) fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_become_errors_with_their_hint() {
        let text = r#"{"detail":"99 is outside 5 to 30","where":"target","hint":"choose less"}"#;
        assert_eq!(problem(422, text).to_string(), "target: 99 is outside 5 to 30\nhint: choose less");
        assert_eq!(problem(502, "<html>").to_string(), "the server answered 502");
        assert_eq!(escaped("거/a b"), "%EA%B1%B0%2Fa%20b");
    }
}
