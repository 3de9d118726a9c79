//! Scenes, alarms and notifications: what rules use to act and to tell.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Principal, Timestamp};
use serde::{Deserialize, Serialize};
use site::rules::{Alarm, AlarmState, Notification, Reader, Scene, SceneResult, SceneSet};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::page;
use super::rules::by;
use crate::access::UserView;
use crate::http::{Caller, Json, Made, Path, Problem, Query};

/// All scenes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Scenes {
    /// In order of id.
    pub items: Vec<Scene>,
}

/// A scene as it is written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SceneText {
    /// Its id; made of the title when left out. An existing scene keeps its own.
    #[serde(default)]
    pub id: Option<String>,
    /// What people call it.
    pub title: String,
    /// What it sets.
    pub sets: Vec<SceneSet>,
}

/// What became of a scene.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SceneResults {
    /// Each value.
    pub results: Vec<SceneResult>,
}

/// Which alarms, by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmFilter {
    /// Those that nobody looks after.
    #[default]
    Active,
    /// Those that somebody looks after.
    Acknowledged,
    /// Those that are quiet for a while.
    Shelved,
    /// Those that are over.
    Over,
    /// Every one.
    All,
}

impl AlarmFilter {
    fn state(self) -> Option<AlarmState> {
        match self {
            Self::Active => Some(AlarmState::Active),
            Self::Acknowledged => Some(AlarmState::Acknowledged),
            Self::Shelved => Some(AlarmState::Shelved),
            Self::Over => Some(AlarmState::Over),
            Self::All => None,
        }
    }
}

/// Which alarms.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlarmsQuery {
    /// Where they stand; `active` when not given.
    #[param(inline)]
    pub state: Option<AlarmFilter>,
}

/// Alarms.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Alarms {
    /// The newest first.
    pub items: Vec<Alarm>,
}

/// What somebody says about an alarm.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmLabel {
    /// In their own words, at most 1000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Until when an alarm is quiet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shelve {
    /// In microseconds, at most thirty days ahead.
    pub until: i64,
}

/// A page of what there is to read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Notifications {
    /// The newest first.
    pub items: Vec<ShownNotification>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
    /// How many the reader has not read.
    pub unread: usize,
}

/// Something that people shall know.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownNotification {
    /// Unique; ids sort by time.
    pub id: String,
    /// When.
    #[schema(value_type = i64)]
    pub time: Timestamp,
    /// In a few words.
    pub title: String,
    /// In full.
    pub message: String,
    /// The rule that says so.
    #[schema(required)]
    pub rule: Option<String>,
    /// Whether the reader has read it.
    pub read: bool,
}

impl ShownNotification {
    fn new(notification: Notification, reader: &Reader) -> Self {
        let Notification { id, time, title, message, rule, read_by, .. } = notification;
        Self { id, time, title, message, rule, read: read_by.contains(&reader.id) }
    }
}

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotificationsQuery {
    /// `next` of the page before.
    pub after: Option<String>,
    /// The most items to return, at most 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// What the reader has read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadNotifications {
    /// Which ones.
    pub ids: Vec<String>,
}

/// How many were read just now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadCount {
    /// So many.
    pub read: usize,
}

/// By which words a notification may call a person: their id, name and role.
pub(crate) fn reader_of(user: &UserView) -> Reader {
    let role = format!("{:?}", user.role).to_lowercase();
    Reader { id: user.id.clone(), called: Some(vec![user.id.clone(), role, user.name.clone()]) }
}

/// Who reads, among people by the words of [`reader_of`]. Programs read everything.
fn reader(app: &App, caller: &Caller) -> Reader {
    let principal = &caller.identity.principal;
    let Principal::User { id, role } = principal else {
        return Reader { id: principal.id().to_owned(), called: None };
    };
    let known = app.access.users().into_iter().find(|user| *user.id == **id);
    known.map_or_else(
        || Reader { id: id.to_string(), called: Some(vec![id.to_string(), format!("{role:?}").to_lowercase()]) },
        |user| reader_of(&user),
    )
}

/// All scenes.
#[utoipa::path(get, path = "/scenes", tag = "rules", responses((status = 200, body = Scenes)))]
pub async fn list_scenes(State(app): State<App>) -> Json<Scenes> {
    Json(Scenes { items: app.site.scenes() })
}

