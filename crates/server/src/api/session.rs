//! Setting up the owner, signing in and out.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Principal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::types::SessionUser;
use crate::access::{NewSession, Proof};
use crate::application::VERSION;
use crate::http::guard::SESSION_COOKIE;
use crate::http::{Caller, Json, Problem};

/// Where the visitor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Nobody owns this installation yet: follow the one-time link.
    NeedsOwner,
    /// There is an owner, and the visitor is not signed in.
    SignedOut,
    /// The visitor is signed in.
    SignedIn,
}

/// The site of this installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SiteInfo {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// True when some of its history or things are simulated.
    pub simulated: bool,
    /// History before this time was simulated; null when none was.
    #[schema(required)]
    pub simulated_until_us: Option<i64>,
}

/// The session of the visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    /// Where the visitor stands.
    pub state: SessionState,
    /// Who is signed in.
    #[schema(required)]
    pub user: Option<SessionUser>,
    /// The site.
    pub site: SiteInfo,
    /// The version of the server.
    pub version: &'static str,
    /// True when it runs the demo home.
    pub demo: bool,
}

/// The first owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// From the one-time link.
    pub token: String,
    /// What the owner signs in with.
    pub name: String,
    /// At least ten characters.
    pub password: String,
    /// What people call the site.
    #[serde(default)]
    pub site_title: Option<String>,
}

/// A sign-in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Where the visitor stands.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = Session)))]
pub async fn get_session(State(app): State<App>, caller: Caller) -> Result<Json<Session>, Problem> {
    Ok(Json(show(&app, &caller.identity.principal)))
}

/// Makes the first owner, once, with the token of the one-time link; signs them in.
#[utoipa::path(post, path = "/setup", tag = "session", request_body = SetUp, responses((status = 201, body = Session)))]
pub async fn set_up(State(app): State<App>, caller: Caller, Json(set_up): Json<SetUp>) -> Result<Response, Problem> {
    let SetUp { token, name, password, site_title } = set_up;
    let session = app.access.set_up(&token, &name, password, caller.address()).await?;
    if let Some(title) = site_title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty()) {
        app.blocking(move |site| rename_site(site, title)).await?;
    }
    record(&app, &caller, &session, "set_up").await;
    app.owner_came();
    Ok(begin(&app, &caller, &session, StatusCode::CREATED))
}

/// Signs in.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignIn,
    responses((status = 200, body = Session)))]
pub async fn sign_in(State(app): State<App>, caller: Caller, Json(sign_in): Json<SignIn>) -> Result<Response, Problem> {
    let session = app.access.sign_in(&sign_in.name, sign_in.password, caller.address()).await?;
    record(&app, &caller, &session, "sign_in").await;
    Ok(begin(&app, &caller, &session, StatusCode::OK))
}

/// Signs out.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
pub async fn sign_out(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    if let Proof::Cookie(cookie) = caller.identity.proof {
        app.access.sign_out(cookie).await?;
    }
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), "", 0, caller.peer.secure))
}

fn show(app: &App, principal: &Principal) -> Session {
    let user = match principal {
        Principal::User { id, role } => {
            app.access.user_name(id).map(|name| SessionUser { id: id.to_string(), name, role: *role })
        }
        _ => None,
    };
    let state = match (principal, app.access.has_owner()) {
        (Principal::Anonymous(_), false) => SessionState::NeedsOwner,
        (Principal::Anonymous(_), true) => SessionState::SignedOut,
        _ => SessionState::SignedIn,
    };
    let simulation = app.simulation();
    let (id, title) = root(app);
    let simulated_until_us = simulation.until.map(model::Timestamp::micros);
    let simulated = simulation.demo || simulated_until_us.is_some();
    let site = SiteInfo { id, title, simulated, simulated_until_us };
    Session { state, user, site, version: VERSION, demo: simulation.demo }
}

/// The id and title of the site: those of its root space.
fn root(app: &App) -> (String, String) {
    let spaces = app.site.spaces();
    let root = spaces.into_iter().map(|(row, _)| row.space).find(|space| space.parent.is_none());
    root.map(|space| (space.id.to_string(), space.title)).unwrap_or_default()
}

fn rename_site(site: &site::Site, title: String) -> Result<(), site::SiteError> {
    let spaces = site.spaces();
    let Some(root) = spaces.into_iter().map(|(row, _)| row.space).find(|space| space.parent.is_none()) else {
        return Ok(());
    };
    site.replace_space(model::Space { title, ..root }, None).map(drop)
}

async fn record(app: &App, caller: &Caller, session: &NewSession, action: &str) {
    let user = Principal::User { id: session.user.id.as_str().into(), role: session.user.role };
    app.access.record(&user, Some(caller.address()), action, &session.user.name, true).await;
}

fn begin(app: &App, caller: &Caller, session: &NewSession, status: StatusCode) -> Response {
    let user = Principal::User { id: session.user.id.as_str().into(), role: session.user.role };
    let seconds = session.expires.since(app.clock.now()).as_secs();
    let response = (status, Json(show(app, &user))).into_response();
    with_cookie(response, &session.cookie, seconds, caller.peer.secure)
}

fn with_cookie(mut response: Response, value: &str, seconds: u64, secure: bool) -> Response {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let cookie = HeaderValue::from_str(&cookie).expect("our own secrets are header values");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
