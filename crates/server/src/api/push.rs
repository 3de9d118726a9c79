//! Web push: browsers say that they want to be told, and where.

use axum::extract::State;
use axum::http::StatusCode;
use model::Principal;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use crate::http::{Caller, Json, Path, Problem};
use crate::push::{NewSubscription, PushError, PushFigures};

/// What a browser needs to subscribe.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PushKey {
    /// The key of the server, in base64url.
    pub key: String,
    /// How pushing does.
    pub figures: PushFigures,
}

/// A subscription.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Subscribed {
    /// Its id: the first half of the SHA-256 of its endpoint, in base64url.
    pub id: String,
}

impl From<PushError> for Problem {
    fn from(error: PushError) -> Self {
        let text = error.to_string();
        match error {
            PushError::Off => Self::conflict("web push is switched off").hint("push.enabled in the configuration"),
            PushError::Endpoint(_) => Self::invalid(text).at("endpoint"),
            PushError::Key(_) => Self::invalid(text).at("keys"),
            PushError::Full => Self::conflict(text),
            PushError::Unknown(id) => Self::not_found("subscription", id),
            PushError::State(error) => error.into(),
        }
    }
}

/// The person that asks: programs have no browser.
fn person(app: &App, caller: &Caller) -> Result<String, Problem> {
    match &caller.identity.principal {
        Principal::User { id, .. } if app.access.users().iter().any(|user| *user.id == **id) => Ok(id.to_string()),
        _ => Err(Problem::forbidden("only people who signed in have a browser that can be told")),
    }
}

/// The key that browsers subscribe with, and how pushing does.
#[utoipa::path(get, path = "/push/key", tag = "rules", responses((status = 200, body = PushKey)))]
pub async fn get_push_key(State(app): State<App>) -> Result<Json<PushKey>, Problem> {
    Ok(Json(PushKey { key: app.push.key()?, figures: app.push.figures() }))
}

/// This browser wants to be told what its person may read.
#[utoipa::path(post, path = "/push/subscriptions", tag = "rules", request_body = NewSubscription,
    responses((status = 201, body = Subscribed)))]
pub async fn subscribe(
    State(app): State<App>,
    caller: Caller,
    Json(wanted): Json<NewSubscription>,
) -> Result<(StatusCode, Json<Subscribed>), Problem> {
    let user = person(&app, &caller)?;
    let subscribed = {
        let app = App::clone(&app);
        app.clone().blocking(move |_| app.push.subscribe(&user, &wanted, app.clock.now())).await?
    };
    Ok((StatusCode::CREATED, Json(Subscribed { id: subscribed })))
}

/// A browser wants to be told no more.
#[utoipa::path(delete, path = "/push/subscriptions/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn unsubscribe(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = person(&app, &caller)?;
    let asked = App::clone(&app);
    app.blocking(move |_| asked.push.unsubscribe(&user, &id, asked.clock.now())).await?;
    Ok(StatusCode::NO_CONTENT)
}
