//! The live stream: records as they happen, over a WebSocket.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use model::{Position, RecordKind, SpaceId, ThingId};
use serde::Deserialize;
use site::{Filter, LiveBatch, LiveReceiver};
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::frame::{Frame, FrameKind};
use crate::http::{Caller, Problem, Query};

/// How often a heartbeat goes out, and the caller's right is looked at again.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a frame may wait for the network before the client counts as gone. Meanwhile newer records are merged.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// The largest message that a client may send: a subscription to many things.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The forms of a live stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveFormat {
    /// JSON text messages.
    #[default]
    Json,
    /// Binary frames, version 1.
    Binary,
}

/// The form of a live stream.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LiveQuery {
    /// `json` when not given.
    #[param(inline)]
    pub format: Option<LiveFormat>,
}

/// What a client wants to see.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    subscribe: Wanted,
    #[serde(default)]
    resume: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    things: Option<Vec<ThingId>>,
    #[serde(default)]
    spaces: Option<Vec<SpaceId>>,
    #[serde(default)]
    kinds: Option<Vec<RecordKind>>,
}

impl From<Wanted> for Filter {
    fn from(wanted: Wanted) -> Self {
        Self {
            things: wanted.things.map(|things| things.into_iter().collect()),
            spaces: wanted.spaces,
            kinds: wanted.kinds,
        }
    }
}

/// Records as they happen, over a WebSocket. Send `{"subscribe":{"things":[…]|null,"spaces":[…]|null,"kinds":[…]|null},
/// "resume":position|null}` first, and again whenever something else is to be seen.
#[utoipa::path(get, path = "/live", tag = "live", params(LiveQuery),
    responses((status = 101, description = "the stream begins")))]
pub async fn live(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<LiveQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app)
        .await
        .map_err(|error| Problem::malformed(error.body_text()).hint("open it as a WebSocket"))?;
    let format = query.format.unwrap_or_default();
    Ok(upgrade.max_message_size(MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        let mut stream = Stream { app, caller, format, socket, receiver: None };
        let reason = stream.run().await;
        if let Err(Ended::Because(code, reason)) = reason {
            let close = CloseFrame { code, reason: reason.into() };
            // The client may be gone already; then there is nobody to tell.
            drop(timeout(HEARTBEAT, stream.socket.send(Message::Close(Some(close)))).await);
        }
    }))
}

/// Why a stream ended.
enum Ended {
    /// The client is gone.
    Gone,
    /// We end it, with a code and the reason in words.
    Because(u16, &'static str),
}

struct Stream {
    app: App,
    caller: Caller,
    format: LiveFormat,
    socket: WebSocket,
    /// None until the client said what it wants to see.
    receiver: Option<LiveReceiver>,
}

impl Stream {
    async fn run(&mut self) -> Result<(), Ended> {
        self.send(FrameKind::Hello, self.app.site.applied(), &[]).await?;
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        let draining = self.app.draining.clone();
        loop {
            let batch = async {
                match &mut self.receiver {
                    Some(receiver) => receiver.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = draining.cancelled() => return Err(Ended::Because(close_code::RESTART, "the server stops")),
                batch = batch => self.send_batch(&batch).await?,
                message = self.socket.recv() => self.hear(message)?,
                _ = beat.tick() => self.beat().await?,
            }
        }
    }

    async fn beat(&mut self) -> Result<(), Ended> {
        if !self.app.access.still_holds(&self.caller.identity) {
            return Err(Ended::Because(close_code::POLICY, "signed out"));
        }
        let newest = self.receiver.as_ref().map_or_else(|| self.app.site.applied(), LiveReceiver::newest);
        self.send(FrameKind::Heartbeat, newest, &[]).await
    }

    fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Ended> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => return Err(Ended::Because(close_code::UNSUPPORTED, "send text")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Ended::Gone),
        };
        let Ok(wish) = serde_json::from_str::<Wish>(&text) else {
            return Err(Ended::Because(close_code::INVALID, "this is no subscription"));
        };
        let filter = Filter::from(wish.subscribe);
        match (&mut self.receiver, wish.resume) {
            (Some(receiver), None) => receiver.set_filter(filter),
            (receiver, resume) => *receiver = Some(self.app.site.subscribe(filter, resume.map(Position))),
        }
        Ok(())
    }

    async fn send_batch(&mut self, batch: &LiveBatch) -> Result<(), Ended> {
        let kind = if batch.gap { FrameKind::Gap } else { FrameKind::Records };
        match batch.shared {
            // Clients that see everything and keep up get the same bytes.
            Some(sequence) if !batch.gap => {
                let app = &self.app;
                let message = app.frames.get(sequence, self.format, || {
                    let time = app.clock.now();
                    encode(self.format, Frame { kind, newest: batch.newest, time, records: &batch.records })
                });
                self.send_message(message).await
            }
            _ => self.send(kind, batch.newest, &batch.records).await,
        }
    }

    async fn send(&mut self, kind: FrameKind, newest: Position, records: &[model::Record]) -> Result<(), Ended> {
        let frame = Frame { kind, newest, time: self.app.clock.now(), records };
        self.send_message(encode(self.format, frame)).await
    }

    async fn send_message(&mut self, message: Message) -> Result<(), Ended> {
        match timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Gone),
            Err(_) => Err(Ended::Because(close_code::POLICY, "too slow")),
        }
    }
}

fn encode(format: LiveFormat, frame: Frame<'_>) -> Message {
    match format {
        LiveFormat::Json => Message::Text(frame.to_json().into()),
        LiveFormat::Binary => Message::Binary(frame.to_binary()),
    }
}

/// How many encoded batches are kept for other clients.
const FRAMES_KEPT: usize = 16;

/// The newest batches as they were encoded for the first of many clients.
#[derive(Debug, Default)]
pub struct SharedFrames {
    newest: parking_lot::Mutex<std::collections::VecDeque<(u64, LiveFormat, Message)>>,
}

impl SharedFrames {
    fn get(&self, sequence: u64, format: LiveFormat, encode: impl FnOnce() -> Message) -> Message {
        let kept = |(kept, kept_format, _): &&(u64, LiveFormat, Message)| *kept == sequence && *kept_format == format;
        if let Some((_, _, message)) = self.newest.lock().iter().find(kept) {
            return message.clone();
        }
        let message = encode();
        let mut newest = self.newest.lock();
        if newest.len() >= FRAMES_KEPT {
            newest.pop_front();
        }
        newest.push_back((sequence, format, message.clone()));
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_encoded_once_for_all_and_few_are_kept() {
        let frames = SharedFrames::default();
        let encoded = |text: &str| Message::Text(text.to_owned().into());
        assert_eq!(frames.get(1, LiveFormat::Json, || encoded("first")), encoded("first"));
        assert_eq!(frames.get(1, LiveFormat::Json, || encoded("second")), encoded("first"));
        assert_eq!(frames.get(1, LiveFormat::Binary, || encoded("binary")), encoded("binary"));
        for sequence in 2..100 {
            frames.get(sequence, LiveFormat::Json, || encoded("later"));
        }
        assert_eq!(frames.newest.lock().len(), FRAMES_KEPT);
        assert_eq!(frames.get(1, LiveFormat::Json, || encoded("again")), encoded("again"));
    }

    #[test]
    fn a_wish_without_fields_is_everything() {
        let wish: Wish = serde_json::from_str(r#"{"subscribe":{"things":null},"resume":null}"#).unwrap();
        assert_eq!(Filter::from(wish.subscribe), Filter::default());
        assert!(serde_json::from_str::<Wish>(r#"{"subscribe":{"thing":["a"]}}"#).is_err());
    }
}
