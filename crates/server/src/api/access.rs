//! Who may come in: users, tokens and the audit log.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::{Scope, TopicRules};
use model::{CauseKind, Principal, Role, Timestamp};
use mqtt::ReasonCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::page::{self, Page, PageQuery};
use crate::access::{AuditRow, TokenView, UserView};
use crate::http::{IfMatch, Json, Made, Path, Problem, Query, Revised};

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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Unique, sorts by time.
    pub id: String,
    /// When.
    #[schema(value_type = i64)]
    pub time: Timestamp,
    /// Who: `user u-…`, `token t-…`, `anonymous`.
    pub who: String,
    /// What people call them; null when there is no such person or program any more.
    #[schema(required)]
    pub who_name: Option<String>,
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

/// A person or a program that causes speak of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Actor {
    /// `user` or `token`.
    pub kind: CauseKind,
    /// As in a cause.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// All people.
#[utoipa::path(get, path = "/users", tag = "access", responses((status = 200, body = Page<User>)))]
pub async fn list_users(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<Page<User>>, Problem> {
    let users: Vec<User> = app.access.users().into_iter().map(User::from).collect();
    Ok(Json(page::of_sorted(users, query.after()?.as_deref(), query.limit(), |user| user.id.clone())))
}

/// Adds a person.
#[utoipa::path(post, path = "/users", tag = "access", responses((status = 201, body = User)))]
pub async fn make_user(
    State(app): State<App>,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Extension<Made>, Revised<User>), Problem> {
    let user = User::from(app.access.add_user(&new.name, new.password, new.role).await?);
    Ok((StatusCode::CREATED, Extension(Made(format!("{} ({})", user.id, user.name))), Revised(user.rev, user)))
}

/// Changes a person's name, password or role. The last owner stays owner.
#[utoipa::path(patch, path = "/users/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = User, headers(("etag" = String)))))]
pub async fn change_user(
    State(app): State<App>,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(change): Json<UserChange>,
) -> Result<Revised<User>, Problem> {
    let UserChange { name, password, role } = change;
    let renewed = password.is_some() || role.is_some();
    let user = User::from(app.access.change_user(&id, if_match.expect(), name, password, role).await?);
    if renewed {
        end_connections(&app, &id);
    }
    Ok(Revised(user.rev, user))
}

/// Removes a person and ends their sessions. The last owner stays.
#[utoipa::path(delete, path = "/users/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_user(
    State(app): State<App>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    app.access.remove_user(&id, if_match.expect()).await?;
    end_connections(&app, &id);
    Ok(StatusCode::NO_CONTENT)
}

/// All tokens, without their secrets.
#[utoipa::path(get, path = "/tokens", tag = "access", responses((status = 200, body = Page<Token>)))]
pub async fn list_tokens(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<Page<Token>>, Problem> {
    let tokens: Vec<Token> = app.access.tokens().into_iter().map(Token::from).collect();
    Ok(Json(page::of_sorted(tokens, query.after()?.as_deref(), query.limit(), |token| token.id.clone())))
}

/// Makes a token for a program. The secret is shown this once.
#[utoipa::path(post, path = "/tokens", tag = "access", responses((status = 201, body = MadeToken)))]
pub async fn make_token(
    State(app): State<App>,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Extension<Made>, Json<MadeToken>), Problem> {
    let (token, secret) = app.access.add_token(&new.title, &new.scopes, new.expires_us.map(Timestamp)).await?;
    let made = Made(format!("{} ({})", token.id, token.title));
    Ok((StatusCode::CREATED, Extension(made), Json(MadeToken { token: token.into(), secret })))
}

/// Withdraws a token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_token(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    app.access.remove_token(&id).await?;
    let token = Principal::Token { id: id.as_str().into(), scopes: [].into() };
    app.broker.disconnect_principal(&token, ReasonCode::NotAuthorized);
    Ok(StatusCode::NO_CONTENT)
}

/// What people and programs did, newest first.
#[utoipa::path(get, path = "/audit", tag = "access", params(PageQuery),
    responses((status = 200, body = Page<AuditEntry>)))]
pub async fn list_audit(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let (after, limit) = (query.after()?, query.limit());
    let access = Arc::clone(&app.access);
    let (mut rows, total) = app.blocking(move |_| access.audit(after.as_deref(), limit + 1)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|(id, _)| page::encode(id));
    let names: HashMap<String, String> = actors(&app).map(|actor| (actor.who(), actor.name)).collect();
    let items = rows.into_iter().map(|(id, row)| AuditEntry::new(id, row, &names));
    Ok(Json(Page { items: items.collect(), next_cursor, total }))
}

/// The names of the people and programs that causes speak of, for everybody who may see the causes.
#[utoipa::path(get, path = "/actors", tag = "access", responses((status = 200, body = Vec<Actor>)))]
pub async fn list_actors(State(app): State<App>) -> Json<Vec<Actor>> {
    Json(actors(&app).collect())
}

fn actors(app: &App) -> impl Iterator<Item = Actor> {
    let users = app.access.users().into_iter();
    let users = users.map(|user| Actor { kind: CauseKind::User, id: user.id, name: user.name });
    let tokens = app.access.tokens().into_iter();
    users.chain(tokens.map(|token| Actor { kind: CauseKind::Token, id: token.id, name: token.title }))
}

/// Ends a person's MQTT connections; pages notice by themselves.
fn end_connections(app: &App, id: &str) {
    let user = Principal::User { id: id.into(), role: Role::Viewer };
    app.broker.disconnect_principal(&user, ReasonCode::NotAuthorized);
}

impl From<UserView> for User {
    fn from(user: UserView) -> Self {
        let UserView { id, name, role, created, rev } = user;
        Self { id, name, role, created_us: created.micros(), rev }
    }
}

impl From<TokenView> for Token {
    fn from(token: TokenView) -> Self {
        Self {
            id: token.id,
            title: token.title,
            scopes: token.scopes.to_vec(),
            created_us: token.created.micros(),
            expires_us: token.expires.map(Timestamp::micros),
        }
    }
}

impl AuditEntry {
    fn new(id: String, row: AuditRow, names: &HashMap<String, String>) -> Self {
        let address = row.address.map(|address| address.to_string());
        let AuditRow { time, who, action, target, allowed, .. } = row;
        Self { id, time, who_name: names.get(&who).cloned(), who, address, action, target, allowed }
    }
}

impl Actor {
    /// As the audit log says it.
    fn who(&self) -> String {
        let sort = if self.kind == CauseKind::User { "user" } else { "token" };
        format!("{sort} {}", self.id)
    }
}
