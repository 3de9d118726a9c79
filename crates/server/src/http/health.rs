//! Whether the program is well: for orchestrators, and for people on the system page.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde::Serialize;
use store::state::{Change, Table};

use super::Json;
use crate::api::App;

/// How old a look at the disks may be.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a look may take; a disk that takes longer is a problem of its own.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// The row that is written to see whether the state can be.
const PROBE_SETTING: &str = "server.probe";

/// How far the fold may be behind, in entries, before that is a problem.
const ENTRIES_BEHIND_MAX: u64 = 100_000;

/// What the last look found.
#[derive(Debug, Default)]
pub(crate) struct LastLook(Mutex<Option<(tokio::time::Instant, Arc<Vec<String>>)>>);

#[derive(Debug, Serialize)]
struct Health {
    ready: bool,
    problems: Vec<String>,
}

/// The process lives.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// The process can do its work: 503 with the problems when not.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let problems = problems(&app).await;
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { ready: problems.is_empty(), problems })).into_response()
}

/// What is wrong, in words; at most [`LOOK_EVERY`] old.
pub(crate) async fn problems(app: &App) -> Vec<String> {
    let mut problems = match recent(app) {
        Some(problems) => (*problems).clone(),
        None => look(app).await,
    };
    if app.draining.is_cancelled() {
        problems.push("the server stops".to_owned());
    }
    problems
}

fn recent(app: &App) -> Option<Arc<Vec<String>>> {
    let last = app.last_look.0.lock();
    last.as_ref().filter(|(at, _)| at.elapsed() < LOOK_EVERY).map(|(_, problems)| Arc::clone(problems))
}

async fn look(app: &App) -> Vec<String> {
    let looking = tokio::task::spawn_blocking({
        let app = Arc::clone(app);
        move || look_now(&app)
    });
    let problems = match tokio::time::timeout(LOOK_WITHIN, looking).await {
        Ok(Ok(problems)) => problems,
        Ok(Err(error)) => vec![error.to_string()],
        Err(_) => vec![format!("the disk did not answer within {} s", LOOK_WITHIN.as_secs())],
    };
    *app.last_look.0.lock() = Some((tokio::time::Instant::now(), Arc::new(problems.clone())));
    problems
}

fn look_now(app: &App) -> Vec<String> {
    let mut problems = Vec::new();
    let mut note = |what: &str, result: Result<(), String>| {
        if let Err(problem) = result {
            problems.push(format!("{what}: {problem}"));
        }
    };
    note("log", app.log.sync().map_err(|error| error.to_string()));
    note("history", app.history.sync().map_err(|error| error.to_string()));
    let now = app.clock.now();
    let probe = Change::put(Table::Setting, PROBE_SETTING, None, &now);
    note("state", app.state.commit(vec![probe], now).map(drop).map_err(|error| error.to_string()));
    let behind = app.log.bounds().durable.0.saturating_sub(app.site.applied().next().0);
    if behind > ENTRIES_BEHIND_MAX {
        problems.push(format!("{behind} entries of the log are not folded yet"));
    }
    problems
}
