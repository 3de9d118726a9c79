//! The installation itself: figures, listeners, queues.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use store::history::Statistics;
use utoipa::ToSchema;

use super::App;
use crate::application::VERSION;
use crate::http::mqtt::MQTT_PATH;
use crate::http::{Json, Problem, health};

/// The MQTT side.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MqttInfo {
    /// The plain port; null when there is none.
    #[schema(required)]
    pub port: Option<u16>,
    /// The TLS port; null when there is none.
    #[schema(required)]
    pub tls_port: Option<u16>,
    /// Where MQTT over WebSocket is, on the HTTP listeners.
    pub websocket_path: &'static str,
    /// Clients that are connected.
    pub clients: u64,
    /// Everything that the broker counts, by name.
    pub counters: BTreeMap<String, u64>,
}

/// The log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogInfo {
    /// The oldest position kept.
    pub first: u64,
    /// The position that the next entry gets.
    pub next: u64,
    /// Everything before this is on disk.
    pub durable: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryInfo {
    /// Series known.
    pub series: u64,
    /// Raw points kept.
    pub points: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes of compacted raw points for each of them.
    pub bytes_per_point: f64,
    /// Points that came late.
    pub late: u64,
    /// Points refused, because their time lay outside the accepted window.
    pub refused: u64,
}

/// A queue with its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueInfo {
    /// What waits in it.
    pub name: String,
    /// How much waits now.
    pub length: u64,
    /// How much may wait.
    pub limit: u64,
    /// How much was dropped or refused since the start.
    pub dropped: u64,
    /// What happens when it is full, in words.
    pub policy: String,
}

/// An address at which the server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ListenerInfo {
    /// `http`, `https`, `mqtt`, `mqtts`.
    pub protocol: &'static str,
    /// Address and port.
    pub address: String,
}

/// The installation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct System {
    /// The version of the server.
    pub version: &'static str,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// False when something is wrong; `problems` says what.
    pub healthy: bool,
    /// What is wrong, in words: a full disk, a fold that is behind.
    pub problems: Vec<String>,
    /// The MQTT side.
    pub mqtt: MqttInfo,
    /// The log.
    pub log: LogInfo,
    /// The history.
    pub history: HistoryInfo,
    /// Every queue with its limit.
    pub queues: Vec<QueueInfo>,
    /// Where the data lie.
    pub data_directory: String,
    /// Where the server listens.
    pub listeners: Vec<ListenerInfo>,
}

/// The installation in figures.
#[utoipa::path(get, path = "/system", tag = "system", responses((status = 200, body = System)))]
pub async fn system(State(app): State<App>) -> Result<Json<System>, Problem> {
    let problems = health::problems(&app).await;
    let listeners = app.listeners.read().clone();
    let (log, history) = (app.log.bounds(), app.history.statistics());
    let counters: BTreeMap<String, u64> =
        app.broker.counters().snapshot().into_iter().map(|figure| (figure.name.to_owned(), figure.value)).collect();
    let port = |protocol: &str| {
        let listener = listeners.iter().find(|listener| listener.protocol == protocol)?;
        listener.address.rsplit(':').next()?.parse().ok()
    };
    Ok(Json(System {
        version: VERSION,
        uptime_s: app.clock.now().since(app.started).as_secs(),
        healthy: problems.is_empty(),
        problems,
        mqtt: MqttInfo {
            port: port("mqtt"),
            tls_port: port("mqtts"),
            websocket_path: MQTT_PATH,
            clients: counters.get("clients").copied().unwrap_or(0),
            counters,
        },
        log: LogInfo { first: log.first.0, next: log.next.0, durable: log.durable.0, bytes: log.bytes },
        history: HistoryInfo {
            series: history.series,
            points: history.points,
            bytes: history.bytes,
            bytes_per_point: bytes_per_point(&history),
            late: history.late,
            refused: history.refused,
        },
        queues: app.site.queues().into_iter().map(QueueInfo::from).collect(),
        data_directory: app.data_directory.display().to_string(),
        listeners,
    }))
}

/// Of compacted points, once there are any; until then of everything on disk.
fn bytes_per_point(history: &Statistics) -> f64 {
    let bytes = if history.raw_bytes > 0 { history.raw_bytes } else { history.bytes };
    bytes as f64 / history.points.max(1) as f64
}

impl From<site::Queue> for QueueInfo {
    fn from(queue: site::Queue) -> Self {
        let site::Queue { name, length, limit, dropped, policy } = queue;
        Self { name: name.to_owned(), length, limit, dropped, policy: policy.to_owned() }
    }
}
