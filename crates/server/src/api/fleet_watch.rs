//! The fleet as it happens, over a WebSocket: the floor, frames that can be drawn, and changes of orders.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::App;
use super::fleet_orders::OrderOut;
use crate::http::{Caller, Problem};

/// How often a frame goes out at most. What a slow client does not take is left out: the newest counts.
const FRAME_EVERY: Duration = Duration::from_millis(200);

/// After so many ticks the caller's right is looked at again, and a frame goes out though nothing has changed.
const TICKS_A_BEAT: u32 = 5;

/// The most changes of orders in a tick; of more only the count is told.
const ORDERS_A_TICK: usize = 100;

/// How long a message may wait for the network before the client counts as gone.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// The largest message that a client may send; none is expected.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// The fleet as it happens, over a WebSocket: `{"kind":"floor","drawing":…,"revision":…}` first and whenever the floor
/// changes; binary frames as in recordings, at most five a second; `{"kind":"order","order":…}` for changes of orders, and
/// `{"kind":"skipped","count":…}` for those that were too many.
#[utoipa::path(get, path = "/fleet/watch", tag = "fleet",
    responses((status = 101, description = "the stream begins")))]
pub async fn watch_fleet(State(app): State<App>, caller: Caller, request: Request) -> Result<Response, Problem> {
    if !app.fleet.is_open() {
        return Err(Problem::no_floor());
    }
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app)
        .await
        .map_err(|error| Problem::malformed(error.body_text()).hint("open it as a WebSocket"))?;
    Ok(upgrade.max_message_size(MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        let seen = app.fleet.changes(None, 0).next;
        let mut watcher = Watcher { app, caller, socket, floor: None, frame: None, seen, ticks: 0 };
        if let Err(Ended::Because(code, reason)) = watcher.run().await {
            let close = CloseFrame { code, reason: reason.into() };
            // The client may be gone already; then there is nobody to tell.
            drop(timeout(FRAME_EVERY, watcher.socket.send(Message::Close(Some(close)))).await);
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

struct Watcher {
    app: App,
    caller: Caller,
    socket: WebSocket,
    /// The revision of the floor that was sent.
    floor: Option<i64>,
    /// The revision that the frame that was sent shows.
    frame: Option<u64>,
    /// The change of an order that comes next.
    seen: u64,
    ticks: u32,
}

impl Watcher {
    async fn run(&mut self) -> Result<(), Ended> {
        let mut tick = interval(FRAME_EVERY);
        // After a slow send the next one waits its whole time.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let draining = self.app.draining.clone();
        loop {
            tokio::select! {
                () = draining.cancelled() => return Err(Ended::Because(close_code::RESTART, "the server stops")),
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Ended::Gone),
                    Some(Ok(_)) => {}
                },
                _ = tick.tick() => self.tick().await?,
            }
        }
    }

    async fn tick(&mut self) -> Result<(), Ended> {
        let is_beat = self.ticks.is_multiple_of(TICKS_A_BEAT);
        self.ticks = self.ticks.wrapping_add(1);
        if is_beat && !self.app.access.still_holds(&self.caller.identity) {
            return Err(Ended::Because(close_code::POLICY, "signed out"));
        }
        if let Ok(floor) = self.app.fleet.floor()
            && self.floor != Some(floor.revision)
        {
            let said = json!({"kind": "floor", "drawing": &*floor.drawing, "revision": floor.revision});
            self.floor = Some(floor.revision);
            self.send(Message::Text(said.to_string().into())).await?;
        }
        if let Some((revision, bytes)) = self.app.fleet.frame()
            && (self.frame != Some(revision) || is_beat)
        {
            self.frame = Some(revision);
            self.send(Message::Binary(bytes)).await?;
        }
        self.tell_orders().await
    }

    async fn tell_orders(&mut self) -> Result<(), Ended> {
        let changes = self.app.fleet.changes(Some(self.seen), usize::MAX);
        self.seen = changes.next;
        let left_out = changes.orders.len().saturating_sub(ORDERS_A_TICK);
        let skipped = changes.skipped + left_out as u64;
        if skipped > 0 {
            self.send(Message::Text(json!({"kind": "skipped", "count": skipped}).to_string().into())).await?;
        }
        for order in changes.orders.iter().skip(left_out) {
            let said = json!({"kind": "order", "order": OrderOut::from(&**order)});
            self.send(Message::Text(said.to_string().into())).await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), Ended> {
        match timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Gone),
            Err(_) => Err(Ended::Because(close_code::POLICY, "too slow")),
        }
    }
}
