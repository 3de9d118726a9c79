//! Setting up the owner, signing in and out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::SessionUser;
use super::{App, unbuilt};
use crate::http::{Json, Problem};

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
pub async fn get_session(State(_app): State<App>) -> Result<Json<Session>, Problem> {
    Err(unbuilt())
}

/// Makes the first owner, once, with the token of the one-time link; signs them in.
#[utoipa::path(post, path = "/setup", tag = "session", request_body = SetUp, responses((status = 201, body = Session)))]
pub async fn set_up(State(_app): State<App>, Json(_set_up): Json<SetUp>) -> Result<Response, Problem> {
    Err(unbuilt())
}

/// Signs in.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignIn,
    responses((status = 200, body = Session)))]
pub async fn sign_in(State(_app): State<App>, Json(_sign_in): Json<SignIn>) -> Result<Response, Problem> {
    Err(unbuilt())
}

/// Signs out.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
pub async fn sign_out(State(_app): State<App>) -> Result<(StatusCode, Response), Problem> {
    Err(unbuilt())
}
