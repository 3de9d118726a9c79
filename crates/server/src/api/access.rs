//! Who may come in: users, tokens and the audit log.

use axum::extract::State;
use axum::http::StatusCode;
use model::access::{Scope, TopicRules};
use model::{Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::{Page, PageQuery};
use super::{App, unbuilt};
use crate::http::{IfMatch, Json, Path, Problem, Query, Revised};

/// A person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    /// Unique.
    pub id: String,
    /// What they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When they were added.
    pub created_us: i64,
    /// Their revision, also the ETag.
    pub rev: i64,
}

/// A new person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// What they sign in with.
    pub name: String,
    /// At least ten characters.
    pub password: String,
    /// What they may do.
    pub role: Role,
}

/// What to change of a person; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// What they sign in with.
    #[serde(default)]
    pub name: Option<String>,
    /// A new password; ends their sessions.
    #[serde(default)]
    pub password: Option<String>,
    /// What they may do.
    #[serde(default)]
    pub role: Option<Role>,
}

/// A program's token, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Token {
    /// Unique.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_us: i64,
    /// When it stops working; null for never.
    #[schema(required)]
    pub expires_us: Option<i64>,
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub title: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it stops working; never when left out.
    #[serde(default)]
    pub expires_us: Option<i64>,
}

/// A token with its secret, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    pub token: Token,
    /// What to send as `Authorization: Bearer`. It is not kept and cannot be shown again.
    pub secret: String,
}

/// What else a thing's credential opens: a gateway speaks for its own prefix.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialRules {
    /// Extra topics.
    #[serde(default)]
    pub rules: TopicRules,
}

/// One entry of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Unique, sorts by time.
    pub id: String,
    /// When.
    #[schema(value_type = i64)]
    pub time: Timestamp,
    /// Who: `user u-…`, `token t-…`, `anonymous`.
    pub who: String,
    /// From which address.
    #[schema(required)]
    pub address: Option<String>,
    /// What: `sign_in`, `user.create`, `thing.delete`.
    pub action: String,
    /// On what.
    pub target: String,
    /// Whether it was done or refused.
    pub allowed: bool,
}

/// All people.
#[utoipa::path(get, path = "/users", tag = "access", responses((status = 200, body = Page<User>)))]
pub async fn list_users(State(_app): State<App>, Query(_page): Query<PageQuery>) -> Result<Json<Page<User>>, Problem> {
    Err(unbuilt())
}

/// Adds a person.
#[utoipa::path(post, path = "/users", tag = "access", responses((status = 201, body = User)))]
pub async fn make_user(
    State(_app): State<App>,
    Json(_new): Json<NewUser>,
) -> Result<(StatusCode, Revised<User>), Problem> {
    Err(unbuilt())
}

/// Changes a person's name, password or role. The last owner stays owner.
#[utoipa::path(patch, path = "/users/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = User, headers(("etag" = String)))))]
pub async fn change_user(
    State(_app): State<App>,
    Path(_id): Path<String>,
    _if_match: IfMatch,
    Json(_change): Json<UserChange>,
) -> Result<Revised<User>, Problem> {
    Err(unbuilt())
}

/// Removes a person and ends their sessions. The last owner stays.
#[utoipa::path(delete, path = "/users/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_user(
    State(_app): State<App>,
    Path(_id): Path<String>,
    _if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    Err(unbuilt())
}

/// All tokens, without their secrets.
#[utoipa::path(get, path = "/tokens", tag = "access", responses((status = 200, body = Page<Token>)))]
pub async fn list_tokens(
    State(_app): State<App>,
    Query(_page): Query<PageQuery>,
) -> Result<Json<Page<Token>>, Problem> {
    Err(unbuilt())
}

/// Makes a token for a program. The secret is shown this once.
#[utoipa::path(post, path = "/tokens", tag = "access", responses((status = 201, body = MadeToken)))]
pub async fn make_token(
    State(_app): State<App>,
    Json(_new): Json<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    Err(unbuilt())
}

/// Withdraws a token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_token(State(_app): State<App>, Path(_id): Path<String>) -> Result<StatusCode, Problem> {
    Err(unbuilt())
}

/// What people and programs did, newest first.
#[utoipa::path(get, path = "/audit", tag = "access", params(PageQuery),
    responses((status = 200, body = Page<AuditEntry>)))]
pub async fn list_audit(
    State(_app): State<App>,
    Query(_page): Query<PageQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    Err(unbuilt())
}
