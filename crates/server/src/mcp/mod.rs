//! The Model Context Protocol: what language models and their programs may look at, plan, and apply.
//!
//! Read [`post`] first: one JSON-RPC message a request, answered with JSON. `tools` are what can be called; `protocol` is
//! how both generations of the protocol say it; `sessions` are kept for clients of the older one.
//!
//! **Invariant:** a tool is one of the API's own routes and asks for the same right; there is no other way in.
//!
//! **Invariant:** what changes something takes the id of a plan, and a plan is only made by a dry run.
//!
//! **Invariant:** what things say and are called is data: it is given as structured content, cut to a bounded size, and never
//! stands in a description or an instruction.

mod bounds;
mod protocol;
mod sessions;
mod tools;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::api::App;
use crate::http::{Caller, Problem, extract, guard};
use protocol::{Failure, Generation, Message};

pub(crate) use sessions::Sessions;

/// Where it is served.
pub const MCP_PATH: &str = "/mcp";

/// The largest message that is taken in, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// The header that names a session.
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Takes one message in and answers it.
pub(crate) async fn post(State(app): State<App>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    guard::same_origin(&headers)?;
    let bytes = extract::body(request, MESSAGE_BYTES_MAX).await?;
    let message = match protocol::read(&bytes, &headers) {
        Ok(message) => message,
        Err((id, failure)) => return Ok(refused(&id, failure)),
    };
    let owner = caller.identity.principal.to_string();
    if let Some(session) = session_of(&headers)
        && !app.mcp.renew(session, &owner, app.clock.now())
    {
        return Err(Problem::not_found("session", "of this id").hint("initialize a new one"));
    }
    let Message { id: Some(id), method, params, generation } = message else {
        // A notification: there is nothing that one could change here.
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let answered = answer(&app, &caller, &method, &params, generation).await;
    let mut response = match answered {
        Ok(result) => axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response(),
        Err(failure) => return Ok(refused(&id, failure.in_generation(generation))),
    };
    if method == "initialize" {
        let session = app.mcp.begin(&owner, app.clock.now());
        let value = session.parse().expect("an id of ours is a header value");
        response.headers_mut().insert(SESSION, value);
    }
    Ok(response)
}

/// Ends a session.
pub(crate) async fn delete(State(app): State<App>, caller: Caller, headers: HeaderMap) -> Result<StatusCode, Problem> {
    guard::same_origin(&headers)?;
    let owner = caller.identity.principal.to_string();
    match session_of(&headers) {
        Some(session) if app.mcp.end(session, &owner) => Ok(StatusCode::NO_CONTENT),
        _ => Err(Problem::not_found("session", "of this id")),
    }
}

fn session_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION).map(|value| value.to_str().unwrap_or_default())
}

fn refused(id: &Value, failure: Failure) -> Response {
    let error = json!({"code": failure.code, "message": failure.message, "data": failure.data});
    (failure.status, axum::Json(json!({"jsonrpc": "2.0", "id": id, "error": error}))).into_response()
}

async fn answer(
    app: &App,
    caller: &Caller,
    method: &str,
    params: &Value,
    generation: Generation,
) -> Result<Value, Failure> {
    match (method, generation) {
        ("initialize", Generation::Sessions) => Ok(protocol::initialized(params)),
        ("ping", _) => Ok(json!({})),
        ("server/discover", _) => Ok(protocol::discovered()),
        ("tools/list", generation) => Ok(protocol::listed(tools::descriptions(), generation)),
        ("tools/call", generation) => {
            let name = params["name"].as_str().ok_or_else(|| Failure::params("name must be the name of a tool"))?;
            let arguments = params.get("arguments").cloned().unwrap_or_else(|| json!({}));
            let called = tools::call(app, caller, name, arguments).await?;
            Ok(protocol::called(called, generation))
        }
        _ => Err(Failure::method(method)),
    }
}