/// Adds a scene.
#[utoipa::path(post, path = "/scenes", tag = "rules", responses((status = 201, body = Scene)))]
pub async fn add_scene(
    State(app): State<App>,
    Json(scene): Json<SceneText>,
) -> Result<(StatusCode, Extension<Made>, Json<Scene>), Problem> {
    let SceneText { id, title, sets } = scene;
    let scene = app.blocking(move |site| site.add_scene(id.as_deref(), &title, sets)).await?;
    Ok((StatusCode::CREATED, Extension(Made(scene.id.clone())), Json(scene)))
}

/// Changes a scene.
#[utoipa::path(put, path = "/scenes/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = Scene)))]
pub async fn change_scene(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(scene): Json<SceneText>,
) -> Result<Json<Scene>, Problem> {
    let SceneText { title, sets, .. } = scene;
    app.blocking(move |site| site.change_scene(&id, &title, sets)).await.map(Json)
}

/// Removes a scene.
#[utoipa::path(delete, path = "/scenes/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_scene(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    app.blocking(move |site| site.remove_scene(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets every value of a scene.
#[utoipa::path(post, path = "/scenes/{id}/apply", tag = "rules", params(("id" = String, Path)),
    responses((status = 202, body = SceneResults)))]
pub async fn apply_scene(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<(StatusCode, Json<SceneResults>), Problem> {
    let asked = site::Asked { cause: caller.cause(), timeout: None };
    let results = app.blocking(move |site| site.apply_scene(&asked, &id)).await?;
    Ok((StatusCode::ACCEPTED, Json(SceneResults { results })))
}

/// What wants somebody to act.
#[utoipa::path(get, path = "/alarms", tag = "rules", params(AlarmsQuery), responses((status = 200, body = Alarms)))]
pub async fn list_alarms(State(app): State<App>, Query(query): Query<AlarmsQuery>) -> Json<Alarms> {
    Json(Alarms { items: app.site.alarms(query.state.unwrap_or_default().state()) })
}

/// Says that somebody looks after an alarm.
#[utoipa::path(post, path = "/alarms/{id}/acknowledge", tag = "rules", params(("id" = String, Path)),
    request_body = Option<AlarmLabel>, responses((status = 200, body = Alarm)))]
pub async fn acknowledge_alarm(
    State(app): State<App>,
    Path(id): Path<String>,
    caller: Caller,
    label: Option<Json<AlarmLabel>>,
) -> Result<Json<Alarm>, Problem> {
    let (by, note) = (by(&caller), label.and_then(|Json(label)| label.note));
    app.blocking(move |site| site.acknowledge_alarm(&id, &by, note.as_deref())).await.map(Json)
}

/// Quiets an alarm until a time.
#[utoipa::path(post, path = "/alarms/{id}/shelve", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = Alarm)))]
pub async fn shelve_alarm(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(request): Json<Shelve>,
) -> Result<Json<Alarm>, Problem> {
    app.blocking(move |site| site.shelve_alarm(&id, Timestamp(request.until))).await.map(Json)
}

/// Lets a quiet alarm be heard again.
#[utoipa::path(post, path = "/alarms/{id}/unshelve", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = Alarm)))]
pub async fn unshelve_alarm(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Alarm>, Problem> {
    app.blocking(move |site| site.unshelve_alarm(&id)).await.map(Json)
}

/// What there is to read for whoever asks.
#[utoipa::path(get, path = "/notifications", tag = "rules", params(NotificationsQuery),
    responses((status = 200, body = Notifications)))]
pub async fn list_notifications(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<NotificationsQuery>,
) -> Json<Notifications> {
    let (reader, limit) = (reader(&app, &caller), page::limit(query.limit));
    let mut found = app.site.notifications(&reader, query.after.as_deref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|one| one.id.clone());
    let unread = app.site.notifications_unread(&reader);
    let items = found.into_iter().map(|one| ShownNotification::new(one, &reader)).collect();
    Json(Notifications { items, next, unread })
}

/// Notes what whoever asks has read; nobody else's inbox changes.
#[utoipa::path(post, path = "/notifications/read", tag = "rules", responses((status = 200, body = ReadCount)))]
pub async fn read_notifications(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<ReadNotifications>,
) -> Result<Json<ReadCount>, Problem> {
    let reader = reader(&app, &caller);
    let read = app.blocking(move |site| site.read_notifications(&reader, &request.ids)).await?;
    Ok(Json(ReadCount { read }))
}
